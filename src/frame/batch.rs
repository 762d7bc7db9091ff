//! Batches: what an agent posts.
//!
//! ```text
//! batch   := "HN" version:u8=1 key_epoch:u8 agent_id:u64 run_id:u64 boot_id:u64 sent_uptime_ms:u64 sent_wall_ms:u64
//!            section* mac:[u8;16]
//! section := run_id:u64 stream:u8 boot_id:u64 anchor_uptime_ms:u64 anchor_wall_ms:u64 anchor_quality:u8
//!            first_sequence:varint count:varint { length:varint frame }*
//! ```

use super::body::{self, Body, FrameFault, Loss};
use super::cursor::{Cut, Full, Reader, Writer, varint_bytes};
use super::kind::{AgentId, BootId, Kind, RunId, Stream};
use super::seal::{AgentKey, BadMac, Label, mac, open};
use crate::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use crate::limit::{BATCH_BYTES, BATCH_FRAMES, BATCH_SECTIONS, FRAME_BYTES, MAC_BYTES};

/// First bytes of a batch.
pub const MAGIC: &[u8; 2] = b"HN";
/// The version that this code writes.
pub const VERSION: u8 = 1;
/// Bytes before the first section.
pub const HEADER_BYTES: usize = 44;
/// Bytes of a section's header without its two varints.
const SECTION_FIXED_BYTES: usize = 34;
/// Bytes kept free for the count of a section, which is known only at its end: a two-byte varint.
const COUNT_BYTES: usize = 2;
const _: () = assert!(BATCH_FRAMES < 1 << 14);

/// Who sends, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Which key of the agent seals it.
    pub key_epoch: u8,
    /// The agent.
    pub agent: AgentId,
    /// The run that sends.
    pub run: RunId,
    /// The boot in which it is sent.
    pub boot: BootId,
    /// When it is sent.
    pub sent_uptime: Uptime,
    /// When it is sent, as the host believes.
    pub sent_wall: WallTime,
}

/// The frames of one (run, stream), in sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectionHeader {
    /// Run that wrote them.
    pub run: RunId,
    /// Their stream.
    pub stream: Stream,
    /// Boot in which they were written.
    pub boot: BootId,
    /// Last known pair of uptime and wall time of that boot.
    pub anchor: Anchor,
    /// Sequence of the first frame; with count 0 the next that would come.
    pub first_sequence: u64,
}

/// Writes a batch into a fixed buffer.
#[derive(Debug)]
pub struct BatchWriter<'b> {
    writer: Writer<'b>,
    limit: usize,
    sections: usize,
    frames: usize,
    open: Option<OpenSection>,
}

#[derive(Debug)]
struct OpenSection {
    count_offset: usize,
    next_sequence: u64,
    count: u16,
}

impl<'b> BatchWriter<'b> {
    /// Starts a batch of at most `limit` bytes (mac included) in `buffer`.
    ///
    /// # Errors
    /// [`Full`] where the buffer does not even hold the header and a mac.
    pub fn new(buffer: &'b mut [u8], limit: usize, header: &BatchHeader) -> Result<Self, Full> {
        let limit = limit
            .min(buffer.len())
            .min(BATCH_BYTES)
            .checked_sub(MAC_BYTES)
            .ok_or(Full)?;
        if limit < HEADER_BYTES {
            return Err(Full);
        }
        let mut writer = Writer::new(buffer);
        writer.bytes(MAGIC)?;
        writer.u8(VERSION)?;
        writer.u8(header.key_epoch)?;
        writer.u64(header.agent.0)?;
        writer.u64(header.run.0)?;
        writer.u64(header.boot.0)?;
        writer.u64(header.sent_uptime.as_millis())?;
        writer.u64(header.sent_wall.as_millis())?;
        Ok(Self {
            writer,
            limit,
            sections: 0,
            frames: 0,
            open: None,
        })
    }

    /// Number of frames in it.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Number of sections in it.
    #[must_use]
    pub fn sections(&self) -> usize {
        self.sections
    }

    /// Begins a section.
    ///
    /// # Errors
    /// [`Full`]; the batch stays as it was, without an open section.
    pub fn section(&mut self, header: &SectionHeader) -> Result<(), Full> {
        self.close();
        let needed = SECTION_FIXED_BYTES
            .saturating_add(varint_bytes(header.first_sequence))
            .saturating_add(COUNT_BYTES);
        if self.sections >= BATCH_SECTIONS || self.room() < needed {
            return Err(Full);
        }
        self.writer.u64(header.run.0)?;
        self.writer.u8(header.stream.number())?;
        self.writer.u64(header.boot.0)?;
        self.writer.u64(header.anchor.uptime.as_millis())?;
        self.writer.u64(header.anchor.wall.as_millis())?;
        self.writer.u8(header.anchor.quality.as_u8())?;
        self.writer.varint(header.first_sequence)?;
        let count_offset = self.writer.len();
        self.writer.bytes(&count_bytes(0))?;
        self.sections = self.sections.saturating_add(1);
        self.open = Some(OpenSection {
            count_offset,
            next_sequence: header.first_sequence,
            count: 0,
        });
        Ok(())
    }

    /// The sequence that the next frame of the open section gets.
    #[must_use]
    pub fn next_sequence(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.next_sequence)
    }

    /// Appends the next frame of the open section.
    ///
    /// # Errors
    /// [`Full`]: no open section, no room, the frame is empty or longer than a frame may be, or it is a Loss, which
    /// covers more than one sequence (see [`Self::loss`]); nothing is written then.
    pub fn frame(&mut self, frame: &[u8]) -> Result<(), Full> {
        if frame
            .first()
            .is_none_or(|kind| *kind == Kind::Loss.number())
        {
            return Err(Full);
        }
        self.put(frame, 1)
    }

    /// Appends a Loss in place of `next_sequence..=loss.last`.
    ///
    /// # Errors
    /// [`Full`]; also where `loss.first` is not the next sequence.
    pub fn loss(&mut self, uptime: Uptime, loss: &Loss) -> Result<(), Full> {
        if self.next_sequence() != Some(loss.first) {
            return Err(Full);
        }
        let covered = loss
            .last
            .checked_sub(loss.first)
            .and_then(|span| span.checked_add(1))
            .ok_or(Full)?;
        let mut buffer = [0; 48];
        let frame = body::encode(Kind::Loss, uptime, loss, &mut buffer)?;
        self.put(frame, covered)
    }

    fn put(&mut self, frame: &[u8], covered: u64) -> Result<(), Full> {
        let room = self.room();
        let open = self.open.as_mut().ok_or(Full)?;
        let needed = frame.len().saturating_add(varint_bytes(frame.len() as u64));
        if frame.len() > FRAME_BYTES || needed > room || self.frames >= BATCH_FRAMES {
            return Err(Full);
        }
        let next = open.next_sequence.checked_add(covered).ok_or(Full)?;
        self.writer.varint(frame.len() as u64)?;
        self.writer.bytes(frame)?;
        open.count = open.count.saturating_add(1);
        open.next_sequence = next;
        self.writer
            .patch(open.count_offset, &count_bytes(open.count))?;
        self.frames = self.frames.saturating_add(1);
        Ok(())
    }

    fn room(&self) -> usize {
        self.limit.saturating_sub(self.writer.len())
    }

    fn close(&mut self) {
        self.open = None;
    }

    /// Seals it: the bytes to post.
    ///
    /// # Errors
    /// [`Full`]; cannot occur, room for the mac is kept.
    pub fn seal(mut self, key: &AgentKey) -> Result<&'b [u8], Full> {
        let mac = mac(key, Label::Batch, self.writer.written());
        self.writer.bytes(&mac)?;
        Ok(self.writer.into_written())
    }
}

/// A count as a two-byte varint.
fn count_bytes(count: u16) -> [u8; COUNT_BYTES] {
    [(count & 0x7F) as u8 | 0x80, ((count >> 7) & 0x7F) as u8]
}

/// Why a batch cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchFault {
    /// Does not begin with "HN", or is cut within the header.
    NotABatch,
    /// A version that this code does not know.
    Version(u8),
    /// Longer than a batch may be.
    TooLong,
    /// The mac does not fit.
    Mac,
    /// Cut or contradictory at this byte of the content.
    Shape(usize),
    /// More sections or frames than allowed.
    TooMany,
}

impl core::fmt::Display for BatchFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotABatch => write!(f, "not a batch"),
            Self::Version(version) => write!(f, "version {version}, known is {VERSION}"),
            Self::TooLong => write!(f, "longer than {BATCH_BYTES} bytes"),
            Self::Mac => write!(f, "the mac does not fit"),
            Self::Shape(offset) => write!(f, "cut or contradictory at byte {offset}"),
            Self::TooMany => write!(
                f,
                "more than {BATCH_SECTIONS} sections or {BATCH_FRAMES} frames"
            ),
        }
    }
}

/// The header of a batch, before its mac was checked: good for finding the key, for nothing else.
///
/// # Errors
/// [`BatchFault`].
pub fn peek(batch: &[u8]) -> Result<BatchHeader, BatchFault> {
    if batch.len() > BATCH_BYTES {
        return Err(BatchFault::TooLong);
    }
    let mut reader = Reader::new(batch);
    header(&mut reader)
}

fn header(reader: &mut Reader<'_>) -> Result<BatchHeader, BatchFault> {
    let cut = |_: Cut| BatchFault::NotABatch;
    if reader.array().map_err(cut)? != *MAGIC {
        return Err(BatchFault::NotABatch);
    }
    match reader.u8().map_err(cut)? {
        VERSION => {}
        version => return Err(BatchFault::Version(version)),
    }
    Ok(BatchHeader {
        key_epoch: reader.u8().map_err(cut)?,
        agent: AgentId(reader.u64().map_err(cut)?),
        run: RunId(reader.u64().map_err(cut)?),
        boot: BootId(reader.u64().map_err(cut)?),
        sent_uptime: Uptime::from_millis(reader.u64().map_err(cut)?),
        sent_wall: WallTime::from_millis(reader.u64().map_err(cut)?),
    })
}

/// A batch whose mac fits, and whose shape is checked to the last byte.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// Who sends.
    pub header: BatchHeader,
    /// The mac: names this attempt in the answer.
    pub mac: [u8; MAC_BYTES],
    sections: &'a [u8],
}

/// Opens a batch: mac first, then the shape of every section and frame prefix.
///
/// # Errors
/// [`BatchFault`]; nothing is decoded where the mac does not fit.
pub fn open_batch<'a>(batch: &'a [u8], key: &AgentKey) -> Result<Batch<'a>, BatchFault> {
    peek(batch)?;
    let content = open(key, Label::Batch, batch).map_err(|BadMac| BatchFault::Mac)?;
    shaped(batch, content)
}

/// Takes a batch apart without a key: for people who look at a recorded one (`hansho decode`). Whoever wrote it may
/// have written anything: nothing may be done on its word.
///
/// # Errors
/// [`BatchFault`].
pub fn inspect(batch: &[u8]) -> Result<Batch<'_>, BatchFault> {
    peek(batch)?;
    let end = batch
        .len()
        .checked_sub(MAC_BYTES)
        .ok_or(BatchFault::NotABatch)?;
    shaped(batch, batch.get(..end).ok_or(BatchFault::NotABatch)?)
}

/// Checks the shape of `content`, which is `batch` without its mac.
fn shaped<'a>(batch: &'a [u8], content: &'a [u8]) -> Result<Batch<'a>, BatchFault> {
    let mac = batch
        .last_chunk::<MAC_BYTES>()
        .copied()
        .ok_or(BatchFault::Mac)?;
    let mut reader = Reader::new(content);
    let header = header(&mut reader)?;
    let opened = Batch {
        header,
        mac,
        sections: reader.rest(),
    };
    let (mut sections, mut frames) = (0_usize, 0_usize);
    let mut sweep = Reader::new(opened.sections);
    while !sweep.is_empty() {
        let at = content.len().saturating_sub(sweep.rest().len());
        let section = next_section(&mut sweep).map_err(|Cut| BatchFault::Shape(at))?;
        sections = sections.saturating_add(1);
        frames = frames.saturating_add(section.count);
        if sections > BATCH_SECTIONS || frames > BATCH_FRAMES {
            return Err(BatchFault::TooMany);
        }
    }
    Ok(opened)
}

impl<'a> Batch<'a> {
    /// The sections, in order.
    pub fn sections(&self) -> impl Iterator<Item = Section<'a>> + use<'a> {
        let mut reader = Reader::new(self.sections);
        core::iter::from_fn(move || {
            if reader.is_empty() {
                return None;
            }
            // The shape was checked when the batch was opened.
            next_section(&mut reader).ok()
        })
    }
}

/// A section of an opened batch.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    /// Its header.
    pub header: SectionHeader,
    /// Number of frames.
    pub count: usize,
    frames: &'a [u8],
}

/// One frame of a section.
#[derive(Clone, Debug)]
pub struct Numbered<'a> {
    /// Its first sequence.
    pub sequence: u64,
    /// Its last sequence: the same, but for a Loss.
    pub last: u64,
    /// The bytes.
    pub frame: &'a [u8],
    /// What it says.
    pub body: Result<(Uptime, Body<'a>), FrameFault>,
}

impl<'a> Section<'a> {
    /// The frames with their sequences.
    pub fn frames(&self) -> impl Iterator<Item = Numbered<'a>> + use<'a> {
        let mut reader = Reader::new(self.frames);
        let mut sequence = self.header.first_sequence;
        core::iter::from_fn(move || {
            if reader.is_empty() {
                return None;
            }
            let frame = reader.prefixed(FRAME_BYTES).ok()?;
            let first = sequence;
            let last = covered(frame, first).ok()?;
            sequence = last.saturating_add(1);
            Some(Numbered {
                sequence: first,
                last,
                frame,
                body: body::decode(frame),
            })
        })
    }
}

/// Last sequence that a frame at `first` covers: its own, but for a Loss, which must begin there.
fn covered(frame: &[u8], first: u64) -> Result<u64, Cut> {
    if frame.first() != Some(&Kind::Loss.number()) {
        return Ok(first);
    }
    match body::decode(frame) {
        Ok((_, Body::Loss(loss))) if loss.first == first && loss.last >= first => Ok(loss.last),
        _ => Err(Cut),
    }
}

fn next_section<'a>(reader: &mut Reader<'a>) -> Result<Section<'a>, Cut> {
    let run = RunId(reader.u64()?);
    let stream = Stream::from_number(reader.u8()?).ok_or(Cut)?;
    let boot = BootId(reader.u64()?);
    let anchor = Anchor {
        uptime: Uptime::from_millis(reader.u64()?),
        wall: WallTime::from_millis(reader.u64()?),
        quality: AnchorQuality::from_u8(reader.u8()?),
    };
    let first_sequence = reader.varint()?;
    let count = usize::try_from(reader.varint()?).map_err(|_| Cut)?;
    if count > BATCH_FRAMES {
        return Err(Cut);
    }
    let start = reader.rest();
    let mut sequence = first_sequence;
    for _ in 0..count {
        let frame = reader.prefixed(FRAME_BYTES)?;
        sequence = covered(frame, sequence)?.checked_add(1).ok_or(Cut)?;
    }
    let used = start.len().saturating_sub(reader.rest().len());
    let frames = start.get(..used).ok_or(Cut)?;
    Ok(Section {
        header: SectionHeader {
            run,
            stream,
            boot,
            anchor,
            first_sequence,
        },
        count,
        frames,
    })
}
