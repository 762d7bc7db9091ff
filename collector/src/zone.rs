//! The time zone of the pages: a fixed distance from UTC, configured or that of this host. The only file that reads the
//! host's zone.

use crate::clock::{DAY_MS, Date};
use hansho::clock::WallTime;
use std::path::{Path, PathBuf};

/// Where the zones' files are (tzset(3)).
const ZONES: &str = "/usr/share/zoneinfo";
/// The host's zone (localtime(5)).
const HOST: &str = "/etc/localtime";
/// Largest distance from UTC, hours (Line Islands); the other way 12 suffice.
const HOURS: i32 = 14;

/// A fixed distance from UTC, and what is written beside each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    offset_s: i32,
    label: String,
}

impl Zone {
    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self {
            offset_s: 0,
            label: "UTC".to_owned(),
        }
    }

    /// From `+09:00` or `-03:30`; the text itself is what is shown, and `UTC` for zero.
    #[must_use]
    pub fn fixed(text: &str) -> Option<Self> {
        let sign = match text.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let (hours, minutes) = text.get(1..)?.split_once(':')?;
        let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(hours) || !digits(minutes) {
            return None;
        }
        let offset_s = seconds(sign, hours, minutes)?;
        if offset_s == 0 {
            return Some(Self::utc());
        }
        Some(Self {
            offset_s,
            label: text.to_owned(),
        })
    }

    /// The zone of this host: `TZ`, else `/etc/localtime`, else UTC. A zone whose clock changes with the seasons has no
    /// fixed distance: UTC then, and a warning.
    #[must_use]
    pub fn of_host() -> Self {
        let named = std::env::var("TZ").unwrap_or_default();
        let rule = rule(&named, |path| std::fs::read(path).ok());
        let Some(rule) = rule else {
            return Self::utc();
        };
        Self::of_rule(&rule).unwrap_or_else(|| {
            log::warn!(
                "the time zone of this host ({rule}) has no fixed distance from UTC: the pages show UTC; [pages] \
                 time_zone_offset sets another"
            );
            Self::utc()
        })
    }

    /// From a rule of POSIX (tzset(3)): `JST-9`, `<+0530>-5:30`; `None` where it has a summer time, or is none.
    #[must_use]
    pub fn of_rule(rule: &str) -> Option<Self> {
        let (label, rest) = match rule.strip_prefix('<') {
            Some(quoted) => quoted.split_once('>')?,
            None => rule.split_at_checked(rule.find(|c: char| !c.is_ascii_alphabetic())?)?,
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'-';
        if !(3..=8).contains(&label.len()) || !label.bytes().all(plain) {
            return None;
        }
        // West is positive there.
        let (sign, distance) = match rest.as_bytes().first()? {
            b'-' => (1, rest.get(1..)?),
            b'+' => (-1, rest.get(1..)?),
            _ => (-1, rest),
        };
        let (hours, minutes) = distance.split_once(':').unwrap_or((distance, "0"));
        Some(Self {
            offset_s: seconds(sign, hours, minutes)?,
            label: label.to_owned(),
        })
    }

    /// Seconds to add to UTC.
    #[must_use]
    pub const fn offset_s(&self) -> i32 {
        self.offset_s
    }

    /// Milliseconds since 1970-01-01 00:00 of a clock in this zone.
    #[must_use]
    pub fn local_ms(&self, moment: WallTime) -> u64 {
        let offset_ms = i64::from(self.offset_s).saturating_mul(1000);
        moment.as_millis().saturating_add_signed(offset_ms)
    }

    /// The moment at which a clock in this zone shows so many milliseconds since 1970-01-01 00:00.
    #[must_use]
    pub fn moment(&self, local_ms: u64) -> WallTime {
        let offset_ms = i64::from(self.offset_s).saturating_mul(-1000);
        WallTime::from_millis(local_ms.saturating_add_signed(offset_ms))
    }

    /// `2026-11-24 16:45:12 JST`.
    #[must_use]
    pub fn show(&self, moment: WallTime) -> String {
        let local_ms = self.local_ms(moment);
        let date = Date::from_days(local_ms / DAY_MS);
        let seconds = local_ms / 1000;
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        format!("{date} {hour:02}:{minute:02}:{second:02} {}", self.label)
    }
}

/// A moment as a clock on the wall of the zone shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Date.
    pub date: Date,
    /// Hour, 0 to 23.
    pub hour: u64,
    /// Minute.
    pub minute: u64,
    /// Second.
    pub second: u64,
}

impl Zone {
    /// What is written beside times: `JST`, `+09:00`, `UTC`.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// A moment in this zone; before 1970 there it is the beginning of 1970.
    #[must_use]
    pub fn local(&self, moment: WallTime) -> Local {
        let offset_ms = i64::from(self.offset_s).saturating_mul(1000);
        let local_ms = moment.as_millis().saturating_add_signed(offset_ms);
        let seconds = local_ms / 1000;
        Local {
            date: Date::from_days(local_ms / DAY_MS),
            hour: seconds / 3600 % 24,
            minute: seconds / 60 % 60,
            second: seconds % 60,
        }
    }

    /// `2026-11-24T02:58:07+09:00` (RFC 3339).
    #[must_use]
    pub fn rfc3339(&self, moment: WallTime) -> String {
        let Local {
            date,
            hour,
            minute,
            second,
        } = self.local(moment);
        let sign = if self.offset_s < 0 { '-' } else { '+' };
        let distance = self.offset_s.unsigned_abs() / 60;
        let (hours, minutes) = (distance / 60, distance % 60);
        format!("{date}T{hour:02}:{minute:02}:{second:02}{sign}{hours:02}:{minutes:02}")
    }
}

fn seconds(sign: i32, hours: &str, minutes: &str) -> Option<i32> {
    let hours = hours
        .parse()
        .ok()
        .filter(|hours| (0..=HOURS).contains(hours))?;
    let minutes: i32 = minutes.parse().ok().filter(|m| (0..60).contains(m))?;
    let all = hours.saturating_mul(60).saturating_add(minutes);
    Some(all.saturating_mul(60).saturating_mul(sign))
}

/// The rule that `TZ` gives or names, or that of the host's file.
fn rule(named: &str, read: impl Fn(&Path) -> Option<Vec<u8>>) -> Option<String> {
    let named = named.trim_start_matches(':');
    if named.is_empty() {
        return read(Path::new(HOST)).and_then(|bytes| footer(&bytes));
    }
    if Zone::of_rule(named).is_some() {
        return Some(named.to_owned());
    }
    let path = PathBuf::from(ZONES).join(named);
    match read(&path) {
        Some(bytes) => footer(&bytes),
        None => Some(named.to_owned()),
    }
}

/// The rule for times after the table: the last line of a zone's file (RFC 8536, 3.3).
fn footer(bytes: &[u8]) -> Option<String> {
    if !bytes.starts_with(b"TZif") {
        return None;
    }
    let text = bytes.strip_suffix(b"\n")?;
    let start = text
        .iter()
        .rposition(|byte| *byte == b'\n')?
        .checked_add(1)?;
    let line = std::str::from_utf8(text.get(start..)?).ok()?;
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_with_their_distance() {
        // date -u -d @1732417087 gives 2024-11-24 02:58:07.
        let moment = WallTime::from_millis(1_732_417_087_999);
        for (text, shown) in [
            ("+09:00", "2024-11-24 11:58:07 +09:00"),
            ("-03:30", "2024-11-23 23:28:07 -03:30"),
            ("+00:00", "2024-11-24 02:58:07 UTC"),
            ("+14:00", "2024-11-24 16:58:07 +14:00"),
        ] {
            assert_eq!(Zone::fixed(text).unwrap().show(moment), shown);
        }
        let zone = Zone::of_rule("JST-9").unwrap();
        assert_eq!(zone.show(moment), "2024-11-24 11:58:07 JST");
        assert_eq!(zone.rfc3339(moment), "2024-11-24T11:58:07+09:00");
        let west = Zone::fixed("-03:30").unwrap();
        assert_eq!(west.rfc3339(moment), "2024-11-23T23:28:07-03:30");
        assert_eq!((zone.label(), zone.local(moment).second), ("JST", 7));
        let early = Zone::fixed("-12:00").unwrap();
        assert!(
            early
                .show(WallTime::from_millis(0))
                .starts_with("1970-01-01")
        );
        assert!(!zone.show(WallTime::from_millis(u64::MAX)).is_empty());
    }

    #[test]
    fn what_is_no_offset_is_refused() {
        for text in [
            "", "9", "+9:00", "+0900", "+09:60", "+15:00", "JST", "+09:00 ", "+-9:00", "あ9:00",
        ] {
            assert_eq!(Zone::fixed(text), None, "{text}");
        }
    }

    #[test]
    fn rules_of_posix_are_read_but_not_those_with_a_summer_time() {
        let offset = |rule| Zone::of_rule(rule).map(|zone| (zone.offset_s, zone.label));
        assert_eq!(offset("UTC0"), Some((0, "UTC".to_owned())));
        assert_eq!(offset("<+0545>-5:45"), Some((20_700, "+0545".to_owned())));
        assert_eq!(offset("EST5"), Some((-18_000, "EST".to_owned())));
        for rule in [
            "CET-1CEST,M3.5.0,M10.5.0/3",
            "",
            "-9",
            "JST",
            "<+09",
            "J-9",
            "Asia/Tokyo",
            "<<b>-9",
        ] {
            assert_eq!(offset(rule), None, "{rule}");
        }
    }

    #[test]
    fn the_zone_of_the_host_is_the_variable_then_the_file() {
        let tokyo = b"TZif2\0\0\0\0table\n\nJST-9\n".to_vec();
        let read = |path: &Path| match path.to_str().unwrap() {
            "/etc/localtime" => Some(b"TZif2 table\n\nUTC0\n".to_vec()),
            "/usr/share/zoneinfo/Asia/Tokyo" => Some(tokyo.clone()),
            _ => None,
        };
        assert_eq!(rule("", read).as_deref(), Some("UTC0"));
        assert_eq!(rule("Asia/Tokyo", read).as_deref(), Some("JST-9"));
        assert_eq!(rule(":Asia/Tokyo", read).as_deref(), Some("JST-9"));
        assert_eq!(rule("JST-9", read).as_deref(), Some("JST-9"));
        // Named, and not there: said in the warning, not passed over.
        assert_eq!(rule("Nowhere", read).as_deref(), Some("Nowhere"));
        assert_eq!(rule("", |_| None), None);
        assert_eq!(rule("", |_| Some(b"no zone".to_vec())), None);
    }
}
