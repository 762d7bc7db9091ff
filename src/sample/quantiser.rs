//! From samples to readings: levels in quanta, counters as rates.

use super::reading::{Field, Reading, quantum_shift};
use super::snapshot::Counters;
use super::taken::Sample;
use crate::clock::Uptime;

/// The counters in a fixed order, each with the field that its rate or difference fills.
const COUNTERS: usize = 5;
const FIELDS: [Field; COUNTERS] = [
    Field::OomKill,
    Field::SwapIn,
    Field::SwapOut,
    Field::MajorFaults,
    Field::Refaults,
];

/// Makes readings of samples. Keeps the counters as they were last read, each with its time, so that a rate is
/// taken over the time that it was measured in, whatever the reader's rhythm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiser {
    last: [Option<(Uptime, u64)>; COUNTERS],
    shift: u8,
}

impl Quantiser {
    /// A quantiser that has seen nothing: its first reading has no rates.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            last: [None; COUNTERS],
            shift: 0,
        }
    }

    /// The reading of `sample`, which must come in the order of time. Where total memory is absent the last
    /// quantum stays.
    pub fn reading(&mut self, sample: &Sample) -> Reading {
        let mut reading = self.levels(sample);
        for (slot, (field, now)) in self
            .last
            .iter_mut()
            .zip(FIELDS.into_iter().zip(in_order(&sample.counters)))
        {
            // Absent now: the file was not read, and what was read before stays the base.
            let Some(now) = now else { continue };
            let change = slot.and_then(|(read, before)| {
                Some((sample.uptime.since(read), now.checked_sub(before)?))
            });
            reading.set(
                field,
                change.and_then(|(elapsed_ms, count)| match field {
                    Field::OomKill => Some(clamped(count.into())),
                    _ => per_second(count, elapsed_ms),
                }),
            );
            *slot = Some((sample.uptime, now));
        }
        reading
    }

    fn levels(&mut self, sample: &Sample) -> Reading {
        let (memory, cpu, pressure) = (&sample.memory, &sample.cpu, &sample.pressure);
        if let Some(total_kib) = memory.total_kib {
            self.shift = quantum_shift(total_kib);
        }
        let mut out = Reading::empty(sample.uptime, sample.wall, self.shift);
        out.scope = sample.scope;
        out.available_estimated = memory.available_estimated;
        out.sources_gone = sample.sources_gone;
        for (field, kib) in [
            (Field::MemoryAvailable, memory.available_kib),
            (Field::MemoryAnonymous, memory.anonymous_kib),
            (Field::PageCache, memory.page_cache_kib),
            (Field::MemoryCommitted, memory.committed_kib),
            (Field::MemoryDirty, memory.dirty_kib),
            (Field::SlabReclaimable, memory.slab_reclaimable_kib),
            (Field::SlabUnreclaimable, memory.slab_unreclaimable_kib),
            (Field::Shmem, memory.shmem_kib),
            (Field::SwapUsed, memory.swap_used_kib),
            (Field::MemoryTotal, memory.total_kib),
            (Field::SwapTotal, memory.swap_total_kib),
            (Field::ZfsArc, memory.zfs_arc_kib),
            (Field::HugetlbTotal, memory.hugetlb_total_kib),
            (Field::HugetlbFree, memory.hugetlb_free_kib),
        ] {
            out.set(field, kib.and_then(|kib| quanta(kib, self.shift)));
        }
        for (field, permille) in [
            (Field::CpuBusy, cpu.busy_permille),
            (Field::CpuUser, cpu.user_permille),
            (Field::CpuSystem, cpu.system_permille),
            (Field::CpuIowait, cpu.iowait_permille),
            (Field::CpuSteal, cpu.steal_permille),
            (Field::PressureCpuSome, pressure.cpu_some_permille),
            (Field::PressureMemorySome, pressure.memory_some_permille),
            (Field::PressureMemoryFull, pressure.memory_full_permille),
            (Field::PressureIoSome, pressure.io_some_permille),
            (Field::PressureIoFull, pressure.io_full_permille),
        ] {
            out.set(field, permille.map(u32::from));
        }
        out.set(Field::Load1, cpu.load1_centi);
        out.set(Field::Runnable, cpu.runnable);
        out.set(Field::Cores, cpu.cores);
        out
    }
}

const fn in_order(counters: &Counters) -> [Option<u64>; COUNTERS] {
    [
        counters.oom_kill,
        counters.swap_in_pages,
        counters.swap_out_pages,
        counters.major_faults,
        counters.refaults,
    ]
}

/// `kib` in quanta of `1 << shift` KiB, rounded to the nearest; `None` beyond 32 bits.
pub(super) fn quanta(kib: u64, shift: u8) -> Option<u32> {
    let half = (1_u64 << shift.min(31)) >> 1;
    u32::try_from(kib.saturating_add(half) >> shift.min(31)).ok()
}

/// A rate, rounded to the nearest and clamped to 32 bits; `None` over no time.
fn per_second(count: u64, elapsed_ms: u64) -> Option<u32> {
    let elapsed_ms = u128::from(elapsed_ms);
    let rate = u128::from(count)
        .saturating_mul(1000)
        .saturating_add(elapsed_ms / 2)
        .checked_div(elapsed_ms)?;
    Some(clamped(rate))
}

fn clamped(value: u128) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(uptime_ms: u64, major_faults: Option<u64>, oom_kill: Option<u64>) -> Sample {
        let mut sample = Sample {
            uptime: Uptime::from_millis(uptime_ms),
            ..Sample::default()
        };
        sample.counters.major_faults = major_faults;
        sample.counters.oom_kill = oom_kill;
        sample
    }

    #[test]
    fn rates_over_the_time_between_two_reads() {
        let mut quantiser = Quantiser::new();
        let first = quantiser.reading(&with(1000, Some(50), Some(7)));
        assert_eq!(first.get(Field::MajorFaults), None);
        assert_eq!(first.get(Field::OomKill), None);
        let unread = quantiser.reading(&with(2000, None, None));
        assert_eq!(unread.get(Field::MajorFaults), None);
        // 25 in 10.01 s are 2.4975 a second.
        let second = quantiser.reading(&with(11_010, Some(75), Some(9)));
        assert_eq!(second.get(Field::MajorFaults), Some(2));
        assert_eq!(second.get(Field::OomKill), Some(2));
    }

    #[test]
    fn back_is_absent_once() {
        let mut quantiser = Quantiser::new();
        quantiser.reading(&with(1000, Some(50), Some(7)));
        let back = quantiser.reading(&with(2000, Some(49), Some(0)));
        assert_eq!(back.get(Field::MajorFaults), None);
        assert_eq!(back.get(Field::OomKill), None);
        let next = quantiser.reading(&with(3000, Some(59), Some(1)));
        assert_eq!(next.get(Field::MajorFaults), Some(10));
        assert_eq!(next.get(Field::OomKill), Some(1));
    }

    #[test]
    fn levels_round_to_the_nearest_quantum() {
        let mut sample = Sample::default();
        sample.memory.total_kib = Some(24_684_084);
        sample.memory.available_kib = Some(24_201_176);
        let reading = Quantiser::new().reading(&sample);
        assert_eq!(reading.quantum_shift, 9);
        assert_eq!(reading.get(Field::MemoryTotal), Some(48_211));
        assert_eq!(reading.get(Field::MemoryAvailable), Some(47_268));
        assert_eq!(reading.get(Field::MemoryDirty), None);
    }

    #[test]
    fn a_total_always_fits_sixteen_bits() {
        for total in [
            0,
            1,
            65_535,
            65_536,
            131_070,
            131_071,
            1 << 40,
            (1 << 41) - 1,
        ] {
            let quanta = quanta(total, quantum_shift(total)).unwrap();
            assert!(quanta <= 0xFFFF, "{total} is {quanta}");
        }
    }

    #[test]
    fn the_quantum_outlives_an_absent_total() {
        let mut quantiser = Quantiser::new();
        let mut sample = Sample::default();
        sample.memory.total_kib = Some(1 << 30);
        let shift = quantiser.reading(&sample).quantum_shift;
        sample.memory.total_kib = None;
        assert_eq!(quantiser.reading(&sample).quantum_shift, shift);
        assert!(shift > 0);
    }
}
