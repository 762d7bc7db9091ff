//! Figures, rules, responses and what was seen, as values of a message.

use super::Taken;
use crate::store::{ClockQuality, Dated};
use hansho::clock::WallTime;
use hansho::rule::{Level, Quantity};

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
    /// Memory available then, KiB.
    pub available_kib: Option<u64>,
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
    /// Raised at or below the level instead of at or above.
    pub below: bool,
}

/// What happened to the host while the alert fired; absent where nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct During {
    /// OOM kills.
    pub oom_kills: Option<u64>,
    /// Boots of the host.
    pub boots: Option<u64>,
    /// Readings missing for so long, milliseconds.
    pub gap_ms: Option<u64>,
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
    /// What to look at before the end is taken for one (`画面・注文の受付`).
    pub confirm: Option<String>,
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
    /// Processes read.
    pub seen: u32,
    /// Processes there were.
    pub all: u32,
    /// Some that use much may not be among them: processes are hidden, or the walk or the list was cut short.
    pub partial: bool,
    /// By what they are put in order.
    pub by: SuspectBy,
    /// The first first.
    pub rows: Vec<Suspect>,
}

/// By what suspects are put in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuspectBy {
    /// Memory, and what grew.
    Memory,
    /// CPU.
    Cpu,
    /// Memory in swap.
    Swap,
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
    /// Its memory, KiB.
    pub resident_kib: Option<u64>,
    /// Growth of its memory, KiB, and over how long, milliseconds.
    pub change: Option<(i64, u64)>,
    /// Its memory in swap, KiB.
    pub swap_kib: Option<u64>,
    /// CPU, permille of one processor.
    pub cpu_permille: Option<u32>,
}

/// A process that the kernel killed for memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Victim {
    /// When.
    pub at: WallTime,
    /// Name of the program.
    pub name: String,
    /// Process.
    pub pid: u32,
    /// Service or container.
    pub unit: Option<String>,
    /// Its anonymous memory, KiB.
    pub anonymous_kib: u64,
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
