//! After `open`, the walk through `/proc`, the table and the lists of suspects allocate nothing: counted by the allocator
//! itself. That is why they go on while memory is gone.
#![expect(
    clippy::unwrap_used,
    unsafe_code,
    reason = "an allocator can only be written so, and a test may stop at whatever surprises it"
)]

mod scout_common;

use hansho::clock::Uptime;
use hansho::limit::PROCESSES_PER_STEP;
use hansho::scout::{Scanner, Suspects};
use scout_common::{Fake, Tree};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;

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

/// Allocations of steps until the walk has come to its end `walks` times, and how often anything was looked at.
fn walks(root: &Path, walks: u32) -> (u64, u32) {
    let mut scanner = Scanner::open(root).unwrap();
    let (mut now, mut ended, mut looks) = (0_u64, 0_u32, 0_u32);
    let before = allocations();
    while ended < walks {
        let step = scanner.step(PROCESSES_PER_STEP, &mut || {
            now = now.saturating_add(100);
            Uptime::from_millis(now)
        });
        ended = ended.saturating_add(u32::from(step.walk_ended));
        looks = looks.saturating_add(step.looks);
        std::hint::black_box(Suspects::of(scanner.table().processes()));
    }
    (allocations().saturating_sub(before), looks)
}

#[test]
fn the_counter_counts() {
    let before = allocations();
    drop(std::hint::black_box(vec![1_u8; 100]));
    assert_eq!(allocations().saturating_sub(before), 2);
}

#[test]
fn walks_allocate_nothing() {
    let (allocated, looks) = walks(Path::new("/"), 20);
    assert_eq!(allocated, 0);
    assert!(looks > 0);
    // More than have a seat, some swapped, some running, some that cannot be read.
    let tree = Tree::new();
    tree.meminfo(100);
    for (name, state) in [("sleeps", 'S'), ("runs", 'R')] {
        let fake = Fake {
            state,
            swap_kib: 10,
            ..Fake::default()
        };
        tree.folder(name, 1, &fake);
    }
    tree.like("sleeps", 1..=900);
    tree.like("runs", 901..=1500);
    tree.like("nowhere", 1501..=1600);
    let (allocated, looks) = walks(tree.root(), 10);
    assert_eq!(allocated, 0);
    assert!(looks > 1600);
}
