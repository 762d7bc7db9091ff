//! `hansho check`.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod cli_common;

use cli_common::{Folder, hansho, json_lines};
use hansho::config;
use std::os::unix::fs::PermissionsExt;

const KEY: &str =
    "hansho1 00000000000000ab 1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";

fn check(folder: &Folder, config: &str, more: &[&str]) -> cli_common::Ended {
    let file = folder.file("agent.toml", config).display().to_string();
    let words = [&["check", "--config", &file], more].concat();
    hansho(words)
}

#[test]
fn all_faults_are_said_at_once_in_their_fixed_form() {
    let folder = Folder::new();
    let text = "config_version = 1\n[sample]\nintervall = \"1s\"\ncounters_interval = \"5\"\n[[rule]]\ncode = 1\n";
    let ended = check(&folder, text, &[]);
    assert_eq!(ended.code, 78);
    assert_eq!(ended.out, "");
    let name = folder.path().join("agent.toml").display().to_string();
    let expected = config::parse(text, &name).unwrap_err().to_string();
    assert_eq!(ended.err.trim_end(), expected);
    assert!(expected.lines().count() >= 3, "{expected}");

    let json = check(&folder, text, &["--json"]);
    assert_eq!(json.code, 78);
    let report = &json_lines(&json.out)[0];
    let errors = report["errors"].as_array().unwrap();
    assert_eq!(errors.len(), expected.lines().count());
    assert_eq!(errors[0]["line"], 3);
    assert_eq!(errors[0]["key"], "sample.intervall");
}

#[test]
fn the_reference_can_be_used_and_shows_itself() {
    let folder = Folder::new();
    let reference = include_str!("../agent.toml");
    let ended = check(&folder, reference, &["--no-key"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.contains("can be used"), "{}", ended.out);
    let shown = check(&folder, reference, &["--no-key", "--show"]);
    assert_eq!(shown.code, 0);
    let again = config::parse(&shown.out, "shown").unwrap();
    assert_eq!(
        again.without_origins(),
        config::Plan::default().without_origins()
    );
    assert!(shown.out.contains("# built-in"));
    let given = check(
        &folder,
        "config_version = 1\n[sample]\ninterval = \"2s\"\n",
        &["--no-key", "--show"],
    );
    assert!(
        given.out.contains("interval = \"2s\" # agent.toml:3"),
        "{}",
        given.out
    );
}

#[test]
fn a_key_that_others_can_read_is_refused_with_what_mends_it() {
    let folder = Folder::new();
    let key = folder.file("agent.key", KEY);
    let name = key.display().to_string();
    let text = format!("config_version = 1\n[agent]\nkey_file = \"{name}\"\n");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    let ended = check(&folder, &text, &[]);
    assert_eq!(ended.code, 78);
    assert!(
        ended.err.contains(&format!("chmod 600 {name}")),
        "{}",
        ended.err
    );
    assert!(
        !ended.err.contains("0102"),
        "the key is never shown: {}",
        ended.err
    );
    assert_eq!(check(&folder, &text, &["--no-key"]).code, 0);
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(check(&folder, &text, &[]).code, 0);
}

/// What only warns does not fail.
#[test]
fn warnings_are_told_and_do_not_fail() {
    let folder = Folder::new();
    let text = "config_version = 1\n[spool]\nmemory_directory = \"/proc/hansho\"\n\
         [forward]\nurls = [\"https://collector.example/\"]\npost_interval = \"5m\"\n\
         [[rule]]\ncode = 8008\nraise = \"300s\"\nclear = \"299s\"\n";
    let ended = check(&folder, text, &["--no-key", "--json"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let report = &json_lines(&ended.out)[0];
    let about: Vec<&str> = report["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["about"].as_str().unwrap())
        .collect();
    assert!(about.contains(&"forward.post_interval"), "{report}");
    assert!(about.contains(&"spool.memory_directory"), "{report}");
    assert!(ended.err.contains("HNS8008-W"), "{}", ended.err);

    // Left alone, the built-in rule waits for three posts.
    let mended = text.split("[[rule]]").next().unwrap();
    let ended = check(&folder, mended, &["--no-key"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(!ended.err.contains("8008"), "{}", ended.err);
}
