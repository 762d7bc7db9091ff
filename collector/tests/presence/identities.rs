//! Two agents with one identity, and machines that went back in time.

use super::*;

#[test]
fn a_clone_with_its_key_is_two_agents_and_no_reboot() {
    on_both(1, |script| {
        script.run(60);
        // The copy boots elsewhere and takes over; the first one goes on.
        let mut copy = script.hosts[0].clone();
        copy.run += 50;
        copy.boot += 50;
        copy.booted_ms = script.true_ms - 20_000;
        copy.next = 0;
        copy.phase = (script.s() + 10) % 30;
        let words = script.first_words(&copy);
        script.post(&copy, &words);
        copy.next = 2;
        script.hosts.push(copy);
        let begin = script.s();
        script.run(600);
        script.expect(9006, Done::Raised, begin, begin + 120);
        let codes = script.codes();
        assert!(codes.iter().all(|code| *code == 9006), "{codes:?}");
        assert!(codes.len() <= 2, "{codes:?}");
        // One of them is gone: it ends.
        script.hosts[0].up = false;
        script.run(2500);
        let double = script.alerts(9006);
        assert_eq!((double.len(), double[0].firing), (1, false));
        let all = script.codes();
        assert!(all.iter().all(|code| *code == 9006), "{all:?}");
    });
}

#[test]
fn a_copy_that_was_running_before_the_last_sign_is_seen_at_once() {
    on_both(1, |script| {
        script.run(60);
        let mut copy = Host {
            run: 777,
            boot: 777,
            ..script.hosts[0].clone()
        };
        copy.booted_ms = 10_000;
        copy.next = 0;
        let words = script.first_words(&copy);
        script.post(&copy, &words);
        script.run(1);
        assert_eq!(script.codes(), [9006]);
        let cause = script.cause(&script.alerts(9006)[0]);
        assert_eq!(cause.double, Some(DoubleSign::Boots));
    });
}

#[test]
fn two_writers_of_one_run_are_told_apart_by_their_frames() {
    on_both(1, |script| {
        let say = |script: &mut Script<'_>, code: u16, first: u64| {
            let host = Host {
                next: first,
                ..script.hosts[0].clone()
            };
            script.true_ms += 1000;
            let uptime = script.true_ms;
            script.post(&host, &[alert(event(code, 1, 1, uptime, uptime))])
        };
        // A live copy of a virtual machine: both write sequence 2, then both write 3.
        assert_eq!(say(script, 1001, 2), Some(3));
        assert_eq!(say(script, 1002, 2), Some(3));
        script.run(5);
        script.nothing();
        assert_eq!(say(script, 2001, 3), Some(4));
        assert_eq!(say(script, 2002, 3), Some(4));
        script.run(5);
        assert_eq!(script.codes(), [9006]);
        let cause = script.cause(&script.alerts(9006)[0]);
        assert_eq!(cause.double, Some(DoubleSign::Frames));
    });
}

#[test]
fn a_machine_id_that_goes_back_and_forth_is_two_machines_and_one_that_changes_is_not() {
    on_both(2, |script| {
        let machines = [9, 1, 9];
        for machine in machines {
            script.run(40);
            script.hosts[0].machine = machine;
            script.restart(0, true);
        }
        script.hosts[1].machine = 77;
        script.restart(1, true);
        script.run(300);
        let double = script.alerts(9006);
        assert_eq!(double.len(), 1);
        assert_eq!(double[0].agent, AgentId(1));
        assert_eq!(script.cause(&double[0]).double, Some(DoubleSign::Machines));
        // Another machine is no reboot of this one.
        assert!(
            script.codes().iter().all(|code| *code == 9006),
            "{:?}",
            script.codes()
        );
    });
}

#[test]
fn a_virtual_machine_rolled_back_by_an_hour_is_no_false_cause() {
    on_both(1, |script| {
        script.run(4000);
        let first = script.hosts[0].clone();
        // The snapshot goes on an hour ago: the same run, whose uptime is an hour less.
        script.hosts[0].booted_ms += 3_600_000;
        script.hosts[0].next = 2;
        let uptime = script.true_ms - script.hosts[0].booted_ms;
        // It writes under a number that it has used already, and learns from the answer that it is behind.
        let told = script.post(
            &script.hosts[0],
            &[alert(event(1001, 1, 1, uptime, uptime))],
        );
        assert!(told >= Some(first.next));
        script.restart(0, false);
        script.run(1200);
        script.nothing();
        assert_eq!(script.standing(1), Standing::Present);
    });
}

#[test]
fn a_registry_of_another_version_is_shown_and_not_alerted() {
    let store = MemoryStore::default();
    let script = Script::new(&store, 1);
    let mut agent = store.agents().unwrap().remove(0);
    // The Hello of the test's agents has version 1 and a hash of nothing.
    assert_eq!(registry(&agent), Registry::Other(1));
    let told = agent.inventory.as_mut().unwrap();
    told.registry_hash = hansho::code::registry_hash();
    assert_eq!(registry(&agent), Registry::Same);
    agent.inventory.as_mut().unwrap().registry_version = 0;
    assert_eq!(registry(&agent), Registry::Older(0));
    agent.inventory.as_mut().unwrap().registry_version = u16::MAX;
    assert_eq!(registry(&agent), Registry::Newer(u16::MAX));
    agent.inventory = None;
    assert_eq!(registry(&agent), Registry::Unknown);
    script.nothing();
}
