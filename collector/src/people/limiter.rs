//! How often a login may fail: by account and by address, in memory, with bounds. The time is given.

use crate::limit::{
    LOGIN_ENTRIES, LOGIN_FAILURES, LOGIN_FAILURES_ADDRESS, LOGIN_WINDOW_MS, NAME_CHARACTERS,
};
use core::net::IpAddr;
use hansho::clock::WallTime;
use std::collections::BTreeMap;

/// Failed logins that are remembered.
#[derive(Debug, Default)]
pub struct Limiter {
    accounts: Counts<String>,
    addresses: Counts<IpAddr>,
    /// From where an account came in before: counted by itself, so that whoever fails on purpose elsewhere, under a name that is
    /// known, locks nobody out who sits where they always sit.
    places: Counts<(String, IpAddr)>,
}

/// By name or address. A `BTreeMap`, so that no chosen name can make it slow.
#[derive(Debug)]
struct Counts<K> {
    entries: BTreeMap<K, Count>,
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Count {
    since: WallTime,
    failures: u32,
}

impl Count {
    /// When it is forgotten. Where the clock was set back behind its beginning, at once: nobody waits for a clock.
    fn until(&self, now: WallTime) -> Option<WallTime> {
        let end = self.since.as_millis().saturating_add(LOGIN_WINDOW_MS);
        (self.since <= now && now.as_millis() < end).then(|| WallTime::from_millis(end))
    }
}

impl<K: Ord + Clone> Counts<K> {
    /// Until when further attempts are refused.
    fn refused(&self, key: &K, allowed: u32, now: WallTime) -> Option<WallTime> {
        let count = self.entries.get(key)?;
        count.until(now).filter(|_| count.failures >= allowed)
    }

    /// Nothing is counted for it any more, and that is remembered.
    fn clear(&mut self, key: K, now: WallTime) {
        self.add(key.clone(), now);
        if let Some(count) = self.entries.get_mut(&key) {
            count.failures = 0;
        }
    }

    fn add(&mut self, key: K, now: WallTime) {
        if self.entries.len() >= LOGIN_ENTRIES && !self.entries.contains_key(&key) {
            self.entries.retain(|_, count| count.until(now).is_some());
            if self.entries.len() >= LOGIN_ENTRIES {
                let least = self
                    .entries
                    .iter()
                    .min_by_key(|(_, count)| (count.failures, count.since))
                    .map(|(key, _)| key.clone());
                if let Some(least) = least {
                    self.entries.remove(&least);
                }
            }
        }
        let fresh = Count {
            since: now,
            failures: 0,
        };
        let count = self.entries.entry(key).or_insert(fresh);
        if count.until(now).is_none() {
            *count = fresh;
        }
        count.failures = count.failures.saturating_add(1);
    }

    fn take_back(&mut self, key: &K) {
        if let Some(count) = self.entries.get_mut(key) {
            count.failures = count.failures.saturating_sub(1);
        }
    }
}

/// Names are counted by their beginning: one that is longer than any account's cannot be right.
fn name_key(name: &str) -> String {
    name.chars().take(NAME_CHARACTERS).collect()
}

/// Of IPv6 a network of 64 bits counts as one: whoever has one address there has all of them.
fn address_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
    }
}

impl Limiter {
    /// Before an attempt: counts it as failed, so that attempts at one time count each, or refuses it.
    ///
    /// # Errors
    /// From when on it may be tried again.
    pub fn admit(&mut self, name: &str, address: IpAddr, now: WallTime) -> Result<(), WallTime> {
        let (name, address) = (name_key(name), address_key(address));
        let place = (name, address);
        let known = self.places.entries.contains_key(&place);
        let of_account = if known {
            self.places.refused(&place, LOGIN_FAILURES, now)
        } else {
            self.accounts.refused(&place.0, LOGIN_FAILURES, now)
        };
        let of_address = self
            .addresses
            .refused(&address, LOGIN_FAILURES_ADDRESS, now);
        let refused = of_account.max(of_address);
        if let Some(until) = refused {
            return Err(until);
        }
        if known {
            self.places.add(place, now);
        } else {
            self.accounts.add(place.0, now);
        }
        self.addresses.add(address, now);
        Ok(())
    }

    /// The attempt was right: what was counted for the account is forgotten, and one for the address.
    pub fn right(&mut self, name: &str, address: IpAddr, now: WallTime) {
        let (name, address) = (name_key(name), address_key(address));
        self.accounts.entries.remove(&name);
        self.addresses.take_back(&address);
        self.places.clear((name, address), now);
    }

    /// Names and addresses remembered.
    #[must_use]
    pub fn remembered(&self) -> (usize, usize) {
        (self.accounts.entries.len(), self.addresses.entries.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> WallTime {
        WallTime::from_millis(ms.saturating_add(1_000_000_000))
    }

    fn address(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    #[test]
    fn an_account_is_refused_after_ten_failures_until_the_window_is_over() {
        let mut limiter = Limiter::default();
        for n in 0..10 {
            // From as many addresses.
            assert_eq!(limiter.admit("sato", address(n), at(u64::from(n))), Ok(()));
        }
        let until = at(LOGIN_WINDOW_MS);
        assert_eq!(limiter.admit("sato", address(99), at(10)), Err(until));
        assert_eq!(limiter.admit("suzuki", address(99), at(10)), Ok(()));
        assert_eq!(
            limiter.admit("sato", address(99), at(LOGIN_WINDOW_MS - 1)),
            Err(until)
        );
        assert_eq!(
            limiter.admit("sato", address(99), at(LOGIN_WINDOW_MS)),
            Ok(())
        );
    }

    #[test]
    fn an_address_is_refused_after_fifty_failures_whatever_the_names() {
        let mut limiter = Limiter::default();
        for n in 0..50 {
            assert_eq!(limiter.admit(&n.to_string(), address(1), at(n)), Ok(()));
        }
        assert!(limiter.admit("sato", address(1), at(50)).is_err());
        assert_eq!(limiter.admit("sato", address(2), at(50)), Ok(()));
        // Of IPv6 the network counts, and an IPv4 address in IPv6 is the IPv4 address.
        let mapped = "::ffff:0.0.0.1".parse().unwrap();
        assert!(limiter.admit("sato", mapped, at(50)).is_err());
        for n in 0..50 {
            let one = format!("2001:db8::{n:x}").parse().unwrap();
            assert_eq!(limiter.admit(&format!("v6-{n}"), one, at(n)), Ok(()));
        }
        let same = "2001:db8::ffff:1".parse().unwrap();
        assert!(limiter.admit("x", same, at(50)).is_err());
        let other = "2001:db8:0:1::1".parse().unwrap();
        assert_eq!(limiter.admit("x", other, at(50)), Ok(()));
    }

    #[test]
    fn what_was_right_is_forgotten() {
        let mut limiter = Limiter::default();
        for n in 0..1000 {
            assert_eq!(limiter.admit("sato", address(1), at(n)), Ok(()));
            limiter.right("sato", address(1), at(n));
        }
    }

    #[test]
    fn whoever_fails_elsewhere_locks_nobody_out_where_they_came_in_before() {
        let mut limiter = Limiter::default();
        assert_eq!(limiter.admit("sato", address(1), at(0)), Ok(()));
        limiter.right("sato", address(1), at(0));
        for n in 0..10 {
            assert_eq!(limiter.admit("sato", address(2), at(n)), Ok(()));
        }
        assert!(limiter.admit("sato", address(2), at(10)).is_err());
        assert!(limiter.admit("sato", address(3), at(10)).is_err());
        // There it may fail as often as anywhere, and no oftener.
        for n in 10..20 {
            assert_eq!(limiter.admit("sato", address(1), at(n)), Ok(()));
        }
        assert!(limiter.admit("sato", address(1), at(20)).is_err());
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let mut limiter = Limiter::default();
        for _ in 0..10 {
            assert_eq!(limiter.admit("sato", address(1), at(5000)), Ok(()));
        }
        assert!(limiter.admit("sato", address(1), at(5001)).is_err());
        assert_eq!(limiter.admit("sato", address(1), at(0)), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_the_ones_that_fail_most_are_remembered() {
        let mut limiter = Limiter::default();
        for _ in 0..10 {
            assert_eq!(limiter.admit("sato", address(0), at(0)), Ok(()));
        }
        let long = "x".repeat(1 << 12);
        for n in 1..6000 {
            let name = format!("{n}{long}");
            assert_eq!(limiter.admit(&name, address(n), at(1)), Ok(()));
        }
        assert_eq!(limiter.remembered(), (LOGIN_ENTRIES, LOGIN_ENTRIES));
        assert!(limiter.admit("sato", address(9999), at(2)).is_err());
        let longest = limiter.accounts.entries.keys().map(String::len).max();
        assert!(longest <= Some(4 * NAME_CHARACTERS));
    }
}
