//! Who has a seat in the table of processes, in virtual time.
#![expect(
    clippy::unwrap_used,
    reason = "a test may stop at whatever surprises it"
)]

use hansho::clock::Uptime;
use hansho::limit::{PROCESS_SEATS_ON_TRIAL, PROCESSES, SUSPECTS};
use hansho::scout::table::Seen;
use hansho::scout::{Admission, Growth, Identity, Look, Process, Suspects, Table, Text};

/// Ninety of them are an hour, and fifteen ten minutes.
const TICK_MS: u64 = 40_000;

fn look(at_ms: u64, pid: u32, memory_kib: u64) -> Look {
    Look {
        at: Uptime::from_millis(at_ms),
        id: Identity {
            pid,
            start_ticks: 5,
        },
        parent: 1,
        threads: 1,
        name: Text::cut(b"app"),
        runs: false,
        cpu_ms: 0,
        age_ms: 1_000_000,
        memory_kib: Some(memory_kib),
        swap_kib: Some(0),
    }
}

/// Every seat taken, by processes 1 to 1024 of `memory_kib` each.
fn full(memory_kib: u64) -> Box<Table> {
    let mut table = Table::boxed();
    for pid in 1..=u32::try_from(PROCESSES).unwrap() {
        assert_eq!(
            table.offer(&look(1000, pid, memory_kib)),
            Admission::FreeSeat
        );
    }
    table
}

fn again(table: &mut Table, look: &Look) {
    let seat = table.seat_of(look.id.pid).unwrap();
    assert_eq!(table.again(seat, look), Some(Seen::Same));
}

fn get(table: &Table, pid: u32) -> Process {
    *table.at(table.seat_of(pid).unwrap()).unwrap()
}

#[test]
fn the_larger_takes_the_seat_of_the_smallest() {
    let mut table = full(10_000);
    assert_eq!(table.offer(&look(2000, 5000, 9_000)), Admission::Small);
    // Not by a little: two of a size would take each other's seat in turn.
    assert_eq!(table.offer(&look(2000, 5001, 11_500)), Admission::Small);
    assert_eq!(table.offer(&look(2000, 5002, 11_507)), Admission::Larger);
    assert_eq!(table.len(), PROCESSES);
    assert_eq!(get(&table, 5002).memory_kib, Some(11_507));
    let swapped = Look {
        swap_kib: Some(11_000),
        ..look(2000, 5003, 600)
    };
    assert_eq!(table.offer(&swapped), Admission::Larger);
}

#[test]
fn a_fork_bomb_pushes_nobody_out() {
    let mut table = full(0);
    for pid in 1..=900 {
        let seat = table.seat_of(pid).unwrap();
        table.again(seat, &look(2000, pid, 100_000));
    }
    table.settle(Uptime::from_millis(2000));
    let mut admitted = 0;
    for pid in 10_000..60_000 {
        let bomb = Look {
            runs: true,
            ..look(3000, pid, 200)
        };
        match table.offer(&bomb) {
            Admission::OnTrial => admitted += 1,
            other => assert_eq!(other, Admission::TrialFull),
        }
    }
    assert_eq!(admitted, PROCESS_SEATS_ON_TRIAL);
    let large = table
        .processes()
        .filter(|process| process.memory_kib == Some(100_000))
        .count();
    assert_eq!(large, 900);
}

#[test]
fn who_computes_keeps_the_seat_that_it_had_on_trial() {
    let mut table = full(10_000);
    let mut eater = Look {
        runs: true,
        ..look(2000, 7000, 100)
    };
    let mut idler = Look {
        runs: true,
        ..look(2000, 7001, 100)
    };
    assert_eq!(table.offer(&eater), Admission::OnTrial);
    assert_eq!(table.offer(&idler), Admission::OnTrial);
    (eater.at, idler.at) = (Uptime::from_millis(4000), Uptime::from_millis(4000));
    eater.cpu_ms += 1800;
    again(&mut table, &eater);
    again(&mut table, &idler);
    assert_eq!(get(&table, 7000).cpu_permille, Some(900));
    // The trial is over for both: the one that did nothing is the smallest now.
    assert_eq!(table.offer(&look(4000, 7002, 20_000)), Admission::Larger);
    assert_eq!(table.seat_of(7001), None);
    table.settle(Uptime::from_millis(4000));
    for pid in 8000..8500 {
        table.offer(&look(5000, pid, 50_000));
    }
    assert!(table.seat_of(7000).is_some());
    let busy_all_its_life = Look {
        cpu_ms: 100_000,
        ..look(5000, 9000, 100)
    };
    assert_eq!(table.offer(&busy_all_its_life), Admission::OnTrial);
}

#[test]
fn a_small_one_that_grows_keeps_its_seat() {
    let mut table = full(10_000);
    for pid in 2..=1024 {
        again(&mut table, &look(2000, pid, 10_000));
    }
    again(&mut table, &look(2000, 1, 10_300));
    table.settle(Uptime::from_millis(2000));
    for pid in 5000..8000 {
        table.offer(&look(3000, pid, 100_000));
    }
    assert!(table.seat_of(1).is_some());
}

#[test]
fn growth_is_over_what_was_asked_for_and_says_over_what() {
    let mut table = Table::boxed();
    let mut first = None;
    for tick in 0..=48 * 90 {
        let at_ms = 1000 + tick * TICK_MS;
        let now = look(at_ms, 7, 1000 + 10 * tick);
        match first {
            None => {
                table.offer(&now);
                first = Some(at_ms);
            }
            Some(_) => again(&mut table, &now),
        }
        table.settle(Uptime::from_millis(at_ms));
        let process = get(&table, 7);
        if tick == 0 {
            assert_eq!(process.growth_short, None);
            continue;
        }
        let (short, long) = (process.growth_short.unwrap(), process.growth_long.unwrap());
        for (growth, asked_for) in [(short, 15 * TICK_MS), (long, 24 * 90 * TICK_MS)] {
            let ticks = growth.over_ms / TICK_MS;
            assert_eq!(growth.kib, i64::try_from(10 * ticks).unwrap());
            let at_least = asked_for.min(tick * TICK_MS);
            let at_most = asked_for + asked_for / 3 + TICK_MS;
            assert!((at_least..=at_most).contains(&growth.over_ms), "{growth:?}");
        }
    }
}

#[test]
fn what_shrinks_or_cannot_be_read_did_not_grow() {
    let mut table = Table::boxed();
    table.offer(&look(1000, 7, 5000));
    let unreadable = Look {
        memory_kib: None,
        ..look(1000, 8, 0)
    };
    table.offer(&unreadable);
    again(&mut table, &look(3000, 7, 4000));
    again(
        &mut table,
        &Look {
            at: Uptime::from_millis(3000),
            ..unreadable
        },
    );
    assert_eq!(
        get(&table, 7).growth_short,
        Some(Growth {
            kib: -1000,
            over_ms: 2000
        })
    );
    assert_eq!(get(&table, 8).growth_short, None);
    assert_eq!(get(&table, 8).memory_kib, None);
    let suspects = Suspects::of(table.processes());
    assert!(suspects.growth_short.is_empty());
    assert_eq!(suspects.memory.len(), 1);
    // Readable from now on: from now on its growth is known.
    again(&mut table, &look(5000, 8, 100));
    assert_eq!(get(&table, 8).growth_short, None);
    again(&mut table, &look(6000, 8, 150));
    assert_eq!(
        get(&table, 8).growth_short,
        Some(Growth {
            kib: 50,
            over_ms: 1000
        })
    );
}

#[test]
fn an_id_that_is_given_again_is_another_process() {
    let mut table = Table::boxed();
    table.offer(&look(1000, 7, 5000));
    let seat = table.seat_of(7).unwrap();
    let mut other = look(2000, 7, 90_000);
    other.id.start_ticks = 6;
    assert_eq!(table.again(seat, &other), Some(Seen::Replaced));
    assert!(table.is_empty() && table.seat_of(7).is_none());
    table.offer(&other);
    assert_eq!(get(&table, 7).growth_short, None);
    assert_eq!(table.len(), 1);
}

#[test]
fn a_new_name_is_told() {
    let mut table = Table::boxed();
    table.offer(&look(1000, 7, 5000));
    let seat = table.seat_of(7).unwrap();
    let renamed = Look {
        name: Text::cut(b"other"),
        ..look(2000, 7, 5000)
    };
    assert_eq!(table.again(seat, &renamed), Some(Seen::Renamed));
    assert_eq!(table.again(seat, &renamed), Some(Seen::Same));
    assert_eq!(get(&table, 7).name.as_bytes(), b"other");
}

#[test]
fn cpu_is_not_told_over_too_short_a_time_nor_where_it_went_back() {
    let mut table = Table::boxed();
    table.offer(&look(1000, 7, 5000));
    let used = |at_ms, cpu_ms| Look {
        cpu_ms,
        ..look(at_ms, 7, 5000)
    };
    again(&mut table, &used(1100, 90));
    assert_eq!(get(&table, 7).cpu_permille, None);
    again(&mut table, &used(2000, 500));
    assert_eq!(get(&table, 7).cpu_permille, Some(500));
    again(&mut table, &used(3000, 2500));
    assert_eq!(get(&table, 7).cpu_permille, Some(2000));
    again(&mut table, &used(4000, 100));
    assert_eq!(get(&table, 7).cpu_permille, None);
}

#[test]
fn lists_are_in_order_and_ties_by_id() {
    let mut table = Table::boxed();
    for pid in (1..=20).rev() {
        let memory_kib = if pid <= 10 { 500 } else { u64::from(pid) };
        table.offer(&look(1000, pid, memory_kib));
    }
    let suspects = Suspects::of(table.processes());
    let pids: Vec<u32> = suspects
        .memory
        .iter()
        .map(|suspect| suspect.process.id.pid)
        .collect();
    assert_eq!(
        pids,
        (1..=u32::try_from(SUSPECTS).unwrap()).collect::<Vec<_>>()
    );
    assert!(suspects.cpu.is_empty() && suspects.swap.is_empty());
}
