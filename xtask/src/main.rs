//! `cargo xtask SUBCOMMAND`: what people repeat. One file a subcommand; this one only chooses.
//!
//! Exit codes (sysexits.h): 0 done; 1 a command that was started failed, or a check did not hold; 64 usage;
//! 69 a program or package is missing, and the message says how to install it; 74 a file could not be read
//! or written.

mod codes;
mod cross;
mod demo;
mod footprint;
mod guest;
mod kill;
mod process;
mod site;
mod test;

use process::Failure;
use std::process::ExitCode;

/// One subcommand.
struct Subcommand {
    /// The word on the command line.
    name: &'static str,
    /// One line for the list.
    summary: &'static str,
    /// The whole text of `--help`.
    help: &'static str,
    /// Reads the rest of the command line and does the work.
    run: fn(&mut lexopt::Parser) -> Result<(), Failure>,
}

/// In the order in which a newcomer needs them.
const SUBCOMMANDS: &[Subcommand] = &[
    demo::SUBCOMMAND,
    test::SUBCOMMAND,
    codes::SUBCOMMAND,
    cross::SUBCOMMAND,
    kill::SUBCOMMAND,
    footprint::SUBCOMMAND,
    guest::SUBCOMMAND,
];

fn main() -> ExitCode {
    let mut arguments = lexopt::Parser::from_env();
    match choose(&mut arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn choose(arguments: &mut lexopt::Parser) -> Result<(), Failure> {
    use lexopt::prelude::{Long, Short, Value};
    let name = match arguments.next()? {
        None => return Err(Failure::Usage(format!("no subcommand\n{}", list()))),
        Some(Short('h') | Long("help")) => {
            println!("{}", list());
            return Ok(());
        }
        Some(Value(name)) => name,
        Some(other) => return Err(other.unexpected().into()),
    };
    let Some(subcommand) = SUBCOMMANDS.iter().find(|entry| name == entry.name) else {
        let name = name.to_string_lossy();
        return Err(Failure::Usage(format!(
            "no subcommand '{name}'\n{}",
            list()
        )));
    };
    match (subcommand.run)(arguments) {
        Err(Failure::Help) => {
            println!("{}", subcommand.help);
            Ok(())
        }
        other => other,
    }
}

fn list() -> String {
    let mut text = String::from("usage: cargo xtask SUBCOMMAND [OPTIONS]   (--help after any)\n");
    for subcommand in SUBCOMMANDS {
        text.push_str(&format!(
            "\n  {:<10} {}",
            subcommand.name, subcommand.summary
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> Result<(), Failure> {
        choose(&mut lexopt::Parser::from_args(words))
    }

    #[test]
    fn every_subcommand_explains_itself_without_doing_anything() {
        for subcommand in SUBCOMMANDS {
            assert!(
                subcommand
                    .help
                    .starts_with(&format!("usage: cargo xtask {}", subcommand.name))
            );
            assert!(run(&[subcommand.name, "--help"]).is_ok());
        }
    }

    #[test]
    fn a_wrong_word_is_a_usage_error() {
        for words in [
            &["nonsense"][..],
            &[],
            &["--nonsense"],
            &["test", "--nonsense"],
            &["cross", "--nonsense"],
            &["demo", "--for", "soon"],
        ] {
            assert_eq!(run(words).unwrap_err().exit_code(), 64, "{words:?}");
        }
    }
}
