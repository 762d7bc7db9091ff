//! Starts and stops the thread that tells people.

use super::store_failure;
use crate::clock;
use crate::config::Config;
use crate::directory::Current;
use crate::exit::{Failure, IO};
use crate::ingest::Metrics;
use crate::notify::Notifier;
use crate::notify::notifier::{Heard, ears};
use crate::store::{SqliteStore, Store, Watched};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

/// The running thread.
pub(super) struct Telling {
    thread: JoinHandle<()>,
    tell: Sender<Heard>,
}

/// Starts it; without `[mail]` says once that nobody is mailed. `store` is the writer's own.
pub(super) fn start(
    config: &Config,
    store: Arc<dyn Store>,
    current: &Arc<Current>,
    metrics: &Arc<Metrics>,
) -> Result<Telling, Failure> {
    if config.mail.is_none() {
        log::warn!("there is no [mail]: alerts stay on the pages, nobody is mailed");
    }
    let reading = SqliteStore::open_reader(&config.directory)
        .map(|reading| Watched::new(reading, Arc::clone(metrics)));
    let notifier = Notifier {
        store,
        reading: Arc::new(reading.map_err(|error| store_failure(&error))?),
        current: Arc::clone(current),
        metrics: Arc::clone(metrics),
        base_url: config.pages.base_url.clone(),
        now: clock::now,
    };
    let (tell, heard) = ears();
    let own = tell.clone();
    let thread = std::thread::Builder::new()
        .name("notifier".to_owned())
        .spawn(move || notifier.run(&heard, &own))
        .map_err(|error| Failure::new(IO, format!("the notifier cannot be started: {error}")))?;
    Ok(Telling { thread, tell })
}

impl Telling {
    /// Stops it: it notes what became of the messages in hand; the rest waits in the store.
    pub(super) fn stop(self) -> Result<(), Failure> {
        // A thread that is gone hears nothing; joining says why.
        self.tell.send(Heard::Stop).ok();
        self.thread
            .join()
            .map_err(|_| Failure::new(IO, "the notifier failed"))
    }
}
