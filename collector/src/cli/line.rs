//! What a command line says, and the shape in which each file declares its commands: [`Command`].

use crate::config::{self, Config, value::duration_ms};
use crate::exit::{Failure, USAGE};
use hansho::code::Language;
use lexopt::prelude::*;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// A command: what stands on the line, and what is done.
pub(super) struct Command {
    /// Its words as in the help: those in small letters are typed as they stand, those in capitals stand for what is given.
    pub(super) words: &'static str,
    /// Its options, besides `--config`, `--help` and `--version`, which every command has.
    pub(super) options: &'static [Opt],
    /// What it does.
    pub(super) run: fn(&Line) -> Result<(), Failure>,
}

impl Command {
    /// The values for its words in capitals, in their order, where a line has exactly its words.
    fn fits<'l>(&self, words: &'l [String]) -> Option<Vec<(&'static str, &'l String)>> {
        let mut given = Vec::new();
        let mut own = self.words.split(' ');
        for word in words {
            let own = own.next()?;
            if stands_for(own) {
                given.push((own, word));
            } else if own != word {
                return None;
            }
        }
        own.next().is_none().then_some(given)
    }

    /// The words that are typed as they stand.
    fn name(&self) -> String {
        let typed: Vec<&str> = self
            .words
            .split(' ')
            .filter(|word| !stands_for(word))
            .collect();
        typed.join(" ")
    }
}

fn stands_for(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_uppercase())
}

/// An option of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opt {
    /// Without the dashes.
    pub(super) name: &'static str,
    /// The same for all commands that have the option: it may stand before the words, when the command is not known yet.
    pub(super) takes: Takes,
    /// It may stand there again and again.
    many: bool,
}

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    Text,
    /// Of any bytes.
    Path,
}

const fn option(name: &'static str, takes: Takes, many: bool) -> Opt {
    Opt { name, takes, many }
}

/// An option that is there or not.
pub(super) const fn flag(name: &'static str) -> Opt {
    option(name, Takes::Nothing, false)
}

/// An option with a text.
pub(super) const fn text(name: &'static str) -> Opt {
    option(name, Takes::Text, false)
}

/// An option with a text that may stand there again and again.
pub(super) const fn texts(name: &'static str) -> Opt {
    option(name, Takes::Text, true)
}

/// An option with a path.
pub(super) const fn path(name: &'static str) -> Opt {
    option(name, Takes::Path, false)
}

/// Options of every command.
const COMMON: [Opt; 3] = [path("config"), flag("help"), flag("version")];

/// What a command line says.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The words of its command that are typed as they stand; all words until it is known.
    name: String,
    words: Vec<String>,
    /// By the name of the option, or of the word in capitals.
    given: BTreeMap<&'static str, Vec<OsString>>,
}

impl Line {
    /// Reads a line in which options of any of `commands` may stand, before and behind the words.
    pub(super) fn read(
        mut parser: lexopt::Parser,
        commands: &[&'static Command],
    ) -> Result<Self, Failure> {
        let wrong = |error: lexopt::Error| usage(format!("{error}; see --help"));
        let known = |name: &str| {
            let options = commands.iter().flat_map(|command| command.options);
            COMMON
                .iter()
                .chain(options)
                .find(|option| option.name == name)
        };
        let mut line = Self::default();
        while let Some(argument) = parser.next().map_err(wrong)? {
            let name = match argument {
                Short('h') => "help".to_owned(),
                Short('V') => "version".to_owned(),
                Long(name) => name.to_owned(),
                Value(word) => {
                    line.words.push(word.string().map_err(wrong)?);
                    continue;
                }
                other @ Short(_) => return Err(wrong(other.unexpected())),
            };
            let Some(option) = known(&name) else {
                return Err(wrong(Long(&name).unexpected()));
            };
            let value = match option.takes {
                Takes::Nothing => None,
                Takes::Path => Some(parser.value().map_err(wrong)?),
                Takes::Text => {
                    let text = parser.value().and_then(ValueExt::string);
                    Some(text.map_err(wrong)?.into())
                }
            };
            line.given.entry(option.name).or_default().extend(value);
        }
        line.name = line.words.join(" ");
        Ok(line)
    }

    /// Which of `commands` it names. An option that its command does not know is a mistake, not decoration.
    pub(super) fn command(
        &mut self,
        commands: &[&'static Command],
    ) -> Result<&'static Command, Failure> {
        let words = std::mem::take(&mut self.words);
        let found = commands
            .iter()
            .find_map(|command| Some((*command, command.fits(&words)?)));
        let Some((command, placed)) = found else {
            return Err(self.no_command(&words, commands));
        };
        for (name, values) in &self.given {
            let mut known = COMMON.iter().chain(command.options);
            let Some(option) = known.find(|option| option.name == *name) else {
                let message = format!("--{name} does not belong to `{}`", self.name);
                return Err(usage(message));
            };
            if values.len() > 1 && !option.many {
                return Err(usage(format!("--{name} stands there twice")));
            }
        }
        for (name, word) in placed {
            self.given.insert(name, vec![word.into()]);
        }
        self.name = command.name();
        Ok(command)
    }

    fn no_command(&self, words: &[String], commands: &[&'static Command]) -> Failure {
        if words.is_empty() {
            return usage("no command; see --help");
        }
        let name = &self.name;
        // Too few or too many words, but a command.
        let meant = commands.iter().find(|command| {
            let own = command.name();
            name.strip_prefix(own.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        });
        usage(match meant {
            Some(meant) => format!("no command `{name}`: it is `{}`; see --help", meant.words),
            None => format!("no command `{name}`; see --help"),
        })
    }

    /// Whether an option was given.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// The value of an option, or of a word in capitals.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of an option.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.given.get(name).into_iter().flatten();
        values.filter_map(|value| value.to_str())
    }

    /// The value of an option with a path, or of a word in capitals.
    pub(super) fn path(&self, name: &str) -> Option<&Path> {
        self.given.get(name)?.first().map(Path::new)
    }

    /// The value of an option that the command cannot do without, or of one of its words in capitals.
    pub(super) fn need(&self, name: &str) -> Result<&str, Failure> {
        self.get(name).ok_or_else(|| {
            let dashes = if stands_for(name) { "" } else { "--" };
            usage(format!("`{}` needs {dashes}{name}", self.name))
        })
    }

    /// The value of an option, read by `of`; what that does not take is a mistake, whose message ends with what is `allowed`.
    pub(super) fn parsed<T>(
        &self,
        name: &str,
        allowed: &str,
        of: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        match of(text) {
            Some(value) => Ok(Some(value)),
            None => Err(usage(format!("--{name} {text:?}: allowed {allowed}"))),
        }
    }

    /// The value of an option, as a span.
    pub(super) fn span_ms(&self, name: &str) -> Result<Option<u64>, Failure> {
        self.parsed(name, "is a time like 30m, 12h or 7d", duration_ms)
    }

    /// The value of an option, as a language.
    pub(super) fn language(&self, name: &str) -> Result<Option<Language>, Failure> {
        self.parsed(name, "are ja and en", Language::from_tag)
    }

    /// The configuration that is named, or that of this directory.
    pub(super) fn configuration(&self) -> Result<Config, Failure> {
        config::read(self.path("config").unwrap_or(Path::new("collector.toml")))
    }
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::new(USAGE, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROTATE: Command = Command {
        words: "agent rotate AGENT",
        options: &[path("key-file"), text("grace")],
        run: |_| Ok(()),
    };
    const ADD: Command = Command {
        words: "account add NAME",
        options: &[texts("customer"), flag("no-password"), text("days")],
        run: |_| Ok(()),
    };

    fn read(words: &[&str]) -> Result<Line, String> {
        let commands: [&'static Command; 2] = [&ROTATE, &ADD];
        Line::read(lexopt::Parser::from_args(words), &commands)
            .and_then(|mut line| line.command(&commands).map(|_| line))
            .map_err(|failure| {
                assert_eq!(failure.code, USAGE);
                failure.message
            })
    }

    #[test]
    fn words_and_options_stand_in_any_order() {
        for words in [
            &[
                "--grace", "7d", "agent", "rotate", "web03", "--config", "c.toml",
            ][..],
            &["agent", "--config=c.toml", "rotate", "--grace=7d", "web03"],
        ] {
            let line = read(words).unwrap();
            assert_eq!(line.get("AGENT"), Some("web03"));
            assert_eq!(line.span_ms("grace").unwrap(), Some(7 * 86_400_000));
            assert_eq!(line.path("config"), Some(Path::new("c.toml")));
            assert_eq!(line.path("key-file"), None);
        }
        let line = read(&["account", "add", "--", "--sato"]).unwrap();
        assert_eq!(line.get("NAME"), Some("--sato"));
        assert!(!line.flag("no-password"));
        let words = ["account", "add", "x", "--customer", "a", "--customer", "b"];
        let line = read(&words).unwrap();
        assert_eq!(line.all("customer").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn every_mistake_is_named() {
        for (words, said) in [
            (&[][..], "no command; see --help"),
            (&["agent"], "no command `agent`; see --help"),
            (
                &["agent", "rotate"],
                "no command `agent rotate`: it is `agent rotate AGENT`; see --help",
            ),
            (
                &["agent", "rotate", "a", "b"],
                "no command `agent rotate a b`: it is `agent rotate AGENT`; see --help",
            ),
            (
                &["agent", "rotates", "a"],
                "no command `agent rotates a`; see --help",
            ),
            (
                &["agent", "rotate", "a", "--no-password"],
                "--no-password does not belong to `agent rotate a`",
            ),
            (
                &["agent", "rotate", "a", "--days", "1"],
                "--days does not belong to `agent rotate a`",
            ),
            (
                &["agent", "rotate", "a", "--nonsense"],
                "invalid option '--nonsense'; see --help",
            ),
            (&["agent", "-x"], "invalid option '-x'; see --help"),
            (
                &["agent", "rotate", "a", "--grace"],
                "missing argument for option '--grace'; see --help",
            ),
            (
                &["account", "add", "a", "--no-password=yes"],
                "unexpected argument for option '--no-password': \"yes\"; see --help",
            ),
            (
                &["agent", "rotate", "a", "--grace", "1d", "--grace", "2d"],
                "--grace stands there twice",
            ),
            (
                &["--config", "a", "agent", "rotate", "a", "--config", "a"],
                "--config stands there twice",
            ),
        ] {
            assert_eq!(read(words).unwrap_err(), said, "{words:?}");
        }
        let line = read(&["agent", "rotate", "a", "--grace", "soon"]).unwrap();
        let said = line.span_ms("grace").unwrap_err().message;
        assert_eq!(
            said,
            "--grace \"soon\": allowed is a time like 30m, 12h or 7d"
        );
        let said = line.need("key-file").unwrap_err().message;
        assert_eq!(said, "`agent rotate` needs --key-file");
    }
}
