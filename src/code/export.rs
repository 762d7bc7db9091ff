//! `hansho codes` and `hansho explain`: the registry as JSON, as a table, and one code for a person to read.

use super::describe::{Defaults, defaults, unit_name};
use super::entry::{Entry, RaisedBy};
use super::manual::{headings, markdown, raised_by_name, rule_line, urgency_name};
use super::names::{Language, name};
use super::render::display;
use super::table::{TABLE, entry};
use super::texts::{step_parts, text};
use serde::Serialize;

/// How the list of codes is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A list of objects.
    Json,
    /// The manual.
    Markdown,
    /// Columns for a terminal.
    Table,
}

impl Format {
    /// By the word on the command line.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "markdown" => Some(Self::Markdown),
            "table" => Some(Self::Table),
            _ => None,
        }
    }
}

/// One code as JSON shows it. Texts are null while the number is only reserved.
#[derive(Serialize)]
struct CodeObject {
    code: u16,
    display: String,
    name: &'static str,
    severity: char,
    urgency: &'static str,
    quantity: Option<&'static str>,
    unit: Option<&'static str>,
    defaults: Option<Defaults>,
    family: Option<FamilyObject>,
    suppressed_by: &'static [u16],
    meaning: Option<&'static str>,
    impact: Option<&'static str>,
    cause: Option<&'static str>,
    system_action: Option<&'static str>,
    operator_action: Option<&'static [&'static str]>,
    administrator_action: Option<&'static str>,
    clear: Option<&'static str>,
    evidence: Option<&'static str>,
    since: &'static str,
    deprecated_by: Option<u16>,
    raised_by: Option<&'static str>,
}

/// A family and the rank in it.
#[derive(Serialize)]
struct FamilyObject {
    name: &'static str,
    rank: u8,
}

fn object(known: &Entry, language: Language) -> CodeObject {
    let text = text(known.number, language);
    CodeObject {
        code: known.number,
        display: display(known.number, true).to_string(),
        name: name(known.number, language).unwrap_or(known.slug),
        severity: known.severity.letter(),
        urgency: known.urgency.as_str(),
        quantity: known.quantity.map(|quantity| quantity.name()),
        unit: known.quantity.map(|quantity| unit_name(quantity.unit())),
        defaults: defaults(known.number),
        family: known.family.map(|(family, rank)| FamilyObject {
            name: family.as_str(),
            rank,
        }),
        suppressed_by: known.suppressed_by,
        meaning: text.map(|text| text.meaning),
        impact: text.map(|text| text.impact),
        cause: text.map(|text| text.cause),
        system_action: text.map(|text| text.system_action),
        operator_action: text.map(|text| text.operator_action),
        administrator_action: text.map(|text| text.administrator_action),
        clear: text.map(|text| text.clear),
        evidence: text.map(|text| text.evidence),
        since: known.since,
        deprecated_by: known.deprecated_by,
        raised_by: known.raised_by.map(RaisedBy::as_str),
    }
}

/// All codes in a format and a language, ending with a line feed.
#[must_use]
pub fn codes(format: Format, language: Language) -> String {
    match format {
        Format::Json => json(language),
        Format::Markdown => markdown(language),
        Format::Table => table(language),
    }
}

/// All codes as a JSON list of objects, ending with a line feed.
#[must_use]
pub fn json(language: Language) -> String {
    let list: Vec<CodeObject> = TABLE.iter().map(|known| object(known, language)).collect();
    pretty(&list)
}

/// One code as a JSON object, ending with a line feed; `None` for an unknown number.
#[must_use]
pub fn explain_json(number: u16, language: Language) -> Option<String> {
    entry(number).map(|known| pretty(&object(known, language)))
}

fn pretty(value: &impl Serialize) -> String {
    // Strings, numbers and lists always serialise; were it not so, an empty line says that there is nothing.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// All codes as columns for a terminal, a line each; wide characters count two columns.
#[must_use]
pub fn table(language: Language) -> String {
    let heads = headings(language);
    let mut rows = vec![[
        heads.code.to_owned(),
        heads.urgency.to_owned(),
        heads.raised_by.to_owned(),
        heads.name.to_owned(),
        heads.defaults.to_owned(),
    ]];
    for known in TABLE {
        rows.push([
            display(known.number, true).to_string(),
            urgency_name(known.urgency, language).to_owned(),
            known
                .raised_by
                .map_or(heads.reserved, |by| raised_by_name(by, language))
                .to_owned(),
            name(known.number, language)
                .unwrap_or(known.slug)
                .to_owned(),
            defaults(known.number).map_or_else(String::new, |rule| rule_line(&rule, language)),
        ]);
    }
    let mut widths = [0_usize; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = columns(cell).max(*width);
        }
    }
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(cell);
            let gap = width.saturating_sub(columns(cell)).saturating_add(2);
            line.extend(std::iter::repeat_n(' ', gap));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Columns that a text takes on a terminal: letters from Hangul Jamo on take two (Unicode Standard Annex 11, wide and
/// full-width forms; the registry has no combining marks and no half-width kana).
#[must_use]
pub fn columns(text: &str) -> usize {
    text.chars()
        .map(|letter| {
            if letter >= '\u{1100}' && letter != '→' {
                2
            } else {
                1
            }
        })
        .sum()
}

/// One code for a person: its texts and built-in rule, commands on lines of their own to copy. `None` for an
/// unknown number.
#[must_use]
pub fn explain(number: u16, language: Language) -> Option<String> {
    let known = entry(number)?;
    let heads = headings(language);
    let mut out = format!(
        "{}  {}\n",
        display(number, true),
        name(number, language).unwrap_or(known.slug)
    );
    let mut line = |head: &str, body: &str| {
        out.push_str(&format!("\n{head}\n  {body}\n"));
    };
    line(heads.urgency, urgency_name(known.urgency, language));
    let Some(text) = text(number, language) else {
        line(heads.raised_by, heads.reserved);
        return Some(out);
    };
    line(heads.meaning, text.meaning);
    line(heads.impact, text.impact);
    line(heads.cause, text.cause);
    line(heads.system_action, text.system_action);
    let mut steps = String::new();
    for (place, step) in text.operator_action.iter().enumerate() {
        let (words, command) = step_parts(step);
        let break_before = if place == 0 { "" } else { "\n  " };
        steps.push_str(&format!(
            "{break_before}{}. {words}",
            place.saturating_add(1)
        ));
        if let Some(command) = command {
            steps.push_str(&format!("\n       {command}"));
        }
    }
    line(heads.operator_action, &steps);
    line(heads.administrator_action, text.administrator_action);
    if let Some(rule) = defaults(number) {
        line(heads.defaults, &rule_line(&rule, language));
    }
    line(heads.clear, text.clear);
    line(heads.evidence, text.evidence);
    Some(out)
}
