//! From the rings into batches: frames in sequence, gaps as Loss.

use super::cursors::{Cursors, Held, Work};
use crate::clock::Uptime;
use crate::frame::batch::{BatchHeader, BatchWriter, SectionHeader};
use crate::frame::body::{Loss, LossReason};
use crate::frame::cursor::Full;
use crate::frame::seal::AgentKey;
use crate::frame::{RunId, Stream};
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

/// A batch that is ready to be posted, and what is in it.
#[derive(Debug)]
pub struct Built<'b> {
    /// The sealed bytes.
    pub bytes: &'b [u8],
    /// Frames in it, Loss among them.
    pub frames: usize,
    /// Sections in it.
    pub sections: usize,
    /// Frames that it declares lost, by stream.
    pub lost: [u64; 3],
    /// It holds everything that there was to send.
    pub complete: bool,
}

/// Builds one batch: first, where the collector has not said what it wants of some (run, stream)s, these by name only;
/// else what is unsent, alerts first.
///
/// # Errors
/// [`Full`] where the buffer is too small for the header and one section; a `limit` of 8 KiB never is.
pub fn build<'b>(
    buffer: &'b mut [u8],
    limit: usize,
    header: &BatchHeader,
    key: &AgentKey,
    cursors: &Cursors,
    frames: &mut impl Frames,
) -> Result<Built<'b>, Full> {
    let mut writer = BatchWriter::new(buffer, limit, header)?;
    let mut lost = [0_u64; 3];
    let mut complete = true;
    let mut unnamed = cursors.unnamed().peekable();
    if unnamed.peek().is_some() {
        complete = false;
        for held in unnamed {
            if writer.section(&section(&held, held.next)).is_err() {
                break;
            }
        }
    } else {
        for work in cursors.work() {
            if !append(
                &mut writer,
                header.sent_uptime,
                &work,
                cursors,
                frames,
                &mut lost,
            ) {
                complete = false;
                break;
            }
        }
    }
    let (frames, sections) = (writer.frames(), writer.sections());
    Ok(Built {
        bytes: writer.seal(key)?,
        frames,
        sections,
        lost,
        complete,
    })
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

/// Appends what is unsent of one (run, stream); false where the batch is full.
fn append(
    writer: &mut BatchWriter<'_>,
    now: Uptime,
    work: &Work,
    cursors: &Cursors,
    frames: &mut impl Frames,
    lost: &mut [u64; 3],
) -> bool {
    let (run, stream) = (work.held.run, work.held.stream);
    if writer.section(&section(&work.held, work.from)).is_err() {
        return false;
    }
    let mut lose = |writer: &mut BatchWriter<'_>, first: u64, last: u64, reason: LossReason| {
        let loss = Loss {
            first,
            last,
            reason: reason.as_u8(),
        };
        let done = writer.loss(now, &loss).is_ok();
        if let (true, Some(count)) = (done, lost.get_mut(usize::from(stream.number()))) {
            *count = count.saturating_add(last.saturating_sub(first).saturating_add(1));
        }
        done
    };
    let mut full = false;
    frames.read(run, stream, work.from, &mut |sequence, frame| {
        let next = writer.next_sequence().unwrap_or(0);
        if sequence < next {
            return ControlFlow::Continue(());
        }
        let gap = sequence > next
            && !lose(
                writer,
                next,
                sequence.saturating_sub(1),
                LossReason::Overwritten,
            );
        let taken = !gap
            && if cursors.is_refused(run, stream, sequence) {
                lose(writer, sequence, sequence, LossReason::Refused)
            } else {
                writer.frame(frame).is_ok()
            };
        if taken {
            return ControlFlow::Continue(());
        }
        full = true;
        ControlFlow::Break(())
    });
    let next = writer.next_sequence().unwrap_or(0);
    // Known to have been written, and not held any more.
    if !full && next < work.held.next {
        full = !lose(
            writer,
            next,
            work.held.next.saturating_sub(1),
            LossReason::Overwritten,
        );
    }
    !full
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Anchor, WallTime};
    use crate::frame::answer::{Answer, Refused, RefusedReason, Stored};
    use crate::frame::batch::open_batch;
    use crate::frame::body::{Body, Goodbye, encode};
    use crate::frame::{AgentId, BootId, Kind};

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
        let built = build(
            &mut buffer,
            65_536,
            &header(),
            &KEY,
            &cursors(4, 12, 2),
            &mut held,
        )
        .unwrap();
        assert!(built.complete);
        assert_eq!(built.lost, [2 + 2 + 3, 0, 0]);
        let expected = [
            (2, 3, true),
            (4, 4, false),
            (5, 5, false),
            (6, 7, true),
            (8, 8, false),
            (9, 11, true),
        ];
        assert_eq!(sequences(built.bytes), expected);
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
        let built = build(
            &mut buffer,
            65_536,
            &header(),
            &KEY,
            &cursors,
            &mut ring(0..3),
        )
        .unwrap();
        assert_eq!(
            sequences(built.bytes),
            [(0, 0, false), (1, 1, true), (2, 2, false)]
        );
    }

    #[test]
    fn what_does_not_fit_comes_next() {
        let cursors = cursors(0, 3000, 0);
        let mut buffer = vec![0; 65_536];
        let built = build(
            &mut buffer,
            8192,
            &header(),
            &KEY,
            &cursors,
            &mut ring(0..3000),
        )
        .unwrap();
        assert!(!built.complete);
        assert!(built.bytes.len() <= 8192);
        let sent = sequences(built.bytes);
        assert!(sent.len() > 100);
        assert_eq!(sent.first(), Some(&(0, 0, false)));
    }

    #[test]
    fn unnamed_runs_are_named_without_frames() {
        let mut unnamed = Cursors::default();
        let (boot, anchor, stream) = (BootId(1), Anchor::default(), Stream::Alerts);
        unnamed.observe(
            [Held {
                run_number: 1,
                run: RUN,
                boot,
                anchor,
                stream,
                first: 0,
                next: 9,
            }]
            .into_iter(),
        );
        let mut buffer = vec![0; 65_536];
        let built = build(
            &mut buffer,
            65_536,
            &header(),
            &KEY,
            &unnamed,
            &mut ring(0..9),
        )
        .unwrap();
        assert_eq!(
            (built.frames, built.sections, built.complete),
            (0, 1, false)
        );
    }
}
