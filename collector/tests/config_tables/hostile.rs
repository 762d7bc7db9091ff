//! Any text, any value: nothing panics.

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn no_text_panics_the_parser(text in any::<String>(), csv in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&text, &none());
        let _ = read(&format!("{BASE}{text}"), &none());
        let _ = roster(&csv);
        let _ = holidays(&csv);
    }

    /// Every key of every table with every kind of value: refused or taken, never a panic, and no mistake without a place.
    #[test]
    fn no_value_panics_the_parser(
        table in 0_usize..14,
        keys in proptest::collection::vec((0_usize..40, 0_usize..16), 1..8),
    ) {
        let tables = ["[[customer]]", "[[site]]", "[[system]]", "[[host]]", "[[team]]", "[[receiver]]", "[[route]]", "[[response]]",
            "[holidays]", "[mail]", "[presence]", "[notify]", "[watch]", "[pages]"];
        let names = ["id", "name", "customer", "system", "host", "agent", "site", "team", "receivers", "copy", "roster", "mail",
            "webhook", "alertmanager", "language", "time_zone_offset", "business_days", "business_hours", "holidays", "digest_at",
            "environment", "telephone", "decides", "escalate_after", "code", "severity", "urgency", "subject", "deliver", "impact",
            "first_action", "must_not", "document", "file", "from", "port", "tls", "url", "interval", "trusted_proxy"];
        let values = ["1", "-9223372036854775808", "0x7fff", "1.5", "nan", "true", "\"\"", "\"x\"", "\"あ\"", "\"09:00\"", "[]", "[1, \"a\"]",
            "[[\"a\"]]", "{}", "{ ja = 1 }", "2026-11-24T00:00:00Z"];
        let mut text = format!("{BASE}{}\n", tables[table]);
        let mut used = std::collections::BTreeSet::new();
        for (key, value) in keys {
            if used.insert(key) {
                text.push_str(&format!("{} = {}\n", names[key], values[value]));
            }
        }
        if let Err(mistakes) = read(&text, &none()) {
            for mistake in mistakes {
                prop_assert!(mistake.line > 0 && !mistake.key.is_empty(), "{mistake:?}");
            }
        }
    }

    /// A roster of any rows that do not overlap has exactly one row for each of its minutes.
    #[test]
    fn a_roster_knows_its_minutes(lengths in proptest::collection::vec((1_u64..2000, 0_u64..2000), 1..20), offset in 0_u64..50_000) {
        let mut csv = "from,to,first,second,third\n".to_owned();
        let start = Date::new(2026, 1, 1).unwrap().days() * 1440;
        let at = |minute: u64| {
            format!("{} {:02}:{:02}", Date::from_days(minute / 1440), minute % 1440 / 60, minute % 60)
        };
        let mut minute = start;
        let mut rows = Vec::new();
        for (length, gap) in lengths {
            rows.push((minute, minute + length));
            csv.push_str(&format!("{},{},a,b,\n", at(minute), at(minute + length)));
            minute += length + gap;
        }
        let config = roster(csv.as_bytes()).unwrap();
        let roster = config.tables.teams["t"].roster.as_ref().unwrap();
        let asked = start - 100 + offset;
        let expected = rows.iter().position(|(from, to)| (*from..*to).contains(&asked)).map(|row| row + 2);
        prop_assert_eq!(roster.at(asked).map(|shift| shift.line), expected);
        let gaps: u64 = roster.gaps().iter().map(|gap| gap.to - gap.from).sum();
        let on: u64 = rows.iter().map(|(from, to)| to - from).sum();
        prop_assert_eq!(on + gaps, rows.last().unwrap().1 - start);
    }
}
