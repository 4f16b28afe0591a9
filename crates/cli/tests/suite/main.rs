//! The program as people run it: the built binary, in folders of its own, on free ports.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on ends; the guide is run with the PATH of the tests"
)]

mod accounts;
mod backups;
mod cells;
mod commands;
mod deletes;
mod dev;
mod docs;
mod imports;
mod jobs;
mod mailbox;
mod pages;
mod postgres;
mod program;
mod served;
mod settings;
