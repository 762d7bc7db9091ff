//! agent.toml is the reference: it is valid, names every key with its true default, and every built-in rule.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

use hansho::config::plan::Plan;
use hansho::config::{parse, show};
use std::collections::BTreeSet;

const REFERENCE: &str = include_str!("../agent.toml");

/// Keys whose line in the reference is an example, because their default is the absence of a value.
const EXAMPLES: [&str; 7] = [
    "host_name",
    "log_file",
    "log_file_size",
    "ca_file",
    "proxy",
    "proxy_user",
    "proxy_password_file",
];

/// A line in a comment that is TOML: "#" with no space behind it.
fn uncommented(line: &str) -> &str {
    match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => rest,
        _ => line,
    }
}

fn key(line: &str) -> Option<&str> {
    line.split_once(" = ").map(|(key, _)| key)
}

/// The reference with every key in force; examples only where asked for.
fn in_force(examples: bool) -> String {
    let lines = REFERENCE.lines().map(|line| {
        let plain = uncommented(line);
        if !examples && key(plain).is_some_and(|key| EXAMPLES.contains(&key)) {
            return line;
        }
        plain
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn check(text: &str) -> Plan {
    parse(text, "agent.toml").unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn it_is_valid_as_it_is_and_changes_nothing() {
    let plan = check(REFERENCE);
    assert_eq!(plan.without_origins(), Plan::default().without_origins());
    assert!(plan.given.is_empty());
}

#[test]
fn every_default_it_names_is_the_true_one() {
    let plan = check(&in_force(false));
    assert_eq!(plan.without_origins(), Plan::default().without_origins());
    assert!(plan.given.len() > 100);
    // Its examples are valid too, and log_file_size is the true default.
    let plan = check(&in_force(true));
    let file = plan.log.file.unwrap();
    assert_eq!(
        file.max_size_bytes,
        hansho::config::plan::LOG_FILE_SIZE_BYTES
    );
    assert_eq!(plan.agent.host_name.as_deref(), Some("db1"));
}

/// The keys that the parser knows, in its own words: those it offers instead of an unknown one.
fn known_keys(text: &str) -> BTreeSet<String> {
    let errors = parse(text, "f").unwrap_err();
    let unknown = errors
        .list()
        .iter()
        .find(|error| error.found == "an unknown key")
        .unwrap();
    let names = unknown.allowed.split(';').next().unwrap();
    names.split(", ").map(ToOwned::to_owned).collect()
}

#[test]
fn it_names_every_key_that_the_parser_knows_and_no_other() {
    let text = in_force(true);
    for table in ["agent", "sample", "spool", "forward"] {
        let known = known_keys(&format!("config_version = 1\n[{table}]\nqqq = 1\n"));
        let named: BTreeSet<String> = text
            .lines()
            .skip_while(|line| *line != format!("[{table}]"))
            .skip(1)
            .take_while(|line| !line.starts_with('['))
            .filter_map(key)
            .filter(|key| !key.starts_with('#'))
            .map(ToOwned::to_owned)
            .collect();
        assert_eq!(named, known, "[{table}]");
    }
    for table in ["filesystem", "cache"] {
        for name in known_keys(&format!("config_version = 1\n[[{table}]]\nqqq = 1\n")) {
            assert!(
                REFERENCE.contains(&format!("\n#   {name} ")),
                "{table}.{name} is not explained"
            );
        }
    }
    let rule = "config_version = 1\n[[rule]]\ncode = 1002\nqqq = 1\n";
    for name in known_keys(rule) {
        assert!(
            REFERENCE.contains(&format!("\n#   {name} ")),
            "{name} is not explained"
        );
        assert!(
            text.contains(&format!("\n{name} = ")),
            "{name} is not shown"
        );
    }
    for inner in ["gate = { qqq = 1 }", "window = { qqq = 1 }"] {
        for name in known_keys(&format!(
            "config_version = 1\n[[rule]]\ncode = 1002\n{inner}\n"
        )) {
            assert!(REFERENCE.contains(&name), "{name} is not explained");
        }
    }
    for aggregate in ["last", "mean", "minimum", "maximum"] {
        assert!(REFERENCE.contains(&format!("\"{aggregate}\"")));
    }
}

#[test]
fn it_writes_out_every_built_in_rule() {
    let plan = check(&in_force(false));
    for effective in &plan.rules {
        assert!(
            effective.origin.starts_with("agent.toml:"),
            "{} {} is not in the reference",
            effective.rule.code,
            effective.rule.subject
        );
    }
}

#[test]
fn what_is_shown_reads_back_and_names_origins() {
    let mine = r#"
config_version = 1
[agent]
host_name = "db1"
log_file = "/var/log/with \"quotes\" and \\.log"
log_file_size = "2MiB"
[sample]
interval = "250ms"
source = "sysinfo"
[spool]
disk = false
memory_directory = "/dev/shm/own"
[forward]
urls = ["HTTPS://Collector.example:8443", "http://[::1]:80/x.y;z"]
pin_sha256 = ["000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1F"]
ca_file = "/etc/ca.pem"
proxy = "http://Proxy.example:3128"
proxy_user = "web01"
proxy_password_file = "/etc/hansho/proxy.password"
post_interval = "10m"
linger = "0s"
[[filesystem]]
path = "/srv/with \"quotes\""
[[cache]]
path = "/var/cache/app"
limit_size = "20GiB"
[[cache]]
path = "/var/cache/mail"
limit_size = "1536MiB"
limit_entries = 500_000
[[rule]]
code = 4005
raise = ["5%", 1000]
clear = ["8%", 2000]
[[rule]]
code = 3004
subject = "/var/cache/mail"
raise = "99.5%"
[[rule]]
code = 3004
raise = "98%"
clear = "80%"
[[rule]]
code = 1002
raise = ["90%", "8GiB"]
clear = ["85%", "8 GiB"]
window = "90s"
gate = { quantity = "pressure_memory_some", above = "12.5%" }
[[rule]]
code = "HNS2003-W"
raise = 2.5
clear = 0
gate = "none"
window = { aggregate = "minimum", length = "5m" }
[[rule]]
code = 8005
subject = "/proc/stat"
enabled = false
"#;
    let full = in_force(true);
    for text in ["config_version = 1", mine, &full] {
        let plan = check(text);
        let shown = show(&plan);
        let again =
            parse(&shown, "shown.toml").unwrap_or_else(|errors| panic!("{errors}\n{shown}"));
        assert_eq!(again.without_origins(), plan.without_origins(), "{shown}");
        assert_eq!(again.config_hash(), plan.config_hash());
    }
    let shown = show(&check(mine));
    for line in [
        "interval = \"250ms\" # agent.toml:8",
        "root = \"/\" # built-in",
        "raise = [\"90%\", \"8GiB\"] # agent.toml:45",
        "raise_after = \"1m\" # built-in",
        "enabled = false # agent.toml:58",
        "linger = \"0s\" # agent.toml:21",
        "limit_entries = 500000 # agent.toml:30",
        "raise = \"99.5%\" # agent.toml:38",
        "raise = \"98%\" # agent.toml:41",
        "clear = \"80%\" # agent.toml:42",
        "raise = [\"5%\", 1000] # agent.toml:33",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
}

#[test]
fn the_hash_is_over_the_rules_and_nothing_else() {
    let hash = |text: &str| check(text).config_hash();
    let plain = hash("config_version = 1");
    assert_eq!(
        hash("config_version = 1\n[sample]\ninterval = \"2s\""),
        plain
    );
    assert_eq!(
        hash("config_version = 1\n\n[[rule]]\ncode = 1002\nraise = \"95%\""),
        plain
    );
    assert_ne!(
        hash("config_version = 1\n[[rule]]\ncode = 1002\nraise = \"94%\""),
        plain
    );
    assert_ne!(
        hash("config_version = 1\n[[rule]]\ncode = 1002\nenabled = false"),
        plain
    );
}
