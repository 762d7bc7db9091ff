//! A line that is bad: a relay between agent and collector that now and then takes a post and loses its answer, so that
//! what the collector has stored is sent again.

use crate::random::Random;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// One answer of so many is lost.
const LOST_ONE_OF: u64 = 5;
/// A connection on which nothing comes for this long is given up.
const IDLE: Duration = Duration::from_secs(20);

pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    lost: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Relay {
    /// Relays to `collector`, whether that is up or not.
    pub(crate) fn start(collector: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (lost, stop) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (count, ended) = (lost.clone(), stop.clone());
        std::thread::spawn(move || {
            let mut random = Random::new(seed);
            for agent in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let (seed, count) = (random.below(u64::MAX), count.clone());
                std::thread::spawn(move || relay(agent, collector, seed, &count));
            }
        });
        Self {
            address,
            lost,
            stop,
        }
    }

    /// Answers lost so far.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // One more connection, so that the listener looks.
        drop(TcpStream::connect(self.address));
    }
}

/// One connection: requests through, answers through or lost.
fn relay(agent: TcpStream, collector: SocketAddr, seed: u64, lost: &AtomicU64) {
    let Ok(upstream) = TcpStream::connect(collector) else {
        return;
    };
    let (Ok(mut from_agent), Ok(mut to_collector)) = (agent.try_clone(), upstream.try_clone())
    else {
        return;
    };
    for stream in [&agent, &upstream] {
        stream.set_read_timeout(Some(IDLE)).expect("a timeout");
    }
    std::thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(taken @ 1..) = from_agent.read(&mut buffer) {
            if to_collector.write_all(&buffer[..taken]).is_err() {
                break;
            }
        }
        close(&to_collector);
    });
    let mut random = Random::new(seed);
    let (mut from_collector, mut to_agent) = (upstream, agent);
    let mut buffer = [0; 16 * 1024];
    while let Ok(taken @ 1..) = from_collector.read(&mut buffer) {
        if random.below(LOST_ONE_OF) == 0 {
            lost.fetch_add(1, Ordering::Relaxed);
            break;
        }
        if to_agent.write_all(&buffer[..taken]).is_err() {
            break;
        }
    }
    close(&to_agent);
    close(&from_collector);
}

/// Closes both ways; the other side may have done so before.
fn close(stream: &TcpStream) {
    drop(stream.shutdown(Shutdown::Both));
}
