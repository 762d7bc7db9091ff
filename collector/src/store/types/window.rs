//! Windows: times that were announced. Pure: which window covers a moment, and when one is next.

use super::{Via, signed};
use crate::clock::DAY_MS;
use hansho::clock::WallTime;

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;
/// A day as `i64`.
const DAY: i64 = DAY_MS.cast_signed();

/// What a window means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WindowKind {
    /// Work: alerts are silenced, and a stop is a planned one.
    Maintenance,
    /// A campaign, a release: silences nothing, stands in mail, page and report.
    Event,
    /// A word of a newer version: silences nothing.
    Other,
}

impl WindowKind {
    /// The word in JSON and in the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Maintenance => "maintenance",
            Self::Event => "event",
            Self::Other => "other",
        }
    }

    /// From the word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "maintenance" => Self::Maintenance,
            "event" => Self::Event,
            _ => Self::Other,
        }
    }
}

/// Where something is: as far as it is known. An empty text is no place and fits no scope that names one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place<'a> {
    /// Customer.
    pub customer: &'a str,
    /// System of the customer; empty where it concerns a site.
    pub system: &'a str,
    /// Site of the customer; empty where none is configured.
    pub site: &'a str,
    /// Name of the agent; empty where it concerns a site.
    pub agent: &'a str,
}

/// What a window is about: a customer, and narrower where more is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowScope {
    /// Customer.
    pub customer: String,
    /// A system of it.
    pub system: Option<String>,
    /// A site of it.
    pub site: Option<String>,
    /// An agent; only beside a system.
    pub agent: Option<String>,
}

impl WindowScope {
    /// Whether a place is within.
    #[must_use]
    pub fn fits(&self, place: &Place<'_>) -> bool {
        let fits = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        self.customer == place.customer
            && fits(&self.system, place.system)
            && fits(&self.site, place.site)
            && fits(&self.agent, place.agent)
    }

    /// `CUSTOMER`, `CUSTOMER/SYSTEM`, `CUSTOMER/SYSTEM/AGENT`, with ` site SITE` where one is given.
    #[must_use]
    pub fn path(&self) -> String {
        let parts = [
            Some(&self.customer),
            self.system.as_ref(),
            self.agent.as_ref(),
        ];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        let path = parts.join("/");
        match &self.site {
            Some(site) => format!("{path} site {site}"),
            None => path,
        }
    }
}

/// Days of the week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Days(u8);

impl Days {
    /// From bits: 1 Monday, 64 Sunday; others are passed over.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0x7f)
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether a day of the week is among them; 0 is Monday.
    #[must_use]
    pub const fn has(self, weekday: u8) -> bool {
        weekday < 7 && self.0 & (1 << weekday) != 0
    }
}

/// When a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Once.
    Once {
        /// From.
        from: WallTime,
        /// Until, not included.
        until: WallTime,
    },
    /// Every week.
    Weekly(Weekly),
}

/// Every week, on the wall clock of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weekly {
    /// Days on which it begins.
    pub days: Days,
    /// Minute of the day at which it begins.
    pub from_minute: u16,
    /// Minute of the day at which it ends, not included; on the next day where it is not later than `from_minute` (equal is
    /// a whole day).
    pub until_minute: u16,
    /// Distance of the zone from UTC, minutes.
    pub offset_minutes: i16,
    /// Nothing before this moment.
    pub since: WallTime,
    /// Nothing from this moment on.
    pub last: Option<WallTime>,
}

/// A title or reason, in one language or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// Japanese; may be empty.
    pub ja: String,
    /// English; may be empty.
    pub en: String,
}

impl Texts {
    /// In Japanese, else in English.
    #[must_use]
    pub fn ja(&self) -> &str {
        if self.ja.is_empty() {
            &self.en
        } else {
            &self.ja
        }
    }

    /// In English, else in Japanese.
    #[must_use]
    pub fn en(&self) -> &str {
        if self.en.is_empty() {
            &self.ja
        } else {
            &self.en
        }
    }
}

/// A window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its number, from 1.
    pub id: u64,
    /// What it means.
    pub kind: WindowKind,
    /// What it is about.
    pub scope: WindowScope,
    /// When.
    pub schedule: Schedule,
    /// Title of an event, reason of a maintenance.
    pub texts: Texts,
    /// By whom.
    pub by: String,
    /// By which way.
    pub via: Via,
    /// When it was made.
    pub created: WallTime,
    /// The occurrence that held at this moment was ended then; the others stand.
    pub cut: Option<WallTime>,
    /// When it was ended for good, and by whom.
    pub ended: Option<(WallTime, String)>,
}

/// One time that a window covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// From.
    pub from: WallTime,
    /// Until, not included.
    pub until: WallTime,
}

impl Occurrence {
    /// Whether it covers a moment.
    #[must_use]
    pub fn covers(&self, now: WallTime) -> bool {
        self.from <= now && now < self.until
    }
}

impl Window {
    /// The occurrence that covers a moment.
    #[must_use]
    pub fn at(&self, now: WallTime) -> Option<Occurrence> {
        self.next_occurrence(now)
            .filter(|occurrence| occurrence.covers(now))
    }

    /// The occurrence that covers a moment, or else the next one.
    #[must_use]
    pub fn next_occurrence(&self, now: WallTime) -> Option<Occurrence> {
        match &self.schedule {
            Schedule::Once { from, until } => self
                .shortened(*from, *until)
                .filter(|occurrence| now < occurrence.until),
            Schedule::Weekly(weekly) => self.next_weekly(weekly, now),
        }
    }

    /// When the last occurrence ends at the latest; `None` where it goes on.
    #[must_use]
    pub fn end(&self) -> Option<WallTime> {
        let scheduled = match &self.schedule {
            Schedule::Once { until, .. } => Some(*until),
            Schedule::Weekly(weekly) => weekly.last,
        };
        let ended = self.ended.as_ref().map(|(ended, _)| *ended);
        match (scheduled, ended) {
            (Some(scheduled), Some(ended)) => Some(scheduled.min(ended)),
            (scheduled, ended) => scheduled.or(ended),
        }
    }

    /// Occurrences are at most a day long: the one that began a local day before `now` may still cover it, and after it one
    /// day of the next seven has the next, unless that was cut: then the eighth has.
    fn next_weekly(&self, weekly: &Weekly, now: WallTime) -> Option<Occurrence> {
        let start = now.max(weekly.since);
        let offset_ms = i64::from(weekly.offset_minutes).saturating_mul(MINUTE_MS);
        let local = signed(start.as_millis()).saturating_add(offset_ms);
        let today = local.div_euclid(DAY);
        (-1..=8_i64)
            .map(|distance| today.saturating_add(distance))
            .filter(|day| weekly.days.has(weekday(*day)))
            .filter_map(|day| self.of_day(weekly, day, offset_ms))
            .find(|occurrence| now < occurrence.until)
    }

    fn of_day(&self, weekly: &Weekly, day: i64, offset_ms: i64) -> Option<Occurrence> {
        let midnight = day.saturating_mul(DAY).saturating_sub(offset_ms);
        let minutes = |minute: u16| i64::from(minute).saturating_mul(MINUTE_MS);
        let from = midnight.saturating_add(minutes(weekly.from_minute));
        let until = midnight.saturating_add(minutes(weekly.until_minute));
        let until = if until <= from {
            until.saturating_add(DAY)
        } else {
            until
        };
        let moment = |ms: i64| WallTime::from_millis(u64::try_from(ms).unwrap_or(0));
        let from = moment(from).max(weekly.since);
        let until = moment(until).min(weekly.last.unwrap_or(WallTime::from_millis(u64::MAX)));
        self.shortened(from, until)
    }

    /// What an early end leaves of an occurrence.
    fn shortened(&self, from: WallTime, until: WallTime) -> Option<Occurrence> {
        let ended = self.ended.as_ref().map(|(ended, _)| *ended);
        let cut = self.cut.filter(|cut| from <= *cut && *cut < until);
        let until = [cut, ended].into_iter().flatten().fold(until, Ord::min);
        (from < until).then_some(Occurrence { from, until })
    }
}

/// The day of the week of a number of days since 1970-01-01, which was a Thursday; 0 is Monday.
fn weekday(day: i64) -> u8 {
    u8::try_from(day.saturating_add(3).rem_euclid(7)).unwrap_or(0)
}

/// The windows that cover a place at a moment, each with the time that it covers; in the order given.
#[must_use]
pub fn covering<'w>(
    windows: &'w [Window],
    place: &Place<'_>,
    now: WallTime,
) -> Vec<(&'w Window, Occurrence)> {
    windows
        .iter()
        .filter(|window| window.scope.fits(place))
        .filter_map(|window| Some((window, window.at(now)?)))
        .collect()
}

/// The maintenance that makes a stop at this place and moment a planned one: of several the one that ends last.
#[must_use]
pub fn planned<'w>(
    windows: &'w [Window],
    place: &Place<'_>,
    now: WallTime,
) -> Option<(&'w Window, Occurrence)> {
    covering(windows, place, now)
        .into_iter()
        .filter(|(window, _)| window.kind == WindowKind::Maintenance)
        .max_by_key(|(window, occurrence)| (occurrence.until, core::cmp::Reverse(window.id)))
}
