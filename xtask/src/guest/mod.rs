//! `cargo xtask guest`: what only a machine of our own shows. `packages` brings kernel and userland, `initramfs` makes
//! the guest's first file system; the scenarios are tests (`tests/guest`), each with its figures in a file.

mod initramfs;
mod packages;

use crate::Subcommand;
use crate::cross;
use crate::process::{Failure, cargo, io_at, root, run};
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "guest",
    summary: "boot the agent in machines of our own (QEMU): reboots, a snapshot rolled back, a clone, a real OOM kill",
    help: "usage: cargo xtask guest [--scenario NAME]... [--json]

Boots Debian's kernel under qemu-system-x86_64 (software emulation), with busybox and the static
agent, against a real collector on this host. Starts and ends everything by itself; ports are the
system's choice. Without --scenario all are played, at once: 20 to 30 minutes on two processors.
  --scenario NAME  only this one (may be given more than once):
                   reboot   in order, by reset, by a panic of the kernel, by a watchdog; none is missed
                   silent   a reset after which the host stays away until people are told
                   rollback a snapshot of memory and disk is loaded after alerts were stored
                   clone    a copy of the disk boots beside the original
                   twin     a copy of memory and disk goes on beside the original
                   oom      a leak up to the kernel's OOM kill, with mails in a Maildir
                   clock    less than 64 MiB, and a clock that begins at 1970 and is set later
  --json           the last line of the output is one object: a member a scenario, with what was seen

Needs Debian's packages qemu-system-x86 and qemu-utils, for oom postfix and python3 (and root, which
Postfix is started as); what is missing is said, exit code 69. Kernel (linux-image-amd64) and
busybox-static are downloaded and unpacked under target/guest/packages, not installed. Logs and
answers of each scenario stay in target/guest/NAME.",
    run: from_command_line,
};

/// The scenarios, as the tests are called.
const SCENARIOS: &[&str] = &[
    "reboot", "silent", "rollback", "clone", "twin", "oom", "clock",
];
/// What the guest runs.
const TARGET: &str = "x86_64-unknown-linux-musl";

fn from_command_line(arguments: &mut lexopt::Parser) -> Result<(), Failure> {
    use lexopt::prelude::{Long, Short, ValueExt as _};
    let (mut wanted, mut json) = (Vec::new(), false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('h') | Long("help") => return Err(Failure::Help),
            Long("scenario") => {
                let name = arguments.value()?.string()?;
                if !SCENARIOS.contains(&name.as_str()) {
                    let known = SCENARIOS.join(", ");
                    return Err(Failure::Usage(format!(
                        "no scenario '{name}'; there are {known}"
                    )));
                }
                wanted.push(name);
            }
            Long("json") => json = true,
            other => return Err(other.unexpected().into()),
        }
    }
    if wanted.is_empty() {
        wanted = SCENARIOS.iter().map(|name| (*name).to_owned()).collect();
    }
    guest(&wanted, json)
}

fn guest(wanted: &[String], json: bool) -> Result<(), Failure> {
    packages::programs()?;
    let folder = root().join("target/guest");
    let unpacked = packages::unpacked(&folder.join("packages"))?;
    let initramfs = folder.join("initramfs.cpio");
    initramfs::write(&unpacked, &initramfs)?;
    run(cargo().args([
        "build",
        "--quiet",
        "--locked",
        "--package",
        "hansho-collector",
    ]))?;
    cross::build_named(TARGET)?;
    for name in wanted {
        forget(&folder.join(name))?;
    }
    let mut tests = cargo();
    tests.args([
        "test",
        "--locked",
        "--package",
        "hansho",
        "--test",
        "guest",
        "--",
    ]);
    tests.args(["--exact", "--nocapture"]);
    tests.arg(format!("--test-threads={}", wanted.len()));
    tests.args(wanted);
    tests
        .env("HANSHO_GUEST_KERNEL", &unpacked.kernel)
        .env("HANSHO_GUEST_INITRAMFS", &initramfs)
        .env(
            "HANSHO_GUEST_AGENT",
            root().join("target/cross").join(TARGET),
        )
        .env("HANSHO_GUEST_FOLDER", &folder);
    let played = run(&mut tests);
    let seen = seen(&folder, wanted)?;
    if json {
        println!("{}", Value::Object(seen));
    } else {
        for (name, figures) in &seen {
            println!("{name}: {figures}");
        }
    }
    played
}

/// Removes what a scenario left the time before.
fn forget(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(io_at(folder.display().to_string())(error))
        }
        _ => Ok(()),
    }
}

/// What each scenario wrote down; null for one that did not come to its end.
fn seen(folder: &Path, wanted: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut all = Map::new();
    for name in wanted {
        let path = folder.join(name).join("seen.json");
        let figures = match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)
                .map_err(|error| Failure::Check(format!("{}: {error}", path.display())))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Value::Null,
            Err(error) => return Err(io_at(path.display().to_string())(error)),
        };
        all.insert(name.clone(), figures);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_scenario_is_refused_with_those_that_there_are() {
        let mut words = lexopt::Parser::from_args(["--scenario", "flood"]);
        let failure = from_command_line(&mut words).unwrap_err();
        assert_eq!(failure.exit_code(), 64);
        assert!(failure.to_string().contains("rollback"));
    }
}
