//! Whom the kernel killed for memory: taken from its frames, and given to the alerts that were open then.

use super::StoreError;
use super::apply::{Applying, Place};
use super::rows::{AllRows, VictimRows};
use super::types::{StoredAlert, StoredVictim};
use crate::limit::{VICTIM_BEFORE_MS, VICTIMS_KEPT};
use crate::plain::escaped;
use hansho::clock::WallTime;
use hansho::frame::evidence::Victim;

/// An OOM kill.
const OOM_KILL: u16 = 1010;
/// Memory is short: kills at that time belong to it.
const MEMORY_SHORT: [u16; 2] = [1002, 1003];

impl<R: AllRows> Applying<'_, R> {
    pub(super) fn victim(&mut self, place: &Place, victim: &Victim<'_>) -> Result<(), StoreError> {
        let stored = StoredVictim {
            boot: place.run.boot,
            sequence: victim.sequence,
            run: place.run.id,
            at: place.date(victim.at_ms),
            received: self.now,
            pid: victim.pid,
            name: escaped(victim.name),
            uid: victim.uid,
            oom_score_adj: victim.oom_score_adj,
            anonymous_kib: victim.anonymous_kib,
            file_kib: victim.file_kib,
            shared_kib: victim.shared_kib,
            short: victim.short,
            group: escaped(victim.group),
            unit: victim.unit.map(escaped),
            container: victim.container.map(escaped),
        };
        self.rows.put_victim(self.agent.id, &stored)?;
        self.rows.bound_victims(self.agent.id, VICTIMS_KEPT)
    }
}

/// Whether victims belong to alerts of a code.
#[must_use]
pub fn belong_to(code: u16) -> bool {
    code == OOM_KILL || MEMORY_SHORT.contains(&code)
}

/// Whom the kernel killed while an alert was open, the last first, at most `limit`; none of a test, nor of a code that is not about this.
/// An OOM kill is counted at a sample and happened before it, so that its episode begins a little earlier.
///
/// # Errors
/// [`StoreError`].
pub fn of_alert<R: VictimRows + ?Sized>(
    rows: &mut R,
    alert: &StoredAlert,
    limit: usize,
) -> Result<Vec<StoredVictim>, StoreError> {
    let code = alert.identity.code;
    if alert.identity.test || !belong_to(code) {
        return Ok(Vec::new());
    }
    let begin = alert.occurred.or(alert.detected);
    let begin = begin.map_or(alert.stored, |dated| dated.wall);
    let before_ms = if code == OOM_KILL {
        VICTIM_BEFORE_MS
    } else {
        0
    };
    let from = WallTime::from_millis(begin.as_millis().saturating_sub(before_ms));
    let to = match &alert.resolved {
        Some(resolved) => resolved.wall,
        None if alert.firing => WallTime::from_millis(u64::MAX),
        None => alert.updated,
    };
    rows.victims_between(alert.agent, from, to, limit)
}
