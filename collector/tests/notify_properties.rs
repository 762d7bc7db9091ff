//! Random interleavings of events, steps, crashes and deliveries, on both stores.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod notify_support;

use hansho_collector::notify::{self, Context, outbox};
use hansho_collector::store::*;
use notify_support::{HOUR, MINUTE, SECOND, World, worlds};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
enum Op {
    Raise {
        agent: u64,
        code: u16,
    },
    /// The open alert of this place among those that are open.
    Resolve(usize),
    /// Raised and over when it is stored.
    Ended {
        agent: u64,
        code: u16,
    },
    Take(usize),
    GiveBack(usize),
    Hush(u16),
    Unhush(u16),
    Wait(u64),
    Step,
    /// The collector is killed within the transaction of a step.
    StepCrash,
    /// One message goes out.
    Send,
    /// Killed after the claim.
    CrashAfterClaim,
    /// Killed after the server took the message and before that was noted.
    CrashBeforeMark,
    /// The server asks to come again.
    Later,
}

fn codes() -> impl Strategy<Value = u16> {
    prop::sample::select(vec![
        1001_u16, 1005, 1002, 1010, 1011, 2006, 3004, 3006, 5001, 9001,
    ])
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (1_u64..4, codes()).prop_map(|(agent, code)| Op::Raise { agent, code }),
        3 => any::<usize>().prop_map(Op::Resolve),
        1 => (1_u64..4, codes()).prop_map(|(agent, code)| Op::Ended { agent, code }),
        1 => any::<usize>().prop_map(Op::Take),
        1 => any::<usize>().prop_map(Op::GiveBack),
        1 => codes().prop_map(Op::Hush),
        1 => codes().prop_map(Op::Unhush),
        3 => prop::sample::select(vec![SECOND, 20 * SECOND, MINUTE, 6 * MINUTE, HOUR, 9 * HOUR])
            .prop_map(Op::Wait),
        4 => Just(Op::Step),
        1 => Just(Op::StepCrash),
        2 => Just(Op::Send),
        1 => Just(Op::CrashAfterClaim),
        1 => Just(Op::CrashBeforeMark),
        1 => Just(Op::Later),
    ]
}

/// What the test itself knows.
#[derive(Default)]
struct Known {
    open: Vec<AlertId>,
    all: Vec<AlertId>,
}

fn run(world: &mut World, ops: &[Op]) {
    let mut known = Known::default();
    for op in ops {
        act(world, &mut known, op);
    }
    // In the end everything is told: all ends, time goes on, servers take all.
    let open = core::mem::take(&mut known.open);
    for id in open {
        world.resolve(id);
    }
    world.people.hushed.lock().unwrap().clear();
    for _ in 0..30 {
        world.now_ms += HOUR;
        world.step();
        world.deliver();
    }
    // Those that undelivered messages raised too.
    let all = world.store.alerts(&AlertFilter::default()).unwrap();
    known.all = all.iter().map(|alert| alert.id).collect();
    check(world, &known);
}

fn act(world: &mut World, known: &mut Known, op: &Op) {
    let pick =
        |from: &[AlertId], place: usize| (!from.is_empty()).then(|| from[place % from.len()]);
    match op {
        Op::Raise { agent, code } => {
            let alert = world.new_alert(*agent, *code, "");
            let same = known.open.iter().any(|id| {
                let open = world.alert(*id);
                open.agent == alert.agent && open.identity == alert.identity
            });
            if !same {
                world.put(&alert);
                known.open.push(alert.id);
                known.all.push(alert.id);
            }
        }
        Op::Ended { agent, code } => {
            let mut alert = world.new_alert(*agent, *code, "");
            alert.firing = false;
            world.put(&alert);
            known.all.push(alert.id);
        }
        Op::Resolve(place) => {
            if let Some(id) = pick(&known.open, *place) {
                world.resolve(id);
                known.open.retain(|open| *open != id);
            }
        }
        Op::Take(place) => {
            if let Some(id) = pick(&known.open, *place) {
                world.take(id, "sato");
            }
        }
        Op::GiveBack(place) => {
            let taken: Vec<AlertId> = world.people.taken.lock().unwrap().keys().copied().collect();
            if let Some(id) = pick(&taken, *place) {
                world.give_back(id);
            }
        }
        Op::Hush(code) => world.hush(*code, Reason::Silenced { silence: 1 }, None),
        Op::Unhush(code) => world.unhush(*code),
        Op::Wait(ms) => world.now_ms += ms,
        Op::Step => drop(world.step()),
        Op::StepCrash => crash_in_step(world),
        Op::Send | Op::CrashAfterClaim | Op::CrashBeforeMark | Op::Later => send(world, op),
    }
}

fn crash_in_step(world: &mut World) {
    let context = Context {
        directory: &world.team,
        handled: &world.people,
        policy: &world.policy,
    };
    let now = world.now();
    let outcome = world.store.transact(&mut |rows| {
        notify::step(rows, &context, now)?;
        Err(StoreError::Io("killed".to_owned()))
    });
    assert_eq!(outcome, Err(StoreError::Io("killed".to_owned())));
}

fn send(world: &mut World, op: &Op) {
    for outgoing in world.claim() {
        match op {
            Op::Send => {
                world.hand_over(&outgoing);
                world.mark(&outgoing, "delivered");
            }
            Op::Later => drop(world.mark(&outgoing, "later")),
            Op::CrashBeforeMark => world.hand_over(&outgoing),
            _ => {}
        }
    }
    if matches!(op, Op::CrashAfterClaim | Op::CrashBeforeMark) {
        world.begin();
    }
}

fn check(world: &World, known: &Known) {
    let events = world.with(|rows| rows.events_after(0, usize::MAX));
    // Also what the collector raised itself: a receiver that mail does not reach.
    let all: BTreeSet<AlertId> = events.iter().map(|event| event.alert).collect();
    assert!(known.all.iter().all(|id| all.contains(id)));
    let mut decisions: BTreeMap<u64, Decision> = BTreeMap::new();
    let mut threads = BTreeSet::new();
    let mut messages: BTreeMap<u64, Outgoing> = BTreeMap::new();
    world.with(|rows| {
        for id in &all {
            for decision in rows.decisions_of(*id)? {
                threads.extend(decision.thread);
                decisions.insert(decision.number, decision);
            }
            for message in rows.listings_of(*id)? {
                messages.insert(message.number, message);
            }
        }
        for thread in &threads {
            for message in rows.outgoing_of_thread(*thread)? {
                messages.insert(message.number, message);
            }
        }
        assert_eq!(rows.undelivered(1)?, []);
        Ok(())
    });
    // Every event has exactly one decision, so every raised alert has one.
    let answered: Vec<u64> = decisions.values().filter_map(|one| one.event).collect();
    let mut once = answered.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(answered.len(), once.len());
    assert_eq!(
        once,
        events.iter().map(|event| event.number).collect::<Vec<_>>()
    );
    // Every message was delivered at least once, always under its one Message-ID, which no other has. Only one that servers
    // put off for a whole day is given up, and then somebody else has heard that its receiver is not reached.
    let mut names = BTreeSet::new();
    for message in messages.values() {
        assert!(names.insert(message.message_id.clone()), "{message:?}");
        if message.state == Sending::GivenUp {
            let (first, last) = (message.first_try.unwrap(), message.done.unwrap());
            assert!(
                last.as_millis() - first.as_millis() >= 24 * HOUR,
                "{message:?}"
            );
            assert!(all.iter().any(|id| {
                let about = world.alert(*id).identity;
                (about.code, &about.subject) == (outbox::UNDELIVERED, &message.receiver)
            }));
            continue;
        }
        assert_eq!(message.state, Sending::Delivered);
        let taken = world
            .taken_by_servers
            .contains(&(message.receiver.clone(), message.message_id.clone()));
        assert!(taken, "{message:?}");
    }
    for (_, name) in &world.taken_by_servers {
        assert!(names.contains(name));
    }
    // A thread arrives in its order: what a receiver got for the first time, it got after all that came before.
    let mut order: BTreeMap<(String, AlertId), u64> = BTreeMap::new();
    let mut got = BTreeSet::new();
    for (receiver, name) in &world.taken_by_servers {
        let message = messages
            .values()
            .find(|one| one.message_id == *name)
            .unwrap();
        if let Some(thread) = message.thread.filter(|_| got.insert(message.number)) {
            let newest = order.entry((receiver.clone(), thread)).or_default();
            assert!(*newest < message.number, "{message:?} came after {newest}");
            *newest = message.number;
        }
    }
    // Every decision to tell has its messages.
    for decision in decisions.values() {
        let of = messages
            .values()
            .filter(|one| one.decision == decision.number);
        if decision.outcome == Outcome::Told {
            assert!(of.count() > 0, "{decision:?}");
        }
    }
    // A thread ends once, in one decision; people who were told of it are told.
    for root in threads {
        let thread = world.with(|rows| rows.thread(root)).unwrap();
        assert!(thread.ended.is_some(), "{thread:?}");
        let ends: Vec<&Decision> = decisions
            .values()
            .filter(|one| one.thread == Some(root))
            .filter(|one| matches!(one.reason, Reason::FamilyEnds | Reason::NotRaisedToAnyone))
            .collect();
        assert_eq!(ends.len(), 1, "{ends:?}");
        assert_eq!(ends[0].reason == Reason::FamilyEnds, thread.is_told());
    }
    // An alert that stands in a message has a time of notification, and no other.
    for id in &all {
        let named = messages.values().any(|one| {
            one.alert == Some(*id) || world.with(|rows| rows.listed(one.number)).contains(id)
        });
        assert_eq!(world.alert(*id).notified.is_some(), named);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_is_decided_twice(ops in prop::collection::vec(op(), 1..60)) {
        for mut world in worlds() {
            run(&mut world, &ops);
        }
    }
}
