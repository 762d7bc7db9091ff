//! Memory of a process: `/proc/PID/smaps_rollup` for the whole, `/proc/PID/smaps` for the memory ring, which is
//! taken out of the whole and stands on its own (proc_pid_smaps(5)).

use crate::process::{Failure, io_at};
use std::fs;

/// KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// Resident, without the ring.
    pub(super) rss_kib: u64,
    /// Proportional share, without the ring.
    pub(super) pss_kib: u64,
    /// Not backed by a file: heap, stacks, changed data.
    pub(super) anonymous_kib: u64,
    /// Resident pages of the memory ring in this process.
    pub(super) ring_kib: u64,
    /// Proportional share with the ring: over all processes these add up to what is really used.
    pub(super) whole_pss_kib: u64,
}

/// Reads it.
///
/// # Errors
/// The process is gone, or is another user's.
pub(super) fn of(pid: u32) -> Result<Memory, Failure> {
    let read = |name: &str| {
        let path = format!("/proc/{pid}/{name}");
        fs::read_to_string(&path).map_err(io_at(path))
    };
    Ok(sum(&read("smaps_rollup")?, &read("smaps")?))
}

fn sum(rollup: &str, smaps: &str) -> Memory {
    let mut whole = Memory::default();
    add(&mut whole, rollup);
    let mut ring = Memory::default();
    let mut in_ring = false;
    for line in smaps.lines() {
        if is_mapping(line) {
            in_ring = line.ends_with("/memory.ring") || line.contains("memfd:hansho-memory");
        } else if in_ring {
            add(&mut ring, line);
        }
    }
    Memory {
        rss_kib: whole.rss_kib.saturating_sub(ring.rss_kib),
        pss_kib: whole.pss_kib.saturating_sub(ring.pss_kib),
        anonymous_kib: whole.anonymous_kib.saturating_sub(ring.anonymous_kib),
        ring_kib: ring.rss_kib,
        whole_pss_kib: whole.pss_kib,
    }
}

fn add(memory: &mut Memory, text: &str) {
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let field = match words.next() {
            Some("Rss:") => &mut memory.rss_kib,
            Some("Pss:") => &mut memory.pss_kib,
            Some("Anonymous:") => &mut memory.anonymous_kib,
            _ => continue,
        };
        let kib = words.next().and_then(|kib| kib.parse().ok()).unwrap_or(0);
        *field = field.saturating_add(kib);
    }
}

/// `55d0-55d1 r--p 00000000 fe:00 1234 /path`: a range of addresses comes first.
fn is_mapping(line: &str) -> bool {
    line.split_once(' ')
        .and_then(|(range, _)| range.split_once('-'))
        .is_some_and(|(from, _)| u64::from_str_radix(from, 16).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_is_taken_out_of_the_whole() {
        let rollup = "7f00-7f10 ---p 00000000 00:00 0 [rollup]\nRss:  700 kB\nPss:  400 kB\nPss_Anon: 9 kB\nAnonymous: 40 kB\n";
        let smaps = "\
7f00-7f01 r-xp 00000000 fe:00 12 /usr/bin/hanshod
Size: 300 kB
Rss: 200 kB
Pss: 150 kB
Anonymous: 0 kB
VmFlags: rd ex mr mw me lo
7f02-7f10 rw-s 00000000 00:19 7 /run/hansho/memory.ring
Rss: 256 kB
Pss: 128 kB
Anonymous: 0 kB
7f11-7f12 rw-p 00000000 00:00 0
Rss: 40 kB
Pss: 40 kB
";
        let memory = sum(rollup, smaps);
        let expected = Memory {
            rss_kib: 444,
            pss_kib: 272,
            anonymous_kib: 40,
            ring_kib: 256,
            whole_pss_kib: 400,
        };
        assert_eq!(memory, expected);
    }

    #[test]
    fn this_process_has_memory_and_no_ring() {
        let memory = of(std::process::id()).unwrap();
        assert!(memory.rss_kib > 0 && memory.anonymous_kib > 0 && memory.ring_kib == 0);
        assert!(memory.anonymous_kib <= memory.rss_kib);
    }
}
