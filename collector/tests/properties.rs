//! Whatever the network does to batches, both stores hold the same, each frame is stored once or lost once, and
//! what arrives whole comes out as if it had come in order.
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::string_slice,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::frame::kind::{AgentId, RunId, Stream};
use hansho_collector::store::{AlertFilter, MemoryStore, SqliteStore, Store, StoredAlert};
use proptest::prelude::*;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use support::{
    Event, Folder, Item, Part, alert, at, batch_in, event, hello, new_agent, open, readings, state,
};

const AGENT: AgentId = AgentId(1);
const RUNS: u64 = 3;

/// What happens on the host, in order.
#[derive(Clone, Debug)]
enum Happening {
    /// Code, subject.
    Raise(u8, bool),
    Clear(u8, bool),
    Continue(u8, bool),
    State,
    Nonsense,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0..3_u8, any::<bool>()).prop_map(|(code, subject)| Happening::Raise(code, subject)),
        4 => (0..3_u8, any::<bool>()).prop_map(|(code, subject)| Happening::Clear(code, subject)),
        1 => (0..3_u8, any::<bool>()).prop_map(|(code, subject)| Happening::Continue(code, subject)),
        1 => Just(Happening::State),
        1 => Just(Happening::Nonsense),
    ]
}

/// The frames of stream 0 that an honest agent writes: it raises what is clear and clears what is raised. `open`
/// goes from run to run, as the Checkpoint takes it.
fn written(
    run: u64,
    happenings: &[Happening],
    open_now: &mut BTreeMap<(u16, &'static str), (u32, u64)>,
    episodes: &mut BTreeMap<(u16, &'static str), u32>,
) -> Vec<Vec<u8>> {
    let mut uptime = run * 1_000_000;
    let list = |open_now: &BTreeMap<(u16, &'static str), (u32, u64)>| -> Vec<_> {
        open_now
            .iter()
            .map(|((code, subject), (episode, fired))| {
                let mut record = open(*code, *episode, *fired);
                record.subject = subject;
                record
            })
            .collect()
    };
    let mut frames = vec![hello(run, "host"), state(uptime, 0, 1, &list(open_now))];
    for happening in happenings {
        uptime += 1000;
        let place = |code: &u8, subject: &bool| {
            (1001 + u16::from(*code), if *subject { "/var" } else { "" })
        };
        match happening {
            Happening::Raise(code, subject) => {
                let key = place(code, subject);
                if let Entry::Vacant(place) = open_now.entry(key) {
                    let episode = episodes.entry(key).or_default();
                    *episode += 1;
                    place.insert((*episode, uptime));
                    frames.push(alert(Event {
                        subject: key.1,
                        ..event(key.0, 1, *episode, uptime, uptime)
                    }));
                }
            }
            Happening::Clear(code, subject) => {
                let key = place(code, subject);
                if let Some((episode, fired)) = open_now.remove(&key) {
                    frames.push(alert(Event {
                        subject: key.1,
                        ..event(key.0, 2, episode, fired, uptime)
                    }));
                }
            }
            Happening::Continue(code, subject) => {
                let key = place(code, subject);
                if let Some((episode, fired)) = open_now.get(&key) {
                    frames.push(alert(Event {
                        subject: key.1,
                        ..event(key.0, 3, *episode, *fired, uptime)
                    }));
                }
            }
            Happening::State => frames.push(state(uptime, 0, 1, &list(open_now))),
            Happening::Nonsense => frames.push(vec![222, 1]),
        }
    }
    frames
}

/// All streams of all runs.
type Host = BTreeMap<(u64, Stream), Vec<Vec<u8>>>;

fn host(happenings: &[Vec<Happening>]) -> Host {
    let (mut open_now, mut episodes) = (BTreeMap::new(), BTreeMap::new());
    let mut host = Host::new();
    for (run, happenings) in (1..).zip(happenings) {
        let frames = written(run, happenings, &mut open_now, &mut episodes);
        host.insert((run, Stream::Alerts), frames);
        let frames = (0..6)
            .map(|n| readings(run * 1_000_000 + n * 10_000, &[7]))
            .collect();
        host.insert((run, Stream::Readings), frames);
    }
    host
}

/// One batch: sender, when, and which pieces of which streams; a piece may have a Loss in its middle. One section a
/// (run, stream), as agents send them.
#[derive(Clone, Debug)]
struct Delivery {
    sender: u64,
    sent: u64,
    pieces: Vec<(u64, bool, usize, usize, Option<usize>)>,
}

fn delivery() -> impl Strategy<Value = Delivery> {
    let piece = (
        1..=RUNS,
        any::<bool>(),
        0..10_usize,
        0..8_usize,
        proptest::option::weighted(0.2, 0..6_usize),
    );
    (1..=RUNS, 0..100_u64, proptest::collection::vec(piece, 0..4)).prop_map(
        |(sender, sent, pieces)| Delivery {
            sender,
            sent: sender * 1_000_000 + sent * 1000,
            pieces,
        },
    )
}

fn parts(host: &Host, delivery: &Delivery) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (run, alerts, start, length, loss) in &delivery.pieces {
        let stream = if *alerts {
            Stream::Alerts
        } else {
            Stream::Readings
        };
        if parts
            .iter()
            .any(|part| (part.run, part.stream) == (*run, stream))
        {
            continue;
        }
        let frames = &host[&(*run, stream)];
        let from = (*start).min(frames.len());
        let to = (from + length).min(frames.len());
        let items = (from..to)
            .map(|index| match loss {
                Some(lost) if index - from == *lost => Item::Loss { span: 1, reason: 1 },
                _ => Item::Frame(frames[index].clone()),
            })
            .collect();
        parts.push(Part {
            run: *run,
            boot: 1,
            stream,
            first: from as u64,
            items,
        });
    }
    parts
}

fn dump(store: &dyn Store) -> String {
    format!(
        "{:#?}",
        (
            store.agents().unwrap(),
            store.alerts(&AlertFilter::default()).unwrap(),
            store.latest(AGENT).unwrap(),
            store.frames(AGENT).unwrap(),
            store.losses(AGENT).unwrap(),
            store.totals().unwrap(),
        )
    )
}

/// What a repetition must not change.
fn told(store: &dyn Store) -> String {
    format!(
        "{:?}",
        (
            store.alerts(&AlertFilter::default()).unwrap(),
            store.frames(AGENT).unwrap(),
            store.losses(AGENT).unwrap(),
            store.agents().unwrap(),
        )
    )
}

/// Each sequence below the watermark is stored once or lost once, none above; counters say the same.
fn complete(store: &dyn Store, next: &BTreeMap<(u64, Stream), u64>) {
    let frames = store.frames(AGENT).unwrap();
    let losses = store.losses(AGENT).unwrap();
    for ((run, stream), next) in next {
        let mut seen = BTreeSet::new();
        for frame in &frames {
            if (frame.run.0, frame.stream) == (*run, *stream) {
                assert!(seen.insert(frame.sequence), "stored twice: {frame:?}");
            }
        }
        for loss in &losses {
            if (loss.run.0, loss.stream) == (*run, *stream) {
                for sequence in loss.first..=loss.last {
                    assert!(
                        seen.insert(sequence),
                        "stored and lost, or lost twice: {loss:?}"
                    );
                }
            }
        }
        assert_eq!(seen, (0..*next).collect::<BTreeSet<_>>());
    }
    let all = store.totals().unwrap().all();
    assert_eq!(all.frames_stored, frames.len() as u64);
    assert_eq!(
        all.lost,
        losses
            .iter()
            .map(|loss| loss.last - loss.first + 1)
            .sum::<u64>()
    );
}

/// At most one open alert of each identity.
fn alternating(store: &dyn Store) {
    let mut open = BTreeSet::new();
    for alert in store.alerts(&AlertFilter::default()).unwrap() {
        assert!(
            !alert.firing || open.insert(alert.identity.clone()),
            "{alert:?}"
        );
        assert_eq!(alert.firing, alert.resolved.is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn both_stores_hold_the_same_whatever_arrives(
        happenings in proptest::collection::vec(proptest::collection::vec(happening(), 0..8), 3),
        deliveries in proptest::collection::vec(delivery(), 1..14),
    ) {
        let host = host(&happenings);
        let folder = Folder::new("properties");
        let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
        let memory = MemoryStore::default();
        sqlite.add_agent(&new_agent(1, "a"), at(0)).unwrap();
        memory.add_agent(&new_agent(1, "a"), at(0)).unwrap();
        let mut next = BTreeMap::new();
        for (index, delivery) in deliveries.iter().enumerate() {
            let batch = batch_in(delivery.sender, 1, delivery.sent, &parts(&host, delivery));
            let now = at(10_000_000 + index as u64 * 1000);
            let answers = memory.accept(&[&batch], now).unwrap();
            prop_assert_eq!(&sqlite.accept(&[&batch], now).unwrap(), &answers);
            for stored in &answers[0].stored {
                let before = next.insert((stored.run.0, stored.stream), stored.next);
                prop_assert!(before.unwrap_or(0) <= stored.next, "a watermark went back");
            }
            // The same batch once more: answered alike, counted as duplicates, nothing else changes.
            let before = told(&memory);
            let again = memory.accept(&[&batch], now).unwrap();
            prop_assert_eq!(&sqlite.accept(&[&batch], now).unwrap(), &again);
            for stored in &again[0].stored {
                prop_assert_eq!(next[&(stored.run.0, stored.stream)], stored.next);
            }
            prop_assert_eq!(told(&memory), before);
        }
        prop_assert_eq!(dump(&sqlite), dump(&memory));
        complete(&sqlite, &next);
        alternating(&sqlite);
        // All of it again, as a replay: what was stored stays as it is. More of it may be taken, as of a sender that was
        // undecided then.
        let before = sqlite.frames(AGENT).unwrap();
        for delivery in &deliveries {
            let batch = batch_in(delivery.sender, 1, delivery.sent, &parts(&host, delivery));
            for stored in &sqlite.accept(&[&batch], at(99_000_000)).unwrap()[0].stored {
                let before = next.insert((stored.run.0, stored.stream), stored.next);
                prop_assert!(before.unwrap_or(0) <= stored.next, "a watermark went back");
            }
        }
        complete(&sqlite, &next);
        alternating(&sqlite);
        let after = sqlite.frames(AGENT).unwrap();
        prop_assert!(before.iter().all(|frame| after.contains(frame)));
    }

    /// Without gaps: cut and repeated at random, it comes out as if sent at once, times of receipt aside.
    #[test]
    fn repetition_changes_nothing(
        happenings in proptest::collection::vec(proptest::collection::vec(happening(), 0..12), 3),
        cuts in proptest::collection::vec((1..5_usize, 0..5_usize), 60),
    ) {
        let host = host(&happenings);
        let (once, cut) = (MemoryStore::default(), MemoryStore::default());
        for store in [&once, &cut] {
            store.add_agent(&new_agent(1, "a"), at(0)).unwrap();
        }
        let mut cuts = cuts.into_iter().cycle();
        for run in 1..=RUNS {
            let frames = &host[&(run, Stream::Alerts)];
            let whole = support::part(run, Stream::Alerts, 0, frames);
            once.accept(&[&batch_in(run, 1, run * 1_000_000, &[whole])], at(run)).unwrap();
            let (mut from, mut sent) = (0, 0);
            while from < frames.len() {
                let (take, back) = cuts.next().unwrap();
                let begin = from.saturating_sub(back);
                let end = (from + take).min(frames.len());
                let piece = support::part(run, Stream::Alerts, begin as u64, &frames[begin..end]);
                // The answer is lost now and then: what is stored is sent again from further back.
                cut.accept(&[&batch_in(run, 1, run * 1_000_000 + sent, &[piece])], at(run + sent)).unwrap();
                from = end;
                sent += 1;
            }
        }
        prop_assert_eq!(essence(&once), essence(&cut));
    }

    /// The naive model: an alert of each (run, code, subject, episode) that was raised, open exactly if never cleared.
    #[test]
    fn what_arrives_in_order_is_what_happened(
        happenings in proptest::collection::vec(proptest::collection::vec(happening(), 0..12), 3),
    ) {
        let store = MemoryStore::default();
        store.add_agent(&new_agent(1, "a"), at(0)).unwrap();
        let host = host(&happenings);
        for run in 1..=RUNS {
            let whole = support::part(run, Stream::Alerts, 0, &host[&(run, Stream::Alerts)]);
            store.accept(&[&batch_in(run, 1, run * 1_000_000, &[whole])], at(run)).unwrap();
        }
        let (mut raised, mut open_now) = (BTreeMap::<_, u32>::new(), BTreeSet::new());
        for happening in happenings.iter().flatten() {
            match happening {
                Happening::Raise(code, subject) if open_now.insert((*code, *subject)) => {
                    *raised.entry((*code, *subject)).or_default() += 1;
                }
                Happening::Clear(code, subject) => {
                    open_now.remove(&(*code, *subject));
                }
                _ => {}
            }
        }
        let mut expected = BTreeSet::new();
        for ((code, subject), episodes) in &raised {
            for episode in 1..=*episodes {
                let open = episode == *episodes && open_now.contains(&(*code, *subject));
                expected.insert((1001 + u16::from(*code), *subject, episode, open));
            }
        }
        let stored: Vec<_> = store.alerts(&AlertFilter::default()).unwrap();
        let found: BTreeSet<_> = stored
            .iter()
            .map(|alert| {
                prop_assert!(!alert.by.state() && !alert.by.firing_inferred);
                Ok((alert.identity.code, !alert.identity.subject.is_empty(), alert.episode, alert.firing))
            })
            .collect::<Result<_, TestCaseError>>()?;
        prop_assert_eq!(found.len(), stored.len());
        prop_assert_eq!(found, expected);
    }
}

/// What must not depend on how often and in which pieces frames came.
fn essence(store: &dyn Store) -> Vec<String> {
    let mut lines: Vec<String> = store
        .alerts(&AlertFilter::default())
        .unwrap()
        .into_iter()
        .map(|alert: StoredAlert| {
            format!(
                "{:?}",
                (
                    alert.identity,
                    alert.episode,
                    alert.firing,
                    alert.firing_sequence,
                    alert.resolved_sequence,
                    alert.continuations,
                    alert.count,
                    alert.by,
                    (alert.run, alert.last_run) == (RunId(0), RunId(0)),
                )
            )
        })
        .collect();
    lines.sort();
    lines.push(format!("{:?}", store.frames(AGENT).unwrap().len()));
    lines
}
