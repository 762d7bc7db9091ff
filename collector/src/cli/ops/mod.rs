//! Commands of those who operate the collector: `test-report` and `watch`, with a command line of their own.

mod report;
mod report_rows;
mod watch;

use super::{HELP, print};
use crate::config::{self, Config, value::duration_ms};
use crate::exit::{Failure, USAGE};
use crate::limit::{WATCH_AFTER, WATCH_EVERY_MS};
use hansho::code::Language;
use lexopt::prelude::*;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The commands of this folder.
const COMMANDS: [&str; 2] = ["test-report", "watch"];

/// How a report is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shape {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
    /// For spreadsheets.
    Csv,
}

/// What the command line says.
#[derive(Debug)]
struct Arguments {
    config: Option<PathBuf>,
    words: Vec<String>,
    help: bool,
    system: Option<String>,
    shape: Shape,
    every_ms: u64,
    after: u32,
    mail_to: Option<String>,
    language: Language,
    /// Options that were given: each belongs to one of the commands.
    given: Vec<&'static str>,
}

/// Whether a command line is of these commands: its first word that is neither an option nor the value of `--config`.
pub(super) fn asked(arguments: impl Iterator<Item = OsString>) -> bool {
    let mut arguments = arguments.skip(1);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--config") => drop(arguments.next()),
            Some(option) if option.starts_with('-') => {}
            word => return word.is_some_and(|word| COMMANDS.contains(&word)),
        }
    }
    false
}

fn arguments(mut parser: lexopt::Parser) -> Result<Arguments, lexopt::Error> {
    let mut all = Arguments {
        config: None,
        words: Vec::new(),
        help: false,
        system: None,
        shape: Shape::Text,
        every_ms: WATCH_EVERY_MS,
        after: WATCH_AFTER,
        mail_to: None,
        language: Language::Ja,
        given: Vec::new(),
    };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("config") => all.config = Some(parser.value()?.into()),
            Long("help") | Short('h') => all.help = true,
            Long("system") => {
                all.given.push("--system");
                all.system = Some(parser.value()?.string()?);
            }
            Long(shape @ ("json" | "csv")) => {
                let (name, asked) = match shape {
                    "json" => ("--json", Shape::Json),
                    _ => ("--csv", Shape::Csv),
                };
                if all.shape != Shape::Text && all.shape != asked {
                    return Err("--json or --csv, not both".into());
                }
                all.given.push(name);
                all.shape = asked;
            }
            Long("every") => {
                all.given.push("--every");
                let text = parser.value()?.string()?;
                all.every_ms = duration_ms(&text)
                    .filter(|ms| (1_000..=86_400_000).contains(ms))
                    .ok_or_else(|| format!("--every {text:?}: a time from 1s to 1d"))?;
            }
            Long("after") => {
                all.given.push("--after");
                let text = parser.value()?.string()?;
                let after = text.parse().ok().filter(|after| (1..=1000).contains(after));
                all.after =
                    after.ok_or_else(|| format!("--after {text:?}: a number from 1 to 1000"))?;
            }
            Long("mail-to") => {
                all.given.push("--mail-to");
                all.mail_to = Some(parser.value()?.string()?);
            }
            Long("lang") => {
                all.given.push("--lang");
                let text = parser.value()?.string()?;
                all.language = Language::from_tag(&text)
                    .ok_or_else(|| format!("--lang {text:?}: ja or en"))?;
            }
            Value(word) => all.words.push(word.string()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(all)
}

/// Runs one of the commands.
pub(super) fn run(parser: lexopt::Parser) -> Result<(), Failure> {
    let all =
        arguments(parser).map_err(|error| Failure::new(USAGE, format!("{error}; see --help")))?;
    if all.help {
        return print(HELP);
    }
    let words: Vec<&str> = all.words.iter().map(String::as_str).collect();
    let (belong, command): (&[&str], &str) = match words.as_slice() {
        ["test-report"] => (&["--system", "--json", "--csv"], "test-report"),
        ["watch", _] => (&["--every", "--after", "--mail-to", "--lang"], "watch"),
        ["watch"] => return Err(Failure::new(USAGE, "watch needs the URL of a /healthz")),
        other => {
            let message = format!("no command `{}`; see --help", other.join(" "));
            return Err(Failure::new(USAGE, message));
        }
    };
    if let Some(stray) = all.given.iter().find(|option| !belong.contains(option)) {
        let message = format!("{stray} does not belong to `{command}`");
        return Err(Failure::new(USAGE, message));
    }
    match words.as_slice() {
        ["watch", url] => watch::watch(&configuration(&all)?, &all, url),
        _ => report::report(&configuration(&all)?, &all),
    }
}

fn configuration(all: &Arguments) -> Result<Config, Failure> {
    config::read(all.config.as_deref().unwrap_or(Path::new("collector.toml")))
}
