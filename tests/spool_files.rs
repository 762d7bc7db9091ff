//! The files of the rings: where they may stand, and that nobody else's are used.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test that fails may panic"
)]

mod spool_common;

use hansho::frame::Stream;
use hansho::limit::{DISK_RING_DEFAULT_BYTES, DISK_RING_SMALL_BYTES};
use hansho::spool::Disk;
use hansho::spool::files::{
    DISK_FILE, DISK_FILE_ASIDE, Directory, DiskOpened, FileFault, FileSystem, MEMORY_FILE,
    default_disk_bytes, disk_ring, memory_directory, memory_file, open_for_reading,
};
use hansho::spool::heap::HeapMemory;
use hansho::spool::scribe::Scribe;
use spool_common::{at, frame, identity, in_memory, on_disk, open};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

const SIZE: u64 = 1024 * 1024;

/// A directory of a test's own.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("spool-{name}"));
        if path.exists() {
            fs::remove_dir_all(&path).unwrap();
        }
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        Self(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What a failed test leaves is removed by the next run.
        let removed = fs::remove_dir_all(&self.0);
        drop(removed);
    }
}

#[test]
fn a_disk_ring_is_made_continued_and_moved_aside() {
    let place = Place::new("disk");
    let directory = Directory::open(&place.0).unwrap();
    let (ring, opened) = disk_ring(&directory, SIZE, &identity(1)).unwrap();
    assert!(matches!(opened, DiskOpened::Created));
    let path = place.0.join(DISK_FILE);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        fs::read_dir(&place.0).unwrap().count(),
        1,
        "no file is left over"
    );

    let memory = HeapMemory::zeroed(128 * 1024);
    let (mut memory_ring, _) = open(&memory, 2);
    let bytes = frame(2, Stream::Alerts, 0, 100);
    memory_ring.append(Stream::Alerts, at(1), &bytes).unwrap();
    assert_eq!(Scribe::new(&memory, ring).turn(at(1), false).fault, None);
    assert!(on_disk(open_for_reading(&path).unwrap()) == in_memory(&memory));

    match disk_ring(&directory, SIZE, &identity(3)).unwrap().1 {
        DiskOpened::Continued(recovered) => assert_eq!(recovered.run_number, 1),
        other => panic!("{other:?}"),
    }
    for round in 0..2 {
        let (_, opened) = disk_ring(&directory, SIZE << (1 - round), &identity(4)).unwrap();
        assert!(matches!(opened, DiskOpened::MovedAside(_)), "{opened:?}");
        assert!(place.0.join(DISK_FILE_ASIDE).exists());
        assert_eq!(
            fs::read_dir(&place.0).unwrap().count(),
            2,
            "one is kept aside"
        );
    }
    fs::write(&path, b"no ring").unwrap();
    let (ring, opened) = disk_ring(&directory, SIZE, &identity(5)).unwrap();
    assert!(matches!(opened, DiskOpened::MovedAside(_)));
    assert_eq!(ring.disk().length().unwrap(), SIZE);
}

#[test]
fn a_memory_file_of_another_size_is_replaced_not_cut() {
    let place = Place::new("memory");
    let directory = Directory::open(&place.0).unwrap();
    let file = memory_file(&directory, 65536).unwrap();
    assert_eq!(file.length().unwrap(), 65536);
    file.write_at(0, b"kept").unwrap();
    let again = memory_file(&directory, 65536).unwrap();
    let mut start = [0; 4];
    again.read_at(0, &mut start).unwrap();
    assert_eq!(&start, b"kept");
    let larger = memory_file(&directory, 131_072).unwrap();
    assert_eq!(larger.length().unwrap(), 131_072);
    assert_eq!(file.length().unwrap(), 65536, "who has it mapped keeps it");
}

#[test]
fn links_and_exposed_places_are_refused() {
    let place = Place::new("links");
    let target = place.0.join("target");
    fs::write(&target, b"precious").unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
    symlink(&target, place.0.join(MEMORY_FILE)).unwrap();
    symlink(&target, place.0.join(DISK_FILE)).unwrap();
    let directory = Directory::open(&place.0).unwrap();
    assert!(matches!(
        memory_file(&directory, 65536),
        Err(FileFault::Io(_))
    ));
    assert!(matches!(
        disk_ring(&directory, SIZE, &identity(1)),
        Err(FileFault::Io(_))
    ));
    assert_eq!(fs::read(&target).unwrap(), b"precious");

    fs::remove_file(place.0.join(MEMORY_FILE)).unwrap();
    fs::hard_link(&target, place.0.join(MEMORY_FILE)).unwrap();
    assert!(matches!(
        memory_file(&directory, 65536),
        Err(FileFault::NotPlain)
    ));
    fs::remove_file(place.0.join(MEMORY_FILE)).unwrap();
    fs::write(place.0.join(MEMORY_FILE), b"").unwrap();
    fs::set_permissions(place.0.join(MEMORY_FILE), fs::Permissions::from_mode(0o644)).unwrap();
    let outcome = memory_file(&directory, 65536);
    assert!(matches!(outcome, Err(FileFault::Exposed { mode: 0o644 })));

    let inner = place.0.join("inner");
    fs::create_dir(&inner).unwrap();
    fs::set_permissions(&inner, fs::Permissions::from_mode(0o770)).unwrap();
    assert!(matches!(
        Directory::open(&inner),
        Err(FileFault::Exposed { mode: 0o770 })
    ));
    let link = place.0.join("link");
    symlink(&place.0, &link).unwrap();
    assert!(matches!(Directory::open(&link), Err(FileFault::Io(_))));
    // Nothing is made where the parent is missing.
    assert!(matches!(
        Directory::open(&place.0.join("a/b")),
        Err(FileFault::Io(_))
    ));
    let made = Directory::open(&place.0.join("made")).unwrap();
    assert_eq!(
        fs::metadata(&made.path).unwrap().permissions().mode() & 0o777,
        0o700
    );
}

#[test]
fn the_memory_ring_wants_tmpfs() {
    let refused = memory_directory(Some(Path::new("/proc/self"))).unwrap_err();
    assert_eq!(refused.len(), 1);
    let path = PathBuf::from(format!("/dev/shm/hansho-test-{}", std::process::id()));
    if Path::new("/dev/shm").is_dir() {
        // Where /dev/shm is no tmpfs, the reason says so.
        match memory_directory(Some(&path)) {
            Ok(directory) => assert_eq!(directory.file_system, FileSystem::Tmpfs),
            Err(refused) => assert!(matches!(refused[..], [(_, FileFault::NotTmpfs(_))])),
        }
        fs::remove_dir(&path).unwrap();
    }
}

#[test]
fn the_default_size_follows_the_file_system() {
    assert_eq!(default_disk_bytes(4 << 30), DISK_RING_DEFAULT_BYTES);
    assert_eq!(default_disk_bytes((4 << 30) - 1), DISK_RING_SMALL_BYTES);
    let place = Place::new("size");
    let size = Directory::open(&place.0)
        .unwrap()
        .default_disk_bytes()
        .unwrap();
    assert!([DISK_RING_DEFAULT_BYTES, DISK_RING_SMALL_BYTES].contains(&size));
}

#[test]
fn file_systems_that_do_not_overwrite_in_place_are_known() {
    // linux/magic.h, and the sources of zfs.
    let known = [
        (0x9123_683E, "btrfs"),
        (0x2FC1_2FC1, "zfs"),
        (0x2405_1905, "ubifs"),
        (0xF2F5_2010, "f2fs"),
    ];
    for (magic, name) in known {
        assert_eq!(FileSystem::from_magic(magic), FileSystem::CopyOnWrite(name));
    }
    assert_eq!(FileSystem::from_magic(0x0102_1994), FileSystem::Tmpfs);
    assert_eq!(FileSystem::from_magic(0xEF53), FileSystem::Other(0xEF53));
}
