//! Rows of accounts, sessions, tokens.

use super::super::rows::PeopleRows;
use super::Tables;

impl PeopleRows for Tables {}
