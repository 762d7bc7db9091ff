//! Who used what: on the page of its alert and of its agent, held by files in `tests/golden/pages`; `HANSHO_BLESS=1` writes them anew.

use super::support::{about, evidence, evidence_with, suspect, victim};
use super::*;
use hansho::frame::evidence::{
    Evidence, FLAG_CUT, FLAG_FRESH, FLAG_HIDDEN, FLAG_NO_TABLE, LIST_CPU, LIST_GROWTH_LONG,
    LIST_GROWTH_SHORT, LIST_MEMORY, LIST_SWAP, Moment, Short, SuspectRecord, Victim,
};
use hansho_collector::store::AlertId;
use std::path::Path;

const GIB: u64 = 1 << 20;
const HOSTILE: &[u8] = b"</td><script>alert(1)</script>\x1b[31m\n\xff\xe2\x80\xae";

fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/pages")
        .join(name);
    if std::env::var_os("HANSHO_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{name}: differs from its file:\n{text}");
}

/// A live part of a page, a tag a line.
fn live_part(page: &str, id: &str) -> String {
    let begin = page.find(&format!("<div id=\"{id}\"")).unwrap();
    let end = page[begin + 1..]
        .match_indices("<div")
        .map(|(at, _)| begin + 1 + at)
        .find(|at| {
            page[*at..]
                .split('>')
                .next()
                .unwrap()
                .contains(" data-live")
        })
        .unwrap_or(page.len());
    page[begin..end]
        .replace("><", ">\n<")
        .replace("data-live>", "data-live>\n")
}

fn stream2(first: u64, frames: &[Vec<u8>]) -> hansho_collector::ingest::AuthenticatedBatch {
    batch(
        5,
        400_500 + first,
        &[part(5, Stream::Evidence, first, frames)],
    )
}

fn java(memory_kib: u64, growth_kib: i64) -> SuspectRecord<'static> {
    SuspectRecord {
        swap_kib: Some(300_000),
        cpu_permille: Some(1_870),
        growth_long_kib: Some(growth_kib * 3),
        growth_long_over_ms: 80_000_000,
        lists: LIST_MEMORY | LIST_GROWTH_SHORT | LIST_GROWTH_LONG | LIST_CPU,
        ..suspect(2184, b"java", memory_kib, growth_kib)
    }
}

fn postgres() -> SuspectRecord<'static> {
    SuspectRecord {
        unit: Some(b"postgresql.service"),
        lists: LIST_MEMORY,
        cpu_permille: Some(34),
        ..suspect(1033, b"postgres", 2 * GIB + GIB / 10, 0)
    }
}

fn swapped() -> SuspectRecord<'static> {
    SuspectRecord {
        pid: 9_911,
        name: b"fluentd",
        container: Some(b"3f9a0c1d2e4b"),
        swap_kib: Some(GIB),
        memory_kib: Some(40_000),
        oom_score_adj: Some(-500),
        lists: LIST_SWAP,
        ..SuspectRecord::default()
    }
}

/// Agent 1 with 1002 that was pending, fired at 300 s and was walked anew, and resolved; an Evidence of something that never fired.
fn seen(pages: &Pages) -> AlertId {
    let store = &*pages.store;
    store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
    let frames = [
        hello(1, "web03.example"),
        alert(event(1002, 1, 1, 300_000, 300_000)),
        alert(event(1002, 2, 1, 300_000, 400_000)),
    ];
    let parts = [part(5, Stream::Alerts, 0, &frames)];
    send(store, &batch(5, 400_500, &parts), at(400_500));
    let of = |moment| [about(1002, 1, moment)];
    let fresh = Evidence {
        number: 4,
        parts: 1,
        flags: FLAG_FRESH | FLAG_HIDDEN | FLAG_CUT,
        walk_began_ms: Some(301_000),
        walk_ended_ms: Some(303_500),
        seen: 415,
        read: 410,
        refused: 2,
        gone: 2,
        failed: 1,
        ..Evidence::default()
    };
    let hostile = SuspectRecord {
        read_ms: 200_000,
        user: Some(b"<i>\n"),
        ..suspect(30_917, HOSTILE, 500_000, 500_000)
    };
    let frames = [
        evidence(
            250_000,
            (1, 0, 1),
            &[about(2001, 3, Moment::Pending)],
            &[postgres()],
        ),
        evidence(
            270_000,
            (2, 0, 1),
            &of(Moment::Pending),
            &[java(9 * GIB, 900_000), postgres(), swapped()],
        ),
        evidence(
            300_000,
            (3, 0, 1),
            &of(Moment::Firing),
            &[java(9 * GIB + GIB / 2, 1_400_000), postgres()],
        ),
        evidence_with(
            304_000,
            &fresh,
            &of(Moment::Firing),
            &[java(98 * GIB / 10, 1_468_006), postgres(), hostile],
        ),
        evidence(399_000, (5, 0, 1), &of(Moment::Resolved), &[postgres()]),
        // The first part of the last one never comes.
        evidence(400_000, (6, 1, 2), &of(Moment::Resolved), &[postgres()]),
    ];
    send(store, &stream2(0, &frames), at(400_600));
    let alerts = store.alerts(&AlertFilter::default()).unwrap();
    alerts[0].id
}

#[test]
fn an_alert_says_who_used_it_and_what_changed() {
    let pages = start_at(|| at(401_000));
    let id = seen(&pages);
    for language in ["ja", "en"] {
        let page = pages.body(&format!("/a/{id}?lang={language}"));
        let part = live_part(&page, "alert-used");
        golden(&format!("evidence.{language}.html"), &part);
        for raw in ["<script>alert", "\u{1b}", "\u{202e}", "\u{fffd}"] {
            assert!(!part.contains(raw), "{raw:?}");
        }
    }
    let page = pages.body(&format!("/a/{id}?lang=en"));
    let part = live_part(&page, "alert-used");
    // What stands open is the newest of when it fired; the others are folded.
    let (open, folded) = part.split_once("At other moments").unwrap();
    assert!(open.contains("410 of 415 processes; 3 not readable; 2 ended before they were read"));
    assert!(open.contains("Walked anew") && open.contains("hidepid") && open.contains("its end"));
    assert!(open.contains("+0.3 GiB"), "against 300 s");
    assert!(open.contains("#1") && open.contains("#2"));
    assert!(folded.contains("Part 1 of 2 is missing."));
    // Not of the one that misses a part: what it does not list may be in that.
    assert_eq!(folded.matches("Listed before and not now").count(), 2);
    let order = ["java", "postgres", "&lt;/td&gt;"].map(|name| open.find(name).unwrap());
    assert!(order.is_sorted(), "by memory");
}

#[test]
fn an_agent_says_what_never_fired() {
    let pages = start_at(|| at(401_000));
    seen(&pages);
    for language in ["ja", "en"] {
        let page = pages.body(&format!("/agents/web03?lang={language}"));
        let part = live_part(&page, "agent-evidence");
        golden(&format!("evidence_agent.{language}.html"), &part);
    }
    let page = pages.body("/agents/web03?lang=en");
    let part = live_part(&page, "agent-evidence");
    assert_eq!(part.matches("has not fired").count(), 1);
    // The newest stands open.
    assert_eq!(part.matches("<summary>2026-").count(), 5);
}

#[test]
fn a_host_that_nobody_walks_says_so_and_one_without_evidence_too() {
    let pages = start_at(|| at(401_000));
    let store = &*pages.store;
    store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
    let fired = [alert(event(1002, 1, 1, 300_000, 300_000))];
    let parts = [part(5, Stream::Alerts, 0, &fired)];
    send(store, &batch(5, 400_500, &parts), at(400_500));
    let id = store.alerts(&AlertFilter::default()).unwrap()[0].id;
    let page = pages.body(&format!("/a/{id}?lang=en"));
    assert!(page.contains("No evidence of processes has arrived."));
    let none = Evidence {
        number: 1,
        parts: 1,
        flags: FLAG_NO_TABLE,
        ..Evidence::default()
    };
    let of = [about(1002, 1, Moment::Firing)];
    let frames = [evidence_with(300_000, &none, &of, &[])];
    send(store, &stream2(0, &frames), at(400_600));
    let page = pages.body(&format!("/a/{id}?lang=en"));
    assert!(page.contains("There is no table of processes"));
    assert!(!live_part(&page, "alert-used").contains("<table"));
}

#[test]
fn whom_the_kernel_killed_stands_on_the_pages_of_its_alert_and_agent() {
    let pages = start_at(|| at(401_000));
    let store = &*pages.store;
    store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
    let fired = [
        alert(event(1010, 1, 1, 300_000, 300_000)),
        alert(event(1003, 1, 1, 300_000, 300_000)),
        alert(event(2001, 1, 1, 300_000, 300_000)),
    ];
    let parts = [part(5, Stream::Alerts, 0, &fired)];
    send(store, &batch(5, 400_500, &parts), at(400_500));
    let path = |code: u16| {
        let alerts = store.alerts(&AlertFilter::default()).unwrap();
        let alert = alerts.iter().find(|one| one.identity.code == code).unwrap();
        format!("/a/{}", alert.id)
    };
    let page = pages.body(&format!("{}?lang=en", path(1010)));
    assert!(page.contains("No record of whom the kernel killed has arrived."));
    let host = Victim {
        sequence: 1,
        at_ms: 310_000,
        pid: 2184,
        name: b"java",
        uid: Some(1000),
        anonymous_kib: 9 * GIB,
        short: Short::Host.as_u8(),
        unit: Some(b"app.service"),
        ..Victim::default()
    };
    let group = Victim {
        sequence: 2,
        at_ms: 311_000,
        pid: 30_917,
        name: HOSTILE,
        uid: None,
        short: Short::Group.as_u8(),
        group: HOSTILE,
        unit: None,
        container: Some(b"3f9a0c1d2e4b"),
        ..host
    };
    let frames = [victim(312_000, &host), victim(312_000, &group)];
    send(store, &stream2(0, &frames), at(400_600));
    for language in ["ja", "en"] {
        let page = pages.body(&format!("{}?lang={language}", path(1010)));
        let part = live_part(&page, "alert-victims");
        golden(&format!("victims.{language}.html"), &part);
        for raw in ["<script>alert", "\u{1b}", "\u{202e}", "\u{fffd}"] {
            assert!(!part.contains(raw), "{raw:?}");
        }
    }
    for page in [path(1003), "/agents/web03".to_owned()] {
        let page = pages.body(&format!("{page}?lang=en"));
        assert!(page.contains("Killed for memory") && page.contains("pid 2184"));
    }
    let page = pages.body(&format!("{}?lang=en", path(2001)));
    assert!(!page.contains("Killed for memory"));
}
