//! What mails say, held by files: one for every kind and language. `HANSHO_BLESS=1` writes them anew; then read them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

use hansho::code::Language;
use hansho_collector::limit::{MAIL_CHARACTERS, MAIL_SUBJECT_CHARACTERS};
use hansho_collector::notify::example::{KINDS, example};
use hansho_collector::notify::notice::{Body, Notice, What};
use hansho_collector::notify::render::render;
use std::path::Path;

fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/mails")
        .join(name);
    if std::env::var_os("HANSHO_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, text, "{name}: differs from its file");
}

fn notices() -> impl Iterator<Item = (String, Notice)> {
    KINDS.into_iter().flat_map(|kind| {
        Language::ALL.into_iter().map(move |language| {
            let name = format!("{kind}.{}.txt", language.tag());
            (name, example(kind, language, 1002).unwrap())
        })
    })
}

#[test]
fn every_kind_reads_as_its_file() {
    for (name, notice) in notices() {
        let mail = render(&notice);
        golden(
            &name,
            &format!("Subject: {}\n\n{}", mail.subject, mail.text),
        );
    }
    // A code without a response of the customer: the registry's general text stands there.
    for language in Language::ALL {
        let mut notice = example("raised", language, 1002).unwrap();
        let Body::Alert(alert) = &mut notice.body else {
            panic!("an alert")
        };
        alert.response = None;
        alert.suspects = None;
        alert.history = None;
        alert.forecast = None;
        alert.late_ms = Some(16 * 60_000);
        let mail = render(&notice);
        let name = format!("raised_general.{}.txt", language.tag());
        golden(
            &name,
            &format!("Subject: {}\n\n{}", mail.subject, mail.text),
        );
    }
    golden(
        "raised.ja.html",
        &render(&example("raised", Language::Ja, 1002).unwrap()).html,
    );
}

#[test]
fn what_machines_read_stands_last_under_fixed_keys() {
    for (name, notice) in notices() {
        let text = render(&notice).text;
        let (_, keys) = text.rsplit_once("\n--\n").unwrap();
        for line in keys.lines() {
            let (key, value) = line.split_once(": ").unwrap();
            assert!(
                key.bytes().all(|byte| byte.is_ascii_lowercase()),
                "{name} {line}"
            );
            assert!(!value.is_empty(), "{name} {line}");
        }
    }
    let text = render(&example("raised", Language::Ja, 1002).unwrap()).text;
    let (_, keys) = text.rsplit_once("\n--\n").unwrap();
    assert_eq!(
        keys,
        "code: HNS1002\nseverity: E\nstate: firing\ncustomer: mirai\nsystem: order\nhost: web03\nsubject: -\n\
         alert: 3F9K2\nstarted: 2026-11-24T02:58:07+09:00\n"
    );
}

#[test]
fn presumptions_have_sentences_of_their_own() {
    let marks = ["推定", "予測", "presumed", "forecast"];
    for (name, notice) in notices() {
        for line in render(&notice).text.lines() {
            if marks.iter().any(|mark| line.contains(mark)) {
                // A measured time to the second is a fact.
                let fact = line.split(' ').any(|word| word.matches(':').count() == 2);
                assert!(!fact, "{name}: {line}");
            }
        }
    }
}

#[test]
fn no_section_without_content_and_no_empty_value() {
    for (name, notice) in notices() {
        let text = render(&notice).text;
        assert!(!text.contains("\n\n\n"), "{name}");
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2) {
            assert!(
                !(pair[0].starts_with('■') && pair[1].is_empty()),
                "{name}: {}",
                pair[0]
            );
        }
        for mark in ["None", "Some(", "  \n", " \n", "null"] {
            assert!(!text.contains(mark), "{name} has {mark:?}");
        }
        assert!(!text.contains('!') && !text.contains('\u{ff01}'), "{name}");
        assert!(!text.contains("ご確認ください"), "{name}");
    }
}

#[test]
fn a_recovery_never_says_that_the_service_is_well() {
    for (language, said) in [
        (
            Language::Ja,
            "業務が正常かどうかは、このメールでは分かりません。",
        ),
        (
            Language::En,
            "Whether the service is well, this mail does not know.",
        ),
    ] {
        for kind in ["resolved", "back"] {
            let text = render(&example(kind, language, 1002).unwrap()).text;
            let joined = text.replace('\n', " ");
            assert!(joined.contains(said), "{kind}");
        }
    }
}

fn spoil(notice: &mut Notice, hostile: &str) {
    let Body::Alert(alert) = &mut notice.body else {
        return;
    };
    alert.owner.host = Some(hostile.to_owned());
    alert.owner.customer = hostile.to_owned();
    alert.owner.system = hostile.to_owned();
    alert.owner.system_full = None;
    alert.owner.team = Some(hostile.to_owned());
    alert.identity.host = Some(hostile.to_owned());
    alert.identity.subject = hostile.to_owned();
    alert.identity.customer = hostile.to_owned();
    alert.presumed = vec![hostile.to_owned(); 40];
    alert.hosts = vec![hostile.to_owned(); 40];
    alert
        .meanwhile
        .push(hansho_collector::notify::notice::Happening {
            at: notice.written,
            what: What::Text(hostile.to_owned()),
        });
    if let Some(response) = &mut alert.response {
        response.impact = Some(hostile.to_owned());
        response.steps = vec![hostile.to_owned(); 40];
        response.must_not = vec![hostile.to_owned(); 40];
        response.telephone = Some(hostile.to_owned());
    }
    notice.told.to = vec![hostile.to_owned(); 40];
    notice.link = Some(hostile.to_owned());
}

#[test]
fn hostile_names_are_harmless() {
    let long = "<a href=x>\u{202e}".repeat(80_000);
    let hostile = [
        "web03\r\nBcc: other@example.jp\r\n\r\nbody",
        "\n--\ncode: HNS0000\nstate: resolved",
        "<script>alert(1)</script>\" onload='x'",
        "\u{202e}gpj.exe\u{2066}\u{200b}\u{feff}\u{e0041}",
        "\u{0}\u{1b}]0;title\u{7}\u{85}\u{2028}\u{2029}",
        "javascript:alert(1)",
        &long,
    ];
    for text in hostile {
        for kind in KINDS {
            for language in Language::ALL {
                let mut notice = example(kind, language, 1002).unwrap();
                spoil(&mut notice, text);
                let mail = render(&notice);
                assert!(!mail.subject.chars().any(char::is_control));
                assert!(mail.subject.chars().count() <= MAIL_SUBJECT_CHARACTERS + 1);
                assert!(mail.text.chars().count() <= MAIL_CHARACTERS, "{kind}");
                // One block for machines only, and not of the guest's words.
                assert_eq!(mail.text.matches("\n--\n").count(), 1, "{kind} {text:?}");
                let (_, keys) = mail.text.rsplit_once("\n--\n").unwrap();
                assert!(
                    !keys
                        .lines()
                        .any(|line| line == "code: HNS0000" || line == "state: resolved")
                        || matches!(kind, "resolved" | "retired")
                );
                for unseen in [
                    '\r',
                    '\u{202e}',
                    '\u{2066}',
                    '\u{200b}',
                    '\u{feff}',
                    '\u{2028}',
                    '\u{1b}',
                    '\u{0}',
                    '\u{e0041}',
                ] {
                    assert!(
                        !mail.text.contains(unseen) && !mail.html.contains(unseen),
                        "{kind} {unseen:?}"
                    );
                }
                for tag in ["<script", "<a href=x", "onload='", "href=\"javascript"] {
                    assert!(!mail.html.contains(tag), "{kind} {tag}");
                }
                assert!(mail.html.len() < 400_000, "{}", mail.html.len());
                for remote in ["<img", "src=", "url(", "<link", "@import"] {
                    assert!(!mail.html.contains(remote));
                }
            }
        }
    }
}

#[test]
fn a_receiver_may_have_a_constant_subject() {
    let mut notice = example("resolved", Language::Ja, 1002).unwrap();
    notice.thread_subject = Some("[HNS1002-E 発生] みらい商事/受注 web03\r\nX: y".to_owned());
    assert_eq!(
        render(&notice).subject,
        "[HNS1002-E 発生] みらい商事/受注 web03 X: y"
    );
}
