//! `hansho replay --suggest`: on histories whose right answer is known.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod cli_common;

use cli_common::{Ended, Folder, hansho, hansho_with, json_lines};
use hansho::config;
use hansho::rule::Level;
use serde_json::{Value, json};

const DAY_S: u64 = 24 * 3600;
const INTERVAL_S: u64 = 30;
const TOTAL_KIB: u64 = 1_000_000;

/// So many seconds of a host, with so much of its memory in use (permille) at each.
fn history(seconds: u64, used_permille: impl Fn(u64) -> u64) -> String {
    (0..=seconds / INTERVAL_S)
        .map(|step| step * INTERVAL_S)
        .map(|second| {
            let available_kib = TOTAL_KIB - used_permille(second) * TOTAL_KIB / 1000;
            let sample = json!({
                "uptime_ms": (second + 60) * 1000,
                "memory": { "total_kib": TOTAL_KIB, "available_kib": available_kib },
            });
            format!("{sample}\n")
        })
        .collect()
}

/// No gate: it is the level that is looked at.
const CONFIG: &str = "config_version = 1\n\n[[rule]]\ncode = 1001\ngate = \"none\"\n";

fn words(folder: &Folder, input: &str) -> Vec<String> {
    let config = folder.file("agent.toml", CONFIG).display().to_string();
    let input = folder.file("history.jsonl", input).display().to_string();
    [
        "replay",
        "--against",
        &config,
        "--input",
        &input,
        "--interval",
        "30s",
    ]
    .map(String::from)
    .to_vec()
}

fn replay(words: &[String], more: &[&str]) -> Ended {
    let more = more.iter().map(|word| (*word).to_owned());
    let ended = hansho(words.iter().cloned().chain(more));
    assert_eq!(ended.code, 0, "{ended:?}");
    ended
}

fn suggestion(words: &[String], more: &[&str]) -> Value {
    let more = [&["--suggest", "--json"], more].concat();
    json_lines(&replay(words, &more).out).remove(0)
}

fn of(suggestion: &Value, code: u64) -> &Value {
    let codes = suggestion["codes"].as_array().unwrap();
    codes.iter().find(|line| line["code"] == code).unwrap()
}

/// What is printed for agent.toml is one, and says the levels that were told.
fn levels(suggestion: &Value, code: u16) -> (Level, Level) {
    let fragment = suggestion["agent_toml"].as_str().unwrap();
    let plan = config::parse(&format!("config_version = 1\n{fragment}"), "test").unwrap();
    let rule = plan
        .rules
        .iter()
        .find(|effective| effective.rule.code == code)
        .unwrap();
    (rule.rule.raise, rule.rule.clear)
}

const fn share(permille: u16) -> Level {
    Level {
        permille: Some(permille),
        absolute: None,
    }
}

#[test]
fn a_quiet_host_is_told_of_sooner() {
    let folder = Folder::new();
    let input = history(
        7 * DAY_S,
        |second| if second % 3600 < 60 { 350 } else { 300 },
    );
    let words = words(&folder, &input);
    let suggestion = suggestion(&words, &[]);
    let line = of(&suggestion, 1001);
    for (key, value) in [
        ("verdict", json!("sooner")),
        ("unit", json!("permille")),
        ("p50", json!(300)),
        ("p99", json!(350)),
        ("max", json!(350)),
        ("raise", json!(800)),
        ("at_or_above_raise_ms", json!(0)),
        ("fired", json!(0)),
        ("suggested_raise", json!(580)),
        ("suggested_clear", json!(530)),
        ("fired_with_suggestion", json!(0)),
    ] {
        assert_eq!(line[key], value, "{key}: {line}");
    }
    assert_eq!(levels(&suggestion, 1001), (share(580), share(530)));
    // What wakes people stays; what no reading had is absent.
    assert_eq!(of(&suggestion, 1002)["verdict"], "keep");
    assert!(
        of(&suggestion, 1002)["reason"]
            .as_str()
            .unwrap()
            .contains("it wakes people")
    );
    assert_eq!(of(&suggestion, 2001)["verdict"], "absent");

    let text = replay(&words, &["--suggest"]).out;
    for part in [
        "HNS1001-W memory used high, memory_used\n  seen     p50 30%, p99 35%, max 35%, over 7d; at or above the raise level of 80% \
         for 0s; fired 0 times\n  suggest  raise 58% instead of 80%, clear 53% instead of 75%: it never fired",
        "# There is a [[rule]] for it at agent.toml:3: change raise and clear there",
        "[[rule]]\ncode = 1001\nraise = \"58%\"\nclear = \"53%\"\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Nothing was written.
    assert_eq!(
        std::fs::read_to_string(folder.path().join("agent.toml")).unwrap(),
        CONFIG
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn what_is_too_loud_for_the_fleet_is_raised_and_was_tried() {
    let folder = Folder::new();
    // Twenty minutes of every hour at 83 %, those of noon at 87 %: 24 alarms a day, one of them above 84 %.
    let input = history(7 * DAY_S, |second| {
        match (second % 3600, second / 3600 % 24) {
            (0..1200, 12) => 870,
            (0..1200, _) => 830,
            _ => 300,
        }
    });
    let words = words(&folder, &input);
    let alone = suggestion(&words, &[]);
    assert_eq!(
        of(&alone, 1001)["verdict"],
        "keep",
        "144 a day are enough for it"
    );
    assert_eq!(of(&alone, 1001)["fired"], 168);
    assert_eq!(alone["agent_toml"], "");

    let suggestion = suggestion(&words, &["--hosts", "20"]);
    let line = of(&suggestion, 1001);
    assert_eq!(line["verdict"], "quieter", "{line}");
    // 99 % of the time are below 87 %, as twenty minutes of a day are 1.4 %: what is beyond it was never seen.
    assert_eq!(
        (&line["p99"], &line["suggested_raise"]),
        (&json!(870), &json!(880))
    );
    assert_eq!(line["fired_with_suggestion"], 0);
    assert_eq!(suggestion["within_budget"], false);
    assert_eq!(suggestion["within_budget_with_suggestions"], true);
    let (raise, clear) = levels(&suggestion, 1001);
    assert_eq!((raise, clear), (share(880), share(830)));

    // And it is so, tried by hand.
    let fragment = suggestion["agent_toml"].as_str().unwrap();
    let proposed = format!("config_version = 1\n{fragment}gate = \"none\"\n");
    let proposed = folder.file("proposed.toml", proposed).display().to_string();
    let text = replay(&words, &["--config", &proposed, "--hosts", "20"]).out;
    assert!(
        text.contains("The present thresholds go beyond the budget: 168 alarms in 7d"),
        "{text}"
    );
    assert!(
        text.contains("The proposed thresholds stay within the budget: 0 alarms in 7d"),
        "{text}"
    );
}

/// Taken is the least level that is quiet enough, not the highest.
#[test]
fn no_more_is_given_up_than_the_budget_asks_for() {
    let folder = Folder::new();
    // 83 % every hour, and 87 % once in the week: one alarm in seven days is left at 84 %.
    let input = history(7 * DAY_S, |second| match (second % 3600, second / 3600) {
        (0..1200, 60) => 870,
        (0..1200, _) => 830,
        _ => 300,
    });
    let suggestion = suggestion(&words(&folder, &input), &["--hosts", "20"]);
    let line = of(&suggestion, 1001);
    assert_eq!((&line["p99"], &line["max"]), (&json!(830), &json!(870)));
    assert_eq!(
        (&line["verdict"], &line["suggested_raise"]),
        (&json!("quieter"), &json!(840))
    );
    assert_eq!(line["fired_with_suggestion"], 1);
    assert_eq!(suggestion["alarms_with_suggestions"], 1);
}

/// Levels of a fallback cannot be configured: nothing is suggested from its values.
#[test]
fn what_its_fallback_judged_is_said() {
    let folder = Folder::new();
    let line = |second: u64| {
        let sample = json!({ "uptime_ms": second * 1000, "cpu": { "iowait_permille": 20 } });
        format!("{sample}\n")
    };
    let input: String = (0..3600).step_by(30).map(line).collect();
    let suggestion = suggestion(&words(&folder, &input), &["--anyway"]);
    let line = of(&suggestion, 2004);
    assert_eq!(
        (&line["verdict"], &line["known_ms"]),
        (&json!("absent"), &json!(0))
    );
    let reason = line["reason"].as_str().unwrap();
    assert_eq!(reason, "judged by its fallback, whose levels are built in");
}

/// A third of the time far above the highest sensible level: no level helps, and that is said.
#[test]
fn what_no_level_can_mend_is_said() {
    let folder = Folder::new();
    let input = history(
        7 * DAY_S,
        |second| if second % 3600 < 1200 { 990 } else { 300 },
    );
    let suggestion = suggestion(&words(&folder, &input), &["--hosts", "1000"]);
    let line = of(&suggestion, 1001);
    assert_eq!(line["verdict"], "highest", "{line}");
    assert_eq!(line["suggested_raise"], Value::Null);
    let reason = line["reason"].as_str().unwrap();
    assert!(
        reason.contains("no level up to 90% makes it quieter"),
        "{reason}"
    );
    assert!(
        reason.contains("the host needs something, not the level"),
        "{reason}"
    );
}

#[test]
fn a_short_history_is_not_enough_unless_it_is_asked_for_anyway() {
    let folder = Folder::new();
    let words = words(&folder, &history(3 * DAY_S, |_| 300));
    let short = suggestion(&words, &[]);
    assert_eq!(of(&short, 1001)["verdict"], "not_enough");
    assert_eq!(short["agent_toml"], "");
    let text = replay(&words, &["--suggest"]).out;
    assert!(
        text.contains("not enough to suggest: 3d of the 7d that it takes"),
        "{text}"
    );
    assert!(text.contains("Nothing is suggested."), "{text}");
    let anyway = suggestion(&words, &["--anyway"]);
    assert_eq!(of(&anyway, 1001)["verdict"], "sooner");
}

#[test]
fn what_does_not_go_together_is_refused() {
    for words in [
        &["--anyway"][..],
        &["--suggest", "--transitions"],
        &["--suggest", "--input", "-"],
        &["--suggest", "--config", "a", "--against", "b"],
        &["--hosts", "100001"],
    ] {
        let ended = hansho_with([&["replay"], words].concat(), "");
        assert_eq!(ended.code, 64, "{words:?}: {ended:?}");
    }
}
