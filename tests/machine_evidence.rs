//! When the table of processes goes out, and what it says it belongs to.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at whatever surprises it"
)]

mod machine_support;

use hansho::frame::Stream;
use hansho::frame::body::{Body, elements};
use hansho::frame::evidence::{
    AboutRecord, FLAG_FRESH, FLAG_NO_TABLE, LIST_CPU, LIST_MEMORY, Moment, SuspectRecord,
};
use hansho::limit::{EVIDENCE_PARTS, SUBJECT_BYTES, USER_NAME_BYTES};
use hansho::machine::{Input, Seen, Walk};
use hansho::rule::Rule;
use hansho::scout::LISTED;
use machine_support::{Run, SECOND, at, look, rule, rules, settings, used};

/// An Evidence, its parts put together.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    second: u64,
    flags: u8,
    about: Vec<(u16, String, u32, Moment)>,
    pids: Vec<u32>,
    parts: u8,
}

fn told(run: &Run) -> Vec<Told> {
    let mut all: Vec<(u32, Told)> = Vec::new();
    for (at, body) in run.out.of(Stream::Evidence) {
        let Body::Evidence(evidence) = body else {
            panic!("{body:?} among evidence");
        };
        let about: Vec<_> = elements::<AboutRecord<'_>>(evidence.about)
            .map(|about| about.unwrap())
            .map(|about| {
                let moment = Moment::from_u8(about.moment);
                (about.code, about.subject.to_owned(), about.episode, moment)
            })
            .collect();
        let pids =
            elements::<SuspectRecord<'_>>(evidence.suspects).map(|suspect| suspect.unwrap().pid);
        if evidence.part == 0 {
            let told = Told {
                second: at.as_millis() / SECOND,
                flags: evidence.flags,
                about,
                pids: pids.collect(),
                parts: evidence.parts,
            };
            all.push((evidence.number, told));
        } else {
            let (number, told) = all.last_mut().unwrap();
            assert_eq!((evidence.number, &about), (*number, &told.about));
            told.pids.extend(pids);
        }
    }
    all.into_iter().map(|(_, told)| told).collect()
}

/// 1002 without its gate, told after `raise_after_s`.
fn critical(raise_after_s: u32) -> Rule {
    Rule {
        gate: None,
        raise_after_ms: raise_after_s * 1000,
        clear_after_ms: 3_000,
        ..rule(1002)
    }
}

fn suspects(count: u32) -> Vec<SuspectRecord<'static>> {
    (1..=count)
        .map(|pid| SuspectRecord {
            lists: if pid == 1 {
                LIST_MEMORY | LIST_CPU
            } else {
                LIST_MEMORY
            },
            pid,
            name: b"app",
            unit: Some(b"app.service"),
            memory_kib: Some(u64::from(1000 - pid)),
            ..SuspectRecord::default()
        })
        .collect()
}

/// Ticks, and gives the table whenever it is wanted; the last whole walk is that of `walk`.
fn ticks(
    run: &mut Run,
    span_s: std::ops::Range<u64>,
    permille: u64,
    walk: impl Fn(u64) -> Option<u64>,
) -> Vec<u64> {
    let records = suspects(3);
    let mut walks_wanted = Vec::new();
    for second in span_s {
        run.tick(used(second * SECOND, permille));
        let walk = walk(second).map(|began| Walk {
            began: at(began * SECOND),
            ended: at(began * SECOND + 5),
            seen: 4,
            read: 3,
            refused: 1,
            ..Walk::default()
        });
        let now = at(second * SECOND);
        if run
            .machine
            .evidence_is_due(now, walk.map(|walk| walk.began))
        {
            let seen = Seen {
                walk,
                suspects: &records,
            };
            let stepped = run.machine.step(now, Input::Evidence(&seen), &mut run.out);
            if stepped.walk_wanted {
                walks_wanted.push(second);
            }
        }
    }
    walks_wanted
}

fn about(moment: Moment) -> Vec<(u16, String, u32, Moment)> {
    vec![(1002, String::new(), 1, moment)]
}

#[test]
fn an_alert_has_it_while_it_is_pending_when_it_fires_and_when_it_is_over() {
    let mut run = Run::new(settings(), rules([critical(20)]), SECOND);
    // Walks come to their end every two seconds.
    let walk = |second: u64| Some(second / 2 * 2 - 2);
    assert_eq!(ticks(&mut run, 4..10, 300, walk), [0_u64; 0]);
    // Pending from 10 on; held for five seconds at 15.
    assert_eq!(ticks(&mut run, 10..40, 980, walk), [15]);
    assert_eq!(ticks(&mut run, 40..60, 300, walk), [0_u64; 0]);
    let told = told(&run);
    let short: Vec<_> = told
        .iter()
        .map(|told| (told.second, told.flags, told.about.clone()))
        .collect();
    assert_eq!(
        short,
        [
            (15, 0, about(Moment::Pending)),
            // The first walk that began at 15 or later, and no sooner than five seconds after.
            (20, FLAG_FRESH, about(Moment::Pending)),
            (30, 0, about(Moment::Firing)),
            (43, 0, about(Moment::Resolved)),
        ]
    );
    assert!(told.iter().all(|told| told.pids == [1, 2, 3]));
}

#[test]
fn what_is_pending_for_less_than_five_seconds_is_not_looked_at() {
    let mut run = Run::new(settings(), rules([critical(60)]), SECOND);
    for round in 0..10 {
        let from = 10 + round * 10;
        ticks(&mut run, from..from + 5, 980, |_| None);
        ticks(&mut run, from + 5..from + 10, 300, |_| None);
    }
    assert_eq!(told(&run), []);
}

#[test]
fn one_rule_that_is_pending_again_and_again_sends_one_a_minute() {
    let mut run = Run::new(settings(), rules([critical(60)]), SECOND);
    for round in 0..30 {
        let from = 10 + round * 10;
        ticks(&mut run, from..from + 8, 980, |_| None);
        ticks(&mut run, from + 8..from + 10, 300, |_| None);
    }
    let seconds: Vec<u64> = told(&run).iter().map(|told| told.second).collect();
    assert_eq!(seconds, [15, 75, 135, 195, 255]);
}

#[test]
fn without_a_scout_it_says_so() {
    let mut run = Run::new(settings(), rules([critical(0)]), SECOND);
    ticks(&mut run, 10..20, 980, |_| None);
    let told = told(&run);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].flags, FLAG_NO_TABLE);
    assert_eq!(told[0].about, about(Moment::Firing));
}

#[test]
fn an_event_has_it_at_once_and_then_a_fresh_one_and_a_walk_that_does_not_come_is_given_up() {
    for comes in [true, false] {
        let mut run = Run::new(settings(), rules([rule(1010)]), SECOND);
        ticks(&mut run, 2..10, 300, |_| Some(1));
        let mut killed = look(10 * SECOND);
        killed.counters.oom_kill = Some(1);
        run.tick(killed);
        let mut wanted = 0;
        for second in 10..200_u64 {
            let mut look = look(second * SECOND);
            look.counters.oom_kill = Some(1);
            if second > 10 {
                run.tick(look);
            }
            // Late, but in time; or too late.
            let began = if second > if comes { 40 } else { 90 } {
                12
            } else {
                1
            };
            let walk = Walk {
                began: at(began * SECOND),
                ..Walk::default()
            };
            let now = at(second * SECOND);
            if run.machine.evidence_is_due(now, Some(walk.began)) {
                let seen = Seen {
                    walk: Some(walk),
                    suspects: &[],
                };
                let stepped = run.machine.step(now, Input::Evidence(&seen), &mut run.out);
                wanted += u32::from(stepped.walk_wanted);
            }
        }
        assert_eq!(wanted, 1);
        let found: Vec<_> = told(&run)
            .iter()
            .map(|told| (told.second, told.flags, told.about[0].0, told.about[0].3))
            .collect();
        let mut expected = vec![(10, 0, 1010, Moment::Firing)];
        if comes {
            expected.push((41, FLAG_FRESH, 1010, Moment::Firing));
        }
        assert_eq!(found, expected);
    }
}

/// Rules that all fire in one tick, with the longest subjects.
fn storm(count: usize) -> machine_support::Rules {
    rules((0..count).map(|number| {
        let mut subject = format!("{number:02}");
        while subject.len() < SUBJECT_BYTES {
            subject.push('x');
        }
        Rule {
            subject: subject.as_str().try_into().unwrap(),
            ..critical(0)
        }
    }))
}

#[test]
fn a_storm_sends_the_table_once_for_sixteen_alerts_and_each_of_them_has_it() {
    let mut run = Run::new(settings(), storm(40), SECOND);
    ticks(&mut run, 10..40, 980, |_| None);
    let told = told(&run);
    let counts: Vec<_> = told
        .iter()
        .map(|told| (told.second, told.about.len()))
        .collect();
    assert_eq!(counts, [(10, 16), (15, 16), (20, 8)]);
    let mut subjects: Vec<_> = told
        .iter()
        .flat_map(|told| told.about.iter().map(|about| about.1.clone()))
        .collect();
    subjects.dedup();
    assert_eq!(subjects.len(), 40);
}

#[test]
fn all_lists_at_their_longest_fit_frames_and_parts() {
    let mut run = Run::new(settings(), storm(16), SECOND);
    run.tick(used(10 * SECOND, 980));
    let longest = SuspectRecord {
        lists: u8::MAX,
        start_ticks: u64::MAX,
        parent: u32::MAX,
        threads: u32::MAX,
        name: &[0xFF; 16],
        uid: Some(u32::MAX),
        user: Some(&[0xFF; USER_NAME_BYTES]),
        unit: Some(&[0xFF; SUBJECT_BYTES]),
        container: Some(&[0xFF; 12]),
        oom_score_adj: Some(i16::MIN),
        memory_kib: Some(u64::MAX),
        swap_kib: Some(u64::MAX),
        cpu_permille: Some(u32::MAX),
        growth_short_kib: Some(i64::MIN),
        growth_short_over_ms: u64::MAX,
        growth_long_kib: Some(i64::MIN),
        growth_long_over_ms: u64::MAX,
        read_ms: u64::MAX,
        pid: 0,
    };
    let records: Vec<_> = (0..LISTED)
        .map(|pid| SuspectRecord {
            pid: u32::MAX - u32::try_from(pid).unwrap(),
            ..longest
        })
        .collect();
    let most = Walk {
        began: at(u64::MAX),
        ended: at(u64::MAX),
        seen: u32::MAX,
        read: u32::MAX,
        refused: u32::MAX,
        gone: u32::MAX,
        failed: u32::MAX,
        threads: u64::MAX,
        hidden: true,
        cut: true,
    };
    let seen = Seen {
        walk: Some(most),
        suspects: &records,
    };
    let now = at(10 * SECOND);
    run.machine.step(now, Input::Evidence(&seen), &mut run.out);
    let told = told(&run);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].pids.len(), LISTED);
    assert_eq!(told[0].about.len(), 16);
    assert!(told[0].parts <= EVIDENCE_PARTS, "{}", told[0].parts);
}

#[test]
fn a_test_alert_has_evidence_too() {
    let mut run = Run::new(settings(), rules([critical(20)]), SECOND);
    run.input(5 * SECOND, Input::Test { code: 2001 });
    ticks(&mut run, 6..20, 300, |second| Some(second - 1));
    let told = told(&run);
    assert_eq!(told[0].about, [(2001, String::new(), 5, Moment::Firing)]);
    assert_eq!(told[1].flags, FLAG_FRESH);
    assert_eq!(told.len(), 2);
}
