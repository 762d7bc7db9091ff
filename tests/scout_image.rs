//! The suspects as bytes: what was written is read, whatever else stands there is no process, and nobody reads half a change.
#![expect(
    clippy::unwrap_used,
    reason = "a test may stop at whatever surprises it"
)]

use hansho::clock::Uptime;
use hansho::scout::image::{IMAGE_BYTES, Image, PROCESS_BYTES, decode, encode};
use hansho::scout::{
    Coverage, Growth, Identity, LISTED, Listed, Look, Particulars, Process, Suspects, Table, Text,
};
use hansho::spool::Memory;
use hansho::sys::Mapping;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::BTreeSet;

fn any_text<const N: usize>() -> impl Strategy<Value = Text<N>> {
    vec(any::<u8>(), 0..=N).prop_map(|bytes| Text::cut(&bytes))
}

fn any_growth() -> impl Strategy<Value = Option<Growth>> {
    option::of((any::<i64>(), any::<u64>()).prop_map(|(kib, over_ms)| Growth { kib, over_ms }))
}

fn any_process() -> impl Strategy<Value = Process> {
    let numbers = (
        1_u32..,
        any::<u64>(),
        any::<u32>(),
        any::<u32>(),
        any::<u64>(),
        any::<u64>(),
    );
    let options = (
        any::<Option<u32>>(),
        any::<Option<i16>>(),
        any::<Option<u64>>(),
        any::<Option<u64>>(),
        any::<Option<u32>>(),
        any_growth(),
        any_growth(),
    );
    let texts = (any_text(), option::of(any_text()), option::of(any_text()));
    (numbers, options, texts).prop_map(|(numbers, options, texts)| Process {
        id: Identity {
            pid: numbers.0,
            start_ticks: numbers.1,
        },
        parent: numbers.2,
        threads: numbers.3,
        read_at: Uptime::from_millis(numbers.4),
        entered_at: Uptime::from_millis(numbers.5),
        uid: options.0,
        oom_score_adj: options.1,
        memory_kib: options.2,
        swap_kib: options.3,
        cpu_permille: options.4,
        growth_short: options.5,
        growth_long: options.6,
        name: texts.0,
        unit: texts.1,
        container: texts.2,
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(process in any_process(), lists: u8, user in option::of(any_text())) {
        let listed = Listed {
            lists,
            process,
            user,
        };
        prop_assert_eq!(decode(&encode(Some(&listed))), Some(listed));
    }

    #[test]
    fn any_bytes_are_a_process_or_none(bytes in vec(any::<u8>(), PROCESS_BYTES), first in 0_u8..3) {
        let mut bytes: [u8; PROCESS_BYTES] = bytes.try_into().unwrap();
        bytes[0] = first;
        if let Some(listed) = decode(&bytes) {
            prop_assert_eq!(decode(&encode(Some(&listed))), Some(listed));
        }
    }

    #[test]
    fn any_memory_is_read_without_harm(seed in vec(any::<u8>(), 1..500), has_magic: bool) {
        let memory = Mapping::anonymous(u64::try_from(IMAGE_BYTES).unwrap()).unwrap();
        let noise: Vec<u8> = seed.iter().copied().cycle().take(IMAGE_BYTES).collect();
        memory.write(0, &noise);
        if has_magic {
            memory.write(0, b"HNSCOUT1");
        }
        let image = Image::of(&memory).unwrap();
        prop_assert!(image.suspects().count() <= LISTED);
        let _seen = image.coverage();
    }
}

#[test]
fn a_free_seat_and_too_little_memory_are_nothing() {
    assert_eq!(decode(&encode(None)), None);
    assert_eq!(decode(&[0xFF; PROCESS_BYTES]), None);
    let short = Mapping::anonymous(4096).unwrap();
    assert!(Image::of(&short).is_none());
}

/// A look in which every number is made of one, so that a mixture of two shows.
fn look(pid: u32, number: u64) -> Look {
    Look {
        at: Uptime::from_millis(number),
        id: Identity {
            pid,
            start_ticks: number,
        },
        parent: u32::try_from(number).unwrap(),
        threads: u32::try_from(number).unwrap(),
        name: Text::cut(number.to_string().as_bytes()),
        runs: false,
        cpu_ms: 0,
        age_ms: number,
        memory_kib: Some(number),
        swap_kib: Some(number),
    }
}

fn is_of_one_look(process: &Process) -> bool {
    let number = process.id.start_ticks;
    let words = number.to_string();
    process.memory_kib == Some(number)
        && process.swap_kib == Some(number)
        && u64::from(process.parent) == number
        && u64::from(process.threads) == number
        && process.read_at.as_millis() == number
        && process.name.as_bytes() == words.as_bytes()
        && process.unit.as_ref().map(Text::as_bytes) == Some(words.as_bytes())
}

fn coverage(number: u32) -> Coverage {
    Coverage {
        seen: number,
        read: number,
        refused: number,
        threads: u64::from(number),
        ended: Uptime::from_millis(u64::from(number)),
        ..Coverage::default()
    }
}

#[test]
fn suspects_come_over_and_changes_follow() {
    let memory = Mapping::anonymous(u64::try_from(IMAGE_BYTES).unwrap()).unwrap();
    let (writer, reader) = (Image::create(&memory).unwrap(), Image::of(&memory).unwrap());
    let mut table = Table::boxed();
    assert_eq!(reader.suspects().count(), 0);
    assert_eq!(reader.coverage(), None);
    for pid in 1..=300 {
        let mut one = look(pid, u64::from(pid));
        // The largest are not those that are swapped most.
        one.swap_kib = Some(u64::from((pid + 150) % 300));
        table.offer(&one);
    }
    let pids = || -> BTreeSet<u32> {
        reader
            .suspects()
            .map(|listed| listed.process.id.pid)
            .collect()
    };
    assert!(writer.publish(&tops(&table), Some(&coverage(300))));
    assert_eq!(pids(), (293..=300).chain(142..=149).collect());
    assert_eq!(reader.coverage(), Some(coverage(300)));
    table.leave(table.seat_of(300).unwrap());
    assert!(writer.publish(&tops(&table), Some(&coverage(299))));
    assert_eq!(pids(), (292..=299).chain(142..=149).collect());
    let found: Vec<Listed> = reader.suspects().collect();
    assert_eq!(found, tops(&table));
    assert_eq!(reader.coverage(), Some(coverage(299)));
}

#[test]
fn a_writer_that_died_spoils_one_seat_until_the_next_writes_it() {
    let memory = Mapping::anonymous(u64::try_from(IMAGE_BYTES).unwrap()).unwrap();
    let image = Image::create(&memory).unwrap();
    let mut table = Table::boxed();
    for pid in 1..=3 {
        table.offer(&look(pid, 1));
    }
    image.publish(&tops(&table), None);
    let sequence = memory.load(64).unwrap();
    memory.store(64, sequence | 1);
    assert_eq!(image.suspects().count(), 2);
    // Nothing of them has changed, and yet the seat is written.
    let next = Image::create(&memory).unwrap();
    assert!(next.publish(&tops(&table), None));
    assert_eq!(next.suspects().count(), 3);
}

fn tops(table: &Table) -> Vec<Listed> {
    Suspects::of(table.processes()).listed().to_vec()
}

/// One process, all of whose values are `number`.
fn one(number: u64) -> Vec<Listed> {
    let mut table = Table::boxed();
    table.offer(&look(1, number));
    let particulars = Particulars {
        unit: Some(Text::cut(number.to_string().as_bytes())),
        ..Particulars::default()
    };
    table.describe(0, &particulars);
    tops(&table)
}

/// Memory in which something happens while a copy is half done.
struct Held<'a> {
    memory: &'a Mapping,
    in_read: &'a dyn Fn(),
    in_write: &'a dyn Fn(),
}

impl Memory for Held<'_> {
    fn len(&self) -> usize {
        self.memory.len()
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        let (first, second) = into.split_at_mut(into.len() / 2);
        let behind = offset.saturating_add(first.len());
        let half = self.memory.read(offset, first);
        (self.in_read)();
        half && self.memory.read(behind, second)
    }

    fn write(&self, offset: usize, bytes: &[u8]) -> bool {
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let behind = offset.saturating_add(first.len());
        let half = self.memory.write(offset, first);
        (self.in_write)();
        half && self.memory.write(behind, second)
    }

    fn load(&self, offset: usize) -> Option<u64> {
        self.memory.load(offset)
    }

    fn store(&self, offset: usize, value: u64) -> bool {
        self.memory.store(offset, value)
    }
}

#[test]
fn a_reader_that_is_held_up_reads_again() {
    let memory = Mapping::anonymous(u64::try_from(IMAGE_BYTES).unwrap()).unwrap();
    let writer = Image::create(&memory).unwrap();
    writer.publish(&one(1000), Some(&coverage(1000)));
    for changes in [1_u32, 3, 7, 8, 1000] {
        let (number, left) = (Cell::new(1000_u64), Cell::new(changes));
        let change = || {
            if left.get() > 0 {
                left.set(left.get().saturating_sub(1));
                number.set(number.get().saturating_add(1));
                let counted = coverage(u32::try_from(number.get()).unwrap());
                writer.publish(&one(number.get()), Some(&counted));
            }
        };
        let held = Held {
            memory: &memory,
            in_read: &change,
            in_write: &|| {},
        };
        let reader = Image::of(held).unwrap();
        // Eight times it tries, and then goes on without.
        let found: Vec<Process> = reader.suspects().map(|listed| listed.process).collect();
        assert_eq!(found.len(), usize::from(changes < 8), "{changes}");
        assert!(found.iter().all(is_of_one_look), "{found:?}");
        left.set(changes);
        let found = reader.coverage();
        assert_eq!(found.is_some(), changes < 8);
        assert!(found.is_none_or(|found| found == coverage(found.seen)));
    }
}

#[test]
fn nobody_reads_what_is_half_written() {
    let memory = Mapping::anonymous(u64::try_from(IMAGE_BYTES).unwrap()).unwrap();
    let reader = Image::of(&memory).unwrap();
    let looked = Cell::new(0);
    let look_now = || {
        assert!(
            reader
                .suspects()
                .all(|listed| is_of_one_look(&listed.process))
        );
        if let Some(found) = reader.coverage() {
            assert_eq!(found, coverage(found.seen));
        }
        looked.set(looked.get() + 1);
    };
    let held = Held {
        memory: &memory,
        in_read: &|| {},
        in_write: &look_now,
    };
    let writer = Image::create(held).unwrap();
    for number in [1000, 2000, 3000] {
        let counted = coverage(u32::try_from(number).unwrap());
        assert!(writer.publish(&one(number), Some(&counted)));
        let first = reader.suspects().next().unwrap();
        assert_eq!(first.process.id.start_ticks, number);
    }
    assert_eq!(looked.get(), 6);
}
