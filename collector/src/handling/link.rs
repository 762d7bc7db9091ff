//! Signed links: a mail's reader can take its alert for a day without login. Opening a link changes nothing.
//!
//! Token: Base64 for addresses (RFC 4648, 5) without padding, and `1`, the version, so that no mail program takes a last `-` or
//! `_` for the end of a sentence. In it, little-endian:
//! ```text
//! secret:u16  expires_s:u32  alert:u48  receiver (UTF-8)  mac:[u8;16]
//! ```
//! The mac is HMAC-SHA-256 (RFC 2104) cut to its left 16 bytes, over the label `hansho link 1`, a zero and all before it.

use super::audit::{self, Detail};
use super::{Owner, Who, owner};
use crate::limit::{LINK_CHARACTERS, LINK_MS, NAME_CHARACTERS};
use crate::store::rows::AllRows;
use crate::store::{Acknowledgement, AlertId, LinkSecret, Reason, StoreError, StoredAlert, Via};
use hansho::clock::WallTime;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Label that the mac begins with: nothing else that this secret could sign can pass for a link.
const LABEL: &[u8] = b"hansho link 1\0";
/// The version at the token's end.
const VERSION: char = '1';
/// Bytes before the receiver.
const HEAD: usize = 12;
/// Bytes of the mac: as those of batches.
const MAC: usize = 16;
/// Digits of Base64 for addresses.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What a link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The one alert.
    pub alert: AlertId,
    /// The one receiver.
    pub receiver: String,
    /// When it ends.
    pub expires: WallTime,
}

/// Why a link does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkRefused {
    /// It is no link of any version known here: cut by a mail program, perhaps.
    Malformed,
    /// It was not signed here, or its secret is gone.
    Forged,
    /// It ended.
    Expired(WallTime),
    /// Its alert is not stored any more.
    NoAlert,
    /// Its agent went to another customer since, and this receiver was not told of the alert there.
    Moved,
}

impl LinkRefused {
    /// The word in the log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Forged => "forged",
            Self::Expired(_) => "expired",
            Self::NoAlert => "no_alert",
            Self::Moved => "moved",
        }
    }
}

/// What a link shows and may act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkTarget {
    /// What the link says.
    pub link: Link,
    /// The alert.
    pub alert: StoredAlert,
    /// Whose it is.
    pub owner: Owner,
    /// Who has it.
    pub acknowledgement: Option<Acknowledgement>,
}

/// Name of whoever acts by a link: its receiver; a name that is given stands before it, since nobody proved it.
#[must_use]
pub fn name_of(receiver: &str, name: &str) -> String {
    let name = name.trim();
    if name.is_empty() || name == receiver {
        receiver.to_owned()
    } else {
        format!("{name} ({receiver})")
    }
}

/// The id of the receiver that took an alert, if a receiver did: by a link that of its receiver, which stands last in the name;
/// else the name with which somebody logged in, or that a command gave, where it is one. Names as shown are no ids: two
/// people may have the same.
#[must_use]
pub fn receiver_of(held: &Acknowledgement) -> &str {
    let by_link = || {
        let (_, receiver) = held.by.strip_suffix(')')?.rsplit_once(" (")?;
        Some(receiver)
    };
    match held.via {
        Via::Link => by_link().unwrap_or(&held.by),
        _ => &held.by,
    }
}

/// When a link that is made now ends.
#[must_use]
pub fn expiry(now: WallTime) -> WallTime {
    WallTime::from_millis(now.as_millis().saturating_add(LINK_MS))
}

/// The token of a link; the receiver's name has at most [`NAME_CHARACTERS`], what is longer is cut and will not verify as theirs.
#[must_use]
pub fn sign(secret: &LinkSecret, alert: AlertId, receiver: &str, expires: WallTime) -> String {
    let expires_s = u32::try_from(expires.as_millis() / 1000).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEAD.saturating_add(MAC).saturating_add(receiver.len()));
    bytes.extend(secret.number.to_le_bytes());
    bytes.extend(expires_s.to_le_bytes());
    bytes.extend(alert.0.to_le_bytes().iter().take(6));
    for c in receiver.chars().take(NAME_CHARACTERS) {
        bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    let full = mac(secret, &bytes).finalize().into_bytes();
    bytes.extend(full.iter().take(MAC));
    let mut token = base64(&bytes);
    token.push(VERSION);
    token
}

fn mac(secret: &LinkSecret, bytes: &[u8]) -> Hmac<Sha256> {
    // HMAC fills short keys up with zeros to its block itself; done here it cannot fail.
    let mut block = [0; 64];
    for (to, from) in block.iter_mut().zip(secret.secret) {
        *to = from;
    }
    let mut hmac = <Hmac<Sha256> as KeyInit>::new(&block.into());
    hmac.update(LABEL);
    hmac.update(bytes);
    hmac
}

/// What a token says, if it was signed by one of the secrets and has not ended; the mac is compared in constant time, and
/// before anything of the content is looked at but which secret signed it.
///
/// # Errors
/// [`LinkRefused`].
pub fn verify(secrets: &[LinkSecret], token: &str, now: WallTime) -> Result<Link, LinkRefused> {
    use LinkRefused::{Expired, Forged, Malformed};
    if token.len() > LINK_CHARACTERS {
        return Err(Malformed);
    }
    let bytes = token.strip_suffix(VERSION).and_then(unbase64);
    let bytes = bytes.ok_or(Malformed)?;
    let (content, found) = bytes.split_last_chunk::<MAC>().ok_or(Malformed)?;
    let (number, rest) = content.split_first_chunk::<2>().ok_or(Malformed)?;
    let (expires_s, rest) = rest.split_first_chunk::<4>().ok_or(Malformed)?;
    let (alert, receiver) = rest.split_first_chunk::<6>().ok_or(Malformed)?;
    let number = u16::from_le_bytes(*number);
    let secret = secrets.iter().find(|secret| secret.number == number);
    let secret = secret.ok_or(Forged)?;
    if mac(secret, content).verify_truncated_left(found).is_err() {
        return Err(Forged);
    }
    let expires =
        WallTime::from_millis(u64::from(u32::from_le_bytes(*expires_s)).saturating_mul(1000));
    // A secret that was replaced signed nothing since then: whoever stole it cannot either.
    let follower = secrets.iter().find(|secret| secret.number > number);
    if follower.is_some_and(|follower| expires > expiry(follower.created)) {
        return Err(Forged);
    }
    if expires <= now {
        return Err(Expired(expires));
    }
    let alert = alert
        .iter()
        .rev()
        .fold(0, |id, byte| (id << 8) | u64::from(*byte));
    let receiver = core::str::from_utf8(receiver).map_err(|_| Malformed)?;
    Ok(Link {
        alert: AlertId(alert),
        receiver: receiver.to_owned(),
        expires,
    })
}

/// What a link shows; changes nothing.
///
/// # Errors
/// [`StoreError`]; within, why the link does not work.
pub fn by_link(
    rows: &mut dyn AllRows,
    token: &str,
    now: WallTime,
) -> Result<Result<LinkTarget, LinkRefused>, StoreError> {
    let link = match verify(&rows.link_secrets()?, token, now) {
        Ok(link) => link,
        Err(refused) => return Ok(Err(refused)),
    };
    let Some(alert) = rows.alert(link.alert)? else {
        return Ok(Err(LinkRefused::NoAlert));
    };
    if moved_away(rows, &link)? {
        return Ok(Err(LinkRefused::Moved));
    }
    let owner = owner(rows, &alert)?;
    let acknowledgement = rows.acknowledgement(link.alert)?;
    Ok(Ok(LinkTarget {
        link,
        alert,
        owner,
        acknowledgement,
    }))
}

/// Whether the alert is of another customer now than when this receiver was told of it.
fn moved_away(rows: &mut dyn AllRows, link: &Link) -> Result<bool, StoreError> {
    let decisions = rows.decisions_of(link.alert)?;
    let root = decisions.iter().rev().find_map(|decision| decision.thread);
    let Some(root) = root else {
        return Ok(false);
    };
    let Some(thread) = rows.thread(root)?.filter(|thread| thread.told_from > 0) else {
        return Ok(false);
    };
    let told = rows.outgoing_of_thread(root)?.into_iter().any(|one| {
        one.receiver == link.receiver
            && one.number > thread.told_from
            && one.reason != Reason::MovedAway
    });
    Ok(!told)
}

/// The secret that signs now; `None` before [`ensure`] ran for the first time.
///
/// # Errors
/// [`StoreError`].
pub fn current(rows: &mut dyn AllRows) -> Result<Option<LinkSecret>, StoreError> {
    Ok(rows.link_secrets()?.pop())
}

/// Stores a first secret where there is none; `random` is used for nothing else.
///
/// # Errors
/// [`StoreError`].
pub fn ensure(
    rows: &mut dyn AllRows,
    random: [u8; 32],
    now: WallTime,
) -> Result<LinkSecret, StoreError> {
    if let Some(secret) = current(rows)? {
        return Ok(secret);
    }
    let secret = LinkSecret {
        number: 1,
        secret: random,
        created: now,
    };
    rows.put_link_secret(&secret)?;
    Ok(secret)
}

/// Lets a new secret sign. What the one before signed works until it ends; secrets of which nothing can work any more go.
///
/// # Errors
/// [`StoreError`].
pub fn rotate(
    rows: &mut dyn AllRows,
    who: &Who,
    random: [u8; 32],
    now: WallTime,
) -> Result<LinkSecret, StoreError> {
    let secrets = rows.link_secrets()?;
    let followers = secrets.iter().skip(1);
    for (secret, follower) in secrets.iter().zip(followers) {
        if expiry(follower.created) <= now {
            rows.delete_link_secret(secret.number)?;
        }
    }
    let last = secrets.last().map_or(0, |secret| secret.number);
    let Some(number) = last.checked_add(1) else {
        return Err(StoreError::Io(
            "the secret of links was changed 65,535 times: no number is left".to_owned(),
        ));
    };
    let secret = LinkSecret {
        number,
        secret: random,
        created: now,
    };
    rows.put_link_secret(&secret)?;
    let mut detail = Detail::default();
    detail.put("number", &number.to_string());
    audit::append(
        rows,
        who,
        audit::LINK_ROTATE,
        "links",
        "",
        detail.as_str(),
        now,
    )?;
    Ok(secret)
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(4).div_ceil(3));
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for shift in [18, 12, 6, 0]
            .into_iter()
            .take(chunk.len().saturating_add(1))
        {
            let digit = usize::try_from((bits >> shift) & 63).unwrap_or(0);
            text.push(char::from(DIGITS.get(digit).copied().unwrap_or(b'A')));
        }
    }
    text
}

/// Exactly what [`base64`] makes: bits beyond the last byte must be zero, so that no byte string has two texts.
fn unbase64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len().saturating_mul(3) / 4);
    for chunk in text.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for index in 0..4 {
            let digit = match chunk.get(index) {
                Some(byte) => DIGITS.iter().position(|known| known == byte)?,
                None => 0,
            };
            bits = (bits << 6) | u32::try_from(digit).ok()?;
        }
        let whole = match chunk.len() {
            4 => 3,
            3 => 2,
            2 => 1,
            _ => return None,
        };
        let [_, decoded @ ..] = bits.to_be_bytes();
        let (kept, rest) = decoded.split_at_checked(whole)?;
        if rest.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend(kept);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(number: u16, created_ms: u64) -> LinkSecret {
        LinkSecret {
            number,
            secret: [u8::try_from(number).unwrap(); 32],
            created: WallTime::from_millis(created_ms),
        }
    }

    const ALERT: AlertId = AlertId(0x12_3456_789a_bcde & 0xffff_ffff_ffff);

    #[test]
    fn a_link_says_one_alert_and_one_receiver_until_it_ends() {
        let secrets = [secret(1, 0)];
        let now = WallTime::from_millis(1_000_000);
        for receiver in ["sato", "受注運用ML", "", "a b/c"] {
            let token = sign(&secrets[0], ALERT, receiver, expiry(now));
            let link = verify(&secrets, &token, now).unwrap();
            assert_eq!((link.alert, link.receiver.as_str()), (ALERT, receiver));
            assert_eq!(link.expires, expiry(now));
            let last = WallTime::from_millis(expiry(now).as_millis() - 1);
            assert!(verify(&secrets, &token, last).is_ok());
            assert_eq!(
                verify(&secrets, &token, expiry(now)),
                Err(LinkRefused::Expired(expiry(now)))
            );
        }
    }

    #[test]
    fn a_token_fits_a_line_of_mail() {
        let token = sign(&secret(1, 0), ALERT, "sato", WallTime::from_millis(1));
        let address = format!("https://hansho.example.jp/l/{token}");
        assert!(address.len() <= 76, "{}", address.len());
        assert!(address.chars().all(|c| c.is_ascii_graphic()));
        let longest = sign(
            &secret(1, 0),
            ALERT,
            &"😀".repeat(64),
            WallTime::from_millis(1),
        );
        assert!(longest.len() <= LINK_CHARACTERS, "{}", longest.len());
    }

    #[test]
    fn any_other_text_is_refused() {
        let secrets = [secret(1, 0)];
        let now = WallTime::from_millis(1_000_000);
        let token = sign(&secrets[0], ALERT, "sato", expiry(now));
        // Every single bit of it, every cut, and what is appended.
        let bytes = unbase64(token.strip_suffix('1').unwrap()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            let other = base64(&other) + "1";
            assert_eq!(verify(&secrets, &other, now), Err(LinkRefused::Forged));
        }
        for (length, _) in token.char_indices() {
            let cut: String = token.chars().take(length).collect();
            assert!(verify(&secrets, &cut, now).is_err());
        }
        assert!(verify(&secrets, &format!("{token}1"), now).is_err());
        assert!(verify(&secrets, &"A".repeat(100_000), now).is_err());
        assert!(verify(&secrets, "あ1", now).is_err());
        assert!(verify(&[], &token, now).is_err());
        assert_eq!(
            verify(
                &[LinkSecret {
                    secret: [9; 32],
                    ..secret(1, 0)
                }],
                &token,
                now
            ),
            Err(LinkRefused::Forged)
        );
    }

    #[test]
    fn a_replaced_secret_verifies_what_it_signed_and_nothing_new() {
        let old = secret(1, 0);
        let now = WallTime::from_millis(50_000_000);
        let before = sign(&old, ALERT, "sato", expiry(now));
        let secrets = [old.clone(), secret(2, now.as_millis())];
        assert!(verify(&secrets, &before, now).is_ok());
        // Somebody who has the old secret goes on signing.
        let later = WallTime::from_millis(now.as_millis() + 60_000);
        let stolen = sign(&old, ALERT, "sato", expiry(later));
        assert_eq!(verify(&secrets, &stolen, later), Err(LinkRefused::Forged));
        let new = sign(&secrets[1], ALERT, "sato", expiry(later));
        assert!(verify(&secrets, &new, later).is_ok());
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        // RFC 4648, 10, and the two digits of the alphabet for addresses.
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foobar", "Zm9vYmFy"),
            (&[0xfb, 0xff], "-_8"),
        ] {
            assert_eq!(base64(bytes), text);
            assert_eq!(unbase64(text).unwrap(), bytes);
        }
        for text in ["Z", "Zh", "Zm9", "Zg==", "+/8", "Zm9v Zm9v"] {
            assert_eq!(unbase64(text), None, "{text}");
        }
    }
}
