//! Windows against a plain list of values; what holds of every rule set whatever comes; bytes from anywhere.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "test code"
)]

mod rule_support;

use hansho::clock::Uptime;
use hansho::limit::WINDOW_VALUE_MAX;
use hansho::rule::window::{Shape, WindowState};
use hansho::rule::{
    Aggregate, Direction, Fallback, Gate, GateTest, Intervals, Kind, Level, Quantity, Rule,
    RuleSet, Subject, TransitionKind, Window,
};
use proptest::prelude::*;
use rule_support::{Table, absolute, checkpoint, level_rule, naive_window, set_of, step};
use std::collections::BTreeMap;

/// A failure is reported with its least input; nothing is kept in files.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn aggregate() -> impl Strategy<Value = Aggregate> {
    prop_oneof![
        Just(Aggregate::Mean),
        Just(Aggregate::Minimum),
        Just(Aggregate::Maximum)
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_window_says_what_a_list_says(
        aggregate in aggregate(),
        length_ms in 20_u32..3000,
        interval_ms in prop::option::of(0_u32..500),
        start in 0_u64..10_000,
        values in prop::collection::vec(
            (prop_oneof![9 => 0_u64..100, 3 => 0_u64..2000, 1 => 0_u64..100_000], any::<bool>(),
             prop_oneof![4 => 0_u64..1000, 1 => any::<u64>()]),
            1..200,
        ),
        emptied in prop::option::of(0_usize..200),
    ) {
        let window = Window { aggregate, length_ms };
        let shape = Shape::of(&window).unwrap();
        let shape = interval_ms.map_or(shape, |interval| shape.with_interval(interval));
        let mut state = WindowState::default();
        let mut list = Vec::new();
        let mut said = Vec::new();
        let mut at = start;
        for (place, (after, still, value)) in values.iter().enumerate() {
            at += if *still { 0 } else { *after };
            if emptied == Some(place) {
                prop_assert_eq!(&said, &naive_window(&window, interval_ms.map(u64::from), &list));
                state.empty();
                list.clear();
                said.clear();
            }
            list.push((at, *value));
            let now = state.take(&shape, Uptime::from_millis(at), *value);
            prop_assert_eq!(now.is_some(), state.is_covered(&shape, Uptime::from_millis(at)));
            said.push(now);
        }
        prop_assert_eq!(said, naive_window(&window, interval_ms.map(u64::from), &list));
    }

    /// Why the part is a half: see `limit.rs`.
    #[test]
    fn an_absence_that_is_no_gap_never_uncovers_a_window(
        aggregate in aggregate(),
        length_ms in 20_u32..3000,
        start in 0_u64..10_000,
        share in 1_u32..=1000,
        missing in prop::collection::vec(any::<bool>(), 1..400),
    ) {
        let shape = Shape::of(&Window { aggregate, length_ms }).unwrap();
        let bucket = length_ms / 20;
        // Two intervals are less than the window, by a bucket.
        let interval = (19 * bucket * share / 2000).max(1);
        let shape = shape.with_interval(interval);
        let mut state = WindowState::default();
        let mut at = start;
        let needed = u64::from(length_ms - bucket);
        for missing in missing {
            let said = state.take(&shape, Uptime::from_millis(at), 1);
            prop_assert_eq!(said.is_some(), at - start >= needed);
            at += u64::from(interval) * if missing { 2 } else { 1 };
        }
    }

    /// A rule with a window over readings that come, stay away and are taken from another quantity, with a restart
    /// anywhere, also within a gap: every reading says the value of the list.
    #[test]
    fn the_window_of_a_rule_goes_on_over_gaps_and_restarts(
        aggregate in aggregate(),
        length_ms in 400_u32..6000,
        readings in prop::collection::vec(
            (prop_oneof![12 => 90_u64..110, 2 => 100_u64..3000, 1 => 100_u64..8000],
             prop::bool::weighted(0.8), 0_u64..1000),
            1..250,
        ),
        switch in prop::option::of(0_usize..250),
        restart in 0_usize..250,
    ) {
        let window = Window { aggregate, length_ms };
        let mut rule = level_rule(2001, Quantity::CpuBusy, absolute(0), absolute(0));
        rule.window = window;
        rule.fallback = Some(Fallback {
            quantity: Quantity::CpuIowait.number(),
            raise: absolute(0),
            clear: absolute(0),
        });
        let intervals = Intervals { sample_ms: 100, counters_ms: 1 };
        let fresh = set_of(&[rule]);
        let mut set = fresh.clone();
        let mut list: Vec<(u64, u64)> = Vec::new();
        let mut judged = None;
        let mut on_fallback = false;
        let mut at = 10_000;
        for (place, (after, there, value)) in readings.iter().enumerate() {
            at += after;
            if place == restart {
                let bytes = checkpoint(&set);
                set = fresh.clone();
                set.restore(&bytes, false, &mut |_, _, _| panic!("nothing withdrawn")).unwrap();
            }
            let fallback = switch.is_some_and(|switch| place >= switch);
            let quantity = if fallback { Quantity::CpuIowait } else { Quantity::CpuBusy };
            let mut table = Table::default();
            let mut covered = None;
            if *there {
                table = table.with(quantity, *value);
                if fallback != on_fallback {
                    on_fallback = fallback;
                    list.clear();
                    judged = None;
                }
                list.push((at, *value));
                covered = naive_window(&window, Some(100), &list).last().copied().flatten();
                judged = covered.or(judged);
            }
            step(&mut set, at, intervals, &table);
            let stands = set.phases().next().unwrap();
            prop_assert_eq!(stands.value, judged);
            prop_assert_eq!(stands.fallback, on_fallback);
            if *there {
                prop_assert_eq!(stands.unknown, covered.is_none());
            }
        }
    }

    #[test]
    fn a_window_survives_any_moment_and_value(
        aggregate in aggregate(),
        length_ms in 20_u32..,
        values in prop::collection::vec((any::<u64>(), any::<u64>()), 1..100),
    ) {
        let shape = Shape::of(&Window { aggregate, length_ms }).unwrap();
        let mut state = WindowState::default();
        for (at, value) in values {
            let said = state.take(&shape, Uptime::from_millis(at), value);
            prop_assert!(said.is_none_or(|said| said <= WINDOW_VALUE_MAX));
        }
    }
}

#[test]
fn a_full_bucket_keeps_its_mean() {
    let shape = Shape::of(&Window {
        aggregate: Aggregate::Mean,
        length_ms: 20,
    })
    .unwrap();
    let mut state = WindowState::default();
    for _ in 0..100_000 {
        state.take(&shape, Uptime::from_millis(0), u64::MAX);
    }
    for at in 1..20 {
        let said = state.take(&shape, Uptime::from_millis(at), WINDOW_VALUE_MAX);
        assert_eq!(said, (at == 19).then_some(WINDOW_VALUE_MAX));
    }
}

#[test]
fn what_looks_at_the_last_value_has_no_shape() {
    for (aggregate, length_ms) in [(Aggregate::Last, 60_000), (Aggregate::Mean, 19)] {
        assert_eq!(
            Shape::of(&Window {
                aggregate,
                length_ms
            }),
            None
        );
    }
}

const QUANTITIES: [Quantity; 6] = [
    Quantity::MemoryUsed,
    Quantity::CpuBusy,
    Quantity::CpuIowait,
    Quantity::PressureIoFull,
    Quantity::OomKill,
    Quantity::TickLate,
];

fn level() -> impl Strategy<Value = Level> {
    (0_u16..1000, 0_u64..20, any::<bool>()).prop_map(|(permille, absolute, both)| Level {
        permille: both.then_some(permille),
        absolute: Some(absolute),
    })
}

fn quantity() -> impl Strategy<Value = u8> {
    prop::sample::select(&QUANTITIES[..]).prop_map(Quantity::number)
}

prop_compose! {
    fn rule()(
        code in 1_u16..5,
        subject in prop::sample::select(&["", "/", "/var"][..]),
        enabled in prop::bool::weighted(0.9),
        event in any::<bool>(),
        below in any::<bool>(),
        number in quantity(),
        window in prop::option::of((aggregate(), 20_u32..5000)),
        levels in (level(), level()),
        times in (0_u32..4000, 0_u32..4000),
        gate in prop::option::of((quantity(), level(), 0_usize..3)),
        fallback in prop::option::of((quantity(), level(), level())),
    ) -> Rule {
        let window = window.filter(|_| !event);
        Rule {
            code,
            subject: Subject::try_from(subject).unwrap(),
            enabled,
            kind: if event { Kind::Event } else { Kind::Level },
            quantity: number,
            window: window.map_or(rule_support::last(), |(aggregate, length_ms)| {
                Window { aggregate, length_ms }
            }),
            direction: if below { Direction::Below } else { Direction::Above },
            raise: levels.0,
            clear: levels.1,
            raise_after_ms: times.0,
            clear_after_ms: times.1,
            gate: gate.map(|(quantity, level, test)| Gate {
                quantity,
                level,
                test: [GateTest::Above, GateTest::Below, GateTest::Absent][test],
            }),
            fallback: fallback.map(|(quantity, raise, clear)| Fallback { quantity, raise, clear }),
        }
    }
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    prop::collection::vec(rule(), 1..12).prop_map(|rules| {
        let by_identity: BTreeMap<_, _> = rules
            .into_iter()
            .map(|rule| ((rule.code, rule.subject.to_string()), rule))
            .collect();
        by_identity.into_values().collect()
    })
}

fn table() -> impl Strategy<Value = Table> {
    let value = prop_oneof![
        1 => Just(None),
        6 => (0_u64..20, prop::option::weighted(0.9, 0_u64..30)).prop_map(Some),
        1 => (any::<u64>(), any::<Option<u64>>()).prop_map(Some),
    ];
    prop::collection::vec(value, QUANTITIES.len()).prop_map(|values| {
        let mut table = Table::default();
        for (quantity, value) in QUANTITIES.into_iter().zip(values) {
            table = match value {
                None => table,
                Some((value, None)) => table.with(quantity, value),
                Some((value, Some(total))) => table.with_total(quantity, value, total),
            };
        }
        table
    })
}

/// How far the clock moves; back only by `i64` below 0.
fn moves() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0_i64..1500, 2 => 0_i64..10_000, 1 => -5000_i64..0]
}

const INTERVALS: Intervals = Intervals {
    sample_ms: 1000,
    counters_ms: 1500,
};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn firing_and_resolved_alternate_and_episodes_count_up(
        rules in rules(),
        readings in prop::collection::vec((moves(), table()), 1..120),
        restart in 0_usize..120,
    ) {
        let fresh = RuleSet::new(rules.iter().cloned().collect()).unwrap();
        let mut set = fresh.clone();
        let mut open: BTreeMap<usize, u32> = BTreeMap::new();
        let mut closed: BTreeMap<usize, u32> = BTreeMap::new();
        let mut at = 10_000_u64;
        for (place, (after, table)) in readings.iter().enumerate() {
            at = at.saturating_add_signed(*after);
            if place == restart {
                let bytes = checkpoint(&set);
                let mut restored = fresh.clone();
                restored.restore(&bytes, false, &mut |_, _, _| panic!("nothing withdrawn")).unwrap();
                prop_assert_eq!(checkpoint(&restored), bytes);
                set = restored;
            }
            let mut before = None;
            for one in step(&mut set, at, INTERVALS, table) {
                // In the order of rules, each at most once.
                prop_assert!(before < Some(one.rule));
                before = Some(one.rule);
                prop_assert!(rules[one.rule].enabled);
                match one.kind {
                    TransitionKind::Firing => {
                        let last = closed.get(&one.rule).copied().unwrap_or(0);
                        prop_assert_eq!(one.episode, last + 1);
                        prop_assert_eq!(open.insert(one.rule, one.episode), None);
                        prop_assert!(one.count > 0);
                    }
                    TransitionKind::Resolved => {
                        prop_assert_eq!(open.remove(&one.rule), Some(one.episode));
                        closed.insert(one.rule, one.episode);
                    }
                    TransitionKind::Continued => {
                        prop_assert_eq!(open.get(&one.rule), Some(&one.episode));
                        prop_assert_eq!(rules[one.rule].kind, Kind::Event);
                    }
                }
                prop_assert!(one.since.as_millis() <= at && one.fired.as_millis() <= at);
                prop_assert!(one.worst.is_some() && one.value.is_some());
            }
            let listed: Vec<_> = set
                .open_alerts()
                .map(|alert| (alert.rule.definition.clone(), alert.rule.subject.clone(), alert.episode))
                .collect();
            let expected: Vec<_> = open
                .iter()
                .map(|(rule, episode)| (rules[*rule].definition(), rules[*rule].subject.clone(), *episode))
                .collect();
            prop_assert_eq!(listed, expected);
        }
    }

    #[test]
    fn any_bytes_are_restored_or_refused_and_never_half(
        rules in rules(),
        readings in prop::collection::vec((moves(), table()), 1..20),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        boot_changed in any::<bool>(),
    ) {
        let mut set = RuleSet::new(rules.iter().cloned().collect()).unwrap();
        let mut at = 10_000_u64;
        for (after, table) in &readings {
            at = at.saturating_add_signed(*after);
            step(&mut set, at, INTERVALS, table);
        }
        let whole = checkpoint(&set);
        let mut bytes = whole.clone();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        for bytes in [&bytes[..], &whole[..cut.index(whole.len())]] {
            let mut other = set.clone();
            let mut withdrawn = 0;
            let result = other.restore(bytes, boot_changed, &mut |_, _, _| withdrawn += 1);
            if result.is_err() {
                prop_assert_eq!(withdrawn, 0);
                prop_assert_eq!(checkpoint(&other), whole.clone());
            }
            for (_, table) in &readings {
                at += 700;
                step(&mut other, at, INTERVALS, table);
                other.phases().for_each(drop);
            }
            checkpoint(&other);
        }
        let shorter = set.restore(&whole[..whole.len() - 1], false, &mut |_, _, _| {});
        prop_assert!(shorter.is_err());
        let mut longer = whole.clone();
        longer.push(0);
        let longer = set.restore(&longer, false, &mut |_, _, _| {});
        prop_assert!(longer.is_err());
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), rules in rules()) {
        let mut set = RuleSet::new(rules.into_iter().collect()).unwrap();
        let before = checkpoint(&set);
        if set.restore(&bytes, false, &mut |_, _, _| {}).is_err() {
            prop_assert_eq!(checkpoint(&set), before);
        }
    }
}
