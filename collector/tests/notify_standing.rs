//! What holds while an alert stands open, in virtual time on both stores: ranks without receiver, the order of a thread's
//! messages, Alertmanagers that are to hear of it again, a clock that steps.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod notify_support;

use hansho_collector::limit::{GIVE_UP_MS, THREAD_DECISIONS, THREAD_SLACK};
use hansho_collector::notify::{Context, stepped};
use hansho_collector::store::*;
use notify_support::{HOUR, MINUTE, SECOND, World, mail, worlds};

fn each(test: impl Fn(&mut World)) {
    for mut world in worlds() {
        test(&mut world);
    }
}

/// What somebody got, by reason.
fn got(mails: &[notify_support::Mail], who: &str) -> Vec<String> {
    let own = mails.iter().filter(|mail| mail.1 == who);
    own.map(|mail| mail.0.clone()).collect()
}

#[test]
fn where_the_first_on_duty_has_no_receiver_the_second_is_told_at_once_and_the_third_in_time() {
    each(|world| {
        world.team.unreachable = vec![1];
        let id = world.at(SECOND).raise(1, 1002);
        let mails = world.at(2 * SECOND).deliver();
        assert_eq!(mails, [mail("passed_over", "suzuki", &[1002])]);
        assert_eq!(world.reasons(id), [Reason::PassedOver { level: 2 }]);
        // As long as the second would have had after the first.
        assert_eq!(world.at(5 * MINUTE).deliver(), []);
        let mails = world.at(5 * MINUTE + 2 * SECOND).deliver();
        assert_eq!(got(&mails, "tanaka"), ["escalated"]);
        assert_eq!(got(&mails, "suzuki"), ["escalated"]);
        // The repeat goes to those who know, and the end too.
        let mails = world.at(2 * HOUR).deliver();
        assert_eq!(got(&mails, "suzuki"), ["repeat"]);
        world.resolve(id);
        let mails = world.at(2 * HOUR + SECOND).deliver();
        assert_eq!(got(&mails, "tanaka"), ["family_ends"]);
    });
}

#[test]
fn a_second_on_duty_without_receiver_is_passed_over() {
    each(|world| {
        world.team.unreachable = vec![2];
        let id = world.at(SECOND).raise(1, 1002);
        assert_eq!(world.at(2 * SECOND).deliver().len(), 2);
        let mails = world.at(5 * MINUTE + 2 * SECOND).deliver();
        assert_eq!(got(&mails, "tanaka"), ["passed_over"]);
        assert_eq!(world.at(50 * MINUTE).deliver(), []);
        assert_eq!(
            world.reasons(id),
            [Reason::First, Reason::PassedOver { level: 3 }]
        );
    });
}

#[test]
fn a_test_and_what_comes_late_say_that_the_first_on_duty_was_passed_over() {
    each(|world| {
        world.team.unreachable = vec![1];
        let mut test = world.at(SECOND).new_alert(1, 1002, "");
        test.identity.test = true;
        world.put(&test);
        let mails = world.at(2 * SECOND).deliver();
        assert_eq!(mails, [mail("drill", "suzuki", &[1002])]);
        assert_eq!(
            world.reasons(test.id),
            [Reason::PassedOver { level: 2 }, Reason::Drill]
        );
    });
}

#[test]
fn where_no_rank_has_a_receiver_the_fallback_is_told() {
    each(|world| {
        world.team.unreachable = vec![1, 2, 3];
        world.team.fallback = Some("office");
        let id = world.at(SECOND).raise(1, 1002);
        let mails = world.at(2 * SECOND).deliver();
        assert_eq!(mails, [mail("fallback", "office", &[1002])]);
        assert_eq!(world.reasons(id), [Reason::Fallback]);
        // A receiver is configured for the third meanwhile: they are told in time.
        world.team.unreachable = vec![1, 2];
        let mails = world.at(2 * HOUR).deliver();
        assert_eq!(got(&mails, "tanaka")[0], "passed_over");
        // A digest goes there too.
        world.team.unreachable = vec![1, 2, 3];
        world.raise(2, 1001);
        let mails = world.at(9 * HOUR).deliver();
        assert!(
            mails.contains(&mail("digest", "office", &[1001])),
            "{mails:?}"
        );
    });
}

#[test]
fn a_message_that_is_tried_again_is_not_overtaken_by_later_ones_of_its_thread() {
    each(|world| {
        world.team.escalate_ms = 100 * HOUR;
        let id = world.at(SECOND).raise(1, 1002);
        world.step();
        let first = world.claim();
        let sato = first.iter().find(|one| one.receiver == "sato").unwrap();
        for one in &first {
            let how = if one.receiver == "sato" {
                "later"
            } else {
                "delivered"
            };
            world.mark(one, how);
        }
        // Another thread of the same receiver does not wait.
        world.at(2 * SECOND).raise(2, 1002);
        world.take(id, "sato");
        world.step();
        let now: Vec<(String, String)> = world
            .claim()
            .iter()
            .map(|one| (one.receiver.clone(), one.reason.word().to_owned()))
            .collect();
        assert!(!now.contains(&("sato".to_owned(), "acknowledged".to_owned())));
        world.begin();
        // What is new is a reason to try the old one again at once; then the rest follows.
        let mails = world.deliver();
        assert_eq!(got(&mails, "sato"), ["first", "first", "acknowledged"]);
        let order: Vec<u64> = world
            .outbox(id)
            .iter()
            .filter(|one| one.receiver == "sato")
            .map(|one| one.number)
            .collect();
        assert_eq!(order[0], sato.number);
    });
}

#[test]
fn what_is_refused_or_given_up_lets_the_later_ones_go() {
    each(|world| {
        world.team.escalate_ms = 100 * HOUR;
        world.team.repeat_ms = None;
        let id = world.at(SECOND).raise(1, 1002);
        world.step();
        for one in world.claim() {
            world.mark(&one, "later");
        }
        world.take(id, "sato");
        world.step();
        let begun = world.now_ms;
        while world.outbox(id)[0].state == Sending::Queued {
            for one in world.claim().iter().filter(|one| one.receiver == "sato") {
                assert!(one.alert != Some(id) || one.reason == Reason::First);
                world.mark(one, "later");
            }
            world.begin();
            world.now_ms += 10 * MINUTE;
            assert!(world.now_ms - begun < GIVE_UP_MS + 3 * HOUR);
        }
        assert_eq!(world.outbox(id)[0].state, Sending::GivenUp);
        let mails = world.deliver();
        assert!(
            mails.contains(&mail("acknowledged", "sato", &[1002])),
            "{mails:?}"
        );
    });
}

#[test]
fn an_alertmanager_hears_again_of_what_stands_open_though_people_do_not() {
    each(|world| {
        world.team.escalate_ms = 1000 * HOUR;
        let id = world.at(SECOND).raise(4, 1002);
        world.at(2 * SECOND).deliver();
        world.take(id, "sato");
        world.at(MINUTE).deliver();
        let mut renewed = 0;
        for hour in 1..=72 {
            let mails = world.at(MINUTE + hour * HOUR).deliver();
            assert!(mails.iter().all(|mail| mail.1 == "manager"), "{mails:?}");
            renewed += mails.len();
        }
        // Three days: each six hours.
        assert_eq!(renewed, 12);
        // Neither rows nor decisions grow with them.
        assert_eq!(world.outbox(id).len(), 7);
        assert_eq!(
            world.reasons(id),
            [Reason::First, Reason::Acknowledged, Reason::Renewed]
        );
        // A silence is for people too.
        world.give_back(id);
        world.at(72 * HOUR + 2 * MINUTE).deliver();
        world.hush(1002, Reason::Silenced { silence: 7 }, None);
        let mails = world.at(90 * HOUR).deliver();
        assert!(
            mails.contains(&mail("renewed", "manager", &[1002])),
            "{mails:?}"
        );
        world.resolve(id);
        let mails = world.at(90 * HOUR + MINUTE).deliver();
        assert!(mails.contains(&mail("family_ends", "manager", &[1002])));
        assert_eq!(world.at(200 * HOUR).deliver(), []);
    });
}

#[test]
fn of_an_alertmanager_that_is_away_one_renewal_waits_and_the_end_does_not_wait_for_it() {
    each(|world| {
        world.team.escalate_ms = 1000 * HOUR;
        let id = world.at(SECOND).raise(4, 1002);
        world.at(2 * SECOND).deliver();
        world.take(id, "sato");
        world.at(MINUTE).deliver();
        for minutes in 0..600 {
            world.at(HOUR + minutes * MINUTE);
            for one in world.claim() {
                // HNS9008 says so to people.
                let manager = one.receiver == "manager";
                world.mark(&one, if manager { "later" } else { "delivered" });
            }
        }
        let waits = |world: &World| {
            let all = world.outbox(id);
            let waits = all.iter().filter(|one| !one.state.is_final());
            waits.map(|one| one.reason).collect::<Vec<_>>()
        };
        assert_eq!(waits(world), [Reason::Renewed]);
        world.resolve(id);
        world.step();
        let mails = world.deliver();
        assert!(
            mails.contains(&mail("family_ends", "manager", &[1002])),
            "{mails:?}"
        );
        world.at(40 * HOUR);
        assert_eq!(
            world.deliver().iter().filter(|one| one.2 == [1002]).count(),
            0
        );
        assert_eq!(waits(world), []);
    });
}

#[test]
fn of_an_alert_that_stands_open_for_months_what_was_only_counted_becomes_a_number() {
    each(|world| {
        world.team.escalate_ms = 100_000 * HOUR;
        let id = world.at(SECOND).raise(1, 1002);
        world.at(2 * SECOND).deliver();
        for hour in 1..=30 {
            for _ in 0..25 {
                world.event(id, EventKind::Repeated);
            }
            world.at(hour * HOUR + MINUTE).deliver();
        }
        world.event(id, EventKind::Unknown);
        world.step();
        let reasons = world.reasons(id);
        assert!(
            reasons.len() <= THREAD_DECISIONS + THREAD_SLACK,
            "{}",
            reasons.len()
        );
        assert!(reasons.len() >= THREAD_DECISIONS);
        // The first stays, and the newest; what a repeat is counted by too.
        assert_eq!(reasons[0], Reason::First);
        assert_eq!(reasons.last(), Some(&Reason::BecameUnknown));
        assert!(reasons.contains(&Reason::Repeat { nth: 31 }), "{reasons:?}");
        let messages = world.outbox(id);
        assert!((4..62).contains(&messages.len()), "{}", messages.len());
        assert_eq!(messages[0].reason, Reason::First);
        let events = world.with(|rows| rows.events_after(0, 10_000));
        assert!(
            events.len() <= THREAD_DECISIONS + THREAD_SLACK + 1,
            "{}",
            events.len()
        );
        // Whoever was told hears of the end, in the thread of the first message.
        world.resolve(id);
        let mails = world.at(31 * HOUR).deliver();
        assert_eq!(mails.len(), 2);
        let end = world.outbox(id).pop().unwrap();
        assert_eq!(end.references.len(), 2);
    });
}

/// A lesser alert of the family comes and goes for months: nobody is told, and what is kept of it has a bound.
#[test]
fn what_comes_and_goes_under_a_worse_one_becomes_a_number_too() {
    each(|world| {
        world.team.escalate_ms = 100_000 * HOUR;
        world.team.repeat_ms = None;
        let id = world.at(SECOND).raise(1, 1002);
        world.step();
        let lesser = world.raise(1, 1001);
        for _ in 0..40 {
            for _ in 0..10 {
                world.resolve(lesser);
                world.reopen(lesser);
            }
            world.step();
        }
        let still = Reason::StillOpenInFamily { by: 1002 };
        assert!(world.reasons(lesser).iter().all(|reason| *reason == still));
        let kept = world.with(|rows| rows.decided_in(id));
        assert!(kept <= THREAD_DECISIONS + THREAD_SLACK, "{kept}");
        assert!(kept >= THREAD_DECISIONS);
    });
}

/// Where all that is old stays, further decisions do not each walk through the thread.
#[test]
fn a_thread_is_folded_after_so_many_further_decisions_and_not_at_each() {
    each(|world| {
        world.team.escalate_ms = 100_000 * HOUR;
        world.team.repeat_ms = None;
        let id = world.at(SECOND).raise(1, 1002);
        world.step();
        // What people were told stays.
        for _ in 0..THREAD_SLACK / 2 {
            world.take(id, "sato");
            world.give_back(id);
        }
        world.step();
        let decided = |world: &World| world.with(|rows| rows.decided_in(id));
        let mut most = 0;
        for _ in 0..70 {
            for _ in 0..10 {
                world.event(id, EventKind::Repeated);
            }
            world.step();
            most = most.max(decided(world));
        }
        // Of the oldest hundred nothing could go, of the next all could.
        let twice = THREAD_DECISIONS + 2 * THREAD_SLACK;
        assert!((twice - 10..twice).contains(&most), "{most}");
    });
}

#[test]
fn a_clock_set_back_delays_no_repeat_and_no_escalation() {
    each(|world| {
        let id = world.at(10 * HOUR).raise(1, 1002);
        world.at(10 * HOUR + 2 * SECOND).deliver();
        world.at(10 * HOUR + 4 * MINUTE);
        // Back by five hours; the collector was not running meanwhile, and finds what it did in the future.
        world.now_ms -= 5 * HOUR;
        world.begin();
        let begun = world.now_ms;
        let mails = world.at(begun + 5 * MINUTE + 2 * SECOND).deliver();
        assert_eq!(got(&mails, "suzuki"), ["escalated"]);
        let mails = world.at(begun + 75 * MINUTE).deliver();
        assert_eq!(got(&mails, "sato"), ["escalated", "repeat"]);
        assert_eq!(world.reasons(id).len(), 4);
    });
}

/// The clock steps under a running notifier, which knows by how much.
fn steps(world: &mut World, by_ms: i64) {
    world.now_ms = world.now_ms.checked_add_signed(by_ms).unwrap();
    let now = world.now();
    world.with(|rows| {
        let context = Context {
            directory: &world.team,
            handled: &world.people,
            policy: &world.policy,
        };
        stepped::go_on(rows, &context, by_ms, now)
    });
}

#[test]
fn a_clock_that_steps_under_a_running_notifier_changes_no_interval() {
    let hours = |many: i64| many * i64::try_from(HOUR).unwrap();
    // Ahead and back again too: nothing comes twice, nothing late.
    for by_ms in [vec![hours(-5)], vec![hours(5)], vec![hours(5), hours(-5)]] {
        each(|world| {
            world.team.escalate_ms = 20 * MINUTE;
            world.at(10 * HOUR).raise(1, 1002);
            world.at(10 * HOUR + 2 * SECOND).deliver();
            world.at(10 * HOUR + 10 * MINUTE);
            for by_ms in &by_ms {
                steps(world, *by_ms);
                world.step();
                assert_eq!(world.deliver(), []);
            }
            let begun = world.now_ms - 10 * MINUTE;
            assert_eq!(world.at(begun + 20 * MINUTE).deliver(), []);
            let mails = world.at(begun + 20 * MINUTE + 2 * SECOND).deliver();
            assert_eq!(got(&mails, "suzuki"), ["escalated"]);
            let mails = world.at(begun + 40 * MINUTE + 2 * SECOND).deliver();
            assert_eq!(got(&mails, "tanaka"), ["escalated"]);
            assert_eq!(world.at(begun + 100 * MINUTE).deliver(), []);
            let mails = world.at(begun + 100 * MINUTE + 4 * SECOND).deliver();
            assert_eq!(got(&mails, "sato"), ["repeat"]);
        });
    }
}

#[test]
fn a_clock_set_back_by_a_day_delays_no_digest() {
    each(|world| {
        world.team.repeat_ms = None;
        world.at(26 * HOUR).raise(1, 1001);
        world.step();
        // In truth it is a day before.
        world.now_ms -= 24 * HOUR;
        world.begin();
        let mails = world.at(8 * HOUR).deliver();
        assert_eq!(
            mails,
            [
                mail("digest", "sato", &[1001]),
                mail("digest", "list", &[1001])
            ]
        );
        assert_eq!(world.at(33 * HOUR).deliver(), []);
    });
}
