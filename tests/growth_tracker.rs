//! The tracker of growth by itself: what it says of plain series, of gaps, of clocks that jump, and of anything.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "test code"
)]

use hansho::clock::Uptime;
use hansho::limit::TIME_LEFT_NEVER_S;
use hansho::rule::growth::{Outlook, Shape, Stand, Tracker};
use proptest::prelude::*;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const WHOLE: u64 = 1_000_000;

fn stand(value: u64) -> Stand {
    Stand {
        value,
        left: WHOLE.saturating_sub(value),
        whole: WHOLE,
    }
}

fn at(ms: u64) -> Uptime {
    Uptime::from_millis(ms)
}

/// Feeds one value a minute, and gives the last thing that was said.
fn feed(
    tracker: &mut Tracker,
    shape: &Shape,
    minutes: std::ops::Range<u64>,
    value: impl Fn(u64) -> u64,
) -> Option<u64> {
    let mut said = None;
    for minute in minutes {
        said = tracker.take(shape, at(minute * MINUTE_MS), &stand(value(minute)));
    }
    said
}

#[test]
fn a_steady_rise_is_told_with_its_slope_once_the_window_is_covered() {
    let (shape, mut tracker) = (Shape::SIX_HOURS, Tracker::default());
    // 600 an hour from 400,000 on.
    let rise = |minute: u64| 400_000 + minute * 10;
    assert_eq!(feed(&mut tracker, &shape, 0..360, rise), None);
    assert_eq!(tracker.outlook(), Outlook::TooFew);
    let left_s = feed(&mut tracker, &shape, 360..361, rise).unwrap();
    let Outlook::Grows(growth) = tracker.outlook() else {
        panic!("{:?}", tracker.outlook());
    };
    assert!((590..=610).contains(&growth.per_hour()), "{growth:?}");
    assert!((14_200..=14_600).contains(&growth.per_day()));
    assert!(growth.rising_permille >= 990);
    let exact = (WHOLE - rise(360)) * 3600 / 600;
    assert!(
        left_s.abs_diff(exact) < exact / 50,
        "{left_s}, exactly {exact}"
    );
}

#[test]
fn what_stays_falls_swings_or_steps_never_runs_out() {
    let shape = Shape::SIX_HOURS;
    let say = |value: &dyn Fn(u64) -> u64| {
        let mut tracker = Tracker::default();
        let said = feed(&mut tracker, &shape, 0..1441, value);
        (said, tracker.outlook())
    };
    let never = Some(TIME_LEFT_NEVER_S);
    assert_eq!(say(&|_| 500_000), (never, Outlook::Flat));
    assert_eq!(
        say(&|minute| 900_000 - minute * 100),
        (never, Outlook::Flat)
    );
    // Collected every 10 minutes.
    assert_eq!(say(&|minute| 500_000 + minute % 10 * 30_000).0, never);
    // A step an hour ago, and a fill of three hours that has ended, and one that goes on.
    assert_eq!(
        say(&|minute| 500_000 + u64::from(minute > 1380) * 200_000).0,
        never
    );
    let fill = |from: u64| {
        move |minute: u64| 500_000 + minute.clamp(from, from + 180).abs_diff(from) * 1000
    };
    assert_eq!(say(&fill(1200)).0, never);
    assert_eq!(say(&fill(1300)).0, never);
}

/// A daily rise of eight hours: the first may be a leak, the second has been there before.
#[test]
fn what_came_back_before_is_not_told_again() {
    let (shape, mut tracker) = (Shape::SIX_HOURS, Tracker::default());
    let day = |minute: u64| 500_000 + minute.checked_rem(1440).unwrap().min(480) * 500;
    let mut told = Vec::new();
    for minute in 0..4 * 1440 {
        let said = feed(&mut tracker, &shape, minute..minute + 1, day);
        if said.is_some_and(|left_s| left_s < TIME_LEFT_NEVER_S) {
            told.push(minute / 1440);
        }
    }
    told.dedup();
    assert_eq!(told, [0]);
    assert!(matches!(
        tracker.outlook(),
        Outlook::Flat | Outlook::SeenBefore | Outlook::NotThroughout
    ));
}

/// The same rise, but it ran into the limit and was ended there: that was no harm that came back by itself.
#[test]
fn what_ended_in_exhaustion_is_told_again() {
    let (shape, mut tracker) = (Shape::SIX_HOURS, Tracker::default());
    let day = |minute: u64| 500_000 + minute.checked_rem(1440).unwrap().min(498) * 1000;
    let mut days = Vec::new();
    for minute in 0..3 * 1440 {
        let said = feed(&mut tracker, &shape, minute..minute + 1, day);
        if said.is_some_and(|left_s| left_s < TIME_LEFT_NEVER_S) {
            days.push(minute / 1440);
        }
    }
    days.dedup();
    assert_eq!(days, [0, 1, 2]);
}

#[test]
fn a_day_is_compared_with_the_day_before_and_not_within_the_first() {
    let (shape, mut tracker) = (Shape::DAY, Tracker::default());
    let rise = |minute: u64| 100_000 + minute * 20;
    // The window is covered after a day, the past known after a quarter of another.
    assert_eq!(feed(&mut tracker, &shape, 0..30 * 60, rise), None);
    let said = feed(&mut tracker, &shape, 30 * 60..31 * 60 + 1, rise);
    assert!(said.unwrap() < 40 * 24 * 3600, "{said:?}");

    // A job each night, and nothing else.
    let mut tracker = Tracker::default();
    for minute in 0..10 * 1440 {
        let job = u64::from(minute % 1440 < 240) * 300_000;
        let said = feed(&mut tracker, &shape, minute..minute + 1, |_| 200_000 + job);
        assert!(
            said.is_none_or(|left_s| left_s == TIME_LEFT_NEVER_S),
            "minute {minute}"
        );
    }
}

#[test]
fn short_gaps_are_bridged_and_long_ones_begin_a_new_window() {
    let shape = Shape::SIX_HOURS;
    let rise = |minute: u64| 400_000 + minute * 100;
    let after_gap = |minutes: u64| {
        let mut tracker = Tracker::default();
        feed(&mut tracker, &shape, 0..360, rise);
        let back = 360 + minutes;
        feed(&mut tracker, &shape, back..back + 16, rise)
    };
    assert!(after_gap(60).unwrap() < TIME_LEFT_NEVER_S);
    // Half of the window at most; what is known must be three quarters of it.
    assert_eq!(after_gap(150), None);
    assert_eq!(after_gap(60 * 24 * 3), None);
    let mut tracker = Tracker::default();
    feed(&mut tracker, &shape, 0..360, rise);
    let back = 360 + 60 * 24;
    assert_eq!(feed(&mut tracker, &shape, back..back + 359, rise), None);
    assert!(feed(&mut tracker, &shape, back + 359..back + 376, rise).unwrap() < TIME_LEFT_NEVER_S);
}

#[test]
fn an_earlier_moment_is_another_clock_and_another_interval_another_shape() {
    let (shape, rise) = (Shape::SIX_HOURS, |minute: u64| 400_000 + minute * 100);
    let mut tracker = Tracker::default();
    assert!(feed(&mut tracker, &shape, 0..400, rise).is_some());
    assert_eq!(feed(&mut tracker, &shape, 0..1, rise), None);
    let mut tracker = Tracker::default();
    assert!(feed(&mut tracker, &shape, 0..400, rise).is_some());
    let slow = shape.with_interval(20 * 60_000);
    assert_eq!(slow.bucket_ms, 20 * MINUTE_MS);
    assert_eq!(shape.with_interval(1000), shape);
    assert_eq!(feed(&mut tracker, &slow, 400..401, rise), None);
}

/// Hotplug, or a limit that was raised: the scale becomes coarser and what is held with it.
#[test]
fn a_greater_whole_changes_the_scale_and_not_the_slope() {
    let (shape, mut tracker) = (Shape::SIX_HOURS, Tracker::default());
    let mut said = None;
    for minute in 0..720 {
        let whole = if minute < 400 { WHOLE } else { 8 * WHOLE };
        let value = 400_000 + minute * 500;
        let left = whole - value;
        let one = Stand { value, left, whole };
        said = tracker.take(&shape, at(minute * MINUTE_MS), &one);
    }
    let exact = (8 * WHOLE - 400_000 - 719 * 500) / 500 * 60;
    assert!(
        said.unwrap().abs_diff(exact) < exact / 20,
        "{said:?}, exactly {exact}"
    );
}

fn shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::FIVE_MINUTES),
        Just(Shape::SIX_HOURS),
        Just(Shape::DAY)
    ]
}

/// What comes: how long after the one before, and the numbers of a reading, mostly sensible.
fn readings() -> impl Strategy<Value = Vec<(u64, u64, u64, u64)>> {
    let whole = prop_oneof![8 => Just(WHOLE), 1 => any::<u64>()];
    let value = prop_oneof![8 => 0..WHOLE, 1 => any::<u64>()];
    let gap = prop_oneof![20 => 0..2 * MINUTE_MS, 8 => 0..2 * HOUR_MS, 1 => 0..300 * HOUR_MS, 1 => any::<u64>()];
    prop::collection::vec(
        (
            gap,
            value,
            prop_oneof![8 => 0..WHOLE, 1 => any::<u64>()],
            whole,
        ),
        1..400,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing panics; a restart from the bytes of the state changes nothing; less left is never more time.
    #[test]
    fn anything_may_come(shape in shapes(), restart in 0_usize..400, series in readings()) {
        let mut tracker = Tracker::default();
        let mut now = 0_u64;
        let mut buffer = [0; 256];
        for (place, (gap, value, left, whole)) in series.into_iter().enumerate() {
            now = now.wrapping_add(gap);
            if place == restart {
                let bytes = postcard::to_slice(&tracker, &mut buffer).unwrap();
                let mut read: Tracker = postcard::from_bytes(bytes).unwrap();
                let again = Stand { value, left, whole };
                prop_assert_eq!(
                    read.take(&shape, at(now), &again),
                    tracker.clone().take(&shape, at(now), &again)
                );
            }
            let said = tracker.take(&shape, at(now), &Stand { value, left, whole });
            if let Outlook::Grows(growth) = tracker.outlook() {
                prop_assert_eq!(said, Some(growth.time_left_s(left)));
                prop_assert!(growth.time_left_s(left / 2) <= growth.time_left_s(left));
                prop_assert_eq!(growth.time_left_s(0), 0);
            }
            prop_assert!(said.is_none_or(|left_s| left_s <= TIME_LEFT_NEVER_S));
        }
    }

    /// A steady rise of any speed that the scale can show, from any height, is told within two per cent.
    #[test]
    fn the_time_left_of_a_steady_rise_is_right(start in 0..WHOLE / 2, a_minute in 20_u64..500) {
        let (shape, mut tracker) = (Shape::SIX_HOURS, Tracker::default());
        let rise = |minute: u64| start + minute * a_minute;
        let left_s = feed(&mut tracker, &shape, 0..376, rise).unwrap();
        let exact = WHOLE.saturating_sub(rise(375)) * 60 / a_minute;
        prop_assert!(left_s.abs_diff(exact) <= exact / 50 + 60, "{} {}", left_s, exact);
    }
}
