//! Whether an agent answers, and since when it does not.

use crate::limit::{
    BACKOFF_CAP_MS, BACKOFFS, CLOCK_BACK_MS, PLANNED_MS, PROOF_MS, SILENT_INTERVALS,
    SILENT_MARGIN_MS,
};
use crate::store::{SilenceCause, StoredGoodbye};
use hansho::clock::WallTime;

/// What a judgement rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Last sign of life; `None` where there never was one.
    pub seen: Option<WallTime>,
    /// When the collector began to listen without a break.
    pub resumed: WallTime,
    /// Post interval that the agent promised.
    pub promised_ms: u64,
    /// How long people are not told, at least.
    pub notify_after_ms: u64,
    /// End of an absence that was announced, or of a window, for this silence.
    pub announced: Option<WallTime>,
    /// It said that it stops.
    pub stopped: bool,
}

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It never was heard: not installed yet, or its way was never open.
    Never,
    /// Its last sign is as young as it promised, or the collector has not listened for long enough to say otherwise.
    Answers,
    /// Longer than promised; too short to tell people.
    Silent,
    /// As it was announced.
    Planned,
    /// People are to be told.
    Due(SilenceCause),
}

/// How long an agent may be silent: three posts, and a little.
#[must_use]
pub const fn allowed_ms(promised_ms: u64) -> u64 {
    promised_ms
        .saturating_mul(SILENT_INTERVALS)
        .saturating_add(SILENT_MARGIN_MS)
}

/// Three of its backoffs, and a little: what an agent may need to find a collector that was away.
const fn grace_ms(promised_ms: u64) -> u64 {
    let cap_ms = if promised_ms > BACKOFF_CAP_MS {
        promised_ms
    } else {
        BACKOFF_CAP_MS
    };
    cap_ms
        .saturating_mul(BACKOFFS)
        .saturating_add(SILENT_MARGIN_MS)
}

/// Judges.
#[must_use]
pub fn judge(known: &Known, now: WallTime) -> Silence {
    let Some(seen) = known.seen else {
        return Silence::Never;
    };
    // A sign later than now is of a clock that was set back since. By less than a proof of life that may go unnoticed, and the
    // sign is young; else all that is sure is since when the collector listens.
    let ahead_ms = seen.as_millis().saturating_sub(now.as_millis());
    if ahead_ms > 0 && ahead_ms <= PROOF_MS.saturating_add(CLOCK_BACK_MS) {
        return Silence::Answers;
    }
    let unheard = seen < known.resumed || seen > now;
    let since = if unheard { known.resumed } else { seen };
    let age_ms = now.as_millis().saturating_sub(since.as_millis());
    let mut allowed = allowed_ms(known.promised_ms);
    if unheard {
        allowed = allowed.max(grace_ms(known.promised_ms));
    }
    if age_ms <= allowed {
        return Silence::Answers;
    }
    if let Some(announced) = known.announced {
        let overdue_ms = now.as_millis().saturating_sub(announced.as_millis());
        return if overdue_ms > allowed {
            Silence::Due(SilenceCause::Overdue)
        } else {
            Silence::Planned
        };
    }
    if age_ms <= known.notify_after_ms {
        return Silence::Silent;
    }
    Silence::Due(if known.stopped {
        SilenceCause::StoppedInOrder
    } else {
        SilenceCause::Unknown
    })
}

/// What the Goodbye of the run that spoke last says about a silence: the end of the announced absence, and whether it stopped.
/// An agent that went on long after it cannot have meant this silence.
#[must_use]
pub fn said(
    goodbye: Option<&StoredGoodbye>,
    seen: Option<WallTime>,
    promised_ms: u64,
) -> (Option<WallTime>, bool) {
    let (Some(goodbye), Some(seen)) = (goodbye, seen) else {
        return (None, false);
    };
    let after = |ms: u64| {
        let at_ms = goodbye.at.wall.as_millis();
        WallTime::from_millis(at_ms.saturating_add(ms))
    };
    match goodbye.planned_ms {
        Some(planned_ms) => {
            let until = after(planned_ms.min(PLANNED_MS));
            ((seen <= until).then_some(until), false)
        }
        // Reason 0 only announces, and what it announced was ended.
        None => (
            None,
            goodbye.reason != 0 && seen <= after(allowed_ms(promised_ms)),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{ClockQuality, Dated};
    use hansho::frame::kind::RunId;

    fn at(s: u64) -> WallTime {
        WallTime::from_millis(s.saturating_mul(1000).saturating_add(1_000_000_000))
    }

    fn known(seen: u64) -> Known {
        Known {
            seen: Some(at(seen)),
            resumed: at(0),
            promised_ms: 30_000,
            notify_after_ms: 180_000,
            announced: None,
            stopped: false,
        }
    }

    #[test]
    fn three_intervals_are_shown_and_three_minutes_told() {
        let known = known(100);
        assert_eq!(judge(&known, at(195)), Silence::Answers);
        assert_eq!(judge(&known, at(196)), Silence::Silent);
        assert_eq!(judge(&known, at(280)), Silence::Silent);
        let due = Silence::Due(SilenceCause::Unknown);
        assert_eq!(judge(&known, at(281)), due);
        // An agent that promises little is given what it promised.
        let slow = Known {
            promised_ms: 300_000,
            ..known
        };
        assert_eq!(judge(&slow, at(1005)), Silence::Answers);
        assert_eq!(judge(&slow, at(1006)), due);
        let never = Known {
            seen: None,
            ..known
        };
        assert_eq!(judge(&never, at(9999)), Silence::Never);
    }

    #[test]
    fn after_its_own_outage_the_collector_waits_three_backoffs() {
        let back = Known {
            resumed: at(1000),
            promised_ms: 10_000,
            ..known(100)
        };
        assert_eq!(judge(&back, at(1095)), Silence::Answers);
        assert_eq!(judge(&back, at(1096)), Silence::Silent);
        assert_eq!(judge(&back, at(1181)), Silence::Due(SilenceCause::Unknown));
        // Its clock was set back: the sign lies in the future.
        let ahead = Known {
            resumed: at(1000),
            ..known(5000)
        };
        assert_eq!(judge(&ahead, at(1095)), Silence::Answers);
        assert_eq!(judge(&ahead, at(1181)), Silence::Due(SilenceCause::Unknown));
    }

    #[test]
    fn a_clock_set_back_by_less_than_a_proof_of_life_makes_nobody_silent() {
        assert_eq!(judge(&known(505), at(500)), Silence::Answers);
        assert_eq!(
            judge(&known(513), at(500)),
            Silence::Due(SilenceCause::Unknown)
        );
    }

    #[test]
    fn what_was_announced_is_planned_until_it_is_overdue() {
        let planned = Known {
            announced: Some(at(2000)),
            ..known(100)
        };
        assert_eq!(judge(&planned, at(196)), Silence::Planned);
        assert_eq!(judge(&planned, at(2095)), Silence::Planned);
        assert_eq!(
            judge(&planned, at(2096)),
            Silence::Due(SilenceCause::Overdue)
        );
        let stopped = Known {
            stopped: true,
            ..known(100)
        };
        assert_eq!(
            judge(&stopped, at(281)),
            Silence::Due(SilenceCause::StoppedInOrder)
        );
    }

    #[test]
    fn a_goodbye_speaks_about_the_silence_that_follows_it() {
        let goodbye = |planned_ms| StoredGoodbye {
            run: RunId(5),
            sequence: 3,
            at: Dated {
                wall: at(100),
                quality: ClockQuality::Exact,
            },
            reason: 1,
            planned_ms,
            text: String::new(),
        };
        let said = |planned_ms, seen| said(Some(&goodbye(planned_ms)), Some(at(seen)), 30_000);
        assert_eq!(said(None, 101), (None, true));
        assert_eq!(said(None, 196), (None, false));
        assert_eq!(said(Some(60_000), 101), (Some(at(160)), false));
        assert_eq!(said(Some(60_000), 161), (None, false));
        let (month, _) = said(Some(u64::MAX), 101);
        assert_eq!(month, Some(at((PLANNED_MS / 1000).saturating_add(100))));
    }
}
