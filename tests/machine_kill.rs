//! A watcher that is killed between any two of its actions: what all its runs recorded together is the same story.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test that fails may panic"
)]

mod machine_support;

use hansho::frame::body::StopReason;
use hansho::machine::Input;
use hansho::rule::TransitionKind::{Firing, Resolved};
use hansho::rule::{Rule, TransitionKind};
use machine_support::*;
use std::collections::BTreeMap;

/// Length of the scenario.
const SECONDS: std::ops::Range<u64> = 1_000..1_105;
/// A restart takes this long.
const RESTART_S: u64 = 2;

/// A level and an event, both quick, so that the scenario is short.
fn quick() -> Vec<Rule> {
    let mut memory = rule(1002);
    memory.raise_after_ms = 3_000;
    memory.clear_after_ms = 4_000;
    let mut killed = rule(1010);
    killed.clear_after_ms = 10_000;
    vec![memory, killed]
}

/// Memory is full twice, longer than the rule's time and a restart; the out-of-memory killer strikes in the first.
fn scenario(second: u64) -> hansho::sample::Snapshot {
    let full = (1_010..1_030).contains(&second) || (1_055..1_075).contains(&second);
    let mut look = used(second * SECOND, if full { 980 } else { 300 });
    look.counters.oom_kill = Some(if second >= 1_015 { 3 } else { 2 });
    look
}

/// Runs the scenario, killed after each number of actions in `kills`, and started again with `rules(second)`.
fn story(kills: &[usize], rules_at: impl Fn(u64) -> Vec<Rule>) -> Collected {
    let mut kills = kills.iter().copied();
    let out = Collected {
        left: kills.next(),
        ..Collected::default()
    };
    let mut second = SECONDS.start;
    let mut of_run = rules_at(second);
    let mut run = Run::new(settings(), rules(of_run.clone()), second * SECOND);
    run.out.left = out.left;
    while second < SECONDS.end {
        let wanted = rules_at(second);
        // Killed, or started again in order because the configuration changed.
        if run.out.is_dead() || wanted != of_run {
            if run.out.is_dead() {
                second += RESTART_S;
                run.out.left = kills.next();
            }
            of_run = rules_at(second);
            run = Run::after(settings(), rules(of_run.clone()), second * SECOND, run.out);
            if run.out.is_dead() {
                continue;
            }
        }
        run.tick(scenario(second));
        second += 1;
    }
    run.out.left = None;
    run.input(
        SECONDS.end * SECOND,
        Input::Stop {
            reason: StopReason::Ordered,
        },
    );
    run.out
}

/// What each code told, in order: `(transition, episode)`.
fn by_code(out: &Collected) -> BTreeMap<u16, Vec<(TransitionKind, u32)>> {
    let mut codes: BTreeMap<u16, Vec<_>> = BTreeMap::new();
    for told in out.told() {
        codes
            .entry(told.code)
            .or_default()
            .push((told.kind, told.episode));
    }
    codes
}

/// Actions of the scenario without a kill.
fn actions(rules_at: impl Fn(u64) -> Vec<Rule>) -> usize {
    const MANY: usize = 1_000_000;
    let out = Collected {
        left: Some(MANY),
        ..Collected::default()
    };
    let first = rules_at(SECONDS.start);
    let mut run = Run::after(settings(), rules(first), SECONDS.start * SECOND, out);
    for second in SECONDS {
        run.tick(scenario(second));
    }
    MANY - run.out.left.unwrap()
}

fn check(out: &Collected, context: &str) {
    let codes = by_code(out);
    let twice = vec![(Firing, 1), (Resolved, 1), (Firing, 2), (Resolved, 2)];
    assert_eq!(codes.get(&1002), Some(&twice), "1002, {context}");
    let once = vec![(Firing, 1), (Resolved, 1)];
    assert_eq!(codes.get(&1010), Some(&once), "1010, {context}");
    // What State says open is what the alerts before it left open.
    let mut open = std::collections::BTreeSet::new();
    for frame in out.alert_frames() {
        match hansho::frame::body::decode(frame).unwrap().1 {
            hansho::frame::Body::Alert(alert) => {
                match hansho::frame::body::transition_from_u8(alert.transition).unwrap() {
                    Firing => assert!(open.insert(alert.code), "{context}"),
                    Resolved => assert!(open.remove(&alert.code), "{context}"),
                    TransitionKind::Continued => {}
                }
            }
            hansho::frame::Body::State(state) => {
                let said: std::collections::BTreeSet<u16> = hansho::frame::body::elements::<
                    hansho::frame::body::OpenRecord<'_>,
                >(state.open)
                .map(|record| record.unwrap().code)
                .collect();
                assert_eq!(said, open, "{context}");
            }
            _ => {}
        }
    }
    assert!(open.is_empty(), "{context}");
}

#[test]
fn killed_after_any_action_the_story_is_the_same() {
    let actions = actions(|_| quick());
    assert!(actions > 100, "{actions}");
    check(&story(&[], |_| quick()), "no kill");
    for first in 1..=actions {
        check(
            &story(&[first], |_| quick()),
            &format!("killed after {first}"),
        );
    }
}

#[test]
fn killed_again_while_starting_the_story_is_the_same() {
    for first in 1..=actions(|_| quick()) {
        for second in [1, 2, 3, 4, 5, 6, 9] {
            let kills = [first, second];
            check(
                &story(&kills, |_| quick()),
                &format!("killed after {kills:?}"),
            );
        }
    }
}

/// The rule of an open alert is taken away: it is resolved once, wherever the runs around it are killed.
#[test]
fn a_rule_that_goes_while_firing_is_resolved_once() {
    let changing = |second: u64| {
        let mut rules = quick();
        if second >= 1_028 {
            rules.retain(|rule| rule.code != 1002);
        }
        rules
    };
    let disabling = |second: u64| {
        let mut rules = quick();
        if second >= 1_028 {
            for rule in &mut rules {
                rule.enabled &= rule.code != 1002;
            }
        }
        rules
    };
    for first in 1..=actions(|_| quick()) {
        for second in [None, Some(1), Some(2), Some(3), Some(4), Some(5)] {
            let kills: Vec<_> = [Some(first), second].into_iter().flatten().collect();
            for (name, out) in [
                ("gone", story(&kills, changing)),
                ("disabled", story(&kills, disabling)),
            ] {
                let told = by_code(&out);
                let memory = told.get(&1002).cloned().unwrap_or_default();
                assert_eq!(
                    memory,
                    [(Firing, 1), (Resolved, 1)],
                    "{name}, killed after {kills:?}"
                );
                let reasons: Vec<_> = out
                    .told()
                    .into_iter()
                    .filter(|told| told.code == 1002)
                    .map(|told| told.reason)
                    .collect();
                assert_eq!(reasons, ["held", "withdrawn"], "{kills:?}");
            }
        }
    }
}

/// This test can fail: a watcher that wrote the Checkpoint before the alert would lose one.
#[test]
fn the_other_order_would_lose_an_alert() {
    let mut out = story(&[], |_| quick());
    let place = out
        .frames
        .iter()
        .position(|(_, frame)| {
            matches!(
                hansho::frame::body::decode(frame).unwrap().1,
                hansho::frame::Body::Alert(_)
            )
        })
        .unwrap();
    out.frames.remove(place);
    let failed = std::panic::catch_unwind(|| check(&out, "an alert is missing"));
    let Err(why) = failed else {
        panic!("it was not noticed");
    };
    drop(why);
}
