//! What the system does not allow ends in 77. Alone in its file: while another test starts a program, a copy of ours could
//! not be executed ("text file busy").
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod cli_common;

use cli_common::{ended, program};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Any user but root.
const NOBODY: u32 = 65_534;

#[test]
fn what_may_not_be_read_is_77() {
    // Where everybody may go: the folder of the build may be closed to others.
    let folder = Path::new("/tmp").join(format!("hansho-cli-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let config = folder.join("agent.toml");
    std::fs::write(&config, "config_version = 1\n").unwrap();
    std::fs::set_permissions(&config, PermissionsExt::from_mode(0o000)).unwrap();
    let binary = folder.join("hansho");
    let mut command = if std::fs::File::open(&config).is_ok() {
        // Root may read everything: the same program, but as nobody.
        std::fs::copy(env!("CARGO_BIN_EXE_hansho"), &binary).unwrap();
        let mut command = Command::new(&binary);
        command.uid(NOBODY);
        command
    } else {
        program()
    };
    let check = ended(command.args(["check", "--config"]).arg(&config), "");
    // A configuration that may be read, and rings that may not.
    let text = format!(
        "config_version = 1\n[spool]\nmemory_directory = \"{0}\"\ndirectory = \"{0}\"\n",
        folder.display()
    );
    let readable = folder.join("readable.toml");
    std::fs::write(&readable, text).unwrap();
    let ring = folder.join("memory.ring");
    std::fs::write(&ring, [0; 4096]).unwrap();
    std::fs::set_permissions(&ring, PermissionsExt::from_mode(0o000)).unwrap();
    let mut command = if binary.exists() {
        let mut command = Command::new(&binary);
        command.uid(NOBODY);
        command
    } else {
        program()
    };
    let replay = ended(command.args(["replay", "--against"]).arg(&readable), "");
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(check.code, 77, "{check:?}");
    assert!(check.err.contains("agent.toml"), "{}", check.err);
    assert_eq!(replay.code, 77, "{replay:?}");
    assert!(
        replay.err.contains("memory.ring: not allowed to read it"),
        "{}",
        replay.err
    );
}
