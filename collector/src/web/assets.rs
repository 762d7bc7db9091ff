//! Style sheet and scripts, built into the program. Nothing is loaded from anywhere else.

use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use hansho::frame::seal::short_hash;

/// One file.
struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const SHEET: &str = "text/css; charset=utf-8";

static ASSETS: [Asset; 5] = [
    Asset {
        name: "style.css",
        kind: SHEET,
        bytes: include_bytes!("../../assets/style.css"),
    },
    Asset {
        name: "live.js",
        kind: SCRIPT,
        bytes: include_bytes!("../../assets/live.js"),
    },
    Asset {
        name: "chart.js",
        kind: SCRIPT,
        bytes: include_bytes!("../../assets/chart.js"),
    },
    Asset {
        name: "uplot.js",
        kind: SCRIPT,
        bytes: include_bytes!("../../assets/vendor/uPlot.iife.min.js"),
    },
    Asset {
        name: "uplot.css",
        kind: SHEET,
        bytes: include_bytes!("../../assets/vendor/uPlot.min.css"),
    },
];

fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// The address of a file. It changes with the content, so that a browser may keep what it has for ever.
#[must_use]
pub fn address(name: &str) -> String {
    let hash = find(name).map_or(0, |asset| short_hash("hansho asset 1", asset.bytes));
    format!("/assets/{name}?v={hash:016x}")
}

/// Serves one.
pub async fn serve(Path(name): Path<String>) -> Response {
    let Some(asset) = find(&name) else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let mut response = Response::new(Body::from(asset.bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    response
}
