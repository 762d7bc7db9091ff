//! What a step of the scout costs, and that it does not depend on how many processes there are: steps over made trees of 500
//! and 50,000 processes, over this host's own `/proc`, and beside them bare opens and reads of the same files.
//!
//! `cargo bench --bench scout`. The trees lie in /dev/shm where there is one: the files of `/proc` are no disk's either. What the
//! kernel takes to write a file of `/proc` is only in the rows of this host.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark may stop at whatever surprises it"
)]

#[path = "../tests/scout_common/mod.rs"]
mod scout_common;

use hansho::clock::Uptime;
use hansho::limit::{PROCESSES, PROCESSES_PER_STEP};
use hansho::scout::{Process, Scanner, Suspects, Table};
use scout_common::{Fake, Tree};
use std::fs::{self, File};
use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const STEPS: usize = 400;

/// A root with processes that are all like one of four.
fn made(processes: u32) -> Tree {
    let shm = Path::new("/dev/shm");
    let tree = if shm.is_dir() {
        Tree::under(shm)
    } else {
        Tree::under(&std::env::temp_dir())
    };
    tree.meminfo(0);
    for kind in 0..4 {
        let template = format!("kind{kind}");
        let like = Fake {
            name: b"worker",
            state: if kind == 3 { 'R' } else { 'S' },
            cpu_ticks: 8,
            start_ticks: 4711,
            resident_pages: 200 + u64::from(kind),
            shared_pages: 100,
            cgroup: "0::/system.slice/worker.service\n",
            ..Fake::default()
        };
        tree.folder(&template, 1, &like);
        tree.like(&template, (1..=processes).filter(|pid| pid % 4 == kind));
    }
    tree
}

fn sorted(mut times: Vec<Duration>) -> Vec<Duration> {
    times.sort_unstable();
    times
}

/// Steps once everybody was passed by: median, longest, looks in all, walks that ended.
fn steps(root: &Path) -> (Duration, Duration, u32, u32) {
    let mut scanner = Scanner::open(root).unwrap();
    let mut now = 0;
    let mut clock = || {
        now += 10;
        Uptime::from_millis(now)
    };
    while !scanner.step(PROCESSES_PER_STEP, &mut clock).walk_ended {}
    let (mut times, mut looks, mut walks) = (Vec::with_capacity(STEPS), 0, 0);
    for _ in 0..STEPS {
        let start = Instant::now();
        let step = scanner.step(PROCESSES_PER_STEP, &mut clock);
        times.push(start.elapsed());
        looks += step.looks;
        walks += u32::from(step.walk_ended);
    }
    let times = sorted(times);
    (
        times[STEPS / 2],
        times[STEPS - 1],
        looks / u32::try_from(STEPS).unwrap(),
        walks,
    )
}

/// Bare opens and reads of `stat` and `statm` of the processes of a tree.
fn bare(root: &Path) -> Duration {
    let pids: Vec<PathBuf> = fs::read_dir(root.join("proc"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .parse::<u32>()
                .is_ok()
        })
        .take(500)
        .collect();
    let mut buffer = [0; 4096];
    let mut times = Vec::new();
    for _ in 0..20 {
        for path in &pids {
            let start = Instant::now();
            for name in ["stat", "statm"] {
                if let Ok(mut file) = File::open(path.join(name)) {
                    black_box(file.read(&mut buffer).unwrap_or(0));
                }
            }
            times.push(start.elapsed());
        }
    }
    let times = sorted(times);
    times[times.len() / 2]
}

fn main() {
    println!(
        "table: {} bytes for {PROCESSES} seats, {} a process that is told; budget {PROCESSES_PER_STEP} looks again and {PROCESSES_PER_STEP} entries a step",
        size_of::<Table>(),
        size_of::<Process>(),
    );
    let host = PathBuf::from("/");
    let trees: Vec<(String, PathBuf, Option<Tree>)> = [500, 50_000]
        .into_iter()
        .map(|processes| {
            let tree = made(processes);
            (
                format!("{processes} made"),
                tree.root().to_path_buf(),
                Some(tree),
            )
        })
        .chain([("this host's".into(), host, None)])
        .collect();
    for (name, root, _tree) in &trees {
        let (median, longest, looks, walks) = steps(root);
        let yardstick = bare(root);
        let each = median / looks.max(1);
        println!(
            "{name} processes: a step {median:?} (median of {STEPS}, longest {longest:?}), {looks} looks in it, {each:?} each; bare stat and statm {yardstick:?}: {:.2}; {walks} walks",
            each.as_secs_f64() / yardstick.as_secs_f64(),
        );
    }
    let mut scanner = Scanner::open(&trees[1].1).unwrap();
    scanner.pass(&mut || Uptime::from_millis(1000));
    let mut times = Vec::new();
    for _ in 0..1000 {
        let start = Instant::now();
        black_box(Suspects::of(scanner.table().processes()));
        times.push(start.elapsed());
    }
    println!(
        "lists of suspects from a full table: {:?}",
        sorted(times)[500]
    );
}
