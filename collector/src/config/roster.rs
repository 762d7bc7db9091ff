//! A roster: who is on duty when.
//!
//! A CSV file with the header `from,to,first,second,third`. `from` and `to` are local times of the team, `2026-11-24 09:00` or
//! a date alone: as `from` its beginning, as `to` its end. `to` itself is not on duty any more. The others are ids of receivers;
//! `second` and `third` may be empty.

use super::csv::{self, Line};
use super::files::refuse_beside;
use super::reader::{Seen, shown};
use crate::limit::MISTAKES;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const HEADER: [&str; 5] = ["from", "to", "first", "second", "third"];
const DAY_MINUTES: u64 = 24 * 60;

/// Who is on duty when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// Its file.
    pub file: PathBuf,
    /// In the order of time, without overlaps.
    pub shifts: Vec<Shift>,
}

/// A row of a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// First minute, local, since 1970-01-01 00:00.
    pub from: u64,
    /// First minute after it.
    pub to: u64,
    /// Who is told, by id of a receiver: the first, and one after the other where nobody acknowledges. One to three.
    pub on_duty: Vec<String>,
    /// Its line.
    pub line: usize,
}

/// Minutes for which nobody is on duty, between two rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// First minute, local.
    pub from: u64,
    /// First minute after it.
    pub to: u64,
    /// The line of the row before it.
    pub after_line: usize,
}

impl Roster {
    /// The row of a local minute.
    #[must_use]
    pub fn at(&self, minute: u64) -> Option<&Shift> {
        let next = self.shifts.partition_point(|shift| shift.from <= minute);
        let shift = self.shifts.get(next.checked_sub(1)?)?;
        (minute < shift.to).then_some(shift)
    }

    /// Between its first and last row.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        let pairs = self.shifts.windows(2);
        let gaps = pairs.filter_map(|pair| match pair {
            [before, after] if before.to < after.from => Some(Gap {
                from: before.to,
                to: after.from,
                after_line: before.line,
            }),
            _ => None,
        });
        gaps.collect()
    }
}

/// Parses a roster; every mistake goes to `seen`.
pub(super) fn parse(
    seen: &mut Seen<'_>,
    path: &Path,
    bytes: &[u8],
    receivers: &BTreeSet<String>,
) -> Roster {
    let mut shifts = Vec::new();
    let mut mistakes = Vec::new();
    match core::str::from_utf8(bytes) {
        Ok(text) => rows(text, receivers, &mut shifts, &mut mistakes),
        Err(_) => mistakes.push((
            0,
            "encoding",
            "not UTF-8".to_owned(),
            "UTF-8, with or without a mark at its beginning".to_owned(),
        )),
    }
    shifts.sort_by_key(|shift| (shift.from, shift.line));
    let mut last: Option<&Shift> = None;
    for shift in &shifts {
        if let Some(before) = last.filter(|before| shift.from < before.to) {
            let found = format!("a time that line {} has already", before.line);
            let allowed =
                "rows that do not overlap; a date alone as `to` includes that day".to_owned();
            mistakes.push((shift.line, "from", found, allowed));
        }
        if last.is_none_or(|before| before.to < shift.to) {
            last = Some(shift);
        }
    }
    for (line, key, found, allowed) in mistakes.into_iter().take(MISTAKES) {
        refuse_beside(seen, path, line, key, found, allowed);
    }
    Roster {
        file: path.to_owned(),
        shifts,
    }
}

type Mistakes = Vec<(usize, &'static str, String, String)>;

fn rows(
    text: &str,
    receivers: &BTreeSet<String>,
    shifts: &mut Vec<Shift>,
    mistakes: &mut Mistakes,
) {
    let mut lines = csv::lines(text);
    let header = lines.next();
    let names = header
        .as_ref()
        .map(|header| header.fields.as_slice())
        .unwrap_or_default();
    if names != HEADER {
        let line = header.as_ref().map_or(1, |header| header.number);
        let found = shown(&names.join(","));
        let found = if found.is_empty() {
            "nothing".to_owned()
        } else {
            found
        };
        mistakes.push((line, "header", found, HEADER.join(",")));
        return;
    }
    for line in lines {
        if mistakes.len() >= MISTAKES {
            return;
        }
        if let Some(shift) = shift(&line, receivers, mistakes) {
            shifts.push(shift);
        }
    }
}

fn shift(line: &Line, receivers: &BTreeSet<String>, mistakes: &mut Mistakes) -> Option<Shift> {
    if line.fields.len() > HEADER.len() {
        let found = format!("{} columns", line.fields.len());
        mistakes.push((line.number, "row", found, HEADER.join(",")));
        return None;
    }
    let field = |index: usize| line.fields.get(index).map_or("", String::as_str);
    let mut time = |index: usize, key: &'static str| {
        let moment = csv::moment(field(index));
        if moment.is_none() {
            let allowed =
                "a date or a local time that exists, 2026-11-24 or 2026-11-24 09:00".to_owned();
            mistakes.push((line.number, key, shown(field(index)), allowed));
        }
        moment
    };
    let (from, to) = (time(0, "from"), time(1, "to"));
    let on_duty = on_duty(
        line.number,
        [field(2), field(3), field(4)],
        receivers,
        mistakes,
    );
    let ((from_day, from_minute), (to_day, to_minute)) = (from?, to?);
    let minute = |day: u64, minute: u64| day.saturating_mul(DAY_MINUTES).saturating_add(minute);
    let from = minute(from_day, from_minute.unwrap_or(0));
    let to = minute(to_day, to_minute.unwrap_or(DAY_MINUTES));
    if from >= to {
        let found = format!("{}, not after {}", shown(field(1)), shown(field(0)));
        mistakes.push((line.number, "to", found, "a time after `from`".to_owned()));
        return None;
    }
    Some(Shift {
        from,
        to,
        on_duty: on_duty?,
        line: line.number,
    })
}

fn on_duty(
    line: usize,
    ids: [&str; 3],
    receivers: &BTreeSet<String>,
    mistakes: &mut Mistakes,
) -> Option<Vec<String>> {
    let keys = ["first", "second", "third"];
    let mut found: Vec<String> = Vec::new();
    let mut good = true;
    for (index, (id, key)) in ids.into_iter().zip(keys).enumerate() {
        let (what, allowed) = if id.is_empty() && index == 0 {
            ("nothing".to_owned(), "the id of a [[receiver]]")
        } else if id.is_empty() {
            continue;
        } else if !receivers.contains(id) {
            (shown(id), "the id of a [[receiver]]")
        } else if found.iter().any(|other| other == id) {
            (
                format!("{} again", shown(id)),
                "each receiver once in a row",
            )
        } else if found.len() < index {
            (shown(id), "nobody behind an empty column")
        } else {
            found.push(id.to_owned());
            continue;
        };
        mistakes.push((line, key, what, allowed.to_owned()));
        good = false;
    }
    good.then_some(found)
}
