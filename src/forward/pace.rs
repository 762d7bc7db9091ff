//! When the next post goes out. Decides and does no I/O.
//!
//! No sequence of answers, authentic ones included, makes more posts than [`POSTS_AT_ONCE`] without a pause of a
//! second, and a collector that goes back again and again is asked ever more rarely.

use super::gaps::TAIL_MS;
use crate::limit::POSTS_AT_ONCE;

/// First backoff: full jitter between nothing and this, doubled at each failure.
const BACKOFF_FIRST_MS: u64 = 1_000;
/// The cap of the backoff where posts are more frequent.
const BACKOFF_CAP_LEAST_MS: u64 = 30_000;
/// An alert cuts a backoff short, but not below this after the last attempt.
const ALERT_LEAST_GAP_MS: u64 = 1_000;
/// Alerts that come faster than this go together.
const ALERT_GAP_MS: u64 = 250;
/// The pause after [`POSTS_AT_ONCE`] posts, and while the watcher has written nothing yet.
const PAUSE_MS: u64 = 1_000;
/// The shortest wait that a collector may ask for.
const WISH_LEAST_MS: u64 = 1_000;
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
    /// Authenticated answer, and the collector has less than it had: restored, or another one.
    WentBack,
    /// All is sent but the end of a stream, which may just be being written.
    Waits,
    /// Nothing was ever written: the watcher is only starting.
    Empty,
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
    /// Many posts went out without a pause.
    Pause,
    /// The end of a stream is looked at again.
    Gap,
    /// Nothing is written yet.
    Empty,
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
    /// Times that the collector went back since all was sent last.
    setbacks: u32,
    /// Posts without a pause.
    at_once: u32,
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
            setbacks: 0,
            at_once: 0,
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

    /// An alert is in the ring: it is sent at once, or a second after the last attempt while the collector is away. A
    /// collector that asked for time by `Retry-After` gets it, and a pause stays one.
    pub fn alert(&mut self, now_ms: u64) {
        if matches!(self.next.why, Why::RetryAfter | Why::Pause) {
            return;
        }
        let gap = if self.failures == 0 && self.setbacks == 0 {
            ALERT_GAP_MS
        } else {
            ALERT_LEAST_GAP_MS
        };
        let earliest = now_ms.max(self.last_attempt_ms.saturating_add(gap));
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
        let (wait_ms, why) = self.wait(outcome, random);
        let (wait_ms, why) = if wait_ms > 0 {
            self.at_once = 0;
            (wait_ms, why)
        } else if self.at_once < POSTS_AT_ONCE {
            self.at_once = self.at_once.saturating_add(1);
            (wait_ms, why)
        } else {
            self.at_once = 0;
            (PAUSE_MS, Why::Pause)
        };
        self.next = Next {
            at_ms: now_ms.saturating_add(wait_ms),
            why,
        };
        self.next
    }

    fn wait(&mut self, outcome: Outcome, random: u64) -> (u64, Why) {
        match outcome {
            Outcome::More => {
                self.failures = 0;
                (0, Why::More)
            }
            Outcome::Done { next_post_ms } => {
                self.failures = 0;
                self.setbacks = 0;
                let (wait, why) = match next_post_ms {
                    0 => (self.post_interval_ms, Why::Interval),
                    wish => {
                        let most = self.post_interval_ms.max(WISH_MOST_MS);
                        (u64::from(wish).clamp(WISH_LEAST_MS, most), Why::Wish)
                    }
                };
                (wait.saturating_sub(below(random, wait / JITTER_PART)), why)
            }
            Outcome::Waits => {
                self.failures = 0;
                (TAIL_MS, Why::Gap)
            }
            Outcome::Empty => (PAUSE_MS, Why::Empty),
            Outcome::WentBack => {
                self.failures = 0;
                self.setbacks = self.setbacks.saturating_add(1);
                (self.backoff(self.setbacks, random), Why::Backoff)
            }
            Outcome::TooLarge if self.batch_bytes > LEAST_BATCH_BYTES => {
                self.batch_bytes = (self.batch_bytes / 2).max(LEAST_BATCH_BYTES);
                (0, Why::Smaller)
            }
            Outcome::TooLarge | Outcome::Configuration => {
                self.failures = self.failures.saturating_add(1);
                let cap = self.cap_ms();
                let jitter = below(random, cap / JITTER_PART);
                (cap.saturating_sub(jitter), Why::Slow)
            }
            Outcome::Retry {
                after_ms: Some(after_ms),
            } => {
                self.failures = self.failures.saturating_add(1);
                let wished = after_ms.min(self.cap_ms());
                let backoff = self.backoff(self.failures, random);
                (wished.max(backoff), Why::RetryAfter)
            }
            Outcome::Retry { after_ms: None } | Outcome::Unauthentic | Outcome::Stuck => {
                self.failures = self.failures.saturating_add(1);
                (self.backoff(self.failures, random), Why::Backoff)
            }
        }
    }

    /// Full jitter below the doubled first backoff, capped.
    fn backoff(&self, times: u32, random: u64) -> u64 {
        let doubled = BACKOFF_FIRST_MS
            .checked_shl(times.saturating_sub(1).min(20))
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
    fn no_answers_whatever_make_posts_without_a_pause() {
        let outcomes = [
            Outcome::More,
            Outcome::TooLarge,
            Outcome::WentBack,
            Outcome::Stuck,
            Outcome::Waits,
            Outcome::Done { next_post_ms: 1 },
            Outcome::Retry { after_ms: Some(0) },
        ];
        // Chance that always says 0, the worst, and every rhythm of two outcomes.
        for first in outcomes {
            for second in outcomes {
                for rhythm in 1..5 {
                    let mut pace = Pace::new(30_000, 65_536, 0);
                    let (mut now, mut posts) = (0, 0_u64);
                    while now < 60_000 && posts < 100_000 {
                        let outcome = if posts % 5 < rhythm { first } else { second };
                        pace.after(outcome, now, 0);
                        pace.alert(now);
                        now = pace.next().at_ms.max(now);
                        posts += 1;
                    }
                    assert!(posts < 60 * 70, "{first:?} {second:?}: {posts} posts");
                }
            }
        }
    }

    #[test]
    fn a_collector_that_goes_back_again_and_again_is_asked_ever_more_rarely() {
        let mut pace = Pace::new(10_000, 65_536, 0);
        let mut waits = Vec::new();
        for _ in 0..7 {
            pace.after(Outcome::WentBack, 0, u64::MAX);
            pace.setbacks -= 1;
            let most = (0..40_000).map(|random| {
                let mut copy = pace.clone();
                copy.after(Outcome::WentBack, 0, random).at_ms
            });
            waits.push(most.max().unwrap());
            pace.setbacks += 1;
            pace.after(Outcome::More, 0, 0);
        }
        assert_eq!(waits, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        pace.after(Outcome::Done { next_post_ms: 0 }, 0, 0);
        assert_eq!(pace.setbacks, 0);
    }

    #[test]
    fn alerts_do_not_cut_what_the_collector_asked_for() {
        let mut pace = Pace::new(30_000, 65_536, 0);
        let after_ms = Some(20_000);
        pace.after(Outcome::Retry { after_ms }, 1000, 0);
        pace.alert(1500);
        assert_eq!(pace.next().at_ms, 21_000);
    }

    #[test]
    fn a_wish_is_bounded() {
        let mut hasty = Pace::new(30_000, 65_536, 0);
        let next = hasty.after(Outcome::Done { next_post_ms: 1 }, 0, 0);
        assert_eq!(next.at_ms, WISH_LEAST_MS);
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
