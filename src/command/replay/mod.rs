//! `hansho replay`: what the rules would have said to the past: to the history in the rings, or to a recording.
//!
//! [`source`] gives readings one after the other, from lines or, by [`rings`] and [`readings`], from rings; [`held`] tells what
//! there was; a [`side`] is one configuration at work; [`summary`] puts one or two of them beside the budget. [`suggest`] looks
//! at how values are spread ([`distribution`]), [`propose`] decides on levels, and [`suggestion`] says so.

mod distribution;
mod held;
mod propose;
mod readings;
mod rings;
mod side;
mod source;
mod suggest;
mod suggestion;
mod summary;

use super::Command;
use super::args::{Args, CONFIG};
use super::exit::{Exit, Outcome, Stop};
use super::file;
use super::output::{Output, say, shown};
use super::plan::plan;
use super::status;
use hansho::config::Plan;
use hansho::limit::{GAP_INTERVALS, REPLAY_HOSTS, SAMPLE_INTERVAL_MS};
use held::Held;
use lexopt::Arg;
use readings::{Fallback, RingReadings};
use rings::Rings;
use side::{HEAD, Side};
use source::{Lines, Source};
use std::path::{Path, PathBuf};
use suggest::{Asked, suggest};
use summary::{Absent, Budget, Told};

pub(crate) const COMMAND: Command = Command {
    name: "replay",
    summary: "what the rules say to the past: to try thresholds on this host's own history",
    help: "\
Judges the history that this host's rings hold, a copied ring, or a recording, by the rules of a configuration: which codes
would have fired, when and for how long. The same rules and the same code as in the agent; time is that of the history.
With --config, a proposed configuration is judged beside the present one. docs/REPLAY.md explains what is told.

Usage: hansho replay [--input FILE] [--config FILE] [--against FILE] [--hosts N] [--transitions] [--json]
       hansho replay --suggest [--anyway] [--input FILE] [--config FILE] [--hosts N] [--json]

  --input FILE     a copied ring, or samples, one a line as \"hansho sample --json\" prints them; - is samples on standard
                   input, where uptime that goes back is a reboot. Default: both rings of the configuration, in use or not:
                   readings of every sample where they are held, else those of each report interval
  --config FILE    the proposed configuration, whose thresholds are to be tried beside the present ones
  --against FILE   the present one. Default: /etc/hansho/agent.toml where there is one, else the built-in rules
  --interval TIME  interval of samples, 50ms to 60s: what is more than two intervals apart starts timers anew. Rings tell
                   theirs. Default: sample.interval of the present configuration
  --hosts N        hosts that one operator looks after, for the budget of alarms. Default: 1
  --transitions    also each transition, as it comes
  --json           one object at the end: record (summary), history {boots [{first_uptime_ms, last_uptime_ms, first_wall_ms,
                   last_wall_ms, clock_moved_ms, readings, covered_ms, gaps, longest_gap_ms}], earlier_boots, readings,
                   covered_ms, gaps, longest_gap_ms, reboots, by_interval, of_other_intervals}, absent, not_judged, hosts, budget, present and
                   proposed {configuration, alarms, alarms_per_day, within_budget}, codes [{code, subject, display, name,
                   counts_as_alarm, present and proposed {fired, resolved, continued, firing_ms, longest_ms, open_at_end},
                   difference {fired, firing_ms}}]; proposed and difference are null without --config. With --transitions one
                   object each before it: record (transition), configuration (present, proposed), uptime_ms, wall_ms (null
                   where the clock was not set), code, subject, severity (I, W, E), state (firing, resolved, continued),
                   episode, value, level (both in the unit of the quantity), reason
  --suggest        levels for this host by its history, each with its reason and tried on it, and lines for agent.toml;
                   nothing is written. By the rules of --config, else of the present configuration. With --json one object:
                   record (suggestion), history, hosts, alarms, alarms_with_suggestions, within_budget,
                   within_budget_with_suggestions, codes [{code, display, quantity, unit, known_ms, p50, p99, max, raise,
                   clear, at_or_above_raise_ms, fired, verdict (keep, quieter, sooner, highest, not_enough, absent), reason,
                   suggested_raise, suggested_clear, fired_with_suggestion}], agent_toml
  --anyway         suggest on less than seven days of history, too

Codes of the agent's own health (8xxx) are not judged: no history tells them. Time firing is counted where there are readings.

Exit codes: 0 done, 1 there is no reading, 64 wrong command line, 65 a line is no sample (said with file and line), 66 a file
or the rings are missing, 74 reading failed, 76 a ring of which nothing can be read, as of another version, 77 not allowed to
read, 78 faults in the configuration.

Example: hansho replay --config new.toml --hosts 40
",
    run,
};

#[derive(Default)]
struct Options {
    input: Option<PathBuf>,
    config: Option<PathBuf>,
    against: Option<PathBuf>,
    interval_ms: Option<u64>,
    hosts: u64,
    transitions: bool,
    suggest: bool,
    anyway: bool,
    json: bool,
}

/// The configurations that were asked for.
struct Configurations {
    present: Plan,
    proposed: Option<Plan>,
    /// There is no present one on this host: the built-in rules stand for it.
    is_built_in: bool,
}

impl Configurations {
    /// The one that tells where rings are and at which interval samples come: this host's, if it has one.
    fn of_host(&self) -> &Plan {
        match &self.proposed {
            Some(proposed) if self.is_built_in => proposed,
            _ => &self.present,
        }
    }
}

fn run(args: &mut Args, out: &mut Output) -> Outcome {
    let options = options(args)?;
    let configurations = configurations(&options)?;
    let budget = Budget {
        hosts: options.hosts,
    };
    if options.suggest {
        let plan = configurations
            .proposed
            .as_ref()
            .unwrap_or(&configurations.present);
        let asked = Asked {
            budget,
            anyway: options.anyway,
            json: options.json,
        };
        return suggest(
            plan,
            asked,
            &|| open(&options, configurations.of_host()),
            out,
        );
    }
    let mut source = open(&options, configurations.of_host())?;
    let mut sides = sides(&configurations)?;
    let mut absent = Absent::of(&sides.iter().collect::<Vec<_>>());
    let mut held = Held::default();
    if options.transitions && !options.json {
        out.line(HEAD)?;
    }
    while let Some(item) = source.next()? {
        held.take(&item);
        absent.take(&item.reading);
        for side in &mut sides {
            for row in side.take(&item, held.covered_ms) {
                if !options.transitions {
                    continue;
                }
                if options.json {
                    out.json(&row)?;
                } else {
                    out.line(&row.words())?;
                }
                // The recording may be growing, and its reader waiting.
                out.flush()?;
            }
        }
    }
    for side in &mut sides {
        side.end(held.covered_ms);
    }
    warn(&source, &held);
    let [present, proposed @ ..] = sides.as_slice() else {
        return Err(Stop::failed(Exit::Internal, "no configuration"));
    };
    let told = Told {
        held: &held,
        absent: &absent,
        budget,
        present,
        proposed: proposed.first(),
    };
    if held.readings == 0 {
        return Err(nothing(&source));
    }
    if options.json {
        out.json(&told.summary())?;
    } else {
        if options.transitions {
            out.line("")?;
        }
        out.text(&history(&source, &held, &absent))?;
        out.text(&told.words())?;
    }
    Ok(Exit::Done)
}

fn options(args: &mut Args) -> Result<Options, Stop> {
    let mut options = Options {
        hosts: 1,
        ..Options::default()
    };
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("input") => options.input = Some(args.path()?),
            Arg::Long("config") => options.config = Some(args.path()?),
            Arg::Long("against") => options.against = Some(args.path()?),
            Arg::Long("interval") => options.interval_ms = Some(args.time_ms("--interval")?),
            Arg::Long("hosts") => options.hosts = args.number()?,
            Arg::Long("transitions") => options.transitions = true,
            Arg::Long("suggest") => options.suggest = true,
            Arg::Long("anyway") => options.anyway = true,
            Arg::Long("json") => options.json = true,
            other => return Err(other.unexpected().into()),
        }
    }
    if options
        .interval_ms
        .is_some_and(|interval| !SAMPLE_INTERVAL_MS.contains(&interval))
    {
        return Err(Stop::usage("--interval: it is from 50ms to 60s"));
    }
    let is_standard_input = options.input.as_deref() == Some(Path::new("-"));
    let refused = match (options.suggest, &options) {
        (false, Options { anyway: true, .. }) => "--anyway: it goes with --suggest",
        (
            true,
            Options {
                transitions: true, ..
            },
        ) => "--suggest lists no transitions",
        (
            true,
            Options {
                config: Some(_),
                against: Some(_),
                ..
            },
        ) => "--suggest looks at one configuration: --config or --against",
        (true, _) if is_standard_input => {
            "--suggest reads the input twice: name a file with --input"
        }
        _ => "",
    };
    if !refused.is_empty() {
        return Err(Stop::usage(refused));
    }
    if !REPLAY_HOSTS.contains(&options.hosts) {
        return Err(Stop::usage(format!(
            "--hosts {}: it is from {} to {}",
            options.hosts,
            REPLAY_HOSTS.start(),
            REPLAY_HOSTS.end()
        )));
    }
    Ok(options)
}

fn configurations(options: &Options) -> Result<Configurations, Stop> {
    let proposed = match &options.config {
        Some(path) => Some(plan(Some(path))?),
        None => None,
    };
    let (present, refused) = match &options.against {
        Some(path) => (plan(Some(path))?, None),
        None => status::plan(None)?,
    };
    if let Some(refused) = refused {
        say(&format!(
            "warning: the configuration of this host is refused; what was accepted last is the present one: {}",
            shown(&refused)
        ));
    }
    Ok(Configurations {
        is_built_in: options.against.is_none() && !file::is_there(Path::new(CONFIG)),
        present,
        proposed,
    })
}

fn sides(configurations: &Configurations) -> Result<Vec<Side>, Stop> {
    let origin = |plan: &Plan| match plan.file.as_str() {
        "" => "built-in rules".into(),
        file => file.to_owned(),
    };
    let present = &configurations.present;
    let mut sides = vec![Side::new("present", origin(present), present)?];
    if let Some(proposed) = &configurations.proposed {
        sides.push(Side::new("proposed", origin(proposed), proposed)?);
    }
    Ok(sides)
}

/// Opens what was named, or the rings of a configuration.
fn open(options: &Options, plan: &Plan) -> Result<Source, Stop> {
    let given = options
        .interval_ms
        .and_then(|interval| u32::try_from(interval).ok());
    let rings = match &options.input {
        None => Some(Rings::of_plan(plan)?),
        Some(path) if path == Path::new("-") => None,
        Some(path) => Rings::of_file(path)?,
    };
    match (rings, &options.input) {
        (Some(_), _) if given.is_some() => Err(Stop::usage(
            "--interval: rings tell the interval of their readings",
        )),
        (Some(rings), _) => {
            let fallback = Fallback {
                sample_ms: plan.sample.interval_ms,
                report_ms: plan.sample.report_interval_ms,
            };
            Ok(Source::Rings(RingReadings::new(rings, fallback)))
        }
        (None, Some(path)) => {
            let interval_ms = given.unwrap_or(plan.sample.interval_ms);
            Ok(Source::Lines(Lines::open(path, interval_ms)?))
        }
        (None, None) => Err(Stop::usage("which samples? Give --input FILE")),
    }
}

/// What is not as it should be.
fn warn(source: &Source, held: &Held) {
    match source {
        Source::Lines(lines) => {
            if held.gaps > 0 {
                say(&format!(
                    "warning: {} of {} lines come more than {GAP_INTERVALS} intervals after the line before, and timers \
                     started anew there; --interval gives the interval of the recording",
                    held.gaps,
                    lines.count()
                ));
            }
        }
        Source::Rings(rings) => {
            for note in &rings.rings().notes {
                say(&format!("warning: {}", shown(note)));
            }
            let met = rings.met;
            for (count, what) in [
                (
                    met.bad_frames,
                    "frames of readings cannot be read, and are passed over",
                ),
                (
                    met.without_interval,
                    "frames do not tell the interval of their readings: taken is that of the configuration",
                ),
                (
                    met.overwritten,
                    "blocks were overwritten by the running agent while the ring was read",
                ),
            ] {
                if count > 0 {
                    say(&format!("warning: {count} {what}"));
                }
            }
        }
    }
}

fn nothing(source: &Source) -> Stop {
    let message = match source {
        Source::Lines(_) => "there is no sample in the input".into(),
        Source::Rings(rings) => format!(
            "{}: no reading in it; an agent writes the first one as soon as it runs",
            rings.rings().names.join(", ")
        ),
    };
    Stop::failed(Exit::Nothing, message)
}

/// What there was to judge, and what of it cannot be.
fn history(source: &Source, held: &Held, absent: &Absent) -> String {
    let mut text = span(source, held);
    let absent = absent.words();
    if !absent.is_empty() {
        text.pop();
        text.push_str(&absent);
        text.push_str("\n\n");
    }
    text
}

/// What there was to judge.
fn span(source: &Source, held: &Held) -> String {
    let from = match source {
        Source::Lines(lines) => format!("{} lines of samples", lines.count()),
        Source::Rings(rings) => rings.rings().names.join(", "),
    };
    let mut text = format!("History: {}\n", shown(&from));
    for line in held.words() {
        text.push_str(&line);
        text.push('\n');
    }
    text.push_str(
        "Not judged: the agent's own health (HNS8001 to 8012), which no history tells\n\n",
    );
    text
}
