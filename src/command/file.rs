//! Files that the command line names: the only file of the subcommands that touches a file system.

use super::exit::Stop;
use hansho::spool::files::FileSystem;
use rustix::fs::statfs;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

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

/// Whether a file can be opened for reading at all, told apart from what stands in it.
///
/// # Errors
/// As [`open`].
pub(crate) fn must_open(path: &Path) -> Result<(), Stop> {
    open(path).map(|_| ())
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
