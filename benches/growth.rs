//! The table of leaks and of what is no leak: `cargo bench --bench growth` prints it for the seeds 2000 to 2999, at which nobody had
//! looked before the table of docs/TESTING.md was made from them. `-- FROM TO` takes other seeds; parameters were chosen on 0 to 999,
//! and two of them loosened after a look at 1000 to 1999.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark may stop at whatever surprises it"
)]

#[path = "../tests/growth_common/mod.rs"]
mod growth_common;

use growth_common::{
    DAY_S, DAYS, Found, HARMLESS, HOUR_S, Kind, MINUTE_S, MOST, MOST_BEYOND, PLACES, Place,
    harmless, leak,
};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// One reading in so many seconds: what swings within a bucket must be seen to be left out.
const LEAK_INTERVAL_S: u64 = 15;
/// For a leak of 1 % a day, of which there is no goal.
const SLOW_INTERVAL_S: u64 = 60;
const HARMLESS_INTERVAL_S: u64 = 450;
/// Looked at more closely for a shorter time, where five minutes matter.
const BEYOND_DAYS: u64 = 1;
const BEYOND_INTERVAL_S: u64 = 10;
const BEYOND_SEEDS: u64 = 200;

/// Runs all seeds, on as many threads as there are processors, and gives the results in the order of the seeds.
fn each<T: Send>(seeds: &Range<u64>, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(seeds.start);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut all: Vec<(u64, T)> = std::thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end {
                    return done;
                }
                done.push((seed, run(seed)));
            }
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let done = running.into_iter().map(|one| one.join().unwrap());
        done.flatten().collect()
    });
    all.sort_by_key(|(seed, _)| *seed);
    all.into_iter().map(|(_, result)| result).collect()
}

fn leaks(seeds: &Range<u64>) {
    println!(
        "| leak | code | found | told by 1004 or 1005 first, then over | missed | never due | delay p50 | p99 | max |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|---:|---:|");
    for place in PLACES {
        for permille in [10, 50, 200] {
            let kind = Kind::Leak(permille);
            let interval_s = if permille < 50 {
                SLOW_INTERVAL_S
            } else {
                LEAK_INTERVAL_S
            };
            let found = each(seeds, |seed| leak(kind, place, seed, interval_s));
            row(
                &format!("{place:?}, {} % a day", permille / 10),
                place.code(),
                &found,
                HOUR_S,
                "h",
            );
        }
    }
    let found = each(seeds, |seed| leak(Kind::LeakSoon, Place::Memory, seed, 1));
    row("Memory, over in 4 to 40 min", 1005, &found, MINUTE_S, "min");
    let mut left: Vec<f64> = found
        .iter()
        .filter_map(|found| match found {
            Found::After(_, left_s) => Some(left_s / MINUTE_S as f64),
            _ => None,
        })
        .collect();
    left.sort_by(f64::total_cmp);
    if let (Some(least), Some(middle)) = (left.first(), left.get(left.len() / 2)) {
        println!(
            "\nTime that was left when 1005 fired: at least {least:.1} min, half of them {middle:.1} min or more.\n"
        );
    }
}

fn row(name: &str, code: u16, found: &[Found], unit_s: u64, unit: &str) {
    let count = |wanted: Found| found.iter().filter(|one| **one == wanted).count();
    let mut delays: Vec<f64> = found
        .iter()
        .filter_map(|found| match found {
            Found::After(after_s, _) => Some(*after_s as f64 / unit_s as f64),
            _ => None,
        })
        .collect();
    delays.sort_by(f64::total_cmp);
    let at = |percent: usize| match delays.len() {
        0 => "-".to_owned(),
        many => format!("{:.1} {unit}", delays[(many - 1) * percent / 100]),
    };
    println!(
        "| {name} | {code} | {} | {} | {} | {} | {} | {} | {} |",
        delays.len(),
        count(Found::ToldByAnother),
        count(Found::Missed),
        count(Found::NeverDue),
        at(50),
        at(99),
        at(100)
    );
}

fn no_leaks(seeds: &Range<u64>) {
    println!(
        "| no leak, {DAYS} days | place | hosts told | of them in their first two days | alarms by code |"
    );
    println!("|---|---|---:|---:|---|");
    for kind in HARMLESS {
        for place in PLACES {
            let what = (kind, place, MOST);
            let alarms = each(seeds, |seed| {
                harmless(what, seed, HARMLESS_INTERVAL_S, DAYS)
            });
            harmless_row(&format!("{kind:?}"), place, &alarms);
        }
    }
    let fewer = seeds.start..seeds.end.min(seeds.start + BEYOND_SEEDS);
    println!(
        "\n| no leak, up to {MOST_BEYOND} of memory, {BEYOND_DAYS} days | place | hosts told | of them in their first two days | alarms by code |"
    );
    println!("|---|---|---:|---:|---|");
    for kind in HARMLESS {
        let what = (kind, Place::Memory, MOST_BEYOND);
        let alarms = each(&fewer, |seed| {
            harmless(what, seed, BEYOND_INTERVAL_S, BEYOND_DAYS)
        });
        harmless_row(&format!("{kind:?}"), Place::Memory, &alarms);
    }
}

fn harmless_row(name: &str, place: Place, hosts: &[Vec<(u64, u16)>]) {
    let told = hosts.iter().filter(|alarms| !alarms.is_empty()).count();
    let early = hosts
        .iter()
        .filter(|alarms| !alarms.is_empty() && alarms.iter().all(|(at_s, _)| *at_s < 2 * DAY_S))
        .count();
    let mut by_code = std::collections::BTreeMap::new();
    for (_, code) in hosts.iter().flatten() {
        *by_code.entry(*code).or_insert(0_u64) += 1;
    }
    let by_code: Vec<String> = by_code
        .iter()
        .map(|(code, count)| format!("{code}: {count}"))
        .collect();
    println!(
        "| {name} | {place:?} | {told} | {early} | {} |",
        by_code.join(", ")
    );
}

fn main() {
    let numbers: Vec<u64> = std::env::args()
        .filter_map(|word| word.parse().ok())
        .collect();
    let seeds = match numbers.as_slice() {
        [from, to, ..] => *from..*to,
        _ => 2000..3000,
    };
    println!(
        "Seeds {} to {}.\n",
        seeds.start,
        seeds.end.saturating_sub(1)
    );
    leaks(&seeds);
    no_leaks(&seeds);
}
