//! `[ingest]`: the listener of agents.

use super::reader::Seen;
use crate::limit::{CONNECTIONS, CONNECTIONS_SHARE, HEADER_MS};
use core::net::SocketAddr;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// The ingest listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingest {
    /// Address; port 0 lets the kernel choose.
    pub listen: SocketAddr,
    /// Certificate chain and key, PEM; `None` for plain HTTP.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Simultaneous connections.
    pub max_connections: usize,
    /// Simultaneous connections of one address.
    pub max_per_address: usize,
    /// How long an authenticated connection may be without a complete request header.
    pub idle_timeout_ms: u64,
}

pub(super) fn ingest(seen: &mut Seen<'_>, table: &DeTable<'_>, base: &Path) -> Option<Ingest> {
    let keys = [
        "listen",
        "certificate",
        "key",
        "allow_plain_http",
        "max_connections",
        "max_connections_per_address",
        "idle_timeout_s",
    ];
    seen.known(table, "ingest", &keys);
    let listen = seen.address(table, "ingest");
    if listen.is_none() && !table.contains_key("listen") {
        seen.missing(
            "[ingest] listen",
            "an address and port, e.g. \"0.0.0.0:7443\"",
        );
    }
    let certificate = seen.string(table, "ingest", "certificate");
    let key = seen.string(table, "ingest", "key");
    let plain = seen
        .boolean(table, "ingest", "allow_plain_http")
        .unwrap_or(false);
    let max_connections = seen
        .integer(table, "ingest", "max_connections", 1..=1_000_000)
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or(CONNECTIONS);
    let max_per_address = seen
        .integer(
            table,
            "ingest",
            "max_connections_per_address",
            1..=1_000_000,
        )
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or_else(|| (max_connections / CONNECTIONS_SHARE).max(1));
    let idle_timeout_ms = seen
        .integer(table, "ingest", "idle_timeout_s", 1..=3600)
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map_or(HEADER_MS, |seconds| seconds.saturating_mul(1000));
    let tls = match (certificate, key) {
        (Some((certificate, _)), Some((key, _))) => Some((base.join(certificate), base.join(key))),
        (None, None) => None,
        (Some((_, line)), None) | (None, Some((_, line))) => {
            seen.refuse(
                line,
                "[ingest] certificate, key",
                "only one of them".to_owned(),
                "both, or none",
            );
            return None;
        }
    };
    let (listen, line) = listen?;
    if tls.is_none() && !plain && !listen.ip().is_loopback() {
        seen.refuse(
            line,
            "[ingest] listen",
            format!("{listen} without certificate and key"),
            "a loopback address, or certificate and key, or allow_plain_http = true (macs still \
                      authenticate every frame, but anybody on the way can read them)",
        );
        return None;
    }
    Some(Ingest {
        listen,
        tls,
        max_connections,
        max_per_address,
        idle_timeout_ms,
    })
}
