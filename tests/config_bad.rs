//! Every bad file says all that is wrong with it, line by line, as its golden text has it.
//!
//! `HANSHO_BLESS=1` writes the texts anew; read them before they are committed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

use hansho::config::parse_bytes;
use std::path::{Path, PathBuf};

fn cases() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/config");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    cases.sort();
    cases
}

fn told(path: &Path) -> String {
    let name = path.file_name().unwrap().to_str().unwrap();
    match parse_bytes(&std::fs::read(path).unwrap(), name) {
        Ok(_) => panic!("{name} was accepted"),
        Err(errors) => format!("{errors}\n"),
    }
}

#[test]
fn each_bad_file_tells_all_its_faults() {
    let cases = cases();
    assert!(cases.len() >= 40, "{}", cases.len());
    let bless = std::env::var_os("HANSHO_BLESS").is_some();
    let mut wrong = Vec::new();
    for path in cases {
        let told = told(&path);
        let golden = path.with_extension("txt");
        if bless {
            std::fs::write(&golden, &told).unwrap();
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != told {
            wrong.push(format!("{}\n{told}", golden.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn faults_have_one_form_and_come_in_the_order_of_lines() {
    for path in cases() {
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let errors = parse_bytes(&bytes, name).unwrap_err();
        assert!(errors.list().is_sorted_by_key(|error| error.line));
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
        for error in errors.list() {
            assert!(
                (1..=lines).contains(&usize::try_from(error.line).unwrap()),
                "{error}"
            );
            let shown = error.to_string();
            assert!(!shown.contains(char::is_control), "{shown:?}");
            assert!(shown.starts_with(&format!("{name}:{}: {}: found ", error.line, error.key)));
            assert!(
                !error.found.is_empty() && !error.allowed.is_empty(),
                "{shown}"
            );
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}
