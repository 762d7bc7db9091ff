//! `hansho status`, on rings that this test writes in place of an agent.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod cli_common;

use cli_common::{Ended, Folder, hansho, json_lines};
use hansho::clock::{Anchor, Uptime, WallTime};
use hansho::frame::body::StopReason;
use hansho::frame::{AgentId, BootId, RunId, Stream};
use hansho::keeper::control::{accept, listen_at, receive, tell};
use hansho::limit::MESSAGE_BYTES;
use hansho::machine::{Input, Journal, Machine, Settings};
use hansho::sample::inventory::boot_id;
use hansho::sample::{Memory, Sample};
use hansho::spool::files::MEMORY_FILE;
use hansho::spool::heap::HeapMemory;
use hansho::spool::{Cursor, Identity, MemoryRing};
use hansho::{config, sys};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::path::Path;
use std::thread::JoinHandle;

/// Fires on its first reading; everything else as built in.
fn config(folder: &Folder) -> String {
    let path = folder.path().display();
    format!(
        "config_version = 1\n[spool]\ndirectory = \"{path}\"\nmemory_directory = \"{path}\"\n\
         [[rule]]\ncode = 1002\nraise_after = \"0s\"\ngate = \"none\"\n"
    )
}

/// Appends to the ring.
struct Recorder<'r, M: hansho::spool::Memory>(&'r mut MemoryRing<M>);

impl<M: hansho::spool::Memory> Journal for Recorder<'_, M> {
    fn record(&mut self, stream: Stream, uptime: Uptime, frame: &[u8]) {
        self.0.append(stream, uptime, frame).unwrap();
    }
    fn say(&mut self, _: &str) {}
}

fn low(uptime: Uptime) -> Sample {
    Sample {
        uptime,
        memory: Memory {
            total_kib: Some(1_024_000),
            available_kib: Some(10_240),
            ..Memory::default()
        },
        ..Sample::default()
    }
}

/// What an agent would have left: an alert fired before or after the checkpoint, and the last of it acknowledged or not.
fn ring(config: &str, boot: u64, checkpoint_last: bool, goodbye: bool) -> Vec<u8> {
    let memory = HeapMemory::zeroed(256 * 1024);
    let now = sys::uptime();
    let identity = Identity {
        agent: AgentId(1),
        run: RunId(0x22),
        boot: BootId(boot),
        ring: 7,
        run_number_floor: 4,
    };
    let anchor = Anchor {
        uptime: now,
        wall: WallTime::from_millis(1),
        ..Anchor::default()
    };
    let (mut ring, _) = MemoryRing::open(&memory, identity, now, anchor).unwrap();
    let plan = config::parse(config, "test").unwrap();
    let rules = plan
        .rules
        .iter()
        .map(|effective| effective.rule.clone())
        .collect();
    let settings = Settings {
        sample_interval_ms: 1000,
        counters_interval_ms: 5000,
        report_interval_ms: 10_000,
        forwards: false,
    };
    let mut machine = Machine::new(settings, rules).unwrap();
    let mut buffer = vec![0; hansho::limit::CHECKPOINT_BYTES];
    let mut keep = |machine: &Machine, ring: &mut MemoryRing<&HeapMemory>| {
        let bytes = machine.checkpoint(&mut buffer).unwrap();
        ring.checkpoint(now, bytes).unwrap();
    };
    if !checkpoint_last {
        keep(&machine, &mut ring);
    }
    let sample = low(now);
    machine.step(now, Input::Recorded(&sample), &mut Recorder(&mut ring));
    if checkpoint_last {
        keep(&machine, &mut ring);
    }
    if goodbye {
        let stop = Input::Stop {
            reason: StopReason::Ordered,
        };
        machine.step(now, stop, &mut Recorder(&mut ring));
    }
    memory.to_vec()
}

fn this_boot() -> u64 {
    boot_id(Path::new("/")).unwrap()
}

fn status(folder: &Folder) -> Ended {
    let config = folder
        .file("agent.toml", config(folder))
        .display()
        .to_string();
    hansho(["status", "--json", "--config", &config])
}

#[test]
fn an_agent_that_holds_its_lock_runs() {
    let folder = Folder::new();
    let path = folder.file(
        MEMORY_FILE,
        ring(&config(&folder), this_boot(), true, false),
    );
    let file = File::open(&path).unwrap();
    flock(&file, FlockOperation::LockExclusive).unwrap();
    let ended = status(&folder);
    assert_eq!(ended.code, 0, "{ended:?}");
    let told = &json_lines(&ended.out)[0];
    assert_eq!(
        (&told["running"], &told["because"]),
        (&true.into(), &"lock_held".into())
    );
    assert_eq!(told["run"], "0000000000000022");
    assert_eq!(told["run_number"], 5);
    assert_eq!(told["processes"][0]["pid"], std::process::id());
    assert!(told["processes"][0]["resident_kib"].as_u64() > Some(0));
    assert_eq!(told["open"].as_array().unwrap().len(), 1);
    assert_eq!(told["open"][0]["display"], "HNS1002-E");
    assert_eq!(told["open"][0]["episode"], 1);
    assert_eq!(told["open"][0]["value"], 1_013_760);
    assert_eq!(told["streams"][0]["not_acknowledged"], 1);
    assert_eq!(told["memory_ring"]["state"], "ok");
    assert_eq!(told["disk_ring"]["state"], "missing");
    // Not just closed: a program that another test starts at this moment holds a copy of it.
    flock(&file, FlockOperation::Unlock).unwrap();
    let told = &json_lines(&status(&folder).out)[0];
    assert_eq!(
        (&told["running"], &told["because"]),
        (&false.into(), &"ended_without_goodbye".into())
    );
}

/// A transition that the checkpoint does not include outranks it, and one of an earlier boot is still open.
#[test]
fn what_is_open_survives_checkpoint_and_boot() {
    for (boot, checkpoint_last) in [
        (this_boot(), false),
        (!this_boot(), true),
        (!this_boot(), false),
    ] {
        let folder = Folder::new();
        folder.file(
            MEMORY_FILE,
            ring(&config(&folder), boot, checkpoint_last, false),
        );
        let ended = status(&folder);
        assert_eq!(ended.code, 69);
        let told = &json_lines(&ended.out)[0];
        assert_eq!(told["open"][0]["code"], 1002, "{told}");
        let same = boot == this_boot();
        assert_eq!(told["last_sign_ms_ago"].is_u64(), same, "{told}");
        let because = if same {
            "ended_without_goodbye"
        } else {
            "nothing_written_in_this_boot"
        };
        assert_eq!(told["because"], because);
    }
}

#[test]
fn a_goodbye_is_a_stop_in_order() {
    let folder = Folder::new();
    folder.file(MEMORY_FILE, ring(&config(&folder), this_boot(), true, true));
    let ended = status(&folder);
    assert_eq!(ended.code, 69);
    assert_eq!(json_lines(&ended.out)[0]["because"], "stopped_in_order");
}

#[test]
fn what_was_acknowledged_is_not_counted() {
    let folder = Folder::new();
    let bytes = ring(&config(&folder), this_boot(), true, false);
    let memory = HeapMemory::copied(&bytes);
    let identity = Identity {
        agent: AgentId(1),
        run: RunId(0x33),
        boot: BootId(this_boot()),
        ring: 7,
        run_number_floor: 0,
    };
    let (mut next, recovered) =
        MemoryRing::open(&memory, identity, sys::uptime(), Anchor::default()).unwrap();
    let cursor = Cursor {
        run_number: recovered.run_number,
        run: RunId(0x33),
        next_sequence: 0,
    };
    next.set_cursor(sys::uptime(), Stream::Alerts, cursor)
        .unwrap();
    folder.file(MEMORY_FILE, memory.to_vec());
    let told = &json_lines(&status(&folder).out)[0];
    assert_eq!(told["streams"][0]["held"], 1);
    assert_eq!(
        told["streams"][0]["not_acknowledged"], 0,
        "an earlier run is closed"
    );
    assert!(told["cursors_as_of_uptime_ms"].is_u64());
}

/// A run that was overwritten before it was acknowledged, and what the collector said since.
#[test]
fn what_departed_unacknowledged_is_told_until_the_collector_has_answered_for_it() {
    let folder = Folder::new();
    let bytes = ring(&config(&folder), this_boot(), true, false);
    let memory = HeapMemory::copied(&bytes);
    let identity = Identity {
        agent: AgentId(1),
        run: RunId(0x33),
        boot: BootId(this_boot()),
        ring: 7,
        run_number_floor: 0,
    };
    let now = sys::uptime();
    let (mut next, recovered) =
        MemoryRing::open(&memory, identity, now, Anchor::default()).unwrap();
    folder.file(MEMORY_FILE, memory.to_vec());
    let told = |folder: &Folder| json_lines(&status(folder).out)[0]["departed"].clone();
    assert_eq!(told(&folder), serde_json::json!([]), "it is held");
    // No frame of any kind, and as large as one may be: it takes the blocks of the run before.
    for _ in 0..64 {
        next.append(Stream::Alerts, now, &[0xEE; 3900]).unwrap();
    }
    folder.file(MEMORY_FILE, memory.to_vec());
    let gone = |settled: bool| {
        serde_json::json!([{
            "run": "0000000000000022", "run_number": 5, "stream": "alerts", "first_unsent": 0, "next": 1,
            "settled": settled
        }])
    };
    assert_eq!(told(&folder), gone(false));
    let words = |language: &str| {
        let config = folder.path().join("agent.toml").display().to_string();
        hansho(["status", "--lang", language, "--config", &config]).out
    };
    let wanted = [
        (
            "en",
            "overwritten before it was acknowledged: run 0000000000000022, number 5: alerts, 1 records;",
        ),
        (
            "ja",
            "収集サーバの応答前に上書き: 起動(run) 0000000000000022(番号 5)のアラートの記録 1 件",
        ),
    ];
    for (language, wanted) in wanted {
        let words = words(language);
        assert!(words.contains(wanted), "{wanted}: {words}");
    }
    // The collector wants something of the run after it: it has answered for that one.
    let cursor = Cursor {
        run_number: recovered.run_number,
        run: RunId(0x33),
        next_sequence: 0,
    };
    next.set_cursor(now, Stream::Alerts, cursor).unwrap();
    folder.file(MEMORY_FILE, memory.to_vec());
    assert_eq!(told(&folder), gone(true));
    assert!(!words("en").contains("overwritten"));
}

#[test]
fn no_ring_and_noise_are_told() {
    let folder = Folder::new();
    let told = |folder: &Folder| json_lines(&status(folder).out)[0]["memory_ring"]["state"].clone();
    assert_eq!(told(&folder), "missing");
    folder.file(MEMORY_FILE, [0xA5; 256 * 1024]);
    assert_eq!(told(&folder), "no_superblock");
    folder.file(MEMORY_FILE, "short");
    assert_eq!(told(&folder), "no_ring");
    folder.file(MEMORY_FILE, "");
    assert_eq!(told(&folder), "no_ring");
    let ended = hansho([
        "status",
        "--config",
        &folder.path().join("agent.toml").display().to_string(),
    ]);
    assert_eq!(ended.code, 69);
    assert!(ended.out.starts_with("agent: not running"), "{}", ended.out);
}

/// A keeper that answers one request, and gives back what it was.
fn keeper(folder: &Folder, answer: &'static str) -> JoinHandle<String> {
    let listener = listen_at(&folder.path().join("control.sock")).unwrap();
    std::thread::spawn(move || {
        loop {
            poll(&mut [PollFd::new(&listener, PollFlags::IN)], None).unwrap();
            let Some(peer) = accept(&listener) else {
                continue;
            };
            poll(&mut [PollFd::new(&peer, PollFlags::IN)], None).unwrap();
            let mut buffer = [0; MESSAGE_BYTES];
            // Whoever only looks whether somebody listens sends nothing.
            if let Some(Ok(length @ 1..)) = receive(&peer, &mut buffer) {
                tell(&peer, answer.as_bytes()).unwrap();
                return String::from_utf8_lossy(&buffer[..length]).into_owned();
            }
        }
    })
}

/// As [`config`], with a collector and a disk ring that the keeper knows to be broken.
fn with_collector(folder: &Folder) -> String {
    let config = format!(
        "{}[forward]\nurls = [\"https://collector.example/\"]\n",
        config(folder)
    );
    folder.file("agent.toml", config).display().to_string()
}

#[test]
fn what_only_the_agent_knows_is_asked_for() {
    let folder = Folder::new();
    folder.file(
        MEMORY_FILE,
        ring(&config(&folder), this_boot(), true, false),
    );
    let config = with_collector(&folder);
    let answer = "ok last_answer_uptime_ms=1 last_answer_wall_ms=1795489087000 last_status=401 last_outcome=refused \
                  posts_failed_in_row=3 lost_readings=12 lost_alerts=2 refused_frames=1 ring_refused=0 \
                  disk_fault_errno=28 disk_faults=7 lines_dropped=5 restarts_watcher=1 restarts_forwarder=-";
    let asked = keeper(&folder, answer);
    let ended = hansho(["status", "--json", "--config", &config]);
    assert_eq!(asked.join().unwrap(), "status");
    assert_eq!(ended.code, 0, "{ended:?}");
    let told = &json_lines(&ended.out)[0];
    assert_eq!(told["because"], "socket_answers");
    assert_eq!(told["last_answer_uptime_ms"], 1);
    assert_eq!(told["last_status"], 401);
    assert_eq!(told["last_outcome"], "refused");
    assert_eq!(told["lost_readings"], 12);
    assert_eq!(told["disk_fault_errno"], 28);
    assert!(told["restarts_forwarder"].is_null());
    let since = told["open"][0]["since_wall_ms"].as_u64().unwrap();
    let now = sys::wall().as_millis();
    assert!(since <= now && now - since < 3_600_000, "{told}");

    let words = |language: &str| {
        let asked = keeper(&folder, answer);
        let ended = hansho(["status", "--lang", language, "--config", &config]);
        asked.join().unwrap();
        ended.out
    };
    let english = words("en");
    for wanted in [
        "(2026-11-24 02:58:07 UTC)",
        "last post: refused, is tried again slowly, last HTTP status 401, 3 failed in a row",
        "lost: 12 readings, 2 alert records",
        "refused by the collector: 1",
        "No space left on device (os error 28), 7 faults",
        "log lines dropped: 5",
        "restarts: watcher 1, forwarder -",
        "episode 1",
        "memory used critical",
    ] {
        assert!(english.contains(wanted), "{wanted}: {english}");
    }
    let japanese = words("ja");
    for wanted in [
        "最後の送信: 拒否された(間隔をあけてやり直す)、最後の HTTP 状態コード 401、3 回続けて失敗",
        "欠落: 計測値 12 件、アラートの記録 2 件",
        "収集サーバが拒否した件数: 1",
        "発生中のアラート: 1",
        "メモリ使用率 危険",
    ] {
        assert!(japanese.contains(wanted), "{wanted}: {japanese}");
    }
}

#[test]
fn an_agent_that_does_not_know_the_question_leaves_it_open() {
    let folder = Folder::new();
    let config = with_collector(&folder);
    let asked = keeper(&folder, "error expected: ping, or test CODE");
    let ended = hansho(["status", "--config", &config]);
    asked.join().unwrap();
    assert_eq!(ended.code, 0);
    let wanted = "last answer of the collector: not known";
    assert!(ended.out.contains(wanted), "{}", ended.out);
    let ended = hansho(["status", "--json", "--config", &config]);
    let told = &json_lines(&ended.out)[0];
    for key in ["last_outcome", "last_status", "lost_alerts", "disk_faults"] {
        assert!(told.as_object().unwrap().contains_key(key) && told[key].is_null());
    }
}

#[test]
fn since_when_is_in_the_table_and_before_this_boot_is_said() {
    for (boot, wanted) in [
        (this_boot(), " UTC "),
        (!this_boot(), "since before this boot"),
    ] {
        let folder = Folder::new();
        folder.file(MEMORY_FILE, ring(&config(&folder), boot, true, false));
        let config = with_collector(&folder);
        let ended = hansho(["status", "--config", &config]);
        let row = ended.out.lines().find(|line| line.contains("HNS1002-E"));
        assert!(row.is_some_and(|row| row.contains(wanted)), "{}", ended.out);
    }
}
