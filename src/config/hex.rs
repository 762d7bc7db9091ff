//! Hexadecimal digits.

/// Bytes from exactly twice as many digits.
pub(super) fn array<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != N.checked_mul(2)? {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else {
            return None;
        };
        let digit = |digit: u8| {
            char::from(digit)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        *byte = digit(*high)?.checked_mul(16)?.checked_add(digit(*low)?)?;
    }
    Some(bytes)
}

/// The digits, in lower case.
pub(super) fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{array, text};

    #[test]
    fn digits_and_bytes() {
        assert_eq!(array("00ffA5"), Some([0, 255, 0xa5]));
        assert_eq!(array::<3>("00ff"), None);
        assert_eq!(array::<2>("00fg"), None);
        assert_eq!(array::<2>("é00"), None);
        assert_eq!(text(&[0, 255, 0xa5]), "00ffa5");
    }
}
