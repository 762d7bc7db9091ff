//! Opening: lock, lease, settings, migrations.

use super::super::StoreError;
use crate::limit::BUSY_MS;
use hansho::clock::WallTime;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::fs::File;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::Duration;

/// Name of the main file within the directory.
pub const MAIN_FILE: &str = "collector.sqlite";
/// Name of the file that the writer locks.
const LOCK_FILE: &str = "collector.lock";
/// Newest `PRAGMA user_version` of either file: the number of its migrations that were run.
const SCHEMA: u32 = 16;
const MAIN: [&str; 16] = [
    include_str!("../../../migrations/0001_main.sql"),
    include_str!("../../../migrations/0002_main.sql"),
    include_str!("../../../migrations/0003_main.sql"),
    include_str!("../../../migrations/0004_main.sql"),
    include_str!("../../../migrations/0005_main.sql"),
    include_str!("../../../migrations/0006_main.sql"),
    include_str!("../../../migrations/0007_main.sql"),
    include_str!("../../../migrations/0008_main.sql"),
    include_str!("../../../migrations/0009_main.sql"),
    include_str!("../../../migrations/0010_main.sql"),
    include_str!("../../../migrations/0011_main.sql"),
    include_str!("../../../migrations/0012_main.sql"),
    include_str!("../../../migrations/0013_main.sql"),
    include_str!("../../../migrations/0014_main.sql"),
    include_str!("../../../migrations/0015_main.sql"),
    include_str!("../../../migrations/0016_main.sql"),
];
const _: () = assert!(MAIN.len() == SCHEMA as usize, "each migration counts");
const DAY_1: &str = include_str!("../../../migrations/0001_day.sql");

/// The right to write: a lock on a file, which the kernel gives back whatever happens to the process, and a fencing number
/// in the store, which every transaction compares.
#[derive(Debug)]
pub(super) struct Lease {
    fencing: i64,
    _lock: File,
}

impl Lease {
    /// Whether nobody took it over.
    pub(super) fn holds(&self, main: &Connection) -> Result<bool, StoreError> {
        let mut statement =
            main.prepare_cached("SELECT fencing FROM leases WHERE role = 'writer'")?;
        let fencing: i64 = statement.query_row([], |row| row.get(0))?;
        Ok(fencing == self.fencing)
    }
}

fn io(what: &Path, error: &std::io::Error) -> StoreError {
    let said = format!("{}: {error}", what.display());
    if error.kind() == std::io::ErrorKind::StorageFull {
        StoreError::Full(said)
    } else {
        StoreError::Io(said)
    }
}

pub(super) fn writer(directory: &Path, now: WallTime) -> Result<(Connection, Lease), StoreError> {
    make_directory(directory)?;
    let path = directory.join(LOCK_FILE);
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| io(&path, &error))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(
        |error| match error {
            rustix::io::Errno::WOULDBLOCK => StoreError::Taken(path.display().to_string()),
            error => io(&path, &error.into()),
        },
    )?;
    let main = beside(directory)?;
    let holder = format!("process {}", std::process::id());
    main.execute(
        "INSERT INTO leases (role, fencing, holder, taken_ms) VALUES ('writer', 1, ?1, ?2)
         ON CONFLICT (role) DO UPDATE SET fencing = fencing + 1, holder = ?1, taken_ms = ?2",
        params![holder, super::signed(now.as_millis())],
    )?;
    let fencing = main.query_row(
        "SELECT fencing FROM leases WHERE role = 'writer'",
        [],
        |row| row.get(0),
    )?;
    Ok((
        main,
        Lease {
            fencing,
            _lock: lock,
        },
    ))
}

pub(super) fn beside(directory: &Path) -> Result<Connection, StoreError> {
    make_directory(directory)?;
    super::mark::refuse(directory)?;
    let main = Connection::open(directory.join(MAIN_FILE))?;
    settle(&main)?;
    migrate(&main, &MAIN)?;
    Ok(main)
}

pub(super) fn reader(directory: &Path) -> Result<Connection, StoreError> {
    let path = directory.join(MAIN_FILE);
    if !path.exists() {
        return Err(StoreError::Io(format!(
            "{}: no store there yet; `serve` or `agent add` creates it",
            path.display()
        )));
    }
    let main = read_only(&path)?;
    match schema(&main)? {
        version if version < SCHEMA => Err(StoreError::Older(version)),
        _ => Ok(main),
    }
}

/// Opens a main or day file for reading, also while another process writes to it.
pub(super) fn read_only(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_millis(BUSY_MS))?;
    let version = schema(&connection)?;
    if version > SCHEMA {
        return Err(StoreError::Newer(version));
    }
    Ok(connection)
}

/// Opens a day file for writing, with its table.
pub(super) fn day(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    settle(&connection)?;
    #[cfg(feature = "planted")]
    if crate::planted::no_dedup() {
        // The table's own key would hide the bug.
        let loose = DAY_1
            .replace(
                "NOT NULL,     -- the bytes, kind and uptime included\n  PRIMARY KEY (shard, agent, run, stream, sequence)\n",
                "NOT NULL\n",
            )
            .replace("STRICT, WITHOUT ROWID", "STRICT");
        migrate(&connection, &[&loose])?;
        return Ok(connection);
    }
    migrate(&connection, &[DAY_1])?;
    Ok(connection)
}

fn make_directory(directory: &Path) -> Result<(), StoreError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| io(directory, &error))
}

fn settle(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(Duration::from_millis(BUSY_MS))?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.query_row("PRAGMA journal_mode = WAL", [], |row| {
        row.get::<_, String>(0)
    })?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
    Ok(())
}

/// Schema of a file; 0 before its first.
pub(super) fn schema(connection: &Connection) -> Result<u32, StoreError> {
    let version = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .optional()?;
    Ok(version.unwrap_or(0))
}

/// Runs the migrations that a file has not had yet, in one transaction; two processes may try at once.
fn migrate(connection: &Connection, migrations: &[&str]) -> Result<(), StoreError> {
    let newest = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    match schema(connection)? {
        version if version == newest => return Ok(()),
        version if version > newest => return Err(StoreError::Newer(version)),
        _ => {}
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let run = || -> Result<(), StoreError> {
        let done = usize::try_from(schema(connection)?).unwrap_or(usize::MAX);
        for migration in migrations.iter().skip(done) {
            connection.execute_batch(migration)?;
        }
        Ok(connection.pragma_update(None, "user_version", newest)?)
    };
    match run() {
        Ok(()) => connection.execute_batch("COMMIT")?,
        Err(error) => {
            // The first error is the one to tell.
            drop(connection.execute_batch("ROLLBACK"));
            return Err(error);
        }
    }
    Ok(())
}
