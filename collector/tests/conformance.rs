//! One suite for both stores: what SQLite keeps is what the model in memory keeps, whatever arrives.
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

use hansho::clock::WallTime;
use hansho::frame::answer::RefusedReason;
use hansho::frame::body::FLAG_EARLIER_BOOT;
use hansho::frame::kind::{AgentId, RunId, Stream};
use hansho_collector::ingest::AuthenticatedBatch;
use hansho_collector::store::{
    AlertFilter, ClockQuality, EventKind, LostReason, MemoryStore, Range, SqliteStore, Store,
    StoreError, StoredAlert,
};
use support::{
    Event, Folder, Item, NOW, Part, alert, at, batch, batch_in, config, empty_readings, event,
    hello, new_agent, open, part, readings, send, state,
};

const AGENT: AgentId = AgentId(1);

/// Runs a test on both stores, with agent 1 in them, and compares what they hold at its end.
fn on_both(test: impl Fn(&dyn Store)) {
    let folder = Folder::new("conformance");
    let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let memory = MemoryStore::default();
    let mut dumps = Vec::new();
    for store in [&sqlite as &dyn Store, &memory] {
        store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
        test(store);
        dumps.push(dump(store));
    }
    assert_eq!(dumps[0], dumps[1]);
}

/// Everything that a store answers.
fn dump(store: &dyn Store) -> String {
    let all = Range::all(1000);
    format!(
        "{:#?}",
        (
            store.agents().unwrap(),
            store.alerts(&AlertFilter::default()).unwrap(),
            store.readings(AGENT, &all).unwrap(),
            store.latest(AGENT).unwrap(),
            store.frames(AGENT).unwrap(),
            store.losses(AGENT).unwrap(),
            store.rules(AGENT).unwrap(),
            store.totals().unwrap(),
            events(store),
        )
    )
}

fn events(store: &dyn Store) -> Vec<hansho_collector::store::Event> {
    let mut events = Vec::new();
    store
        .view(&mut |rows| {
            events = rows.events_after(0, 1000)?;
            Ok(())
        })
        .unwrap();
    events
}

fn alerts(store: &dyn Store) -> Vec<StoredAlert> {
    let mut alerts = store.alerts(&AlertFilter::default()).unwrap();
    alerts.reverse();
    alerts
}

fn stream0(first: u64, frames: &[Vec<u8>]) -> Part {
    part(5, Stream::Alerts, first, frames)
}

#[test]
fn frames_are_stored_once_and_the_watermark_says_so() {
    on_both(|store| {
        let frames = [hello(1, "web03"), alert(event(1002, 1, 1, 500, 500))];
        assert_eq!(
            send(store, &batch(5, 1000, &[stream0(0, &frames)]), at(0)),
            [2]
        );
        assert_eq!(
            send(store, &batch(5, 1100, &[stream0(0, &frames)]), at(100)),
            [2]
        );
        let more = [frames[1].clone(), alert(event(1002, 2, 1, 500, 900))];
        assert_eq!(
            send(store, &batch(5, 1200, &[stream0(1, &more)]), at(200)),
            [3]
        );
        let all = store.totals().unwrap().all();
        assert_eq!((all.frames_stored, all.duplicates, all.lost), (3, 3, 0));
        assert_eq!(store.frames(AGENT).unwrap().len(), 3);
        let alerts = alerts(store);
        assert_eq!(alerts.len(), 1);
        assert!(!alerts[0].firing);
        assert_eq!(
            (alerts[0].firing_sequence, alerts[0].resolved_sequence),
            (Some(1), Some(2))
        );
    });
}

#[test]
fn an_empty_section_is_answered_with_what_is_stored() {
    on_both(|store| {
        let nothing = [stream0(7, &[]), part(5, Stream::Readings, 3, &[])];
        assert_eq!(send(store, &batch(5, 1000, &nothing), at(0)), [0, 0]);
        assert!(store.losses(AGENT).unwrap().is_empty());
        send(
            store,
            &batch(5, 1001, &[stream0(0, &[hello(1, "h")])]),
            at(1),
        );
        assert_eq!(send(store, &batch(5, 1002, &nothing), at(2)), [1, 0]);
    });
}

#[test]
fn a_jump_without_a_loss_is_a_recorded_gap_and_a_loss_is_recorded_as_told() {
    on_both(|store| {
        send(
            store,
            &batch(5, 1000, &[stream0(0, &[hello(1, "h")])]),
            at(0),
        );
        let jump = part(5, Stream::Alerts, 4, &[alert(event(1001, 1, 1, 10, 10))]);
        // Only an agent that was told, and offers the same once more in a later batch, has nothing else.
        let first = batch(5, 1001, &[jump.clone(), jump.clone()]);
        assert_eq!(send(store, &first, at(1)), [1, 1]);
        assert_eq!(send(store, &first, at(1)), [1, 1]);
        let other = part(5, Stream::Alerts, 3, &[alert(event(1001, 1, 1, 10, 10))]);
        assert_eq!(send(store, &batch(5, 1002, &[other]), at(1)), [1]);
        assert_eq!(
            send(store, &batch(5, 1003, std::slice::from_ref(&jump)), at(1)),
            [1]
        );
        assert!(store.losses(AGENT).unwrap().is_empty());
        assert_eq!(send(store, &batch(5, 1004, &[jump]), at(1)), [5]);
        let mut told = stream0(5, &[]);
        told.items = vec![
            Item::Loss {
                span: 10,
                reason: 1,
            },
            Item::Frame(alert(event(1001, 2, 1, 10, 90))),
        ];
        assert_eq!(send(store, &batch(5, 1012, &[told.clone()]), at(2)), [16]);
        // A Loss that reaches over the watermark counts only beyond it.
        told.items = vec![Item::Loss {
            span: 20,
            reason: 2,
        }];
        assert_eq!(send(store, &batch(5, 1013, &[told]), at(3)), [25]);
        let losses: Vec<_> = store
            .losses(AGENT)
            .unwrap()
            .into_iter()
            .map(|loss| (loss.first, loss.last, loss.reason))
            .collect();
        assert_eq!(
            losses,
            [
                (1, 3, LostReason::Gap),
                (5, 14, LostReason::Overwritten),
                (16, 24, LostReason::Refused)
            ]
        );
        assert_eq!(store.totals().unwrap().all().lost, 22);
    });
}

#[test]
fn adjacent_losses_are_one_range_and_their_number_is_bounded() {
    on_both(|store| {
        let lost = |first, span, reason| {
            let mut part = part(5, Stream::Readings, first, &[]);
            part.items = vec![Item::Loss { span, reason }];
            part
        };
        send(
            store,
            &batch(
                5,
                1000,
                &[lost(0, 5, 1), lost(5, 5, 1), lost(3, 9, 1), lost(12, 1, 2)],
            ),
            at(0),
        );
        let ranges: Vec<_> = store
            .losses(AGENT)
            .unwrap()
            .iter()
            .map(|loss| (loss.first, loss.last, loss.reason))
            .collect();
        assert_eq!(
            ranges,
            [
                (0, 11, LostReason::Overwritten),
                (12, 12, LostReason::Refused)
            ]
        );
        assert_eq!(store.totals().unwrap().all().lost, 13);
        // A loss, a frame, a loss, and so on.
        let mut next = 13;
        for sent in 0..30 {
            let mut part = part(5, Stream::Readings, next, &[]);
            for _ in 0..400 {
                part.items.push(Item::Frame(vec![200, 10]));
                part.items.push(Item::Loss { span: 1, reason: 1 });
            }
            next = send(store, &batch(5, 2000 + sent, &[part]), at(10 + sent))[0];
        }
        let losses = store.losses(AGENT).unwrap();
        assert!(losses.len() <= 10_000, "{}", losses.len());
        assert_eq!(losses[0].reason, LostReason::Merged);
        assert_eq!(
            (losses[0].first, losses.last().unwrap().last),
            (0, next - 1)
        );
        assert_eq!(
            losses
                .iter()
                .filter(|loss| loss.reason == LostReason::Merged)
                .count(),
            1
        );
        assert_eq!(store.totals().unwrap().all().lost, 13 + 30 * 400);
    });
}

/// The collector was restored from yesterday's copy: the agent goes back, and sends what its rings still hold.
#[test]
fn a_restored_collector_gets_again_what_the_rings_hold() {
    on_both(|store| {
        send(
            store,
            &batch(5, 1000, &[stream0(0, &[hello(1, "h")])]),
            at(0),
        );
        let all: Vec<_> = (0..6)
            .map(|n| alert(event(1001 + n, 1, 1, 10, 10)))
            .collect();
        // Beyond what is stored, as the collector that was lost had answered; and a Loss first is no better.
        let mut ahead = stream0(4, &all[3..]);
        assert_eq!(send(store, &batch(5, 1001, &[ahead.clone()]), at(1)), [1]);
        ahead.items.insert(0, Item::Loss { span: 1, reason: 1 });
        assert_eq!(send(store, &batch(5, 1001, &[ahead]), at(1)), [1]);
        let mut back = stream0(1, &all[2..]);
        back.items.insert(0, Item::Loss { span: 2, reason: 1 });
        assert_eq!(send(store, &batch(5, 1002, &[back]), at(2)), [7]);
        let losses = store.losses(AGENT).unwrap();
        assert_eq!(losses.len(), 1);
        assert_eq!(
            (losses[0].first, losses[0].last, losses[0].reason),
            (1, 2, LostReason::Overwritten)
        );
        assert_eq!(store.frames(AGENT).unwrap().len(), 5);
    });
}

#[test]
fn what_cannot_be_read_is_refused_by_name_and_nothing_passes_it() {
    on_both(|store| {
        let good = alert(event(1001, 1, 1, 10, 10));
        let frames = [
            hello(1, "h"),
            vec![4, 0, 255],
            good.clone(),
            readings(10, &[1]),
            {
                let mut longer = good.clone();
                longer.push(0);
                longer
            },
        ];
        let answers = store
            .accept(&[&batch(5, 1000, &[stream0(0, &frames)])], at(0))
            .unwrap();
        assert_eq!(answers[0].stored[0].next, 1);
        let refused: Vec<_> = answers[0]
            .refused
            .iter()
            .map(|refused| (refused.sequence, refused.reason))
            .collect();
        assert_eq!(
            refused,
            [
                (1, RefusedReason::Malformed),
                (3, RefusedReason::WrongStream),
                (4, RefusedReason::Malformed)
            ]
        );
        assert!(alerts(store).is_empty());
        // The agent puts a Loss in the place of each, and all goes on.
        let mut again = stream0(1, &[]);
        again.items = vec![
            Item::Loss { span: 1, reason: 2 },
            Item::Frame(good.clone()),
            Item::Loss { span: 2, reason: 2 },
        ];
        assert_eq!(send(store, &batch(5, 1001, &[again]), at(1)), [5]);
        assert_eq!(alerts(store).len(), 1);
        // Why it was refused is known here, and kept.
        let losses = store.losses(AGENT).unwrap();
        let reasons: Vec<_> = losses
            .iter()
            .map(|loss| (loss.first, loss.last, loss.reason))
            .collect();
        assert_eq!(
            reasons,
            [
                (1, 1, LostReason::RefusedMalformed),
                (3, 4, LostReason::RefusedWrongStream)
            ]
        );
        // With their Loss they are forgotten: another stream's word is not taken for theirs.
        let mut late = stream0(5, &[]);
        late.items = vec![Item::Loss { span: 1, reason: 2 }];
        send(store, &batch(5, 1002, &[late]), at(2));
        let last = store.losses(AGENT).unwrap().pop().unwrap();
        assert_eq!(last.reason, LostReason::Refused);
    });
}

#[test]
fn a_batch_that_unpacks_to_more_readings_than_any_host_writes_is_refused_there() {
    // 64 frames of 512 readings are what is allowed: 32,768; each frame here has some 270 bytes.
    let frames: Vec<Vec<u8>> = (0..66_u64)
        .map(|n| empty_readings(n * 6_000_000, 512))
        .collect();
    on_both(|store| {
        let first = part(5, Stream::Readings, 0, &frames);
        let answers = store.accept(&[&batch(5, 1000, &[first])], at(0)).unwrap();
        assert_eq!(answers[0].stored[0].next, 64);
        let refused: Vec<_> = answers[0]
            .refused
            .iter()
            .map(|refused| (refused.sequence, refused.reason))
            .collect();
        assert_eq!(
            refused,
            [
                (64, RefusedReason::Malformed),
                (65, RefusedReason::Malformed)
            ]
        );
        assert_eq!(store.totals().unwrap().all().readings_stored, 32_768);
        // The bound is each batch's own.
        let next = part(5, Stream::Readings, 64, &frames[64..]);
        assert_eq!(send(store, &batch(5, 1001, &[next]), at(1)), [66]);
    });
}

#[test]
fn flapping_and_unknown_are_what_the_last_state_said_until_a_frame_says_otherwise() {
    on_both(|store| {
        let named = |flags| hansho::frame::body::OpenRecord {
            flags,
            ..open(1001, 1, 100)
        };
        let flags = || alerts(store)[0].flags;
        // Bit 3 of an open record (an earlier boot) is another flag in a frame: not kept.
        let opened = state(200, 0, 1, &[named(2 | 4 | 8)]);
        send(store, &batch(5, 1000, &[stream0(0, &[opened])]), at(0));
        assert_eq!(flags(), 2 | 4);
        let known = state(300, 0, 1, &[named(2)]);
        send(store, &batch(5, 1001, &[stream0(1, &[known])]), at(1));
        assert_eq!(flags(), 2);
        let again = alert(event(1001, 1, 1, 100, 400));
        send(store, &batch(5, 1002, &[stream0(2, &[again])]), at(2));
        assert_eq!(flags(), 0);
        let flapping = alert(Event {
            reason: Some(6),
            ..event(1001, 1, 2, 500, 500)
        });
        send(store, &batch(5, 1003, &[stream0(3, &[flapping])]), at(3));
        assert_eq!(flags(), 2);
    });
}

#[test]
fn what_is_news_of_an_agent_is_what_would_move_last_seen() {
    on_both(|store| {
        let news = |run, boot, sent_ms| {
            let header = *batch_in(run, boot, sent_ms, &[]).header();
            store.is_news(&header).unwrap()
        };
        assert!(news(5, 1, 1000));
        send(store, &batch(5, 1000, &[]), at(0));
        assert!(!news(5, 1, 999) && !news(5, 1, 1000) && news(5, 1, 1001));
        // Another run follows only from later on, or from a boot that is not known.
        assert!(!news(6, 1, 900) && news(6, 1, 1100) && news(6, 2, 5));
        send(store, &batch(6, 1100, &[]), at(1));
        assert!(!news(5, 1, 2000));
        let stranger = AuthenticatedBatch::open(&support::bytes(2, 1, 1, 1, &[]), &support::key(2));
        assert!(!store.is_news(stranger.unwrap().header()).unwrap());
    });
}

#[test]
fn more_refused_frames_than_an_answer_holds_are_named_later() {
    on_both(|store| {
        let frames = vec![vec![4, 0, 255]; 40];
        let answers = store
            .accept(&[&batch(5, 1000, &[stream0(0, &frames)])], at(0))
            .unwrap();
        assert_eq!(answers[0].refused.len(), 16);
        assert_eq!(answers[0].stored[0].next, 0);
    });
}

#[test]
fn an_unknown_kind_is_stored_skipped_and_counted() {
    on_both(|store| {
        let frames = [vec![200, 10, 1, 2, 3], alert(event(1001, 9, 1, 10, 10))];
        assert_eq!(
            send(store, &batch(5, 1000, &[stream0(0, &frames)]), at(0)),
            [2]
        );
        let all = store.totals().unwrap().all();
        assert_eq!((all.frames_stored, all.skipped), (2, 2));
    });
}

#[test]
fn absurd_sequences_are_refused_not_stored() {
    on_both(|store| {
        let far = part(
            5,
            Stream::Alerts,
            u64::MAX - 1,
            &[alert(event(1, 1, 1, 1, 1))],
        );
        let answers = store.accept(&[&batch(5, 1000, &[far])], at(0)).unwrap();
        assert_eq!(answers[0].refused.len(), 1);
        assert!(store.losses(AGENT).unwrap().is_empty());
        let mut huge = stream0(0, &[]);
        huge.items = vec![Item::Loss {
            span: u64::MAX - 2,
            reason: 1,
        }];
        let answers = store.accept(&[&batch(5, 1001, &[huge])], at(1)).unwrap();
        assert_eq!(answers[0].stored[0].next, 0);
    });
}

#[test]
fn firing_and_resolved_alternate() {
    on_both(|store| {
        let frames = [
            alert(event(1002, 1, 1, 100, 100)),
            alert(event(1002, 1, 2, 300, 300)), // a resolution was missed: continuation
            alert(event(1002, 3, 2, 300, 400)),
            alert(event(1002, 2, 2, 300, 500)),
            alert(event(1002, 2, 3, 600, 700)), // its firing was missed
            alert(Event {
                test: true,
                ..event(1002, 1, 1, 800, 800)
            }),
        ];
        send(store, &batch(5, 1000, &[stream0(0, &frames)]), at(1000));
        let alerts = alerts(store);
        assert_eq!(alerts.len(), 3);
        let first = alerts
            .iter()
            .find(|alert| alert.firing_sequence == Some(0))
            .unwrap();
        assert!(!first.firing);
        assert_eq!((first.continuations, first.episode, first.count), (1, 2, 2));
        assert_eq!(first.occurred.unwrap().wall, at(40));
        assert_eq!(first.detected.unwrap().wall, at(100));
        assert_eq!(first.recovered.unwrap().wall, at(440));
        assert_eq!(first.resolved.unwrap().wall, at(500));
        assert_eq!(first.detected.unwrap().quality, ClockQuality::Exact);
        let inferred = alerts
            .iter()
            .find(|alert| alert.by.firing_inferred)
            .unwrap();
        assert!(!inferred.firing && inferred.occurred.is_none());
        assert_eq!(inferred.detected.unwrap().wall, at(600));
        let test = alerts.iter().find(|alert| alert.identity.test).unwrap();
        assert!(test.firing);
    });
}

#[test]
fn a_state_opens_what_was_missed_and_closes_what_is_gone() {
    on_both(|store| {
        let before = [
            alert(event(1001, 1, 1, 100, 100)),
            alert(event(2001, 1, 1, 120, 120)),
        ];
        send(store, &batch(5, 1000, &[stream0(0, &before)]), at(1000));
        // In two parts, cut by a batch's end; only the second completes it.
        let first = state(2000, 0, 2, &[open(2001, 1, 120)]);
        let second = state(2000, 1, 2, &[open(1010, 3, 1500)]);
        send(store, &batch(5, 2100, &[stream0(2, &[first])]), at(2100));
        assert!(alerts(store).iter().all(|alert| !alert.by.state()));
        send(store, &batch(5, 2200, &[stream0(3, &[second])]), at(2200));
        let alerts_now = alerts(store);
        let of = |code: u16| {
            alerts_now
                .iter()
                .find(|alert| alert.identity.code == code)
                .unwrap()
        };
        assert!(!of(1001).firing && of(1001).by.closed_by_state);
        assert_eq!(of(1001).resolved.unwrap().wall, at(2000));
        assert!(of(2001).firing && !of(2001).by.state());
        assert!(of(1010).firing && of(1010).by.opened_by_state);
        assert_eq!(of(1010).detected.unwrap().wall, at(1500));
        // Its resolution belongs to the alert that the State opened.
        let end = [alert(event(1010, 2, 3, 1500, 2500))];
        send(store, &batch(5, 2600, &[stream0(4, &end)]), at(2600));
        assert_eq!(alerts(store).len(), 3);
    });
}

#[test]
fn a_state_with_a_missing_part_changes_nothing() {
    on_both(|store| {
        send(
            store,
            &batch(
                5,
                1000,
                &[stream0(0, &[alert(event(1001, 1, 1, 100, 100))])],
            ),
            at(1000),
        );
        let mut torn = stream0(1, &[state(2000, 0, 3, &[])]);
        torn.items.push(Item::Loss { span: 1, reason: 1 });
        torn.items.push(Item::Frame(state(2000, 2, 3, &[])));
        send(store, &batch(5, 2100, &[torn]), at(2100));
        assert!(alerts(store)[0].firing);
        // Parts of two moments do not make one State either.
        let mixed = [state(3000, 0, 2, &[]), state(3001, 1, 2, &[])];
        send(store, &batch(5, 3100, &[stream0(4, &mixed)]), at(3100));
        assert!(alerts(store)[0].firing);
        send(
            store,
            &batch(5, 3200, &[stream0(6, &[state(3150, 0, 1, &[])])]),
            at(3200),
        );
        assert!(!alerts(store)[0].firing);
    });
}

#[test]
fn a_test_after_the_state_and_codes_of_the_collector_stay_open() {
    on_both(|store| {
        let frames = [
            alert(event(9001, 1, 1, 50, 50)),
            state(100, 0, 1, &[]),
            alert(Event {
                test: true,
                ..event(1002, 1, 1, 200, 200)
            }),
        ];
        send(store, &batch(5, 1000, &[stream0(0, &frames)]), at(1000));
        assert!(alerts(store).iter().all(|alert| alert.firing));
    });
}

/// The frames of an older run that arrive after a newer run has spoken.
#[test]
fn an_older_run_does_not_contradict_a_newer_one() {
    on_both(|store| {
        let new_run = |first, frames: &[Vec<u8>]| part(6, Stream::Alerts, first, frames);
        send(
            store,
            &batch(5, 1000, &[stream0(0, &[hello(1, "h")])]),
            at(1000),
        );
        let spoken = [
            hello(2, "h"),
            state(5000, 0, 1, &[open(2001, 1, 4000)]),
            alert(event(1002, 1, 7, 5100, 5100)),
        ];
        send(store, &batch(6, 5200, &[new_run(0, &spoken)]), at(5200));
        let late = [
            alert(event(1001, 1, 1, 1500, 1500)), // over before the State: stored closed
            alert(event(2001, 1, 1, 4000, 4000)), // the State named it: completed
            alert(event(1002, 1, 6, 3000, 3000)), // an earlier episode than the open one
            alert(event(1002, 2, 6, 3000, 3500)), // and its end
            state(4500, 0, 1, &[]),               // contradicted
        ];
        let both = [stream0(1, &late), new_run(3, &[])];
        assert_eq!(send(store, &batch(6, 5300, &both), at(5300)), [6, 3]);
        let now = alerts(store);
        let of = |code: u16, episode: u32| {
            now.iter()
                .find(|alert| alert.identity.code == code && alert.episode == episode)
                .unwrap()
        };
        assert_eq!(now.len(), 4);
        assert!(!of(1001, 1).firing && of(1001, 1).by.closed_by_state);
        assert_eq!(of(1001, 1).resolved.unwrap().wall, at(5000));
        assert!(of(2001, 1).firing && !of(2001, 1).by.state());
        assert_eq!(of(2001, 1).firing_sequence, Some(2));
        assert!(of(1002, 7).firing);
        assert!(!of(1002, 6).firing && !of(1002, 6).by.closed_by_state);
        assert_eq!(of(1002, 6).resolved.unwrap().wall, at(3500));
        assert_eq!(store.totals().unwrap().all().contradicted, 1);
    });
}

#[test]
fn last_seen_follows_the_newest_batch_of_the_newest_run() {
    on_both(|store| {
        let seen = || store.agents().unwrap()[0].last_seen;
        let old = batch(5, 1000, &[stream0(0, &[hello(1, "h")])]);
        send(store, &old, at(0));
        assert_eq!(seen(), Some(at(0)));
        // Overtaken on the way: earlier sent, later received.
        send(store, &batch(5, 900, &[]), at(100));
        assert_eq!(seen(), Some(at(0)));
        send(store, &batch(6, 2000, &[]), at(200));
        assert_eq!(seen(), Some(at(200)));
        // Yesterday's batch again changes nothing, and is answered.
        assert_eq!(send(store, &old, at(86_400_000)), [1]);
        assert_eq!(seen(), Some(at(200)));
        // A run that another followed does not come back, a boot that was left neither.
        send(store, &batch(5, 9000, &[]), at(300));
        assert_eq!(seen(), Some(at(200)));
        send(store, &batch_in(7, 2, 50, &[]), at(400));
        assert_eq!(seen(), Some(at(400)));
        send(store, &batch_in(8, 1, 99_000, &[]), at(500));
        assert_eq!(seen(), Some(at(400)));
        // A sign of life without storage counts too.
        let sign = *batch_in(7, 2, 60, &[]).header();
        store.alive(&[(sign, at(600))]).unwrap();
        assert_eq!(seen(), Some(at(600)));
    });
}

/// A snapshot rolled back by an hour: the same boot, another run, uptimes that went back.
#[test]
fn a_rolled_back_host_is_heard_again_and_a_straggler_is_not_taken_for_it() {
    on_both(|store| {
        let seen = || store.agents().unwrap()[0].last_seen;
        let current = || store.agents().unwrap()[0].current_run;
        let before = part(5, Stream::Readings, 0, &[readings(3_990_000, &[7])]);
        send(store, &batch(5, 4_000_000, &[before]), at(4_000_000));
        let told = || {
            let stored = store.readings(AGENT, &Range::all(10)).unwrap();
            let first = stored.iter().find(|reading| reading.run == RunId(5));
            first.map(|reading| reading.dated).unwrap()
        };
        assert_eq!(
            (told().wall, told().quality),
            (at(3_990_000), ClockQuality::Exact)
        );
        // Stragglers of a run that never was heard: between them the current run speaks.
        for n in 0..6 {
            send(store, &batch(4, 100 + n, &[]), at(4_000_100 + n));
            if n % 2 == 1 {
                send(store, &batch(5, 4_000_100 + n, &[]), at(4_000_150 + n));
            }
        }
        assert_eq!(current(), Some(RunId(5)));
        // The same one again and again is no sign of life.
        for n in 0..6 {
            send(store, &batch(6, 400_000, &[]), at(4_001_000 + n));
        }
        assert_eq!(current(), Some(RunId(5)));
        send(store, &batch(6, 410_000, &[]), at(4_010_000));
        assert_eq!(seen(), Some(at(4_000_155)));
        let reading = part(6, Stream::Readings, 0, &[readings(419_000, &[5])]);
        send(store, &batch(6, 420_000, &[reading]), at(4_020_000));
        assert_eq!((current(), seen()), (Some(RunId(6)), Some(at(4_020_000))));
        // Dated by the clock as it runs now.
        let latest = store.latest(AGENT).unwrap().unwrap();
        assert_eq!(latest.dated.wall, at(4_019_000));
        assert_eq!(latest.dated.quality, ClockQuality::Exact);
        // What was read before the host went back was not read after it was received.
        assert_eq!(
            (told().wall, told().quality),
            (at(4_000_000), ClockQuality::Unknown)
        );
        send(store, &batch(5, 4_100_000, &[]), at(4_100_000));
        send(store, &batch(5, 4_100_001, &[]), at(4_100_001));
        send(store, &batch(5, 4_100_002, &[]), at(4_100_002));
        assert_eq!(current(), Some(RunId(6)));
    });
}

/// An alert that fired before the reboot goes on: the agent says 0 for what lies in the earlier boot.
#[test]
fn what_began_in_an_earlier_boot_is_not_dated_by_this_one() {
    on_both(|store| {
        let carried = |code, transition| {
            let mut carried = event(code, transition, 1, 0, 700);
            carried.since_ms = if transition == 2 { 650 } else { 0 };
            alert(carried)
        };
        let frames = [carried(1001, 3), carried(2001, 2)];
        send(store, &batch(5, 1000, &[stream0(0, &frames)]), at(1000));
        let now = alerts(store);
        let of = |code: u16| {
            now.iter()
                .find(|alert| alert.identity.code == code)
                .unwrap()
        };
        assert!(of(1001).firing);
        assert_eq!((of(1001).occurred, of(1001).detected), (None, None));
        assert_eq!((of(2001).occurred, of(2001).detected), (None, None));
        assert_eq!(of(2001).recovered.unwrap().wall, at(650));
        assert_eq!(of(2001).resolved.unwrap().wall, at(700));
    });
}

#[test]
fn an_alert_carried_over_a_reboot_stays_one_alert() {
    on_both(|store| {
        let carried = || {
            let mut carried = open(1001, 3, 0);
            carried.flags = FLAG_EARLIER_BOOT;
            carried
        };
        let fired = alert(event(1001, 1, 3, 400, 400));
        send(
            store,
            &batch(5, 500, &[stream0(0, &[hello(1, "h")])]),
            at(500),
        );
        let of_new = |first, frames: &[Vec<u8>]| {
            let mut part = part(6, Stream::Alerts, first, frames);
            part.boot = 2;
            part
        };
        // Closed by mistake and named again, while its own firing is still on the way.
        let frames = [
            state(100, 0, 1, &[carried()]),
            state(110, 0, 1, &[]),
            state(120, 0, 1, &[carried()]),
        ];
        send(
            store,
            &batch_in(6, 2, 1000, &[of_new(0, &frames)]),
            at(5000),
        );
        assert_eq!(alerts(store).len(), 1);
        assert!(alerts(store)[0].firing);
        let late = stream0(1, &[fired]);
        let end = of_new(
            3,
            &[alert(Event {
                since_ms: 1400,
                ..event(1001, 2, 3, 0, 1500)
            })],
        );
        send(store, &batch_in(6, 2, 2000, &[late, end]), at(6000));
        let now = alerts(store);
        assert_eq!(now.len(), 1, "{now:#?}");
        assert!(!now[0].firing && !now[0].by.state());
        assert_eq!(now[0].detected.unwrap().wall, at(400));
        assert_eq!(now[0].fired.as_millis(), 400);
        // Known before the reboot, it is one.
        let known = [alert(event(2001, 1, 7, 450, 450))];
        send(
            store,
            &batch_in(6, 2, 2001, &[stream0(2, &known)]),
            at(6001),
        );
        let frames = [
            state(2100, 0, 1, &[open(2001, 7, 0)]),
            alert(event(2001, 2, 7, 0, 2200)),
        ];
        send(
            store,
            &batch_in(6, 2, 2300, &[of_new(4, &frames)]),
            at(6300),
        );
        let of: Vec<_> = alerts(store)
            .into_iter()
            .filter(|alert| alert.identity.code == 2001)
            .collect();
        assert_eq!(of.len(), 1);
        assert_eq!(of[0].detected.unwrap().wall, at(450));
        assert_eq!(of[0].fired.as_millis(), 450);
        assert_eq!(of[0].resolved.unwrap().wall, at(6200));
    });
}

/// Just after a reboot the newest run in the rings is the last one of the boot before, and the forwarder posts already.
#[test]
fn frames_of_the_boot_before_are_not_dated_by_the_new_one() {
    let of_boot = |boot: u64, mut part: Part| {
        part.boot = boot;
        part
    };
    let old = || {
        of_boot(
            1,
            part(5, Stream::Readings, 0, &[readings(3_000_000, &[5])]),
        )
    };
    // With a collector that knows the old run, and with one that hears of it first.
    for known in [true, false] {
        on_both(|store| {
            if known {
                send(
                    store,
                    &batch(5, 2_000_000, &[of_boot(1, stream0(0, &[hello(1, "h")]))]),
                    at(0),
                );
            }
            send(store, &batch_in(5, 2, 4000, &[old()]), at(4_000_000));
            let seen = store.agents().unwrap()[0].last_seen;
            assert_eq!(seen, known.then(|| at(0)));
            // The new run is not taken for a straggler, though its boot was a sender's before.
            let new = of_boot(2, part(6, Stream::Readings, 0, &[readings(5000, &[6])]));
            assert_eq!(
                send(store, &batch_in(6, 2, 6000, &[new]), at(4_002_000)),
                [1]
            );
            let stored = store.readings(AGENT, &Range::all(10)).unwrap();
            let dated = |run| {
                stored
                    .iter()
                    .find(|reading| reading.run == RunId(run))
                    .unwrap()
                    .dated
            };
            assert_eq!(dated(6).wall, at(4_001_000));
            assert_eq!(dated(6).quality, ClockQuality::Exact);
            if known {
                assert_eq!(dated(5).wall, at(1_000_000));
            } else {
                assert_eq!(dated(5).quality, ClockQuality::Host);
            }
        });
    }
}

/// A sign of life knows only the boot in which it was sent: the run's own section corrects that.
#[test]
fn the_boot_of_a_run_is_what_its_section_says() {
    on_both(|store| {
        let sign = *batch_in(5, 2, 50, &[]).header();
        store.alive(&[(sign, at(0))]).unwrap();
        let old = part(5, Stream::Readings, 0, &[readings(3_000_000, &[5])]);
        assert_eq!(
            send(
                store,
                &batch_in(5, 2, 60, std::slice::from_ref(&old)),
                at(10)
            ),
            [1]
        );
        let latest = store.latest(AGENT).unwrap().unwrap();
        assert_eq!(latest.dated.quality, ClockQuality::Host);
        // From now on the run is of boot 1: a frame said to be of another is refused.
        let mut other = part(5, Stream::Readings, 1, &[readings(3_000_100, &[5])]);
        other.boot = 2;
        let answers = store
            .accept(&[&batch_in(5, 2, 70, &[other])], at(20))
            .unwrap();
        assert_eq!(answers[0].stored[0].next, 1);
        assert_eq!(answers[0].refused[0].reason, RefusedReason::Malformed);
    });
}

/// An agent without a surviving ring counts its runs from 1 again.
#[test]
fn run_numbers_order_only_runs_of_one_boot() {
    on_both(|store| {
        let of = |run, boot, number, host| {
            let mut part = part(
                run,
                Stream::Alerts,
                0,
                &[
                    hello(number, host),
                    state(500, 0, 1, &[open(1001, u32::try_from(run).unwrap(), 400)]),
                ],
            );
            part.boot = boot;
            part
        };
        send(store, &batch_in(5, 1, 1000, &[of(5, 1, 9, "a")]), at(0));
        send(store, &batch_in(6, 2, 1000, &[of(6, 2, 1, "b")]), at(10));
        // Two later runs: now neither 5 nor 6 is the current one, and 6 is still the newer of them.
        send(store, &batch_in(7, 3, 1000, &[]), at(20));
        let late = part(5, Stream::Alerts, 2, &[alert(event(1001, 2, 5, 400, 900))]);
        send(store, &batch_in(7, 3, 1001, &[late]), at(30));
        assert!(
            alerts(store)
                .iter()
                .any(|alert| alert.firing && alert.episode == 6)
        );
    });
}

/// What a rolled-back host says before it is believed is not stored as an older run's word: it comes again.
#[test]
fn nothing_of_an_undecided_sender_is_stored_and_all_of_it_afterwards() {
    on_both(|store| {
        let before = [hello(1, "old"), alert(event(1001, 1, 1, 90_000, 90_000))];
        send(store, &batch(5, 100_000, &[stream0(0, &before)]), at(0));
        let said = [
            hello(2, "new"),
            config(9, 0, 1, 1002, "built-in"),
            state(50_000, 0, 1, &[]),
            alert(event(2001, 1, 1, 51_000, 51_000)),
        ];
        let whole = part(6, Stream::Alerts, 0, &said);
        for n in 0..2 {
            let batch = batch(6, 52_000 + n, &[whole.clone(), stream0(0, &[])]);
            assert_eq!(send(store, &batch, at(1000 + n)), [0, 2]);
            // The same one again is no claim and is not stored either.
            assert_eq!(send(store, &batch, at(1000 + n)), [0, 2]);
        }
        assert_eq!(store.frames(AGENT).unwrap().len(), 2);
        assert!(store.rules(AGENT).unwrap().is_empty());
        assert_eq!(send(store, &batch(6, 52_002, &[whole]), at(1002)), [4]);
        let inventory = store.agents().unwrap()[0].inventory.clone().unwrap();
        assert_eq!(inventory.host, "new");
        assert_eq!(store.rules(AGENT).unwrap().len(), 1);
        let open: Vec<_> = alerts(store)
            .iter()
            .map(|alert| (alert.identity.code, alert.firing))
            .collect();
        assert_eq!(open.len(), 2);
        assert!(open.contains(&(1001, false)) && open.contains(&(2001, true)));
        assert_eq!(store.totals().unwrap().all().contradicted, 0);
    });
}

#[test]
fn a_state_reopens_the_episode_that_it_names_and_opens_no_second_one() {
    on_both(|store| {
        let frames = [
            alert(event(1001, 1, 1, 100, 100)),
            state(200, 0, 1, &[]),
            state(300, 0, 1, &[open(1001, 1, 100)]),
        ];
        send(store, &batch(5, 1000, &[stream0(0, &frames)]), at(1000));
        let alerts_now = alerts(store);
        assert_eq!(alerts_now.len(), 1);
        assert!(alerts_now[0].firing && !alerts_now[0].by.state());
        assert_eq!(alerts_now[0].resolved, None);
        let end = [alert(event(1001, 2, 1, 100, 400))];
        send(store, &batch(5, 1001, &[stream0(3, &end)]), at(1001));
        assert_eq!(alerts(store)[0].resolved.unwrap().wall, at(400));
    });
}

#[test]
fn dates_are_exact_for_boots_that_were_heard_and_by_anchor_for_others() {
    on_both(|store| {
        let mut from_before = part(4, Stream::Readings, 0, &[readings(2000, &[5])]);
        from_before.boot = 77;
        let now = part(5, Stream::Readings, 0, &[readings(3000, &[6, 7])]);
        send(store, &batch(5, 20_000, &[from_before, now]), at(20_500));
        // The least delay seen dates best.
        send(store, &batch(5, 21_000, &[]), at(21_200));
        let readings = store.readings(AGENT, &Range::all(10)).unwrap();
        let dated: Vec<_> = readings
            .iter()
            .map(|reading| (reading.dated.wall.as_millis(), reading.dated.quality))
            .collect();
        assert_eq!(
            dated,
            [
                (NOW - 5_000_000 + 2000, ClockQuality::Host),
                (NOW + 3200, ClockQuality::Exact),
                (NOW + 13_200, ClockQuality::Exact)
            ]
        );
        let latest = store.latest(AGENT).unwrap().unwrap();
        assert_eq!(latest.dated.wall, at(13_200));
        assert_eq!(store.totals().unwrap().all().readings_stored, 3);
        let since = Range {
            from: at(5000),
            ..Range::all(10)
        };
        assert_eq!(store.readings(AGENT, &since).unwrap().len(), 1);
    });
}

/// A virtual machine that was paused for an hour, then a collector whose clock is wrong for one batch.
#[test]
fn a_pause_begins_a_new_period_and_one_wrong_clock_does_not() {
    on_both(|store| {
        let hour = 3_600_000;
        let reading =
            |sequence, uptime| part(5, Stream::Readings, sequence, &[readings(uptime, &[5])]);
        let walls = || -> Vec<_> {
            let readings = store.readings(AGENT, &Range::all(20)).unwrap();
            let dated = readings
                .iter()
                .map(|reading| (reading.dated.wall.as_millis() - NOW, reading.dated.quality));
            dated.collect()
        };
        use ClockQuality::{Exact, Unknown};
        send(store, &batch(5, 30_000, &[reading(0, 25_000)]), at(30_200));
        // The first batch after the pause: dated by what it says itself, but not as sure.
        send(
            store,
            &batch(5, 60_000, &[reading(1, 55_000)]),
            at(60_100 + hour),
        );
        assert_eq!(walls(), [(25_200, Exact), (55_100 + hour, Unknown)]);
        send(
            store,
            &batch(5, 90_000, &[reading(2, 85_000)]),
            at(90_300 + hour),
        );
        send(
            store,
            &batch(5, 120_000, &[reading(3, 115_000)]),
            at(120_200 + hour),
        );
        let all = [
            (25_200, Exact),
            (55_100 + hour, Exact),
            (85_100 + hour, Exact),
            (115_100 + hour, Exact),
        ];
        assert_eq!(walls(), all);
        // The collector's clock is a day ahead, or behind, for a batch.
        send(store, &batch(5, 150_000, &[]), at(150_000 + 24 * hour));
        send(store, &batch(5, 150_100, &[]), at(0));
        send(store, &batch(5, 180_000, &[]), at(180_400 + hour));
        assert_eq!(walls(), all);
    });
}

#[test]
fn the_latest_reading_is_of_the_newest_run() {
    on_both(|store| {
        let newer = part(6, Stream::Readings, 0, &[readings(5000, &[6])]);
        let older = part(5, Stream::Readings, 0, &[readings(3000, &[5])]);
        send(store, &batch(6, 6000, &[newer]), at(0));
        send(store, &batch(6, 6100, &[older]), at(100));
        assert_eq!(store.latest(AGENT).unwrap().unwrap().run, RunId(6));
    });
}

#[test]
fn rules_are_shown_when_all_parts_are_there() {
    on_both(|store| {
        let first = [config(9, 0, 2, 1001, "built-in")];
        send(store, &batch(5, 1000, &[stream0(0, &first)]), at(0));
        assert!(store.rules(AGENT).unwrap().is_empty());
        let second = [config(9, 1, 2, 1002, "agent.toml:12")];
        send(store, &batch(5, 1001, &[stream0(1, &second)]), at(1));
        let rules = store.rules(AGENT).unwrap();
        assert_eq!(rules.len(), 2);
        assert_eq!(rules[1].origin, "agent.toml:12");
        let other = [config(10, 0, 1, 1003, "built-in")];
        send(store, &batch(5, 1002, &[stream0(2, &other)]), at(2));
        assert_eq!(store.rules(AGENT).unwrap().len(), 1);
    });
}

#[test]
fn agents_have_one_name_and_identities_are_not_reused() {
    on_both(|store| {
        assert_eq!(
            store.add_agent(&new_agent(1, "other"), at(0)),
            Err(StoreError::IdTaken)
        );
        assert_eq!(
            store.add_agent(&new_agent(2, "web03"), at(0)),
            Err(StoreError::NameTaken)
        );
        store.add_agent(&new_agent(2, "app01"), at(0)).unwrap();
        assert_eq!(store.master_of(AgentId(2), 1, at(0)), Ok(Some(1)));
        assert_eq!(store.master_of(AgentId(2), 2, at(0)), Ok(None));
        assert_eq!(store.master_of(AgentId(3), 1, at(0)), Ok(None));
        for selector in ["web03", "みらい商事/受注/web03", "0000000000000001"] {
            let found = store.find_agent(selector).unwrap();
            assert_eq!(found.len(), 1, "{selector}");
            assert_eq!(found[0].id, AGENT);
        }
        assert_eq!(store.systems().unwrap()[0].agents.len(), 2);
    });
}

#[test]
fn retention_deletes_whole_days() {
    on_both(|store| {
        let day = 86_400_000;
        for (index, now) in [0, day, 5 * day, 6 * day].into_iter().enumerate() {
            let frame = part(5, Stream::Readings, index as u64, &[readings(1000, &[5])]);
            send(store, &batch(5, 1000 + index as u64, &[frame]), at(now));
        }
        assert_eq!(store.frames(AGENT).unwrap().len(), 4);
        // After a jump of the clock, or as long a pause, nothing goes on the first day.
        assert_eq!(store.sweep(at(5 * day), 4), Ok(0));
        assert_eq!(store.sweep(at(366 * day), 4), Ok(0));
        assert_eq!(store.frames(AGENT).unwrap().len(), 4);
        assert_eq!(store.sweep(at(6 * day), 5), Ok(1));
        assert_eq!(store.frames(AGENT).unwrap().len(), 3);
        assert_eq!(store.sweep(at(6 * day), 5), Ok(0));
        // What was deleted is still stored as far as the agent is concerned.
        assert_eq!(
            send(
                store,
                &batch(5, 2000, &[part(5, Stream::Readings, 0, &[])]),
                at(6 * day)
            ),
            [4]
        );
        let next = part(5, Stream::Readings, 4, &[readings(9000, &[5])]);
        assert_eq!(send(store, &batch(5, 2001, &[next]), at(5 * day)), [5]);
    });
}

/// A run that has left the rings is forgotten after the retention; one that is still named is not.
#[test]
fn rows_of_runs_that_no_agent_holds_any_more_go() {
    on_both(|store| {
        let day = 86_400_000;
        let reading =
            |run, sequence| part(run, Stream::Readings, sequence, &[readings(1000, &[5])]);
        let of = |run, sequence| [reading(run, sequence)];
        for run in [4, 5] {
            send(store, &batch(run, run * 1000, &of(run, 0)), at(0));
        }
        // Run 6 finds run 5 in its rings, run 4 not.
        send(
            store,
            &batch(6, 7000, &[reading(6, 0), part(5, Stream::Readings, 1, &[])]),
            at(1000),
        );
        let next = || {
            let named = [4, 5, 6].map(|run| part(run, Stream::Readings, 9, &[]));
            // A repetition names nothing anew.
            send(store, &batch(5, 1, &named), at(1))
        };
        for (days, expected) in [(0, [1, 1, 2]), (2, [1, 1, 3]), (4, [0, 1, 4])] {
            send(
                store,
                &batch(6, 8000 + days, &of(6, days / 2 + 1)),
                at(days * day + 5000),
            );
            store.sweep(at(days * day + 5000), 3).unwrap();
            assert_eq!(next(), expected, "day {days}");
        }
    });
}

/// The clock was a year ahead for a while: what was stored then is kept, and misleads nobody.
#[test]
fn a_day_in_the_future_does_not_move_the_retention() {
    on_both(|store| {
        let day = 86_400_000;
        for (index, now) in [0, day, 365 * day, 2 * day].into_iter().enumerate() {
            let frame = part(5, Stream::Readings, index as u64, &[readings(1000, &[5])]);
            send(store, &batch(5, 1000 + index as u64, &[frame]), at(now));
            let deleted = store.sweep(at(now), 1).unwrap();
            assert_eq!(deleted, usize::from(now == 2 * day), "{now}");
        }
        assert_eq!(store.frames(AGENT).unwrap().len(), 3);
    });
}

#[test]
fn hostile_numbers_are_kept_within_what_the_store_can_hold() {
    on_both(|store| {
        let absurd = alert(Event {
            fired_ms: u64::MAX >> 3,
            ..event(u16::MAX, 1, u32::MAX, 0, 1 << 61)
        });
        send(
            store,
            &batch(5, u64::MAX, &[stream0(0, &[absurd])]),
            WallTime::from_millis(1),
        );
        assert_eq!(alerts(store).len(), 1);
        assert_eq!(
            send(store, &batch(5, u64::MAX, &[stream0(0, &[])]), at(0)),
            [1]
        );
    });
}

/// One group of several agents: a batch of an agent that is not there fails the group and stores nothing.
#[test]
fn a_failed_group_stores_nothing() {
    on_both(|store| {
        let stranger = support::bytes(99, 5, 1, 1000, &[stream0(0, &[hello(1, "h")])]);
        let stranger = AuthenticatedBatch::open(&stranger, &support::key(99)).unwrap();
        let good = batch(5, 1000, &[stream0(0, &[hello(1, "h")])]);
        assert_eq!(
            store.accept(&[&good, &stranger], at(0)).unwrap_err(),
            StoreError::NoAgent
        );
        assert!(store.frames(AGENT).unwrap().is_empty());
        assert_eq!(send(store, &good, at(1)), [1]);
    });
}

#[test]
fn the_journal_tells_what_happened_to_alerts_in_order() {
    on_both(|store| {
        let frames = [
            hello(1, "web03"),
            alert(event(1002, 1, 1, 500, 500)),
            alert(event(1002, 2, 1, 500, 900)),
            alert(event(1001, 1, 1, 600, 600)),
        ];
        send(store, &batch(5, 1000, &[stream0(0, &frames)]), at(0));
        // Sent again, nothing happens again.
        send(store, &batch(5, 1100, &[stream0(0, &frames)]), at(100));
        send(
            store,
            &batch(
                5,
                1200,
                &[stream0(4, &[alert(event(1001, 2, 1, 600, 1100))])],
            ),
            at(200),
        );
        let told: Vec<(u64, &str, u16)> = events(store)
            .iter()
            .map(|event| {
                let alert = store.alert(event.alert).unwrap().unwrap();
                (event.number, event.kind.word(), alert.identity.code)
            })
            .collect();
        let expected = [
            (1, "raised", 1002),
            (2, "resolved", 1002),
            (3, "raised", 1001),
            (4, "resolved", 1001),
        ];
        assert_eq!(told, expected);
        let mut of_one = Vec::new();
        store
            .view(&mut |rows| {
                let all = rows.events_after(2, 1)?;
                of_one = rows.events_of(all[0].alert)?;
                Ok(())
            })
            .unwrap();
        assert_eq!(
            of_one.iter().map(|event| event.number).collect::<Vec<_>>(),
            [3, 4]
        );
    });
}

#[test]
fn a_decision_that_fails_leaves_nothing_and_a_view_keeps_nothing() {
    on_both(|store| {
        send(
            store,
            &batch(
                5,
                1000,
                &[stream0(0, &[alert(event(1002, 1, 1, 500, 500))])],
            ),
            at(0),
        );
        let mine = alerts(store)[0].id;
        let failed = store.transact(&mut |rows| {
            rows.append_event(mine, EventKind::Acknowledged, at(10))?;
            Err(StoreError::NoAgent)
        });
        assert_eq!(failed, Err(StoreError::NoAgent));
        assert_eq!(events(store).len(), 1);
        store
            .transact(&mut |rows| rows.append_event(mine, EventKind::Acknowledged, at(20)))
            .unwrap();
        assert_eq!(events(store).len(), 2);
    });
}
