//! Rows of notifications: both stores keep the same.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use hansho_collector::store::rows::AllRows;
use hansho_collector::store::*;
use support::{Folder, NOW, at};

/// Runs a test on each store.
fn each(test: impl Fn(&dyn Store)) {
    let folder = Folder::new("conformance-notify");
    test(&MemoryStore::default());
    test(&SqliteStore::open_writer(folder.path(), WallTime::from_millis(NOW)).unwrap());
}

fn with<T>(
    store: &dyn Store,
    mut work: impl FnMut(&mut dyn AllRows) -> Result<T, StoreError>,
) -> T {
    let mut outcome = None;
    store
        .transact(&mut |rows| {
            outcome = Some(work(rows)?);
            Ok(())
        })
        .unwrap();
    outcome.unwrap()
}

fn fails(store: &dyn Store, mut work: impl FnMut(&mut dyn AllRows) -> Result<(), StoreError>) {
    assert!(store.transact(&mut |rows| work(rows)).is_err());
}

/// What the retention takes at once of what people were told.
fn forget(store: &dyn Store, before: u64) -> usize {
    with(store, |rows| {
        let events = rows.forget(Forget::Events, at(before), 99)?;
        Ok(events + rows.forget(Forget::Outbox, at(before), 99)?)
    })
}

fn thread(root: u64, subject: &str) -> Thread {
    Thread {
        root: AlertId(root),
        strand: Strand {
            agent: AgentId(1),
            subject: subject.to_owned(),
            family: "memory".to_owned(),
            test: false,
        },
        head: AlertId(root),
        opened: at(1),
        ended: None,
        first_told: Some(at(2)),
        last_told: Some(at(3)),
        messages: 4,
        listed: Some(ListOf::Digest),
        level: 2,
        untaken: Some(at(5)),
        reminded_recovery: Some(at(6)),
        reminded_report: Some(at(7)),
        quiet: Some(Reason::Suppressed { by: 9001 }),
        due: Some(at(8)),
        told_from: 0,
        moved_from: None,
        moved_within: false,
    }
}

fn decision(number: u64, event: Option<u64>, alert: u64) -> Decision {
    Decision {
        number,
        event,
        alert: Some(AlertId(alert)),
        thread: Some(AlertId(alert)),
        reason: Reason::Worsened { from: 1001 },
        outcome: Outcome::Told,
        at: at(number),
    }
}

fn outgoing(number: u64, decision: u64, receiver: &str) -> Outgoing {
    Outgoing {
        number,
        decision,
        reason: Reason::Escalated { level: 2 },
        alert: Some(AlertId(7)),
        thread: Some(AlertId(7)),
        list: None,
        receiver: receiver.to_owned(),
        channel: Channel::Webhook,
        to: vec!["佐藤".to_owned(), "b".to_owned()],
        cc: Vec::new(),
        message_id: format!("<{number}@x>"),
        references: vec!["<0@x>".to_owned()],
        nth: 3,
        created: at(number),
        state: Sending::Queued,
        fence: 0,
        until: None,
        attempts: 0,
        first_try: None,
        next_try: at(10 * number),
        done: None,
        said: String::new(),
        served: vec!["a@b".to_owned()],
        subject: "[HNS1002-E 発生]".to_owned(),
    }
}

#[test]
fn numbers_begin_at_zero_and_stay() {
    each(|store| {
        assert_eq!(with(store, |rows| rows.numbers()), Numbers::default());
        let numbers = Numbers {
            cursor: 1,
            decision: 2,
            outgoing: 3,
            fence: 4,
            seen: at(5),
        };
        with(store, |rows| rows.put_numbers(&numbers));
        assert_eq!(with(store, |rows| rows.numbers()), numbers);
    });
}

#[test]
fn a_strand_has_one_open_thread() {
    each(|store| {
        let mut first = thread(7, "");
        with(store, |rows| rows.put_thread(&first));
        assert_eq!(
            with(store, |rows| rows.thread(AlertId(7))),
            Some(first.clone())
        );
        assert_eq!(
            with(store, |rows| rows.open_thread(&first.strand)),
            Some(first.clone())
        );
        fails(store, |rows| rows.put_thread(&thread(8, "")));
        with(store, |rows| rows.put_thread(&thread(9, "/data")));
        assert_eq!(with(store, |rows| rows.quiet_threads(AgentId(1))).len(), 2);
        assert_eq!(with(store, |rows| rows.quiet_threads(AgentId(2))), []);
        assert_eq!(with(store, |rows| rows.threads_due(at(7), 9)), []);
        assert_eq!(with(store, |rows| rows.threads_due(at(8), 9)).len(), 2);
        assert_eq!(with(store, |rows| rows.threads_due(at(8), 1)).len(), 1);
        first.ended = Some(at(9));
        first.due = None;
        first.quiet = None;
        first.head = AlertId(70);
        with(store, |rows| rows.put_thread(&first));
        assert_eq!(
            with(store, |rows| rows.thread(AlertId(7))),
            Some(first.clone())
        );
        assert_eq!(with(store, |rows| rows.open_thread(&first.strand)), None);
        with(store, |rows| rows.put_thread(&thread(8, "")));
    });
}

#[test]
fn an_event_is_decided_on_once() {
    each(|store| {
        with(store, |rows| {
            rows.put_decision(&decision(1, Some(1), 7))?;
            rows.put_decision(&decision(2, None, 7))?;
            rows.put_decision(&decision(3, None, 8))
        });
        fails(store, |rows| rows.put_decision(&decision(4, Some(1), 7)));
        fails(store, |rows| rows.put_decision(&decision(2, Some(9), 7)));
        let of = with(store, |rows| rows.decisions_of(AlertId(7)));
        assert_eq!(of, [decision(1, Some(1), 7), decision(2, None, 7)]);
    });
}

#[test]
fn the_outbox_keeps_everything_and_gives_what_may_be_tried() {
    each(|store| {
        let mut second = outgoing(2, 1, "suzuki");
        with(store, |rows| {
            rows.put_outgoing(&outgoing(1, 1, "sato"))?;
            rows.put_outgoing(&second)
        });
        fails(store, |rows| rows.put_outgoing(&outgoing(3, 1, "sato")));
        assert_eq!(
            with(store, |rows| rows.outgoing(1)),
            Some(outgoing(1, 1, "sato"))
        );
        assert_eq!(with(store, |rows| rows.outgoing(3)), None);
        assert_eq!(
            with(store, |rows| rows.outgoing_of_thread(AlertId(7))).len(),
            2
        );
        let ready = |now, fence, limit| {
            let ready = with(store, |rows| rows.outgoing_ready(at(now), fence, limit));
            ready.iter().map(|one| one.number).collect::<Vec<_>>()
        };
        assert_eq!(ready(9, 5, 9), [] as [u64; 0]);
        assert_eq!(ready(10, 5, 9), [1]);
        assert_eq!(ready(20, 5, 9), [1, 2]);
        assert_eq!(ready(20, 5, 1), [1]);
        second.state = Sending::Claimed;
        second.fence = 5;
        second.until = Some(at(30));
        second.attempts = 1;
        second.first_try = Some(at(21));
        second.said = "450 later".to_owned();
        with(store, |rows| rows.put_outgoing(&second));
        assert_eq!(with(store, |rows| rows.outgoing(2)), Some(second.clone()));
        assert_eq!(ready(29, 5, 9), [1]);
        assert_eq!(ready(29, 6, 9), [1, 2]);
        assert_eq!(ready(30, 5, 9), [1, 2]);
        assert_eq!(with(store, |rows| rows.troubled("suzuki", 9)).len(), 1);
        assert_eq!(with(store, |rows| rows.troubled("sato", 9)), []);
        assert_eq!(with(store, |rows| rows.undelivered(9)).len(), 2);
        // Of a receiver the one that waits longest; of two at one moment the one decided first.
        for (number, next_try) in [(8, 19), (7, 12), (6, 12)] {
            let more = Outgoing {
                decision: number,
                next_try: at(next_try),
                ..outgoing(number, number, "tanaka")
            };
            with(store, |rows| rows.put_outgoing(&more));
        }
        assert_eq!(ready(30, 5, 9), [1, 6, 2]);
        for number in 6..=8 {
            let done = Outgoing {
                state: Sending::Delivered,
                ..outgoing(number, number, "tanaka")
            };
            with(store, |rows| rows.put_outgoing(&done));
        }
        second.state = Sending::Delivered;
        second.done = Some(at(31));
        with(store, |rows| rows.put_outgoing(&second));
        assert_eq!(ready(99, 9, 9), [1]);
        assert_eq!(with(store, |rows| rows.undelivered(9)).len(), 1);
        assert_eq!(
            with(store, |rows| rows.decided_since("sato", at(1), at(99))),
            1
        );
        assert_eq!(
            with(store, |rows| rows.decided_since("sato", at(2), at(99))),
            0
        );
    });
}

#[test]
fn a_message_of_a_thread_waits_for_the_earlier_ones_to_its_receiver() {
    each(|store| {
        let put = |number: u64, receiver: &str, more: fn(Outgoing) -> Outgoing| {
            let one = more(Outgoing {
                next_try: at(1),
                ..outgoing(number, number, receiver)
            });
            with(store, |rows| rows.put_outgoing(&one));
        };
        let ready = || {
            let ready = with(store, |rows| rows.outgoing_ready(at(10), 5, 9));
            ready.iter().map(|one| one.number).collect::<Vec<_>>()
        };
        // The first is tried again later; the second of its thread waits, that of another thread does not.
        put(1, "sato", |one| Outgoing {
            next_try: at(100),
            ..one
        });
        put(2, "sato", |one| one);
        assert_eq!(ready(), Vec::<u64>::new());
        put(3, "sato", |one| Outgoing {
            thread: Some(AlertId(8)),
            ..one
        });
        assert_eq!(ready(), [3]);
        // Another receiver's, and a list, wait for nothing.
        put(4, "suzuki", |one| one);
        put(5, "list", |one| Outgoing {
            thread: None,
            ..one
        });
        assert_eq!(ready(), [3, 4, 5]);
        // A renewal stands beside: it lets nobody wait, and waits for nobody.
        put(6, "manager", |one| Outgoing {
            reason: Reason::Renewed,
            next_try: at(100),
            ..one
        });
        put(7, "manager", |one| one);
        assert_eq!(ready(), [3, 4, 5, 7]);
        // Claimed is not settled either; refused, given up and delivered are.
        put(1, "sato", |one| Outgoing {
            state: Sending::Claimed,
            fence: 5,
            until: Some(at(50)),
            ..one
        });
        assert_eq!(ready(), [3, 4, 5, 7]);
        for state in [Sending::Refused, Sending::GivenUp, Sending::Delivered] {
            let settled = Outgoing {
                state,
                ..outgoing(1, 1, "sato")
            };
            with(store, |rows| rows.put_outgoing(&settled));
            assert_eq!(ready(), [2, 4, 5, 7]);
        }
    });
}

#[test]
fn a_message_that_is_renewed_keeps_its_number_and_begins_anew() {
    each(|store| {
        let first = outgoing(1, 1, "manager");
        with(store, |rows| rows.put_outgoing(&first));
        let renewed = Outgoing {
            alert: Some(AlertId(8)),
            created: at(99),
            ..first
        };
        with(store, |rows| rows.put_outgoing(&renewed));
        assert_eq!(with(store, |rows| rows.outgoing(1)), Some(renewed));
    });
}

#[test]
fn what_open_threads_count_from_goes_with_the_clock() {
    each(|store| {
        let ended = Thread {
            ended: Some(at(9)),
            ..thread(9, "/var")
        };
        let waiting = |list, due: u64| Waiting {
            list,
            key: "mirai".to_owned(),
            alert: AlertId(7),
            decision: 1,
            since: at(30),
            due: at(due),
        };
        with(store, |rows| {
            let open = Thread {
                last_told: Some(at(50)),
                untaken: Some(at(80)),
                ..thread(7, "")
            };
            rows.put_thread(&open)?;
            rows.put_thread(&Thread {
                untaken: None,
                due: None,
                ..thread(8, "/data")
            })?;
            rows.put_thread(&ended)?;
            rows.put_waiting(&waiting(ListOf::Late, 60))?;
            rows.put_waiting(&waiting(ListOf::Digest, 60))?;
            rows.shift_threads(-20, at(45))
        });
        let after = with(store, |rows| rows.thread(AlertId(7))).unwrap();
        assert_eq!(
            (after.last_told, after.untaken, after.due),
            (Some(at(30)), Some(at(45)), Some(at(45)))
        );
        let after = with(store, |rows| rows.thread(AlertId(8))).unwrap();
        assert_eq!((after.untaken, after.due), (None, None));
        assert_eq!(
            with(store, |rows| rows.thread(AlertId(9))),
            Some(ended.clone())
        );
        let late = with(store, |rows| rows.waiting(ListOf::Late, "mirai"));
        assert_eq!((late[0].since, late[0].due), (at(10), at(40)));
        let lists = with(store, |rows| rows.lists());
        assert_eq!(lists.len(), 2);
        let moved = waiting(ListOf::Digest, 90);
        with(store, |rows| rows.move_waiting(&moved));
        assert_eq!(
            with(store, |rows| rows.waiting(ListOf::Digest, "mirai")),
            [moved]
        );
    });
}

#[test]
fn threads_are_found_by_their_agent_and_by_what_is_to_be_decided_on_its_move() {
    each(|store| {
        let moved = Thread {
            moved_from: Some("mirai/order/web03".to_owned()),
            moved_within: true,
            told_from: 17,
            ..thread(8, "/data")
        };
        let all = [thread(7, ""), moved.clone()];
        with(store, |rows| {
            all.iter().try_for_each(|thread| rows.put_thread(thread))
        });
        assert_eq!(with(store, |rows| rows.threads_moved(9)), [moved]);
        assert_eq!(with(store, |rows| rows.threads_moved(0)), []);
        let other = with(store, |rows| rows.threads_of(AgentId(2)));
        assert_eq!(other, []);
    });
}

#[test]
fn what_was_only_counted_is_folded_and_what_a_thread_needs_stays() {
    each(|store| {
        with(store, |rows| {
            for number in 1..=9 {
                rows.append_event(AlertId(7), EventKind::Repeated, at(number))?;
            }
            for number in 1..=8 {
                let reason = match number {
                    1 => Reason::First,
                    7 => Reason::Acknowledged,
                    4 | 5 => Reason::Repeat { nth: 3 },
                    _ => Reason::Counted,
                };
                let event = (!matches!(reason, Reason::Repeat { .. })).then_some(number);
                let one = Decision {
                    reason,
                    ..decision(number, event, 7)
                };
                rows.put_decision(&one)?;
            }
            // The repeats were told: the first of them is between others, the second waits to be sent.
            for number in [1, 4, 5, 8] {
                let mut one = outgoing(number, number, "sato");
                one.state = Sending::Delivered;
                if number == 5 {
                    one.state = Sending::Queued;
                }
                rows.put_outgoing(&one)?;
            }
            Ok(())
        });
        assert_eq!(with(store, |rows| rows.decided_in(AlertId(7))), 8);
        assert_eq!(with(store, |rows| rows.fold(AlertId(7), 2)), 4);
        let left: Vec<u64> = with(store, |rows| rows.decisions_of(AlertId(7)))
            .iter()
            .map(|one| one.number)
            .collect();
        assert_eq!(left, [1, 5, 7, 8]);
        let messages: Vec<u64> = with(store, |rows| rows.outgoing_of_thread(AlertId(7)))
            .iter()
            .map(|one| one.number)
            .collect();
        assert_eq!(messages, [1, 5, 8]);
        let events: Vec<u64> = with(store, |rows| rows.events_after(0, 99))
            .iter()
            .map(|one| one.number)
            .collect();
        assert_eq!(events, [1, 4, 5, 7, 8, 9]);
    });
}

/// Whatever told nobody folds, also where an event asked for it; not what says when its agent moved, nor the newest of an alert.
#[test]
fn what_told_nobody_is_folded_but_the_newest_of_each_alert() {
    let quiet = |number: u64, alert: u64, reason: Reason| Decision {
        reason,
        outcome: Outcome::Quiet,
        thread: Some(AlertId(7)),
        ..decision(number, Some(number), alert)
    };
    let all = [
        Decision {
            outcome: Outcome::Told,
            ..quiet(1, 7, Reason::First)
        },
        quiet(2, 8, Reason::StillOpenInFamily { by: 1002 }),
        quiet(3, 8, Reason::StillOpenInFamily { by: 1002 }),
        quiet(4, 7, Reason::Silenced { silence: 3 }),
        quiet(5, 7, Reason::MovedAway),
        quiet(6, 7, Reason::Suppressed { by: 9001 }),
        quiet(7, 7, Reason::Acknowledged),
        quiet(8, 7, Reason::Counted),
    ];
    each(|store| {
        with(store, |rows| {
            for one in &all {
                rows.append_event(AlertId(7), EventKind::Repeated, at(one.number))?;
                rows.put_decision(one)?;
            }
            rows.append_event(AlertId(7), EventKind::Repeated, at(9))
        });
        assert_eq!(with(store, |rows| rows.fold(AlertId(7), 2)), 3);
        let left: Vec<u64> = with(store, |rows| rows.decisions_of(AlertId(7)))
            .iter()
            .map(|one| one.number)
            .collect();
        assert_eq!(left, [1, 3, 5, 7, 8]);
    });
}

#[test]
fn lists_wait_until_the_earliest_time_and_say_what_they_named() {
    each(|store| {
        let waiting = |alert, due| Waiting {
            list: ListOf::Digest,
            key: "mirai".to_owned(),
            alert: AlertId(alert),
            decision: alert,
            since: at(1),
            due: at(due),
        };
        with(store, |rows| {
            rows.put_waiting(&waiting(8, 20))?;
            rows.put_waiting(&waiting(7, 30))?;
            rows.put_waiting(&waiting(7, 10))?;
            rows.put_waiting(&waiting(7, 40))
        });
        assert_eq!(with(store, |rows| rows.lists_due(at(9))), []);
        let due = vec![(ListOf::Digest, "mirai".to_owned())];
        assert_eq!(with(store, |rows| rows.lists_due(at(10))), due);
        let all = with(store, |rows| rows.waiting(ListOf::Digest, "mirai"));
        assert_eq!(all, [waiting(7, 10), waiting(8, 20)]);
        assert_eq!(with(store, |rows| rows.waiting(ListOf::Late, "mirai")), []);
        assert_eq!(with(store, |rows| rows.waits(AlertId(8))), [waiting(8, 20)]);
        with(store, |rows| {
            rows.delete_waiting(ListOf::Digest, "mirai", AlertId(7))
        });
        assert_eq!(with(store, |rows| rows.waits(AlertId(7))), []);
        with(store, |rows| {
            rows.put_outgoing(&outgoing(1, 1, "sato"))?;
            rows.put_listed(1, AlertId(8))?;
            rows.put_listed(1, AlertId(7))?;
            rows.put_listed(1, AlertId(8))
        });
        assert_eq!(with(store, |rows| rows.listed(1)), [AlertId(8), AlertId(7)]);
        assert_eq!(
            with(store, |rows| rows.listings_of(AlertId(7))),
            [outgoing(1, 1, "sato")]
        );
        assert_eq!(with(store, |rows| rows.listings_of(AlertId(9))), []);
    });
}

#[test]
fn what_is_past_goes_and_the_newest_event_never_does() {
    each(|store| {
        with(store, |rows| {
            for number in 1..=4 {
                rows.append_event(AlertId(7), EventKind::Repeated, at(number))?;
            }
            let mut ended = thread(7, "");
            ended.ended = Some(at(2));
            rows.put_thread(&ended)?;
            rows.put_thread(&thread(8, "/data"))?;
            for (number, alert) in [(1, 7), (2, 8), (3, 9)] {
                rows.put_decision(&decision(number, Some(number), alert))?;
            }
            let mut done = outgoing(1, 1, "sato");
            done.state = Sending::Delivered;
            done.done = Some(at(3));
            rows.put_outgoing(&done)?;
            rows.put_listed(1, AlertId(7))?;
            let mut waits = outgoing(2, 3, "sato");
            waits.thread = None;
            rows.put_outgoing(&waits)
        });
        let events = |store| {
            let events = with(store, |rows| rows.events_after(0, 9));
            events.iter().map(|event| event.number).collect::<Vec<_>>()
        };
        // Nothing that was not decided on.
        assert_eq!(forget(store, 1), 0);
        with(store, |rows| {
            rows.put_numbers(&Numbers {
                cursor: 2,
                ..Numbers::default()
            })
        });
        // Two events, the ended thread, its message with what it listed, its decision; the open thread and what waits stay.
        assert_eq!(forget(store, 100), 6);
        assert_eq!(events(store), [3, 4]);
        assert_eq!(with(store, |rows| rows.thread(AlertId(7))), None);
        assert_eq!(with(store, |rows| rows.decisions_of(AlertId(7))), []);
        assert_eq!(with(store, |rows| rows.decisions_of(AlertId(8))).len(), 1);
        assert_eq!(with(store, |rows| rows.decisions_of(AlertId(9))).len(), 1);
        assert_eq!(with(store, |rows| rows.outgoing(1)), None);
        assert!(with(store, |rows| rows.outgoing(2)).is_some());
        assert_eq!(with(store, |rows| rows.listed(1)), []);
        with(store, |rows| {
            rows.put_numbers(&Numbers {
                cursor: 4,
                ..Numbers::default()
            })
        });
        forget(store, 100);
        assert_eq!(events(store), [4]);
        with(store, |rows| {
            rows.append_event(AlertId(7), EventKind::Resolved, at(9))
        });
        assert_eq!(events(store), [4, 5]);
    });
}
