//! The pages: what is happening and what to do, without JavaScript, in Japanese and English.
//!
//! [`home`], [`agent`], [`alert`], [`code`] one page each, inside the [`frame`] of all; [`words`] the two languages;
//! [`names`] of what is measured; [`reason`] why an alert stands as it does; [`life`] whether an agent is silent; [`link`] the page behind a mail's signed link;
//! [`listen`] bounds on connections; [`values`] numbers with units; [`health`] what machines ask. Everything is escaped by maud.

pub mod agent;
pub mod alert;
pub mod assets;
pub mod charts;
pub mod code;
pub mod codes;
pub mod frame;
pub mod health;
pub mod home;
pub mod life;
pub mod link;
pub mod link_words;
pub mod listen;
pub mod live;
pub mod names;
pub mod reason;
pub mod values;
pub mod words;

use crate::ingest::{Job, Metrics, SignsOfLife};
use crate::store::{Store, StoreError};
use crate::zone::Zone;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use hansho::clock::WallTime;
use maud::Markup;
use std::collections::HashMap;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::watch;
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
    /// The newest event that open pages were told of.
    pub newest: live::Newest,
}

/// Serves until told to stop.
pub async fn serve(listener: TcpListener, site: Arc<Site>, mut stop: watch::Receiver<bool>) {
    let stopped = async move {
        // An error means that the sender is gone: stop as well.
        drop(stop.wait_for(|stop| *stop).await);
    };
    let served =
        axum::serve(listen::Bounded::new(listener), router(site)).with_graceful_shutdown(stopped);
    if let Err(error) = served.await {
        log::error!("the pages' listener failed: {error}");
    }
}

/// The routes.
pub fn router(site: Arc<Site>) -> Router {
    let links = link::router(Arc::new(link::Links {
        reading: Arc::clone(&site.store),
        writing: Arc::clone(&site.writing),
        now: site.now,
        zone: site.zone.clone(),
        uses: Mutex::default(),
    }));
    Router::new()
        .route("/", get(home_page))
        .route("/a/{id}", get(alert_page))
        .route("/codes/{code}", get(code_page))
        .route("/agents/{*agent}", get(agent_page))
        .route("/charts/{*agent}", get(chart_data))
        .route("/live", get(live::events))
        .route("/assets/{name}", get(assets::serve))
        .route("/healthz", get(health::healthz))
        .route("/metrics", get(health::metrics))
        .fallback(not_found)
        .with_state(site)
        .merge(links)
        .layer(middleware::from_fn(guard))
}

/// Headers on every answer: nothing is loaded from anywhere, nothing runs, nobody frames it, nothing is kept.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'",
        ),
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
    fn new(query: &HashMap<String, String>, headers: &HeaderMap) -> Self {
        let lang = query.get("lang").and_then(|tag| words::by_tag(tag));
        let accepted = headers
            .get(ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok());
        Self {
            words: lang.unwrap_or_else(|| words::by_header(accepted.unwrap_or(""))),
            explicit: lang.is_some(),
        }
    }

    fn view(&self, site: &Site) -> frame::View {
        frame::View {
            words: self.words,
            explicit: self.explicit,
            now: (site.now)(),
            zone: site.zone.clone(),
        }
    }
}

type Parameters = Query<HashMap<String, String>>;

/// Builds a page on a thread that may wait for the disk.
async fn page<F>(site: Arc<Site>, asked: Asked, build: F) -> Response
where
    F: FnOnce(&Site, &frame::View) -> Result<Option<Markup>, StoreError> + Send + 'static,
{
    let words = asked.words;
    let view = asked.view(&site);
    let built = tokio::task::spawn_blocking(move || build(&site, &view)).await;
    match built {
        Ok(Ok(Some(markup))) => html(StatusCode::OK, markup),
        Ok(Ok(None)) => html(
            StatusCode::NOT_FOUND,
            frame::message(words, words.not_found),
        ),
        Ok(Err(error)) => {
            log::error!("a page cannot be built: {error}");
            html(
                StatusCode::SERVICE_UNAVAILABLE,
                frame::message(words, words.store_unreadable),
            )
        }
        Err(error) => {
            log::error!("a page cannot be built: {error}");
            html(
                StatusCode::INTERNAL_SERVER_ERROR,
                frame::message(words, words.store_unreadable),
            )
        }
    }
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

async fn home_page(
    State(site): State<Arc<Site>>,
    query: Parameters,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::new(&query, &headers);
    page(site, asked, home::page).await
}

async fn alert_page(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    query: Parameters,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::new(&query, &headers);
    page(site, asked, move |site, view| alert::page(site, view, &id)).await
}

async fn code_page(
    State(site): State<Arc<Site>>,
    Path(code): Path<String>,
    query: Parameters,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::new(&query, &headers);
    page(site, asked, move |_, view| Ok(code::page(view, &code))).await
}

async fn agent_page(
    State(site): State<Arc<Site>>,
    Path(agent): Path<String>,
    query: Parameters,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::new(&query, &headers);
    page(site, asked, move |site, view| {
        agent::page(site, view, &agent)
    })
    .await
}

async fn chart_data(
    State(site): State<Arc<Site>>,
    Path(agent): Path<String>,
    query: Parameters,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::new(&query, &headers);
    let view = asked.view(&site);
    let span = charts::Span::of(|name| query.get(name).cloned(), view.now);
    let built = tokio::task::spawn_blocking(move || {
        let found = site.store.find_agent(&agent)?;
        let [agent] = found.as_slice() else {
            return Ok(None);
        };
        charts::data(&site, &view, agent, span).map(Some)
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
    let asked = Asked::new(&query, &headers);
    html(
        StatusCode::NOT_FOUND,
        frame::message(asked.words, asked.words.not_found),
    )
}
