//! The scribe: copies what is new from the memory ring to the disk ring, in the watcher's second thread.
//!
//! Order of a turn: blocks, one sync, and only then the checkpoint, which is never ahead of the alerts on the disk; the
//! superblock last. It reads the memory ring as any reader does; nothing is allocated after construction.

use super::block::Word;
use super::disk_ring::{DiskRing, Origin};
use super::layout::{Area, Layout};
use super::memory_ring::anchor_moved;
use super::packing::Packing;
use super::source::{
    CheckpointMark, InMemory, RingState, Source, fits, newest_checkpoint, newest_superblock,
    scan_area,
};
use super::{Disk, Memory};
use crate::clock::Uptime;
use crate::frame::{AgentId, RunId, Stream};
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
    /// The run that was copied last, and the sequence before which all of it is on the disk.
    copied: Option<(RunId, u64)>,
    /// Last memory block looked at, its word, and the word of the place after it: while both stand, nothing is new.
    tail: u64,
    seen: Option<(Word, Option<Word>)>,
    /// Since when frames wait.
    pending_since: Option<Uptime>,
}

impl Follow {
    /// All of `run` before this sequence is on the disk. Decided run by run, by its id: which of the runs in memory the
    /// disk knows, their numbers do not tell.
    fn before<D: Disk>(&self, disk: &DiskRing<D>, run: RunId, stream: Stream) -> u64 {
        match self.copied {
            Some((copied, next)) if copied == run => next,
            _ => disk.next_of(run, stream),
        }
    }
}

/// When a step that failed is tried again: each has its own, for a bad sector under one is no reason to leave the others.
#[derive(Clone, Copy, Debug, Default)]
struct Patience {
    failures: u32,
    retry_at: Option<Uptime>,
}

impl Patience {
    fn may_try(&self, now: Uptime, urgent: bool) -> bool {
        urgent || self.retry_at.is_none_or(|at| now >= at)
    }

    fn failed(&mut self, now: Uptime) {
        let wait = DISK_RETRY_MS
            .checked_shl(self.failures)
            .map_or(DISK_RETRY_MAX_MS, |wait| wait.min(DISK_RETRY_MAX_MS));
        // Beyond 16 doublings the wait is the longest anyhow.
        self.failures = self.failures.saturating_add(1).min(16);
        self.retry_at = Some(now.plus(wait));
    }

    fn worked(&mut self) {
        *self = Self::default();
    }

    /// Milliseconds until the next try, where one is owed.
    fn wait_ms(&self, now: Uptime) -> Option<u64> {
        self.retry_at.map(|at| at.since(now))
    }
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
    superblock_patience: Patience,
    blocks_patience: Patience,
    checkpoint_patience: Patience,
    buffer: Box<[u8; BLOCK_BYTES]>,
}

impl<M: Memory, D: Disk> Scribe<M, D> {
    /// Continues after what is on the disk: what the memory ring has beyond it, of any run, is copied.
    #[must_use]
    pub fn new(memory: M, disk: DiskRing<D>) -> Self {
        let memory = InMemory(memory);
        Self {
            layout: Layout::for_size(memory.bytes()),
            memory,
            disk,
            ring: None,
            follow: [Follow::default(); 4],
            packing: Packing::new(),
            checkpoint: Box::new([0; CHECKPOINT_BYTES]),
            checkpoint_generation: 0,
            checkpoint_at: None,
            written: None,
            written_at: Uptime::default(),
            superblock_patience: Patience::default(),
            blocks_patience: Patience::default(),
            checkpoint_patience: Patience::default(),
            buffer: Box::new([0; BLOCK_BYTES]),
        }
    }

    /// The disk ring.
    #[must_use]
    pub fn disk(&self) -> &DiskRing<D> {
        &self.disk
    }

    /// Gives the disk ring back.
    #[must_use]
    pub fn into_disk(self) -> DiskRing<D> {
        self.disk
    }

    /// Whether a step of the last try failed and is owed.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        let steps = [
            &self.superblock_patience,
            &self.blocks_patience,
            &self.checkpoint_patience,
        ];
        steps.iter().any(|step| step.retry_at.is_some())
    }

    /// Copies what is due. `urgent`: everything that waits, and without regard to an earlier failure: the watcher stops,
    /// or the power may go.
    pub fn turn(&mut self, now: Uptime, urgent: bool) -> Turn {
        let mut turn = Turn::default();
        let found = self.layout.and_then(|layout| {
            let state = newest_superblock(&self.memory, &mut self.buffer).ok()?;
            Some((layout, state))
        });
        let Some((layout, state)) = found else {
            turn.fault = Some(Fault {
                step: Step::Memory,
                kind: io::ErrorKind::InvalidData,
                errno: None,
            });
            turn.next_ms = DISK_RETRY_MS;
            return turn;
        };
        let more = self.try_turn(&layout, &state, now, urgent, &mut turn);
        turn.next_ms = if more { 0 } else { self.next_ms(now) };
        turn
    }

    /// The steps of a turn in their order. One that fails keeps back only what must not come before it. Returns whether
    /// there is more to copy now.
    fn try_turn(
        &mut self,
        layout: &Layout,
        state: &RingState,
        now: Uptime,
        urgent: bool,
        turn: &mut Turn,
    ) -> bool {
        let ring = (state.header.ring, state.superblock.agent);
        if self.ring != Some(ring) {
            self.attach(layout, ring);
        }
        // A new run is announced first, so that its number is not given again; where that fails, the headers of its
        // blocks tell it.
        let is_new = self.written.is_none_or(|last| {
            (last.header.run, last.header.run_number) != (state.header.run, state.header.run_number)
        });
        if is_new {
            self.put_superblock(state, now, urgent, turn);
        }
        // The checkpoint is taken before the alerts are copied: those that it includes were appended before it, so
        // that they stand on the disk when it does. One of an earlier run is left where it is: the run that goes on after
        // it makes its own at once, and on the disk it might take the place of a newer one.
        let owed = self.checkpoint_patience.retry_at.is_some();
        let wanted = urgent || owed || self.checkpoint_due(now) || self.alerts_changed(layout);
        let checkpoint = if wanted && self.checkpoint_patience.may_try(now, urgent) {
            newest_checkpoint(
                &self.memory,
                ring.0,
                self.checkpoint.as_mut_slice(),
                &mut self.buffer,
            )
            .filter(|(_, mark)| mark.run == state.header.run)
        } else {
            None
        };
        if !self.blocks_patience.may_try(now, urgent) {
            return false;
        }
        let more = match self.copy_blocks(layout, now, urgent, turn) {
            Ok(more) => {
                self.blocks_patience.worked();
                more
            }
            Err(fault) => {
                self.blocks_patience.failed(now);
                turn.fault = Some(fault);
                return false;
            }
        };
        if let Some((length, mark)) = checkpoint
            && !more
        {
            self.put_checkpoint(state, length, &mark, now, turn);
        }
        let changed = self.written.is_some_and(|last| {
            last.superblock.cursors != state.superblock.cursors
                || anchor_moved(&last.header.anchor, &state.header.anchor)
        });
        let due = now.since(self.written_at) >= DISK_SUPERBLOCK_MS;
        let departed = self
            .written
            .is_some_and(|last| last.superblock.departed != state.superblock.departed);
        if !is_new && (departed || changed && (urgent || due)) {
            self.put_superblock(state, now, urgent, turn);
        }
        more
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
    ) {
        if mark.generation != self.checkpoint_generation {
            let origin = Origin {
                run: mark.run,
                run_number: mark.run_number,
                boot: mark.boot,
                anchor: state.header.anchor,
            };
            let bytes = self.checkpoint.get(..length).unwrap_or(&[]);
            let written = self
                .disk
                .write_checkpoint(&origin, mark.next_alert, mark.uptime, bytes);
            if let Err(error) = written {
                self.checkpoint_patience.failed(now);
                turn.fault = Some(fault(Step::Checkpoint, &error));
                return;
            }
            self.checkpoint_generation = mark.generation;
            turn.checkpoint = true;
        }
        self.checkpoint_patience.worked();
        self.checkpoint_at = Some(now);
    }

    fn put_superblock(&mut self, state: &RingState, now: Uptime, urgent: bool, turn: &mut Turn) {
        if !self.superblock_patience.may_try(now, urgent) {
            return;
        }
        let origin = Origin {
            run: state.header.run,
            run_number: state.header.run_number,
            boot: state.header.boot,
            anchor: state.header.anchor,
        };
        self.disk.adopt(&state.superblock.departed);
        // A memory ring that was started anew knows no cursors yet; the disk's stand until it does.
        let cursors = state.superblock.cursors.or(self.disk.cursors());
        if let Err(error) = self.disk.write_superblock(&origin, now, cursors) {
            self.superblock_patience.failed(now);
            turn.fault = Some(fault(Step::Superblock, &error));
            return;
        }
        self.superblock_patience.worked();
        self.written = Some(*state);
        self.written_at = now;
        turn.superblock = true;
    }

    /// Milliseconds until something falls due.
    fn next_ms(&self, now: Uptime) -> u64 {
        let blocks = self.blocks_patience.wait_ms(now);
        // Nothing else is done while blocks are to be tried again.
        let due = if blocks.is_some() {
            None
        } else {
            let checkpoint = self.checkpoint_at.map_or(DISK_RETRY_MS, |at| {
                DISK_CHECKPOINT_MS.saturating_sub(now.since(at))
            });
            let checkpoint = self.checkpoint_patience.wait_ms(now).unwrap_or(checkpoint);
            let pending = self
                .follow
                .iter()
                .filter_map(|follow| follow.pending_since)
                .map(|since| DISK_FLUSH_MS.saturating_sub(now.since(since)));
            Some(pending.fold(checkpoint, u64::min))
        };
        let superblock = self.superblock_patience.wait_ms(now);
        let next = [blocks, due, superblock].into_iter().flatten().min();
        next.unwrap_or(DISK_CHECKPOINT_MS)
    }

    /// Begins at the oldest blocks of a memory ring.
    fn attach(&mut self, layout: &Layout, (ring, agent): (u64, AgentId)) {
        self.ring = Some((ring, agent));
        self.checkpoint_generation = 0;
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
            *follow = Follow {
                number: oldest.unwrap_or(1),
                ..Follow::default()
            };
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
                let on_disk = follow.before(disk, block.header.run, stream);
                for (sequence, frame) in block.frames() {
                    if sequence < on_disk || packing.push(&block, sequence, frame) {
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
    let expected = follow.before(disk, packing.origin.run, stream);
    staged.blocks = staged.blocks.saturating_add(1);
    if let Some(overtaken) = staged.overtaken.get_mut(usize::from(stream.number())) {
        *overtaken = overtaken.saturating_add(packing.first_sequence.saturating_sub(expected));
    }
    follow.copied = Some((packing.origin.run, packing.next_sequence));
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
