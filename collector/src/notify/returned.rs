//! A host that people were told is silent, and that is back: the message that ends it says why, and stands for the alert of that
//! reason (9002, 9003, 9004).

use super::context::About;
use super::decide::later;
use super::step::Step;
use super::thread::strand_of;
use crate::limit::QUIET_LOOK_MS;
use crate::store::rows::AllRows;
use crate::store::{
    AlertCause, AlertId, Event, Identity, Outcome, Reason, StoreError, StoredAlert,
};
use hansho::clock::Uptime;
use hansho::code::{HOST_ABSENT, Urgency};

/// Codes that say why a host is back: unplanned reboot, planned stop or restart, network only.
const REASONS: [u16; 3] = [9003, 9004, 9002];

fn newest(
    rows: &mut dyn AllRows,
    alert: &StoredAlert,
    code: u16,
) -> Result<Option<(StoredAlert, AlertCause)>, StoreError> {
    let identity = Identity {
        code,
        subject: String::new(),
        test: false,
    };
    let episode = rows.last_episode(alert.agent, &identity)?;
    let found = rows.episode(alert.agent, &identity, episode, Uptime::default())?;
    Ok(match found {
        Some(found) => rows.cause(found.id)?.map(|cause| (found, cause)),
        None => None,
    })
}

/// The alert that says why a host is back, of the 9001 that its silence was. Both are stored in one transaction, with the same
/// last sign of life.
///
/// # Errors
/// [`StoreError`].
pub fn reason_of(
    rows: &mut dyn AllRows,
    silence: &StoredAlert,
) -> Result<Option<StoredAlert>, StoreError> {
    if silence.identity.code != HOST_ABSENT || silence.firing {
        return Ok(None);
    }
    let Some(seen) = rows.cause(silence.id)?.and_then(|cause| cause.seen) else {
        return Ok(None);
    };
    for code in REASONS {
        if let Some((alert, cause)) = newest(rows, silence, code)?
            && cause.seen == Some(seen)
            && cause.back.is_some()
        {
            return Ok(Some(alert));
        }
    }
    Ok(None)
}

/// The 9001 that an alert is the reason of; `None` where nobody missed the host.
///
/// # Errors
/// [`StoreError`].
pub fn silence_of(
    rows: &mut dyn AllRows,
    alert: &StoredAlert,
) -> Result<Option<StoredAlert>, StoreError> {
    if !REASONS.contains(&alert.identity.code) || alert.identity.test {
        return Ok(None);
    }
    let Some(own) = rows.cause(alert.id)?.filter(|cause| cause.back.is_some()) else {
        return Ok(None);
    };
    let silence = newest(rows, alert, HOST_ABSENT)?;
    let same = silence
        .filter(|(silence, known)| !silence.firing && own.seen.is_some() && known.seen == own.seen);
    Ok(same.map(|(silence, _)| silence))
}

impl Step<'_> {
    /// The thread in which people were told that the host is back, and with that of this alert.
    pub(super) fn told_with_return(
        &mut self,
        alert: &StoredAlert,
    ) -> Result<Option<AlertId>, StoreError> {
        let Some(silence) = silence_of(self.rows, alert)? else {
            return Ok(None);
        };
        let decisions = self.rows.decisions_of(silence.id)?;
        let told = decisions.iter().rev().find(|decision| {
            decision.alert == Some(silence.id)
                && decision.reason == Reason::FamilyEnds
                && decision.outcome == Outcome::Told
        });
        Ok(told.and_then(|decision| decision.thread))
    }

    /// Raised with the return of its host, which people heard of a moment ago. Machines are told: they know it by its number.
    pub(super) fn raised_with_return(
        &mut self,
        event: &Event,
        about: &About,
    ) -> Result<(), StoreError> {
        let mut thread = match self.rows.open_thread(&strand_of(&about.alert))? {
            Some(thread) => thread,
            None => self.begin_thread(event, about)?,
        };
        let number = self.next_decision();
        if self.urgency(about) != Urgency::Record && self.hush(about)?.is_none() {
            let routing = self.routing(about);
            self.tell_machines(number, about, &mut thread, (Reason::First, routing))?;
        }
        let quiet = (Reason::ToldWithReturn, Outcome::Quiet);
        self.conclude_as(number, Some(event), about, &mut thread, quiet)
    }

    /// Another event of an open alert. It stands in the next message, or is one, where people know only what was told with a return.
    pub(super) fn repeated(&mut self, event: &Event, about: &About) -> Result<(), StoreError> {
        let counted = (Reason::Counted, Outcome::Quiet);
        let open = self.rows.open_thread(&strand_of(&about.alert))?;
        let Some(mut thread) = open.filter(|_| REASONS.contains(&about.alert.identity.code)) else {
            return self.quiet(event, about, Reason::Counted);
        };
        let known =
            thread.first_told.is_some() || thread.listed.is_some() || thread.quiet.is_some();
        if known {
            return self.quiet(event, about, Reason::Counted);
        }
        if self.told_with_return(&about.alert)?.is_some() {
            return self.conclude(Some(event), about, &mut thread, counted);
        }
        if let Some((reason, _)) = self.hush(about)? {
            thread.quiet = Some(reason);
            thread.due = Some(later(self.now, QUIET_LOOK_MS));
            return self.conclude(Some(event), about, &mut thread, (reason, Outcome::Quiet));
        }
        self.raise_by_urgency(Some(event), about, &mut thread, Reason::First)
    }
}
