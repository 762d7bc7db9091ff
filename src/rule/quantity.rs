//! What a rule can look at.

use crate::sample::{Field, Reading};

/// A quantity. The numbers travel in Config and Alert frames: never changed, new ones are appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Quantity {
    /// total - available.
    MemoryUsed = 1,
    /// Available memory.
    MemoryAvailable = 2,
    /// Anonymous memory.
    MemoryAnonymous = 3,
    /// Page cache.
    PageCache = 4,
    /// Shared memory and tmpfs.
    Shmem = 5,
    /// Reclaimable slab.
    SlabReclaimable = 6,
    /// Unreclaimable slab.
    SlabUnreclaimable = 7,
    /// Swap in use.
    SwapUsed = 8,
    /// Dirty pages.
    MemoryDirty = 9,
    /// Committed memory.
    MemoryCommitted = 10,
    /// Time until no memory is available, by the growth of the last six hours ([`super::growth`]).
    MemoryRunsOut = 11,
    /// The same by the growth of the last five minutes.
    MemoryRunsOutSoon = 12,
    /// Time until unreclaimable slab takes all that is available, by the growth of the last day.
    SlabRunsOut = 13,
    /// Time until shared memory and tmpfs take all that is available, by the growth of the last day.
    ShmemRunsOut = 14,
    /// Busy CPU.
    CpuBusy = 20,
    /// User CPU.
    CpuUser = 21,
    /// System CPU.
    CpuSystem = 22,
    /// Waiting for I/O.
    CpuIowait = 23,
    /// Stolen CPU.
    CpuSteal = 24,
    /// Load of one minute a processor.
    Load1PerCore = 25,
    /// Runnable tasks a processor.
    RunnablePerCore = 26,
    /// CPU pressure, some.
    PressureCpuSome = 30,
    /// Memory pressure, some.
    PressureMemorySome = 31,
    /// Memory pressure, full.
    PressureMemoryFull = 32,
    /// I/O pressure, some.
    PressureIoSome = 33,
    /// I/O pressure, full.
    PressureIoFull = 34,
    /// OOM kills since the last look.
    OomKill = 40,
    /// Pages swapped in a second.
    SwapIn = 41,
    /// Pages swapped out a second.
    SwapOut = 42,
    /// Major faults a second.
    MajorFaults = 43,
    /// Refaults a second.
    Refaults = 44,
    /// Drop of the page cache from its maximum of the last 60 s, permille of that maximum; counted only where
    /// the drop is at least a tenth of total memory, and only when reads wait for disks within a minute of it.
    PageCacheDrop = 50,
    /// Of a file system (this and those up to [`Self::TmpfsUsed`]; the scout looks): what is used, of what is used or
    /// available to users, as df(1) counts per cent; absent of a tmpfs.
    FilesystemUsed = 60,
    /// What is available to users, of the same total; absent of a tmpfs.
    FilesystemFree = 61,
    /// Free inodes, of all; absent where the file system has no fixed number of them, and of a tmpfs.
    InodesFree = 62,
    /// 1 once where a file system that could be written is read-only at the next look, else 0.
    FilesystemReadOnly = 63,
    /// For how long a mount has not answered, milliseconds; 0 once it has.
    MountSilence = 64,
    /// [`Self::FilesystemUsed`] of a tmpfs; absent of others.
    TmpfsUsed = 65,
    /// Of a cache directory: blocks allocated to what is in it, of the limit that is configured.
    CacheSize = 66,
    /// Of a cache directory: files and directories in it, of the limit that is configured.
    CacheEntries = 67,
    /// Readings frames discarded unsent since the last look.
    ReadingsDiscarded = 80,
    /// Alert frames lost since the last look.
    AlertsLost = 81,
    /// Step of the wall clock against uptime, milliseconds, either way; not within 10 min of boot.
    ClockStep = 82,
    /// How late the tick came, milliseconds.
    TickLate = 83,
    /// A source (the subject names it) that had given something gives nothing: 1, else 0.
    SourceGone = 84,
    /// Frames refused by a collector since the last look.
    FramesRefused = 85,
    /// Seconds since the last authenticated answer (or since start, where there was none).
    ForwardSilence = 86,
    /// The collector knew more of this run than was ever written (rollback or clone): times since the last look.
    RunAhead = 87,
    /// Posts that a collector answered with a 4xx other than 408 and 429, since the last look: all of the post was
    /// refused, and stays in the rings.
    PostsRefused = 88,
    /// 1 while the disk ring cannot be opened, created or written, else 0; absent where it is configured off.
    DiskRingFault = 89,
    /// 1 while the configuration that the host has was refused and an earlier one is in force, else 0.
    ConfigurationRefused = 90,
    /// How long nothing was heard of an agent. This and all from 100 on are judged by the collector.
    HostSilence = 100,
    /// Reboots.
    Reboots = 101,
    /// Agents of a site that are silent.
    AgentsSilent = 102,
    /// Agents with one identity.
    AgentsOfIdentity = 103,
    /// Distance of the host's clock from the collector's.
    ClockOffset = 104,
    /// Messages that a receiver did not get.
    MessagesUndelivered = 105,
}

/// A kind of thing that is watched because the configuration names it: a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// `[[filesystem]]`.
    Filesystem,
    /// `[[cache]]`.
    Cache,
}

impl Watched {
    /// Its table in agent.toml.
    #[must_use]
    pub const fn table(self) -> &'static str {
        match self {
            Self::Filesystem => "filesystem",
            Self::Cache => "cache",
        }
    }
}

/// Unit of a quantity: how levels are written and values shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// KiB; a level may be per cent of [`Value::total`].
    Kib,
    /// Permille; a level is written in per cent.
    Permille,
    /// Events or pages a second.
    PerSecond,
    /// A count of occurrences.
    Count,
    /// A number of things; a level may be per cent of [`Value::total`].
    Items,
    /// Hundredths.
    Centi,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Seconds until something is used up; [`crate::limit::TIME_LEFT_NEVER_S`] where nothing grows towards it.
    TimeLeft,
}

impl Unit {
    /// Whether a level may be per cent of [`Value::total`].
    #[must_use]
    pub const fn has_shares(self) -> bool {
        matches!(self, Self::Kib | Self::Items)
    }
}

/// A value, in the unit of its quantity, and the total that per cent refers to where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// The value.
    pub value: u64,
    /// What 100 % is.
    pub total: Option<u64>,
}

impl Quantity {
    /// Every quantity with its number and the name used in agent.toml.
    pub const ALL: [(Self, &'static str, Unit); 57] = [
        (Self::MemoryUsed, "memory_used", Unit::Kib),
        (Self::MemoryAvailable, "memory_available", Unit::Kib),
        (Self::MemoryAnonymous, "memory_anonymous", Unit::Kib),
        (Self::PageCache, "page_cache", Unit::Kib),
        (Self::Shmem, "shmem", Unit::Kib),
        (Self::SlabReclaimable, "slab_reclaimable", Unit::Kib),
        (Self::SlabUnreclaimable, "slab_unreclaimable", Unit::Kib),
        (Self::SwapUsed, "swap_used", Unit::Kib),
        (Self::MemoryDirty, "dirty", Unit::Kib),
        (Self::MemoryCommitted, "committed", Unit::Kib),
        (Self::MemoryRunsOut, "memory_runs_out", Unit::TimeLeft),
        (
            Self::MemoryRunsOutSoon,
            "memory_runs_out_soon",
            Unit::TimeLeft,
        ),
        (Self::SlabRunsOut, "slab_runs_out", Unit::TimeLeft),
        (Self::ShmemRunsOut, "shmem_runs_out", Unit::TimeLeft),
        (Self::CpuBusy, "cpu_busy", Unit::Permille),
        (Self::CpuUser, "cpu_user", Unit::Permille),
        (Self::CpuSystem, "cpu_system", Unit::Permille),
        (Self::CpuIowait, "cpu_iowait", Unit::Permille),
        (Self::CpuSteal, "cpu_steal", Unit::Permille),
        (Self::Load1PerCore, "load1_per_core", Unit::Centi),
        (Self::RunnablePerCore, "runnable_per_core", Unit::Centi),
        (Self::PressureCpuSome, "pressure_cpu_some", Unit::Permille),
        (
            Self::PressureMemorySome,
            "pressure_memory_some",
            Unit::Permille,
        ),
        (
            Self::PressureMemoryFull,
            "pressure_memory_full",
            Unit::Permille,
        ),
        (Self::PressureIoSome, "pressure_io_some", Unit::Permille),
        (Self::PressureIoFull, "pressure_io_full", Unit::Permille),
        (Self::OomKill, "oom_kill", Unit::Count),
        (Self::SwapIn, "swap_in", Unit::PerSecond),
        (Self::SwapOut, "swap_out", Unit::PerSecond),
        (Self::MajorFaults, "major_faults", Unit::PerSecond),
        (Self::Refaults, "refaults", Unit::PerSecond),
        (Self::PageCacheDrop, "page_cache_drop", Unit::Permille),
        (Self::FilesystemUsed, "filesystem_used", Unit::Kib),
        (Self::FilesystemFree, "filesystem_free", Unit::Kib),
        (Self::InodesFree, "inodes_free", Unit::Items),
        (
            Self::FilesystemReadOnly,
            "filesystem_read_only",
            Unit::Count,
        ),
        (Self::MountSilence, "mount_silence", Unit::Milliseconds),
        (Self::TmpfsUsed, "tmpfs_used", Unit::Kib),
        (Self::CacheSize, "cache_size", Unit::Kib),
        (Self::CacheEntries, "cache_entries", Unit::Items),
        (Self::ReadingsDiscarded, "readings_discarded", Unit::Count),
        (Self::AlertsLost, "alerts_lost", Unit::Count),
        (Self::ClockStep, "clock_step", Unit::Milliseconds),
        (Self::TickLate, "tick_late", Unit::Milliseconds),
        (Self::SourceGone, "source_gone", Unit::Count),
        (Self::FramesRefused, "frames_refused", Unit::Count),
        (Self::ForwardSilence, "forward_silence", Unit::Seconds),
        (Self::RunAhead, "run_ahead", Unit::Count),
        (Self::PostsRefused, "posts_refused", Unit::Count),
        (Self::DiskRingFault, "disk_ring_fault", Unit::Count),
        (
            Self::ConfigurationRefused,
            "configuration_refused",
            Unit::Count,
        ),
        (Self::HostSilence, "host_silence", Unit::Milliseconds),
        (Self::Reboots, "reboots", Unit::Count),
        (Self::AgentsSilent, "agents_silent", Unit::Count),
        (Self::AgentsOfIdentity, "agents_of_identity", Unit::Count),
        (Self::ClockOffset, "clock_offset", Unit::Milliseconds),
        (
            Self::MessagesUndelivered,
            "messages_undelivered",
            Unit::Count,
        ),
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// By number on the wire.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(quantity, ..)| quantity.number() == number)
            .map(|(quantity, ..)| *quantity)
    }

    /// By name in agent.toml.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known, _)| *known == name)
            .map(|(quantity, ..)| *quantity)
    }

    /// The name in agent.toml.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(quantity, ..)| *quantity == self)
            .map_or("", |(_, name, _)| name)
    }

    /// The unit.
    #[must_use]
    pub fn unit(self) -> Unit {
        Self::ALL
            .iter()
            .find(|(quantity, ..)| *quantity == self)
            .map_or(Unit::Count, |(.., unit)| *unit)
    }

    /// True for what comes from `/proc/vmstat`, which is read more rarely than the rest.
    #[must_use]
    pub const fn is_counter(self) -> bool {
        matches!(
            self,
            Self::OomKill | Self::SwapIn | Self::SwapOut | Self::MajorFaults | Self::Refaults
        )
    }

    /// True for a forecast: its value is the time left.
    #[must_use]
    pub fn is_forecast(self) -> bool {
        self.unit() == Unit::TimeLeft
    }

    /// What watched thing it is a quantity of; `None` where it is the host's or the agent's own.
    #[must_use]
    pub const fn of_subject(self) -> Option<Watched> {
        match self {
            Self::FilesystemUsed
            | Self::FilesystemFree
            | Self::InodesFree
            | Self::FilesystemReadOnly
            | Self::MountSilence
            | Self::TmpfsUsed => Some(Watched::Filesystem),
            Self::CacheSize | Self::CacheEntries => Some(Watched::Cache),
            _ => None,
        }
    }

    /// True for what only the collector judges: no rule of an agent can.
    #[must_use]
    pub const fn is_of_collector(self) -> bool {
        self.number() >= Self::HostSilence.number()
    }

    /// The value in a reading; `None` where it is absent there or where the quantity is not one of readings
    /// (those of the agent itself come from the machine).
    #[must_use]
    pub fn in_reading(self, reading: &Reading) -> Option<Value> {
        let total = reading.kib(Field::MemoryTotal);
        let memory = |field| reading.kib(field).map(|value| Value { value, total });
        let plain = |field| {
            reading.get(field).map(|value| Value {
                value: u64::from(value),
                total: None,
            })
        };
        let per_core = |field, scale: u64| {
            let cores = reading.get(Field::Cores).filter(|cores| *cores > 0)?;
            let value = u64::from(reading.get(field)?)
                .saturating_mul(scale)
                .checked_div(u64::from(cores))?;
            Some(Value { value, total: None })
        };
        match self {
            Self::MemoryUsed => {
                let available = reading.kib(Field::MemoryAvailable)?;
                Some(Value {
                    value: total?.saturating_sub(available),
                    total,
                })
            }
            Self::MemoryAvailable => memory(Field::MemoryAvailable),
            Self::MemoryAnonymous => memory(Field::MemoryAnonymous),
            Self::PageCache => memory(Field::PageCache),
            Self::Shmem => memory(Field::Shmem),
            Self::SlabReclaimable => memory(Field::SlabReclaimable),
            Self::SlabUnreclaimable => memory(Field::SlabUnreclaimable),
            Self::SwapUsed => {
                // A host without swap has no share of swap in use.
                let total = reading.kib(Field::SwapTotal).filter(|total| *total > 0)?;
                reading.kib(Field::SwapUsed).map(|value| Value {
                    value,
                    total: Some(total),
                })
            }
            Self::MemoryDirty => memory(Field::MemoryDirty),
            Self::MemoryCommitted => memory(Field::MemoryCommitted),
            Self::CpuBusy => plain(Field::CpuBusy),
            Self::CpuUser => plain(Field::CpuUser),
            Self::CpuSystem => plain(Field::CpuSystem),
            Self::CpuIowait => plain(Field::CpuIowait),
            Self::CpuSteal => plain(Field::CpuSteal),
            Self::Load1PerCore => per_core(Field::Load1, 1),
            Self::RunnablePerCore => per_core(Field::Runnable, 100),
            Self::PressureCpuSome => plain(Field::PressureCpuSome),
            Self::PressureMemorySome => plain(Field::PressureMemorySome),
            Self::PressureMemoryFull => plain(Field::PressureMemoryFull),
            Self::PressureIoSome => plain(Field::PressureIoSome),
            Self::PressureIoFull => plain(Field::PressureIoFull),
            Self::OomKill => plain(Field::OomKill),
            Self::SwapIn => plain(Field::SwapIn),
            Self::SwapOut => plain(Field::SwapOut),
            Self::MajorFaults => plain(Field::MajorFaults),
            Self::Refaults => plain(Field::Refaults),
            Self::MemoryRunsOut
            | Self::MemoryRunsOutSoon
            | Self::SlabRunsOut
            | Self::ShmemRunsOut
            | Self::PageCacheDrop
            | Self::FilesystemUsed
            | Self::FilesystemFree
            | Self::InodesFree
            | Self::FilesystemReadOnly
            | Self::MountSilence
            | Self::TmpfsUsed
            | Self::CacheSize
            | Self::CacheEntries
            | Self::ReadingsDiscarded
            | Self::AlertsLost
            | Self::ClockStep
            | Self::TickLate
            | Self::SourceGone
            | Self::FramesRefused
            | Self::ForwardSilence
            | Self::RunAhead
            | Self::PostsRefused
            | Self::DiskRingFault
            | Self::ConfigurationRefused
            | Self::HostSilence
            | Self::Reboots
            | Self::AgentsSilent
            | Self::AgentsOfIdentity
            | Self::ClockOffset
            | Self::MessagesUndelivered => None,
        }
    }
}
