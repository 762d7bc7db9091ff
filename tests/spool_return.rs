//! A disk ring that was away for a boot and is back: its runs have higher numbers and are older all the same.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod spool_common;

use hansho::frame::{BootId, RunId, Stream};
use hansho::limit::CHECKPOINT_BYTES;
use hansho::spool::disk_ring::{DiskRing, create};
use hansho::spool::heap::HeapMemory;
use hansho::spool::reader::SpoolReader;
use hansho::spool::scribe::Scribe;
use hansho::spool::{Disk, Identity, Memory, MemoryRing};
use spool_common::{AGENT, KIB, PowerDisk, anchor, at, frame, identity, in_memory, on_disk};
use std::ops::ControlFlow;

const SIZE: u64 = 512 * KIB as u64;
const EARLIER: BootId = BootId(1);
const PRESENT: BootId = BootId(2);

fn open<M: Memory>(memory: M, run: u64, boot: BootId, floor: u64) -> MemoryRing<M> {
    let identity = Identity {
        boot,
        run_number_floor: floor,
        ..identity(run)
    };
    MemoryRing::open(memory, identity, at(0), anchor(0, 1_000_000))
        .unwrap()
        .0
}

/// Alerts before and after a checkpoint whose bytes are the run's id.
fn live(ring: &mut MemoryRing<&HeapMemory>, run: u8, alerts: u64) {
    for sequence in 0..alerts {
        if sequence + 1 == alerts {
            ring.checkpoint(at(10), &[run; 9]).unwrap();
        }
        let bytes = frame(u64::from(run), Stream::Alerts, sequence, 80);
        ring.append(Stream::Alerts, at(20), &bytes).unwrap();
    }
}

fn scribe<'r>(
    memory: &'r HeapMemory,
    disk: &'r PowerDisk,
) -> Scribe<&'r HeapMemory, &'r PowerDisk> {
    Scribe::new(memory, DiskRing::open(disk, AGENT, SIZE).unwrap().0)
}

/// Five runs of an earlier boot, all on the disk.
fn earlier() -> PowerDisk {
    let disk = PowerDisk::new(0);
    create(&disk, SIZE, &identity(1)).unwrap();
    let memory = HeapMemory::zeroed(128 * KIB);
    for run in 10..15 {
        let mut ring = open(&memory, run, EARLIER, 0);
        live(&mut ring, u8::try_from(run).unwrap(), 4);
        let turn = scribe(&memory, &disk).turn(at(30), true);
        assert_eq!((turn.fault, turn.checkpoint), (None, true));
    }
    disk
}

/// Run of the checkpoint that is restored, and (run, sequence) of the alerts that outrank it, in order.
fn restored<M: Memory, D: Disk>(reader: &mut SpoolReader<M, D>) -> (u64, Vec<(u64, u64)>) {
    reader.refresh();
    let mut buffer = [0; CHECKPOINT_BYTES];
    let (length, mark) = reader.latest_checkpoint(&mut buffer).unwrap();
    assert!(
        buffer[..length]
            .iter()
            .all(|byte| u64::from(*byte) == mark.run.0)
    );
    let mut alerts = Vec::new();
    reader.alerts_after(Some(&mark), &mut |held, sequence, _| {
        alerts.push((held.run.0, sequence));
        ControlFlow::Continue(())
    });
    (mark.run.0, alerts)
}

#[test]
fn the_present_boot_outranks_higher_numbers_of_an_earlier_one() {
    let disk = earlier();
    let memory = HeapMemory::zeroed(128 * KIB);
    // Started without the disk ring: run number 1.
    let mut ring = open(&memory, 20, PRESENT, 0);
    assert_eq!(ring.run_number(), 1);
    live(&mut ring, 20, 3);
    // A second run that ended before its first checkpoint.
    let mut ring = open(&memory, 21, PRESENT, 0);
    let bytes = frame(21, Stream::Alerts, 0, 80);
    ring.append(Stream::Alerts, at(40), &bytes).unwrap();

    let mut reader = SpoolReader::new(Some(&memory), Some(&disk));
    assert_eq!(restored(&mut reader), (20, vec![(20, 2), (21, 0)]));
    assert_eq!(reader.newest_run_number(), 5, "of both rings");
    let mut disk_alone = SpoolReader::<HeapMemory, _>::new(None, Some(&disk));
    assert_eq!(restored(&mut disk_alone), (14, vec![(14, 3)]));
}

#[test]
fn what_the_disk_missed_is_copied_whatever_its_run_numbers() {
    let disk = earlier();
    let memory = HeapMemory::zeroed(128 * KIB);
    for run in [20, 21] {
        live(
            &mut open(&memory, run, PRESENT, 0),
            u8::try_from(run).unwrap(),
            3,
        );
    }
    // The disk is back: the next run is numbered after both, and is killed before its first checkpoint.
    let mut ring = open(&memory, 22, PRESENT, 5);
    let bytes = frame(22, Stream::Alerts, 0, 80);
    ring.append(Stream::Alerts, at(40), &bytes).unwrap();
    let turn = scribe(&memory, &disk).turn(at(50), true);
    assert_eq!((turn.fault, turn.overtaken), (None, 0));
    let copied = on_disk(&disk);
    assert!(
        in_memory(&memory)
            .iter()
            .all(|(key, bytes)| copied.get(key) == Some(bytes))
    );
    assert_eq!(scribe(&memory, &disk).turn(at(51), true).blocks, 0, "once");

    // After a power cut: the checkpoint of the earlier boot, and everything of the later one outranks it, in order.
    let image = PowerDisk::with(disk.after_power_cut(0));
    let mut reader = SpoolReader::<HeapMemory, _>::new(None, Some(&image));
    let (run, alerts) = restored(&mut reader);
    assert_eq!(run, 14);
    let later: Vec<_> = [20, 21]
        .into_iter()
        .flat_map(|run| (0..3).map(move |sequence| (run, sequence)))
        .chain([(22, 0)])
        .collect();
    assert_eq!(alerts, [vec![(14, 3)], later].concat());

    // With a checkpoint of its own everything before is included.
    ring.checkpoint(at(60), &[22; 9]).unwrap();
    assert!(scribe(&memory, &disk).turn(at(61), true).checkpoint);
    let mut reader = SpoolReader::<HeapMemory, _>::new(None, Some(&disk));
    assert_eq!(restored(&mut reader), (22, vec![]));
}

#[test]
fn a_ring_without_superblocks_is_still_the_floor() {
    let disk = earlier();
    let mut image = disk.seen();
    image[..2 * 4096].fill(0xEE);
    let image = PowerDisk::with(image);
    let mut reader = SpoolReader::<HeapMemory, _>::new(None, Some(&image));
    assert_eq!(restored(&mut reader), (14, vec![(14, 3)]));
    assert_eq!(reader.newest_run_number(), 5);
    // A run of which only the superblock tells.
    let memory = HeapMemory::zeroed(128 * KIB);
    let ring = open(&memory, 20, PRESENT, 8);
    assert_eq!(scribe(&memory, &disk).turn(at(1), false).fault, None);
    let mut reader = SpoolReader::<HeapMemory, _>::new(None, Some(&disk));
    reader.refresh();
    assert_eq!((ring.run_number(), reader.newest_run_number()), (9, 9));
    assert!(reader.runs().iter().all(|held| held.run != RunId(20)));
}
