//! The tests of the engine room, on both databases.

mod engine;
mod schema;
mod sql;
