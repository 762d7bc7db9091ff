//! The disk ring: written by the scribe, recovered over whatever is found.
//!
//! Blocks are staged, then committed by one sync. Until a sync returned, the same numbers are used again, so that a
//! failed write may be written again; after [`DISK_FAILURES_PER_PLACE`] failures it goes elsewhere.

use super::Disk;
use super::block::{AreaKind, BlockFault, Header, seal};
use super::departed::{Departed, DepartedTable};
use super::layout::{Layout, Slots, offset};
use super::memory_ring::Identity;
use super::source::{
    CheckpointMark, OnDisk, RingState, Scan, Source, checkpoint_slots, fits, newest_checkpoint,
    newest_superblock, scan_area, split_checkpoint,
};
use super::superblock::{Cursors, Medium, Superblock};
use crate::clock::{Anchor, Uptime};
use crate::frame::{AgentId, BootId, RunId, Stream};
use crate::limit::{
    BLOCK_BYTES, CHECKPOINT_BYTES, DISK_FAILURES_PER_PLACE, DISK_PLACES, DISK_RUNS,
    DISK_UNREADABLE_LOOKS, SPOOL_NUMBER_MAX,
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

/// How far a run stands on the disk.
#[derive(Clone, Copy, Debug)]
struct KnownRun {
    run: RunId,
    run_number: u64,
    /// Sequence after the last frame, for each stream.
    next: [u64; 4],
}

/// The runs of which opening found frames, at most [`DISK_RUNS`].
#[derive(Debug, Default)]
struct KnownRuns(Vec<KnownRun>);

impl KnownRuns {
    fn add(&mut self, header: &Header, stream: Stream, next: u64) {
        let known = self
            .0
            .iter()
            .position(|known| known.run == header.run && known.run_number == header.run_number);
        let index = match known {
            Some(index) => Some(index),
            None if self.0.len() < DISK_RUNS => {
                self.0.push(KnownRun::of(header));
                self.0.len().checked_sub(1)
            }
            None => self.replace_oldest(header),
        };
        if let Some(slot) = index
            .and_then(|index| self.0.get_mut(index))
            .and_then(|known| known.next.get_mut(usize::from(stream.number())))
        {
            *slot = (*slot).max(next);
        }
    }

    /// Forgets the run with the lowest number, if the new one has a higher: what of it still stands in memory is
    /// copied once more then, which is harmless.
    fn replace_oldest(&mut self, header: &Header) -> Option<usize> {
        let (index, oldest) = self
            .0
            .iter_mut()
            .enumerate()
            .min_by_key(|(_, known)| known.run_number)?;
        if oldest.run_number >= header.run_number {
            return None;
        }
        *oldest = KnownRun::of(header);
        Some(index)
    }
}

impl KnownRun {
    fn of(header: &Header) -> Self {
        Self {
            run: header.run,
            run_number: header.run_number,
            next: [0; 4],
        }
    }
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
    known: KnownRuns,
    superblocks: Slots,
    checkpoints: Slots,
    /// Something was written and synced since the last failure.
    works: bool,
    cursors: Cursors,
    departed: DepartedTable,
    /// Who stands behind the newest superblock, and since when.
    announced: Option<(Origin, Uptime)>,
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
        departed: DepartedTable::default(),
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
            known: KnownRuns::default(),
            superblocks: state.map_or_else(Slots::default, |state| {
                Slots::after(state.header.number, state.header.number)
            }),
            checkpoints: Slots::default(),
            works: false,
            cursors: state.map_or_else(Cursors::default, |state| state.superblock.cursors),
            departed: state.map_or_else(DepartedTable::default, |state| state.superblock.departed),
            announced: None,
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
            .chain([ring.superblocks.used(), ring.checkpoints.used()])
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
        let known = &mut self.known;
        for (stream, numbers) in Stream::ALL.into_iter().zip(&mut self.numbers) {
            let mut run_number = 0;
            let scan = scan_area(
                &source,
                &self.layout,
                stream,
                self.ring,
                self.agent,
                &mut self.buffer,
                &mut |_, _, block| {
                    numbers.committed = numbers.committed.max(block.header.number);
                    run_number = run_number.max(block.header.run_number);
                    let count = block.frames().count() as u64;
                    let next = block.header.first_sequence.saturating_add(count);
                    known.add(&block.header, stream, next);
                },
            );
            recovered.scan.add(scan);
            recovered.run_number = recovered.run_number.max(run_number);
        }
        self.checkpoints = checkpoint_slots(&source, self.ring, &mut self.buffer);
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
        self.note_departure(stream, number, origin.run);
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

    /// Records in the superblock what goes with the block in whose place `number` will stand, where it is the last one of
    /// a run other than `writing` and was not acknowledged. A superblock that fails is made good by the next one.
    fn note_departure(&mut self, stream: Stream, number: u64, writing: RunId) {
        let area = self.layout.area(stream);
        if !Stream::SENT.contains(&stream) || number <= u64::from(area.blocks) {
            return;
        }
        let source = OnDisk(&self.disk);
        let place = area.place(number);
        let going = match source.block(place, &mut self.buffer) {
            Ok((_, block))
                if block.header.run != writing
                    && fits(
                        &block.header,
                        &self.layout,
                        stream,
                        place,
                        self.ring,
                        self.agent,
                    ) =>
            {
                Departed::with_block(&block, stream, &self.cursors)
            }
            Ok(_) | Err(_) => None,
        };
        let Some(going) = going else { return };
        let next = area.place(number.saturating_add(1));
        let stays = source
            .block(next, &mut self.buffer)
            .is_ok_and(|(_, block)| block.header.run == going.run);
        if !stays
            && self.departed.add(&going)
            && let Some((origin, uptime)) = self.announced
        {
            // Before the block is touched. The error is the superblock's own, and its slots have counted it.
            let _outcome = self.write_superblock(&origin, uptime, self.cursors);
        }
    }

    /// Takes over what left the memory ring; the next superblock tells it.
    pub fn adopt(&mut self, departed: &DepartedTable) {
        for one in departed.iter() {
            self.departed.add(one);
        }
    }

    /// Syncs; all that was staged counts from here on.
    ///
    /// # Errors
    /// What the system says: nothing is known of what was staged then.
    pub fn commit(&mut self) -> io::Result<()> {
        self.disk.sync()?;
        self.works = true;
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
        self.works = false;
        for numbers in &mut self.numbers {
            if numbers.tried {
                numbers.failures = numbers.failures.saturating_add(1);
            }
            numbers.staged = 0;
            numbers.tried = false;
        }
    }

    /// Writes a checkpoint into the older slot, only the blocks that it needs, and syncs. Into the newer where the older
    /// failed again and again while the rest of the ring can be written.
    ///
    /// # Errors
    /// What the system says, or `InvalidInput` above [`CHECKPOINT_BYTES`].
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
        let generation = self.checkpoints.begin();
        let written = self.put_checkpoint(generation, origin, next_alert, uptime, bytes);
        match written {
            Ok(()) => self.checkpoints.done(generation),
            Err(_) => self.checkpoints.failed(self.works),
        }
        self.works = written.is_ok();
        written
    }

    fn put_checkpoint(
        &mut self,
        generation: u64,
        origin: &Origin,
        next_alert: u64,
        uptime: Uptime,
        bytes: &[u8],
    ) -> io::Result<()> {
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
        self.disk.sync()
    }

    /// Writes the older superblock anew and syncs; the newer where the older failed again and again while the rest of the
    /// ring can be written.
    ///
    /// # Errors
    /// What the system says.
    pub fn write_superblock(
        &mut self,
        origin: &Origin,
        uptime: Uptime,
        cursors: Cursors,
    ) -> io::Result<()> {
        let generation = self.superblocks.begin();
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
            departed: self.departed,
        };
        let place = Layout::superblock(generation);
        let written = self
            .put(place, &header, &superblock.encode())
            .and_then(|()| self.disk.sync());
        match written {
            Ok(()) => {
                self.superblocks.done(generation);
                self.cursors = cursors;
                self.announced = Some((*origin, uptime));
            }
            Err(_) => self.superblocks.failed(self.works),
        }
        self.works = written.is_ok();
        written
    }

    /// Cursors of the newest superblock.
    #[must_use]
    pub fn cursors(&self) -> Cursors {
        self.cursors
    }

    /// How far a run's `stream` stands on the disk, as opening found it: the sequence after its last frame, 0 where there
    /// is none. By the id: a memory ring that was started without the disk ring gave numbers that stand here already.
    #[must_use]
    pub fn next_of(&self, run: RunId, stream: Stream) -> u64 {
        let runs = self.known.0.iter().filter(|known| known.run == run);
        runs.filter_map(|known| known.next.get(usize::from(stream.number())))
            .copied()
            .max()
            .unwrap_or(0)
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
    let mut patience = DISK_UNREADABLE_LOOKS;
    for place in 0..layout.blocks() {
        let block = match source.block(place, buffer) {
            Ok((_, block)) => block,
            Err(BlockFault::Unreadable) => {
                patience = patience.saturating_sub(1);
                if patience == 0 {
                    break;
                }
                continue;
            }
            Err(_) => continue,
        };
        let header = &block.header;
        let key = (header.run_number, header.number, header.ring, header.agent);
        if matches!(header.area, AreaKind::Stream(_)) && agent.is_none_or(|a| a == header.agent) {
            newest = newest.max(Some(key));
        }
    }
    newest.map(|(_, _, ring, agent)| (ring, agent))
}
