//! Values as people write them: "8MiB", "10s", "80%", "1000/s".
//!
//! Whole numbers of the unit, so that what is shown is what was written; per cent to one decimal, because a rule
//! keeps permille.

use core::fmt;

/// Why a text is no value of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitError {
    /// Does not begin with digits ("NaN", "", "fast").
    NotANumber,
    /// Begins with a minus.
    Negative,
    /// More decimals than are kept.
    TooPrecise,
    /// A number with no unit behind it.
    NoUnit,
    /// The unit is not one of the kind's; perhaps this one is meant.
    UnknownUnit(Option<&'static str>),
    /// Beyond 64 bits.
    TooLarge,
}

impl fmt::Display for UnitError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber => out.write_str("write a number, then the unit"),
            Self::Negative => out.write_str("never below zero"),
            Self::TooPrecise => out.write_str("with fewer decimals, or a smaller unit"),
            Self::NoUnit => out.write_str("the unit is missing"),
            Self::UnknownUnit(Some(meant)) => write!(out, "did you mean {meant}?"),
            Self::UnknownUnit(None) => out.write_str("the unit is unknown"),
            Self::TooLarge => out.write_str("the number is too large"),
        }
    }
}

impl core::error::Error for UnitError {}

const SIZES: [(&str, u64); 5] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

const TIMES: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// What people write instead of a unit, and what they mean.
const MEANT: [(&str, &str); 34] = [
    ("TB", "TiB"),
    ("T", "TiB"),
    ("GB", "GiB"),
    ("G", "GiB"),
    ("GIB", "GiB"),
    ("MB", "MiB"),
    ("M", "MiB"),
    ("MIB", "MiB"),
    ("KB", "KiB"),
    ("K", "KiB"),
    ("KIB", "KiB"),
    ("BYTE", "B"),
    ("BYTES", "B"),
    ("D", "24h for a day"),
    ("DAY", "24h for a day"),
    ("DAYS", "24h for a day"),
    ("H", "h"),
    ("HR", "h"),
    ("HOUR", "h"),
    ("HOURS", "h"),
    ("MIN", "m"),
    ("MINS", "m"),
    ("MINUTE", "m"),
    ("MINUTES", "m"),
    ("S", "s"),
    ("SEC", "s"),
    ("SECS", "s"),
    ("SECOND", "s"),
    ("SECONDS", "s"),
    ("MS", "ms"),
    ("MSEC", "ms"),
    ("PERCENT", "%"),
    ("PCT", "%"),
    ("/SEC", "/s"),
];

/// A size in bytes: "512KiB", "8 GiB".
///
/// # Errors
/// [`UnitError`], with the binary unit where a decimal one was written: the two differ by 7 % at GiB.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    scaled(text, &SIZES, &["TiB", "GiB", "MiB", "KiB", "B"])
}

/// A time in milliseconds: "250ms", "10s", "5m", "24h".
///
/// # Errors
/// [`UnitError`].
pub fn parse_time(text: &str) -> Result<u64, UnitError> {
    scaled(text, &TIMES, &["h", "m", "s", "ms", "24h for a day"])
}

/// Per cent as permille: "80%", "12.5%". Not bounded here but by 64 bits.
///
/// # Errors
/// [`UnitError`].
pub fn parse_percent(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = split(text)?;
    match unit {
        "%" => decimal(number, 1),
        _ => Err(unknown(unit, &["%"])),
    }
}

/// A rate a second: "1000/s" or "1000".
///
/// # Errors
/// [`UnitError`].
pub fn parse_rate(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = split(text)?;
    match unit {
        "" | "/s" => decimal(number, 0),
        _ => Err(unknown(unit, &["/s"])),
    }
}

/// A plain number in hundredths: "4", "2.5", "0.25".
///
/// # Errors
/// [`UnitError`].
pub fn parse_centi(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = split(text)?;
    match unit {
        "" => decimal(number, 2),
        _ => Err(unknown(unit, &[])),
    }
}

/// A size as [`parse_size`] reads it, in the largest unit that divides it.
#[must_use]
pub fn size_text(bytes: u64) -> String {
    in_largest(bytes, &SIZES, "B")
}

/// A time as [`parse_time`] reads it, in the largest unit that divides it.
#[must_use]
pub fn time_text(millis: u64) -> String {
    in_largest(millis, &TIMES, "s")
}

/// Per cent as [`parse_percent`] reads it.
#[must_use]
pub fn percent_text(permille: u64) -> String {
    match (permille / 10, permille % 10) {
        (whole, 0) => format!("{whole}%"),
        (whole, tenth) => format!("{whole}.{tenth}%"),
    }
}

/// Hundredths as [`parse_centi`] reads them.
#[must_use]
pub fn centi_text(centi: u64) -> String {
    match (centi / 100, centi % 100) {
        (whole, 0) => format!("{whole}"),
        (whole, rest) if rest % 10 == 0 => format!("{whole}.{}", rest / 10),
        (whole, rest) => format!("{whole}.{rest:02}"),
    }
}

fn in_largest(value: u64, units: &[(&str, u64)], zero: &str) -> String {
    units
        .iter()
        .filter(|_| value > 0)
        .find(|(_, factor)| value.checked_rem(*factor) == Some(0))
        .map_or_else(
            || format!("{value}{zero}"),
            |(unit, factor)| format!("{}{unit}", value.checked_div(*factor).unwrap_or(value)),
        )
}

fn scaled(text: &str, units: &[(&str, u64)], meant: &[&str]) -> Result<u64, UnitError> {
    let (number, unit) = split(text)?;
    if unit.is_empty() {
        decimal(number, 0)?;
        return Err(UnitError::NoUnit);
    }
    let (_, factor) = units
        .iter()
        .find(|(known, _)| *known == unit)
        .ok_or_else(|| unknown(unit, meant))?;
    decimal(number, 0)?
        .checked_mul(*factor)
        .ok_or(UnitError::TooLarge)
}

/// `possible` are the units of the kind.
fn unknown(unit: &str, possible: &[&str]) -> UnitError {
    if unit.is_empty() {
        return UnitError::NoUnit;
    }
    let upper = unit.to_ascii_uppercase();
    let meant = MEANT
        .iter()
        .find(|(written, meant)| *written == upper && possible.contains(meant));
    UnitError::UnknownUnit(meant.map(|(_, meant)| *meant))
}

/// Number and unit; a space may stand between them.
fn split(text: &str) -> Result<(&str, &str), UnitError> {
    let text = text.trim();
    if text.starts_with('-') {
        return Err(UnitError::Negative);
    }
    let end = text
        .find(|char: char| !char.is_ascii_digit() && char != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end).unwrap_or((text, ""));
    if !number.starts_with(|char: char| char.is_ascii_digit()) {
        return Err(UnitError::NotANumber);
    }
    Ok((number, unit.trim_start()))
}

/// A number with up to `decimals` decimals, in units of the last of them.
fn decimal(number: &str, decimals: u32) -> Result<u64, UnitError> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(UnitError::NotANumber);
    }
    let fraction = fraction.trim_end_matches('0');
    let places = u32::try_from(fraction.len()).map_err(|_| UnitError::TooPrecise)?;
    let missing = decimals.checked_sub(places).ok_or(UnitError::TooPrecise)?;
    let shifted = |value: u64, places| value.checked_mul(10_u64.checked_pow(places)?);
    let whole: u64 = whole.parse().map_err(|_| UnitError::TooLarge)?;
    let fraction: u64 = match fraction {
        "" => 0,
        _ => fraction.parse().map_err(|_| UnitError::TooPrecise)?,
    };
    shifted(whole, decimals)
        .zip(shifted(fraction, missing))
        .and_then(|(whole, fraction)| whole.checked_add(fraction))
        .ok_or(UnitError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::{
        UnitError, centi_text, parse_centi, parse_percent, parse_rate, parse_size, parse_time,
        percent_text, size_text, time_text,
    };
    use proptest::prelude::{any, proptest};

    #[test]
    fn what_people_write() {
        assert_eq!(parse_size("8MiB"), Ok(8 << 20));
        assert_eq!(parse_size("8 GiB"), Ok(8 << 30));
        assert_eq!(parse_size("0B"), Ok(0));
        assert_eq!(parse_time("250ms"), Ok(250));
        assert_eq!(parse_time("24h"), Ok(86_400_000));
        assert_eq!(parse_percent("12.5%"), Ok(125));
        assert_eq!(parse_percent("80.0 %"), Ok(800));
        assert_eq!(parse_rate("1000/s"), Ok(1000));
        assert_eq!(parse_rate("1000"), Ok(1000));
        assert_eq!(parse_centi("2.5"), Ok(250));
        assert_eq!(parse_centi("0.25"), Ok(25));
    }

    #[test]
    fn what_is_refused() {
        let meant = |unit| Err(UnitError::UnknownUnit(Some(unit)));
        assert_eq!(parse_size("8GB"), meant("GiB"));
        assert_eq!(parse_size("8g"), meant("GiB"));
        assert_eq!(parse_size("8gib"), meant("GiB"));
        assert_eq!(parse_time("5min"), meant("m"));
        assert_eq!(parse_percent("8GiB"), Err(UnitError::UnknownUnit(None)));
        assert_eq!(parse_percent("8 percent"), meant("%"));
        assert_eq!(parse_time("1d"), meant("24h for a day"));
        assert_eq!(parse_size("8"), Err(UnitError::NoUnit));
        assert_eq!(parse_time("10"), Err(UnitError::NoUnit));
        assert_eq!(parse_percent("80"), Err(UnitError::NoUnit));
        assert_eq!(parse_size("-8MiB"), Err(UnitError::Negative));
        assert_eq!(parse_size("NaN"), Err(UnitError::NotANumber));
        assert_eq!(parse_size(""), Err(UnitError::NotANumber));
        assert_eq!(parse_size("1..2MiB"), Err(UnitError::NotANumber));
        assert_eq!(parse_size("1.MiB"), Err(UnitError::NotANumber));
        assert_eq!(parse_size("1.5GiB"), Err(UnitError::TooPrecise));
        assert_eq!(parse_percent("12.55%"), Err(UnitError::TooPrecise));
        assert_eq!(parse_size("1e3MiB"), Err(UnitError::UnknownUnit(None)));
        assert_eq!(parse_size("16777216TiB"), Err(UnitError::TooLarge));
        assert_eq!(
            parse_time(&format!("{}h", "9".repeat(400))),
            Err(UnitError::TooLarge)
        );
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(value in any::<u64>(), shift in 0_u32..64) {
            let value = value >> shift;
            assert_eq!(parse_size(&size_text(value)), Ok(value));
            assert_eq!(parse_time(&time_text(value)), Ok(value));
            assert_eq!(parse_percent(&percent_text(value)), Ok(value));
            assert_eq!(parse_rate(&value.to_string()), Ok(value));
            assert_eq!(parse_centi(&centi_text(value)), Ok(value));
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,20}", number in "[-+0-9._e]{0,30}", unit in "[a-zA-Z%/ ]{0,5}") {
            for text in [text, format!("{number}{unit}")] {
                let results = [
                    parse_size(&text), parse_time(&text), parse_percent(&text),
                    parse_rate(&text), parse_centi(&text),
                ];
                for error in results.into_iter().filter_map(Result::err) {
                    assert!(!error.to_string().is_empty());
                }
            }
        }
    }
}
