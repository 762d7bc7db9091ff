//! `[pages]`: the listener of people.

use super::reader::{Mistake, Seen};
use crate::zone::Zone;
use core::net::SocketAddr;
use toml::de::DeTable;

/// `None` for the host's zone, and beside a mistake.
pub(super) fn zone(seen: &mut Seen<'_>, table: &DeTable<'_>) -> Option<Zone> {
    let allowed = "\"local\", or a distance from UTC such as \"+09:00\"";
    seen.value(
        table,
        "pages",
        "time_zone_offset",
        allowed,
        |value| match value.as_str()? {
            "local" => Some(None),
            text => Zone::fixed(text).map(Some),
        },
    )
    .and_then(|(zone, _)| zone)
}

pub(super) fn pages(seen: &mut Seen<'_>, table: &DeTable<'_>) -> Option<SocketAddr> {
    seen.known(
        table,
        "pages",
        &["listen", "allow_remote", "time_zone_offset"],
    );
    let remote = seen
        .boolean(table, "pages", "allow_remote")
        .unwrap_or(false);
    if !table.contains_key("listen") {
        return Some(SocketAddr::from(([127, 0, 0, 1], 8080)));
    }
    let (listen, line) = seen.address(table, "pages")?;
    if !listen.ip().is_loopback() && !remote {
        seen.mistakes.push(Mistake {
            line,
            key: "[pages] listen".to_owned(),
            found: listen.to_string(),
            allowed: "a loopback address behind a proxy that asks who it is, or allow_remote = true (the pages have \
                      no login yet)"
                .to_owned(),
        });
        return None;
    }
    Some(listen)
}
