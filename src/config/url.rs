//! Addresses of collectors.

use super::plan::CollectorUrl;
use crate::limit::URL_BYTES;
use core::net::{IpAddr, Ipv6Addr};

/// Why a text is no address of a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UrlError {
    /// Neither https:// nor http://.
    Scheme,
    /// A user name or password stands in it; not to be shown.
    Credentials,
    /// No host, or characters that no host has.
    Host,
    /// Not 1..=65535.
    Port,
    /// Spaces, control characters or characters beyond ASCII behind the host.
    Path,
    /// A query or a fragment: /v1/frames is appended, and would become part of it.
    Query,
    /// Longer than [`URL_BYTES`].
    TooLong,
    /// Plain HTTP to another host.
    PlainHttp,
}

impl UrlError {
    /// What is allowed instead.
    pub(super) const fn allowed(self) -> &'static str {
        match self {
            Self::Scheme => "https://HOST[:PORT]/PATH",
            Self::Credentials => {
                "an address without user name and password: the agent's key says who it is"
            }
            Self::Host => {
                "a host name, an IPv4 address or an IPv6 address in brackets behind https://"
            }
            Self::Port => "a port from 1 to 65535",
            Self::Path => "a path of ASCII characters without spaces",
            Self::Query => "no ? and no #: /v1/frames is appended to the address",
            Self::TooLong => "at most 1024 bytes",
            Self::PlainHttp => {
                "https://; http:// only to this host (localhost, 127.0.0.0/8, [::1]) or with allow_plain_http = true"
            }
        }
    }
}

/// Takes an address apart (RFC 3986 §3, without user information, query and fragment).
pub(super) fn parse(text: &str, allow_plain_http: bool) -> Result<CollectorUrl, UrlError> {
    if text.len() > URL_BYTES {
        return Err(UrlError::TooLong);
    }
    let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
    let https = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        _ => return Err(UrlError::Scheme),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err(UrlError::Credentials);
    }
    if path.contains(['?', '#']) {
        return Err(UrlError::Query);
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(UrlError::Path);
    }
    let path = if path.starts_with('/') {
        path.into()
    } else {
        format!("/{path}")
    };
    let (host, port) = split_authority(authority)?;
    let given = port.map(|port| format!(":{port}")).unwrap_or_default();
    let port = port.unwrap_or(if https { 443 } else { 80 });
    if !https && !allow_plain_http && !is_loopback(&host) {
        return Err(UrlError::PlainHttp);
    }
    let scheme = if https { "https" } else { "http" };
    let shown = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.clone()
    };
    Ok(CollectorUrl {
        url: format!("{scheme}://{shown}{given}{path}"),
        https,
        host,
        port,
        path,
    })
}

fn split_authority(authority: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = if let Some(bracketed) = authority.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']').ok_or(UrlError::Host)?;
        let address: Ipv6Addr = address.parse().map_err(|_| UrlError::Host)?;
        (address.to_string(), port)
    } else {
        let end = authority.find(':').unwrap_or(authority.len());
        let (host, port) = authority.split_at_checked(end).ok_or(UrlError::Host)?;
        let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let long = host
            .split('.')
            .any(|label| label.is_empty() || label.len() > 63);
        if long || host.len() > 253 || !host.bytes().all(named) {
            return Err(UrlError::Host);
        }
        (host.to_ascii_lowercase(), port)
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return Err(UrlError::Host),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let port: u16 = digits.parse().map_err(|_| UrlError::Port)?;
            Some(port)
                .filter(|port| *port > 0)
                .ok_or(UrlError::Port)?
                .into()
        }
        Some(_) => return Err(UrlError::Port),
    };
    Ok((host, port))
}

/// True for names and addresses that never leave the host (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3, RFC 6761 §6.3).
fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// What the address of a proxy may be.
pub(super) const PROXY: &str =
    "http://HOST:PORT of an HTTP proxy, without a path; its user is forward.proxy_user";

/// The address of a proxy: plain HTTP to it, a port, no path. What goes through its tunnel may be TLS all the same.
pub(super) fn proxy(text: &str) -> Option<CollectorUrl> {
    let url = parse(text, true).ok()?;
    let has_port = url.url.ends_with(&format!(":{}/", url.port));
    (!url.https && has_port && url.path == "/").then_some(url)
}

#[cfg(test)]
mod tests {
    use super::{UrlError, parse, proxy};
    use proptest::prelude::proptest;

    #[test]
    fn addresses_are_taken_apart() {
        let url = parse("https://Collector.Example:8443/hansho", false).unwrap();
        assert_eq!(url.url, "https://collector.example:8443/hansho");
        assert_eq!(
            (url.https, url.host.as_str(), url.port),
            (true, "collector.example", 8443)
        );
        assert_eq!(url.path, "/hansho");
        let url = parse("https://collector.example", false).unwrap();
        assert_eq!(
            (url.url.as_str(), url.port),
            ("https://collector.example/", 443)
        );
        let url = parse("http://[::1]:80/x", false).unwrap();
        assert_eq!(
            (url.url.as_str(), url.host.as_str()),
            ("http://[::1]:80/x", "::1")
        );
        assert!(parse("http://127.1.2.3/x", false).is_ok());
        assert!(parse("http://localhost/x", false).is_ok());
        assert!(parse("http://10.0.0.1/x", true).is_ok());
    }

    #[test]
    fn bad_ones_are_refused_with_their_reason() {
        let refused = |text: &str| parse(text, false).unwrap_err();
        assert_eq!(refused("http://10.0.0.1/x"), UrlError::PlainHttp);
        assert_eq!(refused("http://localhost.example/"), UrlError::PlainHttp);
        assert_eq!(refused("ftp://host/"), UrlError::Scheme);
        assert_eq!(refused("collector.example"), UrlError::Scheme);
        assert_eq!(refused("https://user:word@host/"), UrlError::Credentials);
        assert_eq!(refused("https:///x"), UrlError::Host);
        assert_eq!(refused("https://a b/"), UrlError::Host);
        assert_eq!(refused("https://[::1/"), UrlError::Host);
        assert_eq!(refused("https://host:0/"), UrlError::Port);
        assert_eq!(refused("https://host:65536/"), UrlError::Port);
        assert_eq!(refused("https://host:/"), UrlError::Port);
        assert_eq!(refused("https://host/a b"), UrlError::Path);
        for query in [
            "https://host/#a",
            "https://host#a",
            "https://host/x?a=b",
            "https://host?a",
        ] {
            assert_eq!(refused(query), UrlError::Query, "{query}");
        }
        assert_eq!(
            refused(&format!("https://host/{}", "a".repeat(1024))),
            UrlError::TooLong
        );
    }

    #[test]
    fn a_proxy_is_host_and_port() {
        let url = proxy("http://Proxy.example:3128").unwrap();
        assert_eq!((url.host.as_str(), url.port), ("proxy.example", 3128));
        assert_eq!(proxy("http://[::1]:80/").unwrap().host, "::1");
        for wrong in [
            "https://proxy:3128",
            "http://proxy",
            "http://proxy:3128/x",
            "http://u:p@proxy:3128",
            "socks5://proxy:1080",
            "proxy:3128",
        ] {
            assert_eq!(proxy(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_reads_back_the_same(text in "https?://[a-z0-9.:\\[\\]@-]{0,20}(/[ -~]{0,10})?") {
            if let Ok(url) = parse(&text, true) {
                assert_eq!(parse(&url.url, true), Ok(url));
            }
        }
    }
}
