//! What is kept, and the decisions about it.
//!
//! [`types`] the plain values; [`check`] which frames are taken; [`apply`], [`sections`], [`bodies`], [`alerts`], [`states`], [`losses`] what a batch changes,
//! [`news`] whether it is any, [`facts`] what it tells of who sends it; [`raise`] the alerts of the collector itself,
//! on the single rows of [`rows`]; [`dating`] how uptimes become dates; [`decode`] what frames say when they are read back; [`evidence`] whose evidence is, and what changed; [`victims`] whom the kernel killed for memory; [`sqlite`] and [`memory`] the two stores; [`writer`] the one thread that writes;
//! [`watched`] notices damage wherever it shows;
//! `tests/conformance` is the suite that both stores pass.

pub mod agents;
pub mod alerts;
pub mod apply;
pub mod bodies;
pub mod check;
pub mod dating;
pub mod decode;
pub mod evidence;
pub mod facts;
pub mod losses;
pub mod memory;
pub mod moved;
pub mod news;
pub mod raise;
pub mod rows;
pub mod sections;
pub mod sqlite;
pub mod states;
pub mod types;
pub mod victims;
pub mod watched;
pub mod writer;

pub use memory::MemoryStore;
pub use sqlite::SqliteStore;
pub use types::*;
pub use watched::Watched;

use crate::ingest::AuthenticatedBatch;
use hansho::clock::WallTime;
use hansho::frame::answer::Answer;
use hansho::frame::batch::BatchHeader;
use hansho::frame::kind::AgentId;

/// What is done within one transaction: a decision on rows. An error rolls everything back.
pub type Work<'w> = &'w mut dyn FnMut(&mut dyn rows::AllRows) -> Result<(), StoreError>;

/// The store. Each method is one whole transaction; `now` is given, so that tests live in their own time.
pub trait Store: Send + Sync {
    /// Stores what is new in `batches` and says what is stored. When it returns, all of it is durable; where it fails,
    /// nothing is stored.
    ///
    /// # Errors
    /// [`StoreError`].
    fn accept(
        &self,
        batches: &[&AuthenticatedBatch],
        now: WallTime,
    ) -> Result<Vec<Answer>, StoreError>;

    /// Notes that authenticated batches came which could not be stored: the agents live.
    ///
    /// # Errors
    /// [`StoreError`].
    fn alive(&self, heard: &[(BatchHeader, WallTime)]) -> Result<(), StoreError>;

    /// Whether a batch with this header would move last-seen.
    ///
    /// # Errors
    /// [`StoreError`].
    fn is_news(&self, header: &BatchHeader) -> Result<bool, StoreError>;

    /// Runs a decision as one transaction; when it returns, all of it is durable, where it fails, nothing is stored. The
    /// decision may be run only once, and must wait for nothing: it holds up whatever else is stored.
    ///
    /// # Errors
    /// [`StoreError`], that of the decision among them.
    fn transact(&self, work: Work<'_>) -> Result<(), StoreError>;

    /// Lets `work` read rows as they stood at one moment; what it writes is not kept.
    ///
    /// # Errors
    /// [`StoreError`].
    fn view(&self, work: Work<'_>) -> Result<(), StoreError>;

    /// Adds an agent.
    ///
    /// # Errors
    /// [`StoreError::IdTaken`], [`StoreError::NameTaken`].
    fn add_agent(&self, agent: &NewAgent, now: WallTime) -> Result<(), StoreError>;

    /// Master of an agent's key epoch; `None` where there is no such agent or epoch, or it is refused at `now`: revoked,
    /// followed by another one, or the agent is retired.
    ///
    /// # Errors
    /// [`StoreError`].
    fn master_of(
        &self,
        agent: AgentId,
        epoch: u8,
        now: WallTime,
    ) -> Result<Option<u32>, StoreError>;

    /// A number that grows with each change of what [`Self::master_of`] answers, but for ends that were known before.
    ///
    /// # Errors
    /// [`StoreError`].
    fn key_changes(&self) -> Result<u64, StoreError>;

    /// All agents, by customer, system and name.
    ///
    /// # Errors
    /// [`StoreError`].
    fn agents(&self) -> Result<Vec<Agent>, StoreError>;

    /// The agents that `selector` names: `NAME`, `CUSTOMER/SYSTEM/NAME`, or the identity in 16 hexadecimal digits.
    ///
    /// # Errors
    /// [`StoreError`].
    fn find_agent(&self, selector: &str) -> Result<Vec<Agent>, StoreError> {
        let mut agents = self.agents()?;
        agents.retain(|agent| {
            agent.name == selector
                || agent.path() == selector
                || agent.id.to_string() == selector.to_ascii_lowercase()
        });
        Ok(agents)
    }

    /// The systems of all customers with their agents.
    ///
    /// # Errors
    /// [`StoreError`].
    fn systems(&self) -> Result<Vec<System>, StoreError> {
        let mut systems: Vec<System> = Vec::new();
        for agent in self.agents()? {
            match systems.last_mut() {
                Some(last) if last.customer == agent.customer && last.name == agent.system => {
                    last.agents.push(agent);
                }
                _ => systems.push(System {
                    customer: agent.customer.clone(),
                    name: agent.system.clone(),
                    agents: vec![agent],
                }),
            }
        }
        Ok(systems)
    }

    /// Alerts, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn alerts(&self, filter: &AlertFilter) -> Result<Vec<StoredAlert>, StoreError> {
        self.alerts_before(filter, None)
    }

    /// The same, of those that come after `before` in this order: stored earlier, or at the same time with a lower identity.
    ///
    /// # Errors
    /// [`StoreError`].
    fn alerts_before(
        &self,
        filter: &AlertFilter,
        before: Option<(WallTime, AlertId)>,
    ) -> Result<Vec<StoredAlert>, StoreError>;

    /// One alert.
    ///
    /// # Errors
    /// [`StoreError`].
    fn alert(&self, id: AlertId) -> Result<Option<StoredAlert>, StoreError>;

    /// Stored readings of stream 1, by date.
    ///
    /// # Errors
    /// [`StoreError`].
    fn readings(&self, agent: AgentId, range: &Range) -> Result<Vec<StoredReading>, StoreError>;

    /// The newest reading.
    ///
    /// # Errors
    /// [`StoreError`].
    fn latest(&self, agent: AgentId) -> Result<Option<StoredReading>, StoreError>;

    /// Raw frames still kept, by run, stream and sequence.
    ///
    /// # Errors
    /// [`StoreError`].
    fn frames(&self, agent: AgentId) -> Result<Vec<StoredFrame>, StoreError>;

    /// What raw frames still kept are, without their bytes: at most `limit` that come after `after`, by run (as a signed
    /// number, which is how the store orders them), stream and sequence.
    ///
    /// # Errors
    /// [`StoreError`].
    fn frame_heads(
        &self,
        agent: AgentId,
        after: Option<FrameKey>,
        limit: usize,
    ) -> Result<Vec<FrameHead>, StoreError>;

    /// Lost ranges, by run, stream and sequence.
    ///
    /// # Errors
    /// [`StoreError`].
    fn losses(&self, agent: AgentId) -> Result<Vec<LostRange>, StoreError>;

    /// The effective rules that its Config told; empty until all parts are there.
    ///
    /// # Errors
    /// [`StoreError`].
    fn rules(&self, agent: AgentId) -> Result<Vec<AgentRule>, StoreError>;

    /// Totals.
    ///
    /// # Errors
    /// [`StoreError`].
    fn totals(&self) -> Result<Totals, StoreError>;

    /// Deletes raw frames received on days before `now` less the retention; says how many days were deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    fn sweep(&self, now: WallTime, retention_days: u32) -> Result<usize, StoreError>;

    /// Room on its disk; each figure `None` where it is not known, as in memory.
    fn room(&self) -> Room {
        Room::default()
    }

    /// Proves that it can write, by writing.
    ///
    /// # Errors
    /// [`StoreError`].
    fn ping(&self, now: WallTime) -> Result<(), StoreError>;

    /// Called when the writer has nothing to do.
    ///
    /// # Errors
    /// [`StoreError`].
    fn idle(&self) -> Result<(), StoreError>;

    /// Leaves the files as they are when it is closed: they are damaged, and what is in the log is there for whoever saves it.
    ///
    /// # Errors
    /// [`StoreError`].
    fn leave(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Room of a store on its disk, KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Free for this user.
    pub free_kib: Option<u64>,
    /// Size of the file system.
    pub total_kib: Option<u64>,
    /// What the store's own files take.
    pub store_kib: Option<u64>,
}

/// A system of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// Customer.
    pub customer: String,
    /// Name.
    pub name: String,
    /// Its agents, by name.
    pub agents: Vec<Agent>,
}

impl Agent {
    /// `CUSTOMER/SYSTEM/NAME`: unique.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}/{}", self.customer, self.system, self.name)
    }
}

/// Why the store did not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The disk is full.
    Full(String),
    /// Another process holds the write lock for too long.
    Busy,
    /// Another collector writes to this directory.
    Taken(String),
    /// Another collector took the lease: this one must not write any more.
    Fenced,
    /// The main file is damaged, or one that a command looks at.
    Corrupt(String),
    /// A day file is damaged. One that is written is set aside, and the batch finds a new one when it comes again.
    DayCorrupt(String),
    /// The store is of a newer version of the collector.
    Newer(u32),
    /// The store is of an older version and was not brought up to date yet.
    Older(u32),
    /// The identity is or was in use.
    IdTaken,
    /// The system has an agent of this name.
    NameTaken,
    /// The batch is of an agent that is not in the store (deleted since its key was looked up).
    NoAgent,
    /// Anything else that the disk or the database says.
    Io(String),
}

impl core::fmt::Display for StoreError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Full(what) => write!(f, "the disk is full: {what}"),
            Self::Busy => write!(f, "another process holds the store's write lock"),
            Self::Taken(what) => write!(f, "another collector is running on this store: {what}"),
            Self::Fenced => write!(
                f,
                "another collector has taken over this store; this one writes no more"
            ),
            Self::Corrupt(what) => write!(f, "the store is damaged: {what}"),
            Self::DayCorrupt(what) => write!(f, "the day's file of raw frames is damaged: {what}"),
            Self::Newer(version) => write!(
                f,
                "the store has schema {version}, which a newer collector made"
            ),
            Self::Older(version) => write!(
                f,
                "the store has schema {version}, which this version brings up to date at `serve` or `migrate`"
            ),
            Self::IdTaken => write!(f, "the agent identity is or was in use"),
            Self::NameTaken => write!(f, "the system has an agent of this name"),
            Self::NoAgent => write!(f, "there is no such agent"),
            Self::Io(what) => write!(f, "{what}"),
        }
    }
}

impl std::error::Error for StoreError {}
