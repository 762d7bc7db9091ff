//! The files of one configuration as one document: agent.toml, then those of agent.d in the order of their names.
//!
//! Each file is TOML of its own. Their places are made places in one text, as if the files stood one after the other, so
//! that whoever judges a value knows nothing of files; [`super::reader::Reader`] tells the file and its line again.

use super::error::{ConfigError, ConfigErrors, quote};
use super::file::{self, Beside};
use super::reader::{Reader, describe};
use super::{CONFIG_VERSION, whole};
use crate::limit::{CONFIG_BYTES, CONFIG_FILE_NAME_BYTES, CONFIG_FILES};
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One file of a configuration, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// How it was named: for faults.
    pub name: String,
    /// What stands in it.
    pub bytes: Vec<u8>,
}

/// The directory whose `*.toml` add to a configuration: `agent.d` beside `agent.toml`.
#[must_use]
pub fn directory(path: &Path) -> PathBuf {
    path.with_extension("d")
}

/// Reads agent.toml and what adds to it, as far as they can be read; and why not.
pub(super) fn read(path: &Path) -> (Vec<ConfigFile>, Vec<ConfigError>) {
    let mut files = Vec::new();
    let mut faults = Vec::new();
    let name = path.display().to_string();
    match file::configuration(path) {
        Ok(bytes) => files.push(ConfigFile { name, bytes }),
        Err(error) => faults.push(ConfigError::unreadable(
            &name,
            &error,
            "the configuration of the agent",
        )),
    }
    let directory = directory(path);
    let name = directory.display().to_string();
    let names = match file::names_beside(&directory) {
        Ok(names) => names,
        Err(error) => {
            let needed = "a directory whose *.toml add to the configuration, or nothing";
            faults.push(ConfigError::unreadable(&name, &error, needed));
            return (files, faults);
        }
    };
    if names.len() > CONFIG_FILES {
        let found = format!("more than {CONFIG_FILES} files *.toml");
        let allowed = format!("at most {CONFIG_FILES}");
        faults.extend(fault(&name, found, &allowed).list().iter().cloned());
        return (files, faults);
    }
    let mut room = CONFIG_BYTES.saturating_sub(files.first().map_or(0, |file| file.bytes.len()));
    for path in names.iter().map(|name| directory.join(name)) {
        match beside(&path, room) {
            Ok(file) => {
                room = room.saturating_sub(file.bytes.len());
                files.push(file);
            }
            Err(error) => faults.extend(error.list().iter().cloned()),
        }
    }
    (files, faults)
}

/// One file of the directory; `room` is what the files before it left of [`CONFIG_BYTES`].
fn beside(path: &Path, room: usize) -> Result<ConfigFile, ConfigErrors> {
    let name = path.display().to_string();
    let short = path.file_name().and_then(|name| name.to_str());
    let plain =
        |name: &str| name.len() <= CONFIG_FILE_NAME_BYTES && !name.contains(char::is_control);
    if !short.is_some_and(plain) {
        let allowed = format!(
            "a name of at most {CONFIG_FILE_NAME_BYTES} bytes of UTF-8 without control characters"
        );
        let directory = path.parent().unwrap_or(path).display().to_string();
        let called = path.file_name().unwrap_or_default().to_string_lossy();
        let found = format!("a file called {}", quote(&called));
        return Err(fault(&directory, found, &allowed));
    }
    match file::beside(path, room) {
        Ok(Beside::Content(bytes)) if bytes.len() <= room => Ok(ConfigFile { name, bytes }),
        Ok(Beside::Content(_)) => Err(fault(
            &name,
            "with it the files are larger than 1MiB",
            "at most 1MiB together",
        )),
        Ok(Beside::NotRegular) => Err(fault(
            &name,
            "something else than a regular file",
            "a regular file, or another ending than .toml",
        )),
        Err(error) => Err(ConfigError::unreadable(
            &name,
            &error,
            "a file of the configuration, as all *.toml here are",
        )
        .into()),
    }
}

fn fault(name: &str, found: impl Into<String>, allowed: &str) -> ConfigErrors {
    whole(name, 1, found, allowed)
}

/// The content of each file as text.
pub(super) fn texts(files: &[ConfigFile]) -> Result<Vec<(&str, &str)>, ConfigErrors> {
    let mut texts = Vec::new();
    let mut faults = Vec::new();
    for ConfigFile { name, bytes } in files {
        if bytes.len() > CONFIG_BYTES {
            let found = "a file larger than 1MiB";
            faults.extend(fault(name, found, "at most 1MiB").list().iter().cloned());
            continue;
        }
        match core::str::from_utf8(bytes) {
            Ok(text) => texts.push((name.as_str(), text)),
            Err(error) => {
                let before = bytes.get(..error.valid_up_to()).unwrap_or(bytes);
                let lines = before.iter().filter(|byte| **byte == b'\n').count();
                let line = u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(1);
                let refused = whole(name, line, "bytes that are not UTF-8", "UTF-8 text");
                faults.extend(refused.list().iter().cloned());
            }
        }
    }
    if faults.is_empty() {
        Ok(texts)
    } else {
        Err(ConfigErrors::of(faults))
    }
}

/// All files as one document: tables and lists add, a value is given once.
pub(super) fn document<'d>(
    reader: &mut Reader<'_>,
    texts: &[(&'d str, &'d str)],
) -> Spanned<DeTable<'d>> {
    let mut whole = Spanned::new(0..0, DeTable::new());
    for (place, (_, text)) in texts.iter().enumerate() {
        let (document, errors) = DeTable::parse_recoverable(text);
        reader.refuse_syntax(place, &errors);
        if place == 0 {
            whole = document;
            continue;
        }
        let mut table = moved(document.into_inner(), reader.beginning(place));
        if let Some(version) = table.remove("config_version") {
            check_version(reader, &version);
        }
        add(reader, whole.get_mut(), table, "");
    }
    whole
}

/// Only the first file must say its version; another may.
fn check_version(reader: &mut Reader<'_>, version: &Spanned<DeValue<'_>>) {
    let found = describe(version.get_ref());
    if found != CONFIG_VERSION.to_string() {
        let line = reader.line(&version.span());
        reader.refuse(line, "config_version", found, "1, or nothing");
    }
}

/// The same table with its places so many bytes further on. The parser bounds how deep it nests.
fn moved(table: DeTable<'_>, by: usize) -> DeTable<'_> {
    table
        .into_iter()
        .map(|(key, value)| {
            let span = later(&key, by);
            (Spanned::new(span, key.into_inner()), moved_value(value, by))
        })
        .collect()
}

fn moved_value(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = later(&value, by);
    let value = match value.into_inner() {
        DeValue::Table(table) => DeValue::Table(moved(table, by)),
        DeValue::Array(array) => {
            DeValue::Array(array.into_iter().map(|one| moved_value(one, by)).collect())
        }
        other => other,
    };
    Spanned::new(span, value)
}

fn later<T>(spanned: &Spanned<T>, by: usize) -> core::ops::Range<usize> {
    let span = spanned.span();
    span.start.saturating_add(by)..span.end.saturating_add(by)
}

/// Adds one file's table to what the files before it gave; `within` is its name with a dot behind it.
fn add<'d>(reader: &mut Reader<'_>, whole: &mut DeTable<'d>, table: DeTable<'d>, within: &str) {
    for (key, value) in table {
        let line = reader.line(&key.span());
        let name = key.get_ref().as_ref();
        let Some(first) = whole.get_key_value(name).map(|(first, _)| first.span()) else {
            whole.insert(key, value);
            continue;
        };
        let full = format!("{within}{name}");
        let Some(known) = whole.get_mut(name) else {
            continue;
        };
        match (known.get_mut(), value.into_inner()) {
            (DeValue::Table(known), DeValue::Table(more)) => {
                add(reader, known, more, &format!("{full}."));
            }
            (DeValue::Array(known), DeValue::Array(more)) => {
                for element in more {
                    known.push(element);
                }
            }
            (_, second) => {
                let found = format!("{}, a second time", describe(&second));
                let first = reader.place(reader.line(&first));
                let allowed = format!("once in all files; the first is in {first}");
                reader.refuse(line, &full, found, allowed);
            }
        }
    }
}
