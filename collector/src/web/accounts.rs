//! For admins: the accounts and API tokens of all.

use super::account::{csrf, done, notice, said, scope, seen, status_of};
use super::guard::{Entered, Fields, see_other};
use super::login::field;
use super::words_people::Words;
use super::{Parameters, Site, frame, html, unreadable, waiting};
use crate::handling::Who;
use crate::limit::TOKEN_DAYS;
use crate::people::accounts::Rights;
use crate::people::tokens::NewToken;
use crate::people::{Account, ApiToken, NotDone, Role, Scope};
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use frame::View;
use hansho::clock::WallTime;
use hansho::code::Language;
use maud::{Markup, html as markup};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is on the page of accounts and tokens.
struct Everybody {
    accounts: Vec<Account>,
    tokens: Vec<ApiToken>,
    /// Names of customers that have agents: to copy from.
    customers: BTreeSet<String>,
}

/// A wrong field that the room of people does not know.
enum Wrong {
    Role,
    Days,
    Not(NotDone),
}

impl From<NotDone> for Wrong {
    fn from(why: NotDone) -> Self {
        Self::Not(why)
    }
}

fn choices(said: &Words, chosen: Role, seen: &Scope) -> Markup {
    let (all, list) = match seen {
        Scope::All => (true, String::new()),
        Scope::Customers(customers) => {
            let names: Vec<&str> = customers.iter().map(String::as_str).collect();
            (false, names.join("\n"))
        }
    };
    markup! {
        p { label { (said.role) " "
            select name="role" {
                @for role in Role::ALL {
                    option value=(role.word()) selected[role == chosen] { (said.role_of(role)) }
                }
            }
        } }
        fieldset {
            legend { (said.scope) }
            label { input type="radio" name="scope" value="all" checked[all]; " " (said.all_customers) } br;
            label { input type="radio" name="scope" value="some" checked[!all]; " " (said.these_customers) } br;
            label { textarea name="customers" rows="3" cols="40" { (list) } br; span.dim { (said.customers_note) } }
        }
    }
}

fn account_row(view: &View, account: &Account) -> Markup {
    let said = said(view);
    let name = |value: &str| markup! { input type="hidden" name="name" value=(value); };
    markup! {
        tr {
            th scope="row" { (account.name) }
            td { (said.role_of(account.role)) }
            td { (scope(said, &account.scope)) }
            td { @if account.disabled { (said.disabled) } @else { (said.enabled) } }
            td { (view.time(account.created)) }
            td {
                details {
                    summary { (said.change) }
                    form method="post" action="/accounts/change" {
                        (csrf(view)) (name(&account.name))
                        (choices(said, account.role, &account.scope))
                        p { label { input type="checkbox" name="disabled" value="1" checked[account.disabled]; " " (said.disabled) } }
                        p { button { (said.save) } }
                    }
                    form method="post" action="/accounts/password" {
                        (csrf(view)) (name(&account.name))
                        (field(said.new_password, "password", "password", "", "new-password"))
                        p { button { (said.set_password) } }
                    }
                }
            }
        }
    }
}

fn token_row(view: &View, token: &ApiToken) -> Markup {
    let said = said(view);
    markup! {
        tr {
            th scope="row" { (token.name) }
            td { (said.role_of(token.role)) }
            td { (scope(said, &token.scope)) }
            td { @match token.expires {
                None => { (said.never_expires) }
                Some(end) => { (view.time(end)) @if end <= view.now { " " strong { (said.expired) } } }
            } }
            td { @match token.used { None => { (said.never_used) } Some(used) => { (view.time(used)) } } }
            td { (token.created_by) ", " (view.time(token.created)) }
            td { form method="post" action="/tokens/revoke" {
                (csrf(view))
                input type="hidden" name="name" value=(token.name);
                button { (said.revoke) " " (token.name) }
            } }
        }
    }
}

fn head(names: &[&str]) -> Markup {
    markup! { thead { tr { @for name in names { th scope="col" { (name) } } } } }
}

fn whole(view: &View, all: &Everybody, text: Option<&str>, fresh: Option<&str>) -> Markup {
    let said = said(view);
    let content = markup! {
        (notice(text))
        @if let Some(fresh) = fresh { p role="status" { (said.token_once) br; code { (fresh) } } }
        h1 { (said.accounts) }
        div.scroll tabindex="0" { table {
            (head(&[said.name, said.role, said.scope, "", said.added, said.change]))
            tbody { @for account in &all.accounts { (account_row(view, account)) } }
        } }
        h2 { (said.add_account) }
        form.stack method="post" action="/accounts" {
            (csrf(view))
            (field(said.name, "name", "text", "", "off"))
            (field(said.password, "password", "password", "", "new-password"))
            (choices(said, Role::Viewer, &Scope::Customers(BTreeSet::new())))
            p { button { (said.add_account) } }
        }
        h2 { (said.tokens) }
        @if all.tokens.is_empty() { p { (said.no_tokens) } } @else {
            div.scroll tabindex="0" { table {
                (head(&[said.name, said.role, said.scope, said.expires, said.last_used, said.made_by, said.revoke]))
                tbody { @for token in &all.tokens { (token_row(view, token)) } }
            } }
        }
        h2 { (said.add_token) }
        form.stack method="post" action="/tokens" {
            (csrf(view))
            (field(said.name, "name", "text", "", "off"))
            (choices(said, Role::Viewer, &Scope::Customers(BTreeSet::new())))
            p { label { (said.days) " " input name="days" inputmode="numeric" value="365"; } " " span.dim { (said.days_note) } }
            p { button { (said.make) } }
        }
        @if !all.customers.is_empty() {
            h2 { (said.known_customers) }
            ul { @for customer in &all.customers { li { (customer) } } }
        }
    };
    frame::page(view, said.accounts, "/accounts", frame::Live::No, content)
}

async fn shown(site: &Arc<Site>, view: &View, outcome: Result<Option<String>, Wrong>) -> Response {
    let said = said(view);
    let (status, text, fresh) = match outcome {
        Ok(fresh) => (StatusCode::OK, None, fresh),
        Err(Wrong::Role) => (
            StatusCode::BAD_REQUEST,
            Some(said.wrong_role.to_owned()),
            None,
        ),
        Err(Wrong::Days) => (
            StatusCode::BAD_REQUEST,
            Some(said.wrong_days.to_owned()),
            None,
        ),
        Err(Wrong::Not(why)) => {
            let text = said.why_not(&why, |time| view.time(time));
            (status_of(&why), Some(text), None)
        }
    };
    let all = waiting(site, |site| {
        let (accounts, tokens) = site.gate.everybody()?;
        let systems = site.store.systems()?;
        let customers = systems.into_iter().map(|system| system.customer).collect();
        Ok::<_, crate::store::StoreError>(Everybody {
            accounts,
            tokens,
            customers,
        })
    });
    match all.await {
        Ok(Ok(all)) => html(status, whole(view, &all, text.as_deref(), fresh.as_deref())),
        Ok(Err(error)) => unreadable(view.words, &error),
        Err(error) => unreadable(view.words, &error),
    }
}

/// `GET /accounts`.
pub async fn page(
    State(site): State<Arc<Site>>,
    Extension(entered): Extension<Entered>,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response {
    let view = seen(&site, &entered, &query, &headers);
    shown(&site, &view, Ok(None)).await
}

/// Role and scope as a form has them.
fn rights(fields: &Fields) -> Result<Rights, Wrong> {
    let role = Role::from_word(fields.get("role")).ok_or(Wrong::Role)?;
    let scope = match fields.get("scope") {
        "all" => Scope::All,
        _ => Scope::Customers(
            fields
                .get("customers")
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect(),
        ),
    };
    Ok(Rights {
        role,
        scope,
        disabled: !fields.get("disabled").is_empty(),
    })
}

/// Runs a change and shows the page: again from its own address where it was done.
async fn changed<F>(
    (site, entered, query, headers): (Arc<Site>, Entered, Parameters, HeaderMap),
    what: String,
    change: F,
) -> Response
where
    F: FnOnce(&Site, &Who, WallTime) -> Result<(), NotDone> + Send + 'static,
{
    let by = entered.who();
    let outcome = waiting(&site, move |site| change(site, &by, (site.now)())).await;
    match done(outcome, &what, &entered) {
        Ok(()) => see_other("/accounts"),
        Err(why) => {
            let view = seen(&site, &entered, &query.0, &headers);
            shown(&site, &view, Err(why.into())).await
        }
    }
}

/// `POST /accounts`: adds an account.
pub async fn add(
    State(site): State<Arc<Site>>,
    Extension(entered): Extension<Entered>,
    Extension(fields): Extension<Fields>,
    query: Parameters,
    headers: HeaderMap,
) -> Response {
    let rights = match rights(&fields) {
        Ok(rights) => rights,
        Err(wrong) => {
            let view = seen(&site, &entered, &query.0, &headers);
            return shown(&site, &view, Err(wrong)).await;
        }
    };
    let what = format!(
        "account {:?} added ({}, {:?})",
        fields.get("name"),
        rights.role.word(),
        rights.scope
    );
    changed(
        (site, entered, query, headers),
        what,
        move |site, by, now| {
            let (name, password) = (fields.get("name"), fields.get("password"));
            let language: Option<Language> = None;
            site.gate
                .add_account(name, Some(password), &rights, language, by, now)
        },
    )
    .await
}

/// `POST /accounts/change`: role, scope, disabled.
pub async fn change(
    State(site): State<Arc<Site>>,
    Extension(entered): Extension<Entered>,
    Extension(fields): Extension<Fields>,
    query: Parameters,
    headers: HeaderMap,
) -> Response {
    let rights = match rights(&fields) {
        Ok(rights) => rights,
        Err(wrong) => {
            let view = seen(&site, &entered, &query.0, &headers);
            return shown(&site, &view, Err(wrong)).await;
        }
    };
    let what = format!("account {:?} changed to {rights:?}", fields.get("name"));
    changed(
        (site, entered, query, headers),
        what,
        move |site, by, now| {
            site.gate
                .change_account(fields.get("name"), &rights, by, now)
        },
    )
    .await
}

/// `POST /accounts/password`: somebody forgot theirs.
pub async fn set_password(
    State(site): State<Arc<Site>>,
    Extension(entered): Extension<Entered>,
    Extension(fields): Extension<Fields>,
    query: Parameters,
    headers: HeaderMap,
) -> Response {
    let what = format!("password of account {:?} set", fields.get("name"));
    changed(
        (site, entered, query, headers),
        what,
        move |site, by, now| {
            site.gate
                .set_password(fields.get("name"), fields.get("password"), by, now)
        },
    )
    .await
}

/// From when on a token of so many days is refused; `None` for no end.
fn end(days: &str, now: WallTime) -> Result<Option<WallTime>, Wrong> {
    let days = days.trim();
    if days.is_empty() {
        return Ok(None);
    }
    let days: u64 = days.parse().map_err(|_| Wrong::Days)?;
    if !(1..=TOKEN_DAYS).contains(&days) {
        return Err(Wrong::Days);
    }
    let ms = days.saturating_mul(crate::clock::DAY_MS);
    Ok(Some(WallTime::from_millis(
        now.as_millis().saturating_add(ms),
    )))
}

/// `POST /tokens`: makes a token and shows it, once.
pub async fn add_token(
    State(site): State<Arc<Site>>,
    Extension(entered): Extension<Entered>,
    Extension(fields): Extension<Fields>,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response {
    let view = seen(&site, &entered, &query, &headers);
    let outcome = match (rights(&fields), end(fields.get("days"), view.now)) {
        (Ok(rights), Ok(expires)) => {
            let token = NewToken {
                name: fields.get("name").to_owned(),
                role: rights.role,
                scope: rights.scope,
                expires,
            };
            let what = format!("token {token:?} made");
            let by = entered.who();
            let made = waiting(&site, move |site| {
                site.gate.add_token(&token, &by, (site.now)())
            });
            done(made.await, &what, &entered)
                .map(|secret| Some(secret.token()))
                .map_err(Wrong::from)
        }
        (Err(wrong), _) | (_, Err(wrong)) => Err(wrong),
    };
    shown(&site, &view, outcome).await
}

/// `POST /tokens/revoke`.
pub async fn revoke_token(
    State(site): State<Arc<Site>>,
    Extension(entered): Extension<Entered>,
    Extension(fields): Extension<Fields>,
    query: Parameters,
    headers: HeaderMap,
) -> Response {
    let what = format!("token {:?} revoked", fields.get("name"));
    changed(
        (site, entered, query, headers),
        what,
        move |site, by, now| site.gate.revoke_token(fields.get("name"), by, now),
    )
    .await
}
