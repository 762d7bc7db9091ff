//! What the tests with real processes share: an agent of its own in a folder, a scripted root, waiting by condition.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    clippy::panic,
    reason = "shared by several tests, each of which uses a part; a test that fails may panic"
)]

use hansho::frame::Stream;
use hansho::frame::body::{self, Body};
use hansho::spool::files::MEMORY_FILE;
use hansho::spool::heap::HeapMemory;
use hansho::spool::reader::{HeldStream, SpoolReader};
use std::fs::{self, File};
use std::io::Read;
use std::ops::ControlFlow;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a condition may take before the test fails: a loaded machine is slow, and nothing here is timed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// What the reader of `/proc` opens on a host.
const COPIED: [&str; 8] = [
    "proc/meminfo",
    "proc/stat",
    "proc/loadavg",
    "proc/vmstat",
    "proc/pressure/cpu",
    "proc/pressure/memory",
    "proc/pressure/io",
    "sys/devices/system/cpu/online",
];

/// Waits until `found` gives something.
pub fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(LOOK);
    }
}

/// The folder of one agent on tmpfs: configuration, key, rings, a root of its own. Removed at the end.
pub struct Place {
    pub folder: PathBuf,
    program: PathBuf,
}

impl Place {
    /// For the program under test, as cargo built it.
    pub fn new(name: &str, config: &str) -> Self {
        Self::with_program(name, config, Path::new(env!("CARGO_BIN_EXE_hansho")))
    }

    pub fn with_program(name: &str, config: &str, program: &Path) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = format!("hansho-{name}-{}-{number}", std::process::id());
        let folder = Path::new("/dev/shm").join(folder);
        fs::create_dir(&folder).unwrap();
        let place = Self {
            folder,
            program: program.to_owned(),
        };
        for file in COPIED {
            let to = place.folder.join("root").join(file);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            // A kernel may be without pressure stall information.
            if let Ok(text) = fs::read(Path::new("/").join(file)) {
                fs::write(to, text).unwrap();
            }
        }
        place.memory_used(300);
        let mut key = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(place.folder.join("key"))
            .unwrap();
        let line = format!("hansho1 {:016x} 0 {}\n", 0x1234_u64, "ab".repeat(32));
        std::io::Write::write_all(&mut key, line.as_bytes()).unwrap();
        let at = place.folder.display();
        let config = config
            .replace("PLACE", &at.to_string())
            .replace("[agent]", &format!("[agent]\nkey_file = \"{at}/key\""))
            .replace("[sample]", &format!("[sample]\nroot = \"{at}/root\""))
            .replace(
                "[spool]",
                &format!(
                    "[spool]\ndirectory = \"{at}/disk\"\nmemory_directory = \"{at}/memory\"\ndisk_size = \"1MiB\""
                ),
            );
        fs::write(place.config(), format!("config_version = 1\n{config}")).unwrap();
        place
    }

    pub fn config(&self) -> PathBuf {
        self.folder.join("agent.toml")
    }

    /// So many permille of the memory are used from now on: values of the same length, in place, so that whoever reads
    /// meanwhile sees the old ones or the new.
    pub fn memory_used(&self, permille: u64) {
        let path = self.folder.join("root/proc/meminfo");
        let text = fs::read_to_string(&path).unwrap();
        let number = |key: &str| -> u64 {
            let line = text.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_ascii_whitespace()
                .nth(1)
                .unwrap()
                .parse()
                .unwrap()
        };
        let available = number("MemTotal:") * (1000 - permille) / 1000;
        let at = text.find("MemAvailable:").unwrap();
        let line = text[at..].lines().next().unwrap();
        let new = format!(
            "MemAvailable:{available:>width$} kB",
            width = line.len() - 16
        );
        assert_eq!(new.len(), line.len());
        let file = File::options().write(true).open(&path).unwrap();
        file.write_all_at(new.as_bytes(), u64::try_from(at).unwrap())
            .unwrap();
    }

    /// Runs a subcommand to its end.
    pub fn command(&self, arguments: &[&str]) -> Output {
        Command::new(&self.program)
            .args(arguments)
            .arg("--config")
            .arg(self.config())
            .output()
            .unwrap()
    }

    /// Starts the agent; what it says goes to a file.
    pub fn start(&self, environment: &[(&str, &str)]) -> Agent<'_> {
        let said = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("said"))
            .unwrap();
        let mut command = Command::new(&self.program);
        command
            .args(["run", "--config"])
            .arg(self.config())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said);
        Agent {
            place: self,
            keeper: command.spawn().unwrap(),
        }
    }

    /// All that agents of this place said on standard error.
    pub fn said(&self) -> String {
        let mut text = String::new();
        if let Ok(mut file) = File::open(self.folder.join("said")) {
            file.read_to_string(&mut text).unwrap();
        }
        text
    }

    /// The memory ring as it stands, where there is one.
    fn ring(&self) -> Option<SpoolReader<HeapMemory, File>> {
        let bytes = fs::read(self.folder.join("memory").join(MEMORY_FILE)).ok()?;
        let mut reader = SpoolReader::new(Some(HeapMemory::copied(&bytes)), None);
        reader.refresh();
        Some(reader)
    }

    /// Every (run, stream) in the memory ring, oldest run first.
    pub fn held(&self) -> Vec<HeldStream> {
        self.ring()
            .map_or_else(Vec::new, |ring| ring.runs().to_vec())
    }

    /// Every frame of a stream in the memory ring, oldest run first, each with its run's number and its sequence.
    pub fn frames(&self, stream: Stream) -> Vec<(u64, u64, Vec<u8>)> {
        let Some(mut reader) = self.ring() else {
            return Vec::new();
        };
        let mut frames = Vec::new();
        for held in reader.runs().to_vec() {
            if held.stream == stream {
                reader.read(held.run, stream, 0, &mut |sequence, frame| {
                    frames.push((held.run_number, sequence, frame.to_vec()));
                    ControlFlow::Continue(())
                });
            }
        }
        frames
    }

    /// `(run number, code, transition, flags)` of each alert in the memory ring.
    pub fn alerts(&self) -> Vec<(u64, u16, u8, u8)> {
        self.frames(Stream::Alerts)
            .iter()
            .filter_map(|(run, _, frame)| match body::decode(frame) {
                Ok((_, Body::Alert(alert))) => {
                    Some((*run, alert.code, alert.transition, alert.flags))
                }
                _ => None,
            })
            .collect()
    }

    /// Run numbers that have said Hello, and those that have said Goodbye.
    pub fn hellos_and_goodbyes(&self) -> (Vec<u64>, Vec<u64>) {
        let (mut hellos, mut goodbyes) = (Vec::new(), Vec::new());
        for (run, _, frame) in self.frames(Stream::Alerts) {
            match body::decode(&frame) {
                Ok((_, Body::Hello(hello))) => {
                    assert_eq!(hello.run_number, run);
                    hellos.push(run);
                }
                Ok((_, Body::Goodbye(_))) => goodbyes.push(run),
                _ => {}
            }
        }
        (hellos, goodbyes)
    }

    /// Readings in the memory ring.
    pub fn readings(&self) -> usize {
        self.frames(Stream::Readings).len()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what was said:\n{}", self.said());
        }
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// A running agent; killed at the end of a test that failed, and its workers die with it.
pub struct Agent<'p> {
    place: &'p Place,
    pub keeper: Child,
}

impl Agent<'_> {
    pub fn pid(&self) -> u32 {
        self.keeper.id()
    }

    /// The worker that was started with this word, once it is there.
    pub fn worker(&self, word: &str) -> u32 {
        until(word, || self.worker_now(word))
    }

    pub fn worker_now(&self, word: &str) -> Option<u32> {
        let children = format!("/proc/{0}/task/{0}/children", self.pid());
        let children = fs::read_to_string(children).unwrap_or_default();
        children
            .split_ascii_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .find(|pid: &u32| {
                let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                line.split(|byte| *byte == 0).nth(1) == Some(word.as_bytes())
            })
    }

    /// The watcher after `before`, as soon as it is there: looked for without a pause, for its start takes few milliseconds.
    pub fn watcher_after(&self, before: u32) -> u32 {
        let started = Instant::now();
        loop {
            if let Some(pid) = self.worker_now("watch").filter(|pid| *pid != before) {
                return pid;
            }
            assert!(started.elapsed() < PATIENCE, "no watcher after {before}");
            std::thread::yield_now();
        }
    }

    /// Waits until a watcher, other than `before`, has recorded a reading.
    pub fn runs(&self, readings: usize) -> u32 {
        until("readings", || {
            (self.place.readings() > readings).then_some(())
        });
        self.worker("watch")
    }

    pub fn signal(&self, signal: &str) {
        send(self.pid(), signal);
    }

    pub fn ended(mut self) -> ExitStatus {
        until("the agent ends", || self.keeper.try_wait().unwrap())
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        if self.keeper.try_wait().unwrap().is_none() {
            self.keeper.kill().unwrap();
            self.keeper.wait().unwrap();
        }
    }
}

/// Sends a signal to a process that this test started.
pub fn send(pid: u32, signal: &str) {
    let status = Command::new("kill")
        .args([&format!("-{signal}"), &pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success(), "kill -{signal} {pid}");
}

/// Whether a process is there and no zombie.
pub fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// What the descriptors of a process refer to.
pub fn descriptors(pid: u32) -> Vec<(u32, String)> {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let target = fs::read_link(entry.path()).ok()?;
            let number = entry.file_name().to_str()?.parse().ok()?;
            Some((number, target.display().to_string()))
        })
        .collect()
}

pub fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
