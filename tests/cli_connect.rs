//! `hansho join` and `hansho check --connect` against a small collector, well or badly behaved.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails"
)]

mod cli_common;

use cli_common::{Ended, Folder, hansho};
use hansho::clock::WallTime;
use hansho::frame::answer::Answer;
use hansho::frame::batch::open_batch;
use hansho::frame::seal::AgentKey;
use hansho::sys;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

const KEY: AgentKey = AgentKey([0xab; 32]);

type Reply = dyn Fn(&str, &[u8]) -> (u16, Vec<u8>) + Send + Sync;

/// A server on a port of its own; what it was asked, as `path body`.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(reply: impl Fn(&str, &[u8]) -> (u16, Vec<u8>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (noted, reply): (_, Arc<Reply>) = (asked.clone(), Arc::new(reply));
        std::thread::spawn(move || {
            for wire in listener.incoming().flatten() {
                let (noted, reply) = (noted.clone(), reply.clone());
                std::thread::spawn(move || while serve(&wire, &noted, &*reply).is_some() {});
            }
        });
        Self { address, asked }
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut wire: &TcpStream, noted: &Mutex<Vec<String>>, reply: &Reply) -> Option<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if wire.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    wire.read_exact(&mut body).ok()?;
    noted
        .lock()
        .unwrap()
        .push(format!("{path} {}", String::from_utf8_lossy(&body)));
    let (status, answer) = reply(&path, &body);
    let text = format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n",
        answer.len()
    );
    wire.write_all(text.as_bytes()).ok()?;
    wire.write_all(&answer).ok()
}

/// A configuration with rings and key in a folder.
fn config(folder: &Folder, url: &str, more: &str) -> PathBuf {
    let at = folder.path().display();
    let text = format!(
        "config_version = 1\n[agent]\nkey_file = \"{at}/key\"\n[spool]\ndirectory = \"{at}/disk\"\n\
         memory_directory = \"{at}/memory\"\n[forward]\nurls = [\"{url}\"]\n{more}"
    );
    folder.file("agent.toml", text.as_bytes())
}

fn secret(folder: &Folder, name: &str, text: &str) -> PathBuf {
    let path = folder.file(name, text.as_bytes());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn key_line() -> String {
    format!("hansho1 {:016x} 1 {}", 0x1234, "ab".repeat(32))
}

fn joined() -> Vec<u8> {
    format!(
        "{{\"agent\":\"mirai/order/web03\",\"key\":\"{}\"}}",
        key_line()
    )
    .into_bytes()
}

fn join(folder: &Folder, url: &str, more: &[&str]) -> Ended {
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (token, config) = (at("token"), at("agent.toml"));
    let words = ["join", url, "--token-file", &token, "--config", &config];
    hansho(words.iter().chain(more))
}

#[test]
fn joining_writes_the_key_once_and_keeps_it() {
    let folder = Folder::new();
    let server = Server::start(|_, _| (200, joined()));
    config(&folder, &server.url(), "");
    secret(&folder, "token", "hansho-join-1-7-secret\n");
    let ended = join(&folder, &server.url(), &["--name", "web03"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        ended
            .out
            .starts_with("joined as mirai/order/web03; the key is in "),
        "{ended:?}"
    );
    let key = folder.path().join("key");
    assert_eq!(
        fs::read_to_string(&key).unwrap(),
        format!("{}\n", key_line())
    );
    let mode = fs::metadata(&key).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode, 0o600);
    assert_eq!(
        server.asked(),
        ["/v1/join {\"name\":\"web03\",\"token\":\"hansho-join-1-7-secret\"}"]
    );
    // A second time it is refused before a use of the token is spent.
    let again = join(&folder, &server.url(), &["--name", "web03"]);
    assert_eq!((again.code, server.asked().len()), (73, 1), "{again:?}");
    let replaced = join(&folder, &server.url(), &["--replace"]);
    assert_eq!(
        (replaced.code, server.asked().len()),
        (0, 2),
        "{replaced:?}"
    );
    // Nothing but the three files and no temporary one is left.
    let mut left: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["agent.toml", "key", "token"]);
}

#[test]
fn a_first_configuration_is_written_and_can_be_used() {
    let folder = Folder::new();
    let server = Server::start(|_, _| (200, joined()));
    secret(&folder, "token", "t");
    let own = folder.path().join("etc/agent.toml");
    let own = own.display().to_string();
    let token = folder.path().join("token").display().to_string();
    let url = server.url();
    let join_own = |more: &[&str]| {
        let words = [
            "join",
            &url,
            "--token-file",
            &token,
            "--config",
            &own,
            "--name",
            "a",
        ];
        hansho(words.iter().chain(more))
    };
    // Nothing is asked, and nothing left behind, where the configuration would be none.
    let ended = join_own(&["--pin-sha256", "zz"]);
    assert_eq!((ended.code, server.asked().len()), (78, 0), "{ended:?}");
    assert!(ended.err.contains("forward.pin_sha256"), "{ended:?}");
    assert!(!folder.path().join("etc").exists());

    let pin = "ab".repeat(32);
    let ended = join_own(&["--pin-sha256", &pin]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let key = folder.path().join("etc/agent.key");
    assert_eq!(
        fs::read_to_string(key).unwrap(),
        format!("{}\n", key_line())
    );
    let checked = hansho(["check", "--config", &own]);
    assert_eq!(checked.code, 0, "{checked:?}");
    let shown = hansho(["check", "--show", "--config", &own]).out;
    assert!(shown.contains(&format!("urls = [\"{url}\"]")), "{shown}");
    assert!(
        shown.contains(&format!("pin_sha256 = [\"{pin}\"]")),
        "{shown}"
    );
    // With a configuration that is there, whom to trust stands in it.
    assert_eq!(join_own(&["--replace", "--ca-file", "/x"]).code, 64);
    config(&folder, "https://elsewhere.example/", "");
    let warned = join(&folder, &url, &["--name", "a"]);
    assert_eq!(warned.code, 0, "{warned:?}");
    assert!(
        warned.err.contains("forward.urls does not name"),
        "{warned:?}"
    );
}

#[test]
fn each_refusal_has_its_words_and_its_number() {
    let folder = Folder::new();
    let text = |error: &str| {
        format!("{{\"error\":\"x\",\"message\":\"{error}\\u001b[31m\"}}").into_bytes()
    };
    secret(&folder, "token", "t");
    for (status, body, code, words) in [
        (401, text("not a join token"), 1, "not a join token\\u{1b}"),
        (403, text("over"), 1, "over"),
        (409, text("taken"), 1, "taken"),
        (429, text("again"), 75, "again"),
        (503, Vec::new(), 75, "try again"),
        (404, Vec::new(), 76, "older version"),
        (200, b"<html>".to_vec(), 76, "no collector"),
        (
            200,
            b"{\"agent\":\"a\",\"key\":\"hansho1 x\"}".to_vec(),
            76,
            "2 fields",
        ),
    ] {
        let server = Server::start(move |_, _| (status, body.clone()));
        config(&folder, &server.url(), "");
        let ended = join(&folder, &server.url(), &["--name", "a"]);
        assert_eq!(ended.code, code, "{ended:?}");
        assert!(ended.err.contains(words), "{words}: {ended:?}");
        assert!(!folder.path().join("key").exists());
    }
    let nobody = join(&folder, "http://127.0.0.1:9/", &["--name", "a"]);
    assert_eq!(nobody.code, 69, "{nobody:?}");
    let plain = join(&folder, "http://collector.example/", &[]);
    assert_eq!(plain.code, 64, "{plain:?}");
    fs::set_permissions(
        folder.path().join("token"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    let open = join(&folder, "http://127.0.0.1:9/", &["--name", "a"]);
    assert_eq!(open.code, 78, "{open:?}");
    assert!(open.err.contains("chmod 600"), "{open:?}");
    fs::remove_file(folder.path().join("token")).unwrap();
    assert_eq!(
        join(&folder, "http://127.0.0.1:9/", &["--name", "a"]).code,
        66
    );
}

/// A collector whose clock is so much ahead.
fn collector(ahead_ms: u64) -> Server {
    Server::start(move |path, batch| {
        assert_eq!(path, "/v1/check");
        let Ok(opened) = open_batch(batch, &KEY) else {
            return (401, b"not authenticated".to_vec());
        };
        assert_eq!(opened.sections().count(), 0);
        let answer = Answer {
            echo: opened.mac,
            collector_wall: WallTime::from_millis(sys::wall().as_millis() + ahead_ms),
            ..Answer::default()
        };
        let mut buffer = [0; 256];
        (200, answer.seal(&KEY, &mut buffer).unwrap().to_vec())
    })
}

fn check(folder: &Folder) -> (i32, Vec<(String, String, String)>) {
    let path = folder.path().join("agent.toml").display().to_string();
    let ended = hansho(["check", "--connect", "--json", "--config", &path]);
    let said: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let steps = said["connect"][0]["steps"].as_array().unwrap();
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let steps = steps
        .iter()
        .map(|step| {
            (
                word(&step["step"]),
                word(&step["ended"]),
                word(&step["text"]),
            )
        })
        .collect();
    (ended.code, steps)
}

fn step<'s>(steps: &'s [(String, String, String)], name: &str) -> (&'s str, &'s str) {
    let found = steps.iter().find(|(step, ..)| step == name).unwrap();
    (&found.1, &found.2)
}

#[test]
fn every_step_of_a_good_way_is_told() {
    let folder = Folder::new();
    let server = collector(0);
    config(&folder, &server.url(), "");
    secret(&folder, "key", &key_line());
    let (code, steps) = check(&folder);
    assert_eq!(code, 0, "{steps:?}");
    let names: Vec<&str> = steps.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "name", "tcp", "proxy", "tls", "clock", "key", "store", "traffic", "agent"
        ]
    );
    for good in ["tcp", "clock", "key", "store", "traffic"] {
        assert_eq!(step(&steps, good).0, "ok", "{steps:?}");
    }
    for none in ["name", "proxy", "tls", "agent"] {
        assert_eq!(step(&steps, none).0, "skipped", "{steps:?}");
    }
    let traffic = step(&steps, "traffic").1;
    assert!(
        traffic.contains(" MB a month: ") && traffic.contains("(assumed)"),
        "{traffic}"
    );
    // As lines, and not together with what leaves the key out.
    let path = folder.path().join("agent.toml").display().to_string();
    let lines = hansho(["check", "--connect", "--config", &path]);
    assert!(
        lines
            .out
            .contains("\n  key      ok      agent 0000000000001234, key 1: accepted\n"),
        "{lines:?}"
    );
    assert_eq!(hansho(["check", "--connect", "--no-key"]).code, 64);
}

#[test]
fn the_step_that_fails_is_named_and_those_behind_it_are_not_reached() {
    let folder = Folder::new();
    secret(&folder, "key", &key_line());
    let failed = |steps: &[(String, String, String)]| -> Vec<String> {
        let failed = steps.iter().filter(|(_, ended, _)| ended == "failed");
        failed.map(|(step, ..)| step.clone()).collect()
    };
    // A clock five minutes off.
    let off = collector(300_000);
    config(&folder, &off.url(), "");
    let (code, steps) = check(&folder);
    assert_eq!(
        (code, failed(&steps)),
        (69, vec!["clock".to_owned()]),
        "{steps:?}"
    );
    assert!(step(&steps, "clock").1.contains("behind the collector"));
    // Nobody listens.
    config(&folder, "http://127.0.0.1:9/", "");
    let (code, steps) = check(&folder);
    assert_eq!(
        (code, failed(&steps)),
        (69, vec!["tcp".to_owned()]),
        "{steps:?}"
    );
    assert_eq!(step(&steps, "key"), ("skipped", "not reached"));
    // A name that nobody has (RFC 6761).
    config(
        &folder,
        "https://collector.invalid/",
        "pin_sha256 = [\"0000000000000000000000000000000000000000000000000000000000000000\"]\n",
    );
    let (code, steps) = check(&folder);
    assert_eq!(
        (code, failed(&steps)),
        (69, vec!["name".to_owned()]),
        "{steps:?}"
    );
    // What answers there speaks no TLS.
    let plain = collector(0);
    let url = plain.url().replace("http://", "https://");
    config(
        &folder,
        &url,
        "pin_sha256 = [\"0000000000000000000000000000000000000000000000000000000000000000\"]\n",
    );
    let (code, steps) = check(&folder);
    assert_eq!(
        (code, failed(&steps)),
        (69, vec!["tls".to_owned()]),
        "{steps:?}"
    );
    // A proxy that does not let anybody through.
    let refused = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let dead = refused.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut wire in refused.incoming().flatten() {
            drop(wire.write_all(b"HTTP/1.1 403 Filtered\r\n\r\n"));
        }
    });
    let filtered = format!("proxy = \"http://{dead}\"\n");
    config(&folder, "http://127.0.0.1:9/", &filtered);
    let (code, steps) = check(&folder);
    assert_eq!(
        (code, failed(&steps)),
        (69, vec!["proxy".to_owned()]),
        "{steps:?}"
    );
    assert!(step(&steps, "proxy").1.contains("(403)"), "{steps:?}");
}

#[test]
fn what_answers_without_knowing_the_key_is_told_apart() {
    let folder = Folder::new();
    secret(&folder, "key", &key_line());
    for (status, body, failed, words) in [
        (401, "no", "key", "unknown there, revoked or retired"),
        (404, "no", "key", "older version"),
        (200, "<html>", "key", "captive portal"),
        (503, "no", "store", "disk cannot be written"),
    ] {
        let server = Server::start(move |_, _| (status, body.into()));
        config(&folder, &server.url(), "");
        let (code, steps) = check(&folder);
        assert_eq!(code, 69, "{steps:?}");
        let (ended, text) = step(&steps, failed);
        assert_eq!(ended, "failed", "{steps:?}");
        assert!(text.contains(words), "{steps:?}");
        assert_eq!(step(&steps, "clock").0, "skipped");
    }
    // Without a key the way is tried all the same.
    fs::remove_file(folder.path().join("key")).unwrap();
    let server = collector(0);
    config(&folder, &server.url(), "");
    let (code, steps) = check(&folder);
    assert_eq!(code, 66, "{steps:?}");
    assert_eq!(step(&steps, "tcp").0, "ok");
    assert!(
        step(&steps, "key").1.contains("there is no such file"),
        "{steps:?}"
    );
}
