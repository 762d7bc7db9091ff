//! What all parsers of kernel text share: complete lines and plain decimal numbers, nothing else.
//!
//! A line counts only with its newline: a file that was cut inside a number would otherwise give a wrong value
//! instead of none.

/// The complete lines of `text`, without their newlines.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    core::iter::from_fn(move || {
        let (line, tail) = rest.split_at_checked(newline(rest)?)?;
        rest = tail.split_first()?.1;
        Some(line)
    })
}

/// Position of the first newline. Eight bytes at a time: finding the lines is most of what parsing costs, and
/// the agent is built for size, so that the compiler does not do it.
fn newline(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        // A byte that is a newline becomes zero; the lowest zero byte is the lowest marked one (the others may
        // be marked falsely by its borrow).
        let differing = u64::from_le_bytes(*word) ^ ONES.wrapping_mul(b'\n' as u64);
        let marked = differing.wrapping_sub(ONES) & !differing & HIGH;
        if marked != 0 {
            let byte = usize::try_from(marked.trailing_zeros() / 8).ok()?;
            return index.checked_mul(8)?.checked_add(byte);
        }
    }
    let position = rest.iter().position(|&byte| byte == b'\n')?;
    bytes.len().checked_sub(rest.len())?.checked_add(position)
}

/// The decimal number at the head of `bytes` and what follows it; `None` without a digit or beyond 64 bits.
pub(super) fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
        rest = tail;
    }
    (rest.len() < bytes.len()).then_some((value, rest))
}

/// `bytes` as one number and nothing else.
pub(super) fn whole_number(bytes: &[u8]) -> Option<u64> {
    match number(bytes)? {
        (value, []) => Some(value),
        _ => None,
    }
}

/// `bytes` without the blanks at its head.
pub(super) fn skip_blanks(mut bytes: &[u8]) -> &[u8] {
    while let Some((b' ' | b'\t', tail)) = bytes.split_first() {
        bytes = tail;
    }
    bytes
}

/// The words of a line, which stand between any number of blanks.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&byte| byte == b' ' || byte == b'\t')
        .filter(|word| !word.is_empty())
}

/// A `key value` line, one blank between them, as vmstat and the cgroup files write it.
pub(super) fn key_value(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let blank = line.iter().position(|&byte| byte == b' ')?;
    let (key, value) = line.split_at_checked(blank)?;
    Some((key, value.split_first()?.1))
}

/// Stores `value` where nothing is stored yet: the kernel gives each key once, and of two we trust the first.
pub(super) fn put(slot: &mut Option<u64>, value: Option<u64>) {
    if slot.is_none() {
        *slot = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_newline_is_none() {
        assert!(lines(b"a 1\nb 2").eq([b"a 1"]));
        assert_eq!(lines(b"").count(), 0);
        assert_eq!(lines(b"\n\n").count(), 2);
    }

    #[test]
    fn newlines_are_found_wherever_they_stand() {
        // 0x0B differs from a newline in the lowest bit: the byte that a borrow would mark falsely.
        for filler in [b'a', 0x0B, 0x00, 0xFF, 0x8A] {
            for length in 0..40 {
                let mut text = [filler; 40];
                assert_eq!(newline(&text[..length]), None);
                for first in 0..length {
                    text = [filler; 40];
                    text[first] = b'\n';
                    assert_eq!(newline(&text[..length]), Some(first));
                    text[length.saturating_sub(1)] = b'\n';
                    assert_eq!(newline(&text[..length]), Some(first));
                }
            }
        }
    }

    #[test]
    fn numbers_are_bounded() {
        assert_eq!(
            number(b"18446744073709551615 x"),
            Some((u64::MAX, &b" x"[..]))
        );
        assert_eq!(number(b"18446744073709551616"), None);
        assert_eq!(number(b"-1"), None);
        assert_eq!(number(b""), None);
        assert_eq!(whole_number(b"12a"), None);
        assert_eq!(whole_number(b"12"), Some(12));
    }
}
