//! A sample: levels, and permille over the interval to the previous snapshot. One JSON line of `hansho sample`.

use super::snapshot::{Counters, Memory, Scope};
use crate::clock::{Uptime, WallTime};

/// CPU shares in permille of the interval (all processors together are 1000), and levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Everything but idle and iowait.
    pub busy_permille: Option<u16>,
    /// User and nice.
    pub user_permille: Option<u16>,
    /// System, irq and softirq.
    pub system_permille: Option<u16>,
    /// Waiting for I/O.
    pub iowait_permille: Option<u16>,
    /// Taken by the hypervisor.
    pub steal_permille: Option<u16>,
    /// Load of one minute, hundredths.
    pub load1_centi: Option<u32>,
    /// Runnable tasks.
    pub runnable: Option<u32>,
    /// Processors on line.
    pub cores: Option<u32>,
}

/// Stall in permille of the interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// cpu, some.
    pub cpu_some_permille: Option<u16>,
    /// memory, some.
    pub memory_some_permille: Option<u16>,
    /// memory, full.
    pub memory_full_permille: Option<u16>,
    /// io, some.
    pub io_some_permille: Option<u16>,
    /// io, full.
    pub io_full_permille: Option<u16>,
}

/// One sample. `counters` are the kernel's cumulative values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// When, since boot.
    pub uptime: Uptime,
    /// When, as the host believes.
    pub wall: WallTime,
    /// Host or container.
    pub scope: Scope,
    /// Memory levels in KiB.
    pub memory: Memory,
    /// CPU over the interval.
    pub cpu: Cpu,
    /// Pressure over the interval.
    pub pressure: Pressure,
    /// Cumulative counters.
    pub counters: Counters,
    /// See [`super::Snapshot::sources_gone`]; not part of the JSON.
    pub sources_gone: u16,
}
