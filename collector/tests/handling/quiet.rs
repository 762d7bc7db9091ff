//! Silences and windows.

use super::*;

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
