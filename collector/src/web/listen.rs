//! The pages' listener: so many connections, each so long, so that no client that dawdles can keep the pages from others
//! or the collector from stopping.

use super::guard::Peer;
use crate::limit::{PAGE_CONNECTION_MS, PAGE_CONNECTIONS};
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use core::net::SocketAddr;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// A listener with bounds.
#[derive(Debug)]
pub struct Bounded {
    listener: TcpListener,
    places: Arc<Semaphore>,
    life: Duration,
}

impl Bounded {
    /// With the bounds of `limit.rs`.
    #[must_use]
    pub fn new(listener: TcpListener) -> Self {
        Self::with(
            listener,
            PAGE_CONNECTIONS,
            Duration::from_millis(PAGE_CONNECTION_MS),
        )
    }

    /// With other bounds.
    #[must_use]
    pub fn with(listener: TcpListener, connections: usize, life: Duration) -> Self {
        Self {
            listener,
            places: Arc::new(Semaphore::new(connections)),
            life,
        }
    }
}

impl Listener for Bounded {
    type Io = Mortal;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Mortal, SocketAddr) {
        loop {
            // The semaphore is never closed.
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                continue;
            };
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    let mortal = Mortal {
                        stream,
                        end: Box::pin(tokio::time::sleep(self.life)),
                        _place: place,
                    };
                    return (mortal, address);
                }
                Err(error) => {
                    // Out of descriptors, mostly: connections that end give some back.
                    log::warn!("a connection to the pages cannot be accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Bounded>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// A connection that ends at its time, whatever the client does.
#[derive(Debug)]
pub struct Mortal {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Mortal {
    fn alive(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.end.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Mortal {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.alive(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Mortal {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.alive(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
