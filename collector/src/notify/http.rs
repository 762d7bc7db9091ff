//! One POST to a hook or Alertmanager: HTTP by ureq, everything that the other side can do bounded.

use super::outcome::{Later, Outcome};
use super::trust;
use crate::limit::{HOOK_ANSWER_BYTES, HOOK_MS};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::config::Config;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Posts; connections are not kept, since hooks are rare.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    timeout_ms: u64,
}

impl Client {
    /// With the authorities of a file, or those of this host.
    ///
    /// # Errors
    /// In words: the authorities cannot be had.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, String> {
        Self::with_timeout(ca_file, HOOK_MS)
    }

    /// The same, with another time limit for the whole exchange.
    ///
    /// # Errors
    /// In words: the authorities cannot be had.
    pub fn with_timeout(ca_file: Option<&Path>, timeout_ms: u64) -> Result<Self, String> {
        let authorities: Vec<Certificate<'static>> = trust::authorities(ca_file)?
            .iter()
            .map(|der| Certificate::from_der(der.as_ref()).to_owned())
            .collect();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&authorities))
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let config = Config::builder()
            .tls_config(tls)
            .timeout_global(Some(Duration::from_millis(timeout_ms)))
            .http_status_as_error(false)
            // A hook that moved is a setting to mend: its signature is for one address.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .max_idle_connections(0)
            .user_agent(concat!("hansho-collector/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self {
            agent: config.new_agent(),
            timeout_ms,
        })
    }

    /// Posts JSON with these headers.
    #[must_use]
    pub fn post(&self, url: &str, headers: &[(&str, String)], body: &[u8]) -> Outcome {
        if !(url.starts_with("https://") || url.starts_with("http://")) {
            return Outcome::refused(None, &format!("{url:?} is no address of http or https"));
        }
        let mut request = self
            .agent
            .post(url)
            .header("Content-Type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, value.as_str());
        }
        self.outcome(request.send(body))
    }

    /// Fetches an address; only its status and its first words matter.
    #[must_use]
    pub fn get(&self, url: &str) -> Outcome {
        if !(url.starts_with("https://") || url.starts_with("http://")) {
            return Outcome::refused(None, &format!("{url:?} is no address of http or https"));
        }
        self.outcome(self.agent.get(url).call())
    }

    fn outcome(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Outcome {
        match answer {
            Ok(mut answer) => {
                let status = answer.status().as_u16();
                // What it says is for a person; that it cannot be read changes nothing.
                let words = answer
                    .body_mut()
                    .with_config()
                    .limit(HOOK_ANSWER_BYTES)
                    .lossy_utf8(true)
                    .read_to_string()
                    .unwrap_or_default();
                judged(status, &format!("{status} {words}"))
            }
            Err(error) => Outcome::later(self.why(&error), &error.to_string()),
        }
    }

    fn why(&self, error: &ureq::Error) -> Later {
        match error {
            ureq::Error::Timeout(_) => Later::Timeout,
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => Later::Tls,
            ureq::Error::Io(error) => {
                let tls = error
                    .get_ref()
                    .is_some_and(|inner| inner.is::<rustls::Error>());
                match (tls, error.kind()) {
                    (true, _) => Later::Tls,
                    (false, std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock)
                        if self.timeout_ms > 0 =>
                    {
                        Later::Timeout
                    }
                    (false, _) => Later::Connection,
                }
            }
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => Later::Connection,
            _ => Later::Protocol,
        }
    }
}

/// What a status means. Of 4xx only those are for good that are about this message: a hook that is being set up, moved
/// or has another key (401, 403, 404, 405, 407), that is slow or busy (408, 425, 429), may take it later.
fn judged(status: u16, says: &str) -> Outcome {
    match status {
        200..=299 => Outcome::accepted(says),
        401 | 403 | 404 | 405 | 407 | 408 | 425 | 429 | 500..=599 => {
            Outcome::later(Later::Answer(status), says)
        }
        300..=499 => Outcome::refused(Some(status), says),
        _ => Outcome::later(Later::Protocol, says),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_the_message_is_for_good() {
        for (status, lasting) in [
            (400, true),
            (413, true),
            (422, true),
            (410, true),
            (302, true),
        ] {
            assert_eq!(
                matches!(judged(status, ""), Outcome::Refused { .. }),
                lasting,
                "{status}"
            );
        }
        for status in [401, 403, 404, 408, 429, 500, 502, 503] {
            let expected = Later::Answer(status);
            assert!(matches!(judged(status, ""), Outcome::Later { why, .. } if why == expected));
        }
        assert!(matches!(judged(204, ""), Outcome::Accepted { .. }));
        assert!(matches!(
            judged(999, ""),
            Outcome::Later {
                why: Later::Protocol,
                ..
            }
        ));
    }
}
