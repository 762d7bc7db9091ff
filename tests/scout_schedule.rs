//! Whatever comes back when, or never: no more looks are out than there are threads, none twice, and no two at one file system; and
//! what answers is looked at.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test may stop at whatever surprises it"
)]

use hansho::clock::Uptime;
use hansho::scout::schedule::{ItemId, Plan, Schedule, Standing};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Event {
    Later(u64),
    Begin,
    Back(prop::sample::Index),
    Add(u64),
    Remove(prop::sample::Index),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0_u64..100_000).prop_map(Event::Later),
        Just(Event::Begin),
        any::<prop::sample::Index>().prop_map(Event::Back),
        (0_u64..5).prop_map(Event::Add),
        any::<prop::sample::Index>().prop_map(Event::Remove),
    ]
}

const DEADLINE_MS: u64 = 60_000;

proptest! {
    #[test]
    fn any_story(events in vec(event(), 0..300), threads in 1_usize..5) {
        let mut schedule = Schedule::new(threads);
        let mut now = Uptime::from_millis(0);
        let mut keys: BTreeMap<ItemId, u64> = BTreeMap::new();
        let mut out: BTreeMap<ItemId, (u64, Uptime)> = BTreeMap::new();
        for event in events {
            match event {
                Event::Later(ms) => now = now.plus(ms),
                Event::Add(key) => {
                    let plan = Plan { key, every_ms: 1000, deadline_ms: DEADLINE_MS };
                    if let Some(id) = schedule.add(plan, now) {
                        prop_assert!(!out.contains_key(&id), "the place of one that is out");
                        prop_assert_eq!(keys.insert(id, key), None);
                    }
                }
                Event::Remove(index) => {
                    if !keys.is_empty() {
                        let id = *keys.keys().nth(index.index(keys.len())).unwrap();
                        keys.remove(&id);
                        schedule.remove(id);
                        prop_assert_eq!(schedule.standing(id, now), None);
                    }
                }
                Event::Begin => {
                    if let Some(id) = schedule.next(now) {
                        let key = keys[&id];
                        prop_assert!(out.values().all(|(other, _)| *other != key));
                        prop_assert_eq!(out.insert(id, (key, now)), None);
                    }
                }
                Event::Back(index) => {
                    if !out.is_empty() {
                        let id = *out.keys().nth(index.index(out.len())).unwrap();
                        let (_, began) = out.remove(&id).unwrap();
                        let back = schedule.came_back(id, now).unwrap();
                        prop_assert_eq!(back.began, began);
                        prop_assert_eq!(back.late, now.since(began) >= DEADLINE_MS);
                        prop_assert_eq!(back.removed, !keys.contains_key(&id));
                        prop_assert_eq!(schedule.came_back(id, now), None);
                    }
                }
            }
            prop_assert!(out.len() <= threads);
            prop_assert_eq!(schedule.out(), out.len());
            let late = |(_, began): &&(u64, Uptime)| now.since(*began) >= DEADLINE_MS;
            prop_assert_eq!(schedule.held(now), out.values().filter(late).count());
            for (id, (_, began)) in &out {
                let standing = schedule.standing(*id, now);
                let is_late = standing == Some(Standing::NotAnswering { since: *began });
                prop_assert_eq!(is_late, keys.contains_key(id) && now.since(*began) >= DEADLINE_MS);
            }
        }
    }

    /// Whichever of them never come back: all on other file systems are looked at once a period.
    #[test]
    fn what_answers_is_looked_at(dead in vec(any::<bool>(), 8), seconds in 1_u64..50) {
        let threads = 1 + dead.iter().filter(|dead| **dead).count();
        let mut schedule = Schedule::new(threads);
        let ids: Vec<_> = (0..8)
            .map(|key| {
                let plan = Plan { key, every_ms: 1000, deadline_ms: DEADLINE_MS };
                schedule.add(plan, Uptime::from_millis(0)).unwrap()
            })
            .collect();
        let mut looks = [0; 8];
        for second in 0..seconds {
            let now = Uptime::from_millis(second * 1000);
            while let Some(id) = schedule.next(now) {
                looks[id.place()] += 1;
                if !dead[id.place()] {
                    schedule.came_back(id, now).unwrap();
                }
            }
        }
        for (id, dead) in ids.iter().zip(&dead) {
            let expected = if *dead { 1 } else { seconds };
            prop_assert_eq!(looks[id.place()], expected);
        }
    }
}
