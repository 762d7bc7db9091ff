//! Forms that only our own pages send: each holds an HMAC under a secret that the browser's cookie has and no other site can read.

use super::secret::{Secret, hex};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// Told apart from anything else that may ever be made of the secret.
const LABEL: &[u8] = b"hansho form 1\0";

/// What a form sends back: HMAC-SHA-256 (RFC 2104) of who is logged in, under the session's secret or, where there is no session,
/// the secret of the form's cookie. It does not tell the secret, and is of no use with another session or viewer.
#[must_use]
pub fn token(secret: &Secret, viewer: &str) -> String {
    let mut block = [0; 64];
    for (place, byte) in block.iter_mut().zip(secret.bytes()) {
        *place = *byte;
    }
    // A key shorter than the block is filled up with zeros anyway.
    let mut hmac = <Hmac<Sha256> as KeyInit>::new(&block.into());
    hmac.update(LABEL);
    hmac.update(viewer.as_bytes());
    hex(&hmac.finalize().into_bytes())
}

/// Whether a form was made by us for this secret and viewer; in constant time.
#[must_use]
pub fn fits(secret: &Secret, viewer: &str, sent: &str) -> bool {
    token(secret, viewer)
        .as_bytes()
        .ct_eq(sent.as_bytes())
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_fits_its_session_and_viewer_only() {
        let (mine, other) = (Secret::new().unwrap(), Secret::new().unwrap());
        let form = token(&mine, "sato");
        assert!(fits(&mine, "sato", &form));
        assert!(!fits(&other, "sato", &form));
        assert!(!fits(&mine, "suzuki", &form));
        assert!(!fits(&mine, "sato", ""));
        assert!(!fits(&mine, "sato", &form.to_uppercase()));
        assert_ne!(form, mine.hex());
    }
}
