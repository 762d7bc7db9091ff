//! Crashes and failures of the SQLite store, made with copies of its files and a disk that is full.
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::string_slice,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::clock::WallTime;
use hansho::frame::kind::{AgentId, Stream};
use hansho_collector::store::{
    AlertFilter, AlertId, SqliteStore, Store, StoreError, Strand, Thread,
};
use std::fs;
use std::path::Path;
use std::process::Command;
use support::{Folder, alert, at, batch, event, hello, new_agent, part, readings, send};

const AGENT: AgentId = AgentId(1);

/// Files of the store whose name begins so.
fn copy(from: &Path, to: &Path, beginning: &str) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with(beginning) {
            fs::copy(&path, to.join(&name)).unwrap();
        }
    }
}

/// The machine stops after the day file's commit and before the main file's: the day file is newer than the main file.
#[test]
fn frames_past_their_watermark_are_removed_on_open_and_taken_again() {
    let (folder, crashed) = (Folder::new("crash"), Folder::new("crashed"));
    let store = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
    let first = [hello(1, "h"), alert(event(1002, 1, 1, 500, 500))];
    send(
        &store,
        &batch(5, 1000, &[part(5, Stream::Alerts, 0, &first)]),
        at(0),
    );
    copy(folder.path(), crashed.path(), "collector.sqlite");
    // This is what the crash tears: one run that the main file knows, and one that it does not.
    let more = [alert(event(1002, 2, 1, 500, 900))];
    let torn = [
        part(5, Stream::Alerts, 2, &more),
        part(4, Stream::Readings, 0, &[readings(100, &[1])]),
    ];
    assert_eq!(send(&store, &batch(5, 1100, &torn), at(100)), [3, 1]);
    copy(folder.path(), crashed.path(), "frames-");
    drop(store);

    let before = SqliteStore::open_reader(crashed.path()).unwrap();
    assert_eq!(
        before.frames(AGENT).unwrap().len(),
        4,
        "the day file is ahead"
    );
    drop(before);
    let store = SqliteStore::open_writer(crashed.path(), at(200)).unwrap();
    assert_eq!(store.frames(AGENT).unwrap().len(), 2);
    assert!(store.alerts(&AlertFilter::default()).unwrap()[0].firing);
    // The agent, never answered, sends again; nothing is doubled.
    assert_eq!(send(&store, &batch(5, 1200, &torn), at(300)), [3, 1]);
    assert_eq!(store.frames(AGENT).unwrap().len(), 4);
    assert!(!store.alerts(&AlertFilter::default()).unwrap()[0].firing);
    let all = store.totals().unwrap().all();
    assert_eq!((all.frames_stored, all.duplicates, all.lost), (4, 0, 0));
}

/// The same at midnight: the torn frames are in yesterday's file, the agent sends them again today.
#[test]
fn the_day_before_the_last_commit_is_mended_too() {
    let (folder, crashed) = (Folder::new("midnight"), Folder::new("midnight-crashed"));
    let day = 86_400_000;
    let store = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
    send(
        &store,
        &batch(5, 1000, &[part(5, Stream::Alerts, 0, &[hello(1, "h")])]),
        at(day),
    );
    copy(folder.path(), crashed.path(), "collector.sqlite");
    let torn = part(5, Stream::Alerts, 1, &[alert(event(1002, 1, 1, 500, 500))]);
    send(&store, &batch(5, 1100, std::slice::from_ref(&torn)), at(0));
    copy(folder.path(), crashed.path(), "frames-");
    drop(store);
    let store = SqliteStore::open_writer(crashed.path(), at(day)).unwrap();
    assert_eq!(send(&store, &batch(5, 1200, &[torn]), at(day)), [2]);
    assert_eq!(store.frames(AGENT).unwrap().len(), 2);
}

const DAY: u64 = 86_400_000;

/// One frame a day, from day 0 on.
fn one_a_day(store: &SqliteStore, days: std::ops::Range<u64>) {
    for day in days {
        let frame = part(5, Stream::Readings, day, &[readings(1000 * day, &[5])]);
        let next = send(store, &batch(5, 1000 + DAY * day, &[frame]), at(DAY * day));
        assert_eq!(next, [day + 1]);
    }
}

#[test]
fn behind_a_restored_main_file_every_day_file_is_mended() {
    let (folder, backup) = (Folder::new("restored"), Folder::new("backup"));
    let store = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
    one_a_day(&store, 0..2);
    copy(folder.path(), backup.path(), "collector.sqlite");
    one_a_day(&store, 2..7);
    copy(folder.path(), backup.path(), "frames-");
    drop(store);
    let store = SqliteStore::open_writer(backup.path(), at(7 * DAY)).unwrap();
    assert_eq!(store.frames(AGENT).unwrap().len(), 2);
    // The agent goes back, and each is there once.
    one_a_day(&store, 2..7);
    assert_eq!(store.frames(AGENT).unwrap().len(), 7);
}

fn spoil(path: &Path, date: &str) {
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(path.join(format!("frames-{date}.sqlite{suffix}")));
    }
    fs::write(path.join(format!("frames-{date}.sqlite")), [b'x'; 8192]).unwrap();
}

#[test]
fn a_damaged_day_file_is_set_aside_and_the_rest_goes_on() {
    let folder = Folder::new("damaged-day");
    let store = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
    one_a_day(&store, 0..3);
    drop(store);
    // An old one: reading goes on beside it.
    spoil(folder.path(), "2026-11-24");
    // The newest one: opening finds it.
    spoil(folder.path(), "2026-11-26");
    let reader = SqliteStore::open_reader(folder.path()).unwrap();
    assert_eq!(reader.frames(AGENT).unwrap().len(), 1);
    drop(reader);
    let store = SqliteStore::open_writer(folder.path(), at(2 * DAY)).unwrap();
    assert_eq!(store.totals().unwrap().damaged_days, 1);
    assert!(
        folder
            .path()
            .join("frames-2026-11-26.sqlite.damaged-1")
            .exists()
    );
    let more = |sequence| part(5, Stream::Readings, sequence, &[readings(9000, &[5])]);
    // What was in it stays stored as far as the agent is concerned.
    let sent = 1000 + 2 * DAY;
    assert_eq!(
        send(&store, &batch(5, sent + 1, &[more(3)]), at(2 * DAY)),
        [4]
    );
    assert_eq!(store.frames(AGENT).unwrap().len(), 2);
    // Found while it is open, too: the first batch after that may fail, the next does not.
    spoil(folder.path(), "2026-11-26");
    let batches = [
        batch(5, sent + 2, &[more(4)]),
        batch(5, sent + 3, &[more(4)]),
    ];
    let outcomes = batches.map(|batch| store.accept(&[&batch], at(2 * DAY)).is_ok());
    assert!(outcomes[1], "{outcomes:?}");
    // Retention takes what was set aside as well.
    one_a_day(&store, 5..7);
    assert!(store.sweep(at(6 * DAY), 1).unwrap() > 0);
    assert_eq!(store.totals().unwrap().damaged_days, 0);
}

#[test]
fn a_second_writer_is_refused_and_a_reader_is_not() {
    let folder = Folder::new("second");
    let first = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let second = SqliteStore::open_writer(folder.path(), at(1));
    assert!(matches!(second, Err(StoreError::Taken(_))));
    SqliteStore::open_reader(folder.path()).unwrap();
    drop(first);
    SqliteStore::open_writer(folder.path(), at(2)).unwrap();
}

/// Where the lock does not hold (another host on shared storage), the fencing number does.
#[test]
fn a_writer_whose_lease_was_taken_writes_no_more() {
    let folder = Folder::new("fenced");
    let old = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    old.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
    fs::remove_file(folder.path().join("collector.lock")).unwrap();
    let new = SqliteStore::open_writer(folder.path(), at(1)).unwrap();
    let hello = batch(5, 1000, &[part(5, Stream::Alerts, 0, &[hello(1, "h")])]);
    assert_eq!(
        old.accept(&[&hello], at(2)).unwrap_err(),
        StoreError::Fenced
    );
    assert_eq!(send(&new, &hello, at(3)), [1]);
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let folder = Folder::new("newer");
    drop(SqliteStore::open_writer(folder.path(), at(0)).unwrap());
    let main = rusqlite::Connection::open(folder.path().join("collector.sqlite")).unwrap();
    main.pragma_update(None, "user_version", 99).unwrap();
    drop(main);
    assert_eq!(
        SqliteStore::open_writer(folder.path(), at(0)).unwrap_err(),
        StoreError::Newer(99)
    );
    assert_eq!(
        SqliteStore::open_reader(folder.path()).unwrap_err(),
        StoreError::Newer(99)
    );
}

#[test]
fn a_store_of_the_first_schema_is_brought_up_to_date_with_what_it_holds() {
    let folder = Folder::new("older");
    let path = folder.path().join("collector.sqlite");
    let main = rusqlite::Connection::open(&path).unwrap();
    main.execute_batch(include_str!("../migrations/0001_main.sql"))
        .unwrap();
    main.execute_batch(
        "PRAGMA user_version = 1;
         INSERT INTO agents (shard, agent, customer, system, name, created_ms, runs, alerts)
         VALUES (0, 99, 'c', 's', 'old', 1, 0, 0);",
    )
    .unwrap();
    drop(main);
    // A reader changes nothing and says what to do; the writer brings it up to date.
    assert_eq!(
        SqliteStore::open_reader(folder.path()).unwrap_err(),
        StoreError::Older(1)
    );
    let store = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
    let torn = part(5, Stream::Alerts, 0, &[vec![4, 0, 255]]);
    assert_eq!(send(&store, &batch(5, 1000, &[torn]), at(0)), [0]);
    assert_eq!(store.agents().unwrap().len(), 2);
    drop(store);
    drop(SqliteStore::open_writer(folder.path(), at(1)).unwrap());
    let reader = SqliteStore::open_reader(folder.path()).unwrap();
    assert_eq!(reader.agents().unwrap().len(), 2);
}

/// What stood open without a time to be looked at is looked at: its Alertmanagers would hear nothing of it any more.
#[test]
fn open_threads_of_a_store_of_before_are_looked_at_once() {
    let folder = Folder::new("before-14");
    let thread = |root: u64, ended: Option<u64>, due: Option<u64>| Thread {
        root: AlertId(root),
        strand: Strand {
            agent: AGENT,
            subject: root.to_string(),
            family: "memory".to_owned(),
            test: false,
        },
        head: AlertId(root),
        opened: at(0),
        ended: ended.map(at),
        first_told: None,
        last_told: None,
        messages: 1,
        listed: None,
        level: 1,
        untaken: None,
        reminded_recovery: None,
        reminded_report: None,
        quiet: None,
        due: due.map(at),
        told_from: 0,
        moved_from: None,
        moved_within: false,
    };
    let all = [
        thread(1, None, None),
        thread(2, None, Some(99)),
        thread(3, Some(5), None),
    ];
    let store = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    store
        .transact(&mut |rows| all.iter().try_for_each(|one| rows.put_thread(one)))
        .unwrap();
    drop(store);
    let main = rusqlite::Connection::open(folder.path().join("collector.sqlite")).unwrap();
    main.execute_batch(
        "DROP TABLE evidence; DROP TABLE evidence_parts; DROP TABLE evidence_about; DROP TABLE victims;
         ALTER TABLE threads DROP COLUMN moved_within; PRAGMA user_version = 13;",
    )
    .unwrap();
    drop(main);
    let store = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let mut due = Vec::new();
    store
        .view(&mut |rows| {
            for one in &all {
                let now = rows.thread(one.root)?.unwrap();
                assert!(!now.moved_within);
                due.push(now.due);
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(due, [Some(WallTime::from_millis(0)), Some(at(99)), None]);
}

#[test]
fn a_file_that_is_no_database_is_called_damaged() {
    let folder = Folder::new("damaged");
    fs::write(folder.path().join("collector.sqlite"), vec![b'x'; 8192]).unwrap();
    let opened = SqliteStore::open_writer(folder.path(), at(0));
    assert!(matches!(opened, Err(StoreError::Corrupt(_))), "{opened:?}");
}

/// A tmpfs of one MiB; only root can mount one.
struct SmallDisk(Folder);

impl SmallDisk {
    fn new() -> Option<Self> {
        let folder = Folder::new("small-disk");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(folder.path())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_said_so_loses_nothing_and_ends() {
    let Some(disk) = SmallDisk::new() else {
        eprintln!("skipped: no right to mount a tmpfs");
        return;
    };
    let store = SqliteStore::open_writer(disk.0.path(), at(0)).unwrap();
    store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
    let frame = || {
        let values: Vec<u32> = (0..250).map(|n| n * 7919 % 60_000).collect();
        readings(1000, &values)
    };
    let (mut next, mut refused) = (0, None);
    for sent in 0..10_000 {
        let batch = batch(
            5,
            1000 + sent,
            &[part(5, Stream::Readings, next, &[frame()])],
        );
        match store.accept(&[&batch], at(sent)) {
            Ok(answers) => next = answers[0].stored[0].next,
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    assert!(matches!(refused, Some(StoreError::Full(_))), "{refused:?}");
    assert!(next > 10, "{next}");
    // Everything answered is there. Where the disk was full for the second file only, the first is ahead until the next transaction.
    let kept = store.frames(AGENT).unwrap().len() as u64;
    assert!((next..=next + 1).contains(&kept), "{kept} of {next}");
    // Room again: a large file of somebody else is gone, here by a larger disk.
    let grown = Command::new("mount")
        .args(["-o", "remount,size=8m"])
        .arg(disk.0.path())
        .status()
        .unwrap();
    assert!(grown.success());
    let again = batch(5, 99_000, &[part(5, Stream::Readings, next, &[frame()])]);
    assert_eq!(send(&store, &again, at(99_000)), [next + 1]);
    assert_eq!(store.frames(AGENT).unwrap().len() as u64, next + 1);
}
