//! The kernel's log, read for whom it kills for memory: `/dev/kmsg` gives a record a read, from where one stands, without waiting
//! (Documentation/ABI/testing/dev-kmsg). Reading needs `CAP_SYSLOG` where `kernel.dmesg_restrict` is set (proc_sys_kernel(5)).

use super::process::Text;
use crate::frame::evidence::{Short, Victim};
use crate::limit::{KERNEL_RECORDS_PER_STEP, VICTIM_GROUP_BYTES, VICTIM_NAME_BYTES};
use crate::sample::kernel_log::{Constraint, choice, killed, record};
use crate::sample::process_group;
use rustix::fd::OwnedFd;
use rustix::fs::{CWD, Mode, OFlags, SeekFrom, openat, seek};
use rustix::io::{Errno, read};
use std::io;
use std::path::Path;

/// Longest record (`CONSOLE_EXT_LOG_MAX` of the kernel).
const RECORD_BYTES: usize = 8192;

/// What the kernel said it would do, until it says that it did.
#[derive(Clone, Copy, Debug)]
struct Chosen {
    pid: u32,
    short: Short,
    group: Text<VICTIM_GROUP_BYTES>,
    task_group: Text<VICTIM_GROUP_BYTES>,
}

/// A process that was killed.
#[derive(Clone, Copy, Debug)]
pub struct Dead {
    sequence: u64,
    at_ms: u64,
    pid: u32,
    name: Text<VICTIM_NAME_BYTES>,
    uid: Option<u32>,
    oom_score_adj: Option<i16>,
    anonymous_kib: u64,
    file_kib: u64,
    shared_kib: Option<u64>,
    short: Short,
    group: Text<VICTIM_GROUP_BYTES>,
    task_group: Text<VICTIM_GROUP_BYTES>,
}

impl Dead {
    /// As it stands in a frame.
    #[must_use]
    pub fn victim(&self) -> Victim<'_> {
        let place = process_group::of_path(self.task_group.as_bytes());
        Victim {
            sequence: self.sequence,
            at_ms: self.at_ms,
            pid: self.pid,
            name: self.name.as_bytes(),
            uid: self.uid,
            oom_score_adj: self.oom_score_adj,
            anonymous_kib: self.anonymous_kib,
            file_kib: self.file_kib,
            shared_kib: self.shared_kib,
            short: self.short.as_u8(),
            group: self.group.as_bytes(),
            unit: place.unit,
            container: place.container,
        }
    }
}

/// The open log. After [`KernelLog::open`] it takes no heap.
#[derive(Debug)]
pub struct KernelLog {
    file: OwnedFd,
    buffer: Box<[u8; RECORD_BYTES]>,
    /// Records up to this were read before.
    after: Option<u64>,
    chosen: Option<Chosen>,
}

impl KernelLog {
    /// Opens `root`/dev/kmsg: behind all that stands there, or behind the record that was read last.
    ///
    /// # Errors
    /// As open(2) and lseek(2); `PermissionDenied` without the right to read it.
    pub fn open(root: &Path, after: Option<u64>) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = openat(CWD, root.join("dev/kmsg"), flags, Mode::empty())?;
        if after.is_none() {
            seek(&file, SeekFrom::End(0))?;
        }
        Ok(Self {
            file,
            buffer: Box::new([0; RECORD_BYTES]),
            after,
            chosen: None,
        })
    }

    /// The record that was read last.
    #[must_use]
    pub const fn read_to(&self) -> Option<u64> {
        self.after
    }

    /// Reads on, a bounded number of records; hands over who was killed.
    pub fn step(&mut self, each: &mut dyn FnMut(&Dead)) {
        for _ in 0..KERNEL_RECORDS_PER_STEP {
            let count = match read(&self.file, self.buffer.as_mut_slice()) {
                Ok(0) => return,
                Ok(count) => count,
                // Overwritten before it was read, or longer than any: the next read is of a later one.
                Err(Errno::PIPE | Errno::INVAL | Errno::INTR) => continue,
                // Nothing more; or no memory just now.
                Err(_) => return,
            };
            let dead = self
                .buffer
                .get(..count)
                .and_then(|bytes| took(bytes, &mut self.after, &mut self.chosen));
            if let Some(dead) = dead {
                each(&dead);
            }
        }
    }
}

/// One record.
fn took(bytes: &[u8], after: &mut Option<u64>, chosen: &mut Option<Chosen>) -> Option<Dead> {
    let record = record(bytes)?;
    if after.is_some_and(|after| record.sequence <= after) {
        return None;
    }
    *after = Some(record.sequence);
    if !record.is_of_kernel {
        return None;
    }
    if let Some(choice) = choice(record.text) {
        *chosen = Some(Chosen {
            pid: choice.pid,
            short: match choice.constraint {
                Constraint::Unknown => Short::Unknown,
                Constraint::Host => Short::Host,
                Constraint::Group => Short::Group,
                Constraint::Nodes => Short::Nodes,
            },
            group: end_of(choice.group),
            task_group: end_of(choice.task_group),
        });
        return None;
    }
    let killed = killed(record.text)?;
    // Of a group that is killed as a whole, and of threads in other processes, the choice names the first.
    let chosen = chosen.filter(|chosen| chosen.pid == killed.pid);
    let said = if killed.of_group {
        Short::Group
    } else {
        Short::Unknown
    };
    Some(Dead {
        sequence: record.sequence,
        at_ms: record.at_ms,
        pid: killed.pid,
        name: Text::cut(killed.name),
        uid: killed.uid,
        oom_score_adj: killed.oom_score_adj,
        anonymous_kib: killed.anonymous_kib,
        file_kib: killed.file_kib,
        shared_kib: killed.shared_kib,
        short: chosen.map_or(said, |chosen| chosen.short),
        group: chosen.map_or(Text::cut(b""), |chosen| chosen.group),
        task_group: chosen.map_or(Text::cut(b""), |chosen| chosen.task_group),
    })
}

/// The end of a path says more than its beginning.
fn end_of(path: &[u8]) -> Text<VICTIM_GROUP_BYTES> {
    let from = path.len().saturating_sub(VICTIM_GROUP_BYTES);
    Text::cut(path.get(from..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(records: &[&str], after: Option<u64>) -> (Vec<Dead>, Option<u64>) {
        let (mut after, mut chosen) = (after, None);
        let dead = records
            .iter()
            .filter_map(|record| took(record.as_bytes(), &mut after, &mut chosen))
            .collect();
        (dead, after)
    }

    const CHOICE: &str = "6,10,5000,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
        oom_memcg=/system.slice/app.service,task_memcg=/system.slice/app.service,task=java,pid=17,uid=998";
    const KILLED: &str = "3,11,6000,-;Memory cgroup out of memory: Killed process 17 (java) total-vm:100kB, anon-rss:50kB, \
        file-rss:10kB, shmem-rss:2kB, UID:998 pgtables:96kB oom_score_adj:0";

    #[test]
    fn a_victim_has_its_service_and_the_group_that_was_full() {
        let (dead, after) = all(&[CHOICE, KILLED], None);
        assert_eq!(after, Some(11));
        let victim = dead[0].victim();
        assert_eq!((victim.sequence, victim.at_ms, victim.pid), (11, 6, 17));
        assert_eq!(victim.unit, Some(&b"app.service"[..]));
        assert_eq!(victim.group, b"/system.slice/app.service");
        assert_eq!(Short::from_u8(victim.short), Short::Group);
        assert_eq!(victim.anonymous_kib, 50);
    }

    #[test]
    fn a_choice_is_only_of_its_own_victim_and_without_one_less_is_known() {
        let other = KILLED.replace("process 17", "process 18");
        let (dead, _) = all(&[CHOICE, &other], None);
        assert_eq!(dead[0].victim().unit, None);
        assert_eq!(Short::from_u8(dead[0].victim().short), Short::Group);
        let (dead, _) = all(&[KILLED], None);
        assert_eq!(dead[0].victim().group, b"");
    }

    #[test]
    fn what_was_read_before_and_what_a_program_wrote_is_nothing() {
        assert!(all(&[CHOICE, KILLED], Some(11)).0.is_empty());
        let written = KILLED.replacen("3,", "12,", 1);
        assert!(all(&[CHOICE, &written], None).0.is_empty());
    }

    #[test]
    fn a_long_group_keeps_its_end() {
        let long = format!("/{}/last", "x".repeat(300));
        let kept = end_of(long.as_bytes());
        assert!(kept.as_bytes().ends_with(b"x/last"));
        assert_eq!(kept.as_bytes().len(), VICTIM_GROUP_BYTES);
    }
}
