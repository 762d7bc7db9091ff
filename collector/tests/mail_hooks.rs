//! Hooks and Alertmanager: what is posted, how it is signed, and what each answer means. The Alertmanager is a real one
//! (Debian's package `prometheus-alertmanager`); the signature is checked by Python.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::let_underscore_must_use,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

use hansho::clock::WallTime;
use hansho::code::Language;
use hansho_collector::limit::SERVER_SAYS_CHARACTERS;
use hansho_collector::notify::alertmanager::{Alertmanager, alerts};
use hansho_collector::notify::example::{KINDS, example};
use hansho_collector::notify::http::Client;
use hansho_collector::notify::notice::{Body, Notice};
use hansho_collector::notify::outcome::{Later, Outcome};
use hansho_collector::notify::render::render;
use hansho_collector::notify::webhook::Webhook;
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const NOW: WallTime = WallTime::from_millis(1_795_456_749_500);

/// A certificate for localhost in a file of the test's own, and its key.
struct Trusted {
    file: PathBuf,
    certificate: rcgen::CertifiedKey<rcgen::KeyPair>,
}

fn trusted(name: &str) -> Trusted {
    let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hook-ca-{name}.pem"));
    fs::write(&file, certificate.cert.pem()).unwrap();
    Trusted { file, certificate }
}

struct Request {
    head: Vec<String>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let start = format!("{name}: ");
        let line = self
            .head
            .iter()
            .find(|line| line.to_ascii_lowercase().starts_with(&start));
        line.and_then(|line| line.get(start.len()..))
            .unwrap_or_else(|| panic!("{name}: {:?}", self.head))
    }
}

fn read(stream: &mut impl Read) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let request = Request {
        head,
        body: Vec::new(),
    };
    let length = request.header("content-length").parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { body, ..request })
}

/// A server that answers one request so; nothing for silence.
fn server(answer: Option<String>) -> (String, JoinHandle<Option<Request>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let request = read(&mut stream);
        match answer {
            Some(answer) => stream.write_all(answer.as_bytes()).unwrap(),
            None => drop(stream.read(&mut [0; 1])),
        }
        request
    });
    (url, thread)
}

fn answer(status: &str, body: &str) -> Option<String> {
    Some(format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

fn post(client: &Client, url: &str, notice: &Notice) -> Outcome {
    let hook = Webhook::new(url.to_owned(), b"secret".to_vec());
    hook.post(client, notice, &render(notice), "<d1@example.jp>", NOW)
}

#[test]
fn a_hook_gets_json_whose_signature_another_program_confirms() {
    let trusted = trusted("signature");
    let client = Client::new(Some(&trusted.file)).unwrap();
    for kind in KINDS {
        let notice = example(kind, Language::Ja, 1002).unwrap();
        let (url, thread) = server(answer("204 No Content", ""));
        let outcome = post(&client, &url, &notice);
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome}");
        let request = thread.join().unwrap().unwrap();
        assert_eq!(request.head[0], "POST /hook HTTP/1.1");
        assert_eq!(request.header("content-type"), "application/json");
        assert_eq!(request.header("x-hansho-id"), "<d1@example.jp>");
        let said: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(said["subject"], render(&notice).subject.as_str());
        assert_eq!(said["text"], render(&notice).text.as_str());
        if kind == "raised" {
            assert!(signed(request.header("x-hansho-signature"), &request.body));
            assert_eq!(said["alert"]["code"], "HNS1002");
            assert_eq!(said["alert"]["value"]["quantity"], "memory_used");
            assert_eq!(
                said["alert"]["times"]["occurred"]["time"],
                "2026-11-24T02:58:07+09:00"
            );
            assert_eq!(said["alert"]["times"]["recovered"], serde_json::Value::Null);
            let mut other = request.body.clone();
            other[10] ^= 1;
            assert!(!signed(request.header("x-hansho-signature"), &other));
        }
    }
}

/// As docs/NOTIFY.md tells receivers to check it.
fn signed(header: &str, body: &[u8]) -> bool {
    let script = "
import hashlib, hmac, sys
fields = dict(part.split('=', 1) for part in sys.argv[1].split(','))
signed = fields['t'].encode() + b'.' + sys.stdin.buffer.read()
print(fields['t'], hmac.compare_digest(hmac.new(b'secret', signed, hashlib.sha256).hexdigest(), fields['v1']))
";
    let mut child = Command::new("python3")
        .args(["-c", script, header])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(body).unwrap();
    let out = child.wait_with_output().unwrap();
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(said.starts_with("1795456749 "), "{said}");
    said.trim_end().ends_with("True")
}

fn why(outcome: &Outcome) -> Option<Later> {
    match outcome {
        Outcome::Later { why, .. } => Some(*why),
        _ => None,
    }
}

#[test]
fn each_answer_has_its_outcome_and_its_words_are_bounded() {
    let trusted = trusted("answers");
    let client = Client::with_timeout(Some(&trusted.file), 2_000).unwrap();
    let notice = example("raised", Language::En, 1002).unwrap();
    let long = format!("\u{1b}[31m<b>\u{202e}{}", "no ".repeat(100_000));
    for (answered, expected) in [
        (
            answer("503 Service Unavailable", "busy"),
            Some(Later::Answer(503)),
        ),
        (answer("401 Unauthorized", "key"), Some(Later::Answer(401))),
        (answer("400 Bad Request", &long), None),
        (answer("302 Found\r\nLocation: http://192.0.2.1/", ""), None),
    ] {
        let (url, thread) = server(answered);
        let outcome = post(&client, &url, &notice);
        assert_eq!(why(&outcome), expected, "{outcome}");
        if let Outcome::Refused { says, .. } = &outcome {
            assert!(says.chars().count() <= SERVER_SAYS_CHARACTERS + 1);
            assert!(!says.chars().any(|c| c.is_control() || c == '\u{202e}'));
        }
        thread.join().unwrap();
    }
    // Nobody listens; nobody answers; no HTTP.
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    assert_eq!(
        why(&post(&client, &format!("http://{closed}/"), &notice)),
        Some(Later::Connection)
    );
    let quick = Client::with_timeout(Some(&trusted.file), 100).unwrap();
    let (url, thread) = server(None);
    assert_eq!(why(&post(&quick, &url, &notice)), Some(Later::Timeout));
    drop(thread.join().unwrap());
    let (url, thread) = server(Some("SSH-2.0-server\r\n\r\n".to_owned()));
    assert_eq!(why(&post(&client, &url, &notice)), Some(Later::Protocol));
    drop(thread.join().unwrap());
    let outcome = post(&client, "file:///etc/passwd", &notice);
    assert!(
        matches!(outcome, Outcome::Refused { code: None, .. }),
        "{outcome}"
    );
}

/// A server that takes one connection with this certificate.
fn tls_server(trusted: &Trusted) -> (String, JoinHandle<Option<Request>>) {
    let key =
        rustls::pki_types::PrivateKeyDer::try_from(trusted.certificate.signing_key.serialize_der())
            .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![trusted.certificate.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "https://localhost:{}/hook",
        listener.local_addr().unwrap().port()
    );
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, stream);
        let request = read(&mut stream)?;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .unwrap();
        Some(request)
    });
    (url, thread)
}

#[test]
fn a_hook_with_another_certificate_gets_nothing() {
    let (own, other) = (trusted("own"), trusted("other"));
    let notice = example("raised", Language::En, 1002).unwrap();
    let (url, thread) = tls_server(&own);
    let outcome = post(&Client::new(Some(&own.file)).unwrap(), &url, &notice);
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome}");
    assert!(thread.join().unwrap().is_some());
    let (url, thread) = tls_server(&own);
    let outcome = post(&Client::new(Some(&other.file)).unwrap(), &url, &notice);
    assert_eq!(why(&outcome), Some(Later::Tls), "{outcome}");
    assert!(thread.join().unwrap().is_none());
}

/// A running Alertmanager; it ends when dropped.
struct Running {
    child: Child,
    directory: PathBuf,
    url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn alertmanager() -> Option<Running> {
    let program = "/usr/bin/prometheus-alertmanager";
    if !Path::new(program).exists() {
        let all = std::env::var("HANSHO_COMMANDS").is_ok_and(|value| value == "all");
        assert!(!all, "{program} is not installed");
        eprintln!("skipped: Debian's package prometheus-alertmanager is not installed");
        return None;
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("alertmanager");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir(&directory).unwrap();
    fs::write(
        directory.join("config.yml"),
        "route:\n  receiver: none\nreceivers:\n- name: none\n",
    )
    .unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let child = Command::new(program)
        .arg(format!(
            "--config.file={}",
            directory.join("config.yml").display()
        ))
        .arg(format!(
            "--storage.path={}",
            directory.join("data").display()
        ))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--cluster.listen-address=")
        .stderr(fs::File::create(directory.join("log")).unwrap())
        .spawn()
        .unwrap();
    Some(Running {
        child,
        directory,
        url: format!("http://127.0.0.1:{port}"),
    })
}

impl Running {
    /// The alerts that it knows, once there are so many.
    fn alerts(&self, many: usize) -> Vec<serde_json::Value> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let found: Option<Vec<serde_json::Value>> =
                ureq::get(format!("{}/api/v2/alerts", self.url))
                    .call()
                    .ok()
                    .and_then(|mut answer| answer.body_mut().read_to_string().ok())
                    .and_then(|text| serde_json::from_str(&text).ok());
            if let Some(found) = found.filter(|found| found.len() == many) {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "{}",
                fs::read_to_string(self.directory.join("log")).unwrap()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The example as it would be now: a real Alertmanager forgets what ended in the past, and has not begun what begins later.
fn moved(kind: &str, by_ms: i64) -> Notice {
    let mut notice = example(kind, Language::Ja, 1002).unwrap();
    let at =
        |moment: WallTime| WallTime::from_millis(moment.as_millis().saturating_add_signed(by_ms));
    notice.written = at(notice.written);
    let Body::Alert(alert) = &mut notice.body else {
        panic!("an alert")
    };
    alert.identity.started = at(alert.identity.started);
    if let Some(moment) = &mut alert.times.recovered {
        moment.wall = at(moment.wall);
    }
    notice
}

#[test]
fn a_real_alertmanager_takes_an_alert_and_its_end() {
    let Some(running) = alertmanager() else {
        return;
    };
    running.alerts(0);
    let trusted = trusted("alertmanager");
    let client = Client::new(Some(&trusted.file)).unwrap();
    let to = Alertmanager::new(&running.url);
    let now = hansho_collector::clock::now().as_millis();
    let written = example("raised", Language::Ja, 1002)
        .unwrap()
        .written
        .as_millis();
    let by_ms = i64::try_from(now).unwrap() - i64::try_from(written).unwrap();
    let notice = moved("raised", by_ms);
    let outcome = to.post(
        &client,
        &notice,
        &render(&notice),
        WallTime::from_millis(now),
    );
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome}");
    let known = running.alerts(1);
    assert_eq!(known[0]["labels"]["alertname"], "HNS1002");
    assert_eq!(known[0]["labels"]["name"], "memory_used_critical");
    assert_eq!(known[0]["labels"]["severity"], "critical");
    assert_eq!(known[0]["labels"]["instance"], "web03");
    assert_eq!(
        known[0]["generatorURL"],
        "https://hansho.example.jp/a/3F9K2"
    );
    assert_eq!(known[0]["status"]["state"], "active");
    assert_eq!(
        known[0]["annotations"]["summary"],
        render(&notice).subject.as_str()
    );
    // Another message about it is the same alert; its end takes it away.
    let repeated = moved("repeated", by_ms);
    assert!(matches!(
        to.post(
            &client,
            &repeated,
            &render(&repeated),
            WallTime::from_millis(now)
        ),
        Outcome::Accepted { .. }
    ));
    running.alerts(1);
    let mut resolved = moved("resolved", by_ms);
    resolved.written = WallTime::from_millis(now);
    let Body::Alert(alert) = &mut resolved.body else {
        panic!("an alert")
    };
    alert.identity.started = WallTime::from_millis(now - 62_000);
    let outcome = to.post(
        &client,
        &resolved,
        &render(&resolved),
        WallTime::from_millis(now),
    );
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome}");
    running.alerts(0);
    // What stands open is renewed before its hold ends: the same alert, open for as long from then on.
    let ends = |running: &Running| running.alerts(1)[0]["endsAt"].as_str().unwrap().to_owned();
    let hold_ms = hansho_collector::limit::ALERTMANAGER_HOLD_MS;
    let mut before = String::new();
    for hours in [0, 6] {
        let later = WallTime::from_millis(now + hours * 3_600_000);
        let outcome = to.post(&client, &notice, &render(&notice), later);
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome}");
        let until = WallTime::from_millis(later.as_millis() + hold_ms);
        let until = hansho_collector::zone::Zone::utc().rfc3339(until);
        let deadline = Instant::now() + Duration::from_secs(60);
        while !ends(&running).starts_with(until.get(..19).unwrap()) {
            assert!(
                Instant::now() < deadline,
                "{} is not {until}",
                ends(&running)
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_ne!(ends(&running), before);
        before = ends(&running);
    }
    // A list is none.
    let digest = example("digest", Language::Ja, 1002).unwrap();
    assert!(
        matches!(to.post(&client, &digest, &render(&digest), WallTime::from_millis(now)), Outcome::Accepted { says } if says.contains("nothing"))
    );
}

#[test]
fn an_alert_has_the_same_labels_from_first_to_last() {
    let of = |kind: &str| {
        let notice = example(kind, Language::Ja, 1002).unwrap();
        alerts(&notice, &render(&notice), notice.written).remove(0)
    };
    let first = of("raised");
    for kind in [
        "repeated",
        "acknowledged",
        "released",
        "escalated",
        "evidence",
        "resolved",
    ] {
        assert_eq!(of(kind)["labels"], first["labels"], "{kind}");
    }
    assert_eq!(of("back")["labels"], of("silent")["labels"]);
    assert_eq!(of("test")["labels"]["test"], "true");
    assert_eq!(of("site_silent")["labels"].get("instance"), None);
    assert_eq!(first["startsAt"], "2026-11-23T17:58:07+00:00");
    assert_eq!(first["endsAt"], "2026-11-24T17:59:09+00:00");
    assert_eq!(of("resolved")["endsAt"], "2026-11-23T18:15:54+00:00");
    for kind in ["digest", "late", "storm", "mail_failed", "daily"] {
        let notice = example(kind, Language::Ja, 1002).unwrap();
        assert_eq!(
            alerts(&notice, &render(&notice), notice.written),
            [] as [serde_json::Value; 0]
        );
    }
}

#[test]
fn the_end_of_a_family_ends_each_of_its_codes() {
    let of = |kind: &str, code| {
        let notice = example(kind, Language::Ja, code).unwrap();
        alerts(&notice, &render(&notice), notice.written)
    };
    let labels = |alerts: &[serde_json::Value]| {
        let mut all: Vec<String> = alerts
            .iter()
            .map(|alert| alert["labels"].to_string())
            .collect();
        all.sort_unstable();
        all
    };
    let raised = of("raised", 1001);
    assert_eq!(raised.len(), 1);
    let ended = of("resolved", 1002);
    assert!(labels(&ended).contains(&labels(&raised)[0]));
    assert!(
        ended
            .iter()
            .all(|alert| alert["endsAt"] == "2026-11-23T18:15:54+00:00")
    );
}

#[test]
fn what_had_to_be_tried_again_does_not_begin_anew_after_its_end() {
    let mut notice = example("raised", Language::Ja, 1002).unwrap();
    let written = notice.written;
    let Body::Alert(alert) = &mut notice.body else {
        panic!("an alert")
    };
    alert.times.resolved = alert.times.detected;
    let late = alerts(&notice, &render(&notice), notice.written);
    let ends = hansho_collector::zone::Zone::utc().rfc3339(written);
    assert_eq!(late[0]["endsAt"], ends.as_str());
}
