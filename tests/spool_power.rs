//! The disk ring: the power goes, writes and syncs fail, at every step.
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
use hansho::spool::disk_ring::{DiskFault, DiskRing, create};
use hansho::spool::heap::HeapMemory;
use hansho::spool::layout::{Layout, offset};
use hansho::spool::reader::SpoolReader;
use hansho::spool::scribe::{Scribe, Step};
use hansho::spool::{Cursor, MemoryRing};
use spool_common::{
    AGENT, Failing, KIB, PowerDisk, anchor, at, frame, identity, in_memory, on_disk, open,
};
use std::ops::ControlFlow;

/// Large enough that nothing is overwritten, so that what must be there is simply all.
const SIZE: usize = 512 * KIB;
const LENGTH: usize = 700;

fn new_disk() -> PowerDisk {
    let disk = PowerDisk::new(0);
    create(&disk, SIZE as u64, &identity(1)).unwrap();
    disk
}

/// What the scribe reported as durable.
#[derive(Clone, Default)]
struct Durable {
    alerts: u64,
    readings: u64,
    checkpoint: Option<u64>,
    cursor: Option<u64>,
    faults: u64,
}

/// Appends to memory, and turns the scribe, a minute a round; every fifth round urgently.
fn scenario(memory: &HeapMemory, disk: &PowerDisk, heal: bool) -> Durable {
    let (mut ring, _) = open(memory, 2);
    let (disk_ring, _) = DiskRing::open(disk, AGENT, SIZE as u64).unwrap();
    let mut scribe = Scribe::new(memory, disk_ring);
    let mut durable = Durable::default();
    for round in 0..12_u64 {
        let now = at(60_000 * (round + 1));
        append_round(&mut ring, round);
        let urgent = round % 5 == 4;
        let mut turn = scribe.turn(now, urgent);
        if turn.fault.is_some() {
            durable.faults += 1;
            if heal {
                // It is tried again before anything else happens.
                turn = scribe.turn(now.plus(turn.next_ms), urgent);
                assert_eq!(turn.fault, None);
            }
        }
        if turn.fault.is_none() && turn.next_ms > 0 {
            durable.alerts = 2 * (round + 1);
            if urgent {
                durable.readings = 3 * (round + 1);
                durable.cursor = Some(round);
            }
            if turn.checkpoint {
                durable.checkpoint = Some(round);
            }
        }
    }
    durable
}

fn append_round(ring: &mut MemoryRing<&HeapMemory>, round: u64) {
    let now = at(60_000 * (round + 1));
    for index in 0..2 {
        let alert = frame(2, Stream::Alerts, 2 * round + index, LENGTH);
        ring.append(Stream::Alerts, now, &alert).unwrap();
    }
    for index in 0..3 {
        let reading = frame(2, Stream::Readings, 3 * round + index, LENGTH);
        ring.append(Stream::Readings, now, &reading).unwrap();
    }
    let length = if round & 1 == 0 { 5000 } else { 50 };
    ring.checkpoint(now, &vec![round as u8; length]).unwrap();
    let cursor = Cursor {
        run_number: 1,
        run: RunId(2),
        next_sequence: round,
    };
    ring.set_cursor(now, Stream::Alerts, cursor).unwrap();
}

/// Reopens an image and holds it against what was reported.
fn check(image: Vec<u8>, durable: &Durable) {
    let disk = PowerDisk::with(image);
    let (mut ring, recovered) = DiskRing::open(&disk, AGENT, SIZE as u64).unwrap();
    assert!(recovered.superblock_whole);
    let frames = on_disk(&disk);
    for ((run, number, sequence), bytes) in &frames {
        let stream = Stream::from_number(*number).unwrap();
        assert_eq!(*bytes, frame(*run, stream, *sequence, LENGTH));
    }
    let has = |stream: Stream, sequence| frames.contains_key(&(2, stream.number(), sequence));
    assert!((0..durable.alerts).all(|sequence| has(Stream::Alerts, sequence)));
    assert!((0..durable.readings).all(|sequence| has(Stream::Readings, sequence)));
    let mut buffer = [0; CHECKPOINT_BYTES];
    match ring.latest_checkpoint(&mut buffer) {
        None => assert_eq!(durable.checkpoint, None),
        Some((length, mark)) => {
            let round = mark.uptime.as_millis() / 60_000 - 1;
            assert!(durable.checkpoint.is_none_or(|least| round >= least));
            assert_eq!(length, if round & 1 == 0 { 5000 } else { 50 });
            assert!(
                buffer[..length]
                    .iter()
                    .all(|byte| u64::from(*byte) == round)
            );
            // A checkpoint never tells of an alert that is not there.
            assert!((0..mark.next_alert).all(|sequence| has(Stream::Alerts, sequence)));
        }
    }
    let cursor = recovered
        .cursors
        .get(Stream::Alerts)
        .map(|cursor| cursor.next_sequence);
    assert!(cursor >= durable.cursor, "{cursor:?} {:?}", durable.cursor);
}

#[test]
fn what_was_reported_durable_survives_a_power_cut_at_every_step() {
    let mut step = 0;
    loop {
        step += 1;
        let disk = new_disk();
        let begun = disk.operations();
        disk.set_failing(Failing::From(begun + step));
        let memory = HeapMemory::zeroed(256 * KIB);
        let durable = scenario(&memory, &disk, false);
        for seed in 0..8 {
            let mixed = if seed < 4 { seed } else { 1000 * step + seed };
            check(disk.after_power_cut(mixed), &durable);
        }
        if durable.faults == 0 {
            assert!(step > 60, "the scenario is long enough: {step}");
            break;
        }
    }
}

#[test]
fn an_operation_that_fails_once_is_made_good() {
    let mut step = 0;
    loop {
        step += 1;
        let disk = new_disk();
        let begun = disk.operations();
        disk.set_failing(Failing::Once(begun + step));
        let memory = HeapMemory::zeroed(256 * KIB);
        let durable = scenario(&memory, &disk, true);
        assert_eq!(durable.alerts, 24);
        check(disk.after_power_cut(0), &durable);
        if durable.faults == 0 {
            break;
        }
    }
}

#[test]
fn a_disk_that_is_full_for_long_gets_everything_that_memory_still_holds() {
    let disk = new_disk();
    let memory = HeapMemory::zeroed(256 * KIB);
    let (mut ring, _) = open(&memory, 2);
    let (disk_ring, _) = DiskRing::open(&disk, AGENT, SIZE as u64).unwrap();
    let mut scribe = Scribe::new(&memory, disk_ring);
    disk.set_failing(Failing::From(disk.operations() + 3));
    let mut now = at(1000);
    let mut faults = 0;
    for round in 0..12 {
        append_round(&mut ring, round);
        for _ in 0..3 {
            let turn = scribe.turn(now, false);
            if let Some(fault) = turn.fault {
                faults += 1;
                assert_eq!(fault.errno, Some(28));
                assert!(matches!(
                    fault.step,
                    Step::Block | Step::Superblock | Step::Sync
                ));
            }
            assert!(turn.next_ms <= 60_000);
            now = now.plus(turn.next_ms.max(1));
        }
    }
    assert!(faults > 10);
    disk.set_failing(Failing::Nothing);
    let turn = scribe.turn(now, true);
    assert_eq!(turn.fault, None);
    assert_eq!(turn.overtaken, 0);
    assert!(on_disk(&disk) == in_memory(&memory));
    assert!(on_disk(PowerDisk::with(disk.after_power_cut(0))) == in_memory(&memory));
}

#[test]
fn a_place_that_cannot_be_written_is_left_out() {
    let disk = new_disk();
    let memory = HeapMemory::zeroed(256 * KIB);
    let (mut ring, _) = open(&memory, 2);
    let (disk_ring, _) = DiskRing::open(&disk, AGENT, SIZE as u64).unwrap();
    let mut scribe = Scribe::new(&memory, disk_ring);
    let mut reader = SpoolReader::<HeapMemory, _>::new(None, Some(&disk));
    let layout = Layout::for_size(SIZE as u64).unwrap();
    // The second block that the alerts come to.
    let place = offset(layout.area(Stream::Alerts).place(2));
    disk.set_failing(Failing::Place(place));
    let (mut now, mut faults, mut next) = (at(0), 0, 0);
    for sequence in 0..5 {
        let alert = frame(2, Stream::Alerts, sequence, 3000);
        ring.append(Stream::Alerts, now, &alert).unwrap();
        loop {
            let turn = scribe.turn(now, false);
            now = now.plus(turn.next_ms.max(1));
            if turn.fault.is_none() {
                break;
            }
            faults += 1;
        }
        reader.refresh();
        next = reader.read(RunId(2), Stream::Alerts, next, &mut |found, bytes| {
            assert_eq!(found, sequence);
            assert!(bytes == alert);
            ControlFlow::Continue(())
        });
        assert_eq!(
            next,
            sequence + 1,
            "a reader that polls looks past the place"
        );
    }
    assert_eq!(faults, 3, "three tries in one place");
    let (_, recovered) = DiskRing::open(&disk, AGENT, SIZE as u64).unwrap();
    assert_eq!((recovered.scan.taken, on_disk(&disk).len()), (5, 5));
}

#[test]
fn a_new_scribe_continues_where_the_disk_ends() {
    let disk = new_disk();
    let memory = HeapMemory::zeroed(512 * KIB);
    let mut blocks = 0;
    for run in 2..6 {
        let (mut ring, _) = open(&memory, run);
        for sequence in 0..7 {
            for stream in Stream::ALL {
                let bytes = frame(run, stream, sequence, LENGTH);
                ring.append(stream, at(1000), &bytes).unwrap();
            }
        }
        let (disk_ring, recovered) = DiskRing::open(&disk, AGENT, SIZE as u64).unwrap();
        assert_eq!(recovered.run_number, run - 2);
        let mut scribe = Scribe::new(&memory, disk_ring);
        // Runs end with frames uncopied: the next scribe copies them.
        let turn = scribe.turn(at(2000), run == 5);
        assert_eq!(turn.fault, None);
        blocks += turn.blocks;
        assert_eq!(scribe.turn(at(2001), run == 5).blocks, 0, "nothing twice");
    }
    let frames = on_disk(&disk);
    assert!(frames == in_memory(&memory));
    assert_eq!(frames.len(), 4 * 4 * 7);
    // 7 frames of 700 bytes fill two blocks at most, and few blocks are written twice.
    assert!(blocks <= 4 * 4 * 2, "{blocks}");
}

#[test]
fn a_file_that_is_no_ring_is_told_by_its_kind() {
    let disk = new_disk();
    let fault = |disk: &PowerDisk, size: usize| match DiskRing::open(disk, AGENT, size as u64) {
        Ok(_) => None,
        Err(fault) => Some(fault.to_string()),
    };
    assert_eq!(fault(&disk, SIZE), None);
    assert!(fault(&disk, 2 * SIZE).unwrap().contains("configured size"));
    assert!(matches!(
        DiskRing::open(&disk, hansho::frame::AgentId(1), SIZE as u64),
        Err(DiskFault::Agent(agent)) if agent == AGENT
    ));
    assert!(fault(&PowerDisk::new(4097), SIZE).unwrap().contains("4097"));
    assert!(
        fault(&PowerDisk::new(SIZE), SIZE)
            .unwrap()
            .contains("no block")
    );
    // Both superblocks damaged: the blocks themselves tell the ring.
    let mut image = disk.seen();
    image[..8192].fill(0xEE);
    assert!(fault(&PowerDisk::with(image.clone()), SIZE).is_some());
    let memory = HeapMemory::zeroed(128 * KIB);
    let (mut ring, _) = open(&memory, 2);
    ring.append(Stream::Alerts, at(1), &frame(2, Stream::Alerts, 0, LENGTH))
        .unwrap();
    let (disk_ring, _) = DiskRing::open(&disk, AGENT, SIZE as u64).unwrap();
    assert_eq!(
        Scribe::new(&memory, disk_ring).turn(at(2), false).fault,
        None
    );
    let mut image = disk.seen();
    image[..8192].fill(0xEE);
    let disk = PowerDisk::with(image);
    let (_, recovered) = DiskRing::open(&disk, AGENT, SIZE as u64).unwrap();
    assert!(!recovered.superblock_whole);
    assert_eq!(recovered.run_number, 1);
    assert_eq!(on_disk(&disk).len(), 1);
}

#[test]
fn a_ring_whose_creation_was_cut_short_opens_as_empty_or_not_at_all() {
    let mut step = 0;
    loop {
        step += 1;
        let disk = PowerDisk::new(0);
        disk.set_failing(Failing::From(step));
        let created = create(&disk, 128 * KIB as u64, &identity(1)).is_ok();
        let disk = PowerDisk::with(disk.after_power_cut(step));
        match DiskRing::open(&disk, AGENT, 128 * KIB as u64) {
            Ok((_, recovered)) => assert_eq!(recovered.scan.taken, 0),
            Err(_) => assert!(!created),
        }
        if created {
            break;
        }
    }
}

#[test]
fn what_waits_reaches_the_disk_in_five_minutes_or_by_the_block() {
    let disk = new_disk();
    let memory = HeapMemory::zeroed(256 * KIB);
    let (mut ring, _) = open(&memory, 2);
    let (disk_ring, _) = DiskRing::open(&disk, AGENT, SIZE as u64).unwrap();
    let mut scribe = Scribe::new(&memory, disk_ring);
    let append = |sequence: u64, ring: &mut MemoryRing<&HeapMemory>| {
        let bytes = frame(2, Stream::Readings, sequence, LENGTH);
        ring.append(Stream::Readings, at(1000), &bytes).unwrap();
    };
    append(0, &mut ring);
    assert_eq!(scribe.turn(at(1000), false).blocks, 0);
    assert_eq!(scribe.turn(at(300_999), false).blocks, 0);
    assert_eq!(scribe.turn(at(301_000), false).blocks, 1);
    for sequence in 1..7 {
        append(sequence, &mut ring);
        // Five of 702 bytes fit into 4000.
        let expected = u32::from(sequence == 6);
        assert_eq!(scribe.turn(at(302_000), false).blocks, expected);
    }
    assert_eq!(on_disk(&disk).len(), 6);
    ring.set_anchor(at(1), anchor(1, 77_000_000)).unwrap();
    assert!(!scribe.turn(at(303_000), false).superblock);
    assert!(scribe.turn(at(303_001), true).superblock);
    assert_eq!(on_disk(&disk).len(), 7);
}
