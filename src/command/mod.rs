//! The subcommands of `hansho`. To add one: its module here, and its line in [`COMMANDS`].

mod args;
mod check;
mod codes;
mod configuration;
mod connect;
mod content;
mod decode;
mod exit;
mod explain;
mod file;
mod forward;
mod join;
mod leave;
mod moment;
mod output;
mod plan;
mod reload;
mod replay;
mod ring;
mod run;
mod sample;
mod status;
mod status_departed;
mod status_told;
mod status_words;
mod test;
mod top;
mod top_json;
mod top_words;

use args::Args;
use exit::{Exit, Outcome, Stop};
use output::{Output, say, shown};
use std::ffi::OsString;
use std::process::ExitCode;

/// One subcommand.
pub(crate) struct Command {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What it does, in a few words; empty for one that only the agent itself calls.
    pub(crate) summary: &'static str,
    /// What `--help` prints.
    pub(crate) help: &'static str,
    /// Does it.
    pub(crate) run: fn(&mut Args, &mut Output) -> Outcome,
}

/// The subcommands, in the order in which help lists them.
const COMMANDS: &[Command] = &[
    run::COMMAND,
    join::COMMAND,
    check::COMMAND,
    status::COMMAND,
    top::COMMAND,
    sample::COMMAND,
    codes::COMMAND,
    explain::COMMAND,
    replay::COMMAND,
    decode::COMMAND,
    test::COMMAND,
    leave::COMMAND,
    forward::COMMAND,
    reload::COMMAND,
    reload::KEEPING,
];

/// Runs the subcommand that the words name.
pub(crate) fn main(mut words: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(first) = words.next() else {
        say(&overview());
        return Exit::Usage.into();
    };
    let name = first.to_string_lossy();
    let mut out = Output::new();
    let outcome = match name.as_ref() {
        "--help" | "-h" | "help" => out.text(&overview()).map(|()| Exit::Done),
        "--version" | "-V" => {
            let line = concat!("hansho ", env!("CARGO_PKG_VERSION"));
            out.line(line).map(|()| Exit::Done)
        }
        name => match COMMANDS.iter().find(|command| command.name == name) {
            Some(command) => {
                let outcome = (command.run)(&mut Args::new(words), &mut out);
                match outcome {
                    Err(Stop::Help) => out.text(command.help).map(|()| Exit::Done),
                    other => other,
                }
            }
            None => Err(Stop::usage(format!("there is no subcommand {name:?}"))),
        },
    };
    // What was written before a failure is said before the failure.
    let outcome = match (outcome, out.flush()) {
        (Ok(exit), Ok(())) => Ok(exit),
        (Ok(_), Err(stop)) | (Err(stop), _) => Err(stop),
    };
    ended(&name, outcome).into()
}

fn ended(name: &str, outcome: Outcome) -> Exit {
    match outcome {
        Ok(exit) => exit,
        // The help of what was asked has been printed by now; were it not so, nothing would be wrong either.
        Err(Stop::Help | Stop::ReaderGone) => Exit::Done,
        Err(Stop::Failed { exit, message }) => {
            // Names of files are part of it, and may be anything.
            let lines: Vec<String> = message.lines().map(shown).collect();
            say(&format!("hansho: {}", lines.join("\n")));
            if exit == Exit::Usage {
                let known = COMMANDS.iter().any(|command| command.name == name);
                let of = if known {
                    format!("hansho {name} --help")
                } else {
                    "hansho --help".into()
                };
                say(&format!("\"{of}\" shows how it is called"));
            }
            exit
        }
    }
}

/// What `hansho --help` prints.
fn overview() -> String {
    let mut text = String::from(
        "hansho: a light watchdog. It samples memory and CPU, raises fixed codes, and forwards them to a collector.\n\n\
         Usage: hansho COMMAND [OPTIONS]\n\n",
    );
    for command in COMMANDS
        .iter()
        .filter(|command| !command.summary.is_empty())
    {
        text.push_str(&format!("  {:<9} {}\n", command.name, command.summary));
    }
    text.push_str(
        "\n\"hansho COMMAND --help\" shows the options, exit codes and an example of each.\n\nExit codes:\n",
    );
    for (exit, words) in Exit::ALL {
        text.push_str(&format!("  {:>2} {words}\n", exit.number()));
    }
    text
}
