//! `test-report`: the acceptance sheet, with the program itself over a store with tests in it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::frame::kind::{AgentId, Stream};
use hansho_collector::store::*;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use support::{Event, Folder, alert, at, batch, config, event, hello, new_agent, part, send};

const BINARY: &str = env!("CARGO_BIN_EXE_hansho-collector");
const SYSTEM: &str = "みらい商事/受注";
const CONFIG: &str = "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n[pages]\ntime_zone_offset = \"+09:00\"\n[store]\ndirectory = \"data\"\n";

fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(BINARY)
        .args(["test-report", "--system", SYSTEM])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn outgoing(number: u64, alert: AlertId, receiver: &str, state: Sending) -> Outgoing {
    Outgoing {
        number,
        decision: 1,
        reason: Reason::Drill,
        alert: Some(alert),
        thread: Some(alert),
        list: None,
        receiver: receiver.to_owned(),
        channel: Channel::Mail,
        to: vec![receiver.to_owned()],
        cc: Vec::new(),
        message_id: format!("<{number}@example.jp>"),
        references: Vec::new(),
        nth: 1,
        created: at(2_000),
        state,
        fence: 0,
        until: None,
        attempts: 1,
        first_try: None,
        next_try: at(2_000),
        done: state.is_final().then(|| at(3_000)),
        said: String::new(),
        served: Vec::new(),
        subject: String::new(),
    }
}

/// The thread of a test, which is over.
fn thread(tested: AlertId) -> Thread {
    Thread {
        root: tested,
        strand: Strand {
            agent: AgentId(1),
            subject: String::new(),
            family: "memory".to_owned(),
            test: true,
        },
        head: tested,
        opened: at(2_000),
        ended: Some(at(3_000)),
        first_told: Some(at(2_000)),
        last_told: None,
        messages: 1,
        listed: None,
        level: 1,
        untaken: None,
        reminded_recovery: None,
        reminded_report: None,
        quiet: None,
        due: None,
        told_from: 0,
        moved_from: None,
        moved_within: false,
    }
}

fn decision(tested: AlertId) -> Decision {
    Decision {
        number: 1,
        event: None,
        alert: Some(tested),
        thread: Some(tested),
        reason: Reason::Drill,
        outcome: Outcome::Told,
        at: at(2_000),
    }
}

#[test]
fn what_was_tested_and_what_was_not_stand_apart() {
    let folder = Folder::new("report");
    fs::write(folder.path().join("collector.toml"), CONFIG).unwrap();
    let store = SqliteStore::open_writer(&folder.path().join("data"), at(0)).unwrap();
    store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
    store.add_agent(&new_agent(2, "web04"), at(0)).unwrap();
    // web03 told its rules: 1002 alone. It raised a test of it, and for real too, which is no test.
    let test = |transition, uptime_ms| {
        alert(Event {
            test: true,
            ..event(1002, transition, 7, 500, uptime_ms)
        })
    };
    let frames = [
        hello(1, "web03"),
        config(9, 0, 1, 1002, "built-in"),
        test(1, 500),
        test(2, 900),
        alert(event(1003, 1, 1, 950, 950)),
    ];
    send(
        &store,
        &batch(5, 1_000, &[part(5, Stream::Alerts, 0, &frames)]),
        at(1_000),
    );
    let alerts = store.alerts(&AlertFilter::default()).unwrap();
    let tested = alerts.iter().find(|alert| alert.identity.test).unwrap().id;

    let bare = said(folder.path(), &[]);
    assert!(bare.contains("undecided   web03 HNS1002-E"), "{bare}");

    store
        .transact(&mut |rows| {
            rows.put_thread(&thread(tested))?;
            rows.put_decision(&decision(tested))?;
            rows.put_outgoing(&outgoing(1, tested, "sato", Sending::Delivered))?;
            rows.append_note(&Note {
                number: 0,
                on: NoteOn::Alert(tested),
                by: "=佐藤".to_owned(),
                via: Via::Command,
                at: at(4_000),
                text: "受信を\n確認".to_owned(),
            })?;
            Ok(())
        })
        .unwrap();
    let text = said(folder.path(), &[]);
    assert!(text.contains("delivered   web03 HNS1002-E"), "{text}");
    assert!(
        text.contains("sato mail delivered 2026-11-24 11:58:10 +09:00"),
        "{text}"
    );
    assert!(text.contains("by =佐藤 \"受信を 確認\""), "{text}");
    assert!(
        !text.contains("web03 HNS1003"),
        "a real alert is no test: {text}"
    );
    // web04 told no rules: the built-in ones, none of them tested.
    assert!(text.contains("NOT TESTED  web04 HNS1002-E"), "{text}");
    assert!(
        text.contains("the built-in ones are taken: web04"),
        "{text}"
    );
    let untested = text.matches("\nNOT TESTED  ").count();
    assert!(
        text.contains(&format!(
            "{} codes on hosts: 1 tested and delivered, 0 tested and not delivered, {untested} NOT TESTED",
            untested + 1
        )),
        "{text}"
    );

    let csv = said(folder.path(), &["--csv"]);
    assert!(csv.starts_with('\u{feff}'));
    assert_eq!(csv.matches("\r\n").count(), untested + 2);
    let row = csv
        .lines()
        .find(|line| line.contains("\"delivered\""))
        .unwrap();
    assert!(
        row.contains("\"web03\",\"HNS1002-E\",\"メモリ使用率 危険\""),
        "{row}"
    );
    assert!(row.contains("\"'=佐藤 "), "no formula: {row}");

    // A mail to one of two fails: it is no delivery.
    store
        .transact(&mut |rows| rows.put_outgoing(&outgoing(2, tested, "suzuki", Sending::Refused)))
        .unwrap();
    let json: Value = serde_json::from_str(&said(folder.path(), &["--json"])).unwrap();
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(rows.len(), untested + 1);
    let row = rows.iter().find(|row| row["test"].is_object()).unwrap();
    assert_eq!(
        (&row["host"], &row["result"]),
        (&"web03".into(), &"mail_failed".into())
    );
    assert_eq!(row["test"]["messages"][1]["state"], "refused");
    assert_eq!(row["test"]["by"][0]["text"], "受信を\n確認");

    let nobody = Command::new(BINARY)
        .args(["test-report", "--system", "mirai/nothing"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(nobody.status.code(), Some(1));
}
