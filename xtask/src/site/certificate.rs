//! What a site needs for TLS.

use crate::process::{Failure, io_at};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::fs;
use std::path::Path;

/// Writes an authority, `ca.pem`, and the collector's certificate for 127.0.0.1, `server.pem` with `server.key`.
pub(super) fn write(folder: &Path) -> Result<(), Failure> {
    let failed = |error: rcgen::Error| Failure::Check(format!("certificates: {error}"));
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().map_err(failed)?)
        .map_err(failed)?;
    let key = KeyPair::generate().map_err(failed)?;
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .and_then(|params| params.signed_by(&key, &authority))
        .map_err(failed)?;
    put(&folder.join("ca.pem"), &authority.pem())?;
    put(&folder.join("server.pem"), &server.pem())?;
    put(&folder.join("server.key"), &key.serialize_pem())
}

fn put(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(io_at(path.display().to_string()))
}
