//! Golden files: today's encoder makes the committed bytes from fixed values, and today's decoder reads them.
//!
//! Files of a released version are kept for ever. `HANSHO_BLESS=1` writes what is missing and never overwrites.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use hansho::frame::answer::{Answer, Refused, RefusedReason, Stored};
use hansho::frame::batch::{BatchHeader, BatchWriter, SectionHeader, open_batch};
use hansho::frame::body::{
    self, Alert, Body, Boot, Config, Found, FoundRecord, Goodbye, Hello, LAST_BOOT_OTHER, LastEnd,
    Leave, LeaveWhat, Loss, LossReason, OpenRecord, RuleRecord, State,
};
use hansho::frame::cursor::Writer;
use hansho::frame::evidence::{
    AboutRecord, Evidence, FLAG_FRESH, LIST_GROWTH_SHORT, LIST_MEMORY, LIST_SWAP, Moment, Short,
    SuspectRecord, Victim,
};
use hansho::frame::packed::{Packer, Unpacker};
use hansho::frame::seal::{AgentKey, derive};
use hansho::frame::{AgentId, BootId, Kind, RunId, Stream};
use hansho::limit::{ANSWER_BYTES, BATCH_BYTES, FRAME_BYTES};
use hansho::sample::{Field, Reading, Scope};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const UPTIME: Uptime = Uptime::from_millis(123_456_789);
const AGENT: AgentId = AgentId(0x1122_3344_5566_7788);
const RUN: RunId = RunId(0x0102_0304_0506_0708);
const BOOT: BootId = BootId(0xB007_B007_B007_B007);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/frames")
}

/// The committed file, written first where it is missing and blessing is asked for.
fn golden(name: &str, today: &[u8]) -> Vec<u8> {
    let path = folder().join(name);
    if !path.exists() && std::env::var_os("HANSHO_BLESS").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(folder()).unwrap();
        std::fs::write(&path, today).unwrap();
    }
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(16) {
        for byte in line {
            write!(text, "{byte:02x} ").unwrap();
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// Holds `today` against `v1-NAME.bin`, and what it says against `v1-NAME.txt`.
fn check(name: &str, today: &[u8], says: impl Fn(&[u8]) -> String) {
    let bytes = golden(&format!("v1-{name}.bin"), today);
    assert_eq!(
        hex(&bytes),
        hex(today),
        "{name}: the encoder makes other bytes than it did"
    );
    let text = format!("{}\n{}", hex(&bytes), says(&bytes));
    let said = golden(&format!("v1-{name}.txt"), text.as_bytes());
    assert_eq!(
        String::from_utf8(said).unwrap(),
        text,
        "{name}: the decoder reads something else than it did"
    );
}

fn check_frame(name: &str, frame: &[u8], expected: &Body<'_>) {
    assert_eq!(
        body::decode(frame),
        Ok((UPTIME, expected.clone())),
        "{name}"
    );
    check(name, frame, |bytes| {
        format!("{:#?}\n", body::decode(bytes).unwrap())
    });
}

fn encode<T: serde::Serialize>(kind: Kind, body: &T) -> Vec<u8> {
    body::encode(kind, UPTIME, body, &mut [0; FRAME_BYTES])
        .unwrap()
        .to_vec()
}

fn hello() -> Hello<'static> {
    Hello {
        version: "0.1.0",
        host: "web-1",
        kernel: "6.1.0-18-amd64",
        architecture: "x86_64",
        cores: 4,
        memory_total_kib: 16_303_428,
        run_number: 300,
        sample_interval_ms: 1_000,
        report_interval_ms: 10_000,
        post_interval_ms: 30_000,
        registry_version: 1,
        registry_hash: 0x0123_4567_89AB_CDEF,
        config_hash: 0xFEDC_BA98_7654_3210,
        machine_id_hash: u64::MAX,
        flags: 0b010,
    }
}

fn rules() -> [RuleRecord<'static>; 2] {
    let built_in = RuleRecord {
        code: 1002,
        subject: "",
        flags: 0b1001,
        quantity: 1,
        aggregate: 0,
        window_ms: 0,
        raise_permille: Some(950),
        raise_absolute: None,
        clear_permille: Some(900),
        clear_absolute: None,
        raise_after_ms: 60_000,
        clear_after_ms: 300_000,
        gate_quantity: 2,
        gate_test: 1,
        gate_permille: None,
        gate_absolute: Some(2 * 1024 * 1024),
        origin: "built-in",
    };
    let own = RuleRecord {
        code: 4001,
        subject: "/srv/データ",
        origin: "agent.toml:12",
        ..built_in.clone()
    };
    [built_in, own]
}

fn open() -> [OpenRecord<'static>; 2] {
    let first = OpenRecord {
        code: 1002,
        subject: "",
        episode: 3,
        fired_ms: 123_000_000,
        since_ms: 122_940_000,
        value: Some(15_900_000),
        worst: Some(16_000_000),
        count: 0,
        flags: 0,
    };
    let test = OpenRecord {
        code: 7000,
        subject: "受注",
        value: None,
        worst: None,
        count: 2,
        flags: 0b1001,
        ..first
    };
    [first, test]
}

fn list<T: serde::Serialize>(elements: &[T]) -> Vec<u8> {
    let mut buffer = [0; FRAME_BYTES];
    let mut writer = Writer::new(&mut buffer);
    for element in elements {
        body::push_element(&mut writer, element).unwrap();
    }
    writer.written().to_vec()
}

fn alert() -> Alert<'static> {
    Alert {
        code: 1002,
        subject: "",
        transition: 1,
        reason: 1,
        flags: 0,
        episode: 3,
        fired_ms: 123_456_789,
        since_ms: 123_396_789,
        quantity: 1,
        value: Some(15_900_000),
        total: Some(16_303_428),
        level: Some(15_488_256),
        worst: Some(15_900_000),
        forecast_ms: None,
        count: 0,
    }
}

fn loss(first: u64, last: u64, reason: LossReason) -> Loss {
    Loss {
        first,
        last,
        reason: reason.as_u8(),
    }
}

/// Four readings: a base, what changes little, counters with a late tick, a field gone and one come.
fn readings() -> Vec<Reading> {
    let mut base = Reading::empty(UPTIME, WallTime::default(), 8);
    base.scope = Scope::Container;
    for (field, value) in [
        (Field::MemoryAvailable, 40_000),
        (Field::CpuBusy, 250),
        (Field::CpuUser, 200),
        (Field::CpuSystem, 50),
        (Field::MemoryAnonymous, 9_000),
        (Field::CpuSteal, 0),
        (Field::MemoryTotal, 63_685),
        (Field::Cores, 4),
    ] {
        base.set(field, Some(value));
    }
    let mut second = base;
    second.uptime = UPTIME.plus(1_000);
    second.set(Field::MemoryAvailable, Some(39_990));
    second.set(Field::MemoryAnonymous, Some(9_010));
    second.set(Field::CpuBusy, Some(300));
    second.set(Field::CpuUser, Some(251));
    let mut third = second;
    third.uptime = UPTIME.plus(2_003);
    for (field, value) in [
        (Field::MajorFaults, 12),
        (Field::Refaults, 0),
        (Field::SwapIn, 0),
        (Field::SwapOut, 0),
        (Field::OomKill, 1),
    ] {
        third.set(field, Some(value));
    }
    third.set(Field::CpuSteal, Some(7));
    let mut fourth = second;
    fourth.uptime = UPTIME.plus(3_003);
    fourth.set(Field::CpuSteal, None);
    fourth.set(Field::PressureCpuSome, Some(1_000));
    vec![base, second, third, fourth]
}

fn packed(kind: Kind, interval_ms: u32) -> Vec<u8> {
    let mut packer = Packer::<512>::new(interval_ms);
    for reading in readings() {
        packer.push(&reading).unwrap();
    }
    encode(kind, &packer.body().unwrap())
}

#[test]
fn frames() {
    check_frame(
        "hello",
        &encode(Kind::Hello, &hello()),
        &Body::Hello(hello()),
    );
    let rules = list(&rules());
    let config = Config {
        config_hash: 0xFEDC_BA98_7654_3210,
        part: 0,
        parts: 1,
        rules: &rules,
    };
    check_frame(
        "config",
        &encode(Kind::Config, &config),
        &Body::Config(config.clone()),
    );
    let open = list(&open());
    let state = State {
        part: 1,
        parts: 2,
        open: &open,
    };
    check_frame(
        "state",
        &encode(Kind::State, &state),
        &Body::State(state.clone()),
    );
    check_frame(
        "alert",
        &encode(Kind::Alert, &alert()),
        &Body::Alert(alert()),
    );
    let goodbye = Goodbye {
        reason: 1,
        planned_ms: 3_600_000,
        text: "月次メンテナンス",
    };
    check_frame(
        "goodbye",
        &encode(Kind::Goodbye, &goodbye),
        &Body::Goodbye(goodbye.clone()),
    );
    let leave = Leave {
        what: LeaveWhat::Announced.as_u8(),
        planned_ms: 1_800_000,
        text: "カーネル更新",
    };
    check_frame(
        "leave",
        &encode(Kind::Leave, &leave),
        &Body::Leave(leave.clone()),
    );
    let boot = Boot {
        booted_wall_ms: Some(1_800_000_000_000),
        init_started_ms: Some(20),
        last_end: LastEnd::Cut.as_u8(),
        last_reason: 0,
        last_uptime_ms: Some(987_654_321),
        last_boot: LAST_BOOT_OTHER,
        kernel_dumps: Some(1),
        watchdog_bootstatus: None,
    };
    check_frame(
        "boot",
        &encode(Kind::Boot, &boot),
        &Body::Boot(boot.clone()),
    );
    let records = list(&[
        FoundRecord {
            quantity: 60,
            subject: "/var",
            value: 50_000_000,
            total: Some(61_255_492),
            age_ms: 0,
        },
        FoundRecord {
            quantity: 64,
            subject: "/mnt/share",
            value: 61_000,
            total: None,
            age_ms: 1_500,
        },
    ]);
    let found = Found { found: &records };
    check_frame(
        "found",
        &encode(Kind::Found, &found),
        &Body::Found(found.clone()),
    );
    let lost = loss(7, 300, LossReason::Overwritten);
    check_frame(
        "loss",
        &encode(Kind::Loss, &lost),
        &Body::Loss(lost.clone()),
    );
}

#[test]
fn evidence() {
    let about = list(&[
        AboutRecord {
            code: 1002,
            subject: "",
            episode: 4,
            moment: Moment::Firing.as_u8(),
        },
        AboutRecord {
            code: 4001,
            subject: "/var",
            episode: 1,
            moment: Moment::Pending.as_u8(),
        },
    ]);
    let leak = SuspectRecord {
        lists: LIST_MEMORY | LIST_GROWTH_SHORT,
        pid: 4711,
        start_ticks: 81_234,
        parent: 1,
        threads: 33,
        name: b"java",
        uid: Some(998),
        user: Some(b"app"),
        unit: Some(b"app.service"),
        container: None,
        oom_score_adj: Some(-17),
        memory_kib: Some(9_437_184),
        swap_kib: Some(0),
        cpu_permille: Some(1_250),
        growth_short_kib: Some(524_288),
        growth_short_over_ms: 612_000,
        growth_long_kib: Some(-4_096),
        growth_long_over_ms: 90_000_000,
        read_ms: 123_455_000,
    };
    let hidden = SuspectRecord {
        lists: LIST_SWAP,
        pid: 9,
        name: b"\x1b[2J\xff",
        container: Some(b"0123456789ab"),
        ..SuspectRecord::default()
    };
    let suspects = list(&[leak, hidden]);
    let evidence = Evidence {
        number: 7,
        part: 0,
        parts: 1,
        flags: FLAG_FRESH,
        walk_began_ms: Some(123_450_000),
        walk_ended_ms: Some(123_454_000),
        seen: 415,
        read: 412,
        refused: 2,
        gone: 1,
        failed: 0,
        threads: 1_900,
        about: &about,
        suspects: &suspects,
    };
    check_frame(
        "evidence",
        &encode(Kind::Evidence, &evidence),
        &Body::Evidence(evidence.clone()),
    );
    let victim = Victim {
        sequence: 1_423,
        at_ms: 123_454_321,
        pid: 4711,
        name: b"java",
        uid: Some(998),
        oom_score_adj: Some(-17),
        anonymous_kib: 9_437_184,
        file_kib: 12,
        shared_kib: None,
        short: Short::Group.as_u8(),
        group: b"/system.slice/app.service",
        unit: Some(b"app.service"),
        container: None,
    };
    check_frame(
        "victim",
        &encode(Kind::Victim, &victim),
        &Body::Victim(victim),
    );
    check("suspect-records", &suspects, |bytes| {
        format!(
            "{:#?}\n",
            body::elements::<SuspectRecord<'_>>(bytes).collect::<Vec<_>>()
        )
    });
    check("about-records", &about, |bytes| {
        format!(
            "{:#?}\n",
            body::elements::<AboutRecord<'_>>(bytes).collect::<Vec<_>>()
        )
    });
}

#[test]
fn elements_of_lists() {
    let text = list(&rules());
    let back: Vec<RuleRecord<'_>> = body::elements(&text).map(Result::unwrap).collect();
    assert_eq!(back, rules());
    check("rule-records", &text, |bytes| {
        format!(
            "{:#?}\n",
            body::elements::<RuleRecord<'_>>(bytes).collect::<Vec<_>>()
        )
    });
    let text = list(&open());
    let back: Vec<OpenRecord<'_>> = body::elements(&text).map(Result::unwrap).collect();
    assert_eq!(back, open());
    check("open-records", &text, |bytes| {
        format!(
            "{:#?}\n",
            body::elements::<OpenRecord<'_>>(bytes).collect::<Vec<_>>()
        )
    });
}

#[test]
fn packed_readings() {
    for (name, kind, interval_ms) in [
        ("readings", Kind::Readings, 10_000),
        ("history", Kind::History, 1_000),
    ] {
        let frame = packed(kind, interval_ms);
        let unpacked = |bytes: &[u8]| {
            let (first, body) = body::decode(bytes).unwrap();
            let (Body::Readings(body) | Body::History(body)) = body else {
                panic!("{body:?}")
            };
            Unpacker::new(&body, first)
                .map(Result::unwrap)
                .collect::<Vec<_>>()
        };
        assert_eq!(unpacked(&frame), readings());
        check(name, &frame, |bytes| {
            let mut text = String::new();
            for reading in unpacked(bytes) {
                writeln!(
                    text,
                    "at {} ms, {:?}, shift {}",
                    reading.uptime.as_millis(),
                    reading.scope,
                    reading.quantum_shift
                )
                .unwrap();
                for field in Field::ALL {
                    if let Some(value) = reading.get(field) {
                        writeln!(text, "  {:2} {field:?} {value}", field as u8).unwrap();
                    }
                }
            }
            text
        });
    }
}

fn key() -> AgentKey {
    derive(&[0x42; 32], AGENT, 1)
}

fn batch() -> Vec<u8> {
    let header = BatchHeader {
        key_epoch: 1,
        agent: AGENT,
        run: RUN,
        boot: BOOT,
        sent_uptime: UPTIME,
        sent_wall: WallTime::from_millis(1_750_000_000_000),
    };
    let anchor = Anchor {
        uptime: Uptime::from_millis(1_000),
        wall: WallTime::from_millis(1_749_876_544_211),
        quality: AnchorQuality::Confirmed,
    };
    let section = |run: RunId, stream: Stream, first_sequence: u64| SectionHeader {
        run,
        stream,
        boot: BOOT,
        anchor,
        first_sequence,
    };
    let mut buffer = vec![0; BATCH_BYTES];
    let mut writer = BatchWriter::new(&mut buffer, BATCH_BYTES, &header).unwrap();
    // An earlier run: two alerts lost, then its Goodbye.
    writer
        .section(&section(RunId(9), Stream::Alerts, 400))
        .unwrap();
    writer
        .loss(UPTIME, &loss(400, 401, LossReason::Refused))
        .unwrap();
    let goodbye = Goodbye {
        reason: 1,
        planned_ms: 0,
        text: "",
    };
    writer.frame(&encode(Kind::Goodbye, &goodbye)).unwrap();
    // This run: Hello and an alert; readings; evidence that has none yet.
    writer.section(&section(RUN, Stream::Alerts, 0)).unwrap();
    writer.frame(&encode(Kind::Hello, &hello())).unwrap();
    writer.frame(&encode(Kind::Alert, &alert())).unwrap();
    writer.section(&section(RUN, Stream::Readings, 5)).unwrap();
    writer.frame(&packed(Kind::Readings, 10_000)).unwrap();
    writer.section(&section(RUN, Stream::Evidence, 0)).unwrap();
    writer.seal(&key()).unwrap().to_vec()
}

#[test]
fn a_batch() {
    check("batch", &batch(), |bytes| {
        let batch = open_batch(bytes, &key()).unwrap();
        let mut text = format!("{:#?}\n", batch.header);
        for section in batch.sections() {
            writeln!(text, "{:#?}\ncount {}", section.header, section.count).unwrap();
            for frame in section.frames() {
                let bytes = frame.frame.len();
                writeln!(
                    text,
                    "{}..={} {bytes} bytes {:?}",
                    frame.sequence,
                    frame.last,
                    frame.body.unwrap()
                )
                .unwrap();
            }
        }
        text
    });
}

#[test]
fn an_answer() {
    let bytes = batch();
    let echo = open_batch(&bytes, &key()).unwrap().mac;
    let mut answer = Answer {
        echo,
        collector_wall: WallTime::from_millis(1_750_000_000_123),
        next_post_ms: 30_000,
        ..Answer::default()
    };
    for (run, stream, next) in [
        (RunId(9), Stream::Alerts, 403),
        (RUN, Stream::Alerts, 2),
        (RUN, Stream::Readings, 5),
        (RUN, Stream::Evidence, 0),
    ] {
        answer.stored.push(Stored { run, stream, next }).unwrap();
    }
    let refused = Refused {
        run: RUN,
        stream: Stream::Readings,
        sequence: 5,
        reason: RefusedReason::Malformed,
    };
    answer.refused.push(refused).unwrap();
    let sealed = answer
        .seal(&key(), &mut [0; ANSWER_BYTES])
        .unwrap()
        .to_vec();
    assert_eq!(Answer::open(&sealed, &key(), &echo), Ok(answer));
    check("answer", &sealed, |bytes| {
        format!("{:#?}\n", Answer::open(bytes, &key(), &echo).unwrap())
    });
}

#[test]
fn every_golden_file_is_held_by_a_test() {
    let names = [
        "hello",
        "config",
        "state",
        "alert",
        "goodbye",
        "leave",
        "boot",
        "evidence",
        "victim",
        "suspect-records",
        "about-records",
        "found",
        "loss",
        "rule-records",
        "open-records",
        "readings",
        "history",
        "batch",
        "answer",
    ];
    let expected: BTreeSet<String> = names
        .iter()
        .flat_map(|name| [format!("v1-{name}.bin"), format!("v1-{name}.txt")])
        .collect();
    let found = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect::<BTreeSet<_>>();
    // While files are being blessed the other tests may still be writing them.
    if std::env::var_os("HANSHO_BLESS").is_none() {
        assert_eq!(found, expected);
    }
}
