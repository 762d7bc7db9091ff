//! Times for people: how long, and when.

use hansho::code::Language;

const DAY_S: u64 = 24 * 60 * 60;
/// The last second that is written out, the end of the year 9999; later ones look the same.
const LAST_S: u64 = 253_402_300_799;
const MONTHS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// How long, in its two largest units: `2h 5m`, `2時間5分`.
pub(crate) fn span(millis: u64, language: Language) -> String {
    let seconds = millis / 1000;
    let (days, hours) = (seconds / DAY_S, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    let (first, second) = match (days, hours, minutes) {
        (1.., ..) => ((days, "d", "日"), Some((hours, "h", "時間"))),
        (0, 1.., _) => ((hours, "h", "時間"), Some((minutes, "m", "分"))),
        (0, 0, 1..) => ((minutes, "m", "分"), Some((rest, "s", "秒"))),
        (0, 0, 0) => ((rest, "s", "秒"), None),
    };
    let part = |(count, en, ja): (u64, &str, &str)| match language {
        Language::En => format!("{count}{en}"),
        Language::Ja => format!("{count}{ja}"),
    };
    match (second.filter(|(count, ..)| *count > 0), language) {
        (None, _) => part(first),
        (Some(second), Language::En) => format!("{} {}", part(first), part(second)),
        (Some(second), Language::Ja) => format!("{}{}", part(first), part(second)),
    }
}

/// How long ago: `2h 5m ago`, `2時間5分前`.
pub(crate) fn ago(millis: u64, language: Language) -> String {
    let span = span(millis, language);
    match language {
        Language::En => format!("{span} ago"),
        Language::Ja => format!("{span}前"),
    }
}

/// Milliseconds since 1970 as `2026-11-24 02:58:07 UTC`.
pub(crate) fn utc(millis: u64) -> String {
    let seconds = (millis / 1000).min(LAST_S);
    let mut day = seconds / DAY_S;
    let mut year = 1970_u64;
    while day >= days_of(year) {
        day = day.saturating_sub(days_of(year));
        year = year.saturating_add(1);
    }
    let mut month = 1_u64;
    for length in MONTHS {
        let leap_day = u64::from(month == 2 && is_leap(year));
        let length = length.saturating_add(leap_day);
        if day < length {
            break;
        }
        day = day.saturating_sub(length);
        month = month.saturating_add(1);
    }
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let day = day.saturating_add(1);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

const fn days_of(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

#[cfg(test)]
mod tests {
    use super::{ago, span, utc};
    use hansho::code::Language::{En, Ja};

    #[test]
    fn moments_are_those_of_the_calendar() {
        // date -u -d @SECONDS '+%F %T UTC'
        for (seconds, moment) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_868_799, "2000-02-29 23:59:59 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_767_225_599, "2025-12-31 23:59:59 UTC"),
            (1_795_489_087, "2026-11-24 02:58:07 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (253_402_300_799, "9999-12-31 23:59:59 UTC"),
        ] {
            assert_eq!(utc(seconds * 1000 + 999), moment);
        }
        assert_eq!(utc(u64::MAX), "9999-12-31 23:59:59 UTC");
    }

    #[test]
    fn spans_have_two_units() {
        for (seconds, en, ja) in [
            (0, "0s", "0秒"),
            (59, "59s", "59秒"),
            (60, "1m", "1分"),
            (61, "1m 1s", "1分1秒"),
            (7500, "2h 5m", "2時間5分"),
            (86_400, "1d", "1日"),
            (100_000, "1d 3h", "1日3時間"),
        ] {
            assert_eq!(span(seconds * 1000, En), en);
            assert_eq!(ago(seconds * 1000 + 1, Ja), format!("{ja}前"));
        }
        assert_eq!(ago(0, En), "0s ago");
    }
}
