//! Rows of what people did about alerts: acknowledgements, silences, windows, notes, audit.

use super::super::StoreError;
use super::super::types::{
    Acknowledgement, AlertId, AuditEntry, AuditFilter, LinkSecret, Note, NoteOn, Silence, Window,
};
use hansho::clock::WallTime;

/// Rows of an open transaction: what people did about alerts: acknowledgements, silences, windows, notes, audit. Every
/// method may fail with [`StoreError`].
#[expect(missing_docs, reason = "each is get or put of the row that it names")]
pub trait HandlingRows {
    /// The acknowledgement of an alert that holds now.
    fn acknowledgement(&mut self, alert: AlertId) -> Result<Option<Acknowledgement>, StoreError>;
    /// All of an alert, in order.
    fn acknowledgements(&mut self, alert: AlertId) -> Result<Vec<Acknowledgement>, StoreError>;
    /// Those that hold now, by alert: at most one an alert.
    fn all_acknowledged(&mut self) -> Result<Vec<Acknowledgement>, StoreError>;
    /// Stores one; the one of the same alert and number is replaced.
    fn put_acknowledgement(&mut self, row: &Acknowledgement) -> Result<(), StoreError>;
    fn silence(&mut self, id: u64) -> Result<Option<Silence>, StoreError>;
    /// Silences that hold at `since` or later, by number.
    fn silences(&mut self, since: WallTime) -> Result<Vec<Silence>, StoreError>;
    /// The number of the next silence.
    fn next_silence(&mut self) -> Result<u64, StoreError>;
    /// Stores one; the one of the same number is replaced.
    fn put_silence(&mut self, silence: &Silence) -> Result<(), StoreError>;
    fn window(&mut self, id: u64) -> Result<Option<Window>, StoreError>;
    /// Windows that may cover `since` or later, by number.
    fn windows(&mut self, since: WallTime) -> Result<Vec<Window>, StoreError>;
    /// The number of the next window.
    fn next_window(&mut self) -> Result<u64, StoreError>;
    /// Stores one; the one of the same number is replaced.
    fn put_window(&mut self, window: &Window) -> Result<(), StoreError>;
    /// Notes on one thing, in order.
    fn notes(&mut self, on: &NoteOn) -> Result<Vec<Note>, StoreError>;
    fn count_notes(&mut self, on: &NoteOn) -> Result<usize, StoreError>;
    /// Appends a note; its number is given by the store, whatever stands in the value, and returned.
    fn append_note(&mut self, note: &Note) -> Result<u64, StoreError>;
    /// Appends to the audit; its number is given by the store, whatever stands in the value. Nothing changes or deletes entries.
    fn append_audit(&mut self, entry: &AuditEntry) -> Result<(), StoreError>;
    /// Entries in order.
    fn audit(&mut self, filter: &AuditFilter<'_>) -> Result<Vec<AuditEntry>, StoreError>;
    /// The secrets of links, by number.
    fn link_secrets(&mut self) -> Result<Vec<LinkSecret>, StoreError>;
    fn put_link_secret(&mut self, secret: &LinkSecret) -> Result<(), StoreError>;
    fn delete_link_secret(&mut self, number: u16) -> Result<(), StoreError>;
}
