//! The guest's first file system: busybox, the modules that it needs, and the scripts of `tests/guest/root`, as a cpio
//! archive (Documentation/driver-api/early-userspace/buffer-format.rst: the format `newc`).

use super::packages::Unpacked;
use crate::process::{Failure, io_at};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules that a guest loads, and those that they depend on. `crc32c_generic` is asked for by name only when ext4 is mounted.
const MODULES: &[&str] = &[
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "crc32c_generic",
    "ext4",
    "i6300esb",
];
/// Folders of the archive; `disk` is where the guest's disk is mounted.
const FOLDERS: &[&str] = &[
    "bin", "dev", "disk", "etc", "modules", "proc", "run", "sys", "tmp",
];
/// Programs that scripts and scenarios call.
const APPLETS: &[&str] = &[
    "awk", "cat", "chown", "cp", "date", "echo", "hostname", "ifconfig", "insmod", "kill", "mount",
    "pidof", "poweroff", "reboot", "rm", "route", "sh", "sleep", "sort", "head", "stty", "sync",
    "tr", "umount", "uptime", "watchdog",
];
/// Scripts and tables, to `etc`.
const FILES: &[(&str, &str)] = &[
    ("inittab", include_str!("../../../tests/guest/root/inittab")),
    ("rc", include_str!("../../../tests/guest/root/rc")),
    ("agent", include_str!("../../../tests/guest/root/agent")),
    (
        "commands",
        include_str!("../../../tests/guest/root/commands"),
    ),
    ("leak", include_str!("../../../tests/guest/root/leak")),
    ("stop", include_str!("../../../tests/guest/root/stop")),
];

/// File types and permissions (inode(7)).
const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const LINK: u32 = 0o120_777;

/// Writes the archive.
///
/// # Errors
/// A module is neither in the kernel nor beside it, or a file cannot be read or written.
pub(super) fn write(unpacked: &Unpacked, to: &Path) -> Result<(), Failure> {
    let mut archive = Archive::default();
    for folder in FOLDERS {
        archive.entry(folder, FOLDER, &[]);
    }
    archive.entry("bin/busybox", PROGRAM, &read(&unpacked.busybox)?);
    archive.entry("init", LINK, b"/bin/busybox");
    for applet in APPLETS {
        archive.entry(&format!("bin/{applet}"), LINK, b"busybox");
    }
    for (name, text) in FILES {
        archive.entry(&format!("etc/{name}"), PROGRAM, text.as_bytes());
    }
    let mut order = String::new();
    for path in modules(&unpacked.modules)? {
        let name = file_name(&path);
        archive.entry(&format!("modules/{name}"), PROGRAM, &read(&path)?);
        order.push_str(&name);
        order.push('\n');
    }
    archive.entry("etc/modules", PROGRAM, order.as_bytes());
    archive.entry("TRAILER!!!", 0, &[]);
    fs::write(to, archive.bytes).map_err(io_at(to.display().to_string()))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(io_at(path.display().to_string()))
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// An archive that grows.
#[derive(Debug, Default)]
struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.entries = self.entries.saturating_add(1);
        let links = 1;
        let fields = [
            u64::from(self.entries),
            u64::from(mode),
            0,
            0,
            links,
            0,
            content.len() as u64,
            0,
            0,
            0,
            0,
            // With its zero byte.
            (name.len() as u64).saturating_add(1),
            0,
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    /// Headers and contents begin at multiples of four.
    fn pad(&mut self) {
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
    }
}

/// The modules that must be loaded, each after those that it depends on.
fn modules(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = BTreeMap::new();
    list(&folder.join("kernel"), &mut files)?;
    let built_in = folder.join("modules.builtin");
    let built_in = fs::read_to_string(&built_in).map_err(io_at(built_in.display().to_string()))?;
    let built_in: Vec<String> = built_in
        .lines()
        .map(|line| module_name(Path::new(line)))
        .collect();
    let mut order = Vec::new();
    for name in MODULES {
        add(name, &files, &built_in, &mut order)?;
    }
    Ok(order)
}

fn list(folder: &Path, files: &mut BTreeMap<String, PathBuf>) -> Result<(), Failure> {
    let place = || io_at(folder.display().to_string());
    for entry in fs::read_dir(folder).map_err(place())? {
        let path = entry.map_err(place())?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "ko") {
            files.insert(module_name(&path), path);
        }
    }
    Ok(())
}

/// Dashes and underscores are one to modprobe(8).
fn module_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().replace('-', "_")
}

fn add(
    name: &str,
    files: &BTreeMap<String, PathBuf>,
    built_in: &[String],
    order: &mut Vec<PathBuf>,
) -> Result<(), Failure> {
    let Some(path) = files.get(name) else {
        if built_in.iter().any(|known| known == name) {
            return Ok(());
        }
        return Err(Failure::Check(format!("the kernel has no module {name}")));
    };
    if order.contains(path) {
        return Ok(());
    }
    for needed in depends(&read(path)?) {
        add(&needed, files, built_in, order)?;
    }
    order.push(path.clone());
    Ok(())
}

/// What a module depends on, as its section `.modinfo` says: `depends=a,b`, strings that end with a zero byte.
fn depends(module: &[u8]) -> Vec<String> {
    module
        .split(|byte| *byte == 0)
        .find_map(|text| text.strip_prefix(b"depends="))
        .map(|names| String::from_utf8_lossy(names).replace('-', "_"))
        .unwrap_or_default()
        .split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_depends_on_stands_in_it() {
        let module = b"\x7fELF\0\0license=GPL\0depends=virtio-ring,net_failover\0name=x\0";
        assert_eq!(depends(module), ["virtio_ring", "net_failover"]);
        assert!(depends(b"\0depends=\0").is_empty());
        assert!(depends(b"nothing").is_empty());
    }

    #[test]
    fn an_archive_has_names_and_sizes_where_the_kernel_reads_them() {
        let mut archive = Archive::default();
        archive.entry("etc", FOLDER, &[]);
        archive.entry("etc/word", PROGRAM, b"seven");
        archive.entry("init", LINK, b"/bin/busybox");
        archive.entry("TRAILER!!!", 0, &[]);
        assert!(archive.bytes.len().is_multiple_of(4));
        let word = b"etc/word\0";
        let mut places = archive.bytes.windows(word.len());
        let place = places.position(|window| window == word).unwrap();
        // Thirteen fields of eight digits after the magic; the seventh is the size of the content, the twelfth of the name.
        let header = archive.bytes.get(place - 110..place).unwrap();
        assert!(header.starts_with(b"070701"));
        assert_eq!(header.get(54..62), Some(&b"00000005"[..]));
        assert_eq!(header.get(94..102), Some(&b"00000009"[..]));
    }
}
