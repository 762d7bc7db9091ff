//! Rows that pages look over: SQLite answers what the model in memory answers.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::frame::kind::{AgentId, Stream};
use hansho_collector::handling::{Ask, Scope, Who, acknowledge, transact};
use hansho_collector::ingest::AuthenticatedBatch;
use hansho_collector::store::{
    AlertFilter, AlertId, Channel, MemoryStore, Outgoing, Reason, Sending, Span, SqliteStore,
    Store, Via,
};
use support::{Folder, alert, at, bytes, event, hello, key, new_agent, part, send};

fn post(store: &dyn Store, agent: u64, sent_ms: u64, first: u64, frames: &[Vec<u8>]) {
    let parts = [part(5, Stream::Alerts, first, frames)];
    let batch = bytes(agent, 5, 1, sent_ms, &parts);
    let batch = AuthenticatedBatch::open(&batch, &key(agent)).unwrap();
    send(store, &batch, at(sent_ms));
}

/// Agent 1 fires 1001 at 1 s and resolves it at 5 s; agent 2 fires 1002 at 2 s and goes on; agent 1 fires 2001 at 6 s.
fn fill(store: &dyn Store) {
    for agent in [1, 2] {
        let name = format!("web{agent}");
        store.add_agent(&new_agent(agent, &name), at(0)).unwrap();
    }
    post(
        store,
        1,
        1000,
        0,
        &[hello(1, "a"), alert(event(1001, 1, 1, 900, 900))],
    );
    post(
        store,
        2,
        2000,
        0,
        &[hello(1, "b"), alert(event(1002, 1, 1, 1900, 1900))],
    );
    post(store, 1, 5000, 2, &[alert(event(1001, 2, 1, 900, 4900))]);
    post(store, 1, 6000, 3, &[alert(event(2001, 1, 1, 5900, 5900))]);
    let who = Who {
        name: "sato".to_owned(),
        via: Via::Page,
        scope: Scope::All,
    };
    let id = of_code(store, 1002);
    for ms in [3000, 7000] {
        let ask = Ask {
            text: format!("at {ms}"),
            ..Ask::default()
        };
        transact(store, |rows| acknowledge(rows, &who, id, &ask, at(ms))).unwrap();
    }
    store
        .transact(&mut |rows| {
            for (number, receiver, ms) in [(1, "sato", 1000), (2, "ml", 2000), (3, "sato", 9000)] {
                rows.put_outgoing(&outgoing(number, receiver, ms))?;
            }
            Ok(())
        })
        .unwrap();
}

fn outgoing(number: u64, receiver: &str, ms: u64) -> Outgoing {
    Outgoing {
        number,
        decision: number,
        reason: Reason::First,
        alert: Some(AlertId(7)),
        thread: Some(AlertId(7)),
        list: None,
        receiver: receiver.to_owned(),
        channel: Channel::Mail,
        to: Vec::new(),
        cc: Vec::new(),
        message_id: format!("<{number}@x>"),
        references: Vec::new(),
        nth: 1,
        created: at(ms),
        state: Sending::Queued,
        fence: 0,
        until: None,
        attempts: 0,
        first_try: None,
        next_try: at(ms),
        done: None,
        said: String::new(),
        served: Vec::new(),
        subject: String::new(),
    }
}

fn of_code(store: &dyn Store, code: u16) -> AlertId {
    let alerts = store.alerts(&AlertFilter::default()).unwrap();
    let found = alerts.iter().find(|alert| alert.identity.code == code);
    found.unwrap().id
}

fn codes(alerts: &[hansho_collector::store::StoredAlert]) -> Vec<u16> {
    alerts.iter().map(|alert| alert.identity.code).collect()
}

fn span(from: u64, until: u64) -> Span {
    Span {
        from: at(from),
        until: at(until),
    }
}

#[test]
fn pages_see_the_same_in_both_stores() {
    let folder = Folder::new("conformance-pages");
    let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let memory = MemoryStore::default();
    let mut answers = Vec::new();
    for store in [&sqlite as &dyn Store, &memory] {
        fill(store);
        let mut answer = None;
        store
            .view(&mut |rows| {
                assert_eq!(codes(&rows.open_of_all(10)?), [2001, 1002]);
                assert_eq!(codes(&rows.open_of_all(1)?), [2001]);
                assert_eq!(codes(&rows.ended_of_all(span(0, 1001), 10)?), [1001]);
                assert_eq!(codes(&rows.ended_of_all(span(0, 1000), 10)?), [0_u16; 0]);
                assert_eq!(codes(&rows.ended_of_all(span(0, 9000), 0)?), [0_u16; 0]);
                // Stored within, or before and open or ended within.
                assert_eq!(codes(&rows.alerts_within(span(0, 2000), 10)?), [1001]);
                assert_eq!(
                    codes(&rows.alerts_within(span(1500, 9000), 10)?),
                    [1001, 1002, 2001]
                );
                assert_eq!(
                    codes(&rows.alerts_within(span(5500, 9000), 10)?),
                    [1002, 2001]
                );
                assert_eq!(codes(&rows.alerts_within(span(0, 9000), 2)?), [1001, 1002]);
                assert_eq!(rows.acknowledged_within(span(0, 3000))?.len(), 0);
                assert_eq!(rows.acknowledged_within(span(3000, 7000))?.len(), 1);
                let told = rows.told_within(span(1000, 9000), 10)?;
                assert_eq!(
                    told,
                    [("sato".to_owned(), at(1000)), ("ml".to_owned(), at(2000))]
                );
                assert_eq!(rows.told_within(span(0, 99_000), 1)?.len(), 1);
                answer = Some((
                    rows.open_of_all(10)?,
                    rows.alerts_within(span(0, 99_000), 10)?,
                    rows.acknowledged_within(span(0, 99_000))?,
                ));
                Ok(())
            })
            .unwrap();
        answers.push(answer.unwrap());
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].1.iter().any(|alert| alert.agent == AgentId(2)));
}
