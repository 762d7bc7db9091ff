//! Bad input seen through the whole collector: mail servers in trouble, templates with a mistake, hostile words of a host, and a
//! store that is locked, full or damaged.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod proof_support;

use hansho::frame::kind::Stream;
use hansho_collector::store::{Outgoing, Sending, Store as _};
use proof_support::mail_common::{Postfix, certificate, parsed};
use proof_support::support::{Folder, alert, event, readings};
use proof_support::{
    Played, Serving, add, alerts, http, http_with, log, mails, outbox, run, signal, skip, until,
};
use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;

const CONFIG: &str = "collector.toml";

fn configure(here: &Path, mail: Option<(&Postfix, &str)>, more: &str) {
    let mail = mail.map_or_else(String::new, |(postfix, authority)| {
        fs::write(here.join("mail-ca.pem"), authority).unwrap();
        format!(
            "[mail]\nhost = \"localhost\"\nport = {}\nca_file = \"mail-ca.pem\"\nfrom = \"hansho@collector.example.jp\"\n{more}",
            postfix.port
        )
    });
    fs::write(
        here.join(CONFIG),
        format!(
            "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n[pages]\nlisten = \"127.0.0.1:0\"\n\
             [store]\ndirectory = \"data\"\n\
             [[receiver]]\nid = \"sato\"\nmail = \"sato@example.jp\"\nhtml = true\n\
             [[receiver]]\nid = \"suzuki\"\nmail = \"suzuki@example.jp\"\n\
             [[team]]\nid = \"order-ops\"\nreceivers = [\"sato\"]\n[[team]]\nid = \"stock-ops\"\nreceivers = [\"suzuki\"]\n\
             [[customer]]\nid = \"mirai\"\n\
             [[system]]\ncustomer = \"mirai\"\nid = \"order\"\nteam = \"order-ops\"\n\
             [[system]]\ncustomer = \"mirai\"\nid = \"stock\"\nteam = \"stock-ops\"\n\
             [notify]\nfallback = [\"suzuki\"]\n{mail}"
        ),
    )
    .unwrap();
}

/// Fires HNS5001 about `subject`.
fn fire(agent: &mut Played, address: &str, episode: u32, subject: &str) {
    let uptime = agent.uptime_ms();
    let fired = event(5001, 1, episode, uptime, uptime);
    let mut frames = vec![alert(hansho_event(fired, subject))];
    if agent.next == 0 {
        frames.insert(0, agent.hello("web03"));
    }
    assert!(agent.post(address, &frames), "{subject}");
}

fn hansho_event<'s>(
    event: proof_support::support::Event<'static>,
    subject: &'s str,
) -> proof_support::support::Event<'s> {
    proof_support::support::Event { subject, ..event }
}

/// The one message about the alert with this subject.
fn message(here: &Path, code: u16, subject: &str) -> Option<Outgoing> {
    let all = alerts(here, code);
    let (alert, _) = all
        .iter()
        .find(|(alert, _)| alert.identity.subject == subject)?;
    outbox(here)
        .into_iter()
        .find(|message| message.alert == Some(alert.id))
}

#[test]
fn a_mail_server_in_trouble_loses_nothing_and_another_receiver_hears_of_it() {
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        return;
    };
    let folder = Folder::new("proof-mail");
    let here = folder.path();
    configure(here, Some((&postfix, &own.certificate)), "");
    let mut order = add(here, CONFIG, "web03", "mirai/order");
    let mut stock = add(here, CONFIG, "web04", "mirai/stock");
    let serving = Serving::start(here, CONFIG);
    let address = serving.ingest.clone();

    // It refuses one recipient: another one hears of that.
    postfix.answer("sato@example.jp", Some("550 5.1.1 no such user"));
    fire(&mut order, &address, 1, "refused");
    let told = until("HNS9008 at the other receiver", || {
        let mails = mails(&postfix, "suzuki");
        mails
            .into_iter()
            .find(|mail| mail.code.starts_with("HNS9008"))
    });
    let text = parsed(&told.path)["plain"].as_str().unwrap().to_owned();
    assert!(text.contains("no such user"), "{text}");
    assert_eq!(
        message(here, 5001, "refused").unwrap().state,
        Sending::Refused
    );
    let (undelivered, _) = alerts(here, 9008).remove(0);
    assert_eq!(undelivered.identity.subject, "sato");
    assert!(undelivered.firing);

    // Greylisting: later, and then it arrives; that ends HNS9008.
    postfix.answer("sato@example.jp", Some("450 4.2.0 greylisted, try again"));
    fire(&mut order, &address, 2, "greylisted");
    until("it is tried once", || {
        let message = message(here, 5001, "greylisted")?;
        (message.state == Sending::Queued && message.attempts == 1).then_some(())
    });
    // Meanwhile it is slow: the connection is taken and nobody speaks; another mail waits in it.
    postfix.pause();
    fire(&mut stock, &address, 1, "slow");
    until("it is being sent", || {
        let message = message(here, 5001, "slow")?;
        (message.state == Sending::Claimed).then_some(())
    });
    postfix.resume();
    until("the slow one arrives", || {
        let message = message(here, 5001, "slow")?;
        (message.state == Sending::Delivered).then_some(())
    });
    // And down.
    postfix.stop();
    fire(&mut stock, &address, 2, "down");
    until("nobody takes it", || {
        let message = message(here, 5001, "down")?;
        (message.state == Sending::Queued && message.attempts == 1).then_some(())
    });
    postfix.answer("sato@example.jp", None);
    postfix.restart();
    for subject in ["greylisted", "down"] {
        until(subject, || {
            let message = message(here, 5001, subject)?;
            (message.state == Sending::Delivered).then_some(())
        });
    }
    until("HNS9008 ends", || {
        alerts(here, 9008).pop().filter(|(alert, _)| !alert.firing)
    });
    assert_eq!(alerts(here, 9008).len(), 1);
    until("all is in the Maildirs", || {
        let count = |of: &str| {
            let of = mails(&postfix, of).into_iter();
            of.filter(|mail| mail.code.starts_with("HNS5001")).count()
        };
        (count("sato") == 1 && count("suzuki") == 2).then_some(())
    });
    let mut ids: Vec<String> = ["sato", "suzuki"]
        .iter()
        .flat_map(|of| mails(&postfix, of))
        .map(|mail| mail.id)
        .collect();
    let many = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), many, "no mail came twice");
    println!("refused, greylisted, slow, down: {many} mails arrived once each, 1 HNS9008");
    assert_eq!(serving.stop(), Some(0));
}

#[test]
fn a_template_with_a_mistake_is_refused_and_the_old_one_goes_on() {
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        return;
    };
    let folder = Folder::new("proof-template");
    let here = folder.path();
    configure(
        here,
        Some((&postfix, &own.certificate)),
        "templates = \"templates\"\n",
    );
    fs::create_dir(here.join("templates")).unwrap();
    let template = |text: &str| {
        fs::write(here.join("templates/raised.ja.subject"), text).unwrap();
    };
    let mut order = add(here, CONFIG, "web03", "mirai/order");
    // At the start.
    template("ok\n{{ hostname }}\n");
    let refused = run(here, CONFIG, &["serve"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(78), "{said}");
    assert!(
        said.contains("raised.ja.subject:2: unknown variable hostname"),
        "{said}"
    );
    // While it runs: refused with file and line, and the one before goes on.
    template("first {{ host }}\n");
    let serving = Serving::start(here, CONFIG);
    let address = serving.ingest.clone();
    let subject_of = |nth: usize| {
        until("its mail", || {
            (mails(&postfix, "sato").len() >= nth).then_some(())
        });
        let mut all = mails(&postfix, "sato");
        all.sort_by_key(|mail| fs::metadata(&mail.path).unwrap().modified().unwrap());
        parsed(&all[nth - 1].path)["headers"]["subject"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    fire(&mut order, &address, 1, "one");
    assert_eq!(subject_of(1), "first web03");
    template("\n\n{{ host \n");
    signal(serving.child.id(), "-HUP");
    until("it is refused", || {
        log(here).contains("raised.ja.subject:3: ").then_some(())
    });
    assert!(
        log(here).contains("the one in force stays"),
        "{}",
        log(here)
    );
    fire(&mut order, &address, 2, "two");
    assert_eq!(subject_of(2), "first web03");
    // Mended, it is taken over though the configuration is the same.
    template("second {{ host }}\n");
    signal(serving.child.id(), "-HUP");
    until("it is taken", || {
        log(here)
            .contains("the configuration is the same")
            .then_some(())
    });
    fire(&mut order, &address, 3, "three");
    assert_eq!(subject_of(3), "second web03");
}

const EVIL_SUBJECT: &str = "x\r\nBcc: e@x.jp\u{1b}[2J\u{202e}<script>alert(1)</script>";
const EVIL_HOST: &str = "web\r\nX-Evil: 1\u{202e}<img src=x onerror=alert(1)>\u{7}\nERROR forged";

#[test]
fn hostile_words_of_a_host_reach_no_mail_page_or_log_raw() {
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        return;
    };
    let folder = Folder::new("proof-hostile");
    let here = folder.path();
    configure(here, Some((&postfix, &own.certificate)), "");
    let mut order = add(here, CONFIG, "web03", "mirai/order");
    let token = run(here, CONFIG, &["token", "add", "look", "--role", "viewer"]);
    let token = String::from_utf8(token.stdout).unwrap();
    let token = token
        .split_whitespace()
        .find(|word| word.starts_with("hansho_"))
        .unwrap_or_else(|| panic!("{token}"));
    let serving = Serving::start(here, CONFIG);
    let uptime = order.uptime_ms();
    let fired = event(5001, 1, 1, uptime, uptime);
    let frames = [
        order.hello(EVIL_HOST),
        alert(hansho_event(fired, EVIL_SUBJECT)),
    ];
    assert!(order.post(&serving.ingest, &frames));
    until("its mail", || {
        (!mails(&postfix, "sato").is_empty()).then_some(())
    });
    let quiet = |what: &str, text: &str| {
        let evil = text.char_indices().find(|(_, c)| {
            (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
                || matches!(c, '\u{202a}'..='\u{202e}')
        });
        assert_eq!(evil, None, "{what}: {text:?}");
    };
    let harmless = |what: &str, text: &str| {
        quiet(what, text);
        for tag in ["<script>alert", "<img src=x"] {
            assert!(!text.contains(tag), "{what}: {text}");
        }
    };
    // Mail.
    let path = &mails(&postfix, "sato")[0].path;
    let mail = parsed(path);
    assert_eq!(mail["defects"], serde_json::json!([]));
    let headers = mail["headers"].as_object().unwrap();
    assert!(
        !headers.contains_key("bcc") && !headers.contains_key("x-evil"),
        "{headers:?}"
    );
    assert_eq!(mail["to"], serde_json::json!([["sato", "sato@example.jp"]]));
    for (name, value) in headers {
        quiet(name, value.as_str().unwrap());
    }
    // As text the words may stand there, on one line and without what moves a terminal.
    let plain = mail["plain"].as_str().unwrap();
    quiet("text", plain);
    assert!(
        !plain.lines().any(|line| line.starts_with("Bcc:")),
        "{plain}"
    );
    harmless("html", mail["html"].as_str().unwrap());
    // Pages.
    let (stored, _) = alerts(here, 5001).remove(0);
    let bearer = format!("Authorization: Bearer {token}\r\n");
    for page in [
        "/".to_owned(),
        format!("/a/{}", stored.id),
        "/agents/mirai/order/web03".to_owned(),
    ] {
        let request = format!("GET {page}");
        let (status, body) = http_with(&serving.pages, &request, &bearer, &[]).unwrap();
        let body = String::from_utf8(body).unwrap();
        assert_eq!(status, 200, "{page}: {body}");
        harmless(&page, &body);
    }
    // What a command prints, which people see in a terminal.
    for arguments in [&["alerts"][..], &["agent", "list"], &["frames", "web03"]] {
        let shown = run(here, CONFIG, arguments);
        assert!(shown.status.success(), "{arguments:?}");
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        let evil = text
            .chars()
            .find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{202a}'..='\u{202e}'));
        assert_eq!(evil, None, "{arguments:?}: {text:?}");
    }
    assert_eq!(serving.stop(), Some(0));
    // Log.
    let log = log(here);
    for line in log
        .lines()
        .filter(|line| !line.starts_with("no account yet"))
    {
        let level = line.split(' ').next().unwrap();
        assert!(["ERROR", "WARN", "INFO"].contains(&level), "{line:?}");
        assert!(
            !line.contains("forged") || !line.starts_with("ERROR forged"),
            "{line:?}"
        );
        quiet("log", line);
    }
}

#[test]
fn a_locked_store_says_so_and_goes_on_when_it_is_free() {
    let folder = Folder::new("proof-locked");
    let here = folder.path();
    configure(here, None, "");
    let mut order = add(here, CONFIG, "web03", "mirai/order");
    let serving = Serving::start(here, CONFIG);
    fire(&mut order, &serving.ingest, 1, "before");
    let other = rusqlite::Connection::open(here.join("data/collector.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let uptime = order.uptime_ms();
    let fired = event(5001, 1, 2, uptime, uptime);
    let frames = [alert(hansho_event(fired, "locked"))];
    assert!(!order.post(&serving.ingest, &frames));
    assert_eq!(http(&serving.pages, "GET /healthz", &[]).unwrap().0, 503);
    assert!(
        log(here).contains("another process holds the store's write lock"),
        "{}",
        log(here)
    );
    other.execute_batch("ROLLBACK").unwrap();
    until("it is stored", || {
        order.post(&serving.ingest, &frames).then_some(())
    });
    until("it is well", || {
        (http(&serving.pages, "GET /healthz", &[])?.0 == 200).then_some(())
    });
    assert_eq!(alerts(here, 5001).len(), 2);
    assert_eq!(serving.stop(), Some(0));
}

/// A small tmpfs; only root can mount one.
struct SmallDisk<'h>(&'h Path);

impl<'h> SmallDisk<'h> {
    fn mount(at: &'h Path, options: &str) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(at)
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self(at))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0).status());
    }
}

#[test]
fn a_full_disk_is_said_and_what_was_answered_is_there() {
    let folder = Folder::new("proof-full");
    let here = folder.path();
    let data = here.join("data");
    fs::create_dir(&data).unwrap();
    let Some(_disk) = SmallDisk::mount(&data, "size=4m,mode=700") else {
        return skip("no right to mount a tmpfs");
    };
    configure(here, None, "");
    let mut order = add(here, CONFIG, "web03", "mirai/order");
    let serving = Serving::start(here, CONFIG);
    fire(&mut order, &serving.ingest, 1, "before");
    let mut filling = order.clone();
    filling.stream = Stream::Readings;
    filling.next = 0;
    let values: Vec<u32> = (0..250).map(|n| n * 7919 % 60_000).collect();
    let frame = readings(1000, &values);
    while filling.post(&serving.ingest, std::slice::from_ref(&frame)) {
        assert!(filling.next < 10_000);
    }
    let acknowledged = filling.next;
    assert!(acknowledged > 10, "{acknowledged}\n{}", log(here));
    assert!(log(here).contains("the disk is full"), "{}", log(here));
    assert_eq!(http(&serving.pages, "GET /healthz", &[]).unwrap().0, 503);
    // The pages are there all the same.
    assert_eq!(http(&serving.pages, "GET /login", &[]).unwrap().0, 200);
    let grown = Command::new("mount")
        .args(["-o", "remount,size=32m"])
        .arg(&data)
        .status();
    assert!(grown.unwrap().success());
    until("there is room again", || {
        filling
            .post(&serving.ingest, std::slice::from_ref(&frame))
            .then_some(())
    });
    assert_eq!(serving.stop(), Some(0));
    let stored = proof_support::store(here).frames(order.id).unwrap();
    let readings = stored.iter().filter(|one| one.stream == Stream::Readings);
    assert_eq!(readings.count() as u64, acknowledged + 1);
    println!("{acknowledged} frames acknowledged before the disk was full, all there after");
}

/// Overwrites `length` bytes from `place` on.
fn spoil(path: &Path, place: u64, length: usize) {
    let mut file = fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(place)).unwrap();
    file.write_all(&vec![0xa5; length]).unwrap();
    file.sync_all().unwrap();
}

#[test]
fn a_damaged_store_is_said_to_be_so_with_its_exit_code() {
    let folder = Folder::new("proof-damaged");
    let here = folder.path();
    configure(here, None, "");
    let mut order = add(here, CONFIG, "web03", "mirai/order");
    let serving = Serving::start(here, CONFIG);
    for episode in 1..=40 {
        fire(
            &mut order,
            &serving.ingest,
            episode,
            &format!("service-{episode}"),
        );
    }
    assert_eq!(serving.stop(), Some(0));
    let main = here.join("data/collector.sqlite");
    // Whichever connection closed last may have left the write-ahead log.
    let whole = rusqlite::Connection::open(&main).unwrap();
    whole
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
            row.get::<_, i64>(0)
        })
        .unwrap();
    whole.close().unwrap();
    let good = fs::read(&main).unwrap();
    let restore = || {
        for rest in ["wal", "shm"] {
            fs::remove_file(here.join(format!("data/collector.sqlite-{rest}"))).ok();
        }
        fs::write(&main, &good).unwrap();
    };
    // Some pages within: `check` reads all of them.
    let page = u64::from(u16::from_be_bytes([good[16], good[17]]));
    let pages = good.len() as u64 / page;
    for nth in 2..pages {
        spoil(&main, nth * page, 64);
    }
    let checked = run(here, CONFIG, &["check"]);
    let said = String::from_utf8(checked.stderr).unwrap();
    assert_eq!(checked.status.code(), Some(65), "{said}");
    assert!(said.contains("damaged"), "{said}");
    let served = run(here, CONFIG, &["serve"]);
    let said = String::from_utf8(served.stderr).unwrap();
    assert_eq!(served.status.code(), Some(65), "{said}");
    assert!(said.contains("damaged"), "{said}");
    // Its head: no database at all.
    restore();
    spoil(&main, 0, 64);
    let served = run(here, CONFIG, &["serve"]);
    assert_eq!(served.status.code(), Some(65), "{served:?}");
    // A damaged day file costs the raw frames of that day and nothing else.
    restore();
    let day = fs::read_dir(here.join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_str().unwrap().ends_with(".sqlite") && *path != main)
        .unwrap();
    spoil(&day, 0, 4096);
    let serving = Serving::start(here, CONFIG);
    let uptime = order.uptime_ms();
    let fired = event(5001, 1, 41, uptime, uptime);
    let frames = [alert(hansho_event(fired, "after"))];
    let first = order.post(&serving.ingest, &frames);
    until("the day begins anew", || {
        (first || order.post(&serving.ingest, &frames)).then_some(())
    });
    assert_eq!(alerts(here, 5001).len(), 41);
    assert!(log(here).contains("damaged"), "{}", log(here));
    assert_eq!(serving.stop(), Some(0));
}
