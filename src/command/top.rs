//! `hansho top --once`: what the agent sees of this host, for whoever logs in at night.

use super::Command;
use super::args::Args;
use super::exit::{Exit, Outcome, Stop};
use super::output::Output;
use super::status::{self, Status};
use super::top_json::json;
use super::top_words::words;
use hansho::clock::Uptime;
use hansho::code::Language;
use hansho::limit::TOP_FOR_MS;
use hansho::sample::inventory::Inventory;
use hansho::sample::{OpenFault, ProcReader, Reader, Sample};
use hansho::scout::{Coverage, Process, Scanner, Suspects};
use hansho::sys;
use lexopt::Arg;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::PathBuf;

pub(crate) const COMMAND: Command = Command {
    name: "top",
    summary: "what the agent sees now: alerts, memory, pressure, CPU, suspects",
    help: "\
Shows what the agent sees, once: which alerts fire or are pending and since when, how memory is split, pressure, CPU,
and the processes that have most memory, grew most, use most CPU, are swapped; then units by memory. It looks at all
processes twice: CPU and growth are those between the two looks. Without a running agent it says so and shows the rest.

Usage: hansho top --once [--json] [--for TIME] [--root DIR] [--config FILE]

  --once         needed: a view that goes on does not exist yet
  --json         one object: host, now_uptime_ms, now_wall_ms, over_ms (between the two looks), agent {known, because, running,
                 last_sign_ms_ago, open, pending} (as status --json has them), sample (a line of sample --json), processes
                 {seen, read, refused, gone, failed, hidden, cut, threads, held}, suspects {memory, growth, cpu, swap}, each a
                 list of {pid, parent, start_ticks, threads, name, uid, unit, container, oom_score_adj, memory_kib, swap_kib,
                 cpu_permille, growth_kib, growth_over_ms}, units [{unit, container, processes, memory_kib, swap_kib,
                 cpu_permille}]. null is absent
  --for TIME     time between the two looks, 200ms to 60s. Default: 2s
  --root DIR     read DIR/proc and DIR/sys instead of /proc and /sys (a recording). Default: /
  --config FILE  the configuration, which says where the agent's rings are. Default: /etc/hansho/agent.toml where there is
                 one, else what is built in

Memory of a process is what is resident less what is shared or of files; CPU is in per cent of one processor, 200 % being two
of them. Of more than 1024 processes the largest, those that run and those that are swapped are shown. Names come from the
host and are shown escaped.

Exit codes: 0 shown, also where no agent runs or its rings cannot be read (it says so); 64 wrong command line; 66 DIR has no
proc, or FILE is missing; 74 reading or writing failed; 77 not allowed to read DIR or FILE; 78 faults in FILE.

Example: hansho top --once --for 5s
",
    run,
};

struct Options {
    once: bool,
    json: bool,
    for_ms: u64,
    root: PathBuf,
    config: Option<PathBuf>,
}

/// All that is shown.
pub(crate) struct Seen {
    /// The agent's part, or why it is not known.
    pub(crate) agent: Result<Status, String>,
    pub(crate) host: Option<String>,
    pub(crate) sample: Sample,
    pub(crate) over_ms: u64,
    pub(crate) coverage: Coverage,
    pub(crate) held: usize,
    pub(crate) suspects: Suspects,
    pub(crate) units: Vec<Unit>,
}

/// The processes of one unit or container that the table holds, added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) unit: Option<Vec<u8>>,
    pub(crate) container: Option<Vec<u8>>,
    pub(crate) processes: u32,
    pub(crate) memory_kib: u64,
    pub(crate) swap_kib: u64,
    pub(crate) cpu_permille: u64,
}

fn run(args: &mut Args, out: &mut Output) -> Outcome {
    let options = options(args)?;
    let agent = agent(&options)?;
    let seen = look(&options, agent)?;
    if options.json {
        out.json(&json(&seen)?)?;
    } else {
        out.text(&words(&seen))?;
    }
    Ok(Exit::Done)
}

fn options(args: &mut Args) -> Result<Options, Stop> {
    let mut options = Options {
        once: false,
        json: false,
        for_ms: 2000,
        root: PathBuf::from("/"),
        config: None,
    };
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("once") => options.once = true,
            Arg::Long("json") => options.json = true,
            Arg::Long("for") => options.for_ms = args.time_ms("--for")?,
            Arg::Long("root") => options.root = args.path()?,
            Arg::Long("config") => options.config = Some(args.path()?),
            other => return Err(other.unexpected().into()),
        }
    }
    if !options.once {
        let message = "a view that goes on does not exist yet: add --once to look at the host once";
        return Err(Stop::usage(message));
    }
    if !TOP_FOR_MS.contains(&options.for_ms) {
        return Err(Stop::usage("--for: it is from 200ms to 60s"));
    }
    Ok(options)
}

/// What the rings say of the agent. A configuration that was not named is only a help: without it the host is shown all the
/// same.
fn agent(options: &Options) -> Result<Result<Status, String>, Stop> {
    let found = status::plan(options.config.as_deref())
        .and_then(|(plan, refused)| status::look(&plan, refused, Language::En));
    match found {
        Ok(status) => Ok(Ok(status)),
        Err(Stop::Failed { message, .. }) if options.config.is_none() => Ok(Err(message)),
        Err(stop) => Err(stop),
    }
}

fn look(options: &Options, agent: Result<Status, String>) -> Result<Seen, Stop> {
    let mut reader = ProcReader::open(&options.root).map_err(|fault| match fault {
        OpenFault::NothingToRead { path, error } => {
            Stop::unreadable(&path.display().to_string(), &error)
        }
    })?;
    let mut scanner = Scanner::open(&options.root).map_err(|error| {
        let folder = options.root.join("proc");
        Stop::unreadable(&folder.display().to_string(), &error)
    })?;
    let mut clock = sys::uptime;
    let before = reader.look(sys::uptime(), sys::wall(), true);
    scanner.pass(&mut clock);
    let due = sys::monotonic_ms().saturating_add(options.for_ms);
    while sys::monotonic_ms() < due {
        sys::sleep_until(due);
    }
    let after = reader.look(sys::uptime(), sys::wall(), true);
    scanner.pass(&mut clock);
    let table = scanner.table();
    Ok(Seen {
        agent,
        host: Inventory::read(&options.root).hostname,
        sample: Sample::between(Some(&before), &after),
        over_ms: after.uptime.since(before.uptime),
        coverage: scanner.coverage().copied().unwrap_or_default(),
        held: table.len(),
        suspects: Suspects::of(table.processes()),
        units: units(table.processes()),
    })
}

/// A unit and a container, each where there is one.
type Place = (Option<Vec<u8>>, Option<Vec<u8>>);

/// Units by memory, largest first; of equal ones by name.
pub(crate) fn units<'a>(processes: impl Iterator<Item = &'a Process>) -> Vec<Unit> {
    let mut sums = BTreeMap::<Place, Unit>::new();
    for process in processes {
        let unit = process.unit.map(|text| text.as_bytes().to_vec());
        let container = process.container.map(|text| text.as_bytes().to_vec());
        if unit.is_none() && container.is_none() {
            continue;
        }
        let sum = sums
            .entry((unit.clone(), container.clone()))
            .or_insert_with(|| Unit {
                unit,
                container,
                ..Unit::default()
            });
        sum.processes = sum.processes.saturating_add(1);
        sum.memory_kib = sum
            .memory_kib
            .saturating_add(process.memory_kib.unwrap_or(0));
        sum.swap_kib = sum.swap_kib.saturating_add(process.swap_kib.unwrap_or(0));
        sum.cpu_permille = sum
            .cpu_permille
            .saturating_add(process.cpu_permille.map_or(0, u64::from));
    }
    let mut units: Vec<Unit> = sums.into_values().collect();
    // Stable: equal ones stay in the order of their names.
    units.sort_by_key(|unit| Reverse(unit.memory_kib));
    units.truncate(hansho::limit::SUSPECTS);
    units
}

/// Uptime of the look, for those who show how long ago something was.
pub(crate) const fn now(seen: &Seen) -> Uptime {
    seen.sample.uptime
}
