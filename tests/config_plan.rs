//! A plan survives its way between processes, and says where each value came from.

use hansho::config::plan::{DiskSize, Plan};
use hansho::config::{load, parse, parse_bytes};

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
    assert_eq!(plan.rules.len(), hansho::code::builtin_rules().len());
    assert!(plan.rules.iter().all(|rule| rule.origin == "built-in"));
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
