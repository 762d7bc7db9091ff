//! `/proc/meminfo` (proc_meminfo(5)).

use super::snapshot::Memory;
use super::text::{lines, number, put, skip_blanks};

/// The lines of `/proc/meminfo` that we use, in KiB but for the two counts of huge pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meminfo {
    /// `MemTotal`.
    pub total_kib: Option<u64>,
    /// `MemFree`.
    pub free_kib: Option<u64>,
    /// `MemAvailable`, since Linux 3.14.
    pub available_kib: Option<u64>,
    /// `Buffers`.
    pub buffers_kib: Option<u64>,
    /// `Cached`, shared memory included.
    pub cached_kib: Option<u64>,
    /// `Active(file)`.
    pub active_file_kib: Option<u64>,
    /// `Inactive(file)`.
    pub inactive_file_kib: Option<u64>,
    /// `AnonPages`.
    pub anonymous_kib: Option<u64>,
    /// `Shmem`.
    pub shmem_kib: Option<u64>,
    /// `SReclaimable`.
    pub slab_reclaimable_kib: Option<u64>,
    /// `SUnreclaim`.
    pub slab_unreclaimable_kib: Option<u64>,
    /// `SwapTotal`.
    pub swap_total_kib: Option<u64>,
    /// `SwapFree`.
    pub swap_free_kib: Option<u64>,
    /// `Dirty`.
    pub dirty_kib: Option<u64>,
    /// `Committed_AS`.
    pub committed_kib: Option<u64>,
    /// `HugePages_Total`: pages of the default size, surplus ones included.
    pub huge_pages_total: Option<u64>,
    /// `HugePages_Free`: pages of the default size.
    pub huge_pages_free: Option<u64>,
    /// `Hugepagesize`: the default size.
    pub huge_page_kib: Option<u64>,
    /// `Hugetlb`, since Linux 4.16: the pools of all sizes together.
    pub hugetlb_kib: Option<u64>,
}

/// Reads `/proc/meminfo`, whatever its order; unknown lines are passed over.
#[must_use]
pub fn parse(text: &[u8]) -> Meminfo {
    let mut out = Meminfo::default();
    for line in lines(text) {
        // No key of ours begins otherwise; this look spares half of the lines the rest.
        if !matches!(
            line.first(),
            Some(b'A' | b'B' | b'C' | b'D' | b'H' | b'I' | b'M' | b'S')
        ) {
            continue;
        }
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            continue;
        };
        let Some((key, rest)) = line.split_at_checked(colon) else {
            continue;
        };
        let (slot, unit): (_, &[u8]) = match key {
            b"MemTotal" => (&mut out.total_kib, b" kB"),
            b"MemFree" => (&mut out.free_kib, b" kB"),
            b"MemAvailable" => (&mut out.available_kib, b" kB"),
            b"Buffers" => (&mut out.buffers_kib, b" kB"),
            b"Cached" => (&mut out.cached_kib, b" kB"),
            b"Active(file)" => (&mut out.active_file_kib, b" kB"),
            b"Inactive(file)" => (&mut out.inactive_file_kib, b" kB"),
            b"AnonPages" => (&mut out.anonymous_kib, b" kB"),
            b"Shmem" => (&mut out.shmem_kib, b" kB"),
            b"SReclaimable" => (&mut out.slab_reclaimable_kib, b" kB"),
            b"SUnreclaim" => (&mut out.slab_unreclaimable_kib, b" kB"),
            b"SwapTotal" => (&mut out.swap_total_kib, b" kB"),
            b"SwapFree" => (&mut out.swap_free_kib, b" kB"),
            b"Dirty" => (&mut out.dirty_kib, b" kB"),
            b"Committed_AS" => (&mut out.committed_kib, b" kB"),
            b"HugePages_Total" => (&mut out.huge_pages_total, b""),
            b"HugePages_Free" => (&mut out.huge_pages_free, b""),
            b"Hugepagesize" => (&mut out.huge_page_kib, b" kB"),
            b"Hugetlb" => (&mut out.hugetlb_kib, b" kB"),
            _ => continue,
        };
        put(slot, value(rest, unit));
    }
    out
}

/// The number of `":   123 kB"` where what follows it is `unit`.
fn value(rest: &[u8], unit: &[u8]) -> Option<u64> {
    let (value, after) = number(skip_blanks(rest.strip_prefix(b":")?))?;
    (after == unit).then_some(value)
}

impl Meminfo {
    /// The levels of a snapshot. `low_watermark_kib` (see [`super::zoneinfo`]) is used only where the kernel
    /// gives no `MemAvailable`. Values that contradict each other (more free than there is) are absent.
    #[must_use]
    pub fn memory(&self, low_watermark_kib: u64) -> Memory {
        let (hugetlb_total_kib, hugetlb_free_kib) = self.hugetlb();
        let total_kib = match (self.total_kib, hugetlb_total_kib) {
            (Some(total), Some(pool)) => total.checked_sub(pool),
            (total, _) => total,
        };
        let estimate = match self.available_kib {
            None => self.estimated_available_kib(low_watermark_kib),
            Some(_) => None,
        };
        let available_kib = self
            .available_kib
            .or(estimate)
            .filter(|&available| total_kib.is_none_or(|total| available <= total));
        Memory {
            total_kib,
            available_kib,
            available_estimated: estimate.is_some() && available_kib.is_some(),
            anonymous_kib: self.anonymous_kib,
            page_cache_kib: self.page_cache_kib(),
            shmem_kib: self.shmem_kib,
            slab_reclaimable_kib: self.slab_reclaimable_kib,
            slab_unreclaimable_kib: self.slab_unreclaimable_kib,
            swap_total_kib: self.swap_total_kib,
            swap_used_kib: self.swap_used_kib(),
            dirty_kib: self.dirty_kib,
            committed_kib: self.committed_kib,
            zfs_arc_kib: None,
            hugetlb_total_kib,
            hugetlb_free_kib,
        }
    }

    /// What the kernel calls available since 3.14 (commit 34e431b0ae39, later `si_mem_available` in
    /// mm/page_alloc.c): free memory above the low watermarks, and of page cache and reclaimable slab what is
    /// left when half of each, or the watermark if that is less, stays in use.
    fn estimated_available_kib(&self, low_watermark_kib: u64) -> Option<u64> {
        let reclaimable = |kib: u64| kib.checked_sub(low_watermark_kib.min(kib / 2));
        let files = self.active_file_kib?.checked_add(self.inactive_file_kib?)?;
        let slab = self.slab_reclaimable_kib.unwrap_or(0);
        let sum = self
            .free_kib?
            .checked_add(reclaimable(files)?)?
            .checked_add(reclaimable(slab)?)?;
        // The kernel takes the watermark from the free pages, which may go below zero, and ends at zero.
        Some(sum.saturating_sub(low_watermark_kib))
    }

    fn page_cache_kib(&self) -> Option<u64> {
        self.cached_kib?
            .checked_add(self.buffers_kib?)?
            .checked_sub(self.shmem_kib?)
    }

    fn swap_used_kib(&self) -> Option<u64> {
        self.swap_total_kib?.checked_sub(self.swap_free_kib?)
    }

    /// Total and free of the huge page pool. `Hugetlb` counts the pools of all sizes; older kernels tell only
    /// of the default size.
    fn hugetlb(&self) -> (Option<u64>, Option<u64>) {
        let pages = |count: Option<u64>| count?.checked_mul(self.huge_page_kib?);
        let total = self.hugetlb_kib.max(pages(self.huge_pages_total));
        let free = pages(self.huge_pages_free).filter(|&free| total.is_some_and(|all| free <= all));
        (total, free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_the_kernels() {
        // Worked by hand: 1000 - 80 + (400 - 80) + (100 - 50).
        let info = parse(
            b"MemTotal: 9000 kB\nMemFree: 1000 kB\nActive(file): 300 kB\nInactive(file): 100 kB\nSReclaimable: 100 kB\n",
        );
        let memory = info.memory(80);
        assert_eq!(memory.available_kib, Some(1290));
        assert!(memory.available_estimated);
        assert_eq!(info.memory(5000).available_kib, Some(0));
    }

    #[test]
    fn the_pool_is_no_memory() {
        let info = parse(
            b"MemTotal: 9000 kB\nMemAvailable: 100 kB\nHugePages_Total: 2\nHugePages_Free: 1\nHugepagesize: 2048 kB\n",
        );
        let memory = info.memory(0);
        assert_eq!(memory.total_kib, Some(9000 - 4096));
        assert_eq!(memory.hugetlb_total_kib, Some(4096));
        assert_eq!(memory.hugetlb_free_kib, Some(2048));
        assert!(!memory.available_estimated);
    }

    #[test]
    fn pools_of_all_sizes_count() {
        let memory = parse(
            b"MemTotal: 9000000 kB\nHugePages_Total: 0\nHugePages_Free: 0\nHugepagesize: 2048 kB\nHugetlb: 1048576 kB\n",
        )
        .memory(0);
        assert_eq!(memory.total_kib, Some(9_000_000 - 1_048_576));
        assert_eq!(memory.hugetlb_free_kib, Some(0));
    }

    #[test]
    fn contradictions_are_absent() {
        let memory = parse(
            b"MemTotal: 10 kB\nMemAvailable: 11 kB\nSwapTotal: 1 kB\nSwapFree: 2 kB\nCached: 1 kB\nBuffers: 1 kB\nShmem: 3 kB\n",
        )
        .memory(0);
        assert_eq!(memory.total_kib, Some(10));
        assert_eq!(memory.available_kib, None);
        assert_eq!(memory.swap_used_kib, None);
        assert_eq!(memory.page_cache_kib, None);
    }

    #[test]
    fn another_unit_is_absent() {
        assert_eq!(parse(b"MemTotal: 10 MB\n").total_kib, None);
        assert_eq!(parse(b"MemTotal: 10\n").total_kib, None);
        assert_eq!(parse(b"MemTotal: 10 kB").total_kib, None);
    }
}
