//! The files of one service's control group, of version 2 (Documentation/admin-guide/cgroup-v2.rst) and of version 1
//! (Documentation/admin-guide/cgroup-v1).

use super::cgroup::{Limit, value};
use super::text::{key_value, lines, put, whole_number};

/// Which version a controller is of: on hybrid hosts each may be another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// One hierarchy for all.
    Two,
    /// A hierarchy for each.
    One,
}

/// What the memory of a group is. Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemorySplit {
    /// Anonymous: what the programs asked for.
    pub anonymous_bytes: Option<u64>,
    /// Of files, shared memory and tmpfs included.
    pub file_bytes: Option<u64>,
    /// Shared memory and tmpfs.
    pub shmem_bytes: Option<u64>,
    /// Of files, not used lately: given back first.
    pub inactive_file_bytes: Option<u64>,
    /// Of files, used lately: given back when there is need.
    pub active_file_bytes: Option<u64>,
    /// The kernel's, to be given back. Version 1 does not tell.
    pub slab_reclaimable_bytes: Option<u64>,
    /// The kernel's, for good. Version 1 does not tell.
    pub slab_unreclaimable_bytes: Option<u64>,
}

/// Reads `memory.stat`. Of version 1 the `total_` lines, which are with the groups below, as version 2 counts.
#[must_use]
pub fn memory_split(text: &[u8], version: Version) -> MemorySplit {
    let mut out = MemorySplit::default();
    for line in lines(text) {
        let Some((key, value)) = key_value(line) else {
            continue;
        };
        let slot = match (version, key) {
            (Version::Two, b"anon") | (Version::One, b"total_rss") => &mut out.anonymous_bytes,
            (Version::Two, b"file") | (Version::One, b"total_cache") => &mut out.file_bytes,
            (Version::Two, b"shmem") | (Version::One, b"total_shmem") => &mut out.shmem_bytes,
            (Version::Two, b"inactive_file") | (Version::One, b"total_inactive_file") => {
                &mut out.inactive_file_bytes
            }
            (Version::Two, b"active_file") | (Version::One, b"total_active_file") => {
                &mut out.active_file_bytes
            }
            (Version::Two, b"slab_reclaimable") => &mut out.slab_reclaimable_bytes,
            (Version::Two, b"slab_unreclaimable") => &mut out.slab_unreclaimable_bytes,
            _ => continue,
        };
        put(slot, whole_number(value));
    }
    out
}

/// How often the memory of a group, and of the groups below, met its limits since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryEvents {
    /// Was slowed down above `memory.high`. Version 1 has no such limit.
    pub high: Option<u64>,
    /// Was about to go beyond `memory.max`; of version 1 `memory.failcnt`, which counts this group alone.
    pub max: Option<u64>,
    /// Had nothing left to give back. Version 1 does not tell.
    pub oom: Option<u64>,
    /// Processes killed for it. Of version 1 since Linux 4.13.
    pub oom_kill: Option<u64>,
}

/// Reads `memory.events`.
#[must_use]
pub fn memory_events(text: &[u8]) -> MemoryEvents {
    let mut out = MemoryEvents::default();
    for line in lines(text) {
        let Some((key, value)) = key_value(line) else {
            continue;
        };
        let slot = match key {
            b"high" => &mut out.high,
            b"max" => &mut out.max,
            b"oom" => &mut out.oom,
            b"oom_kill" => &mut out.oom_kill,
            _ => continue,
        };
        put(slot, whole_number(value));
    }
    out
}

/// CPU of a group since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuStat {
    /// Time on processors, in microseconds. Of version 1 it stands in `cpuacct.usage`.
    pub usage_usec: Option<u64>,
    /// Periods of its quota in which it ran.
    pub periods: Option<u64>,
    /// Of them those in which it was held back.
    pub throttled_periods: Option<u64>,
    /// Time for which it was held back, all processors together, in microseconds.
    pub throttled_usec: Option<u64>,
}

/// Reads `cpu.stat` of either version: they differ in the name and the unit of the last.
#[must_use]
pub fn cpu_stat(text: &[u8]) -> CpuStat {
    let mut out = CpuStat::default();
    let mut throttled_ns = None;
    for line in lines(text) {
        let Some((key, value)) = key_value(line) else {
            continue;
        };
        let slot = match key {
            b"usage_usec" => &mut out.usage_usec,
            b"nr_periods" => &mut out.periods,
            b"nr_throttled" => &mut out.throttled_periods,
            b"throttled_usec" => &mut out.throttled_usec,
            b"throttled_time" => &mut throttled_ns,
            _ => continue,
        };
        put(slot, whole_number(value));
    }
    put(&mut out.throttled_usec, throttled_ns.map(|ns| ns / 1000));
    out
}

/// Reads `cpuacct.usage`, nanoseconds, as microseconds.
#[must_use]
pub fn cpuacct_usage_usec(text: &[u8]) -> Option<u64> {
    value(text).map(|ns| ns / 1000)
}

/// The greatest limit of version 1 on a machine of 32 bits with pages of 4 KiB: a page less than 2^43 bytes.
const UNLIMITED_32_BITS: u64 = 0x7FF_FFFF_F000;
/// From here on a limit of version 1 is none: the greatest is 2^63 rounded down to whole pages, whatever their size.
const UNLIMITED_64_BITS: u64 = 0x7FFF_FFFF_0000_0000;

/// Reads `memory.limit_in_bytes`, which has a number for "unlimited" too.
#[must_use]
pub fn limit_in_bytes(text: &[u8]) -> Option<Limit> {
    value(text).map(|bytes| {
        if bytes >= UNLIMITED_64_BITS || bytes == UNLIMITED_32_BITS {
            Limit::Unlimited
        } else {
            Limit::Bytes(bytes)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_memory_stat() {
        let two = b"anon 1\nfile 2\nkernel 9\nshmem 3\nfile_mapped 9\ninactive_anon 9\ninactive_file 4\nactive_file 5\n\
            slab_reclaimable 6\nslab_unreclaimable 7\nslab 13\n";
        let one = b"cache 90\nrss 91\ninactive_file 92\ntotal_cache 2\ntotal_rss 1\ntotal_shmem 3\ntotal_inactive_file 4\n\
            total_active_file 5\n";
        let expected = MemorySplit {
            anonymous_bytes: Some(1),
            file_bytes: Some(2),
            shmem_bytes: Some(3),
            inactive_file_bytes: Some(4),
            active_file_bytes: Some(5),
            slab_reclaimable_bytes: None,
            slab_unreclaimable_bytes: None,
        };
        assert_eq!(memory_split(one, Version::One), expected);
        let expected = MemorySplit {
            slab_reclaimable_bytes: Some(6),
            slab_unreclaimable_bytes: Some(7),
            ..expected
        };
        assert_eq!(memory_split(two, Version::Two), expected);
        assert_eq!(
            memory_split(b"anon 12", Version::Two),
            MemorySplit::default()
        );
    }

    #[test]
    fn events() {
        let found = memory_events(b"low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 5\n");
        let expected = [found.high, found.max, found.oom, found.oom_kill];
        assert_eq!(expected, [Some(1), Some(2), Some(3), Some(4)]);
        // Before Linux 4.13 there was no such line.
        let found = memory_events(b"oom_kill_disable 0\nunder_oom 0\n");
        assert_eq!(found, MemoryEvents::default());
    }

    #[test]
    fn both_versions_of_cpu_stat() {
        let two = cpu_stat(
            b"usage_usec 7\nuser_usec 5\nnr_periods 3\nnr_throttled 2\nthrottled_usec 9\n",
        );
        let one = cpu_stat(b"nr_periods 3\nnr_throttled 2\nthrottled_time 9999\n");
        assert_eq!(two.usage_usec, Some(7));
        assert_eq!(
            one,
            CpuStat {
                usage_usec: None,
                ..two
            }
        );
        assert_eq!(cpuacct_usage_usec(b"7999\n"), Some(7));
    }

    #[test]
    fn limits_of_version_1() {
        for text in [
            &b"9223372036854771712\n"[..],
            b"9223372036854710272\n",
            b"8796093018112\n",
        ] {
            assert_eq!(limit_in_bytes(text), Some(Limit::Unlimited));
        }
        assert_eq!(limit_in_bytes(b"1073741824\n"), Some(Limit::Bytes(1 << 30)));
        assert_eq!(limit_in_bytes(b"-1\n"), None);
    }
}
