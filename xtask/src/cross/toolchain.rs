//! What can compile for a target on this machine: rustup's target, or std from source; zig in any case.

use super::target::Target;
use crate::process::{Failure, io_at, output, root, run, succeeds};
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Pinned: another zig brings another musl, and with it other sizes.
const ZIGLANG: &str = "0.17.0";
/// Pinned with it: the two must know each other's options.
const ZIGBUILD: &str = "0.24.0";
/// Where Debian's rustc-web and cargo-web put their programs.
const DEBIAN: &str = "/usr/bin";

/// A compiler that can build for the target.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Toolchain {
    /// The compiler in use has std for the target.
    Installed,
    /// The compiler in use has the sources of std (rustup's component rust-src).
    Source,
    /// Debian's compiler, with the sources of its own std.
    DebianSource,
}

impl Toolchain {
    /// The first that this machine has, in the order of the variants.
    ///
    /// # Errors
    /// None: the message names the commands that bring one.
    pub(super) fn find(target: &Target) -> Result<Self, Failure> {
        if has_std(&mut Command::new("rustc"), &target.name) {
            return Ok(Self::Installed);
        }
        if has_sources(&mut Command::new("rustc")) {
            return Ok(Self::Source);
        }
        let rustc = Path::new(DEBIAN).join("rustc");
        if rustc.exists()
            && Path::new(DEBIAN).join("cargo").exists()
            && has_sources(&mut Command::new(rustc))
        {
            return Ok(Self::DebianSource);
        }
        Err(Failure::Missing {
            what: format!(
                "a Rust standard library for {}, or its sources,",
                target.name
            ),
            install: format!(
                "rustup target add {}\nor, where rustup cannot fetch it:\n  \
                 apt-get install --no-install-recommends rustc-web cargo-web rust-web-src",
                target.name
            ),
        })
    }

    /// One line for people.
    pub(super) fn shown(&self) -> &'static str {
        match self {
            Self::Installed => "with the target of the toolchain in use",
            Self::Source => "std from source, by the toolchain in use",
            Self::DebianSource => "std from source, by Debian's toolchain in /usr/bin",
        }
    }

    /// The command that builds for `target`; what to build of it is for the caller to add.
    ///
    /// # Errors
    /// zig is not there and cannot be installed.
    pub(super) fn command(&self, target: &Target, offline: bool) -> Result<Command, Failure> {
        let tools = tools(offline)?;
        let mut command = Command::new(tools.join("cargo-zigbuild"));
        command.current_dir(root());
        without_our_cargo(&mut command);
        let mut path = vec![tools];
        if *self == Self::DebianSource {
            path.push(PathBuf::from(DEBIAN));
            command.env("CARGO", Path::new(DEBIAN).join("cargo"));
            command.env("RUSTC", Path::new(DEBIAN).join("rustc"));
        }
        path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        let path = env::join_paths(path)
            .map_err(|error| Failure::Check(format!("PATH cannot be extended: {error}")))?;
        command.env("PATH", path);
        // A folder of its own: another compiler would make every other build start anew.
        command.env("CARGO_TARGET_DIR", root().join("target/cross-build"));
        command.args([
            "zigbuild",
            "--locked",
            "--release",
            "--target",
            &target.name,
        ]);
        command.args(["--message-format", "json-render-diagnostics"]);
        if offline {
            command.arg("--offline");
        }
        if *self != Self::Installed {
            // -Z build-std is open to nightly only; this opens it to the compiler at hand.
            command.env("RUSTC_BOOTSTRAP", "1");
            command.env("RUSTFLAGS", target.rustflags_from_source.join(" "));
            command.args(["-Z", "build-std=std,panic_abort"]);
            // Without `backtrace`, which is in the default: a stripped program has no names to show, and what
            // would look for them (gimli, addr2line, miniz_oxide) is 120 KB in each.
            command.args(["-Z", "build-std-features=optimize_for_size"]);
        }
        Ok(command)
    }
}

/// Takes away what the cargo that started us says about itself: it is not the cargo that will build, and the
/// libraries of its compiler must not be loaded into another.
fn without_our_cargo(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let ours = [
            "CARGO",
            "LD_LIBRARY_PATH",
            "RUSTC",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
        ]
        .contains(&&*text)
            || text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || text.starts_with("CARGO_BIN_");
        if ours {
            command.env_remove(&name);
        }
    }
}

fn has_std(rustc: &mut Command, target: &str) -> bool {
    without_our_cargo(rustc);
    let Ok(folder) = output(rustc.args(["--print", "target-libdir", "--target", target])) else {
        return false;
    };
    let Ok(entries) = fs::read_dir(folder.trim()) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}

fn has_sources(rustc: &mut Command) -> bool {
    without_our_cargo(rustc);
    output(rustc.args(["--print", "sysroot"])).is_ok_and(|sysroot| {
        Path::new(sysroot.trim())
            .join("lib/rustlib/src/rust/library/Cargo.lock")
            .exists()
    })
}

/// The folder with cargo-zigbuild and a Python that knows ziglang, made where it is not there yet.
///
/// Outside the repository, since it is large (442 MB) and the same for every clone.
fn tools(offline: bool) -> Result<PathBuf, Failure> {
    let folder = cache()?.join(format!("zig-{ZIGLANG}-zigbuild-{ZIGBUILD}"));
    let bin = folder.join("bin");
    // Written last: without it an interrupted installation is begun again.
    let whole = folder.join("whole");
    if whole.exists() {
        return Ok(bin);
    }
    if offline {
        return Err(Failure::Missing {
            what: format!("zig in {}", folder.display()),
            install: "cargo xtask cross TARGET   (once, without --offline)".to_owned(),
        });
    }
    println!(
        "cross: installing zig {ZIGLANG} and cargo-zigbuild {ZIGBUILD} in {}",
        folder.display()
    );
    // ensurepip is what Debian's python3 lacks without python3-venv; asked first, for its message is long.
    if !succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        return Err(Failure::Missing {
            what: "python3 with its module venv".to_owned(),
            install: "apt-get install --no-install-recommends python3 python3-venv".to_owned(),
        });
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder))?;
    run(Command::new(bin.join("python3"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
        ])
        .arg(format!("ziglang=={ZIGLANG}"))
        .arg(format!("cargo-zigbuild=={ZIGBUILD}")))?;
    fs::write(&whole, "").map_err(io_at(format!("writing {}", whole.display())))?;
    Ok(bin)
}

/// `${XDG_CACHE_HOME:-$HOME/.cache}/hansho-cross` (XDG Base Directory Specification: empty is unset).
fn cache() -> Result<PathBuf, Failure> {
    let set = |name| env::var_os(name).filter(|value: &OsString| !value.is_empty());
    let base = set("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache")));
    base.map(|base| base.join("hansho-cross"))
        .ok_or_else(|| Failure::Usage("neither XDG_CACHE_HOME nor HOME is set".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_of_these_tests_has_std_for_its_own_target_only() {
        let host = output(Command::new("rustc").args(["--print", "host-tuple"])).unwrap();
        assert!(has_std(&mut Command::new("rustc"), host.trim()));
        assert!(!has_std(
            &mut Command::new("rustc"),
            "nonsense-unknown-target"
        ));
        assert!(!has_std(
            &mut Command::new("/nonexistent/rustc"),
            host.trim()
        ));
        assert!(!has_sources(&mut Command::new("/nonexistent/rustc")));
    }
}
