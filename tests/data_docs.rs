//! docs/DATA.md names every field of the frames: what leaves a host is in that one place.
#![expect(
    clippy::unwrap_used,
    reason = "a test may stop at whatever surprises it"
)]

use std::fs;
use std::path::Path;

/// Shapes that carry others, and fields that only say how a list is cut.
const OF_SHAPE: [&str; 8] = [
    "part",
    "parts",
    "rules",
    "open",
    "packed",
    "first",
    "last",
    "interval_ms",
];

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Whether `word` stands in the text with nothing of a name around it.
fn names(text: &str, word: &str) -> bool {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .any(|found| found == word)
}

#[test]
fn every_field_of_a_frame_is_named() {
    let data = file("docs/DATA.md");
    let body = [file("src/frame/body.rs"), file("src/frame/evidence.rs")].concat();
    let (mut inside, mut fields) = (String::new(), Vec::new());
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("pub struct ") {
            inside = rest
                .split(|letter: char| !letter.is_ascii_alphanumeric())
                .next()
                .unwrap()
                .to_owned();
        } else if let Some((name, _)) = line
            .strip_prefix("    pub ")
            .and_then(|rest| rest.split_once(": "))
            .filter(|(name, _)| !name.contains(' '))
        {
            fields.push((inside.clone(), name.to_owned()));
        }
    }
    assert!(fields.len() > 50, "{fields:?}");
    // Rules are told as a whole: what an owner of thresholds wants to know is that they are sent.
    let missing: Vec<_> = fields
        .iter()
        .filter(|(inside, name)| inside != "RuleRecord" && !OF_SHAPE.contains(&name.as_str()))
        .filter(|(_, name)| !names(&data, name))
        .collect();
    assert!(missing.is_empty(), "not in docs/DATA.md: {missing:?}");
}

#[test]
fn every_field_of_a_reading_is_named() {
    let data = file("docs/DATA.md");
    let missing: Vec<_> = hansho::sample::Field::ALL
        .iter()
        .map(|field| format!("{field:?}"))
        .filter(|name| !names(&data, name))
        .collect();
    assert!(missing.is_empty(), "not in docs/DATA.md: {missing:?}");
}

#[test]
fn the_test_would_notice() {
    assert!(names("a, machine_id_hash b", "machine_id_hash"));
    assert!(!names("machine_id_hash_2", "machine_id_hash"));
}
