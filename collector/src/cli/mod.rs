//! The command line. [`line`] reads it; each other file declares its commands with their options as a table `COMMANDS`, beside what
//! they do: `serve` in [`serve`], agents and their keys in [`agents`], people in [`people`], what people do about alerts in [`handling`],
//! what is stored in [`stored`], its JSON in [`json`].

mod agents;
pub mod backup;
mod check;
pub mod handling;
mod help;
pub mod json;
mod line;
mod living;
mod mail;
mod ops;
mod people;
mod reload;
mod responses;
mod route;
pub mod serve;
mod stored;
mod telling;

use crate::config::value::is_id;
use crate::exit::{DATA, FAILURE, Failure, IO, OK, USAGE};
use crate::handling::{Fault, Scope, Who};
use crate::limit::NAME_CHARACTERS;
use crate::logger;
use crate::store::{Agent, SqliteStore, Store, StoreError, Via};
use help::HELP;
use line::{Command, Line};
use std::io::Write as _;
use std::process::ExitCode;

/// The commands of all files.
const COMMANDS: [&[Command]; 11] = [
    serve::COMMANDS,
    backup::COMMANDS,
    check::COMMANDS,
    agents::COMMANDS,
    stored::COMMANDS,
    mail::COMMANDS,
    ops::COMMANDS,
    route::COMMANDS,
    responses::COMMANDS,
    handling::COMMANDS,
    people::COMMANDS,
];

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    logger::start(log::LevelFilter::Info);
    match run(lexopt::Parser::from_env()) {
        Ok(()) => ExitCode::from(OK),
        Err(failure) => {
            // Where stderr is gone, the exit code still speaks.
            drop(writeln!(
                std::io::stderr(),
                "hansho-collector: {}",
                failure.message
            ));
            ExitCode::from(failure.code)
        }
    }
}

fn run(parser: lexopt::Parser) -> Result<(), Failure> {
    let commands: Vec<&'static Command> = COMMANDS.into_iter().flatten().collect();
    let mut line = Line::read(parser, &commands)?;
    if line.flag("help") {
        return print(HELP);
    }
    if line.flag("version") {
        return print(concat!(
            "hansho-collector ",
            env!("CARGO_PKG_VERSION"),
            "\n"
        ));
    }
    let command = line.command(&commands)?;
    (command.run)(&line)
}

fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::new(IO, format!("stdout: {error}")))
}

/// The exit code of a store's error.
pub(crate) fn store_failure(error: &StoreError) -> Failure {
    let code = match error {
        StoreError::Corrupt(_) | StoreError::DayCorrupt(_) | StoreError::Newer(_) => DATA,
        StoreError::Full(_) | StoreError::Io(_) | StoreError::Busy => IO,
        StoreError::Taken(_)
        | StoreError::Older(_)
        | StoreError::Fenced
        | StoreError::IdTaken
        | StoreError::NameTaken
        | StoreError::NoAgent => FAILURE,
    };
    Failure::new(code, error.to_string())
}

/// The exit code of a decision that the store or its rules refuse.
fn fault_failure(fault: &Fault) -> Failure {
    match fault {
        Fault::Refused(refused) => Failure::new(FAILURE, refused.to_string()),
        Fault::Store(error) => store_failure(error),
    }
}

/// Whoever may open the store may act on everything in it; the audit has no better name than the one given.
fn acting(name: &str) -> Who {
    Who {
        name: name.to_owned(),
        via: Via::Command,
        scope: Scope::All,
    }
}

/// Who acts where the command asks for no name.
fn by() -> Who {
    acting("command line")
}

fn reader(line: &Line) -> Result<SqliteStore, Failure> {
    SqliteStore::open_reader(&line.configuration()?.directory)
        .map_err(|error| store_failure(&error))
}

/// A name that fits pages, mails, URLs and selectors.
fn name(what: &str, text: &str) -> Result<String, Failure> {
    if is_id(text) {
        Ok(text.to_owned())
    } else {
        Err(Failure::new(
            USAGE,
            format!(
                "{what} {text:?}: allowed are 1 to {NAME_CHARACTERS} characters without `/`, control characters and \
                 spaces at the ends"
            ),
        ))
    }
}

fn one_agent(store: &dyn Store, selector: &str) -> Result<Agent, Failure> {
    let mut found = store
        .find_agent(selector)
        .map_err(|error| store_failure(&error))?;
    match (found.pop(), found.is_empty()) {
        (Some(agent), true) => Ok(agent),
        (None, _) => Err(Failure::new(FAILURE, format!("no agent `{selector}`"))),
        (Some(_), false) => Err(Failure::new(
            FAILURE,
            format!("more than one agent `{selector}`; write CUSTOMER/SYSTEM/NAME"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// The options that the help names.
    fn options_of_help() -> BTreeSet<&'static str> {
        let words = HELP
            .split(|character: char| character.is_whitespace() || "[]|,.()".contains(character));
        words.filter(|word| word.starts_with("--")).collect()
    }

    #[test]
    fn the_help_names_every_command_and_option_and_no_other() {
        let commands: Vec<&Command> = COMMANDS.into_iter().flatten().collect();
        let mut options: BTreeSet<String> = ["--config", "--help"].map(str::to_owned).into();
        for command in &commands {
            assert!(HELP.contains(command.words), "{}", command.words);
            options.extend(
                command
                    .options
                    .iter()
                    .map(|option| format!("--{}", option.name)),
            );
        }
        let options: BTreeSet<&str> = options.iter().map(String::as_str).collect();
        assert_eq!(options_of_help(), options);
    }

    #[test]
    fn an_option_is_read_in_one_way_whatever_the_command() {
        let commands = COMMANDS.into_iter().flatten();
        let mut known: BTreeMap<&str, line::Takes> = BTreeMap::new();
        for option in commands.flat_map(|command| command.options) {
            let takes = known.entry(option.name).or_insert(option.takes);
            assert_eq!(*takes, option.takes, "{}", option.name);
        }
    }
}
