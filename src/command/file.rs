//! Files that the command line names: the only file of the subcommands that touches a file system.

use super::exit::Stop;
use hansho::limit::MEMORY_RING_BYTES;
use hansho::spool::Memory;
use hansho::spool::files::FileSystem;
use rustix::fs::{FlockOperation, flock, fstat, major, minor, statfs};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// The type of an open file, for those that pass one on.
pub(crate) use std::fs::File;

/// Opens a file for reading, or standard input for `-`.
///
/// # Errors
/// As open(2), under the name that was given.
pub(crate) fn input(path: &Path) -> Result<Box<dyn BufRead>, Stop> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    open(path).map(|file| Box::new(BufReader::new(file)) as Box<dyn BufRead>)
}

/// Opens a file for reading.
///
/// # Errors
/// As open(2); a directory is refused.
pub(crate) fn open(path: &Path) -> Result<File, Stop> {
    let name = path.display().to_string();
    let unreadable = |error: std::io::Error| Stop::unreadable(&name, &error);
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(Stop::unreadable(
            &name,
            &std::io::ErrorKind::IsADirectory.into(),
        ));
    }
    Ok(file)
}

/// The file system on which a path lies, or would lie once created: that of its nearest directory that exists. `None`
/// where it cannot be told.
pub(crate) fn file_system(path: &Path) -> Option<FileSystem> {
    let found = path.ancestors().find_map(|place| statfs(place).ok())?;
    #[allow(
        clippy::useless_conversion,
        reason = "f_type is 64 bits wide on some targets and 32 on others"
    )]
    let wide = i64::from(found.f_type);
    // The upper half is the sign of what is a 32-bit number everywhere.
    u32::try_from(wide & 0xFFFF_FFFF)
        .ok()
        .map(FileSystem::from_magic)
}

/// One line of `/proc/PID/status` (proc_pid_status(5)): what stands behind `key` and its colon.
pub(crate) fn status_of_process(process: &OsStr, key: &str) -> Option<String> {
    let path = PathBuf::from("/proc").join(process).join("status");
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let rest = line.strip_prefix(key)?.strip_prefix(':')?;
        Some(rest.trim().to_owned())
    })
}

/// Whether there is something of this name, whatever it is.
pub(crate) fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Names in a directory that do not end in `ending`, some of them where there are many; none where it cannot be read.
pub(crate) fn names_without(directory: &Path, ending: &str) -> Vec<String> {
    /// As many as one reads in a line.
    const TOLD: usize = 8;
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.ends_with(ending))
        .take(TOLD)
        .collect();
    names.sort();
    names
}

/// The bytes of a file from its beginning on, at most `most` of them.
///
/// # Errors
/// As read(2).
pub(crate) fn read_at_most(file: &File, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Takes no more memory for data than so many bytes from now on.
///
/// # Errors
/// As setrlimit(2).
pub(crate) fn set_data_limit(bytes: u64) -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    Ok(setrlimit(Resource::Data, limit)?)
}

/// Whether another process holds a lock of flock(2) on the file: an agent does on its memory ring.
pub(crate) fn is_locked(file: &File) -> bool {
    match flock(file, FlockOperation::NonBlockingLockShared) {
        // An agent that starts just now tries again for longer than this takes.
        Ok(()) => flock(file, FlockOperation::Unlock).is_err(),
        Err(errno) => errno == rustix::io::Errno::AGAIN,
    }
}

/// The process that took the lock of flock(2) on the file, by `/proc/locks` (proc_locks(5)). Where a file system shows
/// another device there than fstat(2) does (overlayfs, btrfs), the inode has to do.
pub(crate) fn lock_holder(file: &File) -> Option<u32> {
    let stat = fstat(file).ok()?;
    let inode = format!(":{}", stat.st_ino);
    let device = format!(
        "{:02x}:{:02x}{inode}",
        major(stat.st_dev),
        minor(stat.st_dev)
    );
    let text = std::fs::read_to_string("/proc/locks").ok()?;
    let holder = |is_ours: &dyn Fn(&str) -> bool| {
        text.lines().find_map(|line| {
            let mut words = line.split_ascii_whitespace().skip(1);
            let is_flock = words.next() == Some("FLOCK");
            let process: u32 = words.nth(2)?.parse().ok()?;
            // 0 stands for a process of another namespace.
            (is_flock && process > 0 && is_ours(words.next()?)).then_some(process)
        })
    };
    holder(&|place| place == device).or_else(|| holder(&|place| place.ends_with(&inode)))
}

/// The children of a process, by `/proc/PID/task/PID/children` (proc_pid_task(5)); none where the kernel does not tell.
pub(crate) fn children(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task/{process}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_ascii_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// A memory ring as its file is read, without a mapping: a file that is cut under us is then an error, not a signal.
#[derive(Debug)]
pub(crate) struct ReadOnly {
    file: File,
    length: usize,
}

impl ReadOnly {
    /// Over an open file of at most the size of a memory ring.
    ///
    /// # Errors
    /// As fstat(2); a larger file is refused.
    pub(crate) fn new(file: File) -> std::io::Result<Self> {
        let length = file.metadata()?.len();
        if length > *MEMORY_RING_BYTES.end() {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        let length = usize::try_from(length).map_err(|_| std::io::ErrorKind::FileTooLarge)?;
        Ok(Self { file, length })
    }
}

impl Memory for ReadOnly {
    fn len(&self) -> usize {
        self.length
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        let offset = u64::try_from(offset).unwrap_or(u64::MAX);
        self.file.read_exact_at(into, offset).is_ok()
    }

    fn write(&self, _: usize, _: &[u8]) -> bool {
        false
    }

    fn load(&self, offset: usize) -> Option<u64> {
        let mut bytes = [0; 8];
        self.read(offset, &mut bytes)
            .then(|| u64::from_ne_bytes(bytes))
    }

    fn store(&self, _: usize, _: u64) -> bool {
        false
    }
}
