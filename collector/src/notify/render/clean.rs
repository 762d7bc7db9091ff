//! Makes text of hosts and people harmless, and keeps lines short.

use crate::limit::MAIL_COLUMNS;
use crate::plain::invisible;

/// Text as one harmless line of at most `most` characters: line breaks and control characters become a space; what
/// reorders, hides or joins text (bidirectional controls, zero width, tags, Unicode's line separators) is left out.
#[must_use]
pub fn line(text: &str, most: usize) -> String {
    let mut out = String::new();
    let mut length = 0_usize;
    let mut gap = false;
    for c in text.chars() {
        if invisible(c) {
            continue;
        }
        if c.is_control() || c.is_whitespace() {
            // An ideographic space is a space of Japanese text, and stays one.
            gap = gap || length > 0;
            continue;
        }
        let wanted = if gap { 2 } else { 1 };
        if length.saturating_add(wanted) > most {
            out.push('…');
            return out;
        }
        if gap {
            out.push(' ');
        }
        out.push(c);
        length = length.saturating_add(wanted);
        gap = false;
    }
    out
}

/// Columns of a character in a terminal or mail: 2 for those of East Asian width.
const fn columns(c: char) -> usize {
    match c {
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        '■' | '…' | '±' => 2,
        _ => 1,
    }
}

/// Characters that begin no line (JIS X 4051, the common ones).
const fn never_first(c: char) -> bool {
    matches!(
        c,
        '、' | '。'
            | '」'
            | '』'
            | '】'
            | '・'
            | 'ー'
            | 'ゃ'
            | 'ゅ'
            | 'ょ'
            | 'っ'
            | '々'
            | '\u{ff01}'
            | '\u{ff09}'
            | '\u{ff1f}'
            | '?'
            | '!'
            | ')'
            | ','
            | '.'
            | ':'
            | ';'
            | '%'
    )
}

/// Characters that end no line.
const fn never_last(c: char) -> bool {
    matches!(c, '(' | '「' | '『' | '【' | '\u{ff08}')
}

/// Breaks a line at [`MAIL_COLUMNS`]: after a Japanese sentence where there is one, else at spaces and between Japanese
/// characters; what has neither stays whole. Lines after the first are indented by `indent` spaces.
#[must_use]
pub fn wrap(text: &str, indent: usize) -> Vec<String> {
    let width = |text: &str| -> usize { text.chars().map(columns).sum() };
    if width(text) <= MAIL_COLUMNS {
        return vec![text.to_owned()];
    }
    let margin = " ".repeat(indent);
    let mut lines: Vec<String> = Vec::new();
    let mut current = String::new();
    for sentence in text.split_inclusive('。') {
        if !current.is_empty() && width(&current).saturating_add(width(sentence)) > MAIL_COLUMNS {
            lines.extend(broken(&current, indent));
            current = margin.clone();
        }
        current.push_str(sentence);
    }
    lines.extend(broken(&current, indent));
    lines
}

/// Breaks a line between words.
fn broken(text: &str, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = String::new();
    let mut width = 0_usize;
    for (word, space) in words(text) {
        let wide: usize = word.chars().map(columns).sum();
        let needed = wide.saturating_add(usize::from(space));
        if width.saturating_add(needed) > MAIL_COLUMNS && !current.trim().is_empty() {
            lines.push(current.trim_end().to_owned());
            current = " ".repeat(indent);
            width = indent;
        } else if space {
            current.push(' ');
            width = width.saturating_add(1);
        }
        current.push_str(&word);
        width = width.saturating_add(wide);
    }
    lines.push(current);
    lines
}

/// Parts between which a line may be broken, each with whether a space stands before it.
fn words(text: &str) -> Vec<(String, bool)> {
    let mut parts: Vec<(String, bool)> = Vec::new();
    let mut word = String::new();
    let mut space = false;
    let mut before: Option<char> = None;
    for c in text.chars() {
        if c == ' ' {
            if !word.is_empty() || space {
                parts.push((core::mem::take(&mut word), space));
            }
            space = true;
            before = None;
            continue;
        }
        let breakable = before.is_some_and(|last| {
            (columns(c) == 2 || columns(last) == 2) && !never_first(c) && !never_last(last)
        });
        if breakable {
            parts.push((core::mem::take(&mut word), space));
            space = false;
        }
        word.push(c);
        before = Some(c);
    }
    if !word.is_empty() {
        parts.push((word, space));
    }
    parts
}

/// The first `most` characters.
#[must_use]
pub fn first(text: &str, most: usize) -> &str {
    match text.char_indices().nth(most) {
        Some((place, _)) => text.get(..place).unwrap_or(text),
        None => text,
    }
}

/// Escaped for HTML, in text and in quoted attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_one_harmless_line() {
        assert_eq!(
            line("web03\r\nBcc: x@example.jp", 64),
            "web03 Bcc: x@example.jp"
        );
        assert_eq!(line("a\u{202e}gpj.exe\u{2069}\u{200b}", 64), "agpj.exe");
        assert_eq!(line("\u{0}\u{1b}[31mred\u{7}", 64), "[31mred");
        assert_eq!(line(" \t ", 64), "");
        let long = line(&"あ".repeat(1_000_000), 64);
        assert_eq!(long.chars().count(), 65);
        assert!(long.ends_with('…'));
        assert_eq!(line("12345", 5), "12345");
        assert_eq!(
            escape("<a href=\"x\">'&"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;"
        );
    }

    #[test]
    fn lines_are_broken_where_people_break_them() {
        let english = "word ".repeat(40);
        let broken = wrap(english.trim(), 2);
        assert!(broken.len() > 2);
        assert!(broken.iter().all(|line| line.len() <= MAIL_COLUMNS));
        assert!(broken.iter().skip(1).all(|line| line.starts_with("  word")));
        let japanese = "処理が遅くなります。".repeat(20);
        let broken = wrap(&japanese, 0);
        assert_eq!(broken.concat(), japanese);
        assert!(broken.iter().all(|line| !line.starts_with('。')));
        let widest = broken
            .iter()
            .map(|line| line.chars().map(columns).sum::<usize>());
        assert!(widest.max().unwrap() <= MAIL_COLUMNS + 2);
        // A long word or command stays whole.
        let url = format!("https://hansho.example.jp/{}", "a".repeat(200));
        assert_eq!(wrap(&url, 0).concat(), url);
        assert_eq!(wrap("  two  spaces", 0), ["  two  spaces"]);
        assert_eq!(wrap("", 0), [""]);
        assert_eq!(first("あいう", 2), "あい");
    }
}
