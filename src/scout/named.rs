//! Processes by their name: a service that is no unit.

use super::process::{Identity, Process};
use crate::limit::PROCESS_NAME_BYTES;

/// A name with `*` for any bytes, also none, and `?` for any one byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<u8>);

/// Why a pattern is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPattern {
    /// Nothing, or nothing but `*`: that is every process.
    Everything,
    /// Longer than [`PROCESS_NAME_BYTES`]: the kernel keeps 15 bytes of a name, so that it could never be found.
    TooLong,
}

impl Pattern {
    /// From its text.
    ///
    /// # Errors
    /// What matches everything, or never anything.
    pub fn new(text: &str) -> Result<Self, BadPattern> {
        if text.bytes().all(|byte| byte == b'*') {
            return Err(BadPattern::Everything);
        }
        if text.bytes().filter(|byte| *byte != b'*').count() >= PROCESS_NAME_BYTES
            || text.len() > 2 * PROCESS_NAME_BYTES
        {
            return Err(BadPattern::TooLong);
        }
        Ok(Self(text.as_bytes().to_vec()))
    }

    /// Whether a name is meant. Takes at most as many steps as the two lengths multiplied.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        let (mut pattern, mut rest) = (self.0.as_slice(), name);
        // Where to go on when the last star takes one byte more.
        let mut star: Option<(&[u8], &[u8])> = None;
        loop {
            match (pattern.split_first(), rest.split_first()) {
                (Some((b'*', tail)), _) => {
                    pattern = tail;
                    star = Some((tail, rest));
                }
                (Some((wanted, tail)), Some((byte, after)))
                    if *wanted == b'?' || wanted == byte =>
                {
                    pattern = tail;
                    rest = after;
                }
                (None, None) => return true,
                _ => {
                    let Some((tail, from)) = star else {
                        return false;
                    };
                    let Some((_, after)) = from.split_first() else {
                        return false;
                    };
                    pattern = tail;
                    rest = after;
                    star = Some((tail, after));
                }
            }
        }
    }
}

/// The processes of one name, together.
///
/// Only those that have a seat in the table: on a host with more processes than seats a small one may be running that is not
/// among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// So many.
    pub processes: u32,
    /// Their threads.
    pub threads: u64,
    /// Their own memory, KiB; absent where that of none could be read.
    pub memory_kib: Option<u64>,
    /// Their memory in swap, KiB; absent where that of none could be read.
    pub swap_kib: Option<u64>,
    /// The one that was started first: another one means that all were started anew.
    pub oldest: Option<Identity>,
    /// The one that was started last.
    pub newest: Option<Identity>,
}

impl Named {
    /// Of those that the table has.
    #[must_use]
    pub fn of<'a>(processes: impl Iterator<Item = &'a Process>, pattern: &Pattern) -> Self {
        let mut found = Self::default();
        for process in processes.filter(|process| pattern.matches(process.name.as_bytes())) {
            found.processes = found.processes.saturating_add(1);
            found.threads = found.threads.saturating_add(process.threads.into());
            add(&mut found.memory_kib, process.memory_kib);
            add(&mut found.swap_kib, process.swap_kib);
            let id = process.id;
            if found
                .oldest
                .is_none_or(|other| id.start_ticks < other.start_ticks)
            {
                found.oldest = Some(id);
            }
            if found
                .newest
                .is_none_or(|other| id.start_ticks > other.start_ticks)
            {
                found.newest = Some(id);
            }
        }
        found
    }
}

fn add(sum: &mut Option<u64>, more: Option<u64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let check = |pattern: &str, name: &[u8], expected: bool| {
            let pattern = Pattern::new(pattern).unwrap();
            assert_eq!(pattern.matches(name), expected, "{pattern:?} {name:?}");
        };
        check("java", b"java", true);
        check("java", b"java2", false);
        check("java", b"jav", false);
        check("java*", b"java", true);
        check("*worker*", b"my-worker-17", true);
        check("*worker*", b"my-work", false);
        check("a?c", b"abc", true);
        check("a?c", b"ac", false);
        check("*a*a*b", b"aaaaaaaaaaaaaaa", false);
        check("*a*a*b", b"aaaaaaaaaaaaaab", true);
        check("w\u{e9}b*", "w\u{e9}b1".as_bytes(), true);
        check("?*", b"", false);
        // A bracket is one: only stars and question marks are special.
        check("(sd-pam)", b"(sd-pam)", true);
    }

    #[test]
    fn patterns_that_are_none() {
        assert_eq!(Pattern::new(""), Err(BadPattern::Everything));
        assert_eq!(Pattern::new("**"), Err(BadPattern::Everything));
        assert_eq!(Pattern::new("1234567890123456"), Err(BadPattern::TooLong));
        assert!(Pattern::new("*12345678901234*").is_ok());
        assert_eq!(Pattern::new(&"*a".repeat(17)), Err(BadPattern::TooLong));
    }
}
