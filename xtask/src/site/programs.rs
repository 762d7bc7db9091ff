//! The programs of a site: built, or those that are there.

use crate::cross;
use crate::process::{Failure, cargo, io_at, output, root, run};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The target for which the agent is delivered.
const MUSL: &str = "x86_64-unknown-linux-musl";

/// The programs of a site.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// The folder of `hansho` and `hanshod`.
    agent: PathBuf,
    /// The folder of `hansho-collector`.
    collector: PathBuf,
}

impl Programs {
    /// Builds agent and collector, optimised or not, and says where they are.
    ///
    /// # Errors
    /// They do not build.
    pub(crate) fn build(release: bool) -> Result<Self, Failure> {
        let mut build = cargo();
        build.args(["build", "--quiet", "-p", "hansho", "-p", "hansho-collector"]);
        build.args(["--bins"]);
        build.args(release.then_some("--release"));
        run(&mut build)?;
        Ok(Self::in_one(built(release)?))
    }

    /// Builds both optimised, the agent as it is delivered: for [`MUSL`] where that can be done, else for this machine, which is
    /// said, as also where `gnu` asks for it. Gives the agent's target triple, or a word for this machine's own.
    ///
    /// # Errors
    /// They do not build.
    pub(crate) fn release(gnu: bool) -> Result<(Self, String), Failure> {
        let release = ["build", "--release", "--locked"];
        run(cargo().args(release).args(["-p", "hansho-collector"]))?;
        let collector = built(true)?;
        if !gnu && std::env::consts::ARCH == "x86_64" {
            match cross::build_named(MUSL) {
                Ok(()) => {
                    let agent = root().join("target/cross").join(MUSL);
                    return Ok((Self { agent, collector }, MUSL.to_owned()));
                }
                Err(missing @ Failure::Missing { .. }) => {
                    println!("{missing}\nmeasured is the build for this machine's own C library");
                }
                Err(other) => return Err(other),
            }
        }
        run(cargo().args(release).args(["-p", "hansho", "--bins"]))?;
        let target = format!("{} (its own C library)", std::env::consts::ARCH);
        Ok((Self::in_one(collector), target))
    }

    fn in_one(folder: PathBuf) -> Self {
        Self {
            agent: folder.clone(),
            collector: folder,
        }
    }

    /// Those beside this program: what was built last with the same profile.
    ///
    /// # Errors
    /// One is not there.
    pub(crate) fn beside_us() -> Result<Self, Failure> {
        let ours = std::env::current_exe().map_err(io_at("this program"))?;
        let directory = ours.parent().unwrap_or(Path::new(".")).to_path_buf();
        for program in ["hansho", "hanshod", "hansho-collector"] {
            let path = directory.join(program);
            if !path.is_file() {
                return Err(Failure::Missing {
                    what: path.display().to_string(),
                    install: "cargo build --workspace".to_owned(),
                });
            }
        }
        Ok(Self::in_one(directory))
    }

    /// One of the agent's.
    pub(crate) fn of_agent(&self, program: &str) -> PathBuf {
        self.agent.join(program)
    }

    /// The collector.
    pub(crate) fn collector(&self) -> PathBuf {
        self.collector.join("hansho-collector")
    }
}

/// Where cargo puts what it builds for this machine.
fn built(release: bool) -> Result<PathBuf, Failure> {
    let metadata = output(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = super::json(&metadata)?;
    let target = metadata
        .get("target_directory")
        .and_then(Value::as_str)
        .ok_or_else(|| Failure::Check("cargo metadata names no target directory".to_owned()))?;
    let profile = if release { "release" } else { "debug" };
    Ok(Path::new(target).join(profile))
}
