//! Rule state over restarts: its size, what a changed configuration takes over, reboots, and recorded transitions.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "test code"
)]

mod rule_support;

use hansho::clock::Uptime;
use hansho::limit::BLOCK_PAYLOAD_BYTES;
use hansho::rule::{
    Aggregate, CheckpointFault, Intervals, Phase, Quantity, Reason, RecordedTransition, Rule,
    RuleSet, Subject, Transition, TransitionKind, Window,
};
use rule_support::{
    Table, absolute, checkpoint, event_rule, kinds, level_rule, per_cent, set_of, step,
};

const EACH_SECOND: Intervals = Intervals {
    sample_ms: 1000,
    counters_ms: 5000,
};
const FIRING: TransitionKind = TransitionKind::Firing;
const RESOLVED: TransitionKind = TransitionKind::Resolved;

const fn mean(length_ms: u32) -> Window {
    Window {
        aggregate: Aggregate::Mean,
        length_ms,
    }
}

/// As many rules and windows as the built-in ones: 25 and 9, of 1 to 20 minutes.
#[test]
fn built_in_rules_fit_into_one_block() {
    let mut rules = Vec::new();
    for code in 0..25 {
        let quantity = match code % 3 {
            0 => Quantity::PressureCpuSome,
            1 => Quantity::CpuBusy,
            _ => Quantity::MemoryUsed,
        };
        let mut rule = level_rule(1000 + code, quantity, absolute(900), absolute(750));
        rule.raise_after_ms = 600_000;
        rule.clear_after_ms = 600_000;
        if code < 9 {
            rule.window = mean([60_000, 300_000, 600_000, 1_200_000][usize::from(code % 4)]);
        }
        rules.push(rule);
    }
    let mut set = set_of(&rules);
    // A loaded hour, a year after boot: everything fires, every bucket of every window is full.
    let boot = 31_536_000_000;
    for second in 0..3600 {
        let table = Table::default()
            .with(Quantity::PressureCpuSome, 950 + second % 50)
            .with(Quantity::CpuBusy, 1000 - second % 50)
            .with_total(Quantity::MemoryUsed, 60 << 20, 64 << 20);
        step(&mut set, boot + second * 1000, EACH_SECOND, &table);
    }
    assert_eq!(set.open_alerts().count(), 25);
    let bytes = checkpoint(&set).len();
    assert!(bytes <= BLOCK_PAYLOAD_BYTES - 100, "{bytes}");
}

fn busy_rule() -> Rule {
    let mut rule = level_rule(2001, Quantity::CpuBusy, absolute(900), absolute(700));
    rule.raise_after_ms = 10_000;
    rule.clear_after_ms = 10_000;
    rule
}

fn busy(permille: u64) -> Table {
    Table::default().with(Quantity::CpuBusy, permille)
}

fn told(
    set: &mut RuleSet,
    seconds: std::ops::Range<u64>,
    permille: u64,
) -> Vec<(u64, TransitionKind)> {
    let mut told = Vec::new();
    for second in seconds {
        for one in step(set, second * 1000, EACH_SECOND, &busy(permille)) {
            told.push((second, one.kind));
        }
    }
    told
}

fn restored(rules: &[Rule], bytes: &[u8], boot_changed: bool) -> (RuleSet, Vec<(u16, Transition)>) {
    let mut set = set_of(rules);
    let mut withdrawn = Vec::new();
    set.restore(bytes, boot_changed, &mut |code, _, transition| {
        withdrawn.push((code, *transition));
    })
    .unwrap();
    (set, withdrawn)
}

#[test]
fn new_levels_act_from_now_on_and_timers_run_on() {
    let mut set = set_of(&[busy_rule()]);
    assert_eq!(told(&mut set, 100..106, 950), []);
    let mut changed = busy_rule();
    changed.raise = absolute(960);
    let (mut set, _) = restored(&[changed], &checkpoint(&set), false);
    assert_eq!(told(&mut set, 106..120, 950), []);
    assert_eq!(told(&mut set, 120..121, 960), [(120, FIRING)]);
    assert_eq!(
        set.open_alerts().next().unwrap().since,
        Uptime::from_millis(100_000)
    );
}

#[test]
fn another_quantity_or_window_starts_timers_anew_and_keeps_the_alert() {
    let mut set = set_of(&[busy_rule()]);
    told(&mut set, 100..106, 950);
    let mut windowed = busy_rule();
    windowed.window = mean(2000);
    let (set, _) = restored(&[windowed.clone()], &checkpoint(&set), false);
    assert_eq!(set.phases().next().unwrap().phase, Phase::Inactive);

    let mut set = set_of(&[busy_rule()]);
    told(&mut set, 100..111, 950);
    assert_eq!(told(&mut set, 111..116, 0), []);
    let (mut set, withdrawn) = restored(&[windowed], &checkpoint(&set), false);
    assert_eq!(withdrawn, []);
    assert_eq!(set.open_alerts().count(), 1);
    // Covered 1.9 s after the first value, then clear for ten seconds.
    assert_eq!(told(&mut set, 116..140, 0), [(128, RESOLVED)]);
}

#[test]
fn windows_survive_a_restart_and_a_gap_of_less_than_half() {
    let mut rule = busy_rule();
    rule.window = mean(20_000);
    rule.raise_after_ms = 0;
    let mut set = set_of(std::slice::from_ref(&rule));
    assert_eq!(told(&mut set, 100..112, 950), []);
    let bytes = checkpoint(&set);
    let after = |second: u64| {
        let (mut set, _) = restored(std::slice::from_ref(&rule), &bytes, false);
        told(&mut set, second..160, 950)
    };
    // Covered 19 s after the first value, whether or not values stayed away meanwhile.
    assert_eq!(after(112), [(119, FIRING)]);
    assert_eq!(after(115), [(119, FIRING)]);
    // Values up to second 111 and from 122 on: ten of twenty seconds. From 123 on: nine.
    assert_eq!(after(122), [(122, FIRING)]);
    assert_eq!(after(123), [(142, FIRING)]);

    // The Checkpoint is written within the gap: the watcher runs, the value is absent.
    for second in 112..117 {
        step(&mut set, second * 1000, EACH_SECOND, &Table::default());
    }
    assert!(set.phases().next().unwrap().unknown);
    let (mut set, _) = restored(std::slice::from_ref(&rule), &checkpoint(&set), false);
    assert!(set.phases().next().unwrap().unknown);
    assert_eq!(told(&mut set, 118..130, 950), [(119, FIRING)]);

    // Another boot's values are nothing to this one.
    let (mut set, _) = restored(&[rule], &bytes, true);
    assert_eq!(told(&mut set, 113..150, 950), [(132, FIRING)]);
}

#[test]
fn open_alerts_of_rules_that_are_gone_or_disabled_are_withdrawn() {
    let other = Rule {
        code: 2002,
        ..busy_rule()
    };
    let mut set = set_of(&[busy_rule(), other.clone()]);
    told(&mut set, 100..120, 950);
    let bytes = checkpoint(&set);
    let disabled = Rule {
        enabled: false,
        ..busy_rule()
    };
    let (mut set, withdrawn) = restored(std::slice::from_ref(&disabled), &bytes, false);
    let places: Vec<_> = withdrawn
        .iter()
        .map(|(code, one)| (*code, one.rule))
        .collect();
    assert_eq!(places, [(2001, 0), (2002, 1)]);
    for (_, one) in &withdrawn {
        assert_eq!((one.kind, one.reason), (RESOLVED, Reason::Withdrawn));
        assert_eq!(one.episode, 1);
        assert_eq!(one.since, Uptime::from_millis(119_000));
        assert_eq!(one.fired, Uptime::from_millis(110_000));
        assert_eq!(one.worst, Some(950));
    }
    assert_eq!(set.open_alerts().count(), 0);
    assert_eq!(told(&mut set, 120..150, 950), []);
    // Enabled again, it counts on.
    let (mut set, withdrawn) = restored(&[busy_rule()], &checkpoint(&set), false);
    assert_eq!(withdrawn, []);
    assert_eq!(told(&mut set, 150..170, 950), [(160, FIRING)]);
    assert_eq!(set.open_alerts().next().unwrap().episode, 2);
}

#[test]
fn after_a_reboot_alerts_stay_and_time_begins_anew() {
    let mut set = set_of(&[busy_rule()]);
    told(&mut set, 1000..1011, 950);
    assert_eq!(told(&mut set, 1011..1020, 0), []);
    let (mut set, _) = restored(&[busy_rule()], &checkpoint(&set), true);
    let alert = set.open_alerts().next().unwrap();
    assert_eq!((alert.episode, alert.fired), (1, Uptime::default()));
    assert!(alert.unknown);
    assert_eq!(told(&mut set, 20..40, 0), [(30, RESOLVED)]);
    assert_eq!(told(&mut set, 40..60, 950), [(50, FIRING)]);
    assert_eq!(set.open_alerts().next().unwrap().episode, 2);

    let mut set = set_of(&[busy_rule()]);
    told(&mut set, 1000..1009, 950);
    let (mut set, _) = restored(&[busy_rule()], &checkpoint(&set), true);
    assert_eq!(told(&mut set, 5..20, 950), [(15, FIRING)]);
}

fn recorded(kind: TransitionKind, second: u64, episode: u32) -> RecordedTransition {
    RecordedTransition {
        kind,
        at: Uptime::from_millis(second * 1000),
        earlier_boot: false,
        episode,
        since: Uptime::from_millis(second * 1000),
        fired: Uptime::from_millis(second * 1000),
        value: Some(950),
        worst: Some(970),
        count: 1,
        flapping: false,
    }
}

#[test]
fn what_was_recorded_outranks_what_the_checkpoint_says() {
    // Written while pending; the alert was recorded, then the watcher died.
    let mut set = set_of(&[busy_rule()]);
    told(&mut set, 100..109, 950);
    let bytes = checkpoint(&set);
    let (mut set, _) = restored(&[busy_rule()], &bytes, false);
    assert!(set.outrank(2001, "", &recorded(FIRING, 110, 1)));
    assert!(!set.outrank(2001, "/", &recorded(FIRING, 110, 1)));
    assert!(!set.outrank(2002, "", &recorded(FIRING, 110, 1)));
    let alert = set.open_alerts().next().unwrap();
    assert_eq!((alert.episode, alert.worst), (1, Some(970)));
    assert_eq!(told(&mut set, 111..113, 950), [], "it is not told twice");
    assert_eq!(told(&mut set, 113..130, 0), [(123, RESOLVED)]);

    // Fired and resolved after the Checkpoint: the next one is the second.
    let (mut set, _) = restored(&[busy_rule()], &bytes, false);
    set.outrank(2001, "", &recorded(FIRING, 110, 1));
    set.outrank(2001, "", &recorded(RESOLVED, 111, 1));
    assert_eq!(set.open_alerts().count(), 0);
    assert_eq!(told(&mut set, 112..130, 950), [(122, FIRING)]);
    assert_eq!(set.open_alerts().next().unwrap().episode, 2);

    // Recorded before a reboot: open, and nothing of its time is known.
    let (mut set, _) = restored(&[busy_rule()], &bytes, true);
    let before = RecordedTransition {
        earlier_boot: true,
        ..recorded(FIRING, 110, 1)
    };
    set.outrank(2001, "", &before);
    assert_eq!(set.open_alerts().next().unwrap().fired, Uptime::default());
    assert_eq!(told(&mut set, 3..30, 0), [(13, RESOLVED)]);
}

#[test]
fn recorded_transitions_count_for_flapping_once() {
    let mut rule = busy_rule();
    rule.raise_after_ms = 0;
    let bytes = checkpoint(&set_of(std::slice::from_ref(&rule)));
    let mut twice = vec![
        (FIRING, 100, 1),
        (FIRING, 100, 1),
        (FIRING, 100, 1),
        (RESOLVED, 110, 1),
        (RESOLVED, 110, 1),
        (RESOLVED, 110, 1),
    ];
    let replayed = |list: &[(TransitionKind, u64, u32)]| {
        let (mut set, _) = restored(std::slice::from_ref(&rule), &bytes, false);
        for (kind, second, episode) in list {
            set.outrank(2001, "", &recorded(*kind, *second, *episode));
        }
        set
    };
    // The third transition, not the fifth.
    let mut set = replayed(&twice);
    let fired = step(&mut set, 140_000, EACH_SECOND, &busy(950));
    assert_eq!(kinds(&fired), [(FIRING, Reason::Held)]);
    // Fired twice and resolved twice: the fifth.
    twice.push((FIRING, 120, 2));
    let mut set = replayed(&twice);
    assert_eq!(told(&mut set, 121..135, 0), [(131, RESOLVED)]);
    let fired = step(&mut set, 140_000, EACH_SECOND, &busy(950));
    assert_eq!(kinds(&fired), [(FIRING, Reason::Flapping)]);
}

#[test]
fn an_event_recorded_again_keeps_its_count_and_its_quiet_time() {
    let rule = event_rule(8004, Quantity::TickLate, 30_000, 60_000);
    let late = |ms| Table::default().with(Quantity::TickLate, ms);
    let mut set = set_of(std::slice::from_ref(&rule));
    step(&mut set, 100_000, EACH_SECOND, &late(31_000));
    let (mut set, _) = restored(&[rule], &checkpoint(&set), false);
    let again = RecordedTransition {
        count: 7,
        fired: Uptime::from_millis(100_000),
        ..recorded(TransitionKind::Continued, 101, 1)
    };
    set.outrank(8004, "", &again);
    assert_eq!(set.open_alerts().next().unwrap().count, 7);
    let mut told = Vec::new();
    for second in 102..200 {
        for one in step(&mut set, second * 1000, EACH_SECOND, &late(0)) {
            told.push((second, one.kind, one.count));
        }
    }
    assert_eq!(told, [(161, RESOLVED, 7)]);
}

#[test]
fn other_versions_and_no_bytes_are_refused() {
    let rule = level_rule(1002, Quantity::MemoryUsed, per_cent(95), per_cent(90));
    let mut set = set_of(&[rule]);
    let mut bytes = checkpoint(&set);
    let mut none = |_: u16, _: &Subject, _: &Transition| panic!("nothing withdrawn");
    assert_eq!(
        set.restore(&[], false, &mut none),
        Err(CheckpointFault::Malformed(0))
    );
    bytes[0] = 2;
    assert_eq!(
        set.restore(&bytes, false, &mut none),
        Err(CheckpointFault::Version(2))
    );
    bytes[0] = 3;
    bytes.pop();
    assert_eq!(
        set.restore(&bytes, false, &mut none),
        Err(CheckpointFault::Malformed(1))
    );
}
