//! What a look at everybody costs with 10,000 agents in SQLite on the disk of the temporary folder (`TMPDIR` chooses another):
//! the look that finds nothing to do, and the sweep; and what it costs to have the whole main file looked through. `cargo bench -p hansho-collector --bench sweep`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a measurement: what goes wrong ends it, as it should"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use hansho::clock::WallTime;
use hansho::frame::kind::{AgentId, Stream};
use hansho_collector::ingest::AuthenticatedBatch;
use hansho_collector::presence::{Policy, has_work, sweep, system_of};
use hansho_collector::store::sqlite::MAIN_FILE;
use hansho_collector::store::sqlite::quick::{Looked, quick_check};
use hansho_collector::store::{Agent, NewAgent, SqliteStore, Store};
use std::time::{Duration, Instant};
use support::{Folder, alert, at, bytes, event, hello, key, part};

const AGENTS: u64 = 10_000;
const TURNS: usize = 30;

/// Goes on, after a moment.
fn pause() -> bool {
    std::thread::sleep(Duration::from_millis(1));
    true
}

fn median(mut took: Vec<Duration>) -> Duration {
    took.sort();
    took[took.len() / 2]
}

fn main() {
    let folder = Folder::new("sweep-bench");
    let store = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    for id in 1..=AGENTS {
        let agent = NewAgent {
            id: AgentId(id),
            customer: format!("customer{:02}", id % 50),
            system: format!("system{}", id % 7),
            name: format!("host{id:05}"),
            key_epoch: 1,
            master_id: 1,
        };
        store.add_agent(&agent, at(0)).unwrap();
    }
    for ids in (1..=AGENTS).collect::<Vec<_>>().chunks(200) {
        let batches: Vec<AuthenticatedBatch> = ids
            .iter()
            .map(|id| {
                let parts = [part(5, Stream::Alerts, 0, &[hello(5, "host")])];
                AuthenticatedBatch::open(&bytes(*id, 5, 1, 900, &parts), &key(*id)).unwrap()
            })
            .collect();
        let all: Vec<&AuthenticatedBatch> = batches.iter().collect();
        store.accept(&all, at(1_000)).unwrap();
    }
    let reader = SqliteStore::open_reader(folder.path()).unwrap();
    let policy = Policy {
        when: hansho_collector::config::Presence::default(),
        planned: &|_: &Agent, _: WallTime| None,
        site: &system_of,
        heard: &|_| None,
    };
    let swept = |ms: u64| {
        let begun = Instant::now();
        store
            .transact(&mut |rows| {
                sweep(rows, &policy, at(ms))?;
                Ok(())
            })
            .unwrap();
        begun.elapsed()
    };
    swept(1_100);
    let mut looks = Vec::new();
    let mut sweeps = Vec::new();
    for turn in 0..TURNS {
        let ms = 1_200 + turn as u64;
        let mut work = true;
        let begun = Instant::now();
        reader
            .view(&mut |rows| {
                work = has_work(rows, &policy, at(ms))?;
                Ok(())
            })
            .unwrap();
        looks.push(begun.elapsed());
        assert!(!work, "nothing happened");
        sweeps.push(swept(ms));
    }
    println!(
        "{AGENTS} agents: look (holds up nobody) p50 {:?}; sweep (holds the writer) p50 {:?}",
        median(looks),
        median(sweeps)
    );
    // Twenty alerts an agent, as two years of them are.
    for ids in (1..=AGENTS).collect::<Vec<_>>().chunks(200) {
        let batches: Vec<AuthenticatedBatch> = ids
            .iter()
            .map(|id| {
                let frames: Vec<Vec<u8>> = (0..20)
                    .map(|nth| alert(event(5001, 1 + nth % 2, u32::from(nth / 2 + 1), 800, 800)))
                    .collect();
                let parts = [part(5, Stream::Alerts, 1, &frames)];
                AuthenticatedBatch::open(&bytes(*id, 5, 1, 900, &parts), &key(*id)).unwrap()
            })
            .collect();
        let all: Vec<&AuthenticatedBatch> = batches.iter().collect();
        store.accept(&all, at(1_300)).unwrap();
    }
    let looked: Vec<Duration> = (0..5)
        .map(|_| {
            let begun = Instant::now();
            assert_eq!(quick_check(folder.path(), &mut pause), Ok(Looked::Whole));
            begun.elapsed()
        })
        .collect();
    let bytes: u64 = [MAIN_FILE.to_owned(), format!("{MAIN_FILE}-wal")]
        .iter()
        .map(|name| std::fs::metadata(folder.path().join(name)).map_or(0, |about| about.len()))
        .sum();
    println!(
        "{AGENTS} agents, {} alerts, main file and log {} KiB: quick_check (holds up nobody) p50 {:?}",
        AGENTS * 10,
        bytes / 1024,
        median(looked)
    );
}
