//! `hansho replay --suggest`: levels for this host, by its own history, each with its reason. Nothing is written anywhere.
//!
//! The history is played twice: once to see how values are spread and how often each rule fires, and once more with the levels
//! that come into question, so that what is said of a proposal was tried and not guessed.

use super::super::exit::{Exit, Stop};
use super::super::output::{Output, shown};
use super::distribution::Distribution;
use super::held::{Held, time};
use super::propose::{ENOUGH_MS, Facts, Levels, Scale, Verdict, is_time_left};
use super::side::{Side, is_alarm};
use super::source::{Item, Source};
use super::summary::{Budget, Rate};
use hansho::clock::Uptime;
use hansho::code::describe::amount;
use hansho::code::{Language, Urgency, builtin_rules, display, entry, name};
use hansho::config::plan::{BUILT_IN, EffectiveRule};
use hansho::config::{Plan, level_text};
use hansho::limit::{GAP_INTERVALS, RULES, WINDOWS};
use hansho::rule::{Aggregate, Kind, Rule, Subject};
use serde::Serialize;
use std::collections::BTreeMap;

/// One rule and what was seen of it.
struct Watched {
    rule: Rule,
    origin: String,
    /// `None` for what has no level of the host: events, and times left.
    scale: Option<Scale>,
    seen: Distribution,
    /// For how long it stood at or beyond the raise level.
    beyond_ms: u64,
    /// For how long the quantity was there, and the fallback in its place.
    present_ms: u64,
    fallback_ms: u64,
    last: Option<Uptime>,
    fired: u64,
}

/// What is said of one rule.
struct Said {
    verdict: Verdict,
    facts: Option<Facts>,
    /// What is proposed, and how often it fired in the second playing.
    proposed: Option<(Levels, u64)>,
}

/// How the history is judged.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) budget: Budget,
    pub(super) anyway: bool,
    pub(super) json: bool,
}

/// Plays the history twice and says what it suggests; `open` opens it.
pub(super) fn suggest(
    plan: &Plan,
    asked: Asked,
    open: &dyn Fn() -> Result<Source, Stop>,
    out: &mut Output,
) -> Result<Exit, Stop> {
    let mut source = open()?;
    let (watched, held) = watch(plan, &mut source)?;
    super::warn(&source, &held);
    if held.readings == 0 {
        return Err(super::nothing(&source));
    }
    let alarms: u64 = watched
        .iter()
        .filter(|watched| is_alarm(watched.rule.code))
        .fold(0, |sum, watched| sum.saturating_add(watched.fired));
    let (loud, allowed) = loudest(&watched, alarms, asked.budget, &held);
    let mut said: Vec<Said> = watched
        .iter()
        .map(|one| judge(one, &watched, loud.contains(&one.rule.code), asked.anyway))
        .collect();
    let candidates = candidates(&said);
    if !candidates.is_empty() {
        let counts = try_out(plan, &watched, &candidates, &mut open()?)?;
        for (place, said) in said.iter_mut().enumerate() {
            settle(said, place, &candidates, &counts, allowed);
        }
    }
    let told = Told {
        held: &held,
        watched: &watched,
        said: &said,
        alarms,
        asked,
    };
    if asked.json {
        out.json(&told.object())?;
    } else {
        out.text(&super::span(&source, &held))?;
        out.text(&told.words())?;
    }
    Ok(Exit::Done)
}

/// The first playing.
fn watch(plan: &Plan, source: &mut Source) -> Result<(Vec<Watched>, Held), Stop> {
    let mut side = Side::new("present", String::new(), plan)?;
    let mut watched: Vec<Watched> = side
        .machine()
        .rules()
        .rules()
        .iter()
        .filter(|rule| rule.enabled)
        .map(|rule| Watched::new(rule, plan))
        .collect();
    let counters_ms = plan.sample.counters_interval_ms;
    let mut held = Held::default();
    while let Some(item) = source.next()? {
        let elapsed_ms = held.take(&item);
        side.take(&item, held.covered_ms);
        // Phases are those of the enabled rules, in their order.
        for (watched, phase) in watched.iter_mut().zip(side.machine().rules().phases()) {
            if watched.scale.is_none() {
                continue;
            }
            watched.presence(&item, elapsed_ms, counters_ms, phase.fallback);
            let value = phase.value.filter(|_| !phase.unknown && !phase.fallback);
            if let Some(value) = value {
                watched.take(&item, value, elapsed_ms);
            }
        }
    }
    side.end(held.covered_ms);
    for watched in &mut watched {
        let identity = (watched.rule.code, watched.rule.subject.as_str().to_owned());
        watched.fired = side.tallies().get(&identity).map_or(0, |tally| tally.fired);
    }
    Ok((watched, held))
}

impl Watched {
    fn new(rule: &Rule, plan: &Plan) -> Self {
        let is_this = |effective: &&EffectiveRule| {
            effective.rule.code == rule.code && effective.rule.subject == rule.subject
        };
        let origin = plan.rules.iter().find(is_this);
        let has_level = rule.kind == Kind::Level && !is_time_left(rule);
        Self {
            rule: rule.clone(),
            origin: origin.map_or_else(|| BUILT_IN.into(), |effective| effective.origin.clone()),
            scale: Scale::of(rule).filter(|_| has_level),
            seen: Distribution::default(),
            beyond_ms: 0,
            present_ms: 0,
            fallback_ms: 0,
            last: None,
            fired: 0,
        }
    }

    /// Counts for how long the quantity was there: a counter is read more rarely than it is judged.
    fn presence(&mut self, item: &Item, elapsed_ms: u64, counters_ms: u32, is_fallback: bool) {
        let Some(quantity) = self.rule.quantity() else {
            return;
        };
        let interval_ms = if quantity.is_counter() {
            counters_ms.max(item.interval_ms)
        } else {
            item.interval_ms
        };
        let now = item.reading.uptime;
        if quantity.in_reading(&item.reading).is_some() {
            self.last = Some(now);
        }
        let most = u64::from(interval_ms).saturating_mul(GAP_INTERVALS.into());
        if self
            .last
            .is_some_and(|last| last <= now && now.since(last) <= most)
        {
            self.present_ms = self.present_ms.saturating_add(elapsed_ms);
        } else if is_fallback {
            self.fallback_ms = self.fallback_ms.saturating_add(elapsed_ms);
        }
    }

    fn take(&mut self, item: &Item, value: u64, elapsed_ms: u64) {
        let number = match self.scale {
            Some(Scale::Share) => {
                let known = self
                    .rule
                    .quantity()
                    .and_then(|q| q.in_reading(&item.reading));
                let share = |total: u64| {
                    let share = u128::from(value).saturating_mul(1000);
                    share.checked_div(total.into())
                };
                let share = known.and_then(|value| value.total).and_then(share);
                share.map(|share| u64::try_from(share).unwrap_or(u64::MAX))
            }
            Some(Scale::Unit(_)) => Some(value),
            None => None,
        };
        let Some(number) = number else { return };
        self.seen.take(number, elapsed_ms);
        if self.raise().is_some_and(|raise| number >= raise) {
            self.beyond_ms = self.beyond_ms.saturating_add(elapsed_ms);
        }
    }

    fn raise(&self) -> Option<u64> {
        self.scale?.number(self.rule.raise)
    }

    fn title(&self) -> String {
        let quantity = self.rule.quantity().map_or("", |quantity| quantity.name());
        let over = match self.rule.window.aggregate {
            Aggregate::Last => return format!("{}, {quantity}", self.headline()),
            Aggregate::Mean => "mean",
            Aggregate::Minimum => "minimum",
            Aggregate::Maximum => "maximum",
        };
        format!(
            "{}, {over} of {quantity} over {}",
            self.headline(),
            time(self.rule.window.length_ms.into())
        )
    }

    fn headline(&self) -> String {
        format!(
            "{} {}",
            display(self.rule.code, true),
            name(self.rule.code, Language::En).unwrap_or("?")
        )
    }
}

/// The codes that are to be made quieter, the loudest first until the others are within the budget; and how often each of them may
/// fire then.
fn loudest(watched: &[Watched], alarms: u64, budget: Budget, held: &Held) -> (Vec<u16>, u64) {
    let allowed = budget.allowed(held.covered_ms);
    let mut by_count: Vec<&Watched> = watched
        .iter()
        .filter(|one| one.scale.is_some() && one.fired > 0 && is_alarm(one.rule.code))
        .collect();
    by_count.sort_by_key(|one| core::cmp::Reverse(one.fired));
    let mut left = alarms;
    let mut loud = Vec::new();
    for one in by_count {
        if left <= allowed {
            break;
        }
        left = left.saturating_sub(one.fired);
        loud.push(one.rule.code);
    }
    let count = u64::try_from(loud.len()).unwrap_or(u64::MAX);
    let share = allowed.saturating_sub(left).checked_div(count).unwrap_or(0);
    (loud, share)
}

fn judge(one: &Watched, all: &[Watched], is_loud: bool, anyway: bool) -> Said {
    let facts = facts(one, all, is_loud, anyway);
    Said {
        verdict: facts.map_or(Verdict::TooShort, |facts| facts.verdict()),
        facts,
        proposed: None,
    }
}

/// What is known of a rule; `None` where nothing was seen of it.
fn facts(one: &Watched, all: &[Watched], is_loud: bool, anyway: bool) -> Option<Facts> {
    let scale = one.scale?;
    let raise = one.raise()?;
    let rule = &one.rule;
    let built_in = builtin_rules()
        .iter()
        .find(|known| known.code == rule.code && known.subject == rule.subject)
        .and_then(|known| scale.number(known.raise));
    let takes_over = all
        .iter()
        .filter(|other| other.rule.quantity == rule.quantity && other.scale == one.scale)
        .filter(|other| outranks(other.rule.code, rule.code))
        .filter_map(Watched::raise)
        .min();
    Some(Facts {
        scale,
        present: Levels {
            raise,
            clear: scale.number(rule.clear)?,
        },
        built_in: built_in.unwrap_or(raise),
        takes_over,
        wakes_people: entry(rule.code).is_none_or(|known| known.urgency == Urgency::Now),
        is_loud,
        fired: one.fired,
        p50: one.seen.quantile(500)?,
        p99: one.seen.quantile(990)?,
        p999: one.seen.quantile(999)?,
        greatest: one.seen.greatest()?,
        present_ms: one.present_ms,
        anyway,
    })
}

/// Whether a code takes over from another one of its family.
fn outranks(code: u16, other: u16) -> bool {
    let family = |code| entry(code).and_then(|known| known.family);
    match (family(code), family(other)) {
        (Some((family, rank)), Some((of_other, below))) => family == of_other && rank > below,
        _ => false,
    }
}

/// A level to try: of which rule, by its place, and what.
type Candidate = (usize, Levels);

/// All levels that come into question: as many as one machine can judge at once.
fn candidates(said: &[Said]) -> Vec<Candidate> {
    let mut all = Vec::new();
    for (place, said) in said.iter().enumerate() {
        match &said.verdict {
            Verdict::Quieter(levels) => all.extend(levels.iter().map(|levels| (place, *levels))),
            Verdict::Sooner(levels) => all.push((place, *levels)),
            _ => {}
        }
    }
    if all.len() > WINDOWS.min(RULES) {
        // The first and the last of each do.
        let ends: Vec<Candidate> = all
            .iter()
            .enumerate()
            .filter(|(at, (place, _))| {
                let neighbour = |at: Option<usize>| at.and_then(|at| all.get(at));
                let before = neighbour(at.checked_sub(1));
                let after = neighbour(at.checked_add(1));
                ![before, after]
                    .into_iter()
                    .all(|other| other.is_some_and(|(of, _)| of == place))
            })
            .map(|(_, candidate)| *candidate)
            .collect();
        all = ends;
        all.truncate(WINDOWS.min(RULES));
    }
    all
}

/// The second playing: how often each candidate fires.
fn try_out(
    plan: &Plan,
    watched: &[Watched],
    candidates: &[Candidate],
    source: &mut Source,
) -> Result<Vec<u64>, Stop> {
    let mut rules = heapless::Vec::new();
    for (number, (place, levels)) in candidates.iter().enumerate() {
        let Some(rule) = watched
            .get(*place)
            .and_then(|one| with_levels(&one.rule, one.scale?, *levels))
        else {
            continue;
        };
        // Each is an identity of its own.
        let subject = Subject::try_from(number.to_string().as_str()).unwrap_or_default();
        let pushed = rules.push(Rule { subject, ..rule });
        if pushed.is_err() {
            return Err(Stop::failed(
                Exit::Internal,
                "more levels to try than rules",
            ));
        }
    }
    let mut side = Side::of_rules("proposed", String::new(), plan, rules)?;
    let mut held = Held::default();
    while let Some(item) = source.next()? {
        held.take(&item);
        side.take(&item, held.covered_ms);
    }
    let by_number: BTreeMap<&str, u64> = side
        .tallies()
        .iter()
        .map(|((_, subject), tally)| (subject.as_str(), tally.fired))
        .collect();
    Ok((0..candidates.len())
        .map(|number| {
            by_number
                .get(number.to_string().as_str())
                .copied()
                .unwrap_or(0)
        })
        .collect())
}

fn with_levels(rule: &Rule, scale: Scale, levels: Levels) -> Option<Rule> {
    Some(Rule {
        raise: scale.with(rule.raise, levels.raise),
        clear: scale.with(rule.clear, levels.clear),
        ..rule.clone()
    })
}

/// Takes the least level that is quiet enough; where none is, the quietest, if it is any quieter.
fn settle(said: &mut Said, place: usize, candidates: &[Candidate], counts: &[u64], allowed: u64) {
    let tried: Vec<(Levels, u64)> = candidates
        .iter()
        .zip(counts)
        .filter(|((of, _), _)| *of == place)
        .map(|((_, levels), fired)| (*levels, *fired))
        .collect();
    let before = said.facts.map_or(0, |facts| facts.fired);
    said.proposed = match said.verdict {
        Verdict::Quieter(_) => tried
            .iter()
            .find(|(_, fired)| *fired <= allowed)
            .or_else(|| tried.iter().min_by_key(|(_, fired)| *fired))
            .filter(|(_, fired)| *fired < before)
            .copied(),
        _ => tried.first().copied(),
    };
    if said.proposed.is_none() && matches!(said.verdict, Verdict::Quieter(_)) {
        said.verdict = Verdict::Highest;
    }
}

/// What is told of all.
#[derive(Clone, Copy)]
struct Told<'t> {
    held: &'t Held,
    watched: &'t [Watched],
    said: &'t [Said],
    alarms: u64,
    asked: Asked,
}

/// For machines.
#[derive(Serialize)]
struct Object<'t> {
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

    fn object(&self) -> Object<'_> {
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
            unit: hansho::code::describe::unit_name(scale.unit()),
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

    fn words(&self) -> String {
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
                "{space}# {}: raise {} instead of {}; fired {} times instead of {}\n",
                watched.headline(),
                text(new.raise),
                text(rule.raise),
                fired,
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
            "  seen     p50 {}, p99 {}, max {}, over {}; at or above the raise level of {} for {}; fired {} times\n",
            show(watched.seen.quantile(500)),
            show(watched.seen.quantile(990)),
            show(watched.seen.greatest()),
            time(watched.seen.total_ms()),
            show(watched.raise()),
            time(watched.beyond_ms),
            watched.fired
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
        Verdict::Fits => "what fired is within the budget".into(),
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
                "it is one of the loudest, and alarms go beyond the budget; this is {share}, and fired {fired} times instead of {} \
                 when it was tried",
                facts.fired
            )
        }
        Verdict::Sooner(_) => {
            let fired = said.proposed.map_or(0, |(_, fired)| fired);
            format!(
                "it never fired, and no more than {seen} was seen: a level between them tells sooner what is unusual here; it fired \
                 {fired} times when it was tried"
            )
        }
    }
}
