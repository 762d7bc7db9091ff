//! The kill test: real processes, killed again and again at random, and nothing lost, doubled or contradictory.
//!
//! Between agent and collector stands a relay that loses one answer of five. A scripted host goes through phases of memory use. In each phase keeper, watcher, forwarder and collector are killed
//! with SIGKILL, in half of the phases in the midst of a reload; each phase then lasts until a watcher has lived longer than the rules' times. What the collector has in
//! the end is compared with what the script alone says must be there; nothing of the verdict is read from the
//! agent's own files.
//!
//! `HANSHO_KILLS` (default 100) and `HANSHO_SEED` choose how many and which; a failure prints the seed.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::needless_ifs,
    reason = "a test that fails may panic"
)]

mod random;
mod relay;
mod script;
mod site;
mod verdict;

use random::Random;
use script::Script;
use site::{Rings, Site, Victim};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Kills where nothing else is asked for.
const KILLS: u64 = 100;
/// Kills of a run with a planted bug; the bug may need several runs to show.
const PLANTED_KILLS: u64 = 30;
/// Runs with a planted bug until it must have shown.
const PLANTED_RUNS: u64 = 4;
/// Phases, each with a kill of the watcher, while the collector is away: each run begins a block of the smallest ring's five.
const AWAY_PHASES: u64 = 9;
/// What the collector may still lack after the last phase comes within this.
const DRAIN: Duration = Duration::from_secs(120);
/// With a planted bug it is not waited for long: what only has not come yet is no proof of the bug, and does not count.
const PLANTED_DRAIN: Duration = Duration::from_secs(15);

#[test]
fn nothing_is_lost_doubled_or_contradictory_through_any_kill() {
    let kills = number("HANSHO_KILLS").unwrap_or(KILLS);
    let seed = number("HANSHO_SEED").unwrap_or(1);
    let programs = site::programs();
    if let Err(faults) = run(&programs, "", kills, seed) {
        panic!("seed {seed}, {kills} kills:\n{}", faults.join("\n"));
    }
}

#[test]
fn the_same_test_finds_each_planted_bug() {
    let programs = planted_programs();
    for plant in ["no-dedup", "answer-before-commit", "cursor-before-answer"] {
        let found = (1..=PLANTED_RUNS).find_map(|seed| {
            // A cursor that is ahead of the truth does harm where the rings have no room for what they take for sent; with
            // ample rings the collector's next word mends it.
            let outcome = match plant {
                "cursor-before-answer" => {
                    run_with_small_rings(&programs, plant, seed, PLANTED_DRAIN)
                }
                _ => run(&programs, plant, PLANTED_KILLS, seed),
            };
            let mut faults = outcome.err()?;
            faults.retain(|fault| verdict::is_final(fault));
            (!faults.is_empty()).then_some(faults)
        });
        let faults = found.unwrap_or_else(|| panic!("{plant}: not found in {PLANTED_RUNS} runs"));
        eprintln!(
            "{plant} is found: {}",
            faults.first().map_or("", String::as_str)
        );
    }
}

/// Rings too small for what happens while the collector is away: what is lost is said, span by span, and what is open in
/// the end is right all the same.
#[test]
fn what_small_rings_lose_lies_in_a_stored_loss() {
    let seed = number("HANSHO_SEED").unwrap_or(1);
    if let Err(faults) = run_with_small_rings(&site::programs(), "", seed, DRAIN) {
        panic!("seed {seed}:\n{}", faults.join("\n"));
    }
}

fn run_with_small_rings(
    programs: &Path,
    plant: &str,
    seed: u64,
    drain: Duration,
) -> Result<(), Vec<String>> {
    let mut random = Random::new(seed);
    let mut script = Script::default();
    let mut site = Site::new(programs, plant, &script, seed, Rings::Small);
    site.let_watcher_live(script::HOLD);
    site.kill(Victim::Collector);
    for _ in 0..AWAY_PHASES {
        script.next_phase(&mut random);
        site.play(&script);
        site.kill(Victim::Watcher);
        site.let_watcher_live(script::HOLD);
    }
    site.collector_up();
    let covered = verdict::wait_for_coverage(&site, &script, AWAY_PHASES + 1, drain);
    let stopped = site.stop();
    eprintln!("seed {seed}: small rings, {}", verdict::summary(&site));
    let mut faults = covered.err().unwrap_or_default();
    faults.extend(stopped.err());
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

/// One run: the script's phases with `kills` kills, then the verdict.
fn run(programs: &Path, plant: &str, kills: u64, seed: u64) -> Result<(), Vec<String>> {
    let mut random = Random::new(seed);
    let mut script = Script::default();
    let mut site = Site::new(programs, plant, &script, seed, Rings::Ample);
    // What the host had before anybody looked is no event: the agent has seen it once before the script begins.
    site.let_watcher_live(script::HOLD / 4);
    let mut killed = 0;
    while killed < kills {
        script.next_phase(&mut random);
        site.play(&script);
        let away = random.below(6) == 0;
        let reload_before = random.below(6);
        for place in 0..3 {
            if place == reload_before {
                site.reload();
            }
            std::thread::sleep(Duration::from_millis(random.below(300)));
            site.kill(Victim::any(&mut random));
            killed += 1;
        }
        if away {
            site.kill(Victim::Collector);
            killed += 1;
        } else {
            site.collector_up();
        }
        // The phase is held on from here: no kill of the watcher or its keeper until a watcher has lived long enough.
        site.let_watcher_live(script::HOLD / 2);
        site.kill(if random.below(2) == 0 || away {
            Victim::Forwarder
        } else {
            Victim::Collector
        });
        killed += 1;
        if !away {
            site.collector_up();
        }
        site.let_watcher_live(script::HOLD);
        site.collector_up();
    }
    let drain = if plant.is_empty() {
        DRAIN
    } else {
        PLANTED_DRAIN
    };
    let verdict = verdict::wait(&site, &script, drain);
    let stopped = site.stop();
    eprintln!(
        "seed {seed}: {killed} kills ({}), {} answers lost, {} phases, {}",
        site.kills(),
        site.answers_lost(),
        script.phases(),
        verdict::summary(&site)
    );
    let mut faults = verdict.err().unwrap_or_default();
    faults.extend(stopped.err());
    faults.extend(verdict::check(&site, &script).err().unwrap_or_default());
    faults.dedup();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

/// Builds the programs with the feature that plants bugs, into a folder of their own.
fn planted_programs() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("target/planted");
    let status = Command::new(env!("CARGO"))
        .current_dir(&root)
        .args([
            "build",
            "--locked",
            "--package",
            "hansho",
            "--package",
            "hansho-collector",
            "--bins",
        ])
        .args([
            "--features",
            "hansho/planted,hansho-collector/planted",
            "--target-dir",
        ])
        .arg(&target)
        .env_remove("CARGO_TARGET_DIR")
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the planted programs are built");
    target.join("debug")
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name}: {text:?} is no number"))
    })
}
