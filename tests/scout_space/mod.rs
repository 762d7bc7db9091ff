//! What the tests of directories, file systems and services share: a folder of their own, and mounts of their own.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by several tests, each of which uses a part; a test that fails may panic"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder, gone with the value.
#[derive(Debug)]
pub struct Folder(PathBuf);

static FOLDERS: AtomicU32 = AtomicU32::new(0);

impl Folder {
    pub fn new() -> Self {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("space-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// A file, with the folders above it.
    pub fn write(&self, name: impl AsRef<Path>, contents: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    pub fn folder(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

/// Says that a test does not run here, and why.
pub fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

/// True where we may mount in a namespace of our own.
pub fn may_mount() -> bool {
    Command::new("unshare")
        .args(["-m", "true"])
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs `script` in a mount namespace of its own, and then the test `name` of this program there, which finds `value` in
/// the variable `role`. The mounts go with it.
pub fn among_mounts(script: &str, name: &str, role: &str, value: &Path) {
    let program = std::env::current_exe().unwrap();
    let status = Command::new("unshare")
        .args(["-m", "sh", "-e", "-c"])
        .arg(format!(
            "cd \"${role}\"; {script}; exec \"$0\" --exact \"$1\" --nocapture"
        ))
        .arg(program)
        .arg(name)
        .env(role, value)
        .status()
        .unwrap();
    assert!(status.success(), "{name} among mounts: {status}");
}
