//! Whether a worker hangs. Decides and does nothing.
//!
//! A worker says by its [`super::gauges`] that it went round its loop. Two looks some time apart must both find it
//! standing: where the whole group was frozen (a paused container, a stalled host) the keeper may look before the
//! worker had a chance.

/// A worker that has not gone round its loop for this long hangs. It waits a second or one sample interval between two
/// rounds; a host that starves for memory may hold it up for half a minute, and then a new one would not do better.
const HUNG_MS: u64 = 60_000;
/// A worker may need this long for its first round: it may have to read a disk ring of a gigabyte from a slow disk.
const START_MS: u64 = 10 * 60_000;
/// The second look comes at least this long after the first.
const SECOND_LOOK_MS: u64 = 2_000;

/// What a look finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It went round in time.
    Lives,
    /// It should have gone round; it is looked at again.
    Suspected,
    /// It was suspected long enough ago.
    Hangs {
        /// Since it last went round, or was started.
        silent_ms: u64,
    },
}

/// The limits, and what was seen of one worker.
#[derive(Clone, Copy, Debug)]
pub struct Hung {
    hung_ms: u64,
    start_ms: u64,
    second_look_ms: u64,
    suspected_ms: Option<u64>,
}

impl Hung {
    /// The limits for a worker that goes round at least each `round_ms`.
    #[must_use]
    pub fn new(round_ms: u64) -> Self {
        let hung_ms = test_limit_ms().unwrap_or(HUNG_MS);
        Self {
            hung_ms: hung_ms.saturating_add(round_ms.saturating_mul(2)),
            start_ms: START_MS,
            second_look_ms: SECOND_LOOK_MS.min(hung_ms),
            suspected_ms: None,
        }
    }

    /// A new worker was started.
    pub fn started(&mut self) {
        self.suspected_ms = None;
    }

    /// Looks at a worker that was started at `started_ms` and last went round at `last_ms`.
    pub fn look(&mut self, now_ms: u64, started_ms: u64, last_ms: Option<u64>) -> Verdict {
        let (since_ms, limit_ms) = match last_ms {
            Some(last_ms) => (last_ms, self.hung_ms),
            None => (started_ms, self.start_ms),
        };
        let silent_ms = now_ms.saturating_sub(since_ms);
        if silent_ms < limit_ms {
            self.suspected_ms = None;
            return Verdict::Lives;
        }
        let suspected_ms = *self.suspected_ms.get_or_insert(now_ms);
        if now_ms.saturating_sub(suspected_ms) < self.second_look_ms {
            return Verdict::Suspected;
        }
        self.suspected_ms = None;
        Verdict::Hangs { silent_ms }
    }
}

/// Tests of this program as it is built for them cannot wait for a minute: they give the limit in
/// `HANSHO_TEST_HUNG_MS`, which a release does not read.
fn test_limit_ms() -> Option<u64> {
    if !cfg!(debug_assertions) {
        return None;
    }
    std::env::var("HANSHO_TEST_HUNG_MS").ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_hangs_only_at_a_second_look() {
        let mut hung = Hung::new(1_000);
        assert_eq!(hung.look(61_999, 0, Some(1)), Verdict::Lives);
        assert_eq!(hung.look(62_001, 0, Some(1)), Verdict::Suspected);
        assert_eq!(hung.look(62_002, 0, Some(1)), Verdict::Suspected);
        assert_eq!(
            hung.look(64_001, 0, Some(1)),
            Verdict::Hangs { silent_ms: 64_000 }
        );
    }

    #[test]
    fn thawed_together_nobody_is_killed() {
        let mut hung = Hung::new(1_000);
        assert_eq!(hung.look(1_000_000, 0, Some(10)), Verdict::Suspected);
        assert_eq!(hung.look(1_000_500, 0, Some(1_000_400)), Verdict::Lives);
        assert_eq!(hung.look(2_000_000, 0, Some(1_000_400)), Verdict::Suspected);
    }

    #[test]
    fn the_longest_sample_interval_is_no_hang() {
        let mut hung = Hung::new(60_000);
        assert_eq!(hung.look(179_000, 0, Some(0)), Verdict::Lives);
    }

    #[test]
    fn a_slow_start_is_no_hang_and_one_without_end_is() {
        let mut hung = Hung::new(1_000);
        assert_eq!(hung.look(599_000, 0, None), Verdict::Lives);
        assert_eq!(hung.look(600_000, 0, None), Verdict::Suspected);
        hung.started();
        assert_eq!(hung.look(603_000, 3_001, None), Verdict::Lives);
    }
}
