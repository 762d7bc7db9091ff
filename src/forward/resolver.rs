//! Names to addresses: cached, and never more than one lookup a name under way.
//!
//! ureq's own resolver looks names up at every post and starts a thread each time; a name server that does not answer
//! would leave ever more of them. Here there is at most one thread for each URL of the configuration; while a lookup
//! hangs, the addresses known last go on, and the other URLs are not held up.

use super::proxy::Proxy;
use crate::limit::FORWARD_URLS;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
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
/// How long it waits for a name whose addresses are known, only old.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(1);
/// Stack of the lookup thread: getaddrinfo(3) of both C libraries is content with it.
const LOOKUP_STACK_BYTES: usize = 256 * 1024;

/// Resolver that remembers the names of all URLs.
#[derive(Debug, Default)]
pub struct CachingResolver {
    names: Mutex<Vec<Name>>,
}

/// A name with its port, and what is known of it.
#[derive(Debug, Default)]
struct Name {
    name: String,
    addresses: Vec<SocketAddr>,
    looked_up: Option<Instant>,
    under_way: Option<Receiver<std::io::Result<Vec<SocketAddr>>>>,
}

impl Name {
    fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Takes the outcome of a lookup; a failed one leaves what is known.
    fn take(&mut self, outcome: std::io::Result<Vec<SocketAddr>>) {
        if let Ok(addresses) = outcome
            && !addresses.is_empty()
        {
            self.addresses = addresses;
            self.looked_up = Some(Instant::now());
        }
    }

    /// The addresses, looked up anew where the known ones are old.
    fn addresses(&mut self, wait: Duration) -> &[SocketAddr] {
        if self.looked_up.is_none_or(|at| at.elapsed() >= GOOD_FOR) {
            self.look_up(wait);
        }
        &self.addresses
    }

    /// Waits for the lookup that is under way, or for a new one where there is none.
    fn look_up(&mut self, wait: Duration) {
        let receiver = match self.under_way.take() {
            Some(receiver) => receiver,
            None => match start(&self.name) {
                Some(receiver) => receiver,
                None => return,
            },
        };
        // What is known goes on without waiting.
        let wait = if self.addresses.is_empty() {
            wait
        } else {
            wait.min(RENEWAL_TIMEOUT)
        };
        match receiver.recv_timeout(wait) {
            Ok(outcome) => self.take(outcome),
            Err(RecvTimeoutError::Timeout) => self.under_way = Some(receiver),
            Err(RecvTimeoutError::Disconnected) => {}
        }
    }
}

/// Starts a lookup on a thread of its own: getaddrinfo(3) knows no deadline.
fn start(name: &str) -> Option<Receiver<std::io::Result<Vec<SocketAddr>>>> {
    let (sender, receiver) = sync_channel(1);
    let asked = name.to_owned();
    let lookup = move || {
        let found = asked
            .to_socket_addrs()
            .map(|addresses| addresses.take(ADDRESSES).collect());
        // The receiver may be gone with its process.
        if sender.send(found).is_err() {}
    };
    std::thread::Builder::new()
        .stack_size(LOOKUP_STACK_BYTES)
        .spawn(lookup)
        .ok()
        .map(|_| receiver)
}

/// One resolver for every agent that the client makes: lookups under way are not forgotten with a connection.
#[derive(Debug)]
pub struct SharedResolver {
    /// What is known.
    pub cache: std::sync::Arc<CachingResolver>,
    /// The proxy, whose name is looked up in place of every other.
    pub proxy: Option<std::sync::Arc<Proxy>>,
}

impl Resolver for SharedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        match &self.proxy {
            Some(proxy) => self
                .cache
                .find(&proxy.host, proxy.port, timeout, self.empty()),
            None => self.cache.resolve(uri, config, timeout),
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
        self.find(host, port, timeout, self.empty())
    }
}

impl CachingResolver {
    /// All addresses known now.
    #[must_use]
    pub fn known(&self) -> Vec<SocketAddr> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names
            .iter()
            .flat_map(|name| name.addresses.iter().copied())
            .collect()
    }

    fn find(
        &self,
        host: &str,
        port: u16,
        timeout: NextTimeout,
        mut found: ResolvedSocketAddrs,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse() {
            found.push(SocketAddr::new(address, port));
            return Ok(found);
        }
        let wait = timeout
            .not_zero()
            .map_or(LOOKUP_TIMEOUT, |left| LOOKUP_TIMEOUT.min(*left));
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = format!("{host}:{port}");
        let place = match names.iter().position(|known| known.name == asked) {
            Some(place) => place,
            // The configuration allows no more names than this: no name ever has to make room.
            None if names.len() >= FORWARD_URLS => return Err(ureq::Error::HostNotFound),
            None => {
                names.push(Name::of(&asked));
                names.len().saturating_sub(1)
            }
        };
        if let Some(name) = names.get_mut(place) {
            for address in name.addresses(wait) {
                found.push(*address);
            }
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

    fn local() -> Vec<SocketAddr> {
        vec![SocketAddr::from(([127, 0, 0, 1], 1))]
    }

    #[test]
    fn a_failed_lookup_leaves_what_is_known() {
        let mut name = Name::of("a:1");
        name.take(Ok(local()));
        name.take(Err(std::io::ErrorKind::NotFound.into()));
        name.take(Ok(Vec::new()));
        assert_eq!(name.addresses, local());
    }

    #[test]
    fn while_a_lookup_hangs_no_other_is_started_and_what_is_known_goes_on() {
        let mut name = Name::of("a:1");
        let (sender, receiver) = sync_channel(1);
        name.under_way = Some(receiver);
        for _ in 0..3 {
            assert_eq!(name.addresses(Duration::ZERO), []);
            assert!(name.under_way.is_some());
        }
        name.addresses = vec![SocketAddr::from(([127, 0, 0, 2], 1))];
        assert_eq!(name.addresses(Duration::ZERO).len(), 1);
        sender.send(Ok(local())).unwrap();
        assert_eq!(name.addresses(Duration::from_secs(5)), local());
        assert!(name.under_way.is_none());
    }

    #[test]
    fn localhost_is_found_and_kept() {
        let mut name = Name::of("localhost:80");
        assert!(!name.addresses(Duration::from_secs(5)).is_empty());
        let at = name.looked_up;
        assert!(!name.addresses(Duration::from_secs(5)).is_empty());
        assert_eq!(name.looked_up, at);
    }
}
