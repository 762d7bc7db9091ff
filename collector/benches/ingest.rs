//! Frames a second that the collector commits: its own server, writer and SQLite store, on loopback over plain HTTP, with
//! agents that each keep one connection and post again as soon as they are answered.
//!
//! `cargo bench -p hansho-collector --bench ingest`. The store lies under the target directory, on whatever disk that is;
//! what one fdatasync costs there stands beside, for every answer waits for at least one. Every answer is opened and must
//! acknowledge all that was sent, and at the end the store must count every frame once.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark may stop at whatever surprises it"
)]

mod shared;

use hansho::frame::AgentId;
use hansho::frame::seal::{AgentKey, derive};
use hansho_collector::clock;
use hansho_collector::ingest::join::JoinGate;
use hansho_collector::ingest::request::{Intake, Patience};
use hansho_collector::ingest::server::Server;
use hansho_collector::ingest::{Keys, Metrics, Refusal, SignsOfLife};
use hansho_collector::limit::QUEUE_BATCHES;
use hansho_collector::store::writer::Writer;
use hansho_collector::store::{NewAgent, SqliteStore, Store};
use shared::{EPOCH, MASTER, Sender, body_of, fdatasync, millis, per, percentile, request};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};
use tokio::sync::watch;

const AGENTS: u64 = 16;
/// Agents at once, frames a post, how long. Three frames are what an agent posts each 30 s by default; 200 what it
/// posts after an outage.
const ROUNDS: [(u64, u64, Duration); 3] = [
    (1, 3, Duration::from_secs(3)),
    (AGENTS, 3, Duration::from_secs(3)),
    (AGENTS, 200, Duration::from_secs(3)),
];

struct Derived;

impl Keys for Derived {
    fn key(&self, agent: AgentId, epoch: u8) -> Result<Option<AgentKey>, Refusal> {
        Ok(Some(derive(&MASTER, agent, epoch)))
    }

    /// Nobody joins here.
    fn of_new(&self, _agent: AgentId, _epoch: u8) -> Option<(u32, AgentKey)> {
        None
    }
}

fn main() {
    // `cargo bench` and `cargo test --benches` pass words of their own; there is nothing to choose here.
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("ingest-bench");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    let [appended, sync] = fdatasync(&folder);
    let site = Site::start(&folder);
    for (what, times) in [("appended", &appended), ("overwritten", &sync)] {
        println!(
            "fdatasync of 4 KiB {what}: p50 {:.2} ms, p99 {:.2} ms",
            millis(percentile(times, 50)),
            millis(percentile(times, 99))
        );
    }
    println!(
        "{:>6} {:>11} {:>9} {:>9} {:>10} {:>10} {:>9} {:>13}",
        "agents",
        "frames/post",
        "posts/s",
        "frames/s",
        "p50 ms",
        "p99 ms",
        "commits",
        "p50/fdatasync"
    );
    let mut posters: Vec<Poster> = (1..=AGENTS)
        .map(|id| Poster::connect(id, site.address))
        .collect();
    let mut frames_sent = 0;
    for (agents, frames, length) in ROUNDS {
        let commits_before = Metrics::get(&site.metrics.commits);
        let begun = Instant::now();
        let mut times: Vec<Duration> = std::thread::scope(|scope| {
            let running: Vec<_> = posters
                .iter_mut()
                .take(usize::try_from(agents).unwrap())
                .map(|poster| scope.spawn(move || poster.post_for(length, frames)))
                .collect();
            running
                .into_iter()
                .flat_map(|poster| poster.join().unwrap())
                .collect()
        });
        let elapsed = begun.elapsed().as_secs_f64();
        times.sort_unstable();
        let posts = times.len() as u64;
        frames_sent += posts * frames;
        println!(
            "{agents:>6} {frames:>11} {:>9.0} {:>9.0} {:>10.2} {:>10.2} {:>9} {:>13.1}",
            per(posts, elapsed),
            per(posts * frames, elapsed),
            millis(percentile(&times, 50)),
            millis(percentile(&times, 99)),
            Metrics::get(&site.metrics.commits) - commits_before,
            percentile(&times, 50).as_secs_f64() / percentile(&sync, 50).as_secs_f64(),
        );
    }
    drop(posters);
    let stored = site.store.totals().unwrap().all();
    assert_eq!(
        stored.frames_stored, frames_sent,
        "every frame is stored once"
    );
    println!("{frames_sent} frames sent, {} stored", stored.frames_stored);
    site.stop();
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The collector, wired as `serve` does it.
struct Site {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    store: Arc<dyn Store>,
    stop: watch::Sender<bool>,
    runtime: tokio::runtime::Runtime,
    writer: std::thread::JoinHandle<()>,
}

impl Site {
    fn start(folder: &Path) -> Self {
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open_writer(folder, clock::now()).unwrap());
        for id in 1..=AGENTS {
            let agent = NewAgent {
                id: AgentId(id),
                customer: "bench".to_owned(),
                system: "ingest".to_owned(),
                name: format!("agent-{id}"),
                key_epoch: EPOCH,
                master_id: 1,
            };
            store.add_agent(&agent, clock::now()).unwrap();
        }
        let (queue, jobs) = sync_channel(QUEUE_BATCHES);
        let metrics = Arc::new(Metrics::default());
        let signs = Arc::new(SignsOfLife::default());
        let writer = Writer {
            store: Arc::clone(&store),
            retention_days: 30,
            signs: Arc::clone(&signs),
            metrics: Arc::clone(&metrics),
            now: clock::now,
        };
        let writer = std::thread::spawn(move || writer.run(&jobs));
        let intake = Arc::new(Intake {
            keys: Arc::new(Derived),
            queue,
            metrics: Arc::clone(&metrics),
            signs,
            now: clock::now,
            patience: Patience::default(),
            joins: JoinGate::default(),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let server = Server {
            listener,
            tls: None,
            max_connections: 64,
            max_per_address: 64,
            stranger_ms: Server::STRANGER_MS,
            header_ms: Server::HEADER_MS,
            intake,
            stop: stopping,
        };
        runtime.spawn(server.run());
        Self {
            address,
            metrics,
            store,
            stop,
            runtime,
            writer,
        }
    }

    fn stop(self) {
        self.stop.send(true).unwrap();
        self.runtime.shutdown_timeout(Duration::from_secs(5));
        self.writer.join().unwrap();
    }
}

/// One agent with its connection.
struct Poster {
    sender: Sender,
    connection: TcpStream,
}

impl Poster {
    fn connect(id: u64, address: SocketAddr) -> Self {
        let connection = TcpStream::connect(address).unwrap();
        connection.set_nodelay(true).unwrap();
        connection
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        Self {
            sender: Sender::new(id),
            connection,
        }
    }

    /// Posts until the time is over; how long each answer took.
    fn post_for(&mut self, length: Duration, frames: u64) -> Vec<Duration> {
        let begun = Instant::now();
        let mut times = Vec::new();
        while begun.elapsed() < length {
            let batch = self.sender.batch(frames);
            let sent = Instant::now();
            let answer = self.exchange(&batch);
            times.push(sent.elapsed());
            self.sender.open(&batch, &answer);
        }
        times
    }

    fn exchange(&mut self, batch: &[u8]) -> Vec<u8> {
        self.connection.write_all(&request(batch)).unwrap();
        let mut response = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let count = self.connection.read(&mut piece).unwrap();
            assert!(count > 0, "the collector closed the connection");
            response.extend_from_slice(&piece[..count]);
            if let Some(body) = body_of(&response) {
                return body.to_vec();
            }
        }
    }
}
