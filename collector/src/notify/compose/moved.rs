//! What those hear whose agent went to another customer, and what the new ones do not.

use super::super::notice::{AlertNotice, During, Ending, Excerpt, Happened, Owner, Times};
use super::alert::identity;
use super::{Desk, Subject};
use crate::config;
use crate::store::rows::AllRows;
use crate::store::{Outgoing, Reason, StoreError};
use hansho::clock::WallTime;

impl Desk<'_> {
    /// The last message to those who were told while the agent was theirs: where it stood then, and nothing of what it is now.
    pub(super) fn moved_away(
        &self,
        outgoing: &Outgoing,
        receiver: &config::Receiver,
        mut subject: Subject,
    ) -> Option<(Subject, Option<String>, AlertNotice)> {
        let mut parts = outgoing.list.as_deref()?.splitn(3, '/');
        let agent = subject.about.agent.as_mut()?;
        for part in [&mut agent.customer, &mut agent.system, &mut agent.name] {
            parts.next()?.clone_into(part);
        }
        subject.about.site = None;
        subject.thread = None;
        subject.taken = None;
        let language = self.language(receiver, subject.about.customer());
        let alert = &subject.about.alert;
        let notice = AlertNotice {
            happened: Happened::Resolved(Ending::Moved),
            test: alert.identity.test,
            owner: Owner {
                on_duty: None,
                ..self.owner(outgoing, &subject, language)
            },
            identity: identity(&subject),
            times: Times {
                occurred: alert.occurred,
                detected: alert.detected,
                notified: alert.notified,
                recovered: None,
                resolved: None,
            },
            value: None,
            worst: None,
            count: None,
            excerpt: Excerpt::default(),
            forecast: None,
            rule: None,
            during: During::default(),
            response: None,
            suspects: None,
            victims: Vec::new(),
            meanwhile: Vec::new(),
            presumed: Vec::new(),
            history: None,
            hosts: Vec::new(),
            hosts_total: None,
            late_ms: None,
            report: None,
        };
        Some((subject, None, notice))
    }

    /// When its agent came from another customer.
    pub(super) fn moved_at(
        &self,
        rows: &mut dyn AllRows,
        subject: &Subject,
    ) -> Result<Option<WallTime>, StoreError> {
        let Some(thread) = subject
            .thread
            .as_ref()
            .filter(|thread| thread.told_from > 0)
        else {
            return Ok(None);
        };
        let decisions = rows.decisions_of(thread.root)?;
        let moved = decisions
            .iter()
            .rev()
            .find(|decision| decision.reason == Reason::MovedAway);
        Ok(moved.map(|decision| decision.at))
    }
}
