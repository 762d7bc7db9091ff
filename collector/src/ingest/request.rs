//! One post: `POST /v1/frames`, `Content-Type: application/octet-stream`, a batch; the answer is sealed.

use super::join::{self, JoinAsk, JoinGate, Joined};
use super::{AuthenticatedBatch, Job, Keys, Metrics, Refusal, SignsOfLife};
use crate::keys::{self, key_line};
use crate::limit::{BODY_MS, JOIN_BYTES, REQUEST_MS, RETRY_AFTER_S};
use bytes::Bytes;
use hansho::clock::WallTime;
use hansho::frame::answer::Answer;
use hansho::frame::batch::{self, BatchFault};
use hansho::frame::seal::{AgentKey, Label, open};
use hansho::limit::{ANSWER_BYTES, BATCH_BYTES};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Body;
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;
use tokio::sync::oneshot;

/// What every request needs.
pub struct Intake {
    /// Finds keys.
    pub keys: Arc<dyn Keys>,
    /// The queue to the writer.
    pub queue: SyncSender<Job>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Signs of life of batches refused.
    pub signs: Arc<SignsOfLife>,
    /// The clock.
    pub now: fn() -> WallTime,
    /// How long a client may take.
    pub patience: Patience,
    /// How often may be asked to join.
    pub joins: JoinGate,
}

/// Address of whoever asks, among the extensions of its request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub std::net::IpAddr);

/// Epoch of a new agent's key.
const FIRST_EPOCH: u8 = 1;
/// Path of batches.
const FRAMES: &str = "/v1/frames";
/// Path of a batch that is only looked at: `hansho check --connect`.
const CHECK: &str = "/v1/check";
/// Path at which the listener says that it answers: load balancers, and the collector itself, ask there. Counted nowhere.
pub const ALIVE: &str = "/v1/alive";
/// Path of hosts that join.
const JOIN: &str = "/v1/join";

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For its body.
    pub body: Duration,
    /// For the whole request, answer included.
    pub request: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            body: Duration::from_millis(BODY_MS),
            request: Duration::from_millis(REQUEST_MS),
        }
    }
}

/// Why a post is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Another path: 404.
    Path,
    /// Another method: 405.
    Method,
    /// Another content type: 415.
    Type,
    /// Body larger than a batch may be: 413; the agent halves its batch.
    TooLarge,
    /// Body or store too slow: 408.
    Slow,
    /// The body ended early: 400.
    Cut,
    /// Not a batch, or not one of a shape that this version takes: 400.
    Batch(BatchFault),
    /// No such agent or key epoch: 401.
    UnknownAgent,
    /// The mac does not fit: 401, in the same words.
    BadMac,
    /// Not now: 503.
    Unavailable(Refusal),
}

impl Refused {
    fn status(self) -> StatusCode {
        match self {
            Self::Path => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Type => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Cut | Self::Batch(_) => StatusCode::BAD_REQUEST,
            Self::UnknownAgent | Self::BadMac => StatusCode::UNAUTHORIZED,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn counter(self, metrics: &Metrics) -> &AtomicU64 {
        match self {
            Self::Path | Self::Method | Self::Type | Self::Cut | Self::Batch(_) => {
                &metrics.malformed
            }
            Self::TooLarge => &metrics.too_large,
            Self::Slow => &metrics.timeouts,
            Self::UnknownAgent => &metrics.unknown_agent,
            Self::BadMac => &metrics.bad_mac,
            Self::Unavailable(_) => &metrics.unavailable,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Path => "only /v1/frames, /v1/check and /v1/join are here\n".to_owned(),
            Self::Method => "only POST\n".to_owned(),
            Self::Type => "only application/octet-stream\n".to_owned(),
            Self::TooLarge => format!("more than {BATCH_BYTES} bytes\n"),
            Self::Slow => "too slow\n".to_owned(),
            Self::Cut => "the body ended early\n".to_owned(),
            Self::Batch(fault) => format!("{fault}\n"),
            // One text for both: whoever asks learns nothing about which agents exist.
            Self::UnknownAgent | Self::BadMac => "not authenticated\n".to_owned(),
            Self::Unavailable(_) => "not now\n".to_owned(),
        }
    }

    fn response(self) -> Response<Full<Bytes>> {
        let mut response = plain(self.status(), Bytes::from(self.words()));
        if matches!(self, Self::Unavailable(_)) {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        response
    }
}

fn plain(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

impl Intake {
    /// Answers a request, and notes in `known` that one was authentic; never fails.
    pub async fn handle<B>(&self, request: Request<B>, known: &AtomicBool) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        if request.uri().path() == JOIN {
            return self.join(request).await;
        }
        if request.uri().path() == ALIVE && request.method() == Method::GET {
            return plain(StatusCode::OK, Bytes::from_static(b"alive\n"));
        }
        let outcome = tokio::time::timeout(self.patience.request, self.post(request, known))
            .await
            .unwrap_or(Err(Refused::Slow));
        match outcome {
            Ok(sealed) => {
                self.metrics.batches.fetch_add(1, Ordering::Relaxed);
                let mut response = plain(StatusCode::OK, sealed);
                response.headers_mut().insert(
                    CONTENT_TYPE,
                    HeaderValue::from_static("application/octet-stream"),
                );
                response
            }
            Err(refused) => {
                refused
                    .counter(&self.metrics)
                    .fetch_add(1, Ordering::Relaxed);
                log::debug!("post refused: {refused:?}");
                refused.response()
            }
        }
    }

    /// Answers a request on a connection that is one too many. An authentic batch is a sign of life all the same.
    pub async fn turn_away<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        // Read to its end: closing before would reset the connection, and the answer with it.
        if let Ok(body) = read(request.into_body(), BATCH_BYTES).await
            && let Ok((opened, _)) = self.authentic(&body)
        {
            self.signs.heard(opened.header(), (self.now)());
        }
        let mut response = Refused::Unavailable(Refusal::Connections).response();
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }

    async fn post<B>(&self, request: Request<B>, known: &AtomicBool) -> Result<Bytes, Refused>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let path = request.uri().path();
        let only_check = path == CHECK;
        if path != FRAMES && !only_check {
            return Err(Refused::Path);
        }
        if request.method() != Method::POST {
            return Err(Refused::Method);
        }
        let kind = request.headers().get(CONTENT_TYPE);
        if kind.is_none_or(|kind| kind.as_bytes() != b"application/octet-stream") {
            return Err(Refused::Type);
        }
        let announced = request.headers().get(CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > BATCH_BYTES as u64) {
            return Err(Refused::TooLarge);
        }
        let body = read(request.into_body(), BATCH_BYTES);
        let body = tokio::time::timeout(self.patience.body, body)
            .await
            .unwrap_or(Err(Refused::Slow))?;
        if only_check {
            self.check(&body, known).await
        } else {
            self.batch(&body, known).await
        }
    }

    /// A batch whose mac fits, with its key.
    fn authentic(&self, body: &[u8]) -> Result<(AuthenticatedBatch, AgentKey), Refused> {
        let header = batch::peek(body).map_err(Refused::Batch)?;
        let key = self
            .keys
            .key(header.agent, header.key_epoch)
            .map_err(Refused::Unavailable)?;
        let Some(key) = key else {
            // The same work as for a known agent, so that time tells nothing either.
            let nobody = AgentKey([0; 32]);
            std::hint::black_box(open(&nobody, Label::Batch, body).is_ok());
            return Err(Refused::UnknownAgent);
        };
        let opened = AuthenticatedBatch::open(body, &key).map_err(|fault| match fault {
            BatchFault::Mac => Refused::BadMac,
            fault => Refused::Batch(fault),
        })?;
        Ok((opened, key))
    }

    /// Answers an authentic batch without storing it or taking it for a sign of life: the way is proved, the key, and that the
    /// writer can write. Its sections are not looked at.
    async fn check(&self, body: &[u8], known: &AtomicBool) -> Result<Bytes, Refused> {
        let (opened, key) = self.authentic(body)?;
        known.store(true, Ordering::Relaxed);
        let (reply, wrote) = oneshot::channel();
        self.enqueue(Job::Ping(reply))?;
        if !wrote.await.unwrap_or(false) {
            return Err(Refused::Unavailable(Refusal::Store));
        }
        let answer = Answer {
            echo: opened.mac(),
            collector_wall: (self.now)(),
            ..Answer::default()
        };
        sealed(&answer, &key)
    }

    fn enqueue(&self, job: Job) -> Result<(), Refused> {
        self.queue.try_send(job).map_err(|error| {
            Refused::Unavailable(match error {
                TrySendError::Full(_) => Refusal::Overload,
                TrySendError::Disconnected(_) => Refusal::Stopping,
            })
        })
    }

    /// Answers a host that joins; never fails.
    async fn join<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let asked = tokio::time::timeout(self.patience.request, self.joined(request));
        let (status, said) = match asked.await.unwrap_or(Err(Refused::Slow)) {
            Ok(answer) => answer,
            Err(refused) => {
                refused
                    .counter(&self.metrics)
                    .fetch_add(1, Ordering::Relaxed);
                return refused.response();
            }
        };
        log::info!("join: {status}");
        let mut response = plain(status, Bytes::from(said.to_string()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(RETRY_AFTER, HeaderValue::from(JOIN_RETRY_S));
        }
        response
    }

    async fn joined<B>(
        &self,
        request: Request<B>,
    ) -> Result<(StatusCode, serde_json::Value), Refused>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        if request.method() != Method::POST {
            return Err(Refused::Method);
        }
        let address = request.extensions().get::<Peer>().map(|peer| peer.0);
        if !self.joins.enter(address) {
            let message = "too many hosts join, or too many wrong tokens: again in a minute";
            let status = StatusCode::TOO_MANY_REQUESTS;
            return Ok(join::refusal(status, "rate", message));
        }
        let body = read(request.into_body(), JOIN_BYTES);
        let body = tokio::time::timeout(self.patience.body, body)
            .await
            .unwrap_or(Err(Refused::Slow))
            // Else one address with endless or broken bodies uses up what all others need.
            .inspect_err(|_| self.joins.failed(address))?;
        let (token, hash, name) = match join::parse(&body) {
            Ok(asked) => asked,
            Err(fault) => {
                self.joins.failed(address);
                return Ok(fault.answer());
            }
        };
        let random = keys::random().map_err(|_| Refused::Unavailable(Refusal::Store))?;
        let agent = hansho::frame::kind::AgentId(u64::from_le_bytes(random));
        let of_new = self.keys.of_new(agent, FIRST_EPOCH);
        let (master, key) = of_new.ok_or(Refused::Unavailable(Refusal::Store))?;
        let ask = JoinAsk {
            token,
            hash,
            name: name.clone(),
            agent,
            master,
            epoch: FIRST_EPOCH,
        };
        let (reply, answered) = oneshot::channel();
        self.enqueue(Job::Join(Box::new(ask), reply))?;
        let joined = answered
            .await
            .unwrap_or(Err(Refusal::Stopping))
            .map_err(Refused::Unavailable)?;
        match &joined {
            Joined::NoToken => self.joins.failed(address),
            Joined::Added { customer, system } => {
                log::info!(
                    "agent {agent} joined {customer:?}/{system:?} as {name:?}, token {token}"
                );
            }
            Joined::TokenOver(_) | Joined::NameTaken { .. } => {}
        }
        let line = key_line(agent, FIRST_EPOCH, &key);
        Ok(joined.answer(&name, line.trim_end()))
    }

    async fn batch(&self, body: &[u8], known: &AtomicBool) -> Result<Bytes, Refused> {
        let (opened, key) = self.authentic(body)?;
        known.store(true, Ordering::Relaxed);
        let header = *opened.header();
        let (reply, answered) = oneshot::channel();
        let job = Job::Batch(Box::new(opened), reply);
        self.queue.try_send(job).map_err(|error| {
            self.signs.heard(&header, (self.now)());
            Refused::Unavailable(match error {
                TrySendError::Full(_) => Refusal::Overload,
                TrySendError::Disconnected(_) => Refusal::Stopping,
            })
        })?;
        self.metrics.queued.fetch_add(1, Ordering::Relaxed);
        let answer = answered.await;
        self.metrics.queued.fetch_sub(1, Ordering::Relaxed);
        let answer = answer
            .unwrap_or(Err(Refusal::Stopping))
            .map_err(Refused::Unavailable)?;
        sealed(&answer, &key)
    }
}

/// `Retry-After` of a host that is to join later, seconds.
const JOIN_RETRY_S: u64 = crate::limit::JOIN_WINDOW_MS / 1000;

fn sealed(answer: &Answer, key: &AgentKey) -> Result<Bytes, Refused> {
    let mut buffer = vec![0; ANSWER_BYTES];
    let sealed = answer
        .seal(key, &mut buffer)
        .map_err(|_| Refused::Unavailable(Refusal::Store))?;
    Ok(Bytes::copy_from_slice(sealed))
}

/// Reads a body of at most `most` bytes, whatever its headers said.
async fn read<B>(mut body: B, most: usize) -> Result<Vec<u8>, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refused::Cut)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if bytes.len().saturating_add(data.len()) > most {
            return Err(Refused::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}
