//! The ingest listener over real sockets, with clients that mean harm or are merely broken.
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::string_slice,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::frame::answer::Answer;
use hansho::frame::kind::{AgentId, Stream};
use hansho::frame::seal::AgentKey;
use hansho_collector::alive::door::Door;
use hansho_collector::clock;
use hansho_collector::ingest::join::{JoinGate, token_hash, token_text};
use hansho_collector::ingest::request::{Intake, Patience};
use hansho_collector::ingest::server::Server;
use hansho_collector::ingest::{Job, Keys, Metrics, Refusal, SignsOfLife, tls};
use hansho_collector::store::rows::AllRows;
use hansho_collector::store::writer::Writer;
use hansho_collector::store::{JoinToken, MemoryStore, Store};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;
use support::{NOW, at, bytes, hello, key, new_agent, part};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Knows agent 1 only.
struct OneKey;

impl Keys for OneKey {
    fn key(&self, agent: AgentId, epoch: u8) -> Result<Option<AgentKey>, Refusal> {
        Ok((agent == AgentId(1) && epoch == 1).then(|| key(1)))
    }

    fn of_new(&self, agent: AgentId, _epoch: u8) -> Option<(u32, AgentKey)> {
        Some((1, key(agent.0)))
    }
}

struct Collector {
    address: SocketAddr,
    store: Arc<MemoryStore>,
    metrics: Arc<Metrics>,
    signs: Arc<SignsOfLife>,
    /// Taken where the test is the writer itself.
    jobs: Option<Receiver<Job>>,
    stop: watch::Sender<bool>,
    _runtime: Runtime,
}

struct Setting {
    header_ms: u64,
    stranger_ms: u64,
    max_connections: usize,
    max_per_address: usize,
    queue: usize,
    writer: bool,
    patience: Patience,
    tls: Option<tokio_rustls::TlsAcceptor>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            header_ms: 60_000,
            stranger_ms: 60_000,
            max_connections: 100,
            max_per_address: 100,
            queue: 10,
            writer: true,
            patience: Patience::default(),
            tls: None,
        }
    }
}

fn start(setting: Setting) -> Collector {
    let store = Arc::new(MemoryStore::default());
    store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
    let metrics = Arc::new(Metrics::default());
    let signs = Arc::new(SignsOfLife::default());
    let (queue, jobs) = sync_channel(setting.queue);
    let intake = Intake {
        keys: Arc::new(OneKey),
        queue,
        metrics: Arc::clone(&metrics),
        signs: Arc::clone(&signs),
        now: clock::now,
        patience: setting.patience,
        joins: JoinGate::default(),
    };
    let mut jobs = Some(jobs);
    if setting.writer {
        let writer = Writer {
            store: Arc::clone(&store) as Arc<dyn Store>,
            retention_days: 30,
            signs: Arc::clone(&signs),
            metrics: Arc::clone(&metrics),
            now: clock::now,
        };
        let jobs = jobs.take().unwrap();
        std::thread::spawn(move || writer.run(&jobs));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopping) = watch::channel(false);
    runtime.spawn(
        Server {
            listener,
            tls: setting.tls,
            max_connections: setting.max_connections,
            max_per_address: setting.max_per_address,
            stranger_ms: setting.stranger_ms,
            header_ms: setting.header_ms,
            intake: Arc::new(intake),
            stop: stopping,
        }
        .run(),
    );
    Collector {
        address,
        store,
        metrics,
        signs,
        jobs,
        stop,
        _runtime: runtime,
    }
}

impl Collector {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream
    }

    fn post(&self, body: &[u8]) -> (u16, String, Vec<u8>) {
        let mut stream = self.connect();
        post(&mut stream, body)
    }

    fn stored(&self) -> usize {
        self.store.frames(AgentId(1)).unwrap().len()
    }
}

fn head(length: usize) -> String {
    format!(
        "POST /v1/frames HTTP/1.1\r\nHost: c\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n"
    )
}

fn post(stream: &mut TcpStream, body: &[u8]) -> (u16, String, Vec<u8>) {
    stream.write_all(head(body.len()).as_bytes()).unwrap();
    // The collector may have refused already.
    let _ = stream.write_all(body);
    response(stream)
}

/// Status, header and body of a response.
fn response(stream: &mut impl std::io::Read) -> (u16, String, Vec<u8>) {
    let mut header = Vec::new();
    let mut byte = [0];
    while !header.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap() == 0 {
            return (0, String::from_utf8(header).unwrap(), Vec::new());
        }
        header.push(byte[0]);
    }
    let header = String::from_utf8(header).unwrap().to_lowercase();
    let status = header[9..12].parse().unwrap();
    let length = header
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (status, header, body)
}

fn hello_batch(sent_ms: u64) -> Vec<u8> {
    bytes(
        1,
        5,
        1,
        sent_ms,
        &[part(5, Stream::Alerts, 0, &[hello(1, "h")])],
    )
}

fn echo(batch: &[u8]) -> [u8; 16] {
    *batch.last_chunk().unwrap()
}

fn counted(counter: &AtomicU64) -> u64 {
    Metrics::get(counter)
}

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

fn join(collector: &Collector, token: &str, name: &str) -> (u16, serde_json::Value) {
    let body = serde_json::json!({ "token": token, "name": name }).to_string();
    let head = format!(
        "POST /v1/join HTTP/1.1\r\nHost: c\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = collector.connect();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let (status, _, body) = response(&mut stream);
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[test]
fn a_host_joins_with_a_token_and_then_posts_with_its_key() {
    let collector = start(Setting::default());
    let ends = clock::now().as_millis() + 60_000;
    let put = |rows: &mut dyn AllRows| {
        rows.put_join_token(&JoinToken {
            id: 3,
            hash: token_hash(&[9; 32]),
            customer: "みらい商事".to_owned(),
            system: "受注".to_owned(),
            uses: 1,
            used: 0,
            created: at(0),
            ends: hansho::clock::WallTime::from_millis(ends),
            revoked: None,
        })
    };
    collector.store.transact(&mut { put }).unwrap();
    let token = token_text(3, &[9; 32]);
    let (status, said) = join(&collector, &token, "a/b");
    assert_eq!((status, said["error"].as_str()), (400, Some("name")));
    let (status, said) = join(&collector, &token, "web03");
    assert_eq!((status, said["error"].as_str()), (409, Some("name_taken")));
    let (status, said) = join(&collector, &token, "web04");
    assert_eq!(status, 200, "{said}");
    assert_eq!(said["agent"], "みらい商事/受注/web04");
    let words: Vec<&str> = said["key"].as_str().unwrap().split(' ').collect();
    assert_eq!((words[0], words[2], words.len()), ("hansho1", "1", 4));
    let id = AgentId(u64::from_str_radix(words[1], 16).unwrap());
    assert_eq!(
        collector.store.master_of(id, 1, clock::now()).unwrap(),
        Some(1)
    );
    let (status, said) = join(&collector, &token, "web05");
    assert_eq!((status, said["error"].as_str()), (403, Some("used_up")));
    // Too long for a token and a name.
    assert_eq!(join(&collector, &token, &"x".repeat(3000)).0, 413);
}

#[test]
fn wrong_tokens_are_told_nothing_and_soon_have_to_wait() {
    let collector = start(Setting::default());
    let wrong = token_text(3, &[9; 32]);
    let said = join(&collector, &wrong, "x");
    assert_eq!(said, join(&collector, "nonsense", "x"));
    assert_eq!((said.0, said.1["error"].as_str()), (401, Some("token")));
    let statuses: Vec<u16> = (0..20).map(|_| join(&collector, &wrong, "x").0).collect();
    assert_eq!(statuses.last(), Some(&429));
    // Agents are not held up by it.
    assert_eq!(collector.post(&hello_batch(1000)).0, 200);
}

#[test]
fn bodies_that_are_none_count_as_wrong_tokens() {
    let collector = start(Setting::default());
    let token = token_text(3, &[9; 32]);
    let long = "x".repeat(3000);
    let statuses: Vec<u16> = (0..20).map(|_| join(&collector, &token, &long).0).collect();
    assert_eq!((statuses[0], statuses.last()), (413, Some(&429)));
}

#[test]
fn a_check_proves_key_and_writer_and_changes_nothing() {
    let collector = start(Setting::default());
    let check = |batch: &[u8]| {
        let head = head(batch.len()).replace("/v1/frames", "/v1/check");
        let mut stream = collector.connect();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(batch).unwrap();
        response(&mut stream)
    };
    let batch = hello_batch(1000);
    let (status, _, body) = check(&batch);
    assert_eq!(status, 200);
    let answer = Answer::open(&body, &key(1), &echo(&batch)).unwrap();
    assert!(answer.stored.is_empty());
    assert!(answer.collector_wall.as_millis() > NOW / 2);
    let agent = &collector.store.agents().unwrap()[0];
    assert_eq!((agent.current_run, agent.last_seen), (None, None));
    assert_eq!(collector.stored(), 0);
    let mut forged = batch;
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(check(&forged).0, 401);

    // A writer that is gone, or cannot write, is no success.
    let silent = start(Setting {
        writer: false,
        ..Setting::default()
    });
    drop(silent.jobs);
    let batch = hello_batch(1000);
    let head = head(batch.len()).replace("/v1/frames", "/v1/check");
    let mut stream = TcpStream::connect(silent.address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&batch).unwrap();
    assert_eq!(response(&mut stream).0, 503);
}
