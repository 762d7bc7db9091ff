//! Rows of accounts, sessions, tokens.

/// Rows of an open transaction: accounts, sessions, tokens.
pub trait PeopleRows {}
