//! What people do on the pages. [`forms`] forms that go through, and those that are refused with what was typed; [`shown`] what then stands
//! on the pages, of whom, and what is hostile.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

#[path = "../support/browser.rs"]
mod browser;
mod forms;
mod shown;
#[path = "../support/mod.rs"]
mod support;

use browser::{Answer, Browser, Served, customers, encoded, serve, serve_configured};
use hansho::frame::kind::Stream;
use hansho_collector::ingest::AuthenticatedBatch;
use hansho_collector::people::{Role, Scope};
use hansho_collector::store::{AlertFilter, NewAgent, NoteOn, Store, WindowKind};
use support::{Event, alert, at, bytes, event, hello, key, new_agent, part, send};

/// An agent `name` of a customer and system that fires 1002 for a subject.
fn firing(served: &Served, id: u64, place: [&str; 3], subject: &str) {
    let [customer, system, name] = place.map(str::to_owned);
    let agent = NewAgent {
        customer,
        system,
        ..new_agent(id, &name)
    };
    served.store.add_agent(&agent, at(0)).unwrap();
    let frames = [
        hello(1, "host.example"),
        alert(Event {
            subject,
            ..event(1002, 1, 1, 500, 500)
        }),
    ];
    let batch = bytes(id, 5, 1, 1000, &[part(5, Stream::Alerts, 0, &frames)]);
    let batch = AuthenticatedBatch::open(&batch, &key(id)).unwrap();
    send(&*served.store, &batch, at(1000));
}

fn alert_of(served: &Served, agent: u64) -> String {
    let alerts = served.store.alerts(&AlertFilter::default()).unwrap();
    let found = alerts.iter().find(|alert| alert.agent.0 == agent).unwrap();
    found.id.to_string()
}

/// Sends a form of a page, and opens where it leads to.
fn done(browser: &mut Browser, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    let answer = browser.fill(page, path, fields);
    assert_eq!(answer.status, 303, "{path}: {}", answer.body);
    let to = answer.location().to_owned();
    let shown = browser.get(to.split('#').next().unwrap());
    assert_eq!(shown.status, 200, "{to}");
    assert!(shown.body.contains("role=\"status\""), "{to}");
    shown
}
