//! The state machine of one rule.

use crate::clock::Uptime;
use serde::{Deserialize, Serialize};

/// Where a rule stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Nothing.
    #[default]
    Inactive,
    /// Raised, not long enough yet.
    Pending,
    /// Alert open.
    Firing,
}

/// What a transition says. Travels as a byte (docs/FRAME.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransitionKind {
    /// The alert opens.
    Firing,
    /// The alert ends.
    Resolved,
    /// The alert is open and said again: the count of an event rose.
    Continued,
}

/// Why. Travels as a byte; never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Raised for its time.
    Held,
    /// An event occurred.
    Event,
    /// The event occurred again.
    Repeated,
    /// Clear for its time.
    Cleared,
    /// No further event for its time.
    Quiet,
    /// Held for its time, for the fifth transition in 30 minutes: it will need three times its clear time.
    Flapping,
    /// The rule was disabled or is no longer configured.
    Withdrawn,
    /// `hansho test`.
    Test,
}

/// A transition of one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Place of the rule in its set.
    pub rule: usize,
    /// What.
    pub kind: TransitionKind,
    /// Why.
    pub reason: Reason,
    /// Which episode of this identity, counted from 1.
    pub episode: u32,
    /// Since when raised (firing), or since when clear (resolved).
    pub since: Uptime,
    /// When the alert fired: now, or earlier for resolved and continued.
    pub fired: Uptime,
    /// The value judged, in the unit of the quantity in use.
    pub value: Option<u64>,
    /// The total at that time.
    pub total: Option<u64>,
    /// The level that decided, made absolute where a total was known.
    pub level: Option<u64>,
    /// The worst value of the episode so far.
    pub worst: Option<u64>,
    /// Events of the episode.
    pub count: u32,
    /// True where the fallback quantity was judged.
    pub fallback: bool,
}
