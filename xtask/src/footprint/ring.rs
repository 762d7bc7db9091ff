//! What a reading costs: the per-second readings (stream 3) that the agent wrote into its memory ring.
//!
//! Everything is charged: the length before a frame, its header, the base reading of each frame, and of a block's
//! header the share that the frame takes of its block.

use crate::process::Failure;
use hansho::frame::packed::Unpacker;
use hansho::frame::{Body, Stream, body};
use hansho::limit::{BLOCK_BYTES, BLOCK_HEADER_BYTES, BLOCK_PAYLOAD_BYTES};
use hansho::sample::Field;
use hansho::spool::block::{AreaKind, Block};

/// Readings, what they took, and how much they said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct History {
    /// Frames.
    pub(super) frames: u64,
    /// Readings in them.
    pub(super) readings: u64,
    /// Values that differed from the last one of their field, first ones included.
    pub(super) changed_values: u64,
    /// Bytes.
    pub(super) bytes: u64,
}

/// Reads a copy of a memory ring.
///
/// # Errors
/// There is no reading in it, or one cannot be read.
pub(super) fn history(ring: &[u8]) -> Result<History, Failure> {
    let mut blocks: Vec<Block<'_>> = ring
        .chunks_exact(BLOCK_BYTES)
        .filter_map(|bytes| Block::check(bytes).ok())
        .filter(|block| block.header.area == AreaKind::Stream(Stream::History))
        .collect();
    blocks.sort_by_key(|block| (block.header.run_number, block.header.number));
    let mut history = History::default();
    let mut known = [None; Field::ALL.len()];
    for block in &blocks {
        for (_, frame) in block.frames() {
            take(frame, &mut known, &mut history)?;
        }
        // A length before each frame, and the header for the part of the block that is in use.
        let used = block.payload.len();
        let header = BLOCK_HEADER_BYTES
            .saturating_mul(used)
            .div_ceil(BLOCK_PAYLOAD_BYTES);
        let bytes = u64::try_from(used.saturating_add(header)).unwrap_or(u64::MAX);
        history.bytes = history.bytes.saturating_add(bytes);
    }
    if history.readings == 0 {
        return Err(Failure::Check("no readings in the memory ring".to_owned()));
    }
    Ok(history)
}

fn take(frame: &[u8], known: &mut [Option<u32>], history: &mut History) -> Result<(), Failure> {
    let broken = |why: String| Failure::Check(format!("a frame of the memory ring: {why}"));
    let (uptime, body) = body::decode(frame).map_err(|fault| broken(format!("{fault:?}")))?;
    let Body::History(readings) = body else {
        return Ok(());
    };
    history.frames = history.frames.saturating_add(1);
    for reading in Unpacker::new(&readings, uptime) {
        let reading = reading.map_err(|cut| broken(format!("{cut:?}")))?;
        history.readings = history.readings.saturating_add(1);
        for (field, known) in Field::ALL.into_iter().zip(known.iter_mut()) {
            let value = reading.get(field);
            if value.is_some() && value != *known {
                history.changed_values = history.changed_values.saturating_add(1);
                *known = value;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
    use hansho::frame::packed::Packer;
    use hansho::frame::{AgentId, BootId, Kind, RunId};
    use hansho::limit::FRAME_BYTES;
    use hansho::sample::Reading;
    use hansho::spool::block::{Header, seal};

    #[test]
    fn readings_and_changed_values_of_a_ring_are_counted() {
        let mut packer = Packer::<1024>::new(1000);
        for (second, busy) in [5, 5, 6].into_iter().enumerate() {
            let uptime = Uptime::from_millis(1000 * (second as u64 + 1));
            let mut reading = Reading::empty(uptime, WallTime::default(), 2);
            reading.set(Field::CpuBusy, Some(busy));
            reading.set(Field::Cores, Some(2));
            packer.push(&reading).unwrap();
        }
        let mut buffer = [0; FRAME_BYTES];
        let frame = body::encode(
            Kind::History,
            packer.first(),
            &packer.body().unwrap(),
            &mut buffer,
        )
        .unwrap();
        let mut payload = vec![u8::try_from(frame.len()).unwrap()];
        payload.extend_from_slice(frame);
        let header = Header {
            area: AreaKind::Stream(Stream::History),
            part: 0,
            parts: 0,
            ring: 1,
            number: 1,
            run: RunId(1),
            run_number: 1,
            boot: BootId(1),
            anchor: Anchor {
                uptime: Uptime::default(),
                wall: WallTime::default(),
                quality: AnchorQuality::Unset,
            },
            first_sequence: 0,
            uptime: Uptime::default(),
            agent: AgentId(1),
        };
        let mut block = [0; BLOCK_BYTES];
        seal(&header, &payload, &mut block);
        let mut ring = vec![0; BLOCK_BYTES];
        ring.extend_from_slice(&block);
        let found = history(&ring).unwrap();
        assert_eq!(
            (found.frames, found.readings, found.changed_values),
            (1, 3, 3)
        );
        assert_eq!(found.bytes, payload.len() as u64 + 1);
        assert!(history(&ring[..BLOCK_BYTES]).is_err());
    }
}
