//! Whom a single-sign-on proxy names: a header that counts only from the proxy's own address.

use super::accounts;
use core::net::IpAddr;

/// The proxy that asks people who they are. From `[pages] trusted_proxy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedProxy {
    /// Its addresses as the collector sees them.
    pub addresses: Vec<IpAddr>,
    /// Name of the header with the account's name, e.g. `x-remote-user`. The proxy must set or delete it in every request.
    pub header: String,
}

/// What a request says of its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing that counts: no such header, an empty one, or one from another address.
    Nothing,
    /// The name of an account, which may not exist.
    Name(String),
    /// The proxy's header, but nothing that could be a name; or twice.
    Garbled,
}

impl TrustedProxy {
    /// Whether a connection is the proxy's.
    #[must_use]
    pub fn is(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.addresses
            .iter()
            .any(|address| address.to_canonical() == peer)
    }

    /// What the header's values say in a request from `peer`.
    pub fn told<'v>(&self, peer: IpAddr, values: impl Iterator<Item = &'v [u8]>) -> Told {
        if !self.is(peer) {
            return Told::Nothing;
        }
        let mut values = values.fuse();
        let (first, second) = (values.next(), values.next());
        match (first, second) {
            (None, _) | (Some(b""), None) => Told::Nothing,
            (Some(value), None) => std::str::from_utf8(value)
                .ok()
                .filter(|name| accounts::is_name(name))
                .map_or(Told::Garbled, |name| Told::Name(name.to_owned())),
            // Whichever of two is the proxy's: the other is not.
            (Some(_), Some(_)) => Told::Garbled,
        }
    }
}

/// Whose failed logins count: behind the proxy the client that it names last in `X-Forwarded-For`, else the peer.
#[must_use]
pub fn client(proxy: Option<&TrustedProxy>, peer: IpAddr, forwarded_for: Option<&str>) -> IpAddr {
    if !proxy.is_some_and(|proxy| proxy.is(peer)) {
        return peer;
    }
    forwarded_for
        .and_then(|list| list.rsplit(',').next())
        .and_then(|last| last.trim().parse().ok())
        .unwrap_or(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy() -> TrustedProxy {
        TrustedProxy {
            addresses: vec![IpAddr::from([10, 0, 0, 1])],
            header: "x-remote-user".to_owned(),
        }
    }

    #[test]
    fn the_header_counts_from_the_proxys_address_only() {
        let told = |peer: &str, values: &[&[u8]]| {
            proxy().told(peer.parse().unwrap(), values.iter().copied())
        };
        let sato = Told::Name("sato@mirai.example".to_owned());
        assert_eq!(told("10.0.0.1", &[b"sato@mirai.example"]), sato);
        assert_eq!(told("::ffff:10.0.0.1", &[b"sato@mirai.example"]), sato);
        assert_eq!(told("10.0.0.2", &[b"sato@mirai.example"]), Told::Nothing);
        assert_eq!(told("127.0.0.1", &[b"sato@mirai.example"]), Told::Nothing);
        assert_eq!(told("10.0.0.1", &[]), Told::Nothing);
        assert_eq!(told("10.0.0.1", &[b""]), Told::Nothing);
        for garbled in [
            &[&b"sato"[..], b"admin"][..],
            &[b"", b"sato"],
            &[b"a b"],
            &[b"a/b"],
            &[b"\xff"],
            &[b"<script>"],
            &[&[b'x'; 65]],
        ] {
            assert_eq!(told("10.0.0.1", garbled), Told::Garbled);
        }
    }

    #[test]
    fn behind_the_proxy_the_client_counts_and_only_as_the_proxy_saw_it() {
        let at = |peer: &str, list: Option<&str>| {
            client(Some(&proxy()), peer.parse().unwrap(), list).to_string()
        };
        assert_eq!(at("10.0.0.1", Some("1.1.1.1, 192.0.2.7")), "192.0.2.7");
        assert_eq!(at("10.0.0.1", Some("unknown")), "10.0.0.1");
        assert_eq!(at("10.0.0.1", None), "10.0.0.1");
        assert_eq!(at("192.0.2.9", Some("1.1.1.1")), "192.0.2.9");
    }
}
