//! What a request says, checked against the description of its operation before anybody decides on it.

use super::problem::{Problem, Sort};
use super::table::Operation;
use super::time;
use super::value::{self, Field, Kind, Need, Shape};
use crate::store::AlertId;
use hansho::clock::WallTime;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// Parameters of the path and the query, and members of the body: names differ over all three (tested).
#[derive(Clone, Debug, Default)]
pub struct Input {
    values: BTreeMap<String, Json>,
}

/// What was sent, before it is checked.
#[derive(Debug)]
pub struct Sent<'s> {
    /// Parameters of the path, decoded.
    pub path: &'s [(String, String)],
    /// Parameters of the query, decoded.
    pub query: &'s [(String, String)],
    /// The body; empty where there is none.
    pub body: &'s [u8],
}

impl Input {
    /// Checks a request.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn new(operation: &Operation, sent: &Sent<'_>) -> Result<Self, Problem> {
        let mut input = Self::default();
        for (name, text) in sent.path {
            input.parameter(operation.parameters, name, text)?;
        }
        for (name, text) in sent.query {
            if operation.is_in_path(name) {
                return Err(unknown(name));
            }
            input.parameter(operation.parameters, name, text)?;
        }
        for field in operation.parameters {
            if field.need == Need::Always && !input.values.contains_key(field.name) {
                return Err(missing(field.name));
            }
        }
        match operation.body {
            None if sent.body.is_empty() => {}
            None => return Err(Problem::new(Sort::Malformed, "this address takes no body")),
            Some(shape) => input.members(shape, sent.body)?,
        }
        Ok(input)
    }

    fn parameter(&mut self, fields: &[Field], name: &str, text: &str) -> Result<(), Problem> {
        let field = fields.iter().find(|field| field.name == name);
        let field = field.ok_or_else(|| unknown(name))?;
        self.take(field, field.kind.of_text(text))
    }

    fn members(&mut self, shape: &Shape, body: &[u8]) -> Result<(), Problem> {
        let members = if body.is_empty() {
            Map::new()
        } else {
            let parsed: Json = serde_json::from_slice(body).map_err(|error| {
                Problem::new(
                    Sort::Malformed,
                    format!(
                        "the body is no JSON: line {}, column {}",
                        error.line(),
                        error.column()
                    ),
                )
            })?;
            match parsed {
                Json::Object(members) => members,
                _ => return Err(Problem::new(Sort::Malformed, "the body is no JSON object")),
            }
        };
        for (name, value) in members {
            let field = shape.fields.iter().find(|field| field.name == name);
            let field = field.ok_or_else(|| unknown(&name))?;
            self.take(field, value)?;
        }
        for field in shape.fields {
            if field.need == Need::Always && !self.values.contains_key(field.name) {
                return Err(missing(field.name));
            }
        }
        Ok(())
    }

    fn take(&mut self, field: &Field, value: Json) -> Result<(), Problem> {
        if value.is_null() && field.need == Need::Nullable {
            return Ok(());
        }
        if let (Kind::Object(shape), Json::Object(members)) = (field.kind, &value) {
            inner(field.name, shape, members)?;
        }
        if !field.kind.takes(&value) {
            return Err(bad(field.name, &field.kind));
        }
        if field.is_not_empty() && value.as_str() == Some("") {
            return Err(Problem::of(Sort::BadValue, field.name, "it is empty"));
        }
        if self.values.insert(field.name.to_owned(), value).is_some() {
            return Err(Problem::of(
                Sort::Unknown,
                field.name,
                "it stands there twice",
            ));
        }
        Ok(())
    }

    /// The members of an object within the body.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<Self> {
        let members = self.values.get(name)?.as_object()?;
        let given = members.iter().filter(|(_, value)| !value.is_null());
        let given = given.map(|(name, value)| (name.clone(), value.clone()));
        Some(Self {
            values: given.collect(),
        })
    }

    /// Whether it was given.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// A text that was given.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Json::as_str)
    }

    /// A text; empty where it was not given.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.given(name).unwrap_or("")
    }

    /// A text of one's own.
    #[must_use]
    pub fn owned(&self, name: &str) -> Option<String> {
        self.given(name).map(str::to_owned)
    }

    /// A number.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<u64> {
        self.values.get(name).and_then(value::whole)
    }

    /// A flag; false where it was not given.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.maybe(name).unwrap_or(false)
    }

    /// A flag that was given.
    #[must_use]
    pub fn maybe(&self, name: &str) -> Option<bool> {
        self.values.get(name).and_then(Json::as_bool)
    }

    /// A moment.
    #[must_use]
    pub fn moment(&self, name: &str) -> Option<WallTime> {
        match self.values.get(name)? {
            Json::String(text) => time::parse(text),
            other => value::whole(other).map(WallTime::from_millis),
        }
    }

    /// A moment that must have been given.
    ///
    /// # Errors
    /// It was not.
    pub fn needed_moment(&self, name: &str) -> Result<WallTime, Problem> {
        self.moment(name).ok_or_else(|| missing(name))
    }

    /// A code.
    #[must_use]
    pub fn code(&self, name: &str) -> Option<u16> {
        self.values.get(name).and_then(value::code)
    }

    /// An alert's identity.
    ///
    /// # Errors
    /// There is none of such a text.
    pub fn alert(&self) -> Result<AlertId, Problem> {
        let id = self.text("alert").parse();
        id.map_err(|()| Problem::not_found("alert"))
    }

    /// A list of texts.
    #[must_use]
    pub fn texts(&self, name: &str) -> Option<Vec<String>> {
        let list = self.values.get(name)?.as_array()?;
        let texts = list.iter().filter_map(Json::as_str).map(str::to_owned);
        Some(texts.collect())
    }
}

fn inner(outer: &str, shape: &Shape, members: &Map<String, Json>) -> Result<(), Problem> {
    let path = |name: &str| format!("{outer}.{name}");
    for (name, value) in members {
        let field = shape.fields.iter().find(|field| field.name == name);
        let field = field.ok_or_else(|| unknown(&path(name)))?;
        let absent = value.is_null() && field.need == Need::Nullable;
        if !absent && !field.kind.takes(value) {
            return Err(bad(&path(name), &field.kind));
        }
    }
    for field in shape.fields {
        if field.need == Need::Always && !members.contains_key(field.name) {
            return Err(missing(&path(field.name)));
        }
    }
    Ok(())
}

/// At most so many characters of a name that somebody sent are said back.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

fn unknown(name: &str) -> Problem {
    Problem::of(Sort::Unknown, &shown(name), "it is not known here")
}

fn missing(name: &str) -> Problem {
    Problem::of(Sort::Missing, name, "it is needed")
}

fn bad(name: &str, kind: &Kind) -> Problem {
    Problem::of(
        Sort::BadValue,
        name,
        format!("allowed is {}", kind.allowed()),
    )
}
