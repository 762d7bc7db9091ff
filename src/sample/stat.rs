//! `/proc/stat` (proc_stat(5)).
//!
//! What it costs: the kernel writes the whole file anew at each read from its start, however little is asked
//! for (fs/proc/stat.c is one seq_file record), and on a host with many processors and interrupts it is tens of
//! KiB. So a look reads one buffer's head: the first line has all CPU times. `procs_running` stands near the
//! end; where the whole file fits into the buffer it comes for nothing, else the same number (`nr_running()`)
//! is taken from `/proc/loadavg`, which is read anyway.

use super::snapshot::CpuTimes;
use super::text::{lines, skip_blanks, whole_number, words};

/// The times of all processors together, from the line `cpu`. `None` where it has fewer than the eight values
/// that every kernel since 2.6.11 gives.
#[must_use]
pub fn cpu_times(text: &[u8]) -> Option<CpuTimes> {
    let line = lines(text).find_map(|line| line.strip_prefix(b"cpu "))?;
    let mut values = words(line).map(whole_number);
    let mut next = || values.next().flatten();
    let (user, nice, system, idle) = (next()?, next()?, next()?, next()?);
    let (iowait, irq, softirq, steal) = (next()?, next()?, next()?, next()?);
    Some(CpuTimes {
        user: user.checked_add(nice)?,
        system: system.checked_add(irq)?.checked_add(softirq)?,
        idle,
        iowait,
        steal,
    })
}

/// `procs_running`, looked for from the end of the file, where it stands: before `procs_blocked` and `softirq`.
#[must_use]
pub fn procs_running(text: &[u8]) -> Option<u32> {
    const TAIL_LINES: usize = 16;
    let complete = text.strip_suffix(b"\n")?;
    let value = complete
        .rsplit(|&byte| byte == b'\n')
        .take(TAIL_LINES)
        .find_map(|line| line.strip_prefix(b"procs_running "))?;
    u32::try_from(whole_number(skip_blanks(value))?).ok()
}

/// Counts the `cpuN` lines of a file that is read piece by piece.
#[derive(Clone, Copy, Debug, Default)]
pub struct CoreCount {
    cores: u32,
    /// Bytes of the line seen so far, up to four.
    head: [u8; 4],
    column: usize,
    other_line: bool,
    out_of_order: bool,
}

impl CoreCount {
    /// Takes the next piece.
    pub fn feed(&mut self, piece: &[u8]) {
        for &byte in piece {
            if byte == b'\n' {
                self.column = 0;
                continue;
            }
            if let Some(slot) = self.head.get_mut(self.column) {
                *slot = byte;
                self.column = self.column.saturating_add(1);
                if self.column == self.head.len() {
                    self.classify();
                }
            }
        }
    }

    fn classify(&mut self) {
        match self.head {
            [b'c', b'p', b'u', b'0'..=b'9'] => {
                self.out_of_order |= self.other_line;
                self.cores = self.cores.saturating_add(1);
            }
            [b'c', b'p', b'u', b' '] => {}
            _ => self.other_line = true,
        }
    }

    /// True once the block of `cpuN` lines has ended.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.other_line
    }

    /// The number of processors, where the block of their lines was seen whole and in one piece.
    #[must_use]
    pub fn cores(&self) -> Option<u32> {
        (self.other_line && !self.out_of_order && self.cores > 0).then_some(self.cores)
    }
}

/// The number of processors in a list such as `0-3,8` (`/sys/devices/system/cpu/online`, cputopology.rst).
#[must_use]
pub fn online_cores(text: &[u8]) -> Option<u32> {
    let list = text.strip_suffix(b"\n")?;
    let mut cores = 0_u64;
    let mut expected_from = 0_u64;
    for range in list.split(|&byte| byte == b',') {
        let mut ends = range.splitn(2, |&byte| byte == b'-');
        let first = whole_number(ends.next()?)?;
        let last = ends.next().map_or(Some(first), whole_number)?;
        if first < expected_from {
            return None;
        }
        expected_from = last.checked_add(1)?;
        cores = cores.checked_add(
            expected_from
                .checked_sub(first)
                .filter(|&count| count > 0)?,
        )?;
    }
    u32::try_from(cores).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &[u8] = b"cpu  10 2 30 400 5 6 7 8 9 1\ncpu0 1 0 0 0 0 0 0 0 0 0\ncpu1 1 0 0 0 0 0 0 0 0 0\nintr 5 0 0\nctxt 1\nprocs_running 3\nprocs_blocked 0\nsoftirq 1 2\n";

    #[test]
    fn guest_is_not_added_again() {
        let times = cpu_times(STAT).unwrap();
        assert_eq!(
            (
                times.user,
                times.system,
                times.idle,
                times.iowait,
                times.steal
            ),
            (12, 43, 400, 5, 8)
        );
        assert_eq!(procs_running(STAT), Some(3));
    }

    #[test]
    fn a_short_line_is_absent() {
        assert_eq!(cpu_times(b"cpu  1 2 3 4 5 6 7\n"), None);
        assert_eq!(cpu_times(b"cpu  1 2 3 4 5 6 7 8"), None);
        assert_eq!(cpu_times(b"cpu0 1 2 3 4 5 6 7 8\n"), None);
        assert_eq!(
            cpu_times(b"cpu  18446744073709551615 1 3 4 5 6 7 8\n"),
            None
        );
    }

    #[test]
    fn cores_in_any_pieces() {
        for size in 1..STAT.len() {
            let mut count = CoreCount::default();
            STAT.chunks(size).for_each(|piece| count.feed(piece));
            assert_eq!(count.cores(), Some(2), "pieces of {size}");
        }
        let mut cut = CoreCount::default();
        cut.feed(b"cpu  1\ncpu0 1 2\ncpu1 1");
        assert_eq!(cut.cores(), None);
    }

    #[test]
    fn lists_of_processors() {
        assert_eq!(online_cores(b"0-1\n"), Some(2));
        assert_eq!(online_cores(b"0\n"), Some(1));
        assert_eq!(online_cores(b"0-3,8,10-11\n"), Some(7));
        for bad in [
            &b"0-3"[..],
            b"\n",
            b"3-0\n",
            b"0-1,1\n",
            b"a\n",
            b"0-18446744073709551615\n",
        ] {
            assert_eq!(online_cores(bad), None, "{bad:?}");
        }
    }
}
