//! TLS: who is trusted, at which date, with which version; connections kept, sessions resumed.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop"
)]

mod forward_common;

use forward_common::server::{Server, reply};
use forward_common::{BOOT, Collector, TestHost, TestRings, empty_batch, run_of, settings};
use hansho::clock::{Uptime, WallTime};
use hansho::forward::client::{Client, Posted, Timeouts};
use hansho::forward::connector::{TrustSettings, TrustState};
use hansho::forward::forwarder::{Forwarder, Post};
use hansho::forward::pace::Outcome;
use hansho::forward::trust::{BUILD_WALL, Clock, LastAnswer};
use hansho::frame::{BootId, Stream};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData,
    date_time_ymd,
};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};
use sha2::{Digest, Sha256};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PATIENT: Timeouts = Timeouts {
    post: Duration::from_secs(60),
    connect: Duration::from_secs(60),
};
const DAY: u64 = 86_400;

/// Validity in seconds from the build on, and how long; negative begins before it.
#[derive(Clone, Copy)]
struct Valid {
    from: i64,
    days: u64,
}

/// Begins a day before the build, like the authority.
const NOW: Valid = Valid {
    from: -86_400,
    days: 90,
};
/// Ended a day before the build.
const EXPIRED: Valid = Valid {
    from: -100 * 86_400,
    days: 99,
};
/// Begins a year after the build: every certificate of an agent that is not upgraded.
const YOUNG: Valid = Valid {
    from: 365 * 86_400,
    days: 90,
};

fn params(name: &str, valid: Valid) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let build = i64::try_from(BUILD_WALL.as_millis() / 1000).unwrap();
    let from = u64::try_from(build + valid.from).unwrap();
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(from);
    params.not_after = params.not_before + Duration::from_secs(valid.days * DAY);
    params
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut of = params("an authority", NOW);
    of.not_after = date_time_ymd(4000, 1, 1);
    of.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(of, KeyPair::generate().unwrap()).unwrap()
}

fn ca_file(authority: &Authority) -> Option<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::SeqCst);
    let name = format!("forward-ca-{}-{count}.pem", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, authority.pem()).unwrap();
    Some(path)
}

/// A collector with TLS.
struct Secure {
    server: Server,
    collector: Arc<Mutex<Collector>>,
    kinds: Arc<Mutex<Vec<HandshakeKind>>>,
    pin: [u8; 32],
}

/// One with a certificate for `name`; `keeps` connections open, or closes each after its answer.
fn secure(authority: &Authority, name: &str, valid: Valid, keeps: bool) -> Secure {
    let key = KeyPair::generate().unwrap();
    let pin = Sha256::digest(key.subject_public_key_info()).into();
    let certificate = params(name, valid).signed_by(&key, authority).unwrap();
    let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, der)
        .unwrap();
    let config = Arc::new(config);
    let (collector, kinds) = (Arc::new(Mutex::new(Collector::default())), Arc::default());
    let (taking, noting) = (collector.clone(), Arc::clone(&kinds));
    let wrap = move |mut socket: TcpStream| -> Option<Box<dyn forward_common::server::Wire>> {
        let mut session = ServerConnection::new(config.clone()).unwrap();
        session.complete_io(&mut socket).ok()?;
        let kinds: &Mutex<Vec<HandshakeKind>> = &noting;
        kinds.lock().unwrap().extend(session.handshake_kind());
        Some(Box::new(StreamOwned::new(session, socket)))
    };
    let answer = move |body: &[u8], wire: &mut dyn forward_common::server::Wire| {
        let answer = taking.lock().unwrap().take(body);
        reply(wire, "200 OK", "", &answer) && keeps
    };
    Secure {
        server: Server::start(Arc::new(wrap), Arc::new(answer)),
        collector,
        kinds,
        pin,
    }
}

/// The host's clocks.
#[derive(Debug)]
struct At {
    uptime_ms: u64,
    wall_ms: u64,
}

impl Clock for At {
    fn uptime(&self) -> Uptime {
        Uptime::from_millis(self.uptime_ms)
    }

    fn wall(&self) -> WallTime {
        WallTime::from_millis(self.wall_ms)
    }
}

const CLOCK_1970: At = At {
    uptime_ms: 1000,
    wall_ms: 5000,
};
const CLOCK_2100: At = At {
    uptime_ms: 1000,
    wall_ms: 4_102_444_800_000,
};

fn at_build() -> At {
    At {
        uptime_ms: 1000,
        wall_ms: BUILD_WALL.as_millis(),
    }
}

type TestForwarder = Forwarder<TestRings, TestHost>;

fn forwarder(url: String, trust: TrustSettings, clock: At) -> (TestForwarder, TestRings) {
    let state = Arc::new(TrustState::new(Box::new(clock)));
    let client = Client::with(vec![url], trust, BOOT, state, PATIENT).unwrap();
    let rings = TestRings::default();
    rings.write(1, Stream::Alerts, 0..3);
    let forwarder = Forwarder::new(settings(), client, rings.clone(), TestHost::default());
    (forwarder, rings)
}

fn url(secure: &Secure) -> String {
    format!("https://{}", secure.server.address)
}

/// Whether a fresh forwarder gets through.
fn connects(secure: &Secure, ca_file: Option<PathBuf>, pins: &[[u8; 32]], clock: At) -> bool {
    let pins = pins.to_vec();
    let (mut forwarder, _) = forwarder(url(secure), TrustSettings { ca_file, pins }, clock);
    match forwarder.post() {
        Outcome::More => {
            assert_eq!(forwarder.post(), Outcome::Done { next_post_ms: 0 });
            assert_eq!(secure.collector.lock().unwrap().stored.len(), 3);
            true
        }
        Outcome::Retry { after_ms: None } => {
            assert!(secure.collector.lock().unwrap().stored.is_empty());
            false
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_right_authority_is_trusted_no_other_and_only_for_the_name() {
    let (ours, other) = (authority(), authority());
    let good = secure(&ours, "127.0.0.1", NOW, true);
    assert!(!connects(&good, ca_file(&other), &[], at_build()));
    assert!(connects(&good, ca_file(&ours), &[], at_build()));
    let misnamed = secure(&ours, "collector.example", NOW, true);
    assert!(!connects(&misnamed, ca_file(&ours), &[], at_build()));
    // With neither authority nor pin nobody is trusted.
    assert!(!connects(&misnamed, None, &[], at_build()));
}

#[test]
fn a_pin_alone_decides_and_beside_an_authority_both_must_fit() {
    let (ours, other) = (authority(), authority());
    let good = || secure(&ours, "127.0.0.1", NOW, true);
    let (own, misnamed) = (good(), secure(&ours, "collector.example", NOW, true));
    let wrong = [9; 32];
    assert!(!connects(&own, None, &[wrong], at_build()));
    assert!(connects(&own, None, &[wrong, own.pin], at_build()));
    // A pin names the key itself: the name does not matter then.
    assert!(connects(&misnamed, None, &[misnamed.pin], at_build()));
    let own = good();
    assert!(!connects(&own, ca_file(&ours), &[wrong], at_build()));
    assert!(!connects(&own, ca_file(&other), &[own.pin], at_build()));
    assert!(connects(&own, ca_file(&ours), &[own.pin], at_build()));
    let misnamed = secure(&ours, "collector.example", NOW, true);
    assert!(!connects(
        &misnamed,
        ca_file(&ours),
        &[misnamed.pin],
        at_build()
    ));
}

#[test]
fn no_clock_cuts_a_host_off() {
    let ours = authority();
    for valid in [NOW, YOUNG] {
        for clock in [CLOCK_1970, CLOCK_2100, at_build()] {
            let own = secure(&ours, "127.0.0.1", valid, true);
            assert!(connects(&own, ca_file(&ours), &[], clock));
        }
    }
}

#[test]
fn an_expired_certificate_needs_a_pin_and_is_told_once() {
    let ours = authority();
    let own = secure(&ours, "127.0.0.1", EXPIRED, false);
    for clock in [CLOCK_1970, CLOCK_2100, at_build()] {
        assert!(!connects(&own, ca_file(&ours), &[], clock));
    }
    let (ca_file, pins) = (ca_file(&ours), vec![own.pin]);
    let trust = TrustSettings { ca_file, pins };
    let state = Arc::new(TrustState::new(Box::new(at_build())));
    let mut client = Client::with(vec![url(&own)], trust, BOOT, state, PATIENT).unwrap();
    for told in [true, false, false] {
        let posted = client.post(&empty_batch());
        assert!(matches!(posted, Posted::Body(_)), "{posted:?}");
        assert_eq!(client.trust().take_date_fault(), told);
    }
    assert!(connects(&own, None, &[own.pin], at_build()));
}

/// As [`connects`], after an answer in this boot `days` after the build.
fn connects_knowing(valid: Valid, days: u64, clock: At) -> bool {
    let ours = authority();
    let own = secure(&ours, "127.0.0.1", valid, true);
    let trust = TrustSettings {
        ca_file: ca_file(&ours),
        pins: Vec::new(),
    };
    let (mut forwarder, _rings) = forwarder(url(&own), trust, clock);
    forwarder.client().trust().answered(LastAnswer {
        boot: BOOT,
        uptime: Uptime::from_millis(1000),
        wall: WallTime::from_millis(BUILD_WALL.as_millis() + days * DAY * 1000),
    });
    forwarder.post() == Outcome::More
}

#[test]
fn once_the_collector_told_the_time_that_time_counts() {
    for clock in [|| CLOCK_1970, || CLOCK_2100, at_build] {
        assert!(connects_knowing(NOW, 80, clock()));
        assert!(!connects_knowing(NOW, 100, clock()));
        assert!(!connects_knowing(YOUNG, 80, clock()));
        assert!(connects_knowing(YOUNG, 370, clock()));
        // A collector whose clock is absurd does not make every certificate expire.
        assert!(connects_knowing(NOW, 50_000, clock()));
    }
}

#[test]
fn an_answer_of_an_earlier_boot_is_the_earliest_date() {
    let ours = authority();
    let own = secure(&ours, "127.0.0.1", NOW, true);
    let trust = TrustSettings {
        ca_file: ca_file(&ours),
        pins: Vec::new(),
    };
    let (mut forwarder, _rings) = forwarder(url(&own), trust, CLOCK_1970);
    forwarder.client().trust().answered(LastAnswer {
        boot: BootId(99),
        uptime: Uptime::from_millis(1000),
        wall: WallTime::from_millis(BUILD_WALL.as_millis() + 100 * DAY * 1000),
    });
    assert_eq!(forwarder.post(), Outcome::Retry { after_ms: None });
}

#[test]
fn posts_share_a_connection_and_a_closed_one_is_resumed() {
    let ours = authority();
    for keeps in [true, false] {
        let own = secure(&ours, "127.0.0.1", NOW, keeps);
        let trust = TrustSettings {
            ca_file: ca_file(&ours),
            pins: Vec::new(),
        };
        let (mut forwarder, rings) = forwarder(url(&own), trust, at_build());
        let mut posts = 0;
        for round in 1..5 {
            rings.write(1, Stream::Alerts, round * 3..round * 3 + 3);
            loop {
                posts += 1;
                match forwarder.post() {
                    Outcome::Done { .. } => break,
                    // A server that closes each connection never makes a post fail: it is done again at once.
                    outcome => assert_eq!(outcome, Outcome::More),
                }
            }
        }
        assert_eq!(forwarder.wanted(run_of(1), Stream::Alerts), Some(15));
        assert_eq!((own.collector.lock().unwrap().jumps, posts), (0, 5));
        let kinds = own.kinds.lock().unwrap().clone();
        assert_eq!(kinds[0], HandshakeKind::Full);
        if keeps {
            assert_eq!(kinds.len(), 1);
        } else {
            assert_eq!(kinds.len(), posts);
            assert!(
                kinds[1..]
                    .iter()
                    .all(|kind| *kind == HandshakeKind::Resumed)
            );
        }
    }
}

/// RFC 5246: a ServerHello of TLS 1.2 with ECDHE-ECDSA-AES128-GCM-SHA256, without the extension of TLS 1.3.
fn server_hello_1_2() -> Vec<u8> {
    let mut hello = vec![3, 3];
    hello.extend([0x5a; 32]);
    hello.extend([0, 0xc0, 0x2b, 0]);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, 3, 0, length + 4, 2, 0, 0, length];
    record.extend(hello);
    record
}

#[test]
fn tls_1_2_plain_http_and_silence_are_refused() {
    use std::io::{Read, Write};
    let replies: [&[u8]; 4] = [
        &server_hello_1_2(),
        b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n",
        // An alert: handshake_failure.
        &[21, 3, 3, 0, 2, 2, 40],
        b"",
    ];
    for bytes in replies {
        let bytes = bytes.to_vec();
        let wrap = move |mut socket: TcpStream| -> Option<Box<dyn forward_common::server::Wire>> {
            let mut hello = [0; 4096];
            let _heard = socket.read(&mut hello).ok()?;
            socket.write_all(&bytes).ok()?;
            // Until the client gives up.
            while matches!(socket.read(&mut hello), Ok(1..)) {}
            None
        };
        let server = Server::start(Arc::new(wrap), Arc::new(|_, _| panic!("a request came")));
        let trust = TrustSettings {
            ca_file: None,
            pins: vec![[1; 32]],
        };
        let timeouts = Timeouts {
            post: Duration::from_millis(600),
            connect: Duration::from_millis(300),
        };
        let urls = vec![format!("https://{}", server.address)];
        let mut client = Client::with(urls, trust, BOOT, Arc::default(), timeouts).unwrap();
        let posted = client.post(b"batch");
        assert!(matches!(posted, Posted::Failed(_)), "{posted:?}");
    }
}

#[test]
fn a_file_without_authorities_is_refused_with_its_name() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("forward-no-ca.pem");
    for content in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"] {
        std::fs::write(&path, content).unwrap();
        let trust = TrustSettings {
            ca_file: Some(path.clone()),
            pins: Vec::new(),
        };
        let refused = Client::new(vec!["https://127.0.0.1:1".to_owned()], trust, BOOT);
        assert!(refused.unwrap_err().contains("forward-no-ca.pem"));
    }
}
