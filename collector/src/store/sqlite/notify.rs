//! Rows of what people are told: decisions, threads, outbox.

use super::super::rows::NotifyRows;
use super::rows::SqlRows;

impl NotifyRows for SqlRows<'_> {}
