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
//!   overlayfs gives files the device of a layer. A subvolume of btrfs is another file system in this sense.
//! - **Hard links** count once, by a set of [`DIRECTORY_LINKS`] inodes that have more than one. Where it is full, each further
//!   name counts as an entry, with its share of the blocks (blocks divided by links): with all links in the
//!   tree the sum is right, and never too great. [`Size::links_cut`] says how many.
//! - A folder **deeper** than [`DIRECTORY_DEPTH`] counts itself, and is not entered; [`Size::depth_cut`] says how many.

use super::missing::Missing;
use crate::clock::Uptime;
use crate::limit::{DIRECTORY_DEPTH, DIRECTORY_LINKS};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, Stat, fstat, openat, statat};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Bytes of a folder that are read at once: some thirty entries, or one of the longest name that any file system gives.
const PIECE_BYTES: usize = 1024;
/// Places of the set of links, twice as many as it takes, so that a place is found in a few looks.
const LINK_PLACES: usize = 2 * DIRECTORY_LINKS;
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
        })
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
            None => match self.begin(now()) {
                Ok(going) => going,
                Err(why) => {
                    self.is_missing(why, now());
                    step.ended = true;
                    return step;
                }
            },
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
            }
        }
        self.going = Some(going);
        step
    }

    fn begin(&mut self, now: Uptime) -> Result<Going, Missing> {
        self.folders.clear();
        self.links.clear();
        let folder = openat(CWD, self.root.as_c_str(), FOLDER, Mode::empty())?;
        let stat = fstat(&folder)?;
        let mut going = Going {
            device: stat.st_dev,
            half_kib: 0,
            found: Size {
                began: now,
                ..Size::default()
            },
        };
        going.count(&stat, 1);
        self.descend(folder);
        Ok(going)
    }

    /// The root stays open to the end, so that one that was removed meanwhile is noticed: it has no name any more.
    fn finish(&mut self, going: Going, now: Uptime) {
        let removed = match self.folders.first().map(fstat) {
            Some(Ok(stat)) => stat.st_nlink == 0,
            Some(Err(_)) | None => false,
        };
        self.folders.clear();
        if removed {
            self.is_missing(Missing::NotThere, now);
        } else {
            let size = Size {
                kib: going.half_kib.div_ceil(2),
                ended: now,
                ..going.found
            };
            self.last = Some(size);
            self.state = State::Measured(size);
        }
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
            Err(errno) => {
                *found.counter(errno) = found.counter(errno).saturating_add(1);
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
        let Some(name) = self
            .pieces
            .get_mut(above.len())
            .and_then(|piece| piece.take())
        else {
            return;
        };
        match going.look(folder.as_fd(), name, &mut self.links, deeper) {
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
        name: &CStr,
        links: &mut Links,
        deeper: bool,
    ) -> Result<Option<OwnedFd>, Errno> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        let stat = statat(folder, name, flags)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            match links.meet(&stat) {
                Met::First => self.count(&stat, 1),
                Met::Again => {}
                Met::Full => {
                    self.found.links_cut = self.found.links_cut.saturating_add(1);
                    self.count(&stat, wide(stat.st_nlink));
                }
            }
            return Ok(None);
        }
        if stat.st_dev != self.device {
            self.found.other_devices = self.found.other_devices.saturating_add(1);
            return Ok(None);
        }
        self.count(&stat, 1);
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
    fn count(&mut self, stat: &Stat, parts: u64) {
        let half_kib = wide(stat.st_blocks).checked_div(parts).unwrap_or(0);
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

/// A field of `stat`, which has another width on each architecture; below zero only a broken driver could give.
fn wide(value: impl TryInto<u64>) -> u64 {
    value.try_into().unwrap_or(0)
}

/// The piece of a folder that was read last: names with a zero behind each.
#[derive(Clone, Copy, Debug)]
struct Piece {
    bytes: [u8; PIECE_BYTES],
    used: usize,
    next: usize,
}

impl Piece {
    const EMPTY: Self = Self {
        bytes: [0; PIECE_BYTES],
        used: 0,
        next: 0,
    };

    const fn clear(&mut self) {
        self.used = 0;
        self.next = 0;
    }

    const fn has_more(&self) -> bool {
        self.next < self.used
    }

    /// The next name.
    fn take(&mut self) -> Option<&CStr> {
        let rest = self.bytes.get(self.next..self.used)?;
        let name = CStr::from_bytes_until_nul(rest).ok()?;
        self.next = self
            .next
            .saturating_add(name.count_bytes())
            .saturating_add(1);
        Some(name)
    }

    fn put(&mut self, name: &CStr) {
        let name = name.to_bytes_with_nul();
        let end = self.used.saturating_add(name.len());
        // An entry of the kernel's has 19 bytes before its name, so that all of a piece have room here.
        if let Some(room) = self.bytes.get_mut(self.used..end) {
            room.copy_from_slice(name);
            self.used = end;
        }
    }

    /// Reads on; false at the end of the folder.
    fn refill(
        &mut self,
        folder: BorrowedFd<'_>,
        raw: &mut [MaybeUninit<u8>],
    ) -> Result<bool, Errno> {
        self.clear();
        let mut entries = RawDir::new(folder, raw);
        loop {
            match entries.next() {
                None => return Ok(self.has_more()),
                Some(Ok(entry)) => {
                    let name = entry.file_name();
                    if name != c"." && name != c".." {
                        self.put(name);
                    }
                }
                Some(Err(Errno::INTR)) => continue,
                Some(Err(errno)) => return Err(errno),
            }
            // A piece with nothing but the folder itself and the one above is not the end.
            if entries.is_buffer_empty() && self.has_more() {
                return Ok(true);
            }
        }
    }
}

/// Whether a file was met before under another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Met {
    First,
    Again,
    Full,
}

/// The files of this walk that have more than one name, by device and inode.
#[derive(Debug)]
struct Links {
    places: Box<[(u64, u64)]>,
    used: usize,
}

impl Links {
    /// No file has inode 0.
    const FREE: (u64, u64) = (0, 0);

    fn new() -> Self {
        Self {
            places: vec![Self::FREE; LINK_PLACES].into_boxed_slice(),
            used: 0,
        }
    }

    fn clear(&mut self) {
        // A tree without links never touches these pages.
        if self.used > 0 {
            self.places.fill(Self::FREE);
            self.used = 0;
        }
    }

    fn meet(&mut self, stat: &Stat) -> Met {
        let key = (stat.st_dev, stat.st_ino);
        if stat.st_nlink <= 1 || key == Self::FREE {
            return Met::First;
        }
        let mut place = place(key);
        for _ in 0..LINK_PLACES {
            let Some(slot) = self.places.get_mut(place) else {
                return Met::Full;
            };
            if *slot == key {
                return Met::Again;
            }
            if *slot == Self::FREE {
                if self.used >= DIRECTORY_LINKS {
                    return Met::Full;
                }
                *slot = key;
                self.used = self.used.saturating_add(1);
                return Met::First;
            }
            place = place.saturating_add(1) % LINK_PLACES;
        }
        Met::Full
    }
}

/// Where to look for a key first. Inodes count upwards: a product spreads them (Fibonacci hashing).
fn place((device, inode): (u64, u64)) -> usize {
    let mixed = (inode ^ device.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(mixed >> 32).unwrap_or(0) % LINK_PLACES
}
