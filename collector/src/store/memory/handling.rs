//! Rows of what people did about alerts: acknowledgements, silences, windows, notes, audit.

use super::super::rows::HandlingRows;
use super::Tables;

impl HandlingRows for Tables {}
