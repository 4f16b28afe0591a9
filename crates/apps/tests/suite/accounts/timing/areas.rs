//! How far apart two sorts of answers are in time: the area under the curve that tells them apart, which is the chance
//! that an answer of the one sort takes longer than one of the other (Mann and Whitney). A half: time tells nothing.
//!
//! Always true: what is compared was measured in one block of a run, in an order drawn by lot. So whatever else the
//! machine does meets every sort alike, however much it is: under load all times grow and the area stays. That a sort is
//! measured twice, as its own twin, shows what is left of chance in this very run.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Rounds of one block. In one round each sort is measured once.
const BLOCK: usize = 6;
/// How far from a half an area may be, beyond what the twin shows. One of 240 rounds has a standard deviation of 0.027.
pub(super) const FAR: f64 = 0.12;

/// What a run measured: for each sort its times, in the order of rounds.
#[derive(Default)]
pub(super) struct Times(BTreeMap<&'static str, Vec<u128>>);

/// A pair of sorts that time tells apart.
#[derive(Debug)]
pub(super) struct Leak {
    pub(super) sort: &'static str,
    pub(super) area: f64,
    pub(super) twins: f64,
}

impl Times {
    pub(super) fn add(&mut self, sort: &'static str, took: u128) {
        self.0.entry(sort).or_default().push(took);
    }

    /// The sorts that are told apart from `sort`, measured a second time as `twin`.
    pub(super) fn leaks(&self, [sort, twin]: [&'static str; 2]) -> Vec<Leak> {
        let twins = self.area(sort, twin);
        let others = self.0.keys().filter(|other| ![sort, twin].contains(other));
        let areas = others.map(|other| Leak { sort: other, area: self.area(sort, other), twins });
        areas.filter(|leak| (leak.area - 0.5).abs() > FAR + (twins - 0.5).abs()).collect()
    }

    /// The mean of the areas of all blocks.
    fn area(&self, left: &str, right: &str) -> f64 {
        let blocks = self.0[left].chunks(BLOCK).zip(self.0[right].chunks(BLOCK));
        let areas: Vec<f64> = blocks.map(|(left, right)| area(left, right)).collect();
        areas.iter().sum::<f64>() / areas.len() as f64
    }
}

/// The chance that one of `right` is greater than one of `left`.
fn area(left: &[u128], right: &[u128]) -> f64 {
    let mut score = 0.0;
    for one in left {
        for other in right {
            score += match other.cmp(one) {
                Ordering::Greater => 1.0,
                Ordering::Equal => 0.5,
                Ordering::Less => 0.0,
            };
        }
    }
    score / (left.len() * right.len()) as f64
}

/// Orders drawn by lot, the same in each run.
pub(super) struct Lots(u64);

impl Lots {
    pub(super) fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// Below `end`, by xorshift64*.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % end
    }

    pub(super) fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
    }
}

/// Times of three sorts beside a load that grows tenfold over the run, with peaks; `other` takes `more` besides.
fn simulated(more: u64) -> Times {
    let (mut lots, mut times) = (Lots::new(), Times::default());
    for round in 0..super::ROUNDS {
        let mut sorts = ["one", "twin", "other"];
        lots.shuffle(&mut sorts);
        for sort in sorts {
            let load = 300 + 12 * round;
            let peak = if lots.below(9) == 0 { 20_000 } else { 0 };
            let took = load + lots.below(load) + peak;
            times.add(sort, took as u128 + if sort == "other" { u128::from(more) } else { 0 });
        }
    }
    times
}

#[test]
fn a_load_alone_tells_nothing() {
    assert!(simulated(0).leaks(["one", "twin"]).is_empty());
}

#[test]
fn a_quarter_of_the_spread_is_seen_under_load() {
    let leaks = simulated(600).leaks(["one", "twin"]);
    assert_eq!(leaks.iter().map(|leak| leak.sort).collect::<Vec<_>>(), ["other"]);
    assert!(leaks[0].area > 0.5 && (leaks[0].twins - 0.5).abs() < 0.1, "{leaks:?}");
}

#[test]
fn an_area_is_the_chance_that_the_right_is_greater() {
    assert!((area(&[1, 2, 3], &[4, 5]) - 1.0).abs() < 1e-9);
    assert!((area(&[4, 5], &[1, 2, 3])).abs() < 1e-9);
    assert!((area(&[1, 2], &[1, 2]) - 0.5).abs() < 1e-9);
}
