//! What is decided on each kind of event.

use super::context::About;
use super::step::Step;
use super::thread::{rank, strand_of};
use crate::limit::LATE_WAIT_MS;
use crate::store::{
    ClockQuality, Event, EventKind, ListOf, Outcome, Reason, StoreError, StoredAlert, Thread,
    Waiting,
};
use hansho::clock::WallTime;
use hansho::code::Urgency;

/// Whether an alert comes so late after it fired that people should know. A date that is only the host's own, or none, says
/// nothing about that.
#[must_use]
pub fn is_late(alert: &StoredAlert, now: WallTime, late_ms: u64) -> bool {
    alert.detected.is_some_and(|detected| {
        !matches!(
            detected.quality,
            ClockQuality::Unset | ClockQuality::Unknown
        ) && now.as_millis().saturating_sub(detected.wall.as_millis()) > late_ms
    })
}

impl Step<'_> {
    fn late(&self, alert: &StoredAlert) -> bool {
        is_late(alert, self.now, self.context.policy.late_ms)
    }

    pub(super) fn urgency(&self, about: &About) -> Urgency {
        if about.alert.identity.test {
            Urgency::Now
        } else {
            self.context.directory.urgency(about)
        }
    }

    pub(super) fn raised(&mut self, event: &Event, about: &About) -> Result<(), StoreError> {
        let alert = &about.alert;
        let strand = strand_of(alert);
        let mut thread = match self.rows.open_thread(&strand)? {
            Some(thread) => thread,
            None => self.begin_thread(event, about)?,
        };
        if !alert.firing && self.late(alert) && !thread.is_told() {
            // Raised and over, both long ago: its end follows in the journal and finds it listed.
            return self.list_late(Some(event), about, &mut thread);
        }
        let worst = self.open_in(&strand)?.into_iter().next();
        if let Some(worst) = worst
            && worst.id != alert.id
            && rank(worst.identity.code) >= rank(alert.identity.code)
            && self.stands_for(&worst, &thread, alert)
        {
            thread.head = worst.id;
            let by = worst.identity.code;
            let reason = Reason::StillOpenInFamily { by };
            return self.conclude(Some(event), about, &mut thread, (reason, Outcome::Quiet));
        }
        let before = thread.head;
        thread.head = alert.id;
        let reason = self.reason_to_raise(about, &thread, before)?;
        if let Some((reason, _)) = self.hush(about)? {
            thread.quiet = Some(reason);
            return self.conclude(Some(event), about, &mut thread, (reason, Outcome::Quiet));
        }
        let taken = self.taken_in(about, &thread)?.is_some();
        if event.kind == EventKind::Reopened && taken && thread.is_told() {
            let quiet = (Reason::Acknowledged, Outcome::Quiet);
            return self.conclude(Some(event), about, &mut thread, quiet);
        }
        self.raise_by_urgency(Some(event), about, &mut thread, reason)
    }

    /// Whether the worst open alert makes it needless to speak of another one that was raised: a worse one always does, an equal
    /// one where it is the same trouble, told already.
    fn stands_for(&self, worst: &StoredAlert, thread: &Thread, alert: &StoredAlert) -> bool {
        let worse = rank(worst.identity.code) > rank(alert.identity.code);
        worse || (worst.identity.code == alert.identity.code && thread.is_told())
    }

    fn begin_thread(&mut self, event: &Event, about: &About) -> Result<Thread, StoreError> {
        if event.kind == EventKind::Reopened
            && let Some(mut earlier) = self.earlier_thread(&about.alert)?
        {
            earlier.ended = None;
            return Ok(earlier);
        }
        let opened = Thread::opened_by(&about.alert, self.now);
        // A thread of that name ended, and its alert is open again under no decision that is known any more.
        Ok(match self.rows.thread(opened.root)? {
            Some(mut earlier) => {
                earlier.ended = None;
                earlier
            }
            None => opened,
        })
    }

    fn reason_to_raise(
        &mut self,
        about: &About,
        thread: &Thread,
        before: crate::store::AlertId,
    ) -> Result<Reason, StoreError> {
        let code = about.alert.identity.code;
        if about.alert.identity.test {
            return Ok(Reason::Drill);
        }
        if thread.is_told() && before != about.alert.id {
            let before = self.rows.alert(before)?;
            let from = before.map_or(code, |before| before.identity.code);
            if rank(code) > rank(from) {
                return Ok(Reason::Worsened { from });
            }
        }
        Ok(if self.late(&about.alert) {
            Reason::Late
        } else {
            Reason::First
        })
    }

    /// Tells an alert in the way that its urgency asks for.
    pub(super) fn raise_by_urgency(
        &mut self,
        event: Option<&Event>,
        about: &About,
        thread: &mut Thread,
        reason: Reason,
    ) -> Result<(), StoreError> {
        thread.quiet = None;
        match self.urgency(about) {
            Urgency::Record => {
                let quiet = (Reason::RecordOnly, Outcome::Quiet);
                self.conclude(event, about, thread, quiet)
            }
            Urgency::WorkingHours => self.list_in_digest(event, about, thread),
            Urgency::Now => self.tell(event, about, thread, reason),
        }
    }

    /// Puts an alert into its customer's digest; machines are told at once.
    pub(super) fn list_in_digest(
        &mut self,
        event: Option<&Event>,
        about: &About,
        thread: &mut Thread,
    ) -> Result<(), StoreError> {
        let number = self.next_decision();
        let due = self
            .context
            .directory
            .next_digest(about.customer(), self.now);
        self.wait(ListOf::Digest, about.customer(), about, (number, due))?;
        self.tell_machines(number, about, thread, Reason::Digest)?;
        thread.listed = Some(ListOf::Digest);
        thread.last_told = Some(self.now);
        let listed = (Reason::Digest, Outcome::Listed);
        self.conclude_as(number, event, about, thread, listed)
    }

    fn list_late(
        &mut self,
        event: Option<&Event>,
        about: &About,
        thread: &mut Thread,
    ) -> Result<(), StoreError> {
        let number = self.next_decision();
        let due = later(self.now, LATE_WAIT_MS);
        self.wait(ListOf::Late, about.customer(), about, (number, due))?;
        thread.listed = Some(ListOf::Late);
        let listed = (Reason::Late, Outcome::Listed);
        self.conclude_as(number, event, about, thread, listed)
    }

    pub(super) fn wait(
        &mut self,
        list: ListOf,
        key: &str,
        about: &About,
        (decision, due): (u64, WallTime),
    ) -> Result<(), StoreError> {
        self.rows.put_waiting(&Waiting {
            list,
            key: key.to_owned(),
            alert: about.alert.id,
            decision,
            since: self.now,
            due,
        })
    }

    pub(super) fn resolved(&mut self, event: &Event, about: &About) -> Result<(), StoreError> {
        self.look_at_suppressed(about)?;
        let strand = strand_of(&about.alert);
        let Some(mut thread) = self.rows.open_thread(&strand)? else {
            return self.quiet(event, about, Reason::NoNews);
        };
        if let Some(worst) = self.open_in(&strand)?.into_iter().next() {
            thread.head = worst.id;
            let by = worst.identity.code;
            let reason = Reason::StillOpenInFamily { by };
            return self.conclude(Some(event), about, &mut thread, (reason, Outcome::Quiet));
        }
        thread.ended = Some(self.now);
        thread.quiet = None;
        thread.untaken = None;
        if thread.messages > 0 {
            return self.tell_end(event, about, &mut thread);
        }
        let outcome = match thread.listed {
            Some(ListOf::Digest) => {
                let number = self.next_decision();
                let due = self
                    .context
                    .directory
                    .next_digest(about.customer(), self.now);
                self.wait(ListOf::Digest, about.customer(), about, (number, due))?;
                let listed = (Reason::FamilyEnds, Outcome::Listed);
                return self.conclude_as(number, Some(event), about, &mut thread, listed);
            }
            // The list that one of the family waits for shows the end.
            Some(list) if self.family_waits(list, about, &thread)? => {
                (Reason::FamilyEnds, Outcome::Listed)
            }
            Some(_) => return self.tell_end(event, about, &mut thread),
            None => (Reason::NotRaisedToAnyone, Outcome::Quiet),
        };
        self.conclude(Some(event), about, &mut thread, outcome)
    }

    /// Whether an alert of the same family waits for a list. Lists of a customer are looked through; in those of a receiver the
    /// alert itself, or the thread's first or head, stands.
    fn family_waits(
        &mut self,
        list: ListOf,
        about: &About,
        thread: &Thread,
    ) -> Result<bool, StoreError> {
        for alert in [about.alert.id, thread.root, thread.head] {
            if !self.rows.waits(alert)?.is_empty() {
                return Ok(true);
            }
        }
        let strand = strand_of(&about.alert);
        for waiting in self.rows.waiting(list, about.customer())? {
            let alert = self.rows.alert(waiting.alert)?;
            if alert.is_some_and(|alert| strand_of(&alert) == strand) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What was suppressed by this code alone is looked at in this very step.
    fn look_at_suppressed(&mut self, about: &About) -> Result<(), StoreError> {
        for mut thread in self.rows.quiet_threads(about.alert.agent)? {
            if matches!(thread.quiet, Some(Reason::Suppressed { .. })) {
                thread.due = Some(self.now);
                self.rows.put_thread(&thread)?;
            }
        }
        Ok(())
    }

    /// An alert that was over when it came.
    pub(super) fn ended(&mut self, event: &Event, about: &About) -> Result<(), StoreError> {
        let strand = strand_of(&about.alert);
        if let Some(thread) = self.rows.open_thread(&strand)? {
            let head = self.rows.alert(thread.head)?;
            let by = head.map_or(0, |head| head.identity.code);
            return self.quiet(event, about, Reason::StillOpenInFamily { by });
        }
        if let Some((reason, _)) = self.hush(about)? {
            return self.quiet(event, about, reason);
        }
        let number = self.next_decision();
        let (reason, list, due) = match self.urgency(about) {
            Urgency::Record => return self.over(number, event, about, None),
            Urgency::WorkingHours => {
                let due = self
                    .context
                    .directory
                    .next_digest(about.customer(), self.now);
                (Reason::Digest, ListOf::Digest, due)
            }
            Urgency::Now => (Reason::Late, ListOf::Late, later(self.now, LATE_WAIT_MS)),
        };
        self.wait(list, about.customer(), about, (number, due))?;
        self.over(number, event, about, Some(reason))
    }

    fn over(
        &mut self,
        number: u64,
        event: &Event,
        about: &About,
        listed: Option<Reason>,
    ) -> Result<(), StoreError> {
        let decided = listed.map_or((Reason::RecordOnly, Outcome::Quiet), |reason| {
            (reason, Outcome::Listed)
        });
        self.decided(number, Some(event), about, None, decided)
    }

    /// Somebody took an alert, or gave it back: the thread hears of it.
    pub(super) fn taken_or_given(
        &mut self,
        event: &Event,
        about: &About,
    ) -> Result<(), StoreError> {
        let taken = event.kind == EventKind::Acknowledged;
        let reason = if taken {
            Reason::Acknowledged
        } else {
            Reason::Released
        };
        let strand = strand_of(&about.alert);
        let Some(mut thread) = self.rows.open_thread(&strand)? else {
            return self.quiet(event, about, reason);
        };
        let knows = thread.messages > 0;
        let held = self.taken_in(about, &thread)?.is_some();
        thread.untaken = if held || !knows {
            None
        } else if taken {
            thread.untaken
        } else {
            Some(self.now)
        };
        if !taken {
            // The first on duty has just heard of it; the others follow from now on.
            thread.level = thread.level.min(1);
            thread.last_told = thread.last_told.map(|_| self.now);
        }
        if !knows {
            return self.conclude(Some(event), about, &mut thread, (reason, Outcome::Quiet));
        }
        self.tell_thread(Some(event), about, &mut thread, reason)
    }
}

/// A moment after another.
#[must_use]
pub const fn later(moment: WallTime, by_ms: u64) -> WallTime {
    WallTime::from_millis(moment.as_millis().saturating_add(by_ms))
}
