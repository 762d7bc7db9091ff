//! Growth that does not come back, and the time until the level that matters.
//!
//! A [`Tracker`] takes every reading of one quantity and keeps only low-water marks: time since boot is cut into buckets
//! ([`Shape::bucket_ms`]), and each is the least value seen in it. What a program takes and gives back within a bucket (garbage
//! collection, a burst of requests) never shows. The last [`GROWTH_BUCKETS`] complete buckets are the *window*; before it
//! lies the *past*, coarser, so that what comes back every few hours or every day is known when it comes again. All of it is
//! 96 bytes of marks and a few numbers, whatever happens.
//!
//! Each time a bucket is complete the window is judged ([`trend`]): what grows must rise through the window, by far more
//! than it swings about its line, and to where it has not been in the past. Everything else has an [`Outlook`] that says why it is
//! no growth. Between two judgements a reading costs a comparison.
//!
//! Nothing here knows where values come from: a host's memory, a service's or a directory's are all one.

mod trend;

use crate::clock::Uptime;
use crate::limit::{
    GROWTH_BUCKETS, GROWTH_EXHAUSTED_PART, GROWTH_GAP_BUCKETS, RULE_UPTIME_MAX_MS,
    TIME_LEFT_NEVER_S,
};
use serde::{Deserialize, Serialize};
pub use trend::Growth;

/// How long a quantity is looked at, and what counts as growth of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Length of a bucket; the window is [`GROWTH_BUCKETS`] of them.
    pub bucket_ms: u64,
    /// How many buckets of the window become one of the past.
    pub buckets_per_past: u64,
    /// What the past must say.
    pub past: Past,
    /// No growth is told before so long after boot: what fills then, fills once.
    pub warm_up_ms: u64,
    /// Least share of pairs of buckets of which the later one is the higher, permille (the statistic of Mann and Kendall).
    pub rising_permille: u16,
    /// How many of the three steps between the quarters of the window must rise, counted from the latest.
    pub steps: u8,
}

/// What the past must say before growth is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// The last quarter of the window lies above all that the past held: no swing that was there before. Where nothing is
    /// known of the past it says nothing. For what must be told soon.
    Highest,
    /// The least of the window lies above the least of the past, of which a quarter must be known: whatever comes back to the
    /// same low at least once a window is no growth. For what may wait for a second look.
    Lowest,
}

const BUCKETS: u64 = GROWTH_BUCKETS as u64;
const SECOND_MS: u64 = 1000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;

impl Shape {
    /// Growth that is over within the hour: five minutes, beside the last day.
    pub const FIVE_MINUTES: Self = Self {
        bucket_ms: 5 * MINUTE_MS / BUCKETS,
        buckets_per_past: 288,
        past: Past::Highest,
        warm_up_ms: 0,
        rising_permille: 750,
        steps: 1,
    };
    /// Growth that is over within a day: six hours, beside the last eight days.
    pub const SIX_HOURS: Self = Self {
        bucket_ms: 6 * HOUR_MS / BUCKETS,
        buckets_per_past: 32,
        past: Past::Highest,
        warm_up_ms: 0,
        rising_permille: 800,
        steps: 3,
    };
    /// Growth over days: a day, beside the day before, and not within the first day of the host.
    pub const DAY: Self = Self {
        bucket_ms: 24 * HOUR_MS / BUCKETS,
        buckets_per_past: 1,
        past: Past::Lowest,
        warm_up_ms: 24 * HOUR_MS,
        rising_permille: 800,
        steps: 3,
    };

    /// The same for readings that come once in so many milliseconds: a bucket is never shorter than that.
    #[must_use]
    pub const fn with_interval(self, interval_ms: u32) -> Self {
        let interval_ms = interval_ms as u64;
        if interval_ms <= self.bucket_ms {
            return self;
        }
        Self {
            bucket_ms: interval_ms,
            ..self
        }
    }

    /// The bucket in which a moment lies.
    fn bucket(&self, now: Uptime) -> u64 {
        let now = now.as_millis().min(RULE_UPTIME_MAX_MS);
        now.checked_div(self.bucket_ms).unwrap_or(0)
    }
}

/// One reading of what is tracked, all in one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stand {
    /// What may grow.
    pub value: u64,
    /// How much more of it until the level that matters.
    pub left: u64,
    /// What 100 % is: the scale on which growth is seen, a 65,535th of it being the finest step.
    pub whole: u64,
}

/// What a tracker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// The window or the past is not known well enough yet.
    TooFew,
    /// Within the warm-up of the host.
    WarmUp,
    /// It stays, falls or swings: later buckets are not higher than earlier ones.
    Flat,
    /// It rose, but not in each part of the window: a step, or a rise that has ended or has just begun.
    NotThroughout,
    /// It rose by no more than it swings about its line.
    Noise,
    /// It has stood as high before, and came back.
    SeenBefore,
    /// It grows.
    Grows(Growth),
}

/// No value: greater than every scaled one.
const NONE: u16 = u16::MAX;
/// Greatest scaled value.
const SCALED_MAX: u16 = NONE - 1;

/// Low-water marks of one quantity, see the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracker {
    /// Length of a bucket when it was filled: state of another shape is no state.
    bucket_ms: u64,
    /// A scaled value counts `1 << shift` units.
    shift: u8,
    /// Number of the first bucket of the window's series; `None` while there is none.
    first: Option<u64>,
    /// Number of the open bucket.
    open: u64,
    /// Least value of the open bucket.
    low: u16,
    /// Buckets up to this one, exclusive, ran into the level that matters: they do not become past.
    exhausted: u64,
    /// Number of the newest bucket of the past.
    past_newest: u64,
    /// Complete buckets, by their number modulo [`GROWTH_BUCKETS`].
    window: [u16; GROWTH_BUCKETS],
    /// Buckets of the past, likewise.
    past: [u16; GROWTH_BUCKETS],
    /// What was said when the last bucket was complete; `None` after a restart, before the next reading.
    #[serde(skip)]
    outlook: Option<Outlook>,
}

impl Default for Tracker {
    fn default() -> Self {
        Self {
            bucket_ms: 0,
            shift: 0,
            first: None,
            open: 0,
            low: NONE,
            exhausted: 0,
            past_newest: 0,
            window: [NONE; GROWTH_BUCKETS],
            past: [NONE; GROWTH_BUCKETS],
            outlook: None,
        }
    }
}

impl Tracker {
    /// Forgets everything.
    pub fn empty(&mut self) {
        *self = Self::default();
    }

    /// What was said when the last bucket was complete.
    #[must_use]
    pub fn outlook(&self) -> Outlook {
        self.outlook.unwrap_or(Outlook::TooFew)
    }

    /// Takes a reading and says how many seconds are left until the level that matters, [`TIME_LEFT_NEVER_S`] where
    /// nothing grows towards it; `None` while there is not enough evidence for either.
    ///
    /// Moments must come in their order: one before the open bucket can only be another clock's, and all starts anew. A gap
    /// of up to [`GROWTH_GAP_BUCKETS`] buckets is bridged; a longer one begins a new window, and the old one becomes past.
    pub fn take(&mut self, shape: &Shape, now: Uptime, stand: &Stand) -> Option<u64> {
        let bucket = shape.bucket(now);
        if self.bucket_ms != shape.bucket_ms || bucket < self.open {
            self.empty();
            self.bucket_ms = shape.bucket_ms;
            self.open = bucket;
        }
        self.rescale(stand.whole.max(stand.value));
        let completed = bucket > self.open;
        if completed {
            self.advance(shape, bucket);
        }
        self.first.get_or_insert(bucket);
        let scaled = self.scaled(stand.value);
        self.low = self.low.min(scaled);
        let nearly_out = stand.left.saturating_mul(GROWTH_EXHAUSTED_PART) < stand.whole;
        if shape.past == Past::Highest && nearly_out {
            self.exhausted = bucket.saturating_add(1);
            self.past = [NONE; GROWTH_BUCKETS];
        }
        if completed || self.outlook.is_none() {
            self.outlook = Some(self.judge(shape, now));
        }
        match self.outlook() {
            Outlook::TooFew | Outlook::WarmUp => None,
            Outlook::Grows(growth) => Some(growth.time_left_s(stand.left)),
            _ => Some(TIME_LEFT_NEVER_S),
        }
    }

    /// Makes `whole` fit. The scale never gets finer while values are held in it.
    fn rescale(&mut self, whole: u64) {
        let mut shift = self.shift;
        while shift < 63 && (whole >> shift) > u64::from(SCALED_MAX) {
            shift = shift.saturating_add(1);
        }
        let by = u32::from(shift.saturating_sub(self.shift));
        if by == 0 {
            return;
        }
        self.shift = shift;
        let held = self.window.iter_mut().chain(&mut self.past);
        for slot in held.chain([&mut self.low]).filter(|slot| **slot != NONE) {
            *slot = slot.checked_shr(by).unwrap_or(0);
        }
        self.outlook = None;
    }

    fn scaled(&self, value: u64) -> u16 {
        let scaled = value.checked_shr(self.shift.into()).unwrap_or(0);
        u16::try_from(scaled).map_or(SCALED_MAX, |scaled| scaled.min(SCALED_MAX))
    }

    /// Completes the open bucket, and opens `bucket`.
    fn advance(&mut self, shape: &Shape, bucket: u64) {
        let steps = bucket.saturating_sub(self.open);
        self.put(shape, self.open, self.low);
        self.low = NONE;
        if steps > GROWTH_GAP_BUCKETS {
            let first = bucket.saturating_sub(steps).saturating_add(1);
            for number in first..first.saturating_add(BUCKETS) {
                self.put(shape, number, NONE);
            }
            self.first = None;
        } else {
            for number in self.open.saturating_add(1)..bucket {
                self.put(shape, number, NONE);
            }
        }
        self.open = bucket;
    }

    /// Puts a complete bucket into the window; the one that it pushes out becomes past.
    fn put(&mut self, shape: &Shape, number: u64, low: u16) {
        let Some(slot) = self.window.get_mut(place(number)) else {
            return;
        };
        let pushed_out = core::mem::replace(slot, low);
        let Some(old) = number.checked_sub(BUCKETS) else {
            return;
        };
        if pushed_out != NONE && old >= self.exhausted {
            self.put_past(shape, old, pushed_out);
        }
    }

    fn put_past(&mut self, shape: &Shape, number: u64, low: u16) {
        let number = number.checked_div(shape.buckets_per_past).unwrap_or(0);
        let steps = number.saturating_sub(self.past_newest).min(BUCKETS);
        for back in 0..steps {
            if let Some(slot) = self.past.get_mut(place(number.saturating_sub(back))) {
                *slot = NONE;
            }
        }
        self.past_newest = self.past_newest.max(number);
        if let Some(slot) = self.past.get_mut(place(number)) {
            *slot = match shape.past {
                _ if *slot == NONE => low,
                Past::Highest => low.max(*slot),
                Past::Lowest => low.min(*slot),
            };
        }
    }

    /// Complete buckets of the window, oldest first.
    fn in_order(&self) -> impl Iterator<Item = Option<u16>> + '_ {
        let oldest = self.open.saturating_sub(BUCKETS);
        (oldest..oldest.saturating_add(BUCKETS)).map(|number| {
            let slot = self.window.get(place(number)).copied();
            slot.filter(|low| *low != NONE)
        })
    }

    fn judge(&self, shape: &Shape, now: Uptime) -> Outlook {
        let covered = self
            .first
            .is_some_and(|first| self.open.saturating_sub(first) >= BUCKETS);
        if !covered {
            return Outlook::TooFew;
        }
        if now.as_millis() < shape.warm_up_ms {
            return Outlook::WarmUp;
        }
        let mut marks = [None; GROWTH_BUCKETS];
        for (slot, low) in marks.iter_mut().zip(self.in_order()) {
            *slot = low;
        }
        let past = self.past.iter().copied().filter(|low| *low != NONE);
        let past = trend::PastMarks {
            known: past.clone().count(),
            lowest: past.clone().min(),
            highest: past.max(),
        };
        trend::judge(shape, &marks, &past, self.shift)
    }
}

/// Where a bucket is kept.
fn place(bucket: u64) -> usize {
    usize::try_from(bucket.checked_rem(BUCKETS).unwrap_or(0)).unwrap_or(0)
}

#[cfg(test)]
impl Tracker {
    /// Every number as long as it can become.
    pub(crate) const fn fullest() -> Self {
        Self {
            bucket_ms: u64::MAX,
            shift: 63,
            first: Some(RULE_UPTIME_MAX_MS),
            open: RULE_UPTIME_MAX_MS,
            low: NONE,
            exhausted: RULE_UPTIME_MAX_MS,
            past_newest: RULE_UPTIME_MAX_MS,
            window: [NONE; GROWTH_BUCKETS],
            past: [NONE; GROWTH_BUCKETS],
            outlook: None,
        }
    }
}
