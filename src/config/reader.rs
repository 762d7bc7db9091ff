//! Walks the parsed TOML, with the place of every key, and gathers faults instead of stopping at the first.

use super::error::{ConfigError, ConfigErrors, nearest, quote};
use super::plan::Given;
use super::units::{UnitError, parse_size, parse_time, size_text, time_text};
use crate::limit::{CONFIG_ERRORS, CONFIG_PATH_BYTES};
use core::ops::{Range, RangeInclusive};
use std::collections::BTreeSet;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Errors that are kept, so that a hostile file cannot fill the memory with them.
const GATHERED: usize = 10 * CONFIG_ERRORS;

/// What is known about the file while it is read.
///
/// Its files stand one after the other: a line is counted over all of them until it is told.
pub(super) struct Reader<'f> {
    files: Vec<Part<'f>>,
    /// Where each line ends, counted over all files.
    line_ends: Vec<usize>,
    errors: Vec<ConfigError>,
    /// Errors that were not kept.
    beyond: usize,
    given: Vec<Given>,
    /// Lines that are no TOML: what the parser makes of them is a guess, and not judged.
    broken: BTreeSet<u32>,
    /// One of them begins a table: then keys may stand in another than their own.
    broken_header: bool,
}

/// One file among them.
struct Part<'f> {
    name: &'f str,
    text: &'f str,
    /// Its first byte and its first line, counted over all files.
    beginning: usize,
    first_line: u32,
}

/// One table, and the keys that it may have.
pub(super) struct Section<'d> {
    name: String,
    table: &'d DeTable<'d>,
}

/// One value, with its full key and line.
pub(super) struct Item<'d> {
    pub(super) key: String,
    pub(super) line: u32,
    pub(super) value: &'d DeValue<'d>,
}

impl<'f> Reader<'f> {
    /// Of files with their texts, in their order.
    pub(super) fn new(texts: &[(&'f str, &'f str)]) -> Self {
        let mut files = Vec::new();
        let mut line_ends = Vec::new();
        let mut beginning = 0_usize;
        for (name, text) in texts {
            files.push(Part {
                name,
                text,
                beginning,
                first_line: u32::try_from(line_ends.len())
                    .unwrap_or(u32::MAX)
                    .saturating_add(1),
            });
            let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            line_ends.extend(ends.map(|(place, _)| beginning.saturating_add(place)));
            // One line more than it has, so that what is found at its end is not in the next file.
            beginning = beginning.saturating_add(text.len());
            line_ends.push(beginning);
            beginning = beginning.saturating_add(1);
        }
        Self {
            files,
            line_ends,
            errors: Vec::new(),
            beyond: 0,
            given: Vec::new(),
            broken: BTreeSet::new(),
            broken_header: false,
        }
    }

    /// Where a file begins, in bytes over all files.
    pub(super) fn beginning(&self, place: usize) -> usize {
        self.files.get(place).map_or(0, |file| file.beginning)
    }

    /// The number of the file in which a line stands, and its line there.
    fn located(&self, line: u32) -> (usize, u32) {
        let after = self.files.partition_point(|file| file.first_line <= line);
        let place = after.saturating_sub(1);
        let before = self.files.get(place).map_or(1, |file| file.first_line);
        (place, line.saturating_sub(before).saturating_add(1))
    }

    /// A line for faults: its file as it was named, and its number there.
    fn named(&self, line: u32) -> (&'f str, u32) {
        let (place, line) = self.located(line);
        (self.files.get(place).map_or("", |file| file.name), line)
    }

    /// A place for people: file and line.
    pub(super) fn place(&self, line: u32) -> String {
        let (file, line) = self.named(line);
        format!("{file}:{line}")
    }

    /// Another place as it is told in a fault at `line`: the line alone where both are in one file.
    pub(super) fn place_from(&self, line: u32, other: u32) -> String {
        let ((here, _), (there, number)) = (self.located(line), self.located(other));
        if here == there {
            format!("line {number}")
        } else {
            self.place(other)
        }
    }

    /// The file of a line without its directories, but for that of the files that add; what an origin says.
    fn origin_file(&self, line: u32) -> String {
        let (place, _) = self.located(line);
        let (name, _) = self.named(line);
        let mut parts = name.rsplit('/');
        let last = parts.next().unwrap_or(name);
        match parts.next().filter(|_| place > 0) {
            Some(directory) => format!("{directory}/{last}"),
            None => last.into(),
        }
    }

    /// A line as an origin says it: like `agent.toml:41` or `agent.d/10-db.toml:3`.
    pub(super) fn origin(&self, line: u32) -> String {
        let (_, number) = self.located(line);
        format!("{}:{number}", self.origin_file(line))
    }

    /// The line of a place, counted from 1 over all files.
    pub(super) fn line(&self, span: &Range<usize>) -> u32 {
        let before = self.line_ends.partition_point(|end| *end < span.start);
        u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
    }

    pub(super) fn refuse(
        &mut self,
        line: u32,
        key: &str,
        found: impl Into<String>,
        allowed: impl Into<String>,
    ) {
        if self.broken.contains(&line) {
            return;
        }
        // Gathered in the order of the tables and told in that of the lines: hence more than are told.
        if self.errors.len() >= GATHERED {
            self.beyond = self.beyond.saturating_add(1);
            return;
        }
        self.errors.push(ConfigError {
            file: String::new(),
            line,
            key: key.into(),
            found: found.into(),
            allowed: allowed.into(),
            unreadable: None,
        });
    }

    /// The text of a line, without spaces around it.
    fn content(&self, line: u32) -> &'f str {
        let (place, _) = self.located(line);
        let Some(file) = self.files.get(place) else {
            return "";
        };
        let number = usize::try_from(line.saturating_sub(1)).unwrap_or(0);
        let before = number
            .checked_sub(1)
            .and_then(|before| self.line_ends.get(before));
        let start = before.map_or(0, |end| end.saturating_add(1));
        let end = self.line_ends.get(number).copied().unwrap_or(start);
        let within = |offset: usize| offset.saturating_sub(file.beginning);
        let text = file.text.get(within(start)..within(end));
        text.unwrap_or("").trim()
    }

    /// What is no TOML at all in one of the files, in the words of the parser.
    pub(super) fn refuse_syntax(&mut self, place: usize, errors: &[toml::de::Error]) {
        let beginning = self.beginning(place);
        let mut broken = BTreeSet::new();
        for error in errors {
            let start = error.span().map_or(0, |span| span.start);
            let start = start.saturating_add(beginning);
            let line = self.line(&(start..start));
            // The parser may stumble several times over one slip; the first says most.
            if !broken.insert(line) {
                continue;
            }
            let content = self.content(line);
            let found = if content.is_empty() {
                "an empty line".into()
            } else {
                quote(content)
            };
            self.broken_header |= content.starts_with('[');
            let message = error.message().replace('\n', " ");
            self.refuse(line, "toml", found, format!("valid TOML ({message})"));
        }
        self.broken.extend(broken);
    }

    /// Whether something is no TOML: then a missing key may only be unreadable.
    pub(super) fn is_broken(&self) -> bool {
        !self.broken.is_empty()
    }

    /// The line of a key that was given and right.
    pub(super) fn given_line(&self, key: &str) -> Option<u32> {
        let given = self.given.iter().find(|given| given.key == key);
        given.map(|given| given.line)
    }

    /// How many faults were found so far.
    pub(super) fn faults(&self) -> usize {
        self.errors.len().saturating_add(self.beyond)
    }

    pub(super) fn give(&mut self, item: &Item<'_>) {
        // Of a rule, what is said of one subject goes before what is said of all.
        self.given.retain(|given| given.key != item.key);
        self.given.push(Given {
            key: item.key.clone(),
            file: String::new(),
            line: item.line,
        });
    }

    /// All that was given, or all that is wrong.
    pub(super) fn finish(mut self) -> Result<Vec<Given>, ConfigErrors> {
        if self.errors.is_empty() {
            let mut all = std::mem::take(&mut self.given);
            all.sort_by_key(|given| given.line);
            for given in &mut all {
                given.file = self.origin_file(given.line);
                (_, given.line) = self.located(given.line);
            }
            return Ok(all);
        }
        let errors = ConfigErrors::sorted(std::mem::take(&mut self.errors), self.beyond);
        Err(errors.located(|line| self.named(line)))
    }

    /// The value of a key as a table with known keys; anything else is refused.
    pub(super) fn section<'d>(&mut self, item: &Item<'d>, known: &[&str]) -> Option<Section<'d>> {
        let DeValue::Table(table) = item.value else {
            let allowed = if item.key.contains('.') {
                format!("a table with {}", list(known))
            } else {
                format!("a table [{}]", item.key)
            };
            self.refuse(item.line, &item.key, describe(item.value), allowed);
            return None;
        };
        let section = Section {
            name: item.key.clone(),
            table,
        };
        self.check_keys(&section, known);
        Some(section)
    }

    /// Refuses what a table may not have, with the nearest name that it may.
    pub(super) fn check_keys(&mut self, section: &Section<'_>, known: &[&str]) {
        self.check_keys_but(section, known, &[]);
    }

    /// The same, and says nothing about the keys of `told`.
    pub(super) fn check_keys_but(&mut self, section: &Section<'_>, known: &[&str], told: &[&str]) {
        if self.broken_header {
            return;
        }
        for (key, _) in section.table {
            let name = key.get_ref().as_ref();
            if known.contains(&name) || told.contains(&name) {
                continue;
            }
            let line = self.line(&key.span());
            let near = nearest(name, known.iter().copied());
            let meant = near.map(|near| format!("; did you mean {near}?"));
            let allowed = format!("{}{}", list(known), meant.unwrap_or_default());
            let full = section.full(&quote_key(name));
            self.refuse(line, &full, "an unknown key", allowed);
        }
    }

    pub(super) fn item<'d>(&self, section: &Section<'d>, name: &str) -> Option<Item<'d>> {
        let (key, value) = section.table.get_key_value(name)?;
        Some(Item {
            key: section.full(name),
            line: self.line(&key.span()),
            value: value.get_ref(),
        })
    }

    /// Reads a key into its place, where it is given and right.
    pub(super) fn read<T>(
        &mut self,
        section: &Section<'_>,
        name: &str,
        place: &mut T,
        how: impl FnOnce(&mut Self, &Item<'_>) -> Option<T>,
    ) {
        let Some(item) = self.item(section, name) else {
            return;
        };
        if let Some(value) = how(self, &item) {
            *place = value;
            self.give(&item);
        }
    }

    pub(super) fn wrong<T>(&mut self, item: &Item<'_>, allowed: impl Into<String>) -> Option<T> {
        self.refuse(item.line, &item.key, describe(item.value), allowed);
        None
    }

    pub(super) fn boolean(&mut self, item: &Item<'_>) -> Option<bool> {
        match item.value {
            DeValue::Boolean(value) => Some(*value),
            _ => self.wrong(item, "true or false"),
        }
    }

    pub(super) fn text<'d>(&mut self, item: &Item<'d>, allowed: &str) -> Option<&'d str> {
        match item.value {
            DeValue::String(text) => Some(text.as_ref()),
            _ => self.wrong(item, allowed),
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, item: &Item<'_>, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<String> = words
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        let allowed = names.join(" or ");
        let text = self.text(item, &allowed)?;
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Some(*value),
            None => self.wrong(item, allowed),
        }
    }

    /// An absolute path.
    pub(super) fn path(&mut self, item: &Item<'_>) -> Option<PathBuf> {
        self.path_or(item, "")
    }

    /// An absolute path; `or` as in [`Reader::time_or`].
    pub(super) fn path_or(&mut self, item: &Item<'_>, or: &str) -> Option<PathBuf> {
        let allowed = format!("{or}an absolute path of at most {CONFIG_PATH_BYTES} bytes");
        let text = self.text(item, &allowed)?;
        let right = text.starts_with('/')
            && text.len() <= CONFIG_PATH_BYTES
            && !text.contains(char::is_control);
        if right {
            Some(text.into())
        } else {
            self.wrong(item, allowed)
        }
    }

    /// A time in milliseconds.
    pub(super) fn time(&mut self, item: &Item<'_>, range: RangeInclusive<u64>) -> Option<u32> {
        self.time_or(item, "", range)
    }

    /// A time, where something else was possible too: `or` says what, and ends in "or ".
    pub(super) fn time_or(
        &mut self,
        item: &Item<'_>,
        or: &str,
        range: RangeInclusive<u64>,
    ) -> Option<u32> {
        let allowed = format!(
            "{or}a time from {} to {} such as \"10s\" (ms, s, m, h)",
            time_text(*range.start()),
            time_text(*range.end())
        );
        let value = self.unit(item, parse_time, range, &allowed)?;
        u32::try_from(value).ok()
    }

    /// A size in bytes; `or` as in [`Reader::time_or`].
    pub(super) fn size_or(
        &mut self,
        item: &Item<'_>,
        or: &str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let allowed = format!(
            "{or}a size from {} to {} such as \"8MiB\" (B, KiB, MiB, GiB, TiB)",
            size_text(*range.start()),
            size_text(*range.end())
        );
        self.unit(item, parse_size, range, &allowed)
    }

    fn unit(
        &mut self,
        item: &Item<'_>,
        parse: fn(&str) -> Result<u64, UnitError>,
        range: RangeInclusive<u64>,
        allowed: &str,
    ) -> Option<u64> {
        let text = self.text(item, allowed)?;
        match parse(text) {
            Ok(value) if range.contains(&value) => Some(value),
            Ok(_) => self.wrong(item, allowed),
            Err(error) => self.wrong(item, format!("{allowed}; {error}")),
        }
    }

    /// A list of at most so many; its elements bear the line where each stands.
    pub(super) fn list<'d>(&mut self, item: &Item<'d>, most: usize, what: &str) -> Vec<Item<'d>> {
        let allowed = format!("a list of at most {most} {what}");
        let DeValue::Array(array) = item.value else {
            let _: Option<()> = self.wrong(item, allowed);
            return Vec::new();
        };
        if array.len() > most {
            self.refuse(
                item.line,
                &item.key,
                format!("{} of them", array.len()),
                allowed,
            );
            return Vec::new();
        }
        let element = |value: &'d Spanned<DeValue<'d>>| Item {
            key: item.key.clone(),
            line: self.line(&value.span()),
            value: value.get_ref(),
        };
        array.iter().map(element).collect()
    }
}

impl<'d> Section<'d> {
    /// Another name for the same table, for its keys.
    pub(super) const fn renamed(&self, name: String) -> Self {
        Self {
            name,
            table: self.table,
        }
    }

    /// The table of the whole file; its keys have no prefix.
    pub(super) const fn root(table: &'d DeTable<'d>) -> Self {
        Self {
            name: String::new(),
            table,
        }
    }

    /// The full name of a key in this table.
    pub(super) fn full(&self, name: &str) -> String {
        if self.name.is_empty() {
            name.into()
        } else {
            format!("{}.{name}", self.name)
        }
    }
}

/// Names, for people.
pub(super) fn list(names: &[&str]) -> String {
    names.join(", ")
}

/// A key as it stands in a message: as it is where it is a bare key, else quoted.
fn quote_key(name: &str) -> String {
    let bare = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
    if !name.is_empty() && name.len() <= 64 && name.chars().all(bare) {
        name.into()
    } else {
        quote(name)
    }
}

/// What stands in a value, for people.
pub(super) fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quote(text),
        DeValue::Integer(integer) => bounded(&integer.to_string()),
        DeValue::Float(float) => bounded(float.as_str()),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(date) => bounded(&date.to_string()),
        DeValue::Array(array) => match array.first().map(Spanned::get_ref) {
            None => "an empty list".into(),
            Some(DeValue::Table(_)) => "a list of tables".into(),
            Some(_) if array.len() <= 4 => {
                let parts: Vec<String> = array
                    .iter()
                    .map(|part| match part.get_ref() {
                        DeValue::Array(_) => "a list".into(),
                        other => describe(other),
                    })
                    .collect();
                format!("[{}]", parts.join(", "))
            }
            Some(_) => format!("a list of {}", array.len()),
        },
        DeValue::Table(_) => "a table".into(),
    }
}

/// A number of any length, cut.
fn bounded(number: &str) -> String {
    let mut text: String = number.chars().take(40).collect();
    if text.len() < number.len() {
        text.push('…');
    }
    text
}
