//! After `open`, the walk through `/proc`, the table and the lists of suspects allocate nothing: counted by the allocator
//! itself. That is why they go on while memory is gone.
#![expect(
    clippy::unwrap_used,
    reason = "a test may stop at whatever surprises it"
)]

mod alloc_common;
mod scout_common;

use alloc_common::allocations;
use hansho::clock::Uptime;
use hansho::limit::PROCESSES_PER_STEP;
use hansho::scout::{Scanner, Suspects};
use scout_common::{Fake, Tree};
use std::path::Path;

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
