//! Commands and API say the same.

use super::*;

/// That all that a command says the API says too: the same under the same name.
fn within(command: &Json, api: &Json, place: &str, but: &[&str]) {
    match (command, api) {
        (Json::Object(members), Json::Object(_)) => {
            for (name, member) in members
                .iter()
                .filter(|(name, _)| !but.contains(&name.as_str()))
            {
                let found = api
                    .get(name)
                    .unwrap_or_else(|| panic!("{place}: the API does not say {name}: {api}"));
                within(member, found, &format!("{place}.{name}"), but);
            }
        }
        (Json::Array(one), Json::Array(other)) => {
            assert_eq!(one.len(), other.len(), "{place}");
            for (one, other) in one.iter().zip(other) {
                within(one, other, place, but);
            }
        }
        _ => assert_eq!(command, api, "{place}"),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one row a list")]
fn commands_and_api_say_the_same() {
    let serving = serving();
    // Done by commands, and by the API.
    serving.command(&[
        "silence",
        "add",
        "--customer",
        "mirai",
        "--code",
        "HNS3004",
        "--until",
        "+2h",
        "--reason",
        "rebuild",
        "--by",
        "佐藤",
    ]);
    serving.command(&[
        "window",
        "add",
        "--kind",
        "event",
        "--customer",
        "mirai",
        "--from",
        "+1h",
        "--until",
        "+2h",
        "--ja",
        "セール",
        "--by",
        "佐藤",
    ]);
    serving.command(&[
        "note",
        "add",
        "alert",
        &serving.alert,
        "--text",
        "hand-over",
        "--by",
        "佐藤",
    ]);
    serving.command(&[
        "ack",
        &serving.alert,
        "--by",
        "佐藤",
        "--next-report",
        "+1h",
    ]);
    serving.command(&[
        "join-token",
        "add",
        "--system",
        "mirai/order",
        "--uses",
        "3",
    ]);
    let until = clock::now().as_millis() + 7_200_000;
    for (path, body) in [
        (
            "/silences",
            json!({"customer": "sakura", "until": until, "reason": "test of the disk"}),
        ),
        (
            "/windows",
            json!({"kind": "maintenance", "customer": "sakura", "en": "backup",
            "weekly": {"days": ["mon", "thu"], "from": "23:00", "until": "02:00"}}),
        ),
        (
            "/join-tokens",
            json!({"customer": "sakura", "system": "shop", "uses": 2}),
        ),
        (
            "/accounts",
            json!({"name": "suzuki", "role": "operator", "customers": ["mirai"], "language": "ja"}),
        ),
        (
            "/agents",
            json!({"customer": "mirai", "system": "order", "name": "web04"}),
        ),
        ("/agents/db1/rename", json!({"name": "db2"})),
    ] {
        serving.asked("POST", path, &body.to_string());
    }
    let alert = serving.alert.clone();
    let notes = format!("/alerts/{alert}/notes");
    for (words, path, but) in [
        (vec!["agent", "list", "--json"], "/agents", &[][..]),
        (vec!["alerts", "--all", "--json"], "/alerts", &[]),
        (
            vec!["readings", "web03", "--json"],
            "/agents/web03/readings",
            &[],
        ),
        (
            vec!["frames", "web03", "--json"],
            "/agents/web03/frames",
            &[],
        ),
        (
            vec!["losses", "web03", "--json"],
            "/agents/web03/losses",
            &[],
        ),
        (vec!["silence", "list", "--json"], "/silences", &[]),
        (vec!["window", "list", "--json"], "/windows", &[]),
        (vec!["note", "list", "alert", &alert, "--json"], &notes, &[]),
        (vec!["join-token", "list", "--json"], "/join-tokens", &[]),
        (vec!["account", "list", "--json"], "/accounts", &[]),
        // A use is noted at most once a minute.
        (
            vec!["token", "list", "--json"],
            "/tokens",
            &["used", "used_ms"],
        ),
        (vec!["responses", "--json"], "/responses", &[]),
    ] {
        let mut command = serving.listed(&words);
        let mut api = serving.items(path);
        assert!(!command.is_empty(), "{words:?}");
        if path.ends_with("readings") {
            // Newest first there, oldest first here.
            api.reverse();
        }
        if words[0] == "alerts" {
            let id = |alert: &Json| alert["alert"].as_str().unwrap().to_owned();
            command.sort_by_key(id);
            api.sort_by_key(id);
        }
        within(&Json::Array(command), &Json::Array(api), path, but);
    }
    let stats = serving.listed(&["stats", "--json"]);
    within(
        &stats[0],
        &serving.asked("GET", "/totals", "")["store"],
        "totals",
        &[],
    );
    let route = serving.listed(&["route", "--agent", "web03", "--code", "HNS1002", "--json"]);
    let found = serving.asked("GET", "/route?agent=web03&code=HNS1002", "");
    within(&route[0], &found, "route", &["at", "at_ms"]);
    assert_eq!(
        found["response"]["first_action"],
        json!(["call the customer"])
    );
    let month = &clock::utc(clock::now().as_millis() + 9 * 3_600_000)[..7];
    let audit = serving.listed(&["audit", "--month", month, "--json"]);
    let found = serving.items(&format!("/audit?month={month}"));
    within(&Json::Array(audit), &Json::Array(found), "audit", &[]);
    let csv = serving.command(&["audit", "--month", month]);
    assert_eq!(
        serving.api("GET", &format!("/audit.csv?month={month}"), ""),
        (200, csv)
    );
}

#[test]
fn lists_come_in_pages_and_a_request_counts_once() {
    let serving = serving();
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = serving.asked("GET", &format!("/alerts?limit=1{cursor}"), "");
        all.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(all, serving.items("/alerts"));
    assert_eq!(all.len(), 4);
    // A filter leaves pages that have less and yet go on; what they have together is all.
    for (filter, count) in [
        ("state=firing", 2),
        ("customer=mirai", 2),
        ("code=HNS2001", 2),
        ("taken=true", 0),
        ("agent=db1&state=resolved", 1),
        ("severity=error", 2),
    ] {
        assert_eq!(
            serving.items(&format!("/alerts?{filter}")).len(),
            count,
            "{filter}"
        );
    }
    let frames = serving.asked("GET", "/agents/web03/frames?limit=4", "");
    let rest = serving.asked(
        "GET",
        &format!(
            "/agents/web03/frames?limit=4&cursor={}",
            frames["next"].as_str().unwrap()
        ),
        "",
    );
    assert_eq!(
        (rest["items"].as_array().unwrap().len(), &rest["next"]),
        (2, &Json::Null)
    );
    // A cursor of another list.
    let stray = format!(
        "/agents/web03/readings?cursor={}",
        frames["next"].as_str().unwrap()
    );
    assert_eq!(serving.api("GET", &stray, "").0, 400);

    let path = format!("/alerts/{}/acknowledge", serving.alert);
    let body = json!({ "text": "on it", "request": "7f0c" }).to_string();
    let first = serving.asked("POST", &path, &body);
    let again = serving.asked("POST", &path, &body);
    assert_eq!(
        (&first["how"], &again["how"]),
        (&json!("first"), &json!("again"))
    );
    assert_eq!(first["acknowledgement"], again["acknowledgement"]);
    serving.command(&["ack", &serving.alert, "--by", "鈴木"]);
    assert_eq!(serving.asked("POST", &path, &body)["how"], "again");
    let shown = serving.asked("GET", &format!("/alerts/{}", serving.alert), "");
    assert_eq!(shown["taken"]["by"], "鈴木");
    let timeline = serving.items(&format!("/alerts/{}/timeline", serving.alert));
    let whats: Vec<&str> = timeline
        .iter()
        .map(|item| item["what"].as_str().unwrap())
        .filter(|what| *what != "decision" && *what != "message")
        .collect();
    assert_eq!(
        whats,
        [
            "event",
            "event",
            "acknowledgement",
            "event",
            "end_of_acknowledgement",
            "acknowledgement"
        ]
    );
}
