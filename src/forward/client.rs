//! One post: HTTP by ureq over our connector and resolver, everything that the other side can send bounded.

use super::connector::{Meter, MeterConnector, TlsConnector, TrustSettings, TrustState};
use super::forwarder::Post;
use super::resolver::{CachingResolver, SharedResolver};
use super::urls::Urls;
use crate::frame::BootId;
use crate::limit::{ANSWER_BYTES, POST_TIMEOUT_MS};
use crate::sys;
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
/// A second attempt is not begun with less time than this.
const LEAST_ATTEMPT: Duration = Duration::from_millis(50);
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

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// A post, a second attempt on a fresh connection included.
    pub post: Duration,
    /// TCP and TLS together, within that.
    pub connect: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            post: Duration::from_millis(POST_TIMEOUT_MS),
            connect: CONNECT_TIMEOUT,
        }
    }
}

/// Posts batches to the first of its URLs that answers.
#[derive(Debug)]
pub struct Client {
    urls: Vec<String>,
    choice: Urls,
    timeouts: Timeouts,
    agent: Agent,
    tls: TlsConnector,
    resolver: Arc<CachingResolver>,
    meter: Arc<Meter>,
    trust: Arc<TrustState>,
    /// A connection may be open from the post before.
    kept: bool,
}

impl Client {
    /// A client for `urls` (checked by the configuration, without a path).
    ///
    /// # Errors
    /// A sentence that names the file of authorities and what is wrong with it.
    pub fn new(urls: Vec<String>, settings: TrustSettings, boot: BootId) -> Result<Self, String> {
        let trust = Arc::new(TrustState::default());
        Self::with(urls, settings, boot, trust, Timeouts::default())
    }

    /// As [`Client::new`], with clocks and timeouts given.
    ///
    /// # Errors
    /// As [`Client::new`].
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the settings are spent: the authorities are read once"
    )]
    pub fn with(
        urls: Vec<String>,
        settings: TrustSettings,
        boot: BootId,
        trust: Arc<TrustState>,
        timeouts: Timeouts,
    ) -> Result<Self, String> {
        let tls = TlsConnector::new(&settings, boot, trust.clone())?;
        let (resolver, meter) = (Arc::new(CachingResolver::default()), Arc::default());
        let agent = agent(timeouts, &tls, &resolver, &meter);
        Ok(Self {
            choice: Urls::new(urls.len()),
            urls,
            timeouts,
            agent,
            tls,
            resolver,
            meter,
            trust,
            kept: false,
        })
    }

    /// Connections opened so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.meter.connections()
    }

    /// Closes idle connections: the next post opens a fresh one. Authorities, sessions and names stay.
    fn drop_connections(&mut self) {
        self.agent = agent(self.timeouts, &self.tls, &self.resolver, &self.meter);
    }

    fn attempt(&self, batch: &[u8], time: Duration) -> Posted {
        self.meter.begin();
        let url = format!("{}{FRAMES_PATH}", self.url().trim_end_matches('/'));
        let sent = self
            .agent
            .post(url)
            .config()
            .timeout_global(Some(time))
            .build()
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

impl Post for Client {
    fn url(&self) -> &str {
        self.urls
            .get(self.choice.current())
            .map_or("", String::as_str)
    }

    fn turn(&mut self) -> usize {
        self.choice.turn(sys::monotonic_ms());
        self.choice.current()
    }

    fn next_url(&mut self) {
        self.choice.failed(sys::monotonic_ms());
    }

    fn trust(&self) -> &TrustState {
        &self.trust
    }

    /// Posts one batch. A failure on a reused connection is tried again at once on a fresh one, in the time that is left.
    fn post(&mut self, batch: &[u8]) -> Posted {
        let began_ms = sys::monotonic_ms();
        let opened = self.connections();
        let mut posted = self.attempt(batch, self.timeouts.post);
        let spent = Duration::from_millis(sys::monotonic_ms().saturating_sub(began_ms));
        let left = self.timeouts.post.saturating_sub(spent);
        if let Posted::Failed(why) = &posted
            && self.kept
            && self.connections() == opened
            && left >= LEAST_ATTEMPT
        {
            let url = self.url();
            log::debug!("{url}: {why} on a kept connection; again on a fresh one");
            self.drop_connections();
            posted = self.attempt(batch, left);
        }
        self.kept = !matches!(posted, Posted::Failed(_));
        posted
    }
}

fn agent(
    timeouts: Timeouts,
    tls: &TlsConnector,
    resolver: &Arc<CachingResolver>,
    meter: &Arc<Meter>,
) -> Agent {
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
        .timeout_connect(Some(timeouts.connect))
        .timeout_global(Some(timeouts.post))
        .build();
    let connector =
        ().chain(TcpConnector::default())
            .chain(MeterConnector(meter.clone()))
            .chain(tls.clone());
    Agent::with_parts(config, connector, SharedResolver(resolver.clone()))
}
