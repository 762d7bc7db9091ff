//! What time alone asks for: repeats, escalation, reminders, and the end of quiet.

use super::context::Routing;
use super::context::{About, Taken};
use super::decide::later;
use super::outbox::UNDELIVERED;
use super::rank::{self, Next};
use super::step::Step;
use crate::limit::QUIET_LOOK_MS;
use crate::store::raise;
use crate::store::{COLLECTOR_AGENT, Outcome, Reason, StoreError, Thread};
use hansho::clock::WallTime;
use hansho::code::Urgency;
use hansho::rule;

impl Step<'_> {
    /// When a thread is to be looked at again.
    pub(super) fn next_look(
        &mut self,
        about: &About,
        thread: &Thread,
    ) -> Result<Option<WallTime>, StoreError> {
        if thread.ended.is_some() {
            return Ok(None);
        }
        let renew = self.renew_at(thread)?;
        let look = self.next_for_people(about, thread)?;
        Ok(look.into_iter().chain(renew).min())
    }

    fn next_for_people(
        &mut self,
        about: &About,
        thread: &Thread,
    ) -> Result<Option<WallTime>, StoreError> {
        let head;
        let about = if about.alert.id == thread.head {
            about
        } else {
            let Some(alert) = self.rows.alert(thread.head)? else {
                return Ok(None);
            };
            head = self.about(alert)?;
            &head
        };
        if thread.quiet.is_some() {
            return Ok(Some(later(self.now, QUIET_LOOK_MS)));
        }
        let urgency = self.urgency(about);
        if urgency == Urgency::Record {
            return Ok(None);
        }
        if let Some(taken) = self.taken_in(about, thread)? {
            return Ok(reminders(thread, &taken)
                .into_iter()
                .map(|(at, _)| at)
                .min());
        }
        let repeat = self.repeat_at(about, thread);
        let escalate = self.escalate_at(about, thread).map(|(at, _)| at);
        Ok(repeat.into_iter().chain(escalate).min())
    }

    fn repeat_at(&self, about: &About, thread: &Thread) -> Option<WallTime> {
        if about.alert.identity.test {
            return None;
        }
        let interval_ms = self.context.directory.repeat_ms(about)?;
        thread.last_told.map(|told| later(told, interval_ms))
    }

    /// When the next rank that has a receiver is told, and who that is.
    fn escalate_at(&self, about: &About, thread: &Thread) -> Option<(WallTime, Next)> {
        if self.urgency(about) != Urgency::Now {
            return None;
        }
        let since = thread.untaken?;
        let next = rank::next(self.context.directory, about, thread.level, self.now)?;
        Some((later(since, next.after_ms), next))
    }

    /// Looks at a thread whose time has come.
    pub(super) fn look(&mut self, mut thread: Thread) -> Result<(), StoreError> {
        let alert = self.rows.alert(thread.head)?;
        let Some(alert) = alert.filter(|_| thread.ended.is_none()) else {
            thread.due = None;
            return self.rows.put_thread(&thread);
        };
        let over = !alert.firing;
        let about = self.about(alert)?;
        if over {
            // Its end stands in the journal and is decided on in its turn.
            thread.due = Some(later(self.now, QUIET_LOOK_MS));
            return self.rows.put_thread(&thread);
        }
        let subject = &about.alert.identity.subject;
        if about.alert.identity.code == UNDELIVERED
            && self.context.directory.receiver(subject).is_none()
        {
            // No message can reach a receiver that is not configured any more: it would be repeated for ever.
            let gone = (self.now, rule::Reason::Withdrawn);
            let what = (UNDELIVERED, subject.as_str());
            raise::resolve(self.rows, COLLECTOR_AGENT, what, gone, self.now)?;
            thread.due = Some(later(self.now, QUIET_LOOK_MS));
            return self.rows.put_thread(&thread);
        }
        self.renew(&about, &mut thread)?;
        let hush = self.hush(&about)?.map(|(reason, _)| reason);
        match (thread.quiet, hush) {
            (Some(before), None) => self.end_quiet(&about, thread, before),
            (before, Some(reason)) if before != Some(reason) => {
                thread.quiet = Some(reason);
                self.conclude(None, &about, &mut thread, (reason, Outcome::Quiet))
            }
            (Some(_), Some(_)) => self.look_later(&about, thread),
            (None, _) => self.go_on(&about, thread),
        }
    }

    fn look_later(&mut self, about: &About, mut thread: Thread) -> Result<(), StoreError> {
        thread.due = self.next_look(about, &thread)?;
        self.rows.put_thread(&thread)
    }

    /// What kept it quiet is over, and it is still open. After a silence or window people do not know how it stands; what another
    /// code explained they know, if they were told before.
    fn end_quiet(
        &mut self,
        about: &About,
        mut thread: Thread,
        before: Reason,
    ) -> Result<(), StoreError> {
        thread.quiet = None;
        let taken = self.taken_in(about, &thread)?;
        let known = thread.is_told() && matches!(before, Reason::Suppressed { .. });
        if known || (taken.is_some() && thread.is_told()) {
            return self.look_later(about, thread);
        }
        self.raise_by_urgency(None, about, &mut thread, Reason::QuietEnded)
    }

    /// Nothing keeps it quiet: whatever is due.
    fn go_on(&mut self, about: &About, mut thread: Thread) -> Result<(), StoreError> {
        if let Some(taken) = self.taken_in(about, &thread)? {
            thread.untaken = None;
            let due = reminders(&thread, &taken);
            return match due.into_iter().find(|(at, _)| *at <= self.now) {
                Some((at, reason)) => self.remind(about, thread, (&taken, at, reason)),
                None => self.look_later(about, thread),
            };
        }
        if let Some((at, next)) = self.escalate_at(about, &thread)
            && at <= self.now
        {
            return self.escalate(about, thread, next);
        }
        if self
            .repeat_at(about, &thread)
            .is_some_and(|at| at <= self.now)
        {
            let nth = thread.messages.saturating_add(1);
            let reason = if nth == 1 {
                Reason::First
            } else {
                Reason::Repeat { nth }
            };
            return self.raise_by_urgency(None, about, &mut thread, reason);
        }
        self.look_later(about, thread)
    }

    fn escalate(
        &mut self,
        about: &About,
        mut thread: Thread,
        next: Next,
    ) -> Result<(), StoreError> {
        let (level, mut routing) = (next.rank, next.routing);
        thread.level = level;
        for mut receiver in self.told_in(&thread)? {
            if !routing
                .receivers
                .iter()
                .any(|one| one.name == receiver.name)
            {
                receiver.copy = true;
                routing.receivers.push(receiver);
            }
        }
        let reason = if next.passed {
            Reason::PassedOver { level }
        } else {
            Reason::Escalated { level }
        };
        self.send(None, about, &mut thread, (reason, routing))
    }

    fn remind(
        &mut self,
        about: &About,
        mut thread: Thread,
        (taken, at, reason): (&Taken, WallTime, Reason),
    ) -> Result<(), StoreError> {
        if reason == Reason::RecoveryOverdue {
            thread.reminded_recovery = Some(at);
        } else {
            thread.reminded_report = Some(at);
        }
        let receivers = match self.context.directory.person(&taken.receiver) {
            Some(person) => vec![person],
            None => self.told_in(&thread)?,
        };
        self.send(None, about, &mut thread, (reason, Routing { receivers }))
    }
}

/// What a taker promised and was not reminded of yet.
fn reminders(thread: &Thread, taken: &Taken) -> Vec<(WallTime, Reason)> {
    let recovery = taken
        .recovery_expected
        .filter(|at| thread.reminded_recovery != Some(*at))
        .map(|at| (at, Reason::RecoveryOverdue));
    let report = taken
        .next_report
        .filter(|at| thread.reminded_report != Some(*at))
        .map(|at| (at, Reason::ReportDue));
    recovery.into_iter().chain(report).collect()
}
