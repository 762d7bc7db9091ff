//! One step of the notifier: events are decided on, what time asks for is done, lists are sent; all in one transaction.

use super::context::{About, Context};
use crate::limit::{STEP_EVENTS, STEP_THREADS, THREAD_DECISIONS, THREAD_SLACK};
use crate::store::rows::AllRows;
use crate::store::{
    AlertId, Decision, Event, EventKind, Numbers, Outcome, Reason, Restored, StoreError,
    StoredAlert,
};
use hansho::clock::WallTime;

/// What a step did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stepped {
    /// Decisions, in order: for the log.
    pub decisions: Vec<Decision>,
    /// There may be more to do at once.
    pub more: bool,
    /// Messages that are not sent, since people were told before a restore.
    pub held: u64,
}

/// A step under way.
pub(super) struct Step<'s> {
    pub(super) rows: &'s mut dyn AllRows,
    pub(super) context: &'s Context<'s>,
    pub(super) now: WallTime,
    pub(super) numbers: Numbers,
    pub(super) decisions: Vec<Decision>,
    /// Where the store was a backup.
    pub(super) restored: Option<Restored>,
    /// When what is decided on now happened, where people were told of it before the restore.
    pub(super) told_before: Option<WallTime>,
    /// It happened before the restore.
    pub(super) known_before: bool,
    /// Messages held back as told before.
    pub(super) held: u64,
}

/// Decides on the events after the cursor and on what is due; writes decisions, threads, outbox and cursor. To be run in one
/// transaction: what it did is whole, or did not happen.
///
/// # Errors
/// [`StoreError`].
pub fn step(
    rows: &mut dyn AllRows,
    context: &Context<'_>,
    now: WallTime,
) -> Result<Stepped, StoreError> {
    let set_back = super::stepped::was_set_back(&rows.numbers()?, now);
    if set_back {
        super::stepped::go_on(rows, context, 0, now)?;
    }
    let mut numbers = rows.numbers()?;
    let before = numbers;
    numbers.seen = now;
    let restored = rows.upkeep()?.restored;
    let mut step = Step {
        rows,
        context,
        now,
        numbers,
        decisions: Vec::new(),
        restored,
        told_before: None,
        known_before: false,
        held: 0,
    };
    let moved = step.rows.threads_moved(STEP_THREADS)?;
    for thread in moved {
        step.moved(thread)?;
    }
    let events = step.rows.events_after(numbers.cursor, STEP_EVENTS)?;
    for event in &events {
        step.event(event)?;
        step.numbers.cursor = event.number;
    }
    step.look_ahead();
    let due = step.rows.threads_due(now, STEP_THREADS)?;
    for thread in &due {
        // An event of this step, or a thread before, may have changed it.
        if let Some(thread) = step.rows.thread(thread.root)?
            && thread.due.is_some_and(|due| due <= now)
        {
            step.look(thread)?;
        }
    }
    for (list, key) in step.rows.lists_due(now)? {
        step.send_list(list, &key)?;
    }
    let Step {
        numbers,
        decisions,
        held,
        ..
    } = step;
    if numbers != before {
        rows.put_numbers(&numbers)?;
    }
    Ok(Stepped {
        more: events.len() == STEP_EVENTS || due.len() == STEP_THREADS,
        decisions,
        held,
    })
}

/// Whether [`step`] has anything to do: asked on a view, so that the store is not locked for nothing.
///
/// # Errors
/// [`StoreError`].
pub fn has_work(rows: &mut dyn AllRows, now: WallTime) -> Result<bool, StoreError> {
    let numbers = rows.numbers()?;
    Ok(!rows.events_after(numbers.cursor, 1)?.is_empty()
        || !rows.threads_due(now, 1)?.is_empty()
        || !rows.lists_due(now)?.is_empty()
        || !rows.threads_moved(1)?.is_empty()
        || super::stepped::was_set_back(&numbers, now))
}

impl Step<'_> {
    fn event(&mut self, event: &Event) -> Result<(), StoreError> {
        let Some(alert) = self.rows.alert(event.alert)? else {
            // Its agent is gone with all its alerts.
            let number = self.next_decision();
            return self.keep(Decision {
                number,
                event: Some(event.number),
                alert: Some(event.alert),
                thread: None,
                reason: Reason::NoNews,
                outcome: Outcome::Quiet,
                at: self.now,
            });
        };
        self.look_back(event, &alert);
        let about = self.about(alert)?;
        match event.kind {
            EventKind::Raised | EventKind::Reopened => self.raised(event, &about),
            EventKind::Resolved => self.resolved(event, &about),
            EventKind::Ended => self.ended(event, &about),
            EventKind::Acknowledged | EventKind::Released => self.taken_or_given(event, &about),
            EventKind::Repeated => self.repeated(event, &about),
            EventKind::Unknown => self.quiet(event, &about, Reason::BecameUnknown),
            EventKind::Known => self.quiet(event, &about, Reason::KnownAgain),
            EventKind::Noted => self.quiet(event, &about, Reason::Noted),
            EventKind::Other => self.quiet(event, &about, Reason::NoNews),
        }
    }

    /// An event that nobody is told of.
    pub(super) fn quiet(
        &mut self,
        event: &Event,
        about: &About,
        reason: Reason,
    ) -> Result<(), StoreError> {
        let strand = super::thread::strand_of(&about.alert);
        let thread = self.rows.open_thread(&strand)?.map(|thread| thread.root);
        let number = self.next_decision();
        self.decided(number, Some(event), about, thread, (reason, Outcome::Quiet))
    }

    pub(super) fn about(&mut self, alert: StoredAlert) -> Result<About, StoreError> {
        let agent = self.rows.agent(alert.agent)?;
        let site = agent
            .as_ref()
            .and_then(|agent| self.context.directory.site(agent));
        Ok(About { alert, agent, site })
    }

    pub(super) const fn next_decision(&mut self) -> u64 {
        self.numbers.decision = self.numbers.decision.saturating_add(1);
        self.numbers.decision
    }

    pub(super) const fn next_outgoing(&mut self) -> u64 {
        self.numbers.outgoing = self.numbers.outgoing.saturating_add(1);
        self.numbers.outgoing
    }

    pub(super) fn decided(
        &mut self,
        number: u64,
        event: Option<&Event>,
        about: &About,
        thread: Option<AlertId>,
        (reason, outcome): (Reason, Outcome),
    ) -> Result<(), StoreError> {
        self.keep(Decision {
            number,
            event: event.map(|event| event.number),
            alert: Some(about.alert.id),
            thread,
            reason,
            outcome,
            at: self.now,
        })
    }

    pub(super) fn keep(&mut self, decision: Decision) -> Result<(), StoreError> {
        self.rows.put_decision(&decision)?;
        if let Some(thread) = decision.thread {
            // Where all that is old stays, each further one would walk through the thread.
            let more = self.rows.decided_in(thread)?.checked_sub(THREAD_DECISIONS);
            if more.is_some_and(|more| more > 0 && more.is_multiple_of(THREAD_SLACK)) {
                self.rows.fold(thread, THREAD_DECISIONS)?;
            }
        }
        self.decisions.push(decision);
        Ok(())
    }
}
