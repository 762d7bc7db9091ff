//! What one message says, as plain values: no text is chosen here, nothing is sent. Decisions fill it,
//! [`super::render`] writes it. Every string may come from a host or a person and is made harmless where it is rendered.

mod facts;
mod lists;
mod presence;

pub use facts::*;
pub use lists::*;
pub use presence::*;

use crate::zone::Zone;
use hansho::clock::WallTime;
use hansho::code::Language;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its language: the receiver's.
    pub language: Language,
    /// The customer's zone: every time in it is shown in this one.
    pub zone: Zone,
    /// When it was decided; the `Date` of the mail and the base of "about 4 min from now".
    pub written: WallTime,
    /// Why it is sent.
    pub why: Why,
    /// Who gets it, as shown at its end.
    pub told: Told,
    /// Page to take or read it, absolute; `None` where the collector has no public address.
    pub link: Option<String>,
    /// Subject that every mail of the thread keeps, where the receiver asked for that.
    pub thread_subject: Option<String>,
    /// What it says.
    pub body: Body,
}

/// What a message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// One alert, or one incident that stands for many hosts.
    Alert(Box<AlertNotice>),
    /// A list of alerts: digest, summary of late ones, group, storm.
    List(Box<ListNotice>),
    /// Mails that could not be delivered (HNS9008).
    MailFailed(Box<MailFailed>),
    /// The collector about itself, once a day: proves the way.
    Daily(Box<Daily>),
}

/// Why a message is sent; reaches log, page and mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// First message about it.
    First,
    /// A worse code of the same family took over.
    Worsened,
    /// Still firing after the repeat interval.
    Repeat,
    /// Several of one system or site at once, as one message.
    Grouped,
    /// More messages than the ceiling: counted in one.
    Storm,
    /// The whole family ended.
    Resolved,
    /// The same, and that all is well again is not known.
    Ended,
    /// Its agent is not watched any more.
    Retired,
    /// Somebody took it.
    Acknowledged,
    /// Somebody gave it back.
    Released,
    /// Nobody took it in time.
    Escalated,
    /// Those before have no receiver: the next on duty is told at once.
    PassedOver,
    /// Nobody on duty and none of the team has a receiver.
    Fallback,
    /// Its agent came from another customer.
    MovedHere,
    /// Its agent went to another customer.
    MovedAway,
    /// A silent agent is back.
    Back,
    /// Evidence came after the first message.
    Evidence,
    /// Arrived late, resolved already: one summary.
    Late,
    /// Its urgency goes into the digest.
    Digest,
    /// A silence or window ended while it fires.
    SilenceEnded,
    /// Asked for by `hansho test` or a drill.
    Drill,
    /// Mails to a receiver fail.
    DeliveryFailed,
    /// The daily mail.
    Daily,
}

impl Why {
    /// The word in JSON, log and store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Worsened => "worsened",
            Self::Repeat => "repeat",
            Self::Grouped => "grouped",
            Self::Storm => "storm",
            Self::Resolved => "resolved",
            Self::Ended => "ended",
            Self::Retired => "retired",
            Self::Acknowledged => "acknowledged",
            Self::Released => "released",
            Self::Escalated => "escalated",
            Self::PassedOver => "passed_over",
            Self::Fallback => "fallback",
            Self::MovedHere => "moved_here",
            Self::MovedAway => "moved_away",
            Self::Back => "back",
            Self::Evidence => "evidence",
            Self::Late => "late",
            Self::Digest => "digest",
            Self::SilenceEnded => "silence_ended",
            Self::Drill => "drill",
            Self::DeliveryFailed => "delivery_failed",
            Self::Daily => "daily",
        }
    }
}

/// Who gets it, by name or address as people know them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// To.
    pub to: Vec<String>,
    /// Cc.
    pub cc: Vec<String>,
}

/// Whose it is: the first block of every message about an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// Customer as shown (`みらい商事`); its identity stands in [`Identity`].
    pub customer: String,
    /// System in the subject (`受注`).
    pub system: String,
    /// System in the first line, where it has a longer name (`受注システム`).
    pub system_full: Option<String>,
    /// Host; `None` for an incident of a site or customer.
    pub host: Option<String>,
    /// Environment (`本番`).
    pub environment: Option<String>,
    /// Site (`東京DC`).
    pub site: Option<String>,
    /// Team.
    pub team: Option<String>,
    /// Who is on duty.
    pub on_duty: Option<String>,
    /// Who took it.
    pub taken: Option<Taken>,
    /// Who is told next, and when, unless somebody takes it.
    pub next: Option<Escalation>,
}

/// Somebody took an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Name.
    pub by: String,
    /// When.
    pub at: WallTime,
    /// What they wrote.
    pub note: Option<String>,
    /// When they expect it to be well.
    pub recovery_expected: Option<WallTime>,
    /// When they report next.
    pub next_report: Option<WallTime>,
}

/// Who is told unless somebody takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// Until then it can be taken.
    pub at: WallTime,
    /// Rank on the roster: 2 is the second on duty.
    pub rank: u8,
    /// Name.
    pub to: String,
}

/// Machine block: identities, not names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Code.
    pub code: u16,
    /// Customer's identity (`mirai`).
    pub customer: String,
    /// System's identity (`order`).
    pub system: String,
    /// Host, as `agent add` named it; `None` for an incident.
    pub host: Option<String>,
    /// Subject; empty for the host.
    pub subject: String,
    /// Alert's identity as people read it.
    pub alert: String,
    /// Since when.
    pub started: WallTime,
}

/// What the message says has become of the alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It fires, first message.
    Raised,
    /// A worse code took over from this one.
    Worsened {
        /// The code before.
        from: u16,
    },
    /// It still fires.
    Repeated {
        /// Which message about it this is, from 2.
        nth: u32,
    },
    /// It ended.
    Resolved(Ending),
    /// The agent is silent (9001), or a site is (9005).
    Silent(Box<Silence>),
    /// The agent is back (9002, 9003, 9004).
    Back(Back),
    /// Somebody took it ([`Owner::taken`] says who).
    Acknowledged,
    /// Somebody gave it back.
    Released {
        /// Name.
        by: String,
    },
    /// Nobody took it in time; this is for the next rank.
    Escalated {
        /// Rank of who gets this.
        rank: u8,
        /// How long nobody took it, milliseconds.
        untaken_ms: u64,
    },
    /// Evidence that came after the first message.
    Evidence,
}

/// How an alert ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The condition to clear held, or no further event came.
    Cleared,
    /// Its rule is gone: nothing is said about the value.
    Withdrawn,
    /// The agent's list no longer named it: when and why is unknown.
    Told,
    /// A test is over.
    Test,
    /// The agent was retired, or who raised it is gone.
    Retired,
    /// The agent went to another customer: for who reads this, it ends.
    Moved,
}

/// A message about one alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertNotice {
    /// What has become of it.
    pub happened: Happened,
    /// Raised by `hansho test` or a drill: no failure.
    pub test: bool,
    /// Whose it is.
    pub owner: Owner,
    /// What machines read.
    pub identity: Identity,
    /// Since when, and how bad.
    pub times: Times,
    /// The value judged last.
    pub value: Option<Measured>,
    /// The worst value, and when.
    pub worst: Option<Worst>,
    /// Events counted; `None` for levels.
    pub count: Option<u32>,
    /// What the readings say beside it.
    pub excerpt: Excerpt,
    /// A presumption: when it runs out.
    pub forecast: Option<Forecast>,
    /// The rule.
    pub rule: Option<RuleWords>,
    /// What is known to have happened or not, for the end of an alert.
    pub during: During,
    /// The customer's response; without it the registry's general text stands there.
    pub response: Option<Response>,
    /// Who uses the memory, where evidence says.
    pub suspects: Option<Suspects>,
    /// Whom the kernel killed for memory in this episode, the last first.
    pub victims: Vec<Victim>,
    /// What happened since it fired, in order.
    pub meanwhile: Vec<Happening>,
    /// Presumed causes, one a line.
    pub presumed: Vec<String>,
    /// The last 30 days.
    pub history: Option<History>,
    /// Other hosts that the incident stands for (site silent, group).
    pub hosts: Vec<String>,
    /// How many hosts in all, where more than [`Self::hosts`] lists.
    pub hosts_total: Option<u64>,
    /// Arrived this much after it fired, where that is worth a line, milliseconds.
    pub late_ms: Option<u64>,
    /// Page of the draft of the first report.
    pub report: Option<String>,
}
