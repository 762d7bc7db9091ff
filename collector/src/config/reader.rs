//! Takes values out of tables and collects every mistake on the way.

use core::net::SocketAddr;
use std::path::PathBuf;
use toml::de::{DeTable, DeValue};

/// Characters of a wrong value that are repeated in its mistake.
const SHOWN: usize = 80;

/// A mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file beside collector.toml in which it stands, a roster or the holidays; `None` for collector.toml itself.
    pub file: Option<PathBuf>,
    /// Line, from 1; 0 where there is nothing that could have a line.
    pub line: usize,
    /// `[table] key`.
    pub key: String,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub allowed: String,
}

impl core::fmt::Display for Mistake {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            out,
            "{}: {}: found {}, allowed: {}",
            self.line, self.key, self.found, self.allowed
        )
    }
}

/// A table out of an array of tables, or a table on its own.
#[derive(Clone, Copy)]
pub(super) struct Row<'r> {
    pub(super) table: &'r DeTable<'r>,
    /// As in a mistake: `mail`, `[customer]` for `[[customer]]`.
    pub(super) name: &'r str,
    pub(super) line: usize,
}

/// Collects mistakes while values are taken out.
pub(super) struct Seen<'t> {
    text: &'t str,
    /// Where each line begins: a file of ten thousand rows has a place for every value.
    lines: Vec<usize>,
    pub(super) mistakes: Vec<Mistake>,
}

impl<'t> Seen<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self {
            text,
            lines: starts.map(|(at, _)| at).collect(),
            mistakes: Vec::new(),
        }
    }
}

impl Seen<'_> {
    /// Line of a byte, from 1.
    pub(super) fn line(&self, byte: usize) -> usize {
        self.lines
            .partition_point(|end| *end < byte)
            .saturating_add(1)
    }

    pub(super) fn refuse(
        &mut self,
        line: usize,
        key: impl Into<String>,
        found: impl Into<String>,
        allowed: impl Into<String>,
    ) {
        self.mistakes.push(Mistake {
            file: None,
            line,
            key: key.into(),
            found: found.into(),
            allowed: allowed.into(),
        });
    }

    pub(super) fn known(&mut self, table: &DeTable<'_>, name: &str, keys: &[&str]) {
        for (key, _) in table {
            let found: &str = key.get_ref();
            if !keys.contains(&found) {
                let shown: String = found
                    .chars()
                    .take(SHOWN)
                    .flat_map(char::escape_debug)
                    .collect();
                let line = self.line(key.span().start);
                self.refuse(line, place(name, &shown), "an unknown key", keys.join(", "));
            }
        }
    }

    pub(super) fn missing(&mut self, key: &str, allowed: &str) {
        self.refuse(0, key, "nothing", allowed);
    }

    /// A value of the shape that `take` accepts, with its line.
    pub(super) fn value<'v, T>(
        &mut self,
        table: &'v DeTable<'_>,
        name: &str,
        key: &str,
        allowed: &str,
        take: impl FnOnce(&'v DeValue<'_>) -> Option<T>,
    ) -> Option<(T, usize)> {
        let value = table.get(key)?;
        let line = self.line(value.span().start);
        if let Some(taken) = take(value.get_ref()) {
            return Some((taken, line));
        }
        let found = self.text.get(value.span()).unwrap_or("?");
        self.refuse(line, place(name, key), shown(found), allowed);
        None
    }

    pub(super) fn table<'v>(
        &mut self,
        root: &'v DeTable<'_>,
        key: &str,
    ) -> Option<&'v DeTable<'v>> {
        self.value(root, "", key, "a table", |value| match value {
            DeValue::Table(table) => Some(table),
            _ => None,
        })
        .map(|(table, _)| table)
    }

    pub(super) fn string(
        &mut self,
        table: &DeTable<'_>,
        name: &str,
        key: &str,
    ) -> Option<(String, usize)> {
        self.value(table, name, key, "a text that is not empty", |value| {
            value
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        })
    }

    pub(super) fn boolean(&mut self, table: &DeTable<'_>, name: &str, key: &str) -> Option<bool> {
        self.value(table, name, key, "true or false", |value| value.as_bool())
            .map(|(value, _)| value)
    }

    pub(super) fn integer(
        &mut self,
        table: &DeTable<'_>,
        name: &str,
        key: &str,
        range: core::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let allowed = if range.start() == range.end() {
            range.start().to_string()
        } else {
            format!("a whole number from {} to {}", range.start(), range.end())
        };
        self.value(table, name, key, &allowed, |value| {
            let integer = value.as_integer()?;
            i64::from_str_radix(integer.as_str(), integer.radix())
                .ok()
                .filter(|value| range.contains(value))
        })
        .map(|(value, _)| value)
    }

    pub(super) fn address(
        &mut self,
        table: &DeTable<'_>,
        name: &str,
    ) -> Option<(SocketAddr, usize)> {
        let allowed = "an IP address and a port, e.g. \"127.0.0.1:8080\" or \"[::]:7443\"";
        self.value(table, name, "listen", allowed, |value| {
            value.as_str()?.parse().ok()
        })
    }
}

pub(super) fn place(table: &str, key: &str) -> String {
    if table.is_empty() {
        key.to_owned()
    } else {
        format!("[{table}] {key}")
    }
}

/// What stands in the file, cut, on one line, and without what could be a password in an address.
pub(super) fn shown(found: &str) -> String {
    if found.contains("://") && found.contains('@') {
        return "an address with a user name or a password".to_owned();
    }
    found
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
