//! What the kernel tells of one process: `/proc/PID/stat`, `statm`, `status` and `oom_score_adj`.
//!
//! `stat` and `statm` take no lock that a process in trouble may hold; `status` neither (its memory lines are counters).
//! `smaps` and `cmdline` do, and are not read.

use super::text::{lines, number, skip_blanks, whole_number, words};

/// `/proc/PID/stat` (proc_pid_stat(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessStat<'a> {
    /// The program's name, which it may choose itself: any bytes but zero, brackets, blanks and newlines among them. The
    /// kernel keeps 15 bytes, of its own workers more.
    pub name: &'a [u8],
    /// The state of the first thread: `R` runs or wants to, `S` sleeps, `D` waits for a disk, `Z` ended …
    pub state: u8,
    /// The parent's process id; 0 for none.
    pub parent: u32,
    /// CPU time of all its threads, user and system, in clock ticks.
    pub cpu_ticks: u64,
    /// Threads.
    pub threads: u32,
    /// When it was started, in clock ticks since boot: with the process id this tells it from a later one of the same id.
    pub start_ticks: u64,
}

/// Reads `stat`. The name ends at the **last** closing bracket of the file: what follows are numbers only, and the name may
/// hold brackets itself. `None` where the record is not whole.
#[must_use]
pub fn stat(text: &[u8]) -> Option<ProcessStat<'_>> {
    let text = text.strip_suffix(b"\n")?;
    let open = text.iter().position(|&byte| byte == b'(')?;
    let close = text.iter().rposition(|&byte| byte == b')')?;
    whole_number(text.get(..open)?.strip_suffix(b" ")?)?;
    let name = text.get(open.checked_add(1)?..close)?;
    let mut fields = words(text.get(close.checked_add(1)?..)?);
    let state = match fields.next()? {
        [state] => *state,
        _ => return None,
    };
    let parent = u32::try_from(whole_number(fields.next()?)?).ok()?;
    // Fields 14 and 15, 20, 22 of the manual, which counts from 1 and has the parent at 4.
    let user = whole_number(fields.nth(9)?)?;
    let system = whole_number(fields.next()?)?;
    let threads = u32::try_from(whole_number(fields.nth(4)?)?).ok()?;
    let start_ticks = whole_number(fields.nth(1)?)?;
    Some(ProcessStat {
        name,
        state,
        parent,
        cpu_ticks: user.checked_add(system)?,
        threads,
        start_ticks,
    })
}

/// `/proc/PID/statm` (proc_pid_statm(5)), in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessMemory {
    /// Resident, whatever it is.
    pub resident_pages: u64,
    /// Of them such as belong to files or to shared memory.
    pub shared_pages: u64,
}

impl ProcessMemory {
    /// Resident less shared: what would be free again without the process. The two are counters that the kernel keeps to
    /// within some pages a processor, so that a difference below zero is zero.
    #[must_use]
    pub const fn own_pages(self) -> u64 {
        self.resident_pages.saturating_sub(self.shared_pages)
    }
}

/// Reads `statm`. `None` where the line is not whole.
#[must_use]
pub fn statm(text: &[u8]) -> Option<ProcessMemory> {
    let mut fields = words(text.strip_suffix(b"\n")?).skip(1);
    let resident_pages = whole_number(fields.next()?)?;
    let shared_pages = whole_number(fields.next()?)?;
    Some(ProcessMemory {
        resident_pages,
        shared_pages,
    })
}

/// What is used of `/proc/PID/status` (proc_pid_status(5)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessStatus {
    /// The user whose rights it has (the effective one).
    pub uid: Option<u32>,
    /// Memory in swap; absent for the kernel's own threads, which have none that could be there.
    pub swap_kib: Option<u64>,
}

/// Reads `status`. The kernel escapes newlines of the name there, so that every line is the kernel's own.
#[must_use]
pub fn status(text: &[u8]) -> ProcessStatus {
    let mut out = ProcessStatus::default();
    for line in lines(text) {
        if let Some(rest) = line.strip_prefix(b"Uid:")
            && out.uid.is_none()
        {
            out.uid = words(rest)
                .nth(1)
                .and_then(whole_number)
                .and_then(|uid| u32::try_from(uid).ok());
        } else if let Some(rest) = line.strip_prefix(b"VmSwap:")
            && out.swap_kib.is_none()
        {
            out.swap_kib = number(skip_blanks(rest))
                .filter(|(_, unit)| *unit == b" kB")
                .map(|(kib, _)| kib);
        }
    }
    out
}

/// Reads `oom_score_adj` (proc_pid_oom_score_adj(5)): −1000, never killed, to 1000.
#[must_use]
pub fn oom_score_adj(text: &[u8]) -> Option<i16> {
    let text = text.strip_suffix(b"\n")?;
    let (digits, negative) = match text.strip_prefix(b"-") {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let size = i16::try_from(whole_number(digits)?)
        .ok()
        .filter(|size| *size <= 1000)?;
    if negative {
        size.checked_neg()
    } else {
        Some(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &[u8]) -> Vec<u8> {
        let mut text = b"4711 (".to_vec();
        text.extend_from_slice(name);
        text.extend_from_slice(
            b") R 17 4711 4711 -1 -1 4194560 88 0 1 0 120 30 5 6 20 0 3 0 987654 1000 22 33 0\n",
        );
        text
    }

    #[test]
    fn the_last_bracket_ends_the_name() {
        for name in [
            &b"sh"[..],
            b"",
            b"a) S 1 (b",
            b")))((",
            b"a b\tc",
            b"a\nb",
            b"\x1b[31m",
            b"\xff\xfe",
        ] {
            let text = line(name);
            let found = stat(&text).unwrap();
            assert_eq!(found.name, name);
            assert_eq!(
                (
                    found.state,
                    found.parent,
                    found.cpu_ticks,
                    found.threads,
                    found.start_ticks
                ),
                (b'R', 17, 150, 3, 987_654)
            );
        }
    }

    #[test]
    fn a_cut_record_is_none() {
        let text = line(b"sh");
        for length in 0..text.len() {
            assert_eq!(stat(&text[..length]), None, "{length}");
        }
        assert_eq!(stat(b"x (sh) R 1\n"), None);
        assert_eq!(stat(b") 1 ("), None);
    }

    #[test]
    fn memory_is_resident_less_shared() {
        let memory = statm(b"3000 500 200 10 0 400 0\n").unwrap();
        assert_eq!(memory.own_pages(), 300);
        assert_eq!(statm(b"0 5 9 0 0 0 0\n").unwrap().own_pages(), 0);
        assert_eq!(statm(b"3000 500 20"), None);
        assert_eq!(statm(b"3000 500\n"), None);
    }

    #[test]
    fn status_gives_the_effective_user_and_swap() {
        let text = b"Name:\ta\\nUid:\t0\nUid:\t1000\t1001\t1000\t1000\nVmSwap:\t     128 kB\n";
        let found = status(text);
        assert_eq!((found.uid, found.swap_kib), (Some(1001), Some(128)));
        assert_eq!(status(b"Uid:\t1000\t10"), ProcessStatus::default());
        assert_eq!(status(b"VmSwap:\t 12 MB\n").swap_kib, None);
    }

    #[test]
    fn the_score_is_in_its_range() {
        assert_eq!(oom_score_adj(b"-1000\n"), Some(-1000));
        assert_eq!(oom_score_adj(b"0\n"), Some(0));
        for bad in [&b"1001\n"[..], b"-\n", b"5", b"--5\n", b"70000\n"] {
            assert_eq!(oom_score_adj(bad), None);
        }
    }
}
