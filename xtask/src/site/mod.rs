//! A site for a while: a collector and an agent of this host, in directories and on ports of their own.
//!
//! [`programs`] builds them, [`child`] starts and stops them, [`certificate`] is for TLS, [`http`] fetches pages, [`ring`] reads what
//! the agent wrote. Whatever happens,
//! a [`Site`] that is dropped leaves no process behind, and no file unless it is to be kept.

mod certificate;
mod child;
mod http;
mod programs;
mod ring;

pub(crate) use child::Running;
pub(crate) use programs::Programs;
pub(crate) use ring::Written;

use crate::process::{Failure, io_at, output};
use rustix::process::Signal;
use serde_json::Value;
use std::fs::{self, DirBuilder, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The agent's name at the site's collector.
pub(crate) const AGENT: &str = "this-host";
/// Whose it is there.
pub(crate) const SYSTEM: &str = "demo/workstation";

/// The account with which one looks at its pages.
pub(crate) const ACCOUNT: &str = "demo";

/// What the agent takes at most to stop: goodbye of the watcher, last post of the forwarder (src/keeper/supervise.rs).
const STOP_AGENT: Duration = Duration::from_secs(16);
/// What the collector takes at most: requests under way, and the writer's queue.
const STOP_COLLECTOR: Duration = Duration::from_secs(15);

/// What the collector is started with.
#[derive(Debug, Default)]
pub(crate) struct Plan<'p> {
    /// Port of its pages on loopback; 0: any that is free.
    pub(crate) port: u16,
    /// Agents come over TLS, with a certificate of an authority of the site's own.
    pub(crate) tls: bool,
    /// The site's files stay when it ends.
    pub(crate) keep: bool,
    /// Further tables of its configuration.
    pub(crate) tables: &'p str,
}

/// What the agent is configured with, besides what the site itself decides: key, rings, and whereto.
#[derive(Debug, Default)]
pub(crate) struct Agent<'a> {
    /// It writes transitions into `transitions.log`.
    pub(crate) log: bool,
    /// Further lines of its table `[spool]`.
    pub(crate) spool: &'a str,
    /// Further lines of its table `[forward]`.
    pub(crate) forward: &'a str,
    /// Further tables.
    pub(crate) tables: &'a str,
}

/// A collector and an agent.
#[derive(Debug)]
pub(crate) struct Site {
    programs: Programs,
    directory: PathBuf,
    memory_directory: PathBuf,
    agent: Option<Running>,
    collector: Option<Running>,
    ingest: SocketAddr,
    pages: SocketAddr,
    /// Of [`ACCOUNT`].
    password: String,
    /// With which we look at the pages ourselves.
    token: String,
    tls: bool,
    keep: bool,
}

impl Site {
    /// Makes the directories, adds the agent to the collector and starts the collector.
    ///
    /// # Errors
    /// Something cannot be made or started.
    pub(crate) fn start_collector(programs: Programs, plan: &Plan<'_>) -> Result<Self, Failure> {
        let Plan {
            port,
            tls,
            keep,
            tables,
        } = *plan;
        let name = format!("hansho-site-{}", std::process::id());
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut site = Self {
            programs,
            directory: std::env::temp_dir().join(&name),
            // The memory ring has to lie in memory; this is a tmpfs on every Linux.
            memory_directory: Path::new("/dev/shm").join(&name),
            agent: None,
            collector: None,
            ingest: nowhere,
            pages: nowhere,
            password: String::new(),
            token: String::new(),
            tls,
            keep,
        };
        private_directory(&site.directory)?;
        private_directory(&site.memory_directory)?;
        let certificate = if tls {
            certificate::write(&site.directory)?;
            "certificate = \"server.pem\"\nkey = \"server.key\"\n"
        } else {
            ""
        };
        site.write(
            "collector.toml",
            &format!(
                "config_version = 1\n\n[ingest]\nlisten = \"127.0.0.1:0\"\n{certificate}\n[pages]\nlisten = \"127.0.0.1:{port}\"\n\n\
                 [store]\ndirectory = \"store\"\n\n{tables}"
            ),
        )?;
        private_directory(&site.directory.join("store"))?;
        let key = site.directory.join("agent.key");
        output(
            site.collector_command(&["agent", "add", AGENT, "--system", SYSTEM, "--key-file"])
                .arg(key),
        )?;
        site.let_in()?;
        let mut serve = site.collector_command(&["serve"]);
        serve.stdout(Stdio::piped());
        let mut collector =
            Running::start("the collector", &mut serve, &site.file("collector.log"))?;
        let listening = collector.stdout().and_then(|stdout| {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).ok()?;
            listening(&line)
        });
        site.collector = Some(collector);
        let Some((ingest, pages)) = listening else {
            return Err(site.told("the collector does not listen", "collector.log"));
        };
        site.ingest = ingest;
        site.pages = pages;
        Ok(site)
    }

    /// An account for people, and a token for ourselves.
    fn let_in(&mut self) -> Result<(), Failure> {
        let random = || io_at("/dev/urandom");
        let mut bytes = [0; 8];
        File::open("/dev/urandom")
            .and_then(|mut file| file.read_exact(&mut bytes))
            .map_err(random())?;
        self.password = format!("{:016x}", u64::from_ne_bytes(bytes));
        // In a directory that only we may enter; a command line is for everybody to see.
        self.write("password", &self.password)?;
        let path = self.file("password");
        let stdin = File::open(&path).map_err(io_at(path.display().to_string()))?;
        output(
            self.collector_command(&["account", "add", ACCOUNT, "--role", "admin"])
                .stdin(stdin),
        )?;
        let token =
            output(&mut self.collector_command(&["token", "add", ACCOUNT, "--role", "viewer"]))?;
        self.token = token.trim_end().to_owned();
        Ok(())
    }

    /// Starts the agent.
    ///
    /// # Errors
    /// The configuration is refused, or the agent not started.
    pub(crate) fn start_agent(&mut self, agent: &Agent<'_>) -> Result<(), Failure> {
        let [key, spool] = ["agent.key", "spool"].map(|name| quoted(&self.file(name)));
        let memory = quoted(&self.memory_directory);
        let log = if agent.log {
            format!("log_file = {}\n", quoted(&self.file("transitions.log")))
        } else {
            String::new()
        };
        let whereto = if self.tls {
            let authority = quoted(&self.file("ca.pem"));
            format!(
                "urls = [\"https://{}/\"]\nca_file = {authority}\n",
                self.ingest
            )
        } else {
            format!("urls = [\"http://{}/\"]\n", self.ingest)
        };
        let Agent {
            spool: lines,
            forward,
            tables,
            ..
        } = agent;
        self.write(
            "agent.toml",
            &format!(
                "config_version = 1\n\n[agent]\nkey_file = {key}\n{log}\n[spool]\ndirectory = {spool}\n\
                 memory_directory = {memory}\n{lines}\n\n[forward]\n{whereto}{forward}\n\n{tables}"
            ),
        )?;
        let config = self.file("agent.toml");
        output(self.agent_command(&["check", "--config"]).arg(&config))?;
        let mut run = self.agent_command(&["run", "--config"]);
        let agent = Running::start("the agent", run.arg(config), &self.file("agent.log"))?;
        self.agent = Some(agent);
        Ok(())
    }

    /// `hansho` with `words`.
    pub(crate) fn agent_command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.programs.of_agent("hansho"));
        command.args(words);
        command
    }

    /// `hansho-collector` with `words` and the site's configuration.
    pub(crate) fn collector_command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.programs.collector());
        command.arg("--config").arg(self.file("collector.toml"));
        command.args(words);
        command
    }

    /// A file of the site.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The keeper's process id, while the agent runs.
    pub(crate) fn agent_id(&self) -> Option<u32> {
        self.agent.as_ref().map(Running::id)
    }

    /// The collector's process id, while it runs.
    pub(crate) fn collector_id(&self) -> Option<u32> {
        self.collector.as_ref().map(Running::id)
    }

    /// Where agents post to.
    pub(crate) fn ingest(&self) -> SocketAddr {
        self.ingest
    }

    /// The agent's memory ring as it is.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn memory_ring(&self) -> Result<Vec<u8>, Failure> {
        let ring = self.memory_directory.join("memory.ring");
        fs::read(&ring).map_err(io_at(ring.display().to_string()))
    }

    /// Where the pages are.
    pub(crate) fn pages(&self) -> SocketAddr {
        self.pages
    }

    /// The password of [`ACCOUNT`].
    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// A page.
    ///
    /// # Errors
    /// It does not come, or not with 200.
    pub(crate) fn page(&self, path: &str) -> Result<String, Failure> {
        http::page(self.pages, path, &self.token)
    }

    /// What a reading command of the collector prints, as JSON.
    ///
    /// # Errors
    /// It failed, or printed something else.
    pub(crate) fn collected(&self, words: &[&str]) -> Result<Value, Failure> {
        json(&output(self.collector_command(words).arg("--json"))?)
    }

    /// What the agent wrote into its rings so far.
    ///
    /// # Errors
    /// A ring cannot be read.
    pub(crate) fn written(&self) -> Result<Written, Failure> {
        ring::written(&self.memory_directory, &self.file("spool"))
    }

    /// Fails where one of both has ended by itself.
    ///
    /// # Errors
    /// Which, with the end of its log.
    pub(crate) fn check_alive(&mut self) -> Result<(), Failure> {
        let ended = |running: &mut Option<Running>| match running {
            Some(running) => running.ended(),
            None => Ok(None),
        };
        if let Some(status) = ended(&mut self.agent)? {
            return Err(self.told(&format!("the agent ended: {status}"), "agent.log"));
        }
        if let Some(status) = ended(&mut self.collector)? {
            return Err(self.told(&format!("the collector ended: {status}"), "collector.log"));
        }
        Ok(())
    }

    /// Stops the agent: it says goodbye and posts what is left.
    ///
    /// # Errors
    /// It did not end in order.
    pub(crate) fn stop_agent(&mut self) -> Result<(), Failure> {
        let agent = self.agent.take().map(|agent| agent.stop(STOP_AGENT));
        agent.unwrap_or(Ok(()))
    }

    /// Stops the collector.
    ///
    /// # Errors
    /// It did not end in order.
    pub(crate) fn stop_collector(&mut self) -> Result<(), Failure> {
        let collector = self.collector.take();
        collector.map_or(Ok(()), |collector| collector.stop(STOP_COLLECTOR))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.file(name);
        fs::write(&path, text).map_err(io_at(path.display().to_string()))
    }

    /// A failure with the end of a log, which is gone with the site.
    pub(crate) fn told(&self, what: &str, log: &str) -> Failure {
        let text = fs::read_to_string(self.file(log)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.len().saturating_sub(10);
        let last = lines.get(last..).unwrap_or_default().join("\n  ");
        Failure::Check(format!("{what}; its log ends with:\n  {last}"))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // In this order, however it came to this: an agent without its collector would only retry. Failures have been
        // told before, or are of a site that failed for another reason.
        drop(self.stop_agent());
        drop(self.stop_collector());
        drop(fs::remove_dir_all(&self.memory_directory));
        if !self.keep {
            drop(fs::remove_dir_all(&self.directory));
        }
    }
}

/// A new directory that only we may enter. One that is there already is somebody else's.
fn private_directory(path: &Path) -> Result<(), Failure> {
    DirBuilder::new()
        .mode(0o700)
        .create(path)
        .map_err(io_at(path.display().to_string()))
}

/// A path as a string of TOML.
fn quoted(path: &Path) -> String {
    // Every escape of JSON is one of TOML's basic strings.
    Value::from(path.display().to_string()).to_string()
}

fn json(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::Check(format!("not JSON: {error}")))
}

/// The addresses in the collector's first line, `listening ingest=ADDRESS pages=ADDRESS`.
fn listening(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let addresses = line.trim_end().strip_prefix("listening ingest=")?;
    let (ingest, pages) = addresses.split_once(" pages=")?;
    Some((ingest.parse().ok()?, pages.parse().ok()?))
}

/// Kills a process group whose leader we started: a shell and what it runs.
pub(crate) fn kill_group(running: &Running) {
    let leader = i32::try_from(running.id()).unwrap_or(0);
    if let Some(leader) = rustix::process::Pid::from_raw(leader) {
        // It may have ended already.
        rustix::process::kill_process_group(leader, Signal::KILL).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_the_collector_has_both_addresses() {
        assert_eq!(
            listening("listening ingest=127.0.0.1:7443 pages=[::1]:8080\n"),
            Some((
                SocketAddr::from(([127, 0, 0, 1], 7443)),
                "[::1]:8080".parse().unwrap()
            ))
        );
        assert_eq!(listening(""), None);
        assert_eq!(listening("listening ingest=127.0.0.1:7443\n"), None);
    }
}
