//! A copy of the whole store, made beside a running writer, and the way back.
//!
//! The main file is copied first: all frames that its watermarks call stored are then in the day files. What these have beyond it is deleted
//! when the copy is opened, and agents send again what their rings still hold.

use super::super::StoreError;
use super::{day, open};
use rusqlite::params;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Lists every file with its length and SHA-256; written last, so that a backup without it is none.
pub const MANIFEST: &str = "MANIFEST";
/// First line of a manifest.
const HEAD: &str = "hansho backup 1";

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Name within the directory.
    pub name: String,
    /// Length.
    pub bytes: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
}

fn io(path: &Path, error: &std::io::Error) -> StoreError {
    let said = format!("{}: {error}", path.display());
    if error.kind() == std::io::ErrorKind::StorageFull {
        StoreError::Full(said)
    } else {
        StoreError::Io(said)
    }
}

/// Copies the store of `directory` into the new directory `target`; with it the file `masters`, where one is given. The
/// copy has its final name only when it is whole and on the disk.
///
/// # Errors
/// Also where `target` exists, and where a copy turns out to be damaged: [`StoreError::Corrupt`].
pub fn backup(
    directory: &Path,
    target: &Path,
    masters: Option<&Path>,
) -> Result<Vec<Copied>, StoreError> {
    if target.exists() {
        return Err(StoreError::Io(format!(
            "{}: exists; a backup is never written over another",
            target.display()
        )));
    }
    let partial = partial(target);
    if partial.exists() {
        // Of a backup that was interrupted: it never had a manifest.
        fs::remove_dir_all(&partial).map_err(|error| io(&partial, &error))?;
    }
    let mut maker = fs::DirBuilder::new();
    let made = maker.recursive(true).mode(0o700).create(&partial);
    made.map_err(|error| io(&partial, &error))?;
    let mut copied = vec![copy_database(directory, &partial, super::MAIN_FILE)?];
    for (date, path) in day::list(directory)? {
        let name = format!("frames-{date}.sqlite");
        match copy_database(directory, &partial, &name) {
            Ok(file) => copied.push(file),
            // Its retention ended meanwhile.
            Err(_) if !path.exists() => {
                fs::remove_file(partial.join(&name)).ok();
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(masters) = masters {
        copied.push(copy_secret(masters, &partial)?);
    }
    write_manifest(&partial, &copied)?;
    sync(&partial)?;
    fs::rename(&partial, target).map_err(|error| io(target, &error))?;
    if let Some(parent) = target.parent().filter(|parent| parent != &Path::new("")) {
        sync(parent)?;
    }
    Ok(copied)
}

fn partial(target: &Path) -> PathBuf {
    let mut name = target.to_owned().into_os_string();
    name.push(".partial");
    PathBuf::from(name)
}

/// One database as it stands at one moment, and looked through.
fn copy_database(directory: &Path, to: &Path, name: &str) -> Result<Copied, StoreError> {
    let target = to.join(name);
    let source = open::read_only(&directory.join(name))?;
    let shown = target.display().to_string();
    source.execute("VACUUM INTO ?1", params![shown])?;
    let copy = open::read_only(&target)?;
    let said: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if said != "ok" {
        return Err(StoreError::Corrupt(format!("{name}: {said}")));
    }
    drop(copy);
    sync(&target)?;
    described(to, name)
}

fn copy_secret(masters: &Path, to: &Path) -> Result<Copied, StoreError> {
    let text = fs::read(masters).map_err(|error| io(masters, &error))?;
    let target = to.join(MASTERS);
    write_new(&target, &text)?;
    described(to, MASTERS)
}

/// The masters' name within a backup.
pub const MASTERS: &str = "masters.keys";

fn write_new(path: &Path, mut bytes: &[u8]) -> Result<(), StoreError> {
    copy_new(path, &mut bytes)
}

/// Piece by piece: a store can be larger than the memory.
fn copy_new(path: &Path, from: &mut dyn Read) -> Result<(), StoreError> {
    let opened = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = opened.map_err(|error| io(path, &error))?;
    std::io::copy(from, &mut file)
        .and_then(|_| file.sync_all())
        .map_err(|error| io(path, &error))
}

fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|error| io(path, &error))
}

fn described(directory: &Path, name: &str) -> Result<Copied, StoreError> {
    let path = directory.join(name);
    let mut file = File::open(&path).map_err(|error| io(&path, &error))?;
    let mut hash = Sha256::new();
    let mut bytes = 0_u64;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer).map_err(|error| io(&path, &error))?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else {
            break;
        };
        hash.update(part);
        bytes = bytes.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
    let digits = hash
        .finalize()
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    Ok(Copied {
        name: name.to_owned(),
        bytes,
        sha256: digits,
    })
}

fn write_manifest(directory: &Path, copied: &[Copied]) -> Result<(), StoreError> {
    let lines: Vec<String> = copied
        .iter()
        .map(|file| format!("{} {} {}\n", file.sha256, file.bytes, file.name))
        .collect();
    let text = format!("{HEAD}\n{}", lines.concat());
    write_new(&directory.join(MANIFEST), text.as_bytes())
}

/// Compares a backup with its manifest, byte by byte.
///
/// # Errors
/// [`StoreError::Corrupt`] names the first file that is missing or differs.
pub fn verify(backup: &Path) -> Result<Vec<Copied>, StoreError> {
    let path = backup.join(MANIFEST);
    let text = fs::read_to_string(&path).map_err(|error| io(&path, &error))?;
    let mut lines = text.lines();
    if lines.next() != Some(HEAD) {
        return Err(StoreError::Corrupt(format!(
            "{}: the first line is not `{HEAD}`",
            path.display()
        )));
    }
    let mut files = Vec::new();
    for line in lines {
        let mut words = line.splitn(3, ' ');
        let words = (words.next(), words.next(), words.next());
        let (Some(sha256), Some(bytes), Some(name)) = words else {
            return Err(StoreError::Corrupt(format!("{}: `{line}`", path.display())));
        };
        let plain = name == super::MAIN_FILE
            || name == MASTERS
            || (name.starts_with("frames-") && name.ends_with(".sqlite") && !name.contains('/'));
        if !plain {
            return Err(StoreError::Corrupt(format!(
                "{}: `{name}` does not belong into a backup",
                path.display()
            )));
        }
        let found = described(backup, name)?;
        if found.sha256 != sha256 || found.bytes.to_string() != bytes {
            return Err(StoreError::Corrupt(format!(
                "{}: differs from the manifest",
                backup.join(name).display()
            )));
        }
        files.push(found);
    }
    if files.iter().all(|file| file.name != super::MAIN_FILE) {
        return Err(StoreError::Corrupt(format!(
            "{}: names no {}",
            path.display(),
            super::MAIN_FILE
        )));
    }
    Ok(files)
}

/// Brings a backup back into a directory without a store; the masters to `masters`, where they are in the backup and the file
/// is not there. The main file comes last: without it there is no store.
///
/// # Errors
/// Also where a store is there, or the backup is not whole; then nothing is changed.
pub fn restore(backup: &Path, directory: &Path, masters: &Path) -> Result<Vec<Copied>, StoreError> {
    let mut files = verify(backup)?;
    let main = directory.join(super::MAIN_FILE);
    if main.exists() {
        return Err(StoreError::Io(format!(
            "{}: a store is there; move it away first (with its -wal and -shm files)",
            main.display()
        )));
    }
    // SQLite would play the log of the store that was there into the one that is restored.
    for file in &files {
        for ending in ["-wal", "-shm", "-journal"] {
            let left = directory.join(format!("{}{ending}", file.name));
            if left.exists() {
                return Err(StoreError::Io(format!(
                    "{}: is left of a store that was there; move it away first",
                    left.display()
                )));
            }
        }
    }
    let mut maker = fs::DirBuilder::new();
    let made = maker.recursive(true).mode(0o700).create(directory);
    made.map_err(|error| io(directory, &error))?;
    // It speaks of the store that was there.
    super::mark::clear(directory)?;
    files.sort_by_key(|file| file.name == super::MAIN_FILE);
    for file in &files {
        let from = backup.join(&file.name);
        let to = if file.name == MASTERS {
            masters.to_owned()
        } else {
            directory.join(&file.name)
        };
        if file.name == MASTERS && to.exists() {
            continue;
        }
        if file.name != MASTERS && to.exists() {
            return Err(StoreError::Io(format!(
                "{}: is there without a store; move it away first",
                to.display()
            )));
        }
        let mut source = File::open(&from).map_err(|error| io(&from, &error))?;
        copy_new(&to, &mut source)?;
    }
    sync(directory)?;
    Ok(files)
}
