//! The outbox on both stores: the crash cases of docs/NOTIFY.md, servers that refuse or ask to come later, and HNS9008.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod notify_support;

use hansho::clock::WallTime;
use hansho_collector::limit::{CLAIM_MS, GIVE_UP_MS, GIVE_UP_TRIES};
use hansho_collector::notify::outbox::{
    Attempt, InHand, Marked, Tried, UNDELIVERED, claim, finish,
};
use hansho_collector::store::*;
use notify_support::support::NOW;
use notify_support::{HOUR, MINUTE, SECOND, World, mail, worlds};

fn each(test: impl Fn(&mut World)) {
    for mut world in worlds() {
        test(&mut world);
    }
}

/// One alert, decided on; nothing is claimed yet.
fn raised(world: &mut World) -> AlertId {
    let id = world.at(SECOND).raise(1, 5001);
    world.at(2 * SECOND);
    id
}

#[test]
fn killed_before_the_claim_the_message_waits_for_the_next() {
    each(|world| {
        raised(world);
        world.begin();
        assert_eq!(world.deliver().len(), 2);
        assert_eq!(world.taken_by_servers.len(), 2);
    });
}

#[test]
fn killed_after_the_claim_the_next_takes_it_over_at_once() {
    each(|world| {
        raised(world);
        let before = world.claim();
        assert_eq!(before.len(), 2);
        assert_eq!(world.claim(), []);
        world.begin();
        let after = world.claim();
        assert_eq!(after[0].message_id, before[0].message_id);
        for outgoing in after {
            world.hand_over(&outgoing);
            world.mark(&outgoing, "delivered");
        }
        assert_eq!(world.deliver(), []);
        assert_eq!(world.taken_by_servers.len(), 2);
    });
}

#[test]
fn killed_between_the_servers_answer_and_the_mark_it_goes_out_twice_under_one_name() {
    each(|world| {
        let id = raised(world);
        for outgoing in world.claim() {
            world.hand_over(&outgoing);
        }
        world.begin();
        assert_eq!(world.deliver().len(), 2);
        let names = &world.taken_by_servers;
        assert_eq!(names.len(), 4);
        assert_eq!(names[..2], names[2..]);
        assert_eq!(world.outbox(id).len(), 2);
    });
}

#[test]
fn a_notifier_that_was_taken_over_marks_nothing() {
    each(|world| {
        raised(world);
        let claimed = world.claim();
        let old = world.fence;
        world.begin();
        let new = world.claim();
        let now = world.now();
        let attempt: Attempt = Tried::Refused {
            said: "too late".to_owned(),
        }
        .into();
        let marked = world.with(|rows| finish(rows, old, claimed[0].number, &attempt, now));
        assert_eq!(marked, Marked::TakenOver);
        assert_eq!(world.with(|rows| claim(rows, old, &[], 16, now)), []);
        world.mark(&new[0], "delivered");
        let state = world
            .with(|rows| rows.outgoing(new[0].number))
            .unwrap()
            .state;
        assert_eq!(state, Sending::Delivered);
    });
}

#[test]
fn a_claim_that_hangs_ends_by_itself() {
    each(|world| {
        raised(world);
        assert_eq!(world.claim().len(), 2);
        world.now_ms += CLAIM_MS - SECOND;
        assert_eq!(world.claim(), []);
        world.now_ms += SECOND;
        assert_eq!(world.claim().len(), 2);
    });
}

#[test]
fn a_receiver_gets_one_at_a_time_and_a_busy_one_is_left_out() {
    each(|world| {
        raised(world);
        world.raise(2, 5001);
        world.step();
        let claimed = world.claim();
        let mut names: Vec<&str> = claimed.iter().map(|one| one.receiver.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["list", "sato"]);
        let now = world.now();
        let fence = world.fence;
        let busy: Vec<InHand> = claimed.iter().map(InHand::of).collect();
        assert_eq!(world.with(|rows| claim(rows, fence, &busy, 16, now)), []);
    });
}

#[test]
fn a_dead_receiver_with_a_thousand_messages_hides_no_other() {
    each(|world| {
        world.team.ceiling = 100_000;
        world.policy.group_after = 100_000;
        for _ in 0..600 {
            let place = world.next_alert.to_string();
            let alert = world.new_alert(3, 5001, &place);
            world.put(&alert);
        }
        world.step();
        // Both mailboxes and the hook hang: each has one in hand.
        let hanging = world.claim();
        assert_eq!(hanging.len(), 3);
        world.at(world.now_ms + 20 * SECOND);
        let hidden = world.with(|rows| {
            let mut one = hanging[0].clone();
            one.number = 1_000_000;
            one.decision = 1_000_000;
            one.receiver = "suzuki".to_owned();
            one.state = Sending::Queued;
            one.next_try = WallTime::from_millis(NOW + 15 * SECOND);
            rows.put_outgoing(&one)?;
            Ok(one.number)
        });
        let in_hand: Vec<InHand> = hanging.iter().map(InHand::of).collect();
        let (now, fence) = (world.now(), world.fence);
        let claimed = world.with(|rows| claim(rows, fence, &in_hand, 1, now));
        let numbers: Vec<u64> = claimed.iter().map(|one| one.number).collect();
        assert_eq!(numbers, [hidden]);
    });
}

#[test]
fn a_receiver_that_is_taken_out_of_the_configuration_is_not_told_of_for_ever() {
    each(|world| {
        raised(world);
        let claimed = world.claim();
        let sato = claimed.iter().find(|one| one.receiver == "sato").unwrap();
        world.mark(sato, "refused");
        let open = |world: &World| {
            let all = world.store.alerts(&AlertFilter::default()).unwrap();
            all.iter()
                .any(|alert| alert.identity.code == UNDELIVERED && alert.firing)
        };
        assert!(open(world));
        world.at(2 * HOUR);
        assert!(open(world));
        world.team.gone = Some("sato");
        world.at(4 * HOUR);
        assert!(!open(world));
    });
}

#[test]
fn a_clock_that_was_a_day_ahead_holds_back_no_mail() {
    each(|world| {
        world.at(24 * HOUR).raise(1, 5001);
        world.step();
        let claimed = world.claim();
        world.mark(&claimed[0], "later");
        world.mark(&claimed[1], "later");
        // The clock is set right: by a day.
        world.now_ms = MINUTE;
        assert_eq!(world.claim().len(), 2);
    });
}

#[test]
fn mails_that_hang_leave_a_worker_to_the_hooks() {
    each(|world| {
        world.raise(3, 5001);
        world.step();
        let queued = world.claim();
        world.begin();
        world.with(|rows| {
            for (place, receiver) in (0_u64..).zip(["a", "b", "c", "d", "e"]) {
                let mut one = queued[0].clone();
                one.number = 1_000 + place;
                one.decision = 1_000 + place;
                one.receiver = receiver.to_owned();
                one.state = Sending::Queued;
                one.next_try = WallTime::from_millis(NOW);
                rows.put_outgoing(&one)?;
            }
            Ok(())
        });
        let (now, fence) = (world.now(), world.fence);
        let claimed = world.with(|rows| claim(rows, fence, &[], 4, now));
        let mails = claimed.iter().filter(|one| one.channel == Channel::Mail);
        assert_eq!((claimed.len(), mails.count()), (4, 3));
    });
}

#[test]
fn a_refused_receiver_is_told_to_another_and_never_to_itself() {
    each(|world| {
        let id = raised(world);
        for outgoing in world.claim() {
            let how = if outgoing.receiver == "sato" {
                "refused"
            } else {
                "delivered"
            };
            world.mark(&outgoing, how);
        }
        let mails = world.at(4 * SECOND).deliver();
        // Of Sato's route only the list and the second are left.
        assert_eq!(
            mails,
            [
                mail("first", "list", &[UNDELIVERED]),
                mail("first", "suzuki", &[UNDELIVERED])
            ]
        );
        let refused = &world.outbox(id)[0];
        assert_eq!((refused.state, refused.attempts), (Sending::Refused, 1));
        assert_eq!(refused.said, "refused");
        // A later message gets through: it is over.
        world.resolve(id);
        let mails = world.at(5 * SECOND).deliver();
        assert!(mails.contains(&mail("family_ends", "sato", &[5001])));
        let mails = world.at(7 * SECOND).deliver();
        assert!(
            mails.contains(&mail("family_ends", "suzuki", &[UNDELIVERED])),
            "{mails:?}"
        );
    });
}

#[test]
fn three_tries_within_five_minutes_are_told_to_another_and_the_message_still_goes_out() {
    each(|world| {
        let id = raised(world);
        let sato = |world: &World| world.outbox(id)[0].clone();
        let mut tries = Vec::new();
        while world
            .with(|rows| rows.open_alerts(COLLECTOR_AGENT))
            .is_empty()
        {
            for outgoing in world.claim() {
                if outgoing.receiver == "sato" {
                    tries.push(world.now_ms);
                    world.mark(&outgoing, "later");
                } else {
                    world.mark(&outgoing, "delivered");
                }
            }
            world.now_ms += SECOND;
        }
        assert_eq!(tries.len(), 3);
        assert!(tries[2] - tries[0] <= 5 * MINUTE, "{tries:?}");
        let late = sato(world);
        assert_eq!((late.state, late.attempts), (Sending::Queued, 3));
        assert_eq!(
            world.alert(id).notified.unwrap().wall.as_millis() % 1000,
            world.now().as_millis() % 1000
        );
        let now = world.now_ms;
        world.step();
        assert_eq!(world.deliver().len(), 2);
        let mails = world.at(now + 6 * MINUTE).deliver();
        assert!(mails.contains(&mail("first", "sato", &[5001])), "{mails:?}");
        assert_eq!(sato(world).message_id, late.message_id);
    });
}

#[test]
fn undelivered_messages_about_undelivered_messages_go_no_further() {
    each(|world| {
        raised(world);
        for _ in 0..20 {
            for outgoing in world.claim() {
                world.mark(&outgoing, "refused");
            }
            world.now_ms += SECOND;
            world.step();
        }
        // One of Sato, one of the list; none about the messages that said so.
        let open = world.with(|rows| rows.open_alerts(COLLECTOR_AGENT));
        let mut subjects: Vec<&str> = open
            .iter()
            .map(|one| one.identity.subject.as_str())
            .collect();
        subjects.sort_unstable();
        assert_eq!(subjects, ["list", "sato"]);
    });
}

#[test]
fn what_nobody_takes_for_a_day_is_given_up() {
    each(|world| {
        let id = raised(world);
        world.team.repeat_ms = None;
        let begun = world.now_ms;
        while world.outbox(id)[0].state == Sending::Queued {
            for outgoing in world.claim() {
                world.mark(&outgoing, "later");
            }
            world.now_ms += 10 * MINUTE;
            assert!(world.now_ms - begun < GIVE_UP_MS + 3 * HOUR);
        }
        assert_eq!(world.outbox(id)[0].state, Sending::GivenUp);
        assert!(world.now_ms - begun >= GIVE_UP_MS);
        assert_eq!(world.alert(id).notified, None);
    });
}

/// One message an hour to a receiver that is dead for days: a day of them waits, and when it comes back it gets the newest.
#[test]
fn messages_of_a_thread_for_a_dead_receiver_do_not_pile_up() {
    each(|world| {
        world.team.escalate_ms = 100_000 * HOUR;
        let id = raised(world);
        let waits = |world: &World| {
            let all = world.outbox(id);
            let waits = all
                .iter()
                .filter(|one| one.receiver == "sato" && !one.state.is_final());
            waits.map(|one| one.number).collect::<Vec<_>>()
        };
        let mut most = 0;
        for half in 1..=2 * 24 * 3 {
            let now_ms = world.now_ms;
            world.at(now_ms + 30 * MINUTE);
            loop {
                let claimed = world.claim();
                if claimed.is_empty() {
                    break;
                }
                for one in claimed {
                    let dead = one.receiver == "sato";
                    world.mark(&one, if dead { "later" } else { "delivered" });
                }
            }
            most = most.max(waits(world).len());
            assert!(!waits(world).is_empty(), "{half}: the newest is kept");
        }
        assert!((24..=26).contains(&most), "{most}");
        // The newest of each day had a day of its own: nothing else was tried less than often enough and given up.
        let all = world.outbox(id);
        let given_up = all.iter().filter(|one| one.state == Sending::GivenUp);
        assert!(given_up.clone().all(|one| one.attempts > GIVE_UP_TRIES));
        assert!(given_up.count() > 40);
        world.resolve(id);
        world.step();
        let newest = world.outbox(id).pop().unwrap().number;
        let mails = world.deliver();
        let sato: Vec<&str> = mails
            .iter()
            .filter(|mail| mail.1 == "sato" && mail.2 == [5001])
            .map(|mail| mail.0.as_str())
            .collect();
        assert!((2..=26).contains(&sato.len()), "{sato:?}");
        assert_eq!(sato.last(), Some(&"family_ends"));
        assert!(newest > 100);
        assert!(waits(world).is_empty());
    });
}

/// What an Alertmanager is told again stands beside the order: that it was given up says nothing of what waits.
#[test]
fn a_renewal_that_is_given_up_takes_nothing_with_it() {
    each(|world| {
        world.team.escalate_ms = 100_000 * HOUR;
        world.team.repeat_ms = None;
        let id = world.raise(4, 1002);
        world.step();
        world.deliver();
        world.take(id, "sato");
        world.at(MINUTE).deliver();
        world.at(7 * HOUR);
        let begun = world.now_ms;
        let renewal = |world: &World| {
            let all = world.outbox(id).into_iter();
            let mut renewals = all.filter(|one| one.reason == Reason::Renewed);
            renewals.next().unwrap()
        };
        let mut said = false;
        while !renewal(world).state.is_final() {
            for one in world.claim() {
                let dead = one.receiver == "manager";
                world.mark(&one, if dead { "later" } else { "delivered" });
            }
            world.now_ms += 10 * MINUTE;
            if !said && world.now_ms - begun > GIVE_UP_MS - HOUR {
                said = true;
                world.give_back(id);
                world.step();
                world.take(id, "suzuki");
                world.step();
            }
        }
        let renewal = renewal(world);
        assert_eq!(renewal.state, Sending::GivenUp);
        let all = world.outbox(id);
        let waits: Vec<&Outgoing> = all
            .iter()
            .filter(|one| one.state == Sending::Queued && one.receiver == "manager")
            .collect();
        assert_eq!(waits.len(), 2);
        for one in waits {
            assert!(one.attempts < renewal.attempts);
            assert!(one.first_try.is_none() || one.first_try > renewal.first_try);
        }
    });
}

#[test]
fn a_day_that_passed_between_two_tries_gives_nothing_up() {
    each(|world| {
        let id = raised(world);
        // The clock is set ahead by a day, or nobody ran: that is no day of trying.
        for _ in 0..GIVE_UP_TRIES {
            for outgoing in world.claim() {
                world.mark(&outgoing, "later");
            }
            assert_eq!(world.outbox(id)[0].state, Sending::Queued);
            world.now_ms += GIVE_UP_MS;
        }
        for outgoing in world.claim() {
            world.hand_over(&outgoing);
            world.mark(&outgoing, "delivered");
        }
        assert_eq!(world.outbox(id)[0].state, Sending::Delivered);
    });
}

#[test]
fn of_several_addresses_only_those_that_had_it_not_get_it_again() {
    each(|world| {
        let id = raised(world);
        let sato = world.claim().remove(0);
        let (fence, now) = (world.fence, world.now());
        let attempt = Attempt {
            tried: Tried::Later {
                said: "450 greylisted".to_owned(),
            },
            served: vec!["sato@example.jp".to_owned()],
            some_refused: false,
            subject: "[HNS5001-E]".to_owned(),
        };
        world.with(|rows| finish(rows, fence, sato.number, &attempt, now));
        let kept = &world.outbox(id)[0];
        assert_eq!(kept.served, ["sato@example.jp"]);
        assert_eq!(kept.subject, "[HNS5001-E]");
        assert_eq!(kept.state, Sending::Queued);
        // Words of a server are one line, bounded.
        world.now_ms += MINUTE;
        let again = world
            .claim()
            .into_iter()
            .find(|one| one.receiver == "sato")
            .unwrap();
        assert_eq!(again.served, ["sato@example.jp"]);
        let long = format!("550 a\nb\u{7}{}", "x".repeat(1000));
        let attempt: Attempt = Tried::Refused { said: long }.into();
        let now = world.now();
        world.with(|rows| finish(rows, fence, again.number, &attempt, now));
        let said = &world.outbox(id)[0].said;
        assert!(said.starts_with("550 a b x"), "{said}");
        assert_eq!(said.chars().count(), 300);
    });
}
