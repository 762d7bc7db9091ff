//! `hansho replay`.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod cli_common;

use cli_common::{Folder, hansho, hansho_with, json_lines};
use serde_json::{Value, json};

/// One rule that fires quickly; the others are as built in.
const CONFIG: &str = "\
config_version = 1
[[rule]]
code = 1002
raise = \"90%\"
clear = \"80%\"
raise_after = \"3s\"
clear_after = \"2s\"
gate = \"none\"
";

/// Lines at one a second from `second` on, each with so much of 1000 MiB available.
fn lines(second: u64, available_mib: &[u64]) -> String {
    let line = |(place, mib): (usize, &u64)| {
        let uptime_ms = (second + place as u64) * 1000;
        let available_kib = mib * 1024;
        let sample = json!({
            "uptime_ms": uptime_ms, "wall_ms": 1, "scope": "host",
            "memory": { "total_kib": 1_024_000, "available_kib": available_kib },
        });
        format!("{sample}\n")
    };
    available_mib.iter().enumerate().map(line).collect()
}

/// By [`CONFIG`] as the present configuration, whatever this host has.
fn replay(input: &str, more: &[&str]) -> cli_common::Ended {
    let folder = Folder::new();
    let config = folder.file("agent.toml", CONFIG).display().to_string();
    let words = [&["replay", "--input", "-", "--against", &config], more].concat();
    hansho_with(words, input)
}

/// Its transitions.
fn transitions(input: &str, more: &[&str]) -> Vec<Value> {
    let ended = replay(input, &[&["--json", "--transitions"], more].concat());
    assert_eq!(ended.code, 0, "{ended:?}");
    let mut lines = json_lines(&ended.out);
    assert_eq!(lines.pop().unwrap()["record"], "summary", "at the end");
    lines
}

#[test]
fn transitions_come_in_the_fixed_shape() {
    // Used 90 % and more from second 12; held for 3 s at 15; 80 % and less from 18, for 2 s at 20.
    let input = lines(
        10,
        &[500, 500, 90, 50, 100, 100, 100, 150, 300, 300, 300, 300],
    );
    let ended = replay(&input, &["--json", "--transitions"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(ended.err, "");
    let keys = [
        "record",
        "configuration",
        "uptime_ms",
        "wall_ms",
        "code",
        "subject",
        "severity",
        "state",
        "episode",
        "value",
        "level",
        "reason",
    ];
    for line in ended.out.lines().take(2) {
        let places: Vec<usize> = keys
            .iter()
            .map(|key| line.find(&format!("\"{key}\":")).unwrap())
            .collect();
        assert!(places.is_sorted(), "the order of keys is fixed: {line}");
    }
    let of = |state: &str, uptime_ms: u64, value: u64, level: u64, reason: &str| -> Value {
        json!({
            "record": "transition", "configuration": "present", "wall_ms": 1,
            "uptime_ms": uptime_ms, "code": 1002, "subject": "", "severity": "E", "state": state, "episode": 1,
            "value": value, "level": level, "reason": reason,
        })
    };
    let expected = [
        of("firing", 15_000, 900 * 1024, 921_600, "held"),
        of("resolved", 20_000, 700 * 1024, 819_200, "cleared"),
    ];
    assert_eq!(json_lines(&ended.out)[..2], expected);
}

#[test]
fn a_reboot_starts_timers_anew_and_keeps_what_is_open() {
    // 2 s raised, then a reboot: 3 s are counted from there.
    let input = lines(100, &[90, 90, 90]) + &lines(1, &[90, 90, 90, 90, 500, 500, 500]);
    let told = transitions(&input, &[]);
    let told: Vec<(&str, u64)> = told
        .iter()
        .map(|line| {
            (
                line["state"].as_str().unwrap(),
                line["uptime_ms"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("firing", 4_000), ("resolved", 7_000)]);

    let input = lines(100, &[90, 90, 90, 90]) + &lines(1, &[90, 500, 500, 500]);
    let transitions = transitions(&input, &[]);
    assert_eq!(transitions.len(), 2, "{transitions:?}");
    assert_eq!(transitions[1]["episode"], 1, "open across the reboot");
    assert_eq!(transitions[1]["uptime_ms"], 4_000);
}

/// No rate goes across a reboot: counters that are higher after it are another boot's.
#[test]
fn counters_begin_anew_with_a_boot() {
    let line = |second: u64, kills: u64| {
        let sample = json!({ "uptime_ms": second * 1000, "counters": { "oom_kill": kills } });
        format!("{sample}\n")
    };
    let same_boot = line(10, 1) + &line(15, 1) + &line(20, 3);
    let told = transitions(&same_boot, &["--interval", "5s"]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (told[0]["code"].as_u64(), told[0]["value"].as_u64()),
        (Some(1010), Some(2))
    );
    let reboot = line(10, 1) + &line(15, 1) + &line(3, 5);
    assert!(transitions(&reboot, &["--interval", "5s"]).is_empty());
}

/// What a reading alone tells of the page cache is judged as in the agent.
#[test]
fn a_dropped_page_cache_is_seen() {
    let line = |(second, cache_mib, io_some): (u64, u64, u64)| {
        let sample = json!({
            "uptime_ms": second * 1000,
            "memory": { "total_kib": 1_024_000, "page_cache_kib": cache_mib * 1024 },
            "pressure": { "io_some_permille": io_some },
        });
        format!("{sample}\n")
    };
    let input = |io_some: u64| -> String {
        (0..70)
            .map(|second| (second, 600, 0))
            .chain((70..90).map(|second| (second, 200, io_some)))
            .map(line)
            .collect()
    };
    let told = transitions(&input(199), &[]);
    assert!(told.is_empty(), "nobody misses it: {told:?}");
    let told = transitions(&input(400), &[]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["code"], 3009);
    assert_eq!(told[0]["uptime_ms"], 74_000, "five of ten seconds at 40 %");
    assert_eq!(
        told[0]["value"], 666,
        "permille of what was there, rounded down"
    );
}

/// A running agent's own health is not in a recording: its rules stay silent whatever the lines say.
#[test]
fn what_a_recording_cannot_tell_is_not_judged() {
    let line = |uptime_ms: u64, wall_ms: u64| {
        format!("{{\"uptime_ms\":{uptime_ms},\"wall_ms\":{wall_ms}}}\n")
    };
    let jump = line(1_000_000, 5) + &line(1_001_000, 900_000_000) + &line(2_000_000, 7);
    assert!(transitions(&jump, &[]).is_empty());
}

#[test]
fn gaps_are_told_and_the_interval_can_be_given() {
    let every_third: String = lines(0, &[90; 30])
        .lines()
        .step_by(3)
        .map(|line| format!("{line}\n"))
        .collect();
    let sparse = replay(&every_third, &["--json"]);
    let summary = &json_lines(&sparse.out)[0];
    assert_eq!(summary["codes"], json!([]), "each line begins anew");
    assert_eq!(summary["history"]["gaps"], 9);
    assert_eq!(summary["history"]["covered_ms"], 0);
    assert_eq!(summary["present"]["alarms_per_day"], Value::Null);
    assert!(sparse.err.contains("9 of 10 lines"), "{}", sparse.err);
    let known = replay(&every_third, &["--json", "--interval", "3s"]);
    assert_eq!(json_lines(&known.out)[0]["codes"][0]["code"], 1002);
    assert_eq!(known.err, "");
}

#[test]
fn the_table_ends_with_a_summary() {
    let ended = replay(&lines(10, &[90; 6]), &["--transitions"]);
    assert_eq!(ended.code, 0);
    for part in [
        "present   HNS1002-E  firing",
        "uptime 0:00:10 .. 0:00:15  clock not set  6 readings, no gap",
        "HNS1002-E  memory used critical  1      2s      2s       open",
        "144 an operator and day (guide of ISA-18.2), divided by 1 host",
        "go beyond the budget: 1 alarm in 5s with readings, 17280 a day",
        "That is less than a day",
        "not judged for that: HNS1003-E",
    ] {
        assert!(ended.out.contains(part), "{part}: {}", ended.out);
    }
}

#[test]
fn bad_lines_are_refused_with_file_and_line() {
    let good = lines(10, &[500]);
    let cases = [
        (format!("{good}{{\n"), "-:2: not JSON"),
        (format!("{good}\n[]\n"), "-:3: the line: found"),
        (
            "{\"uptime_ms\":1,\"cpu\":{\"busy_permille\":1001}}".into(),
            "-:1: cpu.busy_permille: found 1001",
        ),
        ("{\"wall_ms\":1}".into(), "-:1: uptime_ms: missing"),
        (
            format!("{{\"x\":\"{}\"}}", "y".repeat(20_000)),
            "-:1: longer than any sample",
        ),
        ("{\"uptime_ms\":\"\\u001b[31m\"}".into(), "-:1: uptime_ms"),
    ];
    for (input, expected) in cases {
        let ended = replay(&input, &["--json"]);
        assert_eq!(ended.code, 65, "{ended:?}");
        assert!(ended.err.contains(expected), "{expected}: {}", ended.err);
        assert!(!ended.err.contains('\u{1b}'), "{:?}", ended.err);
    }
}

/// What `sample` prints, `replay` reads.
#[test]
fn samples_of_this_host_are_read() {
    let samples = hansho(["sample", "--json", "--count", "3", "--interval", "50ms"]);
    let ended = replay(&samples.out, &["--json"]);
    assert_eq!(ended.code, 0, "{ended:?}");
}

/// Counts and times of both, the difference, and the budget: 144 a day, divided by the hosts, over the time with readings.
#[test]
fn two_configurations_stand_side_by_side() {
    // Over 90 % for seconds 10 to 19 of every minute, for an hour; over 95 % for the last five of them.
    let minute = |minute: u64| {
        let mib: Vec<u64> = (0..60)
            .map(|second| match second {
                10..15 => 90,
                15..20 => 40,
                _ => 500,
            })
            .collect();
        lines(minute * 60, &mib)
    };
    let input: String = (0..60).map(minute).collect();
    let folder = Folder::new();
    let present = folder.file("present.toml", CONFIG).display().to_string();
    let stricter = CONFIG.replace("90%", "96%").replace("3s", "2s");
    let proposed = folder.file("proposed.toml", stricter).display().to_string();
    let words = ["replay", "--input", "-", "--against", &present, "--config"];
    let run = |more: &[&str]| {
        let ended = hansho_with([&words[..], &[proposed.as_str()], more].concat(), &input);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.out
    };
    let summary = &json_lines(&run(&["--json", "--hosts", "2"]))[0];
    let code = &summary["codes"][0];
    // Present fires at second 13 and is resolved at 22; proposed at 17 and 22: by flapping both clear later from the third on.
    assert_eq!(code["present"]["fired"], 60, "{code}");
    assert_eq!(code["proposed"]["fired"], 60);
    let firing = |side: &str| code[side]["firing_ms"].as_u64().unwrap();
    assert!(firing("present") > firing("proposed"));
    assert_eq!(
        code["difference"]["firing_ms"].as_i64().unwrap(),
        i64::try_from(firing("proposed")).unwrap() - i64::try_from(firing("present")).unwrap()
    );
    assert_eq!(summary["history"]["covered_ms"], 3_599_000);
    assert_eq!(summary["budget"], 72.0);
    // 60 in 3,599 s are 1,440.4 a day.
    assert_eq!(summary["present"]["alarms_per_day"], 1440.4);
    assert_eq!(summary["proposed"]["within_budget"], false);
    let words = run(&["--hosts", "2"]);
    assert!(
        words.contains("Budget: 72 alarms a host and day"),
        "{words}"
    );
    assert!(
        words.contains("The proposed thresholds go beyond the budget: 60 alarms in 59m 59s with readings, 1440.4 a day."),
        "{words}"
    );
    let rare = CONFIG.replace("3s", "30s");
    folder.file("proposed.toml", rare);
    let words = run(&[]);
    assert!(words.contains("difference  -60"), "{words}");
    assert!(
        words.contains("The proposed thresholds stay within the budget: 0 alarms"),
        "{words}"
    );
}

/// What is for the record only is told to nobody, and no alarm.
#[test]
fn codes_of_the_record_do_not_count() {
    let line = |second: u64| {
        let sample = json!({ "uptime_ms": second * 1000, "cpu": { "system_permille": 900 } });
        format!("{sample}\n")
    };
    let input: String = (0..1500).map(line).collect();
    let summary = &json_lines(&replay(&input, &["--json"]).out)[0];
    let code = &summary["codes"][0];
    assert_eq!(
        (&code["code"], &code["counts_as_alarm"]),
        (&json!(2006), &json!(false))
    );
    assert_eq!(code["present"]["fired"], 1);
    assert_eq!(summary["present"]["alarms"], 0);
}

#[test]
fn nothing_to_judge_is_said() {
    let ended = replay("\n\n", &["--json"]);
    assert_eq!((ended.code, ended.out.as_str()), (1, ""));
    assert!(ended.err.contains("there is no sample"), "{}", ended.err);
}
