//! What was told in all, by one configuration or by two side by side, and what that is against the budget of a fleet.

use super::super::output::{shown, table};
use super::held::{Held, count, time};
use super::side::{Identity, Side, Tally};
use hansho::code::{Language, display, name};
use hansho::rule::{Quantity, Rule};
use serde::Serialize;
use std::collections::BTreeSet;

/// Alarms that one operator can see to in a day: the guide of ANSI/ISA-18.2 (one in ten minutes), "very likely acceptable".
pub(super) const ALARMS_A_DAY: u64 = 144;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The budget of one host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) hosts: u64,
}

/// How many alarms there were, as a rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) alarms: u64,
    pub(super) covered_ms: u64,
}

impl Rate {
    /// A day, in tenths, rounded to the nearest; `None` over no time.
    fn tenths_a_day(self) -> Option<u64> {
        let tenths = u128::from(self.alarms).saturating_mul(u128::from(DAY_MS) * 10);
        let covered = u128::from(self.covered_ms);
        let rate = tenths.saturating_add(covered / 2).checked_div(covered)?;
        Some(u64::try_from(rate).unwrap_or(u64::MAX))
    }

    pub(super) fn words(self) -> String {
        self.tenths_a_day()
            .map_or_else(|| "-".into(), |tenths| decimal(tenths, 1))
    }
}

impl Budget {
    /// Whether a rate stays within it: compared without rounding. Over no time there is no rate.
    pub(super) fn holds(self, rate: Rate) -> Option<bool> {
        (rate.covered_ms > 0).then(|| {
            let alarms = u128::from(rate.alarms)
                .saturating_mul(self.hosts.into())
                .saturating_mul(DAY_MS.into());
            alarms <= u128::from(ALARMS_A_DAY).saturating_mul(rate.covered_ms.into())
        })
    }

    /// Alarms of a host in so much time.
    pub(super) fn allowed(self, covered_ms: u64) -> u64 {
        let allowed = u128::from(ALARMS_A_DAY).saturating_mul(covered_ms.into());
        let of = u128::from(DAY_MS).saturating_mul(self.hosts.into());
        u64::try_from(allowed.checked_div(of).unwrap_or(0)).unwrap_or(u64::MAX)
    }

    /// Alarms a host and day, in thousandths.
    fn thousandths(self) -> u64 {
        ALARMS_A_DAY
            .saturating_mul(1000)
            .checked_div(self.hosts)
            .unwrap_or(0)
    }

    /// In words: what it is and how it comes about.
    pub(super) fn words(self) -> String {
        format!(
            "{} alarms a host and day: {ALARMS_A_DAY} an operator and day (guide of ISA-18.2), divided by {} {} (--hosts)",
            decimal(self.thousandths(), 3),
            self.hosts,
            if self.hosts == 1 { "host" } else { "hosts" }
        )
    }
}

/// `value` with so many decimals, without zeroes at the end.
fn decimal(value: u64, digits: u32) -> String {
    let scale = 10_u64.saturating_pow(digits);
    let whole = value.checked_div(scale).unwrap_or(0);
    let part = value.checked_rem(scale).unwrap_or(0);
    let width = usize::try_from(digits).unwrap_or(0);
    format!("{whole}.{part:0width$}")
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

/// Quantities of rules that no reading had.
#[derive(Debug, Default)]
pub(super) struct Absent {
    rules: Vec<Rule>,
    unseen: Vec<Quantity>,
}

impl Absent {
    /// Of the rules of these sides.
    pub(super) fn of(sides: &[&Side]) -> Self {
        let rules: Vec<Rule> = sides
            .iter()
            .flat_map(|side| side.machine().rules().rules())
            .filter(|rule| rule.enabled)
            .map(|rule| rule.to_rule())
            .collect();
        let mut unseen = Vec::new();
        for quantity in rules.iter().flat_map(quantities) {
            if !quantity.is_forecast()
                && quantity != Quantity::PageCacheDrop
                && !unseen.contains(&quantity)
            {
                unseen.push(quantity);
            }
        }
        Self { rules, unseen }
    }

    /// Looks at a reading.
    pub(super) fn take(&mut self, reading: &hansho::sample::Reading) {
        if !self.unseen.is_empty() {
            self.unseen
                .retain(|quantity| quantity.in_reading(reading).is_none());
        }
    }

    /// Their names.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.unseen.iter().map(|quantity| quantity.name()).collect()
    }

    /// Codes that could not be judged for want of them.
    pub(super) fn codes(&self) -> Vec<u16> {
        let is_unseen = |quantity: Option<Quantity>| {
            quantity.is_none_or(|quantity| self.unseen.contains(&quantity))
        };
        let codes: BTreeSet<u16> = self
            .rules
            .iter()
            .filter(|rule| {
                let fallback = rule.fallback.as_ref().map(|fallback| fallback.quantity);
                is_unseen(rule.quantity()) && is_unseen(fallback.and_then(Quantity::from_number))
            })
            .map(|rule| rule.code)
            .collect();
        codes.into_iter().collect()
    }

    /// In words; empty where nothing is absent.
    pub(super) fn words(&self) -> String {
        if self.unseen.is_empty() {
            return String::new();
        }
        let codes: Vec<String> = self
            .codes()
            .into_iter()
            .map(|code| display(code, true).to_string())
            .collect();
        let not_judged = if codes.is_empty() {
            String::new()
        } else {
            format!("; not judged for that: {}", codes.join(", "))
        };
        format!(
            "Absent in every reading: {}{not_judged}",
            self.names().join(", ")
        )
    }
}

/// What a rule looks at.
fn quantities(rule: &Rule) -> impl Iterator<Item = Quantity> {
    let fallback = rule.fallback.as_ref().map(|fallback| fallback.quantity);
    let gate = rule.gate.as_ref().map(|gate| gate.quantity);
    [Some(rule.quantity), fallback, gate]
        .into_iter()
        .flatten()
        .filter_map(Quantity::from_number)
}

/// What was told, as one object.
#[derive(Serialize)]
pub(super) struct Summary<'s> {
    record: &'static str,
    history: &'s Held,
    /// Quantities that no reading had, and the codes that were not judged for that.
    absent: Vec<&'static str>,
    not_judged: Vec<u16>,
    hosts: u64,
    /// Alarms a host and day.
    budget: f64,
    present: Total,
    proposed: Option<Total>,
    codes: Vec<Line>,
}

/// One configuration in all.
#[derive(Serialize)]
struct Total {
    configuration: String,
    alarms: u64,
    alarms_per_day: Option<f64>,
    within_budget: Option<bool>,
}

/// One identity.
#[derive(Serialize)]
struct Line {
    code: u16,
    subject: String,
    display: String,
    name: &'static str,
    counts_as_alarm: bool,
    present: Tally,
    proposed: Option<Tally>,
    difference: Option<Difference>,
}

/// Proposed less present.
#[derive(Serialize)]
struct Difference {
    fired: i64,
    firing_ms: i64,
}

fn difference(present: u64, proposed: u64) -> i64 {
    let signed = |value| i64::try_from(value).unwrap_or(i64::MAX);
    signed(proposed).saturating_sub(signed(present))
}

/// What a summary is made of.
#[derive(Clone, Copy)]
pub(super) struct Told<'t> {
    pub(super) held: &'t Held,
    pub(super) absent: &'t Absent,
    pub(super) budget: Budget,
    pub(super) present: &'t Side,
    pub(super) proposed: Option<&'t Side>,
}

impl<'t> Told<'t> {
    /// For machines.
    pub(super) fn summary(self) -> Summary<'t> {
        Summary {
            record: "summary",
            history: self.held,
            absent: self.absent.names(),
            not_judged: self.absent.codes(),
            hosts: self.budget.hosts,
            budget: thousandths(self.budget.thousandths()),
            present: self.total(self.present),
            proposed: self.proposed.map(|side| self.total(side)),
            codes: self.lines(),
        }
    }

    fn rate(self, side: &Side) -> Rate {
        Rate {
            alarms: side.alarms(),
            covered_ms: self.held.covered_ms,
        }
    }

    fn total(self, side: &Side) -> Total {
        let rate = self.rate(side);
        Total {
            configuration: side.origin.clone(),
            alarms: rate.alarms,
            alarms_per_day: rate
                .tenths_a_day()
                .map(|tenths| thousandths(tenths.saturating_mul(100))),
            within_budget: self.budget.holds(rate),
        }
    }

    fn lines(self) -> Vec<Line> {
        let of = |side: &Side, identity: &Identity| {
            side.tallies().get(identity).copied().unwrap_or_default()
        };
        let mut identities: BTreeSet<&Identity> = self.present.tallies().keys().collect();
        identities.extend(self.proposed.iter().flat_map(|side| side.tallies().keys()));
        identities
            .into_iter()
            .map(|identity| {
                let (code, subject) = identity;
                let present = of(self.present, identity);
                let proposed = self.proposed.map(|side| of(side, identity));
                Line {
                    code: *code,
                    subject: subject.clone(),
                    display: display(*code, true).to_string(),
                    name: name(*code, Language::En).unwrap_or("?"),
                    counts_as_alarm: super::side::is_alarm(*code),
                    present,
                    proposed,
                    difference: proposed.map(|proposed| Difference {
                        fired: difference(present.fired, proposed.fired),
                        firing_ms: difference(present.firing_ms, proposed.firing_ms),
                    }),
                }
            })
            .collect()
    }

    /// For people.
    pub(super) fn words(self) -> String {
        let lines = self.lines();
        let mut out = String::new();
        if lines.is_empty() {
            out.push_str("No code fired.\n");
        } else {
            out.push_str(&table(&self.rows(&lines)));
        }
        if let Some(proposed) = self.proposed {
            out.push_str(&format!(
                "present: {}; proposed: {}\n",
                shown(&self.present.origin),
                shown(&proposed.origin)
            ));
        }
        if lines.iter().any(|line| !line.counts_as_alarm) {
            out.push_str("* for the record only: told to nobody, and not counted as an alarm\n");
        }
        out.push('\n');
        out.push_str(&self.verdict());
        out
    }

    fn rows(self, lines: &[Line]) -> Vec<Vec<String>> {
        let mut head: Vec<&str> =
            vec!["code", "name", "by", "fired", "firing", "longest", "at end"];
        if self.proposed.is_none() {
            head.remove(2);
        }
        let mut rows = vec![head.into_iter().map(String::from).collect()];
        for line in lines {
            let subject = if line.subject.is_empty() { "" } else { " " };
            let mark = if line.counts_as_alarm { "" } else { "*" };
            let code = format!("{}{mark}", line.display);
            let what = format!("{}{subject}{}", line.name, shown(&line.subject));
            let Some(proposed) = &line.proposed else {
                let mut row = vec![code, what];
                row.extend(cells(&line.present));
                rows.push(row);
                continue;
            };
            let row = |code: &str, what: &str, by: &str, cells: Vec<String>| {
                let mut row = vec![code.into(), what.into(), by.into()];
                row.extend(cells);
                row
            };
            rows.push(row(&code, &what, "present", cells(&line.present)));
            rows.push(row("", "", "proposed", cells(proposed)));
            if let Some(difference) = &line.difference {
                let fired = match difference.fired {
                    0 => "0".into(),
                    fired => format!("{fired:+}"),
                };
                let cells = vec![fired, signed(difference.firing_ms)];
                rows.push(row("", "", "difference", cells));
            }
        }
        rows
    }

    /// Alarms a day, and whether that is within the budget, in plain sentences.
    fn verdict(self) -> String {
        let sentence = |side: &Side| {
            let rate = self.rate(side);
            let against = match self.budget.holds(rate) {
                Some(true) => "stay within the budget",
                Some(false) => "go beyond the budget",
                None => "cannot be held against the budget: no time is covered",
            };
            format!(
                "The {} thresholds {against}: {} in {} with readings, {} a day.\n",
                side.name,
                count(rate.alarms, "alarm", "alarms"),
                time(rate.covered_ms),
                rate.words()
            )
        };
        let mut out = format!("Budget: {}.\n", self.budget.words());
        out.push_str(&sentence(self.present));
        if let Some(side) = self.proposed {
            out.push_str(&sentence(side));
        }
        if self.held.covered_ms < DAY_MS {
            out.push_str("That is less than a day: a rate from it says little.\n");
        }
        out
    }
}

fn cells(tally: &Tally) -> Vec<String> {
    vec![
        tally.fired.to_string(),
        time(tally.firing_ms),
        time(tally.longest_ms),
        if tally.open_at_end { "open" } else { "" }.into(),
    ]
}

fn signed(millis: i64) -> String {
    if millis == 0 {
        return time(0);
    }
    let sign = if millis < 0 { '-' } else { '+' };
    format!("{sign}{}", time(millis.unsigned_abs()))
}

/// A number in thousandths as JSON has it.
fn thousandths(value: u64) -> f64 {
    // Beyond 2^32 thousandths nobody asks for the last digit.
    let value = u32::try_from(value).unwrap_or(u32::MAX);
    f64::from(value) / 1000.0
}
