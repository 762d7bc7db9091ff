//! The texts of the codes: whole, in both languages, each code with words of its own.

use hansho::code::texts::{all, commands, step_parts, text};
use hansho::code::{Language, RaisedBy, TABLE, Text, entry};
use std::collections::HashMap;

/// Sentences without commands, spaces, punctuation and case, so that two that differ only so count as one.
fn sentences(piece: &str) -> Vec<String> {
    let words: String = piece.split('`').step_by(2).collect::<Vec<_>>().join(" ");
    words
        .replace(". ", "\n")
        .replace(['。', '.'], "\n")
        .lines()
        .map(|sentence| {
            sentence
                .chars()
                .filter(|letter| letter.is_alphanumeric())
                .flat_map(char::to_lowercase)
                .collect::<String>()
        })
        .filter(|sentence| !sentence.is_empty())
        .collect()
}

#[test]
fn every_raised_code_is_whole_in_both_languages_and_no_reserved_one_has_texts() {
    for known in TABLE {
        for language in Language::ALL {
            let Some(text) = text(known.number, language) else {
                assert_eq!(known.raised_by, None, "{} has no text", known.number);
                continue;
            };
            // 9xxx is presence: what only the collector can know.
            let by = if known.number < 9000 {
                RaisedBy::Agent
            } else {
                RaisedBy::Collector
            };
            assert_eq!(known.raised_by, Some(by), "{}", known.number);
            assert!(!text.operator_action.is_empty());
            for piece in text.pieces() {
                assert!(piece.chars().count() >= 8, "{}: {piece:?}", known.number);
                assert_eq!(piece, piece.trim());
                assert!(!piece.chars().any(char::is_control), "{piece:?}");
                assert_eq!(piece.matches('`').count() % 2, 0, "{piece:?}");
            }
        }
    }
    for language in Language::ALL {
        assert!(all(language).is_sorted_by(|a, b| a.number < b.number));
        assert!(all(language).all(|text| entry(text.number).is_some()));
    }
}

#[test]
fn the_languages_say_the_same_steps_with_the_same_commands_in_other_words() {
    for en in all(Language::En) {
        let ja = text(en.number, Language::Ja).unwrap();
        let of = |text: &Text| text.commands().collect::<Vec<_>>();
        assert_eq!(of(en), of(ja), "{}", en.number);
        assert_eq!(en.operator_action.len(), ja.operator_action.len());
        for (en_piece, ja_piece) in en.pieces().zip(ja.pieces()) {
            assert_ne!(en_piece, ja_piece);
            assert!(en_piece.is_ascii(), "{en_piece}");
            let japanese = |letter: char| ('\u{3040}'..='\u{9fff}').contains(&letter);
            assert!(ja_piece.chars().any(japanese), "{ja_piece}");
        }
    }
}

#[test]
fn no_two_codes_share_a_sentence_of_operator_action() {
    for language in Language::ALL {
        let mut seen: HashMap<String, u16> = HashMap::new();
        for text in all(language) {
            for step in text.operator_action {
                let sentences = sentences(step);
                assert!(!sentences.is_empty(), "{}: {step}", text.number);
                for sentence in sentences {
                    let other = seen.insert(sentence.clone(), text.number);
                    assert!(
                        other.is_none(),
                        "{} and {other:?} share {sentence:?}",
                        text.number
                    );
                }
            }
        }
    }
}

#[test]
fn shared_sentences_would_be_found() {
    assert_eq!(
        sentences("Read it: `free -m`. Do NOT restart."),
        sentences("read it `vmstat 1`.  Do not restart")
    );
    assert_eq!(sentences("値を読む。 `free`"), ["値を読む"]);
}

#[test]
fn presumptions_and_forecasts_are_marked_and_stand_in_sentences_of_their_own() {
    let marks = |language| match language {
        Language::En => ("Presumed: ", "Forecast: "),
        Language::Ja => ("推定: ", "予測: "),
    };
    for language in Language::ALL {
        let (presumed, forecast) = marks(language);
        for text in all(language) {
            assert!(text.cause.starts_with(presumed), "{}", text.number);
            for piece in text.pieces() {
                for mark in [presumed, forecast] {
                    for (place, _) in piece.match_indices(mark) {
                        let before = piece.get(..place).unwrap();
                        let starts =
                            before.is_empty() || before.ends_with(". ") || before.ends_with('。');
                        assert!(starts, "{}: {piece}", text.number);
                    }
                }
            }
            for fact in [text.meaning, text.evidence] {
                assert!(!fact.contains(presumed) && !fact.contains(forecast));
            }
        }
    }
}

#[test]
fn tone_is_calm_and_plain() {
    const NEVER: [&str; 14] = [
        "!",
        "\u{ff01}",
        "ご確認",
        "ください",
        "下さい",
        "いたし",
        "ございま",
        "お願い",
        "お客様",
        "至急",
        "直ちに",
        "Please",
        "please",
        "immediately",
    ];
    for language in Language::ALL {
        for text in all(language) {
            for piece in text.pieces() {
                // Commands may contain what sentences may not.
                let words: String = piece.split('`').step_by(2).collect();
                for never in NEVER {
                    assert!(
                        !words.contains(never),
                        "{}: {never} in {piece}",
                        text.number
                    );
                }
            }
        }
    }
}

#[test]
fn an_end_never_says_that_the_service_is_well() {
    for text in all(Language::Ja) {
        for never in ["業務は正常", "サービスは正常", "問題ありません", "解決"]
        {
            assert!(!text.clear.contains(never), "{}", text.number);
        }
    }
    for text in all(Language::En) {
        for never in ["service is well", "back to normal", "solved", "no problem"] {
            assert!(!text.clear.contains(never), "{}", text.number);
        }
    }
}

/// The last column of the glossary: what is not said, by the term that is said instead.
#[expect(
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]
fn glossary() -> Vec<(String, Vec<String>)> {
    let text = include_str!("../docs/GLOSSARY.ja.md");
    text.lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let columns: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            assert_eq!(columns.len(), 5, "{line}");
            let avoided = columns[4]
                .split('、')
                .map(str::to_owned)
                .filter(|word| word != "-")
                .collect();
            (columns[0].to_owned(), avoided)
        })
        .collect()
}

#[test]
fn japanese_texts_use_the_words_of_the_glossary() {
    let glossary = glossary();
    assert!(glossary.len() >= 30);
    let mut avoided = 0;
    for (term, never) in &glossary {
        for never in never {
            avoided += 1;
            assert!(!never.is_empty());
            for text in all(Language::Ja) {
                for piece in text.pieces() {
                    let words: String = piece.split('`').step_by(2).collect();
                    assert!(
                        !words.contains(never.as_str()),
                        "{}: {never}, say {term}: {piece}",
                        text.number
                    );
                }
            }
            let names = TABLE
                .iter()
                .filter_map(|known| hansho::code::name(known.number, Language::Ja));
            for name in names {
                assert!(!name.contains(never.as_str()), "{name}: say {term}");
            }
        }
    }
    assert!(avoided >= 30);
    // The glossary is one of the words in use: each term stands in a text, a name or is marked as one of mails.
    let whole: String = all(Language::Ja).flat_map(Text::pieces).collect();
    let used = glossary
        .iter()
        .filter(|(term, _)| {
            term.split(['(', '・'])
                .next()
                .is_some_and(|term| whole.contains(term))
        })
        .count();
    assert!(used * 2 > glossary.len(), "{used} of {}", glossary.len());
}

#[test]
fn a_step_is_words_and_at_most_one_command_at_its_end() {
    for language in Language::ALL {
        for text in all(language) {
            for step in text.operator_action {
                let (words, command) = step_parts(step);
                assert!(!words.is_empty() && !words.contains('`'), "{step}");
                match command {
                    Some(command) => {
                        let after = step.rsplit('`').next().unwrap();
                        assert!(after.is_empty() || after == ".", "{step}");
                        assert!(step.contains(command) && step.matches('`').count() == 2);
                        assert!(words.ends_with(':') || words.ends_with('。'), "{step}");
                    }
                    None => assert!(step.ends_with('.') || step.ends_with('。'), "{step}"),
                }
            }
        }
    }
}

#[test]
fn commands_are_found() {
    let all: Vec<_> = commands(Language::En).collect();
    assert!(all.contains(&(1002, "free -m")));
    assert!(
        all.iter()
            .any(|(_, command)| command.starts_with("hansho "))
    );
    for (number, command) in all {
        assert!(
            !command.is_empty() && command.trim() == command,
            "{number}: {command:?}"
        );
    }
}
