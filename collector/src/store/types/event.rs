//! What happened to alerts, in order: what notifications are decided on.

use super::{AlertId, StoredAlert};
use hansho::clock::WallTime;
use hansho::frame::body::FLAG_UNKNOWN;

/// One thing that happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Order over all alerts, from 1.
    pub number: u64,
    /// The alert.
    pub alert: AlertId,
    /// What happened.
    pub kind: EventKind,
    /// When the collector stored it.
    pub at: WallTime,
}

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It was stored as open.
    Raised,
    /// It was open and is over.
    Resolved,
    /// It was over already when it was stored.
    Ended,
    /// It was over and is open after all: its agent says so.
    Reopened,
    /// It is open, and the agent counts another event or fired it again.
    Repeated,
    /// It is open, and nobody knows whether it still holds.
    Unknown,
    /// It is open, and its agent answers for it again.
    Known,
    /// Somebody took it.
    Acknowledged,
    /// Whoever had taken it gave it back.
    Released,
    /// Somebody wrote a note on it.
    Noted,
    /// A word of a newer version.
    Other,
}

impl EventKind {
    const ALL: [Self; 10] = [
        Self::Raised,
        Self::Resolved,
        Self::Ended,
        Self::Reopened,
        Self::Repeated,
        Self::Unknown,
        Self::Known,
        Self::Acknowledged,
        Self::Released,
        Self::Noted,
    ];

    /// The word in JSON and in the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Resolved => "resolved",
            Self::Ended => "ended",
            Self::Reopened => "reopened",
            Self::Repeated => "repeated",
            Self::Unknown => "unknown",
            Self::Known => "known",
            Self::Acknowledged => "acknowledged",
            Self::Released => "released",
            Self::Noted => "noted",
            Self::Other => "other",
        }
    }

    /// From the word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        let known = Self::ALL.into_iter().find(|kind| kind.word() == word);
        known.unwrap_or(Self::Other)
    }

    /// What a change of a stored alert is; `None` where nobody need hear of it.
    #[must_use]
    pub fn of_change(before: Option<&StoredAlert>, after: &StoredAlert) -> Option<Self> {
        let Some(before) = before else {
            return Some(if after.firing {
                Self::Raised
            } else {
                Self::Ended
            });
        };
        let unknown = |alert: &StoredAlert| alert.flags & FLAG_UNKNOWN != 0;
        match (before.firing, after.firing) {
            (true, false) => Some(Self::Resolved),
            (false, true) => Some(Self::Reopened),
            (false, false) => None,
            (true, true) if unknown(after) != unknown(before) => Some(if unknown(after) {
                Self::Unknown
            } else {
                Self::Known
            }),
            (true, true) => (after.count > before.count
                || after.continuations > before.continuations)
                .then_some(Self::Repeated),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_there_and_back() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_word(kind.word()), kind);
        }
        assert_eq!(EventKind::from_word("later"), EventKind::Other);
    }
}
