//! Posts through a proxy that makes tunnels: a small real one, plain HTTP and TLS end to end, and each refusal by name.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may stop")]

#[expect(dead_code, reason = "shared with other tests, which use all of it")]
#[path = "forward_common/server.rs"]
mod server;

use hansho::forward::client::{Client, Posted, Timeouts};
use hansho::forward::connector::{Stage, TrustSettings};
use hansho::forward::forwarder::Post;
use hansho::forward::proxy::Proxy;
use hansho::frame::BootId;
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use server::{Server, Wire, reply};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PATIENT: Timeouts = Timeouts {
    post: Duration::from_secs(60),
    connect: Duration::from_secs(60),
};

/// A proxy that tunnels whatever it is asked for to `target`, as one does that knows names which the host does not.
struct ConnectProxy {
    address: SocketAddr,
    /// The heads of the requests.
    asked: Arc<Mutex<Vec<String>>>,
}

impl ConnectProxy {
    fn new(target: SocketAddr, refuse: Option<&'static str>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = asked.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let noted = noted.clone();
                std::thread::spawn(move || serve(client, target, refuse, &noted));
            }
        });
        Self { address, asked }
    }

    fn settings(&self, credentials: Option<(&str, &str)>) -> Proxy {
        Proxy {
            host: self.address.ip().to_string(),
            port: self.address.port(),
            credentials: credentials.map(|(user, password)| (user.into(), password.into())),
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(
    mut client: TcpStream,
    target: SocketAddr,
    refuse: Option<&'static str>,
    noted: &Mutex<Vec<String>>,
) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.extend(byte);
    }
    noted.lock().unwrap().push(String::from_utf8(head).unwrap());
    let answer = refuse.unwrap_or("HTTP/1.1 200 Connection established\r\n\r\n");
    client.write_all(answer.as_bytes()).unwrap();
    if refuse.is_some() {
        return;
    }
    let server = TcpStream::connect(target).unwrap();
    let (mut from_client, mut to_server) =
        (client.try_clone().unwrap(), server.try_clone().unwrap());
    let upward = std::thread::spawn(move || {
        drop(std::io::copy(&mut from_client, &mut to_server));
        drop(to_server.shutdown(Shutdown::Write));
    });
    let (mut from_server, mut to_client) = (server, client);
    drop(std::io::copy(&mut from_server, &mut to_client));
    drop(to_client.shutdown(Shutdown::Both));
    upward.join().unwrap();
}

fn echo() -> Server {
    Server::plain(|batch, wire| reply(wire, "200 OK", "", batch))
}

fn client(url: &str, pins: Vec<[u8; 32]>, proxy: Proxy) -> Client {
    let trust = TrustSettings {
        ca_file: None,
        pins,
    };
    let urls = vec![url.to_owned()];
    Client::with(urls, trust, BootId(1), Arc::default(), PATIENT)
        .unwrap()
        .through(Some(proxy))
}

fn body(posted: Posted) -> Vec<u8> {
    match posted {
        Posted::Body(body) => body,
        other => panic!("{other:?}"),
    }
}

#[test]
fn plain_http_goes_through_a_tunnel_with_names_that_only_the_proxy_knows() {
    let server = echo();
    let proxy = ConnectProxy::new(server.address, None);
    let mut client = client(
        "http://collector.invalid:8080",
        Vec::new(),
        proxy.settings(Some(("u", "p"))),
    );
    assert_eq!(body(client.post(b"first")), b"first");
    assert_eq!(body(client.post(b"second")), b"second");
    // One tunnel, kept between posts.
    assert_eq!(
        proxy.asked(),
        [
            "CONNECT collector.invalid:8080 HTTP/1.1\r\nHost: collector.invalid:8080\r\n\
             Proxy-Authorization: Basic dTpw\r\n\r\n"
        ]
    );
    assert_eq!(client.measured().0, Stage::Tunnel);
}

#[test]
fn tls_goes_end_to_end_through_it() {
    let key = KeyPair::generate().unwrap();
    let pin: [u8; 32] = Sha256::digest(key.subject_public_key_info()).into();
    let certificate = CertificateParams::new(vec!["collector.invalid".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], der)
        .unwrap();
    let config = Arc::new(config);
    let wrap = move |mut socket: TcpStream| -> Option<Box<dyn Wire>> {
        let mut session = ServerConnection::new(config.clone()).unwrap();
        session.complete_io(&mut socket).ok()?;
        Some(Box::new(StreamOwned::new(session, socket)))
    };
    let server = Server::start(
        Arc::new(wrap),
        Arc::new(|batch: &[u8], wire: &mut dyn Wire| reply(wire, "200 OK", "", batch)),
    );
    let proxy = ConnectProxy::new(server.address, None);
    let mut trusted = client(
        "https://collector.invalid/",
        vec![pin],
        proxy.settings(None),
    );
    assert_eq!(body(trusted.post(b"sealed")), b"sealed");
    let (stage, (sent, received)) = trusted.measured();
    assert_eq!(stage, Stage::Tls);
    assert!(sent > 200 && received > 200, "{sent} {received}");
    assert!(proxy.asked()[0].starts_with("CONNECT collector.invalid:443 "));

    // A proxy that would answer itself is seen: the pin is the collector's.
    let mut other = client(
        "https://collector.invalid/",
        vec![[7; 32]],
        proxy.settings(None),
    );
    assert!(matches!(other.post(b"sealed"), Posted::Failed(_)));
    assert_eq!(other.measured().0, Stage::Tunnel);
}

#[test]
fn a_refusal_names_the_proxy_the_target_and_what_to_do() {
    let server = echo();
    for (answer, words) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
            "it asks for a user and password (407): set forward.proxy_user",
        ),
        ("HTTP/1.1 403 Filtered\r\n\r\n", "(403)"),
        ("HTTP/1.1 503 x\r\n\r\n", "it cannot reach it (503)"),
        ("220 mail.example ESMTP\r\n", "no HTTP proxy"),
    ] {
        let proxy = ConnectProxy::new(server.address, Some(answer));
        let settings = proxy.settings(None);
        let at = format!("proxy {settings} to collector.invalid:8080: ");
        let mut client = client("http://collector.invalid:8080", Vec::new(), settings);
        let Posted::Failed(said) = client.post(b"x") else {
            panic!("{answer} was taken for a tunnel");
        };
        assert!(said.contains(&at) && said.contains(words), "{said}");
    }
    assert_eq!(server.connections(), 0);
    // Nobody listens where the proxy should be.
    let nobody = Proxy {
        host: "127.0.0.1".into(),
        port: 9,
        credentials: None,
    };
    let mut client = client("http://collector.invalid:8080", Vec::new(), nobody);
    let Posted::Failed(said) = client.post(b"x") else {
        panic!("nobody was a proxy");
    };
    assert!(said.contains("refused"), "{said}");
    assert_eq!(client.measured().0, Stage::Nothing);
}
