//! Codes that systems can raise, for the question what was not agreed yet.

use crate::directory::{Directory, Raise, Uncovered};
use crate::store::{Agent, Store, StoreError};
use hansho::code::{RaisedBy, TABLE, builtin_rules};
use std::collections::{BTreeMap, BTreeSet};

/// A system with what its agents can raise.
#[derive(Debug)]
pub struct Raised {
    /// Customer.
    pub customer: String,
    /// System.
    pub system: String,
    /// What its agents can raise.
    pub raises: Vec<Raise>,
    /// Agents that have not told their rules yet: the built-in ones are taken.
    pub presumed: Vec<String>,
}

/// All systems that have agents or stand in the configuration, by customer and name.
///
/// # Errors
/// [`StoreError`].
pub fn systems(
    directory: &Directory,
    store: &dyn Store,
) -> Result<BTreeMap<(String, String), Raised>, StoreError> {
    let mut systems = declared(directory);
    for agent in store.agents()? {
        let path = (agent.customer.clone(), agent.system.clone());
        let raised = systems
            .entry(path.clone())
            .or_insert_with(|| Raised::of(path));
        raised.add(&agent, store)?;
    }
    Ok(systems)
}

/// Systems of the configuration: also those that have no agent yet.
fn declared(directory: &Directory) -> BTreeMap<(String, String), Raised> {
    let customers = directory.tables().customers.values();
    let paths = customers.flat_map(|customer| {
        let systems = customer.systems.keys();
        systems.map(|system| (customer.id.clone(), system.clone()))
    });
    paths.map(|path| (path.clone(), Raised::of(path))).collect()
}

impl Raised {
    fn of((customer, system): (String, String)) -> Self {
        Self {
            customer,
            system,
            raises: Vec::new(),
            presumed: Vec::new(),
        }
    }

    fn add(&mut self, agent: &Agent, store: &dyn Store) -> Result<(), StoreError> {
        let rules = store.rules(agent.id)?;
        let raise = |code: u16, subject: &str| Raise {
            host: agent.name.clone(),
            code,
            subject: subject.to_owned(),
        };
        if rules.is_empty() {
            self.presumed.push(agent.name.clone());
            let enabled = builtin_rules();
            let enabled = enabled.iter().filter(|rule| rule.enabled);
            self.raises
                .extend(enabled.map(|rule| raise(rule.code, rule.subject.as_str())));
        } else {
            let enabled = rules.iter().filter(|rule| rule.enabled);
            self.raises
                .extend(enabled.map(|rule| raise(rule.code, &rule.subject)));
        }
        let ours = TABLE
            .iter()
            .filter(|entry| entry.raised_by == Some(RaisedBy::Collector));
        self.raises
            .extend(ours.map(|entry| raise(entry.number, "")));
        Ok(())
    }

    /// What has no response.
    #[must_use]
    pub fn uncovered(&self, directory: &Directory) -> Vec<Uncovered> {
        directory.uncovered(&self.customer, &self.system, &self.raises)
    }

    /// Codes, each once.
    #[must_use]
    pub fn codes(&self) -> usize {
        let codes: BTreeSet<u16> = self.raises.iter().map(|raise| raise.code).collect();
        codes.len()
    }

    /// Hosts, each once.
    #[must_use]
    pub fn hosts(&self) -> usize {
        let hosts: BTreeSet<&str> = self
            .raises
            .iter()
            .map(|raise| raise.host.as_str())
            .collect();
        hosts.len()
    }
}
