//! Whom the kernel killed for memory, as stored.

use super::Dated;
use hansho::clock::WallTime;
use hansho::frame::kind::{BootId, RunId};

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
