//! The bytes of version 1: golden files that every later version reads, and that this one writes identically.
//!
//! They are never written again: a changed format is a new version with golden files of its own. Where they are
//! missing, `HANSHO_WRITE_GOLDEN=1` writes them.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test that fails may panic"
)]

mod spool_common;

use hansho::frame::{RunId, Stream};
use hansho::limit::CHECKPOINT_BYTES;
use hansho::spool::disk_ring::{DiskRing, create};
use hansho::spool::heap::HeapMemory;
use hansho::spool::reader::SpoolReader;
use hansho::spool::scribe::Scribe;
use hansho::spool::{Cursor, Cursors};
use spool_common::{AGENT, Frames, KIB, PowerDisk, anchor, at, everything, frame, identity, open};
use std::path::PathBuf;

const SIZE: usize = 128 * KIB;

/// The same two runs each time: frames of every stream, a second anchor, cursors, checkpoints of one block and of six.
fn made() -> (Vec<u8>, Vec<u8>) {
    let memory = HeapMemory::zeroed(SIZE);
    let disk = PowerDisk::new(0);
    create(&disk, SIZE as u64, &identity(1)).unwrap();
    for run in 2..4 {
        let (disk_ring, _) = DiskRing::open(&disk, AGENT, SIZE as u64).unwrap();
        let (mut ring, _) = open(&memory, run);
        let mut scribe = Scribe::new(&memory, disk_ring);
        for sequence in 0..6 {
            for stream in Stream::ALL {
                let bytes = frame(run, stream, sequence, 10 + 60 * sequence as usize);
                ring.append(stream, at(1000 * sequence), &bytes).unwrap();
            }
            if sequence == 3 {
                let later = anchor(3000, 1_700_000_000_000 + run);
                ring.set_anchor(at(3000), later).unwrap();
            }
            let length = if run == 2 { 100 } else { CHECKPOINT_BYTES - 1 };
            ring.checkpoint(at(1000 * sequence), &vec![sequence as u8; length])
                .unwrap();
            let turn = scribe.turn(at(1000 * sequence), sequence == 5);
            assert_eq!(turn.fault, None);
        }
        let cursor = Cursor {
            run_number: run - 1,
            run: RunId(run),
            next_sequence: 4,
        };
        ring.set_cursor(at(6000), Stream::Alerts, cursor).unwrap();
    }
    (memory.to_vec(), disk.seen())
}

fn expected() -> Frames {
    let mut frames = Frames::new();
    for run in 2..4 {
        for stream in Stream::ALL {
            for sequence in 0..6 {
                let bytes = frame(run, stream, sequence, 10 + 60 * sequence as usize);
                frames.insert((run, stream.number(), sequence), bytes);
            }
        }
    }
    frames
}

fn golden(name: &str, made: &[u8]) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "golden", name]
        .iter()
        .collect();
    if std::env::var_os("HANSHO_WRITE_GOLDEN").is_some() && !path.exists() {
        std::fs::write(&path, made).unwrap();
    }
    std::fs::read(&path).unwrap()
}

fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    if a.len() != b.len() {
        return Some(a.len().min(b.len()));
    }
    a.iter().zip(b).position(|(a, b)| a != b)
}

#[test]
fn version_1_is_written_as_it_was() {
    let (memory, disk) = made();
    let golden_memory = golden("spool-v1-memory.bin", &memory);
    let golden_disk = golden("spool-v1-disk.bin", &disk);
    assert_eq!(first_difference(&golden_memory, &memory), None);
    assert_eq!(first_difference(&golden_disk, &disk), None);
}

#[test]
fn version_1_is_read_as_it_was_meant() {
    let (memory, disk) = made();
    let memory = HeapMemory::copied(&golden("spool-v1-memory.bin", &memory));
    let disk = PowerDisk::with(golden("spool-v1-disk.bin", &disk));
    let mut reader = SpoolReader::new(Some(&memory), Some(&disk));
    let found = everything(&mut reader);
    let expected = expected();
    assert!(
        found
            .iter()
            .all(|(key, bytes)| expected.get(key) == Some(bytes))
    );
    for stream in Stream::ALL {
        assert!(found.contains_key(&(3, stream.number(), 5)));
    }
    assert!(found.len() >= 24, "{}", found.len());
    for view in [reader.memory_view(), reader.disk_view()] {
        assert_eq!((view.scan.skipped, view.skipped), (0, 0));
        let state = view.state.unwrap();
        assert_eq!(state.superblock.agent, AGENT);
        assert_eq!(state.superblock.run_counter, 2);
        assert_eq!(state.header.anchor, anchor(3000, 1_700_000_000_003));
    }
    let mut cursors = Cursors::default();
    let cursor = Cursor {
        run_number: 2,
        run: RunId(3),
        next_sequence: 4,
    };
    cursors.set(Stream::Alerts, cursor);
    assert_eq!(reader.cursors(), cursors);
    let mut buffer = [0; CHECKPOINT_BYTES];
    let (length, mark) = reader.latest_checkpoint(&mut buffer).unwrap();
    assert_eq!(
        (length, mark.next_alert, mark.run),
        (CHECKPOINT_BYTES - 1, 6, RunId(3))
    );
    assert!(buffer[..length].iter().all(|byte| *byte == 5));
}

/// The header of a block, read as docs/SPOOL.md draws it, without the code that wrote it.
#[test]
fn the_bytes_are_where_the_document_says() {
    let bytes = golden("spool-v1-memory.bin", &made().0);
    let u64_at = |offset: usize| u64::from_le_bytes(bytes[offset..offset + 8].try_into().unwrap());
    // 32 blocks: 2 superblocks, 12 of checkpoints, then the areas: 4 alerts, 6 readings, 2 evidence, 6 history. The second
    // block of the readings:
    let readings = 19 * 4096;
    assert_eq!(&bytes[readings..readings + 5], b"HNSB\x01");
    assert_eq!(bytes[readings + 5], 1, "stream");
    assert_eq!(bytes[readings + 6], 1, "the host's clock");
    assert_eq!(u64_at(readings + 8), 0x1002, "ring id");
    assert_eq!(u64_at(readings + 40), 0xB007, "boot");
    assert_eq!(u64_at(readings + 80), AGENT.0);
    let number = u64_at(readings + 16);
    assert_eq!((number - 1) % 6, 1, "a number fits its place");
    let word = u64_at(readings + 88);
    let length = (word & 0xFFFF_FFFF) as usize;
    // CRC-32C, bit by bit.
    let mut crc = u32::MAX;
    let covered = bytes[readings..readings + 88]
        .iter()
        .chain(&bytes[readings + 96..readings + 96 + length]);
    for byte in covered {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82F6_3B78 * (crc & 1));
        }
    }
    assert_eq!(u64::from(!crc), word >> 32);
    // The fourth frame is the first of the block that the second anchor began: 250 bytes, behind a varint of two.
    assert_eq!(&bytes[readings + 96..readings + 99], &[0xFA, 0x01, 16]);
    assert_eq!(u64_at(readings + 64), 4, "first sequence");
}
