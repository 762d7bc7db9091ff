//! Cut, shuffled and absurd contents: every value is right or absent, and nothing panics.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test may stop at whatever surprises it"
)]

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use hansho::clock::{Uptime, WallTime};
use hansho::sample::{
    Field, ProcReader, Quantiser, Reader, Sample, Snapshot, arcstats, cgroup, from_json, loadavg,
    meminfo, pressure, stat, to_json, vmstat, zoneinfo,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn tree_file(path: &str) -> Vec<u8> {
    let trees = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees");
    fs::read(trees.join(path)).unwrap()
}

/// All values that the parsers give of one text, each in its place.
fn meminfo_values(text: &[u8]) -> Vec<Option<u64>> {
    let info = meminfo::parse(text);
    vec![
        info.total_kib,
        info.free_kib,
        info.available_kib,
        info.buffers_kib,
        info.cached_kib,
        info.active_file_kib,
        info.inactive_file_kib,
        info.anonymous_kib,
        info.shmem_kib,
        info.slab_reclaimable_kib,
        info.slab_unreclaimable_kib,
        info.swap_total_kib,
        info.swap_free_kib,
        info.dirty_kib,
        info.committed_kib,
        info.huge_pages_total,
        info.huge_pages_free,
        info.huge_page_kib,
        info.hugetlb_kib,
    ]
}

fn stat_values(text: &[u8]) -> Vec<Option<u64>> {
    let cpu = stat::cpu_times(text);
    let mut count = stat::CoreCount::default();
    count.feed(text);
    vec![
        cpu.map(|cpu| cpu.user),
        cpu.map(|cpu| cpu.system),
        cpu.map(|cpu| cpu.idle),
        cpu.map(|cpu| cpu.iowait),
        cpu.map(|cpu| cpu.steal),
        stat::procs_running(text).map(u64::from),
        count.cores().map(u64::from),
    ]
}

fn loadavg_values(text: &[u8]) -> Vec<Option<u64>> {
    let load = loadavg::parse(text);
    vec![
        load.load1_centi.map(u64::from),
        load.runnable.map(u64::from),
    ]
}

fn vmstat_values(text: &[u8]) -> Vec<Option<u64>> {
    let counters = vmstat::parse(text);
    vec![
        counters.oom_kill,
        counters.swap_in_pages,
        counters.swap_out_pages,
        counters.major_faults,
        counters.refaults,
    ]
}

fn pressure_values(text: &[u8]) -> Vec<Option<u64>> {
    let stall = pressure::parse(text);
    vec![stall.some_us, stall.full_us]
}

fn group_values(text: &[u8]) -> Vec<Option<u64>> {
    let stat = cgroup::memory_stat(text);
    vec![
        stat.anonymous_bytes,
        stat.file_bytes,
        stat.shmem_bytes,
        stat.dirty_bytes,
        stat.inactive_file_bytes,
        stat.slab_reclaimable_bytes,
        stat.slab_unreclaimable_bytes,
        stat.counters.major_faults,
        stat.counters.refaults,
    ]
}

fn one_line_values(text: &[u8]) -> Vec<Option<u64>> {
    let limit = match cgroup::limit(text) {
        Some(cgroup::Limit::Bytes(bytes)) => Some(bytes),
        _ => None,
    };
    vec![
        limit,
        cgroup::value(text),
        stat::online_cores(text).map(u64::from),
    ]
}

type Values = fn(&[u8]) -> Vec<Option<u64>>;

/// Each parser with a real file of its own.
const SUBJECTS: [(Values, &str); 11] = [
    (meminfo_values, "linux-6.18/proc/meminfo"),
    (meminfo_values, "linux-3.10/proc/meminfo"),
    (stat_values, "linux-6.18/proc/stat"),
    (stat_values, "cores-512/proc/stat"),
    (loadavg_values, "linux-6.18/proc/loadavg"),
    (vmstat_values, "linux-6.18/proc/vmstat"),
    (vmstat_values, "linux-4.14/proc/vmstat"),
    (pressure_values, "linux-6.18/proc/pressure/io"),
    (group_values, "container-v2/sys/fs/cgroup/memory.stat"),
    (one_line_values, "container-v2/sys/fs/cgroup/memory.max"),
    (
        |text| vec![arcstats::size_kib(text)],
        "zfs/proc/spl/kstat/zfs/arcstats",
    ),
];

fn right_or_absent(whole: &[Option<u64>], damaged: &[Option<u64>]) -> bool {
    whole
        .iter()
        .zip(damaged)
        .all(|(whole, damaged)| damaged.is_none() || damaged == whole)
}

/// Exhaustively, and not by chance: every file cut at every byte.
#[test]
fn cut_anywhere() {
    for (values, path) in SUBJECTS {
        let text = tree_file(path);
        let whole = values(&text);
        assert!(whole.iter().any(Option::is_some), "{path} gives nothing");
        // The long file of 512 processors in steps of a prime.
        let step = if text.len() > 8192 { 61 } else { 1 };
        for end in (0..text.len()).step_by(step) {
            let damaged = values(&text[..end]);
            assert!(right_or_absent(&whole, &damaged), "{path} cut at {end}");
        }
    }
}

fn subject() -> impl Strategy<Value = (Values, Vec<u8>)> {
    (0..SUBJECTS.len()).prop_map(|index| (SUBJECTS[index].0, tree_file(SUBJECTS[index].1)))
}

/// Bytes that look like what a kernel writes, and are not.
fn absurd() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"MemTotal:".to_vec()),
        Just(b"MemAvailable:".to_vec()),
        Just(b"HugePages_Total: ".to_vec()),
        Just(b"Hugepagesize: ".to_vec()),
        Just(b"cpu ".to_vec()),
        Just(b"cpu0".to_vec()),
        Just(b"procs_running ".to_vec()),
        Just(b"some avg10=".to_vec()),
        Just(b" total=".to_vec()),
        Just(b"oom_kill ".to_vec()),
        Just(b"size ".to_vec()),
        Just(b" low ".to_vec()),
        Just(b"0-".to_vec()),
        Just(b" kB\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b" ".to_vec()),
        Just(b"18446744073709551615".to_vec()),
        Just(b"99999999999999999999999".to_vec()),
        Just(b"-1".to_vec()),
        any::<u64>().prop_map(|number| number.to_string().into_bytes()),
        vec(any::<u8>(), 0..8),
    ];
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

struct Root(PathBuf);

impl Root {
    fn new(purpose: &str) -> Self {
        let root = std::env::temp_dir().join(format!("hansho-{purpose}-{}", std::process::id()));
        for folder in ["proc/self", "proc/pressure", "sys/fs/cgroup"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        Self(root)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn plausible(snapshot: &Snapshot) -> bool {
    let memory = &snapshot.memory;
    let within =
        |part: Option<u64>, all: Option<u64>| part.zip(all).is_none_or(|(part, all)| part <= all);
    within(memory.available_kib, memory.total_kib)
        && within(memory.hugetlb_free_kib, memory.hugetlb_total_kib)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Lines may come in any order: a newer kernel may move them. Only the block of cpuN lines must be whole.
    #[test]
    fn shuffled_lines((values, text) in subject(), seed in any::<u64>()) {
        let whole = values(&text);
        let mut lines: Vec<_> = text.split_inclusive(|&byte| byte == b'\n').collect();
        let mut state = seed | 1;
        for index in (1..lines.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            lines.swap(index, usize::try_from(state >> 33).unwrap() % (index + 1));
        }
        prop_assert!(right_or_absent(&whole, &values(&lines.concat())));
    }

    /// Bytes may be broken: then a line is right, absent, or says another number; nothing panics.
    #[test]
    fn broken_bytes((values, text) in subject(), breaks in vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut text = text;
        for (index, byte) in breaks {
            let at = index.index(text.len());
            text[at] = byte;
        }
        black_box(values(&text));
    }

    #[test]
    fn absurd_text_never_panics(text in absurd()) {
        for (values, _) in SUBJECTS {
            black_box(values(&text));
        }
        let memory = meminfo::parse(&text).memory(u64::MAX);
        prop_assert!(memory.available_kib.is_none() || !memory.available_estimated || memory.available_kib == Some(0));
        black_box(zoneinfo::low_watermark_pages(&text));
        black_box(cgroup::lxcfs_serves_meminfo(&text));
        black_box(cgroup::is_namespace_root(&text));
    }

    /// Whatever two looks say, shares are shares and the quantised total fits 16 bits.
    #[test]
    fn shares_stay_in_bounds(texts in vec(absurd(), 2), elapsed_ms in any::<u64>()) {
        let snapshot = |text: &[u8], uptime_ms| Snapshot {
            uptime: Uptime::from_millis(uptime_ms),
            memory: meminfo::parse(text).memory(0),
            cpu: stat::cpu_times(text),
            counters: vmstat::parse(text),
            ..Snapshot::default()
        };
        let (before, now) = (snapshot(&texts[0], 0), snapshot(&texts[1], elapsed_ms));
        let sample = Sample::between(Some(&before), &now);
        for share in [sample.cpu.busy_permille, sample.cpu.user_permille, sample.cpu.iowait_permille] {
            prop_assert!(share.is_none_or(|share| share <= 1000));
        }
        let mut quantiser = Quantiser::new();
        quantiser.reading(&Sample::between(None, &before));
        let reading = quantiser.reading(&sample);
        let total_kib = sample.memory.total_kib.unwrap_or(0);
        // 2^47 KiB are 128 PiB; beyond it the total is absent or a number, never a panic.
        if total_kib < 1 << 46 {
            prop_assert!(reading.get(Field::MemoryTotal).is_none_or(|quanta| quanta <= 0xFFFF));
        }
        prop_assert_eq!(from_json(&to_json(&sample)), Ok(sample));
    }

    #[test]
    fn json_of_anything_never_panics(line in "\\PC{0,200}") {
        prop_assert!(from_json(&line).is_err(), "a line of chance is no sample");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// The reader itself over a tree of nonsense, also nonsense that changes between two looks.
    #[test]
    fn a_tree_of_nonsense(texts in vec(absurd(), 8), huge in any::<bool>()) {
        let root = Root::new("nonsense");
        let paths = [
            "proc/meminfo", "proc/stat", "proc/loadavg", "proc/vmstat", "proc/pressure/io", "proc/zoneinfo",
            "proc/self/cgroup", "sys/fs/cgroup/memory.max",
        ];
        let fill = |turn: usize| {
            for (index, path) in paths.iter().enumerate() {
                let text = &texts[(index + turn) % texts.len()];
                let times = if huge { 400 } else { 1 };
                fs::write(root.0.join(path), text.repeat(times)).unwrap();
            }
        };
        fill(0);
        let mut reader = ProcReader::open(&root.0).unwrap();
        for turn in 1..4 {
            let snapshot = reader.look(Uptime::from_millis(1), WallTime::from_millis(1), true);
            prop_assert!(plausible(&snapshot));
            fill(turn);
        }
    }
}
