//! Mails through a real mail server into a Maildir, read by a parser that is not ours.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::let_underscore_must_use,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod mail_common;

use hansho::code::Language;
use hansho_collector::config::MailTls;
use hansho_collector::notify::example::example;
use hansho_collector::notify::letter::{Letter, Person};
use hansho_collector::notify::outcome::{Later, Outcome};
use hansho_collector::notify::render::render;
use hansho_collector::notify::smtp::{Mailer, Settings};
use mail_common::{Certificate, Postfix, certificate, parsed};
use std::path::PathBuf;

fn person(name: &str, address: &str) -> Person {
    Person {
        name: Some(name.to_owned()),
        address: address.to_owned(),
    }
}

fn letter(kind: &str, language: Language, id: &str, html: bool) -> Letter {
    let notice = example(kind, language, 1002).unwrap();
    let from = person("半鐘 監視", "hansho@example.jp");
    let mut letter = Letter::new(&notice, render(&notice), html, id.to_owned(), from);
    letter.to = vec![person("佐藤 \"当番\", 受注", "sato@example.jp")];
    letter
}

/// A part as it arrived, without the line break at its end.
fn text(part: &serde_json::Value) -> String {
    let text = part.as_str().unwrap().replace("\r\n", "\n");
    text.trim_end().to_owned()
}

/// The mailer, and the file of authorities that it trusts.
fn mailer(port: u16, trusted: &Certificate) -> (Mailer, PathBuf) {
    let file = std::env::temp_dir().join(format!("hansho-mail-ca-{}-{port}", std::process::id()));
    std::fs::write(&file, &trusted.certificate).unwrap();
    let mut settings = Settings::new(
        "localhost".to_owned(),
        port,
        MailTls::Starttls,
        "bounce@collector.example.jp".to_owned(),
    );
    settings.ca_file = Some(file.clone());
    settings.max_per_second = 100;
    (Mailer::new(settings).unwrap(), file)
}

fn outcomes(mailer: &Mailer, letter: &Letter) -> Vec<Outcome> {
    mailer
        .send(letter)
        .into_iter()
        .map(|delivery| delivery.outcome)
        .collect()
}

#[test]
fn a_thread_arrives_as_it_was_written() {
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        return;
    };
    let (mailer, file) = mailer(postfix.port, &own);
    let first = "<d1.7f3a@collector.example.jp>";
    let mut raised = letter("raised", Language::Ja, first, false);
    raised.cc = vec![person("受注運用ML", "suzuki@example.jp")];
    let mut resolved = letter(
        "resolved",
        Language::Ja,
        "<d2.7f3a@collector.example.jp>",
        true,
    );
    resolved.in_reply_to = Some(first.to_owned());
    resolved.references = vec![first.to_owned()];
    let english = letter(
        "raised",
        Language::En,
        "<d3.7f3a@collector.example.jp>",
        false,
    );
    for one in [&raised, &resolved, &english] {
        for outcome in outcomes(&mailer, one) {
            assert!(
                matches!(&outcome, Outcome::Accepted { says } if says.starts_with("250")),
                "{outcome}"
            );
        }
    }
    let boxed = postfix.mails("sato", 3);
    let find = |id: &str| {
        let all = boxed.iter().map(|path| parsed(path));
        all.into_iter()
            .find(|mail| mail["headers"]["message-id"] == id)
            .unwrap()
    };
    for (sent, id) in [
        (&raised, first),
        (&resolved, "<d2.7f3a@collector.example.jp>"),
        (&english, "<d3.7f3a@collector.example.jp>"),
    ] {
        let mail = find(id);
        assert_eq!(mail["defects"], serde_json::json!([]));
        let headers = &mail["headers"];
        assert_eq!(headers["subject"], sent.subject.as_str());
        assert_eq!(headers["auto-submitted"], "auto-generated");
        assert_eq!(headers["x-auto-response-suppress"], "OOF, AutoReply");
        assert_eq!(headers["return-path"], "<bounce@collector.example.jp>");
        assert_eq!(headers["x-hansho-customer"], "mirai");
        assert_eq!(headers["x-hansho-alert"], "3F9K2");
        assert_eq!(
            mail["from"],
            serde_json::json!([["半鐘 監視", "hansho@example.jp"]])
        );
        assert_eq!(
            mail["to"],
            serde_json::json!([["佐藤 \"当番\", 受注", "sato@example.jp"]])
        );
        // STARTTLS was used: Postfix says so.
        assert!(
            headers["received"]
                .as_str()
                .unwrap()
                .contains("with ESMTPS"),
            "{headers}"
        );
        assert_eq!(text(&mail["plain"]), sent.text.trim_end());
    }
    let mail = find(first);
    assert_eq!(
        mail["headers"]["subject"],
        "[HNS1002-E 発生] みらい商事/受注 web03 メモリ使用率 96%"
    );
    assert_eq!(mail["headers"]["x-hansho-code"], "HNS1002-E");
    assert_eq!(mail["headers"]["x-hansho-why"], "first");
    // Decided at 02:59:09 in Japan.
    assert_eq!(mail["date"], "2026-11-23T17:59:09+00:00");
    assert_eq!(
        mail["cc"],
        serde_json::json!([["受注運用ML", "suzuki@example.jp"]])
    );
    assert_eq!(
        (&mail["type"], &mail["html"]),
        (&"text/plain".into(), &serde_json::Value::Null)
    );
    assert!(mail["headers"].get("in-reply-to").is_none());
    let mail = find("<d2.7f3a@collector.example.jp>");
    assert_eq!(mail["headers"]["in-reply-to"], first);
    assert_eq!(mail["headers"]["references"], first);
    assert_eq!(mail["headers"]["x-hansho-code"], "HNS1002-I");
    assert_eq!(mail["type"], "multipart/alternative");
    assert_eq!(
        text(&mail["html"]),
        resolved.html.clone().unwrap().trim_end()
    );
    // The one in Cc has the first, and only that.
    assert_eq!(
        parsed(&postfix.mails("suzuki", 1)[0])["headers"]["message-id"],
        first
    );
    std::fs::remove_file(file).unwrap();
}

#[test]
fn each_recipient_has_an_outcome_of_its_own() {
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        return;
    };
    let (mailer, file) = mailer(postfix.port, &own);
    let mut mail = letter("raised", Language::Ja, "<g1@collector.example.jp>", false);
    mail.to.push(person("退職者", "nobody@example.jp"));
    mail.cc = vec![
        person("鈴木", "suzuki@example.jp"),
        person("他社", "other@example.com"),
    ];
    // Greylisting: 4xx at first, taken later.
    postfix.answer(
        "suzuki@example.jp",
        Some("450 4.2.0 Greylisted, try again in 300 seconds"),
    );
    let got = outcomes(&mailer, &mail);
    assert!(matches!(&got[0], Outcome::Accepted { .. }), "{}", got[0]);
    assert!(
        matches!(&got[1], Outcome::Refused { code: Some(550), says } if says.contains("nobody@example.jp")),
        "{}",
        got[1]
    );
    assert!(
        matches!(&got[2], Outcome::Later { why: Later::Answer(450), says } if says.contains("Greylisted")),
        "{}",
        got[2]
    );
    // From this host Postfix relays: it takes what is not its own.
    assert!(matches!(&got[3], Outcome::Accepted { .. }), "{}", got[3]);
    postfix.answer("suzuki@example.jp", None);
    mail.to = vec![];
    mail.cc = vec![person("鈴木", "suzuki@example.jp")];
    let again = outcomes(&mailer, &mail);
    assert!(
        matches!(again.as_slice(), [Outcome::Accepted { .. }]),
        "{again:?}"
    );
    let id = |of: &str| parsed(&postfix.mails(of, 1)[0])["headers"]["message-id"].clone();
    assert_eq!(id("sato"), id("suzuki"));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_server_with_another_certificate_gets_nothing() {
    let own = certificate(&["localhost"]);
    let named_otherwise = certificate(&["mx.example.com"]);
    for (served, trusted) in [
        (&own, &certificate(&["localhost"])),
        (&named_otherwise, &named_otherwise),
    ] {
        let Some(postfix) = Postfix::start(served) else {
            return;
        };
        let (mailer, file) = mailer(postfix.port, trusted);
        let got = outcomes(
            &mailer,
            &letter("raised", Language::Ja, "<t1@collector.example.jp>", false),
        );
        assert!(
            matches!(
                got.as_slice(),
                [Outcome::Later {
                    why: Later::Tls,
                    ..
                }]
            ),
            "{got:?}"
        );
        assert!(!postfix.log().contains("from=<"), "{}", postfix.log());
        std::fs::remove_file(file).unwrap();
    }
}

#[test]
fn hostile_text_is_one_header_each_and_no_more() {
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        return;
    };
    let (mailer, file) = mailer(postfix.port, &own);
    let mut notice = example("raised", Language::Ja, 1002).unwrap();
    let hansho_collector::notify::notice::Body::Alert(alert) = &mut notice.body else {
        panic!("an alert")
    };
    let hostile = "web03\r\nBcc: suzuki@example.jp\r\n\r\n.\r\nQUIT\r\n<b>あ</b>\u{202e}";
    alert.owner.host = Some(hostile.to_owned());
    alert.identity.host = Some(hostile.to_owned());
    alert.presumed = vec![
        ".\r\n.\r\nMAIL FROM:<x@example.jp>".to_owned(),
        format!("{:>3000}", "長い".repeat(1000)),
    ];
    let from = person(hostile, "hansho@example.jp");
    let mut mail = Letter::new(
        &notice,
        render(&notice),
        true,
        "<h1@collector.example.jp>".to_owned(),
        from,
    );
    mail.to = vec![person(hostile, "sato@example.jp")];
    let got = outcomes(&mailer, &mail);
    assert!(
        matches!(got.as_slice(), [Outcome::Accepted { .. }]),
        "{got:?}"
    );
    let arrived = parsed(&postfix.mails("sato", 1)[0]);
    assert_eq!(arrived["defects"], serde_json::json!([]));
    assert!(arrived["headers"].get("bcc").is_none());
    assert_eq!(text(&arrived["plain"]), mail.text.trim_end());
    assert_eq!(arrived["headers"]["subject"], mail.subject.as_str());
    // Every line is one that all mail servers take (RFC 5321, 4.5.3.1.6).
    let raw = std::fs::read(&postfix.mails("sato", 1)[0]).unwrap();
    assert!(
        raw.split(|byte| *byte == b'\n')
            .all(|line| line.len() <= 998)
    );
    assert!(raw.is_ascii());
    std::fs::remove_file(file).unwrap();
}

/// Runs the collector's program: exit code, stdout, stderr.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_hansho-collector"))
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        out.status.code().unwrap(),
        text(out.stdout),
        text(out.stderr),
    )
}

#[test]
fn mail_test_tells_what_became_of_it() {
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        return;
    };
    let directory = std::env::temp_dir().join(format!("hansho-mail-test-{}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.join(name), text).unwrap();
    write("ca.pem", &own.certificate);
    let port = postfix.port;
    write(
        "collector.toml",
        &format!(
            "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n[store]\ndirectory = \"store\"\n[mail]\n\
             host = \"localhost\"\nport = {port}\nca_file = \"ca.pem\"\nfrom = \"半鐘 <hansho@example.jp>\"\n\
             envelope_from = \"bounce@example.jp\"\ntemplates = \"templates\"\n"
        ),
    );
    std::fs::create_dir(directory.join("templates")).unwrap();
    write("templates/raised.ja.subject", "own {{ host }}");
    let config = directory.join("collector.toml");
    let config = config.to_str().unwrap();
    let (code, _, said) = run(&["check", "--config", config]);
    assert_eq!(code, 0, "{said}");
    let (code, said, errors) = run(&["mail", "test", "sato@example.jp", "--config", config]);
    assert_eq!(code, 0, "{errors}");
    assert!(
        said.starts_with("handed over as <test.") && said.contains("@example.jp>: 250 "),
        "{said}"
    );
    let mail = parsed(&postfix.mails("sato", 1)[0]);
    assert_eq!(
        mail["headers"]["subject"],
        "[HNS テスト] 収集サーバからのメールの試験"
    );
    assert_eq!(
        mail["from"],
        serde_json::json!([["半鐘", "hansho@example.jp"]])
    );
    let (code, _, said) = run(&[
        "mail",
        "test",
        "nobody@example.jp",
        "--lang",
        "en",
        "--config",
        config,
    ]);
    assert!(code == 1 && said.contains("refused (550)"), "{code} {said}");
    // The templates of the configuration, and what is wrong with them.
    let (code, said, _) = run(&["mail", "preview", "--config", config]);
    assert!(
        code == 0 && said.starts_with("Subject: own web03\n"),
        "{said}"
    );
    write("templates/raised.ja.subject", "own {{ hostname }}");
    for command in [&["check"][..], &["mail", "preview"]] {
        let (code, _, said) = run(&[command, &["--config", config]].concat());
        assert!(
            code == 78 && said.contains("raised.ja.subject:1: unknown variable hostname"),
            "{said}"
        );
    }
    std::fs::remove_dir_all(directory).unwrap();
}
