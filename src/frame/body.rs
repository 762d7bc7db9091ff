//! The bodies: postcard structs, frozen once released. Enums travel as bytes; a list carries the length of each of
//! its elements, so that an element may grow; a body is consumed whole.

use super::cursor::{Cut, Full, Reader, Writer};
use super::evidence::{Evidence, Victim};
use super::kind::Kind;
use crate::clock::Uptime;
use crate::limit::{ELEMENT_BYTES, FRAME_BYTES};
use crate::rule::{Reason, TransitionKind};
use serde::{Deserialize, Serialize};

/// Who speaks: the first frame of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello<'a> {
    /// Version of the agent.
    pub version: &'a str,
    /// Host name.
    pub host: &'a str,
    /// Kernel release (uname -r).
    pub kernel: &'a str,
    /// Architecture (uname -m).
    pub architecture: &'a str,
    /// Processors on line.
    pub cores: u32,
    /// Total memory.
    pub memory_total_kib: u64,
    /// Counts the starts of the watcher, as far as a superblock remembers; for order only.
    pub run_number: u64,
    /// Interval of samples.
    pub sample_interval_ms: u32,
    /// Interval of readings in stream 1.
    pub report_interval_ms: u32,
    /// Interval of posts that the agent promises.
    pub post_interval_ms: u32,
    /// Version of the registry of codes.
    pub registry_version: u16,
    /// Hash of the registry.
    pub registry_hash: u64,
    /// Hash of the effective rules.
    pub config_hash: u64,
    /// Hash of /etc/machine-id, keyed so that it tells two machines apart and nothing more.
    pub machine_id_hash: u64,
    /// Bit 0: the disk ring is off. Bit 1: memory is not locked. Bit 2: the memory ring is not on tmpfs.
    pub flags: u8,
}

/// Effective rules, in parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config<'a> {
    /// Hash over all of it.
    pub config_hash: u64,
    /// This part, from 0.
    pub part: u8,
    /// Number of parts.
    pub parts: u8,
    /// [`RuleRecord`]s, each behind its length.
    pub rules: &'a [u8],
}

/// One effective rule and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleRecord<'a> {
    /// Code.
    pub code: u16,
    /// Subject.
    pub subject: &'a str,
    /// Bit 0 enabled, bit 1 event, bit 2 bad is below, bit 3 has a gate, bit 4 has a fallback.
    pub flags: u8,
    /// Quantity.
    pub quantity: u8,
    /// 0 last, 1 mean, 2 minimum, 3 maximum.
    pub aggregate: u8,
    /// Length of the window.
    pub window_ms: u32,
    /// Raise level, permille of total.
    pub raise_permille: Option<u16>,
    /// Raise level, absolute.
    pub raise_absolute: Option<u64>,
    /// Clear level, permille of total.
    pub clear_permille: Option<u16>,
    /// Clear level, absolute.
    pub clear_absolute: Option<u64>,
    /// Time above.
    pub raise_after_ms: u32,
    /// Time below.
    pub clear_after_ms: u32,
    /// Quantity of the gate, 0 for none.
    pub gate_quantity: u8,
    /// 0 above, 1 below, 2 absent.
    pub gate_test: u8,
    /// Gate level, permille of total.
    pub gate_permille: Option<u16>,
    /// Gate level, absolute.
    pub gate_absolute: Option<u64>,
    /// "built-in", or file and line.
    pub origin: &'a str,
}

/// The open alerts, in parts: at start, hourly, after a Loss in stream 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State<'a> {
    /// This part, from 0.
    pub part: u8,
    /// Number of parts.
    pub parts: u8,
    /// [`OpenRecord`]s, each behind its length.
    pub open: &'a [u8],
}

/// One open alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRecord<'a> {
    /// Code.
    pub code: u16,
    /// Subject.
    pub subject: &'a str,
    /// Episode of this identity.
    pub episode: u32,
    /// Uptime at which it fired, of the boot in which it did; see `flags`.
    pub fired_ms: u64,
    /// Uptime since which it was raised.
    pub since_ms: u64,
    /// Value judged last.
    pub value: Option<u64>,
    /// Worst value.
    pub worst: Option<u64>,
    /// Events.
    pub count: u32,
    /// Bit 0: a test. Bit 1: flapping. Bit 2: unknown. Bit 3: fired in an earlier boot.
    pub flags: u8,
}

/// Flag of an [`Alert`] and an [`OpenRecord`]: raised by `hansho test`.
pub const FLAG_TEST: u8 = 1;
/// Flag of an [`OpenRecord`]: flapping.
pub const FLAG_FLAPPING: u8 = 2;
/// Flag of an [`OpenRecord`]: no reading.
pub const FLAG_UNKNOWN: u8 = 4;
/// Flag of an [`OpenRecord`]: fired in an earlier boot.
pub const FLAG_EARLIER_BOOT: u8 = 8;
/// Flag of an [`Alert`]: the fallback quantity was judged.
pub const FLAG_FALLBACK: u8 = 8;

/// A transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert<'a> {
    /// Code.
    pub code: u16,
    /// Subject; empty for the host.
    pub subject: &'a str,
    /// See [`transition_to_u8`].
    pub transition: u8,
    /// See [`reason_to_u8`].
    pub reason: u8,
    /// `FLAG_*`.
    pub flags: u8,
    /// Episode of this identity, from 1.
    pub episode: u32,
    /// Uptime at which it fired.
    pub fired_ms: u64,
    /// Uptime since which it was raised (firing) or clear (resolved).
    pub since_ms: u64,
    /// Quantity judged.
    pub quantity: u8,
    /// Its value.
    pub value: Option<u64>,
    /// The total then.
    pub total: Option<u64>,
    /// The level that decided.
    pub level: Option<u64>,
    /// The worst value of the episode.
    pub worst: Option<u64>,
    /// When the resource will be used up, milliseconds from now, where a forecast was made.
    pub forecast_ms: Option<u64>,
    /// Events of the episode.
    pub count: u32,
}

/// The agent stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goodbye<'a> {
    /// See [`StopReason`].
    pub reason: u8,
    /// What is left of an announced absence ([`Leave`]) at this moment; 0 where none was announced.
    pub planned_ms: u64,
    /// Words of the one who announced it.
    pub text: &'a str,
}

/// Why the agent stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// A byte that this version does not know.
    Unknown,
    /// Stopped in order, by its service manager or by hand.
    Ordered,
    /// The host is shutting down or rebooting.
    HostStops,
    /// Stopped to be started again at once, with another configuration or version.
    Replaced,
}

impl StopReason {
    /// The byte on the wire.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Ordered => 1,
            Self::HostStops => 2,
            Self::Replaced => 3,
        }
    }

    /// From the byte on the wire.
    #[must_use]
    pub const fn from_u8(byte: u8) -> Self {
        match byte {
            1 => Self::Ordered,
            2 => Self::HostStops,
            3 => Self::Replaced,
            _ => Self::Unknown,
        }
    }

    /// Its word in JSON and for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ordered => "ordered",
            Self::HostStops => "host_stops",
            Self::Replaced => "replaced",
        }
    }
}

/// An absence is announced, or what was announced is over before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave<'a> {
    /// See [`LeaveWhat`].
    pub what: u8,
    /// Announced length of the absence, from the frame's uptime on; 0 where it is ended.
    pub planned_ms: u64,
    /// Words of whoever announced it.
    pub text: &'a str,
}

/// What a [`Leave`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveWhat {
    /// A byte that this version does not know.
    Unknown,
    /// An absence is announced; it takes the place of the one before.
    Announced,
    /// What was announced is over.
    Ended,
}

impl LeaveWhat {
    /// The byte on the wire.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Announced => 1,
            Self::Ended => 2,
        }
    }

    /// From the byte on the wire.
    #[must_use]
    pub const fn from_u8(byte: u8) -> Self {
        match byte {
            1 => Self::Announced,
            2 => Self::Ended,
            _ => Self::Unknown,
        }
    }
}

/// What the host tells about its boot and the last stop: once a run, behind Hello. What cannot be known is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// When the host booted, as its clock says (`btime` of proc_stat(5)), milliseconds since 1970.
    pub booted_wall_ms: Option<u64>,
    /// Uptime at which process 1 of the agent's process namespace started (proc_pid_stat(5)): in a container, its start.
    pub init_started_ms: Option<u64>,
    /// How the run before ended, see [`LastEnd`].
    pub last_end: u8,
    /// [`StopReason`] of its Goodbye; 0 where it said none.
    pub last_reason: u8,
    /// Uptime of the last thing that it recorded, in its own boot.
    pub last_uptime_ms: Option<u64>,
    /// Whether it ran in this boot: 0 unknown, 1 in this one, 2 in another.
    pub last_boot: u8,
    /// Dumps of the kernel's log (panic, oops) that the platform kept (pstore) of the end that this boot followed.
    pub kernel_dumps: Option<u32>,
    /// `WDIOF_*` of the hardware watchdog (linux/watchdog.h): 0x20 is a reset by it, 0x01 by overheating; 0 nothing.
    pub watchdog_bootstatus: Option<u32>,
}

/// How the run before ended, as far as the rings tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastEnd {
    /// The rings tell nothing: new, lost with a boot, or another agent's.
    Unknown,
    /// With a Goodbye.
    Goodbye,
    /// Without one: killed, or the power went.
    Cut,
}

impl LastEnd {
    /// The byte on the wire.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Goodbye => 1,
            Self::Cut => 2,
        }
    }

    /// From the byte on the wire.
    #[must_use]
    pub const fn from_u8(byte: u8) -> Self {
        match byte {
            1 => Self::Goodbye,
            2 => Self::Cut,
            _ => Self::Unknown,
        }
    }
}

/// [`Boot::last_boot`]: in this boot.
pub const LAST_BOOT_THIS: u8 = 1;
/// [`Boot::last_boot`]: in another boot.
pub const LAST_BOOT_OTHER: u8 = 2;

/// Readings as base and deltas (see [`super::packed`]); also History.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readings<'a> {
    /// Nominal interval.
    pub interval_ms: u32,
    /// A quantum is `1 << quantum_shift` KiB.
    pub quantum_shift: u8,
    /// Bit 0: container. Bit 1: available memory is estimated.
    pub flags: u8,
    /// Number of readings.
    pub count: u16,
    /// Nibbles.
    pub packed: &'a [u8],
}

/// What was found of the things that are watched: what moved since it was said last, and all of it every five minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found<'a> {
    /// [`FoundRecord`]s, each behind its length.
    pub found: &'a [u8],
}

/// One value of something that is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundRecord<'a> {
    /// Quantity.
    pub quantity: u8,
    /// Subject.
    pub subject: &'a str,
    /// Its value.
    pub value: u64,
    /// What 100 % is.
    pub total: Option<u64>,
    /// How old the value is at the frame's uptime, milliseconds.
    pub age_ms: u64,
}

/// A range of a stream that is lost. In a section it stands in place of `first..=last`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// First lost sequence.
    pub first: u64,
    /// Last lost sequence.
    pub last: u64,
    /// See [`LossReason`].
    pub reason: u8,
}

/// Why frames are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossReason {
    /// A byte that this version does not know.
    Unknown,
    /// Overwritten in the rings before they were acknowledged, or never synced before a power cut.
    Overwritten,
    /// The collector refused the frame by name.
    Refused,
}

impl LossReason {
    /// The byte on the wire.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Overwritten => 1,
            Self::Refused => 2,
        }
    }

    /// From the byte on the wire.
    #[must_use]
    pub const fn from_u8(byte: u8) -> Self {
        match byte {
            1 => Self::Overwritten,
            2 => Self::Refused,
            _ => Self::Unknown,
        }
    }
}

/// The byte of a transition.
#[must_use]
pub const fn transition_to_u8(kind: TransitionKind) -> u8 {
    match kind {
        TransitionKind::Firing => 1,
        TransitionKind::Resolved => 2,
        TransitionKind::Continued => 3,
    }
}

/// The transition of a byte; `None` where this version does not know it.
#[must_use]
pub const fn transition_from_u8(byte: u8) -> Option<TransitionKind> {
    match byte {
        1 => Some(TransitionKind::Firing),
        2 => Some(TransitionKind::Resolved),
        3 => Some(TransitionKind::Continued),
        _ => None,
    }
}

/// The byte of a reason; 0 is kept for unknown.
#[must_use]
pub const fn reason_to_u8(reason: Reason) -> u8 {
    match reason {
        Reason::Held => 1,
        Reason::Event => 2,
        Reason::Repeated => 3,
        Reason::Cleared => 4,
        Reason::Quiet => 5,
        Reason::Flapping => 6,
        Reason::Withdrawn => 7,
        Reason::Test => 8,
    }
}

/// The word of a reason's byte, as JSON and log lines show it.
#[must_use]
pub const fn reason_name(byte: u8) -> &'static str {
    match byte {
        1 => "held",
        2 => "event",
        3 => "repeated",
        4 => "cleared",
        5 => "quiet",
        6 => "flapping",
        7 => "withdrawn",
        8 => "test",
        _ => "unknown",
    }
}

/// A frame, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// Who speaks.
    Hello(Hello<'a>),
    /// Effective rules.
    Config(Config<'a>),
    /// Open alerts.
    State(State<'a>),
    /// A transition.
    Alert(Alert<'a>),
    /// The agent stops.
    Goodbye(Goodbye<'a>),
    /// An absence, announced or ended.
    Leave(Leave<'a>),
    /// Boot and last stop.
    Boot(Boot),
    /// Summary readings.
    Readings(Readings<'a>),
    /// What was found of the things that are watched.
    Found(Found<'a>),
    /// Who had and used what.
    Evidence(Evidence<'a>),
    /// Whom the kernel killed for memory.
    Victim(Victim<'a>),
    /// Per-second readings.
    History(Readings<'a>),
    /// A lost range.
    Loss(Loss),
    /// A kind that this version does not know: skipped and counted.
    Unknown(u8),
}

/// Why a frame cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// Shorter than kind and uptime.
    Header,
    /// The body is not of its kind's shape.
    Body(Kind),
    /// Bytes are left behind the body.
    Rest(Kind),
    /// Longer than a frame may be.
    TooLong,
}

impl core::fmt::Display for FrameFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Header => write!(f, "shorter than kind and uptime"),
            Self::Body(kind) => write!(f, "the body is not a {kind:?}"),
            Self::Rest(kind) => write!(f, "bytes are left behind the {kind:?}"),
            Self::TooLong => write!(f, "longer than {FRAME_BYTES} bytes"),
        }
    }
}

impl From<Cut> for FrameFault {
    fn from(_: Cut) -> Self {
        Self::Header
    }
}

/// Takes a frame apart.
///
/// # Errors
/// [`FrameFault`]; an unknown kind is no error.
pub fn decode(frame: &[u8]) -> Result<(Uptime, Body<'_>), FrameFault> {
    if frame.len() > FRAME_BYTES {
        return Err(FrameFault::TooLong);
    }
    let mut reader = Reader::new(frame);
    let number = reader.u8()?;
    let uptime = Uptime::from_millis(reader.varint()?);
    let rest = reader.rest();
    let Some(kind) = Kind::from_number(number) else {
        return Ok((uptime, Body::Unknown(number)));
    };
    let body = match kind {
        Kind::Hello => Body::Hello(whole(kind, rest)?),
        Kind::Config => Body::Config(whole(kind, rest)?),
        Kind::State => Body::State(whole(kind, rest)?),
        Kind::Alert => Body::Alert(whole(kind, rest)?),
        Kind::Goodbye => Body::Goodbye(whole(kind, rest)?),
        Kind::Leave => Body::Leave(whole(kind, rest)?),
        Kind::Boot => Body::Boot(whole(kind, rest)?),
        Kind::Readings => Body::Readings(whole(kind, rest)?),
        Kind::Found => Body::Found(whole(kind, rest)?),
        Kind::Evidence => Body::Evidence(whole(kind, rest)?),
        Kind::Victim => Body::Victim(whole(kind, rest)?),
        Kind::History => Body::History(whole(kind, rest)?),
        Kind::Loss => Body::Loss(whole(kind, rest)?),
    };
    let possible = match &body {
        Body::Config(config) => config.part < config.parts,
        Body::State(state) => state.part < state.parts,
        Body::Evidence(evidence) => evidence.part < evidence.parts,
        Body::Loss(loss) => loss.first <= loss.last,
        _ => true,
    };
    if possible {
        Ok((uptime, body))
    } else {
        Err(FrameFault::Body(kind))
    }
}

/// A postcard value that fills `bytes` to the last one (`from_bytes` would ignore a rest).
fn whole<'a, T: Deserialize<'a>>(kind: Kind, bytes: &'a [u8]) -> Result<T, FrameFault> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) => Err(FrameFault::Rest(kind)),
        Err(_) => Err(FrameFault::Body(kind)),
    }
}

/// Puts a frame together.
///
/// # Errors
/// [`Full`] where it does not fit `buffer`, or is longer than a frame may be.
pub fn encode<'b, T: Serialize>(
    kind: Kind,
    uptime: Uptime,
    body: &T,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], Full> {
    let most = buffer.len().min(FRAME_BYTES);
    let buffer = buffer.get_mut(..most).ok_or(Full)?;
    let header = {
        let mut writer = Writer::new(buffer);
        writer.u8(kind.number())?;
        writer.varint(uptime.as_millis())?;
        writer.len()
    };
    let length = {
        let rest = buffer.get_mut(header..).ok_or(Full)?;
        postcard::to_slice(body, rest).map_err(|_| Full)?.len()
    };
    buffer.get(..header.saturating_add(length)).ok_or(Full)
}

/// Appends an element behind its length.
///
/// # Errors
/// [`Full`], also where it is longer than [`ELEMENT_BYTES`]; nothing is written then.
pub fn push_element<T: Serialize>(writer: &mut Writer<'_>, element: &T) -> Result<(), Full> {
    let mut scratch = [0; ELEMENT_BYTES];
    let bytes = postcard::to_slice(element, &mut scratch).map_err(|_| Full)?;
    let before = writer.len();
    let outcome = writer
        .varint(bytes.len() as u64)
        .and_then(|()| writer.bytes(bytes));
    if outcome.is_err() {
        writer.truncate(before);
    }
    outcome
}

/// The elements of a list. An element may be longer than this version knows: the rest of it is skipped.
pub fn elements<'a, T: Deserialize<'a>>(list: &'a [u8]) -> impl Iterator<Item = Result<T, Cut>> {
    let mut reader = Reader::new(list);
    core::iter::from_fn(move || {
        if reader.is_empty() {
            return None;
        }
        let element = reader.prefixed(FRAME_BYTES).and_then(|bytes| {
            postcard::take_from_bytes(bytes)
                .map(|(value, _)| value)
                .map_err(|_| Cut)
        });
        if element.is_err() {
            // What follows cannot be trusted.
            reader = Reader::new(&[]);
        }
        Some(element)
    })
}
