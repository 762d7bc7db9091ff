//! The files of one process, read through a descriptor of its folder, so that all are of the same process even where its id is
//! given again meanwhile. Fixed buffers, no heap.

use super::process::{Identity, Text};
use super::table::{Look, Particulars};
use crate::clock::Uptime;
use crate::sample::{process, process_group};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use std::ffi::CStr;

/// Room for the longest file: `cgroup` of version 1 has a dozen lines with a path each, `status` lists groups.
const BUFFER_BYTES: usize = 8192;
/// A process id in digits, with a zero behind.
const PID_BYTES: usize = 11;

/// Why a process could not be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It ended meanwhile.
    Gone,
    /// The system does not allow it (`hidepid` of proc(5), or a security module).
    Refused,
    /// Anything else: no memory or descriptors for it just now, or contents that are no record.
    Failed,
}

impl From<Errno> for Unread {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::SRCH | Errno::NOTDIR => Self::Gone,
            Errno::ACCESS | Errno::PERM => Self::Refused,
            _ => Self::Failed,
        }
    }
}

/// Reads processes.
#[derive(Debug)]
pub struct Files {
    buffer: Box<[u8; BUFFER_BYTES]>,
    tick_ms: u64,
    page_kib: u64,
}

/// An open folder of one process.
#[derive(Debug)]
pub struct Folder(OwnedFd);

impl Files {
    /// With the buffers that it will use.
    #[must_use]
    pub fn new() -> Self {
        let ticks = rustix::param::clock_ticks_per_second().max(1);
        let page_bytes = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
        Self {
            buffer: Box::new([0; BUFFER_BYTES]),
            tick_ms: (1000_u64).checked_div(ticks).unwrap_or(10).max(1),
            page_kib: (page_bytes / 1024).max(1),
        }
    }

    /// Opens the folder of a process under an open `/proc`.
    ///
    /// # Errors
    /// As openat(2).
    pub fn open(&self, proc_folder: BorrowedFd<'_>, pid: u32) -> Result<Folder, Unread> {
        let mut name = [0; PID_BYTES];
        let name = digits(pid, &mut name);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Folder(openat(proc_folder, name, flags, Mode::empty())?))
    }

    /// Looks at a process: `stat`, `statm`, and `status` where `swap_in_use`; else nothing of it can be in swap.
    ///
    /// # Errors
    /// Where `stat` cannot be read, or is no record. Memory and swap are absent where only their files cannot be.
    pub fn look(
        &mut self,
        folder: &Folder,
        pid: u32,
        swap_in_use: bool,
        at: Uptime,
    ) -> Result<Look, Unread> {
        let (tick_ms, page_kib) = (self.tick_ms, self.page_kib);
        let text = self.read(folder.0.as_fd(), c"stat")?;
        let stat = process::stat(text).ok_or(Unread::Failed)?;
        let started_ms = stat.start_ticks.saturating_mul(tick_ms);
        let mut look = Look {
            at,
            id: Identity {
                pid,
                start_ticks: stat.start_ticks,
            },
            parent: stat.parent,
            threads: stat.threads,
            name: Text::cut(stat.name),
            runs: stat.state == b'R',
            cpu_ms: stat.cpu_ticks.saturating_mul(tick_ms),
            age_ms: at.since(Uptime::from_millis(started_ms)),
            memory_kib: None,
            swap_kib: None,
        };
        look.memory_kib = self
            .read(folder.0.as_fd(), c"statm")
            .ok()
            .and_then(process::statm)
            .map(|memory| memory.own_pages().saturating_mul(page_kib));
        look.swap_kib = if swap_in_use {
            self.read(folder.0.as_fd(), c"status")
                .ok()
                .and_then(|text| process::status(text).swap_kib)
        } else {
            Some(0)
        };
        Ok(look)
    }

    /// What is read once. Whatever cannot be is absent.
    pub fn particulars(&mut self, folder: &Folder) -> Particulars {
        let folder = folder.0.as_fd();
        let mut found = Particulars::default();
        if let Ok(text) = self.read(folder, c"status") {
            found.uid = process::status(text).uid;
        }
        if let Ok(text) = self.read(folder, c"cgroup") {
            let group = process_group::group(text);
            found.unit = group.unit.map(Text::cut);
            found.container = group.container.map(Text::cut);
        }
        if let Ok(text) = self.read(folder, c"oom_score_adj") {
            found.oom_score_adj = process::oom_score_adj(text);
        }
        found
    }

    /// The head of a file. The kernel gives these files whole at one read, as far as the buffer goes. A pipe in a strange tree
    /// is not waited for.
    pub(super) fn read(&mut self, folder: BorrowedFd<'_>, name: &CStr) -> Result<&[u8], Unread> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = openat(folder, name, flags, Mode::empty())?;
        let count = match rustix::io::read(&file, self.buffer.as_mut_slice()) {
            Err(Errno::INTR) => rustix::io::read(&file, self.buffer.as_mut_slice())?,
            other => other?,
        };
        Ok(self.buffer.get(..count).unwrap_or_default())
    }
}

impl Default for Files {
    fn default() -> Self {
        Self::new()
    }
}

/// The decimal digits of a number, with a zero behind.
fn digits(pid: u32, room: &mut [u8; PID_BYTES]) -> &CStr {
    let mut rest = pid;
    let mut at = PID_BYTES.saturating_sub(1);
    loop {
        at = at.saturating_sub(1);
        if let Some(slot) = room.get_mut(at) {
            *slot = b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or(0));
        }
        rest /= 10;
        if rest == 0 || at == 0 {
            break;
        }
    }
    room.get(at..)
        .and_then(|bytes| CStr::from_bytes_until_nul(bytes).ok())
        .unwrap_or(c"")
}

#[cfg(test)]
mod tests {
    use super::{PID_BYTES, digits};

    #[test]
    fn ids_as_digits() {
        for pid in [0, 1, 9, 10, 4711, 4_194_304, u32::MAX] {
            let mut room = [0; PID_BYTES];
            assert_eq!(digits(pid, &mut room).to_str().unwrap(), pid.to_string());
        }
    }
}
