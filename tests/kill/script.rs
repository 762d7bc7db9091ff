//! The scripted host: phases of memory use and OOM kills, and what each must give. The rules are those of
//! `site::agent_toml`; the host is the captured tree `tests/trees/linux-6.18` with three numbers that the script moves.

use crate::random::Random;
use std::time::Duration;

/// How long a watcher must have lived in a phase: the longest time of a rule (a flapping one needs three times its
/// clear time of 200 ms), the interval of the counters, and its start.
pub(crate) const HOLD: Duration = Duration::from_millis(2000);
/// `MemTotal` and `MemAvailable` of the captured tree.
pub(crate) const TOTAL_KIB: u64 = 24_684_084;
pub(crate) const AVAILABLE_KIB: u64 = 24_114_624;
/// What the first digit of `MemAvailable` counts.
const DIGIT_KIB: u64 = 10_000_000;
/// The quantum that fits the total into 16 bits.
const QUANTUM_KIB: u64 = 512;
/// Where the level rules raise, in per cent of memory used.
pub(crate) const RAISE_PERCENT: [(u16, u64); 2] = [(1001, 35), (1002, 75)];
/// The event rule.
pub(crate) const OOM_KILL: u16 = 1010;

/// OOM kills of a script: with a third the rule would flap, and need three seconds to clear.
const OOM_KILLS: u64 = 2;

/// The first digit of `MemAvailable`: one byte, so that a look never sees half a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level(pub(crate) u8);

impl Level {
    fn available_kib(self) -> u64 {
        AVAILABLE_KIB % DIGIT_KIB + u64::from(self.0) * DIGIT_KIB
    }

    fn used_percent(self) -> u64 {
        (TOTAL_KIB - self.available_kib()) * 100 / TOTAL_KIB
    }

    /// As recorded: rounded to the quantum.
    fn recorded_kib(self) -> u64 {
        (self.available_kib() + QUANTUM_KIB / 2) / QUANTUM_KIB * QUANTUM_KIB
    }
}

const LEVELS: [Level; 3] = [Level(2), Level(1), Level(0)];

/// The phases so far.
#[derive(Debug)]
pub(crate) struct Script {
    levels: Vec<Level>,
    oom_kills: u64,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            levels: vec![LEVELS[0]],
            oom_kills: 0,
        }
    }
}

impl Script {
    pub(crate) fn level(&self) -> Level {
        *self.levels.last().expect("a script has a first phase")
    }

    /// The kernel's count of OOM kills, one digit.
    pub(crate) fn oom_kill_digit(&self) -> u8 {
        u8::try_from(self.oom_kills).expect("one digit")
    }

    pub(crate) fn phases(&self) -> usize {
        self.levels.len()
    }

    /// Another level than the present one; in some phases something is killed for lack of memory.
    pub(crate) fn next_phase(&mut self, random: &mut Random) {
        let now = self.level();
        let others: Vec<_> = LEVELS.into_iter().filter(|level| *level != now).collect();
        let choice = usize::try_from(random.below(others.len() as u64)).expect("small");
        self.levels.push(others[choice]);
        if self.oom_kills < OOM_KILLS && random.below(4) == 0 {
            self.oom_kills += 1;
        }
    }

    /// For each code: how many episodes there were, and whether the last is still open.
    pub(crate) fn expected(&self) -> Vec<(u16, u64, bool)> {
        let episodes = |percent: u64| {
            let raised: Vec<bool> = self
                .levels
                .iter()
                .map(|level| level.used_percent() >= percent)
                .collect();
            let starts = raised.windows(2).filter(|pair| !pair[0] && pair[1]).count();
            (starts as u64, *raised.last().expect("not empty"))
        };
        let levels = RAISE_PERCENT.iter().map(|(code, percent)| {
            let (count, open) = episodes(*percent);
            (*code, count, open)
        });
        // Each OOM kill is an episode of its own: it is over before the next phase begins.
        levels.chain([(OOM_KILL, self.oom_kills, false)]).collect()
    }

    /// Values of available memory that may have been recorded.
    pub(crate) fn recorded_kib(&self) -> Vec<u64> {
        self.levels
            .iter()
            .map(|level| level.recorded_kib())
            .collect()
    }
}
