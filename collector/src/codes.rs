//! The registry of codes, as API, pages and commands ask for it.

pub use hansho::code::{Language, Severity, Text};
use hansho::code::{entry, text as registry_text};

/// `HNS1002-E` while raised, `HNS1002-I` when resolved.
#[must_use]
pub fn display(code: u16, raised: bool) -> String {
    hansho::code::display(code, raised).to_string()
}

/// Severity of a code; a code of a newer registry counts as a warning, so that it is seen.
#[must_use]
pub fn severity(code: u16) -> Severity {
    entry(code).map_or(Severity::Warning, |entry| entry.severity)
}

/// The word of a severity in JSON.
#[must_use]
pub const fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Information => "information",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// Name of a code; for a code of a newer registry words that say so.
#[must_use]
pub fn name(code: u16, language: Language) -> &'static str {
    hansho::code::name(code, language).unwrap_or(match language {
        Language::Ja => "この版にないコード(エージェントのほうが新しい)",
        Language::En => "not a code of this version (the agent is newer)",
    })
}

/// Texts of a code; `None` where it is only reserved or not known.
#[must_use]
pub fn text(code: u16, language: Language) -> Option<&'static Text> {
    registry_text(code, language)
}

/// Whether the registry has the number.
#[must_use]
pub fn known(code: u16) -> bool {
    entry(code).is_some()
}

/// All of the registry, by number.
#[must_use]
pub fn all() -> &'static [hansho::code::Entry] {
    hansho::code::TABLE
}

/// A registered number as people type it: `HNS1002-E`, `HNS1002`, `1002`.
#[must_use]
pub fn number(text: &str) -> Option<u16> {
    hansho::code::parse(text).ok().map(|entry| entry.number)
}
