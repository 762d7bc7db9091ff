//! Why an alert stands as it does: how it came, how it ended, and what is not known of it.

use super::frame::View;
use super::words::Words;
use crate::store::StoredAlert;
use hansho::clock::WallTime;
use hansho::frame::body::{FLAG_FLAPPING, FLAG_UNKNOWN, reason_to_u8};
use hansho::rule::Reason;

/// How an alert ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The value was clear for its time.
    Cleared,
    /// No further event came in its time.
    Quiet,
    /// The rule was disabled or is no longer configured: nothing is said about the value.
    Withdrawn,
    /// A State no longer named it: when and why it ended is not known.
    Told,
    /// Its agent was retired: nothing is said about the value.
    Retired,
    /// A test ended.
    Test,
    /// By a reason that this version does not know.
    Unknown,
}

impl Ending {
    /// Of an alert; `None` while it is open.
    #[must_use]
    pub fn of(alert: &StoredAlert) -> Option<Self> {
        const CLEARED: u8 = reason_to_u8(Reason::Cleared);
        const QUIET: u8 = reason_to_u8(Reason::Quiet);
        const WITHDRAWN: u8 = reason_to_u8(Reason::Withdrawn);
        const TEST: u8 = reason_to_u8(Reason::Test);
        if alert.firing {
            return None;
        }
        if alert.by.closed_by_state {
            return Some(Self::Told);
        }
        if alert.by.retired {
            return Some(Self::Retired);
        }
        Some(match alert.reason {
            CLEARED => Self::Cleared,
            QUIET => Self::Quiet,
            WITHDRAWN => Self::Withdrawn,
            TEST => Self::Test,
            _ => Self::Unknown,
        })
    }

    /// True where the rule itself judged that it is over.
    #[must_use]
    pub const fn resolved(self) -> bool {
        matches!(self, Self::Cleared | Self::Quiet)
    }

    /// One word for the headline.
    #[must_use]
    pub const fn word(self, words: &Words) -> &'static str {
        match self {
            Self::Cleared | Self::Quiet => words.resolved_word,
            Self::Withdrawn => words.withdrawn_word,
            Self::Retired => words.retired_word,
            Self::Told => words.told_word,
            Self::Test => words.test_over_word,
            Self::Unknown => words.over_word,
        }
    }

    /// What led to it.
    #[must_use]
    pub const fn reason(self, words: &Words) -> &'static str {
        match self {
            Self::Cleared => words.reason_cleared,
            Self::Quiet => words.reason_quiet,
            Self::Withdrawn => words.reason_withdrawn,
            Self::Retired => words.reason_retired,
            Self::Told => words.reason_told,
            Self::Test => words.reason_test,
            Self::Unknown => words.unknown,
        }
    }

    /// What it does not mean.
    #[must_use]
    pub const fn note(self, words: &Words) -> Option<&'static str> {
        match self {
            Self::Cleared => Some(words.note_cleared),
            Self::Quiet => Some(words.note_quiet),
            Self::Withdrawn | Self::Retired => Some(words.note_withdrawn),
            Self::Told => Some(words.note_told),
            Self::Test | Self::Unknown => None,
        }
    }
}

/// Why an open alert was raised, or spoke last.
#[must_use]
pub fn raised(words: &Words, alert: &StoredAlert) -> Option<&'static str> {
    const HELD: u8 = reason_to_u8(Reason::Held);
    const EVENT: u8 = reason_to_u8(Reason::Event);
    const REPEATED: u8 = reason_to_u8(Reason::Repeated);
    const FLAPPING: u8 = reason_to_u8(Reason::Flapping);
    const TEST: u8 = reason_to_u8(Reason::Test);
    match alert.reason {
        HELD => Some(words.reason_held),
        EVENT => Some(words.reason_event),
        REPEATED => Some(words.reason_repeated),
        FLAPPING => Some(words.reason_flapping),
        TEST => Some(words.reason_test),
        _ => None,
    }
}

/// Whether an open alert flaps.
#[must_use]
pub fn flaps(alert: &StoredAlert) -> bool {
    alert.firing && alert.flags & FLAG_FLAPPING != 0
}

/// Why nobody knows whether an open alert still burns; `None` where that is known. `silent` is since when its agent is.
#[must_use]
pub fn unknown(view: &View, alert: &StoredAlert, silent: Option<WallTime>) -> Option<String> {
    if !alert.firing {
        return None;
    }
    match silent {
        Some(since) => Some(view.words.unknown_since(&view.time(since))),
        None if alert.flags & FLAG_UNKNOWN != 0 => Some(view.words.unknown_unread.to_owned()),
        None => None,
    }
}
