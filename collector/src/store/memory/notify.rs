//! Rows of what people are told: decisions, threads, outbox.

use super::super::rows::NotifyRows;
use super::Tables;

impl NotifyRows for Tables {}
