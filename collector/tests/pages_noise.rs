//! The week: what makes noise, in the time that the test gives; and weeks as ISO 8601 counts them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::clock::WallTime;
use hansho::frame::kind::{AgentId, Stream};
use hansho_collector::clock::{DAY_MS, Date};
use hansho_collector::store::{
    AlertFilter, AlertId, ClockQuality, Dated, MemoryStore, Span, Store, StoredAlert,
};
use hansho_collector::web::noise::{Week, noise};
use hansho_collector::web::noise_page::length;
use hansho_collector::zone::Zone;
use proptest::prelude::*;
use std::collections::BTreeSet;
use support::{alert, at, batch, event, hello, new_agent, part, send};

const HOUR: u64 = 3_600_000;

fn moment(ms: u64) -> Option<Dated> {
    Some(Dated {
        wall: WallTime::from_millis(ms),
        quality: ClockQuality::Exact,
    })
}

/// A real alert as a pattern for others.
fn pattern() -> StoredAlert {
    let store = MemoryStore::default();
    store.add_agent(&new_agent(1, "web"), at(0)).unwrap();
    let frames = [hello(1, "h"), alert(event(1002, 1, 1, 500, 500))];
    send(
        &store,
        &batch(5, 1000, &[part(5, Stream::Alerts, 0, &frames)]),
        at(1000),
    );
    store.alerts(&AlertFilter::default()).unwrap().remove(0)
}

/// One that began and ended so long after the week's begin.
fn made(
    pattern: &StoredAlert,
    id: u64,
    code: u16,
    agent: u64,
    span: (u64, Option<u64>),
) -> StoredAlert {
    let mut alert = pattern.clone();
    alert.id = AlertId(id);
    alert.agent = AgentId(agent);
    alert.identity.code = code;
    alert.detected = moment(WEEK + span.0);
    alert.stored = WallTime::from_millis(WEEK + span.0);
    alert.firing = span.1.is_none();
    alert.resolved = span.1.and_then(|end| moment(WEEK + end));
    alert
}

/// Monday 2026-11-23, 00:00 UTC.
const WEEK: u64 = 1_795_392_000_000;

fn week() -> Span {
    Span {
        from: WallTime::from_millis(WEEK),
        until: WallTime::from_millis(WEEK + 7 * DAY_MS),
    }
}

#[test]
fn a_week_names_what_is_often_long_again_and_again_and_untaken() {
    let pattern = pattern();
    let day = |day: u64, hour: u64| day * DAY_MS + hour * HOUR;
    let mut alerts = Vec::new();
    // 1001 on agent 1 four times, three of them on Wednesday; the last is taken.
    for (id, begin) in [
        (1, day(0, 5)),
        (2, day(2, 1)),
        (3, day(2, 5)),
        (4, day(2, 9)),
    ] {
        alerts.push(made(&pattern, id, 1001, 1, (begin, Some(begin + HOUR))));
    }
    // 2001 on agent 2 since Thursday, open.
    alerts.push(made(&pattern, 5, 2001, 2, (day(3, 0), None)));
    // 4001 on agent 3 three times on three days, all taken.
    for (id, begin) in [(6, day(0, 0)), (7, day(1, 0)), (8, day(4, 0))] {
        alerts.push(made(&pattern, id, 4001, 3, (begin, Some(begin + 2 * HOUR))));
    }
    // A test says nothing.
    let mut test = made(&pattern, 9, 1010, 1, (day(1, 1), Some(day(1, 2))));
    test.identity.test = true;
    alerts.push(test);
    let taken = BTreeSet::from([4, 6, 7, 8].map(AlertId));
    let told: Vec<(String, WallTime)> = [(0, 1), (2, 1), (2, 2), (6, 23), (7, 0)]
        .into_iter()
        .map(|(a, b)| ("sato".to_owned(), WallTime::from_millis(WEEK + day(a, b))))
        .collect();
    let now = WallTime::from_millis(WEEK + day(5, 0));
    let found = noise(&alerts, &taken, &told, week(), now);
    assert_eq!(found.raised, 8);
    let top: Vec<(u16, u64, u64)> = found
        .top
        .iter()
        .map(|row| (row.code, row.times, row.total_ms / HOUR))
        .collect();
    assert_eq!(top, [(1001, 4, 4), (4001, 3, 6), (2001, 1, 48)]);
    let standing: Vec<(u16, u64, bool)> = found
        .standing
        .iter()
        .map(|row| (row.code, row.length_ms / HOUR, row.open))
        .collect();
    assert_eq!(standing, [(2001, 48, true)]);
    let flapping: Vec<(u16, u64)> = found
        .flapping
        .iter()
        .map(|(row, most)| (row.code, *most))
        .collect();
    assert_eq!(flapping, [(1001, 3)]);
    let untaken: Vec<(u16, u64)> = found
        .untaken
        .iter()
        .map(|row| (row.code, row.times))
        .collect();
    assert_eq!(untaken, [(1001, 3)]);
    assert_eq!(found.load[0].receiver, "sato");
    assert_eq!(found.load[0].days, [1, 0, 2, 0, 0, 0, 1]);
}

#[test]
fn what_began_before_the_week_counts_as_standing_only() {
    let pattern = pattern();
    let mut old = made(&pattern, 1, 1001, 1, (0, None));
    old.detected = moment(WEEK - 3 * DAY_MS);
    let now = WallTime::from_millis(WEEK + DAY_MS);
    let found = noise(&[old], &BTreeSet::new(), &[], week(), now);
    assert_eq!(
        (found.raised, found.top.len(), found.untaken.len()),
        (0, 0, 0)
    );
    assert_eq!(found.standing[0].length_ms, 4 * DAY_MS);
}

#[test]
fn weeks_are_those_of_iso_8601() {
    for (year, month, day, week) in [
        (2026, 11, 24, "2026-W48"),
        (2026, 1, 1, "2026-W01"),
        (2025, 12, 29, "2026-W01"),
        (2025, 12, 28, "2025-W52"),
        (2021, 1, 3, "2020-W53"),
        (2021, 1, 4, "2021-W01"),
        (2027, 1, 3, "2026-W53"),
    ] {
        let date = Date::new(year, month, day).unwrap();
        assert_eq!(Week::of_day(date.days()).text(), week);
    }
    for wrong in [
        "", "2026", "2026-W00", "2026-W54", "2025-W53", "2026-W1", "2026-w48", "9999-W01",
        "1900-W01", "-W-",
    ] {
        assert_eq!(Week::parse(wrong), None, "{wrong}");
    }
    let span = Week::parse("2026-W48")
        .unwrap()
        .span(&Zone::fixed("+09:00").unwrap());
    assert_eq!(span.from.as_millis(), WEEK - 9 * HOUR);
    assert_eq!(span.until.as_millis() - span.from.as_millis(), 7 * DAY_MS);
}

#[test]
fn lengths_are_read_at_a_glance() {
    use hansho_collector::codes::Language::{En, Ja};
    assert_eq!(length(Ja, 59_000), "0分");
    assert_eq!(length(Ja, 5 * HOUR + 60_000), "5時間 1分");
    assert_eq!(length(En, 3 * DAY_MS + 4 * HOUR), "3 d 4 h");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]
    #[test]
    fn every_day_has_one_week_that_is_read_back(day in 400_u64..80_000) {
        let week = Week::of_day(day);
        prop_assert!(week.monday <= day && day < week.monday + 7);
        prop_assert_eq!(Week::parse(&week.text()), Some(week));
        prop_assert_eq!(week.after().before(), week);
        prop_assert_eq!(week.after().monday, week.monday + 7);
    }
}
