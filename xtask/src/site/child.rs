//! A program that runs beside us and does not outlive us.

use crate::process::{Failure, io_at};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often an end is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// A program that runs. Killed where it is dropped without having been stopped.
#[derive(Debug)]
pub(crate) struct Running {
    name: &'static str,
    child: Child,
}

impl Running {
    /// Starts `command` in a process group of its own, so that Ctrl-C reaches us alone and we stop it in order. What
    /// it says on stderr goes to `log`.
    ///
    /// # Errors
    /// The log cannot be written, or the program not started.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        log: &Path,
    ) -> Result<Self, Failure> {
        let place = log.display().to_string();
        let log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(io_at(place))?;
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(io_at(format!("starting {name}")))?;
        Ok(Self { name, child })
    }

    /// What it prints, once, where it was started with a pipe.
    pub(crate) fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, where it has.
    ///
    /// # Errors
    /// As waitpid(2).
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.child.try_wait().map_err(io_at(self.name))
    }

    /// Sends SIGTERM and waits; after `patience` it is killed, and that is a failure.
    ///
    /// # Errors
    /// It had to be killed, or did not end with 0.
    pub(crate) fn stop(mut self, patience: Duration) -> Result<(), Failure> {
        let until = Instant::now().checked_add(patience);
        if self.ended()?.is_none()
            && let Some(pid) = Pid::from_raw(i32::try_from(self.id()).unwrap_or(0))
        {
            // It may have ended just now: the loop sees that.
            kill_process(pid, Signal::TERM).ok();
        }
        loop {
            match self.ended()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    return Err(Failure::Check(format!("{} ended: {status}", self.name)));
                }
                None if until.is_some_and(|until| Instant::now() < until) => sleep(LOOK),
                None => {
                    let name = self.name;
                    return Err(Failure::Check(format!(
                        "{name} does not stop, and was killed"
                    )));
                }
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // Whatever it was stopped in: neither it nor its end may be left behind.
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}
