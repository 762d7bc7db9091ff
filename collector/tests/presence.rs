//! The matrix of cause and code, in virtual time, over both stores: each cause gives its code, and no other one.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::clock::WallTime;
use hansho::frame::body::FLAG_UNKNOWN;
use hansho::frame::kind::{AgentId, RunId};
use hansho_collector::presence::life::Resumed;
use hansho_collector::presence::{Done, Registry, Why, registry};
use hansho_collector::store::raise::{self, Raise};
use hansho_collector::store::{
    BackCause, BootReason, ClockQuality, DoubleSign, EventKind, MemoryStore, Presumed,
    SilenceCause, SqliteStore, Standing, Store,
};
use support::presence::{Host, Script, one_open_of_each};
use support::{Folder, alert, at, booted, event, leave, open, readings, state};

/// Runs a script on both stores: they decide the same, and hold the same.
fn on_both(agents: u64, script: impl Fn(&mut Script<'_>)) {
    let folder = Folder::new("presence");
    let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let memory = MemoryStore::default();
    let mut told = Vec::new();
    for store in [&memory as &dyn Store, &sqlite] {
        let mut one = Script::new(store, agents);
        one.run(60);
        one.nothing();
        script(&mut one);
        one_open_of_each(store);
        told.push(format!(
            "{:#?}",
            (
                one.told.clone(),
                one.events(),
                store.alerts(&Default::default())
            )
        ));
    }
    assert_eq!(told[0], told[1]);
}

#[test]
fn a_host_that_is_killed_is_shown_after_three_intervals_and_told_after_three_minutes() {
    on_both(2, |script| {
        script.say(0, &[alert(event(1001, 1, 1, 60_000, 60_000))]);
        script.hosts[0].up = false;
        let last = script.s();
        script.run(95);
        assert_eq!(script.standing(1), Standing::Present);
        script.run(1);
        assert_eq!(script.standing(1), Standing::Silent);
        script.run(84);
        script.nothing();
        script.run(400);
        script.expect(9001, Done::Raised, last + 181, last + 181);
        assert_eq!(script.codes(), [9001]);
        let alert = &script.alerts(9001)[0];
        assert_eq!(alert.occurred.unwrap().wall, at(last * 1000));
        assert_eq!(alert.occurred.unwrap().quality, ClockQuality::Exact);
        assert_eq!(alert.detected.unwrap().wall, at((last + 181) * 1000));
        assert_eq!((alert.value, alert.quantity), (Some(181_000), 100));
        let cause = script.cause(alert);
        assert_eq!(cause.silence, Some(SilenceCause::Unknown));
        assert_eq!(cause.presumed, None);
        // Nobody knows whether its alert still holds.
        assert_ne!(script.alerts(1001)[0].flags & FLAG_UNKNOWN, 0);
        assert_eq!(script.standing(2), Standing::Present);
    });
}

#[test]
fn cut_off_and_back_is_network_only_and_its_alerts_are_known_again() {
    on_both(1, |script| {
        script.say(0, &[alert(event(1001, 1, 1, 60_000, 60_000))]);
        script.hosts[0].up = false;
        script.run(300);
        script.hosts[0].up = true;
        let back = script.s();
        script.run(40);
        script.expect(9001, Done::Resolved, back + 1, back + 31);
        script.expect(9002, Done::Recorded, back + 1, back + 31);
        assert_eq!(script.codes(), [9001, 9002]);
        let alert = &script.alerts(9001)[0];
        assert_eq!(script.cause(alert).back, Some(BackCause::NetworkOnly));
        assert_eq!(script.alerts(1001)[0].flags, 0);
        let of = |code| {
            let events = script
                .events()
                .into_iter()
                .filter(move |(known, _)| *known == code);
            events.map(|(_, kind)| kind).collect::<Vec<_>>()
        };
        assert_eq!(
            of(1001),
            [EventKind::Raised, EventKind::Unknown, EventKind::Known]
        );
        assert_eq!(of(9001), [EventKind::Raised, EventKind::Resolved]);
        assert_eq!(of(9002), [EventKind::Ended]);
        // Again later: another episode.
        script.hosts[0].up = false;
        script.run(300);
        assert_eq!(script.alerts(9001)[1].episode, 2);
    });
}

#[test]
fn an_agent_that_was_restarted_says_by_its_state_what_still_holds() {
    on_both(1, |script| {
        let raised = [1001, 2001].map(|code| alert(event(code, 1, 1, 60_000, 60_000)));
        script.say(0, &raised);
        script.hosts[0].up = false;
        script.run(300);
        // A new run in the same boot, whose State names one of the two.
        let mut host = script.hosts[0].clone();
        host.run += 1;
        host.next = 0;
        host.up = true;
        let mut words = script.first_words(&host);
        words[1] = state(script.true_ms, 0, 1, &[open(1001, 1, 60_000)]);
        script.post(&host, &words);
        script.hosts[0] = host;
        let back = script.s();
        script.run(30);
        script.expect(9001, Done::Resolved, back + 1, back + 1);
        assert_eq!(script.codes(), [9001]);
        let silent = &script.alerts(9001)[0];
        assert_eq!(script.cause(silent).back, Some(BackCause::AgentRestarted));
        let (kept, gone) = (&script.alerts(1001)[0], &script.alerts(2001)[0]);
        assert!(kept.firing && kept.flags == 0 && !gone.firing);
    });
}

#[test]
fn a_quick_restart_of_the_agent_is_no_incident() {
    on_both(1, |script| {
        script.run(10);
        script.restart(0, false);
        script.run(300);
        script.nothing();
        assert!(
            script
                .whys()
                .contains(&Why::Back(BackCause::AgentRestarted))
        );
    });
}

#[test]
fn an_unplanned_reboot_after_a_silence_is_told_when_it_is_back_with_what_the_host_says() {
    on_both(1, |script| {
        script.hosts[0].up = false;
        script.run(400);
        script.true_ms += 20_000;
        script.restart(0, true);
        script.true_ms += 10;
        let told = hansho::frame::body::Boot {
            kernel_dumps: Some(1),
            last_end: 2,
            last_boot: 2,
            ..hansho::frame::body::Boot::default()
        };
        script.say(0, &[booted(10, &told)]);
        script.true_ms -= 10;
        let back = script.s();
        script.run(60);
        script.expect(9003, Done::Raised, back + 1, back + 1);
        assert_eq!(script.codes(), [9001, 9003]);
        let reboot = &script.alerts(9003)[0];
        let cause = script.cause(reboot);
        assert_eq!(
            (cause.back, cause.boot),
            (Some(BackCause::Rebooted), Some(BootReason::Panic))
        );
        assert_eq!(reboot.occurred.unwrap().wall, at(back * 1000));
        // An event ends after half an hour without another.
        script.run(1800);
        script.expect(9003, Done::Resolved, back + 1801, back + 1801);
    });
}

#[test]
fn a_reboot_so_quick_that_nobody_missed_it_is_told_and_one_that_was_announced_is_recorded() {
    on_both(2, |script| {
        script.hosts[0].up = false;
        script.stop(1, 600_000);
        script.run(40);
        script.restart(0, true);
        script.restart(1, true);
        let back = script.s();
        script.run(200);
        script.expect(9003, Done::Raised, back + 96, back + 97);
        script.expect(9004, Done::Recorded, back + 96, back + 97);
        assert_eq!(script.codes().len(), 2);
        let planned = &script.alerts(9004)[0];
        assert_eq!(planned.agent, AgentId(2));
        assert_eq!(script.cause(planned).text, "disk swap");
        let reboot = &script.alerts(9003)[0];
        assert_eq!(script.cause(reboot).silence, None);
    });
}

#[test]
fn stopped_in_order_without_an_announcement_is_told_as_that() {
    on_both(1, |script| {
        script.stop(0, 0);
        let last = script.s();
        script.run(300);
        script.expect(9001, Done::Raised, last + 181, last + 181);
        let silent = &script.alerts(9001)[0];
        assert_eq!(
            script.cause(silent).silence,
            Some(SilenceCause::StoppedInOrder)
        );
        script.restart(0, true);
        script.run(10);
        assert_eq!(script.codes(), [9001, 9003]);
        let reboot = &script.alerts(9003)[0];
        assert_eq!(
            script.cause(reboot).silence,
            Some(SilenceCause::StoppedInOrder)
        );
    });
}

#[test]
fn what_is_announced_is_planned_and_what_is_overdue_is_told() {
    on_both(1, |script| {
        script.say(0, &[alert(event(1001, 1, 1, 60_000, 60_000))]);
        script.stop(0, 600_000);
        let last = script.s();
        script.run(500);
        script.expect(9004, Done::Raised, last + 96, last + 96);
        assert_eq!(script.codes(), [9004]);
        assert_eq!(script.standing(1), Standing::Planned);
        assert_ne!(script.alerts(1001)[0].flags & FLAG_UNKNOWN, 0);
        script.run(300);
        script.expect(9001, Done::Raised, last + 696, last + 696);
        script.expect(9004, Done::Resolved, last + 696, last + 696);
        let silent = &script.alerts(9001)[0];
        let cause = script.cause(silent);
        assert_eq!(cause.silence, Some(SilenceCause::Overdue));
        assert_eq!(cause.planned_until, Some(at((last + 600) * 1000)));
        assert_eq!(cause.text, "disk swap");
        script.restart(0, false);
        script.run(30);
        script.expect(9001, Done::Resolved, last + 801, last + 801);
    });
}

#[test]
fn a_planned_stop_that_ends_in_time_is_one_record() {
    on_both(1, |script| {
        script.stop(0, 600_000);
        script.run(300);
        script.restart(0, true);
        script.run(200);
        assert_eq!(script.codes(), [9004]);
        let planned = &script.alerts(9004)[0];
        assert!(!planned.firing);
        assert_eq!(script.cause(planned).back, Some(BackCause::Rebooted));
    });
}

#[test]
fn a_window_covers_a_silence_and_ends_early_when_people_end_it() {
    on_both(1, |script| {
        let begin = script.s();
        script.window = Some((begin, begin + 3600));
        script.hosts[0].up = false;
        script.run(400);
        assert_eq!(script.codes(), [9004]);
        let text = script.cause(&script.alerts(9004)[0]).text;
        assert_eq!(text, "night work");
        script.window = None;
        let ended = script.s();
        script.run(200);
        script.expect(9001, Done::Raised, ended + 96, ended + 97);
    });
}

#[test]
fn an_oom_kill_or_full_memory_before_a_silence_is_a_presumption() {
    on_both(3, |script| {
        script.say(0, &[alert(event(1010, 1, 1, 60_000, 60_000))]);
        script.say(1, &[alert(event(1002, 1, 1, 60_000, 60_000))]);
        // The third only shows 97 % in its last reading.
        let host = script.hosts[2].clone();
        let part = support::Part {
            run: host.run,
            boot: host.boot,
            stream: hansho::frame::kind::Stream::Readings,
            first: 0,
            items: vec![support::Item::Frame(readings(100_000, &[1900]))],
        };
        let sent = script.true_ms - host.booted_ms + 1;
        let bytes = support::bytes_at(3, host.run, host.boot, sent, at(script.true_ms), &[part]);
        let batch = hansho_collector::ingest::AuthenticatedBatch::open(&bytes, &support::key(3));
        script
            .store
            .accept(&[&batch.unwrap()], script.now())
            .unwrap();
        for host in &mut script.hosts {
            host.up = false;
        }
        script.run(300);
        let presumed = |agent: u64| {
            let silent = script.alerts(9001);
            let of = silent.iter().find(|alert| alert.agent == AgentId(agent));
            script.cause(of.unwrap()).presumed
        };
        assert_eq!(presumed(1), Some(Presumed::OomKill));
        assert_eq!(presumed(2), Some(Presumed::MemoryExhausted));
        assert_eq!(presumed(3), Some(Presumed::MemoryExhausted));
    });
}

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
fn a_silent_site_is_one_incident_and_whoever_stays_away_is_told_alone() {
    on_both(300, |script| {
        for host in &mut script.hosts {
            host.up = false;
        }
        let cut = script.s();
        script.run(400);
        script.expect(9005, Done::Raised, cut + 150, cut + 181);
        assert_eq!(script.codes(), [9005]);
        let site = &script.alerts(9005)[0];
        assert_eq!(site.agent, AgentId(0));
        assert_eq!(site.identity.subject, "みらい商事/受注");
        assert_eq!((site.value, site.total), (Some(300), Some(300)));
        assert_eq!(script.standing(300), Standing::Site);
        // The line is back; two hosts are not, one was started anew.
        for host in script.hosts.iter_mut().skip(3) {
            host.up = true;
        }
        script.run(20);
        script.restart(2, true);
        let back = script.s();
        script.run(120);
        script.expect(9005, Done::Resolved, back + 90, back + 120);
        let mut codes = script.codes();
        codes.sort_unstable();
        assert_eq!(codes, [9001, 9001, 9003, 9005]);
        // The reboot is in the record; its site was told.
        script.expect(9003, Done::Recorded, back, back + 2);
    });
}

#[test]
fn four_of_twenty_are_four_silences_and_the_last_ones_of_a_small_system_too() {
    on_both(20, |script| {
        for host in script.hosts.iter_mut().take(4) {
            host.up = false;
        }
        script.run(400);
        assert_eq!(script.codes(), [9001; 4]);
    });
}

#[test]
fn a_collector_that_was_away_for_ten_minutes_tells_nothing() {
    on_both(10, |script| {
        script.listening = false;
        script.run(600);
        script.listening = true;
        script.run(600);
        script.nothing();
        assert!(!matches!(script.swept.resumed, Some(Resumed::Away { .. })));
        // One that died meanwhile is told three minutes after the collector listens again.
        script.listening = false;
        script.hosts[3].up = false;
        script.run(600);
        script.listening = true;
        let back = script.s();
        script.run(400);
        script.expect(9001, Done::Raised, back + 181, back + 183);
        assert_eq!(script.codes(), [9001]);
    });
}

#[test]
fn a_clock_of_the_collector_that_steps_either_way_tells_nothing() {
    // The test's time begins less than an hour and a half before.
    for step_ms in [3_600_000, -3_600_000, 40_000, -40_000, 5_000, -5_000] {
        on_both(5, |script| {
            script.run(4000);
            script.collector_ms += step_ms;
            script.run(3000);
            script.nothing();
            if step_ms.abs() > 30_000 {
                assert_eq!(script.swept.own_clock_off_ms, Some(-step_ms));
            }
            // And a silence that begins then is told in time, once.
            script.hosts[0].up = false;
            let last = script.s();
            script.run(400);
            script.expect(9001, Done::Raised, last + 150, last + 182);
            // It is set right again.
            script.collector_ms -= step_ms;
            script.run(2000);
            assert_eq!(script.codes(), [9001], "{step_ms} {:?}", script.told);
        });
    }
}

#[test]
fn a_clock_of_the_collector_that_steps_twice_makes_no_ten_minutes() {
    // Too few to say that it is the collector's own.
    on_both(2, |script| {
        script.run(100);
        script.collector_ms += 3_600_000;
        script.run(60);
        for step in [86_400_000, -86_400_000, -3_600_000, 3_600_000] {
            script.collector_ms += step;
            script.run(400);
        }
        script.nothing();
        assert_eq!(script.codes(), Vec::<u16>::new());
    });
}

#[test]
fn a_clock_that_is_off_for_ten_minutes_is_told_and_ends_when_it_is_right() {
    on_both(5, |script| {
        script.hosts[2].clock_ms = -45_000;
        let off = script.s();
        script.run(500);
        script.nothing();
        script.run(200);
        script.expect(9007, Done::Raised, off + 600, off + 640);
        let clock = &script.alerts(9007)[0];
        assert_eq!((clock.agent, clock.value), (AgentId(3), Some(45_000)));
        script.hosts[2].clock_ms = -9_000;
        script.run(1000);
        assert!(script.alerts(9007)[0].firing);
        script.hosts[2].clock_ms = 0;
        let right = script.s();
        script.run(700);
        script.expect(9007, Done::Resolved, right + 600, right + 640);
        assert_eq!(script.codes(), [9007]);
    });
}

#[test]
fn alerts_that_are_missing_without_a_word_are_told_with_their_number() {
    on_both(1, |script| {
        let uptime = script.true_ms;
        let host = Host {
            next: 9,
            ..script.hosts[0].clone()
        };
        let frames = [alert(event(1001, 1, 1, uptime, uptime))];
        assert_eq!(script.post(&host, &frames), Some(2));
        script.true_ms += 1000;
        assert_eq!(script.post(&host, &frames), Some(10));
        script.hosts[0].next = 10;
        script.run(5);
        assert_eq!(script.codes(), [8002]);
        let lost = &script.alerts(8002)[0];
        assert_eq!((lost.value, lost.count), (Some(7), 7));
        // A State that does not name it does not end it; half an hour does.
        let uptime = script.true_ms;
        script.say(0, &[state(uptime, 0, 1, &[])]);
        assert!(script.alerts(8002)[0].firing);
        script.run(1800);
        assert!(!script.alerts(8002)[0].firing);
    });
}

#[test]
fn an_agent_that_never_was_heard_is_not_silent() {
    let store = MemoryStore::default();
    store
        .add_agent(&support::new_agent(9, "never"), at(0))
        .unwrap();
    let mut script = Script::new(&store, 1);
    script.run(1000);
    script.nothing();
    assert_eq!(script.standing(9), Standing::Never);
}

#[test]
fn an_agent_that_is_retired_ends_what_was_raised_and_is_judged_anew_when_it_is_expected_again() {
    on_both(6, |script| {
        script.hosts[0].up = false;
        script.run(300);
        assert_eq!(script.codes(), [9001]);
        let retire = |script: &Script<'_>, moment| {
            script
                .store
                .transact(&mut |rows| rows.put_retired(AgentId(1), moment).map(drop))
                .unwrap();
        };
        retire(script, Some(script.now()));
        script.run(600);
        assert!(!script.alerts(9001)[0].firing);
        assert_eq!(script.standing(1), Standing::Retired);
        assert_eq!(script.codes(), [9001]);
        retire(script, None);
        script.hosts[0].up = true;
        script.run(60);
        assert_eq!(script.standing(1), Standing::Present);
        script.hosts[0].up = false;
        script.run(300);
        assert_eq!(
            script.alerts(9001).len(),
            script.codes().iter().filter(|code| **code == 9001).count()
        );
        assert!(script.alerts(9001).last().unwrap().firing);
    });
}

#[test]
fn a_fifth_after_four_that_were_told_is_one_incident_that_lasts() {
    on_both(8, |script| {
        script.hosts[..4]
            .iter_mut()
            .for_each(|host| host.up = false);
        // Within the two minutes of a site, but not silent yet when the four are told.
        script.run(100);
        script.hosts[4].up = false;
        script.run(600);
        let mut codes = script.codes();
        codes.sort_unstable();
        assert_eq!(codes, [9001, 9001, 9001, 9001, 9005]);
        assert!(script.alerts(9005)[0].firing);
        script.hosts.iter_mut().for_each(|host| host.up = true);
        script.run(300);
        assert_eq!(script.alerts(9005).len(), 1);
        assert!(!script.alerts(9005)[0].firing);
        assert!(script.alerts(9001).iter().all(|alert| !alert.firing));
    });
}

#[test]
fn what_a_retired_agent_raised_itself_ends_too_also_what_it_sends_last() {
    on_both(6, |script| {
        script.run(60);
        let raise_own = |script: &Script<'_>, code| {
            let raised = Raise {
                agent: AgentId(1),
                code,
                subject: String::new(),
                occurred: None,
                value: None,
                total: None,
                level: None,
                reason: hansho::rule::Reason::Held,
                count: 1,
            };
            let now = script.now();
            script
                .store
                .transact(&mut |rows| {
                    // As the agent's own: its last run is not the collector's.
                    let id = raise::raise(rows, &raised, now)?.alert();
                    let mut alert = rows.alert(id)?.unwrap();
                    alert.last_run = RunId(77);
                    rows.put_alert(&alert)
                })
                .unwrap();
        };
        raise_own(script, 4001);
        let now = script.now();
        script
            .store
            .transact(&mut |rows| rows.put_retired(AgentId(1), Some(now)))
            .unwrap();
        script.run(5);
        assert!(!script.alerts(4001)[0].firing);
        // A batch that was under way when it was retired.
        raise_own(script, 5001);
        script
            .store
            .transact(&mut |rows| {
                let mut agent = rows.agent(AgentId(1))?.unwrap();
                agent.last_seen = Some(WallTime::from_millis(now.as_millis() + 3000));
                rows.put_agent(&agent)
            })
            .unwrap();
        script.run(5);
        assert!(!script.alerts(5001)[0].firing);
    });
}

#[test]
fn one_more_after_four_that_were_told_makes_a_site_once() {
    on_both(10, |script| {
        for host in 0..4 {
            script.hosts[host].up = false;
        }
        script.run(100);
        script.hosts[4].up = false;
        script.run(600);
        let mut codes = script.codes();
        codes.sort_unstable();
        assert_eq!(codes, [9001, 9001, 9001, 9001, 9005]);
        for host in 0..5 {
            script.hosts[host].up = true;
        }
        script.run(300);
        let ended: Vec<u16> = script
            .happened()
            .into_iter()
            .filter(|(_, _, done)| *done == Done::Resolved)
            .map(|(_, code, _)| code)
            .collect();
        assert_eq!(ended, [9001, 9001, 9001, 9001, 9005]);
        assert!((1..=5).all(|agent| script.standing(agent) == Standing::Present));
    });
}

#[test]
fn a_collector_restored_from_yesterdays_backup_repeats_nothing() {
    let (live, backup) = (Folder::new("live"), Folder::new("backup"));
    let copy = |from: &Folder, to: &Folder| {
        for entry in std::fs::read_dir(from.path()).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, to.path().join(path.file_name().unwrap())).unwrap();
        }
    };
    let store = SqliteStore::open_writer(live.path(), at(0)).unwrap();
    let mut script = Script::new(&store, 3);
    script.run(60);
    let (hosts, saved_ms) = (script.hosts.clone(), script.true_ms);
    drop(store);
    copy(&live, &backup);
    // A day of which the backup knows nothing: a reboot, a silence, an alert.
    let store = SqliteStore::open_writer(live.path(), at(saved_ms)).unwrap();
    let mut script = Script::over(&store);
    script.hosts = hosts;
    script.true_ms = saved_ms;
    script.restart(0, true);
    let uptime = script.true_ms;
    script.say(1, &[alert(event(1001, 1, 1, uptime, uptime))]);
    script.say(
        2,
        &[
            alert(event(1001, 1, 1, uptime, uptime)),
            alert(event(1001, 2, 1, uptime, uptime)),
        ],
    );
    script.hosts[1].up = false;
    script.run(400);
    script.hosts[1].up = true;
    script.run(60);
    assert_eq!(script.codes(), [9003, 9001, 9002]);
    let (hosts, lost_ms) = (script.hosts.clone(), script.true_ms);
    drop(store);
    // Restored a day later.
    let store = SqliteStore::open_writer(backup.path(), at(lost_ms + 80_000_000)).unwrap();
    let mut script = Script::over(&store);
    script.hosts = hosts;
    script.true_ms = lost_ms + 80_000_000;
    script.sweep().unwrap();
    assert!(matches!(script.swept.resumed, Some(Resumed::Away { .. })));
    let told = |script: &Script<'_>, host: usize| {
        script.post(&script.hosts[host], &[state(script.true_ms, 0, 1, &[])])
    };
    assert_eq!(
        [told(&script, 0), told(&script, 1), told(&script, 2)],
        [Some(0), Some(2), Some(2)]
    );
    script.true_ms += 1000;
    // They go back: the first has all, the second its alert, the third only what says that it is lost.
    let first = Host {
        next: 0,
        ..script.hosts[0].clone()
    };
    let words = script.first_words(&first);
    assert_eq!(script.post(&first, &words), Some(2));
    let second = Host {
        next: 2,
        ..script.hosts[1].clone()
    };
    let frame = alert(event(1001, 1, 1, uptime, uptime));
    assert_eq!(script.post(&second, &[frame]), Some(3));
    let third = script.hosts[2].clone();
    let part = support::Part {
        run: third.run,
        boot: third.boot,
        stream: hansho::frame::kind::Stream::Alerts,
        first: 2,
        items: vec![
            support::Item::Loss { span: 2, reason: 1 },
            support::Item::Frame(state(script.true_ms, 0, 1, &[])),
        ],
    };
    let bytes = support::bytes_at(
        3,
        third.run,
        third.boot,
        script.true_ms,
        at(script.true_ms),
        &[part],
    );
    let batch =
        hansho_collector::ingest::AuthenticatedBatch::open(&bytes, &support::key(3)).unwrap();
    store.accept(&[&batch], script.now()).unwrap();
    script.run(1200);
    let raised = script
        .happened()
        .into_iter()
        .filter(|(_, _, done)| *done == Done::Raised);
    assert_eq!(raised.count(), 0, "{:?}", script.told);
    // The reboot is in the record.
    assert_eq!(script.codes(), [9003]);
    assert_eq!(store.losses(AgentId(3)).unwrap()[0].last, 3);
    assert_eq!(script.alerts(1001).len(), 1);
}

#[test]
fn an_agent_whose_posts_cannot_be_stored_is_not_silent() {
    on_both(2, |script| {
        for host in &mut script.hosts {
            host.up = false;
        }
        script.unstored = Some(0);
        script.run(600);
        assert_eq!(script.codes(), [9001]);
        assert_eq!(script.alerts(9001)[0].agent, AgentId(2));
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

#[test]
fn an_announced_absence_counts_until_it_is_ended() {
    on_both(2, |script| {
        for host in [0, 1] {
            let uptime = script.true_ms;
            script.say(host, &[leave(uptime, 900_000)]);
        }
        script.run(60);
        // The first is away as announced; the second ends it, and dies later.
        let uptime = script.true_ms;
        script.say(1, &[leave(uptime, 0)]);
        for host in &mut script.hosts {
            host.up = false;
        }
        script.run(300);
        assert_eq!(script.codes(), [9004, 9001]);
        let planned = &script.alerts(9004)[0];
        assert_eq!(
            (planned.agent, script.cause(planned).text.as_str()),
            (AgentId(1), "disk swap")
        );
        let silent = &script.alerts(9001)[0];
        assert_eq!(silent.agent, AgentId(2));
        assert_eq!(script.cause(silent).silence, Some(SilenceCause::Unknown));
    });
}
