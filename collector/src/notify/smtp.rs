//! Hands a mail to the mail server (RFC 5321). The only file that speaks SMTP.
//!
//! Each mail has a connection and a thread of its own, and is given up after [`SMTP_MAIL_MS`] whatever the server does.
//! At least once: where the answer to the last dot does not come, the mail is sent again with the same Message-ID.

use super::letter::{Letter, address};
use super::outcome::{Later, Outcome};
use super::trust;
use crate::clock::Moment;
use crate::config::{self, MailTls, Secret};
use crate::limit::{SMTP_ANSWER_MS, SMTP_MAIL_MS, SMTP_STUCK};
use lettre::address::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    Certificate, CertificateStore, SmtpConnection, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail, Quit, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The mail server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Host name or address; with TLS the name in its certificate.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Protection.
    pub tls: MailTls,
    /// PEM file with the authorities to trust instead of this host's.
    pub ca_file: Option<PathBuf>,
    /// Name and password (RFC 4954, PLAIN or LOGIN).
    pub login: Option<(String, Secret)>,
    /// Sender of the envelope, where bounces go.
    pub envelope_from: String,
    /// Name for EHLO; `None` for the domain of the envelope's sender.
    pub hello: Option<String>,
    /// Mails a second, all receivers together; at least 1.
    pub max_per_second: u32,
    /// One answer comes within this.
    pub answer_ms: u64,
    /// A whole mail is handed over within this.
    pub mail_ms: u64,
}

impl Settings {
    /// As `[mail]` says, with the usual times.
    #[must_use]
    pub fn of(mail: &config::Mail) -> Self {
        Self {
            host: mail.host.clone(),
            port: mail.port,
            tls: mail.tls,
            ca_file: mail.ca_file.clone(),
            login: mail.login.clone(),
            envelope_from: mail.envelope_from.clone(),
            hello: None,
            max_per_second: mail.max_per_second,
            answer_ms: SMTP_ANSWER_MS,
            mail_ms: SMTP_MAIL_MS,
        }
    }

    /// A server without a password, one mail a second, the usual times.
    #[must_use]
    pub const fn new(host: String, port: u16, tls: MailTls, envelope_from: String) -> Self {
        Self {
            host,
            port,
            tls,
            ca_file: None,
            login: None,
            envelope_from,
            hello: None,
            max_per_second: 1,
            answer_ms: SMTP_ANSWER_MS,
            mail_ms: SMTP_MAIL_MS,
        }
    }
}

/// What became of a mail for one of its recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The address.
    pub address: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// Hands over mails, at most so many a second.
pub struct Mailer {
    server: Arc<Server>,
    pace: Mutex<Pace>,
    start: Moment,
    stuck: Arc<AtomicUsize>,
}

impl core::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Mailer")
            .field("host", &self.server.settings.host)
            .field("port", &self.server.settings.port)
            .finish_non_exhaustive()
    }
}

struct Server {
    settings: Settings,
    sender: Address,
    hello: ClientId,
    tls: Option<TlsParameters>,
}

impl Mailer {
    /// Checks the settings; connects to nobody yet.
    ///
    /// # Errors
    /// In words, for the line that `check` and `serve` print: what is wrong with which setting.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let sender = address(&settings.envelope_from).map_err(|_| {
            format!(
                "envelope_from {:?} is no mail address",
                settings.envelope_from
            )
        })?;
        if settings.tls == MailTls::None && !loopback(&settings.host) {
            return Err(format!(
                "tls = \"none\" is only for a mail server on this host (localhost, 127.0.0.1, ::1), not {:?}",
                settings.host
            ));
        }
        let tls = match settings.tls {
            MailTls::None => None,
            MailTls::Starttls | MailTls::Tls => Some(parameters(&settings)?),
        };
        let hello = settings
            .hello
            .clone()
            .unwrap_or_else(|| sender.domain().to_owned());
        let gap_ms = 1000_u64
            .checked_div(u64::from(settings.max_per_second))
            .unwrap_or(1000);
        Ok(Self {
            pace: Mutex::new(Pace { gap_ms, next_ms: 0 }),
            server: Arc::new(Server {
                sender,
                hello: ClientId::Domain(hello),
                tls,
                settings,
            }),
            start: Moment::now(),
            stuck: Arc::new(AtomicUsize::new(0)),
        })
    }

    /// Hands one mail over, waits for its turn and for the server, and says what became of each recipient, in the order of
    /// To and Cc.
    #[must_use]
    pub fn send(&self, letter: &Letter) -> Vec<Delivery> {
        let bytes = match letter.bytes() {
            Ok(bytes) => bytes,
            Err(said) => return all(letter, &Outcome::refused(None, &said)),
        };
        if self.stuck.load(Ordering::Acquire) >= SMTP_STUCK {
            let said = format!("{SMTP_STUCK} mails that were given up still hang");
            return all(letter, &Outcome::later(Later::Busy, &said));
        }
        let wait_ms = self
            .pace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .turn(millis(self.start.elapsed()));
        std::thread::sleep(Duration::from_millis(wait_ms));
        self.hand_over(letter, bytes)
    }

    fn hand_over(&self, letter: &Letter, bytes: Vec<u8>) -> Vec<Delivery> {
        let (reply, answer) = sync_channel(1);
        let server = Arc::clone(&self.server);
        let stuck = Arc::clone(&self.stuck);
        let addresses: Vec<String> = letter
            .recipients()
            .map(|person| person.address.clone())
            .collect();
        stuck.fetch_add(1, Ordering::AcqRel);
        let spawned = std::thread::Builder::new()
            .name("smtp".to_owned())
            .spawn(move || {
                let deliveries = server.deliver(&addresses, &bytes);
                stuck.fetch_sub(1, Ordering::AcqRel);
                // Nobody waits any more where the mail was given up.
                drop(reply.send(deliveries));
            });
        if let Err(error) = spawned {
            self.stuck.fetch_sub(1, Ordering::AcqRel);
            let said = format!("no thread for it: {error}");
            return all(letter, &Outcome::later(Later::Busy, &said));
        }
        let whole = Duration::from_millis(self.server.settings.mail_ms);
        match answer.recv_timeout(whole) {
            Ok(deliveries) => deliveries,
            Err(RecvTimeoutError::Timeout) => {
                let said = format!("not handed over within {} s", whole.as_secs());
                all(letter, &Outcome::later(Later::Timeout, &said))
            }
            Err(RecvTimeoutError::Disconnected) => all(
                letter,
                &Outcome::later(Later::Protocol, "the mail's thread ended"),
            ),
        }
    }
}

fn all(letter: &Letter, outcome: &Outcome) -> Vec<Delivery> {
    letter
        .recipients()
        .map(|person| Delivery {
            address: person.address.clone(),
            outcome: outcome.clone(),
        })
        .collect()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// True for names of this host itself.
fn loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn parameters(settings: &Settings) -> Result<TlsParameters, String> {
    let mut builder =
        TlsParameters::builder(settings.host.clone()).certificate_store(CertificateStore::None);
    for authority in trust::authorities(settings.ca_file.as_deref())? {
        let certificate =
            Certificate::from_der(authority.to_vec()).map_err(|error| error.to_string())?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| error.to_string())
}

/// Turns, so far apart.
#[derive(Debug)]
struct Pace {
    gap_ms: u64,
    next_ms: u64,
}

impl Pace {
    /// How long whoever comes now waits for the turn.
    fn turn(&mut self, now_ms: u64) -> u64 {
        let at = self.next_ms.max(now_ms);
        self.next_ms = at.saturating_add(self.gap_ms);
        at.saturating_sub(now_ms)
    }
}

impl Server {
    fn deliver(&self, addresses: &[String], bytes: &[u8]) -> Vec<Delivery> {
        let outcomes = match self.connect() {
            Ok(mut connection) => {
                let outcomes = self.transfer(&mut connection, addresses, bytes);
                // The mail is handed over or not: how the connection ends changes nothing.
                drop(connection.command(Quit));
                outcomes
            }
            Err(outcome) => vec![outcome; addresses.len()],
        };
        addresses
            .iter()
            .cloned()
            .zip(outcomes)
            .map(|(address, outcome)| Delivery { address, outcome })
            .collect()
    }

    fn connect(&self) -> Result<SmtpConnection, Outcome> {
        let settings = &self.settings;
        let timeout = Some(Duration::from_millis(settings.answer_ms));
        let wrapped = self.tls.as_ref().filter(|_| settings.tls == MailTls::Tls);
        let mut connection = SmtpConnection::connect(
            (settings.host.as_str(), settings.port),
            timeout,
            &self.hello,
            wrapped,
            None,
        )
        .map_err(|error| unconnected(&error))?;
        if settings.tls == MailTls::Starttls {
            if !connection.can_starttls() {
                let said = "the server offers no STARTTLS; nothing was sent";
                return Err(Outcome::later(Later::Tls, said));
            }
            if let Some(tls) = &self.tls {
                connection
                    .starttls(tls, &self.hello)
                    .map_err(|error| unconnected(&error))?;
            }
        }
        if let Some((name, password)) = &settings.login {
            let credentials = Credentials::new(name.clone(), password.reveal().to_owned());
            connection
                .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
                .map_err(|error| unauthenticated(&error))?;
        }
        Ok(connection)
    }

    /// MAIL, RCPT for each, DATA. One outcome a recipient, in order.
    fn transfer(
        &self,
        connection: &mut SmtpConnection,
        addresses: &[String],
        bytes: &[u8],
    ) -> Vec<Outcome> {
        let from = Mail::new(Some(self.sender.clone()), Vec::new());
        if let Err(error) = connection.command(from) {
            return vec![failed(&error); addresses.len()];
        }
        // `None`: taken so far.
        let mut outcomes: Vec<Option<Outcome>> = Vec::new();
        for text in addresses {
            let outcome = match address(text) {
                Ok(address) => connection
                    .command(Rcpt::new(address, Vec::new()))
                    .err()
                    .map(|error| recipient(&error)),
                Err(outcome) => Some(outcome),
            };
            outcomes.push(outcome);
        }
        if outcomes.iter().all(Option::is_some) {
            return outcomes.into_iter().flatten().collect();
        }
        let end = connection
            .command(Data)
            .and_then(|_| connection.message(bytes));
        let rest = match &end {
            Ok(response) => {
                let words: Vec<&str> = response.message().collect();
                Outcome::accepted(&format!("{} {}", response.code(), words.join(" ")))
            }
            Err(error) => failed(error),
        };
        outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap_or_else(|| rest.clone()))
            .collect()
    }
}

/// The reply code of an error, where the server gave one.
fn status(error: &Error) -> Option<u16> {
    error.status().map(u16::from)
}

/// An answer to MAIL, DATA or the mail itself.
fn failed(error: &Error) -> Outcome {
    let said = error.to_string();
    match status(error) {
        Some(code) if error.is_permanent() => Outcome::refused(Some(code), &said),
        Some(code) => Outcome::later(Later::Answer(code), &said),
        None => Outcome::later(broken(error), &said),
    }
}

/// An answer to RCPT. 552 means "too many recipients" there, and is to be taken for 452 (RFC 5321, 4.5.3.1.10).
fn recipient(error: &Error) -> Outcome {
    match status(error) {
        Some(552) => Outcome::later(Later::Answer(552), &error.to_string()),
        _ => failed(error),
    }
}

/// Before a mail was offered, even a 5xx says nothing about it: a server that is being set up, or that knows this host not yet.
fn unconnected(error: &Error) -> Outcome {
    let why = status(error).map_or_else(|| broken(error), Later::Answer);
    Outcome::later(why, &error.to_string())
}

fn unauthenticated(error: &Error) -> Outcome {
    let why = match status(error) {
        Some(_) => Later::Authentication,
        None if error.is_client() => Later::Authentication,
        None => broken(error),
    };
    Outcome::later(why, &error.to_string())
}

/// Why there was no answer.
fn broken(error: &Error) -> Later {
    if error.is_response() {
        return Later::Protocol;
    }
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<rustls::Error>() {
            return Later::Tls;
        }
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            if io
                .get_ref()
                .is_some_and(|inner| inner.is::<rustls::Error>())
            {
                return Later::Tls;
            }
            // A read that waits too long is WouldBlock on Linux (SO_RCVTIMEO, socket(7)).
            if matches!(
                io.kind(),
                std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock
            ) {
                return Later::Timeout;
            }
        }
        source = cause.source();
    }
    if error.is_tls() {
        Later::Tls
    } else {
        Later::Connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_so_far_apart_and_nobody_waits_who_comes_late() {
        let mut pace = Pace {
            gap_ms: 250,
            next_ms: 0,
        };
        assert_eq!([0, 0, 0].map(|now| pace.turn(now)), [0, 250, 500]);
        assert_eq!(pace.turn(10_000), 0);
        assert_eq!(pace.turn(10_100), 150);
        assert_eq!(pace.turn(u64::MAX), 0);
    }

    #[test]
    fn an_unprotected_connection_goes_to_this_host_only() {
        let settings = |host: &str| {
            Settings::new(
                host.to_owned(),
                25,
                MailTls::None,
                "bounce@example.jp".to_owned(),
            )
        };
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "::1"] {
            assert!(Mailer::new(settings(host)).is_ok(), "{host}");
        }
        for host in [
            "mail.example.jp",
            "192.0.2.1",
            "localhost.example.jp",
            "0.0.0.0",
            "::",
        ] {
            let said = Mailer::new(settings(host)).unwrap_err();
            assert!(said.contains("tls = \"none\""), "{said}");
        }
        let mut wrong = settings("localhost");
        wrong.envelope_from = "bounce".to_owned();
        assert!(Mailer::new(wrong).unwrap_err().contains("envelope_from"));
    }

    #[test]
    fn the_password_is_not_shown() {
        let mut settings = Settings::new(
            "localhost".to_owned(),
            25,
            MailTls::None,
            "b@example.jp".to_owned(),
        );
        settings.login = Secret::of_file("s3cret").map(|password| ("name".to_owned(), password));
        assert!(!format!("{settings:?}").contains("s3cret"));
        let mailer = Mailer::new(settings).unwrap();
        assert!(!format!("{mailer:?}").contains("s3cret"));
    }
}
