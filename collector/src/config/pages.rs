//! `[pages]`: the listener of people.

use super::reader::{Row, Seen};
use super::value::{is_header, is_url};
use crate::zone::Zone;
use core::net::{IpAddr, SocketAddr};

/// Where and how pages are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pages {
    /// Address; port 0 lets the kernel choose.
    pub listen: SocketAddr,
    /// Zone of the times on pages; `None` for that of the host.
    pub zone: Option<Zone>,
    /// How people reach the pages, without a slash at the end: the beginning of the links in mails.
    pub base_url: Option<String>,
    /// A proxy that says who somebody is.
    pub trusted_proxy: Option<TrustedProxy>,
}

/// A single sign-on proxy in front of the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedProxy {
    /// Only what comes from these addresses is believed.
    pub addresses: Vec<IpAddr>,
    /// The header with the account's name.
    pub header: String,
}

pub(super) fn pages(seen: &mut Seen<'_>, row: &Row<'_>) -> Option<Pages> {
    let known = [
        "listen",
        "allow_remote",
        "time_zone_offset",
        "base_url",
        "trusted_proxy",
    ];
    seen.known(row.table, row.name, &known);
    let zone = zone(seen, row);
    let allowed = "http:// or https://, a host, perhaps a path; no ? in it";
    let base_url = seen.line_of_text(row, "base_url", allowed, |text| {
        is_url(text) && !text.contains('?')
    });
    let trusted_proxy = seen
        .inner(row, "trusted_proxy", "pages.trusted_proxy")
        .and_then(|row| trusted_proxy(seen, &row));
    Some(Pages {
        listen: listen(seen, row)?,
        zone,
        base_url: base_url.map(|url| url.trim_end_matches('/').to_owned()),
        trusted_proxy,
    })
}

/// `None` for the host's zone, and beside a mistake.
fn zone(seen: &mut Seen<'_>, row: &Row<'_>) -> Option<Zone> {
    let allowed = "\"local\", or a distance from UTC such as \"+09:00\"";
    seen.take(row, "time_zone_offset", allowed, |value| {
        match value.as_str()? {
            "local" => Some(None),
            text => Zone::fixed(text).map(Some),
        }
    })
    .flatten()
}

fn listen(seen: &mut Seen<'_>, row: &Row<'_>) -> Option<SocketAddr> {
    let remote = seen.flag(row, "allow_remote").unwrap_or(false);
    if !row.has("listen") {
        return Some(SocketAddr::from(([127, 0, 0, 1], 8080)));
    }
    let (listen, line) = seen.address(row.table, row.name)?;
    if !listen.ip().is_loopback() && !remote {
        seen.refuse(
            line,
            "[pages] listen",
            listen.to_string(),
            "a loopback address behind a proxy with TLS, or allow_remote = true (passwords then travel in plain HTTP)",
        );
        return None;
    }
    Some(listen)
}

fn trusted_proxy(seen: &mut Seen<'_>, row: &Row<'_>) -> Option<TrustedProxy> {
    seen.known(row.table, row.name, &["address", "header"]);
    let address = "one or a list of IP addresses";
    let header = "the name of a header, e.g. \"X-Remote-User\"";
    seen.needs(row, "address", address);
    seen.needs(row, "header", header);
    let addresses = seen.list(row, "address", address, |value| {
        value.as_str()?.parse().ok()
    });
    let header = seen.line_of_text(row, "header", header, is_header);
    if addresses.is_empty() {
        return None;
    }
    Some(TrustedProxy {
        addresses,
        header: header?,
    })
}
