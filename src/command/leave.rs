//! `hansho leave`: announces an absence, so that silence which was planned wakes nobody.

use super::Command;
use super::args::{Args, CONFIG};
use super::configuration::of_running;
use super::exit::{Exit, Outcome, Stop};
use super::output::Output;
use super::status_told::Told;
use super::test::{ask, control_sockets};
use hansho::config::Plan;
use hansho::config::units::time_text;
use hansho::limit::{LEAVE_MS, LEAVE_TEXT_BYTES};
use hansho::sys;
use lexopt::Arg;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// How long the watcher has to record it.
const RECORD_MS: u64 = 5_000;
/// How long the collector's word is waited for where nothing else is said.
const ACKNOWLEDGE_MS: u64 = 10_000;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// The subcommand.
pub(crate) const COMMAND: Command = Command {
    name: "leave",
    summary: "announce an absence before work on this host; --end when it is over",
    help: "\
Announces that this host, or the agent on it, will be away: the collector then takes the silence for planned. It is
recorded and posted at once, and said again, with what is left of it, when the agent stops. A new announcement takes the
place of the one before. It outlives restarts of the agent; after a reboot only the collector remembers it.

Usage: hansho leave --for TIME --reason TEXT [--wait TIME] [--json] [--config FILE]
       hansho leave --end [--wait TIME] [--json] [--config FILE]

  --for TIME     how long from now on, 1m to 168h: 30m, 2h
  --reason TEXT  why, for whoever sees it: 1 to 256 bytes, one line
  --end          back before the time
  --wait TIME    how long to wait for the collector's word (default 10s, 0s for not at all)
  --json         one object: recorded, acknowledged, collectors
  --config FILE  the configuration of the running agent (default /etc/hansho/agent.toml)

Exit codes: 0 it is recorded, acknowledged or not; 64 wrong command line; 66 the configuration is missing; 69 no agent
runs, or it does not record it; 77 not root and not the agent's user; 78 wrong configuration

Example: hansho leave --for 30m --reason \"kernel update\"
",
    run,
};

struct Options {
    config: PathBuf,
    request: String,
    words: String,
    wait_ms: u64,
    json: bool,
}

#[derive(Serialize)]
struct Report {
    /// It is in the agent's ring.
    recorded: bool,
    /// The collector has stored it.
    acknowledged: bool,
    /// Collectors in the configuration.
    collectors: usize,
}

fn options(args: &mut Args) -> Result<Options, Stop> {
    let (mut config, mut wait_ms, mut json) = (PathBuf::from(CONFIG), ACKNOWLEDGE_MS, false);
    let (mut planned_ms, mut reason, mut end) = (None, None, false);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("config") => config = args.path()?,
            Arg::Long("for") => planned_ms = Some(args.time_ms("--for")?),
            Arg::Long("reason") => reason = Some(args.text()?),
            Arg::Long("end") => end = true,
            Arg::Long("wait") => wait_ms = args.time_ms("--wait")?,
            Arg::Long("json") => json = true,
            other => return Err(other.unexpected().into()),
        }
    }
    let (request, words) = match (planned_ms, reason, end) {
        (None, None, true) => ("leave end".to_owned(), "the end of the absence".to_owned()),
        (Some(planned_ms), Some(reason), false) => {
            let reason = checked(planned_ms, &reason)?;
            let words = format!("an absence of {}", time_text(planned_ms));
            (format!("leave {planned_ms} {reason}"), words)
        }
        (_, _, true) => return Err(Stop::usage("--end stands alone")),
        _ => {
            let message =
                "how long, and why? like hansho leave --for 30m --reason \"kernel update\"";
            return Err(Stop::usage(message));
        }
    };
    Ok(Options {
        config,
        request,
        words,
        wait_ms,
        json,
    })
}

/// What the keeper would refuse is a wrong command line.
fn checked(planned_ms: u64, reason: &str) -> Result<&str, Stop> {
    if !LEAVE_MS.contains(&planned_ms) {
        let message = format!("--for {}: 1m to 168h", time_text(planned_ms));
        return Err(Stop::usage(message));
    }
    let reason = reason.trim();
    if reason.is_empty() || reason.len() > LEAVE_TEXT_BYTES || reason.contains(char::is_control) {
        let message = format!("--reason: 1 to {LEAVE_TEXT_BYTES} bytes, one line");
        return Err(Stop::usage(message));
    }
    Ok(reason)
}

fn run(args: &mut Args, out: &mut Output) -> Outcome {
    let options = options(args)?;
    let plan = of_running(&options.config)?;
    let sockets = control_sockets(&plan.spool);
    let told = || ask(&sockets, "status").map(|answer| Told::parse(&answer));
    let before = told()?.leaves_recorded.unwrap_or(0);
    let answer = ask(&sockets, &options.request)?;
    if !answer.starts_with("ok") {
        return Err(Stop::failed(Exit::Unavailable, answer));
    }
    let recorded = |told: &Told| told.leaves_recorded.is_some_and(|count| count > before);
    if !until(RECORD_MS, &told, recorded)? {
        let message =
            "the agent took it and does not record it: is the watcher running? hansho status";
        return Err(Stop::failed(Exit::Unavailable, message));
    }
    let collectors = plan.forward.urls.len();
    let acknowledged = collectors > 0
        && until(options.wait_ms, &told, |told| {
            told.leaves_recorded == told.leaves_acknowledged
        })?;
    report(&options, &plan, acknowledged, out)
}

fn report(options: &Options, plan: &Plan, acknowledged: bool, out: &mut Output) -> Outcome {
    let collectors = plan.forward.urls.len();
    if options.json {
        out.json(&Report {
            recorded: true,
            acknowledged,
            collectors,
        })?;
        return Ok(Exit::Done);
    }
    let how = match (acknowledged, collectors) {
        (true, _) => "recorded, and the collector knows it",
        (false, 0) => "recorded on this host; no collector is configured, so nobody else learns it",
        (false, _) => {
            "recorded, not acknowledged yet: the collector learns it with the next post that gets through (hansho status)"
        }
    };
    out.line(&format!("{}: {how}", options.words))?;
    Ok(Exit::Done)
}

/// Asks until it holds, at most so long; whether it does.
fn until(
    wait_ms: u64,
    told: &impl Fn() -> Result<Told, Stop>,
    holds: impl Fn(&Told) -> bool,
) -> Result<bool, Stop> {
    let deadline_ms = sys::monotonic_ms().saturating_add(wait_ms);
    loop {
        if holds(&told()?) {
            return Ok(true);
        }
        if sys::monotonic_ms() >= deadline_ms {
            return Ok(false);
        }
        std::thread::sleep(LOOK);
    }
}
