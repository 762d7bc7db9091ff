//! From the rings into batches: frames in sequence, gaps as Loss.

use super::cursors::{Cursors, Held, Work};
use super::gaps::{Gaps, Place};
use crate::clock::Uptime;
use crate::frame::batch::{BatchHeader, BatchWriter, SectionHeader};
use crate::frame::body::{Loss, LossReason};
use crate::frame::cursor::Full;
use crate::frame::seal::AgentKey;
use crate::frame::{Kind, RunId, Stream};
use crate::limit::FRAME_BYTES;
use std::ops::ControlFlow;

/// Where frames come from.
pub trait Frames {
    /// Visits the frames of a (run, stream) from a sequence on, in order, each once.
    fn read(
        &mut self,
        run: RunId,
        stream: Stream,
        from: u64,
        visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    );
}

/// Where a batch is built from.
#[derive(Debug)]
pub struct Look<'l, F> {
    /// The rings.
    pub frames: &'l mut F,
    /// Gaps seen so far.
    pub gaps: &'l mut Gaps,
    /// Now, on the clock of the gaps.
    pub now_ms: u64,
}

/// A span that a batch declares lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The run.
    pub run: RunId,
    /// The stream.
    pub stream: Stream,
    /// First lost sequence.
    pub first: u64,
    /// Last lost sequence.
    pub last: u64,
    /// Overwritten before it could be sent; else refused, or longer than any batch.
    pub overwritten: bool,
}

/// A batch that is ready to be posted, and what is in it.
#[derive(Debug)]
pub struct Built<'b> {
    /// The sealed bytes.
    pub bytes: &'b [u8],
    /// Frames in it, Loss among them.
    pub frames: usize,
    /// Sections in it.
    pub sections: usize,
    /// What it declares lost.
    pub lost: Vec<Lost>,
    /// How far each section goes: the next sequence after it.
    pub reached: Vec<(RunId, Stream, u64)>,
    /// Why it ends where it ends.
    pub end: End,
}

/// Why a batch ends where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It holds everything that there was to send.
    All,
    /// There was no more room.
    Full,
    /// It asks first: the collector has not said what it wants.
    Asks,
    /// Frames are missing, perhaps only for this moment.
    Waits(Place),
}

/// Builds one batch, stream by stream, alerts first: where the collector has not said what it wants of some
/// (run, stream)s, these by name only and nothing else; else what is unsent.
///
/// # Errors
/// [`Full`] where the buffer is too small for the header and one section; a `limit` of 8 KiB never is.
pub fn build<'b>(
    buffer: &'b mut [u8],
    limit: usize,
    header: &BatchHeader,
    key: &AgentKey,
    cursors: &Cursors,
    look: &mut Look<'_, impl Frames>,
) -> Result<Built<'b>, Full> {
    let mut writer = BatchWriter::new(buffer, limit, header)?;
    let (mut lost, mut reached) = (Vec::new(), Vec::new());
    let mut end = End::All;
    for stream in Stream::SENT {
        if cursors.has_unnamed(stream) {
            if writer.sections() == 0 {
                name(&mut writer, cursors);
            }
            end = End::Asks;
            break;
        }
        for work in cursors.work().filter(|work| work.held.stream == stream) {
            let now = header.sent_uptime;
            end = append(&mut writer, now, &work, cursors, look, &mut lost);
            if let Some(next) = writer.next_sequence() {
                reached.push((work.held.run, stream, next));
            }
            if end != End::All {
                break;
            }
        }
        if end != End::All {
            break;
        }
    }
    let (frames, sections) = (writer.frames(), writer.sections());
    Ok(Built {
        bytes: writer.seal(key)?,
        frames,
        sections,
        lost,
        reached,
        end,
    })
}

/// Names as many as there is room for; the others are named by the next batch.
fn name(writer: &mut BatchWriter<'_>, cursors: &Cursors) {
    for held in cursors.unnamed() {
        if writer.section(&section(&held, held.next)).is_err() {
            return;
        }
    }
}

fn section(held: &Held, first_sequence: u64) -> SectionHeader {
    SectionHeader {
        run: held.run,
        stream: held.stream,
        boot: held.boot,
        anchor: held.anchor,
        first_sequence,
    }
}

/// Appends what is unsent of one (run, stream).
fn append(
    writer: &mut BatchWriter<'_>,
    now: Uptime,
    work: &Work,
    cursors: &Cursors,
    look: &mut Look<'_, impl Frames>,
    lost: &mut Vec<Lost>,
) -> End {
    let (run, stream) = (work.held.run, work.held.stream);
    if writer.section(&section(&work.held, work.from)).is_err() {
        return End::Full;
    }
    look.gaps.settled(run, stream, work.from);
    let mut filling = Filling {
        of: (run, stream),
        writer,
        cursors,
        gaps: &mut *look.gaps,
        lost,
        now,
        now_ms: look.now_ms,
    };
    let mut end = End::All;
    look.frames
        .read(run, stream, work.from, &mut |sequence, frame| {
            end = filling.take(sequence, frame);
            match end {
                End::All => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        });
    let next = filling.next();
    // Known to have been written, and not found.
    if end == End::All && next < work.held.next {
        end = filling.skip((next, work.held.next.saturating_sub(1)), Place::Tail);
    }
    end
}

/// A section that is being filled.
struct Filling<'f, 'b> {
    of: (RunId, Stream),
    writer: &'f mut BatchWriter<'b>,
    cursors: &'f Cursors,
    gaps: &'f mut Gaps,
    lost: &'f mut Vec<Lost>,
    now: Uptime,
    now_ms: u64,
}

impl Filling<'_, '_> {
    fn next(&self) -> u64 {
        self.writer.next_sequence().unwrap_or(0)
    }

    /// Takes a frame, and first what is missing before it.
    fn take(&mut self, sequence: u64, frame: &[u8]) -> End {
        let (run, stream) = self.of;
        let next = self.next();
        if sequence < next {
            return End::All;
        }
        if sequence > next {
            let end = self.skip((next, sequence.saturating_sub(1)), Place::Before);
            if end != End::All {
                return end;
            }
        }
        self.gaps.found(run, stream, sequence);
        let refused = self.cursors.is_refused(run, stream, sequence);
        let taken = match unsendable(frame, refused) {
            Some(reason) => self.lose(sequence, sequence, reason),
            None => self.writer.frame(frame).is_ok(),
        };
        if taken { End::All } else { End::Full }
    }

    /// Declares lost what of `first..=last` surely is.
    fn skip(&mut self, (first, last): (u64, u64), place: Place) -> End {
        let Some(until) = self.gaps.lost(self.of, (first, last), place, self.now_ms) else {
            return End::Waits(place);
        };
        if !self.lose(first, until, LossReason::Overwritten) {
            return End::Full;
        }
        if until < last {
            // The rest came to be missing since: it is remembered from now on, and looked at again.
            let rest = (until.saturating_add(1), last);
            return match self.gaps.lost(self.of, rest, place, self.now_ms) {
                Some(_) | None => End::Waits(place),
            };
        }
        End::All
    }

    /// Declares lost; false where there is no room.
    fn lose(&mut self, first: u64, last: u64, reason: LossReason) -> bool {
        let (run, stream) = self.of;
        let overwritten = reason == LossReason::Overwritten;
        let reason = reason.as_u8();
        let loss = Loss {
            first,
            last,
            reason,
        };
        let done = self.writer.loss(self.now, &loss).is_ok();
        if done {
            self.lost.push(Lost {
                run,
                stream,
                first,
                last,
                overwritten,
            });
        }
        done
    }
}

/// Why a frame is sent as lost: it was refused by name, or no batch can hold it and it would stand in the way for ever.
fn unsendable(frame: &[u8], refused: bool) -> Option<LossReason> {
    if refused {
        return Some(LossReason::Refused);
    }
    let whole = (1..=FRAME_BYTES).contains(&frame.len());
    let is_loss = frame.first() == Some(&Kind::Loss.number());
    (!whole || is_loss).then_some(LossReason::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Anchor, WallTime};
    use crate::frame::answer::{Answer, Refused, RefusedReason, Stored};
    use crate::frame::batch::open_batch;
    use crate::frame::body::{Body, Goodbye, encode};
    use crate::frame::{AgentId, BootId};

    struct Ring(Vec<(u64, Vec<u8>)>);

    impl Frames for Ring {
        fn read(
            &mut self,
            _: RunId,
            _: Stream,
            from: u64,
            visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
        ) {
            for (sequence, frame) in self.0.iter().filter(|(sequence, _)| *sequence >= from) {
                if visit(*sequence, frame).is_break() {
                    return;
                }
            }
        }
    }

    const RUN: RunId = RunId(5);
    const KEY: AgentKey = AgentKey([3; 32]);

    fn ring(sequences: impl Iterator<Item = u64>) -> Ring {
        let frame = |sequence: u64| {
            let mut buffer = [0; 64];
            let body = Goodbye {
                reason: 1,
                planned_ms: sequence,
                text: "",
            };
            encode(Kind::Goodbye, Uptime::from_millis(7), &body, &mut buffer)
                .unwrap()
                .to_vec()
        };
        Ring(
            sequences
                .map(|sequence| (sequence, frame(sequence)))
                .collect(),
        )
    }

    fn cursors(first: u64, next: u64, wanted: u64) -> Cursors {
        let mut cursors = Cursors::default();
        let (boot, anchor, stream) = (BootId(1), Anchor::default(), Stream::Alerts);
        cursors.observe(
            [Held {
                run_number: 1,
                run: RUN,
                boot,
                anchor,
                stream,
                first,
                next,
            }]
            .into_iter(),
        );
        let mut answer = Answer::default();
        answer
            .stored
            .push(Stored {
                run: RUN,
                stream,
                next: wanted,
            })
            .unwrap();
        cursors.answered(&answer, RUN);
        cursors
    }

    /// Looks twice, the second time so much later that what is missing is lost.
    fn built<'b>(
        buffer: &'b mut [u8],
        limit: usize,
        cursors: &Cursors,
        frames: &mut Ring,
    ) -> Built<'b> {
        let gaps = &mut Gaps::default();
        let (header, now_ms) = (header(), 0);
        let mut look = Look {
            frames,
            gaps,
            now_ms,
        };
        for _ in 0..2 {
            build(buffer, limit, &header, &KEY, cursors, &mut look).unwrap();
        }
        look.now_ms = crate::forward::gaps::TAIL_MS;
        for _ in 0..4 {
            build(buffer, limit, &header, &KEY, cursors, &mut look).unwrap();
        }
        look.now_ms = 2 * crate::forward::gaps::TAIL_MS;
        build(buffer, limit, &header, &KEY, cursors, &mut look).unwrap()
    }

    fn header() -> BatchHeader {
        BatchHeader {
            key_epoch: 0,
            agent: AgentId(1),
            run: RUN,
            boot: BootId(1),
            sent_uptime: Uptime::from_millis(1000),
            sent_wall: WallTime::from_millis(2000),
        }
    }

    /// Sequences of a batch: frames as (n, n), losses as their range.
    fn sequences(bytes: &[u8]) -> Vec<(u64, u64, bool)> {
        let batch = open_batch(bytes, &KEY).unwrap();
        let sections: Vec<_> = batch.sections().collect();
        sections
            .iter()
            .flat_map(|section| section.frames().collect::<Vec<_>>())
            .map(|frame| {
                (
                    frame.sequence,
                    frame.last,
                    matches!(frame.body, Ok((_, Body::Loss(_)))),
                )
            })
            .collect()
    }

    #[test]
    fn gaps_before_within_and_after_become_losses() {
        let mut buffer = vec![0; 65_536];
        let mut held = ring([4, 5, 8].into_iter());
        let built = built(&mut buffer, 65_536, &cursors(4, 12, 2), &mut held);
        assert_eq!(built.end, End::All);
        let lost: Vec<_> = built
            .lost
            .iter()
            .map(|lost| (lost.first, lost.last))
            .collect();
        assert_eq!(lost, [(2, 3), (6, 7), (9, 11)]);
        let expected = [
            (2, 3, true),
            (4, 4, false),
            (5, 5, false),
            (6, 7, true),
            (8, 8, false),
            (9, 11, true),
        ];
        assert_eq!(sequences(built.bytes), expected);
        assert_eq!(built.reached, [(RUN, Stream::Alerts, 12)]);
    }

    #[test]
    fn a_block_that_is_just_being_written_is_no_loss() {
        let (mut buffer, mut gaps) = (vec![0; 65_536], Gaps::default());
        let cursors = cursors(0, 6, 0);
        let mut at = |sequences: std::ops::Range<u64>, now_ms: u64| {
            let mut look = Look {
                frames: &mut ring(sequences),
                gaps: &mut gaps,
                now_ms,
            };
            let built = build(&mut buffer, 65_536, &header(), &KEY, &cursors, &mut look).unwrap();
            (built.end, built.lost.len(), built.frames)
        };
        assert_eq!(at(0..4, 1), (End::Waits(Place::Tail), 0, 4));
        assert_eq!(at(0..6, 2), (End::All, 0, 6));
        assert_eq!(at(2..6, 3), (End::Waits(Place::Before), 0, 0));
        assert_eq!(at(0..6, 4), (End::All, 0, 6));
    }

    #[test]
    fn a_refused_frame_becomes_a_loss_alone() {
        let mut cursors = cursors(0, 3, 0);
        let mut answer = Answer::default();
        let (stream, reason) = (Stream::Alerts, RefusedReason::Malformed);
        answer
            .refused
            .push(Refused {
                run: RUN,
                stream,
                sequence: 1,
                reason,
            })
            .unwrap();
        cursors.answered(&answer, RUN);
        let mut buffer = vec![0; 65_536];
        let built = built(&mut buffer, 65_536, &cursors, &mut ring(0..3));
        assert_eq!(
            sequences(built.bytes),
            [(0, 0, false), (1, 1, true), (2, 2, false)]
        );
    }

    #[test]
    fn what_no_batch_can_hold_stands_in_nobodys_way() {
        let mut held = ring(0..5);
        held.0[1].1 = Vec::new();
        held.0[2].1 = vec![Kind::Loss.number(), 0, 0, 0];
        held.0[3].1 = vec![Kind::Alert.number(); FRAME_BYTES + 1];
        let mut buffer = vec![0; 65_536];
        let built = built(&mut buffer, 65_536, &cursors(0, 5, 0), &mut held);
        assert_eq!(built.end, End::All);
        let lost = [1, 2, 3].map(|sequence| (sequence, sequence, true));
        let expected = [(0, 0, false), lost[0], lost[1], lost[2], (4, 4, false)];
        assert_eq!(sequences(built.bytes), expected);
    }

    #[test]
    fn what_does_not_fit_comes_next() {
        let cursors = cursors(0, 3000, 0);
        let mut buffer = vec![0; 65_536];
        let built = built(&mut buffer, 8192, &cursors, &mut ring(0..3000));
        assert_eq!(built.end, End::Full);
        assert!(built.bytes.len() <= 8192);
        let sent = sequences(built.bytes);
        assert!(sent.len() > 100);
        assert_eq!(sent.first(), Some(&(0, 0, false)));
    }

    fn held(stream: Stream, next: u64) -> Held {
        let (boot, anchor) = (BootId(1), Anchor::default());
        Held {
            run_number: 1,
            run: RUN,
            boot,
            anchor,
            stream,
            first: 0,
            next,
        }
    }

    #[test]
    fn unnamed_runs_are_named_without_frames() {
        let mut unnamed = Cursors::default();
        unnamed.observe([held(Stream::Alerts, 9), held(Stream::Readings, 4)].into_iter());
        let mut buffer = vec![0; 65_536];
        let built = built(&mut buffer, 65_536, &unnamed, &mut ring(0..9));
        assert_eq!((built.frames, built.sections), (0, 2));
        assert_eq!(built.end, End::Asks);
    }

    #[test]
    fn alerts_go_out_while_other_streams_are_still_unnamed() {
        let mut cursors = cursors(0, 3, 0);
        cursors.observe([held(Stream::Alerts, 3), held(Stream::Readings, 4)].into_iter());
        let mut buffer = vec![0; 65_536];
        let built = built(&mut buffer, 65_536, &cursors, &mut ring(0..3));
        assert_eq!((built.frames, built.sections), (3, 1));
        assert_eq!(built.end, End::Asks);
    }
}
