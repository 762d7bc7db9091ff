//! Accounts and tokens on the command line, and the set-up link of the first start.
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use support::Folder;
use support::serve::{Serving, log};

const BINARY: &str = env!("CARGO_BIN_EXE_hansho-collector");
const CONFIG: &str = "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n[pages]\nlisten = \"127.0.0.1:0\"\n\
                      [store]\ndirectory = \"data\"\n";

fn folder() -> Folder {
    let folder = Folder::new("binary-people");
    fs::write(folder.path().join("collector.toml"), CONFIG).unwrap();
    folder
}

fn run(here: &Path, words: &str, stdin: &str) -> Output {
    let mut child = Command::new(BINARY)
        .args(words.split(' '))
        .current_dir(here)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads no password may have ended.
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).ok();
    child.wait_with_output().unwrap()
}

fn code(here: &Path, words: &str, stdin: &str) -> i32 {
    run(here, words, stdin).status.code().unwrap()
}

fn said(here: &Path, words: &str, stdin: &str) -> String {
    let output = run(here, words, stdin);
    assert_eq!(output.status.code(), Some(0), "{words}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn accounts_are_added_listed_disabled_and_given_passwords() {
    let folder = folder();
    let here = folder.path();
    let add = "account add sato --role operator --customer A --customer B --language en";
    assert_eq!(
        said(here, add, "correct horse battery\n"),
        "account sato added: operator, A, B\n"
    );
    assert_eq!(
        said(
            here,
            "account add 管理 --role admin",
            "正しい馬の電池の鋲です。\r\n"
        ),
        "account 管理 added: admin, all customers\n"
    );
    let sso = "account add sso@mirai.example --role viewer --no-password";
    assert_eq!(code(here, sso, ""), 0);
    // 1
    assert_eq!(code(here, add, "correct horse battery\n"), 1);
    for missing in ["disable", "enable", "password"] {
        assert_eq!(code(here, &format!("account {missing} nobody"), "x"), 1);
    }
    assert_eq!(code(here, "account disable 管理", ""), 1);
    // 64
    for usage in [
        "account",
        "account add",
        "account add x",
        "account add x --role root",
        "account add x/y --role viewer",
        "account add x --role viewer --language fr",
        "account add x --role viewer --customer a/b",
        "account add x --role viewer --days 3",
        "account list --role viewer",
        "account disable sato --json",
        "account sell sato",
        "serve --role viewer",
        "agent list --no-password",
    ] {
        assert_eq!(code(here, usage, "correct horse battery\n"), 64, "{usage}");
    }
    let long = "x1".repeat(100_000);
    for weak in ["", "\n", "short\n", "aaaaaaaaaaaaaaaa\n", &long] {
        assert_eq!(code(here, "account add x --role viewer", weak), 64);
        assert_eq!(code(here, "account password sato", weak), 64);
    }
    assert_eq!(code(here, "account password sato", "another password\n"), 0);
    assert_eq!(code(here, "account disable sato", ""), 0);
    assert_eq!(
        said(here, "account list", ""),
        "sato operator (A, B) disabled\nsso@mirai.example viewer (all customers) enabled, no password\n\
         管理 admin (all customers) enabled\n"
    );
    assert_eq!(code(here, "account enable sato", ""), 0);
    let json = said(here, "account list --json", "");
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    let expected = serde_json::json!({
        "account": "sato", "role": "operator", "customers": ["A", "B"], "language": "en", "password": true,
        "disabled": false, "created": first["created"], "created_ms": first["created_ms"],
    });
    assert_eq!(first, expected);
    assert!(!json.contains("argon2"), "{json}");
}

#[test]
fn tokens_are_shown_once_listed_and_revoked() {
    let folder = folder();
    let here = folder.path();
    let token = said(
        here,
        "token add monitor --role viewer --customer A --days 30",
        "",
    );
    assert!(token.starts_with("hansho_") && token.len() == 72, "{token}");
    assert_eq!(code(here, "token add monitor --role viewer", ""), 1);
    for usage in [
        "token add x",
        "token add x --role viewer --days 0",
        "token add x --role viewer --days 3651",
        "token add x --role viewer --language ja",
        "token show monitor",
    ] {
        assert_eq!(code(here, usage, ""), 64, "{usage}");
    }
    let list = said(here, "token list", "");
    assert!(list.starts_with("monitor viewer (A) ends: 2"), "{list}");
    assert!(list.ends_with("; last used: never\n"), "{list}");
    let json = said(here, "token list --json", "");
    assert!(!json.contains(token.trim_end()) && !list.contains(token.trim_end()));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let days = json["expires_ms"].as_u64().unwrap() - json["created_ms"].as_u64().unwrap();
    assert_eq!(days, 30 * 24 * 60 * 60 * 1000);
    assert_eq!(json["created_by"], "command line");
    assert_eq!(code(here, "token revoke monitor", ""), 0);
    assert_eq!(code(here, "token revoke monitor", ""), 1);
    assert_eq!(said(here, "token list", ""), "");
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_first_start_prints_a_link_until_there_is_an_account() {
    let folder = folder();
    let here = folder.path();
    let link = |serving: Serving| -> Option<String> {
        assert_eq!(serving.stop(), Some(0));
        let said = log(here);
        fs::remove_file(here.join("serve.log")).unwrap();
        let line = said.lines().find(|line| line.contains("no account yet"))?;
        Some(line.split(' ').next_back().unwrap().to_owned())
    };
    let serving = Serving::start(here, "collector.toml");
    let pages = serving.pages.clone();
    let first = link(serving).unwrap();
    let key = first.strip_prefix(&format!("http://{pages}")).unwrap();
    assert!(key.starts_with("/setup?key="), "{first}");
    // Each start offers another, and the one before is good no more.
    let serving = Serving::start(here, "collector.toml");
    assert!(get(&serving.pages, key).starts_with("HTTP/1.1 404"));
    let second = link(serving).unwrap();
    assert_ne!(first.split("key=").nth(1), second.split("key=").nth(1));
    let add = "account add sato --role admin";
    assert_eq!(code(here, add, "correct horse battery\n"), 0);
    let serving = Serving::start(here, "collector.toml");
    assert!(get(&serving.pages, "/").starts_with("HTTP/1.1 303"));
    assert_eq!(link(serving), None);
}
