//! An agent that is there again, or that another boot speaks for.

use super::back;
use super::sweep::{NETWORK_ONLY, One, PLANNED, REBOOT, SILENT, Sweep};
use super::{Done, Why, silence};
use crate::limit::{AWAY_TOLD_MS, STRAGGLER_MS};
use crate::store::raise::{self, Raise};
use crate::store::{
    AlertCause, BackCause, Boot, DoubleSign, Presumed, Rebooted, SilenceCause, Standing,
    StoreError, StoredGoodbye,
};
use hansho::clock::{Uptime, WallTime};
use hansho::frame::kind::{BootId, RunId};
use hansho::rule::Reason;

/// A reboot that is to be told.
struct Reboot {
    /// The run before.
    before: Option<RunId>,
    /// Last sign of that.
    seen: Option<WallTime>,
    /// The absence was announced, or there is a window.
    planned_until: Option<WallTime>,
    /// What was presumed when it fell silent.
    presumed: Option<Presumed>,
    /// It is only to be read in the record: its site was told already.
    known: bool,
}

impl Sweep<'_> {
    /// Notices that it is back, or that another run or boot speaks for it.
    pub(super) fn returned(&mut self, one: &mut One) -> Result<(), StoreError> {
        let before = (one.presence.run, one.presence.boot);
        let moved = one.presence.run != one.agent.current_run;
        let silent = one.presence.standing.is_silent();
        let back = silent && one.agent.last_seen != one.presence.seen;
        if !moved && !back {
            return self.settle(one);
        }
        let boot = self.boot(one)?;
        let after = (one.agent.current_run, boot.map(|boot| boot.id));
        let seen = if silent {
            one.presence.seen
        } else {
            self.last_sign(one, before)?
        };
        let replaced = back::replaced(&one.facts, seen);
        let cause = back::cause(before, after, replaced);
        // Two boots at once are two hosts. Dates before the collector's clock was set prove nothing.
        let dated = seen.filter(|seen| Some(*seen) >= self.life.resumed && *seen <= self.now);
        let overlap =
            cause == BackCause::Rebooted && boot.is_some_and(|boot| back::overlaps(&boot, dated));
        (one.presence.run, one.presence.boot) = after;
        if overlap {
            self.double(one, DoubleSign::Boots, self.now)?;
        }
        let standing = one.presence.standing;
        if back {
            self.back(one, before.0, cause, overlap)?;
        } else if standing != Standing::Never {
            self.moved(one, before.0, seen, cause, overlap)?;
        }
        if standing == Standing::Never && one.agent.last_seen.is_some() && !back {
            one.presence.standing = Standing::Present;
        }
        Ok(())
    }

    /// The boot of the run that speaks now.
    fn boot(&mut self, one: &One) -> Result<Option<Boot>, StoreError> {
        let Some(run) = one.agent.current_run else {
            return Ok(None);
        };
        let Some(run) = self.rows.run(one.agent.id, run)? else {
            return Ok(None);
        };
        let boot = self.rows.boot(one.agent.id, run.boot)?;
        Ok(Some(boot.unwrap_or_else(|| Boot::new(run.boot))))
    }

    /// When the run that spoke before was heard last.
    fn last_sign(
        &mut self,
        one: &One,
        (run, boot): (Option<RunId>, Option<BootId>),
    ) -> Result<Option<WallTime>, StoreError> {
        let (Some(run), Some(boot)) = (run, boot) else {
            return Ok(None);
        };
        let run = self.rows.run(one.agent.id, run)?;
        let boot = self.rows.boot(one.agent.id, boot)?;
        let sent = run.and_then(|run| run.last_sent).zip(boot);
        Ok(sent.map(|(sent, boot)| boot.date(sent).wall))
    }

    /// Another run or boot speaks, and people were not told of any silence.
    fn moved(
        &mut self,
        one: &mut One,
        before: Option<RunId>,
        seen: Option<WallTime>,
        cause: BackCause,
        overlap: bool,
    ) -> Result<(), StoreError> {
        let agent = one.agent.id;
        self.decided(agent, None, Done::Noted, Why::Back(cause));
        match cause {
            BackCause::Rebooted if !overlap => {
                // One that waits is told now: there were two.
                self.tell_waiting(one)?;
                one.presence.rebooted = before.map(|run| Rebooted {
                    at: self.now,
                    run,
                    seen,
                });
            }
            BackCause::AgentRestarted => {
                let goodbye = self.goodbye(one, before)?;
                let planned = goodbye
                    .and_then(|goodbye| silence::said(Some(&goodbye), seen, one.promised_ms()).0);
                if planned.is_some() {
                    self.planned_restart(one, seen, planned, cause)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn goodbye(
        &mut self,
        one: &One,
        run: Option<RunId>,
    ) -> Result<Option<StoredGoodbye>, StoreError> {
        match run {
            Some(run) => self.rows.goodbye(one.agent.id, run),
            None => Ok(None),
        }
    }

    /// A quick reboot is told when the boot before had the time to say that it still lives: a clone takes over just as quickly.
    fn settle(&mut self, one: &mut One) -> Result<(), StoreError> {
        let Some(waiting) = one.presence.rebooted else {
            return Ok(());
        };
        let lives = one.rivals.iter().any(|rival| {
            let after_ms = rival
                .last
                .as_millis()
                .saturating_sub(waiting.at.as_millis());
            rival.run == waiting.run && after_ms > STRAGGLER_MS
        });
        if lives {
            one.presence.rebooted = None;
            return Ok(());
        }
        let waited_ms = self.now.as_millis().abs_diff(waiting.at.as_millis());
        if waited_ms >= silence::allowed_ms(one.promised_ms()) {
            self.tell_waiting(one)?;
        }
        Ok(())
    }

    fn tell_waiting(&mut self, one: &mut One) -> Result<(), StoreError> {
        let Some(waiting) = one.presence.rebooted.take() else {
            return Ok(());
        };
        let reboot = Reboot {
            before: Some(waiting.run),
            seen: waiting.seen,
            planned_until: None,
            presumed: None,
            known: false,
        };
        self.reboot(one, &reboot)
    }

    /// A silent agent answers again.
    fn back(
        &mut self,
        one: &mut One,
        before: Option<RunId>,
        cause: BackCause,
        overlap: bool,
    ) -> Result<(), StoreError> {
        let agent = one.agent.id;
        let seen = one.presence.seen;
        let planned_until = one.presence.planned_until;
        let standing = one.presence.standing;
        let code = match standing {
            Standing::Absent => Some(SILENT),
            Standing::Planned => Some(PLANNED),
            _ => None,
        };
        let mut presumed = None;
        if let Some(code) = code {
            presumed = self.over(one, code, cause)?;
        } else {
            self.decided(agent, None, Done::Noted, Why::Back(cause));
        }
        if cause == BackCause::NetworkOnly {
            raise::known(self.rows, agent, self.now)?;
        }
        match (standing, cause) {
            (Standing::Absent | Standing::Silent, BackCause::NetworkOnly) => {
                self.network_only(one, seen)?;
            }
            (Standing::Absent | Standing::Silent | Standing::Site, BackCause::Rebooted)
                if !overlap =>
            {
                let reboot = Reboot {
                    before,
                    seen,
                    planned_until: planned_until.filter(|_| standing != Standing::Absent),
                    presumed,
                    known: standing == Standing::Site,
                };
                self.reboot(one, &reboot)?;
            }
            (Standing::Silent, BackCause::AgentRestarted) => {
                let goodbye = self.goodbye(one, before)?;
                let said = silence::said(goodbye.as_ref(), seen, one.promised_ms()).0;
                if said.is_some() {
                    self.planned_restart(one, seen, said, cause)?;
                }
            }
            _ => {}
        }
        if let Some(site) = one.presence.site.take() {
            self.rows.put_silent_site(&crate::store::SilentSite {
                site,
                returned: Some(self.now),
            })?;
        }
        one.presence.standing = Standing::Present;
        one.presence.seen = None;
        one.presence.planned_until = None;
        one.presence.rebooted = None;
        Ok(())
    }

    /// Ends the alert of its silence, with why it is back; gives what was presumed when it was raised.
    fn over(
        &mut self,
        one: &One,
        code: u16,
        cause: BackCause,
    ) -> Result<Option<Presumed>, StoreError> {
        let agent = one.agent.id;
        let recovered = one.agent.last_seen.unwrap_or(self.now);
        let ended = (recovered, Reason::Cleared);
        let Some(alert) = raise::resolve(self.rows, agent, (code, ""), ended, self.now)? else {
            return Ok(None);
        };
        let mut known = self.rows.cause(alert)?.unwrap_or_default();
        known.back = Some(cause);
        if let Some(boot) = one.presence.boot {
            known.boot = self.rows.boot_reason(agent, boot)?;
        }
        self.rows.put_cause(alert, &known)?;
        self.decided(agent, Some((code, alert)), Done::Resolved, Why::Back(cause));
        Ok(known.presumed)
    }

    fn network_only(&mut self, one: &One, seen: Option<WallTime>) -> Result<(), StoreError> {
        let cause = AlertCause {
            back: Some(BackCause::NetworkOnly),
            seen,
            ..AlertCause::default()
        };
        self.record(one, NETWORK_ONLY, seen, &cause, BackCause::NetworkOnly)
    }

    fn planned_restart(
        &mut self,
        one: &One,
        seen: Option<WallTime>,
        planned_until: Option<WallTime>,
        back: BackCause,
    ) -> Result<(), StoreError> {
        let cause = AlertCause {
            back: Some(back),
            seen,
            planned_until,
            ..AlertCause::default()
        };
        self.record(one, PLANNED, seen, &cause, back)
    }

    /// Stores an alert about an absence that is over.
    fn record(
        &mut self,
        one: &One,
        code: u16,
        occurred: Option<WallTime>,
        cause: &AlertCause,
        back: BackCause,
    ) -> Result<(), StoreError> {
        let recovered = one.agent.last_seen.unwrap_or(self.now);
        let raise = Raise {
            occurred: occurred.map(raise::exact),
            value: occurred.map(|seen| recovered.as_millis().saturating_sub(seen.as_millis())),
            ..event(one, code)
        };
        let alert = raise::record(self.rows, &raise, recovered, self.now)?;
        self.rows.put_cause(alert, cause)?;
        let why = Why::Back(back);
        self.decided(one.agent.id, Some((code, alert)), Done::Recorded, why);
        Ok(())
    }

    /// Tells of a reboot: planned where it was announced, else as what it is.
    fn reboot(&mut self, one: &One, reboot: &Reboot) -> Result<(), StoreError> {
        let agent = one.agent.id;
        let goodbye = self.goodbye(one, reboot.before)?;
        let (said, stopped) = silence::said(goodbye.as_ref(), reboot.seen, one.promised_ms());
        let window = (self.policy.planned)(&one.agent, self.now).map(|window| window.until);
        let planned_until = said.max(window).or(reboot.planned_until);
        let boot = self.boot(one)?;
        let began = boot.map(|boot| boot.date(Uptime::default()));
        let mut cause = AlertCause {
            back: Some(BackCause::Rebooted),
            presumed: reboot.presumed.filter(|_| !stopped),
            seen: reboot.seen,
            planned_until,
            text: goodbye.map_or_else(String::new, |goodbye| goodbye.text),
            silence: stopped.then_some(SilenceCause::StoppedInOrder),
            ..AlertCause::default()
        };
        if let Some(boot) = boot {
            cause.boot = self.rows.boot_reason(agent, boot.id)?;
        }
        if planned_until.is_some() {
            return self.record(one, PLANNED, reboot.seen, &cause, BackCause::Rebooted);
        }
        // While the collector was away for long: restored from a backup, it may have told people before.
        let old = self.life.away_ms > AWAY_TOLD_MS
            && began.is_some_and(|began| Some(began.wall) < self.life.resumed);
        let raise = Raise {
            occurred: began,
            value: Some(1),
            ..event(one, REBOOT)
        };
        let why = Why::Back(BackCause::Rebooted);
        let (alert, done) = if old || reboot.known {
            let recovered = one.agent.last_seen.unwrap_or(self.now);
            let alert = raise::record(self.rows, &raise, recovered, self.now)?;
            (alert, Done::Recorded)
        } else {
            match raise::raise(self.rows, &raise, self.now)? {
                raise::Raised::Opened(alert) => (alert, Done::Raised),
                raise::Raised::Counted(alert) => (alert, Done::Counted),
            }
        };
        self.rows.put_cause(alert, &cause)?;
        self.decided(agent, Some((REBOOT, alert)), done, why);
        Ok(())
    }
}

/// An event of an agent.
pub(super) fn event(one: &One, code: u16) -> Raise {
    Raise {
        agent: one.agent.id,
        code,
        subject: String::new(),
        occurred: None,
        value: None,
        total: None,
        level: None,
        reason: Reason::Event,
        count: 1,
    }
}
