//! How people write times: `2026-11-24T03:20+09:00`, `2026-11-24T03:20` and `03:20` on the clock of a zone, `+30m` from now.

use crate::clock::DAY_MS;
use crate::store::types::signed;
use hansho::clock::WallTime;

/// What is allowed, for messages.
pub const ALLOWED: &str =
    "2026-11-24T03:20+09:00, 2026-11-24T03:20, 03:20 (the next one) or +30m, +2h, +1d";

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;
/// Years that are understood: beyond them a digit was mistyped.
const YEARS: core::ops::RangeInclusive<i64> = 1970..=2200;

/// A moment. A time without a date is the next such after `now`; times without a zone are of one that is `offset_s` from UTC.
#[must_use]
pub fn parse(text: &str, offset_s: i32, now: WallTime) -> Option<WallTime> {
    if let Some(distance) = text.strip_prefix('+') {
        let ahead = duration(distance)?;
        return Some(WallTime::from_millis(now.as_millis().checked_add(ahead)?));
    }
    let offset_ms = i64::from(offset_s).checked_mul(1000)?;
    if let Some(minute) = clock(text) {
        let local = signed(now.as_millis()).checked_add(offset_ms)?;
        let day = signed(DAY_MS);
        let of_day = i64::from(minute).checked_mul(MINUTE_MS)?;
        let midnight = local.checked_sub(local.rem_euclid(day))?;
        let today = midnight.checked_add(of_day)?;
        let next = if today > local {
            today
        } else {
            today.checked_add(day)?
        };
        return moment(next, offset_ms);
    }
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', ' '])?;
    let (time, zone_ms) = zoned(rest, offset_ms)?;
    let of_day = seconds(time)?.checked_mul(1000)?;
    let local = days(date)?
        .checked_mul(signed(DAY_MS))?
        .checked_add(of_day)?;
    moment(local, zone_ms)
}

fn moment(local_ms: i64, offset_ms: i64) -> Option<WallTime> {
    let utc = local_ms.checked_sub(offset_ms)?;
    Some(WallTime::from_millis(u64::try_from(utc).ok()?))
}

/// Minute of the day of `HH:MM`.
#[must_use]
pub fn clock(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (two(hour)?, two(minute)?);
    (hour < 24 && minute < 60).then(|| hour.saturating_mul(60).saturating_add(minute))
}

/// A distance from UTC in minutes, of `+09:00`, `-03:30` or `Z`.
#[must_use]
pub fn zone(text: &str) -> Option<i16> {
    if text == "Z" {
        return Some(0);
    }
    let minutes = i16::try_from(clock(text.strip_prefix(['+', '-'])?)?).ok()?;
    let minutes = if text.starts_with('-') {
        minutes.checked_neg()?
    } else {
        minutes
    };
    (-14 * 60..=14 * 60).contains(&minutes).then_some(minutes)
}

/// A month, `2026-11`: from its first moment to that of the next, in a zone.
#[must_use]
pub fn month(text: &str, offset_s: i32) -> Option<(WallTime, WallTime)> {
    let first = days(&format!("{text}-01"))?;
    let (year, month) = text.split_once('-')?;
    let (year, month) = (year.parse::<i64>().ok()?, i64::from(two(month)?));
    let next = if month == 12 {
        civil(year.checked_add(1)?, 1, 1)
    } else {
        civil(year, month.checked_add(1)?, 1)
    };
    let offset_ms = i64::from(offset_s).checked_mul(1000)?;
    let begin = |day: i64| moment(day.checked_mul(signed(DAY_MS))?, offset_ms);
    // The first hours of 1970 east of UTC are before the epoch.
    Some((
        begin(first).unwrap_or(WallTime::from_millis(0)),
        begin(next?)?,
    ))
}

/// Milliseconds of `90s`, `30m`, `1h30m`, `2d`.
fn duration(text: &str) -> Option<u64> {
    let mut sum = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(end)?;
        let unit = after.chars().next()?;
        let unit_ms = match unit {
            's' => 1000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => DAY_MS,
            _ => return None,
        };
        sum = sum.checked_add(number.parse::<u64>().ok()?.checked_mul(unit_ms)?)?;
        rest = after.get(1..)?;
    }
    (!text.is_empty()).then_some(sum)
}

/// Splits a zone from a time: `03:20+09:00`.
fn zoned(text: &str, offset_ms: i64) -> Option<(&str, i64)> {
    match text.find(['+', '-', 'Z']) {
        None => Some((text, offset_ms)),
        Some(place) => {
            let (time, distance) = text.split_at_checked(place)?;
            let minutes = i64::from(zone(distance)?);
            Some((time, minutes.checked_mul(MINUTE_MS)?))
        }
    }
}

/// Seconds of the day of `HH:MM` or `HH:MM:SS`.
fn seconds(text: &str) -> Option<i64> {
    let (minutes, second) = match text.split_at_checked(5)? {
        (minutes, "") => (minutes, 0),
        (minutes, rest) => (minutes, two(rest.strip_prefix(':')?)?),
    };
    let minute = i64::from(clock(minutes)?);
    (second < 60).then(|| minute.saturating_mul(60).saturating_add(i64::from(second)))
}

/// Days since 1970-01-01 of `YYYY-MM-DD`.
fn days(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || !digits {
        return None;
    }
    civil(
        year.parse().ok()?,
        i64::from(two(month)?),
        i64::from(two(day)?),
    )
}

/// Days since 1970-01-01 of a date; `None` where the calendar has no such day (Howard Hinnant, "chrono-Compatible Low-Level
/// Date Algorithms", `days_from_civil`).
fn civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !YEARS.contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    // The year begins in March, so that the leap day is its last. All numbers are small after the checks above.
    let shifted = if month <= 2 {
        year.saturating_sub(1)
    } else {
        year
    };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let from_march = month.saturating_add(9) % 12;
    let of_year = from_march
        .saturating_mul(153)
        .saturating_add(2)
        .div_euclid(5)
        .saturating_add(day)
        .saturating_sub(1);
    let day_of_era = of_era
        .saturating_mul(365)
        .saturating_add(of_era / 4)
        .saturating_sub(of_era / 100)
        .saturating_add(of_year);
    Some(
        era.saturating_mul(146_097)
            .saturating_add(day_of_era)
            .saturating_sub(719_468),
    )
}

/// A number of two digits.
fn two(text: &str) -> Option<u16> {
    let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Date, utc};

    /// 2026-11-24 02:58:07 UTC, 11:58:07 in Japan.
    const NOW: WallTime = WallTime::from_millis(1_795_489_087_000);
    const JAPAN: i32 = 9 * 3600;

    fn shown(text: &str, offset_s: i32) -> String {
        parse(text, offset_s, NOW).map_or_else(|| "-".to_owned(), |moment| utc(moment.as_millis()))
    }

    #[test]
    fn times_are_understood_as_people_mean_them() {
        for (text, offset_s, moment) in [
            ("2026-11-24T03:20+09:00", 0, "2026-11-23 18:20:00 UTC"),
            ("2026-11-24T03:20", JAPAN, "2026-11-23 18:20:00 UTC"),
            ("2026-11-24 03:20:59Z", JAPAN, "2026-11-24 03:20:59 UTC"),
            ("2024-02-29T00:00-03:30", JAPAN, "2024-02-29 03:30:00 UTC"),
            // The next one: today where it is still to come, else tomorrow.
            ("12:30", JAPAN, "2026-11-24 03:30:00 UTC"),
            ("03:20", JAPAN, "2026-11-24 18:20:00 UTC"),
            ("11:58", JAPAN, "2026-11-25 02:58:00 UTC"),
            ("03:20", -JAPAN, "2026-11-24 12:20:00 UTC"),
            ("+30m", JAPAN, "2026-11-24 03:28:07 UTC"),
            ("+1h30m", 0, "2026-11-24 04:28:07 UTC"),
            ("+2d", 0, "2026-11-26 02:58:07 UTC"),
        ] {
            assert_eq!(shown(text, offset_s), moment, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "+",
            "+30",
            "+m",
            "+1y",
            "+99999999999999999999d",
            "24:00",
            "12:60",
            "1:20",
            "2026-02-29T00:00",
            "2026-13-01T00:00",
            "2026-11-31T00:00",
            "2026-11-24",
            "2026-11-24T",
            "2026-11-24T03:20+15:00",
            "2026-11-24T03:20+9",
            "9999-01-01T00:00",
            "あ6-11-24T03:20",
            "２０２６-11-24T03:20",
            "tomorrow",
            "2026-11-24T03:20:60",
            "-30m",
        ] {
            assert_eq!(parse(text, 0, NOW), None, "{text}");
        }
    }

    #[test]
    fn every_day_goes_there_and_back() {
        for day in 0_i64..84_000 {
            let date = Date::from_days(day.cast_unsigned());
            assert_eq!(days(&date.to_string()), Some(day), "{date}");
        }
    }

    #[test]
    fn a_month_is_that_of_its_zone() {
        let (from, until) = month("2026-12", JAPAN).unwrap();
        assert_eq!(utc(from.as_millis()), "2026-11-30 15:00:00 UTC");
        assert_eq!(utc(until.as_millis()), "2026-12-31 15:00:00 UTC");
        for text in ["2026-13", "2026", "2026-1", "2026-11-01", "x"] {
            assert_eq!(month(text, 0), None, "{text}");
        }
    }
}
