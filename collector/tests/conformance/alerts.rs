//! Alerts that fire, end, and are what a State says.

use super::*;

#[test]
fn flapping_and_unknown_are_what_the_last_state_said_until_a_frame_says_otherwise() {
    on_both(|store| {
        let named = |flags| hansho::frame::body::OpenRecord {
            flags,
            ..open(1001, 1, 100)
        };
        let flags = || alerts(store)[0].flags;
        // Bit 3 of an open record (an earlier boot) is another flag in a frame: not kept.
        let opened = state(200, 0, 1, &[named(2 | 4 | 8)]);
        send(store, &batch(5, 1000, &[stream0(0, &[opened])]), at(0));
        assert_eq!(flags(), 2 | 4);
        let known = state(300, 0, 1, &[named(2)]);
        send(store, &batch(5, 1001, &[stream0(1, &[known])]), at(1));
        assert_eq!(flags(), 2);
        let again = alert(event(1001, 1, 1, 100, 400));
        send(store, &batch(5, 1002, &[stream0(2, &[again])]), at(2));
        assert_eq!(flags(), 0);
        let flapping = alert(Event {
            reason: Some(6),
            ..event(1001, 1, 2, 500, 500)
        });
        send(store, &batch(5, 1003, &[stream0(3, &[flapping])]), at(3));
        assert_eq!(flags(), 2);
    });
}

#[test]
fn firing_and_resolved_alternate() {
    on_both(|store| {
        let frames = [
            alert(event(1002, 1, 1, 100, 100)),
            alert(event(1002, 1, 2, 300, 300)), // a resolution was missed: continuation
            alert(event(1002, 3, 2, 300, 400)),
            alert(event(1002, 2, 2, 300, 500)),
            alert(event(1002, 2, 3, 600, 700)), // its firing was missed
            alert(Event {
                test: true,
                ..event(1002, 1, 1, 800, 800)
            }),
        ];
        send(store, &batch(5, 1000, &[stream0(0, &frames)]), at(1000));
        let alerts = alerts(store);
        assert_eq!(alerts.len(), 3);
        let first = alerts
            .iter()
            .find(|alert| alert.firing_sequence == Some(0))
            .unwrap();
        assert!(!first.firing);
        assert_eq!((first.continuations, first.episode, first.count), (1, 2, 2));
        assert_eq!(first.occurred.unwrap().wall, at(40));
        assert_eq!(first.detected.unwrap().wall, at(100));
        assert_eq!(first.recovered.unwrap().wall, at(440));
        assert_eq!(first.resolved.unwrap().wall, at(500));
        assert_eq!(first.detected.unwrap().quality, ClockQuality::Exact);
        let inferred = alerts
            .iter()
            .find(|alert| alert.by.firing_inferred)
            .unwrap();
        assert!(!inferred.firing && inferred.occurred.is_none());
        assert_eq!(inferred.detected.unwrap().wall, at(600));
        let test = alerts.iter().find(|alert| alert.identity.test).unwrap();
        assert!(test.firing);
    });
}

#[test]
fn a_state_opens_what_was_missed_and_closes_what_is_gone() {
    on_both(|store| {
        let before = [
            alert(event(1001, 1, 1, 100, 100)),
            alert(event(2001, 1, 1, 120, 120)),
        ];
        send(store, &batch(5, 1000, &[stream0(0, &before)]), at(1000));
        // In two parts, cut by a batch's end; only the second completes it.
        let first = state(2000, 0, 2, &[open(2001, 1, 120)]);
        let second = state(2000, 1, 2, &[open(1010, 3, 1500)]);
        send(store, &batch(5, 2100, &[stream0(2, &[first])]), at(2100));
        assert!(alerts(store).iter().all(|alert| !alert.by.state()));
        send(store, &batch(5, 2200, &[stream0(3, &[second])]), at(2200));
        let alerts_now = alerts(store);
        let of = |code: u16| {
            alerts_now
                .iter()
                .find(|alert| alert.identity.code == code)
                .unwrap()
        };
        assert!(!of(1001).firing && of(1001).by.closed_by_state);
        assert_eq!(of(1001).resolved.unwrap().wall, at(2000));
        assert!(of(2001).firing && !of(2001).by.state());
        assert!(of(1010).firing && of(1010).by.opened_by_state);
        assert_eq!(of(1010).detected.unwrap().wall, at(1500));
        // Its resolution belongs to the alert that the State opened.
        let end = [alert(event(1010, 2, 3, 1500, 2500))];
        send(store, &batch(5, 2600, &[stream0(4, &end)]), at(2600));
        assert_eq!(alerts(store).len(), 3);
    });
}

#[test]
fn a_state_with_a_missing_part_changes_nothing() {
    on_both(|store| {
        send(
            store,
            &batch(
                5,
                1000,
                &[stream0(0, &[alert(event(1001, 1, 1, 100, 100))])],
            ),
            at(1000),
        );
        let mut torn = stream0(1, &[state(2000, 0, 3, &[])]);
        torn.items.push(Item::Loss { span: 1, reason: 1 });
        torn.items.push(Item::Frame(state(2000, 2, 3, &[])));
        send(store, &batch(5, 2100, &[torn]), at(2100));
        assert!(alerts(store)[0].firing);
        // Parts of two moments do not make one State either.
        let mixed = [state(3000, 0, 2, &[]), state(3001, 1, 2, &[])];
        send(store, &batch(5, 3100, &[stream0(4, &mixed)]), at(3100));
        assert!(alerts(store)[0].firing);
        send(
            store,
            &batch(5, 3200, &[stream0(6, &[state(3150, 0, 1, &[])])]),
            at(3200),
        );
        assert!(!alerts(store)[0].firing);
    });
}

#[test]
fn a_test_after_the_state_and_codes_of_the_collector_stay_open() {
    on_both(|store| {
        let frames = [
            alert(event(9001, 1, 1, 50, 50)),
            state(100, 0, 1, &[]),
            alert(Event {
                test: true,
                ..event(1002, 1, 1, 200, 200)
            }),
        ];
        send(store, &batch(5, 1000, &[stream0(0, &frames)]), at(1000));
        assert!(alerts(store).iter().all(|alert| alert.firing));
    });
}

/// An alert that fired before the reboot goes on: the agent says 0 for what lies in the earlier boot.
#[test]
fn what_began_in_an_earlier_boot_is_not_dated_by_this_one() {
    on_both(|store| {
        let carried = |code, transition| {
            let mut carried = event(code, transition, 1, 0, 700);
            carried.since_ms = if transition == 2 { 650 } else { 0 };
            alert(carried)
        };
        let frames = [carried(1001, 3), carried(2001, 2)];
        send(store, &batch(5, 1000, &[stream0(0, &frames)]), at(1000));
        let now = alerts(store);
        let of = |code: u16| {
            now.iter()
                .find(|alert| alert.identity.code == code)
                .unwrap()
        };
        assert!(of(1001).firing);
        assert_eq!((of(1001).occurred, of(1001).detected), (None, None));
        assert_eq!((of(2001).occurred, of(2001).detected), (None, None));
        assert_eq!(of(2001).recovered.unwrap().wall, at(650));
        assert_eq!(of(2001).resolved.unwrap().wall, at(700));
    });
}

#[test]
fn an_alert_carried_over_a_reboot_stays_one_alert() {
    on_both(|store| {
        let carried = || {
            let mut carried = open(1001, 3, 0);
            carried.flags = FLAG_EARLIER_BOOT;
            carried
        };
        let fired = alert(event(1001, 1, 3, 400, 400));
        send(
            store,
            &batch(5, 500, &[stream0(0, &[hello(1, "h")])]),
            at(500),
        );
        let of_new = |first, frames: &[Vec<u8>]| {
            let mut part = part(6, Stream::Alerts, first, frames);
            part.boot = 2;
            part
        };
        // Closed by mistake and named again, while its own firing is still on the way.
        let frames = [
            state(100, 0, 1, &[carried()]),
            state(110, 0, 1, &[]),
            state(120, 0, 1, &[carried()]),
        ];
        send(
            store,
            &batch_in(6, 2, 1000, &[of_new(0, &frames)]),
            at(5000),
        );
        assert_eq!(alerts(store).len(), 1);
        assert!(alerts(store)[0].firing);
        let late = stream0(1, &[fired]);
        let end = of_new(
            3,
            &[alert(Event {
                since_ms: 1400,
                ..event(1001, 2, 3, 0, 1500)
            })],
        );
        send(store, &batch_in(6, 2, 2000, &[late, end]), at(6000));
        let now = alerts(store);
        assert_eq!(now.len(), 1, "{now:#?}");
        assert!(!now[0].firing && !now[0].by.state());
        assert_eq!(now[0].detected.unwrap().wall, at(400));
        assert_eq!(now[0].fired.as_millis(), 400);
        // Known before the reboot, it is one.
        let known = [alert(event(2001, 1, 7, 450, 450))];
        send(
            store,
            &batch_in(6, 2, 2001, &[stream0(2, &known)]),
            at(6001),
        );
        let frames = [
            state(2100, 0, 1, &[open(2001, 7, 0)]),
            alert(event(2001, 2, 7, 0, 2200)),
        ];
        send(
            store,
            &batch_in(6, 2, 2300, &[of_new(4, &frames)]),
            at(6300),
        );
        let of: Vec<_> = alerts(store)
            .into_iter()
            .filter(|alert| alert.identity.code == 2001)
            .collect();
        assert_eq!(of.len(), 1);
        assert_eq!(of[0].detected.unwrap().wall, at(450));
        assert_eq!(of[0].fired.as_millis(), 450);
        assert_eq!(of[0].resolved.unwrap().wall, at(6200));
    });
}

#[test]
fn a_state_reopens_the_episode_that_it_names_and_opens_no_second_one() {
    on_both(|store| {
        let frames = [
            alert(event(1001, 1, 1, 100, 100)),
            state(200, 0, 1, &[]),
            state(300, 0, 1, &[open(1001, 1, 100)]),
        ];
        send(store, &batch(5, 1000, &[stream0(0, &frames)]), at(1000));
        let alerts_now = alerts(store);
        assert_eq!(alerts_now.len(), 1);
        assert!(alerts_now[0].firing && !alerts_now[0].by.state());
        assert_eq!(alerts_now[0].resolved, None);
        let end = [alert(event(1001, 2, 1, 100, 400))];
        send(store, &batch(5, 1001, &[stream0(3, &end)]), at(1001));
        assert_eq!(alerts(store)[0].resolved.unwrap().wall, at(400));
    });
}

#[test]
fn the_journal_tells_what_happened_to_alerts_in_order() {
    on_both(|store| {
        let frames = [
            hello(1, "web03"),
            alert(event(1002, 1, 1, 500, 500)),
            alert(event(1002, 2, 1, 500, 900)),
            alert(event(1001, 1, 1, 600, 600)),
        ];
        send(store, &batch(5, 1000, &[stream0(0, &frames)]), at(0));
        // Sent again, nothing happens again.
        send(store, &batch(5, 1100, &[stream0(0, &frames)]), at(100));
        send(
            store,
            &batch(
                5,
                1200,
                &[stream0(4, &[alert(event(1001, 2, 1, 600, 1100))])],
            ),
            at(200),
        );
        let told: Vec<(u64, &str, u16)> = events(store)
            .iter()
            .map(|event| {
                let alert = store.alert(event.alert).unwrap().unwrap();
                (event.number, event.kind.word(), alert.identity.code)
            })
            .collect();
        let expected = [
            (1, "raised", 1002),
            (2, "resolved", 1002),
            (3, "raised", 1001),
            (4, "resolved", 1001),
        ];
        assert_eq!(told, expected);
        let mut of_one = Vec::new();
        store
            .view(&mut |rows| {
                let all = rows.events_after(2, 1)?;
                of_one = rows.events_of(all[0].alert)?;
                Ok(())
            })
            .unwrap();
        assert_eq!(
            of_one.iter().map(|event| event.number).collect::<Vec<_>>(),
            [3, 4]
        );
    });
}
