//! What people do about alerts, decided on both stores. [`taking`] alerts that are taken and given back, and what nobody may; [`quiet`]
//! silences and windows; [`words`] notes and links.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod quiet;
#[path = "../support/mod.rs"]
mod support;
mod taking;
mod words;

use hansho::clock::WallTime;
use hansho::frame::kind::{AgentId, Stream};
use hansho_collector::handling::acknowledge::TakenHow;
use hansho_collector::handling::silence::{self, NewSilence};
use hansho_collector::handling::window::{self, NewWindow, What};
use hansho_collector::handling::{
    Ask, Fault, LinkRefused, Refused, Scope, Taken, Who, acknowledge, audit, by_link, link, note,
    release, transact,
};
use hansho_collector::store::{
    AckEnding, Acknowledgement, AlertFilter, AlertId, AuditEntry, Days, EventKind, Matcher,
    MemoryStore, NewAgent, NoteOn, Schedule, SqliteStore, Store, Texts, Via, Weekly, WindowKind,
    WindowScope,
};
use std::collections::BTreeSet;
use support::{Folder, alert, at, batch, event, hello, new_agent, part, send};

const MINUTE: u64 = 60_000;

const DAY: u64 = 24 * 60 * MINUTE;

/// Runs a test on both stores, each with an open alert of agent 1 (mirai/order) and a resolved one, and agent 2 of `other`; the
/// audit and the journal of both must be the same at its end.
fn on_both(test: impl Fn(&dyn Store, AlertId, AlertId)) {
    let folder = Folder::new("decisions");
    let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let memory = MemoryStore::default();
    let mut dumps = Vec::new();
    for store in [&sqlite as &dyn Store, &memory] {
        store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
        let other = NewAgent {
            customer: "other".to_owned(),
            ..new_agent(2, "db01")
        };
        store.add_agent(&other, at(0)).unwrap();
        let frames = [
            hello(1, "web03"),
            alert(event(1002, 1, 1, 500, 500)),
            alert(event(2001, 1, 1, 600, 600)),
            alert(event(2001, 2, 1, 600, 700)),
        ];
        send(
            store,
            &batch(5, 1000, &[part(5, Stream::Alerts, 0, &frames)]),
            at(0),
        );
        let id = |firing| {
            let filter = AlertFilter {
                firing: Some(firing),
                ..AlertFilter::default()
            };
            store.alerts(&filter).unwrap()[0].id
        };
        test(store, id(true), id(false));
        dumps.push((entries(store), events(store)));
    }
    assert_eq!(dumps[0], dumps[1]);
}

fn entries(store: &dyn Store) -> Vec<AuditEntry> {
    let mut entries = Vec::new();
    let all = (
        WallTime::from_millis(0),
        WallTime::from_millis(i64::MAX as u64),
    );
    store
        .view(&mut |rows| audit::each(rows, None, all, &mut |entry| entries.push(entry.clone())))
        .unwrap();
    entries
}

fn actions(store: &dyn Store) -> Vec<String> {
    let entries = entries(store);
    entries.into_iter().map(|entry| entry.action).collect()
}

/// What people did, of the journal.
fn events(store: &dyn Store) -> Vec<(AlertId, EventKind)> {
    let mut events = Vec::new();
    store
        .view(&mut |rows| {
            events = rows.events_after(0, 1000)?;
            Ok(())
        })
        .unwrap();
    let people = [
        EventKind::Acknowledged,
        EventKind::Released,
        EventKind::Noted,
    ];
    let by_people = events.iter().filter(|event| people.contains(&event.kind));
    by_people.map(|event| (event.alert, event.kind)).collect()
}

fn who(name: &str) -> Who {
    Who {
        name: name.to_owned(),
        via: Via::Page,
        scope: Scope::All,
    }
}

fn of(customer: &str) -> Who {
    Who {
        scope: Scope::Customers(BTreeSet::from([customer.to_owned()])),
        ..who("sato")
    }
}

fn take(store: &dyn Store, who: &Who, id: AlertId, ask: &Ask, now: u64) -> Result<Taken, Fault> {
    transact(store, |rows| acknowledge(rows, who, id, ask, at(now)))
}

fn refused<T: core::fmt::Debug>(outcome: Result<T, Fault>) -> Refused {
    match outcome {
        Err(Fault::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

fn once(from: u64, until: u64) -> NewWindow {
    NewWindow {
        kind: WindowKind::Maintenance,
        scope: WindowScope {
            customer: "みらい商事".to_owned(),
            system: None,
            site: None,
            agent: None,
        },
        schedule: Schedule::Once {
            from: at(from),
            until: at(until),
        },
        texts: Texts {
            ja: String::new(),
            en: "kernel update".to_owned(),
        },
    }
}
