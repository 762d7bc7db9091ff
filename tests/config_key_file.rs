//! The key file on a real file system.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use hansho::config::key_file::read;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A directory of the test's own, removed when it ends.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: &[u8], mode: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Left behind it only costs room in the build's own directory.
        drop(fs::remove_dir_all(&self.0));
    }
}

fn line() -> Vec<u8> {
    format!("hansho1 0123456789abcdef 3 {KEY}\n").into_bytes()
}

#[test]
fn a_file_of_its_owner_alone_is_read() {
    let directory = Directory::new("key-good");
    for mode in [0o600, 0o400] {
        let key = read(&directory.file("agent.key", &line(), mode)).unwrap();
        assert_eq!(key.agent_id, 0x0123_4567_89ab_cdef);
        assert_eq!(key.key_epoch, 3);
        assert_eq!(key.key[..4], [0, 1, 2, 3]);
        fs::remove_file(directory.0.join("agent.key")).unwrap();
    }
}

#[test]
fn access_of_others_is_refused_with_the_command_that_mends_it() {
    let directory = Directory::new("key-open");
    for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644] {
        let path = directory.file("agent key", &line(), mode);
        let error = read(&path).unwrap_err().to_string();
        let shown = path.display();
        assert_eq!(
            error,
            format!(
                "{shown}:0: mode: found mode {mode:04o}: others than its owner have access to the key; \
                 allowed mode 0600: run chmod 600 '{shown}'"
            )
        );
        // The command does mend it.
        let command = error.split("run ").nth(1).unwrap();
        let status = std::process::Command::new("sh")
            .arg("-c")
            .arg(command)
            .status()
            .unwrap();
        assert!(status.success());
        assert!(read(&path).is_ok());
    }
}

#[test]
fn what_is_no_key_file_is_refused() {
    let directory = Directory::new("key-other");
    let told = |path: &Path| read(path).unwrap_err().to_string();
    let missing = told(&directory.0.join("none"));
    assert!(
        missing.ends_with(
            "none: there is no such file; needed: the agent's key file; hansho-collector agent add writes it"
        ),
        "{missing}"
    );
    fs::set_permissions(&directory.0, Permissions::from_mode(0o700)).unwrap();
    let not_a_file = told(&directory.0);
    assert!(
        not_a_file.ends_with("found something else than a regular file; allowed a regular file")
    );
    // A pipe that nobody writes to must not hold the reader up.
    let pipe = directory.0.join("pipe");
    let status = std::process::Command::new("mkfifo")
        .arg("-m")
        .arg("600")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(status.success());
    assert!(
        told(&pipe).ends_with("found something else than a regular file; allowed a regular file")
    );
    let large = told(&directory.file("large", &[b'a'; 4097], 0o600));
    assert!(
        large.ends_with("file: found a file larger than 4KiB; allowed at most 4KiB"),
        "{large}"
    );
    let short = told(&directory.file("short", b"hansho1 0123456789abcdef 3 0011\n", 0o600));
    assert!(
        short.ends_with(":1: key: found 4 hexadecimal digits; allowed 64 hexadecimal digits"),
        "{short}"
    );
    assert!(!format!("{:?}", read(&directory.file("good", &line(), 0o600))).contains("0102"));
}
