//! The day files: raw frames by UTC day of receipt.

use super::super::StoreError;
use super::super::types::{StoredFrame, shard, signed};
use super::open;
use crate::clock::{DAY_MS, Date};
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::{Path, PathBuf};

/// The day files of a directory, with the one that is written open.
#[derive(Debug)]
pub(super) struct Days {
    directory: PathBuf,
    open: Option<(Date, Connection)>,
    begun: bool,
}

/// Day files in `directory`, the oldest first, with their dates.
pub(super) fn list(directory: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let io = |error: std::io::Error| StoreError::Io(format!("{}: {error}", directory.display()));
    let mut days = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let date = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_prefix("frames-"))
            .and_then(|name| name.strip_suffix(".sqlite"));
        if let Some(date) = date.filter(|date| date.len() >= 10) {
            days.push((date.to_owned(), path.clone()));
        }
    }
    days.sort();
    Ok(days)
}

impl Days {
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            open: None,
            begun: false,
        }
    }

    /// Begins a transaction in the file of `now`'s day.
    pub(super) fn begin(&mut self, now: WallTime) -> Result<(), StoreError> {
        let date = Date::of(now);
        if self.open.as_ref().is_none_or(|(open, _)| *open != date) {
            self.open = None;
            let path = self.directory.join(format!("frames-{date}.sqlite"));
            self.open = Some((date, open::day(&path)?));
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

    pub(super) fn put(&self, agent: AgentId, frame: &StoredFrame) -> Result<(), StoreError> {
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

    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
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

    /// Deletes frames at or past their watermark from the two newest files; says how many.
    pub(super) fn mend(&mut self, main: &Connection) -> Result<usize, StoreError> {
        self.rollback();
        self.open = None;
        let mut removed = 0_usize;
        for (_, path) in list(&self.directory)?.into_iter().rev().take(2) {
            let day = open::day(&path)?;
            removed = removed.saturating_add(mend_one(main, &day)?);
        }
        Ok(removed)
    }

    /// Deletes the files of days before `now` less the retention.
    pub(super) fn sweep(
        &mut self,
        now: WallTime,
        retention_days: u32,
    ) -> Result<usize, StoreError> {
        let today = now.as_millis() / DAY_MS;
        let oldest = Date::from_days(today.saturating_sub(u64::from(retention_days))).to_string();
        let mut removed = 0_usize;
        for (date, path) in list(&self.directory)? {
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
            for suffix in ["-wal", "-shm", ""] {
                let mut name = path.clone().into_os_string();
                name.push(suffix);
                match std::fs::remove_file(&name) {
                    Ok(()) => {}
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => {
                        return Err(StoreError::Io(format!("{}: {error}", path.display())));
                    }
                }
            }
            removed = removed.saturating_add(1);
        }
        Ok(removed)
    }
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
