//! Connections: accepting, TLS, HTTP/1.1, timeouts. The only file that touches the ingest socket.

use super::peers::Peers;
use super::request::{Intake, Peer};
use crate::limit::{
    HANDSHAKE_MS, HEADER_BYTES, HEADER_MS, REFUSAL_MS, REFUSAL_PLACES, STOP_MS, STRANGER_MS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// What a listener needs.
pub struct Server {
    /// Bound already.
    pub listener: TcpListener,
    /// `None` for plain HTTP.
    pub tls: Option<TlsAcceptor>,
    /// Simultaneous connections.
    pub max_connections: usize,
    /// Simultaneous connections of one address.
    pub max_per_address: usize,
    /// Within this a connection must have brought an authenticated post.
    pub stranger_ms: u64,
    /// How long a connection may be without a complete request header: waiting between posts, or dawdling.
    pub header_ms: u64,
    /// Requests.
    pub intake: Arc<Intake>,
    /// Turns true when the collector stops.
    pub stop: watch::Receiver<bool>,
}

/// What each connection needs.
#[derive(Clone)]
struct Serving {
    tls: Option<TlsAcceptor>,
    stranger: Duration,
    header: Duration,
    /// One too many: 503, whatever it asks.
    turned_away: bool,
    intake: Arc<Intake>,
    stop: watch::Receiver<bool>,
}

impl Server {
    /// The default of `header_ms`.
    pub const HEADER_MS: u64 = HEADER_MS;
    /// The default of `stranger_ms`.
    pub const STRANGER_MS: u64 = STRANGER_MS;

    /// Accepts until told to stop, then lets running requests end.
    pub async fn run(self) {
        let places = Arc::new(Semaphore::new(self.max_connections));
        let peers = Arc::new(Peers::new(self.max_per_address));
        let refusals = Arc::new(Semaphore::new(REFUSAL_PLACES));
        let serving = Serving {
            tls: self.tls,
            stranger: Duration::from_millis(self.stranger_ms),
            header: Duration::from_millis(self.header_ms),
            turned_away: false,
            intake: self.intake,
            stop: self.stop.clone(),
        };
        let mut stop = self.stop;
        let mut stopping = pin!(async move {
            // An error means that the sender is gone: stop as well.
            drop(stop.wait_for(|stop| *stop).await);
        });
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut stopping => break,
            };
            let (socket, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, mostly: connections that end give some back.
                    log::warn!("a connection cannot be accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let of_all = Arc::clone(&places).try_acquire_owned().ok();
            let of_peer = peers.take(address.ip());
            match of_all.zip(of_peer) {
                Some(place) => {
                    tokio::spawn(serving.clone().serve(socket, place));
                }
                None => {
                    let refused = &serving.intake.metrics.connections_refused;
                    refused.fetch_add(1, Ordering::Relaxed);
                    // Without a place even for that it is closed.
                    if let Ok(place) = Arc::clone(&refusals).try_acquire_owned() {
                        tokio::spawn(serving.clone().turn_away(socket, place));
                    }
                }
            }
        }
        let all = u32::try_from(self.max_connections).unwrap_or(u32::MAX);
        // Every place free means that every connection has ended.
        let ended = places.acquire_many(all);
        if tokio::time::timeout(Duration::from_millis(STOP_MS), ended)
            .await
            .is_err()
        {
            log::warn!("connections did not end within {STOP_MS} ms of the stop");
        }
    }
}

impl Serving {
    async fn serve<T>(self, socket: TcpStream, place: T) {
        let metrics = Arc::clone(&self.intake.metrics);
        metrics.connections.fetch_add(1, Ordering::Relaxed);
        self.connection(socket).await;
        metrics.connections.fetch_sub(1, Ordering::Relaxed);
        drop(place);
    }

    async fn turn_away<T>(mut self, socket: TcpStream, place: T) {
        self.turned_away = true;
        let refused = self.connection(socket);
        // Whoever is not answered by then is closed.
        drop(tokio::time::timeout(Duration::from_millis(REFUSAL_MS), refused).await);
        drop(place);
    }

    async fn connection(self, socket: TcpStream) {
        // Answers are small and awaited: no reason to collect them. A refusal only costs time.
        drop(socket.set_nodelay(true));
        let peer = socket.peer_addr().ok().map(|address| Peer(address.ip()));
        let Some(tls) = &self.tls else {
            return self.http(socket, peer).await;
        };
        let handshake = tls.accept(socket);
        match tokio::time::timeout(Duration::from_millis(HANDSHAKE_MS), handshake).await {
            Ok(Ok(stream)) => self.http(stream, peer).await,
            Ok(Err(_)) | Err(_) => {
                let failed = &self.intake.metrics.handshakes_failed;
                failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    async fn http<S>(mut self, stream: S, peer: Option<Peer>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let known = Arc::new(AtomicBool::new(false));
        let service = service_fn(|mut request: hyper::Request<hyper::body::Incoming>| {
            if let Some(peer) = peer {
                request.extensions_mut().insert(peer);
            }
            let (intake, known) = (Arc::clone(&self.intake), Arc::clone(&known));
            let turned_away = self.turned_away;
            async move {
                Ok::<_, Infallible>(if turned_away {
                    intake.turn_away(request).await
                } else {
                    intake.handle(request, &known).await
                })
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header)
            .max_buf_size(HEADER_BYTES.max(8192))
            .max_headers(32)
            .keep_alive(true)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let stranger = async {
            tokio::time::sleep(self.stranger).await;
            if known.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        let stop = &mut self.stop;
        let stopped = async move {
            // An error means that the sender is gone: stop as well.
            drop(stop.wait_for(|stop| *stop).await);
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stranger => {
                log::debug!("connection: no authenticated post in its time");
                return;
            }
            () = stopped => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            log::debug!("connection: {error}");
        }
    }
}
