//! What is wrong with a configuration, in exactly one form.

use crate::limit::{CONFIG_ERRORS, CONFIG_QUOTE_CHARS};
use core::fmt;

/// Why a file could not be read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unreadable {
    /// There is none of this name.
    Missing,
    /// The system does not allow us to read it.
    Forbidden,
    /// It could not be read for another reason.
    Failed,
}

impl Unreadable {
    /// From an error of open(2) or read(2).
    #[must_use]
    pub(super) fn of(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Self::Missing,
            std::io::ErrorKind::PermissionDenied => Self::Forbidden,
            _ => Self::Failed,
        }
    }
}

/// One fault of a configuration file: where, what was found, and what is allowed there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigError {
    /// The file, as it was named.
    pub file: String,
    /// The line, counted from 1; 0 where the file could not be read at all.
    pub line: u32,
    /// The key with its table, like `sample.interval`.
    pub key: String,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub allowed: String,
    /// The file itself could not be read; then `line` is 0.
    pub unreadable: Option<Unreadable>,
}

impl ConfigError {
    /// The file at `file` could not be read, and `needed` says what it should have been.
    pub(super) fn unreadable(file: &str, error: &std::io::Error, needed: &str) -> Self {
        let unreadable = Unreadable::of(error);
        let found = match unreadable {
            Unreadable::Missing => "there is no such file".into(),
            Unreadable::Forbidden => "not allowed to read it".into(),
            Unreadable::Failed => error.to_string(),
        };
        Self {
            file: file.into(),
            line: 0,
            key: "file".into(),
            found,
            allowed: needed.into(),
            unreadable: Some(unreadable),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.unreadable.is_some() {
            return write!(
                out,
                "{}: {}; needed: {}",
                self.file, self.found, self.allowed
            );
        }
        write!(
            out,
            "{}:{}: {}: found {}; allowed {}",
            self.file, self.line, self.key, self.found, self.allowed
        )
    }
}

impl core::error::Error for ConfigError {}

/// All faults of a configuration, in the order of its files and their lines; never empty, at most [`CONFIG_ERRORS`] and one that counts the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    list: Vec<ConfigError>,
}

impl ConfigErrors {
    /// Sorts by line and cuts to the bound; `beyond` more were not gathered.
    pub(super) fn sorted(mut list: Vec<ConfigError>, beyond: usize) -> Self {
        list.sort_by_key(|error| error.line);
        list.dedup();
        if let Some(more) = list
            .len()
            .saturating_add(beyond)
            .checked_sub(CONFIG_ERRORS)
            .filter(|more| *more > 0)
        {
            list.truncate(CONFIG_ERRORS);
            if let Some(last) = list.last().cloned() {
                list.push(ConfigError {
                    key: "more".into(),
                    found: format!("{more} further faults"),
                    allowed: "none".into(),
                    ..last
                });
            }
        }
        Self { list }
    }

    /// Faults of several files, in the order of the files; cut to the bound.
    pub(super) fn of(mut list: Vec<ConfigError>) -> Self {
        list.truncate(CONFIG_ERRORS);
        Self { list }
    }

    /// The same, their lines no longer counted over all files.
    pub(super) fn located<'f>(mut self, place: impl Fn(u32) -> (&'f str, u32)) -> Self {
        for error in &mut self.list {
            let (file, line) = place(error.line);
            file.clone_into(&mut error.file);
            error.line = line;
        }
        self
    }

    /// The faults.
    #[must_use]
    pub fn list(&self) -> &[ConfigError] {
        &self.list
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self { list: vec![error] }
    }
}

impl fmt::Display for ConfigErrors {
    /// One line each.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, error) in self.list.iter().enumerate() {
            if place > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{error}")?;
        }
        Ok(())
    }
}

impl core::error::Error for ConfigErrors {}

/// `text` in quotation marks, control characters escaped, cut to a readable length. What stands before an @ in an
/// address may be a password, and is not repeated.
pub(super) fn quote(text: &str) -> String {
    if let Some((scheme, rest)) = text.split_once("://")
        && let Some((_, host)) = rest.rsplit_once('@')
    {
        return quote_all(&format!("{scheme}://…@{host}"));
    }
    quote_all(text)
}

fn quote_all(text: &str) -> String {
    let mut quoted = String::from("\"");
    let mut chars = text.chars();
    for char in chars.by_ref().take(CONFIG_QUOTE_CHARS) {
        match char {
            '"' => quoted.push_str("\\\""),
            char if char.is_control() => quoted.extend(char.escape_default()),
            char => quoted.push(char),
        }
    }
    if chars.next().is_some() {
        quoted.push('…');
    }
    quoted.push('"');
    quoted
}

/// The name of `known` nearest to `name`, where it is near enough to be a slip of the keyboard.
pub(super) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // Longer names are no slip, and the distance costs the product of the lengths.
    if name.chars().count() > 40 {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= 2.max(candidate.len() / 3)
                || name.starts_with(candidate)
                || (name.len() >= 4 && candidate.starts_with(name))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edit distance of Levenshtein, in one row.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i.saturating_add(1);
        for (cell, to) in row.iter_mut().skip(1).zip(&b) {
            let above = *cell;
            let replace = diagonal.saturating_add(usize::from(from != *to));
            *cell = replace
                .min(above.saturating_add(1))
                .min(left.saturating_add(1));
            diagonal = above;
            left = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i.saturating_add(1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{ConfigError, ConfigErrors, distance, nearest, quote};
    use crate::limit::CONFIG_ERRORS;

    #[test]
    fn distances_are_those_of_levenshtein() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("interval", "interval"), 0);
        assert_eq!(distance("intreval", "interval"), 2);
    }

    #[test]
    fn only_near_names_are_suggested() {
        let known = ["interval", "root", "source"];
        assert_eq!(nearest("intervall", known), Some("interval"));
        assert_eq!(nearest("interval_ms", known), Some("interval"));
        assert_eq!(nearest("rot", known), Some("root"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest(&"x".repeat(1000), known), None);
    }

    #[test]
    fn quotations_stay_one_short_line() {
        assert_eq!(quote("a\"b\nc"), "\"a\\\"b\\nc\"");
        assert_eq!(
            quote("u = 'ftp://me:word@host/'"),
            "\"u = 'ftp://…@host/'\""
        );
        assert_eq!(quote(&"語".repeat(100)).chars().count(), 83);
    }

    #[test]
    fn faults_are_bounded_and_the_rest_is_counted() {
        let errors = (0..250_u32).rev().map(|line| ConfigError {
            file: "f".into(),
            line,
            key: "k".into(),
            found: "x".into(),
            allowed: "y".into(),
            unreadable: None,
        });
        let errors = ConfigErrors::sorted(errors.collect(), 0);
        assert_eq!(errors.list().len(), CONFIG_ERRORS + 1);
        assert_eq!(errors.list()[0].to_string(), "f:0: k: found x; allowed y");
        assert!(
            errors
                .to_string()
                .ends_with("more: found 150 further faults; allowed none")
        );
    }
}
