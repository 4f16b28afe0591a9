//! Tests of the language as its users see it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on ends"
)]

mod guards;
mod places;
mod total;
mod vectors;
