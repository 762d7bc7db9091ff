//! The way in: login, logout, and the first account.

use super::guard::{self, Client, Entered, Fields, Stranger, Way, see_other};
use super::words_people::{self, Words};
use super::{Asked, Parameters, Site, frame, html, unreadable, waiting};
use crate::limit::RETURN_BYTES;
use crate::people::NotDone;
use crate::people::gate::LoginRefused;
use crate::people::secret::Secret;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html as markup};
use std::sync::Arc;

/// An address that a login may lead back to: a path of this site, or the first page.
#[must_use]
pub fn own_path(path: &str) -> &str {
    let plain = path
        .bytes()
        .all(|byte| (b'!'..=b'~').contains(&byte) && byte != b'\\');
    // `//host` and `/\host` are other sites to a browser.
    let own = path.starts_with('/') && !path.starts_with("//") && !path.starts_with("/log");
    if plain && own && path.len() <= RETURN_BYTES {
        path
    } else {
        "/"
    }
}

/// A field of a form.
pub fn field(label: &str, name: &str, kind: &str, value: &str, complete: &str) -> Markup {
    markup! {
        p { label { (label) br; input name=(name) type=(kind) value=(value) autocomplete=(complete) required; } }
    }
}

/// What the way in shows: one form, and what was wrong with the last try.
struct Door<'a> {
    said: &'static Words,
    title: &'static str,
    note: &'static str,
    wrong: Option<&'a str>,
    path: &'static str,
    csrf: &'a str,
    hidden: (&'a str, &'a str),
    name: &'a str,
    new: bool,
}

fn door(asked: &Asked, door: &Door<'_>) -> Markup {
    let said = door.said;
    let (hidden, value) = door.hidden;
    let complete = if door.new {
        "new-password"
    } else {
        "current-password"
    };
    let words = asked.words;
    let action = if asked.explicit {
        format!("{}?lang={}", door.path, words.language.tag())
    } else {
        door.path.to_owned()
    };
    let other = format!(
        "{}?lang={}&{hidden}={}",
        door.path,
        words.other,
        frame::encoded(value)
    );
    let form = markup! {
        p { a href=(other) lang=(words.other) { @if words.other == "en" { "English" } @else { "日本語" } } }
        h1 { (door.title) }
        p { (door.note) }
        @if let Some(wrong) = door.wrong { p.doubtful role="alert" { (wrong) } }
        form.stack method="post" action=(action) {
            input type="hidden" name="csrf" value=(door.csrf);
            input type="hidden" name=(hidden) value=(value);
            (field(said.name, "name", "text", door.name, "username"))
            (field(said.password, "password", "password", "", complete))
            p { button { (door.title) } }
        }
    };
    frame::bare(words, door.title, &form)
}

fn login_form(asked: &Asked, csrf: &str, next: &str, name: &str, wrong: Option<&str>) -> Markup {
    let said = words_people::of(asked.words.language);
    door(
        asked,
        &Door {
            said,
            title: said.login,
            note: said.no_account_hint,
            wrong,
            path: "/login",
            csrf,
            hidden: ("next", own_path(next)),
            name,
            new: false,
        },
    )
}

/// `GET /login`.
pub async fn page(
    Extension(stranger): Extension<Stranger>,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::new(&query, &headers, None);
    let next = query.get("next").map_or("/", String::as_str);
    html(
        StatusCode::OK,
        login_form(&asked, &stranger.csrf, next, "", None),
    )
}

/// `POST /login`: a session of its own, whatever the browser had.
pub async fn login(
    State(site): State<Arc<Site>>,
    Extension(stranger): Extension<Stranger>,
    Extension(fields): Extension<Fields>,
    Extension(Client(address)): Extension<Client>,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::new(&query, &headers, None);
    let said = words_people::of(asked.words.language);
    let given = fields.clone();
    let outcome = waiting(&site, move |site| {
        let now = (site.now)();
        site.gate
            .login(given.get("name"), given.get("password"), address, now)
    })
    .await
    .unwrap_or_else(|error| Err(LoginRefused::Failed(NotDone::System(error))));
    let name = fields.get("name");
    let refused = match outcome {
        Ok(secret) => {
            log::info!("login of {name:?} from {address}");
            let mut response = see_other(own_path(fields.get("next")));
            guard::put_session(&mut response, &site.gate, Some(&secret));
            return response;
        }
        Err(refused) => refused,
    };
    let shown: String = name.chars().take(crate::limit::NAME_CHARACTERS).collect();
    log::warn!("login of {shown:?} from {address} refused: {refused}");
    let (status, text) = match &refused {
        LoginRefused::Unknown | LoginRefused::Wrong | LoginRefused::Disabled => {
            (StatusCode::UNAUTHORIZED, said.wrong_login.to_owned())
        }
        LoginRefused::TooOften(until) => (
            StatusCode::TOO_MANY_REQUESTS,
            said.too_often(&site.zone.show(*until)),
        ),
        LoginRefused::Failed(_) => (StatusCode::SERVICE_UNAVAILABLE, said.system.to_owned()),
    };
    let next = fields.get("next");
    html(
        status,
        login_form(&asked, &stranger.csrf, next, &shown, Some(&text)),
    )
}

/// `POST /logout`.
pub async fn logout(
    State(site): State<Arc<Site>>,
    Extension(entered): Extension<Entered>,
) -> Response {
    if let Way::Session(secret) = entered.way {
        let ended = waiting(&site, move |site| site.gate.logout(&secret)).await;
        if let Err(error) = ended.and_then(|ended| ended.map_err(|error| error.to_string())) {
            // The browser forgets it all the same, and the session ends by itself.
            log::error!("a session cannot be ended: {error}");
        }
    }
    let mut response = see_other("/login");
    guard::put_session(&mut response, &site.gate, None);
    response
}

fn setup_form(asked: &Asked, csrf: &str, key: &str, name: &str, wrong: Option<&str>) -> Markup {
    let said = words_people::of(asked.words.language);
    door(
        asked,
        &Door {
            said,
            title: said.set_up,
            note: said.set_up_note,
            wrong,
            path: "/setup",
            csrf,
            hidden: ("key", key),
            name,
            new: true,
        },
    )
}

fn dead_link(asked: &Asked) -> Response {
    let said = words_people::of(asked.words.language);
    html(
        StatusCode::NOT_FOUND,
        frame::message(asked.words, said.dead_link),
    )
}

/// `GET /setup?key=`: shows the form and uses nothing up, so that whoever looks at links first does no harm.
pub async fn setup_page(
    State(site): State<Arc<Site>>,
    Extension(stranger): Extension<Stranger>,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::new(&query, &headers, None);
    let key = query.get("key").and_then(|key| Secret::from_hex(key));
    let Some(key) = key else {
        return dead_link(&asked);
    };
    let shown = key.hex();
    let good = waiting(&site, move |site| {
        site.gate.setup_is_good(&key, (site.now)())
    });
    match good.await {
        Ok(Ok(true)) => html(
            StatusCode::OK,
            setup_form(&asked, &stranger.csrf, &shown, "", None),
        ),
        Ok(Ok(false)) => dead_link(&asked),
        Ok(Err(error)) => unreadable(asked.words, &error),
        Err(error) => unreadable(asked.words, &error),
    }
}

/// `POST /setup`: makes the first account.
pub async fn set_up(
    State(site): State<Arc<Site>>,
    Extension(stranger): Extension<Stranger>,
    Extension(fields): Extension<Fields>,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::new(&query, &headers, None);
    let Some(key) = Secret::from_hex(fields.get("key")) else {
        return dead_link(&asked);
    };
    let shown = key.hex();
    let given = fields.clone();
    let language = asked.words.language;
    let outcome = waiting(&site, move |site| {
        let account = (given.get("name"), given.get("password"));
        site.gate
            .set_up(&key, account, Some(language), (site.now)())
    })
    .await
    .unwrap_or_else(|error| Err(NotDone::System(error)));
    let why = match outcome {
        Ok(()) => {
            log::info!("the first account {:?} was made", fields.get("name"));
            return see_other("/login");
        }
        Err(NotDone::Link) => return dead_link(&asked),
        Err(why) => why,
    };
    log::warn!("the first account was not made: {why}");
    let said = words_people::of(language);
    let text = said.why_not(&why, |time| site.zone.show(time));
    let name = fields.get("name");
    html(
        StatusCode::BAD_REQUEST,
        setup_form(&asked, &stranger.csrf, &shown, name, Some(&text)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_back_to_our_own_pages_only() {
        for own in ["/", "/a/0000", "/agents/%E3%81%BF/x?lang=ja", "/codes/1002"] {
            assert_eq!(own_path(own), own);
        }
        let long = format!("/{}", "x".repeat(RETURN_BYTES));
        for other in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: x",
            "/a b",
            "/ä",
            "/login?next=/login",
            "/logout",
            " /",
            &long,
        ] {
            assert_eq!(own_path(other), "/", "{other}");
        }
    }
}
