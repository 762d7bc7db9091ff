//! What the history holds: its span, and how much of it has readings.

use super::super::moment::{span, utc};
use super::source::Item;
use hansho::clock::Uptime;
use hansho::code::Language;
use hansho::limit::{GAP_INTERVALS, REPLAY_BOOTS};
use serde::Serialize;
use std::collections::BTreeMap;

/// Wall time before this, the begin of 2024, is that of a clock which nobody set.
const CLOCK_SET_MS: u64 = 1_704_067_200_000;
/// Differences between the clocks that are told.
const CLOCK_STEP_MS: u64 = 2_000;

/// Intervals that are told apart.
const INTERVALS: usize = 8;

/// One boot of the history.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Boot {
    first_uptime_ms: u64,
    last_uptime_ms: u64,
    /// By the clock as it stood at the end; absent where it was not set.
    first_wall_ms: Option<u64>,
    last_wall_ms: Option<u64>,
    /// By how much the wall clock moved against uptime.
    clock_moved_ms: u64,
    readings: u64,
    covered_ms: u64,
    gaps: u64,
    longest_gap_ms: u64,
    #[serde(skip)]
    offset: Option<Offset>,
}

/// Wall time less uptime.
#[derive(Clone, Copy, Debug)]
struct Offset {
    least: u64,
    greatest: u64,
    last: u64,
}

/// What the history holds.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Held {
    /// The newest boots, oldest first.
    boots: Vec<Boot>,
    earlier_boots: u64,
    pub(super) readings: u64,
    /// Time with readings: what lies between two of them that are no gap apart.
    pub(super) covered_ms: u64,
    pub(super) gaps: u64,
    longest_gap_ms: u64,
    pub(super) reboots: u64,
    /// How many readings stand for how much time each.
    by_interval: BTreeMap<u32, u64>,
    /// Readings of further intervals: an honest history has two or three.
    of_other_intervals: u64,
    #[serde(skip)]
    last: Option<Uptime>,
}

impl Held {
    /// Counts a reading in, and says how much time it ends: 0 where there is none before it, or a gap.
    pub(super) fn take(&mut self, item: &Item) -> u64 {
        let now = item.reading.uptime;
        let before = self.last.replace(now);
        if item.is_new_boot || self.boots.is_empty() {
            self.open(now, item.is_new_boot);
        }
        self.readings = self.readings.saturating_add(1);
        let is_known = self.by_interval.contains_key(&item.interval_ms);
        let of_interval = if is_known || self.by_interval.len() < INTERVALS {
            self.by_interval.entry(item.interval_ms).or_default()
        } else {
            &mut self.of_other_intervals
        };
        *of_interval = of_interval.saturating_add(1);
        let elapsed = before
            .filter(|_| !item.is_new_boot)
            .map_or(0, |before| now.since(before));
        let gap_ms = u64::from(item.interval_ms).saturating_mul(GAP_INTERVALS.into());
        let Some(boot) = self.boots.last_mut() else {
            return 0;
        };
        boot.last_uptime_ms = now.as_millis();
        boot.readings = boot.readings.saturating_add(1);
        boot.see_clock(now, item.reading.wall.as_millis());
        if elapsed > gap_ms {
            boot.gaps = boot.gaps.saturating_add(1);
            boot.longest_gap_ms = boot.longest_gap_ms.max(elapsed);
            self.gaps = self.gaps.saturating_add(1);
            self.longest_gap_ms = self.longest_gap_ms.max(elapsed);
            return 0;
        }
        boot.covered_ms = boot.covered_ms.saturating_add(elapsed);
        self.covered_ms = self.covered_ms.saturating_add(elapsed);
        elapsed
    }

    fn open(&mut self, now: Uptime, is_reboot: bool) {
        self.reboots = self.reboots.saturating_add(is_reboot.into());
        if self.boots.len() >= REPLAY_BOOTS {
            self.boots.remove(0);
            self.earlier_boots = self.earlier_boots.saturating_add(1);
        }
        self.boots.push(Boot {
            first_uptime_ms: now.as_millis(),
            ..Boot::default()
        });
    }

    /// What it holds, in lines.
    pub(super) fn words(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.earlier_boots > 0 {
            lines.push(format!(
                "  before them {}",
                count(self.earlier_boots, "boot", "boots")
            ));
        }
        lines.extend(self.boots.iter().map(Boot::words));
        let mut intervals: Vec<String> = self
            .by_interval
            .iter()
            .map(|(interval_ms, count)| {
                format!("{count} of each {}", time(u64::from(*interval_ms)))
            })
            .collect();
        if self.of_other_intervals > 0 {
            intervals.push(format!("{} of others", self.of_other_intervals));
        }
        lines.push(format!(
            "  in all {} ({}): {} with readings, {}, {}",
            count(self.readings, "reading", "readings"),
            intervals.join(", "),
            time(self.covered_ms),
            count(self.reboots, "reboot", "reboots"),
            gaps(self.gaps, self.longest_gap_ms)
        ));
        lines
    }
}

impl Boot {
    fn see_clock(&mut self, now: Uptime, wall_ms: u64) {
        let Some(offset) = wall_ms
            .checked_sub(now.as_millis())
            .filter(|_| wall_ms >= CLOCK_SET_MS)
        else {
            return;
        };
        let seen = self.offset.get_or_insert(Offset {
            least: offset,
            greatest: offset,
            last: offset,
        });
        seen.least = seen.least.min(offset);
        seen.greatest = seen.greatest.max(offset);
        seen.last = offset;
        self.clock_moved_ms = seen.greatest.saturating_sub(seen.least);
        self.first_wall_ms = Some(self.first_uptime_ms.saturating_add(offset));
        self.last_wall_ms = Some(self.last_uptime_ms.saturating_add(offset));
    }

    fn words(&self) -> String {
        let wall = match (self.first_wall_ms, self.last_wall_ms) {
            (Some(first), Some(last)) => format!("{} .. {}", utc(first), utc(last)),
            _ => "clock not set".into(),
        };
        let moved = if self.clock_moved_ms >= CLOCK_STEP_MS {
            format!(
                "; the clock was set by {} in it, and times are by its last setting",
                time(self.clock_moved_ms)
            )
        } else {
            String::new()
        };
        format!(
            "  uptime {} .. {}  {wall}  {}, {}{moved}",
            uptime(self.first_uptime_ms),
            uptime(self.last_uptime_ms),
            count(self.readings, "reading", "readings"),
            gaps(self.gaps, self.longest_gap_ms)
        )
    }
}

fn gaps(gaps: u64, longest_ms: u64) -> String {
    match gaps {
        0 => "no gap".into(),
        1 => format!("1 gap of {}", time(longest_ms)),
        gaps => format!("{gaps} gaps, the longest {}", time(longest_ms)),
    }
}

pub(super) fn count(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// How long, for people.
pub(super) fn time(millis: u64) -> String {
    if millis > 0 && millis < 1000 {
        return format!("{millis}ms");
    }
    span(millis, Language::En)
}

/// Uptime as a clock without days: `49:12:10`.
fn uptime(millis: u64) -> String {
    let seconds = millis / 1000;
    format!(
        "{}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}
