//! Every operation of the API × every role × another customer's data, and hostile values in every parameter. The list of
//! operations is the one that the router is made of: a new one without an entry in `support/world.rs` fails.
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

use browser::{Browser, customers, encoded};
use hansho_collector::api::table::{Method, Operation, operations};
use hansho_collector::api::value::{Field, Kind, Shape};
use hansho_collector::people::{Role, Scope};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value as Json, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use world::{MARK, Reach, World, as_documented, ask, case, method};

/// What somebody gets, by role and scope: the status, and whether it is done.
fn expected(operation: &Operation, case: &world::Case, role: Role, scope: &Scope) -> u16 {
    let sees_a = *scope == Scope::All || *scope == customers(&["A"]);
    if role < case.role || case.reach == Reach::Whole && *scope != Scope::All {
        return 403;
    }
    match case.reach {
        Reach::OfA if !sees_a => 404,
        Reach::NamesA if !sees_a => 403,
        // Nobody answers: the test has no writer.
        _ if operation.id == "health" => 503,
        _ => operation.answer.status(),
    }
}

#[test]
fn every_operation_does_for_whom_it_should_and_for_nobody_else() {
    let scopes = [
        Scope::All,
        customers(&["A"]),
        customers(&["B"]),
        customers(&[]),
    ];
    let mut asked = 0;
    for operation in operations() {
        for role in Role::ALL {
            for scope in &scopes {
                let world = World::new();
                let case = case(&world, operation);
                let mut asker = world.asker(role, scope.clone());
                let before = (world.audited(), world.served.everybody());
                let answer = ask(&mut asker, operation, &case.path, case.body.as_ref());
                let told = format!("{} by {role:?} of {scope:?}: {answer:?}", operation.id);
                assert_eq!(
                    answer.status,
                    expected(operation, &case, role, scope),
                    "{told}"
                );
                as_documented(operation, &answer, &told);
                let after = (world.audited(), world.served.everybody());
                let changes = operation.method == Method::Post && answer.status < 300;
                // What was done stands in the audit, and nothing else was.
                let nothing_to_do = operation.id == "restore_agent";
                assert_eq!(after.0 > before.0, changes && !nothing_to_do, "{told}");
                if !changes {
                    assert_eq!(after, before, "{told}");
                }
                let sees_b = *scope == Scope::All || *scope == customers(&["B"]);
                assert!(sees_b || !answer.body.contains(MARK), "{told}");
                let sees_a = *scope == Scope::All || *scope == customers(&["A"]);
                assert!(sees_a || !answer.body.contains("of-A"), "{told}");
                asked += 1;
            }
        }
    }
    assert!(asked >= 58 * 12, "{asked}");
}

#[test]
fn whoever_has_no_token_is_told_nothing() {
    let world = World::new();
    let before = (world.audited(), world.served.everybody());
    for operation in operations() {
        let case = case(&world, operation);
        let wrong = format!("hansho_{}", "0".repeat(64));
        let mut strangers = vec![
            world.served.browser(),
            world.served.program(&wrong),
            world.served.program("x"),
        ];
        let mut stale = world.served.browser();
        stale.cookies.insert("hansho".to_owned(), "0".repeat(64));
        strangers.push(stale);
        for stranger in &mut strangers {
            let answer = ask(stranger, operation, &case.path, case.body.as_ref());
            assert_eq!(answer.status, 401, "{}: {answer:?}", operation.id);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            as_documented(operation, &answer, operation.id);
        }
    }
    // Neither what exists nor what does not is told.
    for path in ["/api", "/api/v1", "/api/v1/no/such", "/api/v2/alerts"] {
        let status = world.served.browser().get(path).status;
        assert!(matches!(status, 401 | 303), "{path}: {status}");
    }
    assert_eq!((world.audited(), world.served.everybody()), before);
}

#[test]
fn a_session_needs_what_its_pages_send_along() {
    let world = World::new();
    world
        .served
        .account("sato", Role::Operator, customers(&["A"]));
    let mut sato = world.served.logged_in("sato");
    let csrf = sato.get("/account").csrf();
    assert_eq!(sato.get("/api/v1/me").status, 200);
    let path = format!("/api/v1/alerts/{}/acknowledge", world.alerts[0]);
    let json = ("Content-Type", "application/json");
    assert_eq!(sato.send("POST", &path, &[json], "{}").status, 403);
    // A form of another site can be sent as text at best.
    assert_eq!(
        sato.send("POST", &path, &[("Content-Type", "text/plain")], "{}")
            .status,
        403
    );
    let answer = sato.send("POST", &path, &[json, ("X-CSRF-Token", &csrf)], "{}");
    assert_eq!(answer.status, 200, "{answer:?}");
    let taken: Json = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(taken["acknowledgement"]["via"], "page");
    assert_eq!(taken["from"], "test");
}

#[test]
fn other_methods_and_addresses_are_problems_too() {
    let world = World::new();
    let mut asker = world.asker(Role::Admin, Scope::All);
    let answer = asker.send("DELETE", "/api/v1/alerts", &[], "");
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (405, Some("application/problem+json"))
    );
    assert!(
        answer
            .header("allow")
            .is_some_and(|allow| allow.contains("GET")),
        "{answer:?}"
    );
    for path in [
        "/api/v1/no/such",
        "/api/v1/alerts/",
        "/api/v2/alerts",
        "/api/v1/agents/x/y",
    ] {
        let answer = asker.get(path);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (404, Some("application/problem+json")),
            "{path}"
        );
    }
    assert_eq!(asker.send("HEAD", "/api/v1/alerts", &[], "").status, 200);
}

/// What nobody should be impressed by, and what would name another customer's things.
fn values(world: &World) -> Vec<Json> {
    let long = "A".repeat(3000);
    let texts = [
        "",
        " ",
        "<script>alert(1)</script>",
        "' OR 1=1; DROP TABLE alerts; --",
        "\0",
        "\u{202e}\u{200b}",
        "x\r\nSet-Cookie: evil=1",
        "../../../etc/passwd",
        "-1",
        "0",
        "99999999999999999999999999",
        "%00%ff",
        "NaN",
        "null",
        "true",
        "*",
        "A",
        "B",
        "C/..",
        "web",
        "0000000000000002",
        "B/shop-of-B/web",
        "shop-of-B",
        "2026-11-24T03:20:00+09:00",
        "9999-12-31T23:59:59Z",
        "2026-13",
        "2026-11",
        "firing",
        "event",
        "HNS1002",
        "HNS9999-E",
        "all",
        "admin",
        "\u{1f525}",
        "30/30/30",
        "23:00",
        "+09:00",
        "ff",
        "31",
    ];
    let mut values: Vec<Json> = texts.iter().map(|text| json!(text)).collect();
    values.push(json!(long));
    values.extend(world.alerts.iter().map(|id| json!(id.to_string())));
    for number in [
        0_u64,
        1,
        2,
        255,
        256,
        500,
        501,
        1002,
        u64::from(u32::MAX),
        u64::MAX,
    ] {
        values.push(json!(number));
    }
    values.extend([
        json!(null), json!(true), json!(false), json!(-1), json!(1.5), json!(1e300), json!([]), json!({}), json!(["A"]), json!(["B"]),
        json!(["mon", "mon"]), json!(["mon"]), json!({"until": u64::MAX}), json!({"from": 0, "until": 1}), json!([[[[]]]]),
        json!({"days": ["mon"], "from": "23:00", "until": "02:00", "offset": "-14:00", "since": u64::MAX, "last": 0}),
    ]);
    values
}

fn as_text(value: &Json) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A request: the value that each parameter and member has, by its index; one beyond is none.
fn request(
    operation: &Operation,
    chosen: &[usize],
    values: &[Json],
    good: &world::Case,
) -> (String, Option<Json>) {
    let mut chosen = chosen.iter().copied().cycle();
    // Some of the path as it should be, so that the query and the body are reached.
    let (good_path, _) = good.path.split_once('?').unwrap_or((&good.path, ""));
    let good_parts: Vec<&str> = good_path.split('/').collect();
    let mut path = Vec::new();
    for (index, part) in operation.path.split('/').enumerate() {
        let pick = chosen.next().unwrap();
        if part.starts_with('{') && pick % 2 == 0 {
            path.push(encoded(&as_text(&values[pick % values.len()])));
        } else {
            path.push(good_parts[index].to_owned());
        }
    }
    let mut query = Vec::new();
    let extra = Field {
        name: "surprise",
        kind: Kind::Flag,
        need: hansho_collector::api::value::Need::Nullable,
        says: "",
    };
    for field in operation.parameters.iter().chain([&extra]) {
        let pick = chosen.next().unwrap();
        let rare = field.name == "surprise" && pick % 16 != 0;
        if !operation.is_in_path(field.name) && pick % 3 != 0 && !rare {
            query.push(format!(
                "{}={}",
                field.name,
                encoded(&as_text(&values[pick % values.len()]))
            ));
        }
    }
    let body = operation
        .body
        .map(|shape| body(shape, &mut chosen, values, good.body.as_ref()));
    (format!("{}?{}", path.join("/"), query.join("&")), body)
}

fn body(
    shape: &Shape,
    chosen: &mut impl Iterator<Item = usize>,
    values: &[Json],
    good: Option<&Json>,
) -> Json {
    let mut members = Map::new();
    for field in shape.fields {
        let pick = chosen.next().unwrap();
        match pick % 4 {
            0 => {}
            1 | 2 if good.is_some_and(|good| good.get(field.name).is_some()) => {
                members.insert(field.name.to_owned(), good.unwrap()[field.name].clone());
            }
            _ => {
                members.insert(field.name.to_owned(), values[pick % values.len()].clone());
            }
        }
    }
    Json::Object(members)
}

/// Two customers, somebody of each role who sees A alone, and one who may do everything.
struct Stage {
    world: World,
    askers: Vec<Browser>,
    cases: Vec<world::Case>,
}

/// Whoever may do everything, behind the roles.
const CHIEF: usize = Role::ALL.len();

impl Stage {
    fn new() -> Self {
        let world = World::new();
        let mut askers: Vec<Browser> = Role::ALL
            .into_iter()
            .map(|role| {
                let token = world.served.token(role.word(), role, customers(&["A"]));
                world.served.program(&token)
            })
            .collect();
        askers.push(world.asker(Role::Admin, Scope::All));
        let cases = operations()
            .map(|operation| case(&world, operation))
            .collect();
        Self {
            world,
            askers,
            cases,
        }
    }
}

#[test]
fn hostile_values_never_fail_the_collector_and_never_show_another_customer() {
    let stage = RefCell::new(Stage::new());
    let values = values(&stage.borrow().world);
    let all: Vec<&Operation> = operations().collect();
    let mut runner = TestRunner::new(Config {
        cases: 4000,
        failure_persistence: None,
        ..Config::default()
    });
    let picks = prop::collection::vec(any::<u16>().prop_map(usize::from), 24);
    let strategy = (0..all.len(), 0..=CHIEF, picks);
    let seen = RefCell::new(BTreeMap::<u16, u32>::new());
    let ran = runner.run(&strategy, |(index, who, picks)| {
        let operation = all[index];
        let mut stage = stage.borrow_mut();
        let (path, body) = request(operation, &picks, &values, &stage.cases[index]);
        let answer = ask(&mut stage.askers[who], operation, &path, body.as_ref());
        let told = format!("{} {path} {body:?}: {answer:?}", method(operation));
        *seen.borrow_mut().entry(answer.status).or_default() += 1;
        // Without a writer health says 503, and nothing else may.
        prop_assert!(answer.status < 500 || operation.id == "health", "{told}");
        if answer.status != 404 || answer.body.contains("no such") {
            as_documented(operation, &answer, &told);
        }
        let echoed = path.contains("of%2DB")
            || body
                .as_ref()
                .is_some_and(|body| body.to_string().contains(MARK));
        if who < CHIEF {
            prop_assert!(echoed || !answer.body.contains(MARK), "{told}");
        }
        prop_assert!(
            !answer
                .headers
                .iter()
                .any(|(_, value)| value.contains("evil")),
            "{told}"
        );
        // Who may do everything may give A what was of B, and who works for A may write a word of B's: what A sees of that later
        // is no leak, and could not be told from one.
        let done = answer.status < 300 && operation.method != Method::Get;
        if done && (who == CHIEF || echoed) {
            *stage = Stage::new();
        }
        Ok(())
    });
    if let Err(error) = ran {
        panic!("{error}");
    }
    // The values reach what they should: things done, and each way of refusing. A number that is a moment, and one that has passed,
    // is too rare among them to be left to chance.
    let mut seen = seen.into_inner();
    let stage = &mut *stage.borrow_mut();
    let path = format!("/api/v1/alerts/{}/acknowledge", stage.world.alerts[0]);
    let acknowledge = operations()
        .find(|one| one.path.ends_with("/acknowledge") && one.method != Method::Get)
        .unwrap();
    let passed = json!({ "next_report": 1 });
    let answer = ask(&mut stage.askers[CHIEF], acknowledge, &path, Some(&passed));
    assert_eq!(answer.status, 422, "{answer:?}");
    *seen.entry(answer.status).or_default() += 1;
    for status in [200, 201, 400, 403, 404, 409, 422] {
        assert!(seen.contains_key(&status), "{seen:?}");
    }
}

#[test]
fn bodies_that_are_no_json_are_refused_and_bounded() {
    let world = World::new();
    let mut asker = world.asker(Role::Operator, Scope::All);
    let path = format!("/api/v1/alerts/{}/acknowledge", world.alerts[0]);
    let json = [("Content-Type", "application/json")];
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let long = format!("{{\"text\":\"{}\"}}", "x".repeat(300_000));
    for (kind, body, status) in [
        (&json[..], "{", 400),
        (&json, "[]", 400),
        (&json, "null", 400),
        (&json, "\u{feff}{}", 400),
        (&json, &deep, 400),
        (&json, &long, 413),
        (&json, "{\"surprise\":1}", 400),
        (&json, "{\"text\":1}", 400),
        (&json, "{\"next_report\":\"tomorrow\"}", 400),
        (&json, "{\"next_report\":1}", 422),
        (&[("Content-Type", "text/plain")], "{}", 415),
        (
            &[("Content-Type", "application/x-www-form-urlencoded")],
            "text=x",
            415,
        ),
        (&[], "{}", 415),
        (&json, "{}", 200),
        (&[], "", 200),
        (
            &[("Content-Type", "application/json; charset=utf-8")],
            "{\"text\":\"半鐘\"}",
            200,
        ),
    ] {
        let answer = asker.send("POST", &path, kind, body);
        let shown: String = body.chars().take(40).collect();
        assert_eq!(answer.status, status, "{shown}: {answer:?}");
        if status >= 400 {
            let problem: Json = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(problem["status"], status, "{shown}");
        }
    }
    // A body where none is taken.
    let answer = asker.send("POST", "/api/v1/silences/1/end", &json, "{}");
    assert_eq!(answer.status, 400);
    let field = |answer: &browser::Answer| {
        serde_json::from_str::<Json>(&answer.body).unwrap()["field"].clone()
    };
    assert_eq!(
        field(&asker.send("POST", &path, &json, "{\"next_report\":1}")),
        "next_report"
    );
    assert_eq!(
        field(&asker.send("POST", &path, &json, "{\"surprise\":1}")),
        "surprise"
    );
    assert_eq!(field(&asker.get("/api/v1/alerts?limit=501")), "limit");
    assert_eq!(field(&asker.get("/api/v1/alerts?limit=1&limit=1")), "limit");
    assert_eq!(field(&asker.get("/api/v1/route?code=HNS1002")), "agent");
}
