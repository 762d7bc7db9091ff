//! What a decision to tell puts into the outbox.

use super::context::{About, Evidence, Receiver, Routing};
use super::decide::later;
use super::rank::{self, Reached};
use super::step::Step;
use crate::limit::{CEILING_SPAN_MS, GROUP_WAIT_MS, STORM_WAIT_MS};
use crate::store::{
    Channel, Event, ListOf, Outcome, Outgoing, Reason, Sending, StoreError, Thread,
};
use hansho::clock::WallTime;
use hansho::code::Urgency;
use hansho::frame::seal::short_hash;

/// A Message-ID (RFC 5322, 3.6.4), made from what the message is and whom it tells: a decision that is made again, after a crash
/// or from a restored store, gives the same.
#[must_use]
pub fn message_id(thread: &str, nth: u32, receiver: &str, domain: &str) -> String {
    let hash = short_hash(
        "hansho message 1",
        format!("{thread}\n{nth}\n{receiver}").as_bytes(),
    );
    let name: String = thread
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(40)
        .collect();
    format!("<{name}.{nth}.{hash:016x}@{domain}>")
}

/// Machines get each message by itself, at once: lists and ceilings are for people.
const fn is_machine(receiver: &Receiver) -> bool {
    !matches!(receiver.channel, Channel::Mail)
}

/// Whether messages of this reason may become one with others of the system.
const fn may_group(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::First
            | Reason::Worsened { .. }
            | Reason::Late
            | Reason::Repeat { .. }
            | Reason::QuietEnded
            | Reason::MovedHere
            | Reason::PassedOver { .. }
            | Reason::Fallback
            | Reason::FamilyEnds
    )
}

/// Whether a message says that something is wrong, so that repeats and escalation are counted from it.
const fn is_alarm(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::First
            | Reason::Worsened { .. }
            | Reason::Late
            | Reason::Repeat { .. }
            | Reason::QuietEnded
            | Reason::Drill
            | Reason::MovedHere
            | Reason::PassedOver { .. }
            | Reason::Fallback
            | Reason::Escalated { .. }
    )
}

impl Step<'_> {
    pub(super) fn before(&self, ms: u64) -> WallTime {
        WallTime::from_millis(self.now.as_millis().saturating_sub(ms))
    }

    /// Who is told of an alert first.
    pub(super) fn reach(&self, about: &About) -> (Routing, Reached) {
        rank::reach(self.context.directory, about, self.now)
    }

    /// They, without how far one had to go.
    pub(super) fn routing(&self, about: &About) -> Routing {
        self.reach(about).0
    }

    /// What a message says first where those it was meant for have no receiver, and the level that it reached. A test, and what
    /// comes late, stay what they are: a decision of its own says it.
    fn instead(
        &mut self,
        about: &About,
        thread: &mut Thread,
        (reason, reached): (Reason, Reached),
    ) -> Result<Reason, StoreError> {
        let instead = match reached {
            Reached::PassedTo(level) => Reason::PassedOver { level },
            Reached::Fallback => Reason::Fallback,
            Reached::AsAsked | Reached::Nobody => return Ok(reason),
        };
        if let Reached::PassedTo(level) = reached {
            thread.level = thread.level.max(level);
        }
        if matches!(reason, Reason::First | Reason::QuietEnded) {
            return Ok(instead);
        }
        self.conclude(None, about, thread, (instead, Outcome::Quiet))?;
        Ok(reason)
    }

    /// Tells the first on duty and the team.
    pub(super) fn tell(
        &mut self,
        event: Option<&Event>,
        about: &About,
        thread: &mut Thread,
        reason: Reason,
    ) -> Result<(), StoreError> {
        let (mut routing, reached) = self.reach(about);
        let known = if thread.messages > 0 {
            self.told_in(thread)?
        } else {
            Vec::new()
        };
        let reason = if known.is_empty() {
            self.instead(about, thread, (reason, reached))?
        } else {
            reason
        };
        if !known.is_empty() {
            // Whoever has heard of it in this thread hears how it goes on.
            for receiver in known {
                if !routing
                    .receivers
                    .iter()
                    .any(|one| one.name == receiver.name)
                {
                    routing.receivers.push(receiver);
                }
            }
        }
        self.send(event, about, thread, (reason, routing))
    }

    /// Tells all who were told in the thread.
    pub(super) fn tell_thread(
        &mut self,
        event: Option<&Event>,
        about: &About,
        thread: &mut Thread,
        reason: Reason,
    ) -> Result<(), StoreError> {
        let receivers = self.told_in(thread)?;
        self.send(event, about, thread, (reason, Routing { receivers }))
    }

    pub(super) fn tell_end(
        &mut self,
        event: &Event,
        about: &About,
        thread: &mut Thread,
    ) -> Result<(), StoreError> {
        let mut receivers = self.told_in(thread)?;
        if thread.head != about.alert.id
            && let Some(head) = self.rows.alert(thread.head)?
            && head.firing
        {
            // It speaks of an alert that is open: who is to hear of that hears it too.
            let head = self.about(head)?;
            if self.urgency(&head) == Urgency::Now && self.hush(&head)?.is_none() {
                let more = self.routing(&head).receivers.into_iter();
                for receiver in more.filter(|receiver| !is_machine(receiver)) {
                    if !receivers.iter().any(|one| one.name == receiver.name) {
                        receivers.push(receiver);
                    }
                }
            }
        }
        let routing = Routing { receivers };
        self.send(Some(event), about, thread, (Reason::FamilyEnds, routing))
    }

    /// Everybody who got a message of the thread, or a list with an alert of it; those that are no longer configured left out.
    pub(super) fn told_in(&mut self, thread: &Thread) -> Result<Vec<Receiver>, StoreError> {
        let mut names: Vec<(String, bool)> = Vec::new();
        let mut alerts = self.alerts_of(thread)?;
        alerts.reverse();
        let mut messages = self.rows.outgoing_of_thread(thread.root)?;
        for alert in alerts {
            messages.extend(self.rows.listings_of(alert)?);
        }
        // What was before its agent came from another customer went to others.
        messages.retain(|one| one.number > thread.told_from && one.reason != Reason::MovedAway);
        for message in messages {
            if !names.iter().any(|(name, _)| *name == message.receiver) {
                let shown = self.context.directory.receiver(&message.receiver);
                let copy = shown.is_some_and(|shown| message.cc.contains(&shown.shown));
                names.push((message.receiver, copy));
            }
        }
        let known = names.into_iter().filter_map(|(name, copy)| {
            let receiver = self.context.directory.receiver(&name)?;
            Some(Receiver { copy, ..receiver })
        });
        Ok(known.collect())
    }

    /// Writes the messages of a decision, and the decision.
    pub(super) fn send(
        &mut self,
        event: Option<&Event>,
        about: &About,
        thread: &mut Thread,
        (reason, routing): (Reason, Routing),
    ) -> Result<(), StoreError> {
        let number = self.next_decision();
        let alarm = is_alarm(reason);
        if routing.receivers.is_empty() {
            if alarm {
                thread.last_told = Some(self.now);
            }
            let quiet = (Reason::NoReceiver, Outcome::Quiet);
            return self.conclude_as(number, event, about, thread, quiet);
        }
        // What was told before a restore crowds nobody now.
        let told_before = self.told_before;
        let group = told_before.is_none() && self.is_crowded(about, reason, &routing)?;
        let mut now = Vec::new();
        let mut later_on = None;
        for receiver in &routing.receivers {
            if is_machine(receiver) {
                now.push(receiver.clone());
            } else if group {
                let due = later(self.now, GROUP_WAIT_MS);
                self.wait(ListOf::Group, &about.place(), about, (number, due))?;
                later_on = Some(ListOf::Group);
            } else if told_before.is_none() && self.is_over_ceiling(about, receiver)? {
                let due = later(self.now, STORM_WAIT_MS);
                self.wait(ListOf::Storm, &receiver.name, about, (number, due))?;
                later_on = later_on.or(Some(ListOf::Storm));
            } else {
                now.push(receiver.clone());
            }
        }
        if alarm {
            thread
                .first_told
                .get_or_insert(told_before.unwrap_or(self.now));
            thread.last_told = Some(self.now);
            thread.untaken = thread.untaken.or(Some(self.now));
            thread.level = thread.level.max(1);
            thread.quiet = None;
        }
        thread.listed = later_on.or(thread.listed);
        let decided = match (now.is_empty(), later_on) {
            (true, Some(ListOf::Storm)) => (held(reason, Reason::Storm), Outcome::Listed),
            (true, Some(_)) => (held(reason, Reason::Grouped), Outcome::Listed),
            _ => (reason, Outcome::Told),
        };
        thread.messages = thread.messages.saturating_add(u32::from(!now.is_empty()));
        self.put_messages(number, about, thread, (reason, &now, &routing))?;
        self.conclude_as(number, event, about, thread, decided)
    }

    /// Tells the machines among some receivers, under a decision that lists it for people.
    pub(super) fn tell_machines(
        &mut self,
        number: u64,
        about: &About,
        thread: &mut Thread,
        (reason, mut routing): (Reason, Routing),
    ) -> Result<(), StoreError> {
        routing.receivers.retain(is_machine);
        if routing.receivers.is_empty() {
            return Ok(());
        }
        thread.messages = thread.messages.saturating_add(1);
        self.put_messages(
            number,
            about,
            thread,
            (reason, &routing.receivers, &routing),
        )
    }

    fn put_messages(
        &mut self,
        decision: u64,
        about: &About,
        thread: &Thread,
        told: (Reason, &[Receiver], &Routing),
    ) -> Result<(), StoreError> {
        self.put_messages_of(decision, about, thread, told, None)
    }

    /// The same, about an agent that stood elsewhere then: `place` is where.
    pub(super) fn put_messages_of(
        &mut self,
        decision: u64,
        about: &About,
        thread: &Thread,
        (reason, receivers, routing): (Reason, &[Receiver], &Routing),
        place: Option<&str>,
    ) -> Result<(), StoreError> {
        let earlier = self.rows.outgoing_of_thread(thread.root)?;
        self.hurry(&earlier, receivers)?;
        let wait_ms = if is_alarm(reason) && thread.messages == 1 {
            Evidence::of(about.agent.as_ref()).wait_ms(self.context.policy)
        } else {
            0
        };
        let name = thread.root.to_string();
        // Where several ended at once, the end is told of the worst: people were told of that.
        let speaks_of = match reason {
            Reason::FamilyEnds => thread.head,
            _ => about.alert.id,
        };
        for receiver in receivers {
            let mut got = earlier
                .iter()
                .filter(|message| message.receiver == receiver.name)
                .map(|message| message.message_id.clone());
            let mut references: Vec<String> = got.next().into_iter().collect();
            references.extend(got.next_back());
            if references.is_empty() {
                // New in the thread: a shared mailbox still shows it where it belongs.
                let mut earlier = earlier.iter();
                let first = earlier.find(|one| one.number > thread.told_from);
                references.extend(first.map(|first| first.message_id.clone()));
            }
            let mut outgoing = Outgoing {
                number: self.next_outgoing(),
                decision,
                reason,
                alert: Some(speaks_of),
                thread: Some(thread.root),
                list: place.map(str::to_owned),
                receiver: receiver.name.clone(),
                channel: receiver.channel,
                to: shown(routing, false),
                cc: shown(routing, true),
                message_id: message_id(
                    &name,
                    thread.messages,
                    &format!("{}{}", receiver.name, self.life(thread.messages)),
                    &self.context.policy.domain,
                ),
                references,
                nth: thread.messages,
                created: self.now,
                state: Sending::Queued,
                fence: 0,
                until: None,
                attempts: 0,
                first_try: None,
                next_try: later(self.now, wait_ms),
                done: None,
                said: String::new(),
                served: Vec::new(),
                subject: String::new(),
            };
            self.hold_back(&mut outgoing);
            self.rows.put_outgoing(&outgoing)?;
        }
        Ok(())
    }

    /// What is new waits behind what its receiver has not got yet: a reason to try that again at once.
    fn hurry(&mut self, earlier: &[Outgoing], receivers: &[Receiver]) -> Result<(), StoreError> {
        let waits = earlier.iter().filter(|one| {
            one.state == Sending::Queued
                && one.attempts > 0
                && one.next_try > self.now
                && receivers.iter().any(|to| to.name == one.receiver)
        });
        for one in waits {
            self.rows.put_outgoing(&Outgoing {
                next_try: self.now,
                ..one.clone()
            })?;
        }
        Ok(())
    }

    /// Whether the people among the receivers get so many messages at once that more of the place become one.
    fn is_crowded(
        &mut self,
        about: &About,
        reason: Reason,
        routing: &Routing,
    ) -> Result<bool, StoreError> {
        if !may_group(reason) || about.alert.identity.test {
            return Ok(false);
        }
        if !self.rows.waiting(ListOf::Group, &about.place())?.is_empty() {
            return Ok(true);
        }
        let since = self.before(self.context.policy.group_span_ms);
        for receiver in &routing.receivers {
            if !is_machine(receiver)
                && self.rows.decided_since(&receiver.name, since, self.now)?
                    >= self.context.policy.group_after
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_over_ceiling(&mut self, about: &About, receiver: &Receiver) -> Result<bool, StoreError> {
        let since = self.before(CEILING_SPAN_MS);
        Ok(about.alert.identity.code != super::outbox::UNDELIVERED
            && self.rows.decided_since(&receiver.name, since, self.now)? >= receiver.ceiling)
    }
}

/// The end of a family stays the end, wherever it is told.
const fn held(reason: Reason, by: Reason) -> Reason {
    match reason {
        Reason::FamilyEnds => reason,
        _ => by,
    }
}

pub(super) fn shown(routing: &Routing, copy: bool) -> Vec<String> {
    let receivers = routing.receivers.iter();
    receivers
        .filter(|receiver| receiver.copy == copy)
        .map(|receiver| receiver.shown.clone())
        .collect()
}
