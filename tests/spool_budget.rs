//! The flash budget: a day at the defaults, in virtual time, counted at the disk.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod spool_common;

use hansho::frame::{RunId, Stream};
use hansho::spool::disk_ring::{DiskRing, create};
use hansho::spool::heap::HeapMemory;
use hansho::spool::scribe::Scribe;
use hansho::spool::{Cursor, Disk};
use spool_common::{AGENT, KIB, PowerDisk, at, frame, identity, open};
use std::cell::Cell;
use std::io;

/// Counts bytes written.
struct Counting<'d> {
    disk: &'d PowerDisk,
    bytes: Cell<u64>,
}

impl Disk for Counting<'_> {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.disk.read_at(offset, into)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.bytes.set(self.bytes.get() + bytes.len() as u64);
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

/// A day of a host without trouble, looked at every ten seconds; `alerts` transitions come evenly spread.
fn day(alerts: u64) -> u64 {
    let size = 128 * KIB;
    let disk = PowerDisk::new(0);
    create(&disk, size as u64, &identity(1)).unwrap();
    let counting = Counting {
        disk: &disk,
        bytes: Cell::new(0),
    };
    let memory = HeapMemory::zeroed(256 * KIB);
    let (mut ring, _) = open(&memory, 2);
    let (disk_ring, _) = DiskRing::open(&counting, AGENT, size as u64).unwrap();
    let mut scribe = Scribe::new(&memory, disk_ring);
    for ten_seconds in 0..8640_u64 {
        let now = at(10_000 * ten_seconds);
        let mut append = |stream, length| {
            let bytes = frame(2, stream, ten_seconds, length);
            ring.append(stream, now, &bytes).unwrap();
        };
        append(Stream::Readings, 100);
        if ten_seconds % 25 == 0 {
            append(Stream::History, 3000);
        }
        let hourly = ten_seconds % 360 == 0;
        let transition = alerts > 0 && ten_seconds % (8640 / alerts) == 7;
        if hourly || transition {
            append(Stream::Alerts, 200);
        }
        ring.checkpoint(now, &[7; 3500]).unwrap();
        let cursor = Cursor {
            run_number: 1,
            run: RunId(2),
            next_sequence: ten_seconds,
        };
        ring.set_cursor(now, Stream::Readings, cursor).unwrap();
        let turn = scribe.turn(now, false);
        assert_eq!((turn.fault, turn.overtaken), (None, 0));
    }
    counting.bytes.get()
}

#[test]
fn a_day_at_the_defaults_writes_less_than_ten_megabytes() {
    let quiet = day(0);
    assert!((8_000_000..10_000_000).contains(&quiet), "{quiet}");
    let with_alerts = day(60);
    assert!((quiet..10_000_000).contains(&with_alerts), "{with_alerts}");
    println!("quiet {quiet}, with 60 alerts {with_alerts}");
}
