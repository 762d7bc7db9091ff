//! The thread that has the store looked through once a day: damage that nobody happens to read is found before the backups of it
//! are all there is.

use crate::clock::Moment;
use crate::ingest::Metrics;
use crate::limit::{INSPECT_EVERY_MS, INSPECT_FIRST_MS, INSPECT_LONGEST_MS, INSPECT_POLL_MS};
use crate::store::StoreError;
use crate::store::sqlite::quick::{Looked, quick_check};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// What the thread needs.
pub struct Inspect {
    /// Directory of the store.
    pub directory: PathBuf,
    /// Damage is noted here.
    pub metrics: Arc<Metrics>,
}

impl Inspect {
    /// Works until the sender of `stop` is gone.
    pub fn run(&self, stop: &Receiver<()>) {
        let mut pause = Duration::from_millis(INSPECT_FIRST_MS);
        while stop.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            self.look(stop);
            pause = Duration::from_millis(INSPECT_EVERY_MS);
        }
    }

    /// Looks once.
    pub fn look(&self, stop: &Receiver<()>) {
        let begun = Moment::now();
        let longest = Duration::from_millis(INSPECT_LONGEST_MS);
        let mut stopped = false;
        let poll = Duration::from_millis(INSPECT_POLL_MS);
        let looked = quick_check(&self.directory, &mut || {
            stopped = stopped || stop.recv_timeout(poll) != Err(RecvTimeoutError::Timeout);
            !stopped && begun.elapsed() < longest
        });
        let took_ms = begun.elapsed().as_millis();
        match looked {
            Ok(Looked::Whole) => log::info!("the store was looked through in {took_ms} ms: whole"),
            Ok(Looked::Stopped) if stopped => {}
            Ok(Looked::Stopped) => log::warn!(
                "the store could not be looked through in {took_ms} ms; `check` has no such bound"
            ),
            Err(StoreError::Corrupt(said)) => self.metrics.damage.note(&said),
            Err(error) => log::warn!("the store cannot be looked through: {error}"),
        }
    }
}
