//! The memory ring: what is appended is found again, wherever the writer is stopped.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test that fails may panic"
)]

use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use hansho::frame::{AgentId, BootId, RunId, Stream};
use hansho::limit::{CHECKPOINT_BYTES, FRAME_BYTES};
use hansho::spool::heap::HeapMemory;
use hansho::spool::memory_ring::AnewReason;
use hansho::spool::{AppendFault, Cursor, Identity, Kept, Memory, MemoryRing, OpenFault};

fn identity(run: u64) -> Identity {
    Identity {
        agent: AgentId(0xA6),
        run: RunId(run),
        boot: BootId(0xB0),
        ring: 0x1000 + run,
        run_number_floor: 0,
    }
}

fn at(millis: u64) -> Uptime {
    Uptime::from_millis(millis)
}

fn open(memory: &HeapMemory, run: u64) -> (MemoryRing<&HeapMemory>, hansho::spool::Recovered) {
    MemoryRing::open(memory, identity(run), at(0), Anchor::default()).unwrap()
}

#[test]
fn a_fresh_ring_says_so_and_is_continued_afterwards() {
    let memory = HeapMemory::zeroed(128 * 1024);
    let (mut ring, recovered) = open(&memory, 1);
    assert_eq!(recovered.kept, Kept::Anew(AnewReason::Fresh));
    assert_eq!(recovered.run_number, 1);
    assert_eq!(ring.append(Stream::Alerts, at(1), b"first"), Ok(0));
    assert_eq!(ring.append(Stream::Alerts, at(2), b"second"), Ok(1));
    assert_eq!(ring.append(Stream::Readings, at(2), b"other"), Ok(0));
    let cursor = Cursor {
        run_number: 1,
        run: RunId(1),
        next_sequence: 1,
    };
    ring.set_cursor(at(3), Stream::Alerts, cursor).unwrap();

    let (ring, recovered) = open(&memory, 2);
    assert_eq!(recovered.kept, Kept::Continued);
    assert_eq!(recovered.run_number, 2);
    assert_eq!(recovered.scan.taken, 2);
    assert_eq!(recovered.scan.skipped, 0);
    assert_eq!(recovered.cursors.get(Stream::Alerts), Some(cursor));
    assert_eq!(ring.next_sequence(Stream::Alerts), 0);
}

#[test]
fn another_agents_ring_is_started_anew() {
    let memory = HeapMemory::zeroed(128 * 1024);
    let (mut ring, _) = open(&memory, 1);
    ring.append(Stream::Alerts, at(1), b"secret of another")
        .unwrap();
    let other = Identity {
        agent: AgentId(7),
        run_number_floor: 40,
        ..identity(2)
    };
    let (_, recovered) = MemoryRing::open(&memory, other, at(0), Anchor::default()).unwrap();
    assert_eq!(recovered.kept, Kept::Anew(AnewReason::Agent(AgentId(0xA6))));
    assert_eq!(recovered.run_number, 41);
}

#[test]
fn garbage_is_started_anew() {
    let memory = HeapMemory::copied(&[0x5A; 128 * 1024]);
    let (_, recovered) = open(&memory, 1);
    assert_eq!(recovered.kept, Kept::Anew(AnewReason::Damaged));
    let (_, recovered) = open(&memory, 2);
    assert_eq!(recovered.kept, Kept::Continued);
}

#[test]
fn a_size_without_layout_is_refused() {
    let memory = HeapMemory::zeroed(4096);
    let outcome = MemoryRing::open(&memory, identity(1), at(0), Anchor::default());
    assert_eq!(outcome.err(), Some(OpenFault::NoLayout(4096)));
}

#[test]
fn bounds_of_frames_and_checkpoints_hold() {
    let memory = HeapMemory::zeroed(128 * 1024);
    let (mut ring, _) = open(&memory, 1);
    assert_eq!(
        ring.append(Stream::Alerts, at(1), b""),
        Err(AppendFault::Empty)
    );
    assert_eq!(
        ring.append(Stream::Alerts, at(1), &[1; FRAME_BYTES + 1]),
        Err(AppendFault::TooLong)
    );
    assert_eq!(
        ring.append(Stream::Alerts, at(1), &[1; FRAME_BYTES]),
        Ok(0),
        "a refused frame used no sequence"
    );
    assert_eq!(
        ring.checkpoint(at(1), &[0; CHECKPOINT_BYTES + 1]),
        Err(AppendFault::TooLong)
    );
}

#[test]
fn the_newest_checkpoint_is_found_whole() {
    let memory = HeapMemory::zeroed(128 * 1024);
    let (mut ring, _) = open(&memory, 1);
    let mut buffer = [0; CHECKPOINT_BYTES];
    assert_eq!(ring.latest_checkpoint(&mut buffer), None);
    for (round, length) in [0, 1, 3999, 4000, 4001, 8000, 5, 8000]
        .into_iter()
        .enumerate()
    {
        ring.append(Stream::Alerts, at(round as u64), b"alert")
            .unwrap();
        let content = vec![round as u8; length];
        ring.checkpoint(at(round as u64), &content).unwrap();
        let (found, mark) = ring.latest_checkpoint(&mut buffer).unwrap();
        assert_eq!(&buffer[..found], &content[..]);
        assert_eq!(mark.next_alert, round as u64 + 1);
        assert_eq!(mark.run_number, 1);
    }
    let (ring, _) = open(&memory, 2);
    let (found, mark) = ring.latest_checkpoint(&mut buffer).unwrap();
    assert_eq!((found, mark.run, mark.next_alert), (8000, RunId(1), 8));
}

#[test]
fn an_anchor_counts_when_it_moved() {
    let memory = HeapMemory::zeroed(128 * 1024);
    let (mut ring, _) = open(&memory, 1);
    let anchor = |uptime, wall, quality| Anchor {
        uptime: at(uptime),
        wall: WallTime::from_millis(wall),
        quality,
    };
    let host = AnchorQuality::Host;
    assert_eq!(ring.set_anchor(at(1), anchor(1000, 50_000, host)), Ok(true));
    assert_eq!(
        ring.set_anchor(at(2), anchor(2000, 51_999, host)),
        Ok(false)
    );
    assert_eq!(ring.set_anchor(at(3), anchor(2000, 52_000, host)), Ok(true));
    let confirmed = AnchorQuality::Confirmed;
    assert_eq!(
        ring.set_anchor(at(4), anchor(3000, 53_000, confirmed)),
        Ok(true)
    );
    assert_eq!(Memory::len(&memory), 128 * 1024);
}
