//! `hansho replay` on rings: written by the real machine, memory ring and scribe, and read by the real program.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that fails may panic"
)]

mod cli_common;

use cli_common::{Ended, Folder, hansho, json_lines};
use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use hansho::config;
use hansho::frame::body::{StopReason, decode, encode, reason_name, transition_from_u8};
use hansho::frame::packed::Packer;
use hansho::frame::{AgentId, Body, BootId, Kind, RunId, Stream};
use hansho::limit::FRAME_BYTES;
use hansho::machine::{Input, Journal, Machine, Settings, Tick};
use hansho::rule::TransitionKind;
use hansho::sample::{Field, Reading, Snapshot};
use hansho::spool::disk_ring::{self, DiskRing};
use hansho::spool::files::{DISK_FILE, MEMORY_FILE};
use hansho::spool::heap::HeapMemory;
use hansho::spool::scribe::Scribe;
use hansho::spool::{Identity, MemoryRing};
use serde_json::{Value, json};
use std::fs::File;
use std::path::Path;

const WALL_MS: u64 = 1_790_000_000_000;
const RING_BYTES: usize = 1024 * 1024;

fn at(second: u64) -> Uptime {
    Uptime::from_millis(second * 1000)
}

/// Rules that fire quickly, and rings in the folder.
fn configuration(folder: &Folder) -> String {
    let path = folder.path().display();
    format!(
        "config_version = 1\n[spool]\ndirectory = \"{path}\"\nmemory_directory = \"{path}\"\n\
         [[rule]]\ncode = 1001\nraise = \"80%\"\nclear = \"70%\"\nraise_after = \"5s\"\nclear_after = \"5s\"\ngate = \"none\"\n\
         [[rule]]\ncode = 1002\nraise = \"92%\"\nclear = \"85%\"\nraise_after = \"0s\"\nclear_after = \"3s\"\ngate = \"none\"\n\
         [[rule]]\ncode = 1003\nwindow = {{ aggregate = \"mean\", length = \"1m\" }}\nraise_after = \"0s\"\nclear_after = \"1s\"\n\
         [[rule]]\ncode = 1011\nwindow = \"last\"\nraise_after = \"10s\"\nclear_after = \"10s\"\ngate = \"none\"\n"
    )
}

fn identity(run: u64, boot: u64) -> Identity {
    Identity {
        agent: AgentId(0xA6E7),
        run: RunId(run),
        boot: BootId(boot),
        ring: 0x1234,
        run_number_floor: 0,
    }
}

fn anchor(second: u64, wall_ms: u64) -> Anchor {
    Anchor {
        uptime: at(second),
        wall: WallTime::from_millis(wall_ms),
        quality: AnchorQuality::Host,
    }
}

/// What a host is like in a second: memory that comes and goes, and at times stalls on it. The numbers are odd on purpose, so
/// that quantisation changes them.
fn look(second: u64) -> Snapshot {
    let total_kib = 24_684_083;
    let mut snapshot = Snapshot {
        uptime: at(second),
        wall: WallTime::from_millis(WALL_MS + second * 1000),
        ..Snapshot::default()
    };
    let used = match second % 600 {
        100..140 => 83,
        200..207 => 95,
        300..420 => 92,
        _ => 31,
    };
    snapshot.memory.total_kib = Some(total_kib);
    snapshot.memory.available_kib = Some(total_kib * (100 - used) / 100 + second % 97);
    // 40 % of the time in every second tenth minute; the total is what the kernel counts.
    let stalled = second / 1200 * 600 + (second % 1200).saturating_sub(600);
    snapshot.pressure.memory_full_us = Some(stalled * 400_000);
    snapshot.counters.swap_in_pages = second.is_multiple_of(5).then_some(stalled * 2000);
    snapshot.counters.oom_kill = second.is_multiple_of(5).then_some(second / 1500);
    snapshot
}

/// A transition as both the agent and the program tell it.
type Told = (u64, u16, String, u64, Option<u64>, Option<u64>, String);

/// Appends to the ring what it is not told to lose, and keeps what is told.
struct Recorder<'r, M: hansho::spool::Memory> {
    ring: &'r mut MemoryRing<M>,
    loses: &'r dyn Fn(Stream, u64) -> bool,
    told: &'r mut Vec<Told>,
}

impl<M: hansho::spool::Memory> Journal for Recorder<'_, M> {
    fn record(&mut self, stream: Stream, uptime: Uptime, frame: &[u8]) {
        if let Ok((at, Body::Alert(alert))) = decode(frame) {
            let state = match transition_from_u8(alert.transition).unwrap() {
                TransitionKind::Firing => "firing",
                TransitionKind::Resolved => "resolved",
                TransitionKind::Continued => "continued",
            };
            let state = format!("{state} {}", reason_name(alert.reason));
            self.told.push((
                at.as_millis(),
                alert.code,
                state,
                alert.episode.into(),
                alert.value,
                alert.level,
                alert.subject.into(),
            ));
        }
        if !(self.loses)(stream, uptime.as_millis() / 1000) {
            self.ring.append(stream, uptime, frame).unwrap();
        }
    }

    fn say(&mut self, _: &str) {}
}

/// A host with both of its rings.
struct Host {
    folder: Folder,
    config: String,
    memory: HeapMemory,
    runs: u64,
    told: Vec<Told>,
}

impl Host {
    fn new() -> Self {
        let folder = Folder::new();
        let config = configuration(&folder);
        folder.file("agent.toml", &config);
        Self {
            folder,
            config,
            memory: HeapMemory::zeroed(RING_BYTES),
            runs: 0,
            told: Vec::new(),
        }
    }

    /// An agent runs from one second to another, and stops in order; what `loses` says is never written.
    fn runs(
        &mut self,
        boot: u64,
        seconds: std::ops::Range<u64>,
        loses: &dyn Fn(Stream, u64) -> bool,
    ) {
        self.runs += 1;
        let plan = config::parse(&self.config, "test").unwrap();
        let rules = plan.rules.into_iter().map(|effective| effective.rule);
        let settings = Settings {
            sample_interval_ms: 1000,
            counters_interval_ms: 5000,
            report_interval_ms: 10_000,
            forwards: false,
        };
        let mut machine = Machine::new(settings, rules.collect()).unwrap();
        let identity = identity(0x10 + self.runs, boot);
        let start = anchor(seconds.start, WALL_MS + seconds.start * 1000);
        let (mut ring, _) =
            MemoryRing::open(&self.memory, identity, at(seconds.start), start).unwrap();
        let end = at(seconds.end);
        for second in seconds {
            let tick = Tick {
                snapshot: look(second),
                ..Tick::default()
            };
            let mut out = Recorder {
                ring: &mut ring,
                loses,
                told: &mut self.told,
            };
            machine.step(at(second), Input::Tick(&tick), &mut out);
        }
        let mut out = Recorder {
            ring: &mut ring,
            loses,
            told: &mut self.told,
        };
        let reason = StopReason::Ordered;
        machine.step(end, Input::Stop { reason }, &mut out);
    }

    /// The memory ring in its file.
    fn memory_file(&self) -> &Self {
        self.folder.file(MEMORY_FILE, self.memory.to_vec());
        self
    }

    /// What the scribe copies to the disk.
    fn disk_file(&self, boot: u64) -> &Self {
        let path = self.folder.path().join(DISK_FILE);
        let size = RING_BYTES as u64;
        if !path.exists() {
            let file = File::create_new(&path).unwrap();
            disk_ring::create(&file, size, &identity(0, boot)).unwrap();
        }
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let (disk, _) = DiskRing::open(file, AgentId(0xA6E7), size).unwrap();
        let mut scribe = Scribe::new(&self.memory, disk);
        for turn in 0..8 {
            assert_eq!(scribe.turn(at(100_000 + turn), true).fault, None);
        }
        self
    }

    fn replay(&self, more: &[&str]) -> Ended {
        let config = self.folder.path().join("agent.toml").display().to_string();
        let words = [&["replay", "--against", &config], more].concat();
        hansho(words)
    }

    fn summary(&self) -> (Value, String) {
        let ended = self.replay(&["--json"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        (json_lines(&ended.out).remove(0), ended.err)
    }

    fn transitions(&self) -> Vec<Told> {
        let ended = self.replay(&["--json", "--transitions"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        let mut lines = json_lines(&ended.out);
        lines.pop();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        lines
            .iter()
            .map(|line| {
                (
                    line["uptime_ms"].as_u64().unwrap(),
                    line["code"].as_u64().unwrap() as u16,
                    format!("{} {}", text(&line["state"]), text(&line["reason"])),
                    line["episode"].as_u64().unwrap(),
                    line["value"].as_u64(),
                    line["level"].as_u64(),
                    text(&line["subject"]),
                )
            })
            .collect()
    }
}

fn nothing(_: Stream, _: u64) -> bool {
    false
}

/// All that the agent told, at the same moments, with the same values: nothing is quantised twice, nothing is left out.
#[test]
fn the_history_tells_what_the_agent_told() {
    let mut host = Host::new();
    host.runs(1, 10..7200, &nothing);
    host.memory_file().disk_file(1);
    let told = host.transitions();
    assert_eq!(told, host.told);
    let of = |code: u16| told.iter().filter(|told| told.1 == code).count();
    for code in [1001, 1002, 1003, 1010, 1011] {
        assert!(of(code) >= 4, "{code}: {}", of(code));
    }
    let (summary, warnings) = host.summary();
    assert_eq!(warnings, "");
    assert_eq!(summary["history"]["readings"], 7190);
    assert_eq!(summary["history"]["by_interval"], json!({ "1000": 7190 }));
    assert_eq!(summary["history"]["covered_ms"], 7_189_000);
    let boot = &summary["history"]["boots"][0];
    assert_eq!(boot["first_uptime_ms"], 10_000);
    assert_eq!(boot["last_wall_ms"], WALL_MS + 7_199_000);
    assert_eq!(boot["clock_moved_ms"], 0);

    // Either ring alone says the same, and the other is missed.
    std::fs::remove_file(host.folder.path().join(MEMORY_FILE)).unwrap();
    assert_eq!(host.transitions(), host.told);
    assert!(
        host.summary()
            .1
            .contains("memory.ring: there is no such file")
    );
    host.memory_file();
    std::fs::remove_file(host.folder.path().join(DISK_FILE)).unwrap();
    assert_eq!(host.transitions(), host.told);
    // And a copy that is named.
    let copy = host.folder.path().join(MEMORY_FILE).display().to_string();
    let words = host.replay(&["--input", &copy]).out;
    let span = "uptime 0:00:10 .. 1:59:59  2026-09-21 14:13:30 UTC .. 2026-09-21 16:13:19 UTC  7190 readings, no gap";
    assert!(words.contains(span), "{words}");
    assert!(
        words.contains("1h 59m with readings, 0 reboots, no gap"),
        "{words}"
    );
    assert!(
        words.contains("not judged for that: HNS1012-W, HNS2001-W"),
        "{words}"
    );
    assert!(words.contains("HNS1001-W  memory used high"), "{words}");
    // Suggestions come from rings as well.
    let ended = host.replay(&["--suggest", "--anyway", "--json"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let first = &json_lines(&ended.out)[0]["codes"][0];
    assert_eq!(
        (&first["code"], &first["known_ms"]),
        (&json!(1001), &json!(7_189_000))
    );
    let fired = host
        .told
        .iter()
        .filter(|told| told.1 == 1001 && told.2.starts_with("firing"));
    assert_eq!(first["fired"], fired.count());
    let again = host.replay(&["--input", &copy, "--interval", "1s"]);
    assert_eq!(again.code, 64, "a ring tells its interval");
}

/// Where the readings of every second are gone, those of the report interval stand in: one in ten seconds, and no gap.
#[test]
fn summaries_stand_in_for_history_that_is_missing() {
    let mut host = Host::new();
    let loses = |stream: Stream, second: u64| stream == Stream::History && second < 1800;
    host.runs(1, 0..3600, &loses);
    host.memory_file();
    let (summary, _) = host.summary();
    let intervals = summary["history"]["by_interval"].as_object().unwrap();
    let of = |interval: &str| intervals[interval].as_u64().unwrap();
    assert!((175..=181).contains(&of("10000")), "{intervals:?}");
    assert!((1790..=1805).contains(&of("1000")), "{intervals:?}");
    assert_eq!(summary["history"]["gaps"], 0);
    assert_eq!(summary["history"]["covered_ms"], 3_599_000);
    // Two minutes at 92 % are seen either way; seven seconds at 95 % fall between two summaries or not.
    let fired: Vec<u64> = host
        .transitions()
        .iter()
        .filter(|told| told.1 == 1001 && told.2.starts_with("firing"))
        .map(|told| told.0 / 1000 / 600)
        .collect();
    assert!((0..6).all(|period| fired.contains(&period)), "{fired:?}");

    // A hole in the middle is filled likewise.
    let mut host = Host::new();
    let loses =
        |stream: Stream, second: u64| stream == Stream::History && (600..900).contains(&second);
    host.runs(1, 0..1800, &loses);
    host.memory_file();
    let (summary, _) = host.summary();
    assert_eq!(summary["history"]["gaps"], 0, "{summary}");
    assert!(summary["history"]["by_interval"]["10000"].as_u64().unwrap() >= 29);
    assert_eq!(summary["history"]["covered_ms"], 1_799_000);
}

/// Another boot is another clock, also where its uptime is higher than the last of the boot before.
#[test]
fn a_reboot_in_the_middle_starts_timers_anew() {
    let mut host = Host::new();
    // 1001 would fire at second 105: the first boot ends before, the second begins within.
    host.runs(1, 0..103, &nothing);
    host.runs(2, 104..400, &nothing);
    host.memory_file().disk_file(2);
    let fired: Vec<u64> = host
        .transitions()
        .iter()
        .filter(|told| told.1 == 1001 && told.2.starts_with("firing"))
        .map(|told| told.0)
        .collect();
    assert_eq!(
        fired,
        [109_000, 205_000, 305_000],
        "five seconds from the second boot on"
    );
    let (summary, _) = host.summary();
    assert_eq!(summary["history"]["reboots"], 1);
    assert_eq!(summary["history"]["gaps"], 0);
    assert_eq!(summary["history"]["boots"].as_array().unwrap().len(), 2);
    assert_eq!(summary["history"]["boots"][1]["first_uptime_ms"], 104_000);
    // Whichever boot is shorter up comes later all the same.
    let mut host = Host::new();
    host.runs(7, 5000..5200, &nothing);
    host.runs(3, 10..100, &nothing);
    host.memory_file();
    let (summary, _) = host.summary();
    let firsts = [0, 1].map(|boot| summary["history"]["boots"][boot]["first_uptime_ms"].clone());
    assert_eq!(firsts, [json!(5_000_000), json!(10_000)]);
}

/// Days without an agent are a gap: not counted as time, and nothing holds on across them.
#[test]
fn a_gap_of_days_counts_for_nothing() {
    let mut host = Host::new();
    host.runs(1, 0..104, &nothing);
    let later = 3 * 24 * 3600 + 100;
    host.runs(1, later..later + 300, &nothing);
    host.memory_file();
    let (summary, _) = host.summary();
    let history = &summary["history"];
    assert_eq!(history["gaps"], 1);
    assert_eq!(history["longest_gap_ms"], (later - 103) * 1000);
    assert_eq!(history["covered_ms"], (103 + 299) * 1000);
    assert_eq!(history["reboots"], 0);
    let first = host.transitions()[0].clone();
    assert_eq!((first.0, first.1), ((later + 5) * 1000, 1001));
    let words = host.replay(&[]).out;
    assert!(words.contains("1 gap of 2d 23h"), "{words}");
}

/// Wall time orders nothing: a clock that was set within a run is told, and changes no transition.
#[test]
fn a_clock_that_jumps_is_told_and_changes_nothing() {
    let mut host = Host::new();
    host.runs(1, 0..300, &nothing);
    let (mut ring, _) = MemoryRing::open(
        &host.memory,
        identity(0x90, 1),
        at(300),
        anchor(300, WALL_MS + 300_000),
    )
    .unwrap();
    let mut packer: Packer<512> = Packer::new(1000);
    let mut reading = Reading::empty(at(300), WallTime::default(), 9);
    reading.set(Field::CpuBusy, Some(100));
    packer.push(&reading).unwrap();
    let mut buffer = [0; FRAME_BYTES];
    ring.set_anchor(at(300), anchor(300, WALL_MS + 300_000 - 3_600_000))
        .unwrap();
    let frame = encode(Kind::History, at(300), &packer.body().unwrap(), &mut buffer).unwrap();
    ring.append(Stream::History, at(300), frame).unwrap();
    host.memory_file();
    assert_eq!(host.transitions(), host.told);
    let (summary, _) = host.summary();
    let boot = &summary["history"]["boots"][0];
    assert_eq!(boot["clock_moved_ms"], 3_600_000);
    assert_eq!(boot["last_wall_ms"], WALL_MS + 300_000 - 3_600_000);
    let words = host.replay(&[]).out;
    assert!(words.contains("the clock was set by 1h in it"), "{words}");
}

#[test]
fn an_interval_that_is_not_told_is_that_of_the_configuration() {
    let mut host = Host::new();
    host.runs(1, 0..10, &nothing);
    let (mut ring, _) =
        MemoryRing::open(&host.memory, identity(0x90, 1), at(10), anchor(10, WALL_MS)).unwrap();
    let mut packer: Packer<512> = Packer::new(0);
    for second in 10..13 {
        packer
            .push(&Reading::empty(at(second), WallTime::default(), 9))
            .unwrap();
    }
    let mut buffer = [0; FRAME_BYTES];
    let frame = encode(Kind::History, at(10), &packer.body().unwrap(), &mut buffer).unwrap();
    ring.append(Stream::History, at(10), frame).unwrap();
    host.memory_file();
    let (summary, warnings) = host.summary();
    assert_eq!(summary["history"]["by_interval"], json!({ "1000": 13 }));
    assert!(
        warnings.contains("1 frames do not tell the interval"),
        "{warnings}"
    );
}

fn replay_of(folder: &Folder, name: &str, bytes: &[u8], more: &[&str]) -> Ended {
    let config = folder.file("plain.toml", "config_version = 1\n");
    let file = folder.file(name, bytes);
    let [config, file] = [config, file].map(|path| path.display().to_string());
    let words = ["replay", "--against", &config, "--input", &file];
    hansho([&words[..], more].concat())
}

/// A copy that ends in the middle, one that lost its superblocks, one with damage: what is whole is played, the rest is told.
#[test]
fn a_damaged_copy_is_played_as_far_as_it_is_whole() {
    let mut host = Host::new();
    host.runs(1, 0..3600, &nothing);
    let whole = host.memory.to_vec();
    let readings = |ended: &Ended| {
        assert_eq!(ended.code, 0, "{ended:?}");
        json_lines(&ended.out)[0]["history"]["readings"]
            .as_u64()
            .unwrap()
    };
    let all = replay_of(&host.folder, "whole", &whole, &["--json"]);
    assert_eq!(readings(&all), 3600);
    let cut = replay_of(
        &host.folder,
        "cut",
        &whole[..RING_BYTES / 4 * 3 + 5000],
        &["--json"],
    );
    assert!((300..3600).contains(&readings(&cut)));
    assert!(
        cut.err.contains("are no ring's size: it is cut"),
        "{}",
        cut.err
    );
    let mut beheaded = whole.clone();
    beheaded[..2 * 4096].fill(0);
    let beheaded = replay_of(&host.folder, "beheaded", &beheaded, &["--json"]);
    assert_eq!(readings(&beheaded), 3600);
    assert!(
        beheaded.err.contains("no superblock is whole"),
        "{}",
        beheaded.err
    );
    let mut damaged = whole.clone();
    let place = damaged
        .chunks(4096)
        .position(|block| block.starts_with(b"HNSB") && block[5] == 3)
        .unwrap();
    damaged[place * 4096 + 300] ^= 0xFF;
    let damaged = replay_of(&host.folder, "damaged", &damaged, &["--json"]);
    assert!(readings(&damaged) < 3600);
    assert!(
        damaged.err.contains("1 blocks are damaged"),
        "{}",
        damaged.err
    );
}

/// A deterministic rain of bytes: it always ends, with an answer or a reason.
#[test]
fn noise_never_ends_it_badly() {
    let mut host = Host::new();
    host.runs(1, 0..600, &nothing);
    let whole = host.memory.to_vec();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..20 {
        let mut bytes = whole.clone();
        for _ in 0..60 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let place = usize::try_from(state >> 33).unwrap() % bytes.len();
            bytes[place] = state.to_le_bytes()[3];
        }
        let ended = replay_of(&host.folder, "noisy", &bytes, &["--transitions"]);
        assert!([0, 1].contains(&ended.code), "{ended:?}");
    }
}

#[test]
fn rings_of_which_nothing_can_be_read_say_why() {
    let folder = Folder::new();
    // One that nobody wrote to yet.
    let memory = HeapMemory::zeroed(RING_BYTES);
    MemoryRing::open(&memory, identity(1, 1), at(0), anchor(0, WALL_MS)).unwrap();
    let empty = memory.to_vec();
    let ended = replay_of(&folder, "empty", &empty, &[]);
    assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{ended:?}");
    assert!(ended.err.contains("no reading in it"), "{}", ended.err);

    let mut later = empty.clone();
    for block in later
        .chunks_mut(4096)
        .filter(|block| block.starts_with(b"HNSB"))
    {
        block[4] = 9;
    }
    let ended = replay_of(&folder, "later", &later, &[]);
    assert_eq!(ended.code, 76, "{ended:?}");
    let words = "a ring in version 9 of the format; this program reads version 1";
    assert!(ended.err.contains(words), "{}", ended.err);

    let mut broken = empty;
    for block in broken
        .chunks_mut(4096)
        .filter(|block| block.starts_with(b"HNSB"))
    {
        block[20] ^= 1;
    }
    let ended = replay_of(&folder, "broken", &broken, &[]);
    assert_eq!(ended.code, 76, "{ended:?}");
    assert!(
        ended.err.contains("no whole block of a ring"),
        "{}",
        ended.err
    );

    // Where the present configuration has its rings, and they are none.
    let host = Host::new();
    assert_eq!(host.replay(&[]).code, 66);
    host.folder.file(MEMORY_FILE, vec![0; RING_BYTES]);
    let ended = host.replay(&[]);
    assert_eq!(ended.code, 76, "{ended:?}");
    assert!(
        ended.err.contains(MEMORY_FILE) && ended.err.contains(DISK_FILE),
        "{}",
        ended.err
    );
    assert!(Path::new(&host.folder.path().join(MEMORY_FILE)).exists());
}
