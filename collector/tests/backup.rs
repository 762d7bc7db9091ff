//! Backup beside a writer, restore, and a standby that takes over.
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::frame::kind::{AgentId, Stream};
use hansho_collector::store::sqlite::backup::{self, MANIFEST, MASTERS};
use hansho_collector::store::{AlertFilter, SqliteStore, Store, StoreError};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use support::serve::{Serving, log, until};
use support::{Folder, alert, at, batch, event, hello, new_agent, part, readings, send};

const AGENT: AgentId = AgentId(1);

fn frames() -> Vec<Vec<u8>> {
    vec![
        hello(1, "web03"),
        alert(event(1002, 1, 1, 500, 500)),
        alert(event(1002, 2, 1, 500, 900)),
        alert(event(1001, 1, 1, 1000, 1000)),
    ]
}

/// A store with the first `count` frames of an agent, and its readings.
fn filled(directory: &Path, count: usize) -> SqliteStore {
    let store = SqliteStore::open_writer(directory, at(0)).unwrap();
    store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
    let frames = frames();
    let parts = [
        part(5, Stream::Alerts, 0, &frames[..count]),
        part(5, Stream::Readings, 0, &[readings(900, &[3200])]),
    ];
    send(&store, &batch(5, 1000, &parts), at(1000));
    store
}

#[test]
fn a_backup_beside_a_writer_is_whole_and_an_agent_sends_the_rest_again() {
    let folder = Folder::new("backup");
    let (data, copy, back) = (
        folder.path().join("data"),
        folder.path().join("copy"),
        folder.path().join("back"),
    );
    let masters = folder.path().join("masters.keys");
    fs::write(&masters, "1 00\n").unwrap();
    let store = filled(&data, 2);
    let copied = backup::backup(&data, &copy, Some(&masters)).unwrap();
    assert_eq!(copied.len(), 3, "{copied:?}");
    for file in fs::read_dir(&copy).unwrap() {
        let path = file.unwrap().path();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        if path.ends_with(MASTERS) {
            assert_eq!(mode & 0o777, 0o600);
        }
    }
    assert_eq!(
        fs::metadata(&copy).unwrap().permissions().mode() & 0o777,
        0o700
    );
    // The writer goes on, and is not in the backup.
    let all = frames();
    let parts = [part(5, Stream::Alerts, 2, &all[2..])];
    assert_eq!(send(&store, &batch(5, 2000, &parts), at(2000)), [4]);
    drop(store);

    let keys = folder.path().join("other.keys");
    backup::restore(&copy, &back, &keys).unwrap();
    assert_eq!(fs::read_to_string(&keys).unwrap(), "1 00\n");
    let restored = SqliteStore::open_writer(&back, at(5000)).unwrap();
    restored.check().unwrap();
    assert_eq!(restored.frames(AGENT).unwrap().len(), 3);
    // It says what it has, and takes the rest once.
    let empty = [part(5, Stream::Alerts, 4, &[])];
    assert_eq!(send(&restored, &batch(5, 5000, &empty), at(5000)), [2]);
    let parts = [part(5, Stream::Alerts, 2, &all[2..])];
    assert_eq!(send(&restored, &batch(5, 5100, &parts), at(5100)), [4]);
    let alerts = restored.alerts(&AlertFilter::default()).unwrap();
    assert_eq!(alerts.len(), 2);
    assert_eq!(restored.totals().unwrap().all().lost, 0);
}

#[test]
fn nothing_is_overwritten_and_nothing_that_differs_is_restored() {
    let folder = Folder::new("backup");
    let (data, copy, back) = (
        folder.path().join("data"),
        folder.path().join("copy"),
        folder.path().join("back"),
    );
    drop(filled(&data, 4));
    backup::backup(&data, &copy, None).unwrap();
    let again = backup::backup(&data, &copy, None).unwrap_err();
    assert!(again.to_string().contains("exists"), "{again}");
    let over = backup::restore(&copy, &data, Path::new("none")).unwrap_err();
    assert!(over.to_string().contains("a store is there"), "{over}");

    // One byte of any file, or a name that leads elsewhere.
    let manifest = fs::read_to_string(copy.join(MANIFEST)).unwrap();
    for line in manifest.lines().skip(1) {
        let name = line.rsplit(' ').next().unwrap();
        let good = fs::read(copy.join(name)).unwrap();
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        fs::write(copy.join(name), bad).unwrap();
        let refused = backup::restore(&copy, &back, Path::new("none")).unwrap_err();
        assert!(matches!(refused, StoreError::Corrupt(_)), "{refused}");
        assert!(refused.to_string().contains(name), "{refused}");
        fs::write(copy.join(name), good).unwrap();
    }
    for evil in [
        manifest.replace("collector.sqlite", "../collector.sqlite"),
        manifest.replace("hansho backup 1", "hansho backup 2"),
        String::new(),
    ] {
        fs::write(copy.join(MANIFEST), evil).unwrap();
        let refused = backup::restore(&copy, &back, Path::new("none")).unwrap_err();
        assert!(matches!(refused, StoreError::Corrupt(_)), "{refused}");
    }
    assert!(!back.exists(), "nothing was restored of all that");
    fs::write(copy.join(MANIFEST), manifest).unwrap();
    // The log of a store whose main file was moved away would be played into the one that is restored.
    let log = back.join("collector.sqlite-wal");
    fs::create_dir(&back).unwrap();
    fs::write(&log, "x").unwrap();
    let refused = backup::restore(&copy, &back, Path::new("none")).unwrap_err();
    assert!(refused.to_string().contains("-wal"), "{refused}");
    assert_eq!(fs::read_dir(&back).unwrap().count(), 1);
    fs::remove_file(log).unwrap();
    backup::restore(&copy, &back, Path::new("none")).unwrap();
}

#[test]
fn a_standby_takes_the_place_of_a_killed_collector() {
    let folder = Folder::new("standby");
    fs::write(
        folder.path().join("collector.toml"),
        "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n[pages]\nlisten = \"127.0.0.1:0\"\n[store]\ndirectory = \"data\"\n",
    )
    .unwrap();
    let here = folder.path();
    let begin = |words: &[&str]| Serving::begin(here, "collector.toml", words);
    let said = |words: &str| until(words, || log(here).contains(words).then_some(()));
    let first = begin(&["serve"]).listening(here);
    let standby = begin(&["serve", "--standby"]);
    said("waiting to take its place");
    // Without --standby a second one is refused.
    assert_eq!(begin(&["serve"]).child.wait().unwrap().code(), Some(1));
    first.kill();
    let _serving = standby.listening(here);
    said("takes its place");
}
