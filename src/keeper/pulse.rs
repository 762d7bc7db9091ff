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

    /// A worker is being started: it has not gone round yet.
    pub fn clear(&self, role: Role) {
        self.0.store(role.offset(), 0);
    }

    /// When the worker was last alive (`CLOCK_MONOTONIC`); `None` where it has not gone round its loop yet.
    #[must_use]
    pub fn last_ms(&self, role: Role) -> Option<u64> {
        self.0.load(role.offset()).filter(|beat| *beat > 0)
    }
}
