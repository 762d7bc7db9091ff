//! How long `hansho replay` takes for a week of readings, one a second: the real program on a ring that is made here.
//!
//! `cargo bench --bench replay`. The readings are those of the committed recording, over and over, quantised and packed as an
//! agent does it. Beside it: unpacking alone, which nobody can save.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark may stop at whatever surprises it"
)]

use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use hansho::frame::body::{decode, encode};
use hansho::frame::packed::{Packer, Unpacker};
use hansho::frame::{AgentId, Body, BootId, Kind, RunId, Stream};
use hansho::limit::FRAME_BYTES;
use hansho::sample::{Counters, Quantiser, from_json};
use hansho::spool::heap::HeapMemory;
use hansho::spool::{Identity, MemoryRing};
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/loaded.jsonl");
const WEEK: u64 = 7 * 24 * 3600;
/// A week needs eight megabytes, and a quarter of a ring is for history.
const RING_BYTES: usize = 64 * 1024 * 1024;
/// Readings in one frame, and how often the counters are read, as the agent has it.
const PER_FRAME: u16 = 60;
const COUNTERS_S: u64 = 5;
const TURNS: usize = 5;

/// Hands the frames of a week to `each`, with the uptime of their first reading.
fn week(each: &mut dyn FnMut(Uptime, &[u8])) {
    let text = std::fs::read_to_string(RECORDING).unwrap();
    let hour: Vec<_> = text.lines().map(|line| from_json(line).unwrap()).collect();
    let mut packer: Packer<1024> = Packer::new(1000);
    let mut buffer = [0; FRAME_BYTES];
    let mut flush = |packer: &mut Packer<1024>| {
        let body = packer.body().unwrap();
        let frame = encode(Kind::History, packer.first(), &body, &mut buffer).unwrap();
        each(packer.first(), frame);
        packer.clear();
    };
    let mut quantiser = Quantiser::new();
    for second in 0..WEEK {
        let mut sample = hour[usize::try_from(second).unwrap() % hour.len()];
        sample.uptime = Uptime::from_millis((second + 60) * 1000);
        if second % COUNTERS_S != 0 {
            sample.counters = Counters::default();
        }
        let reading = quantiser.reading(&sample);
        if packer.push(&reading).is_err() {
            flush(&mut packer);
            packer.push(&reading).unwrap();
        }
        if packer.count() >= PER_FRAME {
            flush(&mut packer);
        }
    }
    if packer.count() > 0 {
        flush(&mut packer);
    }
}

fn ring(frames: &[(Uptime, Vec<u8>)]) -> Vec<u8> {
    let memory = HeapMemory::zeroed(RING_BYTES);
    let identity = Identity {
        agent: AgentId(1),
        run: RunId(1),
        boot: BootId(1),
        ring: 1,
        run_number_floor: 0,
    };
    let anchor = Anchor {
        uptime: Uptime::default(),
        wall: WallTime::from_millis(1_790_000_000_000),
        quality: AnchorQuality::Host,
    };
    let (mut ring, _) = MemoryRing::open(&memory, identity, Uptime::default(), anchor).unwrap();
    for (first, frame) in frames {
        ring.append(Stream::History, *first, frame).unwrap();
    }
    memory.to_vec()
}

/// The median of some turns.
fn median(mut turn: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..TURNS)
        .map(|_| {
            let began = Instant::now();
            turn();
            began.elapsed()
        })
        .collect();
    times.sort();
    times[TURNS / 2]
}

fn row(what: &str, took: Duration, beside: Duration) {
    println!(
        "| {what} | {:.2} s | {:.0} | {:.1} |",
        took.as_secs_f64(),
        WEEK as f64 / took.as_secs_f64(),
        took.as_secs_f64() / beside.as_secs_f64()
    );
}

fn main() {
    let mut frames = Vec::new();
    week(&mut |first, frame| frames.push((first, frame.to_vec())));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = |name: &str| folder.join(format!("replay-{}-{name}", std::process::id()));
    let (ring_file, present, proposed) =
        (file("ring"), file("present.toml"), file("proposed.toml"));
    std::fs::write(&ring_file, ring(&frames)).unwrap();
    std::fs::write(&present, "config_version = 1\n").unwrap();
    let text = "config_version = 1\n[[rule]]\ncode = 2001\nraise = \"80%\"\nclear = \"70%\"\n";
    std::fs::write(&proposed, text).unwrap();
    let replay = |more: &[&str]| {
        let status = Command::new(env!("CARGO_BIN_EXE_hansho"))
            .args(["replay", "--against"])
            .arg(&present)
            .arg("--input")
            .arg(&ring_file)
            .args(more)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{more:?}");
    };
    let unpacked = median(|| {
        for (_, frame) in &frames {
            if let Ok((first, Body::History(body))) = decode(frame) {
                Unpacker::new(&body, first).for_each(|reading| {
                    black_box(reading.unwrap());
                });
            }
        }
    });
    println!("{WEEK} readings, a week of one a second; medians of {TURNS} turns.\n");
    println!("| what | a week | readings/s | / unpacking alone |\n|---|---:|---:|---:|");
    row("unpacking alone", unpacked, unpacked);
    row(
        "`replay`, one configuration",
        median(|| replay(&[])),
        unpacked,
    );
    let proposed_name = proposed.display().to_string();
    let two = median(|| replay(&["--config", &proposed_name]));
    row("`replay`, two side by side", two, unpacked);
    let suggest = median(|| replay(&["--suggest"]));
    row(
        "`replay --suggest`, which plays it twice",
        suggest,
        unpacked,
    );
    for path in [ring_file, present, proposed] {
        std::fs::remove_file(path).unwrap();
    }
}
