//! Frames on their way from the memory ring into one block of the disk ring.

use super::block::Block;
use super::disk_ring::Origin;
use crate::clock::Uptime;
use crate::frame::cursor::{Reader, Writer, varint_bytes};
use crate::limit::BLOCK_PAYLOAD_BYTES;

/// Frames on their way into one disk block.
#[derive(Debug)]
pub(super) struct Packing {
    payload: Box<[u8; BLOCK_PAYLOAD_BYTES]>,
    /// Bytes of it that are taken; 0: nothing is packed.
    pub(super) length: usize,
    pub(super) origin: Origin,
    pub(super) first_sequence: u64,
    pub(super) next_sequence: u64,
    /// Of the first frame.
    pub(super) uptime: Uptime,
}

impl Packing {
    pub(super) fn new() -> Self {
        Self {
            payload: Box::new([0; BLOCK_PAYLOAD_BYTES]),
            length: 0,
            origin: Origin::default(),
            first_sequence: 0,
            next_sequence: 0,
            uptime: Uptime::default(),
        }
    }

    /// What is packed, as it stands in a block.
    pub(super) fn payload(&self) -> &[u8] {
        self.payload.get(..self.length).unwrap_or(&[])
    }

    /// Takes a frame in; false where it belongs into another block.
    pub(super) fn push(&mut self, block: &Block<'_>, sequence: u64, frame: &[u8]) -> bool {
        let header = &block.header;
        if self.length == 0 {
            self.first_sequence = sequence;
            self.uptime = frame_uptime(frame).unwrap_or(header.uptime);
        } else if header.run_number != self.origin.run_number
            || header.run != self.origin.run
            || sequence != self.next_sequence
        {
            return false;
        }
        let needed = varint_bytes(frame.len() as u64).saturating_add(frame.len());
        let Some(rest) = self.payload.get_mut(self.length..) else {
            return false;
        };
        let mut writer = Writer::new(rest);
        if writer.room() < needed
            || writer.varint(frame.len() as u64).is_err()
            || writer.bytes(frame).is_err()
        {
            return false;
        }
        self.length = self.length.saturating_add(needed);
        self.next_sequence = sequence.saturating_add(1);
        // The newest anchor of what stands in the block.
        self.origin = Origin {
            run: header.run,
            run_number: header.run_number,
            boot: header.boot,
            anchor: header.anchor,
        };
        true
    }
}

fn frame_uptime(frame: &[u8]) -> Option<Uptime> {
    let mut reader = Reader::new(frame);
    reader.u8().ok()?;
    reader.varint().ok().map(Uptime::from_millis)
}
