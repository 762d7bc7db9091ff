//! The reader over captured and constructed trees (tests/trees, each with its ORIGIN), against values that
//! tests/trees/expected.py got by other means.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop at whatever surprises it"
)]

use std::fs;
use std::path::{Path, PathBuf};

use hansho::clock::{Uptime, WallTime};
use hansho::sample::inventory::{Inventory, boot_id};
use hansho::sample::{
    Field, OpenFault, ProcReader, Quantiser, Reader, Sample, Scope, Snapshot, Source,
};
use serde_json::{Value, json};

fn trees() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees")
}

fn names() -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(trees())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn expected(tree: &str, file: &str) -> Value {
    let path = trees().join(tree).join(file);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A snapshot in the words of expected.json.
fn shown(snapshot: &Snapshot) -> Value {
    let memory = &snapshot.memory;
    let pressure = &snapshot.pressure;
    let counters = &snapshot.counters;
    json!({
        "scope": if snapshot.scope == Scope::Host { "host" } else { "container" },
        "memory": {
            "total_kib": memory.total_kib,
            "available_kib": memory.available_kib,
            "available_estimated": memory.available_estimated,
            "anonymous_kib": memory.anonymous_kib,
            "page_cache_kib": memory.page_cache_kib,
            "shmem_kib": memory.shmem_kib,
            "slab_reclaimable_kib": memory.slab_reclaimable_kib,
            "slab_unreclaimable_kib": memory.slab_unreclaimable_kib,
            "swap_total_kib": memory.swap_total_kib,
            "swap_used_kib": memory.swap_used_kib,
            "dirty_kib": memory.dirty_kib,
            "committed_kib": memory.committed_kib,
            "zfs_arc_kib": memory.zfs_arc_kib,
            "hugetlb_total_kib": memory.hugetlb_total_kib,
            "hugetlb_free_kib": memory.hugetlb_free_kib,
        },
        "cpu_ticks": snapshot.cpu.map(|cpu| json!({
            "user": cpu.user,
            "system": cpu.system,
            "idle": cpu.idle,
            "iowait": cpu.iowait,
            "steal": cpu.steal,
        })),
        "load1_centi": snapshot.load1_centi,
        "runnable": snapshot.runnable,
        "cores": snapshot.cores,
        "pressure_us": {
            "cpu_some": pressure.cpu_some_us,
            "memory_some": pressure.memory_some_us,
            "memory_full": pressure.memory_full_us,
            "io_some": pressure.io_some_us,
            "io_full": pressure.io_full_us,
        },
        "counters": {
            "oom_kill": counters.oom_kill,
            "swap_in_pages": counters.swap_in_pages,
            "swap_out_pages": counters.swap_out_pages,
            "major_faults": counters.major_faults,
            "refaults": counters.refaults,
        },
    })
}

fn look(reader: &mut ProcReader, second: u64, with_counters: bool) -> Snapshot {
    let wall = WallTime::from_millis(second * 1000);
    reader.look(Uptime::from_millis(second * 1000), wall, with_counters)
}

/// A copy of a tree that a test may change; gone when dropped.
struct Copy(PathBuf);

impl Copy {
    fn of(tree: &str, purpose: &str) -> Self {
        let to = std::env::temp_dir().join(format!("hansho-{purpose}-{}", std::process::id()));
        copy(&trees().join(tree), &to);
        Self(to)
    }

    /// Writes into the files that are there, as a kernel changes what an open file gives.
    fn lay_over(&self, from: &Path) {
        copy(from, &self.0);
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::write(&target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

#[test]
fn every_tree_reads_as_expected() {
    let names = names();
    assert!(names.len() >= 13, "trees are missing: {names:?}");
    for name in names {
        let mut reader = ProcReader::open(&trees().join(&name)).unwrap();
        let snapshot = look(&mut reader, 10, true);
        assert_eq!(shown(&snapshot), expected(&name, "expected.json"), "{name}");
        assert_eq!(snapshot.sources_gone, 0, "{name}");
        assert!(
            trees().join(&name).join("ORIGIN").is_file(),
            "{name} has no ORIGIN"
        );

        // Without counters all the rest is the same.
        let rest = look(&mut reader, 11, false);
        let mut without = expected(&name, "expected.json");
        for value in without["counters"].as_object_mut().unwrap().values_mut() {
            *value = Value::Null;
        }
        assert_eq!(shown(&rest), without, "{name} without counters");
    }
}

#[test]
fn absence_is_what_the_kernels_lack() {
    let read = |name: &str| {
        let mut reader = ProcReader::open(&trees().join(name)).unwrap();
        look(&mut reader, 1, true)
    };
    let old = read("linux-3.10");
    assert!(old.memory.available_estimated && old.memory.available_kib.is_some());
    assert_eq!(old.counters.oom_kill, None);
    assert_eq!(old.pressure.memory_some_us, None);
    assert_eq!(read("arm-64mb").memory.hugetlb_total_kib, None);
    assert_eq!(read("unit-limit").scope, Scope::Host);
    assert_eq!(read("container-v2").scope, Scope::Container);
    assert_eq!(read("lxcfs").scope, Scope::Container);
    assert_eq!(read("cores-512").cores, Some(512));
    assert_eq!(read("cores-512").runnable, Some(219));
}

#[test]
fn shares_over_ten_captured_seconds() {
    let tree = Copy::of("linux-6.18", "captured");
    let mut reader = ProcReader::open(&tree.0).unwrap();
    let first = look(&mut reader, 100, true);
    tree.lay_over(&trees().join("linux-6.18/later"));
    let second = look(&mut reader, 110, true);
    let later = expected("linux-6.18", "expected_later.json");
    assert_eq!(shown(&second), later);

    let sample = Sample::between(Some(&first), &second);
    let before = expected("linux-6.18", "expected.json");
    let delta = |part: &str, key: &str| {
        (later[part][key].as_u64().unwrap() - before[part][key].as_u64().unwrap()) as f64
    };
    let ticks = |key: &str| delta("cpu_ticks", key);
    let busy = ticks("user") + ticks("system") + ticks("steal");
    let all = busy + ticks("idle") + ticks("iowait");
    assert_eq!(
        f64::from(sample.cpu.busy_permille.unwrap()),
        (busy * 1000.0 / all).round()
    );
    assert_eq!(
        f64::from(sample.cpu.user_permille.unwrap()),
        (ticks("user") * 1000.0 / all).round()
    );
    assert_eq!(
        f64::from(sample.pressure.io_some_permille.unwrap()),
        (delta("pressure_us", "io_some") / 10_000.0).round()
    );

    let mut quantiser = Quantiser::new();
    quantiser.reading(&Sample::between(None, &first));
    let reading = quantiser.reading(&sample);
    assert_eq!(
        f64::from(reading.get(Field::MajorFaults).unwrap()),
        (delta("counters", "major_faults") / 10.0).round()
    );
    assert_eq!(reading.get(Field::OomKill), Some(0));
}

#[test]
fn sources_that_vanish_are_named_and_come_back() {
    let tree = Copy::of("source-vanished", "vanished");
    let later = trees().join("source-vanished/later");
    let mut reader = ProcReader::open(&tree.0).unwrap();
    let first = look(&mut reader, 1, true);
    assert_eq!(first.sources_gone, 0);
    tree.lay_over(&later);
    let second = look(&mut reader, 2, true);
    assert_eq!(
        shown(&second),
        expected("source-vanished", "expected_later.json")
    );
    let gone = |snapshot: &Snapshot| {
        Source::gone(snapshot.sources_gone)
            .map(Source::name)
            .collect::<Vec<_>>()
    };
    let named = fs::read_to_string(later.join("gone")).unwrap();
    assert_eq!(gone(&second), named.lines().collect::<Vec<_>>());
    assert_eq!(
        gone(&look(&mut reader, 3, false)),
        gone(&second),
        "what is not read keeps its state"
    );
    tree.lay_over(&trees().join("source-vanished"));
    assert_eq!(look(&mut reader, 4, true).sources_gone, 0);
}

#[test]
fn a_limit_that_changes_is_followed() {
    let tree = Copy::of("container-v2", "limit");
    let mut reader = ProcReader::open(&tree.0).unwrap();
    let total = |snapshot: Snapshot| snapshot.memory.total_kib.unwrap();
    assert_eq!(total(look(&mut reader, 1, false)), 1 << 20);
    fs::write(tree.0.join("sys/fs/cgroup/memory.max"), "2147483648\n").unwrap();
    assert_eq!(total(look(&mut reader, 2, true)), 2 << 20);
    fs::write(tree.0.join("sys/fs/cgroup/memory.max"), "max\n").unwrap();
    assert_eq!(total(look(&mut reader, 3, true)), 16_384_000);
}

#[test]
fn a_root_without_proc_is_a_fault_with_its_path() {
    let nowhere = trees().join("linux-6.18/etc");
    let Err(OpenFault::NothingToRead { path, .. }) = ProcReader::open(&nowhere) else {
        panic!("there is nothing to read");
    };
    assert_eq!(path, nowhere.join("proc/meminfo"));
}

#[test]
fn the_inventory_of_a_tree() {
    let inventory = Inventory::read(&trees().join("linux-6.18"));
    assert_eq!(inventory.hostname.as_deref(), Some("kane-01"));
    assert_eq!(inventory.kernel_release.as_deref(), Some("6.18.44"));
    assert_eq!(inventory.boot_id, Some(0x0706_0504_0302_0100));
    assert_eq!(
        inventory.machine_id,
        Some(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef)
    );
    assert_eq!(boot_id(&trees().join("linux-3.10")), None);
}
