//! Whether a stop of the agent is one of the whole host: what init systems leave in `/run` while they stop. Files only,
//! nothing is executed and nobody is asked.
//!
//! | file | by whom | what it says |
//! |---|---|---|
//! | `run/systemd/shutdown/scheduled` | systemd-logind | `USEC=` wall time of a shutdown that was scheduled (shutdown(8)); gone when it is cancelled |
//! | `run/nologin` | systemd-user-sessions(8) at a shutdown; logind five minutes before a scheduled one | "System is going down": no logins any more (pam_nologin(8)). At boot the same file says another thing |
//! | `run/openrc/softlevel` | OpenRC | `shutdown` or `reboot` |
//! | `run/utmp` | sysvinit | a record of a change to runlevel 0 or 6 (utmp(5)) |

use crate::clock::WallTime;
use crate::frame::body::StopReason;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Longest part of such a file that is read; utmp has a record of 384 bytes a terminal.
const MOST_BYTES: u64 = 64 * 1024;
/// A scheduled shutdown within this is the one that stops us: services have 90 s to stop by default.
const SCHEDULED_WITHIN_MS: u64 = 90_000;
/// A record of utmp on Linux, the same on every architecture of glibc (utmp(5)).
const UTMP_BYTES: usize = 384;
/// `ut_type` of a change of the runlevel.
const RUN_LVL: u16 = 1;

/// What the files say; absent where there is no such file.
#[derive(Debug, Default)]
struct Files {
    scheduled: Option<Vec<u8>>,
    nologin: Option<Vec<u8>>,
    openrc: Option<Vec<u8>>,
    utmp: Option<Vec<u8>>,
}

/// Why the agent is being stopped now, by the files under `root` (`/` on a host).
#[must_use]
pub fn reason(root: &Path, now: WallTime) -> StopReason {
    let read = |name: &str| {
        let mut bytes = Vec::new();
        let file = File::open(root.join(name)).ok()?;
        file.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    };
    let files = Files {
        scheduled: read("run/systemd/shutdown/scheduled"),
        nologin: read("run/nologin"),
        openrc: read("run/openrc/softlevel"),
        utmp: read("run/utmp"),
    };
    judge(&files, now)
}

fn judge(files: &Files, now: WallTime) -> StopReason {
    let host_stops = match files.scheduled.as_deref().and_then(scheduled_ms) {
        // It decides over nologin, which comes minutes before it.
        Some(at_ms) => at_ms <= now.as_millis().saturating_add(SCHEDULED_WITHIN_MS),
        None => says_going_down(files.nologin.as_deref()),
    } || is_openrc_stopping(files.openrc.as_deref())
        || is_runlevel_of_stop(files.utmp.as_deref());
    if host_stops {
        StopReason::HostStops
    } else {
        StopReason::Ordered
    }
}

/// `USEC=` of a scheduled shutdown, in milliseconds.
fn scheduled_ms(bytes: &[u8]) -> Option<u64> {
    let text = str::from_utf8(bytes).ok()?;
    let micros = text.lines().find_map(|line| line.strip_prefix("USEC="))?;
    Some(micros.trim().parse::<u64>().ok()? / 1000)
}

fn says_going_down(bytes: Option<&[u8]>) -> bool {
    let words: &[u8] = b"going down";
    bytes.is_some_and(|bytes| bytes.windows(words.len()).any(|part| part == words))
}

fn is_openrc_stopping(bytes: Option<&[u8]>) -> bool {
    bytes.is_some_and(|bytes| matches!(bytes.trim_ascii(), b"shutdown" | b"reboot"))
}

/// The newest record of the runlevel: its `ut_pid` holds the level in the low byte.
fn is_runlevel_of_stop(bytes: Option<&[u8]>) -> bool {
    let mut records = bytes.unwrap_or_default().chunks_exact(UTMP_BYTES).rev();
    let level = records.find_map(|record| match record {
        [low, high, _, _, level, ..] => {
            (u16::from_ne_bytes([*low, *high]) == RUN_LVL).then_some(*level)
        }
        _ => None,
    });
    // Little-endian; on a big-endian host the byte is 0 and says nothing.
    matches!(level, Some(b'0' | b'6'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime::from_millis(1_800_000_000_000);

    fn judged(files: &Files) -> StopReason {
        judge(files, NOW)
    }

    #[test]
    fn a_host_that_says_nothing_is_not_stopping() {
        assert_eq!(judged(&Files::default()), StopReason::Ordered);
        assert_eq!(reason(Path::new("/nonexistent"), NOW), StopReason::Ordered);
    }

    #[test]
    fn systemd_at_boot_and_at_its_end() {
        let nologin = |text: &str| Files {
            nologin: Some(text.into()),
            ..Files::default()
        };
        let boot = "\"System is booting up. Unprivileged users are not permitted to log in yet.\"";
        assert_eq!(judged(&nologin(boot)), StopReason::Ordered);
        let end =
            "\"System is going down. Unprivileged users are not permitted to log in anymore.\"";
        assert_eq!(judged(&nologin(end)), StopReason::HostStops);
    }

    #[test]
    fn a_scheduled_shutdown_counts_when_its_time_has_come() {
        let at = |usec: u64| Files {
            scheduled: Some(format!("USEC={usec}\nWARN_WALL=1\nMODE=reboot\n").into()),
            nologin: Some(b"System is going down.".to_vec()),
            ..Files::default()
        };
        let now_us = NOW.as_millis() * 1000;
        assert_eq!(judged(&at(now_us - 1)), StopReason::HostStops);
        assert_eq!(judged(&at(now_us + 240_000_000)), StopReason::Ordered);
    }

    #[test]
    fn other_init_systems() {
        let softlevel = |text: &str| Files {
            openrc: Some(text.into()),
            ..Files::default()
        };
        assert_eq!(judged(&softlevel("default")), StopReason::Ordered);
        assert_eq!(judged(&softlevel("reboot\n")), StopReason::HostStops);
        let utmp = |levels: &[u8]| {
            let mut bytes = Vec::new();
            for level in levels {
                let mut record = [0; UTMP_BYTES];
                record[0] = 1;
                record[4] = *level;
                bytes.extend(record);
            }
            Files {
                utmp: Some(bytes),
                ..Files::default()
            }
        };
        assert_eq!(judged(&utmp(b"6532")), StopReason::Ordered);
        assert_eq!(judged(&utmp(b"25")), StopReason::Ordered);
        assert_eq!(judged(&utmp(b"56")), StopReason::HostStops);
        assert_eq!(judged(&utmp(b"0")), StopReason::HostStops);
    }
}
