//! Which authorities a mail server or hook is checked against.

use crate::limit::CA_FILE_BYTES;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::io::Read as _;
use std::path::Path;

/// Where distributions keep their authorities: Debian, Red Hat, SUSE, Alpine.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The authorities of a file, or those of this host.
///
/// # Errors
/// In words, with the file: none there, not readable, too long, or nothing in it that is a certificate.
pub fn authorities(ca_file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, String> {
    let path = match ca_file {
        Some(path) => path,
        None => BUNDLES
            .iter()
            .map(Path::new)
            .find(|path| path.exists())
            .ok_or_else(|| {
                format!(
                    "no authorities on this host (looked for {}): install ca-certificates, or set ca_file",
                    BUNDLES.join(", ")
                )
            })?,
    };
    let shown = path.display();
    let mut pem = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| {
            file.take(CA_FILE_BYTES.saturating_add(1))
                .read_to_end(&mut pem)
        })
        .map_err(|error| format!("{shown}: {error}"))?;
    if u64::try_from(pem.len()).unwrap_or(u64::MAX) > CA_FILE_BYTES {
        return Err(format!("{shown}: longer than {CA_FILE_BYTES} bytes"));
    }
    // One certificate that cannot be used must not take the others with it.
    let mut store = RootCertStore::empty();
    let usable: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
        .filter_map(Result::ok)
        .filter(|certificate| store.add(certificate.clone()).is_ok())
        .collect();
    if usable.is_empty() {
        return Err(format!("{shown}: no certificate in PEM that can be used"));
    }
    Ok(usable)
}

#[cfg(test)]
mod tests {
    use super::authorities;

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let path = std::env::temp_dir().join(format!("hansho-ca-{}", std::process::id()));
        std::fs::write(&path, "no PEM").unwrap();
        let said = authorities(Some(&path)).unwrap_err();
        assert!(
            said.contains("hansho-ca-") && said.contains("no certificate"),
            "{said}"
        );
        std::fs::write(
            &path,
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        )
        .unwrap();
        assert!(authorities(Some(&path)).is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(authorities(Some(&path)).unwrap_err().contains("hansho-ca-"));
    }
}
