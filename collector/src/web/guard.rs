//! Before every page: who asks, may they, and was a form made by us. A handler runs only behind this, and finds in the
//! request's extensions who [`Entered`] and, of a form, its [`Fields`].

use super::{Asked, Site, frame, html};
use crate::api::{Problem, Sort};
use crate::handling::Who;
use crate::limit::SESSION_MS;
use crate::people::proxy::{self, Told};
use crate::people::secret::Secret;
use crate::people::{Action, Gate, Refused, Role, Scope, Viewer, csrf};
use crate::store::{StoreError, Via};
use axum::extract::{ConnectInfo, Form, FromRequest as _, Query, Request};
use axum::http::header::{AUTHORIZATION, COOKIE, LOCATION, SET_COOKIE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use hansho::code::Language;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What a route asks of whoever comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: whether the collector works, and what every page is dressed in.
    Nothing,
    /// Nothing, and it has a form: the way in itself.
    Stranger,
    /// A token or a session, or to come from this host itself and not through the proxy.
    Here,
    /// To be logged in as a person: one's own account.
    Person,
    /// A page: to be logged in, and the right to do this in principle. Whose data it is the page decides.
    Page(Action),
    /// The same for programs: without a right the answer is a status, not a page to log in.
    Api(Action),
}

/// How somebody came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// With a password; the secret of the session.
    Session(Secret),
    /// The single-sign-on proxy says who it is.
    Proxy,
    /// With an API token.
    Token,
    /// By the signed link of a mail: to one alert, and nowhere else.
    Link,
}

/// Who came in.
#[derive(Clone, Debug)]
pub struct Entered {
    /// Who it is, and what they may.
    pub viewer: Viewer,
    /// How they came in.
    pub way: Way,
    /// Language that the account asks for.
    pub language: Option<Language>,
    /// What their forms send back; nothing where it is a token, which sends no forms.
    pub csrf: String,
}

impl Entered {
    /// Whoever has the signed link of a mail. Which alert it shows, the link says; beyond that nothing is seen.
    #[must_use]
    pub fn by_link() -> Self {
        Self {
            viewer: Viewer {
                name: String::new(),
                role: Role::Viewer,
                scope: Scope::Customers(BTreeSet::new()),
            },
            way: Way::Link,
            language: None,
            csrf: String::new(),
        }
    }

    /// Whoever came in, as one who acts: what `handling` asks for, and the audit names.
    #[must_use]
    pub fn who(&self) -> Who {
        self.viewer.who(match self.way {
            Way::Session(_) | Way::Proxy => Via::Page,
            Way::Token => Via::Api,
            Way::Link => Via::Link,
        })
    }
}

/// What a form that nobody is logged in for sends back.
#[derive(Clone, Debug)]
pub struct Stranger {
    /// For the form.
    pub csrf: String,
}

/// Where a request comes from: the proxy's word for it, where there is one.
#[derive(Clone, Copy, Debug)]
pub struct Client(pub IpAddr);

/// The fields of a form that was made by us.
#[derive(Clone, Debug)]
pub struct Fields(Arc<Vec<(String, String)>>);

impl Fields {
    /// The first of this name; empty where there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// All of this name: of a field that can stand more than once.
    pub fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        let found = self.0.iter().filter(move |(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Name of the cookie with the session. `__Host-` holds it to this host, to https and to the whole site (RFC 6265bis, 4.1.3.2).
const SESSION: [&str; 2] = ["hansho", "__Host-hansho"];
/// Name of the cookie that belongs to a form of somebody who has no session.
const FORM: [&str; 2] = ["hansho-form", "__Host-hansho-form"];

fn name(names: [&'static str; 2], https: bool) -> &'static str {
    let [plain, host] = names;
    if https { host } else { plain }
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<Secret> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .find_map(|(_, value)| Secret::from_hex(value))
}

/// A `Set-Cookie`; without a secret the cookie is deleted.
fn set_cookie(names: [&'static str; 2], https: bool, secret: Option<&Secret>) -> HeaderValue {
    let name = name(names, https);
    let secure = if https { "; Secure" } else { "" };
    let (value, age) = match secret {
        Some(secret) => (secret.hex(), SESSION_MS / 1000),
        None => (String::new(), 0),
    };
    let text = format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
    // All of it is ASCII.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// Begins the browser's session, or ends it; its form cookie goes with that.
pub fn put_session(response: &mut Response, gate: &Gate, secret: Option<&Secret>) {
    let https = gate.settings().https;
    let headers = response.headers_mut();
    headers.append(SET_COOKIE, set_cookie(SESSION, https, secret));
    headers.append(SET_COOKIE, set_cookie(FORM, https, None));
}

/// The address of the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

fn peer(request: &Request) -> IpAddr {
    request
        .extensions()
        .get::<ConnectInfo<Peer>>()
        // Nobody: neither this host nor the proxy.
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.0.ip())
}

/// Found it is.
enum Found {
    Nobody,
    Somebody(Box<Entered>),
    /// A token that does not let in.
    BadToken,
    /// The proxy names somebody whom we do not let in.
    NotLetIn,
}

/// What a request says of who sends it.
#[derive(Clone)]
pub struct Claims {
    bearer: Option<Option<Secret>>,
    told: Told,
    session: Option<Secret>,
}

impl Claims {
    fn of(request: &Request, gate: &Gate) -> Self {
        let headers = request.headers();
        let bearer = headers.get(AUTHORIZATION).map(|value| {
            let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
            Secret::from_token(token.trim()).filter(|_| scheme.eq_ignore_ascii_case("bearer"))
        });
        let settings = gate.settings();
        let told = settings.proxy.as_ref().map_or(Told::Nothing, |proxy| {
            let values = headers.get_all(&proxy.header).iter();
            proxy.told(peer(request), values.map(HeaderValue::as_bytes))
        });
        Self {
            bearer,
            told,
            session: cookie(headers, name(SESSION, settings.https)),
        }
    }
}

impl Claims {
    /// Whether they still let in whoever came in by them, and to the same. To be asked so is no use of a session or token; that an
    /// open page fetches itself again is one, as any request.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn hold(&self, site: &Site, entered: &Entered) -> Result<bool, StoreError> {
        let found = identify(site, self, Noted::No)?;
        Ok(matches!(found, Found::Somebody(now) if now.viewer == entered.viewer))
    }
}

/// Whether looking somebody up counts as a use of their session or token.
#[derive(Clone, Copy)]
enum Noted {
    Yes,
    No,
}

/// Looks up who it is: a token stands above what a proxy says, and that above a session.
fn identify(site: &Site, claims: &Claims, noted: Noted) -> Result<Found, StoreError> {
    let now = (site.now)();
    if let Some(bearer) = &claims.bearer {
        let Some(secret) = bearer else {
            return Ok(Found::BadToken);
        };
        let found = match noted {
            Noted::Yes => site.gate.token(secret, now)?,
            Noted::No => site.gate.find_token(secret, now)?,
        };
        return Ok(match found {
            Ok(token) => Found::Somebody(Box::new(Entered {
                viewer: Viewer {
                    name: token.name,
                    role: token.role,
                    scope: token.scope,
                },
                way: Way::Token,
                language: None,
                csrf: String::new(),
            })),
            Err(_) => Found::BadToken,
        });
    }
    let (account, way) = match &claims.told {
        Told::Garbled => return Ok(Found::NotLetIn),
        Told::Name(name) => match site.gate.account(name)? {
            Some(account) if !account.disabled => (account, Way::Proxy),
            _ => {
                log::warn!("the proxy names {name:?}, which has no account here or a disabled one");
                return Ok(Found::NotLetIn);
            }
        },
        Told::Nothing => {
            let Some(secret) = &claims.session else {
                return Ok(Found::Nobody);
            };
            let found = match noted {
                Noted::Yes => site.gate.session(secret, now)?,
                Noted::No => site.gate.find_session(secret, now)?,
            };
            match found {
                Ok((_, account)) => (account, Way::Session(secret.clone())),
                Err(_) => return Ok(Found::Nobody),
            }
        }
    };
    Ok(Found::Somebody(Box::new(Entered {
        viewer: Viewer {
            name: account.name,
            role: account.role,
            scope: account.scope,
        },
        way,
        language: account.language,
        csrf: String::new(),
    })))
}

/// What the answer to a request is instead of its page.
enum Instead {
    Login,
    Status(StatusCode),
    Forbidden(Refused),
    NoPerson,
    NotLetIn,
    Form(StatusCode),
    Unreadable,
}

fn admitted(needs: Needs, who: &Found, here: bool) -> Result<(), Instead> {
    let viewer = match who {
        Found::Somebody(entered) => Some(entered),
        _ => None,
    };
    match (needs, who) {
        (Needs::Nothing | Needs::Stranger, _) | (Needs::Here, Found::Somebody(_)) => Ok(()),
        (Needs::Here, Found::Nobody) if here => Ok(()),
        (Needs::Here, _)
        | (Needs::Api(_), Found::Nobody | Found::NotLetIn)
        | (_, Found::BadToken) => Err(Instead::Status(StatusCode::UNAUTHORIZED)),
        (_, Found::NotLetIn) => Err(Instead::NotLetIn),
        (Needs::Person | Needs::Page(_), Found::Nobody) => Err(Instead::Login),
        (Needs::Person, Found::Somebody(entered)) if entered.way == Way::Token => {
            Err(Instead::NoPerson)
        }
        (Needs::Person, Found::Somebody(_)) => Ok(()),
        (Needs::Page(action) | Needs::Api(action), Found::Somebody(_)) => viewer
            .map_or(Err(Refused::NotAll), |entered| {
                entered.viewer.may(action, None)
            })
            .map_err(Instead::Forbidden),
    }
}

/// The layer around each route.
pub async fn guard(site: Arc<Site>, needs: Needs, mut request: Request, next: Next) -> Response {
    let asked = asked(&request);
    let settings = site.gate.settings();
    let from = peer(&request);
    // The last header: a proxy that adds one of its own leaves the client's before it.
    let forwarded = request.headers().get_all("x-forwarded-for");
    let forwarded = forwarded.iter().next_back();
    let client = proxy::client(
        settings.proxy.as_ref(),
        from,
        forwarded.and_then(|value| value.to_str().ok()),
    );
    request.extensions_mut().insert(Client(client));
    let here = from.to_canonical().is_loopback()
        && !settings.proxy.as_ref().is_some_and(|proxy| proxy.is(from));
    let who = if matches!(needs, Needs::Nothing | Needs::Stranger) {
        Found::Nobody
    } else {
        let claims = Claims::of(&request, &site.gate);
        request.extensions_mut().insert(claims.clone());
        let looking = Arc::clone(&site);
        let looked =
            tokio::task::spawn_blocking(move || identify(&looking, &claims, Noted::Yes)).await;
        match looked {
            Ok(Ok(who)) => who,
            Ok(Err(error)) => {
                log::error!("who asks for a page cannot be looked up: {error}");
                return instead(&Instead::Unreadable, needs, &asked, &request);
            }
            Err(error) => {
                log::error!("who asks for a page cannot be looked up: {error}");
                return instead(&Instead::Unreadable, needs, &asked, &request);
            }
        }
    };
    if let Err(other) = admitted(needs, &who, here) {
        return instead(&other, needs, &asked, &request);
    }
    let https = settings.https;
    let kept = cookie(request.headers(), name(FORM, https));
    let form = match kept.clone().map_or_else(Secret::new, Ok) {
        Ok(form) => form,
        Err(error) => {
            log::error!("no random bytes: {error}");
            return instead(&Instead::Unreadable, needs, &asked, &request);
        }
    };
    let (secret, viewer, exempt) = match &who {
        Found::Somebody(entered) => match &entered.way {
            Way::Session(secret) => (secret.clone(), entered.viewer.name.clone(), false),
            Way::Proxy | Way::Link => (form.clone(), entered.viewer.name.clone(), false),
            // No browser sends it by itself, so no other site can make one send it.
            Way::Token => (form.clone(), entered.viewer.name.clone(), true),
        },
        _ => (form.clone(), String::new(), false),
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        request = match ours(request, &secret, &viewer, exempt).await {
            Ok(request) => request,
            Err((status, request)) => {
                return instead(&Instead::Form(status), needs, &asked, &request);
            }
        };
    }
    let csrf = csrf::token(&secret, &viewer);
    // A browser that has no form cookie gets one with the page whose form needs it.
    let needs_cookie = match who {
        Found::Somebody(mut entered) => {
            let proxied = entered.way == Way::Proxy;
            if entered.way != Way::Token {
                entered.csrf = csrf;
            }
            request.extensions_mut().insert(*entered);
            proxied
        }
        _ => {
            request.extensions_mut().insert(Stranger { csrf });
            needs == Needs::Stranger
        }
    };
    let mut response = next.run(request).await;
    if needs_cookie && kept.is_none() && !response.headers().contains_key(SET_COOKIE) {
        let header = set_cookie(FORM, https, Some(&form));
        response.headers_mut().append(SET_COOKIE, header);
    }
    response
}

fn asked(request: &Request) -> Asked {
    let query = Query::<HashMap<String, String>>::try_from_uri(request.uri());
    let query = query.map_or_else(|_| HashMap::new(), |Query(query)| query);
    Asked::new(&query, request.headers(), None)
}

/// Whether a request that changes something comes from a page of ours; of a form its fields are taken out.
async fn ours(
    request: Request,
    secret: &Secret,
    viewer: &str,
    exempt: bool,
) -> Result<Request, (StatusCode, Request)> {
    let header = |request: &Request, name: &str| {
        let value = request.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    // Fetch Metadata: browsers say themselves whether another site sends it. Older ones do not.
    let cross = header(&request, "sec-fetch-site")
        .is_some_and(|site| !matches!(site.as_str(), "same-origin" | "none"));
    if cross && !exempt {
        return Err((StatusCode::FORBIDDEN, request));
    }
    let is_form = header(&request, "content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if !is_form {
        // What a program sends; no form of another site can set this header.
        let sent = header(&request, "x-csrf-token").unwrap_or_default();
        return if exempt || csrf::fits(secret, viewer, &sent) {
            Ok(request)
        } else {
            Err((StatusCode::FORBIDDEN, request))
        };
    }
    let (parts, body) = request.into_parts();
    let empty = || Request::from_parts(parts.clone(), axum::body::Body::empty());
    let whole = Request::from_parts(parts.clone(), body);
    let fields = match Form::<Vec<(String, String)>>::from_request(whole, &()).await {
        Ok(Form(fields)) => Fields(Arc::new(fields)),
        Err(refused) => return Err((refused.into_response().status(), empty())),
    };
    if !exempt && !csrf::fits(secret, viewer, fields.get("csrf")) {
        return Err((StatusCode::FORBIDDEN, empty()));
    }
    let mut request = empty();
    request.extensions_mut().insert(fields);
    Ok(request)
}

fn instead(what: &Instead, needs: Needs, asked: &Asked, request: &Request) -> Response {
    let words = asked.words;
    let said = super::words_people::of(words.language);
    let (status, text) = match what {
        Instead::Login => return to_login(request),
        Instead::Status(status) => (*status, said.no_token),
        Instead::Forbidden(_) | Instead::NoPerson => (StatusCode::FORBIDDEN, said.forbidden),
        Instead::NotLetIn => (StatusCode::FORBIDDEN, said.not_let_in),
        Instead::Form(StatusCode::FORBIDDEN) => (StatusCode::FORBIDDEN, said.old_form),
        Instead::Form(status) => (*status, said.bad_form),
        Instead::Unreadable => (StatusCode::SERVICE_UNAVAILABLE, words.store_unreadable),
    };
    if let Instead::Forbidden(refused) = what {
        log::info!("{} {:?}: {refused}", request.method(), request.uri().path());
    }
    let program = matches!(needs, Needs::Api(_) | Needs::Here);
    let mut response = if program {
        super::api::problem_response(&as_problem(what, status))
    } else {
        html(status, frame::message(words, text))
    };
    if status == StatusCode::UNAUTHORIZED {
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// What a program is told instead.
fn as_problem(what: &Instead, status: StatusCode) -> Problem {
    let detail = match what {
        Instead::Forbidden(refused) => refused.to_string(),
        Instead::Form(StatusCode::FORBIDDEN) => {
            "with a session's cookie X-CSRF-Token is needed; with a token it is not".to_owned()
        }
        Instead::NotLetIn => "the proxy names nobody who is let in".to_owned(),
        Instead::Unreadable => "the store cannot be read".to_owned(),
        Instead::Status(StatusCode::UNAUTHORIZED) => {
            "send Authorization: Bearer with a token that is valid".to_owned()
        }
        _ => status.canonical_reason().unwrap_or("refused").to_owned(),
    };
    Problem::new(Sort::of_status(status.as_u16()), detail)
}

/// To the login, and back afterwards to what was looked for.
fn to_login(request: &Request) -> Response {
    let asked_for = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let next = match *request.method() {
        Method::GET | Method::HEAD => super::login::own_path(asked_for),
        // A form that came too late is not sent twice.
        _ => "/",
    };
    let path = if next == "/" {
        "/login".to_owned()
    } else {
        format!("/login?next={}", frame::encoded(next))
    };
    see_other(&path)
}

/// 303: fetch that page.
pub fn see_other(path: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    // Paths of ours are ASCII; one that is not leads to the first page.
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, location);
    response
}
