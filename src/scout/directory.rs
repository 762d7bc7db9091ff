//! The size of a directory tree, step by step.
//!
//! Counted is what `du -sx` counts: allocated blocks, of the root and of everything below it, and as many entries as inodes. Depth
//! first, so that memory and descriptors depend on the depth and never on the number of entries:
//! every level holds its folder open, and the piece of it that was read last. Everything is opened and looked at relative to the open
//! folder above it and without following links, so that a folder that is replaced by a link meanwhile leads nowhere.
//!
//! - The **root** itself may be a link, or behind one: it is resolved once, when a walk begins, and the walk stays in what was
//!   found then. A root that is removed while it is walked through has no size.
//! - **Other file systems** are not entered: a folder with another `st_dev`. As with du(1) that holds for folders only, since
//!   overlayfs gives files the device of a layer. A subvolume of btrfs is another file system in this sense. Folders
//!   are asked for what the kernel knows of them without asking a server (`AT_STATX_DONT_SYNC`, statx(2), since Linux 4.11), so that a dead
//!   mount below the root does not hold the walk.
//! - **Hard links** count once, by a set of [`crate::limit::DIRECTORY_LINKS`] inodes that have more than one. Where it is full, each further
//!   name counts as an entry, with its share of the blocks (blocks divided by links): with all links in the
//!   tree the sum is right, and never too great. [`Size::links_cut`] says how many.
//! - A folder **deeper** than [`DIRECTORY_DEPTH`] counts itself, and is not entered; [`Size::depth_cut`] says how many.

use super::entry::{Kind, PIECE_BYTES, Piece, Seen};
use super::links::{Links, Met};
use super::missing::Missing;
use crate::clock::Uptime;
use crate::limit::DIRECTORY_DEPTH;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, fstat, openat};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// What a whole walk found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Allocated blocks, KiB.
    pub kib: u64,
    /// Files, folders, links and whatever else has a name there, the root included; hard links once.
    pub entries: u64,
    /// When the walk began.
    pub began: Uptime,
    /// When it came to its end.
    pub ended: Uptime,
    /// Entries that vanished, or became something else, between being read and being looked at.
    pub gone: u64,
    /// Entries that the system did not let us look at, and folders that it did not let us read.
    pub refused: u64,
    /// Entries and folders that could not be read for any other reason.
    pub failed: u64,
    /// Folders that are other file systems; they are not counted.
    pub other_devices: u64,
    /// Names of files with several, counted by their share since the set of links was full.
    pub links_cut: u64,
    /// Folders that are too deep to be entered.
    pub depth_cut: u64,
}

impl Size {
    /// How long ago the walk came to its end, in milliseconds.
    #[must_use]
    pub const fn age_ms(&self, now: Uptime) -> u64 {
        now.since(self.ended)
    }

    /// True where nothing that belongs to the tree was left out; entries that vanished do not belong to it.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.refused == 0 && self.failed == 0 && self.links_cut == 0 && self.depth_cut == 0
    }
}

/// What is known of the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// No walk has come to its end yet.
    #[default]
    Unknown,
    /// What the last walk found.
    Measured(Size),
    /// The last walk had nothing to walk through.
    Missing {
        /// Why.
        why: Missing,
        /// Since when every walk found so.
        since: Uptime,
        /// When the last of them began.
        looked: Uptime,
    },
}

/// How far the walk that goes on has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// When it began.
    pub began: Uptime,
    /// Entries so far.
    pub entries: u64,
    /// Folders open at this moment.
    pub depth: usize,
}

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Entries that were looked at.
    pub looked: usize,
    /// The walk came to its end, with or without a size; the next step begins another.
    pub ended: bool,
}

/// A walk through one tree, again and again. After [`Walk::new`] it takes no heap.
#[derive(Debug)]
pub struct Walk {
    root: CString,
    state: State,
    last: Option<Size>,
    going: Option<Going>,
    folders: Vec<OwnedFd>,
    pieces: Box<[Piece]>,
    raw: Box<[MaybeUninit<u8>; PIECE_BYTES]>,
    links: Links,
    rest_ms: u64,
    /// When a walk began last.
    began: Option<Uptime>,
}

/// The sums of a walk that goes on.
#[derive(Clone, Copy, Debug)]
struct Going {
    device: u64,
    half_kib: u64,
    found: Size,
}

/// What to do next.
enum Next {
    Look,
    /// A folder was at its end, or could not be read on.
    Ascended,
    Finished,
    /// The root itself cannot be read on: what was found is no size.
    Broken(Missing),
}

impl Walk {
    /// For the tree at `root`, with all memory that it will need: some 200 KiB, of which the part for links is touched only where
    /// there are any. Nothing is opened yet.
    ///
    /// # Errors
    /// `InvalidInput` for a path with a zero byte.
    pub fn new(root: &Path) -> io::Result<Self> {
        Ok(Self {
            root: CString::new(root.as_os_str().as_bytes())?,
            state: State::Unknown,
            last: None,
            going: None,
            folders: Vec::with_capacity(DIRECTORY_DEPTH),
            pieces: vec![Piece::EMPTY; DIRECTORY_DEPTH].into_boxed_slice(),
            raw: Box::new([const { MaybeUninit::uninit() }; PIECE_BYTES]),
            links: Links::new(),
            rest_ms: 0,
            began: None,
        })
    }

    /// The same, whose walks begin at the earliest so long after the one before began: a step in between does nothing.
    #[must_use]
    pub const fn with_rest(mut self, rest_ms: u64) -> Self {
        self.rest_ms = rest_ms;
        self
    }

    /// The path that is walked through.
    #[must_use]
    pub fn root(&self) -> &[u8] {
        self.root.as_bytes()
    }

    /// What is known: the outcome of the last walk that came to its end.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// What the last walk found that had something to walk through, however long ago ([`Size::age_ms`]).
    #[must_use]
    pub const fn last(&self) -> Option<&Size> {
        self.last.as_ref()
    }

    /// The walk that goes on, between the step that began it and the one that ends it.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        self.going.map(|going| Progress {
            began: going.found.began,
            entries: going.found.entries,
            depth: self.folders.len(),
        })
    }

    /// One step: looks at up to `budget` entries, and ends at the latest where the walk does. May hang where the file system
    /// does.
    pub fn step(&mut self, budget: usize, now: &mut impl FnMut() -> Uptime) -> Step {
        let mut step = Step::default();
        let mut going = match self.going.take() {
            Some(going) => going,
            None => {
                let at = now();
                if self.rests(at) {
                    return step;
                }
                match self.begin(at) {
                    Ok(going) => going,
                    Err(why) => {
                        self.is_missing(why, now());
                        step.ended = true;
                        return step;
                    }
                }
            }
        };
        while step.looked < budget {
            match self.next(&mut going.found) {
                Next::Look => {
                    self.look(&mut going);
                    step.looked = step.looked.saturating_add(1);
                }
                Next::Ascended => {}
                Next::Finished => {
                    self.finish(going, now());
                    step.ended = true;
                    return step;
                }
                Next::Broken(why) => {
                    self.folders.clear();
                    self.is_missing(why, now());
                    step.ended = true;
                    return step;
                }
            }
        }
        self.going = Some(going);
        step
    }

    /// Whether the last walk began so lately that it is too soon for the next.
    fn rests(&self, now: Uptime) -> bool {
        self.began
            .is_some_and(|began| now.since(began) < self.rest_ms)
    }

    fn begin(&mut self, now: Uptime) -> Result<Going, Missing> {
        self.folders.clear();
        self.links.clear();
        self.began = Some(now);
        let folder = openat(CWD, self.root.as_c_str(), FOLDER, Mode::empty())?;
        let seen = Seen::of(&fstat(&folder)?);
        let mut going = Going {
            device: seen.device,
            half_kib: 0,
            found: Size {
                began: now,
                ..Size::default()
            },
        };
        going.count(&seen, 1);
        self.descend(folder);
        Ok(going)
    }

    /// The root stays open to the end, so that one that was removed meanwhile is noticed: it has no name any more; and so is
    /// a server that went away, for whom everything was only a failure.
    fn finish(&mut self, going: Going, now: Uptime) {
        let missing = match self.folders.first().map(fstat) {
            Some(Ok(stat)) if stat.st_nlink == 0 => Some(Missing::NotThere),
            Some(Ok(_)) => None,
            Some(Err(errno)) => Some(errno.into()),
            None => Some(Missing::Failed),
        };
        self.folders.clear();
        if let Some(why) = missing {
            return self.is_missing(why, now);
        }
        let size = Size {
            kib: going.half_kib.div_ceil(2),
            ended: now,
            ..going.found
        };
        self.last = Some(size);
        self.state = State::Measured(size);
    }

    fn is_missing(&mut self, why: Missing, now: Uptime) {
        let since = match self.state {
            State::Missing {
                why: before, since, ..
            } if before == why => since,
            State::Unknown | State::Measured(_) | State::Missing { .. } => now,
        };
        self.state = State::Missing {
            why,
            since,
            looked: now,
        };
    }

    /// Opens the next level. Whoever calls has looked at the depth.
    fn descend(&mut self, folder: OwnedFd) {
        if let Some(piece) = self.pieces.get_mut(self.folders.len()) {
            piece.clear();
            self.folders.push(folder);
        }
    }

    /// Makes sure that the deepest level has a name to look at.
    fn next(&mut self, found: &mut Size) -> Next {
        let Some((folder, above)) = self.folders.split_last() else {
            return Next::Finished;
        };
        let Some(piece) = self.pieces.get_mut(above.len()) else {
            return Next::Finished;
        };
        if piece.has_more() {
            return Next::Look;
        }
        let at_end = match piece.refill(folder.as_fd(), self.raw.as_mut_slice()) {
            Ok(more) => !more,
            Err(errno) if above.is_empty() && errno != Errno::NOENT => {
                return Next::Broken(errno.into());
            }
            Err(errno) => {
                let counter = found.counter(errno);
                *counter = counter.saturating_add(1);
                true
            }
        };
        match (at_end, above.is_empty()) {
            (false, _) => Next::Look,
            (true, true) => Next::Finished,
            (true, false) => {
                self.folders.pop();
                Next::Ascended
            }
        }
    }

    /// Looks at the next entry of the deepest level, and goes into it where it is a folder of this file system.
    fn look(&mut self, going: &mut Going) {
        let deeper = self.folders.len() < DIRECTORY_DEPTH;
        let Some((folder, above)) = self.folders.split_last() else {
            return;
        };
        let Some(entry) = self
            .pieces
            .get_mut(above.len())
            .and_then(|piece| piece.take())
        else {
            return;
        };
        match going.look(folder.as_fd(), entry, &mut self.links, deeper) {
            Ok(Some(folder)) => self.descend(folder),
            Ok(None) => {}
            Err(errno) => {
                let counter = going.found.counter(errno);
                *counter = counter.saturating_add(1);
            }
        }
    }
}

impl Going {
    /// Counts one entry, and gives it opened where it is to be gone into.
    fn look(
        &mut self,
        folder: BorrowedFd<'_>,
        (kind, name): (Kind, &CStr),
        links: &mut Links,
        deeper: bool,
    ) -> Result<Option<OwnedFd>, Errno> {
        let seen = match kind {
            Kind::PerhapsFolder => Seen::without_asking(folder, name)?,
            Kind::NoFolder => Seen::asked(folder, name)?,
        };
        if !seen.is_folder {
            match links.meet(&seen) {
                Met::First => self.count(&seen, 1),
                Met::Again => {}
                Met::Full => {
                    self.found.links_cut = self.found.links_cut.saturating_add(1);
                    self.count(&seen, seen.links);
                }
            }
            return Ok(None);
        }
        if seen.device != self.device {
            self.found.other_devices = self.found.other_devices.saturating_add(1);
            return Ok(None);
        }
        self.count(&seen, 1);
        if !deeper {
            self.found.depth_cut = self.found.depth_cut.saturating_add(1);
            return Ok(None);
        }
        let opened = openat(folder, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
        // Something may have been mounted there since.
        if fstat(&opened)?.st_dev != self.device {
            self.found.other_devices = self.found.other_devices.saturating_add(1);
            return Ok(None);
        }
        Ok(Some(opened))
    }

    /// One entry, and of its blocks one part of so many.
    fn count(&mut self, seen: &Seen, parts: u64) {
        let half_kib = seen.half_kib.checked_div(parts).unwrap_or(0);
        self.half_kib = self.half_kib.saturating_add(half_kib);
        self.found.entries = self.found.entries.saturating_add(1);
    }
}

impl Size {
    /// What counts an entry that could not be looked at: a folder that became a link or a file is gone as well.
    const fn counter(&mut self, errno: Errno) -> &mut u64 {
        match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP => &mut self.gone,
            Errno::ACCESS | Errno::PERM => &mut self.refused,
            _ => &mut self.failed,
        }
    }
}
