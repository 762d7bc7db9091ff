//! What a command line of these commands says.

use crate::exit::{Failure, USAGE};
use crate::handling::{Scope, Who};
use crate::store::Via;
use lexopt::prelude::*;
use std::collections::BTreeMap;

/// Options with a value.
const VALUES: [&str; 21] = [
    "agent",
    "by",
    "code",
    "config",
    "customer",
    "days",
    "en",
    "from",
    "ja",
    "kind",
    "last",
    "month",
    "next-report",
    "reason",
    "recovery",
    "site",
    "subject",
    "system",
    "text",
    "until",
    "zone",
];
/// Options without one.
const FLAGS: [&str; 4] = ["all", "for-good", "help", "json"];

/// What a command line says.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) words: Vec<String>,
    values: BTreeMap<&'static str, String>,
    flags: Vec<&'static str>,
}

impl Line {
    pub(super) fn parse(mut parser: lexopt::Parser) -> Result<Self, Failure> {
        let wrong = |error: lexopt::Error| Failure::new(USAGE, format!("{error}; see --help"));
        let mut line = Self::default();
        while let Some(argument) = parser.next().map_err(wrong)? {
            let name = match argument {
                Short('h') => "help".to_owned(),
                Long(name) => name.to_owned(),
                Value(word) => {
                    line.words.push(word.string().map_err(wrong)?);
                    continue;
                }
                other => return Err(wrong(other.unexpected())),
            };
            if let Some(flag) = FLAGS.into_iter().find(|flag| *flag == name) {
                line.flags.push(flag);
                continue;
            }
            let Some(option) = VALUES.into_iter().find(|value| *value == name) else {
                return Err(wrong(Long(&name).unexpected()));
            };
            let value = parser.value().and_then(ValueExt::string).map_err(wrong)?;
            if line.values.insert(option, value).is_some() {
                return Err(Failure::new(
                    USAGE,
                    format!("--{option} stands there twice"),
                ));
            }
        }
        Ok(line)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.flags.contains(&name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, Failure> {
        self.get(name).ok_or_else(|| {
            Failure::new(USAGE, format!("`{}` needs --{name}", self.words.join(" ")))
        })
    }

    /// An option that its command does not know is a mistake, not decoration.
    pub(super) fn only(&self, allowed: &[&str]) -> Result<(), Failure> {
        let given = self.values.keys().chain(&self.flags);
        let mut wrong = given.filter(|name| **name != "config" && !allowed.contains(name));
        match wrong.next() {
            None => Ok(()),
            Some(name) => Err(Failure::new(
                USAGE,
                format!("--{name} does not belong to `{}`", self.words.join(" ")),
            )),
        }
    }

    pub(super) fn who(&self) -> Result<Who, Failure> {
        Ok(command(self.need("by")?))
    }
}

/// Whoever may open the store may act on everything in it.
pub(super) fn command(name: &str) -> Who {
    Who {
        name: name.to_owned(),
        via: Via::Command,
        scope: Scope::All,
    }
}
