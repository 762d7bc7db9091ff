//! Three faces, one function: what commands say, the API says; and docs/API.md is run as it stands.
//!
//! `HANSHO_BLESS=1 cargo test -p hansho-collector --test api` writes the answers in docs/API.md anew.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::frame::kind::Stream;
use hansho_collector::clock;
use hansho_collector::ingest::AuthenticatedBatch;
use hansho_collector::store::{AlertFilter, NewAgent, SqliteStore, Store as _};
use serde_json::{Value as Json, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use support::{
    Folder, Item, alert, bytes, config, event, hello, key, new_agent, part, readings, send,
};

const BINARY: &str = env!("CARGO_BIN_EXE_hansho-collector");
const CONFIG: &str = r#"config_version = 1
[ingest]
listen = "127.0.0.1:0"
[pages]
listen = "127.0.0.1:0"
time_zone_offset = "+09:00"
[store]
directory = "data"
[[customer]]
id = "mirai"
name = "みらい商事"
[[system]]
customer = "mirai"
id = "order"
team = "night"
[[receiver]]
id = "duty"
webhook = { url = "http://127.0.0.1:9/hook", secret_file = "secret" }
[[team]]
id = "night"
receivers = ["duty"]
[[response]]
code = "HNS1002"
customer = "mirai"
first_action = ["call the customer"]
must_not = ["restart the database"]
"#;

struct Serving {
    folder: Folder,
    child: Child,
    pages: String,
    token: String,
    alert: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn said(here: &Path, words: &[&str]) -> String {
    let output = Command::new(BINARY)
        .args(words)
        .current_dir(here)
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn serving() -> Serving {
    let folder = Folder::new("api");
    let here = folder.path().to_owned();
    std::fs::write(here.join("collector.toml"), CONFIG).unwrap();
    let secret = here.join("secret");
    std::fs::write(&secret, "a secret of the hook\n").unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let now = clock::now();
    let store = SqliteStore::open_writer(&here.join("data"), now).unwrap();
    for (id, customer, system, name) in
        [(1, "mirai", "order", "web03"), (2, "sakura", "shop", "db1")]
    {
        let agent = NewAgent {
            customer: customer.to_owned(),
            system: system.to_owned(),
            ..new_agent(id, name)
        };
        store.add_agent(&agent, now).unwrap();
        let frames = [
            hello(1, name),
            config(9, 0, 1, 1002, "agent.toml:3"),
            alert(event(2001, 1, 1, 300, 300)),
            alert(event(2001, 2, 1, 300, 400)),
            alert(event(1002, 1, 1, 500, 500)),
        ];
        let mut lost = part(5, Stream::Readings, 0, &[]);
        lost.items = vec![
            Item::Loss { span: 2, reason: 1 },
            Item::Frame(readings(600, &[100, 200])),
        ];
        let batch = bytes(id, 5, 1, 1000, &[part(5, Stream::Alerts, 0, &frames), lost]);
        send(
            &store,
            &AuthenticatedBatch::open(&batch, &key(id)).unwrap(),
            now,
        );
    }
    let alerts = store
        .alerts(&AlertFilter {
            firing: Some(true),
            ..AlertFilter::default()
        })
        .unwrap();
    let alert = alerts
        .iter()
        .find(|alert| alert.agent.0 == 1)
        .unwrap()
        .id
        .to_string();
    drop(store);
    let token = said(
        &here,
        &["token", "add", "monitor", "--role", "admin", "--days", "30"],
    );
    let mut child = Command::new(BINARY)
        .arg("serve")
        .current_dir(&here)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let pages = line.trim_end().split("pages=").nth(1).unwrap().to_owned();
    Serving {
        folder,
        child,
        pages,
        token: token.trim_end().to_owned(),
        alert,
    }
}

impl Serving {
    fn command(&self, words: &[&str]) -> String {
        said(self.folder.path(), words)
    }

    /// What a command prints as JSON: one list, or an object a line.
    fn listed(&self, words: &[&str]) -> Vec<Json> {
        let text = self.command(words);
        match serde_json::from_str(&text) {
            Ok(Json::Array(list)) => list,
            Ok(one) => vec![one],
            Err(_) => text
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
        }
    }

    fn api(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.pages).unwrap();
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/json\r\n"
        };
        let request = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nHost: c\r\nConnection: close\r\nAuthorization: Bearer {}\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    fn asked(&self, method: &str, path: &str, body: &str) -> Json {
        let (status, body) = self.api(method, path, body);
        assert!(status < 300, "{method} {path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    fn items(&self, path: &str) -> Vec<Json> {
        self.asked("GET", path, "")["items"]
            .as_array()
            .unwrap()
            .clone()
    }
}

/// That all that a command says the API says too: the same under the same name.
fn within(command: &Json, api: &Json, place: &str, but: &[&str]) {
    match (command, api) {
        (Json::Object(members), Json::Object(_)) => {
            for (name, member) in members
                .iter()
                .filter(|(name, _)| !but.contains(&name.as_str()))
            {
                let found = api
                    .get(name)
                    .unwrap_or_else(|| panic!("{place}: the API does not say {name}: {api}"));
                within(member, found, &format!("{place}.{name}"), but);
            }
        }
        (Json::Array(one), Json::Array(other)) => {
            assert_eq!(one.len(), other.len(), "{place}");
            for (one, other) in one.iter().zip(other) {
                within(one, other, place, but);
            }
        }
        _ => assert_eq!(command, api, "{place}"),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one row a list")]
fn commands_and_api_say_the_same() {
    let serving = serving();
    // Done by commands, and by the API.
    serving.command(&[
        "silence",
        "add",
        "--customer",
        "mirai",
        "--code",
        "HNS3004",
        "--until",
        "+2h",
        "--reason",
        "rebuild",
        "--by",
        "佐藤",
    ]);
    serving.command(&[
        "window",
        "add",
        "--kind",
        "event",
        "--customer",
        "mirai",
        "--from",
        "+1h",
        "--until",
        "+2h",
        "--ja",
        "セール",
        "--by",
        "佐藤",
    ]);
    serving.command(&[
        "note",
        "add",
        "alert",
        &serving.alert,
        "--text",
        "hand-over",
        "--by",
        "佐藤",
    ]);
    serving.command(&[
        "ack",
        &serving.alert,
        "--by",
        "佐藤",
        "--next-report",
        "+1h",
    ]);
    serving.command(&[
        "join-token",
        "add",
        "--system",
        "mirai/order",
        "--uses",
        "3",
    ]);
    let until = clock::now().as_millis() + 7_200_000;
    for (path, body) in [
        (
            "/silences",
            json!({"customer": "sakura", "until": until, "reason": "test of the disk"}),
        ),
        (
            "/windows",
            json!({"kind": "maintenance", "customer": "sakura", "en": "backup",
            "weekly": {"days": ["mon", "thu"], "from": "23:00", "until": "02:00"}}),
        ),
        (
            "/join-tokens",
            json!({"customer": "sakura", "system": "shop", "uses": 2}),
        ),
        (
            "/accounts",
            json!({"name": "suzuki", "role": "operator", "customers": ["mirai"], "language": "ja"}),
        ),
        (
            "/agents",
            json!({"customer": "mirai", "system": "order", "name": "web04"}),
        ),
        ("/agents/db1/rename", json!({"name": "db2"})),
    ] {
        serving.asked("POST", path, &body.to_string());
    }
    let alert = serving.alert.clone();
    let notes = format!("/alerts/{alert}/notes");
    for (words, path, but) in [
        (vec!["agent", "list", "--json"], "/agents", &[][..]),
        (vec!["alerts", "--all", "--json"], "/alerts", &[]),
        (
            vec!["readings", "web03", "--json"],
            "/agents/web03/readings",
            &[],
        ),
        (
            vec!["frames", "web03", "--json"],
            "/agents/web03/frames",
            &[],
        ),
        (
            vec!["losses", "web03", "--json"],
            "/agents/web03/losses",
            &[],
        ),
        (vec!["silence", "list", "--json"], "/silences", &[]),
        (vec!["window", "list", "--json"], "/windows", &[]),
        (vec!["note", "list", "alert", &alert, "--json"], &notes, &[]),
        (vec!["join-token", "list", "--json"], "/join-tokens", &[]),
        (vec!["account", "list", "--json"], "/accounts", &[]),
        // A use is noted at most once a minute.
        (
            vec!["token", "list", "--json"],
            "/tokens",
            &["used", "used_ms"],
        ),
        (vec!["responses", "--json"], "/responses", &[]),
    ] {
        let mut command = serving.listed(&words);
        let mut api = serving.items(path);
        assert!(!command.is_empty(), "{words:?}");
        if path.ends_with("readings") {
            // Newest first there, oldest first here.
            api.reverse();
        }
        if words[0] == "alerts" {
            let id = |alert: &Json| alert["alert"].as_str().unwrap().to_owned();
            command.sort_by_key(id);
            api.sort_by_key(id);
        }
        within(&Json::Array(command), &Json::Array(api), path, but);
    }
    let stats = serving.listed(&["stats", "--json"]);
    within(
        &stats[0],
        &serving.asked("GET", "/totals", "")["store"],
        "totals",
        &[],
    );
    let route = serving.listed(&["route", "--agent", "web03", "--code", "HNS1002", "--json"]);
    let found = serving.asked("GET", "/route?agent=web03&code=HNS1002", "");
    within(&route[0], &found, "route", &["at", "at_ms"]);
    assert_eq!(
        found["response"]["first_action"],
        json!(["call the customer"])
    );
    let month = &clock::utc(clock::now().as_millis() + 9 * 3_600_000)[..7];
    let audit = serving.listed(&["audit", "--month", month, "--json"]);
    let found = serving.items(&format!("/audit?month={month}"));
    within(&Json::Array(audit), &Json::Array(found), "audit", &[]);
    let csv = serving.command(&["audit", "--month", month]);
    assert_eq!(
        serving.api("GET", &format!("/audit.csv?month={month}"), ""),
        (200, csv)
    );
}

#[test]
fn lists_come_in_pages_and_a_request_counts_once() {
    let serving = serving();
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = serving.asked("GET", &format!("/alerts?limit=1{cursor}"), "");
        all.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(all, serving.items("/alerts"));
    assert_eq!(all.len(), 4);
    // A filter leaves pages that have less and yet go on; what they have together is all.
    for (filter, count) in [
        ("state=firing", 2),
        ("customer=mirai", 2),
        ("code=HNS2001", 2),
        ("taken=true", 0),
        ("agent=db1&state=resolved", 1),
        ("severity=error", 2),
    ] {
        assert_eq!(
            serving.items(&format!("/alerts?{filter}")).len(),
            count,
            "{filter}"
        );
    }
    let frames = serving.asked("GET", "/agents/web03/frames?limit=4", "");
    let rest = serving.asked(
        "GET",
        &format!(
            "/agents/web03/frames?limit=4&cursor={}",
            frames["next"].as_str().unwrap()
        ),
        "",
    );
    assert_eq!(
        (rest["items"].as_array().unwrap().len(), &rest["next"]),
        (2, &Json::Null)
    );
    // A cursor of another list.
    let stray = format!(
        "/agents/web03/readings?cursor={}",
        frames["next"].as_str().unwrap()
    );
    assert_eq!(serving.api("GET", &stray, "").0, 400);

    let path = format!("/alerts/{}/acknowledge", serving.alert);
    let body = json!({ "text": "on it", "request": "7f0c" }).to_string();
    let first = serving.asked("POST", &path, &body);
    let again = serving.asked("POST", &path, &body);
    assert_eq!(
        (&first["how"], &again["how"]),
        (&json!("first"), &json!("again"))
    );
    assert_eq!(first["acknowledgement"], again["acknowledgement"]);
    serving.command(&["ack", &serving.alert, "--by", "鈴木"]);
    assert_eq!(serving.asked("POST", &path, &body)["how"], "again");
    let shown = serving.asked("GET", &format!("/alerts/{}", serving.alert), "");
    assert_eq!(shown["taken"]["by"], "鈴木");
    let timeline = serving.items(&format!("/alerts/{}/timeline", serving.alert));
    let whats: Vec<&str> = timeline
        .iter()
        .map(|item| item["what"].as_str().unwrap())
        .filter(|what| *what != "decision" && *what != "message")
        .collect();
    assert_eq!(
        whats,
        [
            "event",
            "event",
            "acknowledgement",
            "event",
            "end_of_acknowledgement",
            "acknowledgement"
        ]
    );
}

/// The commands of docs/API.md, each with the answer that stands under it.
fn examples(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for block in text.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for example in block.split("$ ").skip(1) {
            let mut command = String::new();
            let mut answer = String::new();
            let mut open = true;
            for line in example.lines() {
                if open {
                    command += line.trim_end_matches('\\');
                    open = line.ends_with('\\');
                } else {
                    answer = answer + line + "\n";
                }
            }
            found.push((command, answer));
        }
    }
    found
}

/// Whether a time, an identity or a secret: what differs each time it is run.
fn varies(text: &str) -> bool {
    let time = text.len() == 24 && text.as_bytes()[10] == b'T' && text.ends_with('Z');
    let alert = text.len() == 10
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let id = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    time || alert || id || text.starts_with("hansho")
}

fn like(written: &Json, real: &Json, place: &str) {
    match (written, real) {
        (Json::Object(one), Json::Object(other)) => {
            let names = |members: &serde_json::Map<String, Json>| {
                members.keys().cloned().collect::<Vec<_>>()
            };
            assert_eq!(names(one), names(other), "{place}");
            for (name, member) in one {
                like(member, &other[name], &format!("{place}.{name}"));
            }
        }
        (Json::Array(one), Json::Array(other)) => {
            assert_eq!(one.len(), other.len(), "{place}");
            for (one, other) in one.iter().zip(other) {
                like(one, other, place);
            }
        }
        (Json::Number(_), Json::Number(_)) if place.ends_with("_ms") => {}
        (Json::String(one), Json::String(other)) if varies(one) && varies(other) => {}
        // A cursor says where it is.
        (Json::String(one), Json::String(other)) if place.ends_with(".next") => {
            assert_eq!(one.len(), other.len(), "{place}");
        }
        (Json::String(one), Json::String(other)) if place.ends_with(".detail") => {
            let words = |text: &str| text.split('=').next().unwrap().to_owned();
            assert_eq!(words(one), words(other), "{place}");
        }
        (one, other) => assert_eq!(one, other, "{place}"),
    }
}

#[test]
fn the_examples_of_the_manual_are_real() {
    let strict = std::env::var("HANSHO_COMMANDS").is_ok_and(|word| word == "all");
    let curl = Command::new("curl").arg("--version").output();
    if !curl.is_ok_and(|output| output.status.success()) {
        assert!(!strict, "curl is missing");
        eprintln!("the examples were not run: there is no curl");
        return;
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/API.md");
    let mut manual = std::fs::read_to_string(&file).unwrap();
    let found = examples(&manual);
    assert!(found.len() >= 8, "{}", found.len());
    let serving = serving();
    let folder = serving.folder.path();
    let program = Path::new(BINARY).parent().unwrap().to_str().unwrap();
    let path = format!("{program}:{}", std::env::var("PATH").unwrap());
    let mut alert = serving.alert.clone();
    for (command, answer) in found {
        let run = command.replace(
            "http://127.0.0.1:8080",
            &format!("http://{}", serving.pages),
        );
        let output = Command::new("sh")
            .args(["-c", &run])
            .current_dir(folder)
            .env("PATH", &path)
            .env("TOKEN", &serving.token)
            .env("ALERT", &alert)
            .output()
            .unwrap();
        let real = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{command}: {real}");
        let Ok(real_json) = serde_json::from_str::<Json>(&real) else {
            assert!(
                answer == real || varies(answer.trim_end()) && varies(real.trim_end()),
                "{command}: {real}"
            );
            continue;
        };
        if std::env::var_os("HANSHO_BLESS").is_some() {
            let pretty = serde_json::to_string_pretty(&real_json).unwrap();
            let (head, tail) = manual
                .split_once(&answer)
                .filter(|_| !answer.is_empty())
                .unwrap_or_else(|| panic!("put a line under {command}, to be replaced"));
            manual = format!("{head}{pretty}\n{tail}");
            continue;
        }
        let written: Json = serde_json::from_str(&answer)
            .unwrap_or_else(|error| panic!("{command}: {error}: {answer}\n{real}"));
        like(&written, &real_json, &command);
        alert = serving.alert.clone();
    }
    if std::env::var_os("HANSHO_BLESS").is_some() {
        std::fs::write(&file, manual).unwrap();
    }
}
