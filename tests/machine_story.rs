//! The machine in virtual time, from looks at a host to frames and lines.
mod machine_support;

use hansho::clock::WallTime;
use hansho::code::builtin_rules;
use hansho::frame::Stream;
use hansho::frame::body::{Body, FLAG_TEST, StopReason, reason_to_u8, transition_to_u8};
use hansho::limit::LOG_LINE_BYTES;
use hansho::machine::{Input, Tick, Unrecorded};
use hansho::rule::TransitionKind::{Continued, Firing, Resolved};
use hansho::rule::{Quantity, Reason, Subject};
use hansho::sample::{Field, Source};
use machine_support::*;

/// The lines of a story, exactly: log traps match on them.
const GOLDEN_LINES: &str = include_str!("golden/lines.txt");

fn golden(lines: &[String]) {
    let found = lines.join("\n") + "\n";
    assert_eq!(
        found, GOLDEN_LINES,
        "tests/golden/lines.txt has other lines"
    );
    for line in lines {
        assert!(line.len() <= LOG_LINE_BYTES && line.is_ascii());
    }
}

/// 1002: memory fills, stays full for a minute, is given back.
#[test]
fn memory_fills_and_is_given_back() {
    let mut run = Run::builtin(1_000 * SECOND);
    run.through(1_000..1_100, look);
    run.through(1_100..1_170, |now| used(now, 970));
    run.through(1_170..1_171, |now| used(now, 985));
    run.through(1_171..1_220, |now| used(now, 970));
    run.through(1_220..1_600, look);
    run.input(
        1_600 * SECOND,
        Input::Stop {
            reason: StopReason::Ordered,
        },
    );

    assert_eq!(
        run.out.short(),
        [(1_160, 1002, Firing), (1_520, 1002, Resolved)]
    );
    let alerts: Vec<_> = run.out.alerts().map(|(_, alert)| alert).collect();
    let firing = &alerts[0];
    assert_eq!(firing.subject, "");
    assert_eq!(firing.transition, transition_to_u8(Firing));
    assert_eq!(firing.reason, reason_to_u8(Reason::Held));
    assert_eq!((firing.flags, firing.episode, firing.count), (0, 1, 1));
    assert_eq!(firing.since_ms, 1_100 * SECOND);
    assert_eq!(firing.fired_ms, 1_160 * SECOND);
    assert_eq!(firing.quantity, Quantity::MemoryUsed.number());
    // Recorded in quanta of 512 KiB.
    let quanta = |kib: u64| (kib.div_ceil(512) * 512, kib / 512 * 512);
    let value = firing.value.unwrap();
    let (above, below) = quanta(TOTAL_KIB * 970 / 1000);
    assert!(value == above || value == below, "{value}");
    assert_eq!(firing.total, Some(TOTAL_KIB));
    assert_eq!(firing.level, Some((TOTAL_KIB * 950).div_ceil(1000)));
    assert_eq!(firing.worst, firing.value);
    assert_eq!(firing.forecast_ms, None);
    let resolved = &alerts[1];
    assert_eq!(resolved.reason, reason_to_u8(Reason::Cleared));
    assert_eq!((resolved.episode, resolved.fired_ms), (1, firing.fired_ms));
    assert_eq!(resolved.since_ms, 1_220 * SECOND);
    assert_eq!(resolved.value, Some(TOTAL_KIB / 2));
    assert!(resolved.worst > firing.worst);
    golden(&run.out.lines);

    // Stream 0 begins with who speaks, by which rules, and what is open; it ends with the goodbye.
    let kinds: Vec<_> = run
        .out
        .of(Stream::Alerts)
        .map(|(_, body)| match body {
            Body::Hello(_) => "hello",
            Body::Config(_) => "config",
            Body::State(_) => "state",
            Body::Alert(_) => "alert",
            Body::Goodbye(_) => "goodbye",
            _ => "?",
        })
        .collect();
    assert_eq!(
        kinds,
        ["hello", "config", "state", "alert", "alert", "goodbye"]
    );
}

/// Stream 1 has one reading a report interval, with the peaks in it; the history has every reading.
#[test]
fn readings_are_gathered_and_none_is_left_behind() {
    let mut run = Run::builtin(1_000 * SECOND);
    run.through(1_000..1_095, |now| {
        // A peak of one second, between two reports.
        if now == 1_047 * SECOND {
            used(now, 700)
        } else {
            look(now)
        }
    });
    run.input(
        1_095 * SECOND,
        Input::Stop {
            reason: StopReason::Ordered,
        },
    );

    let reports = run.out.readings(Stream::Readings);
    let when: Vec<_> = reports.iter().map(|(at, _)| at / SECOND).collect();
    // The first look, the grid, and what was left at the end.
    assert_eq!(
        when,
        [
            1000, 1010, 1020, 1030, 1040, 1050, 1060, 1070, 1080, 1090, 1094
        ]
    );
    assert!(reports.iter().all(|(_, readings)| readings.len() == 1));
    let peak = |index: usize| reports[index].1[0].get(Field::MemoryUsedPeak);
    assert!(peak(5) > peak(4) && peak(6) == peak(4));

    let history = run.out.readings(Stream::History);
    let seconds: Vec<u64> = history
        .iter()
        .flat_map(|(_, readings)| {
            readings
                .iter()
                .map(|reading| reading.uptime.as_millis() / 1000)
        })
        .collect();
    assert_eq!(seconds, (1_000..1_095).collect::<Vec<_>>());
    assert!(
        history
            .iter()
            .all(|(at, readings)| readings[0].uptime.as_millis() == *at)
    );
}

/// A stall costs reports; it brings no two at once, and the grid stays.
#[test]
fn after_a_stall_the_grid_is_the_same() {
    let mut run = Run::builtin(1_000 * SECOND);
    run.through(1_000..1_012, look);
    run.late(look(1_044 * SECOND), 31_000);
    run.through(1_045..1_062, look);
    let when: Vec<_> = run
        .out
        .readings(Stream::Readings)
        .iter()
        .map(|(at, _)| at / SECOND)
        .collect();
    assert_eq!(when, [1000, 1010, 1044, 1050, 1060]);
}

/// State: at the start, hourly, and at once after the collector lost transitions.
#[test]
fn the_open_alerts_are_said_hourly_and_after_a_loss() {
    let mut run = Run::builtin(1_000 * SECOND);
    run.through(1_000..9_000, |now| {
        if now >= 2_000 * SECOND {
            used(now, 990)
        } else {
            look(now)
        }
    });
    let lost = |stream| Input::Lost { stream, count: 3 };
    run.input(9_000 * SECOND, lost(Stream::Readings));
    assert_eq!(run.out.states().len(), 3);
    run.input(9_001 * SECOND, lost(Stream::Alerts));
    let open = |flags| vec![(1001, String::new(), flags), (1002, String::new(), flags)];
    assert_eq!(
        run.out.states(),
        [
            (1_000 * SECOND, vec![]),
            (4_600 * SECOND, open(0)),
            (8_200 * SECOND, open(0)),
            (9_001 * SECOND, open(0)),
        ]
    );
    run.tick(used(9_002 * SECOND, 990));
    let after: Vec<_> = run
        .out
        .short()
        .into_iter()
        .filter(|(at, ..)| *at >= 9_000)
        .collect();
    assert_eq!(after, [(9_002, 8001, Firing), (9_002, 8002, Firing)]);
}

/// A test alert is marked in its frame, its line and State, and ends by itself.
#[test]
fn a_test_alert_is_marked_and_ends_after_a_minute() {
    let mut run = Run::builtin(1_000 * SECOND);
    run.through(1_000..1_010, look);
    let test = |code| Input::Test { code };
    run.input(1_010 * SECOND + 5, test(1002));
    run.input(1_010 * SECOND + 6, test(1002));
    for code in [1003, 2001, 2002, 2003] {
        run.input(1_011 * SECOND, test(code));
    }
    run.input(
        1_012 * SECOND,
        Input::Lost {
            stream: Stream::Alerts,
            count: 1,
        },
    );
    run.through(1_013..1_075, look);

    let tests: Vec<_> = run
        .out
        .told()
        .into_iter()
        .filter(|told| told.test)
        .collect();
    let short: Vec<_> = tests
        .iter()
        .map(|told| (told.at_ms, told.code, told.kind))
        .collect();
    assert_eq!(
        short,
        [
            (1_010_005, 1002, Firing),
            (1_011_000, 1003, Firing),
            (1_011_000, 2001, Firing),
            (1_011_000, 2002, Firing),
            (1_071_000, 1002, Resolved),
            (1_071_000, 1003, Resolved),
            (1_071_000, 2001, Resolved),
            (1_071_000, 2002, Resolved),
        ],
        "one a code, four at once"
    );
    assert!(tests.iter().all(|told| told.reason == "test"));
    let states = run.out.states();
    let (_, open) = states.last().unwrap();
    assert_eq!(open[0], (1002, String::new(), FLAG_TEST));
    assert_eq!(open.len(), 4);
    assert_eq!(
        run.out.lines[0],
        "HNS1002-E FIRING test=yes subject=- episode=1010 count=1 since_ms=1010005 fired_ms=1010005 \
         uptime_ms=1010005 reason=test"
    );
    assert!(
        run.out
            .lines
            .iter()
            .filter(|line| line.contains("8002"))
            .all(|line| !line.contains("test=yes"))
    );
}

/// 8003: the wall clock jumps; within ten minutes of boot it only settles.
#[test]
fn a_step_of_the_clock_is_told_but_not_just_after_boot() {
    let stepped = |uptime_ms: u64, by_ms: u64| {
        let mut look = look(uptime_ms);
        look.wall = WallTime::from_millis(look.wall.as_millis() + by_ms);
        look
    };
    let mut run = Run::builtin(60 * SECOND);
    run.through(60..300, look);
    run.through(300..1_200, |now| stepped(now, 90_000));
    assert_eq!(run.out.short(), []);
    run.through(1_200..1_300, |now| stepped(now, 91_000));
    assert_eq!(run.out.short(), [], "a second is no step");
    run.through(1_300..1_400, |now| stepped(now, 80_000));
    assert_eq!(run.out.short(), [(1_300, 8003, Firing)]);
    let (_, alert) = run.out.alerts().next().unwrap();
    assert_eq!(alert.value, Some(11_000));
}

/// 3009: the page cache is dropped, once, and reads wait for the disk.
#[test]
fn a_drop_of_the_page_cache_is_told_once() {
    let cache = |uptime_ms: u64, part: u64, waited_from_ms: u64| {
        let mut look = look(uptime_ms);
        look.memory.page_cache_kib = Some(TOTAL_KIB / part);
        // Half of the time.
        let waited_ms = uptime_ms.saturating_sub(waited_from_ms) / 2;
        look.pressure.io_some_us = Some(waited_ms * 1000);
        look
    };
    let mut run = Run::builtin(1_000 * SECOND);
    run.through(1_000..1_200, |now| cache(now, 2, u64::MAX));
    run.through(1_200..1_500, |now| cache(now, 20, 1_205 * SECOND));
    assert_eq!(run.out.short(), [(1_209, 3009, Firing)]);
    let (_, alert) = run.out.alerts().next().unwrap();
    assert_eq!(alert.value, Some(900));
    run.through(1_500..3_100, |now| cache(now, 20, u64::MAX));
    // Half an hour of quiet counts from where the comparison is known again, a minute after the drop.
    assert_eq!(run.out.short()[1..], [(3_058, 3009, Resolved)]);

    let mut unhurt = Run::builtin(1_000 * SECOND);
    unhurt.through(1_000..1_200, |now| cache(now, 2, u64::MAX));
    unhurt.through(1_200..1_500, |now| cache(now, 20, 1_262 * SECOND));
    assert_eq!(
        unhurt.out.short(),
        [],
        "a cache that nobody misses in a minute"
    );
}

/// The same on a kernel without pressure stall information: iowait says whether reads wait.
#[test]
fn without_pressure_iowait_says_whether_a_dropped_cache_is_missed() {
    // Ten jiffies pass a tick; of them so many wait for disks after the drop.
    let cache = |uptime_ms: u64, waits: u64| {
        let mut look = look(uptime_ms);
        let dropped = uptime_ms >= 1_200 * SECOND;
        look.memory.page_cache_kib = Some(TOTAL_KIB / if dropped { 20 } else { 2 });
        look.pressure = hansho::sample::snapshot::PressureTotals::default();
        let waited = uptime_ms.saturating_sub(1_205 * SECOND) / 1_000 * waits;
        let all = uptime_ms / 100;
        look.cpu = Some(hansho::sample::snapshot::CpuTimes {
            iowait: waited,
            idle: all - waited,
            ..Default::default()
        });
        look
    };
    let told = |waits: u64| {
        let mut run = Run::builtin(1_000 * SECOND);
        run.through(1_000..1_250, |now| cache(now, waits));
        run.out.short()
    };
    assert_eq!(told(0), [], "nobody misses it");
    assert_eq!(
        told(2),
        [(1_210, 3009, Firing)],
        "five of ten seconds at 20 %"
    );
}

fn without_vmstat(uptime_ms: u64) -> hansho::sample::Snapshot {
    let mut look = look(uptime_ms);
    look.counters = hansho::sample::Counters::default();
    look.sources_gone = Source::Vmstat.bit();
    look
}

/// 8005 names the source that is gone, and a new start is no recovery.
#[test]
fn a_source_that_is_gone_is_named_and_stays_gone_over_a_restart() {
    let mut run = Run::builtin(1_000 * SECOND);
    run.through(1_000..1_100, look);
    run.through(1_100..1_500, without_vmstat);
    let told = run.out.told();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].at_ms, told[0].code), (1_400 * SECOND, 8005));
    assert_eq!(told[0].subject, "/proc/vmstat");
    assert!(run.out.lines[0].starts_with("HNS8005-W FIRING subject=/proc/vmstat value=1 "));

    // The reader of a new run has never seen it, so it does not miss it.
    let mut run = Run::after(settings(), builtin_rules(), 1_501 * SECOND, run.out);
    run.through(1_501..2_000, |now| {
        let mut look = without_vmstat(now);
        look.sources_gone = 0;
        look
    });
    assert_eq!(run.out.told().len(), 1, "open still");
    run.through(2_000..2_100, look);
    assert_eq!(run.out.short()[1..], [(2_060, 8005, Resolved)]);
}

/// 8008: five minutes without an answer; a new start is no answer.
#[test]
fn silence_of_the_collector_ends_with_an_answer_and_nothing_else() {
    let mut forwarding = settings();
    forwarding.forwards = true;
    let mut run = Run::new(forwarding.clone(), builtin_rules(), 1_000 * SECOND);
    run.through(1_000..1_200, look);
    run.input(1_200 * SECOND, Input::Answered);
    run.through(1_201..1_510, look);
    assert_eq!(run.out.short(), [(1_500, 8008, Firing)]);

    let mut run = Run::after(forwarding, builtin_rules(), 1_511 * SECOND, run.out);
    run.through(1_511..1_600, look);
    assert_eq!(run.out.short().len(), 1, "open still");
    run.input(1_600 * SECOND, Input::Answered);
    run.through(1_601..1_603, look);
    assert_eq!(run.out.short()[1..], [(1_601, 8008, Resolved)]);
}

/// 8004 and 8009: a tick that comes late.
#[test]
fn a_stall_is_told_by_its_length() {
    let mut run = Run::builtin(1_000 * SECOND);
    run.tick(look(1_000 * SECOND));
    run.late(look(1_005 * SECOND), 4_000);
    assert_eq!(run.out.short(), []);
    run.late(look(1_012 * SECOND), 6_000);
    assert_eq!(run.out.short(), [(1_012, 8009, Firing)]);
    run.late(look(2_044 * SECOND), 1_031_000);
    assert_eq!(
        run.out.short()[1..],
        [(2_044, 8004, Firing), (2_044, 8009, Continued)]
    );
}

/// 8010 is recorded by the run that follows the one whose numbers are spent.
#[test]
fn a_collector_that_is_ahead_is_told_in_the_new_run() {
    let mut run = Run::builtin(1_000 * SECOND);
    run.through(1_000..1_010, look);
    run.input(1_010 * SECOND, Input::RunAhead);
    run.input(1_010 * SECOND, Input::Refused { count: 2 });
    run.through(1_011..1_020, look);
    assert_eq!(
        run.out.short(),
        [(1_011, 8007, Firing), (1_011, 8010, Firing)]
    );
}

/// More than 60 transitions in a minute: the frames are all there, the log counts what it left out.
#[test]
fn the_log_is_bounded_in_rate_and_says_so() {
    let many = (0..40).map(|number| {
        let mut rule = rule(8009);
        rule.subject = Subject::try_from(format!("/volume {number}=x").as_str()).unwrap();
        rule.clear_after_ms = 1;
        rule
    });
    let mut run = Run::new(settings(), rules(many), 1_020 * SECOND);
    run.tick(look(1_020 * SECOND));
    run.late(look(1_030 * SECOND), 9_000);
    run.through(1_031..1_033, look);
    assert_eq!(run.out.told().len(), 80);
    assert_eq!(run.out.lines.len(), 60);
    assert!(
        run.out
            .lines
            .iter()
            .all(|line| !line.contains("suppressed="))
    );
    assert!(
        run.out.lines[0].contains(" subject=/volume?0?x "),
        "{}",
        run.out.lines[0]
    );
    run.late(look(1_100 * SECOND), 9_000);
    assert!(
        run.out.lines[60].ends_with(" suppressed=20"),
        "{}",
        run.out.lines[60]
    );
    assert!(!run.out.lines[61].contains("suppressed="));
}

/// A line has no value where there was none.
#[test]
fn what_is_absent_is_not_said_as_zero() {
    let mut run = Run::builtin(1_000 * SECOND);
    run.through(1_000..1_070, |now| used(now, 990));
    let mut rules = builtin_rules();
    rules.retain(|rule| rule.code != 1002);
    let run = Run::after(settings(), rules, 1_071 * SECOND, run.out);
    let last = run.out.lines.last().unwrap();
    assert!(
        last.starts_with("HNS1002-I RESOLVED subject=- value="),
        "{last}"
    );
    assert!(last.ends_with("reason=withdrawn"), "{last}");
    assert!(!last.contains("percent="), "{last}");
}

/// 8011: the disk ring cannot be written, and then it can; where none is configured nothing is said.
#[test]
fn a_disk_ring_that_cannot_be_written_is_said_and_so_is_its_end() {
    let ticks = |run: &mut Run, span_s: std::ops::Range<u64>, fault| {
        for second in span_s {
            run.step(&Tick {
                snapshot: look(second * SECOND),
                disk_ring_fault: fault,
                ..Tick::default()
            });
        }
    };
    let mut run = Run::builtin(1_000 * SECOND);
    ticks(&mut run, 1_000..1_100, None);
    ticks(&mut run, 1_100..1_105, Some(true));
    ticks(&mut run, 1_105..1_200, Some(false));
    assert_eq!(run.out.short(), []);
    ticks(&mut run, 1_200..1_300, Some(true));
    ticks(&mut run, 1_300..1_400, Some(false));
    assert_eq!(
        run.out.short(),
        [(1_210, 8011, Firing), (1_310, 8011, Resolved)]
    );
}

/// 8006: at the tick that sees it, and its end likewise; a run that goes on with it raises it no second time.
#[test]
fn a_refused_configuration_is_said_until_one_is_taken() {
    let mut run = Run::builtin(1_000 * SECOND);
    for second in 1_000..1_100 {
        run.step(&Tick {
            snapshot: look(second * SECOND),
            configuration_refused: (1_010..1_050).contains(&second),
            ..Tick::default()
        });
    }
    assert_eq!(
        run.out.short(),
        [(1_010, 8006, Firing), (1_050, 8006, Resolved)]
    );
}

/// 8012: every post is refused; frames refused by name are another matter (8007).
#[test]
fn posts_that_are_refused_are_said() {
    let mut run = Run::builtin(1_000 * SECOND);
    run.through(1_000..1_010, look);
    run.input(1_010 * SECOND, Input::PostsRefused);
    run.through(1_010..1_020, look);
    assert_eq!(run.out.short(), [(1_010, 8012, Firing)]);
    run.input(1_020 * SECOND, Input::Refused { count: 1 });
    run.through(1_020..1_030, look);
    assert_eq!(
        run.out.short(),
        [(1_010, 8012, Firing), (1_020, 8007, Firing)]
    );
}

/// 8001 and 8002: what the ring refused, or lost before anybody had it, is never silent; and what is open is told anew.
#[test]
fn what_nobody_could_record_is_said() {
    let mut run = Run::builtin(1_000 * SECOND);
    run.through(1_000..1_010, look);
    let states = run.out.states().len();
    run.step(&Tick {
        snapshot: look(1_010 * SECOND),
        unrecorded: Unrecorded {
            alerts: 0,
            readings: 5,
        },
        ..Tick::default()
    });
    run.through(1_011..1_030, look);
    assert_eq!(run.out.states().len(), states);
    run.step(&Tick {
        snapshot: look(1_030 * SECOND),
        unrecorded: Unrecorded {
            alerts: 2,
            readings: 0,
        },
        ..Tick::default()
    });
    run.through(1_031..1_050, look);
    assert_eq!(
        run.out.short(),
        [(1_010, 8001, Firing), (1_030, 8002, Firing)]
    );
    let values: Vec<_> = run.out.alerts().map(|(_, alert)| alert.value).collect();
    assert_eq!(values, [Some(5), Some(2)]);
    let later = run.out.states().split_off(states);
    assert_eq!(later.len(), 1);
    assert_eq!(later[0].0, 1_040 * SECOND);
    assert_eq!(later[0].1.len(), 2, "both are open: {later:?}");
}

/// 8003 over a restart: the clock was set while no watcher ticked; not where the clock still settles after boot.
#[test]
fn a_clock_that_was_set_while_the_watcher_was_started_again_is_said() {
    for (now_s, step_s, expected) in [
        (1_000, 5, vec![(1_000, 8003, Firing)]),
        (1_000, 0, vec![]),
        (300, 5, vec![]),
    ] {
        let mut run = Run::builtin(now_s * SECOND);
        let before = look((now_s - 2) * SECOND);
        let wall = WallTime::from_millis(before.wall.as_millis() - step_s * SECOND);
        run.machine.saw_clock(before.uptime, wall);
        run.through(now_s..now_s + 10, look);
        assert_eq!(run.out.short(), expected, "{now_s} {step_s}");
    }
}
