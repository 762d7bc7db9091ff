//! What the keeper answers to `status`, with the real processes: how forwarding and recording go, over restarts.
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

#[expect(dead_code, reason = "shared with other tests, which use all of it")]
#[path = "forward_common/server.rs"]
mod server;

mod process_support;

use hansho::clock::WallTime;
use hansho::frame::answer::Answer;
use hansho::frame::batch::open_batch;
use hansho::frame::body::transition_to_u8;
use hansho::frame::seal::AgentKey;
use hansho::keeper::control::ask;
use hansho::rule::TransitionKind;
use process_support::{Place, send, until};
use server::{Server, reply};
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const CONFIG: &str = r#"
[agent]
[sample]
interval = "50ms"
report_interval = "1s"
[spool]
[forward]
urls = ["URL"]
post_interval = "1s"
"#;
/// The key of every place.
const KEY: AgentKey = AgentKey([0xab; 32]);
/// What the collector's clock says.
const WALL_MS: u64 = 1_800_000_000_000;

/// What the keeper says, by key.
fn status(place: &Place) -> BTreeMap<String, String> {
    let socket = place.folder.join("memory/control.sock");
    let answer = ask(&socket, "status", Duration::from_secs(10)).unwrap();
    let fields = answer.strip_prefix("ok ").unwrap().split(' ');
    fields
        .map(|field| field.split_once('=').unwrap())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn the_keeper_tells_how_forwarding_goes_and_a_new_forwarder_knows_the_last_answer() {
    let honest = Arc::new(AtomicBool::new(false));
    let asked = honest.clone();
    let server = Server::plain(move |batch, wire| {
        if !asked.load(Ordering::SeqCst) {
            return reply(wire, "401 Unauthorized", "", b"");
        }
        let opened = open_batch(batch, &KEY).unwrap();
        let answer = Answer {
            echo: opened.mac,
            collector_wall: WallTime::from_millis(WALL_MS),
            next_post_ms: 1000,
            stored: heapless::Vec::new(),
            refused: heapless::Vec::new(),
        };
        let mut buffer = [0; 256];
        reply(wire, "200 OK", "", answer.seal(&KEY, &mut buffer).unwrap())
    });
    let place = Place::new("status", &CONFIG.replace("URL", &server.url()));
    let agent = place.start(&[]);
    let watcher = agent.runs(0);
    let refused = until("a refused post", || {
        let status = status(&place);
        (status["last_status"] == "401").then_some(status)
    });
    assert_eq!(refused["last_outcome"], "refused");
    assert_eq!(refused["last_answer_uptime_ms"], "-");
    assert_eq!(refused["last_answer_wall_ms"], "-");
    assert_eq!(refused["disk_fault_errno"], "-");
    assert!(refused["posts_failed_in_row"].parse::<u32>().unwrap() >= 1);
    assert_eq!(refused["restarts_watcher"], "0");

    honest.store(true, Ordering::SeqCst);
    // A configuration fault is tried again slowly; one that is started anew posts at once.
    send(agent.worker("forward"), "KILL");
    let answered = until("an answer", || {
        let status = status(&place);
        (status["last_answer_wall_ms"] == WALL_MS.to_string()).then_some(status)
    });
    assert_eq!(answered["last_status"], "200");

    honest.store(false, Ordering::SeqCst);
    send(watcher, "KILL");
    send(agent.worker("forward"), "KILL");
    let later = until("both are back and it is refused", || {
        let status = status(&place);
        (status["restarts_forwarder"] == "2"
            && status["restarts_watcher"] == "1"
            && status["last_status"] == "401")
            .then_some(status)
    });
    assert_eq!(later["last_answer_wall_ms"], WALL_MS.to_string());
    assert!(later["last_answer_uptime_ms"].parse::<u64>().unwrap() > 0);
}

/// 8011. The disk comes back: the scribe opens the ring that it could not open at its start.
#[test]
fn a_disk_ring_that_cannot_be_opened_is_said_and_opened_when_it_can_be() {
    let config = CONFIG.replace("URL", "http://127.0.0.1:9")
        + "[[rule]]\ncode = 8011\nraise_after = \"1s\"\nclear_after = \"1s\"\n";
    let place = Place::new("broken", &config);
    let agent = place.start(&[]);
    let watcher = agent.runs(0);
    let path = place.folder.join("disk/disk.ring");
    let whole = until("the disk ring is written", || {
        let bytes = std::fs::read(&path).unwrap();
        (status(&place)["disk_fault_errno"] == "-").then_some(bytes)
    });
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    // Stopped, so that its scribe writes nothing behind this.
    send(watcher, "STOP");
    file.write_all_at(&vec![0; whole.len()], 0).unwrap();
    send(watcher, "KILL");
    let raised = transition_to_u8(TransitionKind::Firing);
    let resolved = transition_to_u8(TransitionKind::Resolved);
    let said = |transition| {
        let alerts = place.alerts();
        alerts
            .iter()
            .any(|(_, code, kind, _)| (*code, *kind) == (8011, transition))
            .then_some(())
    };
    until("8011 fires", || said(raised));
    let faults = status(&place);
    assert_eq!(faults["disk_fault_errno"], libc::EIO.to_string());
    assert!(faults["disk_faults"].parse::<u32>().unwrap() >= 1);

    file.write_all_at(&whole, 0).unwrap();
    until("8011 is resolved", || said(resolved));
    assert_eq!(status(&place)["disk_fault_errno"], "-");
}

/// A configuration fault must be found where operators look: standard error is a file here, so syslog has it too.
#[test]
fn warnings_of_all_three_go_to_syslog() {
    let server = Server::plain(|_, wire| reply(wire, "403 Forbidden", "", b""));
    let place = Place::new("syslog", &CONFIG.replace("URL", &server.url()));
    let path = place.folder.join("syslog");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let agent = place.start(&[("HANSHO_TEST_SYSLOG", path.to_str().unwrap())]);
    let watcher = agent.runs(0);
    let hears = |wanted: &str| {
        let mut buffer = [0; 4096];
        let started = Instant::now();
        loop {
            assert!(started.elapsed() < Duration::from_secs(60), "{wanted}");
            let length = socket.recv(&mut buffer).unwrap();
            let message = String::from_utf8(buffer[..length].to_vec()).unwrap();
            if message.contains(wanted) {
                return message;
            }
        }
    };
    let forwarder = agent.worker("forward");
    let message = hears("status 403");
    assert_eq!(
        message,
        format!(
            "<28>hansho[{forwarder}]: hansho forward: warn: {}/: status 403",
            server.url()
        )
    );
    send(watcher, "KILL");
    let keeper = agent.pid();
    let message = hears("watcher ended (signal 9)");
    assert!(message.starts_with(&format!("<28>hansho[{keeper}]: hanshod: warn: ")));
    // Transitions go there as before.
    assert!(place.command(&["test", "1002"]).status.success());
    assert!(hears("HNS1002-E FIRING").starts_with(&format!("<27>hansho[{keeper}]: HNS")));
}

/// A stall that ends with the watcher killed: the next one says how long nobody looked; a plain restart says nothing.
#[test]
fn a_stall_that_ends_in_a_killed_watcher_is_said_by_the_next() {
    let place = Place::new("stall", &CONFIG.replace("URL", "http://127.0.0.1:9"));
    let agent = place.start(&[("HANSHO_TEST_HUNG_MS", "6000")]);
    let watcher = agent.runs(0);
    send(watcher, "KILL");
    let other = |before: u32| {
        until("another watcher", || {
            agent.worker_now("watch").filter(|now| *now != before)
        })
    };
    let second = other(watcher);
    until("it ticks", || {
        place
            .frames(hansho::frame::Stream::Readings)
            .iter()
            .any(|(run, ..)| *run == 2)
            .then_some(())
    });
    let late = || {
        let alerts = place.alerts();
        let late = alerts.iter().filter(|(_, code, ..)| *code == 8009);
        late.map(|(run, ..)| *run).collect::<Vec<_>>()
    };
    assert_eq!(late(), [0_u64; 0]);
    send(second, "STOP");
    other(second);
    until("8009", || (late() == [3]).then_some(()));
}

/// The keeper waits longer and longer before it starts one more: that nobody ticked meanwhile is no stall of the host.
#[test]
fn what_the_keeper_waits_between_restarts_is_no_stall() {
    let place = Place::new("waits", &CONFIG.replace("URL", "http://127.0.0.1:9"));
    let agent = place.start(&[]);
    let mut watcher = agent.runs(0);
    // 0, 100, 200, 400, 800, 1600 and 3200 ms, and none of these lives to its first tick.
    for _ in 0..7 {
        send(watcher, "KILL");
        watcher = agent.watcher_after(watcher);
    }
    let last = until("the last one ticks", || {
        let frames = place.frames(hansho::frame::Stream::Readings);
        frames
            .iter()
            .map(|(run, ..)| *run)
            .max()
            .filter(|run| *run > 1)
    });
    assert!(place.said().contains("started again in 3200 ms"));
    let alerts = place.alerts();
    assert!(
        alerts.iter().all(|(_, code, ..)| *code != 8009),
        "{last}: {alerts:?}"
    );
}
