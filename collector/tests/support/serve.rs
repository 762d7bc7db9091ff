//! A real collector beside a test, its log, and waiting for what must come.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const COLLECTOR: &str = env!("CARGO_BIN_EXE_hansho-collector");
/// Nothing is timed: a loaded machine is slow.
pub const PATIENCE: Duration = Duration::from_secs(150);

/// Waits until `found` gives something; what never comes fails the test.
pub fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn signal(pid: u32, signal: &str) {
    // It may have ended by itself.
    let _ = Command::new("kill")
        .args([signal, &pid.to_string()])
        .stderr(Stdio::null())
        .status();
}

/// A collector that was started; killed where a test ends early.
pub struct Serving {
    pub child: Child,
    pub ingest: String,
    pub pages: String,
}

impl Serving {
    /// Starts one whose log is appended to `serve.log`, and waits until it listens.
    pub fn start(here: &Path, config: &str) -> Self {
        Self::begin(here, config, &["serve"]).listening(here)
    }

    /// Starts one and does not wait.
    pub fn begin(here: &Path, config: &str, arguments: &[&str]) -> Self {
        Self::begin_in(here, config, arguments, &[])
    }

    /// The same with these variables in its environment.
    pub fn begin_in(
        here: &Path,
        config: &str,
        arguments: &[&str],
        environment: &[(&str, String)],
    ) -> Self {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(here.join("serve.log"))
            .unwrap();
        let child = Command::new(COLLECTOR)
            .args(arguments)
            .args(["--config", config])
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .current_dir(here)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            child,
            ingest: String::new(),
            pages: String::new(),
        }
    }

    /// Waits for its line on stdout.
    pub fn listening(mut self, here: &Path) -> Self {
        let mut line = String::new();
        let out = self.child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let rest = line
            .strip_prefix("listening ingest=")
            .unwrap_or_else(|| panic!("{}", log(here)));
        let (ingest, pages) = rest.trim_end().split_once(" pages=").unwrap();
        self.ingest = ingest.to_owned();
        self.pages = pages.to_owned();
        self
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; how it exited.
    pub fn stop(self) -> Option<i32> {
        self.end("-TERM")
    }

    /// Sends it this signal, which ends it; how it exited.
    pub fn end(mut self, by: &str) -> Option<i32> {
        signal(self.child.id(), by);
        let status = until("the collector ends", || self.child.try_wait().unwrap());
        status.code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        forget(self.child.id());
    }
}

/// What the collectors of a folder logged.
pub fn log(here: &Path) -> String {
    fs::read_to_string(here.join("serve.log")).unwrap_or_default()
}

/// Removes what a process that was killed leaves of libfaketime in shared memory.
fn forget(pid: u32) {
    for name in ["faketime_shm", "sem.faketime_sem"] {
        // Most have none.
        let _ = fs::remove_file(Path::new("/dev/shm").join(format!("{name}_{pid}")));
    }
}
