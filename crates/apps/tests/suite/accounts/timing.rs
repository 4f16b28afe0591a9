//! Nobody learns from the time of an answer whether an address has an account.
//!
//! Both kinds are asked in turn within one run, so what the machine does besides meets both alike; compared are the
//! two distributions, by the Mann–Whitney statistic: the chance that an answer for a known address took longer than one
//! for an unknown address is a half when time tells nothing.

use std::time::Instant;

use mains_database::dialect::Dialect;
use mains_testkit::database::on;
use serde_json::{Value, json};

use super::world::{World, settings};

/// Answers of each kind.
const ROUNDS: usize = 40;
/// How far from a half the chance may be: for 40 and 40, more than three standard deviations (0.065 each).
const FAR: f64 = 0.2;

/// The chance that one of `left` is greater than one of `right`.
fn chance(left: &[u128], right: &[u128]) -> f64 {
    let mut score = 0.0;
    for one in left {
        for other in right {
            score += match one.cmp(other) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    score / (left.len() * right.len()) as f64
}

async fn compare(world: &World, path: &str, body: impl Fn(&str, usize) -> Value) -> f64 {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Which kind goes first changes, so that neither always meets a warm cache.
        let kinds = if round % 2 == 0 { [true, false] } else { [false, true] };
        for is_known in kinds {
            let email = if is_known {
                format!("known{round}@corner.example")
            } else {
                format!("other{round}@corner.example")
            };
            let mut browser = world.browser();
            // Each from a network of its own, so that no limit is met.
            browser.network = Some(format!("10.{}.{}.7", round, usize::from(is_known)));
            let body = body(&email, round);
            let begun = Instant::now();
            browser.post(path, body).await;
            let took = begun.elapsed().as_nanos();
            if is_known { known.push(took) } else { unknown.push(took) }
        }
    }
    chance(&known, &unknown)
}

#[test]
fn known_and_unknown_addresses_take_the_same_time() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || {
            let world = World::begin(dialect, settings()).await;
            for round in 0..ROUNDS {
                world.verified(&format!("known{round}@corner.example")).await;
            }
            let sign_in = compare(
                &world,
                "/api/accounts/sign-in",
                |email, _| json!({"email": email, "password": "not my words"}),
            )
            .await;
            assert!((sign_in - 0.5).abs() < FAR, "sign-in: {sign_in}");
            let forgot = compare(&world, "/api/accounts/forgot", |email, _| json!({"email": email})).await;
            assert!((forgot - 0.5).abs() < FAR, "forgot: {forgot}");
            let sign_up = compare(
                &world,
                "/api/accounts/sign-up",
                |email, _| json!({"email": email, "password": "not my words"}),
            )
            .await;
            assert!((sign_up - 0.5).abs() < FAR, "sign-up: {sign_up}");
        });
    }
}

#[test]
fn the_statistic_sees_what_is_there() {
    let slow: Vec<u128> = (0..60).map(|number| 100 + number).collect();
    let fast: Vec<u128> = (0..60).map(|number| 60 + number).collect();
    assert!((chance(&slow, &fast) - 0.5).abs() > FAR, "two thirds of the spread apart is seen");
    assert!((chance(&slow, &slow) - 0.5).abs() < 0.001);
}
