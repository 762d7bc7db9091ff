//! A page that workers and keeper share: when did each worker last go round its loop?

use crate::spool::Memory;
use crate::sys::{self, Mapping};
use std::fs::File;
use std::io;
use std::sync::Arc;

/// Size of the page.
const PULSE_BYTES: u64 = 4096;

/// A worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Samples and records.
    Watcher,
    /// Posts.
    Forwarder,
}

impl Role {
    /// The word for logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Watcher => "watcher",
            Self::Forwarder => "forwarder",
        }
    }

    const fn offset(self) -> usize {
        match self {
            Self::Watcher => 0,
            Self::Forwarder => 64,
        }
    }
}

/// The page.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Mapping>);

impl Pulse {
    /// A new page, in memory only.
    ///
    /// # Errors
    /// As memfd_create(2) and mmap(2).
    pub fn create() -> io::Result<(File, Self)> {
        let file = File::from(rustix::fs::memfd_create(
            "hansho-pulse",
            rustix::fs::MemfdFlags::CLOEXEC,
        )?);
        file.set_len(PULSE_BYTES)?;
        let pulse = Self(Arc::new(Mapping::of(&file, true)?));
        Ok((file, pulse))
    }

    /// The page of a worker's keeper.
    ///
    /// # Errors
    /// As mmap(2).
    pub fn of(file: &File) -> io::Result<Self> {
        Ok(Self(Arc::new(Mapping::of(file, true)?)))
    }

    /// The worker is alive now.
    pub fn beat(&self, role: Role) {
        self.0.store(role.offset(), sys::monotonic_ms());
    }

    /// Milliseconds since the worker was last alive.
    #[must_use]
    pub fn age_ms(&self, role: Role, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.0.load(role.offset()).unwrap_or(0))
    }
}
