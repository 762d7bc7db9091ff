//! Announced absences, and what is known of a stop, with the real processes.
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails"
)]

#[expect(dead_code, reason = "shared with other tests, which use all of it")]
#[path = "forward_common/server.rs"]
mod server;

mod process_support;

use hansho::clock::WallTime;
use hansho::frame::answer::{Answer, Stored};
use hansho::frame::batch::open_batch;
use hansho::frame::body::{self, Body, LAST_BOOT_THIS, LastEnd, LeaveWhat, StopReason};
use hansho::frame::seal::AgentKey;
use hansho::frame::{RunId, Stream};
use hansho::keeper::control::ask;
use process_support::{Place, send, until};
use server::{Server, reply};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
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

/// A collector that stores whatever comes.
fn collector() -> Server {
    let stored: Mutex<BTreeMap<(RunId, Stream), u64>> = Mutex::default();
    Server::plain(move |batch, wire| {
        let opened = open_batch(batch, &KEY).unwrap();
        let mut answer = Answer {
            echo: opened.mac,
            collector_wall: WallTime::from_millis(1_800_000_000_000),
            next_post_ms: 0,
            ..Answer::default()
        };
        let mut stored = stored.lock().unwrap();
        for section in opened.sections() {
            let (run, stream) = (section.header.run, section.header.stream);
            let next = stored.entry((run, stream)).or_default();
            for frame in section.frames() {
                *next = frame.last + 1;
            }
            answer
                .stored
                .push(Stored {
                    run,
                    stream,
                    next: *next,
                })
                .unwrap();
        }
        let mut buffer = [0; 4096];
        reply(wire, "200 OK", "", answer.seal(&KEY, &mut buffer).unwrap())
    })
}

/// A place whose host does not boot between two starts.
fn place(name: &str, url: &str) -> Place {
    let place = Place::new(name, &CONFIG.replace("URL", url));
    let boot_id = place.folder.join("root/proc/sys/kernel/random/boot_id");
    fs::create_dir_all(boot_id.parent().unwrap()).unwrap();
    fs::write(boot_id, "00112233-4455-6677-8899-aabbccddeeff\n").unwrap();
    place
}

/// What Leave and Goodbye frames of the place say, in order: `(what or reason, planned_ms, text)`.
fn told(place: &Place) -> Vec<(&'static str, u8, u64, String)> {
    let frames = place.frames(Stream::Alerts);
    let told = frames
        .iter()
        .filter_map(|(_, _, frame)| match body::decode(frame) {
            Ok((_, Body::Leave(leave))) => {
                Some(("leave", leave.what, leave.planned_ms, leave.text.to_owned()))
            }
            Ok((_, Body::Goodbye(bye))) => {
                Some(("goodbye", bye.reason, bye.planned_ms, bye.text.to_owned()))
            }
            _ => None,
        });
    told.collect()
}

#[test]
fn an_announced_absence_is_acknowledged_outlives_the_agent_and_is_said_again_with_goodbye() {
    let server = collector();
    let place = place("leave", &server.url());
    let agent = place.start(&[]);
    let watcher = agent.runs(0);
    let said = place.command(&[
        "leave",
        "--for",
        "30m",
        "--reason",
        "カーネル更新",
        "--wait",
        "60s",
    ]);
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(said.status.success(), "{text}");
    assert_eq!(
        text,
        "an absence of 30m: recorded, and the collector knows it\n"
    );
    let announced = (
        "leave",
        LeaveWhat::Announced.as_u8(),
        1_800_000,
        "カーネル更新".to_owned(),
    );
    assert_eq!(told(&place), [announced]);

    // The watcher is killed, then the whole agent stops and comes back: it is still announced.
    send(watcher, "KILL");
    until("the next watcher", || {
        place.hellos_and_goodbyes().0.contains(&2).then_some(())
    });
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    let (kind, reason, left_ms, text) = told(&place).last().unwrap().clone();
    assert_eq!((kind, reason), ("goodbye", StopReason::Ordered.as_u8()));
    assert_eq!(text, "カーネル更新");
    assert!((1..1_800_000).contains(&left_ms), "{left_ms}");

    let agent = place.start(&[]);
    until("the third run", || {
        place.hellos_and_goodbyes().0.contains(&3).then_some(())
    });
    let socket = place.folder.join("memory/control.sock");
    let status = ask(&socket, "status", Duration::from_secs(10)).unwrap();
    assert!(!status.contains("leave_until_uptime_ms=-"), "{status}");
    let ended = place.command(&["leave", "--end", "--json", "--wait", "60s"]);
    assert!(ended.status.success(), "{ended:?}");
    let text = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(
        text,
        "{\"recorded\":true,\"acknowledged\":true,\"collectors\":1}\n"
    );
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    let told = told(&place);
    assert!(
        told.contains(&("leave", LeaveWhat::Ended.as_u8(), 0, String::new())),
        "{told:?}"
    );
    let last = ("goodbye", StopReason::Ordered.as_u8(), 0, String::new());
    assert_eq!(told.last(), Some(&last));
}

#[test]
fn without_a_collector_that_answers_it_is_recorded_and_says_so() {
    let place = place("leave-alone", "http://127.0.0.1:9");
    let nobody = place.command(&["leave", "--end"]);
    assert_eq!(nobody.status.code(), Some(69));
    let agent = place.start(&[]);
    agent.runs(0);
    let said = place.command(&["leave", "--for", "1m", "--reason", "x", "--wait", "0s"]);
    let text = String::from_utf8(said.stdout).unwrap();
    assert_eq!(said.status.code(), Some(0));
    assert!(
        text.starts_with("an absence of 1m: recorded, not acknowledged yet"),
        "{text}"
    );
    for wrong in [
        &["leave"][..],
        &["leave", "--for", "30m"],
        &["leave", "--for", "59s", "--reason", "x"],
        &["leave", "--for", "169h", "--reason", "x"],
        &["leave", "--for", "30m", "--reason", " "],
        &["leave", "--for", "30m", "--reason", "a\nb"],
        &["leave", "--end", "--for", "30m"],
    ] {
        assert_eq!(place.command(wrong).status.code(), Some(64), "{wrong:?}");
    }
    drop(agent);
}

#[test]
fn a_host_that_shuts_down_is_said_and_the_next_run_tells_how_the_last_one_ended() {
    let place = place("host-stop", "http://127.0.0.1:9");
    let dumps = place.folder.join("root/sys/fs/pstore");
    fs::create_dir_all(&dumps).unwrap();
    for name in ["dmesg-efi-1", "dmesg-efi-2", "console-ramoops-0"] {
        fs::write(dumps.join(name), "").unwrap();
    }
    let watchdog = place.folder.join("root/sys/class/watchdog/watchdog0");
    fs::create_dir_all(&watchdog).unwrap();
    fs::write(watchdog.join("bootstatus"), "32\n").unwrap();
    let agent = place.start(&[]);
    agent.runs(0);
    fs::create_dir_all(place.folder.join("root/run")).unwrap();
    let nologin = place.folder.join("root/run/nologin");
    fs::write(&nologin, "System is going down.\n").unwrap();
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    let last = ("goodbye", StopReason::HostStops.as_u8(), 0, String::new());
    assert_eq!(told(&place), [last]);
    fs::remove_file(nologin).unwrap();

    let mut agent = place.start(&[]);
    until("the second run", || {
        place.hellos_and_goodbyes().0.contains(&2).then_some(())
    });
    // Killed as a power cut does it: the third run knows that there was no goodbye.
    agent.keeper.kill().unwrap();
    agent.keeper.wait().unwrap();
    let third = place.start(&[]);
    until("the third run", || {
        place.hellos_and_goodbyes().0.contains(&3).then_some(())
    });
    let boots: BTreeMap<u64, body::Boot> = place
        .frames(Stream::Alerts)
        .iter()
        .filter_map(|(run, sequence, frame)| match body::decode(frame) {
            Ok((_, Body::Boot(boot))) => {
                assert_eq!(*sequence, 1, "behind Hello");
                Some((*run, boot))
            }
            _ => None,
        })
        .collect();
    let ends = [1, 2, 3].map(|run| {
        let boot = &boots[&run];
        (
            boot.last_end,
            boot.last_reason,
            boot.last_boot,
            boot.last_uptime_ms.is_some(),
        )
    });
    assert_eq!(
        ends,
        [
            (LastEnd::Unknown.as_u8(), 0, 0, false),
            (
                LastEnd::Goodbye.as_u8(),
                StopReason::HostStops.as_u8(),
                LAST_BOOT_THIS,
                true
            ),
            (LastEnd::Cut.as_u8(), 0, LAST_BOOT_THIS, true),
        ]
    );
    assert_eq!(boots[&1].kernel_dumps, Some(2));
    assert_eq!(boots[&1].watchdog_bootstatus, Some(0x20));
    assert_eq!(boots[&1].init_started_ms, None);
    assert!(boots[&1].booted_wall_ms.is_some());
    drop(third);
}
