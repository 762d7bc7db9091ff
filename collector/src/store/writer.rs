//! The one thread that writes: it takes what waits, stores it in one transaction, and answers.

use super::{Store, StoreError, agents};
use crate::clock::{DAY_MS, Moment};
use crate::ingest::join::{JoinAsk, Joined};
use crate::ingest::{Job, Metrics, Refusal, SignsOfLife};
use crate::limit::{GROUP_BATCHES, GROUP_BYTES, SWEEP_MS};
use hansho::clock::WallTime;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// What the writer needs.
pub struct Writer {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Days of raw frames kept.
    pub retention_days: u32,
    /// Agents heard whose batches could not be stored.
    pub signs: Arc<SignsOfLife>,
    /// Counted here: commits, and their time.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub now: fn() -> WallTime,
}

/// Without work the writer looks after itself this often.
const PAUSE: Duration = Duration::from_secs(1);

impl Writer {
    /// Works until every sender of `jobs` is gone and the queue is empty.
    pub fn run(&self, jobs: &Receiver<Job>) {
        let mut swept: Option<Moment> = None;
        loop {
            self.metrics.writer_rounds.fetch_add(1, Ordering::Relaxed);
            let mut group = Vec::new();
            match jobs.recv_timeout(PAUSE) {
                Ok(Job::Ping(reply)) => {
                    // Whoever asked may be gone.
                    reply.send(self.proved()).ok();
                    continue;
                }
                Ok(first) => group.push(first),
                Err(RecvTimeoutError::Timeout) => self.idle(),
                Err(RecvTimeoutError::Disconnected) => {
                    self.idle();
                    return;
                }
            }
            let mut bytes = 0_usize;
            while group.len() < GROUP_BATCHES && bytes < GROUP_BYTES {
                match jobs.try_recv() {
                    Ok(job) => {
                        if let Job::Batch(batch, _) = &job {
                            bytes = bytes.saturating_add(batch.length());
                        }
                        group.push(job);
                    }
                    Err(_) => break,
                }
            }
            self.store(group);
            self.note_signs();
            if swept.is_none_or(|at| at.elapsed() >= Duration::from_millis(SWEEP_MS)) {
                swept = Some(Moment::now());
                match self.sweep() {
                    Ok(0) => {}
                    Ok(days) => log::info!("{days} day files past their retention deleted"),
                    Err(error) => log::warn!("expired day files cannot be deleted: {error}"),
                }
            }
        }
    }

    /// Deletes day files as far as time is vouched for; none while it is not yet.
    fn sweep(&self) -> Result<usize, StoreError> {
        let kept_ms = u64::from(self.retention_days).saturating_mul(DAY_MS);
        let mut until = None;
        self.store.view(&mut |rows| {
            until = rows.upkeep()?.until((self.now)(), kept_ms);
            Ok(())
        })?;
        match until {
            Some(until) => self.store.sweep(until, self.retention_days),
            None => Ok(0),
        }
    }

    /// Proves that a write reaches the disk.
    fn proved(&self) -> bool {
        match self.store.ping((self.now)()) {
            Ok(()) => {
                self.metrics.stored.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(error) => {
                log::debug!("the store cannot write: {error}");
                false
            }
        }
    }

    fn idle(&self) {
        if let Err(error) = self.store.idle() {
            log::error!("the store cannot write: {error}");
        }
    }

    fn store(&self, group: Vec<Job>) {
        let mut batches = Vec::new();
        let mut replies = Vec::new();
        for job in group {
            match job {
                Job::Batch(batch, reply) => {
                    batches.push(batch);
                    replies.push(reply);
                }
                Job::Ping(reply) => {
                    reply.send(self.proved()).ok();
                }
                Job::Join(ask, reply) => drop(reply.send(self.join(&ask))),
            }
        }
        if batches.is_empty() {
            return;
        }
        let begun = Moment::now();
        let borrowed: Vec<_> = batches.iter().map(|batch| &**batch).collect();
        let outcome = self.store.accept(&borrowed, (self.now)());
        self.metrics.committed(begun.elapsed());
        match outcome {
            Ok(answers) => {
                self.metrics.stored.fetch_add(1, Ordering::Relaxed);
                for (answer, reply) in answers.into_iter().zip(replies) {
                    // The client may be gone; its frames are stored, it sends them again.
                    drop(reply.send(Ok(answer)));
                }
            }
            Err(error) if batches.len() > 1 && !whole_store(&error) => {
                // One of them may be to blame: alone, it harms no other.
                log::warn!("a group of {} batches failed: {error}", batches.len());
                for (batch, reply) in batches.iter().zip(replies) {
                    let outcome = self.store.accept(&[batch], (self.now)());
                    let outcome = outcome.map(|mut answers| answers.pop());
                    drop(reply.send(match outcome {
                        Ok(Some(answer)) => Ok(answer),
                        Ok(None) => Err(Refusal::Store),
                        Err(error) => self.refused(batch.header(), &error),
                    }));
                }
            }
            Err(error) => {
                for (batch, reply) in batches.iter().zip(replies) {
                    drop(reply.send(self.refused(batch.header(), &error)));
                }
            }
        }
    }

    fn join(&self, ask: &JoinAsk) -> Result<Joined, Refusal> {
        let mut joined = None;
        let outcome = self.store.transact(&mut |rows| {
            joined = Some(agents::join(rows, ask, (self.now)())?);
            Ok(())
        });
        match (outcome, joined) {
            (Ok(()), Some(joined)) => Ok(joined),
            (Ok(()), None) => Err(Refusal::Store),
            (Err(error), _) => {
                self.metrics.store_errors.fetch_add(1, Ordering::Relaxed);
                log::error!("a host cannot join: {error}");
                Err(Refusal::Store)
            }
        }
    }

    fn refused<T>(
        &self,
        header: &hansho::frame::batch::BatchHeader,
        error: &StoreError,
    ) -> Result<T, Refusal> {
        self.metrics.store_errors.fetch_add(1, Ordering::Relaxed);
        self.signs.heard(header, (self.now)());
        log::error!("a batch of agent {} is not stored: {error}", header.agent);
        Err(Refusal::Store)
    }

    fn note_signs(&self) {
        let heard = self.signs.pending();
        // Until the store can, the pages know of them from memory.
        if !heard.is_empty() && self.store.alive(&heard).is_ok() {
            self.signs.noted(&heard);
        }
    }
}

/// Whether an error is about the store as a whole, so that trying single batches is of no use.
fn whole_store(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Full(_)
            | StoreError::Busy
            | StoreError::Fenced
            | StoreError::Corrupt(_)
            | StoreError::DayCorrupt(_)
    )
}
