//! `hansho check --connect`: the way to each collector, a step a line, over the code with which the forwarder posts.

use super::configuration::proxy_password;
use super::exit::Stop;
use super::file::{self, ReadOnly};
use super::forward::{proxy, trust};
use super::output::shown;
use super::status::memory_path;
use super::status_told::Told;
use super::test::{ask, control_sockets};
use hansho::config::plan::CollectorUrl;
use hansho::config::{Plan, key_file};
use hansho::forward::certificate;
use hansho::forward::client::{Client, Timeouts};
use hansho::forward::connector::{Stage, TrustState};
use hansho::forward::proxy::Proxy;
use hansho::forward::trust::SystemClock;
use hansho::frame::answer::Answer;
use hansho::frame::batch::{BatchHeader, BatchWriter};
use hansho::frame::seal::AgentKey;
use hansho::frame::{AgentId, BootId, RunId, Stream};
use hansho::limit::MAC_BYTES;
use hansho::sample::inventory::boot_id;
use hansho::spool::reader::SpoolReader;
use hansho::sys;
use serde::Serialize;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Where a batch is answered without being stored.
const CHECK_PATH: &str = "/v1/check";
/// Clocks further apart than this are told as a fault: by the collector's own alert (9007) they are.
const CLOCK_MS: u64 = 30_000;
/// A month, for the estimate.
const MONTH_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Headers of TCP and IP of a post: a packet each way and its acknowledgement.
const PACKETS_BYTES: u64 = 4 * 52;
/// Sections of a regular post that an empty one lacks, with their part of the answer: two, of 34 + 4 and 18 bytes.
const SECTIONS_BYTES: u64 = 2 * (38 + 18);
/// A Readings frame of one reading where none was measured (docs/FRAME.md).
const READING_BYTES: u64 = 64;
/// Readings frames that are measured.
const READINGS: usize = 256;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ended {
    /// As it should.
    Ok,
    /// This is what keeps posts from arriving.
    Failed,
    /// There is no such step here, or one before it failed.
    Skipped,
}

/// One step.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) step: &'static str,
    pub(crate) ended: Ended,
    pub(crate) text: String,
}

/// All steps to one collector.
#[derive(Debug, Serialize)]
pub(crate) struct Way {
    pub(crate) url: String,
    pub(crate) steps: Vec<Step>,
}

impl Way {
    fn put(&mut self, step: &'static str, ended: Ended, text: impl Into<String>) {
        let text = text.into();
        self.steps.push(Step { step, ended, text });
    }

    /// Whether a step failed.
    pub(crate) fn failed(&self) -> bool {
        self.steps.iter().any(|step| step.ended == Ended::Failed)
    }

    /// As lines.
    pub(crate) fn lines(&self) -> String {
        let mut text = format!("{}\n", self.url);
        for step in &self.steps {
            let mark = match step.ended {
                Ended::Ok => "ok",
                Ended::Failed => "FAILED",
                Ended::Skipped => "-",
            };
            text.push_str(&format!(
                "  {:<8} {mark:<7} {}\n",
                step.step,
                shown(&step.text)
            ));
        }
        text
    }
}

/// Tries every collector of the configuration.
///
/// # Errors
/// Where the password of the proxy or the file of authorities cannot be read.
pub(crate) fn connect(plan: &Plan) -> Result<Vec<Way>, Stop> {
    let password = proxy_password(plan)?;
    let ways = plan.forward.urls.iter();
    ways.map(|url| one(plan, url, proxy(plan, password.clone())))
        .collect()
}

/// Who posts: the agent's key, or why it cannot be read, and then a key that no collector knows.
struct Sender {
    key: AgentKey,
    agent: AgentId,
    epoch: u8,
    /// Why the key is not the agent's.
    without: Option<String>,
}

impl Sender {
    fn of(plan: &Plan) -> Self {
        match key_file::read(&plan.agent.key_file) {
            Ok(read) => Self {
                key: AgentKey(read.key),
                agent: AgentId(read.agent_id),
                epoch: read.key_epoch,
                without: None,
            },
            Err(error) => Self {
                key: AgentKey([0; 32]),
                agent: AgentId(0),
                epoch: 0,
                without: Some(error.to_string()),
            },
        }
    }

    /// An empty batch, and its mac.
    fn batch(&self, boot: BootId) -> Option<(Vec<u8>, [u8; MAC_BYTES])> {
        let (sent_uptime, sent_wall) = sys::clocks();
        let header = BatchHeader {
            key_epoch: self.epoch,
            agent: self.agent,
            run: RunId(0),
            boot,
            sent_uptime,
            sent_wall,
        };
        let mut buffer = [0; 256];
        let room = buffer.len();
        let writer = BatchWriter::new(&mut buffer, room, &header).ok()?;
        let batch = writer.seal(&self.key).ok()?.to_vec();
        let mac = *batch.last_chunk()?;
        Some((batch, mac))
    }
}

fn one(plan: &Plan, url: &CollectorUrl, proxy: Option<Proxy>) -> Result<Way, Stop> {
    use super::exit::Exit;
    let boot = BootId(boot_id(&plan.sample.root).unwrap_or(0));
    let seen = Arc::new(TrustState::watching(Box::new(SystemClock)));
    let urls = vec![url.url.clone()];
    let client = Client::with(urls, trust(plan), boot, seen.clone(), Timeouts::default())
        .map_err(|why| Stop::failed(Exit::Configuration, why))?
        .through(proxy.clone());
    let sender = Sender::of(plan);
    let internal = || Stop::failed(Exit::Internal, "an empty batch does not fit its buffer");
    let (batch, mac) = sender.batch(boot).ok_or_else(internal)?;
    let octets = "application/octet-stream";
    let began_ms = sys::monotonic_ms();
    let answered = client.exchange(CHECK_PATH, octets, &batch);
    let (ended_ms, wall) = (sys::monotonic_ms(), sys::wall());
    let (stage, first) = client.measured();
    let mut way = Way {
        url: url.url.clone(),
        steps: Vec::new(),
    };
    let error = answered.as_ref().err().map_or("", String::as_str);
    connection(&mut way, url, proxy.as_ref(), &client, stage, error);
    tls(&mut way, url, stage, seen.certificate().as_deref(), error);
    let Ok((status, body)) = answered else {
        for step in ["clock", "key", "store", "traffic"] {
            way.put(step, Ended::Skipped, "not reached");
        }
        agent(&mut way, plan);
        return Ok(way);
    };
    let answer = (status == 200)
        .then(|| Answer::open(&body, &sender.key, &mac).ok())
        .flatten();
    // The collector's clock was read somewhere on the way: half of it is the best guess.
    let middle_ms = wall
        .as_millis()
        .saturating_sub(ended_ms.saturating_sub(began_ms) / 2);
    answers(&mut way, &sender, status, answer.as_ref(), middle_ms);
    // A second post over the kept connection: what a post costs without the handshake.
    let second = client
        .exchange(CHECK_PATH, octets, &batch)
        .map(|_| client.measured().1);
    traffic(&mut way, plan, first, second.unwrap_or(first));
    agent(&mut way, plan);
    Ok(way)
}

fn connection(
    way: &mut Way,
    url: &CollectorUrl,
    proxy: Option<&Proxy>,
    client: &Client,
    stage: Stage,
    error: &str,
) {
    let (host, port) = proxy.map_or((url.host.as_str(), url.port), |proxy| {
        (proxy.host.as_str(), proxy.port)
    });
    let what = if proxy.is_some() { "the proxy " } else { "" };
    let found: Vec<String> = client
        .addresses()
        .iter()
        .map(|address| address.ip().to_string())
        .collect();
    let literal = host.parse::<core::net::IpAddr>().is_ok();
    if literal {
        way.put(
            "name",
            Ended::Skipped,
            format!("{what}{host} is an address"),
        );
    } else if found.is_empty() {
        let text = format!("{what}{host}: {error}");
        way.put("name", Ended::Failed, text);
    } else {
        let text = format!("{what}{host} is {}", found.join(", "));
        way.put("name", Ended::Ok, text);
    }
    if stage >= Stage::Tcp {
        way.put("tcp", Ended::Ok, format!("{what}port {port} is open"));
    } else if literal || !found.is_empty() {
        way.put("tcp", Ended::Failed, format!("{what}port {port}: {error}"));
    } else {
        way.put("tcp", Ended::Skipped, "not reached");
    }
    match proxy {
        None => way.put("proxy", Ended::Skipped, "none is configured"),
        Some(proxy) if stage >= Stage::Tunnel => {
            let text = format!("{proxy} makes a tunnel to {}:{}", url.host, url.port);
            way.put("proxy", Ended::Ok, text);
        }
        Some(_) if stage == Stage::Tcp => way.put("proxy", Ended::Failed, error),
        Some(_) => way.put("proxy", Ended::Skipped, "not reached"),
    }
    let before_tls = stage < Stage::Tls;
    if before_tls && !url.https && !error.is_empty() && stage >= Stage::Tcp && proxy.is_none() {
        way.put("http", Ended::Failed, error);
    }
}

fn tls(way: &mut Way, url: &CollectorUrl, stage: Stage, der: Option<&[u8]>, error: &str) {
    if !url.https {
        let text = "plain HTTP: authenticated, and readable on the way";
        return way.put("tls", Ended::Skipped, text);
    }
    let said = der.and_then(certificate::read).map(|said| {
        let (issuer, not_after) = (said.issuer, said.not_after);
        format!("certificate of {issuer:?}, valid until {not_after} UTC")
    });
    let said = said.unwrap_or_else(|| "no certificate was seen".to_owned());
    if stage == Stage::Tls && error.is_empty() {
        way.put("tls", Ended::Ok, format!("TLS 1.3, {said}"));
    } else if stage == Stage::Tls {
        way.put("tls", Ended::Ok, format!("TLS 1.3, {said}"));
        way.put("http", Ended::Failed, error);
    } else if stage == Stage::Nothing || (stage == Stage::Tcp && error.contains("proxy")) {
        way.put("tls", Ended::Skipped, "not reached");
    } else {
        way.put("tls", Ended::Failed, format!("{error}; {said}"));
    }
}

/// What the answer says, or what its status does.
fn answers(way: &mut Way, sender: &Sender, status: u16, answer: Option<&Answer>, wall_ms: u64) {
    let Some(answer) = answer else {
        way.put(
            "clock",
            Ended::Skipped,
            "only an authenticated answer tells",
        );
        let (agent, epoch) = (sender.agent, sender.epoch);
        match (&sender.without, status) {
            (Some(why), _) => way.put("key", Ended::Failed, why.clone()),
            (None, 401) => way.put(
                "key",
                Ended::Failed,
                format!("agent {agent}, key {epoch}: not accepted (401): unknown there, revoked or retired"),
            ),
            (None, 404) => way.put(
                "key",
                Ended::Failed,
                "404: a collector of an older version that knows no checks, another server, or a path that a gateway does not pass on",
            ),
            (None, 200) => way.put(
                "key",
                Ended::Failed,
                "200 without an authenticated answer: a captive portal, another server, or another key",
            ),
            (None, 503) => way.put("key", Ended::Skipped, "the collector could not say (503)"),
            (None, status) => way.put("key", Ended::Failed, format!("status {status}")),
        }
        let store = if status == 503 {
            (
                Ended::Failed,
                "503: overloaded, or its disk cannot be written",
            )
        } else {
            (Ended::Skipped, "not reached")
        };
        return way.put("store", store.0, store.1);
    };
    let collector_ms = answer.collector_wall.as_millis();
    let apart_ms = collector_ms.abs_diff(wall_ms);
    let side = if collector_ms >= wall_ms {
        "behind"
    } else {
        "ahead of"
    };
    let text = format!(
        "this host is {}.{:03} s {side} the collector",
        apart_ms / 1000,
        apart_ms % 1000
    );
    let ended = if apart_ms <= CLOCK_MS {
        Ended::Ok
    } else {
        Ended::Failed
    };
    way.put("clock", ended, text);
    let text = format!("agent {}, key {}: accepted", sender.agent, sender.epoch);
    way.put("key", Ended::Ok, text);
    way.put("store", Ended::Ok, "the collector can write to its disk");
}

/// What a month costs, by what these posts did and what readings in the ring have.
fn traffic(way: &mut Way, plan: &Plan, first: (u64, u64), second: (u64, u64)) {
    let forward = &plan.forward;
    let first_bytes = first.0.saturating_add(first.1);
    let second_bytes = second.0.saturating_add(second.1);
    let kept = second_bytes.saturating_sub(first_bytes);
    // A forwarder that leaves makes a new connection for each post.
    let post_bytes = if forward.linger_ms.is_some() || kept == 0 {
        first_bytes
    } else {
        kept
    };
    let per = |interval_ms: u32| MONTH_MS.checked_div(interval_ms.into()).unwrap_or(0);
    let (reading_bytes, measured) = match reading_bytes(plan) {
        Some(bytes) => (bytes, "measured"),
        None => (READING_BYTES, "assumed"),
    };
    let of_posts = per(forward.post_interval_ms).saturating_mul(
        post_bytes
            .saturating_add(PACKETS_BYTES)
            .saturating_add(SECTIONS_BYTES),
    );
    let of_readings = per(plan.sample.report_interval_ms).saturating_mul(reading_bytes);
    let tenths = of_posts.saturating_add(of_readings) / 100_000;
    way.put(
        "traffic",
        Ended::Ok,
        format!(
            "about {}.{} MB a month: {post_bytes} bytes a post (measured), {reading_bytes} a reading ({measured}), and whatever alerts come",
            tenths / 10,
            tenths % 10
        ),
    );
}

/// The mean length of Readings frames in the memory ring, where it can be read and has any.
fn reading_bytes(plan: &Plan) -> Option<u64> {
    let memory = ReadOnly::new(file::open(&memory_path(plan)).ok()?).ok()?;
    let mut reader: SpoolReader<_, file::File> = SpoolReader::new(Some(memory), None);
    reader.refresh();
    let held = reader.runs().iter().rev();
    let held = *held.clone().find(|held| held.stream == Stream::Readings)?;
    let (mut bytes, mut count) = (0_usize, 0_usize);
    reader.read(
        held.run,
        held.stream,
        held.first_sequence,
        &mut |_, frame| {
            bytes = bytes.saturating_add(frame.len()).saturating_add(2);
            count = count.saturating_add(1);
            if count < READINGS {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        },
    );
    u64::try_from(bytes.checked_div(count)?).ok()
}

/// How it goes for the agent that runs here, if any.
fn agent(way: &mut Way, plan: &Plan) {
    let Ok(answer) = ask(&control_sockets(&plan.spool), "status") else {
        return way.put(
            "agent",
            Ended::Skipped,
            "none runs here, or this user may not ask it",
        );
    };
    let told = Told::parse(&answer);
    let outcome = told.last_outcome.unwrap_or_else(|| "none yet".to_owned());
    let text = match told.last_answer_uptime_ms {
        Some(at_ms) => {
            let ago_s = sys::uptime().as_millis().saturating_sub(at_ms) / 1000;
            format!("runs; last answer of a collector {ago_s} s ago, last post: {outcome}")
        }
        None => format!("runs; no answer of a collector yet, last post: {outcome}"),
    };
    way.put("agent", Ended::Ok, text);
}
