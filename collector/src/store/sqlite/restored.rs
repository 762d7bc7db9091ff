//! What `restore` finds out about the collector that the backup is of, and notes in the store that it made.

use super::super::StoreError;
use super::super::types::{Restored, signed};
use super::open;
use super::rows::unsigned;
use hansho::clock::WallTime;
use rusqlite::{Connection, params};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Schema since which a collector proves its life in a table of its own.
const LIFE: u32 = 4;
/// Schema since which a store has secrets that sign links.
const SECRETS: u32 = 5;

/// When the collector last wrote to the store of a directory; `None` where none ever ran.
///
/// # Errors
/// [`StoreError`]: also where the store is damaged.
pub fn last_sign(directory: &Path) -> Result<Option<WallTime>, StoreError> {
    sign_in(&open::read_only(&directory.join(super::MAIN_FILE))?)
}

fn sign_in(main: &Connection) -> Result<Option<WallTime>, StoreError> {
    let lease = "SELECT MAX(MAX(taken_ms, committed_ms, proved_ms)) FROM leases";
    let mut newest: Option<i64> = main.query_row(lease, [], |row| row.get(0))?;
    if open::schema(main)? >= LIFE {
        let life = "SELECT MAX(proved_ms) FROM collector_life";
        newest = newest.max(main.query_row(life, [], |row| row.get(0))?);
    }
    Ok(newest.map(|ms| WallTime::from_millis(unsigned(ms))))
}

/// A store beside a restored one: the one that the backup is of, as far as can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// Where it is.
    pub directory: PathBuf,
    /// The last sign of life of its collector.
    pub seen: WallTime,
}

/// The store in the place of which a backup was restored to `directory`, where it still is in a directory beside it. It has a
/// secret of the restored one; one that cannot be read counts where its directory has the name of this one and more (`data.old`),
/// and then its last sign of life is when its files were last written.
///
/// # Errors
/// [`StoreError`] of the restored store.
pub fn before(directory: &Path, most: usize) -> Result<Option<Before>, StoreError> {
    let main = open::read_only(&directory.join(super::MAIN_FILE))?;
    let own = secrets(&main)?;
    let whole = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let (Some(parent), Some(name)) = (whole.parent(), whole.file_name()) else {
        return Ok(None);
    };
    // A directory that cannot be listed shows nothing.
    let beside = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Option<Before> = None;
    for other in beside.take(most).map(|entry| entry.path()) {
        let file = other.join(super::MAIN_FILE);
        if other == whole || !file.is_file() {
            continue;
        }
        let known = open::read_only(&file).and_then(|main| Ok((secrets(&main)?, sign_in(&main)?)));
        let seen = match known {
            Ok((secrets, seen)) => seen.filter(|_| secrets.iter().any(|one| own.contains(one))),
            Err(_) => written(&other).filter(|_| is_named_after(&other, name)),
        };
        if let Some(seen) = seen
            && found.as_ref().is_none_or(|found| found.seen < seen)
        {
            found = Some(Before {
                directory: other,
                seen,
            });
        }
    }
    Ok(found)
}

fn is_named_after(other: &Path, name: &std::ffi::OsStr) -> bool {
    let text = |name: &std::ffi::OsStr| name.to_string_lossy().into_owned();
    other
        .file_name()
        .is_some_and(|other| text(other).starts_with(&text(name)))
}

fn secrets(main: &Connection) -> Result<Vec<Vec<u8>>, StoreError> {
    if open::schema(main)? < SECRETS {
        return Ok(Vec::new());
    }
    let mut statement = main.prepare("SELECT secret FROM link_secrets")?;
    let secrets = statement.query_map([], |row| row.get(0))?;
    Ok(secrets.collect::<Result<_, _>>()?)
}

/// When the main file or its log was last written.
fn written(directory: &Path) -> Option<WallTime> {
    let names = [
        super::MAIN_FILE.to_owned(),
        format!("{}-wal", super::MAIN_FILE),
    ];
    let times = names.iter().filter_map(|name| {
        let about = directory.join(name).metadata().ok()?;
        let ms = about.mtime().checked_mul(1000)?;
        u64::try_from(ms.checked_add(about.mtime_nsec() / 1_000_000)?).ok()
    });
    times.max().map(WallTime::from_millis)
}

/// Notes in a restored store until when people had been told. Mails that wait in it since before that were sent by the collector
/// that the backup is of; `said` stands as their answer. Says how many they are.
///
/// # Errors
/// [`StoreError`]; then nothing is noted.
pub fn note(directory: &Path, restored: &Restored, said: &str) -> Result<usize, StoreError> {
    let main = open::beside(directory)?;
    main.execute_batch("BEGIN IMMEDIATE")?;
    main.execute(
        "UPDATE upkeep SET restored_ms = ?1, told_until_ms = ?2",
        params![
            signed(restored.at.as_millis()),
            signed(restored.told_until.as_millis())
        ],
    )?;
    let held = main.execute(
        "UPDATE outbox SET state = 'delivered', attempts = 0, until_ms = NULL, done_ms = created_ms, said = ?2
         WHERE state IN ('queued', 'claimed') AND channel = 'mail' AND created_ms <= ?1",
        params![signed(restored.told_until.as_millis()), said],
    )?;
    main.execute_batch("COMMIT")?;
    Ok(held)
}
