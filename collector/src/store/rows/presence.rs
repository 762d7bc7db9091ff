//! Rows of whether agents are there, and what they said when they left.

use super::super::StoreError;
use super::super::types::{
    AgentFacts, AlertCause, AlertId, BootReason, CollectorLife, Identity, Presence, Rival,
    SilentSite, StoredFrame, StoredGoodbye,
};
use hansho::frame::kind::{AgentId, BootId, RunId, Stream};

/// Rows of an open transaction: whether agents are there, and what they said when they left.
#[expect(missing_docs, reason = "each is get or put of the row that it names")]
pub trait PresenceRows {
    /// `CollectorLife::default()` before the first.
    fn collector_life(&mut self) -> Result<CollectorLife, StoreError>;
    fn put_collector_life(&mut self, life: &CollectorLife) -> Result<(), StoreError>;
    /// Of all agents that were ever judged, by agent.
    fn presences(&mut self) -> Result<Vec<Presence>, StoreError>;
    fn presence(&mut self, agent: AgentId) -> Result<Option<Presence>, StoreError>;
    fn put_presence(&mut self, presence: &Presence) -> Result<(), StoreError>;
    /// Of all agents that were ever heard.
    fn all_facts(&mut self) -> Result<Vec<(AgentId, AgentFacts)>, StoreError>;
    /// `AgentFacts::default()` where the agent never was heard.
    fn facts(&mut self, agent: AgentId) -> Result<AgentFacts, StoreError>;
    fn put_facts(&mut self, agent: AgentId, facts: &AgentFacts) -> Result<(), StoreError>;
    fn goodbye(&mut self, agent: AgentId, run: RunId) -> Result<Option<StoredGoodbye>, StoreError>;
    /// Stores a run's Goodbye; one of a lower sequence is replaced.
    fn put_goodbye(&mut self, agent: AgentId, goodbye: &StoredGoodbye) -> Result<(), StoreError>;
    /// What a host says of how a boot began.
    fn boot_reason(
        &mut self,
        agent: AgentId,
        boot: BootId,
    ) -> Result<Option<BootReason>, StoreError>;
    fn put_boot_reason(
        &mut self,
        agent: AgentId,
        boot: BootId,
        reason: BootReason,
    ) -> Result<(), StoreError>;
    /// Rivals of an agent's current run, the one heard last first.
    fn rivals(&mut self, agent: AgentId) -> Result<Vec<Rival>, StoreError>;
    /// Of all agents.
    fn all_rivals(&mut self) -> Result<Vec<(AgentId, Rival)>, StoreError>;
    fn put_rival(&mut self, agent: AgentId, rival: &Rival) -> Result<(), StoreError>;
    fn delete_rival(&mut self, agent: AgentId, run: RunId) -> Result<(), StoreError>;
    fn silent_sites(&mut self) -> Result<Vec<SilentSite>, StoreError>;
    fn put_silent_site(&mut self, site: &SilentSite) -> Result<(), StoreError>;
    fn delete_silent_site(&mut self, site: &str) -> Result<(), StoreError>;
    fn cause(&mut self, alert: AlertId) -> Result<Option<AlertCause>, StoreError>;
    fn put_cause(&mut self, alert: AlertId, cause: &AlertCause) -> Result<(), StoreError>;
    /// Open alerts of codes that the collector raises itself and that end by quiet, of all agents.
    fn open_of_codes(
        &mut self,
        codes: &[u16],
    ) -> Result<Vec<super::super::types::StoredAlert>, StoreError>;
    /// Highest episode ever stored of an identity; 0 for none.
    fn last_episode(&mut self, agent: AgentId, identity: &Identity) -> Result<u32, StoreError>;
    /// A raw frame received on the UTC day of the newest batch; `None` where it is older, lost, or never came.
    fn recent_frame(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
        sequence: u64,
    ) -> Result<Option<StoredFrame>, StoreError>;
}
