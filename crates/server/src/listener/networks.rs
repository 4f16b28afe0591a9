//! How many connections each network holds open.
//!
//! Invariant: a network without connections has no entry, so the map is never larger than the connection limit.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::proxies::{Proxy, hold};

/// A network: IPv4 /24 or IPv6 /48, the smallest that one customer commonly gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network([u8; 6]);

/// Counts connections by network.
#[derive(Clone, Debug)]
pub(super) struct Networks {
    most: usize,
    uncounted: Vec<Proxy>,
    open: Arc<Mutex<HashMap<Network, usize>>>,
}

/// One counted connection; gives its place back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    counted: Option<(Network, Networks)>,
}

impl Networks {
    pub(super) fn new(most: usize, uncounted: Vec<Proxy>) -> Self {
        Self { most, uncounted, open: Arc::default() }
    }

    /// A seat for a connection from `peer`, or nothing when its network has enough.
    pub(super) fn enter(&self, peer: IpAddr) -> Option<Seat> {
        if hold(&self.uncounted, peer) {
            return Some(Seat { counted: None });
        }
        let network = Network::of(peer);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(network).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Seat { counted: Some((network, self.clone())) })
    }

    fn leave(&self, network: Network) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&network) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&network);
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some((network, networks)) = self.counted.take() {
            networks.leave(network);
        }
    }
}

impl Network {
    /// The network that one who asks is counted by: an IPv4 address alone, since many customers share a /24; IPv6 /48.
    pub fn of_one(peer: IpAddr) -> Self {
        match peer.to_canonical() {
            // No public address is in 0004::/16.
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                Self([0, 4, a, b, c, d])
            }
            IpAddr::V6(_) => Self::of(peer),
        }
    }

    /// Its bytes, by which it is told from others.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The network of an address.
    pub(crate) fn of(peer: IpAddr) -> Self {
        let mut network = [0; 6];
        match peer.to_canonical() {
            // Never equal to an IPv6 network: 0000:04xx::/24 holds no public addresses.
            IpAddr::V4(address) => {
                network[2] = 4;
                network[3..].copy_from_slice(&address.octets()[..3]);
            }
            IpAddr::V6(address) => network.copy_from_slice(&address.octets()[..6]),
        }
        Self(network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_gets_its_share_and_gives_it_back() {
        let networks = Networks::new(2, vec!["192.0.2.9".parse().unwrap()]);
        let first = networks.enter(peer("192.0.2.1")).unwrap();
        let _second = networks.enter(peer("::ffff:192.0.2.2")).unwrap();
        assert!(networks.enter(peer("192.0.2.3")).is_none());
        assert!(networks.enter(peer("192.0.3.3")).is_some());
        assert!(networks.enter(peer("192.0.2.9")).is_some(), "a trusted proxy is not counted");
        drop(first);
        assert!(networks.enter(peer("192.0.2.3")).is_some());
    }

    #[test]
    fn an_empty_network_leaves_no_entry() {
        let networks = Networks::new(2, Vec::new());
        drop(networks.enter(peer("2001:db8:1::1")));
        assert!(networks.open.lock().unwrap().is_empty());
    }
}
