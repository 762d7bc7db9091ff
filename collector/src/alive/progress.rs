//! What makes progress, and what stands still: counters looked at, time given.

use crate::ingest::Metrics;

/// A part of the collector without which it only seems to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Batches are answered, or the listener answers the collector's own question.
    Ingest,
    /// The writer brings something to the disk.
    Store,
    /// Presence is judged.
    Sweep,
    /// The notifier decides and hands out what is to be sent.
    Outbox,
}

impl Part {
    /// All.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Store, Self::Sweep, Self::Outbox];

    /// The word of `/healthz`, log and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Store => "store",
            Self::Sweep => "sweep",
            Self::Outbox => "outbox",
        }
    }

    const fn bit(self) -> u64 {
        match self {
            Self::Ingest => 1,
            Self::Store => 2,
            Self::Sweep => 4,
            Self::Outbox => 8,
        }
    }
}

/// Parts as bits, for a counter.
#[must_use]
pub fn bits(parts: &[Part]) -> u64 {
    parts.iter().fold(0, |all, part| all | part.bit())
}

/// Parts of bits.
#[must_use]
pub fn parts(bits: u64) -> Vec<Part> {
    Part::ALL
        .into_iter()
        .filter(|part| bits & part.bit() != 0)
        .collect()
}

/// How often each part made progress since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Batches answered, and own questions.
    pub ingest: u64,
    /// Transactions on the disk.
    pub store: u64,
    /// Sweeps.
    pub sweep: u64,
    /// Rounds of the notifier.
    pub outbox: u64,
}

impl Marks {
    /// As the counters stand.
    #[must_use]
    pub fn of(metrics: &Metrics) -> Self {
        let batches = Metrics::get(&metrics.batches);
        Self {
            ingest: batches.saturating_add(Metrics::get(&metrics.own_probes)),
            store: Metrics::get(&metrics.stored),
            sweep: Metrics::get(&metrics.sweeps),
            outbox: Metrics::get(&metrics.notified),
        }
    }

    const fn of_part(&self, part: Part) -> u64 {
        match part {
            Part::Ingest => self.ingest,
            Part::Store => self.store,
            Part::Sweep => self.sweep,
            Part::Outbox => self.outbox,
        }
    }

    /// Parts that are where they were.
    #[must_use]
    pub fn unmoved(&self, before: &Self) -> Vec<Part> {
        Part::ALL
            .into_iter()
            .filter(|part| self.of_part(*part) == before.of_part(*part))
            .collect()
    }
}

/// Since when each part made no progress, by a clock that only goes forward, milliseconds.
#[derive(Clone, Debug)]
pub struct Progress {
    marks: Marks,
    moved_ms: [u64; 4],
}

impl Progress {
    /// At the start everything has the time of `ALIVE_STILL_MS`.
    #[must_use]
    pub const fn new(marks: Marks, now_ms: u64) -> Self {
        Self {
            marks,
            moved_ms: [now_ms; 4],
        }
    }

    /// Looks at the counters.
    pub fn look(&mut self, marks: Marks, now_ms: u64) {
        let still = marks.unmoved(&self.marks);
        for (part, moved) in Part::ALL.into_iter().zip(&mut self.moved_ms) {
            if !still.contains(&part) {
                *moved = now_ms;
            }
        }
        self.marks = marks;
    }

    /// Parts that made no progress for so long.
    #[must_use]
    pub fn still(&self, now_ms: u64, for_ms: u64) -> Vec<Part> {
        Part::ALL
            .into_iter()
            .zip(self.moved_ms)
            .filter(|(_, moved)| now_ms.saturating_sub(*moved) >= for_ms)
            .map(|(part, _)| part)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_move_stands_still_after_its_time_alone() {
        let mut marks = Marks::default();
        let mut progress = Progress::new(marks, 0);
        assert_eq!(progress.still(19_999, 20_000), []);
        assert_eq!(progress.still(20_000, 20_000), Part::ALL);
        for second in 1..=60_u64 {
            marks.store = second;
            marks.sweep = second;
            if second <= 30 {
                marks.outbox = second;
                marks.ingest = second / 10;
            }
            progress.look(marks, second * 1000);
            let expected: &[Part] = match second {
                50.. => &[Part::Ingest, Part::Outbox],
                _ => &[],
            };
            assert_eq!(progress.still(second * 1000, 20_000), expected, "{second}");
        }
        marks.outbox += 1;
        progress.look(marks, 61_000);
        assert_eq!(progress.still(61_000, 20_000), [Part::Ingest]);
    }

    #[test]
    fn a_counter_that_was_reset_moved() {
        let before = Marks {
            ingest: 5,
            ..Marks::default()
        };
        assert_eq!(
            Marks::default().unmoved(&before),
            [Part::Store, Part::Sweep, Part::Outbox]
        );
    }

    #[test]
    fn parts_go_into_bits_and_back() {
        for all in 0..16 {
            assert_eq!(bits(&parts(all)), all);
        }
    }
}
