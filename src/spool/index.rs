//! What stands in a ring: 24 bytes of memory for each block, and what a reader needs to find out what changed.

use super::block::{Block, BlockFault, Word};
use super::disk_ring::ring_of_blocks;
use super::layout::Layout;
use super::source::{RingState, Scan, Source, fits, newest_superblock};
use crate::clock::Anchor;
use crate::frame::{AgentId, BootId, RunId, Stream};
use crate::limit::{BLOCK_BYTES, DISK_PLACES, DISK_UNREADABLE_LOOKS, SPOOL_RUNS};

/// A run of which blocks are held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) run: RunId,
    pub(super) run_number: u64,
    pub(super) boot: BootId,
    pub(super) anchor: Anchor,
    held: bool,
}

/// The runs of both rings.
#[derive(Debug, Default)]
pub(super) struct Runs {
    rows: Vec<Run>,
    last: usize,
}

impl Runs {
    pub(super) fn rows(&self) -> &[Run] {
        &self.rows
    }

    /// The row of a run by its id; the newest where an id came twice.
    pub(super) fn find(&self, run: RunId) -> Option<u16> {
        self.rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.run == run && row.held)
            .max_by_key(|(_, row)| row.run_number)
            .and_then(|(index, _)| u16::try_from(index).ok())
    }

    /// The row of the run that a header names; makes one. `None` where there are too many.
    fn row(&mut self, header: &super::block::Header) -> Option<u16> {
        let is = |row: &Run| row.run == header.run && row.run_number == header.run_number;
        let known = match self.rows.get(self.last) {
            Some(row) if is(row) => Some(self.last),
            _ => self.rows.iter().position(is),
        };
        let index = match known {
            Some(index) => index,
            None => {
                let row = Run {
                    run: header.run,
                    run_number: header.run_number,
                    boot: header.boot,
                    anchor: header.anchor,
                    held: true,
                };
                self.place(row)?
            }
        };
        self.last = index;
        let row = self.rows.get_mut(index)?;
        row.held = true;
        if header.anchor.uptime >= row.anchor.uptime {
            row.anchor = header.anchor;
        }
        u16::try_from(index).ok()
    }

    fn place(&mut self, row: Run) -> Option<usize> {
        if let Some(free) = self.rows.iter().position(|row| !row.held) {
            *self.rows.get_mut(free)? = row;
            return Some(free);
        }
        if self.rows.len() >= SPOOL_RUNS {
            return None;
        }
        self.rows.push(row);
        self.rows.len().checked_sub(1)
    }

    /// An anchor that a superblock tells, which may be newer than any block's. True if it is.
    fn anchor_of(&mut self, header: &super::block::Header) -> bool {
        let mut changed = false;
        for row in &mut self.rows {
            if row.run == header.run
                && row.run_number == header.run_number
                && header.anchor.uptime >= row.anchor.uptime
                && header.anchor != row.anchor
            {
                row.anchor = header.anchor;
                changed = true;
            }
        }
        changed
    }

    /// Frees the rows that no block names any more.
    pub(super) fn keep(&mut self, held: impl Fn(usize) -> bool) {
        for (index, row) in self.rows.iter_mut().enumerate() {
            row.held = held(index);
        }
    }
}

/// What a block holds. `count` 0: nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    first: u64,
    /// Rounds of the area before this block: with the place they give its number.
    lap: u32,
    /// Its checksum when it was looked at: another one means another content.
    crc: u32,
    count: u16,
    run: u16,
    /// It could not be read, and what it holds is not known.
    unread: bool,
}

#[derive(Debug, Default)]
struct AreaIndex {
    entries: Vec<Entry>,
    newest: u64,
    /// Entries that are `unread`.
    unread: u32,
}

/// Which places are looked at for changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    /// All: the words of a memory ring cost nothing.
    All,
    /// The newest block and the places after it, as far as a writer may leave places out.
    Newest,
}

/// The index of one ring.
#[derive(Debug)]
pub(super) struct Index<S> {
    source: S,
    probe: Probe,
    layout: Option<Layout>,
    ring: Option<(u64, AgentId)>,
    state: Option<RingState>,
    /// Nothing of it could be read yet.
    silent: bool,
    areas: [AreaIndex; 4],
    /// Blocks of the last whole look.
    scan: Scan,
    /// Blocks that were damaged, foreign or of too many runs, since the start.
    skipped: u64,
}

/// A block that holds wanted frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) number: u64,
    pub(super) first: u64,
    /// The sequence after its last frame.
    pub(super) next: u64,
}

impl<S: Source> Index<S> {
    pub(super) fn new(source: S, probe: Probe) -> Self {
        let layout = Layout::for_size(source.bytes());
        Self {
            source,
            probe,
            layout,
            ring: None,
            state: None,
            silent: false,
            areas: Default::default(),
            scan: Scan::default(),
            skipped: 0,
        }
    }

    pub(super) fn source(&self) -> &S {
        &self.source
    }

    pub(super) fn state(&self) -> Option<&RingState> {
        self.state.as_ref()
    }

    pub(super) fn ring(&self) -> Option<u64> {
        self.ring.map(|(ring, _)| ring)
    }

    pub(super) fn scan(&self) -> Scan {
        self.scan
    }

    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Looks for changes; true if there are any.
    pub(super) fn refresh(&mut self, runs: &mut Runs, buffer: &mut [u8; BLOCK_BYTES]) -> bool {
        let Some(layout) = self.layout else {
            return false;
        };
        let found = newest_superblock(&self.source, buffer);
        let departed = |state: &RingState| state.superblock.departed;
        let before = self.state.as_ref().map(departed);
        if let Ok(state) = found {
            self.state = Some(state);
        }
        let ring = match self.state {
            Some(state) => Some((state.header.ring, state.superblock.agent)),
            None => self
                .ring
                .or_else(|| ring_of_blocks(&self.source, &layout, None, buffer)),
        };
        self.silent = ring.is_none() && found == Err(BlockFault::Unreadable);
        let Some((ring, agent)) = ring else {
            return false;
        };
        let mut changed = self.look_again(&layout, runs, buffer);
        if self.ring != Some((ring, agent)) {
            self.ring = Some((ring, agent));
            self.read_all(&layout, runs, buffer);
            changed = true;
        } else {
            for stream in Stream::ALL {
                changed |= self.probe_area(&layout, stream, runs, buffer);
            }
        }
        if let Some(state) = &self.state {
            changed |= before != Some(departed(state));
            changed |= runs.anchor_of(&state.header);
        }
        changed
    }

    /// Looks at every block.
    fn read_all(&mut self, layout: &Layout, runs: &mut Runs, buffer: &mut [u8; BLOCK_BYTES]) {
        self.scan = Scan::default();
        let mut patience = DISK_UNREADABLE_LOOKS;
        for stream in Stream::ALL {
            let area = layout.area(stream);
            if let Some(index) = self.areas.get_mut(usize::from(stream.number())) {
                index.newest = 0;
                index.unread = 0;
                index.entries.clear();
                index
                    .entries
                    .resize(usize::try_from(area.blocks).unwrap_or(0), Entry::default());
            }
            for place in area.first..area.first.saturating_add(area.blocks) {
                let outcome = if patience == 0 {
                    self.mark_unread(layout, stream, place);
                    Err(BlockFault::Unreadable)
                } else {
                    self.look(layout, stream, place, runs, buffer)
                };
                if outcome == Err(BlockFault::Unreadable) {
                    patience = patience.saturating_sub(1);
                }
                let count = match outcome {
                    Ok(()) => &mut self.scan.taken,
                    Err(BlockFault::Empty) => &mut self.scan.empty,
                    Err(_) => &mut self.scan.skipped,
                };
                *count = count.saturating_add(1);
            }
        }
    }

    /// Looks again at some of the places that could not be read; true if any of them can.
    fn look_again(
        &mut self,
        layout: &Layout,
        runs: &mut Runs,
        buffer: &mut [u8; BLOCK_BYTES],
    ) -> bool {
        let mut changed = false;
        let mut patience = DISK_UNREADABLE_LOOKS;
        for stream in Stream::ALL {
            let area = layout.area(stream);
            for place in area.first..area.first.saturating_add(area.blocks) {
                if self.unread(stream) == 0 {
                    break;
                }
                if self
                    .entry(layout, stream, place)
                    .is_none_or(|entry| !entry.unread)
                {
                    continue;
                }
                match self.look(layout, stream, place, runs, buffer) {
                    Err(BlockFault::Unreadable) => patience = patience.saturating_sub(1),
                    Ok(()) | Err(_) => changed = true,
                }
                if patience == 0 {
                    return changed;
                }
            }
        }
        changed
    }

    fn unread(&self, stream: Stream) -> u32 {
        self.areas
            .get(usize::from(stream.number()))
            .map_or(0, |area| area.unread)
    }

    /// Whether the ring may hold frames of `stream` that are not known, for they could not be read.
    pub(super) fn is_blind(&self, stream: Stream) -> bool {
        self.silent || self.unread(stream) > 0
    }

    /// Looks at the places of an area that may have changed.
    fn probe_area(
        &mut self,
        layout: &Layout,
        stream: Stream,
        runs: &mut Runs,
        buffer: &mut [u8; BLOCK_BYTES],
    ) -> bool {
        let area = layout.area(stream);
        let mut changed = false;
        match self.probe {
            Probe::All => {
                for place in area.first..area.first.saturating_add(area.blocks) {
                    changed |= self.probe_place(layout, stream, place, runs, buffer);
                }
            }
            Probe::Newest => {
                // One round at most, even while a writer runs ahead of it.
                for _ in 0..area.blocks {
                    let newest = self.newest(stream);
                    for ahead in 0..=DISK_PLACES {
                        let number = newest.saturating_add(ahead).max(1);
                        let place = area.place(number);
                        changed |= self.probe_place(layout, stream, place, runs, buffer);
                    }
                    if self.newest(stream) == newest {
                        break;
                    }
                }
            }
        }
        changed
    }

    fn probe_place(
        &mut self,
        layout: &Layout,
        stream: Stream,
        place: u32,
        runs: &mut Runs,
        buffer: &mut [u8; BLOCK_BYTES],
    ) -> bool {
        let Some(word) = self.source.word(place) else {
            return false;
        };
        let known = self.entry(layout, stream, place).copied();
        if known.is_none_or(|entry| entry.crc == word.checksum()) {
            return false;
        }
        let outcome = self.look(layout, stream, place, runs, buffer);
        matches!(outcome, Ok(())) || known.is_some_and(|entry| entry.count > 0)
    }

    /// Reads a block into the index.
    fn look(
        &mut self,
        layout: &Layout,
        stream: Stream,
        place: u32,
        runs: &mut Runs,
        buffer: &mut [u8; BLOCK_BYTES],
    ) -> Result<(), BlockFault> {
        let before = self.source.word(place).map_or(0, Word::checksum);
        let outcome = self.judge(layout, stream, place, runs, buffer);
        let (entry, number) = match outcome {
            Ok(found) => found,
            Err(BlockFault::Empty) => {
                let entry = Entry {
                    crc: before,
                    ..Entry::default()
                };
                (entry, 0)
            }
            Err(BlockFault::Unreadable) => {
                self.mark_unread(layout, stream, place);
                return Err(BlockFault::Unreadable);
            }
            Err(_) => {
                self.skipped = self.skipped.saturating_add(1);
                // It may be being written: its checksum is not remembered, so that it is looked at again.
                (Entry::default(), 0)
            }
        };
        if let Some(index) = self.areas.get_mut(usize::from(stream.number())) {
            index.newest = index.newest.max(number);
        }
        self.set_entry(layout, stream, place, entry);
        outcome.map(|_| ())
    }

    /// A place that cannot be read keeps what was known of it.
    fn mark_unread(&mut self, layout: &Layout, stream: Stream, place: u32) {
        if self
            .entry(layout, stream, place)
            .is_some_and(|entry| entry.count == 0)
        {
            let entry = Entry {
                unread: true,
                ..Entry::default()
            };
            self.set_entry(layout, stream, place, entry);
        }
    }

    fn set_entry(&mut self, layout: &Layout, stream: Stream, place: u32, entry: Entry) {
        let Some(slot) = self.entry_mut(layout, stream, place) else {
            return;
        };
        let before = std::mem::replace(slot, entry);
        if let Some(area) = self.areas.get_mut(usize::from(stream.number())) {
            let unread = area.unread.saturating_sub(u32::from(before.unread));
            area.unread = unread.saturating_add(u32::from(entry.unread));
        }
    }

    fn judge(
        &self,
        layout: &Layout,
        stream: Stream,
        place: u32,
        runs: &mut Runs,
        buffer: &mut [u8; BLOCK_BYTES],
    ) -> Result<(Entry, u64), BlockFault> {
        let (ring, agent) = self.ring.ok_or(BlockFault::Place)?;
        let (word, block) = self.source.block(place, buffer)?;
        if !fits(&block.header, layout, stream, place, ring, agent) {
            return Err(BlockFault::Place);
        }
        let entry = Self::entry_for(layout, stream, word, &block, runs)?;
        Ok((entry, block.header.number))
    }

    fn entry_for(
        layout: &Layout,
        stream: Stream,
        word: Word,
        block: &Block<'_>,
        runs: &mut Runs,
    ) -> Result<Entry, BlockFault> {
        let lap = block
            .header
            .number
            .saturating_sub(1)
            .checked_div(u64::from(layout.area(stream).blocks))
            .and_then(|lap| u32::try_from(lap).ok())
            .ok_or(BlockFault::Field)?;
        Ok(Entry {
            first: block.header.first_sequence,
            lap,
            crc: word.checksum(),
            count: u16::try_from(block.frames().count()).map_err(|_| BlockFault::Length)?,
            run: runs.row(&block.header).ok_or(BlockFault::Field)?,
            unread: false,
        })
    }

    fn slot(layout: &Layout, stream: Stream, place: u32) -> Option<usize> {
        let slot = place.checked_sub(layout.area(stream).first)?;
        usize::try_from(slot).ok()
    }

    fn entry(&self, layout: &Layout, stream: Stream, place: u32) -> Option<&Entry> {
        self.areas
            .get(usize::from(stream.number()))?
            .entries
            .get(Self::slot(layout, stream, place)?)
    }

    fn entry_mut(&mut self, layout: &Layout, stream: Stream, place: u32) -> Option<&mut Entry> {
        self.areas
            .get_mut(usize::from(stream.number()))?
            .entries
            .get_mut(Self::slot(layout, stream, place)?)
    }

    fn newest(&self, stream: Stream) -> u64 {
        self.areas
            .get(usize::from(stream.number()))
            .map_or(0, |area| area.newest)
    }

    /// The entry of a number, if the block with just that number is held.
    fn entry_of(&self, layout: &Layout, stream: Stream, number: u64) -> Option<&Entry> {
        let area = layout.area(stream);
        let lap = number.checked_sub(1)?.checked_div(u64::from(area.blocks))?;
        self.entry(layout, stream, area.place(number))
            .filter(|entry| entry.count > 0 && u64::from(entry.lap) == lap)
    }

    /// The oldest number that the ring may still hold. Blocks of earlier rounds, left where a failing disk made the
    /// writer leave a place out, are no longer part of it.
    fn oldest(&self, layout: &Layout, stream: Stream) -> u64 {
        let blocks = u64::from(layout.area(stream).blocks);
        self.newest(stream)
            .saturating_add(1)
            .saturating_sub(blocks)
            .max(1)
    }

    /// Visits what is held: row of the run, stream, first sequence, sequence after the last.
    pub(super) fn each(&self, visit: &mut dyn FnMut(u16, Stream, u64, u64)) {
        let Some(layout) = self.layout else { return };
        for stream in Stream::ALL {
            for number in self.oldest(&layout, stream)..=self.newest(stream) {
                if let Some(entry) = self.entry_of(&layout, stream, number) {
                    let next = entry.first.saturating_add(u64::from(entry.count));
                    visit(entry.run, stream, entry.first, next);
                }
            }
        }
    }

    /// The first block from number `*at` on that holds frames of `run` at or after `next`. Within a run, sequences
    /// rise with the numbers, so that `*at` never has to go back.
    pub(super) fn seek(&self, stream: Stream, run: u16, next: u64, at: &mut u64) -> Option<Hit> {
        let layout = self.layout.as_ref()?;
        *at = (*at).max(self.oldest(layout, stream));
        while *at <= self.newest(stream) {
            if let Some(entry) = self.entry_of(layout, stream, *at)
                && entry.run == run
                && entry.first.saturating_add(u64::from(entry.count)) > next
            {
                return Some(Hit {
                    number: *at,
                    first: entry.first,
                    next: entry.first.saturating_add(u64::from(entry.count)),
                });
            }
            *at = at.saturating_add(1);
        }
        None
    }

    /// Copies the block of a hit out again.
    ///
    /// # Errors
    /// [`BlockFault::Unreadable`] where it cannot be read now; any other where it has been overwritten or damaged since.
    pub(super) fn fetch<'b>(
        &self,
        stream: Stream,
        hit: Hit,
        buffer: &'b mut [u8; BLOCK_BYTES],
    ) -> Result<Block<'b>, BlockFault> {
        let layout = self.layout.as_ref().ok_or(BlockFault::Place)?;
        let (ring, agent) = self.ring.ok_or(BlockFault::Place)?;
        let place = layout.area(stream).place(hit.number);
        let (_, block) = self.source.block(place, buffer)?;
        let whole = fits(&block.header, layout, stream, place, ring, agent)
            && block.header.number == hit.number;
        whole.then_some(block).ok_or(BlockFault::Place)
    }

    /// Whether the size is a ring's.
    pub(super) fn has_layout(&self) -> bool {
        self.layout.is_some()
    }
}
