//! The API for programs: everything that the pages show and do, as JSON under `/api/v1`.
//!
//! [`table`] every operation with its right, parameters, body and answer: the router, the guard and the [`document`] are made of
//! it. [`value`] what values may be, [`input`] requests checked by that, [`object`] and [`time`] how answers are written,
//! [`page`] long lists, [`problem`] what is said where something is not done. The rest are the operations, a subject each; they call
//! the functions that pages and commands call too. Nothing here knows HTTP but its statuses: `web::api` does.

pub mod about;
pub mod accounts;
pub mod agents;
pub mod alerts;
pub mod audit;
pub mod codes;
pub mod document;
pub mod evidence;
pub mod input;
pub mod keys;
pub mod object;
pub mod page;
pub mod places;
pub mod presence;
pub mod problem;
pub mod sent;
pub mod silences;
pub mod table;
pub mod time;
pub mod timeline;
pub mod told;
pub mod uncovered;
pub mod value;
pub mod victims;
pub mod windows;

pub use input::{Input, Sent};
pub use problem::{Problem, Sort};
pub use table::{Outcome, Reply};

use crate::directory::Live;
use crate::handling::{self, Fault, Owner, Who};
use crate::ingest::SignsOfLife;
use crate::keys::Masters;
use crate::people::{Gate, Refused, Scope, Viewer};
use crate::store::rows::AllRows;
use crate::store::{Agent, Store, StoredAlert};
use crate::zone::Zone;
use hansho::clock::WallTime;
use serde_json::Value as Json;
use std::sync::Arc;
use value::{Field, Kind, must};

/// What a request is answered from.
pub struct Desk<'d> {
    /// For reading.
    pub store: &'d dyn Store,
    /// For what people do.
    pub writing: &'d dyn Store,
    /// Accounts and tokens.
    pub gate: &'d Gate,
    /// Signs of life that the store could not note yet.
    pub signs: &'d SignsOfLife,
    /// Keys of agents are made of them.
    pub masters: &'d Masters,
    /// The configuration in force.
    pub live: Arc<Live>,
    /// Zone of the pages: months of the audit are of it.
    pub zone: &'d Zone,
    /// Who asks.
    pub viewer: &'d Viewer,
    /// The same as one who acts.
    pub who: Who,
    /// Now.
    pub now: WallTime,
}

/// The parameter `agent` of a path.
pub const AGENT_FIELD: Field = must(
    "agent",
    Kind::Text(256),
    "The agent: its identity in 16 hexadecimal digits, its name where that is unique, or CUSTOMER%2FSYSTEM%2FNAME.",
);

impl Desk<'_> {
    /// Runs a decision as one transaction.
    ///
    /// # Errors
    /// Refused, or the store failed; nothing was changed then.
    pub fn decide<T>(
        &self,
        work: impl FnMut(&mut dyn AllRows) -> Result<T, Fault>,
    ) -> Result<T, Problem> {
        Ok(handling::transact(self.writing, work)?)
    }

    /// Reads rows as they stood at one moment.
    ///
    /// # Errors
    /// Refused, or the store failed.
    pub fn look<T>(
        &self,
        work: impl FnMut(&mut dyn AllRows) -> Result<T, Fault>,
    ) -> Result<T, Problem> {
        Ok(handling::view(self.store, work)?)
    }

    /// The agents that the viewer sees, by customer, system and name.
    ///
    /// # Errors
    /// The store failed.
    pub fn agents(&self) -> Result<Vec<Agent>, Problem> {
        let mut agents = self.store.agents()?;
        agents.retain(|agent| self.viewer.sees(&agent.customer));
        Ok(agents)
    }

    /// The agent that a request names, of those that the viewer sees.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn agent(&self, selector: &str) -> Result<Agent, Problem> {
        let mut found = self.store.find_agent(selector)?;
        found.retain(|agent| self.viewer.sees(&agent.customer));
        match (found.pop(), found.len()) {
            (Some(agent), 0) => Ok(agent),
            (Some(_), _) => Err(Problem::of(
                Sort::Conflict,
                "agent",
                "several agents have this name: give the identity, or CUSTOMER/SYSTEM/NAME",
            )),
            (None, _) => Err(Problem::not_found("agent")),
        }
    }

    /// An alert that the viewer sees, and whose it is.
    ///
    /// # Errors
    /// There is none.
    pub fn alert(&self, input: &Input) -> Result<(StoredAlert, Owner), Problem> {
        let id = input.alert()?;
        let found = self.look(|rows| {
            let Some(alert) = rows.alert(id)? else {
                return Ok(None);
            };
            let owner = handling::owner(rows, &alert)?;
            Ok(Some((alert, owner)))
        })?;
        found
            .filter(|(_, owner)| self.viewer.scope.has(&owner.customer))
            .ok_or_else(|| Problem::not_found("alert"))
    }

    /// That the viewer sees all customers.
    ///
    /// # Errors
    /// Only some.
    pub fn sees_all(&self) -> Result<(), Problem> {
        if self.viewer.scope == Scope::All {
            Ok(())
        } else {
            Err(Refused::NotAll.into())
        }
    }
}

/// An object as an answer.
///
/// # Errors
/// None; the type is that of operations.
#[expect(clippy::unnecessary_wraps, reason = "the last line of an operation")]
fn done(json: Json) -> Outcome {
    Ok(Reply::Json(json))
}
