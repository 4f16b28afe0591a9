//! The tests of the engine room, on both databases.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]

mod backups;
mod engine;
mod jobs;
mod live;
mod log;
mod proofs;
mod reads;
mod schema;
mod sql;
mod writes;
