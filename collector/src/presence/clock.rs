//! Whether the clocks of hosts are off, or the collector's own.

use super::sweep::One;
use crate::limit::{CLOCK_HOLD_MS, CLOCK_OFF_MS, CLOCK_RIGHT_MS, CLOCK_WITNESSES};
use crate::store::Standing;
use hansho::clock::WallTime;

/// By how much the collector's own clock seems off, milliseconds: hosts that agree with one another and not with it. `None`
/// where it seems right, or too few can witness.
#[must_use]
pub fn own_fault_ms(mut offsets_ms: Vec<i64>) -> Option<i64> {
    if offsets_ms.len() < CLOCK_WITNESSES {
        return None;
    }
    offsets_ms.sort_unstable();
    let median = offsets_ms.get(offsets_ms.len() / 2).copied()?;
    let near = |offset: &&i64| offset.abs_diff(median) <= CLOCK_RIGHT_MS;
    let agree = offsets_ms.iter().filter(near).count();
    let most = agree.saturating_mul(2) > offsets_ms.len() && agree >= CLOCK_WITNESSES;
    (most && median.unsigned_abs() >= CLOCK_OFF_MS).then_some(median)
}

/// What to do about a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing; `Some` since when it has been off, or right again.
    Wait(Option<WallTime>),
    /// It has been off for long enough since then.
    Raise(WallTime),
    /// It has been right for long enough since then.
    Resolve(WallTime),
}

/// Judges a clock that is off by `off_ms`; `open` while its 9007 is; `since` as the last verdict said.
#[must_use]
pub fn judge(off_ms: u64, open: bool, since: Option<WallTime>, now: WallTime) -> Verdict {
    let counts = if open {
        off_ms <= CLOCK_RIGHT_MS
    } else {
        off_ms >= CLOCK_OFF_MS
    };
    if !counts {
        return Verdict::Wait(None);
    }
    // A time in the future is of the collector's clock before it was set back.
    let Some(since) = since.filter(|since| *since <= now) else {
        return Verdict::Wait(Some(now));
    };
    if now.as_millis().saturating_sub(since.as_millis()) < CLOCK_HOLD_MS {
        return Verdict::Wait(Some(since));
    }
    if open {
        Verdict::Resolve(since)
    } else {
        Verdict::Raise(since)
    }
}

/// What the clocks of those that answer differ by from the collector's.
pub(super) fn witnesses(all: &[One]) -> Vec<i64> {
    let answer = all
        .iter()
        .filter(|one| one.presence.standing == Standing::Present);
    answer.filter_map(|one| one.facts.clock_ms).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn off_for_ten_minutes_and_right_for_ten() {
        let at = |s: u64| WallTime::from_millis(s.saturating_mul(1000));
        assert_eq!(judge(29_999, false, None, at(0)), Verdict::Wait(None));
        assert_eq!(
            judge(30_000, false, None, at(0)),
            Verdict::Wait(Some(at(0)))
        );
        let since = Some(at(0));
        assert_eq!(judge(40_000, false, since, at(599)), Verdict::Wait(since));
        assert_eq!(judge(40_000, false, since, at(600)), Verdict::Raise(at(0)));
        assert_eq!(judge(5_001, true, None, at(700)), Verdict::Wait(None));
        assert_eq!(judge(5_000, true, since, at(600)), Verdict::Resolve(at(0)));
        // Set back: counted anew.
        assert_eq!(
            judge(40_000, false, Some(at(900)), at(700)),
            Verdict::Wait(Some(at(700)))
        );
    }

    #[test]
    fn hosts_that_agree_convict_the_collector() {
        assert_eq!(own_fault_ms(vec![60_000, 60_500]), None);
        assert_eq!(own_fault_ms(vec![60_000, 60_500, 59_000]), Some(60_000));
        assert_eq!(own_fault_ms(vec![-60_000, 0, 100, -50]), None);
        assert_eq!(own_fault_ms(vec![60_000, -60_000, 90_000, 400_000]), None);
        assert_eq!(
            own_fault_ms(vec![-61_000, -60_000, -60_100, 5]),
            Some(-60_000)
        );
    }
}
