//! Evidence: who had and who used what, when an alert was about to come, came, or ended. As stored, and read back in
//! [`crate::store::evidence`]; and whom the kernel killed for memory, for [`crate::store::victims`].

use super::Dated;
use hansho::clock::{Uptime, WallTime};
use hansho::frame::kind::{BootId, RunId};

/// What all parts of an Evidence say alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvidenceHead {
    /// Run that wrote it.
    pub run: RunId,
    /// Which of the run, from 1.
    pub number: u32,
    /// Boot of the run.
    pub boot: BootId,
    /// Number of parts.
    pub parts: u8,
    /// When it was written.
    pub uptime: Uptime,
    /// The same as a date.
    pub at: Dated,
    /// When the first of its parts was received.
    pub received: WallTime,
    /// `FLAG_*` of `hansho::frame::evidence`.
    pub flags: u8,
    /// When the last whole walk through all processes began.
    pub walk_began: Option<Uptime>,
    /// When it ended.
    pub walk_ended: Option<Uptime>,
    /// Processes that the walk saw.
    pub seen: u32,
    /// Of them those that were read.
    pub read: u32,
    /// Of them those that the system refused to the agent.
    pub refused: u32,
    /// Of them those that ended before they were read.
    pub gone: u32,
    /// Of them those that could not be read for another reason.
    pub failed: u32,
    /// Threads of those that were read.
    pub threads: u64,
}

impl EvidenceHead {
    /// Its place in the order of an agent's: by receipt, then run and number.
    #[must_use]
    pub const fn key(&self) -> EvidenceKey {
        (self.received, self.run.0.cast_signed(), self.number)
    }
}

/// Place of an Evidence in the order of an agent's: receipt, run as a signed number, number.
pub type EvidenceKey = (WallTime, i64, u32);

/// An alert that an Evidence is about. At a pending rule it is the episode that it becomes if it fires.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EvidenceAbout {
    /// Code.
    pub code: u16,
    /// Subject; empty for the host.
    pub subject: String,
    /// Episode.
    pub episode: u32,
    /// `hansho::frame::evidence::Moment` as a byte.
    pub moment: u8,
}

/// An Evidence with the parts that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvidence {
    /// What all parts say.
    pub head: EvidenceHead,
    /// What it is about, in order of the codes.
    pub about: Vec<EvidenceAbout>,
    /// The parts that came, in order: number from 0, and the records.
    pub parts: Vec<(u8, Vec<u8>)>,
}

/// A process that the kernel killed for memory. Texts are the host's, escaped: they hold nothing that ends, moves or reorders a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredVictim {
    /// Boot of the host.
    pub boot: BootId,
    /// Number of the record in the kernel's log, of this boot: with it the key.
    pub sequence: u64,
    /// Run that told it first.
    pub run: RunId,
    /// When it was killed.
    pub at: Dated,
    /// When it was received.
    pub received: WallTime,
    /// Its process id.
    pub pid: u32,
    /// Name of its program.
    pub name: String,
    /// The user whose rights it had.
    pub uid: Option<u32>,
    /// How willingly the kernel killed it for memory.
    pub oom_score_adj: Option<i16>,
    /// Its anonymous memory, KiB.
    pub anonymous_kib: u64,
    /// Its memory of files, KiB.
    pub file_kib: u64,
    /// Its shared memory, KiB.
    pub shared_kib: Option<u64>,
    /// What was short: `hansho::frame::evidence::Short` as a byte.
    pub short: u8,
    /// The control group whose limit was reached; empty where it was none.
    pub group: String,
    /// Its systemd unit.
    pub unit: Option<String>,
    /// First digits of its container's id.
    pub container: Option<String>,
}

impl StoredVictim {
    /// Its place in the order of an agent's: by receipt, then boot and number.
    #[must_use]
    pub const fn key(&self) -> VictimKey {
        (self.received, self.boot.0.cast_signed(), self.sequence)
    }
}

/// Place of a victim in the order of an agent's: receipt, boot as a signed number, number of the record.
pub type VictimKey = (WallTime, i64, u64);
