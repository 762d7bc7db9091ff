//! Whether a value fits a schema of the `OpenAPI` document: the part of JSON Schema 2020-12 that the document uses, read
//! independently of what makes the document. A word that is not known here fails.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test uses a part of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test: what goes wrong fails it, as it should"
)]

use serde_json::Value as Json;

/// The schema of an answer; `None` where the document has no such status.
pub fn of_answer<'d>(
    document: &'d Json,
    path: &str,
    method: &str,
    status: u16,
) -> Option<(&'d str, &'d Json)> {
    let responses = &document["paths"][path][method]["responses"];
    let mut response = responses.get(status.to_string())?;
    if let Some(reference) = response.get("$ref") {
        let name = reference
            .as_str()
            .unwrap()
            .strip_prefix("#/components/responses/");
        response = &document["components"]["responses"][name.unwrap()];
    }
    let content = response["content"].as_object().unwrap();
    let (kind, content) = content.iter().next().unwrap();
    Some((kind, &content["schema"]))
}

fn kind_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_f64() => "number",
        Json::Number(_) => "integer",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

/// What does not fit, with its place.
#[expect(
    clippy::too_many_lines,
    reason = "a table: one arm a word of the schema"
)]
pub fn misfit(document: &Json, schema: &Json, value: &Json, place: &str) -> Option<String> {
    let said = |what: &str| Some(format!("{place}: {what}: {value}"));
    for (word, rule) in schema.as_object().unwrap() {
        let wrong = match word.as_str() {
            "description" | "pattern" | "minLength" => None,
            "$ref" => {
                let name = rule
                    .as_str()
                    .unwrap()
                    .strip_prefix("#/components/schemas/")
                    .unwrap();
                let inner = document["components"]["schemas"].get(name);
                let inner = inner.unwrap_or_else(|| panic!("no schema {name}"));
                misfit(document, inner, value, &format!("{place}<{name}>"))
            }
            "type" => {
                let kinds: Vec<&str> = match rule {
                    Json::String(kind) => vec![kind],
                    list => list
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|kind| kind.as_str().unwrap())
                        .collect(),
                };
                if kinds.contains(&kind_of(value)) {
                    None
                } else {
                    said("type")
                }
            }
            "enum" => {
                if rule.as_array().unwrap().contains(value) {
                    None
                } else {
                    said("enum")
                }
            }
            "minimum" => match value.as_u64() {
                Some(number) if number < rule.as_u64().unwrap() => said("minimum"),
                _ => None,
            },
            "maximum" => match value.as_u64() {
                Some(number) if number > rule.as_u64().unwrap() => said("maximum"),
                _ => None,
            },
            "maxLength" => match value.as_str() {
                Some(text) if text.chars().count() as u64 > rule.as_u64().unwrap() => {
                    said("maxLength")
                }
                _ => None,
            },
            "format" => {
                assert_eq!(rule, "date-time");
                match value.as_str() {
                    Some(text)
                        if !(text.len() == 24
                            && text.ends_with('Z')
                            && text.as_bytes()[10] == b'T') =>
                    {
                        said("format")
                    }
                    _ => None,
                }
            }
            "items" => value.as_array().and_then(|list| {
                list.iter()
                    .enumerate()
                    .find_map(|(n, item)| misfit(document, rule, item, &format!("{place}[{n}]")))
            }),
            "maxItems" => match value.as_array() {
                Some(list) if list.len() as u64 > rule.as_u64().unwrap() => said("maxItems"),
                _ => None,
            },
            "uniqueItems" => match value.as_array() {
                Some(list)
                    if list
                        .iter()
                        .enumerate()
                        .any(|(n, item)| list[..n].contains(item)) =>
                {
                    said("uniqueItems")
                }
                _ => None,
            },
            "anyOf" => {
                let any = rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|one| misfit(document, one, value, place).is_none());
                if any { None } else { said("anyOf") }
            }
            "oneOf" => {
                let fits = rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|one| misfit(document, one, value, place).is_none());
                if fits.count() == 1 {
                    None
                } else {
                    said("oneOf")
                }
            }
            "properties" => value.as_object().and_then(|members| {
                members.iter().find_map(|(name, member)| {
                    misfit(
                        document,
                        rule.get(name)?,
                        member,
                        &format!("{place}.{name}"),
                    )
                })
            }),
            "required" => value.as_object().and_then(|members| {
                let missing = rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|name| !members.contains_key(name.as_str().unwrap()));
                missing.and_then(|name| said(&format!("{name} is missing")))
            }),
            "additionalProperties" => {
                assert_eq!(rule, false);
                value.as_object().and_then(|members| {
                    let known = schema["properties"].as_object().unwrap();
                    let unknown = members.keys().find(|name| !known.contains_key(*name));
                    unknown.and_then(|name| said(&format!("{name} is not known")))
                })
            }
            other => panic!("{place}: the schema says {other}"),
        };
        if wrong.is_some() {
            return wrong;
        }
    }
    None
}
