//! agent.toml, checked once, as plain values.
//!
//! [`load`] reads the file, and the `*.toml` of the directory beside it that add to it, and gives a [`Plan`] or every fault at once ([`ConfigErrors`]); [`show`] writes a plan as
//! TOML again, with where each value came from. [`plan`] has the values, [`units`] how people write them, [`key_file`]
//! the agent's key, [`secret`] other secrets. `[[filesystem]]` and `[[cache]]` name what is watched besides the host, `[[rule]]` overrides what `code` has built in. The reference, with every key, its unit, range and default, is `agent.toml` at the top of the
//! repository.

pub mod error;
mod file;
mod gather;
mod hex;
pub mod key_file;
mod level;
pub mod plan;
mod reader;
mod rules;
pub mod secret;
mod show;
mod tables;
pub mod units;
mod url;
mod watch;

pub use error::{ConfigError, ConfigErrors, Unreadable};
pub use file::{NewKey, write_configuration};
pub use gather::{ConfigFile, directory};
pub use key_file::AgentKey;
pub use level::text as level_text;
pub use plan::{EffectiveRule, Plan};
pub use show::show;

use crate::limit::POSTS_BEFORE_SILENCE;
use reader::{Reader, Section, describe};
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// The only value of `config_version`.
pub const CONFIG_VERSION: u32 = 1;

/// What may stand at the top of the file.
const TOP: &[&str] = &[
    "config_version",
    "agent",
    "sample",
    "evidence",
    "spool",
    "forward",
    "filesystem",
    "cache",
    "rule",
];
/// What will stand there one day.
const LATER: &[&str] = &["service", "log"];

/// What was found where a configuration should be.
#[derive(Debug)]
pub struct Found {
    /// Its files, as far as they can be read.
    pub files: Vec<ConfigFile>,
    /// What they say, where nothing is wrong.
    pub plan: Result<Plan, ConfigErrors>,
    /// Where its rings would be, as far as it can be read: there what was accepted before may be kept.
    pub spool: plan::Spool,
}

/// Reads and checks a configuration: a file, and the `*.toml` of the directory beside it.
///
/// # Errors
/// Everything that is wrong with it, or why it cannot be read (line 0).
pub fn load(path: &Path) -> Result<Plan, ConfigErrors> {
    find(path).plan
}

/// The same, with all that was found.
#[must_use]
pub fn find(path: &Path) -> Found {
    let (files, faults) = gather::read(path);
    let (read, outcome) = read(&files);
    let plan = if faults.is_empty() {
        outcome
    } else {
        // What depends on a file that is not there is no fault of the others: only they are told with it.
        let first = files
            .first()
            .is_some_and(|file| Path::new(&file.name) == path);
        let others = outcome.err().filter(|_| first);
        let others = others
            .iter()
            .flat_map(|errors| errors.list().iter().cloned());
        Err(ConfigErrors::of(faults.into_iter().chain(others).collect()))
    };
    Found {
        files,
        plan,
        spool: read.spool,
    }
}

/// Checks the files of a configuration, the first of them agent.toml.
///
/// # Errors
/// As [`load`].
pub fn parse_files(files: &[ConfigFile]) -> Result<Plan, ConfigErrors> {
    read(files).1
}

/// Checks a configuration of one file; `file` is its name for its faults and origins.
///
/// # Errors
/// As [`load`].
pub fn parse_bytes(bytes: &[u8], file: &str) -> Result<Plan, ConfigErrors> {
    parse_files(&[ConfigFile {
        name: file.into(),
        bytes: bytes.to_vec(),
    }])
}

/// Takes the address of a collector apart, as `forward.urls` does; plain HTTP only to this host.
///
/// # Errors
/// What is allowed instead.
pub fn collector_url(text: &str) -> Result<plan::CollectorUrl, &'static str> {
    url::parse(text, false).map_err(url::UrlError::allowed)
}

/// Checks a configuration of one file.
///
/// # Errors
/// As [`load`].
pub fn parse(text: &str, file: &str) -> Result<Plan, ConfigErrors> {
    parse_bytes(text.as_bytes(), file)
}

/// What the files say, as far as it is right, and whether all of it is.
fn read(files: &[ConfigFile]) -> (Plan, Result<Plan, ConfigErrors>) {
    let mut plan = Plan::default();
    let texts = match gather::texts(files) {
        Ok(texts) => texts,
        Err(errors) => return (plan, Err(errors)),
    };
    plan.file = texts.first().map_or("", |(name, _)| *name).into();
    let mut reader = Reader::new(&texts);
    let document = gather::document(&mut reader, &texts);
    let root = Section::root(document.get_ref());
    top(&mut reader, &root, document.get_ref());
    for (name, known, read) in TABLES {
        let Some(item) = reader.item(&root, name) else {
            continue;
        };
        if let Some(section) = reader.section(&item, known) {
            read(&mut reader, &section, &mut plan);
        }
    }
    watch::watch(&mut reader, &root, &mut plan);
    lift_silence(&mut plan);
    rules::rules(&mut reader, &root, &mut plan);
    let outcome = reader.finish().map(|given| Plan {
        given,
        ..plan.clone()
    });
    (plan, outcome)
}

/// Code of the rule on the collector's silence.
const COLLECTOR_SILENT: u16 = 8008;

/// The built-in rule on the collector's silence counts from the third post that should have been answered: with posts
/// further apart than its own level allows, a healthy agent would ring. What the file says of it comes after.
fn lift_silence(plan: &mut Plan) {
    let posts_s = u64::from(plan.forward.post_interval_ms)
        .saturating_mul(POSTS_BEFORE_SILENCE)
        .div_ceil(1000);
    for effective in &mut plan.rules {
        let rule = &mut effective.rule;
        if rule.code == COLLECTOR_SILENT
            && rule.raise.absolute.is_some_and(|level_s| level_s < posts_s)
        {
            rule.raise.absolute = Some(posts_s);
            rule.clear.absolute = Some(posts_s.saturating_sub(1));
        }
    }
}

type ReadTable = fn(&mut Reader<'_>, &Section<'_>, &mut Plan);

const TABLES: [(&str, &[&str], ReadTable); 5] = [
    ("agent", tables::AGENT, tables::agent),
    ("sample", tables::SAMPLE, tables::sample),
    ("evidence", tables::EVIDENCE, tables::evidence),
    ("spool", tables::SPOOL, tables::spool),
    ("forward", tables::FORWARD, tables::forward),
];

/// The version, and nothing at the top that does not belong there.
fn top(reader: &mut Reader<'_>, root: &Section<'_>, table: &DeTable<'_>) {
    for (key, _) in table {
        let name = key.get_ref().as_ref();
        if LATER.contains(&name) {
            let line = reader.line(&key.span());
            let hint = if name == "log" {
                "; a log file of the agent's own is log_file in [agent]"
            } else {
                ""
            };
            let allowed = format!("nothing: [{name}] is not available in this version{hint}");
            reader.refuse(line, name, format!("[{name}]"), allowed);
        }
    }
    reader.check_keys_but(root, TOP, LATER);
    let Some(item) = reader.item(root, "config_version") else {
        if !reader.is_broken() {
            reader.refuse(
                1,
                "config_version",
                "nothing",
                "config_version = 1 as the first line",
            );
        }
        return;
    };
    let found = describe(item.value);
    if !matches!(item.value, DeValue::Integer(_)) || found != CONFIG_VERSION.to_string() {
        reader.refuse(item.line, &item.key, found, "1");
    }
}

fn whole(file: &str, line: u32, found: impl Into<String>, allowed: &str) -> ConfigErrors {
    ConfigErrors::from(ConfigError {
        file: file.into(),
        line,
        key: "file".into(),
        found: found.into(),
        allowed: allowed.into(),
        unreadable: None,
    })
}
