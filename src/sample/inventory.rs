//! Who this host is: read once at the start, for the Hello frame and for the anchor of a boot.

use std::path::Path;

use super::procfs::read_at_start;

/// Longest of these values: a host name has 64 bytes (uname(2)), a UUID 36.
const WORD_BYTES: usize = 255;

/// Names and numbers of the host, each absent where it cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// `proc/sys/kernel/hostname`.
    pub hostname: Option<String>,
    /// `proc/sys/kernel/osrelease`.
    pub kernel_release: Option<String>,
    /// See [`boot_id`].
    pub boot_id: Option<u64>,
    /// `etc/machine-id`. machine-id(5) asks for it not to leave the host: send a keyed hash of it.
    pub machine_id: Option<u128>,
}

impl Inventory {
    /// Reads what there is under `root` (`/` on a host).
    #[must_use]
    pub fn read(root: &Path) -> Self {
        Self {
            hostname: word(&root.join("proc/sys/kernel/hostname")),
            kernel_release: word(&root.join("proc/sys/kernel/osrelease")),
            boot_id: boot_id(root),
            machine_id: word(&root.join("etc/machine-id")).and_then(|text| hex_128(&text)),
        }
    }
}

/// The boot's identity, from `proc/sys/kernel/random/boot_id` (random(4)): the first eight bytes of the UUID,
/// little-endian. `None` where the file is missing or is no UUID.
#[must_use]
pub fn boot_id(root: &Path) -> Option<u64> {
    let text = word(&root.join("proc/sys/kernel/random/boot_id"))?;
    let is_uuid = text.len() == 36
        && text
            .bytes()
            .enumerate()
            .all(|(position, byte)| matches!(position, 8 | 13 | 18 | 23) == (byte == b'-'));
    let digits: String = text.chars().filter(|&digit| digit != '-').collect();
    let bytes = is_uuid.then(|| hex_128(&digits)).flatten()?.to_be_bytes();
    let head = bytes.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*head))
}

/// 32 hexadecimal digits.
fn hex_128(text: &str) -> Option<u128> {
    let all_digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    all_digits
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
}

/// A file of one word, without the blanks around it; `None` where it is empty, too long or no UTF-8.
fn word(path: &Path) -> Option<String> {
    let text = String::from_utf8(read_at_start(path)?).ok()?;
    let word = text.trim();
    (1..=WORD_BYTES)
        .contains(&word.len())
        .then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_boot() {
        let inventory = Inventory::read(Path::new("/"));
        assert!(inventory.boot_id.is_some());
        assert!(inventory.kernel_release.is_some());
        assert_eq!(Inventory::read(Path::new("/nowhere")), Inventory::default());
    }

    #[test]
    fn only_whole_hexadecimal_numbers() {
        assert_eq!(hex_128("000000000000000000000000000000ff"), Some(255));
        assert_eq!(hex_128("+00000000000000000000000000000ff"), None);
        assert_eq!(hex_128("ff"), None);
    }
}
