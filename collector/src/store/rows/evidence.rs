//! Rows of evidence.

use super::super::StoreError;
use super::super::types::{
    EvidenceAbout, EvidenceHead, EvidenceKey, Identity, StoredAlert, StoredEvidence,
};
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;

/// Rows of an open transaction: evidence of agents. Every method may fail with [`StoreError`].
pub trait EvidenceRows {
    /// Stores a part. The first of an Evidence that comes brings head and what it is about; a part that is there stays as it is.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_evidence(
        &mut self,
        agent: AgentId,
        head: &EvidenceHead,
        about: &[EvidenceAbout],
        part: (u8, &[u8]),
    ) -> Result<(), StoreError>;
    /// Deletes the oldest of an agent's beyond `kept`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn bound_evidence(&mut self, agent: AgentId, kept: usize) -> Result<(), StoreError>;
    /// Of an agent, the newest first: at most `limit` that come after `before` in this order.
    ///
    /// # Errors
    /// [`StoreError`].
    fn evidence_of(
        &mut self,
        agent: AgentId,
        before: Option<EvidenceKey>,
        limit: usize,
    ) -> Result<Vec<StoredEvidence>, StoreError>;
    /// What is about this episode of an agent's code and subject, a test's or not, the newest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn evidence_about(
        &mut self,
        agent: AgentId,
        identity: &Identity,
        episode: u32,
        limit: usize,
    ) -> Result<Vec<StoredEvidence>, StoreError>;
    /// When the newest of all agents was received.
    ///
    /// # Errors
    /// [`StoreError`].
    fn newest_evidence(&mut self) -> Result<Option<WallTime>, StoreError>;
    /// The alerts that evidence of this episode may be about, tests too, the newest first, at most `limit`: numbers begin anew
    /// where a host lost its rings.
    ///
    /// # Errors
    /// [`StoreError`].
    fn alerts_of_episode(
        &mut self,
        agent: AgentId,
        identity: &Identity,
        episode: u32,
        limit: usize,
    ) -> Result<Vec<StoredAlert>, StoreError>;
}
