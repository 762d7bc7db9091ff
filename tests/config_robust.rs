//! No file, however broken, panics the parser or escapes its bounds.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers of generated cases"
)]

use hansho::config::plan::{DiskSize, Plan};
use hansho::config::{parse, parse_bytes, show};
use hansho::limit::{CONFIG_ERRORS, RULES, WINDOWS};
use hansho::rule::{
    Aggregate, Direction, Gate, GateTest, Kind, Level, Quantity, Rule, RuleSet, Unit,
};
use proptest::prelude::{ProptestConfig, any, prop_oneof, proptest};
use proptest::sample::Index;
use proptest::strategy::{Just, Strategy};

const REFERENCE: &str = include_str!("../agent.toml");

/// Every key of the reference in force, without its explanations.
fn in_force() -> String {
    let lines = REFERENCE
        .lines()
        .filter_map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => {
                Some(rest)
            }
            Some(_) => None,
            None => Some(line),
        });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whatever comes out keeps its promises.
fn judge(bytes: &[u8]) {
    match parse_bytes(bytes, "f.toml") {
        Ok(plan) => {
            let shown = show(&plan);
            match parse(&shown, "s.toml") {
                Ok(again) => assert_eq!(again.without_origins(), plan.without_origins()),
                Err(errors) => assert!(errors.list().is_empty(), "{errors}\n{shown}"),
            }
            let rules = plan
                .rules
                .iter()
                .map(|effective| effective.rule.clone())
                .collect();
            let set = RuleSet::new(rules);
            assert!(set.is_ok(), "{:?}\n{shown}", set.err());
            let bytes = plan.to_bytes().unwrap_or_default();
            assert_eq!(Plan::from_bytes(&bytes).ok(), Some(plan));
        }
        Err(errors) => {
            assert!((1..=CONFIG_ERRORS + 1).contains(&errors.list().len()));
            for error in errors.list() {
                let shown = error.to_string();
                assert!(!shown.contains(char::is_control), "{shown:?}");
                assert!(shown.chars().count() < 1500, "{shown}");
            }
        }
    }
}

/// A piece that an editor, a template or an attacker may put anywhere.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("[sample]".to_owned()),
        Just("[[rule]]\ncode = 1002\n".to_owned()),
        Just("\"".to_owned()),
        Just("\"\"\"".to_owned()),
        Just("]".to_owned()),
        Just("{ a = ".to_owned()),
        Just(" = ".to_owned()),
        Just("[".repeat(300)),
        Just("\u{0}".to_owned()),
        Just("-".to_owned()),
        Just("99999999999999999999999999".to_owned()),
        Just("nan".to_owned()),
        Just("\"8GiB\"".to_owned()),
        Just("[\"50%\", \"1GiB\"]".to_owned()),
        "\\PC{0,6}",
        "[0-9]{1,3}(ms|s|m|h|%|KiB|GiB)",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        judge(&bytes);
    }

    #[test]
    fn toml_like_text(lines in proptest::collection::vec(
        "(\\[{0,2}(agent|sample|spool|forward|rule|x)\\]{0,2}|(code|raise|clear|window|gate|interval|urls|disk_size|linger) = (\"[0-9a-zA-Z%:/.]{0,12}\"|[0-9.eE+-]{0,6}|\\{[ a-z=\",]{0,20}\\}|\\[[ 0-9\",%]{0,12}\\]))",
        0..20,
    )) {
        judge(format!("config_version = 1\n{}", lines.join("\n")).as_bytes());
    }

    #[test]
    fn the_reference_mutated(edits in proptest::collection::vec((any::<Index>(), 0_usize..12, piece()), 1..6)) {
        let mut text: Vec<char> = in_force().chars().collect();
        for (place, cut, piece) in edits {
            let start = place.index(text.len().saturating_add(1));
            let end = start.saturating_add(cut).min(text.len());
            text.splice(start..end, piece.chars());
        }
        judge(text.into_iter().collect::<String>().as_bytes());
    }

    #[test]
    fn one_value_of_the_reference_replaced(place in any::<Index>(), piece in piece()) {
        let text = in_force();
        let keys: Vec<usize> = text.match_indices(" = ").map(|(place, _)| place).collect();
        let at = keys.get(place.index(keys.len())).copied().unwrap_or(0);
        let (before, rest) = text.split_at(at);
        let (_, after) = rest.split_once('\n').unwrap_or((rest, ""));
        judge(format!("{before} = {piece}\n{after}").as_bytes());
    }

    #[test]
    fn plans_with_wrong_bytes(edits in proptest::collection::vec((any::<Index>(), any::<u8>()), 0..6), cut in any::<Index>(), whole in any::<bool>()) {
        let mut bytes = Plan::default().to_bytes().unwrap_or_default();
        for (place, byte) in edits {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(plan) = Plan::from_bytes(&bytes) {
            assert!(whole, "a cut plan was read");
            let again = plan.to_bytes().unwrap_or_default();
            assert_eq!(Plan::from_bytes(&again).ok(), Some(plan));
        }
    }
}

/// A level of either kind that the quantity of `rule` can have, `raise` on the worse side of `clear`.
fn levels(rule: &Rule, seed: u64, both: bool) -> (Level, Level) {
    let of = |permille, absolute| Level { permille, absolute };
    let low = seed % 500;
    let high = low + 1 + seed / 500 % 500;
    // Of a time left the lower level is the worse.
    let (low, high) = match rule.direction {
        Direction::Above => (low, high),
        Direction::Below => (high, low.max(1)),
    };
    let share = |value: u64| u16::try_from(value).ok();
    match (rule.quantity().map(Quantity::unit), both) {
        (Some(Unit::Kib), true) => (of(share(high), Some(high)), of(share(low), Some(low))),
        (Some(Unit::Kib), false) => (of(share(high), None), of(share(low), None)),
        _ => (of(None, Some(high)), of(None, Some(low))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn every_plan_can_be_written_and_read(
        seeds in proptest::collection::vec((any::<bool>(), any::<u64>(), any::<bool>(), 0_usize..4, 0_u32..=86_400_000), RULES),
        intervals in (50_u32..=20_000, 0_u32..=100_000),
        sizes in (256_u64..=262_144, 32_u32..=4096),
        linger in proptest::option::of(0_u32..=86_400_000),
    ) {
        let mut plan = Plan::default();
        plan.sample.interval_ms = intervals.0;
        plan.sample.counters_interval_ms = intervals.0 + intervals.1;
        plan.sample.report_interval_ms = intervals.0 + 1000 + intervals.1;
        plan.spool.disk_size = DiskSize::Bytes(sizes.0 * 4096);
        plan.spool.memory_size_bytes = sizes.1 * 4096;
        plan.forward.linger_ms = linger;
        plan.forward.post_interval_ms = 300_000;
        let mut windows = 0;
        for (effective, (enabled, seed, both, gate, millis)) in plan.rules.iter_mut().zip(seeds) {
            let rule = &mut effective.rule;
            let gate = if windows < WINDOWS { gate } else { 0 };
            rule.enabled = enabled;
            let (raise, clear) = levels(rule, seed, both);
            rule.raise = raise;
            rule.clear_after_ms = millis.max(1000);
            if rule.kind == Kind::Level {
                rule.clear = clear;
                rule.raise_after_ms = millis;
                rule.window.aggregate = [Aggregate::Last, Aggregate::Mean, Aggregate::Minimum, Aggregate::Maximum][gate];
                rule.window.length_ms = if gate == 0 { 0 } else { millis.max(240_000) };
                windows += usize::from(gate > 0);
            }
            let test = [None, Some(GateTest::Above), Some(GateTest::Below), Some(GateTest::Absent)][gate];
            let (quantity, _, _) = Quantity::ALL[usize::try_from(seed % 36).unwrap()];
            // A gate looks at the host, or at what the rule is about.
            let of = rule.quantity().and_then(Quantity::of_subject);
            let quantity = if quantity.of_subject().is_none_or(|kind| Some(kind) == of) {
                quantity
            } else {
                Quantity::MemoryUsed
            };
            rule.gate = test.map(|test| {
                let gated = Rule { quantity: quantity.number(), ..rule.clone() };
                let level = if test == GateTest::Absent { Level::default() } else { levels(&gated, seed, both).0 };
                Gate { quantity: quantity.number(), test, level }
            });
        }
        let shown = show(&plan);
        let again = parse(&shown, "s.toml").map_err(|errors| errors.to_string());
        assert_eq!(again.map(|again| again.without_origins()), Ok(plan.without_origins()), "{shown}");
        judge(shown.as_bytes());
    }
}

#[test]
fn large_and_hostile_files_end_soon() {
    for unit in [
        "[a]\n",
        "[[rule]]\n",
        "x = 1\n",
        "a.",
        "[",
        "{",
        "\"",
        "[[rule]]\ncode = 1002\n",
        "= =\n",
        "[[",
        "a={b=",
    ] {
        let text = unit.repeat(200_000 / unit.len());
        judge(text.as_bytes());
        judge(format!("config_version = 1\n{text}").as_bytes());
    }
}
