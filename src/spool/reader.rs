//! Both rings as one, for everybody but the writers: forwarder, `status`, `decode`, start-up.
//!
//! Memory: 24 bytes for each block of either ring (192 KiB for a disk ring of 32 MiB) and at most
//! [`SPOOL_RUNS`](crate::limit::SPOOL_RUNS) rows of runs. Writers overwrite what is read at any time: then frames are
//! missing, and the jump of the sequence says so.

use super::index::{Index, Probe, Runs};
use super::source::{CheckpointMark, InMemory, OnDisk, RingState, Scan, newest_checkpoint};
use super::superblock::Cursors;
use super::{Disk, Memory};
use crate::clock::Anchor;
use crate::frame::{BootId, RunId, Stream};
use crate::limit::{BLOCK_BYTES, CHECKPOINT_BYTES};
use std::ops::ControlFlow;

/// A stream of a run of which frames are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldStream {
    /// The run.
    pub run: RunId,
    /// Its number, for order.
    pub run_number: u64,
    /// Its boot.
    pub boot: BootId,
    /// The stream.
    pub stream: Stream,
    /// Newest anchor of the run that either ring tells.
    pub anchor: Anchor,
    /// First sequence held. There may be gaps after it.
    pub first_sequence: u64,
    /// Sequence after the last one held.
    pub next_sequence: u64,
}

/// Takes alerts with the stream that they stand in and their sequence, until it breaks.
pub type AlertVisitor<'v> = dyn FnMut(&HeldStream, u64, &[u8]) -> ControlFlow<()> + 'v;

/// What a ring looks like to a reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingView {
    /// The newest superblock; `None` where none is whole.
    pub state: Option<RingState>,
    /// False where its size is no ring's.
    pub has_layout: bool,
    /// Blocks when it was read whole.
    pub scan: Scan,
    /// Times that a block was skipped since the reader began: damaged, foreign, or of too many runs.
    pub skipped: u64,
}

/// Both rings as one.
#[derive(Debug)]
pub struct SpoolReader<M, D> {
    memory: Option<Index<InMemory<M>>>,
    disk: Option<Index<OnDisk<D>>>,
    runs: Runs,
    held: Vec<HeldStream>,
    buffer: Box<[u8; BLOCK_BYTES]>,
}

impl<M: Memory, D: Disk> SpoolReader<M, D> {
    /// A reader over what there is; nothing is read before [`SpoolReader::refresh`].
    #[must_use]
    pub fn new(memory: Option<M>, disk: Option<D>) -> Self {
        Self {
            memory: memory.map(|memory| Index::new(InMemory(memory), Probe::All)),
            disk: disk.map(|disk| Index::new(OnDisk(disk), Probe::Newest)),
            runs: Runs::default(),
            held: Vec::new(),
            buffer: Box::new([0; BLOCK_BYTES]),
        }
    }

    /// Takes in what changed; true if a frame or an anchor did. The first call reads both rings whole, later ones the words of the
    /// memory ring, and on disk the superblocks and five words a stream, then only blocks that are new.
    pub fn refresh(&mut self) -> bool {
        let mut changed = false;
        // The disk first: what is copied from memory to disk meanwhile is then seen in memory.
        if let Some(disk) = &mut self.disk {
            changed |= disk.refresh(&mut self.runs, &mut self.buffer);
        }
        if let Some(memory) = &mut self.memory {
            changed |= memory.refresh(&mut self.runs, &mut self.buffer);
        }
        if changed {
            self.gather();
        }
        changed
    }

    fn gather(&mut self) {
        type Spans = [Option<(u64, u64)>; 4];
        let mut spans: Vec<Spans> = vec![[None; 4]; self.runs.rows().len()];
        let mut add = |run: u16, stream: Stream, first: u64, next: u64| {
            if let Some(span) = spans
                .get_mut(usize::from(run))
                .and_then(|spans| spans.get_mut(usize::from(stream.number())))
            {
                let (low, high) = span.unwrap_or((first, next));
                *span = Some((low.min(first), high.max(next)));
            }
        };
        if let Some(disk) = &self.disk {
            disk.each(&mut add);
        }
        if let Some(memory) = &self.memory {
            memory.each(&mut add);
        }
        self.held.clear();
        for (row, spans) in self.runs.rows().iter().zip(&spans) {
            for (stream, span) in Stream::ALL.into_iter().zip(spans) {
                if let Some((first_sequence, next_sequence)) = *span {
                    self.held.push(HeldStream {
                        run: row.run,
                        run_number: row.run_number,
                        boot: row.boot,
                        stream,
                        anchor: row.anchor,
                        first_sequence,
                        next_sequence,
                    });
                }
            }
        }
        self.held
            .sort_by_key(|held| (held.run_number, held.run, held.stream));
        self.runs.keep(|row| {
            spans
                .get(row)
                .is_some_and(|spans| spans.iter().any(Option::is_some))
        });
    }

    /// Every (run, stream) still held, oldest run first, as the last refresh found it.
    #[must_use]
    pub fn runs(&self) -> &[HeldStream] {
        &self.held
    }

    /// Visits the frames of a stream of a run from a sequence on, in order, each once, until `visit` breaks. Returns
    /// the sequence after the last frame visited, or `from`. A jump of the sequence is a gap: overwritten, damaged, or
    /// never synced before a power cut.
    pub fn read(
        &mut self,
        run: RunId,
        stream: Stream,
        from: u64,
        visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> u64 {
        let Some(row) = self.runs.find(run) else {
            return from;
        };
        let mut next = from;
        let (mut in_memory, mut on_disk) = (0, 0);
        loop {
            let memory = self
                .memory
                .as_ref()
                .and_then(|index| Some((index, index.seek(stream, row, next, &mut in_memory)?)));
            let disk = self
                .disk
                .as_ref()
                .and_then(|index| Some((index, index.seek(stream, row, next, &mut on_disk)?)));
            // Whichever continues sooner; memory where both do, for it costs less.
            let block = match (memory, disk) {
                (None, None) => return next,
                (Some((index, hit)), other)
                    if other.is_none_or(|(_, o)| hit.first.max(next) <= o.first.max(next)) =>
                {
                    in_memory = hit.number.saturating_add(1);
                    index.fetch(stream, hit, &mut self.buffer)
                }
                (_, Some((index, hit))) => {
                    on_disk = hit.number.saturating_add(1);
                    index.fetch(stream, hit, &mut self.buffer)
                }
                (Some((index, hit)), None) => {
                    in_memory = hit.number.saturating_add(1);
                    index.fetch(stream, hit, &mut self.buffer)
                }
            };
            let Some(block) = block.filter(|block| block.header.run == run) else {
                continue;
            };
            for (sequence, frame) in block.frames() {
                if sequence < next {
                    continue;
                }
                next = sequence.saturating_add(1);
                if visit(sequence, frame).is_break() {
                    return next;
                }
            }
        }
    }

    /// Visits the frames of the alert stream that a checkpoint does not include, oldest run first: at start-up they
    /// outrank it. Without a checkpoint, all that are held.
    pub fn alerts_after(&mut self, mark: Option<&CheckpointMark>, visit: &mut AlertVisitor<'_>) {
        let held: Vec<HeldStream> = self
            .held
            .iter()
            .filter(|held| held.stream == Stream::Alerts)
            .copied()
            .collect();
        for held in held {
            let from = match mark {
                Some(mark) if held.run_number < mark.run_number => continue,
                Some(mark) if held.run_number == mark.run_number => mark.next_alert,
                Some(_) | None => 0,
            };
            let mut end = ControlFlow::Continue(());
            self.read(held.run, Stream::Alerts, from, &mut |sequence, frame| {
                end = visit(&held, sequence, frame);
                end
            });
            if end.is_break() {
                return;
            }
        }
    }

    /// Copies the newest checkpoint of both rings into `into` (at least
    /// [`CHECKPOINT_BYTES`](crate::limit::CHECKPOINT_BYTES) long), and returns its length and mark.
    pub fn latest_checkpoint(&mut self, into: &mut [u8]) -> Option<(usize, CheckpointMark)> {
        let disk = self.disk.as_ref().and_then(|index| {
            newest_checkpoint(index.source(), index.ring()?, into, &mut self.buffer)
        });
        // Only needed at start-up: on the stack it costs nothing for the rest of a reader's life.
        let mut spare = [0; CHECKPOINT_BYTES];
        let memory = self.memory.as_ref().and_then(|index| {
            newest_checkpoint(index.source(), index.ring()?, &mut spare, &mut self.buffer)
        });
        match (memory, disk) {
            (Some((length, mark)), other)
                if other.is_none_or(|(_, on_disk)| !on_disk.is_newer_than(&mark)) =>
            {
                into.get_mut(..length)?
                    .copy_from_slice(spare.get(..length)?);
                Some((length, mark))
            }
            (_, on_disk) => on_disk,
        }
    }

    /// What the collector has acknowledged: the memory ring knows it first, the disk ring after a reboot.
    #[must_use]
    pub fn cursors(&self) -> Cursors {
        let of = |view: RingView| {
            view.state
                .map_or_else(Cursors::default, |state| state.superblock.cursors)
        };
        of(self.memory_view()).or(of(self.disk_view()))
    }

    /// The memory ring.
    #[must_use]
    pub fn memory_view(&self) -> RingView {
        self.memory.as_ref().map_or_else(RingView::default, view_of)
    }

    /// The disk ring.
    #[must_use]
    pub fn disk_view(&self) -> RingView {
        self.disk.as_ref().map_or_else(RingView::default, view_of)
    }
}

fn view_of<S: super::source::Source>(index: &Index<S>) -> RingView {
    RingView {
        state: index.state().copied(),
        has_layout: index.has_layout(),
        scan: index.scan(),
        skipped: index.skipped(),
    }
}
