//! Runs of which nothing is left in a ring although the collector has not acknowledged all of it. Without this, what was
//! overwritten would be lost silently where no forwarder remembers the run.

use super::block::{Block, BlockFault, Header};
use super::superblock::Cursors;
use crate::frame::cursor::{Full, Reader, Writer};
use crate::frame::{BootId, RunId, Stream};
use crate::limit::DEPARTED_RUNS;

/// Bytes of a table in a superblock.
pub const DEPARTED_BYTES: usize = 8 + DEPARTED_RUNS * 48;

/// A (run, stream) that left a ring before it was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departed {
    /// Number of the run, for order; never 0.
    pub run_number: u64,
    /// The run.
    pub run: RunId,
    /// Its boot.
    pub boot: BootId,
    /// The stream.
    pub stream: Stream,
    /// First sequence that is not known to be acknowledged.
    pub first_unsent: u64,
    /// Sequence after the last frame that the ring held.
    pub next: u64,
}

impl Departed {
    /// What goes with a block of `stream` that is the last of its run in the ring; `None` where the collector has all of it.
    #[must_use]
    pub fn with_block(block: &Block<'_>, stream: Stream, cursors: &Cursors) -> Option<Self> {
        let Header {
            run_number,
            run,
            boot,
            first_sequence,
            ..
        } = block.header;
        let first_unsent = match cursors.get(stream) {
            Some(cursor) if cursor.run == run => cursor.next_sequence,
            Some(cursor) if cursor.run_number > run_number => return None,
            Some(_) | None => 0,
        };
        let next = first_sequence.saturating_add(block.frames().count() as u64);
        (first_unsent < next).then_some(Self {
            run_number,
            run,
            boot,
            stream,
            first_unsent,
            next,
        })
    }

    fn is_of(&self, other: &Self) -> bool {
        (self.run, self.stream) == (other.run, other.stream)
    }

    /// Takes in what another ring knows of the same.
    pub(super) fn join(&mut self, other: &Self) {
        self.first_unsent = self.first_unsent.max(other.first_unsent);
        self.next = self.next.max(other.next);
    }
}

/// The newest of them, at most [`DEPARTED_RUNS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DepartedTable {
    entries: [Option<Departed>; DEPARTED_RUNS],
    dropped: u64,
}

impl DepartedTable {
    /// What is in it, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Departed> {
        self.entries.iter().flatten()
    }

    /// Entries for which there was no room, since the ring was made.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Takes one in, in place of the oldest if need be. True if that changed the table.
    pub fn add(&mut self, departed: &Departed) -> bool {
        if let Some(known) = self
            .entries
            .iter_mut()
            .flatten()
            .find(|known| known.is_of(departed))
        {
            let before = *known;
            known.join(departed);
            return *known != before;
        }
        // The free place, or the one with the oldest.
        let oldest = |entry: &&mut Option<Departed>| entry.map_or(0, |entry| entry.run_number);
        let Some(place) = self.entries.iter_mut().min_by_key(oldest) else {
            return false;
        };
        if place.is_some_and(|place| place.run_number > departed.run_number) {
            return false;
        }
        if place.is_some() {
            self.dropped = self.dropped.saturating_add(1);
        }
        *place = Some(*departed);
        true
    }

    pub(super) fn encode_into(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        writer.u64(self.dropped)?;
        for entry in &self.entries {
            let fields = entry.map_or([0; 6], |entry| {
                [
                    entry.run_number,
                    entry.run.0,
                    entry.boot.0,
                    u64::from(entry.stream.number()),
                    entry.first_unsent,
                    entry.next,
                ]
            });
            for field in fields {
                writer.u64(field)?;
            }
        }
        Ok(())
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, BlockFault> {
        let mut table = Self {
            dropped: reader.u64()?,
            ..Self::default()
        };
        for slot in &mut table.entries {
            let run_number = reader.u64()?;
            let (run, boot) = (RunId(reader.u64()?), BootId(reader.u64()?));
            let stream = u8::try_from(reader.u64()?)
                .ok()
                .and_then(Stream::from_number)
                .ok_or(BlockFault::Field)?;
            let (first_unsent, next) = (reader.u64()?, reader.u64()?);
            if run_number != 0 {
                *slot = Some(Departed {
                    run_number,
                    run,
                    boot,
                    stream,
                    first_unsent,
                    next,
                });
            }
        }
        Ok(table)
    }
}
