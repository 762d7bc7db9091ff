//! A line that is bad: a relay between agent and collector that now and then takes a post and loses its answer, so that
//! what the collector has stored is sent again. It reads along what the answers acknowledge (docs/FRAME.md), lost ones too.

use crate::random::Random;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One answer of so many is lost.
const LOST_ONE_OF: u64 = 5;
/// A connection on which nothing comes for this long is given up.
const IDLE: Duration = Duration::from_secs(20);

/// The next sequence wanted, of each run (as the collector prints it) and stream.
pub(crate) type Acknowledged = BTreeMap<(String, u64), u64>;

pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    acknowledged: Arc<Mutex<Acknowledged>>,
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
        let acknowledged = Arc::new(Mutex::new(Acknowledged::new()));
        let (count, ended, told) = (lost.clone(), stop.clone(), acknowledged.clone());
        std::thread::spawn(move || {
            let mut random = Random::new(seed);
            for agent in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let (seed, count, told) = (random.below(u64::MAX), count.clone(), told.clone());
                std::thread::spawn(move || relay(agent, collector, seed, (&count, &told)));
            }
        });
        Self {
            address,
            acknowledged,
            lost,
            stop,
        }
    }

    /// The highest that was ever acknowledged.
    pub(crate) fn acknowledged(&self) -> Acknowledged {
        self.acknowledged
            .lock()
            .expect("no panic in a relay")
            .clone()
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
fn relay(
    agent: TcpStream,
    collector: SocketAddr,
    seed: u64,
    (lost, told): (&AtomicU64, &Mutex<Acknowledged>),
) {
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
        read_along(&buffer[..taken], told);
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

/// Notes what an answer acknowledges: behind the headers "HA", version, echo, clock and wish, then for each section run,
/// stream and the next sequence wanted. An answer is a few hundred bytes and comes in one piece.
fn read_along(response: &[u8], told: &Mutex<Acknowledged>) {
    const BEGIN: &[u8] = b"\r\n\r\nHA\x01";
    const FIXED: usize = 16 + 8 + 4;
    let Some(at) = response
        .windows(BEGIN.len())
        .position(|window| window == BEGIN)
    else {
        return;
    };
    let mut rest = &response[at + BEGIN.len() + FIXED..];
    let mut told = told.lock().expect("no panic in a relay");
    for _ in 0..varint(&mut rest) {
        let (run, after) = rest.split_at(8);
        let run = u64::from_le_bytes(run.try_into().expect("eight bytes"));
        let stream = u64::from(after[0]);
        rest = &after[1..];
        let next = varint(&mut rest);
        let known = told.entry((format!("{run:016x}"), stream)).or_default();
        *known = next.max(*known);
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().expect("a whole answer");
        *bytes = rest;
        value |= u64::from(first & 0x7F) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    value
}
