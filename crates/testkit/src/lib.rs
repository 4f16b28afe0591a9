//! What tests share: a whole backend inside a test, both databases, a client for running processes.

pub mod database;
pub mod postgres;
pub mod server;
pub mod vectors;
pub mod wire;

pub use database::{TestDb, on_both, on_both_empty, on_both_with};
