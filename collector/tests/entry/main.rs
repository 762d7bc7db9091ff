//! How people come in, and who may not. [`sessions`] logins and what they are worth; [`proxies`] single sign-on, tokens and this host;
//! [`accounts`] people who change their own account, and those who manage others.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod accounts;
#[path = "../support/browser.rs"]
mod browser;
mod proxies;
mod sessions;
#[path = "../support/mod.rs"]
mod support;

use browser::{PASSWORD, Served, by, customers, serve, serve_with};
use hansho::clock::WallTime;
use hansho_collector::handling::audit;
use hansho_collector::limit::{
    FORM_BYTES, LOGIN_FAILURES, LOGIN_FAILURES_ADDRESS, LOGIN_WINDOW_MS, SESSION_IDLE_MS,
    SESSION_MS,
};
use hansho_collector::people::{Role, Scope, Settings, TrustedProxy};
use hansho_collector::store::{Store as _, Via};
use std::sync::atomic::{AtomicU64, Ordering};
use support::at;
