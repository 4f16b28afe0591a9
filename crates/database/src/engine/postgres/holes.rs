//! Numbers of the log's sequence that were drawn and are not visible yet.
//!
//! Invariant: ranges do not touch each other's numbers, and none is empty. They are kept as ranges because one
//! transaction may draw tens of thousands in a row; there are about as many ranges as transactions.

use std::collections::BTreeMap;

use mains_base::Value;

/// Ranges of missing numbers, by their first.
#[derive(Debug, Default)]
pub(super) struct Holes(BTreeMap<i64, Hole>);

#[derive(Clone, Copy, Debug)]
struct Hole {
    /// The first number behind it.
    past: i64,
    /// The transaction of the round that missed it.
    transaction: i64,
}

impl Holes {
    /// Remembers what is missing from `first` up to, and without, `past`.
    pub(super) fn note(&mut self, first: i64, past: i64, transaction: i64) {
        if first < past {
            self.0.insert(first, Hole { past, transaction });
        }
    }

    /// A number has become visible.
    pub(super) fn fill(&mut self, seq: i64) {
        let Some((&first, &hole)) = self.0.range(..=seq).next_back().filter(|(_, hole)| seq < hole.past)
        else {
            return;
        };
        self.0.remove(&first);
        self.note(first, seq, hole.transaction);
        self.note(seq + 1, hole.past, hole.transaction);
    }

    /// Forgets what belongs to transactions that have all ended: nothing before `oldest` runs.
    pub(super) fn forget(&mut self, oldest: i64) {
        self.0.retain(|_, hole| hole.transaction > oldest);
    }

    /// The lowest number that is missing.
    pub(super) fn first(&self) -> Option<i64> {
        self.0.first_key_value().map(|(first, _)| *first)
    }

    /// Where the ranges begin, and the first numbers behind them.
    pub(super) fn bounds(&self) -> (Value, Value) {
        let begin = self.0.keys().map(|first| Value::Int(*first)).collect();
        let past = self.0.values().map(|hole| Value::Int(hole.past)).collect();
        (Value::List(begin), Value::List(past))
    }

    #[cfg(test)]
    pub(super) fn ranges(&self) -> Vec<(i64, i64)> {
        self.0.iter().map(|(first, hole)| (*first, hole.past)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_becomes_visible_leaves_what_is_around_it() {
        let mut holes = Holes::default();
        holes.note(3, 8, 100);
        holes.note(9, 9, 100);
        for (seq, left) in [
            (9, vec![(3, 8)]),
            (5, vec![(3, 5), (6, 8)]),
            (2, vec![(3, 5), (6, 8)]),
            (8, vec![(3, 5), (6, 8)]),
            (3, vec![(4, 5), (6, 8)]),
            (7, vec![(4, 5), (6, 7)]),
            (4, vec![(6, 7)]),
            (6, vec![]),
        ] {
            holes.fill(seq);
            assert_eq!(holes.ranges(), left, "{seq}");
        }
        assert_eq!(holes.first(), None);
    }

    #[test]
    fn a_part_of_a_hole_keeps_its_transaction() {
        let mut holes = Holes::default();
        holes.note(3, 8, 100);
        holes.fill(5);
        holes.note(9, 11, 120);
        holes.forget(99);
        assert_eq!(holes.ranges(), [(3, 5), (6, 8), (9, 11)]);
        holes.forget(100);
        assert_eq!((holes.ranges(), holes.first()), (vec![(9, 11)], Some(9)));
    }
}
