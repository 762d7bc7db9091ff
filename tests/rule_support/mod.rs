//! What the tests of rules share: a script of values in virtual time, and what was told.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "test code; each test program uses a part of it"
)]

use hansho::clock::Uptime;
use hansho::limit::WINDOW_VALUE_MAX;
use hansho::rule::{
    Aggregate, Direction, Intervals, Kind, Level, Quantity, Reason, Rule, RuleSet, Subject,
    Transition, TransitionKind, Value, Values, Window,
};

/// Values by quantity; what is not there is absent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table(pub(crate) Vec<(Quantity, Value)>);

impl Table {
    pub(crate) fn with(mut self, quantity: Quantity, value: u64) -> Self {
        self.0.push((quantity, Value { value, total: None }));
        self
    }

    pub(crate) fn with_total(mut self, quantity: Quantity, value: u64, total: u64) -> Self {
        let total = Some(total);
        self.0.push((quantity, Value { value, total }));
        self
    }
}

impl Values for Table {
    fn value(&self, quantity: Quantity, _: &Subject) -> Option<Value> {
        let found = self.0.iter().find(|(known, _)| *known == quantity);
        found.map(|(_, value)| *value)
    }
}

pub(crate) fn absolute(level: u64) -> Level {
    Level {
        permille: None,
        absolute: Some(level),
    }
}

pub(crate) fn per_cent(level: u16) -> Level {
    Level {
        permille: Some(level * 10),
        absolute: None,
    }
}

pub(crate) fn last() -> Window {
    Window {
        aggregate: Aggregate::Last,
        length_ms: 0,
    }
}

/// A rule above `raise` until `clear`, at once, without gate or fallback.
pub(crate) fn level_rule(code: u16, quantity: Quantity, raise: Level, clear: Level) -> Rule {
    Rule {
        code,
        subject: Subject::new(),
        enabled: true,
        kind: Kind::Level,
        quantity: quantity.number(),
        window: last(),
        direction: Direction::Above,
        raise,
        clear,
        raise_after_ms: 0,
        clear_after_ms: 0,
        gate: None,
        fallback: None,
    }
}

pub(crate) fn event_rule(code: u16, quantity: Quantity, raise: u64, quiet_ms: u32) -> Rule {
    Rule {
        kind: Kind::Event,
        clear_after_ms: quiet_ms,
        ..level_rule(code, quantity, absolute(raise), Level::default())
    }
}

pub(crate) fn set_of(rules: &[Rule]) -> RuleSet {
    RuleSet::new(rules.iter().cloned().collect()).unwrap()
}

/// Takes one step and gives what was told.
pub(crate) fn step(
    set: &mut RuleSet,
    at_ms: u64,
    intervals: Intervals,
    values: &Table,
) -> Vec<Transition> {
    let mut told = Vec::new();
    set.step(
        Uptime::from_millis(at_ms),
        intervals,
        values,
        &mut |_, transition| told.push(*transition),
    );
    told
}

pub(crate) fn checkpoint(set: &RuleSet) -> Vec<u8> {
    let mut buffer = vec![0; hansho::limit::CHECKPOINT_BYTES];
    set.checkpoint(&mut buffer).unwrap().to_vec()
}

pub(crate) fn kinds(told: &[Transition]) -> Vec<(TransitionKind, Reason)> {
    told.iter().map(|one| (one.kind, one.reason)).collect()
}

/// What a window says after each of the values, from the definition in `window.rs`, over a list of all values.
pub(crate) fn naive_window(
    window: &Window,
    interval_ms: Option<u64>,
    values: &[(u64, u64)],
) -> Vec<Option<u64>> {
    let length = u64::from(window.length_ms);
    let bucket = length / 20;
    let mut first = 0;
    let mut said = Vec::new();
    for (newest, (now, _)) in values.iter().enumerate() {
        let mine = now / bucket;
        if newest > first && values[newest - 1].0 / bucket < mine {
            let mut filled: Vec<_> = values[first..=newest]
                .iter()
                .map(|one| one.0 / bucket)
                .collect();
            filled.retain(|one| one + 20 > mine);
            filled.dedup();
            let since_first = (mine - values[first].0 / bucket + 1).min(20);
            let would_be = match interval_ms {
                None => 0,
                Some(interval) if interval <= bucket => since_first,
                Some(interval) => since_first * bucket / interval,
            };
            if filled.len() == 1 || filled.len() < usize::try_from(would_be / 2).unwrap() {
                first = newest;
            }
        }
        if now - values[first].0 < length - bucket {
            said.push(None);
            continue;
        }
        let held = values[first..=newest]
            .iter()
            .filter(|(at, _)| at / bucket + 20 > mine)
            .map(|(_, value)| u128::from((*value).min(WINDOW_VALUE_MAX)));
        let count = u128::try_from(held.clone().count()).unwrap();
        let value = match window.aggregate {
            Aggregate::Mean => held.sum::<u128>() / count,
            Aggregate::Minimum => held.min().unwrap(),
            Aggregate::Maximum => held.max().unwrap(),
            Aggregate::Last => u128::from(values[newest].1),
        };
        said.push(Some(u64::try_from(value).unwrap()));
    }
    said
}
