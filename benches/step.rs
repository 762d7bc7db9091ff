//! What judging a tick costs, without the kernel: one `Machine::step` with the built-in rules (reading made, rules
//! judged, readings packed into frames), and `RuleSet::step` alone.
//!
//! `cargo bench --bench step`. Time is virtual and goes on by a second a step, as in the agent; the samples are those of
//! the committed recording, over and over. Journals drop what they are given: the ring has a bench of its own.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark may stop at whatever surprises it"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use hansho::clock::{Uptime, WallTime};
use hansho::code::defaults::builtin_rules;
use hansho::frame::Stream;
use hansho::machine::{Input, Journal, Machine, Settings, Tick, Unrecorded};
use hansho::rule::{Intervals, RuleSet};
use hansho::sample::json::from_json;
use hansho::sample::{ProcReader, Quantiser, Reader, Reading, Sample};
use std::hint::black_box;
use std::path::Path;

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/loaded.jsonl");
const INTERVALS: Intervals = Intervals {
    sample_ms: 1000,
    counters_ms: 5000,
};
/// Steps before anything is measured: every window of the built-in rules is then full (20 minutes and more).
const WARM_UP_STEPS: u64 = 3600;

#[derive(Default)]
struct Dropped {
    frames: u64,
    lines: u64,
}

impl Journal for Dropped {
    fn record(&mut self, _: Stream, _: Uptime, frame: &[u8]) {
        black_box(frame);
        self.frames += 1;
    }

    fn say(&mut self, line: &str) {
        black_box(line);
        self.lines += 1;
    }
}

fn samples() -> Vec<Sample> {
    let text = std::fs::read_to_string(RECORDING).unwrap();
    text.lines().map(|line| from_json(line).unwrap()).collect()
}

/// The whole tick after the look: a snapshot of this machine, with its uptime going on.
fn tick(criterion: &mut Criterion) {
    let settings = Settings {
        sample_interval_ms: 1000,
        counters_interval_ms: 5000,
        report_interval_ms: 10_000,
        forwards: true,
    };
    let mut machine = Machine::new(settings, builtin_rules()).unwrap();
    let mut out = Dropped::default();
    let mut reader = ProcReader::open(Path::new("/")).unwrap();
    // Some looks that differ, so that there are changes to pack.
    let mut looks = Vec::new();
    for turn in 0..64 {
        let counters = turn % 5 == 0;
        looks.push(reader.look(Uptime::default(), WallTime::default(), counters));
    }
    let mut seconds = 0;
    let mut step = || {
        seconds += 1;
        let mut snapshot = looks[usize::try_from(seconds).unwrap() % looks.len()];
        snapshot.uptime = Uptime::from_millis(seconds * 1000);
        snapshot.wall = WallTime::from_millis(1_700_000_000_000 + seconds * 1000);
        let tick = Tick {
            snapshot,
            late_ms: 0,
            disk_ring_fault: Some(false),
            configuration_refused: false,
            unrecorded: Unrecorded::default(),
        };
        machine.step(snapshot.uptime, Input::Tick(black_box(&tick)), &mut out)
    };
    for _ in 0..WARM_UP_STEPS {
        step();
    }
    criterion.bench_function("Machine::step, one tick", |bencher| bencher.iter(&mut step));
    println!("frames {}, lines {}", out.frames, out.lines);
}

/// The rules alone, on readings that were made before.
fn rules(criterion: &mut Criterion) {
    let mut quantiser = Quantiser::new();
    let readings: Vec<Reading> = samples()
        .iter()
        .map(|sample| quantiser.reading(sample))
        .collect();
    let mut set = RuleSet::new(builtin_rules()).unwrap();
    let (mut seconds, mut transitions) = (0_u64, 0_u64);
    let mut step = || {
        seconds += 1;
        let reading = &readings[usize::try_from(seconds).unwrap() % readings.len()];
        set.step(
            Uptime::from_millis(seconds * 1000),
            INTERVALS,
            black_box(reading),
            &mut |_, _| transitions += 1,
        );
    };
    for _ in 0..WARM_UP_STEPS {
        step();
    }
    let count = builtin_rules().len();
    criterion.bench_function(
        &format!("RuleSet::step, {count} built-in rules"),
        |bencher| {
            bencher.iter(&mut step);
        },
    );
    println!("transitions {transitions}");
}

/// Sample to reading, the part of a tick before the rules.
fn quantise(criterion: &mut Criterion) {
    let samples = samples();
    let mut quantiser = Quantiser::new();
    let mut turn = 0;
    criterion.bench_function("Quantiser::reading", |bencher| {
        bencher.iter(|| {
            turn = (turn + 1) % samples.len();
            quantiser.reading(black_box(&samples[turn]))
        });
    });
}

criterion_group!(benches, tick, rules, quantise);
criterion_main!(benches);
