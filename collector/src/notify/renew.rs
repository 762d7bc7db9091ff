//! An Alertmanager ends what it hears nothing of: what stands open is told to it again, whatever people did about it.
//!
//! One message of the thread and receiver is sent again and again: neither messages nor decisions grow. It stands beside the order
//! of the thread, since it tells nothing new.

use super::context::{About, Receiver, Routing};
use super::decide::later;
use super::step::Step;
use crate::limit::ALERTMANAGER_RENEW_MS;
use crate::store::{Channel, Outcome, Outgoing, Reason, Sending, StoreError, Thread};
use hansho::clock::WallTime;
use std::collections::BTreeMap;

/// An Alertmanager that was told in a thread.
struct Manager {
    /// When it heard last.
    heard: WallTime,
    /// Whether anything waits for it.
    waits: bool,
    /// Whether the last that it heard is that it is open.
    open: bool,
    /// The message that renews.
    renewal: Option<Outgoing>,
}

fn managers(messages: Vec<Outgoing>, thread: &Thread) -> BTreeMap<String, Manager> {
    let mut managers: BTreeMap<String, Manager> = BTreeMap::new();
    let theirs = messages.into_iter().filter(|one| {
        one.channel == Channel::Alertmanager
            && one.number > thread.told_from
            && one.reason != Reason::MovedAway
    });
    for message in theirs {
        let known = managers.entry(message.receiver.clone());
        let manager = known.or_insert(Manager {
            heard: message.created,
            waits: false,
            open: true,
            renewal: None,
        });
        manager.heard = manager.heard.max(message.done.unwrap_or(message.created));
        manager.waits |= !message.state.is_final();
        if message.reason == Reason::Renewed {
            manager.renewal = Some(message);
        } else {
            manager.open = message.reason != Reason::FamilyEnds;
        }
    }
    managers
}

impl Manager {
    /// When it is to hear again; a moment ahead was noted before the clock was set back. Of what waits for it, it hears anyway.
    fn due(&self, now: WallTime) -> Option<WallTime> {
        let heard = if self.waits { now } else { self.heard.min(now) };
        self.open.then(|| later(heard, ALERTMANAGER_RENEW_MS))
    }
}

impl Step<'_> {
    fn managers(&mut self, thread: &Thread) -> Result<Vec<(Receiver, Manager)>, StoreError> {
        let messages = self.rows.outgoing_of_thread(thread.root)?;
        let managers = managers(messages, thread).into_iter();
        let known = managers.filter_map(|(name, manager)| {
            let receiver = self.context.directory.receiver(&name)?;
            Some((receiver, manager))
        });
        Ok(known.collect())
    }

    /// Alertmanagers that know a thread as open.
    pub(super) fn told_open(&mut self, thread: &Thread) -> Result<Vec<Receiver>, StoreError> {
        let mut managers = self.managers(thread)?;
        managers.retain(|(_, manager)| manager.open);
        Ok(managers.into_iter().map(|(receiver, _)| receiver).collect())
    }

    /// When the first Alertmanager is to hear again that a thread is open.
    pub(super) fn renew_at(&mut self, thread: &Thread) -> Result<Option<WallTime>, StoreError> {
        let now = self.now;
        let managers = self.managers(thread)?;
        Ok(managers
            .iter()
            .filter_map(|(_, manager)| manager.due(now))
            .min())
    }

    /// Tells those that it is time for.
    pub(super) fn renew(&mut self, about: &About, thread: &mut Thread) -> Result<(), StoreError> {
        for (receiver, manager) in self.managers(thread)? {
            if manager.due(self.now).is_none_or(|due| due > self.now) {
                continue;
            }
            match manager.renewal {
                Some(renewal) => self.rows.put_outgoing(&Outgoing {
                    alert: Some(about.alert.id),
                    created: self.now,
                    state: Sending::Queued,
                    until: None,
                    attempts: 0,
                    first_try: None,
                    next_try: self.now,
                    done: None,
                    served: Vec::new(),
                    ..renewal
                })?,
                None => {
                    let number = self.next_decision();
                    let routing = Routing {
                        receivers: vec![receiver],
                    };
                    self.tell_machines(number, about, thread, (Reason::Renewed, routing))?;
                    let told = (Reason::Renewed, Outcome::Told);
                    self.conclude_as(number, None, about, thread, told)?;
                }
            }
        }
        Ok(())
    }
}
