//! Clients that dawdle, go away, or are too many; a full queue; a stop.

use super::*;

#[test]
fn a_client_that_dawdles_over_its_header_is_cut_off() {
    let collector = start(Setting {
        header_ms: 200,
        ..Setting::default()
    });
    // One says nothing, one stops within the header, one stops after a good post.
    let silent = collector.connect();
    let mut slow = collector.connect();
    slow.write_all(b"POST /v1/frames HTTP/1.1\r\nHost: c\r\nX-Slow: ")
        .unwrap();
    let mut kept = collector.connect();
    assert_eq!(post(&mut kept, &hello_batch(1000)).0, 200);
    for mut stream in [silent, slow, kept] {
        let mut rest = Vec::new();
        // Ends by the collector's doing: closed, or reset where bytes were left unread.
        let ended = stream.read_to_end(&mut rest);
        assert!(
            ended.is_ok_and(|_| rest.is_empty() || rest.starts_with(b"HTTP/1.1 408")),
            "{}",
            String::from_utf8_lossy(&rest)
        );
    }
    assert_eq!(collector.post(&hello_batch(1001)).0, 200);
}

#[test]
fn a_client_that_dawdles_over_its_body_is_cut_off() {
    let collector = start(Setting {
        patience: Patience {
            body: Duration::from_millis(200),
            request: Duration::from_secs(60),
        },
        ..Setting::default()
    });
    let batch = hello_batch(1000);
    let mut slow = collector.connect();
    slow.write_all(head(batch.len()).as_bytes()).unwrap();
    slow.write_all(&batch[..20]).unwrap();
    assert_eq!(response(&mut slow).0, 408);
    let mut rest = Vec::new();
    // Closed: what would follow is no request.
    let _ = slow.read_to_end(&mut rest);
    assert_eq!(counted(&collector.metrics.timeouts), 1);
    assert_eq!(collector.stored(), 0);
}

#[test]
fn a_client_that_goes_away_within_its_body_harms_nobody() {
    let collector = start(Setting::default());
    let batch = hello_batch(1000);
    let mut half = collector.connect();
    half.write_all(head(batch.len()).as_bytes()).unwrap();
    half.write_all(&batch[..batch.len() / 2]).unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    half.read_to_end(&mut rest).unwrap();
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
    assert_eq!(collector.stored(), 0);
    assert_eq!(collector.post(&batch).0, 200);
}

#[test]
fn a_stranger_is_cut_off_soon_and_an_agent_may_stay() {
    let collector = start(Setting {
        stranger_ms: 300,
        ..Setting::default()
    });
    let mut kept = collector.connect();
    assert_eq!(post(&mut kept, &hello_batch(1000)).0, 200);
    // One says nothing, one says what is not authentic.
    let silent = collector.connect();
    let mut forger = collector.connect();
    let mut forged = hello_batch(1001);
    let end = forged.len() - 1;
    forged[end] ^= 1;
    assert_eq!(post(&mut forger, &forged).0, 401);
    for mut stream in [silent, forger] {
        let mut rest = Vec::new();
        assert_eq!(stream.read_to_end(&mut rest).unwrap_or(0), 0);
    }
    // It came before both, and is still served.
    assert_eq!(post(&mut kept, &hello_batch(1002)).0, 200);
}

/// A connection that comes from another address of this host.
fn from(source: [u8; 4], to: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((source, 0))).unwrap();
        socket.connect(to).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream
}

/// The answer of a connection that is one too many.
fn turned_away(collector: &Collector, sent_ms: u64) {
    let mut second = collector.connect();
    let (status, header, _) = post(&mut second, &hello_batch(sent_ms));
    assert_eq!(status, 503);
    assert!(header.contains("retry-after: 5") && header.contains("connection: close"));
    let mut rest = Vec::new();
    assert_eq!(second.read_to_end(&mut rest).unwrap_or(0), 0);
}

#[test]
fn one_address_cannot_take_all_places() {
    let collector = start(Setting {
        max_per_address: 2,
        ..Setting::default()
    });
    let mut mine = [collector.connect(), collector.connect()];
    for (stream, sent_ms) in mine.iter_mut().zip([1000, 1001]) {
        assert_eq!(post(stream, &hello_batch(sent_ms)).0, 200);
    }
    turned_away(&collector, 1002);
    assert_eq!(counted(&collector.metrics.connections_refused), 1);
    // Others still get in: of 127.0.0.0/8 Linux has every address.
    let mut other = from([127, 0, 0, 2], collector.address);
    assert_eq!(post(&mut other, &hello_batch(1003)).0, 200);
}

#[test]
fn one_connection_too_many_is_503_and_a_sign_of_life_and_places_come_back() {
    let mut collector = start(Setting {
        max_connections: 1,
        writer: false,
        ..Setting::default()
    });
    let jobs = collector.jobs.take().unwrap();
    // Holds the only place, its batch in the queue.
    let mut first = collector.connect();
    let batch = hello_batch(1000);
    first.write_all(head(batch.len()).as_bytes()).unwrap();
    first.write_all(&batch).unwrap();
    let Job::Batch(_, reply) = jobs.recv().unwrap() else {
        unreachable!("nobody pings");
    };
    turned_away(&collector, 2000);
    assert_eq!(counted(&collector.metrics.connections_refused), 1);
    let heard = collector.signs.of(AgentId(1)).unwrap();
    assert_eq!(heard.0.sent_uptime.as_millis(), 2000);
    // What is not authentic is no sign of life.
    assert_eq!(collector.post(b"nothing").0, 503);
    assert_eq!(collector.signs.pending(), [heard]);
    drop(reply);
    assert_eq!(response(&mut first).0, 503);
    drop(first);
    // The place comes back when the collector has seen the end; until then further ones are turned away.
    let again = (0..10_000).any(|_| {
        let mut stream = collector.connect();
        let batch = hello_batch(3000);
        let written = stream
            .write_all(head(batch.len()).as_bytes())
            .and_then(|()| stream.write_all(&batch));
        written.is_ok() && jobs.recv_timeout(Duration::from_millis(100)).is_ok()
    });
    assert!(again);
}

#[test]
fn a_full_queue_is_503_with_retry_after_and_a_sign_of_life() {
    let mut collector = start(Setting {
        queue: 1,
        writer: false,
        ..Setting::default()
    });
    let jobs = collector.jobs.take().unwrap();
    let mut waiting = collector.connect();
    let batch = hello_batch(1000);
    waiting.write_all(head(batch.len()).as_bytes()).unwrap();
    waiting.write_all(&batch).unwrap();
    // It is in the queue, or will be: then the second finds the queue full.
    let refused = (0..10_000).map(|n| {
        let mut stream = collector.connect();
        stream
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        let batch = hello_batch(2000 + n);
        stream.write_all(head(batch.len()).as_bytes()).unwrap();
        stream.write_all(&batch).unwrap();
        let mut first = [0; 12];
        match stream.read_exact(&mut first) {
            Ok(()) => {
                let mut rest = vec![0; 512];
                let length = stream.read(&mut rest).unwrap();
                let text = String::from_utf8_lossy(&rest[..length]).to_lowercase();
                Some((String::from_utf8_lossy(&first).into_owned(), text))
            }
            // This one took the place in the queue.
            Err(_) => None,
        }
    });
    let (status, rest) = refused.flatten().next().unwrap();
    assert!(status.ends_with("503"), "{status}");
    assert!(rest.contains("retry-after: 5"), "{rest}");
    let heard = collector.signs.pending();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].0.agent, AgentId(1));
    // The writer is gone altogether: 503 too, for those that wait and those that come.
    drop(jobs);
    assert_eq!(response(&mut waiting).0, 503);
    assert_eq!(collector.post(&hello_batch(90_000)).0, 503);
}

#[test]
fn a_stop_lets_the_running_request_end_and_takes_no_more() {
    let collector = start(Setting::default());
    let mut stream = collector.connect();
    assert_eq!(post(&mut stream, &hello_batch(1000)).0, 200);
    collector.stop.send(true).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert_eq!(collector.stored(), 1);
}
