//! The scripted host: phases of memory use, and what each must give. The rules are those of `site::agent_toml`.

use crate::random::Random;
use std::time::Duration;

/// How long a watcher must have lived in a phase: the longest time of a rule (a flapping one needs three times its
/// clear time of 200 ms), and its start.
pub(crate) const HOLD: Duration = Duration::from_millis(2000);
/// Total memory of the scripted host.
pub(crate) const TOTAL_KIB: u64 = 10_000_000;
/// Where 1001 and 1002 raise, in tenths of memory used; both clear one tenth below.
const RAISE_TENTHS: [(u16, u64); 2] = [(1001, 5), (1002, 8)];

/// Memory available in tenths: one digit of `/proc/meminfo`, so that a look never sees half a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level(pub(crate) u64);

impl Level {
    pub(crate) fn available_kib(self) -> u64 {
        self.0 * 1_000_000
    }

    /// As recorded: rounded to the quantum of 256 KiB that fits the total into 16 bits.
    pub(crate) fn recorded_kib(self) -> u64 {
        (self.available_kib() + 128) / 256 * 256
    }
}

const LOW: Level = Level(9);
const MIDDLE: Level = Level(4);
const HIGH: Level = Level(1);

/// The phases so far.
#[derive(Debug)]
pub(crate) struct Script {
    levels: Vec<Level>,
}

impl Default for Script {
    fn default() -> Self {
        Self { levels: vec![LOW] }
    }
}

impl Script {
    pub(crate) fn level(&self) -> Level {
        *self.levels.last().expect("a script has a first phase")
    }

    pub(crate) fn phases(&self) -> usize {
        self.levels.len()
    }

    /// Another level than the present one.
    pub(crate) fn next_phase(&mut self, random: &mut Random) {
        let now = self.level();
        let others: Vec<_> = [LOW, MIDDLE, HIGH]
            .into_iter()
            .filter(|level| *level != now)
            .collect();
        let choice = usize::try_from(random.below(others.len() as u64)).expect("small");
        self.levels.push(others[choice]);
    }

    /// For each code: how many episodes there were, and whether the last is still open.
    pub(crate) fn expected(&self) -> Vec<(u16, usize, bool)> {
        let episodes = |tenths: u64| {
            let raised: Vec<bool> = self
                .levels
                .iter()
                .map(|level| 10 - level.0 >= tenths)
                .collect();
            let starts = raised.windows(2).filter(|pair| !pair[0] && pair[1]).count();
            (
                starts + usize::from(raised[0]),
                *raised.last().expect("not empty"),
            )
        };
        RAISE_TENTHS
            .iter()
            .map(|(code, tenths)| {
                let (count, open) = episodes(*tenths);
                (*code, count, open)
            })
            .collect()
    }

    /// Values of available memory that may have been recorded.
    pub(crate) fn recorded_kib(&self) -> Vec<u64> {
        self.levels
            .iter()
            .map(|level| level.recorded_kib())
            .collect()
    }
}
