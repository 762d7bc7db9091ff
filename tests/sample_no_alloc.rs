//! After `open`, a look with its sample and its reading allocates nothing: counted by the allocator itself.
#![expect(
    clippy::unwrap_used,
    unsafe_code,
    reason = "an allocator can only be written so, and a test may stop at whatever surprises it"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;

use hansho::clock::{Uptime, WallTime};
use hansho::sample::{ProcReader, Quantiser, Reader, Sample, Snapshot, Summary};

thread_local! {
    // Of this thread only: the test harness allocates in others.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    ALLOCATIONS.with(|allocations| allocations.set(allocations.get().saturating_add(1)));
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches a thread-local that needs neither
// an allocation nor a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller promised.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

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
fn the_counter_counts() {
    let before = allocations();
    drop(std::hint::black_box(vec![1_u8; 100]));
    assert_eq!(allocations().saturating_sub(before), 2);
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
