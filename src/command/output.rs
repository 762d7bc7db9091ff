//! Standard output: flushed where a reader waits for it, and quiet when the reader goes away.

use super::exit::{Exit, Stop};
use hansho::code::export::columns;
use serde::Serialize;
use std::io::{BufWriter, ErrorKind, Stdout, Write};

/// Standard output.
#[derive(Debug)]
pub(crate) struct Output(BufWriter<Stdout>);

impl Output {
    /// Standard output, with nothing in it yet.
    pub(crate) fn new() -> Self {
        Self(BufWriter::new(std::io::stdout()))
    }

    /// Writes `text` as it is.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Stop> {
        self.0.write_all(text.as_bytes()).map_err(stop)
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Stop> {
        self.text(line)?;
        self.text("\n")
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Stop> {
        let line = serde_json::to_string(value)
            .map_err(|error| Stop::failed(Exit::Internal, format!("JSON: {error}")))?;
        self.line(&line)
    }

    /// Hands over what was written so far.
    pub(crate) fn flush(&mut self) -> Result<(), Stop> {
        self.0.flush().map_err(stop)
    }
}

fn stop(error: std::io::Error) -> Stop {
    if error.kind() == ErrorKind::BrokenPipe {
        Stop::ReaderGone
    } else {
        Stop::failed(Exit::Io, format!("standard output: {error}"))
    }
}

/// Says something on standard error. That it cannot be said is no reason to do something else.
pub(crate) fn say(text: &str) {
    let mut err = std::io::stderr().lock();
    if err
        .write_all(text.as_bytes())
        .and_then(|()| err.write_all(b"\n"))
        .is_err()
    {}
}

/// `text` for a terminal: whatever would move the cursor, colour or reorder the line is shown by its number.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        // Marks that reorder a line (Unicode Standard Annex 9), and the line and paragraph separators.
        let reorders = matches!(char, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if char.is_control() || reorders {
            shown.extend(char.escape_unicode());
        } else {
            shown.push(char);
        }
    }
    shown
}

/// Columns of a table for a terminal, the first row being its head. Columns are as wide as their widest cell; the last
/// one is not filled up.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths = vec![0; count];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = columns(cell).max(*width);
        }
    }
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let gap = width.saturating_sub(columns(cell)).saturating_add(2);
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', gap));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{shown, table};

    #[test]
    fn hostile_text_stays_in_its_line() {
        assert_eq!(shown("/mnt/データ a"), "/mnt/データ a");
        assert_eq!(shown("a\nb\u{1b}[31m"), "a\\u{a}b\\u{1b}[31m");
        assert_eq!(shown("\u{202e}x\u{9b}"), "\\u{202e}x\\u{9b}");
    }

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [["a", "b"], ["long", "c"]].map(|row| row.map(String::from).to_vec());
        assert_eq!(table(&rows), "a     b\nlong  c\n");
        let rows = [["2分", "b"], ["long", "c"]].map(|row| row.map(String::from).to_vec());
        assert_eq!(table(&rows), "2分   b\nlong  c\n");
    }
}
