//! Expressions in SQL: what they say is what memory says, on both databases.

mod base;
mod drawn;
mod grammar;
mod property;
mod random;
mod rules;
mod traps;
mod vectors;
mod world;
