//! After a restore: what the collector that the backup is of had told, and the backup does not know of.

use super::decide::later;
use super::step::Step;
use crate::limit::{LATE_WAIT_MS, TOLD_BEFORE_MS};
use crate::store::{
    COLLECTOR_RUN, Channel, ClockQuality, Dated, Event, EventKind, Outgoing, Restored, Sending,
    StoredAlert,
};
use hansho::clock::WallTime;

/// When what an event says happened, as far as that can be relied on. What the collector finds out by itself happens when it is
/// stored: it finds it out anew.
#[must_use]
pub fn happened(event: &Event, alert: &StoredAlert) -> Option<WallTime> {
    let sure = |dated: Option<Dated>| {
        let sure = dated
            .filter(|dated| matches!(dated.quality, ClockQuality::Exact | ClockQuality::Confirmed));
        sure.map(|dated| dated.wall)
    };
    if alert.run == COLLECTOR_RUN {
        return Some(event.at);
    }
    match event.kind {
        EventKind::Raised => sure(alert.detected),
        EventKind::Resolved | EventKind::Ended => sure(alert.resolved),
        _ => Some(event.at),
    }
}

/// When an event happened that people were told of before the restore; `None` where they are to hear of it. An event that is
/// stored long after the restore is none of these, whenever it happened: its agent was cut off.
#[must_use]
pub fn told_before(
    restored: Option<&Restored>,
    event: &Event,
    alert: &StoredAlert,
) -> Option<WallTime> {
    let restored = restored?;
    if event.at > later(restored.at, TOLD_BEFORE_MS) {
        return None;
    }
    happened(event, alert).filter(|at| *at <= restored.told_until)
}

/// Makes a message one that was told before the restore: it stands in its thread, and is not sent.
fn hold(outgoing: &mut Outgoing, at: WallTime, restored: &Restored) {
    outgoing.state = Sending::Delivered;
    outgoing.created = at;
    outgoing.done = Some(at);
    outgoing.said = said(restored);
}

/// What stands as the answer of a message that was told before the restore.
#[must_use]
pub fn said(restored: &Restored) -> String {
    // As the option takes it.
    let until = crate::clock::utc(restored.told_until.as_millis());
    let until = until.replacen(' ', "T", 1).replacen(" UTC", "Z", 1);
    format!("told before the restore (--told-until {until})")
}

impl Step<'_> {
    /// Notes of the event that is decided on now whether it was told before the restore.
    pub(super) fn look_back(&mut self, event: &Event, alert: &StoredAlert) {
        self.told_before = told_before(self.restored.as_ref(), event, alert);
        let restored = self.restored;
        self.known_before = restored.is_some_and(|restored| {
            happened(event, alert).is_some_and(|happened| happened <= restored.at)
        });
    }

    /// The same of a list whose time was before.
    pub(super) fn look_back_at_list(&mut self, due: WallTime) {
        let restored = self.restored;
        self.told_before = restored
            .filter(|restored| due <= restored.told_until)
            .map(|_| due);
        self.known_before = false;
    }

    /// Neither: what is decided on now is of this life.
    pub(super) const fn look_ahead(&mut self) {
        self.told_before = None;
        self.known_before = false;
    }

    /// What a Message-ID is made of beside thread, number and receiver. In a store that was a backup the same number may have been
    /// given before to another message, which a mail reader that shows a Message-ID once would then show instead. The first of a
    /// thread is the same message, where what it tells happened before.
    pub(super) fn life(&self, nth: u32) -> String {
        match &self.restored {
            Some(restored) if self.told_before.is_none() && !(nth == 1 && self.known_before) => {
                format!("\n{}", restored.at.as_millis())
            }
            _ => String::new(),
        }
    }

    /// When the digest is sent that what is decided on now stands in.
    pub(super) fn next_digest(&self, customer: &str) -> WallTime {
        let directory = self.context.directory;
        let then = self
            .told_before
            .map(|at| directory.next_digest(customer, at));
        let told = then.filter(|then| {
            self.restored
                .is_some_and(|restored| *then <= restored.told_until)
        });
        told.unwrap_or_else(|| directory.next_digest(customer, self.now))
    }

    /// When the list of what came late is sent that this stands in.
    pub(super) fn next_late_list(&self) -> WallTime {
        self.told_before
            .unwrap_or_else(|| later(self.now, LATE_WAIT_MS))
    }

    /// People were told before the restore; machines keep a state and are told again.
    pub(super) fn hold_back(&mut self, outgoing: &mut Outgoing) {
        if let (Some(at), Some(restored)) = (self.told_before, &self.restored)
            && outgoing.channel == Channel::Mail
        {
            hold(outgoing, at, restored);
            self.held = self.held.saturating_add(1);
        }
    }
}
