//! The real forwarder against a model of the collector, in virtual time, with every fault in between: what was written
//! is stored once or lies in a Loss, nothing that the rings still hold is called lost, alerts go first, and the number
//! of posts is bounded.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop"
)]

mod forward_common;

use forward_common::{Collector, KEY, TestRings, settings};
use hansho::clock::{Uptime, WallTime};
use hansho::forward::batcher::Frames;
use hansho::forward::client::Posted;
use hansho::forward::connector::TrustState;
use hansho::forward::cursors::Held;
use hansho::forward::forwarder::{Forwarder, Host, Post, Rings};
use hansho::forward::news::News;
use hansho::forward::pace::Outcome;
use hansho::forward::trust::BUILD_WALL;
use hansho::frame::answer::{Answer, Refused, RefusedReason};
use hansho::frame::batch::open_batch;
use hansho::frame::{RunId, Stream};
use hansho::limit::ANSWER_BYTES;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard};

type Place = (u64, Stream, u64);

/// What happens to one post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Good,
    /// It never arrives.
    Cut,
    /// It is stored, and the answer gets lost.
    AnswerLost,
    /// 503.
    Busy,
    /// 401.
    Misconfigured,
    /// A captive portal.
    Portal,
    /// 413 above 10,000 bytes.
    Narrow,
}

#[derive(Clone, Debug)]
enum Event {
    Write(Stream, u64),
    NewRun,
    /// So many of the oldest frames of a run leave the rings.
    Evict(usize, Stream, usize),
    /// One frame in the middle is damaged.
    Damage(usize, Stream, usize),
    /// The newest block cannot be read while the next post is built.
    Flicker(Stream),
    /// The collector will never take a frame of the running run.
    Refuse(Stream, u64),
    Save,
    /// The collector is restored from what was saved, and the connection broke.
    Restore,
    Post(Way),
    Wait(u64),
    Alert,
}

struct World {
    rings: TestRings,
    /// Just being written while the next post is built.
    hidden: BTreeSet<Place>,
    /// Was being written at the first look, while frames behind it can be read already.
    fading: BTreeSet<Place>,
    appended: BTreeSet<(u64, Stream)>,
    written: BTreeMap<(u64, Stream), u64>,
    /// As far as the forwarder has seen: what leaves the rings between two of its looks, with all that follows it in
    /// its run and stream, is known to nobody.
    seen: BTreeMap<(u64, Stream), u64>,
    removed: BTreeSet<Place>,
    refused: BTreeSet<Place>,
    run: u64,
    collector: Collector,
    saved: Collector,
    restored: bool,
    way: Way,
    now_ms: u64,
}

impl World {
    fn is_held(&self, (run, stream, sequence): Place) -> bool {
        let rings = self.rings.0.lock().unwrap();
        let held = rings.get(&(run, stream));
        held.is_some_and(|held| held.contains(&sequence))
    }

    fn is_settled(&self, place: Place) -> bool {
        self.collector.stored.contains_key(&place) || self.collector.lost.contains(&place)
    }

    fn remove(&mut self, place: Place) {
        let mut rings = self.rings.0.lock().unwrap();
        if let Some(held) = rings.get_mut(&(place.0, place.1))
            && held.remove(&place.2)
        {
            self.removed.insert(place);
        }
    }

    fn take(&mut self, batch: &[u8]) -> Vec<u8> {
        let before = self.collector.order.len();
        // A refused frame ends its section at it, and is named.
        let opened = open_batch(batch, &KEY).unwrap();
        let mut named = Vec::new();
        for section in opened.sections() {
            let number = section.header.run.0 - 1000;
            let refused = section.frames().find(|found| {
                let place = (number, section.header.stream, found.sequence);
                self.refused.contains(&place) && found.last == found.sequence && {
                    use hansho::frame::body::Body;
                    !matches!(found.body, Ok((_, Body::Loss(_))))
                }
            });
            if let Some(found) = refused {
                named.push((section.header.run, section.header.stream, found.sequence));
            }
        }
        let honest = self.collector.take_except(batch, &named);
        let answer = self.name(&honest, &opened.mac, &named);
        let new: Vec<Place> = self.collector.order.split_off(before);
        if named.is_empty() && new.iter().any(|place| place.1 != Stream::Alerts) {
            self.alerts_came_first();
        }
        self.collector.order.extend(new);
        answer
    }

    fn name(&self, honest: &[u8], echo: &[u8; 16], named: &[(RunId, Stream, u64)]) -> Vec<u8> {
        let mut answer = Answer::open(honest, &KEY, echo).unwrap();
        for (run, stream, sequence) in named.iter().copied().take(16) {
            let refused = Refused {
                run,
                stream,
                sequence,
                reason: RefusedReason::Malformed,
            };
            answer.refused.push(refused).unwrap();
        }
        let mut buffer = [0; ANSWER_BYTES];
        answer.seal(&KEY, &mut buffer).unwrap().to_vec()
    }

    /// A batch with readings in it holds all alerts that could be read when it was built.
    fn alerts_came_first(&self) {
        let rings = self.rings.0.lock().unwrap();
        for ((run, stream), held) in rings.iter().filter(|(key, _)| key.1 == Stream::Alerts) {
            for sequence in held {
                let place = (*run, *stream, *sequence);
                let hidden = self.hidden.contains(&place);
                assert!(hidden || self.is_settled(place), "{place:?} came after");
            }
        }
    }
}

#[derive(Clone)]
struct Shared(Arc<Mutex<World>>);

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }
}

impl Frames for Shared {
    fn read(
        &mut self,
        run: RunId,
        stream: Stream,
        from: u64,
        visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) {
        let (mut rings, hidden) = {
            let mut world = self.world();
            let mut hidden = world.hidden.clone();
            let (now, later) = std::mem::take(&mut world.fading)
                .into_iter()
                .partition(|place| (place.0, place.1) == (run.0 - 1000, stream));
            let mut now: BTreeSet<Place> = now;
            hidden.append(&mut now);
            world.fading = later;
            (world.rings.clone(), hidden)
        };
        rings.read(run, stream, from, &mut |sequence, frame| {
            if hidden.contains(&(run.0 - 1000, stream, sequence)) {
                return ControlFlow::Continue(());
            }
            visit(sequence, frame)
        });
    }
}

impl Rings for Shared {
    fn refresh(&mut self) {}

    fn held(&self) -> Vec<Held> {
        let mut world = self.world();
        let all = world.rings.held();
        for held in &all {
            let key = (held.run_number, held.stream);
            let seen = world.seen.entry(key).or_default();
            *seen = held.next.max(*seen);
        }
        all
    }
}

impl Host for Shared {
    fn monotonic_ms(&self) -> u64 {
        self.world().now_ms
    }

    fn uptime(&self) -> Uptime {
        Uptime::from_millis(self.world().now_ms)
    }

    fn wall(&self) -> WallTime {
        BUILD_WALL
    }

    fn random(&mut self) -> u64 {
        700
    }

    /// What the watcher is told of the cursors is true when it is told.
    fn tell(&mut self, news: News) -> bool {
        let world = self.world();
        if let News::Stored {
            run_number,
            stream,
            next,
            ..
        } = news
            && !world.restored
        {
            for ((run, of), seen) in &world.seen {
                let until = match run.cmp(&run_number) {
                    std::cmp::Ordering::Less => *seen,
                    std::cmp::Ordering::Equal => next,
                    std::cmp::Ordering::Greater => 0,
                };
                for sequence in 0..if *of == stream { until } else { 0 } {
                    let place = (*run, stream, sequence);
                    assert!(world.is_settled(place), "{news:?}, but {place:?}");
                }
            }
        }
        true
    }
}

struct Line(Shared, TrustState);

impl Post for Line {
    fn url(&self) -> &str {
        "model"
    }

    fn turn(&mut self) -> usize {
        0
    }

    fn next_url(&mut self) {}

    fn trust(&self) -> &TrustState {
        &self.1
    }

    fn post(&mut self, batch: &[u8]) -> Posted {
        let mut world = self.0.world();
        let status = |status| Posted::Status {
            status,
            retry_after_ms: None,
        };
        match world.way {
            Way::Cut => Posted::Failed("cut".into()),
            Way::Busy => status(503),
            Way::Misconfigured => status(401),
            Way::Portal => Posted::Body(b"<html>".to_vec()),
            Way::Narrow if batch.len() > 10_000 => status(413),
            Way::AnswerLost => {
                world.take(batch);
                Posted::Failed("reset".into())
            }
            Way::Good | Way::Narrow => Posted::Body(world.take(batch)),
        }
    }
}

struct Play {
    shared: Shared,
    forwarder: Forwarder<Shared, Shared, Line>,
}

impl Play {
    fn new() -> Self {
        let shared = Shared(Arc::new(Mutex::new(World {
            rings: TestRings::default(),
            hidden: BTreeSet::new(),
            fading: BTreeSet::new(),
            appended: BTreeSet::new(),
            written: BTreeMap::new(),
            seen: BTreeMap::new(),
            removed: BTreeSet::new(),
            refused: BTreeSet::new(),
            run: 1,
            collector: Collector::default(),
            saved: Collector::default(),
            restored: false,
            way: Way::Good,
            now_ms: 1000,
        })));
        let line = Line(shared.clone(), TrustState::default());
        let forwarder = Forwarder::new(settings(), line, shared.clone(), shared.clone());
        Self { shared, forwarder }
    }

    fn post(&mut self, way: Way) -> Outcome {
        let due = self.forwarder.next().at_ms;
        {
            let mut world = self.shared.world();
            world.now_ms = world.now_ms.max(due);
            world.way = way;
        }
        let outcome = self.forwarder.post();
        let mut world = self.shared.world();
        world.hidden.clear();
        world.fading.clear();
        drop(world);
        outcome
    }

    fn run(&mut self, event: &Event) {
        let mut world = self.shared.world();
        let run = world.run;
        match *event {
            Event::Write(stream, count) => {
                let next = world.written.entry((run, stream)).or_default();
                let from = *next;
                *next += count;
                world.rings.write(run, stream, from..from + count);
                let (of, others) = std::mem::take(&mut world.hidden)
                    .into_iter()
                    .partition(|place| (place.0, place.1) == (run, stream));
                world.hidden = others;
                world.appended.insert((run, stream));
                world.fading = of;
            }
            Event::NewRun => world.run += 1,
            Event::Evict(of, stream, count) => {
                let run = 1 + of as u64 % run;
                for sequence in world.sequences(run, stream).into_iter().take(count) {
                    world.remove((run, stream, sequence));
                }
            }
            Event::Damage(of, stream, at) => {
                let run = 1 + of as u64 % run;
                let held = world.sequences(run, stream);
                if let Some(sequence) = held.get(at % held.len().max(1)) {
                    world.remove((run, stream, *sequence));
                }
            }
            // A block is replaced only to append to it: not twice between two writes.
            Event::Flicker(stream) if world.appended.remove(&(run, stream)) => {
                for sequence in world.sequences(run, stream).into_iter().rev().take(5) {
                    world.hidden.insert((run, stream, sequence));
                }
            }
            Event::Flicker(_) => {}
            Event::Refuse(stream, ahead) => {
                let next = world.written.get(&(run, stream)).copied().unwrap_or(0);
                world.refused.insert((run, stream, next + ahead));
            }
            Event::Save => world.saved = world.collector.clone(),
            Event::Restore => {
                world.collector = world.saved.clone();
                world.restored = true;
                drop(world);
                self.post(Way::Cut);
            }
            Event::Wait(ms) => world.now_ms += ms,
            Event::Alert => {
                drop(world);
                self.forwarder.alert();
            }
            Event::Post(way) => {
                drop(world);
                self.post(way);
            }
        }
    }
}

impl World {
    fn sequences(&self, run: u64, stream: Stream) -> Vec<u64> {
        let rings = self.rings.0.lock().unwrap();
        rings
            .get(&(run, stream))
            .map(|held| held.iter().copied().collect())
            .unwrap_or_default()
    }

    fn check(&self) {
        assert_eq!(self.collector.jumps, 0, "a jump had to be taken for a loss");
        for ((run, stream), seen) in &self.seen {
            // After a restore nobody knows any more of what has left the rings whole.
            let forgotten = self.restored && self.sequences(*run, *stream).is_empty();
            for sequence in 0..*seen {
                let place = (*run, *stream, sequence);
                assert!(forgotten || self.is_settled(place), "{place:?} is missing");
                let stored = self.collector.stored.get(&place).copied().unwrap_or(0);
                assert!(stored <= 1, "{place:?} is stored {stored} times");
                if self.collector.lost.contains(&place) {
                    assert_eq!(stored, 0, "{place:?} is stored and lost");
                    let reason = self.removed.contains(&place) || self.refused.contains(&place);
                    assert!(reason, "{place:?} is called lost");
                    let readable = self.is_held(place) && !self.refused.contains(&place);
                    assert!(!readable, "{place:?} is called lost and can be read");
                }
            }
        }
    }
}

fn stream() -> impl Strategy<Value = Stream> {
    prop_oneof![
        Just(Stream::Alerts),
        Just(Stream::Readings),
        Just(Stream::Evidence)
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let way = prop_oneof![
        6 => Just(Way::Good),
        1 => Just(Way::Cut),
        1 => Just(Way::AnswerLost),
        1 => Just(Way::Busy),
        1 => Just(Way::Misconfigured),
        1 => Just(Way::Portal),
        1 => Just(Way::Narrow),
    ];
    prop_oneof![
        6 => (stream(), 1..40_u64).prop_map(|(stream, count)| Event::Write(stream, count)),
        1 => stream().prop_map(|stream| Event::Write(stream, 3000)),
        1 => Just(Event::NewRun),
        2 => (0..8_usize, stream(), 1..60_usize).prop_map(|(r, s, n)| Event::Evict(r, s, n)),
        1 => (0..8_usize, stream(), 0..99_usize).prop_map(|(r, s, n)| Event::Damage(r, s, n)),
        2 => stream().prop_map(Event::Flicker),
        1 => (stream(), 0..20_u64).prop_map(|(stream, ahead)| Event::Refuse(stream, ahead)),
        1 => Just(Event::Save),
        1 => Just(Event::Restore),
        8 => way.prop_map(Event::Post),
        1 => (0..5000_u64).prop_map(Event::Wait),
        1 => Just(Event::Alert),
    ]
}

/// Cases: `PROPTEST_CASES`, or as many as a minute of CI is worth.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES");
    asked.ok().and_then(|text| text.parse().ok()).unwrap_or(150)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn everything_is_stored_once_or_lost_with_a_reason(events in vec(event(), 1..60)) {
        let mut play = Play::new();
        for event in &events {
            play.run(event);
        }
        // The faults are over: so many posts, and no more, until all is sent.
        let began_ms = play.shared.world().now_ms;
        let mut posts = 0;
        loop {
            let outcome = play.post(Way::Good);
            posts += 1;
            assert!(posts <= 250, "{outcome:?} after {posts} posts");
            let empty = outcome == Outcome::Empty && play.shared.world().written.is_empty();
            if empty || matches!(outcome, Outcome::Done { .. }) {
                break;
            }
            // What was written and evicted before anybody looked leaves nothing to be sent.
            if outcome == Outcome::Empty && play.shared.world().rings.held().is_empty() {
                return Ok(());
            }
        }
        let world = play.shared.world();
        world.check();
        // The first of them waits for its turn at most the cap; then it is done within minutes.
        assert!(world.now_ms - began_ms < 10 * 60_000);
    }
}
