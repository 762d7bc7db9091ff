//! One's own account: password and language.

use super::guard::{Client, Entered, Fields, Way, see_other};
use super::login::field;
use super::words_people::{self, Words};
use super::{Asked, Parameters, Site, frame, html, unreadable, view, waiting};
use crate::people::{Account, NotDone, Scope};
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use frame::View;
use hansho::code::Language;
use maud::{Markup, html as markup};
use std::collections::HashMap;
use std::sync::Arc;

pub(super) fn said(view: &View) -> &'static Words {
    words_people::of(view.words.language)
}

pub(super) fn seen(
    site: &Site,
    entered: &Entered,
    query: &HashMap<String, String>,
    headers: &HeaderMap,
) -> View {
    view(site, &Asked::new(query, headers, Some(entered)), entered)
}

pub(super) fn csrf(view: &View) -> Markup {
    markup! { input type="hidden" name="csrf" value=(view.csrf()); }
}

/// What a page says above its forms.
pub(super) fn notice(text: Option<&str>) -> Markup {
    markup! { @if let Some(text) = text { p.doubtful role="status" { (text) } } }
}

pub(super) fn status_of(why: &NotDone) -> StatusCode {
    match why {
        NotDone::Missing => StatusCode::NOT_FOUND,
        NotDone::Taken | NotDone::LastAdmin | NotDone::TooMany => StatusCode::CONFLICT,
        NotDone::WrongPassword => StatusCode::FORBIDDEN,
        NotDone::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
        NotDone::System(_) | NotDone::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        NotDone::Name | NotDone::Customer | NotDone::Password(_) | NotDone::Link => {
            StatusCode::BAD_REQUEST
        }
    }
}

fn own(view: &View, entered: &Entered, account: Option<&Account>, text: Option<&str>) -> Markup {
    let said = said(view);
    let has_password = account.is_some_and(|account| account.password.is_some());
    let language = account.and_then(|account| account.language);
    let content = markup! {
        h1 { (said.own_account) }
        (notice(text))
        dl {
            dt { (said.name) } dd { (entered.viewer.name) }
            dt { (said.role) } dd { (said.role_of(entered.viewer.role)) }
            dt { (said.scope) } dd { (scope(said, &entered.viewer.scope)) }
        }
        h2 { (said.change_password) }
        @if has_password {
            form.stack method="post" action="/account/password" {
                (csrf(view))
                (field(said.old_password, "old", "password", "", "current-password"))
                (field(said.new_password, "new", "password", "", "new-password"))
                (field(said.again, "again", "password", "", "new-password"))
                p { button { (said.change_password) } }
            }
        } @else { p { (said.no_password) } }
        h2 { (said.language_of_pages) }
        form.stack method="post" action="/account/language" {
            (csrf(view))
            p {
                select name="language" aria-label=(said.language_of_pages) {
                    @for (tag, name) in [("", said.by_browser), ("ja", "日本語"), ("en", "English")] {
                        option value=(tag) selected[language.map_or("", Language::tag) == tag] { (name) }
                    }
                }
                " " button { (said.save) }
            }
        }
    };
    frame::page(view, said.own_account, "/account", frame::Live::No, content)
}

/// Whose systems somebody sees.
pub(super) fn scope(said: &Words, scope: &Scope) -> String {
    match scope {
        Scope::All => said.all_customers.to_owned(),
        Scope::Customers(customers) if customers.is_empty() => "-".to_owned(),
        Scope::Customers(customers) => {
            let names: Vec<&str> = customers.iter().map(String::as_str).collect();
            names.join(", ")
        }
    }
}

/// One's own page with what came of a change, or without.
async fn own_page(
    site: Arc<Site>,
    view: View,
    entered: Entered,
    outcome: Option<Result<&'static str, NotDone>>,
) -> Response {
    let (status, text) = match outcome {
        None => (StatusCode::OK, None),
        Some(Ok(text)) => (StatusCode::OK, Some(text.to_owned())),
        Some(Err(why)) => (
            status_of(&why),
            Some(said(&view).why_not(&why, |time| view.time(time))),
        ),
    };
    let name = entered.viewer.name.clone();
    let account = waiting(&site, move |site| site.gate.account(&name)).await;
    match account {
        Ok(Ok(account)) => html(
            status,
            own(&view, &entered, account.as_ref(), text.as_deref()),
        ),
        Ok(Err(error)) => unreadable(view.words, &error),
        Err(error) => unreadable(view.words, &error),
    }
}

/// `GET /account`.
pub async fn page(
    State(site): State<Arc<Site>>,
    Extension(entered): Extension<Entered>,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response {
    let view = seen(&site, &entered, &query, &headers);
    own_page(site, view, entered, None).await
}

/// `POST /account/password`.
pub async fn change_password(
    State(site): State<Arc<Site>>,
    Extension(entered): Extension<Entered>,
    Extension(fields): Extension<Fields>,
    Extension(Client(address)): Extension<Client>,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response {
    let view = seen(&site, &entered, &query, &headers);
    let said = said(&view);
    if fields.get("new") != fields.get("again") {
        let page = markup! {
            p.doubtful role="alert" { (said.not_the_same) }
            p { a href="/account" { (said.own_account) } }
        };
        let page = frame::page(&view, said.own_account, "/account", frame::Live::No, page);
        return html(StatusCode::BAD_REQUEST, page);
    }
    let name = entered.viewer.name.clone();
    let way = entered.way.clone();
    let outcome = waiting(&site, move |site| {
        let session = match &way {
            Way::Session(secret) => Some(secret),
            Way::Proxy | Way::Token | Way::Link => None,
        };
        let (old, new) = (fields.get("old"), fields.get("new"));
        site.gate
            .change_password(&name, old, new, (address, session), (site.now)())
    });
    let outcome = done(outcome.await, "password changed", &entered);
    let outcome = outcome.map(|()| said.password_changed);
    own_page(site, view, entered, Some(outcome)).await
}

/// `POST /account/language`.
pub async fn change_language(
    State(site): State<Arc<Site>>,
    Extension(entered): Extension<Entered>,
    Extension(fields): Extension<Fields>,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response {
    let name = entered.viewer.name.clone();
    let language = Language::from_tag(fields.get("language"));
    let outcome = waiting(&site, move |site| site.gate.set_language(&name, language));
    match done(outcome.await, "language changed", &entered) {
        Ok(()) => see_other("/account"),
        Err(why) => {
            let view = seen(&site, &entered, &query, &headers);
            own_page(site, view, entered, Some(Err(why))).await
        }
    }
}

/// Says in the log what an account did, or why it was not done.
pub(super) fn done<T>(
    outcome: Result<Result<T, NotDone>, String>,
    what: &str,
    entered: &Entered,
) -> Result<T, NotDone> {
    let outcome = outcome.unwrap_or_else(|error| Err(NotDone::System(error)));
    let name = &entered.viewer.name;
    match &outcome {
        Ok(_) => log::info!("{what} by {name:?}"),
        Err(why) => log::warn!("not done: {what} by {name:?}: {why}"),
    }
    outcome
}
