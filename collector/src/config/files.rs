//! The files that collector.toml names: read once, bounded, as plain bytes.

use super::reader::{Mistake, Row, Seen, place};
use super::value::Secret;
use crate::limit::{CSV_BYTES, SECRET_BYTES};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// At most one more than was asked for.
    pub bytes: Vec<u8>,
    /// Permission bits (chmod(2)).
    pub mode: u32,
}

/// Reads a file up to a number of bytes: the file system, or in tests what stands for it.
pub type ReadFile<'f> = &'f dyn Fn(&Path, usize) -> std::io::Result<Content>;

/// From the file system.
///
/// # Errors
/// Those of the file system; a directory or device is none of its files.
pub fn from_disk(path: &Path, most: usize) -> std::io::Result<Content> {
    // Before it is opened: a pipe would wait for its writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    let file = std::fs::File::open(path)?;
    // Of what was opened: the name may be another file's by now.
    let mode = file.metadata()?.permissions().mode() & 0o7777;
    let mut bytes = Vec::new();
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(Content { bytes, mode })
}

/// Where files are, and how they are read.
pub(super) struct Files<'f> {
    /// Relative paths begin here.
    pub(super) base: &'f Path,
    pub(super) read: ReadFile<'f>,
}

impl Files<'_> {
    pub(super) fn path(&self, seen: &mut Seen<'_>, row: &Row<'_>, key: &str) -> Option<PathBuf> {
        let text = seen.line_of_text(row, key, "the path of a file", |text| {
            !text.is_empty() && !text.contains('\0')
        })?;
        Some(self.base.join(text))
    }

    /// A table that people keep in a spreadsheet.
    pub(super) fn csv(
        &mut self,
        seen: &mut Seen<'_>,
        row: &Row<'_>,
        key: &str,
    ) -> Option<(PathBuf, Vec<u8>)> {
        let path = self.path(seen, row, key)?;
        let content = self.content(seen, row, key, &path, CSV_BYTES)?;
        Some((path, content.bytes))
    }

    /// A file with one line that nobody else may read.
    pub(super) fn secret(
        &mut self,
        seen: &mut Seen<'_>,
        row: &Row<'_>,
        key: &str,
    ) -> Option<Secret> {
        let path = self.path(seen, row, key)?;
        let content = self.content(seen, row, key, &path, SECRET_BYTES)?;
        if content.mode & 0o077 != 0 {
            let found = format!("{} of mode {:04o}", path.display(), content.mode);
            seen.refuse_in(
                row,
                key,
                found,
                "mode 0600: nobody else may read it (chmod 0600)",
            );
            return None;
        }
        let secret = String::from_utf8(content.bytes)
            .ok()
            .and_then(|text| Secret::of_file(&text));
        if secret.is_none() {
            let found = format!("{} with something else in it", path.display());
            seen.refuse_in(row, key, found, "one line of UTF-8 that is not empty");
        }
        secret
    }

    fn content(
        &self,
        seen: &mut Seen<'_>,
        row: &Row<'_>,
        key: &str,
        path: &Path,
        most: usize,
    ) -> Option<Content> {
        let allowed = format!("a readable file of at most {most} bytes");
        match (self.read)(path, most) {
            Ok(content) if content.bytes.len() <= most => Some(content),
            Ok(_) => {
                seen.refuse_in(
                    row,
                    key,
                    format!("{}, a larger file", path.display()),
                    allowed,
                );
                None
            }
            Err(error) => {
                seen.refuse_in(row, key, format!("{}: {error}", path.display()), allowed);
                None
            }
        }
    }
}

/// Refuses something in a file beside collector.toml.
pub(super) fn refuse_beside(
    seen: &mut Seen<'_>,
    path: &Path,
    line: usize,
    key: &str,
    found: impl Into<String>,
    allowed: impl Into<String>,
) {
    seen.mistakes.push(Mistake {
        file: Some(path.to_owned()),
        line,
        key: place("", key),
        found: found.into(),
        allowed: allowed.into(),
    });
}
