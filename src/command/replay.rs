//! `hansho replay`: what the rules would have said to a recording.

use super::Command;
use super::args::Args;
use super::exit::{Exit, Outcome, Stop};
use super::file;
use super::output::{Output, say, shown};
use super::plan::{plan, rules};
use hansho::clock::Uptime;
use hansho::code::describe::amount;
use hansho::code::{Language, display, entry, name};
use hansho::frame::body::{Alert, decode, reason_name, transition_from_u8};
use hansho::frame::{Body, Stream};
use hansho::limit::{GAP_INTERVALS, SAMPLE_INTERVAL_MS, SAMPLE_LINE_BYTES};
use hansho::machine::{Input, Journal, Machine, Settings};
use hansho::rule::{Quantity, TransitionKind};
use hansho::sample::from_json;
use lexopt::Arg;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};
use std::path::PathBuf;

pub(crate) const COMMAND: Command = Command {
    name: "replay",
    summary: "what the rules say to recorded samples: to try thresholds on the past",
    help: "\
Reads samples, one a line as \"hansho sample --json\" prints them, judges them by the rules of a configuration, and
prints each transition. The same rules and the same code as in the agent; time is that of the recording.

Usage: hansho replay --input FILE [--config FILE] [--interval TIME] [--json]

  --input FILE     the samples; - is standard input. Uptime that goes back is a reboot: timers start anew
  --config FILE    whose rules. Default: /etc/hansho/agent.toml where there is one, else the built-in rules
  --interval TIME  interval of the recording, 50ms to 60s: lines more than two intervals apart start timers anew.
                   Default: sample.interval of the configuration
  --json           one object a transition: uptime_ms, code, subject, severity (I, W, E), state (firing, resolved,
                   continued), episode, value, level (both in the unit of the quantity), reason

Codes of the agent's own health (8xxx) are not judged: a recording does not tell them.

Exit codes: 0 done, 64 wrong command line, 65 a line is no sample (said with file and line), 66 a file is missing,
77 not allowed to read, 78 faults in the configuration.

Example: hansho replay --input night.jsonl --config new.toml --json
",
    run,
};

struct Options {
    input: PathBuf,
    config: Option<PathBuf>,
    interval_ms: Option<u64>,
    json: bool,
}

/// One transition, in the fixed shape.
#[derive(Clone, Debug, Serialize)]
struct Row {
    uptime_ms: u64,
    code: u16,
    subject: String,
    severity: char,
    state: &'static str,
    episode: u32,
    value: Option<u64>,
    level: Option<u64>,
    reason: &'static str,
    #[serde(skip)]
    quantity: Option<Quantity>,
}

impl Row {
    fn new(at: Uptime, alert: &Alert<'_>) -> Option<Self> {
        let state = match transition_from_u8(alert.transition)? {
            TransitionKind::Firing => "firing",
            TransitionKind::Resolved => "resolved",
            TransitionKind::Continued => "continued",
        };
        Some(Self {
            uptime_ms: at.as_millis(),
            code: alert.code,
            subject: alert.subject.into(),
            severity: entry(alert.code).map_or('W', |known| known.severity.letter()),
            state,
            episode: alert.episode,
            value: alert.value,
            level: alert.level,
            reason: reason_name(alert.reason),
            quantity: Quantity::from_number(alert.quantity),
        })
    }
}

/// Keeps the transitions of one step.
#[derive(Default)]
struct Transitions(Vec<Row>);

impl Journal for Transitions {
    fn record(&mut self, _: Stream, _: Uptime, frame: &[u8]) {
        if let Ok((at, Body::Alert(alert))) = decode(frame) {
            self.0.extend(Row::new(at, &alert));
        }
    }

    fn say(&mut self, _: &str) {}
}

/// How often each identity came and went.
#[derive(Default)]
struct Count {
    fired: u32,
    resolved: u32,
    continued: u32,
}

fn run(args: &mut Args, out: &mut Output) -> Outcome {
    let options = options(args)?;
    let plan = plan(options.config.as_deref())?;
    let input = file::input(&options.input)?;
    let interval_ms = options
        .interval_ms
        .and_then(|interval| u32::try_from(interval).ok())
        .unwrap_or(plan.sample.interval_ms);
    let settings = Settings {
        sample_interval_ms: interval_ms,
        counters_interval_ms: plan.sample.counters_interval_ms.max(interval_ms),
        report_interval_ms: plan.sample.report_interval_ms,
        forwards: false,
    };
    let machine = Machine::new(settings, rules(&plan)?)
        .map_err(|fault| Stop::failed(Exit::Internal, format!("the rules: {fault:?}")))?;
    let mut replay = Replay {
        machine,
        json: options.json,
        name: options.input.display().to_string(),
        gap_ms: u64::from(interval_ms).saturating_mul(GAP_INTERVALS.into()),
        last: None,
        lines: 0,
        gaps: 0,
        reboots: 0,
        counts: BTreeMap::new(),
    };
    if !options.json {
        out.line(HEAD)?;
    }
    replay.all(input, out)?;
    if !options.json {
        replay.summary(out)?;
    }
    if replay.gaps > 0 {
        say(&format!(
            "warning: {} of {} lines come more than {} ms after the line before, and timers started anew there; \
             --interval gives the interval of the recording",
            replay.gaps, replay.lines, replay.gap_ms
        ));
    }
    Ok(Exit::Done)
}

fn options(args: &mut Args) -> Result<Options, Stop> {
    let (mut input, mut config, mut interval_ms, mut json) = (None, None, None, false);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("input") => input = Some(args.path()?),
            Arg::Long("config") => config = Some(args.path()?),
            Arg::Long("interval") => interval_ms = Some(args.time_ms("--interval")?),
            Arg::Long("json") => json = true,
            other => return Err(other.unexpected().into()),
        }
    }
    if interval_ms.is_some_and(|interval| !SAMPLE_INTERVAL_MS.contains(&interval)) {
        return Err(Stop::usage("--interval: it is from 50ms to 60s"));
    }
    Ok(Options {
        input: input.ok_or_else(|| Stop::usage("which samples? Give --input FILE"))?,
        config,
        interval_ms,
        json,
    })
}

struct Replay {
    machine: Machine,
    json: bool,
    name: String,
    gap_ms: u64,
    last: Option<Uptime>,
    lines: u64,
    gaps: u64,
    reboots: u64,
    counts: BTreeMap<(u16, String), Count>,
}

impl Replay {
    fn all(&mut self, mut input: Box<dyn BufRead>, out: &mut Output) -> Result<(), Stop> {
        let most = u64::try_from(SAMPLE_LINE_BYTES).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let count = input
                .by_ref()
                .take(most)
                .read_until(b'\n', &mut bytes)
                .map_err(|error| Stop::unreadable(&self.name, &error))?;
            if count == 0 {
                return Ok(());
            }
            self.lines = self.lines.saturating_add(1);
            let line = core::str::from_utf8(&bytes).map_err(|_| self.bad("not UTF-8"))?;
            if count >= SAMPLE_LINE_BYTES && !line.ends_with('\n') {
                return Err(self.bad("longer than any sample"));
            }
            if !line.trim().is_empty() {
                self.one(line.trim(), out)?;
            }
        }
    }

    fn bad(&self, why: &str) -> Stop {
        let message = format!("{}:{}: {why}", shown(&self.name), self.lines);
        Stop::failed(Exit::Data, message)
    }

    fn one(&mut self, line: &str, out: &mut Output) -> Result<(), Stop> {
        let sample = from_json(line).map_err(|fault| self.bad(&shown(&fault.to_string())))?;
        if let Some(last) = self.last {
            if sample.uptime < last {
                self.reboots = self.reboots.saturating_add(1);
            } else if sample.uptime.since(last) > self.gap_ms {
                self.gaps = self.gaps.saturating_add(1);
            }
        }
        self.last = Some(sample.uptime);
        let mut transitions = Transitions::default();
        self.machine
            .step(sample.uptime, Input::Recorded(&sample), &mut transitions);
        for row in transitions.0 {
            let count = self
                .counts
                .entry((row.code, row.subject.clone()))
                .or_default();
            let which = match row.state {
                "firing" => &mut count.fired,
                "resolved" => &mut count.resolved,
                _ => &mut count.continued,
            };
            *which = which.saturating_add(1);
            if self.json {
                out.json(&row)?;
            } else {
                out.line(&table_row(&row))?;
            }
            // The recording may be growing, and its reader waiting.
            out.flush()?;
        }
        Ok(())
    }

    fn summary(&self, out: &mut Output) -> Result<(), Stop> {
        out.line(&format!(
            "\n{} lines, {} reboots, {} codes and subjects told",
            self.lines,
            self.reboots,
            self.counts.len()
        ))?;
        for ((code, subject), count) in &self.counts {
            let open = self
                .machine
                .rules()
                .open_alerts()
                .any(|open| open.rule.code == *code && open.rule.subject.as_str() == subject);
            out.line(&format!(
                "{}  {}{}{}: fired {}, resolved {}, continued {}{}",
                display(*code, true),
                name(*code, Language::En).unwrap_or("?"),
                if subject.is_empty() { "" } else { " " },
                shown(subject),
                count.fired,
                count.resolved,
                count.continued,
                if open { "; open at the end" } else { "" }
            ))?;
        }
        Ok(())
    }
}

const HEAD: &str =
    "uptime        code       state      episode  value         level         reason    subject";

fn table_row(row: &Row) -> String {
    let seconds = row.uptime_ms / 1000;
    let clock = format!(
        "{}:{:02}:{:02}.{:03}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        row.uptime_ms % 1000
    );
    let text = |value: Option<u64>| match (value, row.quantity) {
        (None, _) => "-".into(),
        (Some(value), Some(quantity)) => amount(value, quantity.unit()),
        (Some(value), None) => value.to_string(),
    };
    let line = format!(
        "{clock:<13} {:<10} {:<10} {:>7}  {:<13} {:<13} {:<9} {}",
        display(row.code, row.state != "resolved").to_string(),
        row.state,
        row.episode,
        text(row.value),
        text(row.level),
        row.reason,
        shown(&row.subject)
    );
    line.trim_end().into()
}
