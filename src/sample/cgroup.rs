//! Control group version 2 (Documentation/admin-guide/cgroup-v2.rst), for the agent inside a container, and who
//! serves `/proc/meminfo` there.

use super::snapshot::{Counters, Memory};
use super::text::{key_value, lines, put, whole_number, words};

/// A limit such as `memory.max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// `max`.
    Unlimited,
    /// Bytes.
    Bytes(u64),
}

/// Reads `memory.max` or `memory.swap.max`.
#[must_use]
pub fn limit(text: &[u8]) -> Option<Limit> {
    match text {
        b"max\n" => Some(Limit::Unlimited),
        _ => value(text).map(Limit::Bytes),
    }
}

/// Reads a file of one number, such as `memory.current`.
#[must_use]
pub fn value(text: &[u8]) -> Option<u64> {
    whole_number(text.strip_suffix(b"\n")?)
}

/// What we use of `memory.stat`: bytes, and counters since the group was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStat {
    /// `anon`.
    pub anonymous_bytes: Option<u64>,
    /// `file`, shared memory included.
    pub file_bytes: Option<u64>,
    /// `shmem`.
    pub shmem_bytes: Option<u64>,
    /// `file_dirty`.
    pub dirty_bytes: Option<u64>,
    /// `inactive_file`.
    pub inactive_file_bytes: Option<u64>,
    /// `slab_reclaimable`.
    pub slab_reclaimable_bytes: Option<u64>,
    /// `slab_unreclaimable`.
    pub slab_unreclaimable_bytes: Option<u64>,
    /// Swap, major faults and refaults; `oom_kill` stands in `memory.events`.
    pub counters: Counters,
}

/// Reads `memory.stat`.
#[must_use]
pub fn memory_stat(text: &[u8]) -> MemoryStat {
    let mut out = MemoryStat::default();
    let mut refaults_before_5_9 = None;
    for line in lines(text) {
        let Some((key, value)) = key_value(line) else {
            continue;
        };
        let slot = match key {
            b"anon" => &mut out.anonymous_bytes,
            b"file" => &mut out.file_bytes,
            b"shmem" => &mut out.shmem_bytes,
            b"file_dirty" => &mut out.dirty_bytes,
            b"inactive_file" => &mut out.inactive_file_bytes,
            b"slab_reclaimable" => &mut out.slab_reclaimable_bytes,
            b"slab_unreclaimable" => &mut out.slab_unreclaimable_bytes,
            b"pgmajfault" => &mut out.counters.major_faults,
            b"pswpin" => &mut out.counters.swap_in_pages,
            b"pswpout" => &mut out.counters.swap_out_pages,
            b"workingset_refault_file" => &mut out.counters.refaults,
            b"workingset_refault" => &mut refaults_before_5_9,
            _ => continue,
        };
        put(slot, whole_number(value));
    }
    put(&mut out.counters.refaults, refaults_before_5_9);
    out
}

/// `oom_kill` of `memory.events`.
#[must_use]
pub fn oom_kill(text: &[u8]) -> Option<u64> {
    let value = lines(text).find_map(|line| line.strip_prefix(b"oom_kill "))?;
    whole_number(value)
}

/// The files of a container's root group at one look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// `memory.max`.
    pub limit: Option<Limit>,
    /// `memory.current`, bytes.
    pub current_bytes: Option<u64>,
    /// `memory.stat`.
    pub stat: MemoryStat,
    /// `memory.swap.max`.
    pub swap_limit: Option<Limit>,
    /// `memory.swap.current`, bytes.
    pub swap_current_bytes: Option<u64>,
}

impl Group {
    /// The container's levels. `host` is the machine's memory as `/proc/meminfo` gives it, which bounds a limit
    /// above it. Used is `memory.current - inactive_file`. What a group does not know (committed, ZFS ARC, huge
    /// page pool) is absent: the machine's value is not the container's.
    #[must_use]
    pub fn memory(&self, host: &Memory) -> Memory {
        let total_kib = bounded(self.limit, host.total_kib);
        let used_kib = self.used_bytes().map(|bytes| bytes / 1024);
        let stat = &self.stat;
        let page_cache = stat
            .file_bytes
            .zip(stat.shmem_bytes)
            .and_then(|(file, shmem)| file.checked_sub(shmem));
        Memory {
            total_kib,
            available_kib: total_kib
                .zip(used_kib)
                .and_then(|(total, used)| total.checked_sub(used)),
            available_estimated: false,
            anonymous_kib: kib(stat.anonymous_bytes),
            page_cache_kib: kib(page_cache),
            shmem_kib: kib(stat.shmem_bytes),
            slab_reclaimable_kib: kib(stat.slab_reclaimable_bytes),
            slab_unreclaimable_kib: kib(stat.slab_unreclaimable_bytes),
            swap_total_kib: bounded(self.swap_limit, host.swap_total_kib),
            swap_used_kib: kib(self.swap_current_bytes),
            dirty_kib: kib(stat.dirty_bytes),
            ..Memory::default()
        }
    }

    fn used_bytes(&self) -> Option<u64> {
        self.current_bytes?
            .checked_sub(self.stat.inactive_file_bytes?)
    }
}

fn kib(bytes: Option<u64>) -> Option<u64> {
    bytes.map(|bytes| bytes / 1024)
}

/// A limit in KiB, never above what the machine has.
fn bounded(limit: Option<Limit>, host_kib: Option<u64>) -> Option<u64> {
    match limit? {
        Limit::Unlimited => host_kib,
        Limit::Bytes(bytes) => Some(host_kib.map_or(bytes / 1024, |host| host.min(bytes / 1024))),
    }
}

/// True where `/proc/self/cgroup` says that the agent's group of version 2 is the root of its namespace. A unit
/// of its own (`0::/system.slice/hansho.service`) is not: its limit is never the system's.
#[must_use]
pub fn is_namespace_root(self_cgroup: &[u8]) -> bool {
    lines(self_cgroup).any(|line| line == b"0::/")
}

/// True where `/proc/self/mountinfo` (proc_pid_mountinfo(5)) says that lxcfs serves `/proc/meminfo`.
#[must_use]
pub fn lxcfs_serves_meminfo(mountinfo: &[u8]) -> bool {
    lines(mountinfo).any(|line| {
        let mut words = words(line);
        words.nth(4) == Some(b"/proc/meminfo")
            && words.by_ref().any(|word| word == b"-")
            && words.next() == Some(b"fuse.lxcfs")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        assert_eq!(limit(b"max\n"), Some(Limit::Unlimited));
        assert_eq!(limit(b"1073741824\n"), Some(Limit::Bytes(1 << 30)));
        assert_eq!(limit(b"10737"), None, "cut");
        assert_eq!(limit(b""), None);
    }

    #[test]
    fn used_is_current_without_inactive_files() {
        let group = Group {
            limit: Some(Limit::Bytes(1 << 20)),
            current_bytes: Some(700 * 1024),
            stat: memory_stat(b"anon 307200\nfile 204800\nshmem 102400\ninactive_file 102400\n"),
            ..Group::default()
        };
        let memory = group.memory(&Memory {
            total_kib: Some(1 << 30),
            committed_kib: Some(1),
            ..Memory::default()
        });
        assert_eq!(memory.total_kib, Some(1024));
        assert_eq!(memory.available_kib, Some(424));
        assert_eq!(memory.page_cache_kib, Some(100));
        assert_eq!(memory.committed_kib, None);
    }

    #[test]
    fn whose_group() {
        assert!(is_namespace_root(b"1:name=systemd:/\n0::/\n"));
        assert!(!is_namespace_root(b"0::/system.slice/hansho.service\n"));
        assert!(!is_namespace_root(b"4:memory:/\n"));
    }

    #[test]
    fn lxcfs() {
        let line = b"601 500 0:52 /proc/meminfo /proc/meminfo rw,nosuid,nodev,relatime shared:1 - fuse.lxcfs lxcfs rw\n";
        assert!(lxcfs_serves_meminfo(line));
        assert!(!lxcfs_serves_meminfo(
            b"22 27 0:21 / /proc rw,relatime - proc proc rw\n"
        ));
        assert!(!lxcfs_serves_meminfo(
            b"601 500 0:52 / /proc/meminfo rw - tmpfs tmpfs rw\n"
        ));
    }
}
