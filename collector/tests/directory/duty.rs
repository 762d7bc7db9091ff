//! Where a host stands, who is on duty, when the next digest goes.

use super::*;

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
