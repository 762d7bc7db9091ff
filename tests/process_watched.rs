//! File systems and cache directories that agent.toml names: looked at by the real scout, judged by the real watcher.
#![expect(
    clippy::unwrap_used,
    reason = "a test may stop at whatever surprises it"
)]

mod process_support;

use hansho::frame::Stream;
use hansho::frame::body::{self, Body, FoundRecord, elements, transition_to_u8};
use hansho::rule::TransitionKind::{Firing, Resolved};
use hansho::rule::{Quantity, TransitionKind};
use process_support::{Place, send, until};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const CONFIG: &str = r#"
[agent]
[sample]
interval = "50ms"
counters_interval = "100ms"
report_interval = "1s"
[spool]
[forward]
[[filesystem]]
path = "PLACE/tmp"
[[cache]]
path = "PLACE/cache"
limit_size = "1MiB"
limit_entries = 100000
[[rule]]
code = 3003
raise_after = "0s"
clear_after = "0s"
[[rule]]
code = 3004
raise_after = "0s"
"#;

/// A tmpfs of 8 MiB, unmounted with the value.
struct Tmpfs(PathBuf);

impl Tmpfs {
    /// `None` without the right to mount.
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m", "hansho-test"])
            .arg(at)
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then(|| Self(at.to_owned()))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let status = Command::new("umount").arg("-l").arg(&self.0).status();
        assert!(status.unwrap().success());
    }
}

/// `(code, subject, transition)` of each alert.
fn alerts(place: &Place) -> Vec<(u16, String, Option<TransitionKind>)> {
    let frames = place.frames(Stream::Alerts);
    let alerts = frames
        .iter()
        .filter_map(|(_, _, frame)| match body::decode(frame) {
            Ok((_, Body::Alert(alert))) => Some((
                alert.code,
                alert.subject.to_owned(),
                body::transition_from_u8(alert.transition),
            )),
            _ => None,
        });
    alerts.collect()
}

/// The values that were recorded of a quantity of a subject.
fn recorded(place: &Place, quantity: Quantity, subject: &str) -> Vec<(u64, Option<u64>)> {
    let frames = place.frames(Stream::Readings);
    let mut values = Vec::new();
    for (_, _, frame) in &frames {
        if let Ok((_, Body::Found(found))) = body::decode(frame) {
            let records = elements::<FoundRecord<'_>>(found.found).map(|record| record.unwrap());
            let of = |record: &FoundRecord<'_>| {
                record.quantity == quantity.number() && record.subject == subject
            };
            values.extend(
                records
                    .filter(of)
                    .map(|record| (record.value, record.total)),
            );
        }
    }
    values
}

#[test]
fn a_tmpfs_that_fills_and_a_cache_that_is_too_large_are_told_and_one_that_is_emptied_is_over() {
    let place = Place::new("watched", CONFIG);
    let (tmp, cache) = (place.folder.join("tmp"), place.folder.join("cache"));
    let Some(tmpfs) = Tmpfs::mount(&tmp) else {
        eprintln!("skipped: nothing can be mounted here");
        return;
    };
    fs::create_dir(&cache).unwrap();
    for number in 0..3 {
        fs::write(cache.join(number.to_string()), vec![7; 512 * 1024]).unwrap();
    }
    let agent = place.start(&[]);
    agent.runs(0);
    let (tmp_path, cache_path) = (tmp.display().to_string(), cache.display().to_string());
    let told = |code, subject: &str, kind: TransitionKind| {
        until(&format!("{code} {subject} {kind:?}"), || {
            let wanted = (code, subject.to_owned(), Some(kind));
            alerts(&place).contains(&wanted).then_some(())
        });
    };
    told(3004, &cache_path, Firing);
    let sizes = recorded(&place, Quantity::CacheSize, &cache_path);
    // Three files and, where the file system gives folders blocks, theirs.
    let (size_kib, limit) = *sizes.first().unwrap();
    assert!((1536..1600).contains(&size_kib), "{size_kib} KiB");
    assert_eq!(limit, Some(1024));
    let entries = recorded(&place, Quantity::CacheEntries, &cache_path);
    assert_eq!(entries.first(), Some(&(4, Some(100_000))));

    fs::write(tmp.join("dump"), vec![7; 7 * 1024 * 1024]).unwrap();
    told(3003, &tmp_path, Firing);
    // Those of other file systems have no value here, and tell nothing.
    assert!(recorded(&place, Quantity::FilesystemUsed, &tmp_path).is_empty());

    // Another scout begins with nothing, and the alert stands.
    let scout = agent.worker("scout");
    send(scout, "KILL");
    until("another scout", || {
        agent.worker_now("scout").filter(|pid| *pid != scout)
    });
    fs::remove_file(tmp.join("dump")).unwrap();
    told(3003, &tmp_path, Resolved);
    let of_tmp = |(code, subject, _): &(u16, String, Option<TransitionKind>)| {
        *code == 3003 && *subject == tmp_path
    };
    assert_eq!(
        alerts(&place).iter().filter(|alert| of_tmp(alert)).count(),
        2
    );
    let fired = transition_to_u8(Firing);
    let codes: Vec<u16> = place
        .alerts()
        .iter()
        .filter(|(_, _, transition, _)| *transition == fired)
        .map(|(_, code, ..)| *code)
        .collect();
    assert!(
        codes.iter().all(|code| [3003, 3004].contains(code)),
        "{codes:?}"
    );
    drop(agent);
    drop(tmpfs);
}
