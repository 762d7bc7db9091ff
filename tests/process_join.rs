//! A host joins the real collector over TLS, its key is rotated and revoked, and tokens that are over are refused by it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

#[path = "process_support/collector.rs"]
mod collector;
mod process_support;

use collector::{Collector, NAME, certificates};
use process_support::{Place, until};
use std::fs;
use std::process::Output;

const CONFIG: &str = r#"
[agent]
[sample]
interval = "50ms"
counters_interval = "100ms"
report_interval = "1s"
[spool]
[forward]
urls = ["URL"]
post_interval = "1s"
ca_file = "CA"
"#;

/// A collector with TLS, and a host that has no key yet.
fn site(name: &str) -> (Collector, Place, String) {
    let files = "certificate = \"collector.pem\"\nkey = \"collector.key\"";
    let collector = Collector::start(name, files, certificates);
    let port = collector.ingest.rsplit_once(':').unwrap().1;
    let url = format!("https://localhost:{port}/");
    let authority = collector.folder.join("ca.pem").display().to_string();
    let place = Place::new(name, &CONFIG.replace("URL", &url).replace("CA", &authority));
    fs::remove_file(place.folder.join("key")).unwrap();
    (collector, place, url)
}

/// A new token in a file of the host.
fn token(collector: &Collector, place: &Place, file: &str, more: &[&str]) -> String {
    let path = place.folder.join(file).display().to_string();
    let mut words = vec!["join-token", "add", "--system", "mirai/order"];
    words.extend(["--file", &path]);
    words.extend(more);
    collector.command(&words);
    path
}

/// `hansho join` as root of the host would.
fn join(place: &Place, url: &str, token: &str, name: &str) -> Output {
    place.command(&["join", url, "--token-file", token, "--name", name])
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(text).unwrap()
}

fn agent_row(collector: &Collector) -> String {
    collector.command(&["agent", "list", "--json"])
}

/// Readings stored of the host.
fn readings(collector: &Collector) -> usize {
    collector.lines("readings").len()
}

fn more_readings(collector: &Collector, what: &str) {
    let before = readings(collector);
    until(what, || (readings(collector) > before).then_some(()));
}

#[test]
fn a_host_joins_is_heard_and_its_keys_follow_one_another() {
    let (collector, place, url) = site("join");
    let one = token(&collector, &place, "one", &[]);
    let joined = join(&place, &url, &one, NAME);
    assert!(joined.status.success(), "{}", said(&joined));
    let key = place.folder.join("key");
    let words = format!(
        "joined as mirai/order/{NAME}; the key is in {}",
        key.display()
    );
    assert!(said(&joined).starts_with(&words), "{}", said(&joined));
    assert_eq!(process_support::mode(&key), 0o600);
    let checked = place.command(&["check", "--connect"]);
    assert!(checked.status.success(), "{}", said(&checked));
    let agent = place.start(&[]);
    agent.runs(0);
    until("it is heard", || (readings(&collector) > 0).then_some(()));
    assert!(
        agent_row(&collector).contains("mirai"),
        "{}",
        agent_row(&collector)
    );

    // A rotation: the key that the agent has goes on being taken until it uses the new one.
    let new = place.folder.join("new");
    let new_path = new.display().to_string();
    collector.command(&["agent", "rotate", NAME, "--key-file", &new_path]);
    more_readings(&collector, "the old key is still taken");
    let old = fs::read_to_string(&key).unwrap();
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    fs::rename(&new, &key).unwrap();
    let checked = place.command(&["check", "--connect"]);
    assert!(checked.status.success(), "{}", said(&checked));
    let agent = place.start(&[]);
    agent.runs(0);
    more_readings(&collector, "the new key is taken");
    // Now the old one is not: a copy of it, carried off before, is worth nothing.
    let new_line = fs::read_to_string(&key).unwrap();
    assert_ne!(old, new_line);
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    fs::write(&key, &old).unwrap();
    until("the old key is refused", || {
        let checked = place.command(&["check", "--connect"]);
        (!checked.status.success() && said(&checked).contains("401")).then_some(())
    });

    // Revoked while it runs: nothing more of it is stored.
    fs::write(&key, &new_line).unwrap();
    let agent = place.start(&[]);
    agent.runs(0);
    more_readings(&collector, "it goes on with the new key");
    let answer = collector.command(&["agent", "revoke", NAME]);
    assert!(answer.contains("within a second"), "{answer}");
    until("the host says that it is refused", || {
        place.said().contains("401").then_some(())
    });
    let stored = readings(&collector);
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    assert_eq!(readings(&collector), stored);
}

#[test]
fn tokens_that_are_over_are_refused_each_with_its_reason() {
    let (collector, place, url) = site("join-over");
    let key = place.folder.join("key");
    let used = token(&collector, &place, "used", &["--uses", "1"]);
    let first = join(&place, &url, &used, "web01");
    assert!(first.status.success(), "{}", said(&first));
    fs::remove_file(&key).unwrap();
    let again = join(&place, &url, &used, "web02");
    assert!(
        !again.status.success()
            && said(&again).contains("as many hosts joined with the token as might"),
        "{}",
        said(&again)
    );

    let revoked = token(&collector, &place, "revoked", &[]);
    collector.command(&["join-token", "revoke", "2"]);
    let refused = join(&place, &url, &revoked, "web02");
    assert!(
        !refused.status.success() && said(&refused).contains("revoked"),
        "{}",
        said(&refused)
    );

    let short = token(&collector, &place, "short", &["--for", "1s"]);
    until("it is over", || {
        let list = collector.command(&["join-token", "list", "--json"]);
        list.contains("expired").then_some(())
    });
    let refused = join(&place, &url, &short, "web02");
    assert!(
        !refused.status.success() && said(&refused).contains("the time of the join token is over"),
        "{}",
        said(&refused)
    );

    let taken = token(&collector, &place, "taken", &[]);
    let refused = join(&place, &url, &taken, "web01");
    assert!(
        !refused.status.success() && said(&refused).contains("web01"),
        "{}",
        said(&refused)
    );
    assert!(!key.exists(), "a join that is refused leaves no key");
    let good = join(&place, &url, &taken, "web02");
    assert!(
        good.status.success(),
        "no use was spent on a name that is taken: {}",
        said(&good)
    );
}
