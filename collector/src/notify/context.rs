//! What decisions are told beside rows: who is responsible, what people did, and the policy. Everything here is asked within
//! the transaction and must answer from memory or rows.

use crate::limit::{EVIDENCE_MS, GROUP_AFTER, GROUP_SPAN_MS, LATE_MS};
use crate::store::rows::AllRows;
use crate::store::{Agent, Channel, Reason, StoreError, StoredAlert};
use hansho::clock::WallTime;
use hansho::code::{Urgency, entry};

/// An alert as routing sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The alert.
    pub alert: StoredAlert,
    /// Its agent; `None` for what the collector raises about a site or receiver.
    pub agent: Option<Agent>,
    /// Id of the site where its agent stands.
    pub site: Option<String>,
}

impl About {
    /// Its customer's identity; of a site's alert what stands before the slash.
    #[must_use]
    pub fn customer(&self) -> &str {
        match &self.agent {
            Some(agent) => &agent.customer,
            None => self.alert.of_site().map_or("", |(customer, _)| customer),
        }
    }

    /// Its system's identity; empty where it is of none.
    #[must_use]
    pub fn system(&self) -> &str {
        self.agent.as_ref().map_or("", |agent| &agent.system)
    }

    /// Customer and system: what alerts are grouped by.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.agent {
            Some(agent) => format!("{}/{}", agent.customer, agent.system),
            None => self.alert.identity.subject.clone(),
        }
    }

    /// Urgency of its code as registered; a code that this version does not know can wait for the working day.
    #[must_use]
    pub fn registered_urgency(&self) -> Urgency {
        entry(self.alert.identity.code).map_or(Urgency::WorkingHours, |entry| entry.urgency)
    }
}

/// Somebody or something that is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Receiver {
    /// Its name in the configuration.
    pub name: String,
    /// How it is reached.
    pub channel: Channel,
    /// As people know it.
    pub shown: String,
    /// Cc, not To.
    pub copy: bool,
    /// Messages an hour; more become one summary.
    pub ceiling: u64,
}

/// Who is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    /// They; empty where no route matches.
    pub receivers: Vec<Receiver>,
}

/// Who is responsible, as configured.
pub trait Directory: Send + Sync {
    /// Who is told of an alert at a rank: 1 is the first on duty with the team, 2 the second on duty, and so on.
    fn route(&self, about: &About, rank: u8, at: WallTime) -> Routing;
    /// Who is told where no rank has a receiver.
    fn fallback(&self, about: &About) -> Routing;
    /// Urgency agreed for it.
    fn urgency(&self, about: &About) -> Urgency;
    /// Id of the site of an agent, within its customer.
    fn site(&self, agent: &Agent) -> Option<String>;
    /// When the customer's next digest after a moment is sent.
    fn next_digest(&self, customer: &str, after: WallTime) -> WallTime;
    /// After how long it is repeated while open and not taken; `None` for never.
    fn repeat_ms(&self, about: &About) -> Option<u64>;
    /// How long after the first message a rank (from 2) is told unless somebody takes it; `None` where there is none.
    fn escalate_ms(&self, about: &About, rank: u8, at: WallTime) -> Option<u64>;
    /// The receiver that is a person, by its id; names that are shown are those of several.
    fn person(&self, id: &str) -> Option<Receiver>;
    /// A receiver by its name.
    fn receiver(&self, name: &str) -> Option<Receiver>;
}

/// An alert that somebody has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Who, as people read it.
    pub by: String,
    /// The id of the receiver that this is, if it is one.
    pub receiver: String,
    /// When.
    pub at: WallTime,
    /// What they wrote.
    pub note: Option<String>,
    /// When they expect it to be well.
    pub recovery_expected: Option<WallTime>,
    /// When they report next.
    pub next_report: Option<WallTime>,
}

/// Why people want to hear nothing of an alert now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hush {
    /// [`Reason::Silenced`] or [`Reason::InWindow`].
    pub reason: Reason,
    /// Until when, as far as is known.
    pub until: Option<WallTime>,
}

/// What people did about alerts.
pub trait Handled: Send + Sync {
    /// Who has taken it.
    ///
    /// # Errors
    /// [`StoreError`].
    fn taken(
        &self,
        rows: &mut dyn AllRows,
        alert: &StoredAlert,
    ) -> Result<Option<Taken>, StoreError>;

    /// The silence or maintenance window that holds for it.
    ///
    /// # Errors
    /// [`StoreError`].
    fn hushed(
        &self,
        rows: &mut dyn AllRows,
        about: &About,
        now: WallTime,
    ) -> Result<Option<Hush>, StoreError>;
}

/// Numbers that the configuration sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Right side of a Message-ID: a name of this collector (RFC 5322, 3.6.4).
    pub domain: String,
    /// An alert that comes this much after it fired says so.
    pub late_ms: u64,
    /// Messages to one person within [`Self::group_span_ms`] after which more of one system become one.
    pub group_after: u64,
    /// Span over which they are counted.
    pub group_span_ms: u64,
    /// The first message waits at most this long for evidence, where its agent sends any.
    pub evidence_ms: u64,
}

impl Policy {
    /// The defaults, for a collector of this name.
    #[must_use]
    pub fn of(domain: &str) -> Self {
        Self {
            domain: domain.to_owned(),
            late_ms: LATE_MS,
            group_after: GROUP_AFTER,
            group_span_ms: GROUP_SPAN_MS,
            evidence_ms: EVIDENCE_MS,
        }
    }
}

/// What decisions are told beside rows.
pub struct Context<'c> {
    /// Who is responsible.
    pub directory: &'c dyn Directory,
    /// What people did.
    pub handled: &'c dyn Handled,
    /// Numbers.
    pub policy: &'c Policy,
}

/// Whether an agent said that evidence follows its alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It did not.
    NotAnnounced,
    /// It did.
    Announced,
}

impl Evidence {
    /// Of an agent: none announces it. Evidence goes out in the post of its alert, or, where a batch is full, in the next one at once
    /// (docs/FORWARD.md); what comes after the message was written stands in the next one of the thread.
    #[must_use]
    pub const fn of(_agent: Option<&Agent>) -> Self {
        Self::NotAnnounced
    }

    /// How long a first message waits for it.
    #[must_use]
    pub const fn wait_ms(self, policy: &Policy) -> u64 {
        match self {
            Self::NotAnnounced => 0,
            Self::Announced => policy.evidence_ms,
        }
    }
}
