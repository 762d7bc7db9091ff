//! Who is told of an alert, how, and why.

use super::*;

fn told(routed: &Routed) -> Vec<(&str, bool, &str)> {
    let told = routed.told.iter();
    told.map(|told| (told.receiver.as_str(), told.copy, told.why.word()))
        .collect()
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

/// Without `[mail]` whoever has mail only is not told: it says so, and who is in their place.
#[test]
fn whoever_cannot_be_told_is_named_with_who_is_in_their_place() {
    let tables = r#"
[[receiver]]
id = "sato"
mail = "sato@example.jp"
[[receiver]]
id = "hook"
alertmanager = { url = "http://127.0.0.1:1" }
[[team]]
id = "duty"
roster = "duty.csv"
[[team]]
id = "mixed"
roster = "duty.csv"
receivers = ["hook"]
[[team]]
id = "mailed"
receivers = ["sato"]
[[customer]]
id = "mirai"
[[system]]
customer = "mirai"
id = "duty"
team = "duty"
[[system]]
customer = "mirai"
id = "mixed"
team = "mixed"
[[system]]
customer = "mirai"
id = "mailed"
team = "mailed"
"#;
    let problems = |head: &str, system: &str, code: u16| {
        let directory = Directory::new(&config(&format!("{head}{tables}")), jst());
        let path = format!("mirai/{system}/web03");
        let routed = directory.route(&facts(&path, code, ""), tokyo("2026-11-24 03:00"));
        let problems = routed.problems.iter();
        problems.map(ToString::to_string).collect::<Vec<_>>()
    };
    let mail = "[mail]\nhost = \"127.0.0.1\"\nfrom = \"hansho@example.jp\"\n";
    let fallback = "[notify]\nfallback = [\"sato\", \"hook\"]\n";
    let sato = "sato has mail only, and [mail] is not configured: not told";
    for system in ["duty", "mixed", "mailed"] {
        assert_eq!(problems(mail, system, 1002), Vec::<String>::new());
        // What stays on the page is told to nobody.
        assert_eq!(problems("", system, 2006), Vec::<String>::new());
    }
    assert_eq!(
        problems(fallback, "duty", 1002),
        [
            sato,
            "none of those can be told: number 2 on duty is told in their place, at once: hook"
        ]
    );
    assert_eq!(problems(fallback, "mixed", 1002), [sato]);
    let in_place = "none of those can be told: [notify] fallback is told in their place: hook";
    assert_eq!(problems(fallback, "mailed", 1002), [sato, in_place]);
    // A digest has one rank.
    assert_eq!(problems(fallback, "duty", 1001), [sato, in_place]);
    assert_eq!(problems("", "mailed", 1002), [sato, "nobody is told"]);
}
