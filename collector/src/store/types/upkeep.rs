//! How the collector looks after itself, as plain values.

use hansho::clock::WallTime;

/// What is remembered of it: one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// When was last looked for what is past its retention.
    pub looked: Option<WallTime>,
    /// How far time is vouched for: retention counts until then, whatever the clock says.
    pub vouched: Option<WallTime>,
    /// The clock was set back, far behind what was vouched for: the earliest that it showed then, and how far time was vouched for.
    pub set_back: Option<(WallTime, WallTime)>,
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

impl Upkeep {
    /// As which time retention of what is kept for so long counts; `None` while nobody has vouched for any. What a clock wrote that
    /// was set back looks old and is not: as long as such a thing may be there, nothing goes that is younger than it looks.
    #[must_use]
    pub fn until(&self, now: WallTime, kept_ms: u64) -> Option<WallTime> {
        let until = self.vouched?.min(now);
        let kept_after =
            |moment: WallTime| WallTime::from_millis(moment.as_millis().saturating_add(kept_ms));
        Some(match self.set_back {
            Some((earliest, vouched)) if until < kept_after(vouched) => {
                until.min(kept_after(earliest))
            }
            _ => until,
        })
    }
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
    /// Evidence, but of alerts that fire.
    Evidence,
    /// Messages that are done, with ended threads and decisions.
    Outbox,
    /// The audit, the oldest entries first, never the newest.
    Audit,
}

impl Forget {
    /// All, in the order in which they go: a message is gone before its alert.
    pub const ALL: [Self; 5] = [
        Self::Outbox,
        Self::Events,
        Self::Evidence,
        Self::Alerts,
        Self::Audit,
    ];

    /// For the log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Events => "events",
            Self::Evidence => "evidence",
            Self::Outbox => "messages, threads and decisions",
            Self::Audit => "entries of the audit",
        }
    }
}
