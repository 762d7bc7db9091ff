//! What stands on a disk that cannot be read holds up its own section, and is lost only after a long time of it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test that fails may panic"
)]

use hansho::clock::{Anchor, Uptime, WallTime};
use hansho::forward::batcher::{Built, End, Frames, Look, build};
use hansho::forward::cursors::{Cursors, Held};
use hansho::forward::gaps::{Gaps, Place};
use hansho::frame::answer::{Answer, Stored};
use hansho::frame::batch::BatchHeader;
use hansho::frame::body::{Goodbye, encode};
use hansho::frame::seal::AgentKey;
use hansho::frame::{AgentId, BootId, Kind, RunId, Stream};
use hansho::limit::UNREADABLE_LOSS_MS;
use hansho::spool::reader::ReadEnd;
use std::ops::ControlFlow;

const KEY: AgentKey = AgentKey([3; 32]);
const EARLIER: RunId = RunId(4);
const RUNNING: RunId = RunId(5);

/// Eight frames a run; of the earlier one, 3 to 5 stand where the disk cannot be read.
struct Rings {
    readable: bool,
    end: ReadEnd,
}

impl Frames for Rings {
    fn read(
        &mut self,
        run: RunId,
        _: Stream,
        from: u64,
        visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) {
        let mut buffer = [0; 64];
        let body = Goodbye {
            reason: 1,
            planned_ms: 0,
            text: "",
        };
        let frame = encode(Kind::Goodbye, Uptime::from_millis(7), &body, &mut buffer).unwrap();
        self.end = ReadEnd::All;
        for sequence in from..8 {
            if run == EARLIER && !self.readable && (3..6).contains(&sequence) {
                self.end = ReadEnd::Unreadable { until: Some(6) };
                return;
            }
            if visit(sequence, frame).is_break() {
                return;
            }
        }
    }

    fn read_end(&self) -> ReadEnd {
        self.end
    }
}

fn held(run: RunId) -> Held {
    Held {
        run_number: run.0,
        run,
        boot: BootId(1),
        anchor: Anchor::default(),
        stream: Stream::Alerts,
        first: 0,
        next: 8,
    }
}

/// What was posted reached so far, and is stored.
fn stored(cursors: &mut Cursors, next: [u64; 2]) {
    let reached = [EARLIER, RUNNING].into_iter().zip(next);
    let reached: Vec<_> = reached
        .map(|(run, next)| (run, Stream::Alerts, next))
        .collect();
    cursors.offered(&reached);
    let mut answer = Answer::default();
    for (run, next) in [EARLIER, RUNNING].into_iter().zip(next) {
        let stored = Stored {
            run,
            stream: Stream::Alerts,
            next,
        };
        answer.stored.push(stored).unwrap();
    }
    cursors.answered(&answer, RUNNING);
}

#[test]
fn an_unreadable_place_waits_alone_and_is_lost_in_the_end() {
    let mut cursors = Cursors::default();
    cursors.observe([held(EARLIER), held(RUNNING)].into_iter());
    stored(&mut cursors, [0, 0]);
    let mut gaps = Gaps::default();
    let mut rings = Rings {
        readable: false,
        end: ReadEnd::All,
    };
    let header = BatchHeader {
        key_epoch: 0,
        agent: AgentId(1),
        run: RUNNING,
        boot: BootId(1),
        sent_uptime: Uptime::from_millis(1000),
        sent_wall: WallTime::from_millis(2000),
    };
    let mut post = |now_ms: u64, rings: &mut Rings, cursors: &Cursors| {
        let mut look = Look {
            frames: rings,
            gaps: &mut gaps,
            now_ms,
        };
        let mut buffer = vec![0; 65_536];
        let Built {
            frames,
            reached,
            lost,
            end,
            ..
        } = build(&mut buffer, 65_536, &header, &KEY, cursors, &mut look).unwrap();
        let lost: Vec<_> = lost.iter().map(|lost| (lost.first, lost.last)).collect();
        (frames, reached, lost, end)
    };
    let waits = End::Waits(Place::Unreadable);
    let reached = |earlier| {
        vec![
            (EARLIER, Stream::Alerts, earlier),
            (RUNNING, Stream::Alerts, 8),
        ]
    };
    // The running run's frames go out all the same.
    assert_eq!(
        post(0, &mut rings, &cursors),
        (3 + 8, reached(3), vec![], waits)
    );
    stored(&mut cursors, [3, 8]);
    let (frames, _, lost, end) = post(UNREADABLE_LOSS_MS - 1, &mut rings, &cursors);
    assert_eq!((frames, lost, end), (0, vec![], waits));
    // Readable again in time: nothing is lost.
    rings.readable = true;
    let (frames, _, lost, end) = post(UNREADABLE_LOSS_MS - 1, &mut rings, &cursors);
    assert_eq!((frames, lost, end), (5, vec![], End::All));
    // Not readable for all of the time: lost as far as it cannot be read, and what is behind comes next.
    rings.readable = false;
    let begun = UNREADABLE_LOSS_MS;
    assert_eq!(post(begun, &mut rings, &cursors).3, waits);
    let (frames, _, lost, end) = post(begun + UNREADABLE_LOSS_MS, &mut rings, &cursors);
    assert_eq!((frames, lost, end), (1, vec![(3, 5)], End::All));
    stored(&mut cursors, [6, 8]);
    let (frames, _, lost, end) = post(begun + UNREADABLE_LOSS_MS, &mut rings, &cursors);
    assert_eq!((frames, lost, end), (2, vec![], End::All));
}
