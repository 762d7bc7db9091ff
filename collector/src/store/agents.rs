//! What people do with agents, decided on single rows: join, rotate and revoke keys, retire, rename, move.

use super::StoreError;
use super::rows::AllRows;
use super::types::{Agent, JoinToken, KeyEpoch, NewAgent, TokenEnd};
use crate::ingest::join::{JoinAsk, Joined};
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use hansho::frame::seal::same_digest;

/// Lets a host join: the token is looked at, used, and the agent added, all or nothing.
///
/// # Errors
/// [`StoreError`]; a refusal is no error.
pub fn join(rows: &mut dyn AllRows, ask: &JoinAsk, now: WallTime) -> Result<Joined, StoreError> {
    let token = rows.join_token(ask.token)?;
    // The same comparison whether there is such a token or not.
    let hash = token.as_ref().map_or([0; 32], |token| token.hash);
    let fits = same_digest(&hash, &ask.hash);
    let Some(token) = token.filter(|_| fits) else {
        return Ok(Joined::NoToken);
    };
    if let Some(end) = token.end(now) {
        return Ok(Joined::TokenOver(end));
    }
    let (customer, system) = (token.customer.clone(), token.system.clone());
    let agent = NewAgent {
        id: ask.agent,
        customer: customer.clone(),
        system: system.clone(),
        name: ask.name.clone(),
        key_epoch: ask.epoch,
        master_id: ask.master,
    };
    match rows.insert_agent(&agent, now) {
        Ok(()) => {}
        Err(StoreError::NameTaken) => return Ok(Joined::NameTaken { customer, system }),
        Err(error) => return Err(error),
    }
    let used = token.used.saturating_add(1);
    rows.put_join_token(&JoinToken { used, ..token })?;
    Ok(Joined::Added { customer, system })
}

/// How a rotation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The new epoch; those before it end with its first batch, and at the end of the grace at the latest.
    To(u8),
    /// Epoch 255 is the last one: the agent has to be added anew.
    NoEpochLeft,
}

/// Gives an agent a new key epoch.
///
/// # Errors
/// [`StoreError`].
pub fn rotate(
    rows: &mut dyn AllRows,
    agent: AgentId,
    master: u32,
    grace_ms: u64,
    now: WallTime,
) -> Result<Rotated, StoreError> {
    let keys = rows.key_epochs(agent)?;
    let last = keys.last().map_or(0, |key| key.epoch);
    let Some(epoch) = last.checked_add(1) else {
        return Ok(Rotated::NoEpochLeft);
    };
    let ends = WallTime::from_millis(now.as_millis().saturating_add(grace_ms));
    for key in keys {
        end(rows, agent, &key, ends)?;
    }
    let key = KeyEpoch {
        epoch,
        master,
        created: now,
        used: None,
        ends: None,
    };
    rows.put_key_epoch(agent, &key)?;
    Ok(Rotated::To(epoch))
}

/// Refuses one key epoch of an agent, or all, from now on; how many were still good.
///
/// # Errors
/// [`StoreError`].
pub fn revoke(
    rows: &mut dyn AllRows,
    agent: AgentId,
    epoch: Option<u8>,
    now: WallTime,
) -> Result<usize, StoreError> {
    let mut revoked = 0_usize;
    for key in rows.key_epochs(agent)? {
        if epoch.is_none_or(|epoch| epoch == key.epoch) && key.is_good(now) {
            end(rows, agent, &key, now)?;
            revoked = revoked.saturating_add(1);
        }
    }
    Ok(revoked)
}

/// Ends an epoch, where it does not end before that anyway.
fn end(
    rows: &mut dyn AllRows,
    agent: AgentId,
    key: &KeyEpoch,
    ends: WallTime,
) -> Result<(), StoreError> {
    let ends = key.ends.map_or(ends, |known| known.min(ends));
    let key = KeyEpoch {
        ends: Some(ends),
        ..*key
    };
    rows.put_key_epoch(agent, &key)
}

/// Takes a join token back; `None` where there is none, else whether it was still good.
///
/// # Errors
/// [`StoreError`].
pub fn revoke_token(
    rows: &mut dyn AllRows,
    id: u32,
    now: WallTime,
) -> Result<Option<Option<TokenEnd>>, StoreError> {
    let Some(token) = rows.join_token(id)? else {
        return Ok(None);
    };
    let end = token.end(now);
    if token.revoked.is_none() {
        rows.put_join_token(&JoinToken {
            revoked: Some(now),
            ..token
        })?;
    }
    Ok(Some(end))
}

/// Whether an agent's row is to be changed at all.
///
/// # Errors
/// [`StoreError::NoAgent`] where it is gone.
pub fn demand(rows: &mut dyn AllRows, agent: AgentId) -> Result<Agent, StoreError> {
    rows.agent(agent)?.ok_or(StoreError::NoAgent)
}
