//! Every command that the texts tell an operator to run is run here, on Debian.
//!
//! A command passes when the shell finds every program of it, none complains about how it was called, and each ends
//! with 0 (or in one of the ways in [`BEARABLE`], which depend on the host and not on the command). Programs whose
//! package is not installed are named and skipped; `HANSHO_COMMANDS=all` (set by `.ci/run`, which installs them) makes
//! that a failure. `hansho …` commands are run by `tests/cli_exit.rs`, `hansho-collector …` ones compared with that
//! program's help here. What an operator would save into [`SAVED`] goes into a directory of the test's own.

use hansho::code::Language;
use hansho::code::texts::commands;
use std::collections::BTreeMap;
use std::process::{Command, Output};

/// The package of Debian that brings each program; every program in a command stands here.
const PACKAGES: [(&str, &str); 31] = [
    ("awk", "mawk"),
    ("cat", "coreutils"),
    ("chronyc", "chrony"),
    ("df", "coreutils"),
    ("du", "coreutils"),
    ("find", "findutils"),
    ("findmnt", "util-linux"),
    ("free", "procps"),
    ("getent", "libc-bin"),
    ("grep", "grep"),
    ("hansho", "hansho"),
    ("hansho-collector", "hansho-collector"),
    ("head", "coreutils"),
    ("iostat", "sysstat"),
    ("ip", "iproute2"),
    ("journalctl", "systemd"),
    ("ls", "coreutils"),
    ("mpstat", "sysstat"),
    ("nproc", "coreutils"),
    ("ps", "procps"),
    ("slabtop", "procps"),
    ("sort", "coreutils"),
    ("ss", "iproute2"),
    ("systemctl", "systemd"),
    ("systemd-detect-virt", "systemd"),
    ("tail", "coreutils"),
    ("timedatectl", "systemd"),
    ("top", "procps"),
    ("uptime", "procps"),
    ("vmstat", "procps"),
    ("who", "coreutils"),
];

/// Ways to end that say something about this host and nothing about the command: program, status, a part of its
/// message ("" where it prints none), why.
const BEARABLE: [(&str, i32, &str, &str); 8] = [
    (
        "systemctl",
        1,
        "not been booted with systemd",
        "a container without systemd",
    ),
    (
        "systemctl",
        1,
        "connect to bus",
        "a container without a bus",
    ),
    (
        "systemctl",
        3,
        "",
        "the unit is not running: what the step asks",
    ),
    (
        "systemctl",
        4,
        "could not be found",
        "the placeholder UNIT is no unit",
    ),
    (
        "timedatectl",
        1,
        "not been booted with systemd",
        "a container without systemd",
    ),
    (
        "timedatectl",
        1,
        "connect to bus",
        "a container without a bus",
    ),
    ("systemd-detect-virt", 1, "", "not virtual: it prints none"),
    (
        "chronyc",
        1,
        "Cannot talk to daemon",
        "chronyd is installed and not running",
    ),
];

/// Where logs are saved before something is restarted: kept over reboots, and writable for everybody (FHS 3.0, 5.15).
const SAVED: &str = "/var/tmp/";
/// The end of such a log's name: two nights do not overwrite each other.
const SAVED_END: &str = "-$(date +%Y%m%dT%H%M).log";

/// Status of a program that writes into a pipe whose reader (`head`) has gone: 128 + SIGPIPE.
const BROKEN_PIPE: i32 = 141;
/// `grep` found nothing, or met a process that ended between listing and reading.
const GREP_NOTHING: [i32; 2] = [1, 2];
/// No step may keep the operator waiting longer than this, seconds.
const LIMIT_S: &str = "60";

fn all_commands() -> BTreeMap<&'static str, u16> {
    Language::ALL
        .into_iter()
        .flat_map(commands)
        .map(|(number, command)| (command, number))
        .collect()
}

/// The programs of a pipeline, in order. The commands use no quoting around bars, which a test checks.
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
fn programs(command: &str) -> Vec<&str> {
    command
        .split(" | ")
        .map(|part| part.split_whitespace().next().unwrap())
        .collect()
}

#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
fn installed(program: &str) -> bool {
    let found = Command::new("bash")
        .args(["-c", "command -v -- \"$1\" >/dev/null", "bash", program])
        .status()
        .unwrap();
    found.success()
}

#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
fn run(command: &str, directory: &std::path::Path) -> (Output, Vec<i32>) {
    let command = command
        .replace("UNIT", "cron.service")
        .replace("COLLECTOR", "localhost")
        .replace(SAVED, &format!("{}/", directory.display()));
    let script = format!("{command}\nprintf '\\nSTATUS %s\\n' \"${{PIPESTATUS[*]}}\" >&2\n");
    let output = Command::new("timeout")
        .args(["--signal=KILL", LIMIT_S, "bash", "-c", &script])
        .env("LC_ALL", "C")
        .env("SYSTEMD_COLORS", "0")
        .current_dir(directory)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    let statuses = messages
        .rsplit_once("STATUS ")
        .map(|(_, list)| {
            list.split_whitespace()
                .map(|word| word.parse().unwrap())
                .collect()
        })
        .unwrap_or_default();
    (output, statuses)
}

/// Why a run is no pass; `None` where it is one.
fn complaint(command: &str, output: &Output, statuses: &[i32]) -> Option<String> {
    let messages = String::from_utf8_lossy(&output.stderr);
    // Some programs (chronyc) tell their troubles on standard output.
    let said = format!("{messages}{}", String::from_utf8_lossy(&output.stdout));
    let programs = programs(command);
    if statuses.len() != programs.len() {
        return Some(format!("no status after {LIMIT_S} s: {messages}"));
    }
    for wrong in [
        "command not found",
        "invalid option",
        "unrecognized option",
        "unknown option",
        "Usage:",
        "usage:",
    ] {
        if messages.contains(wrong) {
            return Some(messages.into_owned());
        }
    }
    for (program, status) in programs.iter().zip(statuses) {
        let bearable = match *status {
            0 | BROKEN_PIPE => true,
            nothing if *program == "grep" => GREP_NOTHING.contains(&nothing),
            other => BEARABLE.iter().any(|(known, status, part, _)| {
                known == program && *status == other && said.contains(part)
            }),
        };
        if !bearable {
            return Some(format!("{program} ended with {status}: {messages}"));
        }
    }
    None
}

#[test]
fn every_command_runs_on_debian() {
    let directory = std::env::temp_dir().join(format!("hansho-commands-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let strict = std::env::var("HANSHO_COMMANDS").is_ok_and(|word| word == "all");
    let mut failed = Vec::new();
    let mut ran = 0;
    let (mut missing, mut waiting) = (Vec::new(), Vec::new());
    for (command, number) in all_commands() {
        let absent = programs(command).into_iter().find(|name| !installed(name));
        if command.starts_with("hansho ") || command.starts_with("hansho-collector ") {
            continue;
        }
        if let Some(program) = absent {
            let package = PACKAGES.iter().find(|(name, _)| *name == program);
            missing.push((
                number,
                command,
                program,
                package.map(|(_, package)| *package),
            ));
            continue;
        }
        let directory = directory.clone();
        waiting.push((
            number,
            command,
            std::thread::spawn(move || run(command, &directory)),
        ));
    }
    for (number, command, thread) in waiting {
        let (output, statuses) = thread.join().unwrap();
        ran += 1;
        if let Some(complaint) = complaint(command, &output, &statuses) {
            failed.push(format!("HNS{number} `{command}`: {complaint}"));
        }
    }
    std::fs::remove_dir_all(&directory).unwrap();
    for (number, command, program, package) in &missing {
        println!(
            "skipped: HNS{number} `{command}` needs {program}, package {}",
            package.unwrap_or("unknown")
        );
    }
    assert_eq!(failed, Vec::<String>::new());
    assert!(ran > 0 || !missing.is_empty());
    assert!(!strict || missing.is_empty(), "not installed: {missing:?}");
}

#[test]
fn every_program_has_its_package_and_only_reads() {
    for (command, number) in all_commands() {
        for program in programs(command) {
            assert!(
                PACKAGES.iter().any(|(name, _)| *name == program),
                "HNS{number}: which package brings {program}?"
            );
        }
        // The only writing is into a new file of the operator's own.
        for (place, _) in command.match_indices('>') {
            let target = command.get(place + 1..).unwrap().trim();
            let name = target
                .strip_prefix(SAVED)
                .and_then(|target| target.strip_suffix(SAVED_END));
            let plain = |name: &str| {
                name.chars()
                    .all(|char| char.is_alphanumeric() || char == '-')
            };
            assert!(name.is_some_and(plain), "{command}");
        }
        assert!(
            !command.contains([';', '&']) || command.contains("awk"),
            "{command}"
        );
        for writing in [
            "systemctl restart",
            "systemctl stop",
            "swapoff",
            "rm ",
            "kill",
            "sudo",
            "tee",
            "-w /",
        ] {
            assert!(!command.contains(writing), "{command}");
        }
        // A bar inside quotes would be taken for a pipe by `programs`.
        assert!(!command.contains("||"), "{command}");
    }
}

#[test]
fn commands_of_the_collector_are_those_of_its_help() {
    let help = include_str!("../collector/src/cli/help.rs");
    let mut found = 0;
    for command in all_commands().into_keys() {
        let Some(words) = command.strip_prefix("hansho-collector ") else {
            continue;
        };
        found += 1;
        let (words, flag) = words
            .split_once(" --")
            .map_or((words, None), |(words, flag)| (words, Some(flag)));
        let line = help
            .lines()
            .find(|line| line.starts_with(&format!("  {words} ")));
        let flag = |line: &str| flag.is_none_or(|flag| line.contains(&format!("[--{flag}]")));
        assert!(line.is_some_and(flag), "{command}");
    }
    assert!(found > 0);
}

#[test]
fn the_list_of_packages_names_nothing_that_is_not_used() {
    for (program, package) in PACKAGES {
        let used = all_commands()
            .into_keys()
            .any(|command| programs(command).contains(&program));
        assert!(used, "{program} of {package}");
    }
}

#[test]
fn a_wrong_command_would_be_found() {
    let here = std::env::temp_dir();
    for wrong in [
        "nosuchprogram -x",
        "free --nosuchoption",
        "cat /nosuchfile",
        "ls / | head -n x",
    ] {
        let (output, statuses) = run(wrong, &here);
        assert!(complaint(wrong, &output, &statuses).is_some(), "{wrong}");
    }
    let (output, statuses) = run("ls / | head -n 1", &here);
    assert_eq!(complaint("ls / | head -n 1", &output, &statuses), None);
}
