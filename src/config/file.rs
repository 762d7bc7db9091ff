//! The files of the configuration: agent.toml, those beside it and the key file are read and written here and nowhere else.

use crate::limit::{CONFIG_BYTES, CONFIG_FILES, KEY_FILE_BYTES};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use std::ffi::OsString;
use std::fs::File;
use std::fs::{self, OpenOptions};
use std::io::{Error, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Permission bits of an inode (inode(7)).
const PERMISSIONS: u32 = 0o7777;

/// A key file as it was found.
pub(super) enum KeyFile {
    /// A directory, pipe, device or socket.
    NotRegular,
    /// A file with these permission bits, some of them for group or others; not read.
    Open(u32),
    /// The content; more than [`KEY_FILE_BYTES`] where the file is larger.
    Content(Vec<u8>),
}

/// A file beside agent.toml as it was found.
pub(super) enum Beside {
    /// A directory, pipe, device or socket; not read.
    NotRegular,
    /// The content; more than was asked for where the file is larger.
    Content(Vec<u8>),
}

/// The content of a file beside agent.toml, and at most one byte more than `room`.
pub(super) fn beside(path: &Path, room: usize) -> Result<Beside, Error> {
    // A pipe in its place must not hold us up.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let descriptor = open(path, flags, Mode::empty())?;
    let status = fstat(&descriptor)?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Ok(Beside::NotRegular);
    }
    bounded(descriptor.into(), room).map(Beside::Content)
}

/// The names in a directory that end in `.toml` and do not begin with a dot, in their order by bytes; no more than one
/// beyond [`CONFIG_FILES`]. None where there is no such directory.
pub(super) fn names_beside(directory: &Path) -> Result<Vec<OsString>, Error> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.ends_with(b".toml") && !bytes.starts_with(b".") {
            names.push(name);
        }
        if names.len() > CONFIG_FILES {
            break;
        }
    }
    names.sort();
    Ok(names)
}

/// The content of a configuration file; one byte more than [`CONFIG_BYTES`] where it is larger.
pub(super) fn configuration(path: &Path) -> Result<Vec<u8>, Error> {
    bounded(File::open(path)?, CONFIG_BYTES)
}

/// The content of a key file, unless one of the bits of `forbidden` is among its permissions.
pub(super) fn key(path: &Path, forbidden: u32) -> Result<KeyFile, Error> {
    // A pipe in its place must not hold us up.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let descriptor = open(path, flags, Mode::empty())?;
    // Asked of the open file, so that nobody can exchange it in between.
    let status = fstat(&descriptor)?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Ok(KeyFile::NotRegular);
    }
    let mode = status.st_mode & PERMISSIONS;
    if mode & forbidden != 0 {
        return Ok(KeyFile::Open(mode));
    }
    bounded(descriptor.into(), KEY_FILE_BYTES).map(KeyFile::Content)
}

/// A key file that is to be: its directory was written to before the key is asked for, so that no token is spent for
/// nothing.
#[derive(Debug)]
pub struct NewKey {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
    replace: bool,
}

impl NewKey {
    /// Prepares a file of mode 0600 beside `path`, and its directory where there is none.
    ///
    /// # Errors
    /// `AlreadyExists` where there is a key and it is not to be replaced; as open(2) otherwise.
    pub fn prepare(path: &Path, replace: bool) -> Result<Self, Error> {
        if !replace && path.symlink_metadata().is_ok() {
            return Err(std::io::ErrorKind::AlreadyExists.into());
        }
        if let Some(parent) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            // Of a first join; where it is there, or cannot be made, the file says so.
            drop(fs::DirBuilder::new().mode(0o755).create(parent));
        }
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".new-{}", std::process::id()));
        let temporary = PathBuf::from(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        Ok(Self {
            path: path.to_owned(),
            temporary,
            file,
            replace,
        })
    }

    /// Writes the line and puts the file in its place, on the disk when this returns.
    ///
    /// # Errors
    /// As write(2), link(2) or rename(2); `AlreadyExists` where somebody was faster.
    pub fn keep(mut self, line: &str) -> Result<(), Error> {
        self.file.write_all(line.as_bytes())?;
        self.file.sync_all()?;
        if self.replace {
            fs::rename(&self.temporary, &self.path)?;
        } else {
            fs::hard_link(&self.temporary, &self.path)?;
        }
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
            _ => Ok(()),
        }
    }
}

impl Drop for NewKey {
    fn drop(&mut self) {
        // Renamed away, or of no use any more.
        drop(fs::remove_file(&self.temporary));
    }
}

/// Writes a configuration where there is none.
///
/// # Errors
/// As open(2) and write(2).
pub fn write_configuration(path: &Path, text: &str) -> Result<(), Error> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// At most `most` bytes and one, by which a reader sees that there are more.
fn bounded(file: File, most: usize) -> Result<Vec<u8>, Error> {
    let most = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
