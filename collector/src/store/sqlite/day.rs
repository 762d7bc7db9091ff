//! The day files: raw frames by UTC day of receipt.

use super::super::StoreError;
use super::super::types::{StoredFrame, shard, signed};
use super::open;
use super::rows::unsigned;
use crate::clock::{DAY_MS, Date};
use crate::limit::SWEEP_JUMP_DAYS;
use hansho::clock::WallTime;
use hansho::frame::kind::{AgentId, RunId, Stream};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::{Path, PathBuf};

/// The day files of a directory, with the one that is written open.
#[derive(Debug)]
pub(super) struct Days {
    directory: PathBuf,
    open: Option<(Date, Connection)>,
    begun: bool,
    /// The open file turned out to be damaged: it is set aside before the next transaction.
    damaged: bool,
}

/// Day files in `directory`, the oldest first, with their dates.
pub(super) fn list(directory: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let mut days = Vec::new();
    for (name, path) in names(directory)? {
        if let Some(date) = name.strip_suffix(".sqlite") {
            days.push((date.to_owned(), path));
        }
    }
    days.sort();
    Ok(days)
}

/// How many damaged day files were set aside and are still there.
pub(super) fn damaged(directory: &Path) -> Result<u64, StoreError> {
    let aside = names(directory)?
        .into_iter()
        .filter(|(name, _)| is_aside(name));
    Ok(u64::try_from(aside.count()).unwrap_or(u64::MAX))
}

/// The file itself, not what belongs to it.
fn is_aside(name: &str) -> bool {
    name.split_once(DAMAGED)
        .is_some_and(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Between the name of a day file and a number, once it is set aside.
const DAMAGED: &str = ".sqlite.damaged-";

/// Files whose names begin as those of day files do, with the rest of the name, which begins with a date.
fn names(directory: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let io = |error: std::io::Error| StoreError::Io(format!("{}: {error}", directory.display()));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_prefix("frames-"));
        if let Some(name) = name.filter(|name| name.len() >= 10) {
            names.push((name.to_owned(), path.clone()));
        }
    }
    Ok(names)
}

/// What belongs to a database file: it and its journals.
const SUFFIXES: [&str; 3] = ["-wal", "-shm", ""];

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

/// Opens a day file for writing. A damaged one is set aside, whole, and a new one takes its place: the watermarks stay, so
/// only the raw frames in it are missed.
fn open_or_set_aside(path: &Path) -> Result<Connection, StoreError> {
    match open::day(path) {
        Err(StoreError::Corrupt(why)) => {
            set_aside(path, &why)?;
            open::day(path)
        }
        opened => opened,
    }
}

/// What SQLite says first of a day file that it looks through: `ok` of a whole one.
pub(super) fn quick_check(path: &Path) -> Result<String, StoreError> {
    let day = open::read_only(path)?;
    Ok(day.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?)
}

/// Whether it is the day file that is damaged, not the main file that it was compared with.
fn is_damaged(path: &Path) -> bool {
    match quick_check(path) {
        Ok(said) => said != "ok",
        Err(error) => matches!(error, StoreError::Corrupt(_)),
    }
}

fn set_aside(path: &Path, why: &str) -> Result<(), StoreError> {
    let io = |error: std::io::Error| StoreError::Io(format!("{}: {error}", path.display()));
    let mut number = 1_u32;
    let aside = loop {
        let aside = with_suffix(path, &format!(".damaged-{number}"));
        if !aside.exists() {
            break aside;
        }
        number = number.saturating_add(1);
    };
    log::error!(
        "{} is damaged ({why}); it is set aside as {}, its raw frames are missed",
        path.display(),
        aside.display()
    );
    for suffix in SUFFIXES {
        match std::fs::rename(with_suffix(path, suffix), with_suffix(&aside, suffix)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
    }
    Ok(())
}

/// Whether day files may be deleted now: the clock did not just jump ahead. `dates` are those of the day files; the newest one
/// of a day before `now` must not be older than [`SWEEP_JUMP_DAYS`]. After a longer pause the second day sweeps.
fn may_sweep<'d>(dates: impl Iterator<Item = &'d str>, now: WallTime) -> bool {
    let days = now.as_millis() / DAY_MS;
    let today = Date::from_days(days).to_string();
    let least = Date::from_days(days.saturating_sub(SWEEP_JUMP_DAYS)).to_string();
    dates
        .filter(|date| **date < *today)
        .max()
        .is_none_or(|newest| *newest >= *least)
}

impl Days {
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            open: None,
            begun: false,
            damaged: false,
        }
    }

    /// Begins a transaction in the file of `now`'s day.
    pub(super) fn begin(&mut self, now: WallTime) -> Result<(), StoreError> {
        let outcome = self.try_begin(now);
        self.noted(outcome)
    }

    /// Remembers that the open file is damaged, where a transaction found it so.
    fn noted<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        match outcome {
            Err(StoreError::Corrupt(why)) => {
                self.damaged = true;
                Err(StoreError::DayCorrupt(why))
            }
            outcome => outcome,
        }
    }

    fn try_begin(&mut self, now: WallTime) -> Result<(), StoreError> {
        if self.damaged {
            self.damaged = false;
            if let Some((date, _)) = self.open.take() {
                let path = self.directory.join(format!("frames-{date}.sqlite"));
                set_aside(&path, "found while writing")?;
            }
        }
        let date = Date::of(now);
        if self.open.as_ref().is_none_or(|(open, _)| *open != date) {
            self.open = None;
            let path = self.directory.join(format!("frames-{date}.sqlite"));
            self.open = Some((date, open_or_set_aside(&path)?));
        }
        if let Some((_, day)) = &self.open {
            if !day.is_autocommit() {
                day.execute_batch("ROLLBACK")?;
            }
            day.execute_batch("BEGIN IMMEDIATE")?;
            self.begun = true;
        }
        Ok(())
    }

    pub(super) fn put(&mut self, agent: AgentId, frame: &StoredFrame) -> Result<(), StoreError> {
        let outcome = self.try_put(agent, frame);
        self.noted(outcome)
    }

    fn try_put(&self, agent: AgentId, frame: &StoredFrame) -> Result<(), StoreError> {
        let Some((_, day)) = self.open.as_ref().filter(|_| self.begun) else {
            return Err(StoreError::Io("no day file is open".to_owned()));
        };
        // The watermark alone decides what is stored: a row that is there already is a remain of a crash.
        let mut statement = day.prepare_cached(
            "INSERT OR REPLACE INTO frames (shard, agent, run, stream, sequence, received_ms, frame)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        statement.execute(params![
            shard(agent),
            agent.0.cast_signed(),
            frame.run.0.cast_signed(),
            frame.stream.number(),
            signed(frame.sequence),
            signed(frame.received.as_millis()),
            frame.frame
        ])?;
        Ok(())
    }

    /// A frame from the open file: one received on the day of the newest batch.
    pub(super) fn recent(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
        sequence: u64,
    ) -> Result<Option<StoredFrame>, StoreError> {
        let outcome = self.try_recent(agent, run, stream, sequence);
        self.noted(outcome)
    }

    fn try_recent(
        &self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
        sequence: u64,
    ) -> Result<Option<StoredFrame>, StoreError> {
        let Some((_, day)) = &self.open else {
            return Ok(None);
        };
        let mut statement = day.prepare_cached(
            "SELECT received_ms, frame FROM frames
             WHERE shard = ?1 AND agent = ?2 AND run = ?3 AND stream = ?4 AND sequence = ?5",
        )?;
        let values = params![
            shard(agent),
            agent.0.cast_signed(),
            run.0.cast_signed(),
            stream.number(),
            signed(sequence)
        ];
        let found = statement.query_row(values, |row| {
            Ok(StoredFrame {
                run,
                stream,
                sequence,
                received: WallTime::from_millis(unsigned(row.get(0)?)),
                frame: row.get(1)?,
            })
        });
        Ok(found.optional()?)
    }

    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        let outcome = self.try_commit();
        self.noted(outcome)
    }

    fn try_commit(&mut self) -> Result<(), StoreError> {
        if let Some((_, day)) = self.open.as_ref().filter(|_| self.begun) {
            day.execute_batch("COMMIT")?;
            self.begun = false;
        }
        Ok(())
    }

    pub(super) fn rollback(&mut self) {
        self.begun = false;
        if let Some((_, day)) = &self.open
            && !day.is_autocommit()
        {
            // A failed ROLLBACK means that there is no transaction any more.
            drop(day.execute_batch("ROLLBACK"));
        }
    }

    /// Deletes frames at or past their watermark from the files of the last commit's day, of later ones (a main file that
    /// was restored from a backup is behind many), and of the one before (the clock may have been set back); says how many.
    pub(super) fn mend(&mut self, main: &Connection) -> Result<usize, StoreError> {
        self.rollback();
        self.open = None;
        let committed: Option<i64> = main
            .query_row(
                "SELECT committed_ms FROM leases WHERE role = 'writer'",
                [],
                |row| row.get(0),
            )
            .optional()?;
        let committed = WallTime::from_millis(unsigned(committed.unwrap_or(0)));
        let since = Date::of(committed).to_string();
        let mut removed = 0_usize;
        let files = list(&self.directory)?;
        let since = files.partition_point(|(date, _)| **date < *since);
        for (_, path) in files.into_iter().skip(since.saturating_sub(1)) {
            let mended = open::day(&path).and_then(|day| mend_one(main, &day));
            match mended {
                Ok(more) => removed = removed.saturating_add(more),
                Err(StoreError::Corrupt(why)) if is_damaged(&path) => set_aside(&path, &why)?,
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }

    /// Whether old things may be deleted now, see [`may_sweep`].
    pub(super) fn may_sweep(&self, now: WallTime) -> Result<bool, StoreError> {
        let files = list(&self.directory)?;
        let may = may_sweep(files.iter().map(|(date, _)| date.as_str()), now);
        if !may {
            log::warn!(
                "nothing old is deleted today: the newest day file before it is so old that the clock may be wrong"
            );
        }
        Ok(may)
    }

    /// Deletes the files of days before `now` less the retention, and what was set aside of them.
    pub(super) fn sweep(
        &mut self,
        now: WallTime,
        retention_days: u32,
    ) -> Result<usize, StoreError> {
        let files = list(&self.directory)?;
        let today = now.as_millis() / DAY_MS;
        let oldest = Date::from_days(today.saturating_sub(u64::from(retention_days))).to_string();
        let mut removed = 0_usize;
        for (date, path) in files {
            if date >= oldest {
                continue;
            }
            if self
                .open
                .as_ref()
                .is_some_and(|(open, _)| open.to_string() == date)
            {
                self.open = None;
            }
            remove(&path)?;
            removed = removed.saturating_add(1);
        }
        for (name, path) in names(&self.directory)? {
            if is_aside(&name) && *name < *oldest {
                remove(&path)?;
            }
        }
        Ok(removed)
    }
}

/// Deletes a database file with its journals.
fn remove(path: &Path) -> Result<(), StoreError> {
    for suffix in SUFFIXES {
        match std::fs::remove_file(with_suffix(path, suffix)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::Io(format!("{}: {error}", path.display())));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Steps over the key prefixes of a day file (a handful a run) and deletes each one's rows past the watermark.
fn mend_one(main: &Connection, day: &Connection) -> Result<usize, StoreError> {
    let mut step = day.prepare(
        "SELECT shard, agent, run, stream FROM frames WHERE (shard, agent, run, stream) > (?1, ?2, ?3, ?4)
         ORDER BY shard, agent, run, stream LIMIT 1",
    )?;
    let mut watermark = main.prepare(
        "SELECT next FROM watermarks WHERE shard = ?1 AND agent = ?2 AND run = ?3 AND stream = ?4",
    )?;
    let mut delete = day.prepare(
        "DELETE FROM frames WHERE shard = ?1 AND agent = ?2 AND run = ?3 AND stream = ?4 AND sequence >= ?5",
    )?;
    let mut at: (i64, i64, i64, i64) = (-1, 0, 0, 0);
    let mut removed = 0_usize;
    while let Some(key) = step
        .query_row(at, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?
    {
        let next: i64 = watermark
            .query_row(key, |row| row.get(0))
            .optional()?
            .unwrap_or(0);
        let (shard, agent, run, stream) = key;
        let deleted = delete.execute(params![shard, agent, run, stream, next])?;
        removed = removed.saturating_add(deleted);
        at = key;
    }
    Ok(removed)
}
