//! A collector, an agent, and the scripted host: started, killed by pid, started again.

use crate::random::Random;
use crate::relay::Relay;
use crate::script::{AVAILABLE_KIB, OOM_KILL, RAISE_PERCENT, Script};
use crate::verdict;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Whatever must come up again comes within this.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    Keeper,
    Watcher,
    Forwarder,
    Collector,
}

/// How much the agent can keep while the collector is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rings {
    /// All that a test writes.
    Ample,
    /// The smallest memory ring, and no disk ring.
    Small,
}

impl Victim {
    const ALL: [Self; 4] = [
        Self::Keeper,
        Self::Watcher,
        Self::Forwarder,
        Self::Collector,
    ];

    pub(crate) fn any(random: &mut Random) -> Self {
        Self::ALL[usize::try_from(random.below(4)).expect("small")]
    }
}

pub(crate) struct Site {
    programs: PathBuf,
    plant: String,
    folder: PathBuf,
    memory: PathBuf,
    available: Digit,
    oom_kill: Digit,
    relay: Option<Relay>,
    collector: Option<Child>,
    keeper: Option<Child>,
    kills: [u64; 4],
    reloads: u64,
    broken_promises: Vec<String>,
}

/// The folder of the programs under test.
pub(crate) fn programs() -> PathBuf {
    let agent = Path::new(env!("CARGO_BIN_EXE_hansho"));
    let folder = agent
        .parent()
        .expect("a program is in a folder")
        .to_path_buf();
    if !folder.join("hansho-collector").exists() {
        let status = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--locked", "--package", "hansho-collector"])
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the collector is built");
    }
    folder
}

impl Site {
    pub(crate) fn new(
        programs: &Path,
        plant: &str,
        script: &Script,
        seed: u64,
        rings: Rings,
    ) -> Self {
        let unique = format!("hansho-kill-{}-{plant}-{rings:?}", std::process::id());
        let folder = std::env::temp_dir().join(&unique);
        let memory = Path::new("/dev/shm").join(&unique);
        for old in [&folder, &memory] {
            if old.exists() {
                fs::remove_dir_all(old).expect("an earlier run's folder goes");
            }
        }
        let root = folder.join("root");
        lay_root(&root);
        let available = Digit::before(&root.join("proc/meminfo"), &AVAILABLE_KIB.to_string());
        let oom_kill = Digit::before(&root.join("proc/vmstat"), "0\noom_kill_end");
        let mut site = Self {
            programs: programs.to_path_buf(),
            plant: plant.to_owned(),
            folder,
            memory,
            available,
            oom_kill,
            relay: None,
            collector: None,
            keeper: None,
            kills: [0; 4],
            reloads: 0,
            broken_promises: Vec::new(),
        };
        site.play(script);
        let ports: Vec<_> = (0..2)
            .map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"))
            .collect();
        let address = |place: usize| ports[place].local_addr().expect("an address");
        let toml = site.folder.join("collector.toml");
        let (ingest, pages) = (address(0), address(1));
        fs::write(
            &toml,
            collector_toml(&site.folder, ingest.port(), pages.port()),
        )
        .expect("collector.toml");
        let key = site.folder.join("agent.key").display().to_string();
        site.ask(&[
            "agent",
            "add",
            "web01",
            "--system",
            "demo/shop",
            "--key-file",
            &key,
        ]);
        let relay = Relay::start(ingest, seed);
        let toml = agent_toml(&site.folder, &site.memory, relay.address.port(), rings);
        fs::write(site.agent_file(), toml).expect("agent.toml");
        site.relay = Some(relay);
        drop(ports);
        site.collector_up();
        site.start_agent();
        site
    }

    fn agent_file(&self) -> PathBuf {
        self.folder.join("agent.toml")
    }

    /// Shows the agent the script's present phase.
    pub(crate) fn play(&self, script: &Script) {
        self.available.set(script.level().0);
        self.oom_kill.set(script.oom_kill_digit());
    }

    /// Asks the collector's command; what it prints.
    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        let output = Command::new(self.programs.join("hansho-collector"))
            .args(arguments)
            .arg("--config")
            .arg(self.folder.join("collector.toml"))
            .output()
            .expect("the collector's command runs");
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text")
    }

    fn log(&self, name: &str) -> Stdio {
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join(name))
            .expect("a log");
        file.into()
    }

    pub(crate) fn collector_up(&mut self) {
        if self.collector.is_some() {
            return;
        }
        let child = Command::new(self.programs.join("hansho-collector"))
            .args(["serve", "--config"])
            .arg(self.folder.join("collector.toml"))
            .env("HANSHO_PLANT", &self.plant)
            .stdout(self.log("collector.log"))
            .stderr(self.log("collector.log"))
            .spawn()
            .expect("the collector starts");
        self.collector = Some(child);
    }

    fn start_agent(&mut self) {
        let child = Command::new(self.programs.join("hansho"))
            .args(["run", "--config"])
            .arg(self.agent_file())
            .env("HANSHO_PLANT", &self.plant)
            .stdout(Stdio::null())
            .stderr(self.log("agent.log"))
            .spawn()
            .expect("the agent starts");
        self.keeper = Some(child);
    }

    /// Kills a process once it is there, and has what nobody else restarts started again (the collector later).
    pub(crate) fn kill(&mut self, victim: Victim) {
        match victim {
            Victim::Collector => {
                self.collector_up();
                let mut child = self.collector.take().expect("it runs");
                child.kill().expect("SIGKILL");
                child.wait().expect("it is reaped");
                // What it ever acknowledged stands in its files, before it or anybody mends anything.
                let acknowledged = self
                    .relay
                    .as_ref()
                    .map(Relay::acknowledged)
                    .unwrap_or_default();
                self.broken_promises
                    .extend(verdict::unstored(self, &acknowledged));
            }
            Victim::Keeper => {
                let mut child = self.keeper.take().expect("it runs");
                child.kill().expect("SIGKILL");
                child.wait().expect("it is reaped");
                self.start_agent();
            }
            Victim::Watcher | Victim::Forwarder => {
                let pid = self.worker(if victim == Victim::Watcher {
                    "watch"
                } else {
                    "forward"
                });
                // It may just have been killed with its keeper.
                if kill_process(pid, Signal::KILL).is_err() {}
            }
        }
        self.kills[victim as usize] += 1;
    }

    /// Gives the agent another configuration, and tells it so: what happens next may come at any moment of its reload. The
    /// rule that changes is none that the script plays.
    pub(crate) fn reload(&mut self) {
        self.reloads += 1;
        let folder = self.folder.join("agent.d");
        fs::create_dir_all(&folder).expect("agent.d");
        let rule = format!(
            "[[rule]]\ncode = 2005\nraise_after = \"{}s\"\n",
            600 + self.reloads
        );
        fs::write(folder.join("new"), rule).expect("a rule");
        fs::rename(folder.join("new"), folder.join("10-reload.toml")).expect("a rule");
        let deadline = Instant::now() + PATIENCE;
        let keeper = self.keeper.as_ref().expect("it runs").id();
        // Before its first instructions the default would end it.
        while !holds_hangup_back(keeper) {
            self.keeper_lives();
            assert!(Instant::now() < deadline, "{}", self.tail("agent.log"));
            std::thread::sleep(Duration::from_millis(2));
        }
        let pid = Pid::from_raw(i32::try_from(keeper).expect("a pid")).expect("a pid");
        kill_process(pid, Signal::HUP).expect("SIGHUP");
    }

    /// The pid of a worker of the present keeper, waited for.
    fn worker(&mut self, mode: &str) -> Pid {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.keeper_lives();
            let keeper = self.keeper.as_ref().expect("it runs").id();
            if let Some(pid) = child_in_mode(keeper, mode) {
                return pid;
            }
            assert!(
                Instant::now() < deadline,
                "no {mode} within {PATIENCE:?}: {}",
                self.tail("agent.log")
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn keeper_lives(&mut self) {
        let ended = self
            .keeper
            .as_mut()
            .expect("it runs")
            .try_wait()
            .expect("waitpid");
        if let Some(status) = ended {
            panic!(
                "the keeper ended by itself: {status}; {}",
                self.tail("agent.log")
            );
        }
    }

    /// Waits until one watcher has lived for this long without a break.
    pub(crate) fn let_watcher_live(&mut self, long: Duration) {
        let deadline = Instant::now() + PATIENCE + long;
        let mut since: Option<(Pid, Instant)> = None;
        loop {
            let pid = self.worker("watch");
            match since {
                Some((known, start)) if known == pid && start.elapsed() >= long => return,
                Some((known, _)) if known == pid => {}
                _ => since = Some((pid, Instant::now())),
            }
            assert!(
                Instant::now() < deadline,
                "no watcher lives for {long:?}: {}",
                self.tail("agent.log")
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops agent and collector in order.
    pub(crate) fn stop(&mut self) -> Result<(), String> {
        let mut agent = self.keeper.take().expect("it runs");
        terminate(&agent);
        let status = agent.wait().expect("it is reaped");
        if let Some(mut collector) = self.collector.take() {
            terminate(&collector);
            collector.wait().expect("it is reaped");
        }
        if status.success() {
            Ok(())
        } else {
            Err(format!("the agent stopped with {status}"))
        }
    }

    pub(crate) fn kills(&self) -> String {
        let each: Vec<_> = Victim::ALL
            .iter()
            .zip(self.kills)
            .map(|(victim, count)| format!("{victim:?} {count}"))
            .collect();
        format!("{}; {} reloads", each.join(", "), self.reloads)
    }

    /// What was acknowledged and did not stand in a killed collector's files.
    pub(crate) fn broken_promises(&self) -> Vec<String> {
        self.broken_promises.clone()
    }

    pub(crate) fn answers_lost(&self) -> u64 {
        self.relay.as_ref().map_or(0, Relay::lost)
    }

    fn tail(&self, name: &str) -> String {
        let text = fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for child in [&mut self.keeper, &mut self.collector]
            .into_iter()
            .flatten()
        {
            // It may have ended already.
            if child.kill().is_ok() && child.wait().is_err() {}
        }
        let keep = std::thread::panicking() || std::env::var_os("HANSHO_KEEP").is_some();
        if !keep {
            for folder in [&self.folder, &self.memory] {
                if fs::remove_dir_all(folder).is_err() {}
            }
        }
    }
}

/// Whether a process blocks SIGHUP (SigBlk, proc_pid_status(5)): the signal 1 is the lowest bit.
fn holds_hangup_back(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}

fn terminate(child: &Child) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::TERM).expect("SIGTERM");
}

/// A child of `parent` whose first argument is `mode`.
fn child_in_mode(parent: u32, mode: &str) -> Option<Pid> {
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<i32>().ok())
        else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // After the name in brackets: state, parent.
        let after = stat.rsplit(')').next().unwrap_or_default();
        let mut fields = after.split_whitespace();
        let living = fields
            .next()
            .is_some_and(|state| state != "Z" && state != "X");
        if !living || fields.next().and_then(|field| field.parse::<u32>().ok()) != Some(parent) {
            continue;
        }
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if command.split(|byte| *byte == 0).nth(1) == Some(mode.as_bytes()) {
            return Pid::from_raw(pid);
        }
    }
    None
}

/// One digit of a file that the agent holds open.
struct Digit {
    file: fs::File,
    at: u64,
}

impl Digit {
    /// The first digit of `text` in the file.
    fn before(path: &Path, text: &str) -> Self {
        let content = fs::read_to_string(path).expect("a file of the root");
        let at = content
            .find(text)
            .unwrap_or_else(|| panic!("{text:?} in {}", path.display())) as u64;
        let file = fs::OpenOptions::new()
            .write(true)
            .open(path)
            .expect("a file of the root");
        Self { file, at }
    }

    fn set(&self, digit: u8) {
        self.file
            .write_all_at(&[b'0' + digit], self.at)
            .expect("a digit is written");
    }
}

/// The captured tree, copied, with a word behind the count of OOM kills by which it is found.
fn lay_root(root: &Path) {
    let captured = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees/linux-6.18");
    copy(&captured, root);
    let vmstat = root.join("proc/vmstat");
    let text = fs::read_to_string(&vmstat).expect("vmstat");
    fs::write(
        &vmstat,
        text.replace("\noom_kill 0\n", "\noom_kill 0\noom_kill_end 0\n"),
    )
    .expect("vmstat");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the captured tree").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file of the root");
        }
    }
}

fn collector_toml(folder: &Path, ingest: u16, pages: u16) -> String {
    let folder = folder.display();
    format!(
        "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:{ingest}\"\n[pages]\nlisten = \"127.0.0.1:{pages}\"\n\
         [store]\ndirectory = \"{folder}/store\"\n[keys]\nmasters = \"{folder}/masters.keys\"\n"
    )
}

fn agent_toml(folder: &Path, memory: &Path, ingest: u16, rings: Rings) -> String {
    let sizes = match rings {
        Rings::Ample => "disk_size = \"4MiB\"",
        Rings::Small => "disk = false\nmemory_size = \"128KiB\"",
    };
    let (folder, memory) = (folder.display(), memory.display());
    let rules: String = RAISE_PERCENT
        .iter()
        .map(|(code, raise)| {
            let clear = raise - 5;
            format!(
                "[[rule]]\ncode = {code}\nraise = \"{raise}%\"\nclear = \"{clear}%\"\nraise_after = \"200ms\"\n\
                 clear_after = \"200ms\"\ngate = {{ quantity = \"memory_available\", below = \"20GiB\" }}\n"
            )
        })
        .collect();
    format!(
        "config_version = 1\n[agent]\nkey_file = \"{folder}/agent.key\"\n\
         [sample]\ninterval = \"50ms\"\ncounters_interval = \"100ms\"\nreport_interval = \"1s\"\n\
         root = \"{folder}/root\"\n\
         [spool]\ndirectory = \"{folder}/spool\"\nmemory_directory = \"{memory}\"\n{sizes}\n\
         [forward]\nurls = [\"http://127.0.0.1:{ingest}\"]\npost_interval = \"1s\"\n{rules}\
         [[rule]]\ncode = {OOM_KILL}\nclear_after = \"1s\"\n"
    )
}
