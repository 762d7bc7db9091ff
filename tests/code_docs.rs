//! The manuals are what the registry says, and the registry keeps what it once said.
//!
//! `HANSHO_BLESS=1 cargo test --test code_docs` writes the manuals anew, and adds to the golden list; it never takes
//! anything out of that list. A text corrected before its first release is taken out of the list by hand; afterwards it
//! is frozen, and a better text is a new code.
#![cfg(feature = "std")]

use hansho::code::export::{Format, codes, explain, explain_json, json, table};
use hansho::code::manual::markdown;
use hansho::code::texts::text;
use hansho::code::{Language, RaisedBy, TABLE, display, name, registry_hash};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn blessing() -> bool {
    std::env::var_os("HANSHO_BLESS").is_some()
}

#[test]
fn the_manuals_are_current() {
    for (file, language) in [
        ("docs/CODES.md", Language::En),
        ("docs/CODES.ja.md", Language::Ja),
    ] {
        let wanted = markdown(language);
        if blessing() {
            std::fs::write(path(file), &wanted).unwrap();
        }
        let found = std::fs::read_to_string(path(file)).unwrap();
        assert!(
            found == wanted,
            "{file} is not what the registry says: run HANSHO_BLESS=1 cargo test --test code_docs"
        );
    }
}

/// FNV-1a of 64 bits over a text, as the registry's own hash.
fn hash(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// What must never change about each code.
fn frozen() -> Vec<Value> {
    TABLE
        .iter()
        .map(|known| {
            let texts = |language| {
                text(known.number, language).map(|text| {
                    let pieces: Vec<&str> = text.pieces().collect();
                    hash(&pieces.join("\n"))
                })
            };
            let meaning = |language| text(known.number, language).map(|text| hash(text.meaning));
            json!({
                "code": known.number,
                "slug": known.slug,
                "name_en": name(known.number, Language::En),
                "name_ja": name(known.number, Language::Ja),
                "severity": known.severity.letter().to_string(),
                "quantity": known.quantity.map(|quantity| quantity.name()),
                "meaning_en": meaning(Language::En),
                "meaning_ja": meaning(Language::Ja),
                "texts_en": texts(Language::En),
                "texts_ja": texts(Language::Ja),
                "since": known.since,
            })
        })
        .collect()
}

/// What of `old` is gone or changed in `new`. A null that became something is an addition.
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
fn broken(old: &[Value], new: &[Value]) -> Vec<String> {
    let mut broken = Vec::new();
    for kept in old {
        let code = &kept["code"];
        let Some(now) = new.iter().find(|entry| entry["code"] == *code) else {
            broken.push(format!("{code} vanished"));
            continue;
        };
        for (key, value) in kept.as_object().unwrap() {
            if !value.is_null() && now[key] != *value {
                broken.push(format!("{code} {key}: was {value}, is {}", now[key]));
            }
        }
    }
    broken
}

#[test]
fn no_code_vanished_or_changed_against_the_committed_list() {
    let file = path("tests/golden/codes.json");
    let new = frozen();
    let old: Vec<Value> = match std::fs::read_to_string(&file) {
        Ok(text) => serde_json::from_str(&text).unwrap(),
        Err(_) if blessing() => Vec::new(),
        Err(error) => panic!("{}: {error}", file.display()),
    };
    assert_eq!(broken(&old, &new), Vec::<String>::new());
    if blessing() {
        let text = serde_json::to_string_pretty(&new).unwrap();
        std::fs::write(&file, text + "\n").unwrap();
        return;
    }
    assert_eq!(
        old, new,
        "additions are not in the list yet: run HANSHO_BLESS=1 cargo test --test code_docs"
    );
}

#[test]
fn the_guard_of_the_list_finds_each_kind_of_break() {
    let new = frozen();
    assert_eq!(broken(&new, &new), Vec::<String>::new());
    let mut gone = new.clone();
    gone.remove(3);
    assert_eq!(broken(&new, &gone).len(), 1);
    for key in [
        "slug",
        "name_en",
        "name_ja",
        "severity",
        "meaning_en",
        "meaning_ja",
    ] {
        let mut changed = new.clone();
        changed[1][key] = json!("other");
        assert_eq!(broken(&new, &changed).len(), 1, "{key}");
    }
    let mut added = new.clone();
    added.push(json!({ "code": 1099, "slug": "new" }));
    assert_eq!(broken(&new, &added), Vec::<String>::new());
    // A reserved code that gets its texts is an addition; one that loses them is not.
    let reserved = new.iter().position(|entry| entry["code"] == 3007).unwrap();
    let mut raised = new.clone();
    raised[reserved]["meaning_en"] = json!("now it has one");
    assert_eq!(broken(&new, &raised), Vec::<String>::new());
    assert_eq!(broken(&raised, &new).len(), 1);
}

const KEYS: [&str; 21] = [
    "code",
    "display",
    "name",
    "severity",
    "urgency",
    "quantity",
    "unit",
    "defaults",
    "family",
    "suppressed_by",
    "meaning",
    "impact",
    "cause",
    "system_action",
    "operator_action",
    "administrator_action",
    "clear",
    "evidence",
    "since",
    "deprecated_by",
    "raised_by",
];

#[test]
fn json_has_exactly_the_fixed_keys_and_says_what_the_registry_says() {
    for language in Language::ALL {
        let list: Vec<Map<String, Value>> = serde_json::from_str(&json(language)).unwrap();
        assert_eq!(list.len(), TABLE.len());
        let mut wanted = KEYS;
        wanted.sort_unstable();
        for (object, known) in list.iter().zip(TABLE) {
            let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
            keys.sort_unstable();
            assert_eq!(keys, wanted);
            assert_eq!(object["code"], known.number);
            assert_eq!(object["display"], display(known.number, true).to_string());
            assert_eq!(object["name"], name(known.number, language).unwrap());
            let texts = [
                "meaning",
                "impact",
                "cause",
                "system_action",
                "operator_action",
                "administrator_action",
                "clear",
                "evidence",
                "quantity",
                "unit",
                "raised_by",
            ];
            for key in texts {
                assert_eq!(object[key].is_null(), known.raised_by.is_none(), "{key}");
            }
            // The collector has no rules: what it judges by stands in the texts.
            let by_rule = known.raised_by == Some(RaisedBy::Agent);
            assert_eq!(!object["defaults"].is_null(), by_rule);
            let single = explain_json(known.number, language).unwrap();
            let single: Map<String, Value> = serde_json::from_str(&single).unwrap();
            assert_eq!(&single, object);
        }
    }
    assert_eq!(explain_json(1999, Language::En), None);
}

#[test]
fn table_names_every_code_once_in_straight_columns() {
    for language in Language::ALL {
        let table = table(language);
        assert_eq!(table.lines().count(), TABLE.len() + 1);
        for (line, known) in table.lines().skip(1).zip(TABLE) {
            assert!(line.starts_with(&display(known.number, true).to_string()));
            assert!(line.contains(name(known.number, language).unwrap()));
            assert_eq!(line, line.trim_end());
        }
    }
    let table = table(Language::Ja);
    assert!(table.contains("95%以上が 1m → 90%以下が 5m、条件 memory_available 2GiB未満"));
}

#[test]
fn explain_gives_every_piece_and_commands_on_lines_of_their_own() {
    for language in Language::ALL {
        for known in TABLE {
            let shown = explain(known.number, language).unwrap();
            assert!(shown.starts_with(&display(known.number, true).to_string()));
            assert!(!shown.contains('`') && shown.ends_with('\n'));
            let Some(text) = text(known.number, language) else {
                continue;
            };
            for piece in [
                text.meaning,
                text.impact,
                text.cause,
                text.clear,
                text.evidence,
            ] {
                assert!(shown.contains(piece));
            }
            for command in text.commands() {
                assert!(
                    shown.lines().any(|line| line.trim() == command),
                    "{command}"
                );
            }
        }
        assert_eq!(explain(1999, language), None);
    }
}

#[test]
fn formats_are_known_by_name() {
    for (word, wanted) in [
        ("json", json(Language::En)),
        ("markdown", markdown(Language::En)),
        ("table", table(Language::En)),
    ] {
        let format = Format::from_name(word).unwrap();
        assert_eq!(codes(format, Language::En), wanted);
    }
    assert_eq!(Format::from_name("yaml"), None);
    assert_ne!(registry_hash(), 0);
}
