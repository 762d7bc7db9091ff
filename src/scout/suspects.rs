//! The tops of the table: who has the most, who grew the most, who computes, who is swapped.

use super::process::{Process, Text};
use super::table::grown;
use super::users::UserName;
use crate::frame::evidence::{
    LIST_CPU, LIST_GROWTH_LONG, LIST_GROWTH_SHORT, LIST_MEMORY, LIST_SWAP, SuspectRecord,
};
use crate::limit::SUSPECTS;
use core::cmp::Reverse;
use heapless::Vec;

/// A process and the value by which it stands in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// KiB, or permille of one processor; above 0.
    pub value: u64,
    /// Who.
    pub process: Process,
}

/// A list, greatest value first; of equal ones the lower process id.
pub type List = Vec<Suspect, SUSPECTS>;

/// Lists.
const LISTS: usize = 5;
/// Processes in all lists, where none is in two of them.
pub const LISTED: usize = LISTS * SUSPECTS;

/// A process, and the lists that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// `LIST_*` of [`crate::frame::evidence`].
    pub lists: u8,
    /// Who.
    pub process: Process,
    /// Name of its user; absent where nobody looked it up.
    pub user: Option<UserName>,
}

impl Listed {
    /// As it stands in a frame.
    #[must_use]
    pub fn record(&self) -> SuspectRecord<'_> {
        let process = &self.process;
        let grown = |growth: Option<super::Growth>| {
            (
                growth.map(|growth| growth.kib),
                growth.map_or(0, |growth| growth.over_ms),
            )
        };
        let (growth_short_kib, growth_short_over_ms) = grown(process.growth_short);
        let (growth_long_kib, growth_long_over_ms) = grown(process.growth_long);
        SuspectRecord {
            lists: self.lists,
            pid: process.id.pid,
            start_ticks: process.id.start_ticks,
            parent: process.parent,
            threads: process.threads,
            name: process.name.as_bytes(),
            uid: process.uid,
            user: self.user.as_ref().map(Text::as_bytes),
            unit: process.unit.as_ref().map(Text::as_bytes),
            container: process.container.as_ref().map(Text::as_bytes),
            oom_score_adj: process.oom_score_adj,
            memory_kib: process.memory_kib,
            swap_kib: process.swap_kib,
            cpu_permille: process.cpu_permille,
            growth_short_kib,
            growth_short_over_ms,
            growth_long_kib,
            growth_long_over_ms,
            read_ms: process.read_at.as_millis(),
        }
    }
}

/// The lists. None of them has a process whose value is absent or 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suspects {
    /// By resident memory less shared.
    pub memory: List,
    /// By growth over about ten minutes.
    pub growth_short: List,
    /// By growth over about a day.
    pub growth_long: List,
    /// By CPU.
    pub cpu: List,
    /// By memory in swap.
    pub swap: List,
}

impl Suspects {
    /// The tops of `processes`, whatever their order and number.
    pub fn of<'a>(processes: impl IntoIterator<Item = &'a Process>) -> Self {
        let mut suspects = Self::default();
        for process in processes {
            suspects.add(process);
        }
        suspects
    }

    /// Each process once: those by memory first, then those of the other lists that are in none before.
    #[must_use]
    pub fn listed(&self) -> Vec<Listed, LISTED> {
        let lists = [
            (LIST_MEMORY, &self.memory),
            (LIST_GROWTH_SHORT, &self.growth_short),
            (LIST_GROWTH_LONG, &self.growth_long),
            (LIST_CPU, &self.cpu),
            (LIST_SWAP, &self.swap),
        ];
        let mut listed = Vec::<Listed, LISTED>::new();
        for (bit, suspect) in lists
            .into_iter()
            .flat_map(|(bit, list)| list.iter().map(move |suspect| (bit, suspect)))
        {
            let known = |listed: &&mut Listed| listed.process.id == suspect.process.id;
            if let Some(known) = listed.iter_mut().find(known) {
                known.lists |= bit;
                continue;
            }
            let pushed = listed.push(Listed {
                lists: bit,
                process: suspect.process,
                user: None,
            });
            debug_assert!(pushed.is_ok(), "room for all lists");
        }
        listed
    }

    /// One process more.
    pub fn add(&mut self, process: &Process) {
        put(&mut self.memory, process.memory_kib, process);
        put(&mut self.growth_short, grown(process.growth_short), process);
        put(&mut self.growth_long, grown(process.growth_long), process);
        put(&mut self.cpu, process.cpu_permille.map(u64::from), process);
        put(&mut self.swap, process.swap_kib, process);
    }
}

fn put(list: &mut List, value: Option<u64>, process: &Process) {
    let Some(value) = value.filter(|value| *value > 0) else {
        return;
    };
    let rank = |value: u64, process: &Process| (Reverse(value), process.id);
    let place = list
        .iter()
        .position(|other| rank(value, process) < rank(other.value, &other.process))
        .unwrap_or(list.len());
    if place >= SUSPECTS {
        return;
    }
    if list.is_full() {
        list.pop();
    }
    let suspect = Suspect {
        value,
        process: *process,
    };
    // There is room, and the place is inside.
    let inserted = list.insert(place, suspect);
    debug_assert!(inserted.is_ok(), "a place inside a list with room");
}
