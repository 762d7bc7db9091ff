//! Who owns what and who is told, in collector.toml: what is refused, with its place, and what is read. [`mistakes`] each with its line and
//! key; [`values`] what is read as written; [`files`] rosters and holidays; [`hostile`] any text at all.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::too_many_lines,
    clippy::let_underscore_must_use,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod files;
mod hostile;
mod mistakes;
mod values;

use hansho_collector::clock::Date;
use hansho_collector::config::{
    Channel, Config, Content, MailTls, Mistake, Response, RouteTo, Text, parse,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

const BASE: &str =
    "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n[store]\ndirectory = \"data\"\n";
/// Lines of [`BASE`]: what is appended begins in the next.
const BASE_LINES: usize = 5;

/// Files beside collector.toml, by name, with their mode.
type Beside<'b> = BTreeMap<&'b str, (Vec<u8>, u32)>;

fn read(text: &str, beside: &Beside<'_>) -> Result<Config, Vec<Mistake>> {
    let files = |path: &Path, most: usize| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let (bytes, mode) = beside
            .get(name)
            .ok_or(std::io::Error::from(std::io::ErrorKind::NotFound))?;
        let mut bytes = bytes.clone();
        bytes.truncate(most + 1);
        Ok(Content { bytes, mode: *mode })
    };
    parse(text, Path::new("/etc/h/collector.toml"), &files)
}

fn none<'b>() -> Beside<'b> {
    Beside::new()
}

fn with<'b>(files: &[(&'b str, &str, u32)]) -> Beside<'b> {
    let files = files.iter();
    files
        .map(|(name, text, mode)| (*name, (text.as_bytes().to_vec(), *mode)))
        .collect()
}

const RECEIVERS: &str = "[[receiver]]\nid = \"a\"\nmail = \"a@example.jp\"\n[[receiver]]\nid = \"b\"\nmail = \"b@example.jp\"\n";

/// Mistakes in a roster, as (line, key).
fn roster(csv: &[u8]) -> Result<Config, Vec<(usize, String)>> {
    let beside: Beside<'_> = [("r.csv", (csv.to_vec(), 0o644))].into();
    let text = format!("{BASE}{RECEIVERS}[[team]]\nid = \"t\"\nroster = \"r.csv\"\n");
    read(&text, &beside).map_err(|mistakes| {
        let mistakes = mistakes.into_iter();
        mistakes
            .map(|mistake| {
                assert_eq!(mistake.file.as_deref(), Some(Path::new("/etc/h/r.csv")));
                (mistake.line, mistake.key)
            })
            .collect()
    })
}

fn holidays(bytes: &[u8]) -> Result<Config, Vec<(usize, String)>> {
    let beside: Beside<'_> = [("h.csv", (bytes.to_vec(), 0o644))].into();
    read(&format!("{BASE}[holidays]\nfile = \"h.csv\"\n"), &beside).map_err(|mistakes| {
        mistakes
            .into_iter()
            .map(|mistake| (mistake.line, mistake.key))
            .collect()
    })
}
