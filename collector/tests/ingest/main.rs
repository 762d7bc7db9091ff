//! The ingest listener over real sockets, with clients that mean harm or are merely broken. [`batches`] what is taken and what is no
//! batch; [`clients`] who dawdles, goes away or comes too often; [`joining`] hosts that join with a token.
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::string_slice,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod batches;
mod clients;
mod joining;
#[path = "../support/mod.rs"]
mod support;

use hansho::frame::answer::Answer;
use hansho::frame::kind::{AgentId, Stream};
use hansho::frame::seal::AgentKey;
use hansho_collector::alive::door::Door;
use hansho_collector::clock;
use hansho_collector::ingest::join::{JoinGate, token_hash, token_text};
use hansho_collector::ingest::request::{Intake, Patience};
use hansho_collector::ingest::server::Server;
use hansho_collector::ingest::{Job, Keys, Metrics, Refusal, SignsOfLife, tls};
use hansho_collector::store::rows::AllRows;
use hansho_collector::store::writer::Writer;
use hansho_collector::store::{JoinToken, MemoryStore, Store};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;
use support::{NOW, at, bytes, hello, key, new_agent, part};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Knows agent 1 only.
struct OneKey;

impl Keys for OneKey {
    fn key(&self, agent: AgentId, epoch: u8) -> Result<Option<AgentKey>, Refusal> {
        Ok((agent == AgentId(1) && epoch == 1).then(|| key(1)))
    }

    fn of_new(&self, agent: AgentId, _epoch: u8) -> Option<(u32, AgentKey)> {
        Some((1, key(agent.0)))
    }
}

struct Collector {
    address: SocketAddr,
    store: Arc<MemoryStore>,
    metrics: Arc<Metrics>,
    signs: Arc<SignsOfLife>,
    /// Taken where the test is the writer itself.
    jobs: Option<Receiver<Job>>,
    stop: watch::Sender<bool>,
    _runtime: Runtime,
}

struct Setting {
    header_ms: u64,
    stranger_ms: u64,
    max_connections: usize,
    max_per_address: usize,
    queue: usize,
    writer: bool,
    patience: Patience,
    tls: Option<tokio_rustls::TlsAcceptor>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            header_ms: 60_000,
            stranger_ms: 60_000,
            max_connections: 100,
            max_per_address: 100,
            queue: 10,
            writer: true,
            patience: Patience::default(),
            tls: None,
        }
    }
}

fn start(setting: Setting) -> Collector {
    let store = Arc::new(MemoryStore::default());
    store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
    let metrics = Arc::new(Metrics::default());
    let signs = Arc::new(SignsOfLife::default());
    let (queue, jobs) = sync_channel(setting.queue);
    let intake = Intake {
        keys: Arc::new(OneKey),
        queue,
        metrics: Arc::clone(&metrics),
        signs: Arc::clone(&signs),
        now: clock::now,
        patience: setting.patience,
        joins: JoinGate::default(),
    };
    let mut jobs = Some(jobs);
    if setting.writer {
        let writer = Writer {
            store: Arc::clone(&store) as Arc<dyn Store>,
            retention_days: 30,
            signs: Arc::clone(&signs),
            metrics: Arc::clone(&metrics),
            now: clock::now,
        };
        let jobs = jobs.take().unwrap();
        std::thread::spawn(move || writer.run(&jobs));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopping) = watch::channel(false);
    runtime.spawn(
        Server {
            listener,
            tls: setting.tls,
            max_connections: setting.max_connections,
            max_per_address: setting.max_per_address,
            stranger_ms: setting.stranger_ms,
            header_ms: setting.header_ms,
            intake: Arc::new(intake),
            stop: stopping,
        }
        .run(),
    );
    Collector {
        address,
        store,
        metrics,
        signs,
        jobs,
        stop,
        _runtime: runtime,
    }
}

impl Collector {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream
    }

    fn post(&self, body: &[u8]) -> (u16, String, Vec<u8>) {
        let mut stream = self.connect();
        post(&mut stream, body)
    }

    fn stored(&self) -> usize {
        self.store.frames(AgentId(1)).unwrap().len()
    }
}

fn head(length: usize) -> String {
    format!(
        "POST /v1/frames HTTP/1.1\r\nHost: c\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n"
    )
}

fn post(stream: &mut TcpStream, body: &[u8]) -> (u16, String, Vec<u8>) {
    stream.write_all(head(body.len()).as_bytes()).unwrap();
    // The collector may have refused already.
    let _ = stream.write_all(body);
    response(stream)
}

/// Status, header and body of a response.
fn response(stream: &mut impl std::io::Read) -> (u16, String, Vec<u8>) {
    let mut header = Vec::new();
    let mut byte = [0];
    while !header.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap() == 0 {
            return (0, String::from_utf8(header).unwrap(), Vec::new());
        }
        header.push(byte[0]);
    }
    let header = String::from_utf8(header).unwrap().to_lowercase();
    let status = header[9..12].parse().unwrap();
    let length = header
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (status, header, body)
}

fn hello_batch(sent_ms: u64) -> Vec<u8> {
    bytes(
        1,
        5,
        1,
        sent_ms,
        &[part(5, Stream::Alerts, 0, &[hello(1, "h")])],
    )
}

fn echo(batch: &[u8]) -> [u8; 16] {
    *batch.last_chunk().unwrap()
}

fn counted(counter: &AtomicU64) -> u64 {
    Metrics::get(counter)
}

fn join(collector: &Collector, token: &str, name: &str) -> (u16, serde_json::Value) {
    let body = serde_json::json!({ "token": token, "name": name }).to_string();
    let head = format!(
        "POST /v1/join HTTP/1.1\r\nHost: c\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = collector.connect();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let (status, _, body) = response(&mut stream);
    (status, serde_json::from_slice(&body).unwrap_or_default())
}
