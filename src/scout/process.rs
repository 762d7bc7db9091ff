//! What is known of one process: a plain value of fixed size.

use crate::clock::Uptime;
use crate::limit::{PROCESS_NAME_BYTES, PROCESS_UNIT_BYTES};
use crate::sample::process_group::CONTAINER_DIGITS;

/// Bytes of a host, at most `N` of them; what is longer is cut. They are whatever the host made them: whoever shows them
/// escapes them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<const N: usize> {
    length: u8,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    /// The first `N` bytes of `bytes`, and of those at most 255.
    #[must_use]
    pub fn cut(bytes: &[u8]) -> Self {
        let mut text = Self {
            length: 0,
            bytes: [0; N],
        };
        for (slot, byte) in text.bytes.iter_mut().zip(bytes).take(usize::from(u8::MAX)) {
            *slot = *byte;
            text.length = text.length.saturating_add(1);
        }
        text
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }
}

impl<const N: usize> core::fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

/// Which process: an id that is given again belongs to one that was started later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The process id.
    pub pid: u32,
    /// When it was started, in clock ticks since boot (`/proc/PID/stat`).
    pub start_ticks: u64,
}

/// How much more, or less, memory than some time ago, and how long ago that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// KiB; below zero it shrank.
    pub kib: i64,
    /// Over how long, in milliseconds. Shorter than asked for where the table does not know the process so long.
    pub over_ms: u64,
}

/// One process of the table. What could not be read is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Which one.
    pub id: Identity,
    /// Its parent's process id; 0 for none.
    pub parent: u32,
    /// Its threads.
    pub threads: u32,
    /// Its program's name, as it came into the table or as it changed it since.
    pub name: Text<PROCESS_NAME_BYTES>,
    /// The user whose rights it has.
    pub uid: Option<u32>,
    /// Its systemd unit.
    pub unit: Option<Text<PROCESS_UNIT_BYTES>>,
    /// First digits of its container's id.
    pub container: Option<Text<CONTAINER_DIGITS>>,
    /// How willingly the kernel kills it for memory, −1000 (never) to 1000.
    pub oom_score_adj: Option<i16>,
    /// Resident memory less what is of files or shared, KiB.
    pub memory_kib: Option<u64>,
    /// Memory in swap, KiB.
    pub swap_kib: Option<u64>,
    /// CPU over the time between two looks, in permille of one processor: 2000 are two of them.
    pub cpu_permille: Option<u32>,
    /// Growth over about ten minutes.
    pub growth_short: Option<Growth>,
    /// Growth over about a day.
    pub growth_long: Option<Growth>,
    /// When it was looked at last.
    pub read_at: Uptime,
    /// Since when the table has it.
    pub entered_at: Uptime,
}

impl Process {
    /// What it takes of the host's memory and swap together, KiB; what is absent counts as nothing.
    #[must_use]
    pub fn size_kib(&self) -> u64 {
        self.memory_kib
            .unwrap_or(0)
            .saturating_add(self.swap_kib.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn a_text_is_cut_where_its_room_ends() {
        assert_eq!(Text::<4>::cut(b"abcdef").as_bytes(), b"abcd");
        assert_eq!(Text::<4>::cut(b"").as_bytes(), b"");
        assert_eq!(Text::<300>::cut(&[7; 400]).as_bytes().len(), 255);
        assert_eq!(
            format!("{:?}", Text::<8>::cut(b"a\x1b\"")),
            "\"a\\x1b\\\"\""
        );
    }
}
