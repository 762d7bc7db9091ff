//! From memory under load on this host to a mail in a Maildir, with real processes and a real mail server.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::let_underscore_must_use,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

#[path = "../../collector/tests/mail_common/mod.rs"]
mod mail_common;

use mail_common::{Postfix, certificate, parsed};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

/// As in `demo.rs`, and time for the end of the alerts.
const LASTS: &str = "45s";
/// From the rule's moment to the mail in the Maildir.
const MAIL_MS: u64 = 2_000;

fn tables(port: u16, authority: &Path) -> String {
    format!(
        "[[receiver]]\nid = \"sato\"\nname = {{ ja = \"佐藤\", en = \"Sato\" }}\nmail = \"sato@example.jp\"\n\
         [[team]]\nid = \"demo-ops\"\nreceivers = [\"sato\"]\n\
         [[customer]]\nid = \"demo\"\nname = {{ ja = \"みらい商事\", en = \"Mirai Trading\" }}\ntime_zone_offset = \"+09:00\"\n\
         [[system]]\ncustomer = \"demo\"\nid = \"workstation\"\nname = {{ ja = \"受注\", en = \"Orders\" }}\nteam = \"demo-ops\"\n\
         [mail]\nhost = \"localhost\"\nport = {port}\nca_file = {:?}\nfrom = \"hansho <hansho@collector.example.jp>\"\n",
        authority.display()
    )
}

fn alerts(directory: &Path) -> Vec<Value> {
    let collector = PathBuf::from(env!("CARGO_BIN_EXE_xtask")).with_file_name("hansho-collector");
    let output = Command::new(collector)
        .arg("--config")
        .arg(directory.join("collector.toml"))
        .args(["alerts", "--all", "--json"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    all.as_array().unwrap().clone()
}

fn arrived_ms(mail: &Path) -> u64 {
    let modified = std::fs::metadata(mail).unwrap().modified().unwrap();
    u64::try_from(modified.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

#[test]
fn memory_under_load_is_a_mail_within_two_seconds_and_its_end_stands_in_the_thread() {
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        return;
    };
    let file = |name: &str| {
        std::env::temp_dir().join(format!("hansho-demo-{}-{name}", std::process::id()))
    };
    let (authority, configuration) = (file("ca.pem"), file("tables.toml"));
    std::fs::write(&authority, &own.certificate).unwrap();
    std::fs::write(&configuration, tables(postfix.port, &authority)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args([
            "demo",
            "--no-build",
            "--for",
            LASTS,
            "--load",
            "--json",
            "--keep",
            "--collector",
        ])
        .arg(&configuration)
        .output()
        .unwrap();
    for file in [&authority, &configuration] {
        std::fs::remove_file(file).unwrap();
    }
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let kept = stdout
        .lines()
        .find_map(|line| line.strip_prefix("left behind: "))
        .map(PathBuf::from);
    assert!(output.status.success(), "{stdout}\n{stderr}");
    let kept = kept.unwrap();
    let alerts = alerts(&kept);
    let log = std::fs::read_to_string(kept.join("collector.log")).unwrap();
    std::fs::remove_dir_all(&kept).unwrap();
    let mut mails: Vec<(u64, Value)> = postfix
        .boxed("sato")
        .iter()
        .map(|path| {
            let mut mail = parsed(path);
            let plain = mail["plain"].as_str().unwrap().replace("\r\n", "\n");
            mail["plain"] = plain.into();
            (arrived_ms(path), mail)
        })
        .collect();
    mails.sort_by_key(|(arrived, _)| *arrived);
    let of = |state: &str| {
        mails.iter().find(|(_, mail)| {
            mail["plain"]
                .as_str()
                .unwrap()
                .contains(&format!("\nstate: {state}\n"))
        })
    };
    let (arrived, raised) = of("firing").unwrap_or_else(|| panic!("no mail\n{log}"));
    let headers = &raised["headers"];
    assert_eq!(raised["defects"], serde_json::json!([]));
    let subject = headers["subject"].as_str().unwrap();
    assert!(subject.starts_with("[HNS1002-E "), "{subject}");
    assert!(subject.contains("みらい商事/受注 this-host"), "{subject}");
    let alert = alerts
        .iter()
        .find(|alert| alert["alert"] == headers["x-hansho-alert"])
        .unwrap_or_else(|| panic!("{alerts:?}"));
    let detected = alert["detected_ms"].as_u64().unwrap();
    let after = arrived.saturating_sub(detected);
    println!(
        "mail {after} ms after the rule's moment\n{}",
        raised["plain"].as_str().unwrap()
    );
    assert!(after <= MAIL_MS, "{after} ms\n{log}");
    let (_, resolved) = of("resolved").unwrap_or_else(|| panic!("no resolution\n{log}"));
    assert_eq!(resolved["headers"]["in-reply-to"], headers["message-id"]);
    println!("{}", resolved["plain"].as_str().unwrap());
    // One thread: nothing of this host begins another.
    let begun = mails
        .iter()
        .filter(|(_, mail)| mail["headers"].get("in-reply-to").is_none());
    assert_eq!(begun.count(), 1, "{mails:?}");
}
