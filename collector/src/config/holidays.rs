//! `[holidays]`: the national holidays of Japan, from the Cabinet Office's file as it comes.
//!
//! `syukujitsu.csv`: Shift_JIS, lines end with CR LF, the header is 国民の祝日・休日月日,国民の祝日・休日名称, and each row a date
//! such as 2026/1/1 with its name. It is published each February for the year that follows. One saved as UTF-8 is read too.

use super::csv;
use super::files::refuse_beside;
use super::reader::{Seen, shown};
use super::value::is_line;
use crate::clock::Date;
use crate::limit::{MISTAKES, NAME_CHARACTERS};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const HEADER: [&str; 2] = ["国民の祝日・休日月日", "国民の祝日・休日名称"];

/// Holidays by date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holidays {
    /// Their file.
    pub file: PathBuf,
    /// Name of each.
    pub days: BTreeMap<Date, String>,
}

impl Holidays {
    /// The last one; nothing is known of the years after it.
    #[must_use]
    pub fn last(&self) -> Option<Date> {
        self.days.keys().next_back().copied()
    }
}

/// Parses the file; every mistake goes to `seen`.
pub(super) fn parse(seen: &mut Seen<'_>, path: &Path, bytes: &[u8]) -> Holidays {
    let mut days = BTreeMap::new();
    let mut mistakes: Vec<(usize, &str, String, String)> = Vec::new();
    match decode(bytes) {
        None => {
            let allowed = "Shift_JIS as it was published, or UTF-8".to_owned();
            mistakes.push((0, "encoding", "another".to_owned(), allowed));
        }
        Some(text) => {
            let mut lines = csv::lines(&text);
            let header = lines.next();
            let names = header
                .as_ref()
                .map(|line| line.fields.as_slice())
                .unwrap_or_default();
            if names != HEADER {
                let found = shown(&names.join(","));
                let found = if found.is_empty() {
                    "nothing".to_owned()
                } else {
                    found
                };
                mistakes.push((1, "header", found, HEADER.join(",")));
                lines.by_ref().for_each(drop);
            }
            for line in lines {
                let [day, name] = line.fields.as_slice() else {
                    let found = format!("{} columns", line.fields.len());
                    mistakes.push((line.number, "row", found, "a date and a name".to_owned()));
                    continue;
                };
                let date = csv::date(day);
                if date.is_none() {
                    let allowed = "a date that exists, such as 2026/1/1".to_owned();
                    mistakes.push((line.number, "date", shown(day), allowed));
                }
                if !is_line(name, NAME_CHARACTERS) {
                    let allowed = "a name of one line, at most 64 characters".to_owned();
                    mistakes.push((line.number, "name", shown(name), allowed));
                }
                if let Some(date) = date
                    && days.insert(date, name.clone()).is_some()
                {
                    mistakes.push((
                        line.number,
                        "date",
                        format!("{date} again"),
                        "each day once".to_owned(),
                    ));
                }
            }
        }
    }
    if days.is_empty() && mistakes.is_empty() {
        mistakes.push((
            1,
            "rows",
            "none".to_owned(),
            "at least one holiday".to_owned(),
        ));
    }
    for (line, key, found, allowed) in mistakes.into_iter().take(MISTAKES) {
        refuse_beside(seen, path, line, key, found, allowed);
    }
    Holidays {
        file: path.to_owned(),
        days,
    }
}

/// UTF-8 where it is that, else Shift_JIS; `None` where it is neither.
fn decode(bytes: &[u8]) -> Option<String> {
    if let Ok(text) = core::str::from_utf8(bytes) {
        return Some(text.to_owned());
    }
    let text = encoding_rs::SHIFT_JIS.decode_without_bom_handling_and_without_replacement(bytes)?;
    Some(text.into_owned())
}
