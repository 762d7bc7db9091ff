//! `[[rule]]`: overrides of the built-in rules, key by key.

use super::error::{nearest, quote};
use super::level;
use super::plan::{EffectiveRule, Plan};
use super::reader::{Item, Reader, Section, describe, list};
use super::units::time_text;
use crate::code::defaults::{SOURCES, rules_of_subjects};
use crate::code::{CodeError, Entry, RaisedBy, parse as parse_code};
use crate::limit::{DEFINITIONS, RULE_TIME_MS, RULES, SUBJECT_BYTES, WINDOW_MIN_SAMPLES, WINDOWS};
use crate::rule::{
    Aggregate, Direction, Gate, GateTest, Kind, Level, Quantity, Rule, Subject, Watched, Window,
};
use toml::de::DeValue;

/// Keys of `[[rule]]`.
pub(super) const RULE: &[&str] = &[
    "code",
    "subject",
    "enabled",
    "raise",
    "clear",
    "window",
    "raise_after",
    "clear_after",
    "gate",
];
/// Keys of a gate.
pub(super) const GATE: &[&str] = &["quantity", "above", "below", "absent"];
/// Keys of a window.
pub(super) const WINDOW: &[&str] = &["aggregate", "length"];

/// The words of a window's aggregate.
pub(super) const AGGREGATES: [(&str, Aggregate); 4] = [
    ("last", Aggregate::Last),
    ("mean", Aggregate::Mean),
    ("minimum", Aggregate::Minimum),
    ("maximum", Aggregate::Maximum),
];

/// Codes from here on are about presence, and raised by the collector.
const PRESENCE: u16 = 9000;

/// Where an identity was set.
struct Seen {
    code: u16,
    subject: Subject,
    line: u32,
}

/// Applies every `[[rule]]`, then looks at all rules together. `[sample]` has been read.
///
/// Identities are those of the built-in rules, so their number is in bounds already; that of their windows is not, and neither
/// is that of rules which differ in more than their subject. Of what is watched a `[[rule]]` without a subject is for all of
/// them, and one with a subject goes before it, wherever the two stand.
pub(super) fn rules(reader: &mut Reader<'_>, root: &Section<'_>, plan: &mut Plan) {
    if let Some(item) = reader.item(root, "rule") {
        let tables = match item.value {
            DeValue::Array(array) => array
                .iter()
                .all(|element| matches!(element.get_ref(), DeValue::Table(_))),
            _ => false,
        };
        if !tables {
            reader.refuse(item.line, "rule", describe(item.value), "tables [[rule]]");
            return;
        }
        let mut seen: Vec<Seen> = Vec::new();
        let mut own = Vec::new();
        for element in reader.list(&item, RULES, "rules") {
            let Some(section) = reader.section(&element, RULE) else {
                continue;
            };
            if reader.item(&section, "subject").is_some() {
                own.push((section, element.line));
            } else {
                one(reader, &section, element.line, plan, &mut seen);
            }
        }
        for (section, line) in own {
            one(reader, &section, line, plan, &mut seen);
        }
    }
    definition_count(reader, plan);
    window_count(reader, plan);
    intervals(reader, plan);
}

fn one(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    line: u32,
    plan: &mut Plan,
    seen: &mut Vec<Seen>,
) {
    let Some(entry) = code(reader, section, line) else {
        return;
    };
    let Some(subject) = subject(reader, section) else {
        return;
    };
    let of_all = subject.is_empty() && template(entry).is_some();
    let identity = |effective: &EffectiveRule| {
        effective.rule.code == entry.number && (of_all || effective.rule.subject == subject)
    };
    if !of_all && !plan.rules.iter().any(identity) {
        refuse_identity(reader, section, line, entry, &subject, plan);
        return;
    }
    let name = rule_name(entry.number, &subject);
    let twin = |seen: &&Seen| seen.code == entry.number && seen.subject == subject;
    if let Some(earlier) = seen.iter().find(twin) {
        let found = format!("a second [[rule]] for {}", shown(entry.number, &subject));
        let allowed = format!(
            "one for each code and subject; the first is in {}",
            reader.place_from(line, earlier.line)
        );
        reader.refuse(line, &name, found, allowed);
        return;
    }
    seen.push(Seen {
        code: entry.number,
        subject: subject.clone(),
        line,
    });
    if of_all {
        // What is wrong is told once, and also where nothing of the kind is watched.
        let before = reader.faults();
        if let Some(mut rule) = template(entry) {
            fields(reader, &section.renamed(name), line, &mut rule);
        }
        if reader.faults() > before {
            return;
        }
    }
    let origin = reader.origin(line);
    for effective in plan.rules.iter_mut().filter(|one| identity(one)) {
        let name = rule_name(entry.number, &effective.rule.subject);
        fields(reader, &section.renamed(name), line, &mut effective.rule);
        effective.origin.clone_from(&origin);
    }
}

/// The built-in rule of a code that has one for each thing that is watched; its subject is empty.
fn template(entry: &Entry) -> Option<Rule> {
    rules_of_subjects()
        .into_iter()
        .find(|rule| rule.code == entry.number)
}

/// The name of a rule's keys in faults and origins.
pub(super) fn rule_name(code: u16, subject: &str) -> String {
    if subject.is_empty() {
        format!("rule {code}")
    } else {
        format!("rule {code} {subject}")
    }
}

fn shown(code: u16, subject: &str) -> String {
    if subject.is_empty() {
        format!("code {code}")
    } else {
        format!("code {code} and subject {}", quote(subject))
    }
}

fn code(reader: &mut Reader<'_>, section: &Section<'_>, line: u32) -> Option<&'static Entry> {
    let allowed = "a code such as 1002 or \"HNS1002-E\"";
    let Some(item) = reader.item(section, "code") else {
        if !reader.is_broken() {
            reader.refuse(line, "rule.code", "nothing", allowed);
        }
        return None;
    };
    let parsed = match item.value {
        DeValue::String(text) => parse_code(text),
        DeValue::Integer(number) if number.radix() == 10 => parse_code(number.as_str()),
        _ => Err(CodeError::Malformed),
    };
    match parsed {
        Ok(entry) => Some(entry),
        Err(CodeError::Malformed) => reader.wrong(&item, allowed),
        Err(CodeError::Unknown(_)) => reader.wrong(&item, "a code that hansho codes lists"),
    }
}

fn subject(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Subject> {
    let Some(item) = reader.item(section, "subject") else {
        return Some(Subject::new());
    };
    let allowed = format!("a text of at most {SUBJECT_BYTES} bytes without control characters");
    let text = reader.text(&item, &allowed)?;
    match Subject::try_from(text) {
        Ok(subject) if !text.contains(char::is_control) => Some(subject),
        _ => reader.wrong(&item, allowed),
    }
}

/// Says why a code with this subject cannot be a rule here.
fn refuse_identity(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    line: u32,
    entry: &Entry,
    subject: &Subject,
    plan: &Plan,
) {
    let code_line = reader.item(section, "code").map_or(line, |item| item.line);
    let number = entry.number;
    match (entry.raised_by, entry.quantity) {
        (None | Some(RaisedBy::Collector), _) if number >= PRESENCE => {
            let found = format!("{number}, which the collector raises");
            let allowed = "a code that the agent raises; this one is set at the collector";
            reader.refuse(code_line, "rule.code", found, allowed);
        }
        (None | Some(RaisedBy::Collector), _) => {
            let mut raised: Vec<String> = plan
                .rules
                .iter()
                .map(|effective| effective.rule.code.to_string())
                .collect();
            raised.dedup();
            let allowed = format!("a code that the agent raises: {}", raised.join(", "));
            let found = format!("{number}, which this version only reserves");
            reader.refuse(code_line, "rule.code", found, allowed);
        }
        (Some(RaisedBy::Agent), Some(Quantity::SourceGone)) => {
            let line = reader
                .item(section, "subject")
                .map_or(line, |item| item.line);
            let allowed = format!("a source that the agent reads: {}", list(&SOURCES));
            let key = format!("rule {number}.subject");
            reader.refuse(line, &key, quote(subject), allowed);
        }
        (Some(RaisedBy::Agent), Some(quantity)) if quantity.of_subject().is_some() => {
            let line = reader
                .item(section, "subject")
                .map_or(line, |item| item.line);
            let table = quantity.of_subject().map_or("", Watched::table);
            let of_code = plan.rules.iter().map(|effective| &effective.rule);
            let known: Vec<&str> = of_code
                .filter(|rule| rule.code == number)
                .map(|rule| rule.subject.as_str())
                .collect();
            let allowed = if known.is_empty() {
                format!("no subject: none that {number} judges is in a [[{table}]]")
            } else {
                format!("no subject for all, or a watched one: {}", list(&known))
            };
            let key = format!("rule {number}.subject");
            reader.refuse(line, &key, quote(subject), allowed);
        }
        (Some(RaisedBy::Agent), quantity) => {
            let line = reader
                .item(section, "subject")
                .map_or(line, |item| item.line);
            let what = quantity.map_or("its quantity", Quantity::name);
            let allowed = format!("no subject: {what} has one value for the whole host");
            let key = format!("rule {number}.subject");
            reader.refuse(line, &key, quote(subject), allowed);
        }
    }
}

/// The keys that override.
fn fields(reader: &mut Reader<'_>, section: &Section<'_>, line: u32, rule: &mut Rule) {
    reader.read(section, "enabled", &mut rule.enabled, Reader::boolean);
    let Some(quantity) = rule.quantity() else {
        return;
    };
    reader.read(section, "raise", &mut rule.raise, |reader, item| {
        level::read(reader, item, quantity, 1)
    });
    let of = quantity.of_subject();
    reader.read(section, "gate", &mut rule.gate, |reader, item| {
        gate(reader, item, of)
    });
    match rule.kind {
        Kind::Event => {
            for name in ["clear", "window", "raise_after"] {
                if let Some(item) = reader.item(section, name) {
                    let allowed = "only enabled, raise, clear_after and gate: the code is an event, \
                                   which fires at once and ends after clear_after without another";
                    reader.refuse(item.line, &item.key, describe(item.value), allowed);
                }
            }
            reader.read(
                section,
                "clear_after",
                &mut rule.clear_after_ms,
                |reader, item| reader.time(item, 1000..=*RULE_TIME_MS.end()),
            );
        }
        Kind::Level => {
            reader.read(section, "clear", &mut rule.clear, |reader, item| {
                level::read(reader, item, quantity, 0)
            });
            reader.read(
                section,
                "raise_after",
                &mut rule.raise_after_ms,
                |reader, item| reader.time(item, RULE_TIME_MS),
            );
            reader.read(
                section,
                "clear_after",
                &mut rule.clear_after_ms,
                |reader, item| reader.time(item, RULE_TIME_MS),
            );
            let aggregate = rule.window.aggregate;
            reader.read(section, "window", &mut rule.window, |reader, item| {
                window(reader, item, aggregate)
            });
            check_levels(reader, section, line, rule, quantity);
        }
    }
}

/// Clear must be on the healthy side of raise, part by part.
fn check_levels(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    line: u32,
    rule: &Rule,
    quantity: Quantity,
) {
    let healthy = |raise: Option<u64>, clear: Option<u64>| match (raise, clear) {
        (None, None) => Some(true),
        (Some(raise), Some(clear)) => Some(match rule.direction {
            Direction::Above => clear <= raise,
            Direction::Below => clear >= raise,
        }),
        _ => None,
    };
    let share = |level: Level| level.permille.map(u64::from);
    let parts = [
        healthy(share(rule.raise), share(rule.clear)),
        healthy(rule.raise.absolute, rule.clear.absolute),
    ];
    let allowed = if parts.contains(&None) {
        "raise and clear in the same units, or both in both"
    } else if parts.contains(&Some(false)) {
        match rule.direction {
            Direction::Above => "clear at or below raise",
            Direction::Below => "clear at or above raise",
        }
    } else {
        return;
    };
    let item = reader
        .item(section, "clear")
        .or_else(|| reader.item(section, "raise"));
    let (line, key) = item.map_or_else(
        || (line, section.full("clear")),
        |item| (item.line, item.key),
    );
    let found = level::pair(rule.raise, rule.clear, quantity);
    reader.refuse(line, &key, found, allowed);
}

/// `"10m"`, `"last"` or a table; a length alone keeps the aggregate, or is a mean.
fn window(reader: &mut Reader<'_>, item: &Item<'_>, aggregate: Aggregate) -> Option<Window> {
    let last = Window {
        aggregate: Aggregate::Last,
        length_ms: 0,
    };
    if let DeValue::String(text) = item.value {
        if text.as_ref() == "last" {
            return Some(last);
        }
        let aggregate = match aggregate {
            Aggregate::Last => Aggregate::Mean,
            other => other,
        };
        let length_ms = reader.time_or(item, "\"last\" or ", 1..=*RULE_TIME_MS.end())?;
        return Some(Window {
            aggregate,
            length_ms,
        });
    }
    if !matches!(item.value, DeValue::Table(_)) {
        let allowed =
            "\"last\", a time such as \"10m\", or { aggregate = \"mean\", length = \"10m\" }";
        return reader.wrong(item, allowed);
    }
    let section = reader.section(item, WINDOW)?;
    let word = reader.item(&section, "aggregate");
    let aggregate = match word {
        None => Some(Aggregate::Mean),
        Some(word) => reader.word(&word, &AGGREGATES),
    };
    let length = match (reader.item(&section, "length"), aggregate) {
        (Some(length), Some(Aggregate::Last)) => {
            return reader.wrong(&length, "no length with aggregate \"last\"");
        }
        (None, Some(Aggregate::Last)) => return Some(last),
        (None, _) => return reader.wrong(item, "a window with a length such as \"10m\""),
        (Some(length), _) => reader.time(&length, 1..=*RULE_TIME_MS.end()),
    };
    Some(Window {
        aggregate: aggregate?,
        length_ms: length?,
    })
}

/// `"none"`, or a quantity and what must hold of it: the host's, or one of what the rule is about.
fn gate(reader: &mut Reader<'_>, item: &Item<'_>, of: Option<Watched>) -> Option<Option<Gate>> {
    if item.value.as_str() == Some("none") {
        return Some(None);
    }
    if !matches!(item.value, DeValue::Table(_)) {
        let allowed =
            "\"none\" or a table such as { quantity = \"memory_available\", below = \"2GiB\" }";
        return reader.wrong(item, allowed);
    }
    let section = reader.section(item, GATE)?;
    let tests = [
        ("above", GateTest::Above),
        ("below", GateTest::Below),
        ("absent", GateTest::Absent),
    ];
    let given: Vec<_> = tests
        .iter()
        .filter_map(|(name, test)| Some((reader.item(&section, name)?, *test)))
        .collect();
    let quantity = match reader.item(&section, "quantity") {
        Some(named) => named_quantity(reader, &named, of),
        None => reader.wrong(item, "a gate with quantity"),
    };
    let [(test_item, test)] = given.as_slice() else {
        return reader.wrong(item, "a gate with exactly one of above, below, absent");
    };
    let quantity = quantity?;
    let level = match test {
        GateTest::Absent => {
            if !reader.boolean(test_item)? {
                return reader.wrong(test_item, "absent = true");
            }
            Level::default()
        }
        _ => level::read(reader, test_item, quantity, 1)?,
    };
    Some(Some(Gate {
        quantity: quantity.number(),
        test: *test,
        level,
    }))
}

fn named_quantity(
    reader: &mut Reader<'_>,
    item: &Item<'_>,
    of: Option<Watched>,
) -> Option<Quantity> {
    let is_possible = |quantity: Quantity| {
        let of_others = quantity.of_subject().is_some_and(|kind| Some(kind) != of);
        !quantity.is_of_collector() && !of_others
    };
    let of_agent = Quantity::ALL
        .iter()
        .filter(|(quantity, ..)| is_possible(*quantity));
    let names: Vec<&str> = of_agent.map(|(_, name, _)| *name).collect();
    let text = reader.text(item, "the name of a quantity such as \"memory_available\"")?;
    let known = Quantity::from_name(text);
    if let Some(quantity) = known.filter(|quantity| is_possible(*quantity)) {
        return Some(quantity);
    }
    let near = nearest(text, names.iter().copied()).map(|near| format!("; did you mean {near}?"));
    reader.wrong(
        item,
        format!("{}{}", list(&names), near.unwrap_or_default()),
    )
}

/// Only [`DEFINITIONS`] rules may differ in more than their subject; the one beyond them is refused where the file sets it.
fn definition_count(reader: &mut Reader<'_>, plan: &Plan) {
    let mut known = Vec::new();
    for effective in &plan.rules {
        let definition = effective.rule.definition();
        if known.contains(&definition) {
            continue;
        }
        known.push(definition);
        if known.len() > DEFINITIONS {
            let name = rule_name(effective.rule.code, &effective.rule.subject);
            let line = RULE
                .iter()
                .find_map(|key| reader.given_line(&format!("{name}.{key}")));
            let allowed = format!(
                "at most {DEFINITIONS} rules that differ in more than their subject; a [[rule]] without a subject sets all of a code alike"
            );
            reader.refuse(line.unwrap_or(1), &name, "one too many", allowed);
            return;
        }
    }
}

/// Only [`WINDOWS`] rules have room for a window; those beyond it are refused where the file asks for them.
fn window_count(reader: &mut Reader<'_>, plan: &Plan) {
    let windowed = plan
        .rules
        .iter()
        .map(|effective| &effective.rule)
        .filter(|rule| rule.enabled && rule.window.length_ms > 0);
    let count = windowed.clone().count();
    let mut beyond = count.saturating_sub(WINDOWS);
    for rule in windowed.rev() {
        let key = format!("{}.window", rule_name(rule.code, &rule.subject));
        let Some(line) = reader.given_line(&key).filter(|_| beyond > 0) else {
            continue;
        };
        beyond = beyond.saturating_sub(1);
        let found = format!("one of {count} windows");
        let allowed = format!("\"last\": at most {WINDOWS} rules have a window");
        reader.refuse(line, &key, found, allowed);
    }
}

/// A window must hold a few samples, whether the window or the interval was set.
fn intervals(reader: &mut Reader<'_>, plan: &Plan) {
    for effective in &plan.rules {
        let rule = &effective.rule;
        if rule.window.length_ms == 0 {
            continue;
        }
        let counter = rule.quantity().is_some_and(Quantity::is_counter);
        let (name, interval_ms) = if counter {
            ("counters_interval", plan.sample.counters_interval_ms)
        } else {
            ("interval", plan.sample.interval_ms)
        };
        let least_ms = u64::from(interval_ms).saturating_mul(WINDOW_MIN_SAMPLES);
        if u64::from(rule.window.length_ms) >= least_ms {
            continue;
        }
        let length = time_text(rule.window.length_ms.into());
        let name_of_rule = rule_name(rule.code, &rule.subject);
        let key = format!("{name_of_rule}.window");
        if let Some(line) = reader.given_line(&key) {
            let allowed = format!("at least {}, twice sample.{name}", time_text(least_ms));
            reader.refuse(line, &key, quote(&length), allowed);
        } else if rule.enabled {
            // A built-in window forbids an interval only while its rule judges.
            let key = format!("sample.{name}");
            let line = reader
                .given_line(&key)
                .or(reader.given_line("sample.interval"));
            let most = time_text(u64::from(rule.window.length_ms) / WINDOW_MIN_SAMPLES);
            let found = quote(&time_text(interval_ms.into()));
            let allowed = format!("at most {most} while {name_of_rule} has a window of {length}");
            reader.refuse(line.unwrap_or(1), &key, found, allowed);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::code::builtin_rules;
    use crate::code::defaults::rules_of_subjects;
    use crate::config::parse;
    use crate::limit::WINDOWS;
    use crate::rule::{Aggregate, Direction, Kind, Quantity, RuleSet};

    #[test]
    fn windows_beyond_their_number_are_refused() {
        let levels: Vec<_> = builtin_rules()
            .into_iter()
            .filter(|rule| rule.kind == Kind::Level)
            .collect();
        let built_in = |rule: &&crate::rule::Rule| rule.window.length_ms > 0;
        let without: Vec<_> = levels.iter().filter(|rule| !built_in(rule)).collect();
        let room = WINDOWS - levels.iter().filter(built_in).count();
        assert!(room < without.len(), "no file can ask for too many");
        let file = |count: usize| {
            let mut text = String::from("config_version = 1\n");
            for rule in without.iter().take(count) {
                let (code, subject) = (rule.code, &rule.subject);
                text.push_str(&format!("[[rule]]\ncode = {code}\nwindow = \"5m\"\n"));
                if !subject.is_empty() {
                    text.push_str(&format!("subject = \"{subject}\"\n"));
                }
            }
            text
        };
        let plan = parse(&file(room), "f").unwrap();
        let rules = plan.rules.into_iter().map(|effective| effective.rule);
        assert!(RuleSet::new(rules.collect()).is_ok());
        let errors = parse(&file(room + 2), "f").unwrap_err();
        assert_eq!(errors.list().len(), 2, "{errors}");
        let allowed = format!("allowed \"last\": at most {WINDOWS} rules have a window");
        assert!(errors.to_string().ends_with(&allowed), "{errors}");
    }

    #[test]
    fn built_in_rules_can_be_written_in_a_file() {
        for rule in builtin_rules().into_iter().chain(rules_of_subjects()) {
            assert!(rule.quantity().is_some());
            let last = rule.window.aggregate == Aggregate::Last;
            assert_eq!(last, rule.window.length_ms == 0, "{}", rule.code);
            // agent.toml says "at or above", and the other way for a time left.
            let below = rule
                .quantity()
                .is_some_and(|quantity| quantity.is_forecast() || quantity == Quantity::InodesFree);
            assert_eq!(rule.direction == Direction::Below, below, "{}", rule.code);
        }
    }
}
