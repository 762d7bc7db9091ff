//! What the API asks of a store beside the rest: pages of alerts and of frames. SQLite gives what the model in memory gives.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::frame::kind::{AgentId, Stream};
use hansho_collector::store::{
    AlertFilter, AlertId, FrameHead, MemoryStore, SqliteStore, Store, StoredAlert,
};
use support::{Folder, alert, at, batch, event, hello, new_agent, part, readings, send};

/// Runs of both halves of the numbers: as signed numbers the greater one comes first.
const RUNS: [u64; 2] = [5, u64::MAX - 5];

fn filled(store: &dyn Store) {
    store.add_agent(&new_agent(1, "web"), at(0)).unwrap();
    store.add_agent(&new_agent(2, "db"), at(0)).unwrap();
    let mut sent = 1000;
    for run in RUNS {
        for code in [1002, 2001, 3004] {
            // Some are stored at the same moment, so that their identities decide.
            let frames = [hello(1, "web"), alert(event(code, 1, 1, 500, 500))];
            let (first, frames) = match code {
                1002 => (0, &frames[..]),
                2001 => (2, &frames[1..]),
                _ => (3, &frames[1..]),
            };
            sent += 1000;
            let parts = [
                part(run, Stream::Alerts, first, frames),
                part(run, Stream::Readings, first, &[readings(600, &[100])]),
            ];
            let day = if code == 3004 { 24 * 60 * 60 * 1000 } else { 0 };
            send(store, &batch(run, sent, &parts), at(day));
        }
    }
}

fn on_both(look: impl Fn(&dyn Store)) {
    let folder = Folder::new("conformance-api");
    let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    for store in [&sqlite as &dyn Store, &MemoryStore::default()] {
        filled(store);
        look(store);
    }
}

#[test]
fn alerts_come_in_pages_that_join() {
    on_both(|store| {
        for firing in [None, Some(true)] {
            for agent in [None, Some(AgentId(1)), Some(AgentId(2))] {
                let filter = |limit| AlertFilter {
                    agent,
                    firing,
                    limit,
                };
                let all = store.alerts(&filter(None)).unwrap();
                assert_eq!(all.is_empty(), agent == Some(AgentId(2)));
                for size in [1, 2, 5] {
                    let mut joined: Vec<StoredAlert> = Vec::new();
                    loop {
                        let last = joined.last().map(|last| (last.stored, last.id));
                        let page = store.alerts_before(&filter(Some(size)), last).unwrap();
                        if page.is_empty() {
                            break;
                        }
                        joined.extend(page);
                    }
                    assert_eq!(joined, all, "{size}");
                }
            }
        }
        let before = Some((at(0), AlertId(0)));
        assert_eq!(
            store
                .alerts_before(&AlertFilter::default(), before)
                .unwrap(),
            []
        );
    });
}

#[test]
fn frames_are_told_in_pages_without_their_bytes() {
    on_both(|store| {
        let frames = store.frames(AgentId(1)).unwrap();
        let mut whole: Vec<FrameHead> = frames
            .iter()
            .map(|frame| FrameHead {
                run: frame.run,
                stream: frame.stream,
                sequence: frame.sequence,
                received: frame.received,
                kind: frame.frame[0],
                bytes: frame.frame.len() as u64,
            })
            .collect();
        whole.sort_by_key(FrameHead::key);
        assert!(whole.len() >= 10, "{}", whole.len());
        for size in [1, 3, 100] {
            let mut joined: Vec<FrameHead> = Vec::new();
            loop {
                let after = joined.last().map(FrameHead::key);
                let page = store.frame_heads(AgentId(1), after, size).unwrap();
                if page.is_empty() {
                    break;
                }
                joined.extend(page);
            }
            assert_eq!(joined, whole, "{size}");
        }
        assert_eq!(store.frame_heads(AgentId(2), None, 9).unwrap(), []);
    });
}
