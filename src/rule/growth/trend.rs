//! Whether low-water marks grow, and how fast: pure functions on two dozen numbers, no heap.
//!
//! The slope is the median of the slopes of all pairs of buckets (Theil 1950, Sen 1968): up to 29 % of the buckets may be
//! anything, such as a nightly job, and do not move it. That the marks rise at all is the share of pairs that do (Mann 1945,
//! Kendall 1975). Both look at the whole window at once, so a step and a cache that fills once pass them; hence each
//! quarter must also have a higher low than the one before.

use super::{Outlook, Past, Shape};
use crate::limit::{GROWTH_BUCKETS, TIME_LEFT_NEVER_S};

/// A slope counts so many parts of a scaled unit.
const FINE: i64 = 1024;
/// Pairs of a full window.
const PAIRS: usize = GROWTH_BUCKETS * (GROWTH_BUCKETS - 1) / 2;
/// Buckets of a quarter.
const QUARTER: usize = GROWTH_BUCKETS / 4;
const _: () = assert!(QUARTER * 4 == GROWTH_BUCKETS);
/// Marks that are looked at as one.
const FLOOR: usize = 3;
/// Of the window's buckets at least so many must be known.
const KNOWN: usize = GROWTH_BUCKETS * 3 / 4;
/// Of the past's buckets, with [`Past::Lowest`].
const PAST_KNOWN: usize = GROWTH_BUCKETS / 4;
/// A quarter must lie above the one before by this part of what the slope says.
const STEP_PART: i64 = 3;
/// What was in the past must be surpassed by this part of the window's growth.
const PAST_PART: i64 = 4;
/// The growth of the window must be so many times the median distance of the marks from their line.
const NOISE_FACTOR: i64 = 3;
/// And at least so many scaled units: one or two are rounding.
const LEAST_UNITS: i64 = 4;
const HOUR_MS: u128 = 60 * 60 * 1000;

/// Growth of one quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Slope in 1024ths of a scaled unit a bucket; above 0.
    slope: u32,
    shift: u8,
    bucket_ms: u64,
    /// Share of pairs of buckets of which the later one is the higher, permille: the certainty.
    pub rising_permille: u16,
}

impl Growth {
    /// Seconds until so much is used up; at most [`TIME_LEFT_NEVER_S`].
    #[must_use]
    pub fn time_left_s(&self, left: u64) -> u64 {
        let parts = u128::from(left)
            .saturating_mul(1024)
            .saturating_mul(self.bucket_ms.into());
        let seconds = parts
            .checked_shr(self.shift.into())
            .and_then(|parts| parts.checked_div(u128::from(self.slope).saturating_mul(1000)));
        let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
        seconds.map_or(TIME_LEFT_NEVER_S, |seconds| seconds.min(TIME_LEFT_NEVER_S))
    }

    /// How much it grows in an hour, in its unit.
    #[must_use]
    pub fn per_hour(&self) -> u64 {
        self.within(HOUR_MS)
    }

    /// How much it grows in a day, in its unit.
    #[must_use]
    pub fn per_day(&self) -> u64 {
        self.within(24 * HOUR_MS)
    }

    fn within(&self, millis: u128) -> u64 {
        let units = (u128::from(self.slope) << self.shift.min(63))
            .saturating_mul(millis)
            .checked_div(u128::from(self.bucket_ms).saturating_mul(1024));
        units
            .and_then(|units| u64::try_from(units).ok())
            .unwrap_or(u64::MAX)
    }
}

/// What is known of the time before the window.
#[derive(Clone, Copy, Debug)]
pub(super) struct PastMarks {
    /// Buckets with a mark.
    pub(super) known: usize,
    /// Least mark.
    pub(super) lowest: Option<u16>,
    /// Greatest mark.
    pub(super) highest: Option<u16>,
}

type Marks = [Option<u16>; GROWTH_BUCKETS];

/// Judges a window of complete buckets, oldest first.
pub(super) fn judge(shape: &Shape, marks: &Marks, past: &PastMarks, shift: u8) -> Outlook {
    let known = marks.iter().flatten().count();
    if known < KNOWN || (shape.past == Past::Lowest && past.known < PAST_KNOWN) {
        return Outlook::TooFew;
    }
    let Some(lows) = quarters(marks) else {
        return Outlook::TooFew;
    };
    // What costs little comes first: most windows end here.
    let rises_by = |least: i64| {
        let steps = lows.iter().zip(lows.iter().skip(1)).rev();
        let mut needed = steps.take(usize::from(shape.steps));
        needed.all(|(before, after)| after.saturating_sub(*before) >= least)
    };
    if lows.last() != lows.iter().max() || !rises_by(1) {
        return Outlook::Flat;
    }
    let marks = &floor(marks);
    let (slope, rising_permille) = slope(marks);
    let grown = slope.saturating_mul(count(GROWTH_BUCKETS));
    if rising_permille < shape.rising_permille || grown < LEAST_UNITS.saturating_mul(FINE) {
        return Outlook::Flat;
    }
    let least = slope.saturating_mul(count(QUARTER)).checked_div(STEP_PART);
    let latest = marks.last().copied().flatten().map_or(0, fine);
    let still = lows
        .last()
        .is_some_and(|low| latest.saturating_sub(*low) >= slope);
    if !rises_by(least.unwrap_or(slope)) || !still {
        return Outlook::NotThroughout;
    }
    if grown < distance(marks, slope).saturating_mul(NOISE_FACTOR) {
        return Outlook::Noise;
    }
    if !surpasses(shape, &lows, past, slope) {
        return Outlook::SeenBefore;
    }
    match u32::try_from(slope) {
        Ok(slope) => Outlook::Grows(Growth {
            slope,
            shift,
            bucket_ms: shape.bucket_ms,
            rising_permille,
        }),
        Err(_) => Outlook::Flat,
    }
}

/// Whether the window stands above the past.
fn surpasses(shape: &Shape, lows: &[i64; 4], past: &PastMarks, slope: i64) -> bool {
    let by = |buckets: usize| {
        slope
            .saturating_mul(count(buckets))
            .checked_div(PAST_PART)
            .unwrap_or(slope)
    };
    match shape.past {
        Past::Highest => past.highest.is_none_or(|highest| {
            let latest = lows.last().copied().unwrap_or(0);
            latest.saturating_sub(fine(highest)) >= by(GROWTH_BUCKETS)
        }),
        Past::Lowest => past.lowest.is_some_and(|lowest| {
            let least = lows.iter().copied().min().unwrap_or(0);
            least.saturating_sub(fine(lowest)) >= by(past.known)
        }),
    }
}

/// Each mark and the [`FLOOR`] - 1 before it, the least of them: what swings a little more slowly than a bucket is gone as well.
/// A hole is bridged.
fn floor(marks: &Marks) -> Marks {
    let mut floors = [None; GROWTH_BUCKETS];
    for (place, floor) in floors.iter_mut().enumerate() {
        let before = place.saturating_add(1).saturating_sub(FLOOR);
        let near = marks.iter().take(place.saturating_add(1)).skip(before);
        *floor = near.flatten().copied().min();
    }
    floors
}

/// The median slope of all pairs, and the share of them that rise; of equals half.
fn slope(marks: &Marks) -> (i64, u16) {
    let mut slopes: heapless::Vec<i32, PAIRS> = heapless::Vec::new();
    let mut halves = 0_usize;
    let known = || {
        let numbered = (0_i64..).zip(marks);
        numbered.filter_map(|(number, mark)| Some((number, fine((*mark)?))))
    };
    for (place, (number, mark)) in known().enumerate() {
        for (later, higher) in known().skip(place.saturating_add(1)) {
            let rise = higher.saturating_sub(mark);
            let rises = usize::from(rise > 0).saturating_add(usize::from(rise >= 0));
            halves = halves.saturating_add(rises);
            let slope = rise.checked_div(later.saturating_sub(number)).unwrap_or(0);
            // There is room for every pair, and a mark of 16 bits in 1024ths has 26.
            let _full = slopes.push(i32::try_from(slope).unwrap_or(i32::MAX));
        }
    }
    let share = halves.saturating_mul(500).checked_div(slopes.len());
    let share = share.and_then(|share| u16::try_from(share).ok());
    (median(&mut slopes).into(), share.unwrap_or(0))
}

/// The median distance of the marks from the line of that slope through their middle.
fn distance(marks: &Marks, slope: i64) -> i64 {
    let mut from_line: heapless::Vec<i64, GROWTH_BUCKETS> = heapless::Vec::new();
    for (number, mark) in (0_i64..).zip(marks) {
        if let Some(mark) = mark {
            let _full = from_line.push(fine(*mark).saturating_sub(slope.saturating_mul(number)));
        }
    }
    let middle = median(&mut from_line);
    for one in &mut from_line {
        *one = one.abs_diff(middle).try_into().unwrap_or(i64::MAX);
    }
    median(&mut from_line)
}

/// The least mark of each quarter; `None` where one has none.
fn quarters(marks: &Marks) -> Option<[i64; 4]> {
    let mut lows = [0; 4];
    for (low, quarter) in lows.iter_mut().zip(marks.chunks(QUARTER)) {
        *low = fine(quarter.iter().flatten().copied().min()?);
    }
    Some(lows)
}

/// The upper of the two middle ones of an even number; 0 of none.
fn median<T: Ord + Copy + Default>(numbers: &mut [T]) -> T {
    let middle = numbers.len() / 2;
    if middle >= numbers.len() {
        return T::default();
    }
    *numbers.select_nth_unstable(middle).1
}

fn fine(mark: u16) -> i64 {
    i64::from(mark).saturating_mul(FINE)
}

fn count(buckets: usize) -> i64 {
    i64::try_from(buckets).unwrap_or(i64::MAX)
}
