//! How values were spread over time, in fixed memory: each value counts for as long as it stood.
//!
//! Values below 1024 (every permille) are kept as they are, greater ones to within a hundredth: 128 steps for each power of two.

/// Values that are kept as they are.
const EXACT: u64 = 1024;
/// Binary logarithm of [`EXACT`].
const EXACT_BITS: u32 = 10;
/// Steps for each power of two beyond them: two to this.
const STEP_BITS: u32 = 7;
const BINS: usize = 1024 + (64 - 10) * 128;

/// Values and for how long they stood.
#[derive(Clone, Debug)]
pub(super) struct Distribution {
    /// Milliseconds of each bin.
    bins: Vec<u64>,
    total_ms: u64,
    greatest: Option<u64>,
}

impl Default for Distribution {
    fn default() -> Self {
        Self {
            bins: vec![0; BINS],
            total_ms: 0,
            greatest: None,
        }
    }
}

impl Distribution {
    /// A value stood for so long.
    pub(super) fn take(&mut self, value: u64, millis: u64) {
        if millis == 0 {
            return;
        }
        if let Some(bin) = self.bins.get_mut(bin(value)) {
            *bin = bin.saturating_add(millis);
        }
        self.total_ms = self.total_ms.saturating_add(millis);
        self.greatest = self.greatest.max(Some(value));
    }

    /// For how long values stood in all.
    pub(super) fn total_ms(&self) -> u64 {
        self.total_ms
    }

    /// The greatest value; `None` where there was none.
    pub(super) fn greatest(&self) -> Option<u64> {
        self.greatest
    }

    /// The value that was not exceeded for this share of the time, permille; of a bin its greatest value.
    pub(super) fn quantile(&self, permille: u64) -> Option<u64> {
        let greatest = self.greatest?;
        let wanted = u128::from(self.total_ms).saturating_mul(permille.into());
        let mut below = 0_u128;
        let found = self.bins.iter().position(|millis| {
            below = below.saturating_add(u128::from(*millis).saturating_mul(1000));
            below >= wanted && below > 0
        });
        found.map(|bin| last_of(bin).min(greatest))
    }
}

/// The bin of a value.
fn bin(value: u64) -> usize {
    let bin = match value.checked_ilog2() {
        Some(power) if power >= EXACT_BITS => {
            let octave = u64::from(power.saturating_sub(EXACT_BITS));
            let step = (value >> power.saturating_sub(STEP_BITS)) & ((1 << STEP_BITS) - 1);
            EXACT
                .saturating_add(octave << STEP_BITS)
                .saturating_add(step)
        }
        _ => value,
    };
    usize::try_from(bin).unwrap_or(usize::MAX)
}

/// The greatest value of a bin.
fn last_of(bin: usize) -> u64 {
    let bin = u64::try_from(bin).unwrap_or(u64::MAX);
    let Some(beyond) = bin.checked_sub(EXACT) else {
        return bin;
    };
    let power = u32::try_from(beyond >> STEP_BITS)
        .unwrap_or(u32::MAX)
        .saturating_add(EXACT_BITS)
        .min(63);
    let step = (beyond & ((1 << STEP_BITS) - 1)) | (1 << STEP_BITS);
    let width = power.saturating_sub(STEP_BITS);
    (step << width) | ((1_u64 << width).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::{BINS, Distribution, bin, last_of};

    #[test]
    fn bins_follow_one_another_and_hold_their_values() {
        for value in (0..100_000).chain([u64::from(u32::MAX), 1 << 44, u64::MAX]) {
            let place = bin(value);
            assert!(place < BINS);
            let last = last_of(place);
            assert!(
                last >= value && last - value <= value / 128,
                "{value} in {last}"
            );
            assert_eq!(bin(last), place);
        }
        assert_eq!(bin(last_of(bin(5000)) + 1), bin(5000) + 1);
    }

    #[test]
    fn quantiles_are_shares_of_the_time() {
        let mut seen = Distribution::default();
        assert_eq!((seen.quantile(500), seen.greatest()), (None, None));
        seen.take(10, 900);
        seen.take(20, 95);
        seen.take(700, 5);
        seen.take(999, 0);
        assert_eq!(seen.total_ms(), 1000);
        assert_eq!(seen.greatest(), Some(700));
        let of = |permille| seen.quantile(permille);
        assert_eq!(
            [of(0), of(500), of(900), of(901), of(995), of(996), of(1000)],
            [10, 10, 10, 20, 20, 700, 700].map(Some)
        );
        seen.take(123_456, 1);
        assert_eq!(
            seen.quantile(1000),
            Some(123_456),
            "never beyond the greatest"
        );
    }
}
