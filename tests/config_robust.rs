//! No file, however broken, panics the parser or escapes its bounds.

use hansho::config::plan::Plan;
use hansho::config::{parse, parse_bytes, show};
use hansho::limit::CONFIG_ERRORS;
use proptest::prelude::{ProptestConfig, any, prop_oneof, proptest};
use proptest::sample::Index;
use proptest::strategy::{Just, Strategy};

const REFERENCE: &str = include_str!("../agent.toml");

/// Every key of the reference in force, without its explanations.
fn in_force() -> String {
    let lines = REFERENCE
        .lines()
        .filter_map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => {
                Some(rest)
            }
            Some(_) => None,
            None => Some(line),
        });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whatever comes out keeps its promises.
fn judge(bytes: &[u8]) {
    match parse_bytes(bytes, "f.toml") {
        Ok(plan) => {
            let shown = show(&plan);
            match parse(&shown, "s.toml") {
                Ok(again) => assert_eq!(again.without_origins(), plan.without_origins()),
                Err(errors) => assert!(errors.list().is_empty(), "{errors}\n{shown}"),
            }
            let bytes = plan.to_bytes().unwrap_or_default();
            assert_eq!(Plan::from_bytes(&bytes).ok(), Some(plan));
        }
        Err(errors) => {
            assert!((1..=CONFIG_ERRORS + 1).contains(&errors.list().len()));
            for error in errors.list() {
                let shown = error.to_string();
                assert!(!shown.contains(char::is_control), "{shown:?}");
                assert!(shown.chars().count() < 1500, "{shown}");
            }
        }
    }
}

/// A piece that an editor, a template or an attacker may put anywhere.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("[sample]".to_owned()),
        Just("[[rule]]\ncode = 1002\n".to_owned()),
        Just("\"".to_owned()),
        Just("\"\"\"".to_owned()),
        Just("]".to_owned()),
        Just("{ a = ".to_owned()),
        Just(" = ".to_owned()),
        Just("[".repeat(300)),
        Just("\u{0}".to_owned()),
        Just("-".to_owned()),
        Just("99999999999999999999999999".to_owned()),
        Just("nan".to_owned()),
        Just("\"8GiB\"".to_owned()),
        Just("[\"50%\", \"1GiB\"]".to_owned()),
        "\\PC{0,6}",
        "[0-9]{1,3}(ms|s|m|h|%|KiB|GiB)",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        judge(&bytes);
    }

    #[test]
    fn toml_like_text(lines in proptest::collection::vec(
        "(\\[{0,2}(agent|sample|spool|forward|rule|x)\\]{0,2}|(code|raise|clear|window|gate|interval|urls|disk_size|linger) = (\"[0-9a-zA-Z%:/.]{0,12}\"|[0-9.eE+-]{0,6}|\\{[ a-z=\",]{0,20}\\}|\\[[ 0-9\",%]{0,12}\\]))",
        0..20,
    )) {
        judge(format!("config_version = 1\n{}", lines.join("\n")).as_bytes());
    }

    #[test]
    fn the_reference_mutated(edits in proptest::collection::vec((any::<Index>(), 0_usize..12, piece()), 1..6)) {
        let mut text: Vec<char> = in_force().chars().collect();
        for (place, cut, piece) in edits {
            let start = place.index(text.len().saturating_add(1));
            let end = start.saturating_add(cut).min(text.len());
            text.splice(start..end, piece.chars());
        }
        judge(text.into_iter().collect::<String>().as_bytes());
    }

    #[test]
    fn one_value_of_the_reference_replaced(place in any::<Index>(), piece in piece()) {
        let text = in_force();
        let keys: Vec<usize> = text.match_indices(" = ").map(|(place, _)| place).collect();
        let at = keys.get(place.index(keys.len())).copied().unwrap_or(0);
        let (before, rest) = text.split_at(at);
        let (_, after) = rest.split_once('\n').unwrap_or((rest, ""));
        judge(format!("{before} = {piece}\n{after}").as_bytes());
    }

    #[test]
    fn plans_with_wrong_bytes(edits in proptest::collection::vec((any::<Index>(), any::<u8>()), 0..6), cut in any::<Index>(), whole in any::<bool>()) {
        let mut bytes = Plan::default().to_bytes().unwrap_or_default();
        for (place, byte) in edits {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(plan) = Plan::from_bytes(&bytes) {
            assert!(whole, "a cut plan was read");
            let again = plan.to_bytes().unwrap_or_default();
            assert_eq!(Plan::from_bytes(&again).ok(), Some(plan));
        }
    }
}

#[test]
fn large_and_hostile_files_end_soon() {
    for unit in [
        "[a]\n",
        "[[rule]]\n",
        "x = 1\n",
        "a.",
        "[",
        "{",
        "\"",
        "[[rule]]\ncode = 1002\n",
        "= =\n",
        "[[",
        "a={b=",
    ] {
        let text = unit.repeat(200_000 / unit.len());
        judge(text.as_bytes());
        judge(format!("config_version = 1\n{text}").as_bytes());
    }
}
