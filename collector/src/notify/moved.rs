//! An agent came from another customer while it has open alerts: those who were told before hear that, those responsible now are
//! told what is open. That nothing waits for those before any more was done with the move itself (`store::moved`).

use super::context::{Receiver, Routing};
use super::step::Step;
use crate::store::{Outcome, Reason, StoreError, Thread};

impl Step<'_> {
    /// Decides on a thread whose agent went to another customer.
    pub(super) fn moved(&mut self, mut thread: Thread) -> Result<(), StoreError> {
        let from = thread.moved_from.take();
        let alert = self.rows.alert(thread.head)?;
        let (Some(from), Some(alert)) = (from, alert.filter(|_| thread.ended.is_none())) else {
            return self.rows.put_thread(&thread);
        };
        let about = self.about(alert)?;
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
            .filter(|known| !here.iter().any(|receiver| receiver.name == known.name))
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

    /// Who was told in a thread until its agent moved.
    fn told_before(&mut self, thread: &Thread) -> Result<Vec<Receiver>, StoreError> {
        let mut names: Vec<String> = Vec::new();
        let mut messages = self.rows.outgoing_of_thread(thread.root)?;
        for alert in self.alerts_of(thread)? {
            messages.extend(self.rows.listings_of(alert)?);
        }
        for message in messages {
            let is_end = message.reason == Reason::MovedAway;
            if message.number <= thread.told_from && !is_end && !names.contains(&message.receiver) {
                names.push(message.receiver);
            }
        }
        let known = names.iter();
        Ok(known
            .filter_map(|name| self.context.directory.receiver(name))
            .collect())
    }
}
