//! How many streams each caller holds open.
//!
//! Invariant: a caller without streams has no entry.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mains_base::{Error, Kind, Result};

use super::who::counted_as;
use crate::callers::Asker;
use crate::listener::Network;
use crate::proxies::hold;
use crate::settings::Settings;

/// Whose streams are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holder {
    /// A visitor, by its network.
    Network(Network),
    /// A key, a session or an account.
    Caller(Vec<u8>),
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    each: HashMap<Holder, usize>,
}

/// Counts streams.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seats(Arc<Mutex<Taken>>);

/// One counted stream; gives its place back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    holder: Holder,
    seats: Seats,
}

impl Seats {
    /// A place for one more stream, where there is one. 429 for one caller, 503 for all.
    pub(super) fn take(&self, asker: &Asker, client: IpAddr, settings: &Settings) -> Result<Seat> {
        let limits = &settings.limits;
        // A proxy is not one network, but all of them.
        let is_proxy = hold(&settings.trusted_proxies, client);
        let (holder, most) = match counted_as(asker) {
            Some(caller) => (Holder::Caller(caller), limits.live_of_caller),
            None if is_proxy => (Holder::Network(Network::of(client)), usize::MAX),
            None => (Holder::Network(Network::of(client)), limits.live_of_network),
        };
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= limits.live {
            return Err(full());
        }
        let count = taken.each.entry(holder.clone()).or_default();
        if *count >= most {
            return Err(too_many(most));
        }
        *count += 1;
        taken.all += 1;
        Ok(Seat { holder, seats: self.clone() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        if let Some(count) = taken.each.get_mut(&self.holder) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.each.remove(&self.holder);
            }
        }
    }
}

fn too_many(most: usize) -> Error {
    let detail = format!("You hold {most} streams open already; close one, or put several topics into one.");
    Error::new(Kind::TooMany, "changes.too_many", detail).retry_after(Duration::from_secs(5))
}

fn full() -> Error {
    let detail = "Too many streams are open; try again in a few seconds.";
    Error::new(Kind::Unavailable, "changes.full", detail).retry_after(Duration::from_secs(5))
}
