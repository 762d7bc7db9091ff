//! The wall clock stepped: intervals go on as if it had not.
//!
//! What is counted from a moment (repeats, escalation) and what waits for a while (summaries, groups) goes with the clock, as far as
//! the step is known: a running notifier knows it to the millisecond, from the monotonic clock. One that begins finds only that
//! something was noted ahead of now; from there it counts anew. What waits for an hour of the day keeps that hour, but for one that
//! is farther away than the next.

use super::context::Context;
use crate::limit::CLOCK_STEPPED_MS;
use crate::store::rows::AllRows;
use crate::store::{ListOf, Numbers, StoreError};
use hansho::clock::WallTime;

/// How far the wall clock went beside the monotonic clock; `None` where that is no step. Suspension of the host is one: nobody was
/// told meanwhile.
#[must_use]
pub fn step_of(wall: (WallTime, WallTime), elapsed_ms: u64) -> Option<i64> {
    let before = i128::from(wall.0.as_millis()).saturating_add(i128::from(elapsed_ms));
    let by_ms = i128::from(wall.1.as_millis()).saturating_sub(before);
    if by_ms.unsigned_abs() < u128::from(CLOCK_STEPPED_MS) {
        return None;
    }
    i64::try_from(by_ms).ok()
}

/// Whether the clock stands before the newest step.
#[must_use]
pub fn was_set_back(numbers: &Numbers, now: WallTime) -> bool {
    let ahead_ms = numbers.seen.as_millis().saturating_sub(now.as_millis());
    ahead_ms >= CLOCK_STEPPED_MS
}

/// Lets intervals go on after a step of `by_ms`; 0 where it is not known by how much the clock was set back. One transaction.
///
/// # Errors
/// [`StoreError`].
pub fn go_on(
    rows: &mut dyn AllRows,
    context: &Context<'_>,
    by_ms: i64,
    now: WallTime,
) -> Result<(), StoreError> {
    rows.shift_threads(by_ms, now)?;
    for (list, key) in rows.lists()? {
        // What a list waits for at most, from now.
        let latest = match list {
            ListOf::Digest => context.directory.next_digest(&key, now),
            ListOf::Late => super::decide::later(now, crate::limit::LATE_WAIT_MS),
            ListOf::Group => super::decide::later(now, crate::limit::GROUP_WAIT_MS),
            ListOf::Storm => super::decide::later(now, crate::limit::STORM_WAIT_MS),
        };
        for mut waiting in rows.waiting(list, &key)? {
            if waiting.due > latest {
                waiting.due = latest;
                rows.move_waiting(&waiting)?;
            }
        }
    }
    let mut numbers = rows.numbers()?;
    numbers.seen = now;
    rows.put_numbers(&numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_what_the_monotonic_clock_does_not_know() {
        let wall = |ms: u64| WallTime::from_millis(10_000_000 + ms);
        assert_eq!(step_of((wall(0), wall(250)), 250), None);
        assert_eq!(step_of((wall(0), wall(60_000)), 60_000), None);
        assert_eq!(step_of((wall(0), wall(750)), 250), None);
        assert_eq!(step_of((wall(0), wall(3_600_250)), 250), Some(3_600_000));
        assert_eq!(step_of((wall(3_600_000), wall(250)), 250), Some(-3_600_000));
    }
}
