//! collector.toml: checked whole, every mistake named with its place, then plain values. A file a table; [`reader`] takes
//! values out and collects the mistakes.

pub mod ingest;
pub mod pages;
pub mod reader;

pub use ingest::Ingest;
pub use reader::Mistake;

use crate::exit::{CONFIG, Failure, IO, NO_INPUT, NO_PERMISSION};
use crate::limit::RETENTION_DAYS;
use crate::zone::Zone;
use core::net::SocketAddr;
use reader::{Seen, line_of};
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// The effective configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where frames are taken.
    pub ingest: Ingest,
    /// Where pages are served.
    pub pages: SocketAddr,
    /// Zone of the times on pages; `None` for that of the host.
    pub zone: Option<Zone>,
    /// Directory of the store.
    pub directory: PathBuf,
    /// Days of raw frames kept.
    pub retention_days: u32,
    /// File of the masters.
    pub masters: PathBuf,
}

const ROOT: [&str; 5] = ["config_version", "ingest", "pages", "store", "keys"];

/// Reads a file. Relative paths in it are relative to its directory.
///
/// # Errors
/// [`Failure`] with [`CONFIG`] that names every mistake, or that says why there is nothing to read.
pub fn read(path: &Path) -> Result<Config, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let base = path.parent().unwrap_or(Path::new("."));
    parse(&text, base).map_err(|mistakes| {
        let lines: Vec<String> = mistakes
            .iter()
            .map(|mistake| {
                format!(
                    "{}:{}: {}: found {}, allowed: {}",
                    path.display(),
                    mistake.line,
                    mistake.key,
                    mistake.found,
                    mistake.allowed
                )
            })
            .collect();
        Failure::new(CONFIG, lines.join("\n"))
    })
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
        ErrorKind::InvalidData => Failure::new(CONFIG, format!("{name}: not UTF-8")),
        _ => Failure::new(IO, format!("{name}: {error}")),
    }
}

/// Parses the text of a configuration.
///
/// # Errors
/// Every mistake that can be seen at once.
pub fn parse(text: &str, base: &Path) -> Result<Config, Vec<Mistake>> {
    let root = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(0, |span| line_of(text, span.start));
        vec![Mistake {
            line,
            key: "TOML".to_owned(),
            found: format!("a syntax error ({})", error.message()),
            allowed: "TOML 1.0".to_owned(),
        }]
    })?;
    let mut seen = Seen {
        text,
        mistakes: Vec::new(),
    };
    let root = root.get_ref();
    seen.known(root, "", &ROOT);
    match seen.integer(root, "", "config_version", 1..=1) {
        Some(_) => {}
        None if !root.contains_key("config_version") => {
            seen.missing("config_version", "config_version = 1");
        }
        None => {}
    }
    let empty = DeTable::new();
    let ingest_table = seen.table(root, "ingest").unwrap_or(&empty);
    let pages_table = seen.table(root, "pages").unwrap_or(&empty);
    let store_table = seen.table(root, "store").unwrap_or(&empty);
    let keys_table = seen.table(root, "keys").unwrap_or(&empty);
    let ingest = ingest::ingest(&mut seen, ingest_table, base);
    let zone = pages::zone(&mut seen, pages_table);
    let pages = pages::pages(&mut seen, pages_table);
    seen.known(store_table, "store", &["directory", "retention_days"]);
    let directory = seen
        .string(store_table, "store", "directory")
        .map(|(path, _)| base.join(path));
    if directory.is_none() && !store_table.contains_key("directory") {
        seen.missing(
            "[store] directory",
            "a directory, e.g. \"/var/lib/hansho-collector\"",
        );
    }
    let retention_days = seen
        .integer(store_table, "store", "retention_days", 1..=36_500)
        .and_then(|days| u32::try_from(days).ok())
        .unwrap_or(RETENTION_DAYS);
    seen.known(keys_table, "keys", &["masters"]);
    let masters = seen
        .string(keys_table, "keys", "masters")
        .map_or_else(|| "masters.keys".to_owned(), |(path, _)| path);
    let mistakes = seen.mistakes;
    match (ingest, pages, directory) {
        (Some(ingest), Some(pages), Some(directory)) if mistakes.is_empty() => Ok(Config {
            ingest,
            pages,
            zone,
            directory,
            retention_days,
            masters: base.join(masters),
        }),
        _ => Err(mistakes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> Vec<(usize, String)> {
        parse(text, Path::new("/etc/x"))
            .unwrap_err()
            .into_iter()
            .map(|mistake| (mistake.line, mistake.key))
            .collect()
    }

    #[test]
    fn a_minimal_file_gives_defaults() {
        let text = "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n[store]\ndirectory = \"data\"\n";
        let config = parse(text, Path::new("/etc/x")).unwrap();
        assert_eq!(config.pages, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(config.directory, Path::new("/etc/x/data"));
        assert_eq!(config.masters, Path::new("/etc/x/masters.keys"));
        assert_eq!(config.retention_days, 30);
        assert_eq!(config.ingest.tls, None);
        assert_eq!(config.ingest.max_connections, 4096);
        assert_eq!(config.ingest.max_per_address, 1024);
        assert_eq!(config.zone, None);
        let of = |zone: &str| {
            let text = format!("{text}[pages]\ntime_zone_offset = {zone}\n");
            parse(&text, Path::new("/etc/x")).map(|config| config.zone)
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
        assert!(parse(&text("allow_plain_http = true"), Path::new(".")).is_ok());
        assert!(parse(&text("certificate = \"c\"\nkey = \"k\""), Path::new(".")).is_ok());
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        assert_eq!(
            mistakes("config_version = 1\n[ingest\n"),
            [(2, "TOML".to_owned())]
        );
    }
}
