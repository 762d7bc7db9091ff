//! Behind a single-sign-on proxy, with a token, from this host.

use super::*;

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
