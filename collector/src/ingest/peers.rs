//! How many connections each address has: one client must not take the places of all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections by address; as many entries as connections at most.
#[derive(Debug)]
pub struct Peers {
    most: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection's place among those of its address; given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    peers: Arc<Peers>,
    address: IpAddr,
}

impl Peers {
    /// At most `most` connections of one address.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            taken: Mutex::default(),
        }
    }

    /// Takes a place; `None` where the address has all of its own.
    #[must_use]
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = counted(address);
        let mut taken = self.lock();
        let count = taken.get(&address).copied().unwrap_or(0);
        if count >= self.most {
            return None;
        }
        taken.insert(address, count.saturating_add(1));
        Some(Place {
            peers: Arc::clone(self),
            address,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.peers.lock();
        match taken.get_mut(&self.address) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            _ => {
                taken.remove(&self.address);
            }
        }
    }
}

/// What counts as one address: of IPv6 the network of 64 bits, which one host may have whole (RFC 6177).
pub(super) fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        four => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_places_and_gets_them_back() {
        let peers = Arc::new(Peers::new(2));
        let take = |address: &str| peers.take(address.parse().unwrap());
        let first = take("192.0.2.1").unwrap();
        let second = take("::ffff:192.0.2.1").unwrap();
        assert!(take("192.0.2.1").is_none());
        assert!(take("192.0.2.2").is_some());
        drop(first);
        let third = take("192.0.2.1");
        assert!(third.is_some() && take("192.0.2.1").is_none());
        drop((second, third));
        assert!(peers.lock().is_empty());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one() {
        let peers = Arc::new(Peers::new(1));
        let take = |address: &str| peers.take(address.parse().unwrap());
        let one = take("2001:db8::1");
        assert!(one.is_some() && take("2001:db8::2").is_none());
        assert!(take("2001:db8:0:1::1").is_some());
    }
}
