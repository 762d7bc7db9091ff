//! What a mail server can do wrong, played by a peer with a script: what no real one can be made to show.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::let_underscore_must_use,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

use hansho::code::Language;
use hansho_collector::config::{MailTls, Secret};
use hansho_collector::limit::{SERVER_SAYS_CHARACTERS, SMTP_STUCK};
use hansho_collector::notify::example::example;
use hansho_collector::notify::letter::{Letter, Person};
use hansho_collector::notify::outcome::{Later, Outcome};
use hansho_collector::notify::render::render;
use hansho_collector::notify::smtp::{Mailer, Settings};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// What the peer does with a line that begins so; the first that fits.
#[derive(Clone)]
enum Answer {
    /// Says this.
    Says(String),
    /// Closes.
    Closes,
    /// Says nothing until the other side goes.
    Hangs,
}

/// A peer for so many connections; it returns all lines that it was sent.
struct Peer {
    port: u16,
    lines: JoinHandle<Vec<String>>,
}

fn says(text: &str) -> Answer {
    Answer::Says(format!("{text}\r\n"))
}

/// Rules above what every server does.
fn peer(greeting: Answer, rules: Vec<(&'static str, Answer)>, connections: usize) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let lines = std::thread::spawn(move || {
        let mut seen = Vec::new();
        for _ in 0..connections {
            let (stream, _) = listener.accept().unwrap();
            talk(&stream, &greeting, &rules, &mut seen);
        }
        seen
    });
    Peer { port, lines }
}

/// False where the connection is over.
fn act(mut stream: &TcpStream, answer: &Answer) -> bool {
    match answer {
        Answer::Says(text) => stream.write_all(text.as_bytes()).is_ok(),
        Answer::Closes => false,
        Answer::Hangs => {
            let mut rest = String::new();
            let _ = BufReader::new(stream).read_line(&mut rest);
            false
        }
    }
}

fn talk(
    stream: &TcpStream,
    greeting: &Answer,
    rules: &[(&'static str, Answer)],
    seen: &mut Vec<String>,
) {
    if !act(stream, greeting) {
        return;
    }
    let usual = [
        ("EHLO", says("250 mx.example.jp")),
        ("DATA", says("354 go on")),
        ("QUIT", says("221 bye")),
        (".", says("250 2.0.0 taken as 4711")),
        ("", says("250 2.1.0 fine")),
    ];
    let mut data = false;
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        seen.push(line.clone());
        if data && line != "." {
            continue;
        }
        let (_, answer) = rules
            .iter()
            .chain(&usual)
            .find(|(start, _)| line.starts_with(start))
            .unwrap();
        data = matches!(answer, Answer::Says(text) if text.starts_with("354"));
        if !act(stream, answer) || line == "QUIT" {
            return;
        }
    }
}

fn settings(port: u16) -> Settings {
    let mut settings = Settings::new(
        "127.0.0.1".to_owned(),
        port,
        MailTls::None,
        "bounce@example.jp".to_owned(),
    );
    settings.max_per_second = 1000;
    settings
}

fn letter() -> Letter {
    let notice = example("raised", Language::Ja, 1002).unwrap();
    let person = |address: &str| Person {
        name: None,
        address: address.to_owned(),
    };
    let from = person("hansho@example.jp");
    let mut letter = Letter::new(
        &notice,
        render(&notice),
        true,
        "<d1@example.jp>".to_owned(),
        from,
    );
    letter.to = vec![person("sato@example.jp"), person("suzuki@example.jp")];
    letter
}

fn send(settings: Settings) -> Vec<Outcome> {
    let deliveries = Mailer::new(settings).unwrap().send(&letter());
    assert_eq!(deliveries.len(), 2);
    deliveries
        .into_iter()
        .map(|delivery| delivery.outcome)
        .collect()
}

/// Both recipients have the same outcome.
fn same(settings: Settings) -> Outcome {
    let outcomes = send(settings);
    assert_eq!(outcomes[0], outcomes[1]);
    outcomes[0].clone()
}

fn why(outcome: &Outcome) -> Option<Later> {
    match outcome {
        Outcome::Later { why, .. } => Some(*why),
        _ => None,
    }
}

#[test]
fn a_server_that_is_down_is_tried_later() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    assert_eq!(why(&same(settings(port))), Some(Later::Connection));
}

#[test]
fn a_greeting_that_refuses_says_nothing_about_the_mail() {
    for (greeting, expected) in [
        (
            says("554 5.7.1 this host is not known here"),
            Later::Answer(554),
        ),
        (says("421 4.3.2 shutting down"), Later::Answer(421)),
        (says("HTTP/1.1 400 Bad Request"), Later::Protocol),
        (Answer::Closes, Later::Protocol),
    ] {
        let peer = peer(greeting, vec![], 1);
        let outcome = same(settings(peer.port));
        assert_eq!(why(&outcome), Some(expected), "{outcome}");
        assert!(
            !peer
                .lines
                .join()
                .unwrap()
                .iter()
                .any(|line| line.starts_with("MAIL"))
        );
    }
}

#[test]
fn refusals_for_good_and_for_now_are_told_apart() {
    let rcpt = "RCPT TO:<suzuki";
    for (line, answer, first, second) in [
        (
            rcpt,
            "552 5.5.3 too many recipients",
            None,
            Some(Later::Answer(552)),
        ),
        (rcpt, "450 4.2.0 greylisted", None, Some(Later::Answer(450))),
        (
            "MAIL",
            "451 4.3.0 not now",
            Some(Later::Answer(451)),
            Some(Later::Answer(451)),
        ),
        (
            ".",
            "452 4.3.1 disk full",
            Some(Later::Answer(452)),
            Some(Later::Answer(452)),
        ),
        (
            "DATA",
            "421 4.4.2 going down",
            Some(Later::Answer(421)),
            Some(Later::Answer(421)),
        ),
    ] {
        let peer = peer(says("220 mx"), vec![(line, says(answer))], 1);
        let outcomes = send(settings(peer.port));
        assert_eq!(
            (why(&outcomes[0]), why(&outcomes[1])),
            (first, second),
            "{answer}"
        );
        if first.is_none() {
            assert!(matches!(&outcomes[0], Outcome::Accepted { says } if says.contains("4711")));
        }
        peer.lines.join().unwrap();
    }
    for (line, answer) in [
        ("MAIL", "553 5.7.1 sender not allowed"),
        (".", "550 5.7.1 looks like spam"),
    ] {
        let peer = peer(says("220 mx"), vec![(line, says(answer))], 1);
        let outcome = same(settings(peer.port));
        assert!(
            matches!(&outcome, Outcome::Refused { code: Some(code), .. } if answer.starts_with(&code.to_string())),
            "{outcome}"
        );
        peer.lines.join().unwrap();
    }
    // Nobody is left: no DATA.
    let peer = peer(says("220 mx"), vec![("RCPT", says("550 5.1.1 unknown"))], 1);
    assert!(matches!(
        same(settings(peer.port)),
        Outcome::Refused {
            code: Some(550),
            ..
        }
    ));
    assert!(!peer.lines.join().unwrap().contains(&"DATA".to_owned()));
}

#[test]
fn a_mail_whose_last_answer_never_came_is_sent_again_byte_for_byte() {
    let mut sent = Vec::new();
    for answer in [Answer::Closes, says("250 2.0.0 taken")] {
        let peer = peer(says("220 mx"), vec![(".", answer)], 1);
        let outcome = same(settings(peer.port));
        let lines = peer.lines.join().unwrap();
        let from = lines.iter().position(|line| line == "DATA").unwrap();
        let to = lines.iter().position(|line| line == ".").unwrap();
        sent.push((outcome, lines[from..to].to_vec()));
    }
    assert!(
        matches!(why(&sent[0].0), Some(Later::Protocol | Later::Connection)),
        "{}",
        sent[0].0
    );
    assert!(matches!(sent[1].0, Outcome::Accepted { .. }));
    assert_eq!(sent[0].1, sent[1].1);
    assert!(
        sent[0]
            .1
            .iter()
            .any(|line| line == "Message-ID: <d1@example.jp>")
    );
}

#[test]
fn a_silent_server_is_given_up() {
    for (greeting, rules) in [
        (Answer::Hangs, vec![]),
        (says("220 mx"), vec![("DATA", Answer::Hangs)]),
    ] {
        let peer = peer(greeting, rules, 1);
        let mut settings = settings(peer.port);
        settings.answer_ms = 50;
        let outcome = same(settings);
        assert_eq!(why(&outcome), Some(Later::Timeout), "{outcome}");
        peer.lines.join().unwrap();
    }
}

/// A server that says a byte whenever it is told to: never late for an answer, never done.
fn dripping(connections: usize) -> (u16, Sender<()>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopped): (Sender<()>, Receiver<()>) = channel();
    let thread = std::thread::spawn(move || {
        let mut streams: Vec<TcpStream> = (0..connections)
            .map(|_| listener.accept().unwrap().0)
            .collect();
        while stopped
            .recv_timeout(std::time::Duration::from_millis(5))
            .is_err()
        {
            for stream in &mut streams {
                let _ = stream.write_all(b"2");
            }
        }
    });
    (port, stop, thread)
}

#[test]
fn a_server_that_drips_is_given_up_and_so_many_at_once_only() {
    let (port, stop, thread) = dripping(SMTP_STUCK);
    let mut settings = settings(port);
    settings.mail_ms = 100;
    let mailer = Mailer::new(settings).unwrap();
    for _ in 0..SMTP_STUCK {
        let outcome = mailer.send(&letter())[0].outcome.clone();
        assert_eq!(why(&outcome), Some(Later::Timeout), "{outcome}");
    }
    // They still hang: no further one is begun.
    assert_eq!(why(&mailer.send(&letter())[0].outcome), Some(Later::Busy));
    stop.send(()).unwrap();
    thread.join().unwrap();
}

#[test]
fn words_of_a_server_are_bounded_and_harmless() {
    let words = format!("550 5.1.1 <x>\u{1b}[31m\u{202e} {}", "very ".repeat(80));
    let peer = peer(says("220 mx"), vec![("RCPT", says(&words))], 1);
    let Outcome::Refused { says: said, .. } = same(settings(peer.port)) else {
        panic!("not refused")
    };
    assert!(said.chars().count() <= SERVER_SAYS_CHARACTERS + 1);
    assert!(!said.chars().any(char::is_control) && !said.contains('\u{202e}'));
    peer.lines.join().unwrap();
    // A line without end is no answer.
    let peer = self::peer(says(&"2".repeat(1_000_000)), vec![], 1);
    assert_eq!(why(&same(settings(peer.port))), Some(Later::Protocol));
    peer.lines.join().unwrap();
}

#[test]
fn without_starttls_nothing_is_sent_not_even_the_password() {
    let peer = peer(says("220 mx"), vec![], 1);
    let mut settings = settings(peer.port);
    settings.tls = MailTls::Starttls;
    settings.login = Some(login());
    let outcome = same(settings);
    assert_eq!(why(&outcome), Some(Later::Tls), "{outcome}");
    let lines = peer.lines.join().unwrap();
    assert!(
        !lines
            .iter()
            .any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")),
        "{lines:?}"
    );
}

fn login() -> (String, Secret) {
    ("hansho".to_owned(), Secret::of_file("s3cret").unwrap())
}

#[test]
fn name_and_password_are_given_and_a_wrong_one_loses_no_mail() {
    let hello = ("EHLO", says("250-mx.example.jp\r\n250 AUTH LOGIN PLAIN"));
    for (answer, expected) in [
        ("235 2.7.0 welcome", None),
        ("535 5.7.8 wrong", Some(Later::Authentication)),
    ] {
        let peer = peer(
            says("220 mx"),
            vec![hello.clone(), ("AUTH", says(answer))],
            1,
        );
        let mut settings = settings(peer.port);
        settings.login = Some(login());
        let outcome = same(settings);
        assert_eq!(why(&outcome), expected, "{outcome}");
        assert!(!outcome.to_string().contains("s3cret"));
        let lines = peer.lines.join().unwrap();
        // base64 of "\0hansho\0s3cret" (RFC 4616).
        assert!(
            lines.contains(&"AUTH PLAIN AGhhbnNobwBzM2NyZXQ=".to_owned()),
            "{lines:?}"
        );
        assert_eq!(
            lines.iter().any(|line| line.starts_with("MAIL")),
            expected.is_none()
        );
    }
}

#[test]
fn what_cannot_be_a_mail_is_refused_before_anybody_is_asked() {
    let mailer = Mailer::new(settings(9)).unwrap();
    let spoilt: [&dyn Fn(&mut Letter); 6] = [
        &|letter| letter.message_id = "<a b@c>".to_owned(),
        &|letter| letter.message_id = "<a@c>\r\nBcc: x@example.jp".to_owned(),
        &|letter| letter.in_reply_to = Some("no id".to_owned()),
        &|letter| letter.to[0].address = "sato@example.jp>\r\nDATA".to_owned(),
        &|letter| letter.headers.push(("X-Hansho-Code", "a\r\nb".to_owned())),
        &|letter| letter.to = vec![letter.to[0].clone(); 101],
    ];
    for spoil in spoilt {
        let mut letter = letter();
        spoil(&mut letter);
        let deliveries = mailer.send(&letter);
        assert!(
            deliveries
                .iter()
                .all(|one| matches!(one.outcome, Outcome::Refused { code: None, .. })),
            "{deliveries:?}"
        );
    }
}
