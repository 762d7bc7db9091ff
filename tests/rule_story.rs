//! The cases of the catalogue told in virtual time, one reading a second.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "test code"
)]

mod rule_support;

use hansho::clock::Uptime;
use hansho::rule::{
    Aggregate, Direction, Fallback, Gate, GateTest, Intervals, Level, Phase, Quantity, Reason,
    Rule, RuleSet, RuleSetFault, Subject, Transition, TransitionKind, Window,
};
use rule_support::{
    Table, absolute, checkpoint, event_rule, kinds, level_rule, per_cent, set_of, step,
};

const EACH_SECOND: Intervals = Intervals {
    sample_ms: 1000,
    counters_ms: 5000,
};
const GIB: u64 = 1 << 20;
const FIRING: TransitionKind = TransitionKind::Firing;
const RESOLVED: TransitionKind = TransitionKind::Resolved;
const CONTINUED: TransitionKind = TransitionKind::Continued;

/// A host and its watch; seconds go by only where the story says so.
struct Story {
    set: RuleSet,
    second: u64,
}

impl Story {
    fn of(rules: &[Rule]) -> Self {
        Self {
            set: set_of(rules),
            second: 1000,
        }
    }

    /// The same values for that many seconds; what was told, with the second since the start of this phase.
    fn stays(&mut self, seconds: u64, values: &Table) -> Vec<(u64, Transition)> {
        let mut told = Vec::new();
        for passed in 1..=seconds {
            self.second += 1;
            let now = step(&mut self.set, self.second * 1000, EACH_SECOND, values);
            told.extend(now.into_iter().map(|one| (passed, one)));
        }
        told
    }

    /// The host stands still.
    fn stalls(&mut self, seconds: u64) {
        self.second += seconds;
    }

    fn phase(&self) -> Phase {
        self.set.phases().next().unwrap().phase
    }

    fn unknown(&self) -> bool {
        self.set.phases().next().unwrap().unknown
    }
}

fn told(list: &[(u64, Transition)]) -> Vec<(u64, TransitionKind, Reason)> {
    list.iter()
        .map(|(second, one)| (*second, one.kind, one.reason))
        .collect()
}

/// 1002: at least 95 %, clear at 90 %, only with less than 2 GiB available, 60 s and 5 min.
fn memory_critical() -> Rule {
    let mut rule = level_rule(1002, Quantity::MemoryUsed, per_cent(95), per_cent(90));
    rule.raise_after_ms = 60_000;
    rule.clear_after_ms = 300_000;
    rule.gate = Some(Gate {
        quantity: Quantity::MemoryAvailable.number(),
        test: GateTest::Below,
        level: absolute(2 * GIB),
    });
    rule
}

/// A host of so many GiB with that per cent used.
fn host(gib: u64, used_per_cent: u64) -> Table {
    let total = gib * GIB;
    let used = (total * used_per_cent).div_ceil(100);
    Table::default()
        .with_total(Quantity::MemoryUsed, used, total)
        .with_total(Quantity::MemoryAvailable, total - used, total)
}

#[test]
fn critical_memory_rings_after_sixty_seconds_and_ends_after_five_minutes() {
    let mut story = Story::of(&[memory_critical()]);
    assert_eq!(told(&story.stays(60, &host(16, 50))), []);
    // The first second at 95 % begins pending; 60 s later, on the 61st reading, it fires.
    assert_eq!(told(&story.stays(60, &host(16, 95))), []);
    assert_eq!(story.phase(), Phase::Pending);
    let fired = story.stays(1, &host(16, 95));
    assert_eq!(told(&fired), [(1, FIRING, Reason::Held)]);
    let alert = fired[0].1;
    assert_eq!(alert.episode, 1);
    assert_eq!(alert.since, Uptime::from_millis(1_061_000));
    assert_eq!(alert.fired, Uptime::from_millis(1_121_000));
    assert_eq!(alert.total, Some(16 * GIB));
    assert_eq!(alert.level, Some((16 * GIB * 95).div_ceil(100)));
    assert_eq!(alert.value, alert.level);
    assert_eq!(told(&story.stays(30, &host(16, 99))), []);
    let open: Vec<_> = story.set.open_alerts().collect();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].worst, Some((16 * GIB * 99).div_ceil(100)));
    assert!(!open[0].unknown && !open[0].flapping);
    // Clear for almost five minutes, one second at 91 %, and the five minutes begin again.
    assert_eq!(told(&story.stays(299, &host(16, 89))), []);
    assert_eq!(told(&story.stays(1, &host(16, 91))), []);
    let resolved = story.stays(400, &host(16, 89));
    assert_eq!(told(&resolved), [(301, RESOLVED, Reason::Cleared)]);
    assert_eq!(resolved[0].1.episode, 1);
    assert_eq!(resolved[0].1.fired, alert.fired);
    assert_eq!(resolved[0].1.worst, open_worst(16, 99));
    assert_eq!(resolved[0].1.level, Some(16 * GIB * 90 / 100));
    assert_eq!(story.set.open_alerts().count(), 0);
    let again = story.stays(61, &host(16, 96));
    assert_eq!(told(&again), [(61, FIRING, Reason::Held)]);
    assert_eq!(again[0].1.episode, 2);
    assert_eq!(again[0].1.worst, open_worst(16, 96));
}

fn open_worst(gib: u64, used_per_cent: u64) -> Option<u64> {
    Some((gib * GIB * used_per_cent).div_ceil(100))
}

#[test]
fn a_dip_between_the_levels_does_not_restart_the_clock() {
    let mut story = Story::of(&[memory_critical()]);
    assert_eq!(told(&story.stays(30, &host(16, 95))), []);
    assert_eq!(told(&story.stays(10, &host(16, 92))), []);
    assert_eq!(story.phase(), Phase::Pending);
    // 30 + 10 + 21: the reading 60 s after the first.
    let fired = story.stays(60, &host(16, 95));
    assert_eq!(told(&fired), [(21, FIRING, Reason::Held)]);
}

#[test]
fn it_does_not_ring_on_a_reading_below_the_raise_level() {
    let mut story = Story::of(&[memory_critical()]);
    assert_eq!(told(&story.stays(30, &host(16, 95))), []);
    assert_eq!(told(&story.stays(300, &host(16, 92))), []);
    assert_eq!(story.phase(), Phase::Pending);
    assert_eq!(
        told(&story.stays(1, &host(16, 95))),
        [(1, FIRING, Reason::Held)]
    );
}

#[test]
fn a_dip_below_the_clear_level_restarts_the_clock() {
    let mut story = Story::of(&[memory_critical()]);
    assert_eq!(told(&story.stays(50, &host(16, 95))), []);
    assert_eq!(told(&story.stays(1, &host(16, 89))), []);
    assert_eq!(story.phase(), Phase::Inactive);
    let fired = story.stays(100, &host(16, 95));
    assert_eq!(told(&fired), [(61, FIRING, Reason::Held)]);
}

#[test]
fn on_a_large_host_the_gate_keeps_it_silent_and_later_keeps_nothing_open() {
    let mut story = Story::of(&[memory_critical()]);
    // 95 % of 64 GiB leaves 3.2 GiB: no alarm, not even pending.
    assert_eq!(told(&story.stays(600, &host(64, 95))), []);
    assert_eq!(story.phase(), Phase::Inactive);
    // 97 % leaves 1.9 GiB.
    assert_eq!(
        told(&story.stays(61, &host(64, 97))),
        [(61, FIRING, Reason::Held)]
    );
    // The gate holds no longer, but the level does: it stays.
    assert_eq!(told(&story.stays(600, &host(64, 95))), []);
    assert_eq!(
        told(&story.stays(301, &host(64, 89))),
        [(301, RESOLVED, Reason::Cleared)]
    );
}

#[test]
fn a_short_absence_changes_nothing_a_long_one_restarts_the_clock() {
    let mut story = Story::of(&[memory_critical()]);
    assert!(story.unknown(), "nothing seen yet");
    story.stays(30, &host(16, 95));
    story.stays(1, &Table::default());
    assert!(!story.unknown());
    // The absent second counts as time.
    assert_eq!(
        told(&story.stays(30, &host(16, 95))),
        [(30, FIRING, Reason::Held)]
    );

    let mut story = Story::of(&[memory_critical()]);
    story.stays(30, &host(16, 95));
    story.stays(3, &Table::default());
    assert!(story.unknown());
    assert_eq!(
        told(&story.stays(61, &host(16, 95))),
        [(61, FIRING, Reason::Held)]
    );

    // Firing and then nothing more: it stays open, and says that it does not know.
    story.stays(1000, &Table::default());
    let open: Vec<_> = story.set.open_alerts().collect();
    assert_eq!(open.len(), 1);
    assert!(open[0].unknown);
    assert_eq!(
        told(&story.stays(301, &host(16, 50))),
        [(301, RESOLVED, Reason::Cleared)]
    );
}

#[test]
fn a_stalled_host_has_not_been_clear_meanwhile() {
    let mut story = Story::of(&[memory_critical()]);
    story.stays(61, &host(16, 95));
    assert_eq!(told(&story.stays(200, &host(16, 50))), []);
    story.stalls(600);
    assert_eq!(told(&story.stays(300, &host(16, 50))), []);
    assert_eq!(
        told(&story.stays(1, &host(16, 50))),
        [(1, RESOLVED, Reason::Cleared)]
    );
}

#[test]
fn oom_kills_are_counted_told_once_a_minute_and_end_after_half_an_hour() {
    let mut story = Story::of(&[event_rule(1010, Quantity::OomKill, 1, 1_800_000)]);
    let kills = |count| Table::default().with(Quantity::OomKill, count);
    let none = Table::default();
    assert_eq!(told(&story.stays(1, &kills(0))), []);
    story.stays(4, &none);
    let fired = story.stays(1, &kills(2));
    assert_eq!(told(&fired), [(1, FIRING, Reason::Event)]);
    assert_eq!(fired[0].1.count, 2);
    // Counters are read every 5 s: 11 times another kill within the minute are only counted.
    for _ in 0..11 {
        assert_eq!(told(&story.stays(4, &none)), []);
        assert_eq!(told(&story.stays(1, &kills(1))), []);
    }
    story.stays(4, &none);
    let continued = story.stays(1, &kills(1));
    assert_eq!(told(&continued), [(1, CONTINUED, Reason::Repeated)]);
    assert_eq!(continued[0].1.count, 14);
    assert_eq!(continued[0].1.episode, 1);
    let mut last = Vec::new();
    for quiet in 1..=360 {
        story.stays(4, &none);
        last = story.stays(1, &kills(0));
        assert_eq!(last.len(), usize::from(quiet == 360), "{quiet}");
    }
    assert_eq!(told(&last), [(1, RESOLVED, Reason::Quiet)]);
    assert_eq!(last[0].1.count, 14);
    assert_eq!(last[0].1.worst, Some(2));
}

/// 2001: busy on the mean of 10 min at least 90 %, clear at 75 %, 10 min and 10 min.
#[test]
fn a_mean_over_ten_minutes_is_unknown_until_it_was_covered() {
    let mut rule = level_rule(2001, Quantity::CpuBusy, absolute(900), absolute(750));
    rule.window = Window {
        aggregate: Aggregate::Mean,
        length_ms: 600_000,
    };
    rule.raise_after_ms = 600_000;
    let busy = Table::default().with(Quantity::CpuBusy, 1000);
    let mut story = Story::of(&[rule]);
    // Covered at length less one bucket: 570 s after the first value.
    story.stays(570, &busy);
    assert_eq!((story.phase(), story.unknown()), (Phase::Inactive, true));
    story.stays(1, &busy);
    assert_eq!((story.phase(), story.unknown()), (Phase::Pending, false));
    assert_eq!(
        told(&story.stays(600, &busy)),
        [(600, FIRING, Reason::Held)]
    );
    // An outage as long as the window empties it, whatever it held.
    story.stalls(600);
    story.stays(1, &Table::default().with(Quantity::CpuBusy, 0));
    assert!(story.unknown());
    assert_eq!(story.set.open_alerts().count(), 1);
}

fn mean_rule(
    code: u16,
    quantity: Quantity,
    (raise, clear): (u64, u64),
    length_ms: u32,
    raise_after_ms: u32,
) -> Rule {
    let mut rule = level_rule(code, quantity, absolute(raise), absolute(clear));
    rule.window = Window {
        aggregate: Aggregate::Mean,
        length_ms,
    };
    rule.raise_after_ms = raise_after_ms;
    rule.clear_after_ms = 600_000;
    rule
}

/// 2005: stolen on the mean of 20 min at least 10 %, for 10 min, on a host whose snapshots stop it for 3 s every quarter
/// of an hour.
#[test]
fn short_stalls_do_not_silence_a_long_window() {
    let rule = mean_rule(2005, Quantity::CpuSteal, (100, 50), 1_200_000, 600_000);
    let steal = |permille| Table::default().with(Quantity::CpuSteal, permille);
    let mut story = Story::of(&[rule]);
    let start = story.second;
    // From the 19th minute on the rule knows, without a break.
    for quarter in 0..8 {
        assert_eq!(told(&story.stays(200, &steal(0))), []);
        assert_eq!(story.unknown(), quarter < 2, "{quarter}");
        assert_eq!(told(&story.stays(697, &steal(0))), []);
        story.stalls(3);
    }
    assert_eq!(story.second, start + 8 * 900);
    // 20 % is stolen from here: after 10 minutes the mean of 20 is at 10 %, and 10 minutes later it rings, but for the
    // stall 15 minutes from here, which starts these 10 minutes anew.
    assert_eq!(told(&story.stays(897, &steal(200))), []);
    assert_eq!(story.phase(), Phase::Pending);
    story.stalls(3);
    let fired = story.stays(897, &steal(200));
    assert_eq!(told(&fired), [(601, FIRING, Reason::Held)]);
    assert!(!story.unknown());
}

/// 2001: busy on the mean of 10 min, for 10 min; the watcher is away for 3 s.
#[test]
fn a_restart_within_the_window_delays_by_no_more_than_the_time_that_it_starts_anew() {
    let rule = mean_rule(2001, Quantity::CpuBusy, (900, 750), 600_000, 600_000);
    let busy = Table::default().with(Quantity::CpuBusy, 1000);
    let restart = |story: &mut Story| {
        let bytes = checkpoint(&story.set);
        story.stalls(3);
        story.set = set_of(std::slice::from_ref(&rule));
        let mut none = |_: u16, _: &Subject, _: &Transition| panic!("nothing is withdrawn");
        story.set.restore(&bytes, false, &mut none).unwrap();
    };
    // Before the window is covered: nothing is lost, it is pending 570 s after the first value as ever.
    let mut story = Story::of(std::slice::from_ref(&rule));
    story.stays(300, &busy);
    restart(&mut story);
    story.stays(267, &busy);
    assert_eq!((story.phase(), story.unknown()), (Phase::Inactive, true));
    story.stays(1, &busy);
    assert_eq!((story.phase(), story.unknown()), (Phase::Pending, false));
    // While it is pending: the ten minutes begin with the first reading after it.
    story.stays(500, &busy);
    restart(&mut story);
    assert_eq!(
        told(&story.stays(700, &busy)),
        [(601, FIRING, Reason::Held)]
    );
    // While it is firing: the alert is open, known, and not told again.
    restart(&mut story);
    assert_eq!(told(&story.stays(1000, &busy)), []);
    assert_eq!(
        story.set.open_alerts().filter(|open| open.unknown).count(),
        0
    );
}

/// The same rule and outages of about half of its window: buckets of 30 s, of which ten must be filled.
#[test]
fn an_outage_of_more_than_half_of_the_window_has_to_be_covered_again() {
    let rule = mean_rule(2001, Quantity::CpuBusy, (900, 750), 600_000, 0);
    let busy = Table::default().with(Quantity::CpuBusy, 1000);
    let idle = Table::default().with(Quantity::CpuBusy, 0);
    let after = |outage| {
        let mut story = Story::of(std::slice::from_ref(&rule));
        story.stays(2000, &busy);
        story.stalls(outage);
        story.stays(1, &idle);
        story
    };
    let mut story = after(300);
    assert!(!story.unknown());
    // It stays known while the outage passes out of the window.
    for _ in 0..700 {
        story.stays(1, &busy);
        assert!(!story.unknown());
    }
    for outage in [360, 500, 599, 600, 10_000] {
        let mut story = after(outage);
        assert!(story.unknown(), "{outage}");
        // Open, though unknown: an outage is no recovery.
        assert_eq!(
            story.set.open_alerts().filter(|open| open.unknown).count(),
            1
        );
        assert_eq!(told(&story.stays(569, &idle)), []);
        assert!(story.unknown(), "{outage}");
        story.stays(1, &idle);
        assert!(!story.unknown(), "{outage}");
        assert_eq!(
            told(&story.stays(600, &idle)),
            [(600, RESOLVED, Reason::Cleared)]
        );
    }
}

#[test]
fn iowait_stands_in_where_there_is_no_pressure_and_the_two_do_not_mix() {
    let mut rule = level_rule(2004, Quantity::PressureIoFull, absolute(300), absolute(100));
    rule.window = Window {
        aggregate: Aggregate::Mean,
        length_ms: 20_000,
    };
    rule.fallback = Some(Fallback {
        quantity: Quantity::CpuIowait.number(),
        raise: absolute(400),
        clear: absolute(200),
    });
    let mut story = Story::of(&[rule]);
    let iowait = Table::default().with(Quantity::CpuIowait, 500);
    let fired = story.stays(20, &iowait);
    assert_eq!(told(&fired), [(20, FIRING, Reason::Held)]);
    assert!(fired[0].1.fallback);
    assert_eq!(fired[0].1.level, Some(400));
    // Pressure appears (a new kernel's file): 0, but its window must be covered first.
    let pressure = iowait.with(Quantity::PressureIoFull, 0);
    let resolved = story.stays(20, &pressure);
    assert_eq!(told(&resolved), [(20, RESOLVED, Reason::Cleared)]);
    assert!(!resolved[0].1.fallback);
    assert_eq!(resolved[0].1.worst, Some(0));
}

#[test]
fn the_run_queue_is_judged_only_where_there_is_no_pressure() {
    let mut rule = level_rule(
        2003,
        Quantity::RunnablePerCore,
        absolute(400),
        absolute(200),
    );
    rule.gate = Some(Gate {
        quantity: Quantity::PressureCpuSome.number(),
        test: GateTest::Absent,
        level: Level::default(),
    });
    let long = Table::default().with(Quantity::RunnablePerCore, 400);
    let mut story = Story::of(&[rule]);
    assert_eq!(
        told(&story.stays(5, &long.clone().with(Quantity::PressureCpuSome, 0))),
        []
    );
    assert_eq!(told(&story.stays(1, &long)), [(1, FIRING, Reason::Held)]);
}

#[test]
fn both_levels_given_both_must_hold_to_raise_and_to_clear() {
    let both = |per_cent: u16, kib: u64| Level {
        permille: Some(per_cent * 10),
        absolute: Some(kib),
    };
    let mut rule = level_rule(4002, Quantity::MemoryAvailable, both(5, 100), both(10, 200));
    rule.direction = Direction::Below;
    let available = |kib, total| Table::default().with_total(Quantity::MemoryAvailable, kib, total);
    let mut story = Story::of(&[rule]);
    assert_eq!(told(&story.stays(1, &available(50, 500))), []);
    assert_eq!(told(&story.stays(1, &available(200, 10_000))), []);
    assert_eq!(story.phase(), Phase::Inactive);
    assert_eq!(
        told(&story.stays(1, &available(100, 10_000))),
        [(1, FIRING, Reason::Held)]
    );
    assert_eq!(told(&story.stays(1, &available(999, 10_000))), []);
    assert_eq!(told(&story.stays(1, &available(199, 1000))), []);
    // Without a total the value says nothing.
    assert_eq!(
        told(&story.stays(1, &Table::default().with(Quantity::MemoryAvailable, 999))),
        []
    );
    assert_eq!(
        told(&story.stays(1, &available(1000, 10_000))),
        [(1, RESOLVED, Reason::Cleared)]
    );
}

#[test]
fn what_comes_and_goes_is_held_open() {
    let mut rule = level_rule(2002, Quantity::CpuBusy, absolute(950), absolute(800));
    rule.clear_after_ms = 60_000;
    let mut story = Story::of(&[rule]);
    let busy = Table::default().with(Quantity::CpuBusy, 1000);
    let idle = Table::default().with(Quantity::CpuBusy, 0);
    for _ in 0..2 {
        assert_eq!(told(&story.stays(1, &busy)), [(1, FIRING, Reason::Held)]);
        assert_eq!(
            told(&story.stays(100, &idle)),
            [(61, RESOLVED, Reason::Cleared)]
        );
    }
    assert_eq!(
        told(&story.stays(1, &busy)),
        [(1, FIRING, Reason::Flapping)]
    );
    assert!(story.set.open_alerts().all(|alert| alert.flapping));
    assert_eq!(
        told(&story.stays(200, &idle)),
        [(181, RESOLVED, Reason::Cleared)]
    );
    // The history is empty: two more comings and goings before it flaps again.
    assert_eq!(told(&story.stays(1, &busy)), [(1, FIRING, Reason::Held)]);
}

#[test]
fn moments_that_repeat_or_go_back_do_no_harm() {
    let mut set = set_of(&[memory_critical()]);
    let mut at = |at_ms, per_cent| kinds(&step(&mut set, at_ms, EACH_SECOND, &host(16, per_cent)));
    for second in 100..160 {
        assert_eq!(at(second * 1000, 95), []);
        assert_eq!(at(second * 1000, 95), []);
    }
    // Another clock: the time begins anew, on that clock.
    for second in 10..70 {
        assert_eq!(at(second * 1000, 95), []);
    }
    assert_eq!(at(70_000, 95), [(FIRING, Reason::Held)]);
    assert_eq!(at(u64::MAX, 95), []);
    assert_eq!(at(u64::MAX, 50), []);
    assert_eq!(at(0, 50), []);
}

#[test]
fn rules_that_could_never_work_are_refused_with_their_place() {
    let good = memory_critical();
    let refused =
        |second: Rule| RuleSet::new([good.clone(), second].into_iter().collect()).map(|_| ());
    assert_eq!(
        refused(good.clone()),
        Err(RuleSetFault::Duplicate {
            rule: 1,
            earlier: 0
        })
    );
    let other = Rule {
        code: 2001,
        ..good.clone()
    };
    assert_eq!(refused(other.clone()), Ok(()));
    let mut bad = other.clone();
    bad.quantity = 255;
    assert_eq!(refused(bad), Err(RuleSetFault::Quantity { rule: 1 }));
    let mut bad = other.clone();
    bad.quantity = Quantity::CpuBusy.number();
    assert_eq!(refused(bad), Err(RuleSetFault::NoLevel { rule: 1 }));
    let mut bad = other.clone();
    bad.window = Window {
        aggregate: Aggregate::Mean,
        length_ms: 19,
    };
    assert_eq!(refused(bad), Err(RuleSetFault::WindowTooShort { rule: 1 }));
    let mut bad = event_rule(1010, Quantity::OomKill, 1, 1);
    bad.window = Window {
        aggregate: Aggregate::Maximum,
        length_ms: 1000,
    };
    assert_eq!(refused(bad), Err(RuleSetFault::EventWithWindow { rule: 1 }));
    let many: heapless::Vec<Rule, { hansho::limit::RULES }> = (0..25)
        .map(|code| Rule {
            code,
            window: Window {
                aggregate: Aggregate::Mean,
                length_ms: 1000,
            },
            ..good.clone()
        })
        .collect();
    assert_eq!(
        RuleSet::new(many).map(|_| ()),
        Err(RuleSetFault::TooManyWindows { rule: 24 })
    );
}
