//! The sections of a batch: which of their frames are new, what is lost between them, how far a (run, stream) is stored.

use super::apply::{Applying, Heard, Place};
use super::rows::{AllRows, Watermark};
use super::types::{Boot, Counts, LostReason, StoredFrame};
use super::{StoreError, check};
use crate::ingest::Section;
use crate::planted;
use hansho::clock::Uptime;
use hansho::frame::answer::{Answer, Refused, RefusedReason, Stored};
use hansho::frame::body::{Body, LossReason};
use hansho::frame::kind::{RunId, Stream};

impl<R: AllRows> Applying<'_, R> {
    /// Answers a section of which nothing is stored.
    pub(super) fn unchanged(
        &mut self,
        section: &Section,
        answer: &mut Answer,
    ) -> Result<(), StoreError> {
        let (run, stream) = (section.header.run, section.header.stream);
        let next = self.rows.watermark(self.agent.id, run, stream)?.next;
        answer.stored.push(Stored { run, stream, next }).ok();
        Ok(())
    }

    pub(super) fn section(
        &mut self,
        section: &Section,
        answer: &mut Answer,
    ) -> Result<(), StoreError> {
        let id = self.agent.id;
        let (run_id, stream) = (section.header.run, section.header.stream);
        let before = self.rows.watermark(id, run_id, stream)?;
        let mut next = before.next;
        let mut offered = None;
        let mut counts = Counts::default();
        let mut refusing = false;
        let mut named = Vec::new();
        let mut refusals_end = false;
        let place = match section.frames.first() {
            Some(first) => Some(self.place(section, first.sequence)?),
            None => None,
        };
        for frame in &section.frames {
            if frame.last < next && !planted::no_dedup() {
                counts.duplicates = counts.duplicates.saturating_add(1);
                self.compare(run_id, stream, frame)?;
                continue;
            }
            // No frame is dated by the clock of a boot that it is not of.
            let other_boot = place.is_some_and(|place| place.run.boot != section.header.boot);
            let left = &mut self.readings_left;
            let checked = if other_boot {
                Err(RefusedReason::Malformed)
            } else {
                check::check(stream, frame.last, &frame.bytes, left)
            };
            let (uptime, body) = match checked {
                Ok(checked) => checked,
                Err(reason) => {
                    refusing = true;
                    counts.refused = counts.refused.saturating_add(1);
                    // Beyond the bound more are named in the next answer.
                    let refused = Refused {
                        run: run_id,
                        stream,
                        sequence: frame.sequence,
                        reason,
                    };
                    if answer.refused.push(refused).is_ok() {
                        named.push((frame.sequence, reason));
                    }
                    continue;
                }
            };
            if refusing {
                // Nothing may pass a refused frame; what follows is only looked through for more of them.
                continue;
            }
            if frame.sequence > next && stream != Stream::History {
                if !self.insists(run_id, stream, before.offered == Some(frame.sequence)) {
                    offered = Some(frame.sequence);
                    break;
                }
                let gap = (next, frame.sequence.saturating_sub(1));
                self.lose(run_id, stream, gap, LostReason::Gap, &mut counts)?;
                self.note_gap(stream, gap)?;
            }
            let Some(place) = place.map(|place| Place {
                sequence: frame.sequence,
                uptime,
                ..place
            }) else {
                break;
            };
            if let Body::Loss(loss) = &body {
                let range = (frame.sequence.max(next), frame.last);
                refusals_end |= loss.reason == LossReason::Refused.as_u8();
                let reason = self.told_reason(run_id, stream, range, loss.reason)?;
                self.lose(run_id, stream, range, reason, &mut counts)?;
            } else {
                let stored = StoredFrame {
                    run: run_id,
                    stream,
                    sequence: frame.sequence,
                    received: self.now,
                    frame: frame.bytes.clone(),
                };
                self.rows.put_frame(id, &stored)?;
                counts.frames_stored = counts.frames_stored.saturating_add(1);
                self.body(&place, &body, &frame.bytes, &mut counts)?;
            }
            next = next.max(frame.last.saturating_add(1));
        }
        let after = Watermark { next, offered };
        self.move_watermark(run_id, stream, before, after)?;
        if refusals_end || !named.is_empty() {
            self.rows.put_refusals(id, run_id, stream, &named)?;
        }
        if counts != Counts::default() {
            self.rows.count(id, stream, &counts)?;
        }
        // A batch has no more sections than an answer has room for.
        answer
            .stored
            .push(Stored {
                run: run_id,
                stream,
                next,
            })
            .ok();
        Ok(())
    }

    /// Why a Loss says that its range is lost; where it was refused here, why that was.
    fn told_reason(
        &mut self,
        run: RunId,
        stream: Stream,
        range: (u64, u64),
        told: u8,
    ) -> Result<LostReason, StoreError> {
        Ok(match LossReason::from_u8(told) {
            LossReason::Unknown => LostReason::Unknown,
            LossReason::Overwritten => LostReason::Overwritten,
            LossReason::Refused => {
                why_refused(self.rows.refusal(self.agent.id, run, stream, range)?)
            }
        })
    }

    fn move_watermark(
        &mut self,
        run: RunId,
        stream: Stream,
        before: Watermark,
        mut after: Watermark,
    ) -> Result<(), StoreError> {
        if after.offered.is_some() && self.heard == Heard::News {
            self.told.push((run, stream));
        } else if after.offered.is_some() || after.next == before.next {
            // Stragglers and repetitions say nothing about what is offered.
            after.offered = before.offered;
        }
        if after != before {
            self.rows.put_watermark(self.agent.id, run, stream, after)?;
        }
        Ok(())
    }

    /// Whether a section that begins above the watermark is taken. A collector restored from a backup knows less than it told
    /// before: the agent is told so, and sends again what the rings hold, with a Loss for what they do not. Only an agent that
    /// offers the same once more, in a later batch, has nothing else.
    fn insists(&self, run: RunId, stream: Stream, offered_before: bool) -> bool {
        offered_before && self.heard == Heard::News && !self.told.contains(&(run, stream))
    }

    /// Where the frames of a section stand.
    fn place(&mut self, section: &Section, sequence: u64) -> Result<Place, StoreError> {
        let id = self.agent.id;
        let run = match self.rows.run(id, section.header.run)? {
            Some(run) => run,
            None => self.new_run(section.header.run, section.header.boot)?,
        };
        let boot = self.rows.boot(id, run.boot)?;
        let boot = boot.unwrap_or_else(|| Boot::new(run.boot));
        Ok(Place {
            run,
            boot,
            sequence,
            uptime: Uptime::default(),
        })
    }
}

/// The reason of a lost frame that this collector refused, by what it said then.
const fn why_refused(said: Option<RefusedReason>) -> LostReason {
    match said {
        Some(RefusedReason::Malformed) => LostReason::RefusedMalformed,
        Some(RefusedReason::WrongStream) => LostReason::RefusedWrongStream,
        Some(RefusedReason::Unknown) | None => LostReason::Refused,
    }
}
