//! What a rule needs at each step, looked up once at construction: no search by number or name while running.

use super::definition::{
    Aggregate, Direction, Fallback, Gate, GateTest, Kind, Level, Rule, Subject,
};
use super::level::Side;
use super::quantity::{Quantity, Unit, Value};
use super::set::{Intervals, RuleSetFault, Values};
use super::state::{Change, Judged, RuleState, TransitionKind};
use super::window::{Shape, WindowState};
use crate::clock::Uptime;
use crate::limit::GAP_INTERVALS;

/// One quantity and the levels that it is compared with.
#[derive(Clone, Copy, Debug)]
struct Source {
    quantity: Quantity,
    raise: Level,
    clear: Level,
    /// The value is a number of occurrences.
    counts: bool,
}

#[derive(Clone, Copy, Debug)]
struct GatePlan {
    quantity: Quantity,
    test: GateTest,
    level: Level,
}

/// What a rule needs at each step, looked up once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    first: Source,
    fallback: Option<Source>,
    gate: Option<GatePlan>,
    /// Place of its window in the set, and its shape.
    pub(super) window: Option<(usize, Shape)>,
    raise_side: Side,
    clear_side: Side,
}

impl Source {
    fn new(kind: Kind, quantity: Quantity, raise: Level, clear: Level) -> Option<Self> {
        let unit = quantity.unit();
        let source = Self {
            quantity,
            raise: raise.used(kind, unit),
            clear: clear.used(kind, unit),
            counts: unit == Unit::Count,
        };
        let clears = kind == Kind::Event || !source.clear.is_empty();
        (clears && !source.raise.is_empty()).then_some(source)
    }

    fn value(&self, values: &impl Values, subject: &Subject) -> Option<Value> {
        values
            .value(self.quantity, subject)
            .filter(|value| self.raise.can_judge(*value) && self.clear.can_judge(*value))
    }
}

impl GatePlan {
    fn new(gate: &Gate, rule: usize) -> Result<Self, RuleSetFault> {
        let quantity =
            Quantity::from_number(gate.quantity).ok_or(RuleSetFault::GateQuantity { rule })?;
        let level = gate.level.used(Kind::Level, quantity.unit());
        if level.is_empty() && gate.test != GateTest::Absent {
            return Err(RuleSetFault::NoLevel { rule });
        }
        Ok(Self {
            quantity,
            test: gate.test,
            level,
        })
    }

    fn holds(&self, values: &impl Values, subject: &Subject) -> bool {
        let value = values.value(self.quantity, subject);
        match self.test {
            GateTest::Absent => value.is_none(),
            GateTest::Above => value.is_some_and(|value| self.level.holds(Side::AtOrAbove, value)),
            GateTest::Below => value.is_some_and(|value| self.level.holds(Side::Below, value)),
        }
    }
}

impl Plan {
    /// `window` is the place of the next free one.
    pub(super) fn new(rule: &Rule, place: usize, window: usize) -> Result<Self, RuleSetFault> {
        let fault = RuleSetFault::NoLevel { rule: place };
        let quantity = rule
            .quantity()
            .ok_or(RuleSetFault::Quantity { rule: place })?;
        let first = Source::new(rule.kind, quantity, rule.raise, rule.clear).ok_or(fault)?;
        let fallback = match &rule.fallback {
            None => None,
            Some(Fallback {
                quantity,
                raise,
                clear,
            }) => {
                let quantity = Quantity::from_number(*quantity)
                    .ok_or(RuleSetFault::FallbackQuantity { rule: place })?;
                Some(Source::new(rule.kind, quantity, *raise, *clear).ok_or(fault)?)
            }
        };
        let gate = match &rule.gate {
            None => None,
            Some(gate) => Some(GatePlan::new(gate, place)?),
        };
        let shape = match rule.window.aggregate {
            Aggregate::Last => None,
            _ if rule.kind == Kind::Event => {
                return Err(RuleSetFault::EventWithWindow { rule: place });
            }
            _ => Some(Shape::of(&rule.window).ok_or(RuleSetFault::WindowTooShort { rule: place })?),
        };
        let direction = match rule.kind {
            Kind::Level => rule.direction,
            Kind::Event => Direction::Above,
        };
        Ok(Self {
            first,
            fallback,
            gate,
            window: shape.filter(|_| rule.enabled).map(|shape| (window, shape)),
            raise_side: Side::raised(direction),
            clear_side: Side::clear(direction),
        })
    }

    fn source(&self, on_fallback: bool) -> &Source {
        match &self.fallback {
            Some(fallback) if on_fallback => fallback,
            _ => &self.first,
        }
    }

    /// The value of the quantity that is there, and whether it is the fallback.
    fn value(&self, values: &impl Values, subject: &Subject) -> Option<(Value, bool)> {
        let first = self
            .first
            .value(values, subject)
            .map(|value| (value, false));
        first.or_else(|| {
            let fallback = self.fallback.as_ref()?;
            fallback.value(values, subject).map(|value| (value, true))
        })
    }

    fn judge(
        &self,
        source: &Source,
        value: Value,
        values: &impl Values,
        subject: &Subject,
    ) -> Judged {
        let raised = source.raise.holds(self.raise_side, value);
        Judged {
            value: value.value,
            raised,
            clear: !raised && source.clear.holds(self.clear_side, value),
            // Not asked for where it could change nothing.
            gate: raised && self.gate.is_none_or(|gate| gate.holds(values, subject)),
            events: if source.counts {
                u32::try_from(value.value).unwrap_or(u32::MAX).max(1)
            } else {
                1
            },
        }
    }

    /// How often the quantity in use has a value, in milliseconds.
    fn interval_ms(&self, on_fallback: bool, intervals: Intervals) -> u32 {
        if self.source(on_fallback).quantity.is_counter() {
            intervals.counters_ms
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
            .is_none_or(|seen| now.since(seen) > self.gap_ms(state.on_fallback, intervals))
    }

    /// One reading for one rule.
    pub(super) fn step(
        &self,
        rule: &Rule,
        state: &mut RuleState,
        mut window: Option<&mut WindowState>,
        (now, intervals): (Uptime, Intervals),
        values: &impl Values,
    ) -> Option<(Change, Value)> {
        let found = self.value(values, &rule.subject);
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
        let (mut value, _) = found?;
        state.seen = Some(now);
        if let (Some(window), Some((_, shape))) = (window, &self.window) {
            let shape = shape.with_interval(self.interval_ms(state.on_fallback, intervals));
            value.value = window.take(&shape, now, value.value)?;
        }
        let source = self.source(state.on_fallback);
        let judged = self.judge(source, value, values, &rule.subject);
        state.step(rule, now, &judged).map(|change| (change, value))
    }

    /// The level that decided.
    pub(super) fn level(
        &self,
        kind: Kind,
        change: TransitionKind,
        state: &RuleState,
        total: Option<u64>,
    ) -> Option<u64> {
        let source = self.source(state.on_fallback);
        match change {
            TransitionKind::Firing | TransitionKind::Continued => {
                source.raise.decisive(self.raise_side, total)
            }
            TransitionKind::Resolved if kind == Kind::Event => None,
            TransitionKind::Resolved => source.clear.decisive(self.clear_side, total),
        }
    }
}
