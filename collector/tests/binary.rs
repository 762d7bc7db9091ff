//! The program itself: exit codes, files that it makes, and a whole life of `serve`.
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::string_slice,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::frame::answer::Answer;
use hansho::frame::batch::{BatchHeader, BatchWriter, SectionHeader};
use hansho::frame::kind::{AgentId, BootId, RunId, Stream};
use hansho::frame::seal::AgentKey;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use support::serve::Serving;
use support::{Folder, alert, event, hello, readings};

const BINARY: &str = env!("CARGO_BIN_EXE_hansho-collector");
const CONFIG: &str = "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n[pages]\nlisten = \"127.0.0.1:0\"\n\
                      [store]\ndirectory = \"data\"\n";

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(BINARY)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn code(folder: &Path, arguments: &[&str]) -> i32 {
    run(folder, arguments).status.code().unwrap()
}

fn folder() -> Folder {
    let folder = Folder::new("binary");
    fs::write(folder.path().join("collector.toml"), CONFIG).unwrap();
    folder
}

#[test]
fn exit_codes_are_those_of_the_manual() {
    let folder = folder();
    let here = folder.path();
    // 0
    for good in [
        &["--help"][..],
        &["serve", "--help"],
        &["--version"],
        &["check"],
    ] {
        assert_eq!(code(here, good), 0, "{good:?}");
    }
    let add = [
        "agent",
        "add",
        "web03",
        "--system",
        "mirai/order",
        "--key-file",
        "web03.key",
    ];
    assert_eq!(code(here, &add), 0);
    for good in [
        &["check"][..],
        &["agent", "list"],
        &["agent", "list", "--json"],
        &["alerts", "--json", "--all"],
        &["readings", "web03", "--json", "--since-ms", "5"],
        &["frames", "mirai/order/web03", "--json"],
        &["losses", "web03", "--json"],
        &["stats", "--json"],
    ] {
        assert_eq!(code(here, good), 0, "{good:?}");
    }
    // 1
    assert_eq!(code(here, &["readings", "nobody"]), 1);
    assert_eq!(
        code(here, &["agent", "add", "web03", "--system", "mirai/order"]),
        1
    );
    // 64
    for usage in [
        &[][..],
        &["nonsense"],
        &["serve", "--nonsense"],
        &["serve", "--all"],
        &["alerts", "--since-ms", "1"],
        &["readings", "web03", "--since-ms", "soon"],
        &["readings"],
        &["agent", "add", "web04"],
        &["agent", "add", "a/b", "--system", "mirai/order"],
        &["agent", "add", "web04", "--system", "mirai"],
        &["agent", "add", "", "--system", "mirai/order"],
        &["agent", "add", "a\nb", "--system", "mirai/order"],
    ] {
        assert_eq!(code(here, usage), 64, "{usage:?}");
    }
    // 66: the same number as `hansho check`.
    for command in ["check", "serve", "alerts"] {
        let missing = run(here, &[command, "--config", "missing.toml"]);
        assert_eq!(missing.status.code(), Some(66));
        assert_eq!(
            String::from_utf8(missing.stderr).unwrap(),
            "hansho-collector: missing.toml: there is no such file\n"
        );
    }
    // 74: it is there, and no file.
    assert_eq!(code(here, &["check", "--config", "."]), 74);
    // 78
    fs::write(here.join("bad.toml"), CONFIG.replace("[pages]", "[page]")).unwrap();
    let refused = run(here, &["check", "--config", "bad.toml"]);
    assert_eq!(refused.status.code(), Some(78));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains("bad.toml:4: page: found an unknown key"),
        "{said}"
    );
    // 74: the listener's address is taken.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fs::write(
        here.join("taken.toml"),
        CONFIG.replacen("127.0.0.1:0", &address, 1),
    )
    .unwrap();
    assert_eq!(code(here, &["serve", "--config", "taken.toml"]), 74);
    // 65
    fs::create_dir(here.join("broken")).unwrap();
    fs::write(here.join("broken/collector.sqlite"), [b'x'; 9000]).unwrap();
    fs::write(
        here.join("broken.toml"),
        CONFIG.replace("\"data\"", "\"broken\""),
    )
    .unwrap();
    assert_eq!(code(here, &["serve", "--config", "broken.toml"]), 65);
    assert_eq!(code(here, &["check", "--config", "broken.toml"]), 65);
}

#[test]
fn secrets_are_for_their_owner_only() {
    let folder = folder();
    let here = folder.path();
    let add = [
        "agent",
        "add",
        "web03",
        "--system",
        "mirai/order",
        "--key-file",
        "web03.key",
    ];
    assert_eq!(code(here, &add), 0);
    for name in ["masters.keys", "web03.key"] {
        let mode = fs::metadata(here.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    let mode = fs::metadata(here.join("data"))
        .unwrap()
        .permissions()
        .mode()
        & 0o777;
    assert_eq!(mode, 0o700);
    // A key is never overwritten, and then no agent is added either.
    let again = [
        "agent",
        "add",
        "web04",
        "--system",
        "mirai/order",
        "--key-file",
        "web03.key",
    ];
    assert_eq!(code(here, &again), 1);
    assert_eq!(
        run(here, &["agent", "list"])
            .stdout
            .split(|byte| *byte == b'\n')
            .count(),
        2
    );
    fs::set_permissions(here.join("masters.keys"), fs::Permissions::from_mode(0o640)).unwrap();
    for command in [
        &["serve"][..],
        &["check"],
        &["agent", "add", "x", "--system", "a/b"],
    ] {
        let refused = run(here, command);
        assert_eq!(refused.status.code(), Some(78), "{command:?}");
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains("chmod 0600 '"), "{said}");
        assert!(said.contains("masters.keys'"), "{said}");
    }
    fs::set_permissions(here.join("masters.keys"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(here.join("masters.keys"), "1 abc\n").unwrap();
    let refused = run(here, &["check"]);
    assert_eq!(refused.status.code(), Some(78));
    assert!(
        String::from_utf8(refused.stderr)
            .unwrap()
            .contains("masters.keys:1:")
    );
}

struct KeyFile {
    agent: AgentId,
    epoch: u8,
    key: AgentKey,
}

fn key_file(path: &Path) -> KeyFile {
    let text = fs::read_to_string(path).unwrap();
    let words: Vec<&str> = text.trim_end().split(' ').collect();
    assert_eq!((words.len(), words[0]), (4, "hansho1"));
    let mut key = [0; 32];
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&words[3][index * 2..index * 2 + 2], 16).unwrap();
    }
    KeyFile {
        agent: AgentId(u64::from_str_radix(words[1], 16).unwrap()),
        epoch: words[2].parse().unwrap(),
        key: AgentKey(key),
    }
}

fn post(
    address: &str,
    file: &KeyFile,
    sent_ms: u64,
    sections: &[(Stream, Vec<Vec<u8>>)],
) -> Answer {
    let header = BatchHeader {
        key_epoch: file.epoch,
        agent: file.agent,
        run: RunId(5),
        boot: BootId(1),
        sent_uptime: hansho::clock::Uptime::from_millis(sent_ms),
        sent_wall: hansho::clock::WallTime::default(),
    };
    let mut buffer = vec![0; 65_536];
    let mut writer = BatchWriter::new(&mut buffer, 65_536, &header).unwrap();
    for (stream, frames) in sections {
        writer
            .section(&SectionHeader {
                run: RunId(5),
                stream: *stream,
                boot: BootId(1),
                anchor: hansho::clock::Anchor::default(),
                first_sequence: 0,
            })
            .unwrap();
        for frame in frames {
            writer.frame(frame).unwrap();
        }
    }
    let batch = writer.seal(&file.key).unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /v1/frames HTTP/1.1\r\nHost: c\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {}\r\n\r\n",
        batch.len()
    )
    .unwrap();
    stream.write_all(batch).unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).unwrap();
    let start = response
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    Answer::open(&response[start..], &file.key, batch.last_chunk().unwrap()).unwrap()
}

fn json(folder: &Path, arguments: &[&str]) -> Vec<serde_json::Value> {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn serve_stores_answers_shows_survives_a_kill_and_stops_in_order() {
    let folder = folder();
    let here = folder.path();
    let serving = Serving::start(here, "collector.toml");
    // Added while it runs.
    let add = [
        "agent",
        "add",
        "web03",
        "--system",
        "みらい商事/受注",
        "--key-file",
        "web03.key",
    ];
    assert_eq!(code(here, &add), 0);
    let file = key_file(&here.join("web03.key"));
    let sections = [
        (
            Stream::Alerts,
            vec![
                hello(1, "web03.example"),
                alert(event(1002, 1, 1, 500, 500)),
            ],
        ),
        (Stream::Readings, vec![readings(600, &[3200, 3100])]),
    ];
    let answer = post(&serving.ingest, &file, 1000, &sections);
    assert_eq!(
        answer
            .stored
            .iter()
            .map(|stored| stored.next)
            .collect::<Vec<_>>(),
        [2, 1]
    );
    // A second one on the same store does not start.
    assert_eq!(code(here, &["serve"]), 1);
    // Reading commands work beside it.
    let alerts = &json(here, &["alerts", "--json"])[0];
    let alert = &alerts[0];
    for (key, value) in [
        ("agent", "web03"),
        ("customer", "みらい商事"),
        ("system", "受注"),
        ("host", "web03.example"),
        ("display", "HNS1002-E"),
        ("severity", "error"),
        ("state", "firing"),
        ("reason", "held"),
    ] {
        assert_eq!(alert[key], value, "{key}");
    }
    assert_eq!(alert["code"], 1002);
    assert_eq!(alert["firing_sequence"], 1);
    assert!(alert["resolved_sequence"].is_null() && alert["recovered_ms"].is_null());
    let readings = json(here, &["readings", "web03", "--json"]);
    assert_eq!(readings.len(), 2);
    assert_eq!(readings[0]["memory"]["available_kib"], 3200 * 256);
    assert_eq!(readings[1]["uptime_ms"], 10_600);
    let frames = json(here, &["frames", "web03", "--json"]);
    let kinds: Vec<_> = frames
        .iter()
        .map(|frame| frame["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["hello", "alert", "readings"]);
    let stats = &json(here, &["stats", "--json"])[0];
    assert_eq!(
        (&stats["frames_stored"], &stats["readings_stored"]),
        (&3.into(), &2.into())
    );
    let made = run(here, &["token", "add", "monitor", "--role", "viewer"]);
    let token = String::from_utf8(made.stdout).unwrap();
    let page = {
        let mut stream = TcpStream::connect(&serving.pages).unwrap();
        write!(
            stream,
            "GET / HTTP/1.1\r\nHost: c\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
            token.trim_end()
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    assert!(page.contains("HNS1002-E"));

    // What was acknowledged outlives a kill.
    assert_eq!(serving.end("-KILL"), None);
    let serving = Serving::start(here, "collector.toml");
    let answer = post(&serving.ingest, &file, 2000, &sections);
    assert_eq!(
        answer
            .stored
            .iter()
            .map(|stored| stored.next)
            .collect::<Vec<_>>(),
        [2, 1]
    );
    let stats = &json(here, &["stats", "--json"])[0];
    assert_eq!(
        (&stats["frames_stored"], &stats["duplicates"]),
        (&3.into(), &3.into())
    );
    assert_eq!(serving.stop(), Some(0));
    let serving = Serving::start(here, "collector.toml");
    assert_eq!(serving.end("-INT"), Some(0));
}

#[test]
fn agents_are_managed_from_the_command_line() {
    let folder = folder();
    let here = folder.path();
    let said = |arguments: &[&str]| {
        let ended = run(here, arguments);
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}");
        String::from_utf8(ended.stdout).unwrap()
    };
    said(&["agent", "add", "web03", "--system", "mirai/order"]);
    let key = said(&["agent", "rotate", "web03"]);
    let words: Vec<&str> = key.split_whitespace().collect();
    assert_eq!((words[0], words[2]), ("hansho1", "2"));
    let told = said(&[
        "agent",
        "rotate",
        "web03",
        "--key-file",
        "new.key",
        "--grace",
        "12h",
    ]);
    assert!(
        told.starts_with("mirai/order/web03: key 3 is in new.key;"),
        "{told}"
    );
    assert!(told.contains("12h at the longest"), "{told}");
    let mode = fs::metadata(here.join("new.key"))
        .unwrap()
        .permissions()
        .mode()
        & 0o777;
    assert_eq!(mode, 0o600);
    // Not overwritten, and then no epoch is spent either.
    assert_eq!(
        code(here, &["agent", "rotate", "web03", "--key-file", "new.key"]),
        1
    );
    assert_eq!(
        said(&["agent", "revoke", "web03", "--epoch", "1"]),
        "mirai/order/web03: 1 key(s) revoked; a running serve refuses them within a second\n"
    );
    assert_eq!(code(here, &["agent", "revoke", "web03", "--epoch", "4"]), 1);
    said(&["agent", "add", "app01", "--system", "mirai/order"]);
    assert_eq!(code(here, &["agent", "rename", "app01", "web03"]), 1);
    said(&["agent", "rename", "app01", "app02"]);
    said(&["agent", "move", "app02", "--system", "aozora/stock"]);
    said(&["agent", "retire", "aozora/stock/app02"]);
    assert!(said(&["agent", "retire", "app02"]).contains("retired already"));
    assert!(said(&["agent", "retire", "app02", "--undo"]).contains("expected again"));
}

#[test]
fn join_tokens_are_managed_from_the_command_line() {
    let folder = folder();
    let here = folder.path();
    let said = |arguments: &[&str]| {
        let ended = run(here, arguments);
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}");
        String::from_utf8(ended.stdout).unwrap()
    };
    said(&["agent", "add", "web03", "--system", "mirai/order"]);
    let add = ["join-token", "add", "--system", "mirai/order"];
    let token = said(&add);
    assert!(
        token.starts_with("hansho-join-1-1-") && token.len() == 81,
        "{token}"
    );
    said(
        &[
            &add[..],
            &["--uses", "3", "--for", "30m", "--file", "token"],
        ]
        .concat(),
    );
    let mode = fs::metadata(here.join("token"))
        .unwrap()
        .permissions()
        .mode()
        & 0o777;
    assert_eq!(mode, 0o600);
    assert_eq!(
        said(&["join-token", "revoke", "1"]),
        "join token 1 revoked\n"
    );
    assert_eq!(code(here, &["join-token", "revoke", "9"]), 1);
    let list = said(&["join-token", "list", "--json"]);
    let states: Vec<serde_json::Value> = list
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (&states[0]["state"], &states[0]["uses"]),
        (&"revoked".into(), &1.into())
    );
    assert_eq!(
        (&states[1]["state"], &states[1]["uses"]),
        (&"good".into(), &3.into())
    );
    // No secret is shown again.
    let secret = token.trim().rsplit('-').next().unwrap();
    assert!(!list.contains(secret));
    for usage in [
        &["join-token", "add"][..],
        &["join-token", "add", "--system", "mirai"],
        &["join-token", "add", "--system", "a/b", "--uses", "0"],
        &["join-token", "add", "--system", "a/b", "--for", "367d"],
        &["join-token", "add", "--system", "a/b", "--for", "soon"],
        &["join-token", "revoke", "x"],
        &["agent", "rename", "web03", "a/b"],
        &["agent", "move", "web03"],
        &["agent", "add", "x", "--system", "a/b", "--undo"],
        &["agent", "retire", "web03", "--epoch", "1"],
        &["agent", "rotate", "web03", "--json"],
        &["alerts", "--for", "1d"],
    ] {
        assert_eq!(code(here, usage), 64, "{usage:?}");
    }
}

#[test]
fn a_host_joins_a_running_collector_over_the_wire() {
    let folder = folder();
    let here = folder.path();
    let added = run(here, &["join-token", "add", "--system", "mirai/order"]);
    let token = String::from_utf8(added.stdout).unwrap();
    let serving = Serving::start(here, "collector.toml");
    let body = serde_json::json!({ "token": token.trim(), "name": "web03" }).to_string();
    let request = format!(
        "POST /v1/join HTTP/1.1\r\nHost: c\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(&serving.ingest).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (_, said) = answer.split_once("\r\n\r\n").unwrap();
    let said: serde_json::Value = serde_json::from_str(said).unwrap();
    assert_eq!(said["agent"], "mirai/order/web03");
    // The key is the one that a master makes: the collector takes a batch sealed with it.
    let line = said["key"].as_str().unwrap();
    let words: Vec<&str> = line.split(' ').collect();
    let mut key = [0; 32];
    for (place, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&words[3][2 * place..2 * place + 2], 16).unwrap();
    }
    let header = BatchHeader {
        key_epoch: 1,
        agent: AgentId(u64::from_str_radix(words[1], 16).unwrap()),
        run: RunId(1),
        boot: BootId(1),
        sent_uptime: hansho::clock::Uptime::from_millis(1),
        sent_wall: hansho::clock::WallTime::from_millis(1),
    };
    let mut buffer = vec![0; 256];
    let batch = BatchWriter::new(&mut buffer, 256, &header).unwrap();
    let batch = batch.seal(&AgentKey(key)).unwrap().to_vec();
    let head = format!(
        "POST /v1/frames HTTP/1.1\r\nHost: c\r\nContent-Type: application/octet-stream\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        batch.len()
    );
    let mut stream = TcpStream::connect(&serving.ingest).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&batch).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    let list = run(here, &["agent", "list", "--json"]);
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(!list.contains("\"last_seen_ms\":null"), "{list}");
}
