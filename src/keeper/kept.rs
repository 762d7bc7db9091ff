//! The configuration that was accepted last, kept beside the rings: what is in force when the one that the host has now is
//! refused.
//!
//! One file, so that it is whole or not there: `agent.accepted`, mode 0600, put in its place by rename(2). Its form, in
//! lines, each file's bytes as they were:
//!
//! ```text
//! hansho accepted configuration 1
//! of LENGTH        (the absolute path of agent.toml, in the next LENGTH bytes and an end of line)
//! file LENGTH      (the name of a file likewise)
//! bytes LENGTH     (its content likewise; file and bytes again for each further file)
//! sha256 HEX       (over all bytes before this line)
//! ```
//!
//! It holds what the files said, no key and no password.

use crate::config::plan::{MemoryDirectory, Plan, Spool};
use crate::config::{ConfigFile, parse_files};
use crate::limit::KEPT_BYTES;
use crate::spool::files::{Directory, memory_candidates};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, fsync, open, openat, renameat, unlinkat};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Its name.
pub const KEPT_FILE: &str = "agent.accepted";
/// Its name until it is whole and on the disk.
const NEW_FILE: &str = "agent.accepted.new";
/// Its first line.
const FORMAT: &str = "hansho accepted configuration 1\n";
/// What its last line begins with.
const CHECKSUM: &str = "sha256 ";

/// A configuration that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The absolute path of its agent.toml.
    pub of: String,
    /// Its files.
    pub files: Vec<ConfigFile>,
}

impl Kept {
    /// These files; `config` is the first of them as it was named on the command line.
    #[must_use]
    pub fn new(config: &Path, files: Vec<ConfigFile>) -> Self {
        Self {
            of: absolute(config),
            files,
        }
    }

    /// As bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = FORMAT.as_bytes().to_vec();
        let mut put = |word: &str, value: &[u8]| {
            bytes.extend_from_slice(format!("{word} {}\n", value.len()).as_bytes());
            bytes.extend_from_slice(value);
            bytes.push(b'\n');
        };
        put("of", self.of.as_bytes());
        for file in &self.files {
            put("file", file.name.as_bytes());
            put("bytes", &file.bytes);
        }
        let sum = checksum(&bytes);
        bytes.extend_from_slice(format!("{CHECKSUM}{sum}\n").as_bytes());
        bytes
    }

    /// From bytes.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        const CUT: &str = "cut off";
        const CHANGED: &str = "its checksum does not fit its content";
        let end = CHECKSUM.len().saturating_add(65);
        let (content, last) = bytes
            .split_at_checked(bytes.len().saturating_sub(end))
            .ok_or(CUT)?;
        let mut rest = content
            .strip_prefix(FORMAT.as_bytes())
            .ok_or("of another form")?;
        if last != format!("{CHECKSUM}{}\n", checksum(content)).as_bytes() {
            return Err(CHANGED);
        }
        let mut next = |word: &str| -> Result<Option<Vec<u8>>, &'static str> {
            if rest.is_empty() {
                return Ok(None);
            }
            let head = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let length = str::from_utf8(head)
                .ok()
                .and_then(|head| head.strip_prefix(word)?.strip_prefix(' ')?.parse().ok())
                .ok_or(CUT)?;
            let after = rest.get(head.len().saturating_add(1)..).ok_or(CUT)?;
            let (value, after) = after.split_at_checked(length).ok_or(CUT)?;
            rest = after.strip_prefix(b"\n").ok_or(CUT)?;
            Ok(Some(value.to_vec()))
        };
        let text = |value: Option<Vec<u8>>| String::from_utf8(value.ok_or(CUT)?).map_err(|_| CUT);
        let of = text(next("of")?)?;
        let mut files = Vec::new();
        while let Some(name) = next("file")? {
            files.push(ConfigFile {
                name: text(Some(name))?,
                bytes: next("bytes")?.ok_or(CUT)?,
            });
        }
        Ok(Self { of, files })
    }
}

fn checksum(bytes: &[u8]) -> String {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A path as it is compared: from the root on, without looking at any file.
#[must_use]
pub fn absolute(path: &Path) -> String {
    let absolute = std::path::absolute(path);
    absolute
        .as_deref()
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

/// Puts these bytes of [`Kept::to_bytes`] into a directory, on the disk when this returns; false where they are there
/// already.
///
/// # Errors
/// As open(2), write(2), fsync(2) and rename(2); a directory that others have access to is refused.
pub fn keep(directory: &Path, bytes: &[u8]) -> io::Result<bool> {
    if read_bytes(directory, Owner::Own).is_ok_and(|kept| kept.as_deref() == Some(bytes)) {
        return Ok(false);
    }
    let directory =
        Directory::open(directory).map_err(|fault| io::Error::other(fault.to_string()))?;
    match unlinkat(&directory, NEW_FILE, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(
        &directory,
        NEW_FILE,
        flags,
        Mode::RUSR | Mode::WUSR,
    )?);
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // What is there of it is of no use; where even that cannot be, the next one takes it away.
        let _outcome = unlinkat(&directory, NEW_FILE, AtFlags::empty());
        return Err(error);
    }
    renameat(&directory, NEW_FILE, &directory, KEPT_FILE)?;
    fsync(&directory)?;
    Ok(true)
}

/// Takes away what is kept of the same configuration in other [`places`]: it was accepted earlier, and a search that finds it first
/// would go by it. What cannot be taken away is said.
pub fn forget_elsewhere(spool: &Spool, kept_in: &Path, bytes: &[u8]) -> Vec<String> {
    let Ok(kept) = Kept::from_bytes(bytes) else {
        return Vec::new();
    };
    let identity = |place: &Path| {
        let status = rustix::fs::stat(place).ok()?;
        Some((status.st_dev, status.st_ino))
    };
    let here = identity(kept_in);
    let mut said = Vec::new();
    for place in places(spool) {
        let elsewhere = here.is_some() && identity(&place) != here;
        let of_this =
            read(&place, Owner::Own).is_ok_and(|old| old.is_some_and(|old| old.of == kept.of));
        if elsewhere
            && of_this
            && let Err(error) = std::fs::remove_file(place.join(KEPT_FILE))
        {
            said.push(format!("{}: {error}", place.join(KEPT_FILE).display()));
        }
    }
    said
}

/// Whose a kept configuration may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Our own user's: for whoever runs by it.
    Own,
    /// Our own user's, or anybody's where we are root: for whoever only tells of it.
    Readable,
}

/// What is kept in a directory; `None` where nothing is.
///
/// # Errors
/// Why it is not used, in words.
pub fn read(directory: &Path, owner: Owner) -> Result<Option<Kept>, String> {
    let place = directory.join(KEPT_FILE);
    let said = |why: &str| format!("{}: {why}", place.display());
    match read_bytes(directory, owner) {
        Ok(None) => Ok(None),
        Ok(Some(bytes)) => Kept::from_bytes(&bytes).map(Some).map_err(said),
        Err(error) => Err(said(&error.to_string())),
    }
}

fn read_bytes(directory: &Path, owner: Owner) -> io::Result<Option<Vec<u8>>> {
    let nowhere = |errno: Errno| match errno {
        Errno::NOENT | Errno::NOTDIR => Ok(None),
        errno => Err(io::Error::from(errno)),
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let directory = match open(directory, flags | OFlags::DIRECTORY, Mode::empty()) {
        Ok(directory) => directory,
        Err(errno) => return nowhere(errno),
    };
    let file = match openat(&directory, KEPT_FILE, flags, Mode::empty()) {
        Ok(file) => file,
        Err(errno) => return nowhere(errno),
    };
    let status = fstat(&file)?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("not a plain file"));
    }
    let own = rustix::process::geteuid();
    for status in [fstat(&directory)?, status] {
        let foreign = status.st_uid != own.as_raw();
        if foreign && !(owner == Owner::Readable && own.is_root()) {
            return Err(io::Error::other(format!(
                "it belongs to user {}",
                status.st_uid
            )));
        }
        if status.st_mode & 0o077 != 0 {
            let mode = status.st_mode & 0o7777;
            return Err(io::Error::other(format!(
                "mode {mode:04o}: others than its owner have access to it"
            )));
        }
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(KEPT_BYTES).unwrap_or(u64::MAX);
    File::from(file)
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() > KEPT_BYTES {
        return Err(io::Error::other("larger than any that is written"));
    }
    Ok(Some(bytes))
}

/// Where a kept configuration may be: in the directories of `spool`, as far as they are known, then in the usual ones.
#[must_use]
pub fn places(spool: &Spool) -> Vec<PathBuf> {
    let configured = match &spool.memory_directory {
        MemoryDirectory::Auto => None,
        MemoryDirectory::Path(path) => Some(path.as_path()),
    };
    let usual = Plan::default().spool.directory;
    let mut places = vec![spool.directory.clone()];
    let memory = memory_candidates(configured).into_iter();
    let memory = memory.chain(memory_candidates(None)).map(Path::to_owned);
    places.extend(memory);
    places.push(usual);
    let mut known = Vec::new();
    places.retain(|place| {
        let new = !known.contains(place);
        if new {
            known.push(place.clone());
        }
        new
    });
    places
}

/// What was found of a configuration that was accepted before.
#[derive(Debug, Default)]
pub struct Search {
    /// Its values and files, and the directory where they are kept.
    pub found: Option<(Plan, Kept, PathBuf)>,
    /// What is kept and not used, each with why.
    pub passed_by: Vec<String>,
}

/// Looks for the last accepted configuration of `config` in [`places`]. What is kept for another file is passed by.
#[must_use]
pub fn search(config: &Path, spool: &Spool, owner: Owner) -> Search {
    let mut search = Search::default();
    let of = absolute(config);
    for place in places(spool) {
        match read(&place, owner) {
            Ok(Some(kept)) if kept.of == of => match parse_files(&kept.files) {
                Ok(plan) => {
                    let plan = Plan {
                        file: config.display().to_string(),
                        ..plan
                    };
                    search.found = Some((plan, kept, place));
                    return search;
                }
                Err(errors) => {
                    let place = place.join(KEPT_FILE);
                    let first = errors.list().first().map(ToString::to_string);
                    search.passed_by.push(format!(
                        "{}: this version does not accept it: {}",
                        place.display(),
                        first.unwrap_or_default()
                    ));
                }
            },
            Ok(_) => {}
            Err(why) => search.passed_by.push(why),
        }
    }
    search
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};

    fn kept() -> Kept {
        let file = |name: &str, bytes: &[u8]| ConfigFile {
            name: name.into(),
            bytes: bytes.to_vec(),
        };
        Kept {
            of: "/etc/hansho/agent.toml".into(),
            files: vec![
                file("agent.toml", b"config_version = 1\n"),
                file("agent.d/a\nb.toml", b""),
                file("agent.d/c.toml", b"# sha256 0\nfile 3\nab"),
            ],
        }
    }

    #[test]
    fn it_comes_back_whole_and_any_change_is_seen() {
        let bytes = kept().to_bytes();
        assert_eq!(Kept::from_bytes(&bytes), Ok(kept()));
        for length in 0..bytes.len() {
            assert!(Kept::from_bytes(&bytes[..length]).is_err(), "{length}");
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0x20;
            assert!(Kept::from_bytes(&changed).is_err(), "{place}");
        }
        let mut longer = bytes;
        longer.push(b'\n');
        assert!(Kept::from_bytes(&longer).is_err());
    }

    #[test]
    fn a_whole_checksum_over_nonsense_is_refused_too() {
        for content in [
            "of 5\nab\n",
            "of 2\nab\nfile 1\na\n",
            "of x\n",
            "file 1\na\n",
            "",
        ] {
            let content = format!("{FORMAT}{content}");
            let bytes = format!("{content}{CHECKSUM}{}\n", checksum(content.as_bytes()));
            assert!(Kept::from_bytes(bytes.as_bytes()).is_err(), "{content:?}");
        }
    }

    #[test]
    fn it_is_kept_once_and_only_where_nobody_else_reaches_it() {
        let folder = std::env::temp_dir().join(format!("hansho-kept-{}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
        assert_eq!(read(&folder, Owner::Own), Ok(None));
        assert_eq!(read(&folder.join("nowhere"), Owner::Own), Ok(None));
        let bytes = kept().to_bytes();
        // Of a keeping that was cut off.
        fs::write(folder.join(NEW_FILE), "half").unwrap();
        assert!(keep(&folder, &bytes).unwrap());
        assert!(!keep(&folder, &bytes).unwrap(), "nothing new is written");
        assert_eq!(read(&folder, Owner::Own), Ok(Some(kept())));
        let file = folder.join(KEPT_FILE);
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o7777,
            0o600
        );
        assert!(!folder.join(NEW_FILE).exists());

        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read(&folder, Owner::Own).unwrap_err().contains("mode 0640"));
        fs::rename(&file, folder.join("other")).unwrap();
        symlink("other", &file).unwrap();
        assert!(read(&folder, Owner::Own).is_err(), "no link is followed");
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(
            read(&folder, Owner::Own)
                .unwrap_err()
                .contains("not a plain file")
        );
        fs::remove_dir_all(&folder).unwrap();
    }
}
