//! Windows and silences against a naive model that looks at each minute on its own.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test: what goes wrong fails it, as it should"
)]

use hansho::clock::WallTime;
use hansho_collector::handling::silence::{glob, silenced};
use hansho_collector::store::types::window::{covering, planned};
use hansho_collector::store::{
    Days, Facts, Matcher, Place, Schedule, Silence, Texts, Via, Weekly, Window, WindowKind,
    WindowScope,
};
use proptest::prelude::*;

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60;
/// Monday, 2026-11-23, 00:00 UTC, in minutes since 1970: `date -u -d 2026-11-23 +%s` is 1795392000.
const MONDAY: u64 = 1_795_392_000 / 60;
/// Two weeks and a day are looked at.
const SPAN: u64 = 15 * DAY;

fn minute(number: u64) -> WallTime {
    WallTime::from_millis((MONDAY + number) * MINUTE)
}

fn window(schedule: Schedule) -> Window {
    Window {
        id: 1,
        kind: WindowKind::Maintenance,
        scope: WindowScope {
            customer: "mirai".to_owned(),
            system: None,
            site: None,
            agent: None,
        },
        schedule,
        texts: Texts::default(),
        by: "sato".to_owned(),
        via: Via::Page,
        created: minute(0),
        cut: None,
        ended: None,
    }
}

/// Whether the local clock stands within the window: the day it says, and the time it says.
fn naive_weekly(weekly: &Weekly, number: u64) -> bool {
    let local = i64::try_from(MONDAY + number).unwrap() + i64::from(weekly.offset_minutes);
    let of_day = u16::try_from(local.rem_euclid(DAY.cast_signed())).unwrap();
    // Day 4 after the epoch, 1970-01-05, was a Monday.
    let weekday = u8::try_from((local.div_euclid(DAY.cast_signed()) - 4).rem_euclid(7)).unwrap();
    let yesterday = (weekday + 6) % 7;
    let (from, until) = (weekly.from_minute, weekly.until_minute);
    let within = if from < until {
        weekly.days.has(weekday) && (from..until).contains(&of_day)
    } else {
        // Over midnight, or a whole day: its evening part today, its morning part from yesterday.
        weekly.days.has(weekday) && of_day >= from || weekly.days.has(yesterday) && of_day < until
    };
    let now = minute(number);
    within && weekly.since <= now && weekly.last.is_none_or(|last| now < last)
}

fn weekly() -> impl Strategy<Value = Weekly> {
    (
        1_u8..128,
        0_u16..1440,
        prop_oneof![0_u16..1440, Just(0_u16)],
        prop_oneof![-840_i16..=840, Just(540_i16), Just(0_i16)],
        0..SPAN / 2,
        prop::option::of(SPAN / 2..SPAN),
        any::<bool>(),
    )
        .prop_map(|(days, from, until, offset, since, last, whole)| Weekly {
            days: Days::from_bits(days),
            from_minute: from,
            until_minute: if whole { from } else { until },
            offset_minutes: offset,
            since: minute(since),
            last: last.map(minute),
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_weekly_window_covers_the_minutes_that_its_clock_says(weekly in weekly(), ended in prop::option::of(0..SPAN)) {
        let mut window = window(Schedule::Weekly(weekly));
        window.ended = ended.map(|ended| (minute(ended), "suzuki".to_owned()));
        let covered: Vec<bool> = (0..SPAN)
            .map(|number| naive_weekly(&weekly, number) && ended.is_none_or(|ended| number < ended))
            .collect();
        let mut next = None;
        // Backwards, so that the naive model knows the next covered minute.
        for number in (0..SPAN).rev() {
            if covered[number as usize] {
                next = Some(number);
            }
            let now = minute(number);
            prop_assert_eq!(window.at(now).is_some(), covered[number as usize], "{}", number);
            let found = window.next_occurrence(now);
            // Beyond the span the model knows nothing.
            if let Some(next) = next {
                let found = found.unwrap();
                prop_assert_eq!(found.from.max(now), minute(next));
                // All of it is covered, up to its last minute.
                let last = found.until.as_millis() / MINUTE - MONDAY - 1;
                if last < SPAN {
                    prop_assert!(covered[last as usize]);
                }
                prop_assert!(found.until.as_millis() - found.from.as_millis() <= DAY * MINUTE);
            }
            if let Some(end) = window.end().filter(|end| *end <= now) {
                prop_assert_eq!(found, None, "{:?}", end);
            }
        }
    }

    #[test]
    fn an_occurrence_that_was_cut_is_over_and_the_others_stand(weekly in weekly(), cut in 0..SPAN) {
        let whole = window(Schedule::Weekly(weekly));
        let cut_at = minute(cut);
        let Some(hit) = whole.at(cut_at) else {
            return Ok(());
        };
        let mut window = whole.clone();
        window.cut = Some(cut_at);
        for number in 0..SPAN {
            let now = minute(number);
            let over = cut_at <= now && now < hit.until;
            prop_assert_eq!(window.at(now).is_some(), whole.at(now).is_some() && !over);
        }
        // The next one is the one after, in a week at the latest.
        let next = window.next_occurrence(cut_at);
        let after = whole.next_occurrence(hit.until);
        prop_assert_eq!(next, after);
    }

    #[test]
    fn a_single_window_covers_from_and_not_until(from in 0..SPAN, length in 1..SPAN, ended in prop::option::of(0..SPAN)) {
        let mut window = window(Schedule::Once { from: minute(from), until: minute(from + length) });
        window.ended = ended.map(|ended| (minute(ended), "suzuki".to_owned()));
        for number in 0..SPAN {
            let covered = from <= number && number < from + length && ended.is_none_or(|ended| number < ended);
            prop_assert_eq!(window.at(minute(number)).is_some(), covered);
        }
    }

    #[test]
    fn silences_hold_as_each_of_their_conditions_says(
        holds in prop::collection::vec((0_u64..20, 1_u64..20, prop::option::of(0_u64..40), 0_usize..32), 0..6),
        now in 0_u64..40,
        odd in 0_usize..32,
    ) {
        // Each condition of a matcher is given or not (its bits), and fits or not (those of `odd`).
        let texts = |bits: usize, bit: usize| (bits & bit != 0).then(|| "x".to_owned());
        let silences: Vec<Silence> = holds.iter().zip(1..).map(|((from, length, ended, bits), id)| Silence {
            id,
            matcher: Matcher {
                customer: texts(*bits, 1),
                system: texts(*bits, 2),
                agent: texts(*bits, 4),
                code: (bits & 8 != 0).then_some(1),
                subject: texts(*bits, 16),
            },
            from: minute(*from),
            until: minute(from + length),
            reason: String::new(),
            by: String::new(),
            via: Via::Page,
            created: minute(0),
            ended: ended.map(|ended| (minute(ended), String::new())),
        }).collect();
        let found = |bit: usize| if odd & bit == 0 { "x" } else { "y" };
        let facts = Facts {
            place: Place { customer: found(1), system: found(2), site: "", agent: found(4) },
            code: if odd & 8 == 0 { 1 } else { 2 },
            subject: found(16),
        };
        let expected = holds.iter().any(|(from, length, ended, bits)| {
            *from <= now && now < from + length && ended.is_none_or(|ended| now < ended) && bits & odd == 0
        });
        prop_assert_eq!(silenced(&silences, &facts, minute(now)).is_some(), expected);
    }

    #[test]
    fn patterns_fit_what_the_naive_definition_says(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
        fn naive(pattern: &[char], text: &[char]) -> bool {
            match (pattern.split_first(), text.split_first()) {
                (None, None) => true,
                (Some(('*', rest)), _) if naive(rest, text) => true,
                (Some(('*', _)), Some((_, after))) => naive(pattern, after),
                (Some((wanted, rest)), Some((found, after))) => (*wanted == '?' || wanted == found) && naive(rest, after),
                _ => false,
            }
        }
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(glob(&pattern, &text), naive(&chars(&pattern), &chars(&text)));
    }
}

fn place<'a>(customer: &'a str, system: &'a str, site: &'a str, agent: &'a str) -> Place<'a> {
    Place {
        customer,
        system,
        site,
        agent,
    }
}

#[test]
fn a_scope_is_a_customer_and_narrower() {
    let name = |text: &str| Some(text.to_owned());
    let scope = |system: Option<String>, site: Option<String>, agent: Option<String>| WindowScope {
        customer: "mirai".to_owned(),
        system,
        site,
        agent,
    };
    let web = place("mirai", "order", "tokyo", "web03");
    let site = place("mirai", "", "tokyo", "");
    for (scope, of_web, of_site) in [
        (scope(None, None, None), true, true),
        (scope(name("order"), None, None), true, false),
        (scope(name("order"), None, name("web03")), true, false),
        (scope(name("order"), None, name("web04")), false, false),
        (scope(None, name("tokyo"), None), true, true),
        (scope(None, name("osaka"), None), false, false),
        (scope(name("order"), name("tokyo"), None), true, false),
    ] {
        assert_eq!(scope.fits(&web), of_web, "{}", scope.path());
        assert_eq!(scope.fits(&site), of_site, "{}", scope.path());
        let other = Place {
            customer: "other",
            ..web
        };
        assert!(!scope.fits(&other));
    }
}

#[test]
fn only_maintenance_makes_a_stop_planned_and_the_longest_says_until_when() {
    let once = |id, kind, until| Window {
        id,
        kind,
        ..window(Schedule::Once {
            from: minute(0),
            until: minute(until),
        })
    };
    let windows = [
        once(1, WindowKind::Maintenance, 10),
        once(2, WindowKind::Maintenance, 20),
        once(3, WindowKind::Event, 99),
        once(4, WindowKind::Other, 99),
    ];
    let here = place("mirai", "order", "", "web03");
    let ids = |now| {
        let covering = covering(&windows, &here, minute(now));
        covering
            .iter()
            .map(|(window, _)| window.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(5), [1, 2, 3, 4]);
    assert_eq!(ids(15), [2, 3, 4]);
    let (found, occurrence) = planned(&windows, &here, minute(5)).unwrap();
    assert_eq!((found.id, occurrence.until), (2, minute(20)));
    assert_eq!(planned(&windows, &here, minute(20)), None);
    assert_eq!(
        planned(&windows, &place("other", "order", "", "web03"), minute(5)),
        None
    );
}
