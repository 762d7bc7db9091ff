//! Presence: what is known of whether agents are there, and why not.

use super::Dated;
use hansho::clock::{Uptime, WallTime};
use hansho::frame::kind::{AgentId, BootId, RunId};

/// What an agent said last of its absence: its Goodbye, or a Leave that announced or ended one. One a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredGoodbye {
    /// The run that stopped.
    pub run: RunId,
    /// Sequence of the frame.
    pub sequence: u64,
    /// When it was said.
    pub at: Dated,
    /// `hansho::frame::body::StopReason` of the Goodbye; 0 for a Leave: it has not stopped.
    pub reason: u8,
    /// Announced length of the absence, milliseconds; `None` where none was announced.
    pub planned_ms: Option<u64>,
    /// Words of the one who announced it, cut to a bound.
    pub text: String,
}

/// Why a host was started again, as it says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootReason {
    /// It was shut down in order.
    Ordered,
    /// Its kernel panicked.
    Panic,
    /// A hardware watchdog reset it.
    Watchdog,
    /// It lost power, or was reset from outside.
    Power,
    /// It does not know, or says something that this version does not know.
    Unknown,
}

impl BootReason {
    /// The word in JSON and in the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Panic => "panic",
            Self::Watchdog => "watchdog",
            Self::Power => "power",
            Self::Unknown => "unknown",
        }
    }

    /// From the word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        [Self::Ordered, Self::Panic, Self::Watchdog, Self::Power]
            .into_iter()
            .find(|known| known.word() == word)
            .unwrap_or(Self::Unknown)
    }
}

/// What is known of an agent's identity and clock from what it sends; written where batches are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgentFacts {
    /// The host's clock less the collector's at the receipt of a batch, milliseconds; the way of the batch is in it. `None`
    /// before the first batch.
    pub clock_ms: Option<i64>,
    /// Hash of the machine id in the newest Hello of a current run; 0 before the first.
    pub machine: u64,
    /// The one before it that was another; 0 for none.
    pub machine_before: u64,
    /// When `machine` took its place.
    pub machine_since: Option<WallTime>,
    /// When the machine id last changed back to the one before.
    pub machine_returned: Option<WallTime>,
    /// Frames of stream 0 that are missing without a word of the agent, ever.
    pub alert_gaps: u64,
    /// Run in which a frame came again under the same identity with other bytes, and when that was first seen.
    pub differs: Option<(RunId, WallTime)>,
    /// When two agents were last seen to write frames under the same identities at once.
    pub doubled: Option<WallTime>,
}

/// A run that sends while another one speaks for its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rival {
    /// Which.
    pub run: RunId,
    /// Uptime of sending of its newest batch.
    pub sent: Uptime,
    /// Its batches so far, each sent later than the one before.
    pub batches: u32,
    /// When the first of them came.
    pub first: WallTime,
    /// When the newest came.
    pub last: WallTime,
    /// When the run that speaks for the agent was last heard before `last`, if that was after `first`: both live.
    pub between: Option<WallTime>,
}

/// How an agent stands, as the sweep judged last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Never heard.
    Never,
    /// It posts as it promised.
    Present,
    /// Longer without a sign of life than it promised: shown, nobody is told yet.
    Silent,
    /// Silent within an announced absence or a window: 9004 is open.
    Planned,
    /// Silent, and 9001 is open.
    Absent,
    /// Silent with its site: 9005 is open, and stands for its 9001.
    Site,
    /// Taken out of service: nobody expects it.
    Retired,
}

impl Standing {
    const ALL: [Self; 7] = [
        Self::Never,
        Self::Present,
        Self::Silent,
        Self::Planned,
        Self::Absent,
        Self::Site,
        Self::Retired,
    ];

    /// The word in JSON and in the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Present => "present",
            Self::Silent => "silent",
            Self::Planned => "planned",
            Self::Absent => "absent",
            Self::Site => "site",
            Self::Retired => "retired",
        }
    }

    /// From the word; a word of a newer version is nothing that was judged.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        let known = Self::ALL.into_iter().find(|known| known.word() == word);
        known.unwrap_or(Self::Never)
    }

    /// True where its last sign of life is older than its promise allows.
    #[must_use]
    pub const fn is_silent(self) -> bool {
        matches!(
            self,
            Self::Silent | Self::Planned | Self::Absent | Self::Site
        )
    }
}

/// Presence of one agent, as the sweep judged last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Agent.
    pub agent: AgentId,
    /// How it stands.
    pub standing: Standing,
    /// Run that spoke for it then.
    pub run: Option<RunId>,
    /// Boot of that run.
    pub boot: Option<BootId>,
    /// While it is silent: its last sign of life.
    pub seen: Option<WallTime>,
    /// While it is silent: end of the absence that was announced, or of the window.
    pub planned_until: Option<WallTime>,
    /// While it is silent with its site: that site.
    pub site: Option<String>,
    /// Another boot sends since then, without a silence: a reboot, unless the one before sends again.
    pub rebooted: Option<Rebooted>,
    /// Since when its clock has been off, or, once 9007 is open, right again.
    pub clock_since: Option<WallTime>,
    /// How many of [`AgentFacts::alert_gaps`] were told.
    pub gaps_told: u64,
    /// Newest sign of two agents with its identity that was told.
    pub double_told: Option<WallTime>,
}

/// A quick reboot that waits to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebooted {
    /// When the sweep saw it.
    pub at: WallTime,
    /// The run before.
    pub run: RunId,
    /// Last sign of that run.
    pub seen: Option<WallTime>,
}

impl Presence {
    /// Nothing was judged yet.
    #[must_use]
    pub const fn new(agent: AgentId) -> Self {
        Self {
            agent,
            standing: Standing::Never,
            run: None,
            boot: None,
            seen: None,
            planned_until: None,
            site: None,
            rebooted: None,
            clock_since: None,
            gaps_told: 0,
            double_told: None,
        }
    }
}

/// The collector's own life: what it must know to tell its own outage from the silence of agents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CollectorLife {
    /// Last proof of life; `None` before the first sweep.
    pub proved: Option<WallTime>,
    /// When it last came back from an outage, started, or had its clock stepped: silences count from here.
    pub resumed: Option<WallTime>,
    /// How long it was away then, milliseconds; 0 where its clock was set back.
    pub away_ms: u64,
    /// Alerts stored so far of agent 0, the collector itself: the next identity is hashed from it.
    pub alerts: u64,
}

/// A site that is silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilentSite {
    /// `CUSTOMER/SITE`: subject of its 9005.
    pub site: String,
    /// When one of its agents came back last.
    pub returned: Option<WallTime>,
}

/// Why an agent was silent, as far as it was known when people were told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SilenceCause {
    /// Not known: stopped, dead or cut off look alike from here.
    Unknown,
    /// It said that it stops, and announced nothing.
    StoppedInOrder,
    /// It announced an absence, or there was a window, and that is over.
    Overdue,
}

/// Why an agent is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackCause {
    /// Same boot, same run: the way between was cut.
    NetworkOnly,
    /// Same boot, another run.
    AgentRestarted,
    /// Another boot.
    Rebooted,
    /// Another boot of another machine: replaced, or restored elsewhere.
    OtherMachine,
    /// It cannot be known what was before.
    Unknown,
}

/// What led to a silence, presumed from what came before it. Never a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presumed {
    /// The OOM killer was at work, or stood open, shortly before.
    OomKill,
    /// Memory was nearly used up shortly before.
    MemoryExhausted,
}

/// By what two agents with one identity were told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoubleSign {
    /// Frames of one identity came with other bytes, and both writers went on.
    Frames,
    /// Two runs send in turn.
    Runs,
    /// The machine id went back and forth.
    Machines,
    /// A boot began before the one before it had ended.
    Boots,
}

impl SilenceCause {
    const ALL: [Self; 3] = [Self::Unknown, Self::StoppedInOrder, Self::Overdue];

    /// The word in JSON and in the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::StoppedInOrder => "stopped_in_order",
            Self::Overdue => "overdue",
        }
    }

    /// From the word; `None` for one that this version does not know.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }
}

impl BackCause {
    const ALL: [Self; 5] = [
        Self::NetworkOnly,
        Self::AgentRestarted,
        Self::Rebooted,
        Self::OtherMachine,
        Self::Unknown,
    ];

    /// The word in JSON and in the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NetworkOnly => "network_only",
            Self::AgentRestarted => "agent_restarted",
            Self::Rebooted => "rebooted",
            Self::OtherMachine => "other_machine",
            Self::Unknown => "unknown",
        }
    }

    /// From the word; `None` for one that this version does not know.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }
}

impl Presumed {
    const ALL: [Self; 2] = [Self::OomKill, Self::MemoryExhausted];

    /// The word in JSON and in the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::OomKill => "oom_kill",
            Self::MemoryExhausted => "memory_exhausted",
        }
    }

    /// From the word; `None` for one that this version does not know.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }
}

impl DoubleSign {
    const ALL: [Self; 4] = [Self::Frames, Self::Runs, Self::Machines, Self::Boots];

    /// The word in JSON and in the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Frames => "frames_differ",
            Self::Runs => "two_runs_send",
            Self::Machines => "machine_id_alternates",
            Self::Boots => "boots_overlap",
        }
    }

    /// From the word; `None` for one that this version does not know.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }
}

/// Why an alert of the collector was raised, and how it ended. One a 9xxx alert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertCause {
    /// Why it was silent.
    pub silence: Option<SilenceCause>,
    /// Why it is back.
    pub back: Option<BackCause>,
    /// What is presumed to have led to it.
    pub presumed: Option<Presumed>,
    /// What the host says of its reboot.
    pub boot: Option<BootReason>,
    /// By what two agents were told apart.
    pub double: Option<DoubleSign>,
    /// Last sign of life before.
    pub seen: Option<WallTime>,
    /// End of the absence that was announced.
    pub planned_until: Option<WallTime>,
    /// Words of whoever announced it.
    pub text: String,
}
