//! Every route × every role × another customer's data, and hostile values in every parameter. The list of routes is the one that
//! the router is made of: a new route without an entry in `case` fails. [`rights`] who is let in; [`hostile`] what nobody may send.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

#[path = "../support/browser.rs"]
mod browser;
mod hostile;
mod rights;
#[path = "../support/mod.rs"]
mod support;

use browser::{Answer, Browser, PASSWORD, Served, customers, encoded, serve};
use hansho::frame::kind::Stream;
use hansho_collector::ingest::AuthenticatedBatch;
use hansho_collector::people::{Role, Scope};
use hansho_collector::store::{AlertFilter, NewAgent, Store};
use hansho_collector::web::routes::ROUTES;
use support::{alert, at, bytes, event, hello, key, new_agent, part, send};

/// Who may, in this test's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum May {
    /// Everybody, logged in or not.
    Everybody,
    /// Whoever is logged in, person or program.
    In,
    /// Whoever is logged in as a person.
    Person,
    /// Whoever sees customer A.
    SeesA,
    /// Whoever acts on customer A's alerts: what is another's does not exist (404).
    ActsOnA,
    /// Whoever acts, on A's systems: another's place is refused on the page (422).
    ActsAtA,
    /// Whoever acts at all.
    Acts,
    /// Admins who see all customers.
    Chief,
}

/// How the matrix asks for a route.
struct Case {
    may: May,
    path: String,
    /// Fields of the form, the hostile values go into each.
    fields: Vec<(&'static str, String)>,
}

#[expect(clippy::too_many_lines, reason = "a table: one row a route")]
fn case(method: &str, path: &str, alert_of_a: &str, n: usize) -> Case {
    let text = |text: &str| text.to_owned();
    let (may, path, fields) = match (method, path) {
        ("GET", "/login") => (May::Everybody, text("/login?next=%2F&lang=en"), vec![]),
        ("POST", "/login") => (
            May::Everybody,
            text("/login"),
            vec![
                ("name", format!("nobody{n}")),
                ("password", text("x")),
                ("next", text("/")),
            ],
        ),
        ("GET", "/setup") => (
            May::Everybody,
            format!("/setup?key={}", "0".repeat(64)),
            vec![],
        ),
        ("POST", "/setup") => (
            May::Everybody,
            text("/setup"),
            vec![
                ("key", "0".repeat(64)),
                ("name", text("x")),
                ("password", text(PASSWORD)),
            ],
        ),
        ("GET", "/healthz") => (May::Everybody, text("/healthz"), vec![]),
        ("GET", "/assets/{name}") => (May::Everybody, text("/assets/style.css"), vec![]),
        // The test comes from this host.
        ("GET", "/metrics") => (May::Everybody, text("/metrics"), vec![]),
        ("GET", "/") => (May::In, text("/?lang=en"), vec![]),
        ("GET", "/codes") => (May::In, text("/codes?q=memory"), vec![]),
        ("GET", "/codes/{code}") => (May::In, text("/codes/1002"), vec![]),
        ("GET", "/windows") => (May::In, text("/windows?place=A"), vec![]),
        ("GET", "/silences") => (May::In, text("/silences?done=silence"), vec![]),
        ("GET", "/noise") => (May::In, text("/noise?week=2026-W48"), vec![]),
        ("GET", "/systems/{customer}/{system}") => {
            (May::SeesA, text("/systems/A/shop?first=0"), vec![])
        }
        ("POST", "/systems/{customer}/{system}/note") => (
            May::ActsOnA,
            text("/systems/A/shop/note"),
            vec![("text", text("x"))],
        ),
        ("POST", "/agent-notes/{*agent}") => (
            May::ActsOnA,
            text("/agent-notes/A/shop/web"),
            vec![("text", text("x"))],
        ),
        ("POST", "/a/{id}/take") => (
            May::ActsOnA,
            format!("/a/{alert_of_a}/take"),
            vec![
                ("recovery", text("+30m")),
                ("report", text("+1h")),
                ("text", format!("x{n}")),
                ("request", format!("r{n}")),
            ],
        ),
        ("POST", "/a/{id}/release") => (
            May::ActsOnA,
            format!("/a/{alert_of_a}/release"),
            vec![("text", text("x"))],
        ),
        ("POST", "/a/{id}/note") => (
            May::ActsOnA,
            format!("/a/{alert_of_a}/note"),
            vec![("text", text("x"))],
        ),
        ("POST", "/a/{id}/silence") => (
            May::ActsOnA,
            format!("/a/{alert_of_a}/silence"),
            vec![
                ("what", text("this")),
                ("until", text("+1h")),
                ("reason", text("x")),
            ],
        ),
        ("POST", "/windows") => (
            May::ActsAtA,
            text("/windows"),
            vec![
                ("kind", text("event")),
                ("place", text("A/shop")),
                ("site", text("")),
                ("ja", text("x")),
                ("en", text("")),
                ("schedule", text("weekly")),
                ("day", text("mon")),
                ("from_clock", text("01:00")),
                ("until_clock", text("02:00")),
                ("last", text("")),
            ],
        ),
        ("POST", "/windows/end") => (
            May::Acts,
            text("/windows/end"),
            vec![("window", text("77777")), ("what", text("series"))],
        ),
        ("POST", "/silences") => (
            May::ActsAtA,
            text("/silences"),
            vec![
                ("place", text("A/shop/web")),
                ("code", text("HNS1002")),
                ("subject", text("")),
                ("from", text("")),
                ("until", text("+1h")),
                ("reason", text("x")),
            ],
        ),
        ("POST", "/silences/end") => (
            May::Acts,
            text("/silences/end"),
            vec![("silence", text("77777"))],
        ),
        ("GET", "/a/{id}") => (May::SeesA, format!("/a/{alert_of_a}"), vec![]),
        ("GET", "/agents/{*agent}") => (May::SeesA, text("/agents/A/shop/web"), vec![]),
        ("GET", "/charts/{*agent}") => (May::SeesA, text("/charts/A/shop/web?hours=6"), vec![]),
        // Only that something changed, which one then has to be let in to look at.
        ("GET", "/live") => (May::In, text("/live"), vec![]),
        // Logging out ends what the matrix goes on with: it has a test of its own.
        ("POST", "/logout") => (May::Person, text("/logout"), vec![]),
        ("GET", "/account") => (May::Person, text("/account"), vec![]),
        ("POST", "/account/password") => (
            May::Person,
            text("/account/password"),
            vec![
                ("old", text(PASSWORD)),
                ("new", text("x")),
                ("again", text("x")),
            ],
        ),
        ("POST", "/account/language") => (
            May::Person,
            text("/account/language"),
            vec![("language", text("en"))],
        ),
        ("GET", "/accounts") => (May::Chief, text("/accounts"), vec![]),
        ("POST", "/accounts") => (
            May::Chief,
            text("/accounts"),
            vec![
                ("name", format!("added{n}")),
                ("password", text(PASSWORD)),
                ("role", text("viewer")),
                ("scope", text("some")),
                ("customers", text("A")),
            ],
        ),
        ("POST", "/accounts/change") => (
            May::Chief,
            text("/accounts/change"),
            vec![
                ("name", text("victim")),
                ("role", text("operator")),
                ("scope", text("some")),
                ("customers", format!("A\nC{n}")),
                ("disabled", text("")),
            ],
        ),
        ("POST", "/accounts/password") => (
            May::Chief,
            text("/accounts/password"),
            vec![
                ("name", text("victim")),
                ("password", text("another password")),
            ],
        ),
        ("POST", "/tokens") => (
            May::Chief,
            text("/tokens"),
            vec![
                ("name", format!("made{n}")),
                ("role", text("admin")),
                ("scope", text("all")),
                ("customers", text("")),
                ("days", text("1")),
            ],
        ),
        ("POST", "/tokens/revoke") => (
            May::Chief,
            text("/tokens/revoke"),
            vec![("name", text("victim"))],
        ),
        (method, path) => panic!("{method} {path} has no entry in the matrix: say who may"),
    };
    Case { may, path, fields }
}

/// One who asks.
struct Asker {
    name: String,
    browser: Browser,
    role: Role,
    scope: Scope,
    person: bool,
}

impl Asker {
    fn may(&self, may: May) -> bool {
        match may {
            May::Everybody | May::In => true,
            May::Person => self.person,
            May::SeesA => self.sees_a(),
            May::ActsOnA | May::ActsAtA => self.acts() && self.sees_a(),
            May::Acts => self.acts(),
            May::Chief => self.role == Role::Admin && self.scope == Scope::All,
        }
    }

    fn sees_a(&self) -> bool {
        self.scope == Scope::All || self.scope == customers(&["A"])
    }

    fn acts(&self) -> bool {
        self.role >= Role::Operator
    }
}

/// Two customers, each with an agent `web` in a system `shop` that fires.
fn two_customers(served: &Served) {
    for (id, customer) in [(1, "A"), (2, "B")] {
        let agent = NewAgent {
            customer: customer.to_owned(),
            system: "shop".to_owned(),
            ..new_agent(id, "web")
        };
        served.store.add_agent(&agent, at(0)).unwrap();
        let frames = [
            hello(1, &format!("host-of-{customer}")),
            alert(event(1002, 1, 1, 500, 500)),
            alert(event(2001, 1, 1, 600, 600)),
            alert(event(2001, 2, 1, 600, 700)),
        ];
        let batch = bytes(id, 5, 1, 1000, &[part(5, Stream::Alerts, 0, &frames)]);
        let batch = AuthenticatedBatch::open(&batch, &key(id)).unwrap();
        send(&*served.store, &batch, at(1000));
    }
}

fn ask(browser: &mut Browser, method: &str, case: &Case, csrf: Option<&str>) -> Answer {
    if method == "GET" {
        return browser.get(&case.path);
    }
    let mut fields: Vec<(&str, &str)> = Vec::new();
    if let Some(csrf) = csrf {
        fields.push(("csrf", csrf));
    }
    fields.extend(
        case.fields
            .iter()
            .map(|(key, value)| (*key, value.as_str())),
    );
    browser.post(&case.path, &fields)
}

/// What a person's forms send back; a program's send nothing.
fn csrf(asker: &mut Asker) -> Option<String> {
    asker.person.then(|| asker.browser.get("/account").csrf())
}

fn refused(answer: &Answer) -> bool {
    matches!(answer.status, 401 | 403 | 404) || answer.location().starts_with("/login")
}
