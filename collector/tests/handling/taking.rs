//! Alerts that are taken and given back; what is refused, and to whom.

use super::*;

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
