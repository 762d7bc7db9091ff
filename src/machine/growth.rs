//! What grows on a host, and when it runs out: the trackers of the quantities that the watcher reads itself.

use crate::limit::TIME_LEFT_NEVER_S;
use crate::rule::growth::{Outlook, Shape, Stand, Tracker};
use crate::rule::{CheckpointFault, Quantity, Value};
use crate::sample::{Field, Reading};

/// Forecasts of a host.
const TRACKED: usize = 4;

/// What is tracked, over which time.
static HOST: [(Quantity, Shape); TRACKED] = [
    (Quantity::MemoryRunsOut, Shape::SIX_HOURS),
    (Quantity::MemoryRunsOutSoon, Shape::FIVE_MINUTES),
    (Quantity::SlabRunsOut, Shape::DAY),
    (Quantity::ShmemRunsOut, Shape::DAY),
];

/// The trackers of a host, and what they said of the last reading.
#[derive(Clone, Debug, Default)]
pub struct HostGrowth {
    trackers: [Tracker; TRACKED],
    left_s: [Option<u64>; TRACKED],
}

impl HostGrowth {
    /// Takes a reading, of which there is one in so many milliseconds.
    pub fn take(&mut self, reading: &Reading, interval_ms: u32) {
        let each = self.trackers.iter_mut().zip(&mut self.left_s).zip(&HOST);
        for ((tracker, left_s), (quantity, shape)) in each {
            *left_s = stand(*quantity, reading).and_then(|stand| {
                tracker.take(&shape.with_interval(interval_ms), reading.uptime, &stand)
            });
        }
    }

    /// The time left, as [`Quantity::is_forecast`] counts it; `None` for other quantities, and where there is not enough
    /// evidence.
    #[must_use]
    pub fn value(&self, quantity: Quantity) -> Option<Value> {
        let place = HOST.iter().position(|(tracked, _)| *tracked == quantity)?;
        let left_s = self.left_s.get(place).copied().flatten();
        left_s.map(|value| Value { value, total: None })
    }

    /// When what a quantity counts will be used up, milliseconds from now, where its growth says so; of two forecasts the
    /// earlier.
    #[must_use]
    pub fn forecast_ms(&self, quantity: Quantity) -> Option<u64> {
        let of = |quantity| {
            let left_s = self.value(quantity)?.value;
            (left_s < TIME_LEFT_NEVER_S).then(|| left_s.saturating_mul(1000))
        };
        match quantity {
            Quantity::MemoryUsed => [Quantity::MemoryRunsOut, Quantity::MemoryRunsOutSoon]
                .into_iter()
                .filter_map(of)
                .min(),
            other => of(other),
        }
    }

    /// Writes the trackers into a Checkpoint, behind one another: the number of their quantity, and their state in postcard.
    /// Gives back how much of the buffer they take.
    ///
    /// # Errors
    /// [`CheckpointFault::TooLong`].
    pub(super) fn write(&self, buffer: &mut [u8]) -> Result<usize, CheckpointFault> {
        let mut used = 0_usize;
        for (tracker, (quantity, _)) in self.trackers.iter().zip(&HOST) {
            let rest = buffer.get_mut(used..).ok_or(CheckpointFault::TooLong)?;
            let written = postcard::to_slice(&(quantity.number(), tracker), rest)
                .map_err(|_| CheckpointFault::TooLong)?;
            used = used.saturating_add(written.len());
        }
        Ok(used)
    }

    /// Reads what [`Self::write`] wrote; a tracker of a quantity that this version does not track is left out.
    ///
    /// # Errors
    /// [`CheckpointFault::Malformed`].
    pub(super) fn read(mut bytes: &[u8]) -> Result<Self, CheckpointFault> {
        let mut growth = Self::default();
        while !bytes.is_empty() {
            let ((number, tracker), rest) = postcard::take_from_bytes::<(u8, Tracker)>(bytes)
                .map_err(|_| CheckpointFault::Malformed(0))?;
            bytes = rest;
            let place = HOST
                .iter()
                .position(|(tracked, _)| tracked.number() == number);
            if let Some(own) = place.and_then(|place| growth.trackers.get_mut(place)) {
                *own = tracker;
            }
        }
        Ok(growth)
    }

    /// Why the last judgement of a forecast was what it was.
    #[must_use]
    pub fn outlook(&self, quantity: Quantity) -> Option<Outlook> {
        let place = HOST.iter().position(|(tracked, _)| *tracked == quantity)?;
        self.trackers.get(place).map(Tracker::outlook)
    }
}

/// What a forecast looks at in a reading: all of it eats what is available.
fn stand(quantity: Quantity, reading: &Reading) -> Option<Stand> {
    let whole = reading.kib(Field::MemoryTotal)?;
    let left = reading.kib(Field::MemoryAvailable)?;
    let value = match quantity {
        Quantity::SlabRunsOut => reading.kib(Field::SlabUnreclaimable)?,
        Quantity::ShmemRunsOut => reading.kib(Field::Shmem)?,
        _ => whole.saturating_sub(left),
    };
    Some(Stand { value, left, whole })
}

#[cfg(test)]
mod tests {
    use super::{HostGrowth, TRACKED};
    use crate::limit::CHECKPOINT_BYTES;
    use crate::rule::growth::Tracker;

    /// The longest of the rules is proved in `rule/checkpoint.rs`; three bytes stand before the trackers, nine behind the
    /// rules.
    #[test]
    fn the_worst_case_fits_into_a_checkpoint() {
        let growth = HostGrowth {
            trackers: core::array::from_fn(|_| Tracker::fullest()),
            left_s: [None; TRACKED],
        };
        let mut buffer = [0; CHECKPOINT_BYTES];
        let length = growth.write(&mut buffer).unwrap();
        assert_eq!(length, 752);
        assert!(3 + length + 21_698 + 9 <= CHECKPOINT_BYTES);
        let read = HostGrowth::read(&buffer[..length]).unwrap();
        assert_eq!(read.trackers, growth.trackers);
        assert!(growth.write(&mut buffer[..length - 1]).is_err());
        assert!(HostGrowth::read(&buffer[..length - 1]).is_err());
    }
}
