//! Masters and key files. An agent's key is derived from a master; only masters are kept, in one file that nobody else
//! may read.

use crate::exit::{CONFIG, Failure, IO};
use hansho::frame::kind::AgentId;
use hansho::frame::seal::{AgentKey, derive};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// The masters, by identity.
#[derive(Clone)]
pub struct Masters {
    by_id: BTreeMap<u32, [u8; 32]>,
}

impl core::fmt::Debug for Masters {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Masters({:?})", self.by_id.keys())
    }
}

impl Masters {
    /// These masters, by identity.
    #[must_use]
    pub const fn new(by_id: BTreeMap<u32, [u8; 32]>) -> Self {
        Self { by_id }
    }

    /// Reads a file of lines `master_id hex`, 64 hexadecimal digits each; blank lines and lines with `#` are skipped.
    ///
    /// # Errors
    /// Also where others can read the file: with the command that mends it.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let failed = |error: std::io::Error| {
            let hint = if error.kind() == std::io::ErrorKind::NotFound {
                "; `hansho-collector agent add` creates it"
            } else {
                ""
            };
            Failure::new(CONFIG, format!("{shown}: {error}{hint}"))
        };
        let mode = std::fs::metadata(path)
            .map_err(failed)?
            .permissions()
            .mode()
            & 0o777;
        if mode & 0o077 != 0 {
            return Err(Failure::new(
                CONFIG,
                format!(
                    "{shown}: mode {mode:04o} lets others read the masters, from which every agent's key follows; mend it: \
                     chmod 0600 {}",
                    quoted(path)
                ),
            ));
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let mut by_id = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = number.saturating_add(1);
            let parsed = line
                .split_once(' ')
                .and_then(|(id, hex)| Some((id.parse::<u32>().ok()?, from_hex(hex.trim())?)));
            let Some((id, master)) = parsed else {
                return Err(Failure::new(
                    CONFIG,
                    format!(
                        "{shown}:{place}: expected a number, a space and 64 hexadecimal digits"
                    ),
                ));
            };
            if by_id.insert(id, master).is_some() {
                return Err(Failure::new(
                    CONFIG,
                    format!("{shown}:{place}: master {id} stands there twice"),
                ));
            }
        }
        if by_id.is_empty() {
            return Err(Failure::new(CONFIG, format!("{shown}: no master in it")));
        }
        Ok(Self { by_id })
    }

    /// Reads the file, or creates it with one random master.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_or_create(path: &Path) -> Result<Self, Failure> {
        if !path.exists() {
            let line = format!("1 {}\n", hex(&random::<32>()?));
            match write_secret(path, &line) {
                Ok(()) => {}
                // Another `agent add` was faster.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(Failure::new(IO, format!("{}: {error}", path.display())));
                }
            }
        }
        Self::read(path)
    }

    /// The master for new agents: the one with the highest number.
    #[must_use]
    pub fn newest(&self) -> u32 {
        self.by_id.keys().next_back().copied().unwrap_or(0)
    }

    /// The key of an agent's epoch by a master; `None` where there is no such master.
    #[must_use]
    pub fn key(&self, master: u32, agent: AgentId, epoch: u8) -> Option<AgentKey> {
        Some(derive(self.by_id.get(&master)?, agent, epoch))
    }
}

/// The line of an agent's key file.
#[must_use]
pub fn key_line(agent: AgentId, epoch: u8, key: &AgentKey) -> String {
    format!("hansho1 {agent} {epoch} {}\n", hex(&key.0))
}

/// Writes a new file that only its owner can read.
///
/// # Errors
/// Also where it exists.
pub fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Random bytes of the kernel (getrandom(2)).
///
/// # Errors
/// Where the kernel has none.
pub fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    let filled = rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty())
        .map_err(|error| Failure::new(IO, format!("getrandom: {error}")))?;
    if filled == N {
        Ok(bytes)
    } else {
        Err(Failure::new(IO, "getrandom gave too few bytes"))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// 64 hexadecimal digits.
#[must_use]
pub fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}

/// A path for a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
