//! The server through HTTP: to the router without a port, and over real connections where only they can show it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on ends"
)]

mod attacks;
mod chassis;
mod commands;
mod connections;
mod drain;
mod files;
mod forms;
mod idempotency;
mod keys;
mod lab;
mod live;
mod log;
mod mails;
mod pages;
mod records;
mod refusals;
mod sessions;
mod site;
mod talk;
