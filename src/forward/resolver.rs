//! Names to addresses: cached, and never more than one lookup under way.
//!
//! ureq's own resolver looks names up at every post and starts a thread each time; a name server that does not answer
//! would leave ever more of them. Here a lookup runs on one thread; while it hangs, the addresses known last go on.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// How long an answer of the name server is good: a moved collector is found again within this.
const GOOD_FOR: Duration = Duration::from_secs(300);
/// Addresses kept of a name.
const ADDRESSES: usize = 8;
/// How long a post waits for a name.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
/// Stack of the lookup thread: getaddrinfo(3) of both C libraries is content with it.
const LOOKUP_STACK_BYTES: usize = 256 * 1024;

/// Resolver with a cache of one name: posts go to one collector at a time.
#[derive(Debug, Default)]
pub struct CachingResolver {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    name: String,
    addresses: Vec<SocketAddr>,
    looked_up: Option<Instant>,
    under_way: Option<(String, Receiver<std::io::Result<Vec<SocketAddr>>>)>,
}

impl State {
    /// Takes the outcome of a lookup.
    fn take(&mut self, name: String, outcome: std::io::Result<Vec<SocketAddr>>) {
        if let Ok(addresses) = outcome
            && !addresses.is_empty()
        {
            self.name = name;
            self.addresses = addresses;
            self.looked_up = Some(Instant::now());
        }
    }

    /// The addresses of `name`, looked up anew where the known ones are old.
    fn addresses(&mut self, name: &str, wait: Duration) -> &[SocketAddr] {
        let fresh = self.name == name && self.looked_up.is_some_and(|at| at.elapsed() < GOOD_FOR);
        if !fresh {
            self.look_up(name, wait);
        }
        if self.name == name {
            &self.addresses
        } else {
            &[]
        }
    }

    fn look_up(&mut self, name: &str, wait: Duration) {
        if let Some((asked, receiver)) = self.under_way.take() {
            match receiver.try_recv() {
                Ok(outcome) => self.take(asked, outcome),
                Err(TryRecvError::Empty) => {
                    // Still hanging: what is known goes on.
                    self.under_way = Some((asked, receiver));
                    return;
                }
                Err(TryRecvError::Disconnected) => {}
            }
        }
        let (sender, receiver) = sync_channel(1);
        let asked = name.to_owned();
        let lookup = move || {
            let found = asked
                .to_socket_addrs()
                .map(|addresses| addresses.take(ADDRESSES).collect());
            // The receiver may be gone with its process.
            if sender.send(found).is_err() {}
        };
        if std::thread::Builder::new()
            .stack_size(LOOKUP_STACK_BYTES)
            .spawn(lookup)
            .is_err()
        {
            return;
        }
        match receiver.recv_timeout(wait) {
            Ok(outcome) => self.take(name.to_owned(), outcome),
            Err(RecvTimeoutError::Timeout) => self.under_way = Some((name.to_owned(), receiver)),
            Err(RecvTimeoutError::Disconnected) => {}
        }
    }
}

impl Resolver for CachingResolver {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let port = uri
            .port_u16()
            .unwrap_or(if uri.scheme_str() == Some("http") {
                80
            } else {
                443
            });
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let mut found = self.empty();
        if let Ok(address) = bare.parse() {
            found.push(SocketAddr::new(address, port));
            return Ok(found);
        }
        let wait = timeout
            .not_zero()
            .map_or(LOOKUP_TIMEOUT, |left| LOOKUP_TIMEOUT.min(*left));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for address in state.addresses(&format!("{host}:{port}"), wait) {
            found.push(*address);
        }
        if found.is_empty() {
            Err(ureq::Error::HostNotFound)
        } else {
            Ok(found)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_lookup_leaves_what_is_known() {
        let mut state = State::default();
        state.take(
            "a:1".into(),
            Ok(vec![SocketAddr::from(([127, 0, 0, 1], 1))]),
        );
        state.take("a:1".into(), Err(std::io::ErrorKind::NotFound.into()));
        assert_eq!(state.addresses, [SocketAddr::from(([127, 0, 0, 1], 1))]);
    }

    #[test]
    fn while_a_lookup_hangs_no_other_is_started() {
        let mut state = State::default();
        let (sender, receiver) = sync_channel(1);
        state.under_way = Some(("a:1".into(), receiver));
        assert_eq!(state.addresses("a:1", Duration::ZERO), []);
        assert!(state.under_way.is_some());
        sender
            .send(Ok(vec![SocketAddr::from(([127, 0, 0, 1], 1))]))
            .unwrap();
        state.looked_up = None;
        state.look_up("127.0.0.1:9", Duration::from_secs(5));
        assert!(state.under_way.is_none());
        assert_eq!(state.name, "127.0.0.1:9");
    }

    #[test]
    fn localhost_is_found_and_kept() {
        let mut state = State::default();
        assert!(
            !state
                .addresses("localhost:80", Duration::from_secs(5))
                .is_empty()
        );
        let at = state.looked_up;
        assert!(
            !state
                .addresses("localhost:80", Duration::from_secs(5))
                .is_empty()
        );
        assert_eq!(state.looked_up, at);
    }
}
