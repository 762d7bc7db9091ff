//! Three faces, one function: what commands say, the API says ([`same`]); and docs/API.md is run as it stands ([`manual`]).
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

mod manual;
mod same;
#[path = "../support/mod.rs"]
mod support;

use hansho::frame::kind::Stream;
use hansho_collector::clock;
use hansho_collector::ingest::AuthenticatedBatch;
use hansho_collector::store::{AlertFilter, NewAgent, SqliteStore, Store as _};
use serde_json::{Value as Json, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use support::{
    Folder, Item, alert, bytes, config, event, hello, key, new_agent, part, readings, send, serve,
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
    _collector: serve::Serving,
    folder: Folder,
    pages: String,
    token: String,
    alert: String,
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
    let collector = serve::Serving::start(&here, "collector.toml");
    Serving {
        folder,
        pages: collector.pages.clone(),
        _collector: collector,
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
