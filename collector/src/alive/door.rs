//! The way to the collector's own listener: one question over TCP, and TLS where it speaks that.

use crate::ingest::request::ALIVE;
use crate::ingest::tls::Certificates;
use crate::limit::ALIVE_PROBE_MS;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use std::io::Read as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

/// The collector's own certificate as it is now, whatever names stand in it: the probe asks itself and nobody else.
#[derive(Debug)]
struct Own {
    certificates: Arc<Certificates>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Own {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.certificates.chain().first() == Some(end_entity) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General(
                "another certificate than the collector's own".to_owned(),
            ))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// The way to the own listener.
#[derive(Clone, Debug)]
pub struct Door {
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
}

impl Door {
    /// To a listener's address; with the certificates that it shows where it speaks TLS.
    ///
    /// # Errors
    /// In words: what rustls says.
    pub fn new(
        listens: SocketAddr,
        certificates: Option<&Arc<Certificates>>,
    ) -> Result<Self, String> {
        let tls = match certificates {
            None => None,
            Some(certificates) => {
                let provider = Arc::new(rustls::crypto::ring::default_provider());
                let own = Own {
                    certificates: Arc::clone(certificates),
                    provider: Arc::clone(&provider),
                };
                let config = ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()
                    .map_err(|error| error.to_string())?
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(own))
                    .with_no_client_auth();
                Some(Arc::new(config))
            }
        };
        Ok(Self {
            address: SocketAddr::new(reached(listens.ip()), listens.port()),
            tls,
        })
    }

    /// Asks, and waits at most some seconds.
    ///
    /// # Errors
    /// In words: nobody answers, or something else than expected.
    pub fn ask(&self) -> Result<(), String> {
        let whole = Duration::from_millis(ALIVE_PROBE_MS);
        let mut socket =
            TcpStream::connect_timeout(&self.address, whole).map_err(|error| error.to_string())?;
        for set in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
            set(&socket, Some(whole)).map_err(|error| error.to_string())?;
        }
        match &self.tls {
            None => asked(&mut socket),
            Some(config) => {
                let name = ServerName::from(self.address.ip());
                let connection = ClientConnection::new(Arc::clone(config), name)
                    .map_err(|error| error.to_string())?;
                asked(&mut StreamOwned::new(connection, socket))
            }
        }
    }
}

/// An address at which a listener of this one is reached from the host itself.
const fn reached(listens: IpAddr) -> IpAddr {
    match listens {
        IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address => address,
    }
}

fn asked<S: std::io::Read + std::io::Write>(stream: &mut S) -> Result<(), String> {
    const EXPECTED: &[u8] = b"HTTP/1.1 200 ";
    let question =
        format!("GET {ALIVE} HTTP/1.1\r\nHost: collector.invalid\r\nConnection: close\r\n\r\n");
    stream
        .write_all(question.as_bytes())
        .and_then(|()| stream.flush())
        .map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    // The first words of the answer suffice; the rest is bounded by the timeout and by this.
    stream
        .take(u64::try_from(EXPECTED.len()).unwrap_or(0))
        .read_to_end(&mut answer)
        .map_err(|error| error.to_string())?;
    if answer == EXPECTED {
        Ok(())
    } else {
        Err("the listener does not answer as it should".to_owned())
    }
}
