//! What values may be: one description, by which parameters and bodies are checked and from which the document is made.

use super::time;
use crate::limit::SCOPE_CUSTOMERS;
use serde_json::{Map, Value as Json, json};

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text of at most so many characters.
    Text(usize),
    /// Text of a form.
    Form(&'static Form),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Some of these words, each at most once.
    Words(&'static [&'static str]),
    /// Texts: at most so many, of at most so many characters.
    Texts(usize, usize),
    /// A moment. Told as two members: RFC 3339 in UTC, and milliseconds since 1970 under the name with `_ms`. Taken as either.
    Moment,
    /// A whole number from, to.
    Integer(u64, u64),
    /// A whole number that may be negative.
    Signed,
    /// True or false.
    Flag,
    /// A code: told as its number, taken as `1002`, `"HNS1002"` or `"HNS1002-E"`.
    Code,
    /// Codes, told as numbers.
    Codes,
    /// `"all"`, or the names of customers.
    Customers,
    /// An object.
    Object(&'static Shape),
    /// A list of objects.
    List(&'static Shape),
}

/// A form of text.
#[derive(Debug)]
pub struct Form {
    /// As a regular expression (ECMA-262), for the document.
    pub pattern: &'static str,
    /// Whether a text has it.
    pub fits: fn(&str) -> bool,
    /// For messages.
    pub allowed: &'static str,
}

/// Whether a member is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Always, and never null.
    Always,
    /// Always in answers, null where it is not known; in requests it may be missing or null.
    Nullable,
}

/// A parameter, or a member of an object.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Name.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Whether it is there.
    pub need: Need,
    /// Meaning, for the document.
    pub says: &'static str,
}

/// A member that is always there.
#[must_use]
pub const fn must(name: &'static str, kind: Kind, says: &'static str) -> Field {
    Field {
        name,
        kind,
        need: Need::Always,
        says,
    }
}

/// A member that may be null, or a parameter that may be missing.
#[must_use]
pub const fn may(name: &'static str, kind: Kind, says: &'static str) -> Field {
    Field {
        name,
        kind,
        need: Need::Nullable,
        says,
    }
}

/// An object: its name in the document, and its members.
#[derive(Debug)]
pub struct Shape {
    /// Name.
    pub name: &'static str,
    /// Meaning.
    pub says: &'static str,
    /// Members.
    pub fields: &'static [Field],
}

/// Whether the collector takes a value, or tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// In a request.
    Taken,
    /// In an answer.
    Told,
}

/// Largest number of an answer that is not bounded otherwise.
pub const ANY: u64 = u64::MAX;

/// A count, a size, a time: not bounded but by its width.
pub const NUMBER: Kind = Kind::Integer(0, ANY);

impl Form {
    fn schema(&self) -> Json {
        json!({ "type": "string", "pattern": self.pattern })
    }
}

impl Kind {
    /// What is allowed, for messages.
    #[must_use]
    pub fn allowed(&self) -> String {
        match self {
            Self::Text(most) => format!("a text of at most {most} characters"),
            Self::Form(form) => form.allowed.to_owned(),
            Self::Word(words) => format!("one of {}", words.join(", ")),
            Self::Words(words) => format!("a list of some of {}, each once", words.join(", ")),
            Self::Texts(most, characters) => {
                format!("a list of at most {most} texts of at most {characters} characters")
            }
            Self::Moment => {
                "a time with its zone as 2026-11-24T03:20:00+09:00 (RFC 3339), or milliseconds since 1970".to_owned()
            }
            Self::Integer(from, ANY) => format!("a whole number from {from}"),
            Self::Integer(from, to) => format!("a whole number from {from} to {to}"),
            Self::Signed => "a whole number".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Code => "a code as HNS1002, HNS1002-E or 1002".to_owned(),
            Self::Codes => "a list of codes".to_owned(),
            Self::Customers => format!("\"all\", or a list of at most {SCOPE_CUSTOMERS} customers"),
            Self::Object(_) => "an object".to_owned(),
            Self::List(_) => "a list of objects".to_owned(),
        }
    }

    /// Whether a value that was sent is one; members of objects are looked at by [`Shape::check`].
    #[must_use]
    pub fn takes(&self, value: &Json) -> bool {
        let text = |most: usize, value: &Json| {
            value
                .as_str()
                .is_some_and(|text| text.chars().count() <= most)
        };
        match self {
            Self::Text(most) => text(*most, value),
            Self::Form(form) => value.as_str().is_some_and(form.fits),
            Self::Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Self::Words(words) => value.as_array().is_some_and(|list| {
                let known = |word: &Json| word.as_str().is_some_and(|word| words.contains(&word));
                list.len() <= words.len() && list.iter().all(known) && all_differ(list)
            }),
            Self::Texts(most, characters) => value.as_array().is_some_and(|list| {
                list.len() <= *most && list.iter().all(|item| text(*characters, item))
            }),
            Self::Moment => match value {
                Json::String(text) => time::parse(text).is_some(),
                other => whole(other).is_some(),
            },
            Self::Integer(from, to) => whole(value).is_some_and(|n| (*from..=*to).contains(&n)),
            Self::Signed => value.as_i64().is_some(),
            Self::Flag => value.is_boolean(),
            Self::Code => code(value).is_some(),
            Self::Codes => value
                .as_array()
                .is_some_and(|list| list.iter().all(|item| code(item).is_some())),
            Self::Customers => match value {
                Json::String(word) => word == "all",
                Json::Array(list) => {
                    list.len() <= SCOPE_CUSTOMERS && list.iter().all(|name| text(256, name))
                }
                _ => false,
            },
            Self::Object(_) => value.is_object(),
            Self::List(_) => value
                .as_array()
                .is_some_and(|list| list.iter().all(Json::is_object)),
        }
    }

    /// A parameter's text as the value that it means.
    #[must_use]
    pub fn of_text(&self, text: &str) -> Json {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = || text.parse::<u64>().ok().filter(|_| digits);
        match self {
            Self::Integer(..) | Self::Moment | Self::Code => {
                number().map_or_else(|| json!(text), |number| json!(number))
            }
            Self::Flag if text == "true" => json!(true),
            Self::Flag if text == "false" => json!(false),
            _ => json!(text),
        }
    }

    fn schema(&self, side: Side) -> Json {
        match self {
            Self::Text(most) => json!({ "type": "string", "maxLength": most }),
            Self::Form(form) => form.schema(),
            Self::Word(words) => json!({ "type": "string", "enum": words }),
            Self::Words(words) => json!({
                "type": "array",
                "items": { "type": "string", "enum": words },
                "maxItems": words.len(),
                "uniqueItems": true,
            }),
            Self::Texts(most, characters) => json!({
                "type": "array",
                "items": { "type": "string", "maxLength": characters },
                "maxItems": most,
            }),
            Self::Moment if side == Side::Taken => json!({ "oneOf": [
                { "type": "string", "format": "date-time" },
                { "type": "integer", "minimum": 0 },
            ]}),
            Self::Moment => json!({ "type": "string", "format": "date-time" }),
            Self::Integer(from, ANY) if side == Side::Told => {
                json!({ "type": "integer", "minimum": from })
            }
            Self::Integer(from, to) => {
                json!({ "type": "integer", "minimum": from, "maximum": to })
            }
            Self::Signed => json!({ "type": "integer" }),
            Self::Flag => json!({ "type": "boolean" }),
            Self::Code if side == Side::Taken => json!({ "oneOf": [
                { "type": "integer", "minimum": 1000, "maximum": 9999 },
                { "type": "string", "pattern": CODE },
            ]}),
            Self::Code => json!({ "type": "integer", "minimum": 0, "maximum": u16::MAX }),
            Self::Codes => json!({
                "type": "array",
                "items": { "type": "integer", "minimum": 0, "maximum": u16::MAX },
            }),
            Self::Customers => json!({ "oneOf": [
                { "type": "string", "enum": ["all"] },
                {
                    "type": "array",
                    "items": { "type": "string", "maxLength": 256 },
                    "maxItems": SCOPE_CUSTOMERS,
                },
            ]}),
            Self::Object(shape) => shape.reference(),
            Self::List(shape) => json!({ "type": "array", "items": shape.reference() }),
        }
    }

    /// The shape that it refers to.
    #[must_use]
    pub const fn inner(&self) -> Option<&'static Shape> {
        match self {
            Self::Object(shape) | Self::List(shape) => Some(shape),
            _ => None,
        }
    }
}

/// A whole number, however it is written: 1 and 1.0 are one to JSON Schema (2020-12, 4.2.1).
#[must_use]
pub fn whole(value: &Json) -> Option<u64> {
    let written = value.as_f64().filter(|number| number.fract() == 0.0);
    value.as_u64().or_else(|| {
        // Beyond 2^53 not every whole number can be written so.
        let bounded = written.filter(|number| (0.0..=9_007_199_254_740_992.0).contains(number))?;
        format!("{bounded:.0}").parse().ok()
    })
}

/// How codes may be written.
const CODE: &str = "^(HNS)?[1-9][0-9]{3}(-[IWE])?$";

/// The number of a code as people write it; whether the registry has it is another question.
#[must_use]
pub fn code(value: &Json) -> Option<u16> {
    let number = match value {
        Json::String(text) => {
            let text = text.strip_prefix("HNS").unwrap_or(text);
            let letters = ["-I", "-W", "-E"];
            let letter = letters
                .into_iter()
                .find_map(|letter| text.strip_suffix(letter));
            let text = letter.unwrap_or(text);
            let digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|_| digits)?
        }
        other => u16::try_from(whole(other)?).ok()?,
    };
    (1000..=9999).contains(&number).then_some(number)
}

fn all_differ(list: &[Json]) -> bool {
    list.iter().enumerate().all(|(index, item)| {
        list.iter()
            .skip(index.saturating_add(1))
            .all(|other| other != item)
    })
}

/// The same schema, or null.
fn or_null(schema: Json) -> Json {
    match schema {
        Json::Object(mut members) if members.get("type").is_some_and(Json::is_string) => {
            if let Some(kind) = members.get("type").cloned() {
                members.insert("type".to_owned(), json!([kind, "null"]));
            }
            if let Some(Json::Array(words)) = members.get_mut("enum") {
                words.push(Json::Null);
            }
            Json::Object(members)
        }
        other => json!({ "anyOf": [other, { "type": "null" }] }),
    }
}

impl Field {
    /// Its schema, without its name.
    #[must_use]
    pub fn schema(&self, side: Side) -> Json {
        let schema = self.kind.schema(side);
        let mut schema = match self.need {
            Need::Always => schema,
            Need::Nullable => or_null(schema),
        };
        if side == Side::Taken && self.is_not_empty() {
            put(&mut schema, "minLength", json!(1));
        }
        put(&mut schema, "description", json!(self.says));
        schema
    }

    /// The schema of a parameter: its text is never null.
    #[must_use]
    pub fn parameter(&self) -> Json {
        let mut schema = self.kind.schema(Side::Taken);
        if self.is_not_empty() {
            put(&mut schema, "minLength", json!(1));
        }
        schema
    }

    /// A text that a request must have says something.
    #[must_use]
    pub const fn is_not_empty(&self) -> bool {
        matches!((self.need, self.kind), (Need::Always, Kind::Text(_)))
    }
}

fn put(schema: &mut Json, word: &str, value: Json) {
    if let Json::Object(members) = schema {
        members.insert(word.to_owned(), value);
    }
}

impl Shape {
    /// A reference to it in the document.
    #[must_use]
    pub fn reference(&self) -> Json {
        json!({ "$ref": format!("#/components/schemas/{}", self.name) })
    }

    /// Its schema; nothing but its members is allowed.
    #[must_use]
    pub fn schema(&self, side: Side) -> Json {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in self.fields {
            let always = side == Side::Told || field.need == Need::Always;
            if always {
                required.push(json!(field.name));
            }
            properties.insert(field.name.to_owned(), field.schema(side));
            if side == Side::Told && matches!(field.kind, Kind::Moment) {
                let name = format!("{}_ms", field.name);
                required.push(json!(name));
                let ms = Field {
                    kind: NUMBER,
                    says: "The same in milliseconds since 1970-01-01T00:00:00Z.",
                    ..*field
                };
                properties.insert(name, ms.schema(side));
            }
        }
        json!({
            "type": "object",
            "description": self.says,
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_taken_as_people_write_them() {
        for (value, found) in [
            (json!("HNS1002"), Some(1002)),
            (json!("HNS1002-E"), Some(1002)),
            (json!("1002"), Some(1002)),
            (json!(1002), Some(1002)),
            (json!("HNS100"), None),
            (json!("HNS10021"), None),
            (json!("HNS1002-X"), None),
            (json!("hns1002"), None),
            (json!("+100"), None),
            (json!(999), None),
            (json!(65_536), None),
            (json!(-1), None),
            (json!(1002.0), Some(1002)),
            (json!(1002.5), None),
            (json!(null), None),
        ] {
            assert_eq!(code(&value), found, "{value}");
        }
    }

    #[test]
    fn what_a_kind_takes_is_bounded() {
        for (kind, value, takes) in [
            (Kind::Text(2), json!("半鐘"), true),
            (Kind::Text(2), json!("半鐘!"), false),
            (Kind::Text(2), json!(1), false),
            (Kind::Word(&["a", "b"]), json!("b"), true),
            (Kind::Word(&["a", "b"]), json!("c"), false),
            (Kind::Words(&["a", "b"]), json!(["b", "a"]), true),
            (Kind::Words(&["a", "b"]), json!(["a", "a"]), false),
            (Kind::Integer(1, 3), json!(3), true),
            (Kind::Integer(1, 3), json!(4), false),
            (Kind::Integer(1, 3), json!(1.5), false),
            (Kind::Flag, json!("true"), false),
            (Kind::Moment, json!("2026-11-24T03:20:00+09:00"), true),
            (Kind::Moment, json!("2026-11-24T03:20:00"), false),
            (Kind::Moment, json!(1_795_489_087_000_u64), true),
            (Kind::Moment, json!(-1), false),
            (Kind::Customers, json!("all"), true),
            (Kind::Customers, json!(["A", "B"]), true),
            (Kind::Customers, json!("A"), false),
            (Kind::Customers, json!(null), false),
        ] {
            assert_eq!(kind.takes(&value), takes, "{kind:?} {value}");
        }
    }

    #[test]
    fn a_parameter_is_read_by_its_kind() {
        assert_eq!(Kind::Integer(0, 9).of_text("7"), json!(7));
        assert_eq!(Kind::Integer(0, 9).of_text("+7"), json!("+7"));
        assert_eq!(Kind::Text(9).of_text("7"), json!("7"));
        assert_eq!(Kind::Flag.of_text("true"), json!(true));
        assert_eq!(Kind::Flag.of_text("1"), json!("1"));
        assert_eq!(
            Kind::Moment.of_text("1795489087000"),
            json!(1_795_489_087_000_u64)
        );
    }
}
