//! Bytes of answers that their clients have not taken yet.
//!
//! An answer is kept whole until its client makes room for it, and over HTTP/2 one connection may ask for many before it
//! takes any. Invariant: what one network, or all together, leave lying stays below a bound; an answer beyond it is told
//! that, and dropped. Bytes that others share (a file that is kept in memory) cost nothing and are not counted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Version};
use mains_base::{Error, Kind, Result};

use crate::body::Body;
use crate::listener::Network;
use crate::settings::Limits;

/// Answers of HTTP/1.1 below this are not counted: a connection holds one of them.
const SMALL: usize = 8 * 1024;
/// The same of HTTP/2, where a connection holds one for each stream.
const TINY: usize = 512;

/// Counts them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    networks: HashMap<Network, usize>,
}

/// Bytes that are counted until the last of them is dropped.
struct Counted {
    bytes: Bytes,
    network: Network,
    unread: Unread,
}

impl Unread {
    /// Counts the body of an answer to this client, or refuses it.
    pub(crate) fn count(
        &self,
        body: &mut Body,
        (client, method, version): (IpAddr, &Method, Version),
        limits: &Limits,
    ) -> Result<()> {
        let least = if version == Version::HTTP_2 { TINY } else { SMALL };
        let Some(bytes) = body.own().filter(|bytes| bytes.len() >= least).cloned() else { return Ok(()) };
        let network = Network::of(client);
        if !self.lock().add(network, bytes.len(), limits) {
            return Err(refused(method.is_safe()));
        }
        body.replace(Bytes::from_owner(Counted { bytes, network, unread: self.clone() }));
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn add(&mut self, network: Network, more: usize, limits: &Limits) -> bool {
        let of_network = self.networks.get(&network).copied().unwrap_or(0) + more;
        // One answer is always taken: it may be larger than the bound.
        let fits =
            of_network <= limits.unread_of_network.max(more) && self.all + more <= limits.unread.max(more);
        if fits {
            self.all += more;
            self.networks.insert(network, of_network);
        }
        fits
    }

    fn remove(&mut self, network: Network, less: usize) {
        self.all = self.all.saturating_sub(less);
        if let Some(count) = self.networks.get_mut(&network) {
            *count = count.saturating_sub(less);
            if *count == 0 {
                self.networks.remove(&network);
            }
        }
    }
}

fn refused(is_safe: bool) -> Error {
    let sentence = if is_safe {
        "Take the answers that you asked for before, then ask again."
    } else {
        "It was done. Its answer was dropped, since you have not taken those before it; read what you need."
    };
    Error::new(Kind::TooMany, "server.unread", sentence).retry_after(Duration::from_secs(1))
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.unread.lock().remove(self.network, self.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_makes_room() {
        let limits = Limits { unread: 100_000, unread_of_network: 50_000, ..Limits::default() };
        let unread = Unread::default();
        let answer = |network: u8, bytes: usize| {
            let client = IpAddr::from([10, 0, network, 1]);
            let mut body = Body::from(Bytes::from(vec![0; bytes]));
            unread.count(&mut body, (client, &Method::GET, Version::HTTP_11), &limits).map(|()| body)
        };
        let first = answer(1, 30_000).unwrap();
        assert_eq!(answer(1, 30_000).unwrap_err().code(), "server.unread");
        assert!(answer(1, 1_000).is_ok(), "small ones are not counted");
        let _others = [answer(2, 40_000).unwrap(), answer(3, 20_000).unwrap()];
        assert!(answer(4, 20_000).is_err(), "all together have a bound");
        drop(first);
        let large = answer(1, 20_000).unwrap();
        drop(large);
        assert_eq!(unread.lock().networks.len(), 2);
    }

    #[test]
    fn shared_bytes_are_nobodys() {
        let unread = Unread::default();
        let kept = Bytes::from(vec![0; 100_000]);
        let mut body = Body::from(kept.clone());
        let client = IpAddr::from([10, 0, 0, 1]);
        unread.count(&mut body, (client, &Method::GET, Version::HTTP_11), &Limits::default()).unwrap();
        assert_eq!(unread.lock().all, 0);
        drop(kept);
    }
}
