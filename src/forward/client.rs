//! One post: HTTP by ureq over our connector and resolver, everything that the other side can send bounded.

use super::connector::{TlsConnector, TrustSettings, TrustState};
use super::resolver::CachingResolver;
use crate::frame::BootId;
use crate::limit::{ANSWER_BYTES, POST_TIMEOUT_MS};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::config::Config;
use ureq::unversioned::transport::{Connector, TcpConnector};

/// Path of the collector that takes batches.
pub const FRAMES_PATH: &str = "/v1/frames";
/// ureq's buffers, each: its default costs 550 KB of heap.
const BUFFER_BYTES: usize = 4096;
/// Headers of an answer.
const HEADER_BYTES: usize = 4096;
/// Time for TCP and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An idle connection is kept for this long: longer than a post interval of a lingering forwarder would ever need.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// How a post ended, as far as HTTP goes.
#[derive(Debug)]
pub enum Posted {
    /// 200 with a body, which may be an answer.
    Body(Vec<u8>),
    /// Another status.
    Status {
        /// The status.
        status: u16,
        /// `Retry-After`, where it was a number of seconds.
        retry_after_ms: Option<u64>,
    },
    /// No status came.
    Failed(String),
}

/// Posts batches to the first of its URLs that answers.
#[derive(Debug)]
pub struct Client {
    urls: Vec<String>,
    current: usize,
    agent: Agent,
    settings: TrustSettings,
    boot: BootId,
    trust: Arc<TrustState>,
    /// A connection may be open from an earlier post.
    reused: bool,
}

impl Client {
    /// A client for `urls` (checked by the configuration, without a path).
    ///
    /// # Errors
    /// A sentence that names the file of authorities and what is wrong with it.
    pub fn new(urls: Vec<String>, settings: TrustSettings, boot: BootId) -> Result<Self, String> {
        let trust = Arc::new(TrustState::default());
        let agent = agent(&settings, boot, &trust)?;
        Ok(Self {
            urls,
            current: 0,
            agent,
            settings,
            boot,
            trust,
            reused: false,
        })
    }

    /// What the verifier and the loop share.
    #[must_use]
    pub fn trust(&self) -> &TrustState {
        &self.trust
    }

    /// The URL in use.
    #[must_use]
    pub fn url(&self) -> &str {
        self.urls.get(self.current).map_or("", String::as_str)
    }

    /// Turns to the next URL.
    pub fn next_url(&mut self) {
        self.current = self
            .current
            .saturating_add(1)
            .checked_rem(self.urls.len())
            .unwrap_or(0);
        self.drop_connections();
    }

    /// Closes idle connections: the next post opens a fresh one.
    fn drop_connections(&mut self) {
        self.reused = false;
        // The settings were good when the client was made; where the file has gone bad since, the old agent goes on.
        match agent(&self.settings, self.boot, &self.trust) {
            Ok(agent) => self.agent = agent,
            Err(error) => log::warn!("{error}; the authorities read before stay in use"),
        }
    }

    /// Posts one batch. A failure on a reused connection is tried again at once on a fresh one.
    pub fn post(&mut self, batch: &[u8]) -> Posted {
        let posted = self.attempt(batch);
        let posted = match posted {
            Posted::Failed(why) if self.reused => {
                log::debug!(
                    "{}: {why} on a kept connection; again on a fresh one",
                    self.url()
                );
                self.drop_connections();
                self.attempt(batch)
            }
            other => other,
        };
        self.reused = !matches!(posted, Posted::Failed(_));
        posted
    }

    fn attempt(&self, batch: &[u8]) -> Posted {
        let url = format!("{}{FRAMES_PATH}", self.url().trim_end_matches('/'));
        let sent = self
            .agent
            .post(url)
            .header("content-type", "application/octet-stream")
            .send(batch);
        let mut response = match sent {
            Ok(response) => response,
            Err(error) => return Posted::Failed(error.to_string()),
        };
        let status = response.status().as_u16();
        if status != 200 {
            let retry_after_ms = response
                .headers()
                .get("retry-after")
                .and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok())
                .map(|seconds| seconds.saturating_mul(1000));
            return Posted::Status {
                status,
                retry_after_ms,
            };
        }
        let mut body = Vec::new();
        let most = u64::try_from(ANSWER_BYTES)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        match response
            .body_mut()
            .as_reader()
            .take(most)
            .read_to_end(&mut body)
        {
            Ok(_) => Posted::Body(body),
            Err(error) => Posted::Failed(error.to_string()),
        }
    }
}

fn agent(settings: &TrustSettings, boot: BootId, trust: &Arc<TrustState>) -> Result<Agent, String> {
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent("")
        .accept("")
        .accept_encoding("")
        .input_buffer_size(BUFFER_BYTES)
        .output_buffer_size(BUFFER_BYTES)
        .max_response_header_size(HEADER_BYTES)
        .max_idle_connections(1)
        .max_idle_connections_per_host(1)
        .max_idle_age(IDLE_TIMEOUT)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_global(Some(Duration::from_millis(POST_TIMEOUT_MS)))
        .build();
    let connector = ().chain(TcpConnector::default());
    let connector = connector.chain(TlsConnector::new(settings, boot, trust.clone())?);
    Ok(Agent::with_parts(
        config,
        connector,
        CachingResolver::default(),
    ))
}
