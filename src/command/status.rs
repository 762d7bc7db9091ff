//! `hansho status`: how the agent of this host is, by its rings.

use super::Command;
use super::args::{Args, CONFIG, language_of_terminal};
use super::configuration::{InForce, of_running_and_why};
use super::exit::{Exit, Outcome, Stop};
use super::file::{self, File, ReadOnly};
use super::output::Output;
use super::plan::rules;
use super::status_departed::{Gone, gone, word};
use super::status_told::Told;
use super::status_words::words;
use super::test::{CONTROL_SOCKET, ask, control_sockets};
use hansho::clock::Uptime;
use hansho::code::describe::amount;
use hansho::code::{Language, display, name};
use hansho::config::Plan;
use hansho::config::plan::MemoryDirectory;
use hansho::frame::body::decode;
use hansho::frame::{Body, BootId, Stream};
use hansho::limit::CHECKPOINT_BYTES;
use hansho::machine::{Machine, Settings, TakeOver};
use hansho::rule::{Phase, RulePhase};
use hansho::sample::inventory::boot_id;
use hansho::spool::files::{
    DISK_FILE, FileFault, MEMORY_DIRECTORIES, MEMORY_FILE, open_for_reading,
};
use hansho::spool::reader::{RingView, SpoolReader};
use hansho::spool::{Cursors, Memory as _};
use hansho::sys;
use lexopt::Arg;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use serde::Serialize;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

pub(crate) const COMMAND: Command = Command {
    name: "status",
    summary: "is the agent running, which alerts are open, what is not sent yet",
    help: "\
Tells how the agent of this host is, as its rings have it: that also works when the agent does not. What only a running
agent knows, the path to the collector, it is asked for.

Usage: hansho status [--config FILE] [--json] [--lang LANG]

  --config FILE  the configuration. Default: /etc/hansho/agent.toml where there is one, else what is built in
  --json         one object: running, because, run, run_number, now_uptime_ms, last_sign_ms_ago, stopped_in_order,
                 processes [{pid, name, resident_kib, locked_kib}], open [{code, display, name, subject, episode,
                 since_uptime_ms, since_wall_ms, value, worst, count, flapping}], pending, streams [{stream, held,
                 not_acknowledged}], departed [{run, run_number, stream, first_unsent, next, settled}], memory_ring,
                 disk_ring, cursors_as_of_uptime_ms, configuration_fault (null where there is none); and, null where no agent
                 answers: in_force {file, taken, refusals, later, refused},
                 last_answer_uptime_ms, last_answer_wall_ms, last_status, last_outcome (done, more, retry, refused,
                 unauthentic, too_large, stuck), posts_failed_in_row, lost_readings, lost_alerts, refused_frames, ring_refused,
                 disk_fault_errno, disk_faults, lines_dropped, restarts_watcher, restarts_forwarder, restarts_scout,
                 leave_until_uptime_ms, leaves_recorded, leaves_acknowledged
  --lang LANG    ja or en. Default: by LC_ALL, LC_MESSAGES or LANG; ja where it begins with ja, else en

Counts are those since the agent was started. Times are those of this host's clock, that of the last answer is by the
collector's. Open alerts are those of the newest checkpoint and the transitions after it. Departed is what was
overwritten before the collector had acknowledged it; settled, since the collector has it or recorded it as lost. Without
--json only what is not settled is shown.

Exit codes: 0 it runs, 64 wrong command line, 66 the configuration is missing, 69 it does not run, 77 not allowed to
read the rings (run it as the agent's user or as root), 78 faults in the configuration.

Example: hansho status
",
    run,
};

/// What stands in the rings, and around them.
#[derive(Serialize)]
pub(crate) struct Status {
    pub(crate) running: bool,
    pub(crate) because: &'static str,
    pub(crate) run: Option<String>,
    pub(crate) run_number: Option<u64>,
    /// When this was looked at.
    pub(crate) now_uptime_ms: u64,
    /// Newest thing that the agent wrote in this boot.
    pub(crate) last_sign_ms_ago: Option<u64>,
    pub(crate) stopped_in_order: bool,
    pub(crate) processes: Vec<Process>,
    pub(crate) collectors: usize,
    pub(crate) open: Vec<Open>,
    pub(crate) pending: Vec<Pending>,
    pub(crate) streams: Vec<Held>,
    /// What left the rings unacknowledged, oldest run first.
    pub(crate) departed: Vec<Gone>,
    pub(crate) memory_ring: Ring,
    pub(crate) disk_ring: Ring,
    /// When the newest superblock was made: an answer that moved a cursor came then or before.
    pub(crate) cursors_as_of_uptime_ms: Option<u64>,
    /// The first fault of the configuration that the host has now.
    pub(crate) configuration_fault: Option<String>,
    /// What the running agent says of the one that is in force.
    pub(crate) in_force: Option<InForce>,
    /// That one and the one of the files are two.
    #[serde(skip)]
    pub(crate) files_changed: bool,
    /// What only the running agent knows.
    #[serde(flatten)]
    pub(crate) told: Told,
}

#[derive(Serialize)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) name: Option<String>,
    pub(crate) resident_kib: Option<u64>,
    pub(crate) locked_kib: Option<u64>,
}

#[derive(Serialize)]
pub(crate) struct Open {
    pub(crate) code: u16,
    pub(crate) display: String,
    pub(crate) name: &'static str,
    pub(crate) subject: String,
    pub(crate) episode: u32,
    /// 0 where that was before this boot.
    pub(crate) since_uptime_ms: u64,
    /// The same by this host's clock as it stands now; absent where that was before this boot.
    pub(crate) since_wall_ms: Option<u64>,
    pub(crate) value: Option<u64>,
    pub(crate) worst: Option<u64>,
    pub(crate) count: u32,
    pub(crate) flapping: bool,
    #[serde(skip)]
    pub(crate) value_text: String,
}

#[derive(Serialize)]
pub(crate) struct Pending {
    pub(crate) code: u16,
    pub(crate) display: String,
    pub(crate) subject: String,
    pub(crate) since_uptime_ms: Option<u64>,
    pub(crate) value: Option<u64>,
}

#[derive(Serialize)]
pub(crate) struct Held {
    pub(crate) stream: &'static str,
    pub(crate) held: u64,
    pub(crate) not_acknowledged: u64,
}

#[derive(Default, Serialize)]
pub(crate) struct Ring {
    pub(crate) path: String,
    /// `ok`, `off`, `missing`, `not_allowed`, `unreadable`, `no_ring`, `no_superblock`.
    pub(crate) state: &'static str,
    pub(crate) bytes: Option<u64>,
    pub(crate) run_counter: Option<u64>,
    pub(crate) damaged_blocks: u32,
}

fn run(args: &mut Args, out: &mut Output) -> Outcome {
    let (mut config, mut json) = (None, false);
    let mut language = language_of_terminal();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("config") => config = Some(args.path()?),
            Arg::Long("json") => json = true,
            Arg::Long("lang") => language = args.language()?,
            other => return Err(other.unexpected().into()),
        }
    }
    let (plan, refused) = plan(config.as_deref())?;
    let status = look(&plan, refused, language)?;
    if json {
        out.json(&status)?;
    } else {
        out.text(&words(&status, language))?;
    }
    let not_allowed = [&status.memory_ring, &status.disk_ring]
        .into_iter()
        .any(|ring| ring.state == "not_allowed");
    Ok(if status.running {
        Exit::Done
    } else if not_allowed {
        Exit::NoPermission
    } else {
        Exit::Unavailable
    })
}

/// The configuration of the agent, and the first fault of the one that the host has now.
pub(crate) fn plan(named: Option<&Path>) -> Result<(Plan, Option<String>), Stop> {
    match named {
        Some(path) => of_running_and_why(path),
        None => match of_running_and_why(Path::new(CONFIG)) {
            Err(_) if !file::is_there(Path::new(CONFIG)) => Ok((Plan::default(), None)),
            known => known,
        },
    }
}

pub(crate) fn look(
    plan: &Plan,
    refused: Option<String>,
    language: Language,
) -> Result<Status, Stop> {
    let memory_path = memory_path(plan);
    let disk_path = plan.spool.directory.join(DISK_FILE);
    let (memory_file, mut memory_ring) = open(&memory_path);
    let (disk_file, mut disk_ring) = if plan.spool.disk {
        open(&disk_path)
    } else {
        let off = Ring {
            path: disk_path.display().to_string(),
            state: "off",
            ..Ring::default()
        };
        (None, off)
    };
    let locked = memory_file.as_ref().is_some_and(file::is_locked);
    let processes = memory_file
        .as_ref()
        .filter(|_| locked)
        .and_then(file::lock_holder);
    let memory = memory_file.and_then(|file| ReadOnly::new(file).ok());
    memory_ring.bytes = memory
        .as_ref()
        .and_then(|memory| u64::try_from(memory.len()).ok());
    disk_ring.bytes = disk_file
        .as_ref()
        .and_then(|file| file.metadata().ok())
        .map(|metadata| metadata.len());
    let mut reader = SpoolReader::new(memory, disk_file);
    reader.refresh();
    see(&mut memory_ring, &reader.memory_view());
    see(&mut disk_ring, &reader.disk_view());

    let boot = boot_id(&plan.sample.root).map(BootId);
    let (last_sign, stopped_in_order) = last_sign(&mut reader, boot);
    let machine = restored(plan, &mut reader, boot)?;
    let newest = reader.runs().last().copied();
    let because = because(
        plan,
        &memory_path,
        locked,
        stopped_in_order,
        last_sign.is_some(),
    );
    let now = sys::uptime();
    // Whoever does not answer says nothing; the rings say the rest.
    let sockets = control_sockets(&plan.spool);
    let told =
        ask(&sockets, "status").map_or_else(|_| Told::default(), |answer| Told::parse(&answer));
    let in_force = if told.is_known() {
        InForce::ask(&sockets)
    } else {
        None
    };
    Ok(Status {
        running: matches!(because, "lock_held" | "socket_answers"),
        because,
        run: newest.map(|held| held.run.to_string()),
        run_number: newest.map(|held| held.run_number),
        now_uptime_ms: now.as_millis(),
        last_sign_ms_ago: last_sign.map(|at| now.since(at)),
        stopped_in_order,
        processes: processes.map(family).unwrap_or_default(),
        collectors: plan.forward.urls.len(),
        open: open_alerts(&machine, now, language),
        pending: pending(&machine),
        streams: streams(&reader),
        departed: gone(reader.departed(), &reader.cursors()),
        cursors_as_of_uptime_ms: reader
            .memory_view()
            .state
            .filter(|state| boot == Some(state.header.boot))
            .map(|state| state.header.uptime.as_millis()),
        memory_ring,
        disk_ring,
        files_changed: in_force
            .as_ref()
            .is_some_and(|running| running.fingerprint != Some(plan.fingerprint())),
        configuration_fault: refused,
        in_force,
        told,
    })
}

/// Where the memory ring is: as configured, else the first of the usual places that has one.
pub(crate) fn memory_path(plan: &Plan) -> PathBuf {
    let candidates = match &plan.spool.memory_directory {
        MemoryDirectory::Path(directory) => vec![directory.join(MEMORY_FILE)],
        MemoryDirectory::Auto => MEMORY_DIRECTORIES
            .iter()
            .map(|directory| Path::new(directory).join(MEMORY_FILE))
            .collect(),
    };
    let found = candidates.iter().find(|path| file::is_there(path));
    found.or(candidates.first()).cloned().unwrap_or_default()
}

fn open(path: &Path) -> (Option<File>, Ring) {
    // /dev/shm is writable for everybody: no link is followed, and no pipe waited for.
    let (file, state) = match open_for_reading(path) {
        Ok(file) => (Some(file), "ok"),
        Err(FileFault::Io(error)) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => (None, "missing"),
            ErrorKind::PermissionDenied => (None, "not_allowed"),
            _ => (None, "unreadable"),
        },
        Err(_) => (None, "unreadable"),
    };
    let path = path.display().to_string();
    (
        file,
        Ring {
            path,
            state,
            ..Ring::default()
        },
    )
}

fn see(ring: &mut Ring, view: &RingView) {
    if ring.state != "ok" {
        return;
    }
    ring.damaged_blocks = view.scan.skipped;
    ring.run_counter = view.state.map(|state| state.superblock.run_counter);
    if !view.has_layout {
        ring.state = "no_ring";
    } else if view.state.is_none() {
        ring.state = "no_superblock";
    }
}

/// Whether an agent runs, and how that is known.
fn because(
    plan: &Plan,
    memory_path: &Path,
    locked: bool,
    stopped_in_order: bool,
    written: bool,
) -> &'static str {
    let beside_memory = memory_path.with_file_name(CONTROL_SOCKET);
    let sockets = [beside_memory, plan.spool.directory.join(CONTROL_SOCKET)];
    if locked {
        "lock_held"
    } else if sockets.iter().any(|path| answers(path)) {
        "socket_answers"
    } else if stopped_in_order {
        "stopped_in_order"
    } else if written {
        "ended_without_goodbye"
    } else {
        "nothing_written_in_this_boot"
    }
}

/// Whether somebody listens on a local socket.
fn answers(path: &Path) -> bool {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let Ok(socket) = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None) else {
        return false;
    };
    let Ok(address) = SocketAddrUnix::new(path) else {
        return false;
    };
    // Too many that wait to be accepted is somebody, too.
    matches!(
        connect(&socket, &address),
        Ok(()) | Err(rustix::io::Errno::AGAIN)
    )
}

/// When the agent last wrote anything in this boot, and whether the last thing of its newest run was a goodbye.
fn last_sign(
    reader: &mut SpoolReader<ReadOnly, File>,
    boot: Option<BootId>,
) -> (Option<Uptime>, bool) {
    let mut last = None;
    let mut goodbye = false;
    let newest = reader.runs().last().map(|held| held.run);
    let held: Vec<_> = reader
        .runs()
        .iter()
        .filter(|held| Some(held.run) == newest && boot.is_none_or(|boot| boot == held.boot))
        .copied()
        .collect();
    for held in held {
        let from = held.next_sequence.saturating_sub(1);
        reader.read(held.run, held.stream, from, &mut |_, frame| {
            if let Ok((at, body)) = decode(frame) {
                last = last.max(Some(at));
                goodbye |= held.stream == Stream::Alerts && matches!(body, Body::Goodbye(_));
            }
            ControlFlow::Continue(())
        });
    }
    let mut into = vec![0; CHECKPOINT_BYTES];
    if let Some((_, mark)) = reader.latest_checkpoint(&mut into)
        && boot.is_none_or(|boot| boot == mark.boot)
    {
        last = last.max(Some(mark.uptime));
    }
    (last, goodbye)
}

/// The rules with the newest checkpoint and the transitions after it.
fn restored(
    plan: &Plan,
    reader: &mut SpoolReader<ReadOnly, File>,
    boot: Option<BootId>,
) -> Result<Machine, Stop> {
    let settings = Settings {
        sample_interval_ms: plan.sample.interval_ms,
        counters_interval_ms: plan.sample.counters_interval_ms,
        report_interval_ms: plan.sample.report_interval_ms,
        forwards: false,
    };
    let mut machine = Machine::new(settings, rules(plan)?)
        .map_err(|fault| Stop::failed(Exit::Internal, format!("the rules: {fault:?}")))?;
    let mut before = TakeOver::new();
    let mut into = vec![0; CHECKPOINT_BYTES];
    let found = reader.latest_checkpoint(&mut into);
    let mark = found.and_then(|(length, mark)| {
        let bytes = into.get(..length)?;
        let boot_changed = boot.is_some_and(|boot| boot != mark.boot);
        // A checkpoint of another version tells nothing; the transitions that are held still do.
        before.restore(&mut machine, bytes, boot_changed).ok()?;
        Some(mark)
    });
    reader.alerts_after(mark.as_ref(), &mut |held, _, frame| {
        before.outrank(
            &mut machine,
            frame,
            boot.is_some_and(|boot| boot != held.boot),
        );
        ControlFlow::Continue(())
    });
    Ok(machine)
}

fn open_alerts(machine: &Machine, now: Uptime, language: Language) -> Vec<Open> {
    let wall = sys::wall().as_millis();
    machine
        .rules()
        .open_alerts()
        .map(|open| Open {
            code: open.rule.code,
            display: display(open.rule.code, true).to_string(),
            name: name(open.rule.code, language).unwrap_or("?"),
            subject: open.rule.subject.as_str().into(),
            episode: open.episode,
            since_uptime_ms: open.since.as_millis(),
            since_wall_ms: (open.since > Uptime::from_millis(0))
                .then(|| wall.saturating_sub(now.since(open.since))),
            value: open.value,
            worst: open.worst,
            count: open.count,
            flapping: open.flapping,
            value_text: match (open.value, open.rule.quantity()) {
                (Some(value), Some(quantity)) => amount(value, quantity.unit()),
                _ => "-".into(),
            },
        })
        .collect()
}

fn pending(machine: &Machine) -> Vec<Pending> {
    let is_pending = |phase: &RulePhase<'_>| phase.phase == Phase::Pending;
    machine
        .rules()
        .phases()
        .filter(is_pending)
        .map(|phase| Pending {
            code: phase.rule.code,
            display: display(phase.rule.code, true).to_string(),
            subject: phase.rule.subject.as_str().into(),
            since_uptime_ms: phase.since.map(Uptime::as_millis),
            value: phase.value,
        })
        .collect()
}

fn streams(reader: &SpoolReader<ReadOnly, File>) -> Vec<Held> {
    let cursors: Cursors = reader.cursors();
    Stream::SENT
        .map(|stream| {
            let (mut count, mut waiting) = (0_u64, 0_u64);
            for held in reader.runs().iter().filter(|held| held.stream == stream) {
                let all = held.next_sequence.saturating_sub(held.first_sequence);
                count = count.saturating_add(all);
                waiting = waiting.saturating_add(match cursors.get(stream) {
                    Some(cursor) if held.run_number < cursor.run_number => 0,
                    Some(cursor) if held.run == cursor.run => held
                        .next_sequence
                        .saturating_sub(cursor.next_sequence.max(held.first_sequence)),
                    _ => all,
                });
            }
            Held {
                stream: word(stream),
                held: count,
                not_acknowledged: waiting,
            }
        })
        .into()
}

/// A process and its children.
fn family(keeper: u32) -> Vec<Process> {
    let kib = |pid: &OsString, key: &str| {
        let value = file::status_of_process(pid, key)?;
        value.trim_end_matches("kB").trim().parse().ok()
    };
    std::iter::once(keeper)
        .chain(file::children(keeper))
        .map(|pid| {
            let word = OsString::from(pid.to_string());
            Process {
                pid,
                name: file::status_of_process(&word, "Name"),
                resident_kib: kib(&word, "VmRSS"),
                locked_kib: kib(&word, "VmLck"),
            }
        })
        .collect()
}
