//! The same over both stores, in virtual time: [`forgotten`] what the collector forgets, [`mail`] the daily mail.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod forgotten;
mod mail;
#[path = "../support/mod.rs"]
mod support;

use hansho::clock::WallTime;
use hansho::code::Language;
use hansho::rule::Reason as RuleReason;
use hansho_collector::alive::daily::{self, Decided};
use hansho_collector::alive::forget;
use hansho_collector::clock::DAY_MS;
use hansho_collector::config::{self, DailyMail, Keep};
use hansho_collector::directory::Live;
use hansho_collector::notify::compose::Desk;
use hansho_collector::notify::render::render;
use hansho_collector::notify::who::Configured;
use hansho_collector::store::raise::{self, Raise};
use hansho_collector::store::rows::AllRows;
use hansho_collector::store::*;
use hansho_collector::zone::Zone;
use std::path::Path;
use std::sync::Arc;
use support::{Folder, NOW, at, new_agent};

const HOUR: u64 = 3_600_000;
const MINUTE: u64 = 60_000;

/// Runs work on both stores, each a fresh one with an agent, and compares what it says.
fn on_both<T: PartialEq + core::fmt::Debug>(work: impl Fn(&dyn Store) -> T) -> T {
    let folder = Folder::new("upkeep");
    let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let memory = MemoryStore::default();
    let mut said = Vec::new();
    for store in [&sqlite as &dyn Store, &memory] {
        store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
        said.push(work(store));
    }
    assert_eq!(said[0], said[1]);
    said.remove(0)
}

/// One transaction.
fn within<T>(
    store: &dyn Store,
    mut work: impl FnMut(&mut dyn AllRows) -> Result<T, StoreError>,
) -> T {
    let mut done = None;
    store
        .transact(&mut |rows| {
            done = Some(work(rows)?);
            Ok(())
        })
        .unwrap();
    done.unwrap()
}

fn raised(rows: &mut dyn AllRows, subject: &str, now: WallTime) -> AlertId {
    let raise = Raise {
        agent: hansho::frame::kind::AgentId(1),
        code: 9001,
        subject: subject.to_owned(),
        occurred: None,
        value: None,
        total: None,
        level: None,
        reason: RuleReason::Held,
        count: 1,
    };
    raise::raise(rows, &raise, now).unwrap().alert()
}

fn message(number: u64, alert: AlertId, done: Option<WallTime>) -> Outgoing {
    Outgoing {
        number,
        decision: number,
        reason: Reason::First,
        alert: Some(alert),
        thread: Some(alert),
        list: None,
        receiver: "sato".to_owned(),
        channel: Channel::Mail,
        to: vec!["佐藤".to_owned()],
        cc: Vec::new(),
        message_id: format!("<{number}@example.jp>"),
        references: Vec::new(),
        nth: 1,
        created: at(0),
        state: if done.is_some() {
            Sending::Delivered
        } else {
            Sending::Queued
        },
        fence: 0,
        until: None,
        attempts: 1,
        first_try: None,
        next_try: at(0),
        done,
        said: String::new(),
        served: Vec::new(),
        subject: String::new(),
    }
}

fn thread(root: AlertId, ended: Option<WallTime>) -> Thread {
    Thread {
        root,
        strand: Strand {
            agent: hansho::frame::kind::AgentId(1),
            subject: root.to_string(),
            family: "9001".to_owned(),
            test: false,
        },
        head: root,
        opened: at(0),
        ended,
        first_told: Some(at(0)),
        last_told: Some(at(0)),
        messages: 1,
        listed: None,
        level: 1,
        untaken: None,
        reminded_recovery: None,
        reminded_report: None,
        quiet: None,
        due: None,
        told_from: 0,
        moved_from: None,
        moved_within: false,
    }
}

fn decision(number: u64, alert: AlertId) -> Decision {
    Decision {
        number,
        event: None,
        alert: Some(alert),
        thread: Some(alert),
        reason: Reason::First,
        outcome: Outcome::Told,
        at: at(0),
    }
}
