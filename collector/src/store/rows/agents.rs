//! Rows of agents as people manage them: who they are, their keys, and the tokens with which they join.

use super::super::StoreError;
use super::super::types::{JoinToken, KeyEpoch, NewAgent, Past};
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;

/// Rows of an open transaction: names and keys of agents, join tokens.
#[expect(missing_docs, reason = "each is get or put of the row that it names")]
pub trait AgentRows {
    /// [`StoreError::IdTaken`] and [`StoreError::NameTaken`] where they are.
    fn insert_agent(&mut self, agent: &NewAgent, now: WallTime) -> Result<(), StoreError>;
    /// Gives it another name or system; [`StoreError::NameTaken`] where another agent is called so.
    fn put_place(
        &mut self,
        agent: AgentId,
        customer: &str,
        system: &str,
        name: &str,
    ) -> Result<(), StoreError>;
    fn put_retired(&mut self, agent: AgentId, since: Option<WallTime>) -> Result<(), StoreError>;
    /// By epoch.
    fn key_epochs(&mut self, agent: AgentId) -> Result<Vec<KeyEpoch>, StoreError>;
    /// Stores an epoch, in place of the one of that number.
    fn put_key_epoch(&mut self, agent: AgentId, key: &KeyEpoch) -> Result<(), StoreError>;
    /// Boots and changes of the configuration at or after a moment, in order.
    fn past(&mut self, agent: AgentId, since: WallTime) -> Result<Vec<Past>, StoreError>;
    /// Keeps one, and of its agent the newest [`crate::limit::PAST_KEPT`].
    fn put_past(&mut self, agent: AgentId, past: &Past) -> Result<(), StoreError>;
    fn join_token(&mut self, id: u32) -> Result<Option<JoinToken>, StoreError>;
    /// By number.
    fn join_tokens(&mut self) -> Result<Vec<JoinToken>, StoreError>;
    /// Stores a token, in place of the one of that number.
    fn put_join_token(&mut self, token: &JoinToken) -> Result<(), StoreError>;
}
