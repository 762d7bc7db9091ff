//! An agent came from another customer while it has open alerts: those who were told before hear that, those responsible now are
//! told what is open. That nothing waits for those before any more was done with the move itself (`store::moved`).

use super::context::{About, Receiver, Routing};
use super::step::Step;
use crate::store::{Channel, Outcome, Outgoing, Reason, Sending, StoreError, Thread};

impl Step<'_> {
    /// Decides on a thread whose agent went elsewhere.
    pub(super) fn moved(&mut self, mut thread: Thread) -> Result<(), StoreError> {
        let from = thread.moved_from.take();
        let within = core::mem::take(&mut thread.moved_within);
        let alert = self.rows.alert(thread.head)?;
        let (Some(from), Some(alert)) = (from, alert.filter(|_| thread.ended.is_none())) else {
            return self.rows.put_thread(&thread);
        };
        let about = self.about(alert)?;
        if within {
            return self.moved_within(&about, thread, &from);
        }
        let before = self.told_before(&thread)?;
        let here = self.routing(&about).receivers;
        thread.level = 0;
        thread.untaken = None;
        thread.first_told = None;
        thread.last_told = None;
        thread.listed = None;
        thread.reminded_recovery = None;
        thread.reminded_report = None;
        thread.quiet = None;
        let away: Vec<Receiver> = before
            .into_iter()
            .filter(|known| {
                // An Alertmanager knows it by its labels, which name the place.
                known.channel == Channel::Alertmanager
                    || !here.iter().any(|receiver| receiver.name == known.name)
            })
            .collect();
        let number = self.next_decision();
        let outcome = if away.is_empty() {
            Outcome::Quiet
        } else {
            thread.messages = thread.messages.saturating_add(1);
            let routing = Routing { receivers: away };
            let told = (Reason::MovedAway, &routing.receivers[..], &routing);
            self.put_messages_of(number, &about, &thread, told, Some(&from))?;
            Outcome::Told
        };
        self.conclude_as(
            number,
            None,
            &about,
            &mut thread,
            (Reason::MovedAway, outcome),
        )?;
        if !about.alert.firing {
            // Its end stands in the journal, and nobody here was told of it.
            return Ok(());
        }
        if let Some((reason, _)) = self.hush(&about)? {
            thread.quiet = Some(reason);
            return self.conclude(None, &about, &mut thread, (reason, Outcome::Quiet));
        }
        let reason = if about.alert.identity.test {
            Reason::Drill
        } else {
            Reason::MovedHere
        };
        self.raise_by_urgency(None, &about, &mut thread, reason)
    }

    /// Decides on a thread whose agent has another name or system: an Alertmanager knows it by those, so that it ends there as it
    /// was called, and where it is open begins as it is called now.
    fn moved_within(
        &mut self,
        about: &About,
        mut thread: Thread,
        from: &str,
    ) -> Result<(), StoreError> {
        let receivers = self.told_open(&thread)?;
        if receivers.is_empty() || about.agent.as_ref().is_none_or(|now| now.path() == from) {
            // It may have been called so again meanwhile.
            return self.rows.put_thread(&thread);
        }
        let routing = Routing { receivers };
        let ends = (Reason::MovedAway, Some(from));
        let begins = (Reason::MovedHere, None);
        // Where it fires no more, its end stands in the journal.
        let begins = Some(begins).filter(|_| about.alert.firing);
        for (reason, place) in [Some(ends), begins].into_iter().flatten() {
            let number = self.next_decision();
            thread.messages = thread.messages.saturating_add(1);
            let told = (reason, &routing.receivers[..], &routing);
            self.put_messages_of(number, about, &thread, told, place)?;
            // Both are decided so: its customer did not change, and what people noted before goes on being told.
            let told = (Reason::MovedHere, Outcome::Told);
            self.conclude_as(number, None, about, &mut thread, told)?;
        }
        Ok(())
    }

    /// Who was told in a thread until its agent moved.
    fn told_before(&mut self, thread: &Thread) -> Result<Vec<Receiver>, StoreError> {
        let mut messages = self.rows.outgoing_of_thread(thread.root)?;
        for alert in self.alerts_of(thread)? {
            messages.extend(self.rows.listings_of(alert)?);
        }
        messages.retain(|one| one.number <= thread.told_from && may_have_come(one));
        messages.sort_unstable_by_key(|one| one.number);
        let mut known: Vec<(String, bool)> = Vec::new();
        for message in messages {
            let is_end = message.reason == Reason::MovedAway;
            match known.iter_mut().find(|(name, _)| *name == message.receiver) {
                Some((_, ended)) => *ended = is_end,
                None => known.push((message.receiver, is_end)),
            }
        }
        // For whom it ended with a move before is not told of where it was since.
        let known = known.iter().filter(|(_, ended)| !ended);
        Ok(known
            .filter_map(|(name, _)| self.context.directory.receiver(name))
            .collect())
    }
}

/// Whether a message may have reached anybody: it was taken, or tried without a refusal, or a worker had it in hand at the move.
/// What says that it ended for them counts in any case.
fn may_have_come(message: &Outgoing) -> bool {
    if message.reason == Reason::MovedAway {
        return true;
    }
    match message.state {
        Sending::Refused => !message.served.is_empty(),
        Sending::GivenUp => message.attempts > 0 || message.until.is_some(),
        Sending::Delivered | Sending::Queued | Sending::Claimed => true,
    }
}
