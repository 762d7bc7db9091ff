//! Names of customers, systems and agents.

use crate::limit::NAME_CHARACTERS;

/// Whether a name fits pages, mails, URLs and selectors: 1 to [`NAME_CHARACTERS`] characters without `/`, control characters
/// and spaces at the ends.
#[must_use]
pub fn fits(text: &str) -> bool {
    (1..=NAME_CHARACTERS).contains(&text.chars().count())
        && !text.chars().any(|char| char.is_control() || char == '/')
        && text.trim() == text
}
