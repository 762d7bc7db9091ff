//! Reading blocks, superblocks and checkpoints from either medium.

use super::Memory;
use super::block::{self, AreaKind, Block, BlockFault, Header, WORD_OFFSET, Word};
use super::layout::{CHECKPOINT_PARTS, CHECKPOINT_SLOTS, Layout, SUPERBLOCKS, offset};
use super::superblock::Superblock;
use crate::clock::Uptime;
use crate::frame::{AgentId, BootId, RunId, Stream};
use crate::limit::{BLOCK_BYTES, BLOCK_PAYLOAD_BYTES};

/// What blocks are read from.
pub trait Source {
    /// Size in bytes; 0 where it cannot be told.
    fn bytes(&self) -> u64;

    /// The word of a block; `None` where it cannot be read.
    fn word(&self, block: u32) -> Option<Word>;

    /// Copies a block out and checks its bytes; not that it belongs there.
    ///
    /// # Errors
    /// [`BlockFault`].
    fn block<'b>(
        &self,
        block: u32,
        buffer: &'b mut [u8; BLOCK_BYTES],
    ) -> Result<(Word, Block<'b>), BlockFault>;
}

/// Blocks in memory.
#[derive(Clone, Copy, Debug)]
pub struct InMemory<M>(pub M);

impl<M: Memory> Source for InMemory<M> {
    fn bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn word(&self, block: u32) -> Option<Word> {
        let at = usize::try_from(offset(block)).ok()?;
        self.0
            .load(at.checked_add(WORD_OFFSET)?)
            .map(Word::from_memory)
    }

    fn block<'b>(
        &self,
        block: u32,
        buffer: &'b mut [u8; BLOCK_BYTES],
    ) -> Result<(Word, Block<'b>), BlockFault> {
        let at = usize::try_from(offset(block)).map_err(|_| BlockFault::Unreadable)?;
        block::copy(&self.0, at, buffer)
    }
}

/// Blocks on a disk.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub struct OnDisk<D>(pub D);

#[cfg(feature = "std")]
impl<D: super::Disk> Source for OnDisk<D> {
    fn bytes(&self) -> u64 {
        self.0.length().unwrap_or(0)
    }

    fn word(&self, block: u32) -> Option<Word> {
        let mut bytes = [0; 8];
        let at = offset(block).saturating_add(WORD_OFFSET as u64);
        self.0.read_at(at, &mut bytes).ok()?;
        Some(Word(u64::from_le_bytes(bytes)))
    }

    fn block<'b>(
        &self,
        block: u32,
        buffer: &'b mut [u8; BLOCK_BYTES],
    ) -> Result<(Word, Block<'b>), BlockFault> {
        self.0
            .read_at(offset(block), buffer)
            .map_err(|_| BlockFault::Unreadable)?;
        let block = Block::check(buffer)?;
        let word = buffer
            .get(WORD_OFFSET..)
            .and_then(|bytes| bytes.first_chunk())
            .map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Ok((Word(word), block))
    }
}

/// What a ring is, by its newest superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingState {
    /// Header of the superblock: ring id, generation (`number`), newest run, boot, anchor.
    pub header: Header,
    /// Its payload.
    pub superblock: Superblock,
}

/// The newest superblock that is whole.
///
/// # Errors
/// Why there is none: [`BlockFault::Version`] before any other reason.
pub fn newest_superblock<S: Source + ?Sized>(
    source: &S,
    buffer: &mut [u8; BLOCK_BYTES],
) -> Result<RingState, BlockFault> {
    let mut newest: Result<RingState, BlockFault> = Err(BlockFault::Empty);
    for place in 0..SUPERBLOCKS {
        let found = source.block(place, buffer).and_then(|(_, block)| {
            if block.header.area != AreaKind::Superblock
                || Layout::superblock(block.header.number) != place
            {
                return Err(BlockFault::Place);
            }
            let superblock = Superblock::decode(&block)?;
            Ok(RingState {
                header: block.header,
                superblock,
            })
        });
        newest = match (newest, found) {
            (Ok(a), Ok(b)) if b.header.number > a.header.number => Ok(b),
            (Ok(a), _) => Ok(a),
            (Err(_), Ok(b)) => Ok(b),
            (Err(a @ BlockFault::Version(_)), Err(_)) => Err(a),
            (Err(BlockFault::Empty), Err(b)) => Err(b),
            (Err(_), Err(b @ BlockFault::Version(_))) => Err(b),
            (Err(a), Err(_)) => Err(a),
        };
    }
    newest
}

/// Up to where a checkpoint tells: transitions recorded from here on outrank it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckpointMark {
    /// Number of the run that made it, for order.
    pub run_number: u64,
    /// That run.
    pub run: RunId,
    /// Its boot.
    pub boot: BootId,
    /// It includes all alerts of earlier runs, and those of its own before this sequence.
    pub next_alert: u64,
    /// When it was made, uptime of its boot.
    pub uptime: Uptime,
    /// Rises with each checkpoint of a ring.
    pub generation: u64,
}

impl CheckpointMark {
    /// True if `self` was made after `other`. Runs before uptime: a boot starts uptime anew, a run number never.
    #[must_use]
    pub fn is_newer_than(&self, other: &Self) -> bool {
        (self.run_number, self.next_alert, self.uptime)
            > (other.run_number, other.next_alert, other.uptime)
    }
}

/// Copies the newest whole checkpoint of ring `ring` into `into`, and returns its length and mark. `None` where there is
/// none, or `into` is too short for it.
pub fn newest_checkpoint<S: Source + ?Sized>(
    source: &S,
    ring: u64,
    into: &mut [u8],
    buffer: &mut [u8; BLOCK_BYTES],
) -> Option<(usize, CheckpointMark)> {
    let first = checkpoint_head(source, ring, 0, buffer);
    let second = checkpoint_head(source, ring, 1, buffer);
    let order = match (first, second) {
        (Some(a), Some(b)) if b.number > a.number => [second, first],
        _ => [first, second],
    };
    order
        .into_iter()
        .flatten()
        .find_map(|head| checkpoint_parts(source, &head, into, buffer))
}

/// The header of the first part of the checkpoint in `slot`.
fn checkpoint_head<S: Source + ?Sized>(
    source: &S,
    ring: u64,
    slot: u32,
    buffer: &mut [u8; BLOCK_BYTES],
) -> Option<Header> {
    let place = Layout::checkpoint(u64::from(slot), 0);
    let (_, block) = source.block(place, buffer).ok()?;
    let header = block.header;
    let fits = header.area == AreaKind::Checkpoint
        && header.ring == ring
        && header.part == 0
        && u32::from(header.parts) <= CHECKPOINT_PARTS
        && u64::from(slot) == header.number & 1
        && slot < CHECKPOINT_SLOTS;
    fits.then_some(header)
}

fn checkpoint_parts<S: Source + ?Sized>(
    source: &S,
    head: &Header,
    into: &mut [u8],
    buffer: &mut [u8; BLOCK_BYTES],
) -> Option<(usize, CheckpointMark)> {
    let mut length = 0_usize;
    for part in 0..head.parts {
        let place = Layout::checkpoint(head.number, part);
        let (_, block) = source.block(place, buffer).ok()?;
        // All parts carry the same header but for the part: a part of another generation does not pass.
        if block.header != (Header { part, ..*head }) {
            return None;
        }
        let end = length.checked_add(block.payload.len())?;
        into.get_mut(length..end)?.copy_from_slice(block.payload);
        length = end;
    }
    let mark = CheckpointMark {
        run_number: head.run_number,
        run: head.run,
        boot: head.boot,
        next_alert: head.first_sequence,
        uptime: head.uptime,
        generation: head.number,
    };
    Some((length, mark))
}

/// The parts of a checkpoint: their number, at least one, and the payload of each.
pub(super) fn split_checkpoint(bytes: &[u8]) -> (u8, impl Iterator<Item = &[u8]>) {
    let none = bytes.is_empty().then_some(bytes);
    let parts = bytes.len().div_ceil(BLOCK_PAYLOAD_BYTES).max(1);
    (
        u8::try_from(parts).unwrap_or(u8::MAX),
        bytes.chunks(BLOCK_PAYLOAD_BYTES).chain(none),
    )
}

/// Blocks that a scan met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Whole and in their place.
    pub taken: u32,
    /// Never used, or interrupted while being recycled.
    pub empty: u32,
    /// Skipped: damaged, of another ring or agent, or in a wrong place.
    pub skipped: u32,
}

impl Scan {
    /// Counts another scan in.
    pub fn add(&mut self, other: Self) {
        self.taken = self.taken.saturating_add(other.taken);
        self.empty = self.empty.saturating_add(other.empty);
        self.skipped = self.skipped.saturating_add(other.skipped);
    }
}

/// Whether a block belongs where it stands.
#[must_use]
pub fn fits(
    header: &Header,
    layout: &Layout,
    stream: Stream,
    place: u32,
    ring: u64,
    agent: AgentId,
) -> bool {
    header.area == AreaKind::Stream(stream)
        && header.ring == ring
        && header.agent == agent
        && header.run_number != 0
        && layout.area(stream).place(header.number) == place
}

/// Visits every whole block of an area that belongs there, with its place and word.
pub fn scan_area<S: Source + ?Sized>(
    source: &S,
    layout: &Layout,
    stream: Stream,
    ring: u64,
    agent: AgentId,
    buffer: &mut [u8; BLOCK_BYTES],
    each: &mut dyn FnMut(u32, Word, &Block<'_>),
) -> Scan {
    let mut scan = Scan::default();
    let area = layout.area(stream);
    for place in area.first..area.first.saturating_add(area.blocks) {
        let count = match source.block(place, buffer) {
            Ok((word, block)) if fits(&block.header, layout, stream, place, ring, agent) => {
                each(place, word, &block);
                &mut scan.taken
            }
            Err(BlockFault::Empty) => &mut scan.empty,
            Ok(_) | Err(_) => &mut scan.skipped,
        };
        *count = count.saturating_add(1);
    }
    scan
}
