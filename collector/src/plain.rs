//! Which characters of other people's text are shown to nobody.

/// Characters that nobody sees and that change what others look like: format characters (Unicode category Cf) that occur
/// in no host name or Japanese note, and separators.
#[must_use]
pub const fn invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether a character may be written out as it is: neither one that nobody sees nor a control character but for those that
/// part lines and columns.
#[must_use]
pub fn shown(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\t') || !(c.is_control() || invisible(c))
}

/// A host's words on one line of a terminal: control characters become spaces, and nothing moves, hides or colours what stands
/// beside them.
#[must_use]
pub fn one_line(text: &str) -> String {
    let seen = text.chars().filter(|c| !invisible(*c));
    seen.map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A host's bytes as text that is safe on one line of anything: what is no UTF-8 stands as `\xff`, what moves, hides, reorders or ends
/// a line as `\u{1b}`.
#[must_use]
pub fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || invisible(c) {
                out.extend(c.escape_unicode());
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            out.extend(core::ascii::escape_default(*byte).map(char::from));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn japanese_is_shown_and_what_turns_text_round_is_not() {
        assert!("受注(本番)\u{3000}web03 é\n".chars().all(shown));
        for hidden in "\u{1b}\u{7}\u{9b}\u{202e}\u{2066}\u{200b}\u{feff}".chars() {
            assert!(!shown(hidden), "{hidden:?}");
        }
        assert_eq!(
            escaped(b"ja\xffva\n\x1b[2J\xe2\x80\xae<b>\xe6\x97\xa5"),
            "ja\\xffva\\u{a}\\u{1b}[2J\\u{202e}<b>日"
        );
        assert_eq!(one_line("a\r\nb\u{1b}[2J\u{202e}c"), "a  b [2Jc");
    }
}
