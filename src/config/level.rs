//! Levels of a rule and its gate, in the unit of their quantity.

use super::reader::{Item, Reader};
use super::units::{
    UnitError, centi_text, parse_centi, parse_percent, parse_rate, parse_size, parse_time,
    percent_text, size_text, time_text,
};
use crate::limit::{LEVEL_KIB, LEVEL_NUMBER, LEVEL_TIME_LEFT_S, RULE_TIME_MS};
use crate::rule::{Level, Quantity, Unit};
use core::ops::RangeInclusive;
use toml::de::DeValue;

/// Permille of all.
const WHOLE: u64 = 1000;

/// What may be written for a quantity.
fn allowed(quantity: Quantity, least: u64) -> String {
    let what = match quantity.unit() {
        Unit::Kib => {
            "a share such as \"80%\" up to 100%, a size such as \"8GiB\" up to 1024TiB, or both as [\"80%\", \"8GiB\"]"
        }
        Unit::Permille => "a share such as \"12.5%\" up to 100%",
        Unit::PerSecond => "a whole number a second such as 1000 or \"1000/s\" up to 4294967295",
        Unit::Count => "a whole number such as 3 up to 4294967295",
        Unit::Items => {
            "a share such as \"5%\" up to 100%, a whole number such as 1000 up to 4294967295, or both as [\"5%\", 1000]"
        }
        Unit::Centi => "a number such as 4 or 2.5 up to 42949672.95",
        Unit::Milliseconds => "a time such as \"2s\" up to 24h",
        Unit::Seconds => "a time in whole seconds such as \"5m\" up to 24h",
        Unit::TimeLeft => "a time in whole seconds such as \"24h\" up to 2160h (90 days)",
    };
    let above = if least > 0 { ", above 0" } else { "" };
    format!("for {}: {what}{above}", quantity.name())
}

/// Reads a level; `least` is 1 where 0 makes no sense.
pub(super) fn read(
    reader: &mut Reader<'_>,
    item: &Item<'_>,
    quantity: Quantity,
    least: u64,
) -> Option<Level> {
    let allowed = allowed(quantity, least);
    match parse(item.value, quantity.unit(), least) {
        Ok(level) => Some(level),
        Err(None) => reader.wrong(item, allowed),
        Err(Some(error)) => reader.wrong(item, format!("{allowed}; {error}")),
    }
}

type Parsed<T> = Result<T, Option<UnitError>>;

fn parse(value: &DeValue<'_>, unit: Unit, least: u64) -> Parsed<Level> {
    match (unit, value) {
        (Unit::Kib | Unit::Items, DeValue::Array(parts)) => {
            let mut levels = Vec::new();
            for part in parts.iter().take(3) {
                levels.push(share_or_amount(part.get_ref(), unit, least)?);
            }
            match levels.as_slice() {
                [one] => Ok(*one),
                [a, b] if a.permille.is_some() != b.permille.is_some() => Ok(Level {
                    permille: a.permille.or(b.permille),
                    absolute: a.absolute.or(b.absolute),
                }),
                _ => Err(None),
            }
        }
        (Unit::Kib | Unit::Items, one) => share_or_amount(one, unit, least),
        _ => absolute(value, unit, least).map(|absolute| Level {
            permille: None,
            absolute: Some(absolute),
        }),
    }
}

/// One part of the level of a quantity that has a total.
fn share_or_amount(value: &DeValue<'_>, unit: Unit, least: u64) -> Parsed<Level> {
    let text = match (unit, value) {
        (_, DeValue::String(text)) => text.as_ref(),
        (Unit::Items, DeValue::Integer(number)) if number.radix() == 10 => {
            let items = within(parse_rate(number.as_str())?, least..=LEVEL_NUMBER)?;
            return Ok(Level {
                permille: None,
                absolute: Some(items),
            });
        }
        _ => return Err(None),
    };
    if unit == Unit::Items && !text.trim_end().ends_with('%') {
        return Err(None);
    }
    share_or_size(text, least)
}

fn share_or_size(text: &str, least: u64) -> Parsed<Level> {
    if text.trim_end().ends_with('%') {
        let permille = within(parse_percent(text)?, least..=WHOLE)?;
        return Ok(Level {
            permille: u16::try_from(permille).ok(),
            absolute: None,
        });
    }
    let bytes = parse_size(text)?;
    if !bytes.is_multiple_of(1024) {
        return Err(None);
    }
    Ok(Level {
        permille: None,
        absolute: Some(within(bytes / 1024, least..=LEVEL_KIB)?),
    })
}

/// The value in the unit of the quantity.
fn absolute(value: &DeValue<'_>, unit: Unit, least: u64) -> Parsed<u64> {
    let numbers = least..=LEVEL_NUMBER;
    match (unit, value) {
        (Unit::Permille, DeValue::String(text)) => within(parse_percent(text)?, least..=WHOLE),
        (Unit::PerSecond, DeValue::String(text)) => within(parse_rate(text)?, numbers),
        (Unit::PerSecond | Unit::Count, DeValue::Integer(number)) if number.radix() == 10 => {
            within(parse_rate(number.as_str())?, numbers)
        }
        (Unit::Centi, DeValue::Integer(number)) if number.radix() == 10 => {
            within(parse_centi(number.as_str())?, numbers)
        }
        (Unit::Centi, DeValue::Float(number)) => within(parse_centi(number.as_str())?, numbers),
        (Unit::Milliseconds, DeValue::String(text)) => {
            within(parse_time(text)?, least..=*RULE_TIME_MS.end())
        }
        (Unit::Seconds, DeValue::String(text)) => seconds(text, least..=*RULE_TIME_MS.end() / 1000),
        (Unit::TimeLeft, DeValue::String(text)) => seconds(text, least..=LEVEL_TIME_LEFT_S),
        _ => Err(None),
    }
}

fn seconds(text: &str, range: RangeInclusive<u64>) -> Parsed<u64> {
    let millis = parse_time(text)?;
    if !millis.is_multiple_of(1000) {
        return Err(Some(UnitError::TooPrecise));
    }
    within(millis / 1000, range)
}

fn within(value: u64, range: RangeInclusive<u64>) -> Parsed<u64> {
    if range.contains(&value) {
        Ok(value)
    } else {
        Err(None)
    }
}

/// A level as TOML, as [`read`] reads it; `""` where it is empty.
#[must_use]
pub fn text(level: Level, quantity: Quantity) -> String {
    let share = level
        .permille
        .map(|share| quoted(&percent_text(share.into())));
    let value = level.absolute.map(|value| match quantity.unit() {
        Unit::Kib => quoted(&size_text(value.saturating_mul(1024))),
        Unit::Permille => quoted(&percent_text(value)),
        Unit::PerSecond => quoted(&format!("{value}/s")),
        Unit::Count | Unit::Items => value.to_string(),
        Unit::Centi => centi_text(value),
        Unit::Milliseconds => quoted(&time_text(value)),
        Unit::Seconds | Unit::TimeLeft => quoted(&time_text(value.saturating_mul(1000))),
    });
    match (share, value) {
        (Some(share), Some(value)) => format!("[{share}, {value}]"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "\"\"".into(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// What stands in a level that was refused.
pub(super) fn pair(raise: Level, clear: Level, quantity: Quantity) -> String {
    format!(
        "raise {} with clear {}",
        text(raise, quantity),
        text(clear, quantity)
    )
}

#[cfg(test)]
mod tests {
    use super::{parse, text};
    use crate::limit::{LEVEL_KIB, LEVEL_NUMBER, LEVEL_TIME_LEFT_S};
    use crate::rule::{Level, Quantity, Unit};
    use proptest::prelude::{any, proptest};
    use toml::de::DeValue;

    fn read(written: &str, unit: Unit) -> Option<Level> {
        parse(DeValue::parse(written).unwrap().get_ref(), unit, 1).ok()
    }

    fn level(permille: Option<u16>, absolute: Option<u64>) -> Option<Level> {
        Some(Level { permille, absolute })
    }

    #[test]
    fn each_unit_has_its_own_writing() {
        assert_eq!(read("'80%'", Unit::Kib), level(Some(800), None));
        assert_eq!(read("'8GiB'", Unit::Kib), level(None, Some(8 << 20)));
        assert_eq!(
            read("['80%', '8 GiB']", Unit::Kib),
            level(Some(800), Some(8 << 20))
        );
        assert_eq!(
            read("['8GiB', '80%']", Unit::Kib),
            level(Some(800), Some(8 << 20))
        );
        assert_eq!(read("'12.5%'", Unit::Permille), level(None, Some(125)));
        assert_eq!(read("1_000", Unit::PerSecond), level(None, Some(1000)));
        assert_eq!(read("'1000/s'", Unit::PerSecond), level(None, Some(1000)));
        assert_eq!(read("2.5", Unit::Centi), level(None, Some(250)));
        assert_eq!(read("4", Unit::Centi), level(None, Some(400)));
        assert_eq!(read("'5%'", Unit::Items), level(Some(50), None));
        assert_eq!(read("1000", Unit::Items), level(None, Some(1000)));
        assert_eq!(
            read("['5%', 1000]", Unit::Items),
            level(Some(50), Some(1000))
        );
        assert_eq!(read("'5m'", Unit::Seconds), level(None, Some(300)));
        assert_eq!(read("'168h'", Unit::TimeLeft), level(None, Some(604_800)));
        assert_eq!(read("'5m'", Unit::Milliseconds), level(None, Some(300_000)));
    }

    #[test]
    fn what_is_refused() {
        for (written, unit) in [
            ("80", Unit::Kib),
            ("'100.1%'", Unit::Kib),
            ("'0%'", Unit::Kib),
            ("'512B'", Unit::Kib),
            ("['80%', '70%']", Unit::Kib),
            ("['1GiB', '2GiB']", Unit::Kib),
            ("['1%', '1GiB', '2%']", Unit::Kib),
            ("[]", Unit::Kib),
            ("'8GB'", Unit::Kib),
            ("'1025TiB'", Unit::Kib),
            ("20", Unit::Permille),
            ("['20%']", Unit::Permille),
            ("'5'", Unit::Items),
            ("'1GiB'", Unit::Items),
            ("[5, 6]", Unit::Items),
            ("'101%'", Unit::Items),
            ("-1", Unit::Count),
            ("1.5", Unit::Count),
            ("0x10", Unit::Count),
            ("4294967296", Unit::Count),
            ("nan", Unit::Centi),
            ("inf", Unit::Centi),
            ("1e3", Unit::Centi),
            ("2.555", Unit::Centi),
            ("'1500ms'", Unit::Seconds),
            ("'25h'", Unit::Seconds),
            ("'2161h'", Unit::TimeLeft),
            ("'1500ms'", Unit::TimeLeft),
        ] {
            assert_eq!(read(written, unit), None, "{written} {unit:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(seed in any::<u64>(), share in 1_u16..=1000, both in any::<bool>()) {
            for (quantity, _, unit) in Quantity::ALL {
                let most = match unit {
                    Unit::Kib => LEVEL_KIB,
                    Unit::Permille => 1000,
                    Unit::Milliseconds => 86_400_000,
                    Unit::Seconds => 86_400,
                    Unit::TimeLeft => LEVEL_TIME_LEFT_S,
                    _ => LEVEL_NUMBER,
                };
                let absolute = seed.checked_rem(most).map(|value| value.saturating_add(1));
                let permille = (unit.has_shares() && both).then_some(share);
                let level = Level { permille, absolute };
                assert_eq!(read(&text(level, quantity), unit), Some(level), "{}", quantity.name());
            }
        }
    }
}
