//! CSV as spreadsheets write it (RFC 4180), and the dates in it.

use super::value::minute_of_day;
use crate::clock::Date;

/// A row with its line, from 1.
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) fields: Vec<String>,
}

/// The rows that are not empty. A field in quotes may hold commas and doubled quotes, but no end of line: no table that is read
/// here has one.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines().zip(1..).filter_map(|(line, number)| {
        let fields = fields(line.strip_suffix('\r').unwrap_or(line));
        let empty = fields.iter().all(String::is_empty);
        (!empty).then_some(Line { number, fields })
    })
}

fn fields(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(core::mem::take(&mut field).trim().to_owned()),
            c => field.push(c),
        }
    }
    fields.push(field.trim().to_owned());
    fields
}

/// `2026-11-24` or, as spreadsheets like to write it, `2026/11/24`; zeros in front may be missing.
pub(super) fn date(text: &str) -> Option<Date> {
    let separator = if text.contains('/') { '/' } else { '-' };
    let mut parts = text.split(separator);
    let mut number = |most: usize| {
        let part = parts.next()?;
        let digits = part.bytes().all(|byte| byte.is_ascii_digit());
        (digits && (1..=most).contains(&part.len())).then(|| part.parse::<u64>().ok())?
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    if parts.next().is_some() {
        return None;
    }
    Date::new(year, month, day)
}

/// `2026-11-24 09:00` or a date alone, as minutes since 1970 of a clock that is never put forward or back; `None` for the minute
/// where it is a date alone.
pub(super) fn moment(text: &str) -> Option<(u64, Option<u64>)> {
    let (day, time) = match text.split_once([' ', 'T']) {
        Some((day, time)) => (day, Some(minute_of_day(time.trim())?)),
        None => (text, None),
    };
    Some((date(day)?.days(), time))
}
