//! `hansho`: the command line of the agent, and nothing else; each subcommand is a file under `command`.

mod command;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::main(std::env::args_os().skip(1))
}
