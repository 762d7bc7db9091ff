//! One suite for both stores: what SQLite keeps is what the model in memory keeps, whatever arrives. [`frames`] what is stored, lost and
//! refused; [`alerts`] firing, resolved and State; [`evidence`] who used what; [`runs`] reboots, rollbacks, older runs and their dates; [`rows`] agents, retention and the
//! journal.
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::string_slice,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod alerts;
mod evidence;
mod frames;
mod rows;
mod runs;
#[path = "../support/mod.rs"]
mod support;
mod victims;

use hansho::clock::WallTime;
use hansho::frame::answer::RefusedReason;
use hansho::frame::body::FLAG_EARLIER_BOOT;
use hansho::frame::kind::{AgentId, RunId, Stream};
use hansho_collector::ingest::AuthenticatedBatch;
use hansho_collector::store::{
    AlertFilter, ClockQuality, EventKind, LostReason, MemoryStore, Range, SqliteStore, Store,
    StoreError, StoredAlert, StoredEvidence,
};
use support::{
    Event, Folder, Item, NOW, Part, alert, at, batch, batch_in, config, empty_readings, event,
    hello, new_agent, open, part, readings, send, state,
};

const AGENT: AgentId = AgentId(1);

/// Runs a test on both stores, with agent 1 in them, and compares what they hold at its end.
fn on_both(test: impl Fn(&dyn Store)) {
    let folder = Folder::new("conformance");
    let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let memory = MemoryStore::default();
    let mut dumps = Vec::new();
    for store in [&sqlite as &dyn Store, &memory] {
        store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
        test(store);
        dumps.push(dump(store));
    }
    assert_eq!(dumps[0], dumps[1]);
}

/// Everything that a store answers.
fn dump(store: &dyn Store) -> String {
    let all = Range::all(1000);
    format!(
        "{:#?}",
        (
            store.agents().unwrap(),
            store.alerts(&AlertFilter::default()).unwrap(),
            store.readings(AGENT, &all).unwrap(),
            store.latest(AGENT).unwrap(),
            store.frames(AGENT).unwrap(),
            store.losses(AGENT).unwrap(),
            store.rules(AGENT).unwrap(),
            store.totals().unwrap(),
            events(store),
            evidence_of(store, AGENT),
        )
    )
}

fn events(store: &dyn Store) -> Vec<hansho_collector::store::Event> {
    let mut events = Vec::new();
    store
        .view(&mut |rows| {
            events = rows.events_after(0, 1000)?;
            Ok(())
        })
        .unwrap();
    events
}

fn evidence_of(store: &dyn Store, agent: AgentId) -> Vec<StoredEvidence> {
    let mut found = Vec::new();
    store
        .view(&mut |rows| {
            found = rows.evidence_of(agent, None, usize::MAX)?;
            Ok(())
        })
        .unwrap();
    found
}

fn alerts(store: &dyn Store) -> Vec<StoredAlert> {
    let mut alerts = store.alerts(&AlertFilter::default()).unwrap();
    alerts.reverse();
    alerts
}

fn stream0(first: u64, frames: &[Vec<u8>]) -> Part {
    part(5, Stream::Alerts, first, frames)
}
