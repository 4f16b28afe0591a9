//! How often: so many times in so long, for each caller.
//!
//! Invariant: the memory is bounded; who is forgotten to make room begins anew. Two windows are counted, and the one
//! before weighs as much as is still inside the time looked at, so that nobody is served twice as often at their seam.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use mains_base::{Error, Kind, Result, Time};
use mains_language::schema::Rate;

/// Callers whose use is remembered.
const MOST: usize = 100_000;

/// Counts what callers do.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<HashMap<u64, Window>>);

#[derive(Clone, Copy, Debug)]
struct Window {
    begun: i64,
    length: i64,
    count: u32,
    before: u32,
}

/// How one caller stands after a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    rate: Rate,
    /// How often it may still be done now.
    left: u32,
    /// When the count begins anew.
    reset: Duration,
    /// Not now: how long to wait.
    wait: Option<Duration>,
}

impl Rates {
    /// Counts one try of who is named by `key`, unless there were too many.
    pub(crate) fn take(&self, key: u64, rate: Rate, now: Time) -> Standing {
        let length = i64::try_from(rate.window.as_micros()).unwrap_or(i64::MAX);
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MOST && !windows.contains_key(&key) {
            make_room(&mut windows, now.micros());
        }
        let fresh = Window { begun: now.micros(), length, count: 0, before: 0 };
        windows.entry(key).or_insert(fresh).take(rate, now.micros())
    }
}

/// Drops what is over; if that is not enough, half of what is left.
fn make_room(windows: &mut HashMap<u64, Window>, now: i64) {
    windows.retain(|_, window| now.saturating_sub(window.begun) < window.length.saturating_mul(2));
    if windows.len() >= MOST {
        let mut keep = false;
        windows.retain(|_, _| {
            keep = !keep;
            keep
        });
    }
}

impl Window {
    fn take(&mut self, rate: Rate, now: i64) -> Standing {
        let past = now.saturating_sub(self.begun).max(0);
        if past >= self.length {
            let next = past < self.length.saturating_mul(2);
            self.before = if next { self.count } else { 0 };
            self.count = 0;
            self.begun = if next { self.begun + self.length } else { now };
        }
        let length = self.length as f64;
        let inside = 1.0 - (now.saturating_sub(self.begun).max(0) as f64 / length);
        let most = f64::from(rate.count);
        let weight = |before: u32, inside: f64| f64::from(before) * inside;
        let used = weight(self.before, inside) + f64::from(self.count);
        let wait = (used + 1.0 > most).then(|| {
            if self.count < rate.count {
                // When enough of the window before has gone by.
                let least = 1.0 - (most - 1.0 - f64::from(self.count)) / f64::from(self.before.max(1));
                (least - (1.0 - inside)) * length
            } else {
                let least = 1.0 - (most - 1.0) / f64::from(self.count);
                (inside + least) * length
            }
        });
        if wait.is_none() {
            self.count += 1;
        }
        let left = (most - used - if wait.is_none() { 1.0 } else { 0.0 }).max(0.0);
        Standing { rate, left: whole(left), reset: micros(inside * length), wait: wait.map(micros) }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, at most a million"
)]
fn whole(number: f64) -> u32 {
    number.floor() as u32
}

fn micros(number: f64) -> Duration {
    Duration::from_secs_f64((number.max(0.0) / 1_000_000.0).min(1e9))
}

/// A wait as people say it, never shorter than it is.
fn spoken(wait: Duration) -> String {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let (count, unit) = match seconds {
        0..=90 => (seconds.max(1), "second"),
        91..=5_400 => (seconds.div_ceil(60), "minute"),
        _ => (seconds.div_ceil(3_600), "hour"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

impl Standing {
    /// 429 when it was too often.
    pub(crate) fn check(&self) -> Result<()> {
        let Some(wait) = self.wait else { return Ok(()) };
        let detail = format!("This was done too often. Try again in {}.", spoken(wait));
        Err(Error::new(Kind::TooMany, "limits.rate", detail).retry_after(wait))
    }

    /// What the answer says of it (IETF draft `httpapi-ratelimit-headers`).
    pub(crate) fn headers(&self, name: &str) -> Vec<(HeaderName, HeaderValue)> {
        let seconds = |time: Duration| time.as_secs() + u64::from(time.subsec_nanos() > 0);
        let limit = format!("\"{name}\";r={};t={}", self.left, seconds(self.wait.unwrap_or(self.reset)));
        let policy = format!("\"{name}\";q={};w={}", self.rate.count, seconds(self.rate.window));
        [("ratelimit", limit), ("ratelimit-policy", policy)]
            .into_iter()
            .filter_map(|(name, value)| Some((HeaderName::from_static(name), value.try_into().ok()?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn so_many_times_and_no_more() {
        let (rates, rate) = (Rates::default(), Rate::parse("3/60s").unwrap());
        let left = |standing: Standing| standing.check().is_ok().then_some(standing.left);
        assert_eq!(
            [0, 1, 2].map(|second| left(rates.take(1, rate, at(second)))),
            [Some(2), Some(1), Some(0)]
        );
        let refused = rates.take(1, rate, at(3)).check().unwrap_err();
        assert_eq!((refused.code(), refused.kind()), ("limits.rate", Kind::TooMany));
        let wait = refused.retry_wait().unwrap().as_secs();
        assert!((57..=120).contains(&wait), "{wait}");
        assert!(
            rates.take(1, rate, at(3 + i64::try_from(wait).unwrap() + 1)).check().is_ok(),
            "as it was told"
        );
        assert_eq!(left(rates.take(2, rate, at(3))), Some(2), "others are counted by themselves");
    }

    #[test]
    fn a_wait_is_said_in_words() {
        let said = [0, 1, 30, 90, 91, 900, 5_400, 5_401].map(|seconds| spoken(Duration::from_secs(seconds)));
        assert_eq!(
            said,
            [
                "1 second",
                "1 second",
                "30 seconds",
                "90 seconds",
                "2 minutes",
                "15 minutes",
                "90 minutes",
                "2 hours"
            ]
        );
        assert_eq!(spoken(Duration::from_millis(1_200)), "2 seconds");
    }

    #[test]
    fn the_seam_of_two_windows_serves_nobody_twice_as_often() {
        let (rates, rate) = (Rates::default(), Rate::parse("10/100s").unwrap());
        for _ in 0..10 {
            assert!(rates.take(1, rate, at(99)).check().is_ok());
        }
        let served = (199..=204).filter(|second| rates.take(1, rate, at(*second)).check().is_ok()).count();
        assert!(served <= 1, "{served}");
        assert!(rates.take(1, rate, at(1_000)).check().is_ok());
    }

    #[test]
    fn what_the_answer_says() {
        let standing = Rates::default().take(1, Rate::parse("10/1h").unwrap(), at(0));
        let said: Vec<String> = standing
            .headers("sign-up")
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        assert_eq!(said, ["ratelimit: \"sign-up\";r=9;t=3600", "ratelimit-policy: \"sign-up\";q=10;w=3600"]);
    }

    #[test]
    fn the_memory_is_bounded() {
        let (rates, rate) = (Rates::default(), Rate::parse("1/1s").unwrap());
        for key in 0..(MOST as u64 + 10) {
            rates.take(key, rate, at(0));
        }
        assert!(rates.0.lock().unwrap().len() <= MOST);
    }
}
