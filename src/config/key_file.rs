//! The agent's key file: one line, `hansho1 AGENT_ID EPOCH KEY`.
//!
//! Nothing of what stands in the file is ever shown: fields may be mixed up, and then any of them is the key.

use super::error::ConfigError;
use super::file::{self, KeyFile};
use super::hex;
use crate::limit::KEY_FILE_BYTES;
use core::fmt;
use std::path::Path;

/// First word of the file: its format.
const FORMAT: &str = "hansho1";
/// Access of group and others (inode(7)).
pub(super) const OTHERS: u32 = 0o077;

/// Who the agent is, and its key.
#[derive(Clone, PartialEq, Eq)]
pub struct AgentKey {
    /// Random, never reused.
    pub agent_id: u64,
    /// Which of the collector's master keys the key was derived from.
    pub key_epoch: u8,
    /// The key of HMAC-SHA-256.
    pub key: [u8; 32],
}

impl fmt::Debug for AgentKey {
    /// Without the key.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("AgentKey")
            .field("agent_id", &format_args!("{:016x}", self.agent_id))
            .field("key_epoch", &self.key_epoch)
            .finish_non_exhaustive()
    }
}

/// Reads a key file.
///
/// # Errors
/// Where it cannot be opened, is no regular file, can be read by others than its owner (with the command that mends
/// it), is larger than [`KEY_FILE_BYTES`], or is not one line of the right shape (with the field).
pub fn read(path: &Path) -> Result<AgentKey, ConfigError> {
    let name = path.display().to_string();
    let refuse = |key: &str, found: String, allowed: String| fault(&name, 0, key, found, allowed);
    let bytes = match file::key(path, OTHERS) {
        Ok(KeyFile::Content(bytes)) => bytes,
        Ok(KeyFile::NotRegular) => {
            let found = "something else than a regular file".into();
            return Err(refuse("file", found, "a regular file".into()));
        }
        Ok(KeyFile::Open(mode)) => {
            let found = format!("mode {mode:04o}: others than its owner have access to the key");
            let allowed = format!("mode 0600: run chmod 600 {}", shell_quoted(&name));
            return Err(refuse("mode", found, allowed));
        }
        Err(error) => {
            let needed = "the agent's key file; hansho-collector agent add writes it";
            return Err(ConfigError::unreadable(&name, &error, needed));
        }
    };
    if bytes.len() > KEY_FILE_BYTES {
        let found = "a file larger than 4KiB".into();
        return Err(refuse("file", found, "at most 4KiB".into()));
    }
    parse(&bytes, &name)
}

/// Reads the content of a key file; `file` is its name for faults.
///
/// # Errors
/// Which field is wrong, and what it must be.
pub fn parse(bytes: &[u8], file: &str) -> Result<AgentKey, ConfigError> {
    let refuse =
        |key: &str, found: String, allowed: &str| fault(file, 1, key, found, allowed.into());
    let line = "one line: hansho1 AGENT_ID EPOCH KEY";
    let text = core::str::from_utf8(bytes)
        .map_err(|_| refuse("line", "bytes that are not text".into(), line))?;
    let text = text.trim();
    if text.contains('\n') {
        return Err(refuse("line", "several lines".into(), line));
    }
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let [format, agent_id, key_epoch, key] = fields.as_slice() else {
        return Err(refuse("line", format!("{} fields", fields.len()), line));
    };
    if *format != FORMAT {
        let found = format!("another word of {} characters", format.chars().count());
        return Err(refuse("format", found, FORMAT));
    }
    let agent_id = hex::array(agent_id)
        .ok_or_else(|| refuse("agent_id", digits(agent_id), "16 hexadecimal digits"))?;
    let decimal = key_epoch.bytes().all(|byte| byte.is_ascii_digit());
    let key_epoch = key_epoch
        .parse()
        .ok()
        .filter(|_| decimal)
        .ok_or_else(|| refuse("epoch", digits(key_epoch), "a whole number from 0 to 255"))?;
    let key = hex::array(key).ok_or_else(|| refuse("key", digits(key), "64 hexadecimal digits"))?;
    Ok(AgentKey {
        agent_id: u64::from_be_bytes(agent_id),
        key_epoch,
        key,
    })
}

/// What stands in a field, without showing it.
fn digits(field: &str) -> String {
    let count = field.chars().count();
    if field.chars().all(|char| char.is_ascii_hexdigit()) {
        format!("{count} hexadecimal digits")
    } else {
        format!("{count} characters, not all of them digits")
    }
}

pub(super) fn fault(
    file: &str,
    line: u32,
    key: &str,
    found: String,
    allowed: String,
) -> ConfigError {
    ConfigError {
        file: file.into(),
        line,
        key: key.into(),
        found,
        allowed,
        unreadable: None,
    }
}

/// A path as a shell takes it.
pub(super) fn shell_quoted(path: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "/._-+@:".contains(char);
    if path.chars().all(plain) {
        path.into()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, shell_quoted};
    use proptest::prelude::{any, proptest};

    const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff";

    #[test]
    fn the_line_is_read_and_never_shown() {
        let line = format!("hansho1 00000000000000ab 7 {KEY}\n");
        let key = parse(line.as_bytes(), "k").unwrap();
        assert_eq!((key.agent_id, key.key_epoch, key.key[31]), (0xab, 7, 0xff));
        assert!(!format!("{key:?}").contains("0102"), "{key:?}");
    }

    #[test]
    fn each_field_says_what_is_wrong_without_showing_it() {
        let swapped = format!("hansho1 {KEY} 7 00000000000000ab");
        for (line, expected) in [
            (
                "".into(),
                "k:1: line: found 0 fields; allowed one line: hansho1 AGENT_ID EPOCH KEY",
            ),
            (
                format!("hansho1 00000000000000ab 7 {KEY}\nx"),
                "k:1: line: found several lines; allowed one line: hansho1 AGENT_ID EPOCH KEY",
            ),
            (
                format!("hansho2 00000000000000ab 7 {KEY}"),
                "k:1: format: found another word of 7 characters; allowed hansho1",
            ),
            (
                swapped,
                "k:1: agent_id: found 64 hexadecimal digits; allowed 16 hexadecimal digits",
            ),
            (
                format!("hansho1 00000000000000ag 7 {KEY}"),
                "k:1: agent_id: found 16 characters, not all of them digits; allowed 16 hexadecimal digits",
            ),
            (
                format!("hansho1 00000000000000ab 256 {KEY}"),
                "k:1: epoch: found 3 hexadecimal digits; allowed a whole number from 0 to 255",
            ),
            (
                format!("hansho1 00000000000000ab +7 {KEY}"),
                "k:1: epoch: found 2 characters, not all of them digits; allowed a whole number from 0 to 255",
            ),
            (
                format!("hansho1 00000000000000ab 7 {KEY}0"),
                "k:1: key: found 65 hexadecimal digits; allowed 64 hexadecimal digits",
            ),
        ] {
            let error = parse(line.as_bytes(), "k").unwrap_err().to_string();
            assert_eq!(error, expected);
            assert!(!error.contains("0102"));
        }
        assert!(parse(b"hansho1 \xff", "k").is_err());
    }

    #[test]
    fn the_command_can_be_pasted() {
        assert_eq!(
            shell_quoted("/etc/hansho/agent.key"),
            "/etc/hansho/agent.key"
        );
        assert_eq!(shell_quoted("/a b/it's"), "'/a b/it'\\''s'");
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Err(error) = parse(&bytes, "k") {
                assert_eq!(error.line, 1);
            }
        }
    }
}
