//! What is sent and what is not: one cursor a (run, stream), moved by authenticated answers alone.
//!
//! The collector's word counts, backwards too: a collector restored from a backup gets again what the rings still hold.
//! Decides and does no I/O.

use crate::clock::Anchor;
use crate::frame::answer::Answer;
use crate::frame::{BootId, RunId, Stream};
use std::collections::{BTreeMap, BTreeSet};

/// Refused frames remembered at once; older ones would be refused again and come back.
const REFUSED: usize = 256;
/// Pairs of run and stream remembered at once: a crash loop makes new ones, the oldest go.
const ENTRIES: usize = 3 * 4096;

/// A (run, stream) as the rings hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Order of the run among the runs.
    pub run_number: u64,
    /// The run.
    pub run: RunId,
    /// The boot in which it was.
    pub boot: BootId,
    /// Newest anchor of the run.
    pub anchor: Anchor,
    /// The stream.
    pub stream: Stream,
    /// The oldest sequence held.
    pub first: u64,
    /// One more than the newest.
    pub next: u64,
}

/// Order of sending: stream 0 of all runs first, the oldest run before the newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    stream: Stream,
    run_number: u64,
    run: RunId,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    held: Held,
    /// Next sequence that the collector wants; `None` until it has said so.
    wanted: Option<u64>,
    /// Still in the rings.
    in_rings: bool,
    /// The collector was ahead of the running run at its last word.
    ahead: bool,
    /// One more than the highest sequence that this process ever offered, or was told of when it first asked.
    offered: Option<u64>,
}

/// What to send of one (run, stream).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// As the rings hold it.
    pub held: Held,
    /// The next sequence that the collector wants.
    pub from: u64,
}

/// What an answer changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// A cursor moved forward.
    pub moved: bool,
    /// A cursor went back, or was told for the first time: everything is named again, or for the first time.
    pub went_back: bool,
    /// The collector knows more of the running run than was ever written, and said so twice.
    pub run_ahead: bool,
    /// Frames newly refused.
    pub refused: u64,
}

/// The cursors of everything in the rings.
#[derive(Debug, Default)]
pub struct Cursors {
    entries: BTreeMap<Key, Entry>,
    refused: BTreeSet<(RunId, Stream, u64)>,
}

impl Cursors {
    /// Takes over what the rings hold now. What has left them unsent stays, to be sent as lost.
    pub fn observe(&mut self, held: impl Iterator<Item = Held>) {
        for entry in self.entries.values_mut() {
            entry.in_rings = false;
        }
        for held in held {
            if !Stream::SENT.contains(&held.stream) {
                continue;
            }
            let key = Key {
                stream: held.stream,
                run_number: held.run_number,
                run: held.run,
            };
            let entry = self.entries.entry(key).or_insert(Entry {
                held,
                wanted: None,
                in_rings: true,
                ahead: false,
                offered: None,
            });
            let next = entry.held.next.max(held.next);
            entry.held = Held { next, ..held };
            entry.in_rings = true;
        }
        // Where the collector has not yet said what it wants, the frames may be unsent, and are named.
        self.entries.retain(|_, entry| {
            entry.in_rings || entry.wanted.is_none_or(|wanted| wanted < entry.held.next)
        });
        while self.entries.len() > ENTRIES {
            self.entries.pop_first();
        }
    }

    /// Whether the collector has to be asked about a (run, stream) of this stream before more of it is sent.
    #[must_use]
    pub fn has_unnamed(&self, stream: Stream) -> bool {
        self.entries
            .iter()
            .any(|(key, entry)| key.stream == stream && entry.wanted.is_none())
    }

    /// The (run, stream)s of which the collector has not yet said what it wants: to be named with count 0.
    pub fn unnamed(&self) -> impl Iterator<Item = Held> + '_ {
        self.entries
            .values()
            .filter(|entry| entry.wanted.is_none())
            .map(|entry| entry.held)
    }

    /// What is to be sent, in order.
    pub fn work(&self) -> impl Iterator<Item = Work> + '_ {
        self.entries.values().filter_map(|entry| {
            let from = entry.wanted?;
            (from < entry.held.next).then_some(Work {
                held: entry.held,
                from,
            })
        })
    }

    /// True where a frame was refused by name: it is sent as lost.
    #[must_use]
    pub fn is_refused(&self, run: RunId, stream: Stream, sequence: u64) -> bool {
        self.refused.contains(&(run, stream, sequence))
    }

    /// The next sequence that the collector wants, where it has said so.
    #[must_use]
    pub fn wanted(&self, run: RunId, stream: Stream) -> Option<u64> {
        self.entries
            .iter()
            .find(|(key, _)| key.run == run && key.stream == stream)
            .and_then(|(_, entry)| entry.wanted)
    }

    /// How far a stream is stored without a gap, the runs in order: what a superblock remembers.
    #[must_use]
    pub fn reached(&self, stream: Stream) -> Option<(u64, RunId, u64)> {
        let mut reached = None;
        for (key, entry) in self.entries.iter().filter(|(key, _)| key.stream == stream) {
            let Some(wanted) = entry.wanted else {
                break;
            };
            reached = Some((key.run_number, key.run, wanted));
            if wanted < entry.held.next {
                break;
            }
        }
        reached
    }

    /// Takes over an authenticated answer; `running` is the run that writes now.
    pub fn answered(&mut self, answer: &Answer, running: RunId) -> Effects {
        let mut effects = Effects::default();
        for stored in &answer.stored {
            let found = self
                .entries
                .iter_mut()
                .find(|(key, _)| key.run == stored.run && key.stream == stored.stream);
            let Some((key, entry)) = found else { continue };
            let written = entry.held.next;
            // What was never written, or written and never offered, a collector can only have from this machine's other
            // future: it was rolled back, or cloned.
            let unheard_of = entry.offered.is_some_and(|offered| stored.next > offered);
            let ahead = key.run == running && (stored.next > written || unheard_of);
            if ahead && !std::mem::replace(&mut entry.ahead, ahead) {
                // The newest block may have been unreadable just then: asked once more before a run is ended for it.
                entry.wanted = None;
                continue;
            }
            entry.ahead = ahead;
            effects.run_ahead |= ahead;
            // Ahead in an earlier run: the collector has what these rings lost; its section is closed.
            let wanted = stored.next.min(written);
            match entry.wanted {
                Some(before) if wanted > before => effects.moved = true,
                Some(before) if wanted < before => effects.went_back = true,
                Some(_) => {}
                None => effects.moved = true,
            }
            entry.wanted = Some(wanted);
            entry.offered = Some(entry.offered.map_or(wanted, |offered| offered.max(wanted)));
        }
        for refused in &answer.refused {
            if self.refused.len() < REFUSED
                && self
                    .refused
                    .insert((refused.run, refused.stream, refused.sequence))
            {
                effects.refused = effects.refused.saturating_add(1);
                effects.moved = true;
            }
        }
        if effects.went_back {
            self.forget();
        }
        let entries = &self.entries;
        self.refused.retain(|(run, stream, sequence)| {
            let of = entries
                .iter()
                .find(|(key, _)| key.run == *run && key.stream == *stream);
            of.is_some_and(|(_, entry)| entry.wanted.is_none_or(|wanted| wanted <= *sequence))
        });
        effects
    }

    /// A batch is about to be posted that reaches so far: (run, stream, next sequence).
    pub fn offered(&mut self, reached: &[(RunId, Stream, u64)]) {
        for (run, stream, next) in reached {
            let mut entries = self.entries.iter_mut();
            let found = entries.find(|(key, _)| key.run == *run && key.stream == *stream);
            if let Some((_, entry)) = found {
                entry.offered = Some(entry.offered.map_or(*next, |offered| offered.max(*next)));
            }
        }
    }

    /// Asks the collector anew for every cursor: another collector answers, or this one went back.
    pub fn forget(&mut self) {
        for entry in self.entries.values_mut() {
            entry.wanted = None;
        }
    }

    /// Moves a cursor forward without an answer: what the planted bug does, and nothing else.
    #[cfg(feature = "planted")]
    pub fn assume(&mut self, run: RunId, stream: Stream, next: u64) {
        for (key, entry) in &mut self.entries {
            if key.run == run && key.stream == stream {
                let wanted = entry.wanted.unwrap_or(0).max(next);
                entry.wanted = Some(wanted.min(entry.held.next));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::answer::{Refused, RefusedReason, Stored};

    fn held(run_number: u64, stream: Stream, first: u64, next: u64) -> Held {
        let (boot, anchor) = (BootId(1), Anchor::default());
        Held {
            run_number,
            run: RunId(run_number.saturating_add(100)),
            boot,
            anchor,
            stream,
            first,
            next,
        }
    }

    fn answer(stored: &[(u64, Stream, u64)]) -> Answer {
        let mut answer = Answer::default();
        for (run_number, stream, next) in stored {
            answer
                .stored
                .push(Stored {
                    run: RunId(run_number.saturating_add(100)),
                    stream: *stream,
                    next: *next,
                })
                .unwrap();
        }
        answer
    }

    const RUNNING: RunId = RunId(102);

    #[test]
    fn nothing_is_sent_before_it_was_named() {
        let mut cursors = Cursors::default();
        cursors.observe([held(1, Stream::Alerts, 0, 5)].into_iter());
        assert_eq!(cursors.work().count(), 0);
        assert_eq!(cursors.unnamed().count(), 1);
        assert!(
            cursors
                .answered(&answer(&[(1, Stream::Alerts, 2)]), RUNNING)
                .moved
        );
        let work: Vec<_> = cursors.work().map(|work| work.from).collect();
        assert_eq!(work, [2]);
    }

    #[test]
    fn alerts_of_all_runs_come_before_readings_of_any() {
        let mut cursors = Cursors::default();
        let all = [
            held(2, Stream::Readings, 0, 1),
            held(1, Stream::Readings, 0, 1),
            held(2, Stream::Alerts, 0, 1),
            held(1, Stream::Alerts, 0, 1),
            held(2, Stream::History, 0, 1),
        ];
        cursors.observe(all.into_iter());
        let named = [
            (1, Stream::Alerts, 0),
            (2, Stream::Alerts, 0),
            (1, Stream::Readings, 0),
            (2, Stream::Readings, 0),
        ];
        cursors.answered(&answer(&named), RUNNING);
        let order: Vec<_> = cursors
            .work()
            .map(|work| (work.held.stream, work.held.run_number))
            .collect();
        assert_eq!(
            order,
            named.map(|(run_number, stream, _)| (stream, run_number))
        );
    }

    #[test]
    fn a_collector_that_went_back_is_asked_for_everything() {
        let mut cursors = Cursors::default();
        cursors.observe([held(2, Stream::Alerts, 0, 9), held(1, Stream::Alerts, 0, 4)].into_iter());
        cursors.answered(
            &answer(&[(1, Stream::Alerts, 4), (2, Stream::Alerts, 9)]),
            RUNNING,
        );
        assert_eq!(cursors.work().count(), 0);
        let effects = cursors.answered(&answer(&[(2, Stream::Alerts, 3)]), RUNNING);
        assert!(effects.went_back);
        assert_eq!(cursors.unnamed().count(), 2);
    }

    #[test]
    fn ahead_of_the_running_run_is_told_ahead_of_an_earlier_one_closes_it() {
        let mut cursors = Cursors::default();
        cursors.observe([held(2, Stream::Alerts, 0, 9), held(1, Stream::Alerts, 0, 4)].into_iter());
        let effects = cursors.answered(&answer(&[(1, Stream::Alerts, 7)]), RUNNING);
        assert!(!effects.run_ahead);
        let ahead = answer(&[(2, Stream::Alerts, 10)]);
        assert!(!cursors.answered(&ahead, RUNNING).run_ahead);
        // It was only a block that could not be read.
        cursors.observe([held(2, Stream::Alerts, 0, 10)].into_iter());
        assert!(!cursors.answered(&ahead, RUNNING).run_ahead);
        let ahead = answer(&[(2, Stream::Alerts, 11)]);
        assert!(!cursors.answered(&ahead, RUNNING).run_ahead);
        assert!(cursors.answered(&ahead, RUNNING).run_ahead);
        assert_eq!(cursors.work().count(), 0);
    }

    #[test]
    fn an_unsent_earlier_run_holds_the_told_cursor_back() {
        let mut cursors = Cursors::default();
        let all = [1, 2, 3].map(|run| held(run, Stream::Alerts, 0, 4));
        cursors.observe(all.into_iter());
        assert_eq!(cursors.reached(Stream::Alerts), None);
        let stored = [
            (1, Stream::Alerts, 4),
            (2, Stream::Alerts, 1),
            (3, Stream::Alerts, 4),
        ];
        cursors.answered(&answer(&stored), RUNNING);
        assert_eq!(cursors.reached(Stream::Alerts), Some((2, RunId(102), 1)));
        cursors.offered(&[(RunId(102), Stream::Alerts, 4)]);
        cursors.answered(&answer(&[(2, Stream::Alerts, 4)]), RUNNING);
        assert_eq!(cursors.reached(Stream::Alerts), Some((3, RunId(103), 4)));
        assert_eq!(cursors.wanted(RunId(102), Stream::Alerts), Some(4));
    }

    #[test]
    fn a_collector_that_has_what_was_never_offered_is_ahead() {
        let mut cursors = Cursors::default();
        cursors.observe([held(2, Stream::Alerts, 0, 150)].into_iter());
        assert!(
            cursors
                .answered(&answer(&[(2, Stream::Alerts, 50)]), RUNNING)
                .moved
        );
        // An answer that was lost: what was offered may be stored.
        cursors.offered(&[(RUNNING, Stream::Alerts, 60)]);
        cursors.forget();
        assert!(
            !cursors
                .answered(&answer(&[(2, Stream::Alerts, 60)]), RUNNING)
                .run_ahead
        );
        // Rolled back to here, while the collector had 100 of this run.
        let ahead = answer(&[(2, Stream::Alerts, 100)]);
        assert!(!cursors.answered(&ahead, RUNNING).run_ahead);
        assert!(cursors.answered(&ahead, RUNNING).run_ahead);
    }

    #[test]
    fn what_left_the_rings_unsent_stays_until_it_is_told_as_lost() {
        let mut cursors = Cursors::default();
        cursors.observe([held(1, Stream::Alerts, 0, 4)].into_iter());
        cursors.answered(&answer(&[(1, Stream::Alerts, 1)]), RUNNING);
        cursors.observe([held(2, Stream::Alerts, 0, 1)].into_iter());
        let work: Vec<_> = cursors
            .work()
            .map(|work| (work.held.run_number, work.from, work.held.next))
            .collect();
        assert_eq!(work, [(1, 1, 4)]);
        cursors.answered(&answer(&[(1, Stream::Alerts, 4)]), RUNNING);
        cursors.observe([held(2, Stream::Alerts, 0, 1)].into_iter());
        assert_eq!(cursors.work().count(), 0);
        assert_eq!(cursors.unnamed().count(), 1);
    }

    #[test]
    fn what_left_the_rings_before_it_was_named_is_named_still() {
        let mut cursors = Cursors::default();
        cursors.observe([held(1, Stream::Alerts, 0, 4)].into_iter());
        cursors.observe([held(2, Stream::Alerts, 0, 1)].into_iter());
        assert_eq!(cursors.unnamed().count(), 2);
        cursors.answered(
            &answer(&[(1, Stream::Alerts, 2), (2, Stream::Alerts, 0)]),
            RUNNING,
        );
        // The collector goes back while frames that are gone from the rings are still unsent.
        cursors.forget();
        cursors.observe([held(2, Stream::Alerts, 0, 1)].into_iter());
        assert_eq!(cursors.unnamed().count(), 2);
        cursors.answered(&answer(&[(1, Stream::Alerts, 4)]), RUNNING);
        cursors.observe([held(2, Stream::Alerts, 0, 1)].into_iter());
        assert_eq!(cursors.unnamed().count(), 1);
    }

    #[test]
    fn a_refused_frame_is_remembered_until_the_cursor_is_past_it() {
        let mut cursors = Cursors::default();
        cursors.observe([held(2, Stream::Alerts, 0, 9)].into_iter());
        let mut refusing = answer(&[(2, Stream::Alerts, 3)]);
        let (run, stream, reason) = (RUNNING, Stream::Alerts, RefusedReason::Malformed);
        refusing
            .refused
            .push(Refused {
                run,
                stream,
                sequence: 3,
                reason,
            })
            .unwrap();
        assert_eq!(cursors.answered(&refusing, RUNNING).refused, 1);
        assert_eq!(cursors.answered(&refusing, RUNNING).refused, 0);
        assert!(cursors.is_refused(run, stream, 3));
        cursors.offered(&[(run, stream, 4)]);
        cursors.answered(&answer(&[(2, Stream::Alerts, 4)]), RUNNING);
        assert!(!cursors.is_refused(run, stream, 3));
    }
}
