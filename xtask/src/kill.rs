//! `cargo xtask kill`: the kill test, as long as one likes.

use crate::Subcommand;
use crate::process::{Failure, cargo, run};

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "kill",
    summary: "kill keeper, watcher, forwarder and collector again and again; nothing may be lost or doubled",
    help: "usage: cargo xtask kill [--kills N] [--seed N]

  --kills N   so many SIGKILLs (default 100, about three minutes)
  --seed N    which ones (default 1); a failure prints the seed that plays it again

Set HANSHO_KEEP=1 to keep the site's folder, with its logs, under the temporary directory.",
    run: from_command_line,
};

fn from_command_line(arguments: &mut lexopt::Parser) -> Result<(), Failure> {
    use lexopt::prelude::{Long, Short, ValueExt as _};
    let (mut kills, mut seed) = (100_u64, 1_u64);
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('h') | Long("help") => return Err(Failure::Help),
            Long("kills") => kills = arguments.value()?.parse()?,
            Long("seed") => seed = arguments.value()?.parse()?,
            other => return Err(other.unexpected().into()),
        }
    }
    run(cargo()
        .args([
            "test",
            "--locked",
            "--package",
            "hansho",
            "--test",
            "kill",
            "nothing_is",
            "--",
            "--nocapture",
        ])
        .env("HANSHO_KILLS", kills.to_string())
        .env("HANSHO_SEED", seed.to_string()))
}
