//! Who this host is: read once at the start, for the Hello frame and for the anchor of a boot.

use crate::clock::WallTime;
use crate::limit::KERNEL_DUMPS;
use serde::{Deserialize, Serialize};
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

/// What the host tells about its boot, read once at the start; each absent where it cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostBoot {
    /// `btime` of `proc/stat` (proc_stat(5)): when the kernel booted, by today's clock.
    pub booted_wall_ms: Option<u64>,
    /// Start of process 1 of our process namespace, in uptime (field 22 of `proc/1/stat`, proc_pid_stat(5)).
    pub init_started_ms: Option<u64>,
    /// Dumps of the kernel's log of the time before this boot. `None` where no store of the platform can be read.
    pub kernel_dumps: Option<u32>,
    /// How many of them lie in pstore, where each stays through any number of boots until somebody takes it away.
    pub kept_dumps: u32,
    /// When the newest of those was written, by the clock of that boot.
    pub kept_dump_wall_ms: Option<u64>,
    /// `sys/class/watchdog/watchdog0/bootstatus`: why a hardware watchdog says that the host was reset.
    pub watchdog_bootstatus: Option<u32>,
}

/// A dump written so long before an agent last recorded anything is of an earlier boot: it has its time in seconds, and what is
/// recorded is dated by an anchor that is renewed only when it is off by more than a little.
const DUMP_SLACK_MS: u64 = 5_000;
/// Milliseconds of a clock tick: `USER_HZ` is 100 for every program on Linux (time(7)).
const TICK_MS: u64 = 10;

impl HostBoot {
    /// Reads what there is under `root` (`/` on a host).
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let booted_s = btime(root);
        let status = word(&root.join("sys/class/watchdog/watchdog0/bootstatus"));
        let kept = kept_dumps(root);
        let (kept_dumps, kept_dump_wall_ms) = kept.unwrap_or((0, None));
        let moved = moved_dumps(root, booted_s);
        Self {
            booted_wall_ms: booted_s.map(|seconds| seconds.saturating_mul(1000)),
            init_started_ms: read_at_start(&root.join("proc/1/stat"))
                .and_then(|text| start_of(&text)),
            kernel_dumps: (kept.is_some() || moved.is_some()).then(|| {
                kept_dumps
                    .saturating_add(moved.unwrap_or(0))
                    .min(KERNEL_DUMPS)
            }),
            kept_dumps,
            kept_dump_wall_ms,
            watchdog_bootstatus: status.and_then(|status| status.parse().ok()),
        }
    }

    /// Dumps of the kernel's end that this boot followed. What the run before recorded last, in another boot, was at
    /// `lived` by the same host's clock: those in pstore that are older ended an earlier boot, and say nothing of this one.
    #[must_use]
    pub fn dumps_since(&self, lived: Option<WallTime>) -> Option<u32> {
        let all = self.kernel_dumps?;
        let old = self
            .kept_dump_wall_ms
            .zip(lived)
            .is_some_and(|(newest_ms, lived)| {
                newest_ms.saturating_add(DUMP_SLACK_MS) < lived.as_millis()
            });
        Some(if old {
            all.saturating_sub(self.kept_dumps)
        } else {
            all
        })
    }
}

/// Reads line by line: the line of interrupts alone may have many kilobytes.
fn btime(root: &Path) -> Option<u64> {
    use std::io::BufRead as _;
    let file = std::fs::File::open(root.join("proc/stat")).ok()?;
    let lines = std::io::BufReader::new(file).lines();
    let line = lines
        .map_while(Result::ok)
        .find(|line| line.starts_with("btime "))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Field 22 of proc_pid_stat(5); the second is a name in parentheses, which may hold anything.
fn start_of(stat: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(stat);
    let (_, rest) = text.rsplit_once(')')?;
    let ticks: u64 = rest.split_ascii_whitespace().nth(19)?.parse().ok()?;
    Some(ticks.saturating_mul(TICK_MS))
}

/// Dumps that a panic or an oops left in pstore: files `dmesg-*` (Documentation/ABI/testing/pstore), and when the newest was
/// written, which is its time as a file. The console's log beside them is there after every boot.
fn kept_dumps(root: &Path) -> Option<(u32, Option<u64>)> {
    let (mut count, mut newest_s) = (0_u32, None);
    for entry in std::fs::read_dir(root.join("sys/fs/pstore"))
        .ok()?
        .flatten()
    {
        if count < KERNEL_DUMPS && entry.file_name().to_string_lossy().starts_with("dmesg-") {
            count = count.saturating_add(1);
            newest_s = newest_s.max(changed_s(&entry));
        }
    }
    let newest_ms = newest_s.map(|seconds: u64| seconds.saturating_mul(1000));
    Some((count, newest_ms))
}

/// Directories into which systemd-pstore(8) has moved dumps since the boot.
fn moved_dumps(root: &Path, booted_s: Option<u64>) -> Option<u32> {
    let mut count = 0_u32;
    for entry in std::fs::read_dir(root.join("var/lib/systemd/pstore"))
        .ok()?
        .flatten()
    {
        let since_boot = changed_s(&entry)
            .zip(booted_s)
            .is_some_and(|(changed, booted)| changed >= booted);
        if since_boot && count < KERNEL_DUMPS {
            count = count.saturating_add(1);
        }
    }
    Some(count)
}

fn changed_s(entry: &std::fs::DirEntry) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let changed_s = entry.metadata().ok()?.mtime();
    u64::try_from(changed_s).ok()
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
    fn this_machine_booted_once() {
        let boot = HostBoot::read(Path::new("/"));
        assert!(boot.booted_wall_ms > Some(1_000_000_000_000), "{boot:?}");
        assert_eq!(HostBoot::read(Path::new("/nowhere")), HostBoot::default());
    }

    #[test]
    fn a_dump_that_stays_in_pstore_ended_one_boot_only() {
        let boot = HostBoot {
            kernel_dumps: Some(3),
            kept_dumps: 2,
            kept_dump_wall_ms: Some(1_800_000_000_000),
            ..HostBoot::default()
        };
        let lived = |ms| Some(WallTime::from_millis(ms));
        assert_eq!(boot.dumps_since(None), Some(3));
        // Written after what was recorded last, or about then.
        assert_eq!(boot.dumps_since(lived(1_799_999_999_000)), Some(3));
        assert_eq!(boot.dumps_since(lived(1_800_000_005_000)), Some(3));
        // A run of a later boot has recorded something since; what systemd moved in this boot still counts.
        assert_eq!(boot.dumps_since(lived(1_800_000_005_001)), Some(1));
        assert_eq!(HostBoot::default().dumps_since(lived(1)), None);
    }

    #[test]
    fn names_of_processes_do_not_matter() {
        let fields: Vec<String> = (4..=52).map(|field| field.to_string()).collect();
        let stat = format!("1 (a) b) S {}", fields.join(" "));
        assert_eq!(start_of(stat.as_bytes()), Some(220));
        assert_eq!(start_of(b"1 (init) S 1 2"), None);
        assert_eq!(start_of(b""), None);
    }

    #[test]
    fn only_whole_hexadecimal_numbers() {
        assert_eq!(hex_128("000000000000000000000000000000ff"), Some(255));
        assert_eq!(hex_128("+00000000000000000000000000000ff"), None);
        assert_eq!(hex_128("ff"), None);
    }
}
