//! What a reading costs: bytes on the committed recording of a loaded hour, against JSON lines and plain postcard of
//! the same values; and the time of a push and of an unpack.
//!
//! `cargo bench --bench frame` prints the table first. A *changed* value is a field whose recorded (quantised) value
//! differs from its last one. Everything is charged: length prefix, kind, uptime, body header, base readings, block
//! headers; the tails of blocks that no frame fits any more stand in a column of their own.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a bench may stop"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use hansho::clock::{Uptime, WallTime};
use hansho::frame::cursor::varint_bytes;
use hansho::frame::packed::{Packer, Unpacker};
use hansho::frame::{Kind, body};
use hansho::limit::{BLOCK_HEADER_BYTES, BLOCK_PAYLOAD_BYTES, FRAME_BYTES};
use hansho::sample::reading::{FIELDS, quantum_shift};
use hansho::sample::{Field, Reading};
use serde_json::Value;
use std::hint::black_box;

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/loaded.jsonl");
/// The agent reads /proc/vmstat at every tenth sample; the recording has it on every line.
const COUNTERS_EVERY: usize = 10;

const LEVELS: [(Field, &str, &str); 14] = [
    (Field::MemoryAvailable, "memory", "available_kib"),
    (Field::MemoryAnonymous, "memory", "anonymous_kib"),
    (Field::PageCache, "memory", "page_cache_kib"),
    (Field::MemoryCommitted, "memory", "committed_kib"),
    (Field::MemoryDirty, "memory", "dirty_kib"),
    (Field::SlabReclaimable, "memory", "slab_reclaimable_kib"),
    (Field::SlabUnreclaimable, "memory", "slab_unreclaimable_kib"),
    (Field::Shmem, "memory", "shmem_kib"),
    (Field::SwapUsed, "memory", "swap_used_kib"),
    (Field::MemoryTotal, "memory", "total_kib"),
    (Field::SwapTotal, "memory", "swap_total_kib"),
    (Field::ZfsArc, "memory", "zfs_arc_kib"),
    (Field::HugetlbTotal, "memory", "hugetlb_total_kib"),
    (Field::HugetlbFree, "memory", "hugetlb_free_kib"),
];
const PLAIN: [(Field, &str, &str); 13] = [
    (Field::CpuBusy, "cpu", "busy_permille"),
    (Field::CpuUser, "cpu", "user_permille"),
    (Field::CpuSystem, "cpu", "system_permille"),
    (Field::CpuIowait, "cpu", "iowait_permille"),
    (Field::CpuSteal, "cpu", "steal_permille"),
    (Field::Load1, "cpu", "load1_centi"),
    (Field::Runnable, "cpu", "runnable"),
    (Field::Cores, "cpu", "cores"),
    (Field::PressureCpuSome, "pressure", "cpu_some_permille"),
    (
        Field::PressureMemorySome,
        "pressure",
        "memory_some_permille",
    ),
    (
        Field::PressureMemoryFull,
        "pressure",
        "memory_full_permille",
    ),
    (Field::PressureIoSome, "pressure", "io_some_permille"),
    (Field::PressureIoFull, "pressure", "io_full_permille"),
];
const COUNTERS: [(Field, &str); 5] = [
    (Field::OomKill, "oom_kill"),
    (Field::SwapIn, "swap_in_pages"),
    (Field::SwapOut, "swap_out_pages"),
    (Field::MajorFaults, "major_faults"),
    (Field::Refaults, "refaults"),
];

fn number(line: &Value, group: &str, name: &str) -> Option<u64> {
    line[group][name].as_u64()
}

/// The readings of the recording, quantised as the agent does, and the bytes of its lines.
fn recording() -> (Vec<Reading>, usize) {
    let text = std::fs::read_to_string(RECORDING).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut readings = Vec::with_capacity(lines.len());
    let mut counted: Option<&Value> = None;
    // The first line has no shares: a reading like it comes once a run.
    for (index, line) in lines.iter().enumerate().skip(1) {
        let shift = quantum_shift(number(line, "memory", "total_kib").unwrap());
        let uptime = Uptime::from_millis(line["uptime_ms"].as_u64().unwrap());
        let mut reading = Reading::empty(uptime, WallTime::default(), shift);
        for (field, group, name) in LEVELS {
            let kib = number(line, group, name);
            reading.set(
                field,
                kib.map(|kib| u32::try_from((kib + (1 << shift >> 1)) >> shift).unwrap()),
            );
        }
        for (field, group, name) in PLAIN {
            let value = number(line, group, name);
            reading.set(field, value.map(|value| u32::try_from(value).unwrap()));
        }
        if index % COUNTERS_EVERY == 1 {
            if let Some(before) = counted {
                let elapsed = uptime.as_millis() - before["uptime_ms"].as_u64().unwrap();
                for (field, name) in COUNTERS {
                    let now = number(line, "counters", name).unwrap();
                    let events = now - number(before, "counters", name).unwrap();
                    let rate = if field == Field::OomKill {
                        events
                    } else {
                        (events * 1000 + elapsed / 2) / elapsed
                    };
                    reading.set(field, Some(u32::try_from(rate).unwrap()));
                }
            }
            counted = Some(line);
        }
        readings.push(reading);
    }
    (readings, text.len() * (lines.len() - 1) / lines.len())
}

fn changed_values(readings: &[Reading]) -> usize {
    let mut known = [None; FIELDS];
    let mut changed = 0;
    for reading in readings {
        for (field, known) in Field::ALL.into_iter().zip(&mut known) {
            let value = reading.get(field);
            if value.is_some() && value != *known {
                changed += 1;
                *known = value;
            }
        }
    }
    changed
}

#[derive(Default)]
struct Cost {
    frames: usize,
    packed: usize,
    framed: usize,
    blocks: usize,
    tails: usize,
}

impl Cost {
    fn all(&self) -> usize {
        self.framed + self.blocks * BLOCK_HEADER_BYTES
    }
}

/// Packs all readings into History frames of at most `BYTES` of bits, and the frames into blocks.
fn pack<const BYTES: usize>(readings: &[Reading]) -> Cost {
    let mut cost = Cost::default();
    let mut packer = Packer::<BYTES>::new(1000);
    let mut room = 0;
    let mut take = |packer: &mut Packer<BYTES>| {
        let mut buffer = [0; FRAME_BYTES];
        let body = packer.body().unwrap();
        cost.packed += body.packed.len();
        let frame = body::encode(Kind::History, packer.first(), &body, &mut buffer).unwrap();
        let framed = frame.len() + varint_bytes(frame.len() as u64);
        if framed > room {
            cost.tails += room;
            cost.blocks += 1;
            room = BLOCK_PAYLOAD_BYTES;
        }
        room -= framed;
        cost.framed += framed;
        cost.frames += 1;
        packer.clear();
    };
    for reading in readings {
        if packer.push(reading).is_err() {
            take(&mut packer);
            packer.push(reading).unwrap();
        }
    }
    take(&mut packer);
    cost
}

/// The same values as a plain postcard struct: uptime, and each field as an Option.
fn postcard_bytes(readings: &[Reading]) -> usize {
    readings
        .iter()
        .map(|reading| {
            let fields = Field::ALL.map(|field| reading.get(field));
            let (near, far) = fields.split_at(17);
            let near: [Option<u32>; 17] = near.try_into().unwrap();
            let far: [Option<u32>; 17] = far.try_into().unwrap();
            postcard::to_stdvec(&(reading.uptime, near, far))
                .unwrap()
                .len()
        })
        .sum()
}

#[expect(clippy::cast_precision_loss, reason = "a table for people")]
fn table(readings: &[Reading], json: usize) {
    let changed = changed_values(readings);
    let count = readings.len();
    let per = |bytes: usize, of: usize| bytes as f64 / of as f64;
    println!(
        "{count} readings, {changed} changed values ({:.2} a reading)",
        per(changed, count)
    );
    println!(
        "{:<34}{:>8}{:>11}{:>13}{:>16}",
        "", "frames", "bytes", "a reading", "a changed value"
    );
    let row = |name: &str, frames: usize, bytes: usize| {
        println!(
            "{name:<34}{frames:>8}{bytes:>11}{:>13.2}{:>16.3}",
            per(bytes, count),
            per(bytes, changed)
        );
    };
    row("JSON lines", 0, json);
    row("plain postcard", 0, postcard_bytes(readings));
    for (most, cost) in [(900, pack::<900>(readings)), (3900, pack::<3900>(readings))] {
        row(
            &format!("packed to {most}: bits alone"),
            cost.frames,
            cost.packed,
        );
        row("  with frame and length", cost.frames, cost.framed);
        row("  with block headers: all", cost.frames, cost.all());
        row(
            "  with the tails of blocks too",
            cost.frames,
            cost.all() + cost.tails,
        );
    }
}

fn benches(criterion: &mut Criterion) {
    let (readings, json) = recording();
    table(&readings, json);
    let some = &readings[..readings.len().min(200)];
    criterion.bench_function("push 200 readings", |bencher| {
        bencher.iter(|| {
            let mut packer = Packer::<3900>::new(1000);
            for reading in some {
                packer.push(black_box(reading)).unwrap();
            }
            packer.count()
        });
    });
    let mut packer = Packer::<3900>::new(1000);
    for reading in some {
        packer.push(reading).unwrap();
    }
    let body = packer.body().unwrap();
    criterion.bench_function("unpack 200 readings", |bencher| {
        bencher.iter(|| {
            Unpacker::new(black_box(&body), packer.first())
                .map(Result::unwrap)
                .count()
        });
    });
}

criterion_group!(frame, benches);
criterion_main!(frame);
