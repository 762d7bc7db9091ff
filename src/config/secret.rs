//! Files with one secret line: the password of a proxy, a join token.

use super::error::ConfigError;
use super::file::{self, KeyFile};
use super::key_file::{OTHERS, fault, shell_quoted};
use crate::limit::KEY_FILE_BYTES;
use std::path::Path;

/// Reads the one line of a secret file, without the end of the line; `needed` says what it should be.
///
/// # Errors
/// Where it cannot be opened, is no regular file, can be read by others than its owner, is larger than
/// [`KEY_FILE_BYTES`], or is not one line of printable characters. What stands in it is never shown.
pub fn read(path: &Path, needed: &str) -> Result<String, ConfigError> {
    let name = path.display().to_string();
    let refuse =
        |key: &str, found: &str, allowed: &str| fault(&name, 0, key, found.into(), allowed.into());
    let bytes = match file::key(path, OTHERS) {
        Ok(KeyFile::Content(bytes)) => bytes,
        Ok(KeyFile::NotRegular) => {
            return Err(refuse("file", "something else than a regular file", needed));
        }
        Ok(KeyFile::Open(mode)) => {
            let found = format!("mode {mode:04o}: others than its owner have access to it");
            let allowed = format!("mode 0600: run chmod 600 {}", shell_quoted(&name));
            return Err(refuse("mode", &found, &allowed));
        }
        Err(error) => return Err(ConfigError::unreadable(&name, &error, needed)),
    };
    if bytes.len() > KEY_FILE_BYTES {
        return Err(refuse("file", "a file larger than 4KiB", needed));
    }
    let text = core::str::from_utf8(&bytes)
        .map_err(|_| refuse("line", "bytes that are not text", needed))?;
    let line = text.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        return Err(refuse("line", "nothing", needed));
    }
    if line.contains(char::is_control) {
        return Err(refuse(
            "line",
            "several lines, or control characters",
            needed,
        ));
    }
    Ok(line.to_owned())
}
