//! The examples of docs/API.md are real.

use super::*;

/// The commands of docs/API.md, each with the answer that stands under it.
fn examples(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for block in text.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for example in block.split("$ ").skip(1) {
            let mut command = String::new();
            let mut answer = String::new();
            let mut open = true;
            for line in example.lines() {
                if open {
                    command += line.trim_end_matches('\\');
                    open = line.ends_with('\\');
                } else {
                    answer = answer + line + "\n";
                }
            }
            found.push((command, answer));
        }
    }
    found
}

/// Whether a time, an identity or a secret: what differs each time it is run.
fn varies(text: &str) -> bool {
    let time = text.len() == 24 && text.as_bytes()[10] == b'T' && text.ends_with('Z');
    let alert = text.len() == 10
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let id = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    time || alert || id || text.starts_with("hansho")
}

fn like(written: &Json, real: &Json, place: &str) {
    match (written, real) {
        (Json::Object(one), Json::Object(other)) => {
            let names = |members: &serde_json::Map<String, Json>| {
                members.keys().cloned().collect::<Vec<_>>()
            };
            assert_eq!(names(one), names(other), "{place}");
            for (name, member) in one {
                like(member, &other[name], &format!("{place}.{name}"));
            }
        }
        (Json::Array(one), Json::Array(other)) => {
            assert_eq!(one.len(), other.len(), "{place}");
            for (one, other) in one.iter().zip(other) {
                like(one, other, place);
            }
        }
        (Json::Number(_), Json::Number(_)) if place.ends_with("_ms") => {}
        (Json::String(one), Json::String(other)) if varies(one) && varies(other) => {}
        // A cursor says where it is.
        (Json::String(one), Json::String(other)) if place.ends_with(".next") => {
            assert_eq!(one.len(), other.len(), "{place}");
        }
        (Json::String(one), Json::String(other)) if place.ends_with(".detail") => {
            let words = |text: &str| text.split('=').next().unwrap().to_owned();
            assert_eq!(words(one), words(other), "{place}");
        }
        (one, other) => assert_eq!(one, other, "{place}"),
    }
}

#[test]
fn the_examples_of_the_manual_are_real() {
    let strict = std::env::var("HANSHO_COMMANDS").is_ok_and(|word| word == "all");
    let curl = Command::new("curl").arg("--version").output();
    if !curl.is_ok_and(|output| output.status.success()) {
        assert!(!strict, "curl is missing");
        eprintln!("the examples were not run: there is no curl");
        return;
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/API.md");
    let mut manual = std::fs::read_to_string(&file).unwrap();
    let found = examples(&manual);
    assert!(found.len() >= 8, "{}", found.len());
    let serving = serving();
    let folder = serving.folder.path();
    let program = Path::new(BINARY).parent().unwrap().to_str().unwrap();
    let path = format!("{program}:{}", std::env::var("PATH").unwrap());
    let mut alert = serving.alert.clone();
    for (command, answer) in found {
        let run = command.replace(
            "http://127.0.0.1:8080",
            &format!("http://{}", serving.pages),
        );
        let output = Command::new("sh")
            .args(["-c", &run])
            .current_dir(folder)
            .env("PATH", &path)
            .env("TOKEN", &serving.token)
            .env("ALERT", &alert)
            .output()
            .unwrap();
        let real = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{command}: {real}");
        let Ok(real_json) = serde_json::from_str::<Json>(&real) else {
            assert!(
                answer == real || varies(answer.trim_end()) && varies(real.trim_end()),
                "{command}: {real}"
            );
            continue;
        };
        if std::env::var_os("HANSHO_BLESS").is_some() {
            let pretty = serde_json::to_string_pretty(&real_json).unwrap();
            let (head, tail) = manual
                .split_once(&answer)
                .filter(|_| !answer.is_empty())
                .unwrap_or_else(|| panic!("put a line under {command}, to be replaced"));
            manual = format!("{head}{pretty}\n{tail}");
            continue;
        }
        let written: Json = serde_json::from_str(&answer)
            .unwrap_or_else(|error| panic!("{command}: {error}: {answer}\n{real}"));
        like(&written, &real_json, &command);
        alert = serving.alert.clone();
    }
    if std::env::var_os("HANSHO_BLESS").is_some() {
        std::fs::write(&file, manual).unwrap();
    }
}
