//! Which response holds, what has none, what is warned of, what a reload takes over.

use super::*;

#[test]
fn the_narrowest_response_wins() {
    let directory = world(RESPONSES);
    let impact = |code: u16, path: &str, subject: &str| {
        let facts = facts(path, code, subject);
        let response = directory.response(code, facts.customer, facts.system, facts.host, subject);
        response.map_or("none", |response| {
            response.impact.as_ref().unwrap().ja.as_str()
        })
    };
    for (code, path, subject, expected) in [
        (1002, "other/x/y", "", "all"),
        (1002, "mirai/web/y", "", "customer"),
        (1002, "mirai/order/y", "", "customer"),
        (1002, "mirai/order/y", "/data", "subject of the system"),
        (1002, "mirai/order/y", "/data2", "pattern of the system"),
        (1002, "mirai/order/web03", "/data", "host"),
        // The place counts before the subject.
        (4001, "mirai/web/y", "/data", "customer"),
        (4001, "other/x/y", "/data", "subject of all"),
        (4001, "other/x/y", "/", "none"),
        (1001, "mirai/order/web03", "", "none"),
    ] {
        assert_eq!(
            impact(code, path, subject),
            expected,
            "{code} {path} {subject}"
        );
    }
    let response = directory.response(1002, "other", "x", "y", "").unwrap();
    let text = format!("{BASE}{WORLD}{RESPONSES}");
    let line = text
        .lines()
        .position(|line| line == "[[response]]")
        .unwrap()
        + 1;
    assert_eq!(
        directory.source(response).to_string(),
        format!("/etc/h/collector.toml:{line}")
    );
}

#[test]
fn what_has_no_response_is_named_with_its_hosts() {
    let directory = world(RESPONSES);
    let raise = |host: &str, code: u16, subject: &str| Raise {
        host: host.to_owned(),
        code,
        subject: subject.to_owned(),
    };
    let raises = [
        raise("b", 1001, ""),
        raise("a", 1001, ""),
        raise("a", 1001, ""),
        raise("a", 1002, ""),
        raise("a", 4001, "/data"),
        raise("a", 4001, "/"),
    ];
    let open = directory.uncovered("other", "x", &raises);
    assert_eq!(
        open,
        [
            Uncovered {
                code: 1001,
                hosts: vec!["a".to_owned(), "b".to_owned()]
            },
            Uncovered {
                code: 4001,
                hosts: vec!["a".to_owned()]
            }
        ]
    );
    assert_eq!(directory.uncovered("mirai", "x", &raises).len(), 1);
}

#[test]
fn whoever_has_mail_only_cannot_be_told_where_no_mail_is_sent() {
    let tables = r#"
[notify]
fallback = ["hook"]
[[receiver]]
id = "sato"
mail = "sato@example.jp"
[[receiver]]
id = "hook"
alertmanager = { url = "http://127.0.0.1:1" }
[[team]]
id = "mixed"
roster = "duty.csv"
[[team]]
id = "mailed"
receivers = ["sato"]
"#;
    let mailed = "[mail]\nhost = \"127.0.0.1\"\nfrom = \"hansho@example.jp\"\n";
    let said = |text: &str| {
        let directory = Directory::new(&config(text), jst());
        let warnings = directory.warnings(tokyo("2026-11-10 03:00"));
        let said = warnings.iter().filter(|warning| {
            matches!(
                warning,
                Warning::DutyUnreachable { .. } | Warning::TeamUnreachable { .. }
            )
        });
        said.map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(said(&format!("{mailed}{tables}")), Vec::<String>::new());
    // The second on duty is the one with mail only.
    let second = tables
        .replace(r#"id = "sato""#, r#"id = "?""#)
        .replace(r#"id = "hook""#, r#"id = "sato""#)
        .replace(r#"id = "?""#, r#"id = "hook""#);
    assert_eq!(
        said(&second),
        [
            "/etc/h/duty.csv:2: number 2 on duty, hook, has mail only, and [mail] is not configured: when it is their turn, \
             the next on duty who can be told is told in their place, if there is one",
        ]
    );
    assert_eq!(
        said(tables),
        [
            "[[team]] mailed: all its receivers have mail only, and [mail] is not configured: [notify] fallback is told",
            "/etc/h/duty.csv:2: number 1 on duty, sato, has mail only, and [mail] is not configured: the others of the \
             team who can be told are told alone, or else the next on duty who can be, at once",
        ]
    );
}

#[test]
fn what_should_not_stay_so_is_warned_of() {
    let directory = world("");
    let warnings = directory.warnings(tokyo("2026-11-24 03:00"));
    // Two teams have the same roster.
    let gaps = warnings
        .iter()
        .filter(|warning| matches!(warning, Warning::RosterGap { line: 2, .. }));
    assert_eq!(gaps.count(), 2);
    let said: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert!(said.contains(&"/etc/h/order.csv:2: after this row nobody is on duty from 2026-11-24 06:00 to 2026-11-24 09:00".to_owned()), "{said:#?}");
    assert!(
        said.contains(&"/etc/h/order.csv: the roster ends at 2026-11-26 00:00".to_owned()),
        "{said:#?}"
    );
    assert!(warnings.iter().any(|warning| matches!(warning, Warning::RosterZone { team, customer } if team == "night" && customer == "overseas")));
    assert!(warnings.contains(&Warning::NoTeam {
        system: "mirai/lost".to_owned()
    }));
    assert!(
        !warnings
            .iter()
            .any(|warning| matches!(warning, Warning::HolidaysEnd { .. }))
    );
    // A gap that is over is none; the holidays of the next year are missing when it begins, by the pages' clock.
    let later = directory.warnings(tokyo("2026-11-24 09:00"));
    assert!(
        !later
            .iter()
            .any(|warning| matches!(warning, Warning::RosterGap { .. }))
    );
    let ended = |time: &str| {
        let warnings = directory.warnings(tokyo(time));
        warnings
            .iter()
            .any(|warning| matches!(warning, Warning::HolidaysEnd { .. }))
    };
    assert!(!ended("2026-12-31 23:59") && ended("2027-01-01 00:00"));
}

#[test]
fn a_running_collector_takes_over_what_may_change() {
    let old = config(WORLD);
    let current = Current::new(&old, jst());
    let before = current.get();
    assert_eq!(
        current.take(&old),
        hansho_collector::config::Changes::default()
    );
    // A comment moves every line, and changes nothing.
    let moved = config(&format!("# a comment\n{WORLD}"));
    assert_eq!(
        changes(&old, &moved),
        hansho_collector::config::Changes::default()
    );
    let text = WORLD
        .replace("escalate_after = \"10m\"", "escalate_after = \"20m\"")
        .replace(
            "[[receiver]]\nid = \"ml\"",
            "[[receiver]]\nid = \"new\"\nmail = \"n@b\"\n[[receiver]]\nid = \"ml\"",
        );
    let mut new = config(&format!("{text}late_after = \"1h\"\n{RESPONSES}"));
    new.retention_days = 5;
    let changed = current.take(&new);
    assert_eq!(
        changed.taken,
        [
            "[[team]] order-ops changed",
            "[[receiver]] new added",
            "[[response]]",
            "[notify]"
        ]
    );
    assert_eq!(changed.restart, ["[store] retention_days"]);
    let after = current.get();
    assert_eq!(after.notify.late_after_ms, 3_600_000);
    assert!(
        after
            .directory
            .response(1002, "other", "x", "y", "")
            .is_some()
    );
    // Who works with the old one goes on with it.
    assert!(
        before
            .directory
            .response(1002, "other", "x", "y", "")
            .is_none()
    );
    // What waits for a restart is said again each time, until then.
    assert_eq!(current.take(&new).restart, ["[store] retention_days"]);
    let back = current.take(&old);
    assert!(back.taken.contains(&"[[receiver]] new removed".to_owned()) && back.restart.is_empty());
}
