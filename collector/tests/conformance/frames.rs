//! What is stored once, what is recorded as lost, what is refused by name.

use super::*;

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
