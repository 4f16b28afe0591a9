//! The ready-made apps: what a site gets without writing it. Each is one folder of one shape.
//!
//! An app owns its collections and private tables; its SQL is in its `store.rs`, and no other app reads them past it.

pub mod accounts;
