//! One watched service: its control group, found by the unit's name or by its path, of version 2 or 1.
//!
//! Whatever a host does not tell is absent: version 1 has no split of the kernel's memory, and on many of its hosts no group of a
//! service for memory at all. A group that was removed and made again has another inode; its counters begin anew, and the look
//! says so.

use super::files::Files;
use super::groups::{BadName, Groups, Which};
use super::missing::Missing;
use crate::clock::Uptime;
use crate::sample::cgroup::{Limit, limit, oom_kill, value};
use crate::sample::service_group::{
    CpuStat, MemoryEvents, MemorySplit, Version, cpu_stat, cpuacct_usage_usec, limit_in_bytes,
    memory_events, memory_split,
};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, fstat, openat};
use std::ffi::CStr;
use std::path::Path;

/// Memory of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All that is charged to it, file cache included. Bytes.
    pub current_bytes: Option<u64>,
    /// Its own limit; a limit of a slice above it is not seen here.
    pub max: Option<Limit>,
    /// From where on it is slowed down (version 2).
    pub high: Option<Limit>,
    /// What it is.
    pub split: MemorySplit,
    /// How often it met its limits.
    pub events: MemoryEvents,
}

impl Memory {
    /// What cannot be given back on demand: all less the file cache, active and inactive. Bytes. A service that reads many files
    /// is at 95 % of its limit for ever by `current_bytes`, and that hurts nobody.
    #[must_use]
    pub fn working_bytes(&self) -> Option<u64> {
        let cache = self
            .split
            .inactive_file_bytes?
            .saturating_add(self.split.active_file_bytes?);
        // The counters are kept apart, and may differ by some pages.
        Some(self.current_bytes?.saturating_sub(cache))
    }

    /// How near to its limit it is: [`Memory::working_bytes`] in permille of `max`. Absent without a limit.
    #[must_use]
    pub fn near_permille(&self) -> Option<u16> {
        match self.max? {
            Limit::Unlimited => None,
            Limit::Bytes(max) => permille(self.working_bytes()?, max),
        }
    }
}

/// Processes, and threads, of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pids {
    /// So many.
    pub current: Option<u64>,
    /// At most so many: of this kind a limit counts processes, not bytes.
    pub max: Option<Limit>,
}

impl Pids {
    /// `current` in permille of `max`. Absent without a limit.
    #[must_use]
    pub fn near_permille(&self) -> Option<u16> {
        match self.max? {
            Limit::Unlimited => None,
            Limit::Bytes(max) => permille(self.current?, max),
        }
    }
}

fn permille(part: u64, whole: u64) -> Option<u16> {
    let permille = u128::from(part)
        .saturating_mul(1000)
        .checked_div(u128::from(whole))?;
    Some(u16::try_from(permille).unwrap_or(u16::MAX))
}

/// A service at one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// When it was looked at.
    pub at: Uptime,
    /// The group is another one than at the last look that found one: its service was started anew.
    pub made_anew: bool,
    /// The inode of the group's folder: which group it is.
    pub group: u64,
    /// Which version its memory is told by; absent where it has none.
    pub memory_version: Option<Version>,
    /// Memory.
    pub memory: Memory,
    /// CPU.
    pub cpu: CpuStat,
    /// Processes.
    pub pids: Pids,
}

/// What came to the counters from one look to the next. A counter that went back is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Over how long, in milliseconds. Of a group made anew this is an upper bound.
    pub over_ms: u64,
    /// Times it was slowed down, and so on.
    pub events: MemoryEvents,
    /// CPU.
    pub cpu: CpuStat,
}

impl Changes {
    fn between(before: &Look, now: &Look) -> Self {
        // The counters of a group that was made since then began at zero.
        let (events, cpu) = if now.made_anew {
            let zero = Some(0);
            (
                MemoryEvents {
                    high: zero,
                    max: zero,
                    oom: zero,
                    oom_kill: zero,
                },
                CpuStat {
                    usage_usec: zero,
                    periods: zero,
                    throttled_periods: zero,
                    throttled_usec: zero,
                },
            )
        } else {
            (before.memory.events, before.cpu)
        };
        let more = |now: Option<u64>, before: Option<u64>| now?.checked_sub(before?);
        let (events_now, cpu_now) = (&now.memory.events, &now.cpu);
        Self {
            over_ms: now.at.since(before.at),
            events: MemoryEvents {
                high: more(events_now.high, events.high),
                max: more(events_now.max, events.max),
                oom: more(events_now.oom, events.oom),
                oom_kill: more(events_now.oom_kill, events.oom_kill),
            },
            cpu: CpuStat {
                usage_usec: more(cpu_now.usage_usec, cpu.usage_usec),
                periods: more(cpu_now.periods, cpu.periods),
                throttled_periods: more(cpu_now.throttled_periods, cpu.throttled_periods),
                throttled_usec: more(cpu_now.throttled_usec, cpu.throttled_usec),
            },
        }
    }

    /// Periods in which it was held back, in permille of those in which it ran. Absent where it did not run, or has no quota.
    #[must_use]
    pub fn throttled_permille(&self) -> Option<u16> {
        permille(self.cpu.throttled_periods?, self.cpu.periods?)
    }
}

/// What is known of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one for a service; a box would be heap at each look"
)]
pub enum State {
    /// Not looked at yet.
    #[default]
    Unknown,
    /// As it was at the last look.
    Found(Look),
    /// There was no group of it at the last look: it does not run, or not yet.
    Missing {
        /// Why.
        why: Missing,
        /// Since when every look found so.
        since: Uptime,
    },
}

/// A watched service. A look takes no heap while its group is where it was.
#[derive(Debug)]
pub struct Service {
    groups: Groups,
    files: Files,
    state: State,
    last: Option<Look>,
    changes: Option<Changes>,
}

impl Service {
    /// The service `which` of the host under `root`.
    ///
    /// # Errors
    /// A name that cannot be one.
    pub fn new(root: &Path, which: Which) -> Result<Self, BadName> {
        Ok(Self {
            groups: Groups::new(root, which)?,
            files: Files::new(),
            state: State::Unknown,
            last: None,
            changes: None,
        })
    }

    /// What is known.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// What came since the look before, of the last look that found a group; absent at the first.
    #[must_use]
    pub const fn changes(&self) -> Option<Changes> {
        self.changes
    }

    /// Where its group is, below the hierarchy's root; absent before it was found.
    #[must_use]
    pub fn group(&self) -> Option<&Path> {
        self.groups.found()
    }

    /// Looks.
    pub fn look(&mut self, now: &mut impl FnMut() -> Uptime) {
        let at = now();
        self.state = match (self.read(at), self.state) {
            (Ok(look), _) => {
                self.changes = self.last.map(|before| Changes::between(&before, &look));
                self.last = Some(look);
                State::Found(look)
            }
            (Err(why), State::Missing { why: before, since }) if why == before => {
                State::Missing { why, since }
            }
            (Err(why), _) => State::Missing { why, since: at },
        };
    }

    fn read(&mut self, at: Uptime) -> Result<Look, Missing> {
        let main = match self.groups.main().and_then(open) {
            Ok(folder) => folder,
            Err(Missing::NotThere) => {
                // It may be elsewhere now.
                self.groups.find()?;
                self.groups.main().and_then(open)?
            }
            Err(why) => return Err(why),
        };
        let group = fstat(&main)?.st_ino;
        let mut look = Look {
            at,
            made_anew: self.last.is_some_and(|last| last.group != group),
            group,
            memory_version: None,
            memory: Memory::default(),
            cpu: CpuStat::default(),
            pids: Pids::default(),
        };
        if let Some((version, folder)) = self.groups.memory()
            && let Ok(folder) = open(folder)
        {
            look.memory_version = Some(version);
            look.memory = memory(&mut self.files, version, folder.as_fd());
        }
        if let Some((version, folder)) = self.groups.cpu() {
            if let Ok(folder) = open(folder) {
                look.cpu = read(&mut self.files, folder.as_fd(), c"cpu.stat")
                    .map(cpu_stat)
                    .unwrap_or_default();
            }
            if version == Version::One
                && let Some(Ok(folder)) = self.groups.cpuacct().map(open)
            {
                look.cpu.usage_usec = read(&mut self.files, folder.as_fd(), c"cpuacct.usage")
                    .and_then(cpuacct_usage_usec);
            }
        }
        if let Some(Ok(folder)) = self.groups.pids().map(open) {
            let folder = folder.as_fd();
            look.pids.current = read(&mut self.files, folder, c"pids.current").and_then(value);
            look.pids.max = read(&mut self.files, folder, c"pids.max").and_then(limit);
        }
        Ok(look)
    }
}

fn memory(files: &mut Files, version: Version, folder: BorrowedFd<'_>) -> Memory {
    let mut found = Memory {
        split: read(files, folder, c"memory.stat")
            .map(|text| memory_split(text, version))
            .unwrap_or_default(),
        ..Memory::default()
    };
    match version {
        Version::Two => {
            found.current_bytes = read(files, folder, c"memory.current").and_then(value);
            found.max = read(files, folder, c"memory.max").and_then(limit);
            found.high = read(files, folder, c"memory.high").and_then(limit);
            found.events = read(files, folder, c"memory.events")
                .map(memory_events)
                .unwrap_or_default();
        }
        Version::One => {
            found.current_bytes = read(files, folder, c"memory.usage_in_bytes").and_then(value);
            found.max = read(files, folder, c"memory.limit_in_bytes").and_then(limit_in_bytes);
            found.events.max = read(files, folder, c"memory.failcnt").and_then(value);
            found.events.oom_kill = read(files, folder, c"memory.oom_control").and_then(oom_kill);
        }
    }
    found
}

fn read<'a>(files: &'a mut Files, folder: BorrowedFd<'_>, name: &CStr) -> Option<&'a [u8]> {
    files.read(folder, name).ok()
}

fn open(folder: &CStr) -> Result<OwnedFd, Missing> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(CWD, folder, flags, Mode::empty())?)
}
