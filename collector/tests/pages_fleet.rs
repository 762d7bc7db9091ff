//! The first page at 10,000 agents: it stays small, and says what burns.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

#[path = "support/browser.rs"]
mod browser;
mod support;

use browser::serve;
use hansho::frame::kind::{AgentId, Stream};
use hansho_collector::limit::PAGE_ALERTS;
use hansho_collector::people::{Role, Scope};
use hansho_collector::store::{AlertFilter, AlertId, Store};
use std::time::Instant;
use support::{alert, at, batch, event, hello, new_agent, part, send};

const AGENTS: u64 = 10_000;
const PER_SYSTEM: u64 = 20;
const SYSTEMS_PER_CUSTOMER: u64 = 12;
const FIRING: u64 = 600;

/// Agents like agent 1, in systems of 20 and customers of twelve systems; every sixteenth has an alert like its own.
fn fill(store: &dyn Store) {
    store.add_agent(&new_agent(1, "web00001"), at(0)).unwrap();
    let frames = [hello(1, "web"), alert(event(1002, 1, 1, 500, 500))];
    let parts = [part(5, Stream::Alerts, 0, &frames)];
    send(store, &batch(5, 1000, &parts), at(1000));
    let first = store.agents().unwrap().remove(0);
    let burning = store.alerts(&AlertFilter::default()).unwrap().remove(0);
    store
        .transact(&mut |rows| {
            for id in 2..=AGENTS {
                let system = id / PER_SYSTEM;
                let mut agent = first.clone();
                agent.id = AgentId(id);
                agent.customer = format!("customer-{:03}", system / SYSTEMS_PER_CUSTOMER);
                agent.system = format!("system-{system:04}");
                agent.name = format!("web{id:05}");
                rows.put_agent(&agent)?;
                if id % 16 == 0 && id / 16 <= FIRING {
                    let mut alert = burning.clone();
                    alert.id = AlertId(id);
                    alert.agent = agent.id;
                    rows.put_alert(&alert)?;
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn ten_thousand_agents_are_less_than_a_megabyte() {
    let served = serve();
    fill(&*served.store);
    let token = served.token("all", Role::Viewer, Scope::All);
    let mut program = served.program(&token);
    for language in ["ja", "en"] {
        let begin = Instant::now();
        let page = program.get(&format!("/?lang={language}"));
        let took = begin.elapsed();
        assert_eq!(page.status, 200);
        eprintln!("{language}: {} bytes, {took:?}", page.body.len());
        assert!(page.body.len() < 1_000_000, "{}", page.body.len());
        assert_eq!(
            page.body.matches("<section class=\"alert ").count(),
            PAGE_ALERTS
        );
        assert_eq!(
            page.body.matches("href=\"/systems/").count(),
            502 + PAGE_ALERTS
        );
        assert!(page.body.contains("<strong>601</strong>"));
        assert!(page.body.contains("<strong>10000</strong>"));
    }
    // Whoever sees one customer gets that one's line only.
    let one = [String::from("customer-007")].into_iter().collect();
    let token = served.token("one", Role::Viewer, Scope::Customers(one));
    let page = served.program(&token).get("/?lang=en").body;
    assert!(page.contains("customer-007") && !page.contains("customer-008"));
    assert!(page.contains("<strong>240</strong>"), "{page}");
}
