//! `hansho codes`: the registry.

use super::Command;
use super::args::{Args, language_of_terminal};
use super::exit::{Exit, Outcome, Stop};
use super::output::Output;
use hansho::code::export::{Format, codes};
use lexopt::Arg;

pub(crate) const COMMAND: Command = Command {
    name: "codes",
    summary: "list every code: what it means, its defaults, who raises it",
    help: "\
Lists every code of this version, the reserved ones included.

Usage: hansho codes [--format FORMAT] [--lang LANG]

  --format FORMAT  table (default), json (a list of objects, see docs/CODES.md) or markdown (the manual)
  --json           the same as --format json
  --lang LANG      ja or en. Default: by LC_ALL, LC_MESSAGES or LANG; ja where it begins with ja, else en

Exit codes: 0 done, 64 wrong command line, 74 the output could not be written.

Example: hansho codes --format json --lang ja | jq '.[] | select(.urgency == \"now\") | .display'
",
    run,
};

fn run(args: &mut Args, out: &mut Output) -> Outcome {
    let mut format = Format::Table;
    let mut language = language_of_terminal();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("format") => {
                let word = args.text()?;
                format = Format::from_name(&word).ok_or_else(|| {
                    Stop::usage(format!("--format {word:?}: it is table, json or markdown"))
                })?;
            }
            Arg::Long("json") => format = Format::Json,
            Arg::Long("lang") => language = args.language()?,
            other => return Err(other.unexpected().into()),
        }
    }
    out.text(&codes(format, language))?;
    Ok(Exit::Done)
}
