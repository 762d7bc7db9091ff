//! Who owns what, who is on duty, who is told, and what was agreed: lookups over the tables of collector.toml, with the time
//! given. Nothing here reads a clock or a file.
//!
//! [`owner`] whose a host is; [`duty`] who is on duty; [`calendar`] business time and digests; [`route`] who is told and why;
//! [`response`] what was agreed; [`warning`] what is right but should not stay so; [`live`] what a running collector works
//! with, and how it takes over another configuration.

pub mod calendar;
pub mod duty;
pub mod live;
pub mod owner;
pub mod response;
pub mod route;
pub mod warning;

pub use duty::{Duty, OnDuty};
pub use live::{Current, Live};
pub use owner::{Named, Owner, TeamFrom};
pub use response::{Raise, Source, Uncovered};
pub use route::{DeliverWhy, Facts, Problem, Routed, Step, Told, Why};
pub use warning::Warning;

use crate::config::{Channel, Config, Customer, Notify, Receiver, Tables, Team};
use crate::zone::Zone;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The directory: an immutable value. Another configuration makes another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    file: PathBuf,
    tables: Tables,
    notify: Notify,
    /// Whether mail is sent at all.
    mails: bool,
    zone: Zone,
    /// Where the responses of a code stand in the table.
    responses: BTreeMap<u16, Vec<usize>>,
}

impl Directory {
    /// Of a configuration; `zone` is that of the pages, for customers and teams without their own.
    #[must_use]
    pub fn new(config: &Config, zone: Zone) -> Self {
        let mut responses: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        for (index, response) in config.tables.responses.iter().enumerate() {
            responses.entry(response.code).or_default().push(index);
        }
        Self {
            file: config.file.clone(),
            tables: config.tables.clone(),
            notify: config.notify.clone(),
            mails: config.mail.is_some(),
            zone,
            responses,
        }
    }

    /// A customer; `None` where collector.toml does not name it: its agents are watched all the same.
    #[must_use]
    pub fn customer(&self, id: &str) -> Option<&Customer> {
        self.tables.customers.get(id)
    }

    /// A receiver.
    #[must_use]
    pub fn receiver(&self, id: &str) -> Option<&Receiver> {
        self.tables.receivers.get(id)
    }

    /// Whether a receiver can be told: without `[mail]` those of mail cannot.
    #[must_use]
    pub fn reaches(&self, id: &str) -> bool {
        self.receiver(id)
            .is_some_and(|receiver| self.mails || !matches!(receiver.channel, Channel::Mail(_)))
    }

    /// A team.
    #[must_use]
    pub fn team(&self, id: &str) -> Option<&Team> {
        self.tables.teams.get(id)
    }

    /// The tables themselves.
    #[must_use]
    pub const fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The zone of a customer's times.
    #[must_use]
    pub fn zone_of(&self, customer: &str) -> &Zone {
        self.customer(customer)
            .and_then(|customer| customer.zone.as_ref())
            .unwrap_or(&self.zone)
    }

    /// The zone of a team's roster.
    #[must_use]
    pub fn zone_of_team<'d>(&'d self, team: &'d Team) -> &'d Zone {
        team.zone.as_ref().unwrap_or(&self.zone)
    }
}
