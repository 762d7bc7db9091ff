//! When frames that are missing in the rings are lost, and when they are only just being written.
//!
//! A writer replaces the newest block of a stream in place: while it does, a reader finds nothing there, and on a
//! starved host that moment can last. A gap is therefore told as a Loss only once it was seen twice: behind it frames
//! stand (then its block was left behind by the writer, and a second look suffices), or [`TAIL_MS`] passed. What
//! remains: two looks more than that apart which both meet a write of the same block, with none between that does not.

use crate::frame::{RunId, Stream};
use std::collections::BTreeMap;

/// How long the end of a stream must have been missing: a writer needs microseconds, a stopped one is restarted by then
/// or has written on.
pub const TAIL_MS: u64 = 2_000;
/// Gaps remembered at once. More are confirmed later, one after the other.
const GAPS: usize = 256;
/// A gap that was not asked for during this is forgotten.
const FORGOTTEN_MS: u64 = 10 * 60 * 1000;

/// Where the missing frames stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Frames behind them are held.
    Before,
    /// They are the last that are known to have been written.
    Tail,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    place: Place,
    last: u64,
    since_ms: u64,
    asked_ms: u64,
}

/// The gaps that were seen.
#[derive(Debug, Default)]
pub struct Gaps {
    seen: BTreeMap<(RunId, Stream, u64), Seen>,
}

impl Gaps {
    /// `first..=last` is missing. Gives back how far it is lost for sure, and remembers it otherwise.
    pub fn lost(
        &mut self,
        (run, stream): (RunId, Stream),
        (first, last): (u64, u64),
        place: Place,
        now_ms: u64,
    ) -> Option<u64> {
        let key = (run, stream, first);
        if let Some(seen) = self.seen.get_mut(&key) {
            seen.asked_ms = now_ms;
            let both = seen.last.min(last);
            let old = now_ms.saturating_sub(seen.since_ms) >= TAIL_MS;
            // Seen as the end, and now before frames: its block was being written then, and is looked at once more.
            let twice = place == Place::Before && seen.place == Place::Before;
            if both >= first && (old || twice) {
                return Some(both);
            }
            (seen.last, seen.place) = (both, place);
            return None;
        }
        if self.seen.len() >= GAPS {
            self.seen
                .retain(|_, seen| now_ms.saturating_sub(seen.asked_ms) < FORGOTTEN_MS);
        }
        if self.seen.len() < GAPS {
            let seen = Seen {
                place,
                last,
                since_ms: now_ms,
                asked_ms: now_ms,
            };
            self.seen.insert(key, seen);
        }
        None
    }

    /// A frame was read: it was not missing after all.
    pub fn found(&mut self, run: RunId, stream: Stream, sequence: u64) {
        self.seen.remove(&(run, stream, sequence));
    }

    /// Everything before `next` is settled.
    pub fn settled(&mut self, run: RunId, stream: Stream, next: u64) {
        self.seen.retain(|(of_run, of_stream, first), _| {
            (*of_run, *of_stream) != (run, stream) || *first >= next
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: (RunId, Stream) = (RunId(1), Stream::Alerts);

    #[test]
    fn a_gap_before_frames_is_lost_at_the_second_look() {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.lost(OF, (3, 5), Place::Before, 10), None);
        assert_eq!(gaps.lost(OF, (3, 5), Place::Before, 10), Some(5));
        // What came to be missing since is not part of it.
        assert_eq!(gaps.lost(OF, (3, 9), Place::Before, 10), Some(5));
    }

    #[test]
    fn a_missing_end_must_stay_missing() {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.lost(OF, (3, 5), Place::Tail, 10), None);
        assert_eq!(gaps.lost(OF, (3, 5), Place::Tail, 9 + TAIL_MS), None);
        assert_eq!(gaps.lost(OF, (3, 7), Place::Tail, 10 + TAIL_MS), Some(5));
    }

    #[test]
    fn what_was_found_meanwhile_is_a_new_gap() {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.lost(OF, (3, 5), Place::Before, 10), None);
        gaps.found(OF.0, OF.1, 3);
        assert_eq!(gaps.lost(OF, (3, 5), Place::Before, 99_000), None);
        // The end first, then before frames: not the same.
        assert_eq!(gaps.lost(OF, (7, 9), Place::Tail, 10), None);
        assert_eq!(gaps.lost(OF, (7, 8), Place::Before, 11), None);
        assert_eq!(gaps.lost(OF, (7, 8), Place::Before, 11), Some(8));
    }

    #[test]
    fn what_is_settled_is_forgotten_and_the_memory_is_bounded() {
        let mut gaps = Gaps::default();
        gaps.lost(OF, (3, 5), Place::Tail, 10);
        gaps.settled(OF.0, OF.1, 6);
        assert!(gaps.seen.is_empty());
        for first in 0..10_000 {
            gaps.lost(OF, (first * 10, first * 10), Place::Tail, 10);
        }
        assert_eq!(gaps.seen.len(), GAPS);
        gaps.lost(OF, (7, 7), Place::Tail, 10 + FORGOTTEN_MS);
        assert_eq!(gaps.seen.len(), 1);
    }
}
