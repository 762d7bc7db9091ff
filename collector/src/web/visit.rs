//! What every page and form is given of a request: who came in, the address, the header.

use super::guard::Entered;
use super::{Parameters, Site};
use axum::Extension;
use axum::extract::{FromRequestParts, Query};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use std::collections::HashMap;
use std::sync::Arc;

/// A request behind the guard.
pub struct Visit {
    /// The site.
    pub site: Arc<Site>,
    /// Who came in.
    pub entered: Entered,
    /// Parameters of the address.
    pub query: HashMap<String, String>,
    /// Header.
    pub headers: HeaderMap,
}

impl FromRequestParts<Arc<Site>> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Response> {
        let entered = Extension::from_request_parts(parts, site).await;
        let Extension(entered) = entered.map_err(|error| error.into_response())?;
        let query = Parameters::from_request_parts(parts, site).await;
        let Query(query) = query.map_err(|error| error.into_response())?;
        Ok(Self {
            site: Arc::clone(site),
            entered,
            query,
            headers: parts.headers.clone(),
        })
    }
}
