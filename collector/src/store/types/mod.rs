//! What the store keeps, as plain values.

mod agents;
mod event;
mod evidence;
mod handling;
mod notify;
pub mod people;
mod presence;
mod upkeep;
pub mod window;

pub use agents::{JoinToken, KeyEpoch, Past, PastKind, TokenEnd};
pub use event::{Event, EventKind};
pub use evidence::*;
pub use handling::{
    AckEnd, AckEnding, Acknowledgement, AuditEntry, AuditFilter, Facts, LinkSecret, Matcher, Note,
    NoteOn, Silence, Via,
};
pub use notify::{
    Channel, Decision, ListOf, Numbers, Outcome, Outgoing, Reason, Sending, Strand, Thread,
    Waiting, foldable, needed,
};
pub use presence::{
    AgentFacts, AlertCause, BackCause, BootReason, CollectorLife, DoubleSign, Presence, Presumed,
    Rebooted, Rival, SilenceCause, SilentSite, Standing, StoredGoodbye,
};
pub use upkeep::{Daily, Forget, Restored, Tally, Upkeep};
pub use window::{
    Days, Occurrence, Place, Schedule, Texts, Weekly, Window, WindowKind, WindowScope,
};

use super::dating::Offsets;
use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use hansho::frame::kind::{AgentId, BootId, RunId, Stream};
use hansho::sample::Reading;

/// Who an agent is, as `agent add` gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAgent {
    /// Random; refused where it was ever used.
    pub id: AgentId,
    /// Customer.
    pub customer: String,
    /// System of the customer.
    pub system: String,
    /// Name; unique within the system.
    pub name: String,
    /// First key epoch.
    pub key_epoch: u8,
    /// Master that its key is derived from.
    pub master_id: u32,
}

/// What a Hello said last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Version of the agent.
    pub version: String,
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// Architecture.
    pub architecture: String,
    /// Processors on line.
    pub cores: u32,
    /// Total memory.
    pub memory_total_kib: u64,
    /// Sample interval.
    pub sample_interval_ms: u32,
    /// Report interval.
    pub report_interval_ms: u32,
    /// Post interval that the agent promises.
    pub post_interval_ms: u32,
    /// Version of its registry.
    pub registry_version: u16,
    /// Hash of its registry.
    pub registry_hash: u64,
    /// Hash of its effective rules.
    pub config_hash: u64,
    /// Keyed hash of its machine id.
    pub machine_id_hash: u64,
    /// Flags of the Hello.
    pub flags: u8,
}

/// An agent with all that moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Identity.
    pub id: AgentId,
    /// Customer.
    pub customer: String,
    /// System.
    pub system: String,
    /// Name.
    pub name: String,
    /// When it was added.
    pub created: WallTime,
    /// The run that speaks for it now: the sender that no other followed.
    pub current_run: Option<RunId>,
    /// When its current run was last heard.
    pub last_seen: Option<WallTime>,
    /// Newest run whose State was complete, and when that was.
    pub stated: Option<(RunId, Dated)>,
    /// What the Hello of its newest run said.
    pub inventory: Option<Inventory>,
    /// Runs seen so far: the next gets this arrival number.
    pub runs: u64,
    /// Alerts stored so far.
    pub alerts: u64,
    /// Since when nobody expects it any more.
    pub retired: Option<WallTime>,
    /// Highest key epoch that a stored batch named.
    pub used_epoch: u8,
}

/// A run of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Identity.
    pub id: RunId,
    /// Its boot.
    pub boot: BootId,
    /// Order in which the collector first heard of it.
    pub arrival: u64,
    /// What its Hello said, for order.
    pub number: Option<u64>,
    /// Uptime of its newest batch; `None` while it never was a sender.
    pub last_sent: Option<Uptime>,
    /// Another run followed it: it never speaks for the agent again.
    pub followed: bool,
    /// Batches sent in order while another run was the current one and silent.
    pub claims: u32,
    /// The agent's last-seen when these began.
    pub claimed_at: Option<WallTime>,
    /// When it was first heard of.
    pub since: WallTime,
    /// The run that was the current one when a batch of that named it last: its agent's rings held it then.
    pub named_by: RunId,
    /// When that was, to a day.
    pub named: WallTime,
}

/// A boot of an agent's host: how its uptimes become dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Identity.
    pub id: BootId,
    /// Receipt less uptime of sending; empty where nothing was sent from that boot.
    pub offsets: Offsets,
    /// Last anchor.
    pub anchor: Anchor,
}

/// What a date is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClockQuality {
    /// By uptime and the collector's own clock.
    Exact,
    /// By an anchor that an answer of the collector had confirmed.
    Confirmed,
    /// By the host's own clock.
    Host,
    /// By a clock that was not set: only distances mean something.
    Unset,
    /// Not known.
    Unknown,
}

impl ClockQuality {
    /// The word in JSON and in the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Confirmed => "confirmed",
            Self::Host => "host",
            Self::Unset => "unset",
            Self::Unknown => "unknown",
        }
    }

    /// From the word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "exact" => Self::Exact,
            "confirmed" => Self::Confirmed,
            "host" => Self::Host,
            "unset" => Self::Unset,
            _ => Self::Unknown,
        }
    }
}

/// A date and what it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dated {
    /// UTC.
    pub wall: WallTime,
    /// What it is worth.
    pub quality: ClockQuality,
}

impl Boot {
    /// Nothing is known of it yet.
    #[must_use]
    pub fn new(id: BootId) -> Self {
        Self {
            id,
            offsets: Offsets::default(),
            anchor: Anchor::default(),
        }
    }

    /// Dates a moment of this boot: exactly where the collector heard from it, else by its last anchor.
    #[must_use]
    pub fn date(&self, uptime: Uptime) -> Dated {
        let (base_ms, quality) = match self.offsets.at(uptime) {
            Some((offset_ms, true)) => (offset_ms, ClockQuality::Exact),
            Some((offset_ms, false)) => (offset_ms, ClockQuality::Unknown),
            None => {
                let wall = signed(self.anchor.wall.as_millis());
                let base_ms = wall.saturating_sub(signed(self.anchor.uptime.as_millis()));
                (base_ms, by_anchor(self.anchor.quality))
            }
        };
        let wall_ms = base_ms.saturating_add(signed(uptime.as_millis()));
        Dated {
            wall: WallTime::from_millis(u64::try_from(wall_ms).unwrap_or(0)),
            quality,
        }
    }
}

const fn by_anchor(quality: AnchorQuality) -> ClockQuality {
    match quality {
        AnchorQuality::Confirmed => ClockQuality::Confirmed,
        AnchorQuality::Host => ClockQuality::Host,
        AnchorQuality::Unset => ClockQuality::Unset,
        AnchorQuality::Unknown => ClockQuality::Unknown,
    }
}

/// As a signed number, saturating.
#[must_use]
pub fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Which alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// Code.
    pub code: u16,
    /// Subject; empty for the host.
    pub subject: String,
    /// Raised by `hansho test`.
    pub test: bool,
}

/// An alert: one episode of an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAlert {
    /// Identity of the row; its upper bits are the shard.
    pub id: AlertId,
    /// The agent.
    pub agent: AgentId,
    /// Which alert.
    pub identity: Identity,
    /// Episode that the agent counts.
    pub episode: u32,
    /// True until resolved.
    pub firing: bool,
    /// Run whose frame opened it.
    pub run: RunId,
    /// Newest run that said anything about it.
    pub last_run: RunId,
    /// Uptime at which it fired, as the agent says: with the episode it recognises the same alert in another frame.
    pub fired: Uptime,
    /// Sequence of its Firing frame in `run`; `None` where that frame never came.
    pub firing_sequence: Option<u64>,
    /// Sequence of its Resolved frame; `None` where it is open or that frame never came.
    pub resolved_sequence: Option<u64>,
    /// Since when the rule's condition held.
    pub occurred: Option<Dated>,
    /// When the rule fired.
    pub detected: Option<Dated>,
    /// When people were told; nobody is told yet.
    pub notified: Option<Dated>,
    /// Since when the condition was clear.
    pub recovered: Option<Dated>,
    /// When the rule resolved.
    pub resolved: Option<Dated>,
    /// When the collector stored it.
    pub stored: WallTime,
    /// When the collector last changed it.
    pub updated: WallTime,
    /// Quantity judged.
    pub quantity: u8,
    /// Value judged last.
    pub value: Option<u64>,
    /// Total then.
    pub total: Option<u64>,
    /// Level that decided.
    pub level: Option<u64>,
    /// Worst value.
    pub worst: Option<u64>,
    /// Forecast given when it fired, milliseconds.
    pub forecast_ms: Option<u64>,
    /// Events, as the agent counts them.
    pub count: u32,
    /// Firings that came while it was open already.
    pub continuations: u32,
    /// Reason of its last transition, `hansho::frame::body::reason_name`.
    pub reason: u8,
    /// Flags of the last frame about it; of a State only flapping and unknown, which an Alert frame ends.
    pub flags: u8,
    /// How it came to be as it is, where not by its own frames.
    pub by: By,
}

/// Run of the alerts that the collector raises itself.
pub const COLLECTOR_RUN: RunId = RunId(0);
/// Agent of the alerts that belong to no agent: a site, a receiver.
pub const COLLECTOR_AGENT: AgentId = AgentId(0);
/// HNS9005: a site is silent.
const SITE_SILENT: u16 = 9005;
/// Flag of a stored alert that no frame has: it is unknown because its agent is absent.
pub const FLAG_ABSENT: u8 = 64;

/// What about an alert was concluded instead of told by its own frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct By {
    /// Opened by a State: its Firing frame was missed.
    pub opened_by_state: bool,
    /// Closed by a State: its Resolved frame was missed.
    pub closed_by_state: bool,
    /// Its firing was concluded from a Resolved or Continued frame.
    pub firing_inferred: bool,
    /// Ended because its agent was retired: nothing is known of the value.
    pub retired: bool,
}

impl By {
    /// The bits in the store.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.opened_by_state as u8
            | (self.closed_by_state as u8) << 1
            | (self.firing_inferred as u8) << 2
            | (self.retired as u8) << 3
    }

    /// From the bits.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self {
            opened_by_state: bits & 1 != 0,
            closed_by_state: bits & 2 != 0,
            firing_inferred: bits & 4 != 0,
            retired: bits & 8 != 0,
        }
    }

    /// True where a State opened or closed it.
    #[must_use]
    pub const fn state(self) -> bool {
        self.opened_by_state || self.closed_by_state
    }
}

/// Identity of a stored alert: eight bits of shard, 40 of hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AlertId(pub u64);

impl AlertId {
    /// Its shard.
    #[must_use]
    pub fn shard(self) -> u8 {
        u8::try_from((self.0 >> 40) & 0xff).unwrap_or(0)
    }
}

/// Digits of an alert's identity: no I, L, O, U, so that it survives the telephone (Crockford's base 32).
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl core::fmt::Display for AlertId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for shift in (0..50).step_by(5).rev() {
            let digit = usize::try_from((self.0 >> shift) & 31).unwrap_or(0);
            let byte = DIGITS.get(digit).copied().unwrap_or(b'0');
            write!(f, "{}", char::from(byte))?;
        }
        Ok(())
    }
}

impl core::str::FromStr for AlertId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() != 10 {
            return Err(());
        }
        text.bytes().try_fold(Self(0), |id, byte| {
            let byte = byte.to_ascii_uppercase();
            let digit = DIGITS.iter().position(|known| *known == byte).ok_or(())?;
            Ok(Self((id.0 << 5) | u64::try_from(digit).map_err(|_| ())?))
        })
    }
}

/// Shard of an agent: a byte of a hash, so that the fleet spreads evenly.
#[must_use]
pub fn shard(agent: AgentId) -> u8 {
    let [first, ..] =
        hansho::frame::seal::short_hash("hansho shard 1", &agent.0.to_le_bytes()).to_le_bytes();
    first
}

/// A raw frame, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFrame {
    /// Run that wrote it.
    pub run: RunId,
    /// Its stream.
    pub stream: Stream,
    /// Its sequence.
    pub sequence: u64,
    /// When it was received.
    pub received: WallTime,
    /// The bytes.
    pub frame: Vec<u8>,
}

/// The place of a frame: run as a signed number, stream, sequence.
pub type FrameKey = (i64, u8, u64);

/// What a stored frame is, without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// Run that wrote it.
    pub run: RunId,
    /// Its stream.
    pub stream: Stream,
    /// Its sequence.
    pub sequence: u64,
    /// When it was received.
    pub received: WallTime,
    /// Its first byte, the kind.
    pub kind: u8,
    /// Its length.
    pub bytes: u64,
}

impl FrameHead {
    /// Its place.
    #[must_use]
    pub const fn key(&self) -> FrameKey {
        (
            self.run.0.cast_signed(),
            self.stream.number(),
            self.sequence,
        )
    }
}

/// A range that will never be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LostRange {
    /// Run.
    pub run: RunId,
    /// Stream.
    pub stream: Stream,
    /// First lost sequence.
    pub first: u64,
    /// Last lost sequence.
    pub last: u64,
    /// Why.
    pub reason: LostReason,
    /// When the collector learned of it.
    pub recorded: WallTime,
}

/// Why a range is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LostReason {
    /// The agent says so without a reason known here.
    Unknown,
    /// The agent says: overwritten before they were acknowledged.
    Overwritten,
    /// The agent says: refused by the collector. Why is not known any more.
    Refused,
    /// Refused by this collector: the body was not of its kind's shape.
    RefusedMalformed,
    /// Refused by this collector: its kind has no place in the stream.
    RefusedWrongStream,
    /// The sequence jumped, and the agent said nothing.
    Gap,
    /// Several ranges, with what was stored between them: there were too many to keep.
    Merged,
}

impl LostReason {
    /// The word in JSON and in the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Overwritten => "overwritten",
            Self::Refused => "refused",
            Self::RefusedMalformed => "refused_malformed",
            Self::RefusedWrongStream => "refused_wrong_stream",
            Self::Gap => "gap",
            Self::Merged => "merged",
        }
    }

    /// From the word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "overwritten" => Self::Overwritten,
            "refused" => Self::Refused,
            "refused_malformed" => Self::RefusedMalformed,
            "refused_wrong_stream" => Self::RefusedWrongStream,
            "gap" => Self::Gap,
            "merged" => Self::Merged,
            _ => Self::Unknown,
        }
    }
}

/// A reading with its place and date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredReading {
    /// Run.
    pub run: RunId,
    /// Sequence of its frame.
    pub sequence: u64,
    /// Its date.
    pub dated: Dated,
    /// The reading; its `wall` is the date too.
    pub reading: Reading,
}

/// An effective rule of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRule {
    /// Code.
    pub code: u16,
    /// Subject.
    pub subject: String,
    /// Whether it judges.
    pub enabled: bool,
    /// Quantity.
    pub quantity: u8,
    /// Raise level, permille of total.
    pub raise_permille: Option<u16>,
    /// Raise level, absolute.
    pub raise_absolute: Option<u64>,
    /// Time above.
    pub raise_after_ms: u32,
    /// Clear level, permille of total.
    pub clear_permille: Option<u16>,
    /// Clear level, absolute.
    pub clear_absolute: Option<u64>,
    /// Time clear.
    pub clear_after_ms: u32,
    /// It judges events, not a level.
    pub event: bool,
    /// Bad is below the level.
    pub below: bool,
    /// "built-in", or file and line.
    pub origin: String,
}

impl StoredAlert {
    /// Customer and site of an alert that the collector raised for a site (HNS9005). What it raised about a receiver is no customer's,
    /// whatever the receiver is called.
    #[must_use]
    pub fn of_site(&self) -> Option<(&str, &str)> {
        let site = self.agent == COLLECTOR_AGENT && self.identity.code == SITE_SILENT;
        self.identity.subject.split_once('/').filter(|_| site)
    }
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames stored.
    pub frames_stored: u64,
    /// Frames below the watermark, not stored again.
    pub duplicates: u64,
    /// Frames lost: the lengths of all lost ranges.
    pub lost: u64,
    /// Frames refused.
    pub refused: u64,
    /// Frames of a kind or transition that this version does not know: stored, not understood.
    pub skipped: u64,
    /// Readings within the stored frames.
    pub readings_stored: u64,
    /// Statements of an older run that a newer one contradicts: kept raw, not applied.
    pub contradicted: u64,
}

impl Counts {
    /// Adds.
    pub fn add(&mut self, other: &Self) {
        let Self {
            frames_stored,
            duplicates,
            lost,
            refused,
            skipped,
            readings_stored,
            contradicted,
        } = self;
        for (sum, more) in [
            (frames_stored, other.frames_stored),
            (duplicates, other.duplicates),
            (lost, other.lost),
            (refused, other.refused),
            (skipped, other.skipped),
            (readings_stored, other.readings_stored),
            (contradicted, other.contradicted),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}

/// Totals of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// By stream.
    pub streams: [Counts; 4],
    /// Agents.
    pub agents: u64,
    /// Alerts ever stored.
    pub alerts: u64,
    /// Alerts open now.
    pub firing: u64,
    /// Damaged files of raw frames that were set aside.
    pub damaged_days: u64,
}

impl Totals {
    /// Over all streams.
    #[must_use]
    pub fn all(&self) -> Counts {
        let mut sum = Counts::default();
        for stream in &self.streams {
            sum.add(stream);
        }
        sum
    }
}

/// Which alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Of this agent only.
    pub agent: Option<AgentId>,
    /// Open (`true`) or resolved (`false`) ones only.
    pub firing: Option<bool>,
    /// At most so many, the newest first.
    pub limit: Option<usize>,
}

/// From when to when, UTC, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// From.
    pub from: WallTime,
    /// To.
    pub to: WallTime,
    /// At most so many; the newest are kept.
    pub limit: usize,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// From.
    pub from: WallTime,
    /// Until, not included.
    pub until: WallTime,
}

impl Span {
    /// Whether a moment lies in it.
    #[must_use]
    pub fn has(&self, moment: WallTime) -> bool {
        self.from <= moment && moment < self.until
    }
}
