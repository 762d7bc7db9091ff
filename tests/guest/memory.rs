//! A leak, up to the kernel's kill, and the mails about it.

use crate::machine::{Hardware, Machine, given};
use crate::mail_common::{Postfix, certificate, parsed};
use crate::site::{Site, text, until};
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

const TOLD: Duration = Duration::from_secs(600);

/// Starts a program that leaks as much as it is told to.
pub(crate) fn start_leak(machine: &mut Machine) {
    machine.run("echo 16 >/run/leak; echo 0 >/run/leaked");
    machine.run("/etc/leak </dev/null >/dev/null 2>&1 &");
}

/// Lets it leak until so many per cent of the memory are available.
pub(crate) fn fill_to(machine: &mut Machine, available_percent: u64) {
    let total = machine.meminfo("MemTotal");
    let wanted = total * available_percent / 100;
    until("memory is filled", TOLD, || {
        let available = machine.meminfo("MemAvailable");
        if available <= wanted {
            return Some(());
        }
        // From what it holds, not from what it was told to: in software it may be far behind.
        let held: u64 = machine.run("cat /run/leaked").trim().parse().ok()?;
        let more = (available - wanted) * 3 / 4;
        machine.run(&format!("echo {} >/run/leak", held + more.max(256)));
        std::thread::sleep(Duration::from_secs(2));
        None
    });
}

/// Levels, windows and gates are the built-in ones; only how long they must hold is shorter, so that nobody waits for an hour.
const RULES: &str = "[[rule]]\ncode = 1001\nraise_after = \"1m\"\nclear_after = \"1m\"\n\
                     [[rule]]\ncode = 1002\nclear_after = \"1m\"\n\
                     [[rule]]\ncode = 1003\nclear_after = \"1m\"\n\
                     [[rule]]\ncode = 1010\nclear_after = \"1m\"\n";

/// All of the family at once, so that the whole thread is in the Maildir; without it 1001 waits for a digest.
fn tables(postfix: &Postfix) -> String {
    format!(
        "[[receiver]]\nid = \"sato\"\nname = {{ ja = \"佐藤\", en = \"Sato\" }}\nmail = \"sato@example.jp\"\n\
         [[team]]\nid = \"ops\"\nreceivers = [\"sato\"]\n\
         [[customer]]\nid = \"mirai\"\nname = {{ ja = \"みらい商事\", en = \"Mirai Trading\" }}\ntime_zone_offset = \"+09:00\"\n\
         [[system]]\ncustomer = \"mirai\"\nid = \"order\"\nname = {{ ja = \"受注\", en = \"Orders\" }}\nteam = \"ops\"\n\
         [[route]]\ncode = [\"HNS1001\", \"HNS1002\", \"HNS1003\", \"HNS1010\"]\ndeliver = \"now\"\n\
         [mail]\nhost = \"localhost\"\nport = {}\nca_file = \"mail-ca.pem\"\nfrom = \"hansho <hansho@collector.example.jp>\"\n",
        postfix.port
    )
}

/// Mails of the family, in the order in which they arrived.
fn mails(postfix: &Postfix) -> Vec<Value> {
    let mut paths = postfix.boxed("sato");
    paths.sort_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
    paths.iter().map(|path| parsed(path)).collect()
}

/// One thread, by a parser that is not ours: one first mail, and all others refer to it.
fn check_thread(mails: &[Value]) -> Value {
    let header = |mail: &Value, name: &str| mail["headers"][name].as_str().map(str::to_owned);
    let root = header(&mails[0], "message-id").unwrap();
    assert_eq!(header(&mails[0], "in-reply-to"), None, "{}", mails[0]);
    let mut ids = vec![root.clone()];
    for mail in &mails[1..] {
        assert_eq!(header(mail, "in-reply-to").as_ref(), Some(&root), "{mail}");
        let references = header(mail, "references").unwrap();
        assert!(references.contains(&root), "{mail}");
        ids.push(header(mail, "message-id").unwrap());
    }
    let many = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), many, "a Message-ID twice");
    let subjects: Vec<String> = mails
        .iter()
        .map(|mail| {
            assert_eq!(mail["defects"], json!([]), "{mail}");
            let subject = header(mail, "subject").unwrap();
            assert!(subject.contains("みらい商事/受注 guest"), "{subject}");
            // Once, and not as often as in the reading after it.
            assert!(
                !subject.contains("HNS1010")
                    || subject.ends_with(" 1回")
                    || subject.contains(" 1回("),
                "{subject}"
            );
            subject
        })
        .collect();
    json!({ "root": root, "subjects": subjects })
}

pub(crate) fn oom() {
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        panic!("no Postfix can be started: it wants Debian's package postfix, python3, and root");
    };
    let authority = given("HANSHO_GUEST_FOLDER").join("oom/mail-ca.pem");
    fs::create_dir_all(authority.parent().unwrap()).unwrap();
    fs::write(&authority, &own.certificate).unwrap();
    let site = Site::start("oom", &tables(&postfix));
    let disk = site.disk("", RULES);
    let mut machine = Machine::start(&site.folder, "guest", &disk, &Hardware::with_memory(256));
    site.wait_until_present();
    machine.wait_for_line();
    let total_kib = machine.meminfo("MemTotal");
    start_leak(&mut machine);
    fill_to(&mut machine, 14);
    until("1001", TOLD, || site.of(1001).pop());
    fill_to(&mut machine, 4);
    let critical = until("1002", TOLD, || site.of(1002).pop());
    machine.run("echo 99999999 >/run/leak");
    let killed = until("1010", TOLD, || site.of(1010).pop());
    assert!(machine.console().contains("Out of memory: Killed process"));
    let family = [1001, 1002, 1003, 1010];
    let open = || {
        let mut open = site.alerts();
        open.retain(|alert| {
            alert["state"] == "firing" && family.iter().any(|code| alert["code"] == *code)
        });
        open
    };
    until("all of it is over", TOLD, || {
        open().is_empty().then_some(())
    });
    until("its end is mailed", TOLD, || {
        mails(&postfix)
            .last()
            .is_some_and(|mail| text(&mail["plain"]).contains("state: resolved"))
            .then_some(())
    });
    let thread = check_thread(&mails(&postfix));
    let status = machine.run("/disk/hansho/hansho status --json --config /disk/hansho/agent.toml");
    let status: Value = serde_json::from_str(status.trim()).unwrap();
    let readings = site.readings();
    let uptimes: Vec<u64> = readings
        .iter()
        .map(|reading| reading["uptime_ms"].as_u64().unwrap())
        .collect();
    let longest = uptimes.windows(2).map(|two| two[1] - two[0]).max();
    let whole = site.check_whole();
    // It lives and ticks on: one run from the first reading to the last, none of them lost.
    assert_eq!(whole["runs"], 1, "{whole}");
    assert_eq!(whole["losses"], 0, "{whole}");
    assert_eq!(status["restarts_watcher"], 0, "{status}");
    assert!(site.own_codes().is_empty(), "{:?}", site.own_codes());
    let raised: Vec<Value> = site
        .alerts()
        .iter()
        .map(|alert| json!([alert["display"], alert["worst"], alert["total"]]))
        .collect();
    site.write_down(&json!({
        "memory_total_kib": total_kib, "readings": readings.len(), "longest_between_readings_ms": longest,
        "1002": critical["value"], "1010": killed["value"], "raised": raised, "thread": thread,
        "restarts_watcher": status["restarts_watcher"], "restarts_forwarder": status["restarts_forwarder"],
        "posts_failed_in_row": status["posts_failed_in_row"], "stored": whole,
    }));
}
