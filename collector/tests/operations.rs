//! The unit of systemd and the rules of Prometheus, by the programs that read them.
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::Folder;

const BINARY: &str = env!("CARGO_BIN_EXE_hansho-collector");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs a program; `None`, and a line, where this host has none. Where everything must run that is a failure.
fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) => {
            let all = std::env::var("HANSHO_COMMANDS").is_ok_and(|value| value == "all");
            assert!(!all, "{program}: {error}");
            eprintln!("skipped: {program}: {error}");
            None
        }
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn the_unit_is_one_that_systemd_takes_and_leaves_little_open() {
    let text = fs::read_to_string(root().join("packaging/hansho-collector.service")).unwrap();
    // Every setting has a comment in its group, and the program is where this test has it.
    assert!(text.contains("ExecStart=/usr/bin/hansho-collector serve "));
    let folder = Folder::new("unit");
    let unit = folder.path().join("hansho-collector.service");
    fs::write(&unit, text.replace("/usr/bin/hansho-collector", BINARY)).unwrap();
    let unit = unit.to_str().unwrap();
    let Some(verified) = run("systemd-analyze", &["verify", "--man=no", unit]) else {
        return;
    };
    assert!(verified.status.success(), "{}", said(&verified));
    assert_eq!(said(&verified), "");
    // 0 is the best, 10 the worst; it fails above 2.0.
    let arguments = ["security", "--offline=yes", "--threshold=20", unit];
    let rated = run("systemd-analyze", &arguments).unwrap();
    assert!(rated.status.success(), "{}", said(&rated));
}

#[test]
fn the_rules_of_prometheus_are_good_and_name_what_there_is() {
    let rules = root().join("docs/prometheus/hansho-collector.rules.yml");
    let tests = root().join("docs/prometheus/hansho-collector.test.yml");
    let text = fs::read_to_string(&rules).unwrap();
    let named: BTreeSet<&str> = text
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("hansho_"))
        .collect();
    assert!(named.len() > 8, "{named:?}");
    let source = ["health.rs"]
        .map(|file| {
            fs::read_to_string(
                Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("src/web")
                    .join(file),
            )
            .unwrap()
        })
        .concat();
    for name in named {
        let quoted = format!("\"{}\"", name.strip_prefix("hansho_").unwrap());
        assert!(source.contains(&quoted), "/metrics has no {name}");
    }
    for arguments in [
        ["check", "rules", rules.to_str().unwrap()],
        ["test", "rules", tests.to_str().unwrap()],
    ] {
        if let Some(output) = run("promtool", &arguments) {
            assert!(output.status.success(), "{}", said(&output));
        }
    }
}
