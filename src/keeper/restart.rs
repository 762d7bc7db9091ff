//! When a worker that ended is started again. Decides and does nothing.

/// First wait after an end in a row; the very first restart comes at once.
const FIRST_MS: u64 = 100;
/// Longest wait.
const MOST_MS: u64 = 5_000;
/// A worker that lived this long starts the row anew.
const LIVED_MS: u64 = 10_000;

/// Restarts of one worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Restarts {
    in_row: u32,
    total: u64,
}

impl Restarts {
    /// No restart yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            in_row: 0,
            total: 0,
        }
    }

    /// How often the worker was started again.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The worker ended after `lived_ms`: how long until it is started again.
    pub fn ended(&mut self, lived_ms: u64) -> u64 {
        if lived_ms >= LIVED_MS {
            self.in_row = 0;
        }
        let wait_ms = match self.in_row {
            0 => 0,
            row => FIRST_MS
                .checked_shl(row.saturating_sub(1).min(20))
                .unwrap_or(MOST_MS)
                .min(MOST_MS),
        };
        self.in_row = self.in_row.saturating_add(1);
        self.total = self.total.saturating_add(1);
        wait_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_comes_at_once_and_a_crash_loop_is_slow() {
        let mut restarts = Restarts::default();
        let waits: Vec<_> = (0..9).map(|_| restarts.ended(5)).collect();
        assert_eq!(waits, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(restarts.ended(LIVED_MS), 0);
        assert_eq!(restarts.total(), 10);
    }
}
