//! The pages: what is happening and what to do, without JavaScript, in Japanese and English.
//!
//! [`routes`] the table of all addresses and what each needs; [`guard`] before each of them; [`login`], [`account`] and [`accounts`]
//! how people come in. Inside the [`frame`] of all, one page each: [`fleet`], [`system`], [`agent`] with its [`charts`], [`alert`],
//! [`code`], [`windows`], [`silences`], [`noise_page`]; [`overview`] and [`noise`] are what the first and the last of them show, as plain
//! values. [`forms`] what becomes of forms; [`pieces`] what pages share; [`words`] and the others of that name the two languages;
//! [`names`] of what is measured; [`reason`] why an alert stands as it does; [`life`] whether an agent is silent; [`link`] the page
//! behind a mail's signed link; [`api`] the API over HTTP; [`listen`] bounds on connections; [`values`] numbers with units; [`health`] what machines ask.
//! Everything is escaped by maud.

pub mod account;
pub mod accounts;
pub mod agent;
pub mod alert;
pub mod api;
pub mod assets;
mod bilingual;
pub mod charts;
pub mod code;
pub mod evidence;
pub mod fleet;
pub mod forms;
pub mod frame;
pub mod guard;
pub mod health;
pub mod life;
pub mod link;
pub mod link_words;
pub mod listen;
pub mod live;
pub mod login;
pub mod names;
pub mod noise;
pub mod noise_page;
pub mod overview;
pub mod pieces;
pub mod places;
pub mod reason;
pub mod routes;
pub mod silences;
pub mod system;
pub mod values;
pub mod victims;
pub mod visit;
pub mod windows;
pub mod words;
pub mod words_alert;
pub mod words_evidence;
pub mod words_fleet;
pub mod words_people;
pub mod words_plan;

use crate::directory::Current;
use crate::ingest::{Job, Metrics, SignsOfLife};
use crate::keys::Masters;
use crate::limit::FORM_BYTES;
use crate::people::{Action, Gate};
use crate::store::{Agent, Store, StoreError};
use crate::zone::Zone;
use axum::body::Body;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::any;
use axum::{Extension, Router};
use guard::{Entered, Needs, Peer};
use hansho::clock::WallTime;
use maud::Markup;
use std::collections::HashMap;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::watch;
use visit::Visit;
use words::Words;

/// What the pages need.
pub struct Site {
    /// For reading.
    pub store: Arc<dyn Store>,
    /// For what people do.
    pub writing: Arc<dyn Store>,
    /// To ask the writer whether it works.
    pub queue: SyncSender<Job>,
    /// Counters of the process.
    pub metrics: Arc<Metrics>,
    /// Signs of life that the store could not note yet.
    pub signs: Arc<SignsOfLife>,
    /// The clock.
    pub now: fn() -> WallTime,
    /// The zone of the times.
    pub zone: Zone,
    /// Who owns what, who is told, what was agreed: the configuration in force.
    pub current: Arc<Current>,
    /// Who may come in.
    pub gate: Gate,
    /// The newest event that open pages were told of.
    pub newest: live::Newest,
    /// Keys of agents are made of them.
    pub masters: Arc<Masters>,
}

/// Serves until told to stop.
pub async fn serve(listener: TcpListener, site: Arc<Site>, mut stop: watch::Receiver<bool>) {
    let stopped = async move {
        // An error means that the sender is gone: stop as well.
        drop(stop.wait_for(|stop| *stop).await);
    };
    let served =
        axum::serve(listen::Bounded::new(listener), service(site)).with_graceful_shutdown(stopped);
    if let Err(error) = served.await {
        log::error!("the pages' listener failed: {error}");
    }
}

/// The routes, each told who is at the other end.
pub fn service(site: Arc<Site>) -> IntoMakeServiceWithConnectInfo<Router, Peer> {
    router(site).into_make_service_with_connect_info::<Peer>()
}

/// The routes, as the table has them: none without what it [`Needs`].
pub fn router(site: Arc<Site>) -> Router {
    let links = link::router(Arc::new(link::Links {
        reading: Arc::clone(&site.store),
        writing: Arc::clone(&site.writing),
        now: site.now,
        zone: site.zone.clone(),
        uses: Mutex::default(),
    }));
    let guarded = |needs: Needs, site: &Arc<Site>| {
        let site = Arc::clone(site);
        middleware::from_fn(move |request: Request, next: Next| {
            guard::guard(Arc::clone(&site), needs, request, next)
        })
    };
    let mut router = Router::new();
    for route in routes::ROUTES {
        let handler = (route.handler)().layer(guarded(route.needs, &site));
        router = router.route(route.path, handler);
    }
    for operation in api::routes() {
        let handler = api::handler(operation).layer(guarded(api::needs(operation), &site));
        let handler = handler.layer(middleware::map_response(api::refused));
        router = router.route(operation.path, handler);
    }
    let none = any(api::nothing).layer(guarded(Needs::Api(Action::See), &site));
    router = router.route("/api/{*rest}", none);
    // What exists is nobody's business who is not logged in.
    let nothing = any(not_found).layer(guarded(Needs::Page(Action::See), &site));
    router
        .fallback_service(nothing.with_state(Arc::clone(&site)))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .with_state(site)
        .merge(links)
        .layer(middleware::from_fn(with_headers))
}

/// Headers on every answer: nothing is loaded from anywhere, nothing runs, forms go to ourselves only, nobody frames it, nothing
/// is kept.
async fn with_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'",
        ),
        // By it an open page tells our refusal from that of a proxy that has no collector behind it (live.js).
        ("x-hansho-collector", "1"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// What a page's address and headers say.
struct Asked {
    words: &'static Words,
    /// The language stands in the address: links carry it on.
    explicit: bool,
}

impl Asked {
    /// Of somebody who came in.
    fn of(visit: &Visit) -> Self {
        Self::new(&visit.query, &visit.headers, Some(&visit.entered))
    }

    /// The language of the address, else that of the account, else what the browser asks for.
    fn new(
        query: &HashMap<String, String>,
        headers: &HeaderMap,
        entered: Option<&Entered>,
    ) -> Self {
        let lang = query.get("lang").and_then(|tag| words::by_tag(tag));
        let own = entered.and_then(|entered| entered.language).map(words::of);
        let accepted = headers
            .get(ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok());
        Self {
            words: lang
                .or(own)
                .unwrap_or_else(|| words::by_header(accepted.unwrap_or(""))),
            explicit: lang.is_some(),
        }
    }
}

type Parameters = Query<HashMap<String, String>>;

/// Does what waits for the disk, or for a hash, on a thread that may.
///
/// # Errors
/// It panicked, or the collector stops.
async fn waiting<T, F>(site: &Arc<Site>, work: F) -> Result<T, String>
where
    T: Send + 'static,
    F: FnOnce(&Site) -> T + Send + 'static,
{
    let site = Arc::clone(site);
    tokio::task::spawn_blocking(move || work(&site))
        .await
        .map_err(|error| {
            log::error!("a request was not finished: {error}");
            error.to_string()
        })
}

/// For whom a page is, and when.
fn view(site: &Site, asked: &Asked, entered: &Entered) -> frame::View {
    frame::View {
        words: asked.words,
        explicit: asked.explicit,
        now: (site.now)(),
        zone: site.zone.clone(),
        entered: entered.clone(),
    }
}

/// Builds a page on a thread that may wait for the disk.
async fn page<F>(visit: Visit, build: F) -> Response
where
    F: FnOnce(&Site, &frame::View, &HashMap<String, String>) -> Result<Option<Markup>, StoreError>
        + Send
        + 'static,
{
    let asked = Asked::of(&visit);
    let words = asked.words;
    let view = view(&visit.site, &asked, &visit.entered);
    let built = tokio::task::spawn_blocking(move || build(&visit.site, &view, &visit.query)).await;
    match built {
        Ok(Ok(Some(markup))) => html(StatusCode::OK, markup),
        Ok(Ok(None)) => html(
            StatusCode::NOT_FOUND,
            frame::message(words, words.not_found),
        ),
        Ok(Err(error)) => unreadable(words, &error),
        Err(error) => unreadable(words, &error),
    }
}

/// What stands there instead of a page, or of what becomes of a form, when the store fails; the log says why.
fn unreadable(words: &'static Words, error: &dyn core::fmt::Display) -> Response {
    log::error!("a page cannot be built, or a form carried out: {error}");
    html(
        StatusCode::SERVICE_UNAVAILABLE,
        frame::message(words, words.store_unreadable),
    )
}

fn html(status: StatusCode, markup: Markup) -> Response {
    let mut response = Response::new(Body::from(markup.into_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}

async fn home_page(visit: Visit) -> Response {
    page(visit, |site, view, _| fleet::page(site, view)).await
}

/// What the address says that a form did.
fn told(view: &frame::View, query: &HashMap<String, String>) -> forms::Told {
    forms::Told::of(view, query.get("done").map(String::as_str))
}

async fn alert_page(Path(id): Path<String>, visit: Visit) -> Response {
    page(visit, move |site, view, query| {
        alert::page(site, view, &id, &told(view, query))
    })
    .await
}

async fn codes_page(visit: Visit) -> Response {
    page(visit, move |site, view, query| {
        let search = query.get("q").map_or("", String::as_str);
        Ok(Some(code::list(site, view, search)))
    })
    .await
}

async fn code_page(Path(code): Path<String>, visit: Visit) -> Response {
    page(visit, move |site, view, _| {
        Ok(code::page(site, view, &code))
    })
    .await
}

async fn agent_page(Path(agent): Path<String>, visit: Visit) -> Response {
    page(visit, move |site, view, query| {
        let span = charts::Span::of(|name| query.get(name).cloned(), view.now);
        agent::page(site, view, &agent, span, &told(view, query))
    })
    .await
}

async fn system_page(Path((customer, system)): Path<(String, String)>, visit: Visit) -> Response {
    page(visit, move |site, view, query| {
        let first = query.get("first").and_then(|first| first.parse().ok());
        let place = (customer.as_str(), system.as_str());
        system::page(site, view, place, first.unwrap_or(0), &told(view, query))
    })
    .await
}

async fn windows_page(visit: Visit) -> Response {
    page(visit, move |site, view, query| {
        let place = query.get("place").map_or("", String::as_str);
        windows::page(site, view, &told(view, query), place)
    })
    .await
}

async fn silences_page(visit: Visit) -> Response {
    page(visit, move |site, view, query| {
        silences::page(site, view, &told(view, query))
    })
    .await
}

async fn week_page(visit: Visit) -> Response {
    page(visit, move |site, view, query| {
        noise_page::page(site, view, query.get("week").map_or("", String::as_str))
    })
    .await
}

/// The agent of this name, of those that the viewer sees: one of another customer with the same name changes nothing.
fn visible_agent(
    site: &Site,
    view: &frame::View,
    selector: &str,
) -> Result<Option<Agent>, StoreError> {
    let mut found = site.store.find_agent(selector)?;
    found.retain(|agent| view.viewer().sees(&agent.customer));
    let one = found.pop();
    Ok(one.filter(|_| found.is_empty()))
}

async fn chart_data(
    State(site): State<Arc<Site>>,
    Extension(entered): Extension<Entered>,
    Path(agent): Path<String>,
    query: Parameters,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::new(&query, &headers, Some(&entered));
    let view = view(&site, &asked, &entered);
    let span = charts::Span::of(|name| query.get(name).cloned(), view.now);
    let built = tokio::task::spawn_blocking(move || {
        let Some(agent) = visible_agent(&site, &view, &agent)? else {
            return Ok(None);
        };
        charts::data(&site, &view, &agent, span).map(Some)
    });
    let (status, body) = match built.await {
        Ok(Ok(Some(data))) => (StatusCode::OK, data),
        Ok(Ok(None)) => (StatusCode::NOT_FOUND, serde_json::Value::Null),
        Ok(Err(error)) => {
            log::error!("chart data cannot be read: {error}");
            (StatusCode::SERVICE_UNAVAILABLE, serde_json::Value::Null)
        }
        Err(error) => {
            log::error!("chart data cannot be read: {error}");
            (StatusCode::INTERNAL_SERVER_ERROR, serde_json::Value::Null)
        }
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    response
}

async fn not_found(query: Parameters, headers: HeaderMap) -> Response {
    let asked = Asked::new(&query, &headers, None);
    html(
        StatusCode::NOT_FOUND,
        frame::message(asked.words, asked.words.not_found),
    )
}
