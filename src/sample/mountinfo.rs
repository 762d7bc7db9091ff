//! What is mounted where: `/proc/PID/mountinfo` (proc_pid_mountinfo(5)).
//!
//! Pure and without memory of its own: an [`Entry`] borrows from the text. Names in it are whatever somebody mounted: blanks,
//! newlines and backslashes are written as three octal digits by the kernel, all other bytes as they are.

use super::text::{lines, whole_number};

/// Kinds of file systems whose server or driver is another machine or another program, which may never answer.
const MAY_HANG: [&[u8]; 20] = [
    b"9p",
    b"afs",
    b"autofs",
    b"beegfs",
    b"ceph",
    b"cifs",
    b"coda",
    b"fuse",
    b"fuseblk",
    b"gfs2",
    b"gpfs",
    b"lustre",
    b"ncpfs",
    b"nfs",
    b"nfs4",
    b"ocfs2",
    b"orangefs",
    b"smb3",
    b"smbfs",
    b"virtiofs",
];

/// A name as the kernel writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escaped<'a>(&'a [u8]);

impl<'a> Escaped<'a> {
    /// From the text of the kernel.
    #[must_use]
    pub const fn new(text: &'a [u8]) -> Self {
        Self(text)
    }

    /// The bytes that are meant. A backslash without three octal digits of one byte behind it stands for itself.
    pub fn bytes(self) -> impl Iterator<Item = u8> + 'a {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            if let Some((byte, tail)) = octal(rest) {
                rest = tail;
                return Some(byte);
            }
            let (byte, tail) = rest.split_first()?;
            rest = tail;
            Some(*byte)
        })
    }

    /// Whether these bytes are meant.
    #[must_use]
    pub fn is(self, bytes: &[u8]) -> bool {
        self.bytes().eq(bytes.iter().copied())
    }

    /// Where the name is a folder, whether the absolute path `path` is that folder or below it; then how long the name is.
    #[must_use]
    pub fn covers(self, path: &[u8]) -> Option<usize> {
        let mut rest = path;
        let mut length = 0_usize;
        let mut last = 0;
        for byte in self.bytes() {
            let (next, tail) = rest.split_first()?;
            if *next != byte {
                return None;
            }
            rest = tail;
            last = byte;
            length = length.saturating_add(1);
        }
        let ends_a_part = last == b'/' || matches!(rest.first(), None | Some(b'/'));
        (length > 0 && ends_a_part).then_some(length)
    }

    /// Copies what is meant to the head of `into`; `None` where it has no room.
    #[must_use]
    pub fn copy(self, into: &mut [u8]) -> Option<&[u8]> {
        let mut length = 0_usize;
        for byte in self.bytes() {
            *into.get_mut(length)? = byte;
            length = length.checked_add(1)?;
        }
        into.get(..length)
    }
}

/// A backslash and three octal digits at the head of `bytes`.
fn octal(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (head, tail) = bytes.split_first_chunk::<4>()?;
    let [b'\\', digits @ ..] = head else {
        return None;
    };
    let mut value = 0_u32;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        value = value.checked_mul(8)?.checked_add(u32::from(digit))?;
    }
    Some((u8::try_from(value).ok()?, tail))
}

/// One mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its number, which a later mount may be given again.
    pub mount_id: u64,
    /// The mount that it is mounted on.
    pub parent_id: u64,
    /// Major and minor number of the file system: mounts of the same one have the same.
    pub device: (u32, u32),
    /// What of the file system is mounted here: `/`, or a folder of it (bind mount, subvolume).
    pub root: Escaped<'a>,
    /// Where it is mounted.
    pub mount_point: Escaped<'a>,
    /// Options of this mount, divided by commas.
    pub options: &'a [u8],
    /// The kind of file system: `ext4`, `tmpfs`, `fuse.sshfs` …
    pub kind: &'a [u8],
    /// What is mounted: a device, `server:/path`, or any word.
    pub source: Escaped<'a>,
    /// Options of the file system, divided by commas.
    pub super_options: &'a [u8],
}

impl<'a> Entry<'a> {
    /// True where nothing can be written: by this mount's options or by the file system's.
    ///
    /// ext4 says so in its own words where an error made it read-only: since Linux 6.12 it does not turn the flag that
    /// statfs(2) shows, but has the option `emergency_ro`, or `shutdown`.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        has(self.options, b"ro")
            || [&b"ro"[..], b"emergency_ro", b"shutdown"]
                .iter()
                .any(|word| has(self.super_options, word))
    }

    /// True where another machine or another program answers for the file system.
    #[must_use]
    pub fn may_hang(&self) -> bool {
        self.kind.starts_with(b"fuse.") || MAY_HANG.contains(&self.kind)
    }

    /// One number for the file system: what its mounts have in common.
    #[must_use]
    pub const fn device_key(&self) -> u64 {
        let (major, minor) = self.device;
        // Lossless: u64::from is not const.
        ((major as u64) << 32) | minor as u64
    }

    /// The option `size=` of a tmpfs in KiB; absent where none is shown, which is half of the memory (tmpfs(5)).
    #[must_use]
    pub fn size_kib(&self) -> Option<u64> {
        let size = options(self.super_options).find_map(|word| word.strip_prefix(b"size="))?;
        whole_number(size.strip_suffix(b"k")?)
    }
}

fn options(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b',')
}

fn has(list: &[u8], word: &[u8]) -> bool {
    options(list).any(|option| option == word)
}

/// Reads one line, without its newline; `None` where it is no record.
#[must_use]
pub fn entry(line: &[u8]) -> Option<Entry<'_>> {
    // Every field stands between single blanks, so that an empty source is a field too.
    let mut fields = line.split(|&byte| byte == b' ');
    let mount_id = whole_number(fields.next()?)?;
    let parent_id = whole_number(fields.next()?)?;
    let mut device = fields.next()?.splitn(2, |&byte| byte == b':');
    let mut part = || u32::try_from(whole_number(device.next()?)?).ok();
    let device = (part()?, part()?);
    let root = Escaped(fields.next()?);
    let mount_point = Escaped(fields.next().filter(|point| point.starts_with(b"/"))?);
    let options = fields.next()?;
    // Any number of tags, then a dash.
    fields.by_ref().find(|field| *field == b"-")?;
    let kind = fields.next().filter(|kind| !kind.is_empty())?;
    let source = Escaped(fields.next()?);
    let super_options = fields.next()?;
    Some(Entry {
        mount_id,
        parent_id,
        device,
        root,
        mount_point,
        options,
        kind,
        source,
        super_options,
    })
}

/// All mounts of the text, in its order, which is that of mounting. Lines that are no record are left out, and so is the last one
/// where it is cut.
pub fn entries(text: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    lines(text).filter_map(entry)
}

/// The mount that an absolute path without links and without `..` is on: the one with the longest mount point, and of several
/// at the same the last. A mount that lies hidden below a later one over a folder above it is taken for the visible one.
#[must_use]
pub fn mount_of<'a>(text: &'a [u8], path: &[u8]) -> Option<Entry<'a>> {
    let mut best: Option<(usize, Entry<'_>)> = None;
    for entry in entries(text) {
        if let Some(length) = entry.mount_point.covers(path)
            && best.is_none_or(|(longest, _)| length >= longest)
        {
            best = Some((length, entry));
        }
    }
    best.map(|(_, entry)| entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n\
        31 27 0:28 / /srv/with\\040blank rw,nosuid shared:1 master:2 - nfs4 server:/ex\\134port rw,vers=4.2\n\
        32 27 0:29 /sub /mnt ro - tmpfs  rw,size=4096k\n\
        33 32 0:30 / /mnt rw - tmpfs none ro\n";

    #[test]
    fn fields() {
        let found: [Entry<'_>; 4] = {
            let mut all = entries(TEXT);
            core::array::from_fn(|_| all.next().unwrap())
        };
        assert_eq!(found[0].device, (254, 0));
        assert_eq!(found[0].kind, b"ext4");
        assert!(!found[0].is_read_only() && !found[0].may_hang());
        assert!(found[1].mount_point.is(b"/srv/with blank"));
        assert!(found[1].source.is(b"server:/ex\\port"));
        assert!(found[1].may_hang());
        assert!(found[2].source.is(b""), "an empty source is a field");
        assert_eq!(found[2].size_kib(), Some(4096));
        assert!(found[2].is_read_only(), "this mount");
        assert!(found[3].is_read_only(), "the file system");
        assert_eq!(found[3].parent_id, 32);
        assert_eq!(found[1].device_key(), 28);
    }

    #[test]
    fn an_ext4_that_gave_up_is_read_only() {
        let text = b"27 1 254:0 / / rw - ext4 /dev/vda rw,emergency_ro,errors=remount-ro\n";
        assert!(entries(text).all(|entry| entry.is_read_only()));
        let text = b"27 1 254:0 / / rw - ext4 /dev/vda rw,errors=remount-ro\n";
        assert!(!entries(text).any(|entry| entry.is_read_only()));
    }

    #[test]
    fn where_a_path_is() {
        let id = |path: &[u8]| mount_of(TEXT, path).map(|entry| entry.mount_id);
        assert_eq!(id(b"/"), Some(27));
        assert_eq!(id(b"/mnt2"), Some(27), "a part of a name is no folder");
        assert_eq!(id(b"/mnt"), Some(33), "the last of two");
        assert_eq!(id(b"/mnt/a/b"), Some(33));
        assert_eq!(id(b"/srv/with blank/x"), Some(31));
        assert_eq!(id(b"relative"), None);
        assert_eq!(id(b""), None);
    }

    #[test]
    fn what_is_no_record_is_left_out() {
        for line in [
            &b"27 1 254:0 / / rw,relatime ext4 /dev/vda rw"[..],
            b"27 1 254 / / rw - ext4 /dev/vda rw",
            b"27 1 254:0 / nowhere rw - ext4 /dev/vda rw",
            b"27 1 254:0 / / rw - ext4 /dev/vda",
            b"x 1 254:0 / / rw - ext4 /dev/vda rw",
            b"27 1 4294967296:0 / / rw - ext4 /dev/vda rw",
            b"",
        ] {
            assert_eq!(entry(line), None);
        }
        let cut = TEXT.strip_suffix(b"\n").unwrap();
        assert_eq!(entries(cut).count(), 3);
    }

    #[test]
    fn escapes() {
        let check = |text: &[u8], meant: &[u8]| {
            assert!(Escaped::new(text).is(meant), "{}", text.escape_ascii());
            let mut room = [0; 16];
            assert_eq!(Escaped::new(text).copy(&mut room), Some(meant));
        };
        check(b"a\\040\\011\\012\\134b", b"a \t\n\\b");
        check(b"\\04", b"\\04");
        check(b"\\048", b"\\048");
        check(b"\\777", b"\\777");
        check(b"\\\\040", b"\\ ");
        check(b"\\377\\000", b"\xFF\0");
        assert_eq!(Escaped::new(b"four").copy(&mut [0; 3]), None);
    }
}
