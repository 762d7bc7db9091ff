//! Two customers with something of everything, the second one's marked `of-B`, and how every operation of the API is asked.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test uses a part of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

use super::browser::{Answer, Browser, Served, by, customers, serve_configured};
use super::schema;
use super::support::SHOP;
use super::support::{
    NOW, about, alert, at, bytes, config, event, evidence, hello, key, new_agent, part, readings,
    send, suspect, victim,
};
use hansho::frame::evidence::{Moment, Short, SuspectRecord, Victim};
use hansho::frame::kind::{AgentId, Stream};
use hansho_collector::api::document::document;
use hansho_collector::api::table::{Method, Operation};
use hansho_collector::handling::agents::{self, NewJoinToken};
use hansho_collector::handling::silence::{self, NewSilence};
use hansho_collector::handling::window::{self, NewWindow};
use hansho_collector::handling::{Ask, acknowledge, note, transact};
use hansho_collector::ingest::AuthenticatedBatch;
use hansho_collector::people::{Role, Scope};
use hansho_collector::store::{
    AlertFilter, AlertId, AuditFilter, Matcher, NewAgent, NoteOn, Schedule, Store, Texts,
    WindowKind, WindowScope,
};
use serde_json::{Value as Json, json};
use std::sync::OnceLock;

/// What stands in everything of customer B, and must reach nobody else.
pub const MARK: &str = "of-B";

pub struct World {
    pub served: Served,
    /// Alerts of A and B.
    pub alerts: [AlertId; 2],
}

/// Which processes a host had, with its name in what they are called.
fn seen(uptime_ms: u64, number: u32, moment: Moment, host: &str) -> Vec<u8> {
    let who = SuspectRecord {
        unit: Some(host.as_bytes()),
        swap_kib: Some(5),
        ..suspect(20, b"<b>\x1b\xff", 2048, -30)
    };
    let about = [about(1002, 1, moment)];
    evidence(uptime_ms, (number, 0, 1), &about, &[who])
}

/// Whom the kernel killed on a host, with its name in the unit and group.
fn killed(uptime_ms: u64, sequence: u64, host: &str) -> Vec<u8> {
    let one = Victim {
        sequence,
        at_ms: uptime_ms,
        pid: 20,
        name: b"<b>\x1b\xff",
        uid: Some(1000),
        anonymous_kib: 2048,
        short: Short::Group.as_u8(),
        group: host.as_bytes(),
        unit: Some(host.as_bytes()),
        ..Victim::default()
    };
    victim(uptime_ms, &one)
}

/// The document, made once.
pub fn the_document() -> &'static Json {
    static DOCUMENT: OnceLock<Json> = OnceLock::new();
    DOCUMENT.get_or_init(document)
}

impl World {
    pub fn new() -> Self {
        let served = serve_configured(SHOP);
        let store = &*served.store;
        for (id, customer, system, host) in [
            (1, "A", "shop", "host-of-A"),
            (2, "B", "shop-of-B", "host-of-B"),
        ] {
            let agent = NewAgent {
                customer: customer.to_owned(),
                system: system.to_owned(),
                ..new_agent(id, "web")
            };
            store.add_agent(&agent, at(0)).unwrap();
            let frames = [
                hello(1, host),
                config(9, 0, 1, 1002, "agent.toml:3"),
                alert(event(1002, 1, 1, 500, 500)),
                alert(event(2001, 1, 1, 600, 600)),
                alert(event(2001, 2, 1, 600, 700)),
            ];
            let parts = [
                part(5, Stream::Alerts, 0, &frames),
                part(
                    5,
                    Stream::Readings,
                    0,
                    &[readings(400, &[100, 200]), readings(600, &[300])],
                ),
                part(
                    5,
                    Stream::Evidence,
                    0,
                    &[
                        seen(450, 1, Moment::Pending, host),
                        seen(500, 2, Moment::Firing, host),
                        killed(510, 1, host),
                        killed(520, 2, host),
                    ],
                ),
            ];
            let batch = bytes(id, 5, 1, 1000, &parts);
            let batch = AuthenticatedBatch::open(&batch, &key(id)).unwrap();
            send(store, &batch, at(1000));
        }
        let alerts = [1, 2].map(|agent| {
            let all = store.alerts(&AlertFilter {
                agent: Some(AgentId(agent)),
                firing: Some(true),
                limit: None,
            });
            all.unwrap()[0].id
        });
        let world = Self { served, alerts };
        world.handle();
        world
    }

    /// What people did: in order of A and B, so that numbers are 1 and 2.
    fn handle(&self) {
        let store = &*self.served.store;
        let now = at(1000);
        for (n, (customer, system)) in [("A", "shop"), ("B", "shop-of-B")].into_iter().enumerate() {
            let text = |word: &str| format!("{word}-of-{customer}");
            let silence = NewSilence {
                matcher: Matcher {
                    customer: Some(customer.to_owned()),
                    code: Some(3004),
                    ..Matcher::default()
                },
                from: now,
                until: at(3_600_000),
                reason: text("silence"),
            };
            let window = NewWindow {
                kind: WindowKind::Event,
                scope: WindowScope {
                    customer: customer.to_owned(),
                    system: None,
                    site: None,
                    agent: None,
                },
                schedule: Schedule::Once {
                    from: now,
                    until: at(3_600_000),
                },
                texts: Texts {
                    ja: text("窓"),
                    en: text("window"),
                },
            };
            let token = NewJoinToken {
                customer: customer.to_owned(),
                system: system.to_owned(),
                uses: 3,
                for_ms: 3_600_000,
                hash: [1; 32],
            };
            let on = NoteOn::System {
                customer: customer.to_owned(),
                system: system.to_owned(),
            };
            let (alert, agent) = (self.alerts[n], AgentId(n as u64 + 1));
            let ask = Ask {
                text: text("taken"),
                ..Ask::default()
            };
            transact(store, |rows| {
                silence::add(rows, &by(), &silence, now)?;
                window::add(rows, &by(), &window, now)?;
                agents::add_token(rows, &by(), &token, now)?;
                note::add(rows, &by(), &NoteOn::Alert(alert), &text("note"), now)?;
                note::add(rows, &by(), &NoteOn::Agent(agent), &text("note"), now)?;
                note::add(rows, &by(), &on, &text("note"), now)?;
                acknowledge(rows, &by(), alert, &ask, now)?;
                Ok(())
            })
            .unwrap();
        }
        self.served.token("victim", Role::Viewer, customers(&["A"]));
        // Without a password: none has to be hashed.
        let rights = hansho_collector::people::accounts::Rights {
            role: Role::Viewer,
            scope: customers(&["A"]),
            disabled: false,
        };
        let gate = &self.served.gate;
        gate.add_account("victim", None, &rights, None, &by(), now)
            .unwrap();
    }

    pub fn asker(&self, role: Role, scope: Scope) -> Browser {
        let token = self.served.token("asker", role, scope);
        self.served.program(&token)
    }

    /// Entries of the audit: everything that anybody ever changed.
    pub fn audited(&self) -> usize {
        let mut found = 0;
        let filter = AuditFilter {
            customer: None,
            from: at_zero(),
            until: hansho::clock::WallTime::from_millis(u64::MAX),
            after: 0,
            limit: 10_000,
        };
        self.served
            .store
            .view(&mut |rows| {
                found = rows.audit(&filter)?.len();
                Ok(())
            })
            .unwrap();
        found
    }
}

fn at_zero() -> hansho::clock::WallTime {
    hansho::clock::WallTime::from_millis(0)
}

/// Whose data an operation is about, in this test's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nobody's, or a list of what one sees.
    Any,
    /// A thing of customer A: to others it does not exist.
    OfA,
    /// It names customer A: to others it is forbidden.
    NamesA,
    /// The whole collector.
    Whole,
}

pub struct Case {
    pub role: Role,
    pub reach: Reach,
    pub path: String,
    pub body: Option<Json>,
}

#[expect(clippy::too_many_lines, reason = "a table: one row an operation")]
pub fn case(world: &World, operation: &Operation) -> Case {
    use Reach::{Any, NamesA, OfA, Whole};
    use Role::{Admin, Operator, Viewer};
    let alert = world.alerts[0];
    let until = NOW + 7_200_000;
    let (role, reach, path, body) = match operation.id {
        "me" => (Viewer, Any, "/me".to_owned(), None),
        "health" => (Viewer, Any, "/health".to_owned(), None),
        "totals" => (Viewer, Any, "/totals".to_owned(), None),
        "problems" => (Viewer, Any, "/problems".to_owned(), None),
        "document" => (Viewer, Any, "/openapi.json".to_owned(), None),
        "agents" => (Viewer, Any, "/agents".to_owned(), None),
        "agent" => (Viewer, OfA, "/agents/0000000000000001".to_owned(), None),
        "presence" => (
            Viewer,
            OfA,
            "/agents/A%2Fshop%2Fweb/presence".to_owned(),
            None,
        ),
        "readings" => (
            Viewer,
            OfA,
            "/agents/0000000000000001/readings?from=2026-11-24T00:00:00Z".to_owned(),
            None,
        ),
        "frames" => (
            Viewer,
            OfA,
            "/agents/0000000000000001/frames?limit=2".to_owned(),
            None,
        ),
        "agent_evidence" => (
            Viewer,
            OfA,
            "/agents/0000000000000001/evidence?limit=1".to_owned(),
            None,
        ),
        "agent_victims" => (
            Viewer,
            OfA,
            "/agents/0000000000000001/victims?limit=1".to_owned(),
            None,
        ),
        "alert_evidence" => (Viewer, OfA, format!("/alerts/{alert}/evidence"), None),
        "losses" => (
            Viewer,
            OfA,
            "/agents/0000000000000001/losses".to_owned(),
            None,
        ),
        "rules" => (
            Viewer,
            OfA,
            "/agents/0000000000000001/rules".to_owned(),
            None,
        ),
        "agent_notes" => (
            Viewer,
            OfA,
            "/agents/0000000000000001/notes".to_owned(),
            None,
        ),
        "add_agent_note" => (
            Operator,
            OfA,
            "/agents/0000000000000001/notes".to_owned(),
            Some(json!({"text": "x"})),
        ),
        "add_agent" => (
            Admin,
            NamesA,
            "/agents".to_owned(),
            Some(json!({"customer": "A", "system": "shop", "name": "db"})),
        ),
        "keys" => (Admin, OfA, "/agents/0000000000000001/keys".to_owned(), None),
        "rotate_key" => (
            Admin,
            OfA,
            "/agents/0000000000000001/rotate".to_owned(),
            Some(json!({"grace_ms": 1000})),
        ),
        "revoke_keys" => (
            Admin,
            OfA,
            "/agents/0000000000000001/revoke".to_owned(),
            None,
        ),
        "retire_agent" => (
            Admin,
            OfA,
            "/agents/0000000000000001/retire".to_owned(),
            None,
        ),
        // Nothing to do: it was not retired.
        "restore_agent" => (
            Admin,
            OfA,
            "/agents/0000000000000001/restore".to_owned(),
            None,
        ),
        "rename_agent" => (
            Admin,
            OfA,
            "/agents/0000000000000001/rename".to_owned(),
            Some(json!({"name": "web2"})),
        ),
        "move_agent" => (
            Admin,
            OfA,
            "/agents/0000000000000001/move".to_owned(),
            Some(json!({"customer": "A", "system": "shop2"})),
        ),
        "join_tokens" => (Admin, Any, "/join-tokens".to_owned(), None),
        "add_join_token" => (
            Admin,
            NamesA,
            "/join-tokens".to_owned(),
            Some(json!({"customer": "A", "system": "shop"})),
        ),
        "revoke_join_token" => (Admin, OfA, "/join-tokens/1/revoke".to_owned(), None),
        "alerts" => (Viewer, Any, "/alerts".to_owned(), None),
        "alert" => (Viewer, OfA, format!("/alerts/{alert}"), None),
        "timeline" => (Viewer, OfA, format!("/alerts/{alert}/timeline"), None),
        "cause" => (Viewer, OfA, format!("/alerts/{alert}/cause"), None),
        "acknowledge" => (
            Operator,
            OfA,
            format!("/alerts/{alert}/acknowledge"),
            Some(json!({"next_report": until, "request": "r1"})),
        ),
        "release" => (Operator, OfA, format!("/alerts/{alert}/release"), None),
        "alert_notes" => (Viewer, OfA, format!("/alerts/{alert}/notes"), None),
        "add_alert_note" => (
            Operator,
            OfA,
            format!("/alerts/{alert}/notes"),
            Some(json!({"text": "x"})),
        ),
        "silences" => (Viewer, Any, "/silences?all=true".to_owned(), None),
        "silence" => (Viewer, OfA, "/silences/1".to_owned(), None),
        "add_silence" => (
            Operator,
            NamesA,
            "/silences".to_owned(),
            Some(json!({"customer": "A", "until": until, "reason": "x"})),
        ),
        "end_silence" => (Operator, OfA, "/silences/1/end".to_owned(), None),
        "windows" => (Viewer, Any, "/windows?all=true".to_owned(), None),
        "window" => (Viewer, OfA, "/windows/1".to_owned(), None),
        "add_window" => (
            Operator,
            NamesA,
            "/windows".to_owned(),
            Some(json!({
                "kind": "maintenance", "customer": "A", "ja": "停止",
                "weekly": {"days": ["mon", "thu"], "from": "23:00", "until": "02:00"},
            })),
        ),
        "end_window" => (
            Operator,
            OfA,
            "/windows/1/end".to_owned(),
            Some(json!({"what": "series"})),
        ),
        "systems" => (Viewer, Any, "/systems".to_owned(), None),
        "system_notes" => (Viewer, OfA, "/systems/A/shop/notes".to_owned(), None),
        "add_system_note" => (
            Operator,
            OfA,
            "/systems/A/shop/notes".to_owned(),
            Some(json!({"text": "x"})),
        ),
        "codes" => (Viewer, Any, "/codes?language=ja".to_owned(), None),
        "code" => (Viewer, Any, "/codes/HNS1002".to_owned(), None),
        "route" => (
            Viewer,
            OfA,
            "/route?agent=A/shop/web&code=HNS1002".to_owned(),
            None,
        ),
        "responses" => (Viewer, Any, "/responses".to_owned(), None),
        "audit" => (Admin, OfA, "/audit?customer=A".to_owned(), None),
        "audit_csv" => (
            Admin,
            OfA,
            "/audit.csv?month=2026-11&customer=A".to_owned(),
            None,
        ),
        "accounts" => (Admin, Whole, "/accounts".to_owned(), None),
        "account" => (Admin, Whole, "/accounts/victim".to_owned(), None),
        "add_account" => (
            Admin,
            Whole,
            "/accounts".to_owned(),
            Some(json!({"name": "new", "role": "viewer", "customers": ["A"]})),
        ),
        "change_account" => (
            Admin,
            Whole,
            "/accounts/victim/change".to_owned(),
            Some(json!({"role": "operator"})),
        ),
        "set_password" => (
            Admin,
            Whole,
            "/accounts/victim/password".to_owned(),
            Some(json!({"password": "another password"})),
        ),
        "tokens" => (Admin, Whole, "/tokens".to_owned(), None),
        "add_token" => (
            Admin,
            Whole,
            "/tokens".to_owned(),
            Some(json!({"name": "new", "role": "viewer", "customers": "all", "days": 3})),
        ),
        "revoke_token" => (Admin, Whole, "/tokens/victim/revoke".to_owned(), None),
        id => panic!("{id} has no entry in the matrix: say who may"),
    };
    Case {
        role,
        reach,
        path: format!("/api/v1{path}"),
        body,
    }
}

pub fn method(operation: &Operation) -> &'static str {
    match operation.method {
        Method::Get => "GET",
        Method::Post => "POST",
    }
}

pub fn ask(
    browser: &mut Browser,
    operation: &Operation,
    path: &str,
    body: Option<&Json>,
) -> Answer {
    match body {
        Some(body) => {
            let kind = [("Content-Type", "application/json")];
            browser.send(method(operation), path, &kind, &body.to_string())
        }
        None => browser.send(method(operation), path, &[], ""),
    }
}

/// That an answer is what the document says of this operation.
pub fn as_documented(operation: &Operation, answer: &Answer, told: &str) {
    let document = the_document();
    let method = method(operation).to_lowercase();
    let found = schema::of_answer(document, operation.path, &method, answer.status);
    let (kind, schema) =
        found.unwrap_or_else(|| panic!("{told}: the document has no {}", answer.status));
    let given = answer.header("content-type").unwrap_or("");
    assert!(
        given.split(';').next() == Some(kind),
        "{told}: {given}, not {kind}"
    );
    if kind == "text/csv" || operation.id == "document" && answer.status == 200 {
        return;
    }
    let value: Json =
        serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{told}: {}", answer.body));
    assert_eq!(
        schema::misfit(document, schema, &value, operation.id),
        None,
        "{told}"
    );
}
