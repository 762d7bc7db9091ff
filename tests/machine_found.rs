//! What the scout finds of file systems and cache directories: judged by the machine, forgotten when nobody looks any more, and
//! recorded in few bytes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test may stop at whatever surprises it"
)]

mod alloc_common;
mod machine_support;

use alloc_common::allocations;
use hansho::clock::Uptime;
use hansho::code::builtin_rules;
use hansho::code::defaults::rules_of;
use hansho::frame::body::{self, Body, FoundRecord};
use hansho::frame::{Kind, Stream};
use hansho::limit::{CHECKPOINT_BYTES, WATCHED_CACHES, WATCHED_FILESYSTEMS};
use hansho::machine::found::Found;
use hansho::machine::{Input, Journal, Machine, TakeOver, Tick};
use hansho::rule::{Quantity, Rule, TransitionKind, Watched};
use machine_support::{Collected, Rules, SECOND, at, look, settings};

const GIB: u64 = 1 << 20;
const FIRING: TransitionKind = TransitionKind::Firing;
const RESOLVED: TransitionKind = TransitionKind::Resolved;

fn rules_about(watched: Watched, subject: &str) -> impl Iterator<Item = Rule> {
    rules_of(watched).map(move |rule| Rule {
        subject: subject.try_into().unwrap(),
        ..rule
    })
}

struct Run {
    machine: Machine,
    out: Collected,
    second: u64,
}

impl Run {
    fn new(rules: Rules) -> Self {
        let mut machine = Machine::new(settings(), rules).unwrap();
        let mut out = Collected::default();
        machine.taken_over(at(0), &TakeOver::new(), &mut out);
        Self {
            machine,
            out,
            second: 0,
        }
    }

    fn of_disk() -> Self {
        Self::new(rules_about(Watched::Filesystem, "/var").collect())
    }

    /// Ticks each second until then; each minute the same is found.
    fn until(&mut self, second: u64, found: &[(Quantity, u64, Option<u64>)]) {
        while self.second < second {
            self.second += 1;
            let now = at(self.second * SECOND);
            if self.second % 60 == 1 {
                let found: Vec<_> = found
                    .iter()
                    .map(|(quantity, value, total)| Found {
                        quantity: *quantity,
                        subject: "/var",
                        value: Some(*value),
                        total: *total,
                        at: now,
                        interval_ms: 60_000,
                    })
                    .collect();
                self.machine.step(now, Input::Found(&found), &mut self.out);
            }
            let tick = Tick {
                snapshot: look(self.second * SECOND),
                ..Tick::default()
            };
            self.machine.step(now, Input::Tick(&tick), &mut self.out);
        }
    }

    fn told(&self) -> Vec<(u64, u16, TransitionKind)> {
        self.out
            .told()
            .iter()
            .map(|told| {
                assert_eq!(told.subject, "/var");
                (told.at_ms / SECOND, told.code, told.kind)
            })
            .collect()
    }

    /// The frames of what was found: second, and each value.
    fn recorded(&self) -> Vec<(u64, Vec<(u8, u64)>)> {
        let frames = self.out.frames.iter();
        frames
            .filter(|(_, frame)| frame[0] == Kind::Found.number())
            .map(|(stream, frame)| {
                assert_eq!(*stream, Stream::Readings);
                let (at, Body::Found(found)) = body::decode(frame).unwrap() else {
                    panic!("a Found");
                };
                let values = body::elements::<FoundRecord<'_>>(found.found)
                    .map(|record| record.unwrap())
                    .map(|record| (record.quantity, record.value))
                    .collect();
                (at.as_millis() / SECOND, values)
            })
            .collect()
    }

    fn open(&self) -> Vec<(u16, bool)> {
        let open = self.machine.rules().open_alerts();
        open.map(|open| (open.rule.code, open.unknown)).collect()
    }
}

fn disk(used_gib: u64, inodes_free: u64) -> [(Quantity, u64, Option<u64>); 5] {
    let total = Some(40 * GIB);
    [
        (Quantity::FilesystemUsed, used_gib * GIB, total),
        (Quantity::FilesystemFree, (40 - used_gib) * GIB, total),
        (Quantity::InodesFree, inodes_free, Some(1000)),
        (Quantity::FilesystemReadOnly, 0, None),
        (Quantity::MountSilence, 0, None),
    ]
}

#[test]
fn a_disk_that_fills_is_told_and_is_over_when_it_is_emptied() {
    let mut run = Run::of_disk();
    run.until(1200, &disk(20, 500));
    assert_eq!(run.told(), []);
    // 87.5 %, 5 GiB left, for ten minutes since the look of second 1201.
    run.until(3600, &disk(35, 500));
    assert_eq!(run.told(), [(1801, 4001, FIRING)]);
    // 97.5 %, 1 GiB left, and hardly an inode.
    run.until(4800, &disk(39, 50));
    assert_eq!(
        run.told()[1..],
        [(3721, 4002, FIRING), (4201, 4005, FIRING)]
    );
    run.until(6000, &disk(10, 900));
    let ends = &run.told()[3..];
    assert_eq!(
        ends,
        [
            (5101, 4002, RESOLVED),
            (5401, 4001, RESOLVED),
            (5401, 4005, RESOLVED)
        ]
    );
    // The rule of the other kind of file system never had a value, and nothing but that is so.
    assert_eq!(run.open(), []);
    let phases = run.machine.rules().phases();
    let unknown: Vec<_> = phases
        .filter(|phase| phase.unknown)
        .map(|phase| phase.rule.code)
        .collect();
    assert_eq!(unknown, [3003]);
}

#[test]
fn what_nobody_looks_at_any_more_is_unknown_and_neither_fires_nor_ends() {
    let mut run = Run::of_disk();
    run.until(1200, &disk(35, 500));
    assert_eq!(run.told(), [(601, 4001, FIRING)]);
    // The last look was at 1141: it stands for three minutes, and two more are no gap yet.
    run.until(1440, &[]);
    assert_eq!(run.open(), [(4001, false)]);
    run.until(1450, &[]);
    assert_eq!(run.open(), [(4001, true)]);
    run.until(8000, &[]);
    assert_eq!(run.told().len(), 1, "{:?}", run.told());
    run.until(8700, &disk(10, 500));
    assert_eq!(run.told()[1..], [(8641, 4001, RESOLVED)]);
}

#[test]
fn a_restart_of_the_scout_does_not_start_timers_anew() {
    let mut run = Run::of_disk();
    run.until(300, &disk(35, 500));
    run.until(480, &[]);
    run.until(700, &disk(35, 500));
    assert_eq!(run.told(), [(601, 4001, FIRING)]);
}

#[test]
fn only_the_turn_to_read_only_is_an_event() {
    let state = |state| [(Quantity::FilesystemReadOnly, state, None)];
    // It always was: nothing turned.
    let mut run = Run::of_disk();
    run.until(4000, &state(1));
    assert_eq!(run.told(), []);
    let mut run = Run::of_disk();
    run.until(600, &state(0));
    run.until(1200, &state(1));
    assert_eq!(run.told(), [(601, 4006, FIRING)]);
    run.until(4000, &state(1));
    // Half an hour after the one event, not after the last look.
    assert_eq!(run.told()[1..], [(2401, 4006, RESOLVED)]);
}

#[test]
fn a_mount_that_hangs_is_told_until_it_answers() {
    let silent = |ms| [(Quantity::MountSilence, ms, None)];
    let mut run = Run::of_disk();
    run.until(600, &silent(0));
    run.until(660, &silent(59_000));
    assert_eq!(run.told(), []);
    run.until(1200, &silent(119_000));
    assert_eq!(run.told(), [(661, 4007, FIRING)]);
    run.until(1500, &silent(0));
    assert_eq!(run.told()[1..], [(1261, 4007, RESOLVED)]);
}

#[test]
fn a_tmpfs_is_judged_by_its_own_rule_alone() {
    let mut run = Run::of_disk();
    run.until(1200, &[(Quantity::TmpfsUsed, 39 * GIB, Some(40 * GIB))]);
    assert_eq!(run.told(), [(301, 3003, FIRING)]);
}

#[test]
fn a_cache_over_its_limits_is_told() {
    let mut run = Run::new(rules_about(Watched::Cache, "/var").collect());
    let found = |size, entries| {
        [
            (Quantity::CacheSize, size, Some(1000)),
            (Quantity::CacheEntries, entries, Some(500)),
        ]
    };
    run.until(1200, &found(999, 500));
    assert_eq!(run.told(), [(601, 3006, FIRING)]);
    run.until(2400, &found(1001, 451));
    assert_eq!(run.told()[1..], [(1801, 3004, FIRING)]);
    run.until(3600, &found(900, 450));
    assert_eq!(
        run.told()[2..],
        [(3001, 3004, RESOLVED), (3001, 3006, RESOLVED)]
    );
}

#[test]
fn what_is_not_watched_older_or_absent_changes_nothing_that_it_should_not() {
    let mut run = Run::of_disk();
    run.until(601, &disk(35, 500));
    let one = |quantity, subject, value, second: u64| Found {
        quantity,
        subject,
        value,
        total: Some(40 * GIB),
        at: at(second * SECOND),
        interval_ms: 60_000,
    };
    let value = |run: &Run| {
        let mut phases = run.machine.rules().phases();
        let stand = phases.find(|phase| phase.rule.code == 4001).unwrap();
        (stand.value, stand.unknown)
    };
    let used = Quantity::FilesystemUsed;
    for found in [
        one(used, "/srv", Some(0), 601),
        one(used, "", Some(0), 601),
        one(used, "/var", Some(0), 500),
        one(Quantity::MemoryUsed, "/var", Some(0), 601),
    ] {
        run.machine
            .step(at(601 * SECOND), Input::Found(&[found]), &mut run.out);
    }
    run.until(603, &[]);
    assert_eq!(value(&run), (Some(35 * GIB), false));
    // Another clock's moment counts as now, and does not stand for longer.
    let ahead = one(used, "/var", Some(36 * GIB), 1_000_000);
    run.machine
        .step(at(603 * SECOND), Input::Found(&[ahead]), &mut run.out);
    run.until(604, &[]);
    assert_eq!(value(&run), (Some(36 * GIB), false));
    let gone = one(used, "/var", None, 604);
    run.machine
        .step(at(604 * SECOND), Input::Found(&[gone]), &mut run.out);
    run.until(800, &[]);
    assert_eq!(value(&run), (Some(36 * GIB), true));
}

#[test]
fn what_moved_is_recorded_at_once_and_all_of_it_every_five_minutes() {
    let mut run = Run::of_disk();
    run.until(1000, &disk(20, 500));
    let all = vec![(60, 20 * GIB), (61, 20 * GIB), (62, 500), (63, 0), (64, 0)];
    assert_eq!(
        run.recorded(),
        [
            (1, all.clone()),
            (301, all.clone()),
            (601, all.clone()),
            (901, all)
        ]
    );
    // One inode less is nothing, a gigabyte of forty is.
    run.until(1180, &disk(21, 499));
    assert_eq!(
        run.recorded()[4..],
        [(1021, vec![(60, 21 * GIB), (61, 19 * GIB)])]
    );
    let bytes: usize = run
        .out
        .frames
        .iter()
        .filter(|(_, frame)| frame[0] == Kind::Found.number())
        .map(|(_, frame)| frame.len())
        .max()
        .unwrap();
    assert!(bytes <= 100, "{bytes}");
}

#[derive(Default)]
struct Counted(usize);

impl Journal for Counted {
    fn record(&mut self, _: Stream, _: Uptime, frame: &[u8]) {
        self.0 += frame.len();
    }

    fn say(&mut self, _: &str) {}
}

/// All that can be watched, with the longest names and everything bad: nothing is allocated, and all is written.
#[test]
fn as_much_as_can_be_watched_allocates_nothing_and_fits_a_checkpoint() {
    let name = |kind, n| format!("/{kind}{n}{}", "x".repeat(61));
    let names: Vec<_> = (0..WATCHED_FILESYSTEMS)
        .map(|n| (Watched::Filesystem, name('f', n)))
        .chain((0..WATCHED_CACHES).map(|n| (Watched::Cache, name('c', n))))
        .collect();
    let of_watched = names
        .iter()
        .flat_map(|(watched, name)| rules_about(*watched, name));
    let rules: Rules = builtin_rules().into_iter().chain(of_watched).collect();
    let mut machine = Box::new(Machine::new(settings(), rules).unwrap());
    let mut out = Counted::default();
    let mut checkpoint = Box::new([0; CHECKPOINT_BYTES]);
    machine.taken_over(at(0), &TakeOver::new(), &mut out);
    let of_subjects: Vec<_> = Quantity::ALL
        .iter()
        .filter_map(|(quantity, ..)| quantity.of_subject().map(|kind| (*quantity, kind)))
        .collect();
    let mut found = Vec::new();
    for (kind, name) in &names {
        for (quantity, _) in of_subjects.iter().filter(|(_, of)| of == kind) {
            found.push(Found {
                quantity: *quantity,
                subject: name,
                value: Some(1 << 40),
                total: Some(1 << 40),
                at: at(0),
                interval_ms: 60_000,
            });
        }
    }
    let mut longest = 0;
    let before = allocations();
    for second in 1..=1_500_u64 {
        let now = at(second * SECOND);
        for one in &mut found {
            one.at = now;
            one.value = Some(if second % 2 == 0 { 1 << 40 } else { 0 });
        }
        machine.step(now, Input::Found(&found), &mut out);
        let tick = Tick {
            snapshot: look(second * SECOND),
            ..Tick::default()
        };
        machine.step(now, Input::Tick(&tick), &mut out);
        longest = longest.max(machine.checkpoint(&mut *checkpoint).unwrap().len());
    }
    assert_eq!(allocations(), before);
    assert!(out.0 > 1_000_000, "{}", out.0);
    println!(
        "{longest} bytes of a checkpoint, {} bytes of a machine",
        size_of::<Machine>()
    );
}
