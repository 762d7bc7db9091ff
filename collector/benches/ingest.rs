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

use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use hansho::frame::answer::Answer;
use hansho::frame::batch::{BatchHeader, BatchWriter, SectionHeader};
use hansho::frame::packed::Packer;
use hansho::frame::seal::{AgentKey, derive};
use hansho::frame::{AgentId, BootId, Kind, RunId, Stream, body};
use hansho::limit::{BATCH_BYTES, FRAME_BYTES, MAC_BYTES};
use hansho::sample::{Field, Reading};
use hansho_collector::clock;
use hansho_collector::ingest::join::JoinGate;
use hansho_collector::ingest::request::{Intake, Patience};
use hansho_collector::ingest::server::Server;
use hansho_collector::ingest::{Keys, Metrics, Refusal, SignsOfLife};
use hansho_collector::limit::QUEUE_BATCHES;
use hansho_collector::store::writer::Writer;
use hansho_collector::store::{NewAgent, SqliteStore, Store};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};
use tokio::sync::watch;

const MASTER: [u8; 32] = [7; 32];
const EPOCH: u8 = 1;
const AGENTS: u64 = 16;
/// Agents at once, frames a post, how long. Three frames are what an agent posts each 30 s by default; 200 what it
/// posts after an outage.
const ROUNDS: [(u64, u64, Duration); 3] = [
    (1, 3, Duration::from_secs(3)),
    (AGENTS, 3, Duration::from_secs(3)),
    (AGENTS, 200, Duration::from_secs(3)),
];
const SYNCS: u64 = 200;

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
    agent: AgentId,
    key: AgentKey,
    connection: TcpStream,
    uptime_ms: u64,
    next: u64,
    buffer: Vec<u8>,
}

impl Poster {
    fn connect(id: u64, address: SocketAddr) -> Self {
        let connection = TcpStream::connect(address).unwrap();
        connection.set_nodelay(true).unwrap();
        connection
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let agent = AgentId(id);
        Self {
            agent,
            key: derive(&MASTER, agent, EPOCH),
            connection,
            uptime_ms: 1_000_000,
            next: 0,
            buffer: vec![0; BATCH_BYTES],
        }
    }

    /// Posts until the time is over; how long each answer took.
    fn post_for(&mut self, length: Duration, frames: u64) -> Vec<Duration> {
        let begun = Instant::now();
        let mut times = Vec::new();
        while begun.elapsed() < length {
            let batch = self.batch(frames);
            let sent = Instant::now();
            let answer = self.exchange(&batch);
            times.push(sent.elapsed());
            let echo: [u8; MAC_BYTES] = batch[batch.len() - MAC_BYTES..].try_into().unwrap();
            let answer = Answer::open(&answer, &self.key, &echo).unwrap();
            assert_eq!(answer.stored[0].next, self.next, "all of it is stored");
        }
        times
    }

    /// Frames of stream 1 with one reading each, ten seconds apart, as the agent makes them.
    fn batch(&mut self, frames: u64) -> Vec<u8> {
        let now = clock::now();
        let header = BatchHeader {
            key_epoch: EPOCH,
            agent: self.agent,
            run: RunId(self.agent.0),
            boot: BootId(1),
            sent_uptime: Uptime::from_millis(self.uptime_ms + frames * 10_000),
            sent_wall: now,
        };
        let mut writer = BatchWriter::new(&mut self.buffer, BATCH_BYTES, &header).unwrap();
        let section = SectionHeader {
            run: header.run,
            stream: Stream::Readings,
            boot: header.boot,
            anchor: Anchor {
                uptime: Uptime::from_millis(self.uptime_ms),
                wall: now,
                quality: AnchorQuality::Confirmed,
            },
            first_sequence: self.next,
        };
        writer.section(&section).unwrap();
        for _ in 0..frames {
            self.uptime_ms += 10_000;
            self.next += 1;
            let mut frame = [0; FRAME_BYTES];
            writer.frame(reading(self.uptime_ms, &mut frame)).unwrap();
        }
        writer.seal(&self.key).unwrap().to_vec()
    }

    fn exchange(&mut self, batch: &[u8]) -> Vec<u8> {
        let head = format!(
            "POST /v1/frames HTTP/1.1\r\nhost: bench\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
            batch.len()
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(batch);
        self.connection.write_all(&request).unwrap();
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let count = self.connection.read(&mut piece).unwrap();
            assert!(count > 0, "the collector closed the connection");
            answer.extend_from_slice(&piece[..count]);
            let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let head = String::from_utf8(answer[..end].to_vec())
                .unwrap()
                .to_ascii_lowercase();
            assert!(head.starts_with("http/1.1 200"), "{head}");
            let length: usize = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .unwrap()
                .parse()
                .unwrap();
            if answer.len() >= end + 4 + length {
                return answer.split_off(end + 4);
            }
        }
    }
}

/// A Readings frame with one reading of all fields; values move with time.
fn reading(uptime_ms: u64, buffer: &mut [u8; FRAME_BYTES]) -> &[u8] {
    let uptime = Uptime::from_millis(uptime_ms);
    let mut reading = Reading::empty(uptime, WallTime::default(), 9);
    for (place, field) in (0_u32..).zip(Field::ALL) {
        let moved = u32::try_from(uptime_ms / 10_000 % 100).unwrap();
        reading.set(field, Some(place * 37 + moved));
    }
    let mut packer = Packer::<512>::new(10_000);
    packer.push(&reading).unwrap();
    body::encode(Kind::Readings, uptime, &packer.body().unwrap(), buffer).unwrap()
}

/// What one durable write of a page costs here, sorted: pages of a new file, then the same pages again, for which the file
/// system has nothing of its own to write.
fn fdatasync(folder: &Path) -> [Vec<Duration>; 2] {
    let file = File::create(folder.join("sync")).unwrap();
    let round = || {
        let mut times: Vec<Duration> = (0..SYNCS)
            .map(|page| {
                file.write_all_at(&[1; 4096], page * 4096).unwrap();
                let begun = Instant::now();
                file.sync_data().unwrap();
                begun.elapsed()
            })
            .collect();
        times.sort_unstable();
        times
    };
    [round(), round()]
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted
        .get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "a table for people")]
fn per(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}
