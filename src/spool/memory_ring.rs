//! The writer of the memory ring: the watcher's. Nothing here allocates, waits or panics.
//!
//! The word of length and checksum is stored last of all, so that the process may be killed between any two
//! instructions: what was appended before is whole, and what was being appended is not there.

use super::Memory;
use super::block::{AreaKind, BlockFault, Header, RUN_OFFSET, WORD_OFFSET, Word};
use super::crc32c::Crc32c;
use super::departed::{Departed, DepartedTable};
use super::layout::{Layout, Slots, offset};
use super::source::{
    CheckpointMark, InMemory, RingState, Scan, Source as _, checkpoint_slots, fits,
    newest_checkpoint, newest_superblock, scan_area, split_checkpoint,
};
use super::superblock::{Cursor, Cursors, Medium, Superblock};
use crate::clock::{Anchor, Uptime};
use crate::frame::cursor::{Writer, varint_bytes};
use crate::frame::{AgentId, BootId, RunId, Stream};
use crate::limit::{
    ANCHOR_STEP_MS, BLOCK_BYTES, BLOCK_HEADER_BYTES, BLOCK_PAYLOAD_BYTES, CHECKPOINT_BYTES,
    FRAME_BYTES, FRAME_LENGTH_BYTES, SPOOL_NUMBER_MAX,
};

/// Who writes a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The agent.
    pub agent: AgentId,
    /// This run: random.
    pub run: RunId,
    /// This boot.
    pub boot: BootId,
    /// Random; becomes the ring's id where the ring is started anew.
    pub ring: u64,
    /// Highest run number known from elsewhere (the disk ring); 0 where none is.
    pub run_number_floor: u64,
}

/// Whether a ring was continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// After the highest valid block numbers.
    Continued,
    /// Started anew, and why.
    Anew(AnewReason),
}

/// Why a ring is started anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnewReason {
    /// Nothing was there.
    Fresh,
    /// Something was there, but no superblock is whole.
    Damaged,
    /// Another version's ring.
    Version(u8),
    /// Another agent's ring.
    Agent(AgentId),
    /// Made for another size.
    Size(u64),
    /// Its numbers are beyond [`SPOOL_NUMBER_MAX`], or the superblock is not a memory ring's.
    Worn,
}

/// What opening found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Continued or started anew.
    pub kept: Kept,
    /// Number of this run.
    pub run_number: u64,
    /// Blocks of the streams.
    pub scan: Scan,
    /// Cursors of the superblock.
    pub cursors: Cursors,
}

/// Why a memory ring does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenFault {
    /// The memory has a size, in bytes, for which there is no layout.
    NoLayout(usize),
    /// The memory refused: it is shorter than it said.
    Memory,
}

/// Why a frame, checkpoint or cursor was not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendFault {
    /// A frame has a kind and an uptime.
    Empty,
    /// Longer than a frame or a checkpoint may be.
    TooLong,
    /// The memory refused: it is shorter than it said.
    Memory,
}

/// The block of a stream that is being written.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// Newest number used; 0 before the first.
    number: u64,
    /// Sequence of the next frame.
    next_sequence: u64,
    /// Offset of the block, where one is open.
    at: Option<usize>,
    /// Length of its payload.
    length: usize,
    /// Checksum so far.
    crc: Crc32c,
}

/// The memory ring, open for writing. One writer at a time: the watcher that lives.
#[derive(Debug)]
pub struct MemoryRing<M> {
    memory: M,
    layout: Layout,
    identity: Identity,
    ring: u64,
    run_number: u64,
    anchor: Anchor,
    open: [Open; 4],
    superblock_generation: u64,
    checkpoints: Slots,
    cursors: Cursors,
    departed: DepartedTable,
}

impl<M: Memory> MemoryRing<M> {
    /// Opens the ring for a new run: continues it where it is this agent's, else starts it anew and says why.
    ///
    /// # Errors
    /// [`OpenFault`]; nothing that stands in the memory keeps a ring from opening.
    pub fn open(
        memory: M,
        identity: Identity,
        now: Uptime,
        anchor: Anchor,
    ) -> Result<(Self, Recovered), OpenFault> {
        let bytes = memory.len();
        let layout = Layout::for_size(bytes as u64).ok_or(OpenFault::NoLayout(bytes))?;
        let mut ring = Self {
            memory,
            layout,
            identity,
            ring: identity.ring,
            run_number: identity.run_number_floor,
            anchor,
            open: [Open {
                number: 0,
                next_sequence: 0,
                at: None,
                length: 0,
                crc: Crc32c::new(),
            }; 4],
            superblock_generation: 0,
            checkpoints: Slots::default(),
            cursors: Cursors::default(),
            departed: DepartedTable::default(),
        };
        let mut scan = Scan::default();
        let kept = match ring.judge() {
            Ok(state) => match ring.resume(&state, &mut scan) {
                Ok(()) => Kept::Continued,
                Err(reason) => ring.start_anew(reason),
            },
            Err(reason) => ring.start_anew(reason),
        };
        ring.run_number = ring.run_number.saturating_add(1);
        ring.write_superblock(now).map_err(|_| OpenFault::Memory)?;
        let recovered = Recovered {
            kept,
            run_number: ring.run_number,
            scan,
            cursors: ring.cursors,
        };
        Ok((ring, recovered))
    }

    /// Whether what is there is this agent's ring.
    fn judge(&self) -> Result<RingState, AnewReason> {
        let mut buffer = [0; BLOCK_BYTES];
        let source = InMemory(&self.memory);
        let state = newest_superblock(&source, &mut buffer).map_err(|fault| match fault {
            BlockFault::Empty => AnewReason::Fresh,
            BlockFault::Version(version) => AnewReason::Version(version),
            _ => AnewReason::Damaged,
        })?;
        let superblock = &state.superblock;
        if superblock.agent != self.identity.agent {
            return Err(AnewReason::Agent(superblock.agent));
        }
        if superblock.size != self.layout.bytes() {
            return Err(AnewReason::Size(superblock.size));
        }
        if superblock.medium != Medium::Memory {
            return Err(AnewReason::Worn);
        }
        Ok(state)
    }

    /// Takes over the numbers of a ring that is continued.
    fn resume(&mut self, state: &RingState, scan: &mut Scan) -> Result<(), AnewReason> {
        let mut buffer = [0; BLOCK_BYTES];
        self.ring = state.header.ring;
        self.superblock_generation = state.header.number;
        self.cursors = state.superblock.cursors;
        self.departed = state.superblock.departed;
        self.run_number = self.run_number.max(state.superblock.run_counter);
        let source = InMemory(&self.memory);
        self.checkpoints = checkpoint_slots(&source, self.ring, &mut buffer);
        let mut highest = self.superblock_generation.max(self.checkpoints.used());
        for (stream, open) in Stream::ALL.into_iter().zip(&mut self.open) {
            let mut run_number = self.run_number;
            let found = scan_area(
                &source,
                &self.layout,
                stream,
                self.ring,
                self.identity.agent,
                &mut buffer,
                &mut |_, _, block| {
                    open.number = open.number.max(block.header.number);
                    run_number = run_number.max(block.header.run_number);
                },
            );
            scan.add(found);
            self.run_number = run_number;
            highest = highest.max(open.number);
        }
        if highest.max(self.run_number) >= SPOOL_NUMBER_MAX {
            return Err(AnewReason::Worn);
        }
        Ok(())
    }

    /// Wipes what is there. The superblocks are the first blocks and go first: killed in between, the next start wipes again.
    fn start_anew(&mut self, reason: AnewReason) -> Kept {
        self.ring = self.identity.ring;
        self.run_number = self.identity.run_number_floor;
        self.superblock_generation = 0;
        self.checkpoints = Slots::default();
        self.cursors = Cursors::default();
        self.departed = DepartedTable::default();
        for open in &mut self.open {
            open.number = 0;
        }
        for block in 0..self.layout.blocks() {
            if let Ok(at) = usize::try_from(offset(block)) {
                self.memory.store(at.saturating_add(WORD_OFFSET), 0);
                self.memory.write(at, &[0; WORD_OFFSET]);
            }
        }
        Kept::Anew(reason)
    }

    /// Appends a frame to a stream and returns the sequence that it got.
    ///
    /// # Errors
    /// [`AppendFault`]; then nothing was appended and no sequence was used.
    pub fn append(
        &mut self,
        stream: Stream,
        uptime: Uptime,
        frame: &[u8],
    ) -> Result<u64, AppendFault> {
        if frame.is_empty() {
            return Err(AppendFault::Empty);
        }
        if frame.len() > FRAME_BYTES {
            return Err(AppendFault::TooLong);
        }
        let mut prefix = [0; FRAME_LENGTH_BYTES];
        let mut writer = Writer::new(&mut prefix);
        writer
            .varint(frame.len() as u64)
            .map_err(|_| AppendFault::TooLong)?;
        let prefix = writer.into_written();
        let needed = varint_bytes(frame.len() as u64).saturating_add(frame.len());

        let mut open = self.open_of(stream);
        let at = match open.at {
            Some(at) if open.length.saturating_add(needed) <= BLOCK_PAYLOAD_BYTES => at,
            _ => {
                open = self.begin_block(stream, open, uptime)?;
                open.at.ok_or(AppendFault::Memory)?
            }
        };
        let payload = at
            .saturating_add(BLOCK_HEADER_BYTES)
            .saturating_add(open.length);
        let written = self.memory.write(payload, prefix)
            && self
                .memory
                .write(payload.saturating_add(prefix.len()), frame);
        if !written {
            return Err(AppendFault::Memory);
        }
        open.crc = open.crc.with(prefix).with(frame);
        open.length = open.length.saturating_add(needed);
        let word = Word::new(open.length, open.crc);
        if !self
            .memory
            .store(at.saturating_add(WORD_OFFSET), word.to_memory())
        {
            return Err(AppendFault::Memory);
        }
        let sequence = open.next_sequence;
        open.next_sequence = sequence.saturating_add(1);
        self.set_open(stream, open);
        Ok(sequence)
    }

    /// Recycles the next block of a stream: word to 0, then the header.
    fn begin_block(
        &mut self,
        stream: Stream,
        open: Open,
        uptime: Uptime,
    ) -> Result<Open, AppendFault> {
        let number = open.number.saturating_add(1);
        let place = self.layout.area(stream).place(number);
        let at = usize::try_from(offset(place)).map_err(|_| AppendFault::Memory)?;
        let header = Header {
            number,
            first_sequence: open.next_sequence,
            uptime,
            ..self.header(AreaKind::Stream(stream))
        };
        let fields = header.encode();
        self.note_departure(stream, number, uptime)?;
        if !self.memory.store(at.saturating_add(WORD_OFFSET), 0) || !self.memory.write(at, &fields)
        {
            return Err(AppendFault::Memory);
        }
        let begun = Open {
            number,
            at: Some(at),
            length: 0,
            crc: Crc32c::new().with(&fields),
            ..open
        };
        self.set_open(stream, begun);
        Ok(begun)
    }

    /// Records in the superblock what goes with the block in whose place `number` will stand, where it is the last one of
    /// an earlier run and was not acknowledged. Before the block is touched: killed in between, it is still there, and who
    /// reads sees that it is.
    fn note_departure(
        &mut self,
        stream: Stream,
        number: u64,
        uptime: Uptime,
    ) -> Result<(), AppendFault> {
        let area = self.layout.area(stream);
        if !Stream::SENT.contains(&stream) || number <= u64::from(area.blocks) {
            return Ok(());
        }
        let place = area.place(number);
        let run = self.run_in(place);
        if run == Some(self.identity.run)
            || run == self.run_in(area.place(number.saturating_add(1)))
        {
            return Ok(());
        }
        let mut buffer = [0; BLOCK_BYTES];
        let departed = match InMemory(&self.memory).block(place, &mut buffer) {
            Ok((_, block))
                if fits(
                    &block.header,
                    &self.layout,
                    stream,
                    place,
                    self.ring,
                    self.identity.agent,
                ) =>
            {
                Departed::with_block(&block, stream, &self.cursors)
            }
            Ok(_) | Err(_) => None,
        };
        match departed {
            Some(departed) if self.departed.add(&departed) => self.write_superblock(uptime),
            Some(_) | None => Ok(()),
        }
    }

    /// The run whose frames a block in use holds.
    fn run_in(&self, place: u32) -> Option<RunId> {
        let at = usize::try_from(offset(place)).ok()?;
        let word = self.memory.load(at.checked_add(WORD_OFFSET)?)?;
        let run = self.memory.load(at.checked_add(RUN_OFFSET)?)?;
        (word != 0).then_some(RunId(u64::from_le(run)))
    }

    /// The header that this run gives its blocks; number, sequence and uptime are the caller's.
    fn header(&self, area: AreaKind) -> Header {
        Header {
            area,
            part: 0,
            parts: 0,
            ring: self.ring,
            number: 0,
            run: self.identity.run,
            run_number: self.run_number,
            boot: self.identity.boot,
            anchor: self.anchor,
            first_sequence: 0,
            uptime: Uptime::default(),
            agent: self.identity.agent,
        }
    }

    fn open_of(&self, stream: Stream) -> Open {
        let [alerts, readings, evidence, history] = self.open;
        match stream {
            Stream::Alerts => alerts,
            Stream::Readings => readings,
            Stream::Evidence => evidence,
            Stream::History => history,
        }
    }

    fn set_open(&mut self, stream: Stream, open: Open) {
        if let Some(slot) = self.open.get_mut(usize::from(stream.number())) {
            *slot = open;
        }
    }

    /// Takes a new anchor. Where it differs from the last by quality or by [`ANCHOR_STEP_MS`], the superblock says so
    /// at once and open blocks are closed, so that the next ones carry it. Returns whether it does.
    ///
    /// # Errors
    /// [`AppendFault::Memory`].
    pub fn set_anchor(&mut self, now: Uptime, anchor: Anchor) -> Result<bool, AppendFault> {
        if !anchor_moved(&self.anchor, &anchor) {
            return Ok(false);
        }
        self.anchor = anchor;
        for open in &mut self.open {
            open.at = None;
        }
        self.write_superblock(now).map(|()| true)
    }

    /// Records what the collector has acknowledged.
    ///
    /// # Errors
    /// [`AppendFault::Memory`].
    pub fn set_cursor(
        &mut self,
        now: Uptime,
        stream: Stream,
        cursor: Cursor,
    ) -> Result<(), AppendFault> {
        if self.cursors.get(stream) == Some(cursor) || !self.cursors.set(stream, cursor) {
            return Ok(());
        }
        self.write_superblock(now)
    }

    /// Records a checkpoint, in place of the one before the last. It includes all alerts appended so far.
    ///
    /// # Errors
    /// [`AppendFault::TooLong`] above [`CHECKPOINT_BYTES`], [`AppendFault::Memory`]; the last one stays whole.
    pub fn checkpoint(&mut self, now: Uptime, bytes: &[u8]) -> Result<(), AppendFault> {
        if bytes.len() > CHECKPOINT_BYTES {
            return Err(AppendFault::TooLong);
        }
        let generation = self.checkpoints.begin();
        let (parts, payloads) = split_checkpoint(bytes);
        for (part, payload) in (0..parts).zip(payloads) {
            let header = Header {
                part,
                parts,
                number: generation,
                first_sequence: self.open_of(Stream::Alerts).next_sequence,
                uptime: now,
                ..self.header(AreaKind::Checkpoint)
            };
            self.write_block(Layout::checkpoint(generation, part), &header, payload)?;
        }
        self.checkpoints.done(generation);
        Ok(())
    }

    fn write_superblock(&mut self, now: Uptime) -> Result<(), AppendFault> {
        let generation = self.superblock_generation.saturating_add(1);
        let header = Header {
            number: generation,
            uptime: now,
            ..self.header(AreaKind::Superblock)
        };
        let superblock = Superblock {
            medium: Medium::Memory,
            size: self.layout.bytes(),
            agent: self.identity.agent,
            run_counter: self.run_number,
            cursors: self.cursors,
            departed: self.departed,
        };
        self.write_block(
            Layout::superblock(generation),
            &header,
            &superblock.encode(),
        )?;
        self.superblock_generation = generation;
        Ok(())
    }

    /// Replaces a block: word to 0, header, payload, word.
    fn write_block(&self, block: u32, header: &Header, payload: &[u8]) -> Result<(), AppendFault> {
        let at = usize::try_from(offset(block)).map_err(|_| AppendFault::Memory)?;
        let fields = header.encode();
        let word = Word::new(payload.len(), Crc32c::new().with(&fields).with(payload));
        let word_at = at.saturating_add(WORD_OFFSET);
        let written = self.memory.store(word_at, 0)
            && self.memory.write(at, &fields)
            && self
                .memory
                .write(at.saturating_add(BLOCK_HEADER_BYTES), payload)
            && self.memory.store(word_at, word.to_memory());
        written.then_some(()).ok_or(AppendFault::Memory)
    }

    /// Copies the newest whole checkpoint into `into`; see [`newest_checkpoint`].
    pub fn latest_checkpoint(&self, into: &mut [u8]) -> Option<(usize, CheckpointMark)> {
        let mut buffer = [0; BLOCK_BYTES];
        newest_checkpoint(&InMemory(&self.memory), self.ring, into, &mut buffer)
    }

    /// Number of this run.
    #[must_use]
    pub fn run_number(&self) -> u64 {
        self.run_number
    }

    /// Id of the ring.
    #[must_use]
    pub fn ring_id(&self) -> u64 {
        self.ring
    }

    /// Sequence that the next frame of `stream` gets.
    #[must_use]
    pub fn next_sequence(&self, stream: Stream) -> u64 {
        self.open_of(stream).next_sequence
    }

    /// What the collector has acknowledged.
    #[must_use]
    pub fn cursors(&self) -> Cursors {
        self.cursors
    }

    /// The memory.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }
}

/// Whether an anchor tells something new.
pub(super) fn anchor_moved(old: &Anchor, new: &Anchor) -> bool {
    let uptime = new.uptime.since(old.uptime);
    let expected = old.wall.as_millis().saturating_add(uptime);
    old.quality != new.quality || expected.abs_diff(new.wall.as_millis()) >= ANCHOR_STEP_MS
}
