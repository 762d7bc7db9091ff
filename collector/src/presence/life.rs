//! The collector's own life: while it was away, nobody was silent.

use crate::limit::{CLOCK_BACK_MS, OUTAGE_MS, PROOF_MS};
use crate::store::CollectorLife;
use hansho::clock::WallTime;

/// Why silences count anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumed {
    /// The first sweep of a store.
    First,
    /// It was away for so long, or its clock was set ahead; both look alike.
    Away {
        /// Since the last proof of life.
        away_ms: u64,
    },
    /// Its clock was set back by so much.
    SetBack {
        /// Since the last proof of life.
        back_ms: u64,
    },
}

/// What the life is now, and whether it has to be stored.
#[must_use]
pub fn live(life: CollectorLife, now: WallTime) -> (CollectorLife, Option<Resumed>, bool) {
    let (now_ms, proved_ms) = (now.as_millis(), life.proved.map(WallTime::as_millis));
    let resumed = match proved_ms {
        None => Some(Resumed::First),
        Some(proved_ms) if now_ms.saturating_sub(proved_ms) > OUTAGE_MS => Some(Resumed::Away {
            away_ms: now_ms.saturating_sub(proved_ms),
        }),
        Some(proved_ms) if proved_ms.saturating_sub(now_ms) > CLOCK_BACK_MS => {
            Some(Resumed::SetBack {
                back_ms: proved_ms.saturating_sub(now_ms),
            })
        }
        Some(_) => None,
    };
    let mut after = life;
    if let Some(why) = resumed {
        after.resumed = Some(now);
        after.away_ms = match why {
            Resumed::Away { away_ms } => away_ms,
            Resumed::First | Resumed::SetBack { .. } => 0,
        };
    }
    let due = proved_ms.is_none_or(|proved_ms| now_ms.saturating_sub(proved_ms) >= PROOF_MS);
    if resumed.is_some() || due {
        after.proved = Some(now);
    }
    (after, resumed, after != life)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_and_a_clock_that_was_set_are_noticed_and_a_pause_is_not() {
        let at = |s: u64| WallTime::from_millis(s.saturating_mul(1000));
        let (life, why, store) = live(CollectorLife::default(), at(1000));
        assert_eq!((why, store), (Some(Resumed::First), true));
        assert_eq!(live(life, at(1009)), (life, None, false));
        let (life, why, store) = live(life, at(1030));
        assert_eq!((why, store, life.proved), (None, true, Some(at(1030))));
        assert_eq!(life.resumed, Some(at(1000)));
        let (away, why, _) = live(life, at(1061));
        assert_eq!(why, Some(Resumed::Away { away_ms: 31_000 }));
        assert_eq!((away.resumed, away.away_ms), (Some(at(1061)), 31_000));
        assert_eq!(live(life, at(1028)).1, None);
        let (back, why, _) = live(life, at(500));
        assert_eq!(why, Some(Resumed::SetBack { back_ms: 530_000 }));
        assert_eq!((back.proved, back.resumed), (Some(at(500)), Some(at(500))));
    }
}
