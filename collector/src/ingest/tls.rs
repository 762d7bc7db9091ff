//! TLS of the ingest listener: TLS 1.3 and 1.2 by rustls, certificate and key from PEM files, which may be replaced while it runs.

use crate::limit::CERTIFICATE_ENDS_MS;
use crate::zone::Zone;
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

/// A certificate of the chain that ends soon, or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Its place in the chain; 1 is the listener's own.
    pub number: usize,
    /// The last moment at which it is valid.
    pub ends: WallTime,
    /// That is over.
    pub past: bool,
}

impl Ending {
    /// An error only where the listener's own has ended: an agent that reaches an authority without one further up, such as one
    /// that crosses to an older authority, does not look at its dates (RFC 5280 §6.1 asks for one path that is valid, and
    /// webpki looks for it).
    #[must_use]
    pub const fn level(&self) -> log::Level {
        if self.past && self.number == 1 {
            log::Level::Error
        } else {
            log::Level::Warn
        }
    }

    /// The line that says so, with the time in `zone`.
    #[must_use]
    pub fn line(&self, zone: &Zone) -> String {
        let ends = zone.show(self.ends);
        match (self.number, self.past) {
            (1, false) => {
                format!("[ingest] certificate ends {ends}: replace it before, and send SIGHUP")
            }
            (1, true) => format!(
                "[ingest] certificate ended {ends}: agents that do not pin it refuse it; replace it and send SIGHUP"
            ),
            (number, false) => format!(
                "[ingest] certificate {number} of the chain ends {ends}: replace it before, or leave it out where no agent needs it, \
                 and send SIGHUP"
            ),
            (number, true) => format!(
                "[ingest] certificate {number} of the chain ended {ends}: agents that reach their authority only by it, and do not pin, \
                 refuse the chain; replace it, or leave it out where no agent needs it, and send SIGHUP"
            ),
        }
    }
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

    /// Certificates of the chain in force that end soon, or have ended; the listener's own first.
    #[must_use]
    pub fn ending(&self, now: WallTime) -> Vec<Ending> {
        let far = now.as_millis().saturating_add(CERTIFICATE_ENDS_MS);
        let chain = self.chain();
        let dated = (1..).zip(&chain).filter_map(|(number, one)| {
            let ends = ends(one)?;
            let past = ends <= now;
            Some(Ending { number, ends, past })
        });
        dated.filter(|one| one.ends.as_millis() < far).collect()
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

    #[test]
    fn each_certificate_of_a_chain_that_ends_is_named_and_only_the_own_is_an_error() {
        const END: u64 = 1_927_843_200_000;
        const DAY: u64 = 24 * 60 * 60 * 1000;
        let made = |year: i32| {
            let mut params = CertificateParams::new(vec!["collector.test".to_owned()]).unwrap();
            params.not_after = date_time_ymd(year, 2, 3);
            params.self_signed(&KeyPair::generate().unwrap()).unwrap()
        };
        let key = KeyPair::generate().unwrap();
        let own = |year: i32| {
            let mut params = CertificateParams::new(vec!["collector.test".to_owned()]).unwrap();
            params.not_after = date_time_ymd(year, 2, 3);
            params.self_signed(&key).unwrap()
        };
        let chained = |chain: Vec<CertificateDer<'static>>| {
            let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            let provider = rustls::crypto::ring::default_provider();
            let current = CertifiedKey::from_der(chain, private, &provider).unwrap();
            Certificates {
                certificate: PathBuf::new(),
                key: PathBuf::new(),
                current: RwLock::new(Arc::new(current)),
            }
        };
        let at = |millis: u64| WallTime::from_millis(millis);
        let told = |certificates: &Certificates, now: u64| {
            let ending = certificates.ending(at(now));
            let said = ending.iter().map(|one| {
                let line = one.line(&Zone::utc());
                (one.level(), line.split(':').next().unwrap().to_owned())
            });
            said.map(|(level, line)| format!("{level} {line}"))
                .collect::<Vec<_>>()
        };
        // The other certificate, of an authority, has ended; the own has not.
        let crossed = chained(vec![own(2040).der().clone(), made(2031).der().clone()]);
        assert!(told(&crossed, END - 15 * DAY).is_empty());
        assert_eq!(
            told(&crossed, END - DAY),
            ["WARN [ingest] certificate 2 of the chain ends 2031-02-03 00"]
        );
        assert_eq!(
            told(&crossed, END + DAY),
            ["WARN [ingest] certificate 2 of the chain ended 2031-02-03 00"]
        );
        let both = chained(vec![own(2031).der().clone(), made(2031).der().clone()]);
        assert_eq!(
            told(&both, END + DAY),
            [
                "ERROR [ingest] certificate ended 2031-02-03 00",
                "WARN [ingest] certificate 2 of the chain ended 2031-02-03 00"
            ]
        );
    }
}
