//! Every input sequence up to a stated depth, against a model that keeps the whole history and finds each transition
//! from its definition (design §3), without a state of its own.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "test code"
)]

mod rule_support;

use hansho::clock::Uptime;
use hansho::rule::{
    Aggregate, Direction, Fallback, Gate, GateTest, Intervals, Kind, Quantity, Reason, Rule,
    RuleSet, Transition, TransitionKind, Window,
};
use rule_support::{
    Table, absolute, checkpoint, event_rule, level_rule, naive_window, set_of, step,
};

/// One symbol of the alphabet: time goes by, then a reading.
#[derive(Clone, Copy, Debug)]
struct Input {
    after_ms: u64,
    main: Option<u64>,
    fallback: Option<u64>,
    gate: bool,
    /// So many times in a row.
    times: usize,
}

const fn input(after_ms: u64, main: u64) -> Input {
    Input {
        after_ms,
        main: Some(main),
        fallback: None,
        gate: true,
        times: 1,
    }
}

const fn run(times: usize, after_ms: u64, main: u64) -> Input {
    Input {
        times,
        ..input(after_ms, main)
    }
}

const fn absent(after_ms: u64) -> Input {
    Input {
        main: None,
        ..input(after_ms, 0)
    }
}

const fn shut(after_ms: u64, main: u64) -> Input {
    Input {
        gate: false,
        ..input(after_ms, main)
    }
}

const fn instead(after_ms: u64, fallback: u64) -> Input {
    Input {
        fallback: Some(fallback),
        ..absent(after_ms)
    }
}

struct Case {
    rule: Rule,
    interval_ms: u64,
    alphabet: Vec<Input>,
    depth: usize,
}

const GATE: Quantity = Quantity::PressureCpuSome;
const SECOND: Quantity = Quantity::CpuIowait;

impl Case {
    fn intervals(&self) -> Intervals {
        let interval = u32::try_from(self.interval_ms).unwrap();
        let counter = self.rule.quantity().unwrap().is_counter();
        Intervals {
            // The one that does not apply would find a gap everywhere.
            sample_ms: if counter { 1 } else { interval },
            counters_ms: if counter { interval } else { 1 },
        }
    }

    fn table(&self, input: &Input) -> Table {
        let mut table = Table::default().with(GATE, if input.gate { 100 } else { 99 });
        if let Some(value) = input.main {
            table = table.with(self.rule.quantity().unwrap(), value);
        }
        if let Some(value) = input.fallback {
            table = table.with(SECOND, value);
        }
        table
    }
}

/// A reading that has a value.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at: u64,
    value: u64,
    fallback: bool,
    raised: bool,
    clear: bool,
    gate: bool,
    /// Readings between which timers start anew have different ones.
    segment: usize,
    /// As segment, but only a change of quantity starts a new one.
    source: usize,
}

fn levels(rule: &Rule, fallback: bool) -> (u64, u64) {
    let (raise, clear) = match rule.fallback {
        Some(second) if fallback => (second.raise, second.clear),
        _ => (rule.raise, rule.clear),
    };
    (raise.absolute.unwrap(), clear.absolute.unwrap_or(0))
}

/// A reading that has a value, before it is judged.
struct Raw {
    at: u64,
    value: u64,
    fallback: bool,
    gate: bool,
    segment: usize,
    source: usize,
}

fn raw(case: &Case, path: &[Input]) -> Vec<Raw> {
    let mut list: Vec<Raw> = Vec::new();
    let mut at = START_MS;
    for input in path
        .iter()
        .flat_map(|input| std::iter::repeat_n(input, input.times))
    {
        at += input.after_ms;
        let second = input.fallback.filter(|_| case.rule.fallback.is_some());
        let Some(value) = input.main.or(second) else {
            continue;
        };
        let fallback = input.main.is_none();
        let (segment, source) = list.last().map_or((0, 0), |before| {
            let changed = before.fallback != fallback;
            let gap = at - before.at > 2 * case.interval_ms;
            (
                before.segment + usize::from(changed || gap),
                before.source + usize::from(changed),
            )
        });
        list.push(Raw {
            at,
            value,
            fallback,
            gate: input.gate || case.rule.gate.is_none(),
            segment,
            source,
        });
    }
    list
}

/// The readings that are judged: of a rule with a window, those on which it is covered.
fn seen(case: &Case, path: &[Input]) -> Vec<Seen> {
    let above = case.rule.direction == Direction::Above;
    let raw = raw(case, path);
    let mut judged = Vec::new();
    for same in raw.chunk_by(|one, next| one.source == next.source) {
        let values: Vec<_> = same.iter().map(|one| (one.at, one.value)).collect();
        judged.extend(match case.rule.window.aggregate {
            Aggregate::Last => values.iter().map(|(_, value)| Some(*value)).collect(),
            _ => naive_window(&case.rule.window, Some(case.interval_ms), &values),
        });
    }
    let each = raw.iter().zip(judged);
    each.filter_map(|(one, value)| {
        let value = value?;
        let (raise, clear) = levels(&case.rule, one.fallback);
        let (raised, beyond_clear) = if above {
            (value >= raise, value <= clear)
        } else {
            (value <= raise, value >= clear)
        };
        Some(Seen {
            at: one.at,
            value,
            fallback: one.fallback,
            raised,
            // Where the levels meet, raised wins.
            clear: beyond_clear && !raised,
            gate: one.gate,
            segment: one.segment,
            source: one.source,
        })
    })
    .collect()
}

/// Where the next firing is, and where its pending began.
fn next_firing(rule: &Rule, seen: &[Seen], from: usize) -> Option<(usize, usize)> {
    (from..seen.len()).find_map(|fire| {
        if !(seen[fire].raised && seen[fire].gate) {
            return None;
        }
        if rule.kind == Kind::Event {
            return Some((fire, fire));
        }
        let start = (from..=fire).find(|start| {
            seen[*start].segment == seen[fire].segment
                && seen[*start].raised
                && seen[*start].gate
                && seen[*start..=fire].iter().all(|one| !one.clear)
        })?;
        (seen[fire].at - seen[start].at >= u64::from(rule.raise_after_ms)).then_some((start, fire))
    })
}

/// Where the episode that fired at `fire` ends, and where its clear or quiet time began.
fn next_end(rule: &Rule, seen: &[Seen], fire: usize, clear_ms: u64) -> Option<(usize, usize)> {
    (fire + 1..seen.len()).find_map(|end| {
        let quiet = |from: usize| match rule.kind {
            Kind::Level => from > fire && seen[from..=end].iter().all(|one| one.clear),
            Kind::Event => seen[from + 1..=end].iter().all(|one| !one.raised) && !seen[end].raised,
        };
        let start = (fire..=end)
            .find(|start| seen[*start].segment == seen[end].segment && quiet(*start))?;
        (seen[end].at - seen[start].at >= clear_ms).then_some((start, end))
    })
}

fn model(case: &Case, path: &[Input]) -> Vec<(u64, Transition)> {
    let rule = &case.rule;
    let seen = seen(case, path);
    let mut told: Vec<(u64, Transition)> = Vec::new();
    let (mut from, mut forgotten, mut episode) = (0, 0, 0);
    while let Some((start, fire)) = next_firing(rule, &seen, from) {
        episode += 1;
        let recent = told[forgotten..]
            .iter()
            .filter(|(at, one)| {
                one.kind != TransitionKind::Continued && seen[fire].at - at <= 30 * 60_000
            })
            .count();
        let flapping = recent + 1 >= 5;
        let clear_ms = u64::from(rule.clear_after_ms) * if flapping { 3 } else { 1 };
        let end = next_end(rule, &seen, fire, clear_ms);
        let entry = |kind, reason, since: usize, now: usize| {
            let (raise, clear) = levels(rule, seen[now].fallback);
            let judged = seen[start..=now].iter();
            let same = judged.filter(|one| one.source == seen[now].source);
            let values = same.map(|one| one.value);
            let worst = match (rule.kind, rule.direction) {
                (Kind::Level, Direction::Below) => values.min(),
                _ => values.max(),
            };
            let events = seen[fire..=now].iter().filter(|one| one.raised);
            let counts = rule.quantity() == Some(Quantity::OomKill);
            let events: u64 = events.map(|one| if counts { one.value } else { 1 }).sum();
            let transition = Transition {
                rule: 0,
                kind,
                reason,
                episode,
                since: Uptime::from_millis(seen[since].at),
                fired: Uptime::from_millis(seen[fire].at),
                value: Some(seen[now].value),
                total: None,
                level: match (kind, rule.kind) {
                    (TransitionKind::Resolved, Kind::Event) => None,
                    (TransitionKind::Resolved, Kind::Level) => Some(clear),
                    _ => Some(raise),
                },
                worst,
                count: match rule.kind {
                    Kind::Level => 1,
                    Kind::Event => u32::try_from(events).unwrap(),
                },
                fallback: seen[now].fallback,
            };
            (seen[now].at, transition)
        };
        let (why, why_not) = match rule.kind {
            Kind::Level => (Reason::Held, Reason::Cleared),
            Kind::Event => (Reason::Event, Reason::Quiet),
        };
        let why = if flapping { Reason::Flapping } else { why };
        told.push(entry(TransitionKind::Firing, why, start, fire));
        if rule.kind == Kind::Event {
            let until = end.map_or(seen.len(), |(_, end)| end);
            for again in (fire + 1..until).filter(|again| seen[*again].raised) {
                let last = told.last().unwrap().0;
                if seen[again].at - last >= 60_000 {
                    told.push(entry(
                        TransitionKind::Continued,
                        Reason::Repeated,
                        start,
                        again,
                    ));
                }
            }
        }
        let Some((quiet, end)) = end else { break };
        told.push(entry(TransitionKind::Resolved, why_not, quiet, end));
        from = end + 1;
        if flapping {
            forgotten = told.len();
        }
    }
    told
}

const START_MS: u64 = 1_000_000;

/// Gives one symbol to a set; says when it is over.
fn take(
    case: &Case,
    set: &mut RuleSet,
    mut at: u64,
    input: &Input,
    told: &mut Vec<(u64, Transition)>,
) -> u64 {
    let table = case.table(input);
    for _ in 0..input.times {
        at += input.after_ms;
        for transition in step(set, at, case.intervals(), &table) {
            told.push((at, transition));
        }
    }
    at
}

fn explore(
    case: &Case,
    set: &RuleSet,
    at: u64,
    path: &mut Vec<Input>,
    told: &mut Vec<(u64, Transition)>,
    leaves: &mut usize,
) {
    if path.len() == case.depth {
        *leaves += 1;
        assert_eq!(*told, model(case, path), "{path:#?}");
        return;
    }
    for input in &case.alphabet {
        let mut next = set.clone();
        let before = told.len();
        let at = take(case, &mut next, at, input, told);
        path.push(*input);
        explore(case, &next, at, path, told, leaves);
        path.pop();
        told.truncate(before);
    }
}

/// Every sequence of the case's depth; says what was told at least once, so that a case proves what it is there for.
fn check(case: &Case, must_occur: &[(TransitionKind, Reason)]) {
    let set = set_of(std::slice::from_ref(&case.rule));
    let mut leaves = 0;
    explore(
        case,
        &set,
        START_MS,
        &mut Vec::new(),
        &mut Vec::new(),
        &mut leaves,
    );
    let depth = u32::try_from(case.depth).unwrap();
    assert_eq!(leaves, case.alphabet.len().pow(depth));
    let mut missing = must_occur.to_vec();
    each_path(&case.alphabet, case.depth, &mut Vec::new(), &mut |path| {
        if !missing.is_empty() {
            let told = model(case, path);
            missing.retain(|wanted| {
                told.iter()
                    .all(|(_, one)| (one.kind, one.reason) != *wanted)
            });
        }
    });
    assert_eq!(missing, [], "never occurred");
}

fn each_path(
    alphabet: &[Input],
    depth: usize,
    path: &mut Vec<Input>,
    each: &mut dyn FnMut(&[Input]),
) {
    if path.len() == depth {
        each(path);
        return;
    }
    for input in alphabet {
        path.push(*input);
        each_path(alphabet, depth, path, each);
        path.pop();
    }
}

/// The same, shorter by `less`, with a restart (Checkpoint, new set, restore) before each place in turn.
fn check_restarts(case: &Case, less: usize) {
    let fresh = set_of(std::slice::from_ref(&case.rule));
    each_path(
        &case.alphabet,
        case.depth - less,
        &mut Vec::new(),
        &mut |path| {
            let expected = model(case, path);
            for restart in 0..path.len() {
                let mut set = fresh.clone();
                let mut at = START_MS;
                let mut told = Vec::new();
                for (place, input) in path.iter().enumerate() {
                    if place == restart {
                        let bytes = checkpoint(&set);
                        set = fresh.clone();
                        set.restore(&bytes, false, &mut |_, _, _| {
                            panic!("nothing was withdrawn")
                        })
                        .unwrap();
                    }
                    at = take(case, &mut set, at, input, &mut told);
                }
                assert_eq!(told, expected, "restart before {restart} of {path:#?}");
            }
        },
    );
}

fn gate() -> Option<Gate> {
    Some(Gate {
        quantity: GATE.number(),
        test: GateTest::Above,
        level: absolute(100),
    })
}

const FIRING: TransitionKind = TransitionKind::Firing;
const RESOLVED: TransitionKind = TransitionKind::Resolved;

/// 900 is exactly the raise level, 700 exactly the clear level, 800 between.
fn level_case() -> Case {
    let mut rule = level_rule(2001, Quantity::CpuBusy, absolute(900), absolute(700));
    rule.raise_after_ms = 2000;
    rule.clear_after_ms = 2000;
    rule.gate = gate();
    Case {
        rule,
        interval_ms: 1000,
        alphabet: vec![
            absent(1000),
            input(1000, 700),
            input(1000, 800),
            input(1000, 900),
            shut(1000, 900),
            // A gap.
            input(2001, 950),
            input(2001, 700),
        ],
        depth: 7,
    }
}

#[test]
fn level_rule_at_depth_7() {
    check(
        &level_case(),
        &[(FIRING, Reason::Held), (RESOLVED, Reason::Cleared)],
    );
}

#[test]
fn level_rule_restarted_anywhere() {
    check_restarts(&level_case(), 2);
}

/// Bad is low: 50 is the raise level, 80 the clear level.
fn below_case() -> Case {
    let mut rule = level_rule(4005, Quantity::CpuBusy, absolute(50), absolute(80));
    rule.direction = Direction::Below;
    rule.raise_after_ms = 1000;
    rule.clear_after_ms = 1000;
    Case {
        rule,
        interval_ms: 1000,
        alphabet: vec![
            absent(1000),
            input(1000, 80),
            input(1000, 60),
            input(1000, 50),
            input(2001, 40),
        ],
        depth: 7,
    }
}

#[test]
fn below_rule_at_depth_7() {
    check(
        &below_case(),
        &[(FIRING, Reason::Held), (RESOLVED, Reason::Cleared)],
    );
    check_restarts(&below_case(), 2);
}

#[test]
fn a_rule_without_times_acts_on_each_reading() {
    let rule = level_rule(2001, Quantity::CpuBusy, absolute(900), absolute(900));
    let case = Case {
        rule,
        interval_ms: 1000,
        alphabet: vec![absent(0), input(0, 900), input(1000, 899), input(5000, 900)],
        depth: 7,
    };
    check(
        &case,
        &[
            (FIRING, Reason::Held),
            (RESOLVED, Reason::Cleared),
            (FIRING, Reason::Flapping),
        ],
    );
}

/// Resolves after 70 s without; the interval of counters is 40 s, a gap more than 80 s.
fn event_case() -> Case {
    let mut rule = event_rule(1010, Quantity::OomKill, 1, 70_000);
    rule.gate = gate();
    Case {
        rule,
        interval_ms: 40_000,
        alphabet: vec![
            input(1000, 3),
            input(40_000, 1),
            shut(20_000, 2),
            input(1000, 0),
            input(40_000, 0),
            absent(40_000),
            input(80_001, 0),
        ],
        depth: 7,
    }
}

#[test]
fn event_rule_at_depth_7() {
    check(
        &event_case(),
        &[
            (FIRING, Reason::Event),
            (TransitionKind::Continued, Reason::Repeated),
            (RESOLVED, Reason::Quiet),
        ],
    );
}

#[test]
fn event_rule_restarted_anywhere() {
    check_restarts(&event_case(), 2);
}

fn fallback_case() -> Case {
    let mut rule = level_rule(2004, Quantity::PressureIoFull, absolute(300), absolute(100));
    rule.raise_after_ms = 1000;
    rule.clear_after_ms = 1000;
    rule.fallback = Some(Fallback {
        quantity: SECOND.number(),
        raise: absolute(400),
        clear: absolute(200),
    });
    let both = Input {
        fallback: Some(400),
        ..input(1000, 100)
    };
    Case {
        rule,
        interval_ms: 1000,
        alphabet: vec![
            absent(1000),
            both,
            input(1000, 300),
            instead(1000, 400),
            instead(1000, 300),
            instead(1000, 200),
        ],
        depth: 7,
    }
}

#[test]
fn fallback_rule_at_depth_7() {
    check(
        &fallback_case(),
        &[(FIRING, Reason::Held), (RESOLVED, Reason::Cleared)],
    );
    check_restarts(&fallback_case(), 2);
}

/// A mean over 4 s in buckets of 200 ms, which is also the interval: a gap is more than 400 ms, and 11 empty buckets are
/// more than half.
fn window_case() -> Case {
    let mut rule = level_rule(2001, Quantity::CpuBusy, absolute(900), absolute(500));
    rule.window = Window {
        aggregate: Aggregate::Mean,
        length_ms: 4000,
    };
    rule.raise_after_ms = 400;
    rule.clear_after_ms = 400;
    Case {
        rule,
        interval_ms: 200,
        alphabet: vec![
            run(21, 200, 1000),
            run(12, 200, 0),
            // Two in a row make a gap, and a restart may lie between them.
            absent(300),
            input(401, 1000),
            // Together with others just half, or more.
            input(2100, 1000),
            input(4000, 1000),
        ],
        depth: 6,
    }
}

#[test]
fn rule_with_a_window_at_depth_6() {
    check(
        &window_case(),
        &[(FIRING, Reason::Held), (RESOLVED, Reason::Cleared)],
    );
}

#[test]
fn rule_with_a_window_restarted_anywhere() {
    check_restarts(&window_case(), 2);
}

#[test]
fn flapping_level_rule_at_depth_11() {
    let mut rule = level_rule(2001, Quantity::CpuBusy, absolute(900), absolute(700));
    rule.clear_after_ms = 500;
    let case = Case {
        rule,
        interval_ms: 900_000,
        // 4 x 1 s + 2 x 898 s: some fifth transitions come exactly at the end of the span, some after it.
        alphabet: vec![input(1000, 900), input(1000, 700), input(898_000, 700)],
        depth: 11,
    };
    check(
        &case,
        &[(FIRING, Reason::Flapping), (RESOLVED, Reason::Cleared)],
    );
    check_restarts(&case, 3);
}

#[test]
fn flapping_event_rule_at_depth_10() {
    let case = Case {
        rule: event_rule(8004, Quantity::TickLate, 30_000, 500),
        interval_ms: 900_000,
        alphabet: vec![input(1000, 30_000), input(1000, 0), input(899_000, 0)],
        depth: 10,
    };
    check(
        &case,
        &[(FIRING, Reason::Flapping), (RESOLVED, Reason::Quiet)],
    );
}
