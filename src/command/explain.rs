//! `hansho explain CODE`: one code for a person.

use super::Command;
use super::args::{Args, code, language_of_terminal};
use super::exit::{Exit, Outcome, Stop};
use super::output::Output;
use hansho::code::export::{explain, explain_json};
use lexopt::Arg;

pub(crate) const COMMAND: Command = Command {
    name: "explain",
    summary: "what one code means, and what to do now",
    help: "\
Explains one code: meaning, impact, cause, what to do step by step, when it ends, what to keep for the report.

Usage: hansho explain CODE [--lang LANG] [--json]

  CODE         1002, HNS1002 or HNS1002-E
  --lang LANG  ja or en. Default: by LC_ALL, LC_MESSAGES or LANG; ja where it begins with ja, else en
  --json       one object, as in the list of \"hansho codes --format json\"

Exit codes: 0 done, 1 this version has no such code, 64 wrong command line.

Example: hansho explain HNS1002-E
",
    run,
};

fn run(args: &mut Args, out: &mut Output) -> Outcome {
    let mut wanted = None;
    let mut json = false;
    let mut language = language_of_terminal();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Value(word) if wanted.is_none() => wanted = Some(code(word)?.number),
            Arg::Long("lang") => language = args.language()?,
            Arg::Long("json") => json = true,
            other => return Err(other.unexpected().into()),
        }
    }
    let number = wanted.ok_or_else(|| Stop::usage("which code? Write 1002 or HNS1002-E"))?;
    let text = if json {
        explain_json(number, language)
    } else {
        explain(number, language)
    };
    // The number came from the registry's own parser.
    let text = text.ok_or_else(|| Stop::failed(Exit::Nothing, format!("no code {number}")))?;
    out.text(&text)?;
    Ok(Exit::Done)
}
