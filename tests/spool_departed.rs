//! A run that leaves the rings before it was acknowledged is remembered: it never goes silently.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod spool_common;

use hansho::frame::{RunId, Stream};
use hansho::limit::DEPARTED_RUNS;
use hansho::spool::disk_ring::{DiskRing, create};
use hansho::spool::heap::HeapMemory;
use hansho::spool::reader::SpoolReader;
use hansho::spool::scribe::Scribe;
use hansho::spool::{Cursor, Disk, Memory, MemoryRing};
use spool_common::{AGENT, Failing, KIB, PowerDisk, at, frame, identity, in_memory, open};

/// One frame a block; the alerts have five blocks in the memory ring, and a few more on the disk.
const LENGTH: usize = 3000;
const AREA: u64 = 4;
const DISK_SIZE: u64 = 200 * KIB as u64;

fn append(ring: &mut MemoryRing<&HeapMemory>, run: u64, sequences: std::ops::Range<u64>) {
    for sequence in sequences {
        let bytes = frame(run, Stream::Alerts, sequence, LENGTH);
        ring.append(Stream::Alerts, at(5), &bytes).unwrap();
    }
}

/// (run, first unsent, next) of what has departed, and (run, next) of what is held.
type Found = (Vec<(u64, u64, u64)>, Vec<(u64, u64)>);

fn found<M: Memory, D: Disk>(reader: &mut SpoolReader<M, D>) -> Found {
    reader.refresh();
    let departed = reader.departed().iter();
    let held = reader.runs().iter();
    (
        departed
            .map(|gone| (gone.run.0, gone.first_unsent, gone.next))
            .collect(),
        held.map(|held| (held.run.0, held.next_sequence)).collect(),
    )
}

fn of_memory(memory: &HeapMemory) -> Found {
    found(&mut SpoolReader::<_, PowerDisk>::new(Some(memory), None))
}

fn acknowledged(ring: &mut MemoryRing<&HeapMemory>, run: u64, next_sequence: u64) {
    let cursor = Cursor {
        run_number: run - 1,
        run: RunId(run),
        next_sequence,
    };
    ring.set_cursor(at(6), Stream::Alerts, cursor).unwrap();
}

#[test]
fn only_what_was_not_acknowledged_departs_and_only_with_its_last_block() {
    for stored in 0..=3 {
        let memory = HeapMemory::zeroed(128 * KIB);
        let (mut ring, _) = open(&memory, 2);
        append(&mut ring, 2, 0..3);
        let (mut ring, _) = open(&memory, 3);
        if stored > 0 {
            acknowledged(&mut ring, 2, stored);
        }
        append(&mut ring, 3, 0..AREA - 1);
        assert_eq!(of_memory(&memory), (vec![], vec![(2, 3), (3, AREA - 1)]));
        append(&mut ring, 3, AREA - 1..AREA);
        let gone = if stored < 3 {
            vec![(2, stored, 3)]
        } else {
            vec![]
        };
        assert_eq!(of_memory(&memory), (gone.clone(), vec![(3, AREA)]));
        // It is still there after a restart, and the running run never departs.
        let (mut ring, _) = open(&memory, 4);
        assert_eq!(of_memory(&memory).0, gone);
        append(&mut ring, 4, 0..3 * AREA);
        let expected = [gone, vec![(3, 0, AREA)]].concat();
        assert_eq!(of_memory(&memory), (expected, vec![(4, 3 * AREA)]));
    }
}

#[test]
fn the_newest_are_remembered_and_the_others_counted() {
    let memory = HeapMemory::zeroed(128 * KIB);
    for run in 2..40 {
        append(&mut open(&memory, run).0, run, 0..1);
    }
    let (departed, held) = of_memory(&memory);
    let newest = 40 - AREA;
    let expected: Vec<_> = (newest - DEPARTED_RUNS as u64..newest)
        .map(|run| (run, 0, 1))
        .collect();
    assert_eq!((departed, held.len() as u64), (expected, AREA));
    let mut reader = SpoolReader::<_, PowerDisk>::new(Some(&memory), None);
    reader.refresh();
    let table = reader.memory_view().state.unwrap().superblock.departed;
    assert_eq!(table.dropped(), newest - 2 - DEPARTED_RUNS as u64);
    assert_eq!(in_memory(&memory).len() as u64, AREA);
}

#[test]
fn no_power_cut_makes_a_run_go_silently() {
    let (mut was_held, mut has_departed) = (false, false);
    let mut step = 0;
    loop {
        step += 1;
        let disk = PowerDisk::new(0);
        create(&disk, DISK_SIZE, &identity(1)).unwrap();
        let memory = HeapMemory::zeroed(128 * KIB);
        let mut faults = 0;
        for run in 2..4 {
            let (mut ring, _) = open(&memory, run);
            let (disk_ring, _) = DiskRing::open(&disk, AGENT, DISK_SIZE).unwrap();
            let mut scribe = Scribe::new(&memory, disk_ring);
            let rounds = if run == 2 { 3 } else { 14 };
            if run == 3 {
                disk.set_failing(Failing::From(disk.operations() + step));
            }
            for round in 0..rounds {
                append(&mut ring, run, round..round + 1);
                faults += u64::from(scribe.turn(at(7), true).fault.is_some());
                // Held by one ring is held.
                let both = found(&mut SpoolReader::new(Some(&memory), Some(&disk)));
                let is_held = both.1.contains(&(2, 3));
                assert!(run == 2 || is_held || both.0.contains(&(2, 0, 3)));
            }
        }
        for seed in 0..8 {
            let image = PowerDisk::with(disk.after_power_cut(seed));
            let (departed, held) =
                found(&mut SpoolReader::<HeapMemory, _>::new(None, Some(&image)));
            let (is_held, is_departed) = (held.contains(&(2, 3)), departed.contains(&(2, 0, 3)));
            assert!(
                is_held != is_departed,
                "step {step} seed {seed}: {held:?} {departed:?}"
            );
            was_held |= is_held;
            has_departed |= is_departed;
        }
        if faults == 0 {
            break;
        }
    }
    assert!(was_held && has_departed && step > 20, "{step}");
}

#[test]
fn what_the_disk_never_got_of_a_run_that_it_holds_is_known_to_be_missing() {
    let disk = PowerDisk::new(0);
    create(&disk, DISK_SIZE, &identity(1)).unwrap();
    let memory = HeapMemory::zeroed(128 * KIB);
    let (mut ring, _) = open(&memory, 2);
    append(&mut ring, 2, 0..2);
    let (disk_ring, _) = DiskRing::open(&disk, AGENT, DISK_SIZE).unwrap();
    assert_eq!(
        Scribe::new(&memory, disk_ring).turn(at(7), true).fault,
        None
    );
    // Nothing reaches the disk any more.
    append(&mut ring, 2, 2..4);
    append(&mut open(&memory, 3).0, 3, 0..AREA);
    let (departed, held) = found(&mut SpoolReader::new(Some(&memory), Some(&disk)));
    assert_eq!((departed, held), (vec![], vec![(2, 4), (3, AREA)]));
}
