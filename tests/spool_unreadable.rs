//! A disk that cannot be read for a moment is told apart from a ring that does not hold what is asked for.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod spool_common;

use hansho::frame::{RunId, Stream};
use hansho::spool::disk_ring::{DiskRing, create};
use hansho::spool::heap::HeapMemory;
use hansho::spool::layout::{Layout, offset};
use hansho::spool::reader::{ReadEnd, SpoolReader};
use hansho::spool::scribe::Scribe;
use hansho::spool::{Disk, Memory};
use spool_common::{AGENT, KIB, PowerDisk, at, frame, identity, open};
use std::io;
use std::ops::{ControlFlow, Range};
use std::sync::Mutex;

const SIZE: u64 = 512 * KIB as u64;
/// One frame a block.
const LENGTH: usize = 3000;
const COUNT: u64 = 12;

/// A disk that does not give what stands in some places (EIO).
struct Deaf {
    disk: PowerDisk,
    places: Mutex<Range<u64>>,
}

impl Deaf {
    /// Blocks of the alerts, by number, that cannot be read from now on.
    fn alerts(&self, numbers: Range<u64>) {
        let area = Layout::for_size(SIZE).unwrap().area(Stream::Alerts);
        let at = |number| offset(area.first) + (number - 1) * 4096;
        *self.places.lock().unwrap() = at(numbers.start)..at(numbers.end);
    }

    fn all(&self) {
        *self.places.lock().unwrap() = 0..SIZE;
    }

    fn none(&self) {
        *self.places.lock().unwrap() = 0..0;
    }
}

impl Disk for Deaf {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        if self.places.lock().unwrap().contains(&offset) {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.disk.read_at(offset, into)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.write_at(offset, bytes)
    }
    fn sync(&self) -> io::Result<()> {
        self.disk.sync()
    }
    fn length(&self) -> io::Result<u64> {
        self.disk.length()
    }
    fn set_length(&self, length: u64) -> io::Result<()> {
        self.disk.set_length(length)
    }
}

/// Alerts 0 to 11 of run 2 on the disk, a block each; the memory ring holds the last few.
fn rings() -> (HeapMemory, Deaf) {
    let disk = PowerDisk::new(0);
    create(&disk, SIZE, &identity(1)).unwrap();
    let memory = HeapMemory::zeroed(128 * KIB);
    let (mut ring, _) = open(&memory, 2);
    let (disk_ring, _) = DiskRing::open(&disk, AGENT, SIZE).unwrap();
    let mut scribe = Scribe::new(&memory, disk_ring);
    for sequence in 0..COUNT {
        let bytes = frame(2, Stream::Alerts, sequence, LENGTH);
        ring.append(Stream::Alerts, at(1), &bytes).unwrap();
        assert_eq!(scribe.turn(at(1), true).fault, None);
    }
    drop(scribe);
    let places = Mutex::new(0..0);
    (memory, Deaf { disk, places })
}

fn read<M: Memory>(reader: &mut SpoolReader<M, &Deaf>, from: u64) -> (Vec<u64>, ReadEnd) {
    let mut found = Vec::new();
    let visited = reader.read(RunId(2), Stream::Alerts, from, &mut |sequence, _| {
        found.push(sequence);
        ControlFlow::Continue(())
    });
    assert_eq!(
        visited.next_sequence,
        found.last().map_or(from, |last| last + 1)
    );
    (found, visited.end)
}

fn until(until: u64) -> ReadEnd {
    ReadEnd::Unreadable { until: Some(until) }
}

#[test]
fn a_block_that_cannot_be_read_ends_the_read_before_it() {
    let (_, disk) = rings();
    let mut reader = SpoolReader::<HeapMemory, _>::new(None, Some(&disk));
    reader.refresh();
    // Known before it went: blocks 5 and 6 hold alerts 4 and 5.
    disk.alerts(5..7);
    assert_eq!(read(&mut reader, 0), ((0..4).collect(), until(6)));
    assert_eq!(read(&mut reader, 6), ((6..COUNT).collect(), ReadEnd::All));
    // The last ones.
    disk.alerts(11..13);
    assert_eq!(read(&mut reader, 8), ((8..10).collect(), until(COUNT)));
    disk.none();
    assert_eq!(read(&mut reader, 0), ((0..COUNT).collect(), ReadEnd::All));
    assert_eq!(read(&mut reader, COUNT), (vec![], ReadEnd::All));
}

#[test]
fn what_could_never_be_read_is_not_taken_for_a_gap() {
    let (_, disk) = rings();
    disk.alerts(5..7);
    let mut reader = SpoolReader::<HeapMemory, _>::new(None, Some(&disk));
    reader.refresh();
    assert_eq!(read(&mut reader, 0), ((0..4).collect(), until(6)));
    disk.none();
    assert!(reader.refresh(), "it is looked at again");
    assert_eq!(read(&mut reader, 0), ((0..COUNT).collect(), ReadEnd::All));
}

#[test]
fn what_memory_holds_needs_no_disk() {
    let (memory, disk) = rings();
    let held = {
        let mut reader = SpoolReader::<_, &Deaf>::new(Some(&memory), None);
        reader.refresh();
        reader.runs()[0].first_sequence
    };
    assert!(held > 4 && held < COUNT);
    for silent_from_the_start in [false, true] {
        disk.none();
        let mut reader = SpoolReader::new(Some(&memory), Some(&disk));
        if !silent_from_the_start {
            reader.refresh();
        }
        disk.all();
        reader.refresh();
        assert_eq!(read(&mut reader, held).0, (held..COUNT).collect::<Vec<_>>());
        // What is before it stands on the disk only.
        assert_eq!(read(&mut reader, 1), (vec![], until(held)));
        disk.none();
        reader.refresh();
        assert_eq!(read(&mut reader, 0), ((0..COUNT).collect(), ReadEnd::All));
    }
}
