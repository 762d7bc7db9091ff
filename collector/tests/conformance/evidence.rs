//! Evidence: stored once, put together from its parts, given to the alert that it is about, bounded, forgotten.

use super::support::{about, evidence, evidence_with, suspect};
use super::*;
use hansho::frame::evidence::{Evidence, FLAG_NO_TABLE, Moment, SuspectRecord};
use hansho_collector::handling::{self, Scope, Who};
use hansho_collector::limit::EVIDENCE_KEPT;
use hansho_collector::store::evidence::{self as whose, Change, OfAlert};
use hansho_collector::store::{Forget, Via};

const JAVA: &[u8] = b"java";

fn stream2(first: u64, frames: &[Vec<u8>]) -> Part {
    part(5, Stream::Evidence, first, frames)
}

/// Each evidence of the alert: moment, number, and its processes.
fn told(store: &dyn Store, alert: &StoredAlert) -> Vec<(Moment, u32, Vec<u32>)> {
    let pids = |one: &OfAlert| one.evidence.suspects().iter().map(|who| who.pid).collect();
    found(store, alert)
        .iter()
        .map(|one| (one.moment, one.evidence.head.number, pids(one)))
        .collect()
}

fn found(store: &dyn Store, alert: &StoredAlert) -> Vec<OfAlert> {
    let mut found = Vec::new();
    store
        .view(&mut |rows| {
            found = whose::of_alert(rows, alert)?;
            Ok(())
        })
        .unwrap();
    found
}

#[test]
fn an_alert_has_what_was_seen_when_it_was_pending_firing_and_resolved() {
    on_both(|store| {
        let pending = evidence(
            60_000,
            (1, 0, 1),
            &[about(1002, 1, Moment::Pending)],
            &[suspect(20, JAVA, 9_000_000, 100)],
        );
        let parts = [stream2(0, &[pending])];
        send(store, &batch(5, 61_000, &parts), at(61_000));
        assert!(alerts(store).is_empty());
        let fired = alert(event(1002, 1, 1, 100_000, 100_000));
        let firing = evidence(
            100_500,
            (2, 0, 1),
            &[
                about(2001, 7, Moment::Firing),
                about(1002, 1, Moment::Firing),
            ],
            &[
                suspect(20, JAVA, 9_500_000, 500_000),
                suspect(9_500, b"cp", 40_000, 40_000),
            ],
        );
        let parts = [stream0(0, &[fired]), stream2(1, &[firing])];
        send(store, &batch(5, 101_000, &parts), at(101_000));
        let over = alert(event(1002, 2, 1, 100_000, 400_000));
        let resolved = evidence(
            400_000,
            (3, 0, 1),
            &[about(1002, 1, Moment::Resolved)],
            &[suspect(9_500, b"cp", 30_000, 0)],
        );
        let parts = [stream0(1, &[over]), stream2(2, &[resolved])];
        send(store, &batch(5, 401_000, &parts), at(401_000));
        let own = &alerts(store)[0];
        assert_eq!(
            told(store, own),
            [
                (Moment::Pending, 1, vec![20]),
                (Moment::Firing, 2, vec![20, 9_500]),
                (Moment::Resolved, 3, vec![9_500]),
            ]
        );
        let all = found(store, own);
        // Dated as the alert is.
        assert_eq!(all[1].evidence.head.at.wall, at(100_500));
        assert_eq!(all[1].evidence.head.at.quality, ClockQuality::Exact);
        let changes = all[1].evidence.changes(&all[0].evidence).unwrap();
        assert_eq!(
            changes.now[&(20, 20)],
            Change::Memory(Some(500_000)),
            "against the one before"
        );
        // Started at 95 s, after the first was written.
        assert_eq!(changes.now[&(9_500, 9_500)], Change::Started);
        assert!(changes.gone.is_empty());
        let changes = all[2].evidence.changes(&all[1].evidence).unwrap();
        assert_eq!(changes.now[&(9_500, 9_500)], Change::Memory(Some(-10_000)));
        assert_eq!(changes.gone[0].pid, 20);
        assert!(all[0].evidence.changes(&all[1].evidence).is_none());
    });
}

#[test]
fn parts_come_together_in_any_order_and_a_missing_one_shows() {
    on_both(|store| {
        let of = [about(1002, 1, Moment::Firing)];
        let piece = |part, pid| evidence(5000, (1, part, 3), &of, &[suspect(pid, JAVA, 1, 1)]);
        let parts = [stream2(0, &[piece(2, 22), piece(0, 20)])];
        send(store, &batch(5, 6000, &parts), at(6000));
        let one = &evidence_of(store, AGENT)[0];
        assert_eq!(one.missing(), [1]);
        let pids = |store: &dyn Store| -> Vec<u32> {
            let all = evidence_of(store, AGENT);
            assert_eq!(all.len(), 1);
            all[0].suspects().iter().map(|who| who.pid).collect()
        };
        assert_eq!(pids(store), [20, 22]);
        // The same batch again, as after a lost answer.
        send(store, &batch(5, 6500, &parts), at(6500));
        assert_eq!(pids(store), [20, 22]);
        send(
            store,
            &batch(5, 7000, &[stream2(2, &[piece(1, 21)])]),
            at(7000),
        );
        assert_eq!(pids(store), [20, 21, 22]);
        assert!(evidence_of(store, AGENT)[0].missing().is_empty());
        // A part that comes twice under two sequences stays as it was, and brings nothing to what it is about.
        let other = evidence(
            5000,
            (1, 1, 3),
            &[about(2001, 1, Moment::Firing)],
            &[suspect(99, JAVA, 1, 1)],
        );
        send(store, &batch(5, 8000, &[stream2(3, &[other])]), at(8000));
        assert_eq!(pids(store), [20, 21, 22]);
        assert_eq!(evidence_of(store, AGENT)[0].about.len(), 1);
        let counts = store.totals().unwrap().streams[2];
        assert_eq!((counts.frames_stored, counts.duplicates), (4, 2));
    });
}

#[test]
fn what_was_pending_and_never_fired_is_its_agents_only() {
    on_both(|store| {
        let pending = evidence(5000, (1, 0, 1), &[about(1002, 4, Moment::Pending)], &[]);
        send(store, &batch(5, 6000, &[stream2(0, &[pending])]), at(6000));
        // Another day a rule of the same number fires.
        let day = 24 * 60 * 60 * 1000;
        let part = Part {
            run: 6,
            ..stream0(0, &[alert(event(1002, 1, 4, day, day))])
        };
        send(
            store,
            &batch(6, day + 1000, &[hello_part(6), part]),
            at(day + 1000),
        );
        let own = &alerts(store)[0];
        assert_eq!(own.episode, 4);
        assert!(told(store, own).is_empty());
        let one = &evidence_of(store, AGENT)[0];
        store
            .view(&mut |rows| {
                let fired = whose::alert_of(rows, AGENT, one, &one.about[0])?;
                assert_eq!(fired, None);
                Ok(())
            })
            .unwrap();
    });
}

fn hello_part(run: u64) -> Part {
    Part {
        run,
        ..part(run, Stream::Readings, 0, &[])
    }
}

#[test]
fn a_test_and_an_alert_of_one_number_have_each_its_own() {
    on_both(|store| {
        let drill = alert(Event {
            test: true,
            ..event(1002, 1, 3, 3_000, 3_000)
        });
        let real = alert(event(1002, 1, 3, 90_000, 90_000));
        let seen = |uptime, number| {
            let of = [about(1002, 3, Moment::Firing)];
            evidence(uptime, (number, 0, 1), &of, &[suspect(number, JAVA, 1, 1)])
        };
        let parts = [
            stream0(0, &[drill, real]),
            stream2(
                0,
                &[
                    seen(3_000, 1),
                    seen(90_200, 2),
                    evidence(89_000, (3, 0, 1), &[about(1002, 3, Moment::Pending)], &[]),
                ],
            ),
        ];
        send(store, &batch(5, 91_000, &parts), at(91_000));
        for own in alerts(store) {
            let numbers: Vec<u32> = told(store, &own).iter().map(|one| one.1).collect();
            if own.identity.test {
                assert_eq!(numbers, [1]);
            } else {
                assert_eq!(numbers, [3, 2]);
            }
        }
    });
}

#[test]
fn hostile_names_are_text_and_absence_stays_absent() {
    on_both(|store| {
        let hostile = b"<b>\x1b[31m\n\xff\xe2\x80\xae";
        let who = SuspectRecord {
            pid: 7,
            name: hostile,
            unit: Some(b""),
            ..SuspectRecord::default()
        };
        let frame = evidence(5000, (1, 0, 1), &[about(1002, 1, Moment::Firing)], &[who]);
        let none = Evidence {
            number: 2,
            parts: 1,
            flags: FLAG_NO_TABLE,
            walk_began_ms: None,
            ..Evidence::default()
        };
        let none = evidence_with(6000, &none, &[], &[]);
        let parts = [stream2(0, &[frame, none])];
        send(store, &batch(5, 7000, &parts), at(7000));
        let all = evidence_of(store, AGENT);
        assert_eq!((all[0].head.number, all[0].head.walk_began), (2, None));
        let who = &all[1].suspects()[0];
        assert_eq!(who.name, "<b>\\u{1b}[31m\\u{a}\\xff\\u{202e}");
        assert_eq!((who.memory_kib, who.uid), (None, None));
    });
}

#[test]
fn an_agents_evidence_is_bounded_paged_and_outlives_its_retirement() {
    on_both(|store| {
        let one = |number: u32| {
            let of = [about(1002, number, Moment::Pending)];
            evidence(5000 + u64::from(number), (number, 0, 1), &of, &[])
        };
        let all: Vec<Vec<u8>> = (1..=u32::try_from(EVIDENCE_KEPT).unwrap() + 3)
            .map(one)
            .collect();
        for (index, some) in all.chunks(100).enumerate() {
            let ms = 10_000 + index as u64;
            let parts = [stream2(100 * index as u64, some)];
            send(store, &batch(5, ms, &parts), at(ms));
        }
        let kept = evidence_of(store, AGENT);
        assert_eq!(kept.len(), EVIDENCE_KEPT);
        assert_eq!(kept.last().unwrap().head.number, 4, "the oldest went");
        store
            .view(&mut |rows| {
                let after = kept[9].head.key();
                let next = rows.evidence_of(AGENT, Some(after), 5)?;
                assert_eq!(next, kept[10..15]);
                Ok(())
            })
            .unwrap();
        // Two years later: what is of an alert that fires stays.
        let fires = alert(event(1002, 1, 200, 5_100, 5_100));
        let parts = [stream0(0, &[fires])];
        send(store, &batch(5, 20_000, &parts), at(20_000));
        store
            .transact(&mut |rows| {
                assert_eq!(rows.forget(Forget::Evidence, at(10_000), 7)?, 0);
                // An Evidence, its part, and what it is about.
                assert_eq!(rows.forget(Forget::Evidence, at(10_001), 7)?, 21);
                while rows.forget(Forget::Evidence, at(20_000), 100)? > 0 {}
                Ok(())
            })
            .unwrap();
        let left = evidence_of(store, AGENT);
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].about[0].episode, 200);
        let who = Who {
            name: "sato".to_owned(),
            via: Via::Page,
            scope: Scope::All,
        };
        store
            .transact(&mut |rows| {
                handling::agents::retire(rows, &who, AGENT, false, at(30_000)).unwrap();
                Ok(())
            })
            .unwrap();
        // What was on a host is read after it was taken away; retention removes it like the rest.
        assert_eq!(evidence_of(store, AGENT), left);
        assert_eq!(told(store, &alerts(store)[0]).len(), 1);
        store
            .transact(&mut |rows| {
                assert_eq!(rows.forget(Forget::Evidence, at(20_000), 100)?, 3);
                Ok(())
            })
            .unwrap();
        assert!(evidence_of(store, AGENT).is_empty());
    });
}

#[test]
fn what_is_no_evidence_is_refused() {
    on_both(|store| {
        let of = [about(1002, 1, Moment::Firing)];
        let beyond = evidence(5000, (1, 3, 3), &of, &[]);
        let parts = [stream2(0, &[beyond])];
        let answers = store.accept(&[&batch(5, 6000, &parts)], at(6000)).unwrap();
        assert_eq!(answers[0].refused[0].reason, RefusedReason::Malformed);
        assert!(evidence_of(store, AGENT).is_empty());
    });
}
