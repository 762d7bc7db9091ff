//! What is fixed about a code, texts aside.

use crate::rule::Quantity;

/// How bad it is. Belongs to the code: a worse level is another code of the same [`Family`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// To know.
    Information,
    /// Something will fail if nobody acts.
    Warning,
    /// Something fails or is about to.
    Error,
}

impl Severity {
    /// The letter shown while raised: I, W, E.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Information => 'I',
            Self::Warning => 'W',
            Self::Error => 'E',
        }
    }
}

/// When a person must know. Another thing than severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Urgency {
    /// Mails at once.
    Now,
    /// In the digest of the working day.
    WorkingHours,
    /// On the page only.
    Record,
}

impl Urgency {
    /// The word used in JSON and configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::WorkingHours => "working_hours",
            Self::Record => "record",
        }
    }
}

/// Codes about one trouble: the one of higher rank takes over in the same thread, and only the end of the whole family
/// is a resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// 1001 → 1004 → 1005 → 1002 → 1003 → 1010.
    Memory,
    /// 2001 → 2002.
    Cpu,
    /// 3005 → 3004, and 3006 beside it.
    CacheDirectory,
    /// 4001 → 4004 → 4003 → 4002.
    Filesystem,
    /// 5003 → 5004.
    ServiceMemory,
}

impl Family {
    /// The word used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::CacheDirectory => "cache_directory",
            Self::Filesystem => "filesystem",
            Self::ServiceMemory => "service_memory",
        }
    }
}

/// Which program raises a code in this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RaisedBy {
    /// The agent, on the host.
    Agent,
    /// The collector.
    Collector,
}

impl RaisedBy {
    /// The word used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Collector => "collector",
        }
    }
}

/// What is fixed about a code, texts aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The number, 1000..=9999; its first digit is the range (memory, CPU, ...).
    pub number: u16,
    /// A name for programs and log lines: snake_case ASCII, unique, frozen like the number.
    pub slug: &'static str,
    /// How bad.
    pub severity: Severity,
    /// When to tell people.
    pub urgency: Urgency,
    /// What the built-in rule, or the collector, judges; `None` where no quantity of this version belongs to the code.
    pub quantity: Option<Quantity>,
    /// The family and the rank in it; a higher rank takes over, equal ranks stand beside each other.
    pub family: Option<(Family, u8)>,
    /// While one of these fires for the same host (for 9001: the same site), this code is not notified.
    pub suppressed_by: &'static [u16],
    /// Who raises it; `None` while the number is only reserved.
    pub raised_by: Option<RaisedBy>,
    /// First version of hansho whose registry has the number.
    pub since: &'static str,
    /// The number that took its place, where it is no longer raised.
    pub deprecated_by: Option<u16>,
}

pub(super) const fn reserved(
    number: u16,
    slug: &'static str,
    severity: Severity,
    urgency: Urgency,
) -> Entry {
    Entry {
        number,
        slug,
        severity,
        urgency,
        quantity: None,
        family: None,
        suppressed_by: &[],
        raised_by: None,
        since: "0.1.0",
        deprecated_by: None,
    }
}

pub(super) const fn agent(
    number: u16,
    slug: &'static str,
    severity: Severity,
    urgency: Urgency,
    quantity: Quantity,
) -> Entry {
    let mut entry = reserved(number, slug, severity, urgency);
    entry.quantity = Some(quantity);
    entry.raised_by = Some(RaisedBy::Agent);
    entry
}

pub(super) const fn collector(
    number: u16,
    slug: &'static str,
    severity: Severity,
    urgency: Urgency,
    quantity: Quantity,
) -> Entry {
    let mut entry = agent(number, slug, severity, urgency, quantity);
    entry.raised_by = Some(RaisedBy::Collector);
    entry
}

impl Entry {
    pub(super) const fn in_family(mut self, family: Family, rank: u8) -> Self {
        self.family = Some((family, rank));
        self
    }

    pub(super) const fn suppressed_by(mut self, suppressors: &'static [u16]) -> Self {
        self.suppressed_by = suppressors;
        self
    }
}
