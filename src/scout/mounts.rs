//! The mounts of this host: which one a path is on, and which of those in memory are watched without being asked for.
//!
//! `/proc/self/mountinfo` is read whole into a fixed buffer; reading it asks no file system and does not hang.

use crate::limit::{LINKS_IN_A_PATH, MOUNTINFO_BYTES, TMPFS_MIN_KIB, TMPFS_MOUNTS};
use crate::sample::mountinfo::{Entry, entries, mount_of};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The mounts as they were at the last [`Mounts::refresh`], which takes no heap.
#[derive(Debug)]
pub struct Mounts {
    file: PathBuf,
    buffer: Box<[u8]>,
    used: usize,
    cut: bool,
}

impl Mounts {
    /// Those that this process sees, under `root`; empty before the first [`Mounts::refresh`].
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            file: root.join("proc/self/mountinfo"),
            // Zero pages of the kernel, which take memory only where they are written to.
            buffer: vec![0; MOUNTINFO_BYTES].into_boxed_slice(),
            used: 0,
            cut: false,
        }
    }

    /// Reads them anew.
    ///
    /// # Errors
    /// As open(2), then those of before are kept; as read(2), then none are known.
    pub fn refresh(&mut self) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = openat(CWD, &self.file, flags, Mode::empty())?;
        let mut used = 0;
        while let Some(room) = self.buffer.get_mut(used..).filter(|room| !room.is_empty()) {
            match rustix::io::read(&file, room) {
                Ok(0) => break,
                Ok(count) => used = used.saturating_add(count),
                Err(Errno::INTR) => {}
                Err(errno) => {
                    // What is there is half new: better none than a wrong one.
                    self.used = 0;
                    return Err(errno.into());
                }
            }
        }
        self.used = used;
        self.cut = used >= self.buffer.len();
        Ok(())
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        self.buffer.get(..self.used).unwrap_or_default()
    }

    /// True where there are more than the buffer holds; the last ones are not seen.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.cut
    }

    /// The mount that `path` is on, and by [`Entry::device_key`] what it has in common with others of the same file system. Links
    /// in the path are followed as far as the mounts go that cannot hang: whatever lies behind one that can is never asked.
    /// Absent for a relative path. Takes heap, and time: for once, and when mounts have changed.
    #[must_use]
    pub fn of(&self, path: &Path) -> Option<Entry<'_>> {
        let resolved = resolve(
            path,
            |path| self.may_hang(path),
            |path| std::fs::read_link(path).ok(),
        );
        mount_of(self.text(), resolved.as_os_str().as_bytes())
    }

    fn may_hang(&self, path: &Path) -> bool {
        mount_of(self.text(), path.as_os_str().as_bytes()).is_some_and(|entry| entry.may_hang())
    }

    /// The mounts in memory that are watched.
    #[must_use]
    pub fn tmpfs(&self) -> TmpfsMounts<'_> {
        TmpfsMounts::of(self.text())
    }
}

/// `path` with its links followed, up to the first folder that may hang.
fn resolve(
    path: &Path,
    may_hang: impl Fn(&Path) -> bool,
    read_link: impl Fn(&Path) -> Option<PathBuf>,
) -> PathBuf {
    let mut rest: VecDeque<OsString> = parts(path);
    let mut done = PathBuf::from(if path.is_absolute() { "/" } else { "" });
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            done.pop();
            continue;
        }
        let next = done.join(&part);
        if may_hang(&next) {
            done = next;
            done.extend(rest);
            break;
        }
        match read_link(&next).filter(|_| links < LINKS_IN_A_PATH) {
            None => done = next,
            Some(target) => {
                links = links.saturating_add(1);
                if target.is_absolute() {
                    done = PathBuf::from("/");
                }
                for part in parts(&target).into_iter().rev() {
                    rest.push_front(part);
                }
            }
        }
    }
    done
}

fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

/// Why a mount is not watched without being asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeftOut {
    /// It is not in memory.
    NotTmpfs,
    /// Nothing can be written there.
    ReadOnly,
    /// It may take less than [`TMPFS_MIN_KIB`].
    Tiny,
    /// The kernel's own, or systemd's for it: `/dev` but for what lies in it, `/sys`, `/proc`.
    System,
    /// A service's credentials (systemd.exec(5)).
    Credentials,
    /// In a container's or pod's folder: it counts to that one's limit, and there may be thousands.
    Container,
}

/// Folders whose mounts in memory are the system's, a service's or a container's.
const FOLDERS: [(&[u8], LeftOut); 11] = [
    (b"/sys", LeftOut::System),
    (b"/proc", LeftOut::System),
    (b"/run/credentials", LeftOut::Credentials),
    (b"/dev/.credentials", LeftOut::Credentials),
    (b"/var/lib/docker", LeftOut::Container),
    (b"/var/lib/containerd", LeftOut::Container),
    (b"/var/lib/containers", LeftOut::Container),
    (b"/var/lib/kubelet", LeftOut::Container),
    (b"/run/containerd", LeftOut::Container),
    (b"/run/containers", LeftOut::Container),
    (b"/run/netns", LeftOut::System),
];

/// Why this mount is not watched; `None` where it is.
#[must_use]
pub fn left_out(entry: &Entry<'_>) -> Option<LeftOut> {
    if entry.kind != b"tmpfs" {
        return Some(LeftOut::NotTmpfs);
    }
    if entry.is_read_only() {
        return Some(LeftOut::ReadOnly);
    }
    if entry.size_kib().is_some_and(|kib| kib < TMPFS_MIN_KIB) {
        return Some(LeftOut::Tiny);
    }
    if entry.mount_point.is(b"/dev") {
        return Some(LeftOut::System);
    }
    FOLDERS
        .iter()
        .find(|(folder, _)| is_below(entry, folder))
        .map(|(_, why)| *why)
}

fn is_below(entry: &Entry<'_>, folder: &[u8]) -> bool {
    let mut bytes = entry.mount_point.bytes();
    folder.iter().all(|byte| bytes.next() == Some(*byte))
        && matches!(bytes.next(), None | Some(b'/'))
}

/// The mounts in memory that are watched: one for each file system, and only what is not hidden behind a later mount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TmpfsMounts<'a> {
    /// In the order of mounting.
    pub watched: heapless::Vec<Entry<'a>, TMPFS_MOUNTS>,
    /// So many more than have room.
    pub beyond: u32,
}

impl<'a> TmpfsMounts<'a> {
    /// From the text of mountinfo.
    #[must_use]
    pub fn of(text: &'a [u8]) -> Self {
        let mut found = Self::default();
        for entry in entries(text) {
            found
                .watched
                .retain(|before| before.mount_point != entry.mount_point);
            if left_out(&entry).is_some()
                || found
                    .watched
                    .iter()
                    .any(|other| other.device == entry.device)
            {
                continue;
            }
            if found.watched.push(entry).is_err() {
                found.beyond = found.beyond.saturating_add(1);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn watched(text: &str) -> Vec<String> {
        TmpfsMounts::of(text.as_bytes())
            .watched
            .iter()
            .map(|entry| String::from_utf8(entry.mount_point.bytes().collect()).unwrap())
            .collect()
    }

    #[test]
    fn which_mounts_in_memory_are_watched() {
        let text = "22 1 254:0 / / rw - ext4 /dev/vda rw\n\
            23 22 0:6 / /dev rw - devtmpfs dev rw,size=12334460k\n\
            24 23 0:7 / /dev/shm rw - tmpfs tmpfs rw,size=24684084k\n\
            25 22 0:8 / /run rw - tmpfs tmpfs rw,size=400000k\n\
            26 25 0:9 / /run/lock rw - tmpfs tmpfs rw,size=5120k\n\
            27 22 0:10 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n\
            28 22 0:10 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
            29 25 0:11 / /run/credentials/a.service rw - ramfs ramfs rw\n\
            30 25 0:12 / /run/credentials/b.service rw - tmpfs tmpfs rw,size=1024k\n\
            31 22 0:13 / /tmp rw - tmpfs tmpfs rw\n\
            32 22 0:13 / /var/tmp rw - tmpfs tmpfs rw\n\
            33 22 0:14 / /var/lib/kubelet/pods/x/secret rw - tmpfs tmpfs rw,size=64000000k\n\
            34 25 0:15 / /run/user/1000 rw - tmpfs tmpfs rw,size=400000k\n";
        assert_eq!(
            watched(text),
            ["/dev/shm", "/run", "/tmp", "/run/user/1000"],
            "/var/tmp is /tmp again"
        );
        let hidden = format!(
            "{text}40 24 0:30 / /dev/shm rw - tmpfs tmpfs rw\n41 31 254:1 / /tmp rw - ext4 /dev/vdb rw\n"
        );
        assert_eq!(
            watched(&hidden),
            ["/run", "/run/user/1000", "/dev/shm"],
            "what is mounted over"
        );
    }

    #[test]
    fn each_reason() {
        let why = |line: &str| {
            let text = format!("{line}\n");
            entries(text.as_bytes())
                .next()
                .map(|entry| left_out(&entry))
        };
        let check = |line, expected| assert_eq!(why(line), Some(expected), "{line}");
        check("1 0 0:1 / / rw - ext4 a rw", Some(LeftOut::NotTmpfs));
        check("1 0 0:1 / /a rw - tmpfs a ro", Some(LeftOut::ReadOnly));
        check(
            "1 0 0:1 / /a rw - tmpfs a rw,size=8191k",
            Some(LeftOut::Tiny),
        );
        check("1 0 0:1 / /a rw - tmpfs a rw,size=8192k", None);
        check("1 0 0:1 / /dev rw - tmpfs a rw", Some(LeftOut::System));
        check("1 0 0:1 / /system rw - tmpfs a rw", None);
        check(
            "1 0 0:1 / /run/credentials/x rw - tmpfs a rw",
            Some(LeftOut::Credentials),
        );
        check(
            "1 0 0:1 / /var/lib/docker/x rw - tmpfs a rw",
            Some(LeftOut::Container),
        );
    }

    #[test]
    fn more_than_have_room_are_counted() {
        let text: String = (0..TMPFS_MOUNTS + 5)
            .map(|number| format!("1 0 0:{number} / /t{number} rw - tmpfs a rw\n"))
            .collect();
        let found = TmpfsMounts::of(text.as_bytes());
        assert_eq!((found.watched.len(), found.beyond), (TMPFS_MOUNTS, 5));
    }

    #[test]
    fn links_are_followed_up_to_what_may_hang() {
        let links = HashMap::from([
            ("/var/cache", "../data/cache"),
            ("/data/cache/app", "/nfs/app"),
            ("/round", "round"),
            ("/nfs/app", "/never/asked"),
        ]);
        let check = |path: &str, expected: &str| {
            let found = resolve(
                Path::new(path),
                |path| path.starts_with("/nfs"),
                |path| {
                    assert!(!path.starts_with("/nfs"), "asked what may hang");
                    links.get(path.to_str()?).map(PathBuf::from)
                },
            );
            assert_eq!(found, Path::new(expected));
        };
        check("/var/cache/other", "/data/cache/other");
        check("/var/cache/app/deep/../x", "/nfs/app/deep/../x");
        check("/var/./log//x", "/var/log/x");
        check("/../..", "/");
        check("/round/x", "/round/x");
        check("relative", "relative");
    }
}
