//! TLS of the ingest listener: TLS 1.3 and 1.2 by rustls, certificate and key from PEM files, which may be replaced while it runs.

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
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

/// Reads certificate chain and key, once.
///
/// # Errors
/// What is wrong, with the file's name.
pub fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, String> {
    Arc::new(Certificates::read(certificate, key)?).acceptor()
}
