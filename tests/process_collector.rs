//! The real agent and the real collector, with nothing between them: TLS as a host in the field has it, and a host that
//! was rolled back.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

#[path = "process_support/collector.rs"]
mod collector;
mod process_support;

use collector::{Collector, certificates};
use hansho::frame::batch::{BatchHeader, BatchWriter, SectionHeader};
use hansho::frame::body::{self, Alert, reason_to_u8, transition_to_u8};
use hansho::frame::seal::AgentKey;
use hansho::frame::{AgentId, Kind, Stream};
use hansho::limit::BATCH_BYTES;
use hansho::rule::{Reason, TransitionKind};
use hansho::spool::reader::HeldStream;
use hansho::sys;
use process_support::{Place, lives, send, until};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

const CONFIG: &str = r#"
[agent]
[sample]
interval = "50ms"
counters_interval = "100ms"
report_interval = "1s"
[spool]
[forward]
urls = ["URL"]
post_interval = "1s"
FORWARD
[[rule]]
code = 1002
raise_after = "0s"
clear_after = "1s"
gate = { quantity = "memory_available", below = "100%" }
"#;

fn status(pid: u32, key: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.unwrap().trim().to_owned()
}

#[test]
fn a_forwarder_without_any_capability_posts_over_tls() {
    let files = "certificate = \"collector.pem\"\nkey = \"collector.key\"";
    let collector = Collector::start("tls", files, certificates);
    let port = collector.ingest.rsplit_once(':').unwrap().1;
    let url = format!("https://localhost:{port}/");
    let authority = collector.folder.join("ca.pem").display().to_string();
    let config = CONFIG
        .replace("URL", &url)
        .replace("FORWARD", &format!("ca_file = \"{authority}\""));
    let place = Place::new("tls", &config);
    collector.add(&place);
    let agent = place.start(&[]);
    agent.runs(0);
    let powerless = |forwarder: u32| {
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
            assert_eq!(status(forwarder, set), "0".repeat(16), "{set}");
        }
    };
    place.memory_used(985);
    let stored = |state: &str| {
        until("1002 is stored", || {
            let alerts = collector.alerts();
            let found = alerts.iter().find(|alert| alert["code"] == 1002)?;
            (found["state"] == state).then_some(())
        });
    };
    stored("firing");
    let first = agent.worker("forward");
    powerless(first);
    // One that is started anew has to have its authorities again, and loses its rights again.
    send(first, "KILL");
    until("it is gone", || (!lives(first)).then_some(()));
    place.memory_used(300);
    stored("resolved");
    let second = agent.worker("forward");
    assert_ne!(first, second);
    powerless(second);
    until("readings of the second, too", || {
        let readings = collector.lines("readings").len();
        (readings >= 3).then_some(())
    });
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    assert_eq!(collector.alerts().len(), 1);
    assert_eq!(collector.stats()["lost"], 0);
    let said = place.said();
    assert!(!said.contains(&format!("{url}: ")), "{said}");
}

/// A configuration that is refused, one that is taken, and another key of the same agent (`agent rotate`), all by SIGHUP: what
/// the collector is told, and that nothing of it is lost.
#[test]
fn reloads_reach_the_collector_and_a_new_key_is_posted_with() {
    let files = "certificate = \"collector.pem\"\nkey = \"collector.key\"";
    let collector = Collector::start("reload", files, certificates);
    let port = collector.ingest.rsplit_once(':').unwrap().1;
    let authority = collector.folder.join("ca.pem").display().to_string();
    let config = CONFIG
        .replace("URL", &format!("https://localhost:{port}/"))
        .replace("FORWARD", &format!("ca_file = \"{authority}\""));
    let place = Place::new("reloads", &config);
    collector.add(&place);
    let agent = place.start(&[]);
    agent.runs(0);
    let stored = |code: u16, state: &str| {
        until(state, || {
            let alerts = collector.alerts();
            let found = alerts.iter().find(|alert| alert["code"] == code)?;
            (found["state"] == state).then_some(())
        });
    };
    place.memory_used(985);
    stored(1002, "firing");
    let good = fs::read_to_string(place.config()).unwrap();
    fs::write(place.config(), format!("{good}\nx")).unwrap();
    agent.signal("HUP");
    stored(8006, "firing");
    fs::write(
        place.config(),
        good.replace("clear_after = \"1s\"", "clear_after = \"2s\""),
    )
    .unwrap();
    agent.signal("HUP");
    stored(8006, "resolved");

    let key = place.folder.join("key");
    fs::remove_file(&key).unwrap();
    let old = agent.worker("forward");
    collector.command(&[
        "agent",
        "rotate",
        collector::NAME,
        "--key-file",
        &key.display().to_string(),
    ]);
    assert!(fs::read_to_string(&key).unwrap().starts_with("hansho1 "));
    agent.signal("HUP");
    until("another forwarder", || {
        agent.worker_now("forward").filter(|now| *now != old)
    });
    place.memory_used(300);
    stored(1002, "resolved");
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    // One episode each, over two runs: nothing was raised again.
    assert_eq!(collector.alerts().len(), 2, "{:?}", collector.alerts());
    assert_eq!(collector.stats()["lost"], 0);
    assert_eq!(place.hellos_and_goodbyes(), (vec![1, 2], vec![1, 2]));
}

/// What the collector knows of a host's other future: a batch of the running run, beyond what was ever written here.
fn other_future(place: &Place, running: &[HeldStream], next: [u64; 2]) -> Vec<u8> {
    let line = fs::read_to_string(place.folder.join("key")).unwrap();
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    let agent = AgentId(u64::from_str_radix(words[1], 16).unwrap());
    let mut key = [0; 32];
    for (byte, digits) in key.iter_mut().zip(words[3].as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
    }
    let (now, wall) = sys::clocks();
    let header = BatchHeader {
        key_epoch: words[2].parse().unwrap(),
        agent,
        run: running[0].run,
        boot: running[0].boot,
        sent_uptime: now,
        sent_wall: wall,
    };
    let mut buffer = vec![0; BATCH_BYTES];
    let mut writer = BatchWriter::new(&mut buffer, BATCH_BYTES, &header).unwrap();
    for (held, first_sequence) in running.iter().zip(next) {
        let section = SectionHeader {
            run: held.run,
            stream: held.stream,
            boot: held.boot,
            anchor: held.anchor,
            first_sequence,
        };
        writer.section(&section).unwrap();
        if held.stream == Stream::Readings {
            // A minute of them: more than are recorded before the agent hears of it.
            let frames = place.frames(Stream::Readings);
            for _ in 0..60 {
                writer.frame(&frames.last().unwrap().2).unwrap();
            }
            continue;
        }
        let alert = Alert {
            code: 1002,
            subject: "",
            transition: transition_to_u8(TransitionKind::Firing),
            reason: reason_to_u8(Reason::Held),
            flags: 0,
            episode: 1,
            fired_ms: now.as_millis(),
            since_ms: now.as_millis(),
            quantity: 1,
            value: Some(98),
            total: Some(100),
            level: Some(95),
            worst: Some(98),
            forecast_ms: None,
            count: 1,
        };
        let mut frame = [0; 256];
        writer
            .frame(body::encode(Kind::Alert, now, &alert, &mut frame).unwrap())
            .unwrap();
    }
    writer.seal(&AgentKey(key)).unwrap().to_vec()
}

/// Posts a batch; the status.
fn post(address: &str, batch: &[u8]) -> String {
    let mut peer = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /v1/frames HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        batch.len()
    );
    peer.write_all(head.as_bytes()).unwrap();
    peer.write_all(batch).unwrap();
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).unwrap();
    let line = answer.split(|byte| *byte == b'\r').next().unwrap();
    String::from_utf8_lossy(line).into_owned()
}

/// A snapshot of a virtual machine was taken while the agent ran, the host went on, an alert fired and was stored, and the
/// snapshot was brought back: the agent knows nothing of it. What it would have sent in that time, the test sends, under
/// the agent's own key; all else is real.
#[test]
fn a_host_that_was_rolled_back_goes_on_as_a_new_run_and_says_so() {
    let collector = Collector::start("rolled-back", "", |_| {});
    let config = CONFIG
        .replace("URL", &format!("http://{}/", collector.ingest))
        .replace("FORWARD", "");
    let place = Place::new("rolled-back", &config);
    collector.add(&place);
    let agent = place.start(&[]);
    agent.runs(0);
    until("readings are stored", || {
        (!collector.lines("readings").is_empty()).then_some(())
    });
    let running: Vec<_> = place
        .held()
        .into_iter()
        .filter(|held| [Stream::Alerts, Stream::Readings].contains(&held.stream))
        .collect();
    assert_eq!(running.len(), 2, "{running:?}");
    // The numbers are taken while the agent stands still, as it does when it is brought back.
    let forwarder = agent.worker("forward");
    send(forwarder, "STOP");
    let next = [Stream::Alerts, Stream::Readings].map(|stream| {
        let frames = collector.lines("frames");
        let of = frames
            .iter()
            .filter(|frame| frame["stream"] == u64::from(stream.number()));
        u64::try_from(of.count()).unwrap()
    });
    let batch = other_future(&place, &running, next);
    assert_eq!(post(&collector.ingest, &batch), "HTTP/1.1 200 OK");
    let alerts = collector.alerts();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0]["state"], "firing");
    send(forwarder, "CONT");

    let of = |code: u64| {
        let all = collector.alerts().into_iter();
        all.filter(|alert| alert["code"] == code)
            .collect::<Vec<_>>()
    };
    let ahead = until("8010 is stored", || of(8010).pop());
    let first = running[0].run.to_string();
    assert_ne!(ahead["run"], first, "it is told by the new run");
    // What fired in the other future does not stay open: the new run does not know it.
    let other = until("1002 is closed", || {
        of(1002).pop().filter(|alert| alert["state"] == "resolved")
    });
    assert_eq!(other["run"], first);
    assert_eq!(other["closed_by_state"], true);
    // And what fires now is an alert of its own.
    place.memory_used(985);
    until("1002 fires here", || {
        let alerts = of(1002);
        let here = alerts.iter().any(|alert| {
            alert["state"] == "firing" && alert["run"] == ahead["run"] && alert["value"] != 98
        });
        (here && alerts.len() == 2).then_some(())
    });
    until("readings of the new run", || {
        let readings = collector.lines("readings");
        let new = readings.iter().filter(|one| one["run"] == ahead["run"]);
        (new.count() >= 2).then_some(())
    });
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    // Once, in both places, and nothing called it a crash.
    assert_eq!(of(8010).len(), 1);
    let said = place.said();
    assert_eq!(said.matches("HNS8010-W FIRING ").count(), 1, "{said}");
    assert!(!said.contains("watcher ended"), "{said}");
    let (hellos, goodbyes) = place.hellos_and_goodbyes();
    assert_eq!((hellos, goodbyes), (vec![1, 2], vec![2]));
    let stats = collector.stats();
    assert_eq!(
        (&stats["lost"], &stats["contradicted"]),
        (&0.into(), &0.into()),
        "{stats}"
    );
}
