//! The real collector, beside a real agent.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "shared by several tests, each of which uses a part; a test that fails may panic"
)]

mod authority;

use super::process_support::Place;
use authority::issue;
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub const NAME: &str = "web03";

/// The collector's program, built where it is not there yet.
pub fn program() -> PathBuf {
    let agent = Path::new(env!("CARGO_BIN_EXE_hansho"));
    let program = agent.parent().unwrap().join("hansho-collector");
    if !program.exists() {
        let status = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--locked", "--package", "hansho-collector"])
            .status()
            .unwrap();
        assert!(status.success(), "the collector is built");
    }
    program
}

/// A running collector in a folder of its own, which goes with it.
pub struct Collector {
    pub folder: PathBuf,
    process: Child,
    /// `127.0.0.1:PORT`, where agents post.
    pub ingest: String,
}

impl Collector {
    /// With these further lines of `[ingest]`, once `prepare` has put what they name into the folder.
    pub fn start(name: &str, ingest: &str, prepare: impl FnOnce(&Path)) -> Self {
        let folder = format!("hansho-collector-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir(&folder).unwrap();
        prepare(&folder);
        let at = folder.display();
        let config = format!(
            "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n{ingest}\n[pages]\nlisten = \"127.0.0.1:0\"\n\
             [store]\ndirectory = \"{at}/store\"\n"
        );
        fs::write(folder.join("collector.toml"), config).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let mut process = Command::new(program())
            .args(["serve", "--config"])
            .arg(folder.join("collector.toml"))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let said = process.stdout.as_mut().unwrap();
        BufReader::new(said).read_line(&mut line).unwrap();
        let ingest = line
            .strip_prefix("listening ingest=")
            .and_then(|rest| rest.split(' ').next())
            .map(str::to_owned);
        // Made first, so that the process is ended also where it did not say that.
        let mut collector = Self {
            folder,
            process,
            ingest: String::new(),
        };
        collector.ingest = ingest.unwrap_or_else(|| panic!("{line}"));
        collector
    }

    pub fn command(&self, arguments: &[&str]) -> String {
        let output = Command::new(program())
            .args(arguments)
            .arg("--config")
            .arg(self.folder.join("collector.toml"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Adds the agent of a place, and gives it its key.
    pub fn add(&self, place: &Place) {
        let key = place.folder.join("key");
        fs::remove_file(&key).unwrap();
        let key = key.display().to_string();
        self.command(&[
            "agent",
            "add",
            NAME,
            "--system",
            "mirai/order",
            "--key-file",
            &key,
        ]);
    }

    pub fn alerts(&self) -> Vec<Value> {
        let text = self.command(&["alerts", "--all", "--json"]);
        let Value::Array(alerts) = serde_json::from_str(&text).unwrap() else {
            panic!("{text}");
        };
        alerts
    }

    /// One object a line.
    pub fn lines(&self, what: &str) -> Vec<Value> {
        let text = self.command(&[what, NAME, "--json"]);
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub fn stats(&self) -> Value {
        serde_json::from_str(&self.command(&["stats", "--json"])).unwrap()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            eprintln!("the collector said:\n{log}");
        }
        drop(self.process.kill());
        drop(self.process.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// An authority of its own, and a certificate by it for `localhost`.
pub fn certificates(folder: &Path) {
    let made = issue(&["localhost"]);
    fs::write(folder.join("ca.pem"), made.authority).unwrap();
    fs::write(folder.join("collector.pem"), made.certificate).unwrap();
    fs::write(folder.join("collector.key"), made.key).unwrap();
}
