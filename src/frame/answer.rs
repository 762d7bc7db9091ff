//! Answers: what the collector says to a batch. Only an authenticated one moves a cursor.
//!
//! ```text
//! answer := "HA" version:u8=1 echo:[u8;16] collector_wall_ms:u64 next_post_ms:u32
//!           sections:varint { run_id:u64 stream:u8 stored_next:varint }*
//!           refused:varint  { run_id:u64 stream:u8 sequence:varint reason:u8 }*
//!           mac:[u8;16]
//! ```
//!
//! `stored_next` is one more than the last sequence stored without a gap, 0 where nothing is stored.

use super::cursor::{Cut, Full, Reader, Writer};
use super::kind::{RunId, Stream};
use super::seal::{AgentKey, BadMac, Label, mac, open};
use crate::clock::WallTime;
use crate::limit::{ANSWER_BYTES, ANSWER_REFUSED, BATCH_SECTIONS, MAC_BYTES};

/// First bytes of an answer.
pub const MAGIC: &[u8; 2] = b"HA";
/// The version that this code writes.
pub const VERSION: u8 = 1;

/// What is stored of one (run, stream).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The run.
    pub run: RunId,
    /// The stream.
    pub stream: Stream,
    /// The next sequence that the collector wants: everything before it is stored or recorded as lost.
    pub next: u64,
}

/// A frame that the collector will never take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The run.
    pub run: RunId,
    /// The stream.
    pub stream: Stream,
    /// The frame.
    pub sequence: u64,
    /// Why.
    pub reason: RefusedReason,
}

/// Why a frame is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedReason {
    /// A byte that this version does not know.
    Unknown,
    /// The body is not of its kind's shape.
    Malformed,
    /// The kind may not come in this stream.
    WrongStream,
}

impl RefusedReason {
    const fn as_u8(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Malformed => 1,
            Self::WrongStream => 2,
        }
    }

    const fn from_u8(byte: u8) -> Self {
        match byte {
            1 => Self::Malformed,
            2 => Self::WrongStream,
            _ => Self::Unknown,
        }
    }
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The mac of the batch that is answered.
    pub echo: [u8; MAC_BYTES],
    /// The collector's clock.
    pub collector_wall: WallTime,
    /// When the next post is wanted, from now; 0 where the collector has no wish.
    pub next_post_ms: u32,
    /// For each section of the batch.
    pub stored: heapless::Vec<Stored, BATCH_SECTIONS>,
    /// Refused frames.
    pub refused: heapless::Vec<Refused, ANSWER_REFUSED>,
}

/// Why an answer counts as none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerFault {
    /// Longer than an answer may be.
    TooLong,
    /// The mac does not fit: not our collector (a captive portal, say).
    Mac,
    /// Authentic, but of a version that this code does not know.
    Version(u8),
    /// Authentic, but cut or contradictory.
    Shape,
    /// Authentic, but for another batch.
    Echo,
}

impl core::fmt::Display for AnswerFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooLong => write!(f, "longer than {ANSWER_BYTES} bytes"),
            Self::Mac => write!(
                f,
                "not authenticated (not this agent's collector, or another key)"
            ),
            Self::Version(version) => write!(f, "version {version}, known is {VERSION}"),
            Self::Shape => write!(f, "cut or contradictory"),
            Self::Echo => write!(f, "for another batch"),
        }
    }
}

impl From<Cut> for AnswerFault {
    fn from(_: Cut) -> Self {
        Self::Shape
    }
}

impl Answer {
    /// Writes and seals it.
    ///
    /// # Errors
    /// [`Full`] where it does not fit `buffer`; [`ANSWER_BYTES`] always suffice.
    pub fn seal<'b>(&self, key: &AgentKey, buffer: &'b mut [u8]) -> Result<&'b [u8], Full> {
        let mut writer = Writer::new(buffer);
        writer.bytes(MAGIC)?;
        writer.u8(VERSION)?;
        writer.bytes(&self.echo)?;
        writer.u64(self.collector_wall.as_millis())?;
        writer.u32(self.next_post_ms)?;
        writer.varint(self.stored.len() as u64)?;
        for stored in &self.stored {
            writer.u64(stored.run.0)?;
            writer.u8(stored.stream.number())?;
            writer.varint(stored.next)?;
        }
        writer.varint(self.refused.len() as u64)?;
        for refused in &self.refused {
            writer.u64(refused.run.0)?;
            writer.u8(refused.stream.number())?;
            writer.varint(refused.sequence)?;
            writer.u8(refused.reason.as_u8())?;
        }
        let mac = mac(key, Label::Answer, writer.written());
        writer.bytes(&mac)?;
        Ok(writer.into_written())
    }

    /// Opens the answer to the batch with the mac `echo`.
    ///
    /// # Errors
    /// [`AnswerFault`].
    pub fn open(
        sealed: &[u8],
        key: &AgentKey,
        echo: &[u8; MAC_BYTES],
    ) -> Result<Self, AnswerFault> {
        if sealed.len() > ANSWER_BYTES {
            return Err(AnswerFault::TooLong);
        }
        let content = open(key, Label::Answer, sealed).map_err(|BadMac| AnswerFault::Mac)?;
        let mut reader = Reader::new(content);
        if reader.array()? != *MAGIC {
            return Err(AnswerFault::Shape);
        }
        match reader.u8()? {
            VERSION => {}
            version => return Err(AnswerFault::Version(version)),
        }
        let mut answer = Self {
            echo: reader.array()?,
            ..Self::default()
        };
        if answer.echo != *echo {
            return Err(AnswerFault::Echo);
        }
        answer.collector_wall = WallTime::from_millis(reader.u64()?);
        answer.next_post_ms = reader.u32()?;
        for _ in 0..reader.varint()? {
            let run = RunId(reader.u64()?);
            let stream = Stream::from_number(reader.u8()?).ok_or(Cut)?;
            let stored = Stored {
                run,
                stream,
                next: reader.varint()?,
            };
            answer.stored.push(stored).map_err(|_| AnswerFault::Shape)?;
        }
        for _ in 0..reader.varint()? {
            let run = RunId(reader.u64()?);
            let stream = Stream::from_number(reader.u8()?).ok_or(Cut)?;
            let sequence = reader.varint()?;
            let reason = RefusedReason::from_u8(reader.u8()?);
            let refused = Refused {
                run,
                stream,
                sequence,
                reason,
            };
            answer
                .refused
                .push(refused)
                .map_err(|_| AnswerFault::Shape)?;
        }
        if reader.is_empty() {
            Ok(answer)
        } else {
            Err(AnswerFault::Shape)
        }
    }
}
