//! A machine that goes back to a snapshot, and machines that are copies of another.

use crate::machine::{Hardware, Machine};
use crate::memory::{fill_to, start_leak};
use crate::site::{Site, text, until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const TOLD: Duration = Duration::from_secs(400);
const FORWARD: &str = "post_interval = \"2s\"";
/// So far a snapshot lies back at least: a clock that is off by 30 s is told.
const BACK: Duration = Duration::from_secs(75);
/// Fires at once where memory is filled: something must be open when the machine goes back.
const QUICK_RULE: &str = "[[rule]]\ncode = 1001\nraise = \"60%\"\nclear = \"55%\"\nraise_after = \"1s\"\nclear_after = \"1s\"\n";

const TEST_ALERT: &str = "/disk/hansho/hansho test 1002 --config /disk/hansho/agent.toml";

fn tests(site: &Site) -> usize {
    let alerts = site.alerts();
    alerts.iter().filter(|alert| alert["test"] == true).count()
}

/// When each stored reading was, by run and sequence; a frame of readings has several.
fn dates(site: &Site) -> BTreeMap<(String, u64, u64), u64> {
    site.readings()
        .iter()
        .map(|reading| {
            let number = |name: &str| reading[name].as_u64().unwrap();
            let run = text(&reading["run"]).to_owned();
            (
                (run, number("sequence"), number("uptime_ms")),
                number("wall_ms"),
            )
        })
        .collect()
}

pub(crate) fn rollback() {
    let site = Site::start("rollback", "");
    let disk = site.disk(FORWARD, QUICK_RULE);
    let hardware = Hardware::with_memory(256);
    let mut machine = Machine::start(&site.folder, "guest", &disk, &hardware);
    site.wait_until_present();
    machine.wait_for_line();
    machine.run(TEST_ALERT);
    until("the first test", TOLD, || (tests(&site) == 1).then_some(()));
    let before = site.presence();
    machine.monitor("savevm before");
    let saved = Instant::now();
    let (saved_uptime, _) = machine.clocks();

    // The future that will not have been: an alert that is open, one that is over, readings.
    start_leak(&mut machine);
    fill_to(&mut machine, 30);
    let lost = until("1001", TOLD, || site.of(1001).pop());
    machine.run(&TEST_ALERT.replace("1002", "2001"));
    until("a test of the future", TOLD, || {
        (tests(&site) == 2).then_some(())
    });
    until("time passes", TOLD, || {
        (saved.elapsed() >= BACK).then_some(())
    });
    let stored = site.frames();
    let dated = dates(&site);
    let (uptime_then, _) = machine.clocks();

    // By a process of its own: the counter of cycles of a QEMU that goes on never goes back.
    drop(machine);
    let snapshot = Hardware {
        snapshot: Some("before".to_owned()),
        ..hardware
    };
    let mut machine = Machine::start(&site.folder, "back", &disk, &snapshot);
    let back = Instant::now();
    machine.wait_for_line();
    let (uptime, _) = machine.clocks();
    assert!(uptime < uptime_then, "{uptime} {uptime_then}");
    let told = until("8010", TOLD, || site.of(8010).pop());
    let told_after = back.elapsed();
    until("another run speaks", TOLD, || {
        (site.presence()["run"] != before["run"]).then_some(())
    });
    assert_eq!(site.presence()["boot"], before["boot"]);
    // Nothing of what was stored is gone or another now.
    let now = site.frames();
    let gone: Vec<_> = stored.difference(&now).collect();
    assert!(gone.is_empty(), "{gone:?}");
    // What only that future knew to be open is closed, and says why.
    let ended = until("1001 is closed", TOLD, || {
        site.of(1001)
            .pop()
            .filter(|alert| alert["state"] == "resolved")
    });
    assert_eq!(ended["alert"], lost["alert"]);
    assert_eq!(ended["closed_by_state"], true, "{ended}");
    assert!(site.own_codes().is_empty(), "{:?}", site.own_codes());
    // Nor is it dated later than it was received, but for what a clock may be off (limit.rs of the collector).
    let received: BTreeMap<(&str, u64), u64> = stored
        .iter()
        .filter(|frame| frame.stream == 1)
        .map(|frame| ((frame.run.as_str(), frame.sequence), frame.received_ms))
        .collect();
    let dated_now = dates(&site);
    let mut moved_ms = 0;
    for (key, wall) in &dated {
        let now = dated_now[key];
        moved_ms = moved_ms.max(now.abs_diff(*wall));
        let latest = received[&(key.0.as_str(), key.1)] + 30_000;
        assert!(now <= latest, "{key:?}: {now} {latest}");
    }
    let off_ms = until("the clock is seen to be off", TOLD, || {
        site.presence()["clock_off_ms"]
            .as_i64()
            .filter(|off| *off < -30_000)
    });

    // Ten minutes of a clock that is off, then a step as NTP makes it.
    let off = until("9007", Duration::from_secs(900), || site.of(9007).pop());
    let host_s = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let (uptime_at_step, _) = machine.clocks();
    machine.run(&format!("date -s @{host_s}"));
    let stepped = until("8003", TOLD, || site.of(8003).pop());
    assert_eq!(site.own_codes().into_iter().collect::<Vec<_>>(), [9007]);
    let whole = site.check_whole();
    site.write_down(&json!({
        "saved_at_uptime_s": saved_uptime, "left_at_uptime_s": uptime_then, "back_at_uptime_s": uptime,
        "8010_after_ms": told_after.as_millis() as u64, "8010": told["value"], "closed_by_state": ended["closed_by_state"],
        "readings_moved_ms": moved_ms, "clock_off_ms": off_ms, "9007": off["value"],
        "8003": stepped["value"], "8003_at_uptime_s": uptime_at_step,
        "codes": site.own_codes(), "stored": whole,
    }));
}

/// What two machines with one identity are told as, and that nothing else is told.
fn wait_for_double(site: &Site) -> Value {
    let double = until("9006", TOLD, || site.of(9006).pop());
    // Whatever would be told late comes within this: a reboot that nobody missed after a minute and a half.
    let seen = Instant::now();
    until("a while", TOLD, || {
        (seen.elapsed() > Duration::from_secs(120)).then_some(())
    });
    assert_eq!(
        site.own_codes().into_iter().collect::<Vec<_>>(),
        [9006],
        "{:?}",
        site.alerts()
    );
    site.cause(&double)["double"].clone()
}

pub(crate) fn clone() {
    let site = Site::start("clone", "");
    let disk = site.disk(FORWARD, "");
    let hardware = Hardware::with_memory(192);
    let mut machine = Machine::start(&site.folder, "guest", &disk, &hardware);
    site.wait_until_present();
    machine.wait_for_line();
    machine.run(TEST_ALERT);
    until("the test", TOLD, || (tests(&site) == 1).then_some(()));
    // As a disk is copied under a machine that runs: it stands still, and what it had written is on it.
    machine.run("sync");
    machine.pause();
    let copy = site.folder.join("copy.qcow2");
    fs::copy(&disk, &copy).unwrap();
    machine.go_on();
    let second = Machine::start(&site.folder, "copy", &copy, &hardware);
    let by = wait_for_double(&site);
    let whole = site.check_whole();
    site.write_down(&json!({ "9006_by": by, "codes": site.own_codes(), "stored": whole }));
    drop(second);
}

pub(crate) fn twin() {
    let site = Site::start("twin", "");
    let disk = site.disk(FORWARD, "");
    let hardware = Hardware::with_memory(192);
    let mut machine = Machine::start(&site.folder, "guest", &disk, &hardware);
    site.wait_until_present();
    machine.monitor("savevm twin");
    machine.pause();
    let copy = site.folder.join("twin.qcow2");
    fs::copy(&disk, &copy).unwrap();
    machine.go_on();
    let snapshot = Hardware {
        snapshot: Some("twin".to_owned()),
        ..hardware
    };
    let second = Machine::start(&site.folder, "twin", &copy, &snapshot);
    let by = wait_for_double(&site);
    let whole = site.check_whole();
    // Where one lags by less than a frame, the collector is never ahead of either: both go on in one run, and of each pair
    // of frames the later one is dropped. That it was is what 9006 says.
    let again = site.of(8010).len();
    site.write_down(&json!({
        "9006_by": by, "8010": again, "duplicates": site.duplicates(), "codes": site.own_codes(), "stored": whole,
    }));
    drop(second);
}
