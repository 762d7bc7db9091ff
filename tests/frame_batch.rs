//! Properties of batches and answers: what goes in comes out, nothing spoilt is taken, and no input does harm.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop"
)]

mod frame_common;

use frame_common::{encode, frame};
use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use hansho::frame::answer::{Answer, AnswerFault, Refused, RefusedReason, Stored};
use hansho::frame::batch::{BatchFault, BatchHeader, BatchWriter, SectionHeader, open_batch, peek};
use hansho::frame::body::{Body, Loss};
use hansho::frame::cursor::Writer;
use hansho::frame::seal::{AgentKey, Label, derive, mac};
use hansho::frame::{AgentId, BootId, Full, Kind, RunId, Stream};
use hansho::limit::{
    ANSWER_BYTES, ANSWER_REFUSED, BATCH_BYTES, BATCH_FRAMES, BATCH_SECTIONS, FRAME_BYTES,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn key(agent: u64) -> AgentKey {
    derive(&[0x42; 32], AgentId(agent), 0)
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
        1 => vec(any::<u8>(), 1..40).prop_map(|bytes| Part::Unknown([&[200, 7], bytes.as_slice()].concat())),
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
        if let Ok(answer) = Answer::open(&content, &key(1), &echo) {
            prop_assert!(answer.stored.len() <= BATCH_SECTIONS && answer.refused.len() <= ANSWER_REFUSED);
        }
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

/// Seals a section of `count` frames that no writer makes.
fn sealed_section(count: u64, frames: &[u8]) -> Vec<u8> {
    let (header, section) = a_header();
    let mut buffer = vec![0; BATCH_BYTES];
    let mut writer = BatchWriter::new(&mut buffer, BATCH_BYTES, &header).unwrap();
    writer.section(&section).unwrap();
    let one = writer.seal(&key(1)).unwrap();
    // Without the count of two bytes, and without the mac.
    let mut content = one[..one.len() - 18].to_vec();
    let mut buffer = [0; 10];
    let mut varint = Writer::new(&mut buffer);
    varint.varint(count).unwrap();
    content.extend(varint.written());
    content.extend(frames);
    content.extend(mac(&key(1), Label::Batch, &content));
    content
}

#[test]
fn a_section_that_contradicts_itself_spoils_the_batch() {
    let fault =
        |count, frames: &[u8]| open_batch(&sealed_section(count, frames), &key(1)).map(|_| ());
    let shape = Err(BatchFault::Shape(44));
    let lost = |first, last| {
        let frame = encode(
            Kind::Loss,
            Uptime::from_millis(1),
            &Loss {
                first,
                last,
                reason: 1,
            },
        );
        [&[u8::try_from(frame.len()).unwrap()], frame.as_slice()].concat()
    };
    assert_eq!(fault(1, &lost(10, 12)), Ok(()), "the section begins at 10");
    for (first, last) in [(9, 12), (11, 12), (10, 9), (10, u64::MAX)] {
        assert_eq!(fault(1, &lost(first, last)), shape, "{first}..={last}");
    }
    assert_eq!(
        fault(1, &[2, Kind::Loss.number(), 0]),
        shape,
        "a Loss that cannot be read"
    );
    assert_eq!(fault(2, &[2, 99, 0]), shape, "fewer frames than counted");
    assert_eq!(fault(1, &[3, 99, 0]), shape, "a frame that is cut");
    assert_eq!(fault(u64::MAX, &[2, 99, 0]), shape);
    let many = [2, 99, 0].repeat(BATCH_FRAMES + 1);
    assert_eq!(fault(BATCH_FRAMES as u64, &many[3..]), Ok(()));
    assert_eq!(fault(BATCH_FRAMES as u64 + 1, &many), shape);
}

/// A frame that cannot be read spoils nothing but itself.
#[test]
fn an_unreadable_frame_is_one_of_many() {
    let sealed = sealed_section(3, &[2, 99, 0, 2, Kind::Alert.number(), 0, 2, 99, 0]);
    let batch = open_batch(&sealed, &key(1)).unwrap();
    let frames: Vec<_> = batch
        .sections()
        .flat_map(|section| section.frames())
        .collect();
    assert_eq!(
        frames
            .iter()
            .map(|frame| frame.sequence)
            .collect::<Vec<_>>(),
        [10, 11, 12]
    );
    assert_eq!(
        frames
            .iter()
            .map(|frame| frame.body.is_ok())
            .collect::<Vec<_>>(),
        [true, false, true]
    );
}

#[test]
fn an_answer_is_read_to_its_last_byte() {
    let answer = Answer {
        echo: [7; 16],
        ..Answer::default()
    };
    let sealed = answer
        .seal(&key(1), &mut [0; ANSWER_BYTES])
        .unwrap()
        .to_vec();
    let content = &sealed[..sealed.len() - 16];
    let open = |content: &[u8]| {
        let sealed = [content, &mac(&key(1), Label::Answer, content)].concat();
        Answer::open(&sealed, &key(1), &[7; 16])
    };
    assert_eq!(open(content), Ok(answer));
    assert_eq!(open(&[content, &[0]].concat()), Err(AnswerFault::Shape));
    for length in 3..content.len() {
        assert_eq!(
            open(&content[..length]),
            Err(AnswerFault::Shape),
            "cut to {length}"
        );
    }
    let mut later = content.to_vec();
    later[2] = 2;
    assert_eq!(open(&later), Err(AnswerFault::Version(2)));
    assert!(AnswerFault::Version(2).to_string().contains("version 2"));
}
