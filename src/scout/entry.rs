//! What a walk holds of a folder: the entries of one piece of it, and what is used of the inode of one.

use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, FileType, RawDir, Stat, StatxFlags, makedev, statat, statx};
use rustix::io::Errno;
use std::ffi::CStr;
use std::mem::MaybeUninit;

/// Bytes of a folder that are read at once: some thirty entries, or one of the longest name that any file system gives.
pub(super) const PIECE_BYTES: usize = 1024;

/// What the folder that an entry stands in says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A folder, or it is left open.
    PerhapsFolder,
    /// Anything else.
    NoFolder,
}

/// What is used of an entry's inode.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) is_folder: bool,
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) links: u64,
    pub(super) half_kib: u64,
}

impl Seen {
    pub(super) fn of(stat: &Stat) -> Self {
        Self {
            is_folder: FileType::from_raw_mode(stat.st_mode) == FileType::Directory,
            device: stat.st_dev,
            inode: stat.st_ino,
            links: wide(stat.st_nlink),
            half_kib: wide(stat.st_blocks),
        }
    }

    pub(super) fn asked(folder: BorrowedFd<'_>, name: &CStr) -> Result<Self, Errno> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        Ok(Self::of(&statat(folder, name, flags)?))
    }

    /// As [`Seen::asked`] where the system does not know how, or a filter for system calls does not.
    pub(super) fn without_asking(folder: BorrowedFd<'_>, name: &CStr) -> Result<Self, Errno> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
        let found = match statx(folder, name, flags, StatxFlags::BASIC_STATS) {
            Ok(found) => found,
            Err(Errno::NOSYS | Errno::PERM) => return Self::asked(folder, name),
            Err(errno) => return Err(errno),
        };
        let is_folder = FileType::from_raw_mode(found.stx_mode.into()) == FileType::Directory;
        if !is_folder {
            // Its size may be an old one.
            return Self::asked(folder, name);
        }
        Ok(Self {
            is_folder,
            device: makedev(found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
            links: found.stx_nlink.into(),
            half_kib: found.stx_blocks,
        })
    }
}

/// A field of `stat`, which has another width on each architecture; below zero only a broken driver could give.
pub(super) fn wide(value: impl TryInto<u64>) -> u64 {
    value.try_into().unwrap_or(0)
}

/// The piece of a folder that was read last: of each entry a byte that says whether it may be a folder, its name, and a zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    bytes: [u8; PIECE_BYTES],
    used: usize,
    next: usize,
}

impl Piece {
    pub(super) const EMPTY: Self = Self {
        bytes: [0; PIECE_BYTES],
        used: 0,
        next: 0,
    };

    pub(super) const fn clear(&mut self) {
        self.used = 0;
        self.next = 0;
    }

    pub(super) const fn has_more(&self) -> bool {
        self.next < self.used
    }

    /// The next name.
    pub(super) fn take(&mut self) -> Option<(Kind, &CStr)> {
        let (mark, rest) = self.bytes.get(self.next..self.used)?.split_first()?;
        let name = CStr::from_bytes_until_nul(rest).ok()?;
        let kind = if *mark == 0 {
            Kind::NoFolder
        } else {
            Kind::PerhapsFolder
        };
        let length = name.count_bytes().saturating_add(2);
        self.next = self.next.saturating_add(length);
        Some((kind, name))
    }

    pub(super) fn put(&mut self, kind: Kind, name: &CStr) {
        let name = name.to_bytes_with_nul();
        let end = self.used.saturating_add(name.len()).saturating_add(1);
        // An entry of the kernel's has 19 bytes before its name, so that all of a piece have room here.
        if let Some(room) = self.bytes.get_mut(self.used..end)
            && let Some((mark, room)) = room.split_first_mut()
        {
            *mark = u8::from(kind == Kind::PerhapsFolder);
            room.copy_from_slice(name);
            self.used = end;
        }
    }

    /// Reads on; false at the end of the folder.
    pub(super) fn refill(
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
                    let kind = match entry.file_type() {
                        FileType::Directory | FileType::Unknown => Kind::PerhapsFolder,
                        _ => Kind::NoFolder,
                    };
                    if name != c"." && name != c".." {
                        self.put(kind, name);
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
