//! The collector on this host, over TLS, with a token to ask it; and the disk of an agent of its.

use crate::authority::issue;
use crate::machine::{given, make_disk};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The agent's name at the collector.
pub(crate) const AGENT: &str = "guest";
/// Whose it is.
const SYSTEM: &str = "mirai/order";
/// How the guest reaches this host: QEMU's user network leads this address to its loopback.
const HOST: &str = "10.0.2.2";
/// Software emulation on a loaded machine is slow; nothing is timed by this.
const PATIENCE: Duration = Duration::from_secs(300);

/// Waits for something that must come.
pub(crate) fn until<T>(what: &str, patience: Duration, mut found: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(started.elapsed() < patience, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A collector with one agent; killed when it is dropped.
pub(crate) struct Site {
    /// Of the scenario: logs, disks, figures.
    pub(crate) folder: PathBuf,
    child: Child,
    ingest_port: u16,
    pages: String,
    token: String,
    agent: String,
}

fn collector(folder: &Path, words: &[&str]) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_hansho")).with_file_name("hansho-collector");
    let mut command = Command::new(program);
    command
        .arg("--config")
        .arg(folder.join("collector.toml"))
        .args(words);
    command
}

fn said(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// An authority, and a certificate for the collector as the guest calls it.
fn certificates(folder: &Path) {
    let made = issue(&[HOST, "127.0.0.1"]);
    fs::write(folder.join("ca.pem"), made.authority).unwrap();
    fs::write(folder.join("server.pem"), made.certificate).unwrap();
    fs::write(folder.join("server.key"), made.key).unwrap();
}

impl Site {
    /// Starts one in the scenario's folder, with further tables of its configuration.
    pub(crate) fn start(scenario: &str, tables: &str) -> Self {
        let folder = given("HANSHO_GUEST_FOLDER").join(scenario);
        fs::create_dir_all(&folder).unwrap();
        certificates(&folder);
        fs::write(
            folder.join("collector.toml"),
            format!(
                "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\ncertificate = \"server.pem\"\nkey = \"server.key\"\n\
                 [pages]\nlisten = \"127.0.0.1:0\"\n[store]\ndirectory = \"store\"\n{tables}"
            ),
        )
        .unwrap();
        let key = folder.join("agent.key");
        said(
            collector(
                &folder,
                &["agent", "add", AGENT, "--system", SYSTEM, "--key-file"],
            )
            .arg(&key),
        );
        let token = said(&mut collector(
            &folder,
            &["token", "add", "scenario", "--role", "viewer"],
        ));
        let log = fs::File::create(folder.join("collector.log")).unwrap();
        let mut child = collector(&folder, &["serve"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let rest = line.strip_prefix("listening ingest=127.0.0.1:").unwrap();
        let (port, pages) = rest.trim_end().split_once(" pages=").unwrap();
        let mut site = Self {
            folder,
            child,
            ingest_port: port.parse().unwrap(),
            pages: pages.to_owned(),
            token: token.trim_end().to_owned(),
            agent: String::new(),
        };
        let agents = site.ask("/api/v1/agents");
        site.agent = text(&agents["items"][0]["agent"]).to_owned();
        site
    }

    /// A disk with agent, key and configuration; `tables` are further lines of agent.toml.
    pub(crate) fn disk(&self, forward: &str, tables: &str) -> PathBuf {
        let content = self.folder.join("disk");
        let own = content.join("hansho");
        fs::create_dir_all(&own).unwrap();
        let agent = given("HANSHO_GUEST_AGENT");
        for program in ["hansho", "hanshod"] {
            fs::copy(agent.join(program), own.join(program)).unwrap();
        }
        for file in ["agent.key", "ca.pem"] {
            fs::copy(self.folder.join(file), own.join(file)).unwrap();
        }
        fs::write(own.join("machine-id"), "5f0c1a2b3c4d5e6f708192a3b4c5d6e7\n").unwrap();
        fs::write(
            own.join("agent.toml"),
            format!(
                "config_version = 1\n[agent]\nkey_file = \"/disk/hansho/agent.key\"\n[spool]\ndirectory = \"/disk/spool\"\n\
                 [forward]\nurls = [\"https://{HOST}:{}/\"]\nca_file = \"/disk/hansho/ca.pem\"\n{forward}\n{tables}",
                self.ingest_port
            ),
        )
        .unwrap();
        let disk = self.folder.join("disk.qcow2");
        make_disk(&content, &disk, "64M");
        disk
    }

    /// What the collector's API answers.
    pub(crate) fn ask(&self, path: &str) -> Value {
        let answer = self.get(path).unwrap_or_else(|error| {
            let log = fs::read_to_string(self.folder.join("collector.log")).unwrap_or_default();
            panic!("{path}: {error}\n{log}")
        });
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{path}: {answer}");
        serde_json::from_str(body).unwrap()
    }

    fn get(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(&self.pages)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
            self.pages, self.token
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// All pages of a list.
    fn list(&self, path: &str) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.ask(&format!("{path}?limit=500{cursor}"));
            all.extend(page["items"].as_array().unwrap().clone());
            match &page["next"] {
                Value::Null => return all,
                next => cursor = format!("&cursor={}", word(next)),
            }
        }
    }

    /// All alerts, tests too, the oldest first.
    pub(crate) fn alerts(&self) -> Vec<Value> {
        let mut all = self.list("/api/v1/alerts");
        all.sort_by_key(|alert| alert["stored_ms"].as_u64());
        all
    }

    /// Alerts of a code that are no tests, the oldest first.
    pub(crate) fn of(&self, code: u64) -> Vec<Value> {
        let mut all = self.alerts();
        all.retain(|alert| alert["code"] == code && alert["test"] == false);
        all
    }

    /// What is known of an alert's cause.
    pub(crate) fn cause(&self, alert: &Value) -> Value {
        self.ask(&format!("/api/v1/alerts/{}/cause", text(&alert["alert"])))
    }

    /// Whether the agent is there, and what is known of it.
    pub(crate) fn presence(&self) -> Value {
        self.ask(&format!("/api/v1/agents/{}/presence", self.agent))
    }

    /// The agent as the collector knows it.
    pub(crate) fn known(&self) -> Value {
        self.ask(&format!("/api/v1/agents/{}", self.agent))
    }

    pub(crate) fn losses(&self) -> Vec<Value> {
        self.list(&format!("/api/v1/agents/{}/losses", self.agent))
    }

    pub(crate) fn readings(&self) -> Vec<Value> {
        let listed = said(&mut collector(&self.folder, &["readings", AGENT, "--json"]));
        listed
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Frames as they are stored: run, stream, sequence, with kind, length and when they came.
    pub(crate) fn frames(&self) -> BTreeSet<Frame> {
        let listed = said(&mut collector(&self.folder, &["frames", AGENT, "--json"]));
        let mut frames = BTreeSet::new();
        for line in listed.lines() {
            let frame: Value = serde_json::from_str(line).unwrap();
            let number = |name: &str| frame[name].as_u64().unwrap();
            let new = frames.insert(Frame {
                run: text(&frame["run"]).to_owned(),
                stream: number("stream"),
                sequence: number("sequence"),
                kind: text(&frame["kind"]).to_owned(),
                received_ms: number("received_ms"),
                bytes: number("bytes"),
            });
            assert!(new, "stored twice: {frame}");
        }
        frames
    }

    /// Frames that came again, or were another machine's under the same name and number.
    pub(crate) fn duplicates(&self) -> Value {
        let stats = said(&mut collector(&self.folder, &["stats", "--json"]));
        let stats: Value = serde_json::from_str(&stats).unwrap();
        stats["duplicates"].clone()
    }

    /// Waits until the agent is there and the sweep has judged.
    pub(crate) fn wait_until_present(&self) {
        until("the agent is present", PATIENCE, || {
            (self.presence()["standing"] == "present" && self.known()["host"] == "guest")
                .then_some(())
        });
    }

    /// Codes that the collector itself raised, in order, each once.
    pub(crate) fn own_codes(&self) -> BTreeSet<u64> {
        self.alerts()
            .iter()
            .filter_map(|alert| alert["code"].as_u64())
            .filter(|code| *code >= 9000)
            .collect()
    }

    /// Nothing is stored twice, nothing is missing that no Loss names, and each run begins at 0.
    pub(crate) fn check_whole(&self) -> Value {
        let frames = self.frames();
        let losses = self.losses();
        let mut before: Option<&Frame> = None;
        for frame in &frames {
            let expected = match before {
                Some(last) if (&last.run, last.stream) == (&frame.run, frame.stream) => {
                    last.sequence + 1
                }
                _ => 0,
            };
            assert!(
                frame.sequence == expected
                    || (expected..frame.sequence).all(|sequence| {
                        losses.iter().any(|loss| loss_has(loss, frame, sequence))
                    }),
                "missing without a word before {frame:?}: {losses:?}"
            );
            before = Some(frame);
        }
        let runs: BTreeSet<&str> = frames.iter().map(|frame| frame.run.as_str()).collect();
        json!({ "frames": frames.len(), "runs": runs.len(), "losses": losses.len() })
    }

    /// Stores what was seen, and all alerts with their causes beside it.
    pub(crate) fn write_down(&self, seen: &Value) {
        let alerts: Vec<Value> = self
            .alerts()
            .into_iter()
            .map(|alert| {
                let cause = self.cause(&alert);
                json!({ "alert": alert, "cause": cause })
            })
            .collect();
        let alerts = serde_json::to_string_pretty(&alerts).unwrap();
        fs::write(self.folder.join("alerts.json"), alerts).unwrap();
        fs::write(self.folder.join("seen.json"), seen.to_string()).unwrap();
    }
}

/// A stored frame; ordered by run, stream, sequence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Frame {
    pub(crate) run: String,
    pub(crate) stream: u64,
    pub(crate) sequence: u64,
    pub(crate) kind: String,
    pub(crate) received_ms: u64,
    pub(crate) bytes: u64,
}

fn loss_has(loss: &Value, frame: &Frame, sequence: u64) -> bool {
    let number = |name: &str| loss[name].as_u64().unwrap();
    loss["run"] == frame.run.as_str()
        && number("stream") == frame.stream
        && (number("first")..=number("last")).contains(&sequence)
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(15) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn word(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
