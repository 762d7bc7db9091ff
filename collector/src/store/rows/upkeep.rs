//! Rows of how the collector looks after itself.

use super::super::StoreError;
use super::super::types::{Daily, Forget, Tally, Upkeep};
use hansho::clock::WallTime;

/// Rows of an open transaction: what the collector forgets, its daily mail, its backups.
#[expect(missing_docs, reason = "each is get or put of the row that it names")]
pub trait UpkeepRows {
    /// `Upkeep::default()` in a new store.
    fn upkeep(&mut self) -> Result<Upkeep, StoreError>;
    fn put_upkeep(&mut self, upkeep: &Upkeep) -> Result<(), StoreError>;
    /// The newest daily mails that were decided at or before a moment, the newest first.
    fn dailies(&mut self, until: WallTime, limit: usize) -> Result<Vec<Daily>, StoreError>;
    /// Stores one; the same day again is an error. Those more than a year of days older are forgotten.
    fn put_daily(&mut self, daily: &Daily) -> Result<(), StoreError>;
    /// Figures since a moment.
    fn tally(&mut self, since: WallTime) -> Result<Tally, StoreError>;
    /// Forgets at most `limit` of what ended before `before`; says how many rows are gone, with those that belong to them. Nothing that is open, waits,
    /// or is still to be decided on goes, nor the newest event or entry, whose number must not be given again.
    fn forget(&mut self, what: Forget, before: WallTime, limit: usize)
    -> Result<usize, StoreError>;
}
