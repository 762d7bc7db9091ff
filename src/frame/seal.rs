//! Keys and message authentication: HMAC-SHA-256 cut to 16 bytes (RFC 2104), keys by HKDF-SHA-256 (RFC 5869).
//!
//! A batch and an answer begin with different labels, so that neither can be passed off as the other.

use super::kind::AgentId;
use crate::limit::MAC_BYTES;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Label of batches.
const BATCH_LABEL: &[u8] = b"hansho batch 1\0";
/// Label of answers.
const ANSWER_LABEL: &[u8] = b"hansho answer 1\0";
/// HKDF info of agent keys.
const AGENT_KEY_INFO: &[u8] = b"hansho agent key 1\0";

/// The key that an agent and its collector share. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct AgentKey(pub [u8; 32]);

impl core::fmt::Debug for AgentKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "AgentKey(..)")
    }
}

/// What is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// A batch.
    Batch,
    /// An answer.
    Answer,
}

/// Derives an agent's key from a master: HKDF-SHA-256(master, agent_id ‖ key_epoch).
#[must_use]
pub fn derive(master: &[u8; 32], agent: AgentId, key_epoch: u8) -> AgentKey {
    let mut key = [0; 32];
    let info = [AGENT_KEY_INFO, &agent.0.to_le_bytes(), &[key_epoch]];
    // 32 bytes are always within the 8160 that HKDF can give; a key of zeroes would authenticate nothing that
    // the other side sends.
    let expanded = hkdf::Hkdf::<Sha256>::new(None, master).expand_multi_info(&info, &mut key);
    debug_assert!(expanded.is_ok(), "HKDF gives 32 bytes");
    AgentKey(key)
}

/// The mac of `bytes`.
#[must_use]
pub fn mac(key: &AgentKey, label: Label, bytes: &[u8]) -> [u8; MAC_BYTES] {
    // HMAC fills short keys up with zeros to its block itself; done here it cannot fail.
    let mut block = [0; 64];
    for (to, from) in block.iter_mut().zip(key.0) {
        *to = from;
    }
    let mut hmac = <Hmac<Sha256> as KeyInit>::new(&block.into());
    hmac.update(match label {
        Label::Batch => BATCH_LABEL,
        Label::Answer => ANSWER_LABEL,
    });
    hmac.update(bytes);
    let full = hmac.finalize().into_bytes();
    let mut cut = [0; MAC_BYTES];
    for (to, from) in cut.iter_mut().zip(full.iter()) {
        *to = *from;
    }
    cut
}

/// Splits sealed bytes into content and mac, and checks it in constant time.
///
/// # Errors
/// [`BadMac`] where it does not fit or there is no room for one.
pub fn open<'a>(key: &AgentKey, label: Label, sealed: &'a [u8]) -> Result<&'a [u8], BadMac> {
    let (content, found) = sealed.split_last_chunk::<MAC_BYTES>().ok_or(BadMac)?;
    if mac(key, label, content).ct_eq(found).into() {
        Ok(content)
    } else {
        Err(BadMac)
    }
}

/// The mac does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadMac;

/// Eight bytes of SHA-256 over a label and `bytes`: hashes of configurations and of the machine id.
#[must_use]
pub fn short_hash(label: &str, bytes: &[u8]) -> u64 {
    let mut digest = Sha256::new();
    digest.update(label.as_bytes());
    digest.update([0]);
    digest.update(bytes);
    let full = digest.finalize();
    full.iter()
        .take(8)
        .fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

/// SHA-256 over a label and `bytes`: what is kept of a secret that is only ever compared.
#[must_use]
pub fn digest(label: &str, bytes: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(label.as_bytes());
    digest.update([0]);
    digest.update(bytes);
    digest.finalize().into()
}

/// Whether two digests are the same, in a time that does not tell where they differ.
#[must_use]
pub fn same_digest(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_fits_its_label_and_bytes_only() {
        let key = derive(&[7; 32], AgentId(1), 0);
        let mut sealed = b"content".to_vec();
        let mac = mac(&key, Label::Batch, &sealed);
        sealed.extend(mac);
        assert_eq!(open(&key, Label::Batch, &sealed), Ok(&b"content"[..]));
        assert_eq!(open(&key, Label::Answer, &sealed), Err(BadMac));
        for index in 0..sealed.len() {
            let mut other = sealed.clone();
            other[index] ^= 1;
            assert_eq!(open(&key, Label::Batch, &other), Err(BadMac));
        }
        assert_eq!(open(&key, Label::Batch, &sealed[..15]), Err(BadMac));
    }

    /// Reckoned with Python's hmac and hashlib.
    #[test]
    fn known_answers() {
        let key = derive(&[7; 32], AgentId(0x0102_0304_0506_0708), 3);
        let hex = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
        };
        assert_eq!(
            hex(&key.0),
            "314306f69d8e2ad4452236064384ff7a5f3433f5d9c697fbc856d9e9be67b126"
        );
        assert_eq!(
            hex(&mac(&key, Label::Batch, b"content")),
            "2ca3171ab00eedb24196011dda76924f"
        );
        assert_eq!(
            hex(&mac(&key, Label::Answer, b"content")),
            "aa0387d30177a072e6b493d4d99fe7d6"
        );
        assert_eq!(short_hash("label", b"bytes"), 0x515983c565d509cc);
        let whole = digest("label", b"bytes");
        assert!(hex(&whole).starts_with("515983c565d509cc"));
        assert!(same_digest(&whole, &whole) && !same_digest(&whole, &[0; 32]));
    }

    #[test]
    fn keys_differ_by_master_agent_and_epoch() {
        let key = derive(&[7; 32], AgentId(1), 0);
        assert_ne!(key, derive(&[8; 32], AgentId(1), 0));
        assert_ne!(key, derive(&[7; 32], AgentId(2), 0));
        assert_ne!(key, derive(&[7; 32], AgentId(1), 1));
        assert_ne!(key.0, [0; 32]);
    }
}
