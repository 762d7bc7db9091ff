//! What a guest is made of and this repository does not have: Debian's packages. Programs must be installed; kernel and
//! userland of the guest are downloaded and unpacked, never installed.

use crate::process::{Failure, io_at, output, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs that must be there, each with the package that brings it and what it is for.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("qemu-system-x86_64", "qemu-system-x86", "runs the guests"),
    ("qemu-img", "qemu-utils", "makes their disks"),
    ("mkfs.ext4", "e2fsprogs", "makes their file systems"),
    ("postfix", "postfix", "takes the mails of the scenario oom"),
    ("python3", "python3", "reads them"),
    ("apt-get", "apt", "brings kernel and userland of the guests"),
    ("dpkg", "dpkg", "unpacks them"),
];
/// The package that names Debian's newest kernel for this processor.
const KERNEL: &str = "linux-image-amd64";
/// One static program for everything in the guest but hansho.
const USERLAND: &str = "busybox-static";

/// Kernel and userland, unpacked.
#[derive(Debug)]
pub(super) struct Unpacked {
    /// The kernel.
    pub(super) kernel: PathBuf,
    /// Its modules: `lib/modules/VERSION`.
    pub(super) modules: PathBuf,
    /// The static busybox.
    pub(super) busybox: PathBuf,
}

/// Where programs are looked for: the path, and where Debian has those of administrators.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(more)
        .any(|folder| folder.join(program).is_file())
}

/// Whether all programs are there.
///
/// # Errors
/// Those that are not, with the command that installs them.
pub(super) fn programs() -> Result<(), Failure> {
    let missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _, _)| !is_there(program))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what: Vec<String> = missing
        .iter()
        .map(|(program, _, purpose)| format!("{program} ({purpose})"))
        .collect();
    let packages: Vec<&str> = missing.iter().map(|(_, package, _)| *package).collect();
    Err(Failure::Missing {
        what: what.join(", "),
        install: format!(
            "apt-get install --no-install-recommends {}",
            packages.join(" ")
        ),
    })
}

/// Kernel and userland from `folder`; downloaded into it where they are not there yet.
///
/// # Errors
/// A package cannot be had or unpacked, or does not have what it must.
pub(super) fn unpacked(folder: &Path) -> Result<Unpacked, Failure> {
    let root = folder.join("root");
    if let Some(found) = found(&root) {
        return Ok(found);
    }
    let debs = folder.join("deb");
    fs::create_dir_all(&debs).map_err(io_at(debs.display().to_string()))?;
    let depends = output(Command::new("apt-cache").args(["depends", "--important", KERNEL]))?;
    let Some(kernel) = kernel_of(&depends) else {
        return Err(Failure::Missing {
            what: format!("the package {KERNEL}, which names Debian's kernel,"),
            install: "apt-get update".to_owned(),
        });
    };
    run(Command::new("apt-get")
        .args(["download", kernel, USERLAND])
        .current_dir(&debs))?;
    for entry in fs::read_dir(&debs).map_err(io_at(debs.display().to_string()))? {
        let path = entry.map_err(io_at(debs.display().to_string()))?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            run(Command::new("dpkg").arg("--extract").arg(&path).arg(&root))?;
        }
    }
    found(&root).ok_or_else(|| {
        Failure::Check(format!(
            "{kernel} and {USERLAND}, unpacked to {}, have no kernel, modules and busybox",
            root.display()
        ))
    })
}

/// The package on which the one that names the kernel depends, from `apt-cache depends`.
fn kernel_of(depends: &str) -> Option<&str> {
    depends
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .find(|package| package.starts_with("linux-image-"))
}

fn found(root: &Path) -> Option<Unpacked> {
    let kernel = only(&root.join("boot"), "vmlinuz-")?;
    let modules = only(&root.join("lib/modules"), "")?;
    let busybox = root.join("bin/busybox");
    busybox.is_file().then_some(Unpacked {
        kernel,
        modules,
        busybox,
    })
}

/// The last entry of a folder, by name, that begins so.
fn only(folder: &Path, begins: &str) -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(begins))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found.pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_what_the_naming_package_depends_on() {
        let text = "linux-image-amd64\n  Depends: linux-image-6.1.0-56-amd64\n";
        assert_eq!(kernel_of(text), Some("linux-image-6.1.0-56-amd64"));
        assert_eq!(kernel_of("W: nothing\n"), None);
    }

    #[test]
    fn a_program_that_is_nowhere_is_missing() {
        assert!(is_there("sh"));
        assert!(!is_there("no-such-program-of-ours"));
    }
}
