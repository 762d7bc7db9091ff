//! The forwarder against servers that are no collector, or a bad one: nothing is acknowledged that was not stored, what
//! is read is bounded, everything ends, and honest answers afterwards go on.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop"
)]

mod forward_common;

use forward_common::server::{Server, Wire, reply};
use forward_common::{BOOT, Collector, KEY, TestHost, TestRings, empty_batch, run_of, settings};
use hansho::forward::client::{Client, Posted, Timeouts};
use hansho::forward::connector::TrustSettings;
use hansho::forward::forwarder::{Forwarder, Post};
use hansho::forward::news::News;
use hansho::forward::pace::{Outcome, Why};
use hansho::frame::Stream;
use hansho::frame::answer::Answer;
use hansho::frame::batch::open_batch;
use hansho::limit::ANSWER_BYTES;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Short, so that a test of what never ends is short.
const TIMEOUTS: Timeouts = Timeouts {
    post: Duration::from_millis(300),
    connect: Duration::from_millis(200),
};
/// Long enough for any machine, where nothing is expected to time out.
const PATIENT: Timeouts = Timeouts {
    post: Duration::from_secs(60),
    connect: Duration::from_secs(60),
};

fn client(urls: &[String], timeouts: Timeouts) -> Client {
    let (trust, state) = (TrustSettings::default(), Arc::default());
    Client::with(urls.to_vec(), trust, BOOT, state, timeouts).unwrap()
}

type TestForwarder = Forwarder<TestRings, TestHost>;

fn forwarder(urls: &[String], timeouts: Timeouts) -> (TestForwarder, TestRings) {
    let rings = TestRings::default();
    let client = client(urls, timeouts);
    let forwarder = Forwarder::new(settings(), client, rings.clone(), TestHost::default());
    (forwarder, rings)
}

/// Posts until all is sent. Attempts that a slow machine lets time out are made again.
fn finish(forwarder: &mut TestForwarder) {
    for _ in 0..200 {
        if matches!(forwarder.post(), Outcome::Done { .. }) {
            return;
        }
    }
    panic!("never done");
}

fn is_acknowledged(forwarder: &TestForwarder) -> bool {
    let stored = |news: &News| matches!(news, News::Stored { next: 1.., .. });
    forwarder.host().told.iter().any(stored)
}

/// How a server misbehaves once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Portal,
    Redirect,
    WrongMac,
    OtherBatch,
    CutAnswer,
    Empty,
    NoContent,
    Huge,
    HugeChunked,
    AbsurdLength,
    Compressed,
    EndlessHeaders,
    Interim,
    Drip,
    DripHeaders,
    Reset,
    ResetInBody,
    Garbage,
    HalfOpen,
    Status(&'static str, &'static str),
}

const FAULTS: &[Fault] = &[
    Fault::Portal,
    Fault::Redirect,
    Fault::WrongMac,
    Fault::OtherBatch,
    Fault::CutAnswer,
    Fault::Empty,
    Fault::NoContent,
    Fault::Huge,
    Fault::HugeChunked,
    Fault::AbsurdLength,
    Fault::Compressed,
    Fault::EndlessHeaders,
    Fault::Interim,
    Fault::Drip,
    Fault::DripHeaders,
    Fault::Reset,
    Fault::ResetInBody,
    Fault::Garbage,
    Fault::HalfOpen,
    Fault::Status("400 Bad Request", ""),
    Fault::Status("401 Unauthorized", ""),
    Fault::Status("404 Not Found", ""),
    Fault::Status("407 Proxy Authentication Required", ""),
    Fault::Status("408 Request Timeout", ""),
    Fault::Status("413 Payload Too Large", ""),
    Fault::Status("429 Too Many Requests", "retry-after: 20\r\n"),
    Fault::Status("500 Internal Server Error", ""),
    Fault::Status("503 Service Unavailable", "retry-after: 99999999999\r\n"),
    Fault::Status("503 Service Unavailable", "retry-after: tomorrow\r\n"),
];

impl Fault {
    fn outcome(self) -> Outcome {
        let after_ms = None;
        match self {
            Self::Portal | Self::Redirect | Self::WrongMac | Self::OtherBatch => {
                Outcome::Unauthentic
            }
            Self::CutAnswer | Self::Empty | Self::NoContent | Self::Compressed => {
                Outcome::Unauthentic
            }
            // Read up to the bound, and no answer of a collector.
            Self::Huge | Self::HugeChunked => Outcome::Unauthentic,
            Self::Status(status, headers) => match status.split(' ').next().unwrap() {
                "413" => Outcome::TooLarge,
                "408" | "500" => Outcome::Retry { after_ms },
                "429" => Outcome::Retry {
                    after_ms: Some(20_000),
                },
                "503" if headers.contains('9') => Outcome::Retry {
                    after_ms: Some(99_999_999_999_000),
                },
                "503" => Outcome::Retry { after_ms },
                _ => Outcome::Configuration,
            },
            _ => Outcome::Retry { after_ms },
        }
    }

    /// Answers badly; false: the connection is closed then.
    fn commit(self, body: &[u8], honest: &[u8], wire: &mut dyn Wire) -> bool {
        match self {
            Self::Portal => reply(wire, "200 OK", "", b"<html>Please log in</html>"),
            Self::Redirect => reply(wire, "302 Found", "location: http://127.0.0.1:1/\r\n", b""),
            Self::WrongMac => {
                let mut wrong = honest.to_vec();
                *wrong.last_mut().unwrap() ^= 1;
                reply(wire, "200 OK", "", &wrong)
            }
            Self::OtherBatch => {
                let echo = open_batch(body, &KEY).unwrap().mac;
                let mut other = Answer::open(honest, &KEY, &echo).unwrap();
                other.echo[3] ^= 1;
                let mut buffer = [0; ANSWER_BYTES];
                reply(wire, "200 OK", "", other.seal(&KEY, &mut buffer).unwrap())
            }
            Self::CutAnswer => reply(wire, "200 OK", "", &honest[..honest.len() - 1]),
            Self::Empty => reply(wire, "200 OK", "", b""),
            Self::NoContent => reply(wire, "204 No Content", "", b""),
            Self::Huge => {
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n";
                endless(wire, head, &[b'x'; 4096])
            }
            Self::HugeChunked => {
                let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                let mut chunk = b"400\r\n".to_vec();
                chunk.extend([b'x'; 1024]);
                chunk.extend(b"\r\n");
                endless(wire, head, &chunk)
            }
            Self::AbsurdLength => {
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n";
                wire.write_all(head.as_bytes()).is_err()
            }
            Self::Compressed => {
                let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x04\0\x43\xbe\xb7\xe8\x01\0\0\0";
                reply(wire, "200 OK", "content-encoding: gzip\r\n", gzip)
            }
            Self::EndlessHeaders => endless(wire, "HTTP/1.1 200 OK\r\n", b"x-more: and more\r\n"),
            Self::Interim => endless(wire, "", b"HTTP/1.1 102 Processing\r\n\r\n"),
            Self::Drip => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
                    honest.len()
                );
                wire.write_all(head.as_bytes()).is_ok() && drip(wire, &honest.repeat(100))
            }
            Self::DripHeaders => drip(wire, &b"HTTP/1.1 200 OK\r\n".repeat(1000)),
            Self::Reset => false,
            Self::ResetInBody => {
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nbegun";
                wire.write_all(head.as_bytes()).is_err()
            }
            Self::Garbage => wire.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").is_err(),
            Self::HalfOpen => {
                // The client gives up and closes; nothing else ends this read.
                let mut rest = [0; 1];
                while matches!(wire.read(&mut rest), Ok(1..)) {}
                false
            }
            Self::Status(status, headers) => reply(wire, status, headers, b"no\n"),
        }
    }
}

fn endless(wire: &mut dyn Wire, head: &str, more: &[u8]) -> bool {
    let mut written = wire.write_all(head.as_bytes());
    while written.is_ok() {
        written = wire.write_all(more);
    }
    false
}

fn drip(wire: &mut dyn Wire, bytes: &[u8]) -> bool {
    for byte in bytes {
        if wire.write_all(&[*byte]).is_err() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// A collector behind a server that misbehaves at the request of this number, `before` it is stored or after.
fn faulty(fault: Fault, at: usize, stores: bool) -> (Server, Arc<Mutex<Collector>>) {
    let collector = Arc::new(Mutex::new(Collector::default()));
    let (shared, requests) = (collector.clone(), AtomicUsize::new(0));
    let server = Server::plain(move |body, wire| {
        let now = requests.fetch_add(1, Ordering::SeqCst) == at;
        let honest = {
            let mut collector = shared.lock().unwrap();
            let mut copy = collector.clone();
            let answer = copy.take(body);
            if !now || stores {
                *collector = copy;
            }
            answer
        };
        if now {
            fault.commit(body, &honest, wire)
        } else {
            reply(wire, "200 OK", "", &honest)
        }
    });
    (server, collector)
}

fn all_once(collector: &Mutex<Collector>, expected: usize) {
    let collector = collector.lock().unwrap();
    assert_eq!(collector.stored.len(), expected);
    assert!(collector.stored.values().all(|times| *times == 1));
    assert_eq!((collector.lost.len(), collector.jumps), (0, 0));
}

fn fault_at(fault: Fault, at: usize, stores: bool) {
    let (server, collector) = faulty(fault, at, stores);
    let (mut forwarder, rings) = forwarder(&[server.url()], TIMEOUTS);
    rings.write(1, Stream::Alerts, 0..3);
    rings.write(1, Stream::Readings, 0..5);
    for _ in 0..at {
        assert_eq!(forwarder.post(), Outcome::More, "{fault:?}");
    }
    assert_eq!(forwarder.post(), fault.outcome(), "{fault:?} at {at}");
    assert!(!is_acknowledged(&forwarder), "{fault:?} at {at}");
    if !stores {
        assert!(collector.lock().unwrap().stored.is_empty());
    }
    if fault.outcome() == Outcome::Configuration {
        let told = &forwarder.host().told;
        assert!(
            told.iter()
                .any(|news| matches!(news, News::PostsRefused { .. }))
        );
    }
    finish(&mut forwarder);
    assert_eq!(forwarder.wanted(run_of(1), Stream::Readings), Some(5));
    all_once(&collector, 8);
}

#[test]
fn a_fault_at_the_first_post_acknowledges_nothing_and_loses_nothing() {
    for fault in FAULTS {
        fault_at(*fault, 0, false);
    }
}

#[test]
fn a_fault_at_the_post_with_the_frames_acknowledges_nothing_and_loses_nothing() {
    for fault in FAULTS {
        // A connection was kept: what breaks on it is tried at once on a fresh one, which the server serves well.
        let breaks = matches!(
            fault,
            Fault::AbsurdLength
                | Fault::EndlessHeaders
                | Fault::Interim
                | Fault::Reset
                | Fault::ResetInBody
                | Fault::Garbage
        );
        if !breaks {
            fault_at(*fault, 1, false);
        }
    }
}

#[test]
fn an_answer_that_gets_lost_after_the_collector_stored_doubles_nothing() {
    for fault in [
        Fault::HalfOpen,
        Fault::WrongMac,
        Fault::Status("500 Oops", ""),
    ] {
        fault_at(fault, 1, true);
    }
}

#[test]
fn a_failure_on_a_kept_connection_is_tried_again_at_once() {
    for fault in [
        Fault::Reset,
        Fault::ResetInBody,
        Fault::Garbage,
        Fault::Interim,
    ] {
        let (server, collector) = faulty(fault, 1, false);
        let (mut forwarder, rings) = forwarder(&[server.url()], PATIENT);
        rings.write(1, Stream::Alerts, 0..3);
        assert_eq!(forwarder.post(), Outcome::More);
        assert_eq!(
            forwarder.post(),
            Outcome::Done { next_post_ms: 0 },
            "{fault:?}"
        );
        assert_eq!(server.connections(), 2);
        assert_eq!(forwarder.client().connections(), 2);
        all_once(&collector, 3);
    }
}

#[test]
fn posts_share_a_connection_and_one_that_was_closed_is_replaced_at_once() {
    let collector = Mutex::new(Collector::default());
    let requests = AtomicUsize::new(0);
    let server = Server::plain(move |body, wire| {
        let answer = collector.lock().unwrap().take(body);
        // Closed while idle, without a word, after the fifth.
        reply(wire, "200 OK", "", &answer) && requests.fetch_add(1, Ordering::SeqCst) != 4
    });
    let (mut forwarder, rings) = forwarder(&[server.url()], PATIENT);
    for round in 0..10 {
        rings.write(1, Stream::Alerts, round..round + 1);
        while !matches!(forwarder.post(), Outcome::Done { .. }) {}
    }
    assert_eq!(server.connections(), 2);
    let failed = forwarder.wanted(run_of(1), Stream::Alerts);
    assert_eq!(failed, Some(10));
}

#[test]
fn what_is_read_is_bounded() {
    for (fault, expected) in [
        (Fault::Huge, None),
        (Fault::HugeChunked, None),
        (Fault::Interim, Some("more than 65536 bytes")),
    ] {
        let (server, _) = faulty(fault, 0, false);
        let (mut forwarder, rings) = forwarder(&[server.url()], PATIENT);
        rings.write(1, Stream::Alerts, 0..3);
        // Built by a forwarder of its own, posted by a client that can be looked at.
        let mut client = client(&[server.url()], PATIENT);
        let batch = empty_batch();
        match (client.post(&batch), expected) {
            (Posted::Body(body), None) => assert_eq!(body.len(), ANSWER_BYTES + 1),
            (Posted::Failed(why), Some(expected)) => assert!(why.contains(expected), "{why}"),
            (other, _) => panic!("{fault:?}: {other:?}"),
        }
        finish(&mut forwarder);
    }
}

#[test]
fn too_large_halves_the_batch_and_nothing_is_dropped() {
    let collector = Arc::new(Mutex::new(Collector::default()));
    let shared = collector.clone();
    let server = Server::plain(move |body, wire| {
        if body.len() > 10_000 {
            return reply(wire, "413 Payload Too Large", "", b"");
        }
        let answer = shared.lock().unwrap().take(body);
        reply(wire, "200 OK", "", &answer)
    });
    let (mut forwarder, rings) = forwarder(&[server.url()], PATIENT);
    rings.write(1, Stream::Readings, 0..4000);
    let mut outcomes = Vec::new();
    while !matches!(outcomes.last(), Some(Outcome::Done { .. })) {
        outcomes.push(forwarder.post());
        assert!(outcomes.len() < 100, "{outcomes:?}");
    }
    let too_large = outcomes.iter().filter(|o| **o == Outcome::TooLarge);
    assert_eq!(too_large.count(), 3);
    all_once(&collector, 4000);
}

#[test]
fn a_collector_that_takes_nothing_or_flips_is_not_asked_without_a_pause() {
    // What it says instead of the truth, in turn.
    for says in [&[0, 0][..], &[0, 2], &[2, 1, 0], &[1, 2, 3, 0]] {
        let requests = AtomicUsize::new(0);
        let server = Server::plain(move |body, wire| {
            let mut collector = Collector::default();
            let honest = collector.take(body);
            let echo = open_batch(body, &KEY).unwrap().mac;
            let mut answer = Answer::open(&honest, &KEY, &echo).unwrap();
            let turn = requests.fetch_add(1, Ordering::SeqCst);
            for stored in &mut answer.stored {
                stored.next = says[turn % says.len()];
            }
            let mut buffer = [0; ANSWER_BYTES];
            reply(wire, "200 OK", "", answer.seal(&KEY, &mut buffer).unwrap())
        });
        let (mut forwarder, rings) = forwarder(&[server.url()], PATIENT);
        rings.write(1, Stream::Alerts, 0..9);
        let minute = 60_000;
        let mut posts = 0;
        while forwarder.next().at_ms < minute {
            let at_ms = forwarder.next().at_ms;
            let now_ms = forwarder.host().now_ms.get();
            forwarder.host().now_ms.set(at_ms.max(now_ms));
            forwarder.post();
            // Chance says 0 in this test, so waits have no length: what is counted is posts without a pause.
            if matches!(forwarder.next().why, Why::Backoff | Why::Pause) {
                forwarder.host().now_ms.set(at_ms.max(now_ms) + 500);
            }
            posts += 1;
        }
        assert!(posts < 1000, "{says:?}: {posts} posts in a minute");
    }
}

#[test]
fn the_next_url_is_tried_and_the_first_collector_is_asked_what_it_has() {
    // Two collectors that know nothing of each other; each is away in turn.
    let away = Arc::new(AtomicUsize::new(0));
    let collectors = [0, 1].map(|_| Arc::new(Mutex::new(Collector::default())));
    let servers = [0, 1].map(|place| {
        let (away, collector) = (away.clone(), collectors[place].clone());
        Server::plain(move |body, wire| {
            if away.load(Ordering::SeqCst) == place {
                return reply(wire, "503 Service Unavailable", "", b"");
            }
            let answer = collector.lock().unwrap().take(body);
            reply(wire, "200 OK", "", &answer)
        })
    });
    let urls = [servers[0].url(), servers[1].url()];
    let (mut forwarder, rings) = forwarder(&urls, PATIENT);
    for round in 0..6 {
        away.store(usize::try_from(round % 2).unwrap(), Ordering::SeqCst);
        rings.write(1, Stream::Alerts, round * 3..round * 3 + 3);
        rings.write(2 + round, Stream::Readings, 0..2);
        finish(&mut forwarder);
    }
    // The last round went to the first of them: it has everything, and the other all up to the round before.
    all_once(&collectors[0], 18 + 12);
    all_once(&collectors[1], 15 + 10);
}

#[test]
fn a_dead_address_does_not_keep_the_others_from_answering() {
    let (server, collector) = faulty(Fault::Reset, usize::MAX, false);
    let dead = {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let urls = [dead, "http://name.invalid:1".to_owned(), server.url()];
    let timeouts = Timeouts {
        post: Duration::from_secs(20),
        ..PATIENT
    };
    let (mut forwarder, rings) = forwarder(&urls, timeouts);
    rings.write(1, Stream::Alerts, 0..3);
    finish(&mut forwarder);
    all_once(&collector, 3);
}

/// Mutations of an honest answer, head and body: never a panic, and acknowledged is only what an authentic body says.
#[test]
fn spoilt_answers_never_acknowledge_and_never_stop_the_forwarder() {
    let mut chance = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = move |below: usize| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        usize::try_from(chance % u64::try_from(below.max(1)).unwrap()).unwrap()
    };
    let plan = Arc::new(Mutex::new(Vec::new()));
    let shared = plan.clone();
    let server = Server::plain(move |body, wire| {
        let honest = Collector::default().take(body);
        let mut bytes = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            honest.len()
        )
        .into_bytes();
        bytes.extend(honest);
        for (kind, at, value) in shared.lock().unwrap().iter() {
            let at: usize = at % bytes.len().max(1);
            match kind % 4 {
                0 if !bytes.is_empty() => bytes[at] = *value,
                1 => bytes.truncate(at),
                2 => bytes.insert(at, *value),
                _ => bytes.extend(bytes.clone().iter().skip(at).take(300)),
            }
        }
        // What was written or not: then the connection is closed.
        wire.write_all(&bytes).is_err()
    });
    for _ in 0..150 {
        let faults = 1 + random(3);
        *plan.lock().unwrap() = (0..faults)
            .map(|_| (random(4), random(4000), u8::try_from(random(256)).unwrap()))
            .collect();
        let mut client = client(&[server.url()], TIMEOUTS);
        let batch = empty_batch();
        let honest = Collector::default().take(&batch);
        if let Posted::Body(body) = client.post(&batch) {
            let echo = open_batch(&batch, &KEY).unwrap().mac;
            assert!(Answer::open(&body, &KEY, &echo).is_err() || body == honest);
        }
    }
}
