//! After `open`, a look with its sample and its reading allocates nothing: counted by the allocator itself.
#![expect(
    clippy::unwrap_used,
    reason = "a test may stop at whatever surprises it"
)]

mod alloc_common;

use alloc_common::allocations;
use hansho::clock::{Uptime, WallTime};
use hansho::sample::{ProcReader, Quantiser, Reader, Sample, Snapshot, Summary};
use std::path::Path;

fn thousand_looks(root: &Path) -> u64 {
    let mut reader = ProcReader::open(root).unwrap();
    let mut quantiser = Quantiser::new();
    let mut summary = Summary::new();
    let mut previous: Option<Snapshot> = None;
    let before = allocations();
    for tick in 1..=1000_u64 {
        let uptime = Uptime::from_millis(tick.saturating_mul(1000));
        let wall = WallTime::from_millis(0);
        let snapshot = reader.look(uptime, wall, tick % 10 == 0);
        let sample = Sample::between(previous.as_ref(), &snapshot);
        let reading = quantiser.reading(&sample);
        summary.add(&snapshot, &reading);
        if tick % 10 == 0 {
            assert!(summary.take().is_some());
        }
        previous = Some(snapshot);
    }
    allocations().saturating_sub(before)
}

#[test]
fn a_thousand_looks_allocate_nothing() {
    assert_eq!(thousand_looks(Path::new("/")), 0);
    for tree in ["container-v2", "zfs", "cores-512", "linux-3.10"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/trees")
            .join(tree);
        assert_eq!(thousand_looks(&root), 0, "{tree}");
    }
}
