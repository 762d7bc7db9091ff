//! The words of the pages follow docs/GLOSSARY.ja.md, as the codes' texts do.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test: what goes wrong fails it, as it should"
)]

use hansho::frame::kind::Stream;
use hansho::rule::Quantity;
use hansho_collector::codes::{self, Language};
use hansho_collector::store::LostReason;
use hansho_collector::web::link_words;
use hansho_collector::web::names;
use hansho_collector::web::words_people;
use hansho_collector::web::{words, words_alert, words_fleet, words_plan};

const LOST: [LostReason; 6] = [
    LostReason::Unknown,
    LostReason::Overwritten,
    LostReason::Refused,
    LostReason::RefusedMalformed,
    LostReason::RefusedWrongStream,
    LostReason::Gap,
];

/// Every Japanese word of the pages that is not the registry's.
fn japanese() -> Vec<String> {
    let ja = Language::Ja;
    let words = words::of(ja);
    let time = "2026-11-24 11:58:07 JST";
    let mut all = vec![
        // Each field stands in it.
        format!("{words:?}"),
        words.silent_since(time),
        words.unknown_since(time),
        words.readings_of(time),
        codes::name(60_000, ja).to_owned(),
        format!("{:?}", words_people::of(ja)),
        words_people::of(ja).too_often(time),
        format!("{:?}", link_words::of(ja)),
        format!("{:?}", words_fleet::of(ja)),
        format!("{:?}", words_plan::of(ja)),
        format!("{:?}", words_alert::of(ja)),
        words_fleet::hosts(ja, 2),
        words_fleet::systems(ja, 2),
        words_fleet::more(ja, 2),
        words_fleet::until(ja, time),
    ];
    all.extend(
        names::FIELDS
            .iter()
            .map(|(_, name)| names::of(*name, ja).to_owned()),
    );
    all.extend(
        Quantity::ALL
            .iter()
            .map(|(known, ..)| names::quantity(*known, ja).to_owned()),
    );
    all.extend((0..4).map(|n| names::stream(Stream::from_number(n).unwrap(), ja).to_owned()));
    all.extend(LOST.map(|reason| names::lost(reason, ja).to_owned()));
    all
}

/// The term, and what is not said for it: the first and last columns of the glossary.
fn glossary() -> Vec<(String, Vec<String>)> {
    let text = include_str!("../../docs/GLOSSARY.ja.md");
    text.lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let columns: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let avoided = columns[4].split('、').map(str::to_owned);
            (
                columns[0].to_owned(),
                avoided.filter(|word| word != "-").collect(),
            )
        })
        .collect()
}

/// The first word that the glossary avoids.
fn avoided(text: &str) -> Option<String> {
    glossary()
        .into_iter()
        .flat_map(|(_, never)| never)
        .find(|never| text.contains(never.as_str()))
}

#[test]
fn the_pages_use_the_words_of_the_glossary() {
    assert!(glossary().len() >= 30);
    for text in japanese() {
        assert_eq!(avoided(&text), None, "{text}");
        for never in ["半鐘", "停滞", "ルール", "ホスト", "ください", "!"] {
            assert!(!text.contains(never), "{never}: {text}");
        }
    }
    let whole = japanese().concat();
    for term in [
        "発報",
        "発生",
        "検知",
        "通知",
        "回復",
        "復旧判定",
        "復旧",
        "しきい値",
        "解除時間",
        "無応答",
        "収集サーバ",
        "欠落",
        "計測値",
        "計測元",
        "逼迫",
        "空き(利用可能)",
        "判定",
        "サーバー",
        "エージェント",
    ] {
        assert!(whole.contains(term), "{term}");
    }
}

#[test]
fn a_word_that_is_avoided_would_be_found() {
    assert_eq!(avoided("閾値を超えました").as_deref(), Some("閾値"));
    assert_eq!(avoided("しきい値を超えました"), None);
}

#[test]
fn the_english_words_are_english_and_no_word_is_missing() {
    let all = |language| {
        [
            format!("{:?}", words::of(language)),
            format!("{:?}", words_people::of(language)),
            format!("{:?}", words_fleet::of(language)),
            format!("{:?}", words_plan::of(language)),
            format!("{:?}", words_alert::of(language)),
        ]
    };
    for text in all(Language::En) {
        // The times sign of the weekly page is that of both languages.
        assert!(text.replace('\u{d7}', "x").is_ascii(), "{text}");
    }
    for text in all(Language::En).into_iter().chain(all(Language::Ja)) {
        assert!(!text.contains("\"\""), "{text}");
    }
}
