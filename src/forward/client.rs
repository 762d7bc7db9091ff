//! One post: HTTP by ureq over our connector and resolver, everything that the other side can send bounded.

use super::connector::{Meter, MeterConnector, Stage, TlsConnector, TrustSettings, TrustState};
use super::forwarder::Post;
use super::proxy::{Proxy, ProxyConnector};
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
    proxy: Option<Arc<Proxy>>,
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
        let (resolver, meter) = (
            Arc::new(CachingResolver::default()),
            Arc::<Meter>::default(),
        );
        let tls = TlsConnector::new(&settings, boot, trust.clone(), meter.clone())?;
        let agent = agent(timeouts, &tls, &resolver, &meter, None);
        Ok(Self {
            choice: Urls::new(urls.len()),
            urls,
            timeouts,
            agent,
            tls,
            resolver,
            meter,
            proxy: None,
            trust,
            kept: false,
        })
    }

    /// The same, with every connection through this proxy.
    #[must_use]
    pub fn through(mut self, proxy: Option<Proxy>) -> Self {
        self.proxy = proxy.map(Arc::new);
        self.drop_connections();
        self
    }

    /// Posts `body` to `path` of the first URL: for what is no batch. A body of any status, of at most [`ANSWER_BYTES`].
    ///
    /// # Errors
    /// A sentence: no status came.
    pub fn exchange(&self, path: &str, kind: &str, body: &[u8]) -> Result<(u16, Vec<u8>), String> {
        self.meter.begin();
        let failed = |error: ureq::Error| error.to_string();
        let mut response = self
            .agent
            .post(self.address(path))
            .header("content-type", kind)
            .send(body)
            .map_err(failed)?;
        let answer = read(&mut response).map_err(|error| error.to_string())?;
        Ok((response.status().as_u16(), answer))
    }

    /// How far the newest connection came, and the bytes sent and received on all of them.
    #[must_use]
    pub fn measured(&self) -> (Stage, (u64, u64)) {
        (self.meter.stage(), self.meter.bytes())
    }

    /// The addresses that names were found to have.
    #[must_use]
    pub fn addresses(&self) -> Vec<std::net::SocketAddr> {
        self.resolver.known()
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url().trim_end_matches('/'))
    }

    /// Connections opened so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.meter.connections()
    }

    /// Closes idle connections: the next post opens a fresh one. Authorities, sessions and names stay.
    fn drop_connections(&mut self) {
        let proxy = self.proxy.clone();
        self.agent = agent(self.timeouts, &self.tls, &self.resolver, &self.meter, proxy);
    }

    fn attempt(&self, batch: &[u8], time: Duration) -> Posted {
        self.meter.begin();
        let sent = self
            .agent
            .post(self.address(FRAMES_PATH))
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
        match read(&mut response) {
            Ok(body) => Posted::Body(body),
            Err(error) => Posted::Failed(error.to_string()),
        }
    }
}

/// The body, and one byte more than an answer may have, by which it is seen to be too long.
fn read(response: &mut ureq::http::Response<ureq::Body>) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let most = u64::try_from(ANSWER_BYTES).unwrap_or(u64::MAX);
    let reader = response.body_mut().as_reader();
    reader.take(most.saturating_add(1)).read_to_end(&mut body)?;
    Ok(body)
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
    proxy: Option<Arc<Proxy>>,
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
    let connector = ()
        .chain(TcpConnector::default())
        .chain(MeterConnector(meter.clone()))
        .chain(ProxyConnector {
            proxy: proxy.clone(),
            meter: meter.clone(),
        })
        .chain(tls.clone());
    let resolver = SharedResolver {
        cache: resolver.clone(),
        proxy,
    };
    Agent::with_parts(config, connector, resolver)
}
