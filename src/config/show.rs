//! A plan as TOML: every effective value and where it came from. Reading it gives the same plan.

use super::hex;
use super::level;
use super::plan::{DiskSize, EffectiveRule, MemoryDirectory, Plan};
use super::rules::{AGGREGATES, rule_name};
use super::tables::SOURCES;
use super::units::{size_text, time_text};
use crate::code::{Language, display, name};
use crate::rule::{Aggregate, Gate, GateTest, Kind, Quantity, Window};
use std::path::Path;

/// The plan as TOML. Where there is no value ("not set"), the key stands in a comment.
#[must_use]
pub fn show(plan: &Plan) -> String {
    let mut out = Shown {
        plan,
        text: String::from("config_version = 1\n"),
        table: String::new(),
    };
    tables(&mut out, plan);
    watch(&mut out, plan);
    for effective in &plan.rules {
        rule(&mut out, effective);
    }
    out.text
}

/// The text so far.
struct Shown<'p> {
    plan: &'p Plan,
    text: String,
    table: String,
}

impl Shown<'_> {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    fn table(&mut self, name: &str) {
        self.table = name.into();
        self.line(format!("\n[{name}]"));
    }

    fn key(&mut self, key: &str, value: impl AsRef<str>) {
        let origin = self.plan.origin(&format!("{}.{key}", self.table));
        self.line(format!("{key} = {} # {}", value.as_ref(), comment(&origin)));
    }

    fn not_set(&mut self, key: &str, meaning: &str) {
        self.line(format!("# {key}: not set: {meaning}"));
    }
}

fn tables(out: &mut Shown<'_>, plan: &Plan) {
    out.table("agent");
    out.key("key_file", path(&plan.agent.key_file));
    match &plan.agent.host_name {
        Some(name) => out.key("host_name", string(name)),
        None => out.not_set("host_name", "the host name of the kernel"),
    }
    if let Some(file) = &plan.log.file {
        out.key("log_file", path(&file.path));
        out.key("log_file_size", string(&size_text(file.max_size_bytes)));
    } else {
        out.not_set(
            "log_file",
            "lines go to standard error, and to syslog where that is not the journal",
        );
    }

    let sample = &plan.sample;
    out.table("sample");
    out.key("interval", time(sample.interval_ms));
    out.key("counters_interval", time(sample.counters_interval_ms));
    out.key("report_interval", time(sample.report_interval_ms));
    let source = SOURCES.iter().find(|(_, source)| *source == sample.source);
    out.key("source", string(source.map_or("procfs", |(word, _)| word)));
    out.key("root", path(&sample.root));

    out.table("evidence");
    out.key("processes", plan.evidence.processes.to_string());

    let spool = &plan.spool;
    out.table("spool");
    out.key("directory", path(&spool.directory));
    out.key("disk", spool.disk.to_string());
    out.key(
        "disk_size",
        match spool.disk_size {
            DiskSize::Auto => string("auto"),
            DiskSize::Bytes(bytes) => string(&size_text(bytes)),
        },
    );
    out.key(
        "memory_size",
        string(&size_text(spool.memory_size_bytes.into())),
    );
    out.key(
        "memory_directory",
        match &spool.memory_directory {
            MemoryDirectory::Auto => string("auto"),
            MemoryDirectory::Path(directory) => path(directory),
        },
    );

    let forward = &plan.forward;
    out.table("forward");
    let urls: Vec<String> = forward.urls.iter().map(|url| string(&url.url)).collect();
    out.key("urls", format!("[{}]", urls.join(", ")));
    out.key("allow_plain_http", forward.allow_plain_http.to_string());
    match &forward.ca_file {
        Some(file) => out.key("ca_file", path(file)),
        None => out.not_set(
            "ca_file",
            "the bundle of the distribution, or none where pins are given",
        ),
    }
    let pins: Vec<String> = forward
        .pin_sha256
        .iter()
        .map(|pin| string(&hex::text(pin)))
        .collect();
    out.key("pin_sha256", format!("[{}]", pins.join(", ")));
    match &forward.proxy {
        Some(proxy) => out.key("proxy", string(&proxy.url)),
        None => out.not_set("proxy", "posts go straight to the collector"),
    }
    let user = forward.proxy.as_ref().and_then(|proxy| proxy.user.as_ref());
    if let Some((user, password_file)) = user {
        out.key("proxy_user", string(user));
        out.key("proxy_password_file", path(password_file));
    }
    out.key("post_interval", time(forward.post_interval_ms));
    out.key(
        "linger",
        forward.linger_ms.map_or_else(|| string("forever"), time),
    );
}

fn watch(out: &mut Shown<'_>, plan: &Plan) {
    for one in &plan.watch.filesystems {
        if one.by_default {
            let path = comment(&one.path);
            out.line(format!(
                "\n# the file system of {path} is watched by default, where none of the others is the same"
            ));
            continue;
        }
        out.table = format!("filesystem {}", one.path);
        out.line("\n[[filesystem]]");
        out.key("path", string(&one.path));
    }
    for one in &plan.watch.caches {
        out.table = format!("cache {}", one.path);
        out.line("\n[[cache]]");
        out.key("path", string(&one.path));
        match one.limit_kib {
            Some(kib) => out.key("limit_size", string(&size_text(kib.saturating_mul(1024)))),
            None => out.not_set("limit_size", "its size is not judged"),
        }
        match one.limit_entries {
            Some(entries) => out.key("limit_entries", entries.to_string()),
            None => out.not_set("limit_entries", "its entries are not judged"),
        }
    }
}

fn rule(out: &mut Shown<'_>, effective: &EffectiveRule) {
    let rule = &effective.rule;
    let Some(quantity) = rule.quantity() else {
        return;
    };
    out.table = rule_name(rule.code, &rule.subject);
    out.line(format!(
        "\n# {} {}: {}, {}",
        display(rule.code, true),
        name(rule.code, Language::En).unwrap_or(""),
        quantity.name(),
        comment(&effective.origin)
    ));
    out.line("[[rule]]");
    out.line(format!("code = {}", rule.code));
    if !rule.subject.is_empty() {
        out.line(format!("subject = {}", string(&rule.subject)));
    }
    out.key("enabled", rule.enabled.to_string());
    out.key("raise", level::text(rule.raise, quantity));
    if rule.kind == Kind::Level {
        out.key("clear", level::text(rule.clear, quantity));
        out.key("window", window(rule.window));
        out.key("raise_after", time(rule.raise_after_ms));
    }
    out.key("clear_after", time(rule.clear_after_ms));
    out.key("gate", gate(rule.gate.as_ref()));
    if let Some(fallback) = &rule.fallback
        && let Some(quantity) = Quantity::from_number(fallback.quantity)
    {
        out.line(format!(
            "# while {} is absent: {}, raise {}, clear {}; built-in",
            rule.quantity().map_or("it", Quantity::name),
            quantity.name(),
            level::text(fallback.raise, quantity),
            level::text(fallback.clear, quantity)
        ));
    }
}

fn window(window: Window) -> String {
    if window.aggregate == Aggregate::Last {
        return string("last");
    }
    let word = AGGREGATES
        .iter()
        .find(|(_, aggregate)| *aggregate == window.aggregate);
    format!(
        "{{ aggregate = {}, length = {} }}",
        string(word.map_or("mean", |(word, _)| word)),
        time(window.length_ms)
    )
}

fn gate(gate: Option<&Gate>) -> String {
    let Some((gate, quantity)) =
        gate.and_then(|gate| Some((gate, Quantity::from_number(gate.quantity)?)))
    else {
        return string("none");
    };
    let test = match gate.test {
        GateTest::Absent => "absent = true".into(),
        GateTest::Above => format!("above = {}", level::text(gate.level, quantity)),
        GateTest::Below => format!("below = {}", level::text(gate.level, quantity)),
    };
    format!("{{ quantity = {}, {test} }}", string(quantity.name()))
}

fn time(millis: u32) -> String {
    string(&time_text(millis.into()))
}

fn path(path: &Path) -> String {
    string(&path.display().to_string())
}

/// A text that cannot end its comment, whatever a file is called.
fn comment(text: &str) -> String {
    text.replace(char::is_control, "?")
}

/// A basic string of TOML.
fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(char);
            }
            char if char.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(char)));
            }
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}
