//! `hansho codes` and `hansho explain`.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod cli_common;

use cli_common::{ended, hansho, program};
use hansho::code::export::{Format, codes, explain, explain_json};
use hansho::code::{Language, TABLE};

#[test]
fn codes_print_what_the_registry_says() {
    let formats = [
        ("json", Format::Json),
        ("markdown", Format::Markdown),
        ("table", Format::Table),
    ];
    for (word, format) in formats {
        for language in Language::ALL {
            let ended = hansho(["codes", "--format", word, "--lang", language.tag()]);
            assert_eq!(ended.code, 0);
            assert!(
                ended.out == codes(format, language),
                "{word} {}",
                language.tag()
            );
        }
    }
    let list: serde_json::Value =
        serde_json::from_str(&hansho(["codes", "--json"]).out).unwrap_or_default();
    assert_eq!(list.as_array().map(Vec::len), Some(TABLE.len()));
}

#[test]
fn a_code_is_explained_in_all_its_forms() {
    for form in ["1002", "HNS1002", "hns1002-e", "HNS1002-I"] {
        let ended = hansho(["explain", form]);
        assert_eq!(Some(ended.out), explain(1002, Language::En));
    }
    let json = hansho(["explain", "8008", "--json", "--lang", "ja"]);
    assert_eq!(Some(json.out), explain_json(8008, Language::Ja));
    let unknown = hansho(["explain", "HNS1999-E"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (1, ""));
    assert!(unknown.err.contains("HNS1999"), "{}", unknown.err);
}

/// POSIX: LC_ALL before LC_MESSAGES before LANG, and an empty one is not set.
#[test]
fn the_terminal_decides_the_language() {
    let japanese = explain(1002, Language::Ja);
    let english = explain(1002, Language::En);
    type Variables = &'static [(&'static str, &'static str)];
    let cases: [(Variables, &Option<String>); 6] = [
        (&[("LANG", "ja_JP.UTF-8")], &japanese),
        (&[("LANG", "ja")], &japanese),
        (&[("LANG", "en_US.UTF-8")], &english),
        (&[("LANG", "ja_JP.UTF-8"), ("LC_ALL", "C")], &english),
        (&[("LANG", "ja_JP.UTF-8"), ("LC_ALL", "")], &japanese),
        (&[("LANG", "C"), ("LC_MESSAGES", "ja_JP.eucJP")], &japanese),
    ];
    for (variables, expected) in cases {
        let ended = ended(
            program()
                .args(["explain", "1002"])
                .envs(variables.iter().copied()),
            "",
        );
        assert_eq!(&Some(ended.out), expected, "{variables:?}");
    }
}
