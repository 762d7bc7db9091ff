//! One configuration: its rules in a machine of their own, what they told, and for how long.

use super::super::exit::{Exit, Stop};
use super::super::output::shown;
use super::super::plan::rules;
use super::source::Item;
use hansho::clock::Uptime;
use hansho::code::describe::amount;
use hansho::code::{Urgency, display, entry};
use hansho::config::Plan;
use hansho::frame::body::{Alert, decode, reason_name, transition_from_u8};
use hansho::frame::{Body, Stream};
use hansho::limit::RULES;
use hansho::machine::{Input, Journal, Machine, Played, Settings};
use hansho::rule::{Quantity, Rule, TransitionKind};
use serde::Serialize;
use std::collections::BTreeMap;

/// One transition, in the fixed shape.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    record: &'static str,
    configuration: &'static str,
    uptime_ms: u64,
    wall_ms: Option<u64>,
    code: u16,
    subject: String,
    severity: char,
    state: &'static str,
    episode: u32,
    value: Option<u64>,
    level: Option<u64>,
    reason: &'static str,
    #[serde(skip)]
    quantity: Option<Quantity>,
    #[serde(skip)]
    kind: TransitionKind,
}

impl Row {
    fn new(at: Uptime, alert: &Alert<'_>) -> Option<Self> {
        let kind = transition_from_u8(alert.transition)?;
        let state = match kind {
            TransitionKind::Firing => "firing",
            TransitionKind::Resolved => "resolved",
            TransitionKind::Continued => "continued",
        };
        Some(Self {
            record: "transition",
            configuration: "",
            uptime_ms: at.as_millis(),
            wall_ms: None,
            code: alert.code,
            subject: alert.subject.into(),
            severity: entry(alert.code).map_or('W', |known| known.severity.letter()),
            state,
            episode: alert.episode,
            value: alert.value,
            level: alert.level,
            reason: reason_name(alert.reason),
            quantity: Quantity::from_number(alert.quantity),
            kind,
        })
    }

    /// As a line of the table.
    pub(super) fn words(&self) -> String {
        let seconds = self.uptime_ms / 1000;
        let clock = format!(
            "{}:{:02}:{:02}.{:03}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            self.uptime_ms % 1000
        );
        let text = |value: Option<u64>| match (value, self.quantity) {
            (None, _) => "-".into(),
            (Some(value), Some(quantity)) => amount(value, quantity.unit()),
            (Some(value), None) => value.to_string(),
        };
        let line = format!(
            "{clock:<13} {:<8}  {:<10} {:<10} {:>7}  {:<13} {:<13} {:<9} {}",
            self.configuration,
            display(self.code, self.state != "resolved").to_string(),
            self.state,
            self.episode,
            text(self.value),
            text(self.level),
            self.reason,
            shown(&self.subject)
        );
        line.trim_end().into()
    }
}

/// The head over such lines.
pub(super) const HEAD: &str = "uptime        by        code       state      episode  value         level         reason    subject";

/// Keeps the transitions of one step.
#[derive(Default)]
struct Transitions(Vec<Row>);

impl Journal for Transitions {
    fn record(&mut self, _: Stream, _: Uptime, frame: &[u8]) {
        if let Ok((at, Body::Alert(alert))) = decode(frame) {
            self.0.extend(Row::new(at, &alert));
        }
    }

    fn say(&mut self, _: &str) {}
}

/// What one identity did.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Tally {
    pub(super) fired: u64,
    pub(super) resolved: u64,
    pub(super) continued: u64,
    /// Time with readings while it fired; and the longest such time in one piece.
    pub(super) firing_ms: u64,
    pub(super) longest_ms: u64,
    pub(super) open_at_end: bool,
    #[serde(skip)]
    fired_at: u64,
}

impl Tally {
    fn ends(&mut self, covered_ms: u64) {
        let lasted = covered_ms.saturating_sub(self.fired_at);
        self.firing_ms = self.firing_ms.saturating_add(lasted);
        self.longest_ms = self.longest_ms.max(lasted);
    }
}

/// A code and its subject.
pub(super) type Identity = (u16, String);

/// One configuration at work.
pub(super) struct Side {
    /// `present` or `proposed`.
    pub(super) name: &'static str,
    /// Where its rules come from, for people.
    pub(super) origin: String,
    counters_interval_ms: u32,
    machine: Machine,
    transitions: Transitions,
    tallies: BTreeMap<Identity, Tally>,
}

impl Side {
    pub(super) fn new(name: &'static str, origin: String, plan: &Plan) -> Result<Self, Stop> {
        let mut rules = rules(plan)?;
        for rule in &mut rules {
            // No recording tells how the agent itself was: they would only cost time.
            rule.enabled &= is_judged(rule);
        }
        Self::of_rules(name, origin, plan, rules)
    }

    pub(super) fn of_rules(
        name: &'static str,
        origin: String,
        plan: &Plan,
        rules: heapless::Vec<Rule, RULES>,
    ) -> Result<Self, Stop> {
        let settings = Settings {
            sample_interval_ms: plan.sample.interval_ms,
            counters_interval_ms: plan.sample.counters_interval_ms,
            report_interval_ms: plan.sample.report_interval_ms,
            forwards: false,
        };
        let machine = Machine::new(settings, rules)
            .map_err(|fault| Stop::failed(Exit::Internal, format!("the rules: {fault:?}")))?;
        Ok(Self {
            name,
            origin,
            counters_interval_ms: plan.sample.counters_interval_ms,
            machine,
            transitions: Transitions::default(),
            tallies: BTreeMap::new(),
        })
    }

    /// Judges a reading, with which so much time has been covered in all; gives back what it told.
    pub(super) fn take(&mut self, item: &Item, covered_ms: u64) -> Vec<Row> {
        let reading = &item.reading;
        let played = Played {
            reading,
            interval_ms: item.interval_ms,
            counters_interval_ms: self.counters_interval_ms.max(item.interval_ms),
            is_new_boot: item.is_new_boot,
        };
        self.machine.step(
            reading.uptime,
            Input::Played(&played),
            &mut self.transitions,
        );
        let mut rows = std::mem::take(&mut self.transitions.0);
        for row in &mut rows {
            row.configuration = self.name;
            row.wall_ms = Some(reading.wall.as_millis()).filter(|wall| *wall > 0);
            let tally = self
                .tallies
                .entry((row.code, row.subject.clone()))
                .or_default();
            match row.kind {
                TransitionKind::Firing => {
                    tally.fired = tally.fired.saturating_add(1);
                    tally.fired_at = covered_ms;
                    tally.open_at_end = true;
                }
                TransitionKind::Resolved => {
                    tally.resolved = tally.resolved.saturating_add(1);
                    tally.open_at_end = false;
                    tally.ends(covered_ms);
                }
                TransitionKind::Continued => tally.continued = tally.continued.saturating_add(1),
            }
        }
        rows
    }

    /// The history is over.
    pub(super) fn end(&mut self, covered_ms: u64) {
        for tally in self.tallies.values_mut().filter(|tally| tally.open_at_end) {
            tally.ends(covered_ms);
        }
    }

    /// What each identity that told anything did.
    pub(super) fn tallies(&self) -> &BTreeMap<Identity, Tally> {
        &self.tallies
    }

    /// The machine.
    pub(super) fn machine(&self) -> &Machine {
        &self.machine
    }

    /// How often codes fired that are told to people: those of the record only are on a page, and ask nobody to act.
    pub(super) fn alarms(&self) -> u64 {
        self.tallies
            .iter()
            .filter(|((code, _), _)| is_alarm(*code))
            .fold(0, |sum, (_, tally)| sum.saturating_add(tally.fired))
    }
}

/// Whether a code is told to people.
pub(super) fn is_alarm(code: u16) -> bool {
    entry(code).is_none_or(|known| known.urgency != Urgency::Record)
}

/// Whether a recording holds what a rule looks at: the agent's own health is in none.
pub(super) fn is_judged(rule: &Rule) -> bool {
    rule.quantity < Quantity::ReadingsDiscarded.number()
}
