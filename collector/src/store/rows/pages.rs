//! Rows for pages that look over all agents at once: one query each, however many agents there are.

use super::super::StoreError;
use super::super::types::{Acknowledgement, Span, StoredAlert};
use hansho::clock::WallTime;

/// Rows of an open transaction: looks over all agents. Every method may fail with [`StoreError`].
pub trait PageRows {
    /// Open alerts of all agents, the newest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn open_of_all(&mut self, limit: usize) -> Result<Vec<StoredAlert>, StoreError>;
    /// Alerts that are over, the newest first, at most `limit`, stored at or after the span's begin and before its end.
    ///
    /// # Errors
    /// [`StoreError`].
    fn ended_of_all(&mut self, span: Span, limit: usize) -> Result<Vec<StoredAlert>, StoreError>;
    /// Alerts stored at or after the span's begin and before its end, and those stored before it that are open or ended within it,
    /// the oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn alerts_within(&mut self, span: Span, limit: usize) -> Result<Vec<StoredAlert>, StoreError>;
    /// Acknowledgements made at or after the span's begin and before its end, by alert and number.
    ///
    /// # Errors
    /// [`StoreError`].
    fn acknowledged_within(&mut self, span: Span) -> Result<Vec<Acknowledgement>, StoreError>;
    /// Receivers of the messages decided at or after the span's begin and before its end, and when each was, in order, at most
    /// `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn told_within(
        &mut self,
        span: Span,
        limit: usize,
    ) -> Result<Vec<(String, WallTime)>, StoreError>;
}
