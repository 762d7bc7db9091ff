//! From a host's memory to a line and a frame, with the real processes and without a collector.
mod process_support;

use hansho::frame::Stream;
use hansho::frame::body::{self, Body, FLAG_TEST, transition_to_u8};
use hansho::rule::TransitionKind::{Firing, Resolved};
use process_support::{Place, until};

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
