//! What people do with agents, their keys and join tokens: within a scope, and audited.

use super::audit::{self, Detail};
use super::{Fault, Refused, Who, own_customer};
use crate::clock::DAY_MS;
use crate::limit::{JOIN_TOKEN_DAYS, JOIN_TOKEN_USES};
use crate::store::agents::{self as keys, Rotated};
use crate::store::rows::AllRows;
use crate::store::{AckEnding, Agent, AlertId, JoinToken, NewAgent, TokenEnd};
use crate::store::{moved, raise};
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use std::collections::BTreeSet;

/// An agent was added.
pub const AGENT_ADD: &str = "agent_add";
/// An agent got another key.
pub const AGENT_ROTATE: &str = "agent_rotate";
/// Keys of an agent were revoked.
pub const AGENT_REVOKE: &str = "agent_revoke";
/// An agent was retired.
pub const AGENT_RETIRE: &str = "agent_retire";
/// An agent that was retired is expected again.
pub const AGENT_RESTORE: &str = "agent_restore";
/// An agent got another name or system.
pub const AGENT_MOVE: &str = "agent_move";
/// A join token was made.
pub const JOIN_TOKEN_ADD: &str = "join_token_add";
/// A join token was taken back.
pub const JOIN_TOKEN_REVOKE: &str = "join_token_revoke";

/// The agent, where this person may act on it.
fn own(rows: &mut dyn AllRows, who: &Who, id: AgentId) -> Result<Agent, Fault> {
    let agent = rows.agent(id)?;
    let agent = agent.filter(|agent| who.scope.has(&agent.customer));
    Ok(agent.ok_or(Refused::NoAgent)?)
}

fn append(
    rows: &mut dyn AllRows,
    who: &Who,
    action: &str,
    agent: &Agent,
    detail: &Detail,
    now: WallTime,
) -> Result<(), Fault> {
    let (on, customer) = (agent.path(), &agent.customer);
    Ok(audit::append(
        rows,
        who,
        action,
        &on,
        customer,
        detail.as_str(),
        now,
    )?)
}

/// Adds an agent. Its names were checked.
///
/// # Errors
/// [`Fault`]; `StoreError::IdTaken` and `StoreError::NameTaken` where they are.
pub fn add(rows: &mut dyn AllRows, who: &Who, new: &NewAgent, now: WallTime) -> Result<(), Fault> {
    own_customer(who, Some(&new.customer))?;
    rows.insert_agent(new, now)?;
    let on = format!("{}/{}/{}", new.customer, new.system, new.name);
    let mut detail = Detail::default();
    detail.put("agent", &new.id.to_string());
    Ok(audit::append(
        rows,
        who,
        AGENT_ADD,
        &on,
        &new.customer,
        detail.as_str(),
        now,
    )?)
}

/// Gives an agent a new key epoch; those before it are taken until it is used, `grace_ms` at the longest.
///
/// # Errors
/// [`Fault`].
pub fn rotate(
    rows: &mut dyn AllRows,
    who: &Who,
    id: AgentId,
    (master, grace_ms): (u32, u64),
    now: WallTime,
) -> Result<(Agent, Rotated), Fault> {
    let agent = own(rows, who, id)?;
    let rotated = keys::rotate(rows, id, master, grace_ms, now)?;
    if let Rotated::To(epoch) = rotated {
        let mut detail = Detail::default();
        detail.put("epoch", &epoch.to_string());
        append(rows, who, AGENT_ROTATE, &agent, &detail, now)?;
    }
    Ok((agent, rotated))
}

/// Refuses one key epoch of an agent, or all, from now on; how many were still good.
///
/// # Errors
/// [`Fault`].
pub fn revoke(
    rows: &mut dyn AllRows,
    who: &Who,
    id: AgentId,
    epoch: Option<u8>,
    now: WallTime,
) -> Result<(Agent, usize), Fault> {
    let agent = own(rows, who, id)?;
    let revoked = keys::revoke(rows, id, epoch, now)?;
    if revoked > 0 {
        let mut detail = Detail::default();
        let epoch = epoch.map_or_else(|| "all".to_owned(), |epoch| epoch.to_string());
        detail.put("epoch", &epoch);
        append(rows, who, AGENT_REVOKE, &agent, &detail, now)?;
    }
    Ok((agent, revoked))
}

/// Nobody expects the agent any more, or again. With the first whatever is open of it ends: how many alerts that were; `None`
/// where nothing is new.
///
/// # Errors
/// [`Fault`].
pub fn retire(
    rows: &mut dyn AllRows,
    who: &Who,
    id: AgentId,
    undo: bool,
    now: WallTime,
) -> Result<(Agent, Option<usize>), Fault> {
    let agent = own(rows, who, id)?;
    if agent.retired.is_some() != undo {
        return Ok((agent, None));
    }
    rows.put_retired(id, (!undo).then_some(now))?;
    let action = if undo { AGENT_RESTORE } else { AGENT_RETIRE };
    append(rows, who, action, &agent, &Detail::default(), now)?;
    let ended = if undo {
        0
    } else {
        raise::retire(rows, id, now)?.len()
    };
    Ok((agent, Some(ended)))
}

/// Where an agent goes: what is not given stays. Names were checked.
#[derive(Clone, Copy, Debug)]
pub struct Goes<'g> {
    /// Customer and system.
    pub system: Option<(&'g str, &'g str)>,
    /// Name.
    pub name: Option<&'g str>,
}

/// Alerts of an agent whose taking counts for something that is open, or that is opened again: open ones, and those of threads.
fn held_with(rows: &mut dyn AllRows, id: AgentId) -> Result<BTreeSet<AlertId>, Fault> {
    let open = rows.open_alerts(id)?;
    let mut alerts: BTreeSet<AlertId> = open.iter().map(|alert| alert.id).collect();
    for thread in rows.threads_of(id)? {
        let decisions = rows.decisions_of(thread.root)?;
        alerts.extend(decisions.iter().filter_map(|decision| decision.alert));
        alerts.insert(thread.root);
    }
    Ok(alerts)
}

/// Gives an agent another name, or moves it to another system, also of another customer within the same scope: then its open
/// alerts are nobody's, those who were told of them hear nothing more, and those responsible now are told. Returns it as it was.
///
/// # Errors
/// [`Fault`]; `StoreError::NameTaken` where another agent is called so there.
pub fn place(
    rows: &mut dyn AllRows,
    who: &Who,
    id: AgentId,
    goes: Goes<'_>,
    now: WallTime,
) -> Result<Agent, Fault> {
    let agent = own(rows, who, id)?;
    let (customer, system) = goes.system.unwrap_or((&agent.customer, &agent.system));
    own_customer(who, Some(customer))?;
    let name = goes.name.unwrap_or(&agent.name);
    rows.put_place(id, customer, system, name)?;
    let mut detail = Detail::default();
    detail.text("to", &format!("{customer}/{system}/{name}"));
    append(rows, who, AGENT_MOVE, &agent, &detail, now)?;
    // The customer that it comes to reads of it too, and those before read nothing more.
    if customer != agent.customer {
        moved::away(rows, &agent, (customer, system), now)?;
        for alert in held_with(rows, id)? {
            if let Some(holder) = rows.acknowledgement(alert)? {
                super::acknowledge::end(rows, &holder, &who.name, AckEnding::Released, now)?;
            }
        }
        let on = format!("{customer}/{system}/{name}");
        audit::append(rows, who, AGENT_MOVE, &on, customer, "", now)?;
    } else if (system, name) != (agent.system.as_str(), agent.name.as_str()) {
        moved::within(rows, &agent)?;
    }
    Ok(agent)
}

/// A join token to be made.
#[derive(Clone, Debug)]
pub struct NewJoinToken {
    /// Customer of the agents that join with it.
    pub customer: String,
    /// Their system.
    pub system: String,
    /// How many may join.
    pub uses: u32,
    /// How long it is good, milliseconds.
    pub for_ms: u64,
    /// Hash of its secret.
    pub hash: [u8; 32],
}

/// Makes a join token. Names were checked.
///
/// # Errors
/// [`Fault`].
pub fn add_token(
    rows: &mut dyn AllRows,
    who: &Who,
    new: &NewJoinToken,
    now: WallTime,
) -> Result<JoinToken, Fault> {
    own_customer(who, Some(&new.customer))?;
    if !(1..=JOIN_TOKEN_USES).contains(&new.uses) {
        return Err(Refused::TooMany {
            what: "hosts of one token",
            most: usize::try_from(JOIN_TOKEN_USES).unwrap_or(usize::MAX),
        }
        .into());
    }
    if new.for_ms == 0 || new.for_ms > JOIN_TOKEN_DAYS.saturating_mul(DAY_MS) {
        return Err(Refused::TooLasting {
            what: "a join token",
            days: JOIN_TOKEN_DAYS,
        }
        .into());
    }
    let newest = rows.join_tokens()?.last().map_or(0, |token| token.id);
    let token = JoinToken {
        id: newest.saturating_add(1),
        hash: new.hash,
        customer: new.customer.clone(),
        system: new.system.clone(),
        uses: new.uses,
        used: 0,
        created: now,
        ends: WallTime::from_millis(now.as_millis().saturating_add(new.for_ms)),
        revoked: None,
    };
    rows.put_join_token(&token)?;
    let mut detail = Detail::default();
    detail.text("system", &format!("{}/{}", token.customer, token.system));
    detail.put("uses", &token.uses.to_string());
    detail.moment("ends", Some(token.ends));
    about_token(rows, who, JOIN_TOKEN_ADD, &token, &detail, now)?;
    Ok(token)
}

fn about_token(
    rows: &mut dyn AllRows,
    who: &Who,
    action: &str,
    token: &JoinToken,
    detail: &Detail,
    now: WallTime,
) -> Result<(), Fault> {
    let on = format!("join token {}", token.id);
    Ok(audit::append(
        rows,
        who,
        action,
        &on,
        &token.customer,
        detail.as_str(),
        now,
    )?)
}

/// Join tokens that this person may see, by number.
///
/// # Errors
/// [`Fault`].
pub fn tokens(rows: &mut dyn AllRows, who: &Who) -> Result<Vec<JoinToken>, Fault> {
    let mut tokens = rows.join_tokens()?;
    tokens.retain(|token| who.scope.has(&token.customer));
    Ok(tokens)
}

/// Takes a join token back; with how it had ended before, if it had.
///
/// # Errors
/// [`Fault`]; [`Refused::NoToken`] where there is none.
pub fn revoke_token(
    rows: &mut dyn AllRows,
    who: &Who,
    id: u32,
    now: WallTime,
) -> Result<(JoinToken, Option<TokenEnd>), Fault> {
    let token = rows.join_token(id)?;
    let token = token.filter(|token| who.scope.has(&token.customer));
    let token = token.ok_or(Refused::NoToken(id))?;
    let end = token.end(now);
    if token.revoked.is_none() {
        keys::revoke_token(rows, id, now)?;
        about_token(
            rows,
            who,
            JOIN_TOKEN_REVOKE,
            &token,
            &Detail::default(),
            now,
        )?;
    }
    let token = rows.join_token(id)?.unwrap_or(token);
    Ok((token, end))
}
