//! Each mistake has its line and key.

use super::*;

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
