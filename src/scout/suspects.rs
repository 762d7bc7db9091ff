//! The tops of the table: who has the most, who grew the most, who computes, who is swapped.

use super::process::Process;
use super::table::grown;
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
