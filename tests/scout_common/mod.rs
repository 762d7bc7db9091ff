//! What the tests of the scout and its bench share: a tree like `/proc`, made by them.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by several tests, each of which uses a part; a test that fails may panic"
)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A root with a `proc`, gone with the value.
#[derive(Debug)]
pub struct Tree(PathBuf);

static TREES: AtomicU32 = AtomicU32::new(0);

/// One process of it.
#[derive(Clone, Copy, Debug)]
pub struct Fake<'a> {
    pub name: &'a [u8],
    pub state: char,
    pub parent: u32,
    pub cpu_ticks: u64,
    pub start_ticks: u64,
    pub resident_pages: u64,
    pub shared_pages: u64,
    pub swap_kib: u64,
    pub cgroup: &'a str,
}

impl Default for Fake<'_> {
    fn default() -> Self {
        Self {
            name: b"app",
            state: 'S',
            parent: 1,
            cpu_ticks: 0,
            start_ticks: 100,
            resident_pages: 50,
            shared_pages: 25,
            swap_kib: 0,
            cgroup: "0::/system.slice/app.service\n",
        }
    }
}

/// `stat` as the kernel writes it.
pub fn stat(pid: u32, fake: &Fake<'_>) -> Vec<u8> {
    let mut text = format!("{pid} (").into_bytes();
    text.extend_from_slice(fake.name);
    text.extend_from_slice(
        format!(
            ") {} {} 1 1 0 -1 4194560 0 0 0 0 {} 0 0 0 20 0 1 0 {} 1000000 {} 0\n",
            fake.state, fake.parent, fake.cpu_ticks, fake.start_ticks, fake.resident_pages
        )
        .as_bytes(),
    );
    text
}

impl Tree {
    pub fn new() -> Self {
        Self::under(Path::new(env!("CARGO_TARGET_TMPDIR")))
    }

    /// One in this directory.
    pub fn under(directory: &Path) -> Self {
        let number = TREES.fetch_add(1, Ordering::Relaxed);
        Self::at(directory.join(format!("scout-{}-{number}", std::process::id())))
    }

    /// In a folder that may be there already.
    pub fn at(root: PathBuf) -> Self {
        fs::create_dir_all(root.join("proc")).unwrap();
        Self(root)
    }

    pub fn root(&self) -> &Path {
        &self.0
    }

    /// `proc/NAME`.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join("proc").join(name)
    }

    /// Memory and swap of the host.
    pub fn meminfo(&self, swap_used_kib: u64) {
        let text = format!(
            "MemTotal: 1000000 kB\nMemAvailable: 500000 kB\nSwapTotal: 1000 kB\nSwapFree: {} kB\n",
            1000_u64.saturating_sub(swap_used_kib)
        );
        fs::write(self.path("meminfo"), text).unwrap();
    }

    /// A process, made or changed.
    pub fn process(&self, pid: u32, fake: &Fake<'_>) {
        self.folder(&pid.to_string(), pid, fake);
    }

    /// The files of a process under any name.
    pub fn folder(&self, name: &str, pid: u32, fake: &Fake<'_>) {
        let folder = self.path(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("stat"), stat(pid, fake)).unwrap();
        let statm = format!(
            "9000 {} {} 1 0 1 0\n",
            fake.resident_pages, fake.shared_pages
        );
        fs::write(folder.join("statm"), statm).unwrap();
        let status = format!(
            "Name:\tx\nUid:\t1000\t1000\t1000\t1000\nVmSwap:\t{:8} kB\n",
            fake.swap_kib
        );
        fs::write(folder.join("status"), status).unwrap();
        fs::write(folder.join("cgroup"), fake.cgroup).unwrap();
        fs::write(folder.join("oom_score_adj"), "-17\n").unwrap();
    }

    /// Processes that are all like `template`, a folder of [`Tree::folder`] whose name is no number.
    pub fn like(&self, template: &str, pids: impl Iterator<Item = u32>) {
        for pid in pids {
            symlink(template, self.path(pid.to_string())).unwrap();
        }
    }

    pub fn end(&self, pid: u32) {
        let path = self.path(pid.to_string());
        if path.is_symlink() {
            fs::remove_file(path).unwrap();
        } else {
            fs::remove_dir_all(path).unwrap();
        }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}
