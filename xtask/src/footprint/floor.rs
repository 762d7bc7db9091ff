//! The floor: a process that only reads the files which the watcher holds, as often as the watcher does. What the agent
//! takes above it is the agent's own.

use crate::process::{Failure, io_at};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// The agent's default `sample.interval`.
const EVERY: Duration = Duration::from_secs(1);
/// The agent's default `sample.counters_interval`, in samples.
const COUNTERS_EVERY: u64 = 5;
/// What the agent asks of a file, and the buffer for those that it reads whole.
const HEAD_BYTES: usize = 4096;
const BUFFER_BYTES: usize = 8192;

/// The files of `/proc` and `/sys` that a process holds open.
///
/// # Errors
/// The process is gone or another user's, or holds none.
pub(super) fn held_by(pid: u32) -> Result<Vec<PathBuf>, Failure> {
    let folder = format!("/proc/{pid}/fd");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .map_err(io_at(folder.clone()))?
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter(|file| file.starts_with("/proc") || file.starts_with("/sys"))
        .collect();
    files.sort();
    files.dedup();
    if files.is_empty() {
        return Err(Failure::Check(format!(
            "{folder}: no file of /proc is held open"
        )));
    }
    Ok(files)
}

/// The process at work; it ends with this value.
#[derive(Debug)]
pub(super) struct Floor {
    child: Child,
    stdin: Option<ChildStdin>,
}

/// Starts it.
///
/// # Errors
/// This program cannot be started again.
pub(super) fn start(files: &[PathBuf]) -> Result<Floor, Failure> {
    let own = std::env::current_exe().map_err(io_at("the path of this program"))?;
    let mut child = Command::new(own)
        .args(["footprint", "--floor"])
        .args(files)
        .stdin(Stdio::piped())
        .spawn()
        .map_err(io_at("starting the bare reader"))?;
    let stdin = child.stdin.take();
    Ok(Floor { child, stdin })
}

impl Floor {
    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it.
    pub(super) fn stop(&mut self) {
        self.stdin = None;
        if self.child.wait().is_err() {
            // Nobody else waits for it, so there is nothing that could have been missed.
        }
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The process itself.
///
/// # Errors
/// A file cannot be opened.
pub(super) fn read_until_stdin_ends(files: &[PathBuf]) -> Result<(), Failure> {
    if files.is_empty() {
        return Err(Failure::Usage("--floor needs files".to_owned()));
    }
    let mut held = Vec::new();
    for path in files {
        let file = File::open(path).map_err(io_at(path.display().to_string()))?;
        held.push((file, Share::of(path)));
    }
    let (ended, end) = channel::<()>();
    std::thread::spawn(move || {
        // An error is an end as well. This thread sleeps in read(2) all the time.
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        drop(ended);
    });
    let mut buffer = [0; BUFFER_BYTES];
    let mut due = Instant::now();
    for turn in 0_u64.. {
        for (file, share) in &held {
            share.read(file, turn, &mut buffer);
        }
        due = due.checked_add(EVERY).unwrap_or(due);
        let wait = due.saturating_duration_since(Instant::now());
        if end.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
            break;
        }
    }
    Ok(())
}

/// How much of a file is read, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    /// Its head, at every turn.
    Head,
    /// Its head, with the counters.
    HeadWithCounters,
    /// All of it, with the counters.
    WholeWithCounters,
}

impl Share {
    fn of(path: &Path) -> Self {
        if path.ends_with("vmstat") {
            Self::WholeWithCounters
        } else if path.ends_with("cpu/online") {
            Self::HeadWithCounters
        } else {
            Self::Head
        }
    }

    /// What cannot be read now is as cheap for the agent.
    fn read(self, file: &File, turn: u64, buffer: &mut [u8; BUFFER_BYTES]) {
        if self != Self::Head && !turn.is_multiple_of(COUNTERS_EVERY) {
            return;
        }
        let most = if self == Self::WholeWithCounters {
            BUFFER_BYTES
        } else {
            HEAD_BYTES
        };
        let mut filled = 0_usize;
        while let Some(rest) = buffer.get_mut(filled..most).filter(|rest| !rest.is_empty()) {
            let at = u64::try_from(filled).unwrap_or(u64::MAX);
            match file.read_at(rest, at) {
                Ok(count) if count > 0 => filled = filled.saturating_add(count),
                Ok(_) | Err(_) => return,
            }
            if self != Self::WholeWithCounters {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dear_files_are_read_more_rarely() {
        assert_eq!(Share::of(Path::new("/proc/meminfo")), Share::Head);
        assert_eq!(
            Share::of(Path::new("/proc/vmstat")),
            Share::WholeWithCounters
        );
        assert_eq!(
            Share::of(Path::new("/sys/devices/system/cpu/online")),
            Share::HeadWithCounters
        );
    }

    #[test]
    fn only_files_of_the_kernel_count_as_held() {
        let _held = File::open("/proc/loadavg").unwrap();
        let _other = File::open("/dev/null").unwrap();
        let files = held_by(std::process::id()).unwrap();
        assert!(files.contains(&PathBuf::from("/proc/loadavg")));
        assert!(!files.contains(&PathBuf::from("/dev/null")));
    }
}
