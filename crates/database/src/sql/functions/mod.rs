//! The functions that generated SQL calls: nine of PostgreSQL in the schema `mains`, three of SQLite made in Rust.

mod postgres;
mod sqlite;

pub use postgres::postgres;
pub use sqlite::register;
