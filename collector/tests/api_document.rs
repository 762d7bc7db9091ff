//! The document of the API: whole, consistent, valid, and the one that stands in docs/openapi.json.
//!
//! `HANSHO_BLESS=1 cargo test -p hansho-collector --test api_document` writes docs/openapi.json anew.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test: what goes wrong fails it, as it should"
)]

use hansho_collector::api::document::{document, text};
use hansho_collector::api::problem::{PROBLEMS, Sort};
use hansho_collector::api::table::{Method, operations, shapes};
use hansho_collector::api::value::{Shape, Side};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json")
}

#[test]
fn the_file_is_what_the_code_says() {
    if std::env::var_os("HANSHO_BLESS").is_some() {
        std::fs::write(file(), text()).unwrap();
    }
    let written = std::fs::read_to_string(file()).unwrap_or_default();
    assert!(
        written == text(),
        "docs/openapi.json is not what the code says: run HANSHO_BLESS=1 cargo test -p hansho-collector --test api_document"
    );
}

/// By a validator that others wrote (`openapi-spec-validator` of `PyPI`), where it is installed.
#[test]
fn the_document_is_valid() {
    let strict = std::env::var("HANSHO_COMMANDS").is_ok_and(|word| word == "all");
    let python = std::env::var("HANSHO_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let there = Command::new(&python)
        .args(["-c", "import openapi_spec_validator"])
        .output();
    if !there.is_ok_and(|output| output.status.success()) {
        assert!(!strict, "{python} has no openapi_spec_validator");
        eprintln!("not checked by others: {python} has no openapi_spec_validator");
        return;
    }
    let output = Command::new(&python)
        .args(["-m", "openapi_spec_validator", "--errors", "all"])
        .arg(file())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_table_is_consistent() {
    let mut ids = BTreeSet::new();
    let mut addresses = BTreeSet::new();
    for operation in operations() {
        assert!(
            ids.insert(operation.id),
            "{} stands there twice",
            operation.id
        );
        let reads = operation.method == Method::Get;
        assert!(
            addresses.insert((operation.path, reads)),
            "{}",
            operation.path
        );
        assert!(operation.path.starts_with("/api/v1/"), "{}", operation.path);
        assert!(!reads || operation.body.is_none(), "{}", operation.id);
        let braces: BTreeSet<&str> = operation
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        let mut names = BTreeSet::new();
        for field in operation.parameters {
            assert!(names.insert(field.name), "{} {}", operation.id, field.name);
        }
        assert!(
            braces.iter().all(|name| names.contains(name)),
            "{}",
            operation.id
        );
        // A request's values are kept in one place: no member of a body may hide a parameter.
        for field in operation.body.map_or(&[][..], |shape| shape.fields) {
            assert!(names.insert(field.name), "{} {}", operation.id, field.name);
        }
    }
    assert!(ids.len() >= 58, "{}", ids.len());
}

/// Two shapes of one name would be one in the document, and a shape that is taken and told too.
#[test]
fn names_of_shapes_are_their_own() {
    let mut found: BTreeMap<&str, (*const Shape, Side)> = BTreeMap::new();
    let mut note = |shape: &'static Shape, side: Side| {
        let known = found.entry(shape.name).or_insert((shape, side));
        assert_eq!(known.1, side, "{}", shape.name);
        assert!(
            std::ptr::eq(known.0, shape) || same(shape, known.0, &shapes()),
            "{}",
            shape.name
        );
    };
    fn walk(shape: &'static Shape, side: Side, note: &mut impl FnMut(&'static Shape, Side)) {
        note(shape, side);
        for field in shape.fields {
            if let Some(inner) = field.kind.inner() {
                walk(inner, side, note);
            }
        }
    }
    for operation in operations() {
        if let Some(shape) = operation.body {
            walk(shape, Side::Taken, &mut note);
        }
        if let Some(shape) = operation.answer.shape() {
            walk(shape, Side::Told, &mut note);
        }
    }
}

/// Constants may be copied: the same schema is the same shape.
fn same(one: &'static Shape, _: *const Shape, known: &[(&'static Shape, Side)]) -> bool {
    known
        .iter()
        .filter(|(shape, _)| shape.name == one.name)
        .all(|(shape, side)| shape.schema(*side) == one.schema(*side))
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let document = document();
    let mut referred = BTreeSet::new();
    fn walk(value: &Json, referred: &mut BTreeSet<String>) {
        match value {
            Json::Object(members) => {
                for (name, member) in members {
                    if name == "$ref" {
                        referred.insert(member.as_str().unwrap().to_owned());
                    }
                    walk(member, referred);
                }
            }
            Json::Array(items) => items.iter().for_each(|item| walk(item, referred)),
            _ => {}
        }
    }
    walk(&document, &mut referred);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let responses = document["components"]["responses"].as_object().unwrap();
    let schemas = schemas
        .keys()
        .map(|name| format!("#/components/schemas/{name}"));
    let responses = responses
        .keys()
        .map(|name| format!("#/components/responses/{name}"));
    // 405 and 429 are said by the router and by logins: of no operation in particular.
    let general = ["Problem405", "Problem429"].map(|name| format!("#/components/responses/{name}"));
    referred.extend(general);
    let there: BTreeSet<String> = schemas.chain(responses).collect();
    assert_eq!(referred, there);
    let tags: BTreeSet<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let used: BTreeSet<&str> = operations().map(|operation| operation.tag).collect();
    assert_eq!(tags, used);
}

#[test]
fn every_sort_of_problem_has_a_word_of_its_own() {
    let words: BTreeSet<&str> = Sort::ALL.into_iter().map(|sort| sort.about().0).collect();
    assert_eq!(words.len(), Sort::ALL.len());
    assert!(operations().any(|operation| operation.path == PROBLEMS));
    for status in [400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503] {
        assert_eq!(Sort::of_status(status).about().1, status);
    }
    assert_eq!(Sort::of_status(418).about().1, 400);
    assert_eq!(Sort::of_status(502).about().1, 500);
}
