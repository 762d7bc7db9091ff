//! Every route × every role × another customer's data, and hostile values in every parameter. The list of routes is the one that
//! the router is made of: a new route without an entry here fails.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

#[path = "support/browser.rs"]
mod browser;
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

fn alert_of(served: &Served, agent: u64) -> String {
    let alerts = served.store.alerts(&AlertFilter::default()).unwrap();
    let found = alerts.iter().find(|alert| alert.agent.0 == agent).unwrap();
    found.id.to_string()
}

/// Each role with each scope, as a person and as a program.
fn askers(served: &Served) -> Vec<Asker> {
    let scopes = [
        ("all", Scope::All),
        ("a", customers(&["A"])),
        ("b", customers(&["B"])),
        ("none", customers(&[])),
    ];
    let mut askers = Vec::new();
    for role in Role::ALL {
        for (word, scope) in &scopes {
            let name = format!("{}.{word}", role.word());
            served.account(&name, role, scope.clone());
            let token = served.token(&name, role, scope.clone());
            for (person, browser) in [
                (true, served.logged_in(&name)),
                (false, served.program(&token)),
            ] {
                askers.push(Asker {
                    name: format!("{name}, person: {person}"),
                    browser,
                    role,
                    scope: scope.clone(),
                    person,
                });
            }
        }
    }
    served.account("victim", Role::Viewer, customers(&["A"]));
    askers
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

#[test]
fn every_route_lets_in_whom_it_should_and_nobody_else() {
    let served = serve();
    two_customers(&served);
    let alert = alert_of(&served, 1);
    let mut askers = askers(&served);
    let mut n = 0;
    for route in ROUTES.iter().filter(|route| route.path != "/logout") {
        for asker in &mut askers {
            n += 1;
            let case = case(route.method, route.path, &alert, n);
            if case.may == May::Everybody {
                continue;
            }
            if route.path == "/tokens/revoke" && asker.may(case.may) {
                served.token("victim", Role::Viewer, Scope::All);
            }
            let csrf = csrf(asker);
            let before = served.everybody();
            let answer = ask(&mut asker.browser, route.method, &case, csrf.as_deref());
            let told = format!(
                "{} {} by {}: {answer:?}",
                route.method, case.path, asker.name
            );
            if asker.may(case.may) {
                assert!(!refused(&answer) && answer.status < 500, "{told}");
            } else {
                // What another customer's is does not exist; what one has no right to is forbidden.
                let expected = match case.may {
                    May::SeesA => 404,
                    May::ActsOnA if asker.acts() => 404,
                    May::ActsAtA if asker.acts() => 422,
                    _ => 403,
                };
                assert_eq!(answer.status, expected, "{told}");
                assert!(!answer.body.contains("host-of-A"), "{told}");
                assert_eq!(served.everybody(), before, "{told}");
            }
        }
    }
    assert!(n >= 35 * 24, "{n}");
}

#[test]
fn whoever_is_not_logged_in_gets_nowhere() {
    let served = serve();
    two_customers(&served);
    let alert = alert_of(&served, 1);
    let before = served.everybody();
    for (n, route) in ROUTES.iter().enumerate() {
        let case = case(route.method, route.path, &alert, n);
        if case.may == May::Everybody {
            continue;
        }
        let mut nobody = served.browser();
        // Programs and scripts are told by status, people are led to the login.
        let for_programs = ["/charts/{*agent}", "/live"].contains(&route.path);
        let shut = if for_programs { 401 } else { 303 };
        // With the token of a stranger's form, which is all that a stranger has.
        let csrf = nobody.get("/login").csrf();
        let answer = ask(&mut nobody, route.method, &case, Some(&csrf));
        assert_eq!(answer.status, shut, "{} {}", route.method, case.path);
        assert_eq!(answer.location().starts_with("/login"), !for_programs);
        let mut wrong = served.program(&format!("hansho_{}", "0".repeat(64)));
        let answer = ask(&mut wrong, route.method, &case, None);
        assert_eq!(answer.status, 401, "{} {}", route.method, case.path);
        let mut stale = served.browser();
        stale.cookies.insert("hansho".to_owned(), "0".repeat(64));
        let answer = ask(&mut stale, route.method, &case, Some(&csrf));
        assert_eq!(answer.status, shut, "{} {}", route.method, case.path);
    }
    // Neither what exists nor what does not is told.
    assert_eq!(served.browser().get("/no/such/page").status, 303);
    assert_eq!(served.everybody(), before);
}

#[test]
fn the_first_page_shows_what_one_may_see_and_counts_that_only() {
    let served = serve();
    two_customers(&served);
    for (name, scope, a, b, count) in [
        ("all", Scope::All, true, true, "(2)"),
        ("only-a", customers(&["A"]), true, false, "(1)"),
        ("only-b", customers(&["B"]), false, true, "(1)"),
        ("none", customers(&[]), false, false, "(0)"),
        (
            "other",
            customers(&["a", "AB", "A shop"]),
            false,
            false,
            "(0)",
        ),
    ] {
        let token = served.token(name, Role::Admin, scope);
        let page = served.program(&token).get("/?lang=en").body;
        assert_eq!(
            page.contains(&format!("/a/{}", alert_of(&served, 1))),
            a,
            "{name}"
        );
        assert_eq!(
            page.contains(&format!("/a/{}", alert_of(&served, 2))),
            b,
            "{name}"
        );
        assert_eq!(
            page.contains("href=\"/systems/A/shop?lang=en\""),
            a,
            "{name}"
        );
        assert_eq!(
            page.contains("href=\"/systems/B/shop?lang=en\""),
            b,
            "{name}"
        );
        assert_eq!(page.contains("HNS2001-I"), a || b, "{name}");
        assert!(page.contains(&format!("<h2>Firing {count}</h2>")), "{name}");
    }
    // A name that two customers have is unique to whoever sees one of them.
    let a = served.token("short-name", Role::Viewer, customers(&["A"]));
    let page = served.program(&a).get("/agents/web");
    assert!(page.status == 200 && page.body.contains("host-of-A"));
    let b = served.program(&a).get("/agents/0000000000000002");
    assert_eq!(b.status, 404);
}

#[test]
fn no_form_works_without_what_its_page_sends_along() {
    let served = serve();
    let alert = "0000000000";
    served.account("victim", Role::Viewer, customers(&["A"]));
    served.token("victim", Role::Viewer, Scope::All);
    served.account("chief", Role::Admin, Scope::All);
    let mut chief = served.logged_in("chief");
    let mut other = served.logged_in("chief");
    let own = chief.get("/account").csrf();
    let others = other.get("/account").csrf();
    assert_ne!(own, others);
    let strangers = served.browser().get("/login").csrf();
    let before = served.everybody();
    let mut forms = 0;
    for (n, route) in ROUTES.iter().enumerate() {
        if route.method != "POST" {
            continue;
        }
        forms += 1;
        let case = case(route.method, route.path, alert, n);
        let upper = own.to_uppercase();
        let mut wrong = vec![None, Some(""), Some("x"), Some(&*others), Some(&*strangers)];
        if upper != own {
            wrong.push(Some(&upper));
        }
        if case.may == May::Everybody {
            wrong.push(Some(&own));
        }
        for csrf in wrong {
            let answer = ask(&mut chief, "POST", &case, csrf);
            assert_eq!(answer.status, 403, "{} {csrf:?}", route.path);
        }
        // The right one, but the browser says that another site sends it.
        for site in ["cross-site", "same-site"] {
            let mut lured = chief.clone();
            lured.header("Sec-Fetch-Site", site);
            let answer = ask(&mut lured, "POST", &case, Some(&own));
            assert_eq!(answer.status, 403, "{} {site}", route.path);
        }
    }
    assert!(forms >= 10);
    assert_eq!(served.everybody(), before);
    assert!(chief.is_in());
    // The same goes through with it.
    let case = case("POST", "/accounts", alert, 1);
    chief.header("Sec-Fetch-Site", "same-origin");
    assert_eq!(ask(&mut chief, "POST", &case, Some(&own)).status, 303);
}

/// Beside the table there is one way in: the signed link of a mail, whose token is the right itself (tests/link_page.rs).
#[test]
fn no_route_stands_outside_the_table() {
    let web = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web");
    let mut outside = Vec::new();
    let mut folders = vec![web];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    assert!(files.len() >= 40);
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines() {
            let makes = [".route(", ".nest(", "_service(", ".fallback("];
            if makes.iter().any(|make| line.contains(make)) {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                outside.push(format!("{name}: {}", line.trim()));
            }
        }
    }
    outside.sort();
    assert_eq!(
        outside,
        [
            "link.rs: .route(\"/l/{token}\", get(open).post(take))",
            "mod.rs: .fallback_service(nothing.with_state(Arc::clone(&site)))",
            "mod.rs: router = router.route(\"/api/{*rest}\", none);",
            // The table of the API, with a matrix of its own (tests/api_matrix.rs).
            "mod.rs: router = router.route(operation.path, handler);",
            "mod.rs: router = router.route(route.path, handler);",
        ]
    );
}

const HOSTILE: [&str; 16] = [
    "",
    " ",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' OR 1=1; DROP TABLE accounts; --",
    "\0",
    "\u{202e}\u{200b}",
    "x\r\nSet-Cookie: evil=1",
    "../../../etc/passwd",
    "//evil.example",
    "-1",
    "99999999999999999999999999",
    "%00%ff",
    "{{7*7}}${7*7}",
    "NaN",
    "\u{1f525}",
];

fn harmless(answer: &Answer, told: &str) {
    // 503 is /healthz without a writer.
    assert!(
        answer.status < 500 || answer.status == 503,
        "{told}: {answer:?}"
    );
    for markup in ["<script>", "<img", "onerror=alert(1)>"] {
        assert!(!answer.body.contains(markup), "{told}: {}", answer.body);
    }
    assert!(
        !answer
            .headers
            .iter()
            .any(|(_, value)| value.contains("evil")),
        "{told}: {answer:?}"
    );
    assert!(
        answer
            .header("content-security-policy")
            .is_some_and(|policy| policy
                .contains("default-src 'none'; style-src 'self'; script-src 'self';")
                && !policy.contains("unsafe")),
        "{told}"
    );
}

#[test]
fn hostile_values_in_every_parameter_do_nothing() {
    let served = serve();
    two_customers(&served);
    served.account("chief", Role::Admin, Scope::All);
    served.account("victim", Role::Viewer, customers(&["A"]));
    let mut chief = served.logged_in("chief");
    let own = chief.get("/account").csrf();
    let long = "A".repeat(6000);
    let values: Vec<&str> = HOSTILE.into_iter().chain([long.as_str()]).collect();
    let mut asked = 0;
    for (n, route) in ROUTES.iter().enumerate() {
        // It ends the session; it has no parameter.
        if route.path == "/logout" {
            continue;
        }
        let case = case(route.method, route.path, "0000000000", n);
        let csrf = match case.may {
            // Before the login, a form belongs to the browser's cookie for forms.
            May::Everybody => {
                chief.cookies.remove("hansho-form");
                chief.get("/login").csrf()
            }
            _ => own.clone(),
        };
        for value in &values {
            let hostile = encoded(value);
            let plain = case.path.split('?').next().unwrap();
            for query in [
                "lang", "next", "key", "hours", "from", "to", "csrf", "q", "week", "first", "done",
                "place",
            ] {
                let path = format!("{plain}?{query}={hostile}");
                if route.method == "GET" {
                    asked += 1;
                    harmless(&chief.get(&path), &path);
                }
            }
            if route.path.contains('{') {
                let start = route.path.split('{').next().unwrap();
                asked += 1;
                let path = format!("{start}{hostile}");
                harmless(&chief.get(&path), &path);
            }
            for field in case.fields.iter().map(|(name, _)| *name) {
                // Passwords that would do cost a hash each, and logins are limited; the rest of the fields is wrong then.
                let mut fields = vec![("csrf", csrf.as_str())];
                fields.extend(case.fields.iter().map(|(name, good)| {
                    (*name, if *name == field { value } else { good.as_str() })
                }));
                asked += 1;
                let told = format!("{} {field}={value:?}", route.path);
                harmless(&chief.post(&case.path, &fields), &told);
            }
        }
    }
    assert!(asked > 1000, "{asked}");
    // Still there, and still the only ones who were.
    assert!(chief.is_in());
    let (accounts, _) = served.gate.everybody().unwrap();
    for account in &accounts {
        let known = ["chief", "victim"].contains(&account.name.as_str());
        assert!(
            known
                || account.name.starts_with("added")
                || ["-1", "NaN", "99999999999999999999999999"].contains(&account.name.as_str()),
            "{account:?}"
        );
        assert!(
            account.role != Role::Admin || account.name == "chief",
            "{account:?}"
        );
    }
}
