//! Rows of whether agents are there, and what they said when they left.

use super::super::rows::PresenceRows;
use super::rows::SqlRows;

impl PresenceRows for SqlRows<'_> {}
