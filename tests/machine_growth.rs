//! Growth in the whole machine: what an alert of it says, and that neither a restart nor an older Checkpoint disturbs it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "test code"
)]

mod machine_support;

use hansho::code::builtin_rules;
use hansho::frame::body::transition_to_u8;
use hansho::limit::{BLOCK_PAYLOAD_BYTES, CHECKPOINT_BYTES, TIME_LEFT_NEVER_S};
use hansho::machine::{HostGrowth, Input, Journal, Machine, TakeOver, Tick};
use hansho::rule::TransitionKind::{Firing, Resolved};
use hansho::rule::{CheckpointFault, Phase, Quantity};
use hansho::sample::Snapshot;
use machine_support::{Collected, MINUTE, SECOND, TOTAL_KIB, at, settings, used};

/// Memory that is used: half, and from the tenth minute on 20 permille a minute more, for 22 minutes.
fn leak(second: u64) -> Snapshot {
    let grown = second.clamp(600, 600 + 22 * 60) - 600;
    let mut look = used(second * SECOND, 500);
    let of_grown = TOTAL_KIB * grown / 60 * 20 / 1000;
    look.memory.available_kib = look.memory.available_kib.map(|kib| kib - of_grown);
    look
}

fn fresh() -> Box<Machine> {
    Box::new(Machine::new(settings(), builtin_rules()).unwrap())
}

fn run(machine: &mut Machine, seconds: std::ops::Range<u64>, out: &mut impl Journal) {
    for second in seconds {
        let snapshot = leak(second);
        let tick = Tick {
            snapshot,
            ..Tick::default()
        };
        machine.step(snapshot.uptime, Input::Tick(&tick), out);
    }
}

fn kept(machine: &Machine) -> Vec<u8> {
    let mut buffer = [0; CHECKPOINT_BYTES];
    machine.checkpoint(&mut buffer).unwrap().to_vec()
}

fn restored(bytes: &[u8], boot_changed: bool) -> Result<Box<Machine>, CheckpointFault> {
    let mut machine = fresh();
    TakeOver::new().restore(&mut machine, bytes, boot_changed)?;
    Ok(machine)
}

/// The alerts of 1005.
fn soon(out: &Collected) -> Vec<(u64, u8, Option<u64>, Option<u64>)> {
    out.alerts()
        .filter(|(_, alert)| alert.code == 1005)
        .map(|(at, alert)| {
            assert_eq!(alert.quantity, Quantity::MemoryRunsOutSoon.number());
            (
                at.as_millis() / 1000,
                alert.transition,
                alert.value,
                alert.forecast_ms,
            )
        })
        .collect()
}

#[test]
fn a_fast_leak_is_told_with_the_time_left_and_ends_when_nothing_grows() {
    let (mut machine, mut out) = (fresh(), Collected::default());
    run(&mut machine, 1..3600, &mut out);
    let told = soon(&out);
    assert_eq!(told.len(), 2, "{told:?}");
    let (fired, firing, value, forecast_ms) = told[0];
    assert_eq!(firing, transition_to_u8(Firing));
    // 85 % are used after 17.5 minutes of growth; half a minute later it fires.
    let gate = 600 + 17 * 60 + 30;
    assert!((gate + 30..gate + 45).contains(&fired), "{fired}");
    // 20 permille a minute, of what was left then.
    let left_s = (500 - (fired - 600) * 20 / 60) * 3;
    let value = value.unwrap();
    assert!(value.abs_diff(left_s) <= 20, "{value} for {left_s}");
    assert_eq!(forecast_ms, Some(value * 1000));
    let (resolved, kind, value, forecast_ms) = told[1];
    assert_eq!(kind, transition_to_u8(Resolved));
    assert_eq!((value, forecast_ms), (Some(TIME_LEFT_NEVER_S), None));
    // Growth ends in the 32nd minute.
    assert!(
        (32 * 60 + 300..32 * 60 + 600).contains(&resolved),
        "{resolved}"
    );
    // Memory used is told with the same forecast.
    let high = out.alerts().find(|(_, alert)| alert.code == 1001).unwrap();
    assert_eq!(high.1.transition, transition_to_u8(Firing));
    let line = out
        .lines
        .iter()
        .find(|line| line.starts_with("HNS1005-E FIRING"));
    assert!(line.unwrap().contains("s level=1800s"), "{line:?}");
}

#[test]
fn a_restart_at_any_moment_changes_nothing() {
    let mut whole = Collected::default();
    run(&mut fresh(), 1..2400, &mut whole);
    for stop in [400, 601, 1301, 1700] {
        let mut out = Collected::default();
        let mut machine = fresh();
        run(&mut machine, 1..stop, &mut out);
        let mut machine = restored(&kept(&machine), false).unwrap();
        run(&mut machine, stop..2400, &mut out);
        assert_eq!(soon(&out), soon(&whole), "{stop}");
    }
}

#[test]
fn another_boot_knows_nothing_of_growth() {
    let (mut machine, mut out) = (fresh(), Collected::default());
    run(&mut machine, 1..1500, &mut out);
    let value = |machine: &Machine| {
        let phase = machine
            .rules()
            .phases()
            .find(|phase| phase.rule.code == 1005);
        phase.map(|phase| (phase.phase, phase.unknown))
    };
    let same = restored(&kept(&machine), false).unwrap();
    assert_eq!(value(&same), Some((Phase::Inactive, false)));
    let mut other = restored(&kept(&machine), true).unwrap();
    run(&mut other, 1..200, &mut out);
    assert_eq!(value(&other), Some((Phase::Inactive, true)));
}

/// A Checkpoint without growth: the rules, and the count of OOM kills.
#[test]
fn a_checkpoint_without_growth_is_still_read() {
    let (mut machine, mut out) = (fresh(), Collected::default());
    run(&mut machine, 1..1700, &mut out);
    let mut rules = [0; CHECKPOINT_BYTES];
    let mut older = machine.rules().checkpoint(&mut rules).unwrap().to_vec();
    assert_eq!(older[0], 3);
    older.extend([0; 9]);
    let read = restored(&older, false).unwrap();
    let phases = |machine: &Machine| -> Vec<_> {
        let of = machine.rules().phases();
        of.map(|phase| (phase.rule.code, phase.phase, phase.since))
            .collect()
    };
    assert_eq!(phases(&read), phases(&machine));
    assert!(
        phases(&read)
            .iter()
            .any(|(_, phase, _)| *phase == Phase::Firing)
    );
}

#[test]
fn a_cut_checkpoint_is_refused_and_takes_nothing_over() {
    let (mut machine, mut out) = (fresh(), Collected::default());
    run(&mut machine, 1..1700, &mut out);
    let bytes = kept(&machine);
    assert_eq!(bytes[0], 2);
    let mut refused = 0;
    for length in 0..bytes.len() {
        let mut into = fresh();
        match TakeOver::new().restore(&mut into, &bytes[..length], false) {
            Ok(()) => {}
            Err(_) => {
                refused += 1;
                assert_eq!(into.rules().now(), at(0), "cut at {length}");
            }
        }
    }
    assert!(
        refused > bytes.len() * 9 / 10,
        "{refused} of {}",
        bytes.len()
    );
}

/// The watcher writes it at every tick, and the disk ring takes it block by block.
#[test]
fn with_the_built_in_rules_it_fits_into_one_block() {
    let (mut machine, mut out) = (fresh(), Collected::default());
    // A year after boot, so that numbers are long.
    let boot_s = 365 * 24 * 3600;
    for second in (0..48 * 3600).step_by(10) {
        let mut snapshot = leak(second % 3600);
        snapshot.uptime = at((boot_s + second) * SECOND);
        let tick = Tick {
            snapshot,
            late_ms: 60 * MINUTE,
            ..Tick::default()
        };
        machine.step(snapshot.uptime, Input::Tick(&tick), &mut out);
    }
    let length = kept(&machine).len();
    println!(
        "{length} bytes; growth takes {} in memory",
        size_of::<HostGrowth>()
    );
    assert!(size_of::<HostGrowth>() <= 1024);
    assert!(length <= BLOCK_PAYLOAD_BYTES, "{length}");
}
