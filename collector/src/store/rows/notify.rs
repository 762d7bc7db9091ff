//! Rows of what people are told: decisions, threads, outbox.

/// Rows of an open transaction: what people are told: decisions, threads, outbox.
pub trait NotifyRows {}
