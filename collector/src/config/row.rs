//! Values of a row, taken out by kind.

use super::reader::{Row, Seen, place, shown};
use super::value::{
    Text, body, duration_ms, duration_text, is_id, is_line, is_telephone, is_url, minute_of_day,
};
use crate::limit::{LIST_ITEMS, NAME_CHARACTERS, TABLE_ROWS};
use crate::zone::Zone;
use core::ops::RangeInclusive;
use hansho::code::{self, CodeError, Language};
use std::collections::BTreeSet;
use toml::de::{DeTable, DeValue};

const ID: &str = "1 to 64 characters on one line, without / and without spaces at the ends";
const TEXT: &str = "a text of at most 2000 characters without control characters, or { ja = \"...\", en = \"...\" }";

impl<'r> Row<'r> {
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }
}

impl Seen<'_> {
    /// The table `key` of the root; an empty one where it is not there.
    pub(super) fn row<'r>(
        &mut self,
        root: &'r DeTable<'_>,
        key: &'r str,
        empty: &'r DeTable<'r>,
    ) -> Row<'r> {
        let line = root
            .get_key_value(key)
            .map_or(0, |(name, _)| self.line(name.span().start));
        Row {
            table: self.table(root, key).unwrap_or(empty),
            name: key,
            line,
        }
    }

    /// A table within a row.
    pub(super) fn inner<'r>(&mut self, row: &Row<'r>, key: &str, name: &'r str) -> Option<Row<'r>> {
        let found = self.value(row.table, row.name, key, "a table", |value| match value {
            DeValue::Table(table) => Some(table),
            _ => None,
        });
        found.map(|(table, line)| Row { table, name, line })
    }

    /// The rows of `[[key]]`.
    pub(super) fn rows<'r>(
        &mut self,
        root: &'r DeTable<'_>,
        key: &'static str,
        name: &'static str,
    ) -> Vec<Row<'r>> {
        let allowed = format!("at most {TABLE_ROWS} tables, each under [[{key}]]");
        let found = self.value(root, "", key, &allowed, |value| {
            let array = value.as_array()?;
            let tables = array.iter().map(|item| match item.get_ref() {
                DeValue::Table(table) => Some((table, item.span().start)),
                _ => None,
            });
            let tables: Option<Vec<_>> = tables.collect();
            tables.filter(|tables| tables.len() <= TABLE_ROWS)
        });
        let (tables, _) = found.unwrap_or_default();
        tables
            .into_iter()
            .map(|(table, start)| Row {
                table,
                name,
                line: self.line(start),
            })
            .collect()
    }

    /// A value of a row.
    pub(super) fn take<'r, T>(
        &mut self,
        row: &Row<'r>,
        key: &str,
        allowed: &str,
        take: impl FnOnce(&'r DeValue<'_>) -> Option<T>,
    ) -> Option<T> {
        self.value(row.table, row.name, key, allowed, take)
            .map(|(value, _)| value)
    }

    /// The line of a key's value, else of its row.
    pub(super) fn line_in(&self, row: &Row<'_>, key: &str) -> usize {
        row.table
            .get(key)
            .map_or(row.line, |value| self.line(value.span().start))
    }

    /// Refuses a value that is of the right kind.
    pub(super) fn refuse_in(
        &mut self,
        row: &Row<'_>,
        key: &str,
        found: impl Into<String>,
        allowed: impl Into<String>,
    ) {
        let line = self.line_in(row, key);
        self.refuse(line, place(row.name, key), found, allowed);
    }

    /// Refuses a row that lacks a key.
    pub(super) fn needs(&mut self, row: &Row<'_>, key: &str, allowed: &str) {
        if !row.has(key) {
            self.refuse(row.line, place(row.name, key), "nothing", allowed);
        }
    }

    /// A text that `fits`.
    pub(super) fn line_of_text(
        &mut self,
        row: &Row<'_>,
        key: &str,
        allowed: &str,
        fits: impl Fn(&str) -> bool,
    ) -> Option<String> {
        self.take(row, key, allowed, |value| {
            value.as_str().filter(|text| fits(text)).map(str::to_owned)
        })
    }

    pub(super) fn id(&mut self, row: &Row<'_>, key: &str) -> Option<String> {
        self.line_of_text(row, key, ID, is_id)
    }

    pub(super) fn needed_id(&mut self, row: &Row<'_>, key: &str) -> Option<String> {
        self.needs(row, key, ID);
        self.id(row, key)
    }

    pub(super) fn telephone(&mut self, row: &Row<'_>, key: &str) -> Option<String> {
        let allowed = "a telephone number, at most 128 characters on one line";
        self.line_of_text(row, key, allowed, is_telephone)
    }

    pub(super) fn url(&mut self, row: &Row<'_>, key: &str) -> Option<String> {
        let allowed = "https://HOST[:PORT]/PATH (or http://), at most 1024 ASCII characters, without user name and fragment";
        self.line_of_text(row, key, allowed, is_url)
    }

    /// The name of a thing in one line, in both languages.
    pub(super) fn name(&mut self, row: &Row<'_>, key: &str) -> Option<Text> {
        let allowed =
            "a text of one line, at most 64 characters, or { ja = \"...\", en = \"...\" }";
        self.take(row, key, allowed, |value| {
            let fits = |text: &str| is_line(text, NAME_CHARACTERS).then(|| text.to_owned());
            text_of(value, &fits)
        })
    }

    pub(super) fn text_in(&mut self, row: &Row<'_>, key: &str) -> Option<Text> {
        self.take(row, key, TEXT, |value| text_of(value, &body))
    }

    /// A list of texts; one alone may stand without brackets.
    pub(super) fn texts(&mut self, row: &Row<'_>, key: &str) -> Vec<Text> {
        let allowed = format!("a list of at most {LIST_ITEMS}, each {TEXT}");
        self.list(row, key, &allowed, |value| text_of(value, &body))
    }

    /// A list whose items `take` accepts; one alone may stand without brackets.
    pub(super) fn list<T>(
        &mut self,
        row: &Row<'_>,
        key: &str,
        allowed: &str,
        take: impl Fn(&DeValue<'_>) -> Option<T>,
    ) -> Vec<T> {
        self.take(row, key, allowed, |value| match value.as_array() {
            Some(array) if (1..=LIST_ITEMS).contains(&array.len()) => {
                array.iter().map(|item| take(item.get_ref())).collect()
            }
            Some(_) => None,
            None => take(value).map(|one| vec![one]),
        })
        .unwrap_or_default()
    }

    pub(super) fn word<T: Copy>(
        &mut self,
        row: &Row<'_>,
        key: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        self.take(row, key, &spelled(words), |value| {
            word_of(value.as_str()?, words)
        })
    }

    pub(super) fn words<T: Copy>(
        &mut self,
        row: &Row<'_>,
        key: &str,
        words: &[(&str, T)],
    ) -> Vec<T> {
        let allowed = format!("one or a list of {}", spelled(words));
        self.list(row, key, &allowed, |value| word_of(value.as_str()?, words))
    }

    pub(super) fn language(&mut self, row: &Row<'_>, key: &str) -> Option<Language> {
        self.word(row, key, &[("ja", Language::Ja), ("en", Language::En)])
    }

    pub(super) fn zone(&mut self, row: &Row<'_>, key: &str) -> Option<Zone> {
        self.take(
            row,
            key,
            "a distance from UTC such as \"+09:00\"",
            |value| Zone::fixed(value.as_str()?),
        )
    }

    pub(super) fn flag(&mut self, row: &Row<'_>, key: &str) -> Option<bool> {
        self.boolean(row.table, row.name, key)
    }

    pub(super) fn whole(
        &mut self,
        row: &Row<'_>,
        key: &str,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        let range = i64::from(*range.start())..=i64::from(*range.end());
        self.integer(row.table, row.name, key, range)
            .and_then(|whole| u32::try_from(whole).ok())
    }

    /// A time in milliseconds.
    pub(super) fn duration(
        &mut self,
        row: &Row<'_>,
        key: &str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let allowed = format!(
            "a time from \"{}\" to \"{}\" (units ms, s, m, h, d)",
            duration_text(*range.start()),
            duration_text(*range.end())
        );
        self.take(row, key, &allowed, |value| {
            duration_ms(value.as_str()?).filter(|millis| range.contains(millis))
        })
    }

    /// Minutes since midnight.
    pub(super) fn minutes(&mut self, row: &Row<'_>, key: &str) -> Vec<u64> {
        let allowed = "times of day from \"00:00\" to \"24:00\", e.g. [\"09:00\", \"17:00\"]";
        self.list(row, key, allowed, |value| minute_of_day(value.as_str()?))
    }

    /// Codes: `1002`, `"1002"`, `"HNS1002"`; of the customer's own range (7xxx) any, else those of this version.
    pub(super) fn codes(&mut self, row: &Row<'_>, key: &str) -> Vec<u16> {
        let allowed = "codes of this version or 7000 to 7999, e.g. \"HNS1002\" or 1002; `hansho codes` lists them";
        self.list(row, key, allowed, code_of)
    }

    pub(super) fn code(&mut self, row: &Row<'_>, key: &str) -> Option<u16> {
        let allowed = "a code of this version or 7000 to 7999, e.g. \"HNS1002\" or 1002; `hansho codes` lists them";
        self.needs(row, key, allowed);
        self.take(row, key, allowed, code_of)
    }

    /// An id that stands in `known`.
    pub(super) fn reference(
        &mut self,
        row: &Row<'_>,
        key: &str,
        what: &str,
        known: &BTreeSet<String>,
    ) -> Option<String> {
        let id = self.id(row, key)?;
        if known.contains(&id) {
            return Some(id);
        }
        self.refuse_in(row, key, quoted(&id), unknown(what, known));
        None
    }

    /// Ids that all stand in `known`, each once.
    pub(super) fn references(
        &mut self,
        row: &Row<'_>,
        key: &str,
        what: &str,
        known: &BTreeSet<String>,
    ) -> Vec<String> {
        let allowed = format!("one or a list of at most {LIST_ITEMS} ids of [[{what}]]");
        let ids: Vec<String> = self.list(row, key, &allowed, |value| {
            value.as_str().filter(|id| is_id(id)).map(str::to_owned)
        });
        let mut good: Vec<String> = Vec::new();
        for id in ids {
            if !known.contains(&id) {
                self.refuse_in(row, key, quoted(&id), unknown(what, known));
            } else if good.contains(&id) {
                self.refuse_in(row, key, format!("{} twice", quoted(&id)), "each once");
            } else {
                good.push(id);
            }
        }
        good
    }
}

/// What is wrong with an id that is not there.
fn unknown(what: &str, known: &BTreeSet<String>) -> String {
    const FEW: usize = 8;
    let mut some: Vec<&str> = known.iter().take(FEW).map(String::as_str).collect();
    if known.len() > FEW {
        some.push("...");
    }
    if some.is_empty() {
        return format!("the id of a [[{what}]]; there is none");
    }
    format!("the id of a [[{what}]]: {}", some.join(", "))
}

pub(super) fn quoted(id: &str) -> String {
    format!("\"{}\"", shown(id))
}

fn word_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Option<T> {
    words
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, value)| *value)
}

fn spelled<T>(words: &[(&str, T)]) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|(word, _)| format!("\"{word}\""))
        .collect();
    words.join(", ")
}

fn text_of(value: &DeValue<'_>, fits: &dyn Fn(&str) -> Option<String>) -> Option<Text> {
    if let Some(text) = value.as_str() {
        return fits(text).map(|text| Text::same(&text));
    }
    let table = value.as_table()?;
    let of = |key: &str| match table.get(key) {
        None => Some(None),
        Some(text) => fits(text.get_ref().as_str()?).map(Some),
    };
    let (ja, en) = (of("ja")?, of("en")?);
    let others = table
        .iter()
        .any(|(key, _)| !matches!(key.get_ref().as_ref(), "ja" | "en"));
    match (ja, en) {
        _ if others => None,
        (Some(ja), Some(en)) => Some(Text { ja, en }),
        (Some(one), None) | (None, Some(one)) => Some(Text::same(&one)),
        (None, None) => None,
    }
}

fn code_of(value: &DeValue<'_>) -> Option<u16> {
    let text = match value.as_integer() {
        Some(integer) => integer.as_str(),
        None => value.as_str()?,
    };
    match code::parse(text) {
        Ok(entry) => Some(entry.number),
        Err(CodeError::Unknown(number)) if (7000..=7999).contains(&number) => Some(number),
        Err(_) => None,
    }
}
