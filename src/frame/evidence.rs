//! The bodies of Evidence: who had and who used what, when something was about to be told, and when it was; and whom the kernel
//! killed for memory.
//!
//! One Evidence belongs to all alerts of its moment, so that a bad minute in which ten rules fire sends the table once.

use serde::{Deserialize, Serialize};

/// The tops of the table of processes, in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence<'a> {
    /// Which Evidence of the run, counted from 1: its parts have the same.
    pub number: u32,
    /// This part, from 0.
    pub part: u8,
    /// Number of parts.
    pub parts: u8,
    /// See the `FLAG_*` of this module.
    pub flags: u8,
    /// Uptime at which the last whole walk through all processes began; absent where there was none, or nobody walks.
    pub walk_began_ms: Option<u64>,
    /// Uptime at which it ended.
    pub walk_ended_ms: Option<u64>,
    /// Processes that the walk saw.
    pub seen: u32,
    /// Of them those that were read.
    pub read: u32,
    /// Of them those that the system did not let the agent read.
    pub refused: u32,
    /// Of them those that ended before they were read.
    pub gone: u32,
    /// Of them those that could not be read for any other reason.
    pub failed: u32,
    /// Threads of those that were read.
    pub threads: u64,
    /// [`AboutRecord`]s, each behind its length: in every part the same.
    pub about: &'a [u8],
    /// [`SuspectRecord`]s, each behind its length.
    pub suspects: &'a [u8],
}

/// The walk began after the moment that this Evidence is about; without it, the table is shown as it stood at that moment.
pub const FLAG_FRESH: u8 = 1;
/// There is no table: no scout, or not yet.
pub const FLAG_NO_TABLE: u8 = 2;
/// Processes of others are hidden from the agent (`hidepid` of proc(5)).
pub const FLAG_HIDDEN: u8 = 4;
/// The walk did not come to the end of the folder.
pub const FLAG_CUT: u8 = 8;

/// An alert that an Evidence belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutRecord<'a> {
    /// Code.
    pub code: u16,
    /// Subject.
    pub subject: &'a str,
    /// Episode of this identity: at [`Moment::Pending`] the one that it becomes if it fires.
    pub episode: u32,
    /// See [`Moment`].
    pub moment: u8,
}

/// When in the life of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A byte that this version does not know.
    Unknown,
    /// Beyond the raise level for some seconds; whether it fires is open.
    Pending,
    /// It fires.
    Firing,
    /// It is over.
    Resolved,
}

impl Moment {
    /// The byte on the wire.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Pending => 1,
            Self::Firing => 2,
            Self::Resolved => 3,
        }
    }

    /// From the byte on the wire.
    #[must_use]
    pub const fn from_u8(byte: u8) -> Self {
        match byte {
            1 => Self::Pending,
            2 => Self::Firing,
            3 => Self::Resolved,
            _ => Self::Unknown,
        }
    }

    /// The word in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// In the list by memory.
pub const LIST_MEMORY: u8 = 1;
/// In the list by growth over about ten minutes.
pub const LIST_GROWTH_SHORT: u8 = 2;
/// In the list by growth over about a day.
pub const LIST_GROWTH_LONG: u8 = 4;
/// In the list by CPU.
pub const LIST_CPU: u8 = 8;
/// In the list by memory in swap.
pub const LIST_SWAP: u8 = 16;

/// One process. What could not be read is absent. Texts are the host's bytes: whoever shows them escapes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspectRecord<'a> {
    /// The lists that it is at the top of: `LIST_*`.
    pub lists: u8,
    /// Its process id.
    pub pid: u32,
    /// When it was started, in clock ticks since boot: a hundred a second (proc_pid_stat(5), `USER_HZ`).
    pub start_ticks: u64,
    /// Its parent; 0 for none.
    pub parent: u32,
    /// Its threads.
    pub threads: u32,
    /// Name of its program, at most 16 bytes.
    pub name: &'a [u8],
    /// The user whose rights it has.
    pub uid: Option<u32>,
    /// That user's name, at most 32 bytes; absent where `/etc/passwd` has none.
    pub user: Option<&'a [u8]>,
    /// Its systemd unit.
    pub unit: Option<&'a [u8]>,
    /// First digits of its container's id.
    pub container: Option<&'a [u8]>,
    /// How willingly the kernel kills it for memory, −1000 (never) to 1000.
    pub oom_score_adj: Option<i16>,
    /// Resident memory less what is shared or of files, KiB.
    pub memory_kib: Option<u64>,
    /// Memory in swap, KiB.
    pub swap_kib: Option<u64>,
    /// CPU between its last two looks, permille of one processor.
    pub cpu_permille: Option<u32>,
    /// Growth of its memory over about ten minutes, KiB; below zero it shrank.
    pub growth_short_kib: Option<i64>,
    /// Over how long that was, milliseconds.
    pub growth_short_over_ms: u64,
    /// The same over about a day.
    pub growth_long_kib: Option<i64>,
    /// Over how long that was, milliseconds.
    pub growth_long_over_ms: u64,
    /// Uptime at which it was looked at last.
    pub read_ms: u64,
}

/// A process that the kernel killed for memory, as its log says. What that kernel does not say is absent. Texts are the host's
/// bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Victim<'a> {
    /// Number of the record in the kernel's log, of this boot.
    pub sequence: u64,
    /// When, by the kernel's own clock: near uptime, but for times asleep.
    pub at_ms: u64,
    /// Its process id.
    pub pid: u32,
    /// Name of its program, at most 64 bytes; what is not printable is escaped by the kernel as `\xHH`.
    pub name: &'a [u8],
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
    /// What was short, see [`Short`].
    pub short: u8,
    /// The control group whose limit was reached, at most 128 bytes from its end; empty where it was none.
    pub group: &'a [u8],
    /// Its systemd unit.
    pub unit: Option<&'a [u8]>,
    /// First digits of its container's id.
    pub container: Option<&'a [u8]>,
}

/// What was short when the kernel killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Short {
    /// The kernel does not say it, or a byte that this version does not know.
    Unknown,
    /// The host's memory.
    Host,
    /// That of a control group with a limit.
    Group,
    /// That of the nodes or processors that it was bound to.
    Nodes,
}

impl Short {
    /// The byte on the wire.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Host => 1,
            Self::Group => 2,
            Self::Nodes => 3,
        }
    }

    /// From the byte on the wire.
    #[must_use]
    pub const fn from_u8(byte: u8) -> Self {
        match byte {
            1 => Self::Host,
            2 => Self::Group,
            3 => Self::Nodes,
            _ => Self::Unknown,
        }
    }

    /// The word in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Host => "host",
            Self::Group => "group",
            Self::Nodes => "nodes",
        }
    }
}
