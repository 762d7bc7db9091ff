//! Values as they are written in collector.toml: texts in two languages, addresses, times, patterns.

use crate::limit::{NAME_CHARACTERS, SHORT_CHARACTERS, TEXT_CHARACTERS};
use hansho::code::Language;

/// A text in both languages; where one was given, it stands for both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Japanese.
    pub ja: String,
    /// English.
    pub en: String,
}

impl Text {
    /// One text for both languages.
    #[must_use]
    pub fn same(text: &str) -> Self {
        Self {
            ja: text.to_owned(),
            en: text.to_owned(),
        }
    }

    /// In a language.
    #[must_use]
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::Ja => &self.ja,
            Language::En => &self.en,
        }
    }
}

/// A password or the key of a signature. It never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Of a file's text: its first line, which must be the only one.
    #[must_use]
    pub fn of_file(text: &str) -> Option<Self> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let fits = !line.is_empty() && !line.chars().any(char::is_control);
        fits.then(|| Self(line.to_owned()))
    }

    /// For the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("Secret(not shown)")
    }
}

/// A mail address with the name that stands before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// `Hansho` of `Hansho <hansho@example.jp>`.
    pub name: Option<String>,
    /// `hansho@example.jp`.
    pub address: String,
}

impl Mailbox {
    /// From `NAME <ADDRESS>` or `ADDRESS`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains(char::is_control) {
            return None;
        }
        let Some(rest) = text.strip_suffix('>') else {
            return is_address(text).then(|| Self {
                name: None,
                address: text.to_owned(),
            });
        };
        let (name, address) = rest.split_once('<')?;
        let name = name.trim();
        if !is_address(address) || !is_line(name, NAME_CHARACTERS) {
            return None;
        }
        Some(Self {
            name: Some(name.to_owned()),
            address: address.to_owned(),
        })
    }
}

/// A mail address as nearly all are (RFC 5321 §4.1.2 without quoted local parts and address literals, ASCII only, at most
/// 254 bytes by its errata 1690).
#[must_use]
pub fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let atom = |atom: &str| {
        !atom.is_empty()
            && atom
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
    };
    text.len() <= 254 && local.len() <= 64 && local.split('.').all(atom) && is_host(domain)
}

/// A host name of DNS (RFC 1123 §2.1), or an IPv4 address, which looks like one.
#[must_use]
pub fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// `https://HOST[:PORT][/PATH][?QUERY]` or `http://...`: ASCII, without user name and fragment.
#[must_use]
pub fn is_url(text: &str) -> bool {
    let Some(rest) = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
    else {
        return false;
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let Some((authority, path)) = rest.split_at_checked(end) else {
        return false;
    };
    let host_fits = |host: &str| match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => address.parse::<core::net::Ipv6Addr>().is_ok(),
        None => is_host(host),
    };
    let port_fits = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    let authority_fits = host_fits(authority)
        || authority
            .rsplit_once(':')
            .is_some_and(|(host, port)| host_fits(host) && port_fits(port));
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte);
    text.len() <= 1024 && authority_fits && path.bytes().all(plain)
}

/// A header's name (RFC 9110 §5.1).
#[must_use]
pub fn is_header(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// A telephone number as people write it.
#[must_use]
pub fn is_telephone(text: &str) -> bool {
    is_line(text, SHORT_CHARACTERS) && text.chars().any(|c| c.is_ascii_digit())
}

/// The name of a customer, system, agent, site, team or receiver: fits pages, mails, URLs and selectors.
#[must_use]
pub fn is_id(text: &str) -> bool {
    is_line(text, NAME_CHARACTERS) && !text.contains('/')
}

/// One line that may stand in a mail.
#[must_use]
pub fn is_line(text: &str, most: usize) -> bool {
    is_text(text, most) && !text.contains(['\n', '\t'])
}

/// A text that may stand in a mail: no control characters but ends of lines and tabs, and nothing that turns the direction of
/// what follows (Unicode TR 36, 2.10: text that looks other than it is).
#[must_use]
pub fn is_text(text: &str, most: usize) -> bool {
    let hostile = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
    };
    !text.is_empty()
        && text.trim() == text
        && text.chars().take(most.saturating_add(1)).count() <= most
        && !text.chars().any(hostile)
}

/// A text of several lines, as a mail has it: without the end of line that closes a multi-line string.
#[must_use]
pub fn body(text: &str) -> Option<String> {
    let text = text.trim_end_matches('\n');
    is_text(text, TEXT_CHARACTERS).then(|| text.to_owned())
}

/// "250ms", "10s", "5m", "24h", "7d" in milliseconds.
#[must_use]
pub fn duration_ms(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(end)?;
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// A time as [`duration_ms`] reads it, in the largest unit that divides it.
#[must_use]
pub fn duration_text(millis: u64) -> String {
    let units = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1000, "s"),
    ];
    units
        .into_iter()
        .find(|(factor, _)| millis > 0 && millis.is_multiple_of(*factor))
        .map_or_else(
            || format!("{millis}ms"),
            |(factor, unit)| format!("{}{unit}", millis.checked_div(factor).unwrap_or(millis)),
        )
}

/// Minutes since midnight of "09:00"; "24:00" is the end of the day.
#[must_use]
pub fn minute_of_day(text: &str) -> Option<u64> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(hour, 2) || !digits(minute, 2) || minute.len() != 2 {
        return None;
    }
    let (hour, minute) = (hour.parse::<u64>().ok()?, minute.parse::<u64>().ok()?);
    let all = hour.checked_mul(60)?.checked_add(minute)?;
    (minute < 60 && all <= 24 * 60).then_some(all)
}

/// A pattern for a subject: `*` is any text, the empty one too; everything else is itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glob(String);

impl Glob {
    /// From its text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether it is one text only.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a subject fits. Time grows with the product of both lengths at worst, and both are bounded.
    #[must_use]
    pub fn matches(&self, subject: &str) -> bool {
        let mut pieces = self.0.split('*');
        let Some(rest) = pieces.next().and_then(|first| subject.strip_prefix(first)) else {
            return false;
        };
        let mut rest = rest;
        let mut pieces = pieces.peekable();
        if pieces.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                return rest.ends_with(piece);
            }
            // The leftmost place leaves the most for the pieces that follow.
            match rest.split_once(piece) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_urls() {
        for good in ["a@b", "ops+night@example.co.jp", "o'neil@x-y.example"] {
            assert!(is_address(good), "{good}");
        }
        let long = format!("{}@example.jp", "a".repeat(65));
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a@b@c d",
            "a..b@c",
            ".a@b",
            "a@-b",
            "a@b..c",
            "a b@c",
            "あ@b",
            "a@b\r\nBcc: c@d",
            "a@b,c@d",
            &long,
        ] {
            assert!(!is_address(bad), "{bad}");
        }
        for good in [
            "https://a",
            "http://10.0.0.1:9093",
            "https://[::1]:9093/x",
            "https://hooks.example.jp/a/b?c=d&e=%20",
        ] {
            assert!(is_url(good), "{good}");
        }
        for bad in [
            "",
            "ftp://a",
            "https://",
            "https://a b",
            "https://u:p@a/",
            "https://a:0/",
            "https://a:65536",
            "https://a#b",
            "https://a/\n",
            "https://あ",
            "https://[::1",
            "javascript://a",
            "https://a:+1",
        ] {
            assert!(!is_url(bad), "{bad}");
        }
        assert_eq!(
            Mailbox::parse("半鐘 <hansho@example.jp>").unwrap(),
            Mailbox {
                name: Some("半鐘".to_owned()),
                address: "hansho@example.jp".to_owned()
            }
        );
        assert_eq!(Mailbox::parse("<a@b>"), None);
        assert_eq!(Mailbox::parse("a <a@b> c"), None);
        assert_eq!(Mailbox::parse("a\n <a@b>"), None);
    }

    #[test]
    fn times_and_globs() {
        for (text, expected) in [
            ("5m", Some(300_000)),
            ("0s", Some(0)),
            ("7d", Some(604_800_000)),
            ("5", None),
            ("m", None),
            ("-5m", None),
            ("5 m", None),
            ("1h30m", None),
            ("99999999999999999999s", None),
            ("18446744073709551615h", None),
        ] {
            assert_eq!(duration_ms(text), expected, "{text}");
        }
        for text in ["1ms", "90s", "15m", "1h", "25h", "2d", "0ms"] {
            assert_eq!(duration_text(duration_ms(text).unwrap()), text);
        }
        for (text, expected) in [
            ("09:00", Some(540)),
            ("9:00", Some(540)),
            ("24:00", Some(1440)),
            ("24:01", None),
            ("09:60", None),
            ("9:0", None),
            ("+9:00", None),
            ("０９:00", None),
            ("", None),
        ] {
            assert_eq!(minute_of_day(text), expected, "{text}");
        }
        for (glob, subject, fits) in [
            ("", "", true),
            ("", "/", false),
            ("*", "", true),
            ("/data*", "/data/a", true),
            ("/data*", "/dat", false),
            ("*.log", "a.log.log", true),
            ("a*a", "a", false),
            ("a*b*c", "axbxbxc", true),
            ("a*b*c", "axcxb", false),
            ("**", "x", true),
        ] {
            assert_eq!(Glob::new(glob).matches(subject), fits, "{glob} {subject}");
        }
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret::of_file("hunter2\r\n").unwrap();
        assert_eq!(secret.reveal(), "hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
        for bad in ["", "\n", "a\nb\n", "a\0"] {
            assert_eq!(Secret::of_file(bad), None);
        }
    }

    #[test]
    fn what_turns_text_around_is_no_text() {
        for bad in ["", " a", "a\r", "a\u{202e}b", "a\u{2028}b", "\u{1b}[0m"] {
            assert!(!is_text(bad, 100), "{bad:?}");
        }
        assert!(is_text("1行目\n\t2行目", 100));
        assert!(!is_line("1行目\n2行目", 100));
        assert!(!is_text("abc", 2));
        assert!(!is_id("a/b") && !is_id("a\u{202e}b") && is_id("みらい商事"));
    }
}
