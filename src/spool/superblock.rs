//! Superblocks: what a ring is, how many runs it saw, and what the collector has acknowledged.
//!
//! ```text
//! payload := version:u32=1 medium:u32 size:u64 agent_id:u64 run_counter:u64 { run_number:u64 run_id:u64 next_sequence:u64 }[3]
//!            departed_dropped:u64 { run_number run_id boot_id stream first_unsent next: each u64 }[16]
//! ```

use super::block::{Block, BlockFault, VERSION};
use super::departed::{DEPARTED_BYTES, DepartedTable};
use crate::frame::cursor::{Full, Reader, Writer};
use crate::frame::{AgentId, RunId, Stream};

/// Bytes of a superblock's payload.
pub const SUPERBLOCK_BYTES: usize = 104 + DEPARTED_BYTES;

/// What a ring stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Shared memory.
    Memory,
    /// A disk.
    Disk,
}

/// How far the collector has a stream: all before `next_sequence` of `run`, and all earlier runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Number of the run, for order; never 0.
    pub run_number: u64,
    /// The run.
    pub run: RunId,
    /// First sequence that is not acknowledged.
    pub next_sequence: u64,
}

/// Cursors of the streams that are sent; `None` where nothing was acknowledged yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursors([Option<Cursor>; 3]);

impl Cursors {
    /// The cursor of `stream`; always `None` for a stream that is not sent.
    #[must_use]
    pub fn get(&self, stream: Stream) -> Option<Cursor> {
        self.0.get(usize::from(stream.number())).copied().flatten()
    }

    /// Its own cursors, and the ones of `other` where it has none.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let [a, b, c] = self.0;
        let [d, e, f] = other.0;
        Self([a.or(d), b.or(e), c.or(f)])
    }

    /// Sets the cursor of `stream`; false for a stream that is not sent.
    pub fn set(&mut self, stream: Stream, cursor: Cursor) -> bool {
        match self.0.get_mut(usize::from(stream.number())) {
            Some(slot) => {
                *slot = Some(cursor);
                true
            }
            None => false,
        }
    }
}

/// The payload of a superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// What the ring stands in.
    pub medium: Medium,
    /// Size of the ring, bytes.
    pub size: u64,
    /// The agent.
    pub agent: AgentId,
    /// Number of the newest run.
    pub run_counter: u64,
    /// Acknowledged cursors.
    pub cursors: Cursors,
    /// What left the ring before it was acknowledged.
    pub departed: DepartedTable,
}

impl Superblock {
    /// The payload.
    #[must_use]
    pub fn encode(&self) -> [u8; SUPERBLOCK_BYTES] {
        let mut bytes = [0; SUPERBLOCK_BYTES];
        let mut writer = Writer::new(&mut bytes);
        let outcome = self.encode_into(&mut writer);
        debug_assert!(
            outcome.is_ok() && writer.room() == 0,
            "a superblock has its length"
        );
        bytes
    }

    fn encode_into(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        writer.u32(u32::from(VERSION))?;
        writer.u32(match self.medium {
            Medium::Memory => 0,
            Medium::Disk => 1,
        })?;
        writer.u64(self.size)?;
        writer.u64(self.agent.0)?;
        writer.u64(self.run_counter)?;
        for cursor in self.cursors.0 {
            let cursor = cursor.unwrap_or_default();
            writer.u64(cursor.run_number)?;
            writer.u64(cursor.run.0)?;
            writer.u64(cursor.next_sequence)?;
        }
        self.departed.encode_into(writer)
    }

    /// From a checked block.
    ///
    /// # Errors
    /// [`BlockFault::Version`] where a later version laid the ring out, [`BlockFault::Length`] or
    /// [`BlockFault::Field`] where it is no superblock.
    pub fn decode(block: &Block<'_>) -> Result<Self, BlockFault> {
        let mut reader = Reader::new(block.payload);
        let version = reader.u32()?;
        if version != u32::from(VERSION) {
            return Err(BlockFault::Version(
                u8::try_from(version).unwrap_or(u8::MAX),
            ));
        }
        let medium = match reader.u32()? {
            0 => Medium::Memory,
            1 => Medium::Disk,
            _ => return Err(BlockFault::Field),
        };
        let size = reader.u64()?;
        let agent = AgentId(reader.u64()?);
        let run_counter = reader.u64()?;
        let mut cursors = Cursors::default();
        for slot in &mut cursors.0 {
            let cursor = Cursor {
                run_number: reader.u64()?,
                run: RunId(reader.u64()?),
                next_sequence: reader.u64()?,
            };
            *slot = (cursor.run_number != 0).then_some(cursor);
        }
        Ok(Self {
            medium,
            size,
            agent,
            run_counter,
            cursors,
            departed: DepartedTable::decode(&mut reader)?,
        })
    }
}
