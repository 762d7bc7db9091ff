//! `[[filesystem]]` and `[[cache]]`: what is watched besides the host, and the rules of each.

use super::plan::{BUILT_IN, Cache, EffectiveRule, Filesystem, Plan};
use super::reader::{Item, Reader, Section, describe};
use crate::code::defaults::rules_of;
use crate::limit::{LEVEL_KIB, LEVEL_NUMBER, SUBJECT_BYTES, WATCHED_CACHES, WATCHED_FILESYSTEMS};
use crate::rule::{Quantity, Subject, Watched};
use toml::de::DeValue;

/// Keys of `[[filesystem]]`.
pub(super) const FILESYSTEM: &[&str] = &["path"];
/// Keys of `[[cache]]`.
pub(super) const CACHE: &[&str] = &["path", "limit_size", "limit_entries"];

/// Reads both tables, and gives each subject its rules. `[spool]` has been read.
pub(super) fn watch(reader: &mut Reader<'_>, root: &Section<'_>, plan: &mut Plan) {
    let mut filesystems = Vec::new();
    for (section, line) in tables(reader, root, "filesystem", FILESYSTEM, WATCHED_FILESYSTEMS) {
        let known: Vec<&Subject> = filesystems
            .iter()
            .map(|one: &Filesystem| &one.path)
            .collect();
        if let Some(path) = subject(reader, &section, line, &known) {
            filesystems.push(Filesystem {
                path,
                by_default: false,
            });
        }
    }
    let mut caches = Vec::new();
    for (section, line) in tables(reader, root, "cache", CACHE, WATCHED_CACHES) {
        let known: Vec<&Subject> = caches.iter().map(|one: &Cache| &one.path).collect();
        if let Some(path) = subject(reader, &section, line, &known) {
            caches.extend(cache(reader, &section, line, path));
        }
    }
    plan.watch.filesystems = filesystems;
    plan.watch.caches = caches;
    settle(plan);
}

/// The sections of an array of tables.
fn tables<'d>(
    reader: &mut Reader<'_>,
    root: &Section<'d>,
    name: &str,
    known: &[&str],
    most: usize,
) -> Vec<(Section<'d>, u32)> {
    let Some(item) = reader.item(root, name) else {
        return Vec::new();
    };
    let of_tables = match item.value {
        DeValue::Array(array) => array
            .iter()
            .all(|element| matches!(element.get_ref(), DeValue::Table(_))),
        _ => false,
    };
    if !of_tables {
        let allowed = format!("tables [[{name}]]");
        reader.refuse(item.line, name, describe(item.value), allowed);
        return Vec::new();
    }
    let mut sections = Vec::new();
    for element in reader.list(&item, most, "tables") {
        if let Some(section) = reader.section(&element, known) {
            sections.push((section, element.line));
        }
    }
    sections
}

/// The path of a table: it becomes the subject of its alerts.
fn subject(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    line: u32,
    known: &[&Subject],
) -> Option<Subject> {
    let allowed = format!(
        "an absolute path of at most {SUBJECT_BYTES} bytes without control characters, \".\", \"..\" and a \"/\" at its end"
    );
    let Some(item) = reader.item(section, "path") else {
        reader.refuse(line, &section.full("path"), "nothing", allowed);
        return None;
    };
    let text = reader.text(&item, &allowed)?;
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    let right = text == "/"
        || text
            .strip_prefix('/')
            .is_some_and(|rest| rest.split('/').all(plain));
    let subject = Subject::try_from(text)
        .ok()
        .filter(|_| right && !text.contains(char::is_control));
    let Some(subject) = subject else {
        return reader.wrong(&item, allowed);
    };
    if known.contains(&&subject) {
        let found = format!("{}, a second time", describe(item.value));
        reader.refuse(item.line, &item.key, found, "each path once");
        return None;
    }
    let section = section.renamed(section.full(&subject).replacen('.', " ", 1));
    if let Some(item) = reader.item(&section, "path") {
        reader.give(&item);
    }
    Some(subject)
}

fn cache(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    line: u32,
    path: Subject,
) -> Option<Cache> {
    let section = section.renamed(section.full(&path).replacen('.', " ", 1));
    let (mut limit_kib, mut limit_entries) = (None, None);
    reader.read(&section, "limit_size", &mut limit_kib, |reader, item| {
        let bytes = reader.size_or(item, "", 1024..=LEVEL_KIB.saturating_mul(1024))?;
        if !bytes.is_multiple_of(1024) {
            return reader.wrong(item, "whole KiB");
        }
        Some(Some(bytes / 1024))
    });
    reader.read(&section, "limit_entries", &mut limit_entries, entries);
    let given = |name| reader.item(&section, name).is_some();
    if !given("limit_size") && !given("limit_entries") {
        let allowed = "limit_size, limit_entries or both: what the directory is compared with";
        reader.refuse(line, &section.full("limit_size"), "no limit", allowed);
        return None;
    }
    Some(Cache {
        path,
        limit_kib,
        limit_entries,
    })
}

fn entries(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Option<u64>> {
    let number = match item.value {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
        _ => None,
    };
    match number.filter(|number| (1..=LEVEL_NUMBER).contains(number)) {
        Some(number) => Some(Some(number)),
        None => reader.wrong(item, format!("a whole number from 1 to {LEVEL_NUMBER}")),
    }
}

/// Adds the file systems that are watched by default, and gives each subject its built-in rules anew.
pub(super) fn settle(plan: &mut Plan) {
    let Plan {
        watch,
        rules,
        spool,
        ..
    } = plan;
    watch.filesystems.retain(|one| !one.by_default);
    // What cannot be a subject is not watched unless it is named otherwise.
    let of_spool = spool
        .directory
        .to_str()
        .filter(|_| spool.disk)
        .and_then(|text| Subject::try_from(text).ok());
    let of_caches = watch.caches.iter().map(|cache| cache.path.clone());
    for path in of_spool.into_iter().chain(of_caches) {
        let is_known = watch.filesystems.iter().any(|known| known.path == path);
        if !is_known && watch.filesystems.len() < WATCHED_FILESYSTEMS {
            watch.filesystems.push(Filesystem {
                path,
                by_default: true,
            });
        }
    }
    rules.retain(|effective| watched(effective).is_none());
    let of_filesystems = watch
        .filesystems
        .iter()
        .flat_map(|one| rules_of(Watched::Filesystem).map(|rule| (rule, &one.path)));
    let of_caches = watch.caches.iter().flat_map(|cache| {
        rules_of(Watched::Cache)
            .filter(|rule| match rule.quantity() {
                Some(Quantity::CacheSize) => cache.limit_kib.is_some(),
                _ => cache.limit_entries.is_some(),
            })
            .map(|rule| (rule, &cache.path))
    });
    for (mut rule, subject) in of_filesystems.chain(of_caches) {
        rule.subject = subject.clone();
        rules.push(EffectiveRule {
            rule,
            origin: BUILT_IN.into(),
        });
    }
    rules.sort_by(|a, b| {
        let key = |effective: &EffectiveRule| (effective.rule.code, effective.rule.subject.clone());
        key(a).cmp(&key(b))
    });
}

/// What watched thing a rule is about.
fn watched(effective: &EffectiveRule) -> Option<Watched> {
    effective.rule.quantity().and_then(Quantity::of_subject)
}
