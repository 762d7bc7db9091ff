//! 400 alerts while the collector is killed again and again at random, against a real mail server: none is lost, none is decided
//! twice, and what arrives twice has one Message-ID.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::let_underscore_must_use,
    clippy::cast_possible_truncation,
    clippy::panic,
    clippy::string_slice,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod mail_common;
mod support;

use hansho::clock::{Anchor, Uptime, WallTime};
use hansho::frame::answer::Answer;
use hansho::frame::batch::{BatchHeader, BatchWriter, SectionHeader};
use hansho::frame::kind::{AgentId, BootId, RunId, Stream};
use hansho::frame::seal::AgentKey;
use hansho_collector::store::{
    AlertFilter, Outcome, Outgoing, Reason, Sending, SqliteStore, Store,
};
use mail_common::{Postfix, certificate};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::{Event, Folder, alert, event};

const BINARY: &str = env!("CARGO_BIN_EXE_hansho-collector");
const AGENTS: u64 = 20;
const ALERTS_EACH: u64 = 20;

/// A small generator (Knuth's MMIX constants): the same seed gives the same moments.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

struct Serving {
    child: Child,
    ingest: String,
}

impl Serving {
    fn start(folder: &Path) -> Self {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(folder.join("serve.log"))
            .unwrap();
        let mut child = Command::new(BINARY)
            .arg("serve")
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let rest = line
            .strip_prefix("listening ingest=")
            .unwrap_or_else(|| panic!("{}", fs::read_to_string(folder.join("serve.log")).unwrap()));
        let (ingest, _) = rest.trim_end().split_once(" pages=").unwrap();
        Self {
            child,
            ingest: ingest.to_owned(),
        }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Agent {
    id: AgentId,
    key: AgentKey,
}

fn add(folder: &Path, number: u64) -> Agent {
    let system = if number.is_multiple_of(2) {
        "order"
    } else {
        "stock"
    };
    let name = format!("web{number:02}");
    let file = format!("{name}.key");
    let added = Command::new(BINARY)
        .args(["agent", "add", &name, "--system"])
        .arg(format!("mirai/{system}"))
        .args(["--key-file", &file])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        added.status.success(),
        "{}",
        String::from_utf8_lossy(&added.stderr)
    );
    let text = fs::read_to_string(folder.join(file)).unwrap();
    let words: Vec<&str> = text.trim_end().split(' ').collect();
    let mut key = [0; 32];
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&words[3][index * 2..index * 2 + 2], 16).unwrap();
    }
    Agent {
        id: AgentId(u64::from_str_radix(words[1], 16).unwrap()),
        key: AgentKey(key),
    }
}

/// Posts one alert; `false` where the collector was not there, or died before it answered.
fn post(address: &str, agent: &Agent, number: u64) -> bool {
    let sent_ms = 100_000 + number * 1000;
    let header = BatchHeader {
        key_epoch: 1,
        agent: agent.id,
        run: RunId(5),
        boot: BootId(1),
        sent_uptime: Uptime::from_millis(sent_ms),
        sent_wall: WallTime::default(),
    };
    let mut buffer = vec![0; 65_536];
    let mut writer = BatchWriter::new(&mut buffer, 65_536, &header).unwrap();
    writer
        .section(&SectionHeader {
            run: RunId(5),
            stream: Stream::Alerts,
            boot: BootId(1),
            anchor: Anchor::default(),
            first_sequence: number,
        })
        .unwrap();
    let subject = format!("service-{number}");
    let fired = event(5001, 1, 1, sent_ms - 10, sent_ms - 10);
    writer
        .frame(&alert(Event {
            subject: &subject,
            ..fired
        }))
        .unwrap();
    let batch = writer.seal(&agent.key).unwrap().to_vec();
    let asked = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "POST /v1/frames HTTP/1.1\r\nHost: c\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n\
             Content-Length: {}\r\n\r\n",
            batch.len()
        )?;
        stream.write_all(&batch)?;
        let mut response = Vec::new();
        stream.read_to_end(&mut response)?;
        Ok(response)
    };
    let Ok(response) = asked() else {
        return false;
    };
    let Some(head) = response.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let answer = Answer::open(
        &response[head + 4..],
        &agent.key,
        batch.last_chunk().unwrap(),
    );
    answer.is_ok_and(|answer| answer.stored.iter().any(|stored| stored.next > number))
}

fn configure(folder: &Path, port: u16, authority: &str) {
    fs::write(folder.join("mail-ca.pem"), authority).unwrap();
    fs::write(
        folder.join("collector.toml"),
        format!(
            "config_version = 1\n\
             [ingest]\nlisten = \"127.0.0.1:0\"\n[pages]\nlisten = \"127.0.0.1:0\"\n[store]\ndirectory = \"data\"\n\
             [[receiver]]\nid = \"sato\"\nmail = \"sato@example.jp\"\nmax_mails_per_hour = 3600\n\
             [[receiver]]\nid = \"suzuki\"\nmail = \"suzuki@example.jp\"\nmax_mails_per_hour = 3600\n\
             [[team]]\nid = \"order-ops\"\nreceivers = [\"sato\"]\n[[team]]\nid = \"stock-ops\"\nreceivers = [\"suzuki\"]\n\
             [[customer]]\nid = \"mirai\"\n\
             [[system]]\ncustomer = \"mirai\"\nid = \"order\"\nteam = \"order-ops\"\n\
             [[system]]\ncustomer = \"mirai\"\nid = \"stock\"\nteam = \"stock-ops\"\n\
             [notify]\nstorm_alerts = 10000\n\
             [mail]\nhost = \"localhost\"\nport = {port}\nca_file = \"mail-ca.pem\"\nfrom = \"hansho@collector.example.jp\"\n\
             max_per_second = 1000\n"
        ),
    )
    .unwrap();
}

/// All messages that alerts led to.
fn outbox(folder: &Path) -> Vec<Outgoing> {
    let store = SqliteStore::open_reader(&folder.join("data")).unwrap();
    let alerts = store.alerts(&AlertFilter::default()).unwrap();
    let mut messages = Vec::new();
    store
        .view(&mut |rows| {
            for alert in &alerts {
                messages.extend(rows.outgoing_of_thread(alert.id)?);
            }
            Ok(())
        })
        .unwrap();
    messages
}

/// Message-ID of a mail file, and the alert that it is about.
fn named(path: &Path) -> (String, String) {
    let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    let header = |name: &str| {
        let line = text.lines().find(|line| {
            line.get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name))
        });
        line.unwrap()[name.len()..].trim().to_owned()
    };
    (header("Message-ID:"), header("X-Hansho-Alert:"))
}

#[test]
fn four_hundred_alerts_and_a_collector_that_is_killed_again_and_again() {
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        return;
    };
    let seed = std::env::var("HANSHO_SEED").map_or(20_261_124, |seed| seed.parse().unwrap());
    let mut random = Random(seed);
    let folder = Folder::new("notify-kill");
    let here = folder.path();
    configure(here, postfix.port, &own.certificate);
    let agents: Vec<Agent> = (0..AGENTS).map(|number| add(here, number)).collect();
    let all = AGENTS * ALERTS_EACH;
    let mut posted: Vec<u64> = vec![0; agents.len()];
    let mut kills = 0;
    let begun = Instant::now();
    loop {
        let serving = Serving::start(here);
        let until = Instant::now() + Duration::from_millis(200 + random.below(1_300));
        while Instant::now() < until {
            let left: Vec<usize> = (0..agents.len())
                .filter(|index| posted[*index] < ALERTS_EACH)
                .collect();
            if left.is_empty() {
                std::thread::sleep(until.saturating_duration_since(Instant::now()));
                break;
            }
            let index = left[random.below(left.len() as u64) as usize];
            if post(&serving.ingest, &agents[index], posted[index]) {
                posted[index] += 1;
            }
        }
        serving.kill();
        kills += 1;
        let sent = postfix.boxed("sato").len() + postfix.boxed("suzuki").len();
        if posted.iter().all(|count| *count == ALERTS_EACH) && sent as u64 >= all * 9 / 10 {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(400),
            "{sent} of {all} sent\n{}",
            postfix.log()
        );
    }
    // The last one is left alone until nothing waits.
    let serving = Serving::start(here);
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let messages = outbox(here);
        let waiting = messages.iter().filter(|one| !one.state.is_final()).count();
        if waiting == 0 && messages.len() as u64 >= all {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "{waiting} wait\n{}",
            fs::read_to_string(here.join("serve.log")).unwrap()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(serving);
    check(here, &postfix, all, kills, seed);
}

fn check(here: &Path, postfix: &Postfix, all: u64, kills: u64, seed: u64) {
    let store = SqliteStore::open_reader(&here.join("data")).unwrap();
    let alerts = store.alerts(&AlertFilter::default()).unwrap();
    assert_eq!(alerts.len() as u64, all);
    for alert in &alerts {
        assert!(alert.notified.is_some());
        let mut decisions = Vec::new();
        store
            .view(&mut |rows| {
                decisions = rows.decisions_of(alert.id)?;
                Ok(())
            })
            .unwrap();
        // One decision on its one event, and no other that tells anybody.
        let raised: Vec<_> = decisions.iter().filter(|one| one.event.is_some()).collect();
        assert_eq!(raised.len(), 1, "{decisions:?}");
        assert_eq!(
            (raised[0].reason, raised[0].outcome),
            (Reason::First, Outcome::Told)
        );
        assert_eq!(decisions.len(), 1, "{decisions:?}");
    }
    let messages = outbox(here);
    assert_eq!(messages.len() as u64, all);
    let mut known: BTreeMap<&str, (&Outgoing, u64)> = BTreeMap::new();
    for message in &messages {
        assert_eq!(message.state, Sending::Delivered);
        let before = known.insert(&message.message_id, (message, 0));
        assert!(before.is_none(), "two messages of one Message-ID");
    }
    // Postfix delivers what it took within moments.
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        for (_, count) in known.values_mut() {
            *count = 0;
        }
        for receiver in ["sato", "suzuki"] {
            for path in postfix.boxed(receiver) {
                let (name, alert) = named(&path);
                let (message, count) = known
                    .get_mut(name.as_str())
                    .unwrap_or_else(|| panic!("unknown {name}"));
                assert_eq!(message.receiver, receiver);
                assert_eq!(message.alert.unwrap().to_string(), alert);
                *count += 1;
            }
        }
        if known.values().all(|(_, count)| *count > 0) {
            break;
        }
        assert!(Instant::now() < deadline, "a message was lost");
        std::thread::sleep(Duration::from_millis(100));
    }
    let twice = known.values().filter(|(_, count)| *count > 1).count();
    let most = known.values().map(|(_, count)| *count).max();
    println!(
        "seed {seed}: {all} alerts, {kills} kills: 0 lost, {twice} messages arrived more than once (at most {} times), \
         each under its one Message-ID",
        most.unwrap_or(0)
    );
}
