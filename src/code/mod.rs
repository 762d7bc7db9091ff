//! The registry of codes: what each number means, and what to do, decided before the night.
//!
//! [`table`] has an entry for every number, [`defaults`] the rules in force without a configuration, [`render`] how a
//! code is shown. They are static data without texts, so that a program which only raises codes does not carry
//! the texts in its pages. [`names`] and [`texts`] are what people read, in Japanese and English. With the feature `std`,
//! `export` turns all of it into JSON and tables, and `manual` into `docs/CODES.md` and `docs/CODES.ja.md`.
//!
//! A number never changes its meaning and never comes back; `tests/golden/codes.json` is the list that proves it.

pub mod defaults;
pub mod entry;
pub mod names;
pub mod render;
pub mod table;
pub mod texts;
mod texts_en;
mod texts_ja;

#[cfg(feature = "std")]
pub mod describe;
#[cfg(feature = "std")]
pub mod export;
#[cfg(feature = "std")]
pub mod manual;

pub use defaults::builtin_rules;
pub use entry::{Entry, Family, RaisedBy, Severity, Urgency};
pub use names::{Language, name};
pub use render::{CodeError, Display, display, parse};
pub use table::{HOST_ABSENT, TABLE, entry, silenced_with_host};
pub use texts::{Text, text};

/// Version of this registry; a Hello frame carries it. It rises with every release that adds or changes an entry.
pub const REGISTRY_VERSION: u16 = 1;

/// A stable hash over numbers and severities of the whole table: two programs with the same hash show the same
/// letters for the same numbers. FNV-1a of 64 bits (draft-eastlake-fnv), over each entry in order of its number: the
/// number as two little-endian bytes, then the letter of its severity.
#[must_use]
pub const fn registry_hash() -> u64 {
    let mut hash = FNV_OFFSET;
    let mut rest: &[Entry] = TABLE;
    while let Some((entry, tail)) = rest.split_first() {
        let [low, high] = entry.number.to_le_bytes();
        hash = fnv1a(hash, low);
        hash = fnv1a(hash, high);
        hash = fnv1a(hash, entry.severity.letter() as u8);
        rest = tail;
    }
    hash
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

const fn fnv1a(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(FNV_PRIME)
}

#[cfg(test)]
mod tests {
    use super::{FNV_OFFSET, fnv1a, registry_hash};

    #[test]
    fn hash_is_fnv1a_and_frozen_for_this_version() {
        // Vectors of draft-eastlake-fnv, appendix C: "" and "a" and "foobar".
        let of = |text: &str| text.bytes().fold(FNV_OFFSET, fnv1a);
        assert_eq!(of(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(of("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(of("foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(registry_hash(), 0xb8e1e2cb5543e756);
    }
}
