//! Times as programs write them: RFC 3339, always with a zone.

use crate::clock::{DAY_MS, Date};
use crate::handling::moment;
use hansho::clock::WallTime;

/// The last moment that four digits of a year can say: 9999-12-31T23:59:59.999Z.
const LAST_MS: u64 = 253_402_300_799_999;

/// In UTC, to the millisecond: `2026-11-24T02:58:07.000Z`. A moment after the year 9999, which only a broken clock of a host
/// says, is shown as the last of that year; its milliseconds stand beside it.
#[must_use]
pub fn text(moment: WallTime) -> String {
    let ms = moment.as_millis().min(LAST_MS);
    let date = Date::from_days(ms / DAY_MS);
    let of_day = ms % DAY_MS;
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, ms) = (of_day / 1000 % 60, of_day % 1000);
    format!(
        "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z",
        date.year, date.month, date.day
    )
}

/// A moment of the years 1970 to 2200; a fraction of a second counts to the millisecond.
#[must_use]
pub fn parse(text: &str) -> Option<WallTime> {
    // The longest that counts: 2026-11-24T03:20:00.123456789+09:00.
    if text.len() > 35 || !text.is_ascii() {
        return None;
    }
    let text = text.to_ascii_uppercase();
    let (seconds, rest) = text.split_at_checked(19)?;
    let marks = seconds.get(10..11) == Some("T") && seconds.get(16..17) == Some(":");
    let (ms, zone) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            let (digits, zone) = rest.split_at_checked(end)?;
            let padded = format!("{digits:0<3}");
            let ms = padded.get(..3)?.parse::<u64>().ok();
            (ms.filter(|_| (1..=9).contains(&digits.len()))?, zone)
        }
    };
    if !marks || !zone.starts_with(['Z', '+', '-']) {
        return None;
    }
    let whole = moment::parse(&format!("{seconds}{zone}"), 0, WallTime::from_millis(0))?;
    Some(WallTime::from_millis(whole.as_millis().checked_add(ms)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_written_and_read() {
        for (ms, written) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_489_087_123, "2026-11-24T02:58:07.123Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(text(WallTime::from_millis(ms)), written);
        }
        for (written, ms) in [
            ("2026-11-24T02:58:07Z", Some(1_795_489_087_000)),
            ("2026-11-24T11:58:07.1+09:00", Some(1_795_489_087_100)),
            ("2026-11-24t02:58:07.123456789z", Some(1_795_489_087_123)),
            ("2026-11-24T02:58:07", None),
            ("2026-11-24T02:58Z", None),
            ("2026-11-24 02:58:07Z", None),
            ("2026-11-24T02:58:07.Z", None),
            ("2026-11-24T02:58:07.1234567890Z", None),
            ("2026-02-30T02:58:07Z", None),
            ("2026-11-24T02:58:07+25:00", None),
            ("03:20", None),
            ("+30m", None),
            ("", None),
            ("２０２６-11-24T02:58:07Z", None),
        ] {
            assert_eq!(parse(written).map(WallTime::as_millis), ms, "{written}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(ms in 0_u64..7_258_118_400_000) {
            let moment = WallTime::from_millis(ms);
            prop_assert_eq!(parse(&text(moment)), Some(moment));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let read = parse(&text).map(WallTime::as_millis);
            prop_assert!(read.is_none_or(|ms| ms < 7_289_654_400_000));
        }
    }
}
