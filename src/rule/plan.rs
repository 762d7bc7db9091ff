//! What a rule needs at each step, looked up once at construction: no search by number or name while running.

use super::definition::{
    Aggregate, Definition, Direction, GateTest, Kind, Level, RuleRef, Subject,
};
use super::level::Side;
use super::quantity::{Quantity, Unit, Value};
use super::set::{Intervals, RuleSetFault, Values};
use super::state::{Change, Judged, RuleState, TransitionKind};
use super::window::{Shape, WindowState};
use crate::clock::Uptime;
use crate::limit::{FOUND_INTERVAL_MS, GAP_INTERVALS};

/// One quantity; the levels that it is compared with are the definition's.
#[derive(Clone, Copy, Debug)]
struct Source {
    quantity: Quantity,
    /// Levels in per cent count.
    shares: bool,
    /// The value is a number of occurrences.
    counts: bool,
}

/// What a rule needs at each step, looked up once: a few bytes, the rest stands in its definition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    first: Source,
    fallback: Option<Source>,
    gate: Option<Source>,
}

/// A source with its levels.
#[derive(Clone, Copy, Debug)]
struct Levels {
    source: Source,
    raise: Level,
    clear: Level,
}

impl Source {
    fn new(kind: Kind, quantity: Quantity) -> Self {
        let unit = quantity.unit();
        Self {
            quantity,
            shares: Level::has_shares(kind, unit),
            counts: unit == Unit::Count,
        }
    }

    fn with(self, raise: Level, clear: Level) -> Levels {
        Levels {
            source: self,
            raise: raise.used(self.shares),
            clear: clear.used(self.shares),
        }
    }
}

impl Levels {
    /// Whether a rule with these can fire, and resolve.
    fn are_enough(&self, kind: Kind) -> bool {
        let clears = kind == Kind::Event || !self.clear.is_empty();
        clears && !self.raise.is_empty()
    }

    fn value(&self, values: &impl Values, subject: &Subject) -> Option<Value> {
        values
            .value(self.source.quantity, subject)
            .filter(|value| self.raise.can_judge(*value) && self.clear.can_judge(*value))
    }
}

impl Plan {
    /// `place` is that of the rule, for its faults.
    pub(super) fn new(definition: &Definition, place: usize) -> Result<Self, RuleSetFault> {
        let no_level = RuleSetFault::NoLevel { rule: place };
        let kind = definition.kind;
        let quantity = definition
            .quantity()
            .ok_or(RuleSetFault::Quantity { rule: place })?;
        let mut plan = Self {
            first: Source::new(kind, quantity),
            fallback: None,
            gate: None,
        };
        if !plan.levels(definition, false).are_enough(kind) {
            return Err(no_level);
        }
        if let Some(fallback) = &definition.fallback {
            let quantity = Quantity::from_number(fallback.quantity)
                .ok_or(RuleSetFault::FallbackQuantity { rule: place })?;
            plan.fallback = Some(Source::new(kind, quantity));
            if !plan.levels(definition, true).are_enough(kind) {
                return Err(no_level);
            }
        }
        if let Some(gate) = &definition.gate {
            let quantity = Quantity::from_number(gate.quantity)
                .ok_or(RuleSetFault::GateQuantity { rule: place })?;
            let source = Source::new(Kind::Level, quantity);
            if gate.level.used(source.shares).is_empty() && gate.test != GateTest::Absent {
                return Err(no_level);
            }
            plan.gate = Some(source);
        }
        match definition.window.aggregate {
            Aggregate::Last => Ok(plan),
            _ if kind == Kind::Event => Err(RuleSetFault::EventWithWindow { rule: place }),
            _ if Shape::of(&definition.window).is_none() => {
                Err(RuleSetFault::WindowTooShort { rule: place })
            }
            _ => Ok(plan),
        }
    }

    fn source(&self, on_fallback: bool) -> Source {
        match self.fallback {
            Some(fallback) if on_fallback => fallback,
            _ => self.first,
        }
    }

    fn levels(&self, definition: &Definition, on_fallback: bool) -> Levels {
        match (self.fallback, &definition.fallback) {
            (Some(source), Some(levels)) if on_fallback => source.with(levels.raise, levels.clear),
            _ => self.first.with(definition.raise, definition.clear),
        }
    }

    /// The value of the quantity that is there, and whether it is the fallback.
    fn value(&self, rule: RuleRef<'_>, values: &impl Values) -> Option<(Value, bool)> {
        let of = |on_fallback| {
            let levels = self.levels(rule.definition, on_fallback);
            let value = levels.value(values, rule.subject)?;
            Some((value, on_fallback))
        };
        of(false).or_else(|| self.fallback.and_then(|_| of(true)))
    }

    fn gate_holds(&self, rule: RuleRef<'_>, values: &impl Values) -> bool {
        let (Some(source), Some(gate)) = (self.gate, &rule.definition.gate) else {
            return true;
        };
        let value = values.value(source.quantity, rule.subject);
        let holds = |side| {
            let level = gate.level.used(source.shares);
            value.is_some_and(|value| level.holds(side, value))
        };
        match gate.test {
            GateTest::Absent => value.is_none(),
            GateTest::Above => holds(Side::AtOrAbove),
            GateTest::Below => holds(Side::Below),
        }
    }

    fn judge(
        &self,
        rule: RuleRef<'_>,
        on_fallback: bool,
        value: Value,
        values: &impl Values,
    ) -> Judged {
        let levels = self.levels(rule.definition, on_fallback);
        let direction = direction(rule.definition);
        let raised = levels.raise.holds(Side::raised(direction), value);
        Judged {
            value: value.value,
            raised,
            clear: !raised && levels.clear.holds(Side::clear(direction), value),
            // Not asked for where it could change nothing.
            gate: raised && self.gate_holds(rule, values),
            events: if levels.source.counts {
                u32::try_from(value.value).unwrap_or(u32::MAX).max(1)
            } else {
                1
            },
        }
    }

    /// How often the quantity in use has a value, in milliseconds.
    fn interval_ms(&self, on_fallback: bool, intervals: Intervals) -> u32 {
        let quantity = self.source(on_fallback).quantity;
        if quantity.is_counter() {
            intervals.counters_ms
        } else if quantity.of_subject().is_some() {
            FOUND_INTERVAL_MS
        } else {
            intervals.sample_ms
        }
    }

    /// Longest time without a value that changes nothing, in milliseconds.
    fn gap_ms(&self, on_fallback: bool, intervals: Intervals) -> u64 {
        u64::from(self.interval_ms(on_fallback, intervals)).saturating_mul(GAP_INTERVALS.into())
    }

    /// True where the quantity in use has had no value for too long, or never.
    pub(super) fn is_gap(&self, state: &RuleState, now: Uptime, intervals: Intervals) -> bool {
        state
            .seen
            .get()
            .is_none_or(|seen| now.since(seen) > self.gap_ms(state.on_fallback, intervals))
    }

    /// One reading for one rule.
    pub(super) fn step(
        &self,
        rule: RuleRef<'_>,
        state: &mut RuleState,
        mut window: Option<&mut WindowState>,
        (now, intervals): (Uptime, Intervals),
        values: &impl Values,
    ) -> Option<(Change, Value)> {
        let found = self.value(rule, values);
        let switched = found.is_some_and(|(_, fallback)| fallback != state.on_fallback);
        if switched {
            state.restart_with_other_values();
            state.on_fallback = !state.on_fallback;
            if let Some(window) = &mut window {
                window.empty();
            }
        } else if self.is_gap(state, now, intervals) {
            state.restart();
        }
        let (mut value, on_fallback) = found?;
        state.seen = Some(now).into();
        if let (Some(window), Some(shape)) = (window, Shape::of(&rule.window)) {
            let shape = shape.with_interval(self.interval_ms(on_fallback, intervals));
            value.value = window.take(&shape, now, value.value)?;
        }
        let judged = self.judge(rule, on_fallback, value, values);
        state
            .step(rule.definition, now, &judged)
            .map(|change| (change, value))
    }

    /// The level that decided.
    pub(super) fn level(
        &self,
        definition: &Definition,
        change: TransitionKind,
        on_fallback: bool,
        total: Option<u64>,
    ) -> Option<u64> {
        let levels = self.levels(definition, on_fallback);
        let direction = direction(definition);
        match change {
            TransitionKind::Firing | TransitionKind::Continued => {
                levels.raise.decisive(Side::raised(direction), total)
            }
            TransitionKind::Resolved if definition.kind == Kind::Event => None,
            TransitionKind::Resolved => levels.clear.decisive(Side::clear(direction), total),
        }
    }
}

/// Which way is bad; of an event always above.
const fn direction(definition: &Definition) -> Direction {
    match definition.kind {
        Kind::Level => definition.direction,
        Kind::Event => Direction::Above,
    }
}
