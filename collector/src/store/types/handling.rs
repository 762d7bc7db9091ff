//! What people did about alerts, as plain values: who took them, what was silenced and why, notes, and the audit of it all.

use super::AlertId;
use super::window::Place;
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;

/// By which way somebody acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// On a page, logged in.
    Page,
    /// By the signed link of a mail, without login.
    Link,
    /// By the API, with a token.
    Api,
    /// By the command line on the collector's host.
    Command,
    /// A word of a newer version.
    Other,
}

impl Via {
    /// The word in JSON and in the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Link => "link",
            Self::Api => "api",
            Self::Command => "command",
            Self::Other => "other",
        }
    }

    /// From the word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "page" => Self::Page,
            "link" => Self::Link,
            "api" => Self::Api,
            "command" => Self::Command,
            _ => Self::Other,
        }
    }
}

/// Somebody took an alert: what they said then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The alert.
    pub alert: AlertId,
    /// Which of the alert's, from 1: one more each time somebody takes it or says something new.
    pub number: u32,
    /// Name of whoever took it.
    pub by: String,
    /// By which way.
    pub via: Via,
    /// When.
    pub at: WallTime,
    /// When they expect it to be over.
    pub expected_recovery: Option<WallTime>,
    /// When they will report next.
    pub next_report: Option<WallTime>,
    /// What they said; may be empty.
    pub text: String,
    /// The alert was over already.
    pub over: bool,
    /// Name of the request that made it, where it had one: the same request again changes nothing.
    pub request: Option<String>,
    /// How it ended; `None` while it holds.
    pub ended: Option<AckEnd>,
}

/// How an acknowledgement ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckEnd {
    /// When.
    pub at: WallTime,
    /// By whom.
    pub by: String,
    /// How.
    pub how: AckEnding,
}

/// Why an acknowledgement does not hold any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckEnding {
    /// It was given back: nobody has the alert.
    Released,
    /// Somebody else took the alert.
    TakenOver,
    /// The same person said something newer.
    Renewed,
    /// A word of a newer version.
    Other,
}

impl AckEnding {
    /// The word in JSON and in the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::TakenOver => "taken_over",
            Self::Renewed => "renewed",
            Self::Other => "other",
        }
    }

    /// From the word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "released" => Self::Released,
            "taken_over" => Self::TakenOver,
            "renewed" => Self::Renewed,
            _ => Self::Other,
        }
    }
}

/// What is known of an alert when it is judged whether it is silenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// Where.
    pub place: Place<'a>,
    /// Code.
    pub code: u16,
    /// Subject; empty for the host.
    pub subject: &'a str,
}

/// Which alerts a silence is about: all that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    /// Customer.
    pub customer: Option<String>,
    /// System; only beside a customer.
    pub system: Option<String>,
    /// Name of the agent; only beside a system.
    pub agent: Option<String>,
    /// Code.
    pub code: Option<u16>,
    /// Pattern of the subject: `*` any text, `?` any one character. An empty pattern fits the host itself.
    pub subject: Option<String>,
}

/// For some time nobody is told of certain alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Its number, from 1.
    pub id: u64,
    /// Which alerts.
    pub matcher: Matcher,
    /// From.
    pub from: WallTime,
    /// Until, not included.
    pub until: WallTime,
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: String,
    /// By which way.
    pub via: Via,
    /// When it was made.
    pub created: WallTime,
    /// When it was ended early, and by whom.
    pub ended: Option<(WallTime, String)>,
}

impl Silence {
    /// When it ends, or ended early.
    #[must_use]
    pub fn end(&self) -> WallTime {
        match &self.ended {
            Some((ended, _)) => self.until.min(*ended),
            None => self.until,
        }
    }

    /// Whether it holds at a moment.
    #[must_use]
    pub fn holds(&self, now: WallTime) -> bool {
        self.from <= now && now < self.end()
    }
}

/// What a note stands on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteOn {
    /// An alert.
    Alert(AlertId),
    /// An agent.
    Agent(AgentId),
    /// A system of a customer.
    System {
        /// Customer.
        customer: String,
        /// Name.
        system: String,
    },
}

/// What somebody wrote down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Order over all notes, from 1.
    pub number: u64,
    /// What it stands on.
    pub on: NoteOn,
    /// By whom.
    pub by: String,
    /// By which way.
    pub via: Via,
    /// When.
    pub at: WallTime,
    /// Text, lines divided by `\n`.
    pub text: String,
}

/// One action of a person. Never changed and never deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Order over all entries, from 1.
    pub number: u64,
    /// When.
    pub at: WallTime,
    /// Who.
    pub by: String,
    /// By which way.
    pub via: Via,
    /// What was done, one of the words in `handling::audit`.
    pub action: String,
    /// To what: an alert, `silence 3`, `CUSTOMER/SYSTEM/NAME`.
    pub on: String,
    /// Whose it is; empty where it concerns no single customer.
    pub customer: String,
    /// Details as `key=value`.
    pub detail: String,
}

/// Which entries of the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditFilter<'a> {
    /// Of this customer only.
    pub customer: Option<&'a str>,
    /// From.
    pub from: WallTime,
    /// Until, not included.
    pub until: WallTime,
    /// Above this number: pages of a long answer.
    pub after: u64,
    /// At most so many.
    pub limit: usize,
}

/// A secret that signs links.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkSecret {
    /// Which, from 1; a link names it.
    pub number: u16,
    /// The secret.
    pub secret: [u8; 32],
    /// Since when it signs. The one with the highest number signs, the others only verify what they signed before.
    pub created: WallTime,
}

impl core::fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "LinkSecret({}, ..)", self.number)
    }
}
