//! Which date a certificate is checked against, on hosts whose clock may stand at 1970 or in the future.

use crate::clock::{Uptime, WallTime};
use crate::frame::BootId;
use crate::sys;

/// No valid clock stands before this: the source is younger. Moved at each release.
const SOURCE_WALL_MS: u64 = 1_793_836_800_000;
/// An answer's time further than this behind the build is not believed: twenty years. A collector whose clock jumps
/// into the far future must not let every certificate look expired.
const PLAUSIBLE_MS: u64 = 20 * 365 * 24 * 60 * 60 * 1000;

/// The date of the build: `SOURCE_DATE_EPOCH` where the builder gives it (seconds; the same source and value make the
/// same program), never before the date of the source.
pub const BUILD_WALL: WallTime = WallTime::from_millis(build_ms(option_env!("SOURCE_DATE_EPOCH")));

const fn build_ms(seconds: Option<&str>) -> u64 {
    let Some(text) = seconds else {
        return SOURCE_WALL_MS;
    };
    let Ok(seconds) = u64::from_str_radix(text, 10) else {
        return SOURCE_WALL_MS;
    };
    let given = seconds.saturating_mul(1000);
    if given > SOURCE_WALL_MS {
        given
    } else {
        SOURCE_WALL_MS
    }
}

/// The clocks of the host, so that a test can give them.
pub trait Clock: std::fmt::Debug + Send + Sync {
    /// Uptime.
    fn uptime(&self) -> Uptime;
    /// Wall time, which may be wrong.
    fn wall(&self) -> WallTime;
}

/// The real ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn uptime(&self) -> Uptime {
        sys::uptime()
    }

    fn wall(&self) -> WallTime {
        sys::wall()
    }
}

/// The last authenticated answer: the only time that the agent believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastAnswer {
    /// The boot in which it came.
    pub boot: BootId,
    /// When it came.
    pub uptime: Uptime,
    /// What the collector's clock said.
    pub wall: WallTime,
}

/// What is known of the date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dates {
    /// An answer came in this boot: its time plus the uptime since, and nothing else.
    Known(WallTime),
    /// Only that it is not before `least`, the later of build and last answer. A certificate that is valid then, or at
    /// the host's clock, or only begins later, may be valid now.
    NotBefore {
        /// The earliest possible date.
        least: WallTime,
        /// The host's clock, where it stands behind that.
        wall: Option<WallTime>,
    },
}

/// At which dates a certificate may be valid.
#[must_use]
pub fn dates(last: Option<LastAnswer>, boot: BootId, clock: &dyn Clock) -> Dates {
    let far = BUILD_WALL.as_millis().saturating_add(PLAUSIBLE_MS);
    let last =
        last.filter(|answer| (BUILD_WALL.as_millis()..far).contains(&answer.wall.as_millis()));
    match last {
        Some(answer) if answer.boot == boot => {
            let since = clock.uptime().since(answer.uptime);
            Dates::Known(WallTime::from_millis(
                answer.wall.as_millis().saturating_add(since),
            ))
        }
        _ => {
            let least = last.map_or(BUILD_WALL, |answer| answer.wall.max(BUILD_WALL));
            Dates::NotBefore {
                least,
                wall: Some(clock.wall()).filter(|wall| *wall > least),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: BootId = BootId(1);
    const HOUR: u64 = 3_600_000;

    /// Uptime and wall time.
    #[derive(Debug)]
    struct At(u64, u64);

    impl Clock for At {
        fn uptime(&self) -> Uptime {
            Uptime::from_millis(self.0)
        }

        fn wall(&self) -> WallTime {
            WallTime::from_millis(self.1)
        }
    }

    fn answer(boot: BootId, wall_ms: u64) -> Option<LastAnswer> {
        Some(LastAnswer {
            boot,
            uptime: Uptime::from_millis(1000),
            wall: WallTime::from_millis(wall_ms),
        })
    }

    fn later(ms: u64) -> WallTime {
        WallTime::from_millis(BUILD_WALL.as_millis().saturating_add(ms))
    }

    #[test]
    fn in_the_same_boot_only_the_answer_counts() {
        let last = answer(BOOT, later(HOUR).as_millis());
        assert_eq!(
            dates(last, BOOT, &At(1000 + HOUR, 0)),
            Dates::Known(later(2 * HOUR))
        );
    }

    #[test]
    fn a_clock_at_1970_falls_back_to_the_build() {
        let (least, wall) = (BUILD_WALL, None);
        assert_eq!(
            dates(None, BOOT, &At(1, 5)),
            Dates::NotBefore { least, wall }
        );
    }

    #[test]
    fn the_hosts_clock_is_the_second_try() {
        let wall = Some(later(HOUR));
        let clock = At(1, later(HOUR).as_millis());
        let least = BUILD_WALL;
        assert_eq!(dates(None, BOOT, &clock), Dates::NotBefore { least, wall });
        let last = answer(BootId(9), later(HOUR).as_millis());
        let (least, wall) = (later(HOUR), None);
        assert_eq!(dates(last, BOOT, &clock), Dates::NotBefore { least, wall });
    }

    #[test]
    fn an_answer_with_an_absurd_clock_is_not_believed() {
        for absurd in [
            0,
            5,
            later(0).as_millis() - 1,
            later(PLAUSIBLE_MS).as_millis(),
            u64::MAX,
        ] {
            let (least, wall) = (BUILD_WALL, None);
            assert_eq!(
                dates(answer(BOOT, absurd), BOOT, &At(u64::MAX, 5)),
                Dates::NotBefore { least, wall }
            );
        }
    }

    #[test]
    fn the_builders_date_counts_where_it_is_one_and_later() {
        assert_eq!(build_ms(None), SOURCE_WALL_MS);
        for refused in ["", "x", "-1", "0", "1000000000", "99999999999999999999999"] {
            assert_eq!(build_ms(Some(refused)), SOURCE_WALL_MS, "{refused}");
        }
        assert_eq!(build_ms(Some("1893456000")), 1_893_456_000_000);
    }
}
