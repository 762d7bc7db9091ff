//! Rows of whether agents are there, and what they said when they left.

/// Rows of an open transaction: whether agents are there, and what they said when they left.
pub trait PresenceRows {}
