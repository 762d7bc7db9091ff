//! A reading: the quantised form that is recorded, sent and judged by the rules.

use super::snapshot::Scope;
use crate::clock::{Uptime, WallTime};

/// Number of fields of a [`Reading`].
pub const FIELDS: usize = 34;

/// A field of a reading. The numbers are part of the frame format (docs/FRAME.md): they are never changed, new
/// ones are appended. The first sixteen change often
/// and have a bit of their own in a packed reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Field {
    /// Available memory, quanta.
    MemoryAvailable = 0,
    /// Busy CPU, permille.
    CpuBusy = 1,
    /// User CPU, permille.
    CpuUser = 2,
    /// System CPU, permille.
    CpuSystem = 3,
    /// CPU pressure, permille.
    PressureCpuSome = 4,
    /// Anonymous memory, quanta.
    MemoryAnonymous = 5,
    /// Page cache, quanta.
    PageCache = 6,
    /// Committed memory, quanta.
    MemoryCommitted = 7,
    /// Dirty pages, quanta.
    MemoryDirty = 8,
    /// I/O pressure some, permille.
    PressureIoSome = 9,
    /// I/O pressure full, permille.
    PressureIoFull = 10,
    /// Waiting for I/O, permille.
    CpuIowait = 11,
    /// Runnable tasks.
    Runnable = 12,
    /// Load of one minute, hundredths.
    Load1 = 13,
    /// Reclaimable slab, quanta.
    SlabReclaimable = 14,
    /// Unreclaimable slab, quanta.
    SlabUnreclaimable = 15,
    /// Stolen CPU, permille.
    CpuSteal = 16,
    /// Shared memory, quanta.
    Shmem = 17,
    /// Memory pressure some, permille.
    PressureMemorySome = 18,
    /// Memory pressure full, permille.
    PressureMemoryFull = 19,
    /// Swap in use, quanta.
    SwapUsed = 20,
    /// Major faults a second.
    MajorFaults = 21,
    /// Refaults a second.
    Refaults = 22,
    /// Pages swapped in a second.
    SwapIn = 23,
    /// Pages swapped out a second.
    SwapOut = 24,
    /// OOM kills since the previous reading that had this field.
    OomKill = 25,
    /// Memory used (total - available): highest of the interval, quanta; only in stream 1.
    MemoryUsedPeak = 26,
    /// Busy CPU: highest of the interval, permille; only in stream 1.
    CpuBusyPeak = 27,
    /// Total memory, quanta.
    MemoryTotal = 28,
    /// Total swap, quanta.
    SwapTotal = 29,
    /// ZFS ARC, quanta.
    ZfsArc = 30,
    /// Huge page pool, quanta.
    HugetlbTotal = 31,
    /// Free part of the huge page pool, quanta.
    HugetlbFree = 32,
    /// Processors on line.
    Cores = 33,
}

impl Field {
    /// All fields, in the order of their numbers.
    pub const ALL: [Self; FIELDS] = [
        Self::MemoryAvailable,
        Self::CpuBusy,
        Self::CpuUser,
        Self::CpuSystem,
        Self::PressureCpuSome,
        Self::MemoryAnonymous,
        Self::PageCache,
        Self::MemoryCommitted,
        Self::MemoryDirty,
        Self::PressureIoSome,
        Self::PressureIoFull,
        Self::CpuIowait,
        Self::Runnable,
        Self::Load1,
        Self::SlabReclaimable,
        Self::SlabUnreclaimable,
        Self::CpuSteal,
        Self::Shmem,
        Self::PressureMemorySome,
        Self::PressureMemoryFull,
        Self::SwapUsed,
        Self::MajorFaults,
        Self::Refaults,
        Self::SwapIn,
        Self::SwapOut,
        Self::OomKill,
        Self::MemoryUsedPeak,
        Self::CpuBusyPeak,
        Self::MemoryTotal,
        Self::SwapTotal,
        Self::ZfsArc,
        Self::HugetlbTotal,
        Self::HugetlbFree,
        Self::Cores,
    ];

    /// True for levels of memory, which count quanta of `1 << quantum_shift` KiB.
    #[must_use]
    pub const fn is_quanta(self) -> bool {
        matches!(
            self,
            Self::MemoryAvailable
                | Self::MemoryAnonymous
                | Self::PageCache
                | Self::MemoryCommitted
                | Self::MemoryDirty
                | Self::SlabReclaimable
                | Self::SlabUnreclaimable
                | Self::Shmem
                | Self::SwapUsed
                | Self::MemoryUsedPeak
                | Self::MemoryTotal
                | Self::SwapTotal
                | Self::ZfsArc
                | Self::HugetlbTotal
                | Self::HugetlbFree
        )
    }
}

/// A reading: each field absent or a number in the unit that [`Field`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// When, since boot.
    pub uptime: Uptime,
    /// When, as the host believes; not part of the packed form, which has the run's anchor.
    pub wall: WallTime,
    /// Host or container.
    pub scope: Scope,
    /// True where available memory was estimated.
    pub available_estimated: bool,
    /// A quantum is `1 << quantum_shift` KiB: the least power of two that fits total memory into 16 bits.
    pub quantum_shift: u8,
    /// Sources gone, see [`super::Snapshot::sources_gone`]; not part of the packed form.
    pub sources_gone: u16,
    values: [Option<u32>; FIELDS],
}

impl Reading {
    /// A reading with every field absent.
    #[must_use]
    pub const fn empty(uptime: Uptime, wall: WallTime, quantum_shift: u8) -> Self {
        Self {
            uptime,
            wall,
            scope: Scope::Host,
            available_estimated: false,
            quantum_shift,
            sources_gone: 0,
            values: [None; FIELDS],
        }
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<u32> {
        self.values.get(field as usize).copied().flatten()
    }

    /// Sets or takes away the value of a field.
    pub fn set(&mut self, field: Field, value: Option<u32>) {
        if let Some(slot) = self.values.get_mut(field as usize) {
            *slot = value;
        }
    }

    /// A memory level in KiB.
    #[must_use]
    pub fn kib(&self, field: Field) -> Option<u64> {
        self.get(field)
            .map(|quanta| u64::from(quanta) << self.quantum_shift.min(31))
    }
}

/// The least shift for which `total_kib`, rounded to the nearest, counts fewer than 65,536 quanta.
#[must_use]
pub const fn quantum_shift(total_kib: u64) -> u8 {
    let mut shift: u8 = 0;
    while shift < 31 && (total_kib.saturating_add((1 << shift) >> 1) >> shift) > 0xFFFF {
        shift = shift.saturating_add(1);
    }
    shift
}
