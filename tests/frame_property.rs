//! Properties of frames and packed readings: what goes in comes out, and no input does harm.
#![expect(clippy::arithmetic_side_effects, reason = "a test may stop")]

mod frame_common;

use frame_common::{encode, frame};
use hansho::clock::{Uptime, WallTime};
use hansho::frame::body::{
    self, Body, Config, FrameFault, Loss, OpenRecord, Readings, RuleRecord, State,
};
use hansho::frame::cursor::Writer;
use hansho::frame::evidence::{AboutRecord, Moment, Short, SuspectRecord};
use hansho::frame::packed::{NotTaken, Packer, Unpacker};
use hansho::frame::{Cut, Full, Kind, Stream};
use hansho::limit::{ELEMENT_BYTES, FRAME_BYTES, READINGS_PER_FRAME};
use hansho::sample::{Field, Reading};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashSet;

fn word() -> impl Strategy<Value = String> {
    "[a-z0-9/._ あ-ん]{0,24}"
}

/// Encodes what was decoded.
fn encode_again(uptime: Uptime, body: &Body<'_>) -> Option<Vec<u8>> {
    Some(match body {
        Body::Hello(body) => encode(Kind::Hello, uptime, body),
        Body::Config(body) => encode(Kind::Config, uptime, body),
        Body::State(body) => encode(Kind::State, uptime, body),
        Body::Alert(body) => encode(Kind::Alert, uptime, body),
        Body::Goodbye(body) => encode(Kind::Goodbye, uptime, body),
        Body::Leave(body) => encode(Kind::Leave, uptime, body),
        Body::Boot(body) => encode(Kind::Boot, uptime, body),
        Body::Readings(body) => encode(Kind::Readings, uptime, body),
        Body::Found(body) => encode(Kind::Found, uptime, body),
        Body::Evidence(body) => encode(Kind::Evidence, uptime, body),
        Body::Victim(body) => encode(Kind::Victim, uptime, body),
        Body::History(body) => encode(Kind::History, uptime, body),
        Body::Loss(body) => encode(Kind::Loss, uptime, body),
        Body::Unknown(_) => return None,
    })
}

fn loss() -> impl Strategy<Value = Loss> {
    (0..1_000_u64, 0..1_000_u64, any::<u8>()).prop_map(|(first, more, reason)| Loss {
        first,
        last: first + more,
        reason,
    })
}

proptest! {
    #[test]
    fn a_frame_comes_back(frame in frame(), lost in loss(), uptime: u64) {
        for frame in [frame, encode(Kind::Loss, Uptime::from_millis(uptime), &lost)] {
            let (uptime, decoded) = body::decode(&frame).unwrap();
            let again = encode_again(uptime, &decoded).unwrap();
            prop_assert_eq!(&again, &frame);
            prop_assert_eq!(body::decode(&again).unwrap(), (uptime, decoded));
        }
    }

    /// A body is consumed whole: cut it anywhere or add to it, and it is none.
    #[test]
    fn a_cut_or_lengthened_frame_is_refused(frame in frame(), more in 1..5_usize) {
        for length in 0..frame.len() {
            prop_assert!(body::decode(&frame[..length]).is_err(), "cut to {length}");
        }
        let longer = [frame.as_slice(), &vec![0; more]].concat();
        let kind = Kind::from_number(frame[0]).unwrap();
        prop_assert_eq!(body::decode(&longer), Err(FrameFault::Rest(kind)));
    }

    #[test]
    fn any_bytes_are_a_frame_or_an_error(kind in prop_oneof![0..70_u8, any::<u8>()], bytes in vec(any::<u8>(), 0..600)) {
        let frame = [&[kind], bytes.as_slice()].concat();
        if let Ok((uptime, decoded)) = body::decode(&frame) {
            match decoded {
                Body::Unknown(number) => {
                    prop_assert_eq!(number, kind);
                    prop_assert_eq!(Kind::from_number(number), None);
                }
                Body::Readings(body) | Body::History(body) => {
                    prop_assert!(Unpacker::new(&body, uptime).count() <= READINGS_PER_FRAME);
                }
                Body::Config(body) => {
                    prop_assert!(body::elements::<RuleRecord<'_>>(body.rules).count() <= body.rules.len());
                }
                Body::Evidence(body) => {
                    prop_assert!(body::elements::<AboutRecord<'_>>(body.about).count() <= body.about.len());
                    prop_assert!(body::elements::<SuspectRecord<'_>>(body.suspects).count() <= body.suspects.len());
                }
                Body::State(body) => {
                    prop_assert!(body::elements::<OpenRecord<'_>>(body.open).count() <= body.open.len());
                }
                other => {
                    // What postcard accepts in a longer form comes back in the shortest.
                    let again = encode_again(uptime, &other).unwrap();
                    prop_assert!(again.len() <= frame.len());
                    prop_assert_eq!(body::decode(&again).unwrap(), (uptime, other));
                }
            }
        }
    }

    #[test]
    fn an_element_of_a_later_version_is_readable(words in vec(word(), 1..6), more in vec(any::<u8>(), 0..20), cut in 1..8_usize) {
        let mut list = Vec::new();
        let opens: Vec<OpenRecord<'_>> = words.iter().map(|subject| open(subject)).collect();
        for open in &opens {
            let element = [postcard::to_stdvec(open).unwrap(), more.clone()].concat();
            let mut prefix = [0; 10];
            let mut writer = Writer::new(&mut prefix);
            writer.varint(element.len() as u64).unwrap();
            list.extend(writer.written());
            list.extend(element);
        }
        let back: Result<Vec<OpenRecord<'_>>, Cut> = body::elements(&list).collect();
        prop_assert_eq!(back.unwrap(), opens.clone());
        // A list that ends within an element ends with an error, once.
        let cut = &list[..list.len() - cut.min(list.len() - 1)];
        let back: Vec<Result<OpenRecord<'_>, Cut>> = body::elements(cut).collect();
        let whole = back.iter().filter(|element| element.is_ok()).count();
        prop_assert!(whole < opens.len());
        prop_assert!(back.len() - whole <= 1);
        prop_assert!(back.iter().take(whole).all(Result::is_ok));
    }
}

fn open(subject: &str) -> OpenRecord<'_> {
    OpenRecord {
        code: 1002,
        subject,
        episode: 1,
        fired_ms: 1 << 40,
        since_ms: 3,
        value: Some(4),
        worst: None,
        count: 5,
        flags: 0,
    }
}

#[test]
fn impossible_parts_and_losses_are_refused() {
    let at = Uptime::from_millis(1);
    let config = Config {
        config_hash: 1,
        part: 1,
        parts: 1,
        rules: &[],
    };
    assert_eq!(
        body::decode(&encode(Kind::Config, at, &config)),
        Err(FrameFault::Body(Kind::Config))
    );
    let state = State {
        part: 0,
        parts: 0,
        open: &[],
    };
    assert_eq!(
        body::decode(&encode(Kind::State, at, &state)),
        Err(FrameFault::Body(Kind::State))
    );
    let loss = Loss {
        first: 2,
        last: 1,
        reason: 1,
    };
    assert_eq!(
        body::decode(&encode(Kind::Loss, at, &loss)),
        Err(FrameFault::Body(Kind::Loss))
    );
    assert_eq!(
        body::decode(&[99; FRAME_BYTES + 1]),
        Err(FrameFault::TooLong)
    );
}

#[test]
fn a_frame_or_element_too_long_is_not_made() {
    let state = State {
        part: 0,
        parts: 1,
        open: &[0; FRAME_BYTES],
    };
    let mut buffer = vec![0; 2 * FRAME_BYTES];
    assert_eq!(
        body::encode(Kind::State, Uptime::from_millis(1), &state, &mut buffer),
        Err(Full)
    );
    assert_eq!(
        body::encode(Kind::State, Uptime::from_millis(1), &state, &mut []),
        Err(Full)
    );
    let long = "x".repeat(ELEMENT_BYTES);
    let mut writer = Writer::new(&mut buffer);
    assert_eq!(body::push_element(&mut writer, &open(&long)), Err(Full));
    assert!(writer.is_empty());
    let mut small = [0; 12];
    let mut writer = Writer::new(&mut small);
    assert_eq!(body::push_element(&mut writer, &open("subject")), Err(Full));
    assert!(writer.is_empty());
}

#[test]
fn kinds_streams_and_enums_go_there_and_back() {
    let kinds: HashSet<u8> = (0..=u8::MAX)
        .filter(|number| Kind::from_number(*number).is_some())
        .collect();
    assert_eq!(
        kinds,
        HashSet::from([1, 2, 3, 4, 5, 6, 7, 16, 17, 32, 33, 48, 64])
    );
    for number in 0..=u8::MAX {
        if let Some(kind) = Kind::from_number(number) {
            assert_eq!(kind.number(), number);
        }
        if let Some(stream) = Stream::from_number(number) {
            assert_eq!(stream.number(), number);
        }
        if let Some(transition) = body::transition_from_u8(number) {
            assert_eq!(body::transition_to_u8(transition), number);
        }
        let moment = Moment::from_u8(number);
        assert!(moment.as_u8() == number || moment == Moment::Unknown);
        let short = Short::from_u8(number);
        assert!(short.as_u8() == number || short == Short::Unknown);
        let reason = body::LossReason::from_u8(number);
        assert!(reason.as_u8() == number || reason == body::LossReason::Unknown);
    }
}

#[test]
fn a_packer_refuses_what_needs_another_base() {
    let reading = |uptime: u64, shift: u8| {
        Reading::empty(Uptime::from_millis(uptime), WallTime::default(), shift)
    };
    let mut packer = Packer::<256>::new(1000);
    assert!(packer.body().is_none());
    packer.push(&reading(5_000, 8)).unwrap();
    assert_eq!(packer.push(&reading(4_999, 8)), Err(NotTaken::OtherBase));
    assert_eq!(packer.push(&reading(6_000, 9)), Err(NotTaken::OtherBase));
    assert_eq!(packer.push(&reading(u64::MAX, 8)), Err(NotTaken::OtherBase));
    let far = 5_000 + u64::from(u32::MAX);
    packer.push(&reading(far, 8)).unwrap();
    let body = packer.body().unwrap();
    let back: Vec<Reading> = Unpacker::new(&body, packer.first())
        .map(Result::unwrap)
        .collect();
    assert_eq!(back, [reading(5_000, 8), reading(far, 8)]);
}

#[test]
fn the_dearest_reading_fits_256_bytes() {
    let mut reading = Reading::empty(Uptime::from_millis(1), WallTime::default(), 31);
    for field in Field::ALL {
        reading.set(field, Some(u32::MAX));
    }
    Packer::<256>::new(1000).push(&reading).unwrap();
    let mut packer = Packer::<8>::new(1000);
    assert_eq!(packer.push(&reading), Err(NotTaken::Full));
    assert!(packer.body().is_none());
}

#[test]
fn a_packer_ends_at_the_limit_of_readings() {
    let mut packer = Packer::<3900>::new(1000);
    for second in 0..READINGS_PER_FRAME as u64 {
        packer
            .push(&Reading::empty(
                Uptime::from_millis(second * 1000),
                WallTime::default(),
                0,
            ))
            .unwrap();
    }
    assert_eq!(
        packer.push(&Reading::empty(
            Uptime::from_millis(1_000_000),
            WallTime::default(),
            0
        )),
        Err(NotTaken::Full)
    );
    assert_eq!(
        Unpacker::new(&packer.body().unwrap(), packer.first()).count(),
        READINGS_PER_FRAME
    );
}

/// Counts, quanta, left-over bits: what the packer would not write is refused, and not read as something else.
#[test]
fn a_body_that_no_packer_makes_is_refused() {
    let mut packer = Packer::<256>::new(1000);
    let mut reading = Reading::empty(Uptime::from_millis(1), WallTime::default(), 3);
    reading.set(Field::CpuBusy, Some(9));
    packer.push(&reading).unwrap();
    reading.uptime = Uptime::from_millis(1001);
    packer.push(&reading).unwrap();
    let good = packer.body().unwrap();
    let last = |body: &Readings<'_>| Unpacker::new(body, packer.first()).last();
    assert_eq!(last(&good), Some(Ok(reading)));
    for count in [0, 1, 3, 513, u16::MAX] {
        assert_eq!(
            last(&Readings {
                count,
                ..good.clone()
            }),
            Some(Err(Cut)),
            "count {count}"
        );
    }
    assert_eq!(
        last(&Readings {
            quantum_shift: 32,
            ..good.clone()
        }),
        Some(Err(Cut))
    );
    let longer = [good.packed, &[0]].concat();
    assert_eq!(
        last(&Readings {
            packed: &longer,
            ..good.clone()
        }),
        Some(Err(Cut))
    );
    let mut filled = good.packed.to_vec();
    *filled.last_mut().unwrap() |= 0x80;
    assert_eq!(
        last(&Readings {
            packed: &filled,
            ..good.clone()
        }),
        Some(Err(Cut))
    );
    // Uptime at its end: no reading lies beyond it.
    assert_eq!(
        Unpacker::new(&good, Uptime::from_millis(u64::MAX)).last(),
        Some(Err(Cut))
    );
}
