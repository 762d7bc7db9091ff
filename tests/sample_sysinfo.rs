//! Two readers of this machine agree: ours and the `sysinfo` crate.

use std::path::Path;

use hansho::clock::{Uptime, WallTime};
use hansho::sample::{ProcReader, Reader, Scope, Snapshot, SysinfoReader};

/// Between two looks of ours, some 100 µs apart, memory may go up and down again unseen: by what two processors
/// can fault in or free in that time at some 10 GB/s.
const CHURN_KIB: u64 = 2048;
/// Looks until one falls into a quiet moment; other tests run beside this one.
const TRIES: usize = 200;

fn look(reader: &mut impl Reader) -> Snapshot {
    reader.look(Uptime::from_millis(1), WallTime::from_millis(1), false)
}

/// `value` lies where the two looks around it say, and these are close enough to say anything.
fn lies_between(before: u64, value: u64, after: u64) -> bool {
    let (low, high) = (before.min(after), before.max(after));
    high.saturating_sub(low) <= CHURN_KIB
        && low.saturating_sub(CHURN_KIB) <= value
        && value <= high.saturating_add(CHURN_KIB)
}

#[test]
fn both_readers_agree_about_this_machine() {
    let mut ours = ProcReader::open(Path::new("/")).unwrap();
    let mut theirs = SysinfoReader::open().unwrap();
    let first = look(&mut ours);
    if first.scope == Scope::Container {
        // sysinfo reads the machine and not the container: the two have nothing to agree about.
        return;
    }
    let agreed = (0..TRIES).any(|_| {
        let (before, between, after) = (look(&mut ours), look(&mut theirs), look(&mut ours));
        // What cannot change meanwhile is the same, exactly.
        let pool = before.memory.hugetlb_total_kib.unwrap_or(0);
        let with_pool = before
            .memory
            .total_kib
            .map(|total| total.saturating_add(pool));
        assert_eq!(between.memory.total_kib, with_pool);
        assert_eq!(between.memory.swap_total_kib, before.memory.swap_total_kib);
        assert_eq!(between.cores, before.cores);
        assert_eq!(
            between.memory.available_estimated,
            before.memory.available_estimated
        );
        let available = |snapshot: &Snapshot| snapshot.memory.available_kib.unwrap();
        let swap = |snapshot: &Snapshot| snapshot.memory.swap_used_kib.unwrap();
        lies_between(available(&before), available(&between), available(&after))
            && lies_between(swap(&before), swap(&between), swap(&after))
            // The kernel makes a new load every 5 s only.
            && [before.load1_centi, after.load1_centi].contains(&between.load1_centi)
    });
    assert!(
        agreed,
        "no look of {TRIES} agreed: ours {:?}, theirs {:?}",
        look(&mut ours).memory,
        look(&mut theirs).memory
    );
}

#[test]
fn sysinfo_gives_only_what_it_knows() {
    let snapshot = look(&mut SysinfoReader::open().unwrap());
    assert!(snapshot.memory.total_kib.is_some_and(|total| total > 0));
    assert!(snapshot.cores.is_some());
    assert_eq!(snapshot.cpu, None);
    assert_eq!(snapshot.memory.page_cache_kib, None);
    assert_eq!(snapshot.pressure.memory_some_us, None);
    assert_eq!(snapshot.counters.oom_kill, None);
}
