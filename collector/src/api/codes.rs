//! Codes: what alerts mean.

use super::page;
use super::problem::{Problem, Sort};
use super::table::{Answer, Operation, get};
use super::value::{Field, Kind, NUMBER, Shape, may, must};
use super::{Desk, Input, Outcome, done};
use crate::codes;
use hansho::code::{Entry, Language, RaisedBy, TABLE, Urgency, entry, text};
use serde_json::{Value as Json, json};

const CODE: Shape = Shape {
    name: "Code",
    says: "A code of the registry: numbers and meanings never change.",
    fields: &[
        must("code", Kind::Code, "Number."),
        must(
            "display",
            Kind::Text(16),
            "As people read it while it is raised.",
        ),
        must("slug", Kind::Text(64), "Name for programs."),
        must("name", Kind::Text(200), "Name for people."),
        must(
            "severity",
            Kind::Word(&["information", "warning", "error"]),
            "How bad.",
        ),
        must(
            "urgency",
            Kind::Word(&[
                Urgency::Now.as_str(),
                Urgency::WorkingHours.as_str(),
                Urgency::Record.as_str(),
            ]),
            "When people are told.",
        ),
        may(
            "family",
            Kind::Text(32),
            "Codes about one trouble share it.",
        ),
        may(
            "rank",
            NUMBER,
            "Rank in the family: the higher one takes over.",
        ),
        must(
            "suppressed_by",
            Kind::Codes,
            "While one of these fires for the same host, nobody is told.",
        ),
        may(
            "raised_by",
            Kind::Word(&[RaisedBy::Agent.as_str(), RaisedBy::Collector.as_str()]),
            "Null while the number is only reserved.",
        ),
        must(
            "since",
            Kind::Text(32),
            "First version that has the number.",
        ),
        may(
            "deprecated_by",
            Kind::Code,
            "The number that took its place.",
        ),
        may(
            "text",
            Kind::Object(&TEXT),
            "What it means and what to do; null in the list, and while it is only reserved.",
        ),
    ],
};

const TEXT: Shape = Shape {
    name: "CodeText",
    says: "What a code means and what to do.",
    fields: &[
        must("language", Kind::Word(LANGUAGES), "Language."),
        must("meaning", Kind::Text(4000), "What is so, as a fact."),
        must(
            "impact",
            Kind::Text(4000),
            "What follows for the users of the host.",
        ),
        must(
            "cause",
            Kind::Text(4000),
            "What it usually comes from: presumption.",
        ),
        must(
            "system_action",
            Kind::Text(4000),
            "What hansho does by itself.",
        ),
        must(
            "operator_action",
            Kind::Texts(32, 4000),
            "What the operator on duty does now, step by step.",
        ),
        must(
            "administrator_action",
            Kind::Text(4000),
            "What the administrator does afterwards.",
        ),
        must("clear", Kind::Text(4000), "When the alert ends."),
        must("evidence", Kind::Text(4000), "What to keep for the report."),
    ],
};

/// Words of languages.
pub const LANGUAGES: &[&str] = &[Language::Ja.tag(), Language::En.tag()];

/// The parameter `language`.
pub const LANGUAGE_FIELD: Field = may(
    "language",
    Kind::Word(LANGUAGES),
    "Language of texts; English where it is not given.",
);

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    get(
        "/api/v1/codes",
        "codes",
        "Codes",
        "All codes, by number, without their texts.",
        Answer::Page(&CODE),
        list,
    )
    .with(&[LANGUAGE_FIELD]),
    get(
        "/api/v1/codes/{code}",
        "code",
        "Codes",
        "One code with its text.",
        Answer::One(&CODE),
        one,
    )
    .with(&[must("code", Kind::Code, "The code."), LANGUAGE_FIELD])
    .or(&[Sort::NotFound]),
];

/// The language that is asked for.
#[must_use]
pub fn language(input: &Input) -> Language {
    Language::from_tag(input.text("language")).unwrap_or(Language::En)
}

fn json(entry: &Entry, language: Language, with_text: bool) -> Json {
    let text = text(entry.number, language).filter(|_| with_text);
    json!({
        "code": entry.number,
        "display": codes::display(entry.number, true),
        "slug": entry.slug,
        "name": hansho::code::name(entry.number, language).unwrap_or(entry.slug),
        "severity": codes::severity_word(entry.severity),
        "urgency": entry.urgency.as_str(),
        "family": entry.family.map(|(family, _)| family.as_str()),
        "rank": entry.family.map(|(_, rank)| rank),
        "suppressed_by": entry.suppressed_by,
        "raised_by": entry.raised_by.map(RaisedBy::as_str),
        "since": entry.since,
        "deprecated_by": entry.deprecated_by,
        "text": text.map(|text| json!({
            "language": language.tag(),
            "meaning": text.meaning,
            "impact": text.impact,
            "cause": text.cause,
            "system_action": text.system_action,
            "operator_action": text.operator_action,
            "administrator_action": text.administrator_action,
            "clear": text.clear,
            "evidence": text.evidence,
        })),
    })
}

#[expect(clippy::unnecessary_wraps, reason = "the type is that of operations")]
fn list(_: &Desk<'_>, input: &Input) -> Outcome {
    let language = language(input);
    let codes = TABLE.iter().map(|entry| json(entry, language, false));
    Ok(page::page(codes.collect(), None))
}

fn one(_: &Desk<'_>, input: &Input) -> Outcome {
    let found = input.code("code").and_then(entry);
    match found {
        Some(entry) => done(json(entry, language(input), true)),
        None => Err(Problem::not_found("code")),
    }
}
