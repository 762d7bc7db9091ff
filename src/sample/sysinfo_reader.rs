//! The `sysinfo` crate behind the same face, for who prefers it (`sample.source`), and the oracle in tests.
//!
//! It knows total and available memory, swap, load and the number of processors. Its total has the huge page
//! pool in it, it gives CPU use only as a percentage of an interval of its own, and it knows neither pressure
//! nor counters: all that is absent here. It opens files and allocates at each look.

use std::path::Path;

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use super::procfs::read_at_start;
use super::snapshot::{Memory, Scope, Snapshot};
use super::source::Reader;
use crate::clock::{Uptime, WallTime};

/// The `sysinfo` reader; it always reads the machine it runs on.
#[derive(Debug)]
pub struct SysinfoReader {
    system: System,
    /// True where the kernel gives `MemAvailable`; else `sysinfo` estimates in a way of its own.
    has_available: bool,
}

impl SysinfoReader {
    /// Asks `sysinfo` for this machine's processors.
    ///
    /// # Errors
    /// What `sysinfo` says where it does not know the system.
    pub fn open() -> Result<Self, sysinfo::Error> {
        let kinds = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
        Ok(Self {
            system: System::new_with_specifics(kinds)?,
            has_available: read_at_start(Path::new("/proc/meminfo"))
                .is_some_and(|text| super::meminfo::parse(&text).available_kib.is_some()),
        })
    }
}

impl Reader for SysinfoReader {
    fn look(&mut self, uptime: Uptime, wall: WallTime, _with_counters: bool) -> Snapshot {
        self.system
            .refresh_memory_specifics(MemoryRefreshKind::everything());
        let kib = |bytes: u64| Some(bytes / 1024);
        // It gives 0 where it could not read, and no machine has no memory.
        let known = self.system.total_memory() > 0;
        let memory = if known {
            Memory {
                total_kib: kib(self.system.total_memory()),
                available_kib: kib(self.system.available_memory()),
                available_estimated: !self.has_available,
                swap_total_kib: kib(self.system.total_swap()),
                swap_used_kib: self
                    .system
                    .total_swap()
                    .checked_sub(self.system.free_swap())
                    .and_then(kib),
                ..Memory::default()
            }
        } else {
            Memory::default()
        };
        Snapshot {
            uptime,
            wall,
            scope: Scope::Host,
            memory,
            load1_centi: System::load_average().ok().and_then(|load| centi(load.one)),
            cores: u32::try_from(self.system.cpus().len())
                .ok()
                .filter(|&cores| cores > 0),
            ..Snapshot::default()
        }
    }
}

/// Hundredths of a load, rounded to the nearest.
fn centi(load: f64) -> Option<u32> {
    let centi = (load * 100.0).round();
    if !(0.0..=f64::from(u32::MAX)).contains(&centi) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number within the bounds of u32, as just looked at"
    )]
    let centi = centi as u32;
    Some(centi)
}
