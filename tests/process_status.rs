//! What the keeper answers to `status`, with the real processes: how forwarding and recording go, over restarts.
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

#[expect(dead_code, reason = "shared with other tests, which use all of it")]
#[path = "forward_common/server.rs"]
mod server;

mod process_support;

use hansho::clock::WallTime;
use hansho::frame::answer::Answer;
use hansho::frame::batch::open_batch;
use hansho::frame::seal::AgentKey;
use hansho::keeper::control::ask;
use process_support::{Place, send, until};
use server::{Server, reply};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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
