//! What the tests share: agents that build batches, stores in folders of their own.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test uses a part of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::string_slice,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

pub mod presence;
pub mod serve;

use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use hansho::frame::batch::{BatchHeader, BatchWriter, SectionHeader};
use hansho::frame::body::{
    self, Alert, Boot, Config, FLAG_TEST, Goodbye, Hello, Leave, Loss, OpenRecord, RuleRecord,
    State,
};
use hansho::frame::cursor::Writer;
use hansho::frame::evidence::{
    AboutRecord, Evidence, LIST_GROWTH_SHORT, LIST_MEMORY, Moment, SuspectRecord, Victim,
};
use hansho::frame::kind::{AgentId, BootId, Kind, RunId, Stream};
use hansho::frame::packed::Packer;
use hansho::frame::seal::{AgentKey, derive};
use hansho::limit::BATCH_BYTES;
use hansho::sample::{Field, Reading};
use hansho_collector::directory::Current;
use hansho_collector::ingest::AuthenticatedBatch;
use hansho_collector::store::{NewAgent, Store};
use hansho_collector::zone::Zone;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// 2026-11-24 02:58:07 UTC.
pub const NOW: u64 = 1_795_489_087_000;
pub const MASTER: [u8; 32] = [7; 32];

pub fn at(ms: u64) -> WallTime {
    WallTime::from_millis(NOW + ms)
}

pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!(
            "hansho-collector-{name}-{}-{count}",
            std::process::id()
        ));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The configuration in force: what every collector has, and `more`.
pub fn current(more: &str) -> Arc<Current> {
    let base =
        "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n[store]\ndirectory = \"data\"\n";
    let text = format!("{base}{more}");
    let path = Path::new("/etc/hansho/collector.toml");
    let read = |path: &Path, _most: usize| -> std::io::Result<hansho_collector::config::Content> {
        Err(std::io::Error::other(format!(
            "{} is not there",
            path.display()
        )))
    };
    let config = hansho_collector::config::parse(&text, path, &read).unwrap();
    Arc::new(Current::new(&config, Zone::fixed("+09:00").unwrap()))
}

pub fn new_agent(id: u64, name: &str) -> NewAgent {
    NewAgent {
        id: AgentId(id),
        customer: "みらい商事".to_owned(),
        system: "受注".to_owned(),
        name: name.to_owned(),
        key_epoch: 1,
        master_id: 1,
    }
}

pub fn key(id: u64) -> AgentKey {
    derive(&MASTER, AgentId(id), 1)
}

#[derive(Clone, Debug)]
pub enum Item {
    Frame(Vec<u8>),
    Loss { span: u64, reason: u8 },
}

#[derive(Clone, Debug)]
pub struct Part {
    pub run: u64,
    pub boot: u64,
    pub stream: Stream,
    pub first: u64,
    pub items: Vec<Item>,
}

pub fn part(run: u64, stream: Stream, first: u64, frames: &[Vec<u8>]) -> Part {
    Part {
        run,
        boot: 1,
        stream,
        first,
        items: frames.iter().cloned().map(Item::Frame).collect(),
    }
}

/// A batch of agent 1 sent by `run` in boot 1.
pub fn batch(run: u64, sent_ms: u64, parts: &[Part]) -> AuthenticatedBatch {
    batch_in(run, 1, sent_ms, parts)
}

pub fn batch_in(run: u64, boot: u64, sent_ms: u64, parts: &[Part]) -> AuthenticatedBatch {
    AuthenticatedBatch::open(&bytes(1, run, boot, sent_ms, parts), &key(1)).unwrap()
}

pub fn bytes(agent: u64, run: u64, boot: u64, sent_ms: u64, parts: &[Part]) -> Vec<u8> {
    let wall = WallTime::from_millis(NOW.saturating_add(sent_ms));
    bytes_at(agent, run, boot, sent_ms, wall, parts)
}

pub fn bytes_at(
    agent: u64,
    run: u64,
    boot: u64,
    sent_ms: u64,
    sent_wall: WallTime,
    parts: &[Part],
) -> Vec<u8> {
    let header = BatchHeader {
        key_epoch: 1,
        agent: AgentId(agent),
        run: RunId(run),
        boot: BootId(boot),
        sent_uptime: Uptime::from_millis(sent_ms),
        sent_wall,
    };
    let mut buffer = vec![0; BATCH_BYTES];
    let mut writer = BatchWriter::new(&mut buffer, BATCH_BYTES, &header).unwrap();
    for part in parts {
        writer
            .section(&SectionHeader {
                run: RunId(part.run),
                stream: part.stream,
                boot: BootId(part.boot),
                anchor: Anchor {
                    uptime: Uptime::from_millis(1000),
                    wall: WallTime::from_millis(NOW - 5_000_000 + 1000),
                    quality: AnchorQuality::Host,
                },
                first_sequence: part.first,
            })
            .unwrap();
        for item in &part.items {
            match item {
                Item::Frame(frame) => writer.frame(frame).unwrap(),
                Item::Loss { span, reason } => {
                    let first = writer.next_sequence().unwrap();
                    let loss = Loss {
                        first,
                        last: first + span - 1,
                        reason: *reason,
                    };
                    writer.loss(Uptime::from_millis(1), &loss).unwrap();
                }
            }
        }
    }
    writer.seal(&key(agent)).unwrap().to_vec()
}

pub fn send(store: &dyn Store, batch: &AuthenticatedBatch, now: WallTime) -> Vec<u64> {
    let answers = store.accept(&[batch], now).unwrap();
    assert_eq!(answers.len(), 1);
    answers[0].stored.iter().map(|stored| stored.next).collect()
}

fn encode<T: serde::Serialize>(kind: Kind, uptime_ms: u64, body: &T) -> Vec<u8> {
    let mut buffer = vec![0; 3968];
    body::encode(kind, Uptime::from_millis(uptime_ms), body, &mut buffer)
        .unwrap()
        .to_vec()
}

pub fn hello(run_number: u64, host: &str) -> Vec<u8> {
    hello_with(run_number, host, 4)
}

pub fn hello_of(run_number: u64, machine: u64) -> Vec<u8> {
    hello_with(run_number, "host", machine)
}

pub fn goodbye(uptime_ms: u64, planned_ms: u64, text: &str) -> Vec<u8> {
    let body = Goodbye {
        reason: 1,
        planned_ms,
        text,
    };
    encode(Kind::Goodbye, uptime_ms, &body)
}

pub fn leave(uptime_ms: u64, planned_ms: u64) -> Vec<u8> {
    let ended = planned_ms == 0;
    let body = Leave {
        what: if ended { 2 } else { 1 },
        planned_ms,
        text: if ended { "" } else { "disk swap" },
    };
    encode(Kind::Leave, uptime_ms, &body)
}

pub fn booted(uptime_ms: u64, told: &Boot) -> Vec<u8> {
    encode(Kind::Boot, uptime_ms, told)
}

pub fn hello_configured(run_number: u64, config_hash: u64) -> Vec<u8> {
    hello_full(run_number, "host", 1, config_hash)
}

fn hello_with(run_number: u64, host: &str, machine_id_hash: u64) -> Vec<u8> {
    hello_full(run_number, host, machine_id_hash, 3)
}

fn hello_full(run_number: u64, host: &str, machine_id_hash: u64, config_hash: u64) -> Vec<u8> {
    encode(
        Kind::Hello,
        10,
        &Hello {
            version: "0.1.0",
            host,
            kernel: "6.1.0",
            architecture: "x86_64",
            cores: 4,
            memory_total_kib: 16_384_000,
            run_number,
            sample_interval_ms: 1000,
            report_interval_ms: 10_000,
            post_interval_ms: 30_000,
            registry_version: 1,
            registry_hash: 2,
            config_hash,
            machine_id_hash,
            flags: 0,
        },
    )
}

#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    pub code: u16,
    pub subject: &'a str,
    /// 1 firing, 2 resolved, 3 continued.
    pub transition: u8,
    pub episode: u32,
    pub fired_ms: u64,
    pub uptime_ms: u64,
    pub since_ms: u64,
    pub test: bool,
    /// `None` for held or cleared.
    pub reason: Option<u8>,
}

pub fn event(
    code: u16,
    transition: u8,
    episode: u32,
    fired_ms: u64,
    uptime_ms: u64,
) -> Event<'static> {
    Event {
        code,
        subject: "",
        transition,
        episode,
        fired_ms,
        uptime_ms,
        since_ms: uptime_ms.saturating_sub(60),
        test: false,
        reason: None,
    }
}

pub fn alert(event: Event<'_>) -> Vec<u8> {
    encode(
        Kind::Alert,
        event.uptime_ms,
        &Alert {
            code: event.code,
            subject: event.subject,
            transition: event.transition,
            reason: event
                .reason
                .unwrap_or(if event.transition == 2 { 4 } else { 1 }),
            flags: if event.test { FLAG_TEST } else { 0 },
            episode: event.episode,
            fired_ms: event.fired_ms,
            since_ms: event.since_ms,
            quantity: 1,
            value: Some(15_700_000),
            total: Some(16_384_000),
            level: Some(15_564_800),
            worst: Some(15_900_000),
            forecast_ms: None,
            count: event.episode,
        },
    )
}

pub fn open(code: u16, episode: u32, fired_ms: u64) -> OpenRecord<'static> {
    OpenRecord {
        code,
        subject: "",
        episode,
        fired_ms,
        since_ms: fired_ms.saturating_sub(60),
        value: Some(1),
        worst: Some(2),
        count: 1,
        flags: 0,
    }
}

pub fn state(uptime_ms: u64, part: u8, parts: u8, records: &[OpenRecord<'_>]) -> Vec<u8> {
    let mut buffer = vec![0; 3000];
    let mut writer = Writer::new(&mut buffer);
    for record in records {
        body::push_element(&mut writer, record).unwrap();
    }
    let open = writer.written().to_vec();
    encode(
        Kind::State,
        uptime_ms,
        &State {
            part,
            parts,
            open: &open,
        },
    )
}

pub fn config(hash: u64, part: u8, parts: u8, code: u16, origin: &str) -> Vec<u8> {
    let mut buffer = vec![0; 3000];
    let mut writer = Writer::new(&mut buffer);
    body::push_element(
        &mut writer,
        &RuleRecord {
            code,
            subject: "",
            flags: 1,
            quantity: 1,
            aggregate: 0,
            window_ms: 0,
            raise_permille: Some(300),
            raise_absolute: None,
            clear_permille: Some(200),
            clear_absolute: None,
            raise_after_ms: 5000,
            clear_after_ms: 5000,
            gate_quantity: 0,
            gate_test: 0,
            gate_permille: None,
            gate_absolute: None,
            origin,
        },
    )
    .unwrap();
    let rules = writer.written().to_vec();
    encode(
        Kind::Config,
        11,
        &Config {
            config_hash: hash,
            part,
            parts,
            rules: &rules,
        },
    )
}

/// An alert that an Evidence is about.
pub fn about(code: u16, episode: u32, moment: Moment) -> AboutRecord<'static> {
    AboutRecord {
        code,
        subject: "",
        episode,
        moment: moment.as_u8(),
    }
}

/// A process at the top of the lists by memory and by growth over ten minutes.
pub fn suspect(pid: u32, name: &[u8], memory_kib: u64, growth_kib: i64) -> SuspectRecord<'_> {
    SuspectRecord {
        lists: LIST_MEMORY | LIST_GROWTH_SHORT,
        pid,
        start_ticks: u64::from(pid),
        parent: 1,
        threads: 4,
        name,
        uid: Some(1000),
        user: Some(b"app"),
        unit: Some(b"order-api.service"),
        memory_kib: Some(memory_kib),
        growth_short_kib: Some(growth_kib),
        growth_short_over_ms: 600_000,
        ..SuspectRecord::default()
    }
}

/// A part of an Evidence whose walk ended a second before it and took two.
pub fn evidence(
    uptime_ms: u64,
    (number, part, parts): (u32, u8, u8),
    about: &[AboutRecord<'_>],
    suspects: &[SuspectRecord<'_>],
) -> Vec<u8> {
    let head = Evidence {
        number,
        part,
        parts,
        walk_began_ms: Some(uptime_ms.saturating_sub(3000)),
        walk_ended_ms: Some(uptime_ms.saturating_sub(1000)),
        seen: 415,
        read: 412,
        refused: 3,
        threads: 900,
        ..Evidence::default()
    };
    evidence_with(uptime_ms, &head, about, suspects)
}

/// A process that the kernel killed.
pub fn victim(uptime_ms: u64, victim: &Victim<'_>) -> Vec<u8> {
    encode(Kind::Victim, uptime_ms, victim)
}

/// The same, of any head.
pub fn evidence_with(
    uptime_ms: u64,
    head: &Evidence<'_>,
    about: &[AboutRecord<'_>],
    suspects: &[SuspectRecord<'_>],
) -> Vec<u8> {
    let (mut of, mut who) = (vec![0; 1300], vec![0; 2500]);
    let mut writer = Writer::new(&mut of);
    for record in about {
        body::push_element(&mut writer, record).unwrap();
    }
    let about = writer.written().to_vec();
    let mut writer = Writer::new(&mut who);
    for record in suspects {
        body::push_element(&mut writer, record).unwrap();
    }
    let suspects = writer.written().to_vec();
    encode(
        Kind::Evidence,
        uptime_ms,
        &Evidence {
            about: &about,
            suspects: &suspects,
            ..head.clone()
        },
    )
}

pub fn readings(uptime_ms: u64, available: &[u32]) -> Vec<u8> {
    let mut packer = Packer::<2048>::new(10_000);
    for (index, available) in available.iter().enumerate() {
        let uptime = Uptime::from_millis(uptime_ms + 10_000 * index as u64);
        let mut reading = Reading::empty(uptime, WallTime::default(), 8);
        reading.set(Field::MemoryTotal, Some(64_000));
        reading.set(Field::MemoryAvailable, Some(*available));
        reading.set(Field::CpuBusy, Some(123));
        reading.set(Field::PressureMemorySome, Some(17));
        packer.push(&reading).unwrap();
    }
    encode(Kind::Readings, uptime_ms, &packer.body().unwrap())
}

/// Readings with nothing in them: four bits each.
pub fn empty_readings(uptime_ms: u64, count: u64) -> Vec<u8> {
    let mut packer = Packer::<2048>::new(10_000);
    for index in 0..count {
        let uptime = Uptime::from_millis(uptime_ms + 10_000 * index);
        let reading = Reading::empty(uptime, WallTime::default(), 8);
        packer.push(&reading).unwrap();
    }
    encode(Kind::Readings, uptime_ms, &packer.body().unwrap())
}

/// One customer with a team and an agreed response, as the tests of the API need it.
pub const SHOP: &str = r#"
[[customer]]
id = "A"
[[system]]
customer = "A"
id = "shop"
team = "night"
[[receiver]]
id = "duty"
mail = "duty@example.test"
[[team]]
id = "night"
receivers = ["duty"]
[[response]]
code = "HNS1002"
customer = "A"
first_action = ["call the customer"]
must_not = ["restart the database"]
"#;

/// The masters, of which keys of agents are made.
pub fn masters() -> Arc<hansho_collector::keys::Masters> {
    let by_id = [(1, MASTER)].into();
    Arc::new(hansho_collector::keys::Masters::new(by_id))
}
