//! What is past its retention is forgotten, in small transactions, and not on the word of a clock that jumped.

use crate::clock::DAY_MS;
use crate::config::Keep;
use crate::limit::{FORGET_ROWS, SWEEP_JUMP_DAYS};
use crate::store::rows::AllRows;
use crate::store::{Forget, StoreError};
use hansho::clock::WallTime;

/// Whether to forget anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// Go on.
    Go,
    /// It was last looked more than two days ago: the clock jumped ahead, or no collector ran. Nothing is deleted before this.
    Held(WallTime),
}

/// Days that something is kept.
#[must_use]
pub const fn days(keep: &Keep, what: Forget) -> u32 {
    match what {
        Forget::Alerts => keep.alerts_days,
        Forget::Events => keep.events_days,
        Forget::Outbox => keep.outbox_days,
        Forget::Audit => keep.audit_days,
    }
}

/// Notes that it is looked, and says whether to go on.
///
/// # Errors
/// [`StoreError`].
pub fn look(rows: &mut dyn AllRows, now: WallTime) -> Result<Looked, StoreError> {
    let mut upkeep = rows.upkeep()?;
    let ms = |moment: WallTime| moment.as_millis();
    let jump_ms = SWEEP_JUMP_DAYS.saturating_mul(DAY_MS);
    if upkeep
        .looked
        .is_some_and(|looked| ms(now).saturating_sub(ms(looked)) > jump_ms)
    {
        upkeep.held = Some(WallTime::from_millis(ms(now).saturating_add(DAY_MS)));
    }
    // A clock that was set back is right again, or will be: what it held is held anew if it jumps again.
    let held = upkeep
        .held
        .filter(|held| *held > now && ms(*held).saturating_sub(ms(now)) <= DAY_MS);
    upkeep.held = held;
    upkeep.looked = Some(now);
    rows.put_upkeep(&upkeep)?;
    Ok(held.map_or(Looked::Go, Looked::Held))
}

/// Forgets some of one kind; 0 where nothing is left to forget.
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
    match now.as_millis().checked_sub(kept_ms) {
        Some(before) => rows.forget(what, WallTime::from_millis(before), FORGET_ROWS),
        None => Ok(0),
    }
}
