//! `cargo xtask cross TARGET|all`: static binaries for other machines.
//!
//! `target` reads cross/TARGET.toml, `toolchain` finds what can compile for it, `build` (here) does so, and
//! `prove` runs the result, under emulation where the processor is another.

mod elf;
mod prove;
mod target;
mod toolchain;

use crate::Subcommand;
use crate::process::{Failure, Stream, io_at, root, tee};
use std::fs;
use std::path::PathBuf;
use std::time::Instant;
use target::Target;
use toolchain::Toolchain;

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "cross",
    summary: "build static binaries of the agent for another machine, and prove that they run",
    help: "usage: cargo xtask cross TARGET|all [--bin NAME]... [--offline] [--prove]
       cargo xtask cross --list

Builds the release binaries of the agent for TARGET, one of the files in cross/, and copies
them to target/cross/TARGET/.
  --bin NAME   only this binary (may be given more than once)
  --offline    touch no network: everything must have been fetched by an earlier build
  --prove      also check that each binary is for that processor and static, and let `hansho
               sample` read this machine with it, under qemu where the processor is another
  --list       print the targets

What compiles: the toolchain in use where it has the target (`rustup target add TARGET`); else
std is built from source by the toolchain in use (`rustup component add rust-src`) or by
Debian's (`apt-get install --no-install-recommends rustc-web cargo-web rust-web-src`). Linker
and C compiler are zig's, from PyPI, kept in ${XDG_CACHE_HOME:-~/.cache}/hansho-cross.",
    run: from_command_line,
};

/// What of a target is built, and how.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Names of binaries; all where empty.
    bins: Vec<String>,
    /// No network.
    offline: bool,
}

/// A binary that was built.
#[derive(Debug)]
pub(crate) struct Binary {
    /// Its name without a folder.
    pub(crate) name: String,
    /// Where it lies: target/cross/TARGET/NAME.
    pub(crate) path: PathBuf,
    /// Its size in bytes.
    pub(crate) bytes: u64,
}

fn from_command_line(arguments: &mut lexopt::Parser) -> Result<(), Failure> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};
    let mut wanted: Option<String> = None;
    let mut options = Options::default();
    let mut proof = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('h') | Long("help") => return Err(Failure::Help),
            Long("bin") => options.bins.push(arguments.value()?.string()?),
            Long("offline") => options.offline = true,
            Long("prove") => proof = true,
            Long("list") => {
                for name in target::names()? {
                    println!("{name}");
                }
                return Ok(());
            }
            Value(name) if wanted.is_none() => wanted = Some(name.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let names = match wanted.as_deref() {
        None => {
            return Err(Failure::Usage(
                "which TARGET? `cargo xtask cross --list`".to_owned(),
            ));
        }
        Some("all") => target::names()?,
        Some(name) => vec![name.to_owned()],
    };
    for name in names {
        let target = Target::read(&name)?;
        let binaries = build(&target, &options)?;
        if proof {
            prove::prove(&target, &binaries)?;
        }
    }
    Ok(())
}

/// Builds the agent's binaries for the target of that name, as `cargo xtask cross NAME` does.
///
/// # Errors
/// There is no such target, or as [`build`].
pub(crate) fn build_named(name: &str) -> Result<(), Failure> {
    build(&Target::read(name)?, &Options::default()).map(drop)
}

/// Builds the agent's binaries for `target` and copies them to target/cross/TARGET/.
///
/// # Errors
/// No toolchain can compile for it (the message names the package), the build failed, or the copy did.
pub(crate) fn build(target: &Target, options: &Options) -> Result<Vec<Binary>, Failure> {
    let started = Instant::now();
    let toolchain = Toolchain::find(target)?;
    println!("cross {}: {}", target.name, toolchain.shown());
    let mut command = toolchain.command(target, options.offline)?;
    command.args(["--package", "hansho"]);
    if options.bins.is_empty() {
        command.arg("--bins");
    }
    for name in &options.bins {
        command.args(["--bin", name]);
    }
    let mut executables = Vec::new();
    tee(&mut command, Stream::StdoutKept, |line| {
        executables.extend(executable_of(line))
    })?;
    let folder = root().join("target/cross").join(&target.name);
    let binaries = copy_to(folder, executables)?;
    for binary in &binaries {
        println!("{:>9} bytes  {}", binary.bytes, binary.path.display());
    }
    println!("cross {}: {} s", target.name, started.elapsed().as_secs());
    Ok(binaries)
}

/// The path in one line of cargo's messages, if it is about a program that was built
/// (The Cargo Book, "External tools", message `compiler-artifact`).
fn executable_of(line: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    if message.get("reason")?.as_str()? != "compiler-artifact" {
        return None;
    }
    message.get("executable")?.as_str().map(PathBuf::from)
}

fn copy_to(folder: PathBuf, executables: Vec<PathBuf>) -> Result<Vec<Binary>, Failure> {
    if executables.is_empty() {
        return Err(Failure::Check("the build made no program".to_owned()));
    }
    fs::create_dir_all(&folder).map_err(io_at(format!("creating {}", folder.display())))?;
    let mut binaries = Vec::new();
    for from in executables {
        let name = from
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let path = folder.join(&name);
        // A running program cannot be written over (ETXTBSY); a new file in its place can be.
        let fresh = folder.join(format!(".{name}.new"));
        let bytes =
            fs::copy(&from, &fresh).map_err(io_at(format!("copying to {}", fresh.display())))?;
        fs::rename(&fresh, &path).map_err(io_at(format!("renaming to {}", path.display())))?;
        binaries.push(Binary { name, path, bytes });
    }
    Ok(binaries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_are_taken_from_the_messages() {
        let library = r#"{"reason":"compiler-artifact","executable":null}"#;
        let program = r#"{"reason":"compiler-artifact","executable":"/t/release/hansho"}"#;
        let other = r#"{"reason":"build-script-executed","executable":"/t/build"}"#;
        let found: Vec<_> = [library, program, other, "no json"]
            .iter()
            .filter_map(|line| executable_of(line))
            .collect();
        assert_eq!(found, [PathBuf::from("/t/release/hansho")]);
    }
}
