//! How people come in: login, logout, sessions, the set-up link, the single-sign-on proxy; and how they do not.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

#[path = "support/browser.rs"]
mod browser;
mod support;

use browser::{PASSWORD, Served, by, customers, serve, serve_with};
use hansho::clock::WallTime;
use hansho_collector::handling::audit;
use hansho_collector::limit::{
    FORM_BYTES, LOGIN_FAILURES, LOGIN_FAILURES_ADDRESS, LOGIN_WINDOW_MS, SESSION_IDLE_MS,
    SESSION_MS,
};
use hansho_collector::people::{Role, Scope, Settings, TrustedProxy};
use hansho_collector::store::{Store as _, Via};
use std::sync::atomic::{AtomicU64, Ordering};
use support::at;

#[test]
fn a_login_begins_a_session_and_a_logout_ends_it() {
    let served = serve();
    served.account("sato", Role::Operator, Scope::All);
    let mut browser = served.browser();
    assert!(!browser.is_in());
    let answer = browser.login("sato", PASSWORD);
    assert_eq!((answer.status, answer.location()), (303, "/"));
    let session = answer
        .cookies()
        .into_iter()
        .find(|cookie| cookie.starts_with("hansho="))
        .unwrap();
    assert!(session.contains("; HttpOnly; SameSite=Lax"), "{session}");
    assert!(session.contains("; Path=/;") && !session.contains("Secure"));
    assert!(browser.is_in());
    let page = browser.get("/?lang=en");
    assert!(page.body.contains(">sato</a>") && page.body.contains("Log out"));
    assert!(!page.body.contains("<script>") && !page.body.contains("Accounts and tokens"));
    // Whoever copied the cookie is out as well.
    let mut copied = browser.clone();
    assert!(copied.is_in());
    let csrf = browser.get("/account").csrf();
    let out = browser.post("/logout", &[("csrf", &csrf)]);
    assert_eq!((out.status, out.location()), (303, "/login"));
    assert!(!browser.cookies.contains_key("hansho"));
    assert!(!copied.is_in());
}

#[test]
fn over_https_cookies_are_secure_and_bound_to_the_host() {
    let settings = Settings::new(Some("https://hansho.example"), None);
    let served = serve_with(|| at(1000), settings);
    served.account("sato", Role::Viewer, Scope::All);
    let mut browser = served.browser();
    let page = browser.get("/login");
    for cookie in page.cookies() {
        assert!(cookie.starts_with("__Host-hansho-form="), "{cookie}");
        assert!(
            cookie.ends_with("; HttpOnly; SameSite=Lax; Secure"),
            "{cookie}"
        );
    }
    let answer = browser.login("sato", PASSWORD);
    let cookies = answer.cookies();
    assert!(cookies[0].starts_with("__Host-hansho="), "{cookies:?}");
    assert!(cookies[0].ends_with("; HttpOnly; SameSite=Lax; Secure"));
    assert!(browser.is_in());
    // The same session under the name that other sites of the domain could set is none.
    let session = browser.cookies.remove("__Host-hansho").unwrap();
    browser.cookies.insert("hansho".to_owned(), session);
    assert!(!browser.is_in());
}

/// An attacker plants a cookie and waits for the victim to log in with it.
#[test]
fn a_planted_session_never_becomes_the_victims() {
    let served = serve();
    served.account("sato", Role::Admin, Scope::All);
    served.account("mallory", Role::Viewer, Scope::All);
    let attacker = served.logged_in("mallory");
    for planted in [attacker.cookies["hansho"].clone(), "ab".repeat(32)] {
        let mut victim = served.browser();
        victim.cookies.insert("hansho".to_owned(), planted.clone());
        assert_eq!(victim.login("sato", PASSWORD).status, 303);
        assert_ne!(victim.cookies["hansho"], planted);
        let mut thief = served.browser();
        thief.cookies.insert("hansho".to_owned(), planted);
        assert!(!thief.get("/account").body.contains("<dd>sato</dd>"));
    }
}

#[test]
fn sessions_end_in_their_time() {
    static CLOCK: AtomicU64 = AtomicU64::new(0);
    fn now() -> WallTime {
        at(CLOCK.load(Ordering::SeqCst))
    }
    let served = serve_with(now, Settings::default());
    served.account("sato", Role::Viewer, Scope::All);
    let mut browser = served.logged_in("sato");
    CLOCK.store(SESSION_IDLE_MS - 1, Ordering::SeqCst);
    assert!(browser.is_in());
    CLOCK.store(2 * SESSION_IDLE_MS - 2, Ordering::SeqCst);
    assert!(browser.is_in());
    CLOCK.store(3 * SESSION_IDLE_MS, Ordering::SeqCst);
    assert!(!browser.is_in());
    let mut browser = served.logged_in("sato");
    let mut ms = 3 * SESSION_IDLE_MS;
    while ms < 3 * SESSION_IDLE_MS + SESSION_MS {
        CLOCK.store(ms, Ordering::SeqCst);
        assert!(browser.is_in(), "{ms}");
        ms += SESSION_IDLE_MS / 2;
    }
    CLOCK.store(3 * SESSION_IDLE_MS + SESSION_MS, Ordering::SeqCst);
    assert!(!browser.is_in());
}

#[test]
fn an_answer_does_not_tell_which_names_exist() {
    let served = serve();
    served.account("sato", Role::Viewer, Scope::All);
    served.account("gone", Role::Viewer, Scope::All);
    served
        .gate
        .disable_account("gone", true, &by(), at(0))
        .unwrap();
    let answer = |name: &str, password: &str| {
        let mut browser = served.browser();
        let answer = browser.login(name, password);
        let body = answer.body.replace(&answer.csrf(), "").replace(name, "");
        (answer.status, body)
    };
    let wrong = answer("sato", "something else 1");
    assert_eq!(wrong.0, 401);
    assert_eq!(answer("nobody", PASSWORD), wrong);
    assert_eq!(answer("gone", PASSWORD), wrong);
    assert_eq!(answer("gone", "something else 1"), wrong);
}

#[test]
fn failed_logins_are_counted_by_account_and_by_address() {
    static CLOCK: AtomicU64 = AtomicU64::new(0);
    fn now() -> WallTime {
        at(CLOCK.load(Ordering::SeqCst))
    }
    let served = serve_with(now, Settings::default());
    for name in ["sato", "suzuki"] {
        served.account(name, Role::Viewer, Scope::All);
    }
    let login = |name: &str, password: &str| served.browser().login(name, password).status;
    for name in ["sato", "nobody"] {
        for _ in 0..LOGIN_FAILURES {
            assert_eq!(login(name, "wrong password 1"), 401);
        }
        // Also with the right password now: else one could go on guessing.
        assert_eq!(login(name, PASSWORD), 429);
    }
    let refused = served.browser().login("sato", PASSWORD);
    assert!(refused.body.contains("12:13:07 +09:00"), "{}", refused.body);
    assert_eq!(login("suzuki", PASSWORD), 303);
    CLOCK.store(LOGIN_WINDOW_MS, Ordering::SeqCst);
    assert_eq!(login("sato", PASSWORD), 303);
    for n in 0..LOGIN_FAILURES_ADDRESS {
        assert_eq!(login(&format!("name{n}"), "wrong password 1"), 401);
    }
    assert_eq!(login("suzuki", PASSWORD), 429);
    CLOCK.store(2 * LOGIN_WINDOW_MS, Ordering::SeqCst);
    assert_eq!(login("suzuki", PASSWORD), 303);
}

#[test]
fn a_login_leads_back_to_where_one_was_and_nowhere_else() {
    let served = serve();
    served.account("sato", Role::Viewer, Scope::All);
    let mut browser = served.browser();
    let asked = browser.get("/codes/1002?lang=en");
    assert_eq!(asked.status, 303);
    assert_eq!(asked.location(), "/login?next=%2Fcodes%2F1002%3Flang%3Den");
    let page = browser.get(asked.location());
    assert!(page.body.contains("value=\"/codes/1002?lang=en\""));
    for (next, to) in [
        ("/codes/1002?lang=en", "/codes/1002?lang=en"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/x\r\nSet-Cookie: evil=1", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ] {
        let mut browser = served.browser();
        let fields = [("name", "sato"), ("password", PASSWORD), ("next", next)];
        let answer = browser.fill("/login", "/login", &fields);
        assert_eq!((answer.status, answer.location()), (303, to), "{next:?}");
        assert!(
            !answer
                .cookies()
                .iter()
                .any(|cookie| cookie.contains("evil"))
        );
    }
}

#[test]
fn the_set_up_link_makes_one_admin() {
    let served = serve();
    let key = served.gate.offer_setup(at(0)).unwrap().unwrap().hex();
    let link = format!("/setup?key={key}");
    let mut browser = served.browser();
    // Whoever only opens it uses nothing up.
    for _ in 0..2 {
        assert_eq!(served.browser().get(&link).status, 200);
    }
    for wrong in [
        "/setup",
        "/setup?key=",
        &format!("/setup?key={}", "0".repeat(64)),
    ] {
        assert_eq!(browser.get(wrong).status, 404, "{wrong}");
    }
    let short = [
        ("key", key.as_str()),
        ("name", "sato"),
        ("password", "short"),
    ];
    let answer = browser.fill(&link, "/setup?lang=en", &short);
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("at least 12 characters"));
    let good = [
        ("key", key.as_str()),
        ("name", "sato"),
        ("password", PASSWORD),
    ];
    // Without the form's own token it is nobody's wish.
    assert_eq!(browser.post("/setup", &good).status, 403);
    let csrf = browser.get(&link).csrf();
    let mut whole = vec![("csrf", csrf.as_str())];
    whole.extend(good);
    let answer = browser.post("/setup", &whole);
    assert_eq!((answer.status, answer.location()), (303, "/login"));
    assert_eq!(browser.post("/setup", &whole).status, 404);
    assert_eq!(served.browser().get(&link).status, 404);
    let account = served.gate.account("sato").unwrap().unwrap();
    assert_eq!((account.role, account.scope), (Role::Admin, Scope::All));
    assert!(served.logged_in("sato").get("/accounts").status == 200);
}

fn proxy(address: &str) -> Settings {
    let proxy = TrustedProxy {
        addresses: vec![address.parse().unwrap()],
        header: "x-remote-user".to_owned(),
    };
    Settings::new(None, Some(proxy))
}

#[test]
fn a_header_from_another_address_lets_nobody_in() {
    let served = serve_with(|| at(1000), proxy("192.0.2.1"));
    served.account("sato", Role::Admin, Scope::All);
    let mut browser = served.browser();
    browser.header("X-Remote-User", "sato");
    browser.header("X-Forwarded-For", "192.0.2.1");
    browser.header("Forwarded", "for=192.0.2.1");
    assert!(!browser.is_in());
    assert_eq!(browser.get("/accounts").status, 303);
}

#[test]
fn behind_the_proxy_the_header_says_who_it_is() {
    let served = serve_with(|| at(1000), proxy("127.0.0.1"));
    served.account("sato", Role::Admin, Scope::All);
    served.account("gone", Role::Admin, Scope::All);
    served
        .gate
        .disable_account("gone", true, &by(), at(0))
        .unwrap();
    let with = |name: &str| {
        let mut browser = served.browser();
        browser.header("X-Remote-User", name);
        browser
    };
    let mut sato = with("sato");
    assert!(sato.get("/account").body.contains("<dd>sato</dd>"));
    for stranger in [
        "nobody",
        "gone",
        "sato sato",
        "<script>",
        "../sato",
        "sato\u{e9}/",
    ] {
        let answer = with(stranger).get("/");
        assert_eq!(answer.status, 403, "{stranger}");
        assert!(!answer.body.contains(stranger) || stranger == "gone");
    }
    let mut twice = with("sato");
    twice.header("X-Remote-User", "sato");
    assert_eq!(twice.get("/").status, 403);
    // Without the header there is the login; from the proxy's address nobody is "this host".
    assert_eq!(served.browser().get("/").status, 303);
    assert_eq!(served.browser().get("/metrics").status, 401);
    assert_eq!(sato.get("/metrics").status, 200);
    // Forms are held together by a cookie of their own, and belong to whom the header names.
    let fields = [("name", "neu"), ("password", PASSWORD), ("role", "viewer")];
    assert_eq!(sato.post("/accounts", &fields).status, 403);
    assert_eq!(sato.fill("/accounts", "/accounts", &fields).status, 303);
    let csrf = sato.get("/accounts").csrf();
    served.account("suzuki", Role::Admin, Scope::All);
    sato.headers.clear();
    sato.header("X-Remote-User", "suzuki");
    let fields = [
        ("csrf", csrf.as_str()),
        ("name", "neu2"),
        ("password", PASSWORD),
        ("role", "viewer"),
    ];
    assert_eq!(sato.post("/accounts", &fields).status, 403);
    // Failed logins count for the client that the proxy saw.
    let login = |client: &str| {
        let mut browser = served.browser();
        browser.header("X-Forwarded-For", client);
        browser
            .login(&format!("x{client}"), "wrong password 1")
            .status
    };
    for _ in 0..LOGIN_FAILURES {
        assert_eq!(login("1.1.1.1, 198.51.100.7"), 401);
    }
    assert_eq!(login("1.1.1.1, 198.51.100.7"), 429);
    assert_eq!(login("198.51.100.8"), 401);
    // A proxy that adds a header of its own, after what the client made up.
    let made_up = |client: u32| {
        let mut browser = served.browser();
        browser.header("X-Forwarded-For", &format!("203.0.113.{client}"));
        browser.header("X-Forwarded-For", "198.51.100.9");
        browser
            .login(&format!("y{client}"), "wrong password 1")
            .status
    };
    for client in 0..LOGIN_FAILURES_ADDRESS {
        assert_eq!(made_up(client), 401);
    }
    assert_eq!(made_up(99), 429);
}

#[test]
fn metrics_are_for_this_host_and_for_whoever_may_come_in() {
    let served = serve();
    assert_eq!(served.browser().get("/metrics").status, 200);
    let token = served.token("prometheus", Role::Viewer, customers(&[]));
    assert_eq!(served.program(&token).get("/metrics").status, 200);
    assert_eq!(served.program("hansho_00").get("/metrics").status, 401);
}

#[test]
fn a_token_lets_in_until_it_is_revoked_and_is_no_person() {
    let served = serve();
    let token = served.token("monitor", Role::Admin, Scope::All);
    let mut program = served.program(&token);
    assert_eq!(program.get("/").status, 200);
    assert_eq!(program.get("/account").status, 403);
    let short = &token[..token.len() - 1];
    let other = token.replace("hansho_", "Hansho_");
    for wrong in [
        short,
        &other,
        "",
        "hansho_",
        &format!("{token}0"),
        "Basic x",
    ] {
        let answer = served.program(wrong).get("/");
        assert_eq!(answer.status, 401, "{wrong}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    // A wrong token beside a good session: it was meant, and is wrong.
    served.account("sato", Role::Viewer, Scope::All);
    let mut both = served.logged_in("sato");
    both.header("Authorization", "Bearer hansho_00");
    assert_eq!(both.get("/").status, 401);
    served.gate.revoke_token("monitor", &by(), at(0)).unwrap();
    assert_eq!(program.get("/").status, 401);
}

#[test]
fn a_person_changes_their_password_and_language() {
    let served = serve();
    served.account("sato", Role::Viewer, customers(&["A"]));
    let mut browser = served.logged_in("sato");
    let mut elsewhere = served.logged_in("sato");
    let mut change = |old: &str, new: &str, again: &str| {
        let fields = [("old", old), ("new", new), ("again", again)];
        browser
            .fill("/account", "/account/password", &fields)
            .status
    };
    assert_eq!(
        change("wrong password 1", "another password", "another password"),
        403
    );
    assert_eq!(change(PASSWORD, "another password", "other password"), 400);
    assert_eq!(change(PASSWORD, "short", "short"), 400);
    assert!(elsewhere.is_in());
    assert_eq!(
        change(PASSWORD, "another password", "another password"),
        200
    );
    assert!(browser.is_in());
    assert!(!elsewhere.is_in());
    assert_eq!(served.browser().login("sato", PASSWORD).status, 401);
    assert_eq!(
        served.browser().login("sato", "another password").status,
        303
    );
    let english = [("language", "en")];
    assert_eq!(
        browser
            .fill("/account", "/account/language", &english)
            .status,
        303
    );
    assert!(browser.get("/").body.contains("<html lang=\"en\">"));
    assert!(browser.get("/?lang=ja").body.contains("<html lang=\"ja\">"));
    let asked = [("language", "")];
    assert_eq!(
        browser.fill("/account", "/account/language", &asked).status,
        303
    );
    assert!(browser.get("/").body.contains("<html lang=\"ja\">"));
}

type Entry = (String, Via, String);

/// What somebody did, as the audit has it.
fn audited(served: &Served, name: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let until = at(u64::from(u32::MAX));
    served
        .store
        .view(&mut |rows| {
            audit::each(rows, None, (at(0), until), &mut |entry| {
                if entry.by == name {
                    let what = format!("{} {}", entry.action, entry.on);
                    entries.push((what, entry.via, entry.detail.clone()));
                }
            })
        })
        .unwrap();
    entries
}

fn what_the_admin_did() -> Vec<Entry> {
    let page = |what: &str, detail: &str| (what.to_owned(), Via::Page, detail.to_owned());
    vec![
        page(
            "account_add sato",
            "role=operator customers=[\"B\",\"みらい商事\"] disabled=false",
        ),
        page(
            "account_change sato",
            "role=viewer customers=[\"C\"] disabled=false",
        ),
        page("account_password sato", ""),
        page(
            "account_change sato",
            "role=viewer customers=all disabled=true",
        ),
        page(
            "token_add t",
            &format!(
                "role=viewer customers=[] expires_ms={}",
                at(1000 + 30 * 86_400_000).as_millis()
            ),
        ),
        page("token_revoke t", ""),
    ]
}

#[test]
fn an_admin_adds_changes_and_shuts_out() {
    let served = serve();
    served.account("admin", Role::Admin, Scope::All);
    let mut admin = served.logged_in("admin");
    let mut send = |path: &str, fields: &[(&str, &str)]| {
        let answer = admin.fill("/accounts?lang=en", path, fields);
        (answer.status, answer.body)
    };
    let add = |scope: &'static str, customers: &'static str| {
        [
            ("name", "sato"),
            ("password", PASSWORD),
            ("role", "operator"),
            ("scope", scope),
            ("customers", customers),
        ]
    };
    assert_eq!(
        send("/accounts", &add("some", "みらい商事\r\n B \r\n\r\n")).0,
        303
    );
    assert_eq!(send("/accounts", &add("all", "")).0, 409);
    let account = served.gate.account("sato").unwrap().unwrap();
    assert_eq!(account.scope, customers(&["B", "みらい商事"]));
    let mut sato = served.logged_in("sato");
    // Role and scope hold at once, also in sessions that are open.
    let change = [
        ("name", "sato"),
        ("role", "viewer"),
        ("scope", "some"),
        ("customers", "C"),
    ];
    assert_eq!(send("/accounts/change", &change).0, 303);
    assert!(
        sato.get("/account?lang=en")
            .body
            .contains("<dd>viewer</dd>")
    );
    let new = [("name", "sato"), ("password", "another password")];
    assert_eq!(send("/accounts/password", &new).0, 303);
    assert!(!sato.is_in());
    sato.login("sato", "another password");
    assert!(sato.is_in());
    let out = [
        ("name", "sato"),
        ("role", "viewer"),
        ("scope", "all"),
        ("disabled", "1"),
    ];
    assert_eq!(send("/accounts/change", &out).0, 303);
    assert!(!sato.is_in());
    let (status, body) = send(
        "/accounts/change?lang=en",
        &[("name", "admin"), ("role", "viewer")],
    );
    assert_eq!(status, 409);
    assert!(body.contains("last account that can manage"));
    let (status, body) = send(
        "/tokens?lang=en",
        &[("name", "t"), ("role", "viewer"), ("days", "30")],
    );
    assert_eq!(status, 200);
    let from = body.find("hansho_").unwrap();
    let token = &body[from..from + 71];
    assert_eq!(served.program(token).get("/").status, 200);
    assert!(
        !served
            .logged_in("admin")
            .get("/accounts")
            .body
            .contains(token)
    );
    for days in ["0", "3651", "-1", "soon", "1e9"] {
        let fields = [("name", "t2"), ("role", "viewer"), ("days", days)];
        assert_eq!(send("/tokens", &fields).0, 400, "{days}");
    }
    assert_eq!(send("/accounts", &[("name", "x"), ("role", "root")]).0, 400);
    assert_eq!(send("/tokens/revoke", &[("name", "t")]).0, 303);
    assert_eq!(send("/tokens/revoke", &[("name", "t")]).0, 404);
    assert_eq!(served.program(token).get("/").status, 401);
    // All of it is in the audit, with who did it and how; nothing that was refused is.
    assert_eq!(audited(&served, "admin"), what_the_admin_did());
}

#[test]
fn what_is_too_large_or_no_form_is_refused() {
    let served = serve();
    served.account("sato", Role::Admin, Scope::All);
    let mut browser = served.logged_in("sato");
    let csrf = browser.get("/accounts").csrf();
    let large = "x".repeat(FORM_BYTES + 1);
    let before = served.everybody();
    let fields = [("csrf", csrf.as_str()), ("name", &large)];
    assert_eq!(browser.post("/accounts", &fields).status, 413);
    let body = format!("{{\"csrf\":\"{csrf}\",\"name\":\"x\"}}");
    for kind in ["application/json", "text/plain", "multipart/form-data"] {
        let answer = browser.send("POST", "/accounts", &[("Content-Type", kind)], &body);
        assert_eq!(answer.status, 403, "{kind}");
    }
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer = browser.send("POST", "/accounts", &form, "csrf=%ff&name=%00&&&=&%");
    assert_eq!(answer.status, 403);
    assert_eq!(served.everybody(), before);
}
