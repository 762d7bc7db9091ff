//! `alerts`, `readings`, `frames`, `losses`, `stats`: what is stored, for people and, with `--json`, for programs.

use super::line::{Command, Line, flag, text};
use super::{json, one_agent, print, reader, store_failure};
use crate::exit::Failure;
use crate::limit::READINGS;
use crate::store::{AlertFilter, Range, Store as _};
use hansho::clock::WallTime;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "alerts",
        options: &[flag("json"), flag("all")],
        run: alerts,
    },
    Command {
        words: "readings AGENT",
        options: &[flag("json"), text("since-ms")],
        run: readings,
    },
    Command {
        words: "frames AGENT",
        options: &[flag("json")],
        run: frames,
    },
    Command {
        words: "losses AGENT",
        options: &[flag("json")],
        run: losses,
    },
    Command {
        words: "stats",
        options: &[flag("json")],
        run: stats,
    },
];

/// One line each.
fn lines(lines: impl Iterator<Item = String>) -> Result<(), Failure> {
    print(&lines.map(|line| line + "\n").collect::<String>())
}

fn alerts(line: &Line) -> Result<(), Failure> {
    let store = reader(line)?;
    let filter = AlertFilter {
        firing: (!line.flag("all")).then_some(true),
        ..AlertFilter::default()
    };
    let agents = store.agents().map_err(|error| store_failure(&error))?;
    let alerts = store
        .alerts(&filter)
        .map_err(|error| store_failure(&error))?;
    if line.flag("json") {
        return print(&json::alerts(&alerts, &agents));
    }
    lines(alerts.iter().map(|alert| json::alert_line(alert, &agents)))
}

fn readings(line: &Line) -> Result<(), Failure> {
    let allowed = "is a number of milliseconds since 1970 UTC";
    let since = line.parsed("since-ms", allowed, |text| text.parse().ok())?;
    let store = reader(line)?;
    let agent = one_agent(&store, line.need("AGENT")?)?;
    let range = Range {
        from: WallTime::from_millis(since.unwrap_or(0)),
        ..Range::all(READINGS)
    };
    let readings = store
        .readings(agent.id, &range)
        .map_err(|error| store_failure(&error))?;
    lines(readings.iter().map(|reading| {
        if line.flag("json") {
            json::reading(reading)
        } else {
            json::reading_line(reading)
        }
    }))
}

fn frames(line: &Line) -> Result<(), Failure> {
    let store = reader(line)?;
    let agent = one_agent(&store, line.need("AGENT")?)?;
    let frames = store
        .frames(agent.id)
        .map_err(|error| store_failure(&error))?;
    let as_json = line.flag("json");
    lines(frames.iter().map(|frame| json::frame(frame, as_json)))
}

fn losses(line: &Line) -> Result<(), Failure> {
    let store = reader(line)?;
    let agent = one_agent(&store, line.need("AGENT")?)?;
    let losses = store
        .losses(agent.id)
        .map_err(|error| store_failure(&error))?;
    let as_json = line.flag("json");
    lines(losses.iter().map(|loss| json::loss(loss, as_json)))
}

fn stats(line: &Line) -> Result<(), Failure> {
    let totals = reader(line)?
        .totals()
        .map_err(|error| store_failure(&error))?;
    print(&json::stats(&totals, line.flag("json")))
}
