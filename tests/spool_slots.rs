//! The slots of superblocks and checkpoints: bad sectors under one of them, and torn ones.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that fails may panic"
)]

mod spool_common;

use hansho::frame::Stream;
use hansho::limit::CHECKPOINT_BYTES;
use hansho::spool::disk_ring::{DiskRing, create};
use hansho::spool::heap::HeapMemory;
use hansho::spool::layout::{Layout, offset};
use hansho::spool::reader::SpoolReader;
use hansho::spool::scribe::{Scribe, Step};
use spool_common::{AGENT, Failing, KIB, PowerDisk, at, frame, identity, in_memory, on_disk, open};

const SIZE: u64 = 1024 * KIB as u64;

fn new_disk() -> PowerDisk {
    let disk = PowerDisk::new(0);
    create(&disk, SIZE, &identity(1)).unwrap();
    disk
}

fn newest(disk: &PowerDisk) -> Option<(u8, u64)> {
    let mut reader = SpoolReader::<HeapMemory, _>::new(None, Some(disk));
    reader.refresh();
    let mut buffer = [0; CHECKPOINT_BYTES];
    let (_, mark) = reader.latest_checkpoint(&mut buffer)?;
    Some((buffer[0], mark.generation))
}

#[test]
fn a_bad_sector_under_a_fixed_block_stops_nothing_else() {
    for block in 0..14 {
        let disk = new_disk();
        let memory = HeapMemory::zeroed(256 * KIB);
        let (mut ring, _) = open(&memory, 2);
        disk.set_failing(Failing::Place(offset(block)));
        let (disk_ring, _) = DiskRing::open(&disk, AGENT, SIZE).unwrap();
        let mut scribe = Scribe::new(&memory, disk_ring);
        let (mut now, mut late, mut checkpoints, mut superblocks) = (at(0), 0, 0, 0);
        for round in 0..60_u64 {
            let alert = frame(2, Stream::Alerts, round, 300);
            ring.append(Stream::Alerts, now, &alert).unwrap();
            ring.checkpoint(now, &vec![round as u8; CHECKPOINT_BYTES])
                .unwrap();
            let cursor = hansho::spool::Cursor {
                run_number: 1,
                run: hansho::frame::RunId(2),
                next_sequence: round,
            };
            ring.set_cursor(now, Stream::Alerts, cursor).unwrap();
            // Ten minutes a round: superblocks are due, and every patience has ended.
            now = now.plus(600_000);
            let turn = scribe.turn(now, false);
            assert_eq!(turn.blocks, 1, "block {block}, round {round}");
            checkpoints += u64::from(turn.checkpoint);
            superblocks += u64::from(turn.superblock);
            if let Some(fault) = turn.fault {
                late = round;
                assert_eq!(
                    fault.step,
                    if block < 2 {
                        Step::Superblock
                    } else {
                        Step::Checkpoint
                    }
                );
            }
        }
        assert!(on_disk(&disk) == in_memory(&memory));
        let (_, recovered) = DiskRing::open(&disk, AGENT, SIZE).unwrap();
        assert!(recovered.superblock_whole);
        assert_eq!(
            recovered.cursors.get(Stream::Alerts).unwrap().next_sequence,
            59
        );
        assert_eq!(newest(&disk).unwrap().0, 59, "block {block}");
        // Three tries in one slot, after the first that told nothing, and then the other one is written for good.
        assert!(
            late < 6 && checkpoints >= 56 && superblocks >= 56,
            "{late} {checkpoints} {superblocks}"
        );
    }
}

#[test]
fn a_torn_checkpoint_is_written_over_and_the_whole_one_stays() {
    // The parts of generation 5 of which one is torn: then 4 is the newest.
    for torn in 0..4 {
        let memory = HeapMemory::zeroed(256 * KIB);
        let disk = new_disk();
        let (mut ring, _) = open(&memory, 2);
        let (disk_ring, _) = DiskRing::open(&disk, AGENT, SIZE).unwrap();
        let mut scribe = Scribe::new(&memory, disk_ring);
        for generation in 1..=5_u8 {
            ring.checkpoint(at(1), &[generation; CHECKPOINT_BYTES])
                .unwrap();
            let turn = scribe.turn(at(1), true);
            assert!(turn.fault.is_none() && turn.checkpoint);
        }
        let place = offset(Layout::checkpoint(5, torn)) as usize;
        let mut in_memory = memory.to_vec();
        in_memory[place + 96..place + 200].fill(0xEE);
        let memory = HeapMemory::copied(&in_memory);
        let mut image = disk.seen();
        image[place + 96..place + 200].fill(0xEE);
        let on_disk = image.clone();
        let disk = PowerDisk::with(image);
        assert_eq!(newest(&disk), Some((4, 4)));

        let (mut ring, _) = open(&memory, 3);
        let mut buffer = [0; CHECKPOINT_BYTES];
        assert_eq!(ring.latest_checkpoint(&mut buffer).unwrap().1.generation, 4);
        let whole = offset(Layout::checkpoint(4, 0)) as usize
            ..offset(Layout::checkpoint(4, 3)) as usize + 4096;
        let before = memory.to_vec()[whole.clone()].to_vec();
        ring.checkpoint(at(2), &[7; CHECKPOINT_BYTES]).unwrap();
        assert_eq!(
            ring.latest_checkpoint(&mut buffer).unwrap().1.generation & 1,
            1
        );
        assert!(memory.to_vec()[whole.clone()] == before);

        // On the disk too: if power goes within, the whole one is still there.
        let (disk_ring, _) = DiskRing::open(&disk, AGENT, SIZE).unwrap();
        let mut scribe = Scribe::new(&memory, disk_ring);
        let turn = scribe.turn(at(2), true);
        assert!(turn.fault.is_none() && turn.checkpoint);
        assert!(disk.seen()[whole.clone()] == on_disk[whole]);
        let (byte, generation) = newest(&disk).unwrap();
        assert_eq!((byte, generation & 1), (7, 1));
    }
}
