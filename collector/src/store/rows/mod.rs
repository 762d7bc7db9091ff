//! What decisions need of a store: single rows within one open transaction, one trait a subject. SQLite and the
//! in-memory model implement all of them.

pub mod agents;
pub mod evidence;
pub mod handling;
pub mod notify;
pub mod pages;
pub mod people;
pub mod presence;
pub mod upkeep;
pub mod victims;

pub use agents::AgentRows;
pub use evidence::EvidenceRows;
pub use handling::HandlingRows;
pub use notify::NotifyRows;
pub use pages::PageRows;
pub use people::PeopleRows;
pub use presence::PresenceRows;
pub use upkeep::UpkeepRows;
pub use victims::VictimRows;

use super::StoreError;
use super::types::{
    Agent, AlertId, Boot, Counts, Event, EventKind, Identity, LostRange, Run, StoredAlert,
    StoredFrame,
};
use hansho::clock::{Uptime, WallTime};
use hansho::frame::answer::RefusedReason;
use hansho::frame::kind::{AgentId, BootId, RunId, Stream};

/// A part of a State that waits for the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatePart {
    /// Sequence of its frame.
    pub sequence: u64,
    /// Uptime of its frame.
    pub uptime: Uptime,
    /// This part.
    pub part: u8,
    /// Number of parts.
    pub parts: u8,
    /// Records, each behind its length.
    pub open: Vec<u8>,
}

/// A part of the effective rules.
#[derive(Clone, Copy, Debug)]
pub struct ConfigPart<'a> {
    /// Hash over all of it.
    pub config_hash: u64,
    /// This part.
    pub part: u8,
    /// Number of parts.
    pub parts: u8,
    /// Records, each behind its length.
    pub rules: &'a [u8],
}

/// How far a (run, stream) is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermark {
    /// All sequences below are stored or recorded as lost.
    pub next: u64,
    /// A section began here, above `next`, and its agent was told `next`. If it offers the same again, what lies between is
    /// lost.
    pub offered: Option<u64>,
}

/// The newest Readings frame of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// Run.
    pub run: RunId,
    /// Sequence.
    pub sequence: u64,
    /// The bytes.
    pub frame: Vec<u8>,
}

/// Rows of an open transaction. Every method may fail with [`StoreError`]; the transaction is rolled back then.
#[expect(missing_docs, reason = "each is get or put of the row that it names")]
pub trait Rows {
    fn agent(&mut self, agent: AgentId) -> Result<Option<Agent>, StoreError>;
    fn put_agent(&mut self, agent: &Agent) -> Result<(), StoreError>;
    /// The first batch with this epoch of its key is stored: epochs before it end.
    fn key_used(&mut self, agent: AgentId, epoch: u8, now: WallTime) -> Result<(), StoreError>;
    fn run(&mut self, agent: AgentId, run: RunId) -> Result<Option<Run>, StoreError>;
    fn put_run(&mut self, agent: AgentId, run: &Run) -> Result<(), StoreError>;
    fn boot(&mut self, agent: AgentId, boot: BootId) -> Result<Option<Boot>, StoreError>;
    fn put_boot(&mut self, agent: AgentId, boot: &Boot) -> Result<(), StoreError>;
    /// All zero where nothing of it is stored.
    fn watermark(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
    ) -> Result<Watermark, StoreError>;
    fn put_watermark(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
        watermark: Watermark,
    ) -> Result<(), StoreError>;
    fn put_frame(&mut self, agent: AgentId, frame: &StoredFrame) -> Result<(), StoreError>;
    /// The lost range of the highest sequence.
    fn last_loss(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
    ) -> Result<Option<LostRange>, StoreError>;
    fn count_losses(&mut self, agent: AgentId) -> Result<usize, StoreError>;
    fn losses(&mut self, agent: AgentId) -> Result<Vec<LostRange>, StoreError>;
    /// Deletes the range that begins there.
    fn delete_loss(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
        first: u64,
    ) -> Result<(), StoreError>;
    /// Stores a range; one that begins at the same sequence is replaced.
    fn put_loss(&mut self, agent: AgentId, loss: &LostRange) -> Result<(), StoreError>;
    /// Remembers the frames of a stream that the newest answer refused, and forgets those before.
    fn put_refusals(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
        refusals: &[(u64, RefusedReason)],
    ) -> Result<(), StoreError>;
    /// Why the first refused frame within the range, both ends included, was refused.
    fn refusal(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
        range: (u64, u64),
    ) -> Result<Option<RefusedReason>, StoreError>;
    fn count(&mut self, agent: AgentId, stream: Stream, counts: &Counts) -> Result<(), StoreError>;
    fn alert(&mut self, id: AlertId) -> Result<Option<StoredAlert>, StoreError>;
    fn open_alert(
        &mut self,
        agent: AgentId,
        identity: &Identity,
    ) -> Result<Option<StoredAlert>, StoreError>;
    fn open_alerts(&mut self, agent: AgentId) -> Result<Vec<StoredAlert>, StoreError>;
    /// The newest alert of this identity, episode and firing uptime; 0 on either side is any uptime.
    fn episode(
        &mut self,
        agent: AgentId,
        identity: &Identity,
        episode: u32,
        fired: Uptime,
    ) -> Result<Option<StoredAlert>, StoreError>;
    fn put_alert(&mut self, alert: &StoredAlert) -> Result<(), StoreError>;
    /// Appends to the journal of what happened to alerts; events are numbered from 1 in the order of appending.
    fn append_event(
        &mut self,
        alert: AlertId,
        kind: EventKind,
        at: WallTime,
    ) -> Result<(), StoreError>;
    /// Events above a number, in order, at most `limit`.
    fn events_after(&mut self, number: u64, limit: usize) -> Result<Vec<Event>, StoreError>;
    /// Number of the newest event; 0 where there is none.
    fn newest_event(&mut self) -> Result<u64, StoreError>;
    /// Events of one alert, in order.
    fn events_of(&mut self, alert: AlertId) -> Result<Vec<Event>, StoreError>;
    /// All agents, by customer, system and name.
    fn all_agents(&mut self) -> Result<Vec<Agent>, StoreError>;
    fn state_parts(&mut self, agent: AgentId, run: RunId) -> Result<Vec<StatePart>, StoreError>;
    fn put_state_part(
        &mut self,
        agent: AgentId,
        run: RunId,
        part: &StatePart,
    ) -> Result<(), StoreError>;
    fn clear_state_parts(&mut self, agent: AgentId, run: RunId) -> Result<(), StoreError>;
    /// Stores a part; parts of another hash are deleted.
    fn put_config(&mut self, agent: AgentId, part: &ConfigPart<'_>) -> Result<(), StoreError>;
    fn latest(&mut self, agent: AgentId) -> Result<Option<Latest>, StoreError>;
    fn put_latest(&mut self, agent: AgentId, latest: &Latest) -> Result<(), StoreError>;
}

/// All rows of all subjects: what a decision on the collector's side of the wire works on.
pub trait AllRows:
    Rows
    + AgentRows
    + EvidenceRows
    + VictimRows
    + PresenceRows
    + HandlingRows
    + NotifyRows
    + PageRows
    + PeopleRows
    + UpkeepRows
{
}

impl<T> AllRows for T where
    T: Rows
        + AgentRows
        + EvidenceRows
        + VictimRows
        + PresenceRows
        + HandlingRows
        + NotifyRows
        + PageRows
        + PeopleRows
        + UpkeepRows
{
}
