//! The API over HTTP: the table of `crate::api` as routes, each behind the guard, and every answer as JSON.

use super::Site;
use super::guard::{Entered, Needs};
use super::health;
use crate::api::problem::{Problem, Sort};
use crate::api::table::{Method, Operation, Run, operations};
use crate::api::{Desk, Input, Outcome, Reply, Sent, about, document};
use crate::limit::{API_BODY_BYTES, API_QUERY_BYTES};
use axum::body::{Body, to_bytes};
use axum::extract::{Query, RawPathParams, Request};
use axum::http::header::{ALLOW, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Extension, RequestExt as _};
use std::sync::{Arc, OnceLock};

/// What an operation asks of whoever comes.
#[must_use]
pub const fn needs(operation: &Operation) -> Needs {
    Needs::Api(operation.action)
}

/// What answers an operation.
pub fn handler(operation: &'static Operation) -> MethodRouter<Arc<Site>> {
    let filter = match operation.method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
    };
    let answer = move |axum::extract::State(site): axum::extract::State<Arc<Site>>,
                       Extension(entered): Extension<Entered>,
                       request: Request| async move {
        match answer(operation, site, entered, request).await {
            Ok(reply) => written(operation, reply),
            Err(problem) => problem_response(&problem),
        }
    };
    on(filter, answer)
}

/// Where nothing is.
pub async fn nothing() -> Response {
    problem_response(&Problem::not_found("address"))
}

async fn answer(
    operation: &'static Operation,
    site: Arc<Site>,
    entered: Entered,
    request: Request,
) -> Outcome {
    let (path, query, body) = sent(operation, request).await?;
    let sent = Sent {
        path: &path,
        query: &query,
        body: &body,
    };
    let input = Input::new(operation, &sent)?;
    let decide = match operation.run {
        Run::Decide(decide) => decide,
        Run::Document => return Ok(Reply::Json(serde_json::Value::Null)),
        Run::Health => {
            let (status, said) = health::healthz(axum::extract::State(site)).await;
            return if status == StatusCode::OK {
                Ok(Reply::Json(about::healthy()))
            } else {
                Err(Problem::new(Sort::Unavailable, said.trim_end()))
            };
        }
    };
    let work = move || {
        let desk = Desk {
            store: &*site.store,
            writing: &*site.writing,
            gate: &site.gate,
            signs: &site.signs,
            masters: &site.masters,
            live: site.current.get(),
            zone: &site.zone,
            viewer: &entered.viewer,
            who: entered.who(),
            now: (site.now)(),
        };
        decide(&desk, &input)
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        log::error!("{} was not finished: {error}", operation.id);
        Problem::new(Sort::Failed, "the collector's log says why")
    })?
}

type Pairs = Vec<(String, String)>;

/// What a request says, not yet checked.
async fn sent(
    operation: &Operation,
    mut request: Request,
) -> Result<(Pairs, Pairs, Vec<u8>), Problem> {
    let path = request.extract_parts::<RawPathParams>().await;
    let path = path.map_err(|_| Problem::new(Sort::Malformed, "the path is no UTF-8"))?;
    let path = path.iter();
    let path = path.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let path: Pairs = path.collect();
    if request
        .uri()
        .query()
        .is_some_and(|query| query.len() > API_QUERY_BYTES)
    {
        let said = format!("the query is longer than {API_QUERY_BYTES} bytes");
        return Err(Problem::new(Sort::Malformed, said));
    }
    let query = Query::<Pairs>::try_from_uri(request.uri());
    let Query(query) =
        query.map_err(|_| Problem::new(Sort::Malformed, "the query cannot be read"))?;
    let kind = request.headers().get(CONTENT_TYPE);
    let kind = kind.map(|value| value.to_str().unwrap_or("").to_ascii_lowercase());
    let body = to_bytes(request.into_body(), API_BODY_BYTES).await;
    let body = body.map_err(|_| {
        let said = format!("allowed are {API_BODY_BYTES} bytes, and it must come whole");
        Problem::new(Sort::TooLong, said)
    })?;
    let json = kind
        .as_deref()
        .is_some_and(|kind| kind == "application/json" || kind.starts_with("application/json;"));
    if operation.method == Method::Post && !json && (kind.is_some() || !body.is_empty()) {
        let said = "send Content-Type: application/json";
        return Err(Problem::new(Sort::WrongType, said));
    }
    Ok((path, query, body.to_vec()))
}

fn written(operation: &Operation, reply: Reply) -> Response {
    let (kind, text) = match reply {
        Reply::Json(_) if matches!(operation.run, Run::Document) => {
            static DOCUMENT: OnceLock<String> = OnceLock::new();
            (
                "application/json",
                DOCUMENT.get_or_init(document::text).clone(),
            )
        }
        Reply::Json(json) => ("application/json", format!("{json}\n")),
        Reply::Csv(name, text) => {
            let mut response =
                with_body(operation.answer.status(), "text/csv; charset=utf-8", text);
            // The name is made of a month's digits.
            let value = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
            if let Ok(value) = value {
                response.headers_mut().insert(CONTENT_DISPOSITION, value);
            }
            return response;
        }
    };
    with_body(operation.answer.status(), kind, text)
}

fn with_body(status: u16, kind: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// A problem as an answer.
#[must_use]
pub fn problem_response(problem: &Problem) -> Response {
    let text = format!("{}\n", problem.json());
    with_body(problem.status(), "application/problem+json", text)
}

/// Gives what the router itself refuses the shape of every other refusal.
pub async fn refused(response: Response) -> Response {
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    let allowed = response.headers().get(ALLOW).cloned();
    let named = allowed.as_ref().and_then(|value| value.to_str().ok());
    let said = format!("allowed is {}", named.unwrap_or("another method"));
    let mut problem = problem_response(&Problem::new(Sort::WrongMethod, said));
    if let Some(allowed) = allowed {
        problem.headers_mut().insert(ALLOW, allowed);
    }
    problem
}

/// All operations with their paths, for the router.
pub fn routes() -> impl Iterator<Item = &'static Operation> {
    operations()
}
