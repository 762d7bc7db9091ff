//! `[mail]`, `[presence]`, `[notify]` and `[watch]`: how and when people are told.

use super::files::Files;
use super::reader::{Row, Seen};
use super::value::{Mailbox, Secret, duration_ms, is_address, is_host, is_line, minute_of_day};
use crate::limit::SHORT_CHARACTERS;
use std::collections::BTreeSet;
use std::path::PathBuf;

const SECOND_MS: u64 = 1000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// STARTTLS (RFC 3207), demanded: without it nothing is sent.
    Starttls,
    /// TLS from the first byte (RFC 8314 §3.3).
    Tls,
    /// None.
    None,
}

impl MailTls {
    /// The port where none is given: RFC 6409, RFC 8314, RFC 5321.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// The mail server, and who writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Protection.
    pub tls: MailTls,
    /// PEM file with the authorities to trust instead of the host's.
    pub ca_file: Option<PathBuf>,
    /// Name and password for SMTP AUTH.
    pub login: Option<(String, Secret)>,
    /// `From`.
    pub from: Mailbox,
    /// Sender of the envelope, where bounces go.
    pub envelope_from: String,
    /// Mails a second, all receivers together.
    pub max_per_second: u32,
    /// Directory of own templates.
    pub templates: Option<PathBuf>,
}

/// When absence is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// An agent that is silent for so long is notified, or after three of its intervals and 5 s where that is longer.
    pub notify_after_ms: u64,
    /// So many silent agents of a site or customer,
    pub site_agents: u32,
    /// and so many per cent of it,
    pub site_percent: u32,
    /// within this, are one incident.
    pub site_window_ms: u64,
}

impl Default for Presence {
    /// `catalogue`: 9001 after 3 min; 9005 at 5 agents and 30 % of the site within 2 min.
    fn default() -> Self {
        Self {
            notify_after_ms: 3 * MINUTE_MS,
            site_agents: 5,
            site_percent: 30,
            site_window_ms: 2 * MINUTE_MS,
        }
    }
}

/// When and how often alerts are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// Id of the team of systems that have none.
    pub default_team: Option<String>,
    /// Receivers, by id, that hear of mail which does not arrive (HNS9008).
    pub fallback: Vec<String>,
    /// An alert that arrives so long after it fired says so.
    pub late_after_ms: u64,
    /// A first mail waits at most so long for evidence.
    pub evidence_wait_ms: u64,
    /// An alert that nobody acknowledged is told again after this; `None` for never.
    pub repeat_after_ms: Option<u64>,
    /// More alerts than this for one receiver
    pub storm_alerts: u32,
    /// within this are told in one mail.
    pub storm_window_ms: u64,
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            default_team: None,
            fallback: Vec::new(),
            late_after_ms: 15 * MINUTE_MS,
            evidence_wait_ms: 5 * SECOND_MS,
            repeat_after_ms: Some(4 * HOUR_MS),
            storm_alerts: 20,
            storm_window_ms: 5 * MINUTE_MS,
        }
    }
}

/// Who watches the collector itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// The dead man's signal: an address that is fetched as long as everything goes on.
    pub url: Option<String>,
    /// How often.
    pub interval_ms: u64,
    /// PEM file with the authorities to trust there, instead of the host's.
    pub ca_file: Option<PathBuf>,
    /// The mail that proves each day that mails arrive.
    pub daily: Option<DailyMail>,
}

/// The daily mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyMail {
    /// Minutes since midnight, in the zone of the pages.
    pub minute: u64,
    /// Receivers of mail, by id; at least one.
    pub to: Vec<String>,
}

pub(super) fn mail(seen: &mut Seen<'_>, row: &Row<'_>, files: &mut Files<'_>) -> Option<Mail> {
    seen.known(
        row.table,
        row.name,
        &[
            "host",
            "port",
            "tls",
            "ca_file",
            "user",
            "password_file",
            "from",
            "envelope_from",
            "max_per_second",
            "templates",
        ],
    );
    let allowed = "a host name or an IP address";
    seen.needs(row, "host", allowed);
    let host = seen.line_of_text(row, "host", allowed, |text| {
        is_host(text) || text.parse::<core::net::IpAddr>().is_ok()
    });
    let words = [
        ("starttls", MailTls::Starttls),
        ("tls", MailTls::Tls),
        ("none", MailTls::None),
    ];
    let tls = seen.word(row, "tls", &words).unwrap_or(MailTls::Starttls);
    let port = seen
        .whole(row, "port", 1..=65_535)
        .and_then(|port| u16::try_from(port).ok())
        .unwrap_or(tls.port());
    let ca_file = files.path(seen, row, "ca_file");
    let login = login(seen, row, files, host.as_deref(), tls);
    let allowed =
        "a mail address in ASCII, \"hansho@example.jp\" or \"Hansho <hansho@example.jp>\"";
    seen.needs(row, "from", allowed);
    let from = seen.take(row, "from", allowed, |value| {
        Mailbox::parse(value.as_str()?)
    });
    let envelope = seen.line_of_text(row, "envelope_from", "a mail address in ASCII", is_address);
    let max_per_second = seen.whole(row, "max_per_second", 1..=1000).unwrap_or(10);
    let templates = files.path(seen, row, "templates");
    let from = from?;
    Some(Mail {
        host: host?,
        port,
        tls,
        ca_file,
        login,
        envelope_from: envelope.unwrap_or_else(|| from.address.clone()),
        from,
        max_per_second,
        templates,
    })
}

fn login(
    seen: &mut Seen<'_>,
    row: &Row<'_>,
    files: &mut Files<'_>,
    host: Option<&str>,
    tls: MailTls,
) -> Option<(String, Secret)> {
    let allowed = "a name of one line, at most 128 characters";
    let user = seen.line_of_text(row, "user", allowed, |text| is_line(text, SHORT_CHARACTERS));
    let password = files.secret(seen, row, "password_file");
    if row.has("user") != row.has("password_file") {
        let key = if row.has("user") {
            "user"
        } else {
            "password_file"
        };
        seen.refuse_in(
            row,
            key,
            "only one of user and password_file",
            "both, or none",
        );
    }
    let loopback = host.is_some_and(|host| {
        host == "localhost"
            || host
                .parse::<core::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
    });
    if tls == MailTls::None && row.has("user") && !loopback {
        let allowed = "\"starttls\" or \"tls\": the password would be readable on the way";
        seen.refuse_in(row, "tls", "\"none\" with a password", allowed);
    }
    Some((user?, password?))
}

pub(super) fn presence(seen: &mut Seen<'_>, row: &Row<'_>) -> Presence {
    let known = ["notify_after", "site_agents", "site_percent", "site_window"];
    seen.known(row.table, row.name, &known);
    let usual = Presence::default();
    Presence {
        notify_after_ms: seen
            .duration(row, "notify_after", 10 * SECOND_MS..=DAY_MS)
            .unwrap_or(usual.notify_after_ms),
        site_agents: seen
            .whole(row, "site_agents", 2..=100_000)
            .unwrap_or(usual.site_agents),
        site_percent: seen
            .whole(row, "site_percent", 1..=100)
            .unwrap_or(usual.site_percent),
        site_window_ms: seen
            .duration(row, "site_window", 10 * SECOND_MS..=HOUR_MS)
            .unwrap_or(usual.site_window_ms),
    }
}

pub(super) fn notify(
    seen: &mut Seen<'_>,
    row: &Row<'_>,
    teams: &BTreeSet<String>,
    receivers: &BTreeSet<String>,
) -> Notify {
    let known = [
        "default_team",
        "fallback",
        "late_after",
        "evidence_wait",
        "repeat_after",
        "storm_alerts",
        "storm_window",
    ];
    seen.known(row.table, row.name, &known);
    let usual = Notify::default();
    let allowed = "a time from \"5m\" to \"7d\" (units ms, s, m, h, d), or \"never\"";
    let repeat_after_ms = seen
        .take(row, "repeat_after", allowed, |value| {
            match value.as_str()? {
                "never" => Some(None),
                text => duration_ms(text)
                    .filter(|millis| (5 * MINUTE_MS..=7 * DAY_MS).contains(millis))
                    .map(Some),
            }
        })
        .unwrap_or(usual.repeat_after_ms);
    Notify {
        default_team: seen.reference(row, "default_team", "team", teams),
        fallback: seen.references(row, "fallback", "receiver", receivers),
        late_after_ms: seen
            .duration(row, "late_after", MINUTE_MS..=DAY_MS)
            .unwrap_or(usual.late_after_ms),
        evidence_wait_ms: seen
            .duration(row, "evidence_wait", 0..=30 * SECOND_MS)
            .unwrap_or(usual.evidence_wait_ms),
        repeat_after_ms,
        storm_alerts: seen
            .whole(row, "storm_alerts", 2..=10_000)
            .unwrap_or(usual.storm_alerts),
        storm_window_ms: seen
            .duration(row, "storm_window", MINUTE_MS..=HOUR_MS)
            .unwrap_or(usual.storm_window_ms),
    }
}

pub(super) fn watch(
    seen: &mut Seen<'_>,
    row: &Row<'_>,
    files: &mut Files<'_>,
    mailed: &BTreeSet<String>,
) -> Option<Watch> {
    let known = [
        "url",
        "interval",
        "ca_file",
        "daily_mail_at",
        "daily_mail_to",
    ];
    seen.known(row.table, row.name, &known);
    if !row.has("daily_mail_at") && !row.has("daily_mail_to") {
        let allowed = "the address that is fetched while everything goes on; or daily_mail_at and daily_mail_to";
        seen.needs(row, "url", allowed);
    }
    for key in ["interval", "ca_file"] {
        if row.has(key) && !row.has("url") && row.has("daily_mail_at") {
            seen.refuse_in(row, key, "no url", "it belongs to url");
        }
    }
    let interval = seen.duration(row, "interval", 10 * SECOND_MS..=DAY_MS);
    let ca_file = files.path(seen, row, "ca_file");
    let daily = daily(seen, row, mailed);
    let url = seen.url(row, "url");
    (url.is_some() || daily.is_some()).then_some(Watch {
        url,
        interval_ms: interval.unwrap_or(MINUTE_MS),
        ca_file,
        daily,
    })
}

fn daily(seen: &mut Seen<'_>, row: &Row<'_>, mailed: &BTreeSet<String>) -> Option<DailyMail> {
    let allowed = "a time of day from \"00:00\" to \"23:59\"";
    let minute = seen.take(row, "daily_mail_at", allowed, |value| {
        minute_of_day(value.as_str()?).filter(|minute| *minute < 24 * 60)
    });
    let to = seen.references(row, "daily_mail_to", "receiver with mail", mailed);
    if row.has("daily_mail_at") != row.has("daily_mail_to") {
        let key = if row.has("daily_mail_at") {
            "daily_mail_at"
        } else {
            "daily_mail_to"
        };
        let found = "only one of daily_mail_at and daily_mail_to";
        seen.refuse_in(row, key, found, "both, or none");
    }
    if row.has("daily_mail_to") && to.is_empty() {
        seen.refuse_in(
            row,
            "daily_mail_to",
            "nobody",
            "the id of a receiver with mail",
        );
    }
    Some(DailyMail {
        minute: minute?,
        to,
    })
    .filter(|daily| !daily.to.is_empty())
}
