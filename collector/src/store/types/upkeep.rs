//! How the collector looks after itself, as plain values.

use hansho::clock::WallTime;

/// What is remembered of it: one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// When was last looked for what is past its retention.
    pub looked: Option<WallTime>,
    /// Nothing is deleted before this: the clock jumped ahead.
    pub held: Option<WallTime>,
    /// Entries of the audit before this may be deleted.
    pub audit_before: WallTime,
    /// When `backup` last ended well, and the bytes it copied.
    pub backup: Option<(WallTime, u64)>,
    /// What `restore` noted, where the store was a backup.
    pub restored: Option<Restored>,
}

/// A store that was a backup. The collector that the backup is of went on after it, and told people what the store does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// When it was restored.
    pub at: WallTime,
    /// Until when people had been told.
    pub told_until: WallTime,
}

/// A daily mail that was decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Daily {
    /// Days since 1970 on the clock of the pages' zone.
    pub day: u64,
    /// When.
    pub decided: WallTime,
    /// Frames stored until then.
    pub frames: u64,
    /// Frames lost until then.
    pub lost: u64,
}

/// What happened since a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Alerts stored, without tests.
    pub raised: u64,
    /// Alerts open now, without tests.
    pub firing: u64,
    /// Messages that a server took over.
    pub delivered: u64,
    /// Messages that are neither delivered nor given up.
    pub waiting: u64,
    /// Messages refused or given up.
    pub failed: u64,
    /// When the oldest message that waits was decided.
    pub oldest_waiting: Option<WallTime>,
}

/// What is forgotten after its retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Forget {
    /// Alerts that are over, with what people did about them.
    Alerts,
    /// What happened to alerts. Never of an open one, never undecided, never the newest.
    Events,
    /// Messages that are done, with ended threads and decisions.
    Outbox,
    /// The audit, the oldest entries first, never the newest.
    Audit,
}

impl Forget {
    /// All, in the order in which they go: a message is gone before its alert.
    pub const ALL: [Self; 4] = [Self::Outbox, Self::Events, Self::Alerts, Self::Audit];

    /// For the log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Events => "events",
            Self::Outbox => "messages, threads and decisions",
            Self::Audit => "entries of the audit",
        }
    }
}
