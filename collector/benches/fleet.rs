//! A fleet against the real program: `hansho-collector serve` as its own process, over TLS, on a real disk; each agent keeps its
//! connection, as agents do.
//!
//! `cargo bench -p hansho-collector --bench fleet -- throughput [--agents 1000] [--frames 6] [--seconds 60]`: every agent posts
//! again as soon as it is answered. `... -- load [--agents 10000] [--frames 2] [--every-s 20] [--seconds 300]`: each posts in its interval, and
//! meanwhile somebody opens the page of the whole fleet every ten seconds. In the end the collector is killed, and what its store then holds is compared with what was acknowledged.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark may stop at whatever surprises it"
)]

mod shared;

use hansho::frame::AgentId;
use hansho_collector::clock;
use hansho_collector::store::sqlite::MAIN_FILE;
use hansho_collector::store::{SqliteStore, Store, shard};
use rustls::pki_types::{CertificateDer, ServerName};
use shared::{EPOCH, MASTER, Sender, body_of, fdatasync, millis, per, percentile, request};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream as Plain;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Handshakes at once while the fleet connects.
const CONNECTING: usize = 64;

/// Who looks at the pages, as a single sign-on proxy would say.
const LOOKER: &str = "bench";

/// What is asked.
#[derive(Clone, Copy, Debug)]
struct Plan {
    agents: u64,
    frames: u64,
    length: Duration,
    /// `None`: again as soon as it is answered.
    every: Option<Duration>,
}

fn plan() -> Plan {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let number = |name: &str, default: u64| -> u64 {
        let at = words.iter().position(|word| word == name);
        at.map_or(default, |at| words[at + 1].parse().unwrap())
    };
    match words.first().map(String::as_str) {
        Some("load") => Plan {
            agents: number("--agents", 10_000),
            frames: number("--frames", 2),
            length: Duration::from_secs(number("--seconds", 300)),
            every: Some(Duration::from_secs(number("--every-s", 20))),
        },
        // Without a word a short round, so that `cargo bench` as a whole ends.
        first => Plan {
            agents: number("--agents", if first.is_some() { 1000 } else { 50 }),
            frames: number("--frames", 6),
            length: Duration::from_secs(number("--seconds", if first.is_some() { 60 } else { 3 })),
            every: None,
        },
    }
}

fn main() {
    let plan = plan();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fleet-bench");
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    println!("{plan:?}");
    let [sync, _] = fdatasync(&folder);
    println!(
        "fdatasync of 4 KiB appended: p50 {:.2} ms, p99 {:.2} ms",
        millis(percentile(&sync, 50)),
        millis(percentile(&sync, 99))
    );
    let certificate = certificate(&folder);
    populate(&folder, plan.agents);
    add_looker(&folder);
    let mut collector = Collector::start(&folder);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let outcome = runtime.block_on(drive(plan, &collector, certificate));
    let usage = collector.usage();
    collector.kill();
    report(plan, &outcome, &usage);
    let lost = compare(&folder, &outcome);
    drop(runtime);
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(lost, 0, "something acknowledged is not stored");
}

/// What the fleet saw.
struct Outcome {
    times: Vec<Duration>,
    late: u64,
    elapsed: Duration,
    used: Duration,
    connected: Duration,
    /// By agent: all frames below are acknowledged.
    acknowledged: Vec<(AgentId, u64)>,
    /// How long the page of the fleet took, and its bytes.
    looks: Vec<(Duration, usize)>,
}

async fn drive(plan: Plan, collector: &Collector, certificate: CertificateDer<'static>) -> Outcome {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(tls));
    let begun = Instant::now();
    let gate = Arc::new(tokio::sync::Semaphore::new(CONNECTING));
    let mut connecting = Vec::new();
    for id in 1..=plan.agents {
        let (gate, connector) = (Arc::clone(&gate), connector.clone());
        let address = collector.ingest.clone();
        connecting.push(tokio::spawn(async move {
            let _turn = gate.acquire().await.unwrap();
            let mut poster = Poster::connect(id, &address, &connector).await;
            // The first post names the run; after it the connection is an agent's, and may be idle.
            poster.post(1).await;
            poster
        }));
    }
    let mut posters = Vec::new();
    for poster in connecting {
        posters.push(poster.await.unwrap());
    }
    let connected = begun.elapsed();
    let used_before = collector.cpu();
    let stop = Arc::new(AtomicBool::new(false));
    let begun = Instant::now();
    let mut running = Vec::new();
    for (index, poster) in posters.into_iter().enumerate() {
        let stop = Arc::clone(&stop);
        running.push(tokio::spawn(poster.run(plan, index as u64, stop)));
    }
    let looker = {
        let (pages, stop) = (collector.pages.clone(), Arc::clone(&stop));
        std::thread::spawn(move || look(&pages, &stop))
    };
    tokio::time::sleep(plan.length).await;
    stop.store(true, Ordering::Relaxed);
    let elapsed = begun.elapsed();
    let used = collector.cpu().saturating_sub(used_before);
    let mut outcome = Outcome {
        times: Vec::new(),
        late: 0,
        elapsed,
        used,
        connected,
        acknowledged: Vec::new(),
        looks: looker.join().unwrap(),
    };
    for poster in running {
        let (poster, times, late) = poster.await.unwrap();
        outcome.times.extend(times);
        outcome.late += late;
        outcome
            .acknowledged
            .push((poster.sender.agent, poster.sender.next));
    }
    outcome.times.sort_unstable();
    outcome.looks.sort_unstable();
    outcome
}

/// Opens the page of the fleet each ten seconds, once at least.
fn look(pages: &str, stop: &AtomicBool) -> Vec<(Duration, usize)> {
    let mut looks = Vec::new();
    while !stop.load(Ordering::Relaxed) || looks.is_empty() {
        let begun = Instant::now();
        let mut connection = Plain::connect(pages).unwrap();
        let asked = format!(
            "GET / HTTP/1.1\r\nHost: localhost\r\nX-Remote-User: {LOOKER}\r\nConnection: close\r\n\r\n"
        );
        connection.write_all(asked.as_bytes()).unwrap();
        let mut page = Vec::new();
        connection.read_to_end(&mut page).unwrap();
        looks.push((begun.elapsed(), page.len()));
        assert!(
            page.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&page)
        );
        std::thread::sleep(Duration::from_secs(10));
    }
    looks
}

fn report(plan: Plan, outcome: &Outcome, usage: &str) {
    let posts = outcome.times.len() as u64;
    let frames = posts * plan.frames;
    let seconds = outcome.elapsed.as_secs_f64();
    println!(
        "{} agents connected over TLS in {:.1} s",
        plan.agents,
        outcome.connected.as_secs_f64()
    );
    println!(
        "{frames} frames in {posts} posts in {seconds:.1} s: {:.0} frames/s, {:.0} posts/s; answers p50 {:.1} ms, p99 {:.1} ms, \
         longest {:.1} ms; {} posts late by more than a second",
        per(frames, seconds),
        per(posts, seconds),
        millis(percentile(&outcome.times, 50)),
        millis(percentile(&outcome.times, 99)),
        millis(percentile(&outcome.times, 100)),
        outcome.late
    );
    let times: Vec<Duration> = outcome.looks.iter().map(|(took, _)| *took).collect();
    println!(
        "page of the fleet, {} times: p50 {:.0} ms, longest {:.0} ms, at most {} bytes",
        times.len(),
        millis(percentile(&times, 50)),
        millis(percentile(&times, 100)),
        outcome
            .looks
            .iter()
            .map(|(_, bytes)| *bytes)
            .max()
            .unwrap_or(0)
    );
    println!(
        "collector: {:.1} us of CPU a frame, {:.0} % of one processor; {usage}",
        outcome.used.as_secs_f64() * 1e6 / per(frames, 1.0),
        outcome.used.as_secs_f64() * 100.0 / seconds
    );
}

/// Opens the killed collector's store and compares.
fn compare(folder: &Path, outcome: &Outcome) -> u64 {
    let begun = Instant::now();
    let store = SqliteStore::open_writer(&folder.join("data"), clock::now()).unwrap();
    println!(
        "opened again after the kill in {:.0} ms",
        millis(begun.elapsed())
    );
    let acknowledged: u64 = outcome.acknowledged.iter().map(|(_, next)| next).sum();
    let totals = store.totals().unwrap().all();
    let mut lost = 0;
    let step = (outcome.acknowledged.len() / 50).max(1);
    for (agent, next) in outcome.acknowledged.iter().step_by(step) {
        let kept = store.frames(*agent).unwrap().len() as u64;
        if kept != *next {
            println!("agent {agent}: {next} frames acknowledged, {kept} kept");
            lost += next.abs_diff(kept);
        }
    }
    println!(
        "{acknowledged} frames acknowledged, {} stored, {} duplicates, {} lost; raw frames of every {step}th agent counted",
        totals.frames_stored, totals.duplicates, totals.lost
    );
    lost + acknowledged.saturating_sub(totals.frames_stored) + totals.lost
}

/// The collector's process.
struct Collector {
    child: Child,
    ingest: String,
    pages: String,
}

impl Collector {
    fn start(folder: &Path) -> Self {
        let stderr = File::create(folder.join("serve.log")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_hansho-collector"))
            .arg("serve")
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let rest = line
            .strip_prefix("listening ingest=")
            .unwrap_or_else(|| panic!("{}", fs::read_to_string(folder.join("serve.log")).unwrap()));
        let (ingest, pages) = rest.trim_end().split_once(" pages=").unwrap();
        Self {
            child,
            ingest: ingest.to_owned(),
            pages: pages.to_owned(),
        }
    }

    /// User and system time so far (proc_pid_stat(5), fields 14 and 15).
    fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let rest = stat.rsplit(") ").next().unwrap();
        let ticks: u64 = rest
            .split(' ')
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>().unwrap())
            .sum();
        // A tick is a hundredth of a second on every architecture that we run on (USER_HZ).
        Duration::from_millis(ticks * 10)
    }

    fn usage(&self) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let lines: Vec<String> = status
            .lines()
            .filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"))
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        lines.join(", ")
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // Killed already where all went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// One agent with its connection.
struct Poster {
    sender: Sender,
    connection: TlsStream<TcpStream>,
}

impl Poster {
    async fn connect(id: u64, address: &str, connector: &TlsConnector) -> Self {
        let tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        Self {
            sender: Sender::new(id),
            connection: connector.connect(name, tcp).await.unwrap(),
        }
    }

    async fn run(
        mut self,
        plan: Plan,
        index: u64,
        stop: Arc<AtomicBool>,
    ) -> (Self, Vec<Duration>, u64) {
        let mut times = Vec::new();
        let mut late = 0;
        // Spread over the interval, as jitter spreads agents.
        let mut due = tokio::time::Instant::now();
        if let Some(every) = plan.every {
            due += every.mul_f64(per(index, per(plan.agents, 1.0)));
        }
        while !stop.load(Ordering::Relaxed) {
            if let Some(every) = plan.every {
                tokio::time::sleep_until(due).await;
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                late += u64::from(due.elapsed() > Duration::from_secs(1));
                due += every;
            }
            times.push(self.post(plan.frames).await);
        }
        (self, times, late)
    }

    /// Posts, and opens the answer, which must acknowledge all of it.
    async fn post(&mut self, frames: u64) -> Duration {
        let batch = self.sender.batch(frames);
        let begun = Instant::now();
        let answer = self.exchange(&batch).await;
        let took = begun.elapsed();
        self.sender.open(&batch, &answer);
        took
    }

    async fn exchange(&mut self, batch: &[u8]) -> Vec<u8> {
        self.connection.write_all(&request(batch)).await.unwrap();
        self.connection.flush().await.unwrap();
        let mut response = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let count = self.connection.read(&mut piece).await.unwrap();
            assert!(count > 0, "the collector closed the connection");
            response.extend_from_slice(&piece[..count]);
            if let Some(body) = body_of(&response) {
                return body.to_vec();
            }
        }
    }
}

/// A certificate for localhost, its key, and the configuration.
fn certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(folder.join("certificate.pem"), made.cert.pem()).unwrap();
    write_secret(&folder.join("key.pem"), &made.signing_key.serialize_pem());
    let hex: String = MASTER.iter().map(|byte| format!("{byte:02x}")).collect();
    write_secret(&folder.join("masters.keys"), &format!("1 {hex}\n"));
    fs::write(
        folder.join("collector.toml"),
        "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"\n\
         max_connections = 20000\nmax_connections_per_address = 20000\n[pages]\nlisten = \"127.0.0.1:0\"\n\
         trusted_proxy = { address = \"127.0.0.1\", header = \"X-Remote-User\" }\n[store]\ndirectory = \"data\"\n",
    )
    .unwrap();
    made.cert.der().clone()
}

fn write_secret(path: &Path, text: &str) {
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn add_looker(folder: &Path) {
    let added = Command::new(env!("CARGO_BIN_EXE_hansho-collector"))
        .args([
            "account",
            "add",
            LOOKER,
            "--role",
            "viewer",
            "--no-password",
        ])
        .current_dir(folder)
        .status()
        .unwrap();
    assert!(added.success(), "account add: {added}");
}

/// Adds all agents in one transaction; `agent add` would sync 10,000 times.
fn populate(folder: &Path, agents: u64) {
    let data = folder.join("data");
    drop(SqliteStore::open_beside(&data).unwrap());
    let main = rusqlite::Connection::open(data.join(MAIN_FILE)).unwrap();
    main.execute_batch("BEGIN").unwrap();
    for id in 1..=agents {
        let key = (shard(AgentId(id)), id.cast_signed());
        main.execute(
            "INSERT INTO agents (shard, agent, customer, system, name, created_ms, runs, alerts) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0)",
            rusqlite::params![
                key.0,
                key.1,
                format!("customer-{}", id % 50),
                format!("system-{}", id % 400),
                format!("host-{id}")
            ],
        )
        .unwrap();
        main.execute(
            "INSERT INTO agent_keys (shard, agent, epoch, master, created_ms) VALUES (?1, ?2, ?3, 1, 0)",
            rusqlite::params![key.0, key.1, EPOCH],
        )
        .unwrap();
    }
    main.execute_batch("COMMIT").unwrap();
}
