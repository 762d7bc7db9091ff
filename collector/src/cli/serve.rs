//! `serve`: wires ingest, store and pages, and stops them in order.

use super::line::{Command, flag};
use super::living::{self, Living};
use super::{mail, reload, store_failure, telling};
use crate::clock::{self, Moment};
use crate::config::Config;
use crate::directory::Current;
use crate::exit::{CONFIG, Failure, IO};
use crate::handling;
use crate::ingest::join::JoinGate;
use crate::ingest::request::{Intake, Patience};
use crate::ingest::server::Server;
use crate::ingest::tls::Certificates;
use crate::ingest::{Keys, Metrics, Refusal, SignsOfLife};
use crate::keys::Masters;
use crate::limit::{
    KEY_CACHE, KEY_CHANGES_MS, KEY_FRESH_MS, QUEUE_BATCHES, SETUP_MS, STANDBY_POLL_MS, STOP_MS,
};
use crate::people::{Gate, NotDone, Settings, TrustedProxy};
use crate::presence::watcher::Watcher;
use crate::store::sqlite::mark;
use crate::store::writer::Writer;
use crate::store::{SqliteStore, Store, StoreError, Watched};
use crate::web;
use crate::zone::Zone;
use core::net::SocketAddr;
use hansho::frame::kind::AgentId;
use hansho::frame::seal::AgentKey;
use std::collections::HashMap;
use std::io::Write as _;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Keys by the store's rows and the masters, remembered.
struct StoredKeys {
    store: Arc<dyn Store>,
    masters: Masters,
    known: Mutex<Known>,
}

/// Keys that were found.
#[derive(Default)]
struct Known {
    /// Each with when.
    keys: HashMap<(AgentId, u8), (Moment, AgentKey)>,
    /// They are of the store as it was at this number of changes.
    changes: u64,
    /// When the store was asked for that last.
    asked: Option<Moment>,
}

impl StoredKeys {
    fn remembered(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the keys where some changed since; the number of changes that they are of now.
    fn renew(&self) -> u64 {
        let span = std::time::Duration::from_millis(KEY_CHANGES_MS);
        {
            let mut known = self.remembered();
            if known.asked.is_some_and(|asked| asked.elapsed() < span) {
                return known.changes;
            }
            known.asked = Some(Moment::now());
        }
        // Not held while the store is asked: other agents' posts go on.
        match self.store.key_changes() {
            Ok(changes) => {
                let mut known = self.remembered();
                if known.changes != changes {
                    known.keys.clear();
                    known.changes = changes;
                }
                changes
            }
            Err(error) => {
                log::warn!("whether keys changed cannot be looked up: {error}");
                self.remembered().changes
            }
        }
    }
}

impl Keys for StoredKeys {
    fn key(&self, agent: AgentId, epoch: u8) -> Result<Option<AgentKey>, Refusal> {
        let place = (agent, epoch);
        let changes = self.renew();
        let fresh = std::time::Duration::from_millis(KEY_FRESH_MS);
        if let Some((found, key)) = self.remembered().keys.get(&place)
            && found.elapsed() < fresh
        {
            return Ok(Some(key.clone()));
        }
        let master = self
            .store
            .master_of(agent, epoch, clock::now())
            .map_err(|error| {
                log::error!("the key of agent {agent} cannot be looked up: {error}");
                Refusal::Store
            })?;
        let Some(master) = master else {
            self.remembered().keys.remove(&place);
            return Ok(None);
        };
        let Some(key) = self.masters.key(master, agent, epoch) else {
            log::error!("agent {agent} needs master {master}, which is not in the masters file");
            return Ok(None);
        };
        let mut known = self.remembered();
        if known.keys.len() >= KEY_CACHE {
            known.keys.clear();
        }
        // Looked up before a change that another post has noticed: perhaps of before it.
        if known.changes == changes {
            known.keys.insert(place, (Moment::now(), key.clone()));
        }
        Ok(Some(key))
    }

    fn of_new(&self, agent: AgentId, epoch: u8) -> Option<(u32, AgentKey)> {
        let master = self.masters.newest();
        let key = self.masters.key(master, agent, epoch)?;
        Some((master, key))
    }
}

pub(super) const COMMANDS: &[Command] = &[Command {
    words: "serve",
    options: &[flag("standby")],
    run: |line| serve(&line.configuration()?, line.flag("standby")),
}];

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// [`Failure`] where it cannot start.
pub fn serve(config: &Config, standby: bool) -> Result<(), Failure> {
    // The first to ask: the daily mail says since when it runs.
    clock::start();
    let masters = Masters::read_or_create(&config.masters)?;
    let certificates = certificates(config)?;
    // A mail that cannot be written by a site's own template is found out now, not at night.
    mail::check(config)?;
    let metrics = Arc::new(Metrics::default());
    let writing = watched(writer(config, standby)?, &metrics);
    let outcome = run(config, masters, certificates.as_ref(), &writing, &metrics);
    // Whatever else failed may have failed by it.
    match metrics.damage.said() {
        Some(said) => Err(damaged(config, &*writing, said)),
        None => outcome,
    }
}

/// A store whose damage is noted in the metrics.
fn watched(store: SqliteStore, metrics: &Arc<Metrics>) -> Arc<dyn Store> {
    Arc::new(Watched::new(store, Arc::clone(metrics)))
}

/// Runs on a store that is open, until it is to stop.
fn run(
    config: &Config,
    masters: Masters,
    certificates: Option<&Arc<Certificates>>,
    writing: &Arc<dyn Store>,
    metrics: &Arc<Metrics>,
) -> Result<(), Failure> {
    let reader = || {
        SqliteStore::open_reader(&config.directory)
            .map(|store| watched(store, metrics))
            .map_err(|error| store_failure(&error))
    };
    let (reading, looking_up) = (reader()?, reader()?);
    let (queue, jobs) = sync_channel(QUEUE_BATCHES);
    let signs = Arc::new(SignsOfLife::default());
    first_link_secret(&**writing)?;
    let writer = Writer {
        store: Arc::clone(writing),
        retention_days: config.retention_days,
        signs: Arc::clone(&signs),
        metrics: Arc::clone(metrics),
        now: clock::now,
    };
    let thread = start("writer", move || writer.run(&jobs))?;
    let intake = Arc::new(Intake {
        keys: Arc::new(StoredKeys {
            store: looking_up,
            masters: masters.clone(),
            known: Mutex::default(),
        }),
        queue: queue.clone(),
        metrics: Arc::clone(metrics),
        signs: Arc::clone(&signs),
        now: clock::now,
        patience: Patience::default(),
        joins: JoinGate::default(),
    });
    let runtime = runtime()?;
    let zone = config.pages.zone.clone().unwrap_or_else(Zone::of_host);
    let current = Arc::new(Current::new(config, zone.clone()));
    reload::warn(&current);
    let gate = Gate::new(Arc::clone(&reading), Arc::clone(writing), settings(config));
    let watcher = Watcher {
        store: Arc::clone(writing),
        reading: reader()?,
        signs: Arc::clone(&signs),
        metrics: Arc::clone(metrics),
        current: Arc::clone(&current),
        now: clock::now,
    };
    let (stop_watching, watching) = sync_channel(0);
    let watcher = start("presence", move || watcher.run(&watching))?;
    let telling = telling::start(config, Arc::clone(writing), &current, metrics)?;
    let upkeep = living::upkeep(
        config,
        Arc::clone(writing),
        &current,
        &zone,
        certificates,
        metrics,
    )?;
    let (newest_known, newest) = watch::channel(0);
    let site = web::Site {
        store: reading,
        writing: Arc::clone(writing),
        gate,
        queue,
        metrics: Arc::clone(metrics),
        signs,
        now: clock::now,
        zone,
        current: Arc::clone(&current),
        newest,
        masters: Arc::new(masters),
    };
    let outcome = runtime.block_on(listen(
        config,
        certificates,
        intake,
        site,
        newest_known,
        &current,
    ));
    drop(upkeep);
    drop(stop_watching);
    if watcher.join().is_err() {
        return Err(Failure::new(IO, "presence failed"));
    }
    telling.stop()?;
    // Every sender of the queue is gone with the runtime; the writer stores what waits and ends.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    if thread.join().is_err() {
        return Err(Failure::new(IO, "the writer failed"));
    }
    outcome
}

/// Starts a thread.
fn start(
    name: &'static str,
    work: impl FnOnce() + Send + 'static,
) -> Result<std::thread::JoinHandle<()>, Failure> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| Failure::new(IO, format!("{name} cannot be started: {error}")))
}

/// The store is marked, so that no standby and no service manager goes on with it.
fn damaged(config: &Config, store: &dyn Store, said: &str) -> Failure {
    if let Err(error) = store.leave() {
        log::error!("what is in the log of the damaged store is not kept: {error}");
    }
    let found = format!(
        "found damaged at {}: {said}",
        clock::utc(clock::now().as_millis())
    );
    if let Err(error) = mark::set(&config.directory, &found) {
        log::error!("the store cannot be marked as damaged: {error}");
    }
    store_failure(&StoreError::Corrupt(found))
}

/// Those of the ingest listener, where it speaks TLS.
fn certificates(config: &Config) -> Result<Option<Arc<Certificates>>, Failure> {
    let tls = config.ingest.tls.as_ref();
    let read = tls.map(|(certificate, key)| Certificates::read(certificate, key));
    let read = read.transpose();
    Ok(read
        .map_err(|said| Failure::new(CONFIG, said))?
        .map(Arc::new))
}

/// A thread a processor for connections, within reason.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(processors.clamp(2, 8))
        .enable_all()
        .build()
        .map_err(|error| Failure::new(IO, format!("the runtime cannot be started: {error}")))
}

/// How people come in, as collector.toml has it.
fn settings(config: &Config) -> Settings {
    let proxy = config.pages.trusted_proxy.as_ref();
    let proxy = proxy.map(|proxy| TrustedProxy {
        addresses: proxy.addresses.clone(),
        header: proxy.header.clone(),
    });
    Settings::new(config.pages.base_url.as_deref(), proxy)
}

/// While there is no account, says on stderr under which link the first one is made.
fn offer_setup(gate: &Gate, base: &str) -> Result<(), Failure> {
    let offered = gate.offer_setup(clock::now()).map_err(|why| match why {
        NotDone::Store(error) => store_failure(&error),
        other => Failure::new(IO, other.to_string()),
    })?;
    if let Some(key) = offered {
        let hours = SETUP_MS / (60 * 60 * 1000);
        // Not into the log's format, which others may collect: whoever reads this line makes the first account.
        let line = format!(
            "no account yet; make the first one within {hours} hours: {base}/setup?key={}\n",
            key.hex()
        );
        // Where stderr is gone, `account add` makes the first account too.
        std::io::stderr().write_all(line.as_bytes()).ok();
    }
    Ok(())
}

/// Opens the store for writing. A standby waits as long as another collector writes to it.
fn writer(config: &Config, standby: bool) -> Result<SqliteStore, Failure> {
    let mut told = false;
    loop {
        match SqliteStore::open_writer(&config.directory, clock::now()) {
            Err(StoreError::Taken(_)) if standby => {
                if !told {
                    told = true;
                    log::info!("another collector runs on this store; waiting to take its place");
                }
                std::thread::sleep(std::time::Duration::from_millis(STANDBY_POLL_MS));
            }
            Ok(store) => {
                if told {
                    log::warn!("the other collector is gone; this one takes its place");
                }
                return Ok(store);
            }
            Err(error) => return Err(store_failure(&error)),
        }
    }
}

/// Makes the secret that signs links, at the first start.
fn first_link_secret(store: &dyn Store) -> Result<(), Failure> {
    let random = crate::keys::random()?;
    store
        .transact(&mut |rows| handling::link::ensure(rows, random, clock::now()).map(drop))
        .map_err(|error| store_failure(&error))
}

async fn bind(what: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed =
        |error: std::io::Error| Failure::new(IO, format!("[{what}] listen {address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

async fn listen(
    config: &Config,
    certificates: Option<&Arc<Certificates>>,
    intake: Arc<Intake>,
    site: web::Site,
    newest_known: watch::Sender<u64>,
    current: &Current,
) -> Result<(), Failure> {
    let no_signal = |error: std::io::Error| Failure::new(IO, format!("signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signal)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(no_signal)?;
    let acceptor = certificates.map(Certificates::acceptor).transpose();
    let tls = acceptor.map_err(|said| Failure::new(CONFIG, said))?;
    let (ingest, ingest_address) = bind("ingest", config.ingest.listen).await?;
    let (pages, pages_address) = bind("pages", config.pages.listen).await?;
    let (stop, stopping) = watch::channel(false);
    let server = Server {
        listener: ingest,
        tls,
        max_connections: config.ingest.max_connections,
        max_per_address: config.ingest.max_per_address,
        stranger_ms: Server::STRANGER_MS,
        header_ms: config.ingest.idle_timeout_ms,
        intake,
        stop: stopping.clone(),
    };
    let base = config.pages.base_url.clone();
    let base = base.unwrap_or_else(|| format!("http://{pages_address}"));
    offer_setup(&site.gate, &base)?;
    let ingest = tokio::spawn(server.run());
    let site = Arc::new(site);
    let living = Living::start(config, ingest_address, certificates, &site)?;
    let metrics = Arc::clone(&site.metrics);
    let looking = web::live::watch(Arc::clone(&site), newest_known, stopping.clone());
    tokio::spawn(looking);
    let pages = tokio::spawn(web::serve(pages, site, stopping));
    super::print(&format!(
        "listening ingest={ingest_address} pages={pages_address}\n"
    ))?;
    living.ready();
    loop {
        tokio::select! {
            _ = terminate.recv() => {
                log::info!("SIGTERM: stopping");
                break;
            }
            _ = interrupt.recv() => {
                log::info!("SIGINT: stopping");
                break;
            }
            () = metrics.damage.found() => break,
            _ = hangup.recv() => reload::reload(&config.file, current, certificates.map(Arc::as_ref)),
        }
    }
    drop(living);
    // A receiver that is gone has stopped already.
    stop.send(true).ok();
    if ingest.await.is_err() {
        return Err(Failure::new(IO, "the ingest listener failed"));
    }
    let grace = std::time::Duration::from_millis(STOP_MS);
    match tokio::time::timeout(grace, pages).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Failure::new(IO, "the pages' listener failed")),
        Err(_) => {
            log::warn!("somebody is still fetching a page; not waited for");
            Ok(())
        }
    }
}
