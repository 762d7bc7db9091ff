//! Space, inodes and rights of a file system, as statfs(2) gives them. It may hang: [`super::probe`] is where it is called.

use super::missing::Missing;
use crate::clock::Uptime;
use rustix::fs::{CWD, Mode, OFlags, StatVfs, StatVfsMountFlags, fstatfs, fstatvfs, openat};
use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// `TMPFS_MAGIC` of statfs(2).
pub const TMPFS: u32 = 0x0102_1994;

/// Space of a file system that has a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// All of it, KiB.
    pub total_kib: u64,
    /// Free, what is reserved for the administrator included.
    pub free_kib: u64,
    /// Free for everybody; never more than `free_kib`.
    pub available_kib: u64,
}

impl Space {
    /// In use, KiB.
    #[must_use]
    pub const fn used_kib(&self) -> u64 {
        self.total_kib.saturating_sub(self.free_kib)
    }

    /// Free for the administrator alone, KiB.
    #[must_use]
    pub const fn reserved_kib(&self) -> u64 {
        self.free_kib.saturating_sub(self.available_kib)
    }

    /// Used of what everybody can use, in permille, as df(1) counts: used / (used + available). 1000 means that nothing is left
    /// for programs without privileges, whatever is reserved. Rounded up, so that it is 1000 only then or less than a
    /// permille before. Absent where there is neither.
    #[must_use]
    pub fn used_permille(&self) -> Option<u16> {
        let used = u128::from(self.used_kib());
        let all = used.saturating_add(u128::from(self.available_kib));
        let permille = used.saturating_mul(1000).checked_add(all.checked_sub(1)?)?;
        u16::try_from(permille.checked_div(all)?).ok()
    }
}

/// Inodes of a file system that has a number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inodes {
    /// All.
    pub total: u64,
    /// Free for everybody.
    pub free: u64,
}

impl Inodes {
    /// Free ones in permille of all, rounded down.
    #[must_use]
    pub fn free_permille(&self) -> Option<u16> {
        let free = u128::from(self.free).checked_mul(1000)?;
        u16::try_from(free.checked_div(u128::from(self.total))?).ok()
    }
}

/// A file system at one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filesystem {
    /// When it was looked at.
    pub at: Uptime,
    /// Space; absent where the file system has no size (`/proc`, an automount point).
    pub space: Option<Space>,
    /// Inodes; absent where it has no fixed number of them (btrfs, FAT, many over a network).
    pub inodes: Option<Inodes>,
    /// Mounted so that nothing can be written (`ST_RDONLY`). ext4 of Linux 6.12 and later that turned read-only by an error does
    /// not say so here, but in [`crate::sample::mountinfo::Entry::is_read_only`].
    pub read_only: bool,
    /// The kind of file system, as in statfs(2).
    pub magic: u32,
}

impl Filesystem {
    /// The file system that `path` is on, links followed.
    ///
    /// # Errors
    /// Where there is nothing at the path, or its file system does not say.
    pub fn of(path: &CStr, at: Uptime) -> Result<Self, Missing> {
        // Opened by name only: that needs no right to read, and leaves an automount point alone.
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let place = openat(CWD, path, flags, Mode::empty())?;
        let found = fstatvfs(&place)?;
        let magic = low_bits(fstatfs(&place)?.f_type);
        Ok(Self::from_parts(&found, magic, at))
    }

    fn from_parts(found: &StatVfs, magic: u32, at: Uptime) -> Self {
        // Blocks are counted in fragments (statvfs(3)); a driver that leaves that open means its blocks.
        let unit = match found.f_frsize {
            0 => found.f_bsize,
            bytes => bytes,
        };
        let space = (found.f_blocks > 0 && unit > 0).then(|| {
            let free = found.f_bfree.min(found.f_blocks);
            Space {
                total_kib: kib(found.f_blocks, unit),
                free_kib: kib(free, unit),
                available_kib: kib(found.f_bavail.min(free), unit),
            }
        });
        let inodes = (found.f_files > 0).then(|| Inodes {
            total: found.f_files,
            free: found.f_favail.min(found.f_files),
        });
        Self {
            at,
            space,
            inodes,
            read_only: found.f_flag.contains(StatVfsMountFlags::RDONLY),
            magic,
        }
    }

    /// True for a file system in memory.
    #[must_use]
    pub const fn is_tmpfs(&self) -> bool {
        self.magic == TMPFS
    }
}

/// So many blocks in KiB; what a driver exaggerates ends at what fits.
fn kib(blocks: u64, unit: u64) -> u64 {
    let bytes = u128::from(blocks).saturating_mul(u128::from(unit));
    u64::try_from(bytes / 1024).unwrap_or(u64::MAX)
}

/// The lower 32 bits of a field that is signed or not, and longer or not, by architecture: magic numbers have as many.
fn low_bits(value: impl TryInto<i128>) -> u32 {
    let value = value.try_into().unwrap_or(0) & i128::from(u32::MAX);
    u32::try_from(value).unwrap_or(0)
}

/// What is known of a watched file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Not looked at yet.
    #[default]
    Unknown,
    /// As it was at the last look.
    Known(Filesystem),
    /// At the last look there was none to be seen.
    Missing {
        /// Why.
        why: Missing,
        /// Since when every look found so.
        since: Uptime,
    },
}

/// A watched file system: a path, and what was seen of it last. After [`Watched::new`] it takes no heap.
#[derive(Debug)]
pub struct Watched {
    path: CString,
    state: State,
}

impl Watched {
    /// The file system that `path` is on.
    ///
    /// # Errors
    /// `InvalidInput` for a path with a zero byte.
    pub fn new(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: CString::new(path.as_os_str().as_bytes())?,
            state: State::Unknown,
        })
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }

    /// What was seen last.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Looks. May hang.
    pub fn look(&mut self, now: &mut impl FnMut() -> Uptime) {
        let found = Filesystem::of(&self.path, now());
        self.state = match (found, self.state) {
            (Ok(found), _) => State::Known(found),
            (Err(why), State::Missing { why: before, since }) if before == why => {
                State::Missing { why, since }
            }
            (Err(why), _) => State::Missing { why, since: now() },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(change: impl FnOnce(&mut StatVfs)) -> Filesystem {
        let mut found = StatVfs {
            f_bsize: 4096,
            f_frsize: 4096,
            f_blocks: 1000,
            f_bfree: 300,
            f_bavail: 250,
            f_files: 500,
            f_ffree: 100,
            f_favail: 100,
            f_fsid: 0,
            f_flag: StatVfsMountFlags::empty(),
            f_namemax: 255,
        };
        change(&mut found);
        Filesystem::from_parts(&found, TMPFS, Uptime::default())
    }

    #[test]
    fn what_is_reserved_is_neither_used_nor_available() {
        let space = of(|_| ()).space.unwrap();
        assert_eq!(space.total_kib, 4000);
        assert_eq!((space.used_kib(), space.reserved_kib()), (2800, 200));
        // 2800 / 3800, as df would show 74 %.
        assert_eq!(space.used_permille(), Some(737));
        let full = of(|found| found.f_bavail = 0).space.unwrap();
        assert_eq!(
            full.used_permille(),
            Some(1000),
            "full, but for the administrator"
        );
        let empty = of(|found| (found.f_bfree, found.f_bavail) = (1000, 1000));
        assert_eq!(empty.space.unwrap().used_permille(), Some(0));
        // One block of a thousand thousand is left.
        let nearly =
            of(|found| (found.f_blocks, found.f_bfree, found.f_bavail) = (1_000_000, 1, 1));
        assert_eq!(nearly.space.unwrap().used_permille(), Some(1000));
    }

    #[test]
    fn what_a_file_system_does_not_have_is_absent() {
        assert_eq!(of(|found| found.f_blocks = 0).space, None);
        assert_eq!(
            of(|found| (found.f_frsize, found.f_bsize) = (0, 0)).space,
            None
        );
        assert_eq!(of(|found| found.f_files = 0).inodes, None);
        assert_eq!(of(|_| ()).inodes.unwrap().free_permille(), Some(200));
        let read_only = of(|found| found.f_flag = StatVfsMountFlags::RDONLY);
        assert!(read_only.read_only && read_only.is_tmpfs());
    }

    #[test]
    fn a_driver_that_exaggerates_gives_no_nonsense() {
        let found = of(|found| {
            (found.f_blocks, found.f_bfree, found.f_bavail) = (u64::MAX, u64::MAX, u64::MAX);
            (found.f_files, found.f_favail) = (u64::MAX, u64::MAX);
        });
        assert_eq!(found.space.unwrap().used_permille(), Some(0));
        assert_eq!(found.inodes.unwrap().free_permille(), Some(1000));
        // More free than there is, and more available than free.
        let space = of(|found| (found.f_bfree, found.f_bavail) = (5000, 6000))
            .space
            .unwrap();
        assert_eq!((space.free_kib, space.available_kib), (4000, 4000));
    }

    #[test]
    fn magic_numbers_of_any_width() {
        assert_eq!(low_bits(0x0102_1994_i64), TMPFS);
        assert_eq!(low_bits(-2_054_924_042_i32), 0x8584_58F6);
        assert_eq!(low_bits(0x8584_58F6_u32), 0x8584_58F6);
        assert_eq!(low_bits(-1_i64), u32::MAX);
    }
}
