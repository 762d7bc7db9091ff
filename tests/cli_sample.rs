//! `hansho sample`.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod cli_common;

use cli_common::{Folder, hansho, json_lines, program};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

const SHAPE: [(&str, &[&str]); 4] = [
    (
        "memory",
        &[
            "total_kib",
            "available_kib",
            "available_estimated",
            "anonymous_kib",
            "page_cache_kib",
            "shmem_kib",
            "slab_reclaimable_kib",
            "slab_unreclaimable_kib",
            "swap_total_kib",
            "swap_used_kib",
            "dirty_kib",
            "committed_kib",
            "zfs_arc_kib",
            "hugetlb_total_kib",
            "hugetlb_free_kib",
        ],
    ),
    (
        "cpu",
        &[
            "busy_permille",
            "user_permille",
            "system_permille",
            "iowait_permille",
            "steal_permille",
            "load1_centi",
            "runnable",
            "cores",
        ],
    ),
    (
        "pressure",
        &[
            "cpu_some_permille",
            "memory_some_permille",
            "memory_full_permille",
            "io_some_permille",
            "io_full_permille",
        ],
    ),
    (
        "counters",
        &[
            "oom_kill",
            "swap_in_pages",
            "swap_out_pages",
            "major_faults",
            "refaults",
        ],
    ),
];

#[test]
fn lines_have_the_fixed_shape() {
    let ended = hansho(["sample", "--json", "--count", "3", "--interval", "100ms"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let lines = json_lines(&ended.out);
    assert_eq!(lines.len(), 3);
    for line in &lines {
        let line = line.as_object().unwrap();
        assert_eq!(line.len(), 7);
        assert!(line["uptime_ms"].is_u64() && line["wall_ms"].is_u64());
        assert_eq!(
            line["scope"]
                .as_str()
                .map(|scope| scope == "host" || scope == "container"),
            Some(true)
        );
        for (part, keys) in SHAPE {
            let part = line[part].as_object().unwrap();
            assert_eq!(part.len(), keys.len());
            for key in keys {
                let value = &part[*key];
                assert!(
                    value.is_null() || value.is_u64() || value.is_boolean(),
                    "{key}: {value}"
                );
            }
        }
        assert!(line["memory"]["total_kib"].as_u64() > line["memory"]["available_kib"].as_u64());
    }
    let is_null = |line: &Value, part: &str, key: &str| line[part][key].is_null();
    assert!(
        is_null(&lines[0], "cpu", "busy_permille"),
        "no interval yet"
    );
    assert!(is_null(&lines[0], "pressure", "io_some_permille"));
    assert!(
        !is_null(&lines[0], "counters", "major_faults"),
        "read on the first line"
    );
    let uptime = |line: &Value| line["uptime_ms"].as_u64().unwrap();
    for line in &lines[1..] {
        assert!(!is_null(line, "cpu", "busy_permille"));
        // Read again after 5 s, which is sooner than the next line only where this machine stood still.
        let soon = uptime(line).saturating_sub(uptime(&lines[0])) < 4_000;
        assert_eq!(is_null(line, "counters", "major_faults"), soon);
    }
    let uptimes: Vec<u64> = lines.iter().map(uptime).collect();
    assert!(uptimes.is_sorted_by(|a, b| a < b), "{uptimes:?}");
}

#[test]
fn a_tree_is_read_instead_of_this_host() {
    let folder = Folder::new();
    folder.file(
        "proc/meminfo",
        "MemTotal: 1000 kB\nMemFree: 300 kB\nMemAvailable: 400 kB\n",
    );
    let root = folder.path().display().to_string();
    let ended = hansho(["sample", "--json", "--count", "1", "--root", &root]);
    let line = &json_lines(&ended.out)[0];
    assert_eq!(line["memory"]["total_kib"], 1000);
    assert_eq!(line["memory"]["available_kib"], 400);
    assert!(line["cpu"]["cores"].is_null() && line["counters"]["oom_kill"].is_null());
    let table = hansho([
        "sample",
        "--count",
        "2",
        "--interval",
        "50ms",
        "--root",
        &root,
    ]);
    let lines: Vec<&str> = table.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", table.out);
    assert!(lines[1].contains(" 60.0 "), "used per cent: {}", lines[1]);
}

#[test]
fn the_other_reader_knows_less_and_says_so() {
    let ended = hansho(["sample", "--json", "--count", "1", "--source", "sysinfo"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let line = &json_lines(&ended.out)[0];
    assert!(line["memory"]["total_kib"].is_u64());
    assert!(line["memory"]["anonymous_kib"].is_null());
}

/// Each line is there before the next is due, and a reader that goes away is the end.
#[test]
fn lines_come_at_once_and_a_closed_pipe_ends_it_quietly() {
    let mut child = program()
        .args(["sample", "--json", "--interval", "50ms"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        let line = lines.next().unwrap().unwrap();
        assert!(serde_json::from_str::<Value>(&line).is_ok());
    }
    drop(lines);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
