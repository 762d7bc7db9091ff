//! How uptimes of one boot become dates: receipt less uptime of sending, in periods.
//!
//! Within a period the least difference dates best: what exceeds it is delay on the way. The difference itself changes where a
//! virtual machine is paused (its uptime stands still) and where the collector's clock is set. A batch ends within seconds or is
//! sent anew, so a difference that is off by more than [`CLOCK_STEP_MS`] is no delay: [`CLOCK_DOUBTS`] batches in
//! a row that agree on another begin a new period, from the last batch that fitted the old one. Meanwhile the moments since are
//! dated by what the newest batches say, and not as exact. A slow drift makes periods too, one each 30 s of it.

use super::types::signed;
use crate::limit::{CLAIM_REACH_MS, CLOCK_DOUBTS, CLOCK_PERIODS, CLOCK_STEP_MS};
use hansho::clock::Uptime;

/// From an uptime on, until the next period: its least difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Period {
    from: Uptime,
    offset_ms: i64,
}

/// Batches in a row that contradict the newest period and agree among themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    /// The least of them.
    pub(super) offset_ms: i64,
    /// How many.
    pub(super) batches: u32,
}

/// The periods of a boot, the oldest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    periods: [Option<Period>; CLOCK_PERIODS],
    /// Uptime of sending of the last batch that fitted the newest period.
    agreed: Uptime,
    doubt: Option<Doubt>,
}

impl Offsets {
    /// True where nothing was ever heard from the boot.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.periods.iter().all(Option::is_none)
    }

    /// The difference by which a moment is dated, and whether it is sure.
    #[must_use]
    pub fn at(&self, uptime: Uptime) -> Option<(i64, bool)> {
        if let Some(doubt) = self.doubt.filter(|_| uptime > self.agreed) {
            return Some((doubt.offset_ms, false));
        }
        let known = || self.periods.iter().flatten();
        let of = known().rfind(|period| period.from <= uptime);
        of.or_else(|| known().next())
            .map(|period| (period.offset_ms, true))
    }

    /// Takes in a batch sent at `sent`.
    pub fn hear(&mut self, sent: Uptime, offset_ms: i64) {
        let Some(newest) = self.periods.iter_mut().flatten().next_back() else {
            self.push(Uptime::default(), sent, offset_ms);
            return;
        };
        if near(newest.offset_ms, offset_ms) {
            newest.offset_ms = newest.offset_ms.min(offset_ms);
            self.agreed = self.agreed.max(sent);
            self.doubt = None;
            return;
        }
        let doubt = match self.doubt {
            Some(doubt) if near(doubt.offset_ms, offset_ms) => Doubt {
                offset_ms: doubt.offset_ms.min(offset_ms),
                batches: doubt.batches.saturating_add(1),
            },
            _ => Doubt {
                offset_ms,
                batches: 1,
            },
        };
        self.doubt = Some(doubt);
        if doubt.batches >= CLOCK_DOUBTS {
            let from = Uptime::from_millis(self.agreed.as_millis().saturating_add(1));
            self.push(from, sent, doubt.offset_ms);
        }
    }

    /// Uptimes went back (a snapshot was rolled back) and go on from there with another difference.
    pub fn roll_back(&mut self, sent: Uptime, offset_ms: i64) {
        let from = Uptime::from_millis(sent.as_millis().saturating_sub(CLAIM_REACH_MS));
        for period in &mut self.periods {
            *period = period.filter(|period| period.from < from);
        }
        self.push(from, sent, offset_ms);
    }

    fn push(&mut self, from: Uptime, sent: Uptime, offset_ms: i64) {
        if self.periods.last().is_some_and(Option::is_some) {
            // The oldest goes: what is left of it is dated by the next.
            self.periods.rotate_left(1);
            if let Some(last) = self.periods.last_mut() {
                *last = None;
            }
        }
        if let Some(free) = self.periods.iter_mut().find(|period| period.is_none()) {
            *free = Some(Period { from, offset_ms });
        }
        self.agreed = sent;
        self.doubt = None;
    }

    /// As the store keeps it: 16 bytes a period.
    pub(super) fn parts(&self) -> (Vec<u8>, Uptime, Option<Doubt>) {
        let periods = self.periods.iter().flatten().flat_map(|period| {
            let from = signed(period.from.as_millis()).to_le_bytes();
            [from, period.offset_ms.to_le_bytes()].concat()
        });
        (periods.collect(), self.agreed, self.doubt)
    }

    /// Back from the store.
    pub(super) fn from_parts(bytes: &[u8], agreed: Uptime, doubt: Option<Doubt>) -> Self {
        let (halves, _) = bytes.as_chunks::<8>();
        let mut numbers = halves.iter().copied().map(i64::from_le_bytes);
        let mut offsets = Self::default();
        while let (Some(from), Some(offset_ms)) = (numbers.next(), numbers.next()) {
            let from = Uptime::from_millis(u64::try_from(from).unwrap_or(0));
            offsets.push(from, agreed, offset_ms);
        }
        Self {
            agreed,
            doubt,
            ..offsets
        }
    }
}

fn near(one: i64, other: i64) -> bool {
    one.abs_diff(other) <= CLOCK_STEP_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Uptime {
        Uptime::from_millis(ms)
    }

    #[test]
    fn what_the_store_keeps_is_all_of_it_and_bounded() {
        let mut offsets = Offsets::default();
        for step in 0..40 {
            for n in 0..CLOCK_DOUBTS {
                let sent = u64::from(step * CLOCK_DOUBTS + n) * 1000 + 1;
                offsets.hear(at(sent), i64::from(step) * 100_000);
            }
        }
        offsets.hear(at(900_000), 7);
        let (bytes, agreed, doubt) = offsets.parts();
        assert_eq!(bytes.len(), 16 * CLOCK_PERIODS);
        assert_eq!(Offsets::from_parts(&bytes, agreed, doubt), offsets);
        assert_eq!(offsets.at(at(119_000)), Some((3_900_000, true)));
        assert_eq!(offsets.at(at(900_000)), Some((7, false)));
        assert_eq!(offsets.at(at(0)), Some((2_400_000, true)));
        assert_eq!(Offsets::default().at(at(0)), None);
    }
}
