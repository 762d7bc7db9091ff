//! The files behind a snapshot, by number and name, and what all readers have in common.

use super::snapshot::Snapshot;
use crate::clock::{Uptime, WallTime};

/// Number of sources; each is a bit of [`Snapshot::sources_gone`].
pub const SOURCES: usize = 14;
const _: () = assert!(SOURCES <= 16);

/// A file that is read. The numbers are those of the bits in [`Snapshot::sources_gone`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Source {
    /// `/proc/meminfo`.
    Meminfo = 0,
    /// `/proc/stat`.
    Stat = 1,
    /// `/proc/loadavg`.
    Loadavg = 2,
    /// `/proc/vmstat`.
    Vmstat = 3,
    /// `/proc/pressure/cpu`, in a container the group's `cpu.pressure`.
    PressureCpu = 4,
    /// `/proc/pressure/memory`, in a container the group's `memory.pressure`.
    PressureMemory = 5,
    /// `/proc/pressure/io`, in a container the group's `io.pressure`.
    PressureIo = 6,
    /// `/proc/spl/kstat/zfs/arcstats`.
    Arcstats = 7,
    /// `/sys/devices/system/cpu/online`.
    CpuOnline = 8,
    /// `memory.max` of the container.
    CgroupMax = 9,
    /// `memory.current` of the container.
    CgroupCurrent = 10,
    /// `memory.stat` of the container.
    CgroupStat = 11,
    /// `memory.events` of the container.
    CgroupEvents = 12,
    /// `memory.swap.current` of the container.
    CgroupSwap = 13,
}

impl Source {
    /// All sources, in the order of their numbers.
    pub const ALL: [Self; SOURCES] = [
        Self::Meminfo,
        Self::Stat,
        Self::Loadavg,
        Self::Vmstat,
        Self::PressureCpu,
        Self::PressureMemory,
        Self::PressureIo,
        Self::Arcstats,
        Self::CpuOnline,
        Self::CgroupMax,
        Self::CgroupCurrent,
        Self::CgroupStat,
        Self::CgroupEvents,
        Self::CgroupSwap,
    ];

    /// The name in logs and alerts, and the subject of its rule (8005).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meminfo => "/proc/meminfo",
            Self::Stat => "/proc/stat",
            Self::Loadavg => "/proc/loadavg",
            Self::Vmstat => "/proc/vmstat",
            Self::PressureCpu => "/proc/pressure/cpu",
            Self::PressureMemory => "/proc/pressure/memory",
            Self::PressureIo => "/proc/pressure/io",
            Self::Arcstats => "/proc/spl/kstat/zfs/arcstats",
            Self::CpuOnline => "/sys/devices/system/cpu/online",
            Self::CgroupMax => "memory.max",
            Self::CgroupCurrent => "memory.current",
            Self::CgroupStat => "memory.stat",
            Self::CgroupEvents => "memory.events",
            Self::CgroupSwap => "memory.swap.current",
        }
    }

    /// The bit in [`Snapshot::sources_gone`].
    #[must_use]
    pub const fn bit(self) -> u16 {
        1 << (self as u8)
    }

    /// The sources whose bits are set in `sources_gone`.
    pub fn gone(sources_gone: u16) -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .filter(move |source| sources_gone & source.bit() != 0)
    }
}

/// Something that can look at the host.
pub trait Reader {
    /// One look. `uptime` and `wall` are the caller's, who read its clocks; `with_counters` asks for the dear
    /// files too. Whatever cannot be read is absent.
    fn look(&mut self, uptime: Uptime, wall: WallTime, with_counters: bool) -> Snapshot;
}

/// Which sources have given something since the start, and which of those give nothing now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    given: u16,
    gone: u16,
}

impl Presence {
    /// Notes that `source` was read and `gave` something, or nothing. A source that is not read keeps its state.
    pub fn note(&mut self, source: Source, gave: bool) {
        if gave {
            self.given |= source.bit();
            self.gone &= !source.bit();
        } else {
            self.gone |= source.bit() & self.given;
        }
    }

    /// The bits for [`Snapshot::sources_gone`].
    #[must_use]
    pub const fn gone(&self) -> u16 {
        self.gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_positions() {
        for (position, source) in Source::ALL.into_iter().enumerate() {
            assert_eq!(source as usize, position);
        }
    }

    #[test]
    fn only_what_was_there_can_go() {
        let mut presence = Presence::default();
        presence.note(Source::Arcstats, false);
        assert_eq!(presence.gone(), 0);
        presence.note(Source::Vmstat, true);
        presence.note(Source::Vmstat, false);
        assert!(Source::gone(presence.gone()).eq([Source::Vmstat]));
        presence.note(Source::Vmstat, true);
        assert_eq!(presence.gone(), 0);
    }
}
