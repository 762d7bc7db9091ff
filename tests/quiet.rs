//! Invariant 4 on the released program: from the first ticks on the tick thread makes no page fault, and no system call
//! but those of a committed list, through a thousand ticks with alerts in them.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test that fails may panic"
)]

mod process_support;

use hansho::frame::Stream;
use process_support::{Agent, Place, until};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// 20 ticks a second; the report interval tells from outside how many there were.
const CONFIG: &str = r#"
[agent]
[sample]
interval = "50ms"
counters_interval = "100ms"
report_interval = "1s"
[spool]
[forward]
urls = ["http://127.0.0.1:9"]
post_interval = "1s"
[[rule]]
code = 1002
raise_after = "1s"
clear_after = "1s"
gate = { quantity = "memory_available", below = "100%" }
"#;
/// Ticks a report.
const TICKS_A_REPORT: usize = 20;
/// What is looked at, in ticks.
const TICKS: usize = 1_000;

/// The agent as it is released, built here where it is missing or older than the sources.
fn release() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args(["build", "--release", "--locked", "-p", "hansho", "--bins"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "cargo build --release");
        // target/debug/deps/quiet-… : the folder of the profiles is three up.
        let own = std::env::current_exe().unwrap();
        let target = own.ancestors().nth(3).unwrap();
        let program = target.join("release/hansho");
        assert!(program.exists(), "{}", program.display());
        program
    })
}

/// Minor and major faults of the tick thread, which is the watcher's first: fields 10 and 12 of proc_pid_stat(5).
fn faults(watcher: u32) -> (u64, u64) {
    let stat = fs::read_to_string(format!("/proc/{watcher}/task/{watcher}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let mut fields = rest.split(' ').skip(7);
    let minor = fields.next().unwrap().parse().unwrap();
    let major = fields.nth(1).unwrap().parse().unwrap();
    (minor, major)
}

/// Waits for so many more reports of the run.
fn reports(place: &Place, agent: &Agent<'_>, more: usize) {
    let wanted = place.readings() + more;
    until("reports", || (place.readings() >= wanted).then_some(()));
    assert!(agent.worker_now("watch").is_some());
}

/// Two alerts come and go, one more is a test, while about `ticks` pass.
fn eventful(place: &Place, agent: &Agent<'_>, ticks: usize) {
    let quarter = (ticks / TICKS_A_REPORT).div_ceil(4);
    for permille in [985, 300, 985, 300] {
        let before = place.alerts().len();
        place.memory_used(permille);
        if permille == 985 {
            assert!(place.command(&["test", "2001"]).status.success());
        }
        reports(place, agent, quarter);
        until("a transition", || {
            (place.alerts().len() > before).then_some(())
        });
    }
}

#[test]
fn a_thousand_ticks_fault_no_page() {
    let place = Place::with_program("faults", CONFIG, release());
    let agent = place.start(&[]);
    let watcher = agent.runs(0);
    reports(&place, &agent, 1);
    let (history, before) = (place.frames(Stream::History).len(), faults(watcher));
    eventful(&place, &agent, TICKS);
    let after = faults(watcher);
    assert_eq!(after, before, "(minor, major) faults of the tick thread");
    assert!(place.frames(Stream::History).len() > history);
    assert!(place.alerts().len() >= 5, "{:?}", place.alerts());
    assert_eq!(agent.worker("watch"), watcher, "the same all the time");
    // Locked, where this test may lock memory at all.
    let locked = fs::read_to_string(format!("/proc/{watcher}/status")).unwrap();
    let locked_kib: u64 = locked
        .lines()
        .find_map(|line| line.strip_prefix("VmLck:"))
        .and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok())
        .unwrap();
    assert!(locked_kib > 0 || place.said().contains("memory is not locked"));
}

/// The committed list.
fn allowed() -> BTreeSet<&'static str> {
    include_str!("golden/tick_calls.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_ascii_whitespace().next())
        .collect()
}

/// The calls in a trace of strace, with how often, and the lines that show a futex that waits.
fn calls(trace: &str) -> (BTreeMap<String, usize>, Vec<String>) {
    let (mut calls, mut waits) = (BTreeMap::new(), Vec::new());
    for line in trace.lines() {
        // A resumed call was counted when it began; +++ and --- are ends and signals. The number of the thread comes first
        // where more than one is traced.
        let line = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        if line.starts_with("<...") || line.starts_with("+++") || line.starts_with("---") {
            continue;
        }
        let Some((name, arguments)) = line.split_once('(') else {
            continue;
        };
        *calls.entry(name.to_owned()).or_insert(0) += 1;
        if name == "futex" && !arguments.contains("FUTEX_WAKE") {
            waits.push(line.to_owned());
        }
    }
    (calls, waits)
}

#[test]
fn the_tick_thread_makes_only_the_calls_of_the_list() {
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!("skipped: strace is not installed");
        return;
    }
    let place = Place::with_program("calls", CONFIG, release());
    let agent = place.start(&[]);
    let watcher = agent.runs(0);
    let trace = place.folder.join("trace");
    // Without -f: the first thread alone.
    let mut strace = Command::new("strace")
        .args([
            "-o",
            &trace.display().to_string(),
            "-p",
            &watcher.to_string(),
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let read = || fs::read_to_string(&trace).unwrap_or_default();
    until("strace is attached", || {
        read().contains("pread64(").then_some(())
    });
    eventful(&place, &agent, TICKS);
    process_support::send(strace.id(), "INT");
    until("strace ends", || strace.try_wait().unwrap());

    let (calls, waits) = calls(&read());
    let count = |name: &str| calls.get(name).copied().unwrap_or(0);
    let ticks = count("pread64") / 7;
    assert!(
        ticks >= TICKS * 9 / 10,
        "{ticks} ticks were seen: {calls:?}"
    );
    let allowed = allowed();
    let others: Vec<_> = calls
        .keys()
        .filter(|name| !allowed.contains(name.as_str()))
        .collect();
    assert!(
        others.is_empty(),
        "not in tests/golden/tick_calls.txt: {others:?} of {calls:?}"
    );
    assert!(
        waits.is_empty(),
        "the tick thread waits for a lock: {waits:?}"
    );
    assert!(
        count("sendto") > 0 && count("futex") > 0,
        "no alert was seen: {calls:?}"
    );
}

/// This test can fail: calls that are forbidden are seen in a trace.
#[test]
fn a_forbidden_call_is_seen() {
    let trace = "ppoll([{fd=9, events=POLLIN}], 1, NULL, NULL, 8) = 0 (Timeout)\n\
                 openat(AT_FDCWD, \"/proc/meminfo\", O_RDONLY) = 3\n\
                 1234 futex(0x7f, FUTEX_WAIT_PRIVATE, 2, NULL) = 0\n\
                 <... ppoll resumed>) = 1\n\
                 --- SIGTERM {si_signo=SIGTERM} ---\n";
    let (calls, waits) = calls(trace);
    let allowed = allowed();
    let others: Vec<_> = calls
        .keys()
        .filter(|name| !allowed.contains(name.as_str()))
        .collect();
    assert_eq!(others, ["openat"]);
    assert_eq!(waits.len(), 1);
    assert_eq!(calls.get("ppoll"), Some(&1));
    for forbidden in [
        "mmap",
        "brk",
        "clone",
        "write",
        "fsync",
        "fdatasync",
        "openat",
    ] {
        assert!(!allowed.contains(forbidden));
    }
}
