//! docs/QUICKSTART.md, run as it stands: its files, its commands, its expected output, and the mail in a real mail server's Maildir.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    clippy::let_underscore_must_use,
    unreachable_pub,
    reason = "a test that fails may panic"
)]

#[path = "../collector/tests/mail_common/mod.rs"]
mod mail_common;

use mail_common::{Postfix, certificate, free_port, parsed};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const DOCUMENT: &str = include_str!("../docs/QUICKSTART.md");

/// Directory of the programs; the collector's is built where it is not there yet.
fn programs() -> PathBuf {
    let agent = Path::new(env!("CARGO_BIN_EXE_hansho"));
    let directory = agent.parent().unwrap().to_path_buf();
    if !directory.join("hansho-collector").exists() {
        let status = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--locked", "--package", "hansho-collector"])
            .status()
            .unwrap();
        assert!(status.success(), "the collector is built");
    }
    directory
}

/// What stands between a mark and the end of its block.
fn blocks<'d>(document: &'d str, from: &str) -> Vec<&'d str> {
    let parts = document.split(from).skip(1);
    parts
        .map(|rest| rest.split("\n```").next().unwrap())
        .collect()
}

/// Whether a line reads as expected; `…` is any text.
fn fits(expected: &str, line: &str) -> bool {
    let mut rest = line;
    let parts: Vec<&str> = expected.split('…').collect();
    for (index, part) in parts.iter().enumerate() {
        let found = if index == 0 {
            rest.starts_with(part).then_some(0)
        } else {
            rest.find(part)
        };
        let Some(at) = found else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty() || expected.ends_with('…')
}

/// A command under way, in a group of its own; all of it is stopped when dropped.
struct Running {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Running {
    fn start(command: &str, folder: &Path, path: &str) -> Self {
        let mut child = Command::new("bash")
            .args(["-c", &format!("exec {command}")])
            .current_dir(folder)
            .env("PATH", path)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        for stream in [
            Box::new(child.stdout.take().unwrap()) as Box<dyn std::io::Read + Send>,
            Box::new(child.stderr.take().unwrap()),
        ] {
            let lines = Arc::clone(&lines);
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    lines.lock().unwrap().push(line);
                }
            });
        }
        Self { child, lines }
    }

    fn said(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // In order: an agent stops its workers itself.
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let begun = Instant::now();
        while self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            if begun.elapsed() > Duration::from_secs(30) {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn six_commands_lead_to_a_mail() {
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        return;
    };
    let folder = std::env::temp_dir().join(format!("hansho-quickstart-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    let memory = Path::new("/dev/shm").join(folder.file_name().unwrap());
    // Only places and ports are other ones: tests run side by side.
    let (ingest, pages) = (free_port().to_string(), free_port().to_string());
    let mail = postfix.port.to_string();
    let here = |text: &str| {
        text.replace("/dev/shm/hansho-try", memory.to_str().unwrap())
            .replace("/opt/hansho-try", folder.to_str().unwrap())
            .replace("7443", &ingest)
            .replace("8080", &pages)
            .replace("port = 587", &format!("port = {mail}"))
    };
    fs::write(folder.join("mail-ca.pem"), &own.certificate).unwrap();
    let files = blocks(DOCUMENT, "```toml\n");
    assert_eq!(files.len(), 2);
    for (name, text) in ["collector.toml", "agent.toml"].into_iter().zip(files) {
        fs::write(folder.join(name), here(text)).unwrap();
    }
    let path = format!(
        "{}:{}",
        programs().display(),
        std::env::var("PATH").unwrap()
    );
    let commands = blocks(DOCUMENT, "```console\n$ ");
    assert_eq!(commands.len(), 6, "six commands");
    let mut running = Vec::new();
    for block in commands {
        let block = here(block);
        let mut lines = block.lines();
        let command = lines.next().unwrap();
        let expected: Vec<&str> = lines.collect();
        assert!(!expected.is_empty(), "{command}: what is to be seen");
        let background = command.strip_suffix(" &");
        let started = Running::start(background.unwrap_or(command), &folder, &path);
        let mut started = started;
        if background.is_none() {
            let status = started.child.wait().unwrap();
            assert!(status.success(), "{command}: {:?}", started.said());
        }
        for line in expected {
            let begun = Instant::now();
            while !started.said().iter().any(|said| fits(line, said)) {
                let said = started.said();
                assert!(
                    begun.elapsed() < Duration::from_secs(60),
                    "{command}: {line}: {said:?}"
                );
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        running.push(started);
    }
    // The mail of `mail test`, the alert, and its end.
    let mails = postfix.mails("sato", 2);
    let subjects: Vec<String> = mails
        .iter()
        .map(|mail| {
            parsed(mail)["headers"]["subject"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let promised = blocks(DOCUMENT, "with the subject `")[0];
    let promised = promised.split('`').next().unwrap();
    assert!(
        subjects.iter().any(|subject| fits(promised, subject)),
        "{promised}: {subjects:?}"
    );
    // Agent before collector, so that it says goodbye.
    while let Some(last) = running.pop() {
        drop(last);
    }
    let _ = fs::remove_dir_all(&memory);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn expectations_are_compared_as_they_read() {
    assert!(fits("a … c", "a b c") && fits("…", "anything") && fits("a…", "abc"));
    assert!(!fits("a … c", "a b d") && !fits("a", "ab") && !fits("b…", "ab"));
}
