//! When the next post goes out. Decides and does no I/O.

/// First backoff: full jitter between nothing and this, doubled at each failure.
const BACKOFF_FIRST_MS: u64 = 1_000;
/// The cap of the backoff where posts are more frequent.
const BACKOFF_CAP_LEAST_MS: u64 = 30_000;
/// An alert cuts a backoff short, but not below this after the last attempt.
const ALERT_LEAST_GAP_MS: u64 = 1_000;
/// Jitter of regular posts: up to this part of the interval earlier.
const JITTER_PART: u64 = 10;
/// The longest wait that a collector may ask for where posts are more frequent than this.
const WISH_MOST_MS: u64 = 5 * 60 * 1000;
/// Smallest limit of a batch that halving leads to: two frames of full length.
pub const LEAST_BATCH_BYTES: usize = 8 * 1024;

/// How a post ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Authenticated answer, cursors moved, and there is more to send.
    More,
    /// Authenticated answer, all is sent; the collector's wish for the next post, 0 for none.
    Done {
        /// Wished wait.
        next_post_ms: u32,
    },
    /// Authenticated answer, but nothing that was sent was taken.
    Stuck,
    /// 413.
    TooLarge,
    /// Any other 4xx: a configuration fault.
    Configuration,
    /// Network error, 5xx, 408, 429; what `Retry-After` asked for.
    Retry {
        /// `Retry-After`.
        after_ms: Option<u64>,
    },
    /// 200 without an authenticated answer: a captive portal, or another key.
    Unauthentic,
}

/// Why the next post waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// More to send.
    More,
    /// The regular interval, jittered.
    Interval,
    /// The collector asked for it.
    Wish,
    /// Full-jitter backoff.
    Backoff,
    /// The collector asked for it by `Retry-After`.
    RetryAfter,
    /// A smaller batch goes out at once.
    Smaller,
    /// Slow retry of a configuration fault.
    Slow,
    /// An alert is waiting.
    Alert,
}

/// When the next post goes out, and why then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// On the caller's clock.
    pub at_ms: u64,
    /// Why.
    pub why: Why,
}

/// The pace of posts.
#[derive(Clone, Debug)]
pub struct Pace {
    post_interval_ms: u64,
    failures: u32,
    last_attempt_ms: u64,
    next: Next,
    batch_bytes: usize,
}

impl Pace {
    /// Begins with a post at `now_ms`.
    #[must_use]
    pub const fn new(post_interval_ms: u64, batch_bytes: usize, now_ms: u64) -> Self {
        Self {
            post_interval_ms,
            failures: 0,
            last_attempt_ms: 0,
            next: Next {
                at_ms: now_ms,
                why: Why::More,
            },
            batch_bytes,
        }
    }

    /// When the next post goes out.
    #[must_use]
    pub const fn next(&self) -> Next {
        self.next
    }

    /// How long a batch may be now.
    #[must_use]
    pub const fn batch_bytes(&self) -> usize {
        self.batch_bytes
    }

    /// Failures in a row.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// The longest backoff: max(30 s, post interval).
    #[must_use]
    pub const fn cap_ms(&self) -> u64 {
        if self.post_interval_ms > BACKOFF_CAP_LEAST_MS {
            self.post_interval_ms
        } else {
            BACKOFF_CAP_LEAST_MS
        }
    }

    /// An alert is in the ring: it is sent at once, or a second after the last attempt while the collector is away.
    pub fn alert(&mut self, now_ms: u64) {
        let earliest = if self.failures == 0 {
            now_ms
        } else {
            self.last_attempt_ms.saturating_add(ALERT_LEAST_GAP_MS)
        };
        if earliest < self.next.at_ms {
            self.next = Next {
                at_ms: earliest,
                why: Why::Alert,
            };
        }
    }

    /// A post ended; `random` is any number.
    pub fn after(&mut self, outcome: Outcome, now_ms: u64, random: u64) -> Next {
        self.last_attempt_ms = now_ms;
        let (wait_ms, why) = match outcome {
            Outcome::More => {
                self.failures = 0;
                (0, Why::More)
            }
            Outcome::Done { next_post_ms: 0 } => {
                self.failures = 0;
                let jitter = below(random, self.post_interval_ms / JITTER_PART);
                (self.post_interval_ms.saturating_sub(jitter), Why::Interval)
            }
            Outcome::Done { next_post_ms } => {
                self.failures = 0;
                let most = self.post_interval_ms.max(WISH_MOST_MS);
                (u64::from(next_post_ms).min(most), Why::Wish)
            }
            Outcome::TooLarge if self.batch_bytes > LEAST_BATCH_BYTES => {
                self.batch_bytes = (self.batch_bytes / 2).max(LEAST_BATCH_BYTES);
                (0, Why::Smaller)
            }
            Outcome::TooLarge | Outcome::Configuration => {
                self.failures = self.failures.saturating_add(1);
                let cap = self.cap_ms();
                (
                    cap.saturating_sub(below(random, cap / JITTER_PART)),
                    Why::Slow,
                )
            }
            Outcome::Retry {
                after_ms: Some(after_ms),
            } => {
                self.failures = self.failures.saturating_add(1);
                let wished = after_ms.min(self.cap_ms());
                (wished.max(self.backoff(random)), Why::RetryAfter)
            }
            Outcome::Retry { after_ms: None } | Outcome::Unauthentic | Outcome::Stuck => {
                self.failures = self.failures.saturating_add(1);
                (self.backoff(random), Why::Backoff)
            }
        };
        self.next = Next {
            at_ms: now_ms.saturating_add(wait_ms),
            why,
        };
        self.next
    }

    /// Full jitter below the doubled first backoff, capped.
    fn backoff(&self, random: u64) -> u64 {
        let doubled = BACKOFF_FIRST_MS
            .checked_shl(self.failures.saturating_sub(1).min(20))
            .unwrap_or(u64::MAX);
        below(random, doubled.min(self.cap_ms()).saturating_add(1))
    }
}

/// `random` brought below `end`; 0 where `end` is 0.
fn below(random: u64, end: u64) -> u64 {
    random.checked_rem(end).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: u64 = u64::MAX / 3;

    #[test]
    fn done_waits_the_interval_less_jitter() {
        for random in [0, 1, 2999, 3000, RANDOM, u64::MAX] {
            let mut pace = Pace::new(30_000, 65_536, 0);
            let next = pace.after(Outcome::Done { next_post_ms: 0 }, 1000, random);
            assert!((28_000..=31_000).contains(&next.at_ms), "{next:?}");
            assert_eq!(next.why, Why::Interval);
        }
    }

    #[test]
    fn backoff_doubles_to_the_cap_and_ends_with_success() {
        let mut pace = Pace::new(10_000, 65_536, 0);
        let mut most = Vec::new();
        for _ in 0..8 {
            let mut widest = 0;
            for random in 0..40_000 {
                let mut copy = pace.clone();
                widest = widest.max(
                    copy.after(Outcome::Retry { after_ms: None }, 0, random)
                        .at_ms,
                );
            }
            most.push(widest);
            pace.after(Outcome::Retry { after_ms: None }, 0, 0);
        }
        assert_eq!(
            most,
            [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]
        );
        assert_eq!(
            pace.after(Outcome::More, 5, 9),
            Next {
                at_ms: 5,
                why: Why::More
            }
        );
        assert_eq!(pace.failures(), 0);
    }

    #[test]
    fn retry_after_is_honoured_within_the_cap() {
        let mut pace = Pace::new(60_000, 65_536, 0);
        assert_eq!(
            pace.after(
                Outcome::Retry {
                    after_ms: Some(20_000)
                },
                0,
                0
            )
            .at_ms,
            20_000
        );
        assert_eq!(
            pace.after(
                Outcome::Retry {
                    after_ms: Some(u64::MAX)
                },
                0,
                0
            )
            .at_ms,
            60_000
        );
    }

    #[test]
    fn an_alert_goes_at_once_or_a_second_after_a_failure() {
        let mut pace = Pace::new(30_000, 65_536, 0);
        pace.after(Outcome::Done { next_post_ms: 0 }, 1000, 0);
        pace.alert(1500);
        assert_eq!(
            pace.next(),
            Next {
                at_ms: 1500,
                why: Why::Alert
            }
        );
        pace.after(Outcome::Configuration, 2000, 0);
        pace.alert(2100);
        assert_eq!(
            pace.next(),
            Next {
                at_ms: 3000,
                why: Why::Alert
            }
        );
    }

    #[test]
    fn too_large_halves_down_to_the_least() {
        let mut pace = Pace::new(30_000, 65_536, 0);
        for expected in [32_768, 16_384, 8192] {
            assert_eq!(pace.after(Outcome::TooLarge, 0, RANDOM).why, Why::Smaller);
            assert_eq!(pace.batch_bytes(), expected);
        }
        assert_eq!(pace.after(Outcome::TooLarge, 0, RANDOM).why, Why::Slow);
    }

    #[test]
    fn a_wish_is_bounded() {
        let mut pace = Pace::new(1000, 65_536, 0);
        assert_eq!(
            pace.after(
                Outcome::Done {
                    next_post_ms: u32::MAX
                },
                0,
                0
            )
            .at_ms,
            WISH_MOST_MS
        );
    }
}
