//! From a host's memory to a line and a frame, with the real processes and without a collector.
mod process_support;

use hansho::frame::Stream;
use hansho::frame::body::{self, Body, FLAG_TEST, OpenRecord, transition_to_u8};
use hansho::rule::TransitionKind::{Firing, Resolved};
use hansho::spool::files::MEMORY_FILE;
use process_support::{Place, send, until};
use std::fs;
use std::time::Duration;

const CONFIG: &str = r#"
[agent]
[sample]
interval = "50ms"
counters_interval = "100ms"
report_interval = "1s"
[spool]
[forward]
urls = ["http://127.0.0.1:9"]
[[rule]]
code = 1002
raise_after = "1s"
clear_after = "1s"
gate = { quantity = "memory_available", below = "100%" }
"#;

#[test]
fn load_becomes_a_line_and_a_frame_and_so_does_its_end() {
    let place = Place::new("alert", CONFIG);
    let agent = place.start(&[]);
    agent.runs(0);
    place.memory_used(985);
    let raised = transition_to_u8(Firing);
    until("1002 fires", || {
        place.alerts().contains(&(1, 1002, raised, 0)).then_some(())
    });
    let line = until("its line", || {
        let said = place.said();
        said.lines()
            .find(|line| line.starts_with("HNS1002-E FIRING "))
            .map(str::to_owned)
    });
    // The fixed form: every key, in its order.
    let keys: Vec<_> = line
        .split(' ')
        .skip(2)
        .map(|field| field.split_once('=').unwrap().0)
        .collect();
    assert_eq!(
        keys,
        [
            "subject",
            "value",
            "level",
            "worst",
            "total",
            "percent",
            "episode",
            "count",
            "since_ms",
            "fired_ms",
            "uptime_ms",
            "reason"
        ]
    );
    for field in [
        " subject=- ",
        " percent=98.5 ",
        " episode=1 ",
        " reason=held",
    ] {
        assert!(line.contains(field), "{field}: {line}");
    }
    // The frame says the same.
    let frames = place.frames(Stream::Alerts);
    let (at, alert) = frames
        .iter()
        .find_map(|(_, _, frame)| match body::decode(frame).unwrap() {
            (at, Body::Alert(alert)) => Some((at, alert)),
            _ => None,
        })
        .unwrap();
    assert!(line.contains(&format!(" value={}KiB ", alert.value.unwrap())));
    assert!(line.contains(&format!(" since_ms={} ", alert.since_ms)));
    assert_eq!(alert.fired_ms, at.as_millis());
    // Fired at the first sample that is a second or more after pending began.
    assert!(alert.fired_ms >= alert.since_ms.saturating_add(1_000));

    place.memory_used(300);
    until("it resolves", || {
        place
            .alerts()
            .contains(&(1, 1002, transition_to_u8(Resolved), 0))
            .then_some(())
    });
    until("its line", || {
        place.said().contains("HNS1002-I RESOLVED ").then_some(())
    });
}

#[test]
fn a_test_alert_goes_the_same_way_and_is_marked() {
    let place = Place::new("test", CONFIG);
    let nobody = place.command(&["test", "1002"]);
    assert_eq!(nobody.status.code(), Some(69));

    let agent = place.start(&[]);
    agent.runs(0);
    let asked = place.command(&["test", "HNS1002"]);
    assert!(asked.status.success(), "{asked:?}");
    until("the marked frame", || {
        place
            .alerts()
            .contains(&(1, 1002, transition_to_u8(Firing), FLAG_TEST))
            .then_some(())
    });
    until("its line", || {
        place
            .said()
            .contains("HNS1002-E FIRING test=yes subject=- ")
            .then_some(())
    });
    assert_eq!(place.command(&["test", "1999"]).status.code(), Some(1));

    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    let after = place.command(&["test", "1002"]);
    assert_eq!(after.status.code(), Some(69), "{after:?}");
}

/// Waits until 1002 was told so often, and gives back all that was told of it.
fn told(place: &Place, count: usize) -> Vec<u8> {
    until("1002 is told", || {
        let told: Vec<u8> = place
            .alerts()
            .iter()
            .filter(|(_, code, ..)| *code == 1002)
            .map(|(_, _, transition, _)| *transition)
            .collect();
        (told.len() >= count).then_some(told)
    })
}

#[test]
fn a_watcher_that_is_killed_in_every_phase_tells_each_once() {
    let place = Place::new("killed", CONFIG);
    let agent = place.start(&[]);
    agent.runs(0);
    let (raised, resolved) = (transition_to_u8(Firing), transition_to_u8(Resolved));
    let mut expected = Vec::new();
    // Moments before, around and after the rule's second; when exactly is the machine's to say.
    for pause_ms in [0, 400, 900, 1_000, 1_030, 1_060, 1_100, 200] {
        let full = expected.len() % 2 == 0;
        place.memory_used(if full { 985 } else { 300 });
        std::thread::sleep(Duration::from_millis(pause_ms));
        // After several kills in a row the keeper waits longer than the pause before it starts the next watcher: one that
        // is killed as soon as it is there has not said Hello. That is the next test; here each has.
        let watcher = agent.worker("watch");
        said_hello(&place, expected.len() + 1);
        send(watcher, "KILL");
        expected.push(if full { raised } else { resolved });
        assert_eq!(
            told(&place, expected.len()),
            expected,
            "killed after {pause_ms} ms"
        );
    }
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    assert_eq!(told(&place, expected.len()), expected);
    let (hellos, goodbyes) = place.hellos_and_goodbyes();
    assert_eq!(hellos, (1..=9).collect::<Vec<_>>());
    assert_eq!(goodbyes, [9]);
}

/// Waits until so many runs have said Hello.
fn said_hello(place: &Place, count: usize) {
    until("Hello", || {
        (place.hellos_and_goodbyes().0.len() >= count).then_some(())
    });
}

#[test]
fn a_watcher_that_is_killed_in_its_start_leaves_its_work_to_the_next() {
    let place = Place::new("start", CONFIG);
    let agent = place.start(&[]);
    agent.runs(0);
    let (raised, resolved) = (transition_to_u8(Firing), transition_to_u8(Resolved));
    let mut expected = Vec::new();
    let mut hellos = 1;
    for round in 1..=2 {
        let full = round % 2 == 1;
        place.memory_used(if full { 985 } else { 300 });
        let mut before = agent.worker("watch");
        send(before, "KILL");
        for _ in 0..2 {
            let started = agent.watcher_after(before);
            // Now that it stands still, the ring says how far it came: mostly not to its Hello.
            send(started, "STOP");
            until("it stands still", || stands_still(started).then_some(()));
            let said = place.hellos_and_goodbyes().0.len();
            assert!((hellos..=hellos + 1).contains(&said), "{said} of {hellos}");
            hellos = said;
            send(started, "KILL");
            before = started;
        }
        expected.push(if full { raised } else { resolved });
        assert_eq!(told(&place, round), expected);
        hellos += 1;
    }
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    let (said, goodbyes) = place.hellos_and_goodbyes();
    assert!(said.is_sorted_by(|a, b| a < b), "{said:?}");
    assert_eq!(said.len(), hellos, "{said:?}");
    assert_eq!(goodbyes, [*said.last().unwrap()]);
    assert_eq!(told(&place, 2), expected);
}

/// Whether all threads of a process are stopped.
#[expect(clippy::unwrap_used, reason = "a test that fails may panic")]
fn stands_still(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads.flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('T'))
    })
}

#[test]
fn what_was_open_stays_open_where_only_the_disk_ring_is_left() {
    let place = Place::new("disk", CONFIG);
    let agent = place.start(&[]);
    agent.runs(0);
    place.memory_used(985);
    told(&place, 1);
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    fs::remove_file(place.folder.join("memory").join(MEMORY_FILE)).unwrap();

    let agent = place.start(&[]);
    agent.runs(0);
    assert_eq!(
        place.hellos_and_goodbyes().0,
        [2],
        "the disk ring knows of the first run"
    );
    let open = until("State", || {
        place
            .frames(Stream::Alerts)
            .iter()
            .find_map(|(_, _, frame)| match body::decode(frame).unwrap().1 {
                Body::State(state) => Some(
                    body::elements::<OpenRecord<'_>>(state.open)
                        .map(|record| record.unwrap().code)
                        .collect::<Vec<_>>(),
                ),
                _ => None,
            })
    });
    assert_eq!(open, [1002]);
    place.memory_used(300);
    assert_eq!(told(&place, 1), [transition_to_u8(Resolved)]);
    drop(agent);
}
