//! The reading of a report interval (stream 1): last levels, shares and rates over the whole of it, peaks.

use super::quantiser::{Quantiser, quanta};
use super::reading::{Field, Reading};
use super::snapshot::{Counters, Snapshot};
use super::taken::Sample;

/// Adds up the looks of one report interval after another. Shares are taken between the last look of the
/// interval before and the last of this one, so that no tick falls between two intervals; fixed size.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    quantiser: Quantiser,
    /// The last look of the interval before.
    base: Option<Snapshot>,
    /// The last look of this interval.
    last: Option<Snapshot>,
    /// The last look of this interval at which counters were read, for their time.
    counted: Option<Snapshot>,
    used_peak_kib: Option<u64>,
    busy_peak_permille: Option<u32>,
    oom_kill: Option<u32>,
}

impl Summary {
    /// A summary that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one look, and the reading that the rules saw of it.
    pub fn add(&mut self, snapshot: &Snapshot, reading: &Reading) {
        let memory = &snapshot.memory;
        let used = memory
            .total_kib
            .zip(memory.available_kib)
            .and_then(|(total, available)| total.checked_sub(available));
        // `None` is less than every value.
        self.used_peak_kib = self.used_peak_kib.max(used);
        self.busy_peak_permille = self.busy_peak_permille.max(reading.get(Field::CpuBusy));
        if let Some(kills) = reading.get(Field::OomKill) {
            self.oom_kill = Some(self.oom_kill.unwrap_or(0).saturating_add(kills));
        }
        if snapshot.counters != Counters::default() {
            self.counted = Some(*snapshot);
        }
        self.last = Some(*snapshot);
    }

    /// The reading of the interval that ends with the last look, and begins the next; `None` without a look.
    pub fn take(&mut self) -> Option<Reading> {
        let last = self.last.take()?;
        let counters = self.counted.take();
        let mut sample = Sample::between(self.base.as_ref(), &last);
        sample.counters = Counters::default();
        let mut reading = self.quantiser.reading(&sample);
        if let Some(counted) = counters {
            // Rates need the time of the look that read the counters, which need not be the last.
            let rates = self.quantiser.reading(&Sample::between(None, &counted));
            for field in [
                Field::SwapIn,
                Field::SwapOut,
                Field::MajorFaults,
                Field::Refaults,
            ] {
                reading.set(field, rates.get(field));
            }
        }
        reading.set(Field::OomKill, self.oom_kill.take());
        let shift = reading.quantum_shift;
        reading.set(
            Field::MemoryUsedPeak,
            self.used_peak_kib.take().and_then(|kib| quanta(kib, shift)),
        );
        reading.set(Field::CpuBusyPeak, self.busy_peak_permille.take());
        self.base = Some(last);
        Some(reading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Uptime;
    use crate::sample::snapshot::{CpuTimes, Memory};

    struct Host {
        summary: Summary,
        quantiser: Quantiser,
        previous: Option<Snapshot>,
    }

    impl Host {
        fn new() -> Self {
            Self {
                summary: Summary::new(),
                quantiser: Quantiser::new(),
                previous: None,
            }
        }

        fn look(
            &mut self,
            second: u64,
            user: u64,
            idle: u64,
            available_kib: u64,
            counters: Counters,
        ) {
            let snapshot = Snapshot {
                uptime: Uptime::from_millis(second.saturating_mul(1000)),
                memory: Memory {
                    total_kib: Some(1000),
                    available_kib: Some(available_kib),
                    ..Memory::default()
                },
                cpu: Some(CpuTimes {
                    user,
                    idle,
                    ..CpuTimes::default()
                }),
                counters,
                ..Snapshot::default()
            };
            let sample = Sample::between(self.previous.as_ref(), &snapshot);
            let reading = self.quantiser.reading(&sample);
            self.summary.add(&snapshot, &reading);
            self.previous = Some(snapshot);
        }
    }

    fn counted(oom_kill: u64, major_faults: u64) -> Counters {
        Counters {
            oom_kill: Some(oom_kill),
            major_faults: Some(major_faults),
            ..Counters::default()
        }
    }

    #[test]
    fn peaks_last_levels_and_whole_rates() {
        let mut host = Host::new();
        assert_eq!(host.summary.take(), None);
        host.look(10, 0, 0, 500, counted(3, 100));
        let first = host.summary.take().unwrap();
        assert_eq!(first.get(Field::CpuBusy), None);
        assert_eq!(first.get(Field::OomKill), None);
        assert_eq!(first.get(Field::MemoryUsedPeak), Some(500));

        host.look(11, 90, 10, 100, Counters::default());
        host.look(15, 100, 400, 700, counted(4, 200));
        host.look(18, 110, 690, 700, counted(5, 260));
        host.look(20, 110, 890, 600, Counters::default());
        let second = host.summary.take().unwrap();
        assert_eq!(second.uptime, Uptime::from_millis(20_000));
        assert_eq!(second.get(Field::CpuBusy), Some(110));
        assert_eq!(second.get(Field::CpuBusyPeak), Some(900));
        assert_eq!(second.get(Field::MemoryAvailable), Some(600));
        assert_eq!(second.get(Field::MemoryUsedPeak), Some(900));
        assert_eq!(second.get(Field::OomKill), Some(2));
        assert_eq!(second.get(Field::MajorFaults), Some(20), "160 in 8 s");

        host.look(30, 120, 990, 600, Counters::default());
        let third = host.summary.take().unwrap();
        assert_eq!(third.get(Field::MajorFaults), None);
        assert_eq!(third.get(Field::OomKill), None);
        assert_eq!(third.get(Field::MemoryUsedPeak), Some(400));
        assert_eq!(third.get(Field::CpuBusy), Some(91));
    }
}
