//! One's own account, and those of others.

use super::*;

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
