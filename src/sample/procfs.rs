//! The reader of `/proc` and `/sys`: opens once, then only `pread`s into its own buffer.
//!
//! After [`ProcReader::open`] it neither allocates nor opens nor seeks. `root` is a directory under which
//! `proc/` and `sys/` stand: `/` on a host, a captured tree elsewhere.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::cgroup::{self, Limit};
use super::pressure::Stall;
use super::snapshot::{Counters, Memory, PressureTotals, Scope, Snapshot};
use super::source::{Presence, Reader, SOURCES, Source};
use super::{arcstats, loadavg, meminfo, pressure, stat, vmstat, zoneinfo};
use crate::clock::{Uptime, WallTime};

/// The buffer for any one file. `/proc/vmstat`, the longest that is read whole, has 4 to 6 KiB on kernels up to
/// 6.18; what does not fit is not seen, and its values are absent.
const BUFFER_BYTES: usize = 8192;
/// What is asked of files of one record: the kernel gives as much as is asked for, up to the whole record.
const HEAD_BYTES: usize = 4096;
/// Pieces of `/proc/stat` read to count processors, at the start and with the counters, where
/// `/sys/devices/system/cpu/online` is missing: 8192 processors (the most of a distribution's kernel) need 640 KiB.
const STAT_PIECES: usize = 96;
/// Longest of the files that are read at the start only (`zoneinfo`, `mountinfo`): a large host has some 100 KiB.
const START_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Why a tree cannot be read.
#[derive(Debug)]
pub enum OpenFault {
    /// Neither file could be opened: this is not a root with a `proc/`. Carries the first path and its error.
    NothingToRead {
        /// The path of `proc/meminfo` under the root.
        path: PathBuf,
        /// Why it could not be opened.
        error: io::Error,
    },
}

impl core::fmt::Display for OpenFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NothingToRead { path, error } => {
                write!(f, "{}: {error}", path.display())
            }
        }
    }
}

impl core::error::Error for OpenFault {}

/// The `/proc` reader.
#[derive(Debug)]
pub struct ProcReader {
    files: [Option<File>; SOURCES],
    presence: Presence,
    group: Option<GroupReader>,
    scope: Scope,
    /// Only on kernels without `MemAvailable`; 0 where no file tells.
    low_watermark_kib: u64,
    cores: Option<u32>,
    buffer: [u8; BUFFER_BYTES],
}

/// What is kept of the container's limits between looks: they are read with the counters.
#[derive(Debug)]
struct GroupReader {
    limit: Option<Limit>,
    swap_limit: Option<Limit>,
    swap_limit_file: Option<File>,
}

impl ProcReader {
    /// Opens everything under `root` that there is, and decides once whose memory it shows. May allocate.
    ///
    /// # Errors
    /// [`OpenFault`] where there is neither a `proc/meminfo` nor a `proc/stat`.
    pub fn open(root: &Path) -> Result<Self, OpenFault> {
        let mut buffer = [0; BUFFER_BYTES];
        let container = container_limit(root, &mut buffer);
        let mut files: [Option<File>; SOURCES] = [const { None }; SOURCES];
        let paths: &[(Source, &str)] = if container.is_some() {
            &GROUP_PATHS
        } else {
            &HOST_PATHS
        };
        for &(source, path) in paths {
            if let Some(slot) = files.get_mut(source as usize) {
                *slot = open_file(&root.join(path)).ok();
            }
        }
        if held(&files, Source::Meminfo).is_none() && held(&files, Source::Stat).is_none() {
            let path = root.join("proc/meminfo");
            let error = open_file(&path)
                .err()
                .unwrap_or_else(|| io::ErrorKind::NotFound.into());
            return Err(OpenFault::NothingToRead { path, error });
        }
        let lxcfs = read_at_start(&root.join("proc/self/mountinfo"))
            .is_some_and(|text| cgroup::lxcfs_serves_meminfo(&text));
        let mut reader = Self {
            files,
            presence: Presence::default(),
            scope: if container.is_some() || lxcfs {
                Scope::Container
            } else {
                Scope::Host
            },
            group: container.map(|limit| GroupReader {
                limit: Some(limit),
                swap_limit: None,
                swap_limit_file: open_file(&root.join("sys/fs/cgroup/memory.swap.max")).ok(),
            }),
            low_watermark_kib: 0,
            cores: None,
            buffer,
        };
        if meminfo::parse(reader.read(Source::Meminfo, HEAD_BYTES))
            .available_kib
            .is_none()
        {
            reader.low_watermark_kib = low_watermark_kib(root).unwrap_or(0);
        }
        reader.read_cores();
        reader.read_limits();
        Ok(reader)
    }

    /// Reads the head of a source: what it gives now, nothing where it is not held or fails.
    fn read(&mut self, source: Source, most: usize) -> &[u8] {
        pread(held(&self.files, source), &mut self.buffer, most)
    }

    /// Reads a source whole, as far as the buffer goes. seq_file gives a page at a time where a file has many
    /// records, however much is asked for.
    fn read_whole(&mut self, source: Source) -> &[u8] {
        let Some(file) = held(&self.files, source) else {
            return b"";
        };
        let mut filled = 0_usize;
        while let Some(rest) = self.buffer.get_mut(filled..)
            && !rest.is_empty()
        {
            match read_once(file, rest, filled) {
                Some(count) if count > 0 => filled = filled.saturating_add(count),
                Some(_) => break,
                None => return b"",
            }
        }
        self.buffer.get(..filled).unwrap_or_default()
    }

    fn read_memory(&mut self) -> Memory {
        let low_watermark_kib = self.low_watermark_kib;
        let info = meminfo::parse(self.read(Source::Meminfo, HEAD_BYTES));
        self.presence
            .note(Source::Meminfo, info != meminfo::Meminfo::default());
        let mut memory = info.memory(low_watermark_kib);
        if self.is_held(Source::Arcstats) {
            memory.zfs_arc_kib = arcstats::size_kib(self.read(Source::Arcstats, HEAD_BYTES));
            self.presence
                .note(Source::Arcstats, memory.zfs_arc_kib.is_some());
        }
        memory
    }

    /// The container's levels and, with the same reads, its counters.
    fn read_group(
        &mut self,
        limits: (Option<Limit>, Option<Limit>),
        host: &Memory,
    ) -> (Memory, Counters) {
        let current_bytes = cgroup::value(self.read(Source::CgroupCurrent, HEAD_BYTES));
        self.presence
            .note(Source::CgroupCurrent, current_bytes.is_some());
        let stat = cgroup::memory_stat(self.read_whole(Source::CgroupStat));
        self.presence
            .note(Source::CgroupStat, stat != cgroup::MemoryStat::default());
        let swap_current_bytes = cgroup::value(self.read(Source::CgroupSwap, HEAD_BYTES));
        self.presence
            .note(Source::CgroupSwap, swap_current_bytes.is_some());
        let (limit, swap_limit) = limits;
        let group = cgroup::Group {
            limit,
            current_bytes,
            stat,
            swap_limit,
            swap_current_bytes,
        };
        (group.memory(host), stat.counters)
    }

    fn read_stall(&mut self, source: Source) -> Stall {
        if !self.is_held(source) {
            return Stall::default();
        }
        let stall = pressure::parse(self.read(source, HEAD_BYTES));
        self.presence.note(source, stall != Stall::default());
        stall
    }

    fn read_pressure(&mut self) -> PressureTotals {
        let cpu = self.read_stall(Source::PressureCpu);
        let memory = self.read_stall(Source::PressureMemory);
        let io = self.read_stall(Source::PressureIo);
        PressureTotals {
            cpu_some_us: cpu.some_us,
            memory_some_us: memory.some_us,
            memory_full_us: memory.full_us,
            io_some_us: io.some_us,
            io_full_us: io.full_us,
        }
    }

    /// CPU times, load and runnable tasks.
    fn read_cpu(&mut self, out: &mut Snapshot) {
        let text = self.read(Source::Stat, HEAD_BYTES);
        let cpu = stat::cpu_times(text);
        let running = (text.len() < HEAD_BYTES)
            .then(|| stat::procs_running(text))
            .flatten();
        self.presence.note(Source::Stat, cpu.is_some());
        let load = loadavg::parse(self.read(Source::Loadavg, HEAD_BYTES));
        self.presence
            .note(Source::Loadavg, load != loadavg::Loadavg::default());
        out.cpu = cpu;
        out.load1_centi = load.load1_centi;
        out.runnable = running.or(load.runnable);
    }

    /// Processors on line; kept between looks, because they change so rarely.
    fn read_cores(&mut self) {
        if self.is_held(Source::CpuOnline) {
            let online = stat::online_cores(self.read(Source::CpuOnline, HEAD_BYTES));
            self.presence.note(Source::CpuOnline, online.is_some());
            self.cores = online;
            if online.is_some() {
                return;
            }
        }
        self.cores = self.count_cores();
    }

    fn count_cores(&mut self) -> Option<u32> {
        let file = held(&self.files, Source::Stat)?;
        let mut count = stat::CoreCount::default();
        let mut offset = 0_usize;
        for _ in 0..STAT_PIECES {
            let length = read_once(file, &mut self.buffer, offset)?;
            count.feed(self.buffer.get(..length)?);
            if length == 0 || count.is_complete() {
                break;
            }
            offset = offset.checked_add(length)?;
        }
        count.cores()
    }

    /// The container's limits. One that cannot be read now stays as it was.
    fn read_limits(&mut self) {
        if self.group.is_none() {
            return;
        }
        let limit = cgroup::limit(self.read(Source::CgroupMax, HEAD_BYTES));
        self.presence.note(Source::CgroupMax, limit.is_some());
        let Some(group) = &mut self.group else {
            return;
        };
        group.limit = limit.or(group.limit);
        let text = pread(group.swap_limit_file.as_ref(), &mut self.buffer, HEAD_BYTES);
        group.swap_limit = cgroup::limit(text).or(group.swap_limit);
    }

    fn read_host_counters(&mut self) -> Counters {
        let counters = vmstat::parse(self.read_whole(Source::Vmstat));
        self.presence
            .note(Source::Vmstat, counters != Counters::default());
        counters
    }

    fn is_held(&self, source: Source) -> bool {
        held(&self.files, source).is_some()
    }
}

impl Reader for ProcReader {
    fn look(&mut self, uptime: Uptime, wall: WallTime, with_counters: bool) -> Snapshot {
        let mut out = Snapshot {
            uptime,
            wall,
            scope: self.scope,
            memory: self.read_memory(),
            ..Snapshot::default()
        };
        self.read_cpu(&mut out);
        out.pressure = self.read_pressure();
        if with_counters {
            self.read_cores();
            self.read_limits();
        }
        match self
            .group
            .as_ref()
            .map(|group| (group.limit, group.swap_limit))
        {
            Some(limits) => {
                let (memory, counters) = self.read_group(limits, &out.memory);
                out.memory = memory;
                if with_counters {
                    let oom_kill = cgroup::oom_kill(self.read(Source::CgroupEvents, HEAD_BYTES));
                    self.presence.note(Source::CgroupEvents, oom_kill.is_some());
                    out.counters = Counters {
                        oom_kill,
                        ..counters
                    };
                }
            }
            None if with_counters => out.counters = self.read_host_counters(),
            None => {}
        }
        out.cores = self.cores;
        out.sources_gone = self.presence.gone();
        out
    }
}

const HOST_PATHS: [(Source, &str); 9] = [
    (Source::Meminfo, "proc/meminfo"),
    (Source::Stat, "proc/stat"),
    (Source::Loadavg, "proc/loadavg"),
    (Source::Vmstat, "proc/vmstat"),
    (Source::PressureCpu, "proc/pressure/cpu"),
    (Source::PressureMemory, "proc/pressure/memory"),
    (Source::PressureIo, "proc/pressure/io"),
    (Source::Arcstats, "proc/spl/kstat/zfs/arcstats"),
    (Source::CpuOnline, "sys/devices/system/cpu/online"),
];

/// In a container CPU times and load are still the machine's: the group's own stand nowhere in these terms.
const GROUP_PATHS: [(Source, &str); 12] = [
    (Source::Meminfo, "proc/meminfo"),
    (Source::Stat, "proc/stat"),
    (Source::Loadavg, "proc/loadavg"),
    (Source::PressureCpu, "sys/fs/cgroup/cpu.pressure"),
    (Source::PressureMemory, "sys/fs/cgroup/memory.pressure"),
    (Source::PressureIo, "sys/fs/cgroup/io.pressure"),
    (Source::CpuOnline, "sys/devices/system/cpu/online"),
    (Source::CgroupMax, "sys/fs/cgroup/memory.max"),
    (Source::CgroupCurrent, "sys/fs/cgroup/memory.current"),
    (Source::CgroupStat, "sys/fs/cgroup/memory.stat"),
    (Source::CgroupEvents, "sys/fs/cgroup/memory.events"),
    (Source::CgroupSwap, "sys/fs/cgroup/memory.swap.current"),
];

/// The limit of the agent's group, where that group is its namespace's root and has one.
fn container_limit(root: &Path, buffer: &mut [u8]) -> Option<Limit> {
    let own = open_file(&root.join("proc/self/cgroup")).ok()?;
    if !cgroup::is_namespace_root(pread(Some(&own), buffer, HEAD_BYTES)) {
        return None;
    }
    let limit = open_file(&root.join("sys/fs/cgroup/memory.max")).ok()?;
    cgroup::limit(pread(Some(&limit), buffer, HEAD_BYTES))
        .filter(|limit| *limit != Limit::Unlimited)
}

/// The sum of the zones' low watermarks; without `zoneinfo` the kernel's own rule for them, a quarter above
/// `min_free_kbytes` (mm/page_alloc.c, `__setup_per_zone_wmarks`, of the kernels that this is for). `zoneinfo`
/// counts pages: of this machine's size, which is taken for that of a captured tree as well.
fn low_watermark_kib(root: &Path) -> Option<u64> {
    let page_kib = u64::try_from(rustix::param::page_size()).ok()? / 1024;
    let zones = read_at_start(&root.join("proc/zoneinfo"))
        .and_then(|text| zoneinfo::low_watermark_pages(&text))
        .and_then(|pages| pages.checked_mul(page_kib));
    zones.or_else(|| {
        let text = read_at_start(&root.join("proc/sys/vm/min_free_kbytes"))?;
        let min_kib = cgroup::value(&text)?;
        min_kib.checked_add(min_kib / 4)
    })
}

/// Only regular files: a FIFO under a strange root would block for ever. `/proc` and `/sys` have no others.
fn open_file(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    File::open(path)
}

/// A file that is read once, at the start; `None` where it cannot be, or is longer than any real one.
pub(super) fn read_at_start(path: &Path) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let file = open_file(path).ok()?;
    let length = file.take(START_FILE_BYTES).read_to_end(&mut text).ok()?;
    (u64::try_from(length).ok()? < START_FILE_BYTES).then_some(text)
}

fn held(files: &[Option<File>; SOURCES], source: Source) -> Option<&File> {
    files.get(source as usize)?.as_ref()
}

/// The head of `file`, at most `most` bytes; empty where it is not held or fails.
fn pread<'a>(file: Option<&File>, buffer: &'a mut [u8], most: usize) -> &'a [u8] {
    let Some((file, room)) = file.zip(buffer.get_mut(..most)) else {
        return b"";
    };
    let length = read_once(file, room, 0).unwrap_or(0);
    buffer.get(..length).unwrap_or_default()
}

/// One `pread`; once more where a signal came in between.
fn read_once(file: &File, buffer: &mut [u8], offset: usize) -> Option<usize> {
    let offset = u64::try_from(offset).ok()?;
    match file.read_at(buffer, offset) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            file.read_at(buffer, offset).ok()
        }
        other => other.ok(),
    }
}
