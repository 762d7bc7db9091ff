//! What became of a message, the same for mail, hook and Alertmanager.

use super::render::clean;
use crate::limit::SERVER_SAYS_CHARACTERS;

/// What became of a message to one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server took it; delivery is its business now.
    Accepted {
        /// What it said.
        says: String,
    },
    /// Refused for good: sending it again changes nothing.
    Refused {
        /// Its code, where it gave one (SMTP reply or HTTP status).
        code: Option<u16>,
        /// What it said.
        says: String,
    },
    /// Not now: to be tried again.
    Later {
        /// Why.
        why: Later,
        /// What it said.
        says: String,
    },
}

/// Why a message is to be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Later {
    /// The server answered so (SMTP 4xx: greylisting, full mailbox; HTTP 5xx, 408, 429).
    Answer(u16),
    /// No answer in time.
    Timeout,
    /// No connection, or it broke.
    Connection,
    /// No protected connection: wrong certificate, no STARTTLS. Nothing was sent.
    Tls,
    /// The server does not take name and password.
    Authentication,
    /// The server answered what is no answer.
    Protocol,
    /// Earlier messages still hang.
    Busy,
}

impl Later {
    /// The word in log and store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Answer(_) => "answer",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Tls => "tls",
            Self::Authentication => "authentication",
            Self::Protocol => "protocol",
            Self::Busy => "busy",
        }
    }
}

impl Outcome {
    /// Refused for good, with bounded and harmless words.
    #[must_use]
    pub fn refused(code: Option<u16>, says: &str) -> Self {
        Self::Refused {
            code,
            says: bounded(says),
        }
    }

    /// To be tried again, with bounded and harmless words.
    #[must_use]
    pub fn later(why: Later, says: &str) -> Self {
        Self::Later {
            why,
            says: bounded(says),
        }
    }

    /// Taken, with bounded and harmless words.
    #[must_use]
    pub fn accepted(says: &str) -> Self {
        Self::Accepted {
            says: bounded(says),
        }
    }
}

impl core::fmt::Display for Outcome {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Accepted { says } => write!(f, "accepted: {says}"),
            Self::Refused { code, says } => match code {
                Some(code) => write!(f, "refused ({code}): {says}"),
                None => write!(f, "refused: {says}"),
            },
            Self::Later { why, says } => match why {
                Later::Answer(code) => write!(f, "later ({code}): {says}"),
                why => write!(f, "later ({}): {says}", why.word()),
            },
        }
    }
}

/// A server's words as one harmless line.
fn bounded(says: &str) -> String {
    clean::line(says, SERVER_SAYS_CHARACTERS)
}
