//! Levels, times and rules as agent.toml writes them.

use crate::code::defaults::{builtin_rules, rules_of_subjects};
use crate::limit::TIME_LEFT_NEVER_S;
use crate::rule::{Aggregate, Direction, GateTest, Kind, Level, Quantity, Rule, Unit};
use serde::Serialize;

/// A built-in rule in the words of agent.toml; `defaults` of the JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Defaults {
    /// `level` or `event`.
    pub kind: &'static str,
    /// Which way is bad: `above`, or `below` for a time left.
    pub direction: &'static str,
    /// Level at or above which it raises (at or below, by the direction); all must hold.
    pub raise: Vec<String>,
    /// Level at or below which it is clear (at or above, by the direction); empty for events.
    pub clear: Vec<String>,
    /// `last`, `mean`, `minimum`, `maximum`.
    pub aggregate: &'static str,
    /// Length of the window; absent with `last`.
    pub window: Option<String>,
    /// How long raised before it fires.
    pub raise_after: String,
    /// How long clear, or without another event, before it resolves.
    pub clear_after: String,
    /// What else must hold to raise.
    pub gate: Option<GateWords>,
    /// What is judged while the quantity is absent.
    pub fallback: Option<FallbackWords>,
    /// The subjects, a rule each; empty where the rule is about the host.
    pub subjects: Vec<String>,
}

/// A gate in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GateWords {
    /// Name of the quantity.
    pub quantity: &'static str,
    /// `above`, `below`, `absent`.
    pub test: &'static str,
    /// The level; empty with `absent`.
    pub level: Vec<String>,
}

/// A fallback in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FallbackWords {
    /// Name of the quantity.
    pub quantity: &'static str,
    /// Raise level.
    pub raise: Vec<String>,
    /// Clear level.
    pub clear: Vec<String>,
}

/// The built-in rule of a code; `None` where the code has none. Rules that differ only in their subject are one.
#[must_use]
pub fn defaults(number: u16) -> Option<Defaults> {
    let rules = builtin_rules();
    let of_subjects = rules_of_subjects();
    let rules = rules.iter().chain(&of_subjects);
    let mut of_code = rules.filter(|rule| rule.code == number);
    let mut words = describe(of_code.next()?)?;
    for rule in of_code {
        words.subjects.push(rule.subject.as_str().to_owned());
    }
    Some(words)
}

/// A rule in words; `None` where it names a quantity that this version does not know.
#[must_use]
pub fn describe(rule: &Rule) -> Option<Defaults> {
    let unit = rule.quantity()?.unit();
    let gate = match rule.gate {
        None => None,
        Some(gate) => {
            let quantity = Quantity::from_number(gate.quantity)?;
            Some(GateWords {
                quantity: quantity.name(),
                test: match gate.test {
                    GateTest::Above => "above",
                    GateTest::Below => "below",
                    GateTest::Absent => "absent",
                },
                level: level(gate.level, quantity.unit()),
            })
        }
    };
    let fallback = match rule.fallback {
        None => None,
        Some(fallback) => {
            let quantity = Quantity::from_number(fallback.quantity)?;
            Some(FallbackWords {
                quantity: quantity.name(),
                raise: level(fallback.raise, quantity.unit()),
                clear: level(fallback.clear, quantity.unit()),
            })
        }
    };
    let subject = rule.subject.as_str();
    Some(Defaults {
        kind: match rule.kind {
            Kind::Level => "level",
            Kind::Event => "event",
        },
        direction: match rule.direction {
            Direction::Above => "above",
            Direction::Below => "below",
        },
        raise: level(rule.raise, unit),
        clear: match rule.kind {
            Kind::Level => level(rule.clear, unit),
            Kind::Event => Vec::new(),
        },
        aggregate: match rule.window.aggregate {
            Aggregate::Last => "last",
            Aggregate::Mean => "mean",
            Aggregate::Minimum => "minimum",
            Aggregate::Maximum => "maximum",
        },
        window: (rule.window.aggregate != Aggregate::Last)
            .then(|| duration(u64::from(rule.window.length_ms))),
        raise_after: duration(u64::from(rule.raise_after_ms)),
        clear_after: duration(u64::from(rule.clear_after_ms)),
        gate,
        fallback,
        subjects: if subject.is_empty() {
            Vec::new()
        } else {
            vec![subject.to_owned()]
        },
    })
}

/// The parts of a level, per cent first: `80%`, `8GiB`, `1000/s`, `2s`.
#[must_use]
pub fn level(level: Level, unit: Unit) -> Vec<String> {
    let share = level.permille.map(|permille| percent(u64::from(permille)));
    let amount = level.absolute.map(|absolute| amount(absolute, unit));
    share.into_iter().chain(amount).collect()
}

/// A value in its unit, without loss: `8GiB`, `96.5%`, `1000/s`, `4`, `1500ms`, `5m`.
#[must_use]
pub fn amount(value: u64, unit: Unit) -> String {
    match unit {
        Unit::Kib => in_units(
            value,
            &[
                (1024 * 1024 * 1024, "TiB"),
                (1024 * 1024, "GiB"),
                (1024, "MiB"),
                (1, "KiB"),
            ],
        ),
        Unit::Permille => percent(value),
        Unit::PerSecond => format!("{value}/s"),
        Unit::Count | Unit::Items => value.to_string(),
        Unit::Centi => decimal(value, 100, 2),
        Unit::Milliseconds => duration(value),
        Unit::TimeLeft if value >= TIME_LEFT_NEVER_S => "never".to_owned(),
        Unit::Seconds | Unit::TimeLeft => duration(value.saturating_mul(1000)),
    }
}

/// The word for a unit in JSON.
#[must_use]
pub const fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Kib => "kib",
        Unit::Permille => "permille",
        Unit::PerSecond => "per_second",
        Unit::Count | Unit::Items => "count",
        Unit::Centi => "centi",
        Unit::Milliseconds => "milliseconds",
        Unit::Seconds | Unit::TimeLeft => "seconds",
    }
}

/// Milliseconds in the largest unit that divides them: `1h`, `10m`, `60s` as `1m`, `1500ms`.
#[must_use]
pub fn duration(millis: u64) -> String {
    if millis == 0 {
        return "0s".to_owned();
    }
    in_units(
        millis,
        &[(3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")],
    )
}

fn percent(permille: u64) -> String {
    format!("{}%", decimal(permille, 10, 1))
}

/// `value / scale` with at most `digits` decimals and no trailing zeros.
fn decimal(value: u64, scale: u64, digits: usize) -> String {
    let whole = value.checked_div(scale).unwrap_or(0);
    let part = value.checked_rem(scale).unwrap_or(0);
    if part == 0 {
        return whole.to_string();
    }
    format!("{whole}.{part:0digits$}")
        .trim_end_matches('0')
        .to_owned()
}

fn in_units(value: u64, units: &[(u64, &str)]) -> String {
    units
        .iter()
        .find(|(size, _)| value.checked_rem(*size) == Some(0) && value >= *size)
        .and_then(|(size, name)| Some(format!("{}{name}", value.checked_div(*size)?)))
        .unwrap_or_else(|| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::{TIME_LEFT_NEVER_S, amount, defaults, duration};
    use crate::rule::Unit;

    #[test]
    fn values_are_written_without_loss() {
        for (millis, text) in [
            (0, "0s"),
            (1, "1ms"),
            (1500, "1500ms"),
            (2000, "2s"),
            (60_000, "1m"),
            (90_000, "90s"),
            (3_600_000, "1h"),
            (5_400_000, "90m"),
        ] {
            assert_eq!(duration(millis), text);
        }
        for (value, unit, text) in [
            (8 * 1024 * 1024, Unit::Kib, "8GiB"),
            (1536, Unit::Kib, "1536KiB"),
            (0, Unit::Kib, "0"),
            (965, Unit::Permille, "96.5%"),
            (50, Unit::Permille, "5%"),
            (400, Unit::Centi, "4"),
            (405, Unit::Centi, "4.05"),
            (450, Unit::Centi, "4.5"),
            (1000, Unit::PerSecond, "1000/s"),
            (300, Unit::Seconds, "5m"),
            (299, Unit::Seconds, "299s"),
            (7, Unit::Count, "7"),
            (1800, Unit::TimeLeft, "30m"),
            (TIME_LEFT_NEVER_S, Unit::TimeLeft, "never"),
        ] {
            assert_eq!(amount(value, unit), text);
        }
    }

    #[test]
    fn the_defaults_of_a_code_in_words() {
        let critical = defaults(1002).unwrap();
        assert_eq!(critical.raise, ["95%"]);
        assert_eq!(critical.clear, ["90%"]);
        assert_eq!((critical.aggregate, critical.window), ("last", None));
        assert_eq!(
            (critical.raise_after.as_str(), critical.clear_after.as_str()),
            ("1m", "5m")
        );
        let gate = critical.gate.unwrap();
        assert_eq!((gate.quantity, gate.test), ("memory_available", "below"));
        assert_eq!(gate.level, ["2GiB"]);
        assert_eq!(defaults(8005).unwrap().subjects.len(), 12);
        assert_eq!(defaults(2004).unwrap().fallback.unwrap().raise, ["40%"]);
        assert_eq!(defaults(1010).unwrap().clear, Vec::<String>::new());
        let runs_out = defaults(1004).unwrap();
        assert_eq!((runs_out.direction, critical.direction), ("below", "above"));
        assert_eq!(
            (runs_out.raise, runs_out.clear),
            (vec!["24h".to_owned()], vec!["48h".to_owned()])
        );
        let inodes = defaults(4005).unwrap();
        assert_eq!(
            (inodes.raise, inodes.direction),
            (vec!["5%".to_owned()], "below")
        );
        assert_eq!(defaults(3007), None);
    }
}
