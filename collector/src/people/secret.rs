//! Random secrets, and what is stored in their place.

use super::Digest;
use crate::keys;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use subtle::ConstantTimeEq as _;

/// What an API token begins with: searches for forgotten secrets find it.
pub const TOKEN_PREFIX: &str = "hansho_";

/// 256 random bits: a session, a form's cookie, a token, a link's key.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// The kernel has no random bytes.
    pub fn new() -> Result<Self, super::NotDone> {
        keys::random()
            .map(Self)
            .map_err(|failure| super::NotDone::System(failure.message))
    }

    /// From its 64 hexadecimal digits, in lower case.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 64 || !text.bytes().all(lower) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// From an API token.
    #[must_use]
    pub fn from_token(text: &str) -> Option<Self> {
        Self::from_hex(text.strip_prefix(TOKEN_PREFIX)?)
    }

    /// Its 64 hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// As an API token.
    #[must_use]
    pub fn token(&self) -> String {
        format!("{TOKEN_PREFIX}{}", self.hex())
    }

    /// What is stored of it. It is as random as the digest is long: guessing it back takes 2^256 tries, so that no slow hash
    /// is needed, and looking the digest up tells nothing by its time.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(Sha256::digest(self.0).into())
    }

    pub(super) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Whether two digests are one, in constant time.
#[must_use]
pub fn same(one: &Digest, other: &Digest) -> bool {
    one.0.ct_eq(&other.0).into()
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_through_its_text_and_only_whole() {
        let secret = Secret::new().unwrap();
        assert_ne!(secret, Secret::new().unwrap());
        assert_eq!(Secret::from_hex(&secret.hex()), Some(secret.clone()));
        assert_eq!(Secret::from_token(&secret.token()), Some(secret.clone()));
        let upper = secret.hex().to_uppercase();
        for wrong in [
            "",
            "00",
            &upper.replace(|c: char| c.is_ascii_digit(), "A"),
            &"é".repeat(32),
            &"g".repeat(64),
            &"0".repeat(65),
        ] {
            assert_eq!(Secret::from_hex(wrong), None, "{wrong}");
            assert_eq!(Secret::from_token(wrong), None, "{wrong}");
        }
        assert_eq!(Secret::from_token(&secret.hex()), None);
        assert!(!format!("{secret:?} {:?}", secret.digest()).contains(&secret.hex()));
    }

    #[test]
    fn the_digest_is_sha_256() {
        // printf '\0%.0s' $(seq 32) | sha256sum
        assert_eq!(
            hex(&Secret([0; 32]).digest().0),
            "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
        );
    }
}
