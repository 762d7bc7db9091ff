//! One look at the host, in the kernel's own cumulative values.

use crate::clock::{Uptime, WallTime};

/// Whose memory and CPU the values describe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The whole machine.
    #[default]
    Host,
    /// A container: the agent's cgroup is its namespace's root and has a limit, or lxcfs serves `/proc/meminfo`.
    Container,
}

/// Memory levels in KiB, the hugetlb pool taken out of total (and shown on its own).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// `MemTotal` less the hugetlb pool; in a container the limit.
    pub total_kib: Option<u64>,
    /// `MemAvailable`, or the kernel's estimate made by us (see `available_estimated`).
    pub available_kib: Option<u64>,
    /// True where the kernel (before 3.14) gives no `MemAvailable` and it was estimated its way.
    pub available_estimated: bool,
    /// `AnonPages`.
    pub anonymous_kib: Option<u64>,
    /// `Cached + Buffers - Shmem`.
    pub page_cache_kib: Option<u64>,
    /// `Shmem`: tmpfs and shared memory.
    pub shmem_kib: Option<u64>,
    /// `SReclaimable`.
    pub slab_reclaimable_kib: Option<u64>,
    /// `SUnreclaim`.
    pub slab_unreclaimable_kib: Option<u64>,
    /// `SwapTotal`.
    pub swap_total_kib: Option<u64>,
    /// `SwapTotal - SwapFree`.
    pub swap_used_kib: Option<u64>,
    /// `Dirty`.
    pub dirty_kib: Option<u64>,
    /// `Committed_AS`.
    pub committed_kib: Option<u64>,
    /// ARC size of ZFS (`/proc/spl/kstat/zfs/arcstats`, `size`).
    pub zfs_arc_kib: Option<u64>,
    /// `Hugetlb`, the pools of all page sizes; before 4.16 `HugePages_Total * Hugepagesize`.
    pub hugetlb_total_kib: Option<u64>,
    /// `HugePages_Free * Hugepagesize`: the free part of the pool of the default size.
    pub hugetlb_free_kib: Option<u64>,
}

/// CPU time since boot in ticks of `USER_HZ`, from the first line of `/proc/stat` (proc_stat(5)); guest time is
/// part of user already and not counted twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// user + nice (guest time is contained).
    pub user: u64,
    /// system + irq + softirq.
    pub system: u64,
    /// idle.
    pub idle: u64,
    /// iowait: idle too, as far as "busy" goes.
    pub iowait: u64,
    /// steal.
    pub steal: u64,
}

/// Microseconds of stall since boot, the `total=` of `/proc/pressure/*` (Documentation/accounting/psi.rst).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PressureTotals {
    /// cpu, some.
    pub cpu_some_us: Option<u64>,
    /// memory, some.
    pub memory_some_us: Option<u64>,
    /// memory, full.
    pub memory_full_us: Option<u64>,
    /// io, some.
    pub io_some_us: Option<u64>,
    /// io, full.
    pub io_full_us: Option<u64>,
}

/// Event counters since boot from `/proc/vmstat`, in a container since the start of its group (`memory.stat`,
/// `memory.events`); all absent on looks where they were not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// `oom_kill` (since 4.13).
    pub oom_kill: Option<u64>,
    /// `pswpin`.
    pub swap_in_pages: Option<u64>,
    /// `pswpout`.
    pub swap_out_pages: Option<u64>,
    /// `pgmajfault`.
    pub major_faults: Option<u64>,
    /// `workingset_refault_file` (before 5.9: `workingset_refault`): pages that came back after eviction.
    pub refaults: Option<u64>,
}

/// One look at the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When, since boot.
    pub uptime: Uptime,
    /// When, as the host believes.
    pub wall: WallTime,
    /// Host or container.
    pub scope: Scope,
    /// Memory levels.
    pub memory: Memory,
    /// CPU times, absent where `/proc/stat` could not be read.
    pub cpu: Option<CpuTimes>,
    /// Load of one minute in hundredths.
    pub load1_centi: Option<u32>,
    /// Runnable tasks, the reader itself included: `procs_running` of `/proc/stat`, or where that file is long
    /// the same number in `/proc/loadavg`.
    pub runnable: Option<u32>,
    /// Processors on line: `/sys/devices/system/cpu/online`, or the `cpuN` lines of `/proc/stat`.
    pub cores: Option<u32>,
    /// Pressure totals.
    pub pressure: PressureTotals,
    /// Counters; see [`Counters`].
    pub counters: Counters,
    /// Sources that gave nothing at this look although they had given something before: bit n is
    /// [`super::Source`] number n.
    pub sources_gone: u16,
}
