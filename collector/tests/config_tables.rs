//! Who owns what and who is told, in collector.toml: what is refused, with its place, and what is read.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::too_many_lines,
    clippy::let_underscore_must_use,
    reason = "a test: what goes wrong fails it, as it should"
)]

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

fn good(more: &str) -> Config {
    read(&format!("{BASE}{more}"), &none()).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// Mistakes as (line within `more`, key, found).
fn bad(more: &str, beside: &Beside<'_>) -> Vec<(usize, String, String)> {
    let mistakes = read(&format!("{BASE}{more}"), beside).unwrap_err();
    let mistakes = mistakes.into_iter();
    mistakes
        .map(|mistake| {
            assert!(!mistake.allowed.is_empty() && !mistake.found.is_empty());
            (
                mistake.line.saturating_sub(BASE_LINES),
                mistake.key,
                mistake.found,
            )
        })
        .collect()
}

const RECEIVERS: &str = "[[receiver]]\nid = \"a\"\nmail = \"a@example.jp\"\n[[receiver]]\nid = \"b\"\nmail = \"b@example.jp\"\n";

#[test]
fn each_mistake_has_its_line_and_key() {
    // (text, line, key, a part of what was found)
    let cases = [
        (
            "[[customer]]\nname = \"x\"\n",
            1,
            "[[customer]] id",
            "nothing",
        ),
        ("[[customer]]\nid = \"a/b\"\n", 2, "[[customer]] id", "a/b"),
        (
            "[[customer]]\nid = \"a\"\nsurprise = 1\n",
            3,
            "[[customer]] surprise",
            "unknown key",
        ),
        (
            "[[customer]]\nid = \"a\"\n[[customer]]\nid = \"a\"\n",
            4,
            "[[customer]] id",
            "\"a\" again",
        ),
        (
            "[[customer]]\nid = \"a\"\nname = { ja = \"x\", fr = \"y\" }\n",
            3,
            "[[customer]] name",
            "fr",
        ),
        (
            "[[customer]]\nid = \"a\"\nname = {}\n",
            3,
            "[[customer]] name",
            "{}",
        ),
        (
            "[[customer]]\nid = \"a\"\nlanguage = \"fr\"\n",
            3,
            "[[customer]] language",
            "fr",
        ),
        (
            "[[customer]]\nid = \"a\"\ntime_zone_offset = \"JST\"\n",
            3,
            "[[customer]] time_zone_offset",
            "JST",
        ),
        (
            "[[customer]]\nid = \"a\"\nbusiness_days = [\"mon\", \"xyz\"]\n",
            3,
            "[[customer]] business_days",
            "xyz",
        ),
        (
            "[[customer]]\nid = \"a\"\nbusiness_days = []\n",
            3,
            "[[customer]] business_days",
            "[]",
        ),
        (
            "[[customer]]\nid = \"a\"\nbusiness_hours = [\"17:00\", \"09:00\"]\n",
            3,
            "[[customer]] business_hours",
            "something else",
        ),
        (
            "[[customer]]\nid = \"a\"\nbusiness_hours = [\"9\"]\n",
            3,
            "[[customer]] business_hours",
            "9",
        ),
        (
            "[[customer]]\nid = \"a\"\ndigest_at = \"25:00\"\n",
            3,
            "[[customer]] digest_at",
            "25:00",
        ),
        (
            "[[customer]]\nid = \"a\"\nholidays = true\n",
            3,
            "[[customer]] holidays",
            "without",
        ),
        ("customer = 5\n", 0, "", ""),
        ("[customer]\nid = \"a\"\n", 1, "customer", ""),
        ("[[site]]\nid = \"s\"\n", 1, "[[site]] customer", "nothing"),
        (
            "[[site]]\ncustomer = \"x\"\nid = \"s\"\n",
            2,
            "[[site]] customer",
            "\"x\"",
        ),
        (
            "[[customer]]\nid = \"c\"\n[[system]]\ncustomer = \"c\"\nid = \"s\"\nsite = \"t\"\n",
            6,
            "[[system]] site",
            "\"t\"",
        ),
        (
            "[[customer]]\nid = \"c\"\n[[system]]\ncustomer = \"c\"\nid = \"s\"\nteam = \"t\"\n",
            6,
            "[[system]] team",
            "\"t\"",
        ),
        (
            "[[customer]]\nid = \"c\"\n[[system]]\ncustomer = \"c\"\nid = \"s\"\n[[system]]\ncustomer = \"c\"\nid = \"s\"\n",
            8,
            "[[system]] id",
            "\"c/s\" again",
        ),
        ("[[host]]\nsite = \"s\"\n", 1, "[[host]] agent", "nothing"),
        ("[[host]]\nagent = \"c/s/\"\n", 2, "[[host]] agent", "c/s/"),
        ("[[host]]\nagent = \"c/s\"\n", 2, "[[host]] agent", "c/s"),
        (
            "[[host]]\nagent = \"c/s/h\"\n",
            2,
            "[[host]] agent",
            "\"c/s\"",
        ),
        (
            "[[receiver]]\nid = \"a\"\n",
            1,
            "[[receiver]] mail, webhook, alertmanager",
            "none",
        ),
        (
            "[[receiver]]\nid = \"a\"\nmail = \"a@b\"\nalertmanager = { url = \"http://a\" }\n",
            1,
            "[[receiver]] mail, webhook, alertmanager",
            "mail and alertmanager",
        ),
        (
            "[[receiver]]\nid = \"a\"\nmail = [\"a@b\", \"c\"]\n",
            3,
            "[[receiver]] mail",
            "c",
        ),
        (
            "[[receiver]]\nid = \"a\"\nmail = \"a@b\\r\\nBcc: c@d\"\n",
            3,
            "[[receiver]] mail",
            "Bcc",
        ),
        (
            "[[receiver]]\nid = \"a\"\nwebhook = { url = \"ftp://a\", secret_file = \"s\" }\n",
            3,
            "[receiver.webhook] url",
            "ftp",
        ),
        (
            "[[receiver]]\nid = \"a\"\nwebhook = { url = \"https://a\" }\n",
            3,
            "[receiver.webhook] secret_file",
            "nothing",
        ),
        (
            "[[receiver]]\nid = \"a\"\nwebhook = { url = \"https://a\", secret_file = \"gone\" }\n",
            3,
            "[receiver.webhook] secret_file",
            "/etc/h/gone",
        ),
        (
            "[[receiver]]\nid = \"a\"\nalertmanager = { url = \"https://u:secret@a\" }\n",
            3,
            "[receiver.alertmanager] url",
            "a user name or a password",
        ),
        (
            "[[receiver]]\nid = \"a\"\nmail = \"a@b\"\nmax_mails_per_hour = 0\n",
            4,
            "[[receiver]] max_mails_per_hour",
            "0",
        ),
        (
            "[[receiver]]\nid = \"a\"\nmail = \"a@b\"\ntelephone = \"call me\"\n",
            4,
            "[[receiver]] telephone",
            "call me",
        ),
        (
            "[[team]]\nid = \"t\"\n",
            1,
            "[[team]] receivers, roster",
            "nothing",
        ),
        (
            "[[team]]\nid = \"t\"\nreceivers = [\"x\"]\n",
            3,
            "[[team]] receivers",
            "\"x\"",
        ),
        (
            "[[team]]\nid = \"t\"\nroster = \"gone.csv\"\n",
            3,
            "[[team]] roster",
            "gone.csv",
        ),
        (
            "[[team]]\nid = \"t\"\nreceivers = []\n",
            3,
            "[[team]] receivers",
            "[]",
        ),
        (
            "[[route]]\ncode = 1002\n",
            1,
            "[[route]] team, receivers, deliver",
            "none",
        ),
        (
            "[[route]]\ncode = 1234\ndeliver = \"now\"\n",
            2,
            "[[route]] code",
            "1234",
        ),
        (
            "[[route]]\ncode = \"HNS12\"\ndeliver = \"now\"\n",
            2,
            "[[route]] code",
            "HNS12",
        ),
        (
            "[[route]]\ncode = -1002\ndeliver = \"now\"\n",
            2,
            "[[route]] code",
            "-1002",
        ),
        (
            "[[route]]\nseverity = \"X\"\ndeliver = \"now\"\n",
            2,
            "[[route]] severity",
            "X",
        ),
        (
            "[[route]]\ndeliver = \"soon\"\n",
            2,
            "[[route]] deliver",
            "soon",
        ),
        (
            "[[route]]\nsystem = \"s\"\ndeliver = \"now\"\n",
            2,
            "[[route]] system",
            "alone",
        ),
        ("[[route]]\nteam = \"t\"\n", 2, "[[route]] team", "\"t\""),
        (
            "[[response]]\nimpact = \"x\"\n",
            1,
            "[[response]] code",
            "nothing",
        ),
        (
            "[[response]]\ncode = 1002\n",
            1,
            "[[response]] impact, first_action, document",
            "none",
        ),
        (
            "[[response]]\ncode = 1002\nimpact = \"a\\u202Eb\"\n",
            3,
            "[[response]] impact",
            "202E",
        ),
        (
            "[[response]]\ncode = 1002\nfirst_action = [\"\"]\n",
            3,
            "[[response]] first_action",
            "\"\"",
        ),
        (
            "[[response]]\ncode = 1002\nhost = \"h\"\nimpact = \"x\"\n",
            3,
            "[[response]] host",
            "alone",
        ),
        (
            "[[response]]\ncode = 1002\nimpact = \"x\"\n[[response]]\ncode = \"HNS1002\"\nimpact = \"y\"\n",
            4,
            "[[response]]",
            "a second response",
        ),
        ("[holidays]\n", 1, "[holidays] file", "nothing"),
        ("[mail]\nfrom = \"a@b\"\n", 1, "[mail] host", "nothing"),
        ("[mail]\nhost = \"m\"\n", 1, "[mail] from", "nothing"),
        (
            "[mail]\nhost = \"m\"\nfrom = \"x <a@b\"\n",
            3,
            "[mail] from",
            "x <a@b",
        ),
        (
            "[mail]\nhost = \"m\"\nfrom = \"a@b\"\ntls = \"maybe\"\n",
            4,
            "[mail] tls",
            "maybe",
        ),
        (
            "[mail]\nhost = \"m\"\nfrom = \"a@b\"\nuser = \"u\"\n",
            4,
            "[mail] user",
            "only one",
        ),
        (
            "[mail]\nhost = \"m\"\nfrom = \"a@b\"\nport = 65536\n",
            4,
            "[mail] port",
            "65536",
        ),
        (
            "[presence]\nnotify_after = \"1s\"\n",
            2,
            "[presence] notify_after",
            "1s",
        ),
        (
            "[presence]\nnotify_after = 180\n",
            2,
            "[presence] notify_after",
            "180",
        ),
        (
            "[presence]\nsite_percent = 101\n",
            2,
            "[presence] site_percent",
            "101",
        ),
        (
            "[notify]\nevidence_wait = \"31s\"\n",
            2,
            "[notify] evidence_wait",
            "31s",
        ),
        (
            "[notify]\ndefault_team = \"t\"\n",
            2,
            "[notify] default_team",
            "\"t\"",
        ),
        (
            "[notify]\nfallback = [\"r\"]\n",
            2,
            "[notify] fallback",
            "\"r\"",
        ),
        (
            "[notify]\nrepeat_after = \"always\"\n",
            2,
            "[notify] repeat_after",
            "always",
        ),
        ("[watch]\ninterval = \"1m\"\n", 1, "[watch] url", "nothing"),
        (
            "[watch]\ndaily_mail_at = \"08:30\"\n",
            2,
            "[watch] daily_mail_at",
            "only one of daily_mail_at and daily_mail_to",
        ),
        (
            "[watch]\nurl = \"http://w\"\ndaily_mail_at = \"24:00\"\ndaily_mail_to = \"h\"\n[[receiver]]\nid = \"h\"\nmail = \"h@b\"\n",
            3,
            "[watch] daily_mail_at",
            "\"24:00\"",
        ),
        (
            "[pages]\nbase_url = \"https://a/?b\"\n",
            2,
            "[pages] base_url",
            "?b",
        ),
        (
            "[pages]\ntrusted_proxy = { address = \"proxy\", header = \"X-User\" }\n",
            2,
            "[pages.trusted_proxy] address",
            "proxy",
        ),
        (
            "[pages]\ntrusted_proxy = { address = \"::1\", header = \"X User\" }\n",
            2,
            "[pages.trusted_proxy] header",
            "X User",
        ),
        ("\"a\\nb\" = 1\n", 0, "", ""),
    ];
    for (text, line, key, found) in cases {
        if line == 0 {
            // Under [store], where they are unknown keys; the place is on one line whatever stands there.
            let mistakes = bad(text, &none());
            assert!(mistakes[0].1.starts_with("[store] ") && !mistakes[0].1.contains('\n'));
            continue;
        }
        let mistakes = bad(text, &with(&[("s", "k3y", 0o600)]));
        assert_eq!(mistakes.len(), 1, "{text}: {mistakes:?}");
        assert_eq!(
            (mistakes[0].0, mistakes[0].1.as_str()),
            (line, key),
            "{text}"
        );
        assert!(mistakes[0].2.contains(found), "{text}: {:?}", mistakes[0].2);
    }
}

#[test]
fn all_mistakes_are_told_at_once_and_none_twice() {
    let text = "[[team]]\nid = \"t\"\nreceivers = [\"a\", \"a\", \"x\"]\n[[receiver]]\nid = \"a\"\nmail = \"nobody\"\n\
                [[route]]\nteam = \"t\"\nreceivers = [\"a\"]\n[[response]]\ncode = 1\n";
    // The receiver is wrong in itself; that the team names it is not.
    let mistakes = bad(text, &none());
    let places: Vec<(usize, &str)> = mistakes
        .iter()
        .map(|(line, key, _)| (*line, key.as_str()))
        .collect();
    assert_eq!(
        places,
        [
            (6, "[[receiver]] mail"),
            (3, "[[team]] receivers"),
            (3, "[[team]] receivers"),
            (9, "[[route]] receivers"),
            (11, "[[response]] code"),
            (10, "[[response]] impact, first_action, document"),
        ]
    );
}

#[test]
fn secrets_are_for_their_owner_only() {
    let text = "[[receiver]]\nid = \"a\"\nwebhook = { url = \"https://a\", secret_file = \"s\" }\n";
    let of = |content: &str, mode: u32| {
        read(&format!("{BASE}{text}"), &with(&[("s", content, mode)]))
            .map(|config| config.tables.receivers["a"].channel.clone())
    };
    let Channel::Webhook { url, secret } = of("k3y\n", 0o600).unwrap() else {
        panic!("a webhook");
    };
    assert_eq!((url.as_str(), secret.reveal()), ("https://a", "k3y"));
    for (content, mode, found) in [
        ("k3y\n", 0o644, "mode 0644"),
        ("k3y\n", 0o620, "mode 0620"),
        ("", 0o600, "something else"),
        ("a\nb\n", 0o600, "something else"),
    ] {
        let mistakes = of(content, mode).unwrap_err();
        assert!(mistakes[0].found.contains(found), "{:?}", mistakes[0]);
        // What the file holds is never repeated.
        assert!(!mistakes[0].found.contains("k3y"));
    }
    let large = "x".repeat(5000);
    assert!(of(&large, 0o600).unwrap_err()[0].found.contains("larger"));
}

#[test]
fn mail_has_its_defaults() {
    let mail = |more: &str| {
        let text =
            format!("[mail]\nhost = \"m.example.jp\"\nfrom = \"半鐘 <h@example.jp>\"\n{more}");
        read(&format!("{BASE}{text}"), &with(&[("p", "pw", 0o600)]))
            .map(|config| config.mail.unwrap())
    };
    let plain = mail("").unwrap();
    assert_eq!((plain.port, plain.tls), (587, MailTls::Starttls));
    assert_eq!(plain.envelope_from, "h@example.jp");
    assert_eq!(plain.from.name.as_deref(), Some("半鐘"));
    assert_eq!(mail("tls = \"tls\"\n").unwrap().port, 465);
    assert_eq!(mail("tls = \"none\"\n").unwrap().port, 25);
    let login = mail("user = \"u\"\npassword_file = \"p\"\n")
        .unwrap()
        .login
        .unwrap();
    assert_eq!((login.0.as_str(), login.1.reveal()), ("u", "pw"));
    let open = mail("user = \"u\"\npassword_file = \"p\"\ntls = \"none\"\n").unwrap_err();
    assert_eq!(open[0].key, "[mail] tls");
    assert_eq!(good("").mail, None);
}

#[test]
fn repetition_may_be_never() {
    let repeat = |text: &str| {
        good(&format!("[notify]\nrepeat_after = \"{text}\"\n"))
            .notify
            .repeat_after_ms
    };
    assert_eq!(repeat("never"), None);
    assert_eq!(repeat("5m"), Some(300_000));
    assert_eq!(good("").notify.repeat_after_ms, Some(4 * 3_600_000));
}

#[test]
fn texts_codes_and_lists_are_read_as_written() {
    let config = good(
        "[[customer]]\nid = \"c\"\nname = { ja = \"客\" }\n[[response]]\ncode = \"hns1002-e\"\nimpact = \"\"\"\n一行目\n二行目\n\"\"\"\n\
         first_action = { ja = \"見る\", en = \"look\" }\n[[route]]\ncode = [1002, \"HNS7123\"]\nreceivers = \"a\"\n\
         [[receiver]]\nid = \"a\"\nmail = [\"a@example.jp\", \"A@example.jp\", \"b@example.jp\"]\n",
    );
    assert_eq!(config.tables.customers["c"].name, Text::same("客"));
    let response: &Response = &config.tables.responses[0];
    assert_eq!((response.code, response.line), (1002, BASE_LINES + 4));
    assert_eq!(response.impact.as_ref().unwrap().ja, "一行目\n二行目");
    assert_eq!(response.first_action[0].en, "look");
    assert_eq!(config.tables.routes[0].code, [1002, 7123]);
    assert_eq!(
        config.tables.routes[0].to,
        RouteTo::Receivers(vec!["a".to_owned()])
    );
    let Channel::Mail(addresses) = &config.tables.receivers["a"].channel else {
        panic!("mail");
    };
    assert_eq!(addresses, &["a@example.jp", "b@example.jp"]);
}

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

#[test]
fn a_roster_is_read_as_spreadsheets_write_it() {
    let config = roster(
        b"\xef\xbb\xbffrom,to,first,second,third\r\n\"2026/11/24 9:00\",2026/11/24 17:30,a,,\r\n,,,,\r\n2026-11-25,2026-11-26,b,a,\r\n2026-11-24T17:30,2026-11-24 24:00,b",
    )
    .unwrap();
    let roster = config.tables.teams["t"].roster.as_ref().unwrap();
    let lines: Vec<usize> = roster.shifts.iter().map(|shift| shift.line).collect();
    assert_eq!(lines, [2, 5, 4]);
    // A date alone includes its day: two days.
    let last = &roster.shifts[2];
    assert_eq!(last.to - last.from, 2 * 24 * 60);
    assert_eq!(last.on_duty, ["b", "a"]);
    assert!(roster.gaps().is_empty());
}

#[test]
fn mistakes_in_a_roster_have_their_line() {
    let rows = |rows: &str| format!("from,to,first,second,third\n{rows}").into_bytes();
    let places = |csv: Vec<u8>| {
        let mistakes = roster(&csv).unwrap_err();
        let mistakes = mistakes.into_iter();
        mistakes
            .map(|(line, key)| format!("{line} {key}"))
            .collect::<Vec<_>>()
    };
    for (csv, expected) in [
        (Vec::new(), vec!["1 header"]),
        (b"from,to,first\n".to_vec(), vec!["1 header"]),
        (
            b"from,to,first,second,third\n\xff\xfe".to_vec(),
            vec!["0 encoding"],
        ),
        (rows("2026-02-29,2026-03-01,a,,\n"), vec!["2 from"]),
        (rows("2026-03-01,tomorrow,a,,\n"), vec!["2 to"]),
        (
            rows("2026-03-01 10:00,2026-03-01 10:00,a,,\n"),
            vec!["2 to"],
        ),
        (
            rows("2026-03-01,2026-03-02,,a,\n"),
            vec!["2 first", "2 second"],
        ),
        (rows("2026-03-01,2026-03-02,x,,\n"), vec!["2 first"]),
        (rows("2026-03-01,2026-03-02,a,a,\n"), vec!["2 second"]),
        (rows("2026-03-01,2026-03-02,a,,b\n"), vec!["2 third"]),
        (rows("2026-03-01,2026-03-02,a,b,,x\n"), vec!["2 row"]),
        // The day of `to` is included, so the second begins too early; the third lies within the first.
        (
            rows(
                "2026-03-01,2026-03-05,a,,\n2026-03-05,2026-03-06,b,,\n2026-03-02,2026-03-02 12:00,b,,\n",
            ),
            vec!["4 from", "3 from"],
        ),
    ] {
        assert_eq!(
            places(csv.clone()),
            expected,
            "{}",
            String::from_utf8_lossy(&csv)
        );
    }
    // Midnight: one ends where the next begins.
    assert!(
        roster(&rows(
            "2026-03-01,2026-03-04,a,,\n2026-03-05,2026-03-06,b,,\n"
        ))
        .is_ok()
    );
    let huge = rows(&"nonsense\n".repeat(20_000));
    assert!(roster(&huge).unwrap_err().len() <= 1000);
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

/// 国民の祝日・休日月日,国民の祝日・休日名称 in Shift_JIS, as `iconv -t SHIFT_JIS` writes it.
const HEADER_SJIS: &[u8] = b"\x8d\x91\x96\xaf\x82\xcc\x8fj\x93\xfa\x81E\x8bx\x93\xfa\x8c\x8e\x93\xfa,\x8d\x91\x96\xaf\x82\xcc\x8fj\x93\xfa\x81E\x8bx\x93\xfa\x96\xbc\x8f\xcc\r\n";

#[test]
fn the_file_of_the_cabinet_office_is_read_as_it_comes() {
    let mut bytes = HEADER_SJIS.to_vec();
    // 元日, and 勤労感謝の日.
    bytes.extend_from_slice(b"2026/1/1,\x8c\xb3\x93\xfa\r\n2026/11/23,\x8b\xce\x98J\x8a\xb4\x8e\xd3\x82\xcc\x93\xfa\r\n");
    let read = holidays(&bytes).unwrap().tables.holidays.unwrap();
    assert_eq!(read.days[&Date::new(2026, 1, 1).unwrap()], "元日");
    assert_eq!(read.days[&Date::new(2026, 11, 23).unwrap()], "勤労感謝の日");
    assert_eq!(read.last(), Date::new(2026, 11, 23));
    let utf8 = "\u{feff}国民の祝日・休日月日,国民の祝日・休日名称\n2026/1/1,元日\n";
    assert!(holidays(utf8.as_bytes()).is_ok());
    for (rows, expected) in [
        (
            &b"2026/1/32,x\r\n2026/1/1,y\r\n2026/1/1,z\r\n2026/2/1\r\n"[..],
            vec![(2, "date"), (4, "date"), (5, "row")],
        ),
        (b"2026/1/1,\r\n", vec![(2, "name")]),
        (b"", vec![(1, "rows")]),
        (b"2026/1/1,\x81\x00\r\n", vec![(0, "encoding")]),
    ] {
        let mut bytes = HEADER_SJIS.to_vec();
        bytes.extend_from_slice(rows);
        let expected: Vec<(usize, String)> = expected
            .into_iter()
            .map(|(line, key)| (line, key.to_owned()))
            .collect();
        assert_eq!(holidays(&bytes).unwrap_err(), expected);
    }
    assert_eq!(
        holidays(b"date,name\n2026/1/1,x\n").unwrap_err(),
        [(1, "header".to_owned())]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn no_text_panics_the_parser(text in any::<String>(), csv in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&text, &none());
        let _ = read(&format!("{BASE}{text}"), &none());
        let _ = roster(&csv);
        let _ = holidays(&csv);
    }

    /// Every key of every table with every kind of value: refused or taken, never a panic, and no mistake without a place.
    #[test]
    fn no_value_panics_the_parser(
        table in 0_usize..14,
        keys in proptest::collection::vec((0_usize..40, 0_usize..16), 1..8),
    ) {
        let tables = ["[[customer]]", "[[site]]", "[[system]]", "[[host]]", "[[team]]", "[[receiver]]", "[[route]]", "[[response]]",
            "[holidays]", "[mail]", "[presence]", "[notify]", "[watch]", "[pages]"];
        let names = ["id", "name", "customer", "system", "host", "agent", "site", "team", "receivers", "copy", "roster", "mail",
            "webhook", "alertmanager", "language", "time_zone_offset", "business_days", "business_hours", "holidays", "digest_at",
            "environment", "telephone", "decides", "escalate_after", "code", "severity", "urgency", "subject", "deliver", "impact",
            "first_action", "must_not", "document", "file", "from", "port", "tls", "url", "interval", "trusted_proxy"];
        let values = ["1", "-9223372036854775808", "0x7fff", "1.5", "nan", "true", "\"\"", "\"x\"", "\"あ\"", "\"09:00\"", "[]", "[1, \"a\"]",
            "[[\"a\"]]", "{}", "{ ja = 1 }", "2026-11-24T00:00:00Z"];
        let mut text = format!("{BASE}{}\n", tables[table]);
        let mut used = std::collections::BTreeSet::new();
        for (key, value) in keys {
            if used.insert(key) {
                text.push_str(&format!("{} = {}\n", names[key], values[value]));
            }
        }
        if let Err(mistakes) = read(&text, &none()) {
            for mistake in mistakes {
                prop_assert!(mistake.line > 0 && !mistake.key.is_empty(), "{mistake:?}");
            }
        }
    }

    /// A roster of any rows that do not overlap has exactly one row for each of its minutes.
    #[test]
    fn a_roster_knows_its_minutes(lengths in proptest::collection::vec((1_u64..2000, 0_u64..2000), 1..20), offset in 0_u64..50_000) {
        let mut csv = "from,to,first,second,third\n".to_owned();
        let start = Date::new(2026, 1, 1).unwrap().days() * 1440;
        let at = |minute: u64| {
            format!("{} {:02}:{:02}", Date::from_days(minute / 1440), minute % 1440 / 60, minute % 60)
        };
        let mut minute = start;
        let mut rows = Vec::new();
        for (length, gap) in lengths {
            rows.push((minute, minute + length));
            csv.push_str(&format!("{},{},a,b,\n", at(minute), at(minute + length)));
            minute += length + gap;
        }
        let config = roster(csv.as_bytes()).unwrap();
        let roster = config.tables.teams["t"].roster.as_ref().unwrap();
        let asked = start - 100 + offset;
        let expected = rows.iter().position(|(from, to)| (*from..*to).contains(&asked)).map(|row| row + 2);
        prop_assert_eq!(roster.at(asked).map(|shift| shift.line), expected);
        let gaps: u64 = roster.gaps().iter().map(|gap| gap.to - gap.from).sum();
        let on: u64 = rows.iter().map(|(from, to)| to - from).sum();
        prop_assert_eq!(on + gaps, rows.last().unwrap().1 - start);
    }
}
