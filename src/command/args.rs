//! The command line's words: what all subcommands read in the same way.

use super::exit::Stop;
use hansho::code::{Entry, Language};
use hansho::config::units::parse_time;
use lexopt::{Arg, Parser, ValueExt as _};
use std::ffi::OsString;
use std::path::PathBuf;

/// Where the configuration is when nobody says otherwise.
pub(crate) const CONFIG: &str = "/etc/hansho/agent.toml";

/// The words after the name of a subcommand.
pub(crate) struct Args(Parser);

impl Args {
    /// From the words, without the program's and the subcommand's names.
    pub(crate) fn new(words: impl IntoIterator<Item = OsString>) -> Self {
        Self(Parser::from_args(words))
    }

    /// Every word, as it is: for what only the agent itself calls.
    pub(crate) fn words(&mut self) -> Result<Vec<OsString>, Stop> {
        Ok(self.0.raw_args()?.collect())
    }

    /// The next option or word; `None` at the end.
    ///
    /// # Errors
    /// [`Stop::Help`] on `--help`; [`Stop::Failed`] where the words make no sense.
    pub(crate) fn next(&mut self) -> Result<Option<Arg<'_>>, Stop> {
        match self.0.next()? {
            Some(Arg::Long("help") | Arg::Short('h')) => Err(Stop::Help),
            next => Ok(next),
        }
    }

    /// The value of the option just read, as a path.
    pub(crate) fn path(&mut self) -> Result<PathBuf, Stop> {
        Ok(self.0.value()?.into())
    }

    /// The value of the option just read, as text.
    pub(crate) fn text(&mut self) -> Result<String, Stop> {
        Ok(self.0.value()?.string()?)
    }

    /// The value of the option just read, as a whole number.
    pub(crate) fn number(&mut self) -> Result<u64, Stop> {
        Ok(self.0.value()?.parse()?)
    }

    /// The value of the option just read, as a time in milliseconds: `250ms`, `10s`, `5m`.
    pub(crate) fn time_ms(&mut self, option: &str) -> Result<u64, Stop> {
        let text = self.text()?;
        parse_time(&text).map_err(|fault| {
            Stop::usage(format!("{option} {text:?}: {fault}; write 250ms, 1s or 5m"))
        })
    }

    /// The value of the option just read, as a language.
    pub(crate) fn language(&mut self) -> Result<Language, Stop> {
        let tag = self.text()?;
        Language::from_tag(&tag)
            .ok_or_else(|| Stop::usage(format!("--lang {tag:?}: it is ja or en")))
    }
}

/// A word that is a code: `1002`, `HNS1002` or `HNS1002-E`.
///
/// # Errors
/// A wrong command line where it is no code; an answer of "nothing" where the registry has no such number.
pub(crate) fn code(word: OsString) -> Result<&'static Entry, Stop> {
    use super::exit::Exit;
    use hansho::code::CodeError;
    let word = word.string()?;
    hansho::code::parse(&word).map_err(|error| match error {
        CodeError::Malformed => Stop::usage(format!("{word:?}: {error}")),
        CodeError::Unknown(_) => Stop::failed(Exit::Nothing, error.to_string()),
    })
}

/// The language of the terminal: the first of LC_ALL, LC_MESSAGES and LANG that is set decides (POSIX, 8.2), Japanese
/// where it begins with `ja`.
pub(crate) fn language_of_terminal() -> Language {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set);
    let japanese = locale.is_some_and(|locale| locale.to_string_lossy().starts_with("ja"));
    if japanese { Language::Ja } else { Language::En }
}
