//! Logins, sessions, the set-up link, and guessing.

use super::*;

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
