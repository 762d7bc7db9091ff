//! How `top` shows programs what it saw: one object.

use super::exit::{Exit, Stop};
use super::top::{Seen, now};
use hansho::sample::to_json;
use hansho::scout::Text;
use hansho::scout::suspects::List;
use serde_json::{Value, json as object};

/// The whole as one object.
///
/// # Errors
/// Where our own line of a sample is no JSON: a fault of the program.
pub(crate) fn json(seen: &Seen) -> Result<Value, Stop> {
    let agent = match &seen.agent {
        Ok(status) => object!({
            "known": true,
            "because": status.because,
            "running": status.running,
            "last_sign_ms_ago": status.last_sign_ms_ago,
            "open": status.open,
            "pending": status.pending,
        }),
        Err(why) => object!({
            "known": false, "because": why, "running": null, "last_sign_ms_ago": null, "open": null, "pending": null,
        }),
    };
    let coverage = &seen.coverage;
    let sample: Value = serde_json::from_str(&to_json(&seen.sample))
        .map_err(|error| Stop::failed(Exit::Internal, format!("JSON of a sample: {error}")))?;
    Ok(object!({
        "host": seen.host,
        "now_uptime_ms": now(seen).as_millis(),
        "now_wall_ms": seen.sample.wall.as_millis(),
        "over_ms": seen.over_ms,
        "agent": agent,
        "sample": sample,
        "processes": {
            "seen": coverage.seen, "read": coverage.read, "refused": coverage.refused, "gone": coverage.gone,
            "failed": coverage.failed, "hidden": coverage.hidden, "cut": coverage.cut, "threads": coverage.threads,
            "held": seen.held,
        },
        "suspects": {
            "memory": suspects(&seen.suspects.memory),
            "growth": suspects(&seen.suspects.growth_short),
            "cpu": suspects(&seen.suspects.cpu),
            "swap": suspects(&seen.suspects.swap),
        },
        "units": seen.units.iter().map(|unit| object!({
            "unit": unit.unit.as_deref().map(String::from_utf8_lossy),
            "container": unit.container.as_deref().map(String::from_utf8_lossy),
            "processes": unit.processes,
            "memory_kib": unit.memory_kib,
            "swap_kib": unit.swap_kib,
            "cpu_permille": unit.cpu_permille,
        })).collect::<Vec<_>>(),
    }))
}

fn suspects(list: &List) -> Vec<Value> {
    fn lossy<const N: usize>(text: &Text<N>) -> String {
        String::from_utf8_lossy(text.as_bytes()).into_owned()
    }
    list.iter()
        .map(|suspect| {
            let process = &suspect.process;
            object!({
                "pid": process.id.pid,
                "parent": process.parent,
                "start_ticks": process.id.start_ticks,
                "threads": process.threads,
                "name": lossy(&process.name),
                "uid": process.uid,
                "unit": process.unit.as_ref().map(lossy),
                "container": process.container.as_ref().map(lossy),
                "oom_score_adj": process.oom_score_adj,
                "memory_kib": process.memory_kib,
                "swap_kib": process.swap_kib,
                "cpu_permille": process.cpu_permille,
                "growth_kib": process.growth_short.map(|growth| growth.kib),
                "growth_over_ms": process.growth_short.map(|growth| growth.over_ms),
            })
        })
        .collect()
}
