//! Real collectors, real agents, agents that the test plays over the wire, and what the store and the Maildirs have of them.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test uses a part of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::string_slice,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

pub mod faketime;
#[path = "../mail_common/mod.rs"]
pub mod mail_common;
pub mod site;
#[path = "../support/mod.rs"]
pub mod support;

use hansho::clock::{Anchor, Uptime, WallTime};
use hansho::frame::answer::Answer;
use hansho::frame::batch::{BatchHeader, BatchWriter, SectionHeader};
use hansho::frame::body::{self, Hello, Loss};
use hansho::frame::kind::{AgentId, BootId, Kind, RunId, Stream};
use hansho::frame::seal::AgentKey;
use hansho_collector::store::{
    AlertCause, AlertFilter, Decision, Outgoing, SqliteStore, Standing, Store, StoredAlert,
};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};
pub use support::serve::{COLLECTOR, Serving, log, signal, until};

/// Runs a command of the collector.
pub fn run(here: &Path, config: &str, arguments: &[&str]) -> Output {
    run_in(here, config, arguments, &[])
}

/// The same with these variables in its environment.
pub fn run_in(
    here: &Path,
    config: &str,
    arguments: &[&str],
    environment: &[(&str, String)],
) -> Output {
    Command::new(COLLECTOR)
        .args(["--config", config])
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .current_dir(here)
        .output()
        .unwrap()
}

/// An agent that the test plays: run 5 of boot 1 unless told otherwise, with sequences of its own.
#[derive(Clone)]
pub struct Played {
    pub id: AgentId,
    pub key: AgentKey,
    pub run: u64,
    /// Which stream it posts, and the next sequence of it.
    pub stream: Stream,
    pub next: u64,
    born: Instant,
}

/// Adds an agent; its key is in `NAME.key`.
pub fn add(here: &Path, config: &str, name: &str, system: &str) -> Played {
    add_in(here, config, name, system, &[])
}

/// The same with these variables in the environment of the command.
pub fn add_in(
    here: &Path,
    config: &str,
    name: &str,
    system: &str,
    environment: &[(&str, String)],
) -> Played {
    let file = format!("{name}.key");
    let added = run_in(
        here,
        config,
        &[
            "agent",
            "add",
            name,
            "--system",
            system,
            "--key-file",
            &file,
        ],
        environment,
    );
    assert!(
        added.status.success(),
        "{}",
        String::from_utf8_lossy(&added.stderr)
    );
    let text = fs::read_to_string(here.join(file)).unwrap();
    let words: Vec<&str> = text.trim_end().split(' ').collect();
    let mut key = [0; 32];
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&words[3][index * 2..index * 2 + 2], 16).unwrap();
    }
    Played::of(u64::from_str_radix(words[1], 16).unwrap(), AgentKey(key))
}

impl Played {
    pub fn of(id: u64, key: AgentKey) -> Self {
        Self {
            id: AgentId(id),
            key,
            run: 5,
            stream: Stream::Alerts,
            next: 0,
            born: Instant::now(),
        }
    }

    pub fn uptime_ms(&self) -> u64 {
        100_000 + self.born.elapsed().as_millis() as u64
    }

    /// A Hello that promises a post each second.
    pub fn hello(&self, host: &str) -> Vec<u8> {
        self.hello_promising(host, 1000)
    }

    /// A Hello that promises a post each so many milliseconds.
    pub fn hello_promising(&self, host: &str, post_interval_ms: u32) -> Vec<u8> {
        let hello = Hello {
            version: "0.1.0",
            host,
            kernel: "6.1.0",
            architecture: "x86_64",
            cores: 4,
            memory_total_kib: 16_384_000,
            run_number: self.run,
            sample_interval_ms: 1000,
            report_interval_ms: 10_000,
            post_interval_ms,
            registry_version: 1,
            registry_hash: 2,
            config_hash: 3,
            machine_id_hash: self.id.0,
            flags: 0,
        };
        let mut buffer = vec![0; 3968];
        body::encode(Kind::Hello, Uptime::from_millis(10), &hello, &mut buffer)
            .unwrap()
            .to_vec()
    }

    /// Posts frames of its stream; `true` where they were answered as stored.
    pub fn post(&mut self, address: &str, frames: &[Vec<u8>]) -> bool {
        self.send(address, frames, false)
    }

    /// Says that the next frame of stream 0 is lost: no ring holds it any more.
    pub fn post_loss(&mut self, address: &str) -> bool {
        self.send(address, &[], true)
    }

    fn send(&mut self, address: &str, frames: &[Vec<u8>], lost: bool) -> bool {
        let header = BatchHeader {
            key_epoch: 1,
            agent: self.id,
            run: RunId(self.run),
            boot: BootId(1),
            sent_uptime: Uptime::from_millis(self.uptime_ms()),
            sent_wall: WallTime::from_millis(
                SystemTime::now()
                    .duration_since(SystemTime::UNIX_EPOCH)
                    .unwrap()
                    .as_millis() as u64,
            ),
        };
        let mut buffer = vec![0; 65_536];
        let mut writer = BatchWriter::new(&mut buffer, 65_536, &header).unwrap();
        writer
            .section(&SectionHeader {
                run: RunId(self.run),
                stream: self.stream,
                boot: BootId(1),
                anchor: Anchor::default(),
                first_sequence: self.next,
            })
            .unwrap();
        let mut wanted = self.next + frames.len() as u64;
        for frame in frames {
            writer.frame(frame).unwrap();
        }
        if lost {
            let loss = Loss {
                first: wanted,
                last: wanted,
                reason: 1,
            };
            writer.loss(header.sent_uptime, &loss).unwrap();
            wanted += 1;
        }
        let batch = writer.seal(&self.key).unwrap().to_vec();
        let Some((200, body)) = http(address, "POST /v1/frames", &batch) else {
            return false;
        };
        let answer = Answer::open(&body, &self.key, batch.last_chunk().unwrap()).unwrap();
        let stored = answer.stored.iter().any(|stored| stored.next >= wanted);
        if stored {
            self.next = wanted;
        }
        stored
    }
}

/// One request on a connection of its own: status and body. `None` where nobody is there, or it broke.
pub fn http(address: &str, request: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
    http_with(address, request, "", body)
}

/// The same with header lines of the test's own.
pub fn http_with(address: &str, request: &str, lines: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
    let asked = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        write!(
            stream,
            "{request} HTTP/1.1\r\nHost: c\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n{lines}\
             Content-Length: {}\r\n\r\n",
            body.len()
        )?;
        stream.write_all(body)?;
        let mut response = Vec::new();
        stream.read_to_end(&mut response)?;
        Ok(response)
    };
    let response = asked().ok()?;
    let head = response.windows(4).position(|four| four == b"\r\n\r\n")?;
    let status = std::str::from_utf8(response.get(9..12)?)
        .ok()?
        .parse()
        .ok()?;
    Some((status, response[head + 4..].to_vec()))
}

/// A reader of the folder's store in `data`.
pub fn store(here: &Path) -> SqliteStore {
    SqliteStore::open_reader(&here.join("data")).unwrap()
}

/// What the store has of a code, the oldest first, each with its cause where the collector raised it.
pub fn alerts(here: &Path, code: u16) -> Vec<(StoredAlert, AlertCause)> {
    let store = store(here);
    let mut all = store.alerts(&AlertFilter::default()).unwrap();
    all.retain(|alert| alert.identity.code == code);
    all.sort_by_key(|alert| (alert.episode, alert.stored));
    let mut told = Vec::new();
    for alert in all {
        store
            .view(&mut |rows| {
                let cause = rows.cause(alert.id)?.unwrap_or_default();
                told.push((alert.clone(), cause));
                Ok(())
            })
            .unwrap();
    }
    told
}

/// The alerts of a code about one agent.
pub fn alerts_of(here: &Path, agent: AgentId, code: u16) -> Vec<(StoredAlert, AlertCause)> {
    let mut all = alerts(here, code);
    all.retain(|(alert, _)| alert.agent == agent);
    all
}

/// The codes that the collector itself raised about an agent, in numerical order.
pub fn own_codes(here: &Path, agent: AgentId) -> Vec<u16> {
    let all = store(here).alerts(&AlertFilter::default()).unwrap();
    let mut codes: Vec<u16> = all
        .iter()
        .filter(|alert| alert.agent == agent && alert.identity.code >= 9000)
        .map(|alert| alert.identity.code)
        .collect();
    codes.sort_unstable();
    codes
}

pub fn standing(here: &Path, agent: AgentId) -> Standing {
    let mut standing = Standing::Never;
    store(here)
        .view(&mut |rows| {
            standing = rows
                .presence(agent)?
                .map_or(Standing::Never, |known| known.standing);
            Ok(())
        })
        .unwrap();
    standing
}

/// Whether the collector heard an agent, its Hello with its promise too.
pub fn heard(here: &Path, agent: AgentId) -> Option<()> {
    let agents = store(here).agents().unwrap();
    let agent = agents.iter().find(|known| known.id == agent)?;
    let told = agent.inventory.as_ref()?;
    (told.post_interval_ms == 1000 && agent.last_seen.is_some()).then_some(())
}

/// When the collector began to listen without a break; `None` until it judged for the first time.
fn resumed(here: &Path) -> Option<WallTime> {
    let mut resumed = None;
    store(here)
        .view(&mut |rows| {
            resumed = rows.collector_life()?.resumed;
            Ok(())
        })
        .unwrap();
    resumed
}

/// Whether the collector has begun to judge: what was heard before that has a longer grace.
pub fn judges(here: &Path) -> Option<()> {
    resumed(here).map(|_| ())
}

/// Whether an agent was heard since the collector judges, its promise too.
pub fn watched(here: &Path, agent: AgentId) -> Option<()> {
    heard(here, agent)?;
    let resumed = resumed(here)?;
    let agents = store(here).agents().unwrap();
    let agent = agents.iter().find(|known| known.id == agent)?;
    (agent.last_seen? > resumed).then_some(())
}

/// All messages that alerts led to.
pub fn outbox(here: &Path) -> Vec<Outgoing> {
    let store = store(here);
    let alerts = store.alerts(&AlertFilter::default()).unwrap();
    let mut messages: Vec<Outgoing> = Vec::new();
    for alert in alerts {
        store
            .view(&mut |rows| {
                messages.extend(rows.outgoing_of_thread(alert.id)?);
                Ok(())
            })
            .unwrap();
    }
    messages
}

/// Whether no message waits or is on its way: lists too, which no thread has.
pub fn settled(here: &Path) -> bool {
    let mut settled = false;
    store(here)
        .view(&mut |rows| {
            settled = rows.undelivered(1)?.is_empty();
            Ok(())
        })
        .unwrap();
    settled
}

/// What was decided about an alert, in order.
pub fn decisions(here: &Path, alert: &StoredAlert) -> Vec<Decision> {
    let mut decisions = Vec::new();
    store(here)
        .view(&mut |rows| {
            decisions = rows.decisions_of(alert.id)?;
            Ok(())
        })
        .unwrap();
    decisions
}

/// A mail as it lies in a Maildir: its Message-ID, its code, its alert, all of it.
#[derive(Clone, Debug)]
pub struct Mail {
    pub id: String,
    pub code: String,
    pub alert: String,
    pub path: PathBuf,
}

/// The mails in a Maildir.
pub fn mails(postfix: &mail_common::Postfix, of: &str) -> Vec<Mail> {
    postfix
        .boxed(of)
        .into_iter()
        .map(|path| {
            let raw = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            let head = raw.split("\n\n").next().unwrap().replace("\n ", " ");
            let field = |name: &str| {
                let mut lines = head.lines();
                let line = lines.find(|line| line.starts_with(&format!("{name}: ")));
                line.map_or_else(String::new, |line| line[name.len() + 2..].trim().to_owned())
            };
            Mail {
                id: field("Message-ID"),
                code: field("X-Hansho-Code"),
                alert: field("X-Hansho-Alert"),
                path,
            }
        })
        .collect()
}

/// The agent's programs beside the collector's; `None`, and a line, where they are not built. Where everything must run
/// (`HANSHO_COMMANDS=all`) that is a failure.
pub fn agent_program() -> Option<PathBuf> {
    let beside = Path::new(COLLECTOR).parent().unwrap();
    let both = ["hansho", "hanshod"].map(|name| beside.join(name));
    if both.iter().all(|path| path.is_file()) {
        return Some(both[0].clone());
    }
    skip("hansho and hanshod are not built beside the collector (cargo build --bins)");
    None
}

/// Says why something is passed over; where everything must run that is a failure.
pub fn skip(why: &str) {
    let all = std::env::var("HANSHO_COMMANDS").is_ok_and(|value| value == "all");
    assert!(!all, "{why}");
    eprintln!("skipped: {why}");
}

/// A real agent and all that it started, killed at the end.
pub struct Agent {
    child: Child,
    memory: PathBuf,
}

/// Where an agent keeps what, in the folder of its own.
pub fn configure_agent(home: &Path, key_file: &Path, urls: &[String]) {
    fs::create_dir_all(home).unwrap();
    let urls: Vec<String> = urls.iter().map(|url| format!("\"{url}\"")).collect();
    fs::write(
        home.join("agent.toml"),
        format!(
            "config_version = 1\n[agent]\nkey_file = {key_file:?}\n[sample]\nreport_interval = \"1s\"\n\
             [spool]\ndirectory = {:?}\nmemory_directory = {:?}\ndisk_size = \"1MiB\"\n\
             [forward]\nurls = [{}]\nallow_plain_http = true\npost_interval = \"1s\"\n",
            home.join("disk"),
            memory_of(home),
            urls.join(", ")
        ),
    )
    .unwrap();
}

/// The memory ring of an agent: in a directory of its own on a tmpfs.
pub fn memory_of(home: &Path) -> PathBuf {
    let folder = home.parent().unwrap().file_name().unwrap();
    let name = home.file_name().unwrap();
    Path::new("/dev/shm").join(format!("{}-{}", folder.display(), name.display()))
}

impl Agent {
    /// Starts it; `before` are the words of a command that runs it, as `ip netns exec NAME`.
    pub fn start(program: &Path, home: &Path, before: &[&str]) -> Self {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(home.join("agent.log"))
            .unwrap();
        let mut words = before.to_vec();
        words.push(program.to_str().unwrap());
        let child = Command::new(words[0])
            .args(&words[1..])
            .args(["run", "--config"])
            .arg(home.join("agent.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            child,
            memory: memory_of(home),
        }
    }

    fn children(&self) -> Vec<u32> {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        children
            .unwrap_or_default()
            .split_ascii_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect()
    }

    /// SIGKILL to the keeper, then to each of its workers.
    pub fn kill(mut self) {
        self.kill_all();
    }

    fn kill_all(&mut self) {
        let workers = self.children();
        let _ = self.child.kill();
        let _ = self.child.wait();
        for worker in workers {
            signal(worker, "-KILL");
        }
    }

    /// SIGTERM; waits for its end.
    pub fn stop(mut self) {
        signal(self.child.id(), "-TERM");
        until("the agent ends", || self.child.try_wait().unwrap());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            self.kill_all();
        }
    }
}

/// Removes the memory rings of a folder's agents.
pub fn forget_rings(homes: &[&Path]) {
    for home in homes {
        let _ = fs::remove_dir_all(memory_of(home));
    }
}
