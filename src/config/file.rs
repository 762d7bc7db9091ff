//! The files of the configuration: agent.toml and the key file are read here and nowhere else.

use crate::limit::{CONFIG_BYTES, KEY_FILE_BYTES};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use std::fs::File;
use std::io::{Error, Read};
use std::path::Path;

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

/// At most `most` bytes and one, by which a reader sees that there are more.
fn bounded(file: File, most: usize) -> Result<Vec<u8>, Error> {
    let most = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
