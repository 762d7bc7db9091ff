//! `route`, `responses` and SIGHUP, with the program itself.
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::code::builtin_rules;
use hansho::frame::kind::Stream;
use hansho_collector::store::{SqliteStore, Store as _};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use support::serve::{Serving, log, signal, until};
use support::{Folder, at, batch, config, hello, new_agent, part, send};

const BINARY: &str = env!("CARGO_BIN_EXE_hansho-collector");
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
name = "佐藤"
mail = "sato@example.jp"
[[team]]
id = "ops"
receivers = "sato"
[[customer]]
id = "mirai"
name = "みらい商事"
[[system]]
customer = "mirai"
id = "order"
team = "ops"
[[response]]
code = 1002
customer = "mirai"
first_action = ["一つ目\n  command", "二つ目"]
must_not = "再起動"
telephone = "03-0000-0000"
"#;

fn folder() -> Folder {
    let folder = Folder::new("commands");
    fs::write(folder.path().join("collector.toml"), CONFIG).unwrap();
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(BINARY)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn text(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&text(folder, arguments)).unwrap()
}

#[test]
fn route_says_who_gets_it_what_they_are_told_and_why() {
    let folder = folder();
    let here = folder.path();
    // Before there is a store, a whole path is enough.
    let before = [
        "route",
        "--agent",
        "mirai/order/web03",
        "--code",
        "HNS1002",
        "--at",
        "2026-11-24 03:00",
    ];
    let said = text(here, &before);
    for expected in [
        "no such agent was added yet",
        "HNS1002-E",
        "at 2026-11-24 03:00:00 +09:00",
        "team: ops ops (of the system)",
        "deliver: now, the urgency of the code is now",
        "sato 佐藤, mail sato@example.jp: always told by team ops",
        "what: agreed in collector.toml:23",
        "1. 一つ目\n       command\n",
        "must not: 再起動",
        "telephone: 03-0000-0000",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert_eq!(
        run(here, &["route", "--agent", "web03", "--code", "1002"])
            .status
            .code(),
        Some(74)
    );
    text(here, &["agent", "add", "web03", "--system", "mirai/order"]);
    let value = json(
        here,
        &[
            "route",
            "--agent",
            "web03",
            "--code",
            "1001",
            "--at",
            "2026-11-24 03:00",
            "--json",
        ],
    );
    assert_eq!(value["agent_added"], true);
    assert_eq!(value["deliver"], "digest");
    // 2026-11-24 09:00 JST.
    assert_eq!(value["digest_at_ms"], 1_795_478_400_000_u64);
    assert_eq!(value["told"][0]["receiver"], "sato");
    assert_eq!(value["told"][0]["why"], "always");
    assert_eq!(value["response"], Value::Null);
    for (wrong, expected) in [
        (&["route"][..], 64),
        (&["route", "--agent", "web03"], 64),
        (&["route", "--agent", "web03", "--code", "1234"], 64),
        (
            &[
                "route", "--agent", "web03", "--code", "1002", "--at", "noon",
            ],
            64,
        ),
        (&["route", "--agent", "nobody", "--code", "1002"], 1),
        (&["check", "--code", "1002"], 64),
        (&["responses", "--agent", "web03"], 64),
        (&["responses", "--system", "mirai"], 64),
        (&["responses", "--system", "mirai/nothing"], 1),
    ] {
        assert_eq!(run(here, wrong).status.code(), Some(expected), "{wrong:?}");
    }
}

#[test]
fn responses_names_what_a_system_can_raise_without_one() {
    let folder = folder();
    let here = folder.path();
    text(here, &["agent", "add", "web03", "--system", "mirai/order"]);
    // No rules told yet: the built-in ones.
    let value = json(here, &["responses", "--json"]);
    let codes: BTreeSet<u64> = builtin_rules()
        .iter()
        .filter(|rule| rule.enabled)
        .map(|rule| u64::from(rule.code))
        .collect();
    let named = |value: &Value| -> BTreeSet<u64> {
        let list = value["without_response"].as_array().unwrap();
        list.iter()
            .map(|open| open["code"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(value[0]["rules_presumed"][0], "web03");
    let agents_own: BTreeSet<u64> = named(&value[0])
        .into_iter()
        .filter(|code| *code < 9000)
        .collect();
    let expected: BTreeSet<u64> = codes.into_iter().filter(|code| *code != 1002).collect();
    assert_eq!(agents_own, expected);
    let said = text(here, &["responses", "--system", "mirai/order"]);
    assert!(
        said.contains("HNS1001-W メモリ使用率 高: all hosts"),
        "{said}"
    );
    // Its own rules, as its Config told them: one code.
    let other = Folder::new("commands");
    let here = other.path();
    fs::write(here.join("collector.toml"), CONFIG).unwrap();
    {
        let store = SqliteStore::open_writer(&here.join("data"), at(0)).unwrap();
        store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
        let frames = [hello(1, "web03"), config(7, 0, 1, 2001, "built-in")];
        send(
            &store,
            &batch(1, 1000, &[part(1, Stream::Alerts, 0, &frames)]),
            at(1000),
        );
    }
    let value = json(here, &["responses", "--json"]);
    let system = value
        .as_array()
        .unwrap()
        .iter()
        .find(|system| !system["without_response"].as_array().unwrap().is_empty())
        .unwrap();
    assert_eq!(
        system["rules_presumed"].as_array().unwrap().len(),
        0,
        "{value}"
    );
    let own: Vec<u64> = named(system)
        .into_iter()
        .filter(|code| *code < 9000)
        .collect();
    assert_eq!(own, [2001]);
}

#[test]
fn check_reads_the_files_that_are_named_and_warns() {
    let folder = folder();
    let here = folder.path();
    let more = "[[receiver]]\nid = \"hook\"\nwebhook = { url = \"https://hook.example.jp/\", secret_file = \"hook.secret\" }\n\
                [[team]]\nid = \"night\"\nroster = \"night.csv\"\n[holidays]\nfile = \"syukujitsu.csv\"\n";
    fs::write(here.join("collector.toml"), format!("{CONFIG}{more}")).unwrap();
    fs::write(here.join("hook.secret"), "k3y\n").unwrap();
    fs::write(
        here.join("night.csv"),
        "from,to,first,second,third\r\n2026-01-01,2026-01-31,sato,,\r\n",
    )
    .unwrap();
    fs::write(
        here.join("syukujitsu.csv"),
        "国民の祝日・休日月日,国民の祝日・休日名称\r\n2020/1/1,元日\r\n",
    )
    .unwrap();
    let mode = |mode| {
        fs::set_permissions(here.join("hook.secret"), fs::Permissions::from_mode(mode)).unwrap()
    };
    mode(0o640);
    let refused = run(here, &["check"]);
    assert_eq!(refused.status.code(), Some(78));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains(
            "collector.toml:31: [receiver.webhook] secret_file: found hook.secret of mode 0640"
        ),
        "{said}"
    );
    mode(0o600);
    let good = run(here, &["check"]);
    let said = String::from_utf8(good.stderr).unwrap();
    assert_eq!(good.status.code(), Some(0), "{said}");
    assert!(
        said.contains("night.csv: the roster ends at 2026-02-01 00:00"),
        "{said}"
    );
    assert!(
        said.contains("syukujitsu.csv: the holidays end with 2020-01-01"),
        "{said}"
    );
    // A directory, like a pipe, is no file of it.
    fs::remove_file(here.join("night.csv")).unwrap();
    fs::create_dir(here.join("night.csv")).unwrap();
    let refused = run(here, &["check"]);
    assert_eq!(refused.status.code(), Some(78));
    assert!(
        String::from_utf8(refused.stderr)
            .unwrap()
            .contains("not a regular file")
    );
}

#[test]
fn a_hangup_takes_over_what_may_change_and_keeps_the_old_where_it_is_refused() {
    let folder = folder();
    let file = folder.path().join("collector.toml");
    let here = folder.path();
    let serving = Serving::start(here, "collector.toml");
    // Lines from where it was read up to before, to the one that contains `last`.
    let mut read = 0;
    let mut heard = |last: &str| -> Vec<String> {
        until(last, || {
            let all = log(here);
            let rest = all.get(read..)?;
            let (before, after) = rest.split_once(last)?;
            let end = before.len() + last.len() + after.find('\n')? + 1;
            read += end;
            Some(rest.get(..end)?.lines().map(str::to_owned).collect())
        })
    };
    let pid = serving.child.id();
    heard("no account yet");
    // Refused: every mistake in a line of its own, and it goes on.
    fs::write(
        &file,
        CONFIG
            .replace("\"sato@example.jp\"", "\"nobody\"")
            .replace("code = 1002", "code = 1"),
    )
    .unwrap();
    signal(pid, "-HUP");
    let lines = heard("[[response]] code");
    // Before it stands what it says at the start: there is no [mail].
    let refused = lines.iter().position(|line| line.starts_with("ERROR"));
    assert!(
        lines[refused.unwrap()].contains("the one in force stays"),
        "{lines:?}"
    );
    assert!(
        lines.iter().any(|line| line.starts_with("ERROR")
            && line.contains("collector.toml:12: [[receiver]] mail")),
        "{lines:?}"
    );
    // Taken over; what needs a restart says so.
    fs::write(
        &file,
        format!("{CONFIG}[presence]\nnotify_after = \"5m\"\n").replace(
            "directory = \"data\"",
            "directory = \"data\"\nretention_days = 5",
        ),
    )
    .unwrap();
    signal(pid, "-HUP");
    let lines = heard("retention_days");
    assert!(
        lines
            .iter()
            .any(|line| line == "INFO hansho_collector::cli::reload: SIGHUP: [presence]"),
        "{lines:?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("WARN") && line.contains("needs a restart")),
        "{lines:?}"
    );
    signal(pid, "-HUP");
    heard("retention_days");
    assert_eq!(serving.stop(), Some(0));
}
