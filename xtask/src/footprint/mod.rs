//! `cargo xtask footprint`: what the agent costs its host, measured on a release build at work.
//!
//! `stage` builds and starts a collector and an agent over TLS; after a warm-up the minute counts. `cpu`, `memory`, `wire`
//! and `ring` each read one thing, `floor` is the bare reader beside it, `report` prints.

mod cpu;
mod floor;
mod memory;
mod report;
mod ring;
mod stage;
mod wire;

use crate::Subcommand;
use crate::process::Failure;
use crate::site::Programs;
use report::{Cost, Report};
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "footprint",
    summary: "measure memory, CPU and bytes of a release agent at work",
    help: "usage: cargo xtask footprint [--json] [--for 60s] [--post 30s] [--gnu]
       cargo xtask footprint --floor FILE...

Builds the agent (x86_64 static musl where that target can be built, else for this machine) and the
collector, lets both run with TLS for a minute at the default intervals, and prints what they took.
  --json       the last line of the output is one JSON object instead of a table
  --for TIME   how long is measured, after a warm-up of 10 s: 10s to 1h
  --post TIME  the agent's post_interval
  --gnu        build for this machine with its C library, and do not try musl
  --floor      only the bare reader that is measured beside the agent: reads the files once a second
               (vmstat and the list of processors each fifth), until its standard input ends

How: memory from /proc/PID/smaps and smaps_rollup at the end; the memory ring stands on its own line
and is not in rss, pss and anonymous of a process. CPU from /proc/PID/task/*/schedstat, all threads
of keeper, watcher and forwarder together. Bytes on the wire from the kernel's counters of the
collector's connections (`ss -ti`), both ways, with 40 or 52 bytes of headers a segment. Bytes a
reading from the per-second readings in the memory ring, with frame and block headers.
Needs Linux on x86_64 or any that builds, and ss (package iproute2).",
    run: from_command_line,
};

/// Start, first posts and their handshake are over by then.
const WARM_UP: Duration = Duration::from_secs(10);

/// What is measured, and how long.
#[derive(Debug)]
pub(crate) struct Options {
    json: bool,
    length: Duration,
    post: Duration,
    gnu: bool,
}

fn from_command_line(arguments: &mut lexopt::Parser) -> Result<(), Failure> {
    use lexopt::prelude::{Long, Short, ValueExt};
    let mut options = Options {
        json: false,
        length: Duration::from_secs(60),
        post: Duration::from_secs(30),
        gnu: false,
    };
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('h') | Long("help") => return Err(Failure::Help),
            Long("json") => options.json = true,
            Long("for") => options.length = seconds(&arguments.value()?.string()?, 10)?,
            Long("post") => options.post = seconds(&arguments.value()?.string()?, 1)?,
            Long("gnu") => options.gnu = true,
            Long("floor") => {
                let files: Vec<PathBuf> = arguments.values()?.map(PathBuf::from).collect();
                return floor::read_until_stdin_ends(&files);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    measure(&options)
}

/// `60s` or `5m`, from `least` seconds to an hour.
fn seconds(text: &str, least: u64) -> Result<Duration, Failure> {
    let (number, unit) = match (text.strip_suffix('s'), text.strip_suffix('m')) {
        (Some(number), _) => (number, 1),
        (_, Some(number)) => (number, 60),
        _ => (text, 0),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(unit))
        .filter(|seconds| (least..=3600).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| Failure::Usage(format!("{text}: allowed are {least}s to 3600s, or 60m")))
}

fn measure(options: &Options) -> Result<(), Failure> {
    let (programs, target) = Programs::release(options.gnu)?;
    let sizes = stage::sizes(&programs)?;
    let mut site = stage::start(programs, options.post)?;
    std::thread::sleep(WARM_UP);
    let pids = stage::processes(&site)?;
    let mut floor = floor::start(&floor::held_by(pids.watcher)?)?;

    let named = [
        pids.watcher,
        pids.keeper,
        pids.forwarder,
        pids.collector,
        floor.id(),
    ];
    let before = cpu::nanoseconds(&named)?;
    let mut wire = wire::Counter::start(site.ingest().port())?;
    let begun = Instant::now();
    while begun.elapsed() < options.length {
        std::thread::sleep(
            Duration::from_secs(1).min(options.length.saturating_sub(begun.elapsed())),
        );
        wire.look()?;
    }
    let elapsed = begun.elapsed();
    let after = cpu::nanoseconds(&named)?;
    floor.stop();

    if stage::processes(&site)? != pids {
        return Err(site.told(
            "a process of the agent was restarted meanwhile",
            "agent.log",
        ));
    }
    let cost = |which: usize| -> Result<Cost, Failure> {
        let of = |list: &[u64]| list.get(which).copied().unwrap_or(0);
        Ok(Cost {
            memory: memory::of(named.get(which).copied().unwrap_or(0))?,
            cpu_us_per_s: per_second(of(&after).saturating_sub(of(&before)), elapsed) / 1000.0,
        })
    };
    let (watcher, keeper, forwarder, collector) = (cost(0)?, cost(1)?, cost(2)?, cost(3)?);
    let floor_ns = after
        .get(4)
        .zip(before.get(4))
        .map_or(0, |(after, before)| after.saturating_sub(*before));
    let wire = wire.counted();
    // The watcher writes what it had gathered when it stops, so the ring is read after that.
    site.stop_agent()?;
    let ring = site.memory_ring()?;
    let report = Report {
        target,
        seconds: elapsed.as_secs_f64(),
        post: options.post,
        watcher,
        keeper,
        forwarder,
        collector,
        binaries: sizes,
        floor_us_per_s: per_second(floor_ns, elapsed) / 1000.0,
        wire_bytes_per_s: per_second(wire.bytes, elapsed),
        connections: wire.connections,
        segments: wire.segments,
        readings: ring::history(&ring)?,
    };
    if options.json {
        println!("{}", report.json());
    } else {
        print!("{}", report.table());
    }
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a minute are far below 2^52"
)]
fn per_second(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_bounded() {
        assert_eq!(seconds("60s", 10).unwrap(), Duration::from_secs(60));
        assert_eq!(seconds("2m", 10).unwrap(), Duration::from_secs(120));
        for wrong in ["", "s", "60", "9s", "61m", "-1s", "99999999999999999999m"] {
            assert_eq!(seconds(wrong, 10).unwrap_err().exit_code(), 64, "{wrong}");
        }
    }
}
