//! TLS of the ingest listener: TLS 1.3 and 1.2 by rustls, certificate and key from PEM files, which may be replaced while it runs.

use crate::limit::CERTIFICATE_ENDS_MS;
use hansho::clock::WallTime;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio_rustls::TlsAcceptor;

/// Certificate chain and key as they were read last. Each handshake takes those of its moment; connections that stand keep theirs.
#[derive(Debug)]
pub struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificates {
    /// Reads them.
    ///
    /// # Errors
    /// What is wrong, with the file's name.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, String> {
        Ok(Self {
            current: RwLock::new(Arc::new(certified(certificate, key)?)),
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        })
    }

    /// Reads both files again; says whether the chain is another one. Where they are refused, those in force stay.
    ///
    /// # Errors
    /// What is wrong, with the file's name.
    pub fn renew(&self) -> Result<bool, String> {
        let new = certified(&self.certificate, &self.key)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let other = new.cert != current.cert;
        *current = Arc::new(new);
        drop(current);
        Ok(other)
    }

    /// The chain in force, the listener's own certificate first.
    #[must_use]
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.in_force().cert.clone()
    }

    /// When the first certificate of the chain in force ends, where that is soon, or is past.
    #[must_use]
    pub fn ends_soon(&self, now: WallTime) -> Option<WallTime> {
        let ends = self.chain().iter().filter_map(ends).min()?;
        (ends.as_millis() < now.as_millis().saturating_add(CERTIFICATE_ENDS_MS)).then_some(ends)
    }

    fn in_force(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What accepts connections with them.
    ///
    /// # Errors
    /// What rustls says.
    pub fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, String> {
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Self>::clone(self);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.in_force())
    }
}

fn certified(certificate: &Path, key: &Path) -> Result<CertifiedKey, String> {
    let wrong = |path: &Path, said: &dyn core::fmt::Display| format!("{}: {said}", path.display());
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(certificate, &error))?;
    if chain.is_empty() {
        return Err(wrong(certificate, &"no certificate in it"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, private, &provider).map_err(|error| wrong(key, &error))
}

/// The last moment at which a certificate is valid; `None` where that cannot be read, or it has no end (RFC 5280 §4.1.2.5). Asked of
/// rustls, which finds at the end of all dates that it was over, before it looks at who issued it.
fn ends(certificate: &CertificateDer<'static>) -> Option<WallTime> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).ok()?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let name = ServerName::try_from("collector.invalid").ok()?;
    let end_of_dates = UnixTime::since_unix_epoch(Duration::from_secs(253_402_300_799));
    let verified =
        verifier
            .build()
            .ok()?
            .verify_server_cert(certificate, &[], &name, &[], end_of_dates);
    match verified {
        Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
            not_after,
            ..
        })) => Some(WallTime::from_millis(
            not_after.as_secs().saturating_mul(1000),
        )),
        _ => None,
    }
}

/// Reads certificate chain and key, once.
///
/// # Errors
/// What is wrong, with the file's name.
pub fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, String> {
    Arc::new(Certificates::read(certificate, key)?).acceptor()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, Issuer, KeyPair, date_time_ymd};

    #[test]
    fn a_certificate_tells_its_end_whoever_issued_it() {
        let params = |year: i32| {
            let mut params = CertificateParams::new(vec!["collector.test".to_owned()]).unwrap();
            params.not_after = date_time_ymd(year, 2, 3);
            params
        };
        let key = KeyPair::generate().unwrap();
        let authority = Issuer::new(params(2040), KeyPair::generate().unwrap());
        // date -u -d 2031-02-03 +%s
        let expected = Some(WallTime::from_millis(1_927_843_200_000));
        let own = params(2031).self_signed(&key).unwrap();
        assert_eq!(ends(own.der()), expected);
        let issued = params(2031).signed_by(&key, &authority).unwrap();
        assert_eq!(ends(issued.der()), expected);
        assert_eq!(ends(&CertificateDer::from(vec![1, 2, 3])), None);
    }
}
