//! A plan survives its way between processes, and says where each value came from.

use hansho::code::defaults::rules_of;
use hansho::config::plan::{DiskSize, Plan};
use hansho::config::{load, parse, parse_bytes};
use hansho::rule::{RuleSet, Watched};

const SMALL: &str = r#"
config_version = 1
[sample]
interval = "500ms"
[spool]
disk_size = "16MiB"
[forward]
urls = ["https://collector.example/", "http://127.0.0.1:8080/v1/batch"]
post_interval = "10m"
linger = "5s"
pin_sha256 = ["000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1F"]
"#;

#[test]
fn the_version_alone_gives_the_defaults() {
    let plan = parse("config_version = 1", "a.toml").unwrap();
    assert_eq!(plan.without_origins(), Plan::default().without_origins());
    // The file system of the disk ring is watched.
    let watched = &plan.watch.filesystems;
    assert_eq!(watched.len(), 1);
    assert!(watched[0].by_default && watched[0].path == "/var/lib/hansho");
    let of_watched = rules_of(Watched::Filesystem).count();
    assert_eq!(
        plan.rules.len(),
        hansho::code::builtin_rules().len() + of_watched
    );
    assert!(plan.rules.iter().all(|rule| rule.origin == "built-in"));
}

#[test]
fn what_is_watched_gets_its_rules() {
    let text = r#"config_version = 1
[spool]
directory = "/srv/hansho"
[[cache]]
path = "/var/cache/app"
limit_size = "20GiB"
[[cache]]
path = "/var/cache/mail"
limit_entries = 5000
[[filesystem]]
path = "/var"
[[rule]]
code = 4001
subject = "/var"
raise = "70%"
clear = "60%"
[[rule]]
code = 4001
raise = "75%"
clear = "65%"
gate = "none"
"#;
    let plan = parse(text, "a.toml").unwrap();
    let watched: Vec<_> = plan
        .watch
        .filesystems
        .iter()
        .map(|one| (one.path.as_str(), one.by_default))
        .collect();
    assert_eq!(
        watched,
        [
            ("/var", false),
            ("/srv/hansho", true),
            ("/var/cache/app", true),
            ("/var/cache/mail", true)
        ]
    );
    assert_eq!(plan.watch.caches[0].limit_kib, Some(20 << 20));
    assert_eq!(plan.watch.caches[1].limit_entries, Some(5000));
    let of = |code| -> Vec<_> {
        plan.rules
            .iter()
            .filter(|one| one.rule.code == code)
            .map(|one| {
                let rule = &one.rule;
                let raise = rule.raise.permille;
                (rule.subject.as_str(), raise, one.origin.as_str())
            })
            .collect()
    };
    assert_eq!(of(3004), [("/var/cache/app", Some(1000), "built-in")]);
    assert_eq!(of(3006), [("/var/cache/mail", Some(1000), "built-in")]);
    // What is said of one goes before what is said of all, wherever it stands.
    assert_eq!(
        of(4001),
        [
            ("/srv/hansho", Some(750), "a.toml:17"),
            ("/var", Some(700), "a.toml:12"),
            ("/var/cache/app", Some(750), "a.toml:17"),
            ("/var/cache/mail", Some(750), "a.toml:17")
        ]
    );
    let gates = plan.rules.iter().filter(|one| one.rule.code == 4001);
    assert!(gates.clone().all(|one| one.rule.gate.is_none()));
    assert_eq!(plan.origin("rule 4001 /var.raise"), "a.toml:15");
    assert_eq!(plan.origin("rule 4001 /var.gate"), "a.toml:21");
    // Without a disk ring, nothing of it is watched; the set holds all of it.
    let plan = parse("config_version = 1\n[spool]\ndisk = false", "a.toml").unwrap();
    assert!(plan.watch.filesystems.is_empty());
    assert_eq!(plan.rules.len(), hansho::code::builtin_rules().len());
}

#[test]
fn as_much_as_can_be_watched_has_room() {
    let mut text = String::from("config_version = 1\n");
    for n in 0..8 {
        text.push_str(&format!("[[filesystem]]\npath = \"/f{n}\"\n"));
        text.push_str(&format!(
            "[[cache]]\npath = \"/c{n}\"\nlimit_size = \"1GiB\"\nlimit_entries = 5\n"
        ));
    }
    let rules = |text: &str| {
        let plan = parse(text, "a.toml").unwrap();
        assert!(plan.watch.filesystems.iter().all(|one| !one.by_default));
        let rules = plan.rules.into_iter().map(|effective| effective.rule);
        RuleSet::new(rules.collect()).unwrap()
    };
    let set = rules(&text);
    assert_eq!(
        set.len(),
        hansho::code::builtin_rules().len() + 8 * 6 + 8 * 2
    );
    // Levels of their own for too many of them are refused where the first that has no room is set.
    for n in 0..8 {
        for code in [3003, 4001, 4002, 4005, 4006] {
            text.push_str(&format!(
                "[[rule]]\ncode = {code}\nsubject = \"/f{n}\"\nclear_after = \"{}s\"\n",
                100 + n
            ));
        }
    }
    let errors = parse(&text, "a.toml").unwrap_err();
    let told = errors.to_string();
    assert!(told.contains("one too many"), "{told}");
    assert!(told.starts_with("a.toml:1"), "{told}");
}

#[test]
fn values_reach_the_plan_with_their_lines() {
    let plan = parse(SMALL, "a.toml").unwrap();
    assert_eq!(plan.sample.interval_ms, 500);
    assert_eq!(plan.spool.disk_size, DiskSize::Bytes(16 << 20));
    assert_eq!(plan.forward.linger_ms, Some(5000));
    assert_eq!(plan.forward.urls.len(), 2);
    assert_eq!(plan.forward.urls[1].port, 8080);
    assert_eq!(plan.forward.pin_sha256[0][31], 0x1f);
    assert_eq!(plan.origin("sample.interval"), "a.toml:4");
    assert_eq!(plan.origin("forward.linger"), "a.toml:10");
    assert_eq!(plan.origin("sample.root"), "built-in");
}

#[test]
fn slower_intervals_follow_that_of_the_samples_when_left_to_themselves() {
    let text = "config_version = 1\n[sample]\ninterval = \"30s\"\n";
    let plan = parse(text, "a.toml").unwrap();
    assert_eq!(plan.sample.counters_interval_ms, 30_000);
    assert_eq!(plan.sample.report_interval_ms, 30_000);
}

#[test]
fn it_passes_between_processes_whole() {
    let plan = parse(SMALL, "a.toml").unwrap();
    let mut bytes = plan.to_bytes().unwrap();
    assert_eq!(Plan::from_bytes(&bytes).unwrap(), plan);
    bytes.push(0);
    assert!(Plan::from_bytes(&bytes).is_err());
    bytes.truncate(bytes.len() / 2);
    assert!(Plan::from_bytes(&bytes).is_err());
}

#[test]
fn files_that_cannot_be_read_say_so_in_the_same_form() {
    let missing = load(std::path::Path::new("/nonexistent/agent.toml")).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "/nonexistent/agent.toml: there is no such file; needed: the configuration of the agent"
    );
    let large = parse_bytes(&vec![b'\n'; 1024 * 1024 + 1], "a.toml").unwrap_err();
    assert_eq!(
        large.to_string(),
        "a.toml:1: file: found a file larger than 1MiB; allowed at most 1MiB"
    );
    let latin = parse_bytes(b"config_version = 1\n# caf\xe9\n", "a.toml").unwrap_err();
    assert_eq!(
        latin.to_string(),
        "a.toml:2: file: found bytes that are not UTF-8; allowed UTF-8 text"
    );
}
