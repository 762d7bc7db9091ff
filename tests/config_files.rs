//! agent.toml and the `*.toml` of agent.d beside it: what adds, what is refused, and where each value came from.
#![cfg(feature = "std")]
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use hansho::config::{directory, find, load, show};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

/// A folder with an agent.toml and files in agent.d, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, agent: &str, beside: &[(&str, &str)]) -> Self {
        let folder =
            std::env::temp_dir().join(format!("hansho-files-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(folder.join("agent.d")).unwrap();
        fs::write(folder.join("agent.toml"), agent).unwrap();
        for (name, text) in beside {
            fs::write(folder.join("agent.d").join(name), text).unwrap();
        }
        Self(folder)
    }

    fn config(&self) -> PathBuf {
        self.0.join("agent.toml")
    }

    /// Every fault, a line each, without the folder.
    fn faults(&self) -> Vec<String> {
        let text = load(&self.config()).unwrap_err().to_string();
        let folder = format!("{}/", self.0.display());
        text.lines().map(|line| line.replace(&folder, "")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

const FIRST: &str = "config_version = 1\n[forward]\nurls = [\"https://a.example/\"]\n[[rule]]\ncode = 1001\nenabled = false\n";

#[test]
fn tables_and_lists_add_in_the_order_of_names() {
    let folder = Folder::new(
        "add",
        FIRST,
        &[
            ("20-b.toml", "[forward]\nurls = [\"https://c.example/\"]\n"),
            (
                "10-a.toml",
                "config_version = 1\n\n[forward]\npost_interval = \"60s\"\nurls = [\"https://b.example/\"]\n[sample]\ninterval = \"2s\"\n[[rule]]\ncode = 1002\nraise_after = \"9s\"",
            ),
            ("README", "not TOML"),
            ("30.toml.bak", "not TOML"),
            (".30.toml", "not TOML"),
            ("40.TOML", "not TOML"),
        ],
    );
    let plan = load(&folder.config()).unwrap();
    let urls: Vec<&str> = plan
        .forward
        .urls
        .iter()
        .map(|url| url.url.as_str())
        .collect();
    assert_eq!(
        urls,
        [
            "https://a.example/",
            "https://b.example/",
            "https://c.example/"
        ]
    );
    assert_eq!(plan.forward.post_interval_ms, 60_000);
    assert_eq!(plan.origin("forward.post_interval"), "agent.d/10-a.toml:4");
    assert_eq!(plan.origin("sample.interval"), "agent.d/10-a.toml:7");
    assert_eq!(plan.origin("rule 1001.enabled"), "agent.toml:6");
    assert_eq!(plan.origin("rule 1002.raise_after"), "agent.d/10-a.toml:10");
    let origin = |code| {
        let rule = plan
            .rules
            .iter()
            .find(|effective| effective.rule.code == code);
        rule.unwrap().origin.clone()
    };
    assert_eq!(origin(1001), "agent.toml:4");
    assert_eq!(origin(1002), "agent.d/10-a.toml:8");
    assert!(show(&plan).contains("interval = \"2s\" # agent.d/10-a.toml:7\n"));
    // The same in one file has the same fingerprint.
    let one = "config_version = 1\n[forward]\nurls = [\"https://a.example/\", \"https://b.example/\", \"https://c.example/\"]\npost_interval = \"60s\"\n[sample]\ninterval = \"2s\"\n[[rule]]\ncode = 1001\nenabled = false\n[[rule]]\ncode = 1002\nraise_after = \"9s\"";
    let one = hansho::config::parse(one, "agent.toml").unwrap();
    assert_eq!(one.fingerprint(), plan.fingerprint());
    assert_ne!(
        one.fingerprint(),
        hansho::config::Plan::default().fingerprint()
    );
    assert_eq!(directory(&folder.config()), folder.0.join("agent.d"));
}

#[test]
fn what_is_given_twice_names_both_places() {
    let folder = Folder::new(
        "twice",
        FIRST,
        &[
            ("a.toml", "[forward]\nurls = \"x\"\nlinger = \"forever\"\n"),
            (
                "b.toml",
                "[forward]\nlinger = \"forever\"\n\n[[rule]]\ncode = 1001\n",
            ),
            ("c.toml", "config_version = 2\nsample = 3\n[rule]\nx = 1\n"),
            (
                "d.toml",
                "[sample]\ninterval = \"1h\"\n[[rule]]\ncode = 1001\n",
            ),
        ],
    );
    assert_eq!(
        folder.faults(),
        [
            "agent.d/a.toml:2: forward.urls: found \"x\", a second time; allowed once in all files; the first is in agent.toml:3",
            "agent.d/b.toml:2: forward.linger: found \"forever\", a second time; allowed once in all files; the first is in agent.d/a.toml:3",
            "agent.d/b.toml:4: rule 1001: found a second [[rule]] for code 1001; allowed one for each code and subject; the first is in agent.toml:4",
            "agent.d/c.toml:1: config_version: found 2; allowed 1, or nothing",
            "agent.d/c.toml:2: sample: found 3; allowed a table [sample]",
            "agent.d/c.toml:3: rule: found a table, a second time; allowed once in all files; the first is in agent.toml:4",
            "agent.d/d.toml:1: sample: found a table, a second time; allowed once in all files; the first is in agent.d/c.toml:2",
            "agent.d/d.toml:3: rule 1001: found a second [[rule]] for code 1001; allowed one for each code and subject; the first is in agent.toml:4",
        ]
    );
}

#[test]
fn faults_of_all_files_are_told_with_their_own_lines() {
    let folder = Folder::new(
        "faults",
        "config_version = 1\n[sample]\ninterval = \"1ms\"",
        &[
            ("1.toml", ""),
            ("2.toml", "[forward]\nlinger = 5\n[spool]\ndisc = true\n"),
            ("3.toml", "[spool\n"),
            ("4.toml", "[agent]\nhost_name = \"a b\"\n"),
        ],
    );
    let faults = folder.faults();
    let places: Vec<&str> = faults
        .iter()
        .map(|fault| fault.split(": found").next().unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "agent.toml:3: sample.interval",
            "agent.d/2.toml:2: forward.linger",
            "agent.d/3.toml:1: toml",
            "agent.d/4.toml:2: agent.host_name",
        ]
    );
    // The unknown key is told once the table that may have swallowed it is whole.
    fs::write(folder.0.join("agent.d/3.toml"), "").unwrap();
    assert!(folder.faults().iter().any(|fault| fault.starts_with(
        "agent.d/2.toml:4: spool.disc: found an unknown key; allowed directory, disk, "
    )));
}

#[test]
fn what_cannot_be_read_is_refused_by_name_and_the_rest_is_known() {
    let folder = Folder::new(
        "unreadable",
        "config_version = 1\n[spool]\ndirectory = \"/srv/h\"\n",
        &[],
    );
    let beside = folder.0.join("agent.d");
    fs::create_dir(beside.join("dir.toml")).unwrap();
    symlink("/nonexistent/x", beside.join("link.toml")).unwrap();
    symlink("/nonexistent/x", beside.join(".#lock.toml")).unwrap();
    fs::write(beside.join("latin.toml"), b"#\n# caf\xe9\n").unwrap();
    fs::write(beside.join("new\nline.toml"), "").unwrap();
    assert_eq!(
        folder.faults(),
        [
            "agent.d/dir.toml:1: file: found something else than a regular file; allowed a regular file, or another ending than .toml",
            "agent.d/link.toml: there is no such file; needed: a file of the configuration, as all *.toml here are",
            "agent.d:1: file: found a file called \"new\\nline.toml\"; allowed a name of at most 64 bytes of UTF-8 without control characters",
            "agent.d/latin.toml:2: file: found bytes that are not UTF-8; allowed UTF-8 text",
        ]
    );
    // Not of the default: where the configuration would keep its rings is known all the same.
    fs::remove_file(beside.join("latin.toml")).unwrap();
    let found = find(&folder.config());
    assert!(found.plan.is_err());
    assert_eq!(found.spool.directory, PathBuf::from("/srv/h"));

    fs::remove_dir_all(&beside).unwrap();
    assert!(load(&folder.config()).is_ok(), "no directory adds nothing");
    fs::write(&beside, "").unwrap();
    assert_eq!(folder.faults().len(), 1);
}

#[test]
fn many_files_are_read_and_too_many_are_not() {
    let folder = Folder::new("many", "config_version = 1\n", &[]);
    let beside = folder.0.join("agent.d");
    for number in 0..1_024 {
        fs::write(beside.join(format!("{number:04}.toml")), "# nothing\n").unwrap();
    }
    fs::write(beside.join("0999.toml"), "\n[sample]\ninterval = \"2s\"\n").unwrap();
    let plan = load(&folder.config()).unwrap();
    assert_eq!(plan.origin("sample.interval"), "agent.d/0999.toml:3");
    fs::write(beside.join("x.toml"), "").unwrap();
    assert_eq!(
        folder.faults(),
        ["agent.d:1: file: found more than 1024 files *.toml; allowed at most 1024"]
    );
    fs::remove_file(beside.join("x.toml")).unwrap();
    fs::write(beside.join("0000.toml"), "#".repeat(1024 * 1024 - 10_000)).unwrap();
    let faults = folder.faults();
    assert!(
        faults[0].ends_with(
            "found with it the files are larger than 1MiB; allowed at most 1MiB together"
        ),
        "{faults:?}"
    );
}
