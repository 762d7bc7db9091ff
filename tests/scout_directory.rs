//! The walk through a directory tree, on real trees: what counts, what does not, and what happens to it meanwhile.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test may stop at whatever surprises it"
)]

mod alloc_common;
mod scout_space;

use alloc_common::allocations;
use hansho::clock::Uptime;
use hansho::limit::{DIRECTORY_DEPTH, DIRECTORY_LINKS};
use hansho::scout::Missing;
use hansho::scout::directory::{Size, State, Walk};
use scout_space::{Folder, among_mounts, may_mount, skip};
use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

/// Each look at the clock is a millisecond later.
fn clock() -> impl FnMut() -> Uptime {
    let mut now = 1000;
    move || {
        now += 1;
        Uptime::from_millis(now)
    }
}

fn to_the_end(walk: &mut Walk, budget: usize) -> State {
    let mut now = clock();
    while !walk.step(budget, &mut now).ended {}
    walk.state()
}

fn measured(state: State) -> Size {
    let State::Measured(size) = state else {
        panic!("no size: {state:?}");
    };
    size
}

fn size_of(root: &Path) -> Size {
    measured(to_the_end(&mut Walk::new(root).unwrap(), 256))
}

/// The same by std, which knows the whole tree at once.
fn model(path: &Path, seen: &mut HashSet<(u64, u64)>) -> (u64, u64) {
    let found = fs::symlink_metadata(path).unwrap();
    if !seen.insert((found.dev(), found.ino())) {
        return (0, 0);
    }
    let (mut blocks, mut entries) = (found.blocks(), 1);
    if found.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            let (more_blocks, more) = model(&entry.unwrap().path(), seen);
            blocks += more_blocks;
            entries += more;
        }
    }
    (blocks, entries)
}

fn check(root: &Path) -> Size {
    let size = size_of(root);
    let (blocks, entries) = model(root, &mut HashSet::new());
    assert_eq!((size.kib, size.entries), (blocks.div_ceil(2), entries));
    assert!(size.is_whole(), "{size:?}");
    size
}

#[test]
fn counts_as_du_does() {
    let folder = Folder::new();
    assert_eq!(check(folder.path()).entries, 1, "the root alone");
    folder.write("a/b/c/large", vec![7; 300_000]);
    folder.write("a/b/empty", "");
    folder.write("a/b/name\nwith \x1b[31m bytes", "x");
    folder.write("z/.hidden", vec![1; 5000]);
    // Blocks that nothing was written to are not there.
    let sparse = fs::File::create(folder.join("sparse")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    symlink("/", folder.join("z/everything")).unwrap();
    symlink("nowhere", folder.join("dangling")).unwrap();
    let size = check(folder.path());
    assert!((300..1000).contains(&size.kib), "{size:?}");
    for name in ["z/first", "z/second", "a/third"] {
        fs::hard_link(folder.join("a/b/c/large"), folder.join(name)).unwrap();
    }
    let linked = check(folder.path());
    assert_eq!((linked.kib, linked.entries), (size.kib, size.entries));
    let du = std::process::Command::new("du")
        .arg("-skx")
        .arg(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8(du.stdout).unwrap();
    assert_eq!(
        text.split('\t').next(),
        Some(linked.kib.to_string().as_str())
    );
}

#[test]
fn any_budget_finds_the_same() {
    let folder = Folder::new();
    for number in 0..200 {
        folder.write(format!("{}/{}/{number:0200}", number % 7, number % 3), "x");
    }
    let expected = check(folder.path());
    for budget in [1, 2, 3, 100, 10_000] {
        let mut walk = Walk::new(folder.path()).unwrap();
        // And again, over what the walk before left behind.
        for _ in 0..2 {
            let size = measured(to_the_end(&mut walk, budget));
            assert_eq!((size.kib, size.entries), (expected.kib, expected.entries));
        }
    }
}

#[test]
fn a_step_looks_at_no_more_than_its_budget_and_the_age_is_told() {
    let folder = Folder::new();
    for number in 0..100 {
        folder.write(format!("{number}/file"), "x");
    }
    let mut walk = Walk::new(folder.path()).unwrap();
    let mut now = clock();
    let mut looked = 0;
    let began = loop {
        let step = walk.step(7, &mut now);
        assert!(step.looked <= 7);
        looked += step.looked;
        match walk.progress() {
            Some(progress) => assert!(progress.depth <= 2 && !step.ended),
            None => break step.ended,
        }
        assert_eq!(walk.state(), State::Unknown, "no size before the end");
    };
    assert!(began);
    assert_eq!(looked, 200);
    let size = measured(walk.state());
    assert_eq!(size.began, Uptime::from_millis(1001));
    assert_eq!(size.ended, Uptime::from_millis(1002));
    assert_eq!(size.age_ms(Uptime::from_millis(5002)), 4000);
    // While the next goes on the last is still there, and ages.
    walk.step(1, &mut now);
    assert!(walk.progress().is_some());
    assert_eq!(walk.last(), Some(&size));
}

#[test]
fn the_next_walk_waits_until_the_rest_is_over_and_one_that_goes_on_does_not() {
    let folder = Folder::new();
    folder.write("one", "x");
    folder.write("two", "x");
    let mut walk = Walk::new(folder.path()).unwrap().with_rest(60_000);
    let at = |walk: &mut Walk, budget, millis| {
        let step = walk.step(budget, &mut || Uptime::from_millis(millis));
        (step.looked, step.ended)
    };
    assert_eq!(at(&mut walk, 1, 1_000), (1, false));
    assert_eq!(at(&mut walk, 9, 1_500), (1, true));
    assert_eq!(at(&mut walk, 9, 60_999), (0, false));
    assert_eq!(at(&mut walk, 9, 61_000), (2, true));
    assert_eq!(measured(walk.state()).began, Uptime::from_millis(61_000));
    // Also where there was nothing to walk through.
    fs::remove_dir_all(folder.path()).unwrap();
    assert_eq!(at(&mut walk, 9, 121_000), (0, true));
    assert_eq!(at(&mut walk, 9, 180_999), (0, false));
    assert_eq!(at(&mut walk, 9, 181_000), (0, true));
}

#[test]
fn a_path_that_is_not_there_yet_is_no_size() {
    let folder = Folder::new();
    let path = folder.join("later/cache");
    let mut walk = Walk::new(&path).unwrap();
    let first = to_the_end(&mut walk, 10);
    let State::Missing { why, since, .. } = first else {
        panic!("{first:?}");
    };
    assert_eq!(why, Missing::NotThere);
    let mut later = || Uptime::from_millis(9_000);
    assert!(walk.step(10, &mut later).ended);
    let expected = State::Missing {
        why: Missing::NotThere,
        since,
        looked: Uptime::from_millis(9_000),
    };
    assert_eq!(walk.state(), expected);
    folder.write("later/cache/one", "x");
    assert_eq!(measured(to_the_end(&mut walk, 10)).entries, 2);
    // A file in its place, and a link that leads in a circle.
    fs::remove_dir_all(&path).unwrap();
    fs::write(&path, "x").unwrap();
    let why = |state| match state {
        State::Missing { why, .. } => Some(why),
        State::Unknown | State::Measured(_) => None,
    };
    assert_eq!(why(to_the_end(&mut walk, 10)), Some(Missing::NotFolder));
    assert_eq!(walk.last().unwrap().entries, 2, "the last size is kept");
    fs::remove_file(&path).unwrap();
    symlink(&path, &path).unwrap();
    assert_eq!(why(to_the_end(&mut walk, 10)), Some(Missing::NoPath));
    assert!(Walk::new(Path::new("with\0zero")).is_err());
}

#[test]
fn the_root_may_be_a_link_and_is_resolved_when_a_walk_begins() {
    let folder = Folder::new();
    folder.write("old/a", "x");
    folder.write("new/a", "x");
    folder.write("new/b", "x");
    symlink("old", folder.join("cache")).unwrap();
    let mut walk = Walk::new(&folder.join("cache")).unwrap();
    let mut now = clock();
    walk.step(0, &mut now);
    fs::remove_file(folder.join("cache")).unwrap();
    symlink("new", folder.join("cache")).unwrap();
    assert_eq!(
        measured(to_the_end(&mut walk, 10)).entries,
        2,
        "the old one"
    );
    assert_eq!(
        measured(to_the_end(&mut walk, 10)).entries,
        3,
        "the new one"
    );
}

#[test]
fn what_vanishes_in_mid_walk_is_counted() {
    let folder = Folder::new();
    for number in 0..20 {
        folder.write(format!("{number}"), "x");
    }
    let mut walk = Walk::new(folder.path()).unwrap();
    let mut now = clock();
    walk.step(1, &mut now);
    for number in 0..20 {
        fs::remove_file(folder.join(number.to_string())).unwrap();
    }
    let size = measured(to_the_end(&mut walk, 256));
    assert_eq!((size.entries, size.gone), (2, 19));
    assert!(size.is_whole());
}

#[test]
fn a_root_removed_in_mid_walk_has_no_size() {
    let folder = Folder::new();
    folder.write("cache/deep/file", "x");
    let mut walk = Walk::new(&folder.join("cache")).unwrap();
    let mut now = clock();
    walk.step(1, &mut now);
    fs::remove_dir_all(folder.join("cache")).unwrap();
    folder.write("cache/another", "x");
    assert!(matches!(
        to_the_end(&mut walk, 256),
        State::Missing {
            why: Missing::NotThere,
            ..
        }
    ));
    assert_eq!(measured(to_the_end(&mut walk, 256)).entries, 2);
}

#[test]
fn a_folder_replaced_by_a_link_leads_nowhere() {
    let folder = Folder::new();
    for number in 0..100 {
        folder.write(format!("outside/{number}"), vec![1; 10_000]);
    }
    for number in 0..20 {
        for file in 0..5 {
            folder.write(format!("cache/{number}/{file}"), "x");
        }
    }
    let mut walk = Walk::new(&folder.join("cache")).unwrap();
    let mut now = clock();
    // In one of the folders, and two of its files known.
    walk.step(3, &mut now);
    assert_eq!(walk.progress().unwrap().depth, 2);
    for number in 0..20 {
        let path = folder.join(format!("cache/{number}"));
        fs::rename(&path, folder.join(format!("moved{number}"))).unwrap();
        symlink(folder.join("outside"), path).unwrap();
    }
    let size = measured(to_the_end(&mut walk, 256));
    // The root, the open folder to its end, and of the others the links.
    assert_eq!(size.entries, 1 + 1 + 5 + 19);
    assert!(size.kib < 500, "{size:?}");
}

#[test]
fn deeper_than_deep_is_said() {
    let folder = Folder::new();
    let mut path = folder.path().to_path_buf();
    for _ in 0..DIRECTORY_DEPTH + 5 {
        path.push("d");
    }
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("file"), "x").unwrap();
    let size = size_of(folder.path());
    assert_eq!(size.depth_cut, 1);
    assert_eq!(size.entries, 1 + u64::try_from(DIRECTORY_DEPTH).unwrap());
    assert!(!size.is_whole());
}

#[test]
fn more_links_than_are_remembered_count_with_their_share() {
    let folder = Folder::new();
    let files = DIRECTORY_LINKS + 500;
    for number in 0..files {
        folder.write(format!("a/{number}"), vec![1; 8000]);
    }
    folder.folder("b");
    for number in 0..files {
        let names = ["a", "b"].map(|side| folder.join(format!("{side}/{number}")));
        fs::hard_link(&names[0], &names[1]).unwrap();
    }
    let size = size_of(folder.path());
    let (blocks, entries) = model(folder.path(), &mut HashSet::new());
    assert_eq!(size.links_cut, 1000, "two names of each of the last 500");
    assert_eq!(size.kib, blocks.div_ceil(2), "all links are in the tree");
    assert_eq!(size.entries, entries + 500);
    assert!(!size.is_whole());
}

#[test]
fn what_is_refused_is_counted() {
    let folder = Folder::new();
    folder.write("open/file", "x");
    folder.write("closed/file", "x");
    folder.write("listed/one", "x");
    folder.write("listed/two", "x");
    let mode = |name: &str, mode| {
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let mut walk = Walk::new(folder.path()).unwrap();
    let mut now = clock();
    // The root is opened before the rights go, since the folders above it may be closed to others.
    walk.step(0, &mut now);
    mode("closed", 0o700);
    mode("listed", 0o744);
    let unprivileged = || {
        if rustix::process::geteuid().is_root() {
            let nobody = rustix::process::Uid::from_raw(65534);
            // Of this thread only, whose capabilities go with it.
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        } else {
            mode("closed", 0o000);
            mode("listed", 0o400);
        }
        to_the_end(&mut walk, 256)
    };
    let state = std::thread::scope(|scope| scope.spawn(unprivileged).join().unwrap());
    let size = measured(state);
    mode("closed", 0o700);
    mode("listed", 0o700);
    assert_eq!(size.refused, 3, "a folder, and two files in another");
    assert_eq!(size.entries, 5);
    assert!(!size.is_whole());
}

const MOUNTED: &str = "HANSHO_TEST_SCOUT_MOUNTED";

/// Not a test: the part of the one below that runs among its mounts.
#[test]
fn among_the_mounts() {
    let Some(root) = std::env::var_os(MOUNTED) else {
        return;
    };
    let size = size_of(Path::new(&root));
    assert_eq!((size.entries, size.other_devices), (2, 1), "{size:?}");
    assert!(size.kib < 1000, "{size:?}");
    let size = size_of(&Path::new(&root).join("other"));
    assert_eq!((size.entries, size.other_devices), (2, 0), "{size:?}");
    assert!(size.kib >= 2048, "{size:?}");
}

#[test]
fn other_file_systems_are_not_entered() {
    if !may_mount() {
        return skip("no right to mount in a namespace");
    }
    let folder = Folder::new();
    folder.folder("other");
    folder.write("file", "x");
    let script =
        "mount -t tmpfs -o size=4m hansho-test other; head -c 2097152 /dev/zero > other/file";
    among_mounts(script, "among_the_mounts", MOUNTED, folder.path());
}

#[test]
fn a_hundred_thousand_entries_take_no_more_memory_than_ten() {
    let folder = Folder::new();
    for number in 0..100 {
        let path = folder.folder(number.to_string());
        for file in 0..1000 {
            fs::File::create(path.join(file.to_string())).unwrap();
        }
    }
    let mut walk = Walk::new(folder.path()).unwrap();
    let mut now = clock();
    let before = allocations();
    let mut steps = 0;
    while !walk.step(256, &mut now).ended {
        steps += 1;
    }
    assert_eq!(allocations() - before, 0);
    assert_eq!(steps, 100_100 / 256);
    let size = measured(walk.state());
    assert_eq!(size.entries, 100_101);
    assert!(size.is_whole());
}
