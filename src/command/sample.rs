//! `hansho sample`: what the agent would see, a line at a time.

use super::Command;
use super::args::Args;
use super::exit::{Exit, Outcome, Stop};
use super::output::Output;
use hansho::limit::SAMPLE_INTERVAL_MS;
use hansho::sample::{OpenFault, ProcReader, Reader, Sample, SysinfoReader, to_json};
use hansho::sys;
use lexopt::Arg;
use std::path::{Path, PathBuf};

/// The counters are read this often, as by an agent without a configuration.
const COUNTERS_INTERVAL_MS: u64 = 5000;
/// The head of the table comes again after so many lines: about a screen.
const HEAD_EVERY: u64 = 24;

pub(crate) const COMMAND: Command = Command {
    name: "sample",
    summary: "print what the agent reads from this host, line by line",
    help: "\
Prints samples: memory, CPU, pressure and counters, as the agent reads them. Ends after --count lines, or with Ctrl-C.

Usage: hansho sample [--json] [--count N] [--interval TIME] [--root DIR] [--source procfs|sysinfo]

  --json           one object a line; null is absent. Shares in permille of the interval since the line before (null on
                   the first line), sizes in KiB, counters as the kernel counts them since boot (null on lines where
                   their file was not read: it is read first and then every 5 s)
  --count N        so many lines. Default: without end
  --interval TIME  time between lines, 50ms to 60s. Default: 1s
  --root DIR       read DIR/proc and DIR/sys instead of /proc and /sys (a recording). Default: /
  --source NAME    procfs (default) or sysinfo (a common library that knows fewer values)

Exit codes: 0 done, or whoever read the lines is gone; 64 wrong command line; 66 DIR has no proc; 74 the output could
not be written; 77 not allowed to read.

Example: hansho sample --json --count 60 > minute.jsonl && hansho replay --input minute.jsonl
",
    run,
};

struct Options {
    json: bool,
    count: u64,
    interval_ms: u64,
    root: PathBuf,
    sysinfo: bool,
}

fn run(args: &mut Args, out: &mut Output) -> Outcome {
    let options = options(args)?;
    if options.sysinfo {
        let mut reader = SysinfoReader::open()
            .map_err(|error| Stop::failed(Exit::Internal, format!("sysinfo: {error}")))?;
        print(&mut reader, &options, out)
    } else {
        let mut reader = ProcReader::open(&options.root).map_err(|fault| match fault {
            OpenFault::NothingToRead { path, error } => {
                Stop::unreadable(&path.display().to_string(), &error)
            }
        })?;
        print(&mut reader, &options, out)
    }
}

fn options(args: &mut Args) -> Result<Options, Stop> {
    let mut options = Options {
        json: false,
        count: u64::MAX,
        interval_ms: 1000,
        root: PathBuf::from("/"),
        sysinfo: false,
    };
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("json") => options.json = true,
            Arg::Long("count") => options.count = args.number()?,
            Arg::Long("interval") => options.interval_ms = args.time_ms("--interval")?,
            Arg::Long("root") => options.root = args.path()?,
            Arg::Long("source") => {
                options.sysinfo = match args.text()?.as_str() {
                    "procfs" => false,
                    "sysinfo" => true,
                    other => {
                        let message = format!("--source {other:?}: it is procfs or sysinfo");
                        return Err(Stop::usage(message));
                    }
                }
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if options.count == 0 {
        return Err(Stop::usage("--count 0: it is 1 or more"));
    }
    if !SAMPLE_INTERVAL_MS.contains(&options.interval_ms) {
        return Err(Stop::usage("--interval: it is from 50ms to 60s"));
    }
    if options.sysinfo && options.root != Path::new("/") {
        let message = "--source sysinfo always reads this machine: leave --root out";
        return Err(Stop::usage(message));
    }
    Ok(options)
}

fn print(reader: &mut impl Reader, options: &Options, out: &mut Output) -> Outcome {
    let mut deadline_ms = sys::monotonic_ms();
    let mut counters_due = sys::uptime();
    let mut previous = None;
    for line in 0..options.count {
        if line > 0 {
            // On the grid; after a stall from now on, without a burst of what was missed.
            deadline_ms = deadline_ms
                .saturating_add(options.interval_ms)
                .max(sys::monotonic_ms());
            while sys::monotonic_ms() < deadline_ms {
                sys::sleep_until(deadline_ms);
            }
        }
        let now = sys::uptime();
        // To the nearest line: a line a millisecond early must not wait for the next one.
        let with_counters = now.plus(options.interval_ms / 2) >= counters_due;
        if with_counters {
            counters_due = counters_due.plus(COUNTERS_INTERVAL_MS).max(now);
        }
        let snapshot = reader.look(now, sys::wall(), with_counters);
        let sample = Sample::between(previous.as_ref(), &snapshot);
        previous = Some(snapshot);
        if options.json {
            out.line(&to_json(&sample))?;
        } else {
            if line % HEAD_EVERY == 0 {
                out.line(HEAD)?;
            }
            out.line(&row(&sample))?;
        }
        out.flush()?;
    }
    Ok(Exit::Done)
}

/// Head of the table: memory in MiB, shares in per cent.
const HEAD: &str = " uptime_s  total_MiB  avail_MiB  used%  anon_MiB cache_MiB  swap_MiB |  busy%   sys%  iowt%  steal% run   load1 |  psi:cpu  mem   full    io   full  (% stalled)";

fn row(sample: &Sample) -> String {
    let (memory, cpu, pressure) = (&sample.memory, &sample.cpu, &sample.pressure);
    let used = memory
        .total_kib
        .zip(memory.available_kib)
        .and_then(|(total, available)| {
            let used = total.saturating_sub(available);
            let permille = used.saturating_mul(1000).checked_div(total)?;
            u16::try_from(permille).ok()
        });
    let seconds = sample.uptime.as_millis() / 1000;
    format!(
        "{seconds:>9} {:>10} {:>10} {:>6} {:>9} {:>9} {:>9} | {:>6} {:>6} {:>6} {:>6} {:>4} {:>7} | {:>8} {:>5} {:>6} {:>5} {:>6}",
        mib(memory.total_kib),
        mib(memory.available_kib),
        per_cent(used),
        mib(memory.anonymous_kib),
        mib(memory.page_cache_kib),
        mib(memory.swap_used_kib),
        per_cent(cpu.busy_permille),
        per_cent(cpu.system_permille),
        per_cent(cpu.iowait_permille),
        per_cent(cpu.steal_permille),
        cpu.runnable.map_or_else(absent, |count| count.to_string()),
        cpu.load1_centi.map_or_else(absent, |centi| format!(
            "{}.{:02}",
            centi / 100,
            centi % 100
        )),
        per_cent(pressure.cpu_some_permille),
        per_cent(pressure.memory_some_permille),
        per_cent(pressure.memory_full_permille),
        per_cent(pressure.io_some_permille),
        per_cent(pressure.io_full_permille),
    )
}

fn absent() -> String {
    "-".into()
}

fn mib(kib: Option<u64>) -> String {
    kib.map_or_else(absent, |kib| (kib / 1024).to_string())
}

fn per_cent(permille: Option<u16>) -> String {
    permille.map_or_else(absent, |permille| {
        format!("{}.{}", permille / 10, permille % 10)
    })
}
