//! `cargo xtask demo`: the main job on this host. `levels` says at which memory the demo's rules raise, `load` puts it
//! under load and measures.

mod levels;
mod load;

use crate::Subcommand;
use crate::process::{Failure, io_at};
use crate::site::{ACCOUNT, AGENT, Agent, Plan, Programs, SYSTEM, Site};
use levels::{AFTER, HOLD_S, Levels};
use load::Load;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "demo",
    summary: "a collector and an agent on this host: put memory under load and see it on a page",
    help: "usage: cargo xtask demo [--for TIME] [--json] [--load] [--port PORT] [--release] [--keep]

Builds agent and collector, starts both for this host on loopback with a key, store and rings of their own, and
prints the address of the page, with whom to log in, and the command that puts memory under load. Ctrl-C stops the agent, which says
goodbye and posts what is left, and then the collector.
  --for TIME    end by itself after this time, such as 60s or 5m
  --json        print one object on the last line: readings_taken, readings_stored, frames_sent, frames_stored,
                duplicates, lost, alerts. What was taken and sent is counted in the agent's rings, the rest is the
                collector's word
  --load        start the load too, and measure the time from the rule's moment to the alert on the page; the object
                then has page_after_due_ms
  --collector FILE  further tables of the collector's configuration, such as [mail]
  --port PORT   where the pages are (default: a port that is free)
  --release     build optimised (default: not, which is quicker)
  --no-build    take agent and collector from beside this program, as cargo built them last
  --keep        leave configuration, store and logs behind, and say where

Ends with 1 where a reading, a frame or the alert of --load is not where it belongs.",
    run: from_command_line,
};

/// How often the demo looks round.
const ROUND: Duration = Duration::from_millis(50);
/// How long the agent runs before the load begins: a few readings without it.
const LOAD_AFTER: Duration = Duration::from_secs(3);

/// The command line.
#[derive(Debug, Default)]
struct Options {
    lasts: Option<Duration>,
    json: bool,
    load: bool,
    port: u16,
    release: bool,
    no_build: bool,
    keep: bool,
    collector: Option<PathBuf>,
}

fn from_command_line(arguments: &mut lexopt::Parser) -> Result<(), Failure> {
    use lexopt::ValueExt as _;
    use lexopt::prelude::{Long, Short};
    let mut options = Options::default();
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('h') | Long("help") => return Err(Failure::Help),
            Long("for") => options.lasts = Some(arguments.value()?.parse_with(time)?),
            Long("json") => options.json = true,
            Long("load") => options.load = true,
            Long("collector") => options.collector = Some(arguments.value()?.into()),
            Long("port") => options.port = arguments.value()?.parse()?,
            Long("release") => options.release = true,
            Long("no-build") => options.no_build = true,
            Long("keep") => options.keep = true,
            other => return Err(other.unexpected().into()),
        }
    }
    if options.release && options.no_build {
        return Err(Failure::Usage(
            "--release says how to build, and --no-build not to".to_owned(),
        ));
    }
    demo(&options)
}

/// `90s`, `5m`, or seconds.
fn time(text: &str) -> Result<Duration, String> {
    let (number, factor) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "a time such as 60s or 5m".to_owned())?;
    Ok(Duration::from_secs(number.saturating_mul(factor)))
}

fn demo(options: &Options) -> Result<(), Failure> {
    let programs = if options.no_build {
        Programs::beside_us()?
    } else {
        println!("building agent and collector ...");
        Programs::build(options.release)?
    };
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(io_at("signals"))?;
    }
    let tables = match &options.collector {
        Some(file) => std::fs::read_to_string(file).map_err(io_at(file.display().to_string()))?,
        None => String::new(),
    };
    let plan = Plan {
        port: options.port,
        keep: options.keep,
        tables: &tables,
        ..Plan::default()
    };
    let mut site = Site::start_collector(programs, &plan)?;
    let levels =
        Levels::of_this_host(&mut site.agent_command(&["sample", "--count", "1", "--json"]))?;
    site.start_agent(&Agent {
        log: true,
        spool: "disk_size = \"1MiB\"",
        forward: "post_interval = \"2s\"",
        tables: &format!(
            "# The demo's own: quicker than the defaults, and not for a server.\n[sample]\ninterval = \"500ms\"\ncounters_interval = \"1s\"\nreport_interval = \"1s\"\n{}",
            levels.rules()
        ),
    })?;
    tell(options, &site, &levels);
    let load = watch(options, &mut site, &levels, &stop)?;
    println!("stopping the agent, then the collector ...");
    site.stop_agent()?;
    let stats = site.collected(&["stats"])?;
    let written = site.written()?;
    site.stop_collector()?;
    if options.keep {
        println!("left behind: {}", site.file("").display());
    }
    let mut result = json!({
        "readings_taken": written.readings,
        "readings_stored": stats.get("readings_stored"),
        "frames_sent": written.frames,
        "frames_stored": stats.get("frames_stored"),
        "duplicates": stats.get("duplicates"),
        "lost": stats.get("lost"),
        "alerts": stats.get("alerts"),
    });
    let measured = load.map(|load| load.result());
    if let (Some(Ok(after_ms)), Value::Object(result)) = (&measured, &mut result) {
        result.insert("page_after_due_ms".to_owned(), json!(after_ms));
    }
    if options.json {
        println!("{result}");
    } else {
        println!("{}", in_words(&result));
    }
    measured.transpose()?;
    verdict(&result)
}

/// Says what there is, what to do, and what will be seen when.
fn tell(options: &Options, site: &Site, levels: &Levels) {
    let [warning, error] = levels.raise_mib();
    let build = match (options.release, options.no_build) {
        (true, _) => "Built optimised.",
        (false, false) => "Built not optimised; --release is.",
        (false, true) => "Not built.",
    };
    println!(
        "
The page:   http://{pages}/        (http://{pages}/?lang=ja in Japanese)
The agent:  http://{pages}/agents/{SYSTEM}/{AGENT}    (names the demo's own rules)
Log in as:  {ACCOUNT}, password {password}

Memory used now: {used} MiB, available: {available} MiB. For the demo, HNS1001-W raises at {warning} MiB and HNS1002-E
at {error} MiB, after {AFTER} each; the defaults of a server are 80 % for 10 min and 95 % for 1 min.

Put memory under load, in another terminal ({load} MiB for {HOLD_S} s):

    {command}

After about {AFTER} HNS1001-W and HNS1002-E are on the page, with what to do now; about {AFTER} after its end both
are resolved.
{ends} {build}
",
        pages = site.pages(),
        password = site.password(),
        used = levels.used_mib,
        available = levels.available_mib,
        load = levels.load_mib(),
        command = levels.load_command(),
        ends = match options.lasts {
            Some(lasts) => format!("The demo ends by itself after {} s.", lasts.as_secs()),
            None => "Ctrl-C ends the demo.".to_owned(),
        },
    );
}

/// Until its time has passed or a signal comes; shows the agent's own lines meanwhile.
fn watch(
    options: &Options,
    site: &mut Site,
    levels: &Levels,
    stop: &AtomicBool,
) -> Result<Option<Load>, Failure> {
    let started = Instant::now();
    let mut transitions = None;
    let mut load = None;
    while !stop.load(Ordering::Relaxed)
        && options.lasts.is_none_or(|lasts| started.elapsed() < lasts)
    {
        sleep(ROUND);
        site.check_alive()?;
        show_lines(site, &mut transitions);
        match &mut load {
            None if options.load && started.elapsed() >= LOAD_AFTER => {
                println!("load:   {}", levels.load_command());
                load = Some(Load::start(site, levels)?);
            }
            None => {}
            Some(load) => {
                if let Some(after_ms) = load.look(site)? {
                    println!("page:   HNS1002-E is there, {after_ms} ms after its rule's time");
                }
            }
        }
    }
    show_lines(site, &mut transitions);
    Ok(load)
}

/// Prints the lines that the agent wrote into its log of transitions since the last look.
fn show_lines(site: &Site, reader: &mut Option<BufReader<File>>) {
    if reader.is_none() {
        // The agent makes the file; until then there is nothing to show.
        *reader = File::open(site.file("transitions.log"))
            .ok()
            .map(BufReader::new);
    }
    let Some(reader) = reader else { return };
    let mut line = String::new();
    // The agent writes whole lines.
    while let Ok(1..) = reader.read_line(&mut line) {
        println!("agent:  {}", line.trim_end());
        line.clear();
    }
}

fn number(result: &Value, name: &str) -> u64 {
    result.get(name).and_then(Value::as_u64).unwrap_or(0)
}

fn in_words(result: &Value) -> String {
    let number = |name| number(result, name);
    format!(
        "readings: {} taken, {} stored; frames: {} sent, {} stored, {} twice, {} lost; alerts: {}",
        number("readings_taken"),
        number("readings_stored"),
        number("frames_sent"),
        number("frames_stored"),
        number("duplicates"),
        number("lost"),
        number("alerts"),
    )
}

/// Everything that the agent wrote is stored, once.
fn verdict(result: &Value) -> Result<(), Failure> {
    let number = |name| number(result, name);
    let whole = number("readings_taken") > 0
        && number("readings_taken") == number("readings_stored")
        && number("frames_sent") == number("frames_stored")
        && number("duplicates") == 0
        && number("lost") == 0;
    if whole {
        return Ok(());
    }
    Err(Failure::Check(format!(
        "not everything is where it belongs: {}",
        in_words(result)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(time("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(time("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(time("7"), Ok(Duration::from_secs(7)));
        assert!(time("soon").is_err());
        assert!(time("-1s").is_err());
    }

    #[test]
    fn whatever_is_missing_or_double_is_a_failure() {
        let whole = json!({"readings_taken": 3, "readings_stored": 3, "frames_sent": 9, "frames_stored": 9,
                           "duplicates": 0, "lost": 0, "alerts": 0});
        assert!(verdict(&whole).is_ok());
        for (name, value) in [
            ("readings_taken", 0),
            ("readings_stored", 2),
            ("frames_sent", 10),
            ("duplicates", 1),
            ("lost", 1),
        ] {
            let mut other = whole.clone();
            other[name] = json!(value);
            assert!(verdict(&other).is_err(), "{name}");
        }
    }
}
