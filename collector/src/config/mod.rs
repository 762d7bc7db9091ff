//! collector.toml: checked whole, every mistake named with its place, then plain values.
//!
//! A file a table: [`ingest`], [`pages`], [`customers`], [`people`] (teams and receivers), [`routes`] (and responses), [`sending`]
//! (mail, presence, notify, watch); beside it [`roster`] and [`holidays`], which are CSV files. [`value`] says what a text, an
//! address or a time is; `reader` and `row` take values out and collect the mistakes; [`changes`] tells two configurations apart.

pub mod changes;
mod csv;
pub mod customers;
pub mod files;
pub mod holidays;
pub mod ingest;
pub mod pages;
pub mod people;
pub mod reader;
pub mod roster;
pub mod routes;
mod row;
pub mod sending;
mod tables;
pub mod value;

pub use changes::{Changes, changes};
pub use customers::{Customer, Place, Site, System};
pub use files::{Content, ReadFile};
pub use holidays::Holidays;
pub use ingest::Ingest;
pub use pages::{Pages, TrustedProxy};
pub use people::{Channel, Receiver, Team};
pub use reader::Mistake;
pub use roster::{Gap, Roster, Shift};
pub use routes::{Deliver, Response, Route, RouteTo};
pub use sending::{DailyMail, Mail, MailTls, Notify, Presence, Watch};
pub use tables::Tables;
pub use value::{Glob, Mailbox, Secret, Text};

use crate::exit::{CONFIG, Failure, IO, NO_INPUT, NO_PERMISSION};
use crate::limit::{
    ALERTS_DAYS, AUDIT_DAYS, CONFIG_BYTES, EVENTS_DAYS, EVIDENCE_DAYS, MISTAKES, OUTBOX_DAYS,
    RETENTION_DAYS,
};
use files::Files;
use reader::Seen;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// The effective configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file that it was read from.
    pub file: PathBuf,
    /// Where frames are taken.
    pub ingest: Ingest,
    /// Where pages are served.
    pub pages: Pages,
    /// Directory of the store.
    pub directory: PathBuf,
    /// Days of raw frames kept.
    pub retention_days: u32,
    /// File of the masters.
    pub masters: PathBuf,
    /// Who owns what, who is told, and what was agreed: what [`crate::directory::Directory`] looks up.
    pub tables: Tables,
    /// The mail server; `None` where no mail is sent.
    pub mail: Option<Mail>,
    /// When absence is told.
    pub presence: Presence,
    /// When and how often alerts are told.
    pub notify: Notify,
    /// Who watches the collector itself.
    pub watch: Option<Watch>,
    /// How long what is not a raw frame is kept.
    pub keep: Keep,
}

/// Days that rows are kept after what they tell of ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Alerts that are over, with what people did about them.
    pub alerts_days: u32,
    /// The journal of what happened to alerts.
    pub events_days: u32,
    /// Evidence.
    pub evidence_days: u32,
    /// Messages, threads and decisions.
    pub outbox_days: u32,
    /// The audit.
    pub audit_days: u32,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            alerts_days: ALERTS_DAYS,
            events_days: EVENTS_DAYS,
            evidence_days: EVIDENCE_DAYS,
            outbox_days: OUTBOX_DAYS,
            audit_days: AUDIT_DAYS,
        }
    }
}

const ROOT: [&str; 18] = [
    "config_version",
    "ingest",
    "pages",
    "store",
    "keys",
    "customer",
    "site",
    "system",
    "host",
    "team",
    "receiver",
    "route",
    "response",
    "holidays",
    "mail",
    "presence",
    "notify",
    "watch",
];

/// Reads a file. Relative paths in it are relative to its directory.
///
/// # Errors
/// [`Failure`] with [`CONFIG`] that names every mistake, or that says why there is nothing to read.
pub fn read(path: &Path) -> Result<Config, Failure> {
    let content = match files::from_disk(path, CONFIG_BYTES) {
        Ok(content) if content.bytes.len() <= CONFIG_BYTES => content,
        Ok(_) => {
            let message = format!("{}: more than {CONFIG_BYTES} bytes", path.display());
            return Err(Failure::new(CONFIG, message));
        }
        Err(error) => return Err(unreadable(path, &error)),
    };
    let text = String::from_utf8(content.bytes)
        .map_err(|_| Failure::new(CONFIG, format!("{}: not UTF-8", path.display())))?;
    parse(&text, path, &files::from_disk)
        .map_err(|mistakes| Failure::new(CONFIG, told(path, &mistakes)))
}

/// Mistakes as they are printed, a line each.
#[must_use]
pub fn told(path: &Path, mistakes: &[Mistake]) -> String {
    let mut lines: Vec<String> = mistakes
        .iter()
        .take(MISTAKES)
        .map(|mistake| {
            let file = mistake.file.as_deref().unwrap_or(path);
            format!("{}:{mistake}", file.display())
        })
        .collect();
    if let Some(more) = mistakes
        .len()
        .checked_sub(MISTAKES)
        .filter(|more| *more > 0)
    {
        lines.push(format!("{more} more mistakes"));
    }
    lines.join("\n")
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    use std::io::ErrorKind;
    let name = path.display();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            Failure::new(NO_INPUT, format!("{name}: there is no such file"))
        }
        ErrorKind::PermissionDenied => {
            Failure::new(NO_PERMISSION, format!("{name}: not allowed to read it"))
        }
        _ => Failure::new(IO, format!("{name}: {error}")),
    }
}

/// Parses the text of a configuration. `path` is its file: relative paths in it begin in that file's directory. `read` reads
/// the files that it names.
///
/// # Errors
/// Every mistake that can be seen at once.
pub fn parse(text: &str, path: &Path, read: ReadFile<'_>) -> Result<Config, Vec<Mistake>> {
    let mut seen = Seen::new(text);
    let root = match DeTable::parse(text) {
        Ok(root) => root,
        Err(error) => {
            let line = error.span().map_or(0, |span| seen.line(span.start));
            let found = format!("a syntax error ({})", error.message());
            seen.refuse(line, "TOML", found, "TOML 1.0");
            return Err(seen.mistakes);
        }
    };
    let root = root.get_ref();
    let base = path.parent().unwrap_or(Path::new("."));
    let mut files = Files { base, read };
    let empty = DeTable::new();
    seen.known(root, "", &ROOT);
    match seen.integer(root, "", "config_version", 1..=1) {
        Some(_) => {}
        None if !root.contains_key("config_version") => {
            seen.missing("config_version", "config_version = 1");
        }
        None => {}
    }
    let ingest_table = seen.table(root, "ingest").unwrap_or(&empty);
    let ingest = ingest::ingest(&mut seen, ingest_table, base);
    let pages_row = seen.row(root, "pages", &empty);
    let pages = pages::pages(&mut seen, &pages_row);
    let (directory, retention_days, keep) = store(&mut seen, root, &empty);
    let keys_table = seen.table(root, "keys").unwrap_or(&empty);
    seen.known(keys_table, "keys", &["masters"]);
    let masters = seen
        .string(keys_table, "keys", "masters")
        .map_or_else(|| "masters.keys".to_owned(), |(path, _)| path);
    let (tables, notify) = tables::tables(&mut seen, root, &mut files, &empty);
    let mail = root.contains_key("mail").then(|| {
        let row = seen.row(root, "mail", &empty);
        sending::mail(&mut seen, &row, &mut files)
    });
    let presence_row = seen.row(root, "presence", &empty);
    let presence = sending::presence(&mut seen, &presence_row);
    let watch = root.contains_key("watch").then(|| {
        let row = seen.row(root, "watch", &empty);
        let mailed: BTreeSet<String> = tables
            .receivers
            .values()
            .filter(|receiver| matches!(receiver.channel, Channel::Mail(_)))
            .map(|receiver| receiver.id.clone())
            .collect();
        sending::watch(&mut seen, &row, &mut files, &mailed)
    });
    let mistakes = seen.mistakes;
    match (ingest, pages, directory) {
        (Some(ingest), Some(pages), Some(directory)) if mistakes.is_empty() => Ok(Config {
            file: path.to_owned(),
            ingest,
            pages,
            directory: base.join(directory),
            retention_days,
            masters: base.join(masters),
            tables,
            mail: mail.flatten(),
            presence,
            notify,
            watch: watch.flatten(),
            keep,
        }),
        _ => Err(mistakes),
    }
}

fn store(
    seen: &mut Seen<'_>,
    root: &DeTable<'_>,
    empty: &DeTable<'_>,
) -> (Option<String>, u32, Keep) {
    let table = seen.table(root, "store").unwrap_or(empty);
    let known = [
        "directory",
        "retention_days",
        "alerts_days",
        "events_days",
        "evidence_days",
        "outbox_days",
        "audit_days",
    ];
    seen.known(table, "store", &known);
    let directory = seen
        .string(table, "store", "directory")
        .map(|(path, _)| path);
    if directory.is_none() && !table.contains_key("directory") {
        seen.missing(
            "[store] directory",
            "a directory, e.g. \"/var/lib/hansho-collector\"",
        );
    }
    let mut days = |key: &str, least: i64, usual: u32| {
        seen.integer(table, "store", key, least..=36_500)
            .and_then(|days| u32::try_from(days).ok())
            .unwrap_or(usual)
    };
    let retention_days = days("retention_days", 1, RETENTION_DAYS);
    let keep = Keep {
        alerts_days: days("alerts_days", 1, ALERTS_DAYS),
        events_days: days("events_days", 1, EVENTS_DAYS),
        evidence_days: days("evidence_days", 1, EVIDENCE_DAYS),
        outbox_days: days("outbox_days", 1, OUTBOX_DAYS),
        audit_days: days("audit_days", 1, AUDIT_DAYS),
    };
    (directory, retention_days, keep)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::Zone;

    fn none(_: &Path, _: usize) -> std::io::Result<Content> {
        Err(std::io::ErrorKind::NotFound.into())
    }

    fn mistakes(text: &str) -> Vec<(usize, String)> {
        parse(text, Path::new("/etc/x/collector.toml"), &none)
            .unwrap_err()
            .into_iter()
            .map(|mistake| (mistake.line, mistake.key))
            .collect()
    }

    #[test]
    fn a_minimal_file_gives_defaults() {
        let text = "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n[store]\ndirectory = \"data\"\n";
        let config = parse(text, Path::new("/etc/x/collector.toml"), &none).unwrap();
        assert_eq!(config.pages.listen, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(config.directory, Path::new("/etc/x/data"));
        assert_eq!(config.masters, Path::new("/etc/x/masters.keys"));
        assert_eq!(config.retention_days, 30);
        assert_eq!(config.ingest.tls, None);
        assert_eq!(config.ingest.max_connections, 4096);
        assert_eq!(config.ingest.max_per_address, 1024);
        assert_eq!(config.pages.zone, None);
        let of = |zone: &str| {
            let text = format!("{text}[pages]\ntime_zone_offset = {zone}\n");
            parse(&text, Path::new("/etc/x/collector.toml"), &none).map(|config| config.pages.zone)
        };
        assert_eq!(of("\"local\""), Ok(None));
        assert_eq!(of("\"+09:00\""), Ok(Zone::fixed("+09:00")));
        assert_eq!(of("9").unwrap_err()[0].line, 7);
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let text = "config_version = 2\nsurprise = 1\n[ingest]\nlisten = \"here\"\nmax_connections = 0\n\
                    [pages]\nlisten = \"0.0.0.0:80\"\n[store]\nretention_days = \"long\"\nextra = true\n";
        assert_eq!(
            mistakes(text),
            [
                (2, "surprise".to_owned()),
                (1, "config_version".to_owned()),
                (4, "[ingest] listen".to_owned()),
                (5, "[ingest] max_connections".to_owned()),
                (7, "[pages] listen".to_owned()),
                (10, "[store] extra".to_owned()),
                (0, "[store] directory".to_owned()),
                (9, "[store] retention_days".to_owned()),
            ]
        );
    }

    #[test]
    fn plain_http_stays_on_loopback_unless_allowed() {
        let text = |more: &str| {
            format!(
                "config_version = 1\n[ingest]\nlisten = \"0.0.0.0:1\"\n{more}\n[store]\ndirectory = \"d\"\n"
            )
        };
        assert_eq!(mistakes(&text("")), [(3, "[ingest] listen".to_owned())]);
        assert_eq!(
            mistakes(&text("certificate = \"c\"")),
            [(4, "[ingest] certificate, key".to_owned())]
        );
        assert!(
            parse(
                &text("allow_plain_http = true"),
                Path::new("collector.toml"),
                &none
            )
            .is_ok()
        );
        assert!(
            parse(
                &text("certificate = \"c\"\nkey = \"k\""),
                Path::new("collector.toml"),
                &none
            )
            .is_ok()
        );
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        assert_eq!(
            mistakes("config_version = 1\n[ingest\n"),
            [(2, "TOML".to_owned())]
        );
    }
}
