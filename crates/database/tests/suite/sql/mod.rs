//! Expressions in SQL: what they say is what memory says, on both databases.

mod base;
mod traps;
mod vectors;
mod world;
