//! `/healthz` and `/metrics`: what machines ask.

use super::Site;
use crate::alive::progress::{self, Part};
use crate::ingest::{Job, Metrics};
use crate::limit::PING_MS;
use crate::store::{Counts, Tally, Totals};
use axum::extract::State;
use axum::http::StatusCode;
use hansho::clock::WallTime;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// 200 only if the writer, asked through the queue that batches take too, has just proved that it can write, and nothing stands still.
pub async fn healthz(State(site): State<Arc<Site>>) -> (StatusCode, String) {
    let sick = |said: &str| (StatusCode::SERVICE_UNAVAILABLE, format!("{said}\n"));
    if let Some(said) = site.metrics.damage.said() {
        return sick(&format!("the store is damaged: {said}"));
    }
    let (reply, answered) = oneshot::channel();
    if site.queue.try_send(Job::Ping(reply)).is_err() {
        return sick("the queue is full");
    }
    match tokio::time::timeout(Duration::from_millis(PING_MS), answered).await {
        Ok(Ok(true)) => {}
        Ok(Ok(false)) => return sick("the store cannot write"),
        Ok(Err(_)) | Err(_) => return sick("the writer does not answer"),
    }
    let still: Vec<&str> = progress::parts(Metrics::get(&site.metrics.still))
        .into_iter()
        .map(Part::word)
        .collect();
    if still.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        sick(&format!("no progress: {}", still.join(", ")))
    }
}

/// Prometheus text format.
pub async fn metrics(State(site): State<Arc<Site>>) -> (StatusCode, String) {
    let built = tokio::task::spawn_blocking(move || text(&site)).await;
    match built {
        Ok(Some(text)) => (StatusCode::OK, text),
        Ok(None) | Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the store cannot be read\n".to_owned(),
        ),
    }
}

fn text(site: &Site) -> Option<String> {
    let totals = site.store.totals().ok()?;
    let mut outbox = Tally::default();
    let mut backup = None;
    let view = site.store.view(&mut |rows| {
        outbox = rows.tally((site.now)())?;
        backup = rows.upkeep()?.backup;
        Ok(())
    });
    view.ok()?;
    let mut text = String::new();
    of_process(&mut text, &site.metrics);
    of_watch(&mut text, &site.metrics);
    of_store(&mut text, &totals);
    by_stream(&mut text, &totals);
    of_upkeep(&mut text, site, &outbox, backup.map(|(at, _)| at));
    Some(text)
}

fn one(text: &mut String, name: &str, kind: &str, help: &str, value: &str) {
    head(text, name, kind, help);
    // Writing to a String cannot fail.
    writeln!(text, "hansho_{name} {value}").ok();
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    writeln!(text, "# HELP hansho_{name} {help}").ok();
    writeln!(text, "# TYPE hansho_{name} {kind}").ok();
}

fn of_process(text: &mut String, metrics: &Metrics) {
    let m = metrics;
    let counters = [
        ("batches_total", "batches answered", &m.batches),
        ("bad_mac_total", "posts whose mac does not fit", &m.bad_mac),
        (
            "unknown_agent_total",
            "posts of unknown agents or epochs",
            &m.unknown_agent,
        ),
        ("malformed_total", "posts that are no batch", &m.malformed),
        ("too_large_total", "bodies answered with 413", &m.too_large),
        (
            "unavailable_total",
            "posts answered with 503",
            &m.unavailable,
        ),
        ("timeouts_total", "posts answered with 408", &m.timeouts),
        (
            "connections_refused_total",
            "connections closed for lack of places",
            &m.connections_refused,
        ),
        (
            "handshakes_failed_total",
            "TLS handshakes that failed",
            &m.handshakes_failed,
        ),
        (
            "store_errors_total",
            "batches that the store refused",
            &m.store_errors,
        ),
        ("commit_seconds_count", "transactions", &m.commits),
    ];
    for (name, help, counter) in counters {
        one(
            text,
            name,
            "counter",
            help,
            &Metrics::get(counter).to_string(),
        );
    }
    let us = Metrics::get(&m.commit_us);
    let seconds = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    one(
        text,
        "commit_seconds_sum",
        "counter",
        "time of all transactions",
        &seconds,
    );
    let queued = Metrics::get(&m.queued).to_string();
    one(
        text,
        "queue",
        "gauge",
        "batches waiting for the writer",
        &queued,
    );
    let connections = Metrics::get(&m.connections).to_string();
    one(
        text,
        "connections",
        "gauge",
        "connections of agents",
        &connections,
    );
}

/// What makes progress, and who is told of it.
fn of_watch(text: &mut String, m: &Metrics) {
    let counters = [
        ("sweeps_total", "times that presence was judged", &m.sweeps),
        (
            "notifier_rounds_total",
            "rounds of the notifier that ended well",
            &m.notified,
        ),
        (
            "watch_signals_total",
            "dead man's signals that were answered",
            &m.signals,
        ),
        (
            "watch_signals_failed_total",
            "dead man's signals that did not arrive",
            &m.signals_failed,
        ),
        (
            "watch_signals_held_total",
            "dead man's signals held back, since something stood still",
            &m.signals_held,
        ),
    ];
    for (name, help, counter) in counters {
        let value = Metrics::get(counter).to_string();
        one(text, name, "counter", help, &value);
    }
    head(
        text,
        "stands_still",
        "gauge",
        "1 where a part of the collector makes no progress",
    );
    let still = progress::parts(Metrics::get(&m.still));
    for part in Part::ALL {
        let value = u8::from(still.contains(&part));
        writeln!(
            text,
            "hansho_stands_still{{part=\"{}\"}} {value}",
            part.word()
        )
        .ok();
    }
}

fn of_store(text: &mut String, totals: &Totals) {
    let readings = totals.all().readings_stored;
    for (name, kind, help, value) in [
        ("agents", "gauge", "agents known", totals.agents),
        (
            "damaged_days",
            "gauge",
            "damaged files of raw frames set aside",
            totals.damaged_days,
        ),
        ("alerts_firing", "gauge", "alerts open now", totals.firing),
        (
            "alerts_total",
            "counter",
            "alerts ever stored",
            totals.alerts,
        ),
        (
            "readings_stored_total",
            "counter",
            "readings within stored frames",
            readings,
        ),
    ] {
        one(text, name, kind, help, &value.to_string());
    }
}

/// Outbox, disk and backup: what goes wrong slowly.
fn of_upkeep(text: &mut String, site: &Site, outbox: &Tally, backup: Option<WallTime>) {
    let seconds = |since: WallTime| {
        let now = (site.now)().as_millis();
        now.saturating_sub(since.as_millis()) / 1000
    };
    let waiting = outbox.waiting.to_string();
    let help = "messages that are neither delivered nor given up";
    one(text, "outbox_waiting", "gauge", help, &waiting);
    let oldest = outbox.oldest_waiting.map_or(0, seconds).to_string();
    let help = "age of the oldest of them, 0 where none waits";
    one(text, "outbox_oldest_seconds", "gauge", help, &oldest);
    let room = site.store.room();
    // What is not known is left away, and never 0.
    for (name, help, value) in [
        (
            "disk_free_bytes",
            "free on the store's disk",
            room.free_kib.map(|kib| kib.saturating_mul(1024)),
        ),
        (
            "disk_size_bytes",
            "size of the store's disk",
            room.total_kib.map(|kib| kib.saturating_mul(1024)),
        ),
        (
            "store_bytes",
            "what the store takes",
            room.store_kib.map(|kib| kib.saturating_mul(1024)),
        ),
        (
            "backup_age_seconds",
            "since the newest backup ended",
            backup.map(seconds),
        ),
    ] {
        if let Some(value) = value {
            one(text, name, "gauge", help, &value.to_string());
        }
    }
}

fn by_stream(text: &mut String, totals: &Totals) {
    type Field = fn(&Counts) -> u64;
    let fields: [(&str, &str, Field); 6] = [
        ("frames_stored_total", "frames stored", |counts| {
            counts.frames_stored
        }),
        ("duplicates_total", "frames that came again", |counts| {
            counts.duplicates
        }),
        ("lost_total", "frames lost", |counts| counts.lost),
        ("refused_total", "frames refused by name", |counts| {
            counts.refused
        }),
        ("skipped_total", "frames not understood", |counts| {
            counts.skipped
        }),
        (
            "contradicted_total",
            "statements of older runs overruled",
            |counts| counts.contradicted,
        ),
    ];
    for (name, help, field) in fields {
        head(text, name, "counter", help);
        for (stream, counts) in ["alerts", "readings", "evidence", "history"]
            .iter()
            .zip(&totals.streams)
        {
            let value = field(counts);
            writeln!(text, "hansho_{name}{{stream=\"{stream}\"}} {value}").ok();
        }
    }
}
