//! The disk ring: written by the scribe, recovered over whatever is found.
//!
//! Blocks are staged, then committed by one sync. Until a sync returned, the same numbers are used again, so that a
//! failed write may be written again; after [`DISK_FAILURES_PER_PLACE`] failures it goes elsewhere.

use super::Disk;
use super::block::{AreaKind, BlockFault, Header, seal};
use super::layout::{Layout, offset};
use super::memory_ring::Identity;
use super::source::{
    CheckpointMark, OnDisk, RingState, Scan, Source, newest_checkpoint, newest_superblock,
    scan_area, split_checkpoint,
};
use super::superblock::{Cursors, Medium, Superblock};
use crate::clock::{Anchor, Uptime};
use crate::frame::{AgentId, BootId, RunId, Stream};
use crate::limit::{
    BLOCK_BYTES, CHECKPOINT_BYTES, DISK_FAILURES_PER_PLACE, DISK_PLACES, SPOOL_NUMBER_MAX,
};
use std::io;

/// Why a file is not opened as this agent's disk ring. The caller moves it aside (nothing is deleted) and makes another.
#[derive(Debug)]
pub enum DiskFault {
    /// Its length has no layout: cut, or no ring.
    NoLayout(u64),
    /// It is whole, but of another size than configured.
    Size(u64),
    /// Another agent's.
    Agent(AgentId),
    /// Another version's.
    Version(u8),
    /// No superblock and no block of it can be read.
    Damaged,
    /// Its numbers are beyond [`SPOOL_NUMBER_MAX`].
    Worn,
    /// The system refused to tell its length.
    Io(io::Error),
}

impl core::fmt::Display for DiskFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NoLayout(bytes) => write!(f, "{bytes} bytes are no size of a disk ring"),
            Self::Size(bytes) => write!(f, "it has {bytes} bytes, not the configured size"),
            Self::Agent(agent) => write!(f, "it is the ring of agent {agent}"),
            Self::Version(version) => write!(f, "it is written in version {version}"),
            Self::Damaged => write!(f, "no block of it can be read"),
            Self::Worn => write!(f, "its numbers are beyond any honest ring's"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

/// What opening found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskRecovered {
    /// Highest run number: the floor for the memory ring.
    pub run_number: u64,
    /// Blocks of the streams.
    pub scan: Scan,
    /// Cursors of the newest superblock; none where both were damaged.
    pub cursors: Cursors,
    /// False where both superblocks were damaged and the ring id came from the blocks.
    pub superblock_whole: bool,
}

/// How far a stream stands on the disk: frames of later runs, and of this run from `next_sequence` on, do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DiskMark {
    /// Number of the newest run.
    pub run_number: u64,
    /// Sequence after its last frame.
    pub next_sequence: u64,
}

/// An area's numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Numbers {
    /// Newest number that a sync covered.
    committed: u64,
    /// Blocks staged since.
    staged: u64,
    /// True where a block was tried since the last commit or failure.
    tried: bool,
    /// Failures since the last commit.
    failures: u32,
}

impl Numbers {
    /// The number that the next block gets: failures move it on, a few places in turn.
    fn next(&self) -> u64 {
        let moved = self
            .failures
            .checked_div(DISK_FAILURES_PER_PLACE)
            .map_or(0, u64::from)
            .checked_rem(DISK_PLACES)
            .unwrap_or(0);
        self.committed
            .saturating_add(1)
            .saturating_add(moved)
            .saturating_add(self.staged)
    }
}

/// Who wrote the frames of a block or stands behind a superblock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The run.
    pub run: RunId,
    /// Its number.
    pub run_number: u64,
    /// Its boot.
    pub boot: BootId,
    /// Its newest anchor.
    pub anchor: Anchor,
}

/// The disk ring, open for writing.
#[derive(Debug)]
pub struct DiskRing<D> {
    disk: D,
    layout: Layout,
    agent: AgentId,
    ring: u64,
    numbers: [Numbers; 4],
    marks: [DiskMark; 4],
    newest_run: (u64, RunId),
    superblock_generation: u64,
    checkpoint_generation: u64,
    cursors: Cursors,
    buffer: Box<[u8; BLOCK_BYTES]>,
}

/// Writes a new ring of `size` bytes, every block of it, and syncs: a disk that fills up later changes nothing on file
/// systems that overwrite in place. The caller makes the name durable.
///
/// # Errors
/// What the system says, or `InvalidInput` for a size without layout: the file is then no ring.
pub fn create<D: Disk>(disk: &D, size: u64, identity: &Identity) -> io::Result<()> {
    let layout = Layout::for_size(size).ok_or(io::ErrorKind::InvalidInput)?;
    let mut buffer = Box::new([0; BLOCK_BYTES]);
    let mut header = Header {
        area: AreaKind::Superblock,
        part: 0,
        parts: 0,
        ring: identity.ring,
        number: 0,
        run: RunId(0),
        run_number: 0,
        boot: identity.boot,
        anchor: Anchor::default(),
        first_sequence: 0,
        uptime: Uptime::default(),
        agent: identity.agent,
    };
    disk.set_length(size)?;
    for block in 0..layout.blocks() {
        if let Some(stream) = Stream::ALL.into_iter().find(|stream| {
            let area = layout.area(*stream);
            block >= area.first && block < area.first.saturating_add(area.blocks)
        }) {
            header.area = AreaKind::Stream(stream);
        }
        seal(&header, &[], &mut buffer);
        disk.write_at(offset(block), buffer.as_slice())?;
    }
    disk.sync()?;
    // Only a ring whose blocks all stand gets a superblock: generation 1.
    let superblock = Superblock {
        medium: Medium::Disk,
        size,
        agent: identity.agent,
        run_counter: identity.run_number_floor,
        cursors: Cursors::default(),
    };
    header.area = AreaKind::Superblock;
    header.number = 1;
    seal(&header, &superblock.encode(), &mut buffer);
    disk.write_at(offset(Layout::superblock(1)), buffer.as_slice())?;
    disk.sync()
}

impl<D: Disk> DiskRing<D> {
    /// Opens a ring and finds out how far it goes. Damaged blocks are counted and skipped.
    ///
    /// # Errors
    /// [`DiskFault`]: the file is not this agent's ring of `size` bytes.
    pub fn open(disk: D, agent: AgentId, size: u64) -> Result<(Self, DiskRecovered), DiskFault> {
        let length = disk.length().map_err(DiskFault::Io)?;
        let layout = Layout::for_size(length).ok_or(DiskFault::NoLayout(length))?;
        let mut buffer = Box::new([0; BLOCK_BYTES]);
        let state = judge(&OnDisk(&disk), &layout, agent, &mut buffer)?;
        if length != size {
            return Err(DiskFault::Size(length));
        }
        let ring = match &state {
            Ok(state) => state.header.ring,
            Err(ring) => *ring,
        };
        let state = state.ok();
        let mut ring = Self {
            disk,
            layout,
            agent,
            ring,
            numbers: [Numbers::default(); 4],
            marks: [DiskMark::default(); 4],
            newest_run: (0, RunId(0)),
            superblock_generation: state.map_or(0, |state| state.header.number),
            checkpoint_generation: 0,
            cursors: state.map_or_else(Cursors::default, |state| state.superblock.cursors),
            buffer,
        };
        let mut recovered = DiskRecovered {
            run_number: state.map_or(0, |state| state.superblock.run_counter),
            scan: Scan::default(),
            cursors: ring.cursors,
            superblock_whole: state.is_some(),
        };
        ring.scan(&mut recovered);
        let highest = ring
            .numbers
            .iter()
            .map(|numbers| numbers.committed)
            .chain([ring.superblock_generation, ring.checkpoint_generation])
            .chain([recovered.run_number])
            .max()
            .unwrap_or(0);
        if highest >= SPOOL_NUMBER_MAX.saturating_sub(DISK_PLACES) {
            return Err(DiskFault::Worn);
        }
        Ok((ring, recovered))
    }

    fn scan(&mut self, recovered: &mut DiskRecovered) {
        let source = OnDisk(&self.disk);
        let newest_run = &mut self.newest_run;
        let slots = self.numbers.iter_mut().zip(&mut self.marks);
        for (stream, (numbers, mark)) in Stream::ALL.into_iter().zip(slots) {
            let scan = scan_area(
                &source,
                &self.layout,
                stream,
                self.ring,
                self.agent,
                &mut self.buffer,
                &mut |_, _, block| {
                    numbers.committed = numbers.committed.max(block.header.number);
                    let run = (block.header.run_number, block.header.run);
                    *newest_run = (*newest_run).max(run);
                    *mark = (*mark).max(DiskMark {
                        run_number: block.header.run_number,
                        next_sequence: block
                            .header
                            .first_sequence
                            .saturating_add(block.frames().count() as u64),
                    });
                },
            );
            recovered.scan.add(scan);
            recovered.run_number = recovered.run_number.max(mark.run_number);
        }
        for generation in 0..2 {
            for part in 0..2 {
                let place = Layout::checkpoint(generation, part);
                if let Ok((_, block)) = source.block(place, &mut self.buffer)
                    && block.header.ring == self.ring
                {
                    self.checkpoint_generation =
                        self.checkpoint_generation.max(block.header.number);
                }
            }
        }
    }

    fn header(&self, area: AreaKind, origin: &Origin) -> Header {
        Header {
            area,
            part: 0,
            parts: 0,
            ring: self.ring,
            number: 0,
            run: origin.run,
            run_number: origin.run_number,
            boot: origin.boot,
            anchor: origin.anchor,
            first_sequence: 0,
            uptime: Uptime::default(),
            agent: self.agent,
        }
    }

    fn put(&mut self, place: u32, header: &Header, payload: &[u8]) -> io::Result<()> {
        seal(header, payload, &mut self.buffer);
        self.disk.write_at(offset(place), self.buffer.as_slice())
    }

    /// Writes a block of frames; it counts once [`DiskRing::commit`] returned. `payload` is what stands in a block.
    ///
    /// # Errors
    /// What the system says; call [`DiskRing::give_up`] then, as after a failed commit.
    pub fn stage(
        &mut self,
        stream: Stream,
        origin: &Origin,
        first_sequence: u64,
        uptime: Uptime,
        payload: &[u8],
    ) -> io::Result<()> {
        let index = usize::from(stream.number());
        let number = self.numbers.get(index).map_or(1, Numbers::next);
        if let Some(numbers) = self.numbers.get_mut(index) {
            numbers.tried = true;
        }
        let header = Header {
            number,
            first_sequence,
            uptime,
            ..self.header(AreaKind::Stream(stream), origin)
        };
        self.put(self.layout.area(stream).place(number), &header, payload)?;
        if let Some(numbers) = self.numbers.get_mut(index) {
            numbers.staged = numbers.staged.saturating_add(1);
        }
        Ok(())
    }

    /// Syncs; all that was staged counts from here on.
    ///
    /// # Errors
    /// What the system says: nothing is known of what was staged then.
    pub fn commit(&mut self) -> io::Result<()> {
        self.disk.sync()?;
        for numbers in &mut self.numbers {
            if numbers.staged > 0 {
                numbers.committed = numbers.next().saturating_sub(1);
                numbers.staged = 0;
                numbers.failures = 0;
            }
            numbers.tried = false;
        }
        Ok(())
    }

    /// After a failed write or sync: forgets what was staged, so that it is written again, elsewhere if need be.
    pub fn give_up(&mut self) {
        for numbers in &mut self.numbers {
            if numbers.tried {
                numbers.failures = numbers.failures.saturating_add(1);
            }
            numbers.staged = 0;
            numbers.tried = false;
        }
    }

    /// Writes a checkpoint into the older slot, only the blocks that it needs; durable after the next sync.
    ///
    /// # Errors
    /// What the system says, or `InvalidInput` above [`CHECKPOINT_BYTES`]. The newer slot is untouched.
    pub fn write_checkpoint(
        &mut self,
        origin: &Origin,
        next_alert: u64,
        uptime: Uptime,
        bytes: &[u8],
    ) -> io::Result<()> {
        if bytes.len() > CHECKPOINT_BYTES {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let generation = self.checkpoint_generation.saturating_add(1);
        // A try that fails keeps the slot and uses its number up, so that parts of two tries never fit together.
        self.checkpoint_generation = self.checkpoint_generation.saturating_add(2);
        let (parts, payloads) = split_checkpoint(bytes);
        for (part, payload) in (0..parts).zip(payloads) {
            let header = Header {
                part,
                parts,
                number: generation,
                first_sequence: next_alert,
                uptime,
                ..self.header(AreaKind::Checkpoint, origin)
            };
            self.put(Layout::checkpoint(generation, part), &header, payload)?;
        }
        self.disk.sync()?;
        self.checkpoint_generation = generation;
        Ok(())
    }

    /// Writes the older superblock anew and syncs.
    ///
    /// # Errors
    /// What the system says. The newer superblock is untouched.
    pub fn write_superblock(
        &mut self,
        origin: &Origin,
        uptime: Uptime,
        cursors: Cursors,
    ) -> io::Result<()> {
        let generation = self.superblock_generation.saturating_add(1);
        self.superblock_generation = self.superblock_generation.saturating_add(2);
        let header = Header {
            number: generation,
            uptime,
            ..self.header(AreaKind::Superblock, origin)
        };
        let superblock = Superblock {
            medium: Medium::Disk,
            size: self.layout.bytes(),
            agent: self.agent,
            run_counter: origin.run_number,
            cursors,
        };
        self.put(
            Layout::superblock(generation),
            &header,
            &superblock.encode(),
        )?;
        self.disk.sync()?;
        self.superblock_generation = generation;
        self.cursors = cursors;
        Ok(())
    }

    /// Cursors of the newest superblock.
    #[must_use]
    pub fn cursors(&self) -> Cursors {
        self.cursors
    }

    /// How far `stream` stands on the disk, as opening found it.
    #[must_use]
    pub fn mark(&self, stream: Stream) -> DiskMark {
        self.marks
            .get(usize::from(stream.number()))
            .copied()
            .unwrap_or_default()
    }

    /// Number and id of the newest run of which opening found frames.
    #[must_use]
    pub fn newest_run(&self) -> (u64, RunId) {
        self.newest_run
    }

    /// Copies the newest whole checkpoint into `into`; see [`newest_checkpoint`].
    pub fn latest_checkpoint(&mut self, into: &mut [u8]) -> Option<(usize, CheckpointMark)> {
        newest_checkpoint(&OnDisk(&self.disk), self.ring, into, &mut self.buffer)
    }

    /// The disk.
    #[must_use]
    pub fn disk(&self) -> &D {
        &self.disk
    }
}

/// The ring's state, or, where both superblocks are damaged, the ring id of the newest block of this agent.
fn judge<S: Source>(
    source: &S,
    layout: &Layout,
    agent: AgentId,
    buffer: &mut [u8; BLOCK_BYTES],
) -> Result<Result<RingState, u64>, DiskFault> {
    match newest_superblock(source, buffer) {
        Ok(state) if state.superblock.agent != agent => {
            Err(DiskFault::Agent(state.superblock.agent))
        }
        Ok(state)
            if state.superblock.size != layout.bytes()
                || state.superblock.medium != Medium::Disk =>
        {
            Err(DiskFault::Size(state.superblock.size))
        }
        Ok(state) => Ok(Ok(state)),
        Err(BlockFault::Version(version)) => Err(DiskFault::Version(version)),
        Err(_) => ring_of_blocks(source, layout, Some(agent), buffer)
            .map(|(ring, _)| Err(ring))
            .ok_or(DiskFault::Damaged),
    }
}

/// Id and agent of the ring whose block is the newest by run, of `agent` where one is given.
pub(super) fn ring_of_blocks<S: Source>(
    source: &S,
    layout: &Layout,
    agent: Option<AgentId>,
    buffer: &mut [u8; BLOCK_BYTES],
) -> Option<(u64, AgentId)> {
    let mut newest: Option<(u64, u64, u64, AgentId)> = None;
    for place in 0..layout.blocks() {
        let Ok((_, block)) = source.block(place, buffer) else {
            continue;
        };
        let header = &block.header;
        let key = (header.run_number, header.number, header.ring, header.agent);
        if matches!(header.area, AreaKind::Stream(_)) && agent.is_none_or(|a| a == header.agent) {
            newest = newest.max(Some(key));
        }
    }
    newest.map(|(_, _, ring, agent)| (ring, agent))
}
