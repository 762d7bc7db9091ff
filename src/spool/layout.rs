//! Where things stand in a ring: two superblocks, two checkpoint slots of six blocks, one area for each stream.
//!
//! Both rings have the same layout, so that a copy of either is read by its size alone.

use crate::frame::Stream;
use crate::limit::{
    BLOCK_BYTES, BLOCK_PAYLOAD_BYTES, CHECKPOINT_BYTES, DISK_FAILURES_PER_PLACE, DISK_RING_BYTES,
    MEMORY_RING_BYTES,
};

/// Superblocks, written in turn.
pub const SUPERBLOCKS: u32 = 2;
/// Checkpoint slots, written in turn.
pub const CHECKPOINT_SLOTS: u32 = 2;
/// Blocks of a checkpoint slot.
pub const CHECKPOINT_PARTS: u32 = 6;
/// Blocks before the first area.
const FIXED_BLOCKS: u32 = 14;
/// Shares of the streams in eighths of what the fixed blocks leave; history has the rest (two eighths).
/// Alerts: on disk each that is synced alone takes a whole block, and they are what must not be overwritten first.
/// Readings: the largest, days of them bridge an outage of the collector. Evidence: comes with alerts only.
const EIGHTHS: [u32; 3] = [2, 3, 1];

/// An area: blocks of one stream, written round and round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// First block of the ring that belongs to it.
    pub first: u32,
    /// Number of blocks, at least two.
    pub blocks: u32,
}

impl Area {
    /// The block of the ring in which the area's block `number` (from 1) stands.
    #[must_use]
    pub fn place(self, number: u64) -> u32 {
        let slot = number
            .wrapping_sub(1)
            .checked_rem(u64::from(self.blocks))
            .unwrap_or(0);
        self.first.saturating_add(u32::try_from(slot).unwrap_or(0))
    }
}

/// The layout of a ring of a given size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    blocks: u32,
    areas: [Area; 4],
}

impl Layout {
    /// The layout of a ring of `bytes`; `None` where that is no multiple of a block, below the smallest memory ring
    /// or above the largest disk ring.
    #[must_use]
    pub fn for_size(bytes: u64) -> Option<Self> {
        if bytes < *MEMORY_RING_BYTES.start() || bytes > *DISK_RING_BYTES.end() {
            return None;
        }
        let blocks = bytes.checked_div(BLOCK_BYTES as u64)?;
        if blocks.checked_mul(BLOCK_BYTES as u64)? != bytes {
            return None;
        }
        let blocks = u32::try_from(blocks).ok()?;
        let free = blocks.checked_sub(FIXED_BLOCKS)?;
        let mut areas = [Area::default(); 4];
        let mut first = FIXED_BLOCKS;
        for (area, eighths) in areas.iter_mut().zip(EIGHTHS) {
            *area = Area {
                first,
                blocks: (free.checked_mul(eighths)? >> 3).max(2),
            };
            first = first.checked_add(area.blocks)?;
        }
        let last = areas.last_mut()?;
        *last = Area {
            first,
            blocks: blocks.checked_sub(first)?,
        };
        Some(Self { blocks, areas })
    }

    /// Blocks of the ring.
    #[must_use]
    pub fn blocks(&self) -> u32 {
        self.blocks
    }

    /// Size of the ring.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        offset(self.blocks)
    }

    /// The area of `stream`.
    #[must_use]
    pub fn area(&self, stream: Stream) -> Area {
        let [alerts, readings, evidence, history] = self.areas;
        match stream {
            Stream::Alerts => alerts,
            Stream::Readings => readings,
            Stream::Evidence => evidence,
            Stream::History => history,
        }
    }

    /// The block of superblock `generation`.
    #[must_use]
    pub fn superblock(generation: u64) -> u32 {
        u32::from(generation & 1 == 1)
    }

    /// The block of part `part` of checkpoint `generation`.
    #[must_use]
    pub fn checkpoint(generation: u64, part: u8) -> u32 {
        let slot = u32::from(generation & 1 == 1);
        SUPERBLOCKS
            .saturating_add(slot.saturating_mul(CHECKPOINT_PARTS))
            .saturating_add(u32::from(part))
    }
}

/// Two slots that are written in turn, each time with a new generation whose parity is the slot: the newest whole one is
/// never written over, while the other can be written at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slots {
    /// Newest generation that stands whole; 0: none.
    whole: u64,
    /// Highest generation that anything was written with.
    used: u64,
    /// The other slot cannot be written: the one with the newest is written over instead.
    stuck: bool,
    /// Failures in a row.
    failures: u32,
}

impl Slots {
    /// Continues after what stands there: the newest whole generation, and the highest of which any part was seen.
    #[must_use]
    pub const fn after(whole: u64, seen: u64) -> Self {
        Self {
            whole,
            used: if seen > whole { seen } else { whole },
            stuck: false,
            failures: 0,
        }
    }

    /// Highest generation used.
    #[must_use]
    pub const fn used(&self) -> u64 {
        self.used
    }

    /// The generation to write now. It counts as used from here on, so that parts of two tries never fit together.
    pub fn begin(&mut self) -> u64 {
        let next = self.used.saturating_add(1);
        // The slot that does not hold the newest has the other parity.
        let into_newest = next & 1 == self.whole & 1;
        self.used = if into_newest == self.stuck {
            next
        } else {
            next.saturating_add(1)
        };
        self.used
    }

    /// `generation` stands whole.
    pub fn done(&mut self, generation: u64) {
        self.whole = generation;
        self.failures = 0;
    }

    /// The last one begun was not written. `others_work`: something else of the ring was, since the failure before, so that
    /// it is the slot and not the disk. After [`DISK_FAILURES_PER_PLACE`] of these in a row the slot is left alone and the
    /// other one is written, and so on in turn.
    pub fn failed(&mut self, others_work: bool) {
        if !others_work {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= DISK_FAILURES_PER_PLACE {
            self.failures = 0;
            self.stuck = !self.stuck;
        }
    }
}

/// Offset of a block in the ring, in bytes.
#[must_use]
pub fn offset(block: u32) -> u64 {
    u64::from(block).saturating_mul(BLOCK_BYTES as u64)
}

const _: () = assert!(FIXED_BLOCKS == SUPERBLOCKS + CHECKPOINT_SLOTS * CHECKPOINT_PARTS);
const _: () = assert!(CHECKPOINT_BYTES == CHECKPOINT_PARTS as usize * BLOCK_PAYLOAD_BYTES);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_follow_each_other_and_fill_the_ring() {
        let mut size = 128 * 1024;
        while size <= 1 << 30 {
            for size in [size, size + 4096, size + 3 * 4096] {
                let Some(layout) = Layout::for_size(size) else {
                    assert!(size > 1 << 30);
                    continue;
                };
                let mut next = FIXED_BLOCKS;
                for stream in Stream::ALL {
                    let area = layout.area(stream);
                    assert_eq!(area.first, next);
                    assert!(area.blocks >= 2, "{size} {stream:?}");
                    next += area.blocks;
                }
                assert_eq!(next, layout.blocks());
                assert_eq!(layout.bytes(), size);
            }
            size *= 2;
        }
    }

    #[test]
    fn the_newest_whole_generation_is_not_written_over_while_the_other_slot_works() {
        let mut slots = Slots::default();
        assert_eq!(slots.begin(), 1);
        slots.done(1);
        assert_eq!(
            [slots.begin(), slots.begin()],
            [2, 4],
            "a try uses its number"
        );
        slots.done(4);
        assert_eq!(slots.begin(), 5);
        // 5 stands whole, and 6 was torn: 8 goes over it.
        assert_eq!(Slots::after(5, 6).begin(), 8);
        assert_eq!(Slots::after(6, 5).begin(), 7);
        // A slot that cannot be written is left alone, if it is the slot and not the disk.
        let mut slots = Slots::after(5, 5);
        for expected in [6, 8, 10, 12] {
            assert_eq!(slots.begin(), expected);
            slots.failed(false);
        }
        for expected in [14, 16, 18] {
            assert_eq!(slots.begin(), expected);
            slots.failed(true);
        }
        for expected in [19, 21] {
            assert_eq!(slots.begin(), expected);
            slots.done(expected);
        }
        for expected in [23, 25, 27, 28] {
            assert_eq!(slots.begin(), expected);
            slots.failed(true);
        }
    }

    #[test]
    fn other_sizes_have_no_layout() {
        for size in [0, 4096, 131_071, 128 * 1024 + 1, (1 << 30) + 4096, u64::MAX] {
            assert_eq!(Layout::for_size(size), None);
        }
    }

    #[test]
    fn numbers_go_round_their_area() {
        let area = Area {
            first: 6,
            blocks: 3,
        };
        let places: Vec<u32> = (1..=7).map(|number| area.place(number)).collect();
        assert_eq!(places, [6, 7, 8, 6, 7, 8, 6]);
    }
}
