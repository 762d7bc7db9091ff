//! Mean, minimum and maximum over a time, in fixed memory.
//!
//! Time since boot is cut into buckets of B = length / [`WINDOW_BUCKETS`] milliseconds, rounded down: a value at
//! uptime t lies in bucket t / B. At uptime t the window holds the values of the last [`WINDOW_BUCKETS`] buckets,
//! the one that t lies in included, so that it reaches back between 19 and 20 times B.
//!
//! What the window says is the mean (rounded down), least or greatest of the values that it holds, and is known
//! only while the window is *covered*: its first value is at least length - B old. A mean over ten minutes is not known
//! after five seconds, and an operator who reads "mean over 10 minutes" must be able to rely on it; the price is that
//! such a rule is silent for its window after each start.
//!
//! A gap is bridged: what the window held stays, and falls out in its time. But a window is not covered by what is not
//! there. Each value that opens a bucket therefore begins the window anew, as its first value and with nothing before
//! it, where
//! - the window holds no other value, because a gap was as long as the window, or
//! - too few buckets are filled. Looked at are the buckets from that of the first value on, at most the last
//!   [`WINDOW_BUCKETS`], up to and with the one that opens: of S such buckets values at their interval would fill
//!   E = S, or E = S * B / interval rounded down where the interval is longer than B; at least
//!   E / [`WINDOW_FILLED_PART`], rounded down, must hold a value.
//!
//! So an outage of less than about half of the window is bridged, and after a longer one the rule is silent as after a
//! start. The age of the *oldest value held* is no measure: it would leave the rule without a value for some moments
//! whenever the end of the window passes over a gap, and for ever where the interval is longer than B.

use super::definition::{Aggregate, Window};
use crate::clock::Uptime;
use crate::limit::{WINDOW_BUCKET_VALUES, WINDOW_BUCKETS, WINDOW_FILLED_PART, WINDOW_VALUE_MAX};
use serde::{Deserialize, Serialize};

/// A window as the hot path needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    aggregate: Aggregate,
    length_ms: u64,
    bucket_ms: u64,
    /// `None`: not known, and gaps are not looked for.
    interval_ms: Option<u64>,
}

impl Shape {
    /// The shape of a window; `None` where it has none, because it looks at the last value or because it is shorter
    /// than [`WINDOW_BUCKETS`] milliseconds.
    #[must_use]
    pub fn of(window: &Window) -> Option<Self> {
        let length_ms = u64::from(window.length_ms);
        let bucket_ms = length_ms / BUCKETS;
        (bucket_ms > 0 && window.aggregate != Aggregate::Last).then_some(Self {
            aggregate: window.aggregate,
            length_ms,
            bucket_ms,
            interval_ms: None,
        })
    }

    /// The same for values that come once in so many milliseconds. Without it only a gap as long as the window begins a
    /// window anew.
    #[must_use]
    pub fn with_interval(self, interval_ms: u32) -> Self {
        Self {
            interval_ms: Some(interval_ms.into()),
            ..self
        }
    }

    /// How many of so many buckets must hold a value.
    fn filled_at_least(&self, buckets: u64) -> u64 {
        let expected = match self.interval_ms {
            None => 0,
            Some(interval) if interval > self.bucket_ms => buckets
                .saturating_mul(self.bucket_ms)
                .checked_div(interval)
                .unwrap_or(0),
            Some(_) => buckets,
        };
        expected.checked_div(WINDOW_FILLED_PART).unwrap_or(expected)
    }

    /// The bucket in which a moment lies; the bucket length is at least 1.
    fn bucket(&self, now: Uptime) -> u64 {
        now.as_millis().checked_div(self.bucket_ms).unwrap_or(0)
    }
}

const BUCKETS: u64 = WINDOW_BUCKETS as u64;

/// The values of one window.
///
/// Exact for values up to [`WINDOW_VALUE_MAX`] (greater ones count as that) and [`WINDOW_BUCKET_VALUES`] values a
/// bucket (further ones of the bucket are left out of a mean); `limit.rs` proves that no sum overflows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowState {
    /// When its first value came, see the module; `None` while it is empty.
    first: Option<Uptime>,
    /// The bucket that the newest value lies in.
    newest: u64,
    /// For each bucket, by its number modulo [`WINDOW_BUCKETS`]: the sum of its values, or their extreme.
    held: [u64; WINDOW_BUCKETS],
    /// How many values.
    counts: [u16; WINDOW_BUCKETS],
}

impl WindowState {
    /// Forgets all values.
    pub fn empty(&mut self) {
        *self = Self::default();
    }

    /// True while the window is covered, see the module, as far as values have come; whether they still come is not
    /// known here.
    #[must_use]
    pub fn is_covered(&self, shape: &Shape, now: Uptime) -> bool {
        let needed = shape.length_ms.saturating_sub(shape.bucket_ms);
        self.first.is_some_and(|first| now.since(first) >= needed)
    }

    /// Takes a value and says what the window now says; `None` while it is not covered. A moment before the newest
    /// value counts as that one's.
    pub fn take(&mut self, shape: &Shape, now: Uptime, value: u64) -> Option<u64> {
        let bucket = shape.bucket(now);
        if self.first.is_none() || bucket > self.newest {
            self.open(shape, now, bucket);
        }
        self.add(shape.aggregate, value.min(WINDOW_VALUE_MAX));
        if self.is_covered(shape, now) {
            self.value(shape.aggregate)
        } else {
            None
        }
    }

    /// Makes `bucket` the newest and empties those that it pushes out, or all where the window begins anew.
    fn open(&mut self, shape: &Shape, now: Uptime, bucket: u64) {
        self.push_out(bucket);
        let others = self.counts.iter().filter(|count| **count > 0).count();
        let goes_on = self.first.is_some_and(|first| {
            let span = bucket.saturating_sub(shape.bucket(first)).saturating_add(1);
            let needed = shape.filled_at_least(span.min(BUCKETS));
            others > 0
                && u64::try_from(others).is_ok_and(|others| others.saturating_add(1) >= needed)
        });
        if !goes_on {
            self.empty();
            self.first = Some(now);
        }
        self.newest = bucket;
    }

    /// Empties the buckets that are no longer in the window once `bucket` is the newest.
    fn push_out(&mut self, bucket: u64) {
        let steps = bucket.saturating_sub(self.newest).min(BUCKETS);
        for back in 0..steps {
            let place = place(bucket.saturating_sub(back));
            if let (Some(held), Some(count)) =
                (self.held.get_mut(place), self.counts.get_mut(place))
            {
                *held = 0;
                *count = 0;
            }
        }
    }

    fn add(&mut self, aggregate: Aggregate, value: u64) {
        let place = place(self.newest);
        let (Some(held), Some(count)) = (self.held.get_mut(place), self.counts.get_mut(place))
        else {
            return;
        };
        *held = match aggregate {
            _ if *count == 0 => value,
            Aggregate::Minimum => value.min(*held),
            Aggregate::Maximum => value.max(*held),
            Aggregate::Mean if *count >= WINDOW_BUCKET_VALUES => return,
            Aggregate::Mean => held.saturating_add(value),
            Aggregate::Last => value,
        };
        *count = count.saturating_add(1).min(WINDOW_BUCKET_VALUES);
    }

    fn value(&self, aggregate: Aggregate) -> Option<u64> {
        let filled = self
            .held
            .iter()
            .zip(&self.counts)
            .filter(|(_, count)| **count > 0);
        match aggregate {
            Aggregate::Minimum => filled.map(|(held, _)| *held).min(),
            Aggregate::Maximum => filled.map(|(held, _)| *held).max(),
            Aggregate::Mean => {
                let (sum, count) = filled.fold((0_u64, 0_u64), |(sum, count), (held, more)| {
                    (
                        sum.saturating_add(*held),
                        count.saturating_add(u64::from(*more)),
                    )
                });
                sum.checked_div(count)
            }
            // Has no shape, hence never a window.
            Aggregate::Last => None,
        }
    }
}

#[cfg(test)]
impl WindowState {
    /// Every number as great as it can become.
    pub(super) const fn fullest() -> Self {
        use crate::limit::RULE_UPTIME_MAX_MS;
        Self {
            first: Some(Uptime::from_millis(RULE_UPTIME_MAX_MS)),
            newest: RULE_UPTIME_MAX_MS,
            held: [WINDOW_VALUE_MAX.saturating_mul(WINDOW_BUCKET_VALUES as u64); WINDOW_BUCKETS],
            counts: [WINDOW_BUCKET_VALUES; WINDOW_BUCKETS],
        }
    }
}

/// Where a bucket is kept.
fn place(bucket: u64) -> usize {
    usize::try_from(bucket % BUCKETS).unwrap_or(0)
}
