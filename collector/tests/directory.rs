//! Who owns what, who is on duty, who is told and why, what was agreed: in the time that the test gives.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

use hansho::clock::WallTime;
use hansho::code::{Language, Urgency};
use hansho_collector::clock::Date;
use hansho_collector::config::value::minute_of_day;
use hansho_collector::config::{Config, Content, Deliver, changes, parse};
use hansho_collector::directory::{
    Current, DeliverWhy, Directory, Duty, Facts, Problem, Raise, Routed, TeamFrom, Uncovered,
    Warning, Why,
};
use hansho_collector::zone::Zone;
use proptest::prelude::*;
use std::path::Path;

const BASE: &str =
    "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n[store]\ndirectory = \"data\"\n";

const WORLD: &str = r#"
[holidays]
file = "holidays.csv"

[[receiver]]
id = "sato"
mail = "sato@example.jp"
[[receiver]]
id = "suzuki"
mail = "suzuki@example.jp"
[[receiver]]
id = "tanaka"
mail = "tanaka@example.jp"
[[receiver]]
id = "ml"
mail = "ml@example.jp"
[[receiver]]
id = "desk"
mail = "desk@example.jp"

[[team]]
id = "order-ops"
name = { ja = "受注運用チーム", en = "Order operations" }
roster = "order.csv"
receivers = ["desk"]
copy = ["ml"]
escalate_after = "10m"
[[team]]
id = "web-ops"
receivers = ["tanaka"]
[[team]]
id = "night"
roster = "order.csv"

[[customer]]
id = "mirai"
name = { ja = "みらい商事", en = "Mirai Trading" }
language = "en"
[[customer]]
id = "overseas"
time_zone_offset = "-03:30"
holidays = false
business_days = ["sun", "mon"]
business_hours = ["08:00", "12:00"]
digest_at = ["08:30", "00:00"]

[[site]]
customer = "mirai"
id = "tokyo"
name = "東京DC"
[[site]]
customer = "mirai"
id = "osaka"

[[system]]
customer = "mirai"
id = "order"
name = "受注システム"
site = "tokyo"
environment = { ja = "本番", en = "production" }
team = "order-ops"
[[system]]
customer = "mirai"
id = "web"
site = "tokyo"
team = "web-ops"
[[system]]
customer = "mirai"
id = "lost"
[[system]]
customer = "overseas"
id = "shop"
team = "night"

[[host]]
agent = "mirai/order/web09"
site = "osaka"
team = "web-ops"

[[route]]
customer = "mirai"
system = "order"
code = "HNS4001"
subject = "/data*"
team = "web-ops"
deliver = "now"
[[route]]
customer = "mirai"
urgency = "record"
severity = "I"
receivers = ["suzuki", "ml"]
deliver = "digest"
[[route]]
customer = "mirai"
system = "web"
severity = ["W", "E"]
deliver = "record"

[notify]
fallback = ["tanaka", "sato"]
"#;

/// In JST: the night of the 24th, a gap at 06:00, the day; and again at midnight.
const ROSTER: &str = "from,to,first,second,third\n2026-11-24 00:00,2026-11-24 06:00,sato,suzuki,tanaka\n\
                      2026-11-24 09:00,2026-11-24 24:00,suzuki,,\n2026-11-25,2026-11-25,tanaka,sato,\n";
const HOLIDAYS: &str =
    "国民の祝日・休日月日,国民の祝日・休日名称\n2026/11/23,勤労感謝の日\n2026/11/3,文化の日\n";

fn config(more: &str) -> Config {
    let files = |path: &Path, _: usize| {
        let text = match path.file_name().unwrap().to_str().unwrap() {
            "order.csv" => ROSTER,
            "duty.csv" => {
                "from,to,first,second,third\n2026-11-01 00:00,2026-12-01 00:00,sato,hook,\n"
            }
            "holidays.csv" => HOLIDAYS,
            _ => return Err(std::io::ErrorKind::NotFound.into()),
        };
        Ok(Content {
            bytes: text.as_bytes().to_vec(),
            mode: 0o644,
        })
    };
    parse(
        &format!("{BASE}{more}"),
        Path::new("/etc/h/collector.toml"),
        &files,
    )
    .unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

fn jst() -> Zone {
    Zone::fixed("+09:00").unwrap()
}

fn world(more: &str) -> Directory {
    Directory::new(&config(&format!("{WORLD}{more}")), jst())
}

/// `2026-11-24 03:00` in a zone.
fn at(zone: &str, text: &str) -> WallTime {
    let (date, time) = text.split_once(' ').unwrap();
    let parts: Vec<u64> = date.split('-').map(|part| part.parse().unwrap()).collect();
    let days = Date::new(parts[0], parts[1], parts[2]).unwrap().days();
    Zone::fixed(zone)
        .unwrap()
        .moment((days * 1440 + minute_of_day(time).unwrap()) * 60_000)
}

fn tokyo(text: &str) -> WallTime {
    at("+09:00", text)
}

fn facts<'f>(path: &'f str, code: u16, subject: &'f str) -> Facts<'f> {
    let parts: Vec<&str> = path.split('/').collect();
    Facts {
        customer: parts[0],
        system: parts[1],
        host: parts[2],
        site: None,
        code,
        subject,
    }
}

fn told(routed: &Routed) -> Vec<(&str, bool, &str)> {
    let told = routed.told.iter();
    told.map(|told| (told.receiver.as_str(), told.copy, told.why.word()))
        .collect()
}

#[test]
fn a_host_is_where_it_says_else_where_its_system_is() {
    let directory = world("");
    let owner = directory.owner("mirai", "order", "web03");
    assert_eq!(owner.customer.name.get(Language::Ja), "みらい商事");
    assert_eq!(owner.site.unwrap().name.ja, "東京DC");
    assert_eq!(owner.environment.unwrap().get(Language::En), "production");
    assert_eq!(
        (owner.team.unwrap().id.as_str(), owner.team_from),
        ("order-ops", TeamFrom::System)
    );
    assert_eq!((owner.language, &owner.zone), (Language::En, &jst()));
    let owner = directory.owner("mirai", "order", "web09");
    assert_eq!(
        (owner.team.unwrap().id.as_str(), owner.team_from),
        ("web-ops", TeamFrom::Host)
    );
    assert_eq!(owner.site.unwrap().id, "osaka");
    assert!(owner.environment.is_some());
    // Watched, and not named: the ids are the names.
    let owner = directory.owner("somebody", "else", "x");
    assert_eq!(
        (
            owner.customer.name.ja.as_str(),
            owner.system.name.en.as_str()
        ),
        ("somebody", "else")
    );
    assert_eq!(
        (owner.team, owner.team_from, owner.language),
        (None, TeamFrom::Nobody, Language::Ja)
    );
    let directory = world("default_team = \"web-ops\"\n");
    let owner = directory.owner("somebody", "else", "x");
    assert_eq!(
        (owner.team.unwrap().id.as_str(), owner.team_from),
        ("web-ops", TeamFrom::Default)
    );
}

#[test]
fn the_roster_holds_from_its_first_minute_to_before_its_last() {
    let directory = world("");
    let team = directory.team("order-ops").unwrap();
    let first = |time: &str| match directory.on_duty(team, tokyo(time)) {
        Duty::OnDuty(duty) => duty.receivers.join(" "),
        Duty::Gap => "gap".to_owned(),
        Duty::NoRoster => "no roster".to_owned(),
    };
    for (time, expected) in [
        ("2026-11-23 23:59", "gap"),
        ("2026-11-24 00:00", "sato suzuki tanaka"),
        ("2026-11-24 05:59", "sato suzuki tanaka"),
        ("2026-11-24 06:00", "gap"),
        ("2026-11-24 08:59", "gap"),
        ("2026-11-24 09:00", "suzuki"),
        ("2026-11-24 23:59", "suzuki"),
        ("2026-11-25 00:00", "tanaka sato"),
        ("2026-11-25 23:59", "tanaka sato"),
        ("2026-11-26 00:00", "gap"),
    ] {
        assert_eq!(first(time), expected, "{time}");
    }
    let Duty::OnDuty(duty) = directory.on_duty(team, tokyo("2026-11-24 03:00")) else {
        panic!("on duty");
    };
    assert_eq!((duty.until, duty.line), (tokyo("2026-11-24 06:00"), 2));
    let none = directory.team("web-ops").unwrap();
    assert_eq!(
        directory.on_duty(none, tokyo("2026-11-24 03:00")),
        Duty::NoRoster
    );
}

#[test]
fn a_roster_is_read_in_its_own_zone() {
    let text = format!(
        "{WORLD}\n[[team]]\nid = \"far\"\nroster = \"order.csv\"\ntime_zone_offset = \"-03:30\"\n"
    );
    let directory = Directory::new(&config(&text), jst());
    let team = directory.team("far").unwrap();
    let on = |moment: WallTime| matches!(directory.on_duty(team, moment), Duty::OnDuty(_));
    assert!(on(at("-03:30", "2026-11-24 00:00")));
    assert!(on(at("-03:30", "2026-11-24 05:59")));
    assert!(!on(at("-03:30", "2026-11-24 06:00")));
    assert!(!on(at("-03:30", "2026-11-23 23:59")));
}

#[test]
fn business_time_knows_weekends_and_holidays() {
    let directory = world("");
    for (time, open) in [
        ("2026-11-24 08:59", false),
        ("2026-11-24 09:00", true),
        ("2026-11-24 16:59", true),
        ("2026-11-24 17:00", false),
        // Saturday, Sunday, and Labour Thanksgiving Day, a Monday.
        ("2026-11-21 10:00", false),
        ("2026-11-22 10:00", false),
        ("2026-11-23 10:00", false),
        ("2026-11-20 10:00", true),
    ] {
        assert_eq!(
            directory.is_business_time("mirai", tokyo(time)),
            open,
            "{time}"
        );
        assert_eq!(
            directory.is_business_time("undeclared", tokyo(time)),
            open,
            "{time}"
        );
    }
    // Its own days and zone, and no holidays: Monday the 23rd is one of its days, Tuesday is not.
    for (time, open) in [
        ("2026-11-23 08:00", true),
        ("2026-11-23 12:00", false),
        ("2026-11-24 09:00", false),
        ("2026-11-22 09:00", true),
    ] {
        assert_eq!(
            directory.is_business_time("overseas", at("-03:30", time)),
            open,
            "{time}"
        );
    }
    assert!(!directory.is_business_day("mirai", Date::new(2026, 11, 23).unwrap()));
    assert!(directory.is_business_day("overseas", Date::new(2026, 11, 23).unwrap()));
}

#[test]
fn the_next_digest_is_after_now_on_a_business_day() {
    let directory = world("");
    for (now, next) in [
        ("2026-11-24 08:59", "2026-11-24 09:00"),
        ("2026-11-24 09:00", "2026-11-24 17:00"),
        ("2026-11-24 17:00", "2026-11-25 09:00"),
        // Over the weekend and the holiday.
        ("2026-11-20 17:00", "2026-11-24 09:00"),
        ("2026-11-02 23:00", "2026-11-04 09:00"),
    ] {
        assert_eq!(
            directory.next_digest("mirai", tokyo(now)),
            Some(tokyo(next)),
            "{now}"
        );
    }
    let far = |text: &str| at("-03:30", text);
    assert_eq!(
        directory.next_digest("overseas", far("2026-11-22 08:30")),
        Some(far("2026-11-23 00:00"))
    );
    assert_eq!(
        directory.next_digest("overseas", far("2026-11-23 09:00")),
        Some(far("2026-11-29 00:00"))
    );
    // A clock at its end gives no moment, and no panic.
    let last = directory.next_digest("mirai", WallTime::from_millis(u64::MAX));
    assert!(last.is_none_or(|last| last.as_millis() > 0));
}

#[test]
fn out_of_the_box_the_urgency_decides_how_and_the_roster_whom() {
    let directory = world("");
    let routed = directory.route(
        &facts("mirai/order/web03", 1002, ""),
        tokyo("2026-11-24 03:00"),
    );
    assert_eq!((routed.route, routed.deliver), (None, Deliver::Now));
    assert_eq!(routed.deliver_why, DeliverWhy::Urgency(Urgency::Now));
    assert_eq!(
        told(&routed),
        [
            ("sato", false, "on_duty"),
            ("desk", false, "always"),
            ("ml", true, "copy")
        ]
    );
    assert_eq!(
        routed.told[0].why,
        Why::OnDuty {
            team: "order-ops".to_owned(),
            line: 2
        }
    );
    let steps: Vec<(u64, u8, &str)> = routed
        .escalation
        .iter()
        .map(|step| (step.after_ms, step.rank, step.receiver.as_str()))
        .collect();
    assert_eq!(steps, [(600_000, 2, "suzuki"), (1_200_000, 3, "tanaka")]);
    assert!(routed.problems.is_empty());
    // Working hours: in the digest, for those who are on duty then; no escalation.
    let routed = directory.route(
        &facts("mirai/order/web03", 1001, ""),
        tokyo("2026-11-24 03:00"),
    );
    assert_eq!(
        (routed.deliver, routed.digest_at),
        (Deliver::Digest, Some(tokyo("2026-11-24 09:00")))
    );
    assert_eq!(told(&routed)[0], ("suzuki", false, "on_duty"));
    assert!(routed.escalation.is_empty());
    // A code of a newer version is seen by somebody.
    let routed = directory.route(
        &facts("mirai/order/web03", 1999, ""),
        tokyo("2026-11-24 03:00"),
    );
    assert_eq!(
        (routed.deliver, routed.deliver_why),
        (Deliver::Digest, DeliverWhy::UnknownCode)
    );
}

#[test]
fn the_first_route_that_fits_decides() {
    let directory = world("");
    let night = tokyo("2026-11-24 03:00");
    let routed = directory.route(&facts("mirai/order/web03", 4001, "/data1"), night);
    assert_eq!(
        (routed.teams.as_slice(), routed.deliver),
        (&["web-ops".to_owned()][..], Deliver::Now)
    );
    assert_eq!(told(&routed), [("tanaka", false, "always")]);
    assert!(matches!(routed.deliver_why, DeliverWhy::Route { line } if Some(line) == routed.route));
    // Another subject, another customer.
    assert_eq!(
        directory
            .route(&facts("mirai/order/web03", 4001, "/"), night)
            .route,
        None
    );
    assert_eq!(
        directory
            .route(&facts("overseas/shop/x", 4001, "/data1"), night)
            .route,
        None
    );
    // 8009 is of record: a route has it told by name, in the digest.
    let routed = directory.route(&facts("mirai/order/web03", 8009, ""), night);
    assert_eq!(
        told(&routed),
        [("suzuki", false, "route"), ("ml", false, "route")]
    );
    assert_eq!((routed.deliver, routed.teams.len()), (Deliver::Digest, 0));
    // And one has it only recorded: nobody is told, and that is no problem.
    let routed = directory.route(&facts("mirai/web/x", 1002, ""), night);
    assert_eq!(
        (routed.deliver, told(&routed).len(), routed.problems.len()),
        (Deliver::Record, 0, 0)
    );
}

#[test]
fn where_nobody_is_on_duty_somebody_is_told_and_it_says_so() {
    let directory = world("");
    let gap = tokyo("2026-11-24 07:00");
    let routed = directory.route(&facts("mirai/order/web03", 1002, ""), gap);
    assert_eq!(
        told(&routed),
        [("desk", false, "always"), ("ml", true, "copy")]
    );
    assert_eq!(
        routed.problems,
        [Problem::RosterGap {
            team: "order-ops".to_owned()
        }]
    );
    // A team with a roster only: the fallback.
    let routed = directory.route(&facts("overseas/shop/x", 1002, ""), gap);
    assert_eq!(
        told(&routed),
        [("tanaka", false, "fallback"), ("sato", false, "fallback")]
    );
    // No team at all.
    let routed = directory.route(&facts("nobody/knows/x", 1002, ""), gap);
    assert_eq!(routed.problems, [Problem::NoTeam]);
    assert_eq!(told(&routed).len(), 2);
    let alone = Directory::new(&config(""), jst());
    let routed = alone.route(&facts("nobody/knows/x", 1002, ""), gap);
    assert_eq!(routed.problems, [Problem::NoTeam, Problem::Nobody]);
}

#[test]
fn alerts_of_the_collector_find_their_teams() {
    let directory = world("");
    let night = tokyo("2026-11-24 03:00");
    let site = |site: &'static str| Facts {
        customer: "mirai",
        site: Some(site),
        code: 9005,
        subject: "mirai/tokyo",
        ..Facts::default()
    };
    assert_eq!(
        directory.route(&site("tokyo"), night).teams,
        ["order-ops", "web-ops"]
    );
    // Only web09 stands there, and it is of web-ops.
    assert_eq!(directory.route(&site("osaka"), night).teams, ["web-ops"]);
    // Mail that does not reach somebody is told to somebody else.
    let undelivered = Facts {
        code: 9008,
        subject: "tanaka",
        ..Facts::default()
    };
    let routed = directory.route(&undelivered, night);
    assert_eq!(told(&routed), [("sato", false, "fallback")]);
}

const RESPONSES: &str = r#"
[[response]]
code = 1002
impact = "all"
[[response]]
code = 1002
customer = "mirai"
impact = "customer"
[[response]]
code = 1002
customer = "mirai"
system = "order"
subject = "/data"
impact = "subject of the system"
[[response]]
code = 1002
customer = "mirai"
system = "order"
subject = "/d*"
impact = "pattern of the system"
[[response]]
code = 1002
customer = "mirai"
system = "order"
subject = "/da*"
impact = "second pattern"
[[response]]
code = 1002
customer = "mirai"
system = "order"
host = "web03"
impact = "host"
[[response]]
code = 4001
subject = "/data"
impact = "subject of all"
[[response]]
code = 4001
customer = "mirai"
impact = "customer"
"#;

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
    let said = |head: &str| {
        let directory = Directory::new(&config(&format!("{head}{tables}")), jst());
        let warnings = directory.warnings(tokyo("2026-11-10 03:00"));
        let said = warnings.iter().filter(|warning| {
            matches!(
                warning,
                Warning::DutyUnreachable { .. } | Warning::TeamUnreachable { .. }
            )
        });
        said.map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(said(mailed), Vec::<String>::new());
    assert_eq!(
        said(""),
        [
            "[[team]] mailed: all its receivers have mail only, and [mail] is not configured: [notify] fallback is told",
            "/etc/h/duty.csv:2: number 1 on duty, sato, has mail only, and [mail] is not configured: the next who can be \
             told is told in their place, at once",
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// Whatever is asked: nobody is told twice, a record tells nobody, and whoever is not told is a problem that is named.
    #[test]
    fn routing_holds_for_any_alert(
        customer in "(mirai|overseas|other|)",
        system in "(order|web|lost|shop|)",
        host in "(web03|web09|)",
        site in proptest::option::of("(tokyo|osaka|nowhere)"),
        code in prop_oneof![1000_u16..9100, any::<u16>()],
        subject in "(/data|/|tanaka|[a-z/*]{0,4})",
        now in prop_oneof![1_790_000_000_000_u64..1_800_000_000_000, any::<u64>()],
    ) {
        let directory = world(RESPONSES);
        let facts = Facts { customer: &customer, system: &system, host: &host, site: site.as_deref(), code, subject: &subject };
        let now = WallTime::from_millis(now);
        let routed = directory.route(&facts, now);
        let mut receivers: Vec<&str> = routed.told.iter().map(|told| told.receiver.as_str()).collect();
        receivers.sort_unstable();
        let all = receivers.len();
        receivers.dedup();
        prop_assert_eq!(receivers.len(), all);
        prop_assert!(receivers.iter().all(|id| directory.receiver(id).is_some()));
        prop_assert!(routed.teams.iter().all(|id| directory.team(id).is_some()));
        match routed.deliver {
            Deliver::Record => prop_assert!(routed.told.is_empty()),
            _ => prop_assert_eq!(routed.told.is_empty(), routed.problems.contains(&Problem::Nobody)),
        }
        prop_assert!(routed.deliver == Deliver::Now || routed.escalation.is_empty());
        prop_assert!(routed.digest_at.is_none_or(|at| at > now));
        // Each step comes after the one before it on the same roster.
        for pair in routed.escalation.windows(2) {
            prop_assert!(pair[0].team != pair[1].team || (pair[0].after_ms < pair[1].after_ms && pair[0].rank < pair[1].rank));
        }
    }
}
