//! What is decided on each kind of event.

use super::context::{About, Routing};
use super::returned::reason_of;
use super::step::Step;
use super::thread::{rank, strand_of};
use crate::store::{
    Channel, ClockQuality, Event, EventKind, ListOf, Outcome, Reason, StoreError, StoredAlert,
    Thread, Waiting,
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
        // What people were told before a restore came in time then.
        self.told_before.is_none() && is_late(alert, self.now, self.context.policy.late_ms)
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
        if event.kind == EventKind::Raised && self.told_with_return(alert)?.is_some() {
            return self.raised_with_return(event, about);
        }
        let strand = strand_of(alert);
        let mut thread = match self.rows.open_thread(&strand)? {
            Some(thread) => thread,
            None => self.begin_thread(event, about)?,
        };
        if !alert.firing && self.late(alert) && !thread.is_told() {
            return self.raised_and_over(event, about, &mut thread);
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

    /// Raised and over, both long ago: its end follows in the journal and finds it listed, where it is.
    fn raised_and_over(
        &mut self,
        event: &Event,
        about: &About,
        thread: &mut Thread,
    ) -> Result<(), StoreError> {
        if let Some((reason, _)) = self.hush(about)? {
            thread.quiet = Some(reason);
            return self.conclude(Some(event), about, thread, (reason, Outcome::Quiet));
        }
        match self.urgency(about) {
            Urgency::Record => {
                let quiet = (Reason::RecordOnly, Outcome::Quiet);
                self.conclude(Some(event), about, thread, quiet)
            }
            Urgency::WorkingHours => self.list_in_digest(Some(event), about, thread),
            Urgency::Now => self.list_late(Some(event), about, thread),
        }
    }

    /// Whether the worst open alert makes it needless to speak of another one that was raised: a worse one always does, an equal
    /// one where it is the same trouble, told already.
    fn stands_for(&self, worst: &StoredAlert, thread: &Thread, alert: &StoredAlert) -> bool {
        let worse = rank(worst.identity.code) > rank(alert.identity.code);
        worse || (worst.identity.code == alert.identity.code && thread.is_told())
    }

    pub(super) fn begin_thread(
        &mut self,
        event: &Event,
        about: &About,
    ) -> Result<Thread, StoreError> {
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
        let due = self.next_digest(about.customer());
        self.wait(ListOf::Digest, about.customer(), about, (number, due))?;
        let routing = self.routing(about);
        self.tell_machines(number, about, thread, (Reason::Digest, routing))?;
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
        let due = self.next_late_list();
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
        // The end of a silence is told as the reason why the host is back.
        if let Some(reason) = reason_of(self.rows, &about.alert)? {
            thread.head = reason.id;
        }
        let mailed = thread.messages > 0 && self.people_were_told(&thread)?;
        if thread.listed == Some(ListOf::Digest) && !mailed {
            return self.end_in_digest(event, about, &mut thread);
        }
        if thread.messages > 0 && !self.unheard_here(&thread)? {
            return self.tell_end(event, about, &mut thread);
        }
        let outcome = match thread.listed {
            // The list that it waits for shows its end.
            Some(_) if self.waits_for_a_list(&thread)? => (Reason::FamilyEnds, Outcome::Listed),
            Some(_) => return self.tell_end(event, about, &mut thread),
            None => (Reason::NotRaisedToAnyone, Outcome::Quiet),
        };
        self.conclude(Some(event), about, &mut thread, outcome)
    }

    /// Whether its agent came from another customer, and nobody here was told yet.
    fn unheard_here(&mut self, thread: &Thread) -> Result<bool, StoreError> {
        Ok(thread.told_from > 0 && thread.listed.is_none() && self.told_in(thread)?.is_empty())
    }

    /// Whether a message of the thread itself went to people; a list is not one.
    fn people_were_told(&mut self, thread: &Thread) -> Result<bool, StoreError> {
        let messages = self.rows.outgoing_of_thread(thread.root)?;
        Ok(messages
            .iter()
            .filter(|message| {
                message.number > thread.told_from && message.reason != Reason::MovedAway
            })
            .any(|message| message.channel == Channel::Mail))
    }

    /// Whether any alert of the thread waits for a list: the one that ends last need not be the one that is listed.
    fn waits_for_a_list(&mut self, thread: &Thread) -> Result<bool, StoreError> {
        for alert in self.alerts_of(thread)? {
            if !self.rows.waits(alert)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What people knew from a digest ends in one; machines that were told at once are told so of the end.
    fn end_in_digest(
        &mut self,
        event: &Event,
        about: &About,
        thread: &mut Thread,
    ) -> Result<(), StoreError> {
        let number = self.next_decision();
        let due = self.next_digest(about.customer());
        self.wait(ListOf::Digest, about.customer(), about, (number, due))?;
        if thread.messages > 0 {
            let receivers = self.told_in(thread)?;
            let routing = Routing { receivers };
            self.tell_machines(number, about, thread, (Reason::FamilyEnds, routing))?;
        }
        let listed = (Reason::FamilyEnds, Outcome::Listed);
        self.conclude_as(number, Some(event), about, thread, listed)
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
        if let Some(thread) = self.told_with_return(&about.alert)? {
            let number = self.next_decision();
            let quiet = (Reason::ToldWithReturn, Outcome::Quiet);
            return self.decided(number, Some(event), about, Some(thread), quiet);
        }
        if let Some((reason, _)) = self.hush(about)? {
            return self.quiet(event, about, reason);
        }
        let number = self.next_decision();
        let (reason, list, due) = match self.urgency(about) {
            Urgency::Record => return self.over(number, event, about, None),
            Urgency::WorkingHours => {
                let due = self.next_digest(about.customer());
                (Reason::Digest, ListOf::Digest, due)
            }
            Urgency::Now => (Reason::Late, ListOf::Late, self.next_late_list()),
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
