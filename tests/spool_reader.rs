//! The reader: both rings as one, while they go round, are damaged, or change under it.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test that fails may panic"
)]

mod spool_common;

use hansho::clock::Anchor;
use hansho::frame::{RunId, Stream};
use hansho::limit::CHECKPOINT_BYTES;
use hansho::spool::disk_ring::{DiskRing, create};
use hansho::spool::heap::HeapMemory;
use hansho::spool::reader::SpoolReader;
use hansho::spool::scribe::Scribe;
use hansho::spool::{Memory, MemoryRing};
use proptest::prelude::*;
use spool_common::{
    AGENT, Frames, KIB, PowerDisk, anchor, at, everything, frame, identity, in_memory, on_disk,
    open,
};
use std::ops::ControlFlow;
use std::sync::OnceLock;

const LENGTH: usize = 500;

fn both<'r>(
    memory: &'r HeapMemory,
    disk: &'r PowerDisk,
) -> SpoolReader<&'r HeapMemory, &'r PowerDisk> {
    SpoolReader::new(Some(memory), Some(disk))
}

fn new_disk(bytes: usize) -> PowerDisk {
    let disk = PowerDisk::new(0);
    create(&disk, bytes as u64, &identity(1)).unwrap();
    disk
}

fn sequences(frames: &Frames, run: u64, stream: Stream) -> Vec<u64> {
    frames
        .iter()
        .filter(|((r, s, _), _)| *r == run && *s == stream.number())
        .map(|((_, _, sequence), bytes)| {
            assert!(*bytes == frame(run, stream, *sequence, LENGTH));
            *sequence
        })
        .collect()
}

#[test]
fn every_area_goes_round_and_the_oldest_go_first() {
    const COUNT: u64 = 600;
    let memory = HeapMemory::zeroed(128 * KIB);
    let disk = new_disk(128 * KIB);
    let (mut ring, _) = open(&memory, 2);
    let (disk_ring, _) = DiskRing::open(&disk, AGENT, 128 * KIB as u64).unwrap();
    let mut scribe = Scribe::new(&memory, disk_ring);
    let mut follower = both(&memory, &disk);
    let mut polled = [0; 4];
    for sequence in 0..COUNT {
        for (stream, next) in Stream::ALL.into_iter().zip(&mut polled) {
            let bytes = frame(2, stream, sequence, LENGTH);
            assert_eq!(ring.append(stream, at(sequence), &bytes), Ok(sequence));
            // A reader that polls misses nothing.
            follower.refresh();
            let end = follower.read(RunId(2), stream, *next, &mut |found, bytes| {
                assert_eq!(found, sequence);
                assert!(bytes == frame(2, stream, sequence, LENGTH));
                ControlFlow::Continue(())
            });
            assert_eq!(end.next_sequence, sequence + 1);
            *next = end.next_sequence;
        }
        let turn = scribe.turn(at(sequence), false);
        assert_eq!((turn.fault, turn.overtaken), (None, 0));
    }
    assert_eq!(scribe.turn(at(COUNT), true).fault, None);
    let (of_memory, of_disk) = (in_memory(&memory), on_disk(&disk));
    let of_both = everything(&mut both(&memory, &disk));
    for stream in Stream::ALL {
        let counts = [&of_memory, &of_disk, &of_both].map(|frames| {
            let held = sequences(frames, 2, stream);
            let first = *held.first().unwrap();
            assert!(first > 0, "the oldest are gone");
            assert_eq!(held, (first..COUNT).collect::<Vec<_>>());
            held.len()
        });
        assert_eq!(counts[2], counts[0].max(counts[1]));
    }
    // A reader that asks for what is gone sees the jump, and so does one that kept its index.
    for reader in [&mut follower, &mut both(&memory, &disk)] {
        reader.refresh();
        let held = *reader
            .runs()
            .iter()
            .find(|held| held.stream == Stream::Readings)
            .unwrap();
        assert_eq!(held.next_sequence, COUNT);
        let mut first = None;
        reader.read(RunId(2), Stream::Readings, 1, &mut |sequence, _| {
            first = Some(sequence);
            ControlFlow::Break(())
        });
        assert_eq!(first, Some(held.first_sequence));
        assert!(held.first_sequence > 1);
    }
}

#[test]
fn what_memory_has_lost_the_disk_has_and_the_other_way_round() {
    let memory = HeapMemory::zeroed(128 * KIB);
    let disk = new_disk(512 * KIB);
    let mut expected = Vec::new();
    for run in 2..5 {
        let (mut ring, _) = open(&memory, run);
        let (disk_ring, _) = DiskRing::open(&disk, AGENT, 512 * KIB as u64).unwrap();
        let mut scribe = Scribe::new(&memory, disk_ring);
        for sequence in 0..80 {
            let bytes = frame(run, Stream::Readings, sequence, LENGTH);
            ring.append(Stream::Readings, at(sequence), &bytes).unwrap();
            expected.push((run, Stream::Readings.number(), sequence));
            scribe.turn(at(sequence), false);
        }
    }
    let mut reader = both(&memory, &disk);
    let found = everything(&mut reader);
    assert!(found.keys().copied().eq(expected));
    assert!(in_memory(&memory).len() < 80 && on_disk(&disk).len() < 240);
    let order: Vec<u64> = reader.runs().iter().map(|held| held.run_number).collect();
    assert_eq!(order, [1, 2, 3]);
    // Copies read the same, also the memory ring's as a file.
    let copied = HeapMemory::copied(&memory.to_vec());
    assert!(in_memory(&copied) == in_memory(&memory));
    assert!(on_disk(PowerDisk::with(memory.to_vec())) == in_memory(&memory));
    assert!(on_disk(PowerDisk::with(disk.seen())) == on_disk(&disk));
}

#[test]
fn alerts_after_the_checkpoint_are_those_it_does_not_include() {
    let memory = HeapMemory::zeroed(128 * KIB);
    let mut reader = SpoolReader::<_, PowerDisk>::new(Some(&memory), None);
    let mut after = |from_checkpoint: bool| {
        reader.refresh();
        let mut buffer = [0; CHECKPOINT_BYTES];
        let mark = reader.latest_checkpoint(&mut buffer).map(|(_, mark)| mark);
        assert!(mark.is_some());
        let mut found = Vec::new();
        reader.alerts_after(
            mark.as_ref().filter(|_| from_checkpoint),
            &mut |held, sequence, _| {
                found.push((held.run.0, sequence));
                ControlFlow::Continue(())
            },
        );
        found
    };
    for run in 2..4 {
        let (mut ring, _) = open(&memory, run);
        for sequence in 0..3 {
            let bytes = frame(run, Stream::Alerts, sequence, LENGTH);
            ring.append(Stream::Alerts, at(sequence), &bytes).unwrap();
            if run == 2 && sequence == 1 {
                ring.checkpoint(at(sequence), b"two alerts of run 2")
                    .unwrap();
            }
        }
    }
    assert_eq!(after(true), [(2, 2), (3, 0), (3, 1), (3, 2)]);
    assert_eq!(after(false).len(), 6);
}

#[test]
fn the_newest_anchor_of_a_run_is_told_at_once() {
    let memory = HeapMemory::zeroed(128 * KIB);
    let (mut ring, _) = open(&memory, 2);
    ring.append(Stream::Alerts, at(5), b"alert").unwrap();
    let mut reader = SpoolReader::<_, PowerDisk>::new(Some(&memory), None);
    let mut newest = || -> Anchor {
        reader.refresh();
        reader.runs()[0].anchor
    };
    assert_eq!(newest(), anchor(0, 1_000_000));
    ring.set_anchor(at(9), anchor(9, 1_700_000_000_000))
        .unwrap();
    assert_eq!(newest(), anchor(9, 1_700_000_000_000));
}

#[test]
fn a_reader_beside_a_writer_sees_only_what_was_written() {
    const COUNT: u64 = 4_000;
    let memory = HeapMemory::zeroed(128 * KIB);
    let (mut ring, _) = open(&memory, 2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for sequence in 0..COUNT {
                let bytes = frame(2, Stream::Readings, sequence, LENGTH);
                ring.append(Stream::Readings, at(sequence), &bytes).unwrap();
                ring.checkpoint(at(sequence), &vec![sequence as u8; 5000])
                    .unwrap();
            }
        });
        let mut reader = SpoolReader::<_, PowerDisk>::new(Some(&memory), None);
        let mut buffer = [0; CHECKPOINT_BYTES];
        let (mut next, mut seen, mut checkpoints) = (0, 0_u64, 0_u64);
        // Ends when the writer does, for nothing overwrites the last frame.
        while next < COUNT {
            reader.refresh();
            let visited = reader.read(RunId(2), Stream::Readings, next, &mut |sequence, bytes| {
                assert!(sequence >= next);
                assert!(bytes == frame(2, Stream::Readings, sequence, LENGTH));
                seen += 1;
                ControlFlow::Continue(())
            });
            next = visited.next_sequence;
            if let Some((length, mark)) = reader.latest_checkpoint(&mut buffer) {
                checkpoints += 1;
                assert_eq!(length, 5000);
                let byte = mark.uptime.as_millis() as u8;
                assert!(buffer[..length].iter().all(|found| *found == byte));
            }
        }
        assert!(seen > 0 && seen <= COUNT && checkpoints > 0);
    });
}

#[test]
fn what_was_overwritten_since_the_last_look_is_left_out_and_nothing_else() {
    let memory = HeapMemory::zeroed(128 * KIB);
    let (mut ring, _) = open(&memory, 2);
    let mut append = |sequences: std::ops::Range<u64>| {
        for sequence in sequences {
            let bytes = frame(2, Stream::Readings, sequence, LENGTH);
            ring.append(Stream::Readings, at(sequence), &bytes).unwrap();
        }
    };
    // Six blocks of seven frames; the index is made, then the first block is recycled.
    append(0..42);
    let mut reader = SpoolReader::<_, PowerDisk>::new(Some(&memory), None);
    reader.refresh();
    append(42..44);
    let mut read = |refresh: bool| {
        if refresh {
            reader.refresh();
        }
        let mut found = Vec::new();
        reader.read(RunId(2), Stream::Readings, 0, &mut |sequence, _| {
            found.push(sequence);
            ControlFlow::Continue(())
        });
        found
    };
    assert_eq!(read(false), (7..42).collect::<Vec<_>>());
    assert_eq!(read(true), (7..44).collect::<Vec<_>>());
}

/// Two runs in both rings, and all their frames.
fn images() -> &'static (Vec<u8>, Vec<u8>, Frames) {
    static IMAGES: OnceLock<(Vec<u8>, Vec<u8>, Frames)> = OnceLock::new();
    IMAGES.get_or_init(|| {
        let memory = HeapMemory::zeroed(128 * KIB);
        let disk = new_disk(128 * KIB);
        let mut all = Frames::new();
        for run in 2..4 {
            let (mut ring, _) = open(&memory, run);
            let (disk_ring, _) = DiskRing::open(&disk, AGENT, 128 * KIB as u64).unwrap();
            let mut scribe = Scribe::new(&memory, disk_ring);
            for sequence in 0..20 {
                for stream in Stream::ALL {
                    let bytes = frame(run, stream, sequence, LENGTH);
                    ring.append(stream, at(sequence), &bytes).unwrap();
                    all.insert((run, stream.number(), sequence), bytes);
                }
                ring.checkpoint(at(sequence), &[7; 4500]).unwrap();
                scribe.turn(at(sequence), sequence % 7 == 0);
            }
        }
        (memory.to_vec(), disk.seen(), all)
    })
}

#[derive(Clone, Debug)]
enum Damage {
    Byte(usize, u8),
    Zero(usize, usize),
    Copy(usize, usize),
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let one = prop_oneof![
        (0..128 * KIB, any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        // Headers, where every byte counts.
        (0..16_usize, 0..100_usize, any::<u8>())
            .prop_map(|(block, at, byte)| Damage::Byte(block * 4096 + at, byte)),
        (0..128 * KIB, 1..9000_usize).prop_map(|(at, length)| Damage::Zero(at, length)),
        (0..16_usize, 0..16_usize).prop_map(|(from, to)| Damage::Copy(from, to)),
    ];
    prop::collection::vec(one, 0..12)
}

fn apply(image: &[u8], damage: &[Damage]) -> Vec<u8> {
    let mut bytes = image.to_vec();
    for damage in damage {
        match *damage {
            Damage::Byte(at, byte) => bytes[at] = byte,
            Damage::Zero(at, length) => {
                let end = (at + length).min(bytes.len());
                bytes[at..end].fill(0);
            }
            Damage::Copy(from, to) => {
                bytes.copy_within(from * 4096..(from + 1) * 4096, to * 4096);
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn damage_never_makes_a_frame(in_memory_damage in damage(), on_disk_damage in damage()) {
        let (memory, disk, all) = images();
        let memory = HeapMemory::copied(&apply(memory, &in_memory_damage));
        let disk = PowerDisk::with(apply(disk, &on_disk_damage));
        let mut reader = both(&memory, &disk);
        let found = everything(&mut reader);
        for (key, bytes) in &found {
            prop_assert!(all.get(key) == Some(bytes), "{key:?}");
        }
        let mut buffer = [0; CHECKPOINT_BYTES];
        if let Some((length, _)) = reader.latest_checkpoint(&mut buffer) {
            prop_assert!(length == 4500 && buffer[..length].iter().all(|byte| *byte == 7));
        }
        // Writers open over it and go on.
        let (mut ring, _) = MemoryRing::open(&memory, identity(9), at(0), Anchor::default()).unwrap();
        let bytes = frame(9, Stream::Alerts, 0, LENGTH);
        prop_assert_eq!(ring.append(Stream::Alerts, at(1), &bytes), Ok(0));
        if let Ok((disk_ring, _)) = DiskRing::open(&disk, AGENT, 128 * KIB as u64) {
            let turn = Scribe::new(&memory, disk_ring).turn(at(1), true);
            prop_assert_eq!(turn.fault, None);
            let key = (9, Stream::Alerts.number(), 0);
            prop_assert!(on_disk(&disk).get(&key) == Some(&bytes));
        }
        prop_assert!(everything(&mut both(&memory, &disk)).contains_key(&(9, 0, 0)));
    }

    #[test]
    fn garbage_holds_nothing(seed in any::<u64>(), length in 0..300_000_usize) {
        let mut seeded = spool_common::Seeded(seed);
        let bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| seeded.next().to_le_bytes()).collect();
        let memory = HeapMemory::copied(&bytes);
        prop_assert!(in_memory(&memory).is_empty());
        prop_assert!(on_disk(PowerDisk::with(bytes)).is_empty());
        prop_assert!(memory.len() >= length);
    }
}
