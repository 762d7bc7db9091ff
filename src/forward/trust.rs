//! Which date a certificate is checked against, on hosts whose clock may stand at 1970 or in the future.

use crate::clock::{Uptime, WallTime};
use crate::frame::BootId;

/// The date of the build, as far as the source knows it: no valid clock stands before it. Moved at each release.
pub const BUILD_WALL: WallTime = WallTime::from_millis(1_793_836_800_000);

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

/// The dates at which a certificate may be valid, in the order in which they are tried.
///
/// With an answer in this boot it is that answer's time plus the uptime since, and nothing else. Without, it is the
/// later of build date and last answer, then the host's clock where that stands behind it (a certificate may be
/// younger than the build).
#[must_use]
pub fn dates(
    last: Option<LastAnswer>,
    boot: BootId,
    uptime: Uptime,
    wall: WallTime,
) -> [Option<WallTime>; 2] {
    match last {
        Some(answer) if answer.boot == boot => {
            let now = answer
                .wall
                .as_millis()
                .saturating_add(uptime.since(answer.uptime));
            [Some(WallTime::from_millis(now)), None]
        }
        _ => {
            let least = last.map_or(BUILD_WALL, |answer| answer.wall.max(BUILD_WALL));
            [Some(least), Some(wall).filter(|wall| *wall > least)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: BootId = BootId(1);
    const HOUR: u64 = 3_600_000;

    #[test]
    fn in_the_same_boot_only_the_answer_counts() {
        let wall = WallTime::from_millis(BUILD_WALL.as_millis() + HOUR);
        let last = LastAnswer {
            boot: BOOT,
            uptime: Uptime::from_millis(1000),
            wall,
        };
        let dates = dates(
            Some(last),
            BOOT,
            Uptime::from_millis(1000 + HOUR),
            WallTime::from_millis(0),
        );
        assert_eq!(
            dates,
            [Some(WallTime::from_millis(wall.as_millis() + HOUR)), None]
        );
    }

    #[test]
    fn a_clock_at_1970_falls_back_to_the_build() {
        assert_eq!(
            dates(None, BOOT, Uptime::from_millis(1), WallTime::from_millis(5)),
            [Some(BUILD_WALL), None]
        );
    }

    #[test]
    fn the_hosts_clock_is_the_second_try() {
        let wall = WallTime::from_millis(BUILD_WALL.as_millis() + HOUR);
        assert_eq!(
            dates(None, BOOT, Uptime::from_millis(1), wall),
            [Some(BUILD_WALL), Some(wall)]
        );
        let last = LastAnswer {
            boot: BootId(9),
            uptime: Uptime::from_millis(0),
            wall,
        };
        assert_eq!(
            dates(Some(last), BOOT, Uptime::from_millis(1), wall),
            [Some(wall), None]
        );
    }
}
