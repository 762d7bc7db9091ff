//! Alerts that the collector raises itself: presence, identities, receivers. Their run is [`COLLECTOR_RUN`], their
//! episodes are counted in the store, their dates are those of the collector's own clock.

use super::StoreError;
use super::alerts::alert_id;
use super::rows::AllRows;
use super::types::{
    AlertId, By, COLLECTOR_AGENT, COLLECTOR_RUN, ClockQuality, Dated, EventKind, FLAG_ABSENT,
    Identity, StoredAlert,
};
use hansho::clock::{Uptime, WallTime};
use hansho::code;
use hansho::frame::body::{FLAG_UNKNOWN, reason_to_u8};
use hansho::frame::kind::AgentId;
use hansho::rule::Reason;

/// What is raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raise {
    /// Whose; [`COLLECTOR_AGENT`] for what belongs to no agent.
    pub agent: AgentId,
    /// Code.
    pub code: u16,
    /// Subject; empty for the host.
    pub subject: String,
    /// Since when it has been so, where that is known.
    pub occurred: Option<Dated>,
    /// Value in the unit of the code's quantity.
    pub value: Option<u64>,
    /// What 100 % is.
    pub total: Option<u64>,
    /// Level that decided.
    pub level: Option<u64>,
    /// [`Reason::Held`] for what lasted, [`Reason::Event`] for what happened.
    pub reason: Reason,
    /// Events.
    pub count: u32,
}

/// What raising came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raised {
    /// A new alert.
    Opened(AlertId),
    /// One of this identity was open: this is counted there.
    Counted(AlertId),
}

impl Raised {
    /// The alert.
    #[must_use]
    pub const fn alert(self) -> AlertId {
        match self {
            Self::Opened(alert) | Self::Counted(alert) => alert,
        }
    }
}

/// A moment of the collector's own clock.
#[must_use]
pub const fn exact(wall: WallTime) -> Dated {
    Dated {
        wall,
        quality: ClockQuality::Exact,
    }
}

/// Opens an alert, or counts in the one that is open.
///
/// # Errors
/// [`StoreError`].
pub fn raise<R: AllRows + ?Sized>(
    rows: &mut R,
    raise: &Raise,
    now: WallTime,
) -> Result<Raised, StoreError> {
    let identity = identity(raise.code, &raise.subject);
    if let Some(mut open) = rows.open_alert(raise.agent, &identity)? {
        open.count = open.count.saturating_add(raise.count.max(1));
        open.value = raise.value.or(open.value);
        open.worst = open.worst.max(raise.value);
        open.total = raise.total.or(open.total);
        open.reason = reason_to_u8(Reason::Repeated);
        put(rows, open, now).map(Raised::Counted)
    } else {
        let alert = new_alert(rows, raise, identity, now)?;
        put(rows, alert, now).map(Raised::Opened)
    }
}

/// Stores an alert that is over already: to be read in the record, nobody need act.
///
/// # Errors
/// [`StoreError`].
pub fn record<R: AllRows + ?Sized>(
    rows: &mut R,
    raise: &Raise,
    recovered: WallTime,
    now: WallTime,
) -> Result<AlertId, StoreError> {
    let identity = identity(raise.code, &raise.subject);
    let mut alert = new_alert(rows, raise, identity, now)?;
    alert.firing = false;
    alert.recovered = Some(exact(recovered));
    alert.resolved = Some(exact(now));
    put(rows, alert, now)
}

/// Ends an open alert; `None` where none is open.
///
/// # Errors
/// [`StoreError`].
pub fn resolve<R: AllRows + ?Sized>(
    rows: &mut R,
    agent: AgentId,
    (code, subject): (u16, &str),
    (recovered, reason): (WallTime, Reason),
    now: WallTime,
) -> Result<Option<AlertId>, StoreError> {
    let Some(open) = rows.open_alert(agent, &identity(code, subject))? else {
        return Ok(None);
    };
    end(rows, open, Some(recovered), reason, now).map(Some)
}

/// Ends an alert by the collector's word; `recovered` is since when it no longer holds, where that is known.
///
/// # Errors
/// [`StoreError`].
pub fn end<R: AllRows + ?Sized>(
    rows: &mut R,
    mut alert: StoredAlert,
    recovered: Option<WallTime>,
    reason: Reason,
    now: WallTime,
) -> Result<AlertId, StoreError> {
    alert.firing = false;
    alert.recovered = recovered.map(exact);
    alert.resolved = Some(exact(now));
    alert.reason = reason_to_u8(reason);
    put(rows, alert, now)
}

/// Ends whatever is open of an agent that nobody expects any more, its own alerts too: nobody will say how they stand.
///
/// # Errors
/// [`StoreError`].
pub fn retire<R: AllRows + ?Sized>(
    rows: &mut R,
    agent: AgentId,
    now: WallTime,
) -> Result<Vec<(u16, AlertId)>, StoreError> {
    let mut ended = Vec::new();
    for mut alert in rows.open_alerts(agent)? {
        let code = alert.identity.code;
        alert.firing = false;
        alert.resolved = Some(exact(now));
        alert.reason = reason_to_u8(Reason::Withdrawn);
        alert.by.retired = true;
        ended.push((code, put(rows, alert, now)?));
    }
    Ok(ended)
}

/// Marks what an agent raised as unknown, because it is absent. What the agent itself does not know stays as it is.
///
/// # Errors
/// [`StoreError`].
pub fn unknown<R: AllRows + ?Sized>(
    rows: &mut R,
    agent: AgentId,
    now: WallTime,
) -> Result<(), StoreError> {
    for mut alert in rows.open_alerts(agent)? {
        let own = alert.last_run == COLLECTOR_RUN;
        if own || !code::silenced_with_host(alert.identity.code) || alert.flags & FLAG_UNKNOWN != 0
        {
            continue;
        }
        alert.flags |= FLAG_UNKNOWN | FLAG_ABSENT;
        put(rows, alert, now)?;
    }
    Ok(())
}

/// The agent answers again, in the run in which it fell silent: it would have told what changed.
///
/// # Errors
/// [`StoreError`].
pub fn known<R: AllRows + ?Sized>(
    rows: &mut R,
    agent: AgentId,
    now: WallTime,
) -> Result<(), StoreError> {
    for mut alert in rows.open_alerts(agent)? {
        if alert.flags & FLAG_ABSENT != 0 {
            alert.flags &= !(FLAG_UNKNOWN | FLAG_ABSENT);
            put(rows, alert, now)?;
        }
    }
    Ok(())
}

fn identity(code: u16, subject: &str) -> Identity {
    Identity {
        code,
        subject: subject.to_owned(),
        test: false,
    }
}

fn put<R: AllRows + ?Sized>(
    rows: &mut R,
    mut alert: StoredAlert,
    now: WallTime,
) -> Result<AlertId, StoreError> {
    alert.updated = now;
    let before = rows.alert(alert.id)?;
    rows.put_alert(&alert)?;
    if let Some(kind) = EventKind::of_change(before.as_ref(), &alert) {
        rows.append_event(alert.id, kind, now)?;
    }
    Ok(alert.id)
}

fn new_alert<R: AllRows + ?Sized>(
    rows: &mut R,
    raise: &Raise,
    identity: Identity,
    now: WallTime,
) -> Result<StoredAlert, StoreError> {
    let id = new_id(rows, raise.agent)?;
    let episode = rows.last_episode(raise.agent, &identity)?.saturating_add(1);
    let quantity = code::entry(raise.code).and_then(|entry| entry.quantity);
    Ok(StoredAlert {
        id,
        agent: raise.agent,
        identity,
        episode,
        firing: true,
        run: COLLECTOR_RUN,
        last_run: COLLECTOR_RUN,
        fired: Uptime::default(),
        firing_sequence: None,
        resolved_sequence: None,
        occurred: raise.occurred,
        detected: Some(exact(now)),
        notified: None,
        recovered: None,
        resolved: None,
        stored: now,
        updated: now,
        quantity: quantity.map_or(0, hansho::rule::Quantity::number),
        value: raise.value,
        total: raise.total,
        level: raise.level,
        worst: raise.value,
        forecast_ms: None,
        count: raise.count,
        continuations: 0,
        reason: reason_to_u8(raise.reason),
        flags: 0,
        by: By::default(),
    })
}

/// The next identity: of an agent by its own counter, else by the collector's.
fn new_id<R: AllRows + ?Sized>(rows: &mut R, agent: AgentId) -> Result<AlertId, StoreError> {
    loop {
        let number = if agent == COLLECTOR_AGENT {
            let mut life = rows.collector_life()?;
            let number = life.alerts;
            life.alerts = number.saturating_add(1);
            rows.put_collector_life(&life)?;
            number
        } else {
            let mut known = rows.agent(agent)?.ok_or(StoreError::NoAgent)?;
            let number = known.alerts;
            known.alerts = number.saturating_add(1);
            rows.put_agent(&known)?;
            number
        };
        let id = alert_id(agent, number);
        if rows.alert(id)?.is_none() {
            return Ok(id);
        }
    }
}
