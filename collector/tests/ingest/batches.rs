//! What is taken, and what is refused and why.

use super::*;

#[test]
fn a_batch_is_stored_and_the_answer_is_authentic_also_on_a_kept_connection() {
    let collector = start(Setting::default());
    let mut stream = collector.connect();
    for sent in [1000, 1001] {
        let batch = hello_batch(sent);
        let (status, _, body) = post(&mut stream, &batch);
        assert_eq!(status, 200);
        let answer = Answer::open(&body, &key(1), &echo(&batch)).unwrap();
        assert_eq!(answer.stored[0].next, 1);
        assert_eq!(answer.next_post_ms, 0);
    }
    assert_eq!(collector.stored(), 1);
    assert_eq!(counted(&collector.metrics.batches), 2);
}

#[test]
fn a_batch_in_chunks_is_taken_and_an_endless_one_is_not() {
    let collector = start(Setting::default());
    let chunked = "POST /v1/frames HTTP/1.1\r\nHost: c\r\nContent-Type: application/octet-stream\r\n\
                   Transfer-Encoding: chunked\r\n\r\n";
    let batch = hello_batch(1000);
    let mut stream = collector.connect();
    stream.write_all(chunked.as_bytes()).unwrap();
    for piece in batch.chunks(7) {
        write!(stream, "{:x}\r\n", piece.len()).unwrap();
        stream.write_all(piece).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(response(&mut stream).0, 200);
    assert_eq!(collector.stored(), 1);

    let mut stream = collector.connect();
    stream.write_all(chunked.as_bytes()).unwrap();
    let piece = [b"4000\r\n".as_slice(), &[b'x'; 0x4000], b"\r\n"].concat();
    for _ in 0..8 {
        // Once refused, the rest may not be taken any more.
        if stream.write_all(&piece).is_err() {
            break;
        }
    }
    assert_eq!(response(&mut stream).0, 413);
    assert_eq!(counted(&collector.metrics.too_large), 1);
}

#[test]
fn a_body_announced_too_large_is_refused_unread() {
    let collector = start(Setting::default());
    for length in [64 * 1024 + 1, usize::MAX >> 1] {
        let mut stream = collector.connect();
        stream.write_all(head(length).as_bytes()).unwrap();
        assert_eq!(response(&mut stream).0, 413);
    }
    assert_eq!(counted(&collector.metrics.too_large), 2);
}

#[test]
fn a_wrong_mac_and_an_unknown_agent_look_the_same_and_are_counted_apart() {
    let collector = start(Setting::default());
    let mut forged = hello_batch(1000);
    let end = forged.len() - 1;
    forged[end] ^= 1;
    let stranger = bytes(2, 5, 1, 1000, &[]);
    let (mac, agent) = (collector.post(&forged), collector.post(&stranger));
    let without_date = |header: &str| -> Vec<String> {
        header
            .lines()
            .filter(|line| !line.starts_with("date:"))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(mac.0, 401);
    assert_eq!((mac.0, &mac.2), (agent.0, &agent.2));
    assert_eq!(without_date(&mac.1), without_date(&agent.1));
    assert_eq!(counted(&collector.metrics.bad_mac), 1);
    assert_eq!(counted(&collector.metrics.unknown_agent), 1);
    assert_eq!(collector.stored(), 0);
    let agents = collector.store.agents().unwrap();
    assert_eq!(agents[0].last_seen, None);
}

#[test]
fn what_is_no_batch_is_refused_with_a_reason() {
    let collector = start(Setting::default());
    let mut version = hello_batch(1);
    version[2] = 9;
    for body in [b"".to_vec(), b"HN".to_vec(), vec![b'x'; 100], version] {
        assert_eq!(collector.post(&body).0, 400);
    }
    for (start_line, kind, expected) in [
        ("GET /v1/frames", "application/octet-stream", 405),
        ("POST /other", "application/octet-stream", 404),
        ("POST /v1/frames", "text/plain", 415),
    ] {
        let mut stream = collector.connect();
        write!(
            stream,
            "{start_line} HTTP/1.1\r\nHost: c\r\nContent-Type: {kind}\r\nContent-Length: 0\r\n\r\n"
        )
        .unwrap();
        assert_eq!(response(&mut stream).0, expected);
    }
    assert_eq!(counted(&collector.metrics.malformed), 7);
}

#[test]
fn bytes_that_are_no_http_end_the_connection_only() {
    let collector = start(Setting::default());
    for junk in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"[..],
        &[0; 20_000],
        b"GET\r\n\r\n",
    ] {
        let mut stream = collector.connect();
        let _ = stream.write_all(junk);
        let _ = stream.shutdown(Shutdown::Write);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    assert_eq!(collector.post(&hello_batch(1000)).0, 200);
}

#[test]
fn tls_takes_batches_and_plain_text_does_not_get_through() {
    let made = rcgen::generate_simple_self_signed(["collector.test".to_owned()]).unwrap();
    let folder = support::Folder::new("tls");
    let (certificate, private) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&private, made.signing_key.serialize_pem()).unwrap();
    let collector = start(Setting {
        tls: Some(tls::acceptor(&certificate, &private).unwrap()),
        ..Setting::default()
    });

    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "collector.test".try_into().unwrap();
    let mut session = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = collector.connect();
    let mut stream = rustls::Stream::new(&mut session, &mut socket);
    let batch = hello_batch(1000);
    stream.write_all(head(batch.len()).as_bytes()).unwrap();
    stream.write_all(&batch).unwrap();
    assert_eq!(response(&mut stream).0, 200);
    assert_eq!(collector.stored(), 1);

    let mut plain = collector.connect();
    let _ = plain.write_all(head(batch.len()).as_bytes());
    let mut rest = Vec::new();
    let _ = plain.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"HTTP"));
    assert!(tls::acceptor(&private, &certificate).is_err());
}

/// Whoever asks the own listener whether it lives knows the certificate that it shows now.
#[test]
fn the_collector_knows_its_own_listener_by_a_certificate_that_was_replaced() {
    let folder = support::Folder::new("own-door");
    let files = [folder.path().join("c.pem"), folder.path().join("k.pem")];
    let replace = || {
        let made = rcgen::generate_simple_self_signed(["collector.test".to_owned()]).unwrap();
        std::fs::write(&files[0], made.cert.pem()).unwrap();
        std::fs::write(&files[1], made.signing_key.serialize_pem()).unwrap();
    };
    replace();
    let certificates = Arc::new(tls::Certificates::read(&files[0], &files[1]).unwrap());
    let collector = start(Setting {
        tls: Some(certificates.acceptor().unwrap()),
        ..Setting::default()
    });
    let door = Door::new(collector.address, Some(&certificates)).unwrap();
    assert_eq!(door.ask(), Ok(()));
    assert_eq!(certificates.renew(), Ok(false));
    replace();
    let others = Arc::new(tls::Certificates::read(&files[0], &files[1]).unwrap());
    let stranger = Door::new(collector.address, Some(&others)).unwrap();
    assert!(stranger.ask().is_err());
    assert_eq!(certificates.renew(), Ok(true));
    assert_eq!((door.ask(), stranger.ask()), (Ok(()), Ok(())));
}
