//! What people do about alerts, decided on both stores.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::clock::WallTime;
use hansho::frame::kind::{AgentId, Stream};
use hansho_collector::handling::acknowledge::TakenHow;
use hansho_collector::handling::silence::{self, NewSilence};
use hansho_collector::handling::window::{self, NewWindow, What};
use hansho_collector::handling::{
    Ask, Fault, LinkRefused, Refused, Scope, Taken, Who, acknowledge, audit, by_link, link, note,
    release, transact,
};
use hansho_collector::store::{
    AckEnding, Acknowledgement, AlertFilter, AlertId, AuditEntry, Days, EventKind, Matcher,
    MemoryStore, NewAgent, NoteOn, Schedule, SqliteStore, Store, Texts, Via, Weekly, WindowKind,
    WindowScope,
};
use std::collections::BTreeSet;
use support::{Folder, alert, at, batch, event, hello, new_agent, part, send};

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// Runs a test on both stores, each with an open alert of agent 1 (mirai/order) and a resolved one, and agent 2 of `other`; the
/// audit and the journal of both must be the same at its end.
fn on_both(test: impl Fn(&dyn Store, AlertId, AlertId)) {
    let folder = Folder::new("decisions");
    let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let memory = MemoryStore::default();
    let mut dumps = Vec::new();
    for store in [&sqlite as &dyn Store, &memory] {
        store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
        let other = NewAgent {
            customer: "other".to_owned(),
            ..new_agent(2, "db01")
        };
        store.add_agent(&other, at(0)).unwrap();
        let frames = [
            hello(1, "web03"),
            alert(event(1002, 1, 1, 500, 500)),
            alert(event(2001, 1, 1, 600, 600)),
            alert(event(2001, 2, 1, 600, 700)),
        ];
        send(
            store,
            &batch(5, 1000, &[part(5, Stream::Alerts, 0, &frames)]),
            at(0),
        );
        let id = |firing| {
            let filter = AlertFilter {
                firing: Some(firing),
                ..AlertFilter::default()
            };
            store.alerts(&filter).unwrap()[0].id
        };
        test(store, id(true), id(false));
        dumps.push((entries(store), events(store)));
    }
    assert_eq!(dumps[0], dumps[1]);
}

fn entries(store: &dyn Store) -> Vec<AuditEntry> {
    let mut entries = Vec::new();
    let all = (
        WallTime::from_millis(0),
        WallTime::from_millis(i64::MAX as u64),
    );
    store
        .view(&mut |rows| audit::each(rows, None, all, &mut |entry| entries.push(entry.clone())))
        .unwrap();
    entries
}

fn actions(store: &dyn Store) -> Vec<String> {
    let entries = entries(store);
    entries.into_iter().map(|entry| entry.action).collect()
}

/// What people did, of the journal.
fn events(store: &dyn Store) -> Vec<(AlertId, EventKind)> {
    let mut events = Vec::new();
    store
        .view(&mut |rows| {
            events = rows.events_after(0, 1000)?;
            Ok(())
        })
        .unwrap();
    let people = [
        EventKind::Acknowledged,
        EventKind::Released,
        EventKind::Noted,
    ];
    let by_people = events.iter().filter(|event| people.contains(&event.kind));
    by_people.map(|event| (event.alert, event.kind)).collect()
}

fn who(name: &str) -> Who {
    Who {
        name: name.to_owned(),
        via: Via::Page,
        scope: Scope::All,
    }
}

fn of(customer: &str) -> Who {
    Who {
        scope: Scope::Customers(BTreeSet::from([customer.to_owned()])),
        ..who("sato")
    }
}

fn take(store: &dyn Store, who: &Who, id: AlertId, ask: &Ask, now: u64) -> Result<Taken, Fault> {
    transact(store, |rows| acknowledge(rows, who, id, ask, at(now)))
}

fn give_back(
    store: &dyn Store,
    who: &Who,
    id: AlertId,
    now: u64,
) -> Result<Acknowledgement, Fault> {
    transact(store, |rows| release(rows, who, id, "going home", at(now)))
}

fn held(store: &dyn Store, id: AlertId) -> Vec<Acknowledgement> {
    let mut rows_of = Vec::new();
    store
        .view(&mut |rows| {
            rows_of = rows.acknowledgements(id)?;
            Ok(())
        })
        .unwrap();
    rows_of
}

fn refused<T: core::fmt::Debug>(outcome: Result<T, Fault>) -> Refused {
    match outcome {
        Err(Fault::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_alert_is_taken_renewed_taken_over_and_given_back() {
    on_both(|store, open, _| {
        let ask = Ask {
            expected_recovery: Some(at(20 * MINUTE)),
            next_report: Some(at(60 * MINUTE)),
            text: "order-api を再起動します".to_owned(),
            request: None,
        };
        let taken = take(store, &who("佐藤"), open, &ask, 1).unwrap();
        assert_eq!(taken.how, TakenHow::First);
        assert!(!taken.acknowledgement.over);
        // The same once more, also when its times are past.
        for now in [2, 30 * MINUTE] {
            let again = take(store, &who("佐藤"), open, &ask, now).unwrap();
            assert_eq!(again.how, TakenHow::Same);
            assert_eq!(again.acknowledgement, taken.acknowledgement);
        }
        let later = Ask {
            expected_recovery: Some(at(40 * MINUTE)),
            ..ask.clone()
        };
        let renewed = take(store, &who("佐藤"), open, &later, 3).unwrap();
        assert_eq!(renewed.how, TakenHow::Renewed);
        let over = take(store, &who("鈴木"), open, &Ask::default(), 4).unwrap();
        assert_eq!(
            over.how,
            TakenHow::TookOver {
                from: "佐藤".to_owned()
            }
        );
        let given = give_back(store, &who("田中"), open, 5).unwrap();
        assert_eq!((given.by.as_str(), given.number), ("鈴木", 3));
        assert_eq!(
            refused(give_back(store, &who("田中"), open, 6)),
            Refused::NotTaken
        );
        let rows = held(store, open);
        let ends: Vec<_> = rows
            .iter()
            .map(|row| row.ended.as_ref().map(|end| (end.how, end.by.as_str())))
            .collect();
        assert_eq!(
            ends,
            [
                Some((AckEnding::Renewed, "佐藤")),
                Some((AckEnding::TakenOver, "鈴木")),
                Some((AckEnding::Released, "田中")),
            ]
        );
        let kinds: Vec<EventKind> = events(store).into_iter().map(|(_, kind)| kind).collect();
        assert_eq!(
            kinds,
            [
                EventKind::Acknowledged,
                EventKind::Acknowledged,
                EventKind::Acknowledged,
                EventKind::Released
            ]
        );
        let entries = entries(store);
        assert_eq!(entries.len(), 4);
        assert_eq!(entries[0].customer, "みらい商事");
        assert_eq!(entries[0].on, open.to_string());
        assert_eq!(
            entries[0].detail,
            "how=first recovery=2026-11-24_03:18:07_UTC next_report=2026-11-24_03:58:07_UTC \
             text=\"order-api を再起動します\""
        );
        assert_eq!(entries[2].detail, "how=took_over from=\"佐藤\"");
        assert_eq!(entries[3].detail, "from=\"鈴木\" text=\"going home\"");
    });
}

#[test]
fn a_request_that_comes_again_never_takes_an_alert_back() {
    on_both(|store, open, _| {
        let ask = Ask {
            request: Some("form-1".to_owned()),
            ..Ask::default()
        };
        take(store, &who("佐藤"), open, &ask, 1).unwrap();
        take(store, &who("鈴木"), open, &Ask::default(), 2).unwrap();
        // The first one's browser sends its form once more.
        let again = take(store, &who("佐藤"), open, &ask, 3).unwrap();
        assert_eq!(again.how, TakenHow::Again);
        assert_eq!(again.acknowledgement.number, 1);
        assert_eq!(held(store, open)[1].by, "鈴木");
        assert_eq!(held(store, open)[1].ended, None);
        assert_eq!(events(store).len(), 2);
        assert_eq!(actions(store).len(), 2);
    });
}

#[test]
fn a_resolved_alert_can_be_taken_and_says_that_it_is_over() {
    on_both(|store, _, resolved| {
        let taken = take(store, &who("佐藤"), resolved, &Ask::default(), 1).unwrap();
        assert!(taken.acknowledgement.over);
        assert_eq!(entries(store)[0].detail, "how=first over=true");
    });
}

#[test]
fn what_is_wrong_is_refused_and_changes_nothing() {
    on_both(|store, open, _| {
        let ask = |recovery: Option<u64>, text: &str| Ask {
            expected_recovery: recovery.map(at),
            text: text.to_owned(),
            ..Ask::default()
        };
        for (name, id, asked, why) in [
            ("佐藤", AlertId(1), ask(None, ""), Refused::NoAlert),
            (" ", open, ask(None, ""), Refused::Empty("the name")),
            ("a\nb", open, ask(None, ""), Refused::Hostile("the name")),
            (
                "佐藤",
                open,
                ask(None, "\u{202e}moor"),
                Refused::Hostile("the text"),
            ),
            (
                "佐藤",
                open,
                ask(Some(10), ""),
                Refused::Past("the expected recovery"),
            ),
            (
                "佐藤",
                open,
                ask(Some(31 * DAY), ""),
                Refused::TooFar {
                    what: "the expected recovery",
                    days: 30,
                },
            ),
            (
                "佐藤",
                open,
                ask(None, &"x".repeat(1001)),
                Refused::TooLong {
                    what: "the text",
                    most: 1000,
                },
            ),
        ] {
            assert_eq!(refused(take(store, &who(name), id, &asked, 10)), why);
        }
        assert!(held(store, open).is_empty());
        assert!(events(store).is_empty());
        assert!(entries(store).is_empty());
    });
}

#[test]
fn nobody_acts_beyond_their_customers_nor_learns_what_is_there() {
    on_both(|store, open, _| {
        let stranger = of("other");
        assert_eq!(
            refused(take(store, &stranger, open, &Ask::default(), 1)),
            Refused::NoAlert
        );
        assert_eq!(
            refused(give_back(store, &stranger, open, 1)),
            Refused::NoAlert
        );
        let system = NoteOn::System {
            customer: "みらい商事".to_owned(),
            system: "受注".to_owned(),
        };
        for (on, why) in [
            (NoteOn::Alert(open), Refused::NoAlert),
            (NoteOn::Agent(AgentId(1)), Refused::NoAgent),
            (system.clone(), Refused::NoSystem),
        ] {
            let written = transact(store, |rows| note::add(rows, &stranger, &on, "x", at(1)));
            assert_eq!(refused(written), why);
            let read = transact(store, |rows| note::list(rows, &stranger, &on));
            assert_eq!(refused(read), why);
        }
        let quiet = |customer: Option<&str>| NewSilence {
            matcher: Matcher {
                customer: customer.map(str::to_owned),
                code: Some(1002),
                ..Matcher::default()
            },
            from: at(0),
            until: at(MINUTE),
            reason: "work".to_owned(),
        };
        for customer in [None, Some("みらい商事")] {
            let made = transact(store, |rows| {
                silence::add(rows, &stranger, &quiet(customer), at(1))
            });
            let beyond = Refused::Beyond(customer.unwrap_or_default().to_owned());
            assert_eq!(refused(made), beyond);
        }
        let made = transact(store, |rows| {
            silence::add(rows, &who("佐藤"), &quiet(None), at(1))
        });
        let id = made.unwrap().id;
        let ended = transact(store, |rows| silence::end(rows, &stranger, id, at(2)));
        assert_eq!(refused(ended), Refused::NoSilence(id));
        let seen = transact(store, |rows| silence::list(rows, &stranger, at(2)));
        assert!(seen.unwrap().is_empty());
        let new = once(0, 10 * MINUTE);
        let made = transact(store, |rows| window::add(rows, &stranger, &new, at(1)));
        assert_eq!(refused(made), Refused::Beyond("みらい商事".to_owned()));
        let made = transact(store, |rows| window::add(rows, &who("佐藤"), &new, at(1)));
        let id = made.unwrap().id;
        let ended = transact(store, |rows| {
            window::end(rows, &stranger, id, What::Series, at(2))
        });
        assert_eq!(refused(ended), Refused::NoWindow(id));
        assert_eq!(actions(store), ["silence_add", "window_add"]);
        // Within their own they may.
        let own = transact(store, |rows| {
            note::add(rows, &of("みらい商事"), &system, "x", at(1))
        });
        assert_eq!(own.unwrap().number, 1);
    });
}

#[test]
fn a_silence_has_a_reason_an_end_and_says_what_it_silences() {
    on_both(|store, _, _| {
        let good = NewSilence {
            matcher: Matcher {
                customer: Some("みらい商事".to_owned()),
                subject: Some("/var/*".to_owned()),
                ..Matcher::default()
            },
            from: at(0),
            until: at(30 * DAY),
            reason: "ディスク交換待ち".to_owned(),
        };
        let add = |new: NewSilence| {
            transact(store, |rows| silence::add(rows, &who("佐藤"), &new, at(10)))
        };
        let with = |change: fn(&mut NewSilence)| {
            let mut new = good.clone();
            change(&mut new);
            refused(add(new))
        };
        assert_eq!(with(|new| new.reason.clear()), Refused::Empty("the reason"));
        assert_eq!(
            with(|new| new.matcher = Matcher::default()),
            Refused::Everything
        );
        assert_eq!(with(|new| new.until = at(10)), Refused::Past("the end"));
        assert_eq!(
            with(|new| (new.from, new.until) = (at(90), at(80))),
            Refused::Backwards
        );
        assert_eq!(
            with(|new| new.until = at(30 * DAY + 11)),
            Refused::TooLasting {
                what: "a silence",
                days: 30
            }
        );
        assert_eq!(
            with(|new| new.matcher.agent = Some("web03".to_owned())),
            Refused::Needs {
                narrower: "an agent",
                wider: "a system"
            }
        );
        assert_eq!(
            with(|new| {
                new.matcher.customer = None;
                new.matcher.system = Some("受注".to_owned());
            }),
            Refused::Needs {
                narrower: "a system",
                wider: "a customer"
            }
        );
        assert_eq!(
            with(|new| new.matcher.customer = Some("mirai".to_owned())),
            Refused::NoCustomer("mirai".to_owned())
        );
        assert_eq!(
            with(|new| new.matcher.system = Some("在庫".to_owned())),
            Refused::NoSystem
        );
        let made = add(good.clone()).unwrap();
        // Nothing was silenced before it was made.
        assert_eq!((made.id, made.from), (1, at(10)));
        let end = |now| transact(store, |rows| silence::end(rows, &who("鈴木"), 1, at(now)));
        assert_eq!(end(20).unwrap().end(), at(20));
        assert_eq!(refused(end(30)), Refused::Ended(at(20)));
        assert_eq!(actions(store), ["silence_add", "silence_end"]);
        assert_eq!(
            entries(store)[0].detail,
            "matcher=\"みらい商事 subject \\\"/var/*\\\"\" from=2026-11-24_02:58:07_UTC \
             until=2026-12-24_02:58:07_UTC reason=\"ディスク交換待ち\""
        );
    });
}

fn once(from: u64, until: u64) -> NewWindow {
    NewWindow {
        kind: WindowKind::Maintenance,
        scope: WindowScope {
            customer: "みらい商事".to_owned(),
            system: None,
            site: None,
            agent: None,
        },
        schedule: Schedule::Once {
            from: at(from),
            until: at(until),
        },
        texts: Texts {
            ja: String::new(),
            en: "kernel update".to_owned(),
        },
    }
}

#[test]
fn a_window_is_bounded_and_is_ended_early() {
    on_both(|store, _, _| {
        let add =
            |new: &NewWindow| transact(store, |rows| window::add(rows, &who("佐藤"), new, at(10)));
        assert_eq!(refused(add(&once(0, 10))), Refused::Past("the end"));
        assert_eq!(refused(add(&once(90, 80))), Refused::Backwards);
        assert_eq!(
            refused(add(&once(367 * DAY, 368 * DAY))),
            Refused::TooFar {
                what: "the begin",
                days: 366
            }
        );
        let long = once(20, 31 * DAY);
        assert_eq!(
            refused(add(&long)),
            Refused::TooLasting {
                what: "a maintenance",
                days: 30
            }
        );
        let untitled = NewWindow {
            texts: Texts::default(),
            ..once(0, DAY)
        };
        assert_eq!(refused(add(&untitled)), Refused::Empty("the text"));
        // A campaign may be long: it silences nothing.
        let campaign = NewWindow {
            kind: WindowKind::Event,
            ..long
        };
        assert_eq!(add(&campaign).unwrap().texts.ja(), "kernel update");
        let end = |id, what, now| {
            transact(store, |rows| {
                window::end(rows, &who("鈴木"), id, what, at(now))
            })
        };
        // Before it began.
        let ended = end(1, What::Occurrence, 15).unwrap();
        assert_eq!(ended.next_occurrence(at(15)), None);
        assert_eq!(refused(end(1, What::Series, 16)), Refused::Ended(at(15)));
        assert_eq!(refused(end(7, What::Series, 16)), Refused::NoWindow(7));
    });
}

#[test]
fn of_a_weekly_window_tonight_or_all_is_ended() {
    on_both(|store, _, _| {
        // 2026-11-24 is a Tuesday, 02:58:07 UTC.
        let weekly = Weekly {
            days: Days::from_bits(0b10),
            from_minute: 2 * 60,
            until_minute: 4 * 60,
            offset_minutes: 0,
            since: at(0),
            last: None,
        };
        let new = |weekly| NewWindow {
            schedule: Schedule::Weekly(weekly),
            ..once(0, 1)
        };
        let add =
            |new: NewWindow| transact(store, |rows| window::add(rows, &who("佐藤"), &new, at(0)));
        for (bad, why) in [
            (
                Weekly {
                    days: Days::from_bits(0),
                    ..weekly
                },
                Refused::NoDays,
            ),
            (
                Weekly {
                    from_minute: 1440,
                    ..weekly
                },
                Refused::BadClock,
            ),
            (
                Weekly {
                    offset_minutes: 841,
                    ..weekly
                },
                Refused::BadClock,
            ),
            (
                Weekly {
                    last: Some(at(0)),
                    ..weekly
                },
                Refused::Past("the end"),
            ),
        ] {
            assert_eq!(refused(add(new(bad))), why);
        }
        add(new(weekly)).unwrap();
        let end = |what, now| {
            transact(store, |rows| {
                window::end(rows, &who("鈴木"), 1, what, at(now))
            })
        };
        let cut = end(What::Occurrence, MINUTE).unwrap();
        assert_eq!(cut.at(at(MINUTE)), None);
        let next = cut.next_occurrence(at(MINUTE)).unwrap();
        // 02:00 of the Tuesday after.
        assert_eq!(
            next.from.as_millis(),
            at(7 * DAY).as_millis() - 58 * MINUTE - 7_000
        );
        assert_eq!(refused(end(What::Occurrence, 2 * MINUTE)), Refused::NotNow);
        let ended = end(What::Series, 3 * MINUTE).unwrap();
        assert_eq!(ended.next_occurrence(at(3 * MINUTE)), None);
        let details: Vec<String> = entries(store)
            .into_iter()
            .map(|entry| entry.detail)
            .collect();
        assert_eq!(
            details[0],
            "kind=maintenance scope=\"みらい商事\" weekly=\"tue 02:00-04:00 +00:00\" \
             since=2026-11-24_02:58:07_UTC en=\"kernel update\""
        );
        assert_eq!(details[1..], ["what=occurrence", "what=series"]);
    });
}

#[test]
fn notes_are_written_and_one_on_an_alert_is_told() {
    on_both(|store, open, _| {
        let add = |on: NoteOn, text: &str| {
            transact(store, |rows| {
                note::add(rows, &who("佐藤"), &on, text, at(1))
            })
        };
        add(
            NoteOn::Alert(open),
            "order-api のメモリが\r\n増え続けている",
        )
        .unwrap();
        add(NoteOn::Agent(AgentId(2)), "old disk").unwrap();
        assert_eq!(
            refused(add(NoteOn::Alert(open), " \n")),
            Refused::Empty("the note")
        );
        assert_eq!(
            refused(add(NoteOn::Agent(AgentId(9)), "x")),
            Refused::NoAgent
        );
        assert_eq!(
            refused(add(NoteOn::Alert(open), &"x".repeat(4001))),
            Refused::TooLong {
                what: "the note",
                most: 4000
            }
        );
        let notes = transact(store, |rows| {
            note::list(rows, &who("x"), &NoteOn::Alert(open))
        })
        .unwrap();
        assert_eq!(notes[0].text, "order-api のメモリが\n増え続けている");
        assert_eq!(events(store), [(open, EventKind::Noted)]);
        let customers: Vec<String> = entries(store)
            .into_iter()
            .map(|entry| entry.customer)
            .collect();
        assert_eq!(customers, ["みらい商事", "other"]);
    });
}

#[test]
fn a_link_shows_its_alert_and_changes_nothing() {
    on_both(|store, open, _| {
        let mut token = String::new();
        store
            .transact(&mut |rows| {
                let secret = link::ensure(rows, [1; 32], at(0))?;
                // The second start does not change it.
                assert_eq!(link::ensure(rows, [2; 32], at(1))?, secret);
                token = link::sign(&secret, open, "受注運用ML", link::expiry(at(0)));
                Ok(())
            })
            .unwrap();
        let look = |token: &str, now: u64| {
            let mut found = None;
            store
                .view(&mut |rows| {
                    found = Some(by_link(rows, token, at(now))?);
                    Ok(())
                })
                .unwrap();
            found.unwrap()
        };
        let target = look(&token, 1).unwrap();
        assert_eq!(target.link.receiver, "受注運用ML");
        assert_eq!(target.owner.agent, "web03");
        assert_eq!(target.acknowledgement, None);
        take(store, &who("佐藤"), open, &Ask::default(), 2).unwrap();
        assert_eq!(look(&token, 3).unwrap().acknowledgement.unwrap().by, "佐藤");
        let ended = link::expiry(at(0)).as_millis() / 1000 * 1000;
        assert_eq!(
            look(&token, DAY).unwrap_err(),
            LinkRefused::Expired(WallTime::from_millis(ended))
        );
        let rotate = |random: u8, now: u64| {
            store
                .transact(&mut |rows| {
                    link::rotate(rows, &who("admin"), [random; 32], at(now)).map(drop)
                })
                .unwrap();
        };
        rotate(7, 4);
        assert!(look(&token, 5).is_ok());
        // A day after it was replaced nothing of it can work any more, and the next change deletes it.
        rotate(8, 2 * DAY);
        let mut numbers = Vec::new();
        store
            .view(&mut |rows| {
                numbers = rows.link_secrets()?.iter().map(|row| row.number).collect();
                Ok(())
            })
            .unwrap();
        assert_eq!(numbers, [2, 3]);
        let gone = link::sign(
            &hansho_collector::store::LinkSecret {
                number: 3,
                secret: [8; 32],
                created: at(0),
            },
            AlertId(3),
            "x",
            at(3 * DAY),
        );
        assert_eq!(look(&gone, 2 * DAY).unwrap_err(), LinkRefused::NoAlert);
    });
}
