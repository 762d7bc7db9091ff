//! How a code is shown, and read back.

use super::entry::{Entry, Severity};
use super::table::entry;
use core::fmt;

/// A code as people see it: `HNS1002-E` when raised, `HNS1002-I` when resolved, so that a log trap on `-E` does not take
/// a recovery for a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Display {
    number: u16,
    letter: char,
}

impl fmt::Display for Display {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "HNS{:04}-{}", self.number, self.letter)
    }
}

/// How `number` is shown. The letter is that of the severity when raised and I when resolved; a number that this
/// version does not know (of a newer agent) shows W when raised, so that it is seen.
#[must_use]
pub fn display(number: u16, raised: bool) -> Display {
    let severity = entry(number).map_or(Severity::Warning, |known| known.severity);
    let letter = if raised {
        severity.letter()
    } else {
        Severity::Information.letter()
    };
    Display { number, letter }
}

/// Why a text is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeError {
    /// Not `1002`, `HNS1002` or `HNS1002-E`.
    Malformed,
    /// Well formed, but the registry has no such number.
    Unknown(u16),
}

impl fmt::Display for CodeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => out.write_str("not a code: write 1002, HNS1002 or HNS1002-E"),
            Self::Unknown(number) => write!(out, "no code HNS{number:04} in this version"),
        }
    }
}

impl core::error::Error for CodeError {}

/// Reads `1002`, `HNS1002` or `HNS1002-E`, in any case. Whatever of I, W, E the letter is, the number decides: a
/// recovery mail shows I.
///
/// # Errors
/// [`CodeError::Malformed`] or [`CodeError::Unknown`].
pub fn parse(text: &str) -> Result<&'static Entry, CodeError> {
    let text = text.trim();
    let text = match text.split_at_checked(3) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("HNS") => rest,
        _ => text,
    };
    let digits = match text.split_once('-') {
        Some((digits, "I" | "W" | "E" | "i" | "w" | "e")) => digits,
        Some(_) => return Err(CodeError::Malformed),
        None => text,
    };
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(CodeError::Malformed);
    }
    let number = digits.parse().map_err(|_| CodeError::Malformed)?;
    entry(number).ok_or(CodeError::Unknown(number))
}

#[cfg(test)]
mod tests {
    use super::{CodeError, display, parse};

    #[test]
    fn the_letter_is_the_severity_when_raised_and_i_when_resolved() {
        assert_eq!(display(1002, true).to_string(), "HNS1002-E");
        assert_eq!(display(1002, false).to_string(), "HNS1002-I");
        assert_eq!(display(1001, true).to_string(), "HNS1001-W");
        assert_eq!(display(3009, true).to_string(), "HNS3009-I");
        assert_eq!(display(42, true).to_string(), "HNS0042-W");
        assert_eq!(display(42, false).to_string(), "HNS0042-I");
    }

    #[test]
    fn a_code_is_read_in_all_its_forms() {
        for text in [
            "1002",
            "HNS1002",
            "HNS1002-E",
            "hns1002-e",
            "HNS1002-I",
            "1002-E",
            " 1002\n",
        ] {
            assert_eq!(parse(text).map(|known| known.number), Ok(1002), "{text:?}");
        }
        for text in [
            "",
            "HNS",
            "HNS-E",
            "10020",
            "102",
            "+102",
            "HNS1002-",
            "HNS1002-X",
            "HNS1002-E-E",
            "メモリ1002",
            "1002-メ",
            "1002 E",
        ] {
            assert_eq!(parse(text), Err(CodeError::Malformed), "{text:?}");
        }
        assert_eq!(parse("HNS1999-E"), Err(CodeError::Unknown(1999)));
    }
}
