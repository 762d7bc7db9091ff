//! Ranks on duty: who is reached where a rank has no receiver, and who is next.

use super::context::{About, Directory, Routing};
use super::outbox::UNDELIVERED;
use hansho::clock::WallTime;

/// Highest rank of a roster: first, second, third.
pub const RANKS: u8 = 3;
/// Lowest rank that is told by escalation: the first is told at once.
pub const SECOND: u8 = 2;

/// How far one had to go to reach anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The rank that was asked for.
    AsAsked,
    /// That has no receiver: this one, the next that has.
    PassedTo(u8),
    /// No rank has one: `[notify] fallback`.
    Fallback,
    /// Nobody.
    Nobody,
}

/// Who is told of an alert at a rank, each once; of mail that does not reach a receiver, not that receiver.
#[must_use]
pub fn at_rank(directory: &dyn Directory, about: &About, rank: u8, at: WallTime) -> Routing {
    those(directory.route(about, rank, at), about)
}

fn those(mut routing: Routing, about: &About) -> Routing {
    let identity = &about.alert.identity;
    let mut seen: Vec<String> = Vec::new();
    routing.receivers.retain(|receiver| {
        let itself = identity.code == UNDELIVERED && receiver.name == identity.subject;
        let new = !itself && !seen.contains(&receiver.name);
        seen.push(receiver.name.clone());
        new
    });
    routing
}

/// Who is told first: the first on duty with the team; where those have no receiver the next rank that has one, and where
/// none has, the fallback.
#[must_use]
pub fn reach(directory: &dyn Directory, about: &About, at: WallTime) -> (Routing, Reached) {
    for rank in 1..=RANKS {
        let routing = at_rank(directory, about, rank, at);
        if !routing.receivers.is_empty() {
            let reached = if rank == 1 {
                Reached::AsAsked
            } else {
                Reached::PassedTo(rank)
            };
            return (routing, reached);
        }
    }
    let routing = those(directory.fallback(about), about);
    let reached = if routing.receivers.is_empty() {
        Reached::Nobody
    } else {
        Reached::Fallback
    };
    (routing, reached)
}

/// Whom escalation tells next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// How long after the first message.
    pub after_ms: u64,
    /// Their rank.
    pub rank: u8,
    /// Those between have no receiver.
    pub passed: bool,
    /// They.
    pub routing: Routing,
}

/// Whom escalation tells next, of those above a level that have a receiver; when, is as the first of them would have been
/// told. Where the first on duty were passed over, time counts from those who were told in their place.
#[must_use]
pub fn next(directory: &dyn Directory, about: &About, level: u8, at: WallTime) -> Option<Next> {
    let asked = level.saturating_add(1).max(SECOND);
    let after_ms = (asked..=RANKS).find_map(|rank| directory.escalate_ms(about, rank, at))?;
    let (rank, routing) = (asked..=RANKS)
        .map(|rank| (rank, at_rank(directory, about, rank, at)))
        .find(|(_, routing)| !routing.receivers.is_empty())?;
    let first = (1..=RANKS).find(|rank| !at_rank(directory, about, *rank, at).receivers.is_empty());
    let ahead_ms = first
        .filter(|first| *first <= level)
        .and_then(|first| directory.escalate_ms(about, first, at))
        .unwrap_or(0);
    Some(Next {
        after_ms: after_ms.saturating_sub(ahead_ms),
        rank,
        passed: rank > asked,
        routing,
    })
}
