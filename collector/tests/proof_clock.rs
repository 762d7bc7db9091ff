//! The clock of the collector steps while alerts are open, in virtual time over decisions and outbox, as a collector finds it that was
//! started since (one that runs knows how far, `notify_standing.rs`): nothing is decided or mailed twice, nothing repeats without end, and what is new is told at once whatever the clock says.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod notify_support;

use hansho_collector::store::Reason;
use notify_support::{HOUR, MINUTE, Mail, SECOND, World, worlds};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Lets so many seconds pass, a step each; what arrived.
fn tick(world: &mut World, seconds: u64) -> Vec<Mail> {
    let mut mails = Vec::new();
    for _ in 0..seconds {
        world.now_ms += SECOND;
        world.step();
        mails.extend(world.deliver());
    }
    mails
}

fn of(mails: &[Mail], reason: &str) -> usize {
    mails.iter().filter(|(why, ..)| why == reason).count()
}

/// Every message arrived once.
fn once(world: &World) {
    let distinct: BTreeSet<_> = world.taken_by_servers.iter().collect();
    assert_eq!(distinct.len(), world.taken_by_servers.len());
}

#[test]
fn a_clock_that_steps_back_and_ahead_tells_nothing_twice() {
    for mut world in worlds() {
        let world = &mut world;
        world.now_ms = 12 * HOUR;
        let first = world.raise(1, 1002);
        // Sato and the list.
        assert_eq!(of(&tick(world, 60), "first"), 2);
        // Back by an hour: nobody hears anything of it.
        world.now_ms -= HOUR;
        assert_eq!(tick(world, 120), []);
        // What is new is told at once, what ends too.
        let second = world.raise(2, 1002);
        assert_eq!(of(&tick(world, 2), "first"), 2);
        world.resolve(first);
        assert_eq!(of(&tick(world, 2), "family_ends"), 2);
        // Ahead by six: what that makes due comes once.
        world.now_ms += 6 * HOUR;
        let mails = tick(world, 600);
        // The second with Sato and the list, the third with all three.
        assert_eq!(of(&mails, "escalated"), 7, "{mails:?}");
        let repeats = of(&mails, "repeat");
        assert!(repeats <= 4, "{mails:?}");
        assert_eq!(mails.len(), 7 + repeats, "{mails:?}");
        // Back and ahead once more: all of that was told. Whoever does not know how far the clock stepped counts repeats anew
        // from where it was set back to; so six hours ahead one is due again, and comes once.
        world.now_ms -= 6 * HOUR;
        assert_eq!(tick(world, 600), []);
        world.now_ms += 6 * HOUR;
        let mails = tick(world, 60);
        assert_eq!(of(&mails, "repeat"), mails.len(), "{mails:?}");
        let whom: BTreeSet<_> = mails.iter().map(|(_, whom, _)| whom).collect();
        assert_eq!(whom.len(), mails.len(), "{mails:?}");
        for alert in [first, second] {
            let reasons = world.reasons(alert);
            let firsts = reasons.iter().filter(|reason| **reason == Reason::First);
            assert_eq!(firsts.count(), 1, "{reasons:?}");
        }
        once(world);
    }
}

#[test]
fn a_message_that_waits_for_its_next_try_is_sent_when_the_clock_steps() {
    let both = [Ordering::Less, Ordering::Greater];
    for (mut world, step) in both
        .iter()
        .flat_map(|step| worlds().into_iter().map(move |world| (world, *step)))
    {
        let world = &mut world;
        world.now_ms = 12 * HOUR;
        world.raise(1, 1002);
        world.now_ms += SECOND;
        world.step();
        for outgoing in world.claim() {
            world.mark(&outgoing, "later");
        }
        // Ahead by a day, or back by two hours: at once, and once.
        match step {
            Ordering::Less => world.now_ms -= 2 * HOUR,
            _ => world.now_ms += 24 * HOUR,
        }
        let mails = tick(world, 5);
        assert_eq!(of(&mails, "first"), 2, "{mails:?}");
        once(world);
    }
}

#[test]
fn however_the_clock_steps_messages_are_bounded_and_arrive_once() {
    for seed in 1..=4_u64 {
        for mut world in worlds() {
            let world = &mut world;
            world.now_ms = 400 * HOUR;
            let mut random = seed;
            let mut below = |limit: u64| {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (random >> 33) % limit
            };
            let mut open = Vec::new();
            let (mut raised, mut ahead_ms, mut mails) = (0, 0, Vec::new());
            for _ in 0..60 {
                match below(6) {
                    0 => {
                        let code = [1002, 2001, 5001][below(3) as usize];
                        let subject = format!("subject-{raised}");
                        let alert = world.new_alert(1 + below(2), code, &subject);
                        world.put(&alert);
                        open.push(alert.id);
                        raised += 1;
                    }
                    1 if !open.is_empty() => {
                        let alert = open.swap_remove(below(open.len() as u64) as usize);
                        world.resolve(alert);
                    }
                    2 => {
                        let step = below(24) * HOUR + below(60) * MINUTE;
                        world.now_ms += step;
                        ahead_ms += step;
                    }
                    3 => world.now_ms -= below(6) * HOUR,
                    _ => {}
                }
                mails.extend(tick(world, 5));
                ahead_ms += 5 * SECOND;
            }
            once(world);
            // Each alert makes a first, two escalations and an end, to four at most; and each open hour a repeat.
            let most = raised * 4 * (4 + ahead_ms / HOUR + 1);
            assert!((mails.len() as u64) <= most, "{} of {most}", mails.len());
        }
    }
}
