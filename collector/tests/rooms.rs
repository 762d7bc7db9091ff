//! One way only: a room imports what stands left of it, never what stands right of it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test: what goes wrong fails it, as it should"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// From left to right.
const ROOMS: [&str; 10] = [
    "ingest", "store", "presence", "handling", "notify", "alive", "people", "api", "web", "cli",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn wrong(room: usize, text: &str) -> Option<&'static str> {
    let code: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let code = code.join("\n");
    ROOMS
        .into_iter()
        .skip(room.saturating_add(1))
        .find(|right| {
            code.contains(&format!("crate::{right}"))
                || code.contains(&format!("use super::super::{right}"))
        })
}

#[test]
fn data_flows_to_the_right() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (index, room) in ROOMS.iter().enumerate() {
        let mut files = Vec::new();
        sources(&src.join(room), &mut files);
        assert!(!files.is_empty());
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            assert_eq!(wrong(index, &text), None, "{}", file.display());
        }
    }
    // What all may import imports no room.
    for common in [
        "clock",
        "codes",
        "config",
        "directory",
        "exit",
        "host",
        "keys",
        "limit",
        "logger",
        "plain",
        "planted",
        "zone",
    ] {
        let mut files = vec![src.join(format!("{common}.rs"))];
        if src.join(common).is_dir() {
            files.clear();
            sources(&src.join(common), &mut files);
        }
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            for room in ROOMS {
                assert!(
                    !text.contains(&format!("crate::{room}")),
                    "{common} imports {room}"
                );
            }
        }
    }
}

#[test]
fn the_rule_finds_what_is_wrong() {
    assert_eq!(wrong(0, "use crate::store::Store;"), Some("store"));
    assert_eq!(wrong(1, "use crate::ingest::Job;"), None);
    assert_eq!(wrong(0, "// use crate::store::Store;"), None);
}
