//! Starts and stops what watches the collector itself: progress, the dead man's signal, the daily mail, retention.

use super::store_failure;
use crate::alive::door::Door;
use crate::alive::inspect::Inspect;
use crate::alive::probe::Look;
use crate::alive::signal::Signal;
use crate::alive::systemd::Manager;
use crate::alive::upkeep::Upkeep;
use crate::clock;
use crate::config::Config;
use crate::directory::Current;
use crate::exit::{CONFIG, Failure, IO};
use crate::ingest::Metrics;
use crate::ingest::tls::Certificates;
use crate::limit::SIGNAL_MS;
use crate::notify::http::Client;
use crate::store::{SqliteStore, Store, Watched};
use crate::web::Site;
use crate::zone::Zone;
use core::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// A thread that ends when this is dropped, which waits for it.
pub(super) struct Thread {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    name: &'static str,
}

impl Thread {
    fn start(
        name: &'static str,
        work: impl FnOnce(&Receiver<()>) + Send + 'static,
    ) -> Result<Self, Failure> {
        let (stop, stopped) = sync_channel(0);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(&stopped))
            .map_err(|error| Failure::new(IO, format!("{name} cannot be started: {error}")))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
            name,
        })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the thread {} failed", self.name);
        }
    }
}

/// The daily mail and retention; `store` is the writer's own.
pub(super) fn upkeep(
    config: &Config,
    store: Arc<dyn Store>,
    current: &Arc<Current>,
    zone: &Zone,
    certificates: Option<&Arc<Certificates>>,
    metrics: &Arc<Metrics>,
) -> Result<Thread, Failure> {
    let reading = SqliteStore::open_reader(&config.directory)
        .map(|reading| Watched::new(reading, Arc::clone(metrics)));
    let upkeep = Upkeep {
        store,
        reading: Arc::new(reading.map_err(|error| store_failure(&error))?),
        current: Arc::clone(current),
        daily: config.watch.as_ref().and_then(|watch| watch.daily.clone()),
        keep: config.keep,
        certificates: certificates.map(Arc::clone),
        zone: zone.clone(),
        now: clock::now,
    };
    Thread::start("upkeep", move |stop| upkeep.run(stop))
}

/// What runs while the listeners do.
pub(super) struct Living {
    manager: Arc<Manager>,
    _look: Thread,
    _inspect: Thread,
    _signal: Option<Thread>,
}

impl Living {
    /// Starts it once the listeners are bound.
    pub(super) fn start(
        config: &Config,
        ingest: SocketAddr,
        certificates: Option<&Arc<Certificates>>,
        site: &Site,
    ) -> Result<Self, Failure> {
        let refused = |said: String| Failure::new(CONFIG, said);
        let manager = Arc::new(Manager::of_environment());
        let look = Look {
            metrics: Arc::clone(&site.metrics),
            queue: site.queue.clone(),
            door: Door::new(ingest, certificates).map_err(refused)?,
            manager: Arc::clone(&manager),
        };
        let watch = config.watch.as_ref();
        let signal = match watch.and_then(|watch| watch.url.clone().map(|url| (watch, url))) {
            None => None,
            Some((watch, url)) => {
                let client = Client::with_timeout(watch.ca_file.as_deref(), SIGNAL_MS)
                    .map_err(|said| refused(format!("[watch]: {said}")))?;
                let signal = Signal {
                    url,
                    interval_ms: watch.interval_ms,
                    client,
                    metrics: Arc::clone(&site.metrics),
                };
                Some(Thread::start("signal", move |stop| signal.run(stop))?)
            }
        };
        let inspect = Inspect {
            directory: config.directory.clone(),
            metrics: Arc::clone(&site.metrics),
        };
        Ok(Self {
            manager,
            _inspect: Thread::start("inspect", move |stop| inspect.run(stop))?,
            _look: Thread::start("alive", move |stop| look.run(stop))?,
            _signal: signal,
        })
    }

    /// Tells the service manager that agents and people are answered.
    pub(super) fn ready(&self) {
        self.manager.tell("READY=1");
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.manager.tell("STOPPING=1");
    }
}
