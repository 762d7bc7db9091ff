//! A tunnel through an HTTP proxy (CONNECT, RFC 9110 §9.3.6): what comes after it, TLS or plain HTTP, goes end to end, so
//! the proxy learns host and port and nothing else.
//!
//! Our own and not ureq's, so that names are looked up only of the proxy (the proxy looks up the collector's), bytes are
//! counted and bounded as everywhere, and each refusal says what to do.

use super::connector::{Meter, Stage, left};
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;
use ureq::unversioned::transport::{ConnectionDetails, Connector, Transport, TransportAdapter};

/// Longest answer of a proxy to CONNECT: status line and headers.
const HEAD_BYTES: usize = 8 * 1024;

/// Where the proxy is, and who asks.
#[derive(Clone)]
pub struct Proxy {
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User and password (RFC 7617), where the proxy asks for them.
    pub credentials: Option<(String, String)>,
}

/// Without the password, so that no message ever shows it.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&authority(&self.host, self.port))
    }
}

/// Why there is no tunnel.
#[derive(Debug)]
pub enum ProxyFault {
    /// 407 although user and password were given, or because none were.
    Authentication {
        /// They were given.
        given: bool,
    },
    /// 403: not to this host and port.
    Forbidden,
    /// 502, 503, 504: the proxy cannot reach it.
    Unreachable(u16),
    /// Another status.
    Refused(u16),
    /// What came is no answer of HTTP.
    NotHttp,
    /// Closed, reset, or too slow.
    Io(io::Error),
}

impl fmt::Display for ProxyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authentication { given: false } => write!(
                f,
                "it asks for a user and password (407): set forward.proxy_user and forward.proxy_password_file"
            ),
            Self::Authentication { given: true } => write!(
                f,
                "it does not accept forward.proxy_user with its password (407), or wants another scheme than Basic"
            ),
            Self::Forbidden => write!(
                f,
                "it does not allow this host and port (403): its administrator must"
            ),
            Self::Unreachable(status) => write!(f, "it cannot reach it ({status})"),
            Self::Refused(status) => write!(f, "it refused the tunnel with status {status}"),
            Self::NotHttp => write!(f, "what answers there is no HTTP proxy"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

/// Makes the tunnel over a connection to the proxy.
///
/// # Errors
/// [`ProxyFault`].
pub fn tunnel(
    wire: &mut (impl Read + Write),
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), ProxyFault> {
    let target = authority(host, port);
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some((user, password)) = &proxy.credentials {
        let word = base64(format!("{user}:{password}").as_bytes());
        request.push_str(&format!("Proxy-Authorization: Basic {word}\r\n"));
    }
    request.push_str("\r\n");
    wire.write_all(request.as_bytes())
        .and_then(|()| wire.flush())
        .map_err(ProxyFault::Io)?;
    let status = status(wire)?;
    match status {
        200..=299 => Ok(()),
        407 => Err(ProxyFault::Authentication {
            given: proxy.credentials.is_some(),
        }),
        403 => Err(ProxyFault::Forbidden),
        502..=504 => Err(ProxyFault::Unreachable(status)),
        _ => Err(ProxyFault::Refused(status)),
    }
}

/// Reads an answer to the end of its headers, not a byte further: what follows belongs to the tunnel.
fn status(wire: &mut impl Read) -> Result<u16, ProxyFault> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD_BYTES {
            return Err(ProxyFault::NotHttp);
        }
        match wire.read(&mut byte) {
            Ok(0) => return Err(ProxyFault::Io(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => head.extend_from_slice(&byte),
            Err(error) => return Err(ProxyFault::Io(error)),
        }
        // Something else than a proxy may never end its line.
        if head.len() == 5 && head != b"HTTP/" {
            return Err(ProxyFault::NotHttp);
        }
    }
    let digits = head.split(|byte| *byte == b' ').nth(1);
    let digits = digits.and_then(|digits| str::from_utf8(digits.get(..3)?).ok());
    digits
        .and_then(|digits| digits.parse().ok())
        .ok_or(ProxyFault::NotHttp)
}

/// `host:port`, an IPv6 address in brackets.
fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Base64 with padding (RFC 4648 §4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let word = (0..3).fold(0_u32, |word, place| {
            (word << 8) | u32::from(group.get(place).copied().unwrap_or(0))
        });
        for place in 0..4_usize {
            let index =
                usize::try_from((word >> [18_u32, 12, 6, 0].get(place).copied().unwrap_or(0)) & 63)
                    .unwrap_or(0);
            let char = match ALPHABET.get(index) {
                Some(char) if place <= group.len() => char::from(*char),
                _ => '=',
            };
            text.push(char);
        }
    }
    text
}

/// Puts the tunnel between TCP and TLS, where a proxy is configured.
#[derive(Clone, Debug)]
pub struct ProxyConnector {
    /// The proxy.
    pub proxy: Option<Arc<Proxy>>,
    /// Is told when the tunnel stands.
    pub meter: Arc<Meter>,
}

impl<In: Transport> Connector<In> for ProxyConnector {
    type Out = In;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let (transport, proxy) = match (chained, &self.proxy) {
            (Some(transport), Some(proxy)) => (transport, proxy),
            // Without a proxy the connection is the collector's.
            (chained, _) => return Ok(chained),
        };
        let uri = details.uri;
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri
            .port_u16()
            .unwrap_or(if details.needs_tls() { 443 } else { 80 });
        let mut wire = TransportAdapter::new(transport, details.current_time.clone());
        wire.set_timeout(left(details));
        tunnel(&mut wire, proxy, host, port).map_err(|fault| {
            let words = format!("proxy {proxy} to {}: {fault}", authority(host, port));
            ureq::Error::ConnectProxyFailed(words)
        })?;
        self.meter.reached(Stage::Tunnel);
        Ok(Some(wire.into_inner()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
            ("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), text);
        }
    }

    /// What a proxy answers, byte by byte, and what it was asked.
    struct Wire {
        answer: Vec<u8>,
        asked: Vec<u8>,
    }

    impl Read for Wire {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let mut answer = self.answer.as_slice();
            let taken = answer.read(buffer)?;
            self.answer.drain(..taken);
            Ok(taken)
        }
    }

    impl Write for Wire {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.asked.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn asked(answer: &str, credentials: Option<(String, String)>) -> (Result<(), String>, Wire) {
        let mut wire = Wire {
            answer: answer.into(),
            asked: Vec::new(),
        };
        let proxy = Proxy {
            host: "proxy".into(),
            port: 3128,
            credentials,
        };
        let outcome = tunnel(&mut wire, &proxy, "::1", 8443).map_err(|fault| fault.to_string());
        (outcome, wire)
    }

    #[test]
    fn the_tunnel_begins_right_behind_the_answer() {
        let answer = "HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\nTLS";
        let (outcome, wire) = asked(answer, Some(("u".into(), "p".into())));
        assert_eq!((outcome, wire.answer), (Ok(()), b"TLS".to_vec()));
        assert_eq!(
            String::from_utf8(wire.asked).unwrap(),
            "CONNECT [::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\nProxy-Authorization: Basic dTpw\r\n\r\n"
        );
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let long = format!("HTTP/1.1 200 {}", "x".repeat(HEAD_BYTES));
        for (answer, credentials, words) in [
            ("HTTP/1.1 407 No\r\n\r\n", None, "set forward.proxy_user"),
            (
                "HTTP/1.1 407 No\r\n\r\n",
                Some(("u".into(), "p".into())),
                "does not accept",
            ),
            (
                "HTTP/1.1 403 No\r\n\r\n",
                None,
                "does not allow this host and port (403)",
            ),
            ("HTTP/1.1 502 No\r\n\r\n", None, "cannot reach it (502)"),
            ("HTTP/1.1 400 No\r\n\r\n", None, "status 400"),
            ("SSH-2.0-x\r\n", None, "no HTTP proxy"),
            ("HTTP/1.1\r\n\r\n", None, "no HTTP proxy"),
            (long.as_str(), None, "no HTTP proxy"),
            ("HTTP/1.1 200 OK\r\n", None, "unexpected end of file"),
        ] {
            let (outcome, _) = asked(answer, credentials);
            let said = outcome.unwrap_err();
            assert!(said.contains(words), "{said} for {answer}");
        }
    }
}
