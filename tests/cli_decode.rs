//! `hansho decode`: rings, batches and frames that the library wrote.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod cli_common;

use cli_common::{Ended, Folder, hansho, json_lines};
use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use hansho::frame::batch::{BatchHeader, BatchWriter, SectionHeader};
use hansho::frame::body::{Alert, Goodbye, encode};
use hansho::frame::packed::Packer;
use hansho::frame::seal::AgentKey;
use hansho::frame::{AgentId, BootId, Kind, RunId, Stream};
use hansho::limit::FRAME_BYTES;
use hansho::sample::{Field, Reading};
use hansho::spool::heap::HeapMemory;
use hansho::spool::{Cursor, Identity, MemoryRing};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const SUBJECT: &str = "/mnt/\u{202e}a\n\u{1b}[31m";

fn at(millis: u64) -> Uptime {
    Uptime::from_millis(millis)
}

fn anchor() -> Anchor {
    Anchor {
        uptime: at(1000),
        wall: WallTime::from_millis(1_700_000_000_000),
        quality: AnchorQuality::Host,
    }
}

fn alert(uptime: u64, code: u16, subject: &str, transition: u8) -> Vec<u8> {
    let body = Alert {
        code,
        subject,
        transition,
        reason: 1,
        flags: 0,
        episode: 1,
        fired_ms: uptime,
        since_ms: uptime,
        quantity: 1,
        value: Some(970),
        total: Some(1000),
        level: Some(950),
        worst: Some(990),
        forecast_ms: None,
        count: 1,
    };
    let mut buffer = [0; FRAME_BYTES];
    encode(Kind::Alert, at(uptime), &body, &mut buffer)
        .unwrap()
        .to_vec()
}

fn readings(uptime: u64) -> Vec<u8> {
    let mut packer: Packer<512> = Packer::new(1000);
    for step in 0..3 {
        let mut reading = Reading::empty(at(uptime + step * 1000), WallTime::default(), 2);
        reading.set(Field::MemoryAvailable, Some(100));
        reading.set(Field::CpuBusy, Some(250));
        packer.push(&reading).unwrap();
    }
    let mut buffer = [0; FRAME_BYTES];
    encode(
        Kind::History,
        at(uptime),
        &packer.body().unwrap(),
        &mut buffer,
    )
    .unwrap()
    .to_vec()
}

/// A memory ring with five alerts of two runs, a block of history, a cursor and a checkpoint.
fn ring() -> Vec<u8> {
    let identity = |run: u64| Identity {
        agent: AgentId(0xA6E7),
        run: RunId(run),
        boot: BootId(0xB007),
        ring: 0x1234,
        run_number_floor: 0,
    };
    let memory = HeapMemory::zeroed(256 * 1024);
    let (mut first, _) = MemoryRing::open(&memory, identity(0x11), at(0), anchor()).unwrap();
    first
        .append(Stream::Alerts, at(1000), &alert(1000, 1001, "", 1))
        .unwrap();
    let (mut second, _) = MemoryRing::open(&memory, identity(0x22), at(2000), anchor()).unwrap();
    for (uptime, transition) in [(3000, 1), (4000, 2), (5000, 1)] {
        second
            .append(
                Stream::Alerts,
                at(uptime),
                &alert(uptime, 1002, SUBJECT, transition),
            )
            .unwrap();
    }
    second
        .append(Stream::Alerts, at(6000), &[200, 5, 1, 2, 3])
        .unwrap();
    second
        .append(Stream::History, at(3000), &readings(3000))
        .unwrap();
    let cursor = Cursor {
        run_number: 2,
        run: RunId(0x22),
        next_sequence: 1,
    };
    second.set_cursor(at(6000), Stream::Alerts, cursor).unwrap();
    second.checkpoint(at(6500), &[1, 2, 3]).unwrap();
    memory.to_vec()
}

fn decode(file: &Path, more: &[&str]) -> Ended {
    let name = file.display().to_string();
    hansho([&["decode"], more, &[name.as_str()]].concat())
}

fn of<'l>(lines: &'l [Value], record: &str) -> Vec<&'l Value> {
    lines
        .iter()
        .filter(|line| line["record"] == record)
        .collect()
}

#[test]
fn a_ring_is_told_whole() {
    let folder = Folder::new();
    let file = folder.file("memory.ring", ring());
    let ended = decode(&file, &["--json", "--blocks", "--readings"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let lines = json_lines(&ended.out);
    let head = of(&lines, "ring")[0];
    assert_eq!(head["superblock"]["medium"], "memory");
    assert_eq!(head["superblock"]["run_counter"], 2);
    assert_eq!(head["superblock"]["agent"], "000000000000a6e7");
    assert_eq!(head["superblock"]["cursors"][0]["next_sequence"], 1);
    assert_eq!(head["checkpoint"]["uptime_ms"], 6500);
    assert_eq!(head["checkpoint"]["bytes"], 3);
    assert_eq!(head["blocks"]["damaged"], 0);
    let frames = of(&lines, "frame");
    let told: Vec<String> = frames
        .iter()
        .map(|frame| {
            format!(
                "{} {} {} {}",
                frame["stream"], frame["run_number"], frame["sequence"], frame["kind"]
            )
        })
        .collect();
    let expected = [
        "\"alerts\" 1 0 \"Alert\"",
        "\"alerts\" 2 0 \"Alert\"",
        "\"alerts\" 2 1 \"Alert\"",
        "\"alerts\" 2 2 \"Alert\"",
        "\"alerts\" 2 3 \"Unknown\"",
        "\"history\" 2 0 \"History\"",
    ];
    assert_eq!(told, expected);
    let fired = frames[1];
    assert_eq!(fired["uptime_ms"], 3000);
    assert_eq!(fired["content"]["subject"], SUBJECT);
    assert_eq!(fired["content"]["state"], "firing");
    assert_eq!(fired["content"]["quantity_name"], "memory_used");
    let history = &frames[5]["content"];
    assert_eq!(history["whole"], true);
    assert_eq!(history["readings"].as_array().unwrap().len(), 3);
    assert_eq!(history["readings"][2]["uptime_ms"], 5000);
    assert_eq!(history["readings"][2]["memory_available_kib"], 400);
    assert_eq!(history["readings"][2]["cpu_busy_permille"], 250);
    assert!(
        of(&lines, "block")
            .iter()
            .any(|block| block["area"] == "alerts" && block["frames"] == 4)
    );
}

#[test]
fn the_last_frames_and_hostile_subjects() {
    let folder = Folder::new();
    let file = folder.file("memory.ring", ring());
    let lines = json_lines(&decode(&file, &["--json", "--last", "2"]).out);
    let sequences: Vec<&Value> = of(&lines, "frame")
        .iter()
        .filter(|frame| frame["stream"] == "alerts")
        .map(|frame| &frame["sequence"])
        .collect();
    assert_eq!(sequences, [2, 3]);
    let words = decode(&file, &[]).out;
    assert!(words.contains("HNS1002-E firing"), "{words}");
    assert!(words.contains("HNS1002-I resolved"), "{words}");
    assert!(
        !words.contains('\u{1b}') && !words.contains('\u{202e}'),
        "{words}"
    );
}

/// The cursor of the alert stream stands behind the first frame of the second run; nothing else was acknowledged.
#[test]
fn what_left_the_host_is_what_was_acknowledged() {
    let folder = Folder::new();
    let memory = folder.path().join("memory");
    folder.file("memory/memory.ring", ring());
    let text = format!(
        "config_version = 1\n[spool]\nmemory_directory = \"{}\"\n",
        memory.display()
    );
    let config = folder.file("agent.toml", text);
    let config = config.to_str().unwrap();
    let sent = |more: &[&str]| {
        let ended = hansho(
            [
                &["decode", "--last-sent", "--json", "--config", config],
                more,
            ]
            .concat(),
        );
        assert_eq!(ended.code, 0, "{}", ended.err);
        of(&json_lines(&ended.out), "frame")
            .iter()
            .map(|frame| (frame["run"].clone(), frame["sequence"].as_u64().unwrap()))
            .collect::<Vec<_>>()
    };
    let (first, second) = ("0000000000000011".into(), "0000000000000022".into());
    assert_eq!(sent(&[]), [(first, 0), (Value::clone(&second), 0)]);
    assert_eq!(sent(&["--last", "1"]), [(second, 0)]);
    for wrong in [
        &["decode", "--last-sent", "ring"][..],
        &["decode", "--config", config, "ring"],
    ] {
        assert_eq!(hansho(wrong).code, 64);
    }
}

#[test]
fn damage_is_counted_and_passed_over() {
    let folder = Folder::new();
    let mut bytes = ring();
    // The block with the four alerts of the second run: its last frame is cut by one changed byte.
    let place = bytes
        .chunks(4096)
        .position(|block| block[5] == 0 && block[24] == 0x22)
        .unwrap();
    bytes[place * 4096 + 100] ^= 0xFF;
    let file = folder.file("damaged", &bytes);
    let ended = decode(&file, &["--json"]);
    assert_eq!(ended.code, 0);
    let lines = json_lines(&ended.out);
    assert_eq!(of(&lines, "ring")[0]["blocks"]["damaged"], 1);
    assert_eq!(of(&lines, "frame").len(), 2);

    // A copy that is cut in the middle of a block, and has lost both superblocks.
    let mut cut = ring();
    cut[..2 * 4096].fill(0);
    cut.truncate((place + 1) * 4096 + 1000);
    let file = folder.file("cut", &cut);
    let lines = json_lines(&decode(&file, &["--json"]).out);
    let head = of(&lines, "ring")[0];
    assert_eq!(
        (&head["superblock"], &head["whole_size"]),
        (&Value::Null, &Value::Bool(false))
    );
    assert_eq!(of(&lines, "frame").len(), 5, "the alerts of both runs");
}

/// A deterministic rain of single bytes: nothing panics, and what is whole is still told.
#[test]
fn noise_in_a_ring_never_ends_it() {
    let folder = Folder::new();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..20 {
        let mut bytes = ring();
        for _ in 0..40 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let place = usize::try_from(state >> 33).unwrap() % bytes.len();
            bytes[place] = state.to_le_bytes()[3];
        }
        let file = folder.file("noisy", &bytes);
        let ended = decode(&file, &["--blocks", "--readings"]);
        assert_eq!(ended.code, 0, "{ended:?}");
    }
}

fn batch(key: &AgentKey) -> Vec<u8> {
    let header = BatchHeader {
        key_epoch: 1,
        agent: AgentId(0xA6E7),
        run: RunId(0x22),
        boot: BootId(0xB007),
        sent_uptime: at(9000),
        sent_wall: WallTime::from_millis(1),
    };
    let section = SectionHeader {
        run: RunId(0x22),
        stream: Stream::Alerts,
        boot: BootId(0xB007),
        anchor: anchor(),
        first_sequence: 7,
    };
    let mut buffer = vec![0; 4096];
    let mut writer = BatchWriter::new(&mut buffer, 4096, &header).unwrap();
    writer.section(&section).unwrap();
    writer.frame(&alert(3000, 1002, "", 1)).unwrap();
    writer.seal(key).unwrap().to_vec()
}

#[test]
fn a_batch_is_told_with_or_without_its_key() {
    let folder = Folder::new();
    let file = folder.file("batch", batch(&AgentKey([7; 32])));
    let lines = json_lines(&decode(&file, &["--json"]).out);
    assert_eq!(of(&lines, "batch")[0]["mac"], "not checked");
    assert_eq!(of(&lines, "section")[0]["first_sequence"], 7);
    let frame = of(&lines, "frame")[0];
    assert_eq!(
        (&frame["sequence"], &frame["content"]["code"]),
        (&7.into(), &1002.into())
    );

    let key = |digits: &str| format!("hansho1 000000000000a6e7 1 {}\n", digits.repeat(32));
    for (digits, code) in [("07", 0), ("08", 76)] {
        let key = folder.file("key", key(digits));
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
        let ended = decode(&file, &["--json", "--key-file", &key.display().to_string()]);
        assert_eq!(ended.code, code, "{ended:?}");
    }
    let mut cut = batch(&AgentKey([7; 32]));
    cut.truncate(100);
    assert_eq!(decode(&folder.file("cut", cut), &[]).code, 76);
}

#[test]
fn a_frame_alone_and_what_is_none() {
    let folder = Folder::new();
    let mut buffer = [0; FRAME_BYTES];
    let body = Goodbye {
        reason: 1,
        planned_ms: 0,
        text: "maintenance",
    };
    let frame = encode(Kind::Goodbye, at(77), &body, &mut buffer)
        .unwrap()
        .to_vec();
    let good = folder.file("frame", &frame);
    let ended = decode(&good, &[]);
    assert_eq!(ended.code, 0);
    assert!(
        ended.out.contains("Goodbye") && ended.out.contains("maintenance"),
        "{}",
        ended.out
    );
    let noise = folder.file("noise", "no ring at all\n");
    let ended = hansho(["decode", noise.to_str().unwrap(), good.to_str().unwrap()]);
    assert_eq!(ended.code, 76, "one bad file does not hide the next");
    assert!(ended.out.contains("Goodbye"));
    for bytes in [vec![], vec![16], vec![0; 4096], vec![4; 300_000]] {
        assert_eq!(decode(&folder.file("bad", bytes), &[]).code, 76);
    }
}
