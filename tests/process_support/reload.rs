//! What the tests of reload share: what they ask of a place, and waiting for what a SIGHUP leads to.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by several tests, each of which uses a part; a test that fails may panic"
)]

use super::process_support::{Agent, Place, until};
use hansho::frame::Stream;
use hansho::frame::body::{self, Body, transition_to_u8};
use hansho::keeper::kept::{KEPT_FILE, Kept};
use hansho::rule::TransitionKind;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

pub const CONFIG: &str = r#"
[agent]
[sample]
interval = "50ms"
report_interval = "1s"
[spool]
[forward]
urls = ["http://127.0.0.1:9"]
[[rule]]
code = 1001
raise = "40%"
clear = "35%"
window = "last"
raise_after = "0s"
clear_after = "0s"
gate = "none"
"#;

/// What the tests of this file ask of a place.
pub trait Reloads {
    fn beside(&self, name: &str) -> PathBuf;
    fn add(&self, name: &str, text: &str);
    fn edit(&self, from: &str, to: &str);
    fn status(&self) -> Value;
    fn told(&self, code: u16) -> Vec<(u64, u8)>;
    fn kept(&self) -> Option<Kept>;
    fn config_hashes(&self) -> Vec<u64>;
}

impl Reloads for Place {
    fn beside(&self, name: &str) -> PathBuf {
        self.folder.join("agent.d").join(name)
    }

    /// A file in agent.d, whole or not there.
    fn add(&self, name: &str, text: &str) {
        fs::create_dir_all(self.folder.join("agent.d")).unwrap();
        let new = self.beside("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.beside(name)).unwrap();
    }

    fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(self.config(), text.replace(from, to)).unwrap();
    }

    fn status(&self) -> Value {
        let output = self.command(&["status", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// Run and transition of each alert of a code.
    fn told(&self, code: u16) -> Vec<(u64, u8)> {
        let alerts = self.alerts().into_iter();
        alerts
            .filter(|(_, of, ..)| *of == code)
            .map(|(run, _, transition, _)| (run, transition))
            .collect()
    }

    fn kept(&self) -> Option<Kept> {
        let bytes = fs::read(self.folder.join("disk").join(KEPT_FILE)).ok()?;
        Some(Kept::from_bytes(&bytes).unwrap())
    }

    /// That of the Config frames of each run.
    fn config_hashes(&self) -> Vec<u64> {
        let mut hashes: Vec<(u64, u64)> = Vec::new();
        for (run, _, frame) in self.frames(Stream::Alerts) {
            if let Ok((_, Body::Config(config))) = body::decode(&frame) {
                hashes.push((run, config.config_hash));
            }
        }
        hashes.dedup();
        hashes.into_iter().map(|(_, hash)| hash).collect()
    }
}

pub fn firing() -> u8 {
    transition_to_u8(TransitionKind::Firing)
}

pub fn resolved() -> u8 {
    transition_to_u8(TransitionKind::Resolved)
}

pub fn taken(place: &Place) -> Option<u64> {
    place.status()["in_force"]["taken"].as_u64()
}

pub fn refused(place: &Place) -> Option<String> {
    let status = place.status();
    status["in_force"]["refused"].as_str().map(str::to_owned)
}

/// Has the agent read its configuration, and waits until it took one more.
pub fn reload(place: &Place, agent: &Agent<'_>) {
    let before = until("it answers", || taken(place));
    agent.signal("HUP");
    until("it takes the configuration", || {
        taken(place).filter(|now| *now > before)
    });
}

/// Waits until this many runs have said Hello.
pub fn runs(place: &Place, count: usize) {
    until("another run", || {
        (place.hellos_and_goodbyes().0.len() >= count).then_some(())
    });
}
