//! Connections: accepting, TLS, HTTP/1.1, timeouts. The only file that touches the ingest socket.

use super::request::Intake;
use crate::limit::{HANDSHAKE_MS, HEADER_BYTES, HEADER_MS, STOP_MS};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
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
    /// How long a connection may be without a complete request header: waiting between posts, or dawdling.
    pub header_ms: u64,
    /// Requests.
    pub intake: Arc<Intake>,
    /// Turns true when the collector stops.
    pub stop: watch::Receiver<bool>,
}

impl Server {
    /// The default of `header_ms`.
    pub const HEADER_MS: u64 = HEADER_MS;

    /// Accepts until told to stop, then lets running requests end.
    pub async fn run(self) {
        let places = Arc::new(Semaphore::new(self.max_connections));
        let mut stop = self.stop.clone();
        let mut stopping = pin!(async move {
            // An error means that the sender is gone: stop as well.
            drop(stop.wait_for(|stop| *stop).await);
        });
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut stopping => break,
            };
            let socket = match accepted {
                Ok((socket, _)) => socket,
                Err(error) => {
                    // Out of descriptors, mostly: connections that end give some back.
                    log::warn!("a connection cannot be accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let metrics = &self.intake.metrics;
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                metrics.connections_refused.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            let intake = Arc::clone(&self.intake);
            let (tls, header_ms, stop) = (self.tls.clone(), self.header_ms, self.stop.clone());
            metrics.connections.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                connection(socket, tls, header_ms, &intake, stop).await;
                intake.metrics.connections.fetch_sub(1, Ordering::Relaxed);
                drop(place);
            });
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

async fn connection(
    socket: TcpStream,
    tls: Option<TlsAcceptor>,
    header_ms: u64,
    intake: &Arc<Intake>,
    stop: watch::Receiver<bool>,
) {
    // Answers are small and awaited: no reason to collect them. A refusal only costs time.
    drop(socket.set_nodelay(true));
    let Some(tls) = tls else {
        return http(socket, header_ms, intake, stop).await;
    };
    let handshake = tls.accept(socket);
    match tokio::time::timeout(Duration::from_millis(HANDSHAKE_MS), handshake).await {
        Ok(Ok(stream)) => http(stream, header_ms, intake, stop).await,
        Ok(Err(_)) | Err(_) => {
            let failed = &intake.metrics.handshakes_failed;
            failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn http<S>(stream: S, header_ms: u64, intake: &Arc<Intake>, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request| {
        let intake = Arc::clone(intake);
        async move { Ok::<_, Infallible>(intake.handle(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(header_ms))
        .max_buf_size(HEADER_BYTES.max(8192))
        .max_headers(32)
        .keep_alive(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let stopped = async move {
        // An error means that the sender is gone: stop as well.
        drop(stop.wait_for(|stop| *stop).await);
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        log::debug!("connection: {error}");
    }
}
