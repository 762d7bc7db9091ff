//! When an agent was heard last, and whether it is silent. For display only: nothing is raised here.

use super::Site;
use crate::limit::{POST_INTERVAL_MS, SILENT_INTERVALS, SILENT_MARGIN_MS};
use crate::store::{Agent, StoreError};
use hansho::clock::WallTime;

/// What pages say of an agent's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// When it was heard last: what is stored, or a sign of life that the store could not note yet.
    pub last_seen: Option<WallTime>,
    /// The same where it is silent: longer than its promise allows. An agent that never was heard is not silent.
    pub silent: Option<WallTime>,
}

/// Looks it up.
///
/// # Errors
/// [`StoreError`].
pub fn of(site: &Site, agent: &Agent, now: WallTime) -> Result<Life, StoreError> {
    let remembered = match site.signs.of(agent.id) {
        // Whatever is repeated from the network must not make a silent agent look alive.
        Some((header, at)) if site.store.is_news(&header)? => Some(at),
        _ => None,
    };
    let last_seen = agent.last_seen.max(remembered);
    let promised_ms = agent
        .inventory
        .as_ref()
        .map_or(POST_INTERVAL_MS, |told| u64::from(told.post_interval_ms));
    let allowed_ms = promised_ms
        .saturating_mul(SILENT_INTERVALS)
        .saturating_add(SILENT_MARGIN_MS);
    let silent =
        last_seen.filter(|seen| now.as_millis().saturating_sub(seen.as_millis()) > allowed_ms);
    Ok(Life { last_seen, silent })
}
