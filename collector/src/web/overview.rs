//! What stands on the first page, as plain values: by customer and system what burns, what is silent, what is taken; all else is
//! only counted. Pure: whatever it needs is given, and it asks nothing of an agent alone.

use super::life::Life;
use crate::codes::{self, Severity};
use crate::handling::silenced;
use crate::store::window::planned;
use crate::store::{Acknowledgement, Agent, AlertId, Facts, Place, Silence, StoredAlert, Window};
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use std::collections::{BTreeMap, HashMap};

/// Why nobody is told of an alert now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hush {
    /// A silence, by its number, until when.
    Silenced(u64, WallTime),
    /// A maintenance window, likewise.
    Maintenance(u64, WallTime),
}

/// What is known of the fleet at a moment.
pub struct Known<'a> {
    /// Agents that the viewer sees, by customer, system and name.
    pub agents: &'a [Agent],
    /// Of each of them, in the same order.
    pub lives: &'a [Life],
    /// Open alerts of all.
    pub open: &'a [StoredAlert],
    /// Acknowledgements that hold.
    pub taken: &'a [Acknowledgement],
    /// Silences that hold or are to come.
    pub silences: &'a [Silence],
    /// Windows that hold or are to come.
    pub windows: &'a [Window],
    /// Now.
    pub now: WallTime,
}

/// An open alert with all that is said of it in one line.
#[derive(Clone, Copy, Debug)]
pub struct Burning<'a> {
    /// The alert.
    pub alert: &'a StoredAlert,
    /// Its agent; `None` for what the collector raises about a site or receiver.
    pub agent: Option<&'a Agent>,
    /// Customer.
    pub customer: &'a str,
    /// Since when its agent is silent.
    pub silent: Option<WallTime>,
    /// Who has it.
    pub taken: Option<&'a Acknowledgement>,
    /// Why nobody is told of it.
    pub hush: Option<Hush>,
}

/// One system in a line.
#[derive(Clone, Debug)]
pub struct SystemLine<'a> {
    /// Customer.
    pub customer: &'a str,
    /// Its id.
    pub system: &'a str,
    /// Agents.
    pub agents: u64,
    /// Agents that never were heard.
    pub never: u64,
    /// Silent agents, and since when.
    pub silent: Vec<(&'a Agent, WallTime)>,
    /// Open errors, warnings, informations; tests aside.
    pub open: [u64; 3],
    /// Open tests.
    pub tests: u64,
    /// Those who have taken an open alert of it, each once.
    pub taken: Vec<&'a Acknowledgement>,
}

impl SystemLine<'_> {
    /// Nothing burns, nothing is silent.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.silent.is_empty() && self.tests == 0 && self.open == [0; 3]
    }
}

/// The fleet.
#[derive(Clone, Debug, Default)]
pub struct Overview<'a> {
    /// What burns: real before tests, not taken before taken, what people hear of before what is silenced, errors before
    /// warnings, those of agents that answer before the others', then the newest.
    pub burning: Vec<Burning<'a>>,
    /// Systems, by customer and id.
    pub systems: Vec<SystemLine<'a>>,
}

/// Position of a severity in the counts.
const fn rank(severity: Severity) -> usize {
    match severity {
        Severity::Error => 0,
        Severity::Warning => 1,
        Severity::Information => 2,
    }
}

/// Whose an alert is that has no agent: a site's subject is `CUSTOMER/SITE`.
#[must_use]
pub fn customer_of(alert: &StoredAlert) -> &str {
    alert.of_site().map_or("", |(customer, _)| customer)
}

/// Why nobody is told of an alert at a moment.
#[must_use]
pub fn hush(
    known: &Known<'_>,
    alert: &StoredAlert,
    agent: Option<&Agent>,
    site: &str,
) -> Option<Hush> {
    let place = place(alert, agent, site);
    let facts = Facts {
        place,
        code: alert.identity.code,
        subject: &alert.identity.subject,
    };
    if let Some(silence) = silenced(known.silences, &facts, known.now) {
        return Some(Hush::Silenced(silence.id, silence.end()));
    }
    planned(known.windows, &place, known.now)
        .map(|(window, occurrence)| Hush::Maintenance(window.id, occurrence.until))
}

/// Where an alert is.
#[must_use]
pub fn place<'p>(alert: &'p StoredAlert, agent: Option<&'p Agent>, site: &'p str) -> Place<'p> {
    match agent {
        Some(agent) => Place {
            customer: &agent.customer,
            system: &agent.system,
            site,
            agent: &agent.name,
        },
        None => {
            let (customer, site) = alert.of_site().unwrap_or_default();
            Place {
                customer,
                site,
                ..Place::default()
            }
        }
    }
}

impl<'a> Overview<'a> {
    /// Of what is known; `site` says at which site an agent stands, `sees` whose alerts without an agent the viewer sees.
    pub fn of(
        known: &'a Known<'a>,
        site: &dyn Fn(&Agent) -> String,
        sees: &dyn Fn(&str) -> bool,
    ) -> Self {
        let mut overview = Self::default();
        let mut places: HashMap<AgentId, (usize, &Agent, Life)> = HashMap::new();
        for (agent, life) in known.agents.iter().zip(known.lives) {
            overview.count(agent, *life);
            let line = overview.systems.len().saturating_sub(1);
            places.insert(agent.id, (line, agent, *life));
        }
        let taken: BTreeMap<AlertId, &Acknowledgement> =
            known.taken.iter().map(|row| (row.alert, row)).collect();
        for alert in known.open {
            let place = places.get(&alert.agent);
            let customer = match place {
                Some((_, agent, _)) => agent.customer.as_str(),
                // An agent of another customer, or one that is gone.
                None if alert.agent.0 != 0 => continue,
                None => customer_of(alert),
            };
            if place.is_none() && !sees(customer) {
                continue;
            }
            let agent = place.map(|(_, agent, _)| *agent);
            let at = agent.map(site).unwrap_or_default();
            let burning = Burning {
                alert,
                agent,
                customer,
                silent: place.and_then(|(_, _, life)| life.silent),
                taken: taken.get(&alert.id).copied(),
                hush: hush(known, alert, agent, &at),
            };
            if let Some(line) = place.and_then(|(line, ..)| overview.systems.get_mut(*line)) {
                line.burns(&burning);
            }
            overview.burning.push(burning);
        }
        overview.burning.sort_by_key(|burning| {
            (
                burning.alert.identity.test,
                burning.taken.is_some(),
                burning.hush.is_some(),
                core::cmp::Reverse(codes::severity(burning.alert.identity.code)),
                burning.silent.is_some(),
                core::cmp::Reverse((burning.alert.stored, burning.alert.id)),
            )
        });
        overview
    }

    fn count(&mut self, agent: &'a Agent, life: Life) {
        let last = self.systems.last();
        if last.is_none_or(|line| line.customer != agent.customer || line.system != agent.system) {
            self.systems.push(SystemLine {
                customer: &agent.customer,
                system: &agent.system,
                agents: 0,
                never: 0,
                silent: Vec::new(),
                open: [0; 3],
                tests: 0,
                taken: Vec::new(),
            });
        }
        let Some(line) = self.systems.last_mut() else {
            return;
        };
        line.agents = line.agents.saturating_add(1);
        if life.last_seen.is_none() {
            line.never = line.never.saturating_add(1);
        }
        if let Some(since) = life.silent {
            line.silent.push((agent, since));
        }
    }

    /// Open alerts of a severity, tests aside.
    #[must_use]
    pub fn number(&self, severity: Severity) -> usize {
        let real = self.real();
        real.filter(|burning| codes::severity(burning.alert.identity.code) == severity)
            .count()
    }

    /// Open alerts that people hear of and nobody has taken.
    #[must_use]
    pub fn untaken(&self) -> usize {
        self.real()
            .filter(|burning| burning.taken.is_none() && burning.hush.is_none())
            .count()
    }

    fn real(&self) -> impl Iterator<Item = &Burning<'a>> {
        self.burning
            .iter()
            .filter(|burning| !burning.alert.identity.test)
    }
}

impl<'a> SystemLine<'a> {
    fn burns(&mut self, burning: &Burning<'a>) {
        if burning.alert.identity.test {
            self.tests = self.tests.saturating_add(1);
            return;
        }
        let severity = codes::severity(burning.alert.identity.code);
        if let Some(count) = self.open.get_mut(rank(severity)) {
            *count = count.saturating_add(1);
        }
        if let Some(taken) = burning.taken
            && !self.taken.iter().any(|known| known.by == taken.by)
        {
            self.taken.push(taken);
        }
    }
}
