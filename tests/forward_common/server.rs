//! A small HTTP server that does what a test tells it, well or badly.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What goes to and fro.
pub(crate) trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// Answers the request with this body on this connection; true where the connection stays open.
pub(crate) type Handler = dyn Fn(&[u8], &mut dyn Wire) -> bool + Send + Sync;
/// Makes of a TCP connection what the requests come over.
pub(crate) type Wrap = dyn Fn(TcpStream) -> Option<Box<dyn Wire>> + Send + Sync;

/// A server on a port that the system chose. Its threads end with the process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicU64>,
}

impl Server {
    pub(crate) fn plain(
        handler: impl Fn(&[u8], &mut dyn Wire) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::start(Arc::new(|socket| Some(Box::new(socket))), Arc::new(handler))
    }

    pub(crate) fn start(wrap: Arc<Wrap>, handler: Arc<Handler>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicU64::new(0));
        let counted = connections.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
                let (wrap, handler) = (wrap.clone(), handler.clone());
                std::thread::spawn(move || {
                    let Some(mut wire) = wrap(socket) else { return };
                    while let Some(body) = request(&mut *wire) {
                        if !handler(&body, &mut *wire) {
                            return;
                        }
                    }
                });
            }
        });
        Self {
            address,
            connections,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads one request; its body.
fn request(wire: &mut dyn Wire) -> Option<Vec<u8>> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if wire.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("post /v1/frames http/1.1\r\n"), "{head}");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    wire.read_exact(&mut body).ok()?;
    Some(body)
}

/// Writes a whole answer; whether that went well.
pub(crate) fn reply(wire: &mut dyn Wire, status: &str, headers: &str, body: &[u8]) -> bool {
    let length = body.len();
    let mut answer =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n").into_bytes();
    answer.extend(body);
    wire.write_all(&answer).and_then(|()| wire.flush()).is_ok()
}
