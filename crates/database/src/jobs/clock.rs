//! Minding the clock of the machine, which somebody may set.

use std::time::{Duration, Instant};

use mains_base::Time;

/// A clock that runs this much off a monotonic one between two looks was set.
const SET: i64 = 1_000_000;
/// Nothing is forgotten by age before the clock has run this long without being set.
const STEADY: Duration = Duration::from_hours(1);

/// Compares the time of day with a clock that nobody sets.
#[derive(Debug)]
pub(super) struct ClockWatch {
    seen: (Time, Instant),
    steady: Instant,
}

impl ClockWatch {
    pub(super) fn new(now: Time) -> Self {
        let instant = Instant::now();
        Self { seen: (now, instant), steady: instant }
    }

    /// Whether the clock was set back since the last look.
    pub(super) fn was_set_back(&mut self, now: Time) -> bool {
        let (then, at) = self.seen;
        let instant = Instant::now();
        let elapsed = i64::try_from((instant - at).as_micros()).unwrap_or(i64::MAX);
        let off = now.micros().saturating_sub(then.micros()).saturating_sub(elapsed);
        self.seen = (now, instant);
        if off.abs() > SET {
            self.steady = instant;
        }
        off < -SET
    }

    /// Whether the clock has been steady for an hour; true once an hour.
    pub(super) fn is_time_to_sweep(&mut self) -> bool {
        let sweeps = self.steady.elapsed() >= STEADY;
        if sweeps {
            self.steady = Instant::now();
        }
        sweeps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_is_noticed() {
        let start = Time::from_micros(1_000_000_000_000);
        let mut clock = ClockWatch::new(start);
        assert!(!clock.was_set_back(start));
        assert!(!clock.was_set_back(Time::from_micros(start.micros() + 3_600_000_000)));
        assert!(clock.was_set_back(start));
        assert!(!clock.is_time_to_sweep());
    }
}
