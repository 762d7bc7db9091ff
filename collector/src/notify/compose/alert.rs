//! A message about one alert.

use super::super::context::Directory as _;
use super::super::notice::{
    AlertNotice, CollectorState, During, Ending, Escalation, Excerpt, Forecast, Goodbye, Happened,
    Happening, Identity, Measured, Owner, Peers, Response, Silence, Taken, Times, What, Worst,
};
use super::super::rank;
use super::back::back;
use super::{Desk, Subject};
use crate::config;
use crate::store::rows::AllRows;
use crate::store::{
    AckEnding, Acknowledgement, AlertCause, NoteOn, Outgoing, Reason, Standing, StoreError,
    StoredAlert,
};
use hansho::clock::WallTime;
use hansho::code::{HOST_ABSENT, Language};
use hansho::frame::body::reason_to_u8;
use hansho::frame::kind::AgentId;
use hansho::rule::{self, Quantity};
use std::collections::BTreeMap;

/// HNS9005: a whole site is silent.
const SITE_SILENT: u16 = 9005;

pub(super) fn taken(held: Acknowledgement) -> Taken {
    Taken {
        by: held.by,
        at: held.at,
        note: Some(held.text).filter(|text| !text.is_empty()),
        recovery_expected: held.expected_recovery,
        next_report: held.next_report,
    }
}

pub(super) fn measured(alert: &StoredAlert, value: Option<u64>) -> Option<Measured> {
    value.map(|value| Measured {
        quantity: Quantity::from_number(alert.quantity),
        value,
        total: alert.total,
    })
}

fn is_event(alert: &StoredAlert) -> bool {
    [
        rule::Reason::Event,
        rule::Reason::Repeated,
        rule::Reason::Quiet,
    ]
    .iter()
    .any(|reason| reason_to_u8(*reason) == alert.reason)
}

impl Desk<'_> {
    /// All but what the readings and the past say.
    pub(super) fn told_of(
        &self,
        rows: &mut dyn AllRows,
        outgoing: &Outgoing,
        subject: &Subject,
        receiver: &config::Receiver,
    ) -> Result<AlertNotice, StoreError> {
        let alert = &subject.about.alert;
        let language = self.language(receiver, subject.about.customer());
        let cause = rows.cause(alert.id)?.unwrap_or_default();
        let mut meanwhile = self.happenings(rows, subject)?;
        meanwhile.extend(promise(outgoing.reason, subject, language));
        meanwhile.sort_by_key(|happening| happening.at);
        Ok(AlertNotice {
            happened: self.happened(rows, (outgoing, receiver), subject, &cause)?,
            test: alert.identity.test,
            owner: self.owner(outgoing, subject, language),
            identity: identity(subject),
            times: Times {
                occurred: alert.occurred,
                detected: alert.detected,
                notified: alert.notified,
                recovered: alert.recovered,
                resolved: alert.resolved,
            },
            value: measured(alert, alert.value),
            worst: measured(alert, alert.worst).map(|value| Worst {
                value,
                at: None,
                available_kib: None,
            }),
            count: is_event(alert).then_some(alert.count),
            excerpt: Excerpt::default(),
            forecast: forecast(alert),
            rule: None,
            during: During::default(),
            response: self.response(subject, language),
            suspects: None,
            victims: Vec::new(),
            meanwhile,
            presumed: presumed(&cause, language),
            history: None,
            hosts: self.silent_hosts(rows, subject)?,
            hosts_total: None,
            late_ms: alert
                .detected
                .filter(|_| outgoing.reason == Reason::Late)
                .map(|detected| between(detected.wall, outgoing.created)),
            report: None,
        })
    }

    fn happened(
        &self,
        rows: &mut dyn AllRows,
        (outgoing, receiver): (&Outgoing, &config::Receiver),
        subject: &Subject,
        cause: &AlertCause,
    ) -> Result<Happened, StoreError> {
        let alert = &subject.about.alert;
        let absent = matches!(alert.identity.code, HOST_ABSENT | SITE_SILENT);
        let silence = match outgoing.thread {
            Some(root) if outgoing.reason == Reason::FamilyEnds => rows.alert(root)?,
            _ => None,
        };
        Ok(match outgoing.reason {
            Reason::Worsened { from } => Happened::Worsened { from },
            Reason::Repeat { nth } => Happened::Repeated { nth },
            Reason::RecoveryOverdue | Reason::ReportDue | Reason::QuietEnded => {
                Happened::Repeated {
                    nth: outgoing.nth.max(2),
                }
            }
            Reason::FamilyEnds => match silence {
                Some(silence) if silence.identity.code == HOST_ABSENT && !silence.by.retired => {
                    let language = self.language(receiver, subject.about.customer());
                    let moments = (&silence, outgoing.created);
                    Happened::Back(back(moments, cause, language))
                }
                _ => Happened::Resolved(ending(alert)),
            },
            Reason::Acknowledged => Happened::Acknowledged,
            Reason::Released => Happened::Released {
                by: released_by(rows, alert)?,
            },
            Reason::Escalated { level } | Reason::PassedOver { level }
                if !is_first(outgoing, subject) =>
            {
                Happened::Escalated {
                    rank: level,
                    untaken_ms: subject
                        .thread
                        .as_ref()
                        .and_then(|thread| thread.untaken.or(thread.first_told))
                        .map_or(0, |since| between(since, outgoing.created)),
                }
            }
            Reason::Evidence => Happened::Evidence,
            _ if absent => Happened::Silent(Box::new(self.silence(rows, subject, cause)?)),
            _ => Happened::Raised,
        })
    }

    fn silence(
        &self,
        rows: &mut dyn AllRows,
        subject: &Subject,
        cause: &AlertCause,
    ) -> Result<Silence, StoreError> {
        let alert = &subject.about.alert;
        let judged = alert
            .detected
            .map_or(alert.stored, |detected| detected.wall);
        let open = rows.open_alerts(alert.agent)?;
        let life = rows.collector_life()?;
        let seen = cause.seen.or(subject
            .about
            .agent
            .as_ref()
            .and_then(|agent| agent.last_seen));
        // An outage of the collector that reaches into the silence puts it in doubt.
        let outage = life
            .resumed
            .filter(|resumed| seen.is_some_and(|seen| *resumed > seen))
            .filter(|_| life.away_ms > 0);
        Ok(Silence {
            last_heard: seen,
            judged,
            goodbye: match (cause.silence, cause.planned_until) {
                (_, Some(until)) => Goodbye::Overdue {
                    reason: cause.text.clone(),
                    until,
                },
                (Some(crate::store::SilenceCause::StoppedInOrder), None) => Goodbye::Stopped {
                    at: seen.unwrap_or(judged),
                },
                _ => Goodbye::None,
            },
            peers: self.peers(rows, subject)?,
            collector: match outage {
                Some(_) => CollectorState::Late {
                    by_ms: life.away_ms,
                },
                None => CollectorState::Well,
            },
            memory: None,
            open: open
                .iter()
                .map(|open| open.identity.code)
                .filter(|code| hansho::code::silenced_with_host(*code))
                .collect(),
        })
    }

    /// How the others of its site stand; where no site is configured, a system's agents are one.
    fn peers(
        &self,
        rows: &mut dyn AllRows,
        subject: &Subject,
    ) -> Result<Option<Peers>, StoreError> {
        let Some(own) = &subject.about.agent else {
            return Ok(None);
        };
        let site = &subject.about.site;
        let standings: BTreeMap<AgentId, Standing> = rows
            .presences()?
            .into_iter()
            .map(|known| (known.agent, known.standing))
            .collect();
        let mut peers = Peers {
            answering: 0,
            silent: 0,
        };
        for agent in rows.all_agents()? {
            let near = agent.customer == own.customer
                && (site.is_some() || agent.system == own.system)
                && self.configured.site(&agent) == *site;
            if !near || agent.id == own.id || agent.retired.is_some() {
                continue;
            }
            match standings.get(&agent.id) {
                Some(Standing::Present) => peers.answering = peers.answering.saturating_add(1),
                Some(standing) if standing.is_silent() => {
                    peers.silent = peers.silent.saturating_add(1);
                }
                // Never heard: says nothing.
                _ => {}
            }
        }
        Ok(Some(peers))
    }

    fn silent_hosts(
        &self,
        rows: &mut dyn AllRows,
        subject: &Subject,
    ) -> Result<Vec<String>, StoreError> {
        let alert = &subject.about.alert;
        if alert.identity.code != SITE_SILENT {
            return Ok(Vec::new());
        }
        let site = Some(alert.identity.subject.clone());
        let silent: Vec<_> = rows
            .presences()?
            .into_iter()
            .filter(|presence| presence.site == site)
            .collect();
        let mut hosts = Vec::new();
        for presence in silent {
            hosts.extend(rows.agent(presence.agent)?.map(|agent| agent.name));
        }
        hosts.sort();
        Ok(hosts)
    }

    pub(super) fn owner(
        &self,
        outgoing: &Outgoing,
        subject: &Subject,
        language: Language,
    ) -> Owner {
        let about = &subject.about;
        let directory = self.configured.as_ref();
        let host = about.agent.as_ref().map(|agent| agent.name.clone());
        let owner = directory.owner(
            about.customer(),
            about.system(),
            host.as_deref().unwrap_or(""),
        );
        let name = |named: &crate::directory::Named| named.name.get(language).to_owned();
        let at = outgoing.created;
        let on_duty = self.configured.route(about, 1, at).receivers;
        let site = owner.site.as_ref().map(name).or_else(|| {
            let site = about.alert.of_site();
            site.map(|(_, site)| site.to_owned())
        });
        Owner {
            customer: name(&owner.customer),
            system: name(&owner.system),
            system_full: None,
            host,
            environment: owner
                .environment
                .as_ref()
                .map(|environment| environment.get(language).to_owned()),
            site,
            team: owner.team.as_ref().map(name),
            on_duty: on_duty
                .into_iter()
                .find(|receiver| !receiver.copy)
                .map(|receiver| receiver.shown),
            taken: subject.taken.clone(),
            next: self.next(outgoing, subject),
        }
    }

    fn next(&self, outgoing: &Outgoing, subject: &Subject) -> Option<Escalation> {
        let thread = subject.thread.as_ref()?;
        if subject.taken.is_some() || thread.ended.is_some() {
            return None;
        }
        let since = thread.untaken?;
        let level = match outgoing.reason {
            Reason::Escalated { level } | Reason::PassedOver { level } => level,
            _ => thread.level,
        };
        let about = &subject.about;
        let next = rank::next(self.configured, about, level, outgoing.created)?;
        Some(Escalation {
            at: super::super::decide::later(since, next.after_ms),
            rank: next.rank,
            to: next.routing.receivers.into_iter().next()?.shown,
        })
    }

    fn response(&self, subject: &Subject, language: Language) -> Option<Response> {
        let about = &subject.about;
        let directory = self.configured.as_ref();
        let host = about.agent.as_ref().map_or("", |agent| &agent.name);
        let identity = &about.alert.identity;
        let agreed = directory.response(
            identity.code,
            about.customer(),
            about.system(),
            host,
            &identity.subject,
        )?;
        let text = |text: &config::Text| text.get(language).to_owned();
        let all = |texts: &[config::Text]| texts.iter().map(text).collect();
        let source = match &agreed.customer {
            Some(customer) => directory
                .customer(customer)
                .map_or_else(|| customer.clone(), |customer| text(&customer.name)),
            None => String::new(),
        };
        Some(Response {
            source,
            document: agreed.document.as_ref().map(text),
            impact: agreed.impact.as_ref().map(text),
            steps: all(&agreed.first_action),
            confirm: None,
            must_not: all(&agreed.must_not),
            decides: agreed.decides.as_ref().map(text),
            telephone: agreed.telephone.clone(),
        })
    }

    /// What people did, who was told next, and what else the host raised since.
    fn happenings(
        &self,
        rows: &mut dyn AllRows,
        subject: &Subject,
    ) -> Result<Vec<Happening>, StoreError> {
        let alert = &subject.about.alert;
        let mut alerts = vec![alert.id];
        let mut found = Vec::new();
        if let Some(thread) = &subject.thread {
            for decision in rows.decisions_of(thread.root)? {
                if let Some(other) = decision.alert
                    && !alerts.contains(&other)
                {
                    alerts.push(other);
                }
            }
            for message in rows.outgoing_of_thread(thread.root)? {
                if matches!(
                    message.reason,
                    Reason::Escalated { .. } | Reason::PassedOver { .. }
                ) && message.number > thread.told_from
                    && let Some(to) = message.to.first()
                    && !found
                        .iter()
                        .any(|one: &Happening| one.at == message.created)
                {
                    found.push(Happening {
                        at: message.created,
                        what: What::Escalated { to: to.clone() },
                    });
                }
            }
        }
        let moved = self.moved_at(rows, subject)?;
        for id in alerts {
            for held in rows.acknowledgements(id)? {
                if let Some(end) = held
                    .ended
                    .as_ref()
                    .filter(|end| end.how == AckEnding::Released)
                {
                    found.push(Happening {
                        at: end.at,
                        what: What::Released { by: end.by.clone() },
                    });
                }
                found.push(Happening {
                    at: held.at,
                    what: What::Taken(taken(held)),
                });
            }
            for note in rows.notes(&NoteOn::Alert(id))? {
                found.push(Happening {
                    at: note.at,
                    what: What::Noted {
                        by: note.by,
                        text: note.text,
                    },
                });
            }
        }
        // What people of another customer did and wrote is theirs.
        found.retain(|one| moved.is_none_or(|moved| one.at >= moved));
        Ok(found)
    }
}

pub(super) fn identity(subject: &Subject) -> Identity {
    let about = &subject.about;
    let alert = &about.alert;
    let started = alert.occurred.or(alert.detected);
    Identity {
        code: alert.identity.code,
        customer: about.customer().to_owned(),
        system: about.system().to_owned(),
        host: about.agent.as_ref().map(|agent| agent.name.clone()),
        subject: alert.identity.subject.clone(),
        alert: alert.id.to_string(),
        started: started.map_or(alert.stored, |started| started.wall),
    }
}

/// Whether people heard of the trouble by this message for the first time.
fn is_first(outgoing: &Outgoing, subject: &Subject) -> bool {
    let thread = subject.thread.as_ref();
    thread.is_none_or(|thread| thread.first_told == Some(outgoing.created))
}

pub(super) const fn between(from: WallTime, to: WallTime) -> u64 {
    to.as_millis().saturating_sub(from.as_millis())
}

fn forecast(alert: &StoredAlert) -> Option<Forecast> {
    let detected = alert.detected.filter(|_| alert.firing)?;
    let ahead_ms = alert.forecast_ms?;
    Some(Forecast {
        at: super::super::decide::later(detected.wall, ahead_ms),
    })
}

fn ending(alert: &StoredAlert) -> Ending {
    if alert.identity.test {
        return Ending::Test;
    }
    if alert.by.closed_by_state {
        return Ending::Told;
    }
    if alert.by.retired {
        Ending::Retired
    } else if alert.reason == reason_to_u8(rule::Reason::Withdrawn) {
        Ending::Withdrawn
    } else {
        Ending::Cleared
    }
}

fn released_by(rows: &mut dyn AllRows, alert: &StoredAlert) -> Result<String, StoreError> {
    let held = rows.acknowledgements(alert.id)?;
    let ended = held.into_iter().rev().find_map(|held| held.ended);
    Ok(ended.map_or_else(String::new, |end| end.by))
}

fn presumed(cause: &AlertCause, language: Language) -> Vec<String> {
    let text = cause.presumed.map(|presumed| match (presumed, language) {
        (crate::store::Presumed::OomKill, Language::Ja) => {
            "直前に OOM Killer が発動しています。メモリ不足による停止の可能性があります"
        }
        (crate::store::Presumed::OomKill, Language::En) => {
            "the OOM killer was at work shortly before: perhaps lack of memory stopped it"
        }
        (crate::store::Presumed::MemoryExhausted, Language::Ja) => {
            "直前にメモリがほぼ使い切られています。極端なメモリ不足による停滞・停止の可能性があります"
        }
        (crate::store::Presumed::MemoryExhausted, Language::En) => {
            "memory was nearly used up shortly before: perhaps lack of memory stalled or stopped it"
        }
    });
    text.into_iter().map(str::to_owned).collect()
}

/// What its taker promised, and when that was.
fn promise(reason: Reason, subject: &Subject, language: Language) -> Option<Happening> {
    let taken = subject.taken.as_ref()?;
    let (at, text) = match (reason, language) {
        (Reason::RecoveryOverdue, Language::Ja) => (
            taken.recovery_expected?,
            "復旧見込みの時刻を過ぎました。見込みを更新してください",
        ),
        (Reason::RecoveryOverdue, Language::En) => (
            taken.recovery_expected?,
            "the expected recovery is overdue: say when it will be",
        ),
        (Reason::ReportDue, Language::Ja) => (
            taken.next_report?,
            "次回報告の予定時刻です。状況を報告してください",
        ),
        (Reason::ReportDue, Language::En) => (
            taken.next_report?,
            "the next report is due: say how it stands",
        ),
        _ => return None,
    };
    Some(Happening {
        at,
        what: What::Text(text.to_owned()),
    })
}
