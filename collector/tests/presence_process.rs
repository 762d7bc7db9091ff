//! Presence with real processes: an agent that is killed, stopped in order and started again, and a collector that judges it.
//!
//! The agent posts each second, so that a silence is told after the ten seconds that collector.toml may ask for. Everything is
//! waited for by condition.
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho_collector::store::{
    AlertCause, AlertFilter, BackCause, SilenceCause, SqliteStore, Store, StoredAlert,
};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use support::Folder;
use support::serve::until;

const COLLECTOR: &str = env!("CARGO_BIN_EXE_hansho-collector");

/// The agent's programs beside the collector's; `None` where they are not built.
fn agent_program() -> Option<PathBuf> {
    let beside = Path::new(COLLECTOR).parent().unwrap();
    let both = ["hansho", "hanshod"].map(|name| beside.join(name));
    both.iter()
        .all(|path| path.is_file())
        .then(|| both[0].clone())
}

/// A process of this test and all that it started, killed at the end.
struct Running(Child);

impl Running {
    /// The workers that the keeper started.
    fn children(&self) -> Vec<u32> {
        let pid = self.0.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        children
            .split_ascii_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect()
    }

    fn signal(pid: u32, signal: &str) {
        // It may have ended by itself.
        let _ = Command::new("kill")
            .args([signal, &pid.to_string()])
            .stderr(Stdio::null())
            .status();
    }

    /// SIGKILL to the keeper, then to each of its workers.
    fn kill_all(mut self) {
        let workers = self.children();
        self.0.kill().unwrap();
        self.0.wait().unwrap();
        for worker in workers {
            Self::signal(worker, "-KILL");
        }
    }

    fn stop(mut self) {
        Self::signal(self.0.id(), "-TERM");
        until("it ends", || self.0.try_wait().unwrap());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.try_wait().unwrap().is_none() {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }
}

fn collector(here: &Path) -> (Running, String) {
    let mut child = Command::new(COLLECTOR)
        .arg("serve")
        .current_dir(here)
        .stdout(Stdio::piped())
        .stderr(fs::File::create(here.join("collector.log")).unwrap())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let out = child.stdout.take().unwrap();
    BufReader::new(out).read_line(&mut line).unwrap();
    let address = line.split("ingest=").nth(1).unwrap();
    let address = address.split_whitespace().next().unwrap().to_owned();
    (Running(child), address)
}

fn agent(program: &Path, here: &Path) -> Running {
    let log = fs::File::options()
        .create(true)
        .append(true)
        .open(here.join("agent.log"))
        .unwrap();
    let child = Command::new(program)
        .args(["run", "--config"])
        .arg(here.join("agent.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    Running(child)
}

/// What the store has of a code, the oldest first, each with its cause.
fn alerts(here: &Path, code: u16) -> Vec<(StoredAlert, AlertCause)> {
    let store = SqliteStore::open_reader(&here.join("data")).unwrap();
    let mut all = store.alerts(&AlertFilter::default()).unwrap();
    all.retain(|alert| alert.identity.code == code);
    all.sort_by_key(|alert| alert.episode);
    let mut told = Vec::new();
    for alert in all {
        store
            .view(&mut |rows| {
                let cause = rows.cause(alert.id)?.unwrap();
                told.push((alert.clone(), cause));
                Ok(())
            })
            .unwrap();
    }
    told
}

fn heard(here: &Path) -> Option<()> {
    let store = SqliteStore::open_reader(&here.join("data")).unwrap();
    let agents = store.agents().unwrap();
    let agent = agents.first()?;
    // Its Hello is there too: the promise of one second counts.
    let told = agent.inventory.as_ref()?;
    // What was heard before the collector's first look has a longer grace.
    let mut resumed = None;
    store
        .view(&mut |rows| {
            resumed = rows.collector_life()?.resumed;
            Ok(())
        })
        .unwrap();
    (told.post_interval_ms == 1000 && agent.last_seen > Some(resumed?)).then_some(())
}

#[test]
fn killed_back_stopped_in_order_and_back_each_with_its_cause() {
    let Some(program) = agent_program() else {
        eprintln!(
            "passed over: hansho and hanshod are not built beside the collector (cargo build --bins)"
        );
        return;
    };
    let folder = Folder::new("presence-process");
    let here = folder.path();
    fs::write(
        here.join("collector.toml"),
        "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n[pages]\nlisten = \"127.0.0.1:0\"\n\
         [store]\ndirectory = \"data\"\n[presence]\nnotify_after = \"10s\"\n",
    )
    .unwrap();
    let added = Command::new(COLLECTOR)
        .args([
            "agent",
            "add",
            "web03",
            "--system",
            "mirai/order",
            "--key-file",
            "key",
        ])
        .current_dir(here)
        .output()
        .unwrap();
    assert!(added.status.success(), "{added:?}");
    let (collector, address) = collector(here);
    let at = here.display();
    fs::write(
        here.join("agent.toml"),
        format!(
            "config_version = 1\n[agent]\nkey_file = \"{at}/key\"\n[sample]\nreport_interval = \"1s\"\n[spool]\ndirectory = \"{at}/disk\"\n\
             memory_directory = \"/dev/shm/hansho-presence-{}\"\ndisk_size = \"1MiB\"\n\
             [forward]\nurls = [\"http://{address}/\"]\npost_interval = \"1s\"\n",
            std::process::id()
        ),
    )
    .unwrap();

    let first = agent(&program, here);
    until("the agent is heard", || heard(here));
    first.kill_all();
    let (silent, cause) = until("9001", || alerts(here, 9001).pop());
    assert!(silent.firing);
    assert_eq!(cause.silence, Some(SilenceCause::Unknown));
    assert!(silent.value >= Some(10_000));

    let second = agent(&program, here);
    let (_, cause) = until("it is back", || {
        alerts(here, 9001).pop().filter(|(alert, _)| !alert.firing)
    });
    assert_eq!(cause.back, Some(BackCause::AgentRestarted));
    second.stop();
    let (_, cause) = until("9001 again", || alerts(here, 9001).into_iter().nth(1));
    assert_eq!(cause.silence, Some(SilenceCause::StoppedInOrder));

    let third = agent(&program, here);
    until("it is back again", || {
        let second = alerts(here, 9001).into_iter().nth(1);
        second.filter(|(alert, _)| !alert.firing)
    });
    // Nothing else was made of it.
    for code in [9002, 9003, 9004, 9006, 8002] {
        assert_eq!(alerts(here, code), [], "{code}");
    }
    assert_eq!(alerts(here, 9001).len(), 2);
    third.stop();
    collector.stop();
    let _ = fs::remove_dir_all(format!("/dev/shm/hansho-presence-{}", std::process::id()));
}
