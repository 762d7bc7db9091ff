//! The texts, en.

use super::texts::Text;

/// All parts, in the order of the numbers.
pub(super) static ALL: &[&[Text]] = &[];
