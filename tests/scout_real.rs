//! Real processes: one that leaks among five hundred others, one of them larger but steady.
#![expect(
    clippy::unwrap_used,
    reason = "a test may stop at whatever surprises it"
)]

mod scout_common;

use hansho::scout::{Scanner, Suspects};
use hansho::sys;
use scout_common::Tree;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const OTHERS: usize = 500;
const MIB: usize = 1024 * 1024;
/// Tells this program that it is one of the processes of the test, and how many MiB it holds.
const ROLE: &str = "HANSHO_TEST_SCOUT_MIB";

/// Not a test: what this program does as a process of the one below. Takes a number of MiB a line and holds so much more.
#[test]
fn holds_what_it_is_told() {
    let Ok(first) = std::env::var(ROLE) else {
        return;
    };
    let mut held = vec![vec![1_u8; first.parse::<usize>().unwrap() * MIB]];
    println!("holds");
    for line in std::io::stdin().lock().lines() {
        let more: usize = line.unwrap().parse().unwrap();
        held.push(vec![1_u8; more * MIB]);
        println!("holds");
    }
    std::hint::black_box(held);
}

/// A process that is stopped with the value.
struct Holder {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Holder {
    fn new(mib: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "holds_what_it_is_told", "--nocapture"])
            .env(ROLE, mib.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut holder = Self {
            child,
            orders,
            answers,
        };
        holder.wait();
        holder
    }

    /// Until it holds what it was told.
    fn wait(&mut self) {
        let mut line = String::new();
        while !line.contains("holds\n") || line.contains("holds_what") {
            line.clear();
            assert!(self.answers.read_line(&mut line).unwrap() > 0);
        }
    }

    fn grow(&mut self, mib: usize) {
        writeln!(self.orders.as_mut().unwrap(), "{mib}").unwrap();
        self.wait();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.orders = None;
        self.child.wait().unwrap();
    }
}

/// Sleepers that are stopped with the value, by their ids.
struct Sleepers(Vec<Child>);

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

#[test]
fn a_leak_among_five_hundred_is_named_first() {
    let mut others = Sleepers(Vec::new());
    for _ in 0..OTHERS {
        let child = Command::new("sleep").arg("600").spawn().unwrap();
        others.0.push(child);
    }
    let steady = Holder::new(64);
    let mut leak = Holder::new(8);
    // Only these: whatever else this machine does meanwhile may well grow faster.
    let tree = Tree::new();
    let pids = others.0.iter().map(Child::id);
    for pid in pids.chain([steady.child.id(), leak.child.id()]) {
        symlink(format!("/proc/{pid}"), tree.path(pid.to_string())).unwrap();
    }
    let mut scanner = Scanner::open(tree.root()).unwrap();
    scanner.pass(&mut sys::uptime);
    for round in 1..=5_usize {
        leak.grow(4);
        scanner.pass(&mut sys::uptime);
        let coverage = scanner.coverage().unwrap();
        assert_eq!(usize::try_from(coverage.read).unwrap(), OTHERS + 2);
        let suspects = Suspects::of(scanner.table().processes());
        let grower = suspects.growth_short.first().unwrap();
        assert_eq!(grower.process.id.pid, leak.child.id(), "round {round}");
        // The kernel counts pages exactly only to within some a processor.
        let grown = usize::try_from(grower.value).unwrap();
        let wanted = round * 4 * 1024;
        assert!(
            (wanted - 512..=wanted + 2048).contains(&grown),
            "{grown} KiB"
        );
        let largest = suspects.memory.first().unwrap();
        assert_eq!(largest.process.id.pid, steady.child.id());
        assert_eq!(
            suspects.memory.get(1).unwrap().process.id.pid,
            leak.child.id()
        );
    }
}
