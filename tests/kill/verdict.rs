//! What the collector has, against what the script alone says.

use crate::relay::Acknowledged;
use crate::script::Script;
use crate::site::Site;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Waits until the alerts are as expected, at most for `patience`; what is wrong in the end.
pub(crate) fn wait(site: &Site, script: &Script, patience: Duration) -> Result<(), Vec<String>> {
    let deadline = Instant::now() + patience;
    loop {
        let faults = alerts(site, script);
        if faults.is_empty() {
            return Ok(());
        }
        // More than there should be only gets worse.
        let hopeless = faults.iter().any(|fault| fault.starts_with("too many"));
        if hopeless || Instant::now() > deadline {
            return Err(faults);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// No patience mends this fault: something is there twice, contradicts, or is missing in the middle.
pub(crate) fn is_final(fault: &str) -> bool {
    fault.starts_with("too many") || fault.starts_with("run ") || fault.starts_with("lost")
}

/// The whole verdict.
pub(crate) fn check(site: &Site, script: &Script) -> Result<(), Vec<String>> {
    let mut faults = alerts(site, script);
    faults.extend(site.broken_promises());
    faults.extend(sequences(site));
    faults.extend(readings(site, script));
    faults.extend(totals(site));
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

/// Waits until all that was written is stored or lies in a Loss, and what is open is what the script says.
pub(crate) fn wait_for_coverage(
    site: &Site,
    script: &Script,
    runs: u64,
    patience: Duration,
) -> Result<(), Vec<String>> {
    let deadline = Instant::now() + patience;
    loop {
        let mut faults = coverage(site, runs);
        faults.extend(open_alerts(site, script));
        if faults.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(faults);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Each (run, stream) from 0 on, each sequence once: as a frame or in a Loss; there are Losses; and of every run that was
/// started there is something.
fn coverage(site: &Site, runs: u64) -> Vec<String> {
    let mut faults = Vec::new();
    let mut spans = BTreeMap::<(String, u64), Vec<(u64, u64)>>::new();
    for frame in lines(&site.ask(&["frames", "web01", "--json"])) {
        let sequence = number(&frame, "sequence");
        spans
            .entry(stream_of(&frame))
            .or_default()
            .push((sequence, sequence));
    }
    let losses = lines(&site.ask(&["losses", "web01", "--json"]));
    if losses.is_empty() {
        faults.push("nothing is told as lost, and the rings were too small".to_owned());
    }
    for loss in losses {
        let span = (number(&loss, "first"), number(&loss, "last"));
        spans.entry(stream_of(&loss)).or_default().push(span);
    }
    let told: BTreeSet<&String> = spans.keys().map(|(run, _)| run).collect();
    if told.len() as u64 != runs {
        faults.push(format!(
            "run count: {} are told of, {runs} were started",
            told.len()
        ));
    }
    for ((run, stream), mut spans) in spans {
        spans.sort_unstable();
        let mut next = 0;
        for (first, last) in spans {
            if first != next {
                faults.push(format!(
                    "run {run} stream {stream}: {first}..={last} where {next} should be"
                ));
                break;
            }
            next = last + 1;
        }
    }
    faults
}

/// What is acknowledged and neither stored nor recorded as lost.
pub(crate) fn unstored(site: &Site, acknowledged: &Acknowledged) -> Vec<String> {
    let mut stored = Acknowledged::new();
    let frames = lines(&site.ask(&["frames", "web01", "--json"]));
    let losses = lines(&site.ask(&["losses", "web01", "--json"]));
    let frames = frames
        .iter()
        .map(|frame| (stream_of(frame), number(frame, "sequence") + 1));
    let losses = losses
        .iter()
        .map(|loss| (stream_of(loss), number(loss, "last") + 1));
    for (of, next) in frames.chain(losses) {
        let known = stored.entry(of).or_default();
        *known = next.max(*known);
    }
    acknowledged
        .iter()
        .filter(|(of, next)| stored.get(*of).copied().unwrap_or(0) < **next)
        .map(|((run, stream), next)| {
            let has = stored.get(&(run.clone(), *stream)).copied().unwrap_or(0);
            format!("run {run} stream {stream}: acknowledged to {next}, in the killed collector's files to {has}")
        })
        .collect()
}

/// What fires at the collector is what the script's last phase gives; no episode is there twice, none is unknown.
fn open_alerts(site: &Site, script: &Script) -> Vec<String> {
    let text = site.ask(&["alerts", "--json", "--all"]);
    let all: Vec<Value> = serde_json::from_str(&text).expect("a list");
    let mut faults = Vec::new();
    for (code, expected, open) in script.expected() {
        let of_code: Vec<_> = all
            .iter()
            .filter(|alert| number(alert, "code") == u64::from(code))
            .collect();
        let firing: Vec<_> = of_code
            .iter()
            .filter(|alert| alert["state"] == "firing")
            .collect();
        if firing.len() != usize::from(open) {
            faults.push(format!(
                "{code}: {} firing, the script says {open}",
                firing.len()
            ));
        }
        let mut episodes: Vec<_> = of_code
            .iter()
            .map(|alert| number(alert, "episode"))
            .collect();
        episodes.sort_unstable();
        let told = episodes.len();
        episodes.dedup();
        if episodes.len() != told || episodes.iter().any(|episode| *episode > expected) {
            faults.push(format!(
                "{code}: episodes {episodes:?} of {told} alerts, the script has {expected}"
            ));
        }
    }
    faults
}

fn stream_of(value: &Value) -> (String, u64) {
    let run = value["run"].as_str().expect("a run").to_owned();
    (run, number(value, "stream"))
}

/// A line for whoever reads the log.
pub(crate) fn summary(site: &Site) -> String {
    site.ask(&["stats", "--json"]).trim().to_owned()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

fn number(value: &Value, key: &str) -> u64 {
    value[key]
        .as_u64()
        .unwrap_or_else(|| panic!("{key} in {value}"))
}

/// Each episode once, none by inference, each ended but perhaps the last.
fn alerts(site: &Site, script: &Script) -> Vec<String> {
    let text = site.ask(&["alerts", "--json", "--all"]);
    let all: Vec<Value> = serde_json::from_str(&text).expect("a list");
    let mut faults = Vec::new();
    for (code, expected, open) in script.expected() {
        let mut of_code: Vec<_> = all
            .iter()
            .filter(|alert| number(alert, "code") == u64::from(code))
            .collect();
        of_code.sort_by_key(|alert| number(alert, "episode"));
        if of_code.len() as u64 != expected {
            let much = if of_code.len() as u64 > expected {
                "too many"
            } else {
                "too few"
            };
            faults.push(format!(
                "{much}: {code} has {} episodes, the script {expected}",
                of_code.len()
            ));
        }
        for (place, alert) in of_code.iter().enumerate() {
            let what = format!("{code} episode {}", alert["episode"]);
            if number(alert, "episode") != place as u64 + 1 {
                faults.push(format!(
                    "too many: {what} is number {} of its code",
                    place + 1
                ));
            }
            let firing = alert["state"] == "firing";
            let should_fire = open && place as u64 + 1 == expected;
            if firing != should_fire {
                faults.push(format!("{what} is {}", alert["state"]));
            }
            if alert["by_state"] == true || alert["firing_inferred"] == true {
                faults.push(format!("{what} was inferred, not told"));
            }
            if number(alert, "continuations") != 0 {
                faults.push(format!(
                    "too many: {what} was told {} times more",
                    alert["continuations"]
                ));
            }
        }
    }
    let codes: Vec<_> = script
        .expected()
        .iter()
        .map(|(code, ..)| u64::from(*code))
        .collect();
    for alert in all
        .iter()
        .filter(|alert| !codes.contains(&number(alert, "code")))
    {
        faults.push(format!(
            "too many: {} was raised, and no phase gives it",
            alert["display"]
        ));
    }
    faults
}

/// Each (run, stream) without a gap, a doubled frame or a loss: the rings were large enough for all of it.
fn sequences(site: &Site) -> Vec<String> {
    let mut faults = Vec::new();
    let mut streams = BTreeMap::<(String, u64), Vec<u64>>::new();
    for frame in lines(&site.ask(&["frames", "web01", "--json"])) {
        streams
            .entry(stream_of(&frame))
            .or_default()
            .push(number(&frame, "sequence"));
    }
    for ((run, stream), mut sequences) in streams {
        sequences.sort_unstable();
        let expected: Vec<u64> = (0..sequences.len() as u64).collect();
        if sequences != expected {
            let wrong = sequences
                .iter()
                .zip(&expected)
                .find(|(found, expected)| found != expected);
            faults.push(format!(
                "run {run} stream {stream}: {} frames, first wrong (found, expected) {wrong:?}",
                sequences.len()
            ));
        }
    }
    for loss in lines(&site.ask(&["losses", "web01", "--json"])) {
        faults.push(format!("lost: {loss}"));
    }
    faults
}

/// Every stored value occurs in the script.
fn readings(site: &Site, script: &Script) -> Vec<String> {
    let allowed = script.recorded_kib();
    let mut faults = Vec::new();
    let stored = lines(&site.ask(&["readings", "web01", "--json"]));
    if stored.is_empty() {
        faults.push("no readings are stored".to_owned());
    }
    for reading in stored {
        let available = number(&reading["memory"], "available_kib");
        if !allowed.contains(&available) {
            faults.push(format!(
                "a reading that the script does not have: {available} KiB in {reading}"
            ));
        }
    }
    faults
}

fn totals(site: &Site) -> Vec<String> {
    let stats: Value = serde_json::from_str(&site.ask(&["stats", "--json"])).expect("an object");
    ["lost", "refused", "skipped", "contradicted"]
        .iter()
        .filter(|key| number(&stats, key) != 0)
        .map(|key| format!("{key} is {} in {stats}", stats[*key]))
        .collect()
}
