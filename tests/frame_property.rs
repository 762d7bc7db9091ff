//! Properties of frames, batches and answers: what goes in comes out, and no input does harm.

use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use hansho::frame::answer::{Answer, AnswerFault, Refused, RefusedReason, Stored};
use hansho::frame::batch::{BatchFault, BatchHeader, BatchWriter, SectionHeader, open_batch, peek};
use hansho::frame::body::{
    self, Alert, Body, Config, FrameFault, Goodbye, Hello, Loss, OpenRecord, Readings, RuleRecord,
    State,
};
use hansho::frame::cursor::Writer;
use hansho::frame::packed::{NotTaken, Packer, Unpacker};
use hansho::frame::seal::{AgentKey, Label, derive, mac};
use hansho::frame::{AgentId, BootId, Cut, Full, Kind, RunId, Stream};
use hansho::limit::{
    ANSWER_BYTES, ANSWER_REFUSED, BATCH_BYTES, BATCH_FRAMES, BATCH_SECTIONS, ELEMENT_BYTES,
    FRAME_BYTES, READINGS_PER_FRAME,
};
use hansho::sample::{Field, Reading};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashSet;

fn key(agent: u64) -> AgentKey {
    derive(&[0x42; 32], AgentId(agent), 0)
}

fn word() -> impl Strategy<Value = String> {
    "[a-z0-9/._ あ-ん]{0,24}"
}

fn encode<T: serde::Serialize>(kind: Kind, uptime: Uptime, body: &T) -> Vec<u8> {
    body::encode(kind, uptime, body, &mut [0; FRAME_BYTES])
        .unwrap()
        .to_vec()
}

/// Encodes what was decoded.
fn encode_again(uptime: Uptime, body: &Body<'_>) -> Option<Vec<u8>> {
    Some(match body {
        Body::Hello(body) => encode(Kind::Hello, uptime, body),
        Body::Config(body) => encode(Kind::Config, uptime, body),
        Body::State(body) => encode(Kind::State, uptime, body),
        Body::Alert(body) => encode(Kind::Alert, uptime, body),
        Body::Goodbye(body) => encode(Kind::Goodbye, uptime, body),
        Body::Readings(body) => encode(Kind::Readings, uptime, body),
        Body::History(body) => encode(Kind::History, uptime, body),
        Body::Loss(body) => encode(Kind::Loss, uptime, body),
        Body::Unknown(_) => return None,
    })
}

/// A valid frame of any kind but Loss.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let uptime = prop_oneof![0..100_000_u64, any::<u64>()].prop_map(Uptime::from_millis);
    let numbers = (
        any::<[u64; 4]>(),
        any::<[u32; 4]>(),
        any::<[u8; 4]>(),
        any::<[Option<u64>; 5]>(),
    );
    (
        0..7_u8,
        uptime,
        [word(), word(), word(), word()],
        numbers,
        vec(any::<u8>(), 0..200),
    )
        .prop_map(|(which, uptime, words, (long, int, byte, maybe), bytes)| {
            let [version, host, kernel, architecture] = &words;
            let code = u16::from(byte[0]) << 5;
            match which {
                0 => {
                    let body = Hello {
                        version,
                        host,
                        kernel,
                        architecture,
                        cores: int[0],
                        memory_total_kib: long[0],
                        run_number: long[1],
                        sample_interval_ms: int[1],
                        report_interval_ms: int[2],
                        post_interval_ms: int[3],
                        registry_version: code,
                        registry_hash: long[2],
                        config_hash: long[3],
                        machine_id_hash: long[0],
                        flags: byte[1],
                    };
                    encode(Kind::Hello, uptime, &body)
                }
                1 => {
                    let parts = byte[0].saturating_add(1);
                    let body = Config {
                        config_hash: long[0],
                        part: byte[1] % parts,
                        parts,
                        rules: &bytes,
                    };
                    encode(Kind::Config, uptime, &body)
                }
                2 => {
                    let parts = byte[0].saturating_add(1);
                    encode(
                        Kind::State,
                        uptime,
                        &State {
                            part: byte[1] % parts,
                            parts,
                            open: &bytes,
                        },
                    )
                }
                3 => {
                    let body = Alert {
                        code,
                        subject: host,
                        transition: byte[0],
                        reason: byte[1],
                        flags: byte[2],
                        episode: int[0],
                        fired_ms: long[0],
                        since_ms: long[1],
                        quantity: byte[3],
                        value: maybe[0],
                        total: maybe[1],
                        level: maybe[2],
                        worst: maybe[3],
                        forecast_ms: maybe[4],
                        count: int[1],
                    };
                    encode(Kind::Alert, uptime, &body)
                }
                4 => encode(
                    Kind::Goodbye,
                    uptime,
                    &Goodbye {
                        reason: byte[0],
                        planned_ms: long[0],
                        text: host,
                    },
                ),
                _ => {
                    let body = Readings {
                        interval_ms: int[0],
                        quantum_shift: byte[0],
                        flags: byte[1],
                        count: code,
                        packed: &bytes,
                    };
                    encode(
                        if which == 5 {
                            Kind::Readings
                        } else {
                            Kind::History
                        },
                        uptime,
                        &body,
                    )
                }
            }
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

/// What goes into a section.
#[derive(Clone, Debug)]
enum Part {
    Frame(Vec<u8>),
    Unknown(Vec<u8>),
    Lost(u64),
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let part = prop_oneof![
        4 => frame().prop_map(Part::Frame),
        1 => vec(any::<u8>(), 1..40).prop_map(|bytes| Part::Unknown([&[200], bytes.as_slice(), &[0]].concat())),
        1 => prop_oneof![1..5_u64, 1..1_u64 << 40].prop_map(Part::Lost),
    ];
    vec(part, 0..8)
}

fn section_header() -> impl Strategy<Value = SectionHeader> {
    (
        any::<[u64; 4]>(),
        0..4_u8,
        0..4_u8,
        prop_oneof![0..300_u64, 0..1_u64 << 60],
    )
        .prop_map(
            |([run, boot, uptime, wall], stream, quality, first_sequence)| SectionHeader {
                run: RunId(run),
                stream: Stream::from_number(stream).unwrap(),
                boot: BootId(boot),
                anchor: Anchor {
                    uptime: Uptime::from_millis(uptime),
                    wall: WallTime::from_millis(wall),
                    quality: AnchorQuality::from_u8(quality),
                },
                first_sequence,
            },
        )
}

fn batch_header() -> impl Strategy<Value = BatchHeader> {
    any::<([u64; 5], u8)>().prop_map(
        |([agent, run, boot, uptime, wall], key_epoch)| BatchHeader {
            key_epoch,
            agent: AgentId(agent),
            run: RunId(run),
            boot: BootId(boot),
            sent_uptime: Uptime::from_millis(uptime),
            sent_wall: WallTime::from_millis(wall),
        },
    )
}

/// What a section holds: header, and first, last and bytes of each frame.
type Held = (SectionHeader, Vec<(u64, u64, Vec<u8>)>);

/// Writes sections until the batch is full, and says what it took.
fn write(
    header: &BatchHeader,
    sections: &[(SectionHeader, Vec<Part>)],
    limit: usize,
) -> Option<(Vec<u8>, Vec<Held>)> {
    let mut buffer = vec![0; BATCH_BYTES];
    let mut writer = BatchWriter::new(&mut buffer, limit, header).ok()?;
    let mut held: Vec<Held> = Vec::new();
    for (section, parts) in sections {
        if writer.section(section).is_err() {
            continue;
        }
        held.push((*section, Vec::new()));
        let frames = &mut held.last_mut().unwrap().1;
        for part in parts {
            let next = writer.next_sequence().unwrap();
            match part {
                Part::Frame(frame) | Part::Unknown(frame) => {
                    if writer.frame(frame).is_ok() {
                        frames.push((next, next, frame.clone()));
                    }
                }
                Part::Lost(more) => {
                    let lost = Loss {
                        first: next,
                        last: next + more - 1,
                        reason: 1,
                    };
                    let uptime = Uptime::from_millis(77);
                    if writer.loss(uptime, &lost).is_ok() {
                        frames.push((lost.first, lost.last, encode(Kind::Loss, uptime, &lost)));
                    }
                }
            }
        }
    }
    assert_eq!(writer.sections(), held.len());
    Some((writer.seal(&key(1)).unwrap().to_vec(), held))
}

proptest! {
    #[test]
    fn a_batch_comes_back(
        header in batch_header(),
        sections in vec((section_header(), parts()), 0..6),
        limit in prop_oneof![0..1_500_usize, Just(BATCH_BYTES)],
    ) {
        let Some((sealed, held)) = write(&header, &sections, limit) else {
            prop_assert!(limit < 60);
            return Ok(());
        };
        prop_assert!(sealed.len() <= limit);
        prop_assert_eq!(peek(&sealed), Ok(header));
        let batch = open_batch(&sealed, &key(1)).unwrap();
        prop_assert_eq!(batch.header, header);
        let back: Vec<Held> = batch
            .sections()
            .map(|section| {
                let frames: Vec<_> =
                    section.frames().map(|frame| (frame.sequence, frame.last, frame.frame.to_vec())).collect();
                assert_eq!(frames.len(), section.count);
                (section.header, frames)
            })
            .collect();
        prop_assert_eq!(&back, &held);
        // A section is gapless: every sequence is a frame's or a Loss's.
        for (header, frames) in &back {
            let mut next = header.first_sequence;
            for (first, last, _) in frames {
                prop_assert_eq!(*first, next);
                next = last + 1;
            }
        }
        for frame in batch.sections().flat_map(|section| section.frames()) {
            let (_, decoded) = frame.body.unwrap();
            prop_assert_eq!(frame.frame[0] == 200, decoded == Body::Unknown(200));
        }
        // No other key opens it, and none opens it as an answer.
        prop_assert_eq!(open_batch(&sealed, &key(2)).unwrap_err(), BatchFault::Mac);
        prop_assert_eq!(Answer::open(&sealed, &key(1), &batch.mac), Err(AnswerFault::Mac));
    }

    #[test]
    fn a_spoilt_batch_is_refused(
        header in batch_header(),
        sections in vec((section_header(), parts()), 0..3),
        bit: usize,
        length: usize,
    ) {
        let (sealed, _) = write(&header, &sections, BATCH_BYTES).unwrap();
        prop_assert!(open_batch(&sealed[..length % sealed.len()], &key(1)).is_err());
        let mut flipped = sealed.clone();
        flipped[bit / 8 % sealed.len()] ^= 1 << (bit % 8);
        prop_assert!(open_batch(&flipped, &key(1)).is_err());
    }

    /// An insider with the key may seal what he likes: it opens within the limits, or not at all.
    #[test]
    fn any_sealed_content_is_bounded(
        header in batch_header(),
        sections in vec((section_header(), parts()), 0..4),
        noise in vec((any::<usize>(), any::<u8>()), 0..6),
        tail in vec(any::<u8>(), 0..60),
        length: usize,
    ) {
        let (mut content, _) = write(&header, &sections, BATCH_BYTES).unwrap();
        content.truncate(content.len() - 16);
        content.extend(tail);
        for (at, byte) in noise {
            let at = at % content.len();
            content[at] = byte;
        }
        if length.is_multiple_of(3) {
            content.truncate(length % content.len());
        }
        content.extend(mac(&key(1), Label::Batch, &content));
        if let Ok(batch) = open_batch(&content, &key(1)) {
            let (mut sections, mut frames) = (0, 0);
            for section in batch.sections() {
                sections += 1;
                let mut count = 0;
                let mut next = section.header.first_sequence;
                for frame in section.frames() {
                    count += 1;
                    prop_assert_eq!(frame.sequence, next);
                    prop_assert!(frame.last >= frame.sequence);
                    next = frame.last + 1;
                }
                prop_assert_eq!(count, section.count);
                frames += count;
            }
            prop_assert!(sections <= BATCH_SECTIONS && frames <= BATCH_FRAMES);
        }
    }

    #[test]
    fn any_bytes_are_no_batch_and_no_answer(bytes in vec(any::<u8>(), 0..300)) {
        let magic = [b"HN\x01", bytes.as_slice()].concat();
        prop_assert!(open_batch(&bytes, &key(1)).is_err());
        prop_assert!(open_batch(&magic, &key(1)).is_err());
        prop_assert_eq!(Answer::open(&bytes, &key(1), &[0; 16]), Err(AnswerFault::Mac));
    }

    #[test]
    fn an_answer_comes_back_and_spoilt_it_is_refused(
        echo: [u8; 16],
        wall: u64,
        next_post_ms: u32,
        stored in vec((any::<[u64; 2]>(), 0..4_u8), 0..=BATCH_SECTIONS),
        refused in vec((any::<[u64; 2]>(), 0..4_u8, 0..3_usize), 0..=ANSWER_REFUSED),
        bit: usize,
        noise: (usize, u8),
    ) {
        let mut answer = Answer { echo, collector_wall: WallTime::from_millis(wall), next_post_ms, ..Answer::default() };
        for ([run, next], stream) in stored {
            answer.stored.push(Stored { run: RunId(run), stream: Stream::from_number(stream).unwrap(), next }).unwrap();
        }
        let reasons = [RefusedReason::Unknown, RefusedReason::Malformed, RefusedReason::WrongStream];
        for ([run, sequence], stream, reason) in refused {
            let stream = Stream::from_number(stream).unwrap();
            answer.refused.push(Refused { run: RunId(run), stream, sequence, reason: reasons[reason] }).unwrap();
        }
        let sealed = answer.seal(&key(1), &mut [0; ANSWER_BYTES]).unwrap().to_vec();
        prop_assert_eq!(Answer::open(&sealed, &key(1), &echo), Ok(answer));
        prop_assert_eq!(Answer::open(&sealed, &key(2), &echo), Err(AnswerFault::Mac));
        let other = echo.map(|byte| !byte);
        prop_assert_eq!(Answer::open(&sealed, &key(1), &other), Err(AnswerFault::Echo));
        prop_assert!(open_batch(&sealed, &key(1)).is_err());
        prop_assert!(Answer::open(&sealed[..bit % sealed.len()], &key(1), &echo).is_err());
        let mut flipped = sealed.clone();
        flipped[bit / 8 % sealed.len()] ^= 1 << (bit % 8);
        prop_assert_eq!(Answer::open(&flipped, &key(1), &echo), Err(AnswerFault::Mac));
        // Sealed nonsense: an answer or an error, and never beyond its capacities.
        let mut content = sealed[..sealed.len() - 16].to_vec();
        let at = 19 + noise.0 % (content.len() - 19);
        content[at] = noise.1;
        content.extend(mac(&key(1), Label::Answer, &content));
        let _ = Answer::open(&content, &key(1), &echo).is_ok_and(|answer| answer.stored.len() <= BATCH_SECTIONS);
    }
}

fn a_header() -> (BatchHeader, SectionHeader) {
    let header = BatchHeader {
        key_epoch: 0,
        agent: AgentId(1),
        run: RunId(2),
        boot: BootId(3),
        sent_uptime: Uptime::from_millis(4),
        sent_wall: WallTime::from_millis(5),
    };
    let section = SectionHeader {
        run: RunId(2),
        stream: Stream::Alerts,
        boot: BootId(3),
        anchor: Anchor::default(),
        first_sequence: 10,
    };
    (header, section)
}

#[test]
fn a_loss_goes_in_only_as_a_loss_and_only_where_it_belongs() {
    let (header, section) = a_header();
    let mut buffer = vec![0; 4096];
    let mut writer = BatchWriter::new(&mut buffer, 4096, &header).unwrap();
    let loss = |first, last| Loss {
        first,
        last,
        reason: 1,
    };
    let at = Uptime::from_millis(1);
    assert_eq!(
        writer.loss(at, &loss(10, 10)),
        Err(Full),
        "no section is open"
    );
    writer.section(&section).unwrap();
    assert_eq!(
        writer.frame(&encode(Kind::Loss, at, &loss(10, 12))),
        Err(Full),
        "frame() would count it as one"
    );
    assert_eq!(writer.frame(&[]), Err(Full));
    assert_eq!(writer.loss(at, &loss(9, 12)), Err(Full));
    assert_eq!(writer.loss(at, &loss(11, 12)), Err(Full));
    assert_eq!(writer.loss(at, &loss(10, 9)), Err(Full));
    assert_eq!(
        writer.loss(at, &loss(10, u64::MAX)),
        Err(Full),
        "nothing could follow it"
    );
    writer.loss(at, &loss(10, 12)).unwrap();
    assert_eq!(writer.next_sequence(), Some(13));
    assert_eq!(writer.frames(), 1);
}

#[test]
fn a_writer_keeps_to_the_limits() {
    let (header, section) = a_header();
    let mut buffer = vec![0; BATCH_BYTES];
    assert!(BatchWriter::new(&mut buffer, 59, &header).is_err());
    assert!(BatchWriter::new(&mut buffer[..59], BATCH_BYTES, &header).is_err());
    let mut writer = BatchWriter::new(&mut buffer, BATCH_BYTES, &header).unwrap();
    for _ in 0..BATCH_SECTIONS {
        writer.section(&section).unwrap();
    }
    assert_eq!(writer.section(&section), Err(Full));
    assert_eq!(
        writer.frame(&[99, 0]),
        Err(Full),
        "no section is open after one that did not fit"
    );

    let mut writer = BatchWriter::new(&mut buffer, usize::MAX, &header).unwrap();
    writer.section(&section).unwrap();
    assert_eq!(writer.frame(&[99; FRAME_BYTES + 1]), Err(Full));
    for _ in 0..BATCH_FRAMES {
        writer.frame(&[99, 0]).unwrap();
    }
    assert_eq!(writer.frame(&[99, 0]), Err(Full));
    let sealed = writer.seal(&key(1)).unwrap();
    let batch = open_batch(sealed, &key(1)).unwrap();
    assert_eq!(
        batch.sections().next().unwrap().frames().count(),
        BATCH_FRAMES
    );
}

#[test]
fn a_batch_of_another_version_or_length_says_so() {
    let (header, _) = a_header();
    let mut buffer = vec![0; BATCH_BYTES];
    let mut sealed = BatchWriter::new(&mut buffer, BATCH_BYTES, &header)
        .unwrap()
        .seal(&key(1))
        .unwrap()
        .to_vec();
    sealed[2] = 2;
    assert_eq!(
        open_batch(&sealed, &key(1)).unwrap_err(),
        BatchFault::Version(2)
    );
    assert_eq!(
        open_batch(&vec![0; BATCH_BYTES + 1], &key(1)).unwrap_err(),
        BatchFault::TooLong
    );
    assert_eq!(
        open_batch(&sealed[..20], &key(1)).unwrap_err(),
        BatchFault::Version(2)
    );
    assert_eq!(
        open_batch(b"HN\x01", &key(1)).unwrap_err(),
        BatchFault::NotABatch
    );
    assert_eq!(
        Answer::open(&[0; ANSWER_BYTES + 1], &key(1), &[0; 16]),
        Err(AnswerFault::TooLong)
    );
}

#[test]
fn too_many_sections_are_refused_though_sealed() {
    let (header, section) = a_header();
    let mut buffer = vec![0; BATCH_BYTES];
    let mut writer = BatchWriter::new(&mut buffer, BATCH_BYTES, &header).unwrap();
    writer.section(&section).unwrap();
    let one = writer.seal(&key(1)).unwrap().to_vec();
    let section = &one[44..one.len() - 16];
    let mut content = one[..44].to_vec();
    for _ in 0..=BATCH_SECTIONS {
        content.extend(section);
    }
    content.extend(mac(&key(1), Label::Batch, &content));
    assert_eq!(
        open_batch(&content, &key(1)).unwrap_err(),
        BatchFault::TooMany
    );
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
    assert_eq!(kinds, HashSet::from([1, 2, 3, 4, 5, 16, 48, 64]));
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
    for count in [0, 1, 3, 257, u16::MAX] {
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
