//! The writer of the memory ring is killed at every step.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test that fails may panic"
)]

mod spool_common;

use hansho::frame::Stream;
use hansho::limit::CHECKPOINT_BYTES;
use hansho::spool::heap::HeapMemory;
use hansho::spool::layout::Layout;
use hansho::spool::{Cursor, Kept, Memory};
use spool_common::{KIB, anchor, at, frame, in_memory, open};
use std::cell::Cell;

/// Memory whose writer dies: from the Nth change on nothing reaches it; of the Nth, half may.
struct Mortal<'m> {
    memory: &'m HeapMemory,
    left: Cell<u64>,
    torn: bool,
}

impl Mortal<'_> {
    fn is_dead(&self) -> bool {
        self.left.get() == 0
    }
}

impl Memory for Mortal<'_> {
    fn len(&self) -> usize {
        self.memory.len()
    }
    fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        self.memory.read(offset, into)
    }
    fn write(&self, offset: usize, bytes: &[u8]) -> bool {
        match self.left.get() {
            0 => return true,
            1 if self.torn => {
                self.memory.write(offset, &bytes[..bytes.len() / 2]);
            }
            1 => {}
            _ => {
                self.memory.write(offset, bytes);
            }
        }
        self.left.set(self.left.get() - 1);
        true
    }
    fn load(&self, offset: usize) -> Option<u64> {
        self.memory.load(offset)
    }
    fn store(&self, offset: usize, value: u64) -> bool {
        if self.left.get() > 1 {
            self.memory.store(offset, value);
        }
        self.left.set(self.left.get().saturating_sub(1));
        true
    }
}

const FRAMES: u64 = 20;
/// Three of them fill a block.
const LENGTH: usize = 1300;

/// What was done before death.
#[derive(Default)]
struct Done {
    alerts: u64,
    readings: u64,
    checkpoint: Option<u64>,
    cursor: Option<u64>,
    finished: bool,
}

fn scenario(memory: &Mortal<'_>) -> Done {
    let mut done = Done::default();
    let (mut ring, recovered) = open(memory, 2);
    assert_eq!(recovered.run_number, 2);
    for round in 0..FRAMES {
        let alert = frame(2, Stream::Alerts, round, LENGTH);
        ring.append(Stream::Alerts, at(round), &alert).unwrap();
        if memory.is_dead() {
            return done;
        }
        done.alerts += 1;
        let reading = frame(2, Stream::Readings, round, LENGTH);
        ring.append(Stream::Readings, at(round), &reading).unwrap();
        if memory.is_dead() {
            return done;
        }
        done.readings += 1;
        ring.checkpoint(at(round), &vec![round as u8; 300 * round as usize])
            .unwrap();
        if memory.is_dead() {
            return done;
        }
        done.checkpoint = Some(round);
        let cursor = Cursor {
            run_number: 2,
            run: hansho::frame::RunId(2),
            next_sequence: round,
        };
        ring.set_cursor(at(round), Stream::Alerts, cursor).unwrap();
        if round == 10 {
            ring.set_anchor(at(round), anchor(round, 9_000_000))
                .unwrap();
        }
        if memory.is_dead() {
            return done;
        }
        done.cursor = Some(round);
    }
    done.finished = true;
    done
}

/// A ring that an earlier run left.
fn left_by_run_one() -> HeapMemory {
    let memory = HeapMemory::zeroed(128 * KIB);
    let (mut ring, _) = open(&memory, 1);
    for sequence in 0..4 {
        let alert = frame(1, Stream::Alerts, sequence, 100);
        ring.append(Stream::Alerts, at(1), &alert).unwrap();
    }
    memory
}

fn check(memory: &HeapMemory, done: &Done) {
    // The next run finds a valid ring.
    let (ring, recovered) = open(memory, 3);
    assert_eq!(recovered.kept, Kept::Continued);
    assert!(recovered.run_number == 2 || recovered.run_number == 3);
    assert!(done.alerts == 0 || recovered.run_number == 3);

    let frames = in_memory(memory);
    let layout = Layout::for_size(128 * KIB as u64).unwrap();
    for (stream, count) in [
        (Stream::Alerts, done.alerts),
        (Stream::Readings, done.readings),
    ] {
        let held: Vec<u64> = frames
            .iter()
            .filter(|((run, number, _), _)| *run == 2 && *number == stream.number())
            .map(|((_, _, sequence), bytes)| {
                assert_eq!(*bytes, frame(2, stream, *sequence, LENGTH));
                *sequence
            })
            .collect();
        let next = held.last().map_or(0, |last| last + 1);
        assert!(
            next == count || next == count + 1,
            "{stream:?}: all that was appended"
        );
        let first = held.first().copied().unwrap_or(0);
        assert_eq!(held.len() as u64, next - first, "no gap");
        // One block may be in the middle of being recycled; a new anchor ends a block early.
        let kept = (u64::from(layout.area(stream).blocks) - 1) * 3 - 2;
        assert!(
            first <= count.saturating_sub(kept),
            "{stream:?} {first} {count}"
        );
    }
    if done.alerts == 0 {
        let of_run_one = frames.keys().filter(|(run, _, _)| *run == 1).count();
        assert_eq!(of_run_one, 4);
    }
    let mut buffer = [0; CHECKPOINT_BYTES];
    match (done.checkpoint, ring.latest_checkpoint(&mut buffer)) {
        (None, None) => {}
        (expected, Some((length, mark))) => {
            let round = mark.uptime.as_millis();
            assert_eq!(length as u64, 300 * round);
            assert!(
                buffer[..length]
                    .iter()
                    .all(|byte| u64::from(*byte) == round)
            );
            let expected = expected.map_or(0, |expected| expected);
            assert!(round == expected || round == expected + 1);
            assert_eq!(mark.next_alert, round + 1);
        }
        (Some(_), None) => panic!("the checkpoint is gone"),
    }
    let cursor = recovered
        .cursors
        .get(Stream::Alerts)
        .map(|cursor| cursor.next_sequence);
    let next = done.cursor.map_or(0, |cursor| cursor + 1);
    assert!(cursor == done.cursor || cursor == Some(next));
}

#[test]
fn nothing_that_was_appended_is_lost_wherever_the_writer_dies() {
    for torn in [false, true] {
        let mut steps = 1;
        loop {
            let memory = left_by_run_one();
            let mortal = Mortal {
                memory: &memory,
                left: Cell::new(steps),
                torn,
            };
            let done = scenario(&mortal);
            if done.finished {
                assert!(steps > 300, "the scenario is long enough: {steps}");
                break;
            }
            check(&memory, &done);
            steps += 1;
        }
    }
}

#[test]
fn a_ring_that_dies_while_it_is_started_anew_is_started_anew_again() {
    for torn in [false, true] {
        for steps in 1.. {
            let memory = HeapMemory::copied(&vec![0x5A; 128 * KIB]);
            let mortal = Mortal {
                memory: &memory,
                left: Cell::new(steps),
                torn,
            };
            open(&mortal, 1);
            let was_whole = !mortal.is_dead();
            let (mut ring, recovered) = open(&memory, 2);
            assert_eq!(recovered.kept == Kept::Continued, was_whole);
            ring.append(Stream::Alerts, at(1), b"alive").unwrap();
            assert_eq!(in_memory(&memory).len(), 1);
            if was_whole {
                break;
            }
        }
    }
}
