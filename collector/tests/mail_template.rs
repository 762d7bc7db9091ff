//! A site's own subjects and texts: checked before they are used, and harmless.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

use hansho::code::Language;
use hansho_collector::limit::MAIL_CHARACTERS;
use hansho_collector::notify::example::{KINDS, example};
use hansho_collector::notify::notice::Body;
use hansho_collector::notify::render::render;
use hansho_collector::notify::template::{FILE_KINDS, Templates, VARIABLES, kind};
use std::fs;
use std::path::{Path, PathBuf};

/// A directory of the test's own, with these files.
struct Directory(PathBuf);

impl Directory {
    fn with(name: &str, files: &[(&str, &str)]) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("templates-{name}"));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        for (file, text) in files {
            fs::write(path.join(file), text).unwrap();
        }
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn a_template_replaces_its_part_and_no_other() {
    let directory = Directory::with(
        "parts",
        &[
            (
                "raised.ja.subject",
                "【{{ severity }}】{{ customer_name }} {{ host }} {{ value }}\n",
            ),
            (
                "resolved.ja.txt",
                "{{ host }} の {{ name }} は {{ recovered }} に回復しました。\n{% if taken_by %}対応: {{ taken_by }}\n{% endif %}\
                 {% for step in steps %}{{ loop.index }}. {{ step }}\n{% endfor %}\n--\n{{ standard_text }}\n",
            ),
        ],
    );
    let templates = Templates::load(&directory.0).unwrap();
    let raised = example("raised", Language::Ja, 1002).unwrap();
    let own = templates.render(&raised);
    assert_eq!(own.subject, "【E】みらい商事 web03 96.0%");
    assert_eq!(own.text, render(&raised).text);
    let resolved = example("resolved", Language::Ja, 1002).unwrap();
    let own = templates.render(&resolved);
    assert_eq!(own.subject, render(&resolved).subject);
    assert!(own.text.starts_with(
        "web03 の メモリ使用率 危険 は 11-24 03:15:54 に回復しました。\n対応: 佐藤\n1. hansho top --once"
    ), "{}", own.text);
    assert!(own.text.contains("メモリ使用率は正常に戻りました。"));
    // What machines read is there whatever the template says, once and last.
    assert_eq!(own.text.matches("\n--\n").count(), 1);
    assert!(
        own.text
            .ends_with(&format!("\n--\n{}", render(&resolved).machine))
    );
    // English has none of its own.
    let english = example("raised", Language::En, 1002).unwrap();
    assert_eq!(templates.render(&english), render(&english));
    assert_eq!(Templates::default().render(&raised), render(&raised));
}

#[test]
fn faults_are_all_named_with_file_and_line() {
    let directory = Directory::with(
        "faults",
        &[
            ("raised.ja.txt", "一行目\n{{ host }\n"),
            ("resolved.ja.txt", "{{ host }}\n\n{{ hostname }}\n"),
            ("silent.en.txt", "{% if host %}\n"),
            ("back.en.txt", "{{ host }}\n{{ host.name }}\n"),
            ("digest.en.txt", "{{ host|no_filter }}\n"),
            (
                "late.en.txt",
                "{% for i in range(10000) %}{% for j in range(10000) %}x{% endfor %}{% endfor %}",
            ),
            ("storm.en.txt", "{% include 'raised.ja.txt' %}"),
            ("raise.ja.txt", "x"),
            ("raised.fr.txt", "x"),
            ("daily.ja.html", "x"),
        ],
    );
    fs::write(directory.0.join("daily.ja.txt"), b"\xff\xfe").unwrap();
    fs::write(directory.0.join("daily.en.txt"), "x".repeat(70_000)).unwrap();
    fs::write(directory.0.join(".swap"), "passed over").unwrap();
    let faults = Templates::load(&directory.0).unwrap_err();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let find = |start: &str| {
        told.iter()
            .find(|line| line.contains(start))
            .unwrap_or_else(|| panic!("{start}: {told:#?}"))
    };
    find("raised.ja.txt:2: ");
    assert!(
        find("resolved.ja.txt:3: ").contains("unknown variable hostname; allowed are about, alert")
    );
    find("silent.en.txt:1: ");
    find("back.en.txt:2: ");
    assert!(find("digest.en.txt:1: ").contains("no_filter"));
    find("late.en.txt:1: ");
    find("storm.en.txt:1: ");
    for name in ["raise.ja.txt", "raised.fr.txt", "daily.ja.html"] {
        assert!(find(name).contains("KIND.LANGUAGE.subject"), "{name}");
    }
    find("daily.ja.txt: ");
    assert!(find("daily.en.txt: ").contains("longer than"));
    assert_eq!(faults.len(), 12, "{told:#?}");
    let none = Templates::load(&directory.0.join("not there")).unwrap_err();
    assert!(none.first().unwrap().to_string().contains("not there"));
}

#[test]
fn every_variable_is_there_in_every_kind_and_every_kind_has_an_example() {
    let all: String = VARIABLES
        .iter()
        .map(|name| format!("{name}: {{{{ {name} }}}}\n"))
        .collect();
    let files: Vec<(String, &str)> = FILE_KINDS
        .iter()
        .flat_map(|kind| {
            Language::ALL.map(|language| (format!("{kind}.{}.txt", language.tag()), all.as_str()))
        })
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), *text))
        .collect();
    let directory = Directory::with("all", &files);
    let templates = Templates::load(&directory.0).unwrap();
    for word in KINDS {
        for language in Language::ALL {
            let notice = example(word, language, 1002).unwrap();
            assert!(FILE_KINDS.contains(&kind(&notice)));
            let text = templates.render(&notice).text;
            assert!(text.contains(&format!("kind: {}", kind(&notice))), "{text}");
        }
    }
    let text = templates
        .render(&example("raised", Language::Ja, 1002).unwrap())
        .text;
    assert!(text.contains("telephone: 03-0000-0000") && text.contains("team: 受注運用チーム"));
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/NOTIFY.md");
    let docs = fs::read_to_string(docs).unwrap();
    for name in VARIABLES {
        assert!(
            docs.contains(&format!("`{name}`")),
            "docs/NOTIFY.md does not tell {name}"
        );
    }
}

#[test]
fn hostile_text_stays_harmless_in_a_template() {
    let directory = Directory::with(
        "hostile",
        &[
            ("raised.ja.subject", "{{ host }}"),
            (
                "raised.ja.txt",
                "{{ host }}\n{% for i in range(900) %}{{ host }}{{ customer_name }}\n{% endfor %}",
            ),
        ],
    );
    let templates = Templates::load(&directory.0).unwrap();
    for host in [
        "--",
        "a\r\n--\ncode: HNS0000",
        "{{ 7 * 7 }}{% raw %}",
        "<b>\u{202e}",
        "\u{1b}[31m",
    ] {
        let mut notice = example("raised", Language::Ja, 1002).unwrap();
        let Body::Alert(alert) = &mut notice.body else {
            panic!("an alert")
        };
        alert.owner.host = Some(host.to_owned());
        alert.owner.customer = "長".repeat(1_000_000);
        let own = templates.render(&notice);
        assert!(own.text.chars().count() <= MAIL_CHARACTERS);
        assert_eq!(own.text.matches("\n--\n").count(), 1);
        assert!(!own.text.contains("49") || !host.contains("7 * 7"));
        assert!(
            !own.html.contains("<b>")
                && !own.text.contains('\u{1b}')
                && !own.text.contains('\u{202e}')
        );
        assert!(!own.subject.chars().any(char::is_control));
    }
}

#[test]
fn preview_prints_every_kind_and_refuses_what_it_does_not_know() {
    let run = |arguments: &[&str]| {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_hansho-collector"))
            .args(["mail", "preview"])
            .args(arguments)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            out.status.code().unwrap(),
            text(out.stdout),
            text(out.stderr),
        )
    };
    for kind in KINDS {
        let (code, said, _) = run(&["--kind", kind, "--lang", "en"]);
        let mail = render(&example(kind, Language::En, 1002).unwrap());
        assert_eq!(
            (code, said),
            (0, format!("Subject: {}\n\n{}", mail.subject, mail.text))
        );
    }
    let (_, said, _) = run(&["--code", "hns1003-E"]);
    assert!(said.contains("code: HNS1003\n"));
    assert!(run(&["--html"]).1.starts_with("<!DOCTYPE html>"));
    for (arguments, expected) in [
        (["--kind", "raise"], "allowed are raised, worsened"),
        (["--lang", "fr"], "allowed are ja and en"),
        (["--code", "HNS1999"], "no code HNS1999"),
        (["--key-file", "x"], "--key-file"),
    ] {
        let (code, _, said) = run(&arguments);
        assert!(code == 64 && said.contains(expected), "{code} {said}");
    }
    let (code, _, said) = run(&["--templates", "not there"]);
    assert!(code == 78 && said.contains("not there: "), "{said}");
}
