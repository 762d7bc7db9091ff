//! What people want to know of a certificate: who issued it, and until when it is good. For `hansho check --connect` only:
//! whom to trust is decided in `connector`, by rustls.
//!
//! As much of DER (X.690) as leads there in an X.509 certificate (RFC 5280 §4.1), and no more.

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`, the version.
const VERSION: u8 = 0xA0;
/// Attributes of a name, the one that says most first: commonName, organizationName (RFC 5280, appendix A).
const NAMES: [&[u8]; 2] = [&[0x55, 0x04, 0x03], &[0x55, 0x04, 0x0A]];

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Common name of the issuer, else its organisation; empty where it has neither. Hostile text: show it with care.
    pub issuer: String,
    /// Last moment at which it is valid, as `2027-01-31 23:59:59` (UTC).
    pub not_after: String,
}

/// Reads it; `None` where it is no certificate.
#[must_use]
pub fn read(der: &[u8]) -> Option<Said> {
    let (mut certificate, _) = value(der, SEQUENCE)?;
    let (mut fields, _) = take(&mut certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        take(&mut fields, VERSION)?;
    }
    // serialNumber, signature
    any(&mut fields)?;
    any(&mut fields)?;
    let (issuer, _) = take(&mut fields, SEQUENCE)?;
    let (mut validity, _) = take(&mut fields, SEQUENCE)?;
    any(&mut validity)?;
    let (kind, not_after) = any(&mut validity)?;
    Some(Said {
        issuer: name(issuer),
        not_after: date(kind, not_after)?,
    })
}

/// A value of this kind, and what follows it.
fn value(der: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let mut rest = der;
    let (content, _) = take(&mut rest, kind)?;
    Some((content, rest))
}

/// Takes the next value, which must be of this kind.
fn take<'a>(der: &mut &'a [u8], kind: u8) -> Option<(&'a [u8], u8)> {
    let (found, content) = any(der)?;
    (found == kind).then_some((content, found))
}

/// Takes the next value: its kind and content.
fn any<'a>(der: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (kind, rest) = der.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let length = if *first < 0x80 {
        usize::from(*first)
    } else {
        let count = usize::from(*first & 0x7F);
        // More than three bytes of length are no certificate that fits a handshake.
        if count == 0 || count > 3 {
            return None;
        }
        let (bytes, behind) = rest.split_at_checked(count)?;
        rest = behind;
        bytes
            .iter()
            .fold(0, |length, byte| (length << 8) | usize::from(*byte))
    };
    let (content, behind) = rest.split_at_checked(length)?;
    *der = behind;
    Some((*kind, content))
}

fn name(issuer: &[u8]) -> String {
    NAMES
        .iter()
        .find_map(|wanted| attribute(issuer, wanted))
        .unwrap_or_default()
}

fn attribute(mut name: &[u8], wanted: &[u8]) -> Option<String> {
    while let Some((mut set, _)) = take(&mut name, SET) {
        while let Some((mut pair, _)) = take(&mut set, SEQUENCE) {
            let (kind, _) = take(&mut pair, OBJECT)?;
            let (_, text) = any(&mut pair)?;
            if kind == wanted {
                return Some(String::from_utf8_lossy(text).into_owned());
            }
        }
    }
    None
}

/// UTCTime has two digits of the year, GeneralizedTime four (RFC 5280 §4.1.2.5).
fn date(kind: u8, text: &[u8]) -> Option<String> {
    let text = str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let full = match (kind, text.len()) {
        (UTC_TIME, 12) => {
            let century = if text.get(..2)? < "50" { "20" } else { "19" };
            format!("{century}{text}")
        }
        (GENERALIZED_TIME, 14) => text.to_owned(),
        _ => return None,
    };
    if !full.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from, to| full.get(from..to);
    Some(format!(
        "{}-{}-{} {}:{}:{}",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?
    ))
}

#[cfg(test)]
mod tests {
    use super::{Said, read};
    use proptest::prelude::{any, proptest};
    use rcgen::{CertificateParams, CertifiedIssuer, DnType, KeyPair, date_time_ymd};

    fn certificate(year: i32, kind: DnType) -> Vec<u8> {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.distinguished_name = rcgen::DistinguishedName::new();
        authority.distinguished_name.push(kind, "みらい CA");
        let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::new(vec!["collector.example".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 2, 3);
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &issuer).unwrap().der().to_vec()
    }

    #[test]
    fn issuer_and_end_are_read_in_both_forms_of_time() {
        for (year, kind) in [(2031, DnType::CommonName), (2077, DnType::OrganizationName)] {
            let said = read(&certificate(year, kind)).unwrap();
            assert_eq!(
                said,
                Said {
                    issuer: "みらい CA".into(),
                    not_after: format!("{year}-02-03 00:00:00"),
                }
            );
        }
        let nameless = read(&certificate(2031, DnType::CountryName)).unwrap();
        assert_eq!(nameless.issuer, "");
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..500, at in 0_usize..500, byte in any::<u8>()) {
            drop(read(&bytes));
            let mut der = certificate(2031, DnType::CommonName);
            if let Some(place) = der.get_mut(at) {
                *place = byte;
            }
            drop(read(&der));
            der.truncate(cut);
            drop(read(&der));
        }
    }
}
