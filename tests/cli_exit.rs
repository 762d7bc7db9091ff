//! How the program ends, and that whatever it is asked for help about answers.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod cli_common;

use cli_common::{Folder, hansho};
use hansho::code::Language;
use hansho::code::texts::commands;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

#[test]
fn each_way_to_end_has_its_number() {
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name).display().to_string();
    folder.file("bad.toml", "config_version = 2\n");
    folder.file("good.toml", good_config(&folder));
    folder.file("noise", [0xA5; 5000]);
    folder.file("bad.jsonl", "{}\n");
    folder.file("good.jsonl", "{\"uptime_ms\":1000}\n");
    let (bad, good) = (path("bad.toml"), path("good.toml"));
    let (noise, lines, bad_lines) = (path("noise"), path("good.jsonl"), path("bad.jsonl"));
    let table: &[(i32, &[&str])] = &[
        (0, &["--help"]),
        (0, &["help"]),
        (0, &["--version"]),
        (0, &["codes"]),
        (0, &["explain", "1002"]),
        (0, &["sample", "--count", "1"]),
        (0, &["check", "--no-key", "--config", &good]),
        (0, &["replay", "--config", &good, "--input", &lines]),
        (1, &["explain", "1999"]),
        (64, &[]),
        (64, &["ring"]),
        (64, &["--colour"]),
        (64, &["codes", "--format", "xml"]),
        (64, &["codes", "--lang", "fr"]),
        (64, &["codes", "extra"]),
        (64, &["explain"]),
        (64, &["explain", "x"]),
        (64, &["explain", "1002", "1003"]),
        (64, &["sample", "--count", "0"]),
        (64, &["sample", "--count", "-1"]),
        (64, &["sample", "--count"]),
        (64, &["sample", "--interval", "1"]),
        (64, &["sample", "--interval", "49ms"]),
        (64, &["sample", "--source", "eyes"]),
        (64, &["sample", "--source", "sysinfo", "--root", "/x"]),
        (64, &["check", "--show", "--json"]),
        (1, &["replay", "--input", "/dev/null"]),
        (64, &["replay", "--hosts", "0"]),
        (64, &["replay", "--input", "x", "--interval", "2h"]),
        (64, &["decode"]),
        (64, &["status", "--jsn"]),
        (65, &["replay", "--config", &good, "--input", &bad_lines]),
        (66, &["sample", "--root", "/nonexistent"]),
        (66, &["check", "--config", "/nonexistent/agent.toml"]),
        (66, &["run", "--config", "/nonexistent/agent.toml"]),
        (66, &["test", "1002", "--config", "/nonexistent/agent.toml"]),
        (66, &["status", "--config", "/nonexistent/agent.toml"]),
        (66, &["check", "--config", &good]),
        (66, &["run", "--config", &good]),
        (
            66,
            &["decode", &noise, "--key-file", "/nonexistent/agent.key"],
        ),
        (
            66,
            &["replay", "--config", &good, "--input", "/nonexistent"],
        ),
        (66, &["replay", "--against", &good]),
        (
            66,
            &["replay", "--config", "/nonexistent", "--input", &lines],
        ),
        (66, &["decode", "/nonexistent"]),
        (69, &["status", "--config", &good]),
        (74, &["decode", "/"]),
        (74, &["check", "--config", "/"]),
        (76, &["decode", &noise]),
        (78, &["check", "--config", &bad]),
        (78, &["run", "--config", &bad]),
        (78, &["test", "1002", "--config", &bad]),
        (78, &["status", "--config", &bad]),
        (78, &["replay", "--config", &bad, "--input", &lines]),
    ];
    for (expected, words) in table {
        let ended = hansho(*words);
        assert_eq!(ended.code, *expected, "{words:?}: {ended:?}");
        if *expected == 0 {
            assert!(!ended.out.is_empty(), "{words:?}");
        }
        if *expected > 1 && *expected != 69 {
            assert!(!ended.err.is_empty(), "{words:?} says why");
            assert!(ended.out.lines().count() <= 1, "{words:?}: {}", ended.out);
        }
    }
}

fn good_config(folder: &Folder) -> String {
    let path = folder.path().display();
    format!(
        "config_version = 1\n[agent]\nkey_file = \"{path}/key\"\n[spool]\ndirectory = \"{path}\"\n\
         memory_directory = \"{path}\"\n"
    )
}

/// The subcommands that the overview names.
fn subcommands() -> Vec<String> {
    let overview = hansho(["--help"]).out;
    let list = overview.split("Exit codes:").next().unwrap();
    list.lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_subcommand_explains_itself() {
    let names = subcommands();
    for expected in [
        "check", "sample", "codes", "explain", "status", "replay", "decode",
    ] {
        assert!(
            names.iter().any(|name| name == expected),
            "{expected}: {names:?}"
        );
    }
    for name in names {
        for flag in ["--help", "-h"] {
            let ended = hansho([name.as_str(), flag]);
            assert_eq!(ended.code, 0, "{ended:?}");
            let usage = format!("Usage: hansho {name}");
            for part in [usage.as_str(), "Exit codes:", "Example: hansho"] {
                assert!(ended.out.contains(part), "{name} {flag} lacks {part}");
            }
        }
    }
}

#[test]
fn words_that_are_no_text_are_refused_in_peace() {
    let odd = OsStr::from_bytes(b"\xFF\xFE");
    for words in [
        vec![odd],
        vec![OsStr::new("explain"), odd],
        vec![OsStr::new("codes"), OsStr::new("--lang"), odd],
    ] {
        assert_eq!(hansho(&words).code, 64, "{words:?}");
    }
    assert_eq!(hansho([OsStr::new("decode"), odd]).code, 66);
    let ended = hansho(["decode", "/nonexistent/\u{1b}[31m"]);
    assert_eq!(ended.code, 66);
    assert!(!ended.err.contains('\u{1b}'), "{:?}", ended.err);
    assert_eq!(
        hansho([OsStr::new("explain"), OsStr::new("\u{1b}[31m")]).code,
        64
    );
}

/// Every command of ours that the texts tell an operator to run is understood: a wrong word would end in 64.
#[test]
fn the_commands_in_the_texts_are_understood() {
    let all: BTreeSet<&str> = Language::ALL
        .into_iter()
        .flat_map(commands)
        .map(|(_, command)| command)
        .filter(|command| command.starts_with("hansho "))
        .collect();
    assert!(all.len() >= 4, "{all:?}");
    for command in all {
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        let ended = hansho(&words);
        assert_ne!(ended.code, 64, "{command}: {ended:?}");
        assert_ne!(ended.code, 101, "{command}: {ended:?}");
        assert!(ended.code >= 0, "{command}: ended by a signal");
    }
}
