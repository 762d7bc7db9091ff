//! Frames a second that the collector commits on loopback: agents on kept connections, six frames a batch, SQLite on the
//! disk of the temporary folder (`TMPDIR` chooses another). A first figure; `cargo bench -p hansho-collector`.
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::string_slice,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a measurement: what goes wrong ends it, as it should"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use hansho::frame::kind::{AgentId, Stream};
use hansho::frame::seal::AgentKey;
use hansho_collector::clock;
use hansho_collector::ingest::join::JoinGate;
use hansho_collector::ingest::request::{Intake, Patience};
use hansho_collector::ingest::server::Server;
use hansho_collector::ingest::{Keys, Metrics, Refusal, SignsOfLife};
use hansho_collector::store::writer::Writer;
use hansho_collector::store::{SqliteStore, Store};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};
use support::{Folder, at, bytes, key, new_agent, part, readings};

const AGENTS: u64 = 64;
const FRAMES: u64 = 6;
const SPAN: Duration = Duration::from_secs(10);

struct Derived;

impl Keys for Derived {
    fn key(&self, agent: AgentId, _epoch: u8) -> Result<Option<AgentKey>, Refusal> {
        Ok(Some(key(agent.0)))
    }

    /// Nobody joins here.
    fn of_new(&self, _agent: AgentId, _epoch: u8) -> Option<(u32, AgentKey)> {
        None
    }
}

fn fdatasync_p50(folder: &Folder) -> Duration {
    let mut file = std::fs::File::create(folder.path().join("probe")).unwrap();
    let mut took: Vec<Duration> = (0..200)
        .map(|_| {
            file.write_all(&[7; 4096]).unwrap();
            let begun = Instant::now();
            file.sync_data().unwrap();
            begun.elapsed()
        })
        .collect();
    took.sort();
    took[took.len() / 2]
}

/// Posts until the span is over; how long each answer took.
fn agent(id: u64, address: SocketAddr) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let frames: Vec<Vec<u8>> = (0..FRAMES)
        .map(|n| readings(n * 10_000, &[7, 8, 9]))
        .collect();
    let begun = Instant::now();
    let mut took = Vec::new();
    for sent in 0.. {
        if begun.elapsed() > SPAN {
            break;
        }
        let section = part(5, Stream::Readings, sent * FRAMES, &frames);
        let batch = bytes(id, 5, 1, 1000 + sent, &[section]);
        let head = format!(
            "POST /v1/frames HTTP/1.1\r\nHost: c\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            batch.len()
        );
        let asked = Instant::now();
        stream
            .write_all(&[head.as_bytes(), &batch].concat())
            .unwrap();
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
        took.push(asked.elapsed());
    }
    took
}

fn main() {
    // `cargo test --all-targets` runs this too, without the argument: then there is nothing to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = Folder::new("bench");
    let p50 = fdatasync_p50(&folder);
    let store = Arc::new(SqliteStore::open_writer(folder.path(), at(0)).unwrap());
    for id in 1..=AGENTS {
        store
            .add_agent(&new_agent(id, &format!("web{id}")), at(0))
            .unwrap();
    }
    let metrics = Arc::new(Metrics::default());
    let (queue, jobs) = sync_channel(1024);
    let writer = Writer {
        store: Arc::clone(&store) as Arc<dyn Store>,
        retention_days: 30,
        signs: Arc::new(SignsOfLife::default()),
        metrics: Arc::clone(&metrics),
        now: clock::now,
    };
    std::thread::spawn(move || writer.run(&jobs));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    let (_stop, stopping) = tokio::sync::watch::channel(false);
    let intake = Intake {
        keys: Arc::new(Derived),
        queue,
        metrics: Arc::clone(&metrics),
        signs: Arc::new(SignsOfLife::default()),
        now: clock::now,
        patience: Patience::default(),
        joins: JoinGate::default(),
    };
    runtime.spawn(
        Server {
            listener,
            tls: None,
            max_connections: 1000,
            max_per_address: 1000,
            stranger_ms: Server::STRANGER_MS,
            header_ms: Server::HEADER_MS,
            intake: Arc::new(intake),
            stop: stopping,
        }
        .run(),
    );
    let begun = Instant::now();
    let agents: Vec<_> = (1..=AGENTS)
        .map(|id| std::thread::spawn(move || agent(id, address)))
        .collect();
    let mut took: Vec<Duration> = agents
        .into_iter()
        .flat_map(|agent| agent.join().unwrap())
        .collect();
    let elapsed = begun.elapsed();
    took.sort();
    let stored = store.totals().unwrap().all().frames_stored;
    assert_eq!(stored, took.len() as u64 * FRAMES);
    let commits = Metrics::get(&metrics.commits);
    println!(
        "{} frames/s ({stored} frames in {elapsed:.1?}, {AGENTS} agents, {FRAMES} frames a batch, {commits} commits), \
         answer p50 {:.1?} p99 {:.1?}, fdatasync p50 {p50:.1?}",
        u128::from(stored) * 1000 / elapsed.as_millis(),
        took[took.len() / 2],
        took[took.len() * 99 / 100],
    );
}
