//! The `OpenAPI` document (3.1, JSON Schema 2020-12), made of the table.

use super::problem::{PROBLEM, Sort};
use super::table::{Answer, Method, Operation, operations, shapes};
use super::value::Need;
use crate::people::Action;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// Headings, with what stands under them.
const TAGS: [(&str, &str); 8] = [
    ("About", "The collector and the one who asks."),
    (
        "Agents",
        "Hosts that are watched, what they sent, and their keys.",
    ),
    ("Alerts", "What fires and what fired, and who has taken it."),
    ("Quiet", "Silences and windows."),
    ("Systems", "Systems of customers, and notes on them."),
    (
        "Codes",
        "What alerts mean, whom they reach, and what was agreed.",
    ),
    ("Audit", "Who did what."),
    ("People", "Accounts and API tokens."),
];

/// Who may, in the words of the document.
const fn right(action: Action) -> &'static str {
    match action {
        Action::See => "Role viewer.",
        Action::Acknowledge | Action::Silence | Action::Note | Action::Window => "Role operator.",
        Action::ReadAudit | Action::ManageAgents => "Role admin.",
        Action::ManageAccounts | Action::ManageTokens => {
            "Role admin, for those who see all customers."
        }
    }
}

/// The whole document.
#[must_use]
pub fn document() -> Json {
    let mut paths: Map<String, Json> = Map::new();
    for operation in operations() {
        let method = match operation.method {
            Method::Get => "get",
            Method::Post => "post",
        };
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Json::Object(methods) = path {
            methods.insert(method.to_owned(), described(operation));
        }
    }
    let schemas: Map<String, Json> = shapes()
        .into_iter()
        .map(|(shape, side)| (shape.name.to_owned(), shape.schema(side)))
        .collect();
    let tags = TAGS.map(|(name, says)| json!({ "name": name, "description": says }));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "hansho collector",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": env!("CARGO_PKG_LICENSE") },
            "description": "All that the pages show and do. Times are told in UTC (RFC 3339) and, under the name with `_ms`, in \
                            milliseconds since 1970; they are taken with any zone, or in milliseconds. What is not known is null. Parameters \
                            and members that are not known are refused. What belongs to another customer answers as if it were not there.",
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": problems(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API token, as `hansho-collector token add` or the pages make it.",
                },
            },
        },
    })
}

fn described(operation: &Operation) -> Json {
    let mut object = Map::new();
    let says = operation.says;
    let (summary, _) = says.split_once(". ").unwrap_or((says, ""));
    object.insert("operationId".to_owned(), json!(operation.id));
    object.insert("tags".to_owned(), json!([operation.tag]));
    object.insert("summary".to_owned(), json!(summary.trim_end_matches('.')));
    let says = format!("{says} {}", right(operation.action));
    object.insert("description".to_owned(), json!(says));
    let parameters: Vec<Json> = operation
        .parameters
        .iter()
        .map(|field| {
            let in_path = operation.is_in_path(field.name);
            json!({
                "name": field.name,
                "in": if in_path { "path" } else { "query" },
                "required": in_path || field.need == Need::Always,
                "description": field.says,
                "schema": field.parameter(),
            })
        })
        .collect();
    if !parameters.is_empty() {
        object.insert("parameters".to_owned(), Json::Array(parameters));
    }
    if let Some(shape) = operation.body {
        let needed = shape.fields.iter().any(|field| field.need == Need::Always);
        let body = json!({
            "required": needed,
            "content": { "application/json": { "schema": shape.reference() } },
        });
        object.insert("requestBody".to_owned(), body);
    }
    object.insert("responses".to_owned(), responses(operation));
    Json::Object(object)
}

fn responses(operation: &Operation) -> Json {
    let content = match operation.answer {
        Answer::One(shape) | Answer::Made(shape) => {
            json!({ "application/json": { "schema": shape.reference() } })
        }
        Answer::Page(shape) => json!({ "application/json": { "schema": {
            "type": "object",
            "properties": {
                "items": { "type": "array", "items": shape.reference() },
                "next": {
                    "type": ["string", "null"],
                    "description": "The `cursor` of the next page; null where this is the last.",
                },
            },
            "required": ["items", "next"],
            "additionalProperties": false,
        } } }),
        Answer::Csv => json!({ "text/csv": { "schema": { "type": "string" } } }),
        Answer::Document => json!({ "application/json": { "schema": { "type": "object" } } }),
    };
    let mut responses = Map::new();
    let done = match operation.answer {
        Answer::Made(_) => "Made.",
        _ => "Done.",
    };
    responses.insert(
        operation.answer.status().to_string(),
        json!({ "description": done, "content": content }),
    );
    for sort in operation.all_problems() {
        let status = sort.about().1.to_string();
        let reference = json!({ "$ref": format!("#/components/responses/Problem{status}") });
        responses.insert(status, reference);
    }
    Json::Object(responses)
}

/// Answers that any operation may give instead, one a status.
fn problems() -> Map<String, Json> {
    let mut titles: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for sort in Sort::ALL {
        let (_, status, title) = sort.about();
        titles.entry(status).or_default().push(title);
    }
    let problem = |(status, titles): (u16, Vec<&str>)| {
        let schema = PROBLEM.reference();
        let problem = json!({
            "description": format!("{}.", titles.join("; or: ")),
            "content": { "application/problem+json": { "schema": schema } },
        });
        (format!("Problem{status}"), problem)
    };
    titles.into_iter().map(problem).collect()
}

/// The document as it stands in `docs/openapi.json`.
#[must_use]
pub fn text() -> String {
    // A value of strings and numbers can always be written.
    let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    text.push('\n');
    text
}
