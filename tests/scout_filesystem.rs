//! File systems: what mountinfo says, whatever stands in it, and what statfs(2) says, on mounts of our own.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at whatever surprises it"
)]

mod alloc_common;
mod scout_space;

use alloc_common::allocations;
use hansho::clock::Uptime;
use hansho::sample::mountinfo::{Escaped, entries, entry, mount_of};
use hansho::scout::Missing;
use hansho::scout::filesystem::{Filesystem, State, Watched};
use hansho::scout::mounts::{Mounts, TmpfsMounts, left_out};
use proptest::collection::vec;
use proptest::prelude::*;
use scout_space::{Folder, among_mounts, may_mount, skip};
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;

/// A name as the kernel writes it (mangle_path: blank, tab, newline, backslash, and `#` in some files).
fn written(name: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for byte in name {
        if b" \t\n\\#".contains(byte) {
            text.extend_from_slice(format!("\\{byte:03o}").as_bytes());
        } else {
            text.push(*byte);
        }
    }
    text
}

proptest! {
    #[test]
    fn any_bytes(text in vec(any::<u8>(), 0..600), path in vec(any::<u8>(), 0..40)) {
        for found in entries(&text) {
            black_box((found.is_read_only(), found.may_hang(), found.size_kib(), left_out(&found)));
        }
        black_box(mount_of(&text, &path));
        black_box(TmpfsMounts::of(&text));
        let mut room = [0; 64];
        black_box(Escaped::new(&text).copy(&mut room));
    }

    /// Pieces that look like the file, in any order.
    #[test]
    fn pieces_of_the_file(pieces in vec(prop::sample::select(vec![
        "27 1 254:0 ", "/ ", "/mnt ", "rw,relatime ", "- ", "tmpfs ", "nfs4 ", "\n", " ", "\\040", "\\", "size=", "4096k", "ro", ":",
        "18446744073709551616 ", "shared:1 ",
    ]), 0..60)) {
        let text = pieces.concat().into_bytes();
        for found in entries(&text) {
            prop_assert!(found.mount_point.bytes().next() == Some(b'/'));
            black_box((found.is_read_only(), found.size_kib(), left_out(&found)));
        }
        black_box(TmpfsMounts::of(&text));
    }

    #[test]
    fn any_name_is_read_as_it_is_meant(name in vec(1_u8.., 0..80), source in vec(1_u8.., 0..80), rest in vec(1_u8.., 0..20)) {
        let mut point = b"/".to_vec();
        point.extend_from_slice(&name);
        let mut line = b"31 27 0:28 / ".to_vec();
        line.extend_from_slice(&written(&point));
        line.extend_from_slice(b" rw shared:1 - fuse.x ");
        line.extend_from_slice(&written(&source));
        line.extend_from_slice(b" rw");
        let found = entry(&line).unwrap();
        prop_assert!(found.mount_point.is(&point));
        prop_assert!(found.source.is(&source));
        let mut room = [0; 81];
        prop_assert_eq!(found.mount_point.copy(&mut room), Some(&point[..]));
        // It is found for every path below it, and for none beside it.
        let text = [&line[..], b"\n"].concat();
        let mut below = point.clone();
        if !below.ends_with(b"/") {
            below.push(b'/');
        }
        below.extend_from_slice(&rest);
        prop_assert_eq!(mount_of(&text, &below), Some(found));
        let mut beside = point.clone();
        beside.push(b'x');
        prop_assert_eq!(mount_of(&text, &beside).is_some(), point.ends_with(b"/"));
    }

    /// A cut file gives fewer mounts, and no other ones.
    #[test]
    fn a_cut_file_gives_the_first_ones(cut in 0_usize..400) {
        let whole = fs::read("/proc/self/mountinfo").unwrap();
        let part = &whole[..cut.min(whole.len())];
        let all: Vec<_> = entries(&whole).collect();
        for (found, expected) in entries(part).zip(&all) {
            prop_assert_eq!(&found, expected);
        }
    }
}

#[test]
fn this_hosts_own_mounts() {
    let mut mounts = Mounts::new(Path::new("/"));
    assert_eq!(mounts.of(Path::new("/")), None, "not read yet");
    mounts.refresh().unwrap();
    assert!(!mounts.is_cut());
    assert_eq!(
        entries(mounts.text()).count(),
        mounts.text().split_inclusive(|byte| *byte == b'\n').count()
    );
    assert!(mounts.of(Path::new("/")).unwrap().mount_point.is(b"/"));
    assert_eq!(mounts.of(Path::new("/proc/self/fd")).unwrap().kind, b"proc");
    let before = allocations();
    mounts.refresh().unwrap();
    black_box(mounts.tmpfs());
    assert_eq!(allocations().saturating_sub(before), 0);
    let mut nowhere = Mounts::new(Path::new("/nowhere"));
    assert!(nowhere.refresh().is_err());
    assert_eq!(nowhere.text(), b"");
}

fn now() -> Uptime {
    Uptime::from_millis(7)
}

fn look(path: &Path) -> Filesystem {
    let mut watched = Watched::new(path).unwrap();
    let before = allocations();
    watched.look(&mut now);
    assert_eq!(allocations().saturating_sub(before), 0);
    match watched.state() {
        State::Known(found) => found,
        other => panic!("{}: {other:?}", path.display()),
    }
}

#[test]
fn a_path_that_is_not_there_is_no_file_system() {
    let folder = Folder::new();
    let path = folder.join("later");
    let mut watched = Watched::new(&path).unwrap();
    assert_eq!(watched.state(), State::Unknown);
    let mut clock = 100;
    let mut later = || {
        clock += 100;
        Uptime::from_millis(clock)
    };
    for _ in 0..3 {
        watched.look(&mut later);
        let State::Missing { why, since } = watched.state() else {
            panic!("{:?}", watched.state());
        };
        assert_eq!((why, since), (Missing::NotThere, Uptime::from_millis(300)));
    }
    fs::create_dir(&path).unwrap();
    watched.look(&mut later);
    assert!(matches!(watched.state(), State::Known(_)));
}

#[test]
fn what_has_no_size_has_none() {
    let found = look(Path::new("/proc"));
    assert_eq!((found.space, found.inodes), (None, None));
    assert_eq!(found.magic, 0x9FA0, "PROC_SUPER_MAGIC of statfs(2)");
}

const MOUNTED: &str = "HANSHO_TEST_SCOUT_MOUNTED";

/// Not a test: the part of the one below that runs among its mounts.
#[test]
fn in_memory() {
    let Some(root) = std::env::var_os(MOUNTED) else {
        return;
    };
    let point = Path::new(&root).join("new line\n\\and blank");
    let empty = look(&point);
    assert!(empty.is_tmpfs() && !empty.read_only);
    let space = empty.space.unwrap();
    assert_eq!(
        (space.total_kib, space.used_permille()),
        (16 * 1024, Some(0))
    );
    let inodes = empty.inodes.unwrap();
    assert_eq!((inodes.total, inodes.free), (100, 99), "the root is one");
    for number in 0..9 {
        fs::write(point.join(number.to_string()), vec![1; 1024 * 1024]).unwrap();
    }
    let found = look(&point);
    assert_eq!(found.space.unwrap().used_kib(), 9 * 1024);
    assert_eq!(found.space.unwrap().used_permille(), Some(563), "9 / 16");
    assert_eq!(found.inodes.unwrap().free_permille(), Some(900));
    // The kernel's own account of it, and the names by which it is found.
    let mut mounts = Mounts::new(Path::new("/"));
    mounts.refresh().unwrap();
    let entry = mounts.of(&point.join("3")).unwrap();
    assert!(entry.source.is(b"hansho test") && !entry.is_read_only());
    assert_eq!(entry.size_kib(), Some(16 * 1024));
    assert!(mounts.tmpfs().watched.contains(&entry));
    // By a link from elsewhere.
    let link = Path::new(&root).join("link");
    std::os::unix::fs::symlink(&point, &link).unwrap();
    assert_eq!(mounts.of(&link.join("3")), Some(entry));
    let status = Command::new("mount")
        .args(["-o", "remount,ro"])
        .arg(&point)
        .status();
    assert!(status.unwrap().success());
    assert!(look(&point).read_only);
    mounts.refresh().unwrap();
    assert!(mounts.of(&point).unwrap().is_read_only());
}

#[test]
fn a_file_system_in_memory_fills_and_turns_read_only() {
    if !may_mount() {
        return skip("no right to mount in a namespace");
    }
    let folder = Folder::new();
    folder.folder("new line\n\\and blank");
    let script = "mount -t tmpfs -o size=16m,nr_inodes=100 'hansho test' new*";
    among_mounts(script, "in_memory", MOUNTED, folder.path());
}

/// Not a test: the part of the one below that runs among its mounts.
#[test]
fn on_a_disk() {
    let Some(root) = std::env::var_os(MOUNTED) else {
        return;
    };
    let point = Path::new(&root).join("disk");
    let found = look(&point);
    let space = found.space.unwrap();
    // 10 % of it were reserved when it was made.
    assert!(space.reserved_kib() > 800, "{space:?}");
    let df = Command::new("df")
        .args(["-kP"])
        .arg(&point)
        .output()
        .unwrap();
    let text = String::from_utf8(df.stdout).unwrap();
    let line: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().collect();
    let expected = [space.total_kib, space.used_kib(), space.available_kib];
    assert_eq!(line[1..4], expected.map(|kib| kib.to_string()));
    let per_cent = u32::from(space.used_permille().unwrap()).div_ceil(10);
    assert_eq!(line[4], format!("{per_cent}%"));
    assert!(!found.is_tmpfs() && !found.read_only);
    assert_eq!(found.magic, 0xEF53, "EXT4_SUPER_MAGIC of statfs(2)");
}

#[test]
fn what_is_reserved_on_a_disk_counts_as_df_counts_it() {
    let makes = Command::new("mke2fs").arg("-V").output();
    if !may_mount() || makes.is_err() {
        return skip("no right to mount in a namespace, or no mke2fs");
    }
    let folder = Folder::new();
    folder.folder("disk");
    let image = fs::File::create(folder.join("image")).unwrap();
    image.set_len(10 * 1024 * 1024).unwrap();
    let script = "mke2fs -q -F -t ext4 -m 10 image && mount -o loop image disk";
    let tried = Command::new("unshare")
        .args(["-m", "sh", "-c", script])
        .current_dir(folder.path())
        .status();
    if !tried.unwrap().success() {
        return skip("no loop devices");
    }
    among_mounts(script, "on_a_disk", MOUNTED, folder.path());
}
