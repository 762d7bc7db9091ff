//! Who is looked at when, by which of few threads: decided on plain values with the time given.
//!
//! A look may never come back: statfs(2) on a dead mount waits for ever. So each has a **deadline**, after which what it looks at is
//! *not answering since* the look began. It is not begun a second time, and neither is any other look with the same **key** (the
//! file system): one dead mount holds one thread, however many things on it are watched. When the look comes back after all,
//! everything goes on.
//!
//! With as many dead mounts as threads nothing is looked at any more, and each item says so ([`Standing::NoThread`]).

use crate::clock::Uptime;
use crate::limit::PROBE_ITEMS;

/// Which of the watched things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(usize);

impl ItemId {
    /// Its place among them, below [`PROBE_ITEMS`].
    #[must_use]
    pub const fn place(self) -> usize {
        self.0
    }
}

/// How a thing is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What looks that may hang together have in common: the file system
    /// ([`crate::sample::mountinfo::Entry::device_key`]).
    pub key: u64,
    /// Time from the beginning of a look to that of the next.
    pub every_ms: u64,
    /// A look that takes longer is not answering.
    pub deadline_ms: u64,
}

/// What is known of whether a thing answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No look came back yet, and none is late.
    Unknown,
    /// The last look came back in time, or late but back.
    Answering {
        /// When it came back.
        at: Uptime,
    },
    /// A look is out longer than its deadline.
    NotAnswering {
        /// When it began.
        since: Uptime,
    },
    /// It is due, and not looked at since another thing on the same file system does not answer.
    BehindAnother {
        /// When the look at the other one began.
        since: Uptime,
    },
    /// It is due, and all threads wait for things that do not answer.
    NoThread {
        /// When the last of these looks began.
        since: Uptime,
    },
}

impl Standing {
    /// Since when it does not answer, itself or what it is on.
    #[must_use]
    pub const fn not_answering_since(self) -> Option<Uptime> {
        match self {
            Self::NotAnswering { since } | Self::BehindAnother { since } => Some(since),
            Self::Unknown | Self::Answering { .. } | Self::NoThread { .. } => None,
        }
    }
}

/// A look that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Return {
    /// When it began.
    pub began: Uptime,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// True where that was longer than its deadline: it did not answer meanwhile.
    pub late: bool,
    /// True where the thing was removed meanwhile: nobody wants to know any more.
    pub removed: bool,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    DueAt(Uptime),
    OutSince(Uptime),
}

#[derive(Clone, Copy, Debug)]
struct Item {
    plan: Plan,
    phase: Phase,
    answered: Option<Uptime>,
    removed: bool,
}

impl Item {
    const fn out_since(&self) -> Option<Uptime> {
        match self.phase {
            Phase::OutSince(began) => Some(began),
            Phase::DueAt(_) => None,
        }
    }

    /// When the look began that is out for too long.
    fn late_since(&self, now: Uptime) -> Option<Uptime> {
        self.out_since()
            .filter(|began| now.since(*began) >= self.plan.deadline_ms)
    }
}

/// The things that are looked at. Takes no heap.
#[derive(Debug)]
pub struct Schedule {
    items: [Option<Item>; PROBE_ITEMS],
    threads: usize,
}

impl Schedule {
    /// For so many threads.
    #[must_use]
    pub const fn new(threads: usize) -> Self {
        Self {
            items: [None; PROBE_ITEMS],
            threads,
        }
    }

    /// One more thing, due from `first` on; `None` where there is no room.
    pub fn add(&mut self, plan: Plan, first: Uptime) -> Option<ItemId> {
        let place = self.items.iter().position(Option::is_none)?;
        *self.items.get_mut(place)? = Some(Item {
            plan,
            phase: Phase::DueAt(first),
            answered: None,
            removed: false,
        });
        Some(ItemId(place))
    }

    /// A thing is not watched any more. Where a look at it is out, its place is free only when that is back.
    pub fn remove(&mut self, id: ItemId) {
        if let Some(slot) = self.items.get_mut(id.0)
            && let Some(item) = slot
        {
            if item.out_since().is_some() {
                item.removed = true;
            } else {
                *slot = None;
            }
        }
    }

    /// The file system of a thing is another: since mounts have changed. Holds for its next look.
    pub fn set_key(&mut self, id: ItemId, key: u64) {
        if let Some(Some(item)) = self.items.get_mut(id.0)
            && item.out_since().is_none()
        {
            item.plan.key = key;
        }
    }

    fn all(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().flatten()
    }

    /// Looks that are out.
    #[must_use]
    pub fn out(&self) -> usize {
        self.all().filter_map(Item::out_since).count()
    }

    /// Threads that wait for what does not answer.
    #[must_use]
    pub fn held(&self, now: Uptime) -> usize {
        self.all().filter_map(|item| item.late_since(now)).count()
    }

    fn is_out(&self, key: u64) -> bool {
        self.all()
            .any(|item| item.out_since().is_some() && item.plan.key == key)
    }

    /// The look to begin now: of those that are due the one that is due for longest. `None` where none is, or no thread is
    /// free for it. It is out from now on, until [`Schedule::came_back`].
    pub fn next(&mut self, now: Uptime) -> Option<ItemId> {
        if self.out() >= self.threads {
            return None;
        }
        let mut longest: Option<(Uptime, usize)> = None;
        for (place, item) in self.items.iter().enumerate() {
            if let Some(item) = item
                && let Phase::DueAt(due) = item.phase
                && due <= now
                && longest.is_none_or(|(before, _)| due < before)
                && !self.is_out(item.plan.key)
            {
                longest = Some((due, place));
            }
        }
        let (_, place) = longest?;
        let item = self.items.get_mut(place)?.as_mut()?;
        item.phase = Phase::OutSince(now);
        Some(ItemId(place))
    }

    /// A look came back, whenever it began; `None` where none was out.
    pub fn came_back(&mut self, id: ItemId, now: Uptime) -> Option<Return> {
        let slot = self.items.get_mut(id.0)?;
        let item = slot.as_mut()?;
        let began = item.out_since()?;
        let found = Return {
            began,
            took_ms: now.since(began),
            late: item.late_since(now).is_some(),
            removed: item.removed,
        };
        if item.removed {
            *slot = None;
        } else {
            let due = began.plus(item.plan.every_ms).max(now);
            item.phase = Phase::DueAt(due);
            item.answered = Some(now);
        }
        Some(found)
    }

    /// Whether a thing answers; `None` where there is none of this id.
    #[must_use]
    pub fn standing(&self, id: ItemId, now: Uptime) -> Option<Standing> {
        let item = self
            .items
            .get(id.0)?
            .as_ref()
            .filter(|item| !item.removed)?;
        if let Some(since) = item.late_since(now) {
            return Some(Standing::NotAnswering { since });
        }
        if let Phase::DueAt(due) = item.phase
            && due <= now
        {
            let late = self
                .all()
                .filter(|other| other.plan.key == item.plan.key)
                .find_map(|other| other.late_since(now));
            if let Some(since) = late {
                return Some(Standing::BehindAnother { since });
            }
            if self.held(now) >= self.threads {
                let since = self.all().filter_map(|other| other.late_since(now)).max();
                return Some(Standing::NoThread {
                    since: since.unwrap_or(now),
                });
            }
        }
        Some(match item.answered {
            Some(at) => Standing::Answering { at },
            None => Standing::Unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan {
        key: 1,
        every_ms: 1000,
        deadline_ms: 60_000,
    };

    fn at(ms: u64) -> Uptime {
        Uptime::from_millis(ms)
    }

    fn keyed(key: u64) -> Plan {
        Plan { key, ..PLAN }
    }

    #[test]
    fn one_dead_mount_holds_one_thread_and_the_others_go_on() {
        let mut schedule = Schedule::new(2);
        let dead = schedule.add(keyed(1), at(0)).unwrap();
        let behind = schedule.add(keyed(1), at(0)).unwrap();
        let alive = schedule.add(keyed(2), at(0)).unwrap();
        assert_eq!(schedule.next(at(0)), Some(dead));
        assert_eq!(schedule.next(at(0)), Some(alive), "not the one behind");
        assert_eq!(schedule.next(at(0)), None);
        let standing = |schedule: &Schedule, id, ms| schedule.standing(id, at(ms)).unwrap();
        assert_eq!(standing(&schedule, behind, 59_999), Standing::Unknown);
        for ms in (0..200_000).step_by(1000) {
            assert!(schedule.came_back(alive, at(ms + 10)).is_some());
            assert_eq!(schedule.next(at(ms + 10)), None, "not before its time");
            assert_eq!(schedule.next(at(ms + 1000)), Some(alive));
        }
        let since = at(0);
        assert_eq!(standing(&schedule, dead, 59_999), Standing::Unknown);
        assert_eq!(
            standing(&schedule, dead, 60_000),
            Standing::NotAnswering { since }
        );
        assert_eq!(
            standing(&schedule, behind, 60_000),
            Standing::BehindAnother { since }
        );
        let answering = Standing::Answering { at: at(199_010) };
        assert_eq!(standing(&schedule, alive, 200_001), answering);
        assert_eq!(schedule.held(at(200_001)), 1);
        // And back.
        let back = schedule.came_back(dead, at(300_000)).unwrap();
        assert_eq!(
            (back.took_ms, back.late, back.removed),
            (300_000, true, false)
        );
        assert_eq!(schedule.came_back(dead, at(300_000)), None, "once");
        let answering = Standing::Answering { at: at(300_000) };
        assert_eq!(standing(&schedule, dead, 300_000), answering);
        assert_eq!(
            schedule.next(at(300_000)),
            Some(behind),
            "the longest due first"
        );
    }

    #[test]
    fn as_many_dead_mounts_as_threads_are_said() {
        let mut schedule = Schedule::new(2);
        for key in 1..=2 {
            schedule.add(keyed(key), at(key)).unwrap();
        }
        assert!(schedule.next(at(5)).is_some());
        assert!(schedule.next(at(10)).is_some());
        let other = schedule.add(keyed(3), at(20)).unwrap();
        assert_eq!(schedule.next(at(20)), None);
        assert_eq!(
            schedule.standing(other, at(60_009)),
            Some(Standing::Unknown)
        );
        let since = at(10);
        assert_eq!(
            schedule.standing(other, at(60_010)),
            Some(Standing::NoThread { since })
        );
        assert_eq!(Standing::NoThread { since }.not_answering_since(), None);
    }

    #[test]
    fn a_look_that_takes_long_is_not_made_up_for() {
        let mut schedule = Schedule::new(1);
        let id = schedule.add(PLAN, at(0)).unwrap();
        assert_eq!(schedule.next(at(0)), Some(id));
        assert!(!schedule.came_back(id, at(3500)).unwrap().late);
        assert_eq!(schedule.next(at(3500)), Some(id));
        schedule.came_back(id, at(3600));
        assert_eq!(schedule.next(at(4499)), None);
        assert_eq!(schedule.next(at(4500)), Some(id));
    }

    #[test]
    fn what_is_removed_while_a_look_is_out_keeps_its_place_until_it_is_back() {
        let mut schedule = Schedule::new(1);
        let id = schedule.add(PLAN, at(0)).unwrap();
        schedule.next(at(0));
        schedule.remove(id);
        assert_eq!(schedule.standing(id, at(0)), None);
        let next = schedule.add(keyed(2), at(0)).unwrap();
        assert_ne!(id, next);
        assert_eq!(schedule.next(at(90_000)), None, "it still holds the thread");
        assert!(schedule.came_back(id, at(90_000)).unwrap().removed);
        assert_eq!(schedule.next(at(90_000)), Some(next));
        schedule.came_back(next, at(90_001));
        schedule.remove(next);
        assert_eq!(schedule.standing(next, at(0)), None);
        for _ in 0..PROBE_ITEMS {
            assert!(schedule.add(PLAN, at(0)).is_some());
        }
        assert_eq!(schedule.add(PLAN, at(0)), None);
    }

    #[test]
    fn a_key_changes_only_between_looks() {
        let mut schedule = Schedule::new(4);
        let first = schedule.add(keyed(1), at(0)).unwrap();
        let second = schedule.add(keyed(1), at(1)).unwrap();
        assert_eq!(schedule.next(at(5)), Some(first));
        schedule.set_key(first, 7);
        assert_eq!(schedule.next(at(5)), None);
        schedule.set_key(second, 2);
        assert_eq!(schedule.next(at(5)), Some(second));
    }
}
