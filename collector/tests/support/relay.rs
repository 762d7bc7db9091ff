//! A way to the collector whose end may change, break, or die unnoticed: what lies between a browser and a collector.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test uses a part of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::indexing_slicing,
    reason = "a test: what goes wrong fails it, as it should"
)]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Where connections lead.
#[derive(Clone, Copy)]
pub enum Way {
    /// To a collector.
    To(SocketAddr),
    /// Nowhere: they are closed at once.
    Closed,
    /// To a proxy that has no collector behind it, and answers so.
    Gateway(&'static str),
}

/// A connection that was passed on.
struct Passed {
    ends: [TcpStream; 2],
    /// What comes is thrown away, and neither end is told.
    dead: Arc<AtomicBool>,
}

pub struct Relay {
    pub address: SocketAddr,
    way: Arc<Mutex<Way>>,
    passed: Arc<Mutex<Vec<Passed>>>,
}

impl Relay {
    pub fn to(address: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Self {
            address: listener.local_addr().unwrap(),
            way: Arc::new(Mutex::new(Way::To(address))),
            passed: Arc::default(),
        };
        let (way, passed) = (Arc::clone(&relay.way), Arc::clone(&relay.passed));
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let way = *way.lock().unwrap();
                take(stream, way, &passed);
            }
        });
        relay
    }

    /// Leads elsewhere; what was open breaks.
    pub fn lead(&self, way: Way) {
        *self.way.lock().unwrap() = way;
        for passed in self.passed.lock().unwrap().drain(..) {
            for end in &passed.ends {
                // It may have ended before.
                let _ = end.shutdown(Shutdown::Both);
            }
        }
    }

    /// What is open dies without a word to either end; what comes anew is passed on.
    pub fn freeze(&self) {
        for passed in self.passed.lock().unwrap().iter() {
            passed.dead.store(true, Ordering::SeqCst);
        }
    }
}

fn take(mut stream: TcpStream, way: Way, passed: &Mutex<Vec<Passed>>) {
    let address = match way {
        Way::To(address) => address,
        Way::Closed => return,
        Way::Gateway(status) => {
            let mut request = [0; 4096];
            // Whoever goes away before the answer does not need it.
            let _ = stream.read(&mut request);
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            return;
        }
    };
    let Ok(collector) = TcpStream::connect(address) else {
        return;
    };
    let dead = Arc::new(AtomicBool::new(false));
    let ends = || [stream.try_clone().unwrap(), collector.try_clone().unwrap()];
    let [there, back] = ends();
    pump(there, back, Arc::clone(&dead));
    let [there, back] = ends();
    pump(back, there, Arc::clone(&dead));
    passed.lock().unwrap().push(Passed { ends: ends(), dead });
}

/// Passes bytes on, one way, until an end is closed.
fn pump(mut from: TcpStream, mut to: TcpStream, dead: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        let mut piece = [0; 16_384];
        while let Ok(read @ 1..) = from.read(&mut piece) {
            if !dead.load(Ordering::SeqCst) && to.write_all(&piece[..read]).is_err() {
                break;
            }
        }
        if !dead.load(Ordering::SeqCst) {
            // It may have ended before.
            let _ = to.shutdown(Shutdown::Both);
        }
    });
}
