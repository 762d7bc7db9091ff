//! After a restore, in virtual time, on both stores: what happened until people had been told is decided on as ever and not
//! mailed again; machines hear it; what is open goes on from the restore.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod notify_support;

use hansho::clock::WallTime;
use hansho_collector::limit::TOLD_BEFORE_MS;
use hansho_collector::notify::before;
use hansho_collector::notify::tell::message_id;
use hansho_collector::store::*;
use notify_support::support::NOW;
use notify_support::{HOUR, MINUTE, SECOND, World, mail, worlds};

fn each(test: impl Fn(&mut World)) {
    for mut world in worlds() {
        test(&mut world);
    }
}

const fn wall(ms: u64) -> WallTime {
    WallTime::from_millis(NOW + ms)
}

/// The store is restored at `at`; people had been told until `until`.
fn restore(world: &mut World, at: u64, until: u64) {
    world.at(at).with(|rows| {
        let mut upkeep = rows.upkeep()?;
        upkeep.restored = Some(Restored {
            at: wall(at),
            told_until: wall(until),
        });
        rows.put_upkeep(&upkeep)
    });
}

fn dated(ms: u64) -> Option<Dated> {
    Some(Dated {
        wall: wall(ms),
        quality: ClockQuality::Exact,
    })
}

/// An agent sends an alert again that fired and perhaps ended at these moments.
fn again(world: &mut World, (agent, code): (u64, u16), fired: u64, ended: Option<u64>) -> AlertId {
    let mut alert = world.new_alert(agent, code, "");
    alert.occurred = dated(fired);
    alert.detected = dated(fired);
    world.put(&alert);
    if let Some(ended) = ended {
        alert.firing = false;
        alert.resolved = dated(ended);
        world.put(&alert);
    }
    alert.id
}

#[test]
fn what_people_had_been_told_is_not_mailed_again_and_the_rest_is() {
    each(|world| {
        restore(world, HOUR, 50 * MINUTE);
        let over = again(world, (1, 1002), 30 * MINUTE, Some(35 * MINUTE));
        let ended_later = again(world, (2, 1002), 45 * MINUTE, Some(55 * MINUTE));
        let hooked = again(world, (3, 1002), 40 * MINUTE, None);
        let mails = world.at(HOUR + SECOND).deliver();
        // People hear one end; the hook all of its state.
        let end = |to: &str| mail("family_ends", to, &[1002]);
        assert_eq!(
            mails,
            [end("sato"), end("list"), mail("first", "hook", &[1002])]
        );
        assert_eq!(world.reasons(over), [Reason::First, Reason::FamilyEnds]);
        assert_eq!(
            world.reasons(ended_later),
            [Reason::First, Reason::FamilyEnds]
        );
        let held = world.outbox(over);
        assert_eq!(held.len(), 4);
        for (message, at) in held.iter().zip([30, 30, 35, 35]) {
            assert!(message.told_before());
            assert_eq!(message.created, wall(at * MINUTE));
            assert_eq!(
                message.said,
                before::said(&Restored {
                    at: wall(HOUR),
                    told_until: wall(50 * MINUTE)
                })
            );
        }
        // A thread goes on under what people have, and no name is given twice.
        let thread = world.outbox(ended_later);
        let name = ended_later.to_string();
        let as_then = |nth: u32| message_id(&name, nth, "sato", &world.policy.domain);
        assert_eq!(thread[0].message_id, as_then(1));
        assert_eq!(thread[2].references, [as_then(1)]);
        assert_ne!(thread[2].message_id, as_then(2));
        // What is open escalates and repeats from the restore on.
        let escalated = world.at(HOUR + 5 * MINUTE + 2 * SECOND).deliver();
        let to: Vec<&str> = escalated.iter().map(|(_, to, _)| to.as_str()).collect();
        assert_eq!(to, ["suzuki", "sato", "list", "hook"]);
        assert_eq!(
            world.reasons(hooked),
            [Reason::First, Reason::Escalated { level: 2 }]
        );
    });
}

#[test]
fn what_happened_after_the_moment_is_told_as_ever() {
    each(|world| {
        restore(world, HOUR, 50 * MINUTE);
        // As many as would be a storm, all told before: they crowd nobody.
        for _ in 0..40 {
            let alert = world.new_alert(1, 4002, &format!("/data{}", world.next_alert));
            let alert = StoredAlert {
                occurred: dated(49 * MINUTE),
                detected: dated(49 * MINUTE),
                ..alert
            };
            world.put(&alert);
        }
        let after = again(world, (2, 1002), 51 * MINUTE, None);
        let mails = world.at(HOUR + SECOND).deliver();
        assert_eq!(
            mails,
            [
                mail("first", "sato", &[1002]),
                mail("first", "list", &[1002])
            ]
        );
        // Where it may have been mailed after all, it has the name that it had.
        let first = &world.outbox(after)[0];
        assert_eq!(
            first.message_id,
            message_id(&after.to_string(), 1, "sato", &world.policy.domain)
        );
        // A date that only the host vouches for, and what the collector finds out itself, are told.
        let mut unsure = world.new_alert(1, 1002, "");
        unsure.detected = dated(40 * MINUTE).map(|dated| Dated {
            quality: ClockQuality::Host,
            ..dated
        });
        world.put(&unsure);
        let mut own = world.new_alert(2, 9006, "");
        own.run = COLLECTOR_RUN;
        own.detected = dated(40 * MINUTE);
        world.put(&own);
        let mails = world.at(HOUR + 2 * SECOND).deliver();
        let codes: Vec<u16> = mails
            .iter()
            .flat_map(|(_, _, codes)| codes.clone())
            .collect();
        assert!(codes.contains(&1002), "{mails:?}");
        world.at(HOUR + 9 * HOUR).deliver();
        assert!(!world.reasons(own.id).is_empty());
        assert!(world.outbox(own.id).iter().all(|one| !one.told_before()));
    });
}

#[test]
fn an_agent_that_comes_back_days_later_was_cut_off() {
    each(|world| {
        restore(world, HOUR, 50 * MINUTE);
        world.at(HOUR + TOLD_BEFORE_MS + MINUTE);
        again(world, (1, 1002), 40 * MINUTE, None);
        let mails = world.at(HOUR + TOLD_BEFORE_MS + MINUTE + SECOND).deliver();
        assert_eq!(
            mails,
            [mail("late", "sato", &[1002]), mail("late", "list", &[1002])]
        );
    });
}

#[test]
fn a_digest_that_was_sent_is_not_sent_again_and_the_next_names_the_rest() {
    each(|world| {
        // Digests go at 8 and at 16 hours; what is open would stand in that of the next day too.
        world.team.repeat_ms = None;
        restore(world, 9 * HOUR, 8 * HOUR + 30 * MINUTE);
        let told = again(world, (1, 1001), HOUR, None);
        let not_yet = again(world, (2, 1001), 8 * HOUR + 20 * MINUTE, None);
        assert_eq!(world.at(9 * HOUR + MINUTE).deliver(), []);
        assert_eq!(world.reasons(told), [Reason::Digest]);
        let listed = world.with(|rows| rows.listings_of(told));
        assert_eq!(listed.len(), 2);
        assert!(listed.iter().all(Outgoing::told_before));
        assert_eq!(world.with(|rows| rows.waits(told)), []);
        let mails = world.at(16 * HOUR + MINUTE).deliver();
        let names: Vec<_> = mails.iter().filter(|(_, to, _)| to == "sato").collect();
        assert_eq!(names, [&mail("digest", "sato", &[1001])]);
        assert_eq!(world.with(|rows| rows.listings_of(not_yet)).len(), 2);
    });
}

#[test]
fn what_was_over_when_it_came_is_listed_only_where_its_end_was_not_told() {
    each(|world| {
        restore(world, HOUR, 50 * MINUTE);
        for (agent, ended) in [(1, 40), (2, 55)] {
            let mut alert = world.new_alert(agent, 1002, "");
            alert.firing = false;
            alert.detected = dated(30 * MINUTE);
            alert.resolved = dated(ended * MINUTE);
            world.put(&alert);
        }
        let mails = world.at(HOUR + 5 * MINUTE).deliver();
        assert_eq!(
            mails,
            [mail("late", "sato", &[1002]), mail("late", "list", &[1002])]
        );
    });
}
