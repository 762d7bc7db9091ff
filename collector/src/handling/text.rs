//! What people may write: bounded, and nothing in it that deceives whoever reads it on a page, in a mail or a terminal.

use super::Refused;
use crate::limit::NAME_CHARACTERS;

/// Characters that turn the direction of text, or that are not seen: what is read would not be what is stored (Unicode
/// Technical Report 36, "Bidirectional Text Spoofing").
const fn deceives(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// A name: one line, not empty, without spaces at its ends.
///
/// # Errors
/// [`Refused`] with what `what` names.
pub fn name(what: &'static str, text: &str) -> Result<String, Refused> {
    line(what, text, NAME_CHARACTERS)
}

/// One line that must not be empty.
///
/// # Errors
/// [`Refused`].
pub fn line(what: &'static str, text: &str, most: usize) -> Result<String, Refused> {
    let text = optional_line(what, text, most)?;
    if text.is_empty() {
        Err(Refused::Empty(what))
    } else {
        Ok(text)
    }
}

/// One line that may be empty.
///
/// # Errors
/// [`Refused`].
pub fn optional_line(what: &'static str, text: &str, most: usize) -> Result<String, Refused> {
    let text = lines(what, text, most)?;
    if text.contains('\n') {
        Err(Refused::Hostile(what))
    } else {
        Ok(text)
    }
}

/// Lines, which may be none; ends of lines become `\n`, and white space at the ends goes.
///
/// # Errors
/// [`Refused`].
pub fn lines(what: &'static str, text: &str, most: usize) -> Result<String, Refused> {
    let text = text.replace("\r\n", "\n");
    let text = text.trim();
    if text.chars().count() > most {
        return Err(Refused::TooLong { what, most });
    }
    let allowed = |c: char| (c == '\n' || c == '\t' || !c.is_control()) && !deceives(c);
    if text.chars().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(Refused::Hostile(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_kept_and_what_deceives_is_refused() {
        assert_eq!(name("name", " 佐藤 太郎 ").unwrap(), "佐藤 太郎");
        assert_eq!(lines("text", "a\r\nb\n", 9).unwrap(), "a\nb");
        assert_eq!(name("name", "  "), Err(Refused::Empty("name")));
        assert_eq!(
            lines("text", "abcd", 3),
            Err(Refused::TooLong {
                what: "text",
                most: 3
            })
        );
        for hostile in [
            "a\u{1b}[2J",
            "a\0b",
            "a\u{202e}b",
            "a\u{2066}b",
            "a\rb",
            "a\u{200b}b",
            "a\u{2028}b",
            "a\u{9b}b",
        ] {
            assert_eq!(
                lines("text", hostile, 99),
                Err(Refused::Hostile("text")),
                "{hostile:?}"
            );
        }
        assert_eq!(line("reason", "a\nb", 9), Err(Refused::Hostile("reason")));
    }
}
