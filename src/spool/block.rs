//! A block: 96 bytes of header, then frames, each behind its length. docs/SPOOL.md draws every byte.
//!
//! ```text
//!  0 magic "HNSB"   4 version=1   5 area   6 anchor_quality   7 part (high half) and parts (low half)
//!  8 ring_id       16 number     24 run_id           32 run_number     40 boot_id
//! 48 anchor_uptime_ms            56 anchor_wall_ms   64 first_sequence 72 uptime_ms  80 agent_id
//! 88 length:u32    92 crc32c:u32 over bytes 0..88 and the payload up to length
//! 96 payload
//! ```
//!
//! Length and checksum are one aligned word: stored at once, last of all.

use super::Memory;
use super::crc32c::Crc32c;
use crate::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use crate::frame::cursor::{Cut, Reader, Writer};
use crate::frame::{AgentId, BootId, RunId, Stream};
use crate::limit::{
    BLOCK_BYTES, BLOCK_HEADER_BYTES, BLOCK_PAYLOAD_BYTES, FRAME_BYTES, SPOOL_NUMBER_MAX,
    SPOOL_READ_ATTEMPTS,
};

/// First bytes of a block.
pub const MAGIC: &[u8; 4] = b"HNSB";
/// Version of the format of blocks and layout.
pub const VERSION: u8 = 1;
/// Offset of the run.
pub const RUN_OFFSET: usize = 24;
/// Offset of the word of length and checksum.
pub const WORD_OFFSET: usize = 88;
const _: () = assert!(WORD_OFFSET + 8 == BLOCK_HEADER_BYTES && WORD_OFFSET & 7 == 0);

/// What a block belongs to; its byte is the stream's number, 16 for superblocks, 17 for checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AreaKind {
    /// Frames of a stream.
    Stream(Stream),
    /// A superblock.
    Superblock,
    /// Part of a checkpoint.
    Checkpoint,
}

impl AreaKind {
    const fn as_u8(self) -> u8 {
        match self {
            Self::Stream(stream) => stream.number(),
            Self::Superblock => 16,
            Self::Checkpoint => 17,
        }
    }

    fn from_u8(byte: u8) -> Option<Self> {
        match byte {
            16 => Some(Self::Superblock),
            17 => Some(Self::Checkpoint),
            _ => Stream::from_number(byte).map(Self::Stream),
        }
    }
}

/// The header of a block, without the word of length and checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it belongs to.
    pub area: AreaKind,
    /// Part of a checkpoint, from 0; 0 elsewhere.
    pub part: u8,
    /// Parts of a checkpoint, 1 to 4; 0 elsewhere.
    pub parts: u8,
    /// The ring: random, given when it was initialised.
    pub ring: u64,
    /// Number in its area, from 1, rising, never used twice; the generation of a superblock or checkpoint.
    /// 0 in a block that was never used.
    pub number: u64,
    /// The run that wrote it.
    pub run: RunId,
    /// Counts runs, for order; from 1.
    pub run_number: u64,
    /// The boot in which it was written.
    pub boot: BootId,
    /// Newest anchor known when it was begun.
    pub anchor: Anchor,
    /// Sequence of the first frame; in a checkpoint the alert sequence up to which (exclusive) it tells.
    pub first_sequence: u64,
    /// Uptime of the first frame, or at which a checkpoint or superblock was made.
    pub uptime: Uptime,
    /// The agent.
    pub agent: AgentId,
}

impl Header {
    /// The bytes before the word.
    #[must_use]
    pub fn encode(&self) -> [u8; WORD_OFFSET] {
        let mut bytes = [0; WORD_OFFSET];
        let mut writer = Writer::new(&mut bytes);
        let outcome = self.encode_into(&mut writer);
        debug_assert!(
            outcome.is_ok() && writer.room() == 0,
            "a header is 88 bytes"
        );
        bytes
    }

    fn encode_into(&self, writer: &mut Writer<'_>) -> Result<(), crate::frame::Full> {
        writer.bytes(MAGIC)?;
        writer.u8(VERSION)?;
        writer.u8(self.area.as_u8())?;
        writer.u8(self.anchor.quality.as_u8())?;
        writer.u8((self.part << 4) | (self.parts & 0x0F))?;
        for value in [
            self.ring,
            self.number,
            self.run.0,
            self.run_number,
            self.boot.0,
            self.anchor.uptime.as_millis(),
            self.anchor.wall.as_millis(),
            self.first_sequence,
            self.uptime.as_millis(),
            self.agent.0,
        ] {
            writer.u64(value)?;
        }
        Ok(())
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, BlockFault> {
        if reader.array::<4>()? != *MAGIC {
            return Err(BlockFault::Magic);
        }
        let version = reader.u8()?;
        if version != VERSION {
            return Err(BlockFault::Version(version));
        }
        let area = AreaKind::from_u8(reader.u8()?).ok_or(BlockFault::Field)?;
        let quality = AnchorQuality::from_u8(reader.u8()?);
        let parts = reader.u8()?;
        let header = Self {
            area,
            part: parts >> 4,
            parts: parts & 0x0F,
            ring: reader.u64()?,
            number: reader.u64()?,
            run: RunId(reader.u64()?),
            run_number: reader.u64()?,
            boot: BootId(reader.u64()?),
            anchor: Anchor {
                uptime: Uptime::from_millis(reader.u64()?),
                wall: WallTime::from_millis(reader.u64()?),
                quality,
            },
            first_sequence: reader.u64()?,
            uptime: Uptime::from_millis(reader.u64()?),
            agent: AgentId(reader.u64()?),
        };
        let numbers = [header.number, header.run_number, header.first_sequence];
        if numbers.iter().any(|number| *number > SPOOL_NUMBER_MAX) {
            return Err(BlockFault::Field);
        }
        Ok(header)
    }
}

/// Length of the payload and checksum of a block, as one word. 0 stands in a block that is unused or being recycled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word(pub u64);

impl Word {
    /// From a payload's length and the checksum over header and payload.
    #[must_use]
    pub fn new(length: usize, crc: Crc32c) -> Self {
        // A payload is at most 4000 bytes; a longer one could be written nowhere.
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        Self((u64::from(crc.value()) << 32) | u64::from(length))
    }

    /// Length of the payload, as claimed.
    #[must_use]
    pub fn length(self) -> usize {
        usize::try_from(self.0 & 0xFFFF_FFFF).unwrap_or(usize::MAX)
    }

    /// The checksum.
    #[must_use]
    pub fn checksum(self) -> u32 {
        u32::try_from(self.0 >> 32).unwrap_or(0)
    }

    /// The value that goes into memory, so that its bytes are little-endian everywhere.
    #[must_use]
    pub const fn to_memory(self) -> u64 {
        self.0.to_le()
    }

    /// From the value that stood in memory.
    #[must_use]
    pub const fn from_memory(value: u64) -> Self {
        Self(u64::from_le(value))
    }
}

/// Why bytes are no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockFault {
    /// Never used, or being recycled: no damage.
    Empty,
    /// It does not begin like a block.
    Magic,
    /// Another version than this code knows.
    Version(u8),
    /// A field is out of its range.
    Field,
    /// The length is more than a block holds, or the bytes are cut.
    Length,
    /// The checksum does not fit.
    Checksum,
    /// Whole, but not of this ring, or not in this place.
    Place,
    /// It could not be read.
    Unreadable,
}

impl From<Cut> for BlockFault {
    fn from(_: Cut) -> Self {
        Self::Length
    }
}

/// A block whose checksum fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// Its header.
    pub header: Header,
    /// Its payload.
    pub payload: &'a [u8],
}

impl<'a> Block<'a> {
    /// Checks the bytes of a block; what stands behind the payload does not matter.
    ///
    /// # Errors
    /// [`BlockFault`].
    pub fn check(bytes: &'a [u8]) -> Result<Self, BlockFault> {
        let (fields, rest) = bytes
            .split_at_checked(WORD_OFFSET)
            .ok_or(BlockFault::Length)?;
        let mut reader = Reader::new(rest);
        let word = Word(reader.u64()?);
        if word.0 == 0 {
            return Err(BlockFault::Empty);
        }
        let header = Header::decode(&mut Reader::new(fields))?;
        if word.length() > BLOCK_PAYLOAD_BYTES {
            return Err(BlockFault::Length);
        }
        let payload = reader.bytes(word.length())?;
        if Crc32c::new().with(fields).with(payload).value() != word.checksum() {
            return Err(BlockFault::Checksum);
        }
        if header.number == 0 {
            return Err(BlockFault::Empty);
        }
        Ok(Self { header, payload })
    }

    /// The frames with their sequences.
    #[must_use]
    pub fn frames(&self) -> Frames<'a> {
        Frames {
            reader: Reader::new(self.payload),
            sequence: self.header.first_sequence,
        }
    }
}

/// The frames of a block. A length that does not fit ends them: with a fitting checksum only a foreign writer makes one.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    reader: Reader<'a>,
    sequence: u64,
}

impl<'a> Iterator for Frames<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let frame = self.reader.prefixed(FRAME_BYTES).ok()?;
        if frame.is_empty() {
            return None;
        }
        let sequence = self.sequence;
        self.sequence = sequence.saturating_add(1);
        Some((sequence, frame))
    }
}

/// Puts a whole block into `buffer`: header, word, payload, zeroes. A payload that is too long is cut; callers
/// bound theirs.
pub fn seal(header: &Header, payload: &[u8], buffer: &mut [u8; BLOCK_BYTES]) {
    let payload = payload
        .get(..payload.len().min(BLOCK_PAYLOAD_BYTES))
        .unwrap_or(&[]);
    let fields = header.encode();
    let word = Word::new(payload.len(), Crc32c::new().with(&fields).with(payload));
    buffer.fill(0);
    let mut writer = Writer::new(buffer);
    let outcome = writer
        .bytes(&fields)
        .and_then(|()| writer.u64(word.0))
        .and_then(|()| writer.bytes(payload));
    debug_assert!(outcome.is_ok(), "a sealed block has room for its payload");
}

/// Copies the block at `offset` out of a ring that another process may be writing, and checks it.
///
/// # Errors
/// [`BlockFault`]; while a block is changed under the reader it is copied again, a bounded number of times.
pub fn copy<'b, M: Memory + ?Sized>(
    memory: &M,
    offset: usize,
    buffer: &'b mut [u8; BLOCK_BYTES],
) -> Result<(Word, Block<'b>), BlockFault> {
    let mut last = Err(BlockFault::Unreadable);
    for _ in 0..SPOOL_READ_ATTEMPTS {
        last = copy_once(memory, offset, buffer);
        match last {
            // An unused block stays so for longer than a few tries, and nothing is lost by coming back to it.
            Ok(_) | Err(BlockFault::Empty | BlockFault::Unreadable) => break,
            Err(_) => {}
        }
    }
    let word = last?;
    Block::check(buffer).map(|block| (word, block))
}

fn copy_once<M: Memory + ?Sized>(
    memory: &M,
    offset: usize,
    buffer: &mut [u8; BLOCK_BYTES],
) -> Result<Word, BlockFault> {
    let word_offset = offset
        .checked_add(WORD_OFFSET)
        .ok_or(BlockFault::Unreadable)?;
    let word = memory.load(word_offset).ok_or(BlockFault::Unreadable)?;
    let word = Word::from_memory(word);
    if word.0 == 0 {
        return Err(BlockFault::Empty);
    }
    let end = BLOCK_HEADER_BYTES.saturating_add(word.length());
    let into = buffer.get_mut(..end).ok_or(BlockFault::Length)?;
    if !memory.read(offset, into) {
        return Err(BlockFault::Unreadable);
    }
    // An append may have stored a newer word meanwhile; what the older one covers was not touched by it.
    if let Some(slot) = buffer.get_mut(WORD_OFFSET..BLOCK_HEADER_BYTES) {
        slot.copy_from_slice(&word.0.to_le_bytes());
    }
    Block::check(buffer).map(|_| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            area: AreaKind::Stream(Stream::Readings),
            part: 0,
            parts: 0,
            ring: 1,
            number: 2,
            run: RunId(3),
            run_number: 4,
            boot: BootId(5),
            anchor: Anchor::default(),
            first_sequence: 7,
            uptime: Uptime::from_millis(8),
            agent: AgentId(9),
        }
    }

    #[test]
    fn a_sealed_block_is_read_back() {
        let mut buffer = [0xAA; BLOCK_BYTES];
        seal(&header(), &[2, b'a', b'b', 1, b'c'], &mut buffer);
        let block = Block::check(&buffer).unwrap();
        assert_eq!(block.header, header());
        let frames: Vec<_> = block.frames().collect();
        assert_eq!(frames, [(7, &b"ab"[..]), (8, &b"c"[..])]);
    }

    #[test]
    fn every_changed_bit_is_seen() {
        let mut buffer = [0; BLOCK_BYTES];
        seal(&header(), &[2, b'a', b'b'], &mut buffer);
        for index in 0..BLOCK_HEADER_BYTES + 3 {
            for bit in 0..8 {
                buffer[index] ^= 1 << bit;
                assert!(Block::check(&buffer).is_err(), "byte {index} bit {bit}");
                buffer[index] ^= 1 << bit;
            }
        }
        assert!(Block::check(&buffer).is_ok());
    }

    #[test]
    fn numbers_beyond_reason_are_refused() {
        let mut buffer = [0; BLOCK_BYTES];
        let mut header = header();
        header.number = SPOOL_NUMBER_MAX + 1;
        seal(&header, &[], &mut buffer);
        assert_eq!(Block::check(&buffer), Err(BlockFault::Field));
    }
}
