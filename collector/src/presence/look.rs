//! Whether a sweep would do anything: asked on a view, so that nobody who writes waits while it is not so.

use super::silence::Silence;
use super::sweep::{ALERTS_LOST, CLOCK_OFF, DOUBLE, One, REBOOT, everybody, heard_unstored, weigh};
use super::{Policy, clock, identity, life};
use crate::limit::QUIET_MS;
use crate::store::rows::AllRows;
use crate::store::{COLLECTOR_RUN, CollectorLife, Standing, StoreError};
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use std::collections::BTreeSet;

/// Whether [`super::sweep`] has anything to decide or to remember; writes nothing. Each proof of life of the collector is a sweep
/// of its own.
///
/// # Errors
/// [`StoreError`].
pub fn has_work(
    rows: &mut dyn AllRows,
    policy: &Policy<'_>,
    now: WallTime,
) -> Result<bool, StoreError> {
    let (life, _, changed) = life::live(rows.collector_life()?, now);
    if changed || !rows.silent_sites()?.is_empty() {
        return Ok(true);
    }
    let mut clocks = BTreeSet::new();
    for alert in rows.open_of_codes(&[ALERTS_LOST, REBOOT, DOUBLE, CLOCK_OFF])? {
        if alert.identity.code == CLOCK_OFF {
            clocks.insert(alert.agent);
        } else if alert.last_run == COLLECTOR_RUN
            && (alert.updated > now
                || now.as_millis().saturating_sub(alert.updated.as_millis()) >= QUIET_MS)
        {
            return Ok(true);
        }
    }
    let all = everybody(rows)?;
    for one in &all {
        if one.agent.retired.is_some() {
            if one.presence.standing != Standing::Retired
                || one.presence.seen != one.agent.last_seen
            {
                return Ok(true);
            }
        } else if one.presence.standing == Standing::Retired
            || has_moved(one)
            || is_marked(one)
            || falls_silent(rows, policy, &life, one, now)?
        {
            return Ok(true);
        }
    }
    Ok(ticks(&all, &clocks, now))
}

/// Another run or boot speaks for it, it is back, or a reboot waits to be told.
fn has_moved(one: &One) -> bool {
    let presence = &one.presence;
    presence.run != one.agent.current_run
        || (presence.standing.is_silent() && one.agent.last_seen != presence.seen)
        || presence.rebooted.is_some()
}

/// Frames are missing, or there is a new sign of two agents.
fn is_marked(one: &One) -> bool {
    let sign = identity::sign(&one.facts, &one.rivals);
    one.facts.alert_gaps > one.presence.gaps_told
        || sign.is_some_and(|(at, _)| one.presence.double_told.is_none_or(|told| at > told))
}

fn falls_silent(
    rows: &mut dyn AllRows,
    policy: &Policy<'_>,
    life: &CollectorLife,
    one: &One,
    now: WallTime,
) -> Result<bool, StoreError> {
    let weighed = weigh(rows, policy, life, one, now)?;
    let standing = one.presence.standing;
    if matches!(weighed.judged, Silence::Never | Silence::Answers)
        || heard_unstored(rows, policy, one, now)?
    {
        return Ok(one.agent.last_seen.is_some() && standing == Standing::Never);
    }
    let told = matches!(
        (standing, weighed.judged),
        (Standing::Silent, Silence::Planned)
            | (Standing::Silent | Standing::Planned, Silence::Due(_))
    );
    Ok(!standing.is_silent() || one.presence.planned_until != weighed.announced || told)
}

/// Whether what is remembered of a clock changes.
fn ticks(all: &[One], open: &BTreeSet<AgentId>, now: WallTime) -> bool {
    let own = clock::own_fault_ms(clock::witnesses(all)).unwrap_or(0);
    all.iter().any(|one| {
        let since = one.presence.clock_since;
        let Some(clock_ms) = one.facts.clock_ms else {
            return false;
        };
        if one.presence.standing != Standing::Present {
            return since.is_some();
        }
        let off = clock_ms.saturating_sub(own).unsigned_abs();
        let verdict = clock::judge(off, open.contains(&one.agent.id), since, now);
        verdict != clock::Verdict::Wait(since)
    })
}
