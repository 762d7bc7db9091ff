//! Forms that no page of ours sent, and hostile values in every parameter.

use super::*;

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
