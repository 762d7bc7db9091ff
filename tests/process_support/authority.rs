//! An authority of a test's own, and certificates by it.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by several tests; a test that fails may panic"
)]

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// All in PEM.
pub struct Issued {
    pub authority: String,
    pub certificate: String,
    pub key: String,
}

/// A certificate for these names or addresses, by an authority that is made with it.
pub fn issue(names: &[&str]) -> Issued {
    let mut ours = CertificateParams::default();
    ours.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // OpenSSL takes a certificate whose issuer has its own name for a self-signed one.
    ours.distinguished_name
        .push(DnType::CommonName, "hansho authority");
    let issuer = CertifiedIssuer::self_signed(ours, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let leaf = CertificateParams::new(names).unwrap();
    Issued {
        authority: issuer.pem(),
        certificate: leaf.signed_by(&key, &issuer).unwrap().pem(),
        key: key.serialize_pem(),
    }
}
