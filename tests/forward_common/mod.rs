//! Rings, a host and a collector of the tests of the forwarder: in memory, in virtual time.
#![allow(
    dead_code,
    clippy::panic,
    reason = "each test binary uses a part of what the tests of the forwarder share, and may stop"
)]

pub(crate) mod server;

use hansho::clock::{Anchor, Uptime, WallTime};
use hansho::forward::batcher::Frames;
use hansho::forward::cursors::Held;
use hansho::forward::forwarder::{Host, Rings, Settings};
use hansho::forward::news::News;
use hansho::forward::trust::BUILD_WALL;
use hansho::frame::answer::{Answer, Stored};
use hansho::frame::batch::{BatchHeader, BatchWriter, open_batch};
use hansho::frame::body::{Body, Goodbye, encode};
use hansho::frame::seal::AgentKey;
use hansho::frame::{AgentId, BootId, Kind, RunId, Stream};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

pub(crate) const KEY: AgentKey = AgentKey([7; 32]);
pub(crate) const BOOT: BootId = BootId(3);

/// A frame that tells its own sequence.
pub(crate) fn frame(sequence: u64) -> Vec<u8> {
    let body = Goodbye {
        reason: 1,
        planned_ms: sequence,
        text: "",
    };
    let mut buffer = [0; 64];
    encode(Kind::Goodbye, Uptime::from_millis(7), &body, &mut buffer)
        .unwrap()
        .to_vec()
}

/// Sequences held of each run number and stream.
type HeldSequences = BTreeMap<(u64, Stream), BTreeSet<u64>>;

/// What is held, shared with the test.
#[derive(Clone, Default)]
pub(crate) struct TestRings(pub(crate) Arc<Mutex<HeldSequences>>);

pub(crate) fn run_of(number: u64) -> RunId {
    RunId(1000 + number)
}

impl TestRings {
    pub(crate) fn write(&self, run_number: u64, stream: Stream, sequences: std::ops::Range<u64>) {
        let mut rings = self.0.lock().unwrap();
        rings
            .entry((run_number, stream))
            .or_default()
            .extend(sequences);
    }
}

impl Frames for TestRings {
    fn read(
        &mut self,
        run: RunId,
        stream: Stream,
        from: u64,
        visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) {
        let rings = self.0.lock().unwrap();
        let Some(sequences) = rings.get(&(run.0 - 1000, stream)) else {
            return;
        };
        for sequence in sequences.range(from..) {
            if visit(*sequence, &frame(*sequence)).is_break() {
                return;
            }
        }
    }
}

impl Rings for TestRings {
    fn refresh(&mut self) {}

    fn held(&self) -> Vec<Held> {
        let rings = self.0.lock().unwrap();
        rings
            .iter()
            .filter_map(|((run_number, stream), sequences)| {
                Some(Held {
                    run_number: *run_number,
                    run: run_of(*run_number),
                    boot: BOOT,
                    anchor: Anchor::default(),
                    stream: *stream,
                    first: *sequences.first()?,
                    next: *sequences.last()? + 1,
                })
            })
            .collect()
    }
}

/// Clocks that stand still, and an ear.
#[derive(Default)]
pub(crate) struct TestHost {
    pub(crate) now_ms: Cell<u64>,
    pub(crate) told: Vec<News>,
}

impl Host for TestHost {
    fn monotonic_ms(&self) -> u64 {
        self.now_ms.get()
    }

    fn uptime(&self) -> Uptime {
        Uptime::from_millis(self.now_ms.get())
    }

    fn wall(&self) -> WallTime {
        BUILD_WALL
    }

    fn random(&mut self) -> u64 {
        0
    }

    fn tell(&mut self, news: News) -> bool {
        self.told.push(news);
        true
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        agent: AgentId(5),
        key_epoch: 0,
        key: KEY,
        boot: BOOT,
        post_interval_ms: 30_000,
    }
}

/// A collector: a watermark a (run, stream); what it stored, how often, and what it recorded as lost.
#[derive(Clone, Default)]
pub(crate) struct Collector {
    pub(crate) next: BTreeMap<(u64, Stream), u64>,
    pub(crate) stored: BTreeMap<(u64, Stream, u64), u32>,
    pub(crate) lost: BTreeSet<(u64, Stream, u64)>,
    /// In the order of arrival.
    pub(crate) order: Vec<(u64, Stream, u64)>,
    pub(crate) batches: u64,
    /// Losses that it had to record because the sequence jumped without a word.
    pub(crate) jumps: u64,
}

impl Collector {
    /// Takes a batch and answers it.
    pub(crate) fn take(&mut self, batch: &[u8]) -> Vec<u8> {
        self.take_except(batch, &[])
    }

    /// As [`Self::take`], but the section with one of these frames ends before it.
    pub(crate) fn take_except(&mut self, batch: &[u8], not: &[(RunId, Stream, u64)]) -> Vec<u8> {
        let opened = open_batch(batch, &KEY).unwrap();
        self.batches += 1;
        let mut answer = Answer {
            echo: opened.mac,
            collector_wall: BUILD_WALL,
            ..Answer::default()
        };
        for section in opened.sections() {
            let (run, stream) = (section.header.run, section.header.stream);
            let number = run.0 - 1000;
            let next = self.next.entry((number, stream)).or_default();
            let frames: Vec<_> = section.frames().collect();
            if !frames.is_empty() && section.header.first_sequence > *next {
                self.jumps += 1;
                for sequence in *next..section.header.first_sequence {
                    self.lost.insert((number, stream, sequence));
                }
                *next = section.header.first_sequence;
            }
            for found in frames {
                if found.last < *next {
                    continue;
                }
                if not.contains(&(run, stream, found.sequence)) {
                    break;
                }
                match found.body {
                    Ok((_, Body::Loss(_))) => {
                        for sequence in found.sequence.max(*next)..=found.last {
                            self.lost.insert((number, stream, sequence));
                        }
                    }
                    Ok((_, Body::Goodbye(body))) => {
                        assert_eq!(body.planned_ms, found.sequence);
                        let key = (number, stream, found.sequence);
                        *self.stored.entry(key).or_default() += 1;
                        self.order.push(key);
                    }
                    other => panic!("{other:?}"),
                }
                *next = found.last + 1;
            }
            let next = *next;
            answer.stored.push(Stored { run, stream, next }).unwrap();
        }
        let mut buffer = [0; 8192];
        answer.seal(&KEY, &mut buffer).unwrap().to_vec()
    }
}

/// A batch without sections: a sign of life.
pub(crate) fn empty_batch() -> Vec<u8> {
    let header = BatchHeader {
        key_epoch: 0,
        agent: settings().agent,
        run: run_of(1),
        boot: BOOT,
        sent_uptime: Uptime::from_millis(1),
        sent_wall: BUILD_WALL,
    };
    let mut buffer = vec![0; 8192];
    let writer = BatchWriter::new(&mut buffer, 8192, &header).unwrap();
    writer.seal(&KEY).unwrap().to_vec()
}
