//! What `--suggest` says: for people, for machines, and as lines for agent.toml.

use super::super::output::shown;
use super::held::{Held, count, time};
use super::propose::{ENOUGH_MS, Scale, Verdict};
use super::side::is_alarm;
use super::suggest::{Asked, Said, Watched, with_levels};
use super::summary::Rate;
use hansho::code::describe::{amount, unit_name};
use hansho::code::display;
use hansho::config::level_text;
use hansho::config::plan::BUILT_IN;
use serde::Serialize;

/// What is told of all.
#[derive(Clone, Copy)]
pub(super) struct Told<'t> {
    pub(super) held: &'t Held,
    pub(super) watched: &'t [Watched],
    pub(super) said: &'t [Said],
    pub(super) alarms: u64,
    pub(super) asked: Asked,
}

/// For machines.
#[derive(Serialize)]
pub(super) struct Object<'t> {
    record: &'static str,
    history: &'t Held,
    hosts: u64,
    alarms: u64,
    alarms_with_suggestions: u64,
    within_budget: Option<bool>,
    within_budget_with_suggestions: Option<bool>,
    codes: Vec<Line>,
    /// Ready for agent.toml; empty where nothing is suggested.
    agent_toml: String,
}

#[derive(Serialize)]
struct Line {
    code: u16,
    display: String,
    quantity: &'static str,
    /// In which levels and values are written here.
    unit: &'static str,
    known_ms: u64,
    p50: Option<u64>,
    p99: Option<u64>,
    max: Option<u64>,
    raise: Option<u64>,
    clear: Option<u64>,
    at_or_above_raise_ms: u64,
    fired: u64,
    verdict: &'static str,
    reason: String,
    suggested_raise: Option<u64>,
    suggested_clear: Option<u64>,
    fired_with_suggestion: Option<u64>,
}

impl Told<'_> {
    fn of_levels(&self) -> impl Iterator<Item = (&Watched, &Said, Scale)> {
        self.watched
            .iter()
            .zip(self.said)
            .filter_map(|(watched, said)| Some((watched, said, watched.scale?)))
    }

    /// Alarms as they would have been.
    fn alarms_with_suggestions(&self) -> u64 {
        self.of_levels()
            .filter(|(watched, ..)| is_alarm(watched.rule.code))
            .filter_map(|(watched, said, _)| Some((watched.fired, said.proposed?.1)))
            .fold(self.alarms, |sum, (before, after)| {
                sum.saturating_sub(before).saturating_add(after)
            })
    }

    fn rate(&self, alarms: u64) -> Rate {
        Rate {
            alarms,
            covered_ms: self.held.covered_ms,
        }
    }

    pub(super) fn object(&self) -> Object<'_> {
        let after = self.alarms_with_suggestions();
        let budget = self.asked.budget;
        Object {
            record: "suggestion",
            history: self.held,
            hosts: budget.hosts,
            alarms: self.alarms,
            alarms_with_suggestions: after,
            within_budget: budget.holds(self.rate(self.alarms)),
            within_budget_with_suggestions: budget.holds(self.rate(after)),
            codes: self
                .of_levels()
                .map(|(w, s, scale)| self.line(w, s, scale))
                .collect(),
            agent_toml: self.fragment(),
        }
    }

    fn line(&self, watched: &Watched, said: &Said, scale: Scale) -> Line {
        let rule = &watched.rule;
        Line {
            code: rule.code,
            display: display(rule.code, true).to_string(),
            quantity: rule.quantity().map_or("", |quantity| quantity.name()),
            unit: unit_name(scale.unit()),
            known_ms: watched.present_ms,
            p50: watched.seen.quantile(500),
            p99: watched.seen.quantile(990),
            max: watched.seen.greatest(),
            raise: watched.raise(),
            clear: scale.number(rule.clear),
            at_or_above_raise_ms: watched.beyond_ms,
            fired: watched.fired,
            verdict: verdict_name(said),
            reason: reason(watched, said, scale),
            suggested_raise: said.proposed.map(|(levels, _)| levels.raise),
            suggested_clear: said.proposed.map(|(levels, _)| levels.clear),
            fired_with_suggestion: said.proposed.map(|(_, fired)| fired),
        }
    }

    pub(super) fn words(&self) -> String {
        let mut out = String::new();
        for (watched, said, scale) in self.of_levels() {
            out.push_str(&of_rule(watched, said, scale));
        }
        out.push_str(
            "Times left (1004, 1005, 3001, 3002) and events have no level of this host: no suggestion for them.\n\n",
        );
        let after = self.alarms_with_suggestions();
        let budget = self.asked.budget;
        let against = |alarms| match budget.holds(self.rate(alarms)) {
            Some(true) => "within the budget",
            Some(false) => "beyond the budget",
            None => "over no time at all",
        };
        out.push_str(&format!(
            "Budget: {}.\nAlarms a day: {} by these rules, {}; {} with what is suggested, {}.\n",
            budget.words(),
            self.rate(self.alarms).words(),
            against(self.alarms),
            self.rate(after).words(),
            against(after)
        ));
        let fragment = self.fragment();
        if fragment.is_empty() {
            out.push_str("\nNothing is suggested.\n");
        } else {
            out.push_str("\nFor agent.toml (\"hansho replay --config FILE\" tries it beside the present one first):\n\n");
            out.push_str(&fragment);
        }
        out
    }

    /// `[[rule]]`s with what is suggested.
    fn fragment(&self) -> String {
        let mut out = String::new();
        for (watched, said, scale) in self.of_levels() {
            let rule = &watched.rule;
            let (Some((levels, fired)), Some(quantity)) = (said.proposed, rule.quantity()) else {
                continue;
            };
            let Some(new) = with_levels(rule, scale, levels) else {
                continue;
            };
            let text = |level| level_text(level, quantity);
            let space = if out.is_empty() { "" } else { "\n" };
            out.push_str(&format!(
                "{space}# {}: raise {} instead of {}; fired {} instead of {}\n",
                watched.headline(),
                text(new.raise),
                text(rule.raise),
                times(fired),
                watched.fired
            ));
            if watched.origin != BUILT_IN {
                out.push_str(&format!(
                    "# There is a [[rule]] for it at {}: change raise and clear there, for a code has one only.\n",
                    shown(&watched.origin)
                ));
            }
            out.push_str(&format!(
                "[[rule]]\ncode = {}\nraise = {}\nclear = {}\n",
                rule.code,
                text(new.raise),
                text(new.clear)
            ));
        }
        out
    }
}

fn verdict_name(said: &Said) -> &'static str {
    if said.facts.is_none() {
        return "absent";
    }
    match (&said.verdict, said.proposed) {
        (Verdict::TooShort, _) => "not_enough",
        (Verdict::Quieter(_), _) => "quieter",
        (Verdict::Sooner(_), _) => "sooner",
        (Verdict::Highest, _) => "highest",
        (Verdict::Fits | Verdict::NotFar | Verdict::WakesPeople | Verdict::Lowest, _) => "keep",
    }
}

/// The lines of one rule.
fn of_rule(watched: &Watched, said: &Said, scale: Scale) -> String {
    let rule = &watched.rule;
    let show = |value: Option<u64>| value.map_or("-".into(), |value| amount(value, scale.unit()));
    let mut out = format!("{}\n", watched.title());
    if said.facts.is_some() {
        out.push_str(&format!(
            "  seen     p50 {}, p99 {}, max {}, over {}; at or above the raise level of {} for {}; fired {}\n",
            show(watched.seen.quantile(500)),
            show(watched.seen.quantile(990)),
            show(watched.seen.greatest()),
            time(watched.seen.total_ms()),
            show(watched.raise()),
            time(watched.beyond_ms),
            times(watched.fired)
        ));
    }
    let what = match said.proposed {
        Some((levels, _)) => format!(
            "suggest  raise {} instead of {}, clear {} instead of {}: ",
            show(Some(levels.raise)),
            show(watched.raise()),
            show(Some(levels.clear)),
            show(scale.number(rule.clear))
        ),
        None if matches!(said.verdict, Verdict::TooShort) => "none     ".into(),
        None => "keep     ".into(),
    };
    out.push_str(&format!("  {what}{}\n\n", reason(watched, said, scale)));
    out
}

fn times(fired: u64) -> String {
    count(fired, "time", "times")
}

/// Why, in words.
fn reason(watched: &Watched, said: &Said, scale: Scale) -> String {
    let show = |value: u64| amount(value, scale.unit());
    let Some(facts) = said.facts else {
        return if watched.fallback_ms > 0 {
            "judged by its fallback, whose levels are built in".into()
        } else {
            "no reading had it for as long as its window".into()
        };
    };
    let (least, greatest) = facts.bounds();
    let seen = show(facts.greatest);
    match &said.verdict {
        Verdict::TooShort => format!(
            "not enough to suggest: {} of the {} that it takes (--anyway does without)",
            time(facts.present_ms),
            time(ENOUGH_MS)
        ),
        Verdict::Fits => "what it fired fits into the budget".into(),
        Verdict::NotFar => {
            format!("it never fired, and {seen} was seen, half of the level or more")
        }
        Verdict::WakesPeople => format!(
            "it never fired, and no more than {seen} was seen; but it wakes people: its level says where damage begins, not \
             what is unusual here"
        ),
        Verdict::Lowest => format!(
            "it never fired, and no more than {seen} was seen; below {} this code would say nothing",
            show(least)
        ),
        Verdict::Highest => format!(
            "it fires too often for the budget, and no level up to {} makes it quieter; above that it would say nothing: the host \
             needs something, not the level",
            show(greatest)
        ),
        Verdict::Quieter(_) => {
            let fired = said.proposed.map_or(0, |(_, fired)| fired);
            let share = match said.proposed {
                Some((levels, _)) if levels.raise > facts.greatest => "above all that was seen",
                Some((levels, _)) if levels.raise > facts.p999 => {
                    "above what was seen for 99.9% of the time"
                }
                Some(_) => "above what was seen for 99% of the time",
                None => "",
            };
            format!(
                "it is one of the loudest, and alarms go beyond the budget; this is {share}, and fired {} instead of {} \
                 when it was tried",
                times(fired),
                facts.fired
            )
        }
        Verdict::Sooner(_) => {
            let fired = said.proposed.map_or(0, |(_, fired)| fired);
            format!(
                "it never fired, and no more than {seen} was seen: a level between them tells sooner what is unusual here; it fired \
                 {} when it was tried",
                times(fired)
            )
        }
    }
}
