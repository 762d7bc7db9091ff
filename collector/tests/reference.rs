//! collector.toml is the reference: it is valid as it is, names every key that the parser knows, and its defaults are the true
//! ones.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

use hansho_collector::config::{Config, Content, Customer, Mistake, Notify, Presence, parse};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const REFERENCE: &str = include_str!("../collector.toml");
const MINIMAL: &str = "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:7443\"\n[store]\ndirectory = \"/var/lib/hansho-collector\"\n";

/// Keys whose line in the reference is an example, because their default is that there is no value.
const EXAMPLES: [&str; 8] = [
    "certificate",
    "key",
    "base_url",
    "trusted_proxy",
    "default_team",
    "fallback",
    "url",
    "interval",
];

fn read(text: &str) -> Result<Config, Vec<Mistake>> {
    let files = |path: &Path, _: usize| {
        let text = match path.extension().unwrap().to_str().unwrap() {
            "csv" if path.ends_with("syukujitsu.csv") => {
                "国民の祝日・休日月日,国民の祝日・休日名称\n2026/1/1,元日\n"
            }
            "csv" => "from,to,first,second,third\n2026-11-24,2026-11-30,sato,suzuki,\n",
            _ => "secret\n",
        };
        Ok(Content {
            bytes: text.as_bytes().to_vec(),
            mode: 0o600,
        })
    };
    parse(text, Path::new("/etc/hansho/collector.toml"), &files)
}

fn good(text: &str) -> Config {
    read(text).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

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

fn everything() -> String {
    REFERENCE
        .lines()
        .map(uncommented)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn it_is_valid_as_it_is_and_changes_nothing() {
    assert_eq!(good(REFERENCE), good(MINIMAL));
}

#[test]
fn its_defaults_are_the_true_ones() {
    // The tables that are always there, with every key that has a default.
    let always = [
        "[ingest]",
        "[pages]",
        "[store]",
        "[keys]",
        "[presence]",
        "[notify]",
    ];
    let mut here = true;
    let lines = REFERENCE.lines().map(|line| {
        let plain = uncommented(line);
        if plain.starts_with('[') {
            here = always.contains(&plain);
        }
        let example = key(plain).is_some_and(|key| EXAMPLES.contains(&key));
        if here && !example { plain } else { line }
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    assert!(text.contains("\nmax_connections = ") && text.contains("\nstorm_alerts = "));
    assert_eq!(good(&text), good(MINIMAL));
    // The rows: what they show as default is what a row without it has.
    let all = good(&everything());
    let usual = Customer::undeclared("mirai");
    let mirai = &all.tables.customers["mirai"];
    assert_eq!(mirai.language, usual.language);
    assert_eq!(mirai.business_days, usual.business_days);
    assert_eq!(mirai.business_hours, usual.business_hours);
    assert_eq!(mirai.digest_at, usual.digest_at);
    let (sato, suzuki) = (
        &all.tables.receivers["sato"],
        &all.tables.receivers["suzuki"],
    );
    assert_eq!(sato.max_mails_per_hour, suzuki.max_mails_per_hour);
    assert_eq!(
        (sato.html, sato.constant_subject),
        (suzuki.html, suzuki.constant_subject)
    );
    let bare = good(&format!(
        "{MINIMAL}[[receiver]]\nid = \"a\"\nmail = \"a@b\"\n[[team]]\nid = \"t\"\nreceivers = \"a\"\n[mail]\nhost = \"m\"\nfrom = \"a@b\"\n\
         [watch]\nurl = \"http://w\"\n"
    ));
    let escalate = |config: &Config, team: &str| config.tables.teams[team].escalate_after_ms;
    assert_eq!(escalate(&all, "order-ops"), escalate(&bare, "t"));
    let (mail, bare_mail) = (all.mail.as_ref().unwrap(), bare.mail.as_ref().unwrap());
    assert_eq!(
        (mail.port, mail.tls, mail.max_per_second),
        (bare_mail.port, bare_mail.tls, bare_mail.max_per_second)
    );
    assert_eq!(
        all.watch.unwrap().interval_ms,
        bare.watch.unwrap().interval_ms
    );
    assert_eq!(all.presence, Presence::default());
    let told = Notify {
        default_team: Some("order-ops".to_owned()),
        fallback: vec!["suzuki".to_owned()],
        ..Notify::default()
    };
    assert_eq!(all.notify, told);
}

/// The keys that the parser knows, in its own words: those that it offers instead of an unknown one.
fn known_keys(table: &str, inner: Option<&str>) -> BTreeSet<String> {
    let unknown = inner.map_or_else(
        || "qqq = 1".to_owned(),
        |inner| format!("{inner} = {{ qqq = 1 }}"),
    );
    let mistakes = read(&format!("config_version = 1\n{table}\n{unknown}\n")).unwrap_err();
    let mistake = mistakes
        .iter()
        .find(|mistake| mistake.found == "an unknown key" && mistake.key.ends_with("qqq"))
        .unwrap();
    mistake.allowed.split(", ").map(str::to_owned).collect()
}

#[test]
fn it_names_every_key_that_the_parser_knows_and_no_other() {
    let text = everything();
    let mut named: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut table = "";
    for line in text.lines() {
        if line.starts_with('[') {
            table = line;
            named.entry(table).or_default();
        } else if let Some(key) = key(line).filter(|key| !key.starts_with('#')) {
            named.entry(table).or_default().insert(key.to_owned());
        }
    }
    let root = known_keys("", None);
    let tables: BTreeSet<String> = named
        .keys()
        .filter(|table| !table.is_empty())
        .map(|table| table.trim_matches(['[', ']']).to_owned())
        .chain(["config_version".to_owned()])
        .collect();
    assert_eq!(tables, root);
    for (table, keys) in named.iter().filter(|(table, _)| !table.is_empty()) {
        assert_eq!(*keys, known_keys(table, None), "{table}");
    }
    for (table, inner) in [
        ("[[receiver]]", "webhook"),
        ("[[receiver]]", "alertmanager"),
        ("[pages]", "trusted_proxy"),
    ] {
        let line = text.lines().find(|line| key(line) == Some(inner)).unwrap();
        for name in known_keys(table, Some(inner)) {
            assert!(line.contains(&format!("{name} = ")), "{inner} {name}");
        }
    }
}
