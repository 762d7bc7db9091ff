//! What the reading commands print: JSON of fixed shapes, and lines for people.

use crate::clock::utc;
use crate::codes;
use crate::plain::one_line;
use crate::store::{Agent, Dated, LostRange, StoredAlert, StoredFrame, StoredReading, Totals};
use hansho::frame::body::{self, FLAG_FLAPPING, FLAG_UNKNOWN};
use hansho::frame::kind::Kind;
use hansho::sample::{Field, Reading, Scope};
use serde_json::{Value, json};

fn wall(dated: Option<Dated>) -> Value {
    dated.map_or(Value::Null, |dated| json!(dated.wall.as_millis()))
}

fn clock(dated: Option<Dated>) -> Value {
    dated.map_or(Value::Null, |dated| json!(dated.quality.word()))
}

/// An agent, one object.
#[must_use]
pub fn agent(agent: &Agent) -> String {
    let inventory = agent.inventory.as_ref();
    json!({
        "agent": agent.id.to_string(),
        "customer": agent.customer,
        "system": agent.system,
        "name": agent.name,
        "created_ms": agent.created.as_millis(),
        "last_seen_ms": agent.last_seen.map(hansho::clock::WallTime::as_millis),
        "run": agent.current_run.map(|run| run.to_string()),
        "host": inventory.map(|inventory| &inventory.host),
        "version": inventory.map(|inventory| &inventory.version),
        "config_hash": inventory.map(|inventory| format!("{:016x}", inventory.config_hash)),
    })
    .to_string()
}

fn owner<'a>(alert: &StoredAlert, agents: &'a [Agent]) -> Option<&'a Agent> {
    agents.iter().find(|agent| agent.id == alert.agent)
}

/// All alerts, one list.
#[must_use]
pub fn alerts(alerts: &[StoredAlert], agents: &[Agent]) -> String {
    let list: Vec<Value> = alerts
        .iter()
        .map(|alert| self::alert(alert, owner(alert, agents)))
        .collect();
    let mut text = Value::Array(list).to_string();
    text.push('\n');
    text
}

fn alert(alert: &StoredAlert, owner: Option<&Agent>) -> Value {
    json!({
        "alert": alert.id.to_string(),
        "agent": owner.map(|agent| &agent.name),
        "agent_id": alert.agent.to_string(),
        "customer": owner.map(|agent| &agent.customer),
        "system": owner.map(|agent| &agent.system),
        "host": owner.and_then(|agent| agent.inventory.as_ref()).map(|inventory| &inventory.host),
        "code": alert.identity.code,
        "display": codes::display(alert.identity.code, alert.firing),
        "subject": alert.identity.subject,
        "severity": codes::severity_word(codes::severity(alert.identity.code)),
        "state": if alert.firing { "firing" } else { "resolved" },
        "test": alert.identity.test,
        "episode": alert.episode,
        "value": alert.value,
        "total": alert.total,
        "level": alert.level,
        "worst": alert.worst,
        "count": alert.count,
        "continuations": alert.continuations,
        "reason": body::reason_name(alert.reason),
        "flapping": alert.flags & FLAG_FLAPPING != 0,
        "unknown": alert.flags & FLAG_UNKNOWN != 0,
        "occurred_ms": wall(alert.occurred),
        "occurred_clock": clock(alert.occurred),
        "detected_ms": wall(alert.detected),
        "detected_clock": clock(alert.detected),
        "notified_ms": wall(alert.notified),
        "recovered_ms": wall(alert.recovered),
        "recovered_clock": clock(alert.recovered),
        "resolved_ms": wall(alert.resolved),
        "stored_ms": alert.stored.as_millis(),
        "by_state": alert.by.state(),
        "opened_by_state": alert.by.opened_by_state,
        "closed_by_state": alert.by.closed_by_state,
        "firing_inferred": alert.by.firing_inferred,
        "retired": alert.by.retired,
        "run": alert.run.to_string(),
        "firing_sequence": alert.firing_sequence,
        "resolved_sequence": alert.resolved_sequence,
    })
}

/// An alert, one line.
#[must_use]
pub fn alert_line(alert: &StoredAlert, agents: &[Agent]) -> String {
    let code = alert.identity.code;
    let owner = owner(alert, agents).map_or_else(|| alert.agent.to_string(), Agent::path);
    let since = alert.occurred.or(alert.detected);
    let since = since.map_or_else(|| "?".to_owned(), |dated| utc(dated.wall.as_millis()));
    format!(
        "{} {}{} {owner} {} {} since {since} {}",
        alert.id,
        if alert.identity.test { "TEST " } else { "" },
        codes::display(code, alert.firing),
        one_line(&alert.identity.subject),
        codes::name(code, codes::Language::En),
        if alert.firing { "firing" } else { "resolved" },
    )
}

/// A reading, one object with the field names of `hansho sample --json`.
#[must_use]
pub fn reading(stored: &StoredReading) -> String {
    let r: &Reading = &stored.reading;
    let kib = |field| r.kib(field);
    let get = |field| r.get(field);
    json!({
        "run": stored.run.to_string(),
        "sequence": stored.sequence,
        "uptime_ms": r.uptime.as_millis(),
        "wall_ms": stored.dated.wall.as_millis(),
        "clock": stored.dated.quality.word(),
        "scope": match r.scope { Scope::Host => "host", Scope::Container => "container" },
        "memory": {
            "total_kib": kib(Field::MemoryTotal),
            "available_kib": kib(Field::MemoryAvailable),
            "available_estimated": r.available_estimated,
            "used_peak_kib": kib(Field::MemoryUsedPeak),
            "anonymous_kib": kib(Field::MemoryAnonymous),
            "page_cache_kib": kib(Field::PageCache),
            "shmem_kib": kib(Field::Shmem),
            "slab_reclaimable_kib": kib(Field::SlabReclaimable),
            "slab_unreclaimable_kib": kib(Field::SlabUnreclaimable),
            "swap_total_kib": kib(Field::SwapTotal),
            "swap_used_kib": kib(Field::SwapUsed),
            "dirty_kib": kib(Field::MemoryDirty),
            "committed_kib": kib(Field::MemoryCommitted),
            "zfs_arc_kib": kib(Field::ZfsArc),
            "hugetlb_total_kib": kib(Field::HugetlbTotal),
            "hugetlb_free_kib": kib(Field::HugetlbFree),
        },
        "cpu": {
            "busy_permille": get(Field::CpuBusy),
            "busy_peak_permille": get(Field::CpuBusyPeak),
            "user_permille": get(Field::CpuUser),
            "system_permille": get(Field::CpuSystem),
            "iowait_permille": get(Field::CpuIowait),
            "steal_permille": get(Field::CpuSteal),
            "load1_centi": get(Field::Load1),
            "runnable": get(Field::Runnable),
            "cores": get(Field::Cores),
        },
        "pressure": {
            "cpu_some_permille": get(Field::PressureCpuSome),
            "memory_some_permille": get(Field::PressureMemorySome),
            "memory_full_permille": get(Field::PressureMemoryFull),
            "io_some_permille": get(Field::PressureIoSome),
            "io_full_permille": get(Field::PressureIoFull),
        },
        "rates": {
            "oom_kill": get(Field::OomKill),
            "swap_in_pages_per_s": get(Field::SwapIn),
            "swap_out_pages_per_s": get(Field::SwapOut),
            "major_faults_per_s": get(Field::MajorFaults),
            "refaults_per_s": get(Field::Refaults),
        },
    })
    .to_string()
}

/// A reading, one line.
#[must_use]
pub fn reading_line(stored: &StoredReading) -> String {
    let word = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let r = &stored.reading;
    format!(
        "{} available {} KiB of {} KiB, CPU busy {} permille",
        utc(stored.dated.wall.as_millis()),
        word(r.kib(Field::MemoryAvailable).map(|kib| kib.to_string())),
        word(r.kib(Field::MemoryTotal).map(|kib| kib.to_string())),
        word(r.get(Field::CpuBusy).map(|busy| busy.to_string())),
    )
}

/// A raw frame's place and kind.
#[must_use]
pub fn frame(frame: &StoredFrame, as_json: bool) -> String {
    let number = frame.frame.first().copied().unwrap_or(0);
    let kind = Kind::from_number(number).map_or_else(
        || number.to_string(),
        |kind| format!("{kind:?}").to_lowercase(),
    );
    if as_json {
        return json!({
            "run": frame.run.to_string(),
            "stream": frame.stream.number(),
            "sequence": frame.sequence,
            "kind": kind,
            "received_ms": frame.received.as_millis(),
            "bytes": frame.frame.len(),
        })
        .to_string();
    }
    format!(
        "{} {} {} {kind}",
        frame.run,
        frame.stream.number(),
        frame.sequence
    )
}

/// A lost range.
#[must_use]
pub fn loss(loss: &LostRange, as_json: bool) -> String {
    if as_json {
        return json!({
            "run": loss.run.to_string(),
            "stream": loss.stream.number(),
            "first": loss.first,
            "last": loss.last,
            "reason": loss.reason.word(),
            "recorded_ms": loss.recorded.as_millis(),
        })
        .to_string();
    }
    format!(
        "{} {} {}..={} {}",
        loss.run,
        loss.stream.number(),
        loss.first,
        loss.last,
        loss.reason.word()
    )
}

/// Totals.
#[must_use]
pub fn stats(totals: &Totals, as_json: bool) -> String {
    let all = totals.all();
    let pairs = [
        ("frames_stored", all.frames_stored),
        ("duplicates", all.duplicates),
        ("lost", all.lost),
        ("alerts", totals.alerts),
        ("readings_stored", all.readings_stored),
        ("firing", totals.firing),
        ("refused", all.refused),
        ("skipped", all.skipped),
        ("contradicted", all.contradicted),
        ("agents", totals.agents),
        ("damaged_days", totals.damaged_days),
    ];
    if as_json {
        let object: serde_json::Map<String, Value> = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        return format!("{}\n", Value::Object(object));
    }
    pairs
        .into_iter()
        .map(|(name, value)| format!("{name} {value}\n"))
        .collect()
}
