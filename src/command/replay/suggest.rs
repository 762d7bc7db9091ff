//! `hansho replay --suggest`: levels for this host, by its own history, each with its reason. Nothing is written anywhere.
//!
//! The history is played twice: once to see how values are spread and how often each rule fires, and once more with the levels
//! that come into question, so that what is said of a proposal was tried and not guessed.

use super::super::exit::{Exit, Stop};
use super::super::output::Output;
use super::distribution::Distribution;
use super::held::{Held, time};
use super::propose::{Facts, Levels, Scale, Verdict, is_time_left};
use super::side::{Side, is_alarm};
use super::source::{Item, Source};
use super::suggestion::Told;
use super::summary::Budget;
use hansho::clock::Uptime;
use hansho::code::{Language, Urgency, builtin_rules, display, entry, name};
use hansho::config::Plan;
use hansho::config::plan::{BUILT_IN, EffectiveRule};
use hansho::limit::{GAP_INTERVALS, RULES, WINDOWS};
use hansho::rule::{Aggregate, Kind, Rule, Subject};
use std::collections::BTreeMap;

/// One rule and what was seen of it.
pub(super) struct Watched {
    pub(super) rule: Rule,
    pub(super) origin: String,
    /// `None` for what has no level of the host: events, and times left.
    pub(super) scale: Option<Scale>,
    pub(super) seen: Distribution,
    /// For how long it stood at or beyond the raise level.
    pub(super) beyond_ms: u64,
    /// For how long the quantity was there, and the fallback in its place.
    pub(super) present_ms: u64,
    pub(super) fallback_ms: u64,
    last: Option<Uptime>,
    pub(super) fired: u64,
}

/// What is said of one rule.
pub(super) struct Said {
    pub(super) verdict: Verdict,
    pub(super) facts: Option<Facts>,
    /// What is proposed, and how often it fired in the second playing.
    pub(super) proposed: Option<(Levels, u64)>,
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
        .filter(|rule| rule.enabled)
        .map(|rule| Watched::new(rule.to_rule(), plan))
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
    fn new(rule: Rule, plan: &Plan) -> Self {
        let is_this = |effective: &&EffectiveRule| {
            effective.rule.code == rule.code && effective.rule.subject == rule.subject
        };
        let origin = plan.rules.iter().find(is_this);
        let has_level = rule.kind == Kind::Level && !is_time_left(&rule);
        Self {
            origin: origin.map_or_else(|| BUILT_IN.into(), |effective| effective.origin.clone()),
            scale: Scale::of(&rule).filter(|_| has_level),
            rule,
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

    pub(super) fn raise(&self) -> Option<u64> {
        self.scale?.number(self.rule.raise)
    }

    pub(super) fn title(&self) -> String {
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

    pub(super) fn headline(&self) -> String {
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

pub(super) fn with_levels(rule: &Rule, scale: Scale, levels: Levels) -> Option<Rule> {
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
