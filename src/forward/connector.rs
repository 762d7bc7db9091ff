//! TLS over ureq's TCP transport: TLS 1.3 only, with a verifier that does not need the host's clock to be right.

use super::trust::{self, Clock, Dates, LastAnswer, SystemClock};
use crate::clock::WallTime;
use crate::frame::BootId;
use crate::limit::POST_INPUT_BYTES;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme, StreamOwned,
};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use ureq::unversioned::transport::time::{Duration, Instant};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

/// Sessions kept for resumption: one collector, and its spare.
const SESSIONS: usize = 4;
/// Certificates of a chain whose beginnings are tried.
const CHAIN: usize = 4;
/// Longest CA file that is read: today's bundles of all public authorities are about 230 KiB.
const CA_FILE_BYTES: u64 = 1024 * 1024;

/// What the collector's certificate is checked by.
#[derive(Clone, Debug, Default)]
pub struct TrustSettings {
    /// PEM file of the authorities; none with pins alone.
    pub ca_file: Option<std::path::PathBuf>,
    /// SHA-256 of the public key (SubjectPublicKeyInfo) of certificates that are accepted.
    pub pins: Vec<[u8; 32]>,
}

/// Shared between the verifier and the loop that learns the time.
#[derive(Debug)]
pub struct TrustState {
    clock: Box<dyn Clock>,
    last: Mutex<Option<LastAnswer>>,
    date_fault: AtomicBool,
    date_fault_told: AtomicBool,
    /// The certificate seen last, where somebody wants to see it.
    seen: Option<Mutex<Option<Vec<u8>>>>,
}

impl Default for TrustState {
    fn default() -> Self {
        Self::new(Box::new(SystemClock))
    }
}

impl TrustState {
    /// Nothing is known but what `clock` says.
    #[must_use]
    pub fn new(clock: Box<dyn Clock>) -> Self {
        Self {
            clock,
            last: Mutex::default(),
            date_fault: AtomicBool::default(),
            date_fault_told: AtomicBool::default(),
            seen: None,
        }
    }

    /// The same, and keeps the certificate of the peer, trusted or not, for [`Self::certificate`].
    #[must_use]
    pub fn watching(clock: Box<dyn Clock>) -> Self {
        Self {
            seen: Some(Mutex::default()),
            ..Self::new(clock)
        }
    }

    /// The certificate that the peer showed last (DER), where it is kept.
    #[must_use]
    pub fn certificate(&self) -> Option<Vec<u8>> {
        let seen = self.seen.as_ref()?;
        seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn saw(&self, certificate: &CertificateDer<'_>) {
        if let Some(seen) = &self.seen {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            *seen = Some(certificate.as_ref().to_vec());
        }
    }

    /// An authenticated answer came.
    pub fn answered(&self, answer: LastAnswer) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    /// True once where a certificate was accepted by its pin although its dates did not fit; again only after one whose
    /// dates did.
    pub fn take_date_fault(&self) -> bool {
        self.date_fault.load(Ordering::Relaxed)
            && !self.date_fault_told.swap(true, Ordering::Relaxed)
    }

    fn checked(&self, date_fault: bool) {
        self.date_fault.store(date_fault, Ordering::Relaxed);
        if !date_fault {
            self.date_fault_told.store(false, Ordering::Relaxed);
        }
    }

    fn dates(&self, boot: BootId) -> Dates {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        trust::dates(last, boot, &*self.clock)
    }
}

/// Wraps connections to https URLs in TLS. Clones share the authorities and the sessions.
#[derive(Clone, Debug)]
pub struct TlsConnector {
    config: Arc<ClientConfig>,
    meter: Arc<Meter>,
}

impl TlsConnector {
    /// Reads the authorities and prepares TLS.
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong with it.
    pub fn new(
        settings: &TrustSettings,
        boot: BootId,
        state: Arc<TrustState>,
        meter: Arc<Meter>,
    ) -> Result<Self, String> {
        let provider = Arc::new(ring::default_provider());
        let chain = match &settings.ca_file {
            Some(path) => Some(chain_verifier(path, &provider)?),
            None => None,
        };
        let verifier = Verifier {
            chain,
            pins: settings.pins.clone(),
            boot,
            state,
            provider: provider.clone(),
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| format!("TLS 1.3: {error}"))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(Self {
            config: Arc::new(config),
            meter,
        })
    }
}

fn chain_verifier(
    path: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, String> {
    let wrong = |what: String| format!("{}: {what}", path.display());
    let file = std::fs::File::open(path).map_err(|error| wrong(error.to_string()))?;
    let mut pem = Vec::new();
    file.take(CA_FILE_BYTES)
        .read_to_end(&mut pem)
        .map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        // A bundle may hold one that this library does not read: the others still count.
        if let Err(error) = roots.add(certificate) {
            log::debug!("{}: an authority is left out: {error}", path.display());
        }
    }
    if roots.is_empty() {
        return Err(wrong(
            "no certificate of an authority in it; PEM is expected".into(),
        ));
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| wrong(error.to_string()))
}

/// Checks the chain at the dates of [`trust::dates`]; a pin, where given, must fit too, and outweighs a mere date
/// fault. With pins and without authorities the pin alone decides.
#[derive(Debug)]
struct Verifier {
    chain: Option<Arc<WebPkiServerVerifier>>,
    pins: Vec<[u8; 32]>,
    boot: BootId,
    state: Arc<TrustState>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn pinned(&self, certificate: &CertificateDer<'_>) -> Result<bool, rustls::Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        let found: [u8; 32] = Sha256::digest(parsed.subject_public_key_info().as_ref()).into();
        Ok(self.pins.contains(&found))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _host_clock: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.state.saw(end_entity);
        let pinned = !self.pins.is_empty() && self.pinned(end_entity)?;
        if !self.pins.is_empty() && !pinned {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        let Some(chain) = &self.chain else {
            return if pinned {
                Ok(ServerCertVerified::assertion())
            } else {
                Err(CertificateError::UnknownIssuer.into())
            };
        };
        let at = |date: UnixTime| {
            chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, date)
        };
        match check(self.state.dates(self.boot), at) {
            Ok(verified) => {
                self.state.checked(false);
                Ok(verified)
            }
            // The pin proves the peer by itself (the handshake shows that it has the key): dates alone must not cut a
            // host with a broken clock off.
            Err(fault) if pinned && is_date_fault(&fault) => {
                self.state.checked(true);
                Ok(ServerCertVerified::assertion())
            }
            Err(fault) => Err(fault),
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 only".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Checks at each date that is possible. Where only the earliest possible date is known, a certificate that begins
/// later is checked at its beginning too: the clock may stand at 1970, and certificates are younger than the build.
fn check(
    dates: Dates,
    at: impl Fn(UnixTime) -> Result<ServerCertVerified, rustls::Error>,
) -> Result<ServerCertVerified, rustls::Error> {
    let (mut date, wall) = match dates {
        Dates::Known(date) => return at(unix(date)),
        Dates::NotBefore { least, wall } => (unix(least), wall),
    };
    let mut outcome = at(date);
    if outcome.is_err()
        && let Some(wall) = wall
    {
        let later = at(unix(wall));
        if later.is_ok() {
            return later;
        }
    }
    // Each certificate of the chain may begin later than the one before it.
    for _ in 0..CHAIN {
        let Err(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before,
            ..
        })) = &outcome
        else {
            break;
        };
        if *not_before <= date {
            break;
        }
        date = *not_before;
        outcome = at(date);
    }
    outcome
}

fn unix(wall: WallTime) -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_millis(wall.as_millis()))
}

fn is_date_fault(error: &rustls::Error) -> bool {
    matches!(
        error,
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        )
    )
}

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else {
            return Ok(None);
        };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let host = details
            .uri
            .host()
            .unwrap_or_default()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let name = ServerName::try_from(host)
            .map_err(|_| ureq::Error::Tls("the host of the URL is no name"))?;
        let session = ClientConnection::new(self.config.clone(), name.to_owned())
            .map_err(|error| ureq::Error::Io(std::io::Error::other(error)))?;
        let mut socket = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        socket.set_timeout(left(details));
        let mut stream = StreamOwned {
            conn: session,
            sock: socket,
        };
        stream.conn.complete_io(&mut stream.sock)?;
        self.meter.reached(Stage::Tls);
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(Either::B(TlsTransport { buffers, stream })))
    }
}

/// What TCP left of the time for connecting.
pub(super) fn left(details: &ConnectionDetails<'_>) -> NextTimeout {
    let mut timeout = details.timeout;
    if let (Duration::Exact(after), Instant::Exact(from), Instant::Exact(now)) =
        (timeout.after, details.now, (details.current_time)())
    {
        let spent = now.saturating_duration_since(from);
        timeout.after = Duration::Exact(after.saturating_sub(spent));
    }
    timeout
}

/// A TLS connection.
pub struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl std::fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TlsTransport")
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        self.stream.write_all(output)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

/// How far a connection came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nowhere.
    #[default]
    Nothing,
    /// TCP stands, to the collector or its proxy.
    Tcp,
    /// The proxy has made its tunnel.
    Tunnel,
    /// TLS stands.
    Tls,
}

/// Counts connections and bounds what one attempt reads, whatever it is: handshake, interim answers, headers, body.
#[derive(Debug, Default)]
pub struct Meter {
    left: AtomicUsize,
    connections: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    stage: Mutex<Stage>,
}

impl Meter {
    /// An attempt begins.
    pub fn begin(&self) {
        self.left.store(POST_INPUT_BYTES, Ordering::Relaxed);
    }

    /// Connections opened so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Bytes sent and received so far, TLS included, TCP not.
    #[must_use]
    pub fn bytes(&self) -> (u64, u64) {
        let (sent, received) = (&self.sent, &self.received);
        (
            sent.load(Ordering::Relaxed),
            received.load(Ordering::Relaxed),
        )
    }

    /// How far the newest connection came.
    #[must_use]
    pub fn stage(&self) -> Stage {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reached(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    fn take(&self, bytes: usize) -> Result<(), ureq::Error> {
        let received = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.received.fetch_add(received, Ordering::Relaxed);
        let left = self.left.load(Ordering::Relaxed);
        self.left
            .store(left.saturating_sub(bytes), Ordering::Relaxed);
        if bytes > left {
            let what = format!("more than {POST_INPUT_BYTES} bytes came");
            return Err(ureq::Error::Io(std::io::Error::other(what)));
        }
        Ok(())
    }
}

/// Puts the meter between TCP and what stands above it.
#[derive(Clone, Debug)]
pub struct MeterConnector(pub Arc<Meter>);

impl<In: Transport> Connector<In> for MeterConnector {
    type Out = Metered<In>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        Ok(chained.map(|inner| {
            self.0.connections.fetch_add(1, Ordering::Relaxed);
            self.0.reached(Stage::Tcp);
            Metered {
                inner,
                meter: self.0.clone(),
            }
        }))
    }
}

/// A metered connection.
#[derive(Debug)]
pub struct Metered<T> {
    inner: T,
    meter: Arc<Meter>,
}

impl<T: Transport> Transport for Metered<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let sent = u64::try_from(amount).unwrap_or(u64::MAX);
        self.meter.sent.fetch_add(sent, Ordering::Relaxed);
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let before = self.inner.buffers().input().len();
        let progress = self.inner.await_input(timeout)?;
        let after = self.inner.buffers().input().len();
        self.meter.take(after.saturating_sub(before))?;
        Ok(progress)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
