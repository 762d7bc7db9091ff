//! What a message says about silence and return.

use super::Measured;
use hansho::clock::WallTime;

/// What is known of a silent agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Last sign of life; `None` where it was never heard.
    pub last_heard: Option<WallTime>,
    /// When it was judged silent.
    pub judged: WallTime,
    /// What it said before.
    pub goodbye: Goodbye,
    /// Others of its site.
    pub peers: Option<Peers>,
    /// Whether the collector itself worked in between.
    pub collector: CollectorState,
    /// Its last value of memory, as used of total.
    pub memory: Option<Measured>,
    /// Codes that fired when it fell silent; unknown from then on.
    pub open: Vec<u16>,
}

/// What the agent or a person said before the silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goodbye {
    /// Nothing.
    None,
    /// Stopped in order, not announced.
    Stopped {
        /// When.
        at: WallTime,
    },
    /// Announced, and overdue.
    Overdue {
        /// By whom or what.
        reason: String,
        /// Until when.
        until: WallTime,
    },
}

/// The other agents of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peers {
    /// Others that answer.
    pub answering: u64,
    /// Others that are silent.
    pub silent: u64,
}

/// Whether the collector worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollectorState {
    /// Neither stopped nor late.
    Well,
    /// Stopped or late for so long, milliseconds.
    Late {
        /// How long.
        by_ms: u64,
    },
}

/// An agent is back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Back {
    /// Last sign of life before.
    pub silent_since: Option<WallTime>,
    /// First sign of life after.
    pub back_at: WallTime,
    /// Why it was silent.
    pub cause: BackCause,
    /// What of its records is here.
    pub records: Records,
}

/// Why an agent was silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackCause {
    /// The host booted; with the reason where the host tells.
    Rebooted {
        /// Reason.
        reason: Option<String>,
        /// Announced, or stopped in order.
        planned: bool,
    },
    /// The agent alone was restarted.
    AgentRestarted,
    /// Host and agent ran on: the way between was cut.
    NetworkOnly,
    /// Another machine answers under the name: replaced, or restored elsewhere.
    OtherMachine,
    /// Cannot be known.
    Unknown,
}

/// What of the records of a silence arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    /// Still arriving.
    Arriving,
    /// All are here.
    Complete,
    /// So many frames are lost.
    Lost {
        /// Frames.
        frames: u64,
    },
}
