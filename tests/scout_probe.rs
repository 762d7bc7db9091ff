//! Looks that hang: by a FIFO that nobody opens, and by a FUSE mount that nobody serves. Deadlines pass in virtual time; what
//! hangs is the kernel's.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test may stop at whatever surprises it"
)]

mod scout_space;

use hansho::clock::Uptime;
use hansho::limit::{PROBE_DEADLINE_MS, PROBE_THREADS};
use hansho::scout::Missing;
use hansho::scout::directory::{State, Walk};
use hansho::scout::filesystem::{self, Watched};
use hansho::scout::mounts::Mounts;
use hansho::scout::probe::{Errand, Look, Probes};
use hansho::scout::schedule::{ItemId, Plan, Return, Standing};
use hansho::sys;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use scout_space::{Folder, among_mounts, may_mount, skip};
use std::fs;
use std::path::{Path, PathBuf};

/// For whatever must come back: no time is measured by it, it only ends a test that would wait for ever.
const PATIENCE_MS: u64 = 60_000;

fn at(ms: u64) -> Uptime {
    Uptime::from_millis(ms)
}

const fn plan(key: u64) -> Plan {
    Plan {
        key,
        every_ms: 1000,
        deadline_ms: PROBE_DEADLINE_MS,
    }
}

/// Opens a file, and counts how often that succeeded. A FIFO lets nobody open it before somebody opens it for writing.
#[derive(Debug)]
struct Opens {
    path: PathBuf,
    times: u32,
}

impl Errand for Opens {
    fn look(&mut self) {
        fs::File::open(&self.path).unwrap();
        self.times += 1;
    }
}

fn opens(path: PathBuf) -> Opens {
    Opens { path, times: 0 }
}

fn fifo(folder: &Folder, name: &str) -> PathBuf {
    let path = folder.join(name);
    mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    path
}

/// What came back at a tick.
fn tick<E: Errand>(probes: &mut Probes<E>, now: u64) -> Vec<(ItemId, Return)> {
    let mut back = Vec::new();
    let told = &mut |id, _: &E, found| back.push((id, found));
    probes.tick(at(now), told).unwrap();
    back
}

#[test]
fn one_that_hangs_holds_one_thread_and_comes_back() {
    let folder = Folder::new();
    let pipe = fifo(&folder, "pipe");
    folder.write("file", "x");
    let mut probes = Probes::start().unwrap();
    let dead = probes.add(plan(1), at(0), opens(pipe.clone())).unwrap();
    let behind = probes
        .add(plan(1), at(0), opens(folder.join("file")))
        .unwrap();
    let alive = probes
        .add(plan(2), at(0), opens(folder.join("file")))
        .unwrap();
    assert_eq!(tick(&mut probes, 0), []);
    for second in 1..=200 {
        assert!(probes.wait(PATIENCE_MS));
        let back = tick(&mut probes, second * 1000);
        assert_eq!(back.len(), 1);
        assert_eq!(back[0].0, alive);
    }
    let now = at(200_000);
    let since = at(0);
    assert_eq!(probes.held(now), 1);
    assert!(probes.get(dead).is_none(), "it is out");
    assert_eq!(
        probes.standing(dead, now),
        Some(Standing::NotAnswering { since })
    );
    assert_eq!(
        probes.standing(behind, now),
        Some(Standing::BehindAnother { since })
    );
    assert_eq!(probes.get(behind).unwrap().times, 0);
    // The one that is alive is out too; then somebody opens the other end, and all goes on.
    assert!(probes.wait(PATIENCE_MS));
    tick(&mut probes, 200_100);
    let _writer = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    assert!(probes.wait(PATIENCE_MS));
    let back = tick(&mut probes, 200_200);
    assert_eq!(back.len(), 1);
    let (id, found) = back[0];
    assert_eq!((id, found.began, found.late), (dead, since, true));
    let answering = Standing::Answering { at: at(200_200) };
    assert_eq!(probes.standing(dead, at(200_200)), Some(answering));
    assert_eq!(probes.get(dead).unwrap().times, 1);
    assert!(probes.wait(PATIENCE_MS), "the one behind was begun at once");
    assert_eq!(tick(&mut probes, 200_300)[0].0, behind);
    assert_eq!(probes.held(at(200_300)), 0);
}

#[test]
fn as_many_that_hang_as_there_are_threads_are_said() {
    let folder = Folder::new();
    folder.write("file", "x");
    let mut probes = Probes::start().unwrap();
    let pipes: Vec<_> = (0..PROBE_THREADS)
        .map(|number| fifo(&folder, &number.to_string()))
        .collect();
    for (key, pipe) in (1..).zip(&pipes) {
        probes.add(plan(key), at(0), opens(pipe.clone())).unwrap();
    }
    tick(&mut probes, 0);
    let other = probes
        .add(plan(99), at(10), opens(folder.join("file")))
        .unwrap();
    assert_eq!(tick(&mut probes, 60_000), []);
    assert_eq!(probes.held(at(60_000)), PROBE_THREADS);
    let since = at(0);
    assert_eq!(
        probes.standing(other, at(60_000)),
        Some(Standing::NoThread { since })
    );
    let _writer = fs::OpenOptions::new().write(true).open(&pipes[0]).unwrap();
    assert!(probes.wait(PATIENCE_MS));
    assert_eq!(tick(&mut probes, 61_000).len(), 1);
    assert!(probes.wait(PATIENCE_MS));
    assert_eq!(tick(&mut probes, 61_500)[0].0, other);
    // The threads that still hang end with the program, which waits for none.
}

#[test]
fn what_is_removed_while_it_hangs_is_forgotten_when_it_comes_back() {
    let folder = Folder::new();
    let pipe = fifo(&folder, "pipe");
    let mut probes = Probes::start().unwrap();
    let id = probes.add(plan(1), at(0), opens(pipe.clone())).unwrap();
    tick(&mut probes, 0);
    probes.remove(id);
    assert_eq!(probes.standing(id, at(90_000)), None);
    assert_eq!(probes.held(at(90_000)), 1);
    let _writer = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    assert!(probes.wait(PATIENCE_MS));
    assert_eq!(tick(&mut probes, 90_000), [], "nobody wants to know");
    assert_eq!(probes.held(at(90_000)), 0);
    assert!(probes.get(id).is_none());
}

#[test]
fn trees_and_file_systems_are_looked_at_by_threads() {
    let folder = Folder::new();
    for number in 0..700 {
        folder.write(number.to_string(), "x");
    }
    let mut probes = Probes::start().unwrap();
    let walk = Box::new(Walk::new(folder.path()).unwrap());
    let tree = probes.add(plan(1), at(0), Look::Directory(walk)).unwrap();
    let watched = Watched::new(folder.path()).unwrap();
    let system = probes
        .add(plan(1), at(0), Look::Filesystem(watched))
        .unwrap();
    let (mut steps, mut looks) = (0, 0);
    for second in 0.. {
        let tree_is_known = matches!(
            probes.get(tree),
            Some(Look::Directory(walk)) if matches!(walk.state(), State::Measured(_))
        );
        if tree_is_known && looks > 0 {
            break;
        }
        for (id, _) in tick(&mut probes, second * 1000) {
            steps += u32::from(id == tree);
            looks += u32::from(id == system);
        }
        assert!(probes.wait(PATIENCE_MS));
    }
    assert_eq!(steps, 3, "700 entries by 256");
    let Some(Look::Directory(walk)) = probes.get(tree) else {
        panic!("no tree");
    };
    assert_eq!(walk.last().unwrap().entries, 701);
}

const MOUNTED: &str = "HANSHO_TEST_SCOUT_MOUNTED";
/// The descriptor of `/dev/fuse` that the script of the test below opens.
const FUSE: i32 = 3;

/// Waits for a look and tells the tick.
fn next_back(probes: &mut Probes<Look>, now: u64) -> ItemId {
    assert!(probes.wait(PATIENCE_MS));
    let back = tick(probes, now);
    assert_eq!(back.len(), 1);
    back[0].0
}

/// Not a test: the part of the one below that runs among its mounts.
#[test]
fn beside_a_dead_mount() {
    let Some(root) = std::env::var_os(MOUNTED) else {
        return;
    };
    let root = Path::new(&root);
    let dead_path = root.join("cache/dead");
    let mut mounts = Mounts::new(Path::new("/"));
    mounts.refresh().unwrap();
    let dead = mounts.of(&dead_path).unwrap();
    assert!(dead.may_hang() && dead.kind == b"fuse");
    let here = mounts.of(root).unwrap().device_key();
    // A link that leads into the dead mount has its key, found without asking it.
    let into = mounts.of(&root.join("link/deep")).unwrap();
    assert_eq!(into, dead);
    let dead = dead.device_key();
    assert_ne!(here, dead);

    let mut probes = Probes::start().unwrap();
    let system = Look::Filesystem(Watched::new(&dead_path).unwrap());
    let system = probes.add(plan(dead), at(0), system).unwrap();
    let inside = Box::new(Walk::new(&root.join("link/deep")).unwrap());
    let inside = probes
        .add(plan(dead), at(0), Look::Directory(inside))
        .unwrap();
    let above = Box::new(Walk::new(&root.join("cache")).unwrap());
    let above = probes
        .add(plan(here), at(0), Look::Directory(above))
        .unwrap();
    tick(&mut probes, 0);
    // The tree that the dead mount lies in is walked through, again and again.
    for second in 1..=100 {
        assert_eq!(next_back(&mut probes, second * 1000), above);
        let Some(Look::Directory(walk)) = probes.get(above) else {
            // The next look is out already.
            continue;
        };
        panic!("not begun again: {walk:?}");
    }
    assert_eq!(next_back(&mut probes, 100_500), above);
    let Some(Look::Directory(walk)) = probes.get(above) else {
        panic!("out");
    };
    let size = *walk.last().unwrap();
    assert_eq!((size.entries, size.other_devices), (2, 1), "{size:?}");
    assert!(size.is_whole());
    let now = at(100_500);
    let since = at(0);
    assert_eq!(probes.held(now), 1, "one thread, whatever is watched there");
    assert_eq!(
        probes.standing(system, now),
        Some(Standing::NotAnswering { since })
    );
    assert_eq!(
        probes.standing(inside, now),
        Some(Standing::BehindAnother { since })
    );

    // Its server ends: the kernel gives an error to whoever waits.
    drop(sys::inherited(FUSE).unwrap());
    assert_eq!(next_back(&mut probes, 100_600), system);
    let Some(Look::Filesystem(watched)) = probes.get(system) else {
        panic!("out");
    };
    assert!(matches!(
        watched.state(),
        filesystem::State::Missing {
            why: Missing::Broken,
            ..
        }
    ));
    assert_eq!(next_back(&mut probes, 100_700), inside);
    let Some(Look::Directory(walk)) = probes.get(inside) else {
        panic!("out");
    };
    assert!(matches!(
        walk.state(),
        State::Missing {
            why: Missing::Broken,
            ..
        }
    ));
    // And it is unmounted, while a look may be under way there: then what lies below is seen again.
    let status = std::process::Command::new("umount")
        .arg("-l")
        .arg(&dead_path)
        .status();
    assert!(status.unwrap().success());
    // The file system there is now the one around it, and the link's target is not there.
    let (mut system_is_known, mut inside_is_missing) = (false, false);
    for second in 102..1000 {
        tick(&mut probes, second * 1000);
        assert!(probes.wait(PATIENCE_MS));
        let told = &mut |_, look: &Look, _| match look {
            Look::Filesystem(watched) => {
                system_is_known |= matches!(watched.state(), filesystem::State::Known(_));
            }
            Look::Directory(walk) => {
                let why = Missing::NotThere;
                inside_is_missing |=
                    matches!(walk.state(), State::Missing { why: found, .. } if found == why);
            }
        };
        probes.tick(at(second * 1000 + 1), told).unwrap();
        if system_is_known && inside_is_missing {
            return;
        }
    }
    panic!("nothing is seen where the dead mount was");
}

#[test]
fn a_mount_that_nobody_serves() {
    if !may_mount() || !Path::new("/dev/fuse").exists() {
        return skip("no right to mount in a namespace, or no FUSE");
    }
    let folder = Folder::new();
    folder.folder("cache/dead");
    std::os::unix::fs::symlink("cache/dead", folder.join("link")).unwrap();
    folder.write("cache/file", "x");
    let script = format!(
        "exec {FUSE}<>/dev/fuse; mount -i -t fuse -o fd={FUSE},rootmode=40000,user_id=0,group_id=0 hansho-test cache/dead"
    );
    among_mounts(&script, "beside_a_dead_mount", MOUNTED, folder.path());
}
