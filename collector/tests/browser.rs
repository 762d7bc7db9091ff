//! People at night, in Debian's chromium, on the pages of the real program: `browser/walk.mjs` walks, `browser/days.mjs` leaves a page
//! open while all sorts of things happen; this posts what the host tells. Skips itself, and says so, where node, its modules (`npm ci` in `tests/browser`) or chromium are not there.
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

#[path = "support/relay.rs"]
mod relay;
mod support;

use hansho::clock::{Uptime, WallTime};
use hansho::frame::body;
use hansho::frame::kind::{Kind, Stream};
use hansho::frame::packed::Packer;
use hansho::sample::{Field, Reading};
use relay::{Relay, Way};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use support::{Event, Folder, MASTER, Part, alert, event, hello, part};

const BINARY: &str = env!("CARGO_BIN_EXE_hansho-collector");
const CHROMIUM: &str = "/usr/bin/chromium";
const PASSWORD: &str = "correct horse battery";

const CONFIG: &str = r#"config_version = 1
[ingest]
listen = "127.0.0.1:0"
[pages]
listen = "127.0.0.1:0"
time_zone_offset = "+09:00"
[store]
directory = "data"

[[receiver]]
id = "sato"
name = { ja = "佐藤", en = "Sato" }
webhook = { url = "http://127.0.0.1:9/", secret_file = "hook.key" }
telephone = "090-0000-0001"

[[team]]
id = "order-ops"
name = { ja = "受注運用チーム", en = "Order operations" }
telephone = "03-0000-0000"
roster = "order.csv"
receivers = ["sato"]

[[customer]]
id = "mirai"
name = { ja = "みらい商事", en = "Mirai Trading" }
[[customer]]
id = "aozora"
name = { ja = "あおぞら銀行", en = "Aozora Bank" }

[[system]]
customer = "mirai"
id = "order"
name = { ja = "受注システム", en = "Orders" }
team = "order-ops"
environment = { ja = "本番", en = "production" }
[[system]]
customer = "mirai"
id = "stock"
name = { ja = "在庫システム", en = "Stock" }
team = "order-ops"
[[system]]
customer = "aozora"
id = "core"
name = { ja = "勘定系", en = "Core" }
team = "order-ops"

[[response]]
customer = "mirai"
system = "order"
code = "HNS1002"
impact = { ja = "注文の受付が遅れます。", en = "Orders are taken late." }
first_action = [
  { ja = "hansho top --once で、1位が order-api のままか確認する", en = "See with hansho top --once whether order-api still is first" },
  { ja = "再起動の前にログを残す\njournalctl -u order-api --since -30min > order-api.log", en = "Keep the log before a restart\njournalctl -u order-api --since -30min > order-api.log" },
  { ja = "order-api の再起動は当番の判断で可", en = "Whoever is on duty may restart order-api" },
]
must_not = [{ ja = "postgresql の停止・再起動", en = "Stop or restart postgresql" }]
decides = { ja = "受注運用 課長", en = "Head of order operations" }
document = { ja = "MS-OPS-017", en = "MS-OPS-017" }
telephone = "03-0000-0009"
"#;

/// What is missing for the walk.
fn missing(modules: &Path) -> Option<String> {
    let node = Command::new("node").arg("--version").output();
    if !node.is_ok_and(|node| node.status.success()) {
        return Some("node is not there".to_owned());
    }
    if !modules.join("playwright-core").exists() || !modules.join("axe-core").exists() {
        return Some("its modules are not there: npm ci in collector/tests/browser".to_owned());
    }
    (!Path::new(CHROMIUM).exists()).then(|| format!("{CHROMIUM} is not there"))
}

struct Collector {
    child: Child,
    ingest: String,
    pages: String,
}

impl Collector {
    fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.kill();
    }
}

fn secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn command(here: &Path, words: &[&str], stdin: &str) -> String {
    let mut child = Command::new(BINARY)
        .args(words)
        .current_dir(here)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).ok();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{words:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Adds an agent, and says which identity it got.
fn add_agent(here: &Path, system: &str, name: &str) -> u64 {
    let key = format!("{name}.key");
    command(
        here,
        &["agent", "add", name, "--system", system, "--key-file", &key],
        "",
    );
    let line = fs::read_to_string(here.join(key)).unwrap();
    u64::from_str_radix(line.split(' ').nth(1).unwrap(), 16).unwrap()
}

/// A collector that has begun to start.
fn serving(here: &Path, options: &[&str]) -> Child {
    let log = fs::File::options()
        .create(true)
        .append(true)
        .open(here.join("collector.log"))
        .unwrap();
    Command::new(BINARY)
        .arg("serve")
        .args(options)
        .current_dir(here)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Waits until it listens.
fn listening(mut child: Child) -> Collector {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = |what: &str| {
        let found = line.split(&format!("{what}=")).nth(1).unwrap();
        found.split_whitespace().next().unwrap().to_owned()
    };
    Collector {
        ingest: address("ingest"),
        pages: address("pages"),
        child,
    }
}

fn start(here: &Path) -> Collector {
    listening(serving(here, &[]))
}

/// An agent that posts; its host has been up for two hours.
struct Agent {
    id: u64,
    run: u64,
    sent_ms: u64,
    sequence: u64,
    reading: u64,
}

const UP_MS: u64 = 7_200_000;

impl Agent {
    const fn new(id: u64, run: u64) -> Self {
        Self {
            id,
            run,
            sent_ms: UP_MS,
            sequence: 0,
            reading: 0,
        }
    }

    fn post(&mut self, collector: &Collector, frames: &[Vec<u8>], readings: &[Vec<u8>]) {
        self.sent_ms += 10;
        let mut parts: Vec<Part> = vec![part(self.run, Stream::Alerts, self.sequence, frames)];
        if !readings.is_empty() {
            parts.push(part(self.run, Stream::Readings, self.reading, readings));
        }
        self.sequence += frames.len() as u64;
        self.reading += readings.len() as u64;
        // Its clock is right.
        let now = hansho_collector::clock::now();
        let body = support::bytes_at(self.id, self.run, 1, self.sent_ms, now, &parts);
        let mut stream = TcpStream::connect(&collector.ingest).unwrap();
        write!(
            stream,
            "POST /v1/frames HTTP/1.1\r\nHost: c\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        )
        .unwrap();
        stream.write_all(&body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    }
}

/// An hour of readings at 10 s in which memory fills; ten minutes of it were never recorded.
fn an_hour() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for minute in (0..60_u64).filter(|minute| !(20..30).contains(minute)) {
        let mut packer = Packer::<2048>::new(10_000);
        let start = UP_MS - 3_600_000 + minute * 60_000;
        for step in 0..6_u64 {
            let uptime = Uptime::from_millis(start + step * 10_000);
            let mut reading = Reading::empty(uptime, WallTime::default(), 8);
            let wave = u32::try_from((minute * 6 + step) % 40).unwrap();
            let grown = u32::try_from(minute).unwrap() * 300;
            for (field, value) in [
                (Field::MemoryTotal, 64_000),
                (Field::MemoryAvailable, 24_000 - grown.min(21_000)),
                (Field::MemoryAnonymous, 26_000 + grown),
                (Field::PageCache, 12_000 - grown / 3),
                (Field::Shmem, 2_000),
                (Field::SlabReclaimable, 1_500),
                (Field::SlabUnreclaimable, 900),
                (Field::CpuBusy, 200 + wave * 10),
                (Field::CpuBusyPeak, 300 + wave * 12),
                (Field::CpuIowait, wave * 2),
                (Field::CpuSteal, 3),
                (Field::PressureCpuSome, 20 + wave),
                (Field::PressureMemorySome, grown / 60),
                (Field::PressureMemoryFull, grown / 120),
                (Field::PressureIoSome, 10 + wave / 2),
            ] {
                reading.set(field, Some(value));
            }
            packer.push(&reading).unwrap();
        }
        let mut buffer = vec![0; 3968];
        let packed = packer.body().unwrap();
        let frame = body::encode(
            Kind::Readings,
            Uptime::from_millis(start),
            &packed,
            &mut buffer,
        );
        frames.push(frame.unwrap().to_vec());
    }
    frames
}

/// Fires or resolves, as the frame of a rule does.
fn transition(code: u16, subject: &'static str, kind: u8) -> Vec<u8> {
    episode((code, 1), subject, kind)
}

/// The same of a later episode.
fn episode((code, number): (u16, u32), subject: &'static str, kind: u8) -> Vec<u8> {
    let fired = UP_MS + u64::from(number) * 10;
    alert(Event {
        subject,
        since_ms: UP_MS - 60_000,
        ..event(code, kind, number, fired, fired + u64::from(kind))
    })
}

/// What a walk begins with: customers, agents, somebody who may come in.
struct Stage {
    folder: Folder,
    web03: Agent,
    web04: Agent,
    stock: Agent,
    core: Agent,
}

impl Stage {
    /// `None`, said on stderr, where the walk cannot be made.
    fn set(name: &str) -> Option<Self> {
        if let Some(missing) = missing(&own().join("node_modules")) {
            assert!(
                std::env::var_os("HANSHO_BROWSER").is_none(),
                "HANSHO_BROWSER asks for the walk, and {missing}"
            );
            eprintln!("skipped: {missing}");
            return None;
        }
        let folder = Folder::new(name);
        let here = folder.path();
        fs::write(here.join("collector.toml"), CONFIG).unwrap();
        fs::write(
            here.join("order.csv"),
            "from,to,first,second,third\n2020-01-01,2200-01-01,sato,,\n",
        )
        .unwrap();
        secret(&here.join("hook.key"), "not used by anybody in this test\n");
        let master: String = MASTER.iter().map(|byte| format!("{byte:02x}")).collect();
        secret(&here.join("masters.keys"), &format!("1 {master}\n"));
        let web03 = Agent::new(add_agent(here, "mirai/order", "web03"), 11);
        let web04 = Agent::new(add_agent(here, "mirai/order", "web04"), 12);
        let stock = Agent::new(add_agent(here, "mirai/stock", "stock01"), 13);
        let core = Agent::new(add_agent(here, "aozora/core", "core01"), 14);
        add_agent(here, "aozora/core", "core02");
        let add = ["account", "add", "sato", "--role", "operator"];
        command(here, &add, &format!("{PASSWORD}\n"));
        Some(Self {
            folder,
            web03,
            web04,
            stock,
            core,
        })
    }

    /// All agents say hello, and one of them an hour of readings.
    fn greet(&mut self, collector: &Collector) {
        for agent in [&mut self.web04, &mut self.stock, &mut self.core] {
            agent.post(collector, &[hello(1, "host.example")], &[]);
        }
        self.web03
            .post(collector, &[hello(1, "web03.example")], &[]);
        for readings in an_hour().chunks(25) {
            self.web03.post(collector, &[], readings);
        }
    }
}

/// Where the walks are.
fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser")
}

/// Walks; `does` what the walk asks for, one line after the other.
fn walk(script: &str, base: &str, mut does: impl FnMut(&str)) {
    let shots = shots();
    let mut walk = Command::new("node")
        .arg(script)
        .current_dir(own())
        .env("BASE", base)
        .env("SHOTS", &shots)
        .env("PASSWORD", PASSWORD)
        .env("CHROMIUM", CHROMIUM)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answers = walk.stdin.take().unwrap();
    let mut walked = false;
    for line in BufReader::new(walk.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line == "walked" {
            walked = true;
            continue;
        }
        does(&line);
        writeln!(answers, "done").unwrap();
    }
    let status = walk.wait().unwrap();
    assert!(
        walked && status.success(),
        "screenshots in {}",
        shots.display()
    );
}

#[test]
fn people_walk_through_the_pages() {
    let Some(mut stage) = Stage::set("browser") else {
        return;
    };
    let collector = start(stage.folder.path());
    stage.greet(&collector);
    let base = format!("http://{}", collector.pages);
    walk("walk.mjs", &base, |line| match line {
        "fire" => stage
            .web03
            .post(&collector, &[transition(1002, "", 1)], &[]),
        "more" => {
            stage
                .web04
                .post(&collector, &[transition(4001, "/var", 1)], &[]);
            stage.core.post(&collector, &[transition(2001, "", 1)], &[]);
        }
        "fresh" => stage
            .web03
            .post(&collector, &[transition(1003, "", 1)], &[]),
        "resolve" => stage
            .web03
            .post(&collector, &[transition(1002, "", 2)], &[]),
        other => panic!("{other}"),
    });
}

#[test]
fn a_page_that_stays_open_for_days_stays_true() {
    let Some(mut stage) = Stage::set("browser-days") else {
        return;
    };
    let here = stage.folder.path().to_path_buf();
    let mut collector = start(&here);
    stage.greet(&collector);
    let to = |collector: &Collector| Way::To(collector.pages.parse().unwrap());
    let relay = Relay::to(collector.pages.parse().unwrap());
    let mut number = 0;
    walk("days.mjs", &format!("http://{}", relay.address), |line| {
        let (what, code) = line.split_once(' ').unwrap_or((line, ""));
        let code = code.parse().unwrap_or(0);
        match what {
            "fire" => {
                number += 1;
                let frame = episode((code, number), "", 1);
                stage.web03.post(&collector, &[frame], &[]);
            }
            // What fired last.
            "resolve" => {
                let frame = episode((code, number), "", 2);
                stage.web03.post(&collector, &[frame], &[]);
            }
            "kill" => {
                collector.kill();
                relay.lead(Way::Closed);
            }
            "start" => {
                collector = start(&here);
                relay.lead(to(&collector));
            }
            "takeover" => {
                let standby = serving(&here, &["--standby"]);
                collector.kill();
                collector = listening(standby);
                relay.lead(to(&collector));
            }
            "gateway" if code == 404 => relay.lead(Way::Gateway("404 Not Found")),
            "gateway" => relay.lead(Way::Gateway("502 Bad Gateway")),
            "open" => relay.lead(to(&collector)),
            "freeze" => relay.freeze(),
            "much" => {
                for _ in 0..25 {
                    number += 1;
                    for kind in [1, 2] {
                        let frame = episode((4001, number), "/data", kind);
                        stage.web04.post(&collector, &[frame], &[]);
                    }
                }
            }
            "rename" => drop(command(&here, &["agent", "rename", "web04", "web05"], "")),
            "disable" => drop(command(&here, &["account", "disable", "sato"], "")),
            other => panic!("{other}"),
        }
    });
}

fn shots() -> PathBuf {
    let shots = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/browser");
    fs::create_dir_all(&shots).unwrap();
    fs::canonicalize(shots).unwrap()
}
