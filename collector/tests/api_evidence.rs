//! Evidence by the API: fields with units, escaped texts, pages, and to what it belongs. Who may see it, `api_matrix` asks.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

#[path = "support/browser.rs"]
mod browser;
#[path = "support/schema.rs"]
mod schema;
mod support;
#[path = "support/world.rs"]
mod world;

use browser::Browser;
use hansho_collector::people::{Role, Scope};
use serde_json::{Value as Json, json};
use world::World;

fn get(asker: &mut Browser, path: &str) -> Json {
    let answer = asker.get(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn an_agents_comes_in_pages_the_newest_first() {
    let world = World::new();
    let mut asker = world.asker(Role::Viewer, Scope::All);
    let path = "/api/v1/agents/0000000000000001/evidence?limit=1";
    let first = get(&mut asker, path);
    assert_eq!(first["items"][0]["number"], 2);
    let next = first["next"].as_str().unwrap();
    let second = get(&mut asker, &format!("{path}&cursor={next}"));
    assert_eq!(second["items"][0]["number"], 1);
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    assert_eq!(second["next"], Json::Null);
    // A cursor of another list is none of this one.
    let other = asker.get(&format!("{path}&cursor=3131"));
    assert_eq!(other.status, 400, "{}", other.body);
}

#[test]
fn an_alerts_has_its_moments_and_processes_with_units() {
    let world = World::new();
    let mut asker = world.asker(Role::Viewer, Scope::All);
    let alert = world.alerts[0];
    let found = get(&mut asker, &format!("/api/v1/alerts/{alert}/evidence"));
    let items = found["items"].as_array().unwrap();
    let moments = items.iter().map(|one| one["about"][0]["moment"].clone());
    assert_eq!(moments.collect::<Vec<_>>(), ["firing", "pending"]);
    let newest = &items[0];
    assert_eq!(newest["about"][0]["alert"], json!(alert.to_string()));
    for (name, value) in [
        ("seen", json!(415)),
        ("read", json!(412)),
        ("refused", json!(3)),
        ("uptime_ms", json!(500)),
        ("at_clock", json!("exact")),
        ("parts_missing", json!(0)),
        ("fresh", json!(false)),
    ] {
        assert_eq!(newest[name], value, "{name}");
    }
    let process = &newest["processes"][0];
    for (name, value) in [
        ("name", json!("<b>\\u{1b}\\xff")),
        ("unit", json!("host-of-A")),
        ("uid", json!(1000)),
        ("user", json!("app")),
        ("lists", json!(["memory", "growth_short"])),
        ("memory_kib", json!(2048)),
        ("swap_kib", json!(5)),
        ("growth_short_kib", json!(-30)),
        ("growth_short_over_ms", json!(600_000)),
        ("growth_long_kib", Json::Null),
        ("cpu_permille", Json::Null),
        ("oom_score_adj", Json::Null),
    ] {
        assert_eq!(process[name], value, "{name}");
    }
    let page = &format!("/api/v1/alerts/{alert}/evidence?limit=1");
    let first = get(&mut asker, page);
    let next = first["next"].as_str().unwrap();
    let second = get(&mut asker, &format!("{page}&cursor={next}"));
    assert_eq!(second["items"][0]["number"], 1);
    assert_eq!(second["next"], Json::Null);
}

#[test]
fn whom_the_kernel_killed_comes_in_pages_with_units() {
    let world = World::new();
    let mut asker = world.asker(Role::Viewer, Scope::All);
    let path = "/api/v1/agents/0000000000000001/victims?limit=1";
    let first = get(&mut asker, path);
    let newest = &first["items"][0];
    for (name, value) in [
        ("sequence", json!(2)),
        ("at_clock", json!("exact")),
        ("pid", json!(20)),
        ("name", json!("<b>\\u{1b}\\xff")),
        ("uid", json!(1000)),
        ("oom_score_adj", Json::Null),
        ("anonymous_kib", json!(2048)),
        ("shared_kib", Json::Null),
        ("short", json!("group")),
        ("group", json!("host-of-A")),
        ("unit", json!("host-of-A")),
        ("container", Json::Null),
    ] {
        assert_eq!(newest[name], value, "{name}");
    }
    let next = first["next"].as_str().unwrap();
    let second = get(&mut asker, &format!("{path}&cursor={next}"));
    assert_eq!(second["items"][0]["sequence"], 1);
    assert_eq!(second["next"], Json::Null);
}
