//! What an Alert frame changes.
//!
//! Firing and resolved of one identity alternate. A firing of an open alert is its continuation. A resolved without an
//! open one is stored closed, its firing concluded from what the frame says. A frame of an older run completes the alert of its
//! own episode, or is stored as closed; it never reopens or closes what a newer run has spoken about.

use super::StoreError;
use super::apply::{Applying, Place};
use super::rows::AllRows;
use super::types::{AlertId, By, Counts, Dated, EventKind, Identity, StoredAlert, shard};
use crate::planted;
use hansho::clock::Uptime;
use hansho::frame::body::{Alert, FLAG_FLAPPING, FLAG_TEST, reason_to_u8, transition_from_u8};
use hansho::frame::kind::AgentId;
use hansho::frame::seal::short_hash;
use hansho::rule::{Reason, TransitionKind};

impl<R: AllRows> Applying<'_, R> {
    pub(super) fn alert(
        &mut self,
        place: &Place,
        frame: &Alert<'_>,
        counts: &mut Counts,
    ) -> Result<(), StoreError> {
        let Some(kind) = transition_from_u8(frame.transition) else {
            counts.skipped = counts.skipped.saturating_add(1);
            return Ok(());
        };
        let identity = Identity {
            code: frame.code,
            subject: frame.subject.to_owned(),
            test: frame.flags & FLAG_TEST != 0,
        };
        let applied = match kind {
            TransitionKind::Firing => self.firing(place, frame, identity)?,
            TransitionKind::Resolved => self.resolved(place, frame, identity)?,
            TransitionKind::Continued => self.continued(place, frame, identity)?,
        };
        if !applied {
            counts.contradicted = counts.contradicted.saturating_add(1);
        }
        Ok(())
    }

    fn firing(
        &mut self,
        place: &Place,
        frame: &Alert<'_>,
        identity: Identity,
    ) -> Result<bool, StoreError> {
        if let Some(mut same) = self.same_episode(place, frame, &identity)? {
            if same.firing_sequence.is_none() {
                // It came to be known by a State or by its end; here is its beginning.
                same.run = place.run.id;
                same.fired = Uptime::from_millis(frame.fired_ms);
                same.firing_sequence = Some(place.sequence);
                same.occurred = place.date_of_begin(frame.since_ms).or(same.occurred);
                same.detected = place.date_of_begin(frame.fired_ms).or(same.detected);
                same.forecast_ms = frame.forecast_ms;
                same.by.opened_by_state = false;
                same.by.firing_inferred = false;
                if same.firing {
                    judged(&mut same, frame);
                } else {
                    same.quantity = frame.quantity;
                    same.level = frame.level;
                }
            } else {
                same.continuations = same.continuations.saturating_add(1);
                if same.firing {
                    judged(&mut same, frame);
                }
            }
            return self.put(same, place);
        }
        let Some(mut open) = self.rows.open_alert(self.agent.id, &identity)? else {
            return match self.contradicting_state(place)? {
                Some(stated) => self.open(place, frame, identity, Some(stated)),
                None => self.open(place, frame, identity, None),
            };
        };
        if self.older(place.run.id, open.last_run)? {
            // An episode that was over before the newer run spoke: when, its Resolved will tell, or nobody.
            let end = open.detected.unwrap_or_else(|| place.date(frame.fired_ms));
            return self.open(place, frame, identity, Some(end));
        }
        open.continuations = open.continuations.saturating_add(1);
        open.episode = frame.episode;
        open.fired = Uptime::from_millis(frame.fired_ms);
        judged(&mut open, frame);
        self.put(open, place)
    }

    fn resolved(
        &mut self,
        place: &Place,
        frame: &Alert<'_>,
        identity: Identity,
    ) -> Result<bool, StoreError> {
        let same = self.same_episode(place, frame, &identity)?;
        if let Some(mut open) = self.rows.open_alert(self.agent.id, &identity)? {
            if !self.older(place.run.id, open.last_run)? {
                close(&mut open, place, frame);
                return self.put(open, place);
            }
            if same.as_ref().is_some_and(|same| same.id == open.id) {
                // A newer run says that this very episode is still open.
                return Ok(false);
            }
        }
        if let Some(mut same) = same {
            if same.resolved_sequence.is_none() {
                close(&mut same, place, frame);
                return self.put(same, place);
            }
            return Ok(true);
        }
        let mut alert = self.new_alert(place, frame, identity)?;
        alert.occurred = None;
        alert.firing_sequence = None;
        alert.by.firing_inferred = true;
        close(&mut alert, place, frame);
        self.put(alert, place)
    }

    fn continued(
        &mut self,
        place: &Place,
        frame: &Alert<'_>,
        identity: Identity,
    ) -> Result<bool, StoreError> {
        if let Some(mut open) = self.rows.open_alert(self.agent.id, &identity)? {
            if self.older(place.run.id, open.last_run)? {
                return Ok(false);
            }
            judged(&mut open, frame);
            return self.put(open, place);
        }
        if self.same_episode(place, frame, &identity)?.is_some()
            || self.contradicting_state(place)?.is_some()
        {
            return Ok(false);
        }
        let mut alert = self.new_alert(place, frame, identity)?;
        alert.occurred = place.date_of_begin(frame.since_ms);
        alert.firing_sequence = None;
        alert.by.firing_inferred = true;
        self.put(alert, place)
    }

    /// Stores a firing as a new alert; closed where a newer run had spoken at `ended` without naming it.
    fn open(
        &mut self,
        place: &Place,
        frame: &Alert<'_>,
        identity: Identity,
        ended: Option<Dated>,
    ) -> Result<bool, StoreError> {
        let mut alert = self.new_alert(place, frame, identity)?;
        if let Some(ended) = ended {
            alert.firing = false;
            alert.resolved = Some(ended);
            alert.by.closed_by_state = true;
        }
        self.put(alert, place)
    }

    fn same_episode(
        &mut self,
        place: &Place,
        frame: &Alert<'_>,
        identity: &Identity,
    ) -> Result<Option<StoredAlert>, StoreError> {
        let fired = Uptime::from_millis(frame.fired_ms);
        self.known_episode(place, identity, frame.episode, fired)
    }

    /// The stored alert of this episode. One that fired in an earlier boot is told with uptime 0, and is known by its
    /// number alone: until its end comes, or where an older run tells its beginning. The numbers go on where a ring survived.
    pub(super) fn known_episode(
        &mut self,
        place: &Place,
        identity: &Identity,
        episode: u32,
        fired: Uptime,
    ) -> Result<Option<StoredAlert>, StoreError> {
        if planted::no_dedup() {
            // Recognising an episode is deduplication too.
            return Ok(None);
        }
        let known = self.rows.episode(self.agent.id, identity, episode, fired)?;
        let Some(known) = known else { return Ok(None) };
        let unknown = Uptime::default();
        let same = known.fired == fired
            || (fired == unknown && known.resolved_sequence.is_none())
            || (known.fired == unknown
                && known.firing_sequence.is_none()
                && self.older(place.run.id, known.run)?);
        Ok(same.then_some(known))
    }

    /// When a newer run told all open alerts, if one did.
    pub(super) fn contradicting_state(
        &mut self,
        place: &Place,
    ) -> Result<Option<Dated>, StoreError> {
        let Some((run, dated)) = self.agent.stated else {
            return Ok(None);
        };
        Ok(self.older(place.run.id, run)?.then_some(dated))
    }

    fn new_alert(
        &mut self,
        place: &Place,
        frame: &Alert<'_>,
        identity: Identity,
    ) -> Result<StoredAlert, StoreError> {
        let id = self.new_alert_id()?;
        Ok(StoredAlert {
            id,
            agent: self.agent.id,
            identity,
            episode: frame.episode,
            firing: true,
            run: place.run.id,
            last_run: place.run.id,
            fired: Uptime::from_millis(frame.fired_ms),
            firing_sequence: Some(place.sequence),
            resolved_sequence: None,
            occurred: place.date_of_begin(frame.since_ms),
            detected: place.date_of_begin(frame.fired_ms),
            notified: None,
            recovered: None,
            resolved: None,
            stored: self.now,
            updated: self.now,
            quantity: frame.quantity,
            value: frame.value,
            total: frame.total,
            level: frame.level,
            worst: frame.worst,
            forecast_ms: frame.forecast_ms,
            count: frame.count,
            continuations: 0,
            reason: frame.reason,
            flags: flags(frame),
            by: By::default(),
        })
    }

    /// An identity that both stores choose alike: the shard, and 40 bits of a hash over agent and number.
    pub(super) fn new_alert_id(&mut self) -> Result<AlertId, StoreError> {
        loop {
            let number = self.agent.alerts;
            self.agent.alerts = number.saturating_add(1);
            let id = alert_id(self.agent.id, number);
            if self.rows.alert(id)?.is_none() {
                return Ok(id);
            }
        }
    }

    pub(super) fn put(
        &mut self,
        mut alert: StoredAlert,
        place: &Place,
    ) -> Result<bool, StoreError> {
        if !self.older(place.run.id, alert.last_run)? {
            alert.last_run = place.run.id;
        }
        alert.updated = self.now;
        let before = self.rows.alert(alert.id)?;
        self.rows.put_alert(&alert)?;
        if let Some(kind) = EventKind::of_change(before.as_ref(), &alert) {
            self.rows.append_event(alert.id, kind, self.now)?;
        }
        Ok(true)
    }
}

pub(super) fn alert_id(agent: AgentId, number: u64) -> AlertId {
    let mut bytes = [0; 16];
    let (left, right) = bytes.split_at_mut(8);
    left.copy_from_slice(&agent.0.to_le_bytes());
    right.copy_from_slice(&number.to_le_bytes());
    let hash = short_hash("hansho alert 1", &bytes) & ((1 << 40) - 1);
    AlertId((u64::from(shard(agent)) << 40) | hash)
}

/// Takes over what the rule judged last.
fn judged(alert: &mut StoredAlert, frame: &Alert<'_>) {
    alert.quantity = frame.quantity;
    alert.value = frame.value.or(alert.value);
    alert.total = frame.total.or(alert.total);
    alert.level = frame.level.or(alert.level);
    alert.worst = frame.worst.or(alert.worst);
    alert.count = frame.count.max(alert.count);
    alert.reason = frame.reason;
    alert.flags = flags(frame);
}

/// Flags of a frame, and flapping where its reason says so.
fn flags(frame: &Alert<'_>) -> u8 {
    if frame.reason == reason_to_u8(Reason::Flapping) {
        frame.flags | FLAG_FLAPPING
    } else {
        frame.flags
    }
}

fn close(alert: &mut StoredAlert, place: &Place, frame: &Alert<'_>) {
    alert.firing = false;
    alert.resolved_sequence = Some(place.sequence);
    alert.recovered = place.date_of_begin(frame.since_ms);
    alert.resolved = Some(place.date(place.uptime.as_millis()));
    alert.by.closed_by_state = false;
    alert.by.retired = false;
    judged(alert, frame);
}
