//! Threads: which alerts belong together, and which stands for which.

use super::context::{About, Taken};
use super::step::Step;
use crate::store::{AlertId, Event, Outcome, Reason, StoreError, StoredAlert, Strand, Thread};
use hansho::clock::WallTime;
use hansho::code::{HOST_ABSENT, Urgency, entry, silenced_with_host};
use hansho::frame::kind::AgentId;
use std::collections::BTreeSet;

/// What an alert belongs to.
#[must_use]
pub fn strand_of(alert: &StoredAlert) -> Strand {
    let code = alert.identity.code;
    let family = entry(code).and_then(|entry| entry.family);
    Strand {
        agent: alert.agent,
        subject: alert.identity.subject.clone(),
        family: family.map_or_else(
            || code.to_string(),
            |(family, _)| family.as_str().to_owned(),
        ),
        test: alert.identity.test,
    }
}

/// Rank of a code within its family.
#[must_use]
pub fn rank(code: u16) -> u8 {
    entry(code)
        .and_then(|entry| entry.family)
        .map_or(0, |(_, rank)| rank)
}

/// The code that explains `code` away while it is open for the same host, of those that are open; presence explains all.
#[must_use]
pub fn suppressor(code: u16, open: &[StoredAlert]) -> Option<u16> {
    let fires = |number: u16| {
        open.iter()
            .any(|alert| alert.identity.code == number && !alert.identity.test)
    };
    if silenced_with_host(code) && fires(HOST_ABSENT) {
        return Some(HOST_ABSENT);
    }
    let suppressors = entry(code).map_or(&[][..], |entry| entry.suppressed_by);
    suppressors.iter().copied().find(|number| fires(*number))
}

const fn is_absence(alert: &StoredAlert) -> bool {
    alert.identity.code == HOST_ABSENT
}

impl Thread {
    /// A thread that an alert opens.
    #[must_use]
    pub fn opened_by(alert: &StoredAlert, now: WallTime) -> Self {
        Self {
            root: alert.id,
            strand: strand_of(alert),
            head: alert.id,
            opened: now,
            ended: None,
            first_told: None,
            last_told: None,
            messages: 0,
            listed: None,
            level: 0,
            untaken: None,
            reminded_recovery: None,
            reminded_report: None,
            quiet: None,
            due: None,
            told_from: 0,
            moved_from: None,
            moved_within: false,
        }
    }

    /// True where somebody was told, or will be.
    #[must_use]
    pub const fn is_told(&self) -> bool {
        self.messages > 0 || self.listed.is_some()
    }
}

impl Step<'_> {
    /// Open alerts of a strand, the worst first.
    pub(super) fn open_in(&mut self, strand: &Strand) -> Result<Vec<StoredAlert>, StoreError> {
        let mut open = self.rows.open_alerts(strand.agent)?;
        open.retain(|alert| strand_of(alert) == *strand);
        open.sort_by_key(|alert| {
            (
                core::cmp::Reverse(rank(alert.identity.code)),
                alert.stored,
                alert.id,
            )
        });
        Ok(open)
    }

    /// Why an alert is not told now, if it is not: another code, a silence, a window. A test is always told.
    pub(super) fn hush(
        &mut self,
        about: &About,
    ) -> Result<Option<(Reason, Option<WallTime>)>, StoreError> {
        if about.alert.identity.test {
            return Ok(None);
        }
        let code = about.alert.identity.code;
        let mut open = self.rows.open_alerts(about.alert.agent)?;
        if open.iter().any(is_absence) && self.speaks_again(about)? {
            open.retain(|alert| !is_absence(alert));
        }
        if let Some(by) = suppressor(code, &open) {
            return Ok(Some((Reason::Suppressed { by }, None)));
        }
        if about.agent.is_some() {
            // Where no site is configured, a system's agents are one.
            let site = about.site.as_deref().unwrap_or(about.system());
            let site = format!("{}/{site}", about.customer());
            let mut open = self.rows.open_alerts(AgentId(0))?;
            open.retain(|alert| alert.identity.subject == site);
            if let Some(by) = suppressor(code, &open) {
                return Ok(Some((Reason::Suppressed { by }, None)));
            }
        }
        let hush = self.context.handled.hushed(self.rows, about, self.now)?;
        Ok(hush.map(|hush| (hush.reason, hush.until)))
    }

    /// Whether an agent was heard after the silence that is still told of it: the sweep that ends 9001 may come after the
    /// batch that brought this alert, and what came does not wait for it.
    fn speaks_again(&mut self, about: &About) -> Result<bool, StoreError> {
        let presence = self.rows.presence(about.alert.agent)?;
        let seen = about.agent.as_ref().and_then(|agent| agent.last_seen);
        Ok(presence.is_some_and(|known| known.standing.is_silent() && known.seen != seen))
    }

    /// Who has taken what a thread is about: whoever took any of its alerts. Taking what can wait for the working day is no answer to
    /// what cannot.
    pub(super) fn taken_in(
        &mut self,
        about: &About,
        thread: &Thread,
    ) -> Result<Option<Taken>, StoreError> {
        let mut alerts = vec![about.alert.id];
        let others = self.alerts_of(thread)?;
        alerts.extend(others.into_iter().filter(|id| *id != about.alert.id));
        let urgent = self.urgency(about) == Urgency::Now;
        for id in alerts {
            let Some(alert) = self.rows.alert(id)? else {
                continue;
            };
            if let Some(taken) = self.context.handled.taken(self.rows, &alert)? {
                let other = self.about(alert)?;
                if !urgent || self.urgency(&other) == Urgency::Now {
                    return Ok(Some(taken));
                }
            }
        }
        Ok(None)
    }

    /// The alerts of a thread, the newest decided first; its root last where nothing was decided on it.
    pub(super) fn alerts_of(&mut self, thread: &Thread) -> Result<Vec<AlertId>, StoreError> {
        let decisions = self.rows.decisions_of(thread.root)?;
        let mut alerts = Vec::new();
        let mut seen = BTreeSet::new();
        for id in decisions.iter().rev().filter_map(|decision| decision.alert) {
            if seen.insert(id) {
                alerts.push(id);
            }
        }
        if seen.insert(thread.root) {
            alerts.push(thread.root);
        }
        Ok(alerts)
    }

    /// The thread that an earlier decision about this alert belongs to, if it ended: it goes on when the alert is reopened.
    pub(super) fn earlier_thread(
        &mut self,
        alert: &StoredAlert,
    ) -> Result<Option<Thread>, StoreError> {
        let decisions = self.rows.decisions_of(alert.id)?;
        let root = decisions.iter().rev().find_map(|decision| decision.thread);
        match root {
            Some(root) => self.rows.thread(root),
            None => Ok(None),
        }
    }

    /// Ends a decision: stores thread and decision.
    pub(super) fn conclude(
        &mut self,
        event: Option<&Event>,
        about: &About,
        thread: &mut Thread,
        (reason, outcome): (Reason, Outcome),
    ) -> Result<(), StoreError> {
        let number = self.next_decision();
        self.conclude_as(number, event, about, thread, (reason, outcome))
    }

    /// The same under a number that was taken before.
    pub(super) fn conclude_as(
        &mut self,
        number: u64,
        event: Option<&Event>,
        about: &About,
        thread: &mut Thread,
        (reason, outcome): (Reason, Outcome),
    ) -> Result<(), StoreError> {
        thread.due = self.next_look(about, thread)?;
        self.rows.put_thread(thread)?;
        self.decided(number, event, about, Some(thread.root), (reason, outcome))
    }
}
