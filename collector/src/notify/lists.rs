//! Lists: digests, summaries of late alerts, groups, and what ceilings held back.

use super::context::Receiver;
use super::step::Step;
use super::tell::message_id;
use crate::limit::LIST_ALERTS;
use crate::store::{
    AlertId, Channel, Decision, ListOf, Outcome, Outgoing, Sending, StoreError, Waiting,
};

/// What each receiver's list names.
type ByReceiver = Vec<(Receiver, Vec<AlertId>)>;

impl Step<'_> {
    /// Sends a list whose time has come: a message to each receiver with what concerns it.
    pub(super) fn send_list(&mut self, list: ListOf, key: &str) -> Result<(), StoreError> {
        let mut waiting = self.rows.waiting(list, key)?;
        if let Some(due) = waiting.iter().map(|one| one.due).min() {
            self.look_back_at_list(due);
        }
        if self.told_before.is_some() {
            let until = self.restored.map(|restored| restored.told_until);
            waiting.retain(|one| until.is_some_and(|until| one.due <= until));
        }
        // The rest is due already and goes with the next step.
        waiting.truncate(LIST_ALERTS);
        let by_receiver = self.receivers_of(list, key, &waiting)?;
        let decision = self.next_decision();
        let outcome = if by_receiver.is_empty() {
            Outcome::Quiet
        } else {
            Outcome::Told
        };
        self.keep(Decision {
            number: decision,
            event: None,
            alert: None,
            thread: None,
            reason: list.reason(),
            outcome,
            at: self.now,
        })?;
        let to: Vec<String> = by_receiver
            .iter()
            .map(|(receiver, _)| receiver.shown.clone())
            .collect();
        for (receiver, alerts) in by_receiver {
            self.put_list(decision, (list, key), (&receiver, &to), &alerts)?;
        }
        for one in &waiting {
            self.rows.delete_waiting(list, key, one.alert)?;
        }
        self.look_ahead();
        Ok(())
    }

    fn receivers_of(
        &mut self,
        list: ListOf,
        key: &str,
        waiting: &[Waiting],
    ) -> Result<ByReceiver, StoreError> {
        if list == ListOf::Storm {
            let alerts: Vec<AlertId> = waiting.iter().map(|one| one.alert).collect();
            let receiver = self.context.directory.receiver(key);
            return Ok(receiver
                .map(|receiver| (receiver, alerts))
                .into_iter()
                .collect());
        }
        let mut by_receiver = ByReceiver::new();
        for one in waiting {
            let Some(alert) = self.rows.alert(one.alert)? else {
                continue;
            };
            let about = self.about(alert)?;
            // Machines were told by themselves, except of what was over when it came.
            let machines = list == ListOf::Late;
            let mut receivers = self.routing(&about).receivers;
            if let Some(thread) = self.earlier_thread(&about.alert)? {
                receivers.extend(self.told_in(&thread)?);
            }
            for receiver in receivers {
                if receiver.channel != Channel::Mail && !machines {
                    continue;
                }
                match by_receiver
                    .iter_mut()
                    .find(|(known, _)| known.name == receiver.name)
                {
                    Some((_, alerts)) if alerts.contains(&one.alert) => {}
                    Some((_, alerts)) => alerts.push(one.alert),
                    None => by_receiver.push((receiver, vec![one.alert])),
                }
            }
        }
        Ok(by_receiver)
    }

    fn put_list(
        &mut self,
        decision: u64,
        (list, key): (ListOf, &str),
        (receiver, to): (&Receiver, &[String]),
        alerts: &[AlertId],
    ) -> Result<(), StoreError> {
        // The first and the last alert and their number name the list: the same list decided again has the same name.
        let ends = [alerts.first(), alerts.last()]
            .map(|alert| alert.map_or_else(String::new, ToString::to_string));
        let name = format!("{}-{}", list.word(), ends.join("-"));
        let nth = u32::try_from(alerts.len()).unwrap_or(u32::MAX);
        let minute = self.now.as_millis() / 60_000;
        let mut outgoing = Outgoing {
            number: self.next_outgoing(),
            decision,
            reason: list.reason(),
            alert: None,
            thread: None,
            list: Some(key.to_owned()),
            receiver: receiver.name.clone(),
            channel: receiver.channel,
            to: to.to_vec(),
            cc: Vec::new(),
            message_id: message_id(
                &name,
                nth,
                &format!("{}\n{minute}", receiver.name),
                &self.context.policy.domain,
            ),
            references: Vec::new(),
            nth,
            created: self.now,
            state: Sending::Queued,
            fence: 0,
            until: None,
            attempts: 0,
            first_try: None,
            next_try: self.now,
            done: None,
            said: String::new(),
            served: Vec::new(),
            subject: String::new(),
        };
        self.hold_back(&mut outgoing);
        self.rows.put_outgoing(&outgoing)?;
        for alert in alerts {
            self.rows.put_listed(outgoing.number, *alert)?;
        }
        Ok(())
    }
}
