//! Rows of what people did about alerts: acknowledgements, silences, windows, notes, audit.

/// Rows of an open transaction: what people did about alerts: acknowledgements, silences, windows, notes, audit.
pub trait HandlingRows {}
