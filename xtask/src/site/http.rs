//! A page of the collector, by plain HTTP on loopback.

use crate::process::{Failure, io_at};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest page that is read. The first page shows a bounded number of alerts.
const PAGE_BYTES: u64 = 4 << 20;
/// How long the collector may take over a page.
const PATIENCE: Duration = Duration::from_secs(10);

/// The page at `path`, with an API token; HTTP/1.0, so that it comes whole and the connection ends (RFC 1945).
///
/// # Errors
/// It does not come, or not with 200.
pub(crate) fn page(address: SocketAddr, path: &str, token: &str) -> Result<String, Failure> {
    let place = || io_at(format!("http://{address}{path}"));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(place())?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(place())?;
    stream
        .write_all(
            format!(
                "GET {path} HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n"
            )
            .as_bytes(),
        )
        .map_err(place())?;
    let mut answer = String::new();
    stream
        .take(PAGE_BYTES)
        .read_to_string(&mut answer)
        .map_err(place())?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.split(' ').nth(1) == Some("200") => Ok(body.to_owned()),
        _ => Err(Failure::Check(format!(
            "http://{address}{path}: {}",
            answer.lines().next().unwrap_or("no answer")
        ))),
    }
}
