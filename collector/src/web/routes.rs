//! Every address of the pages, and what it needs. The router is made of this table, so that there is no other way in.

use super::guard::Needs;
use super::{
    Site, account, accounts, agent, alert, assets, health, live, login, silences, system, windows,
};
use crate::people::Action;
use axum::routing::{MethodRouter, get, post};
use std::sync::Arc;

/// One address.
pub struct Route {
    /// `GET` (and `HEAD`) or `POST`.
    pub method: &'static str,
    /// Path, in axum's words.
    pub path: &'static str,
    /// What it asks of whoever comes.
    pub needs: Needs,
    /// What answers.
    pub handler: fn() -> MethodRouter<Arc<Site>>,
}

/// A page to look at.
const fn read(path: &'static str, needs: Needs, handler: fn() -> MethodRouter<Arc<Site>>) -> Route {
    Route {
        method: "GET",
        path,
        needs,
        handler,
    }
}

/// Something that changes.
const fn write(
    path: &'static str,
    needs: Needs,
    handler: fn() -> MethodRouter<Arc<Site>>,
) -> Route {
    Route {
        method: "POST",
        path,
        needs,
        handler,
    }
}

const SEE: Needs = Needs::Page(Action::See);
const TAKE: Needs = Needs::Page(Action::Acknowledge);
const NOTE: Needs = Needs::Page(Action::Note);
const SILENCE: Needs = Needs::Page(Action::Silence);
const WINDOW: Needs = Needs::Page(Action::Window);
const ACCOUNTS: Needs = Needs::Page(Action::ManageAccounts);
const TOKENS: Needs = Needs::Page(Action::ManageTokens);

/// The table.
pub const ROUTES: &[Route] = &[
    read("/login", Needs::Stranger, || get(login::page)),
    write("/login", Needs::Stranger, || post(login::login)),
    read("/setup", Needs::Stranger, || get(login::setup_page)),
    write("/setup", Needs::Stranger, || post(login::set_up)),
    read("/healthz", Needs::Nothing, || get(health::healthz)),
    read("/assets/{name}", Needs::Nothing, || get(assets::serve)),
    read("/metrics", Needs::Here, || get(health::metrics)),
    read("/", SEE, || get(super::home_page)),
    read("/a/{id}", SEE, || get(super::alert_page)),
    write("/a/{id}/take", TAKE, || post(alert::acts::take)),
    write("/a/{id}/release", TAKE, || post(alert::acts::give_back)),
    write("/a/{id}/note", NOTE, || post(alert::acts::write_note)),
    write("/a/{id}/silence", SILENCE, || {
        post(alert::acts::make_silence)
    }),
    read("/systems/{customer}/{system}", SEE, || {
        get(super::system_page)
    }),
    write("/systems/{customer}/{system}/note", NOTE, || {
        post(system::write_note)
    }),
    write("/agent-notes/{*agent}", NOTE, || post(agent::write_note)),
    read("/windows", SEE, || get(super::windows_page)),
    write("/windows", WINDOW, || post(windows::add)),
    write("/windows/end", WINDOW, || post(windows::end)),
    read("/silences", SEE, || get(super::silences_page)),
    write("/silences", SILENCE, || post(silences::add)),
    write("/silences/end", SILENCE, || post(silences::end)),
    read("/noise", SEE, || get(super::week_page)),
    read("/codes", SEE, || get(super::codes_page)),
    read("/codes/{code}", SEE, || get(super::code_page)),
    read("/agents/{*agent}", SEE, || get(super::agent_page)),
    read("/charts/{*agent}", Needs::Api(Action::See), || {
        get(super::chart_data)
    }),
    read("/live", Needs::Api(Action::See), || get(live::events)),
    write("/logout", Needs::Person, || post(login::logout)),
    read("/account", Needs::Person, || get(account::page)),
    write("/account/password", Needs::Person, || {
        post(account::change_password)
    }),
    write("/account/language", Needs::Person, || {
        post(account::change_language)
    }),
    read("/accounts", ACCOUNTS, || get(accounts::page)),
    write("/accounts", ACCOUNTS, || post(accounts::add)),
    write("/accounts/change", ACCOUNTS, || post(accounts::change)),
    write("/accounts/password", ACCOUNTS, || {
        post(accounts::set_password)
    }),
    write("/tokens", TOKENS, || post(accounts::add_token)),
    write("/tokens/revoke", TOKENS, || post(accounts::revoke_token)),
];
