//! Takes values out of tables and collects every mistake on the way.

use core::net::SocketAddr;
use toml::de::{DeTable, DeValue};

/// A mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Line, from 1; 0 where a key is missing.
    pub line: usize,
    /// `[table] key`.
    pub key: String,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub allowed: String,
}

/// Collects mistakes while values are taken out.
pub(super) struct Seen<'t> {
    pub(super) text: &'t str,
    pub(super) mistakes: Vec<Mistake>,
}

impl Seen<'_> {
    pub(super) fn known(&mut self, table: &DeTable<'_>, name: &str, keys: &[&str]) {
        for (key, _) in table {
            let found: &str = key.get_ref();
            if !keys.contains(&found) {
                self.mistakes.push(Mistake {
                    line: line_of(self.text, key.span().start),
                    key: place(name, found),
                    found: "an unknown key".to_owned(),
                    allowed: keys.join(", "),
                });
            }
        }
    }

    pub(super) fn missing(&mut self, key: &str, allowed: &str) {
        self.mistakes.push(Mistake {
            line: 0,
            key: key.to_owned(),
            found: "nothing".to_owned(),
            allowed: allowed.to_owned(),
        });
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
        let line = line_of(self.text, value.span().start);
        if let Some(taken) = take(value.get_ref()) {
            return Some((taken, line));
        }
        let found = self.text.get(value.span()).unwrap_or("?");
        self.mistakes.push(Mistake {
            line,
            key: place(name, key),
            found: found.chars().take(80).collect(),
            allowed: allowed.to_owned(),
        });
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

/// Line of a byte, from 1.
pub(super) fn line_of(text: &str, byte: usize) -> usize {
    let before = text.as_bytes().get(..byte).unwrap_or(text.as_bytes());
    before
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
        .saturating_add(1)
}
