//! Who is let in where, and sees what.

use super::*;

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
