//! `hansho test CODE`: a marked test alert down the whole path.

use super::Command;
use super::args::{Args, CONFIG, code};
use super::configuration::of_running;
use super::exit::{Exit, Outcome, Stop};
use super::output::Output;
use hansho::config::plan::{MemoryDirectory, Spool};
use hansho::keeper::control;
use lexopt::Arg;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Name of the control socket in the memory directory.
pub(crate) const CONTROL_SOCKET: &str = "control.sock";
/// How long the keeper has to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The subcommand.
pub(crate) const COMMAND: Command = Command {
    name: "test",
    summary: "send a marked test alert down the whole path",
    help: "\
Asks the running agent for a test alert: it is marked as a test everywhere, and ends by itself after a minute.

Usage: hansho test CODE [--config FILE]

  CODE           like 1002, HNS1002 or HNS1002-E
  --config FILE  the configuration of the running agent (default /etc/hansho/agent.toml)

Exit codes: 0 the agent took it; 1 no such code; 64 wrong command line; 66 the configuration is missing; 69 no agent runs; 77 not root and not the
agent's user; 78 wrong configuration

Example: hansho test 1002
",
    run,
};

fn run(args: &mut Args, out: &mut Output) -> Outcome {
    let mut config_file = PathBuf::from(CONFIG);
    let mut asked = None;
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("config") => config_file = args.path()?,
            Arg::Value(word) if asked.is_none() => asked = Some(code(word)?),
            other => return Err(other.unexpected().into()),
        }
    }
    let entry = asked.ok_or_else(|| Stop::usage("which code? like hansho test 1002"))?;
    let plan = of_running(&config_file)?;
    let answer = ask(
        &control_sockets(&plan.spool),
        &format!("test {}", entry.number),
    )?;
    match answer.strip_prefix("ok") {
        Some(_) => out
            .line(&format!(
                "{}: taken by the agent, marked as a test",
                entry.number
            ))
            .map(|()| Exit::Done),
        None => Err(Stop::failed(Exit::Unavailable, answer)),
    }
}

/// Where the control socket of an agent with this configuration may be: beside its memory ring.
pub(crate) fn control_sockets(spool: &Spool) -> Vec<PathBuf> {
    let directories = match &spool.memory_directory {
        MemoryDirectory::Path(path) => vec![path.clone()],
        MemoryDirectory::Auto => {
            let known = hansho::spool::files::MEMORY_DIRECTORIES
                .iter()
                .map(PathBuf::from);
            known.chain([spool.directory.clone()]).collect()
        }
    };
    directories
        .into_iter()
        .map(|directory| directory.join(CONTROL_SOCKET))
        .collect()
}

/// Asks the first keeper that is there.
pub(crate) fn ask(sockets: &[PathBuf], request: &str) -> Result<String, Stop> {
    let mut looked = Vec::new();
    for socket in sockets {
        match control::ask(socket, request, PATIENCE) {
            Ok(answer) => return Ok(answer),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    looked.push(socket.as_path())
                }
                io::ErrorKind::PermissionDenied => {
                    return Err(Stop::failed(
                        Exit::NoPermission,
                        format!("{}: {error}", socket.display()),
                    ));
                }
                _ => {
                    return Err(Stop::failed(
                        Exit::Unavailable,
                        format!("{}: {error}", socket.display()),
                    ));
                }
            },
        }
    }
    let looked: Vec<_> = looked
        .into_iter()
        .map(Path::display)
        .map(|path| path.to_string())
        .collect();
    Err(Stop::failed(
        Exit::Unavailable,
        format!("no agent runs: nobody listens at {}", looked.join(", ")),
    ))
}
