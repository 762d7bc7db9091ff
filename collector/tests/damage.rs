//! A main file that is damaged under a running collector.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod proof_support;

use hansho_collector::alive::inspect::Inspect;
use hansho_collector::ingest::Metrics;
use hansho_collector::store::sqlite::mark;
use hansho_collector::store::sqlite::quick::{Looked, quick_check};
use hansho_collector::store::{SqliteStore, Store as _, StoreError, Watched};
use proof_support::support::{Folder, alert, at, event, new_agent};
use proof_support::{Played, Serving, add, alerts, log, run, until};
use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

const CONFIG: &str = "collector.toml";

fn configure(here: &Path) {
    fs::write(
        here.join(CONFIG),
        "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n[pages]\nlisten = \"127.0.0.1:0\"\n[store]\ndirectory = \"data\"\n",
    )
    .unwrap();
}

fn fire(agent: &mut Played, address: &str, episode: u32) -> bool {
    let uptime = agent.uptime_ms();
    let subject = format!("service-{episode}");
    let fired = event(5001, 1, episode, uptime, uptime);
    let mut frames = vec![alert(proof_support::support::Event {
        subject: &subject,
        ..fired
    })];
    if agent.next == 0 {
        frames.insert(0, agent.hello("web03"));
    }
    agent.post(address, &frames)
}

/// Brings all that is in the log into the main file, as another process.
fn checkpoint(main: &Path) {
    let other = rusqlite::Connection::open(main).unwrap();
    until("the log is in the main file", || {
        let busy = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
            row.get::<_, i64>(0)
        });
        (busy == Ok(0)).then_some(())
    });
}

/// Overwrites the inside of every page but the first ones, where the schema is.
fn spoil(main: &Path, from: u64) {
    let head = fs::read(main).unwrap();
    let page = u64::from(u16::from_be_bytes([head[16], head[17]]));
    let pages = head.len() as u64 / page;
    assert!(pages > from + 10, "{pages}");
    let mut file = fs::File::options().write(true).open(main).unwrap();
    for nth in from..pages {
        file.seek(SeekFrom::Start(nth * page)).unwrap();
        file.write_all(&[0xa5; 512]).unwrap();
    }
    file.sync_all().unwrap();
}

/// A store that serves, with forty alerts in it.
fn served(here: &Path) -> (Serving, Played) {
    configure(here);
    let mut agent = add(here, CONFIG, "web03", "mirai/order");
    let serving = Serving::start(here, CONFIG);
    for episode in 1..=40 {
        assert!(fire(&mut agent, &serving.ingest, episode));
    }
    (serving, agent)
}

/// Drives traffic until the collector has ended; its exit code.
fn driven(serving: &mut Serving, agent: &mut Played) -> Option<i32> {
    let address = serving.ingest.clone();
    let mut episode = 101;
    until("the collector ends by itself", || {
        if fire(agent, &address, episode) {
            episode += 1;
        }
        serving.child.try_wait().unwrap()
    })
    .code()
}

#[test]
fn a_main_file_damaged_while_it_is_served_ends_serve_with_its_code() {
    let folder = Folder::new("damage");
    let here = folder.path();
    let (mut serving, mut agent) = served(here);
    let mut standby = Serving::begin(here, CONFIG, &["serve", "--standby"]);
    until("it waits", || {
        log(here)
            .contains("waiting to take its place")
            .then_some(())
    });
    let main = here.join("data/collector.sqlite");
    checkpoint(&main);
    let good = fs::read(&main).unwrap();
    assert!(fire(&mut agent, &serving.ingest, 100));
    spoil(&main, 1);
    assert_eq!(driven(&mut serving, &mut agent), Some(65), "{}", log(here));
    let said = log(here);
    assert!(said.contains("the store is damaged: "), "{said}");
    // What was committed since is there for whoever saves it.
    let left = fs::metadata(here.join("data/collector.sqlite-wal")).unwrap();
    assert!(left.len() > 0);
    assert!(said.contains("found damaged at "), "{said}");
    // The standby does not go on with it, nor does a new start.
    let ended = until("the standby ends", || standby.child.try_wait().unwrap());
    assert_eq!(ended.code(), Some(65), "{}", log(here));
    assert!(log(here).contains("collector.damaged"), "{}", log(here));
    let again = run(here, CONFIG, &["serve"]);
    assert_eq!(again.status.code(), Some(65), "{again:?}");
    let checked = run(here, CONFIG, &["check"]);
    assert_eq!(checked.status.code(), Some(65), "{checked:?}");
    assert!(here.join("data").join(mark::MARK).exists());
    // Whoever mended it, and had all of it looked through, goes on.
    for rest in ["wal", "shm"] {
        fs::remove_file(here.join(format!("data/collector.sqlite-{rest}"))).ok();
    }
    fs::write(&main, good).unwrap();
    let checked = run(here, CONFIG, &["check"]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    assert!(!here.join("data").join(mark::MARK).exists());
    let serving = Serving::start(here, CONFIG);
    assert_eq!(alerts(here, 5001).len(), 40);
    assert_eq!(serving.stop(), Some(0));
}

#[test]
fn a_damaged_day_file_does_not_keep_the_mark_of_a_whole_main_file() {
    let folder = Folder::new("damage-day");
    let here = folder.path();
    let (serving, mut agent) = served(here);
    assert_eq!(serving.stop(), Some(0));
    let data = here.join("data");
    let day = fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("frames-") && name.ends_with(".sqlite")
        })
        .unwrap();
    fs::write(&day, [0xa5; 9000]).unwrap();
    mark::set(&data, "found damaged at some time: before it was mended").unwrap();
    let checked = run(here, CONFIG, &["check"]);
    let said = String::from_utf8(checked.stderr).unwrap();
    assert_eq!(checked.status.code(), Some(65), "{said}");
    let named = format!(
        "the day's file of raw frames is damaged: data/{}: ",
        day.file_name().unwrap().to_str().unwrap()
    );
    assert!(said.contains(&named), "{said}");
    assert!(said.contains("the mark is taken away"), "{said}");
    assert!(!data.join(mark::MARK).exists());
    // The writer sets it aside.
    let serving = Serving::start(here, CONFIG);
    assert!(fire(&mut agent, &serving.ingest, 41));
    assert_eq!(alerts(here, 5001).len(), 41);
    assert_eq!(serving.stop(), Some(0));
    let checked = run(here, CONFIG, &["check"]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
}

#[test]
fn a_marked_store_is_written_by_no_command_and_read_by_all() {
    let folder = Folder::new("damage-commands");
    let here = folder.path();
    configure(here);
    add(here, CONFIG, "web03", "mirai/order");
    let data = here.join("data");
    mark::set(&data, "found damaged at some time").unwrap();
    let before = fs::read(data.join("collector.sqlite")).unwrap();
    for words in [
        &[
            "agent",
            "add",
            "web04",
            "--system",
            "mirai/order",
            "--key-file",
            "web04.key",
        ][..],
        &["agent", "retire", "web03"],
        &[
            "silence", "add", "--agent", "web03", "--until", "+1h", "--by", "sato", "--reason",
            "work",
        ],
        &["token", "add", "wall", "--role", "viewer"],
        &["migrate"],
    ] {
        let refused = run(here, CONFIG, words);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(65), "{words:?}: {said}");
        assert!(said.contains("collector.damaged"), "{said}");
        assert!(said.contains("found damaged at some time"), "{said}");
    }
    assert!(!here.join("web04.key").exists());
    assert_eq!(fs::read(data.join("collector.sqlite")).unwrap(), before);
    assert!(run(here, CONFIG, &["stats"]).status.success());
    assert!(run(here, CONFIG, &["check"]).status.success());
    assert!(
        run(here, CONFIG, &["agent", "retire", "web03"])
            .status
            .success()
    );
}

#[test]
fn damage_that_the_start_finds_marks_the_store_too() {
    let folder = Folder::new("damage-start");
    let here = folder.path();
    let (serving, _) = served(here);
    assert_eq!(serving.stop(), Some(0));
    let main = here.join("data/collector.sqlite");
    checkpoint(&main);
    // The page of the secret that signs links: asked for at the start, once the store is open.
    let opened = rusqlite::Connection::open(&main).unwrap();
    let root = opened
        .query_row(
            "SELECT rootpage FROM sqlite_master WHERE name = 'link_secrets'",
            [],
            |row| row.get::<_, u32>(0),
        )
        .unwrap();
    opened.close().unwrap();
    let head = fs::read(&main).unwrap();
    let page = u64::from(u16::from_be_bytes([head[16], head[17]]));
    let mut file = fs::File::options().write(true).open(&main).unwrap();
    file.seek(SeekFrom::Start((u64::from(root) - 1) * page))
        .unwrap();
    file.write_all(&[0xa5; 512]).unwrap();
    file.sync_all().unwrap();
    let served = run(here, CONFIG, &["serve"]);
    assert_eq!(served.status.code(), Some(65), "{served:?}");
    assert!(here.join("data").join(mark::MARK).exists(), "{served:?}");
}

#[test]
fn a_main_file_that_is_none_any_more_ends_serve_with_its_code() {
    let folder = Folder::new("damage-head");
    let here = folder.path();
    let (mut serving, mut agent) = served(here);
    let main = here.join("data/collector.sqlite");
    checkpoint(&main);
    spoil(&main, 0);
    assert_eq!(driven(&mut serving, &mut agent), Some(65), "{}", log(here));
    assert!(
        log(here).contains("the store is damaged: "),
        "{}",
        log(here)
    );
}

#[test]
fn once_a_reader_found_it_damaged_nothing_is_written_any_more() {
    let folder = Folder::new("damage-known");
    let metrics = Arc::new(Metrics::default());
    let store = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let store = Watched::new(store, Arc::clone(&metrics));
    store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
    assert_eq!(store.ping(at(1)), Ok(()));
    metrics.damage.note("as a reader says");
    metrics.damage.note("as another says later");
    let damaged = || Err(StoreError::Corrupt("as a reader says".to_owned()));
    assert_eq!(store.ping(at(2)), damaged());
    assert_eq!(store.accept(&[], at(2)).map(drop), damaged());
    assert_eq!(store.alive(&[]), damaged());
    assert_eq!(
        store.transact(&mut |_| panic!("nothing is decided on it")),
        damaged()
    );
    // What can be read is read.
    assert_eq!(store.agents().unwrap().len(), 1);
}

#[test]
fn a_look_finds_what_nobody_reads_and_can_be_stopped() {
    let folder = Folder::new("damage-look");
    let here = folder.path();
    let (serving, _) = served(here);
    let data = here.join("data");
    assert_eq!(quick_check(&data, &mut || true), Ok(Looked::Whole));
    assert_eq!(serving.stop(), Some(0));
    checkpoint(&data.join("collector.sqlite"));
    spoil(&data.join("collector.sqlite"), 3);
    let inspect = Inspect {
        directory: data,
        metrics: Arc::new(Metrics::default()),
    };
    let (_running, stop) = sync_channel(0);
    inspect.look(&stop);
    let said = inspect.metrics.damage.said();
    assert!(said.is_some(), "{said:?}");
}
