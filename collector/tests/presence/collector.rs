//! The collector itself was away, restored, or its clock or that of a host is off; what is missing without a word.

use super::*;

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
