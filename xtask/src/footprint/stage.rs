//! A collector and an agent at work on this machine: built, configured with a certificate of their own, started, and
//! ended again.

use crate::cross;
use crate::process::{Failure, cargo, io_at, output, root, run};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The target whose memory the goals are about.
const MUSL: &str = "x86_64-unknown-linux-musl";
/// How long a process may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(15);

/// What was built.
#[derive(Debug)]
pub(super) struct Binaries {
    /// The target triple, or a word for this machine's own.
    pub(super) target: String,
    folder: PathBuf,
    collector: PathBuf,
}

impl Binaries {
    /// Name and bytes of the agent's programs.
    ///
    /// # Errors
    /// One is not there.
    pub(super) fn sizes(&self) -> Result<Vec<(String, u64)>, Failure> {
        ["hansho", "hanshod"]
            .into_iter()
            .map(|name| {
                let path = self.folder.join(name);
                let bytes = fs::metadata(&path)
                    .map_err(io_at(path.display().to_string()))?
                    .len();
                Ok((name.to_owned(), bytes))
            })
            .collect()
    }
}

/// Builds release programs: the agent for musl where that can be done, and says so where not.
///
/// # Errors
/// A build failed.
pub(super) fn build(gnu: bool) -> Result<Binaries, Failure> {
    let release = root().join("target/release");
    run(cargo().args([
        "build",
        "--release",
        "--locked",
        "--package",
        "hansho-collector",
    ]))?;
    let collector = release.join("hansho-collector");
    if !gnu && std::env::consts::ARCH == "x86_64" {
        match cross::build_named(MUSL) {
            Ok(()) => {
                return Ok(Binaries {
                    target: MUSL.to_owned(),
                    folder: root().join("target/cross").join(MUSL),
                    collector,
                });
            }
            Err(missing @ Failure::Missing { .. }) => {
                println!("{missing}\nmeasured is the build for this machine's own C library");
            }
            Err(other) => return Err(other),
        }
    }
    run(cargo().args([
        "build",
        "--release",
        "--locked",
        "--package",
        "hansho",
        "--bins",
    ]))?;
    Ok(Binaries {
        target: format!("{} (its own C library)", std::env::consts::ARCH),
        folder: release,
        collector,
    })
}

/// The processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pids {
    pub(super) keeper: u32,
    pub(super) watcher: u32,
    pub(super) forwarder: u32,
    pub(super) collector: u32,
}

/// Everything that runs; ended when this is dropped.
#[derive(Debug)]
pub(super) struct Stage {
    /// The collector's ingest port.
    pub(super) port: u16,
    agent: Child,
    collector: Child,
    memory: PathBuf,
}

impl Stage {
    /// Starts both, with rings, store and logs of their own.
    ///
    /// # Errors
    /// Something could not be made or started; logs stand in target/footprint.
    pub(super) fn start(binaries: &Binaries, post: Duration) -> Result<Self, Failure> {
        let work = root().join("target/footprint");
        if work.exists() {
            fs::remove_dir_all(&work).map_err(io_at(work.display().to_string()))?;
        }
        private_folder(&work.join("store"))?;
        private_folder(&work.join("spool"))?;
        let memory = PathBuf::from(format!("/dev/shm/hansho-footprint-{}", std::process::id()));
        private_folder(&memory)?;
        certificates(&work)?;
        write(&work.join("collector.toml"), COLLECTOR)?;
        let config = work.join("collector.toml");
        output(
            Command::new(&binaries.collector)
                .args([
                    "agent",
                    "add",
                    "self",
                    "--system",
                    "hansho/footprint",
                    "--key-file",
                ])
                .arg(work.join("agent.key"))
                .arg("--config")
                .arg(&config),
        )?;
        let (collector, port) = start_collector(&binaries.collector, &config, &work)?;
        // From here on an error must end the collector.
        let mut collector = Some(collector);
        let started = start_agent(binaries, &work, &memory, port, post);
        match (started, collector.take()) {
            (Ok(agent), Some(collector)) => Ok(Self {
                port,
                agent,
                collector,
                memory,
            }),
            (Err(failure), Some(mut collector)) => {
                end(&mut collector);
                Err(failure)
            }
            (_, None) => Err(Failure::Check("no collector".to_owned())),
        }
    }

    /// The processes of now.
    ///
    /// # Errors
    /// One does not run.
    pub(super) fn processes(&self) -> Result<Pids, Failure> {
        let keeper = self.agent.id();
        let children = children_of(keeper)?;
        let find = |mode: &str| {
            children
                .iter()
                .find(|(_, words)| words.get(1).is_some_and(|word| word == mode))
                .map(|(pid, _)| *pid)
                .ok_or_else(|| {
                    Failure::Check(format!(
                        "no `{mode}` process runs: see target/footprint/agent.log"
                    ))
                })
        };
        Ok(Pids {
            keeper,
            watcher: find("watch")?,
            forwarder: find("forward")?,
            collector: self.collector.id(),
        })
    }

    /// Stops the agent in order, and gives what then stands in its memory ring.
    ///
    /// # Errors
    /// It did not stop, or the ring cannot be read.
    pub(super) fn stop_agent(&mut self) -> Result<Vec<u8>, Failure> {
        end(&mut self.agent);
        let ring = self.memory.join("memory.ring");
        fs::read(&ring).map_err(io_at(ring.display().to_string()))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        end(&mut self.agent);
        end(&mut self.collector);
        if let Err(error) = fs::remove_dir_all(&self.memory) {
            eprintln!("{}: {error}", self.memory.display());
        }
    }
}

/// SIGTERM, and SIGKILL where that is not enough.
fn end(child: &mut Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let running = |child: &mut Child| matches!(child.try_wait(), Ok(None));
    if !running(child) {
        return;
    }
    if pid.is_none_or(|pid| kill_process(pid, Signal::TERM).is_err()) {
        eprintln!("process {} takes no signal", child.id());
    }
    let begun = Instant::now();
    while running(child) && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(20));
    }
    if running(child) && (child.kill().is_err() || child.wait().is_err()) {
        eprintln!("process {} does not end", child.id());
    }
}

const COLLECTOR: &str = r#"config_version = 1
[ingest]
listen = "127.0.0.1:0"
certificate = "server.pem"
key = "server.key"
[pages]
listen = "127.0.0.1:0"
[store]
directory = "store"
"#;

fn agent_config(work: &Path, memory: &Path, port: u16, post: Duration) -> String {
    let work = work.display();
    format!(
        r#"config_version = 1
[agent]
key_file = "{work}/agent.key"
[spool]
directory = "{work}/spool"
memory_directory = "{}"
[forward]
urls = ["https://127.0.0.1:{port}/"]
ca_file = "{work}/ca.pem"
post_interval = "{}s"
"#,
        memory.display(),
        post.as_secs()
    )
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(io_at(path.display().to_string()))
}

fn private_folder(path: &Path) -> Result<(), Failure> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(io_at(path.display().to_string()))
}

/// An authority, and the collector's certificate for 127.0.0.1.
fn certificates(work: &Path) -> Result<(), Failure> {
    let failed = |error: rcgen::Error| Failure::Check(format!("certificates: {error}"));
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().map_err(failed)?)
        .map_err(failed)?;
    let key = KeyPair::generate().map_err(failed)?;
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .and_then(|params| params.signed_by(&key, &authority))
        .map_err(failed)?;
    write(&work.join("ca.pem"), &authority.pem())?;
    write(&work.join("server.pem"), &server.pem())?;
    write(&work.join("server.key"), &key.serialize_pem())
}

fn log(path: &Path) -> Result<Stdio, Failure> {
    File::create(path)
        .map(Stdio::from)
        .map_err(io_at(path.display().to_string()))
}

/// The collector, and the port that it says it listens on.
fn start_collector(program: &Path, config: &Path, work: &Path) -> Result<(Child, u16), Failure> {
    let mut child = Command::new(program)
        .arg("serve")
        .arg("--config")
        .arg(config)
        .stdout(Stdio::piped())
        .stderr(log(&work.join("collector.log"))?)
        .spawn()
        .map_err(io_at(format!("starting {}", program.display())))?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take()
        && let Err(error) = BufReader::new(stdout).read_line(&mut line)
    {
        end(&mut child);
        return Err(io_at("reading what the collector says")(error));
    }
    match port(&line) {
        Some(port) => Ok((child, port)),
        None => {
            end(&mut child);
            let why = format!("the collector said {line:?}: see target/footprint/collector.log");
            Err(Failure::Check(why))
        }
    }
}

/// Of `listening ingest=127.0.0.1:40001 pages=…`.
fn port(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("ingest=")?;
    let address = rest.split_ascii_whitespace().next()?;
    address.rsplit_once(':')?.1.parse().ok()
}

fn start_agent(
    binaries: &Binaries,
    work: &Path,
    memory: &Path,
    port: u16,
    post: Duration,
) -> Result<Child, Failure> {
    let config = work.join("agent.toml");
    write(&config, &agent_config(work, memory, port, post))?;
    let program = binaries.folder.join("hansho");
    Command::new(&program)
        .arg("run")
        .arg("--config")
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log(&work.join("agent.log"))?)
        .spawn()
        .map_err(io_at(format!("starting {}", program.display())))
}

/// Children of a process with the words of their command lines.
fn children_of(parent: u32) -> Result<Vec<(u32, Vec<String>)>, Failure> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc").map_err(io_at("/proc"))? {
        let path = entry.map_err(io_at("/proc"))?.path();
        let pid = path
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        let Some(pid) = pid else { continue };
        // A process that ended meanwhile is nobody's child.
        let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
        if parent_of(&stat) != Some(parent) {
            continue;
        }
        let line = fs::read_to_string(path.join("cmdline")).unwrap_or_default();
        children.push((
            pid,
            line.split_terminator('\0').map(str::to_owned).collect(),
        ));
    }
    Ok(children)
}

/// The fourth field of /proc/PID/stat; the second may hold spaces and parentheses (proc_pid_stat(5)).
fn parent_of(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_what_the_collector_says() {
        assert_eq!(
            port("listening ingest=127.0.0.1:40001 pages=127.0.0.1:8080\n"),
            Some(40_001)
        );
        assert_eq!(port("listening ingest=[::1]:7 pages=x"), Some(7));
        assert_eq!(port(""), None);
    }

    #[test]
    fn the_parent_is_found_behind_an_odd_name() {
        assert_eq!(parent_of("12 (a) b) S 7 12 12"), Some(7));
        assert_eq!(parent_of("nonsense"), None);
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let children = children_of(std::process::id()).unwrap();
        let found = children.iter().find(|(pid, _)| *pid == child.id()).cloned();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.is_some());
    }
}
