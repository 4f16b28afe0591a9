//! The sequencer: gives the changes that have become visible their dense positions.
//!
//! A sequence is not commit order, so a change's `seq` says nothing until its transaction has ended. One node holds the
//! lease (a lock of its session, gone with it), looks at what is newly visible, and numbers it by `seq`. Per record that
//! is the order of its versions: a version's `seq` is drawn after the version before it was committed.
//!
//! Invariant: a number that is neither seen nor remembered as a hole will never become visible. A `seq` is drawn when its
//! transaction has an id, so whatever is missing below the highest one that a round saw belongs to transactions older
//! than that round's own; when these have ended and the number did not show, it was a rollback.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mains_base::Value;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::failure::Failure;
use super::holes::Holes;
use super::news::Channels;
use super::session::Session;
use super::wire::Found;

/// Number of the lease, chosen once and for all.
const LEASE: &str = "SELECT pg_try_advisory_lock(7236539013)";
/// The oldest running transaction, then what is visible above `$1` and of the holes from `$2` up to `$3`. One statement,
/// one snapshot. Whatever is visible of a hole has to be seen at once, since the hole may be forgotten then.
const SCAN: &str = "SELECT 0::bigint, pg_snapshot_xmin(pg_current_snapshot())::text::bigint, false \
    UNION ALL SELECT c.seq, 0, true FROM unnest($2::bigint[], $3::bigint[]) AS hole (first, past) \
    JOIN mains_changes c ON c.seq >= hole.first AND c.seq < hole.past \
    UNION ALL (SELECT seq, 0, true FROM mains_changes WHERE seq > $1 ORDER BY seq LIMIT 5000)";
/// The same for who has just got the lease, and knows only up to where everything has its position.
const FIRST: &str = "SELECT 0::bigint, pg_snapshot_xmin(pg_current_snapshot())::text::bigint, false \
    UNION ALL SELECT c.seq, 0, p.seq IS NULL FROM mains_changes c LEFT JOIN mains_changes_positions p ON p.seq = c.seq \
    WHERE c.seq > $1";
const NUMBER: &str = "WITH state AS (UPDATE mains_log SET position = position + $2, low = $3 RETURNING position), \
    placed AS (INSERT INTO mains_changes_positions (position, seq) SELECT state.position - $2 + fresh.place, fresh.seq \
    FROM state, unnest($1::bigint[]) WITH ORDINALITY AS fresh (seq, place)) \
    SELECT position, pg_current_xact_id()::text::bigint FROM state";
const READY: &str = "SELECT to_regclass('mains_log') IS NOT NULL";
const LOW: &str = "SELECT low FROM mains_log";
const POSITION: &str = "SELECT position FROM mains_log";

/// Between two rounds while there is something to do, so that a round takes many changes.
const ROUND: Duration = Duration::from_millis(4);
/// Between two looks for changes of other nodes: soon after some while nobody tells of them, and in any case.
const SOON: Duration = Duration::from_millis(20);
const LATER: Duration = Duration::from_millis(250);
const QUIET: Duration = Duration::from_secs(5);

/// The sequencer's thread; on nodes without the lease it only looks how far the log is.
pub(super) struct Sequencer {
    pub(super) session: Session,
    pub(super) commits: watch::Receiver<u64>,
    /// Commits of other nodes, as far as news of them come in.
    pub(super) written: watch::Receiver<u64>,
    pub(super) channels: Arc<Channels>,
    pub(super) advanced: Arc<watch::Sender<u64>>,
    pub(super) closed: Arc<AtomicBool>,
    /// For waiting with a limit.
    pub(super) runtime: Runtime,
}

/// What the holder of the lease remembers.
struct Lease {
    /// The highest `seq` seen.
    high: i64,
    /// Numbers below it that were not visible.
    holes: Holes,
    /// Whether a round was made.
    begun: bool,
}

/// What a round saw.
struct Look {
    oldest: i64,
    /// Every number that is visible, in order.
    visible: Vec<i64>,
    /// Those without a position.
    fresh: Vec<i64>,
}

impl Sequencer {
    /// Works until the engine closes.
    pub(super) fn work(mut self) {
        let mut lease = None;
        let mut news = Instant::now();
        while !self.closed.load(Ordering::Relaxed) {
            let wait = match self.round(&mut lease) {
                Ok(true) => {
                    news = Instant::now();
                    std::thread::sleep(ROUND);
                    continue;
                }
                Ok(false) if news.elapsed() < QUIET && !self.channels.hears.load(Ordering::Relaxed) => SOON,
                Ok(false) => LATER,
                Err(failure) => {
                    lease = None;
                    tracing::warn!(?failure, "the log could not be numbered");
                    LATER
                }
            };
            let leads = lease.is_some();
            self.channels.leads.send_if_modified(|known| std::mem::replace(known, leads) != leads);
            if self.is_news_within(wait) {
                news = Instant::now();
            }
        }
    }

    /// Waits for a commit of this process or for word of another's, no longer than this.
    fn is_news_within(&mut self, wait: Duration) -> bool {
        let Self { commits, written, runtime, .. } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = commits.changed() => true,
                _ = written.changed() => true,
                () = tokio::time::sleep(wait) => false,
            }
        })
    }

    /// One round; true if there were changes.
    fn round(&mut self, held: &mut Option<Lease>) -> Result<bool, Failure> {
        if held.is_none() {
            // There is no log before the tables of a new database are made.
            if self.int(READY)? == 0 {
                return Ok(false);
            }
            if self.int(LEASE)? == 1 {
                *held = Some(Lease { high: self.int(LOW)?, holes: Holes::default(), begun: false });
            }
        }
        let Some(lease) = held else {
            let position = self.int(POSITION)?;
            return Ok(self.tell(position));
        };
        let look = self.look(lease)?;
        lease.forget(&look);
        if look.fresh.is_empty() && lease.begun {
            return Ok(false);
        }
        let parameters = [
            Value::List(look.fresh.iter().map(|seq| Value::Int(*seq)).collect()),
            Value::Int(look.fresh.len() as i64),
            Value::Int(lease.low()),
        ];
        let found = self.session.ask(NUMBER, &parameters)?;
        let (position, own) = (cell(&found, 0, 0)?, cell(&found, 0, 1)?);
        lease.note(&look, own);
        self.tell(position);
        self.channels.numbered.send_replace(position);
        Ok(!look.fresh.is_empty())
    }

    fn look(&mut self, lease: &Lease) -> Result<Look, Failure> {
        let high = Value::Int(lease.high);
        let found = if lease.begun {
            let (first, past) = lease.holes.bounds();
            self.session.ask(SCAN, &[high, first, past])?
        } else {
            self.session.ask(FIRST, &[high])?
        };
        let mut look = Look { oldest: 0, visible: Vec::new(), fresh: Vec::new() };
        for row in 0..found.len() {
            let (seq, oldest) = (cell(&found, row, 0)?, cell(&found, row, 1)?);
            let fresh = cell(&found, row, 2)? != 0;
            if seq == 0 {
                look.oldest = oldest;
                continue;
            }
            look.visible.push(seq);
            if fresh {
                look.fresh.push(seq);
            }
        }
        look.visible.sort_unstable();
        look.fresh.sort_unstable();
        Ok(look)
    }

    fn int(&mut self, sql: &str) -> Result<i64, Failure> {
        cell(&self.session.ask(sql, &[])?, 0, 0)
    }

    fn tell(&self, position: i64) -> bool {
        let position = u64::try_from(position).unwrap_or_default();
        self.advanced.send_if_modified(|known| {
            let news = *known != position;
            *known = position;
            news
        })
    }
}

/// A number that has to be there.
fn cell(found: &Found, row: usize, column: usize) -> Result<i64, Failure> {
    let number = found.cell(row, column).and_then(|cell| cell.int()).map_err(Failure::Refused)?;
    Ok(number.unwrap_or_default())
}

impl Lease {
    /// Drops the holes that are filled, and those whose transactions had all ended when `look` was taken.
    fn forget(&mut self, look: &Look) {
        look.visible.iter().for_each(|seq| self.holes.fill(*seq));
        self.holes.forget(look.oldest);
    }

    /// Remembers what is missing below the highest number seen, all of it; `own` is the transaction of this round.
    fn note(&mut self, look: &Look, own: i64) {
        self.begun = true;
        for &seq in &look.visible {
            if seq > self.high {
                self.holes.note(self.high + 1, seq, own);
                self.high = seq;
            }
        }
    }

    /// Up to here everything has its position or never will.
    fn low(&self) -> i64 {
        self.holes.first().map_or(self.high, |first| first - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(oldest: i64, visible: &[i64]) -> Look {
        Look { oldest, visible: visible.to_vec(), fresh: visible.to_vec() }
    }

    fn round(lease: &mut Lease, look: &Look, own: i64) {
        lease.forget(look);
        lease.note(look, own);
    }

    #[test]
    fn a_hole_is_kept_until_its_transaction_has_ended() {
        let mut lease = Lease { high: 0, holes: Holes::default(), begun: true };
        round(&mut lease, &look(100, &[1, 2, 5]), 110);
        assert_eq!(lease.holes.ranges(), [(3, 5)]);
        assert_eq!((lease.low(), lease.high), (2, 5));
        // 4 shows up late; a transaction older than the first round still runs.
        round(&mut lease, &look(105, &[4, 6]), 120);
        assert_eq!(lease.holes.ranges(), [(3, 4)]);
        // All of them have ended: 3 was a rollback.
        round(&mut lease, &look(110, &[7]), 130);
        assert_eq!((lease.holes.first(), lease.low()), (None, 7));
    }

    #[test]
    fn a_large_transaction_is_remembered_from_its_lowest_number_on() {
        let mut lease = Lease { high: 0, holes: Holes::default(), begun: true };
        round(&mut lease, &look(100, &[15_001]), 110);
        assert_eq!((lease.low(), lease.high, lease.holes.ranges()), (0, 15_001, vec![(1, 15_001)]));
    }

    #[test]
    fn a_hole_behind_a_large_one_is_remembered_too() {
        let mut lease = Lease { high: 0, holes: Holes::default(), begun: true };
        round(&mut lease, &look(100, &[10_001, 10_003]), 110);
        // The large transaction commits; who drew 10002 is still open.
        round(&mut lease, &look(100, &(1..=10_000).collect::<Vec<_>>()), 120);
        assert_eq!((lease.low(), lease.high, lease.holes.ranges()), (10_001, 10_003, vec![(10_002, 10_003)]));
    }
}
