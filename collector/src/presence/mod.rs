//! Who is there, who is silent, and why: decisions over rows, one transaction about each second.
//!
//! [`sweep`] the whole of it, where a [`look`] finds any work; [`silence`] whether an agent answers; [`returned`] and [`back`] why it is there again;
//! [`site`] many at once; [`identity`] two agents with one identity, and what is missing; [`clock`] clocks that are off;
//! [`life`] the collector's own; [`watcher`] the thread.

pub mod back;
pub mod clock;
pub mod identity;
pub mod life;
pub mod look;
pub mod returned;
pub mod silence;
pub mod site;
pub mod sweep;
pub mod watcher;

pub use look::has_work;
pub use sweep::sweep;

use crate::config::Presence as When;
use crate::store::{Agent, AlertId, BackCause, DoubleSign, SilenceCause};
use hansho::clock::WallTime;
use hansho::code::{REGISTRY_VERSION, registry_hash};
use hansho::frame::batch::BatchHeader;
use hansho::frame::kind::AgentId;

/// An absence that people agreed on: a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Its end.
    pub until: WallTime,
    /// Their words.
    pub text: String,
}

/// What presence is told from elsewhere.
pub struct Policy<'p> {
    /// When people are told, and of how many at once.
    pub when: When,
    /// The window in which an agent may be away at a moment.
    pub planned: &'p dyn Fn(&Agent, WallTime) -> Option<Planned>,
    /// `CUSTOMER/SITE` of an agent.
    pub site: &'p dyn Fn(&Agent) -> String,
    /// A sign of life that the store could not note yet.
    pub heard: &'p dyn Fn(AgentId) -> Option<(BatchHeader, WallTime)>,
}

impl core::fmt::Debug for Policy<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Policy")
            .field("when", &self.when)
            .finish_non_exhaustive()
    }
}

/// The group of an agent that no site is known of: its system.
#[must_use]
pub fn system_of(agent: &Agent) -> String {
    format!("{}/{}", agent.customer, agent.system)
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// About whom; agent 0 for a site.
    pub agent: AgentId,
    /// The alert, where it is about one.
    pub alert: Option<(u16, AlertId)>,
    /// What was done.
    pub done: Done,
    /// Why.
    pub why: Why,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// An alert was opened.
    Raised,
    /// An open alert counts one more.
    Counted,
    /// An alert was ended.
    Resolved,
    /// An alert was stored that is over already.
    Recorded,
    /// It was only noted.
    Noted,
}

impl Done {
    /// The word in logs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Counted => "counted",
            Self::Resolved => "resolved",
            Self::Recorded => "recorded",
            Self::Noted => "noted",
        }
    }
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// No sign of life for so long; the cause as far as it is known.
    Silence(SilenceCause),
    /// The absence was announced.
    Planned,
    /// It is back.
    Back(BackCause),
    /// So many agents of a site fell silent together.
    Site {
        /// Silent ones.
        silent: usize,
        /// All.
        agents: usize,
    },
    /// Most agents of the site are back.
    SiteBack,
    /// Two agents with one identity.
    Double(DoubleSign),
    /// Its clock is off by so much.
    Clock {
        /// The host's clock less the collector's.
        off_ms: i64,
    },
    /// Its clock has been right for long enough.
    ClockRight,
    /// So many frames are missing without a word.
    Gap {
        /// Frames.
        frames: u64,
    },
    /// No further event came.
    Quiet,
    /// The agent was taken out of service.
    Retired,
}

impl core::fmt::Display for Why {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Silence(cause) => write!(f, "silent: {}", cause.word()),
            Self::Planned => write!(f, "announced"),
            Self::Back(cause) => write!(f, "back: {}", cause.word()),
            Self::Site { silent, agents } => write!(f, "{silent} of {agents} agents silent"),
            Self::SiteBack => write!(f, "site back"),
            Self::Double(sign) => write!(f, "two agents: {}", sign.word()),
            Self::Clock { off_ms } => write!(f, "clock off by {off_ms} ms"),
            Self::ClockRight => write!(f, "clock right"),
            Self::Gap { frames } => write!(f, "{frames} frames missing without a word"),
            Self::Quiet => write!(f, "quiet"),
            Self::Retired => write!(f, "retired"),
        }
    }
}

/// What a sweep found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// The collector itself was away, or its clock was set.
    pub resumed: Option<life::Resumed>,
    /// By how much its own clock seems off, milliseconds.
    pub own_clock_off_ms: Option<i64>,
    /// Decisions, in order.
    pub decisions: Vec<Decision>,
}

/// Whether an agent knows the same codes as this collector. Shown, never alerted: collectors are upgraded first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registry {
    /// The same.
    Same,
    /// An older version.
    Older(u16),
    /// A newer version: some of its codes have no text here.
    Newer(u16),
    /// The same version with other contents: a build of its own.
    Other(u16),
    /// It never said.
    Unknown,
}

/// Compares the registry of an agent with the collector's.
#[must_use]
pub fn registry(agent: &Agent) -> Registry {
    let Some(told) = &agent.inventory else {
        return Registry::Unknown;
    };
    let version = told.registry_version;
    match version.cmp(&REGISTRY_VERSION) {
        core::cmp::Ordering::Less => Registry::Older(version),
        core::cmp::Ordering::Greater => Registry::Newer(version),
        core::cmp::Ordering::Equal if told.registry_hash == registry_hash() => Registry::Same,
        core::cmp::Ordering::Equal => Registry::Other(version),
    }
}
