//! The certificate of a running collector is replaced: SIGHUP takes the new one for new connections, connections that stand go on, and one
//! that does not fit its key is refused while the one in force stays. It ends while the collector runs: that is said before.
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod proof_support;

use proof_support::faketime::{Clock, jst};
use proof_support::support::Folder;
use proof_support::{Serving, log, run, signal, until};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

const CONFIG: &str = "collector.toml";
const GOOD: &str = "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n\
                    [pages]\nlisten = \"127.0.0.1:0\"\n[store]\ndirectory = \"data\"\n";

/// A certificate of its own that ends in this year, with its key, in PEM; and as DER.
struct Made {
    certificate: String,
    key: String,
    der: CertificateDer<'static>,
}

fn made(ends: i32) -> Made {
    let mut params = CertificateParams::new(vec!["collector.test".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(ends, 2, 3);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Made {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        der: certificate.der().clone(),
    }
}

fn put(here: &Path, certificate: &str, key: &str) {
    fs::write(here.join("c.pem"), certificate).unwrap();
    fs::write(here.join("k.pem"), key).unwrap();
}

/// A connection to the listener by somebody who trusts this certificate alone.
fn connect(address: &str, trusted: &Made) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("collector.test").unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(client, TcpStream::connect(address).unwrap())
}

/// Whether the listener answers on it that it lives.
fn answers(connection: &mut StreamOwned<ClientConnection, TcpStream>) -> bool {
    let asked = connection.write_all(b"GET /v1/alive HTTP/1.1\r\nHost: collector.test\r\n\r\n");
    let mut answer = [0; 12];
    let read = asked.and_then(|()| connection.read_exact(&mut answer));
    if read.is_err() {
        return false;
    }
    // The rest of it, so that the next answer begins at its beginning.
    let mut end = Vec::new();
    while !end.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).unwrap();
        end.extend(byte);
    }
    let head = String::from_utf8(end).unwrap().to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).map_or(0, |rest| {
        rest.split("\r\n").next().unwrap().parse().unwrap()
    });
    let mut body = vec![0; length];
    connection.read_exact(&mut body).unwrap();
    &answer == b"HTTP/1.1 200"
}

fn hup(here: &Path, serving: &Serving, says: &str) {
    let before = log(here).matches(says).count();
    signal(serving.child.id(), "-HUP");
    until(says, || {
        (log(here).matches(says).count() > before).then_some(())
    });
}

#[test]
fn a_certificate_is_replaced_while_the_collector_runs() {
    let folder = Folder::new("binary-tls");
    let here = folder.path();
    let [first, second, third] = [made(2099), made(2099), made(2099)];
    put(here, &first.certificate, &first.key);
    fs::write(here.join(CONFIG), GOOD).unwrap();
    let serving = Serving::start(here, CONFIG);
    let address = serving.ingest.clone();
    let mut standing = connect(&address, &first);
    assert!(answers(&mut standing));
    assert!(
        !answers(&mut connect(&address, &second)),
        "it shows its own"
    );

    // Half of it is replaced: refused, with its file.
    put(here, &second.certificate, &first.key);
    hup(
        here,
        &serving,
        "[ingest] certificate refused; the one in force stays: ",
    );
    assert!(answers(&mut connect(&address, &first)));
    put(here, "", &second.key);
    hup(here, &serving, "c.pem: no certificate in it");
    assert!(answers(&mut connect(&address, &first)));

    // All of it.
    put(here, &second.certificate, &second.key);
    hup(here, &serving, "[ingest] certificate replaced");
    assert!(answers(&mut connect(&address, &second)));
    assert!(!answers(&mut connect(&address, &first)));
    assert!(answers(&mut standing), "connections that stand go on");

    // Whoever renews certificates does not answer for the rest of the file.
    put(here, &third.certificate, &third.key);
    fs::write(here.join(CONFIG), format!("{GOOD}[nonsense]\n")).unwrap();
    hup(
        here,
        &serving,
        "the configuration is refused; the one in force stays",
    );
    assert_eq!(
        log(here).matches("[ingest] certificate replaced").count(),
        2
    );
    assert!(answers(&mut connect(&address, &third)));
    assert_eq!(serving.stop(), Some(0));
}

#[test]
fn a_certificate_that_ends_is_told_before() {
    let folder = Folder::new("binary-tls-end");
    let here = folder.path();
    let Some(clock) = Clock::new(here) else {
        return;
    };
    let [ends, other] = [made(2031), made(2099)];
    put(here, &ends.certificate, &ends.key);
    let config = GOOD.replace(
        "listen = \"127.0.0.1:0\"\n[store]",
        "listen = \"127.0.0.1:0\"\ntime_zone_offset = \"+09:00\"\n[store]",
    );
    fs::write(here.join(CONFIG), config).unwrap();
    // Ten days before: once a day.
    clock.set(jst(2031, 1, 24, (12, 0)));
    let serving = clock.serve(CONFIG);
    let says = |words: &str| {
        until(words, || log(here).contains(words).then_some(()));
    };
    says(
        "WARN hansho_collector::alive::upkeep: [ingest] certificate ends 2031-02-03 09:00:00 +09:00",
    );
    // It ends while the collector runs, which goes on answering whoever takes it.
    clock.set(jst(2031, 2, 4, (12, 0)));
    says(
        "ERROR hansho_collector::alive::upkeep: [ingest] certificate ended 2031-02-03 09:00:00 +09:00",
    );
    assert!(answers(&mut connect(&serving.ingest, &ends)));
    put(here, &other.certificate, &other.key);
    hup(here, &serving, "[ingest] certificate replaced");
    assert!(answers(&mut connect(&serving.ingest, &other)));
    assert_eq!(serving.stop(), Some(0));
}

#[test]
fn check_tells_a_certificate_that_ended_from_one_that_will() {
    let folder = Folder::new("binary-tls-check");
    let here = folder.path();
    fs::write(here.join(CONFIG), GOOD).unwrap();
    let said = |chain: &[&Made]| {
        let pem: String = chain.iter().map(|one| one.certificate.as_str()).collect();
        put(here, &pem, &chain.first().unwrap().key);
        let checked = run(here, CONFIG, &["check"]);
        let said = String::from_utf8(checked.stderr).unwrap();
        // Agents that pin it take it whatever its dates.
        assert_eq!(checked.status.code(), Some(0), "{said}");
        said
    };
    let [ended, good] = [made(2020), made(2099)];
    let own = said(&[&ended]);
    assert!(
        own.contains("ERROR hansho_collector::cli::check: [ingest] certificate ended 2020-02-03 "),
        "{own}"
    );
    assert!(!own.contains("replace it before"), "{own}");
    // A cross certificate that has ended cuts nobody off who gets along without it.
    let other = said(&[&good, &ended]);
    assert!(other.contains("WARN hansho_collector::cli::check: [ingest] certificate 2 of the chain ended 2020-02-03 "), "{other}");
    assert!(!other.contains("ERROR"), "{other}");
    let neither = said(&[&good]);
    assert!(!neither.contains("certificate"), "{neither}");
}
