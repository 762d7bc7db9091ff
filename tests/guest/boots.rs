//! A machine that boots again, and one whose clock is wrong when it does.

use crate::machine::{Hardware, Machine};
use crate::site::{Site, text, until};
use serde_json::{Value, json};
use std::time::Duration;

/// A reboot that nobody missed is told a minute and a half after it; a boot takes its time in software.
const TOLD: Duration = Duration::from_secs(400);
/// As short as makes no guest busy.
const FORWARD: &str = "post_interval = \"3s\"";

/// The one 9003, once it has been counted so often.
fn reboot_number(site: &Site, number: u64) -> Value {
    let alert = until("9003", TOLD, || {
        let alerts = site.of(9003);
        assert!(alerts.len() <= 1, "{alerts:?}");
        alerts
            .into_iter()
            .next()
            .filter(|alert| alert["count"].as_u64().unwrap() >= number)
    });
    assert_eq!(alert["count"], number, "{alert}");
    alert
}

/// What is told of one reboot.
fn told(site: &Site, number: u64) -> Value {
    let cause = site.cause(&reboot_number(site, number));
    assert_eq!(cause["back"], "rebooted", "{cause}");
    assert_eq!(cause["presumed"], Value::Null, "{cause}");
    // Nobody missed it, so nothing is said of a silence, and nothing of a network.
    assert_eq!(site.own_codes().into_iter().collect::<Vec<_>>(), [9003]);
    json!({ "boot": cause["boot"], "silence": cause["silence"] })
}

/// Another boot of another run speaks.
fn wait_for_other_boot(site: &Site, before: &Value) {
    until("the other boot", TOLD, || {
        let now = site.presence();
        (now["boot"] != before["boot"] && now["boot"] != Value::Null).then_some(())
    });
}

pub(crate) fn reboot() {
    // Software is slow, and a loaded host slower: people are told of a silence only later than any boot takes.
    let site = Site::start("reboot", "[presence]\nnotify_after = \"10m\"\n");
    let disk = site.disk(FORWARD, "");
    let hardware = Hardware {
        keeps_dumps: true,
        ..Hardware::with_memory(256)
    };
    let mut machine = Machine::start(&site.folder, "guest", &disk, &hardware);
    site.wait_until_present();

    let before = site.presence();
    machine.wait_for_line();
    machine.send("reboot");
    wait_for_other_boot(&site, &before);
    let in_order = told(&site, 1);
    assert_eq!(
        in_order,
        json!({ "boot": "ordered", "silence": "stopped_in_order" })
    );

    let before = site.presence();
    machine.reset();
    wait_for_other_boot(&site, &before);
    let reset = told(&site, 2);
    assert_eq!(reset, json!({ "boot": null, "silence": null }));

    let before = site.presence();
    machine.wait_for_line();
    machine.send("echo c >/proc/sysrq-trigger");
    wait_for_other_boot(&site, &before);
    let panic = told(&site, 3);
    assert_eq!(panic, json!({ "boot": "panic", "silence": null }));

    // The dump still lies there: this time it says nothing.
    let before = site.presence();
    machine.reset();
    wait_for_other_boot(&site, &before);
    let after_panic = told(&site, 4);
    assert_eq!(after_panic, json!({ "boot": null, "silence": null }));

    let before = site.presence();
    machine.wait_for_line();
    // Fed once, and again only long after it has bitten.
    machine.run("watchdog -T 2 -t 600 /dev/watchdog");
    wait_for_other_boot(&site, &before);
    let watchdog = told(&site, 5);
    assert_eq!(watchdog, json!({ "boot": "watchdog", "silence": null }));

    let stored = site.check_whole();
    site.write_down(&json!({
        "reboot": in_order, "reset": reset, "panic": panic, "reset_after_panic": after_panic,
        "watchdog": watchdog, "codes": site.own_codes(), "stored": stored,
    }));
}

pub(crate) fn silent() {
    let site = Site::start("silent", "[presence]\nnotify_after = \"15s\"\n");
    let disk = site.disk(FORWARD, "");
    let mut machine = Machine::start(&site.folder, "guest", &disk, &Hardware::with_memory(256));
    site.wait_until_present();
    machine.reset();
    machine.pause();
    let silent = until("9001", TOLD, || site.of(9001).pop());
    let cause = site.cause(&silent);
    assert_eq!(
        (&cause["silence"], &cause["presumed"]),
        (&json!("unknown"), &Value::Null),
        "{cause}"
    );
    machine.go_on();
    let over = until("9001 ends", TOLD, || {
        site.of(9001)
            .pop()
            .filter(|alert| alert["state"] == "resolved")
    });
    let cause = site.cause(&over);
    assert_eq!(cause["back"], "rebooted", "{cause}");
    let rebooted = until("9003", TOLD, || site.of(9003).pop());
    let why = site.cause(&rebooted);
    assert_eq!(
        (&why["back"], &why["boot"], &why["presumed"]),
        (&json!("rebooted"), &Value::Null, &Value::Null),
        "{why}"
    );
    assert_eq!(
        site.own_codes().into_iter().collect::<Vec<_>>(),
        [9001, 9003]
    );
    let stored = site.check_whole();
    site.write_down(&json!({ "codes": site.own_codes(), "back": cause["back"], "stored": stored }));
}

/// Debian's kernel alone takes some 60 MiB of it before it begins; what is left (MemTotal) is less than an appliance of 64 MiB has.
const SMALL_MIB: u32 = 112;
/// The clock of a host without a battery, in seconds: minutes after 1970 began.
const UNSET_S: u64 = 120;

pub(crate) fn clock() {
    let site = Site::start("clock", "");
    let disk = site.disk(FORWARD, "");
    let hardware = Hardware {
        kernel_words: format!("clock={UNSET_S}"),
        ..Hardware::with_memory(SMALL_MIB)
    };
    let mut machine = Machine::start(&site.folder, "guest", &disk, &hardware);
    // Over TLS: the certificate of the collector is of a time that this host's clock does not know.
    site.wait_until_present();
    machine.wait_for_line();
    let (_, guest_s) = machine.clocks();
    assert!(guest_s < 3600, "{guest_s}");
    machine.run("/disk/hansho/hansho test 1002 --config /disk/hansho/agent.toml");
    let test = until("the test alert", TOLD, || {
        site.alerts()
            .into_iter()
            .find(|alert| alert["code"] == 1002 && alert["test"] == true)
    });
    // Dated by uptime, not by that clock.
    let (occurred, stored) = (
        test["detected_ms"].as_u64().unwrap(),
        test["stored_ms"].as_u64().unwrap(),
    );
    assert!(stored.abs_diff(occurred) < 60_000, "{test}");
    assert_eq!(test["detected_clock"], "exact", "{test}");
    let off = site.presence()["clock_off_ms"].as_i64().unwrap();
    assert!(off < -1_000_000_000_000, "{off}");
    let told = until("9007", Duration::from_secs(900), || site.of(9007).pop());
    let (uptime, _) = machine.clocks();
    assert!(uptime >= 600.0, "{uptime}");
    // NTP comes at last, as one step.
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    machine.run(&format!("date -s @{now}"));
    let stepped = until("8003", TOLD, || site.of(8003).pop());
    let step_s = stepped["value"].as_u64().unwrap();
    until("the collector sees the clock right", TOLD, || {
        let off = site.presence()["clock_off_ms"].as_i64()?;
        (off.abs() <= 5_000).then_some(())
    });
    assert_eq!(site.own_codes().into_iter().collect::<Vec<_>>(), [9007]);
    let known = site.known();
    let readings = site.readings();
    let walls: Vec<u64> = readings
        .iter()
        .map(|reading| reading["wall_ms"].as_u64().unwrap())
        .collect();
    assert!(
        walls.windows(2).all(|two| two[0] < two[1]),
        "readings go back in time"
    );
    let stored = site.check_whole();
    site.write_down(&json!({
        "memory_total_kib": known["memory_total_kib"], "first_clock_s": guest_s, "clock_off_ms": off,
        "step": step_s, "9007": text(&told["state"]), "readings": walls.len(), "stored": stored,
    }));
}
