//! Rows of victims.

use super::super::StoreError;
use super::super::types::{StoredVictim, VictimKey};
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;

/// Rows of an open transaction: whom the kernel killed for memory. Every method may fail with [`StoreError`].
pub trait VictimRows {
    /// Stores it; one that is there, by boot and number, stays as it is.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_victim(&mut self, agent: AgentId, victim: &StoredVictim) -> Result<(), StoreError>;
    /// Deletes the oldest of an agent's beyond `kept`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn bound_victims(&mut self, agent: AgentId, kept: usize) -> Result<(), StoreError>;
    /// Of an agent, the newest first: at most `limit` that come after `before` in this order.
    ///
    /// # Errors
    /// [`StoreError`].
    fn victims_of(
        &mut self,
        agent: AgentId,
        before: Option<VictimKey>,
        limit: usize,
    ) -> Result<Vec<StoredVictim>, StoreError>;
    /// Of an agent, those killed from `from` to `to`, both included, the last killed first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn victims_between(
        &mut self,
        agent: AgentId,
        from: WallTime,
        to: WallTime,
        limit: usize,
    ) -> Result<Vec<StoredVictim>, StoreError>;
    /// When the newest of all agents was received.
    ///
    /// # Errors
    /// [`StoreError`].
    fn newest_victim(&mut self) -> Result<Option<WallTime>, StoreError>;
}
