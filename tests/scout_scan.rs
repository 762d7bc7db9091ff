//! The walk through `/proc`, on trees that this test makes, in virtual time.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a test may stop at whatever surprises it"
)]

mod scout_common;

use hansho::clock::Uptime;
use hansho::limit::{PROCESSES, PROCESSES_PER_STEP};
use hansho::scout::{Coverage, Process, Scanner, Suspects};
use scout_common::{Fake, Tree};
use std::fs;
use std::os::unix::fs::symlink;

/// A clock that stands still until it is moved.
struct Time(u64);

impl Time {
    fn pass(&mut self, scanner: &mut Scanner) {
        self.0 += 2000;
        let now = self.0;
        scanner.pass(&mut || Uptime::from_millis(now));
    }
}

fn get(scanner: &Scanner, pid: u32) -> Option<Process> {
    let table = scanner.table();
    table.seat_of(pid).and_then(|seat| table.at(seat)).copied()
}

fn pages(kib: u64) -> u64 {
    kib * 1024 / u64::try_from(rustix::param::page_size()).unwrap()
}

#[test]
fn everything_of_a_process_is_read() {
    let tree = Tree::new();
    tree.meminfo(500);
    let fake = Fake {
        name: b"a) R 1 (\n\x1b[31m",
        parent: 17,
        resident_pages: pages(4000),
        shared_pages: pages(1000),
        swap_kib: 64,
        ..Fake::default()
    };
    tree.process(1, &Fake::default());
    tree.process(4711, &fake);
    let mut scanner = Scanner::open(tree.root()).unwrap();
    let mut time = Time(10_000);
    time.pass(&mut scanner);
    let process = get(&scanner, 4711).unwrap();
    assert_eq!(process.name.as_bytes(), fake.name);
    assert_eq!((process.parent, process.threads), (17, 1));
    assert_eq!(process.memory_kib, Some(3000));
    assert_eq!(process.swap_kib, Some(64));
    assert_eq!(process.uid, Some(1000));
    assert_eq!(process.oom_score_adj, Some(-17));
    assert_eq!(process.unit.unwrap().as_bytes(), b"app.service");
    assert_eq!(process.container, None);
    assert_eq!(process.cpu_permille, None);
    tree.process(
        4711,
        &Fake {
            cpu_ticks: 100,
            resident_pages: pages(6000),
            ..fake
        },
    );
    time.pass(&mut scanner);
    let process = get(&scanner, 4711).unwrap();
    assert_eq!(process.cpu_permille, Some(500));
    assert_eq!(process.growth_short.unwrap().kib, 2000);
    assert_eq!(process.growth_short.unwrap().over_ms, 2000);
}

#[test]
fn what_cannot_be_read_is_counted_and_absent() {
    let tree = Tree::new();
    tree.meminfo(0);
    for pid in [2, 3, 4, 5, 6] {
        tree.process(pid, &Fake::default());
    }
    // Ended between the folder's listing and its opening; a record that is none; a file that cannot be read as one.
    symlink("nowhere", tree.path("7")).unwrap();
    fs::write(tree.path("3/stat"), "3 (cut) S 1").unwrap();
    fs::remove_file(tree.path("4/stat")).unwrap();
    fs::create_dir(tree.path("4/stat")).unwrap();
    fs::remove_file(tree.path("5/statm")).unwrap();
    fs::remove_file(tree.path("5/cgroup")).unwrap();
    fs::remove_file(tree.path("6/status")).unwrap();
    fs::write(tree.path("self"), "no process").unwrap();
    fs::write(tree.path("08"), "no process").unwrap();
    let mut scanner = Scanner::open(tree.root()).unwrap();
    assert_eq!(scanner.coverage(), None);
    let mut time = Time(10_000);
    time.pass(&mut scanner);
    let coverage = *scanner.coverage().unwrap();
    let wanted = Coverage {
        seen: 6,
        read: 3,
        gone: 1,
        failed: 2,
        threads: 3,
        hidden: true,
        began: Uptime::from_millis(12_000),
        ended: Uptime::from_millis(12_000),
        ..Coverage::default()
    };
    assert_eq!(coverage, wanted);
    assert_eq!(get(&scanner, 5).unwrap().memory_kib, None);
    assert_eq!(get(&scanner, 5).unwrap().unit, None);
    let six = get(&scanner, 6).unwrap();
    assert_eq!((six.uid, six.swap_kib), (None, Some(0)));
    // Nobody knows what of it is in swap.
    tree.meminfo(500);
    time.pass(&mut scanner);
    time.pass(&mut scanner);
    assert_eq!(get(&scanner, 6).unwrap().swap_kib, None);
}

#[test]
fn who_cannot_be_read_for_a_while_stays_with_its_age() {
    let tree = Tree::new();
    tree.meminfo(0);
    tree.process(1, &Fake::default());
    let mut scanner = Scanner::open(tree.root()).unwrap();
    let mut time = Time(0);
    time.pass(&mut scanner);
    fs::write(tree.path("1/stat"), "").unwrap();
    time.pass(&mut scanner);
    assert_eq!(get(&scanner, 1).unwrap().read_at, Uptime::from_millis(2000));
    tree.process(1, &Fake::default());
    time.pass(&mut scanner);
    assert_eq!(get(&scanner, 1).unwrap().read_at, Uptime::from_millis(6000));
    tree.end(1);
    time.pass(&mut scanner);
    assert_eq!(get(&scanner, 1), None);
    assert_eq!(scanner.coverage().unwrap().seen, 0);
}

#[test]
fn an_id_given_again_and_a_new_program_are_noticed() {
    let tree = Tree::new();
    tree.meminfo(0);
    tree.process(1, &Fake::default());
    tree.process(50, &Fake::default());
    let mut scanner = Scanner::open(tree.root()).unwrap();
    let mut time = Time(0);
    time.pass(&mut scanner);
    let executed = Fake {
        name: b"other",
        cgroup: "0::/system.slice/other.service\n",
        ..Fake::default()
    };
    tree.process(1, &executed);
    let reused = Fake {
        start_ticks: 900,
        cgroup: "0::/system.slice/third.service\n",
        ..Fake::default()
    };
    tree.process(50, &reused);
    time.pass(&mut scanner);
    let one = get(&scanner, 1).unwrap();
    assert_eq!(one.name.as_bytes(), b"other");
    assert_eq!(one.unit.unwrap().as_bytes(), b"other.service");
    let fifty = get(&scanner, 50).unwrap();
    assert_eq!(fifty.id.start_ticks, 900);
    assert_eq!(fifty.unit.unwrap().as_bytes(), b"third.service");
    assert_eq!(fifty.entered_at, Uptime::from_millis(4000));
    assert_eq!(fifty.growth_short, None);
}

/// Steps until the walk has ended once more; the most that one of them looked at, and how many there were.
fn walk(scanner: &mut Scanner, time: &mut Time) -> (u32, u32) {
    let (mut most, mut steps) = (0, 0);
    loop {
        time.0 += 1000;
        let now = time.0;
        let step = scanner.step(PROCESSES_PER_STEP, &mut || Uptime::from_millis(now));
        most = most.max(step.looks);
        steps += 1;
        if step.walk_ended {
            return (most, steps);
        }
    }
}

#[test]
fn fifty_thousand_cost_no_more_a_step_than_five_hundred_and_the_large_are_in() {
    let budget = u32::try_from(PROCESSES_PER_STEP).unwrap();
    let small = Tree::new();
    small.meminfo(0);
    small.folder("tiny", 1, &Fake::default());
    small.like("tiny", 1..=500);
    let mut scanner = Scanner::open(small.root()).unwrap();
    let (most_of_500, _) = walk(&mut scanner, &mut Time(0));
    assert!(most_of_500 <= 2 * budget);
    assert_eq!(scanner.table().len(), 500);

    let tree = Tree::new();
    tree.meminfo(0);
    tree.folder("tiny", 1, &Fake::default());
    tree.folder(
        "bomb",
        1,
        &Fake {
            state: 'R',
            ..Fake::default()
        },
    );
    tree.like(
        "tiny",
        (1..=50_000).filter(|pid| pid % 1250 != 0 && pid % 2 == 1),
    );
    tree.like(
        "bomb",
        (1..=50_000).filter(|pid| pid % 1250 != 0 && pid % 2 == 0),
    );
    let large: Vec<u32> = (1..=50_000).filter(|pid| pid % 1250 == 0).collect();
    for pid in &large {
        let fake = Fake {
            resident_pages: pages(u64::from(*pid) * 1024),
            ..Fake::default()
        };
        tree.process(*pid, &fake);
    }
    let mut scanner = Scanner::open(tree.root()).unwrap();
    let mut time = Time(0);
    for round in 0..2 {
        let (most, steps) = walk(&mut scanner, &mut time);
        assert!(most <= 2 * budget, "{most} looks in a step");
        assert!(steps >= 50_000 / budget, "{steps}");
        let coverage = scanner.coverage().unwrap();
        assert_eq!((coverage.seen, coverage.read), (50_000, 50_000));
        assert_eq!(coverage.threads, 50_000);
        assert!(!coverage.hidden && !coverage.cut);
        assert!(coverage.small > 0 && coverage.trial_full > 0);
        assert_eq!(scanner.table().len(), PROCESSES);
        for pid in &large {
            assert!(get(&scanner, *pid).is_some(), "{pid} in round {round}");
        }
    }
    let suspects = Suspects::of(scanner.table().processes());
    let found: Vec<u32> = suspects
        .memory
        .iter()
        .map(|suspect| suspect.process.id.pid)
        .collect();
    let wanted: Vec<u32> = large.iter().rev().take(8).copied().collect();
    assert_eq!(found, wanted);
    // Nobody of the table is older than a round of it.
    let oldest = scanner
        .table()
        .processes()
        .map(|process| Uptime::from_millis(time.0).since(process.read_at))
        .max()
        .unwrap();
    let rounds = u64::try_from(PROCESSES / PROCESSES_PER_STEP).unwrap();
    assert!(oldest <= rounds * 1000, "{oldest} ms");
}

#[test]
fn processes_that_come_and_go_in_mid_walk() {
    let tree = Tree::new();
    tree.meminfo(0);
    tree.folder("tiny", 1, &Fake::default());
    tree.like("tiny", 1..=3000);
    let mut scanner = Scanner::open(tree.root()).unwrap();
    let mut time = Time(0);
    for half in 0..10_u32 {
        time.0 += 1000;
        let now = time.0;
        scanner.step(PROCESSES_PER_STEP, &mut || Uptime::from_millis(now));
        for pid in (1..=3000).filter(|pid| pid % 20 == half) {
            tree.end(pid);
        }
        tree.like("tiny", 10_000 + half * 100..10_050 + half * 100);
    }
    walk(&mut scanner, &mut time);
    walk(&mut scanner, &mut time);
    walk(&mut scanner, &mut time);
    let coverage = scanner.coverage().unwrap();
    assert_eq!(coverage.seen, 2000);
    assert_eq!(coverage.read, 2000);
    // Seats of those that ended are given to others.
    assert_eq!(scanner.table().len(), PROCESSES);
    for process in scanner.table().processes() {
        assert!(tree.path(process.id.pid.to_string()).exists());
    }
}
