//! Which run is the current one, after reboots, rollbacks and pauses, and what its dates are worth.

use super::*;

#[test]
fn what_is_news_of_an_agent_is_what_would_move_last_seen() {
    on_both(|store| {
        let news = |run, boot, sent_ms| {
            let header = *batch_in(run, boot, sent_ms, &[]).header();
            store.is_news(&header).unwrap()
        };
        assert!(news(5, 1, 1000));
        send(store, &batch(5, 1000, &[]), at(0));
        assert!(!news(5, 1, 999) && !news(5, 1, 1000) && news(5, 1, 1001));
        // Another run follows only from later on, or from a boot that is not known.
        assert!(!news(6, 1, 900) && news(6, 1, 1100) && news(6, 2, 5));
        send(store, &batch(6, 1100, &[]), at(1));
        assert!(!news(5, 1, 2000));
        let stranger = AuthenticatedBatch::open(&support::bytes(2, 1, 1, 1, &[]), &support::key(2));
        assert!(!store.is_news(stranger.unwrap().header()).unwrap());
    });
}

/// The frames of an older run that arrive after a newer run has spoken.
#[test]
fn an_older_run_does_not_contradict_a_newer_one() {
    on_both(|store| {
        let new_run = |first, frames: &[Vec<u8>]| part(6, Stream::Alerts, first, frames);
        send(
            store,
            &batch(5, 1000, &[stream0(0, &[hello(1, "h")])]),
            at(1000),
        );
        let spoken = [
            hello(2, "h"),
            state(5000, 0, 1, &[open(2001, 1, 4000)]),
            alert(event(1002, 1, 7, 5100, 5100)),
        ];
        send(store, &batch(6, 5200, &[new_run(0, &spoken)]), at(5200));
        let late = [
            alert(event(1001, 1, 1, 1500, 1500)), // over before the State: stored closed
            alert(event(2001, 1, 1, 4000, 4000)), // the State named it: completed
            alert(event(1002, 1, 6, 3000, 3000)), // an earlier episode than the open one
            alert(event(1002, 2, 6, 3000, 3500)), // and its end
            state(4500, 0, 1, &[]),               // contradicted
        ];
        let both = [stream0(1, &late), new_run(3, &[])];
        assert_eq!(send(store, &batch(6, 5300, &both), at(5300)), [6, 3]);
        let now = alerts(store);
        let of = |code: u16, episode: u32| {
            now.iter()
                .find(|alert| alert.identity.code == code && alert.episode == episode)
                .unwrap()
        };
        assert_eq!(now.len(), 4);
        assert!(!of(1001, 1).firing && of(1001, 1).by.closed_by_state);
        assert_eq!(of(1001, 1).resolved.unwrap().wall, at(5000));
        assert!(of(2001, 1).firing && !of(2001, 1).by.state());
        assert_eq!(of(2001, 1).firing_sequence, Some(2));
        assert!(of(1002, 7).firing);
        assert!(!of(1002, 6).firing && !of(1002, 6).by.closed_by_state);
        assert_eq!(of(1002, 6).resolved.unwrap().wall, at(3500));
        assert_eq!(store.totals().unwrap().all().contradicted, 1);
    });
}

#[test]
fn last_seen_follows_the_newest_batch_of_the_newest_run() {
    on_both(|store| {
        let seen = || store.agents().unwrap()[0].last_seen;
        let old = batch(5, 1000, &[stream0(0, &[hello(1, "h")])]);
        send(store, &old, at(0));
        assert_eq!(seen(), Some(at(0)));
        // Overtaken on the way: earlier sent, later received.
        send(store, &batch(5, 900, &[]), at(100));
        assert_eq!(seen(), Some(at(0)));
        send(store, &batch(6, 2000, &[]), at(200));
        assert_eq!(seen(), Some(at(200)));
        // Yesterday's batch again changes nothing, and is answered.
        assert_eq!(send(store, &old, at(86_400_000)), [1]);
        assert_eq!(seen(), Some(at(200)));
        // A run that another followed does not come back, a boot that was left neither.
        send(store, &batch(5, 9000, &[]), at(300));
        assert_eq!(seen(), Some(at(200)));
        send(store, &batch_in(7, 2, 50, &[]), at(400));
        assert_eq!(seen(), Some(at(400)));
        send(store, &batch_in(8, 1, 99_000, &[]), at(500));
        assert_eq!(seen(), Some(at(400)));
        // A sign of life without storage counts too.
        let sign = *batch_in(7, 2, 60, &[]).header();
        store.alive(&[(sign, at(600))]).unwrap();
        assert_eq!(seen(), Some(at(600)));
    });
}

/// A snapshot rolled back by an hour: the same boot, another run, uptimes that went back.
#[test]
fn a_rolled_back_host_is_heard_again_and_a_straggler_is_not_taken_for_it() {
    on_both(|store| {
        let seen = || store.agents().unwrap()[0].last_seen;
        let current = || store.agents().unwrap()[0].current_run;
        let before = part(5, Stream::Readings, 0, &[readings(3_990_000, &[7])]);
        send(store, &batch(5, 4_000_000, &[before]), at(4_000_000));
        let told = || {
            let stored = store.readings(AGENT, &Range::all(10)).unwrap();
            let first = stored.iter().find(|reading| reading.run == RunId(5));
            first.map(|reading| reading.dated).unwrap()
        };
        assert_eq!(
            (told().wall, told().quality),
            (at(3_990_000), ClockQuality::Exact)
        );
        // Stragglers of a run that never was heard: between them the current run speaks.
        for n in 0..6 {
            send(store, &batch(4, 100 + n, &[]), at(4_000_100 + n));
            if n % 2 == 1 {
                send(store, &batch(5, 4_000_100 + n, &[]), at(4_000_150 + n));
            }
        }
        assert_eq!(current(), Some(RunId(5)));
        // The same one again and again is no sign of life.
        for n in 0..6 {
            send(store, &batch(6, 400_000, &[]), at(4_001_000 + n));
        }
        assert_eq!(current(), Some(RunId(5)));
        send(store, &batch(6, 410_000, &[]), at(4_010_000));
        assert_eq!(seen(), Some(at(4_000_155)));
        let reading = part(6, Stream::Readings, 0, &[readings(419_000, &[5])]);
        send(store, &batch(6, 420_000, &[reading]), at(4_020_000));
        assert_eq!((current(), seen()), (Some(RunId(6)), Some(at(4_020_000))));
        // Dated by the clock as it runs now.
        let latest = store.latest(AGENT).unwrap().unwrap();
        assert_eq!(latest.dated.wall, at(4_019_000));
        assert_eq!(latest.dated.quality, ClockQuality::Exact);
        // What was read before the host went back was not read after it was received.
        assert_eq!(
            (told().wall, told().quality),
            (at(4_000_000), ClockQuality::Unknown)
        );
        send(store, &batch(5, 4_100_000, &[]), at(4_100_000));
        send(store, &batch(5, 4_100_001, &[]), at(4_100_001));
        send(store, &batch(5, 4_100_002, &[]), at(4_100_002));
        assert_eq!(current(), Some(RunId(6)));
    });
}

/// Just after a reboot the newest run in the rings is the last one of the boot before, and the forwarder posts already.
#[test]
fn frames_of_the_boot_before_are_not_dated_by_the_new_one() {
    let of_boot = |boot: u64, mut part: Part| {
        part.boot = boot;
        part
    };
    let old = || {
        of_boot(
            1,
            part(5, Stream::Readings, 0, &[readings(3_000_000, &[5])]),
        )
    };
    // With a collector that knows the old run, and with one that hears of it first.
    for known in [true, false] {
        on_both(|store| {
            if known {
                send(
                    store,
                    &batch(5, 2_000_000, &[of_boot(1, stream0(0, &[hello(1, "h")]))]),
                    at(0),
                );
            }
            send(store, &batch_in(5, 2, 4000, &[old()]), at(4_000_000));
            let seen = store.agents().unwrap()[0].last_seen;
            assert_eq!(seen, known.then(|| at(0)));
            // The new run is not taken for a straggler, though its boot was a sender's before.
            let new = of_boot(2, part(6, Stream::Readings, 0, &[readings(5000, &[6])]));
            assert_eq!(
                send(store, &batch_in(6, 2, 6000, &[new]), at(4_002_000)),
                [1]
            );
            let stored = store.readings(AGENT, &Range::all(10)).unwrap();
            let dated = |run| {
                stored
                    .iter()
                    .find(|reading| reading.run == RunId(run))
                    .unwrap()
                    .dated
            };
            assert_eq!(dated(6).wall, at(4_001_000));
            assert_eq!(dated(6).quality, ClockQuality::Exact);
            if known {
                assert_eq!(dated(5).wall, at(1_000_000));
            } else {
                assert_eq!(dated(5).quality, ClockQuality::Host);
            }
        });
    }
}

/// A sign of life knows only the boot in which it was sent: the run's own section corrects that.
#[test]
fn the_boot_of_a_run_is_what_its_section_says() {
    on_both(|store| {
        let sign = *batch_in(5, 2, 50, &[]).header();
        store.alive(&[(sign, at(0))]).unwrap();
        let old = part(5, Stream::Readings, 0, &[readings(3_000_000, &[5])]);
        assert_eq!(
            send(
                store,
                &batch_in(5, 2, 60, std::slice::from_ref(&old)),
                at(10)
            ),
            [1]
        );
        let latest = store.latest(AGENT).unwrap().unwrap();
        assert_eq!(latest.dated.quality, ClockQuality::Host);
        // From now on the run is of boot 1: a frame said to be of another is refused.
        let mut other = part(5, Stream::Readings, 1, &[readings(3_000_100, &[5])]);
        other.boot = 2;
        let answers = store
            .accept(&[&batch_in(5, 2, 70, &[other])], at(20))
            .unwrap();
        assert_eq!(answers[0].stored[0].next, 1);
        assert_eq!(answers[0].refused[0].reason, RefusedReason::Malformed);
    });
}

/// An agent without a surviving ring counts its runs from 1 again.
#[test]
fn run_numbers_order_only_runs_of_one_boot() {
    on_both(|store| {
        let of = |run, boot, number, host| {
            let mut part = part(
                run,
                Stream::Alerts,
                0,
                &[
                    hello(number, host),
                    state(500, 0, 1, &[open(1001, u32::try_from(run).unwrap(), 400)]),
                ],
            );
            part.boot = boot;
            part
        };
        send(store, &batch_in(5, 1, 1000, &[of(5, 1, 9, "a")]), at(0));
        send(store, &batch_in(6, 2, 1000, &[of(6, 2, 1, "b")]), at(10));
        // Two later runs: now neither 5 nor 6 is the current one, and 6 is still the newer of them.
        send(store, &batch_in(7, 3, 1000, &[]), at(20));
        let late = part(5, Stream::Alerts, 2, &[alert(event(1001, 2, 5, 400, 900))]);
        send(store, &batch_in(7, 3, 1001, &[late]), at(30));
        assert!(
            alerts(store)
                .iter()
                .any(|alert| alert.firing && alert.episode == 6)
        );
    });
}

/// What a rolled-back host says before it is believed is not stored as an older run's word: it comes again.
#[test]
fn nothing_of_an_undecided_sender_is_stored_and_all_of_it_afterwards() {
    on_both(|store| {
        let before = [hello(1, "old"), alert(event(1001, 1, 1, 90_000, 90_000))];
        send(store, &batch(5, 100_000, &[stream0(0, &before)]), at(0));
        let said = [
            hello(2, "new"),
            config(9, 0, 1, 1002, "built-in"),
            state(50_000, 0, 1, &[]),
            alert(event(2001, 1, 1, 51_000, 51_000)),
        ];
        let whole = part(6, Stream::Alerts, 0, &said);
        for n in 0..2 {
            let batch = batch(6, 52_000 + n, &[whole.clone(), stream0(0, &[])]);
            assert_eq!(send(store, &batch, at(1000 + n)), [0, 2]);
            // The same one again is no claim and is not stored either.
            assert_eq!(send(store, &batch, at(1000 + n)), [0, 2]);
        }
        assert_eq!(store.frames(AGENT).unwrap().len(), 2);
        assert!(store.rules(AGENT).unwrap().is_empty());
        assert_eq!(send(store, &batch(6, 52_002, &[whole]), at(1002)), [4]);
        let inventory = store.agents().unwrap()[0].inventory.clone().unwrap();
        assert_eq!(inventory.host, "new");
        assert_eq!(store.rules(AGENT).unwrap().len(), 1);
        let open: Vec<_> = alerts(store)
            .iter()
            .map(|alert| (alert.identity.code, alert.firing))
            .collect();
        assert_eq!(open.len(), 2);
        assert!(open.contains(&(1001, false)) && open.contains(&(2001, true)));
        assert_eq!(store.totals().unwrap().all().contradicted, 0);
    });
}

#[test]
fn dates_are_exact_for_boots_that_were_heard_and_by_anchor_for_others() {
    on_both(|store| {
        let mut from_before = part(4, Stream::Readings, 0, &[readings(2000, &[5])]);
        from_before.boot = 77;
        let now = part(5, Stream::Readings, 0, &[readings(3000, &[6, 7])]);
        send(store, &batch(5, 20_000, &[from_before, now]), at(20_500));
        // The least delay seen dates best.
        send(store, &batch(5, 21_000, &[]), at(21_200));
        let readings = store.readings(AGENT, &Range::all(10)).unwrap();
        let dated: Vec<_> = readings
            .iter()
            .map(|reading| (reading.dated.wall.as_millis(), reading.dated.quality))
            .collect();
        assert_eq!(
            dated,
            [
                (NOW - 5_000_000 + 2000, ClockQuality::Host),
                (NOW + 3200, ClockQuality::Exact),
                (NOW + 13_200, ClockQuality::Exact)
            ]
        );
        let latest = store.latest(AGENT).unwrap().unwrap();
        assert_eq!(latest.dated.wall, at(13_200));
        assert_eq!(store.totals().unwrap().all().readings_stored, 3);
        let since = Range {
            from: at(5000),
            ..Range::all(10)
        };
        assert_eq!(store.readings(AGENT, &since).unwrap().len(), 1);
    });
}

/// A virtual machine that was paused for an hour, then a collector whose clock is wrong for one batch.
#[test]
fn a_pause_begins_a_new_period_and_one_wrong_clock_does_not() {
    on_both(|store| {
        let hour = 3_600_000;
        let reading =
            |sequence, uptime| part(5, Stream::Readings, sequence, &[readings(uptime, &[5])]);
        let walls = || -> Vec<_> {
            let readings = store.readings(AGENT, &Range::all(20)).unwrap();
            let dated = readings
                .iter()
                .map(|reading| (reading.dated.wall.as_millis() - NOW, reading.dated.quality));
            dated.collect()
        };
        use ClockQuality::{Exact, Unknown};
        send(store, &batch(5, 30_000, &[reading(0, 25_000)]), at(30_200));
        // The first batch after the pause: dated by what it says itself, but not as sure.
        send(
            store,
            &batch(5, 60_000, &[reading(1, 55_000)]),
            at(60_100 + hour),
        );
        assert_eq!(walls(), [(25_200, Exact), (55_100 + hour, Unknown)]);
        send(
            store,
            &batch(5, 90_000, &[reading(2, 85_000)]),
            at(90_300 + hour),
        );
        send(
            store,
            &batch(5, 120_000, &[reading(3, 115_000)]),
            at(120_200 + hour),
        );
        let all = [
            (25_200, Exact),
            (55_100 + hour, Exact),
            (85_100 + hour, Exact),
            (115_100 + hour, Exact),
        ];
        assert_eq!(walls(), all);
        // The collector's clock is a day ahead, or behind, for a batch.
        send(store, &batch(5, 150_000, &[]), at(150_000 + 24 * hour));
        send(store, &batch(5, 150_100, &[]), at(0));
        send(store, &batch(5, 180_000, &[]), at(180_400 + hour));
        assert_eq!(walls(), all);
    });
}

#[test]
fn the_latest_reading_is_of_the_newest_run() {
    on_both(|store| {
        let newer = part(6, Stream::Readings, 0, &[readings(5000, &[6])]);
        let older = part(5, Stream::Readings, 0, &[readings(3000, &[5])]);
        send(store, &batch(6, 6000, &[newer]), at(0));
        send(store, &batch(6, 6100, &[older]), at(100));
        assert_eq!(store.latest(AGENT).unwrap().unwrap().run, RunId(6));
    });
}
