//! Why an agent is back, and what may have led to its silence.

use crate::limit::{OVERLAP_MS, PRESUME_MS, PRESUME_PERMILLE};
use crate::store::decode::readings_of;
use crate::store::rows::AllRows;
use crate::store::{
    Agent, AgentFacts, BackCause, Boot, ClockQuality, Presumed, StoreError, StoredAlert,
};
use hansho::clock::{Uptime, WallTime};
use hansho::frame::body::FLAG_TEST;
use hansho::frame::kind::{BootId, RunId};
use hansho::rule::Quantity;

/// OOM kill.
const OOM_KILL: u16 = 1010;
/// What says that memory was nearly used up: 1002, 1003, 1005.
const MEMORY: [u16; 3] = [1002, 1003, 1005];

/// Compares run and boot before a silence with those after it. `replaced` where the machine id changed meanwhile.
#[must_use]
pub fn cause(
    before: (Option<RunId>, Option<BootId>),
    after: (Option<RunId>, Option<BootId>),
    replaced: bool,
) -> BackCause {
    match (before, after) {
        ((Some(run), _), (Some(now), _)) if run == now => BackCause::NetworkOnly,
        ((_, Some(boot)), (_, Some(now))) if boot == now => BackCause::AgentRestarted,
        ((_, Some(_)), (_, Some(_))) if replaced => BackCause::OtherMachine,
        ((_, Some(_)), (_, Some(_))) => BackCause::Rebooted,
        _ => BackCause::Unknown,
    }
}

/// Whether the machine id changed after the last sign before.
#[must_use]
pub fn replaced(facts: &AgentFacts, seen: Option<WallTime>) -> bool {
    facts.machine_before != 0
        && seen
            .zip(facts.machine_since)
            .is_some_and(|(seen, since)| since > seen)
}

/// Whether a boot began before the last sign of the one before: two hosts, not one that was restarted.
#[must_use]
pub fn overlaps(boot: &Boot, seen: Option<WallTime>) -> bool {
    let began = boot.date(Uptime::default());
    began.quality == ClockQuality::Exact
        && seen.is_some_and(|seen| {
            began.wall.as_millis().saturating_add(OVERLAP_MS) < seen.as_millis()
        })
}

/// What may have led to a silence that began at `seen`: from alerts that were open then, and from the last reading.
///
/// # Errors
/// [`StoreError`].
pub fn presumed(
    rows: &mut dyn AllRows,
    agent: &Agent,
    seen: WallTime,
) -> Result<Option<Presumed>, StoreError> {
    let open = rows.open_alerts(agent.id)?;
    let real = |alert: &&StoredAlert| alert.flags & FLAG_TEST == 0;
    let shortly = |alert: &StoredAlert| {
        let detected = alert.detected.map_or(alert.stored, |dated| dated.wall);
        seen.as_millis().saturating_sub(detected.as_millis()) <= PRESUME_MS
    };
    let mut real_ones = open.iter().filter(real);
    if real_ones.any(|alert| alert.identity.code == OOM_KILL && shortly(alert)) {
        return Ok(Some(Presumed::OomKill));
    }
    let mut real_ones = open.iter().filter(real);
    let raised = real_ones.any(|alert| MEMORY.contains(&alert.identity.code));
    let exhausted = raised || memory_permille(rows, agent)? >= Some(PRESUME_PERMILLE);
    Ok(exhausted.then_some(Presumed::MemoryExhausted))
}

/// Memory in use in the newest reading of the run that speaks for the agent.
fn memory_permille(rows: &mut dyn AllRows, agent: &Agent) -> Result<Option<u64>, StoreError> {
    let Some(latest) = rows.latest(agent.id)? else {
        return Ok(None);
    };
    if agent.current_run != Some(latest.run) {
        return Ok(None);
    }
    let boot = Boot::new(BootId(0));
    let readings = readings_of(latest.run, latest.sequence, &latest.frame, &boot);
    let last = readings.last().map(|stored| stored.reading);
    let used = last.and_then(|reading| Quantity::MemoryUsed.in_reading(&reading));
    Ok(used.and_then(|used| {
        let total = used.total.filter(|total| *total > 0)?;
        used.value.saturating_mul(1000).checked_div(total)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_and_boot_tell_why() {
        let of = |run, boot| (Some(RunId(run)), Some(BootId(boot)));
        assert_eq!(cause(of(5, 1), of(5, 1), false), BackCause::NetworkOnly);
        assert_eq!(cause(of(5, 1), of(6, 1), false), BackCause::AgentRestarted);
        assert_eq!(cause(of(5, 1), of(6, 2), false), BackCause::Rebooted);
        assert_eq!(cause(of(5, 1), of(6, 2), true), BackCause::OtherMachine);
        assert_eq!(cause((None, None), of(6, 2), false), BackCause::Unknown);
        assert_eq!(cause(of(5, 1), (None, None), false), BackCause::Unknown);
    }
}
