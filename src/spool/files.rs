//! The files of the rings: where they may stand, and how they are opened. Start-up only: everything here may wait.
//!
//! Directories and files belong to the caller's user and to nobody else (0700, 0600), and no link is followed in their
//! last component: /dev/shm is writable for everybody (openat(2), statfs(2)).

use super::Disk;
use super::disk_ring::{DiskFault, DiskRecovered, DiskRing, create};
use super::heap::HeapMemory;
use super::memory_ring::Identity;
use super::reader::SpoolReader;
use crate::limit::{DISK_RING_DEFAULT_BYTES, DISK_RING_LARGE_FROM_BYTES, DISK_RING_SMALL_BYTES};
use rustix::fs::{
    AtFlags, FallocateFlags, FileType, Mode, OFlags, fallocate, fstat, fstatfs, fstatvfs, openat,
    renameat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Where the memory ring stands if nothing is configured: the first that is tmpfs.
pub const MEMORY_DIRECTORIES: [&str; 2] = ["/run/hansho", "/dev/shm/hansho"];
/// Name of the file in the directory of either ring that is locked by whoever owns it.
pub const LOCK_FILE: &str = "agent.lock";
/// Name of the memory ring in its directory.
pub const MEMORY_FILE: &str = "memory.ring";
/// Name of the disk ring in its directory.
pub const DISK_FILE: &str = "disk.ring";
/// Name under which a disk ring is written before it is one.
const DISK_FILE_NEW: &str = "disk.ring.new";
/// Name to which a file that is not this agent's ring is moved; the one before it is replaced, so that the disk
/// stays bounded.
pub const DISK_FILE_ASIDE: &str = "disk.ring.aside";

impl Disk for File {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(into, offset)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        self.metadata().map(|metadata| metadata.len())
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// What a file system does when a block is overwritten (statfs(2) and linux/magic.h give the numbers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    /// Memory: gone with the boot.
    Tmpfs,
    /// Takes new space for every overwritten block: a full disk then stops the disk ring. Its name.
    CopyOnWrite(&'static str),
    /// Over a network: may hang. Its name.
    Network(&'static str),
    /// Any other: overwrites in place as far as is known. Its magic number.
    Other(u32),
}

impl core::fmt::Display for FileSystem {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Tmpfs => write!(f, "tmpfs"),
            Self::CopyOnWrite(name) | Self::Network(name) => write!(f, "{name}"),
            Self::Other(magic) => write!(f, "a file system of type {magic:#x} (statfs(2))"),
        }
    }
}

impl FileSystem {
    /// From the magic number of statfs.
    #[must_use]
    pub const fn from_magic(magic: u32) -> Self {
        match magic {
            0x0102_1994 => Self::Tmpfs,
            0x9123_683E => Self::CopyOnWrite("btrfs"),
            0x2FC1_2FC1 => Self::CopyOnWrite("zfs"),
            0x2405_1905 => Self::CopyOnWrite("ubifs"),
            0xF2F5_2010 => Self::CopyOnWrite("f2fs"),
            0xCA45_1A4E => Self::CopyOnWrite("bcachefs"),
            0x0000_3434 => Self::CopyOnWrite("nilfs2"),
            0x0000_6969 => Self::Network("nfs"),
            0xFF53_4D42 => Self::Network("cifs"),
            0xFE53_4D42 => Self::Network("smb2"),
            0x6573_5546 => Self::Network("fuse"),
            magic => Self::Other(magic),
        }
    }
}

/// Why a directory or file is not used.
#[derive(Debug)]
pub enum FileFault {
    /// The memory ring wants tmpfs.
    NotTmpfs(FileSystem),
    /// It belongs to another user.
    Foreign {
        /// The owner.
        uid: u32,
    },
    /// Others than the owner may enter or write it.
    Exposed {
        /// Its permission bits.
        mode: u32,
    },
    /// It is no regular file, or has other names besides.
    NotPlain,
    /// The system refused.
    Io(io::Error),
}

impl core::fmt::Display for FileFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotTmpfs(found) => write!(f, "not on tmpfs but on {found}"),
            Self::Foreign { uid } => write!(f, "it belongs to user {uid}"),
            Self::Exposed { mode } => {
                write!(f, "others may use it (mode {mode:04o}); chmod go= mends it")
            }
            Self::NotPlain => write!(f, "no regular file, or one with several names"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl From<Errno> for FileFault {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

impl From<io::Error> for FileFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A directory that was checked, held open: its name may change meanwhile.
#[derive(Debug)]
pub struct Directory {
    /// Where it was found.
    pub path: PathBuf,
    /// What it stands on.
    pub file_system: FileSystem,
    descriptor: OwnedFd,
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Directory {
    /// Opens a directory, making it (0700) where its parent exists and it does not.
    ///
    /// # Errors
    /// [`FileFault::Foreign`], [`FileFault::Exposed`], [`FileFault::Io`] (a link: `ENOTDIR` or `ELOOP`).
    pub fn open(path: &Path) -> Result<Self, FileFault> {
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = rustix::fs::open(path, flags, Mode::empty())?;
        private(&fstat(&descriptor)?)?;
        let file_system = FileSystem::from_magic(magic(&descriptor)?);
        Ok(Self {
            path: path.to_owned(),
            file_system,
            descriptor,
        })
    }

    /// Size of the disk ring where none is configured, by the total size of the file system.
    ///
    /// # Errors
    /// [`FileFault::Io`].
    pub fn default_disk_bytes(&self) -> Result<u64, FileFault> {
        let stat = fstatvfs(&self.descriptor)?;
        let total = stat.f_blocks.saturating_mul(stat.f_frsize);
        Ok(default_disk_bytes(total))
    }

    /// Makes what was created or renamed in it durable.
    fn sync(&self) -> Result<(), FileFault> {
        Ok(rustix::fs::fsync(&self.descriptor)?)
    }

    fn open_file(&self, name: &str, flags: OFlags) -> Result<File, FileFault> {
        let flags = flags | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let descriptor = openat(self, name, flags, Mode::RUSR | Mode::WUSR)?;
        let stat = fstat(&descriptor)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_nlink != 1 {
            return Err(FileFault::NotPlain);
        }
        private(&stat)?;
        Ok(File::from(descriptor))
    }

    fn remove(&self, name: &str) -> Result<(), FileFault> {
        match unlinkat(self, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Size of the disk ring on a file system of `total` bytes.
#[must_use]
pub const fn default_disk_bytes(total: u64) -> u64 {
    if total >= DISK_RING_LARGE_FROM_BYTES {
        DISK_RING_DEFAULT_BYTES
    } else {
        DISK_RING_SMALL_BYTES
    }
}

fn private(stat: &rustix::fs::Stat) -> Result<(), FileFault> {
    if stat.st_uid != geteuid().as_raw() {
        return Err(FileFault::Foreign { uid: stat.st_uid });
    }
    let mode = stat.st_mode & 0o7777;
    if mode & 0o077 != 0 {
        return Err(FileFault::Exposed { mode });
    }
    Ok(())
}

fn magic(descriptor: &OwnedFd) -> Result<u32, FileFault> {
    let stat = fstatfs(descriptor)?;
    #[allow(
        clippy::useless_conversion,
        reason = "f_type is 64 bits wide on some targets and 32 on others"
    )]
    let wide = i64::from(stat.f_type);
    // The upper half is the sign of what is a 32-bit number everywhere.
    Ok(u32::try_from(wide & 0xFFFF_FFFF).unwrap_or(0))
}

/// Where the memory ring may stand: the configured directory, else [`MEMORY_DIRECTORIES`], to be tried in this order.
#[must_use]
pub fn memory_candidates(configured: Option<&Path>) -> Vec<&Path> {
    match configured {
        Some(path) => vec![path],
        None => MEMORY_DIRECTORIES.iter().map(Path::new).collect(),
    }
}

/// Opens a directory for the memory ring.
///
/// # Errors
/// [`FileFault::NotTmpfs`], and those of [`Directory::open`].
pub fn memory_directory(path: &Path) -> Result<Directory, FileFault> {
    let directory = Directory::open(path)?;
    if directory.file_system == FileSystem::Tmpfs {
        Ok(directory)
    } else {
        Err(FileFault::NotTmpfs(directory.file_system))
    }
}

/// Opens the lock file of a directory, making it where it is missing. Whoever has it locked (flock(2)) owns what stands in
/// the directory: nothing there is changed before. It is never removed, for a lock on a name that is gone tells nobody.
///
/// # Errors
/// [`FileFault`].
pub fn lock_file(directory: &Directory) -> Result<File, FileFault> {
    directory.open_file(LOCK_FILE, OFlags::CREATE)
}

/// The memory ring that stands in a directory, where it has another size than `size`: its owner saves what it holds
/// before [`memory_file`] replaces it.
///
/// # Errors
/// [`FileFault`].
pub fn memory_file_of_other_size(
    directory: &Directory,
    size: u64,
) -> Result<Option<File>, FileFault> {
    match directory.open_file(MEMORY_FILE, OFlags::empty()) {
        Ok(file) => {
            let length = file.length()?;
            Ok((length != 0 && length != size).then_some(file))
        }
        Err(FileFault::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Opens the file of the memory ring, making it where it is missing. One of another size is unlinked, not cut: who has
/// it mapped keeps it. All of it is allocated each time: in a hole of a file on a full tmpfs the first write is a SIGBUS for
/// every process that has it mapped (mmap(2)).
///
/// # Errors
/// [`FileFault`]; `ENOSPC` where the file system has not the room, and then no new file is left behind.
pub fn memory_file(directory: &Directory, size: u64) -> Result<File, FileFault> {
    let file = directory.open_file(MEMORY_FILE, OFlags::CREATE)?;
    let length = file.length()?;
    if length == size {
        allocate(&file, size)?;
        return Ok(file);
    }
    let file = if length == 0 {
        file
    } else {
        directory.remove(MEMORY_FILE)?;
        directory.open_file(MEMORY_FILE, OFlags::CREATE | OFlags::EXCL)?
    };
    if let Err(fault) = allocate(&file, size) {
        directory.remove(MEMORY_FILE)?;
        return Err(fault);
    }
    Ok(file)
}

/// Gives every byte of a file on tmpfs its page (fallocate(2)), so that no write to it can fail later. What stands in it
/// stays.
///
/// # Errors
/// [`FileFault::Io`]: `ENOSPC`, or `ENOMEM` in a group of processes with a limit.
pub fn allocate(file: &File, size: u64) -> Result<(), FileFault> {
    Ok(fallocate(file, FallocateFlags::empty(), 0, size)?)
}

/// Opens a ring, or a copy of one, for reading: by the forwarder, `status`, `decode`.
///
/// # Errors
/// [`FileFault::NotPlain`], [`FileFault::Io`]. Whose it is does not matter to a reader.
pub fn open_for_reading(path: &Path) -> Result<File, FileFault> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let descriptor = rustix::fs::open(path, flags, Mode::empty())?;
    let stat = fstat(&descriptor)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(FileFault::NotPlain);
    }
    Ok(File::from(descriptor))
}

/// What a disk ring that is put aside leaves to the new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Its highest run number: the floor of the new ring.
    pub run_number: u64,
    /// Frames of alerts, readings and evidence that it holds beyond what was acknowledged.
    pub unsent: [u64; 3],
}

/// How the disk ring was found.
#[derive(Debug)]
pub enum DiskOpened {
    /// Continued.
    Continued(DiskRecovered),
    /// There was none.
    Created,
    /// There was something else, now named [`DISK_FILE_ASIDE`].
    MovedAside(DiskFault, Left),
}

/// Opens the disk ring; makes it where it is missing or something else stands there. A new ring is written whole under
/// another name, synced, renamed, and the directory synced: at no moment does half a ring bear the name. `size` `None`: a
/// ring of any size is kept, and a new one gets [`Directory::default_disk_bytes`]. Changes files: only for who holds the
/// lock of [`lock_file`].
///
/// # Errors
/// [`FileFault`]: then the watcher works without a disk ring and tries again later.
pub fn disk_ring(
    directory: &Directory,
    size: Option<u64>,
    identity: &Identity,
) -> Result<(DiskRing<File>, DiskOpened), FileFault> {
    let moved = match directory.open_file(DISK_FILE, OFlags::empty()) {
        Ok(file) => {
            let wanted = size.map_or_else(|| file.length(), Ok)?;
            match DiskRing::open(file, identity.agent, wanted) {
                Ok((ring, recovered)) => return Ok((ring, DiskOpened::Continued(recovered))),
                Err(DiskFault::Io(error)) => return Err(error.into()),
                Err(fault) => {
                    let left = left(directory, &fault)?;
                    renameat(directory, DISK_FILE, directory, DISK_FILE_ASIDE)?;
                    directory.sync()?;
                    Some((fault, left))
                }
            }
        }
        Err(FileFault::Io(error)) if error.kind() == io::ErrorKind::NotFound => None,
        Err(fault) => return Err(fault),
    };
    let size = size.map_or_else(|| directory.default_disk_bytes(), Ok)?;
    let floor = moved.as_ref().map_or(0, |(_, left)| left.run_number);
    let identity = Identity {
        run_number_floor: identity.run_number_floor.max(floor),
        ..*identity
    };
    directory.remove(DISK_FILE_NEW)?;
    let file = directory.open_file(DISK_FILE_NEW, OFlags::CREATE | OFlags::EXCL)?;
    if let Err(error) = create(&file, size, &identity).and_then(|()| file.sync_all()) {
        // Half a ring is of no use, and its space may be what the host lacks.
        directory.remove(DISK_FILE_NEW)?;
        return Err(error.into());
    }
    renameat(directory, DISK_FILE_NEW, directory, DISK_FILE)?;
    directory.sync()?;
    let (ring, _) = DiskRing::open(file, identity.agent, size)
        .map_err(|fault| io::Error::other(fault.to_string()))?;
    let how = match moved {
        Some((fault, left)) => DiskOpened::MovedAside(fault, left),
        None => DiskOpened::Created,
    };
    Ok((ring, how))
}

/// What the ring in a directory leaves, where it is this agent's and only of another size.
fn left(directory: &Directory, fault: &DiskFault) -> Result<Left, FileFault> {
    if !matches!(fault, DiskFault::Size(_)) {
        return Ok(Left::default());
    }
    let file = directory.open_file(DISK_FILE, OFlags::empty())?;
    let mut reader = SpoolReader::<HeapMemory, File>::new(None, Some(file));
    reader.refresh();
    Ok(Left {
        run_number: reader.newest_run_number(),
        unsent: reader.unacknowledged(),
    })
}
