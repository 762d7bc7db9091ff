//! From two snapshots to a sample: shares of the interval between them.

use super::snapshot::{CpuTimes, PressureTotals, Snapshot};
use super::taken::{Cpu, Pressure, Sample};

impl Sample {
    /// The levels of `now`, and permille over the time since `previous`. Without a previous snapshot there is
    /// no interval: every permille is absent. So is, for one interval, what rests on a counter that went back.
    #[must_use]
    pub fn between(previous: Option<&Snapshot>, now: &Snapshot) -> Self {
        let shares = previous
            .and_then(|previous| cpu_shares(&previous.cpu?, &now.cpu?))
            .unwrap_or_default();
        Self {
            uptime: now.uptime,
            wall: now.wall,
            scope: now.scope,
            memory: now.memory,
            cpu: Cpu {
                load1_centi: now.load1_centi,
                runnable: now.runnable,
                cores: now.cores,
                ..shares
            },
            pressure: previous
                .map(|previous| {
                    pressure_shares(
                        &previous.pressure,
                        &now.pressure,
                        now.uptime.since(previous.uptime),
                    )
                })
                .unwrap_or_default(),
            counters: now.counters,
            sources_gone: now.sources_gone,
        }
    }
}

/// Shares of the ticks between two looks. They are measured in the kernel's own ticks and not by our clock, so
/// they are right however late a look was. `None` where no tick has passed or a busy counter went back.
fn cpu_shares(before: &CpuTimes, now: &CpuTimes) -> Option<Cpu> {
    let user = now.user.checked_sub(before.user)?;
    let system = now.system.checked_sub(before.system)?;
    let steal = now.steal.checked_sub(before.steal)?;
    // iowait may go back by itself (proc_stat(5): "may decrease in certain conditions"), the time then being
    // counted as idle; so only the sum of both has to go forward for the rest to hold.
    let waiting = |times: &CpuTimes| times.idle.checked_add(times.iowait);
    let not_busy = waiting(now)?.checked_sub(waiting(before)?)?;
    let busy = user.checked_add(system)?.checked_add(steal)?;
    let all = busy.checked_add(not_busy)?;
    let share = |part: u64| permille(part.into(), all.into());
    let iowait = now.iowait.checked_sub(before.iowait);
    Some(Cpu {
        busy_permille: share(busy),
        user_permille: share(user),
        system_permille: share(system),
        iowait_permille: iowait.and_then(share),
        steal_permille: share(steal),
        load1_centi: None,
        runnable: None,
        cores: None,
    })
}

fn pressure_shares(before: &PressureTotals, now: &PressureTotals, elapsed_ms: u64) -> Pressure {
    let share = |before: Option<u64>, now: Option<u64>| {
        let stalled_us = now?.checked_sub(before?)?;
        let elapsed_us = u128::from(elapsed_ms).saturating_mul(1000);
        permille(stalled_us.into(), elapsed_us)
    };
    Pressure {
        cpu_some_permille: share(before.cpu_some_us, now.cpu_some_us),
        memory_some_permille: share(before.memory_some_us, now.memory_some_us),
        memory_full_permille: share(before.memory_full_us, now.memory_full_us),
        io_some_permille: share(before.io_some_us, now.io_some_us),
        io_full_permille: share(before.io_full_us, now.io_full_us),
    }
}

/// `part` of `whole` in permille, rounded to the nearest, at most 1000; `None` of nothing.
fn permille(part: u128, whole: u128) -> Option<u16> {
    let rounded = part
        .saturating_mul(1000)
        .saturating_add(whole / 2)
        .checked_div(whole)?;
    u16::try_from(rounded.min(1000)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Uptime;

    fn at(uptime_ms: u64, cpu: [u64; 5], io_some_us: u64) -> Snapshot {
        let [user, system, idle, iowait, steal] = cpu;
        Snapshot {
            uptime: Uptime::from_millis(uptime_ms),
            cpu: Some(CpuTimes {
                user,
                system,
                idle,
                iowait,
                steal,
            }),
            pressure: PressureTotals {
                io_some_us: Some(io_some_us),
                ..PressureTotals::default()
            },
            load1_centi: Some(12),
            ..Snapshot::default()
        }
    }

    #[test]
    fn the_first_line_has_levels_only() {
        let sample = Sample::between(None, &at(1000, [1, 2, 3, 4, 5], 6));
        assert_eq!(
            sample.cpu,
            Cpu {
                load1_centi: Some(12),
                ..Cpu::default()
            }
        );
        assert_eq!(sample.pressure, Pressure::default());
    }

    #[test]
    fn shares_of_the_interval() {
        let before = at(1000, [100, 100, 100, 100, 100], 0);
        let now = at(3000, [150, 120, 210, 110, 110], 500_000);
        let sample = Sample::between(Some(&before), &now);
        assert_eq!(sample.cpu.busy_permille, Some(400));
        assert_eq!(sample.cpu.user_permille, Some(250));
        assert_eq!(sample.cpu.system_permille, Some(100));
        assert_eq!(sample.cpu.iowait_permille, Some(50));
        assert_eq!(sample.cpu.steal_permille, Some(50));
        assert_eq!(sample.pressure.io_some_permille, Some(250));
        assert_eq!(sample.pressure.cpu_some_permille, None);
    }

    #[test]
    fn a_counter_that_went_back_is_absent_once() {
        let before = at(1000, [100, 100, 100, 100, 100], 900);
        let user_back = at(2000, [99, 200, 200, 200, 200], 800);
        let after = at(3000, [199, 200, 200, 200, 200], 500_800);
        let sample = Sample::between(Some(&before), &user_back);
        assert_eq!(sample.cpu.busy_permille, None);
        assert_eq!(sample.pressure.io_some_permille, None);
        let sample = Sample::between(Some(&user_back), &after);
        assert_eq!(sample.cpu.user_permille, Some(1000));
        assert_eq!(sample.pressure.io_some_permille, Some(500));
    }

    #[test]
    fn iowait_alone_may_go_back() {
        let before = at(1000, [0, 0, 100, 100, 0], 0);
        let sample = Sample::between(Some(&before), &at(2000, [50, 0, 160, 90, 0], 0));
        assert_eq!(sample.cpu.busy_permille, Some(500));
        assert_eq!(sample.cpu.iowait_permille, None);
    }

    #[test]
    fn no_time_no_share_and_never_above_all() {
        let look = at(1000, [1, 1, 1, 1, 1], 5);
        let sample = Sample::between(Some(&look), &look);
        assert_eq!(sample.cpu.busy_permille, None);
        assert_eq!(sample.pressure.io_some_permille, None);
        let late = at(1001, [u64::MAX, 1, 1, 1, 1], u64::MAX);
        let sample = Sample::between(Some(&look), &late);
        assert_eq!(sample.cpu.busy_permille, Some(1000));
        assert_eq!(sample.pressure.io_some_permille, Some(1000));
    }
}
