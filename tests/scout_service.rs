//! Services by their control groups: of version 2, of version 1, of hybrid hosts, and a real one of our own that is OOM-killed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at whatever surprises it"
)]

mod alloc_common;
mod scout_common;
mod scout_space;

use alloc_common::allocations;
use hansho::clock::Uptime;
use hansho::sample::cgroup::Limit;
use hansho::sample::service_group::{
    Version, cpu_stat, cpuacct_usage_usec, limit_in_bytes, memory_events, memory_split,
};
use hansho::scout::groups::{BadName, Which};
use hansho::scout::named::{Named, Pattern};
use hansho::scout::service::{Look, Service, State};
use hansho::scout::{Missing, Scanner};
use proptest::collection::vec;
use proptest::prelude::*;
use scout_common::{Fake, Tree};
use scout_space::{Folder, skip};
use std::fs;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const MIB: u64 = 1024 * 1024;

fn unit(name: &str) -> Which {
    Which::Unit(name.to_owned())
}

fn group(path: impl Into<PathBuf>) -> Which {
    Which::Group(path.into())
}

fn look_at(service: &mut Service, ms: u64) -> State {
    service.look(&mut || Uptime::from_millis(ms));
    service.state()
}

fn found(state: State) -> Look {
    match state {
        State::Found(look) => look,
        other => panic!("{other:?}"),
    }
}

fn why(state: State) -> Option<Missing> {
    match state {
        State::Missing { why, .. } => Some(why),
        State::Unknown | State::Found(_) => None,
    }
}

/// A group of version 2 with 100 MiB of a limit of 120, most of it file cache.
fn version_2(folder: &Folder, group: &str) {
    let write = |name: &str, text: &str| {
        folder.write(format!("sys/fs/cgroup/{group}/{name}"), text);
    };
    folder.write("sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n");
    write("memory.current", &format!("{}\n", 100 * MIB));
    write("memory.max", &format!("{}\n", 120 * MIB));
    write("memory.high", "max\n");
    let stat = format!(
        "anon {}\nfile {}\nshmem 4096\ninactive_file {}\nactive_file {}\nslab_reclaimable 8192\nslab_unreclaimable 12288\n",
        18 * MIB,
        80 * MIB,
        50 * MIB,
        26 * MIB
    );
    write("memory.stat", &stat);
    write("memory.events", "low 0\nhigh 1\nmax 7\noom 2\noom_kill 3\n");
    write(
        "cpu.stat",
        "usage_usec 5000\nnr_periods 100\nnr_throttled 20\nthrottled_usec 777\n",
    );
    write("pids.current", "34\n");
    write("pids.max", "40\n");
}

#[test]
fn version_2_by_unit_and_by_path() {
    let folder = Folder::new();
    version_2(&folder, "system.slice/app.service");
    for which in [unit("app.service"), group("/system.slice/app.service")] {
        let mut service = Service::new(folder.path(), which).unwrap();
        assert_eq!(service.state(), State::Unknown);
        let look = found(look_at(&mut service, 1000));
        assert_eq!(look.memory_version, Some(Version::Two));
        assert_eq!(look.memory.current_bytes, Some(100 * MIB));
        assert_eq!(look.memory.max, Some(Limit::Bytes(120 * MIB)));
        assert_eq!(look.memory.high, Some(Limit::Unlimited));
        assert_eq!(look.memory.split.slab_unreclaimable_bytes, Some(12288));
        assert_eq!(look.memory.working_bytes(), Some(24 * MIB));
        assert_eq!(look.memory.near_permille(), Some(200), "not 833");
        assert_eq!(look.memory.events.oom_kill, Some(3));
        assert_eq!(look.cpu.usage_usec, Some(5000));
        assert_eq!(look.pids.near_permille(), Some(850));
        assert!(!look.made_anew);
        assert_eq!(service.changes(), None, "nothing to compare with");
        assert_eq!(service.group(), Some(Path::new("system.slice/app.service")));
    }
}

#[test]
fn version_1_where_each_controller_has_its_own() {
    let folder = Folder::new();
    let write = |name: &str, text: &str| folder.write(format!("sys/fs/cgroup/{name}"), text);
    let of = |controller: &str, name: &str| format!("{controller}/system.slice/app.service/{name}");
    write(&of("systemd", "cgroup.procs"), "1\n");
    write(&of("memory", "memory.usage_in_bytes"), "104857600\n");
    write(
        &of("memory", "memory.limit_in_bytes"),
        "9223372036854771712\n",
    );
    write(
        &of("memory", "memory.stat"),
        "cache 1\nrss 1\ntotal_cache 50331648\ntotal_rss 41943040\ntotal_shmem 0\ntotal_inactive_file 31457280\n\
         total_active_file 10485760\n",
    );
    write(&of("memory", "memory.failcnt"), "9\n");
    write(
        &of("memory", "memory.oom_control"),
        "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    );
    write(
        &of("cpu,cpuacct", "cpu.stat"),
        "nr_periods 10\nnr_throttled 5\nthrottled_time 3000000\n",
    );
    write(&of("cpu,cpuacct", "cpuacct.usage"), "7000000\n");
    write(&of("pids", "pids.current"), "3\n");
    write(&of("pids", "pids.max"), "max\n");
    let mut service = Service::new(folder.path(), unit("app.service")).unwrap();
    let look = found(look_at(&mut service, 0));
    assert_eq!(look.memory_version, Some(Version::One));
    assert_eq!(look.memory.max, Some(Limit::Unlimited));
    assert_eq!(look.memory.near_permille(), None, "without a limit");
    assert_eq!(look.memory.working_bytes(), Some(60 * MIB));
    assert_eq!(look.memory.split.slab_reclaimable_bytes, None);
    let events = look.memory.events;
    assert_eq!((events.max, events.oom_kill), (Some(9), Some(2)));
    assert_eq!((events.high, events.oom), (None, None), "it does not tell");
    assert_eq!(look.cpu.usage_usec, Some(7000));
    assert_eq!(look.cpu.throttled_usec, Some(3000));
    assert_eq!(look.pids.current, Some(3));
    assert_eq!(look.pids.near_permille(), None);
    // A limit, and hosts where a service has no group for memory at all.
    write(&of("memory", "memory.limit_in_bytes"), "125829120\n");
    let look = found(look_at(&mut service, 0));
    assert_eq!(look.memory.near_permille(), Some(500));
    fs::remove_dir_all(folder.join("sys/fs/cgroup/memory/system.slice")).unwrap();
    let look = found(look_at(&mut service, 0));
    assert_eq!(
        (look.memory_version, look.memory.current_bytes),
        (None, None)
    );
    assert_eq!(look.pids.current, Some(3), "the rest is there");
}

#[test]
fn a_hybrid_host_tells_memory_by_version_1() {
    let folder = Folder::new();
    let write = |name: &str, text: &str| folder.write(format!("sys/fs/cgroup/{name}"), text);
    write("unified/cgroup.controllers", "hugetlb\n");
    write("unified/system.slice/app.service/cgroup.procs", "1\n");
    write(
        "memory/system.slice/app.service/memory.usage_in_bytes",
        "4096\n",
    );
    let mut service = Service::new(folder.path(), unit("app.service")).unwrap();
    let look = found(look_at(&mut service, 0));
    assert_eq!(look.memory_version, Some(Version::One));
    assert_eq!(look.memory.current_bytes, Some(4096));
    // Another, where version 2 has the memory.
    write("unified/cgroup.controllers", "memory pids\n");
    write("unified/system.slice/app.service/memory.current", "8192\n");
    let mut service = Service::new(folder.path(), unit("app.service")).unwrap();
    let look = found(look_at(&mut service, 0));
    assert_eq!(look.memory_version, Some(Version::Two));
    assert_eq!(look.memory.current_bytes, Some(8192));
}

#[test]
fn a_group_removed_and_made_again_says_so_and_counts_from_zero() {
    let folder = Folder::new();
    let name = "system.slice/app.service";
    version_2(&folder, name);
    let path = folder.join(format!("sys/fs/cgroup/{name}"));
    let mut service = Service::new(folder.path(), unit("app.service")).unwrap();
    look_at(&mut service, 1000);
    fs::write(path.join("memory.events"), "max 9\noom_kill 4\n").unwrap();
    fs::write(
        path.join("cpu.stat"),
        "usage_usec 5500\nnr_periods 140\nnr_throttled 30\n",
    )
    .unwrap();
    look_at(&mut service, 11_000);
    let changes = service.changes().unwrap();
    assert_eq!(changes.over_ms, 10_000);
    assert_eq!(
        (changes.events.max, changes.events.oom_kill),
        (Some(2), Some(1))
    );
    assert_eq!(changes.events.high, None, "it is not told any more");
    assert_eq!(changes.throttled_permille(), Some(250));
    // The old folder stays under another name, so that its inode is not given again.
    fs::rename(&path, folder.join("old")).unwrap();
    let missing = State::Missing {
        why: Missing::NotThere,
        since: Uptime::from_millis(12_000),
    };
    assert_eq!(look_at(&mut service, 12_000), missing);
    assert_eq!(look_at(&mut service, 13_000), missing, "since the first");
    version_2(&folder, name);
    fs::write(path.join("memory.events"), "oom_kill 1\n").unwrap();
    let look = found(look_at(&mut service, 21_000));
    assert!(look.made_anew);
    let changes = service.changes().unwrap();
    assert_eq!(changes.events.oom_kill, Some(1), "not 1 less 4");
    assert_eq!(changes.over_ms, 10_000);
    assert!(!found(look_at(&mut service, 22_000)).made_anew);
    // In the same group a counter does not go back: absent.
    fs::write(path.join("memory.events"), "oom_kill 0\n").unwrap();
    look_at(&mut service, 23_000);
    assert_eq!(service.changes().unwrap().events.oom_kill, None);
    assert_eq!(service.changes().unwrap().throttled_permille(), None);
}

#[test]
fn units_are_found_in_whatever_slice() {
    let folder = Folder::new();
    for path in [
        "system.slice/system-getty.slice/getty@tty1.service",
        "work.slice/work-heavy.slice/work-heavy-night.slice/batch.service",
        "system.slice/_memory.service",
        "user.slice/user-1000.slice/user@1000.service/app.service",
        "user.slice/hidden.service",
        "init.scope",
    ] {
        version_2(&folder, path);
    }
    let check = |name: &str, expected: Option<&str>| {
        let mut service = Service::new(folder.path(), unit(name)).unwrap();
        let state = look_at(&mut service, 0);
        assert_eq!(service.group(), expected.map(Path::new), "{name}");
        assert_eq!(why(state), expected.is_none().then_some(Missing::NotThere));
    };
    check(
        "getty@tty1.service",
        Some("system.slice/system-getty.slice/getty@tty1.service"),
    );
    check(
        "batch.service",
        Some("work.slice/work-heavy.slice/work-heavy-night.slice/batch.service"),
    );
    check("memory.service", Some("system.slice/_memory.service"));
    check("init.scope", Some("init.scope"));
    check("work.slice", Some("work.slice"));
    check("app.service", None);
    check("hidden.service", None);
    check("nowhere.service", None);
}

#[test]
fn names_that_cannot_be_one_are_refused() {
    let check = |which, expected| {
        let refused = Service::new(Path::new("/"), which).map(|_| ());
        assert_eq!(refused, Err(expected));
    };
    check(unit(""), BadName::Length);
    check(
        unit(&format!("{}.service", "a".repeat(64))),
        BadName::Length,
    );
    check(unit("../../etc.service"), BadName::Unit);
    check(unit("nginx"), BadName::Unit);
    check(unit("a\0.service"), BadName::Unit);
    check(group("/"), BadName::Path);
    check(group("system.slice"), BadName::Path);
    check(group("/a/../../../etc"), BadName::Path);
    check(group("/a\0"), BadName::Path);
}

#[test]
fn a_look_allocates_nothing_while_the_group_is_where_it_was() {
    let folder = Folder::new();
    version_2(&folder, "system.slice/app.service");
    let mut service = Service::new(folder.path(), unit("app.service")).unwrap();
    look_at(&mut service, 0);
    let before = allocations();
    for ms in 1..100 {
        black_box(look_at(&mut service, ms));
    }
    assert_eq!(allocations().saturating_sub(before), 0);
}

#[test]
fn a_group_without_its_files_and_what_is_no_group() {
    let folder = Folder::new();
    folder.write("sys/fs/cgroup/cgroup.controllers", "memory\n");
    folder.folder("sys/fs/cgroup/empty");
    folder.write("sys/fs/cgroup/broken/memory.current", "12");
    folder.write("sys/fs/cgroup/broken/memory.max", "twelve\n");
    folder.write("sys/fs/cgroup/file", "x");
    let look = |name: &str| {
        let mut service = Service::new(folder.path(), group(name)).unwrap();
        look_at(&mut service, 0)
    };
    for name in ["/empty", "/broken"] {
        let look = found(look(name));
        assert_eq!(look.memory.current_bytes, None);
        assert_eq!(look.memory.max, None);
        assert_eq!(look.memory.near_permille(), None);
        assert_eq!(look.pids.current, None);
    }
    assert_eq!(why(look("/file")), Some(Missing::NotFolder));
    assert_eq!(why(look("/file/below")), Some(Missing::NotFolder));
}

proptest! {
    #[test]
    fn any_bytes(text in vec(any::<u8>(), 0..400)) {
        for version in [Version::One, Version::Two] {
            black_box(memory_split(&text, version));
        }
        black_box((memory_events(&text), cpu_stat(&text)));
        black_box((cpuacct_usage_usec(&text), limit_in_bytes(&text)));
    }

    /// A cut file gives nothing or the same.
    #[test]
    fn a_cut_file(values in vec(any::<u64>(), 4), cut in 0_usize..120) {
        let text = format!("high {}\nmax {}\noom {}\noom_kill {}\n", values[0], values[1], values[2], values[3]);
        let part = memory_events(&text.as_bytes()[..cut.min(text.len())]);
        let found = [part.high, part.max, part.oom, part.oom_kill];
        for (found, value) in found.iter().zip(&values) {
            prop_assert!(found.is_none_or(|found| found == *value));
        }
    }

    /// Whatever the kernel says of a group, how near it is to its limit is a number or absent.
    #[test]
    fn any_memory(current: u64, max in 0_u64.., inactive: u64, active: u64) {
        let mut memory = hansho::scout::service::Memory {
            current_bytes: Some(current),
            max: Some(Limit::Bytes(max)),
            ..Default::default()
        };
        prop_assert_eq!(memory.near_permille(), None, "without the cache it is not known");
        memory.split.inactive_file_bytes = Some(inactive);
        memory.split.active_file_bytes = Some(active);
        prop_assert!(memory.working_bytes().unwrap() <= current);
        prop_assert_eq!(memory.near_permille().is_none(), max == 0);
    }
}

#[test]
fn processes_by_their_name() {
    let tree = Tree::new();
    tree.meminfo(10);
    for (pid, name, start_ticks) in [
        (10, "worker-1", 300),
        (11, "worker-2", 200),
        (12, "worker-3", 400),
        (13, "other", 100),
    ] {
        let fake = Fake {
            name: name.as_bytes(),
            start_ticks,
            swap_kib: 8,
            ..Fake::default()
        };
        tree.process(pid, &fake);
    }
    let mut scanner = Scanner::open(tree.root()).unwrap();
    scanner.pass(&mut || Uptime::from_millis(60_000));
    let named = |pattern: &str| {
        let pattern = Pattern::new(pattern).unwrap();
        Named::of(scanner.table().processes(), &pattern)
    };
    let workers = named("worker-*");
    assert_eq!(workers.processes, 3);
    assert_eq!(workers.threads, 3);
    let page_kib = u64::try_from(rustix::param::page_size()).unwrap() / 1024;
    assert_eq!(workers.memory_kib, Some(3 * 25 * page_kib));
    assert_eq!(workers.swap_kib, Some(24));
    assert_eq!(workers.oldest.unwrap().pid, 11);
    assert_eq!(workers.newest.unwrap().pid, 12);
    assert_eq!(named("nobody"), Named::default());
}

/// A group of this host, gone with the value.
struct Real {
    name: String,
    folder: PathBuf,
}

impl Real {
    /// In the hierarchy that has the memory; `None` where we may make none.
    fn new() -> Option<Self> {
        let root = Path::new("/sys/fs/cgroup");
        let name = format!("hansho-test-{}", std::process::id());
        let hierarchies = [
            root.to_path_buf(),
            root.join("unified"),
            root.join("memory"),
        ];
        for hierarchy in hierarchies {
            let folder = hierarchy.join(&name);
            if fs::create_dir(&folder).is_err() {
                continue;
            }
            let real = Self {
                name: name.clone(),
                folder,
            };
            let has_memory = ["memory.current", "memory.usage_in_bytes"]
                .iter()
                .any(|file| real.folder.join(file).exists());
            if has_memory {
                return Some(real);
            }
        }
        None
    }

    fn limit(&self, bytes: u64) {
        for file in ["memory.max", "memory.limit_in_bytes"] {
            let path = self.folder.join(file);
            if path.exists() {
                fs::write(path, bytes.to_string()).unwrap();
            }
        }
        // Nothing of it goes to swap instead.
        for file in ["memory.swap.max", "memory.swappiness"] {
            let path = self.folder.join(file);
            if path.exists() {
                fs::write(path, "0").unwrap();
            }
        }
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        fs::remove_dir(&self.folder).unwrap_or_default();
    }
}

#[test]
fn a_real_group_that_is_oom_killed() {
    let Some(real) = Real::new() else {
        return skip("no control group with memory may be made here");
    };
    real.limit(16 * MIB);
    let which = group(format!("/{}", real.name));
    let mut service = Service::new(Path::new("/"), which).unwrap();
    let look = found(look_at(&mut service, 0));
    assert_eq!(look.memory.max, Some(Limit::Bytes(16 * MIB)));
    assert_eq!(look.memory.events.oom_kill, Some(0));
    // The shell goes into the group and becomes a program that fills a buffer larger than the limit.
    let script =
        "echo $$ > \"$0/cgroup.procs\" && exec dd if=/dev/zero of=/dev/null bs=256M count=1";
    let status = Command::new("sh")
        .args(["-c", script])
        .arg(&real.folder)
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(9), "{status}");
    look_at(&mut service, 1000);
    let changes = service.changes().unwrap();
    assert_eq!(changes.events.oom_kill, Some(1));
    assert!(changes.events.max.unwrap() > 0);
    assert!(!found(service.state()).made_anew);
    // Removed and made again by the same name.
    fs::remove_dir(&real.folder).unwrap();
    assert_eq!(why(look_at(&mut service, 2000)), Some(Missing::NotThere));
    fs::create_dir(&real.folder).unwrap();
    let look = found(look_at(&mut service, 3000));
    assert!(look.made_anew);
    assert_eq!(look.memory.events.oom_kill, Some(0));
    assert_eq!(service.changes().unwrap().events.oom_kill, Some(0));
}
