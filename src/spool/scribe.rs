//! The scribe: copies what is new from the memory ring to the disk ring, in the watcher's second thread.
//!
//! Order of a turn: blocks, one sync, and only then the checkpoint, which is never ahead of the alerts on the disk; the
//! superblock last. It reads the memory ring as any reader does; nothing is allocated after construction.

use super::block::Word;
use super::disk_ring::{DiskMark, DiskRing, Origin};
use super::layout::{Area, Layout};
use super::memory_ring::anchor_moved;
use super::packing::Packing;
use super::source::{
    CheckpointMark, InMemory, RingState, Source, fits, newest_checkpoint, newest_superblock,
    scan_area,
};
use super::{Disk, Memory};
use crate::clock::Uptime;
use crate::frame::{AgentId, Stream};
use crate::limit::{
    BLOCK_BYTES, CHECKPOINT_BYTES, DISK_BLOCKS_PER_TURN, DISK_CHECKPOINT_MS, DISK_FLUSH_MS,
    DISK_RETRY_MAX_MS, DISK_RETRY_MS, DISK_SUPERBLOCK_MS,
};
use std::io;

/// Blocks looked at beyond one that is damaged.
const LOOK_PAST: u64 = 3;

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The memory ring has no whole superblock.
    Memory,
    /// A block of frames was not written.
    Block,
    /// Blocks were written but not synced.
    Sync,
    /// The checkpoint.
    Checkpoint,
    /// The superblock.
    Superblock,
}

/// A failure of a turn. Nothing is lost by it while the memory ring holds what was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What failed.
    pub step: Step,
    /// How.
    pub kind: io::ErrorKind,
    /// The system's error number, where there is one.
    pub errno: Option<i32>,
}

/// What a turn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Blocks of frames that are durable now.
    pub blocks: u32,
    /// Whether a checkpoint is durable that was not.
    pub checkpoint: bool,
    /// Whether a superblock is durable that was not.
    pub superblock: bool,
    /// Frames that the memory ring overwrote before they were copied, as far as sequences tell.
    pub overtaken: u64,
    /// Of them, those of the alert stream.
    pub overtaken_alerts: u64,
    /// Of them, readings and evidence.
    pub overtaken_readings: u64,
    /// What failed; the rest of the turn was left for the next try.
    pub fault: Option<Fault>,
    /// Milliseconds after which another turn has something to do, if no alert comes before; 0: there is more now.
    pub next_ms: u64,
}

/// How far a stream of the memory ring is copied.
#[derive(Clone, Copy, Debug, Default)]
struct Follow {
    /// Memory block that holds the first frame not yet on the disk.
    number: u64,
    /// All before this is on the disk.
    mark: DiskMark,
    /// Last memory block looked at, its word, and the word of the place after it: while both stand, nothing is new.
    tail: u64,
    seen: Option<(Word, Option<Word>)>,
    /// Since when frames wait.
    pending_since: Option<Uptime>,
}

/// What a turn has staged.
#[derive(Debug, Default)]
struct Staged {
    blocks: usize,
    overtaken: [u64; 4],
}

impl Staged {
    fn is_full(&self) -> bool {
        self.blocks >= DISK_BLOCKS_PER_TURN
    }
}

/// The scribe.
#[derive(Debug)]
pub struct Scribe<M, D> {
    memory: InMemory<M>,
    layout: Option<Layout>,
    disk: DiskRing<D>,
    ring: Option<(u64, AgentId)>,
    follow: [Follow; 4],
    packing: Packing,
    checkpoint: Box<[u8; CHECKPOINT_BYTES]>,
    checkpoint_generation: u64,
    checkpoint_at: Option<Uptime>,
    /// The memory ring's superblock that the disk's was last made from, and when.
    written: Option<RingState>,
    written_at: Uptime,
    failures: u32,
    retry_at: Option<Uptime>,
    buffer: Box<[u8; BLOCK_BYTES]>,
}

impl<M: Memory, D: Disk> Scribe<M, D> {
    /// Continues after what is on the disk: what the memory ring has beyond it, of any run, is copied.
    #[must_use]
    pub fn new(memory: M, disk: DiskRing<D>) -> Self {
        let memory = InMemory(memory);
        let mut follow = [Follow::default(); 4];
        for (stream, follow) in Stream::ALL.into_iter().zip(&mut follow) {
            follow.mark = disk.mark(stream);
        }
        Self {
            layout: Layout::for_size(memory.bytes()),
            memory,
            disk,
            ring: None,
            follow,
            packing: Packing::new(),
            checkpoint: Box::new([0; CHECKPOINT_BYTES]),
            checkpoint_generation: 0,
            checkpoint_at: None,
            written: None,
            written_at: Uptime::default(),
            failures: 0,
            retry_at: None,
            buffer: Box::new([0; BLOCK_BYTES]),
        }
    }

    /// The disk ring.
    #[must_use]
    pub fn disk(&self) -> &DiskRing<D> {
        &self.disk
    }

    /// Whether the last try failed; a turn before the next one tries nothing.
    #[must_use]
    pub const fn is_failing(&self) -> bool {
        self.retry_at.is_some()
    }

    /// Copies what is due. `urgent`: everything that waits, and without regard to an earlier failure: the watcher stops,
    /// or the power may go.
    pub fn turn(&mut self, now: Uptime, urgent: bool) -> Turn {
        let mut turn = Turn::default();
        if let Some(retry_at) = self.retry_at
            && !urgent
            && now < retry_at
        {
            turn.next_ms = retry_at.since(now);
            return turn;
        }
        match self.try_turn(now, urgent, &mut turn) {
            Ok(more) => {
                self.failures = 0;
                self.retry_at = None;
                turn.next_ms = if more { 0 } else { self.next_ms(now) };
            }
            Err(fault) => {
                let wait = DISK_RETRY_MS
                    .checked_shl(self.failures)
                    .map_or(DISK_RETRY_MAX_MS, |wait| wait.min(DISK_RETRY_MAX_MS));
                // Beyond 16 doublings the wait is the longest anyhow.
                self.failures = self.failures.saturating_add(1).min(16);
                self.retry_at = Some(now.plus(wait));
                turn.fault = Some(fault);
                turn.next_ms = wait;
            }
        }
        turn
    }

    fn try_turn(&mut self, now: Uptime, urgent: bool, turn: &mut Turn) -> Result<bool, Fault> {
        let unreadable = Fault {
            step: Step::Memory,
            kind: io::ErrorKind::InvalidData,
            errno: None,
        };
        let layout = self.layout.ok_or(unreadable)?;
        let state = newest_superblock(&self.memory, &mut self.buffer).map_err(|_| unreadable)?;
        let ring = (state.header.ring, state.superblock.agent);
        if self.ring != Some(ring) {
            self.attach(&layout, ring, &state);
        }
        // A new run is announced first, so that its number is not given again.
        if self.written.is_none_or(|last| {
            (last.header.run, last.header.run_number) != (state.header.run, state.header.run_number)
        }) {
            self.put_superblock(&state, now, turn)?;
        }
        // The checkpoint is taken before the alerts are copied: those that it includes were appended before it, so
        // that they stand on the disk when it does.
        let checkpoint = if urgent || self.checkpoint_due(now) || self.alerts_changed(&layout) {
            newest_checkpoint(
                &self.memory,
                ring.0,
                self.checkpoint.as_mut_slice(),
                &mut self.buffer,
            )
        } else {
            None
        };
        let more = self.copy_blocks(&layout, now, urgent, turn)?;
        if let Some((length, mark)) = checkpoint
            && !more
        {
            self.put_checkpoint(&state, length, &mark, now, turn)?;
        }
        let changed = self.written.is_some_and(|last| {
            last.superblock.cursors != state.superblock.cursors
                || anchor_moved(&last.header.anchor, &state.header.anchor)
        });
        if changed && (urgent || now.since(self.written_at) >= DISK_SUPERBLOCK_MS) {
            self.put_superblock(&state, now, turn)?;
        }
        Ok(more)
    }

    fn checkpoint_due(&self, now: Uptime) -> bool {
        self.checkpoint_at
            .is_none_or(|at| now.since(at) >= DISK_CHECKPOINT_MS)
    }

    fn alerts_changed(&self, layout: &Layout) -> bool {
        let [alerts, ..] = &self.follow;
        !self.unchanged(layout.area(Stream::Alerts), alerts)
    }

    fn put_checkpoint(
        &mut self,
        state: &RingState,
        length: usize,
        mark: &CheckpointMark,
        now: Uptime,
        turn: &mut Turn,
    ) -> Result<(), Fault> {
        if mark.generation != self.checkpoint_generation {
            let origin = Origin {
                run: mark.run,
                run_number: mark.run_number,
                boot: mark.boot,
                anchor: state.header.anchor,
            };
            let bytes = self.checkpoint.get(..length).unwrap_or(&[]);
            self.disk
                .write_checkpoint(&origin, mark.next_alert, mark.uptime, bytes)
                .map_err(|error| fault(Step::Checkpoint, &error))?;
            self.checkpoint_generation = mark.generation;
            turn.checkpoint = true;
        }
        self.checkpoint_at = Some(now);
        Ok(())
    }

    fn put_superblock(
        &mut self,
        state: &RingState,
        now: Uptime,
        turn: &mut Turn,
    ) -> Result<(), Fault> {
        let origin = Origin {
            run: state.header.run,
            run_number: state.header.run_number,
            boot: state.header.boot,
            anchor: state.header.anchor,
        };
        // A memory ring that was started anew knows no cursors yet; the disk's stand until it does.
        let cursors = state.superblock.cursors.or(self.disk.cursors());
        self.disk
            .write_superblock(&origin, now, cursors)
            .map_err(|error| fault(Step::Superblock, &error))?;
        self.written = Some(*state);
        self.written_at = now;
        turn.superblock = true;
        Ok(())
    }

    /// Milliseconds until something falls due.
    fn next_ms(&self, now: Uptime) -> u64 {
        let checkpoint = self
            .checkpoint_at
            .map_or(0, |at| DISK_CHECKPOINT_MS.saturating_sub(now.since(at)));
        self.follow
            .iter()
            .filter_map(|follow| follow.pending_since)
            .map(|since| DISK_FLUSH_MS.saturating_sub(now.since(since)))
            .fold(checkpoint, u64::min)
    }

    /// Begins at the oldest blocks of a memory ring.
    fn attach(&mut self, layout: &Layout, (ring, agent): (u64, AgentId), state: &RingState) {
        self.ring = Some((ring, agent));
        self.checkpoint_generation = 0;
        // A memory ring that was started without knowing of this disk ring counts runs that the disk ring would take
        // for copied ones: then all of it is copied. Twice is harmless.
        let (number, run) = self.disk.newest_run();
        let is_unrelated = state.header.run_number <= number && state.header.run != run;
        for (stream, follow) in Stream::ALL.into_iter().zip(&mut self.follow) {
            let mut oldest: Option<u64> = None;
            scan_area(
                &self.memory,
                layout,
                stream,
                ring,
                agent,
                &mut self.buffer,
                &mut |_, _, block| {
                    let number = block.header.number;
                    oldest = Some(oldest.map_or(number, |oldest| oldest.min(number)));
                },
            );
            follow.number = oldest.unwrap_or(1);
            if is_unrelated {
                follow.mark = DiskMark::default();
            }
            follow.tail = 0;
            follow.seen = None;
            follow.pending_since = None;
        }
    }

    /// Stages what is due of every stream and commits it. Returns whether more is due.
    fn copy_blocks(
        &mut self,
        layout: &Layout,
        now: Uptime,
        urgent: bool,
        turn: &mut Turn,
    ) -> Result<bool, Fault> {
        let before = self.follow;
        let mut staged = Staged::default();
        for stream in Stream::ALL {
            if let Err(error) = self.copy_stream(layout, stream, now, urgent, &mut staged) {
                self.follow = before;
                self.disk.give_up();
                return Err(fault(Step::Block, &error));
            }
        }
        if staged.blocks == 0 {
            return Ok(false);
        }
        if let Err(error) = self.disk.commit() {
            self.follow = before;
            self.disk.give_up();
            return Err(fault(Step::Sync, &error));
        }
        turn.blocks = u32::try_from(staged.blocks).unwrap_or(u32::MAX);
        let [alerts, readings, evidence, history] = staged.overtaken;
        turn.overtaken_alerts = alerts;
        turn.overtaken_readings = readings.saturating_add(evidence);
        turn.overtaken = [alerts, turn.overtaken_readings, history]
            .into_iter()
            .fold(0, u64::saturating_add);
        Ok(staged.is_full())
    }

    fn copy_stream(
        &mut self,
        layout: &Layout,
        stream: Stream,
        now: Uptime,
        urgent: bool,
        staged: &mut Staged,
    ) -> io::Result<()> {
        let index = usize::from(stream.number());
        let Some(mut follow) = self.follow.get(index).copied() else {
            return Ok(());
        };
        let area = layout.area(stream);
        let old = follow
            .pending_since
            .is_some_and(|since| now.since(since) >= DISK_FLUSH_MS);
        let due = urgent || old || stream == Stream::Alerts;
        let waits = due && follow.pending_since.is_some();
        if staged.is_full() || (self.unchanged(area, &follow) && !waits) {
            return Ok(());
        }
        let blocks = staged.blocks;
        let end = self.walk(layout, stream, &mut follow, staged)?;
        // What is left is less than a block: it waits, unless it must not, or the memory ring comes near to it.
        let crowded = end.saturating_sub(follow.number) >= u64::from(area.blocks >> 1).max(1);
        if (due || crowded) && self.packing.length > 0 && !staged.is_full() {
            flush(
                &mut self.disk,
                &mut self.packing,
                stream,
                &mut follow,
                staged,
            )?;
        }
        if self.packing.length == 0 {
            follow.number = end;
            follow.pending_since = None;
        } else if follow.pending_since.is_none() || staged.blocks != blocks {
            follow.pending_since = Some(now);
        }
        if staged.is_full() {
            follow.seen = None;
        }
        if let Some(slot) = self.follow.get_mut(index) {
            *slot = follow;
        }
        Ok(())
    }

    /// Whether the newest block that was looked at and the place after it are as they were.
    fn unchanged(&self, area: Area, follow: &Follow) -> bool {
        follow.seen.is_some_and(|(word, after)| {
            self.memory.word(area.place(follow.tail)) == Some(word)
                && self.memory.word(area.place(follow.tail.saturating_add(1))) == after
        })
    }

    /// Goes through the memory blocks from the first that is not yet on the disk, packs new frames, and stages every
    /// block that is full. Returns the number of the last whole memory block.
    fn walk(
        &mut self,
        layout: &Layout,
        stream: Stream,
        follow: &mut Follow,
        staged: &mut Staged,
    ) -> io::Result<u64> {
        let Self {
            memory,
            disk,
            packing,
            buffer,
            ring,
            ..
        } = self;
        packing.length = 0;
        let area = layout.area(stream);
        let mut number = follow.number.max(1);
        let mut last = number;
        let mut missing = 0;
        let Some((ring, agent)) = *ring else {
            return Ok(last);
        };
        while missing < LOOK_PAST && !staged.is_full() {
            // Before the block is looked at: what changes meanwhile is then seen the next time.
            let after = memory.word(area.place(number.saturating_add(1)));
            let place = area.place(number);
            let block = match memory.block(place, buffer) {
                Ok((word, block)) if fits(&block.header, layout, stream, place, ring, agent) => {
                    if block.header.number == number {
                        follow.tail = number;
                        follow.seen = Some((word, after));
                    }
                    Some(block)
                }
                Ok(_) | Err(_) => None,
            };
            let found = block.map_or(0, |block| block.header.number);
            if found > number {
                // Overwritten: on with the oldest that can still be there.
                number = found
                    .saturating_add(1)
                    .saturating_sub(u64::from(area.blocks))
                    .max(number.saturating_add(1));
                continue;
            }
            if let Some(block) = block.filter(|_| found == number) {
                missing = 0;
                last = number;
                for (sequence, frame) in block.frames() {
                    let at = DiskMark {
                        run_number: block.header.run_number,
                        next_sequence: sequence,
                    };
                    if at < follow.mark || packing.push(&block, sequence, frame) {
                        continue;
                    }
                    flush(disk, packing, stream, follow, staged)?;
                    follow.number = number;
                    if staged.is_full() {
                        break;
                    }
                    packing.push(&block, sequence, frame);
                }
            } else {
                missing = missing.saturating_add(1);
            }
            number = number.saturating_add(1);
        }
        Ok(last)
    }
}

/// Stages what is packed and moves the mark behind it.
fn flush<D: Disk>(
    disk: &mut DiskRing<D>,
    packing: &mut Packing,
    stream: Stream,
    follow: &mut Follow,
    staged: &mut Staged,
) -> io::Result<()> {
    disk.stage(
        stream,
        &packing.origin,
        packing.first_sequence,
        packing.uptime,
        packing.payload(),
    )?;
    let expected = if follow.mark.run_number == packing.origin.run_number {
        follow.mark.next_sequence
    } else {
        0
    };
    staged.blocks = staged.blocks.saturating_add(1);
    if let Some(overtaken) = staged.overtaken.get_mut(usize::from(stream.number())) {
        *overtaken = overtaken.saturating_add(packing.first_sequence.saturating_sub(expected));
    }
    follow.mark = DiskMark {
        run_number: packing.origin.run_number,
        next_sequence: packing.next_sequence,
    };
    packing.length = 0;
    Ok(())
}

fn fault(step: Step, error: &io::Error) -> Fault {
    Fault {
        step,
        kind: error.kind(),
        errno: error.raw_os_error(),
    }
}
