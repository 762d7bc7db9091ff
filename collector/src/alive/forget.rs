//! What is past its retention is forgotten, in small transactions, and not on the word of the clock alone.

use crate::clock::DAY_MS;
use crate::config::Keep;
use crate::limit::{FIRST_CLOCK_MS, FORGET_ROWS, SWEEP_MS, VOUCH_FAR_MS, VOUCH_SPEED};
use crate::store::rows::AllRows;
use crate::store::{Forget, StoreError, Upkeep};
use hansho::clock::WallTime;

/// Days that something is kept.
#[must_use]
pub const fn days(keep: &Keep, what: Forget) -> u32 {
    match what {
        Forget::Alerts => keep.alerts_days,
        Forget::Events => keep.events_days,
        Forget::Evidence => keep.evidence_days,
        Forget::Outbox => keep.outbox_days,
        Forget::Audit => keep.audit_days,
    }
}

/// The longest that anything is kept.
fn longest_ms(keep: &Keep) -> u64 {
    let all = [keep.alerts_days, keep.events_days, keep.outbox_days];
    let days = all.into_iter().fold(keep.audit_days, u32::max);
    u64::from(days).saturating_mul(DAY_MS)
}

/// How far time is vouched for: towards what the clock says, but by no more than [`VOUCH_SPEED`] times what passed since it was
/// vouched for last (`passed_ms`, of a clock that nobody sets). A clock that is set ahead by a year is believed when a year has
/// passed, or half of one; one that was wrong for a day has cost a day.
#[must_use]
pub fn vouched(before: Option<WallTime>, now: WallTime, passed_ms: u64) -> WallTime {
    // A clock that never was set has vouched for nothing.
    let Some(before) = before.filter(|before| before.as_millis() >= FIRST_CLOCK_MS) else {
        return now;
    };
    let step_ms = passed_ms.saturating_mul(VOUCH_SPEED);
    let (before_ms, now_ms) = (before.as_millis(), now.as_millis());
    WallTime::from_millis(now_ms.clamp(
        before_ms.saturating_sub(step_ms),
        before_ms.saturating_add(step_ms),
    ))
}

/// What is remembered of a clock that was set back far: of several the earliest. A clock that never was set is passed over: a host
/// without a battery has it at each start, and would never forget anything.
fn set_back(upkeep: &Upkeep, keep: &Keep, now: WallTime) -> Option<(WallTime, WallTime)> {
    let (now_ms, vouched) = (now.as_millis(), upkeep.vouched?);
    let far = vouched.as_millis().saturating_sub(now_ms) > VOUCH_FAR_MS;
    if !far || now_ms < FIRST_CLOCK_MS {
        return upkeep.set_back;
    }
    // It may have been so for as long as nobody looked.
    let to = WallTime::from_millis(now_ms.saturating_sub(SWEEP_MS.saturating_mul(2)));
    // Of one that was before, everything has gone that it wrote when the longest retention is over.
    let counts = |before: &(WallTime, WallTime)| {
        vouched.as_millis() < before.1.as_millis().saturating_add(longest_ms(keep))
    };
    let before = upkeep.set_back.filter(counts);
    let earliest = before.map_or(to, |(earliest, _)| earliest.min(to));
    Some((earliest, vouched))
}

/// Notes how far time is vouched for, and gives what retention counts by.
///
/// # Errors
/// [`StoreError`].
pub fn look(
    rows: &mut dyn AllRows,
    keep: &Keep,
    now: WallTime,
    passed_ms: u64,
) -> Result<Upkeep, StoreError> {
    let mut upkeep = rows.upkeep()?;
    upkeep.set_back = set_back(&upkeep, keep, now);
    upkeep.vouched = Some(vouched(upkeep.vouched, now, passed_ms));
    upkeep.looked = Some(now);
    rows.put_upkeep(&upkeep)?;
    Ok(upkeep)
}

/// Forgets some of one kind, as far as time is vouched for; 0 where nothing is left to forget.
///
/// # Errors
/// [`StoreError`].
pub fn some(
    rows: &mut dyn AllRows,
    keep: &Keep,
    what: Forget,
    now: WallTime,
) -> Result<usize, StoreError> {
    let kept_ms = u64::from(days(keep, what)).saturating_mul(DAY_MS);
    let until = rows.upkeep()?.until(now, kept_ms);
    match until.and_then(|until| until.as_millis().checked_sub(kept_ms)) {
        Some(before) => rows.forget(what, WallTime::from_millis(before), FORGET_ROWS),
        None => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_vouched_for_as_it_passes_and_not_as_the_clock_is_set() {
        let day = |days: u64| WallTime::from_millis(days.saturating_mul(DAY_MS));
        let hour_ms = DAY_MS / 24;
        // The first is taken as it is, and so is what follows on one that never was set.
        assert_eq!(vouched(None, day(21_000), 0), day(21_000));
        assert_eq!(vouched(Some(day(1)), day(21_000), 0), day(21_000));
        // The clock and what passed agree.
        let next = WallTime::from_millis(day(21_000).as_millis().saturating_add(hour_ms));
        assert_eq!(vouched(Some(day(21_000)), next, hour_ms), next);
        // Ahead by a year, at once or after a restart, of which nobody knows how long it took.
        assert_eq!(vouched(Some(day(21_000)), day(21_365), 0), day(21_000));
        assert_eq!(vouched(Some(day(21_000)), day(21_366), DAY_MS), day(21_002));
        // Back by a year: no further back than it may have gone ahead.
        assert_eq!(vouched(Some(day(21_365)), day(21_000), 0), day(21_365));
        assert_eq!(vouched(Some(day(21_365)), day(21_001), DAY_MS), day(21_363));
        // What was missed while it stood still is made good.
        assert_eq!(
            vouched(Some(day(21_000)), day(21_011), 10 * DAY_MS),
            day(21_011)
        );
    }
}
