//! What one message says, as plain values: no text is chosen here, nothing is sent. [`super::render`] writes it,
//! decisions fill it. Every string may come from a host or a person and is made harmless where it is rendered.

use crate::store::{ClockQuality, Dated};
use crate::zone::Zone;
use hansho::clock::WallTime;
use hansho::code::Language;
use hansho::rule::{Level, Quantity};

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
    /// Somebody took it.
    Acknowledged,
    /// Somebody gave it back.
    Released,
    /// Nobody took it in time.
    Escalated,
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
            Self::Acknowledged => "acknowledged",
            Self::Released => "released",
            Self::Escalated => "escalated",
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
    /// The customer's response; without it the registry's general text stands there.
    pub response: Option<Response>,
    /// Who uses the memory, where evidence says.
    pub suspects: Option<Suspects>,
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

/// Times with what they are worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Since when the condition held.
    pub occurred: Option<Dated>,
    /// When the rule fired.
    pub detected: Option<Dated>,
    /// When people were told first.
    pub notified: Option<Dated>,
    /// Since when the condition was clear.
    pub recovered: Option<Dated>,
    /// When the rule resolved.
    pub resolved: Option<Dated>,
}

/// A date by the collector's own clock.
#[must_use]
pub const fn exact(wall: WallTime) -> Dated {
    Dated {
        wall,
        quality: ClockQuality::Exact,
    }
}

/// A value in the unit of its quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// What was measured; `None` for a quantity that this version does not know.
    pub quantity: Option<Quantity>,
    /// The value.
    pub value: u64,
    /// What 100 % is.
    pub total: Option<u64>,
}

/// The worst value of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worst {
    /// It.
    pub value: Measured,
    /// When.
    pub at: Option<Dated>,
}

/// What the readings say beside the value; each may be absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// Memory available, KiB.
    pub available_kib: Option<u64>,
    /// Growth of the quantity.
    pub growth: Option<Growth>,
    /// The same quantity an hour ago.
    pub hour_ago: Option<Measured>,
    /// The same quantity 24 hours ago.
    pub day_ago: Option<Measured>,
    /// Memory pressure (full), permille.
    pub memory_full_permille: Option<u64>,
    /// Swap used, KiB.
    pub swap_used_kib: Option<u64>,
    /// Swap in all, KiB.
    pub swap_total_kib: Option<u64>,
    /// CPU busy, permille.
    pub cpu_permille: Option<u64>,
}

/// Growth over a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// A hour, in the unit of the quantity; negative where it shrinks.
    pub per_hour: i64,
    /// Span that it was measured over, milliseconds.
    pub over_ms: u64,
}

/// A presumption of when nothing is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// Then.
    pub at: WallTime,
}

/// The rule as people read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleWords {
    /// What it judges.
    pub quantity: Quantity,
    /// At or above this.
    pub raise: Level,
    /// For so long, milliseconds.
    pub raise_after_ms: u64,
    /// Clear at or below; `None` where it is not known or there is none.
    pub clear: Option<Level>,
    /// Clear for so long, milliseconds.
    pub clear_after_ms: Option<u64>,
    /// An event, not a level.
    pub event: bool,
}

/// What the customer agreed to for a code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Where it comes from, as shown in the heading (`みらい商事`).
    pub source: String,
    /// Number of the document.
    pub document: Option<String>,
    /// What it means for the customer, in the customer's words.
    pub impact: Option<String>,
    /// Steps; a further line of a step is a command to copy.
    pub steps: Vec<String>,
    /// What must not be done.
    pub must_not: Vec<String>,
    /// Who may decide, or whom to call in doubt.
    pub decides: Option<String>,
    /// Telephone of that.
    pub telephone: Option<String>,
}

/// Who uses it, as evidence says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspects {
    /// When it was taken.
    pub taken: WallTime,
    /// The change is against so long before, milliseconds; `None` where there is nothing to compare with.
    pub against_ms: Option<u64>,
    /// Processes seen.
    pub seen: u32,
    /// Processes there are.
    pub all: u32,
    /// The largest first.
    pub rows: Vec<Suspect>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// Name of the program.
    pub name: String,
    /// Process.
    pub pid: u32,
    /// Service or cgroup.
    pub unit: Option<String>,
    /// Resident memory, KiB.
    pub resident_kib: u64,
    /// Change, KiB.
    pub change_kib: Option<i64>,
}

/// Something that happened while it fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// When.
    pub at: WallTime,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Somebody took it.
    Taken(Taken),
    /// Somebody gave it back.
    Released {
        /// Name.
        by: String,
    },
    /// Somebody wrote a note.
    Noted {
        /// Name.
        by: String,
        /// The note.
        text: String,
    },
    /// The next rank was told.
    Escalated {
        /// Name.
        to: String,
    },
    /// Another code of the host fired or ended.
    Code {
        /// Code.
        number: u16,
        /// It fired.
        firing: bool,
    },
    /// The host booted.
    Booted,
    /// The agent's configuration changed.
    ConfigChanged,
    /// Readings are missing for so long, milliseconds.
    Gap {
        /// Length.
        lasted_ms: u64,
    },
    /// Anything else, in the receiver's language.
    Text(String),
}

/// The last 30 days; what is not known is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Episodes of the same code before this one: how many.
    pub same_code: Option<u64>,
    /// The newest of them.
    pub last: Option<Episode>,
    /// Boots of the host.
    pub boots: Option<Vec<WallTime>>,
    /// Changes of the agent's configuration.
    pub config_changes: Option<Vec<WallTime>>,
    /// Windows (campaign, work) that hold now or begin within a day.
    pub windows: Option<Vec<String>>,
}

/// An earlier episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Episode {
    /// When it began.
    pub at: WallTime,
    /// How long it lasted, milliseconds.
    pub lasted_ms: Option<u64>,
}

/// What is known of a silent agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Last sign of life; `None` where it was never heard.
    pub last_heard: Option<WallTime>,
    /// When it was judged silent.
    pub judged: WallTime,
    /// What it said before.
    pub goodbye: Goodbye,
    /// Others of its site.
    pub peers: Option<Peers>,
    /// Whether the collector itself worked in between.
    pub collector: CollectorState,
    /// Its last value of memory, as used of total.
    pub memory: Option<Measured>,
    /// Codes that fired when it fell silent; unknown from then on.
    pub open: Vec<u16>,
}

/// What the agent or a person said before the silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goodbye {
    /// Nothing.
    None,
    /// Stopped in order, not announced.
    Stopped {
        /// When.
        at: WallTime,
    },
    /// Announced, and overdue.
    Overdue {
        /// By whom or what.
        reason: String,
        /// Until when.
        until: WallTime,
    },
}

/// The other agents of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peers {
    /// Others that answer.
    pub answering: u64,
    /// Others that are silent.
    pub silent: u64,
}

/// Whether the collector worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollectorState {
    /// Neither stopped nor late.
    Well,
    /// Stopped or late for so long, milliseconds.
    Late {
        /// How long.
        by_ms: u64,
    },
}

/// An agent is back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Back {
    /// Last sign of life before.
    pub silent_since: Option<WallTime>,
    /// First sign of life after.
    pub back_at: WallTime,
    /// Why it was silent.
    pub cause: BackCause,
    /// What of its records is here.
    pub records: Records,
}

/// Why an agent was silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackCause {
    /// The host booted; with the reason where the host tells.
    Rebooted {
        /// Reason.
        reason: Option<String>,
        /// Announced, or stopped in order.
        planned: bool,
    },
    /// The agent alone was restarted.
    AgentRestarted,
    /// Host and agent ran on: the way between was cut.
    NetworkOnly,
    /// Cannot be known.
    Unknown,
}

/// What of the records of a silence arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    /// Still arriving.
    Arriving,
    /// All are here.
    Complete,
    /// So many frames are lost.
    Lost {
        /// Frames.
        frames: u64,
    },
}

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// What can wait for the working day.
    Digest,
    /// Arrived late, resolved already.
    Late,
    /// Several of one system or site at once.
    Group,
    /// More than the ceiling of a receiver.
    Storm,
}

/// A list of alerts of one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListNotice {
    /// Which.
    pub kind: ListKind,
    /// Customer as shown.
    pub customer: String,
    /// Customer's identity.
    pub customer_id: String,
    /// System, where it is of one.
    pub system: Option<String>,
    /// Team.
    pub team: Option<String>,
    /// From when.
    pub from: WallTime,
    /// To when.
    pub to: WallTime,
    /// The alerts, the worst first.
    pub rows: Vec<ListRow>,
    /// How many there are in all, those not listed included.
    pub total: u64,
}

/// An alert in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRow {
    /// Code.
    pub code: u16,
    /// Still fires.
    pub firing: bool,
    /// Nobody knows whether it still fires: its agent is silent.
    pub unknown: bool,
    /// System as shown.
    pub system: String,
    /// Host.
    pub host: String,
    /// Subject; empty for the host.
    pub subject: String,
    /// Since when.
    pub occurred: Option<Dated>,
    /// Until when.
    pub recovered: Option<Dated>,
    /// The value.
    pub value: Option<Measured>,
    /// Who took it.
    pub taken_by: Option<String>,
    /// Its page.
    pub link: Option<String>,
}

/// Mails to a receiver fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailFailed {
    /// Who does not get them.
    pub receiver: String,
    /// Address.
    pub address: String,
    /// Since when.
    pub since: WallTime,
    /// Mails that were not delivered.
    pub undelivered: u64,
    /// What the server said last.
    pub says: String,
    /// Refused for good; else it is tried again.
    pub permanent: bool,
    /// What was in them: codes with how many.
    pub codes: Vec<(u16, u64)>,
    /// Who was told instead.
    pub instead: Vec<String>,
    /// Alert's identity.
    pub alert: String,
}

/// The collector about itself, once a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Daily {
    /// Name of the collector's host.
    pub collector: String,
    /// Version.
    pub version: String,
    /// Runs since.
    pub running_since: WallTime,
    /// From when the figures are.
    pub from: WallTime,
    /// Agents.
    pub agents: u64,
    /// Of them silent.
    pub silent: u64,
    /// Alerts that fire.
    pub firing: u64,
    /// Alerts raised since `from`.
    pub raised: u64,
    /// Mails delivered since `from`.
    pub delivered: u64,
    /// Mails that wait.
    pub waiting: u64,
    /// Mails that failed for good since `from`.
    pub failed: u64,
    /// Frames stored since `from`.
    pub frames: u64,
    /// Frames lost since `from`.
    pub lost: u64,
    /// Room on the store's disk, KiB.
    pub disk_free_kib: Option<u64>,
    /// Things that somebody should look at, in the receiver's language.
    pub remarks: Vec<String>,
}
