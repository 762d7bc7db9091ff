//! `[agent] [sample] [spool] [forward]`.

use super::error::quote;
use super::plan::{
    DiskSize, Forward, LOG_FILE_SIZE_BYTES, LogFile, MemoryDirectory, Plan, Proxy, Source,
};
use super::reader::{Item, Reader, Section};
use super::url;
use crate::limit::{
    BLOCK_BYTES, COUNTERS_INTERVAL_MS, DISK_RING_BYTES, FORWARD_PINS, FORWARD_URLS,
    HOST_NAME_BYTES, LINGER_MS, LINGER_POST_INTERVAL_MS, LOG_FILE_BYTES, MEMORY_RING_BYTES,
    POST_INTERVAL_MS, REPORT_INTERVAL_MS, SAMPLE_INTERVAL_MS,
};
use core::ops::RangeInclusive;
use toml::de::DeValue;

/// Keys of `[agent]`.
pub(super) const AGENT: &[&str] = &["key_file", "host_name", "log_file", "log_file_size"];
/// Keys of `[sample]`.
pub(super) const SAMPLE: &[&str] = &[
    "interval",
    "counters_interval",
    "report_interval",
    "source",
    "root",
];
/// Keys of `[spool]`.
pub(super) const SPOOL: &[&str] = &[
    "directory",
    "disk",
    "disk_size",
    "memory_size",
    "memory_directory",
];
/// Keys of `[forward]`.
pub(super) const FORWARD: &[&str] = &[
    "urls",
    "allow_plain_http",
    "ca_file",
    "pin_sha256",
    "proxy",
    "proxy_user",
    "proxy_password_file",
    "post_interval",
    "linger",
];

/// Keys of `[evidence]`.
pub(super) const EVIDENCE: &[&str] = &["processes"];

/// The words of `sample.source`.
pub(super) const SOURCES: [(&str, Source); 2] =
    [("procfs", Source::Procfs), ("sysinfo", Source::Sysinfo)];

pub(super) fn agent(reader: &mut Reader<'_>, section: &Section<'_>, plan: &mut Plan) {
    reader.read(section, "key_file", &mut plan.agent.key_file, Reader::path);
    reader.read(section, "host_name", &mut plan.agent.host_name, host_name);
    let mut file = None;
    reader.read(section, "log_file", &mut file, |reader, item| {
        reader.path(item).map(Some)
    });
    let mut max_size_bytes = LOG_FILE_SIZE_BYTES;
    reader.read(
        section,
        "log_file_size",
        &mut max_size_bytes,
        |reader, item| reader.size_or(item, "", LOG_FILE_BYTES),
    );
    if let (None, Some(size)) = (
        reader.item(section, "log_file"),
        reader.item(section, "log_file_size"),
    ) {
        reader.refuse(
            size.line,
            &size.key,
            "a size without a log_file",
            "log_file_size only with log_file",
        );
    }
    plan.log.file = file.map(|path| LogFile {
        path,
        max_size_bytes,
    });
}

fn host_name(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Option<String>> {
    let allowed = format!("a name of 1 to {HOST_NAME_BYTES} bytes without spaces");
    let text = reader.text(item, &allowed)?;
    let blank = |char: char| char.is_whitespace() || char.is_control();
    if text.is_empty() || text.len() > HOST_NAME_BYTES || text.contains(blank) {
        return reader.wrong(item, allowed);
    }
    Some(Some(text.into()))
}

pub(super) fn sample(reader: &mut Reader<'_>, section: &Section<'_>, plan: &mut Plan) {
    let sample = &mut plan.sample;
    reader.read(
        section,
        "interval",
        &mut sample.interval_ms,
        |reader, item| reader.time(item, SAMPLE_INTERVAL_MS),
    );
    reader.read(section, "source", &mut sample.source, |reader, item| {
        reader.word(item, &SOURCES)
    });
    reader.read(section, "root", &mut sample.root, Reader::path);
    slower(
        reader,
        section,
        "counters_interval",
        &COUNTERS_INTERVAL_MS,
        sample.interval_ms,
        &mut sample.counters_interval_ms,
    );
    slower(
        reader,
        section,
        "report_interval",
        &REPORT_INTERVAL_MS,
        sample.interval_ms,
        &mut sample.report_interval_ms,
    );
}

/// An interval that is not shorter than that between samples; left to itself it follows that one.
fn slower(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    name: &str,
    range: &RangeInclusive<u64>,
    sample_ms: u32,
    place: &mut u32,
) {
    reader.read(section, name, place, |reader, item| {
        let value = reader.time(item, range.clone())?;
        if value < sample_ms {
            return reader.wrong(item, "a time not shorter than sample.interval");
        }
        Some(value)
    });
    *place = sample_ms.max(*place);
}

pub(super) fn evidence(reader: &mut Reader<'_>, section: &Section<'_>, plan: &mut Plan) {
    let processes = &mut plan.evidence.processes;
    reader.read(section, "processes", processes, Reader::boolean);
}

pub(super) fn spool(reader: &mut Reader<'_>, section: &Section<'_>, plan: &mut Plan) {
    let spool = &mut plan.spool;
    reader.read(section, "directory", &mut spool.directory, Reader::path);
    reader.read(section, "disk", &mut spool.disk, Reader::boolean);
    reader.read(
        section,
        "disk_size",
        &mut spool.disk_size,
        |reader, item| {
            if is_word(item, "auto") {
                return Some(DiskSize::Auto);
            }
            ring_size(reader, item, "\"auto\" or ", DISK_RING_BYTES).map(DiskSize::Bytes)
        },
    );
    reader.read(
        section,
        "memory_size",
        &mut spool.memory_size_bytes,
        |reader, item| {
            let bytes = ring_size(reader, item, "", MEMORY_RING_BYTES)?;
            u32::try_from(bytes).ok()
        },
    );
    reader.read(
        section,
        "memory_directory",
        &mut spool.memory_directory,
        |reader, item| {
            if is_word(item, "auto") {
                return Some(MemoryDirectory::Auto);
            }
            reader
                .path_or(item, "\"auto\" or ")
                .map(MemoryDirectory::Path)
        },
    );
}

/// A ring is whole blocks.
fn ring_size(
    reader: &mut Reader<'_>,
    item: &Item<'_>,
    or: &str,
    range: RangeInclusive<u64>,
) -> Option<u64> {
    let bytes = reader.size_or(item, or, range)?;
    let block = u64::try_from(BLOCK_BYTES).ok()?;
    if bytes.checked_rem(block) == Some(0) {
        Some(bytes)
    } else {
        reader.wrong(item, format!("{or}a multiple of 4KiB"))
    }
}

fn is_word(item: &Item<'_>, word: &str) -> bool {
    item.value.as_str() == Some(word)
}

pub(super) fn forward(reader: &mut Reader<'_>, section: &Section<'_>, plan: &mut Plan) {
    let forward = &mut plan.forward;
    reader.read(
        section,
        "allow_plain_http",
        &mut forward.allow_plain_http,
        Reader::boolean,
    );
    let plain = forward.allow_plain_http;
    reader.read(section, "urls", &mut forward.urls, |reader, item| {
        elements(reader, item, FORWARD_URLS, "addresses", |reader, item| {
            let text = reader.text(item, "an address such as \"https://collector.example/\"")?;
            match url::parse(text, plain) {
                Ok(url) => Some(url),
                Err(error) => {
                    // A password must not reach a log, whatever else is wrong.
                    let found = if text.contains('@') {
                        "an address with a user name".into()
                    } else {
                        quote(text)
                    };
                    reader.refuse(item.line, &item.key, found, error.allowed());
                    None
                }
            }
        })
    });
    reader.read(section, "ca_file", &mut forward.ca_file, |reader, item| {
        reader.path(item).map(Some)
    });
    reader.read(
        section,
        "pin_sha256",
        &mut forward.pin_sha256,
        |reader, item| elements(reader, item, FORWARD_PINS, "pins", pin),
    );
    reader.read(
        section,
        "post_interval",
        &mut forward.post_interval_ms,
        |reader, item| reader.time(item, POST_INTERVAL_MS),
    );
    linger(reader, section, forward);
    forward.proxy = proxy(reader, section);
}

fn proxy(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Proxy> {
    let (mut url, mut user, mut password_file) = (None, None, None);
    reader.read(section, "proxy", &mut url, |reader, item| {
        let text = reader.text(item, url::PROXY)?;
        match url::proxy(text) {
            Some(url) => Some(Some(url)),
            None => {
                // A password must not reach a log, whatever else is wrong.
                let found = if text.contains('@') {
                    "an address with a user name".into()
                } else {
                    quote(text)
                };
                reader.refuse(item.line, &item.key, found, url::PROXY);
                None
            }
        }
    });
    let allowed = "a user of 1 to 255 characters without \":\" (RFC 7617)";
    reader.read(section, "proxy_user", &mut user, |reader, item| {
        let text = reader.text(item, allowed)?;
        let wrong = |char: char| char.is_control() || char == ':';
        if text.is_empty() || text.len() > 255 || text.contains(wrong) {
            return reader.wrong(item, allowed);
        }
        Some(Some(text.to_owned()))
    });
    reader.read(
        section,
        "proxy_password_file",
        &mut password_file,
        |reader, item| reader.path(item).map(Some),
    );
    for (name, other) in [
        ("proxy_user", "proxy"),
        ("proxy_user", "proxy_password_file"),
        ("proxy_password_file", "proxy_user"),
    ] {
        if let (Some(item), None) = (reader.item(section, name), reader.item(section, other)) {
            let found = format!("no forward.{other} with it");
            let allowed = format!("{name} only with {other}");
            reader.refuse(item.line, &item.key, found, allowed);
        }
    }
    url.map(|url| Proxy {
        url: url.url,
        host: url.host,
        port: url.port,
        user: user.zip(password_file),
    })
}

fn linger(reader: &mut Reader<'_>, section: &Section<'_>, forward: &mut Forward) {
    let post_interval_ms = u64::from(forward.post_interval_ms);
    reader.read(section, "linger", &mut forward.linger_ms, |reader, item| {
        if is_word(item, "forever") {
            return Some(None);
        }
        let linger_ms = reader.time_or(item, "\"forever\" or ", LINGER_MS)?;
        if post_interval_ms < LINGER_POST_INTERVAL_MS {
            let allowed = "\"forever\"; a time only with a post_interval of 5m or more";
            return reader.wrong(item, allowed);
        }
        Some(Some(linger_ms))
    });
}

/// A list whose elements are all right and differ.
fn elements<T: PartialEq>(
    reader: &mut Reader<'_>,
    item: &Item<'_>,
    most: usize,
    what: &str,
    mut one: impl FnMut(&mut Reader<'_>, &Item<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    if !matches!(item.value, DeValue::Array(_)) {
        return reader.wrong(item, format!("a list of at most {most} {what}"));
    }
    let mut values = Vec::new();
    for element in reader.list(item, most, what) {
        let Some(value) = one(reader, &element) else {
            continue;
        };
        if values.contains(&value) {
            reader.refuse(element.line, &element.key, "the same twice", "each once");
        }
        values.push(value);
    }
    Some(values)
}

/// 64 hexadecimal digits: the SHA-256 of a SubjectPublicKeyInfo.
fn pin(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<[u8; 32]> {
    let allowed = "64 hexadecimal digits: SHA-256 of the certificate's public key (SPKI, DER)";
    let text = reader.text(item, allowed)?;
    super::hex::array(text).or_else(|| reader.wrong(item, allowed))
}
