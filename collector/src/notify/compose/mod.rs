//! What a row of the outbox says: gathers it from the store when the message is sent, so that it is as new as can be.

mod alert;
mod back;
mod daily;
mod evidence;
mod list;
mod moved;
mod past;
mod seen;

use super::context::About;
use super::notice::{self, Body, Ending, Happened, Notice, Told, Why};
use super::outbox::UNDELIVERED;
use super::who::Configured;
use crate::config;
use crate::handling::link;
use crate::store::rows::AllRows;
use crate::store::{AlertId, Outgoing, Reason, Store, StoreError, StoredAlert, Thread};
use crate::zone::Zone;
use hansho::clock::WallTime;
use hansho::code::Language;

/// What messages are made from beside the store.
pub struct Desk<'d> {
    /// For reading: another connection than that of the transaction.
    pub store: &'d dyn Store,
    /// Who is responsible, and what was agreed.
    pub configured: &'d Configured,
    /// How people reach the pages; `None`: no links.
    pub base_url: Option<&'d str>,
}

/// What the store says about one alert of a message.
pub(super) struct Subject {
    pub(super) about: About,
    pub(super) thread: Option<Thread>,
    pub(super) taken: Option<notice::Taken>,
}

impl Desk<'_> {
    /// The message of a row; `None` where its alert or receiver is gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn notice(&self, outgoing: &Outgoing) -> Result<Option<Notice>, StoreError> {
        let Some(receiver) = self.receiver(outgoing) else {
            return Ok(None);
        };
        let body = match outgoing.alert {
            Some(alert) => self.about_alert(outgoing, receiver, alert)?,
            None if outgoing.reason == Reason::Daily => self.daily(outgoing, receiver)?,
            None => self.list(outgoing, receiver)?,
        };
        let Some((customer, link, body)) = body else {
            return Ok(None);
        };
        Ok(Some(Notice {
            language: self.language(receiver, &customer),
            zone: self.zone(&customer),
            written: outgoing.created,
            why: match &body {
                Body::Alert(told) => why_ended(&told.happened),
                _ => None,
            }
            .unwrap_or(why(outgoing.reason)),
            told: Told {
                to: outgoing.to.clone(),
                cc: outgoing.cc.clone(),
            },
            link,
            thread_subject: self.thread_subject(outgoing, receiver)?,
            body,
        }))
    }

    fn thread_subject(
        &self,
        outgoing: &Outgoing,
        receiver: &config::Receiver,
    ) -> Result<Option<String>, StoreError> {
        let (Some(thread), true) = (outgoing.thread, receiver.constant_subject) else {
            return Ok(None);
        };
        let mut first = None;
        self.store.view(&mut |rows| {
            let messages = rows.outgoing_of_thread(thread)?;
            first = messages
                .into_iter()
                .filter(|one| one.number < outgoing.number && one.receiver == outgoing.receiver)
                .map(|one| one.subject)
                .find(|subject| !subject.is_empty());
            Ok(())
        })?;
        Ok(first)
    }

    /// The receiver as configured now.
    #[must_use]
    pub fn receiver(&self, outgoing: &Outgoing) -> Option<&config::Receiver> {
        self.configured.as_ref().receiver(&outgoing.receiver)
    }

    fn language(&self, receiver: &config::Receiver, customer: &str) -> Language {
        let of_customer = self.configured.as_ref().customer(customer);
        receiver
            .language
            .or(of_customer.map(|customer| customer.language))
            .unwrap_or(Language::Ja)
    }

    fn zone(&self, customer: &str) -> Zone {
        self.configured.as_ref().zone_of(customer).clone()
    }

    fn page(&self, alert: AlertId) -> Option<String> {
        self.base_url.map(|base| format!("{base}/a/{alert}"))
    }

    /// A page on which this receiver alone can take this alert without login, for a day.
    fn own_page(
        &self,
        rows: &mut dyn AllRows,
        (alert, receiver, since): (AlertId, &str, WallTime),
    ) -> Result<Option<String>, StoreError> {
        let Some(base) = self.base_url else {
            return Ok(None);
        };
        let Some(secret) = link::current(rows)? else {
            return Ok(self.page(alert));
        };
        let token = link::sign(&secret, alert, receiver, link::expiry(since));
        Ok(Some(format!("{base}/l/{token}")))
    }

    pub(super) fn about(
        &self,
        rows: &mut dyn AllRows,
        alert: StoredAlert,
    ) -> Result<About, StoreError> {
        use super::context::Directory as _;
        let agent = rows.agent(alert.agent)?;
        let site = agent.as_ref().and_then(|agent| self.configured.site(agent));
        Ok(About { alert, agent, site })
    }

    pub(super) fn subject(
        &self,
        rows: &mut dyn AllRows,
        alert: StoredAlert,
        thread: Option<AlertId>,
    ) -> Result<Subject, StoreError> {
        let decisions = rows.decisions_of(alert.id)?;
        let newest = || decisions.iter().rev().find_map(|decision| decision.thread);
        let root = thread.or_else(newest);
        let thread = match root {
            Some(root) => rows.thread(root)?,
            None => None,
        };
        let mut held = rows.acknowledgement(alert.id)?;
        if let (None, Some(thread)) = (&held, &thread) {
            for decision in rows.decisions_of(thread.root)? {
                if let Some(other) = decision.alert {
                    held = rows.acknowledgement(other)?.or(held);
                }
            }
        }
        Ok(Subject {
            about: self.about(rows, alert)?,
            thread,
            taken: held.map(alert::taken),
        })
    }
}

/// Of an end: what it was.
const fn why_ended(happened: &Happened) -> Option<Why> {
    match happened {
        Happened::Back(_) => Some(Why::Back),
        Happened::Resolved(Ending::Retired) => Some(Why::Retired),
        Happened::Resolved(Ending::Withdrawn | Ending::Told) => Some(Why::Ended),
        _ => None,
    }
}

/// Whether nobody is to read a message any more: it is for people of the customer that the agent left, or renews what is over.
fn is_past(outgoing: &Outgoing, subject: &Subject) -> bool {
    subject.thread.as_ref().is_some_and(|thread| {
        outgoing.number <= thread.told_from
            || (outgoing.reason == Reason::Renewed && thread.ended.is_some())
    })
}

/// As the message's first words have it.
const fn why(reason: Reason) -> Why {
    match reason {
        Reason::Worsened { .. } => Why::Worsened,
        Reason::Repeat { .. } | Reason::RecoveryOverdue | Reason::ReportDue | Reason::Renewed => {
            Why::Repeat
        }
        Reason::Drill => Why::Drill,
        Reason::Late => Why::Late,
        Reason::Digest => Why::Digest,
        Reason::Grouped => Why::Grouped,
        Reason::Storm => Why::Storm,
        Reason::Escalated { .. } => Why::Escalated,
        Reason::PassedOver { .. } => Why::PassedOver,
        Reason::Fallback => Why::Fallback,
        Reason::MovedHere => Why::MovedHere,
        Reason::MovedAway => Why::MovedAway,
        Reason::FamilyEnds => Why::Resolved,
        Reason::Acknowledged => Why::Acknowledged,
        Reason::Released => Why::Released,
        Reason::QuietEnded => Why::SilenceEnded,
        Reason::Evidence => Why::Evidence,
        Reason::Daily => Why::Daily,
        _ => Why::First,
    }
}

impl Desk<'_> {
    fn about_alert(
        &self,
        outgoing: &Outgoing,
        receiver: &config::Receiver,
        id: AlertId,
    ) -> Result<Option<(String, Option<String>, Body)>, StoreError> {
        let mut gathered = None;
        self.store.view(&mut |rows| {
            let Some(alert) = rows.alert(id)? else {
                return Ok(());
            };
            let subject = self.subject(rows, alert, outgoing.thread)?;
            if outgoing.reason == Reason::MovedAway {
                gathered = self.moved_away(outgoing, receiver, subject);
                return Ok(());
            }
            if is_past(outgoing, &subject) {
                return Ok(());
            }
            let link = self.own_page(rows, (id, &receiver.id, outgoing.created))?;
            let mut told = self.told_of(rows, outgoing, &subject, receiver)?;
            told.suspects = evidence::suspects(rows, &subject.about.alert)?;
            told.victims = evidence::victims(rows, &subject.about.alert)?;
            gathered = Some((subject, link, told));
            Ok(())
        })?;
        let Some((subject, link, mut told)) = gathered else {
            return Ok(None);
        };
        if outgoing.reason == Reason::MovedAway {
            let customer = subject.about.customer().to_owned();
            return Ok(Some((customer, None, Body::Alert(Box::new(told)))));
        }
        let alert = &subject.about.alert;
        if alert.identity.code == UNDELIVERED && outgoing.reason != Reason::FamilyEnds {
            let body = self.undelivered(outgoing, alert)?;
            return Ok(Some((String::new(), self.page(id), body)));
        }
        self.add_seen(&subject, outgoing, &mut told)?;
        let customer = subject.about.customer().to_owned();
        Ok(Some((customer, link, Body::Alert(Box::new(told)))))
    }
}
