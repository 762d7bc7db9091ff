//! Numbers, times and codes as a message writes them.

use super::super::notice::{Measured, Notice};
use crate::store::{ClockQuality, Dated};
use crate::zone::Local;
use hansho::clock::WallTime;
use hansho::code::{Language, name};
use hansho::limit::TIME_LEFT_NEVER_S;
use hansho::rule::{Level, Quantity, Unit};

const SECOND_MS: u64 = 1000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// `11-24 02:58:07` in the customer's zone.
#[must_use]
pub fn day_time(notice: &Notice, moment: WallTime) -> String {
    let Local {
        date,
        hour,
        minute,
        second,
    } = notice.zone.local(moment);
    format!(
        "{:02}-{:02} {hour:02}:{minute:02}:{second:02}",
        date.month, date.day
    )
}

/// `11-24 02:58`.
#[must_use]
pub fn day_minute(notice: &Notice, moment: WallTime) -> String {
    let Local {
        date, hour, minute, ..
    } = notice.zone.local(moment);
    format!("{:02}-{:02} {hour:02}:{minute:02}", date.month, date.day)
}

/// `02:58`.
#[must_use]
pub fn minute(notice: &Notice, moment: WallTime) -> String {
    let Local { hour, minute, .. } = notice.zone.local(moment);
    format!("{hour:02}:{minute:02}")
}

/// `02:58:07`.
#[must_use]
pub fn second(notice: &Notice, moment: WallTime) -> String {
    let Local {
        hour,
        minute,
        second,
        ..
    } = notice.zone.local(moment);
    format!("{hour:02}:{minute:02}:{second:02}")
}

/// A date with what it is worth, where that is not the best.
#[must_use]
pub fn dated(notice: &Notice, dated: Dated) -> String {
    let time = day_time(notice, dated.wall);
    let quality = match (notice.language, dated.quality) {
        (_, ClockQuality::Exact) => return time,
        (Language::Ja, ClockQuality::Confirmed) => "サーバーの時計、照合済み",
        (Language::Ja, ClockQuality::Host) => "サーバーの時計",
        (Language::Ja, ClockQuality::Unset) => "時計未設定、間隔のみ有効",
        (Language::Ja, ClockQuality::Unknown) => "時計の質は不明",
        (Language::En, ClockQuality::Confirmed) => "host's clock, confirmed",
        (Language::En, ClockQuality::Host) => "host's clock",
        (Language::En, ClockQuality::Unset) => "clock not set, only distances count",
        (Language::En, ClockQuality::Unknown) => "clock of unknown quality",
    };
    match notice.language {
        Language::Ja => format!("{time}({quality})"),
        Language::En => format!("{time} ({quality})"),
    }
}

/// A time in words, exact to the second: `17分47秒`, `60秒`, `2時間5分`; `17 min 47 s`.
#[must_use]
pub fn duration(language: Language, millis: u64) -> String {
    let seconds = millis / SECOND_MS;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let words = match language {
        Language::Ja => ["時間", "分", "秒"],
        Language::En => [" h", " min", " s"],
    };
    let parts: [(u64, &str); 3] = if seconds < 120 && rest != 0 || seconds <= 60 {
        [(0, ""), (0, ""), (seconds, words[2])]
    } else if hours > 0 {
        [(hours, words[0]), (minutes, words[1]), (0, "")]
    } else {
        [(0, ""), (minutes, words[1]), (rest, words[2])]
    };
    let shown: Vec<String> = parts
        .iter()
        .filter(|(amount, word)| *amount > 0 && !word.is_empty())
        .map(|(amount, word)| format!("{amount}{word}"))
        .collect();
    match (shown.is_empty(), language) {
        (true, Language::Ja) => "0秒".to_owned(),
        (true, Language::En) => "0 s".to_owned(),
        (false, Language::Ja) => shown.concat(),
        (false, Language::En) => shown.join(" "),
    }
}

/// A measured time in words: as [`duration`], and below a minute exact to the tenth, below a second to the millisecond: `3分1秒`,
/// `2.5秒`, `350ミリ秒`.
#[must_use]
pub fn span(language: Language, millis: u64) -> String {
    let (amount, ja, en) = match millis {
        1..SECOND_MS => (millis.to_string(), "ミリ秒", " ms"),
        SECOND_MS..MINUTE_MS if millis % SECOND_MS >= 100 => (tenths(millis / 100), "秒", " s"),
        _ => return duration(language, millis),
    };
    match language {
        Language::Ja => format!("{amount}{ja}"),
        Language::En => format!("{amount}{en}"),
    }
}

/// A time in words, rounded to what one glance needs: `18分`, `3分`, `2時間`, `3日`.
#[must_use]
pub fn rough(language: Language, millis: u64) -> String {
    let half = |unit: u64| {
        let rounded = millis.saturating_add(unit / 2);
        rounded.checked_div(unit).unwrap_or(0)
    };
    let (amount, ja, en) = if millis < MINUTE_MS {
        (half(SECOND_MS), "秒", " s")
    } else if millis < 2 * HOUR_MS {
        (half(MINUTE_MS), "分", " min")
    } else if millis < 48 * HOUR_MS {
        (half(HOUR_MS), "時間", " h")
    } else {
        (half(24 * HOUR_MS), "日", " days")
    };
    match language {
        Language::Ja => format!("{amount}{ja}"),
        Language::En => format!("{amount}{en}"),
    }
}

/// Tenths as `12.3`.
fn tenths(value: u64) -> String {
    format!("{}.{}", value / 10, value % 10)
}

/// Permille as `96.0%`.
#[must_use]
pub fn percent(permille: u64) -> String {
    format!("{}%", tenths(permille))
}

/// KiB in the largest unit that leaves a digit before the point: `14.97 GiB`, `9.8 GiB` with one digit.
#[must_use]
pub fn memory(kib: u64, digits: u32) -> String {
    let (shift, unit) = match kib {
        0..1024 => return format!("{kib} KiB"),
        // From a tenth of a GiB on, so that small and large stand in one unit beside one another.
        1024..104_858 => (10_u32, "MiB"),
        _ => (20_u32, "GiB"),
    };
    format!("{} {unit}", gib(kib, shift, digits))
}

/// KiB shifted, with one or two digits, rounded.
fn gib(kib: u64, shift: u32, digits: u32) -> String {
    let scale = 10_u64.saturating_pow(digits);
    let half = 1_u64.checked_shl(shift.saturating_sub(1)).unwrap_or(0);
    let scaled = kib.saturating_mul(scale).saturating_add(half) >> shift;
    let (whole, rest) = (
        scaled.checked_div(scale).unwrap_or(scaled),
        scaled.checked_rem(scale).unwrap_or(0),
    );
    match digits {
        0 => format!("{whole}"),
        1 => format!("{whole}.{rest}"),
        _ => format!("{whole}.{rest:02}"),
    }
}

/// `14.97 / 15.60 GiB`, both in the unit of the whole.
#[must_use]
pub fn memory_of(used_kib: u64, total_kib: u64, digits: u32) -> String {
    let (shift, unit) = if total_kib < 1_048_576 {
        (10, "MiB")
    } else {
        (20, "GiB")
    };
    format!(
        "{}/{} {unit}",
        gib(used_kib, shift, digits),
        gib(total_kib, shift, digits)
    )
}

/// `+8.4 GiB`, `-0.2 GiB`, `±0`.
#[must_use]
pub fn change(kib: i64) -> String {
    match kib.cmp(&0) {
        core::cmp::Ordering::Equal => "±0".to_owned(),
        core::cmp::Ordering::Greater => format!("+{}", memory(kib.unsigned_abs(), 1)),
        core::cmp::Ordering::Less => format!("-{}", memory(kib.unsigned_abs(), 1)),
    }
}

/// Share of the total, permille.
#[must_use]
pub fn share(value: Measured) -> Option<u64> {
    let total = value.total.filter(|total| *total > 0)?;
    value.value.saturating_mul(1000).checked_div(total)
}

/// A value with its unit: `96.0%` where a total is known.
#[must_use]
pub fn value(language: Language, measured: Measured) -> String {
    let value = measured.value;
    let Some(quantity) = measured.quantity else {
        return value.to_string();
    };
    match quantity.unit() {
        Unit::Kib => share(measured).map_or_else(|| memory(value, 1), percent),
        Unit::Items => share(measured).map_or_else(|| value.to_string(), percent),
        Unit::Permille => percent(value),
        Unit::PerSecond => match language {
            Language::Ja => format!("{value}/秒"),
            Language::En => format!("{value}/s"),
        },
        Unit::Count => match language {
            Language::Ja => format!("{value}回"),
            Language::En => value.to_string(),
        },
        Unit::Centi => format!("{}.{:02}", value / 100, value % 100),
        Unit::Milliseconds => span(language, value),
        Unit::Seconds => duration(language, value.saturating_mul(SECOND_MS)),
        Unit::TimeLeft => time_left(language, value),
    }
}

/// Seconds until something is used up.
#[must_use]
pub fn time_left(language: Language, seconds: u64) -> String {
    let time = duration(language, seconds.saturating_mul(SECOND_MS));
    match (seconds >= TIME_LEFT_NEVER_S, language) {
        (true, Language::Ja) => "増加なし".to_owned(),
        (true, Language::En) => "no growth".to_owned(),
        (false, Language::Ja) => format!("残り{time}"),
        (false, Language::En) => format!("{time} left"),
    }
}

/// The value for a subject: whole per cents.
#[must_use]
pub fn short(language: Language, measured: Measured) -> String {
    let permille = match measured.quantity.map(Quantity::unit) {
        Some(Unit::Kib | Unit::Items) => share(measured),
        Some(Unit::Permille) => Some(measured.value),
        _ => None,
    };
    match permille {
        Some(permille) if permille >= 100 => format!("{}%", permille.saturating_add(5) / 10),
        _ => value(language, measured),
    }
}

/// A level in words: `95%`, `95%かつ8GiB`.
#[must_use]
pub fn level(language: Language, level: Level, quantity: Quantity) -> String {
    let joint = match language {
        Language::Ja => "かつ",
        Language::En => " and ",
    };
    let share = level.permille.map(|permille| trimmed(u64::from(permille)));
    let amount = level
        .absolute
        .map(|absolute| amount(language, absolute, quantity));
    let parts: Vec<String> = share.into_iter().chain(amount).collect();
    parts.join(joint)
}

/// Permille as configured levels are written: `95%`, `12.5%`.
fn trimmed(permille: u64) -> String {
    match permille % 10 {
        0 => format!("{}%", permille / 10),
        _ => percent(permille),
    }
}

fn amount(language: Language, absolute: u64, quantity: Quantity) -> String {
    match quantity.unit() {
        Unit::Permille => trimmed(absolute),
        Unit::Kib if absolute.is_multiple_of(1_048_576) && absolute > 0 => {
            format!("{} GiB", absolute / 1_048_576)
        }
        _ => value(
            language,
            Measured {
                quantity: Some(quantity),
                value: absolute,
                total: None,
            },
        ),
    }
}

/// What a code is about in a subject, with the value: `メモリ使用率 96%` where the value has a name of its own, else the name
/// of the code and the value.
#[must_use]
pub fn what(language: Language, code: u16, measured: Option<Measured>) -> String {
    let named = measured
        .and_then(|measured| measured.quantity)
        .and_then(|quantity| share_name(language, quantity))
        .or_else(|| name(code, language));
    let name = named.map_or_else(|| format!("HNS{code:04}"), str::to_owned);
    match measured {
        Some(measured) => format!("{name} {}", short(language, measured)),
        None => name,
    }
}

/// Names of values that are shown as a share of a whole.
#[must_use]
pub const fn share_name(language: Language, quantity: Quantity) -> Option<&'static str> {
    match (quantity, language) {
        (Quantity::MemoryUsed, Language::Ja) => Some("メモリ使用率"),
        (Quantity::MemoryUsed, Language::En) => Some("memory used"),
        (Quantity::SwapUsed, Language::Ja) => Some("スワップ使用率"),
        (Quantity::SwapUsed, Language::En) => Some("swap used"),
        (Quantity::CpuBusy, Language::Ja) => Some("CPU使用率"),
        (Quantity::CpuBusy, Language::En) => Some("CPU busy"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_say_them() {
        for (millis, ja, en) in [
            (0, "0秒", "0 s"),
            (60_000, "60秒", "60 s"),
            (90_000, "90秒", "90 s"),
            (120_000, "2分", "2 min"),
            (300_000, "5分", "5 min"),
            (1_067_000, "17分47秒", "17 min 47 s"),
            (7_500_000, "2時間5分", "2 h 5 min"),
            (7_200_000, "2時間", "2 h"),
        ] {
            assert_eq!(duration(Language::Ja, millis), ja);
            assert_eq!(duration(Language::En, millis), en);
        }
        for (millis, ja, en) in [
            (0, "0秒", "0 s"),
            (350, "350ミリ秒", "350 ms"),
            (1000, "1秒", "1 s"),
            (2500, "2.5秒", "2.5 s"),
            (59_950, "59.9秒", "59.9 s"),
            (181_000, "3分1秒", "3 min 1 s"),
            (3_600_000, "1時間", "1 h"),
        ] {
            let measured = Measured {
                quantity: Some(Quantity::TickLate),
                value: millis,
                total: None,
            };
            assert_eq!(value(Language::Ja, measured), ja);
            assert_eq!(value(Language::En, measured), en);
        }
        for (millis, ja, en) in [
            (1_067_000, "18分", "18 min"),
            (180_000, "3分", "3 min"),
            (45_000, "45秒", "45 s"),
            (60_000, "1分", "1 min"),
            (8_000_000, "2時間", "2 h"),
            (259_200_000, "3日", "3 days"),
        ] {
            assert_eq!(rough(Language::Ja, millis), ja);
            assert_eq!(rough(Language::En, millis), en);
        }
    }

    #[test]
    fn values_have_their_unit() {
        let of = |quantity, value, total| Measured {
            quantity: Some(quantity),
            value,
            total,
        };
        let used = of(Quantity::MemoryUsed, 15_703_474, Some(16_357_785));
        assert_eq!(value(Language::Ja, used), "96.0%");
        assert_eq!(what(Language::Ja, 1002, Some(used)), "メモリ使用率 96%");
        assert_eq!(what(Language::En, 1002, Some(used)), "memory used 96%");
        assert_eq!(memory_of(15_697_182, 16_357_785, 2), "14.97/15.60 GiB");
        assert_eq!(memory(660_603, 2), "0.63 GiB");
        assert_eq!(memory(20_480, 1), "20.0 MiB");
        assert_eq!(change(8_808_038), "+8.4 GiB");
        assert_eq!(
            (change(0), change(-209_715)),
            ("±0".to_owned(), "-0.2 GiB".to_owned())
        );
        let full = of(Quantity::PressureMemoryFull, 62, None);
        assert_eq!(short(Language::Ja, full), "6.2%");
        assert_eq!(
            what(Language::Ja, 1003, Some(full)),
            "メモリ逼迫による停滞 6.2%"
        );
        let left = of(Quantity::MemoryRunsOut, 65_100, None);
        assert_eq!(value(Language::En, left), "18 h 5 min left");
        assert_eq!(
            what(Language::Ja, 1004, Some(left)),
            "メモリ枯渇予測(24時間) 残り18時間5分"
        );
        let never = of(Quantity::MemoryRunsOut, TIME_LEFT_NEVER_S, None);
        assert_eq!(value(Language::Ja, never), "増加なし");
        assert_eq!(what(Language::En, 1999, None), "HNS1999");
        assert_eq!(share(of(Quantity::MemoryUsed, 1, Some(0))), None);
        assert_eq!(
            value(Language::En, of(Quantity::MemoryUsed, u64::MAX, Some(1))),
            "1844674407370955161.5%"
        );
    }
}
