//! The texts in Japanese, a file a range.

mod agent;
mod cache;
mod cpu;
mod memory;
mod presence;
mod storage;

use super::texts::Text;

/// All parts, in the order of the numbers.
pub(super) static ALL: &[&[Text]] = &[
    memory::TEXTS,
    cpu::TEXTS,
    cache::TEXTS,
    storage::TEXTS,
    agent::TEXTS,
    presence::TEXTS,
];
