//! What goes when its time is over, and what never does.

use super::*;

fn alive(rows: &mut dyn AllRows, all: &[AlertId]) -> Vec<bool> {
    all.iter()
        .map(|id| rows.alert(*id).unwrap().is_some())
        .collect()
}

#[test]
fn alerts_that_are_over_go_with_what_belongs_to_them_and_open_ones_stay() {
    on_both(|store| {
        let (over, open, late, undecided) = within(store, |rows| {
            let over = raised(rows, "over", at(0));
            let open = raised(rows, "open", at(0));
            let late = raised(rows, "late", at(0));
            for (alert, when) in [(over, 10), (late, 3 * DAY_MS)] {
                let mut stored = rows.alert(alert)?.unwrap();
                stored.firing = false;
                stored.updated = at(when);
                rows.put_alert(&stored)?;
            }
            let note = Note {
                number: 0,
                on: NoteOn::Alert(over),
                by: "佐藤".to_owned(),
                via: Via::Page,
                at: at(1),
                text: "試験".to_owned(),
            };
            rows.append_note(&note)?;
            rows.append_note(&Note {
                on: NoteOn::Alert(open),
                ..note
            })?;
            rows.put_cause(over, &AlertCause::default())?;
            let mut numbers = rows.numbers()?;
            numbers.cursor = rows.newest_event()?;
            rows.put_numbers(&numbers)?;
            // What nobody decided on yet stays, however old.
            let undecided = raised(rows, "undecided", at(0));
            let mut stored = rows.alert(undecided)?.unwrap();
            stored.firing = false;
            rows.put_alert(&stored)?;
            Ok((over, open, late, undecided))
        });
        let all = [over, open, late, undecided];
        let gone = within(store, |rows| rows.forget(Forget::Alerts, at(10), 10));
        assert_eq!(gone, 0, "not before its time");
        let gone = within(store, |rows| rows.forget(Forget::Alerts, at(DAY_MS), 10));
        within(store, |rows| {
            assert_eq!(alive(rows, &all), [false, true, true, true]);
            assert!(rows.notes(&NoteOn::Alert(over))?.is_empty());
            assert_eq!(rows.notes(&NoteOn::Alert(open))?.len(), 1);
            assert_eq!(rows.cause(over)?, None);
            assert!(rows.events_of(over)?.is_empty());
            // A new note does not get the number of a deleted one.
            let next = rows.append_note(&Note {
                number: 0,
                on: NoteOn::Alert(open),
                by: "鈴木".to_owned(),
                via: Via::Page,
                at: at(2),
                text: "次".to_owned(),
            })?;
            assert_eq!(next, 3);
            Ok(())
        });
        gone
    });
}

#[test]
fn an_alert_whose_thread_is_open_or_whose_mail_waits_stays() {
    on_both(|store| {
        let all = within(store, |rows| {
            let mut all = Vec::new();
            for subject in ["thread", "waits", "free"] {
                let alert = raised(rows, subject, at(0));
                let mut stored = rows.alert(alert)?.unwrap();
                stored.firing = false;
                rows.put_alert(&stored)?;
                all.push(alert);
            }
            rows.put_thread(&thread(all[0], None))?;
            rows.put_outgoing(&message(1, all[1], None))?;
            let cursor = rows.newest_event()?;
            rows.put_numbers(&Numbers {
                cursor,
                ..Numbers::default()
            })?;
            Ok(all)
        });
        within(store, |rows| {
            rows.forget(Forget::Alerts, at(DAY_MS), 10)?;
            assert_eq!(alive(rows, &all), [true, true, false]);
            Ok(())
        });
    });
}

#[test]
fn events_go_but_never_the_newest_an_open_ones_or_an_undecided_one() {
    on_both(|store| {
        within(store, |rows| {
            let open = raised(rows, "open", at(0));
            let over = raised(rows, "over", at(0));
            let mut stored = rows.alert(over)?.unwrap();
            stored.firing = false;
            rows.put_alert(&stored)?;
            for ms in 1..=6 {
                rows.append_event(over, EventKind::Repeated, at(ms))?;
            }
            // Events 1 and 2 are the raises, 3 to 8 the repetitions; 7 and 8 are not decided on.
            rows.put_numbers(&Numbers {
                cursor: 6,
                ..Numbers::default()
            })?;
            let numbers = |rows: &mut dyn AllRows| -> Vec<u64> {
                let all = rows.events_after(0, 100).unwrap();
                all.iter().map(|event| event.number).collect()
            };
            assert_eq!(rows.forget(Forget::Events, at(0), 100)?, 0);
            assert_eq!(rows.forget(Forget::Events, at(3), 2)?, 2, "bounded");
            assert_eq!(numbers(rows), [1, 4, 5, 6, 7, 8]);
            rows.forget(Forget::Events, at(DAY_MS), 100)?;
            assert_eq!(numbers(rows), [1, 7, 8]);
            rows.put_numbers(&Numbers {
                cursor: 8,
                ..Numbers::default()
            })?;
            rows.forget(Forget::Events, at(DAY_MS), 100)?;
            assert_eq!(numbers(rows), [1, 8]);
            rows.append_event(open, EventKind::Repeated, at(9))?;
            assert_eq!(rows.newest_event()?, 9);
            Ok(())
        });
    });
}

#[test]
fn messages_go_with_their_ended_thread_and_decisions() {
    on_both(|store| {
        within(store, |rows| {
            let (old, live) = (raised(rows, "old", at(0)), raised(rows, "live", at(0)));
            for (number, alert, ended) in [(1, old, Some(at(5))), (2, live, None)] {
                rows.put_thread(&thread(alert, ended))?;
                rows.put_decision(&decision(number, alert))?;
                rows.put_outgoing(&message(number, alert, Some(at(5))))?;
                rows.put_listed(number, alert)?;
            }
            // A message that still waits keeps its decision, whatever its thread.
            rows.put_outgoing(&message(3, old, None))?;
            rows.put_decision(&decision(3, old))?;
            assert_eq!(rows.forget(Forget::Outbox, at(5), 10)?, 0);
            assert_eq!(rows.forget(Forget::Outbox, at(6), 10)?, 4);
            assert!(rows.thread(old)?.is_none() && rows.thread(live)?.is_some());
            let left: Vec<bool> = (1..=3)
                .map(|number| rows.outgoing(number).unwrap().is_some())
                .collect();
            assert_eq!(left, [false, true, true]);
            assert_eq!(rows.listed(1)?, []);
            assert_eq!(rows.listed(2)?, [live]);
            let decisions = |rows: &mut dyn AllRows, alert| rows.decisions_of(alert).unwrap().len();
            assert_eq!((decisions(rows, old), decisions(rows, live)), (1, 1));
            assert_eq!(rows.forget(Forget::Outbox, at(6), 10)?, 0);
            Ok(())
        });
    });
}

#[test]
fn the_audit_forgets_from_its_beginning_and_keeps_its_numbers() {
    on_both(|store| {
        let entry = |ms: u64| AuditEntry {
            number: 0,
            at: at(ms),
            by: "佐藤".to_owned(),
            via: Via::Page,
            action: "note".to_owned(),
            on: "alert".to_owned(),
            customer: "mirai".to_owned(),
            detail: String::new(),
        };
        let numbers = |rows: &mut dyn AllRows| -> Vec<u64> {
            let filter = AuditFilter {
                customer: None,
                from: WallTime::from_millis(0),
                until: at(1000 * DAY_MS),
                after: 0,
                limit: 100,
            };
            let all = rows.audit(&filter).unwrap();
            all.iter().map(|entry| entry.number).collect()
        };
        within(store, |rows| {
            // The clock was set back in between: what stands behind a younger entry stays until that goes.
            for ms in [1, 2, 9, 3, 10] {
                rows.append_audit(&entry(ms))?;
            }
            assert_eq!(rows.forget(Forget::Audit, at(5), 1)?, 1);
            assert_eq!(numbers(rows), [2, 3, 4, 5]);
            assert_eq!(rows.forget(Forget::Audit, at(5), 100)?, 1);
            assert_eq!(numbers(rows), [3, 4, 5]);
            assert_eq!(rows.forget(Forget::Audit, at(DAY_MS), 100)?, 2);
            assert_eq!(numbers(rows), [5], "never the newest");
            rows.append_audit(&entry(11))?;
            assert_eq!(numbers(rows), [5, 6]);
            assert_eq!(rows.upkeep()?.audit_before, at(DAY_MS));
            Ok(())
        });
    });
}

#[test]
fn retention_counts_by_time_that_passed_whatever_the_clock_is_set_to() {
    on_both(|store| {
        within(store, |rows| {
            let start = 500 * DAY_MS;
            assert_eq!(rows.upkeep()?.vouched, None);
            let first = forget::look(rows, &Keep::default(), at(start), 0)?;
            assert_eq!(first.vouched, Some(at(start)));
            let keep = Keep {
                events_days: 1,
                ..Keep::default()
            };
            let alert = raised(rows, "over", at(start));
            let mut stored = rows.alert(alert)?.unwrap();
            stored.firing = false;
            rows.put_alert(&stored)?;
            rows.append_event(alert, EventKind::Repeated, at(start + 1))?;
            rows.put_numbers(&Numbers {
                cursor: 2,
                ..Numbers::default()
            })?;
            let mut at_clock = |now_ms: u64, passed_ms: u64| {
                let vouched = forget::look(rows, &keep, at(now_ms), passed_ms)
                    .unwrap()
                    .vouched;
                let gone = forget::some(rows, &keep, Forget::Events, at(now_ms)).unwrap();
                (vouched.unwrap(), gone)
            };
            // Ahead by a year and on from there, for ten hours and through restarts: nothing goes.
            let far = start + 365 * DAY_MS;
            for hours in 0..10 {
                let passed = hours.min(1) * HOUR;
                let vouched = at(start + 2 * hours * HOUR);
                assert_eq!(at_clock(far + hours * HOUR, passed), (vouched, 0));
                assert_eq!(at_clock(far + hours * HOUR, 0), (vouched, 0));
            }
            // Right again: as if nothing had been, and what is past its retention goes.
            let right = start + 10 * HOUR;
            assert_eq!(at_clock(right, 4 * HOUR), (at(right), 0));
            let day = start + DAY_MS;
            assert_eq!(at_clock(day, 14 * HOUR), (at(day), 0));
            assert_eq!(at_clock(day + 1, 1), (at(day + 1), 1));
            Ok(())
        });
    });
}

/// A clock that was a year behind wrote events: they look old, and stay as long as others of their day.
#[test]
fn what_a_clock_wrote_that_was_set_back_does_not_go_as_old() {
    on_both(|store| {
        within(store, |rows| {
            let start = 500 * DAY_MS;
            let keep = Keep {
                events_days: 30,
                ..Keep::default()
            };
            forget::look(rows, &keep, at(start), 0)?;
            let back = start - 365 * DAY_MS;
            let alert = raised(rows, "back", at(back));
            let mut stored = rows.alert(alert)?.unwrap();
            stored.firing = false;
            rows.put_alert(&stored)?;
            rows.append_event(alert, EventKind::Repeated, at(back + 1))?;
            rows.put_numbers(&Numbers {
                cursor: 2,
                ..Numbers::default()
            })?;
            let looked = forget::look(rows, &keep, at(back + 5 * MINUTE), 5 * MINUTE)?;
            // It may have been so before anybody looked.
            let earliest = at(back - 15 * MINUTE);
            assert_eq!(looked.set_back, Some((earliest, at(start))));
            assert_eq!(rows.upkeep()?, looked);
            // The clock is right again; the event is gone a retention after the day on which it was written.
            for (day, gone) in [(1, 0), (15, 0), (29, 0), (31, 1)] {
                let now = at(start + day * DAY_MS);
                forget::look(rows, &keep, now, 20 * DAY_MS)?;
                assert_eq!(
                    forget::some(rows, &keep, Forget::Events, now)?,
                    gone,
                    "{day}"
                );
            }
            Ok(())
        });
    });
}

/// A clock was set back, and years later again: what the first one wrote has long gone, and only the second counts.
#[test]
fn a_clock_that_was_set_back_long_ago_holds_nothing_when_another_is() {
    on_both(|store| {
        within(store, |rows| {
            let keep = Keep::default();
            let start = 9000 * DAY_MS;
            forget::look(rows, &keep, at(start), 0)?;
            let first = forget::look(rows, &keep, at(start - 365 * DAY_MS), 5 * MINUTE)?;
            assert_eq!(first.set_back.unwrap().1, at(start));
            // Within the longest retention the earlier day counts.
            forget::look(rows, &keep, at(start + 30 * DAY_MS), 40 * DAY_MS)?;
            let again = forget::look(rows, &keep, at(start + 20 * DAY_MS), 0)?;
            let (earliest, vouched) = again.set_back.unwrap();
            assert_eq!(earliest, first.set_back.unwrap().0);
            assert_eq!(vouched, at(start + 30 * DAY_MS));
            // And after it no more.
            let later = start + (31 + 1827) * DAY_MS;
            forget::look(rows, &keep, at(later), later)?;
            let second = forget::look(rows, &keep, at(later - 10 * DAY_MS), 0)?;
            let to = at(later - 10 * DAY_MS - 20 * MINUTE);
            assert_eq!(second.set_back, Some((to, at(later))));
            Ok(())
        });
    });
}
