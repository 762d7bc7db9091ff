//! One look at everybody.

use super::silence::{self, Known, Silence};
use super::{Decision, Done, Planned, Policy, Swept, Why, clock, life};
use crate::limit::{POST_INTERVAL_MS, QUIET_MS};
use crate::store::news::is_news;
use crate::store::raise::{self, Raise};
use crate::store::rows::AllRows;
use crate::store::{
    Agent, AgentFacts, AlertCause, COLLECTOR_RUN, CollectorLife, Presence, Rival, SilenceCause,
    Standing, StoreError, StoredAlert, StoredGoodbye,
};
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use hansho::rule::Reason;
use std::collections::BTreeMap;

/// System silent.
pub(super) const SILENT: u16 = 9001;
/// Back: network only.
pub(super) const NETWORK_ONLY: u16 = 9002;
/// Unplanned reboot.
pub(super) const REBOOT: u16 = 9003;
/// Planned stop or restart.
pub(super) const PLANNED: u16 = 9004;
/// Two agents, one identity.
pub(super) const DOUBLE: u16 = 9006;
/// Clock off.
pub(super) const CLOCK_OFF: u16 = 9007;
/// Alerts lost.
pub(super) const ALERTS_LOST: u16 = 8002;

/// An agent with what is known of it, while it is judged.
pub(super) struct One {
    pub(super) agent: Agent,
    pub(super) presence: Presence,
    pub(super) facts: AgentFacts,
    pub(super) rivals: Vec<Rival>,
    /// What people are to be told of, unless its site is silent.
    pub(super) due: Option<SilenceCause>,
}

impl One {
    pub(super) fn promised_ms(&self) -> u64 {
        let told = self.agent.inventory.as_ref();
        told.map_or(POST_INTERVAL_MS, |told| u64::from(told.post_interval_ms))
    }
}

/// A sweep that goes on.
pub(super) struct Sweep<'s> {
    pub(super) rows: &'s mut dyn AllRows,
    pub(super) policy: &'s Policy<'s>,
    pub(super) now: WallTime,
    pub(super) life: CollectorLife,
    /// Open alerts of the collector that end by themselves, by agent and code.
    pub(super) open: BTreeMap<(AgentId, u16), StoredAlert>,
    pub(super) decisions: Vec<Decision>,
}

/// Judges every agent: within one transaction, about each second. What was told is stored with it, so that neither a
/// repetition nor a restart tells it again.
///
/// # Errors
/// [`StoreError`]; the transaction must be rolled back.
pub fn sweep(
    rows: &mut dyn AllRows,
    policy: &Policy<'_>,
    now: WallTime,
) -> Result<Swept, StoreError> {
    let (life, resumed, changed) = life::live(rows.collector_life()?, now);
    if changed {
        rows.put_collector_life(&life)?;
    }
    let mut all = everybody(rows)?;
    let before: Vec<Presence> = all.iter().map(|one| one.presence.clone()).collect();
    let mut sweep = Sweep {
        rows,
        policy,
        now,
        life,
        open: BTreeMap::new(),
        decisions: Vec::new(),
    };
    sweep.quiet()?;
    for one in &mut all {
        if resumed.is_some() {
            // A span that the own clock's step lies in, or an outage, says nothing about a host's clock.
            one.presence.clock_since = None;
        }
        if one.agent.retired.is_some() {
            sweep.retired(one)?;
            continue;
        }
        if one.presence.standing == Standing::Retired {
            one.presence.standing = Standing::Never;
        }
        sweep.returned(one)?;
        sweep.silence(one)?;
        sweep.identity(one)?;
    }
    let own_clock_off_ms = sweep.clocks(&mut all)?;
    sweep.sites(&mut all)?;
    sweep.tell(&mut all)?;
    let decisions = core::mem::take(&mut sweep.decisions);
    for (one, before) in all.iter().zip(&before) {
        if one.presence != *before {
            rows.put_presence(&one.presence)?;
        }
    }
    Ok(Swept {
        resumed,
        own_clock_off_ms,
        decisions,
    })
}

pub(super) fn everybody(rows: &mut dyn AllRows) -> Result<Vec<One>, StoreError> {
    let presences = rows.presences()?.into_iter();
    let mut presences: BTreeMap<AgentId, Presence> =
        presences.map(|known| (known.agent, known)).collect();
    let facts: BTreeMap<AgentId, AgentFacts> = rows.all_facts()?.into_iter().collect();
    let mut rivals: BTreeMap<AgentId, Vec<Rival>> = BTreeMap::new();
    for (agent, rival) in rows.all_rivals()? {
        rivals.entry(agent).or_default().push(rival);
    }
    let agents = rows.all_agents()?.into_iter();
    let all = agents.map(|agent| One {
        presence: presences
            .remove(&agent.id)
            .unwrap_or_else(|| Presence::new(agent.id)),
        facts: facts.get(&agent.id).copied().unwrap_or_default(),
        rivals: rivals.remove(&agent.id).unwrap_or_default(),
        due: None,
        agent,
    });
    Ok(all.collect())
}

/// What is known of whether an agent answers.
pub(super) struct Weighed {
    pub(super) judged: Silence,
    /// End of the absence that was announced.
    pub(super) announced: Option<WallTime>,
    said: Option<WallTime>,
    window: Option<Planned>,
    goodbye: Option<StoredGoodbye>,
}

/// Weighs what an agent said and when it was heard.
pub(super) fn weigh(
    rows: &mut dyn AllRows,
    policy: &Policy<'_>,
    life: &CollectorLife,
    one: &One,
    now: WallTime,
) -> Result<Weighed, StoreError> {
    let promised_ms = one.promised_ms();
    let seen = one.agent.last_seen;
    let (goodbye, window) = if one.presence.standing.is_silent() || may_be_silent(one, now) {
        let goodbye = match one.agent.current_run {
            Some(run) => rows.goodbye(one.agent.id, run)?,
            None => None,
        };
        (goodbye, (policy.planned)(&one.agent, now))
    } else {
        (None, None)
    };
    let (said, stopped) = silence::said(goodbye.as_ref(), seen, promised_ms);
    // A window that is over, or was ended early, has announced nothing beyond.
    let before = one.presence.planned_until.map(|until| until.min(now));
    let announced = said
        .max(window.as_ref().map(|window| window.until))
        .or(before);
    let known = Known {
        seen,
        resumed: life.resumed.unwrap_or(now),
        promised_ms,
        notify_after_ms: policy.when.notify_after_ms,
        announced,
        stopped,
    };
    Ok(Weighed {
        judged: silence::judge(&known, now),
        announced,
        said,
        window,
        goodbye,
    })
}

/// Whether its last sign is old enough that it is worth asking what was said.
fn may_be_silent(one: &One, now: WallTime) -> bool {
    one.agent.last_seen.is_some_and(|seen| {
        let age_ms = now.as_millis().abs_diff(seen.as_millis());
        age_ms > silence::allowed_ms(one.promised_ms())
    })
}

/// Whether a sign of life that the store could not note yet says that it answers.
pub(super) fn heard_unstored(
    rows: &mut dyn AllRows,
    policy: &Policy<'_>,
    one: &One,
    now: WallTime,
) -> Result<bool, StoreError> {
    let Some((header, at)) = (policy.heard)(one.agent.id) else {
        return Ok(false);
    };
    let age_ms = now.as_millis().saturating_sub(at.as_millis());
    let young = age_ms <= silence::allowed_ms(one.promised_ms());
    Ok(young && is_news(rows, &header)?)
}

impl Sweep<'_> {
    pub(super) fn decided(
        &mut self,
        agent: AgentId,
        alert: Option<(u16, crate::store::AlertId)>,
        done: Done,
        why: Why,
    ) {
        self.decisions.push(Decision {
            agent,
            alert,
            done,
            why,
        });
    }

    /// Ends events without another for long enough, and remembers those that stay open.
    fn quiet(&mut self) -> Result<(), StoreError> {
        for alert in self
            .rows
            .open_of_codes(&[ALERTS_LOST, REBOOT, DOUBLE, CLOCK_OFF])?
        {
            let (agent, code) = (alert.agent, alert.identity.code);
            // Counted before the collector's clock was set back: quiet since then, for all that is known.
            let last = if alert.updated > self.now {
                self.life.resumed.unwrap_or(self.now)
            } else {
                alert.updated
            };
            let quiet_ms = self.now.as_millis().saturating_sub(last.as_millis());
            let event = code != CLOCK_OFF && alert.last_run == COLLECTOR_RUN;
            if event && quiet_ms >= QUIET_MS {
                let id = raise::end(self.rows, alert, Some(last), Reason::Quiet, self.now)?;
                self.decided(agent, Some((code, id)), Done::Resolved, Why::Quiet);
            } else {
                self.open.insert((agent, code), alert);
            }
        }
        Ok(())
    }

    /// Judges whether it answers, and notes since when not. Who is told, [`Self::tell`] decides when its site is known.
    fn silence(&mut self, one: &mut One) -> Result<(), StoreError> {
        let Weighed {
            judged,
            announced,
            said,
            window,
            goodbye,
        } = weigh(self.rows, self.policy, &self.life, one, self.now)?;
        let seen = one.agent.last_seen;
        let standing = one.presence.standing;
        if matches!(judged, Silence::Never | Silence::Answers)
            || heard_unstored(self.rows, self.policy, one, self.now)?
        {
            if seen.is_some() && standing == Standing::Never {
                one.presence.standing = Standing::Present;
            }
            return Ok(());
        }
        if !standing.is_silent() {
            one.presence.standing = Standing::Silent;
            one.presence.seen = seen;
        }
        one.presence.planned_until = announced;
        match (one.presence.standing, judged) {
            (Standing::Silent, Silence::Planned) => {
                let text = match (said, window) {
                    (None, Some(window)) => window.text,
                    _ => goodbye.map_or_else(String::new, |goodbye| goodbye.text),
                };
                self.planned(one, text)
            }
            (Standing::Silent | Standing::Planned, Silence::Due(cause)) => {
                one.due = Some(cause);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn planned(&mut self, one: &mut One, text: String) -> Result<(), StoreError> {
        let agent = one.agent.id;
        let raised = self.raise(
            one,
            PLANNED,
            Reason::Event,
            one.presence.seen,
            self.silent_ms(one),
        )?;
        let cause = AlertCause {
            seen: one.presence.seen,
            planned_until: one.presence.planned_until,
            text,
            ..AlertCause::default()
        };
        self.rows.put_cause(raised, &cause)?;
        one.presence.standing = Standing::Planned;
        raise::unknown(self.rows, agent, self.now)?;
        self.decided(agent, Some((PLANNED, raised)), Done::Raised, Why::Planned);
        Ok(())
    }

    pub(super) fn silent_ms(&self, one: &One) -> Option<u64> {
        let seen = one.presence.seen?;
        Some(self.now.as_millis().saturating_sub(seen.as_millis()))
    }

    /// Opens an alert about an agent that has gone on since `occurred`, or counts in the open one.
    pub(super) fn raise(
        &mut self,
        one: &One,
        code: u16,
        reason: Reason,
        occurred: Option<WallTime>,
        value: Option<u64>,
    ) -> Result<crate::store::AlertId, StoreError> {
        let raise = Raise {
            agent: one.agent.id,
            code,
            subject: String::new(),
            occurred: occurred.map(raise::exact),
            value,
            total: None,
            level: None,
            reason,
            count: 1,
        };
        Ok(raise::raise(self.rows, &raise, self.now)?.alert())
    }

    /// Tells of those whose silence is due and whose site does not speak for them.
    fn tell(&mut self, all: &mut [One]) -> Result<(), StoreError> {
        for one in all {
            let Some(cause) = one.due.take() else {
                continue;
            };
            let agent = one.agent.id;
            let seen = one.presence.seen;
            if one.presence.standing == Standing::Planned {
                let recovered = one.presence.planned_until.unwrap_or(self.now);
                let ended = (recovered, Reason::Quiet);
                let ended = raise::resolve(self.rows, agent, (PLANNED, ""), ended, self.now)?;
                if let Some(alert) = ended {
                    let why = Why::Silence(SilenceCause::Overdue);
                    self.decided(agent, Some((PLANNED, alert)), Done::Resolved, why);
                }
            }
            let presumed = match (cause, seen) {
                (SilenceCause::Unknown, Some(seen)) => {
                    super::back::presumed(self.rows, &one.agent, seen)?
                }
                _ => None,
            };
            let alert = self.raise(one, SILENT, Reason::Held, seen, self.silent_ms(one))?;
            let cause_row = AlertCause {
                silence: Some(cause),
                presumed,
                seen,
                planned_until: one.presence.planned_until,
                text: self.words(&one.agent)?,
                ..AlertCause::default()
            };
            self.rows.put_cause(alert, &cause_row)?;
            one.presence.standing = Standing::Absent;
            raise::unknown(self.rows, agent, self.now)?;
            self.decided(
                agent,
                Some((SILENT, alert)),
                Done::Raised,
                Why::Silence(cause),
            );
        }
        Ok(())
    }

    /// What the run that spoke last said at its end.
    fn words(&mut self, agent: &Agent) -> Result<String, StoreError> {
        let goodbye = match agent.current_run {
            Some(run) => self.rows.goodbye(agent.id, run)?,
            None => None,
        };
        Ok(goodbye.map_or_else(String::new, |goodbye| goodbye.text))
    }

    /// Judges the clocks of those that answer; says by how much the collector's own seems off.
    fn clocks(&mut self, all: &mut [One]) -> Result<Option<i64>, StoreError> {
        let own = clock::own_fault_ms(clock::witnesses(all));
        for one in all {
            let Some(clock_ms) = one.facts.clock_ms else {
                continue;
            };
            if one.presence.standing != Standing::Present {
                one.presence.clock_since = None;
                continue;
            }
            let off_ms = clock_ms.saturating_sub(own.unwrap_or(0));
            let agent = one.agent.id;
            let open = self.open.contains_key(&(agent, CLOCK_OFF));
            let off = off_ms.unsigned_abs();
            match clock::judge(off, open, one.presence.clock_since, self.now) {
                clock::Verdict::Wait(since) => one.presence.clock_since = since,
                clock::Verdict::Raise(since) => {
                    one.presence.clock_since = None;
                    let alert = self.raise(one, CLOCK_OFF, Reason::Held, Some(since), Some(off))?;
                    let why = Why::Clock { off_ms };
                    self.decided(agent, Some((CLOCK_OFF, alert)), Done::Raised, why);
                }
                clock::Verdict::Resolve(since) => {
                    one.presence.clock_since = None;
                    let ended = (since, Reason::Cleared);
                    let code = (CLOCK_OFF, "");
                    if let Some(alert) = raise::resolve(self.rows, agent, code, ended, self.now)? {
                        let why = Why::ClockRight;
                        self.decided(agent, Some((CLOCK_OFF, alert)), Done::Resolved, why);
                    }
                }
            }
        }
        Ok(own)
    }

    /// Ends what is open about an agent that nobody expects any more: else its last alerts would be repeated for ever. What was
    /// under way when it was retired is ended when it has come. It is judged anew when it is expected again, and tells then what
    /// is still open.
    fn retired(&mut self, one: &mut One) -> Result<(), StoreError> {
        one.due = None;
        let seen = one.agent.last_seen;
        if one.presence.standing == Standing::Retired && one.presence.seen == seen {
            return Ok(());
        }
        let agent = one.agent.id;
        // The command that retired it ended them; this is for what came between.
        for ended in raise::retire(self.rows, agent, self.now)? {
            self.decided(agent, Some(ended), Done::Resolved, Why::Retired);
        }
        one.presence = Presence {
            standing: Standing::Retired,
            seen,
            gaps_told: one.presence.gaps_told,
            double_told: one.presence.double_told,
            ..Presence::new(agent)
        };
        Ok(())
    }
}
