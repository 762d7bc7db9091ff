//! collector.toml: checked whole, every mistake named with its place, then plain values.

use crate::exit::{CONFIG, Failure, IO, NO_INPUT, NO_PERMISSION};
use crate::limit::{CONNECTIONS, CONNECTIONS_SHARE, HEADER_MS, RETENTION_DAYS};
use crate::zone::Zone;
use core::net::SocketAddr;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

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

/// The ingest listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingest {
    /// Address; port 0 lets the kernel choose.
    pub listen: SocketAddr,
    /// Certificate chain and key, PEM; `None` for plain HTTP.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Simultaneous connections.
    pub max_connections: usize,
    /// Simultaneous connections of one address.
    pub max_per_address: usize,
    /// How long an authenticated connection may be without a complete request header.
    pub idle_timeout_ms: u64,
}

/// A mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Line, from 1; 0 where a key is missing.
    pub line: usize,
    /// `[table] key`.
    pub key: String,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub allowed: String,
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
    let ingest = ingest(&mut seen, ingest_table, base);
    let zone = zone(&mut seen, pages_table);
    let pages = pages(&mut seen, pages_table);
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

fn ingest(seen: &mut Seen<'_>, table: &DeTable<'_>, base: &Path) -> Option<Ingest> {
    let keys = [
        "listen",
        "certificate",
        "key",
        "allow_plain_http",
        "max_connections",
        "max_connections_per_address",
        "idle_timeout_s",
    ];
    seen.known(table, "ingest", &keys);
    let listen = seen.address(table, "ingest");
    if listen.is_none() && !table.contains_key("listen") {
        seen.missing(
            "[ingest] listen",
            "an address and port, e.g. \"0.0.0.0:7443\"",
        );
    }
    let certificate = seen.string(table, "ingest", "certificate");
    let key = seen.string(table, "ingest", "key");
    let plain = seen
        .boolean(table, "ingest", "allow_plain_http")
        .unwrap_or(false);
    let max_connections = seen
        .integer(table, "ingest", "max_connections", 1..=1_000_000)
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or(CONNECTIONS);
    let max_per_address = seen
        .integer(
            table,
            "ingest",
            "max_connections_per_address",
            1..=1_000_000,
        )
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or_else(|| (max_connections / CONNECTIONS_SHARE).max(1));
    let idle_timeout_ms = seen
        .integer(table, "ingest", "idle_timeout_s", 1..=3600)
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map_or(HEADER_MS, |seconds| seconds.saturating_mul(1000));
    let tls = match (certificate, key) {
        (Some((certificate, _)), Some((key, _))) => Some((base.join(certificate), base.join(key))),
        (None, None) => None,
        (Some((_, line)), None) | (None, Some((_, line))) => {
            seen.mistakes.push(Mistake {
                line,
                key: "[ingest] certificate, key".to_owned(),
                found: "only one of them".to_owned(),
                allowed: "both, or none".to_owned(),
            });
            return None;
        }
    };
    let (listen, line) = listen?;
    if tls.is_none() && !plain && !listen.ip().is_loopback() {
        seen.mistakes.push(Mistake {
            line,
            key: "[ingest] listen".to_owned(),
            found: format!("{listen} without certificate and key"),
            allowed: "a loopback address, or certificate and key, or allow_plain_http = true (macs still \
                      authenticate every frame, but anybody on the way can read them)"
                .to_owned(),
        });
        return None;
    }
    Some(Ingest {
        listen,
        tls,
        max_connections,
        max_per_address,
        idle_timeout_ms,
    })
}

/// `None` for the host's zone, and beside a mistake.
fn zone(seen: &mut Seen<'_>, table: &DeTable<'_>) -> Option<Zone> {
    let allowed = "\"local\", or a distance from UTC such as \"+09:00\"";
    seen.value(
        table,
        "pages",
        "time_zone_offset",
        allowed,
        |value| match value.as_str()? {
            "local" => Some(None),
            text => Zone::fixed(text).map(Some),
        },
    )
    .and_then(|(zone, _)| zone)
}

fn pages(seen: &mut Seen<'_>, table: &DeTable<'_>) -> Option<SocketAddr> {
    seen.known(
        table,
        "pages",
        &["listen", "allow_remote", "time_zone_offset"],
    );
    let remote = seen
        .boolean(table, "pages", "allow_remote")
        .unwrap_or(false);
    if !table.contains_key("listen") {
        return Some(SocketAddr::from(([127, 0, 0, 1], 8080)));
    }
    let (listen, line) = seen.address(table, "pages")?;
    if !listen.ip().is_loopback() && !remote {
        seen.mistakes.push(Mistake {
            line,
            key: "[pages] listen".to_owned(),
            found: listen.to_string(),
            allowed: "a loopback address behind a proxy that asks who it is, or allow_remote = true (the pages have \
                      no login yet)"
                .to_owned(),
        });
        return None;
    }
    Some(listen)
}

/// Collects mistakes while values are taken out.
struct Seen<'t> {
    text: &'t str,
    mistakes: Vec<Mistake>,
}

impl Seen<'_> {
    fn known(&mut self, table: &DeTable<'_>, name: &str, keys: &[&str]) {
        for (key, _) in table {
            let found: &str = key.get_ref();
            if !keys.contains(&found) {
                self.mistakes.push(Mistake {
                    line: line_of(self.text, key.span().start),
                    key: place(name, found),
                    found: "an unknown key".to_owned(),
                    allowed: keys.join(", "),
                });
            }
        }
    }

    fn missing(&mut self, key: &str, allowed: &str) {
        self.mistakes.push(Mistake {
            line: 0,
            key: key.to_owned(),
            found: "nothing".to_owned(),
            allowed: allowed.to_owned(),
        });
    }

    /// A value of the shape that `take` accepts, with its line.
    fn value<'v, T>(
        &mut self,
        table: &'v DeTable<'_>,
        name: &str,
        key: &str,
        allowed: &str,
        take: impl FnOnce(&'v DeValue<'_>) -> Option<T>,
    ) -> Option<(T, usize)> {
        let value = table.get(key)?;
        let line = line_of(self.text, value.span().start);
        if let Some(taken) = take(value.get_ref()) {
            return Some((taken, line));
        }
        let found = self.text.get(value.span()).unwrap_or("?");
        self.mistakes.push(Mistake {
            line,
            key: place(name, key),
            found: found.chars().take(80).collect(),
            allowed: allowed.to_owned(),
        });
        None
    }

    fn table<'v>(&mut self, root: &'v DeTable<'_>, key: &str) -> Option<&'v DeTable<'v>> {
        self.value(root, "", key, "a table", |value| match value {
            DeValue::Table(table) => Some(table),
            _ => None,
        })
        .map(|(table, _)| table)
    }

    fn string(&mut self, table: &DeTable<'_>, name: &str, key: &str) -> Option<(String, usize)> {
        self.value(table, name, key, "a text that is not empty", |value| {
            value
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        })
    }

    fn boolean(&mut self, table: &DeTable<'_>, name: &str, key: &str) -> Option<bool> {
        self.value(table, name, key, "true or false", |value| value.as_bool())
            .map(|(value, _)| value)
    }

    fn integer(
        &mut self,
        table: &DeTable<'_>,
        name: &str,
        key: &str,
        range: core::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let allowed = if range.start() == range.end() {
            range.start().to_string()
        } else {
            format!("a whole number from {} to {}", range.start(), range.end())
        };
        self.value(table, name, key, &allowed, |value| {
            let integer = value.as_integer()?;
            i64::from_str_radix(integer.as_str(), integer.radix())
                .ok()
                .filter(|value| range.contains(value))
        })
        .map(|(value, _)| value)
    }

    fn address(&mut self, table: &DeTable<'_>, name: &str) -> Option<(SocketAddr, usize)> {
        let allowed = "an IP address and a port, e.g. \"127.0.0.1:8080\" or \"[::]:7443\"";
        self.value(table, name, "listen", allowed, |value| {
            value.as_str()?.parse().ok()
        })
    }
}

fn place(table: &str, key: &str) -> String {
    if table.is_empty() {
        key.to_owned()
    } else {
        format!("[{table}] {key}")
    }
}

/// Line of a byte, from 1.
fn line_of(text: &str, byte: usize) -> usize {
    let before = text.as_bytes().get(..byte).unwrap_or(text.as_bytes());
    before
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
        .saturating_add(1)
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
