//! `hansho top`, on a tree and on rings that this test writes in place of a host and its agent.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod cli_common;
mod scout_common;

use cli_common::{Folder, hansho, json_lines};
use hansho::clock::{Anchor, Uptime, WallTime};
use hansho::frame::{AgentId, BootId, RunId, Stream};
use hansho::machine::{Input, Journal, Machine, Settings};
use hansho::sample::inventory::boot_id;
use hansho::sample::{Memory, Sample};
use hansho::spool::files::MEMORY_FILE;
use hansho::spool::heap::HeapMemory;
use hansho::spool::{Identity, MemoryRing};
use hansho::{config, sys};
use scout_common::{Fake, Tree};
use std::fs;
use std::path::Path;

const ID: &str = "3f4e5a6b7c8d9e0f3f4e5a6b7c8d9e0f3f4e5a6b7c8d9e0f3f4e5a6b7c8d9e0f";

/// The captured host of tests/trees, with some processes beside.
fn host() -> Tree {
    let tree = Tree::new();
    let captured = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees/linux-6.18/proc");
    for name in ["meminfo", "stat", "loadavg", "vmstat"] {
        fs::copy(captured.join(name), tree.path(name)).unwrap();
    }
    for folder in ["pressure", "sys/kernel"] {
        fs::create_dir_all(tree.path(folder)).unwrap();
    }
    for name in [
        "pressure/cpu",
        "pressure/memory",
        "pressure/io",
        "sys/kernel/hostname",
    ] {
        fs::copy(captured.join(name), tree.path(name)).unwrap();
    }
    // This host has no swap; here some of it is used.
    let meminfo = fs::read_to_string(tree.path("meminfo")).unwrap();
    let with_swap: String = meminfo
        .lines()
        .map(|line| match line.split_once(':') {
            Some(("SwapTotal", _)) => "SwapTotal:       2097148 kB\n".into(),
            Some(("SwapFree", _)) => "SwapFree:        1048572 kB\n".into(),
            _ => format!("{line}\n"),
        })
        .collect();
    fs::write(tree.path("meminfo"), with_swap).unwrap();
    let pages = |kib: u64| kib * 1024 / u64::try_from(rustix::param::page_size()).unwrap();
    let process = |pid, name: &[u8], kib: u64, swap_kib, cgroup: &str| {
        let fake = Fake {
            name,
            resident_pages: pages(kib + 400),
            shared_pages: pages(400),
            swap_kib,
            cgroup,
            ..Fake::default()
        };
        tree.process(pid, &fake);
    };
    process(1, b"systemd", 4_000, 0, "0::/init.scope\n");
    process(700, b"nginx", 60_000, 0, "0::/system.slice/nginx.service\n");
    process(
        701,
        b"nginx",
        90_000,
        512,
        "0::/system.slice/nginx.service\n",
    );
    process(
        4711,
        b"java",
        3_500_000,
        1_000_000,
        "0::/system.slice/shop.service\n",
    );
    let docker = format!("0::/system.slice/docker-{ID}.scope\n");
    process(4712, b"postgres", 820_000, 0, &docker);
    process(9000, b"evil\x1b[31m\n(a) R", 5_000, 0, "0::/\n");
    let long = "0::/system.slice/a-service-with-a-name-that-is-far-too-long-for-a-line-of-a-terminal.service\n";
    process(9001, b"long-name-of-15", 900, 0, long);
    tree
}

fn config(folder: &Folder) -> String {
    let path = folder.path().display();
    let text = format!(
        "config_version = 1\n[spool]\ndirectory = \"{path}\"\nmemory_directory = \"{path}\"\n\
         [[rule]]\ncode = 1002\nraise_after = \"0s\"\ngate = \"none\"\n"
    );
    folder.file("agent.toml", text).display().to_string()
}

fn top(root: &Path, config: &str, more: &[&str]) -> cli_common::Ended {
    let root = root.display().to_string();
    let mut words = vec![
        "top", "--once", "--for", "200ms", "--root", &root, "--config", config,
    ];
    words.extend(more);
    hansho(words)
}

/// What differs from run to run: the time, and how long the looks were apart.
fn steady(out: &str) -> String {
    let mut lines: Vec<String> = out.lines().map(str::to_owned).collect();
    let (host, rest) = lines[0].split_once(", ").unwrap();
    assert!(rest.contains(" UTC, up ") && rest.ends_with(" s"), "{rest}");
    lines[0] = format!("{host}, TIME");
    for line in &mut lines {
        if let Some((before, after)) = line.split_once("the 0.")
            && let Some((_, after)) = after.split_once(" s ")
        {
            *line = format!("{before}the TIME {after}");
        }
        assert!(line.chars().count() <= 80, "{line}");
    }
    lines.join("\n") + "\n"
}

#[test]
fn the_layout() {
    let (tree, folder) = (host(), Folder::new());
    let ended = top(tree.root(), &config(&folder), &[]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/top.txt");
    if std::env::var_os("HANSHO_GOLDEN").is_some() {
        fs::write(&golden, steady(&ended.out)).unwrap();
    }
    assert_eq!(steady(&ended.out), fs::read_to_string(golden).unwrap());
    // Nothing of the host's moves the cursor or colours.
    assert!(!ended.out.contains('\x1b'));
}

#[test]
fn the_object() {
    let (tree, folder) = (host(), Folder::new());
    let ended = top(tree.root(), &config(&folder), &["--json"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let seen = &json_lines(&ended.out)[0];
    assert_eq!(seen["agent"]["known"], true);
    assert_eq!(seen["agent"]["running"], false);
    assert!(seen["over_ms"].as_u64().unwrap() >= 200);
    assert_eq!(seen["processes"]["seen"], 7);
    assert_eq!(seen["processes"]["read"], 7);
    assert_eq!(seen["processes"]["hidden"], false);
    assert_eq!(seen["sample"]["memory"]["swap_used_kib"], 1_048_576);
    let first = &seen["suspects"]["memory"][0];
    assert_eq!(first["pid"], 4711);
    assert_eq!(first["name"], "java");
    assert_eq!(first["memory_kib"], 3_500_000);
    assert_eq!(first["swap_kib"], 1_000_000);
    assert_eq!(first["cpu_permille"], 0);
    assert_eq!(first["growth_kib"], 0);
    assert_eq!(first["unit"], "shop.service");
    assert_eq!(seen["suspects"]["memory"][1]["container"], "3f4e5a6b7c8d");
    assert_eq!(seen["suspects"]["swap"].as_array().unwrap().len(), 2);
    assert_eq!(seen["suspects"]["growth"].as_array().unwrap().len(), 0);
    let hostile = &seen["suspects"]["memory"][4];
    assert_eq!(hostile["name"], "evil\u{1b}[31m\n(a) R");
    assert!(hostile["unit"].is_null());
    let nginx = &seen["units"][2];
    assert_eq!(nginx["unit"], "nginx.service");
    assert_eq!(nginx["processes"], 2);
    assert_eq!(nginx["memory_kib"], 150_000);
    for key in [
        "parent",
        "start_ticks",
        "threads",
        "uid",
        "oom_score_adj",
        "growth_over_ms",
    ] {
        assert!(first[key].is_number(), "{key}");
    }
}

struct Recorder<'r, M: hansho::spool::Memory>(&'r mut MemoryRing<M>);

impl<M: hansho::spool::Memory> Journal for Recorder<'_, M> {
    fn record(&mut self, stream: Stream, uptime: Uptime, frame: &[u8]) {
        self.0.append(stream, uptime, frame).unwrap();
    }
    fn say(&mut self, _: &str) {}
}

/// The ring of an agent that saw 1 % of memory left: 1002 fires, and others are pending.
fn ring(config: &str) -> Vec<u8> {
    let memory = HeapMemory::zeroed(256 * 1024);
    let now = sys::uptime();
    let identity = Identity {
        agent: AgentId(1),
        run: RunId(0x22),
        boot: BootId(boot_id(Path::new("/")).unwrap()),
        ring: 7,
        run_number_floor: 4,
    };
    let anchor = Anchor {
        uptime: now,
        wall: WallTime::from_millis(1),
        ..Anchor::default()
    };
    let (mut ring, _) = MemoryRing::open(&memory, identity, now, anchor).unwrap();
    let plan = config::parse(&fs::read_to_string(config).unwrap(), "test").unwrap();
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
    let sample = Sample {
        uptime: now,
        memory: Memory {
            total_kib: Some(1_024_000),
            available_kib: Some(10_240),
            ..Memory::default()
        },
        ..Sample::default()
    };
    machine.step(now, Input::Recorded(&sample), &mut Recorder(&mut ring));
    let mut buffer = vec![0; hansho::limit::CHECKPOINT_BYTES];
    let bytes = machine.checkpoint(&mut buffer).unwrap();
    ring.checkpoint(now, bytes).unwrap();
    memory.to_vec()
}

#[test]
fn what_fires_and_what_is_pending_stands_above() {
    let (tree, folder) = (host(), Folder::new());
    let config = config(&folder);
    folder.file(MEMORY_FILE, ring(&config));
    let ended = top(tree.root(), &config, &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let lines: Vec<&str> = ended.out.lines().collect();
    let with = |head: &str| lines.iter().find(|line| line.starts_with(head)).copied();
    assert_eq!(
        with("agent"),
        Some("agent      does not run (ended without goodbye)")
    );
    let firing = with("FIRING     HNS1002-E for ").unwrap();
    assert!(
        firing.ends_with(", 990MiB, memory used critical"),
        "{firing}"
    );
    assert!(with("pending    HNS1001-W for ").is_some(), "{}", ended.out);
    assert_eq!(with("alerts"), None);
    let ended = top(tree.root(), &config, &["--json"]);
    let seen = &json_lines(&ended.out)[0];
    assert_eq!(seen["agent"]["open"][0]["code"], 1002);
    assert_eq!(seen["agent"]["pending"][0]["code"], 1001);
}

#[test]
fn this_host_is_shown_with_ourselves_in_it() {
    let ended = hansho(["top", "--once", "--json", "--for", "200ms"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let seen = &json_lines(&ended.out)[0];
    assert!(seen["processes"]["read"].as_u64().unwrap() >= 2);
    assert!(!seen["suspects"]["memory"].as_array().unwrap().is_empty());
    assert!(seen["sample"]["cpu"]["busy_permille"].is_number());
}

#[test]
fn what_it_is_asked_wrongly() {
    let live = hansho(["top"]);
    assert_eq!(live.code, 64);
    assert!(
        live.err.contains("does not exist yet: add --once"),
        "{}",
        live.err
    );
    for (code, words) in [
        (64, &["top", "--once", "--for", "100ms"][..]),
        (64, &["top", "--once", "--for", "2m"]),
        (64, &["top", "--once", "extra"]),
        (66, &["top", "--once", "--root", "/nonexistent"]),
        (66, &["top", "--once", "--config", "/nonexistent"]),
    ] {
        let ended = hansho(words);
        assert_eq!(ended.code, code, "{words:?}: {ended:?}");
    }
}
