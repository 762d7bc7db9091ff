//! Rows of accounts, sessions, tokens.

use super::super::rows::PeopleRows;
use super::rows::SqlRows;

impl PeopleRows for SqlRows<'_> {}
