//! The collector's clock, and dates from it. The only file that reads the time.

use hansho::clock::WallTime;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds of a day.
pub const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Now.
#[must_use]
pub fn now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    WallTime::from_millis(since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }))
}

static STARTED: OnceLock<WallTime> = OnceLock::new();

/// `serve` starts now: what [`started`] says from then on.
pub fn start() {
    STARTED.get_or_init(now);
}

/// When `serve` started; the first question, where it did not.
#[must_use]
pub fn started() -> WallTime {
    *STARTED.get_or_init(now)
}

/// A moment as the type of std, for a crate that asks for it; not beyond the year 9999, since dates of mails (RFC 5322)
/// have years of four digits.
#[must_use]
pub fn system(moment: WallTime) -> SystemTime {
    let since = Duration::from_millis(moment.as_millis().min(253_402_300_799_000));
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

/// A moment of the monotonic clock, for measuring how long something took.
#[derive(Clone, Copy, Debug)]
pub struct Moment(Instant);

impl Moment {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// Time since then.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A date of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Year.
    pub year: u64,
    /// Month, 1 to 12.
    pub month: u64,
    /// Day of the month, from 1.
    pub day: u64,
}

impl Date {
    /// A date that exists, from 1970 to 9999.
    #[must_use]
    pub fn new(year: u64, month: u64, day: u64) -> Option<Self> {
        let date = Self { year, month, day };
        let fits = (1970..=9999).contains(&year) && (1..=12).contains(&month) && day >= 1;
        // Days that a month does not have come back as other dates.
        (fits && day <= 31 && Self::from_days(date.days()) == date).then_some(date)
    }

    /// Days since 1970-01-01, for dates from then to 9999.
    #[must_use]
    pub fn days(self) -> u64 {
        // Howard Hinnant, days_from_civil, as in `from_days`: years begin on 1 March.
        let year = self
            .year
            .min(9999)
            .saturating_sub(u64::from(self.month <= 2));
        let from_march = self.month.min(12).saturating_add(9) % 12;
        let of_year = from_march.saturating_mul(153).saturating_add(2) / 5;
        let era = year / 400;
        let year_of_era = year % 400;
        let of_era = year_of_era
            .saturating_mul(365)
            .saturating_add(year_of_era / 4)
            .saturating_sub(year_of_era / 100)
            .saturating_add(of_year)
            .saturating_add(self.day.min(31))
            .saturating_sub(1);
        era.saturating_mul(146_097)
            .saturating_add(of_era)
            .saturating_sub(719_468)
    }

    /// Day of the week, 0 for Sunday.
    #[must_use]
    pub fn weekday(self) -> usize {
        // 1970-01-01 was a Thursday.
        usize::try_from(self.days().saturating_add(4) % 7).unwrap_or(0)
    }

    /// The UTC date of a number of days since 1970-01-01.
    #[must_use]
    pub fn from_days(days: u64) -> Self {
        // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days, for dates after 1970; eras of
        // 400 years begin on 1 March of year 0. Bounded, so that no sum below can overflow.
        let shifted = days.min(1 << 40).saturating_add(719_468);
        let era = shifted / 146_097;
        let of_era = shifted % 146_097;
        let leaps = of_era / 1460;
        let centuries = of_era / 36_524;
        let year_of_era = of_era
            .saturating_sub(leaps)
            .saturating_add(centuries)
            .saturating_sub(of_era / 146_096)
            / 365;
        let before = year_of_era
            .saturating_mul(365)
            .saturating_add(year_of_era / 4)
            .saturating_sub(year_of_era / 100);
        let of_year = of_era.saturating_sub(before);
        let from_march = of_year.saturating_mul(5).saturating_add(2) / 153;
        let day = of_year
            .saturating_sub(from_march.saturating_mul(153).saturating_add(2) / 5)
            .saturating_add(1);
        let month = if from_march < 10 {
            from_march.saturating_add(3)
        } else {
            from_march.saturating_sub(9)
        };
        let year = year_of_era
            .saturating_add(era.saturating_mul(400))
            .saturating_add(u64::from(month <= 2));
        Self { year, month, day }
    }

    /// The UTC date of a moment.
    #[must_use]
    pub fn of(moment: WallTime) -> Self {
        Self::from_days(moment.as_millis() / DAY_MS)
    }
}

impl core::fmt::Display for Date {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// `2026-11-24 02:58:07 UTC`.
#[must_use]
pub fn utc(millis: u64) -> String {
    let seconds = millis / 1000;
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let date = Date::of(WallTime::from_millis(millis));
    format!("{date} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // date -u -d @SECONDS +%F
        for (seconds, date) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_732_406_400, "2024-11-24"),
            (1_767_225_599, "2025-12-31"),
            (1_767_225_600, "2026-01-01"),
            (4_107_542_400, "2100-03-01"),
        ] {
            let moment = WallTime::from_millis(seconds * 1000);
            assert_eq!(Date::of(moment).to_string(), date);
        }
        for days in (0..60_000).step_by(7).chain([2_932_895]) {
            let date = Date::from_days(days);
            assert_eq!(date.days(), days);
            assert_eq!(Date::new(date.year, date.month, date.day), Some(date));
            assert_eq!(date.weekday(), 4, "{date}");
        }
        for (year, month, day) in [
            (2026, 2, 29),
            (2026, 4, 31),
            (2026, 13, 1),
            (2026, 0, 1),
            (2026, 1, 0),
            (1969, 12, 31),
            (10_000, 1, 1),
            (u64::MAX, 1, 1),
            (2026, 1, u64::MAX),
        ] {
            assert_eq!(Date::new(year, month, day), None);
        }
        assert!(Date::new(2028, 2, 29).is_some());
        assert_eq!(utc(1_732_417_087_999), "2024-11-24 02:58:07 UTC");
        assert!(!utc(u64::MAX).is_empty());
    }
}
