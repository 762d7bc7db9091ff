//! The walk through `/proc`, by steps of a fixed budget.
//!
//! A step does two things. It **looks again** at some processes of the table, in turn: theirs are the values that are told, so they
//! are fresh whatever number of others there is. And it **goes on** through the folder by some entries, and offers those that are not
//! in the table a seat. The folder is held open and read on from where it was; what a step costs, in time and memory, does
//! not depend on how many processes there are, only how many steps the walk takes.

use super::files::{Files, Folder, Unread};
use super::table::{Admission, Seen, Table};
use crate::clock::Uptime;
use crate::limit::PROCESSES;
use crate::sample::meminfo;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, RawDir, SeekFrom, openat, seek};
use rustix::io::Errno;
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::path::Path;

/// Bytes of the folder that are read at once.
const FOLDER_BYTES: usize = 4096;
/// Entries in them at most: the shortest has 24 bytes (getdents64(2)).
const QUEUE: usize = FOLDER_BYTES / 24 + 1;

/// How much of what there is was seen in one walk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Processes in the folder.
    pub seen: u32,
    /// Of them those that were looked at, or are in the table and looked at in turn.
    pub read: u32,
    /// Of them those that the system does not let us read.
    pub refused: u32,
    /// Of them those that ended before they could be read.
    pub gone: u32,
    /// Of them those that could not be read for any other reason: no memory, no descriptors.
    pub failed: u32,
    /// Threads of those that were read.
    pub threads: u64,
    /// Those that got no seat because they are small and do not run.
    pub small: u32,
    /// Those that got no seat because all seats on trial were taken.
    pub trial_full: u32,
    /// Process 1, which every host and container has, is not to be seen: others are hidden from us too (`hidepid`).
    pub hidden: bool,
    /// The folder could not be read to its end.
    pub cut: bool,
    /// When the walk began.
    pub began: Uptime,
    /// When it came to its end.
    pub ended: Uptime,
}

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Processes that were looked at.
    pub looks: u32,
    /// The walk came to the end of the folder; the next step begins anew.
    pub walk_ended: bool,
    /// All of the table were looked at again since this was true last.
    pub round_ended: bool,
}

/// Reads processes into a table. After [`Scanner::open`] it takes no heap.
#[derive(Debug)]
pub struct Scanner {
    proc_folder: OwnedFd,
    files: Files,
    table: Box<Table>,
    folder_bytes: Box<[MaybeUninit<u8>; FOLDER_BYTES]>,
    queue: [u32; QUEUE],
    queued: usize,
    next_queued: usize,
    next_seat: usize,
    swap_in_use: bool,
    saw_first: bool,
    cut: bool,
    walk: Option<Coverage>,
    last: Option<Coverage>,
}

impl Scanner {
    /// Opens `root`/proc, and takes all memory that it will need.
    ///
    /// # Errors
    /// As openat(2).
    pub fn open(root: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            proc_folder: openat(CWD, root.join("proc"), flags, Mode::empty())?,
            files: Files::new(),
            table: Table::boxed(),
            folder_bytes: Box::new([const { MaybeUninit::uninit() }; FOLDER_BYTES]),
            queue: [0; QUEUE],
            queued: 0,
            next_queued: 0,
            next_seat: 0,
            swap_in_use: true,
            saw_first: false,
            cut: false,
            walk: None,
            last: None,
        })
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// What the last walk that came to its end saw; `None` before the first.
    #[must_use]
    pub const fn coverage(&self) -> Option<&Coverage> {
        self.last.as_ref()
    }

    /// One step: looks again at `budget` processes of the table, and goes on by `budget` entries of the folder.
    pub fn step(&mut self, budget: usize, now: &mut impl FnMut() -> Uptime) -> Step {
        let mut step = Step::default();
        self.look_again(budget, now, &mut step);
        self.go_on(budget, now, &mut step);
        if step.walk_ended || step.round_ended {
            self.table.settle(now());
        }
        step
    }

    /// Looks at everything once: all of the table again, then the folder from where it is to its end.
    ///
    /// For whoever asks once; it takes as long as there are processes.
    pub fn pass(&mut self, now: &mut impl FnMut() -> Uptime) {
        self.next_seat = 0;
        let mut step = Step::default();
        self.look_again(PROCESSES, now, &mut step);
        while !step.walk_ended {
            self.go_on(QUEUE, now, &mut step);
        }
        self.table.settle(now());
    }

    /// Looks again at those in the table, `budget` of them, in turn.
    fn look_again(&mut self, budget: usize, now: &mut impl FnMut() -> Uptime, step: &mut Step) {
        let mut left = budget.min(self.table.len());
        // An empty seat costs no look, and the table is gone through at most once.
        for _ in 0..PROCESSES {
            if left == 0 {
                break;
            }
            let seat = self.next_seat;
            self.next_seat = seat.saturating_add(1);
            if self.next_seat >= PROCESSES {
                self.next_seat = 0;
                step.round_ended = true;
            }
            let Some(pid) = self.table.at(seat).map(|process| process.id.pid) else {
                continue;
            };
            left = left.saturating_sub(1);
            step.looks = step.looks.saturating_add(1);
            match self.files.open(self.proc_folder.as_fd(), pid) {
                Ok(folder) => self.again(seat, pid, &folder, now()),
                Err(why) => self.unread(seat, why),
            }
        }
    }

    fn again(&mut self, seat: usize, pid: u32, folder: &Folder, at: Uptime) {
        match self.files.look(folder, pid, self.swap_in_use, at) {
            Ok(look) => match self.table.again(seat, &look) {
                Some(Seen::Renamed) => {
                    let particulars = self.files.particulars(folder);
                    self.table.describe(seat, &particulars);
                }
                // The walk comes by whoever has the id now.
                Some(Seen::Same | Seen::Replaced) | None => {}
            },
            Err(why) => self.unread(seat, why),
        }
    }

    /// Whoever cannot be read just now stays, with the age of its last reading: while memory is gone that is everybody.
    fn unread(&mut self, seat: usize, why: Unread) {
        match why {
            Unread::Gone => self.table.leave(seat),
            Unread::Refused | Unread::Failed => {}
        }
    }

    /// Goes on through the folder, by `budget` processes or to its end.
    fn go_on(&mut self, budget: usize, now: &mut impl FnMut() -> Uptime, step: &mut Step) {
        for _ in 0..budget {
            let mut walk = match self.walk {
                Some(walk) => walk,
                None => self.begin(now()),
            };
            let Some(pid) = self.next_process() else {
                walk.ended = now();
                walk.hidden = !self.saw_first;
                walk.cut = self.cut;
                self.last = Some(walk);
                self.walk = None;
                step.walk_ended = true;
                return;
            };
            self.pass_by(pid, now, &mut walk, step);
            self.walk = Some(walk);
        }
    }

    fn begin(&mut self, now: Uptime) -> Coverage {
        self.saw_first = false;
        self.cut = false;
        self.queued = 0;
        self.next_queued = 0;
        // Only a folder that is none could refuse, and then nothing is seen in it.
        let _outcome = seek(&self.proc_folder, SeekFrom::Start(0));
        let used = self
            .files
            .read(self.proc_folder.as_fd(), c"meminfo")
            .ok()
            .map(meminfo::parse)
            .and_then(|info| info.swap_total_kib?.checked_sub(info.swap_free_kib?));
        self.swap_in_use = used != Some(0);
        Coverage {
            began: now,
            ..Coverage::default()
        }
    }

    fn pass_by(
        &mut self,
        pid: u32,
        now: &mut impl FnMut() -> Uptime,
        walk: &mut Coverage,
        step: &mut Step,
    ) {
        walk.seen = walk.seen.saturating_add(1);
        self.saw_first |= pid == 1;
        if let Some(process) = self.table.seat_of(pid).and_then(|seat| self.table.at(seat)) {
            walk.read = walk.read.saturating_add(1);
            walk.threads = walk.threads.saturating_add(u64::from(process.threads));
            return;
        }
        step.looks = step.looks.saturating_add(1);
        let found = self
            .files
            .open(self.proc_folder.as_fd(), pid)
            .and_then(|folder| {
                let look = self.files.look(&folder, pid, self.swap_in_use, now())?;
                Ok((folder, look))
            });
        let counter = match found {
            Ok((folder, look)) => {
                walk.threads = walk.threads.saturating_add(u64::from(look.threads));
                match self.table.offer(&look) {
                    Admission::Small => walk.small = walk.small.saturating_add(1),
                    Admission::TrialFull => walk.trial_full = walk.trial_full.saturating_add(1),
                    Admission::FreeSeat | Admission::Larger | Admission::OnTrial => {
                        if let Some(seat) = self.table.seat_of(pid) {
                            let particulars = self.files.particulars(&folder);
                            self.table.describe(seat, &particulars);
                        }
                    }
                }
                &mut walk.read
            }
            Err(Unread::Gone) => &mut walk.gone,
            Err(Unread::Refused) => &mut walk.refused,
            Err(Unread::Failed) => &mut walk.failed,
        };
        *counter = counter.saturating_add(1);
    }

    /// The next process id of the folder; `None` at its end, and where it cannot be read.
    fn next_process(&mut self) -> Option<u32> {
        while self.next_queued >= self.queued {
            if !self.refill() {
                return None;
            }
        }
        let pid = self.queue.get(self.next_queued).copied();
        self.next_queued = self.next_queued.saturating_add(1);
        pid
    }

    /// Reads the next piece of the folder; false at its end.
    fn refill(&mut self) -> bool {
        self.queued = 0;
        self.next_queued = 0;
        let mut entries = RawDir::new(&self.proc_folder, self.folder_bytes.as_mut_slice());
        loop {
            match entries.next() {
                None => return false,
                Some(Ok(entry)) => {
                    if let Some(pid) = process_id(entry.file_name())
                        && let Some(slot) = self.queue.get_mut(self.queued)
                    {
                        *slot = pid;
                        self.queued = self.queued.saturating_add(1);
                    }
                }
                Some(Err(Errno::INTR)) => continue,
                Some(Err(_)) => {
                    self.cut = true;
                    return false;
                }
            }
            if entries.is_buffer_empty() {
                return true;
            }
        }
    }
}

/// The name of a process's folder: decimal digits without a leading zero.
fn process_id(name: &CStr) -> Option<u32> {
    let name = name.to_str().ok()?;
    if !name.bytes().all(|byte| byte.is_ascii_digit()) || name.starts_with('0') {
        return None;
    }
    name.parse().ok()
}
