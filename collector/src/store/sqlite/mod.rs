//! The store on SQLite: a main file, and a file of raw frames a UTC day. The only files with SQL are in this folder.
//!
//! Order of a transaction: raw frames are committed to the day file, then everything else to the main file, then the answer is
//! given. A crash in between leaves frames past the watermark in the day file; opening deletes them. Both files are in WAL
//! mode with `synchronous = FULL`: a commit is on the disk when it returns.

mod agents;
pub mod backup;
mod day;
mod events;
mod evidence;
mod handling;
pub mod mark;
mod notify;
mod open;
mod pages;
mod people;
mod presence;
mod prune;
pub mod quick;
mod read;
pub mod restored;
mod rows;
mod upkeep;
mod victims;

pub use open::MAIN_FILE;

use super::apply;
use super::news;
use super::rows::AgentRows as _;
use super::types::{
    Agent, AgentRule, AlertFilter, AlertId, FrameHead, FrameKey, LostRange, NewAgent, Range,
    StoredAlert, StoredFrame, StoredReading, Totals, shard, signed,
};
use super::{Store, StoreError, Work};
use crate::clock::DAY_MS;
use crate::ingest::AuthenticatedBatch;
use crate::planted;
use day::Days;
use hansho::clock::WallTime;
use hansho::frame::answer::Answer;
use hansho::frame::batch::BatchHeader;
use hansho::frame::kind::AgentId;
use open::Lease;
use rows::SqlRows;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A store in a directory.
#[derive(Debug)]
pub struct SqliteStore {
    directory: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    main: Connection,
    days: Days,
    lease: Option<Lease>,
    /// The last transaction failed between the two files: remains in the day file must go before the next.
    torn: bool,
    /// Day on which rows of old runs were looked for.
    pruned: Option<u64>,
    /// Only with a planted bug: answers were given, the commit is still to come.
    uncommitted: bool,
}

impl SqliteStore {
    /// Opens as the one writer: takes the lock and the lease, migrates, deletes remains of a crash.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where another collector runs on it.
    pub fn open_writer(directory: &Path, now: WallTime) -> Result<Self, StoreError> {
        let (main, lease) = open::writer(directory, now)?;
        let store = Self::new(directory, main, Some(lease));
        store.lock().mend()?;
        Ok(store)
    }

    /// Opens beside a writer, for single small changes such as `agent add`; creates and migrates if need be.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_beside(directory: &Path) -> Result<Self, StoreError> {
        let main = open::beside(directory)?;
        Ok(Self::new(directory, main, None))
    }

    /// Opens for reading only, also beside a writer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_reader(directory: &Path) -> Result<Self, StoreError> {
        let main = open::reader(directory)?;
        Ok(Self::new(directory, main, None))
    }

    fn new(directory: &Path, main: Connection, lease: Option<Lease>) -> Self {
        Self {
            directory: directory.to_owned(),
            inner: Mutex::new(Inner {
                main,
                days: Days::new(directory),
                lease,
                torn: false,
                pruned: None,
                uncommitted: false,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A transaction that panicked is rolled back by the next `begin`.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has SQLite check the main file and every day file from end to end.
    ///
    /// # Errors
    /// Those of [`Self::check_main`] and [`Self::check_days`].
    pub fn check(&self) -> Result<(), StoreError> {
        self.check_main()?;
        self.check_days()
    }

    /// Has SQLite check the main file from end to end.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] with what SQLite says first.
    pub fn check_main(&self) -> Result<(), StoreError> {
        let inner = self.lock();
        let said: String = inner
            .main
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if said != "ok" {
            return Err(StoreError::Corrupt(said));
        }
        Ok(())
    }

    /// Has SQLite look through every day file.
    ///
    /// # Errors
    /// [`StoreError::DayCorrupt`] with the first damaged file and what SQLite says first of it.
    pub fn check_days(&self) -> Result<(), StoreError> {
        for (_, path) in day::list(&self.directory)? {
            let said = day::quick_check(&path).or_else(|error| match error {
                StoreError::Corrupt(said) => Ok(said),
                error => Err(error),
            })?;
            if said != "ok" {
                let path = path.display();
                return Err(StoreError::DayCorrupt(format!("{path}: {said}")));
            }
        }
        Ok(())
    }
}

impl Inner {
    /// Begins a transaction, after whatever the one before left.
    fn begin(&mut self) -> Result<(), StoreError> {
        self.settle()?;
        if !self.main.is_autocommit() {
            self.main.execute_batch("ROLLBACK")?;
        }
        if self.torn {
            self.mend()?;
        }
        self.main.execute_batch("BEGIN IMMEDIATE")?;
        if let Some(lease) = &self.lease {
            let holds = lease.holds(&self.main);
            if holds != Ok(true) {
                self.rollback();
                return holds.and(Err(StoreError::Fenced));
            }
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.torn = true;
        self.days.commit()?;
        self.main.execute_batch("COMMIT")?;
        self.torn = false;
        Ok(())
    }

    fn rollback(&mut self) {
        self.days.rollback();
        if !self.main.is_autocommit() {
            // A failed ROLLBACK means that there is no transaction any more.
            drop(self.main.execute_batch("ROLLBACK"));
        }
    }

    fn settle(&mut self) -> Result<(), StoreError> {
        if self.uncommitted {
            self.uncommitted = false;
            self.commit()?;
        }
        Ok(())
    }

    fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut SqlRows<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.begin()?;
        let outcome = work(&mut SqlRows {
            main: &self.main,
            days: &mut self.days,
        });
        let outcome = outcome.and_then(|done| {
            if planted::answer_before_commit() {
                self.uncommitted = true;
                return Ok(done);
            }
            self.commit().map(|()| done)
        });
        if outcome.is_err() {
            self.rollback();
        }
        outcome
    }

    /// Deletes what a crash, or a restored main file, left past the watermarks in day files.
    fn mend(&mut self) -> Result<(), StoreError> {
        let removed = self.days.mend(&self.main)?;
        if removed > 0 {
            log::warn!(
                "{removed} frames past their watermark removed: the last transaction was not completed, or the main file is older \
                 than they are; their agents send them again"
            );
        }
        self.torn = false;
        Ok(())
    }
}

/// What the files of a directory hold; `None` where it cannot be listed.
fn size_kib(directory: &Path) -> Option<u64> {
    let mut bytes = 0_u64;
    for entry in std::fs::read_dir(directory).ok()? {
        // A file that is gone meanwhile (a journal) counts nothing.
        let length = entry.ok()?.metadata().map_or(0, |about| about.len());
        bytes = bytes.saturating_add(length);
    }
    Some(bytes.div_ceil(1024))
}

impl Store for SqliteStore {
    fn accept(
        &self,
        batches: &[&AuthenticatedBatch],
        now: WallTime,
    ) -> Result<Vec<Answer>, StoreError> {
        self.lock().transaction(|rows| {
            rows.days.begin(now)?;
            rows.main.execute(
                "UPDATE leases SET committed_ms = ?1 WHERE role = 'writer'",
                params![signed(now.as_millis())],
            )?;
            batches
                .iter()
                .map(|batch| apply::accept(rows, batch, now))
                .collect()
        })
    }

    fn alive(&self, heard: &[(BatchHeader, WallTime)]) -> Result<(), StoreError> {
        self.lock().transaction(|rows| {
            heard
                .iter()
                .try_for_each(|(header, now)| apply::alive(rows, header, *now))
        })
    }

    fn is_news(&self, header: &BatchHeader) -> Result<bool, StoreError> {
        let mut inner = self.lock();
        let Inner { main, days, .. } = &mut *inner;
        news::is_news(&mut SqlRows { main, days }, header)
    }

    fn transact(&self, work: Work<'_>) -> Result<(), StoreError> {
        let mut inner = self.lock();
        inner.transaction(|rows| work(rows))?;
        inner.settle()
    }

    fn view(&self, work: Work<'_>) -> Result<(), StoreError> {
        let mut inner = self.lock();
        inner.settle()?;
        let Inner { main, days, .. } = &mut *inner;
        main.execute_batch("BEGIN DEFERRED")?;
        let outcome = work(&mut SqlRows { main, days });
        main.execute_batch("ROLLBACK")?;
        outcome
    }

    fn add_agent(&self, agent: &NewAgent, now: WallTime) -> Result<(), StoreError> {
        let mut inner = self.lock();
        inner.transaction(|rows| rows.insert_agent(agent, now))?;
        inner.settle()
    }

    fn master_of(
        &self,
        agent: AgentId,
        epoch: u8,
        now: WallTime,
    ) -> Result<Option<u32>, StoreError> {
        let inner = self.lock();
        let mut statement = inner.main.prepare_cached(
            "SELECT k.master FROM agent_keys k JOIN agents a ON a.shard = k.shard AND a.agent = k.agent
             WHERE k.shard = ?1 AND k.agent = ?2 AND k.epoch = ?3 AND (k.ends_ms IS NULL OR k.ends_ms > ?4)
                AND a.retired_ms IS NULL",
        )?;
        let now_ms = signed(now.as_millis());
        Ok(statement
            .query_row(
                params![shard(agent), agent.0.cast_signed(), epoch, now_ms],
                |row| row.get(0),
            )
            .optional()?)
    }

    fn key_changes(&self) -> Result<u64, StoreError> {
        let inner = self.lock();
        let mut statement = inner
            .main
            .prepare_cached("SELECT number FROM key_changes WHERE one = 1")?;
        let number: i64 = statement.query_row([], |row| row.get(0))?;
        Ok(number.cast_unsigned())
    }

    fn agents(&self) -> Result<Vec<Agent>, StoreError> {
        read::agents(&self.lock().main)
    }

    fn alerts_before(
        &self,
        filter: &AlertFilter,
        before: Option<(WallTime, AlertId)>,
    ) -> Result<Vec<StoredAlert>, StoreError> {
        read::alerts(&self.lock().main, filter, before)
    }

    fn alert(&self, id: AlertId) -> Result<Option<StoredAlert>, StoreError> {
        read::alert(&self.lock().main, id)
    }

    fn readings(&self, agent: AgentId, range: &Range) -> Result<Vec<StoredReading>, StoreError> {
        let inner = self.lock();
        read::readings(&inner.main, &self.directory, agent, range)
    }

    fn latest(&self, agent: AgentId) -> Result<Option<StoredReading>, StoreError> {
        read::latest(&self.lock().main, agent)
    }

    fn frames(&self, agent: AgentId) -> Result<Vec<StoredFrame>, StoreError> {
        let inner = self.lock();
        read::frames(&inner.main, &self.directory, agent)
    }

    fn frame_heads(
        &self,
        agent: AgentId,
        after: Option<FrameKey>,
        limit: usize,
    ) -> Result<Vec<FrameHead>, StoreError> {
        read::frame_heads(&self.directory, agent, after, limit)
    }

    fn losses(&self, agent: AgentId) -> Result<Vec<LostRange>, StoreError> {
        read::losses(&self.lock().main, agent)
    }

    fn rules(&self, agent: AgentId) -> Result<Vec<AgentRule>, StoreError> {
        read::rules(&self.lock().main, agent)
    }

    fn totals(&self) -> Result<Totals, StoreError> {
        let mut totals = read::totals(&self.lock().main)?;
        totals.damaged_days = day::damaged(&self.directory)?;
        Ok(totals)
    }

    fn sweep(&self, now: WallTime, retention_days: u32) -> Result<usize, StoreError> {
        let mut inner = self.lock();
        inner.settle()?;
        if !inner.days.may_sweep(now)? {
            return Ok(0);
        }
        let day = now.as_millis() / DAY_MS;
        if inner.pruned != Some(day) {
            inner.transaction(|rows| rows.prune(now, retention_days))?;
            inner.settle()?;
            inner.pruned = Some(day);
        }
        inner.days.sweep(now, retention_days)
    }

    fn room(&self) -> super::Room {
        let kib = |blocks: u64, size: u64| blocks.saturating_mul(size) / 1024;
        let system = rustix::fs::statvfs(&self.directory).ok();
        let (free_kib, total_kib) = system
            .map(|system| {
                let size = system.f_frsize;
                (kib(system.f_bavail, size), kib(system.f_blocks, size))
            })
            .unzip();
        super::Room {
            free_kib,
            total_kib,
            store_kib: size_kib(&self.directory),
        }
    }

    fn ping(&self, now: WallTime) -> Result<(), StoreError> {
        let mut inner = self.lock();
        inner.transaction(|rows| {
            rows.main.execute(
                "UPDATE leases SET proved_ms = ?1 WHERE role = 'writer'",
                params![signed(now.as_millis())],
            )?;
            Ok(())
        })?;
        inner.settle()
    }

    fn idle(&self) -> Result<(), StoreError> {
        self.lock().settle()
    }

    fn leave(&self) -> Result<(), StoreError> {
        let inner = self.lock();
        inner
            .main
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(())
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let said = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(said),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(said),
            _ => Self::Io(said),
        }
    }
}
