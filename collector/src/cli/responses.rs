//! `responses`: codes that systems can raise, and about which nothing was agreed yet.

use super::{Arguments, configuration, print, reader, store_failure};
use crate::config::Config;
use crate::directory::{Directory, Raise, Uncovered};
use crate::exit::{FAILURE, Failure, USAGE};
use crate::store::{Agent, Store};
use crate::web::codes;
use crate::zone::Zone;
use hansho::code::{RaisedBy, TABLE, builtin_rules};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A system with what its agents can raise.
struct Raised {
    customer: String,
    system: String,
    raises: Vec<Raise>,
    /// Agents that have not told their rules yet: the built-in ones are taken.
    presumed: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] where the store cannot be read, or has no such system.
pub(super) fn responses(arguments: &Arguments) -> Result<(), Failure> {
    let wanted = match arguments.system.as_deref() {
        None => None,
        Some(system) => Some(system.split_once('/').ok_or_else(|| {
            Failure::new(USAGE, format!("--system {system}: write CUSTOMER/SYSTEM"))
        })?),
    };
    let config = configuration(arguments)?;
    let store = reader(arguments)?;
    let agents = store.agents().map_err(|error| store_failure(&error))?;
    let mut systems = declared(&config);
    for agent in &agents {
        let path = (agent.customer.clone(), agent.system.clone());
        let raised = systems
            .entry(path.clone())
            .or_insert_with(|| Raised::of(path));
        raised.add(agent, &store)?;
    }
    if let Some((customer, system)) = wanted {
        systems.retain(|(of, id), _| of == customer && id == system);
        if systems.is_empty() {
            let message = format!(
                "no system `{customer}/{system}` has an agent or stands in the configuration"
            );
            return Err(Failure::new(FAILURE, message));
        }
    }
    let zone = config.pages.zone.clone().unwrap_or_else(Zone::utc);
    let directory = Directory::new(&config, zone);
    if arguments.json {
        let list: Vec<Value> = systems
            .values()
            .map(|raised| as_json(&directory, raised))
            .collect();
        return print(&format!("{}\n", Value::Array(list)));
    }
    let mut text = String::new();
    for raised in systems.values() {
        text.push_str(&as_text(&directory, raised));
    }
    print(&text)
}

/// Systems of the configuration: also those that have no agent yet.
fn declared(config: &Config) -> BTreeMap<(String, String), Raised> {
    let customers = config.tables.customers.values();
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

    fn add(&mut self, agent: &Agent, store: &dyn Store) -> Result<(), Failure> {
        let rules = store
            .rules(agent.id)
            .map_err(|error| store_failure(&error))?;
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

    fn uncovered(&self, directory: &Directory) -> Vec<Uncovered> {
        directory.uncovered(&self.customer, &self.system, &self.raises)
    }

    /// Codes, each once.
    fn codes(&self) -> usize {
        let codes: BTreeSet<u16> = self.raises.iter().map(|raise| raise.code).collect();
        codes.len()
    }

    fn hosts(&self) -> usize {
        let hosts: BTreeSet<&str> = self
            .raises
            .iter()
            .map(|raise| raise.host.as_str())
            .collect();
        hosts.len()
    }
}

fn as_json(directory: &Directory, raised: &Raised) -> Value {
    let open = raised.uncovered(directory);
    let open = open.iter().map(|uncovered| {
        json!({
            "code": uncovered.code,
            "display": codes::display(uncovered.code, true),
            "hosts": uncovered.hosts,
        })
    });
    json!({
        "customer": raised.customer,
        "system": raised.system,
        "codes": raised.codes(),
        "without_response": open.collect::<Vec<_>>(),
        "rules_presumed": raised.presumed,
    })
}

fn as_text(directory: &Directory, raised: &Raised) -> String {
    let path = format!("{}/{}", raised.customer, raised.system);
    if raised.hosts() == 0 {
        return format!("{path}: no agent yet\n");
    }
    let open = raised.uncovered(directory);
    let mut text = format!(
        "{path}: {} of {} codes have no response\n",
        open.len(),
        raised.codes()
    );
    if !raised.presumed.is_empty() {
        text.push_str(&format!(
            "  presumed to have the built-in rules, since they have not told theirs: {}\n",
            raised.presumed.join(", ")
        ));
    }
    let language = directory
        .customer(&raised.customer)
        .map_or(hansho::code::Language::Ja, |customer| customer.language);
    for uncovered in &open {
        let display = codes::display(uncovered.code, true);
        let name = codes::name(uncovered.code, language);
        let hosts = if uncovered.hosts.len() == raised.hosts() {
            "all hosts".to_owned()
        } else {
            uncovered.hosts.join(", ")
        };
        text.push_str(&format!("  {display} {name}: {hosts}\n"));
    }
    text
}
